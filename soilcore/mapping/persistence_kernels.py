"""Classes of a pixel over years, counted and labelled. Importing this module needs numba."""

import numpy as np

from soilcore.core.compiling import njit
from soilcore.mapping.trend import SIGNIFICANT, mann_kendall

STABLE_LOW, PERSISTENT_HIGH, WORSENING, IMPROVING, FLUCTUATING, NO_LABEL = 0, 1, 2, 3, 4, 255
FEWEST_YEARS = 5
MEASURES = ("persistence", "transitions", "range", "mean", "s", "z", "entropy")


@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _label(series, count, low_max, high_min, stable_share):
    """Label of the first `count` classes of a series; the first rule that holds counts."""
    low, high = 0, 0
    for year in range(count):
        low += series[year] <= low_max
        high += series[year] >= high_min
    if low >= stable_share * count - 1e-9:
        return STABLE_LOW
    if high >= stable_share * count - 1e-9:
        return PERSISTENT_HIGH
    _, z = mann_kendall(series, count)
    if z > SIGNIFICANT:
        return WORSENING
    if z < -SIGNIFICANT:
        return IMPROVING
    return FLUCTUATING


@njit(nogil=True, error_model="numpy")
def persistence_of_pixels(classes, n_classes, areas, low_max, high_min, stable_share, labels, modes, measures, pairs):
    """Label, mode and measures of every pixel, and the area of every class in one year by class in another.

    Parameters
    ----------
    classes : ndarray of uint8, shape (n_years, n_pixels)
        255 where missing.
    n_classes : int
    areas : ndarray of int64, shape (n_pixels,)
    low_max, high_min : int
    stable_share : float
    labels, modes : ndarray of uint8, shape (n_pixels,)
        Filled; 255 with fewer than five years.
    measures : ndarray of float32, shape (7, n_pixels)
        Filled in the order of `MEASURES`; NaN with fewer than five years.
    pairs : ndarray of int64, shape (n_years, n_years, n_classes, n_classes)
        Added to, for every earlier and later year with both classes known.
    """
    years, pixels = classes.shape
    series, counts = np.empty(years, np.float64), np.empty(n_classes, np.int64)
    for pixel in range(pixels):
        count = 0
        counts[:] = 0
        for year in range(years):
            here = classes[year, pixel]
            if here != NO_LABEL:
                series[count] = here
                count += 1
                counts[here] += 1
        if count < FEWEST_YEARS:
            labels[pixel], modes[pixel] = NO_LABEL, NO_LABEL
            measures[:, pixel] = np.nan
            continue
        labels[pixel] = _label(series, count, low_max, high_min, stable_share)
        transitions, total, least, most = 0, 0.0, series[0], series[0]
        for year in range(count):
            transitions += year > 0 and series[year] != series[year - 1]
            total += series[year]
            least, most = min(least, series[year]), max(most, series[year])
        mode, entropy = 0, 0.0
        for number in range(n_classes):
            if counts[number] > counts[mode]:  # of equally frequent classes the lowest
                mode = number
            if counts[number]:
                share = counts[number] / count
                entropy -= share * np.log(share)
        s, z = mann_kendall(series, count)
        modes[pixel] = mode
        measures[0, pixel], measures[1, pixel] = counts[mode] / count, transitions
        measures[2, pixel], measures[3, pixel] = most - least, total / count
        measures[4, pixel], measures[5, pixel] = s, z
        measures[6, pixel] = entropy / np.log(n_classes)
        for later in range(1, years):
            there = classes[later, pixel]
            if there != NO_LABEL:
                for earlier in range(later):
                    before = classes[earlier, pixel]
                    if before != NO_LABEL:
                        pairs[earlier, later, before, there] += areas[pixel]


@njit(nogil=True, error_model="numpy")
def labels_of_draws(limits, draws, labels, areas, low_max, high_min, stable_share, agree, stable, drawn_areas):
    """How often labels stay when every year's class is drawn from its prediction interval.

    Parameters
    ----------
    limits : ndarray of float32, shape (n_edges, n_years, n_pixels)
        Deviates of the class limits; NaN where missing.
    draws : ndarray of float64, shape (n_draws, n_years)
        Deviates drawn.
    labels : ndarray of uint8, shape (n_pixels,)
    areas : ndarray of int64, shape (n_pixels,)
    low_max, high_min, stable_share
        As in `persistence_of_pixels`.
    agree, stable : ndarray of float32, shape (n_pixels,)
        Filled: share of the draws with the same label, and with a stable one; NaN where there is no label.
    drawn_areas : ndarray of int64, shape (n_draws, 5)
        Added to: area of each label in each draw.
    """
    edges, years, pixels = limits.shape
    series = np.empty(years, np.float64)
    for pixel in range(pixels):
        if labels[pixel] == NO_LABEL:
            agree[pixel], stable[pixel] = np.nan, np.nan
            continue
        same, lasting = 0, 0
        for draw in range(draws.shape[0]):
            count = 0
            for year in range(years):
                if np.isnan(limits[0, year, pixel]):
                    continue
                above = 0
                for edge in range(edges):
                    above += limits[edge, year, pixel] <= draws[draw, year]
                series[count] = above
                count += 1
            label = _label(series, count, low_max, high_min, stable_share)
            same += label == labels[pixel]
            lasting += label <= PERSISTENT_HIGH
            drawn_areas[draw, label] += areas[pixel]
        agree[pixel], stable[pixel] = same / draws.shape[0], lasting / draws.shape[0]
