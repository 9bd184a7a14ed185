"""Slope, aspect, curvature, smoothing and position on arrays: against closed forms, brute force and exact properties."""

import math

import numpy as np
import pytest

from soilcore.core.errors import SettingsError
from soilcore.features.terrain_arrays import CONVENTIONS, LOCAL, SLOPES, derivatives, position_index, smooth

EXPECTED = {
    "zt": ("slope_deg", "aspect_deg", "zt_profile", "zt_plan", "geom_tangential"),
    "arcgis": ("slope_deg", "aspect_deg", "arcgis_profile", "arcgis_plan", None),
    "geometric": ("slope_deg", "aspect_deg", "geom_profile", "geom_contour", "geom_tangential"),
}
SURFACES = (
    "plane",
    "paraboloid_dome",
    "paraboloid_bowl",
    "dome_summit",
    "saddle_xy",
    "saddle_x2_y2",
    "cylinder_ridge_NS",
    "rotated_valley",
    "tilted_dome",
)


def hill(cell, x, y):
    """3 x 3 window round (x, y) of a Gaussian hill, the northern row first."""
    steps = np.array([-1, 0, 1]) * cell
    east, north = x + steps[None], y - steps[:, None]
    return 30 * np.exp(-(east**2) / 320000 - north**2 / 160000)


def rough(shape=(40, 50), seed=0):
    """Relief with every slope and bend."""
    return np.random.default_rng(seed).normal(size=shape).cumsum(0).cumsum(1)


def quadratic(cell_x, cell_y, x=40.0, y=-25.0):
    """Window of z = x^2/900 + xy/700 - y^2/1100 + x/20, and its derivatives p, q, r, s, t there."""
    east, north = x + np.array([-1, 0, 1])[None] * cell_x, y - np.array([-1, 0, 1])[:, None] * cell_y
    z = east**2 / 900 + east * north / 700 - north**2 / 1100 + east / 20
    return z, (2 * x / 900 + y / 700 + 1 / 20, x / 700 - 2 * y / 1100, 2 / 900, 1 / 700, -2 / 1100)


@pytest.mark.parametrize("surface", SURFACES)
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_surfaces_with_closed_forms_match_to_1e_10_in_every_convention(oracle, surface, convention):
    case = oracle("terrain")["surfaces"][surface]
    for slope in SLOPES:
        made = derivatives(np.array(case["window"]), case["cell"], case["cell"], slope=slope, convention=convention, flat="nan")
        for name, key in zip(LOCAL, EXPECTED[convention], strict=True):
            wanted = case["expected"].get(key)
            if wanted is not None:
                assert abs(made[name][1, 1] - wanted) <= 1e-10
            elif key is not None:
                assert np.isnan(made[name][1, 1])


def test_total_arcgis_curvature_is_plan_minus_profile(oracle):
    for surface in SURFACES:
        case = oracle("terrain")["surfaces"][surface]
        made = derivatives(np.array(case["window"]), case["cell"], case["cell"], convention="arcgis")
        if surface != "dome_summit":  # level at the top, where neither part exists
            assert made["plan_curvature"][1, 1] - made["profile_curvature"][1, 1] == pytest.approx(case["expected"]["arcgis_total"], abs=1e-10)


def test_the_error_on_a_gaussian_hill_falls_by_four_when_the_cell_is_halved(oracle):
    case = oracle("terrain")["gaussian_hill"]
    errors = []
    for step in case["numeric"]:
        made = derivatives(hill(step["cell"], *case["at"]), step["cell"], step["cell"], slope="zt")
        assert made["profile_curvature"][1, 1] == pytest.approx(step["zt_profile"], abs=1e-12)
        assert made["plan_curvature"][1, 1] == pytest.approx(step["zt_plan"], abs=1e-12)
        assert made["slope_deg"][1, 1] == pytest.approx(step["slope_deg"], abs=1e-10)
        errors.append(
            [abs(made[name][1, 1] - case["exact"][key]) for name, key in (("profile_curvature", "zt_profile"), ("plan_curvature", "zt_plan"))]
        )
    ratios = np.array(errors[:-1]) / np.array(errors[1:])
    assert np.all(np.abs(ratios - 4) < 0.15)
    assert np.allclose(ratios[:, 1], case["error_ratio_per_halving"], atol=0.02) or np.allclose(
        ratios[:, 0], case["error_ratio_per_halving"], atol=0.02
    )


@pytest.mark.parametrize("slope", SLOPES)
def test_slopes_equal_the_arctangent_to_the_last_digits(slope):
    steep = np.concatenate((10.0 ** np.arange(-9, 4), [0.659, 0.661, 2.414, 2.415, 1.0]))
    for gradient in steep:
        z = np.arange(3)[None] * gradient * np.ones((3, 1))
        assert derivatives(z, 1.0, 1.0, ["slope_deg"], slope=slope)["slope_deg"][1, 1] == pytest.approx(math.degrees(math.atan(gradient)), rel=1e-13)


@pytest.mark.parametrize("slope", SLOPES)
def test_cells_need_not_be_square(slope):
    z, (p, q, r, s, t) = quadratic(30.0, 50.0)
    g, a, b = p * p + q * q, p * p * r + 2 * p * q * s + q * q * t, q * q * r - 2 * p * q * s + p * p * t
    made = derivatives(z, 30.0, 50.0, slope=slope)
    wanted = (math.degrees(math.atan(math.sqrt(g))), math.degrees(math.atan2(-p, -q)) % 360, -a / g, -b / g, -b / (g * math.sqrt(1 + g)))
    for name, value in zip(LOCAL, wanted, strict=True):
        assert made[name][1, 1] == pytest.approx(value, abs=1e-11)


def test_rows_that_run_north_give_the_same_values():
    z = rough()
    down, up = derivatives(z, 30.0, 20.0), derivatives(z[::-1], 30.0, -20.0)
    for name in LOCAL:
        assert np.allclose(down[name], up[name][::-1], rtol=1e-12, atol=1e-12, equal_nan=True)


def test_aspect_is_where_the_ground_falls_to():
    east = np.arange(5.0)[None] * np.ones((5, 1))
    for z, degrees in ((-east, 90), (east, 270), (east.T, 0), (-east.T, 180), (-east + east.T, 45)):
        assert derivatives(z, 1.0, 1.0, ["aspect_deg"])["aspect_deg"][2, 2] == pytest.approx(degrees, abs=1e-10)


def test_aspect_just_west_of_north_never_becomes_360_degrees():
    z = np.arange(3.0)[:, None] + 1e-7 * np.arange(3.0)[None]
    assert 0 <= derivatives(z.astype(np.float32), 1.0, 1.0, ["aspect_deg"])["aspect_deg"][1, 1] < 360


def test_level_ground_has_no_aspect_and_its_curvature_is_zero_or_missing_as_asked():
    level = np.full((4, 4), 7.0)
    for convention in CONVENTIONS:
        zero, missing = (derivatives(level, 10.0, 10.0, convention=convention, flat=flat) for flat in ("zero", "nan"))
        assert zero["slope_deg"][1, 1] == 0
        assert np.isnan(zero["aspect_deg"][1, 1])
        for name in LOCAL[2:]:
            assert zero[name][1, 1] == 0
            assert np.isnan(missing[name][1, 1])


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("level", [False, True])
def test_a_missing_cell_makes_exactly_its_nine_windows_missing(slope, level):
    z = np.zeros((9, 9)) if level else rough((9, 9))
    z[4, 4] = np.nan
    around = np.zeros((9, 9), bool)
    around[[0, -1]] = around[:, [0, -1]] = True
    around[3:6, 3:6] = True
    for name, values in derivatives(z, 10.0, 10.0, slope=slope).items():
        if not (level and name == "aspect_deg"):
            assert np.array_equal(np.isnan(values), around), name


def test_rows_in_threads_and_chunks_give_the_same_bits():
    z = rough((300, 700)).astype(np.float32)
    one, two = derivatives(z, 10.0, 12.0), derivatives(z, 10.0, 12.0, threads=2)
    alone = derivatives(z[100:103], 10.0, 12.0)
    for name in LOCAL:
        assert one[name].dtype == np.float32
        assert np.array_equal(one[name], two[name], equal_nan=True)
        assert np.array_equal(one[name][101], alone[name][1], equal_nan=True)


def test_only_what_was_asked_for_is_made():
    assert tuple(derivatives(rough((5, 5)), 1.0, 1.0, ("plan_curvature",))) == ("plan_curvature",)


def test_smoothing_is_the_gaussian_of_scipy_where_nothing_is_missing():
    from scipy.ndimage import gaussian_filter

    z = rough()
    assert np.allclose(smooth(z, 1.5)[6:-6, 6:-6], gaussian_filter(z, 1.5, truncate=4.0)[6:-6, 6:-6], rtol=1e-12, atol=1e-10)


def test_smoothing_leaves_planes_as_they_are_even_beside_gaps_and_edges():
    rows, cols = np.mgrid[:30, :40]
    z = 100 + 0.7 * rows - 1.3 * cols
    z[:, 25:] = np.nan
    z[10, 10] = np.nan
    smoothed = smooth(z, 2.0)
    assert np.array_equal(np.isnan(smoothed), np.isnan(z))
    assert np.nanmax(np.abs(smoothed - z)) < 1e-10


def test_smoothing_a_lone_cell_keeps_it():
    z = np.full((9, 9), np.nan)
    z[4, 4] = 3.0
    assert smooth(z, 1.0)[4, 4] == 3.0


def test_smoothing_takes_the_noise_out_of_curvature():
    rows, cols = np.mgrid[:80, :80] * 30.0
    truth = 1e-5 * (cols - 1200) ** 2 + 0.02 * rows
    noisy = truth + np.random.default_rng(0).normal(0, 0.5, truth.shape)
    plain, smoothed = (derivatives(z, 30.0, 30.0)["profile_curvature"][12:-12, 12:-12] for z in (noisy, smooth(noisy, 2.0)))
    exact = derivatives(truth, 30.0, 30.0)["profile_curvature"][12:-12, 12:-12]
    assert np.sqrt(np.mean((smoothed - exact) ** 2)) < np.sqrt(np.mean((plain - exact) ** 2)) / 10


@pytest.mark.parametrize(("radius", "cell_x", "cell_y"), [(45.0, 30.0, 30.0), (100.0, 30.0, 20.0), (25.0, 10.0, 10.0)])
def test_position_is_elevation_minus_the_mean_of_the_others_in_the_disc(radius, cell_x, cell_y):
    z = rough((18, 20))
    z[3:5, 7:11] = np.nan
    made = position_index(z, radius, cell_x, cell_y)
    rows, cols = np.mgrid[:18, :20]
    for row, col in ((0, 0), (2, 8), (9, 9), (17, 4), (5, 19)):
        near = ((rows - row) * cell_y) ** 2 + ((cols - col) * cell_x) ** 2 <= radius**2 * (1 + 1e-9)
        near[row, col] = False
        assert made[row, col] == pytest.approx(z[row, col] - np.nanmean(z[near]), abs=2e-6)
    assert np.array_equal(np.isnan(made), np.isnan(z))


def test_position_is_missing_where_less_than_a_quarter_of_the_disc_is_known():
    z = np.full((21, 21), np.nan)
    z[10, 10:13] = 5.0
    assert np.isnan(position_index(z, 50.0, 10.0, 10.0)).all()


def test_a_disc_without_neighbours_is_refused_with_the_cell():
    with pytest.raises(SettingsError, match="30 x 30 m"):
        position_index(rough(), 20.0, 30.0, 30.0)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"slope": "hill"}, "horn, zt"),
        ({"convention": "saga"}, "arcgis"),
        ({"flat": "one"}, "zero"),
        ({"attributes": ("twi",)}, "3 x 3"),
    ],
)
def test_unknown_choices_are_refused_with_the_known_ones(how, said):
    with pytest.raises(SettingsError, match=said):
        derivatives(rough((5, 5)), 1.0, 1.0, **how)


@pytest.mark.parametrize(("shape", "cell"), [((2, 5), 1.0), ((5, 5), 0.0), ((5, 5), math.nan)])
def test_arrays_and_cells_without_a_size_are_refused(shape, cell):
    with pytest.raises(SettingsError):
        derivatives(np.zeros(shape), cell, 1.0)
