"""How much the errors of two maps go together, from the maps themselves.

Where most of the land did not change, what differs between two maps of it is error. With spreads `s_a` and `s_b` of the errors that the
intervals promise, the difference has the variance `s_a^2 + s_b^2 - 2 r s_a s_b`, and a robust spread of the differences (the 68 % of the pixels
that differ least), which a change on a small part of the land hardly moves, tells the correlation `r`. What did change everywhere, as a wet year
does, counts as error: the correlation comes out lower then, and changes are claimed more seldom. Differences with heavier tails than the normal
curve are called changes more often than the level of the intervals says.
"""

import math

import numpy as np

from soilcore.core.tiles import gdal_cache_capped
from soilcore.mapping.differences import FORWARD
from soilcore.mapping.raster_set import on_fixed_grid

HIGHEST = 0.99  # intervals are no better known than that
_SAMPLED = 200_000  # pixels of a fixed grid
FEWEST = 100
_ONE_SIGMA = 0.6826894921370859  # of absolute normal deviates lie below 1


def pairs_of(maps):
    """Which maps are compared, by number: first with last, then each with the next."""
    return ((0, len(maps) - 1), *((number - 1, number) for number in range(1, len(maps))))


def sampling_step(grid):
    """Every so many rows and columns of a grid are sampled."""
    return max(1, math.ceil(math.sqrt(grid.height * grid.width / _SAMPLED)))


def sample_of_maps(maps, window=512):
    """Pixels of a fixed grid of all maps.

    Parameters
    ----------
    maps : DatedMaps
        With intervals.
    window : int

    Returns
    -------
    dict of ndarray
        ``value``, ``lower`` and ``upper``, float64 of shape (n_maps, n_pixels), in the unit of the maps.
    """
    grid = maps.grid
    step, samples = sampling_step(grid), []
    with gdal_cache_capped(), maps.reader() as read:
        for each in grid.windows(window):
            data = read(each)
            samples.append({key: np.stack([on_fixed_grid(each, layer, step).ravel() for layer in layers]) for key, layers in data.items()})
    return {key: np.concatenate([sample[key] for sample in samples], axis=1).astype(float) for key in ("value", "lower", "upper")}


def correlations_of_sample(sample, maps):
    """Correlation of the errors of pairs of maps.

    Parameters
    ----------
    sample : dict of ndarray
        Of `sample_of_maps`.
    maps : DatedMaps

    Returns
    -------
    tuple of float
        One per pair of `pairs_of`; -1 to `HIGHEST`. 0 where too few pixels have both.
    """
    spread = _spread(sample["value"], sample["lower"], sample["upper"], maps.transform)
    return tuple(_correlation(*spread, maps.level, before, after) for before, after in pairs_of(maps))


def _spread(value, lower, upper, transform):
    """Predictions on the scale that was modelled, and half the width of their intervals there."""
    forward = FORWARD[transform]
    with np.errstate(divide="ignore", invalid="ignore"):
        return forward(value), (forward(upper) - forward(lower)) / 2


def _correlation(centre, half, level, before, after):
    from scipy.stats import norm

    promised = np.hypot(half[before], half[after]) / norm.ppf(0.5 + level / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        standard = np.abs(centre[after] - centre[before]) / promised
    standard = standard[np.isfinite(standard)]
    if standard.size < FEWEST:
        return 0.0
    spread = float(np.quantile(standard, _ONE_SIGMA))
    return float(np.clip(1 - spread**2, -1.0, HIGHEST))
