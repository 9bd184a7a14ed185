"""Crops and salt: the table, the two straight lines, and the water that keeps salt away."""

import numpy as np
import pytest

from soilcore.core.errors import SettingsError
from soilcore.core.tables import load_table
from soilcore.mapping.crops import check_crops_fit, crop, crops, crops_that_stand, leaching_requirement, reclamation_water, steady_ece

MAAS_1990 = {  # the published table of vegetables of the US Salinity Laboratory: threshold, slope, rating
    "asparagus": (4.1, 2.0, "T"),
    "bean": (1.0, 19.0, "S"),
    "mung-bean": (1.8, 20.7, "S"),
    "red-beet": (4.0, 9.0, "MT"),
    "broccoli": (2.8, 9.2, "MS"),
    "cabbage": (1.8, 9.7, "MS"),
    "carrot": (1.0, 14.0, "S"),
    "celery": (1.8, 6.2, "MS"),
    "sweet-corn": (1.7, 12.0, "MS"),
    "cucumber": (2.5, 13.0, "MS"),
    "eggplant": (1.1, 6.9, "MS"),
    "lettuce": (1.3, 13.0, "MS"),
    "onion": (1.2, 16.0, "S"),
    "pepper": (1.5, 14.0, "MS"),
    "potato": (1.7, 12.0, "MS"),
    "radish": (1.2, 13.0, "MS"),
    "spinach": (2.0, 7.6, "MS"),
    "squash-scallop": (3.2, 16.0, "MS"),
    "strawberry": (1.0, 33.0, "S"),
    "sweet-potato": (1.5, 11.0, "MS"),
    "tomato": (2.5, 9.9, "MS"),
    "cherry-tomato": (1.7, 9.1, "MS"),
    "turnip": (0.9, 9.0, "MS"),
}


def test_the_table_is_whole():
    table = load_table("crops")
    assert len(crops()) >= 40
    assert len({one.id for one in crops()}) == len(crops())
    for one in crops():
        assert 0 < one.threshold < 15 and 1 < one.slope < 40, one
        assert one.rating in table["ratings"] and one.group in table["groups"] and one.source and one.scientific and one.yield_of


def test_what_is_marked_as_checked_equals_the_published_table():
    assert {one.id for one in crops() if one.checked} == set(MAAS_1990)
    for identifier, numbers in MAAS_1990.items():
        one = crop(identifier)
        assert (one.threshold, one.slope, one.rating) == numbers, identifier


def test_crops_of_the_synthetic_coast_stand_salt_as_its_truth_says():
    """Wheat, cotton, rice and maize are in both tables."""
    for identifier, threshold, slope in (("wheat", 6.0, 7.1), ("cotton", 7.7, 5.2), ("rice", 3.0, 12.0), ("maize", 1.7, 12.0)):
        assert (crop(identifier).threshold, crop(identifier).slope) == (threshold, slope)


def test_tolerant_crops_give_half_at_higher_salinity_than_sensitive_ones():
    half = {rating: np.median([one.ece_for(50) for one in crops() if one.rating == rating]) for rating in ("S", "MS", "MT", "T")}
    assert half["S"] < half["MS"] < half["MT"] < half["T"]


def test_yield_follows_the_two_straight_lines():
    wheat = crop("wheat")
    np.testing.assert_allclose(wheat.relative_yield([0, 6, 7, 16, 100]), [100, 100, 92.9, 29, 0])
    assert np.isnan(wheat.relative_yield(np.nan))
    assert wheat.relative_yield(np.inf) == 0
    for one in crops():
        assert one.relative_yield(one.ece_for(75)) == pytest.approx(75)
        assert one.relative_yield(one.no_yield) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "identifier"),
    [("Wheat", "wheat"), ("sugar  beet", "sugarbeet"), ("Hordeum VULGARE", "barley"), ("corn", "maize"), ("courgette", "zucchini")],
)
def test_a_crop_is_found_by_any_of_its_names(name, identifier):
    assert crop(name).id == identifier


def test_an_unknown_crop_is_refused_with_those_spelled_alike():
    with pytest.raises(SettingsError, match="wheat"):
        crop("wheta")
    with pytest.raises(SettingsError, match="no 'quinine'"):
        crop("quinine")


def test_the_leaching_requirement_is_that_of_fao_29():
    """Water of 1.2 dS/m and maize: 1.2 / (5 x 2.5 - 1.2) where 90 % are enough, 1.2 / (5 x 1.7 - 1.2) for the full yield."""
    assert leaching_requirement(1.2, 2.5) == pytest.approx(0.106, abs=5e-4)
    assert leaching_requirement(1.2, 1.7) == pytest.approx(0.1644, abs=1e-4)
    assert leaching_requirement(0.0, 2.0) == 0
    assert leaching_requirement(9.0, 1.7) == np.inf  # as salty as five times what the crop stands
    assert leaching_requirement(5.0, 1.7) == np.inf  # more than all of the water would have to drain
    assert np.isnan(leaching_requirement(1.0, np.nan))


def test_salinity_and_leaching_are_one_rule_read_two_ways():
    part = leaching_requirement(1.5, 4.0)
    assert steady_ece(1.5, part) == pytest.approx(4.0)


@pytest.mark.parametrize("water", [-1, 750, float("nan")])
def test_water_in_another_unit_is_refused(water):
    with pytest.raises(SettingsError, match="dS/m"):
        leaching_requirement(water, 4.0)


def test_crops_that_stand_a_place_are_those_that_still_give_enough():
    rows = crops_that_stand(9.0, 6.0, 14.0)
    found = {row["id"]: row for row in rows}
    assert "barley" in found and "cotton" in found and "wheat" not in found and "bean" not in found
    assert all(row["yield"] >= 90 and row["yield_low"] <= row["yield"] <= row["yield_high"] for row in rows)
    assert found["rye"]["sure"] is False and crops_that_stand(3.0, 2.0, 4.0)[-1]["sure"] is True
    assert crops_that_stand(3.0)[0]["sure"] is None


@pytest.mark.parametrize(("unit", "form"), [("dS/m", "as-measured"), ("g/kg", "salt"), (None, "ECe"), ("%", "as-measured")])
def test_anything_but_ece_is_refused_with_the_conversion(unit, form):
    with pytest.raises(SettingsError, match="--convert ECe"):
        check_crops_fit(unit, form, "ec_1_5")
    check_crops_fit("mS/cm", "ECe")


def test_washing_salt_out_takes_the_more_water_the_saltier_the_soil():
    np.testing.assert_allclose(reclamation_water([20.0, 10.0, 4.0, np.nan], 5.0), [1.2, 0.6, 0.0, np.nan])
    assert reclamation_water(20.0, 5.0, "sandy loam") == pytest.approx(0.4)
    with pytest.raises(SettingsError, match="sandy loam"):
        reclamation_water(20.0, 5.0, "rock")
