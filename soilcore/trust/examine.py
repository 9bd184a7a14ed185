"""A saved model before samples it never met: its scores there, whether its intervals kept their promise, and how many it may speak of."""

from dataclasses import dataclass

import numpy as np

from soilcore.evaluation.metrics import interval_scores
from soilcore.trust.applicability import applicability_of
from soilcore.trust.interval_base import in_own_unit
from soilcore.trust.intervals import interval_of

LEVEL = 0.9
_FEW_INSIDE = 0.5
_SAME = 1e-4  # dissimilarity up to which the predictors of two samples are the same


@dataclass(frozen=True)
class Examination:
    """What came of it.

    Parameters
    ----------
    predicted : ndarray of float, shape (n_samples,)
        Unit of the target.
    row : dict
        ``coverage_90``, ``width_90``, ``aoa_share``; None where the model knows neither intervals nor an area of applicability.
    facts : dict
        Coverage inside and outside the area, and dissimilarity of each sample.
    warnings : tuple of str
    """

    predicted: np.ndarray
    row: dict
    facts: dict
    warnings: tuple[str, ...]


def examine(model, X, y, coordinates=None):
    """Apply a fitted model with its intervals and its area of applicability to samples of known target.

    Parameters
    ----------
    model : FittedModel
    X : DataFrame of shape (n_samples, n_features)
    y : ndarray of float, shape (n_samples,)
    coordinates : ndarray of float, shape (n_samples, 2), or Surroundings, optional
        Metres in the model's plane; with what lies around them for a learner with ``uses_surroundings``.

    Returns
    -------
    Examination
    """
    learner = model.learner
    places = {"coordinates": coordinates} if learner.uses_coordinates else {}
    z = learner.predict_transformed(X, **places)
    area, interval = applicability_of(model), interval_of(model)
    di = None if area is None else area.dissimilarity(area.features(learner, X, coordinates))
    inside = None if area is None else area.inside(di)
    row = {"coverage_90": None, "width_90": None, "aoa_share": None if inside is None else float(inside.mean())}
    facts = {"di": di, "inside": inside, "coverage_inside": None, "coverage_outside": None}
    if interval is not None:
        where = {"coordinates": coordinates} if interval.uses_coordinates else {}
        bounds = interval.bounds(X, z, LEVEL, outside=None if inside is None else ~inside, **where)
        lower, upper = (in_own_unit(learner.transform_, learner.nonnegative_, bound) for bound in bounds)
        scores = interval_scores(y, lower, upper, 1 - LEVEL)
        row |= {"coverage_90": scores["picp"], "width_90": scores["mpiw"]}
        facts |= {"lower": lower, "upper": upper}
        held = (y >= lower) & (y <= upper)
        if inside is not None:
            facts |= {"coverage_inside": _mean(held[inside]), "coverage_outside": _mean(held[~inside])}
    return Examination(learner.way_back_(z), row, facts, (*_met_before(model, y, di), *_warnings(row, len(y))))


def _mean(values):
    return float(values.mean()) if values.size else None


def _met_before(model, y, di):
    """What tells little new: samples where all predictors are those of a training sample, with the same value or measured again."""
    if di is None or model.out_of_fold is None:
        return ()
    trained = np.sort(np.asarray(model.out_of_fold["observed"], float))
    place = np.searchsorted(trained, y).clip(1, len(trained) - 1)
    nearest = np.minimum(np.abs(trained[place] - y), np.abs(trained[place - 1] - y))
    there = di <= _SAME
    seen = there & (nearest <= 1e-9 * np.abs(y))
    known, again = int(seen.sum()), int((there & ~seen).sum())
    said = []
    if known:
        said.append(f"{known} of the {len(y)} samples were in the training table: the model has seen them, so these scores flatter it.")
    if again:
        said.append(f"{again} of the {len(y)} samples have all predictors of a training sample: they tell of places it knows, not of new ones.")
    return tuple(said)


def _warnings(row, n):
    share, coverage = row["aoa_share"], row["coverage_90"]
    said = []
    if share is not None and share < _FEW_INSIDE:
        said.append(f"Only {share:.0%} of the {n} samples lie inside the area of applicability: the model was trained on other conditions.")
    if coverage is not None and coverage < LEVEL - 2 * np.sqrt(LEVEL * (1 - LEVEL) / n):
        said.append(f"The 90 % intervals hold {coverage:.0%} of these samples: here the model is less certain than it says.")
    return tuple(said)
