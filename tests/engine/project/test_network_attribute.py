"""Attributions of a trained network as tasks: inputs by name, shares, one pixel with its attention, and who is refused."""

from contextlib import chdir

import numpy as np
import pandas as pd
import pytest

from soilcore.core.errors import SettingsError
from soilcore.data.imagery import SceneSettings
from soilcore.data.samples import SampleSettings
from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.models.archive import load_model
from soilcore.models.settings import FitSettings, NetworkSettings
from soilcore.project.explain_settings import ExplainTask
from soilcore.project.settings import InputSettings, NetworkAttributeTask, TrainTask
from soilcore.project.tasks import run_task


def inputs(demo):
    features = FeatureSettings(bands=True, dem=str(demo / "dem.tif"))
    return InputSettings(str(demo / "samples.csv"), SampleSettings(target="ece_dS_m"), SceneSettings((str(demo / "scene.tif"),)), features)


def trained(demo, out, name):
    fit = FitSettings("log1p", trials=0, jobs=1, device="cpu", network=NetworkSettings(epochs=1, patch=9))
    run_task("train", TrainTask(inputs(demo), name, str(out), SplitSettings("random", 2), fit, permutations=0))
    return str(out)


@pytest.fixture(scope="module")
def network(demo, tmp_path_factory):
    """The folder of a network with attention."""
    return trained(demo, tmp_path_factory.mktemp("network") / "net", "sssoilnet")


def test_every_band_and_index_of_a_network_gets_its_share(demo, network):
    facts = run_task("network-attribute", NetworkAttributeTask(network, inputs(demo), samples=8, draws=4, device="cpu"))
    rows = {(row["input"], row["name"]): row for row in facts["rows"]}
    assert ("spectrum", "S1") in rows and ("indices", "NDVI") in rows
    assert facts["n"] == 8
    assert all(np.isfinite(row["mean_abs"]) for row in facts["rows"])
    assert sum(row["share"] for row in facts["rows"]) == pytest.approx(1, abs=0.05)
    assert facts["sentences"]
    again = run_task("network-attribute", NetworkAttributeTask(network, inputs(demo), samples=8, draws=4, device="cpu"))
    assert again["rows"] == facts["rows"]


def test_a_networks_samples_are_explained_like_those_of_any_model(network, ask, tmp_path):
    code, facts = ask("explain", network, "--out", tmp_path / "e", "--explain-samples", "8", "--draws", "4", "--device", "cpu")
    assert code == 0
    assert (facts["kind"], facts["n"], facts["of"]) == ("network", 8, "the training samples")
    assert facts.keys() >= {"base", "prediction", "additivity_error", "rows", "attention", "text"}
    assert all({"feature", "value", "contribution"} <= set(row) for row in facts["rows"])
    assert facts["importance"] is None and "not computed" in facts["importance_note"]
    assert len(pd.read_csv(tmp_path / "e" / "drivers.csv")) == len(facts["rows"])


def test_one_pixel_of_a_network_is_explained_with_where_it_looked_just_there(demo, network, ask, tmp_path):
    samples = pd.read_csv(demo / "samples.csv")
    table = load_model(network).out_of_fold
    place = table.iloc[0]
    code, facts = ask(
        "explain", network, "--at", f"{place['x']},{place['y']}", "--at-crs", "EPSG:4326", "--draws", "60", "--out", tmp_path / "e", "--device", "cpu"
    )
    assert code == 0 and facts["valid"] and len(samples)
    assert facts["nearest"]["distance_m"] < 20  # the pixel of that sample
    assert facts["lower"] < facts["value"] < facts["upper"]
    reached = facts["base"] + sum(row["contribution"] for row in facts["rows"])
    assert abs(reached - facts["prediction"]) == pytest.approx(facts["additivity_error"], abs=1e-6)
    assert facts["additivity_error"] < 0.05
    assert {row["input"] for row in facts["rows"]} == {"spectrum", "indices", "ndvi", "window"}
    for row in facts["attention"]:
        assert sum(value for name, value in row.items() if name != "covariate") == pytest.approx(1, abs=1e-5)
    mean = {row["covariate"]: row["weight"] for row in facts["covariate_weights"]}
    assert mean != load_model(network).learner.describe()["covariate_weights"]
    assert "no causal importance" in facts["attention_sentence"]


def test_permutation_importance_of_a_network_is_refused_in_words(network, tmp_path):
    with pytest.raises(SettingsError, match="not done for networks"):
        run_task("explain", ExplainTask(network, str(tmp_path / "e"), permutations=3, device="cpu"))


def test_a_learner_without_windows_is_refused_in_words(demo, tmp_path):
    with chdir(tmp_path):
        folder = trained(demo, tmp_path / "mean", "mean")
    with pytest.raises(SettingsError, match="no network that reads windows"):
        run_task("network-attribute", NetworkAttributeTask(folder, inputs(demo)))
    with pytest.raises(SettingsError, match="3 samples"):
        run_task("network-attribute", NetworkAttributeTask(folder, inputs(demo), samples=1))
