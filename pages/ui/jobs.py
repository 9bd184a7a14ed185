"""Long work in the pages: start it, watch it, stop it, and say how it ended. The job itself is `soilcore.project.jobs`."""

import streamlit as st

from pages.ui import messages
from pages.ui.session import current_work
from pages.ui.words import in_page
from soilcore.core.errors import SoilcoreError
from soilcore.project import jobs

_SECONDS_BETWEEN_LOOKS = 0.5
PAGE_OF_KIND = {
    **dict.fromkeys(("indices", "correlate", "search"), "indices"),
    **dict.fromkeys(("compare", "train", "external", "network-attribute", "dual-step", "learning-curve"), "model"),
    **dict.fromkeys(("spectra-compare", "spectra-train", "spectra-predict", "spectra-attribute", "demo"), "spectra"),
    "hot-spots": "samples",
    **dict.fromkeys(("map", "demo-project"), "map"),
    **dict.fromkeys(("map-years", "change", "scenario"), "change"),
    **dict.fromkeys(("fields", "advise"), "fields"),
    "explain": "explain",
    **dict.fromkeys(("report", "bundle"), "report"),
    **dict.fromkeys(("fetch", "keep-scene", "composite", "terrain", "distance", "phenology"), "imagery"),
}
_SECTIONS = {
    "keep-scene": "image",
    "fetch": "dates",
    "composite": "dates",
    "terrain": "predictors",
    "distance": "predictors",
    "phenology": "predictors",
}


_CHANGE_PARTS = {"map-years": "difference", "change": "difference", "scenario": "scenario"}
_SPECTRA_PARTS = {
    "demo": "library",
    "spectra-compare": "models",
    "spectra-train": "kept",
    "spectra-predict": "predict",
    "spectra-attribute": "explain",
}


def start(kind, settings, label):
    """Start a job in the open project; meant for a button's `on_click`.

    Parameters
    ----------
    kind : str
        Task.
    settings : dataclass
        The task's settings, paths relative to the project.
    label : str
        What people read while it runs, e.g. "Training the stacking model".

    Returns
    -------
    bool
        False when it could not be started; the reason stands on the page then.
    """
    work = current_work()
    try:
        work.job = jobs.start_job(work.jobs_folder, kind, settings, label)
    except SoilcoreError as error:
        work.note = ("warning", error.message)
        return False
    return True


def button(label, icon, job, key, ready=True, **more):
    """A button that starts a job; it waits while another one runs and until all is ready.

    Parameters
    ----------
    label, icon : str
    job : tuple
        What `start` takes.
    key : str
    ready : bool
        Whether what the job needs is there.
    **more
        For `st.button`.
    """
    more = {"type": "primary", **more}
    st.button(label, icon=icon, on_click=start, args=job, disabled=is_busy() or not ready, key=key, **more)


def latest(kind, **settings):
    """The newest finished job of one kind in the open project that was asked so, or None."""
    return next((job for job in every(kind, **settings) if job.status().state == "finished"), None)


def every(kind, **settings):
    """Jobs of one kind in the open project that were asked so, however they stand, the newest first."""
    work = current_work()
    found = jobs.jobs_in(work.jobs_folder, kind) if work.project is not None else ()
    return [job for job in found if all(job.spec()["settings"].get(name) == value for name, value in settings.items())]


def finished(kind, **settings):
    """Finished jobs of one kind in the open project that were asked so, the newest first."""
    return [job for job in every(kind, **settings) if job.status().state == "finished"]


def newest(kinds):
    """The newest finished job of several kinds in the open project, or None."""
    found = [job for kind in kinds for job in finished(kind)[:1]]
    return max(found, key=lambda job: job.spec()["created"], default=None)


def is_busy():
    """Whether this session's job still runs: buttons that start another are then disabled."""
    work = current_work()
    return work.job is not None and not work.job.status().is_over


def panel(pages):
    """Show this session's job above the page: a bar while it runs, one sentence when it is over.

    Parameters
    ----------
    pages : dict of str to StreamlitPage
        Where the result can be seen.
    """
    work = current_work()
    if work.job is None:
        return
    if work.job.status().is_over:
        _ending(work, pages)
    else:
        _watch()


@st.fragment(run_every=_SECONDS_BETWEEN_LOOKS)
def _watch():
    work = current_work()
    if work.job is None:
        return
    status, label = work.job.status(), work.job.spec()["label"]
    if status.is_over:
        _arrive(work, status)
        st.rerun()
    with st.container(border=True):
        words, button = st.columns([5, 1], vertical_alignment="center")
        words.progress(status.share, text=f"**{messages.plain(label)}** · {messages.plain(status.message)} · {_duration(status.seconds)}")
        button.button("Stop", icon=":material/stop_circle:", on_click=_stop, disabled=status.state == "stopping", key="job.stop", width="stretch")
        if status.state == "stopping":
            rest = "whole days and pieces are kept" if _keeps_what_came(work.job.spec()) else "nothing half-written will be left behind"
            st.caption(f"Stopping: {rest}.")


def _stop():
    jobs.stop_job(current_work().job)


def _arrive(work, status):
    """What a finished job changes in the session, once: its result becomes the one that is open."""
    spec = work.job.spec()
    if status.state != "finished" or work.arrived == work.job.id:
        return
    work.arrived = work.job.id
    if spec["kind"] == "demo-project":
        work.open(status.result["project"])
        work.job = None
        work.note = ("success", "The demo is ready: samples, a scene, a trained model and its map.")
    elif spec["kind"] in ("train", "external", "map") and work.project is not None:
        work.remember(**_opened_by(spec))
    elif spec["kind"] in _CHANGE_PARTS and work.project is not None:
        _open_change(work, spec, status.result)
    elif spec["kind"] == "explain" and work.project is not None:
        _open_explanation(work, spec)
    elif spec["kind"] in ("fields", "advise") and work.project is not None:
        _open_fields(work, spec)
    elif spec["kind"] in _SPECTRA_PARTS and work.project is not None:
        st.session_state["spectra.part"] = _SPECTRA_PARTS[spec["kind"]]
        if spec["kind"] == "demo":
            from pages.ui.spectra_upload import open_example

            open_example(work, spec["settings"]["out"])
        elif spec["kind"] == "spectra-train":
            work.remember(spectral_model=spec["settings"]["out"].split("/")[1])
    elif spec["kind"] in _SECTIONS and work.project is not None:
        st.session_state["imagery.section"] = "search" if spec["settings"].get("only_list") else _SECTIONS[spec["kind"]]
        if spec["kind"] == "fetch" and status.result.get("files"):
            work.choose_scene([spec["settings"]["out"].split("/")[1]])
        elif spec["kind"] == "keep-scene":
            work.choose_scene([status.result["out"].split("/")[1]])


def _open_change(work, spec, result):
    """The comparison or scenario becomes the one that is shown; years without a comparison stay where they are."""
    kind, settings = spec["kind"], spec["settings"]
    made = settings["out"] if kind != "map-years" else settings["compare"] if result.get("change") else None
    labelled = kind == "change" and st.session_state.get("change.part") == "lasting" and len(settings["maps"]) > 2
    st.session_state["change.part"] = "lasting" if labelled else _CHANGE_PARTS[kind] if made else "years"
    if made:
        work.remember(**{"scenario" if kind == "scenario" else "change": made.split("/")[1]})


def _keeps_what_came(spec):
    """Whether a stopped job leaves whole pieces: days of a download, maps of dates."""
    return _is_download(spec) or spec["kind"] == "map-years"


def _open_explanation(work, spec):
    """The explained model is the chosen one; the page opens where the result is. A single place is told where it was clicked."""
    settings = spec["settings"]
    if settings.get("at"):
        return
    st.session_state["explain.part"] = st.session_state["explain.part.network"] = "maps" if settings.get("maps") else "drivers"
    work.remember(model=settings["model_dir"].split("/")[1])


def _open_fields(work, spec):
    """What was computed for fields becomes the result that is shown."""
    settings = spec["settings"]
    part = "fields" if spec["kind"] == "fields" else "places" if settings.get("only_places") else "advice"
    st.session_state["fields.part"] = part
    work.remember(**{f"shown_{part}": settings["out"].split("/")[1]})


def _is_download(spec):
    return spec["kind"] == "fetch" and not spec["settings"].get("only_list")


def _opened_by(spec):
    if spec["kind"] == "external":
        return {"model": spec["settings"]["model_dir"].split("/")[1]}
    parts = spec["settings"]["out"].split("/")
    return {"model": parts[1]} if spec["kind"] == "train" else {"map": parts[1]}


def _ending(work, pages):
    status, spec = work.job.status(), work.job.spec()
    if status.state == "finished":
        _arrive(work, status)  # again for a session that was not watching when it ended
        if work.job is None:
            return
    label, lasted = messages.plain(spec["label"]), _duration(status.seconds)
    with st.container(border=True):
        words, link, button = st.columns([5, 1.3, 1], vertical_alignment="center")
        if status.state == "finished":
            words.markdown(f":material/check_circle: **{label}** is finished after {lasted}.")
            if page := pages.get(_page_of(spec)):
                address = {"project": work.project.id} if work.project else None
                link.page_link(page, label="See the result", icon=":material/arrow_forward:", query_params=address)
        elif status.state == "stopped":
            rest = "what came so far is kept" if _keeps_what_came(spec) else "nothing was changed"
            words.markdown(f":material/stop_circle: **{label}** was stopped after {lasted}; {rest}.")
        else:
            words.markdown(f":material/error: **{label}** failed after {lasted}: {messages.plain(in_page(status.message))}")
            messages.findings(status.findings)
        button.button("Close", on_click=_dismiss, key="job.close", width="stretch")


def _page_of(spec):
    """The page that shows the result of a job."""
    return "map" if spec["kind"] == "explain" and spec["settings"].get("at") else PAGE_OF_KIND.get(spec["kind"])


def _dismiss():
    current_work().job = None


def _duration(seconds):
    seconds = max(0, round(seconds))
    return f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60} s"
