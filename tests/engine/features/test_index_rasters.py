"""Index rasters: what a file holds equals what the arrays give, whatever the window, and nothing half-written stays."""

from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS

from soilcore.core.errors import FeatureError, SettingsError, Stopped
from soilcore.core.grids import Grid
from soilcore.features.index_rasters import write_indices
from soilcore.features.indices import compute_indices

ROLES = ("B", "G", "R", "N", "S1", "S2")
IDS = ("NDVI", "CRSI", "SAI", "TRSI", "SI")


@dataclass(frozen=True)
class ArrayScene:
    """Reflectance in memory behind the face of a scene."""

    grid: Grid
    bands: np.ndarray
    roles: tuple = ROLES

    @contextmanager
    def reader(self):
        yield self

    def read(self, window, roles=None):
        rows, columns = window.slices
        return self.bands[[self.roles.index(role) for role in roles or self.roles], rows, columns]


@dataclass(frozen=True)
class LeftHalf:
    """A region that keeps the left half."""

    width: int

    def keep(self, window, bands=None):
        return np.broadcast_to(np.arange(window.col, window.col + window.width) < self.width // 2, (window.height, window.width))


@pytest.fixture
def scene():
    generator = np.random.default_rng(0)
    bands = generator.uniform(0.01, 0.5, (6, 130, 173)).astype(np.float32)
    bands[:, :7, :9] = np.nan
    bands[0, 40:50, 60:70] = -0.01
    return ArrayScene(Grid(130, 173, Affine(20, 0, 500000, 0, -20, 4300000), CRS.from_epsg(32650)), bands)


def test_the_file_holds_what_the_arrays_give(scene, tmp_path):
    out = tmp_path / "indices.tif"
    facts = write_indices(scene, IDS, (("MINE", "B/G"), "OTHER=sqrt(N)"), out, window=64)
    expected = compute_indices(dict(zip(ROLES, scene.bands, strict=True)), IDS)
    with rasterio.open(out) as raster:
        assert raster.descriptions == (*IDS, "MINE", "OTHER")
        assert set(raster.dtypes) == {"float32"}
        assert np.isnan(raster.nodata)
        assert raster.profile["tiled"]
        assert Grid.of(raster) == scene.grid
        for number, identifier in enumerate(IDS, start=1):
            np.testing.assert_array_equal(raster.read(number), expected[identifier])
    invalid = {band["id"]: band["invalid"] for band in facts["bands"]}
    assert invalid["NDVI"] == 63
    assert invalid["TRSI"] == np.isnan(expected["TRSI"]).sum() >= 163
    assert all(band["valid"] + band["invalid"] == 130 * 173 for band in facts["bands"])
    assert facts["out"] == str(out)


def test_the_window_and_the_threads_change_no_pixel(scene, tmp_path):
    results = []
    for window, threads in ((512, 1), (64, 2), (37, 3)):
        out = tmp_path / f"{window}.tif"
        facts = write_indices(scene, IDS, (), out, window=window, threads=threads)
        with rasterio.open(out) as raster:
            results.append((raster.read(), facts["bands"]))
    for values, bands in results[1:]:
        np.testing.assert_array_equal(values, results[0][0])
        assert bands == results[0][1]


def test_pixels_outside_a_region_are_nan_and_not_counted(scene, tmp_path):
    facts = write_indices(scene, ["NDVI"], (), tmp_path / "x.tif", window=64, region=LeftHalf(173))
    with rasterio.open(tmp_path / "x.tif") as raster:
        values = raster.read(1)
    assert np.isnan(values[:, 86:]).all()
    assert facts["bands"] == [{"id": "NDVI", "valid": 130 * 86 - 63, "invalid": 63}]
    assert facts["outside"] == 130 * 87


def test_a_stopped_run_leaves_the_old_file_and_nothing_else(scene, tmp_path):
    out = tmp_path / "x.tif"
    out.write_bytes(b"old")

    def stop_late(done, total, message):
        if done > total / 2:
            raise Stopped

    with pytest.raises(Stopped):
        write_indices(scene, IDS, (), out, window=64, report=stop_late)
    assert [path.name for path in tmp_path.iterdir()] == ["x.tif"]
    assert out.read_bytes() == b"old"


def test_progress_ends_at_the_whole(scene, tmp_path):
    seen = []
    write_indices(scene, ["SI"], (), tmp_path / "x.tif", window=64, report=lambda done, total, message: seen.append((done, total)))
    assert seen[-1] == (130 * 173, 130 * 173)
    assert seen == sorted(seen)


def test_what_cannot_be_made_is_refused_before_a_file_is_begun(scene, tmp_path):
    out = tmp_path / "x.tif"
    with pytest.raises(FeatureError, match="no band RE1"):
        write_indices(scene, ["NDREI"], (), out)
    with pytest.raises(SettingsError, match="Did you mean NDVI"):
        write_indices(scene, ["ndvi"], (), out)
    with pytest.raises(SettingsError, match="No index was asked for"):
        write_indices(scene, [], (), out)
    with pytest.raises(SettingsError, match="window of 3 pixels"):
        write_indices(scene, ["NDVI"], (), out, window=3)
    with pytest.raises(FeatureError, match="Two outputs are called 'X'"):
        write_indices(scene, [], ("X=B/G", "X=G/B"), out)
    assert list(tmp_path.iterdir()) == []
