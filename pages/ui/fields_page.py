"""The page of fields: which map and which boundaries, and below them one of the sections."""

from dataclasses import dataclass

import streamlit as st

from pages.ui import advice_carbon, advice_crops, advice_places, cached, fields_boundaries, fields_map, fields_means, messages, sections
from pages.ui.mapping import MadeMap, read
from pages.ui.sections import Section
from pages.ui.session import current_work

KEY = "fields.part"


@dataclass(frozen=True)
class Chosen:
    """What every section of the page begins with.

    Parameters
    ----------
    made : MadeMap
    finished : FinishedMap
    boundaries : fields_boundaries.Boundaries or None
    date : str or None
        Of the map: its own, or the one stated on the page.
    """

    made: MadeMap
    finished: object
    boundaries: object = None
    date: str | None = None

    @property
    def map(self):
        """The map as tasks take it, relative to the project."""
        return f"maps/{self.made.id}/map.tif"

    @property
    def model_dir(self):
        """The map's model as tasks take it, where it is still there; it knows how errors hang together."""
        named = self.made.settings.get("model_dir")
        return named if named and cached.exists(f"{current_work().path(named)}/model.json") else None

    @property
    def stated_date(self):
        """The date to tell a task: only where the map has none of its own."""
        return None if self.finished.date else self.date


def draw():
    """Map and boundaries, then the chosen section."""
    chosen = _choose()
    parts = {
        "fields": Section("Fields", ":material/grid_on:", lambda: fields_means.panel(chosen)),
        "advice": _advice(chosen),
        "places": Section("Next samples", ":material/add_location_alt:", lambda: advice_places.panel(chosen)),
    }
    sections.draw(parts, KEY)


def _advice(chosen):
    from soilcore.project.advise import is_carbon

    if is_carbon(chosen.finished):
        return Section("Carbon stock", ":material/eco:", lambda: advice_carbon.panel(chosen))
    return Section("Crops and water", ":material/grass:", lambda: advice_crops.panel(chosen))


def _choose():
    work = current_work()
    left, middle, right = st.columns(3, gap="medium")
    with left:
        now = work.map
        key = f"fields.map.{now}"
        identifier = st.selectbox("Map", work.maps, index=work.maps.index(now), key=key, on_change=_remember_map, args=(key,))
        with messages.shown(stop=True):
            made = read(work.project.path("maps", identifier))
            finished = fields_map.finished(made.value_file)
        date = _date(made, finished)
        st.caption(_words(finished, date))
    boundaries = fields_boundaries.choose(finished, middle, right)
    return Chosen(made, finished, boundaries, date)


def _remember_map(key):
    current_work().remember(map=st.session_state[key])


def _date(made, finished):
    """When the map is for; asked where the map does not tell, because advice without a date misleads."""
    if finished.date:
        return finished.date
    dates = dict(current_work().state().get("map_dates") or {})
    key = f"fields.date.{made.id}"
    said = st.date_input(
        "Date of the map, which it does not state",
        dates.get(made.id),
        key=key,
        on_change=_remember_date,
        args=(made.id, key),
        help="Of the image behind it; sentences and files then say for when they hold",
    )
    return str(said) if said else None


def _remember_date(identifier, key):
    work, said = current_work(), st.session_state[key]
    dates = {**(work.state().get("map_dates") or {}), identifier: str(said) if said else None}
    work.remember(map_dates={name: date for name, date in dates.items() if date})


def _words(finished, date):
    words = [f"Shows {messages.plain(finished.quantity)}", f"for {messages.plain(date)}" if date else "for a date not stated"]
    words.append(f"with {100 * finished.level:.4g} % intervals" if finished.has_interval else "without intervals, so not saying how sure it is")
    return ", ".join(words) + "."
