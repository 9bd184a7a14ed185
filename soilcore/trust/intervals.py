"""Prediction intervals with a promised coverage, calibrated on the folds of the reported score."""

import math
from dataclasses import replace

import numpy as np

from soilcore.core.errors import ModelError, SampleError
from soilcore.core.progress import part, silent
from soilcore.evaluation.protocol import fit_clone, take
from soilcore.trust.interval_base import (
    FACTS,
    METHODS,
    Common,
    Interval,
    IntervalSettings,
    OnModellingScale,
    floor_of,
    on_modelling_scale,
    transform_of,
)
from soilcore.trust.interval_folds import CvPlusInterval
from soilcore.trust.interval_quantiles import CqrInterval, QuantileForestInterval, all_probabilities, cqr_corrections
from soilcore.trust.interval_residuals import ConformalInterval, LocalInterval, SplitInterval
from soilcore.trust.quantile_forest import QuantileForest
from soilcore.trust.rebuilt import put_together

__all__ = ["METHODS", "Interval", "IntervalSettings", "fit_interval", "interval_of"]

CALIBRATION_SHARE = 0.25  # of the samples, by "split"
_FEWEST = 5


def fit_interval(settings, learner, evaluation, X, y=None, splits=None, *, area=None, report=silent):
    """Calibrate prediction intervals of a learner.

    ========================  =====================================================================================================
    ``conformal``             absolute out-of-fold errors of the reported folds round the full model; nothing is fitted
    ``cv+``                   the models of all folds, each with the errors it made on samples it never saw; proven to cover 1 - 2 alpha
    ``split``                 one model fitted without whole folds (a quarter of the samples or more), and its errors on those
    ``cqr``                   quantiles of a forest, corrected by what they missed out of fold; width follows the place
    ``quantile-forest``       quantiles of a forest as they are; not calibrated, the spread of the target alone
    ``local``                 as conformal, errors nearby weighing more
    ========================  =====================================================================================================

    All are calibrated on the folds of `evaluation`. If those are spatial, so is the calibration: random folds put neighbours of every clustered
    sample into training, and the errors they show are too small for a map.

    Parameters
    ----------
    settings : IntervalSettings
    learner : Learner
        Fitted or not; clones of it are fitted where a method needs more models.
    evaluation : Evaluation
        Of this learner on the reported folds; "cv+" uses its learners where they were kept.
    X : DataFrame or ndarray of shape (n_samples, n_features)
    y : array-like of float, shape (n_samples,), optional
        Target, original unit; that of `evaluation` if not given.
    splits : Splits, optional
        That of `evaluation` if not given.
    area : AreaOfApplicability, optional
        From the same samples and folds; tells how much wider the bounds are outside it.
    report : Report

    Returns
    -------
    Interval

    Raises
    ------
    SampleError
        If "local" has no places, or "split" too few folds.
    ModelError
        If the data do not belong to the evaluation.
    """
    splits = evaluation.splits if splits is None else splits
    y = evaluation.observed if y is None else np.asarray(y, float)
    if y.shape != (splits.n_samples,) or np.shape(X)[0] != y.size or evaluation.out_of_fold.shape[1] != y.size:
        raise ModelError(f"{np.shape(X)[0]} rows of predictors, {y.size} targets and folds of {splits.n_samples} samples do not belong together.")
    data = _Data(settings, learner, evaluation, X, y, splits, report)
    return _KINDS[settings.method](data, _common(data, area))


def interval_of(model):
    """The interval that a fitted model was stored with, or None.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    Interval or None

    Raises
    ------
    ModelError
        If it is of a method this version does not know, or what was stored does not belong together.
    """
    facts = model.trust.get(FACTS)
    if facts is None:
        return None
    kinds = {kind.method: kind for kind in _classes()}
    with put_together("intervals"):
        if facts["method"] not in kinds:
            raise ModelError(f"The model's intervals are made by {facts['method']!r}, which this version does not know. Known: {', '.join(kinds)}.")
        floor = -np.inf if facts["floor"] is None else float(facts["floor"])
        common = Common(float(facts["level"]), int(facts["n"]), floor, float(facts["outside_factor"]), facts["note"])
        return kinds[facts["method"]]._rebuilt(common, facts, _own(model.trust_arrays), _own(model.trust_learners))


def out_of_fold_errors(learner, evaluation):
    """Absolute out-of-fold errors on the modelling scale, shape (n_repeats, n_samples)."""
    return np.abs(on_modelling_scale(learner, evaluation.out_of_fold) - transform_of(learner).forward(evaluation.observed))


def outside_factor(area, errors):
    """How much larger the error of the most unlike samples was than that of all, at least 1.

    Parameters
    ----------
    area : AreaOfApplicability or None
    errors : ndarray of float, shape (n_samples,)
        Absolute out-of-fold errors on the modelling scale.

    Returns
    -------
    float
        Root mean squared error expected at the largest dissimilarity that was tested, by the monotone model of `ExpectedError`, over that of
        all samples. It cannot be below 1. What lies further out than any tested sample may err more: nothing is guaranteed there.
    """
    overall = float(np.sqrt(np.mean(errors**2)))
    if area is None or errors.size < _FEWEST or not overall > 0:
        return 1.0
    from soilcore.trust.expected_error import ExpectedError

    return max(1.0, float(ExpectedError().fit(area.train_di_, errors).rmse_[-1]) / overall)


class _Data:
    """What the makers of intervals look at."""

    def __init__(self, settings, learner, evaluation, X, y, splits, report):
        self.settings, self.learner, self.evaluation = settings, learner, evaluation
        self.X, self.y, self.splits, self.report = X, y, splits, report
        self.errors = out_of_fold_errors(learner, evaluation)

    def fitted_without(self, train, report):
        """A clone of the learner fitted to some samples."""
        groups = None if self.splits.groups is None else self.splits.groups[train]
        return fit_clone(self.learner, take(self.X, train), self.y[train], groups, report, self.places(train))

    def predicted(self, learner, rows):
        """On the modelling scale, limited as the interval limits it."""
        z = OnModellingScale(learner)(take(self.X, rows), self.places(rows))
        return np.maximum(z, floor_of(self.learner, self.y))

    def places(self, rows):
        """Coordinates of some samples for the learner, or None."""
        return self.splits.places_of(self.learner, rows)

    def observed(self, rows):
        """The target of some samples on the modelling scale."""
        return transform_of(self.learner).forward(self.y[rows])


def _common(data, area):
    factor = outside_factor(area, data.errors[0])
    return Common(data.settings.level, data.y.size, floor_of(data.learner, data.y), factor, _note(data))


def _note(data):
    rank = math.ceil(round((data.y.size + 1) * data.settings.level, 9))
    if rank > data.y.size and data.settings.method in ("conformal", "cv+", "local", "cqr"):
        least = math.ceil(round(data.settings.level / (1 - data.settings.level), 9))
        return f"{data.y.size} samples cannot promise {data.settings.level:.0%}: the bounds are infinite. At least {least} samples are needed."
    return f"Calibrated on {data.splits.label}."


def _conformal(data, common):
    return ConformalInterval(common, data.errors.ravel(), len(data.errors))


def _local(data, common):
    if data.splits.coordinates is None:
        raise SampleError(
            "Intervals by 'local' weigh errors by distance, but the samples have no places. Name --x, --y and --crs, or use 'conformal'."
        )
    known = np.isfinite(data.splits.coordinates).all(axis=1)
    if not known.all():
        raise SampleError(
            f"Intervals by 'local' weigh errors by distance, but {int((~known).sum())} of {known.size} samples have no coordinates. "
            "Leave these rows out, or use 'conformal'."
        )
    return LocalInterval(common, data.errors[0], data.splits.coordinates)


def _cv_plus(data, common):
    folds = data.splits.folds(0)
    learners = list(data.evaluation.learners[: len(folds)])
    if len(learners) < len(folds):
        learners = [data.fitted_without(train, part(data.report, number / len(folds), 1 / len(folds))) for number, (train, _) in enumerate(folds)]
    return CvPlusInterval(common, data.errors[0], data.splits.assignments[0], learners)


def _split(data, common):
    """Whole folds are set aside, the first ones of the first repeat, until they hold a quarter of the samples."""
    assigned, sizes = data.splits.assignments[0], np.array(data.splits.sizes)
    count = int(np.searchsorted(np.cumsum(sizes), CALIBRATION_SHARE * assigned.size) + 1)
    folds = data.splits.folds(0)
    tests = np.concatenate([test for _, test in folds[:count]])
    train = folds[0][0]
    for fold_train, _ in folds[1:count]:
        train = np.intersect1d(train, fold_train)
    if train.size < max(_FEWEST, getattr(data.learner, "minimum_rows", 2)):
        raise SampleError(
            f"Split conformal would train on {train.size} of {assigned.size} samples and calibrate on {tests.size}. Use 'cv+' or 'conformal'."
        )
    centre = data.fitted_without(train, data.report)
    scores = np.abs(data.predicted(centre, tests) - data.observed(tests))
    note = f"Fitted to {train.size} samples, calibrated on {tests.size} in {count} of {len(folds)} folds ({data.splits.label})."
    return SplitInterval(Common(common.level, tests.size, common.floor, common.outside_factor, note), scores, centre)


def _quantile_forest(data, common):
    forest = _forest_of(data, np.arange(data.y.size))
    note = "Quantiles of a forest as they are: the spread among like samples, not calibrated."
    return QuantileForestInterval(replace(common, note=note), forest)


def _cqr(data, common):
    """Out-of-fold quantiles correct the quantiles of the forest of all samples."""
    quantiles, folds = np.empty((data.y.size, len(all_probabilities()))), data.splits.folds(0)
    for number, (train, test) in enumerate(folds):
        data.report(number, len(folds) + 1, "forests of quantiles")
        quantiles[test] = _forest_of(data, train).quantiles(take(data.X, test), all_probabilities())
    data.report(len(folds), len(folds) + 1, "forests of quantiles")
    corrections = cqr_corrections(data.observed(slice(None)), quantiles)
    return CqrInterval(common, _forest_of(data, np.arange(data.y.size)), corrections)


def _forest_of(data, rows):
    settings = data.settings
    return QuantileForest.fitted(take(data.X, rows), data.observed(rows), settings.seed, settings.jobs, settings.trees)


def _own(named):
    start = f"{FACTS}."
    return {name.removeprefix(start): value for name, value in named.items() if name.startswith(start)}


def _classes():
    return ConformalInterval, CvPlusInterval, SplitInterval, LocalInterval, CqrInterval, QuantileForestInterval


_KINDS = {"conformal": _conformal, "cv+": _cv_plus, "split": _split, "local": _local, "cqr": _cqr, "quantile-forest": _quantile_forest}
