"""What a report will say, gathered from the open project and kept until one of its results changes."""

import streamlit as st

from pages.ui import cached
from pages.ui.session import current_work
from soilcore.project.results import MODEL_FILE, RESULT_PARTS

_RUNS = ("*.run.json", MODEL_FILE, "run.json")
_KEEP = 8


def content():
    """What the open project holds (see `soilcore.project.results.look_through`)."""
    work = current_work()
    return _content(_stamps(work.project), work.project.folder)


def summary(model=None, map_name=None):
    """The facts of a report (see `soilcore.reporting.summary.summarise`).

    Parameters
    ----------
    model, map_name : str, optional
        Names of their folders.
    """
    work = current_work()
    return _summary(_stamps(work.project), model, map_name, work.project.folder)


def last_change():
    """When a model, a map or another result was last made or changed: seconds since 1970, or None."""
    return max((path.stat().st_mtime for path in _told_by(current_work().project)), default=None)


def _told_by(project):
    for part in ("models", "maps", *RESULT_PARTS):
        for pattern in _RUNS:
            yield from (path for path in (project.folder / part).rglob(pattern) if not any(piece.startswith(".") for piece in path.parts[-3:]))


def _stamps(project):
    return (project.title, tuple(sorted(cached.stamp(path) for path in _told_by(project))))


@st.cache_resource(max_entries=_KEEP, show_spinner=False)
def _content(stamps, _folder):
    from soilcore.project.results import look_through

    return look_through(_folder)


@st.cache_data(max_entries=_KEEP, show_spinner="Gathering the facts ...")
def _summary(stamps, model, map_name, _folder):
    from soilcore.project.report import facts_of

    return facts_of(_content(stamps, _folder), model, map_name)[0]
