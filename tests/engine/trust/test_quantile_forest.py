"""Quantiles of a forest: the weights of its leaves, the numbers of the published package, and large tables in bins."""

import numpy as np
import pytest

from soilcore.models.pipelines import TunedRegressor
from soilcore.trust.quantile_forest import MOST_BINS, QuantileForest


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(80, 3)).astype(np.float32)
    return X, X[:, 0] + rng.normal(size=80), rng.normal(size=(9, 3)).astype(np.float32)


def test_weights_are_those_of_shared_leaves(data):
    X, y, places = data
    quantiles = QuantileForest.fitted(X, y, trees=20)
    trees = quantiles.learner.pipeline_.steps[-1][1].estimators_
    weights = np.zeros((len(places), 80))
    for tree in trees:
        same = tree.apply(places)[:, None] == tree.apply(X)[None]
        weights += same / same.sum(axis=1, keepdims=True) / len(trees)
    order = np.argsort(y)
    carried = np.concatenate([block for _, block in quantiles.cumulated(places)])
    np.testing.assert_allclose(carried, np.cumsum(weights[:, order], axis=1), atol=1e-12)
    np.testing.assert_allclose(quantiles.above(places, 0.3), weights[:, y > 0.3].sum(axis=1), atol=1e-12)


def test_quantiles_are_those_of_the_quantile_forest_package(data):
    package = pytest.importorskip("quantile_forest")
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.pipeline import Pipeline

    X, y, places = data
    settings = {"n_estimators": 40, "min_samples_leaf": 5, "max_features": 1, "bootstrap": False, "random_state": 0}
    theirs = package.RandomForestQuantileRegressor(max_samples_leaf=None, **settings).fit(X, y)
    forest = RandomForestRegressor(**settings).fit(X, y)
    learner = TunedRegressor("rf")
    learner.pipeline_ = Pipeline([("model", forest)])
    probabilities = [0.05, 0.33, 0.5, 0.77, 0.95]
    mine = QuantileForest(learner, forest.apply(X), y).quantiles(places, probabilities)
    lower, higher = (
        theirs.predict(places, quantiles=probabilities, weighted_quantile=True, weighted_leaves=True, interpolation=which)
        for which in ("lower", "higher")
    )
    assert ((lower <= mine) & (mine <= higher)).all()  # they interpolate between samples, and these are the two
    assert (mine == lower).mean() > 0.95


def test_many_values_are_taken_together_without_moving_quantiles_far():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(3000, 2))
    y = X[:, 0] + rng.normal(size=3000)
    quantiles = QuantileForest.fitted(X, y, trees=5)
    assert quantiles.support.size == MOST_BINS
    assert (np.diff(quantiles.support) > 0).all()
    found = quantiles.quantiles(X[:50], (0.1, 0.5, 0.9))
    assert (np.diff(found, axis=1) >= 0).all()
    leaves, order = quantiles.leaves, np.argsort(y)
    weights = np.mean(
        [(leaves[:50, [t]] == leaves[None, :, t]) / (leaves[:50, [t]] == leaves[None, :, t]).sum(1, keepdims=True) for t in range(5)], axis=0
    )
    exact = y[order][(np.cumsum(weights[:, order], axis=1) < 0.5 - 1e-9).sum(axis=1)]
    assert np.abs(found[:, 1] - exact).max() < 0.02
