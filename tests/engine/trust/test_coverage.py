"""Observed coverage: a sample's bounds never saw it, and what is told by block, distance and area adds up."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from soilcore.core.errors import SampleError, SettingsError
from soilcore.core.files import plain
from soilcore.evaluation.metrics import interval_scores
from soilcore.evaluation.protocol import evaluate
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.models.pipelines import TunedRegressor
from soilcore.trust.applicability import AreaOfApplicability
from soilcore.trust.conformal import split_quantile
from soilcore.trust.coverage import coverage_facts, inner_splits, oof_bounds, out_of_fold_bounds
from soilcore.trust.interval_base import METHODS, IntervalSettings

N = 90


def ridge(transform="none"):
    return TunedRegressor("ridge", target_transform=transform, parameters={"alpha": 1.0})


@pytest.fixture(scope="module")
def blocks():
    """Samples on the ground, block folds, and their area of applicability."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N, 3)), columns=["f0", "f1", "f2"])
    y = 10 ** (X["f0"] + 0.3 * rng.normal(size=N)).to_numpy()
    xy = rng.uniform(0, 4000, (N, 2))
    splits = make_splits(SplitSettings("block", 5, block_size=700.0), N, coordinates=xy)
    return X, evaluate(ridge("log10"), X, y, splits), AreaOfApplicability().fit(X, splits)


def test_a_sample_is_calibrated_on_the_errors_of_other_folds_only(blocks):
    _, evaluation, _ = blocks
    lower, upper = oof_bounds(evaluation, 0.8, learner=ridge("log10"))
    z, errors = np.log10(evaluation.out_of_fold[0]), np.abs(np.log10(evaluation.observed) - np.log10(evaluation.out_of_fold[0]))
    for _, test in evaluation.splits.folds(0):
        half = split_quantile(np.delete(errors, test), 0.2)
        np.testing.assert_allclose(lower[test], 10 ** (z[test] - half))
        np.testing.assert_allclose(upper[test], 10 ** (z[test] + half))


def test_a_wild_sample_does_not_widen_its_own_fold(blocks):
    _, evaluation, _ = blocks
    test = evaluation.splits.folds(0)[0][1]
    wild = evaluation.observed.copy()
    wild[test] *= 1000
    before, after = (oof_bounds(one, 0.9, learner=ridge("log10")) for one in (evaluation, replace(evaluation, observed=wild)))
    np.testing.assert_array_equal(before[1][test], after[1][test])
    others = np.setdiff1d(np.arange(N), test)
    assert (after[1][others] > 2 * before[1][others]).all()


def test_what_is_told_of_parts_adds_up_to_the_whole(blocks):
    _, evaluation, area = blocks
    bounds = out_of_fold_bounds(evaluation, learner=ridge("log10"), area=area)
    facts = coverage_facts(evaluation, bounds, 0.9, area=area)
    scores = interval_scores(evaluation.observed, *bounds.at(0.9), 0.1)
    assert (facts["n"], facts["coverage"], facts["score"]) == (N, scores["picp"], scores["winkler"])
    assert facts["width"] == pytest.approx(scores["mpiw"])
    for parts in (facts["by_block"], facts["by_distance"], [facts["inside"], facts["outside"]]):
        known = [one for one in parts if one["n"]]
        assert sum(one["n"] for one in known) == N
        assert sum(one["coverage"] * one["n"] for one in known) / N == pytest.approx(facts["coverage"])
    assert [row["level"] for row in facts["levels"]] == [0.5, 0.8, 0.9, 0.95]
    assert (np.diff([row["coverage"] for row in facts["levels"]]) >= 0).all()
    distances = facts["by_distance"]
    assert len(distances) == 4
    assert all(one["to"] == other["from"] for one, other in pairwise(distances))
    assert (facts["method"], facts["nested"]) == ("conformal", False)
    plain(facts)


def test_coverage_comes_close_to_the_promise_at_every_level():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(600, 3))
    y = X[:, 0] + rng.standard_t(4, size=600)
    evaluation = evaluate(ridge(), X, y, make_splits(SplitSettings("random", 5), 600))
    facts = coverage_facts(evaluation, out_of_fold_bounds(evaluation, learner=ridge()))
    for row in facts["levels"]:
        assert row["coverage"] == pytest.approx(row["level"], abs=3 * np.sqrt(row["level"] * (1 - row["level"]) / 600))
    assert facts["by_distance"] == []
    assert facts["inside"] is None


@pytest.mark.parametrize("method", METHODS[1:])
def test_other_methods_are_made_anew_inside_every_fold(method, blocks):
    X, evaluation, area = blocks
    settings = IntervalSettings(method, trees=8)
    bounds = out_of_fold_bounds(evaluation, (0.8,), learner=ridge("log10"), settings=settings, X=X, area=area)
    facts = coverage_facts(evaluation, bounds, 0.8, area=area)
    assert (facts["method"], facts["nested"], facts["n"]) == (method, True, N)
    assert 0.6 < facts["coverage"] <= 1
    wild = evaluation.observed.copy()
    test = evaluation.splits.folds(0)[0][1]
    wild[test] *= 1000
    again = out_of_fold_bounds(replace(evaluation, observed=wild), (0.8,), learner=ridge("log10"), settings=settings, X=X)
    mine = out_of_fold_bounds(evaluation, (0.8,), learner=ridge("log10"), settings=settings, X=X)
    np.testing.assert_array_equal(again.at(0.8)[1][test], mine.at(0.8)[1][test])


def test_inner_folds_keep_groups_whole_and_stay_of_the_kind_of_the_outer_ones(blocks):
    _, evaluation, _ = blocks
    splits = evaluation.splits
    train, _ = splits.folds(0)[0]
    inner = inner_splits(splits, train)
    assert inner.n_folds == 5
    for group in np.unique(splits.groups[train]):
        assert np.unique(inner.assignments[0][splits.groups[train] == group]).size == 1
    np.testing.assert_array_equal(inner.coordinates, splits.coordinates[train])


def test_infinite_intervals_are_counted_and_leave_no_width():
    X, y = np.arange(12.0)[:, None], np.arange(12.0) + np.tile([0.3, -0.2, 0.1], 4)
    evaluation = evaluate(ridge(), X, y, make_splits(SplitSettings("random", 2), 12))
    facts = coverage_facts(evaluation, out_of_fold_bounds(evaluation, (0.5, 0.95), learner=ridge()), 0.95)
    assert facts["infinite"] == 12
    assert facts["coverage"] == 1
    assert np.isnan(facts["width"])
    assert facts["levels"][0]["infinite"] == 0
    with pytest.raises(SettingsError, match="between 0 and 1"):
        oof_bounds(evaluation, 1.0, learner=ridge())


def test_a_buffer_that_leaves_nothing_inside_a_fold_is_said():
    xy = np.random.default_rng(0).uniform(0, 10_000, (60, 2))
    splits = make_splits(SplitSettings("block", folds=5, block_size=2500.0, buffer=3500.0), 60, coordinates=xy)
    with pytest.raises(SampleError, match="smaller --buffer, or use the intervals 'conformal'"):
        for train, _ in splits.folds():
            inner_splits(splits, train)
