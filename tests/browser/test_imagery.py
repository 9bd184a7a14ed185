"""What only a browser shows of the imagery page: a product becomes a map with samples, an area is drawn and searched, terrain gets its card."""

import datetime
import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS
from tests.browser.steps import LONG, MAP, go, open_part, settled, start_project, until_finished, upload
from tests.engine.data.product_files import ORIGIN, write_safe
from tests.stac_server import CogServer, Trouble, World, stac_api


def the_map(page):
    """The map that stays, in view: one that is on its way out may still stand before it."""
    settled(page)
    expect(page.locator(MAP)).to_have_count(1, timeout=PATIENCE_MS)
    inside = page.locator(MAP).content_frame
    expect(inside.locator(".soilcore-panel")).to_be_visible(timeout=PATIENCE_MS)
    page.locator(MAP).scroll_into_view_if_needed()
    return inside


def write_table(path, places):
    path.write_text("lon,lat,ece_dS_m\n" + "\n".join(f"{x},{y},{i + 1}" for i, (x, y) in enumerate(places)) + "\n", encoding="utf-8")
    return path


def within_the_product(count=12):
    """Places in the product that `write_safe` makes, degrees."""
    from pyproj import Transformer

    to_degrees = Transformer.from_crs("EPSG:32631", "EPSG:4326", always_xy=True)
    return [to_degrees.transform(ORIGIN[0] + 80 + 60 * i, ORIGIN[1] - 120 - 50 * i) for i in range(count)]


def test_a_safe_archive_is_recognised_and_its_samples_lie_on_the_map(page, bare_server, tmp_path):
    start_project(page, bare_server, "Product")
    go(page, "Samples")
    upload(page, "Upload a table", write_table(tmp_path / "samples.csv", within_the_product()))
    expect(page.get_by_test_id("stMetric").filter(has_text="Samples")).to_contain_text("12", timeout=PATIENCE_MS)
    go(page, "Imagery")
    expect(page.get_by_text("No image yet")).to_be_visible()
    upload(page, "Upload an image", write_safe(tmp_path, as_zip=True))
    expect(page.get_by_text("Sentinel-2 Level-2A").first).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("processing baseline 05.10").first).to_be_visible()
    expect(page.get_by_test_id("stMetric").filter(has_text="Samples inside the image")).to_contain_text("12 of 12")
    expect(page.get_by_test_id("stMetric").filter(has_text="Left out")).to_contain_text("%")
    inside = the_map(page)
    expect(inside.locator("img.leaflet-tile-loaded").first).to_be_visible(timeout=PATIENCE_MS)
    expect(inside.locator(".soilcore-panel")).to_contain_text("Extent of the image")
    settled(page)
    inside.locator("#map_div").click(position={"x": 260, "y": 250})
    expect(page.get_by_text(re.compile(r"°, .*° · .*N 0\.\d"))).to_be_visible(timeout=PATIENCE_MS)


@pytest.fixture
def catalogue(tmp_path):
    """Two days of a small place in a catalogue on loopback; the second answers slowly."""
    with CogServer(tmp_path / "cogs") as cogs:
        world = World(tmp_path / "cogs", cogs.base, size=60)
        baseline = {"s2:processing_baseline": "05.10"}
        world.add("S2A_may", "2024-05-01", shift=1000, **baseline)
        world.add("S2A_june", "2024-06-01", shift=1000, **baseline)
        with stac_api(world.items, tmp_path) as api:
            cogs.troubles.append(Trouble("S2A_june", wait_s=1.5))
            yield world, api, cogs


def test_images_are_searched_in_a_drawn_area_and_a_stopped_download_is_finished_later(page, bare_server, catalogue, tmp_path):
    world, api, cogs = catalogue
    west, south, east, north = world.items[0]["bbox"]
    start_project(page, bare_server, "Search")
    go(page, "Samples")
    middle = [(west + (east - west) * share, south + (north - south) * share) for share in (0.4, 0.5, 0.6)]
    upload(page, "Upload a table", write_table(tmp_path / "samples.csv", middle))
    expect(page.get_by_test_id("stMetric").filter(has_text="Samples")).to_contain_text("3", timeout=PATIENCE_MS)
    go(page, "Imagery")
    open_part(page, "Find images")
    page.get_by_test_id("stSelectbox").filter(has_text="Catalogue").get_by_role("combobox").click()
    page.get_by_role("option", name="another catalogue (STAC API)", exact=True).click()
    address = page.get_by_role("textbox", name="Address")
    address.fill(api)
    address.press("Enter")
    settled(page)
    open_part(page, "drawn on the map")
    draw_area(page)
    dates(page, datetime.date(2024, 4, 1), datetime.date(2024, 7, 1))
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("heading", name="2 days with images")).to_be_visible(timeout=LONG)
    settled(page)
    expect(the_map(page).locator(".soilcore-panel")).to_contain_text("Footprints of the hits")
    page.get_by_role("button", name="Download 2 days").click()
    first = wait_for(lambda: next(bare_server.workspace.glob("*/scenes/downloaded-*/2024-05-01.tif"), None))
    whole = first.stat().st_mtime_ns
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text(re.compile("was stopped after .*; what came so far is kept"))).to_be_visible(timeout=PATIENCE_MS)
    cogs.troubles.clear()
    settled(page)
    page.reload()
    open_part(page, "Find images")
    expect(page.get_by_role("heading", name="2 days with images")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("button", name="Take it up again").click()
    until_finished(page, "Downloading 2 days")
    expect(page.get_by_role("heading", name="2 dates")).to_be_visible(timeout=PATIENCE_MS)
    assert first.stat().st_mtime_ns == whole  # the first day was kept, not fetched again
    assert first.with_name("2024-06-01.tif").is_file()


def wait_for(condition):
    """Wait until something is there, and return it."""
    end = time.monotonic() + LONG / 1000
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


def draw_area(page):
    """Drag a rectangle over the middle of the map; again if the map was built anew meanwhile, as a person would."""
    inside = the_map(page)
    draw, remove = inside.get_by_role("button", name="Draw area"), inside.get_by_role("button", name="Remove area")
    for attempt in range(3):
        expect(draw).to_be_visible(timeout=PATIENCE_MS)
        settled(page)
        box = resting_place(page.locator(MAP))
        if draw.get_attribute("aria-pressed") != "true":
            draw.click()
        page.mouse.move(box["x"] + 160, box["y"] + 160)
        page.mouse.down()
        page.mouse.move(box["x"] + 240, box["y"] + 240, steps=4)
        page.mouse.move(box["x"] + 300, box["y"] + 320, steps=4)
        page.mouse.up()
        page.wait_for_timeout(1000)
        if remove.is_visible() or attempt == 2:
            break
    expect(remove).to_be_visible()
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_enabled(timeout=PATIENCE_MS)
    settled(page)


def resting_place(locator):
    """Where something lies in the window, once it has been brought there and moves no more."""
    locator.scroll_into_view_if_needed()
    before = None
    while (now := locator.bounding_box()) != before:
        before = now
        locator.page.wait_for_timeout(300)
    return now


def dates(page, first, last):
    """Write both dates where the page asks from when to when."""
    groups = page.get_by_test_id("stDateInput").locator("[role=spinbutton]")
    expect(groups).to_have_count(6)
    for position, value in enumerate((first.year, first.month, first.day, last.year, last.month, last.day)):
        groups.nth(position).click()
        page.keyboard.type(f"{value:02d}")
    page.keyboard.press("Escape")  # closes the calendar, which would lie over what comes next
    page.get_by_role("heading", name="Imagery", exact=True).click()
    settled(page)


def test_terrain_of_an_uploaded_elevation_model_gets_its_card(page, bare_server, demo):
    start_project(page, bare_server, "Terrain")
    go(page, "Imagery")
    open_part(page, "Other predictors")
    expect(page.get_by_text("No rasters beside the image yet")).to_be_visible()
    upload(page, "Upload a raster", demo / "dem.tif")
    expect(page.get_by_text("uploaded · static")).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    page.get_by_text("Terrain from an elevation model").click()
    expect(page.get_by_role("button", name="Derive terrain")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Derive terrain").click()
    until_finished(page, "Terrain of dem.tif")
    expect(page.get_by_text("terrain of dem.tif: slope after horn")).to_be_visible(timeout=PATIENCE_MS)
    pictures = page.get_by_test_id("stImage").locator("img")
    expect(pictures).to_have_count(8, timeout=PATIENCE_MS)
    assert all(picture.evaluate("image => image.complete && image.naturalWidth > 0") for picture in pictures.all())
