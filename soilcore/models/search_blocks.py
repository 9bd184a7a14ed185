"""What changes places under the null hypothesis of an index search: single samples, or whole blocks of the landscape.

Salinity and reflectance both resemble their neighbours, so two unrelated maps correlate by chance far more than shuffled samples do.
"""

from dataclasses import dataclass

import numpy as np

from soilcore.evaluation.blocks import block_labels, deal
from soilcore.evaluation.variogram import correlation_range

FEWEST_BLOCKS = 6


@dataclass(frozen=True)
class Blocks:
    """Pieces of the landscape that change places.

    Parameters
    ----------
    labels : ndarray of int, shape (n_samples,)
        Block of each sample.
    stand_in : ndarray of int, shape (n_samples, n_blocks), or None
        The sample of each block that lies most like this one in its own block; None where every sample is a block.
    text : str
        What is moved, and why.
    """

    labels: np.ndarray
    stand_in: np.ndarray | None
    text: str

    def draw(self, count, generator):
        """Positions of the target under the null hypothesis.

        Single samples are permuted. Blocks change places whole: a sample takes the value of the sample that lies most like it in the block that
        came to its place. Values may so repeat or be left out, but stay beside their neighbours; dealing them out in a line instead tears
        them apart where blocks differ in size, and then finds chance too small.

        Returns
        -------
        ndarray of int, shape (count, n_samples)
            Row k: sample i receives the target of sample ``row[i]``.
        """
        samples = np.arange(len(self.labels))
        if self.stand_in is None:
            return generator.permuted(np.tile(samples, (count, 1)), axis=1)
        moved = generator.permuted(np.tile(np.arange(self.stand_in.shape[1]), (count, 1)), axis=1)
        return self.stand_in[samples, moved[:, self.labels]]

    def half(self, generator):
        """Mask of half of the samples, whole blocks together."""
        if self.stand_in is not None:
            return deal(self.labels, 2, generator) == 0
        half = np.zeros(len(self.labels), bool)
        half[generator.permutation(len(half))[: len(half) // 2]] = True
        return half


def search_blocks(places, target):
    """Blocks at least as wide as the range of the target's variogram, where there are places.

    Parameters
    ----------
    places : ndarray of float, shape (n_samples, 2), or None
        Projected metres.
    target : ndarray of float, shape (n_samples,)

    Returns
    -------
    Blocks
        Single samples without places. Where the variogram shows no range within half the extent, blocks are a quarter of the extent wide. They
        are never wider than a third of it, nor fewer than 6; the text says when they are therefore narrower than the range.
    """
    if places is None:
        return _single(len(target), "there are no coordinates")
    if lost := int((~np.isfinite(places).all(axis=1)).sum()):
        return _single(len(target), f"{lost} have no coordinates")
    extent = float(np.ptp(places, axis=0).max())
    if extent == 0:
        return _single(len(target), "all have the same coordinates")
    reach = correlation_range(places, target)
    size = min(reach if np.isfinite(reach) else extent / 4, extent / 3)
    labels = block_labels(places, size)
    while labels.max() + 1 < FEWEST_BLOCKS and size > extent / 100:
        size *= 0.8
        labels = block_labels(places, size)
    return Blocks(labels, stand_ins(places, labels), f"{labels.max() + 1} blocks of {size:.0f} m changed places: {_reason(reach, size)}")


def _reason(reach, size):
    if not np.isfinite(reach):
        return "the variogram of the target shows no range"
    narrow = ", wider than the area allows, so p_family may be too small" if size < reach else ""
    return f"the range of the variogram of the target is {reach:.0f} m{narrow}"


def _single(n_samples, why):
    return Blocks(np.arange(n_samples), None, f"single samples were permuted: {why}, so neighbours count as independent")


def stand_ins(places, labels):
    """For each sample and block, the sample of that block whose offset from its block's mean place is nearest to this one's.

    Parameters
    ----------
    places : ndarray of float, shape (n_samples, 2)
        Projected metres.
    labels : ndarray of int, shape (n_samples,)

    Returns
    -------
    ndarray of int, shape (n_samples, n_blocks)
    """
    counts = np.bincount(labels)
    centres = np.column_stack([np.bincount(labels, places[:, axis]) / counts for axis in (0, 1)])
    offsets = places - centres[labels]
    stand_in = np.empty((len(labels), len(counts)), np.int64)
    for block in range(len(counts)):
        members = np.flatnonzero(labels == block)
        distance = ((offsets[:, None] - offsets[members]) ** 2).sum(axis=2)
        stand_in[:, block] = members[np.argmin(distance, axis=1)]
    return stand_in
