"""What people do with a map, in pictures: explain, compare years, ask what if, fields and advice, report, and the viewer.

What a project holds already is looked at; what it lacks is computed first.
"""

import re

from tests.browser.tour import click_the_map, fill, finish, part, press, the_map

PARTS = {
    "explain": ("Drivers", "Sample by sample", "Along one driver", "On the map"),
    "change": ("Years", "Difference", "Trend and persistence", "Scenario"),
    "fields": ("Fields", "Crops and water", "Next samples"),
}
_WATER = 2.0  # dS/m


def shown(tour, name, section, mapped=True):
    """Open a section of the page, wait for its map and take a picture that begins with the sections."""
    part(tour.page, section)
    if mapped:
        the_map(tour.page)
    tour.page.get_by_role("radio", name=re.compile(f"{section}$")).first.evaluate(
        "one => one.closest('[data-testid=stButtonGroup]').scrollIntoView()"
    )
    tour.picture(name)


def explain(tour):
    """What the model leans on: over all samples, and where on the map."""
    page = tour.page
    tour.open("explain")
    if not tour.has("explanations"):
        tour.picture("explain-before")
        press(page, "Explain the model")
        finish(page)
        tour.open("explain")
    shown(tour, "explain", "Drivers", mapped=False)
    shown(tour, "explain-samples", "Sample by sample", mapped=False)
    shown(tour, "explain-driver", "Along one driver", mapped=False)
    part(page, "On the map")
    if page.get_by_text("moves the prediction most on").count() == 0:
        press(page, "Map the drivers")
        finish(page)
        tour.open("explain")
    shown(tour, "explain-maps", "On the map")


def change(tour):
    """Years mapped with one model and compared, and what if a predictor were another."""
    page = tour.page
    tour.open("change")
    if not tour.has("changes"):
        tour.picture("change-before")
        press(page, re.compile("and compare"))
        finish(page)
        tour.open("change")
    the_map(page)
    tour.picture("change-years", "Through the dates")
    shown(tour, "change", "Difference")
    shown(tour, "change-lasting", "Trend and persistence")
    tour.picture("change-areas", "Area of each class over the dates")
    part(page, "Scenario")
    if not tour.has("scenarios"):
        press(page, "Compute the scenario")
        finish(page)
        tour.open("change")
        part(page, "Scenario")
    the_map(page)
    tour.picture("scenario", "Mean difference")


def fields(tour):
    """Fields ranked and on the map, crops and water, and where to sample next."""
    page = tour.page
    tour.open("fields")
    if not tour.has("fields", "fields"):
        press(page, "Compute the fields")
        finish(page)
        tour.open("fields")
    the_map(page)
    tour.picture("fields", "In plain words")
    part(page, "Crops and water")
    if not tour.has("fields", "advice"):
        fill(page, re.compile("Conductivity of the irrigation water"), _WATER)
        press(page, "Look at these crops")
        finish(page)
        tour.open("fields")
    shown(tour, "advice", "Crops and water", mapped=False)
    part(page, "Next samples")
    if not tour.has("fields", "places"):
        press(page, "Propose places")
        finish(page)
        tour.open("fields")
    shown(tour, "next-samples", "Next samples")


def report(tour):
    """The page of the report, and the file it makes as it opens in any browser."""
    page = tour.page
    tour.open("report")
    if not tour.has("reports", ".html"):
        press(page, "Report as a page")
        finish(page)
        tour.open("report")
    tour.picture("report")
    made = next((tour.workspace / tour.project / "reports").glob("*.html"))
    page.goto(made.as_uri())
    page.wait_for_load_state("networkidle")
    tour.shoot("report-file")


def viewer(tour):
    """What somebody sees to whom the map was handed on."""
    tour.open("viewer")
    click_the_map(tour.page)
    tour.picture("viewer")
