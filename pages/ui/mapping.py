"""Panels of the map page: what to map, and a finished map with its layers, areas and files."""

import json
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.ui import jobs, map_date, map_inputs, map_networks, map_options, messages, steps
from pages.ui.session import current_work
from pages.ui.workspace import BOUNDARIES, LIMIT_MB, keep_upload
from soilcore.core.errors import ModelError


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
        mask = map_inputs.ask_mask("map.mask")
    with right:
        aoi = _area_of_interest(work)
    lacks_scene = map_inputs.needs_scene(model) and not work.scene_files
    if lacks_scene:
        st.info("This model needs an image. Choose one first.", icon=":material/satellite_alt:")
        steps.link("imagery", "Go to Imagery", ":material/arrow_back:")
    all_there = map_inputs.ready(model)
    date, dated = map_date.choose(model)
    options = map_options.form(model)
    of_network = map_networks.form(chosen, model)
    asked = (chosen, model, scheme, mask, aoi, options, date, of_network)
    unready = jobs.is_busy() or lacks_scene or not all_there or not dated or not options.ready
    st.button("Make the map", icon=":material/play_arrow:", type="primary", on_click=_start, args=asked, disabled=unready, key="map.start")


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


def _start(identifier, model, scheme, mask, aoi, options, date, of_network):
    from soilcore.project.settings import MapTask

    work = current_work()
    inputs = map_inputs.inputs(model, work.scene_settings, mask, aoi)
    out = f"maps/{work.project.new_id('maps', 'map')}/map.tif"
    more = {"interval": options.interval, "thresholds": options.thresholds, "aoa": options.aoa, **of_network}
    jobs.start("map", MapTask(f"models/{identifier}", out, inputs, date, classes=scheme, **more), f"Mapping with {identifier}")


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
