"""A network trained from the browser: curves while it learns in two windows, a killed worker, a stop, taking up again, and a server that stays light."""

import os
import re
import shutil
import signal
import time
from functools import partial
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect

from tests.app.field import make_field
from tests.browser import steps

LONG = 240_000  # training takes turns with everything else a test run does
settled = partial(steps.settled, patience=LONG)


@pytest.fixture
def server(fresh_server):
    """A server without the demo."""
    return fresh_server()


@pytest.fixture
def field(server, demo):
    """A small project in its workspace, with an elevation model."""
    project = make_field(server.workspace, demo)
    shutil.copy(demo / "dem.tif", project.part("covariates") / "dem.tif")
    return project


@pytest.fixture
def other(browser):
    """The window of another person."""
    page = browser.new_page()
    page.set_viewport_size({"width": 390, "height": 900})
    page.emulate_media(color_scheme="dark")
    page.set_default_timeout(LONG)
    yield page
    page.close()


def fill(page, label, value):
    """Type a number and leave the field."""
    box = page.get_by_role("spinbutton", name=label)
    box.fill(str(value))
    box.press("Tab")
    settled(page)


def workers(server):
    """Processes that the server started and that still live."""
    alive = psutil.Process(server.process.pid).children(recursive=True)
    return [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def without_workers(server, seconds=15):
    end = time.monotonic() + seconds
    while workers(server) and time.monotonic() < end:
        time.sleep(0.1)
    return not workers(server)


def ask_for_a_network(page, epochs):
    """Train and keep one: SS-SoilNet with small windows, in two folds."""
    page.get_by_role("radio", name="Train and keep one").click()
    settled(page)
    fill(page, "Number of folds", 2)
    page.get_by_role("button", name="Networks", exact=False).first.click()
    page.get_by_text("Single settings").click()
    fill(page, "Epochs, at most", epochs)
    fill(page, "Epochs without progress", epochs)
    fill(page, "Window (cells a side)", 9)
    page.keyboard.press("Escape")
    chooser = page.get_by_role("combobox", name="One to train and keep")
    chooser.fill("cross-attention")
    page.get_by_role("option").first.click()
    settled(page)
    expect(page.get_by_text("37 indices")).to_be_visible(timeout=LONG)


def test_a_network_learns_in_view_of_two_windows_survives_a_kill_and_a_stop_and_leaves_nothing_behind(page, other, server, field):
    page.set_default_timeout(LONG)
    for window in (page, other):
        window.goto(f"{server.url}/model?project={field.id}")
        expect(window.get_by_role("heading", name="Model", exact=True)).to_be_visible(timeout=LONG)
        settled(window)
    ask_for_a_network(page, epochs=40)
    page.get_by_role("button", name="Train", exact=True).click()
    for window in (page, other):  # the other window was open already and learns of it by itself
        expect(window.get_by_role("heading", name="Learning now")).to_be_visible(timeout=LONG)
        expect(window.get_by_text(re.compile(r"epoch \d+ of at most 40.*on CPU"))).to_be_visible(timeout=LONG)

    os.kill(workers(server)[0].pid, signal.SIGKILL)
    for window in (page, other):
        expect(window.get_by_text("failed after")).to_be_visible(timeout=LONG)
    other.get_by_role("button", name="Take it up again").click()
    expect(other.get_by_role("heading", name="Learning now")).to_be_visible(timeout=LONG)
    other.get_by_role("button", name="Stop").click()
    expect(other.get_by_text("was stopped after")).to_be_visible(timeout=LONG)
    assert without_workers(server)
    assert [path.name for path in field.part("models").iterdir()] == []

    other.get_by_role("button", name="Take it up again").click()
    expect(other.get_by_text("is finished after")).to_be_visible(timeout=LONG)
    page.reload()
    settled(page)
    page.get_by_role("radio", name="The network", exact=True).click()
    expect(page.get_by_role("figure", name=re.compile("Attention of every covariate"))).to_be_visible(timeout=LONG)
    expect(page.get_by_text("no causal importance")).to_be_visible(timeout=LONG)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    assert without_workers(server)
    if (maps := Path(f"/proc/{server.process.pid}/maps")).exists():
        assert "libtorch" not in maps.read_text()
