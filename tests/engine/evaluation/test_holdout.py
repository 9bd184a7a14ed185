"""Splits into training, validation and test: sizes, groups, seeds, and splits that others drew."""

import numpy as np
import pandas as pd
import pytest

from soilcore.core.errors import SampleError, SettingsError
from soilcore.evaluation.holdout import draw_holdouts, group_scores, is_training_flag, published_split
from soilcore.evaluation.metrics import regression_scores


def sizes(holdout):
    return holdout.train.size, holdout.validation.size, holdout.test.size


def test_a_holdout_is_80_10_10_and_a_sequential_one_81_9_10():
    assert sizes(draw_holdouts(1000, "holdout", 1)[0]) == (800, 100, 100)
    assert sizes(draw_holdouts(1000, "sequential", 1)[0]) == (810, 90, 100)
    assert sizes(draw_holdouts(40132, "sequential", 1)[0]) == (32506, 3612, 4014)  # the real split of Albinet et al.


@pytest.mark.parametrize("scheme", ["holdout", "sequential"])
def test_every_sample_is_in_one_part_and_seeds_differ(scheme):
    drawn = draw_holdouts(203, scheme, 4, seed=5)
    for holdout in drawn:
        together = np.sort(np.concatenate([holdout.train, holdout.validation, holdout.test]))
        assert (together == np.arange(203)).all()
    assert len({tuple(holdout.test) for holdout in drawn}) == 4
    again = draw_holdouts(203, scheme, 4, seed=5)
    assert all((a.test == b.test).all() for a, b in zip(drawn, again, strict=True))


def test_groups_are_kept_whole():
    groups = np.repeat(np.arange(40), [1, 2, 3, 4] * 10)
    for holdout in draw_holdouts(groups.size, "holdout", 5, groups=groups):
        parts = [set(groups[rows]) for rows in (holdout.train, holdout.validation, holdout.test)]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])
        assert all(parts)
        assert 5 <= holdout.test.size <= 15


@pytest.mark.parametrize(
    ("call", "error"), [((100, "half", 1), SettingsError), ((100, "holdout", 0), SettingsError), ((7, "holdout", 1), SampleError)]
)
def test_an_impossible_split_is_refused(call, error):
    with pytest.raises(error):
        draw_holdouts(*call)


def test_a_training_flag_is_read_however_it_is_written():
    for values in ([1.0] * 12 + [0.0] * 3, ["True"] * 12 + ["False"] * 3, ["cal"] * 12 + ["test"] * 3):
        holdout = published_split(pd.Series(values), "train")
        assert sizes(holdout) == (12, 0, 3)
        assert is_training_flag(pd.Series(values))
    three = pd.Series(["train"] * 12 + ["validation"] * 2 + ["test"] * 3)
    assert sizes(published_split(three, "set")) == (12, 2, 3)
    assert (published_split(three, "set").seen == np.arange(14)).all()


def test_numbers_of_folds_are_no_training_flag():
    assert not is_training_flag(pd.Series([1, 2, 3, 4, 5] * 4))
    assert not is_training_flag(pd.Series([1, 2] * 10))
    with pytest.raises(SampleError, match="numbered folds"):
        published_split(pd.Series([1, 2, 7] * 10), "fold")


def test_small_groups_get_errors_but_no_ratios():
    rng = np.random.default_rng(0)
    observed = rng.normal(size=35)
    labels = np.array(["big"] * 25 + ["small"] * 6 + [""] * 4)
    rows = group_scores(observed, observed + 0.1, labels, regression_scores)
    assert [row["group"] for row in rows] == ["big", "small"]
    assert rows[0]["r2"] == pytest.approx(regression_scores(observed[:25], observed[:25] + 0.1)["r2"])
    assert rows[1]["r2"] is None
    assert rows[1]["rmse"] == pytest.approx(0.1)
