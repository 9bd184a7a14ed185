"""The compiled form of `soilcore.features.phenology_numpy`. Importing this module needs numba; `phenology_blocks` answers when it is missing.

A group of pixels goes side by side through every step, so that the innermost loop always runs over neighbours in memory and becomes vector
instructions. The last group of a window is filled up with missing pixels: each pixel goes through the same instructions wherever it lies,
and no result depends on how a raster was cut.
"""

import numpy as np

from soilcore.core.compiling import njit
from soilcore.features.phenology_numpy import NEWTON_STEPS
from soilcore.features.phenology_settings import FEW_DATES, GOOD, PEAK_AT_END, RISE_NOT_SEEN, SMALL_AMPLITUDE

LANES = 128
_MISSING = np.float32(np.nan)
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_TWO, _THREE, _TWO_AND_HALF, _ONE_AND_HALF = np.float32(2), np.float32(3), np.float32(2.5), np.float32(1.5)
_EIGHT, _TWELVE = np.float32(8), np.float32(12)
_LOW = np.float32(-1e30)


def _compiled(function):
    """Compiled for use within the kernel only: without the wrappers for Python, which take most of the time of compiling."""
    return njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


@njit(nogil=True, error_model="numpy")
def seasons_of_pixels(values, times, before, step, weights, min_dates, min_amplitude, share_sos, share_sdps, largest, out, n, reason):
    """Seasons of every pixel of a window.

    Parameters
    ----------
    values : ndarray of float32, shape (n_dates, n_pixels)
        NaN where missing.
    times : ndarray of float32, shape (n_dates,)
        Days since the first day of the season, ascending.
    before : ndarray of int64, shape (n_nodes,)
        Number of dates up to each node of the regular scale.
    step : float32
        Days between nodes.
    weights : ndarray of float32, shape (2 half + 1,)
        Of the smoothing.
    min_dates : int
    min_amplitude, share_sos, share_sdps : float32
        Shares are NaN where a rule uses slopes.
    largest : bool
        Green-up speed is the largest slope, not the mean one.
    out : ndarray of float32, shape (5, n_pixels)
        Filled with SOS, SDPS, GUS, day of the peak, amplitude.
    n : ndarray of int16, shape (n_pixels,)
    reason : ndarray of uint8, shape (n_pixels,)
    """
    dates, pixels = values.shape
    nodes, half = before.size, weights.size // 2
    y = np.empty((dates, LANES), np.float32)
    next_value, next_time = np.empty((dates + 1, LANES), np.float32), np.empty((dates + 1, LANES), np.float32)
    wide, curve = np.empty((nodes + 2 * half, LANES), np.float32), np.empty((nodes + 4, LANES), np.float32)
    state = np.empty((ROWS, LANES), np.float32)
    for begin in range(0, pixels, LANES):
        size = min(LANES, pixels - begin)
        for d in range(dates):
            row, given = y[d], values[d]
            for k in range(size):
                row[k] = given[begin + k]
            for k in range(size, LANES):
                row[k] = _MISSING
        _following(y, times, next_value, next_time)
        _fill(y, times, before, step, next_value, next_time, wide, half, state[COUNT], state[LAST], state[P0])
        _smooth(wide, weights, curve)
        for j in range(nodes):
            _lift(wide[half + j], curve[j + 2])
        _smooth(wide, weights, curve)
        _peaks(curve, step, state[TOP], state[HIGHEST], state[BASE], state[P0], state[PEAK])
        _dates(curve, step, share_sos, share_sdps, largest, state)
        _answer(state, next_time[0], min_dates, min_amplitude, nodes, begin, size, step, out, n, reason)


# Rows of `state`, one number per pixel. Counts and places are small whole numbers, exact as float32.
COUNT, LAST, TOP, HIGHEST, BASE, PEAK, STEEPEST, SLOPE, START, SOS, SDPS, GUS, P0, P1, P2, P3, AT_SOS, AT_SDPS, LEVEL, ROWS = range(20)


@_compiled
def _set(row, number):
    for k in range(LANES):
        row[k] = number


@_compiled
def _copy(row, other):
    for k in range(LANES):
        row[k] = other[k]


@_compiled
def _following(y, times, next_value, next_time):
    """At each date, the next valid value from there on and its day."""
    dates = y.shape[0]
    _set(next_value[dates], _MISSING)
    _set(next_time[dates], _MISSING)
    for back in range(dates):
        d = dates - 1 - back
        t = times[d]
        row, value, time, old_value, old_time = y[d], next_value[d], next_time[d], next_value[d + 1], next_time[d + 1]
        for k in range(LANES):
            value[k] = row[k] if row[k] == row[k] else old_value[k]
        for k in range(LANES):
            time[k] = t if row[k] == row[k] else old_time[k]


@_compiled
def _take(row, t, value, time, count):
    """The last valid value so far, its day, and how many there were."""
    for k in range(LANES):
        time[k] = t if row[k] == row[k] else time[k]
    for k in range(LANES):
        count[k] += _ONE if row[k] == row[k] else _ZERO
    for k in range(LANES):
        value[k] = row[k] if row[k] == row[k] else value[k]


@_compiled
def _fill(y, times, before, step, next_value, next_time, wide, half, count, last, value):
    """Straight lines between valid dates, level beyond them, read at the nodes."""
    nodes, dates, done = before.size, y.shape[0], 0
    _set(value, _MISSING)
    _set(last, _MISSING)
    _set(count, _ZERO)
    for j in range(nodes):
        for d in range(done, before[j]):
            _take(y[d], times[d], value, last, count)
        done = before[j]
        _between(np.float32(j) * step, value, last, next_value[done], next_time[done], wide[half + j])
    for d in range(done, dates):
        _take(y[d], times[d], value, last, count)


@_compiled
def _between(node, y0, t0, y1, t1, out):
    for k in range(LANES):
        line = y0[k] + (y1[k] - y0[k]) * ((node - t0[k]) / (t1[k] - t0[k]))
        edge = y0[k] if y0[k] == y0[k] else y1[k]
        out[k] = line if line == line else edge


@_compiled
def _smooth(wide, weights, curve):
    """Weighted means over the neighbours of each node; both arrays repeat their ends outward."""
    nodes, half = curve.shape[0] - 4, weights.size // 2
    for j in range(half):
        _copy(wide[j], wide[half])
        _copy(wide[half + nodes + j], wide[half + nodes - 1])
    for j in range(nodes):
        row, first, weight = curve[j + 2], wide[j], weights[0]
        for k in range(LANES):
            row[k] = weight * first[k]
        for w in range(1, weights.size):
            _add(row, wide[j + w], weights[w])
    _copy(curve[0], curve[2])
    _copy(curve[1], curve[2])
    _copy(curve[nodes + 2], curve[nodes + 1])
    _copy(curve[nodes + 3], curve[nodes + 1])


@_compiled
def _add(row, other, weight):
    for k in range(LANES):
        row[k] += weight * other[k]


@_compiled
def _lift(row, other):
    for k in range(LANES):
        row[k] = other[k] if other[k] > row[k] else row[k]


@_compiled
def _peaks(curve, step, top, highest, base, lowest, peak):
    """Highest node, its height, the day of the peak between nodes, and the lowest node up to it."""
    _set(top, _ZERO)
    _copy(highest, curve[2])
    _copy(base, curve[2])
    _copy(lowest, curve[2])
    for j in range(1, curve.shape[0] - 4):
        _higher(curve[j + 2], np.float32(j), top, highest, base, lowest)
    for k in range(LANES):
        j = int(top[k]) + 2
        peak[k] = step * (top[k] + _vertex(curve[j - 1, k], curve[j, k], curve[j + 1, k]))


@_compiled
def _higher(row, place, top, highest, base, lowest):
    for k in range(LANES):
        here, low, high, at, below = row[k], lowest[k], highest[k], top[k], base[k]
        low = here if here < low else low
        higher = here > high
        lowest[k] = low
        top[k] = place if higher else at
        base[k] = low if higher else below
        highest[k] = here if higher else high


@_compiled
def _vertex(before, here, after):
    bend = before - _TWO * here + after
    shift = _HALF * (before - after) / bend
    shift = min(max(shift, -_HALF), _HALF)
    return shift if bend < _ZERO else _ZERO


@_compiled
def _dates(curve, step, share_sos, share_sdps, largest, state):
    """SOS, SDPS and GUS."""
    slopes = share_sos != share_sos or share_sdps != share_sdps or largest
    sos, sdps, start, level, top = state[SOS], state[SDPS], state[START], state[LEVEL], state[TOP]
    steepest, slope, at_sos, at_sdps, gus = state[STEEPEST], state[SLOPE], state[AT_SOS], state[AT_SDPS], state[GUS]
    if slopes:
        _steepest(curve, top, steepest, slope)
    if share_sos != share_sos:
        _copy(sos, steepest)
        for k in range(LANES):
            start[k] = np.floor(steepest[k])
    else:
        _level(share_sos, state[BASE], state[HIGHEST], level)
        _set(start, _ZERO)
        for j in range(curve.shape[0] - 4):
            _last_below(curve[j + 2], np.float32(j), top, level, start)
        _reach(curve, start, level, sos, state)
    if share_sdps != share_sdps:
        _read(curve, steepest, at_sdps)
        for k in range(LANES):
            sdps[k] = steepest[k] + (state[HIGHEST, k] - at_sdps[k]) / slope[k]
    else:
        _level(share_sdps, state[BASE], state[HIGHEST], level)
        _first_above(curve, top, level, start)
        _reach(curve, start, level, sdps, state)
    if largest:
        for k in range(LANES):
            gus[k] = slope[k] / step
        return
    _read(curve, sos, at_sos)
    _read(curve, sdps, at_sdps)
    for k in range(LANES):
        mean = (at_sdps[k] - at_sos[k]) / (sdps[k] - sos[k]) / step
        gus[k] = mean if sdps[k] > sos[k] else _MISSING


@_compiled
def _level(share, base, highest, level):
    for k in range(LANES):
        level[k] = base[k] + share * (highest[k] - base[k])


@_compiled
def _last_below(row, place, top, level, start):
    """Last node before the peak below a level."""
    for k in range(LANES):
        below = (place <= top[k]) & (row[k] < level[k])
        start[k] = place if below else start[k]


@_compiled
def _first_above(curve, top, level, start):
    """Moves `start` on to the node before the first that reaches a level; few steps, as the rise is short."""
    for k in range(LANES):
        j, end, wanted = int(start[k]) + 1, int(top[k]), level[k]
        while j < end and curve[j + 2, k] < wanted:
            j += 1
        start[k] = np.float32(j - 1)


@_compiled
def _steepest(curve, top, best, slope):
    """Place and size of the largest slope before the peak, differences of fourth order."""
    nodes = curve.shape[0] - 4
    _set(best, _ZERO)
    _set(slope, _LOW)
    for j in range(nodes):
        place = np.float32(j)
        far_left, left, right, far_right = curve[j], curve[j + 1], curve[j + 3], curve[j + 4]
        for k in range(LANES):
            here = (_EIGHT * (right[k] - left[k]) - (far_right[k] - far_left[k])) / _TWELVE
            at, most = best[k], slope[k]
            larger = (place <= top[k]) & (here > most)
            best[k] = place if larger else at
            slope[k] = here if larger else most
    for k in range(LANES):
        j = int(best[k])
        best[k] += _vertex(_slope(curve, max(j - 1, 0), k), slope[k], _slope(curve, min(j + 1, nodes - 1), k))


@_compiled
def _slope(curve, j, k):
    return (_EIGHT * (curve[j + 3, k] - curve[j + 1, k]) - (curve[j + 4, k] - curve[j, k])) / _TWELVE


@_compiled
def _gather(curve, cell, p0, p1, p2, p3):
    """The four values round each pixel's own stretch."""
    last = curve.shape[0] - 5
    for k in range(LANES):
        j = min(max(int(cell[k]), 0), last)
        p0[k] = curve[j + 1, k]
        p1[k] = curve[j + 2, k]
        p2[k] = curve[j + 3, k]
        p3[k] = curve[j + 4, k]


@_compiled
def _reach(curve, cell, level, place, state):
    """Where the cubic of a stretch reaches a level: Newton's steps from the straight line."""
    p0, p1, p2, p3 = state[P0], state[P1], state[P2], state[P3]
    _gather(curve, cell, p0, p1, p2, p3)
    for k in range(LANES):
        y0, y1, y2, y3, wanted = p0[k], p1[k], p2[k], p3[k], level[k]
        c1 = _HALF * (y2 - y0)
        c2 = y0 - _TWO_AND_HALF * y1 + _TWO * y2 - _HALF * y3
        c3 = _HALF * (y3 - y0) + _ONE_AND_HALF * (y1 - y2)
        u = min(max((wanted - y1) / (y2 - y1), _ZERO), _ONE)
        for _ in range(NEWTON_STEPS):
            height = ((c3 * u + c2) * u + c1) * u + y1 - wanted
            slope = (_THREE * c3 * u + _TWO * c2) * u + c1
            u = min(max(u - height / slope, _ZERO), _ONE)
        place[k] = cell[k] + u


@_compiled
def _read(curve, place, value):
    """The curve between nodes."""
    last = curve.shape[0] - 6
    for k in range(LANES):
        at = place[k]
        j = min(max(int(at), 0), last) if at == at else 0
        y0, y1, y2, y3 = curve[j + 1, k], curve[j + 2, k], curve[j + 3, k], curve[j + 4, k]
        c1 = _HALF * (y2 - y0)
        c2 = y0 - _TWO_AND_HALF * y1 + _TWO * y2 - _HALF * y3
        c3 = _HALF * (y3 - y0) + _ONE_AND_HALF * (y1 - y2)
        u = at - np.float32(j)
        value[k] = ((c3 * u + c2) * u + c1) * u + y1


@_compiled
def _answer(state, first, min_dates, min_amplitude, nodes, begin, size, step, out, n, reason):
    """Days instead of nodes, and NaN where there is no answer."""
    for k in range(size):
        amplitude = state[HIGHEST, k] - state[BASE, k]
        why = GOOD
        if not step * state[SOS, k] > first[k]:
            why = RISE_NOT_SEEN
        if not amplitude >= min_amplitude:
            why = SMALL_AMPLITUDE
        at_end = state[TOP, k] == _ZERO or state[TOP, k] == nodes - 1
        if at_end or state[PEAK, k] <= first[k] or state[PEAK, k] >= state[LAST, k]:
            why = PEAK_AT_END
        if state[COUNT, k] < min_dates:
            why = FEW_DATES
        good = why == GOOD
        out[0, begin + k] = step * state[SOS, k] if good else _MISSING
        out[1, begin + k] = step * state[SDPS, k] if good else _MISSING
        out[2, begin + k] = state[GUS, k] if good else _MISSING
        out[3, begin + k] = state[PEAK, k] if good else _MISSING
        out[4, begin + k] = amplitude if why != FEW_DATES else _MISSING
        n[begin + k] = np.int16(state[COUNT, k])
        reason[begin + k] = why
