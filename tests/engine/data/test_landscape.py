"""The synthetic coastal plain: the same place by its seed, and nothing in it that could not be."""

from dataclasses import fields

import numpy as np
import pytest

from soilcore.core.errors import SettingsError
from soilcore.core.units import convert_to_ece
from soilcore.data import landscape
from soilcore.data.landscape import coast, draw_clouds, draw_samples, view
from soilcore.data.landscape_cover import relative_yield, season
from soilcore.data.landscape_fields import matern_field, paint_parcels, split_into_parcels
from soilcore.data.landscape_place import LAND_USES, REFERENCE_YEAR, ln_ece_of_year, make_place
from soilcore.data.landscape_reflectance import COVERS, wetting

PERMANENT = ("soc_g_kg", "clay_pct", "sand_pct", "elevation_m", "water_table_m", "water", "sea", "parcels", "land_use")


@pytest.fixture(scope="module")
def place():
    return make_place(96, 20.0, 4)


@pytest.fixture(scope="module")
def plain():
    return coast()


def arrays(scene):
    return {field.name: value for field in fields(scene) if isinstance(value := getattr(scene, field.name), np.ndarray)}


def test_the_same_seed_gives_the_same_arrays():
    first, second = arrays(coast(64, seed=7)), arrays(coast(64, seed=7))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_another_seed_gives_another_place():
    first, second = coast(64, seed=7), coast(64, seed=8)
    assert np.corrcoef(first.ece_dS_m.ravel(), second.ece_dS_m.ravel())[0, 1] < 0.9
    assert (first.dn != second.dn).mean() > 0.9


@pytest.mark.parametrize(("day", "year"), [(200, REFERENCE_YEAR), (76, REFERENCE_YEAR - 3)])
def test_the_place_stays_when_day_or_year_change(place, day, year):
    march, other = view(place), view(place, day, year)
    for name in PERMANENT:
        assert np.array_equal(getattr(march, name), getattr(other, name)), name
    assert (march.dn != other.dn).mean() > 0.9


def test_a_view_does_not_depend_on_the_views_before_it(place):
    view(place, 150)
    assert np.array_equal(view(place, 200).dn, view(make_place(96, 20.0, 4), 200).dn)


def test_salinity_does_not_change_within_a_year(place):
    assert np.array_equal(view(place, 20).ece_dS_m, view(place, 250).ece_dS_m)


def test_years_remember_their_neighbours_and_spread_as_an_autoregression():
    place = make_place(200, 20.0, 0)
    pan = place.land_use == LAND_USES.index("salt pan")
    anomaly = {year: ln_ece_of_year(place, year) - place.ln_ece for year in range(REFERENCE_YEAR - 10, REFERENCE_YEAR + 2)}
    assert not anomaly[REFERENCE_YEAR].any()
    assert all(not field[pan].any() for field in anomaly.values())
    land = {year: field[~pan] for year, field in anomaly.items()}
    assert land[REFERENCE_YEAR - 1].std() == pytest.approx(0.25 * np.sqrt(1 - 0.8**2), rel=0.1)
    assert land[REFERENCE_YEAR - 10].std() == pytest.approx(0.25, rel=0.3)
    assert np.corrcoef(land[REFERENCE_YEAR - 10], land[REFERENCE_YEAR - 9])[0, 1] > 0.6
    assert not np.array_equal(land[REFERENCE_YEAR - 1], land[REFERENCE_YEAR + 1])


def test_covers_are_shares_that_sum_to_one(plain):
    assert plain.covers.shape == (len(COVERS), 256, 256)
    assert plain.covers.min() >= 0
    assert plain.covers.max() <= 1
    np.testing.assert_allclose(plain.covers.sum(axis=0), 1, atol=1e-6)


def test_the_truth_is_positive_finite_and_within_physical_bounds(plain):
    for name in ("ece_dS_m", "ec_1_5_dS_m", "salt_g_kg", "soc_g_kg", "water_table_m"):
        layer = getattr(plain, name)
        assert layer.dtype == np.float32, name
        assert np.isfinite(layer).all(), name
        assert layer.min() > 0, name
    assert plain.clay_pct.min() >= 6
    assert plain.clay_pct.max() <= 58
    assert ((plain.clay_pct + plain.sand_pct) < 100).all()
    assert plain.moisture.min() >= np.float32(0.03)
    assert plain.moisture.max() <= np.float32(0.45)
    assert (plain.elevation_m[plain.sea] == 0).all()


def test_digital_numbers_carry_the_offset_and_never_say_no_data(plain):
    assert plain.dn.dtype == np.uint16
    assert plain.dn.shape == (10, 256, 256)
    assert plain.dn.min() >= 1
    sea = plain.reflectance()[:, plain.sea].mean(axis=1)
    assert sea[8] < 0.03 < sea[0] < 0.1
    np.testing.assert_allclose(plain.reflectance() * 10000 + 1000, plain.dn, atol=0.01)


def test_ec_of_the_extract_follows_from_ece_by_the_documented_conversion(plain):
    theta = landscape.saturated_paste_water(plain.clay_pct.astype(float)).ravel()
    back = convert_to_ece(plain.ec_1_5_dS_m.astype(float).ravel(), "slavich_theta", theta=theta).values
    np.testing.assert_allclose(back, plain.ece_dS_m.ravel(), rtol=1e-5)
    np.testing.assert_allclose(plain.salt_g_kg.ravel(), 0.64 * plain.ece_dS_m.ravel() * theta, rtol=1e-5)


def test_class_factors_recover_ece_about_as_well_as_textures_allow(plain):
    table = draw_samples(plain, 2000)
    back = convert_to_ece(table["ec_1_5_dS_m"].to_numpy(), "slavich_class", texture=table["texture_class"].to_numpy()).values
    ratio = back / table["ece_dS_m"]
    assert ratio.median() == pytest.approx(1, abs=0.1)
    assert ratio.between(0.7, 1.5).mean() > 0.9


def test_samples_are_the_truth_of_the_pixel_they_lie_in(plain):
    table = draw_samples(plain, 95)
    row, col, inside = plain.grid.rows_cols(table["lon"], table["lat"], 4326)
    assert inside.all()
    assert not plain.water[row, col].any()
    assert len(set(zip(row, col, strict=True))) == 95
    np.testing.assert_allclose(table["ece_dS_m"], plain.ece_dS_m[row, col], atol=6e-4)
    np.testing.assert_allclose(table[["clay_pct", "silt_pct", "sand_pct"]].sum(axis=1), 100, atol=1e-9)
    assert list(table["land_use"]) == [LAND_USES[code] for code in plain.land_use[row, col]]
    assert table["texture_class"].notna().all()


def test_more_samples_than_land_are_refused_with_the_number_of_land_pixels(plain):
    land = int((~plain.water).sum())
    assert len(draw_samples(plain, land)) == land
    with pytest.raises(SettingsError, match=f"{land + 1} samples .* only {land} pixels"):
        draw_samples(plain, land + 1)
    with pytest.raises(SettingsError, match="0 samples"):
        draw_samples(plain, 0)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"size": 31}, "31 x 31"),
        ({"size": 6000}, "5490"),
        ({"cell": 0}, "0 m"),
        ({"cell": -20.0}, "-20.0 m"),
        ({"cell": float("nan")}, "nan m"),
        ({"cell": float("inf")}, "inf m"),
        ({"seed": -1}, "-1"),
        ({"size": 32, "day": 0}, "Day 0"),
        ({"size": 32, "day": 366, "year": 2025}, "366"),
        ({"size": 32, "year": 1492}, "1492"),
    ],
)
def test_impossible_settings_are_refused_with_their_value(settings, named):
    with pytest.raises(SettingsError, match=named):
        coast(**settings)


@pytest.mark.parametrize(("size", "cell"), [(32, 20.0), (32, 1.0), (100, 7.5), (33, 1000.0)])
def test_any_size_and_cell_give_land_with_salt(size, cell):
    scene = coast(size, cell, seed=2)
    assert scene.grid.cell_size == (cell, cell)
    assert (~scene.water).mean() > 0.1
    assert np.isfinite(scene.ece_dS_m).all()
    assert scene.dn.min() >= 1


def test_a_fine_scene_has_parcels_and_shore_of_the_same_size_on_the_ground(plain):
    fine = coast(512, 10.0)
    assert fine.dn.shape == (10, 512, 512)
    areas = [np.median(np.bincount(scene.parcels.ravel())) * scene.grid.cell_size[0] ** 2 / 1e4 for scene in (plain, fine)]
    assert areas[1] == pytest.approx(areas[0], rel=0.4)
    assert fine.sea.mean() == pytest.approx(plain.sea.mean(), abs=0.05)
    assert np.median(fine.ece_dS_m[~fine.water]) == pytest.approx(np.median(plain.ece_dS_m[~plain.water]), rel=0.25)


def test_fields_have_the_variance_and_range_they_promise():
    chance = np.random.default_rng(0)
    lags = []
    for _ in range(30):
        field = matern_field(chance, 128, 20.0, 400.0)
        assert field.mean() == pytest.approx(0, abs=1e-12)
        assert field.std() == pytest.approx(1)
        lags.append([(field[:, :-lag] * field[:, lag:]).mean() for lag in (5, 20)])
    near, at_range = np.mean(lags, axis=0)
    assert at_range == pytest.approx(0.14, abs=0.08)  # sqrt(8) K1(sqrt(8)) = 0.139
    assert near == pytest.approx(0.71, abs=0.08)  # a quarter of the range: 0.707 K1(0.707)


def test_opposite_edges_of_a_field_are_strangers():
    chance = np.random.default_rng(1)
    products = [(field[:, 0] * field[:, -1]).mean() for field in (matern_field(chance, 64, 20.0, 300.0) for _ in range(200))]
    assert abs(np.mean(products)) < 0.12


def test_parcels_tile_the_square_within_their_bounds():
    parcels = split_into_parcels(np.random.default_rng(3), 200, 7, 26)
    labels = paint_parcels(parcels, 200)
    assert sum(height * width for _, _, height, width in parcels) == 200 * 200
    assert set(np.unique(labels)) == set(range(len(parcels)))
    assert all(7 <= side <= 26 for _, _, height, width in parcels for side in (height, width))


def test_wheat_is_green_in_may_and_cotton_in_august(plain):
    use, water = plain.land_use, plain.water
    wheat, cotton = ((use == LAND_USES.index(name)) & ~water for name in ("winter wheat", "cotton"))
    place = make_place(256, 20.0, 0)
    may, august = (view(place, day).covers[COVERS.index("green")] for day in (125, 220))
    assert may[wheat].mean() > 0.4 > 0.1 > august[wheat].mean()
    assert august[cotton].mean() > 0.4 > 0.2 > may[cotton].mean()


def test_salt_stress_lowers_wheat_cover_only_above_its_threshold():
    assert relative_yield(np.array([1.0, 6.0, 7.0, 60.0]), 6.0, 0.071) == pytest.approx([1, 1, 0.929, 0.03])
    assert season(np.array([85.0]), 85, 0.075, 155, 0.11)[0] == pytest.approx(0.5, abs=1e-3)


def test_wet_ground_is_darker_and_saturates():
    moisture = np.array([0.0, 0.1, 0.3, 5.0])
    share = wetting(moisture, 0.3)
    assert share[0] == 1
    assert (np.diff(share) < 0).all()
    assert share[-1] == pytest.approx(0.3)


def test_a_wet_day_darkens_bare_ground(place):
    dry, wet = view(place, 76), view(place, 76, wetness=0.08)
    bare = dry.covers[COVERS.index("soil")] > 0.7
    assert wet.reflectance()[8][bare].mean() < 0.95 * dry.reflectance()[8][bare].mean()


def test_clouds_leave_some_days_clear_and_never_hide_everything(place):
    hidden = [draw_clouds(place, 2025, day).mean() for day in range(1, 360, 9)]
    assert 0.15 < np.mean(np.array(hidden) == 0) < 0.6
    assert max(hidden) <= 0.68
    assert np.array_equal(draw_clouds(place, 2025, 100), draw_clouds(place, 2025, 100))
