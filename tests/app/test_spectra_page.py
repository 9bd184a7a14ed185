"""The spectra page in every state: what is missing, libraries that arrive or are refused, steps, scores, explanations, predictions that become samples."""

import json
import subprocess
import sys
import time
from functools import partial

import pytest

from pages.ui import session
from soilcore.core.files import write_json
from soilcore.core.settings import to_plain
from soilcore.data.samples import SampleSettings
from soilcore.data.spectra_set import SpectraSettings
from soilcore.project.folder import Project
from soilcore.project.spectra_settings import SpectraTrainTask
from tests.app.field import charts, field, labels, open_section, shown, words
from tests.app.helpers import ROOT, button, copy_of
from tests.app.spectral_field import FILE, MODEL, NEW, QUICK, SETTINGS, library_table, library_text, make_finished_library, make_library

open_part = partial(open_section, key="spectra.part")
PARTS = ("library", "steps", "models", "kept", "explain", "predict")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Everything done once; copied, never changed."""
    return make_finished_library(tmp_path_factory.mktemp("spectra"))


@pytest.fixture
def done(workspace, finished):
    return copy_of(finished.folder, workspace)


def at_part(front_door, project, name):
    return open_part(front_door("spectra", project=project.id), name)


def look(test, view):
    """Open one view of a result."""
    next(group for group in test.button_group if group.label == "Look at").set_value(view).run()
    assert not test.exception, test.exception
    return words(test)


def upload(test, name, content):
    test.get("file_uploader")[0].upload(name, content, "text/csv").run()
    assert not test.exception, test.exception
    return test


def works(test):
    return test.session_state[session.KEY]


def test_the_page_needs_a_project(front_door):
    assert "demo or a project first" in front_door("spectra").info[0].value


def test_every_part_of_an_empty_page_says_what_to_do(front_door, workspace):
    project = Project.create(workspace, "Empty")
    test = front_door("spectra", project=project.id)
    assert "Upload spectra with laboratory values" in words(test)
    assert "Make an example library of 400 spectra" in [one.label for one in test.button]
    for name in PARTS[1:3]:
        assert "Choose a library of spectra first" in words(open_part(test, name))
    for name in PARTS[3:]:
        assert "No model of spectra yet" in words(open_part(test, name))


def test_an_uploaded_library_is_read_and_said_how(front_door, workspace):
    project = Project.create(workspace, "Field")
    test = upload(front_door("spectra", project=project.id), "mir.csv", library_text(samples=40).encode())
    assert (project.part("spectra") / "mir.csv").is_file()
    assert shown(test, "Spectra") == "40"
    said = words(test)
    assert "Read as absorbance" in said
    assert "unit of the axis" in said and "cm-1" in said
    spectra = charts(test)[0]
    assert "wavenumber (cm⁻¹)" in spectra and "absorbance (log10 1/R)" in spectra
    assert "organic matter" in spectra and "Aliphatic C-H" in spectra
    ends = json.loads(spectra)["layout"]["xaxis"]["range"]
    assert ends[0] > 3900 and ends[1] < 700  # wavenumbers fall to the right


def test_a_file_that_holds_no_spectra_is_refused_and_not_kept(front_door, workspace):
    project = Project.create(workspace, "Field")
    test = front_door("spectra", project=project.id)
    for name, content, why in (
        ("plain.csv", b"id,ec\na,1\nb,2\n", "spectr"),
        ("scan.0", b"this is no instrument file at all, though its name says so", "OPUS"),
        ("empty.csv", b"", "empty"),
    ):
        upload(test, name, content)
        assert why in test.error[0].value
        assert project.items("spectra") == []


def test_a_library_of_the_same_name_lies_beside_the_earlier_one(front_door, workspace):
    project = Project.create(workspace, "Field")
    (project.part("spectra") / "mir.csv").write_text(library_text(samples=20), encoding="utf-8")
    project.remember(spectra_file="mir.csv")
    test = upload(front_door("spectra", project=project.id), "mir.csv", library_text(samples=25, seed=3).encode())
    kept = project.items("spectra")
    assert len(kept) == 2 and "mir.csv" in kept  # an earlier library is never written over
    assert shown(test, "Spectra") == "25"
    assert field(test, "Library").value == works(test).spectra_file != "mir.csv"


def test_files_that_come_together_become_one_library(front_door, workspace):
    project = Project.create(workspace, "Field")
    test = front_door("spectra", project=project.id)
    parts = [(f"part{seed}.csv", library_text(samples=15, seed=seed).encode(), "text/csv") for seed in (1, 2)]
    test.get("file_uploader")[0].set_value(parts).run()
    assert not test.exception and not test.error
    (folder,) = project.items("spectra")
    assert sorted(path.name for path in (project.part("spectra") / folder).iterdir()) == ["part1.csv", "part2.csv"]
    assert shown(test, "Spectra") == "30"


def test_a_detection_limit_leaves_samples_out_and_says_how_many(front_door, workspace):
    project = make_library(workspace)
    test = front_door("spectra", project=project.id)
    before = int(shown(test, "Spectra"))
    next(one for one in test.number_input if one.label == "Detection limit").set_value(0.12)
    button(test, "Read it so").click().run()
    assert not test.exception
    left = int(shown(test, "Spectra"))
    assert 0 < left < before
    assert works(test).spectra_settings.table.detection_limit == 0.12
    table = test.table[0].value.to_string()
    assert f"{before - left} of {before} samples" in table


def test_a_library_that_needs_an_answer_is_kept_and_the_question_asked(front_door, workspace):
    project = make_library(workspace, SpectraSettings(table=SampleSettings(target="no_such_column")))
    test = front_door("spectra", project=project.id)
    assert "which the table does not have" in test.error[0].value
    button(test, "Forget the answers and read it afresh").click().run()
    assert not test.exception and not test.error
    assert shown(test, "Spectra") == "150"


def test_preprocessing_shows_before_and_after_and_keeps_the_steps_for_models(front_door, workspace):
    project = make_library(workspace)
    test = at_part(front_door, project, "steps")
    before, after = charts(test)[:2]
    assert "absorbance (log10 1/R)" in before and "scaled (no unit)" in after
    assert "middle 90 %" in before
    test.selectbox(key="spectra.steps.co2").set_value("co2:drop").run()
    button(test, "Use these steps for models").click().run()
    assert project.state()["spectra_steps"] == "snv,sg:11:1:1,co2:drop"
    open_part(test, "models")
    assert "snv,sg:11:1:1,co2:drop" in words(test)


def test_typed_steps_that_cannot_be_are_answered_with_the_grammar(front_door, workspace):
    test = at_part(front_door, make_library(workspace), "steps")
    test.toggle(key="spectra.steps.typed").set_value(True).run()
    test.text_input(key="spectra.steps.text").set_value("snv,msc").run()
    assert "needs the mean of all spectra" in test.error[0].value


def test_an_official_split_comes_first_and_whole_groups_where_there_are_many(front_door, workspace):
    table = library_table(samples=60)
    table.insert(1, "train", [int(i % 4 > 0) for i in range(60)])
    table.insert(2, "profile", [f"p{i % 20}" for i in range(60)])
    for columns, wanted in ((["train"], "split"), (["profile"], "group"), ([], "holdout")):
        kept = table.drop(columns=[name for name in ("train", "profile") if name not in columns])
        project = Project.create(workspace, wanted)
        (project.part("spectra") / FILE).write_text(kept.to_csv(index=False), encoding="utf-8")
        settings = SpectraSettings(table=SampleSettings(target="kex_cmol_kg"), group="profile" if columns == ["profile"] else None)
        project.remember(spectra_file=FILE, spectra_settings={k: v for k, v in to_plain(settings).items() if k != "paths"})
        test = at_part(front_door, project, "models")
        scheme = next(one for one in test.radio if one.label == "How the library is divided")
        assert scheme.value == wanted
        assert any("suggested" in option for option in scheme.options)


def test_comparing_asks_for_what_stands_on_the_page(front_door, workspace, monkeypatch):
    from soilcore.project import jobs

    asked = []
    monkeypatch.setattr(jobs, "start_job", lambda folder, kind, settings, label="", **_: asked.append((kind, settings)))
    test = at_part(front_door, make_library(workspace), "models")
    test.multiselect(key="spectra.models").set_value(["plsr", "spectra-cnn"])
    test.number_input(key="spectra.seeds").set_value(3)
    test.number_input(key="spectra.net.epochs").set_value(7)
    test.toggle(key="spectra.curve").set_value(True)
    test.toggle(key="spectra.local").set_value(True).run()
    button(test, "Compare 2").click().run()
    ((kind, task),) = asked
    assert kind == "spectra-compare"
    assert (task.models, task.seeds, task.curve, task.local) == (("plsr", "spectra-cnn"), 3, (), True)
    assert task.fit.network.epochs == 7
    assert task.spectra.table.target == "kex_cmol_kg"


def test_a_comparison_shows_the_honest_score_first_and_everything_behind_it(front_door, done):
    test = at_part(front_door, done, "models")
    cards = [metric.label for metric in test.metric]
    assert cards[0] == "R², spectra held back" and "Interval coverage" in cards
    assert "For new sites score with whole groups" in words(test)
    assert test.dataframe[0].value["name"].tolist() == ["mean", "plsr"]
    for view, said in (
        ("Learning curve", "ahead of mean"),
        ("Whole library or group", "trained on them alone"),
        ("By group", "useless for one kind of soil"),
        ("Distribution", "of the spread of the observed values"),
        ("Observed and predicted", "Target kex"),
        ("Intervals", "errors of the folds"),
        ("Leakage check", "ways in which a score can flatter itself"),
    ):
        assert said in look(test, view), view
        if view != "Leakage check":
            assert charts(test) and "The numbers behind it" in labels(test, "expander")


def test_a_result_for_another_library_is_called_out_of_date(front_door, done):
    done.remember(spectra_file=NEW)
    test = at_part(front_door, done, "models")
    assert "not for what is chosen now" in words(test)


@pytest.fixture(scope="module")
def with_network(tmp_path_factory):
    """A comparison in which the network really learned; in a process of its own, where torch may live."""
    folder = tmp_path_factory.mktemp("network")
    ran = subprocess.run([sys.executable, "-m", "tests.app.spectral_field", str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return next(folder.iterdir())


def test_validation_loss_by_group_is_drawn_over_the_epochs(front_door, workspace, with_network):
    test = at_part(front_door, copy_of(with_network, workspace), "models")
    assert "Validation loss of each group over the epochs" in look(test, "By group")
    assert "Mean validation loss over 2 folds" in words(test)
    which = next(group for group in test.button_group if group.label == "Training")
    assert which.options == ["all together", "fold 1", "fold 2"]
    together = json.loads(charts(test)[1])
    assert {trace["name"] for trace in together["data"]} <= {"mollisols", "aridisols", "spodosols", "vertisols", "oxisols", "histosols"}
    assert len(together["data"]) > 1
    which.set_value("fold 2").run()
    assert "Mean validation loss" not in words(test)
    assert {trace["name"] for trace in json.loads(charts(test)[1])["data"]} <= {trace["name"] for trace in together["data"]}
    look(test, "Training")
    assert "held back" in charts(test)[0]


def test_a_stopped_training_can_be_taken_up_again(front_door, workspace):
    project = make_library(workspace)
    folder = project.part("jobs") / "stopped-1"
    folder.mkdir()
    task = to_plain(SpectraTrainTask(SETTINGS, "spectra-cnn", "models/spectral-cnn-1", fit=QUICK))
    write_json(folder / "spec.json", {"kind": "spectra-train", "settings": task, "label": "Training on spectra", "created": time.time()})
    write_json(folder / "error.json", {"state": "stopped", "message": "stopped"})
    row = {"kind": "epoch", "fit": "spectra-cnn", "epoch": 3, "epochs": 9, "loss": 1.0, "validation_loss": 1.2, "learning_rate": 0.1, "device": "cpu"}
    (folder / "rows.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    test = front_door("spectra", project=project.id)
    assert "Take it up again" in [one.label for one in test.button]


def test_a_kept_model_is_shown_whole_and_stays_away_from_the_maps(front_door, done):
    test = at_part(front_door, done, "kept")
    assert field(test, "Kept model").value == MODEL
    said = words(test)
    assert "Partial least squares regression of kex" in said and "training, validation and test 80/10/10" in said
    assert "By group" in next(group for group in test.button_group if group.label == "Look at").options
    assert works(test).models == [] and works(test).spectral_models == [MODEL]


def test_an_explanation_names_absorptions_and_compares_groups(front_door, done):
    test = at_part(front_door, done, "explain")
    assert "times chance" in words(test)
    assert "wavenumber (cm⁻¹)" in charts(test)[0] and "clay minerals" in charts(test)[0]
    test.button_group(key="spectra.explain.which").set_value("profiles").run()
    assert "sd between seeds" in charts(test)[0]
    look(test, "Absorptions")
    assert {"name", "constituent", "share", "density", "sources"} <= set(test.dataframe[0].value.columns)
    look(test, "Likeness of groups")
    assert "Pearson correlation" in charts(test)[0]
    assert test.dataframe[-1].value["group"].tolist()[0] == "all"


def test_new_spectra_get_an_interval_and_a_word_on_whether_the_model_knows_them(front_door, done):
    test = at_part(front_door, done, "predict")
    assert field(test, "Spectra to predict").value == NEW
    assert (shown(test, "Spectra"), shown(test, "Like the library")[-1]) == ("30", "%")
    assert {"lower", "upper", "inside", "x", "y"} <= set(test.dataframe[0].value.columns)
    assert {"Predictions as CSV", "GeoPackage for QGIS"} <= set(labels(test, "download_button"))
    assert "like the library (" in charts(test)[0]


def test_predictions_become_the_samples_of_the_map_chain(front_door, done):
    test = at_part(front_door, done, "predict")
    button(test, "Use the predictions as samples").click().run()
    assert not test.exception
    assert "are now the samples of this project" in test.success[0].value
    test.switch_page("samples.py").run()
    assert not test.exception
    assert shown(test, "Coordinates") == "yes"
    assert "kex_cmol_kg_predicted" in shown(test, "Target")
    assert int(shown(test, "Samples")) == int(done_inside(done))


def done_inside(project):
    """How many of the predicted spectra the model knows."""
    job = next(folder for folder in project.part("jobs").iterdir() if "predict" in folder.name)
    return sum(json.loads((job / "result.json").read_text())["result"]["predictions"]["inside"])
