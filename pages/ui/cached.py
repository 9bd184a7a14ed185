"""Expensive reads, kept by the file's stamp and frozen settings, never by arrays."""

from dataclasses import replace
from pathlib import Path

import streamlit as st

from pages.ui.session import current_work

_KEEP = 8


def stamp(path):
    """What changes when a file, or anything in a folder, changes: path, size and time of change."""
    path = Path(path)
    if not path.is_dir():
        return _stamp(path)
    return " ".join([_stamp(path), *(_stamp(inside) for inside in sorted(path.rglob("*")) if inside.is_file())])


def _stamp(path):
    facts = path.stat()
    return f"{path}:{facts.st_size}:{facts.st_mtime_ns}"


def stamps_of(inputs):
    """Stamps of everything that `InputSettings` with whole paths name."""
    features = inputs.features
    files = (inputs.samples, *(inputs.scene.paths if inputs.scene else ()), *features.covariates, *features.distances)
    files += (features.dem, features.climate, features.series)
    return tuple(stamp(path.removesuffix(":categorical")) for path in files if path)


def exists(path):
    """Whether a file or folder is still there."""
    return Path(path).exists()


def samples():
    """The chosen table, read as its settings say; None when none is chosen."""
    work = current_work()
    if work.samples_file is None:
        return None
    path = work.path(f"samples/{work.samples_file}")
    return _samples(stamp(path), work.sample_settings, path)


def table(name, settings):
    """Another table of the project, read as `settings` say."""
    path = current_work().path(f"samples/{name}")
    return _samples(stamp(path), settings, path)


@st.cache_resource(max_entries=_KEEP, show_spinner="Reading the table ...")
def _samples(stamp, settings, _path):
    from soilcore.data.samples import read_samples

    return read_samples(_path, settings)


def scene():
    """The chosen imagery as one scene; None when none is chosen. Of several dates it is the one that was last looked at, else the last."""
    opened = imagery()
    if not is_series(opened):
        return opened
    return opened.at(shown_date(opened))


def is_series(opened):
    """Whether imagery has several dates."""
    return hasattr(opened, "dates")


def shown_date(series):
    """The date of a series that the pages show."""
    said = current_work().state().get("scene_date")
    return next((day for day in series.dates if str(day) == said), series.dates[-1])


def imagery():
    """The chosen images as one scene, or as a series of dated scenes; None when none is chosen."""
    return images(current_work().scene_settings)


def images(settings):
    """Images as `SceneSettings` with paths relative to the project name them; None for None."""
    work = current_work()
    if settings is None:
        return None
    whole = replace(settings, paths=tuple(work.path(path) for path in settings.paths))
    return _scene(tuple(stamp(path) for path in whole.paths), whole)


@st.cache_resource(max_entries=_KEEP, show_spinner="Opening the scene ...")
def _scene(stamps, settings):
    from soilcore.data.scene_series import open_scenes

    return open_scenes(settings)


def climate():
    """The chosen climate; None when none is chosen."""
    work = current_work()
    path = work.path(work.climate_source)
    return _climate(stamp(path), path) if path else None


@st.cache_resource(max_entries=2, show_spinner="Reading the climate ...")
def _climate(stamp, path):
    from soilcore.data.climate import open_climate

    return open_climate(path)


def climate_join(table, climate):
    """Which samples have climate before their date, shape (n,)."""
    return _climate_join(table.fingerprint, climate.fingerprint, table, climate)


@st.cache_data(max_entries=_KEEP, show_spinner="Joining samples and climate ...")
def _climate_join(samples_print, climate_print, _table, _climate):
    import numpy as np

    from soilcore.data.dates import sample_dates

    x, y = (_table.x, _table.y) if _table.has_places else (None, None)
    ids = _table.table[_table.columns["id"]] if "id" in _table.columns else None
    return np.isfinite(_climate.sample(x, y, _table.crs, sample_dates(_table), ids)).all(axis=1)


def open_again(answers):
    """Open the chosen images as other answers would have them read, to hear what is refused.

    Parameters
    ----------
    answers : dict
        `SceneSettings` by name, without paths.
    """
    from soilcore.core.settings import from_plain
    from soilcore.data.imagery import SceneSettings
    from soilcore.data.scene_series import open_scenes

    work = current_work()
    return open_scenes(from_plain(SceneSettings, {**answers, "paths": [work.path(f"scenes/{name}") for name in work.scene_files]}))


def findings():
    """Everything the checks find in the chosen table, against the scene where there is one."""
    table, image = samples(), scene()
    return _findings(table.fingerprint, image.fingerprint if image else None, table, image)


@st.cache_data(max_entries=_KEEP, show_spinner="Checking the samples ...")
def _findings(samples_print, scene_print, _samples, _scene):
    from soilcore.data.checks import check_samples

    return [vars(finding) for finding in check_samples(_samples, _scene)]


def quality_shares(image):
    """What the quality layer of a scene leaves out: shares by class, and altogether."""
    return _quality_shares(image.fingerprint, image)


@st.cache_data(max_entries=_KEEP, show_spinner="Looking at clouds ...")
def _quality_shares(scene_print, _scene):
    from soilcore.data.quality import quality_shares as shares_of

    return shares_of(_scene.quality)


def products():
    """What the chosen images are as products, one entry per image: `Product`, or None for plain files."""
    work = current_work()
    paths = [work.path(f"scenes/{name}") for name in work.scene_files]
    return [_product(stamp(path), path) for path in paths]


@st.cache_data(max_entries=4 * _KEEP, show_spinner=False)
def _product(stamp, path):
    from soilcore.data.products import product_of

    return product_of(path)


def band_table(image):
    """Statistics of every band, stored values and reflectance."""
    return _band_table(image.fingerprint, image)


@st.cache_data(max_entries=_KEEP, show_spinner="Reading the bands ...")
def _band_table(scene_print, _scene):
    from soilcore.data.previews import band_statistics

    return band_statistics(_scene)


def histogram(image, role):
    """How often values occur in one band: (counts, edges) of stored values and of reflectance."""
    return _histogram(image.fingerprint, role, image)


@st.cache_data(max_entries=64, show_spinner="Counting values ...")
def _histogram(scene_print, role, _scene):
    from soilcore.data.previews import band_histogram

    return band_histogram(_scene, role)


def facts(kind, settings):
    """Facts of a quick task, for a page that shows them at once; keyed by the inputs' stamps and the settings."""
    inputs = settings.inputs
    return _facts(stamps_of(inputs), kind, settings)


@st.cache_data(max_entries=_KEEP, show_spinner="Computing ...")
def _facts(stamps, kind, settings):
    from soilcore.project.tasks import run_task

    return run_task(kind, settings)


_LEFT_ON_FILE = ("network", "spectra-network")  # a server that imported what they need would hold a gigabyte for good


def model(identifier):
    """A saved model of the open project; of a network what is known of it, without the network itself."""
    work = current_work()
    folder = work.path(f"models/{identifier}")
    return _model(stamp(f"{folder}/model.json"), folder)


@st.cache_resource(max_entries=4, show_spinner="Loading the model ...")
def _model(stamp, folder):
    from soilcore.models.archive import load_model

    return load_model(folder, leave=_LEFT_ON_FILE)


def design(table):
    """How the samples lie (see `soilcore.evaluation.sampling_design`); None without places."""
    return _design(table.fingerprint, table) if table.has_places else None


@st.cache_data(max_entries=_KEEP, show_spinner="Looking at how the samples lie ...")
def _design(samples_print, _samples):
    from soilcore.core.projection import projected_metres
    from soilcore.evaluation.sampling_design import detect_design

    return detect_design(projected_metres(_samples.x, _samples.y, _samples.crs))


def folds(inputs, settings):
    """What folds would be like: ``label``, ``sizes``, ``findings``; keyed by the inputs' stamps and the settings.

    Parameters
    ----------
    inputs : InputSettings
        Paths relative to the project.
    settings : SplitSettings
    """
    here = current_work().absolute(inputs)
    return _folds(stamps_of(here), here, settings)


@st.cache_data(max_entries=4 * _KEEP, show_spinner="Looking at the folds ...")
def _folds(stamps, inputs, settings):
    from soilcore.evaluation.splits import make_splits
    from soilcore.project.chain import places_to_map, projected_places

    table, opened = _table(stamps, inputs)
    places = places_to_map(inputs, table, opened)[1] if settings.scheme == "knndm" else None
    splits = make_splits(
        settings, len(table), coordinates=projected_places(table), table=table.table, target=table.y, prediction_points=places, predictors=table.X
    )
    return {"label": splits.label, "sizes": list(splits.sizes), "findings": [vars(finding) for finding in splits.findings]}


@st.cache_resource(max_entries=_KEEP, show_spinner="Making the predictors ...")
def _table(stamps, inputs):
    from soilcore.project.chain import feature_table

    return feature_table(inputs)[:2]
