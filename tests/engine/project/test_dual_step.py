"""The task `dual-step`: every fact the command line and the pages show, from one small table."""

import numpy as np
import pytest

from soilcore.data.continental import continental
from soilcore.data.samples import SampleSettings
from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.models.settings import DualStepSettings, FitSettings
from soilcore.project.dual_step_facts import class_names, classifier_rows, distribution_facts, reliability_facts, share_interval
from soilcore.project.settings import DualStepTask, InputSettings
from soilcore.project.tasks import run_task

COLUMNS = ("aridity_index", "pr_mm", "coast_distance_km", "irrigated_share", "slope_deg", "water_table_m")


@pytest.fixture(scope="module")
def table_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("continent") / "table.csv"
    continental(260, seed=1).table.to_csv(path, index=False)
    return path


def task_of(path, folds=2, **dual_step):
    samples = SampleSettings(target="ec_1_5_dS_m", unit="dS/m", extract="1:5", convert="ECe")
    inputs = InputSettings(str(path), samples, features=FeatureSettings(columns=COLUMNS))
    fit = FitSettings(trials=0, jobs=2, device="cpu", dual_step=DualStepSettings(classifier="logistic", regressor="ridge", **dual_step))
    return DualStepTask(inputs, SplitSettings(folds=folds), fit, singles=("ridge",))


@pytest.fixture(scope="module")
def facts(table_file):
    return run_task("dual-step", task_of(table_file))


def test_both_mixes_and_single_regressions_are_scored_under_the_same_folds(facts):
    assert [row["name"] for row in facts["models"]] == ["dual-step soft", "dual-step hard", "ridge", "ridge log10"]
    assert [row["steps"] for row in facts["models"]] == [2, 2, 1, 1]
    assert all(len(row["r2_folds"]) == 2 for row in facts["models"])
    assert facts["fold_sizes"] == [130, 130]
    assert len({row["r2"] for row in facts["models"]}) == 4


def test_seven_classifiers_are_compared_beside_prevalence_and_majority(facts):
    rows = {row["name"]: row for row in facts["classifiers"]}
    assert set(rows) == {"logistic", "knn", "svm", "rf", "extra-trees", "hist-gb", "xgboost"}
    for key in ("precision", "recall", "f1", "auc", "brier", "mcc", "balanced_accuracy", "prevalence", "majority_accuracy", "seconds"):
        assert all(np.isfinite(row[key]) for row in rows.values())
    above = facts["confusion"]["counts"][1]
    assert rows["rf"]["prevalence"] == pytest.approx(sum(above) / 260)
    assert rows["logistic"]["recall"] == pytest.approx(above[1] / sum(above))
    assert rows["logistic"]["auc"] > 0.6


def test_the_verdict_holds_the_difference_and_its_uncertainty(facts):
    numbers = facts["verdict_facts"]
    assert numbers["low"] <= numbers["difference"] <= numbers["high"]
    assert numbers["paid"] in (True, False, None)
    assert f"{numbers['difference']:+.3f}, 90 % interval {numbers['low']:+.3f} to {numbers['high']:+.3f} over 260 samples" in facts["verdict"]


def test_the_curve_of_thresholds_stands_beside_a_given_one(facts):
    assert facts["threshold"] == 2
    assert facts["searched"] is False
    assert {"threshold", "rmse_log", "ccc", "n_low", "n_high"} <= set(facts["curve"][0])
    assert len(facts["tau_curve"]) == 19


def test_conversions_say_how_common_the_high_class_is_under_each_method(facts):
    rows = {row["method"]: row for row in facts["conversions"]}
    assert rows["slavich_class"]["share_above_t"] == pytest.approx(facts["classes"][1]["sample_share"])
    assert len(rows) >= 5
    assert len({row["share_above_t"] for row in facts["conversions"]}) > 2


def test_observed_and_predicted_distributions_share_their_bins(facts):
    shown = facts["distributions"]
    assert set(shown["predicted"]) == {row["name"] for row in facts["models"]}
    assert sum(shown["observed"]["histogram"]) == 260
    assert all(sum(one["histogram"]) == 260 and len(one["histogram"]) + 1 == len(shown["edges"]) for one in shown["predicted"].values())


def test_shares_of_the_classes_come_with_an_interval(facts):
    assert sum(row["share"] for row in facts["classes"]) == pytest.approx(1)
    assert all(row["low"] <= row["share"] <= row["high"] and row["of"] == "samples" for row in facts["classes"])


def test_three_classes_are_told_like_two():
    y, rng = np.repeat([1.0, 2.0, 3.0], [60, 30, 10]), np.random.default_rng(0)
    probabilities = rng.dirichlet((1, 1, 1), 100) / 2 + np.eye(3)[np.digitize(y, [1.5, 2.5])] / 2
    facts = reliability_facts(y, (1.5, 2.5), "rf", probabilities, 0.5, "dS/m")
    assert np.shape(facts["confusion"]["counts"]) == (3, 3)
    assert facts["confusion"]["labels"] == ["up to 1.5 dS/m", "1.5 to 2.5 dS/m", "above 2.5 dS/m"]
    assert [row["class"] for row in facts["reliability"]] == ["1.5 to 2.5 dS/m", "above 2.5 dS/m"]
    (row,) = classifier_rows(y, (1.5, 2.5), {"rf": probabilities}, {"rf": 1.0}, 0.5)
    assert row["prevalence"] == pytest.approx(0.1)
    assert row["majority_accuracy"] == pytest.approx(0.6)
    assert row["accuracy"] == pytest.approx(np.mean(probabilities.argmax(axis=1) == np.digitize(y, [1.5, 2.5])))
    assert row["auc"] > 0.9


def test_the_interval_of_a_share_narrows_with_places_and_certainty():
    unsure = share_interval(np.full((100, 2), 0.5))
    more = share_interval(np.full((10_000, 2), 0.5))
    assert np.ptp([side[1] for side in unsure]) == pytest.approx(0.16, abs=0.03)
    assert np.ptp([side[1] for side in more]) == pytest.approx(0.016, abs=0.003)
    np.testing.assert_array_equal(share_interval(np.eye(2)[[0, 0, 0, 1]]), [[0.75, 0.25]] * 2)


def test_classes_are_named_in_words():
    assert class_names((2.0,), "dS/m") == ["up to 2 dS/m", "above 2 dS/m"]
    assert class_names((2.0, 4.0)) == ["up to 2", "2 to 4", "above 4"]


def test_classifiers_are_scored_by_hand_counted_numbers():
    y, high = np.array([1.0, 1, 3, 3]), np.array([0.2, 0.7, 0.6, 0.4])
    (row,) = classifier_rows(y, (2.0,), {"rf": np.column_stack([1 - high, high])}, {"rf": 1.0}, 0.5)
    assert (row["precision"], row["recall"], row["f1"]) == (0.5, 0.5, 0.5)
    assert row["brier"] == pytest.approx((0.04 + 0.49 + 0.16 + 0.36) / 4)
    assert row["auc"] == 0.5


def test_values_outside_the_observed_range_fall_into_the_outer_bins():
    shown = distribution_facts(np.array([1.0, 10.0]), {"a": np.array([-5.0, 100.0])})
    assert shown["predicted"]["a"]["histogram"][[0, -1]].tolist() == [1, 1]
