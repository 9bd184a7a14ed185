"""What can be said of one learner besides its score: coverage of its intervals, where it may be believed, and what leaked."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.core.progress import part, silent
from soilcore.evaluation.protocol import compare
from soilcore.evaluation.variogram import variogram_facts
from soilcore.trust.applicability import AreaOfApplicability, permutation_weights
from soilcore.trust.coverage import coverage_facts, out_of_fold_bounds
from soilcore.trust.expected_error import ExpectedError
from soilcore.trust.interval_base import on_modelling_scale
from soilcore.trust.intervals import IntervalSettings, fit_interval
from soilcore.trust.leakage import leakage_report
from soilcore.trust.learned_area import FoldwiseArea, has_learned_features

LEVEL = 0.9
_KEPT_LEARNERS = 3000  # samples; beyond, the learners of all folds together would fill the memory, and the first speaks for all
_ALL_FOLDS_NEEDED = "cv+"  # intervals that are made of the learners of all folds
_SCORING, _REPORTING = 0.8, 0.2  # of the time


@dataclass(frozen=True)
class Assessment:
    """One learner, scored and examined.

    Parameters
    ----------
    name : str
    row : dict
        Its line in a comparison.
    evaluation : Evaluation
    facts : dict
        ``interval``, ``aoa``, ``expected_error``, ``residual_variogram`` as pages and reports show them; ``error_variogram``, that of the
        residuals on the modelling scale, from which maps take how far errors reach.
    leakage : list of dict
        ``check``, ``ok``, ``detail``.
    settings : IntervalSettings
    lower, upper : ndarray of float, shape (n_samples,)
        Out-of-fold interval of each sample, unit of the target; its own fold had no part in the calibration.
    area : AreaOfApplicability, LearnedArea or None
        None where the predictors do not vary, or what a network made of them.
    error : ExpectedError or None
    """

    name: str
    row: dict
    evaluation: object
    facts: dict
    leakage: list
    settings: object
    lower: np.ndarray
    upper: np.ndarray
    area: object
    error: object

    @property
    def di(self):
        """Dissimilarity of each sample to those of the other folds."""
        return None if self.area is None else self.area.train_di_

    @property
    def inside(self):
        """Whether each sample lay inside the area of applicability when it was tested."""
        return None if self.area is None else self.area.inside(self.area.train_di_)

    def stored(self, learner, X, report=silent):
        """What a model folder keeps: JSON values, arrays and learners from which intervals and applicability are made again.

        Parameters
        ----------
        learner : Learner
            Fitted to all samples.
        X : DataFrame of shape (n_samples, n_features)
        report : Report
        """
        interval = fit_interval(self.settings, learner, self.evaluation, X, area=self.area, report=report)
        area = self.area
        if area is not None and area.learned:
            area = area.settled(learner, X, self.evaluation.splits.places_of(learner, np.arange(len(X))))
        facts, arrays, learners = {}, {}, {}
        for one in (interval, area, self.error):
            if one is not None:
                for mine, all_of_them in zip(one.stored(), (facts, arrays, learners), strict=True):
                    all_of_them.update(mine)
        return facts, arrays, learners


def assess(
    name,
    learner,
    X,
    y,
    splits,
    *,
    intervals="conformal",
    permutations=None,
    pixels=None,
    table=None,
    models=1,
    seed=0,
    curve_groups=None,
    report=silent,
):
    """Score a learner under its folds, and examine what the score is worth.

    Parameters
    ----------
    name : str
        As typed.
    learner : Learner
        Unfitted.
    X : DataFrame of shape (n_samples, n_features)
    y : ndarray of float, shape (n_samples,)
        Target, original unit.
    splits : Splits
    intervals : str
        Method of the prediction intervals, see `soilcore.trust.intervals.fit_interval`.
    permutations : int, optional
        How often the target is permuted; None: only where it is quick.
    pixels : DataFrame of shape (n_pixels, n_features), optional
        Predictors of the places to be mapped; the share inside the area of applicability counts these, else the samples. Of a network it counts
        the samples always: what surrounds the pixels is not at hand, and no network of a fold is that of the map.
    table : DataFrame of n_samples rows, optional
        The samples' own columns, for the leakage report.
    models : int
        How many learners are compared on these folds, for the leakage report.
    seed : int
    curve_groups : array-like of n_samples, optional
        Labels by which networks keep their validation loss apart in every fold; see ``curves`` of `Evaluation`.
    report : Report

    Returns
    -------
    Assessment
    """
    watch = FoldwiseArea(X, splits) if has_learned_features(learner) else None
    kept = _kept(len(y), splits, watch is not None, intervals)
    mine = part(report, 0, _SCORING)
    comparison = compare({name: learner}, X, y, splits, report=mine, keep_learners=kept, watch=watch, curve_groups=curve_groups)
    evaluation = comparison.evaluations[name]
    settings = IntervalSettings(intervals, LEVEL, seed=seed)
    area, note = _area(evaluation, X, y, seed, watch)
    error = None if area is None else _expected_error(area, evaluation)
    bounds = out_of_fold_bounds(evaluation, learner=learner, settings=settings, X=X, area=area, report=part(report, _SCORING, _REPORTING / 2))
    interval = coverage_facts(evaluation, bounds, LEVEL, area=area)
    leakage = leakage_report(
        learner,
        X,
        y,
        splits,
        evaluation=evaluation,
        table=table,
        permutations="auto" if permutations is None else permutations,
        models=models,
        seed=seed,
        report=part(report, _SCORING + _REPORTING / 2, _REPORTING / 2),
    )
    applicability = _applicability(area, note, pixels)
    lower, upper = bounds.at(LEVEL)
    places, predicted = splits.coordinates, evaluation.out_of_fold[0]
    facts = {
        "interval": interval,
        "aoa": applicability,
        "expected_error": [] if error is None else error.facts(),
        "residual_variogram": None if places is None else variogram_facts(places, y - predicted),
        "error_variogram": None
        if places is None
        else variogram_facts(places, on_modelling_scale(learner, y) - on_modelling_scale(learner, predicted)),
        "learner": _described(evaluation.learners),
    }
    row = comparison.rows[0] | {"coverage_90": interval["coverage"], "width_90": interval["width"], "aoa_share": applicability["share"]}
    return Assessment(name, row, evaluation, facts, leakage, settings, lower, upper, area, error)


def _described(fitted):
    """What the learner of the first fold made of its samples, where it tells."""
    return getattr(next(iter(fitted), None), "describe", lambda: None)()


def _kept(n, splits, network, intervals):
    """Of how many folds the learners are kept. Those of networks are large, and their learned features are taken while they are there."""
    if network:
        return splits.n_folds if intervals == _ALL_FOLDS_NEEDED else 1
    return True if n <= _KEPT_LEARNERS else 1


def _area(evaluation, X, y, seed, watch):
    """Area of applicability, and why there is none where there is none: in learned features, or in predictors weighed by importance."""
    try:
        if watch is not None:
            return watch.area(), ""
        weights = permutation_weights(evaluation.learners, X, y, evaluation.splits, seed=seed)
        return AreaOfApplicability().fit(X, evaluation.splits, weights), ""
    except ModelError as error:  # constant predictors: no ground for a judgement, none for refusing the score either
        return None, error.message


def _expected_error(area, evaluation):
    errors = np.abs(evaluation.observed - evaluation.out_of_fold[0])
    return ExpectedError().fit(area.train_di_, errors) if errors.size >= 5 else None


def _applicability(area, note, pixels):
    if area is None:
        return {"threshold": None, "share": None, "of": None, "n": 0, "mean_distance": None, "weights": {}, "note": note}
    if pixels is None or area.learned:
        return area.facts()
    return area.facts(area.inside(area.dissimilarity(pixels)).mean(), "pixels", len(pixels))
