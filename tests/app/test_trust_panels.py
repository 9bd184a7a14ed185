"""What the model page says of trust, on results that were really computed: cards, pairs, ground, distances, intervals, area, leakage."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pages.ui import cached, scored
from soilcore.evaluation.splits import SplitSettings
from tests.app.field import charts, finished_job, labels, make_field, shown, words
from tests.app.helpers import button

REPEATED = "Pedon_key,depth,clay,wet,slope,height,log_ec\n" + "".join(
    f"p{p},{10 * d},{20 + 3 * p},{p * 7 % 11},{p * 5 % 13},{p * 3 % 16},{1 + p * 7 % 5 + 0.1 * d:.1f}\n" for p in range(16) for d in range(4)
)


@pytest.fixture
def page(front_door, field_with_results):
    """The model page on the comparison."""
    return front_door("model", project=field_with_results.id)


def do(test, task):
    """Choose what to do on the page."""
    next(one for one in test.button_group if one.key.startswith("model.task")).set_value(task).run()
    assert not test.exception, test.exception
    return test


def look(test, view):
    """Choose one view behind the cards."""
    next(one for one in test.button_group if one.key.startswith("model.look")).set_value(view).run()
    assert not test.exception, test.exception
    return test


def the_facts(project):
    return json.loads(next(project.part("jobs").glob("*-compare-*/result.json")).read_text())["result"]


def test_the_honest_score_coverage_and_area_come_before_the_random_score(page, field_with_results):
    names = [metric.label for metric in page.metric]
    assert names == ["R², places not sampled", "Interval coverage", "Area of applicability", "R², random folds"]
    best = max(the_facts(field_with_results)["models"], key=lambda row: row["r2"])
    assert float(shown(page, "R², places not sampled")) == pytest.approx(best["r2"], abs=0.006)
    assert shown(page, "Interval coverage") == f"{100 * best['coverage_90']:.0f} %"
    assert shown(page, "Area of applicability") == f"{100 * best['aoa_share']:.0f} %"
    assert next(metric.delta for metric in page.metric if metric.label == "Area of applicability") == "of the map"


def test_another_learners_cards_are_its_own(page, field_with_results):
    page.button_group(key="model.pairs.mean+plsr").set_value("mean").run()
    row = next(row for row in the_facts(field_with_results)["models"] if row["name"] == "mean")
    assert float(shown(page, "R², places not sampled")) == pytest.approx(row["r2"], abs=0.006)
    assert "explains hardly anything" in words(page)
    assert button(page, "Train and keep mean")


def test_pairs_carry_intervals_and_count_those_outside(page, field_with_results):
    facts = the_facts(field_with_results)
    name = max(facts["models"], key=lambda row: row["r2"])["name"]
    observed, bounds = np.array(facts["predictions"]["observed"]), facts["intervals"][name]
    missed = int(((observed < np.array(bounds["lower"], float)) | (observed > np.array(bounds["upper"], float))).sum())
    (chart,) = charts(look(page, "Observed and predicted"))
    assert f"outside its interval: {missed}" in chart
    assert '"symbol": "diamond"' in chart
    table = page.dataframe[0].value
    assert {"lower", "upper", "inside", "fold", "x", "y"} <= set(table.columns)
    assert "CSV" in labels(page, "download_button")


def test_residuals_and_folds_are_drawn_in_metres_with_marks_beside_colours(page):
    errors, folds = charts(look(page, "On the ground"))
    assert "triangle-up" in errors
    assert "predicted too low" in errors
    assert "easting (m)" in errors
    assert [f"fold {number}" in folds for number in (1, 2, 3)] == [True] * 3
    assert all(mark in folds for mark in ("circle", "square", "diamond"))
    assert "residual" in page.dataframe[0].value


def test_distances_and_variograms_of_target_and_errors_can_be_seen(page):
    curves, variogram = charts(look(page, "Distances"))
    assert "from the map to the nearest sample" in curves
    assert "semivariance (dS/m)²" in variogram
    page.button_group(key="model.variogram").set_value("errors that remain").run()
    assert not page.exception
    assert charts(page)[1] != variogram
    assert any(word in words(page) for word in ("Kriging can use this", "Nothing here for kriging"))


def test_coverage_is_shown_by_part_and_at_every_level(page):
    parts, levels = charts(look(page, "Intervals"))
    assert "promised 90%" in parts
    assert "as promised" in levels
    table = page.dataframe[0].value
    assert table["part"].iloc[0] == "all samples"
    assert {"inside the area of applicability", "fold 1", "fold 3"} <= set(table["part"])
    assert page.dataframe[1].value["level"].tolist() == [0.5, 0.8, 0.9, 0.95]


def test_the_area_of_applicability_shows_expected_error_and_what_counts(page):
    error, weights = charts(look(page, "Applicability"))
    assert "limit of the area" in error
    assert "weight in the dissimilarity" in weights
    assert set(page.dataframe[1].value["predictor"]) == {"B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "S1", "S2"}


def test_the_leakage_report_is_of_this_learner_in_words_and_marks(page):
    text = words(look(page, "Leakage check"))
    assert "Ruled out" in text
    assert "Everything learned inside the folds" in text
    assert ":material/check_circle:" in text
    assert "--" not in text.replace("---", "")


def test_a_kept_model_shows_the_same_views_as_a_comparison(page):
    do(page, "Train and keep one")
    assert shown(page, "Interval coverage").endswith(" %")
    for view in ("On the ground", "Distances", "Intervals", "Applicability", "Leakage check"):
        look(page, view)
    assert charts(look(page, "On the ground"))


def test_a_model_from_before_there_was_trust_says_so(page, field_with_results, monkeypatch):
    from soilcore.models.archive import load_model

    whole = load_model(field_with_results.part("models") / "plsr-1")
    scores = {name: value for name, value in whole.scores.items() if name not in ("coverage_90", "width_90", "aoa_share")}
    monkeypatch.setattr(cached, "model", lambda identifier: replace(whole, trust={}, scores=scores))
    do(page, "Train and keep one")
    assert "Train it again" in words(page)
    assert shown(page, "Interval coverage") == "–"


def test_learning_curves_come_with_their_verdict(page):
    do(page, "Learning curve")
    assert any(verdict in words(page) for verdict in ("Still rising.", "Flat.", "Below the mean model."))
    (chart,) = charts(page)
    assert "training samples" in chart
    assert list(page.dataframe[0].value["n"]) == sorted(page.dataframe[0].value["n"])


def test_the_layout_of_the_samples_suggests_the_folds(front_door, workspace, demo):
    test = front_door("model", project=make_field(workspace, demo).id)
    assert test.radio[0].value == "knndm"
    assert any("suggested" in option for option in test.radio[0].options)
    assert "Your samples are" in words(test)
    assert "samples." in words(test)


def test_profiles_in_several_rows_are_found_and_one_click_keeps_them_whole(front_door, workspace, demo):
    project = make_field(workspace, demo, table=REPEATED, scene=False, settings={"target": "log_ec"})
    test = front_door("model", project=project.id)
    test.radio[0].set_value("random").run()
    assert any("form" in warning.value and "Pedon" in warning.value for warning in test.warning)
    button(test, "Use whole groups of Pedon_key").click().run()
    assert not test.exception
    assert test.radio[0].value == "group"
    assert not test.warning
    assert "whole groups of Pedon" in words(test)


def test_folds_that_cannot_be_made_say_why_at_once(front_door, workspace, demo):
    test = front_door("model", project=make_field(workspace, demo).id)
    test.radio[0].set_value("block").run()
    test.number_input(key="model.block").set_value(1e6).run()
    assert not test.exception
    assert test.error


def test_what_matched_folds_mean_is_said_when_they_are_random_ones():
    row = {"name": "rf", "r2": 0.3, "r2_random": 0.45}
    from pages.ui import trust_cards

    random = scored.Scored("k", "rf", "rf", "dS/m", "kNNDM, 5 random folds", row, None)
    assert "one score says both" in trust_cards._which(random)
    clustered = scored.Scored("k", "rf", "rf", "dS/m", "kNNDM, 12 clusters, 5 folds", row, None)
    assert "most of the map has none" in trust_cards._which(clustered)
    spread = {"design": {"kind": "random", "suggested_cv": "random"}}
    blocks = scored.Scored("k", "rf", "rf", "dS/m", "blocks of 846 m, 5 folds", row, None, shared=spread)
    assert "places far from all samples" in trust_cards._which(blocks)


def test_what_auto_did_is_shown_of_its_model(front_door, workspace, demo):
    from soilcore.models.settings import FitSettings
    from soilcore.project.settings import TrainTask
    from tests.app.field import work_of
    from tests.app.results import FEW

    project = make_field(workspace, demo)
    fit = FitSettings("log1p", trials=0, budget=0.01)  # its first members only
    task = TrainTask(work_of(workspace, project).inputs(features=FEW), "auto", "models/auto-1", SplitSettings("random", 2), fit, permutations=0)
    finished_job(project, "train", task)
    test = front_door("model", project=project.id)
    look(test, "What auto did")
    assert "weighed by how well they predicted" in words(test) or "predicts the mean" in words(test)
    assert "Not fitted within the time" in words(test)
