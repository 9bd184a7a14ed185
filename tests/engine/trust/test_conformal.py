"""Conformal calibration: ranks to the letter, the numbers of other libraries, and the promise kept on samples of any size."""

import numpy as np
import pytest

from soilcore.core.errors import ModelError, SettingsError
from soilcore.trust.conformal import conformal_rank, cqr_scores, cv_plus_bounds, lower_rank, split_quantile, weighted_quantile


def infinite(value):
    return np.inf if value is None else value


def test_the_split_quantile_is_that_of_the_oracle_and_infinite_where_the_rank_is_beyond_the_samples(oracle):
    facts = oracle("spatial")["conformal"]
    assert len(facts["split"]) == 4
    for row in facts["split"]:
        assert conformal_rank(len(facts["scores"]), row["alpha"]) == row["rank"]
        assert split_quantile(facts["scores"], row["alpha"]) == infinite(row["q"])


def test_the_weighted_quantile_is_that_of_the_oracle(oracle):
    facts = oracle("spatial")["conformal"]
    for row in facts["weighted"]:
        assert weighted_quantile(facts["scores"], row["weights"], row["alpha"], row["w_test"]) == infinite(row["q"])


def test_cv_plus_bounds_are_those_of_the_oracle(oracle):
    facts = oracle("spatial")["conformal"]["cv_plus"]
    lower, upper = cv_plus_bounds(facts["model_pred_at_x"], facts["oof_abs_residual"], facts["alpha"])
    assert lower == pytest.approx(facts["lower"], abs=1e-12)
    assert upper == pytest.approx(facts["upper"], abs=1e-12)


def test_cv_plus_agrees_with_a_count_by_hand():
    predictions, residuals = [10.0, 11.0, 12.0, 13.0], [1.0, 2.0, 0.5, 4.0]
    # lower ends 9, 9, 11.5, 9; upper ends 11, 13, 12.5, 17; alpha 0.4, n 4: ranks floor(2) and ceil(3)
    assert (lower_rank(4, 0.4), conformal_rank(4, 0.4)) == (2, 3)
    assert cv_plus_bounds(predictions, residuals, 0.4) == (9.0, 13.0)


def test_cv_plus_is_infinite_with_too_few_samples():
    assert cv_plus_bounds([1.0, 2.0], [0.1, 0.2], 0.1) == (-np.inf, np.inf)


@pytest.mark.parametrize(("n", "alpha", "rank"), [(9, 0.1, 9), (10, 0.05, 11), (29, 0.1, 27), (99, 0.1, 90), (19, 0.05, 19), (999, 0.1, 900)])
def test_whole_ranks_are_not_rounded_up_by_binary_fractions(n, alpha, rank):
    assert conformal_rank(n, alpha) == rank
    assert conformal_rank(n, 1 - (1 - alpha)) == rank


def test_equal_weights_give_the_split_quantile():
    scores = np.random.default_rng(0).exponential(size=57)
    for alpha in (0.5, 0.2, 0.1, 0.05, 0.01):
        assert weighted_quantile(scores, np.ones(57), alpha) == split_quantile(scores, alpha)


def test_weights_of_several_places_are_taken_row_by_row():
    rng = np.random.default_rng(1)
    scores, weights = rng.exponential(size=40), rng.uniform(size=(6, 40))
    together = weighted_quantile(scores, weights, 0.1)
    assert together.tolist() == [weighted_quantile(scores, row, 0.1) for row in weights]


def test_one_score_in_nineteen_leaves_the_promise_kept_on_average():
    rng = np.random.default_rng(2)
    draws, n = 20_000, 19
    scores = rng.standard_t(3, size=(draws, n + 1)) ** 2
    held = [scores[i, n] <= split_quantile(scores[i, :n], 0.1) for i in range(draws)]
    expected = 18 / 20  # rank 18 of 19
    assert np.mean(held) == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / draws))


def test_scores_of_quantiles_are_negative_inside_and_the_distance_outside():
    assert cqr_scores([1.0, 5.0, 9.0], [2.0, 2.0, 2.0], [8.0, 8.0, 8.0]).tolist() == [1.0, -3.0, 1.0]


def test_impossible_promises_and_missing_scores_are_refused():
    for alpha in (0, 1, -0.1, 1.5, True, float("nan")):
        with pytest.raises(SettingsError, match="alpha"):
            split_quantile([1.0, 2.0], alpha)
    with pytest.raises(ModelError, match="1 missing"):
        split_quantile([1.0, np.nan], 0.5)
    with pytest.raises(ModelError, match="weights"):
        weighted_quantile([1.0, 2.0], [1.0, -1.0], 0.5)
    with pytest.raises(ModelError, match="one prediction per training sample"):
        cv_plus_bounds([1.0, 2.0, 3.0], [1.0, 2.0], 0.5)


def test_mapie_gives_the_same_bounds():
    regression = pytest.importorskip("mapie.regression")
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import KFold

    rng = np.random.default_rng(3)
    X, places = rng.normal(size=(53, 3)), rng.normal(size=(6, 3))
    y, folds = X[:, 0] + rng.normal(size=53), KFold(5)
    predicted, errors = np.empty((6, 53)), np.empty(53)
    for train, test in folds.split(X):
        line = LinearRegression().fit(X[train], y[train])
        errors[test], predicted[:, test] = np.abs(y[test] - line.predict(X[test])), line.predict(places)[:, None]
    line = LinearRegression().fit(X[:20], y[:20])
    for level in (0.8, 0.9, 0.95):
        split = regression.SplitConformalRegressor(line, confidence_level=level, prefit=True).conformalize(X[20:], y[20:])
        _, bounds = split.predict_interval(places)
        half = split_quantile(np.abs(y[20:] - line.predict(X[20:])), 1 - level)
        np.testing.assert_allclose(bounds[:, 1, 0] - line.predict(places), half, rtol=1e-9)
        plus = regression.CrossConformalRegressor(LinearRegression(), confidence_level=level, method="plus", cv=folds).fit_conformalize(X, y)
        _, bounds = plus.predict_interval(places)
        np.testing.assert_allclose(bounds[:, :, 0].T, cv_plus_bounds(predicted, errors, 1 - level), rtol=1e-12)
