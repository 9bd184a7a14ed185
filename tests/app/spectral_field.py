"""A project with a small spectral library, and everything that can be done with it really done once."""

import numpy as np

from soilcore.core.settings import to_plain
from soilcore.data.samples import SampleSettings
from soilcore.data.spectra_set import SpectraSettings
from soilcore.evaluation.splits import SplitSettings
from soilcore.models.settings import FitSettings, NetworkSettings
from soilcore.project.folder import Project
from soilcore.project.spectra_settings import SpectraAttributeTask, SpectraCompareTask, SpectraPredictTask, SpectraTrainTask
from tests.app.field import finished_job

EVERY = 12  # of the points of the synthetic axis: enough for bands to be seen, few enough for quick fits
FILE, NEW, MODEL = "library.csv", "new.csv", "spectral-plsr-1"
SETTINGS = SpectraSettings((f"spectra/{FILE}",), SampleSettings(target="kex_cmol_kg", unit="cmol/kg"), group="order")
QUICK = FitSettings("log1p", trials=0, jobs=1, network=NetworkSettings(epochs=2, batch=16))


def library_table(samples=150, seed=0, places=False):
    """Synthetic spectra as a table, with places if asked for."""
    from soilcore.data.synthetic_spectra import synthetic_spectra

    table = synthetic_spectra(samples, seed).table()
    points = list(table.columns[3:])[::EVERY]
    table = table[["id", "order", "kex_cmol_kg", *points]]
    if places:
        chance = np.random.default_rng(seed)
        table.insert(1, "longitude", 10 + 0.5 * chance.random(samples))
        table.insert(2, "latitude", 50 + 0.5 * chance.random(samples))
    return table


def library_text(**options):
    """The same as the text of a CSV file."""
    return library_table(**options).to_csv(index=False, float_format="%.5g")


def make_library(workspace, chosen=SETTINGS):
    """A project whose library is chosen and read as it should be."""
    project = Project.create(workspace, "Spectral field")
    (project.part("spectra") / FILE).write_text(library_text(), encoding="utf-8")
    (project.part("spectra") / NEW).write_text(library_text(samples=30, seed=5, places=True), encoding="utf-8")
    plain = to_plain(chosen)
    project.remember(spectra_file=FILE, spectra_settings={name: value for name, value in plain.items() if name != "paths"})
    return project


def make_finished_library(workspace):
    """A comparison with learning curve and local training, a kept model, an explanation, predictions of new spectra with places."""
    project = make_library(workspace)
    splits = SplitSettings("holdout")
    several = SpectraCompareTask(SETTINGS, ("mean", "plsr"), (), splits, 2, QUICK, curve=(60,), local=True, predictions=True, permutations=0)
    finished_job(project, "spectra-compare", several)
    finished_job(project, "spectra-train", SpectraTrainTask(SETTINGS, "plsr", f"models/{MODEL}", (), splits, 2, QUICK, permutations=0))
    project.remember(spectral_model=MODEL)
    finished_job(project, "spectra-attribute", SpectraAttributeTask(f"models/{MODEL}", SETTINGS, draws=10, seeds=2))
    new = SpectraSettings((f"spectra/{NEW}",))
    finished_job(project, "spectra-predict", SpectraPredictTask(f"models/{MODEL}", new, "reports/predicted-new-1.gpkg"))
    return project


def make_network_library(workspace):
    """A comparison in which the network learned for two epochs in each of two folds, with losses by group."""
    project = make_library(workspace)
    task = SpectraCompareTask(SETTINGS, ("spectra-cnn",), (), SplitSettings("random", folds=2), 1, QUICK, predictions=True, permutations=0)
    finished_job(project, "spectra-compare", task)
    return project


if __name__ == "__main__":  # in a process of its own, where torch may live
    import sys
    from pathlib import Path

    make_network_library(Path(sys.argv[1]))
