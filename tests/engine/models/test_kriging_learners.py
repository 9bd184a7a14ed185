"""Learners that know places: they gain where residuals are alike in space, do no harm where not, and see nothing they are scored on."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from soilcore.core.errors import ModelError, SettingsError
from soilcore.evaluation.protocol import evaluate, fit_clone
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.models.archive import FittedModel, load_model, save_model, training_envelope
from soilcore.models.catalogue import make_learner
from soilcore.models.compiled import compile_learner
from soilcore.models.kriging_learners import KrigingLearner, RegressionKriging
from soilcore.models.neighbour_learner import WithNeighbours
from soilcore.models.pipelines import TunedRegressor
from soilcore.models.settings import FitSettings
from soilcore.models.stacking import StackingModel

FOREST = {"n_estimators": 30}


def world(n=250, seed=0, structured=1.0, noise=0.2):
    """Places in metres, predictors, and a target: what the predictors say, a field with a range of 400 m, and noise."""
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 2000, (n, 2))
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=["a", "b", "c", "d"])
    field = np.linalg.cholesky(np.exp(-3 * cdist(xy, xy) / 800) + 1e-9 * np.eye(n)) @ rng.normal(size=n)
    return xy, X, (X["a"] + structured * field + noise * rng.normal(size=n)).to_numpy()


def ridge(**settings):
    return TunedRegressor("ridge", parameters={}, device="cpu", **settings)


def forest_kriging(**settings):
    return RegressionKriging(parameters=FOREST, device="cpu", **settings)


LEARNERS = {
    "kriging": KrigingLearner,
    "regression-kriging": forest_kriging,
    "ridge with both": lambda **settings: WithNeighbours(ridge(**settings)),
    "forest with Gi*": lambda **settings: WithNeighbours(TunedRegressor("rf", parameters=FOREST, device="cpu", **settings), ("gi-star",)),
    "stack with prior": lambda **settings: WithNeighbours(StackingModel(("ridge", "svr"), parameters={"ridge": {}, "svr": {}}), ("kriging-prior",)),
    "kriged ridge with both": lambda **settings: WithNeighbours(RegressionKriging("ridge", parameters={}, device="cpu", **settings)),
}


def r2(learner, X, y, xy, scheme="random", folds=5):
    return evaluate(learner, X, y, make_splits(SplitSettings(scheme, folds=folds), len(y), coordinates=xy)).scores["r2"]


def test_regression_kriging_gains_where_residuals_are_alike_in_space():
    xy, X, y = world(seed=2)
    plain = r2(TunedRegressor("rf", parameters=FOREST, device="cpu"), X, y, xy, folds=3)
    assert r2(forest_kriging(), X, y, xy, folds=3) > plain + 0.1
    assert r2(WithNeighbours(TunedRegressor("rf", parameters=FOREST, device="cpu")), X, y, xy, folds=3) > plain + 0.05
    assert r2(KrigingLearner(), X, y, xy, folds=3) > 0.05


def test_residuals_alike_only_within_a_place_are_not_kriged():
    rng = np.random.default_rng(7)
    place = np.repeat(np.arange(60), 4)
    xy, y = rng.uniform(0, 2000, (60, 2))[place], rng.normal(size=60)[place] + 0.1 * rng.normal(size=240)
    X = rng.normal(size=(240, 2))
    learner = RegressionKriging("ridge", parameters={}).fit(X, y, groups=place, coordinates=xy)
    assert learner.variogram_.usable
    assert learner.inner_rmse_["kriged"] >= learner.inner_rmse_["plain"]
    assert learner.kriging_ is None
    assert "not predicted by those round them" in learner.kriging_note_


def test_whole_groups_do_not_hide_what_kriging_adds_between_samples():
    xy, X, y = world(200, seed=2)
    blocks = (xy // 1000) @ [2, 1]
    learner = RegressionKriging("ridge", parameters={}).fit(X, y, groups=blocks, coordinates=xy)
    assert learner.kriging_ is not None
    assert learner.inner_rmse_["kriged"] < 0.9 * learner.inner_rmse_["plain"]


def test_regression_kriging_does_no_harm_where_residuals_are_noise():
    differences = []
    for seed in range(3):
        xy, X, y = world(200, seed, structured=0.0, noise=0.7)
        differences.append(r2(RegressionKriging("ridge", parameters={}), X, y, xy) - r2(ridge(), X, y, xy))
    assert min(differences) > -0.02


def test_without_a_variogram_regression_kriging_is_its_base_and_says_so():
    xy, X, y = world(40)
    learner = RegressionKriging("ridge", parameters={}).fit(X, y, coordinates=xy)
    assert learner.kriging_ is None
    assert "40 points are too few" in learner.kriging_note_
    np.testing.assert_array_equal(learner.predict(X, xy), ridge().fit(X, y).predict(X))
    alone = KrigingLearner().fit(X, y, coordinates=xy)
    assert "The mean is predicted everywhere" in alone.kriging_note_
    np.testing.assert_allclose(alone.predict(X, xy), y.mean())
    prior = WithNeighbours(ridge(), ("kriging-prior",)).fit(X, y, coordinates=xy)
    assert "0 everywhere" in prior.neighbour_note_


def test_residuals_are_out_of_fold_and_inner_folds_keep_groups_whole():
    xy, X, y = world()
    groups = np.arange(250) // 10
    learner = forest_kriging().fit(X, y, groups=groups, coordinates=xy)
    in_sample = y - learner.base_.predict(X)
    assert learner.residuals_.std() > 1.5 * in_sample.std()
    assert all(np.unique(learner.inner_folds_[groups == group]).size == 1 for group in np.unique(groups))
    assert learner.inner_rmse_["kriged"] is None or learner.inner_rmse_["plain"] > 0
    with_neighbours = WithNeighbours(ridge()).fit(X, y, groups=groups, coordinates=xy)
    assert all(np.unique(with_neighbours.inner_folds_[groups == group]).size == 1 for group in np.unique(groups))


def test_the_residuals_of_a_fold_come_from_a_copy_that_did_not_see_it():
    xy, X, y = world(120)
    for base in ("ridge", "best-index"):
        learner = RegressionKriging(base, trials=0).fit(X, y, coordinates=xy)
        here = learner.inner_folds_ == 0
        settings = {"parameters": learner.base_.parameters_} if base == "ridge" else {}
        copy = fit_clone(learner.base_.set_params(**settings), X[~here], y[~here])
        np.testing.assert_allclose(y[here] - copy.predict_transformed(X[here]), learner.residuals_[here], rtol=1e-9)


@pytest.mark.parametrize("name", list(LEARNERS))
def test_altering_the_outer_test_set_changes_nothing_that_is_fitted(name):
    xy, X, y = world(120)
    rng = np.random.default_rng(1)
    splits = make_splits(SplitSettings("block", folds=3, block_size=400.0), 120, coordinates=xy)
    _, test = splits.folds()[0]
    wild_X, wild_y = X.copy(), y.copy()
    wild_X.iloc[test], wild_y[test] = rng.normal(scale=100, size=(test.size, 4)), rng.uniform(-1e4, 1e4, test.size)
    clean, altered = (evaluate(LEARNERS[name](), a, b, splits, keep_learners=True).learners[0] for a, b in ((X, y), (wild_X, wild_y)))
    np.testing.assert_array_equal(clean.predict(X, xy), altered.predict(X, xy))


def test_altering_an_inner_fold_leaves_its_own_features_unchanged():
    xy, X, y = world(150)
    plain = WithNeighbours(ridge()).fit(X, y, coordinates=xy)
    own = plain.inner_folds_ == 0
    wild = np.where(own, y + 0.5 * np.random.default_rng(2).normal(size=150), y)
    altered = WithNeighbours(ridge()).fit(X, wild, coordinates=xy)
    for kind in plain.kinds:
        before, after = (learner.features_[kind].transform_train_oof(plain.inner_folds_) for learner in (plain, altered))
        np.testing.assert_array_equal(before[own], after[own])
        assert (before[~own] != after[~own]).any()


@pytest.mark.parametrize("name", ["kriging", "ridge with both", "kriged ridge"])
def test_a_permuted_target_shows_no_skill(name):
    xy, X, y = world(120)
    rng = np.random.default_rng(3)
    make = LEARNERS.get(name, lambda: RegressionKriging("ridge", parameters={}))
    scores = [r2(make(), X, rng.permutation(y), xy, folds=3) for _ in range(20)]
    assert np.quantile(scores, 0.95) <= 0.05


def test_gi_star_computed_beforehand_with_own_values_would_have_shown_skill_in_noise():
    from soilcore.models.neighbours import GiStarFeature

    xy, X, _ = world(300)
    noise = np.random.default_rng(4).normal(size=300)
    leaking = X.assign(gi=GiStarFeature(include_self=True).fit(xy, noise).explore())
    assert r2(ridge(), leaking, noise, xy) > 0.06
    assert r2(WithNeighbours(ridge(), ("gi-star",)), X, noise, xy) < 0.03


@pytest.mark.parametrize("name", list(LEARNERS))
def test_a_stored_learner_predicts_the_same_to_the_last_bit_and_so_does_the_compiled_one(name, tmp_path):
    xy, X, y = world(150)
    learner = LEARNERS[name]().fit(X, y, coordinates=xy)
    new, places = X.sample(200, replace=True, random_state=1).reset_index(drop=True) + 0.25, np.random.default_rng(5).uniform(0, 2000, (200, 2))
    model = FittedModel(learner, name, {}, {}, training_envelope(X), {}, {}, plane="EPSG:32720")
    again = load_model(save_model(model, tmp_path / "model"))
    np.testing.assert_array_equal(again.learner.predict(new, places), learner.predict(new, places))
    assert again.plane == "EPSG:32720"
    new = new.astype(np.float32)
    compiled = compile_learner(again.learner)
    np.testing.assert_allclose(compiled.predict(new.to_numpy(), places), learner.predict(new.astype(float), places), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(compiled.predict(new.to_numpy()[50:60], places[50:60]), compiled.predict(new.to_numpy(), places)[50:60])


def test_what_was_learned_of_space_is_stored_too(tmp_path):
    xy, X, y = world(150)
    learner = forest_kriging(target_transform="none").fit(X, y, coordinates=xy)
    model = FittedModel(learner, "regression-kriging", {}, {}, training_envelope(X), {}, {})
    again = load_model(save_model(model, tmp_path / "model")).learner
    assert again.kriging_note_ == learner.kriging_note_
    assert again.inner_rmse_ == learner.inner_rmse_
    assert again.variogram_.range == learner.variogram_.range
    np.testing.assert_array_equal(again.variogram_.semivariance, learner.variogram_.semivariance)
    np.testing.assert_array_equal(again.residuals_, learner.residuals_)


def test_the_scale_of_the_target_is_that_of_the_learner_inside():
    xy, X, y = world()
    learner = WithNeighbours(ridge(target_transform="log10")).fit(X, np.exp(y), coordinates=xy)
    assert learner.target_transform == "log10"
    assert learner.predict(X, xy).min() > 0
    np.testing.assert_allclose(np.log10(learner.predict(X, xy)), learner.predict_transformed(X, xy))
    kriged = LEARNERS["regression-kriging"](target_transform="log10").fit(X, np.exp(y), coordinates=xy)
    assert kriged.predict(X, xy).min() > 0


@pytest.mark.parametrize("name", list(LEARNERS))
def test_places_are_needed_and_asked_for_in_words(name):
    xy, X, y = world(60)
    with pytest.raises(ModelError, match="where the samples lie"):
        LEARNERS[name]().fit(X, y)
    with pytest.raises(ModelError, match="shape"):
        LEARNERS[name]().fit(X, y, coordinates=xy[:-1])


def test_columns_of_neighbours_never_hide_a_column_of_the_table():
    xy, X, y = world(80)
    learner = WithNeighbours(ridge()).fit(X.rename(columns={"a": "gi_star"}), y, coordinates=xy)
    assert learner.neighbour_names_ == ("gi_star_", "kriging_prior")
    assert list(learner.learner_.feature_names_in_) == ["gi_star", "b", "c", "d", "gi_star_", "kriging_prior"]


def test_the_catalogue_makes_them_from_settings():
    settings = FitSettings("log10", 0, None, 3, "cpu", 1, neighbours=("gi-star",), neighbour_count=5)
    wrapped = make_learner("rf", settings)
    assert (wrapped.kinds, wrapped.k, wrapped.random_state, wrapped.learner.name) == (("gi-star",), 5, 3, "rf")
    assert type(make_learner("kriging", settings)) is KrigingLearner
    assert make_learner("regression-kriging", FitSettings("log10", 2)).trials == 2


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: WithNeighbours(ridge(), ("distance",)), "'distance' was given"),
        (lambda: WithNeighbours(ridge(), ()), "none at all"),
        (lambda: RegressionKriging("kriging"), "leave nothing to krige"),
        (lambda: WithNeighbours(ridge(), k=0), "whole number"),
    ],
)
def test_settings_that_mean_nothing_are_refused_in_words(make, said):
    xy, X, y = world(60)
    with pytest.raises(SettingsError, match=said):
        make().fit(X, y, coordinates=xy)
