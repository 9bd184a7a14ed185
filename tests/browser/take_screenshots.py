"""Take the README's pictures: ``python -m tests.browser.take_screenshots [FOLDER]`` starts the app, opens the demo and walks through its pages.

Needs the test tools and a Chromium from the system. The pictures are written to ``assets/screenshots`` if no folder is named; into a folder that is named
come further ones, of every page in the dark and on a phone. On the way spectra are learned, and a network is trained and mapped: some ten minutes.
"""

import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.conftest import CHROMIUM, FLAGS, ROOT, Server

SIZE = {"width": 1360, "height": 900}
PAGES = ("start", "samples", "imagery", "indices", "model", "map")
PARTS = ("Library", "Preprocess", "Compare", "Models", "Explain", "Predict")
LOOKS = {"dark": {"viewport": SIZE, "color_scheme": "dark"}, "phone": {"viewport": {"width": 390, "height": 844}}}
NETWORK = "dense layers"
_COLORS = 256
_PATIENCE_MS = 900_000


@dataclass(frozen=True)
class Tour:
    """A window on the demo project.

    Parameters
    ----------
    page : playwright.sync_api.Page
    url, project : str
        Address of the app, and what follows the question mark.
    folder : pathlib.Path
        Where pictures go.
    look : str
        End of their names, such as "-dark".
    """

    page: Page
    url: str
    project: str
    folder: Path
    look: str = ""

    def open(self, name):
        """Go to a page of the project."""
        self.page.goto(f"{self.url}/{'' if name == 'start' else name}?{self.project}")
        settle(self.page)

    def picture(self, name, heading=None, whole=False):
        """Take a picture, of what begins with a heading where one is named, and keep it in few colours."""
        if heading:
            expect(self.page.get_by_text(heading).first).to_be_visible(timeout=_PATIENCE_MS)
            self.page.get_by_text(heading).first.evaluate("one => one.scrollIntoView()")
        self.page.mouse.move(2, 2)  # no help text over the page
        expect(self.page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=_PATIENCE_MS)
        self.page.wait_for_load_state("networkidle")
        self.page.wait_for_timeout(800)  # until charts have their size
        path = self.folder / f"{name}{self.look}.png"
        self.page.screenshot(path=path, full_page=whole)
        make_smaller(path)


def make_smaller(path):
    """Store a picture with a palette: a third of the bytes, and nobody sees it."""
    from PIL import Image

    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def settle(page):
    """Wait until the script has run and nothing spins; a page that shows a defect ends the walk."""
    page.wait_for_timeout(500)  # until the script has begun
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=_PATIENCE_MS)
    expect(page.get_by_test_id("stSpinner")).to_have_count(0, timeout=_PATIENCE_MS)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def press(page, name):
    """Press a button and wait."""
    page.get_by_role("button", name=name).first.click()
    settle(page)


def finish(page):
    """Wait until the job is over and its result stands on the page."""
    over = page.get_by_text(re.compile("is finished after|failed after|was stopped after"))
    expect(over).to_be_visible(timeout=_PATIENCE_MS)
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


def start(page, url, folder):
    """Open the demo."""
    page.goto(url)
    page.get_by_role("button", name="Open the demo").click()
    expect(page.get_by_text("The demo is")).to_be_visible(timeout=_PATIENCE_MS)
    settle(page)
    return Tour(page, url, page.url.partition("?")[2], folder)


def the_map(page):
    """The inside of the map, once it has tiles and has moved clear of its panel."""
    frame = page.frame_locator("iframe[title^='streamlit_folium']")
    expect(frame.locator("img.leaflet-tile-loaded").first).to_be_visible(timeout=_PATIENCE_MS)
    page.wait_for_timeout(1500)
    return frame


def pages(tour):
    """Every page as the demo shows it."""
    for name in PAGES:
        tour.open(name)
        if name == "imagery":
            the_map(tour.page)
            tour.page.get_by_role("heading", name="Where it lies").evaluate("heading => heading.scrollIntoView()")
        if name == "map":
            click_the_map(tour.page)
        tour.picture(name)


def click_the_map(page):
    """Ask the map for a place."""
    page.locator("iframe[title^='streamlit_folium']").last.scroll_into_view_if_needed()  # a frame that scrolls while it is clicked gets it elsewhere
    frame = the_map(page)
    settle(page)
    frame.locator("#map_div").click(position={"x": 300, "y": 260})
    expect(frame.locator(".leaflet-popup-content")).to_be_visible(timeout=_PATIENCE_MS)


def spectra_library(tour):
    """The synthetic library is made and looked at."""
    page = tour.page
    tour.open("spectra")
    press(page, "Make an example library")
    expect(page.get_by_test_id("stMetric").filter(has_text="Points")).to_be_visible(timeout=_PATIENCE_MS)
    settle(page)
    tour.picture("spectra-library", "The spectra")
    part(page, "Preprocess")
    tour.picture("spectra-preprocess", "Type the steps")


def spectra_models(tour):
    """Three models are compared in two divisions, the linear one is kept."""
    page = tour.page
    tour.open("spectra")
    part(page, "Compare")
    few_epochs(page)
    tour.picture("spectra-compare-form", "Division, preprocessing")
    press(page, "Compare 3")
    expect(page.get_by_text("Learning now")).to_be_visible(timeout=_PATIENCE_MS)
    page.wait_for_timeout(8000)  # some epochs
    tour.picture("spectra-learning")
    finish(page)
    tour.picture("spectra-compare", "Train and keep")
    part(page, "plsr( · best)?")
    press(page, "Train and keep plsr")
    finish(page)
    tour.picture("spectra-models", "Kept model")


def spectra_use(tour):
    """The model that was kept is explained and predicts."""
    page = tour.page
    tour.open("spectra")
    part(page, "Explain")
    press(page, "Show what it looks at")
    finish(page)
    tour.picture("spectra-explain", "Look at")
    part(page, "Predict")
    page.get_by_role("button", name="Predict", exact=True).click()
    finish(page)
    tour.picture("spectra-predict", "Use the predictions as samples")


def few_epochs(page):
    """A network for a first look: two divisions, ten epochs."""
    page.get_by_text("Training, validation, test 80/10/10").click()
    settle(page)
    fill(page, "Divisions", 2)
    page.get_by_role("button", name="Network for spectra").first.click()
    fill(page, "Epochs, at most", 10)
    page.keyboard.press("Escape")


def network(tour):
    """A network in its quick setting: the form, and the losses while it learns."""
    page = tour.page
    tour.open("model")
    part(page, "Train and keep one")
    choose(page, "One to train and keep", NETWORK)
    page.get_by_text("Predictors, target and folds").click()
    page.get_by_role("button", name="Networks", exact=False).first.click()
    settle(page)
    tour.picture("network-settings", "Predictors, target and folds")
    page.keyboard.press("Escape")
    tour.picture("network-form", "What to do")
    press(page, re.compile("Train$"))
    expect(page.get_by_text("Learning now")).to_be_visible(timeout=_PATIENCE_MS)
    expect(page.get_by_text(re.compile(r"fold 3 of 5\W+epoch")).first).to_be_visible(timeout=_PATIENCE_MS)
    tour.picture("network-learning", "Learning now")
    finish(page)


def network_result(tour):
    """What the network says of itself, and what its predictions rest on."""
    page = tour.page
    tour.open("model")
    tour.picture("network-scores", "Trained models")
    part(page, "The network")
    tour.picture("network", "Trained models")
    press(page, "Attribute the predictions")
    finish(page)
    tour.picture("network-attributions", "What its predictions rest on")


def network_map(tour):
    """A map of the network that was trained last."""
    page = tour.page
    tour.open("map")
    page.get_by_text("Make a new map").click()
    settle(page)
    tour.picture("network-map-form")
    press(page, "Make the map")
    finish(page)
    tour.open("map")
    click_the_map(page)
    tour.picture("network-map")


def again(tour):
    """Everything that was made, in another look and to its end."""
    for name in PAGES:
        tour.open(name)
        if name == "map":
            the_map(tour.page)
        if name == "model":
            part(tour.page, "The network")
        tour.picture(name, whole=True)
    tour.open("spectra")
    for name in PARTS:
        part(tour.page, name)
        tour.picture(f"spectra-{name.lower()}", whole=True)


def walk(browser, url, folder, looks):
    """Open the demo and take a picture of every page."""
    tour = start(browser.new_context(viewport=SIZE).new_page(), url, folder)
    for part_of_it in (pages, spectra_library, spectra_models, spectra_use, network, network_result, network_map):
        part_of_it(tour)
    for look, window in looks.items():
        again(Tour(browser.new_context(**window).new_page(), url, tour.project, folder, f"-{look}"))


def main(arguments):
    """Take the pictures and return an exit code."""
    folder = Path(arguments[0]) if arguments else ROOT / "assets" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        (Path(scratch) / "workspace").mkdir()
        server = Server(Path(scratch) / "workspace", Path(scratch) / "server.log").start()
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            walk(browser, server.url, folder, LOOKS if arguments else {})
            browser.close()
        finally:
            server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
