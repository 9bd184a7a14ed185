"""Panels of the map page: what to map, and a finished map with its layers, areas and files."""

import json
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.ui import cached, covariates, jobs, map_date, map_networks, map_options, messages, steps
from pages.ui.session import current_work
from pages.ui.workspace import BOUNDARIES, LIMIT_MB, keep_upload
from soilcore.core.errors import ModelError

_WATER = "water"
_MASK_WORDS = {None: "nothing", _WATER: "water, found in the image"}


@dataclass(frozen=True)
class MadeMap:
    """A finished map of the open project.

    Parameters
    ----------
    id : str
    folder : pathlib.Path
    settings : dict
        What was asked, as in the run file.
    facts : dict
        What came of it: pixels, classes with areas.
    """

    id: str
    folder: Path
    settings: dict
    facts: dict

    @property
    def value_file(self):
        """The raster of values."""
        return self.folder / "map.tif"

    @property
    def level(self):
        """Level of its interval, or None."""
        return (self.facts.get("interval") or {}).get("level")


def form():
    """What to map and how; the button starts the job."""
    work = current_work()
    left, middle, right = st.columns(3, gap="large")
    chosen = left.selectbox("Model", work.models, index=work.models.index(work.model), key="map.model")
    model = model_facts(chosen)
    scene_words = ", ".join(work.scene_files) or "none chosen"
    left.caption(
        f"Predicts {messages.plain(model['target']['column'])} in {messages.plain(model['target']['unit'] or 'an unknown unit')}. Image: {messages.plain(scene_words)}."
    )
    with middle:
        scheme = _scheme(model)
        mask = st.selectbox("Leave out", [None, _WATER, *_masks(work)], index=1, format_func=_mask_words, key="map.mask")
    with right:
        aoi = _area_of_interest(work)
    needs_scene = bool(model["recipe"]["bands"] or model["recipe"]["indices"] or model["recipe"]["formulas"])
    if needs_scene and not work.scene_files:
        st.info("This model needs an image. Choose one first.", icon=":material/satellite_alt:")
        steps.link("imagery", "Go to Imagery", ":material/arrow_back:")
    lacks = _lacks_climate(model, work)
    date, dated = map_date.choose(model)
    options = map_options.form(model)
    of_network = map_networks.form(chosen, model)
    sources, gone = _sources(model, work)
    if gone:
        st.info(
            f"This model needs {messages.plain(' and '.join(gone))}, which is no longer in the project. Upload it again.", icon=":material/terrain:"
        )
    asked = (chosen, model, scheme, mask if mask != _WATER or work.scene_files else None, aoi, options, date, sources, of_network)
    unready = bool(gone) or jobs.is_busy() or (needs_scene and not work.scene_files) or lacks or not dated or not options.ready
    st.button("Make the map", icon=":material/play_arrow:", type="primary", on_click=_start, args=asked, disabled=unready, key="map.start")


def _masks(work):
    """Rasters that can say where not to map: single files."""
    return [name for name in work.covariates if (work.project.part("covariates") / name).is_file()]


def _mask_words(mask):
    return _MASK_WORDS.get(mask, f"where {mask} is 0 or empty")


def model_facts(identifier):
    """What `model.json` says of a trained model, without loading its learner.

    Raises
    ------
    ModelError
        If the file is gone or damaged.
    """
    path = current_work().project.part("models") / identifier / "model.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"The model {identifier!r} cannot be read ({error}). Train it again.") from None


def _scheme(model):
    from soilcore.core.classes import class_schemes, schemes_that_fit

    fitting = {scheme.id: scheme for scheme in schemes_that_fit(model["target"]["unit"], model["target"]["form"])}
    options = [*fitting, None]
    words = {identifier: scheme.title or identifier for identifier, scheme in fitting.items()} | {None: "values only"}
    chosen = st.selectbox("Classes", options, format_func=words.get, key="map.classes")
    if not fitting:
        made_for = " or ".join(sorted({f"{scheme.target_form} in {scheme.unit}" for scheme in class_schemes()}))
        st.caption(f"Salinity classes are made for {made_for}; convert the target on the samples page and train again to get them.")
    return chosen


def _area_of_interest(work):
    there = work.project.items("regions")
    now = work.state().get("aoi")
    index = there.index(now) if now in there else None
    chosen = st.selectbox(
        "Area of interest", there, index=index, placeholder="the whole image", key="map.aoi", help="Map and area table end at this boundary"
    )
    upload = st.file_uploader("Or upload a boundary", type=list(BOUNDARIES), max_upload_size=LIMIT_MB["regions"], key="map.boundary")
    if upload is not None and st.session_state.get("map.boundary.taken") != upload.file_id:
        st.session_state["map.boundary.taken"] = upload.file_id
        chosen = keep_upload(work.project, "regions", upload, BOUNDARIES)
        work.remember(aoi=chosen)
        st.rerun()
    return chosen


def _lacks_climate(model, work):
    """Whether the model wants climate and the project has none; says so."""
    lacks = bool(model["recipe"].get("climate")) and work.climate_source is None
    if lacks:
        st.info("This model needs climate. Choose it on the imagery page first.", icon=":material/thermostat:")
        steps.link("imagery", "Go to Imagery", ":material/arrow_back:")
    return lacks


def _sources(model, work):
    """Elevation model and vegetation series of which predictors of the training were made, and names of those that are gone."""
    trained = model["provenance"].get("settings", {}).get("inputs", {}).get("features", {})
    named = {what: trained.get(what) for what in ("dem", "series") if trained.get(what)}
    there = {what: path for what, path in named.items() if cached.exists(work.path(path))}
    return there, [Path(path).name for what, path in named.items() if what not in there]


def _start(identifier, model, scheme, mask, aoi, options, date, sources, of_network):
    from soilcore.features.recipe import FeatureSettings
    from soilcore.project.settings import MapTask

    work = current_work()
    recipe = model["recipe"]
    features = FeatureSettings(
        covariates=_rasters_for(model, sources),
        climate=work.climate_source if recipe.get("climate") else None,
        climate_months=recipe.get("climate_months", 12),
        max_days=recipe.get("max_days", 30),
        **sources,
    )
    inputs = work.inputs(
        features=features,
        aoi=f"regions/{aoi}" if aoi else None,
        mask="none" if mask is None else mask if mask == _WATER else f"covariates/{mask}",
        with_samples=False,
    )
    out = f"maps/{work.project.new_id('maps', 'map')}/map.tif"
    more = {"interval": options.interval, "thresholds": options.thresholds, "aoa": options.aoa, **of_network}
    jobs.start("map", MapTask(f"models/{identifier}", out, inputs, date, classes=scheme, **more), f"Mapping with {identifier}")


def _rasters_for(model, sources):
    """The project's rasters that carry the names of the model's predictors, but for those that are made of the sources."""
    uses = [use for use in model["recipe"]["covariates"] if not _is_made(use, sources)]
    wanted = {use["name"]: bool(use["categories"]) for use in uses} | dict.fromkeys(model["recipe"]["columns"], False)
    there = covariates.predictors()
    files = {there[name]: coded for name, coded in wanted.items() if name in there}
    return tuple(f"covariates/{name}{':categorical' if coded else ''}" for name, coded in files.items())


def _is_made(use, sources):
    """Whether a covariate of a recipe comes from the elevation model or the series themselves."""
    kind = (use.get("made") or {}).get("kind")
    return ("dem" in sources and (kind == "terrain" or use["name"] == "elevation")) or ("series" in sources and kind == "phenology")


def choose():
    """The map to look at: the newest unless another is picked."""
    work = current_work()
    chosen = work.map
    if len(work.maps) > 1:
        chosen = st.selectbox("Map to look at", work.maps, index=work.maps.index(chosen), key="map.chosen", on_change=_remember_choice)
    return read(work.project.path("maps", chosen))


def _remember_choice():
    current_work().remember(map=st.session_state["map.chosen"])


def read(folder):
    """A finished map from its folder; what its run file does not say stays empty."""
    try:
        run = json.loads((folder / "map.run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return MadeMap(folder.name, folder, {}, {})
    return MadeMap(folder.name, folder, run["steps"][0]["settings"], run.get("result", {}))
