"""Attributions of a trained network as a task: inputs by name, shares, and who is refused."""

import numpy as np
import pytest

from soilcore.core.errors import SettingsError
from soilcore.data.imagery import SceneSettings
from soilcore.data.samples import SampleSettings
from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.models.settings import FitSettings, NetworkSettings
from soilcore.project.settings import InputSettings, NetworkAttributeTask, TrainTask
from soilcore.project.tasks import run_task


def inputs(demo):
    features = FeatureSettings(bands=True, dem=str(demo / "dem.tif"))
    return InputSettings(str(demo / "samples.csv"), SampleSettings(target="ece_dS_m"), SceneSettings((str(demo / "scene.tif"),)), features)


def trained(demo, out, name):
    fit = FitSettings("log1p", trials=0, jobs=1, device="cpu", network=NetworkSettings(epochs=1, patch=9))
    run_task("train", TrainTask(inputs(demo), name, str(out), SplitSettings("random", 2), fit, permutations=0))
    return str(out)


def test_every_band_and_index_of_a_network_gets_its_share(demo, tmp_path):
    folder = trained(demo, tmp_path / "net", "sssoilnet-spec-index")
    facts = run_task("network-attribute", NetworkAttributeTask(folder, inputs(demo), samples=8, draws=4, device="cpu"))
    rows = {(row["input"], row["name"]): row for row in facts["rows"]}
    assert ("spectrum", "S1") in rows and ("indices", "NDVI") in rows
    assert facts["n"] == 8
    assert all(np.isfinite(row["mean_abs"]) for row in facts["rows"])
    assert sum(row["share"] for row in facts["rows"]) == pytest.approx(1, abs=0.05)
    assert facts["sentences"]
    again = run_task("network-attribute", NetworkAttributeTask(folder, inputs(demo), samples=8, draws=4, device="cpu"))
    assert again["rows"] == facts["rows"]


def test_a_learner_without_windows_is_refused_in_words(demo, tmp_path):
    folder = trained(demo, tmp_path / "mean", "mean")
    with pytest.raises(SettingsError, match="no network that reads windows"):
        run_task("network-attribute", NetworkAttributeTask(folder, inputs(demo)))
    with pytest.raises(SettingsError, match="3 samples"):
        run_task("network-attribute", NetworkAttributeTask(folder, inputs(demo), samples=1))
