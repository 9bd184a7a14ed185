"""Maps as STAC items."""

import json

import pytest

from soilcore.reporting.catalogue import collection, map_item, times_of

pystac = pytest.importorskip("pystac")


@pytest.fixture(scope="module")
def item(small_project):
    return map_item(small_project / "maps/spring/map.tif", "spring", date="2025-03-17")


def valid(document, kind):
    """Errors by the schemas of STAC itself, which come with the library; extensions are looked at below."""
    from pystac.validation.local_validator import LocalValidator

    validator = LocalValidator()
    check = validator.item_validator() if kind == "item" else validator.collection_validator()
    return [error.message for error in check.iter_errors(document)]


def test_items_and_collections_are_what_stac_says(item):
    assert valid(item, "item") == []
    whole = collection([item], title="A field", description="Maps of a field", places=["maps/spring/map.stac.json"])
    assert valid(whole, "collection") == []
    assert whole["extent"]["spatial"]["bbox"] == [item["bbox"]]
    assert whole["extent"]["temporal"]["interval"] == [["2025-03-17T00:00:00Z"] * 2]
    assert pystac.Item.from_dict(item).assets["value"].href == "./map.tif"
    assert pystac.Collection.from_dict(whole).get_item_links()[0].href == "./maps/spring/map.stac.json"


def test_every_layer_is_there_with_unit_hash_and_classes(item, small_project):
    import hashlib

    assets = item["assets"]
    assert {"value", "class", "lower", "upper", "p_gt_4", "di", "aoa", "value_qml", "value_sld", "run"} <= set(assets)
    content = (small_project / "maps/spring/map.tif").read_bytes()
    assert assets["value"]["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
    assert assets["value"]["unit"] == "dS/m"
    assert assets["value"]["nodata"] == "nan"
    classes = assets["class"]["classification:classes"]
    assert [one["value"] for one in classes] == [0, 1, 2, 3, 4]
    assert all(set(one["name"]) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") for one in classes)
    assert json.loads(json.dumps(item)) == item


def test_the_place_is_that_of_the_raster(item, small_project):
    import rasterio
    from rasterio.warp import transform_bounds

    with rasterio.open(small_project / "maps/spring/map.tif") as raster:
        expected = transform_bounds(raster.crs, "EPSG:4326", *raster.bounds, densify_pts=21)
        assert item["properties"]["proj:shape"] == [raster.height, raster.width]
        assert item["properties"]["proj:code"] == f"EPSG:{raster.crs.to_epsg()}"
    assert item["bbox"] == pytest.approx(expected, abs=1e-6)
    assert min(lon for lon, _ in item["geometry"]["coordinates"][0]) == pytest.approx(item["bbox"][0], abs=2e-3)
    assert item["geometry"]["coordinates"][0][0] == item["geometry"]["coordinates"][0][-1]


def test_a_year_or_a_month_is_a_span_of_time():
    assert times_of("2024") == {"datetime": None, "start_datetime": "2024-01-01T00:00:00Z", "end_datetime": "2024-12-31T23:59:59Z"}
    assert times_of("2024-02")["end_datetime"] == "2024-02-29T23:59:59Z"
    assert times_of(None, "2026-01-02T03:04:05Z") == {"datetime": "2026-01-02T03:04:05Z"}
