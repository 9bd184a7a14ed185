"""Which training samples decide when training ends: whole groups, apart from the others, and no window shared."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.evaluation.blocks import block_labels

_DRAWS = 24
_LOST_GLADLY, _LOST_AT_MOST = 0.25, 0.5  # of the samples that remain to train on
_BLOCKS = 6  # along the longer side of the samples' extent, where nobody gave groups
_FEWEST = 2
_OVERFILLED, _LEAST_FILLED = 1.5, 1 / 3  # of the samples that should validate


@dataclass(frozen=True)
class Division:
    """Positions of samples.

    Parameters
    ----------
    train, validation : ndarray of int
        Ascending; no sample is in both, some may be in none.
    note : str
        What was done, in words.
    """

    train: np.ndarray
    validation: np.ndarray
    note: str


def divide(rows, groups, places, side, share, seed):
    """Take samples for validation from a training set.

    Parameters
    ----------
    rows : int
    groups : ndarray of int, shape (rows,), or None
        Whole groups are taken, none so large that it would be most of what there is to train on. Without them, or where they are too uneven for
        that, squares of a sixth of the extent where there are places, else single samples.
    places : ndarray of float, shape (rows, 2), or None
        Metres.
    side : float
        Side of the windows, metres: samples nearer than that to one of validation, along x and along y, are in neither part, as far as at
        least half of the others remain. 0: nothing is left out.
    share : float
        Part of the samples that validates, about.
    seed : int
        Draws the groups.

    Returns
    -------
    Division

    Raises
    ------
    SettingsError
        If the share is impossible.
    """
    if not 0 < share <= 0.5:
        raise SettingsError(f"The share of samples for validation is {share!r}; give a number above 0 and up to 0.5.")
    generator = np.random.default_rng(seed)
    wanted = min(max(_FEWEST, round(share * rows)), rows - _FEWEST)
    units, what = _units(rows, groups, places, wanted)
    best = None
    for _ in range(_DRAWS if side > 0 and places is not None else 1):
        validation = np.isin(units, _taken(units, wanted, generator))
        near = _near(places, validation, side) if side > 0 and places is not None else np.zeros(rows, bool)
        lost = near.sum() / max((~validation).sum(), 1)
        if best is None or lost < best[2]:
            best = validation, near, lost
        if lost <= _LOST_GLADLY:
            break
    validation, near, lost = best
    return _division(validation, near, lost, what, side)


def named_division(rows, validation):
    """The division in which somebody named the samples that validate.

    Parameters
    ----------
    rows : int
    validation : ndarray of int
        Positions, ascending.

    Returns
    -------
    Division
    """
    train = np.setdiff1d(np.arange(rows), validation)
    return Division(train, validation, f"{validation.size} of {rows} training samples, as told, decided when training ended.")


def _division(validation, near, lost, what, side):
    """The division in positions and words; samples whose windows overlap stay where too few would be left."""
    note = f"{int(validation.sum())} of {validation.size} training samples ({what}) decided when training ended"
    if lost > _LOST_AT_MOST:
        note += f"; windows of {side:.0f} m reach over to them from {lost:.0%} of the others, too many to leave out"
        near = np.zeros_like(near)
    elif near.any():
        note += f"; {int(near.sum())} samples whose windows of {side:.0f} m overlap theirs were not trained on"
    return Division(np.flatnonzero(~validation & ~near), np.flatnonzero(validation), note + ".")


def _units(rows, groups, places, wanted):
    """What is taken whole, as a number per sample, and in words."""
    choices = []
    if groups is not None:
        choices.append((np.unique(groups, return_inverse=True)[1], "whole groups"))
    if places is not None and np.ptp(places, axis=0).max() > 0:
        choices.append((_squares(places), "squares of the area"))
    for units, what in choices:
        sizes = np.bincount(units)
        if sizes.size > 1 and sizes[sizes <= _largest(sizes, wanted)].sum() >= wanted * _LEAST_FILLED and sizes.min() <= rows / 2:
            return units, what
    return np.arange(rows), "samples drawn at random"


def _largest(sizes, wanted):
    """Samples of the largest unit that may be taken."""
    return max(_OVERFILLED * wanted, sizes.min())


def _taken(units, wanted, generator):
    """Units in random order until about so many samples are reached; at least one unit, and never all."""
    sizes = np.bincount(units)
    largest, taken, filled = _largest(sizes, wanted), [], 0
    for unit in generator.permutation(sizes.size):
        if sizes[unit] > largest or (taken and (filled >= wanted or filled + sizes[unit] > _OVERFILLED * wanted)):
            continue
        taken.append(unit)
        filled += sizes[unit]
    return np.array(taken[: sizes.size - 1])


def _squares(places):
    """Square of the extent in which each sample lies."""
    return block_labels(places, float(np.ptp(places, axis=0).max()) / _BLOCKS)


def _near(places, validation, side):
    """Samples outside validation whose window overlaps one of validation: nearer than `side` along x and along y."""
    from scipy.spatial import cKDTree

    near = np.zeros(len(places), bool)
    distance, _ = cKDTree(places[validation]).query(places[~validation], p=np.inf)
    near[~validation] = distance < side
    return near
