"""Fixtures of the app's tests: a workspace of their own, pages run through the front door, jobs that end with the test, results made once."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session", autouse=True)
def _components_looked_for_once():
    """Each page test would read the metadata of every installed package again, as a server does when it starts: half of its time."""
    from functools import cache

    from streamlit.components.v2 import manifest_scanner

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


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
        if page is not None:
            test.switch_page(f"{page}.py")
        test.run()
        assert not test.exception, test.exception
        return test

    return run


@pytest.fixture(scope="session")
def finished_field(demo, tmp_path_factory):
    """A project in which everything was really done once, small: a comparison, a trained model, its map, a learning curve. Copy it, never change it."""
    from tests.app.results import make_finished_field

    return make_finished_field(tmp_path_factory.mktemp("finished"), demo)


@pytest.fixture
def field_with_results(workspace, finished_field):
    """A copy of the finished project of one's own."""
    from tests.app.helpers import copy_of

    return copy_of(finished_field.folder, workspace)


@pytest.fixture(scope="session")
def two_steps(demo, tmp_path_factory):
    """A project with the result of two steps on EC of an extract. Copy it, never change it."""
    from tests.app.results import make_two_steps

    return make_two_steps(tmp_path_factory.mktemp("two-steps"), demo)


@pytest.fixture
def field_with_two_steps(workspace, two_steps):
    """A copy of it of one's own."""
    from tests.app.helpers import copy_of

    return copy_of(two_steps.folder, workspace)
