"""Between folds that keep windows apart no window is shared, and folds that would lose too much are left as they are."""

import numpy as np
import pytest

from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.evaluation.window_buffer import with_window_buffer
from soilcore.features.patches import patch_overlap

SIDE = 650.0


def places(n=300, extent=15_000.0, seed=0):
    return np.random.default_rng(seed).uniform(0, extent, (n, 2))


def block_splits(xy, size=3000.0):
    return make_splits(SplitSettings("block", 5, block_size=size), len(xy), coordinates=xy)


def test_no_window_of_a_test_sample_reaches_one_of_training():
    xy = places()
    splits, said = with_window_buffer(block_splits(xy), SIDE)
    assert patch_overlap(xy, SIDE, block_splits(xy).folds())["overlapping"] > 0
    assert patch_overlap(xy, SIDE, splits.folds())["overlapping"] == 0
    assert "no window is shared" in said


def test_a_square_buffer_keeps_more_samples_than_the_disc_that_promises_the_same():
    xy = places()
    square, _ = with_window_buffer(block_splits(xy), SIDE)
    disc = make_splits(SplitSettings("block", 5, block_size=3000.0, buffer=920.0), len(xy), coordinates=xy)
    assert patch_overlap(xy, SIDE, disc.folds())["overlapping"] == 0
    assert sum(train.size for train, _ in square.folds()) > sum(train.size for train, _ in disc.folds())


def test_folds_that_would_lose_most_of_their_training_stay_and_that_is_said():
    xy = places(extent=3000.0)
    before = block_splits(xy, 600.0)
    splits, said = with_window_buffer(before, 1300.0)
    assert splits is before
    assert "may flatter" in said and "--block-size" in said


@pytest.mark.parametrize("settings", [SplitSettings("random", 5), SplitSettings("block", 5, block_size=3000.0, buffer=100.0)])
def test_random_folds_and_a_buffer_of_ones_own_are_respected(settings):
    xy = places()
    before = make_splits(settings, len(xy), coordinates=xy)
    splits, said = with_window_buffer(before, SIDE)
    assert splits is before and not said


def test_without_windows_nothing_changes():
    before = block_splits(places())
    assert with_window_buffer(before, 0.0) == (before, "")
