"""What SS-SoilNet and SoilNet rest on: attributions per band, index, channel, variable and month, and tables of attention."""

import numpy as np
import pytest
import torch
from explanation.network_worlds import BANDS, INDICES, LAYERS, VARIABLES, coast, upland

from soilcore.core.errors import NotAvailableError
from soilcore.explanation.networks import ATTENTION_IS_NO_CAUSE, attribution_rows, data_of, member_attributions, network_explanation
from soilcore.models.baselines import MeanModel
from soilcore.models.neural import NetworkLearner
from soilcore.models.settings import NetworkSettings

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def fitted(name, world, members=1, gate="soft", epochs=1, rate=None):
    X, y, around = world
    settings = NetworkSettings(epochs=epochs, members=members, batch=16, gate=gate, learning_rate=rate)
    return NetworkLearner(name, device="cpu", network=settings).fit(X, y, coordinates=around)


@pytest.fixture(scope="module")
def sssoilnet():
    world = coast()
    return fitted("sssoilnet", world, members=2), world


@pytest.fixture(scope="module")
def soilnet():
    world = upland()
    return fitted("soilnet-small", world), world


def explained(learner, world, **named):
    X, _, around = world
    return network_explanation(learner, X.iloc[:12], X, around.take(np.arange(12)), around, **named)


def test_bands_and_indices_of_an_sssoilnet_get_a_row_each(sssoilnet):
    learner, world = sssoilnet
    facts = explained(learner, world, draws=8, baselines=10)
    rows = facts["rows"]
    named = {(row["input"], row["name"]) for row in rows}
    assert {name for kind, name in named if kind == "spectrum"} == set(BANDS)
    assert {name for kind, name in named if kind == "indices"} == set(INDICES)
    assert len([name for kind, name in named if kind == "ndvi"]) == 1
    assert sum(row["share"] for row in rows) == pytest.approx(1, abs=1e-5)
    assert facts["members"] == 2
    assert facts["scale"] == "log1p of the target"
    assert all(row["sd_members"] is not None for row in rows)
    assert all(bool(row["reason"]) != row["shown"] for row in rows)


def test_attention_and_weights_are_tables_with_the_sentence_that_they_are_no_cause(sssoilnet):
    learner, world = sssoilnet
    facts = explained(learner, world, draws=2, baselines=4)
    assert [row["covariate"] for row in facts["attention"]] == list(LAYERS)
    for row in facts["attention"]:
        values = [value for name, value in row.items() if name != "covariate"]
        assert len(values) == len(BANDS) + 2
        assert sum(values) == pytest.approx(1, abs=1e-5)
    weights = [row["weight"] for row in facts["covariate_weights"]]
    assert weights == sorted(weights, reverse=True)
    assert {row["covariate"] for row in facts["covariate_weights"]} == set(LAYERS)
    assert facts["attention_sentence"] == ATTENTION_IS_NO_CAUSE
    assert "no causal importance" in ATTENTION_IS_NO_CAUSE


def test_sums_of_all_inputs_come_to_the_predictions_on_the_modelling_scale(sssoilnet):
    """With the window held, baselines are seen through each sample's own surroundings."""
    learner, (X, _, around) = sssoilnet
    some = around.take(np.arange(4))
    found = member_attributions(learner, X.iloc[:4], X, some, around, draws=100, baselines=4)
    logs = np.mean([one.predicted + learner.scale_.shift for one in found], axis=0)
    one_by_one = [learner.scale_.logarithm(outputs) for outputs in learner._outputs(data_of(learner, X.iloc[:4], some), "forward")]
    np.testing.assert_allclose(logs, np.mean(one_by_one, axis=0), atol=1e-5)
    assert np.mean([np.abs(one.gap).mean() for one in found]) < 0.25 * np.mean([np.abs(one.predicted - one.expected).mean() for one in found])


def test_the_layers_of_the_window_are_explained_on_request(sssoilnet):
    learner, world = sssoilnet
    facts = explained(learner, world, draws=2, baselines=4, window=True)
    assert {row["name"] for row in facts["rows"] if row["input"] == "window"} == set(LAYERS)


def test_an_index_network_has_no_bands_and_no_attention():
    world = coast(30)
    facts = explained(fitted("sssoilnet-index", world), world, draws=4, baselines=4)
    assert {row["input"] for row in facts["rows"]} == {"indices", "ndvi"}
    assert facts["attention"] is None
    assert facts["attention_sentence"] == ""


def test_a_hard_gate_has_no_slope_and_no_row():
    world = coast(30)
    facts = explained(fitted("sssoilnet-index", world, gate="hard"), world, draws=4, baselines=4)
    assert {row["input"] for row in facts["rows"]} == {"indices"}


def test_a_sample_without_ndvi_stands_where_the_gate_is_half_open(sssoilnet):
    learner, (X, _, around) = sssoilnet
    some = X.iloc[:6].copy()
    some.loc[some.index[2], "NDVI"] = np.nan
    few = around.take(np.arange(6))
    found = member_attributions(learner, some, X, few, around, draws=4, baselines=4)[0]
    assert np.isfinite(found.halves["ndvi"]).all()
    outputs = learner._outputs(data_of(learner, some, few), "forward", learner.members_[:1])[0]
    np.testing.assert_allclose(found.predicted, outputs * learner.scale_.spread, atol=1e-5)


def test_channels_variables_and_months_of_a_soilnet_get_a_row_each(soilnet):
    learner, world = soilnet
    facts = explained(learner, world, draws=4, baselines=6)
    kinds = {kind: [row["name"] for row in facts["rows"] if row["input"] == kind] for kind in ("image", "climate", "month")}
    assert set(kinds["image"]) == {"R", "N", "elevation"}
    assert set(kinds["climate"]) == set(VARIABLES)
    assert set(kinds["month"]) == {"0", "1", "2", "3", "4", "5"}
    assert facts["climate"]["rows"] == ["5", "4", "3", "2", "1", "0"]
    assert facts["climate"]["columns"] == list(VARIABLES)
    assert np.shape(facts["climate"]["values"]) == (6, 2)
    assert facts["attention"] is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device: recurrent networks have no gradient at rest under cuDNN")
def test_on_cuda_attributions_are_those_of_the_cpu(soilnet):
    learner, (X, _, around) = soilnet
    some = X.iloc[:4], X, around.take(np.arange(4)), around
    on_cpu = member_attributions(learner, *some, draws=4, baselines=6)[0]
    learner.device = "cuda"
    on_cuda = member_attributions(learner, *some, draws=4, baselines=6)[0]
    learner.device = "cpu"
    for name, values in on_cpu.halves.items():
        np.testing.assert_allclose(on_cuda.halves[name], values, rtol=1e-2, atol=1e-4)


def test_what_the_target_follows_from_carries_the_attribution():
    """A network that reads the bands well must lean on the one that makes the target."""
    world = coast(120, seed=3, noise=0.0)
    X, _, around = world
    learner = fitted("sssoilnet-spec-index", world, epochs=12, rate=3e-3)
    new_X, _, new = coast(20, seed=4, noise=0.0)
    rows = network_explanation(learner, new_X, X, new, around, draws=30, baselines=30)["rows"]
    heaviest = max(rows, key=lambda row: row["mean_abs"])
    assert (heaviest["input"], heaviest["name"]) == ("spectrum", "N")
    assert heaviest["reliability"] > 0.95
    assert heaviest["shown"]


def test_features_that_only_noise_moves_are_not_shown():
    rng = np.random.default_rng(0)
    signal = rng.normal(size=(1, 200, 1))
    halves = np.concatenate([signal + 0.1 * rng.normal(size=(2, 200, 1)), rng.normal(size=(2, 200, 1)), np.zeros((2, 200, 1))], axis=2)
    true, noise, dead = attribution_rows("spectrum", ("true", "noise", "dead"), [halves], 2.0)
    assert true["shown"]
    assert true["noise"] < 0.15
    assert not noise["shown"]
    assert "more draws" in noise["reason"]
    assert "do not depend" in dead["reason"]
    assert dead["noise"] is None


def test_other_learners_are_refused():
    X, y, _ = coast(20)
    with pytest.raises(NotAvailableError, match="MeanModel is none"):
        member_attributions(MeanModel().fit(X, y), X, X)
