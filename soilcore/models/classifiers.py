"""The classifiers of the first step: how each is fitted, weighed, calibrated out of fold, and chosen."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.progress import silent
from soilcore.models.calibration import calibrate, calibrated, cross_calibrated
from soilcore.models.class_forms import KernelClasses, LinearClasses, NeighbourClasses, NetworkClasses, OneClass
from soilcore.models.class_trees import trees_of_forest, trees_of_histogram_boosting, trees_of_xgboost
from soilcore.models.learner import seeds_of

SVM_ROWS = 4000  # a support vector machine is fitted to at most so many samples: its time grows with their square
CHOICE_ROWS = 3000  # classifiers are compared for choice="auto" on at most so many
CHOICE_FOLDS = 3
_TREES = 100
_LARGE = 5000  # samples; from here on each tree of a forest sees half of them
_WIDE = 200  # columns; with more, boosting looks at a share, so that a split still sees at most about 200


@dataclass(frozen=True)
class ClassifierSpec:
    """One classifier.

    Parameters
    ----------
    name, label : str
        As typed; for people.
    fit : callable
        ``fit(X, labels, weights, n_classes, seed)`` gives one of the forms of `soilcore.models.class_forms`; labels are 0, 1, ...,
        all of them present.
    compared : bool
        Whether ``auto`` and the comparison look at it.
    """

    name: str
    label: str
    fit: Callable
    compared: bool = True


@dataclass(frozen=True)
class CalibratedClassifier:
    """A classifier fitted to all training samples, and its probabilities calibrated on inner folds.

    Parameters
    ----------
    name : str
    classifier : one of the forms of `soilcore.models.class_forms`
    calibrators : tuple of Calibrator
        Fitted to the scores of samples their classifier had not seen.
    raw : ndarray of float, shape (n_samples, n_classes)
        Out-of-fold scores of the training samples, before calibration.
    out_of_fold : ndarray of float, shape (n_samples, n_classes)
        The same after calibration by the other folds' calibrators.
    """

    name: str
    classifier: object
    calibrators: tuple
    raw: np.ndarray
    out_of_fold: np.ndarray

    @property
    def n_classes(self):
        """Number of classes."""
        return self.classifier.n_classes

    def probabilities(self, X):
        """Calibrated, shape (n_rows, n_classes)."""
        return calibrated(self.classifier.probabilities(X), self.calibrators)


def classifier_names(compared=True):
    """Names a user can type; without the optional ones unless asked."""
    return tuple(name for name, spec in CLASSIFIERS.items() if spec.compared or not compared)


def classifier_spec(name):
    """One classifier of the list.

    Raises
    ------
    SettingsError
        If there is none of that name.
    """
    if name not in CLASSIFIERS:
        raise SettingsError(f"There is no classifier {name!r}. Classifiers: auto, {', '.join(CLASSIFIERS)}.")
    return CLASSIFIERS[name]


def fit_classifier(name, X, labels, n_classes, seed=0, weighted=True):
    """Fit one classifier.

    Parameters
    ----------
    name : str
    X : ndarray of float, shape (n_samples, n_features)
    labels : ndarray of int, shape (n_samples,)
        0, 1, ..., n_classes - 1; classes without a sample get probability 0.
    n_classes : int
    seed : int
    weighted : bool
        Whether every class weighs the same in all. It must then be calibrated: scores of a rare class are too high.

    Returns
    -------
    One of the forms of `soilcore.models.class_forms`.
    """
    present = np.unique(labels)
    if present.size == 1:
        return OneClass(np.array(int(present[0])), np.array(n_classes))
    if present.size < n_classes:
        return _Widened(fit_classifier(name, X, np.searchsorted(present, labels), present.size, seed, weighted), present, n_classes)
    counts = np.bincount(labels, minlength=n_classes)
    weights = (labels.size / (n_classes * counts))[labels] if weighted else np.ones(labels.size)
    return classifier_spec(name).fit(X, labels, weights, n_classes, seed)


def out_of_fold_scores(name, X, labels, n_classes, folds, seed=0, jobs=1, weighted=True):
    """Raw scores of every sample by a classifier fitted to the other folds; shape (n_samples, n_classes)."""
    raw = np.empty((labels.size, n_classes))

    def one(fold):
        test = folds == fold
        raw[test] = fit_classifier(name, X[~test], labels[~test], n_classes, seed, weighted).probabilities(X[test])

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(one, np.unique(folds)))
    return raw


def fit_calibrated(name, X, labels, n_classes, folds, seed=0, jobs=1):
    """Fit a classifier to all samples and calibrate it on inner folds.

    Parameters
    ----------
    name : str
    X : ndarray of float, shape (n_samples, n_features)
    labels : ndarray of int, shape (n_samples,)
        Every class occurs.
    n_classes : int
    folds : ndarray of int, shape (n_samples,)
        Inner folds; whole groups in one.
    seed, jobs : int

    Returns
    -------
    CalibratedClassifier
    """
    raw = out_of_fold_scores(name, X, labels, n_classes, folds, seed, jobs)
    fitted = fit_classifier(name, X, labels, n_classes, seed)
    return CalibratedClassifier(name, fitted, calibrate(raw, labels, n_classes), raw, cross_calibrated(raw, labels, folds, n_classes))


def choose_classifier(X, labels, n_classes, folds, seed=0, jobs=1, report=silent):
    """Compare the classifiers on inner folds by the Brier score of their calibrated probabilities.

    Parameters
    ----------
    As in `fit_calibrated`; where samples are many, give a part of them.
    report : Report

    Returns
    -------
    list of dict
        ``name``, ``brier``, ``seconds``; best first.
    """
    rows, names = [], classifier_names()
    for number, name in enumerate(names):
        report(number, len(names), f"comparing classifiers: {CLASSIFIERS[name].label}")
        started = time.perf_counter()
        raw = out_of_fold_scores(name, X, labels, n_classes, folds, seed, jobs)
        brier = brier_score(labels, cross_calibrated(raw, labels, folds, n_classes))
        rows.append({"name": name, "brier": brier, "seconds": time.perf_counter() - started})
    return sorted(rows, key=lambda row: row["brier"])


def brier_score(labels, probabilities):
    """Mean squared distance of the probabilities from the truth: of the upper class for two classes, else summed over classes and halved."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean() / 2)


@dataclass(frozen=True)
class _Widened:
    """A classifier of some of the classes; lives only inside folds."""

    classifier: object
    present: np.ndarray
    n_classes: int

    def probabilities(self, X):
        wide = np.zeros((len(X), self.n_classes))
        wide[:, self.present] = self.classifier.probabilities(X)
        return wide


def _standard(X):
    spread = X.std(axis=0)
    return X.mean(axis=0), np.where(spread > 0, spread, 1.0)


def _fit_logistic(X, labels, weights, n_classes, seed):
    from sklearn.linear_model import LogisticRegression

    centre, spread = _standard(X)
    model = LogisticRegression(C=1.0, max_iter=500).fit((X - centre) / spread, labels, sample_weight=weights)
    return LinearClasses(centre, spread, model.coef_.T.copy(), model.intercept_.copy())


def _fit_neighbours(X, labels, weights, n_classes, seed):
    """Neighbours have no weights; calibration alone answers for rare classes."""
    centre, spread = _standard(X)
    count = int(np.clip(round(np.sqrt(labels.size)), 5, 50))
    return NeighbourClasses(centre, spread, (X - centre) / spread, labels.astype(np.int64), np.array(min(count, labels.size)), np.array(n_classes))


def _fit_svm(X, labels, weights, n_classes, seed):
    from sklearn.svm import SVC

    rows = stratified_rows(labels, SVM_ROWS, seed)
    X, labels, weights = X[rows], labels[rows], weights[rows]
    centre, spread = _standard(X)
    scaled, gamma = (X - centre) / spread, 1 / X.shape[1]
    machines = []
    for label in [1] if n_classes == 2 else range(n_classes):
        machines.append(SVC(C=1.0, gamma=gamma, cache_size=200).fit(scaled, labels == label, sample_weight=weights))
    vectors = np.concatenate([machine.support_vectors_ for machine in machines])
    columns, start = np.zeros((len(vectors), len(machines))), 0
    for place, machine in enumerate(machines):
        count = len(machine.support_vectors_)
        columns[start : start + count, place] = machine.dual_coef_[0]
        start += count
    return KernelClasses(centre, spread, vectors, columns, np.array([float(machine.intercept_[0]) for machine in machines]), np.array(gamma))


def _fit_random_forest(X, labels, weights, n_classes, seed):
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(
        _TREES, min_samples_leaf=3, max_features="sqrt", max_samples=0.5 if labels.size >= _LARGE else None, random_state=seed
    )
    return trees_of_forest(forest.fit(X, labels, sample_weight=weights), n_classes)


def _fit_extra_trees(X, labels, weights, n_classes, seed):
    from sklearn.ensemble import ExtraTreesClassifier

    forest = ExtraTreesClassifier(_TREES, min_samples_leaf=3, max_features="sqrt", random_state=seed)
    return trees_of_forest(forest.fit(X, labels, sample_weight=weights), n_classes)


def _fit_histogram_boosting(X, labels, weights, n_classes, seed):
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=15, min_samples_leaf=20, l2_regularization=1.0, early_stopping=False, random_state=seed
    )
    with threadpool_limits(limits=1, user_api="openmp"):  # folds run side by side already, and its threads wait for each other at every leaf
        return trees_of_histogram_boosting(model.fit(X, labels, sample_weight=weights))


def _fit_xgboost(X, labels, weights, n_classes, seed):
    from xgboost import XGBClassifier

    model = XGBClassifier(
        n_estimators=100,
        learning_rate=0.1,
        max_depth=4,
        min_child_weight=3.0,
        subsample=0.8,
        colsample_bytree=0.7 * min(1.0, _WIDE / X.shape[1]),
        objective="binary:logistic" if n_classes == 2 else "multi:softprob",
        base_score=0.5,
        tree_method="hist",
        random_state=seed,
        n_jobs=1,
    )
    return trees_of_xgboost(model.fit(X, labels, sample_weight=weights), n_classes)


def _fit_network(X, labels, weights, n_classes, seed):
    """The network takes no weights; calibration alone answers for rare classes."""
    from sklearn.neural_network import MLPClassifier

    centre, spread = _standard(X)
    many = labels.size >= 2000
    model = MLPClassifier(
        (32,), alpha=1e-2 if many else 1.0, solver="adam" if many else "lbfgs", early_stopping=many, max_iter=200, random_state=seed
    ).fit((X - centre) / spread, labels)
    (first, last), (first_constants, last_constants) = model.coefs_, model.intercepts_
    return NetworkClasses(centre, spread, first, first_constants, last, last_constants)


def stratified_rows(labels, most, seed):
    """At most `most` rows, every class in its share and with at least one row; ascending positions."""
    if labels.size <= most:
        return np.arange(labels.size)
    chance = np.random.default_rng(seed)
    kept = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        kept.append(chance.permutation(rows)[: max(1, round(most * rows.size / labels.size))])
    return np.sort(np.concatenate(kept))


def seeds_for(random_state):
    """Seeds of the parts of a two-step fit, by part."""
    parts = ("folds", "classifier", "choice", "search", "regression")
    return dict(zip(parts, seeds_of(random_state, len(parts)), strict=True))


CLASSIFIERS = {
    spec.name: spec
    for spec in (
        ClassifierSpec("logistic", "logistic regression", _fit_logistic),
        ClassifierSpec("knn", "nearest neighbours", _fit_neighbours),
        ClassifierSpec("svm", "support vector machine, radial kernel", _fit_svm),
        ClassifierSpec("rf", "random forest", _fit_random_forest),
        ClassifierSpec("extra-trees", "extremely randomised trees", _fit_extra_trees),
        ClassifierSpec("hist-gb", "histogram gradient boosting", _fit_histogram_boosting),
        ClassifierSpec("xgboost", "XGBoost", _fit_xgboost),
        ClassifierSpec("mlp", "multilayer perceptron", _fit_network, compared=False),
    )
}
