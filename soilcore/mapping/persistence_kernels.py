"""Classes of a pixel over years, counted and labelled. Importing this module needs numba."""

import numpy as np

from soilcore.core.compiling import njit
from soilcore.mapping.trend import SIGNIFICANT

STABLE_LOW, PERSISTENT_HIGH, WORSENING, IMPROVING, FLUCTUATING, NO_LABEL = 0, 1, 2, 3, 4, 255
FEWEST_YEARS = 5
MEASURES = ("persistence", "transitions", "range", "mean", "s", "z", "entropy")


@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _trend(series, count, counts):
    """S and Z (Mann-Kendall) of the first `count` classes of a series; of ties only how often each class occurs is needed."""
    s, ties = 0, 0
    for later in range(1, count):
        for earlier in range(later):
            s += (series[later] > series[earlier]) - (series[later] < series[earlier])
    for group in counts:
        ties += group * (group - 1) * (2 * group + 5)
    variance = (count * (count - 1) * (2 * count + 5) - ties) / 18.0
    if s == 0 or variance <= 0:
        return s, 0.0
    return s, (s - 1 if s > 0 else s + 1) / np.sqrt(variance)


@njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
def _label(series, count, counts, low_max, high_min, least):
    """Label of the first `count` classes of a series; the first rule that holds counts. `least` years are needed to be stable."""
    low, high = 0, 0
    for number in range(counts.size):
        if number <= low_max:
            low += counts[number]
        elif number >= high_min:
            high += counts[number]
    if low >= least:
        return STABLE_LOW
    if high >= least:
        return PERSISTENT_HIGH
    _, z = _trend(series, count, counts)
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
    series, counts = np.empty(years, np.int64), np.empty(n_classes, np.int64)
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
        labels[pixel] = _label(series, count, counts, low_max, high_min, stable_share * count - 1e-9)
        transitions, total, lowest, highest = 0, 0, series[0], series[0]
        for year in range(count):
            transitions += year > 0 and series[year] != series[year - 1]
            total += series[year]
            lowest, highest = min(lowest, series[year]), max(highest, series[year])
        mode, entropy = 0, 0.0
        for number in range(n_classes):
            if counts[number] > counts[mode]:  # of equally frequent classes the lowest
                mode = number
            if counts[number]:
                share = counts[number] / count
                entropy -= share * np.log(share)
        s, z = _trend(series, count, counts)
        modes[pixel] = mode
        measures[0, pixel], measures[1, pixel] = counts[mode] / count, transitions
        measures[2, pixel], measures[3, pixel] = highest - lowest, total / count
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
    draws : ndarray of float32, shape (n_draws, n_years)
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
    series, counts = np.empty(years, np.int64), np.empty(edges + 1, np.int64)
    near = np.empty((years, edges), np.float32)
    for pixel in range(pixels):
        if labels[pixel] == NO_LABEL:
            agree[pixel], stable[pixel] = np.nan, np.nan
            continue
        same, lasting = 0, 0
        for year in range(years):
            for edge in range(edges):
                near[year, edge] = limits[edge, year, pixel]
        for draw in range(draws.shape[0]):
            count = 0
            counts[:] = 0
            for year in range(years):
                if np.isnan(near[year, 0]):
                    continue
                above, drawn = 0, draws[draw, year]
                while above < edges and near[year, above] <= drawn:  # limits rise
                    above += 1
                series[count] = above
                counts[above] += 1
                count += 1
            label = _label(series, count, counts, low_max, high_min, stable_share * count - 1e-9)
            same += label == labels[pixel]
            lasting += label <= PERSISTENT_HIGH
            drawn_areas[draw, label] += areas[pixel]
        agree[pixel], stable[pixel] = same / draws.shape[0], lasting / draws.shape[0]
