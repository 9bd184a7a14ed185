"""The learner auto: it learns what tables, spectra and places tell, shows no skill where there is none, and can be told what it did."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from soilcore.core.errors import ModelError, SettingsError
from soilcore.evaluation.protocol import evaluate
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.models import auto as auto_module
from soilcore.models.archive import FittedModel, load_model, save_model
from soilcore.models.auto import AutoModel
from soilcore.models.auto_candidates import KERNEL_ROWS, candidates
from soilcore.models.auto_features import Views
from soilcore.models.compiled import compile_learner
from soilcore.trust.isolation import check_isolation
from soilcore.trust.weights import permutation_weights
from tests.engine.models.synthetic import additive, linear, r2, table


def spectra(n=40, bands=120, seed=0):
    """Smooth spectra whose one absorption band is as deep as the target says, on a baseline that says nothing."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(0, 1, bands)
    y = rng.uniform(1, 3, n)
    base = rng.uniform(0.3, 0.6, (n, 1)) * (1 + 0.2 * rng.normal(size=(n, 1)) * axis)
    X = base - 0.03 * y[:, None] * np.exp(-(((axis - 0.5) / 0.04) ** 2)) + 0.001 * rng.normal(size=(n, bands))
    return pd.DataFrame(X, columns=[f"wl_{400 + 5 * j}" for j in range(bands)]), y


def field(n=60, seed=0):
    """A table that says nothing, places, and a target that varies smoothly between them."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 1000, (n, 2))
    y = 5 + np.sin(places[:, 0] / 150) + np.cos(places[:, 1] / 200)
    return table(n, 3, seed), places + np.array([500_000, 5_000_000]), y


@pytest.fixture(scope="module")
def spectral():
    X, y = spectra()
    return X, y, AutoModel().fit(X, y)


@pytest.fixture(scope="module")
def spatial():
    X, places, y = field()
    return X, places, y, AutoModel().fit(X, y, coordinates=places)


def test_it_learns_lines_and_curves_of_a_table():
    for truth in (linear, additive):
        X, new = table(60), table(60, seed=5)
        learner = AutoModel().fit(X, truth(X))
        assert r2(truth(new, noise=0.0), learner.predict(new)) > 0.6


def test_it_learns_a_spectrum_under_a_moving_baseline(spectral):
    _, _, learner = spectral
    X, y = spectra(seed=7)
    assert r2(y, learner.predict(X)) > 0.8
    facts = learner.describe()
    assert facts["spectra"] == [{"name": "wl_#", "bands": 120, "first": 400.0, "last": 995.0}]
    assert "first-derivative" in facts["preparations"]
    assert "absorbance" in facts["preparations"]


def test_places_help_where_the_table_says_nothing(spatial):
    X, _, y, learner = spatial
    new_X, new_places, new_y = field(seed=3)
    with_places = r2(new_y, learner.predict(new_X, coordinates=new_places))
    without = r2(new_y, AutoModel().fit(X, y).predict(new_X))
    assert with_places > max(without, 0) + 0.3
    assert learner.describe()["places"]


def test_a_learner_fitted_with_places_asks_for_them(spatial):
    X, _, _, learner = spatial
    with pytest.raises(ModelError, match="coordinates"):
        learner.predict(X)


def test_the_same_seed_gives_the_same_numbers_whatever_the_threads(spectral):
    X, y, learner = spectral
    again = AutoModel(jobs=2).fit(X, y)
    np.testing.assert_array_equal(again.predict(X), learner.predict(X))
    assert again.weights_ == learner.weights_


def test_weights_are_a_mean_and_the_mean_is_near_the_best_member(spectral, spatial):
    for learner in (spectral[-1], spatial[-1]):
        weights = np.array(list(learner.weights_.values()))
        assert (weights >= 0).all()
        assert weights.sum() <= 1 + 1e-12
        assert learner.inner_score_ > max(learner.member_scores_.values()) - 0.1
        assert set(learner.members_) == {name for name, weight in learner.weights_.items() if weight > 0}
        assert min(weight for weight in weights if weight > 0) >= 0.01


def test_what_was_done_is_told_in_plain_words(spectral):
    facts = spectral[-1].describe()
    assert facts["note"] == ""
    assert [row["weight"] for row in facts["members"]] == sorted((row["weight"] for row in facts["members"]), reverse=True)
    assert facts["mean_weight"] == pytest.approx(1 - sum(row["weight"] for row in facts["members"]), abs=1e-9)
    assert facts["inner_r2"] == spectral[-1].inner_score_


def test_samples_that_are_left_out_change_nothing(spatial):
    X, places, y, learner = spatial
    other_X = pd.concat([X, X * 100])
    other_y, other_places = np.append(y, y * -50), np.vstack([places, places + 1e5])
    train = np.arange(len(y))
    again = AutoModel().fit(other_X.iloc[train], other_y[train], coordinates=other_places[train])
    np.testing.assert_array_equal(again.predict(X, places), learner.predict(X, places))


def test_targets_of_an_inner_fold_do_not_reach_its_own_predictions_by_the_models():
    X, _ = spectra(30)
    y = np.random.default_rng(0).normal(size=30)
    views = Views(list(X.columns)).fit(X.to_numpy())(X.to_numpy())
    folds = np.arange(30) % 5
    other = np.where(folds == 2, y + 30 * np.random.default_rng(1).normal(size=30), y)
    for member in candidates(views, 30, True)[0]:
        if "PLSR" in member.name or "trees" in member.name or "forest" in member.name:
            member.components_ = 2
            before = member._fit_fold({name: values[folds != 2] for name, values in views.items()}, y[folds != 2], 0)
            first = before.predict({name: values[folds == 2] for name, values in views.items()})
            after = member._fit_fold({name: values[folds != 2] for name, values in views.items()}, other[folds != 2], 0)
            np.testing.assert_array_equal(after.predict({name: values[folds == 2] for name, values in views.items()}), first)


def test_gaussian_processes_of_many_spectra_wait_for_what_is_quicker():
    X, _ = spectra(30)
    views = Views(list(X.columns)).fit(X.to_numpy())(X.to_numpy())
    few, many = ([member.name for member in candidates(views, rows, False)[0]] for rows in (300, 301))
    assert sorted(few) == sorted(many)
    last_vectors = max(i for i, name in enumerate(many) if name.startswith("support vectors"))
    assert last_vectors < min(i for i, name in enumerate(many) if name.startswith("Gaussian process"))


def test_noise_shows_no_skill():
    scores = []
    for seed in range(3):
        X, y, folds = table(30, 4), np.random.default_rng(seed).permutation(linear(table(30, 4))), np.arange(30) % 3
        predicted = np.empty(30)
        for fold in range(3):
            predicted[folds == fold] = AutoModel().fit(X[folds != fold], y[folds != fold]).predict(X[folds == fold])
        scores.append(r2(y, predicted))
    assert np.mean(scores) < 0.05
    assert max(scores) < 0.25


def test_groups_stay_whole_inside():
    """Samples of one group are copies of each other: with groups, no member may look good."""
    X = table(12, 4).loc[np.repeat(range(12), 4)].reset_index(drop=True)
    y = np.repeat(np.random.default_rng(0).normal(size=12), 4)
    groups = np.repeat(range(12), 4)
    loose, whole = (AutoModel(kinds=("pls", "svr", "boosted")).fit(X, y, groups=labels) for labels in (None, groups))
    assert loose.inner_score_ > 0.9
    assert whole.inner_score_ < loose.inner_score_ - 0.3


def test_the_budget_is_kept_and_what_was_left_out_is_said(spectral):
    X, y, _ = spectral
    learner = AutoModel(budget=1e-6).fit(X, y)
    assert list(learner.weights_) == ["PLSR, raw"]
    assert learner.note_.startswith("Not fitted within the time: PLSR, snv")
    assert np.isfinite(learner.predict(X)).all()
    with pytest.raises(SettingsError, match="'cnn'"):
        AutoModel(kinds=("pls", "cnn")).fit(X, y)
    with pytest.raises(SettingsError, match="budget"):
        AutoModel(budget=-1).fit(X, y)


def test_many_samples_do_without_matrices_of_samples_by_samples():
    X = table(KERNEL_ROWS + 50, 4)
    learner = AutoModel(budget=30).fit(X, linear(X, noise=0.1))
    assert "left out above" in learner.note_
    assert set(learner.weights_) == {"PLSR, table", "random forest", "boosted trees"}
    assert learner.inner_score_ > 0.9


@pytest.mark.parametrize("case", ["constant target", "constant columns", "ten samples", "one column", "wide table", "array"])
def test_odd_tables_are_learned_from(case):
    X, n = table(10 if case == "ten samples" else 24, 4), 10 if case == "ten samples" else 24
    y = np.full(n, 3.0) if case == "constant target" else linear(X)
    if case == "constant columns":
        X[["f1", "f3"]] = 7.0
    elif case == "one column":
        X = X[["f0"]]
    elif case == "wide table":
        X = pd.concat([X, table(n, 60, 4).add_prefix("g_")], axis=1)
    elif case == "array":
        X = X.to_numpy()
    learner = AutoModel().fit(X, y)
    predicted = learner.predict(X)
    assert np.isfinite(predicted).all()
    if case == "constant target":
        np.testing.assert_allclose(predicted, 3.0)
    else:
        assert r2(y, predicted) > 0.2


def test_all_columns_constant_predict_the_mean():
    X = pd.DataFrame({"a": np.ones(12), "b": np.zeros(12)})
    y = np.arange(12.0)
    np.testing.assert_allclose(AutoModel().fit(X, y).predict(X), y.mean())


def test_a_stored_learner_predicts_the_same_to_the_last_bit(tmp_path):
    X, places, y = field(40)
    both = pd.concat([X, spectra(40, 50)[0]], axis=1)
    learner = AutoModel(target_transform="log10", kinds=("pls", "gp", "svr"), least_weight=0.0).fit(both, y, coordinates=places)
    assert {"gp", "svr", "pls"} <= {member.kind for member in learner.members_.values()}
    again = load_model(save_model(FittedModel(learner, "auto", {}, {}, {}, {}, {}), tmp_path / "model")).learner
    np.testing.assert_array_equal(again.predict(both, places), learner.predict(both, places))
    np.testing.assert_array_equal(again.Z_, learner.Z_)
    assert again.describe() == learner.describe()
    assert again.get_params() == learner.get_params()


def test_every_kind_of_member_is_stored(tmp_path):
    X = table(40)
    learner = AutoModel(least_weight=0.0).fit(X, additive(X))
    assert {member.kind for member in learner.members_.values()} == {"gp", "pls", "svr", "trees", "boosted"}
    again = load_model(save_model(FittedModel(learner, "auto", {}, {}, {}, {}, {}), tmp_path / "model")).learner
    np.testing.assert_array_equal(again.predict(X), learner.predict(X))


def test_a_map_gets_the_same_numbers(spatial):
    X, places, _, learner = spatial
    compiled = compile_learner(learner).predict(X.to_numpy(np.float32), coordinates=places)
    np.testing.assert_allclose(compiled, learner.predict(X.astype(np.float32).astype(float), places), rtol=1e-5)


def test_it_clones_and_keeps_its_settings():
    learner = clone(AutoModel(budget=3.0, random_state=5, jobs=2))
    assert learner.get_params()["budget"] == 3.0
    assert auto_module.BUDGET == 10.0


def test_samples_without_a_place_are_scored_without_places_in_every_fold():
    """A fold that trains on known places alone cannot predict the sample that has none."""
    X, xy, y = field(40)
    xy[5] = np.nan
    splits = make_splits(SplitSettings(folds=4), 40, coordinates=xy)
    learner = AutoModel(kinds=("pls",))
    evaluation = evaluate(learner, X, y, splits, keep_learners=True)
    assert all(one.views_.place_ is None for one in evaluation.learners)
    assert check_isolation(learner, X, y, splits, evaluation.learners[0]).same
    assert permutation_weights(evaluation.learners, X, y, splits).values.max() == 1
