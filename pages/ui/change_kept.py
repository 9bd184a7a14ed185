"""Comparisons and scenarios that a project keeps: found by their run files, shown again without computing anything."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.ui import cached, messages
from pages.ui.session import current_work

CHANGES, SCENARIOS = "changes", "scenarios"
_MARKERS = {CHANGES: "change.run.json", SCENARIOS: "scenario.run.json"}
_REMEMBERED = {CHANGES: "change", SCENARIOS: "scenario"}


@dataclass(frozen=True)
class Kept:
    """A finished result.

    Parameters
    ----------
    id : str
    folder : pathlib.Path
    settings : dict
        What was asked, as in the run file.
    facts : dict
        What came of it.
    """

    id: str
    folder: Path
    settings: dict
    facts: dict

    def layer(self, name):
        """Place of one raster, or None where the result has none of that name."""
        path = self.folder / f"{name}.tif"
        return path if path.is_file() else None


def every(part):
    """Results of one kind, the newest first; those that cannot be read are left out."""
    work = current_work()
    folders = [work.project.part(part) / name for name in reversed(work.project.items(part))]
    found = [_read(folder, _MARKERS[part]) for folder in folders if (folder / _MARKERS[part]).is_file()]
    return [one for one in found if one is not None]


def _read(folder, marker):
    run = read_run(folder / marker)
    return None if run is None else Kept(folder.name, folder, *run)


def read_run(path):
    """Settings and result of a run file; None where it is not there, or is none."""
    path = Path(path)
    return _run(cached.stamp(path), path) if path.is_file() else None


@st.cache_data(max_entries=512, show_spinner=False)
def _run(stamp, _path):
    try:
        run = json.loads(_path.read_text(encoding="utf-8"))
        return run["steps"][0]["settings"], run["result"]
    except (OSError, ValueError, LookupError, TypeError):
        return None


def model_of(kept):
    """Folder of the model behind a result, as its settings or the first of its maps say; None where that is gone."""
    if "model_dir" in kept.settings:
        return kept.settings["model_dir"]
    run = read_run((current_work().project.folder / kept.facts["maps"][0]["path"]).with_suffix(".run.json"))
    return None if run is None else run[0].get("model_dir")


def choose(part, label, words, suits=None):
    """Which result to look at, with a button that removes it.

    Parameters
    ----------
    part : str
    label : str
        Of the field.
    words : callable
        From a `Kept` to what people call it.
    suits : callable, optional
        Which results are offered.

    Returns
    -------
    Kept or None
        None where there is none.
    """
    work, found = current_work(), {one.id: one for one in every(part) if suits is None or suits(one)}
    if not found:
        return None
    now = work.state().get(_REMEMBERED[part])
    now = now if now in found else next(iter(found))
    named, key = _names(found, words), f"change.{part}.{now}.{len(found)}"
    field, button = st.columns([5, 1.2], vertical_alignment="bottom")
    chosen = field.selectbox(
        label,
        list(found),
        list(found).index(now),
        format_func=named.get,
        key=key,
        on_change=_remember,
        args=(part, key),
    )
    with button.popover("Remove", icon=":material/delete:", width="stretch", help="Delete this result from the project"):
        st.markdown(f"Delete **{messages.plain(named[chosen])}** and its files? The maps it was made of stay.")
        st.button("Delete it", type="primary", on_click=remove, args=(part, chosen), key=f"change.{part}.delete")
    return found[chosen]


def _names(found, words):
    """What results are called, by id; two of one name are told apart by their ids."""
    named = {name: words(one) for name, one in found.items()}
    several = list(named.values())
    return {name: f"{text} ({name})" if several.count(text) > 1 else text for name, text in named.items()}


def _remember(part, key):
    current_work().remember(**{_REMEMBERED[part]: st.session_state[key]})


def remove(part, identifier):
    """Delete a result."""
    work = current_work()
    shutil.rmtree(work.project.path(part, identifier))
    work.remember(**{_REMEMBERED[part]: None})
    work.note = ("info", "The result was deleted.")
