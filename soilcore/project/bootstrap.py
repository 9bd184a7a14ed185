"""From a fresh checkout to a running app or a passing test run, with one command each.

Standard library only: at first nothing else is there. Everything is installed into the virtual environment this runs in,
or into `.venv` beside `app.py`; a stamp with the hash of the requirements makes the second time quick.
"""

import argparse
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import venv
import webbrowser
from pathlib import Path

from soilcore.core.errors import NotAvailableError, SettingsError, SoilcoreError
from soilcore.project import assets

ROOT = assets.ROOT
APP_REQUIREMENTS = "requirements.txt"
TEST_REQUIREMENTS = "tests/requirements.txt"
COMMANDS = ("app", "test", "setup")
# A file of tests stays together, because what is costly is made once per file; in the order of their names the slow ones in the browser come early.
IN_TWO_PROCESSES = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
_STAMP = "soilcore-setup.json"
_FIRST_PORT = 8501
_START_SECONDS = 120


def main(arguments):
    """Run ``app``, ``test`` or ``setup``.

    Parameters
    ----------
    arguments : list of str
        The command and what follows it. What `test` does not know goes to pytest, what `app` does not know to Streamlit.

    Returns
    -------
    int
        Exit code: that of pytest or the server; 2 when set-up is not possible.
    """
    known, rest = _parser().parse_known_args(arguments)
    rest = [argument for argument in rest if argument != "--"]
    try:
        _check_checkout()
        if known.command == "setup":
            if rest:
                raise SettingsError(f"setup does not know {rest[0]!r}. See `python3 -m soilcore setup --help`.")
            python = set_up(known.torch, test=False)
            if known.demo:
                make_demo(python)
            _say("Ready. Open the app with `python3 -m soilcore app`.")
            return 0
        if known.command == "test":
            return run_tests(set_up(known.torch, test=True), rest)
        return run_app(set_up(known.torch, test=False), known.port, not known.no_browser, rest)
    except SoilcoreError as error:
        _say(error.message)
        return error.exit_code


def _parser():
    what = "Set up soilcore and open the app, or run its tests."
    parser = argparse.ArgumentParser(prog="python3 -m soilcore", description=what, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("app", "set up if needed and open the app in the browser; further options go to Streamlit"),
        ("test", "set up if needed and run the tests; further options go to pytest"),
        ("setup", "set up only"),
    ):
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        torch_help = "none: leave PyTorch out (networks are then not available)"
        command.add_argument("--torch", choices=("default", "none"), default="default", help=torch_help)
        if name == "setup":
            command.add_argument("--demo", action="store_true", help="make the demo project now, so that nobody waits for it later")
        if name == "app":
            command.add_argument("--port", type=int, help=f"port; the first free one from {_FIRST_PORT} on if not given")
            command.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    return parser


def _check_checkout():
    if sys.version_info < (3, 11):  # noqa: UP036 - this module runs before pip could have refused an older Python
        raise NotAvailableError(f"soilcore needs Python 3.11 or newer; this is {sys.version.split()[0]} ({sys.executable}).")
    if not (ROOT / "app.py").is_file():
        raise NotAvailableError(f"There is no app.py in {str(ROOT)!r}. The commands app, test and setup work in a checkout of the repository.")


def set_up(torch="default", test=False):
    """Make everything ready, doing only what is missing.

    Parameters
    ----------
    torch : {"default", "none"}
        Whether PyTorch is installed.
    test : bool
        Whether the test tools are installed, too.

    Returns
    -------
    pathlib.Path
        The Python that has it all.

    Raises
    ------
    NotAvailableError
        If the environment cannot be made or a package cannot be installed.
    """
    python = _environment()
    _install(python, APP_REQUIREMENTS, torch)
    if test:
        _install(python, TEST_REQUIREMENTS, torch)
    if not assets.are_present():
        _say("Fetching the map's browser packages ...")
        # with that Python, because npm may come from a wheel installed there
        code = "import sys; from soilcore.project.bootstrap import fetch_assets; sys.exit(fetch_assets())"
        if subprocess.run([str(python), "-c", code], cwd=ROOT, check=False).returncode != 0:
            raise NotAvailableError(
                "The map's browser packages are missing (reason above). The rest is installed; run the same command again to complete it."
            )
    return python


def fetch_assets():
    """Fetch the browser packages and say what went wrong; an exit code."""
    try:
        assets.fetch(report=lambda done, total, message: _say(f"  {message}"))
    except SoilcoreError as error:
        _say(error.message)
        return error.exit_code
    return 0


def make_demo(python):
    """Make the demo's template in the workspace.

    Raises
    ------
    NotAvailableError
        If that fails.
    """
    _say("Making the demo (minutes) ...")
    code = "from pages.ui.workspace import workspace; from soilcore.project.demo import ensure_template; ensure_template(workspace())"
    if subprocess.run([str(python), "-c", code], cwd=ROOT, check=False).returncode != 0:
        raise NotAvailableError("The demo could not be made (reason above). The app works without it.")


def _environment():
    """The Python to install into: this one inside a virtual environment, else that of `.venv`."""
    if sys.prefix != sys.base_prefix or os.environ.get("CONDA_PREFIX") == sys.prefix:
        if not _works(Path(sys.executable)):
            subprocess.run([sys.executable, "-m", "ensurepip"], check=False)
        return Path(sys.executable)
    folder = ROOT / ".venv"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not _works(python):
        _say(f"Creating the virtual environment {folder} ...")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            venv.create(folder, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            remedy = "On Debian and Ubuntu: `apt install python3-venv`, then try again."
            raise NotAvailableError(f"The virtual environment cannot be made ({error}). {remedy}") from None
    return python


def _works(python):
    return python.is_file() and subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


def _install(python, requirements, torch):
    lines = (ROOT / requirements).read_text(encoding="utf-8").splitlines()
    if torch == "none":
        lines = [line for line in lines if not line.startswith("torch==")]
    wanted = "\n".join(lines) + "\n"
    stamp = python.parent.parent / _STAMP
    stamps = _read_stamps(stamp)
    digest = hashlib.sha256(wanted.encode()).hexdigest()
    if stamps.get(requirements) in (digest, _whole(requirements)):
        return
    _say(f"Installing {requirements} into {python.parent.parent} (minutes the first time) ...")
    chosen = stamp.with_name("soilcore-" + requirements.replace("/", "-"))
    chosen.write_text(wanted, encoding="utf-8")
    call = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "-r", str(chosen)]
    if subprocess.run(call, check=False).returncode != 0:
        raise NotAvailableError("pip could not install the packages (reason above). Mend that and run the same command again; nothing done is lost.")
    stamp.write_text(json.dumps({**stamps, requirements: digest}, indent=1) + "\n", encoding="utf-8")


def _read_stamps(stamp):
    try:
        return json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _whole(requirements):
    """Hash of the unfiltered list: an environment with torch serves a call without it, too."""
    lines = (ROOT / requirements).read_text(encoding="utf-8").splitlines()
    return hashlib.sha256(("\n".join(lines) + "\n").encode()).hexdigest()


def run_tests(python, arguments):
    """Run pytest in the checkout and return its exit code; all tests, where nothing is said, in two processes."""
    return subprocess.run([str(python), "-m", "pytest", *(arguments or IN_TWO_PROCESSES)], cwd=ROOT, check=False).returncode


def run_app(python, port=None, browser=True, arguments=()):
    """Run the server until it is stopped and return its exit code.

    Parameters
    ----------
    python : path
    port : int, optional
        The first free one from 8501 on if not given.
    browser : bool
        Whether a browser window is opened once the server answers.
    arguments : sequence of str
        Further options of ``streamlit run``.
    """
    port = port or free_port()
    call = [str(python), "-m", "streamlit", "run", "app.py", "--server.port", str(port), *arguments]
    server = subprocess.Popen(call, cwd=ROOT)
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda *_: server.terminate())
    if browser:
        threading.Thread(target=_open_browser, args=(server, port), daemon=True).start()
    while True:
        try:
            return server.wait()
        except KeyboardInterrupt:  # the server has had it, too, and ends its jobs before it goes
            continue


def free_port(first=_FIRST_PORT):
    """The first port from `first` on that nobody listens on."""
    for port in range(first, first + 100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise NotAvailableError(f"Ports {first} to {first + 99} are all taken. Name a free one with --port.")


def _open_browser(server, port):
    url, end = f"http://127.0.0.1:{port}", time.monotonic() + _START_SECONDS
    while server.poll() is None and time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
                break
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    if server.poll() is None:
        _say(f"soilcore is open at {url}; Ctrl-C here ends it.")
        webbrowser.open(url)


def _say(text):
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
