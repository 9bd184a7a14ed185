"""A report and a map for the browser, opened as files: no server, no request, no script error."""

import pytest
from playwright.sync_api import expect

from soilcore.mapping.tiles import layer_bounds
from soilcore.project import assets
from soilcore.project.report import tell, write_report
from soilcore.project.results import look_through
from soilcore.reporting.standalone import standalone_map


@pytest.fixture(scope="module")
def files(demo_template, tmp_path_factory):
    """The report and the map of the demo."""
    folder = tmp_path_factory.mktemp("told")
    write_report(tell(look_through(demo_template)), folder / "report.html")
    drawn = demo_template / "maps/demo-map/map.tif"
    page = standalone_map(drawn, vendor=assets.VENDOR, title="Salt on a plain", outlines=fields_on(drawn), notes=["For spring."])
    (folder / "map.html").write_text(page, encoding="utf-8")
    return folder


def fields_on(path):
    """A field all over a map, with a hole in its west, in which lies a part of another field."""
    (south, west), (north, east) = layer_bounds(path)

    def ring(left, bottom, right, top):
        x, u, y, v = west + left * (east - west), west + right * (east - west), south + bottom * (north - south), south + top * (north - south)
        return [[x, y], [u, y], [u, v], [x, v], [x, y]]

    hole = ring(0.1, 0.3, 0.4, 0.7)
    shapes = {"large": ("Polygon", [ring(-1, -1, 2, 2), hole]), "small": ("MultiPolygon", [[hole], [ring(3, 3, 4, 4)]])}
    features = [
        {"type": "Feature", "geometry": {"type": kind, "coordinates": places}, "properties": {"text": f"Field {name} <b>\nmean 5.1 dS/m"}}
        for name, (kind, places) in shapes.items()
    ]
    return {"type": "FeatureCollection", "features": features}


@pytest.fixture(params=[(1280, 900, "light"), (390, 800, "dark")], ids=["desk", "phone"])
def window(request, browser):
    """A window that notes every request and every error."""
    width, height, scheme = request.param
    page = browser.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    page.asked, page.wrong = [], []
    page.on("request", lambda one: None if one.url.startswith("data:") else page.asked.append(one.url))
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("console", lambda message: page.wrong.append(message.text) if message.type in ("error", "warning") else None)
    yield page
    page.close()


def test_a_report_opens_as_a_file_and_asks_nobody(window, files):
    address = (files / "report.html").as_uri()
    window.goto(address)
    assert window.asked == [address]
    assert window.wrong == []
    assert window.get_by_role("heading", name="Limits").is_visible()
    assert window.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert window.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing hangs over the edge"


def test_a_map_opens_as_a_file_and_tells_values(window, files):
    address = (files / "map.html").as_uri()
    window.goto(address)
    window.wait_for_function("[...document.images].length > 0 && [...document.images].every(image => image.complete)")
    size = window.viewport_size
    window.mouse.click(size["width"] * 0.45, size["height"] * 0.55)
    told = window.locator(".told")
    told.get_by_text("dS/m").first.wait_for()
    assert "Prediction" in told.inner_text()
    assert "90 % prediction interval" in told.inner_text()
    for across, down, name in ((0.25, 0.65, "small"), (0.5, 0.9, "large")):  # each below what the last click opened
        window.wait_for_timeout(500)  # the map moves until all of that is in view
        place = window.locator("img.leaflet-image-layer").first.bounding_box()
        window.mouse.click(place["x"] + across * place["width"], place["y"] + down * place["height"])
        expect(window.locator(".told .field")).to_have_text([f"Field {name} <b> mean 5.1 dS/m"])
    panel = window.locator(".panel")
    if not panel.evaluate("panel => panel.open"):
        panel.locator("summary").click()
    panel.get_by_label("Prediction", exact=True).check()
    assert "dS/m" in panel.locator(".ends").inner_text()
    assert window.asked == [address]
    assert window.wrong == []
