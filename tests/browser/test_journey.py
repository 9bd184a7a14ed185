"""What only a browser shows: deep links on a fresh server, the demo's map with tiles and a click, live progress, stop, downloads."""

import json
import re
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS, demo_server
from tests.browser.steps import LONG, click_middle, open_demo, save, settled, the_map

PAGES = {name: name.title() for name in ("map", "model", "spectra", "explain", "change", "fields", "report")}


@pytest.fixture(scope="module")
def prefixed(tmp_path_factory, demo_template):
    """A server behind a prefix, as behind a proxy."""
    with demo_server(tmp_path_factory.mktemp("prefixed"), demo_template, prefix="/soil") as server:
        yield server


def read(url):
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()


def test_the_address_start_leads_to_the_start_page_without_a_complaint(page, prefixed):
    server = prefixed
    page.goto(f"{server.url}/start?project=nothing")
    expect(page.get_by_role("button", name="Open the demo")).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    expect(page.get_by_text("Page not found")).to_have_count(0)
    assert page.url == f"{server.url}/"


def test_a_deep_link_on_a_fresh_server_shows_the_page_in_its_frame(page, fresh_server):
    server = fresh_server()
    for name in PAGES:  # the first visit is the one that a fresh server could get wrong
        page.goto(f"{server.url}/{name}")
        expect(page.get_by_role("heading", name=PAGES[name], exact=True)).to_be_visible(timeout=PATIENCE_MS)
        settled(page)
        expect(page.get_by_test_id("stSidebar").get_by_role("link", name="Start")).to_be_visible()


def test_from_start_to_a_value_on_the_demos_map_in_three_clicks(page, server):
    inside = open_demo(page, server)
    click_middle(page, inside)
    popup = inside.locator(".leaflet-popup-content")
    expect(popup).to_contain_text("dS/m")
    expect(popup).to_contain_text(re.compile(r"90 % interval: [\d.]+ dS/m to [\d.]+ dS/m"))
    expect(popup).to_contain_text(re.compile("Area of applicability: (in|out)side"))
    expect(inside.locator(".soilcore-panel")).to_contain_text("dS/m")
    settled(page)
    expect(page.get_by_text("Area of each class")).to_be_visible()


def test_layers_of_trust_can_be_looked_at_and_veiled(page, server):
    inside = open_demo(page, server)
    settled(page)
    for card in ("R², places not sampled", "Interval coverage", "Area of applicability"):
        expect(page.get_by_test_id("stMetric").filter(has_text=card)).to_be_visible()
    panel = inside.locator(".soilcore-panel")
    for layer, legend in (
        ("Upper bound", "90 % prediction interval"),
        ("Area of applicability", "outside: unlike"),
        ("Chance of more than", "Probability"),
    ):
        open_groups(inside)
        inside.get_by_role("radio", name=layer).first.check()
        expect(panel).to_contain_text(legend)
        expect(inside.locator("img.leaflet-tile-loaded").first).to_be_visible(timeout=PATIENCE_MS)
    with page.expect_response(lambda answer: "/tiles/" in answer.url):
        inside.get_by_label("Grey: outside").check()


def open_groups(inside):
    """Unfold every group of layers in the panel."""
    inside.locator(".soilcore-panel details").evaluate_all("groups => groups.forEach(group => { group.open = true; })")


def test_the_demos_model_leads_with_what_can_be_trusted(page, server):
    open_demo(page, server)
    settled(page)
    page.get_by_test_id("stSidebar").get_by_role("link", name="Model", exact=False).click()
    expect(page.get_by_role("heading", name="Trained models")).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    cards = page.get_by_test_id("stMetric").all_text_contents()
    order = [next(place for place, card in enumerate(cards) if name in card) for name in ("not sampled", "coverage", "applicability", "random folds")]
    assert order == sorted(order)
    page.get_by_role("radio", name="On the ground").click()
    expect(page.get_by_role("figure", name=re.compile("Map of the folds"))).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("figure", name=re.compile("Map of the errors"))).to_be_visible()
    page.get_by_role("radio", name="Leakage check").click()
    expect(page.get_by_text("ways in which a score can flatter itself")).to_be_visible(timeout=PATIENCE_MS)


def test_opacity_and_layers_change_in_the_browser_alone(page, server):
    inside = open_demo(page, server)
    settled(page)
    asked = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: asked.append(frame)))
    slider = inside.get_by_label("Opacity of the layer on top")
    slider.fill("0.3")
    expect(inside.locator(".leaflet-tile-pane .leaflet-layer").last).to_have_css("opacity", "0.3")
    inside.get_by_label("Values").check()
    expect(inside.locator(".soilcore-panel")).not_to_contain_text("slightly")
    assert asked == []


def test_the_view_survives_a_change_of_page(page, server):
    inside = open_demo(page, server)
    before = view(page)["zoom"]
    inside.get_by_role("button", name="Zoom in").click()
    zoom = view(page, after=before)["zoom"]
    assert zoom == before + 1
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_role("link", name="Start").click()
    expect(page.get_by_role("heading", name="From soil samples to a map")).to_be_visible()
    sidebar.get_by_role("link", name="Map", exact=False).click()
    the_map(page)
    assert view(page)["zoom"] == zoom


def view(page, after=None):
    """Where the map looks, once its zoom is another than `after`."""
    frame = next(frame for frame in page.frames if "streamlit_folium" in frame.url)
    look = "after => { const m = window.map_div || window.map; return m && m.getZoom() !== after ? {zoom: m.getZoom()} : null; }"
    return frame.wait_for_function(look, arg=after).json_value()


def test_two_layers_are_swiped_and_a_reload_keeps_them_and_the_place_with_its_drivers(page, server):
    inside = open_demo(page, server)
    click_middle(page, inside)
    settled(page)
    expect(page.get_by_text("no cause can be read from them")).to_be_visible(timeout=LONG)
    expect(page.get_by_role("figure", name=re.compile("Waterfall"))).to_be_visible()
    inside.get_by_label("Swipe two layers").check()
    divider = inside.get_by_role("slider", name="Divider")
    expect(divider).to_be_attached()
    expect(inside.locator(".soilcore-panel")).to_contain_text("Right: Truth")
    inside.get_by_label("Right of the divider").select_option(label="Interval width")
    expect(inside.locator(".soilcore-panel")).to_contain_text("Width of the 90 % prediction interval")
    assert "project=demo" in page.url
    page.reload()
    inside = the_map(page)
    expect(inside.get_by_label("Right of the divider")).to_have_value("map/width")


def test_the_maps_files_are_downloaded_whole(page, server, tmp_path):
    open_demo(page, server)
    settled(page)
    import rasterio

    with rasterio.open(save(page, re.compile(r"^map\.tif"), tmp_path / "map.tif")) as raster:
        assert raster.count == 1
        assert raster.units[0] == "dS/m"


def test_routes_answer_with_their_own_kind_even_under_a_prefix(page, prefixed):
    server, tiles = prefixed, []
    page.on("response", lambda answer: tiles.append(answer) if "/tiles/" in answer.url else None)
    open_demo(page, server)
    drawn = [answer for answer in tiles if answer.status == 200]
    assert drawn
    assert all(answer.url.startswith(f"{server.url}/tiles/") for answer in tiles)
    assert {answer.headers["content-type"] for answer in drawn} == {"image/png"}
    assert {answer.status for answer in tiles} <= {200, 204}
    layer = drawn[0].url.split("/tiles/")[1].split("/")[0]
    assert read(f"{server.url}/value/{layer}?lon=x&lat=1")[:2] == (400, "application/json")
    assert read(f"{server.url}/value/nothing?lon=1&lat=1")[:2] == (404, "application/json")
    assert read(f"{server.url}/tiles/{layer}/3/9/9.png")[0] == 400
    assert read(f"{server.url}/vendor/..%2f..%2fpackages.json")[0] in (400, 404)


def test_the_demo_is_made_by_a_job_that_can_be_stopped_survives_a_reload_and_ends_with_the_server(page, fresh_server):
    server = fresh_server()
    page.goto(server.url)
    page.get_by_role("button", name="Open the demo").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_role("button", name="Open the demo")).to_be_disabled()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("was stopped after")).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
    assert [path.name for path in server.workspace.iterdir() if path.name != ".jobs"] == []
    expect(page.get_by_role("button", name="Open the demo")).to_be_enabled()

    before = set(server.workspace.glob(".jobs/*"))
    page.get_by_role("button", name="Open the demo").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page).to_have_url(re.compile("job="))
    page.reload()
    expect(page.get_by_role("button", name="Stop")).to_be_visible(timeout=PATIENCE_MS)
    server.stop()
    (job,) = set(server.workspace.glob(".jobs/*")) - before
    assert "closed" in json.loads((job / "error.json").read_text())["message"]


def test_a_narrow_window_shows_the_start_page_without_sideways_scrolling(page, server):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(server.url)
    expect(page.get_by_role("button", name="Open the demo")).to_be_visible()
    settled(page)
    assert page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")
