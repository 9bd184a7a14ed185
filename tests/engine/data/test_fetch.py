"""Fetching: from a real STAC API and a server of COGs that fails, cuts off and dawdles on command; killed, stopped, resumed, disk full."""

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.warp import transform_bounds

from soilcore.core.errors import SceneError, SettingsError, Stopped
from soilcore.core.grids import Window
from soilcore.core.tables import load_table
from soilcore.data.fetch import FetchSettings, fetch_scenes
from soilcore.data.fetch_parts import check_space
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.scene_series import open_scenes
from soilcore.data.stac import StacSettings, search_scenes
from tests.engine.data.product_files import SAFE_10M, SAFE_CRS, safe_classes, safe_numbers, write_cog_file, write_safe
from tests.stac_server import LEFT, PC_NAMES, TOP, CogServer, Trouble, World, digital_numbers, item_of, stac_api, write_cog

ROOT = Path(__file__).resolve().parents[3]
EVER = ("2015-01-01", "2025-12-31")
NEW, OLD = {"s2:processing_baseline": "05.10"}, {"s2:processing_baseline": "03.01"}
REMOVED = {**NEW, "earthsearch:boa_offset_applied": True}
RUN = """
import json, sys
from soilcore.core.errors import SoilcoreError
from soilcore.data.fetch import FetchSettings, fetch_scenes
from soilcore.data.stac import StacSettings, search_scenes
def say(done, total, message):
    print(f"{done} {message}", flush=True)
asked, wanted = json.loads(sys.argv[1])
try:
    found = search_scenes(StacSettings(**asked))
    print("FACTS " + json.dumps(fetch_scenes(found, FetchSettings(**wanted), say)), flush=True)
except SoilcoreError as error:
    print("ERROR " + error.message, flush=True)
    sys.exit(error.exit_code)
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One place in every form a catalogue has it, and a server that behaves again after each test."""
    folder = tmp_path_factory.mktemp("world")
    with CogServer(folder / "cogs") as cogs:
        made = World(folder / "cogs", cogs.base)
        made.add("S2A_old", "2021-05-01", **OLD)
        made.add("S2A_new", "2024-05-01", shift=1000, cloud=40.0, **NEW)
        made.add("S2A_removed", "2024-06-01", **REMOVED)
        made.add("S2A_west", "2024-07-04", shift=1000, **NEW)
        made.add("S2A_east", "2024-07-04", shift=1000, left=LEFT + 1200, **NEW)
        made.add("S2A_mixed_a", "2024-08-01", shift=1000, **NEW)
        made.add("S2A_mixed_b", "2024-08-01", left=LEFT + 1200, **REMOVED)
        made.add("S2A_unknown", "2024-09-01", shift=1000)
        with stac_api(made.items, folder) as api:
            made.api, made.cogs = api, cogs
            yield made


@pytest.fixture
def good(world):
    """The world with its server in order."""
    world.cogs.troubles.clear()
    world.cogs.asked.clear()
    yield world
    world.cogs.troubles.clear()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Two days of a scene of 600 x 600 pixels: nine tiles of 256 each."""
    folder = tmp_path_factory.mktemp("large")
    with CogServer(folder / "cogs") as cogs:
        made = World(folder / "cogs", cogs.base, 600)
        for day in (1, 2):
            made.add(f"S2A_{day}", f"2024-05-{day:02d}", shift=1000, bands={"B": ("blue", 10), "S1": ("swir16", 20)}, **NEW)
        with stac_api(made.items, folder) as api:
            made.api, made.cogs = api, cogs
            yield made


def inner(world, margin=0.0005):
    """An area a little within the first scene, degrees."""
    west, south, east, north = world.items[0]["bbox"]
    return west + margin * 2, south + margin * 2, east - margin * 2, north - margin * 2


def find(world, date=None, bbox=None, **settings):
    dates = (date, date) if date else EVER
    return search_scenes(StacSettings(url=world.api, bbox=bbox or inner(world), dates=dates, **settings))


def fetch(world, out, date=None, bbox=None, report=lambda *_: None, **settings):
    return fetch_scenes(find(world, date, bbox), FetchSettings(str(out), **{"retry_s": 0.01, "tries": 3, **settings}), report)


def place_of(dataset):
    """Row and column of the fetched corner in the scene at LEFT, TOP."""
    return round((TOP - dataset.transform.f) / 10), round((dataset.transform.c - LEFT) / 10)


# -- what comes


def test_fetched_pixels_are_those_of_the_source(good, tmp_path):
    facts = fetch(good, tmp_path / "out", "2024-05-01", bands=("B", "R"))
    with rasterio.open(tmp_path / "out" / facts["files"][0]["file"]) as stack:
        row, col = place_of(stack)
        assert (stack.descriptions, stack.dtypes[0]) == (("B", "R", "SCL"), "uint16")
        for number, role in ((1, "B"), (2, "R")):
            whole = digital_numbers(role, good.size, good.size, 1, 1000)
            assert np.array_equal(stack.read(number), whole[row : row + stack.height, col : col + stack.width])
        assert stack.scales == (1e-4, 1e-4, 1.0)
        assert stack.offsets == (-0.1, -0.1, 0.0)
        tags = stack.tags()
    assert (tags["ACQUISITION_DATE"], tags["PROCESSING_BASELINE"], tags["BOA_OFFSET_APPLIED"]) == ("2024-05-01", "05.10", "false")
    assert tags["SOILCORE_SENSOR"] == "sentinel-2-l2a"
    assert tags["SOILCORE_QUALITY_CELL"] == "20"
    assert facts["files"][0] | {"file": 0, "bytes": 0, "evidence": 0} == {
        "file": 0,
        "date": "2024-05-01",
        "cloud": 40.0,
        "baseline": "05.10",
        "offset": pytest.approx(-0.1),
        "evidence": 0,
        "scenes": ["S2A_new"],
        "bytes": 0,
        "kept": False,
    }
    json.dumps(facts)


def test_only_a_window_is_read_of_a_remote_file(large, tmp_path):
    west, south, _, _ = large.items[0]["bbox"]
    large.cogs.troubles.clear()
    large.cogs.sent = 0
    fetch(large, tmp_path / "out", "2024-05-01", bbox=(west + 0.03, south + 0.03, west + 0.031, south + 0.031), bands=("B",), quality=False)
    whole = (large.folder / "S2A_1" / "blue.tif").stat().st_size
    assert large.cogs.sent < whole / 4


def test_the_three_ways_of_storing_reflectance_give_the_same(good, tmp_path):
    facts = fetch(good, tmp_path / "out", bands=("B", "S1"))
    offsets = {file["date"]: file["offset"] for file in facts["files"]}
    assert offsets == {day: pytest.approx(offset) for day, offset in zip(sorted(offsets), (0.0, -0.1, 0.0, -0.1, -0.1), strict=True)}
    scenes = [
        open_scene(SceneSettings((str(tmp_path / "out" / f"{day}.tif"),), quality="none")) for day in ("2021-05-01", "2024-05-01", "2024-06-01")
    ]
    window = next(scenes[0].grid.windows())
    first, *others = [scene.read(window) for scene in scenes]
    assert np.nanmax(first) > 0.2
    for other in others:
        assert np.array_equal(first, other, equal_nan=True)


def test_coarser_bands_are_interpolated_as_the_product_itself_would_be(good, tmp_path):
    fetch(good, tmp_path / "out", "2024-05-01")
    names = {"B": "blue", "R": "red", "N": "nir", "S1": "swir16"}
    files = tuple(str(good.folder / "S2A_new" / f"{name}.tif") for name in names.values())
    roles = tuple((name, role) for role, name in names.items())
    product = open_scene(SceneSettings(files, roles, scale=1e-4, offset=-0.1))
    fetched = open_scene(SceneSettings((str(tmp_path / "out" / "2024-05-01.tif"),), quality="none"))
    ours = fetched.read(next(fetched.grid.windows()))
    row, col = round((TOP - fetched.grid.transform.f) / 10), round((fetched.grid.transform.c - LEFT) / 10)
    theirs = product.read(next(product.grid.windows()), fetched.roles)[:, row : row + ours.shape[1], col : col + ours.shape[2]]
    assert fetched.roles == ("B", "R", "N", "S1")
    assert np.array_equal(ours, theirs, equal_nan=True)


def test_a_product_and_its_fetched_copies_give_the_same_reflectance(good, tmp_path):
    """The product as the agency delivers it, of both baselines, against what is fetched of a catalogue, with and without the offset."""
    names = {role: names[0] for role, names in load_table("stac")["families"]["sentinel-2"]["assets"].items()}
    items = []
    for day, shift, told in (("2022-06-19", 1000, NEW), ("2022-06-20", 0, REMOVED), ("2022-06-21", 0, OLD)):
        place = good.folder / day
        place.mkdir(exist_ok=True)
        layers = {name: (safe_numbers()[role], 10 if role in SAFE_10M.values() else 20) for role, name in names.items()}
        layers["scl"] = (safe_classes(), 20)
        for name, (numbers, cell) in layers.items():
            stored = np.where(numbers == 0, 0, numbers + (shift if name != "scl" else 0)).astype(numbers.dtype)
            write_cog_file(place / f"{name}.tif", stored, nodata=0, cell=cell, crs=SAFE_CRS)
        kinds = {name: {"href": f"{good.base}/{day}/{name}.tif", "type": "image/tiff", "roles": ["data"]} for name in layers}
        bounds = transform_bounds(SAFE_CRS, "EPSG:4326", 600000, 5698800, 601200, 5700000)
        items.append(item_of(f"S2A_{day}", day, bounds, kinds, properties={**told, "proj:epsg": 32631}))
    (tmp_path / "api").mkdir()
    with stac_api(items, tmp_path / "api") as api:
        found = search_scenes(StacSettings(url=api, bbox=tuple(items[0]["bbox"]), dates=EVER))
        facts = fetch_scenes(found, FetchSettings(str(tmp_path / "out")))
    products = [write_safe(tmp_path / baseline, baseline=baseline) for baseline in ("05.10", "03.01")]
    for quality, dilate in (("none", 0), ("mask", 2)):
        expected = None
        for path in (*products, *(tmp_path / "out" / file["file"] for file in facts["files"])):
            scene = open_scene(SceneSettings((str(path),), quality=quality, dilate=dilate))
            row, col = round((scene.grid.transform.f - 5700000) / 10), round((600000 - scene.grid.transform.c) / 10)
            with scene.reader() as reader:
                parts = [[reader.read(Window(row + top, col + left, 60, 60), tuple(names)) for left in (0, 60)] for top in (0, 60)]
            values = np.concatenate([np.concatenate(across, 2) for across in parts], 1).view(np.uint32)  # in windows that cut the clouds
            expected = values if expected is None else expected
            np.testing.assert_array_equal(values, expected, err_msg=f"{path} {quality}")


def test_clouds_of_a_fetched_stack_are_hidden_when_it_is_read(good, tmp_path):
    fetch(good, tmp_path / "out", "2024-05-01", bands=("B",))
    scene = open_scene(SceneSettings((str(tmp_path / "out" / "2024-05-01.tif"),)))
    x, y = LEFT + 10 * (good.size / 2 + 5), TOP - 10 * (good.size / 2 + 5)
    values = scene.sample([x, x - 40, x - 600], [y, y, y])
    assert scene.roles == ("B",)
    assert np.isnan(values[0, 0])
    assert np.isfinite(values[2, 0])
    plain = open_scene(SceneSettings((str(tmp_path / "out" / "2024-05-01.tif"),), quality="none"))
    assert np.isfinite(plain.sample([x], [y])[0, 0])


def test_without_the_quality_layer_nothing_is_hidden(good, tmp_path):
    facts = fetch(good, tmp_path / "out", "2024-05-01", bands=("B",), quality=False)
    assert facts["bands"] == ["B"]
    assert not any("scl" in path for path in good.cogs.asked)


def test_two_tiles_of_one_day_become_one_file(good, tmp_path):
    west, south, _, north = good.items[3]["bbox"]
    east = good.items[4]["bbox"][2]
    facts = fetch(good, tmp_path / "out", "2024-07-04", (west, south, east, north), bands=("B",))
    assert facts["files"][0]["scenes"] == ["S2A_east", "S2A_west"] or facts["files"][0]["scenes"] == ["S2A_west", "S2A_east"]
    with rasterio.open(tmp_path / "out" / "2024-07-04.tif") as stack:
        row, col = place_of(stack)
        values = stack.read(1)
    tile = digital_numbers("B", good.size, good.size, 4, 1000)
    assert np.array_equal(values[-row : -row + good.size, -col : -col + 100], tile[:, :100])  # only the western tile lies there
    assert np.array_equal(values[-row : -row + good.size, -col + 260 : -col + 360], tile[:, 140:])  # only the eastern one
    assert (values[-row + 50, -col : -col + 360] > 0).all()


def test_two_tiles_of_one_day_with_and_without_the_offset_share_one(good, tmp_path):
    west, south, _, north = good.items[5]["bbox"]
    east = good.items[6]["bbox"][2]
    facts = fetch(good, tmp_path / "out", "2024-08-01", (west, south, east, north), bands=("B",))
    assert facts["files"][0]["offset"] == pytest.approx(-0.1)
    assert "raised by 1000" in facts["files"][0]["evidence"]
    with rasterio.open(tmp_path / "out" / "2024-08-01.tif") as stack:
        row, col = place_of(stack)
        values = stack.read(1)
    tile = digital_numbers("B", good.size, good.size, 1, 1000)
    assert np.array_equal(values[-row : -row + good.size, -col + 260 : -col + 360], tile[:, 140:])
    assert np.array_equal(values[-row : -row + good.size, -col : -col + 100], tile[:, :100])


def test_a_shared_offset_raises_no_missing_pixel_of_an_interpolated_day(good, tmp_path):
    west, south, _, north = good.items[5]["bbox"]
    east = good.items[6]["bbox"][2]
    around = (west - 0.002, south, east + 0.002, north)
    fetch(good, tmp_path / "out", "2024-08-01", around, bands=("B", "S1"))
    with rasterio.open(tmp_path / "out" / "2024-08-01.tif") as stack:
        assert stack.dtypes[0] == "float32"
        row, col = place_of(stack)
        blue, infrared = stack.read(1), stack.read(2)
    tile = digital_numbers("B", good.size, good.size, 1, 1000)
    for values in (blue, infrared):
        assert (values[:, : -col - 2] == 0).all() and (values[:, -col + 362 :] == 0).all()  # no scene reaches there
        assert values[values != 0].min() > 2000
    np.testing.assert_array_equal(blue[-row + 8 : -row + good.size, -col : -col + 100], tile[8:, :100])
    np.testing.assert_array_equal(blue[-row + 8 : -row + good.size, -col + 260 : -col + 360], tile[8:, 140:])


def test_of_a_scene_in_two_processings_the_later_is_taken(good, tmp_path):
    (tmp_path / "api").mkdir()
    twice = [good.items[0] | {"id": "first", "properties": {**good.items[0]["properties"], "s2:processing_baseline": "02.14"}}, good.items[0]]
    with stac_api(twice, tmp_path / "api") as api:
        found = search_scenes(StacSettings(url=api, bbox=inner(good), dates=EVER))
        facts = fetch_scenes(found, FetchSettings(str(tmp_path / "out"), bands=("B",)))
    assert facts["files"][0]["scenes"] == ["S2A_old"]
    assert facts["skipped"] == [{"date": "2021-05-01", "scene": "first", "why": "The same scene is there in a later processing."}]


def test_a_scene_of_unknown_baseline_is_skipped_unless_its_offset_is_given(good, tmp_path):
    facts = fetch(good, tmp_path / "out", bands=("B",))
    assert [skipped["scene"] for skipped in facts["skipped"]] == ["S2A_unknown"]
    assert "processing baseline" in facts["skipped"][0]["why"]
    with pytest.raises(SceneError, match=r"None of the 1 scenes can be used\. The scene S2A_unknown"):
        fetch(good, tmp_path / "other", "2024-09-01", bands=("B",))
    assert fetch(good, tmp_path / "other", "2024-09-01", bands=("B",), offset=-0.1)["files"][0]["offset"] == -0.1
    with pytest.raises(SceneError, match="No scene was chosen"):
        fetch_scenes(find(good).choose([]), FetchSettings(str(tmp_path / "none")))


def test_a_coarser_grid_holds_means(good, tmp_path):
    facts = fetch(good, tmp_path / "out", "2024-05-01", bands=("B",), resolution=20)
    assert facts["grid"]["cell"] == 20
    with rasterio.open(tmp_path / "out" / "2024-05-01.tif") as stack:
        row, col = place_of(stack)
        values = stack.read(1)
    whole = digital_numbers("B", good.size, good.size, 1, 1000).astype(float)
    part = whole[row : row + 2 * values.shape[0], col : col + 2 * values.shape[1]]
    means = part.reshape(values.shape[0], 2, values.shape[1], 2).mean((1, 3))
    assert np.allclose(values[4:], means[4:], atol=1e-3)


def test_another_reference_system_can_be_asked_for(good, tmp_path):
    facts = fetch(good, tmp_path / "out", "2024-05-01", bands=("B",), crs="EPSG:3035", resolution=10)
    assert facts["grid"]["crs"] == "EPSG:3035"
    with rasterio.open(tmp_path / "out" / "2024-05-01.tif") as stack:
        assert (stack.read(1) > 0).mean() > 0.8


def test_fetched_days_are_a_series_that_composites_and_campaigns_can_use(good, tmp_path):
    fetch(good, tmp_path / "out", bands=("B", "R", "N"))
    series = open_scenes(SceneSettings((str(tmp_path / "out"),)))
    assert [str(day) for day in series.dates] == ["2021-05-01", "2024-05-01", "2024-06-01", "2024-07-04", "2024-08-01"]
    assert series.roles == ("B", "R", "N")
    assert {scene.scaling.decided for scene in series.scenes} == {"metadata"}
    assert series.sensor == "sentinel-2-l2a"
    given = fetch(good, tmp_path / "given", "2024-09-01", bands=("B",), offset=-0.1)
    scene = open_scene(SceneSettings((str(tmp_path / "given" / given["files"][0]["file"]),)))
    assert scene.scaling.decided == "given"


def test_landsat_comes_with_its_quality_layer_on_its_own_pixels(good, tmp_path):
    left, top, side = LEFT + 15, TOP - 45, 80  # Landsat's corners lie between multiples of 30 m
    numbers = np.random.default_rng(1).integers(8000, 20000, (2, side, side)).astype("uint16")
    quality = np.full((side, side), 21824, "uint16")  # clear land
    quality[40:44, 40:44] = 22280  # cloud of high confidence
    place = good.folder / "LC09"
    place.mkdir(exist_ok=True)
    for name, values in (("red", numbers[0]), ("nir08", numbers[1]), ("qa_pixel", quality)):
        write_cog(place / f"{name}.tif", values, 30, left, top)
    kinds = {name: {"href": f"{good.base}/LC09/{name}.tif", "type": "image/tiff", "roles": ["data"]} for name in ("red", "nir08", "qa_pixel")}
    told = {"platform": "landsat-9", "constellation": None, "landsat:collection_number": "02", "landsat:correction": "L2SP"}
    (tmp_path / "api").mkdir()
    landsat = item_of("LC09", "2024-05-07", good.items[0]["bbox"], kinds, "landsat-c2-l2", told)
    with stac_api([landsat], tmp_path / "api") as api:
        found = search_scenes(StacSettings(url=api, bbox=inner(good), dates=EVER))
        fetch_scenes(found, FetchSettings(str(tmp_path / "out")))
    with rasterio.open(tmp_path / "out" / "2024-05-07.tif") as stack:
        assert (stack.descriptions, stack.dtypes[0], stack.transform.a) == (("R", "N", "QA_PIXEL"), "uint16", 30)
        row, col = round((top - stack.transform.f) / 30), round((stack.transform.c - left) / 30)
        assert np.array_equal(stack.read(2), numbers[1][row : row + stack.height, col : col + stack.width])
    scene = open_scene(SceneSettings((str(tmp_path / "out" / "2024-05-07.tif"),)))
    values = scene.read(next(scene.grid.windows()))
    assert np.isnan(values[:, 41 - row, 41 - col]).all()
    assert values[0, 20 - row, 20 - col] == pytest.approx(numbers[0][20, 20] * 2.75e-5 - 0.2, abs=1e-7)


# -- what is refused before anything is read


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bands": ("B", "X")}, "band 'X' cannot be fetched. Choose from B, G, R"),
        ({"bands": ()}, "cannot be fetched"),
        ({"resolution": 0}, "Pixels of 0"),
        ({"resolution": 0.01}, r"million; at most 400 million are fetched.*--resolution 1\."),
        ({"crs": "EPSG:999999"}, "not known"),
        ({"crs": "EPSG:4326"}, "--resolution, in degrees"),
        ({"workers": 0}, "workers = 0"),
        ({"tries": 100}, "tries = 100"),
        ({"offset": 5.0}, "offset 5.0"),
        ({"retry_s": -1}, "retry_s = -1"),
    ],
)
def test_impossible_settings_are_refused(good, tmp_path, change, words):
    with pytest.raises(SettingsError, match=words):
        fetch(good, tmp_path / "out", "2024-05-01", **change)
    assert not list((tmp_path / "out").glob("*"))


def test_a_folder_that_is_a_file_is_refused(good, tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(SettingsError, match="is a file"):
        fetch(good, tmp_path / "out", "2024-05-01")


def test_a_file_of_another_request_is_never_replaced_unasked(good, tmp_path):
    fetch(good, tmp_path / "out", "2024-05-01", bands=("B",))
    before = (tmp_path / "out" / "2024-05-01.tif").read_bytes()
    with pytest.raises(SettingsError, match=r"holds something else.*--overwrite"):
        fetch(good, tmp_path / "out", "2024-05-01", bands=("B", "R"))
    assert (tmp_path / "out" / "2024-05-01.tif").read_bytes() == before
    facts = fetch(good, tmp_path / "out", "2024-05-01", bands=("B", "R"), overwrite=True)
    assert facts["bands"] == ["B", "R", "SCL"]
    assert not facts["files"][0]["kept"]


def test_a_hostile_item_reads_no_local_file_and_names_no_path(good, tmp_path):
    kinds = {name: {"href": f"{good.base}/S2A_new/{name}.tif", "type": "image/tiff", "roles": ["data"]} for name in ("blue", "red", "scl")}
    kinds["blue"]["href"] = "file:///etc/passwd"
    bounds = good.items[0]["bbox"]
    evil = item_of("../../../tmp/evil", "2024-05-01", bounds, kinds, properties=NEW)
    (tmp_path / "api").mkdir()
    with stac_api([evil], tmp_path / "api") as api:
        found = search_scenes(StacSettings(url=api, bbox=inner(good), dates=EVER))
        with pytest.raises(SceneError, match=r"The band B of .* is refused: its address begins with 'file:'"):
            fetch_scenes(found, FetchSettings(str(tmp_path / "out"), bands=("B",)))
        facts = fetch_scenes(found, FetchSettings(str(tmp_path / "out"), bands=("R",)))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["2024-05-01.tif"]
    assert "/" not in facts["files"][0]["scenes"][0]


def test_a_virtual_mosaic_behind_an_address_is_not_followed(good, tmp_path):
    secret = tmp_path / "secret.tif"
    with rasterio.open(good.folder / "S2A_new" / "blue.tif") as source:
        secret.write_bytes((good.folder / "S2A_new" / "blue.tif").read_bytes())
        size, transform = source.width, ", ".join(map(str, source.transform.to_gdal()))
    vrt = f"""<VRTDataset rasterXSize="{size}" rasterYSize="{size}"><SRS>EPSG:32632</SRS><GeoTransform>{transform}</GeoTransform>
<VRTRasterBand dataType="UInt16" band="1"><SimpleSource><SourceFilename>{secret}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"""
    (good.folder / "evil").mkdir(exist_ok=True)
    for name in ("blue", "scl"):
        (good.folder / "evil" / f"{name}.tif").write_text(vrt)
    kinds = {name: {"href": f"{good.base}/evil/{name}.tif", "type": "image/tiff", "roles": ["data"]} for name in ("blue", "scl")}
    (tmp_path / "api").mkdir()
    with stac_api([item_of("evil", "2024-05-01", good.items[0]["bbox"], kinds, properties=NEW)], tmp_path / "api") as api:
        found = search_scenes(StacSettings(url=api, bbox=inner(good), dates=EVER))
        with pytest.raises(SceneError, match="no GeoTIFF or JPEG 2000"):
            fetch_scenes(found, FetchSettings(str(tmp_path / "out"), tries=2, retry_s=0.01))


# -- a server in trouble


def test_a_busy_server_is_asked_again(good, tmp_path):
    plain = fetch(good, tmp_path / "plain", "2024-05-01", bands=("B",))
    good.cogs.troubles += [Trouble("blue", status=500, times=2), Trouble("scl", status=503, times=2), Trouble("blue", status=429, times=1, after=3)]
    facts = fetch(good, tmp_path / "out", "2024-05-01", bands=("B",), tries=5)
    assert not facts["failed"]
    assert (tmp_path / "out" / "2024-05-01.tif").read_bytes() == (tmp_path / "plain" / plain["files"][0]["file"]).read_bytes()
    assert all(trouble.times == 0 for trouble in good.cogs.troubles)


@pytest.mark.parametrize("kind", ["cut", "short"])
def test_answers_that_are_cut_off_are_asked_for_again(good, tmp_path, kind):
    fetch(good, tmp_path / "plain", "2024-05-01", bands=("B", "S1"))
    good.cogs.troubles += [
        Trouble("blue", times=1, **{kind: True}),
        Trouble("swir16", times=2, after=1, **{kind: True}),
        Trouble("blue", times=1, after=2, **{kind: True}),
    ]
    facts = fetch(good, tmp_path / "out", "2024-05-01", bands=("B", "S1"), tries=6)
    assert not facts["failed"]
    assert (tmp_path / "out" / "2024-05-01.tif").read_bytes() == (tmp_path / "plain" / "2024-05-01.tif").read_bytes()


@pytest.mark.parametrize("trouble", [{"status": 500}, {"cut": True}, {"short": True}])
def test_a_day_that_fails_for_good_is_reported_and_the_others_go_on(good, tmp_path, trouble):
    good.cogs.troubles.append(Trouble("S2A_new/red", **trouble))
    around = ("2024-05-01", "2024-07-31")
    found = search_scenes(StacSettings(url=good.api, bbox=inner(good), dates=around))
    wanted = FetchSettings(str(tmp_path / "out"), bands=("B", "R"), tries=3, retry_s=0.01)
    facts = fetch_scenes(found, wanted)
    assert [failed["date"] for failed in facts["failed"]] == ["2024-05-01"]
    why = facts["failed"][0]["why"]
    assert why.startswith("2024-05-01 was not fetched: the band R of S2A_new cannot be read:")
    assert "3 times" in why
    assert [file["date"] for file in facts["files"]] == ["2024-06-01", "2024-07-04"]
    assert not (tmp_path / "out" / "2024-05-01.tif").exists()
    good.cogs.troubles.clear()
    again = fetch_scenes(found, wanted)
    assert not again["failed"]
    assert [file["kept"] for file in again["files"]] == [False, True, True]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(file["file"] for file in again["files"])


def test_nothing_at_all_is_an_error_with_its_reason(good, tmp_path):
    good.cogs.troubles.append(Trouble("blue", status=502))
    with pytest.raises(SceneError, match=r"None of the scenes can be read: the band B of .* the server answered 502, 3 times"):
        fetch(good, tmp_path / "out", bands=("B",))


@pytest.mark.parametrize(
    ("status", "words"), [(403, r"access is refused \(403\)"), (404, r"no such file \(404\)"), (401, r"access is refused \(401\)")]
)
def test_a_lasting_refusal_is_not_tried_again(good, tmp_path, status, words):
    good.cogs.troubles.append(Trouble("blue", status=status))
    with pytest.raises(SceneError, match=words):
        fetch(good, tmp_path / "out", "2024-05-01", bands=("B",), tries=5)
    assert len([path for path in good.cogs.asked if "blue" in path]) <= 2


def test_a_server_that_is_too_slow_is_given_up(good, tmp_path):
    good.cogs.troubles.append(Trouble("blue", wait_s=2.5))
    with pytest.raises(SceneError, match="too slow"):
        fetch(good, tmp_path / "out", "2024-05-01", bands=("B",), tries=1, timeout_s=1)


def test_stopping_ends_the_wait_for_a_slow_server(good, tmp_path):
    good.cogs.troubles.append(Trouble("blue", status=500))

    def stop(done, total, message):
        if time.monotonic() > begun + 1:
            raise Stopped

    begun = time.monotonic()
    with pytest.raises(Stopped):
        fetch(good, tmp_path / "out", "2024-05-01", bands=("B",), tries=20, retry_s=30.0, report=stop)
    assert time.monotonic() - begun < 5
    assert not list((tmp_path / "out").glob("*.tif"))


# -- killed, stopped, resumed


def request(world, out, **settings):
    asked = {"url": world.api, "bbox": inner(world), "dates": EVER}
    return json.dumps([asked, {"out": str(out), "retry_s": 0.01, **settings}])


def started(argument, **environment):
    command = [sys.executable, "-c", RUN, argument]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | environment)


def facts_of(process):
    text, errors = process.communicate(timeout=120)
    line = next((line for line in text.splitlines() if line.startswith(("FACTS", "ERROR"))), None)
    assert line, errors[-2000:]
    return json.loads(line[6:]) if line.startswith("FACTS") else line[6:]


def test_a_killed_fetch_goes_on_where_it_was_and_gives_the_same_pixels(large, tmp_path):
    large.cogs.troubles[:] = [Trouble("S2A_2/swir16", wait_s=0.1)]
    process = started(request(large, tmp_path / "out", window=256))
    for line in process.stdout:
        if "2024-05-02, tile 3" in line:
            os.kill(process.pid, signal.SIGKILL)
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    large.cogs.troubles.clear()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("r*-c*.tif")}
    assert len(kept) == 2
    assert not (tmp_path / "out" / "2024-05-02.tif").exists()
    finished = (tmp_path / "out" / "2024-05-01.tif").stat().st_mtime_ns
    (tmp_path / "out" / ".fetch" / "2024-05-01").mkdir()  # as if killed between the name of the file and the end of its parts

    seen = {}
    large.cogs.asked.clear()
    facts = fetch(
        large, tmp_path / "out", window=256, report=lambda *_: seen.update({path: path.stat().st_mtime_ns for path in kept if path.exists()})
    )
    assert [file["kept"] for file in facts["files"]] == [True, False]
    assert seen == kept  # the finished tiles were taken as they are
    assert (tmp_path / "out" / "2024-05-01.tif").stat().st_mtime_ns == finished
    assert len([path for path in large.cogs.asked if "S2A_1/" in path]) <= 9  # no more than a look at its headers
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["2024-05-01.tif", "2024-05-02.tif"]

    fetch(large, tmp_path / "whole")
    for name in ("2024-05-01.tif", "2024-05-02.tif"):
        with rasterio.open(tmp_path / "out" / name) as one, rasterio.open(tmp_path / "whole" / name) as other:
            assert one.dtypes[0] == "float32"
            assert one.read().tobytes() == other.read().tobytes()
            assert one.tags() == other.tags()


def test_a_stopped_fetch_keeps_its_tiles_and_nothing_half_written(large, tmp_path):
    large.cogs.troubles.clear()

    def stop(done, total, message):
        if "tile 3" in message:
            raise Stopped

    with pytest.raises(Stopped):
        fetch(large, tmp_path / "out", "2024-05-01", window=256, report=stop)
    left = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert left == [f".fetch/2024-05-01/{name}" for name in ("plan.json", "r000000-c000000.tif", "r000000-c000256.tif")]
    damaged = tmp_path / "out" / ".fetch" / "2024-05-01" / "r000000-c000000.tif"
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    (damaged.parent / ".r000000-c000256.1234.tif").write_bytes(b"half")
    fetch(large, tmp_path / "out", "2024-05-01", window=256)
    fetch(large, tmp_path / "whole", "2024-05-01")  # in one tile: the window changes no pixel
    with rasterio.open(tmp_path / "out" / "2024-05-01.tif") as one, rasterio.open(tmp_path / "whole" / "2024-05-01.tif") as other:
        assert np.array_equal(one.read(), other.read())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["2024-05-01.tif"]


def test_tiles_of_another_request_are_not_mixed_in(large, tmp_path):
    large.cogs.troubles.clear()

    def stop(done, total, message):
        if "tile 2" in message:
            raise Stopped

    with pytest.raises(Stopped):
        fetch(large, tmp_path / "out", "2024-05-01", bands=("B",), window=256, report=stop)
    fetch(large, tmp_path / "out", "2024-05-01", bands=("S1",), window=256)
    with rasterio.open(tmp_path / "out" / "2024-05-01.tif") as stack:
        assert stack.descriptions == ("S1", "SCL")
    assert not (tmp_path / "out" / ".fetch").exists()


# -- the disk


def test_a_full_disk_is_noticed_before_anything_is_fetched(tmp_path):
    with pytest.raises(SceneError, match=r"too full: about 1000000000\.0 GB are needed, [\d.]+ GB are free"):
        check_space(tmp_path, 10**18)


def test_a_disk_that_fills_up_ends_in_one_sentence_and_leaves_only_the_parts(large, tmp_path):
    large.cogs.troubles.clear()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))  # a file cannot grow beyond this, as on a disk without room
    try:
        with pytest.raises(SceneError, match=r"too full: about [\d.]+ MB are needed, [\d.]+ GB are free"):
            fetch(large, tmp_path / "out", window=256)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {path.parent for path in files} == {tmp_path / "out" / ".fetch" / "2024-05-01"}
    assert all(path.name == "plan.json" or re.fullmatch(r"r\d+-c\d+\.tif", path.name) for path in files)
    facts = fetch(large, tmp_path / "out")
    assert len(facts["files"]) == 2


def test_a_small_disk_that_fills_up_while_fetching(large, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(disk)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here; the limit on a file's size is tested instead")
    try:
        large.cogs.troubles.clear()

        def fill(done, total, message):
            if "2024-05-02, tile 2" in message and not (disk / "other").exists():
                free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
                (disk / "other").write_bytes(b"x" * (free - 50_000))

        facts = fetch(large, disk / "out", window=256, bands=("B",), quality=False, report=fill)
        assert [file["date"] for file in facts["files"]] == ["2024-05-01"]
        assert [failed["date"] for failed in facts["failed"]] == ["2024-05-02"]
        assert "too full: about" in facts["failed"][0]["why"]
        assert not (disk / "out" / "2024-05-02.tif").exists()
        (disk / "other").unlink()
        assert [file["kept"] for file in fetch(large, disk / "out", window=256, bands=("B",), quality=False)["files"]] == [True, False]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# -- addresses that need a token


def test_addresses_of_the_planetary_computer_get_their_token(good, tmp_path):
    kinds = {
        PC_NAMES[name]: {"href": f"http://store.blob.core.windows.net/S2A_new/{name}.tif", "type": "image/tiff", "roles": ["data"]}
        for name in ("blue", "scl")
    }
    signed = item_of("S2A_pc", "2024-05-01", good.items[0]["bbox"], kinds, properties=NEW)
    (tmp_path / "api").mkdir()
    with stac_api([signed], tmp_path / "api") as api:
        asked = {"url": api, "bbox": inner(good), "dates": EVER, "signing": "planetary-computer"}
        proxy = {"http_proxy": good.base, "no_proxy": "127.0.0.1", "PC_SDK_SAS_URL": f"{good.base}/sas"}
        facts = facts_of(started(json.dumps([asked, {"out": str(tmp_path / "out"), "tries": 2, "retry_s": 0.01}]), **proxy))
    assert facts["bands"] == ["B", "SCL"]
    assert len([path for path in good.cogs.asked if path == "/sas/store/S2A_new"]) == 1
    images = [path for path in good.cogs.asked if path.startswith("http://store.blob")]  # the server refuses those without a token
    assert images
    assert all("sig=loopback" in path for path in images)
    with rasterio.open(tmp_path / "out" / "2024-05-01.tif") as stack:
        assert "sig=" not in json.dumps(stack.tags())
        row, col = place_of(stack)
        assert np.array_equal(stack.read(1), digital_numbers("B", good.size, good.size, 1, 1000)[row : row + stack.height, col : col + stack.width])
