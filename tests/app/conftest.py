"""Fixtures of the app's tests: a workspace of their own, pages run through the front door, jobs that end with the test."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """An empty workspace folder, the one the pages see."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    monkeypatch.setenv("SOILCORE_WORKSPACE", str(folder))
    yield folder
    from soilcore.project import jobs

    jobs.stop_all(grace=1.0)


@pytest.fixture
def front_door(workspace):
    """Run the app from its frame: ``front_door(page="map", project="demo-1")``."""
    from streamlit.testing.v1 import AppTest

    def run(page=None, **address):
        test = AppTest.from_file(str(ROOT / "pages" / "frame.py"), default_timeout=60)
        for name, value in address.items():
            test.query_params[name] = value
        test.run()
        if page is not None:
            test.switch_page(f"{page}.py").run()
        assert not test.exception, test.exception
        return test

    return run
