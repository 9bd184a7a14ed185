"""Seasons of one place: closed forms, fitted curves, gaps, clouds, winter crops, the southern hemisphere."""

from dataclasses import replace

import numpy as np
import pytest

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.features.phenology import DoubleLogistic, PhenologySettings, season_of_series
from soilcore.features.phenology_curves import peak_of, rise_of
from soilcore.features.phenology_settings import check_phenology
from soilcore.features.phenology_windows import SeasonWindow, plan_seasons

SETTINGS = PhenologySettings()
YEAR = np.arange("2021-01-01", "2022-01-01", dtype="datetime64[D]")


@pytest.fixture
def known(oracle):
    return oracle("phenology")


@pytest.fixture
def curve(known):
    return DoubleLogistic(**known["params"])


def single(known):
    """A rise whose fall lies a thousand days away, so that only the first logistic matters."""
    return DoubleLogistic(0.0, 1.0, known["S"], known["a"], 1500.0, 0.08)


def years(curve, first="2018-01-01", last="2022-01-01", every=8, shift=0):
    """The same season in every year, its days moved by `shift`."""
    days = np.arange(first, last, every, dtype="datetime64[D]")
    number = (days - days.astype("datetime64[Y]")).astype(float) + 1
    return days, np.max([curve(number - shift + turn) for turn in (-365, 0, 365)], axis=0)


def test_dates_of_the_double_logistic_agree_with_the_oracle(known, curve):
    found = rise_of(curve, curve.mn, 1, 365, SETTINGS)
    assert found["sos"] == pytest.approx(known["sos_20"], abs=1e-9)
    assert found["sdps"] == pytest.approx(known["sdps_90"], abs=1e-9)
    assert found["gus"] == pytest.approx(known["gus_mean"], abs=1e-9)
    assert found["peak"] == pytest.approx(known["peak_day"], abs=1e-9)
    assert peak_of(curve, 1, 365)[1] == pytest.approx(known["peak_value"], abs=1e-9)
    assert rise_of(curve, curve.mn, 1, 365, replace(SETTINGS, sos="10"))["sos"] == pytest.approx(known["sos_10"], abs=1e-9)


def test_the_largest_slope_agrees_with_the_oracle(known, curve):
    found = rise_of(curve, curve.mn, 1, 365, replace(SETTINGS, sos="derivative", gus="max"))
    assert found["sos"] == pytest.approx(known["day_of_gus_max"], abs=1e-9)
    assert found["gus"] == pytest.approx(known["gus_max"], abs=1e-9)


def test_closed_forms_of_a_single_logistic_hold(known):
    told = known["single_logistic"]
    rise = single(told)
    shares = rise_of(rise, 0.0, -100, 800, SETTINGS)
    zhang = rise_of(rise, 0.0, -100, 800, replace(SETTINGS, sos="zhang", sdps="zhang"))
    assert shares["sos"] == pytest.approx(told["sos_20"], abs=1e-9)
    assert shares["sdps"] == pytest.approx(told["pk_90"], abs=1e-9)
    assert zhang["sos"] == pytest.approx(told["zhang_greenup"], abs=1e-9)
    assert zhang["sdps"] == pytest.approx(told["zhang_maturity"], abs=1e-9)
    assert rise((zhang["sos"], zhang["sdps"])) == pytest.approx(told["greenup_and_maturity_share"], abs=1e-9)


def test_gu_stabilises_two_rates_after_the_inflection(known):
    told = known["single_logistic"]
    found = rise_of(single(told), 0.0, -100, 800, replace(SETTINGS, sdps="gu"))
    assert found["sdps"] == pytest.approx(told["S"] + 2 / told["a"], abs=1e-6)


def test_derivatives_agree_with_differences(curve):
    days, step = np.linspace(20, 340, 50), 1e-3
    for order in range(4):
        numeric = (curve.derivative(days + step, order) - curve.derivative(days - step, order)) / (2 * step)
        assert curve.derivative(days, order + 1) == pytest.approx(numeric, abs=1e-9)


def test_clean_daily_values_give_the_dates_of_the_oracle_within_half_a_day(known, curve):
    found = season_of_series(YEAR, curve(np.arange(1, 366)), SETTINGS)
    assert found.method == "double logistic"
    assert found.sos == pytest.approx(known["sos_20"], abs=0.5)
    assert found.sdps == pytest.approx(known["sdps_90"], abs=0.5)
    assert found.gus == pytest.approx(known["gus_mean"], rel=0.01)
    assert found.parameters.a == pytest.approx(curve.a, rel=1e-3)


def test_clouds_that_only_lower_values_hardly_move_the_dates(known, curve):
    rng = np.random.default_rng(4)
    errors = []
    for _ in range(20):
        days = np.sort(rng.choice(365, 50, replace=False))
        values = curve(days + 1) + rng.normal(0, 0.01, days.size)
        cloudy = rng.random(days.size) < 0.25
        values[cloudy] -= rng.uniform(0.05, 0.4, cloudy.sum())
        errors.append(season_of_series(YEAR[days], values, SETTINGS).sos - known["sos_20"])
    assert abs(np.median(errors)) < 3
    assert np.percentile(np.abs(errors), 80) < 7


def test_values_without_trust_count_as_missing(known, curve):
    values, weights = curve(np.arange(1, 366)), np.ones(365)
    values[50:90], weights[50:90] = -0.2, 0.0
    found = season_of_series(YEAR, values, SETTINGS, weights)
    assert found.n == 325
    assert found.sos == pytest.approx(known["sos_20"], abs=0.5)


def test_the_order_of_dates_and_double_dates_do_not_matter(curve):
    values = curve(np.arange(1, 366))
    mixed = np.random.default_rng(0).permutation(365)
    twice = season_of_series(np.concatenate([YEAR, YEAR])[::-1], np.concatenate([values, values])[::-1], SETTINGS)
    assert season_of_series(YEAR[mixed], values[mixed], SETTINGS).sos == pytest.approx(twice.sos, abs=1e-6)


def test_no_answer_has_a_reason(curve):
    values = curve(np.arange(1, 366))
    assert season_of_series(YEAR[::60], values[::60], SETTINGS).reason == "fewer valid dates than needed"
    assert season_of_series(YEAR, 0.15 + 0.1 * values, SETTINGS).reason == "the amplitude is smaller than needed"
    assert season_of_series(YEAR[:150], values[:150], SETTINGS).reason == "the peak lies at the end of the series"
    assert season_of_series(YEAR[95:], values[95:], SETTINGS).reason == "the rise begins before the first valid date"
    for found in (season_of_series(YEAR[:150], values[:150], SETTINGS), season_of_series(YEAR[::60], values[::60], SETTINGS)):
        assert np.isnan([found.sos, found.sdps, found.gus, found.peak]).all()


def test_values_of_another_shape_are_smoothed_and_that_is_said():
    days = np.arange(0, 365, 8)
    bumps = 0.2 + 0.5 * np.exp(-(((days - 110) / 18) ** 2)) + 0.6 * np.exp(-(((days - 240) / 18) ** 2))
    found = season_of_series(YEAR[days], bumps, SETTINGS)
    assert found.method == "Savitzky-Golay"
    assert 150 < found.sos < found.sdps < found.peak < 250


def test_long_gaps_are_joined_by_straight_lines_and_that_is_said():
    days = np.array([day for day in range(0, 365, 8) if not 280 < day < 340])
    bumps = 0.2 + 0.5 * np.exp(-(((days - 110) / 18) ** 2)) + 0.6 * np.exp(-(((days - 240) / 18) ** 2))
    found = season_of_series(YEAR[days], bumps, SETTINGS)
    assert found.method == "linear"
    assert 175 < found.sos < 240


def test_the_base_of_a_smoothed_curve_is_its_minimum_before_the_peak():
    days = np.arange(0, 365, 8)
    bumps = 0.2 + 0.5 * np.exp(-(((days - 110) / 18) ** 2)) + 0.6 * np.exp(-(((days - 240) / 18) ** 2)) - 0.15 * (days > 300)
    found = season_of_series(YEAR[days], bumps, SETTINGS)
    assert found.base == pytest.approx(0.2, abs=0.03)


def test_the_southern_hemisphere_has_the_same_season_half_a_year_later(curve):
    north = season_of_series(*years(curve), replace(SETTINGS, year=2020))
    for start in (200, "auto"):
        south = season_of_series(*years(curve, shift=220), replace(SETTINGS, season_start=start, year=2020))
        assert south.year == 2020
        assert south.sos == pytest.approx(north.sos + 220 - 365, abs=1.5)
        assert south.peak == pytest.approx(north.peak + 220 - 365, abs=3)
        assert south.gus == pytest.approx(north.gus, rel=0.03)


def test_winter_wheat_begins_in_the_year_before_its_peak():
    wheat = DoubleLogistic(0.15, 0.85, -25.0, 0.035, 165.0, 0.12)
    truth = rise_of(wheat, wheat.mn, -120, 240, SETTINGS)
    assert truth["sos"] < 0
    days = np.arange("2018-09-05", "2021-08-25", 10, dtype="datetime64[D]")
    number = np.where(days >= days.astype("datetime64[Y]") + np.timedelta64(243, "D"), 0, 365)
    values = wheat((days - days.astype("datetime64[Y]")).astype(float) + 1 - 365 + number)
    for start in (244, "auto"):
        found = season_of_series(days, values, replace(SETTINGS, season_start=start))
        assert found.year == 2021 if start == 244 else found.year in (2020, 2021)
        assert found.sos == pytest.approx(truth["sos"], abs=2)
        assert found.sdps == pytest.approx(truth["sdps"], abs=3)


def test_days_as_numbers_are_days_of_the_year(known, curve):
    days = np.arange(-20, 366)
    found = season_of_series(days, curve(days), replace(SETTINGS, year=2019))
    assert found.year == 2019
    assert found.sos == pytest.approx(known["sos_20"], abs=0.5)


def test_a_season_is_called_by_the_year_of_its_peak(curve):
    days, values = years(curve, shift=220)
    windows = plan_seasons(days, values, 182).windows
    assert [window.year for window in windows if window.whole] == [2019, 2020, 2021]
    assert next(window for window in windows if window.year == 2020).first == np.datetime64("2019-07-01")


def test_the_latest_whole_season_is_taken_and_others_by_year(curve):
    days, values = years(curve, last="2021-05-01")
    plan = plan_seasons(days, values, 1)
    assert plan.of_year().year == 2020
    assert plan.of_year(2019).year == 2019
    with pytest.raises(FeatureError, match=r"no season that peaks in 2030\. It has: 2018"):
        plan.of_year(2030)


def test_auto_begins_in_the_middle_of_the_low_season_and_says_so(curve):
    plan = plan_seasons(*years(curve))
    assert "low season" in plan.assumed[0]
    first = plan.windows[1].first
    assert first.astype("datetime64[M]").astype(int) % 12 in (10, 11, 0, 1)


def test_a_series_without_values_is_refused():
    with pytest.raises(FeatureError, match="no valid value"):
        season_of_series(YEAR, np.full(365, np.nan), SETTINGS)
    with pytest.raises(FeatureError, match="one day, value and weight each"):
        season_of_series(YEAR, np.ones(3), SETTINGS)


@pytest.mark.parametrize(
    "wrong", [{"sos": "30"}, {"sdps": "95"}, {"gus": "median"}, {"season_start": 400}, {"season_start": "may"}, {"min_dates": 2}]
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError):
        check_phenology(replace(SETTINGS, **wrong))


def test_day_numbers_count_from_the_first_of_january():
    window = SeasonWindow(2021, np.datetime64("2020-09-01"), np.datetime64("2021-08-31"), True)
    assert window.day_numbers(np.array(["2020-12-31", "2021-01-01"], "datetime64[D]")).tolist() == [0, 1]
    assert window.length == 365
