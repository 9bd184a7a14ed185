"""Searching catalogues: a real STAC API on loopback, what is taken from it, and every way to fail in one sentence."""

import datetime
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
from pyproj import CRS

from soilcore.core.errors import NotAvailableError, SampleError, SceneError, SettingsError
from soilcore.data.stac import StacSettings, samples_bbox, search_scenes
from soilcore.data.stac_items import check_installed, hit_of, scaling_of, why_refused
from tests.stac_server import PC_NAMES, item_of, stac_api

AREA = (10.25, 44.22, 10.29, 44.25)
HALF = (10.25, 44.22, 10.27, 44.25)
EVER = ("2015-01-01", "2025-12-31")
ADDRESS = "https://example.org/scene"
HOME = "https://example.org/v1"
SAID = {"s2:processing_baseline": "05.10"}


def assets(names=("blue", "red", "nir", "scl"), base=ADDRESS):
    return {name: {"href": f"{base}/{name}.tif", "type": "image/tiff", "roles": ["data"]} for name in names}


def item(name="S2A_1", day="2024-05-01", bounds=AREA, kinds=None, collection="sentinel-2-l2a", **properties):
    return item_of(name, day, bounds, kinds or assets(), collection, {"eo:cloud_cover": 5.0, **SAID, **properties})


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """Twelve scenes: ten days of one tile with rising clouds, a neighbour on the first day, and one far away."""
    items = [item(f"S2A_{day:02d}", f"2024-05-{day:02d}", **{"eo:cloud_cover": 10.0 * (day - 1)}) for day in range(1, 11)]
    items += [item("S2B_01", "2024-05-01", (10.27, 44.22, 10.31, 44.25)), item("far", "2024-05-01", (80.0, 10.0, 81.0, 11.0))]
    items[0]["assets"]["thumbnail"] = {"href": "https://example.org/small.jpg", "type": "image/jpeg", "roles": ["thumbnail"]}
    with stac_api(items, tmp_path_factory.mktemp("api")) as address:
        yield address


def search(api, **settings):
    return search_scenes(StacSettings(url=api, **{"bbox": AREA, "dates": EVER, **settings}))


def test_scenes_of_the_area_come_grouped_by_day(api):
    found = search(api)
    assert [day.date for day in found.days()] == [f"2024-05-{day:02d}" for day in range(1, 11)]
    assert "far" not in {hit.id for hit in found.hits}
    first = found.days()[0]
    assert [hit.id for hit in first.hits] == ["S2A_01", "S2B_01"]
    assert first.coverage == pytest.approx(1.0)
    assert first.baseline == "05.10"
    assert first.thumbnail == "https://example.org/small.jpg"


def test_the_share_of_the_area_that_a_scene_covers_is_measured(api):
    found = search(api, bbox=(10.27, 44.22, 10.31, 44.25))
    shares = {hit.id: hit.coverage for hit in found.hits}
    assert shares["S2A_01"] == pytest.approx(0.5, abs=1e-9)
    assert shares["S2B_01"] == pytest.approx(1.0)


def test_the_dates_are_days_with_both_ends_included(api):
    found = search(api, dates=("2024-05-03", "2024-05-05"))
    assert [hit.date for hit in found.hits] == ["2024-05-03", "2024-05-04", "2024-05-05"]


def test_dates_may_be_given_as_dates(api):
    first, last = datetime.date(2024, 5, 3), datetime.date(2024, 5, 5)
    found = search(api, dates=(first, last))
    assert len(found.hits) == 3
    assert found.settings.dates == ("2024-05-03", "2024-05-05")


def test_scenes_with_more_cloud_are_left_out(api):
    found = search(api, cloud=30.0)
    assert [hit.cloud for hit in found.hits] == [0.0, 5.0, 10.0, 20.0, 30.0]


def test_more_scenes_than_a_page_are_all_found(api):
    assert [hit.id for hit in search(api, page=3).hits] == [hit.id for hit in search(api, page=100).hits]


def test_a_limit_is_kept_and_said(api):
    found = search(api, limit=4)
    assert len(found.hits) == 4
    assert any("more than 4 scenes fit" in text for text in found.assumed)


def test_the_search_reports_its_progress(api):
    told = []
    search_scenes(StacSettings(url=api, bbox=AREA, dates=EVER), lambda done, total, message: told.append((done, total)))
    assert told[0][0] == 0
    assert told[-1][0] == 11
    assert all(done <= total for done, total in told)


def test_nothing_found_is_said_with_what_was_asked(api):
    with pytest.raises(SceneError, match=r"no scene of sentinel-2-l2a in 10.25,44.22.*2019-01-01 to 2019-02-01 with at most 20 % cloud"):
        search(api, dates=("2019-01-01", "2019-02-01"), cloud=20)


def test_an_unknown_collection_is_refused_with_those_there_are(api):
    with pytest.raises(SceneError, match=r"no collection 'sentinel-1-grd'. It has sentinel-2-l2a"):
        search(api, collection="sentinel-1-grd")


def test_a_result_can_be_narrowed_to_days_and_written_as_json(api):
    found = search(api).choose(["2024-05-02"])
    assert {hit.date for hit in found.hits} == {"2024-05-02"}
    assert json.loads(json.dumps(found.to_dict()))["days"][0]["date"] == "2024-05-02"
    with pytest.raises(SceneError, match="no scene of 2030-01-01"):
        found.choose(["2030-01-01"])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bbox": None}, "No area was given"),
        ({"bbox": (1, 2, 3)}, "not four numbers"),
        ({"bbox": (10, 44, 9, 45)}, "west, 10, is not less than its east, 9"),
        ({"bbox": (10, 45, 11, 44)}, "south, 45"),
        ({"bbox": (500000, 4900000, 510000, 4910000)}, "does not lie on earth in degrees"),
        ({"dates": None}, "are not two"),
        ({"dates": ("2024-13-01", "2024-12-01")}, "not days of the calendar"),
        ({"dates": ("2024-06-01", "2024-05-01")}, "after the last"),
        ({"cloud": 120}, "cloud cover of 120"),
        ({"limit": 0}, "limit = 0"),
        ({"page": True}, "page = True"),
        ({"signing": "aws"}, "signed by 'aws'"),
        ({"url": "file:///etc/passwd"}, "no catalogue"),
        ({"url": "/etc/passwd"}, "no catalogue"),
        ({"url": "earth search"}, "no catalogue"),
        ({"url": "https://user:word@example.org/v1"}, "no catalogue"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_asked(change, words):
    with pytest.raises(SettingsError, match=words):
        search_scenes(StacSettings(**{"url": "http://127.0.0.1:9", "bbox": AREA, "dates": EVER, **change}))


# -- what goes wrong on the way


class _Answer(BaseHTTPRequestHandler):
    replies = {}

    def log_message(self, *_):
        """Silence."""

    def do_GET(self):
        status, body = self.replies.get(self.path.split("?")[0], (404, b""))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET


@pytest.fixture
def answers():
    """A server that answers as it is told: ``answers({path: (status, body)})`` gives its address."""
    servers = []

    def start(replies):
        handler = type("Handler", (_Answer,), {"replies": replies})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def landing(base, search_link):
    classes = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"]
    links = [{"rel": "self", "href": base}, {"rel": "root", "href": base}]
    links += [{"rel": "search", "href": search_link, "type": "application/geo+json", "method": "GET"}] if search_link else []
    return {"type": "Catalog", "stac_version": "1.0.0", "id": "x", "description": "x", "conformsTo": classes, "links": links}


def test_a_page_that_is_no_catalogue_is_named(answers):
    base = answers({"/": (200, b"<html>hello</html>")})
    with pytest.raises(SceneError, match="does not answer as a STAC API does"):
        search(base)


def test_json_that_is_no_catalogue_is_named(answers):
    for body in (b"[1, 2]", b'{"a": 1}', b'"text"', b"null", b'{"type": "Feature"}'):
        with pytest.raises(SceneError, match=r"does not answer as a STAC API does|no search"):
            search(answers({"/": (200, body)}))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, r"refuses access \(401\)"),
        (403, r"refuses access \(403\)"),
        (404, r"nothing there \(404\)"),
        (503, "busy or broken at the moment"),
        (418, "answered 418"),
    ],
)
def test_each_refusal_of_the_server_has_its_sentence(answers, status, words):
    with pytest.raises(SceneError, match=words):
        search(answers({"/": (status, b"no")}), retry_s=0.001)


def test_a_host_that_does_not_exist_and_a_closed_port_are_told_apart():
    with pytest.raises(SceneError, match=r"nosuchhost.invalid cannot be found"):
        search("http://nosuchhost.invalid/v1", retry_s=0.001)
    with pytest.raises(SceneError, match="connection refused"):
        search("http://127.0.0.1:9/v1", retry_s=0.001)


def test_a_static_catalogue_is_told_apart_from_an_api(answers):
    replies = {}
    base = answers(replies)
    replies["/"] = (200, json.dumps(landing(base, None)).encode())
    with pytest.raises(SceneError, match="not a STAC API that can be searched"):
        search(base)


def test_a_catalogue_cannot_send_the_client_to_a_local_file(answers, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_text(json.dumps({"type": "FeatureCollection", "features": [item("stolen")]}))
    for link in (str(secret), secret.as_uri()):
        replies = {}
        base = answers(replies)
        replies["/"] = (200, json.dumps(landing(base, link)).encode())
        with pytest.raises(SceneError, match=r"no http|nothing there \(404\)"):
            search(base, collection="sentinel-2-l2a")


# -- what is taken of an item


def test_assets_are_known_by_the_names_of_each_catalogue():
    ours = hit_of(item(kinds=assets(tuple(PC_NAMES))), HOME, AREA)
    theirs = hit_of(item(kinds=assets(tuple(PC_NAMES.values()))), HOME, AREA)
    assert ours.roles == theirs.roles == ("B", "R", "N", "S1")
    assert ours.quality == theirs.quality == "SCL"


def test_assets_of_other_catalogues_are_known_by_what_they_say_of_their_bands():
    kinds = assets(("a", "b", "c", "d"))
    kinds["a"]["eo:bands"] = [{"name": "B05", "common_name": "rededge071"}]
    kinds["b"]["bands"] = [{"name": "x", "eo:common_name": "swir22"}]
    kinds["c"]["eo:bands"] = [{"name": "B8A"}]
    kinds["d"]["eo:bands"] = [{"name": "B04", "common_name": "red"}, {"name": "B03", "common_name": "green"}]  # a picture
    hit = hit_of(item(kinds=kinds), HOME, AREA)
    assert {asset.role: asset.address.rpartition("/")[2] for asset in hit.assets} == {"RE1": "a.tif", "S2": "b.tif", "N2": "c.tif"}


def test_landsat_has_its_own_names_and_no_red_edge():
    kinds = assets(("coastal", "blue", "green", "red", "nir08", "swir16", "swir22", "qa_pixel"))
    told = {
        "platform": "landsat-9",
        "constellation": None,
        "landsat:collection_number": "02",
        "landsat:correction": "L2SP",
        "s2:processing_baseline": None,
    }
    hit = hit_of(item("LC09", kinds=kinds, collection="landsat-c2-l2", **told), HOME, AREA)
    assert hit.roles == ("B", "G", "R", "N", "S1", "S2")
    assert hit.quality == "QA_PIXEL"
    assert scaling_of(hit)[:2] == (2.75e-5, -0.2)


@pytest.mark.parametrize(
    ("properties", "offset"),
    [
        ({"s2:processing_baseline": "03.01"}, 0.0),
        ({"s2:processing_baseline": "02.14"}, 0.0),
        ({"s2:processing_baseline": "04.00"}, -0.1),
        ({"s2:processing_baseline": "05.10"}, -0.1),
        ({"s2:processing_baseline": "05.10", "earthsearch:boa_offset_applied": True}, 0.0),
        ({"s2:processing_baseline": "05.10", "earthsearch:boa_offset_applied": False}, -0.1),
        ({"s2:processing_baseline": None, "processing:version": "05.11"}, -0.1),
        ({"s2:processing_baseline": None, "processing:version": "02.14"}, 0.0),
        ({"s2:processing_baseline": None, "earthsearch:boa_offset_applied": True}, 0.0),
        ({"s2:processing_baseline": None, "s2:product_uri": "S2B_MSIL2A_20180101T100319_N0400_R122_T33UUP_20180101T120000.SAFE"}, -0.1),
    ],
)
def test_the_offset_follows_the_metadata(properties, offset):
    for day in ("2016-05-01", "2024-05-01"):  # and never the date
        scale, found, evidence = scaling_of(hit_of(item(day=day, **properties), HOME, AREA))
        assert (scale, found) == (1e-4, pytest.approx(offset))
        assert evidence


@pytest.mark.parametrize(
    "properties",
    [{"s2:processing_baseline": None}, {"s2:processing_baseline": "new"}, {"s2:processing_baseline": None, "earthsearch:boa_offset_applied": False}],
)
def test_an_unknown_baseline_is_never_guessed(properties):
    hit = hit_of(item(**properties), HOME, AREA)
    with pytest.raises(SceneError, match=r"does not say its processing baseline.*--offset"):
        scaling_of(hit)
    assert scaling_of(hit, -0.1) == (1e-4, -0.1, "offset as given")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("file:///etc/passwd", "begins with 'file:'"),
        ("/etc/passwd", "only http and https"),
        ("/vsizip//tmp/a.zip/b.tif", "only http and https"),
        ("/vsicurl/http://a/b.tif", "only http and https"),
        ("s3://bucket/key.tif", "begins with 's3:'"),
        ("../../blue.tif", "only http and https"),
        ("http:///b.tif", "only http and https"),
        ("http://a/b.tif\nX-Header: 1", "not a plain one"),
        ("http://a/b c.tif", "not a plain one"),
        ("http://user:word@a/b.tif", "not a plain one"),
        ("http://a:99999/b.tif", "only http and https"),
        ("http://169.254.169.254/latest/meta-data", "private network"),
        ("http://localhost/b.tif", "private network"),
        ("http://[::1]/b.tif", "private network"),
        (None, "no address"),
        (17, "no address"),
    ],
)
def test_addresses_that_are_not_plain_http_are_refused_in_words(address, words):
    assert words in why_refused(address, HOME)
    kinds = assets() | {"blue": {"href": address}}
    hit = hit_of(item(kinds=kinds), HOME, AREA)
    assert hit.address("B") is None
    assert hit.roles == ("R", "N")
    assert words in hit.refused[0]


def test_good_addresses_are_taken_as_they_are():
    signed = "https://a.blob.core.windows.net/c/d/B02.tif?st=2024&sig=a%2Fb%3D"
    assert why_refused(signed, HOME) is None
    assert why_refused("http://127.0.0.1:8000/a.tif", "http://127.0.0.1:9000") is None


def test_names_of_a_catalogue_are_made_harmless():
    hit = hit_of(item("../../etc/<b>cron</b>\x1b[31m"), HOME, AREA)
    assert not set(hit.id) & set("/<>\x1b[]")


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        ({"properties": {"platform": "sentinel-2a"}}, "no date"),
        ({"properties": []}, "does not|not described|no date|neither"),
        ({"properties": "text"}, "not described"),
        ({"bbox": None, "geometry": None}, "does not say where it lies"),
        ({"properties": {"platform": "landsat-8", "datetime": "2024-05-01T00:00:00Z"}, "collection": "landsat-c2l1"}, "not Landsat Collection 2"),
        ({"properties": {"platform": "landsat-8", "datetime": "2024-05-01T00:00:00Z"}, "collection": "HLSL30_2.0"}, "harmonised product HLS"),
        (
            {"properties": {"platform": "sentinel-1a", "datetime": "2024-05-01T00:00:00Z"}, "collection": "sentinel-1-grd"},
            "neither Sentinel-2 nor Landsat",
        ),
        ({"properties": {"platform": "sentinel-2a", "s2:product_type": "S2MSI1C", "datetime": "2024-05-01T00:00:00Z"}}, "Level-1C"),
        (
            {"properties": {"platform": "landsat-5", "landsat:collection_number": "01", "datetime": "2000-05-01T00:00:00Z"}, "collection": "l1"},
            "not Landsat Collection 2",
        ),
    ],
)
def test_an_item_of_no_use_is_named_with_its_reason(broken, words):
    with pytest.raises(SceneError, match=words):
        hit_of({**item(), **broken}, HOME, AREA)


def test_a_package_that_is_not_installed_is_named():
    check_installed("pystac_client", "odc.stac", "planetary_computer")
    for name, package in (("no_such_module", "no-such-module"), ("odc.no_such_part", "odc-no-such-part")):
        with pytest.raises(NotAvailableError, match=f"pip install {package}"):
            check_installed(name)


# -- the area of samples


def test_the_area_of_samples_has_its_margin_on_every_side():
    x, y = np.array([600000.0, 610000.0, np.nan]), np.array([4900000.0, 4905000.0, 1.0])
    samples = SimpleNamespace(x=x, y=y, crs=CRS.from_epsg(32632))
    west, south, east, north = samples_bbox(samples, 1000.0)
    from pyproj import Geod

    inner = samples_bbox(samples, 0.0)
    geod = Geod(ellps="WGS84")
    for one, other in (
        ((west, south), (inner[0], south)),
        ((west, south), (west, inner[1])),
        ((east, north), (inner[2], north)),
        ((east, north), (east, inner[3])),
    ):
        assert 1000 <= geod.inv(*one, *other)[2] < 1020


def test_samples_without_places_have_no_area():
    for samples in (SimpleNamespace(x=None, y=None, crs=None), SimpleNamespace(x=np.array([np.nan]), y=np.array([np.nan]), crs=CRS.from_epsg(4326))):
        with pytest.raises(SampleError, match="bbox"):
            samples_bbox(samples)
