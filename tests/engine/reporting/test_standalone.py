"""The map in one file: what it embeds tells what the rasters hold."""

import base64
import json
import re
import zlib
from html.parser import HTMLParser

import numpy as np
import pytest
import rasterio

from soilcore.core.errors import NotAvailableError
from soilcore.mapping.tiles import value_at
from soilcore.project import assets
from soilcore.reporting.standalone import frame_of, packed, standalone_map


def unpacked(one):
    """Values as the page unpacks them."""
    numbers = np.frombuffer(zlib.decompress(base64.b64decode(one["data"])), "<u2").astype(float)
    return np.where(numbers == 0, np.nan, one["low"] + (numbers - 1) * one["step"])


def content_of(page):
    """The facts embedded in a page."""
    return json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.S)[1])


@pytest.fixture
def page(small_project):
    if not assets.are_present():
        pytest.skip(assets.REMEDY)
    samples = [{"lon": 118.39, "lat": 37.83, "text": "measured 3 dS/m </script><b>"}]
    return standalone_map(small_project / "maps/spring/map.tif", vendor=assets.VENDOR, title="A & B </title><script>", samples=samples)


def test_values_come_back_within_half_a_step():
    values = np.array([[np.nan, 0.31, 98.7], [4.0, 4.001, 12.5]])
    one = packed(values)
    back = unpacked(one).reshape(values.shape)
    assert np.isnan(back[0, 0])
    np.testing.assert_allclose(back, values, atol=one["step"] / 2 * 1.0001)
    assert np.isnan(unpacked(packed(np.full((2, 2), np.nan)))).all()
    assert unpacked(packed(np.full((1, 2), 7.0))).tolist() == [7.0, 7.0]


def test_a_click_tells_the_value_of_the_raster_there(page, small_project):
    content, path = content_of(page), small_project / "maps/spring/map.tif"
    frame, told = content["frame"], {one["key"]: one for one in content["told"]}
    assert set(told) == {"class", "value", "lower", "upper", "p_gt_4", "aoa"}
    values = {key: unpacked(one) for key, one in told.items()}
    own = frame_of(path)
    seen = np.flatnonzero(np.isfinite(values["value"]))
    assert seen.size > 2000
    for pixel in seen[:: seen.size // 40]:
        row, column = divmod(pixel, frame["columns"])
        (_, west), (_, east) = own.bounds
        lon = west + (column + 0.5) / frame["columns"] * (east - west)
        y = frame["top"] - (row + 0.5) * frame["pixel"]
        lat = np.degrees(np.arctan(np.sinh(y / 6378137.0)))
        assert value_at(path, lon, lat) == pytest.approx(values["value"][pixel], abs=told["value"]["step"])
        assert values["lower"][pixel] <= values["value"][pixel] + 1e-3 <= values["upper"][pixel] + 2e-3


def test_a_page_names_no_address_outside_of_itself(page):
    addresses = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]+)""", re.sub(r"<script.*?</script>", "", page, flags=re.S))
    assert not [address for address in addresses if address.startswith(("http", "//"))]
    assert "default-src 'none'" in page


def test_words_of_a_user_cannot_become_markup(page):
    tags = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes):
            tags.append(tag)

    Reader().feed(page)
    assert tags.count("script") == 3
    assert tags.count("b") == 0


def test_what_lies_outside_of_the_area_of_applicability_is_striped(page, small_project):
    with rasterio.open(small_project / "maps/spring/map_aoa.tif") as raster:
        has_outside = bool((raster.read(1) == 0).any())
    assert content_of(page)["veil"].startswith("data:image/png;base64,")
    assert has_outside, "else this says nothing"


def test_without_the_packages_of_the_browser_the_remedy_is_said(small_project, tmp_path):
    with pytest.raises(NotAvailableError, match="setup"):
        standalone_map(small_project / "maps/spring/map.tif", vendor=tmp_path)
