"""Files are written in tiles, copied into the cloud-optimised form, and appear whole or not at all."""

import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import CRS

from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.core.grids import Grid
from soilcore.data.cog import compression, gtiff_profile, write_cog, written_as_cog

GRID = Grid(1100, 900, Affine(20.0, 0, 500000.0, 0, -20.0, 5000000.0), CRS.from_epsg(32632))


def values(kind):
    smooth = np.add.outer(np.arange(1100), np.arange(900)) % 200
    return smooth.astype(kind)


@pytest.mark.parametrize(("kind", "nodata"), [("float32", float("nan")), ("uint8", 255), ("int16", -32768), ("uint16", 0)])
def test_a_copy_keeps_values_and_everything_said_about_them(tmp_path, kind, nodata):
    with rasterio.open(tmp_path / "in.tif", "w", **gtiff_profile(GRID, 2, kind, nodata)) as dataset:
        dataset.write(np.stack([values(kind)] * 2))
        dataset.descriptions = ("ECe", "width")
        dataset.units = ("dS/m", "dS/m")
        dataset.scales, dataset.offsets = (0.01, 0.01), (1.0, 1.0)
        dataset.update_tags(MODEL="abc")
        assert dataset.profile["tiled"] and dataset.block_shapes == [(512, 512)] * 2
    write_cog(tmp_path / "in.tif", tmp_path / "out.tif")
    with rasterio.open(tmp_path / "out.tif") as dataset:
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.compression.value.lower() == compression()
        assert dataset.block_shapes == [(512, 512)] * 2 and dataset.overviews(1) == [2, 4][: len(dataset.overviews(1))] != []
        assert dataset.descriptions == ("ECe", "width") and dataset.units == ("dS/m", "dS/m")
        assert dataset.scales == (0.01, 0.01) and dataset.offsets == (1.0, 1.0) and dataset.tags()["MODEL"] == "abc"
        assert dataset.nodata == nodata or np.isnan(dataset.nodata)
        assert dataset.crs == GRID.crs.to_wkt() and dataset.transform == GRID.transform
        np.testing.assert_array_equal(dataset.read(1), values(kind))


def test_overviews_of_classes_hold_only_classes(tmp_path):
    codes = np.where(values("uint8") % 2, 1, 5).astype("uint8")
    for method, allowed in (("nearest", {1, 5}), ("mode", {1, 5})):
        with written_as_cog(tmp_path / f"{method}.tif", gtiff_profile(GRID, 1, "uint8", 255), overviews=method) as dataset:
            dataset.write(codes, 1)
        with rasterio.open(tmp_path / f"{method}.tif") as dataset:
            small = dataset.read(1, out_shape=(275, 225))
        assert set(np.unique(small)) <= allowed


def test_an_unknown_way_of_overviews_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"'lanczos9'.*nearest"):
        write_cog(tmp_path / "in.tif", tmp_path / "out.tif", overviews="lanczos9")


def test_a_failure_leaves_nothing_behind(tmp_path):
    with pytest.raises(ZeroDivisionError), written_as_cog(tmp_path / "out.tif", gtiff_profile(GRID, 1, "float32")) as dataset:
        dataset.write(values("float32"), 1)
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_cannot_be_read_leaves_nothing_behind(tmp_path):
    with pytest.raises(UnreadableError):
        write_cog(tmp_path / "none.tif", tmp_path / "out.tif")
    (tmp_path / "in.tif").write_bytes(b"II*\0" + bytes(50))
    with pytest.raises(UnreadableError, match="damaged"):
        write_cog(tmp_path / "in.tif", tmp_path / "out.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["in.tif"]


def test_an_existing_file_is_replaced_whole(tmp_path):
    (tmp_path / "out.tif").write_text("old")
    with written_as_cog(tmp_path / "out.tif", gtiff_profile(GRID, 1, "uint8")) as dataset:
        dataset.write(values("uint8"), 1)
    with rasterio.open(tmp_path / "out.tif") as dataset:
        np.testing.assert_array_equal(dataset.read(1), values("uint8"))
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif"]
