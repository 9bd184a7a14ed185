"""Fixtures shared by every test."""

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORACLES = Path(__file__).resolve().parent / "oracles"


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
