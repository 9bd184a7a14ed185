"""Rasters made from what the project has: terrain of an elevation model, distance to what a vector file holds, seasons of a series."""

from pathlib import Path

import streamlit as st

from pages.ui import cached, covariates, forms, jobs, messages, scene_dates
from pages.ui.session import current_work
from pages.ui.workspace import BOUNDARIES, LIMIT_MB, SERIES
from soilcore.core.errors import SoilcoreError

ATTRIBUTES = {
    "slope_deg": "slope",
    "aspect_deg": "aspect",
    "profile_curvature": "profile curvature",
    "plan_curvature": "plan curvature",
    "tangential_curvature": "tangential curvature",
    "twi": "wetness index (TWI)",
    "tpi": "position index (TPI)",
}
_SLOPES = {"horn": "Horn, as GDAL", "zt": "Zevenbergen and Thorne"}
_CONVENTIONS = {"zt": "Zevenbergen and Thorne", "arcgis": "ArcGIS", "geometric": "geometric"}
_SMOOTH_HELP = "Curvatures are second derivatives: they show the noise of an elevation model before its shape. 0 leaves it as it is."
_STARTS = {"auto": "found by itself", "day": "a day of the year"}
_ELEVATION_WORDS = ("dem", "dtm", "dsm", "srtm", "elev", "hoehe", "altitude", "height")


def panel():
    """The makers, each closed until it is wanted."""
    st.subheader("Make more from what is here", anchor=False)
    terrain()
    distance()
    seasons()


def terrain():
    """Slope, curvatures and wetness from the project's elevation model."""
    with st.expander("Terrain from an elevation model", icon=":material/terrain:"), messages.shown():
        models = elevation_models()
        if not models:
            st.info("Upload an elevation model above first: a raster of heights in metres, any projection.", icon=":material/terrain:")
            return
        left, right = st.columns(2, gap="large")
        dem = left.selectbox("Elevation model", models, key=f"terrain.dem.{'+'.join(models)}")
        attributes = left.multiselect(
            "What to derive",
            list(ATTRIBUTES),
            list(ATTRIBUTES),
            format_func=ATTRIBUTES.get,
            key="terrain.attributes",
            persist_state="session",
            wrap=True,
        )
        slope = right.selectbox("Slope after", list(_SLOPES), format_func=_SLOPES.get, key="terrain.slope", persist_state="session")
        convention = right.selectbox(
            "Curvatures as in", list(_CONVENTIONS), format_func=_CONVENTIONS.get, key="terrain.convention", persist_state="session"
        )
        smooth = right.number_input(
            "Smoothing before curvatures (pixels)", 0.0, 20.0, 0.0, 0.5, key="terrain.smooth", persist_state="session", help=_SMOOTH_HELP
        )
        if "terrain.tif" in current_work().covariates:
            st.caption("There is terrain already; it will be replaced.")
        st.button(
            "Derive terrain",
            icon=":material/play_arrow:",
            type="primary",
            key="terrain.start",
            on_click=_start_terrain,
            args=(dem, tuple(attributes), slope, convention, float(smooth)),
            disabled=jobs.is_busy() or not attributes,
        )


def elevation_models():
    """Static rasters with one band, those that sound like heights first."""
    found = []
    for name in current_work().covariates:
        try:
            facts = covariates.described(name)
        except SoilcoreError:
            continue
        if facts.when == "static" and len(facts.predictors) == 1 and name not in current_work().state().get("categorical", ()):
            found.append(name)
    return sorted(found, key=lambda name: not any(word in name.lower() for word in _ELEVATION_WORDS))


def _start_terrain(dem, attributes, slope, convention, smooth):
    from soilcore.project.imagery_settings import TerrainTask

    attributes = () if set(attributes) == set(ATTRIBUTES) else attributes
    task = TerrainTask(f"covariates/{dem}", "covariates/terrain.tif", attributes, slope, convention, smooth, overwrite=True)
    jobs.start("terrain", task, f"Terrain of {dem}")


def distance():
    """Metres to the nearest line, point or area of a vector file."""
    with st.expander("Distance to a canal, coast or anything else", icon=":material/straighten:"), messages.shown():
        forms.choose_file("vectors", "Upload what to measure to", BOUNDARIES, LIMIT_MB["vectors"], "GeoPackage, GeoJSON or zipped shapefile")
        work = current_work()
        there, like = work.data("vectors"), _reference()
        if not there:
            return
        if like is None:
            st.info("The distance gets the pixels of an image or another raster. Choose one first.", icon=":material/grid_on:")
            return
        vector = st.selectbox("Measure to", there, index=len(there) - 1, key=f"distance.vector.{'+'.join(there)}")
        st.caption(f"Pixels as in {messages.plain(Path(like).name)}.")
        st.button(
            "Measure the distance",
            icon=":material/play_arrow:",
            type="primary",
            key="distance.start",
            on_click=_start_distance,
            args=(vector, like),
            disabled=jobs.is_busy(),
        )


def _reference():
    """What says which pixels a new raster has: the image, else the first raster; a path relative to the project, or None."""
    work = current_work()
    for part, names in (("scenes", work.scene_files), ("covariates", work.covariates)):
        for name in names:
            if Path(name).suffix.lower() in (".tif", ".tiff") or (part == "scenes" and Path(work.path(f"{part}/{name}")).is_dir()):
                return f"{part}/{name}"
    return None


def _start_distance(vector, like):
    from soilcore.project.imagery_settings import DistanceTask

    out = f"covariates/distance_{Path(vector).stem}.tif"
    jobs.start("distance", DistanceTask(f"vectors/{vector}", like, out, overwrite=True), f"Distance to {Path(vector).stem}")


def seasons():
    """Start of season, start of the peak and green-up speed from a dated series."""
    with st.expander("Seasons (phenology) from a dated series", icon=":material/grass:"), messages.shown():
        forms.choose_file(
            "series",
            "Upload a series",
            SERIES,
            LIMIT_MB["series"],
            "a stack of dates or NetCDF of a vegetation index, or a table with dates and values",
        )
        sources = series_sources()
        if not sources:
            st.info(
                "A series can also be the dated images of this project, or a predictor by date. There are neither yet.",
                icon=":material/calendar_month:",
            )
            return
        _season_form(sources)
    _season_tables()


def series_sources():
    """Series as paths relative to the project, by what they are called."""
    work = current_work()
    found = {f"{name} (uploaded)": f"series/{name}" for name in work.data("series") if not name.startswith("seasons-")}
    images = {name: opened for name, (_, opened) in scene_dates.all_series().items() if Path(work.path(f"scenes/{name}")).is_dir()}
    found |= {f"{name} (dated images)": f"scenes/{name}" for name, opened in images.items() if opened.when == "date"}
    dated = [name for name in work.covariates if Path(work.path(f"covariates/{name}")).is_dir()]
    return found | {f"{name} (predictor by date)": f"covariates/{name}" for name in dated}


def _season_form(sources):
    left, middle, right = st.columns(3, gap="medium")
    chosen = left.selectbox("Series", list(sources), key=f"seasons.source.{len(sources)}")
    index = left.text_input(
        "Index of dated images", "NDVI", key="seasons.index", persist_state="session", help="Computed where the series holds bands"
    )
    start = middle.selectbox("Season starts on", list(_STARTS), format_func=_STARTS.get, key="seasons.start", persist_state="session")
    day = middle.number_input(
        "Day of the year",
        1,
        366,
        244,
        key="seasons.day",
        persist_state="session",
        disabled=start == "auto",
        help="About 244 (September) for winter crops, 182 (July) for summer crops of the southern hemisphere",
    )
    least = right.number_input("Valid dates a season needs", 4, 100, 8, key="seasons.dates", persist_state="session")
    rise = right.number_input(
        "Smallest rise (index units)", 0.0, 1.0, 0.1, 0.05, key="seasons.rise", persist_state="session", help="Flatter seasons have no start"
    )
    st.button(
        "Find the seasons",
        icon=":material/play_arrow:",
        type="primary",
        key="seasons.start-job",
        on_click=_start_seasons,
        args=(sources[chosen], index.strip() or "NDVI", "auto" if start == "auto" else int(day), int(least), float(rise)),
        disabled=jobs.is_busy(),
    )


def _start_seasons(series, index, start, least, rise):
    from soilcore.project.imagery_settings import PhenologyTask

    stem = Path(series).stem
    out = f"series/seasons-{stem}.csv" if series.endswith(".csv") else f"covariates/seasons_{stem}.tif"
    task = PhenologyTask(series, out, index, start, min_dates=least, min_amplitude=rise, overwrite=True)
    jobs.start("phenology", task, f"Seasons of {stem}")


def _season_tables():
    """Seasons of uploaded tables: shown, and to be taken away."""
    work = current_work()
    for name in work.data("series"):
        if name.startswith("seasons-"):
            path = Path(work.path(f"series/{name}"))
            with st.expander(f"Seasons of {messages.plain(path.stem.removeprefix('seasons-'))}", icon=":material/table:"):
                st.dataframe(_table(cached.stamp(path), path), hide_index=True, placeholder="", alt=f"Seasons of {name}")
                st.download_button("Seasons as CSV", path.read_bytes(), name, "text/csv", icon=":material/download:", key=f"seasons.csv.{name}")


@st.cache_data(max_entries=4, show_spinner=False)
def _table(stamp, _path):
    import pandas as pd

    return pd.read_csv(_path)
