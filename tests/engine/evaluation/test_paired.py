"""The difference between two models on the same samples, and how sure it is."""

import numpy as np
import pytest
from scipy.stats import t as student
from scipy.stats import ttest_1samp

from soilcore.core.errors import ModelError
from soilcore.evaluation.metrics import regression_scores
from soilcore.evaluation.paired import paired_difference, paired_test, paired_tests
from soilcore.evaluation.protocol import Evaluation
from soilcore.evaluation.splits import SplitSettings, make_splits


def samples(n=400, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.lognormal(size=n)
    return y, y + rng.normal(scale=0.3, size=n), y + rng.normal(scale=0.6, size=n)


def test_the_difference_is_that_of_r2_and_its_interval_holds_it():
    y, good, bad = samples()
    facts = paired_difference(y, good, bad, folds=np.arange(400) % 4)
    r2 = [regression_scores(y, p)["r2"] for p in (good, bad)]
    assert facts["difference"] == pytest.approx(r2[0] - r2[1])
    assert 0 < facts["low"] < facts["difference"] < facts["high"]
    assert (facts["folds_better"], facts["folds"]) == (4, 4)
    turned = paired_difference(y, bad, good, folds=np.arange(400) % 4)
    assert turned["difference"] == pytest.approx(-facts["difference"])
    assert turned["folds_better"] == 0


def test_equal_predictions_differ_by_nothing():
    y, good, _ = samples()
    facts = paired_difference(y, good, good)
    assert facts["difference"] == facts["low"] == facts["high"] == 0


def test_repeats_are_averaged():
    y, good, bad = samples()
    both = paired_difference(y, np.stack([good, bad]), np.stack([bad, good]))
    assert both["difference"] == pytest.approx(0, abs=1e-12)


def test_neighbours_that_err_together_make_the_interval_wider():
    rng = np.random.default_rng(3)
    y, units = rng.normal(size=400), np.repeat(np.arange(20), 20)
    first = y + 0.5 * rng.normal(size=20)[units]
    second = y + 0.5 * rng.normal(size=20)[units]
    alone, together = paired_difference(y, first, second), paired_difference(y, first, second, units)
    assert together["units"] == 20
    assert together["high"] - together["low"] > 1.5 * (alone["high"] - alone["low"])


def test_predictions_of_other_samples_are_refused():
    with pytest.raises(ModelError, match="do not belong to 400 observed values"):
        paired_difference(samples()[0], np.zeros(3), np.zeros(3))


def evaluation(name, errors, splits, observed):
    """Predictions with given errors, one row per repeat."""
    return Evaluation(name, observed, observed + np.atleast_2d(errors), {}, (), 0.0, splits)


def world(n=120, folds=5, repeats=1, seed=0):
    rng = np.random.default_rng(seed)
    return rng, make_splits(SplitSettings("random", folds=folds, repeats=repeats), n), rng.normal(size=n)


def test_the_test_over_folds_is_that_of_nadeau_and_bengio():
    rng, splits, y = world(repeats=2)
    errors = 0.5 * rng.normal(size=(2, 120)), 0.7 * rng.normal(size=(2, 120))
    found = paired_test(*(evaluation(name, one, splits, y) for name, one in zip("ab", errors, strict=True)))
    by_hand = [((errors[1][r, test] ** 2).mean() - (errors[0][r, test] ** 2).mean()) / y.var() for r in range(2) for _, test in splits.folds(r)]
    variance = (1 / 10 + 24 / 96) * np.var(by_hand, ddof=1)
    assert found["t"] == pytest.approx(np.mean(by_hand) / np.sqrt(variance))
    assert found["p"] == pytest.approx(2 * student.sf(abs(found["t"]), 9))
    assert (found["low"] + found["high"]) / 2 == pytest.approx(found["fold_difference"])
    assert found["folds"] == 10
    plain = ttest_1samp(by_hand, 0)
    assert found["p"] > plain.pvalue
    r2 = [np.mean([regression_scores(y, y + one)["r2"] for one in both]) for both in errors]
    assert found["difference"] == pytest.approx(r2[0] - r2[1])


def test_learners_of_equal_worth_differ_significantly_as_seldom_as_promised():
    """Two predictors that say the same about the target, each with a line fitted in every fold: any difference is luck."""
    rng, corrected, plain = np.random.default_rng(1), 0, 0
    splits = make_splits(SplitSettings("random", folds=10), 60)
    for _ in range(250):
        x = rng.normal(size=(60, 2))
        y = x.sum(axis=1) + 2 * rng.normal(size=60)
        errors = np.empty((2, 60))
        for train, test in splits.folds():
            for k in range(2):
                slope, level = np.polyfit(x[train, k], y[train], 1)
                errors[k, test] = slope * x[test, k] + level - y[test]
        found = paired_test(*(evaluation(name, one, splits, y) for name, one in zip("ab", errors, strict=True)))
        corrected += found["p"] < 0.05
        plain += 2 * student.sf(abs(found["t"]) * np.sqrt(found["variance_ratio"] * 10), 9) < 0.05
    assert corrected / 250 < 0.05
    assert plain > corrected


def test_seeds_are_averaged_within_folds_and_are_no_folds_of_their_own():
    rng, splits, y = world()
    runs = [[evaluation(name, size * rng.normal(size=120), splits, y) for _ in range(3)] for name, size in (("a", 0.4), ("b", 0.6))]
    found = paired_test(*runs)
    assert found["folds"] == 5
    assert found["seeds"] == [3, 3]
    single = [paired_test(one, other)["difference"] for one, other in zip(*runs, strict=True)]
    assert found["difference"] == pytest.approx(np.mean(single))
    assert found["seed_sd"] == pytest.approx(np.std(single, ddof=1))
    thrice = paired_test([runs[0][0]] * 3, [runs[1][0]] * 3)
    assert thrice["p"] == pytest.approx(paired_test(runs[0][0], runs[1][0])["p"])


def test_a_learner_against_itself_is_no_different():
    rng, splits, y = world()
    one = evaluation("a", rng.normal(size=120), splits, y)
    found = paired_test(one, one)
    assert (found["difference"], found["t"], found["p"], found["folds_better"]) == (0, 0, 1, 0)


def test_several_comparisons_are_adjusted_together():
    rng, splits, y = world()
    errors = {"full": 0.3, "index": 0.8, "stack": 0.31, "spec": 0.5}
    everyone = {name: evaluation(name, size * rng.normal(size=120), splits, y) for name, size in errors.items()}
    rows = paired_tests(everyone, "full")
    assert [row["name"] for row in rows] == ["index", "stack", "spec"]
    ordered = sorted(rows, key=lambda row: row["p"])
    assert ordered[0]["p_family"] == pytest.approx(min(1, 3 * ordered[0]["p"]))
    assert all(row["p_family"] >= row["p"] for row in rows)
    assert [row["p_family"] for row in ordered] == sorted(row["p_family"] for row in ordered)
    assert {row["name"]: row["difference"] > 0 for row in rows}["index"]
    with pytest.raises(ModelError, match="no score of 'other'"):
        paired_tests(everyone, "other")


def test_scores_of_different_folds_are_not_paired():
    rng, splits, y = world()
    other = make_splits(SplitSettings("random", folds=5, seed=7), 120)
    with pytest.raises(ModelError, match="different folds"):
        paired_test(evaluation("a", rng.normal(size=120), splits, y), evaluation("b", rng.normal(size=120), other, y))
