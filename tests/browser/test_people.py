"""Whole ways through the app: from the demo to a report on paper, and somebody with a telephone who was sent a link."""

import re
from html.parser import HTMLParser

import pytest
import rasterio
from playwright.sync_api import expect

from soilcore.project.demo import new_demo
from tests.browser.conftest import PATIENCE_MS
from tests.browser.steps import LONG, click_middle, go, open_demo, save, settled, the_map, until_finished

PHONE = {"width": 390, "height": 844}


class Outline(HTMLParser):
    """Headings of a page, and every address it would fetch."""

    def __init__(self, text):
        super().__init__()
        self.headings, self.fetched, self._open = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if re.fullmatch("h[1-6]", tag):
            self._open = tag
            self.headings.append("")
        if tag != "a":
            self.fetched += [attributes[name] for name in ("src", "href", "srcset", "data") if attributes.get(name)]

    def handle_endtag(self, tag):
        self._open = None if tag == self._open else self._open

    def handle_data(self, data):
        if self._open:
            self.headings[-1] += data


@pytest.fixture
def handed_on(server):
    """A project of its own, made without the browser."""
    return new_demo(server.workspace)


def test_from_the_demo_over_a_place_and_its_fields_to_a_report_that_opens_without_a_request(page, browser, server, tmp_path):
    inside = open_demo(page, server)
    click_middle(page, inside)
    popup = inside.locator(".leaflet-popup-content")
    expect(popup).to_contain_text(re.compile(r"90 % interval: [\d.]+ dS/m to [\d.]+ dS/m"), timeout=PATIENCE_MS)
    expect(popup).to_contain_text(re.compile(r"Class: [\w ]*saline"))
    expect(page.get_by_role("figure", name=re.compile("Waterfall"))).to_be_visible(timeout=LONG)

    go(page, "Fields")
    page.get_by_role("button", name="Compute the fields").click()
    until_finished(page, "fields")
    expect(page.get_by_role("heading", name="Fields, the highest mean first")).to_be_visible(timeout=PATIENCE_MS)

    go(page, "Report")
    page.get_by_role("button", name="Report as a page").click()
    until_finished(page, "Making the HTML report")
    made = save(page, re.compile(r"demo-map\.html$"), tmp_path / "report.html")
    outline = Outline(made.read_text(encoding="utf-8"))
    assert {"Limits"} <= set(outline.headings)
    assert all(address.startswith(("data:", "#")) for address in outline.fetched)
    see_alone(browser, made)


def see_alone(browser, path):
    """Open a file in a window that may ask nobody."""
    page, asked = browser.new_page(), []
    page.on("request", lambda request: None if request.url.startswith("data:") else asked.append(request.url))
    page.goto(path.as_uri())
    expect(page.get_by_text("dS/m").first).to_be_visible()
    expect(page.get_by_text("fields").first).to_be_attached()
    page.close()
    assert asked == [path.as_uri()]


def test_a_manager_with_a_telephone_sees_clicks_and_takes_away_but_changes_nothing(page, server, handed_on, tmp_path):
    page.set_viewport_size(PHONE)
    page.goto(f"{server.url}/?view={handed_on.id}")
    inside = the_map(page)
    settled(page)
    for part in ("stSidebar", "stFileUploader", "stPageLink"):
        expect(page.get_by_test_id(part)).to_have_count(0)
    assert page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    click_middle(page, inside, x=150, y=200)
    expect(inside.locator(".leaflet-popup-content")).to_contain_text("dS/m", timeout=PATIENCE_MS)
    expect(page.get_by_role("heading", name=re.compile("dS.m"))).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_text("Files of the map for QGIS").click()
    settled(page)
    words = " ".join(page.get_by_role("button").all_text_contents())
    assert not re.search("Train|Make|Upload|Delete|Open the demo|Start a project", words)
    with rasterio.open(save(page, re.compile(r"^map\.tif"), tmp_path / "map.tif")) as raster:
        assert raster.units[0] == "dS/m"
    assert "view=" in page.url and "project=" not in page.url
