"""Square blocks of the landscape, and dealing whole blocks or groups into folds."""

import numpy as np

from soilcore.core.errors import SampleError
from soilcore.evaluation.variogram import correlation_range

_FEWEST_BLOCKS = 5
_EXTENT_SHARE = 6  # the fallback side is a sixth of the extent


def block_labels(coordinates, size):
    """The square block each sample lies in.

    Parameters
    ----------
    coordinates : ndarray of float, shape (n_samples, 2)
        Projected metres.
    size : float
        Side of a block, metres. The grid of blocks is centred on the samples.

    Returns
    -------
    ndarray of int, shape (n_samples,)
        0, 1, 2, ... over the blocks that hold samples.
    """
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    count = np.maximum(np.ceil((high - low) / size), 1)
    corner = (low + high) / 2 - count * size / 2
    cell = np.clip(np.floor((coordinates - corner) / size), 0, count - 1).astype(np.int64)
    return np.unique(cell, axis=0, return_inverse=True)[1].reshape(-1)


def choose_block_size(coordinates, target=None, seed=0):
    """A side for blocks: the range of the variogram of the target, or a sixth of the extent where it shows none.

    Parameters
    ----------
    coordinates : ndarray of float, shape (n_samples, 2)
        Projected metres.
    target : ndarray of float, shape (n_samples,), optional
    seed : int
        Draws samples for the variogram where there are many.

    Returns
    -------
    size : float
        Metres.
    reason : str
        Where it came from, to follow "The side of blocks is ... m: ".

    Raises
    ------
    SampleError
        If all samples lie in one place.
    """
    extent = float(np.ptp(coordinates, axis=0).max())
    if extent == 0:
        raise SampleError("All samples have the same coordinates, so blocks cannot be drawn. Check the coordinate columns, or use --cv group:COLUMN.")
    fallback = extent / _EXTENT_SHARE
    if target is None:
        return fallback, "a sixth of the extent"
    reach = correlation_range(coordinates, np.asarray(target, dtype=float), seed)
    if not np.isfinite(reach):
        return fallback, "a sixth of the extent, because the variogram of the target shows no range"
    if block_labels(coordinates, reach).max() + 1 < _FEWEST_BLOCKS:
        return fallback, f"a sixth of the extent, because the range of the variogram, {reach:.0f} m, leaves fewer than {_FEWEST_BLOCKS} blocks"
    return reach, "the range of the variogram of the target"


def deal(groups, folds, generator):
    """Deal whole groups into folds at random, with balanced numbers of samples.

    Larger groups go first, each to the fold that is smallest so far; within a factor of two in size the order is random, so that
    repeats differ.

    Parameters
    ----------
    groups : ndarray of int, shape (n_samples,)
        0, 1, 2, ... ; at least as many groups as folds.
    folds : int
    generator : numpy.random.Generator

    Returns
    -------
    ndarray of int, shape (n_samples,)
        Fold of each sample; no fold is empty.
    """
    sizes = np.bincount(groups)
    shuffled = generator.permutation(sizes.size)
    order = shuffled[np.argsort(-np.floor(np.log2(sizes[shuffled])), kind="stable")]
    fold_of, filled = np.empty(sizes.size, dtype=int), np.zeros(folds)
    for group in order:
        fold_of[group] = np.argmin(filled)
        filled[fold_of[group]] += sizes[group]
    return generator.permutation(folds)[fold_of][groups]
