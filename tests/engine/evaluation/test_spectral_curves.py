"""Learning curves: nested parts, the same tests for all, and crossings that exist or do not."""

from itertools import pairwise

import numpy as np
import pytest

from soilcore.core.errors import SettingsError
from soilcore.evaluation.holdout import draw_holdouts
from soilcore.evaluation.metrics import regression_scores
from soilcore.evaluation.spectral_curves import crossing, curve_sizes, distribution, nested_parts, spectral_curves

SIZES = (100, 200, 400, 800)


def test_parts_are_nested_in_training_and_in_validation():
    parts = nested_parts(np.arange(1000, 1900), SIZES, np.random.default_rng(1))
    for (train, validation), (more, more_validation) in pairwise(parts):
        assert set(train) < set(more)
        assert set(validation) < set(more_validation)
    for (train, validation), size in zip(parts, SIZES, strict=True):
        assert train.size + validation.size == size
        assert not set(train) & set(validation)
        assert abs(validation.size - size / 9) < 1


def test_sizes_end_with_all_and_leave_out_what_is_not_there():
    assert curve_sizes((), 1350) == (50, 100, 200, 500, 1000, 1350)
    assert curve_sizes((), 36118)[:2] == (500, 1000)
    assert curve_sizes((300, 100, 5000), 900) == (100, 300, 900)
    with pytest.raises(SettingsError, match="at least 20"):
        curve_sizes((5,), 900)


def test_all_models_are_tested_on_the_same_samples_at_every_size():
    asked = []

    def fit_predict(train, validation, test, seed, report):
        asked.append((seed, tuple(test), train.size + validation.size))
        assert not set(test) & (set(train) | set(validation))
        observed = np.sin(test.astype(float))
        return observed, observed + 1.0 / (train.size + validation.size)

    holdouts = draw_holdouts(300, "holdout", 2)
    facts = spectral_curves({"a": fit_predict, "b": fit_predict}, holdouts, (50, 270), lambda o, p: {"r2": regression_scores(o, p)["r2"]})
    assert {(seed, test) for seed, test, _ in asked} == {(0, tuple(holdouts[0].test)), (1, tuple(holdouts[1].test))}
    assert [(row["model"], row["n"]) for row in facts["rows"]] == [("a", 50), ("a", 270), ("b", 50), ("b", 270)]
    assert facts["rows"][1]["r2"] > facts["rows"][0]["r2"]
    assert facts["crossings"][0]["n"] is None


def curves(slope, seeds=12, noise=0.005):
    """R2 of two models whose difference is `slope` times the logarithm of the size over 300, with noise by seed."""
    rng = np.random.default_rng(0)
    base = np.full((seeds, len(SIZES)), 0.5)
    return base, base + slope * np.log(np.array(SIZES) / 300) + noise * rng.standard_normal((seeds, len(SIZES)))


def test_a_crossing_is_found_where_it_is_with_an_interval_around_it():
    first, second = curves(0.1)
    found = crossing(SIZES, first, second, names=("plsr", "cnn"))
    assert found["n"] == pytest.approx(300, rel=0.1)
    assert found["low"] <= found["n"] <= found["high"]
    assert found["better_after"] == "cnn"
    assert found["share"] == 1


def test_the_order_of_the_models_does_not_matter():
    first, second = curves(0.1)
    one, other = crossing(SIZES, first, second, names=("a", "b")), crossing(SIZES, second, first, names=("b", "a"))
    assert one["n"] == pytest.approx(other["n"])
    assert one["better_after"] == other["better_after"] == "b"


def test_curves_that_never_meet_have_no_crossing():
    first, second = curves(0.1)
    found = crossing(SIZES, first, second + 1, names=("plsr", "cnn"))
    assert found["n"] is None
    assert found["verdict"].startswith("no crossing in this range: cnn is ahead")


def test_an_uncertain_crossing_has_an_open_interval():
    rng = np.random.default_rng(3)
    first = np.full((4, len(SIZES)), 0.5)
    second = first + 0.05 * np.log(np.array(SIZES) / 700) + 0.05 * rng.standard_normal((4, 1))
    found = crossing(SIZES, first, second)
    assert found["n"] is None or found["high"] is None or found["low"] is None
    assert found["share"] is None or found["share"] < 1


def test_predictions_that_shrink_to_the_mean_show_in_the_distribution():
    rng = np.random.default_rng(0)
    observed = np.exp(rng.normal(size=500))
    facts = distribution(observed, np.exp(0.5 * np.log(observed)))
    assert facts["log"]
    assert facts["sd_ratio"] < 0.7
    assert facts["observed"].sum() == facts["predicted"].sum() == 500
    last = facts["quantiles"][-1]
    assert last["predicted"] < last["observed"]
    assert np.isnan(distribution(np.ones(5), np.ones(5))["sd_ratio"])
