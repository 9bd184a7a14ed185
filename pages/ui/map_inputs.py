"""What a model of the project is mapped from: imagery, rasters, elevation and climate of the project, and what of it is no longer there."""

from dataclasses import replace
from pathlib import Path

import streamlit as st

from pages.ui import cached, covariates, messages, steps
from pages.ui.session import current_work
from soilcore.core.settings import from_plain
from soilcore.data.imagery import SceneSettings
from soilcore.features.recipe import FeatureSettings

WATER = "water"
_MASK_WORDS = {None: "nothing", WATER: "water, found in the image"}


def needs_scene(model):
    """Whether a model reads imagery; `model` as `model.json` says."""
    recipe = model["recipe"]
    return bool(recipe["bands"] or recipe["indices"] or recipe["formulas"])


def inputs(model, scene, mask, aoi):
    """`InputSettings` of a map, paths relative to the project.

    Parameters
    ----------
    model : dict
        As `model.json` says.
    scene : SceneSettings or None
    mask : str or None
        `WATER`, the name of a raster of the project, or None for nothing.
    aoi : str or None
        Name of a boundary.
    """
    recipe, work = model["recipe"], current_work()
    sources, _ = _sources(model)
    features = FeatureSettings(
        covariates=_rasters_for(model, sources),
        climate=work.climate_source if recipe.get("climate") else None,
        climate_months=recipe.get("climate_months", 12),
        max_days=recipe.get("max_days", 30),
        **sources,
    )
    masked = "none" if mask is None or (mask == WATER and scene is None) else mask if mask == WATER else f"covariates/{mask}"
    asked = work.inputs(features=features, aoi=f"regions/{aoi}" if aoi else None, mask=masked, with_samples=False)
    return replace(asked, scene=scene)


def ready(model):
    """Whether everything but imagery is there that a model needs; says what is not."""
    lacks_climate = bool(model["recipe"].get("climate")) and current_work().climate_source is None
    if lacks_climate:
        st.info("This model needs climate. Choose it on the imagery page first.", icon=":material/thermostat:")
        steps.link("imagery", "Go to Imagery", ":material/arrow_back:")
    _, gone = _sources(model)
    if gone:
        lost = messages.plain(" and ".join(gone))
        st.info(f"This model needs {lost}, which is no longer in the project. Upload it again.", icon=":material/terrain:")
    return not (lacks_climate or gone)


def scene_like_training(model, paths):
    """Imagery read as that of the training was, unless it is the chosen one, for which somebody may have said more.

    Parameters
    ----------
    model : dict
    paths : tuple of str
        Relative to the project.

    Returns
    -------
    SceneSettings
    """
    chosen = current_work().scene_settings
    if chosen is not None and tuple(chosen.paths) == tuple(paths):
        return chosen
    trained = model["provenance"].get("settings", {}).get("inputs", {}).get("scene") or {}
    return from_plain(SceneSettings, {**trained, "paths": list(paths), "date": None})


def ask_scheme(model, key):
    """Which class scheme, of those that fit the target; None for values only."""
    from soilcore.core.classes import schemes_that_fit

    fitting = {scheme.id: scheme.title or scheme.id for scheme in schemes_that_fit(model["target"]["unit"], model["target"]["form"])}
    words = {**fitting, None: "values only"}
    return st.selectbox("Classes", list(words), format_func=words.get, key=f"{key}.{len(fitting)}", persist_state="session")


def ask_mask(key):
    """What is left out of a map."""
    work = current_work()
    rasters = [name for name in work.covariates if (work.project.part("covariates") / name).is_file()]
    return st.selectbox("Leave out", [WATER, None, *rasters], format_func=_mask_words, key=f"{key}.{len(rasters)}", persist_state="session")


def _mask_words(mask):
    return _MASK_WORDS.get(mask, f"where {mask} is 0 or empty")


def ask_aoi(key):
    """Which boundary a map ends at, or None."""
    work = current_work()
    there, now = work.project.items("regions"), work.state().get("aoi")
    index = there.index(now) if now in there else None
    return st.selectbox("Area of interest", there, index, placeholder="the whole image", key=f"{key}.{now}.{len(there)}")


def _sources(model):
    """Elevation model and vegetation series of which predictors of the training were made, and names of those that are gone."""
    work = current_work()
    trained = model["provenance"].get("settings", {}).get("inputs", {}).get("features", {})
    named = {what: trained.get(what) for what in ("dem", "series") if trained.get(what)}
    there = {what: path for what, path in named.items() if cached.exists(work.path(path))}
    return there, [Path(path).name for what, path in named.items() if what not in there]


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
