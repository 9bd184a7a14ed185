"""A small project for the page tests: the fixture `demo` as a person would have uploaded it, and jobs that were really run."""

import json
import shutil
import time
from contextlib import chdir

from pages.ui import session
from soilcore.core.files import write_json
from soilcore.core.settings import to_plain
from soilcore.project.folder import Project
from soilcore.project.tasks import run_task

TARGET = {"target": "ece_dS_m"}


def make_field(workspace, demo, samples="samples.csv", scene=True, table=None, settings=TARGET):
    """A project with a table and an image; `table` is the text of another table than the demo's."""
    project = Project.create(workspace, "Field")
    if samples:
        content = (demo / "samples.csv").read_bytes() if table is None else table.encode()
        (project.part("samples") / samples).write_bytes(content)
        project.remember(sample_file=samples, sample_settings=settings, target=settings.get("target"))
    if scene:
        shutil.copy(demo / "scene.tif", project.part("scenes") / "scene.tif")
        project.remember(scene_files=["scene.tif"])
    return project


def work_of(workspace, project):
    """What a page knows of the project."""
    return session.Work(workspace, project)


def finished_job(project, kind, task, facts=None):
    """Run a task here instead of in a child process, and leave the files of a finished job."""
    with chdir(project.folder):
        facts = run_task(kind, task) if facts is None else facts
    folder = project.part("jobs") / f"done-{kind}-{len(project.items('jobs'))}"
    folder.mkdir(parents=True)
    write_json(folder / "spec.json", {"kind": kind, "settings": to_plain(task), "label": kind, "created": time.time()})
    write_json(folder / "result.json", {"result": facts})
    return facts


def words(test):
    """Everything a person reads outside tables and charts."""
    kinds = (test.title, test.subheader, test.markdown, test.caption, test.info, test.warning, test.error, test.success)
    return " ".join(str(element.value) for kind in kinds for element in kind)


def labels(test, kind):
    """Labels of one kind of element."""
    return [element.proto.label for element in test.get(kind)]


def shown(test, label):
    """A metric's value."""
    return next(metric.value for metric in test.metric if metric.label == label)


def field(test, label):
    """The one selectbox of that label."""
    return next(box for box in test.selectbox if box.label == label)


def charts(test):
    """The text of every chart, with signs as people read them."""
    return [json.dumps(json.loads(chart.proto.spec), ensure_ascii=False) for chart in test.get("plotly_chart")]


def drawn(test):
    """What the page's one map was given."""
    found = test.get("component_instance")
    assert len(found) == 1
    return json.loads(found[0].proto.json_args)


def open_section(test, name, key="imagery.section"):
    """Open one part of a page."""
    test.button_group(key=key).set_value(name).run()
    assert not test.exception, test.exception
    return test
