"""Finding images in a catalogue: where, when, how cloudy; the hits as a table and as footprints on the map."""

import datetime

import streamlit as st

from pages.ui import cached, jobs, maps, messages, places, stac_hits
from pages.ui.session import current_work
from pages.ui.words import in_page
from soilcore.core.errors import SoilcoreError

_OTHER = "another address"
_AREAS = {
    "samples": "round the samples",
    "drawn": "drawn on the map",
    "image": "the image's extent",
    "numbers": "as numbers",
}
_MARGIN_M = 500.0
_HEIGHT = 460
_DAYS_BACK = 365
AREA = "imagery.search.area"


def panel():
    """Area, dates and clouds; a search; its hits; the download."""
    st.markdown(
        "Free Sentinel-2 and Landsat imagery, cut to your area. Searching and downloading need the internet; nothing is sent but area, dates and cloud limit."
    )
    catalogue = _catalogue()
    left, right = st.columns([3, 2], gap="large")
    with right:
        area = _area()
        dates = _dates()
        cloud = st.slider(
            "Clouds at most (%)", 0, 100, 40, 5, key="search.cloud", persist_state="session", help="As the catalogue states for the whole scene"
        )
        ready = area is not None and dates is not None and catalogue is not None
        st.button(
            "Search",
            icon=":material/search:",
            type="primary",
            key="search.start",
            on_click=_search,
            args=(catalogue, area, dates, float(cloud)),
            disabled=not ready or jobs.is_busy(),
        )
        found = last_search()
    with left:
        _map(area, found)
    if found is not None:
        stac_hits.panel(found)
    else:
        stac_hits.unfinished()


def _catalogue():
    """Address and collection, or None while an address is missing."""
    from soilcore.core.tables import load_table

    presets = load_table("stac")["presets"]
    first, second = st.columns(2)
    words = {name: row["label"] for name, row in presets.items()} | {_OTHER: "another catalogue (STAC API)"}
    chosen = first.selectbox("Catalogue", list(words), format_func=words.get, key="search.catalogue", persist_state="session")
    if chosen != _OTHER:
        collections = presets[chosen]["collections"]
        start = collections.index(presets[chosen]["collection"])
        return chosen, second.selectbox("Collection", collections, index=start, key=f"search.collection.{chosen}")
    address = first.text_input("Address", placeholder="https://...", key="search.address", persist_state="session").strip()
    collection = second.text_input("Collection", placeholder="the usual one", key="search.collection", persist_state="session").strip()
    return (address, collection or None) if address else None


def _area():
    """West, south, east, north in degrees, or None with a sentence why."""
    options = [name for name in _AREAS if _is_possible(name)]
    chosen = st.segmented_control(
        "Area", options, default=options[0], required=True, format_func=_AREAS.get, key=f"search.area.{'+'.join(options)}", wrap=True
    )
    return {"samples": _round_samples, "drawn": _drawn, "image": _of_image, "numbers": _as_numbers}[chosen or options[0]]()


def _is_possible(name):
    if name == "samples":
        return bool(places.samples())
    if name == "image":
        try:
            return cached.imagery() is not None
        except SoilcoreError:
            return False
    return True


def _round_samples():
    from soilcore.data.stac import samples_bbox

    margin = st.number_input("Metres round the samples", 0.0, 50_000.0, _MARGIN_M, 100.0, format="%.0f", key="search.margin", persist_state="session")
    with messages.shown():
        return samples_bbox(cached.samples(), float(margin))
    return None


def _drawn():
    area = st.session_state.get(AREA)
    if area is None:
        st.caption("Press “Draw area” on the map, then drag a rectangle.")
    return area


def _of_image():
    from soilcore.data.previews import footprint

    outline = footprint(cached.imagery().grid)
    return (min(x for x, _ in outline), min(y for _, y in outline), max(x for x, _ in outline), max(y for _, y in outline))


def _as_numbers():
    text = st.text_input("West, south, east, north (degrees)", placeholder="8.1, 44.2, 8.4, 44.5", key="search.numbers", persist_state="session")
    if not text.strip():
        return None
    try:
        west, south, east, north = (float(part) for part in text.replace(";", ",").split(","))
    except ValueError:
        st.caption(":material/error: Four numbers with commas between them are needed.")
        return None
    return west, south, east, north


def _dates():
    today = datetime.date.today()
    span = st.date_input("From, to", _suggested(today), max_value=today, key="search.dates", format="YYYY-MM-DD", persist_state="session")
    return (str(span[0]), str(span[1])) if len(span) == 2 else None


def _suggested(today):
    """The time of the samples where it is known, else the last year."""
    with messages.shown():
        if (table := cached.samples()) is not None:
            from soilcore.data.dates import sample_dates

            days = sample_dates(table)
            known = days[days == days] if days is not None else ()
            if len(known):
                month = datetime.timedelta(days=30)
                first, last = (day.astype("datetime64[D]").astype(datetime.date) for day in (known.min(), known.max()))
                return min(first - month, today), min(last + month, today)
    return today - datetime.timedelta(days=_DAYS_BACK), today


def _search(catalogue, area, dates, cloud):
    from soilcore.project.imagery_settings import FetchTask

    url, collection = catalogue
    task = FetchTask(url, bbox=tuple(area), dates=dates, cloud=cloud, collection=collection, only_list=True)
    jobs.start("fetch", task, "Searching the catalogue")


def last_search():
    """What the last search of the project found, from its job's result; None while there is none, or when it failed, which is said."""
    from soilcore.data.stac import SearchResult

    for job in jobs.every("fetch", only_list=True):
        status = job.status()
        if status.state == "finished":
            return SearchResult.from_dict(status.result)
        if status.state == "failed":
            shown = current_work().job
            if shown is None or shown.id != job.id:  # else the sentence stands above the page already
                st.error(messages.plain(in_page(status.message)), icon=messages.ICONS["error"])
        if status.state != "stopped":
            return None
    return None


@st.fragment
def _map(area, found):
    if not maps.ready():
        return
    framed = [*places.area_of_interest()]
    if found is not None:
        hits = tuple((f"{hit.date}, {_clouds(hit.cloud)}", [(y, x) for x, y in hit.outline]) for hit in found.hits)
        framed.insert(0, maps.Framed("Footprints of the hits", hits, "#2a86c4"))
    if area is not None and area != st.session_state.get(AREA):
        framed.append(maps.Framed("Area searched", (("", _ring(area)),), "#d55e00"))
    key = f"search-{current_work().project.id}"
    _, drawn = maps.show_places((), key, framed, [("Samples", "#fff", places.samples())], _HEIGHT, area=True)
    if drawn != st.session_state.get(AREA):
        st.session_state[AREA] = drawn
        st.rerun()


def _ring(area):
    west, south, east, north = area
    return [(south, west), (south, east), (north, east), (north, west)]


def _clouds(share):
    return "clouds not stated" if share is None else f"{share:.0f} % clouds"
