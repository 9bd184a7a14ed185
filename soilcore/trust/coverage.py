"""Observed coverage: how often intervals held what was measured, on samples that neither model nor calibration had seen."""

from dataclasses import dataclass, replace

import numpy as np

from soilcore.core.errors import SampleError
from soilcore.core.progress import part, silent
from soilcore.evaluation.metrics import interval_scores
from soilcore.evaluation.protocol import evaluate, fit_clone, take
from soilcore.evaluation.splits import FEWEST_TRAINING, Splits
from soilcore.trust.interval_base import IntervalSettings, OnModellingScale, check_level, floor_of, in_own_unit, on_modelling_scale, transform_of
from soilcore.trust.interval_residuals import ConformalInterval
from soilcore.trust.intervals import Common, fit_interval, out_of_fold_errors, outside_factor

LEVELS = (0.5, 0.8, 0.9, 0.95)
INNER_FOLDS = 5
_DISTANCE_CLASSES = 4
_FEWEST_PER_CLASS = 5


@dataclass(frozen=True)
class OutOfFoldBounds:
    """Bounds of every sample, made without its fold.

    Parameters
    ----------
    settings : IntervalSettings
    lower, upper : dict of float to ndarray of shape (n_samples,)
        By level, unit of the target.
    """

    settings: IntervalSettings
    lower: dict
    upper: dict

    def at(self, level):
        """Lower and upper bound of one level."""
        return self.lower[level], self.upper[level]


def oof_bounds(evaluation, level=0.9, *, learner, settings=None, X=None, area=None, report=silent):
    """Interval of each sample, made without it.

    For "conformal" a sample's bounds lie round its out-of-fold prediction and are calibrated on the errors of the other folds. Every other
    method is nested: inside the training samples of each fold its folds, models and calibration are made anew, which fits about as many models
    again as there are folds times 6.

    Parameters
    ----------
    evaluation : Evaluation
    level : float
    learner : Learner
        As it was evaluated, fitted or not.
    settings : IntervalSettings, optional
        "conformal" if not given.
    X : DataFrame or ndarray of shape (n_samples, n_features), optional
        Needed for every method but "conformal".
    area : AreaOfApplicability, optional
        From the same folds; widens the bounds of samples that lay outside when they were tested.
    report : Report

    Returns
    -------
    lower, upper : ndarray of float, shape (n_samples,)
        Unit of the target; infinite where the other folds were too few.
    """
    made = out_of_fold_bounds(evaluation, (level,), learner=learner, settings=settings, X=X, area=area, report=report)
    return made.at(level)


def out_of_fold_bounds(evaluation, levels=LEVELS, *, learner, settings=None, X=None, area=None, report=silent):
    """`oof_bounds` of several levels at once, as `OutOfFoldBounds`."""
    settings = settings or IntervalSettings()
    levels = tuple(check_level(level) for level in levels)
    if settings.method == "conformal":
        lower, upper = _calibrated_on_others(evaluation, levels, learner, area)
    else:
        lower, upper = _nested(evaluation, levels, learner, settings, X, area, report)
    transform, nonnegative = transform_of(learner), bool(evaluation.observed.min() >= 0)
    below, above = (in_own_unit(transform, nonnegative, values) for values in (lower, upper))
    return OutOfFoldBounds(settings, dict(zip(levels, below, strict=True)), dict(zip(levels, above, strict=True)))


def coverage_facts(evaluation, bounds, level=0.9, *, area=None):
    """How well intervals kept their promise on samples they were not made from.

    Parameters
    ----------
    evaluation : Evaluation
    bounds : OutOfFoldBounds
        From `out_of_fold_bounds`, with `level` among its levels.
    level : float
    area : AreaOfApplicability, optional
        From the same folds.

    Returns
    -------
    dict
        ``method``, ``level``, ``n``, ``coverage``, ``width`` (mean of the finite widths, unit of the target), ``score`` (interval score of
        Winkler, lower is better), ``infinite`` (number of infinite intervals), ``by_block`` (per fold), ``by_distance`` (classes of the
        distance to the nearest training sample, metres; empty without places), ``inside`` and ``outside`` the area of applicability (None
        without one), ``levels`` (calibration curve), ``nested`` (whether everything was made anew inside each fold).
    """
    observed, splits = evaluation.observed, evaluation.splits
    lower, upper = bounds.at(level)
    inside = None if area is None else area.inside(area.train_di_)

    def told(rows):
        return _told(observed[rows], lower[rows], upper[rows], level)

    return {
        "method": bounds.settings.method,
        "level": level,
        **told(slice(None)),
        "by_block": [{"fold": fold, **told(test)} for fold, (_, test) in enumerate(splits.folds(0))],
        "by_distance": [{"from": low, "to": high, **told(rows)} for low, high, rows in _distance_classes(splits)],
        "inside": None if inside is None else told(inside),
        "outside": None if inside is None else told(~inside),
        "levels": [{"level": other, **_told(observed, *bounds.at(other), other)} for other in sorted(bounds.lower)],
        "nested": bounds.settings.method != "conformal",
    }


def _told(observed, lower, upper, level):
    """Coverage, width and score of some samples."""
    scores = interval_scores(observed, lower, upper, 1 - level)
    width = upper - lower
    finite = np.isfinite(width)
    return {
        "n": scores["n"],
        "coverage": scores["picp"],
        "width": float(width[finite].mean()) if finite.any() else np.nan,
        "score": scores["winkler"],
        "infinite": int((~finite).sum()),
    }


def _calibrated_on_others(evaluation, levels, learner, area):
    """Bounds on the modelling scale, both (n_levels, n_samples); the first repeat is predicted, all repeats calibrate."""
    errors, z = out_of_fold_errors(learner, evaluation), on_modelling_scale(learner, evaluation.out_of_fold[0])
    lower, upper = np.empty((len(levels), z.size)), np.empty((len(levels), z.size))
    for _, test in evaluation.splits.folds(0):
        others = np.setdiff1d(np.arange(z.size), test)
        interval = ConformalInterval(_common_of(learner, evaluation, area, errors, others), errors[:, others].ravel(), len(errors))
        outside = None if area is None else ~area.inside(area.train_di_[test])
        for number, level in enumerate(levels):
            lower[number, test], upper[number, test] = interval.bounds(None, z[test], level, outside=outside)
    return lower, upper


def _common_of(learner, evaluation, area, errors, others):
    factor = outside_factor(None if area is None else _Part(area, others), errors[0, others])
    return Common(0.9, others.size, floor_of(learner, evaluation.observed), factor)


class _Part:
    """Dissimilarities of some of the samples of an area."""

    def __init__(self, area, rows):
        self.train_di_ = area.train_di_[rows]


def _nested(evaluation, levels, learner, settings, X, area, report):
    """Everything anew inside the training samples of each fold; on the modelling scale, both (n_levels, n_samples)."""
    y, splits = evaluation.observed, evaluation.splits
    lower, upper = np.empty((len(levels), y.size)), np.empty((len(levels), y.size))
    folds = splits.folds(0)
    for number, (train, test) in enumerate(folds):
        mine = part(report, number / len(folds), 1 / len(folds))
        inner = inner_splits(splits, train)
        groups = None if splits.groups is None else splits.groups[train]
        here, there = splits.places_of(learner, train), splits.places_of(learner, test)
        inner_evaluation = evaluate(learner, take(X, train), y[train], inner, part(mine, 0, 0.5), keep_learners=settings.method == "cv+")
        interval = fit_interval(settings, learner, inner_evaluation, take(X, train), report=part(mine, 0.5, 0.3))
        full = fit_clone(learner, take(X, train), y[train], groups, part(mine, 0.8, 0.2), here)
        z = OnModellingScale(full)(take(X, test), there)
        interval.common = replace(interval.common, outside_factor=_nested_factor(area, inner_evaluation, learner, train))
        outside = None if area is None else ~area.inside(area.train_di_[test])
        for row, level in enumerate(levels):
            lower[row, test], upper[row, test] = interval.bounds(take(X, test), z, level, coordinates=there, outside=outside)
    return lower, upper


def _nested_factor(area, inner_evaluation, learner, train):
    return outside_factor(None if area is None else _Part(area, train), out_of_fold_errors(learner, inner_evaluation)[0])


def inner_splits(splits, train):
    """Folds inside the training samples of a fold, of the kind of the outer ones: whole groups where there are groups, else random.

    Parameters
    ----------
    splits : Splits
        Outer folds.
    train : ndarray of int

    Returns
    -------
    Splits
        5 folds, fewer with fewer groups.

    Raises
    ------
    SampleError
        If the buffer leaves too few samples to train on.
    """
    from soilcore.evaluation.blocks import deal

    labels = np.arange(train.size) if splits.groups is None else np.unique(splits.groups[train], return_inverse=True)[1]
    if labels.max() < 1:
        labels = np.arange(train.size)
    folds = min(INNER_FOLDS, int(labels.max()) + 1)
    dealt = deal(labels, folds, np.random.default_rng([splits.seed, train.size]))
    places = None if splits.coordinates is None else splits.coordinates[train]
    groups = None if splits.groups is None else labels
    inner = Splits(
        splits.name,
        dealt[None, :],
        groups,
        f"{splits.label}, inside",
        seed=splits.seed,
        buffer=splits.buffer,
        buffer_along_axes=splits.buffer_along_axes,
        coordinates=places,
        surroundings=None if splits.surroundings is None else splits.surroundings.take(train),
    )
    left = min(rows.size for rows, _ in inner.folds())
    if splits.buffer and left < FEWEST_TRAINING:
        raise SampleError(
            f"These intervals are calibrated inside the training samples of each fold, where a buffer of {splits.buffer:g} m leaves {left} to train on; "
            f"at least {FEWEST_TRAINING} are needed. Give a smaller --buffer, or use the intervals 'conformal'."
        )
    return inner


def _distance_classes(splits):
    """Up to four classes of equal size by the distance of a test sample to its nearest training sample, in metres."""
    if splits.coordinates is None or not np.isfinite(splits.coordinates).all():
        return []
    from scipy.spatial import cKDTree

    distance = np.empty(splits.n_samples)
    for train, test in splits.folds(0):
        distance[test] = cKDTree(splits.coordinates[train]).query(splits.coordinates[test])[0]
    classes = int(np.clip(distance.size // _FEWEST_PER_CLASS, 1, _DISTANCE_CLASSES))
    edges = np.unique(np.quantile(distance, np.linspace(0, 1, classes + 1)))
    if edges.size < 2:
        return [(float(edges[0]), float(edges[0]), np.arange(distance.size))]
    number = np.clip(np.searchsorted(edges, distance, side="right") - 1, 0, edges.size - 2)
    return [(float(edges[one]), float(edges[one + 1]), np.flatnonzero(number == one)) for one in range(edges.size - 1)]
