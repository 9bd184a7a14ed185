"""Folds between which windows of imagery share nothing."""

from dataclasses import replace

import numpy as np

from soilcore.evaluation.splits import FEWEST_TRAINING


def with_window_buffer(splits, side, most_lost=0.5):
    """Folds whose test windows share nothing with training windows, where enough samples remain to train on.

    Windows of `side` metres do not overlap where their centres are that far apart along x or along y; training samples nearer to a test
    sample are left out of its fold.

    Parameters
    ----------
    splits : Splits
    side : float
        Side of a window in metres.
    most_lost : float
        Part of the training samples of any fold that may go.

    Returns
    -------
    splits : Splits
        The same ones where random folds were asked for, where a buffer was given, or where too many samples would go.
    said : str
        What was done, or why nothing could be.
    """
    if splits.buffer or not side > 0 or splits.coordinates is None or splits.is_random or not np.isfinite(splits.coordinates).all():
        return splits, ""
    buffered = replace(splits, buffer=float(side), buffer_along_axes=True)
    before, after = (np.array([train.size for repeat in range(each.n_repeats) for train, _ in each.folds(repeat)]) for each in (splits, buffered))
    lost = 1 - after / before
    if lost.max() > most_lost or after.min() < FEWEST_TRAINING:
        return splits, (
            f"Windows of {side:.0f} m overlap between neighbouring folds; leaving out the training samples within {side:.0f} m of a test fold would take "
            f"up to {lost.max():.0%} of them, so they stay and the scores may flatter. Larger blocks (--block-size), or --buffer, keep windows apart."
        )
    return buffered, (
        f"Training samples within {side:.0f} m of a test fold along x and y are left out ({lost.mean():.0%} on average), so that no window is shared."
    )
