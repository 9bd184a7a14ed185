"""Take the README's pictures: ``python -m tests.browser.take_screenshots [FOLDER]`` starts the app, opens the demo and walks through its pages.

Needs the test tools and a Chromium from the system. The pictures are written to ``assets/screenshots`` if no folder is named.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, ROOT, Server

SIZE = {"width": 1360, "height": 900}
PAGES = ("start", "samples", "imagery", "indices", "model", "map")
_PATIENCE_MS = 240_000


def settle(page):
    """Wait until the script has run and nothing spins."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=_PATIENCE_MS)
    expect(page.get_by_test_id("stSpinner")).to_have_count(0, timeout=_PATIENCE_MS)


def walk(page, url, folder):
    """Open the demo and take a picture of every page."""
    page.goto(url)
    page.get_by_role("button", name="Open the demo").click()
    expect(page.get_by_text("The demo is")).to_be_visible(timeout=_PATIENCE_MS)
    settle(page)
    project = page.url.partition("?")[2]
    for name in PAGES:
        page.goto(f"{url}/{'' if name == 'start' else name}?{project}")
        settle(page)
        if name == "imagery":
            frame = page.frame_locator("iframe[title^='streamlit_folium']")
            expect(frame.locator("img.leaflet-tile-loaded").first).to_be_visible(timeout=_PATIENCE_MS)
            page.get_by_role("heading", name="Where it lies").evaluate("heading => heading.scrollIntoView()")
            page.wait_for_timeout(1500)  # until the map has moved clear of its panel
        if name == "map":
            frame = page.frame_locator("iframe[title^='streamlit_folium']")
            expect(frame.locator("img.leaflet-tile-loaded").first).to_be_visible(timeout=_PATIENCE_MS)
            page.wait_for_timeout(1500)  # until the map has moved clear of its panel
            frame.locator("#map_div").click(position={"x": 300, "y": 260})
            expect(frame.locator(".leaflet-popup-content")).to_be_visible(timeout=_PATIENCE_MS)
        page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / f"{name}.png")


def main(arguments):
    """Take the pictures and return an exit code."""
    folder = Path(arguments[0]) if arguments else ROOT / "assets" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        (Path(scratch) / "workspace").mkdir()
        server = Server(Path(scratch) / "workspace", Path(scratch) / "server.log").start()
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_context(viewport=SIZE).new_page()
            walk(page, server.url, folder)
            browser.close()
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
