"""Networks on the pages: what is said before training, curves of all fits, taking up again, a kept network's views, maps with a stride, and no torch in the server."""

import json
import subprocess
import sys
import time

import pytest

from pages.ui import network_pace, networks, session
from soilcore.core.errors import SettingsError
from soilcore.core.files import write_json
from soilcore.core.settings import to_plain
from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.models.settings import FitSettings, NetworkSettings
from soilcore.project.settings import CompareTask, InputSettings, LearningCurveTask, NetworkAttributeTask, TrainTask
from tests.app.field import charts, finished_job, labels, make_field, open_section, shown, words, work_of
from tests.app.helpers import ROOT, button, copy_of

NETWORK = "sssoilnet"


@pytest.fixture
def project(workspace, demo):
    import shutil

    project = make_field(workspace, demo)
    shutil.copy(demo / "dem.tif", project.part("covariates") / "dem.tif")
    return project


def task_of(workspace, project, kind=TrainTask, **network):
    features = FeatureSettings(bands=True, dem="covariates/dem.tif")
    fit = FitSettings("log1p", trials=0, jobs=1, device="cpu", network=NetworkSettings(**{"epochs": 2, "patch": 9, **network}))
    inputs, splits = work_of(workspace, project).inputs(features=features), SplitSettings("block", 2)
    if kind is CompareTask:
        return CompareTask(inputs, ("mean", NETWORK), splits, fit, predictions=True, permutations=0)
    return TrainTask(inputs, NETWORK, f"models/{NETWORK}-1", splits, fit, permutations=0)


def asked_for(monkeypatch):
    """Tasks that buttons ask for, as (kind, settings); none is begun."""
    asked = []

    def refuse(folder, kind, settings, label=""):
        asked.append((kind, settings))
        raise SettingsError("Not now.")

    monkeypatch.setattr("soilcore.project.jobs.start_job", refuse)
    return asked


def epochs(fit, count, first=1, **more):
    return [
        {"kind": "epoch", "fit": fit, "epoch": first + i, "epochs": 20, "loss": 1 / (first + i), "validation_loss": 1.1 / (first + i), "seconds": 0.5}
        | {"learning_rate": 1e-3, "device": "cpu", **more}
        for i in range(count)
    ]


def job_of(project, task, rows, state=None, kind="train"):
    """The folder of a job that told these rows, and how it ended."""
    folder = project.part("jobs") / f"{kind}-{len(project.items('jobs'))}"
    folder.mkdir(parents=True)
    write_json(folder / "spec.json", {"kind": kind, "settings": to_plain(task), "label": "Training: SS-SoilNet", "created": time.time()})
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if state:
        write_json(folder / "error.json", {"state": state, "message": "Stopped.", "findings": []})
    return folder


def test_a_chosen_network_is_called_one_with_what_it_reads_where_it_trains_and_how_long_that_takes(front_door, project):
    test = front_door("model", project=project.id)
    assert "Trained on the CPU" not in words(test)
    test.multiselect(key="model.models").set_value(["mean", "sssoilnet", "soilnet-small"]).run()
    assert not test.exception
    said = words(test)
    assert "37 indices" in said and "33 × 33 pixels" in said
    assert "for 2 networks" in said and "minute" in said
    assert "10 fits each" in said  # 5 folds, and as many random ones beside them


def test_quick_is_the_default_and_single_settings_rule_over_it(front_door, project):
    test = front_door("model", project=project.id)
    test.multiselect(key="model.models").set_value(["sssoilnet"])
    test.number_input(key="model.net.epochs").set_value(3).run()
    assert test.number_input(key="model.net.patch").placeholder == "33"
    test.button_group(key="model.net.pace").set_value(network_pace.OWN).run()
    assert test.number_input(key="model.net.patch").placeholder == "its own"


def test_estimates_follow_what_was_measured_here(workspace, project, monkeypatch):
    import streamlit as st

    monkeypatch.setitem(st.session_state, session.KEY, work_of(workspace, project))
    settings = NetworkSettings(epochs=10, patch=33)
    before, measured = network_pace.seconds(NETWORK, settings, 200, 11)
    assert not measured and before > 0
    job_of(project, task_of(workspace, project, epochs=4, patch=33), epochs(f"{NETWORK}: fold 1 of 2", 4, seconds=2.0), "stopped")
    after, measured = network_pace.seconds(NETWORK, settings, 200, 11)
    assert measured and after == pytest.approx(11 * (10 * 2.0 + 3), rel=0.1)
    assert not network_pace.seconds(NETWORK, NetworkSettings(epochs=10, patch=65), 200, 11)[1]
    assert not network_pace.seconds("soilnet-small", settings, 200, 11)[1]


def test_fits_and_members_are_told_apart():
    rows = epochs("a: fold 1 of 2", 3) + epochs("a: fold 2 of 2", 2) + epochs("a: fold 2 of 2", 2) + epochs("a, random folds: fold 1 of 2", 1)
    found = networks._fits(rows)
    assert [(name, len(frame)) for name, frame in found] == [
        ("a: fold 1 of 2", 3),
        ("a: fold 2 of 2", 2),
        ("a: fold 2 of 2, member 2", 2),
        ("a, random folds: fold 1 of 2", 1),
    ]


def test_a_stopped_training_can_be_taken_up_again(front_door, workspace, project, monkeypatch):
    rows = epochs(f"{NETWORK}: fold 1 of 2", 20) + epochs(f"{NETWORK}: fold 2 of 2", 7)
    job_of(project, task_of(workspace, project), rows, "stopped")
    test = front_door("model", project=project.id)
    assert "1 fit is finished and the next was at epoch 7" in words(test)
    started = asked_for(monkeypatch)
    button(test, "Take it up again").click().run()
    ((kind, settings),) = started
    assert (kind, settings["resume"], settings["out"]) == ("train", True, f"models/{NETWORK}-1")


def test_a_finished_training_offers_nothing_to_take_up(front_door, workspace, project):
    job_of(project, task_of(workspace, project), [], "failed")
    test = front_door("model", project=project.id)
    assert "Take it up again" not in [one.label for one in test.button]


def test_curves_of_a_running_job_are_seen_by_every_session(front_door, workspace, project, monkeypatch):
    from soilcore.project import jobs

    folder = job_of(project, task_of(workspace, project), epochs(f"{NETWORK}: fold 1 of 2", 5) + epochs(f"{NETWORK}: fold 2 of 2", 3))
    monkeypatch.setattr(jobs.Job, "status", lambda self: jobs.JobStatus("running", 0.4, "learning", 3.0))
    monkeypatch.setattr(jobs, "running_jobs", lambda: [jobs.Job(folder)])
    for _ in range(2):
        test = front_door("model", project=project.id)
        assert "Learning now" in words(test)
        assert "epoch 3 of at most 20" in words(test)
        drawn = charts(test)[0]
        assert "fold 1 of 2" in drawn and "fold 2 of 2" in drawn
    test.selectbox(key="model.live.fit").set_value(f"{NETWORK}: fold 1 of 2").run()
    assert "held back" in charts(test)[0]
    monkeypatch.undo()


@pytest.fixture(scope="module")
def trained(tmp_path_factory, demo):
    """A project with a network that was really trained and mapped, and a comparison with one; made in a process of its own, where torch may live."""
    workspace = tmp_path_factory.mktemp("networks")
    done = subprocess.run(
        [sys.executable, "-m", "tests.app.train_network", str(workspace), str(demo)], cwd=ROOT, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return workspace / "field"


@pytest.fixture
def field_with_network(workspace, trained):
    return copy_of(trained, workspace)


def test_a_kept_network_shows_how_it_learned_and_where_it_looked(front_door, field_with_network):
    test = front_door("model", project=field_with_network.id)
    next(one for one in test.button_group if one.key == "model.task." + _newest(field_with_network)).set_value("Train and keep one").run()
    look = next(one for one in test.button_group if one.key.startswith("model.look.model"))
    look.set_value("The network").run()
    assert not test.exception
    assert shown(test, "Trained on") == "CPU"
    assert "held back" in charts(test)[0]
    heat = next(chart for chart in charts(test) if "indices, vegetated" in chart)
    assert "profile curvature" in heat
    said = words(test)
    assert "no causal importance" in said
    assert "The gate between the branches" in said
    assert "Beside the samples it was fitted on" not in labels(test, "toggle")


def test_attributions_of_a_kept_network_are_a_job_and_shown_with_what_they_are_not(front_door, field_with_network, monkeypatch):
    started = asked_for(monkeypatch)
    features = ("SI", "NDVI", "S_1")
    rows = [
        {
            "input": "indices",
            "name": name,
            "mean": 0.0,
            "mean_abs": 0.1,
            "share": 0.3 - 0.05 * i,
            "noise": 0.1,
            "reliability": 0.9,
            "shown": i < 2,
            "reason": "",
        }
        for i, name in enumerate(features)
    ]
    facts = {"rows": rows, "n": 58, "draws": 24, "scale": "log1p of the target", "notes": [], "sentences": ["Attributions say what moved them."]}
    finished_job(field_with_network, "network-attribute", NetworkAttributeTask(f"models/{NETWORK}-1", InputSettings()), facts)
    test = front_door("model", project=field_with_network.id)
    next(one for one in test.button_group if one.key == "model.task." + _newest(field_with_network)).set_value("Train and keep one").run()
    next(one for one in test.button_group if one.key.startswith("model.look.model")).set_value("The network").run()
    assert not test.exception
    bars = charts(test)[-1]
    assert "index: SI" in bars and "index: S_1" not in bars
    assert "1 of 3 inputs are not drawn" in words(test) and "Attributions say what moved them" in words(test)
    button(test, "Attribute the predictions").click().run()
    ((kind, task),) = started
    assert (kind, task.model_dir, task.window) == ("network-attribute", f"models/{NETWORK}-1", False)
    assert task.inputs.features.dem == "covariates/dem.tif"


def test_a_comparison_sets_networks_beside_simpler_learners(front_door, field_with_network):
    test = front_door("model", project=field_with_network.id)
    look = next(one for one in test.button_group if one.key.startswith("model.look"))
    assert "Networks beside simpler ones" in look.options
    assert "Is the best one really better?" in words(test)
    look.set_value("Networks beside simpler ones").run()
    assert not test.exception
    assert "mean" in words(test)


def test_a_map_of_a_network_says_how_it_was_computed_and_what_the_stride_costs(front_door, field_with_network, monkeypatch):
    test = front_door("map", project=field_with_network.id)
    said = words(test)
    assert "pixels a second" in said and "computed on CPU" in said
    assert "interpolation is off by" in said
    started = asked_for(monkeypatch)
    stride = test.button_group(key=f"map.stride.{NETWORK}-1")
    assert "as measured on an earlier map here" in said
    stride.set_value(8).run()
    button(test, "Make the map").click().run()
    ((kind, task),) = started
    assert (kind, task.stride, task.device) == ("map", 8, "auto")
    assert (task.inputs.features.dem, task.inputs.features.covariates) == ("covariates/dem.tif", ())


def test_a_scenario_of_a_network_offers_what_it_reads_and_says_how_coarse_it_is(front_door, field_with_network, monkeypatch):
    test = front_door(project=field_with_network.id)
    test.session_state["change.part"] = "scenario"
    test.switch_page("change.py").run()
    assert not test.exception, test.exception
    said = words(test)
    assert "Every 8th pixel of the network was computed" in said and "interpolation is off by" in said
    assert "Mean difference" in [metric.label for metric in test.metric]
    started = asked_for(monkeypatch)
    test.button_group(key=f"scenario.stride.{NETWORK}-1").set_value(4).run()
    button(test, "Compute the scenario").click().run()
    ((kind, task),) = started
    assert (kind, task.stride, task.device) == ("scenario", 4, "auto")
    assert task.inputs.features.dem == "covariates/dem.tif"


def test_drivers_of_a_network_on_the_map_are_a_job_with_its_time_in_words(front_door, field_with_network, monkeypatch):
    test = front_door("explain", project=field_with_network.id)
    open_section(test, "maps", "explain.part.network")
    said = words(test)
    assert "moves the prediction most on" in said and "the layers miss the prediction by" in said
    assert "the noise of 4 draws" in said and "not every pixel is explained" in said
    started = asked_for(monkeypatch)
    test.selectbox(key=f"explain.maps.seconds.{NETWORK}-1").set_value(60.0).run()
    button(test, "Map the drivers").click().run()
    ((kind, task),) = started
    assert (kind, task.maps, task.summary, task.groups, task.step) == ("explain", True, False, True, None)
    assert task.places >= 100 and task.inputs.features.dem == "covariates/dem.tif"


def _newest(project):
    from soilcore.project import jobs

    done = [job for job in jobs.jobs_in(project.part("jobs")) if job.spec()["kind"] in ("compare", "train")]
    return max(done, key=lambda job: job.spec()["created"]).id


def test_no_page_brings_torch_into_the_server(trained, tmp_path):
    code = (
        "import sys\n"
        "from streamlit.testing.v1 import AppTest\n"
        "for page in ('start', 'samples', 'imagery', 'indices', 'model', 'map', 'spectra', 'change', 'explain'):\n"
        "    test = AppTest.from_file('pages/frame.py', default_timeout=120)\n"
        "    test.query_params['project'] = 'field'\n"
        "    test.session_state['change.part'], test.session_state['explain.part.network'] = 'scenario', 'maps'\n"
        "    test.run().switch_page(page + '.py').run()\n"
        "    assert not test.exception, (page, test.exception)\n"
        "    if page == 'model':\n"
        "        next(one for one in test.button_group if one.key.startswith('model.task')).set_value('Train and keep one').run()\n"
        "        assert not test.exception, test.exception\n"
        "    assert 'torch' not in sys.modules, page\n"
    )
    import os

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "SOILCORE_WORKSPACE": str(trained.parent)},
    )
    assert done.returncode == 0, done.stderr[-3000:]


CURVES = {
    "ahead": ((60, 0.2, 0.3), (120, 0.35, 0.38), (240, 0.5, 0.45), "not behind"),
    "meets": ((60, 0.0, 0.3), (120, 0.2, 0.38), (240, 0.38, 0.45), "would meet at about"),
    "apart": ((60, 0.2, 0.3), (120, 0.24, 0.38), (240, 0.25, 0.45), "do not draw nearer"),
}


@pytest.mark.parametrize("case", CURVES)
def test_two_learning_curves_tell_whether_there_are_samples_enough(case):
    from pages.ui import learning

    *sizes, words = CURVES[case]
    rows = [[{"n": size[0], "r2": size[number]} for size in sizes] for number in (1, 2)]
    sentence = learning._gate({"model": NETWORK, "rows": rows[0]}, {"model": "stacking", "rows": rows[1]})
    assert words in sentence
    assert ("Too few samples" in sentence) == (case != "ahead")


def test_the_curve_of_a_network_is_drawn_beside_that_of_a_simpler_learner(front_door, workspace, project):
    for model, gain in (("rf", 0.2), (NETWORK, 0.0)):
        rows = [{"n": n, "r2": r2 + gain, "rmse": 1.0, "r2_sd": 0.01} for n, r2 in ((20, 0.1), (40, 0.2), (60, 0.25))]
        facts = {"target": "ece_dS_m", "unit": "dS/m", "model": model, "cv": "knndm", "rows": rows, "verdict": "still-rising", "assumed": []}
        finished_job(project, "learning-curve", LearningCurveTask(work_of(workspace, project).inputs(), model), facts)
    test = front_door("model", project=project.id)
    assert "Random forest" in charts(test)[0] and "SS-SoilNet" in charts(test)[0]
    assert "Too few samples for this network; Random forest is better here" in words(test)
