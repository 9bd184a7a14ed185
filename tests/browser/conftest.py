"""A real server and a real Chromium; every page fails its test on a request that leaves the machine and on any script error."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
VIEWPORT = {"width": 1280, "height": 1100}
PATIENCE_MS = int(os.environ.get("SOILCORE_PATIENCE_MS", 30_000))  # longer on a machine that is busy


class Server:
    """The app as a user starts it, on a free port with a workspace of its own."""

    def __init__(self, workspace, log, prefix=""):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.workspace, self.log, self.prefix = workspace, log, prefix
        self.url = f"http://127.0.0.1:{self.port}{prefix}"
        self.process = None

    def start(self):
        options = ["--server.port", str(self.port), "--server.headless", "true"]
        if self.prefix:
            options += ["--server.baseUrlPath", self.prefix.strip("/")]
        environment = {**os.environ, "SOILCORE_WORKSPACE": str(self.workspace)}
        with open(self.log, "ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "app.py", *options], cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.STDOUT
            )
        end = time.monotonic() + 60
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > end:
                self.stop()
                pytest.fail(f"The server did not start:\n{self.log.read_text(errors='replace')[-3000:]}")
            time.sleep(0.1)
        return self

    def _answers(self):
        try:
            with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self, number=signal.SIGTERM):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(number)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(folder, prefix=""):
    """A server on the workspace in a folder, which is empty where there is none yet."""
    workspace = folder / "workspace"
    workspace.mkdir(exist_ok=True)
    server = Server(workspace, folder / "server.log", prefix).start()
    try:
        yield server
    finally:
        server.stop()


def demo_server(folder, demo_template, prefix=""):
    """A server whose demo is made already."""
    shutil.copytree(demo_template, folder / "workspace" / ".demo-template")
    return running(folder, prefix)


@pytest.fixture
def fresh_server(tmp_path):
    """Make a server that nobody has visited."""
    made = []

    def make():
        workspace = tmp_path / f"workspace{len(made)}"
        workspace.mkdir()
        made.append(Server(workspace, tmp_path / f"server{len(made)}.log").start())
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory, demo_template):
    """One server for the tests that do not need a fresh one."""
    with demo_server(tmp_path_factory.mktemp("server"), demo_template) as server:
        yield server


@pytest.fixture(scope="module")
def bare_server(tmp_path_factory):
    """A server whose workspace is empty, for tests that do not need the demo."""
    with running(tmp_path_factory.mktemp("bare")) as server:
        yield server


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """Chromium from the system, never downloaded; one profile, so that the scripts of the app are read and compiled once."""
    if CHROMIUM is None:
        reason = "no Chromium found: install the system's package `chromium`, or name one in CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)  # what a page shows may come late on a busy machine
    with sync_playwright() as playwright:
        profile = tmp_path_factory.mktemp("profile")
        browser = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=FLAGS, viewport=VIEWPORT, accept_downloads=True
        )
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """A window that fails its test on a request to another machine, on a script error, and on a page that shows a defect."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE_MS)
    away, errors = [], []
    page.on("request", lambda request: None if request.url.startswith(("http://127.0.0.1:", "data:", "blob:")) else away.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    pictures = os.environ.get("SOILCORE_SCREENSHOTS")
    if pictures:
        Path(pictures).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(pictures) / f"{os.environ['PYTEST_CURRENT_TEST'].split('::')[-1].split(' ')[0]}.png", full_page=True)
    page.close()
    assert not away, away
    assert not errors, errors
