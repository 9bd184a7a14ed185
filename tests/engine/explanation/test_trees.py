"""Attributions of trees equal the definition of the Shapley value, and shap's own explainer with the same background."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest

from soilcore.explanation import trees_plain
from soilcore.explanation.sampled import sampled_attributions, walks
from soilcore.explanation.trees import FlatTrees, attributions_of_trees
from soilcore.explanation.trees_plain import PlainTrees
from soilcore.models.forest import pack_forest

ROWS = 40
WAYS = ("pairs", "patterns", "plain")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 6)).astype(np.float32)
    return X, X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + np.where(X[:, 3] > 0, X[:, 4], 0)


@pytest.fixture(scope="module")
def forest(table):
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(8, max_features=0.5, random_state=0).fit(*table)


@pytest.fixture(scope="module")
def boosted(table):
    from xgboost import XGBRegressor

    return XGBRegressor(n_estimators=25, max_depth=5, learning_rate=0.2, n_jobs=1).fit(*table)


def by_definition(predict, x, background):
    """Shapley values of one row, every coalition of drivers tried."""
    count = x.size

    def worth(members):
        rows = background.copy()
        rows[:, list(members)] = x[list(members)]
        return predict(rows).mean()

    values = np.zeros(count)
    for driver in range(count):
        others = [other for other in range(count) if other != driver]
        for size in range(count):
            weight = factorial(size) * factorial(count - 1 - size) / factorial(count)
            for members in combinations(others, size):
                values[driver] += weight * (worth((*members, driver)) - worth(members))
    return values


def attributed(trees, X, background, way):
    """By one of the three ways there are."""
    return PlainTrees(trees, background).attributions(X) if way == "plain" else attributions_of_trees(trees, X, background, many=way == "patterns")


@pytest.mark.parametrize("way", WAYS)
def test_attributions_of_trees_are_shapley_values_by_definition(table, boosted, way):
    X, _ = table
    trees, packed = FlatTrees.of(boosted), pack_forest(boosted)
    found = attributed(trees, X[:2], X[20:30], way)
    for row in range(2):
        np.testing.assert_allclose(found[row], by_definition(packed.predict, X[row], X[20:30]), atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("which", ["forest", "boosted"])
def test_attributions_of_trees_equal_those_of_shap(table, which, way, request):
    import shap

    X, estimator = table[0], request.getfixturevalue(which)
    background = X[::3]
    found = attributed(FlatTrees.of(estimator), X[:ROWS], background, way)
    oracle = shap.TreeExplainer(estimator, background.astype(float), feature_perturbation="interventional")
    np.testing.assert_allclose(
        found, oracle.shap_values(X[:ROWS].astype(float), check_additivity=False), atol=1e-6
    )  # shap adds up in float32 at places


@pytest.mark.parametrize("which", ["forest", "boosted"])
def test_attributions_of_trees_add_up(table, which, request):
    X, estimator = table[0], request.getfixturevalue(which)
    packed, background = pack_forest(estimator), X[50:]
    found = attributions_of_trees(FlatTrees.of(estimator), X, background, many=True)
    np.testing.assert_allclose(found.sum(axis=1) + packed.predict(background).mean(), packed.predict(X), atol=1e-10)


def test_a_row_on_a_threshold_goes_where_the_trees_send_it(table, boosted):
    X, trees = table[0].copy(), FlatTrees.of(boosted)
    inner = trees.feature >= 0
    limits = {int(f): trees.threshold[inner & (trees.feature == f)] for f in np.unique(trees.feature[inner])}
    for column, values in limits.items():
        X[: min(len(values), len(X)), column] = values[: len(X)]
    packed, background = pack_forest(boosted), X[60:90]
    for way in WAYS:
        found = attributed(trees, X, background, way)
        np.testing.assert_allclose(found.sum(axis=1) + packed.predict(background).mean(), packed.predict(X), atol=1e-10)


def test_a_pixel_is_attributed_the_same_whatever_the_rows_beside_it(table, forest):
    trees, X = FlatTrees.of(forest), np.tile(table[0], (25, 1))  # more than one block
    whole = attributions_of_trees(trees, X, table[0][:30], many=True)
    for part in (slice(0, 1), slice(7, 60), slice(1000, 2100)):
        np.testing.assert_array_equal(attributions_of_trees(trees, X[part], table[0][:30], many=True), whole[part])


def test_deep_trees_are_attributed_leaf_by_leaf_beyond_what_a_table_of_patterns_holds():
    from sklearn.ensemble import RandomForestRegressor

    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 24)).astype(np.float32)
    forest = RandomForestRegressor(2, max_features=1, random_state=0).fit(X, X.sum(axis=1) + rng.normal(size=600))
    trees = FlatTrees.of(forest)
    found = attributions_of_trees(trees, X[:60], X[100:130], many=True)
    assert trees.depth > 13  # more bits than the dense table has
    for way in ("pairs", "plain"):
        np.testing.assert_allclose(found, attributed(trees, X[:60], X[100:130], way), atol=1e-12)


@pytest.mark.parametrize("rows", [1, 64, 65, 120])
def test_without_compiled_code_as_many_background_rows_count_as_with(table, forest, rows, monkeypatch):
    X, trees = table[0], FlatTrees.of(forest)
    X = np.concatenate([X, X[:5] + np.float32(0.5), X[7:9]])  # the last are background rows as well
    monkeypatch.setattr(trees_plain, "_NODES_AT_ONCE", 300)  # several parts
    found = PlainTrees(trees, X[:rows]).attributions(X[118:])
    np.testing.assert_allclose(found, attributions_of_trees(trees, X[118:], X[:rows], many=False), atol=1e-12)


def test_trees_of_a_single_leaf_give_nothing(table):
    from sklearn.ensemble import RandomForestRegressor

    X, y = table
    trees = FlatTrees.of(RandomForestRegressor(3, random_state=0).fit(X, np.full(len(y), 2.5)))
    assert not PlainTrees(trees, X[:9]).attributions(X[:2]).any()


def test_sampled_attributions_lie_round_the_exact_ones_as_far_as_they_say(table, boosted):
    X, packed = table[0].astype(float), pack_forest(boosted)
    background, drivers = X[20:80], [np.array([column]) for column in range(6)]
    base = packed.predict(background).mean()
    exact = attributions_of_trees(FlatTrees.of(boosted), X[:20], background)
    for draws in (None, 20):
        values, errors = sampled_attributions(packed.predict, X[:20], background, drivers, walks(60, 6, draws, seed=3), base)
        np.testing.assert_allclose(values.sum(axis=1) + base, packed.predict(X[:20]), atol=1e-10)
        ratio = np.sqrt(np.mean((values - exact) ** 2) / np.mean(errors**2))
        assert 0.4 < ratio < 1.6


def test_drivers_that_change_together_get_what_their_columns_bring(table):
    X, weights = table[0].astype(float), np.array([1.0, -2.0, 0.5, 3.0, 0.0, 1.0])
    drivers = [np.array([0, 3]), np.array([1]), np.array([2, 4, 5])]
    values, errors = sampled_attributions(lambda Z: Z @ weights, X[:5], X[50:60], drivers, walks(10, 3), (X[50:60] @ weights).mean())
    away = (X[:5] - X[50:60].mean(axis=0)) * weights
    np.testing.assert_allclose(values, np.column_stack([away[:, at].sum(axis=1) for at in drivers]), atol=1e-12)
    assert (errors >= 0).all()
