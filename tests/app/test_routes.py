"""Tiles and values: what the routes answer, without a server."""

import json
import math
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from pages.ui import layers, routes
from soilcore.mapping.styles import Style

VALUES = Style("continuous", 0, 10, unit="dS/m")
CLASSES = Style("classes", colors=("#fde725", "#5cc863"), labels=("not saline", "slight"))


@pytest.fixture
def layer(tmp_path):
    """A raster of one value over one square degree, in an unprojected system."""
    path = tmp_path / "map.tif"
    profile = {"driver": "GTiff", "width": 64, "height": 64, "count": 1, "dtype": "float32", "crs": "EPSG:4326", "nodata": float("nan")}
    with rasterio.open(path, "w", transform=from_origin(51, 33, 1 / 64, 1 / 64), **profile) as raster:
        values = np.full((64, 64), 5.5, "float32")
        values[:32] = np.nan
        raster.write(values, 1)
    return path


def asked(identifier="none", z=0, x=0, y=0, **query):
    return SimpleNamespace(path_params={"layer": identifier, "z": z, "x": x, "y": y}, query_params=query)


def body(answer):
    return json.loads(answer.body)


def test_an_unknown_layer_is_not_found():
    assert routes.tile(asked()).status_code == 404
    assert routes.value(asked(lon="51", lat="32")).status_code == 404


@pytest.mark.parametrize(("z", "x", "y"), [(-1, 0, 0), (1, 2, 0), (1, 0, 2), (1, -1, 0), (25, 0, 0), (10**9, 0, 0)])
def test_a_tile_that_cannot_be_is_refused(layer, z, x, y):
    identifier = layers.register(layers.Layer(layer, VALUES))
    assert routes.tile(asked(identifier, z, x, y)).status_code == 400


@pytest.mark.parametrize(("lon", "lat"), [("51", None), ("x", "32"), ("nan", "32"), ("51", "91"), ("181", "0"), (None, None)])
def test_a_place_that_cannot_be_is_refused(layer, lon, lat):
    identifier = layers.register(layers.Layer(layer, VALUES))
    query = {name: text for name, text in (("lon", lon), ("lat", lat)) if text is not None}
    assert routes.value(asked(identifier, **query)).status_code == 400


def tile_over(longitude, latitude, z):
    x = int((longitude + 180) / 360 * 2**z)
    y = int((1 - math.asinh(math.tan(math.radians(latitude))) / math.pi) / 2 * 2**z)
    return z, x, y


def test_a_tile_is_a_picture_where_the_raster_has_values(layer):
    identifier = layers.register(layers.Layer(layer, VALUES))
    answer = routes.tile(asked(identifier, *tile_over(51.5, 32.2, 10)))
    assert (answer.status_code, answer.media_type) == (200, "image/png")
    assert answer.body.startswith(b"\x89PNG")
    assert "private" in answer.headers["cache-control"]


@pytest.mark.parametrize("place", [(10.0, 10.0), (51.5, 32.9)])
def test_a_tile_outside_the_raster_or_without_values_is_empty(layer, place):
    identifier = layers.register(layers.Layer(layer, VALUES))
    answer = routes.tile(asked(identifier, *tile_over(*place, 12)))
    assert (answer.status_code, answer.body) == (204, b"")


def test_the_value_under_a_place_comes_with_its_unit(layer):
    identifier = layers.register(layers.Layer(layer, VALUES))
    assert body(routes.value(asked(identifier, lon="51.5", lat="32.2"))) == {"value": 5.5, "text": "5.5 dS/m"}


@pytest.mark.parametrize(("lon", "lat"), [("51.5", "32.8"), ("10", "10")])
def test_no_data_and_outside_are_said_in_words(layer, lon, lat):
    identifier = layers.register(layers.Layer(layer, VALUES))
    assert body(routes.value(asked(identifier, lon=lon, lat=lat))) == {"value": None, "text": "no value here"}


def test_a_class_is_named(layer):
    with rasterio.open(layer, "r+") as raster:
        raster.write(np.full((64, 64), 1, "float32"), 1)
    identifier = layers.register(layers.Layer(layer, CLASSES))
    assert body(routes.value(asked(identifier, lon="51.5", lat="32.2")))["text"] == "slight"


def test_a_deleted_raster_is_not_found_but_no_crash(layer):
    identifier = layers.register(layers.Layer(layer, VALUES))
    layer.unlink()
    assert routes.value(asked(identifier, lon="51.5", lat="32.2")).status_code == 404


def test_ids_are_kept_for_the_same_content_and_change_with_it(layer):
    first = layers.register(layers.Layer(layer, VALUES))
    assert layers.register(layers.Layer(layer, VALUES)) == first
    assert layers.register(layers.Layer(layer, Style("continuous", 0, 20))) != first
    with rasterio.open(layer, "r+") as raster:
        raster.write(np.zeros((64, 64), "float32"), 1)
    layer.touch()
    assert layers.register(layers.Layer(layer, VALUES)) != first


def test_ids_cannot_be_guessed_and_hold_no_path(layer):
    identifier = layers.register(layers.Layer(layer, VALUES))
    assert len(identifier) == 32
    assert set(identifier) <= set("0123456789abcdef")
    assert layers.find(str(layer)) is None


def test_the_registry_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(layers, "_LIMIT", 3)
    monkeypatch.setattr(layers, "_by_id", OrderedDict())
    monkeypatch.setattr(layers, "_ids", {})
    ids = []
    for number in range(6):
        path = Path(tmp_path / f"{number}.tif")
        path.touch()
        ids.append(layers.register(layers.Layer(path, VALUES)))
    assert layers.find(ids[-1]) is not None
    assert layers.find(ids[0]) is None
    assert len(layers._by_id) == len(layers._ids) == 3


def test_routes_carry_the_servers_prefix(monkeypatch):
    monkeypatch.setattr(routes.st, "get_option", lambda name: "/soil/")
    assert {route.path.split("{")[0] for route in routes.routes()} == {"/soil/tiles/", "/soil/value/", "/soil/start", "/soil/vendor"}
