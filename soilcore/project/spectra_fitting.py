"""One learner fitted to one part of a library, and what it says of another part."""

import inspect
import time
from dataclasses import dataclass, replace

import numpy as np

from soilcore.core.progress import part, silent
from soilcore.evaluation.epoch_curves import curve_labels
from soilcore.evaluation.holdout import group_scores
from soilcore.evaluation.metrics import regression_scores
from soilcore.evaluation.protocol import epochs_of, predict_checked, take

SCORES = ("r2", "rmse", "mae", "me", "ccc", "rpd", "rpiq", "r2_log10")


@dataclass(frozen=True)
class Tested:
    """What one fit gave on samples it never saw.

    Parameters
    ----------
    learner : Learner
        Fitted; None where it was let go.
    test : ndarray of int
        Positions.
    predicted : ndarray of float, shape (n_test,)
        Unit of the target.
    di : ndarray of float or None
        Dissimilarity of each to the samples that were fitted; None where it was not asked for, or the learner tells nothing apart.
    seconds : float
    told : dict
        What the learner says of itself.
    history : list of dict
        Losses by epoch, for networks.
    """

    learner: object
    test: np.ndarray
    predicted: np.ndarray
    di: np.ndarray | None = None
    seconds: float = 0.0
    told: dict | None = None
    history: tuple = ()


def fit_validated(candidate, table, train, validation, report=silent, seed=None, groups=None):
    """A fresh copy of a learner, fitted to some spectra; others, where there are any, choose components or the end of training.

    Learners that neither choose nor stop get both parts to fit, so that all have seen the same.

    Parameters
    ----------
    candidate : Candidate
    table : SpectralTable
    train, validation : ndarray of int
        Positions; `validation` may be empty.
    report : Report
    seed : int, optional
        Replaces the learner's own.
    groups : ndarray of int, shape (n_samples,), optional
        What is kept whole in everything cross-validated inside.

    Returns
    -------
    Learner
    """
    from sklearn.base import clone

    learner = clone(candidate.learner)
    if seed is not None and "random_state" in learner.get_params():
        learner.set_params(random_state=seed)
    seen = np.sort(np.concatenate([train, validation]))
    accepted = inspect.signature(learner.fit).parameters
    extra = {} if groups is None else {"groups": groups[seen]}
    if "validation" in accepted and validation.size:
        extra["validation"] = np.searchsorted(seen, validation)
    if "curve_groups" in accepted and table.labels is not None:
        extra["curve_groups"] = curve_labels(table.labels)[seen]
    return learner.fit(take(candidate.X, seen), table.y[seen], report=report, **extra)


def fit_and_test(candidate, table, holdout, report=silent, *, seed=None, dissimilar=False, keep=False):
    """Fit to training and validation samples, predict the test samples.

    Returns
    -------
    Tested
    """
    started = time.perf_counter()
    learner = fit_validated(candidate, table, holdout.train, holdout.validation, part(report, 0, 0.95), seed)
    predicted = predict_checked(learner, take(candidate.X, holdout.test), candidate.name)
    seconds = time.perf_counter() - started
    di = _dissimilarity(learner, candidate.X, holdout) if dissimilar else None
    told = learner.describe() if hasattr(learner, "describe") else None
    tested = Tested(learner if keep else None, holdout.test, predicted, di, seconds, told, history_of(learner))
    report(1, 1, f"{candidate.name}: tested")
    return tested


def history_of(learner):
    """Losses of every epoch of the first member of a network, as JSON values; empty for other learners."""
    return tuple(epochs_of(learner))


def _dissimilarity(learner, X, holdout):
    """Of the test samples to those the learner has seen: in its own features where it has any, else in the spectra."""
    from soilcore.core.errors import ModelError
    from soilcore.trust.learned_area import dissimilarity_between, has_learned_features, learned_features

    seen, test = take(X, holdout.seen), take(X, holdout.test)
    try:
        if has_learned_features(learner):
            return dissimilarity_between(learned_features(learner, seen), learned_features(learner, test))[0]
        return dissimilarity_between(np.asarray(seen, float), np.asarray(test, float))[0]
    except ModelError:  # all samples alike to this learner: it has an error, but no space
        return None


def scores_of(observed, predicted):
    """The scores a comparison shows."""
    scores = regression_scores(observed, predicted)
    return {key: scores[key] for key in SCORES}


def groups_told(observed, predicted, labels):
    """Scores by group, or an empty list without groups."""
    return [] if labels is None else group_scores(observed, predicted, labels, scores_of)


def groups_over_seeds(y, labels, tested):
    """Scores by group, of the tests of all seeds together, and how R2 differs from seed to seed.

    Parameters
    ----------
    y : ndarray of float, shape (n_samples,)
    labels : ndarray of str, shape (n_samples,), or None
    tested : list of Tested

    Returns
    -------
    list of dict
        As `groups_told`; ``n`` counts different spectra, ``r2_sd`` is None for groups too small in a single test.
    """
    if labels is None:
        return []
    rows = np.concatenate([one.test for one in tested])
    made = groups_told(y[rows], np.concatenate([one.predicted for one in tested]), labels[rows])
    of_seeds = [{row["group"]: row["r2"] for row in groups_told(y[one.test], one.predicted, labels[one.test])} for one in tested]
    different = np.unique(rows)
    for row in made:
        r2 = [value for value in (of_seed.get(row["group"]) for of_seed in of_seeds) if value is not None and np.isfinite(value)]
        row |= {"r2_sd": float(np.std(r2, ddof=1)) if len(r2) > 1 else None, "n": int((labels[different] == row["group"]).sum())}
    return made


def with_share(fit, holdout):
    """Settings of a fit whose networks take as large a part of what they see for validation as the division does."""
    seen = holdout.seen.size
    share = holdout.validation.size / seen if seen and holdout.validation.size else fit.network.validation
    return replace(fit, network=replace(fit.network, validation=float(np.clip(share, 0.02, 0.5))))
