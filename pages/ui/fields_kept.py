"""What was computed for fields before: found by the run files in ``fields/``, shown again without computing anything."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.ui import cached, messages
from pages.ui.session import current_work
from soilcore.core.errors import UnreadableError

PART = "fields"
MEANS, ADVICE, PLACES = "fields", "advice", "places"
_RUNS = ("fields.run.json", "advice.run.json")


@dataclass(frozen=True)
class Kept:
    """A finished result.

    Parameters
    ----------
    id : str
    folder : pathlib.Path
    kind : {"fields", "advice", "places"}
    settings, facts, inputs : dict
        What was asked, what came out, and the hashes of the files it was made of.
    made : float
        Seconds since 1970.
    """

    id: str
    folder: Path
    kind: str
    settings: dict
    facts: dict
    inputs: dict
    made: float

    @property
    def map(self):
        """Id of the map it is about."""
        return Path(self.settings.get("map") or "").parent.name

    @property
    def title(self):
        """What people tell it by: the boundaries, what was asked, and when."""
        of = Path(self.settings["boundaries"]).name if self.settings.get("boundaries") else "the whole map"
        return f"{of}{_asked(self.settings)} · {time.strftime('%d %b %Y, %H:%M', time.localtime(self.made))}"

    def file(self, name):
        """Place of one of its files, or None."""
        path = self.folder / name
        return path if path.is_file() else None


def _asked(settings):
    words = list(settings.get("crops") or ())[:3]
    words += [f"water of {settings['irrigation_ec']:g} dS/m"] if settings.get("irrigation_ec") is not None else []
    words += [f"{settings['next_samples']} places"] if settings.get("next_samples") else []
    words += [f"{len(settings['maps_of_years'])} further years"] if settings.get("maps_of_years") else []
    return "".join(f" · {word}" for word in words)


def every(kind, map_id):
    """Results of one kind about one map, the newest first; damaged ones are left out and named."""
    work, found = current_work(), []
    for name in reversed(work.project.items(PART)):
        path = next((path for run in _RUNS if (path := work.project.part(PART) / name / run).is_file()), None)
        if path is None:
            continue
        try:
            one = _read(cached.stamp(path), path)
        except UnreadableError as error:
            st.caption(f":material/warning: {messages.plain(error.message)}")
            continue
        if one.kind == kind and one.map == map_id:
            found.append(one)
    return found


@st.cache_resource(max_entries=256, show_spinner=False)
def _read(stamp, _path):
    from soilcore.project.results import read_run_file

    run = read_run_file(_path)
    step = run["steps"][-1]
    settings, facts = step.get("settings"), run.get("result")
    if not isinstance(settings, dict) or not isinstance(facts, dict):
        raise UnreadableError(f"The run file {_path.parent.name!r} tells no result. Compute it again.")
    kind = MEANS if step.get("task") == "fields" else PLACES if settings.get("only_places") else ADVICE
    return Kept(_path.parent.name, _path.parent, kind, settings, facts, run.get("inputs") or {}, _path.stat().st_mtime)


def choose(found, label):
    """Which result to look at, with a button that removes it, and a warning where it is out of date.

    Parameters
    ----------
    found : list of Kept
        At least one, of one kind.
    label : str
        Of the field.

    Returns
    -------
    Kept
    """
    by_id, kind = {one.id: one for one in found}, found[0].kind
    now = current_work().state().get(f"shown_{kind}")
    now = now if now in by_id else found[0].id
    key = f"fields.kept.{kind}.{now}.{len(found)}"
    field, button = st.columns([6, 1], vertical_alignment="bottom")
    names = list(by_id)
    chosen = field.selectbox(
        label, names, names.index(now), format_func=lambda name: by_id[name].title, key=key, on_change=_remember, args=(kind, key)
    )
    with button.popover("Remove", icon=":material/delete:", width="stretch", help="Delete this result from the project"):
        st.markdown("Delete this result and its files? Map and boundaries stay.")
        st.button("Delete it", type="primary", on_click=_remove, args=(kind, chosen), key=f"fields.delete.{kind}")
    one = by_id[chosen]
    if changed := out_of_date(one):
        st.warning(f"Since this was computed, {messages.plain(' and '.join(changed))} changed. Compute it again.", icon=":material/update:")
    return one


def _remember(kind, key):
    current_work().remember(**{f"shown_{kind}": st.session_state[key]})


def _remove(kind, identifier):
    work = current_work()
    shutil.rmtree(work.project.path(PART, identifier))
    work.remember(**{f"shown_{kind}": None})
    work.note = ("info", "The result was deleted.")


def out_of_date(one):
    """Names of the files a result was made of that are gone or no longer the same."""
    return [Path(name).name for name, known in one.inputs.items() if name in _told(one.settings) and _hash_now(name) != known]


def _told(settings):
    return {settings.get("map"), settings.get("boundaries"), settings.get("access")} - {None}


def _hash_now(name):
    folder = current_work().project.folder
    path = (folder / name).resolve()
    return _hash(cached.stamp(path), path) if path.is_relative_to(folder.resolve()) and path.is_file() else None


@st.cache_data(max_entries=256, show_spinner=False)
def _hash(stamp, _path):
    from soilcore.core import fingerprint

    return fingerprint.of_file(_path)
