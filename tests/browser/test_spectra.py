"""What only a browser shows of the spectra page: an example library becomes curves, a network is watched while it learns, stopped, and can go on."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS
from tests.browser.steps import LONG, go, open_part, settled, start_project


def only_the_network(page):
    """Leave the one model whose learning can be watched."""
    box = page.get_by_test_id("stMultiSelect").get_by_role("combobox")
    expect(box).to_be_visible(timeout=PATIENCE_MS)
    box.click()
    for _ in range(3):
        box.press("Backspace")
    box.fill("One-dimensional")
    box.press("Enter")
    box.press("Escape")
    settled(page)


def test_an_example_library_is_made_a_network_learns_in_view_is_stopped_and_can_go_on(page, bare_server):
    start_project(page, bare_server, "Spectra")
    go(page, "Spectra")
    page.get_by_role("button", name="Make an example library").click()
    expect(page.get_by_test_id("stMetric").filter(has_text="Points")).to_contain_text("1,764", timeout=LONG)
    settled(page)
    chart = page.get_by_test_id("stPlotlyChart").first
    expect(chart).to_contain_text("wavenumber", timeout=PATIENCE_MS)
    expect(chart).to_contain_text("organic matter", timeout=PATIENCE_MS)
    open_part(page, "Preprocess")
    expect(page.get_by_test_id("stPlotlyChart")).to_have_count(2, timeout=PATIENCE_MS)
    open_part(page, "Compare")
    only_the_network(page)
    page.get_by_role("button", name="Compare 1").click()
    expect(page.get_by_text("Learning now")).to_be_visible(timeout=LONG)
    expect(page.get_by_test_id("stPlotlyChart").first).to_contain_text("epoch", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text(re.compile("was stopped after"))).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Take it up again")).to_be_visible(timeout=PATIENCE_MS)
    settled(page)
