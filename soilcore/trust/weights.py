"""How much each predictor matters to a learner: the weights by which distances between samples are taken."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.progress import silent

MOST_PREDICTORS = 200  # beyond, hundreds of correlated columns (spectra) share what importance there is, and every weight is noise
_MOST_DRAWS = 10
_ENOUGH_ROWS = 2000  # draws times samples; more says nothing new
_MOST_ROWS = 100_000  # rows that the learner of one fold predicts at most
_MOST_VALUES = 20_000_000  # held at a time
_ROUNDING = 1e-9  # of the error


@dataclass(frozen=True)
class Weights:
    """Weight of each predictor.

    Parameters
    ----------
    values : ndarray of float, shape (n_features,)
        At least 0, the largest 1.
    note : str
        Where they come from.
    """

    values: np.ndarray
    note: str = ""


def permutation_weights(learners, X, y, splits, seed=0, report=silent):
    """Permutation importance of each predictor on samples that the learner never saw.

    In every fold of the first repeat, the values of one predictor at the test samples are replaced by those of samples drawn from all, and
    the growth of the squared error on the modelling scale counts. Values are drawn from all samples because within one spatial block a
    predictor may hardly vary, which would make it look useless. Columns of one category (``name=code``) are replaced together and share
    the weight.

    Parameters
    ----------
    learners : sequence of fitted learners
        One per fold (and repeat), as `evaluate` keeps them.
    X : DataFrame or ndarray of shape (n_samples, n_features)
    y : array-like of float, shape (n_samples,)
        Target, original unit.
    splits : Splits
        The folds of the learners.
    seed : int
        Draws the replacements.
    report : Report

    Returns
    -------
    Weights
        Mean growth over all samples, 0 where the error fell, divided by the largest. All 1 with more than 200 predictors, without learners,
        of networks that read windows, or if no predictor matters; the note says so.
    """
    count = np.shape(X)[1]
    if count > MOST_PREDICTORS:
        return Weights(np.ones(count), f"All {count} predictors weigh the same: importance is not told apart among more than {MOST_PREDICTORS}.")
    if not learners:
        return Weights(np.ones(count), "All predictors weigh the same: the learners of the folds were not kept.")
    if any(getattr(learner, "uses_surroundings", False) for learner in learners):
        note = "All predictors weigh the same: the network reads windows around the samples too, which columns of the table do not stand for."
        return Weights(np.ones(count), note)
    table, groups = np.asarray(X, float), grouped_columns(X)
    rng = np.random.default_rng(seed)
    growth, tested = np.zeros(len(groups)), 0
    folds = splits.folds(0)
    for fold, (learner, (_, test)) in enumerate(zip(learners, folds, strict=False)):
        report(fold, len(folds), "importance of the predictors")
        test = _some_of(test, len(groups), rng)
        growth += _growth(learner, _Fold(X, table, np.asarray(y, float), test, splits.places_of(learner, test)), groups, rng) * test.size
        tested += test.size
    report(len(folds), len(folds), "importance of the predictors")
    growth = np.maximum(growth / tested, 0.0)
    if not growth.max() > 0:
        return Weights(np.ones(count), "All predictors weigh the same: none made the predictions of unseen samples better.")
    values = np.empty(count)
    for group, columns in enumerate(groups):
        values[columns] = growth[group] / growth.max()
    return Weights(values, "Weights: permutation importance on the test samples of the folds.")


def grouped_columns(X):
    """Columns that belong together: those of one category (``name=code``, only 0 and 1) in one array, every other alone.

    Returns
    -------
    list of ndarray of int
    """
    names = [str(name) for name in getattr(X, "columns", range(np.shape(X)[1]))]
    values, groups = np.asarray(X, float), {}
    for number, name in enumerate(names):
        start, mark, _ = name.partition("=")
        of_category = mark and np.isin(values[:, number], (0.0, 1.0)).all()
        groups.setdefault(("category", start) if of_category else ("column", number), []).append(number)
    return [np.array(columns) for columns in groups.values()]


@dataclass(frozen=True)
class _Fold:
    """The test samples of one fold."""

    X: object
    table: np.ndarray
    y: np.ndarray
    test: np.ndarray
    coordinates: object

    def errors(self, learner, rows):
        """Squared errors of blocks of the test samples, shape (n_blocks, n_test), on the modelling scale where the learner has one."""
        blocks = len(rows) // self.test.size
        places = {}
        if getattr(learner, "uses_coordinates", False):
            places["coordinates"] = None if self.coordinates is None else np.tile(self.coordinates, (blocks, 1))
        observed = self.y[self.test]
        if hasattr(learner, "predict_transformed"):
            predicted, observed = learner.predict_transformed(self._as_given(rows), **places), learner.transform_.forward(observed)
        else:
            predicted = learner.predict(self._as_given(rows), **places)
        return (np.asarray(predicted, float).reshape(blocks, self.test.size) - observed) ** 2

    def _as_given(self, rows):
        if not hasattr(self.X, "columns"):
            return rows
        import pandas as pd

        return pd.DataFrame(rows, columns=self.X.columns)


def _growth(learner, fold, groups, rng):
    """Mean growth of the squared error when each group of columns is replaced."""
    test, table = fold.test, fold.table
    draws = int(np.clip(_ENOUGH_ROWS // len(table), 1, _MOST_DRAWS))
    at_once = max(1, _MOST_VALUES // (test.size * draws * table.shape[1]))  # groups
    before, after = None, []
    for start in range(0, len(groups), at_once):
        blocks = [table[test]]
        for columns in groups[start : start + at_once]:
            for _ in range(draws):
                replaced = table[test].copy()
                replaced[:, columns] = table[rng.permutation(len(table))[test]][:, columns]
                blocks.append(replaced)
        errors = fold.errors(learner, np.concatenate(blocks)).mean(axis=1)
        before = errors[0]
        after.append(errors[1:].reshape(-1, draws).mean(axis=1))
    growth = np.concatenate(after) - before
    return np.where(np.abs(growth) > _ROUNDING * before, growth, 0.0)


def _some_of(test, groups, rng):
    """So many test samples that the learner is not asked for more than `_MOST_ROWS` rows."""
    most = max(1, _MOST_ROWS // (groups + 1))
    return test if test.size <= most else np.sort(rng.choice(test, most, replace=False))
