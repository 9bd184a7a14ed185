"""Means of fields: the map's own numbers exactly, and intervals that follow how errors hang together."""

import numpy as np
import pytest
from scipy.stats import norm
from shapely.geometry import box

from soilcore.mapping.finished import open_map
from soilcore.mapping.zone_means import DRAWS, Responses, ZoneSums, assumption
from soilcore.mapping.zones import covered_pixels, pixel_box, whole_grid
from tests.engine.mapping.finished_maps import VARIOGRAM, write_map

FIELD = box(500100, 4999503.5, 500412.5, 4999800)


def means(finished, shape=None, responses=None, seed=0, number=0):
    grid = finished.grid
    sums = ZoneSums(finished, responses or Responses(), (0, 0, *grid.shape) if shape is None else pixel_box(shape, grid))
    with finished.reader(("value", "lower", "upper", "aoa")) as read:
        for window, covered in whole_grid(grid) if shape is None else covered_pixels(shape, grid):
            sums.add(window, covered, read(window))
    return sums.result(finished.level, seed, number)


@pytest.fixture
def value():
    return np.random.default_rng(5).uniform(1, 20, (60, 70))


def normal_map(path, value, sd=2.0, **facts):
    reach = norm.ppf(0.95) * sd
    return open_map(write_map(path, value, lower=value - reach, upper=value + reach, **facts))


def test_the_mean_of_the_map_is_weighted_by_the_covered_area(tmp_path, value):
    value[30, 20] = np.nan
    zone = means(open_map(write_map(tmp_path / "map.tif", value, aoa=(value > 10).astype(int))), FIELD)
    weight = np.zeros(value.shape)
    for row in range(60):
        for col in range(70):
            weight[row, col] = box(500000 + 10 * col, 4999990 - 10 * row, 500010 + 10 * col, 5000000 - 10 * row).intersection(FIELD).area / 1e4
    weight[30, 20] = 0
    stored = value.astype(np.float32).astype(float)
    assert zone.area_ha == pytest.approx(weight.sum())
    assert zone.mean == pytest.approx(np.nansum(weight * stored) / weight.sum())
    assert zone.best == pytest.approx(zone.mean) and np.isnan(zone.value.low)  # no interval, nothing invented
    assert (zone.smallest, zone.largest) == (np.nanmin(stored[weight > 0]), np.nanmax(stored[weight > 0]))
    assert zone.inside == pytest.approx(weight[value > 10].sum() / weight.sum())


def test_errors_that_go_together_do_not_average_out(tmp_path, value):
    zone = means(normal_map(tmp_path / "map.tif", value, sd=0.5), FIELD)
    assert zone.value.expected == pytest.approx(zone.mean, abs=0.01)
    assert zone.value.high - zone.value.low == pytest.approx(2 * norm.ppf(0.95) * 0.5, rel=0.03)


def test_the_interval_of_a_mean_is_that_of_the_variogram(tmp_path):
    """Pixels of equal spread: the variance of their mean is the mean of all correlations."""
    value = np.full((40, 40), 50.0)
    finished = normal_map(tmp_path / "map.tif", value, sd=2.0, variogram=VARIOGRAM | {"range": 250.0})
    zone = means(finished)
    places = np.indices((40, 40)).reshape(2, -1).T[::7] * 10.0
    apart = np.hypot(*(places[:, None] - places[None]).transpose(2, 0, 1))
    sd = 2.0 * np.sqrt(np.exp(-3 * apart / 250.0).mean())
    assert zone.value.high - zone.value.low == pytest.approx(2 * norm.ppf(0.95) * sd, rel=0.12)
    assert zone.draws.size == DRAWS


def test_the_longer_errors_reach_the_wider_the_interval(tmp_path, value):
    widths = []
    for reach in (50.0, 200.0, 1000.0, None):
        facts = {} if reach is None else {"variogram": VARIOGRAM | {"range": reach}}
        zone = means(normal_map(tmp_path / f"{reach}.tif", value, **facts), FIELD)
        widths.append(zone.value.high - zone.value.low)
    assert (np.diff(widths) > 0).all()


def test_a_map_of_medians_has_its_mean_corrected(tmp_path):
    """Logarithms with a standard deviation of 0.5: the mean lies exp(0.125) above the median."""
    value = np.full((20, 20), 5.0)
    reach = np.exp(norm.ppf(0.95) * 0.5)
    path = write_map(tmp_path / "map.tif", value, lower=value / reach, upper=value * reach, SOILCORE_TRANSFORM="log10", variogram=VARIOGRAM)
    zone = means(open_map(path))
    assert zone.mean == pytest.approx(5.0)
    assert zone.best == pytest.approx(5.0 * np.exp(0.125), rel=0.01)
    assert zone.value.low < zone.best < zone.value.high


def test_shares_of_classes_come_as_drawn_and_as_expected(tmp_path):
    value = np.full((10, 10), 7.0)
    value[:, :3] = 1.0
    zone = means(normal_map(tmp_path / "map.tif", value, sd=2.0), responses=Responses(edges=(4.0, 8.0)))
    np.testing.assert_allclose(zone.shares, [0.3, 0.7, 0.0])
    high = 0.7 * norm.sf(8, 7, 2) + 0.3 * norm.sf(8, 1, 2)
    assert zone.class_shares[2].expected == pytest.approx(high, abs=0.01)
    assert sum(one.expected for one in zone.class_shares) == pytest.approx(1)
    assert zone.class_shares[2].low == pytest.approx(0) and zone.class_shares[2].high == pytest.approx(0.7)


def test_curves_are_averaged_without_loss(tmp_path, value):
    """A curve of straight lines, by the knots of all curves, equals the curve itself at every quantile."""
    from soilcore.mapping.crops import crop
    from soilcore.mapping.zone_means import PROBABILITIES

    finished = normal_map(tmp_path / "map.tif", value, variogram=VARIOGRAM)
    some = [crop(name) for name in ("bean", "wheat", "rye", "date palm")]
    curves = tuple((np.array([one.threshold, one.no_yield]), np.array([100.0, 0.0])) for one in some)
    zone = means(finished, responses=Responses(curves=curves, least=(50.0, 50.0, 50.0, 50.0)))
    stored = value.astype(np.float32).astype(float).ravel()
    reach = norm.ppf(0.95) * 2.0
    quantiles = finished.quantiles(stored, stored - reach, stored + reach, PROBABILITIES)
    for number, one in enumerate(some):
        assert zone.curves[number].expected == pytest.approx(one.relative_yield(quantiles).mean(), rel=1e-4)
        assert zone.curves[number].low <= zone.curves[number].expected <= zone.curves[number].high
    assert zone.p_least[0] == 0 and zone.p_least[2] == 1


def test_the_draws_of_a_field_depend_on_seed_and_number_alone(tmp_path, value):
    finished = normal_map(tmp_path / "map.tif", value, variogram=VARIOGRAM)
    first, again, other = means(finished, FIELD), means(finished, FIELD), means(finished, FIELD, number=1)
    assert first.value == again.value
    assert first.value != other.value and first.value.expected == other.value.expected


def test_a_field_without_a_mapped_pixel_has_no_mean(tmp_path):
    zone = means(open_map(write_map(tmp_path / "map.tif", np.full((60, 70), np.nan))), FIELD)
    assert np.isnan(zone.mean) and zone.area_ha == 0


def test_endless_bounds_leave_a_mean_without_an_interval(tmp_path, value):
    upper = np.where(np.indices(value.shape)[0] < 30, np.inf, value + 2)
    path = write_map(tmp_path / "map.tif", value, lower=value - 2, upper=upper, variogram=VARIOGRAM)
    zone = means(open_map(path), FIELD)
    assert zone.best == zone.mean and np.isfinite(zone.mean)
    assert zone.value.high == np.inf


def test_pixels_in_degrees_count_by_their_true_area(tmp_path):
    from affine import Affine

    value = np.repeat(np.linspace(0, 59, 60)[:, None], 5, axis=1)
    path = write_map(tmp_path / "map.tif", value, crs="EPSG:4326", transform=Affine(1, 0, 10, 0, -1, 70))
    zone = means(open_map(path))
    weight = np.cos(np.radians(np.arange(69.5, 9.5, -1)))
    assert zone.mean == pytest.approx(np.average(np.arange(60), weights=weight), rel=3e-3)


def test_what_the_intervals_rest_on_is_said(tmp_path, value):
    assert "300 m" in assumption(normal_map(tmp_path / "a.tif", value, variogram=VARIOGRAM))
    assert "widest case" in assumption(normal_map(tmp_path / "b.tif", value, variogram=VARIOGRAM | {"usable": False}))
    assert "no prediction interval" in assumption(open_map(write_map(tmp_path / "c.tif", value)))
