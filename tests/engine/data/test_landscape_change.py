"""The planted change: whole fields, in the past of the reference year, and nothing else moves."""

import numpy as np
import pytest
import rasterio

from soilcore.data.landscape import view
from soilcore.data.landscape_change import CHANGE_YEAR, FACTOR, LEACHED, SALINISED, UNCHANGED, planted_change
from soilcore.data.landscape_place import REFERENCE_YEAR, SALT_PAN, ln_ece_of_year, make_place


@pytest.fixture(scope="module")
def place():
    return make_place(256, 20.0, 0)


def test_about_a_twentieth_of_the_land_changed_each_way_by_whole_fields(place):
    change, land = planted_change(place), ~place.water
    for kind in (SALINISED, LEACHED):
        assert np.mean(change[land] == kind) == pytest.approx(0.05, abs=0.015)
    for parcel in np.unique(place.parcels):
        assert np.unique(change[place.parcels == parcel]).size == 1
    assert np.all(change[place.land_use == SALT_PAN] == UNCHANGED)


def test_ece_differs_by_the_factor_before_and_not_at_all_after(place):
    change = planted_change(place)
    for year in (CHANGE_YEAR - 1, CHANGE_YEAR - 3):
        ratio = view(place, year=year).ece_dS_m / np.exp(ln_ece_of_year(place, year))
        for kind, factor in ((UNCHANGED, 1), (SALINISED, 1 / FACTOR), (LEACHED, FACTOR)):
            np.testing.assert_allclose(ratio[change == kind], factor, rtol=1e-5)
    for year in (CHANGE_YEAR, REFERENCE_YEAR):
        np.testing.assert_array_equal(view(place, year=year).ece_dS_m, np.exp(ln_ece_of_year(place, year)))


def test_the_demo_tells_where_its_years_changed(demo):
    with rasterio.open(demo / "truth" / "change.tif") as raster, rasterio.open(demo / "truth" / "ece_by_year.tif") as years:
        change, ece = raster.read(1), years.read()
        assert raster.tags()["CHANGE_YEAR"] == str(CHANGE_YEAR)
        assert raster.tags()["CLASS_2"] == "leached"
    np.testing.assert_array_equal(change == 255, np.isnan(ece[0]))
    assert np.median((ece[3] / ece[2])[change == SALINISED]) > 3
    assert np.median((ece[3] / ece[2])[change == LEACHED]) < 1 / 3
