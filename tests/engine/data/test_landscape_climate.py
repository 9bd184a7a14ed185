"""Monthly weather that obeys FAO-56 and loses no water."""

import numpy as np
import pytest

from soilcore.core.tables import load_table
from soilcore.data.landscape_climate import VARIABLES, extraterrestrial_radiation, hargreaves, monthly_climate, saturation_pressure

LATITUDES = np.linspace(-45, 60, 40)


@pytest.fixture(scope="module")
def climate():
    return monthly_climate(LATITUDES, months=61, seed=5)


def test_vapour_pressure_radiation_and_evapotranspiration_equal_fao56(oracle):
    expected = oracle("landscape")["climate"]
    for temperature, pressure in expected["es_kPa"].items():
        assert saturation_pressure(float(temperature)) == pytest.approx(pressure, rel=1e-9)
    for place, radiation in expected["ra_MJ_m2_d"].items():
        latitude, day = (int(part) for part in place.split("|"))
        assert extraterrestrial_radiation(latitude, day) == pytest.approx(radiation, rel=1e-9)
    case = expected["hargreaves_mm_d"]
    radiation = extraterrestrial_radiation(case["lat"], case["J"])
    assert hargreaves(radiation, np.array(case["tmin"]), np.array(case["tmax"])) == pytest.approx(case["et0"], rel=1e-9)


def test_fao56_example_8_is_met():
    assert extraterrestrial_radiation(-20, 246) == pytest.approx(32.2, abs=0.05)


def test_polar_night_and_day_have_radiation_and_no_error():
    assert extraterrestrial_radiation(80, 355) == pytest.approx(0, abs=1e-9)
    assert extraterrestrial_radiation(80, 172) > 40


def test_names_and_units_are_terraclimates(climate):
    assert VARIABLES == ("aet", "def", "pdsi", "pet", "pr", "ro", "soil", "srad", "swe", "tmmn", "tmmx", "vap", "vpd", "vs")
    assert tuple(climate) == VARIABLES
    assert all(row["unit"] for row in load_table("terraclimate")["variables"].values())
    assert all(series.shape == (40, 61) for series in climate.values())
    assert all(np.isfinite(series).all() for series in climate.values())


def test_water_is_neither_made_nor_lost(climate):
    change = np.diff(climate["soil"], axis=1) + np.diff(climate["swe"], axis=1)
    balance = climate["pr"][:, 1:] - climate["aet"][:, 1:] - climate["ro"][:, 1:] - change
    np.testing.assert_allclose(balance, 0, atol=1e-9)


def test_evapotranspiration_stays_below_its_demand_and_the_bucket_within_its_rim(climate):
    assert (climate["aet"] <= climate["pet"]).all()
    assert (climate["def"] >= 0).all()
    np.testing.assert_array_equal(climate["def"], climate["pet"] - climate["aet"])
    assert climate["soil"].min() >= 0
    assert climate["soil"].max() <= 120
    for name in ("aet", "pr", "ro", "swe", "srad", "vap", "vpd", "vs"):
        assert climate[name].min() >= 0, name
    assert np.abs(climate["pdsi"]).max() <= 6


def test_temperature_has_its_mean_swing_and_anomaly():
    series = monthly_climate(np.full(300, 38.0), months=240, seed=1)
    mean = (series["tmmx"] + series["tmmn"]) / 2
    months = mean.reshape(300, 20, 12).mean(axis=(0, 1))
    assert months.argmax() == 6
    assert months.mean() == pytest.approx(13, abs=0.1)
    assert (months.max() - months.min()) / 2 == pytest.approx(14, abs=0.2)
    anomaly = mean - np.tile(months, 20)
    assert anomaly.std() == pytest.approx(1.2, abs=0.05)
    assert np.corrcoef(anomaly[:, 1:].ravel(), anomaly[:, :-1].ravel())[0, 1] == pytest.approx(0.3, abs=0.03)
    assert ((series["tmmx"] - series["tmmn"]) >= 7).all()


def test_rain_falls_as_much_and_when_it_should():
    rain = monthly_climate(np.full(300, 38.0), months=240, seed=2)["pr"].reshape(300, 20, 12)
    assert rain.sum(axis=2).mean() == pytest.approx(560, rel=0.02)
    assert rain[:, :, 6:8].sum() / rain.sum() == pytest.approx(0.65, abs=0.01)
    july = rain[:, :, 6]
    assert (july.mean() / july.std()) ** 2 == pytest.approx(1.6, rel=0.1)


def test_the_south_has_summer_in_january():
    series = monthly_climate([38.0, -38.0], months=240, seed=3)
    months = series["tmmx"].reshape(2, 20, 12).mean(axis=1)
    assert months.argmax(axis=1).tolist() == [6, 0]
    radiation = series["srad"].reshape(2, 20, 12).mean(axis=1)
    assert radiation[1, [0, 11]].mean() > 2 * radiation[1, 6]


def test_the_first_month_sets_the_calendar():
    from_january, from_july = (monthly_climate([40.0], months=120, seed=4, first_month=month)["pet"][0] for month in (1, 7))
    assert from_january[:12].argmax() in (5, 6)
    assert from_july[:12].argmax() in (0, 11)


def test_neighbours_share_weather_and_strangers_do_not():
    def likeness(shared):
        first, second = monthly_climate([38.0, 38.0], months=600, seed=6, shared=shared)["tmmx"].reshape(2, 50, 12)
        return np.corrcoef((first - first.mean(axis=0)).ravel(), (second - second.mean(axis=0)).ravel())[0, 1]

    assert abs(likeness(0.0)) < 0.15
    assert likeness(0.95) > 0.9


def test_the_seed_makes_the_weather_repeatable():
    first, second, other = (monthly_climate([10.0], seed=seed)["pr"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
