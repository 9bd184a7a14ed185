"""A window that walks through the app and takes pictures: opening pages, pressing, waiting, and storing what is seen."""

import re
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

PATIENCE_MS = 600_000
FRAME = "iframe[title^='streamlit_folium']"
_COLORS = 256
_ACROSS = 0.36  # of the width of a map
_STILL = """() => {
    const map = window.map_div || window.map;
    let busy = false;
    if (map && map.eachLayer) map.eachLayer(layer => { busy = busy || Boolean(layer.isLoading && layer.isLoading()); });
    return !busy;
}"""
HIGHEST = 6000  # pixels of a picture of a whole page


@dataclass(frozen=True)
class Tour:
    """A window on a project.

    Parameters
    ----------
    page : playwright.sync_api.Page
    url, project : str
        Address of the app, and the project's id.
    workspace, folder : pathlib.Path
        Where projects lie, and where pictures go.
    look : str
        End of their names, such as "-dark".
    """

    page: Page
    url: str
    project: str
    workspace: Path
    folder: Path
    look: str = ""

    def open(self, name):
        """Go to a page of the project, at its top."""
        address = f"?view={self.project}" if name == "viewer" else f"{'' if name == 'start' else name}?project={self.project}"
        self.page.goto(f"{self.url}/{address}")
        settle(self.page)

    def has(self, part, *words):
        """Whether the project holds a result of this kind whose name has one of these words."""
        folder = self.workspace / self.project / part
        names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
        return any(word in name for name in names for word in words or ("",))

    def picture(self, name, heading=None, whole=False):
        """Take a picture, of what begins with a heading where one is named, and keep it in few colours."""
        if heading:
            expect(self.page.get_by_text(heading).first).to_be_visible(timeout=PATIENCE_MS)
            self.page.get_by_text(heading).first.evaluate("one => one.scrollIntoView()")
        self.page.mouse.move(2, 2)  # no help text over the page
        expect(self.page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE_MS)
        wait_for_tiles(self.page)
        self.page.wait_for_timeout(800)  # until charts have their size
        before = self.page.viewport_size
        if whole:
            stretch(self.page)
            wait_for_tiles(self.page)
        self.shoot(name)
        self.page.set_viewport_size(before)

    def shoot(self, name):
        """Store what the window shows now."""
        path = self.folder / f"{name}{self.look}.png"
        self.page.screenshot(path=path)
        make_smaller(path)


def stretch(page):
    """Make the window as high as what it holds, because the page scrolls inside of it."""
    now = page.viewport_size
    height = page.get_by_test_id("stMain").evaluate("main => main.scrollHeight")
    page.set_viewport_size({**now, "height": min(max(height, now["height"]), HIGHEST)})
    page.wait_for_timeout(1200)  # maps fill what became visible


def make_smaller(path):
    """Store a picture with a palette: a third of the bytes, and nobody sees it."""
    from PIL import Image

    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE, kmeans=2)  # so that the colours of classes stay what they are
    few.save(path, optimize=True)


def settle(page):
    """Wait until the script has run and nothing spins; a page that shows a defect ends the walk."""
    page.wait_for_timeout(500)  # until the script has begun
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stSpinner")).to_have_count(0, timeout=PATIENCE_MS)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def press(page, name):
    """Press a button and wait."""
    page.get_by_role("button", name=name).first.click()
    settle(page)


def finish(page):
    """Wait until the job is over and its result stands on the page."""
    over = page.get_by_text(re.compile("is finished after|failed after|was stopped after"))
    expect(over).to_be_visible(timeout=PATIENCE_MS)
    expect(over).to_contain_text("is finished after")
    settle(page)


def choose(page, label, words):
    """Find an option of a list by typing."""
    box = page.get_by_role("combobox", name=label)
    box.fill(words)
    page.get_by_role("option").first.click()
    settle(page)


def fill(page, label, value):
    """Type a number and leave the field."""
    box = page.get_by_role("spinbutton", name=label)
    box.fill(str(value))
    box.press("Tab")
    settle(page)


def part(page, name):
    """Open a part or a view by its button."""
    page.get_by_role("radio", name=re.compile(f"{name}$")).first.click()
    settle(page)


def the_map(page):
    """The inside of the map, once it has tiles and has moved clear of its panel."""
    frame = page.frame_locator(FRAME).last
    expect(frame.locator("img.leaflet-tile-loaded").first).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_timeout(1500)
    return frame


def center_the_map(page):
    """Scroll until the whole map is seen."""
    page.locator(FRAME).last.evaluate("one => one.scrollIntoView({block: 'center', behavior: 'instant'})")
    page.wait_for_timeout(500)


def wait_for_tiles(page):
    """Wait until no map on the page loads anything any more."""
    for frame in page.frames:
        if "streamlit_folium" in frame.url and not frame.is_detached():
            frame.wait_for_function(_STILL, timeout=PATIENCE_MS)


def click_the_map(page, y=260):
    """Ask the map for a place left of its middle, where the panel does not lie."""
    frame = the_map(page)
    settle(page)
    center_the_map(page)  # a frame that scrolls while it is clicked gets it elsewhere
    width = page.locator(FRAME).last.bounding_box()["width"]
    frame.locator("#map_div").click(position={"x": round(_ACROSS * width), "y": y})
    expect(frame.locator(".leaflet-popup-content")).to_be_visible(timeout=PATIENCE_MS)
    page.wait_for_timeout(2000)  # until the app has heard of it
    settle(page)
