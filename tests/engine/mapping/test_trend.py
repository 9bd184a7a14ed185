"""Trends of pixels agree with other programs, gaps and ties included."""

import datetime

import numpy as np
import pytest
from scipy.stats import kendalltau, theilslopes

from soilcore.mapping.trend import decimal_years, trends


def test_slope_s_and_z_are_those_of_pymannkendall(oracle):
    for case in oracle("trend")["cases"]:
        series = np.array(case["series"], np.float32)[:, None]
        slope, s, z = (float(layer[0]) for layer in trends(series, np.arange(len(series))))
        assert s == case["s"]
        assert z == pytest.approx(case["z"], abs=1e-6)
        assert slope == pytest.approx(case["slope"], abs=1e-6)


def test_uneven_dates_give_the_slope_of_scipy(oracle):
    case = oracle("trend")["uneven"]
    slope, _, _ = trends(np.array(case["series"], np.float32)[:, None], case["times"])
    assert slope[0] == pytest.approx(case["slope"], rel=1e-6)
    assert slope[0] == pytest.approx(theilslopes(case["series"], case["times"])[0], rel=1e-6)


def test_the_sign_of_s_is_that_of_kendalls_tau():
    values = np.random.default_rng(1).normal(size=(12, 40)).astype(np.float32)
    _, s, _ = trends(values, np.arange(12))
    for column, own in zip(values.T, s, strict=True):
        assert own == round(kendalltau(np.arange(12), column).statistic * 12 * 11 / 2)


def test_missing_dates_are_left_out_pixel_by_pixel():
    values = np.random.default_rng(2).normal(size=(9, 3)).astype(np.float32)
    times, holes = np.arange(9.0), values.copy()
    holes[[1, 4], 0] = np.nan
    slope, s, z = trends(holes, times)
    kept = np.isfinite(holes[:, 0])
    alone = trends(values[kept][:, :1], times[kept])
    assert (slope[0], s[0], z[0]) == tuple(layer[0] for layer in alone)
    holes[:7, 2] = np.nan  # two dates are no trend
    slope, _, z = trends(holes, times)
    assert np.isnan([slope[2], z[2]]).all()


def test_a_series_without_change_has_no_trend():
    slope, s, z = trends(np.full((7, 1), 3, np.float32), np.arange(7))
    assert (slope[0], s[0], z[0]) == (0, 0, 0)


def test_the_same_day_of_the_year_is_a_whole_year_apart():
    years = decimal_years([datetime.date(2021, 3, 17), datetime.date(2022, 3, 17), datetime.date(2023, 3, 17)])
    np.testing.assert_allclose(np.diff(years), 1, atol=1e-9)
