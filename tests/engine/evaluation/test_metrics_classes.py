"""Scores of classes and probabilities against exact numbers and scikit-learn."""

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from soilcore.core.errors import ModelError, SettingsError
from soilcore.evaluation.classification_metrics import class_map_scores, classification_scores, confusion, probability_scores, reliability_curve


@pytest.mark.parametrize("case", [0, 1])
def test_binary_scores_equal_exact_arithmetic_at_both_thresholds(oracle, case):
    data = oracle("metrics")["binary"]
    scores = probability_scores(data["y"], data["p"], data["at"][case]["threshold"])
    for name, expected in data["at"][case].items():
        assert scores[name] == pytest.approx(expected, abs=1e-12), name
    for name in ("roc_auc", "average_precision", "brier"):
        assert scores[name] == pytest.approx(data[name], abs=1e-12), name


def test_a_probability_on_the_threshold_is_positive():
    assert probability_scores([1, 0], [0.5, 0.2], 0.5)["tp"] == 1


def test_ordinal_scores_equal_exact_arithmetic(oracle):
    data = oracle("metrics")["ordinal"]
    scores = classification_scores(data["true"], data["pred"], labels=list(range(data["n_classes"])))
    assert scores["confusion"].tolist() == data["confusion_rows_true"]
    assert scores["quadratic_weighted_kappa"] == pytest.approx(data["qwk"], abs=1e-12)
    assert scores["accuracy"] == data["accuracy"]


def test_rows_of_the_confusion_matrix_are_the_truth():
    assert confusion(["wet", "wet", "dry"], ["dry", "wet", "dry"], ["wet", "dry"]).tolist() == [[1, 1], [0, 1]]


def test_per_class_and_macro_scores_equal_scikit_learn():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(4, size=200), rng.integers(4, size=200)
    scores = classification_scores(truth, predicted)
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(truth, predicted)
    for name, expected in (("precision", precision), ("recall", recall), ("f1", f1), ("support", support)):
        assert scores[name] == pytest.approx(expected), name
    assert scores["f1_macro"] == pytest.approx(sklearn_metrics.f1_score(truth, predicted, average="macro"))
    assert scores["balanced_accuracy"] == pytest.approx(sklearn_metrics.balanced_accuracy_score(truth, predicted))


def test_a_class_never_predicted_scores_0_and_says_so():
    scores = classification_scores(["a", "a", "b"], ["a", "a", "a"])
    assert scores["f1"].tolist() == [pytest.approx(0.8), 0]
    assert any("b is never predicted" in warning for warning in scores["warnings"])


def test_the_commonest_class_and_prevalence_stand_beside_the_scores():
    truth, always = ["no"] * 8 + ["yes"] * 2, ["no"] * 10
    scores = classification_scores(truth, always)
    assert scores["prevalence"].tolist() == [0.8, 0.2]
    assert scores["majority"]["label"] == "no"
    assert scores["majority"]["accuracy"] == scores["accuracy"] == 0.8
    assert scores["majority"]["f1_macro"] == pytest.approx(scores["f1_macro"])
    assert scores["kappa"] == 0


def test_one_class_alone_gives_no_ranking_scores_but_no_crash():
    scores = probability_scores([1, 1, 1], [0.9, 0.8, 0.7])
    assert math.isnan(scores["roc_auc"])
    assert math.isnan(scores["average_precision"])
    assert scores["kappa"] == 0
    assert any("ROC-AUC" in warning for warning in scores["warnings"])


def test_the_f1_of_calling_everything_positive_is_the_stated_baseline():
    truth = np.array([1] * 3 + [0] * 7)
    assert probability_scores(truth, np.ones(10))["f1"] == pytest.approx(probability_scores(truth, np.zeros(10))["majority"]["f1"])


def test_without_samples_class_scores_are_undefined_and_probabilities_refused():
    scores = class_map_scores([np.nan], [1.0], [2.0])
    assert scores["n"] == 0
    assert math.isnan(scores["accuracy"])
    assert math.isnan(scores["within_one_class"])
    with pytest.raises(ModelError, match="no samples"):
        probability_scores([], [])


def test_labels_and_probabilities_out_of_range_are_refused_with_the_value():
    with pytest.raises(ModelError, match="'c'"):
        classification_scores(["a", "c"], ["a", "a"], labels=["a", "b"])
    with pytest.raises(ModelError, match="2 occurs"):
        probability_scores([0, 2], [0.1, 0.2])
    with pytest.raises(ModelError, match=r"0.1 to 1.2"):
        probability_scores([0, 1], [0.1, 1.2])
    with pytest.raises(ModelError, match=r"\(2,\) and \(2, 1\)"):
        classification_scores(["a", "b"], [["a"], ["b"]])


def test_a_calibrated_probability_lies_on_the_diagonal_of_the_reliability_curve():
    rng = np.random.default_rng(0)
    probability = rng.uniform(size=40_000)
    curve = reliability_curve(rng.uniform(size=probability.size) < probability, probability)
    assert curve["predicted"] == pytest.approx(curve["observed"], abs=0.03)
    assert curve["n"].sum() == probability.size
    assert reliability_curve(rng.uniform(size=probability.size) < probability**2, probability)["calibration_error"] > 0.1


def test_the_last_bin_holds_certainty_and_empty_bins_are_left_out():
    curve = reliability_curve([1, 1, 0], [1.0, 0.95, 0.05])
    assert curve["n"].tolist() == [1, 2]
    with pytest.raises(SettingsError, match="0"):
        reliability_curve([1], [0.5], bins=0)


def test_a_map_of_values_is_scored_by_half_open_classes():
    """2 dS/m belongs to the class from 2 on."""
    scores = class_map_scores([1.0, 2.0, 5.0, 20.0], [1.9, 2.0, 3.0, 3.0], [2, 4, 8, 16], ["non", "slight", "moderate", "strong", "very strong"])
    assert scores["confusion"].diagonal().tolist() == [1, 1, 0, 0, 0]
    assert scores["within_one_class"] == 0.75
    assert scores["labels"][0] == "non"
    assert scores["majority"]["label"] in scores["labels"]


def test_class_limits_must_ascend():
    with pytest.raises(SettingsError, match=r"4.0, 2.0"):
        class_map_scores([1], [1], [4, 2])
