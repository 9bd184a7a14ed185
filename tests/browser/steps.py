"""What a person does on every page, and waiting until it is done."""

import re
from itertools import count

from playwright.sync_api import expect

from tests.browser.conftest import PATIENCE_MS

MAP = "iframe[title^='streamlit_folium']"
LONG = 120_000  # milliseconds, for jobs
_CALLS = count()
_QUIET = """([last, quiet]) => {
    const app = document.querySelector("[data-testid=stApp]");
    if (!app || app.dataset.testScriptState !== "notRunning" || window[last] === undefined) window[last] = performance.now();
    return performance.now() - window[last] > quiet;
}"""


def open_demo(page, server):
    """Two clicks: the demo, then its map."""
    page.goto(server.url)
    page.get_by_role("button", name="Open the demo").click()
    page.get_by_role("link", name="See the map").click()
    return the_map(page)


def the_map(page):
    inside = page.locator(MAP).last.content_frame  # one that is on its way out may still stand before it
    expect(inside.locator("img.leaflet-tile-loaded").first).to_be_visible(timeout=PATIENCE_MS)
    return inside


def click_middle(page, inside, x=300, y=330):
    page.locator(MAP).last.scroll_into_view_if_needed()  # a frame that scrolls while it is clicked gets the click elsewhere
    settled(page)
    inside.locator("#map_div").click(position={"x": x, "y": y})


def settled(page, patience=PATIENCE_MS, quiet=400):
    """Wait until the script has not run for some milliseconds, and see that nothing broke.

    A click may be followed by a run that has not begun when the page is asked for its state, and a button that such a run draws anew loses the
    click that it was to get.
    """
    page.wait_for_function(_QUIET, arg=[f"running{next(_CALLS)}", quiet], polling=100, timeout=patience)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=patience)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def start_project(page, server, title):
    page.goto(server.url)
    page.get_by_label("Name of the new project").fill(title)
    page.get_by_role("button", name="Start a project").click()
    expect(page).to_have_url(re.compile("project="))
    settled(page)


def go(page, name):
    page.get_by_test_id("stSidebar").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible(timeout=PATIENCE_MS)
    settled(page)


def open_part(page, name):
    page.get_by_role("radio", name=name, exact=True).click()
    settled(page)


def upload(page, label, path):
    page.get_by_test_id("stFileUploader").filter(has_text=label).locator("input[type=file]").set_input_files(path)


def until_finished(page, label):
    expect(page.get_by_text(re.compile(f"{label}.* is finished after"))).to_be_visible(timeout=LONG)
    settled(page)


def save(page, name, path):
    """Press a button that hands a file over, once the page is at rest (a page that runs again takes its files back), and keep that."""
    settled(page, quiet=800)
    with page.expect_download(timeout=PATIENCE_MS) as arriving:
        page.get_by_role("button", name=name).click()
    arriving.value.save_as(path)
    return path
