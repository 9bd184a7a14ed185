"""Fixtures shared by every test."""

import gc
import json
import os
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORACLES = Path(__file__).resolve().parent / "oracles"
FIRST = (  # files that take longest, so that no worker is left alone with one at the end; the first makes the demo that later ones copy
    "tests/app/test_demo_project.py",
    "tests/engine/models/test_leak_freedom.py",
    "tests/browser/test_journey.py",
    "tests/browser/test_networks.py",
    "tests/engine/models/test_two_step.py",
    "tests/engine/models/test_auto.py",
    "tests/browser/test_own_data.py",
    "tests/engine/models/test_compiled.py",
    "tests/engine/project/test_cli.py",
    "tests/browser/test_imagery.py",
    "tests/browser/test_spectra.py",
    "tests/browser/test_people.py",
    "tests/engine/project/test_network_commands.py",
    "tests/app/test_networks.py",
    "tests/app/test_map.py",
    "tests/engine/project/test_imagery_commands.py",
    "tests/engine/features/test_terrain.py",
    "tests/engine/data/test_fetch.py",
    "tests/engine/explanation/test_layers.py",
    "tests/engine/explanation/test_network_layers.py",
    "tests/engine/trust/test_coverage.py",
    "tests/engine/models/test_kriging_learners.py",
    "tests/app/test_imagery_products.py",
    "tests/app/test_model_page.py",
    "tests/app/test_jobs.py",
    "tests/app/test_indices_page.py",
    "tests/app/test_imagery_predictors.py",
)


def pytest_configure(config):
    """Kernels are compiled once per run: workers, and the processes that tests start, find the machine code of the others."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # two workers share the cores: threads that spin would take them from each other
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # and so would threads of their own: a tenth of the time
    if "NUMBA_CACHE_DIR" not in os.environ:
        os.environ["NUMBA_CACHE_DIR"] = config.kernels_of_the_run = tempfile.mkdtemp(prefix="soilcore-kernels-")


def pytest_unconfigure(config):
    if made := getattr(config, "kernels_of_the_run", None):
        shutil.rmtree(made, ignore_errors=True)
        del os.environ["NUMBA_CACHE_DIR"]


def pytest_collection_modifyitems(items):
    """Begin with the files that take longest; order within a file stays."""
    place = {name: number for number, name in enumerate(FIRST)}
    items.sort(key=lambda item: place.get(item.nodeid.split("::")[0], len(place)))


def pytest_collection_finish():
    """What the imported modules and the collected tests hold stays until the end: the collector of garbage need not look through it again."""
    gc.collect()
    gc.freeze()


def _shared_folder():
    named = os.environ.get("SOILCORE_SHARED_DATA")
    return Path(named) if named else ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real data beside the checkout; tests that need it skip where it is absent, and fail in CI."""
    folder = _shared_folder()
    if not folder.is_dir():
        reason = f"real data not found in {folder}; set SOILCORE_SHARED_DATA to its folder"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Derived rasters of tests go to a folder of their own."""
    os.environ["SOILCORE_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def oracle():
    """Read one file of reference numbers: ``oracle("metrics")``."""

    def read(name):
        return json.loads((ORACLES / f"{name}.json").read_text(encoding="utf-8"))

    return read


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """A small synthetic coast on disk, made once: 96 x 96 pixels, 60 samples, two dates."""
    from soilcore.data.landscape_files import make_coast

    folder = tmp_path_factory.mktemp("demo") / "coast"
    make_coast(folder, size=96, cell=20.0, samples=60, dates=2, seed=3)
    return folder


@pytest.fixture(scope="session")
def demo_template(tmp_path_factory):
    """The demo project, made once by the engine's own script for all workers of a run, or the one named in SOILCORE_DEMO; copy it, never change it."""
    from soilcore.project.demo import ensure_template

    if named := os.environ.get("SOILCORE_DEMO"):
        return Path(named)
    folder = _folder_of_the_run(tmp_path_factory)
    with _alone(folder / "demo.lock"):
        return ensure_template(folder / "demo-template")


def _folder_of_the_run(tmp_path_factory):
    """A temporary folder that all workers of one run share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def _alone(lock, seconds=600):
    """Hold a file that only one process can make; wait for the one that has it."""
    end = time.monotonic() + seconds
    while True:
        try:
            lock.touch(exist_ok=False)
            break
        except FileExistsError:
            assert time.monotonic() < end, f"{lock} was not given back within {seconds} s"
            time.sleep(0.1)
    try:
        yield
    finally:
        lock.unlink()
