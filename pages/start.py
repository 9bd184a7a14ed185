"""Start: what this is, the demo, and the projects on this machine."""

import streamlit as st

from pages.ui import guide, jobs, messages, recent, steps, theme
from pages.ui.session import current_work
from soilcore.core.errors import SoilcoreError
from soilcore.project import demo
from soilcore.project.folder import Project

_SHOWN = 12
RESET = "Throws away what was changed in this copy and brings the trained model and its map back."
work = current_work()


def open_demo():
    work.close()
    if (work.workspace / demo.TEMPLATE / "project.json").is_file():
        open_project(demo.new_demo(work.workspace).id)
        work.note = ("success", "The demo is open: samples, a scene, a trained model and its map.")
    else:
        from soilcore.project.settings import DemoProjectTask

        jobs.start("demo-project", DemoProjectTask(str(work.workspace)), "Making the demo")


def open_project(identifier):
    try:
        work.open(identifier)
    except SoilcoreError as error:
        work.note = ("error", error.message)


def new_project():
    title = st.session_state["start.title"].strip()
    if not title:
        work.note = ("warning", "Give the project a name first.")
        return
    open_project(Project.create(work.workspace, title).id)


def reset_demo():
    demo.reset_demo(work.project)
    work.note = ("success", "The demo is as it was at the beginning.")


def show_open_project():
    """Where one was: what the project holds, and the way on."""
    with st.container(border=True, key="start.open-project"):
        st.subheader(messages.plain(work.project.title), anchor=False)
        st.markdown(recent.words(work.project))
        with st.container(horizontal=True, vertical_alignment="center"):
            name, label = recent.way_on(work)
            steps.link(name, label, ":material/play_arrow:")
            if work.maps:
                steps.link("map", "See the map")
            if work.models:
                steps.link("report", "Report and share")
            if guide.is_demo(work):
                st.button("Reset the demo", icon=":material/restart_alt:", on_click=reset_demo, disabled=jobs.is_busy(), help=RESET)
        if guide.is_demo(work):
            st.markdown(":material/tour: **Guided tour.** Each page of the demo says in one line what to try; follow them from Samples to Report.")
            guide.tour(work)


theme.header(
    "From soil samples to a map",
    "Your own samples and a satellite image become a map of salinity or organic carbon, with scores that hold for places nobody sampled. "
    "Everything stays on this machine.",
)

if work.project:
    show_open_project()

left, right = st.columns(2, gap="large")
with left:
    st.subheader("Try it", anchor=False)
    st.markdown(
        "A synthetic coastal plain whose truth is known, with 240 samples, a Sentinel-2-like scene, a trained model and its map, and a hint on every "
        "page what to try. The first time, it is made on this machine, which takes a few minutes; afterwards it opens at once."
    )
    st.button("Open the demo", icon=":material/play_circle:", type="primary", on_click=open_demo, disabled=jobs.is_busy())
with right:
    st.subheader("Your own data", anchor=False)
    with st.form("start.new", border=False):
        st.text_input("Name of the new project", key="start.title", placeholder="e.g. North field, spring 2026", max_chars=80)
        st.form_submit_button("Start a project", icon=":material/add:", on_click=new_project)

known, damaged = recent.projects(work.workspace)
others = [(project, facts) for project, facts in known if work.project is None or project.id != work.project.id]
if others:
    st.subheader("Recent projects", anchor=False)
elif not known and not damaged:
    st.caption("No project lies on this machine yet. The demo is the quickest way to see what this does; nothing you try in it can break anything.")
for project, facts in others[:_SHOWN]:
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{messages.plain(facts['title'])}**  \n{recent.words(project)}", width="stretch")
        st.caption(f"{recent.last_used(project)} · `{project.id}`", width="content")
        st.button("Open", key=f"start.open.{project.id}", icon=":material/folder_open:", on_click=open_project, args=(project.id,))
if len(others) > _SHOWN:
    st.caption(f"{len(others) - _SHOWN} older ones lie in {messages.plain(work.workspace)}.")

if damaged:
    st.warning(
        f"Cannot be read, their project.json is damaged: {messages.plain(', '.join(damaged))}. Restore that file from a copy; the data beside it are whole.",
        icon=messages.ICONS["warning"],
    )

with st.expander("What the steps are"):
    st.markdown(
        "1. **Samples**: your table is checked row by row: units, extract, coordinates, duplicates.\n"
        "2. **Imagery**: bands are recognised, scale and offset shown with the evidence.\n"
        "3. **Indices**: which bands and salinity indices go with what you measured, and what chance alone would find.\n"
        "4. **Model**: learners compared under the same folds, spatial ones first.\n"
        "5. **Map**: prediction and classes with units; click a place for its value; files for QGIS.\n"
        "6. **Explain**: what the model leans on, over all samples, at one place and as maps.\n"
        "7. **Change**: years and scenarios, shown only where they differ by more than the model's error.\n"
        "8. **Fields**: what the map says about each field, crops that stand it, and where to sample next.\n"
        "9. **Report**: everything told once, with its limits; an archive that makes every raster again; a link for others to look at the map.\n"
        "10. **Spectra**, beside the others: a library of infrared spectra becomes a model, and new spectra become samples."
    )
