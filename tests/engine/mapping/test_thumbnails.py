"""Rasters at a glance: ranges with the file's scale, valid shares, transparent gaps, classes told apart."""

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from soilcore.core.errors import UnreadableError
from soilcore.mapping.thumbnails import glances


def write(path, bands, nodata=-1, **more):
    bands = np.asarray(bands)
    profile = {"driver": "GTiff", "height": bands.shape[1], "width": bands.shape[2], "count": bands.shape[0], "dtype": bands.dtype}
    with rasterio.open(path, "w", **profile, crs="EPSG:32650", transform=from_origin(500_000, 4_000_000, 20, 20), nodata=nodata) as raster:
        raster.write(bands)
        for name, values in more.items():
            setattr(raster, name, values)
    return path


def test_ranges_carry_the_files_scale_name_and_unit_and_gaps_are_transparent(tmp_path):
    values = np.arange(60, dtype="int16").reshape(1, 6, 10)
    values[0, 0, :3] = -1
    (one,) = glances(write(tmp_path / "a.tif", values, scales=(0.5,), offsets=(10.0,), descriptions=("slope_deg",), units=("degree",)))
    assert (one.name, one.unit) == ("slope_deg", "degree")
    assert (one.low, one.high) == (3 * 0.5 + 10, 59 * 0.5 + 10)
    assert one.valid == pytest.approx(57 / 60)
    assert one.picture.shape == (6, 10, 4)
    assert list(one.picture[0, :4, 3]) == [0, 0, 0, 255]
    assert tuple(one.picture[0, 3, :3]) != tuple(one.picture[5, 9, :3])


def test_classes_get_one_colour_each_and_no_scale(tmp_path):
    codes = np.array([[[1, 1, 7], [7, 40, -1]]], "int16")
    (one,) = glances(write(tmp_path / "a.tif", codes, scales=(0.5,)), categorical=True)
    assert (one.low, one.high, one.median) == (1, 40, None)
    colors = {tuple(pixel[:3]) for pixel in one.picture.reshape(-1, 4) if pixel[3]}
    assert len(colors) == 3


def test_a_large_raster_gives_a_small_picture_of_every_band(tmp_path):
    bands = np.broadcast_to(np.linspace(0, 1, 1500, dtype="float32"), (2, 40, 1500))
    found = glances(write(tmp_path / "a.tif", bands))
    assert [one.band for one in found] == [1, 2]
    assert max(found[0].picture.shape[:2]) <= 220
    assert found[0].median == pytest.approx(0.5, abs=0.01)


def test_a_raster_without_a_value_is_said_so(tmp_path):
    (one,) = glances(write(tmp_path / "a.tif", np.full((1, 3, 3), -1, "int16")))
    assert (one.low, one.median, one.high, one.valid) == (None, None, None, 0)
    assert not one.picture[..., 3].any()


def test_something_else_is_refused_in_words(tmp_path):
    (tmp_path / "a.tif").write_bytes(b"II*\0" + bytes(40))
    with pytest.raises(UnreadableError, match=r"a\.tif"):
        glances(tmp_path / "a.tif")
