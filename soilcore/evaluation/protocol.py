"""The protocol: every learner is fitted and scored on the same folds, and nothing that saw the test samples touches the score."""

import inspect
import time
from dataclasses import dataclass, field

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.core.progress import labelled, part, silent
from soilcore.evaluation.metrics import bootstrap_interval, regression_scores
from soilcore.evaluation.splits import FEW_SAMPLES, Splits, random_contrast

SCORES = ("r2", "rmse", "mae", "me", "ccc", "rpd", "rpiq", "r2_log10")


@dataclass(frozen=True)
class Evaluation:
    """What one learner reached on one division of the samples.

    Parameters
    ----------
    name : str
        The learner, as the user typed it.
    observed : ndarray of float, shape (n_samples,)
        The target, original unit.
    out_of_fold : ndarray of float, shape (n_repeats, n_samples)
        Each sample predicted by a learner that never saw it, original unit.
    scores : dict
        Scores of `regression_scores` on the pooled predictions of all folds: mean over repeats, and ``r2_sd`` their standard deviation
        (ddof 1; NaN for one repeat).
    folds : tuple of dict
        Per repeat and fold: ``repeat``, ``fold``, ``n_train``, ``n_test``, ``r2``, ``rmse``.
    seconds : float
        Wall time of fitting and predicting.
    splits : Splits
        The division.
    learners : tuple
        The fitted learner of each fold in the order of `folds`, where they were asked for.
    curves : tuple of dict
        Of networks, per repeat and fold: ``repeat``, ``fold``, ``rows`` (losses by epoch of the first member); empty for other learners.
    """

    name: str
    observed: np.ndarray
    out_of_fold: np.ndarray
    scores: dict
    folds: tuple[dict, ...]
    seconds: float
    splits: Splits
    learners: tuple = ()
    curves: tuple[dict, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Several learners on the same folds.

    Parameters
    ----------
    rows : tuple of dict
        One per learner, keys of the command line's ``compare``. Numbers without a value are NaN; the keys of trust are None until intervals and
        the area of applicability are known.
    evaluations, contrasts : dict
        Evaluation by learner name: on the folds asked for, and on random folds beside them where those are spatial.
    splits : Splits
        The folds asked for.
    """

    rows: tuple[dict, ...]
    evaluations: dict
    splits: Splits
    contrasts: dict = field(default_factory=dict)


def evaluate(learner, X, y, splits, report=silent, *, name="", keep_learners=False, watch=None, curve_groups=None):
    """Fit and score a learner on every fold.

    Each fold gets a fresh clone that sees the training samples alone. Learners whose ``fit`` takes ``groups`` get the block or group of each
    training sample, so that their inner folds follow the outer ones; those that know places get the coordinates of `splits`.

    Parameters
    ----------
    learner : estimator
        scikit-learn contract; predicts on the original scale of the target.
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Predictors.
    y : array-like of float, shape (n_samples,)
        Target, all finite.
    splits : Splits
        From `make_splits`.
    report : Report
        Called at each fold; may raise Stopped.
    name : str
        Name of the learner in results and progress.
    keep_learners : bool or int
        Whether the fitted learner of each fold is returned (memory); a number: of so many first folds.
    watch : callable, optional
        Called after each fold with repeat, fold, its fitted learner, and the positions of training and test samples, before the learner is let go.
    curve_groups : array-like of shape (n_samples,), optional
        Labels by which networks keep their validation loss apart, epoch by epoch; they decide nothing.

    Returns
    -------
    Evaluation

    Raises
    ------
    ModelError
        If shapes disagree, the target has gaps, or a learner predicts something else than one finite number per sample.
    """
    y = check_data(X, y, splits.n_samples)
    name = name or type(learner).__name__
    predicted = np.full((splits.n_repeats, y.size), np.nan)
    folds, learners, curves, started = [], [], [], time.perf_counter()
    labels = None if curve_groups is None else check_labels(curve_groups, y.size)
    steps = [(repeat, fold, *rows) for repeat in range(splits.n_repeats) for fold, rows in enumerate(splits.folds(repeat))]
    for step, (repeat, fold, train, test) in enumerate(steps):
        label = f"{name}: {_place(repeat, fold, splits)}"
        report(step, len(steps), label)
        groups = None if splits.groups is None else splits.groups[train]
        here, there = splits.places_of(learner, train), splits.places_of(learner, test)
        mine = labelled(part(report, step / len(steps), 1 / len(steps)), label)
        fitted = fit_clone(learner, take(X, train), y[train], groups, mine, here, None if labels is None else labels[train])
        predicted[repeat, test] = predict_checked(fitted, take(X, test), name, there)
        if watch is not None:
            watch(repeat, fold, fitted, train, test)
        folds.append({"repeat": repeat, "fold": fold, "n_train": train.size, "n_test": test.size, **_fold_scores(y[test], predicted[repeat, test])})
        learners += [fitted] if keep_learners is True or step < keep_learners else []
        curves += [{"repeat": repeat, "fold": fold, "rows": rows}] if (rows := epochs_of(fitted)) else []
    report(len(steps), len(steps), f"{name}: done")
    seconds = time.perf_counter() - started
    return Evaluation(name, y, predicted, _pooled_scores(y, predicted), tuple(folds), seconds, splits, tuple(learners), tuple(curves))


def compare(learners, X, y, splits, *, contrast_random=True, report=silent, keep_learners=False, watch=None, curve_groups=None):
    """Score several learners on the same folds, and on random folds beside them where the folds are spatial.

    Parameters
    ----------
    learners : dict of str to estimator
        Name as typed and unfitted learner.
    X, y, splits
        As in `evaluate`.
    contrast_random : bool
        Whether blocks or groups get a random division with as many folds beside them. It doubles the time, but where kNNDM took random folds:
        then the two are one.
    report : Report
    keep_learners, watch, curve_groups
        As in `evaluate`; for the folds asked for.

    Returns
    -------
    Comparison
        Rows with ``name``, ``r2``, ``rmse``, ``mae``, ``me``, ``ccc``, ``rpd``, ``rpiq``, ``r2_folds`` (list), ``r2_sd`` (over repeats),
        ``r2_log10``, ``r2_low``, ``r2_high`` (90 % bootstrap over blocks, below 150 samples), ``coverage_90``, ``width_90``, ``aoa_share`` (None),
        ``seconds``, ``r2_random`` (NaN where the folds are not spatial).
    """
    wanted = contrast_random and splits.is_spatial
    contrast = random_contrast(splits) if wanted and not splits.is_random else None
    share = 1 / max(len(learners), 1) / (2 if contrast else 1)
    evaluations, contrasts = {}, {}
    for i, (name, learner) in enumerate(learners.items()):
        start = i / len(learners)
        mine, kept = part(report, start, share), {"keep_learners": keep_learners, "watch": watch, "curve_groups": curve_groups}
        evaluations[name] = evaluate(learner, X, y, splits, mine, name=name, **kept)
        if contrast:
            contrasts[name] = evaluate(learner, X, y, contrast, part(report, start + share, share), name=f"{name}, random folds")
        elif wanted:
            contrasts[name] = evaluations[name]  # kNNDM took random folds: another draw would show its luck, not a gap
    rows = tuple(comparison_row(evaluation, contrasts.get(name)) for name, evaluation in evaluations.items())
    return Comparison(rows, evaluations, splits, contrasts)


def comparison_row(evaluation, contrast=None):
    """One line of a comparison: an Evaluation, and the same learner on random folds, as the command line prints it."""
    few = evaluation.observed.size < FEW_SAMPLES
    groups, first = evaluation.splits.groups, evaluation.out_of_fold[0]
    low, high = bootstrap_interval(evaluation.observed, first, groups, "r2", evaluation.splits.seed) if few else (np.nan, np.nan)
    return {
        "name": evaluation.name,
        **{score: evaluation.scores[score] for score in SCORES},
        "r2_folds": [fold["r2"] for fold in evaluation.folds],
        "r2_sd": evaluation.scores["r2_sd"],
        "r2_low": low,
        "r2_high": high,
        "coverage_90": None,
        "width_90": None,
        "aoa_share": None,
        "seconds": evaluation.seconds,
        "r2_random": contrast.scores["r2"] if contrast else np.nan,
    }


def check_data(X, y, n_samples=None):
    """The target as a 1-D float array of the length of `X`, all finite, or a ModelError with the shapes."""
    y = np.asarray(y, dtype=float)
    rows = np.shape(X)[0]
    if y.ndim != 1 or y.size != rows or (n_samples is not None and n_samples != rows):
        divided = "" if n_samples is None else f", and the folds divide {n_samples} samples"
        raise ModelError(f"Predictors {np.shape(X)} and target {y.shape} do not belong together{divided}. Give one target value per row.")
    if not np.isfinite(y).all():
        raise ModelError(f"{int((~np.isfinite(y)).sum())} of {y.size} target values are missing. Leave these samples out before fitting.")
    return y


def check_labels(labels, rows):
    """One label per row as an array, or a ModelError with the shapes."""
    labels = np.asarray(labels)
    if labels.shape != (rows,):
        raise ModelError(f"Labels of shape {labels.shape} do not belong to {rows} samples. Give one label per sample.")
    return labels


def epochs_of(fitted):
    """Losses of every epoch of the first member of a network, as JSON values; empty for other learners."""
    histories = getattr(fitted, "history_", ())
    return [dict(row) for row in histories[0].rows] if histories else []


def fit_clone(learner, X, y, groups=None, report=silent, coordinates=None, curve_groups=None):
    """A fresh copy of `learner`, fitted.

    ``groups``, ``report``, ``coordinates`` and ``curve_groups`` (labels of these samples) go only to learners whose ``fit`` takes them.
    """
    from sklearn.base import clone

    offered = {"groups": groups, "report": report, "coordinates": coordinates, "curve_groups": curve_groups}
    accepted = inspect.signature(learner.fit).parameters
    return clone(learner).fit(X, y, **{name: value for name, value in offered.items() if name in accepted})


def predict_checked(fitted, X, name, coordinates=None):
    """Predictions as a float array of shape (n_samples,), one finite number per row of `X`, or a ModelError.

    ``coordinates`` go only to learners that know places.
    """
    places = {"coordinates": coordinates} if getattr(fitted, "uses_coordinates", False) else {}
    predicted = np.asarray(fitted.predict(X, **places), dtype=float)
    if predicted.shape == (np.shape(X)[0], 1):
        predicted = predicted[:, 0]  # scikit-learn's PLS returned columns until 1.3
    if predicted.shape != (np.shape(X)[0],):
        raise ModelError(f"{name} predicts shape {predicted.shape} for {np.shape(X)[0]} samples; one value per sample is needed.")
    if not np.isfinite(predicted).all():
        raise ModelError(f"{name} predicts {int((~np.isfinite(predicted)).sum())} of {predicted.size} values that are not finite numbers.")
    return predicted


def take(X, rows):
    """Rows of a DataFrame or an array, by position."""
    return X.iloc[rows] if hasattr(X, "iloc") else np.asarray(X)[rows]


def _place(repeat, fold, splits):
    of_repeats = f", repeat {repeat + 1} of {splits.n_repeats}" if splits.n_repeats > 1 else ""
    return f"fold {fold + 1} of {splits.n_folds}{of_repeats}"


def _fold_scores(observed, predicted):
    scores = regression_scores(observed, predicted)
    return {"r2": scores["r2"], "rmse": scores["rmse"]}


def _pooled_scores(observed, out_of_fold):
    """Mean over repeats of the scores of all folds pooled: a mean of fold scores would weigh folds with little variance too much."""
    repeats = [regression_scores(observed, predicted) for predicted in out_of_fold]
    r2 = [scores["r2"] for scores in repeats]
    sd = float(np.std(r2, ddof=1)) if len(r2) > 1 else np.nan
    return {**{key: float(np.mean([scores[key] for scores in repeats])) for key in repeats[0]}, "n": repeats[0]["n"], "r2_sd": sd}
