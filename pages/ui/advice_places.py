"""Where to sample next: asked, shown on the map and as a table, and to take away as waypoints and as a layer."""

import pandas as pd
import streamlit as st

from pages.ui import cached, fields_kept, fields_map, fields_picture, fields_shapes, forms, jobs, maps, messages, places, plain_words, result_files
from pages.ui.advice_crops import where
from pages.ui.session import current_work
from pages.ui.workspace import BOUNDARIES, LIMIT_MB
from soilcore.core.errors import SoilcoreError

_MOST = 1000
_ABOUT = "Map of the places of the next samples, numbered in the order of their use; the table below lists them."


def panel(chosen):
    """Form and result."""
    found = fields_kept.every(fields_kept.PLACES, chosen.made.id)
    finished = chosen.finished
    if not finished.has_interval and "di" not in finished.layers:
        st.info(
            "This map has neither an interval nor a dissimilarity, so no place is known to need a sample more than another. "
            "Map the model again with an interval and the area of applicability.",
            icon=":material/add_location_alt:",
        )
    else:
        with st.expander("Propose places", icon=":material/add_location_alt:", expanded=not found), messages.shown():
            _form(chosen)
    if found:
        result = fields_kept.choose(found, "Proposals that were made")
        with messages.shown():
            _draw(result, chosen)


def _form(chosen):
    left, middle, right = st.columns(3, gap="medium")
    with left:
        count = st.number_input("How many samples", 1, _MOST, 10, key="places.count", persist_state="session")
        within = chosen.boundaries is not None and st.toggle("Only within the fields", True, key="places.within", persist_state="session")
        samples = _samples()
    with middle:
        access, half = _access()
    with right:
        mask = _mask()
    task = _task(chosen, int(count), within, samples, access, half, mask)
    jobs.button("Propose places", ":material/play_arrow:", ("advise", task, f"Where to take {count} samples next"), "places.start")
    st.caption("Places are proposed where the interval is wide, the land unlike the samples, and the way short; each far from the others.")


def _samples():
    """The project's samples as the task reads them by itself; None where it cannot, or they shall not count."""
    work = current_work()
    if work.samples_file is None:
        return None
    path = f"samples/{work.samples_file}"
    if not _says_where(cached.stamp(work.path(path)), work.path(path)):
        st.caption("The samples of the project do not say by themselves where they lie, so places near them may be proposed.")
        return None
    return path if st.toggle("Keep away from samples taken", True, key="places.taken", persist_state="session") else None


@st.cache_data(max_entries=8, show_spinner=False)
def _says_where(stamp, _path):
    from soilcore.data.samples import SampleSettings, read_samples

    try:
        samples = read_samples(_path, SampleSettings())
    except SoilcoreError:
        return False  # the samples page says why
    return samples.has_places and samples.crs is not None


def _access():
    """Roads or distances to them, and metres at which a place counts half."""
    work = current_work()
    files = {f"vectors/{name}": name for name in work.data("vectors")}
    files |= {f"covariates/{name}": f"{name} (metres)" for name in work.covariates if "dist" in name.lower()}
    access = st.selectbox(
        "Roads or tracks",
        [None, *files],
        format_func=lambda path: files.get(path, "every place is as easy to reach"),
        key=f"places.access.{len(files)}",
        help="Lines or areas one can drive on, or a raster of metres to them. Places far from them count less",
    )
    half = st.number_input("Metres at which a place counts half", 10.0, 50_000.0, 500.0, 50.0, key="places.half", disabled=access is None)
    with st.expander("Upload roads", icon=":material/upload:"):
        forms.choose_file("vectors", "Upload lines", BOUNDARIES, LIMIT_MB["vectors"], "GeoPackage, GeoJSON or zipped shapefile")
    return access, half


def _mask():
    work = current_work()
    rasters = [name for name in work.covariates if (work.project.part("covariates") / name).is_file()]
    words = {None: "nothing; the map leaves out water already"}
    chosen = st.selectbox(
        "Leave out",
        [None, *rasters],
        format_func=lambda name: words.get(name, f"where {name} is 0 or empty"),
        key=f"places.mask.{len(rasters)}",
    )
    return f"covariates/{chosen}" if chosen else None


def _task(chosen, count, within, samples, access, half, mask):
    from soilcore.project.act_settings import AdviseTask

    return AdviseTask(
        chosen.map,
        out=f"fields/{current_work().project.new_id('fields', 'places')}",
        next_samples=count,
        only_places=True,
        access=access,
        access_distance=float(half),
        mask=mask,
        samples=samples,
        **where(chosen, within),
    )


def _draw(result, chosen):
    found = result.facts["next_samples"]
    sentences = [found["sentence"], "Take the waypoints into the field, sample there, add the values to your table, and train again."]
    plain_words.block(sentences, result.facts, chosen.date)
    if maps.ready():
        _picture(result, chosen, found["rows"])
    table = pd.DataFrame(found["rows"])
    config = _columns(result.facts)
    shown = [name for name in config if name in table and table[name].notna().any()]
    st.dataframe(table[shown], hide_index=True, placeholder="–", alt="Places of the next samples, the most useful first", column_config=config)
    messages.assumed([*(result.facts.get("assumed") or ()), *(found.get("assumed") or ())])
    result_files.downloads(result.folder, result.id, f"places.files.{result.id}", first=("next_samples.gpx", "next_samples.gpkg"))


def _columns(facts):
    number, unit = st.column_config.NumberColumn, facts["unit"] or "unit not known"
    return {
        "rank": number("Order", width="small"),
        "name": st.column_config.TextColumn("Name", pinned=True),
        "lon": number("Longitude (°)", format="%.5f"),
        "lat": number("Latitude (°)", format="%.5f"),
        "value": number(f"Map says ({unit})", format="%.3g"),
        "width": number(f"Width of its interval ({unit})", format="%.3g"),
        "di": number("Dissimilarity", format="%.2f", help="To the samples; above the model's threshold it is outside the area of applicability"),
        "access_m": number("To the road (m)", format="%.0f"),
        "apart_m": number("To the next sample (m)", format="%.0f"),
        "inside": st.column_config.CheckboxColumn("Like the samples"),
    }


@st.fragment
def _picture(result, chosen, rows):
    with messages.shown():
        shown = [picture for name, label in _WEIGHED if (picture := _layer(chosen.made, name, label))] + fields_map.pictures(chosen.made)
        points = [("Samples taken (white)", "#ffffff", places.samples())]
        marks = [("Next samples (numbers)", fields_shapes.Numbered(_points(rows, result.facts["unit"])))]
        drawn, told = _within(result), [(one.label, [one]) for one in shown]
        with st.spinner("Drawing the map ..."):
            fields_picture.show(f"places-{result.id}", drawn, shown, fields_map.background(), points, told, marks=marks, about=_ABOUT)


_WEIGHED = (("map_di", "Dissimilarity to the samples"), ("map_upper", "Upper bound"))


def _layer(made, name, label):
    path = made.folder / f"{name}.tif"
    return fields_map.picture(path, label, "Why there") if path.is_file() else None


def _points(rows, unit):
    return [(row["lat"], row["lon"], row["rank"], f"{row['name']}: map says {row['value']:.3g} {unit or ''}".strip()) for row in rows]


def _within(result):
    """Outlines of the fields that the places lie in."""
    named = result.settings.get("boundaries")
    path = current_work().project.part("regions") / named.rpartition("/")[2] if named else None
    if path is None or not path.is_file():
        return ()
    outlines = fields_shapes.read(path, result.settings.get("layer"))
    shapes = fields_shapes.Shapes([[rings, "", []] for rings in outlines.rings[: fields_shapes.MOST_DRAWN]])
    none = [None] * len(shapes.entries)
    return [(shapes, None), (fields_shapes.Colouring(shapes, none, [""] * len(none), popup=False, opacity=0, alone=True), None)]
