"""Maps of relative yield: expectation over the interval, bounds the right way round, independent of the windows."""

import numpy as np
import pytest
import rasterio
from scipy.integrate import quad
from scipy.stats import norm

from soilcore.mapping.crops import crop
from soilcore.mapping.finished import open_map
from soilcore.mapping.yield_maps import expected_yield, write_yield_maps
from tests.engine.mapping.finished_maps import write_map

CROPS = (crop("wheat"), crop("barley"), crop("bean"))


@pytest.fixture
def finished(tmp_path):
    value = np.random.default_rng(2).uniform(0.5, 25, (45, 50))
    value[:5, :7] = np.nan
    return open_map(write_map(tmp_path / "map.tif", value, lower=value / 2, upper=value * 2, SOILCORE_TRANSFORM="log10"))


def values(path):
    with rasterio.open(path) as raster:
        return raster.read(1)


def test_the_expected_yield_is_the_mean_over_the_distribution(finished):
    wheat, sd = CROPS[0], np.log(2) / norm.ppf(0.95)
    for value in (3.0, 8.0, 15.0):
        exact = quad(lambda z, v=value: float(wheat.relative_yield(v * np.exp(sd * z))) * norm.pdf(z), -8, 8, limit=200)[0]
        assert expected_yield(finished, wheat, np.array([value]), np.array([value / 2]), np.array([value * 2]))[0] == pytest.approx(exact, abs=0.7)
    assert expected_yield(finished, wheat, np.array([8.0]))[0] == wheat.relative_yield(8.0)


def test_bounds_of_yield_are_those_of_salinity_the_other_way_round(finished, tmp_path):
    folder = tmp_path / "yields"
    folder.mkdir()
    written = write_yield_maps(finished, CROPS, folder)
    value = values(finished.path)
    there = np.isfinite(value)
    for one in CROPS:
        expected, low, high = (values(written.layers[f"yield_{one.id}{end}"]) for end in ("", "_lower", "_upper"))
        assert (np.isfinite(expected) == there).all() and (np.isfinite(low) == there).all()
        assert (low <= high)[there].all()
        assert (expected[there] - high[there]).max() < 5 and (low[there] - expected[there]).max() < 5  # a mean holds the tails beyond the bounds
        np.testing.assert_allclose(low[there], one.relative_yield(2 * value[there]), atol=1e-3)
    best = values(written.layers["best_crop"])
    assert (best[~there] == 255).all() and set(np.unique(best[there])) <= {0, 1, 2}
    assert (best[there & (value < 1)] == 0).all()  # as good as the others, and named first
    assert sum(written.best_ha.values()) == pytest.approx(0.01 * there.sum())
    with rasterio.open(written.layers["best_crop"]) as raster:
        assert raster.tags()["CLASS_1"] == "Barley"
        assert raster.profile["tiled"] and (folder / "best_crop.qml").is_file() and (folder / "yield_wheat.sld").is_file()


def test_windows_change_nothing(finished, tmp_path):
    maps = []
    for window in (16, 64):
        folder = tmp_path / str(window)
        folder.mkdir()
        written = write_yield_maps(finished, CROPS, folder, window=window)
        maps.append([values(path) for path in written.layers.values()])
    for one, other in zip(*maps, strict=True):
        np.testing.assert_array_equal(one, other)
