"""The chain as the pages show it: which step comes when, what it needs, and what is done."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.ui import jobs
from pages.ui.session import current_work

_PAGES = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Step:
    """One page of the chain.

    Parameters
    ----------
    name : str
        File and address of the page.
    title, icon : str
    needs : tuple of str
        Steps that must be done before.
    missing : str
        What to do when this step is not done but needed.
    """

    name: str
    title: str
    icon: str
    needs: tuple[str, ...] = ()
    missing: str = ""


STEPS = (
    Step("start", "Start", ":material/home:", missing="Open the demo or a project first."),
    Step("samples", "Samples", ":material/table_view:", ("start",), "Choose a table of samples first."),
    Step("imagery", "Imagery", ":material/satellite_alt:", ("start",), "Choose an image first."),
    Step("indices", "Indices", ":material/query_stats:", ("samples",)),
    Step("model", "Model", ":material/model_training:", ("samples",), "Train a model first."),
    Step("map", "Map", ":material/map:", ("model",), "Make a map first."),
    Step("explain", "Explain", ":material/psychology:", ("model",)),
    Step("change", "Change", ":material/compare:", ("model",)),
    Step("fields", "Fields", ":material/grid_on:", ("map",)),
    Step("report", "Report", ":material/description:", ("model",)),
    Step("spectra", "Spectra", ":material/show_chart:", ("start",)),
)
BY_NAME = {step.name: step for step in STEPS}


def available():
    """Steps whose page is there."""
    return [step for step in STEPS if (_PAGES / f"{step.name}.py").is_file()]


def is_done(name, work):
    """Whether a step has its result in the open project."""
    if work.project is None:
        return False
    done = {
        "start": lambda: True,
        "spectra": lambda: bool(work.spectral_models),
        "samples": lambda: work.samples_file is not None,
        "imagery": lambda: bool(work.scene_files),
        "indices": lambda: jobs.latest("correlate") is not None or jobs.latest("search") is not None,
        "model": lambda: bool(work.models),
        "map": lambda: bool(work.maps),
        "explain": lambda: bool(work.project.items("explanations")),
        "fields": lambda: bool(work.project.items("fields")),
        "report": lambda: bool(work.project.items("reports")),
        "change": lambda: bool(work.project.items("changes") or work.project.items("scenarios")),
    }
    return done[name]()


def need(*names):
    """End the page with one sentence and a link when a step it builds on is not done.

    Parameters
    ----------
    *names : str
        Steps, in the order of the chain: ``need("start", "samples")``.
    """
    work = current_work()
    for name in names:
        if not is_done(name, work):
            step = BY_NAME[name]
            st.info(step.missing, icon=step.icon)
            link(name, f"Go to {step.title}", ":material/arrow_back:")
            st.stop()


def link(name, label, icon=None):
    """A link to a step's page; nothing while this version has no such page."""
    if BY_NAME[name] in available():
        st.page_link(f"{name}.py", label=label, icon=icon or BY_NAME[name].icon, query_params=link_address(current_work()))


def link_address(work):
    """What a link inside the app carries, so that reload and bookmark find the project on the next page, too."""
    return {"project": work.project.id} if work.project else None


def sidebar(pages):
    """The chain with its state, and the name of the open project.

    Parameters
    ----------
    pages : dict of str to StreamlitPage
        By step name.
    """
    work = current_work()
    with st.sidebar:
        st.caption("Project" if work.project else "No project open")
        if work.project:
            from pages.ui.messages import plain

            st.markdown(f"**{plain(work.project.title)}**")
        for step in available():
            done = is_done(step.name, work)
            ready = all(is_done(needed, work) for needed in step.needs)
            mark = "" if step.name == "start" else " :green[:material/check:]" if done else ""
            why = None if ready else _why(step, work)
            st.page_link(pages[step.name], label=f"{step.title}{mark}", icon=step.icon, disabled=not ready, help=why, query_params=link_address(work))


def _why(step, work):
    return next(BY_NAME[needed].missing for needed in step.needs if not is_done(needed, work))
