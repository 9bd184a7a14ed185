"""How far test samples are from training samples, beside how far the map is: which folds test what the map needs."""

import numpy as np

from soilcore.core.errors import SampleError
from soilcore.evaluation.knndm import distance_mismatch
from soilcore.evaluation.places import placed, points_in_hull, to_nearest, to_nearest_other

_STEPS = 100


def distance_curves(xy, splits, prediction_points=None):
    """Cumulative distributions of nearest-neighbour distances.

    Parameters
    ----------
    xy : ndarray of float, shape (n_samples, 2)
        Projected metres; samples without coordinates (NaN) are left out.
    splits : Splits
        Its first repeat is shown, with its buffer.
    prediction_points : ndarray of float, shape (n_points, 2), optional
        Where the map will be, in the same plane; a regular grid over the hull of the samples without them.

    Returns
    -------
    dict
        ``distance`` (metres, 100 steps), and at each the share of distances up to it: ``sample_to_sample`` (each to its nearest other),
        ``prediction_to_sample``, ``cv`` (test to training sample). ``w`` (metres): mean difference between the last two (Wasserstein);
        ``w_random``: of samples tested beside their neighbours, as random folds do; ``detail``: a sentence.

    Raises
    ------
    SampleError
        If fewer than two places are known, no fold has known places on both sides, or the coordinates and the folds are not of the same samples.
    """
    xy = np.asarray(xy, dtype=float)
    if xy.shape != (splits.n_samples, 2):
        raise SampleError(f"Folds of {splits.n_samples} samples need coordinates of shape ({splits.n_samples}, 2), but got {xy.shape}.")
    known = np.zeros(len(xy), dtype=bool)
    known[placed(xy)] = True
    if known.sum() < 2:
        raise SampleError(f"{known.sum()} of {len(xy)} samples have coordinates; distances need at least two.")
    points = points_in_hull(xy[known]) if prediction_points is None else np.asarray(prediction_points, dtype=float)
    between, to_samples = to_nearest_other(xy[known]), to_nearest(points[placed(points)], xy[known])
    tested = _test_to_training(xy, splits, known)
    distance = np.linspace(0, max(between.max(), to_samples.max(), tested.max()), _STEPS)
    w = distance_mismatch(to_samples, tested)
    return {
        "distance": distance.tolist(),
        "sample_to_sample": _shares(between, distance),
        "prediction_to_sample": _shares(to_samples, distance),
        "cv": _shares(tested, distance),
        "w": w,
        "w_random": distance_mismatch(to_samples, between),
        "detail": _words(to_samples, tested, w),
    }


def _test_to_training(xy, splits, known):
    distances = []
    for train, test in splits.folds():
        train, test = train[known[train]], test[known[test]]
        distances += [to_nearest(xy[test], xy[train])] if train.size and test.size else []
    if not distances:
        raise SampleError(f"All {known.sum()} samples with coordinates lie in one fold, so no distance from test to training is known.")
    return np.concatenate(distances)


def _shares(values, distance):
    return (np.searchsorted(np.sort(values), distance, side="right") / values.size).tolist()


def _words(to_samples, tested, w):
    """Which way the folds err, in words; a tenth of the map's median distance counts as nothing."""
    said = f"Half of the map lies within {np.median(to_samples):.0f} m of a sample, half of the test samples within {np.median(tested):.0f} m of training"
    bias = tested.mean() - to_samples.mean()
    if w <= 0.1 * max(np.median(to_samples), 1e-9):
        return f"{said}: the folds test what the map needs."
    if abs(bias) < 0.5 * w:
        return f"{said}; some test samples are nearer and some farther than the map (mean difference {w:.0f} m)."
    return f"{said}: the folds test {'nearer than the map, and flatter' if bias < 0 else 'farther than the map, and are hard on'} the score."
