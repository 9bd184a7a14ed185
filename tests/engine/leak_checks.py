"""Leak checks for any learner: nothing a learner is fitted on may know the samples it is scored on.

Each function returns what it measured and leaves the judgement to the test. `make` is a function without arguments that returns an unfitted learner.
"""

import numpy as np
import pandas as pd

from soilcore.evaluation.protocol import evaluate, fit_clone, take
from soilcore.evaluation.splits import SplitSettings, make_splits


def world(n=90, features=4, groups=18, seed=0):
    """Samples in groups with a known relation: positive, skewed target; column names as a table has them."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), n // groups)
    X = pd.DataFrame(rng.normal(size=(n, features)) + 0.5 * rng.normal(size=(groups, features))[group], columns=[f"f{i}" for i in range(features)])
    y = np.exp(0.8 * X["f0"] - 0.5 * X["f1"] + 0.3 * rng.normal(size=n)).to_numpy()
    return X, y, group


def group_splits(group, folds=3, seed=0):
    return make_splits(SplitSettings("group:g", folds=folds, seed=seed), group.size, table=pd.DataFrame({"g": group}))


def blind_to_the_test_set(make, X, y, splits, seed=1):
    """(ii) Largest change of a prediction when X and y of the first test fold are replaced by wild values; 0 for a clean protocol.

    The learner goes through `evaluate` twice; its learner of the first fold then predicts the same true rows.
    """
    rng = np.random.default_rng(seed)
    _, test = splits.folds()[0]
    wild_X, wild_y = X.copy(), y.copy()
    wild_X.iloc[test] = rng.normal(scale=100, size=(test.size, X.shape[1]))
    wild_y[test] = rng.uniform(1e3, 1e4, test.size)
    clean, altered = (evaluate(make(), a, b, splits, keep_learners=True).learners[0] for a, b in ((X, y), (wild_X, wild_y)))
    return np.abs(clean.predict(X) - altered.predict(X)).max()


def permuted_scores(make, X, y, splits, permutations=20, seed=2):
    """(iii) Pooled R2 with permuted targets, one per permutation; their 95 % quantile must not exceed 0.05.

    Whole samples are permuted, so the features keep their groups and only the relation is gone.
    """
    rng = np.random.default_rng(seed)
    return np.array([evaluate(make(), X, rng.permutation(y), splits).scores["r2"] for _ in range(permutations)])


def scaler_differences(fitted, X_train):
    """(iv) Largest differences between the statistics of every scaler inside a fitted learner and those of the training samples.

    Looks through pipelines and attributes, so a scaler cannot hide. Empty where the learner has none.
    """
    mean, scale = np.asarray(X_train).mean(axis=0), np.asarray(X_train).std(axis=0)
    scalers = [s for s in parts_of(fitted) if hasattr(s, "mean_") and hasattr(s, "scale_") and np.size(s.mean_) == mean.size]
    return [max(np.abs(s.mean_ - mean).max(), np.abs(s.scale_ - scale).max()) for s in scalers]


def parts_of(learner, seen=None):
    """Every object reachable from a fitted learner through attributes, lists, tuples and dicts."""
    seen = {} if seen is None else seen
    if id(learner) in seen or isinstance(learner, (str, bytes, int, float, np.ndarray, type(None), type)):
        return []
    seen[id(learner)] = learner  # kept alive, or its id may come again
    if isinstance(learner, dict):
        children = list(learner.values())
    elif isinstance(learner, (list, tuple)):
        children = list(learner)
    else:
        children = list(getattr(learner, "__dict__", {}).values())
    return [learner, *(found for child in children for found in parts_of(child, seen))]


def level_one_changes(make, X, y, groups, seed=3):
    """(i) For a stack with frozen parameters: how rows of Z change when y changes inside one inner fold.

    Returns
    -------
    inside, outside : float
        Largest change of Z in the fold whose targets were altered (must be 0) and in the others (must not be 0: their learners saw it).
    """
    first = fit_clone(make(), X, y, groups)
    folds = np.asarray(first.inner_folds_)
    chosen = folds == folds[0]
    altered = y.copy()
    altered[chosen] = np.random.default_rng(seed).permutation(altered[chosen]) * 3
    second = fit_clone(make(), X, altered, groups)
    if not np.array_equal(folds, second.inner_folds_):
        raise AssertionError("The inner folds depend on the target.")
    change = np.abs(np.asarray(first.Z_) - np.asarray(second.Z_)).max(axis=1)
    return change[chosen].max(), change[~chosen].max()


def refit_difference(make, X, y, groups, train):
    """Largest difference between two fits on the same rows: a learner that is not repeatable cannot be checked."""
    one, two = (fit_clone(make(), take(X, train), y[train], None if groups is None else groups[train]) for _ in range(2))
    return np.abs(one.predict(X) - two.predict(X)).max()
