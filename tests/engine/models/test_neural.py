"""Networks as learners: they find what is there and nothing else, know only training samples, and keep the contract of every learner."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from soilcore.core.errors import ModelError, SettingsError, Stopped
from soilcore.evaluation.protocol import evaluate, fit_clone, take
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.features.surroundings import Surroundings
from soilcore.models.catalogue import learner_specs, make_learner
from soilcore.models.checkpoints import keeping_checkpoints
from soilcore.models.compiled import compile_learner
from soilcore.models.kriging_learners import RegressionKriging
from soilcore.models.neural import SpectraNetwork
from soilcore.models.neural_profiles import PROFILES
from soilcore.models.settings import FitSettings, NetworkSettings
from soilcore.models.stacking import StackingModel
from tests.engine.models.neural_samples import BANDS, INDICES, SOILNET_NEEDS, SS_NEEDS, WINDOW, needs_of, network, r2, samples, spectra

pytestmark = pytest.mark.usefixtures("one_torch_thread")


CAUSES = {
    "soilnet-small": ("image", "climate"),
    "sssoilnet": ("window", "spectrum", "index"),
    "sssoilnet-dense": ("window", "index"),
    "sssoilnet-index": ("index",),
}


@pytest.fixture(scope="module")
def fitted():
    """Networks after two epochs, by name; two members of SS-SoilNet."""
    found = {}
    for name in ("sssoilnet", "sssoilnet-dense", "sssoilnet-index", "soilnet-small"):
        data = samples(needs_of(name), 40)
        learner = network(name, members=2 if name == "sssoilnet" else 1)
        found[name] = learner.fit(data.X, data.target("index"), coordinates=data.surroundings), data
    return found


@pytest.mark.parametrize("name", CAUSES)
def test_a_network_finds_every_input_that_makes_the_target(name):
    train, test = samples(needs_of(name), 110), samples(needs_of(name), 80, seed=1)
    target, unseen = (np.exp(0.5 * sum(one.causes[cause] for cause in CAUSES[name]) + 1) for one in (train, test))
    learner = network(name, epochs=15 if name == "soilnet-small" else 12, learning_rate=3e-3, batch=16).fit(
        train.X, target, coordinates=train.surroundings
    )
    predicted = learner.predict(test.X, coordinates=test.surroundings)
    assert r2(np.log1p(unseen), np.log1p(predicted)) > 0.1
    assert min(np.corrcoef(np.log1p(predicted), test.causes[cause])[0, 1] for cause in CAUSES[name]) > 0.1


def test_the_network_for_spectra_finds_the_peak_that_makes_the_target():
    (X, y), (unseen, wanted) = spectra(), spectra(60, seed=1)
    learner = network("spectra-cnn", epochs=20, batch=16).fit(X, y)
    assert r2(wanted, learner.predict(unseen)) > 0.8
    assert learner.describe()["too_few"] == "" or learner.describe()["measured"]["reference"] == "plsr"


@pytest.mark.parametrize("name", ["sssoilnet-index", "soilnet-small"])
def test_permuted_targets_show_no_skill(name):
    data = samples(needs_of(name), 60)
    y = np.random.default_rng(3).permutation(data.target("index"))
    splits = replace(make_splits(SplitSettings(folds=3), len(data)), surroundings=data.surroundings)
    assert evaluate(network(name, epochs=6, learning_rate=3e-3), data.X, y, splits).scores["r2"] < 0.05


def test_permuted_targets_show_no_skill_of_spectra():
    X, y = spectra()
    splits = make_splits(SplitSettings(folds=3), len(y))
    assert evaluate(network("spectra-cnn", epochs=10), X, np.random.default_rng(3).permutation(y), splits).scores["r2"] < 0.05


@pytest.mark.parametrize("name", ["sssoilnet", "sssoilnet-dense", "soilnet-small"])
def test_altering_the_test_samples_leaves_the_fit_unchanged(name):
    data = samples(needs_of(name), 45)
    y, (train, test) = data.target("index"), make_splits(SplitSettings(folds=3), 45).folds()[0]
    wild_X, wild_y = data.X.copy(), y.copy()
    wild_X.iloc[test], wild_y[test] = 1e3, 1e4
    everything = data.surroundings.batch()
    wild = {name: values.copy() for name, values in everything.items()}
    for values in wild.values():
        values[test] = 1e3
    months = wild.pop("sequence", None)
    other = Surroundings(data.surroundings.needs, data.surroundings.coordinates, wild, months, cell_m=10.0)
    clean, altered = (
        fit_clone(network(name, epochs=1), take(a, train), b[train], None, coordinates=around.take(train))
        for a, b, around in ((data.X, y, data.surroundings), (wild_X, wild_y, other))
    )
    assert np.array_equal(clean.predict(data.X, data.surroundings), altered.predict(data.X, data.surroundings))
    assert clean.history_[0].rows[0]["loss"] == altered.history_[0].rows[0]["loss"]


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    data = samples(needs_of("sssoilnet-index"), 40)
    y = data.target("index")
    one, again, other = (
        clone(network("sssoilnet-index").set_params(random_state=seed)).fit(data.X, y, coordinates=data.surroundings) for seed in (0, 0, 1)
    )
    assert np.array_equal(one.predict(data.X, data.surroundings), again.predict(data.X, data.surroundings))
    assert not np.array_equal(one.predict(data.X, data.surroundings), other.predict(data.X, data.surroundings))


def test_members_differ_and_their_mean_predicts_on_the_scale_of_training(fitted):
    learner, data = fitted["sssoilnet"]
    outputs = learner._outputs(_rows(learner, data), "forward")
    assert outputs.shape == (2, 40)
    assert not np.allclose(outputs[0], outputs[1])
    expected = np.exp(outputs.mean(axis=0)) * learner.scale_.smearing - 1
    assert np.allclose(learner.predict(data.X, data.surroundings), np.maximum(expected, 0))
    assert len(learner.history_) == len(learner.describe()["epochs"]) == 2


def _rows(learner, data):
    from soilcore.models.neural_inputs import RowsOf

    return RowsOf(learner.inputs_, data.X.to_numpy(), data.surroundings)


def test_attention_is_told_with_names_and_its_rows_sum_to_one(fitted):
    facts = fitted["sssoilnet"][0].describe()
    attention = facts["attention"]
    assert attention["rows"] == list(WINDOW)
    assert attention["columns"] == [*BANDS, "vegetated", "bare"]
    assert np.allclose(np.sum(attention["values"], axis=1), 1)
    assert set(facts["covariate_weights"]) == set(WINDOW)
    assert 0 < facts["vegetated"] < 1
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts


def test_a_network_without_attention_tells_none_and_counts_itself(fitted):
    facts = fitted["sssoilnet-index"][0].describe()
    assert facts["attention"] is None
    assert facts["covariate_weights"] is None
    assert facts["device"] == "cpu"
    assert facts["epochs"] == [2]
    assert facts["parameters"] == sum(values.numel() for values in fitted["sssoilnet-index"][0].members_[0].parameters())


@pytest.mark.parametrize("name", ["sssoilnet", "soilnet-small"])
def test_learned_features_have_no_mean_over_the_training_samples(name, fitted):
    learner, data = fitted[name]
    features = learner.embed(data.X, data.surroundings)
    assert features.shape == (40, 32 if name == "sssoilnet" else 64)
    assert np.abs(features.mean(axis=0)).max() < 1e-6
    assert features.std(axis=0).max() > 1e-4


@pytest.mark.parametrize("name", ["sssoilnet", "soilnet-small"])
def test_the_compiled_learner_predicts_the_same_piece_by_piece(name, fitted, monkeypatch):
    learner, data = fitted[name]
    monkeypatch.setattr("soilcore.models.compiled.LIBRARY_ROWS", 16)
    compiled = compile_learner(learner)
    assert np.allclose(compiled.predict(data.X.to_numpy(np.float32), data.surroundings), learner.predict(data.X, data.surroundings), rtol=1e-5)


def test_a_missing_index_is_marked_and_an_infinite_one_refused(fitted):
    learner, data = fitted["sssoilnet"]
    X = data.X.copy()
    X.loc[3, ["SI", "NDVI"]] = np.nan
    predicted = learner.predict(X, data.surroundings)
    assert np.isfinite(predicted).all()
    assert predicted[3] != learner.predict(data.X, data.surroundings)[3]
    X.loc[3, "SI"] = np.inf
    with pytest.raises(ModelError, match="SI"):
        learner.predict(X, data.surroundings)


def test_predictions_are_never_negative_and_no_target_below_zero_is_lost():
    data = samples(needs_of("sssoilnet-index"), 40)
    y = np.maximum(data.causes["index"], 0)
    assert network("sssoilnet-index").fit(data.X, y, coordinates=data.surroundings).predict(data.X, data.surroundings).min() >= 0
    learner = network("sssoilnet-index").fit(data.X, data.causes["index"], coordinates=data.surroundings)
    assert learner.scale_.name == "linear"
    assert learner.predict(data.X, data.surroundings).min() < 0


def test_a_transform_that_was_asked_for_rules_the_scale():
    data = samples(needs_of("sssoilnet-index"), 40)
    y = data.target("index")
    learner = network("sssoilnet-index", transform="log10").fit(data.X, y, coordinates=data.surroundings)
    z = learner.predict_transformed(data.X, data.surroundings)
    assert learner.scale_.name == "linear"
    assert learner.scale_.smearing == 1
    assert np.allclose(learner.predict(data.X, data.surroundings), 10**z)
    assert abs(z.mean() - np.log10(y).mean()) < 0.5


class Stopping:
    """A listener that stops the work after so many calls, and counts the epochs it is told of."""

    def __init__(self, after=None):
        self.after, self.calls, self.epochs = after, 0, 0

    def __call__(self, done, total, message):
        self.calls += 1
        if self.after is not None and self.calls >= self.after:
            raise Stopped

    def row(self, row):
        self.epochs += row["kind"] == "epoch"


def test_a_fit_that_was_stopped_and_resumed_predicts_as_one_that_was_not(tmp_path):
    data = samples(needs_of("sssoilnet-index"), 60)
    y, places = data.target("index"), data.surroundings

    def made():
        return network("sssoilnet-index", epochs=3, members=2, batch=16)

    whole = made().fit(data.X, y, coordinates=places).predict(data.X, places)
    stopping, listener = Stopping(after=18), Stopping()
    with pytest.raises(Stopped), keeping_checkpoints(tmp_path / "kept", every_s=0):
        made().fit(data.X, y, report=stopping, coordinates=places)
    with keeping_checkpoints(tmp_path / "kept", resume=True, every_s=0):
        resumed = made().fit(data.X, y, report=listener, coordinates=places)
        repeated = Stopping()
        made().fit(data.X, y, report=repeated, coordinates=places)
    assert np.array_equal(resumed.predict(data.X, places), whole)
    assert 3 <= stopping.epochs < 6  # in the second member
    assert stopping.epochs + listener.epochs == 6
    assert repeated.epochs == 0  # a finished fit is taken as it is


def test_branches_can_be_trained_without_the_target_first():
    data = samples(SOILNET_NEEDS, 40)
    plain, first = (
        network("soilnet-small", epochs=1, pretrain=pretrain).fit(data.X, data.target("image"), coordinates=data.surroundings)
        for pretrain in (False, True)
    )
    assert "pre-trained" in first.describe()["notes"][0]
    assert first.history_[0].rows[0]["loss"] != plain.history_[0].rows[0]["loss"]


def test_another_target_is_another_fit_for_the_checkpoints(tmp_path):
    data = samples(needs_of("sssoilnet-index"), 40)
    first, second = Stopping(), Stopping()
    with keeping_checkpoints(tmp_path / "kept"):
        network("sssoilnet-index").fit(data.X, data.target("index"), report=first, coordinates=data.surroundings)
        network("sssoilnet-index").fit(data.X, data.target("image"), report=second, coordinates=data.surroundings)
    assert first.epochs == second.epochs == 2


def test_samples_named_for_validation_decide_and_labels_draw_curves():
    X, y = spectra(60)
    labels = np.repeat(["sand", "clay"], 30)
    learner = network("spectra-cnn").fit(X, y, validation=[0, 1, 2, 40, 41], curve_groups=labels)
    assert "5 of 60" in learner.describe()["notes"][0]
    assert set(learner.history_[0].rows[0]["group_losses"]) == {"sand", "clay"}
    with pytest.raises(ModelError, match="60 samples"):
        network("spectra-cnn").fit(X, y, validation=[60])


@pytest.mark.parametrize("name", PROFILES)
def test_the_list_of_learners_counts_the_parameters_of_the_published_size(name):
    import torch

    from soilcore.models.networks import build_network, count_parameters

    spec = next(spec for spec in learner_specs() if spec.name == name)
    with torch.device("meta"):
        network_ = build_network(PROFILES[name].kind, dict(PROFILES[name].options))
    assert spec.available
    assert spec.parameters == count_parameters(network_)
    published = {"soilnet": 45146359, "soilnet-image": 44780673, "soilnet-image-glam": 44891127, "spectra-cnn": 162401}
    assert spec.parameters == published.get(name, spec.parameters)


def test_what_a_network_cannot_do_is_refused_in_words():
    data = samples(SS_NEEDS, 20)
    y, around = data.target("index"), data.surroundings
    cases = [
        (lambda: network("sssoilnet").fit(data.X, y), "reads windows of imagery"),
        (lambda: network("sssoilnet").fit(data.X, y, coordinates=around.coordinates), "only coordinates"),
        (lambda: network("sssoilnet").fit(data.X, y, coordinates=around.take(np.arange(5))), "20 places, but got 5"),
        (lambda: network("soilnet-small").fit(data.X, y, coordinates=around), "windows called 'image'"),
        (lambda: network("sssoilnet-dense").fit(data.X, y, coordinates=around), "Leave elevation out"),
        (lambda: network("sssoilnet").fit(data.X.to_numpy(), y, coordinates=around), "column names"),
        (lambda: network("sssoilnet").fit(data.X[["SI", "NDVI"]].drop(columns="NDVI"), y, coordinates=around), "--index-set"),
        (lambda: network("sssoilnet-index").fit(data.X.drop(columns="NDVI"), y, coordinates=around), "--index NDVI"),
        (lambda: network("sssoilnet", members=0).fit(data.X, y, coordinates=around), "number of members"),
        (lambda: network("sssoilnet", pretrain=True).fit(data.X, y, coordinates=around), "Pretraining"),
        (lambda: network("sssoilnet", validation=0.9).fit(data.X, y, coordinates=around), "share of samples for validation"),
        (lambda: network("sssoilnet", target="log3").fit(data.X, y, coordinates=around), "target scale"),
        (lambda: network("sssoilnet", "log10", target="minmax").fit(data.X, y, coordinates=around), "exclude each other"),
        (lambda: network("sssoilnet").set_params(device="tpu").fit(data.X, y, coordinates=around), "device 'tpu'"),
        (lambda: network("sssoilnet").fit(data.X[:9], y[:9], coordinates=around.take(np.arange(9))), "at least 10"),
        (lambda: network("spectra-cnn").fit(data.X[["SI", "SI2"]], y), "at least 5"),
    ]
    for call, words in cases:
        with pytest.raises((ModelError, SettingsError), match=words):
            call()


def test_a_soilnet_without_climate_is_refused_and_points_to_one_that_needs_none():
    data = samples(replace(SOILNET_NEEDS, sequence=None), 20)
    with pytest.raises(ModelError, match="soilnet-image-glam"):
        network("soilnet").fit(data.X, data.target("image"), coordinates=data.surroundings)


def test_other_windows_than_those_of_training_are_refused(fitted):
    learner, data = fitted["sssoilnet"]
    other = samples(replace(SS_NEEDS, patches=SS_NEEDS.patches[::-1]), 40)
    with pytest.raises(ModelError, match="other windows"):
        learner.predict(data.X, other.surroundings)


def test_neighbours_stacks_and_kriging_of_networks_are_refused_in_words():
    data = samples(SS_NEEDS, 20)
    with pytest.raises(SettingsError, match="--neighbours gi-star"):
        make_learner("sssoilnet", FitSettings(neighbours=("gi-star",)))
    with pytest.raises(ModelError, match="only coordinates"):
        RegressionKriging("sssoilnet", device="cpu").fit(data.X, data.target("index"), coordinates=data.surroundings.coordinates)
    with pytest.raises(SettingsError, match="sssoilnet"):
        StackingModel(members=("sssoilnet", "ridge")).fit(data.X, data.target("index"))


def test_a_network_can_be_the_base_of_nothing_but_itself_is_cloned_with_its_settings():
    learner = network("sssoilnet", members=3, gate="hard")
    again = clone(learner)
    assert again.get_params() == learner.get_params()
    assert again.network is not None
    assert again.network.members == 3


def test_the_table_of_learners_and_the_profiles_name_the_same_networks():
    assert [spec.name for spec in learner_specs() if spec.parameters] == list(PROFILES)
    assert all(isinstance(one, pd.DataFrame) for one in (spectra(12)[0], samples(SS_NEEDS, 12).X))
    assert len(INDICES) == 37


IN_FLOAT32 = {"check_methods_subset_invariance": "float32 sums of a batch depend on its rows in the seventh digit; the check wants all digits"}


class Stretched(SpectraNetwork):
    """The network for spectra on spectra five times as long: scikit-learn checks with two or three columns, too few for any convolution."""

    def _fit(self, X, z, y, groups, report, surroundings=None):
        super()._fit(np.repeat(X, 5, axis=1), z, y, groups, report)

    def _predict(self, X, surroundings=None):
        return super()._predict(np.repeat(X, 5, axis=1))


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([Stretched(network=NetworkSettings(epochs=1), device="cpu")], expected_failed_checks=lambda _: IN_FLOAT32)
def test_scikit_learns_contract_holds_for_spectra(estimator, check):
    check(estimator)
