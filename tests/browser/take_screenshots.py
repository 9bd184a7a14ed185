"""Take the README's pictures: ``python -m tests.browser.take_screenshots [FOLDER] [--only NAME ...] [--macedonia]`` walks through the demo.

Needs the test tools and a Chromium from the system. Those that the README shows are written to ``assets/screenshots``, unless a folder is named: into that come
all, of every page, also in the dark and on a phone. On the way the model is explained, seven years are mapped, spectra are learned, and a network is
trained and mapped: half an hour. A demo that is made already can be named in ``SOILCORE_DEMO``; ``--only`` takes some of the walks; ``--macedonia`` adds a
model of real samples, read where they are (``SOILCORE_SHARED_DATA``) and kept in a temporary folder.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from tests.browser import tour_results
from tests.browser.conftest import CHROMIUM, FLAGS, ROOT, Server
from tests.browser.tour import FRAME, PATIENCE_MS, Tour, center_the_map, choose, click_the_map, fill, finish, part, press, settle, the_map
from tests.browser.tour_results import PARTS

SIZE = {"width": 1360, "height": 900}
PAGES = ("start", "samples", "imagery", "indices", "model", "map", "explain", "change", "fields", "report", "viewer")
OF_SPECTRA = ("Library", "Preprocess", "Compare", "Models", "Explain", "Predict")
LOOKS = {"dark": {"viewport": SIZE, "color_scheme": "dark"}, "phone": {"viewport": {"width": 390, "height": 844}}}
NETWORK = "dense layers"
OF_README = ("map", "samples", "imagery", "indices", "model", "explain-samples", "change", "fields", "report-file", "spectra-explain")


def start(page, url, workspace, folder):
    """Open the demo."""
    page.goto(url)
    page.get_by_role("button", name="Open the demo").click()
    expect(page).to_have_url(re.compile("project="), timeout=PATIENCE_MS)  # made first where no one made it yet
    settle(page)
    return Tour(page, url, re.search("project=([^&]+)", page.url)[1], workspace, folder)


def chain(tour):
    """From samples to the map, as the demo shows it."""
    for name in ("start", "samples", "imagery", "indices", "model"):
        tour.open(name)
        if name == "imagery":
            the_map(tour.page)
            tour.page.get_by_role("heading", name="Where it lies").evaluate("heading => heading.scrollIntoView()")
        tour.picture(name)


def the_map_page(tour):
    """The map, two layers swiped, and what is known of a place."""
    tour.open("map")
    click_the_map(tour.page)
    expect(tour.page.get_by_text("no cause can be read from them")).to_be_visible(timeout=PATIENCE_MS)
    tour.picture("map-place", "At this place")
    center_the_map(tour.page)
    tour.picture("map")
    the_map(tour.page).get_by_label("Swipe two layers").check()
    tour.picture("map-swipe")


def spectra_library(tour):
    """The synthetic library is made and looked at."""
    page = tour.page
    tour.open("spectra")
    press(page, "Make an example library")
    expect(page.get_by_test_id("stMetric").filter(has_text="Points")).to_be_visible(timeout=PATIENCE_MS)
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
    expect(page.get_by_text("Learning now")).to_be_visible(timeout=PATIENCE_MS)
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
    expect(page.get_by_text("Learning now")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text(re.compile(r"fold 3 of 5\W+epoch")).first).to_be_visible(timeout=PATIENCE_MS)
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


def again(tour, names):
    """Everything that was made, in another look and to its end."""
    for name in names:
        tour.open(name)
        for number, one in enumerate(PARTS.get(name, (None,))):
            if number:
                part(tour.page, one)
            if tour.page.locator(FRAME).count():
                the_map(tour.page)
            tour.picture(name if one is None else f"{name}-{one.lower().replace(' ', '-')}", whole=True)


def again_spectra(tour):
    """The spectra, in another look."""
    tour.open("spectra")
    for name in OF_SPECTRA:
        part(tour.page, name)
        tour.picture(f"spectra-{name.lower()}", whole=True)


def again_network(tour):
    """The network, in another look."""
    tour.open("model")
    part(tour.page, "The network")
    tour.picture("network", whole=True)


WALKS = {  # what makes the pictures, and what looks at it again in the dark and on a phone
    "chain": ((chain,), lambda tour: again(tour, PAGES[:5])),
    "map": ((the_map_page,), lambda tour: again(tour, ("map",))),
    "explain": ((tour_results.explain,), lambda tour: again(tour, ("explain",))),
    "change": ((tour_results.change,), lambda tour: again(tour, ("change",))),
    "fields": ((tour_results.fields,), lambda tour: again(tour, ("fields",))),
    "report": ((tour_results.report,), lambda tour: again(tour, ("report",))),
    "viewer": ((tour_results.viewer,), lambda tour: again(tour, ("viewer",))),
    "spectra": ((spectra_library, spectra_models, spectra_use), again_spectra),
    "network": ((network, network_result, network_map), again_network),
}


def walk(browser, server, folder, names, looks):
    """Open the demo and take a picture of everything on these walks."""
    tour = start(browser.new_context(viewport=SIZE).new_page(), server.url, server.workspace, folder)
    for name in names:
        for part_of_it in WALKS[name][0]:
            part_of_it(tour)
    for look, window in looks.items():
        there = replace(tour, page=browser.new_context(**window).new_page(), look=f"-{look}")
        for name in names:
            WALKS[name][1](there)


def walk_real(browser, server, folder, looks):
    """A map of real samples in every look."""
    from tests.browser.real_project import make_macedonia

    project = make_macedonia(server.workspace)
    for look, window in {"": {"viewport": SIZE}, **looks}.items():
        page = browser.new_context(**window).new_page()
        tour = Tour(page, server.url, project.id, server.workspace, folder, f"-{look}" if look else "")
        tour.open("map")
        click_the_map(page)
        tour.picture("macedonia-map", whole=bool(look))
        tour.open("model")
        tour.picture("macedonia-model", whole=bool(look))


def asked(arguments):
    """What to take."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.take_screenshots", description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="where pictures go; also dark and on a phone if it is named")
    parser.add_argument("--only", nargs="*", choices=list(WALKS), metavar="NAME", help=f"some of: {', '.join(WALKS)}; without a name none of them")
    parser.add_argument("--macedonia", action="store_true", help="also a map of real samples")
    options = parser.parse_args(arguments)
    if options.macedonia and options.folder is None:
        parser.error("--macedonia needs a folder: its data may not be handed on, so neither may pictures of them")
    return options


def main(arguments):
    """Take the pictures and return an exit code."""
    options = asked(arguments)
    looks = LOOKS if options.folder else {}
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        workspace = Path(scratch) / "workspace"
        workspace.mkdir()
        folder = options.folder or Path(scratch) / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        if named := os.environ.get("SOILCORE_DEMO"):
            shutil.copytree(named, workspace / ".demo-template")
        server = Server(workspace, Path(scratch) / "server.log").start()
        try:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            names = list(WALKS) if options.only is None else options.only
            if names:
                walk(browser, server, folder, names, looks)
            if options.macedonia:
                walk_real(browser, server, folder, looks)
            browser.close()
        finally:
            server.stop()
        if options.folder is None:
            for path in (folder / f"{name}.png" for name in OF_README):
                if path.is_file():
                    shutil.copy(path, ROOT / "assets" / "screenshots")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
