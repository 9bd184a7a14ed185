"""Correlations against scipy, their intervals by simulation, q by hand."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from soilcore.core.errors import FeatureError, SampleError, SettingsError
from soilcore.evaluation.correlation import benjamini_hochberg, correlate, correlation_matrix, p_value


@pytest.fixture
def table():
    generator = np.random.default_rng(0)
    y = generator.lognormal(size=60)
    X = pd.DataFrame(generator.normal(size=(60, 6)), columns=["N", "NDVI", "MINE", "x", "y", "z"])
    X["NDVI"] -= np.log(y)
    X["x"] = X["x"].round()  # ties
    X.loc[[3, 9], "y"] = [np.nan, np.inf]
    X["z"] = 0.1
    return X, y


def test_every_row_equals_scipy_on_the_samples_valid_there(table):
    X, y = table
    rows = correlate(X, y).set_index("name")
    for name in ("N", "NDVI", "MINE", "x", "y"):
        valid = np.isfinite(X[name])
        pearson, spearman = stats.pearsonr(X[name][valid], y[valid]), stats.spearmanr(X[name][valid], y[valid])
        low, high = pearson.confidence_interval(0.95)
        assert rows.pearson[name] == pytest.approx(pearson.statistic, abs=1e-13)
        assert rows.pearson_p[name] == pytest.approx(pearson.pvalue, rel=1e-9)
        assert (rows.pearson_low[name], rows.pearson_high[name]) == pytest.approx((low, high), abs=1e-12)
        assert rows.spearman[name] == pytest.approx(spearman.statistic, abs=1e-13)
        assert rows.p[name] == pytest.approx(spearman.pvalue, rel=1e-9)
        assert rows.n[name] == valid.sum()
    assert rows.n_invalid["y"] == 2


def test_rows_are_ordered_by_absolute_spearman_and_the_undefined_come_last(table):
    rows = correlate(*table)
    defined = rows.spearman.abs().dropna()
    assert rows.name[0] == "NDVI"
    assert rows.spearman[0] < 0
    assert (np.diff(defined) <= 0).all()
    assert rows.name.iloc[-1] == "z"
    assert rows.iloc[-1][["pearson", "spearman", "p", "q", "pearson_low", "spearman_high"]].isna().all()


def test_kinds_are_guessed_and_can_be_given(table):
    X, y = table
    assert dict(correlate(X, y)[["name", "kind"]].to_numpy()) == {
        "N": "band",
        "NDVI": "index",
        "MINE": "column",
        "x": "column",
        "y": "column",
        "z": "column",
    }
    kinds = correlate(X, y, kinds={"MINE": "formula", "x": "covariate"}).set_index("name").kind
    assert (kinds["MINE"], kinds["x"]) == ("formula", "covariate")


def test_the_logarithm_changes_pearson_and_leaves_spearman(table):
    X, y = table
    plain, logged = correlate(X, y).set_index("name"), correlate(X, y, log_target=True).set_index("name")
    pd.testing.assert_series_equal(plain.spearman, logged.spearman)
    assert logged.pearson["NDVI"] == pytest.approx(np.corrcoef(X["NDVI"], np.log10(y))[0, 1])
    with pytest.raises(SampleError, match="2 target values are 0 or below"):
        correlate(X, np.r_[0.0, -1.0, y[2:]], log_target=True)


def test_samples_without_a_target_take_no_part(table):
    X, y = table
    y = np.where(np.arange(60) < 10, np.nan, y)
    pd.testing.assert_frame_equal(correlate(X, y), correlate(X[10:], y[10:]))


def test_a_perfect_correlation_has_p_0_and_no_width():
    y = np.arange(10.0)
    row = correlate(pd.DataFrame({"x": -2 * y + 1}), y).iloc[0]
    assert (row.pearson, row.spearman, row.p) == pytest.approx((-1, -1, 0))
    assert (row.pearson_low, row.pearson_high) == pytest.approx((-1, -1))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_samples_are_undefined_not_an_error(n):
    row = correlate(pd.DataFrame({"x": np.arange(float(n))}), np.arange(float(n))).iloc[0]
    assert row.n == n
    assert np.isnan([row.pearson, row.spearman, row.p, row.q]).all()


def test_a_constant_target_and_an_empty_table_are_undefined_not_an_error():
    assert correlate(pd.DataFrame({"x": [1.0, 2, 3, 4]}), [0.1] * 4).pearson.isna().all()
    assert len(correlate(pd.DataFrame(index=range(4)), [1.0, 2, 3, 4])) == 0


def test_wrong_calls_are_said(table):
    X, y = table
    with pytest.raises(SampleError, match="60 samples, but the target has shape"):
        correlate(X, y[:5])
    with pytest.raises(FeatureError, match="'words' holds text"):
        correlate(pd.DataFrame({"words": ["a"] * 60}), y)
    with pytest.raises(SettingsError, match="between 0 and 1"):
        correlate(X, y, confidence=95)
    with pytest.raises(SettingsError, match="spearman or pearson"):
        correlation_matrix(X, "kendall")


def test_intervals_hold_the_truth_as_often_as_they_say():
    generator = np.random.default_rng(1)
    truth, n, repeats = 0.6, 50, 2000
    x = generator.normal(size=(n, repeats))
    spearman_truth = 6 / np.pi * np.arcsin(truth / 2)
    inside = []
    for i in range(0, repeats, 20):
        y = generator.normal(size=n)
        columns = truth * y[:, None] + np.sqrt(1 - truth**2) * x[:, i : i + 20]
        rows = correlate(pd.DataFrame(columns), y)
        inside.append(
            [
                (rows.pearson_low <= truth) & (truth <= rows.pearson_high),
                (rows.spearman_low <= spearman_truth) & (spearman_truth <= rows.spearman_high),
            ]
        )
    coverage = np.mean(np.array(inside), axis=(0, 2))
    assert np.abs(coverage - 0.95).max() < 0.04


def test_q_by_hand():
    # m = 5: 0.01*5/1 = 0.05; 0.02*5/2 = 0.05; 0.03*5/3 = 0.05; 0.5*5/4 = 0.625; 0.9*5/5 = 0.9
    np.testing.assert_allclose(benjamini_hochberg([0.9, 0.03, 0.01, 0.5, 0.02]), [0.9, 0.05, 0.05, 0.625, 0.05])
    # the third, 0.04*4/3 = 0.0533, bounds the second, 0.039*4/2 = 0.078
    np.testing.assert_allclose(benjamini_hochberg([0.001, 0.039, 0.04, 0.9]), [0.004, 0.16 / 3, 0.16 / 3, 0.9])
    np.testing.assert_allclose(benjamini_hochberg([0.01, np.nan, 0.02]), [0.02, np.nan, 0.02])
    assert benjamini_hochberg([]).size == 0
    assert benjamini_hochberg([1.0, 1.0]).max() == 1.0


def test_p_equals_the_t_distribution():
    np.testing.assert_allclose(p_value([0.5, -0.5, 0.0], [20, 20, 20])[:2], 2 * stats.t.sf(0.5 * np.sqrt(18 / 0.75), 18))
    assert p_value(0.0, 20) == pytest.approx(1.0)
    assert np.isnan(p_value(0.5, 2))


def test_the_matrix_equals_scipy_and_ignores_infinities(table):
    X, _ = table
    valid = np.isfinite(X["y"])
    matrix = correlation_matrix(X)
    assert matrix.loc["N", "y"] == pytest.approx(stats.spearmanr(X["N"][valid], X["y"][valid]).statistic)
    assert np.isnan(matrix.loc["N", "z"])


def test_thousands_of_columns_take_a_moment():
    generator = np.random.default_rng(0)
    X, y = pd.DataFrame(generator.normal(size=(95, 4000))), generator.normal(size=95)
    start = time.perf_counter()
    assert len(correlate(X, y)) == 4000
    assert time.perf_counter() - start < 5
