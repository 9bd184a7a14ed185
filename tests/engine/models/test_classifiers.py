"""Classifiers as plain arrays answer like their libraries; calibration makes shares out of scores and never turns them round."""

import numpy as np
import pytest

from soilcore.core.errors import ModelError
from soilcore.models.calibration import calibrate, calibrated, fit_calibrator
from soilcore.models.class_forms import FORMS, form_arrays, form_name, rebuilt_form
from soilcore.models.class_trees import ClassTrees, trees_of_forest, trees_of_histogram_boosting, trees_of_xgboost
from soilcore.models.classifiers import brier_score, classifier_names, fit_calibrated, fit_classifier, out_of_fold_scores, stratified_rows
from soilcore.models.two_step_classes import inner_class_folds

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def samples(n=300, classes=2, seed=0, features=5):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, features)).astype(np.float32).astype(float)
    score = X[:, 0] + 0.5 * X[:, 1] ** 2 + 0.7 * rng.normal(size=n)
    return X, np.digitize(score, np.quantile(score, np.linspace(0.7, 0.9, classes - 1) if classes > 2 else [0.85]))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("name", classifier_names(compared=False))
def test_every_classifier_tells_the_classes_apart(name, classes):
    X, labels = samples(500, classes)
    new, truth = samples(400, classes, seed=1)
    probabilities = fit_classifier(name, X, labels, classes).probabilities(new)
    assert probabilities.shape == (400, classes)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert probabilities.min() >= 0
    for label in (0, classes - 1):
        assert probabilities[truth == label, label].mean() > probabilities[truth != label, label].mean() + 0.1


@pytest.mark.parametrize("classes", [2, 3])
def test_trees_as_arrays_answer_like_their_libraries(classes):
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    from xgboost import XGBClassifier

    X, labels = samples(300, classes)
    new, _ = samples(200, classes, seed=1)
    for forest in (RandomForestClassifier(20, random_state=0), ExtraTreesClassifier(20, random_state=0)):
        np.testing.assert_allclose(trees_of_forest(forest.fit(X, labels), classes).probabilities(new), forest.predict_proba(new), atol=1e-12)
    boosted = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(X, labels)
    np.testing.assert_allclose(trees_of_histogram_boosting(boosted).probabilities(new), boosted.predict_proba(new), atol=1e-9)
    model = XGBClassifier(n_estimators=20, base_score=0.5, objective="multi:softprob" if classes > 2 else "binary:logistic").fit(X, labels)
    np.testing.assert_allclose(trees_of_xgboost(model, classes).probabilities(new), model.predict_proba(new), atol=1e-6)


def test_trees_of_wide_tables_walk_without_the_packed_form():
    X, labels = samples(120, features=300)
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(10, random_state=0).fit(X, labels)
    new, _ = samples(30, seed=1, features=300)
    np.testing.assert_allclose(trees_of_forest(forest, 2).probabilities(new), forest.predict_proba(new), atol=1e-12)


def test_the_kernel_machine_answers_like_its_library():
    from sklearn.svm import SVC

    X, labels = samples()
    centre, spread = X.mean(axis=0), X.std(axis=0)
    weights = (labels.size / (2 * np.bincount(labels)))[labels]
    machine = SVC(gamma=1 / 5).fit((X - centre) / spread, labels, sample_weight=weights)
    ours = fit_classifier("svm", X, labels, 2).probabilities(X)[:, 1]
    np.testing.assert_allclose(np.log(ours / (1 - ours)), machine.decision_function((X - centre) / spread), atol=1e-8)


@pytest.mark.parametrize("name", classifier_names(compared=False))
def test_a_form_put_together_again_answers_the_same_whatever_rows_stand_beside(name):
    X, labels = samples()
    fitted = fit_classifier(name, X, labels, 2)
    again = rebuilt_form(form_name(fitted), form_arrays(fitted))
    whole = fitted.probabilities(X)
    np.testing.assert_array_equal(again.probabilities(X), whole)
    np.testing.assert_array_equal(np.concatenate([again.probabilities(X[:13]), again.probabilities(X[13:])]), whole)


def test_every_form_is_known_by_name():
    assert isinstance(fit_classifier("rf", *samples(), 2), ClassTrees)
    assert set(FORMS) == {"linear", "neighbours", "kernel", "trees", "network", "one-class"}


@pytest.mark.parametrize("n", [400, 2000])
def test_calibration_improves_the_brier_score_of_weighted_classifiers(n):
    X, labels = samples(n)
    new, truth = samples(3000, seed=1)
    folds = inner_class_folds(labels, None, 0)
    for name in ("logistic", "xgboost", "svm"):
        found = fit_calibrated(name, X, labels, 2, folds)
        assert (found.calibrators[0].scores.size > 0) == (n >= 1000)
        before, after = (brier_score(truth, p) for p in (found.classifier.probabilities(new), found.probabilities(new)))
        assert after < before
        assert found.probabilities(new)[:, 1].mean() == pytest.approx(truth.mean(), abs=0.03)


@pytest.mark.parametrize("n", [300, 3000])
def test_a_calibrator_rises_keeps_the_mean_and_is_never_certain(n):
    rng = np.random.default_rng(0)
    score = rng.uniform(size=n)
    truth = rng.uniform(size=n) < score**3
    calibrator = fit_calibrator(score, truth)
    values = calibrator(np.linspace(0, 1, 200))
    assert (np.diff(values) >= 0).all()
    assert 0 < values[0] < values[-1] < 1
    assert calibrator(score).mean() == pytest.approx(truth.mean(), abs=0.02)
    assert np.abs(calibrator(np.array([0.5, 0.8])) - np.array([0.125, 0.512])).max() < 0.12


@pytest.mark.parametrize("n", [300, 3000])
def test_scores_that_point_the_wrong_way_become_the_prevalence(n):
    rng = np.random.default_rng(1)
    score = rng.uniform(size=n)
    values = fit_calibrator(score, rng.uniform(size=n) < 0.6 - 0.5 * score)(np.array([0.05, 0.95]))
    assert np.ptp(values) < 0.05
    assert values.mean() == pytest.approx(0.35, abs=0.06)


def test_calibrated_probabilities_of_three_classes_sum_to_one():
    X, labels = samples(400, 3)
    raw = out_of_fold_scores("xgboost", X, labels, 3, inner_class_folds(labels, None, 0))
    np.testing.assert_allclose(calibrated(raw, calibrate(raw, labels, 3)).sum(axis=1), 1)


def test_a_class_missing_from_an_inner_fold_gets_probability_zero():
    X, labels = samples(200, 3)
    two = labels != 1
    probabilities = fit_classifier("logistic", X[two], labels[two], 3).probabilities(X)
    assert not probabilities[:, 1].any()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    alone = fit_classifier("logistic", X[labels == 2], labels[labels == 2], 3).probabilities(X[:4])
    np.testing.assert_array_equal(alone, np.tile([0.0, 0.0, 1.0], (4, 1)))


def test_a_part_of_the_rows_keeps_the_share_of_every_class():
    _, labels = samples(2000)
    rows = stratified_rows(labels, 400, 0)
    assert rows.size == pytest.approx(400, abs=1)
    assert labels[rows].mean() == pytest.approx(labels.mean(), abs=0.003)


@pytest.mark.parametrize(
    "damage",
    [
        lambda arrays: arrays["left"].__setitem__(0, 0),  # a walk without an end
        lambda arrays: arrays["right"].__setitem__(0, arrays["left"][0]),  # two ways to one node: levels double
        lambda arrays: arrays["right"].__setitem__(0, arrays["left"].size),  # outside its tree
        lambda arrays: arrays["feature"].__setitem__(0, 200),  # a column there is not
        lambda arrays: arrays.__setitem__("values", arrays["values"][:-1]),
        lambda arrays: arrays.__setitem__("link", np.array(7)),
        lambda arrays: arrays["trees"].__setitem__((0, 1), 5),
    ],
)
def test_trees_that_do_not_hold_together_are_refused(damage):
    X = np.random.default_rng(0).normal(size=(60, 3))
    arrays = {name: values.copy() for name, values in form_arrays(fit_classifier("rf", X, (X[:, 0] > 0).astype(int), 2)).items()}
    assert arrays["left"][0] >= 0
    rebuilt_form("trees", arrays)
    damage(arrays)
    with pytest.raises(ModelError, match="do not hold together"):
        rebuilt_form("trees", arrays)
