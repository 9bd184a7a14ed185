"""A change planted in the coastal plain: fields that were drained and leached, and fields that turned saline, between two known years.

It lies in the past of the reference year: the plain of `CHANGE_YEAR` and later is what it would be without it, so that the scene, the samples
and every view of the reference year stay as they are. Before, drained fields had four times today's ECe and salinised ones a quarter.
"""

import math

import numpy as np

from soilcore.data.landscape_fields import stream
from soilcore.data.landscape_place import SALT_PAN

CHANGE_YEAR = 2022
FACTOR = 4.0  # of ECe
UNCHANGED, SALINISED, LEACHED = 0, 1, 2
CHANGES = ("unchanged", "salinised", "leached")
_SHARE = 0.05  # of the land, each
_LEAST = {SALINISED: 6.0, LEACHED: 2.0}  # mean ECe of a field today, dS/m: what changed is worth seeing, before or after
_MOST = {SALINISED: 40.0, LEACHED: 6.0}


def planted_change(place):
    """Where salinity changed.

    Parameters
    ----------
    place : Place

    Returns
    -------
    ndarray of uint8, shape (row, column)
        Position in `CHANGES`; whole parcels, none of them salt pans, about 5 % of the land each way where there are enough of them.
    """
    order = stream(place.seed, "change").permutation(place.use.size)
    land = ~place.water
    number = place.parcels[land]
    pixels = np.bincount(number, minlength=place.use.size)
    mean = np.bincount(number, np.exp(place.ln_ece[land].astype(float)), place.use.size) / np.maximum(pixels, 1)
    of_parcel, wanted = np.zeros(place.use.size, np.uint8), _SHARE * land.sum()
    for kind in (SALINISED, LEACHED):
        fitting = (place.use != SALT_PAN) & (pixels > 0) & (mean >= _LEAST[kind]) & (mean < _MOST[kind]) & (of_parcel == UNCHANGED)
        chosen = [parcel for parcel in order if fitting[parcel]]
        before = np.concatenate([[0], np.cumsum(pixels[chosen])[:-1]]) if chosen else np.empty(0)
        of_parcel[np.array(chosen, int)[before < wanted]] = kind
    return of_parcel[place.parcels]


def ln_ece_before(place, year):
    """What is to be added to ln ECe of a year: nothing from `CHANGE_YEAR` on.

    Returns
    -------
    ndarray of float32, shape (row, column), or 0.0
    """
    if year >= CHANGE_YEAR:
        return np.float32(0)
    shift = np.array([0.0, -math.log(FACTOR), math.log(FACTOR)], np.float32)
    return shift[planted_change(place)]
