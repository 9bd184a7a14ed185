"""Learners recover known rules, refuse what they cannot use, and repeat themselves exactly."""

import inspect

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from soilcore.core.errors import ModelError, SettingsError, Stopped
from soilcore.models.baselines import BestIndexModel, MeanModel, rank_correlations
from soilcore.models.pipelines import TunedRegressor
from soilcore.models.stacking import StackingModel
from tests.engine.models.synthetic import SMALL, STACK, additive, linear, r2, salinity, table

TUNED = list(SMALL)


def small(name, **settings):
    if name == "mean":
        return MeanModel(**settings)
    if name == "best-index":
        return BestIndexModel(**settings)
    if name == "stacking":
        return StackingModel(parameters=STACK, device="cpu", **settings)
    return TunedRegressor(name, parameters=SMALL[name], device="cpu", **settings)


ALL = ["mean", "best-index", *TUNED, "stacking"]


@pytest.mark.parametrize("name", ["rf", "xgboost", "mlp", "svr", "stacking"])
def test_learners_of_curves_recover_an_additive_rule(name):
    X, new = table(300), table(200, seed=5)
    parameters = {"rf": {}, "xgboost": {}, "mlp": {"alpha": 0.1, "seeds": 2}, "svr": {"C": 10.0}}
    if name == "stacking":
        learner = StackingModel(members=("mlp", "xgboost"), parameters=parameters, device="cpu")
    else:
        learner = TunedRegressor(name, parameters=parameters[name], device="cpu")
    learner.fit(X, additive(X))
    assert r2(additive(new, noise=0), learner.predict(new)) > (0.8 if name == "rf" else 0.85)


@pytest.mark.parametrize(("name", "parameters"), [("plsr", {"components": 5}), ("ridge", {"alpha": 1e-6})])
def test_linear_learners_recover_a_line_exactly(name, parameters):
    X, new = table(), table(30, seed=5)
    learner = TunedRegressor(name, parameters=parameters).fit(X, linear(X))
    np.testing.assert_allclose(learner.predict(new), linear(new), rtol=1e-6)


def test_a_line_on_the_log_scale_is_recovered_in_the_own_unit():
    X, new = table(), table(30, seed=5)
    learner = TunedRegressor("ridge", target_transform="log10", parameters={"alpha": 1e-6}).fit(X, 10 ** (linear(X) / 10))
    np.testing.assert_allclose(learner.predict(new), 10 ** (linear(new) / 10), rtol=1e-6)
    np.testing.assert_allclose(learner.predict_transformed(new), linear(new) / 10, rtol=1e-6)


def test_the_mean_predicts_the_arithmetic_mean_on_every_scale():
    X = table()
    y = salinity(X)
    for name in ("none", "log10", "log1p"):
        assert MeanModel(target_transform=name).fit(X, y).predict(X[:2]) == pytest.approx(y.mean(), rel=1e-14)


def test_the_best_index_is_chosen_among_the_candidates_by_rank():
    X = table(80)
    X["curved"] = np.exp(3 * X["f0"])  # the same ranks as f0, a far weaker straight line
    y = X["f0"].to_numpy() + 0.3 * np.random.default_rng(0).normal(size=80)
    assert BestIndexModel().fit(X, y).column_name_ == "f0"
    chosen = BestIndexModel(candidates=("f2", "curved", "f3")).fit(X, y)
    assert chosen.column_name_ == "curved"
    assert abs(chosen.spearman_) == pytest.approx(abs(rank_correlations(X[["f0"]].to_numpy(), y)[0]))


def test_the_best_index_fits_its_line_on_the_modelling_scale():
    X = table()
    y = 10 ** (0.5 * X["f1"].to_numpy() + 1)
    learner = BestIndexModel(target_transform="log10").fit(X, y)
    assert (learner.column_name_, round(learner.slope_, 9), round(learner.intercept_, 9)) == ("f1", 0.5, 1.0)
    np.testing.assert_allclose(learner.predict(X), y, rtol=1e-9)


def test_candidates_that_are_no_columns_are_named():
    with pytest.raises(ModelError, match="NDSI"):
        BestIndexModel(candidates=("f0", "NDSI")).fit(table(), linear(table()))


def test_rank_correlations_agree_with_scipy_and_are_zero_for_a_constant():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    X, y = np.column_stack([rng.integers(0, 5, 40), rng.normal(size=40), np.ones(40)]), rng.normal(size=40)
    found = rank_correlations(X, y)
    np.testing.assert_allclose(found[:2], [spearmanr(X[:, j], y).statistic for j in range(2)], atol=1e-12)
    assert found[2] == 0


@pytest.mark.parametrize("name", ALL)
def test_missing_columns_and_unknown_columns_are_named(name):
    X = table()
    learner = small(name).fit(X, salinity(X))
    with pytest.raises(ModelError, match=r"missing: f1; not seen in training: NDVI"):
        learner.predict(X.rename(columns={"f1": "NDVI"}))
    with pytest.raises(ModelError, match="missing: f4"):
        learner.predict(X.drop(columns="f4"))


@pytest.mark.parametrize("name", ALL)
def test_columns_in_another_order_give_the_same_prediction(name):
    X = table()
    learner = small(name).fit(X, salinity(X))
    np.testing.assert_array_equal(learner.predict(X[X.columns[::-1]]), learner.predict(X))
    np.testing.assert_array_equal(learner.predict(X.to_numpy()), learner.predict(X))


@pytest.mark.parametrize("name", ALL)
def test_missing_predictors_are_refused_with_their_number_and_column(name):
    X = table()
    y = salinity(X)
    gaps = X.copy()
    gaps.iloc[:3, 2] = np.nan
    with pytest.raises(ModelError, match=r"3 values that are NaN or inf, in 3 of 60 rows \(columns f2\)"):
        small(name).fit(gaps, y)
    with pytest.raises(ModelError, match="3 values"):
        small(name).fit(X, y).predict(gaps)


def test_missing_and_misfit_targets_are_refused():
    X = table()
    with pytest.raises(ModelError, match="2 of 60 target values are NaN or inf"):
        MeanModel().fit(X, np.r_[np.nan, np.inf, np.ones(58)])
    with pytest.raises(ModelError, match="60 rows of predictors and 59 target values"):
        MeanModel().fit(X, np.ones(59))
    with pytest.raises(ModelError, match="Groups of shape"):
        small("ridge").fit(X, linear(X), groups=np.ones(3))
    with pytest.raises(ModelError, match="1 of 60 samples have no group"):
        small("ridge").fit(X, linear(X), groups=np.r_[np.nan, np.ones(59)])


@pytest.mark.parametrize(("name", "rows"), [("rf", 4), ("stacking", 9), ("best-index", 2)])
def test_too_few_samples_are_refused_with_the_number_needed(name, rows):
    X = table(rows)
    with pytest.raises(ModelError, match=f"n_samples={rows}, but .* needs at least {rows + 1}"):
        small(name).fit(X, salinity(X))


@pytest.mark.parametrize("name", ALL)
def test_a_nonnegative_target_is_never_predicted_below_zero(name):
    X = table()
    y = np.maximum(linear(X) - 9, 0)
    wild = pd.DataFrame(np.random.default_rng(3).normal(scale=20, size=(50, 5)), columns=X.columns)
    assert small(name).fit(X, y).predict(wild).min() >= 0


def test_a_target_of_both_signs_is_not_limited():
    X = table()
    assert small("ridge").fit(X, linear(X) - 10).predict(X).min() < -1


@pytest.mark.parametrize("name", ALL)
def test_a_clone_fitted_again_predicts_the_same_to_the_last_bit(name):
    X = table()
    y = salinity(X)
    learner = small(name).fit(X, y)
    np.testing.assert_array_equal(clone(learner).fit(X, y).predict(X), learner.predict(X))


@pytest.mark.parametrize("name", ["rf", "xgboost", "mlp"])
def test_threads_do_not_change_the_result(name):
    X = table(700, 40)  # large enough that threads are used
    y = salinity(X)
    one, two = (small(name, jobs=jobs).fit(X, y).predict(X) for jobs in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_another_seed_gives_another_forest():
    X = table()
    y = salinity(X)
    assert not np.array_equal(small("rf", random_state=0).fit(X, y).predict(X), small("rf", random_state=1).fit(X, y).predict(X))


@pytest.mark.parametrize("name", ALL)
def test_a_learner_fits_a_constant_target(name):
    X = table()
    np.testing.assert_allclose(small(name).fit(X, np.full(60, 4.0)).predict(X), 4.0, rtol=1e-4)


@pytest.mark.parametrize("name", ["plsr", "ridge", "svr", "mlp", "stacking"])
def test_a_constant_column_does_no_harm(name):
    X = table().assign(same=1.0)
    assert np.isfinite(small(name).fit(X, salinity(X)).predict(X)).all()


@pytest.mark.parametrize("name", TUNED)
def test_more_columns_than_samples_are_fitted(name):
    X = table(30, 120)
    learner = small(name).fit(X, salinity(X))
    assert np.isfinite(learner.predict(X)).all()


def test_a_network_on_more_columns_than_samples_loses_nothing_by_turning_them():
    X = table(30, 120)
    learner = small("mlp").fit(X, salinity(X))
    assert [name for name, _ in learner.pipeline_.steps] == ["scale", "turn", "model"]
    assert learner.pipeline_["turn"].explained_variance_ratio_.sum() == pytest.approx(1.0)


def test_trees_look_at_a_smaller_share_of_very_many_columns():
    X = table(30, 400)
    forest = small("rf").fit(X, salinity(X)).pipeline_["model"]
    assert forest.max_features == pytest.approx(0.5 * 200 / 400)


def test_smearing_multiplies_the_back_transformed_prediction():
    X = table()
    y = salinity(X)
    learner = small("ridge", target_transform="log10").fit(X, y)
    np.testing.assert_allclose(clone(learner).set_params(smearing=1.3).fit(X, y).predict(X), 1.3 * learner.predict(X))


def test_log10_of_a_target_with_zeros_is_refused_by_the_learner():
    X = table()
    with pytest.raises(ModelError, match="log1p"):
        small("rf", target_transform="log10").fit(X, np.r_[0.0, salinity(X)[1:]])


@pytest.mark.parametrize("name", ALL)
def test_init_only_stores_and_fit_takes_groups_report_and_coordinates(name):
    learner = small(name)
    stored = vars(learner)
    assert set(stored) == set(inspect.signature(type(learner).__init__).parameters) - {"self"}
    assert list(inspect.signature(learner.fit).parameters) == ["X", "y", "groups", "report", "coordinates"]


def test_unknown_parameters_and_impossible_settings_are_refused():
    X = table()
    y = salinity(X)
    with pytest.raises(SettingsError, match=r"'trees'.*n_estimators"):
        TunedRegressor("rf", parameters={"trees": 5}).fit(X, y)
    with pytest.raises(SettingsError, match="plsr, ridge"):
        TunedRegressor("forest").fit(X, y)
    for wrong in ({"trials": -1}, {"trials": 2.5}, {"budget": 0}, {"jobs": 0}, {"device": "tpu"}):
        with pytest.raises(SettingsError):
            TunedRegressor("xgboost", **wrong).fit(X, y)


def test_a_listener_can_stop_a_fit():
    def listener(done, total, message):
        raise Stopped

    X = table()
    for learner in (small("rf"), small("stacking"), TunedRegressor("svr", trials=3)):
        with pytest.raises(Stopped):
            learner.fit(X, salinity(X), report=listener)


@pytest.mark.parametrize("name", ["rf", "stacking"])
def test_progress_only_rises_and_ends_at_the_whole(name):
    seen = []
    X = table()
    small(name).fit(X, salinity(X), report=lambda done, total, message: seen.append(done / total))
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)
