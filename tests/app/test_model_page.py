"""The model page in every state: what is missing, comparisons that were really run, the table of paper 002, trained models."""

import re
import shutil

import pytest

from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.models.settings import FitSettings
from soilcore.project.folder import Project
from soilcore.project.settings import CompareTask, TrainTask
from tests.app.field import charts, field, finished_job, labels, make_field, shown, words, work_of
from tests.app.helpers import button, when_over

WITHOUT_PLACES = "site,ece_dS_m,Ca_mg,height_m,slope\n" + "".join(
    f"s{i % 4},{1 + (i * 7 % 11) * 0.7:.2f},{10 + i},{3 + i % 5},{i * 3 % 7}\n" for i in range(24)
)
FEW = FeatureSettings(bands=True)


@pytest.fixture
def project(workspace, demo):
    return make_field(workspace, demo)


def compare(workspace, project, models=("mean", "plsr"), scheme="block", **more):
    task = CompareTask(
        work_of(workspace, project).inputs(features=FEW),
        models,
        SplitSettings(scheme, 3),
        FitSettings("log1p", trials=0),
        predictions=True,
        permutations=0,
        **more,
    )
    return finished_job(project, "compare", task)


def choose(test, key, option):
    """Choose one option of a segmented control."""
    next(one for one in test.button_group if one.key.startswith(key)).set_value(option).run()
    assert not test.exception, test.exception


def test_each_missing_step_is_named(front_door, workspace, demo):
    assert "demo or a project first" in front_door("model").info[0].value
    Project.create(workspace, "Empty")
    assert "table of samples first" in front_door("model", project="empty").info[0].value


def test_before_any_comparison_the_page_says_what_to_press(front_door, project):
    test = front_door("model", project=project.id)
    assert "press Compare" in words(test)
    assert button(test, "Compare 5").disabled is False


def test_the_score_for_unsampled_places_comes_first_and_says_which_to_trust(front_door, workspace, project):
    facts = compare(workspace, project)
    test = front_door("model", project=project.id)
    cards = [metric.label for metric in test.metric]
    assert cards.index("R², places not sampled") < cards.index("R², random folds")
    assert "Trust the first score for" in words(test)
    assert ", ".join(map(str, facts["fold_sizes"])) in words(test)
    assert "random folds, for contrast" in charts(test)[0]
    table = test.dataframe[0].value
    assert {"r2", "coverage_90", "aoa_share", "r2_random", "rmse", "ccc", "rpiq"} <= set(table.columns)
    assert list(table.columns).index("coverage_90") < list(table.columns).index("r2_random")
    assert {"Scores as CSV", "Predictions of all as CSV"} <= set(labels(test, "download_button"))
    assert "Assumed: " in words(test)


def test_random_folds_come_with_a_warning(front_door, workspace, project):
    compare(workspace, project, scheme="random")
    test = front_door("model", project=project.id)
    assert "how good predictions are between samples" in words(test)
    assert "R², places not sampled" not in [metric.label for metric in test.metric]
    assert shown(test, "R², random folds") == "–"


def test_another_learners_pairs_and_logarithmic_axes_can_be_seen(front_door, workspace, project):
    compare(workspace, project)
    test = front_door("model", project=project.id)
    test.button_group(key="model.pairs.mean+plsr").set_value("mean").run()
    choose(test, "model.look", "Observed and predicted")
    test.toggle(key="model.scatter.log").set_value(True).run()
    assert not test.exception
    assert '"type": "log"' in charts(test)[0]
    assert "observed (dS/m)" in charts(test)[0]


def test_a_comparison_of_another_table_is_called_out_of_date(front_door, workspace, project):
    compare(workspace, project)
    project.remember(sample_settings={"target": "soc_g_kg"}, target="soc_g_kg")
    test = front_door("model", project=project.id)
    assert any("not for what is chosen now" in warning.value for warning in test.warning)


def test_the_table_of_paper_002_is_laid_out_with_scatter_for_every_method(front_door, workspace, project, monkeypatch):
    monkeypatch.setattr("soilcore.project.scoring.TABLE4_METHODS", dict.fromkeys(("Stacking", "XGBoost", "RF", "MLP", "PLSR"), "ridge"))
    sets = FeatureSettings(index_sets=("existing17_lan2025", "novel4_lan2025"))
    task = CompareTask(
        work_of(workspace, project).inputs(features=sets), ("mean",), SplitSettings("random", 3), FitSettings(trials=0), table4=True, permutations=0
    )
    finished_job(project, "compare", task)
    test = front_door("model", project=project.id)
    assert "Five methods, novel" in words(test)
    assert len(charts(test)) == 5
    assert all("calibration (resub)" in chart and "validation" in chart for chart in charts(test))
    assert len(test.dataframe[0].value) == 10
    assert len(test.dataframe[1].value) == 10
    test.button_group(key="model.set4").set_value("SI").run()
    assert not test.exception
    assert any("PLSR, SI" in chart for chart in charts(test))


def test_a_table_without_coordinates_offers_columns_and_no_blocks(front_door, workspace, demo):
    test = front_door("model", project=make_field(workspace, demo, table=WITHOUT_PLACES, scene=False).id)
    assert not any("Spatial blocks" in option for option in test.radio[0].options)
    assert "a map needs an image" in words(test)
    assert next(one for one in test.multiselect if one.label == "Table columns").value
    test.radio[0].set_value("group").run()
    assert not test.exception
    assert field(test, "Column").options[0] == "site"


def test_every_source_of_predictors_and_kind_of_folds_can_be_chosen(front_door, demo, project):
    shutil.copy(demo / "dem.tif", project.part("covariates") / "dem.tif")
    test = front_door("model", project=project.id)
    test.button_group(key="model.sources.bands+indices+rasters+table columns").set_value(["bands", "indices", "rasters", "table columns"]).run()
    assert not test.exception
    for kind in ("group", "folds", "random", "block"):
        test.radio[0].set_value(kind).run()
        assert not test.exception
    test.button_group(key="model.sources.bands+indices+rasters+table columns").set_value([]).run()
    assert not test.exception
    assert button(test, "Compare 5").disabled


def test_choices_survive_a_change_of_page(front_door, project):
    test = front_door("model", project=project.id)
    test.multiselect(key="model.models").set_value(["plsr", "ridge"])
    test.number_input(key="model.folds").set_value(4).run()
    test.switch_page("samples.py").run()
    test.switch_page("model.py").run()
    assert test.multiselect(key="model.models").value == ["plsr", "ridge"]
    assert test.number_input(key="model.folds").value == 4


def test_a_comparison_runs_as_a_job_from_the_button(front_door, project):
    test = front_door("model", project=project.id)
    test.multiselect(key="model.models").set_value(["mean", "plsr"]).run()
    button(test, "Compare 2").click().run()
    assert not test.exception
    assert button(test, "Compare 2").disabled
    when_over(test)
    assert float(shown(test, "R², places not sampled")) < 1


def test_a_failed_comparison_says_why(front_door, project):
    test = front_door("model", project=project.id)
    test.multiselect(key="model.models").set_value(["mean"])
    test.radio[0].set_value("block").run()
    test.number_input(key="model.block").set_value(1e6).run()
    button(test, "Compare 1").click().run()
    when_over(test, "failed")
    assert "failed after" in words(test)


def test_a_trained_model_shows_calibration_beside_validation(front_door, workspace, project):
    inputs = work_of(workspace, project).inputs(features=FEW)
    finished_job(
        project, "train", TrainTask(inputs, "plsr", "models/plsr-1", SplitSettings("block", 3), FitSettings("log1p", trials=0), permutations=0)
    )
    test = front_door("model", project=project.id)
    assert "Trained models" in words(test)
    row = test.dataframe[-1].value.iloc[0]
    assert (row["Model"], row["Learner"], row["Unit"]) == ("plsr-1", "plsr", "dS/m")
    assert "within its interval" in charts(test)[0]
    test.toggle(key="model.calibration").set_value(True).run()
    assert "calibration (resub)" in charts(test)[1]
    assert "validation" in charts(test)[1]
    project.remember(sample_file=None)
    shutil.move(project.part("samples") / "samples.csv", project.part("samples") / "other.csv")
    project.remember(sample_file="other.csv")
    test.run()
    assert not test.exception
    assert len(charts(test)) == 1
    assert "no longer what it was" in words(test)


def test_a_damaged_model_leaves_the_page_usable(front_door, workspace, project):
    folder = project.part("models") / "bad-1"
    folder.mkdir()
    (folder / "model.json").write_text("{")
    test = front_door("model", project=project.id)
    assert test.error
    assert button(test, "Train").disabled is False


def test_the_page_names_every_learner_in_words(front_door, project):
    options = front_door("model", project=project.id).multiselect(key="model.models").options
    assert "Random forest" in options
    assert not any(re.fullmatch(r"[a-z-]+", option) for option in options)
