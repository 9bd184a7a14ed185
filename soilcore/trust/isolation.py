"""Whether anything of the test samples reaches a learner: it is fitted again with their rows altered, and must come out the same."""

import time
from contextvars import Context
from dataclasses import dataclass

import numpy as np

from soilcore.core.progress import silent
from soilcore.evaluation.protocol import fit_clone, predict_checked, take

_WORDS = {  # what a part fits, by the name of its class
    "StandardScaler": "scaling",
    "RobustScaler": "scaling",
    "MinMaxScaler": "scaling",
    "QuantileTransformer": "scaling",
    "SimpleImputer": "imputation",
    "PCA": "principal components",
    "SearchedIndex": "index search",
    "BestIndexModel": "choice of the index",
    "StackingModel": "weights of the stack",
    "WithNeighbours": "features of neighbouring samples",
    "GiStarFeature": "Getis-Ord statistic",
    "KrigingLearner": "variogram",
    "RegressionKriging": "variogram of out-of-fold residuals",
    "OrdinaryKriging": "variogram",
    "TwoStepModel": "classifier and threshold",
    "AutoModel": "choice and weights of the members",
    "Scaled": "scaling of the inputs",
    "TargetScale": "scaling of the target",
    "History": "end of the training",
}
_LARGEST_WALK = 20_000  # objects looked at; a forest has more inside than there is to say


@dataclass(frozen=True)
class Isolation:
    """What fitting twice showed.

    Parameters
    ----------
    same : bool or None
        Whether the fit stayed the same when test rows were altered; None where two fits on the same rows already differ.
    rows : int
        Training samples whose predictions were compared.
    difference : float
        Largest difference of their predictions, unit of the target.
    seconds : float
        Of one fit.
    fitted : tuple of str
        What the learner fits inside the fold, in words.
    """

    same: bool | None
    rows: int
    difference: float
    seconds: float
    fitted: tuple[str, ...]


def check_isolation(learner, X, y, splits, fitted=None, *, most=None, seed=0, report=silent):
    """Fit the first fold with the true and with altered test rows, and compare predictions of its training rows to the last bit.

    Parameters
    ----------
    learner : estimator
        Unfitted.
    X, y, splits
        As in `soilcore.evaluation.protocol.evaluate`.
    fitted : estimator, optional
        The learner of the first fold, as `evaluate` fitted it; saves one fit where all training samples are used.
    most : int, optional
        Take so many of the training samples, drawn, where a fit with all of them takes long.
    seed : int
        Draws the altered rows.
    report : Report

    Returns
    -------
    Isolation
    """
    y = np.asarray(y, dtype=float)
    train, test = splits.folds()[0]
    generator = np.random.default_rng(seed)
    if most is not None and train.size > most:
        train, fitted = np.sort(generator.choice(train, most, replace=False)), None
    report(0, 3, "fitting without the test samples")
    if fitted is None:
        fitted = _fit(learner, X, y, splits, train)
    started = time.perf_counter()
    altered = _fit(learner, *_altered(X, y, test, generator), splits, train)
    seconds = time.perf_counter() - started
    truth, other = (_predictions(one, X, splits, train) for one in (fitted, altered))
    difference = float(np.abs(truth - other).max())
    same = bool(np.array_equal(truth, other))
    if not same:
        report(2, 3, "fitting once more")
        again = _predictions(_fit(learner, X, y, splits, train), X, splits, train)
        same = None if not np.array_equal(truth, again) else False
    report(3, 3, "checked")
    return Isolation(same, train.size, difference, seconds, what_is_fitted(fitted))


def what_is_fitted(learner):
    """Steps of a fitted learner that learn from samples, in words, for example ("scaling", "tuning on inner folds")."""
    said, seen, waiting = [], {}, [learner]
    while waiting and len(seen) < _LARGEST_WALK:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (str, bytes, int, float, np.ndarray, np.generic, type, type(None))):
            continue
        seen[id(one)] = one  # kept alive, or its id may come again
        said += [_WORDS[type(one).__name__]] if type(one).__name__ in _WORDS else []
        said += ["tuning on inner folds"] if getattr(one, "tuning_", ()) else []
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, (list, tuple)):
            waiting += one
        else:
            waiting += getattr(one, "__dict__", {}).values()
    return tuple(sorted(set(said)))


def _fit(learner, X, y, splits, train):
    """A fresh fit: outside the context in which finished fits are kept, for one that is taken from there would show nothing."""
    groups = None if splits.groups is None else splits.groups[train]
    return Context().run(fit_clone, learner, take(X, train), y[train], groups, coordinates=splits.places_of(learner, train))


def _predictions(fitted, X, splits, rows):
    return predict_checked(fitted, take(X, rows), type(fitted).__name__, splits.places_of(fitted, rows))


def _altered(X, y, test, generator):
    """The table with the test rows replaced: values of other samples, three times as large, column by column."""
    altered_y = y.copy()
    altered_y[test] = 3 * generator.permutation(y)[: test.size] + np.ptp(y)
    values = np.array(X, dtype=float)
    for column in range(values.shape[1]):
        values[test, column] = 3 * generator.permutation(values[:, column])[: test.size]
    if hasattr(X, "columns"):
        import pandas as pd

        return pd.DataFrame(values, index=X.index, columns=X.columns), altered_y
    return values, altered_y
