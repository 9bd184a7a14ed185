"""Weights of predictors: what matters to the learner weighs, what does not weighs nothing, and categories stay together."""

import numpy as np
import pandas as pd
import pytest

from soilcore.evaluation.protocol import evaluate
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.models.pipelines import TunedRegressor
from soilcore.trust.weights import grouped_columns, permutation_weights

FEW = {"n_estimators": 30}


def scored(X, y, learner=None, folds=5, splits=None):
    splits = splits or make_splits(SplitSettings(folds=folds), len(y))
    learner = learner or TunedRegressor("rf", parameters=FEW)
    return evaluate(learner, X, y, splits, keep_learners=True).learners, splits


@pytest.fixture(scope="module")
def one_that_matters():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(150, 4)), columns=["salt", "noise", "minor", "more noise"])
    y = np.exp(X["salt"].to_numpy() + 0.3 * X["minor"].to_numpy())
    learners, splits = scored(X, y, TunedRegressor("rf", target_transform="log1p", parameters=FEW))
    return X, y, learners, splits


def test_what_carries_the_target_weighs_most(one_that_matters):
    weights = permutation_weights(one_that_matters[2], *one_that_matters[:2], one_that_matters[3])
    assert weights.values[0] == 1
    assert 0.02 < weights.values[2] < 0.4
    assert weights.values[[1, 3]].max() < 0.02
    assert (weights.values >= 0).all()
    assert "permutation" in weights.note


def test_the_same_seed_gives_the_same_weights(one_that_matters):
    X, y, learners, splits = one_that_matters
    first, again, other = (permutation_weights(learners, X, y, splits, seed=seed).values for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_predictor_that_is_constant_within_each_block_still_weighs():
    rng = np.random.default_rng(1)
    blocks = np.repeat(np.arange(20), 10)
    climate = rng.normal(size=20)[blocks]
    X = np.column_stack([climate, rng.normal(size=200)])
    table = pd.DataFrame({"block": blocks})
    splits = make_splits(SplitSettings("group:block", folds=20), 200, table=table)
    learners, _ = scored(X, climate + 0.1 * rng.normal(size=200), splits=splits)
    weights = permutation_weights(learners, X, climate, splits).values
    assert weights[0] == 1
    assert weights[1] < 0.05


def test_categories_are_exchanged_together_and_share_a_weight():
    rng = np.random.default_rng(2)
    soil = rng.integers(0, 3, 200)
    X = pd.DataFrame({f"soil={code}": (soil == code).astype(float) for code in range(3)} | {"noise": rng.normal(size=200)})
    assert [columns.tolist() for columns in grouped_columns(X)] == [[0, 1, 2], [3]]
    learners, splits = scored(X, 5.0 * soil)
    weights = permutation_weights(learners, X, 5.0 * soil, splits).values
    assert weights[:3].tolist() == [1, 1, 1]
    assert weights[3] < 0.05


def test_a_column_whose_name_has_an_equals_sign_but_other_values_stands_alone():
    X = pd.DataFrame({"a=1": [0.0, 1.0, 2.0], "a=2": [0.0, 1.0, 0.0]})
    assert [columns.tolist() for columns in grouped_columns(X)] == [[0], [1]]


def test_nothing_to_learn_gives_every_predictor_the_same_weight():
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    learners, splits = scored(X, y, TunedRegressor("ridge"))
    for learner in learners:
        learner.pipeline_.steps[-1][1].coef_[:] = 0
    weights = permutation_weights(learners, X, y, splits)
    assert weights.values.tolist() == [1, 1, 1]
    assert "none made the predictions" in weights.note


def test_hundreds_of_predictors_weigh_the_same_and_it_is_said():
    X = np.random.default_rng(4).normal(size=(30, 201))
    weights = permutation_weights((), X, np.zeros(30), None)
    assert (weights.values == 1).all()
    assert "201" in weights.note


def test_the_learner_is_asked_once_per_fold(one_that_matters):
    X, y, learners, splits = one_that_matters
    calls = []

    class Counting:
        def __init__(self, learner):
            self.learner, self.transform_ = learner, learner.transform_

        def predict_transformed(self, rows):
            calls.append(len(rows))
            return self.learner.predict_transformed(rows)

    counted = permutation_weights([Counting(learner) for learner in learners], X, y, splits)
    np.testing.assert_array_equal(counted.values, permutation_weights(learners, X, y, splits).values)
    assert len(calls) == splits.n_folds
