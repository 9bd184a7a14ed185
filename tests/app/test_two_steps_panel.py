"""The panel of two steps on a result that was really computed: verdict, classes, classifiers with their baseline, thresholds, tails, conversions."""

import json

import pytest

from pages.ui import session
from soilcore.project import jobs
from tests.app.field import charts, make_field, shown, words
from tests.app.helpers import button


@pytest.fixture
def page(front_door, field_with_two_steps):
    """The model page; two steps were the last thing done."""
    return front_door("model", project=field_with_two_steps.id)


@pytest.fixture
def facts(two_steps):
    return json.loads(next(two_steps.part("jobs").glob("*/result.json")).read_text())["result"]


def look(test, view):
    next(one for one in test.button_group if one.key.startswith("model.dual.look")).set_value(view).run()
    assert not test.exception, test.exception
    return test


def test_the_verdict_comes_first_with_both_scores(page, facts):
    assert facts["verdict"].split(":")[0] in words(page)
    judged = facts["verdict_facts"]
    assert float(shown(page, "R², two steps")) == pytest.approx(judged["r2"], abs=0.006)
    assert float(shown(page, "R², one regression")) == pytest.approx(judged["r2_single"], abs=0.006)


def test_confusion_reliability_and_shares_say_what_was_counted(page, facts):
    confusion, reliability, shares = charts(page)
    assert str(facts["confusion"]["counts"][0][0]) in confusion
    assert "above 1 dS/m" in confusion
    assert "announced probability" in reliability
    assert "measured samples" in shares
    table = page.dataframe[2].value
    assert table["share"].sum() == pytest.approx(1)


def test_every_classifier_stands_beside_the_majority_and_the_prevalence(page):
    table = look(page, "Classifiers").dataframe[0].value
    assert len(table) == 7
    assert {"precision", "recall", "f1", "prevalence", "majority_f1", "majority_accuracy", "brier"} <= set(table.columns)
    assert table["brier"].is_monotonic_increasing


def test_single_regressions_are_scored_beside_both_mixes(page):
    table = look(page, "Beside one regression").dataframe[0].value
    assert {"dual-step soft", "dual-step hard", "ridge"} <= set(table["name"])
    assert set(table["steps"]) == {1, 2}


def test_thresholds_and_tau_have_curves(page):
    threshold, tau = charts(look(page, "Threshold"))
    assert "one regression for all" in threshold
    assert "taken" in threshold
    assert "(tau)" in tau


def test_observed_and_predicted_values_stand_side_by_side(page):
    (chart,) = charts(look(page, "Observed and predicted"))
    assert "observed" in chart
    assert "predicted, dual-step soft" in chart
    page.button_group(key="model.dual.distribution").set_value("ridge").run()
    assert "predicted, ridge" in charts(page)[0]


def test_conversions_show_what_counts_as_high(page):
    table = look(page, "Conversions").dataframe[0].value
    assert table["share_above_t"].nunique() > 1
    assert "above 2 dS/m by method" in words(page)


def test_before_it_was_tried_the_panel_says_what_for(front_door, workspace, demo):
    test = front_door("model", project=make_field(workspace, demo).id)
    next(one for one in test.button_group if one.key.startswith("model.task")).set_value("Two steps").run()
    assert not test.exception
    assert "Not tried yet" in words(test)


def test_several_limits_are_read_and_refused_in_words(page):
    page.button_group(key="model.dual.how").set_value("several").run()
    limits = next(one for one in page.text_input if one.key == "model.dual.edges")
    limits.set_value("4, 2").run()
    assert not page.exception
    assert "each larger than the one before" in words(page)
    assert button(page, "Try two steps").disabled
    limits.set_value("1; 2").run()
    assert not button(page, "Try two steps").disabled


def test_the_button_starts_the_task_with_what_was_chosen(page):
    page.button_group(key="model.dual.how").set_value("search").run()
    page.toggle(key="model.dual.tau").set_value(True).run()
    button(page, "Try two steps").click().run()
    assert not page.exception
    job = page.session_state[session.KEY].job
    steps = job.spec()["settings"]["fit"]["dual_step"]
    jobs.stop_job(job)
    assert (steps["at"], steps["tau"], steps["mix"]) == ("search", "tune", "soft")
