"""The compiled form of `soilcore.features.phenology_numpy`. Importing this module needs numba; `phenology_blocks` answers when it is missing.

Sixty-four pixels go side by side through every step, so that the innermost loop always runs over neighbours in memory and becomes vector
instructions. The last group of a window is filled up with missing pixels: each pixel goes through the same instructions wherever it lies,
and no result depends on how a raster was cut.
"""

import numpy as np
from numba import njit

from soilcore.features.phenology_numpy import NEWTON_STEPS
from soilcore.features.phenology_settings import FEW_DATES, GOOD, PEAK_AT_END, RISE_NOT_SEEN, SMALL_AMPLITUDE

LANES = 64
_MISSING = np.float32(np.nan)
_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_TWO, _THREE, _TWO_AND_HALF, _ONE_AND_HALF = np.float32(2), np.float32(3), np.float32(2.5), np.float32(1.5)
_EIGHT, _TWELVE = np.float32(8), np.float32(12)
_LOW, _HIGH = np.float32(-1e30), np.float32(1e30)


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
    nodes = before.size
    half = weights.size // 2
    y = np.empty((dates, LANES), np.float32)
    right_value, right_time = np.empty((dates + 1, LANES), np.float32), np.empty((dates + 1, LANES), np.float32)
    wide, curve = np.empty((nodes + 2 * half, LANES), np.float32), np.empty((nodes + 4, LANES), np.float32)
    state = np.empty((20, LANES), np.float32)
    for begin in range(0, pixels, LANES):
        size = min(LANES, pixels - begin)
        for d in range(dates):
            for k in range(size):
                y[d, k] = values[d, begin + k]
            for k in range(size, LANES):
                y[d, k] = _MISSING
        _following(y, times, right_value, right_time)
        _fill(y, times, before, step, right_value, right_time, wide, half, state)
        _smooth(wide, weights, curve)
        for j in range(nodes):
            for k in range(LANES):
                wide[half + j, k] = max(wide[half + j, k], curve[j + 2, k])
        _smooth(wide, weights, curve)
        _peaks(curve, step, state)
        _dates(curve, step, share_sos, share_sdps, largest, state)
        _answer(state, min_dates, min_amplitude, nodes, begin, size, step, out, n, reason)


# Rows of `state`, one number per pixel. Counts and places are small whole numbers, exact as float32.
COUNT, FIRST, LAST, TOP, HIGHEST, BASE, PEAK, STEEPEST, SLOPE, START, SOS, SDPS, GUS, P0, P1, P2, P3, AT_SOS, AT_SDPS, LEVEL = range(20)


@njit(nogil=True, error_model="numpy")
def _following(y, times, value, time):
    """At each date, the next valid value from there on and its day."""
    dates = y.shape[0]
    for k in range(LANES):
        value[dates, k] = _MISSING
        time[dates, k] = _MISSING
    for d in range(dates - 1, -1, -1):
        t = times[d]
        for k in range(LANES):
            there = y[d, k] == y[d, k]
            value[d, k] = y[d, k] if there else value[d + 1, k]
            time[d, k] = t if there else time[d + 1, k]


@njit(nogil=True, error_model="numpy")
def _fill(y, times, before, step, right_value, right_time, wide, half, state):
    """Straight lines between valid dates, level beyond them, read at the nodes; and what is at the edges repeated outward."""
    nodes, dates = before.size, y.shape[0]
    left_value, left_time = state[P0], state[P1]
    for k in range(LANES):
        left_value[k] = _MISSING
        left_time[k] = _MISSING
        state[COUNT, k] = _ZERO
        state[FIRST, k] = right_time[0, k]
    done = 0
    for j in range(nodes):
        for d in range(done, before[j]):
            t = times[d]
            for k in range(LANES):
                there = y[d, k] == y[d, k]
                left_value[k] = y[d, k] if there else left_value[k]
                left_time[k] = t if there else left_time[k]
                state[COUNT, k] += _ONE if there else _ZERO
        done = before[j]
        node = np.float32(j) * step
        for k in range(LANES):
            y0, y1, t0, t1 = left_value[k], right_value[done, k], left_time[k], right_time[done, k]
            between = y0 + (y1 - y0) * ((node - t0) / (t1 - t0))
            at_edge = y0 if y0 == y0 else y1
            wide[half + j, k] = between if between == between else at_edge
    for d in range(done, dates):
        t = times[d]
        for k in range(LANES):
            there = y[d, k] == y[d, k]
            left_time[k] = t if there else left_time[k]
            state[COUNT, k] += _ONE if there else _ZERO
    for k in range(LANES):
        state[LAST, k] = left_time[k]


@njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _smooth(wide, weights, curve):
    """Weighted means over the neighbours of each node; `curve` carries its ends twice more on either side."""
    nodes, half = curve.shape[0] - 4, weights.size // 2
    last = half + nodes - 1
    for j in range(half):
        for k in range(LANES):
            wide[j, k] = wide[half, k]
            wide[last + 1 + j, k] = wide[last, k]
    for j in range(nodes):
        for k in range(LANES):
            curve[j + 2, k] = weights[0] * wide[j, k]
        for w in range(1, weights.size):
            weight = weights[w]
            for k in range(LANES):
                curve[j + 2, k] += weight * wide[j + w, k]
    for k in range(LANES):
        curve[0, k] = curve[1, k] = curve[2, k]
        curve[nodes + 2, k] = curve[nodes + 3, k] = curve[nodes + 1, k]


@njit(nogil=True, error_model="numpy")
def _peaks(curve, step, state):
    """Highest node, its height, the day of the peak between nodes, and the lowest node up to it."""
    nodes = curve.shape[0] - 4
    top, highest, base, lowest = state[TOP], state[HIGHEST], state[BASE], state[P0]
    for k in range(LANES):
        top[k] = _ZERO
        highest[k] = curve[2, k]
        base[k] = curve[2, k]
        lowest[k] = curve[2, k]
    for j in range(1, nodes):
        place = np.float32(j)
        for k in range(LANES):
            here = curve[j + 2, k]
            lowest[k] = here if here < lowest[k] else lowest[k]
            higher = here > highest[k]
            top[k] = place if higher else top[k]
            base[k] = lowest[k] if higher else base[k]
            highest[k] = here if higher else highest[k]
    for k in range(LANES):
        j = int(top[k]) + 2
        state[PEAK, k] = step * (top[k] + _vertex(curve[j - 1, k], curve[j, k], curve[j + 1, k]))


@njit(nogil=True, error_model="numpy")
def _vertex(before, here, after):
    bend = before - _TWO * here + after
    if not bend < _ZERO:
        return _ZERO
    return min(max(_HALF * (before - after) / bend, -_HALF), _HALF)


@njit(nogil=True, error_model="numpy")
def _dates(curve, step, share_sos, share_sdps, largest, state):
    """SOS, SDPS and GUS."""
    slopes = share_sos != share_sos or share_sdps != share_sdps or largest
    if slopes:
        _steepest(curve, state)
    sos, sdps, start, level = state[SOS], state[SDPS], state[START], state[LEVEL]
    if share_sos != share_sos:
        for k in range(LANES):
            sos[k] = state[STEEPEST, k]
            start[k] = np.floor(sos[k])
    else:
        _last_below(curve, share_sos, state)
        _reach(curve, start, level, sos, state)
    if share_sdps != share_sdps:
        _read(curve, state[STEEPEST], state[AT_SDPS])
        for k in range(LANES):
            sdps[k] = state[STEEPEST, k] + (state[HIGHEST, k] - state[AT_SDPS, k]) / state[SLOPE, k]
    else:
        _first_above(curve, share_sdps, state)
        _reach(curve, start, level, sdps, state)
    if largest:
        for k in range(LANES):
            state[GUS, k] = state[SLOPE, k] / step
        return
    _read(curve, sos, state[AT_SOS])
    _read(curve, sdps, state[AT_SDPS])
    for k in range(LANES):
        mean = (state[AT_SDPS, k] - state[AT_SOS, k]) / (sdps[k] - sos[k]) / step
        state[GUS, k] = mean if sdps[k] > sos[k] else _MISSING


@njit(nogil=True, error_model="numpy")
def _last_below(curve, share, state):
    """Last node before the peak below a share of the amplitude."""
    top, start, level = state[TOP], state[START], state[LEVEL]
    for k in range(LANES):
        level[k] = state[BASE, k] + share * (state[HIGHEST, k] - state[BASE, k])
        start[k] = _ZERO
    for j in range(curve.shape[0] - 4):
        place = np.float32(j)
        for k in range(LANES):
            below = (place <= top[k]) & (curve[j + 2, k] < level[k])
            start[k] = place if below else start[k]


@njit(nogil=True, error_model="numpy")
def _first_above(curve, share, state):
    """Node before the first one after SOS that reaches a share of the amplitude; overwrites `START`."""
    top, start, level, cell = state[TOP], state[START], state[LEVEL], state[P0]
    for k in range(LANES):
        level[k] = state[BASE, k] + share * (state[HIGHEST, k] - state[BASE, k])
        cell[k] = _ZERO
    for j in range(curve.shape[0] - 5, 0, -1):
        place = np.float32(j)
        for k in range(LANES):
            above = (place <= top[k]) & (place > start[k]) & (curve[j + 2, k] >= level[k])
            cell[k] = place - _ONE if above else cell[k]
    for k in range(LANES):
        start[k] = cell[k]


@njit(nogil=True, error_model="numpy")
def _steepest(curve, state):
    """Place and size of the largest slope before the peak, differences of fourth order."""
    top, best, slope = state[TOP], state[STEEPEST], state[SLOPE]
    nodes = curve.shape[0] - 4
    for k in range(LANES):
        best[k] = _ZERO
        slope[k] = _LOW
    for j in range(nodes):
        place = np.float32(j)
        for k in range(LANES):
            here = (_EIGHT * (curve[j + 3, k] - curve[j + 1, k]) - (curve[j + 4, k] - curve[j, k])) / _TWELVE
            larger = (place <= top[k]) & (here > slope[k])
            best[k] = place if larger else best[k]
            slope[k] = here if larger else slope[k]
    for k in range(LANES):
        j = int(best[k])
        best[k] += _vertex(_slope(curve, max(j - 1, 0), k), slope[k], _slope(curve, min(j + 1, nodes - 1), k))


@njit(nogil=True, error_model="numpy")
def _slope(curve, j, k):
    return (_EIGHT * (curve[j + 3, k] - curve[j + 1, k]) - (curve[j + 4, k] - curve[j, k])) / _TWELVE


@njit(nogil=True, error_model="numpy")
def _gather(curve, cell, state):
    """The four values round each pixel's own stretch."""
    last = curve.shape[0] - 4
    for k in range(LANES):
        j = min(max(int(cell[k]), 0), last - 1)
        state[P0, k] = curve[j + 1 if j > 0 else 2, k]
        state[P1, k] = curve[j + 2, k]
        state[P2, k] = curve[j + 3, k]
        state[P3, k] = curve[j + 4, k]


@njit(nogil=True, error_model="numpy")
def _reach(curve, cell, level, place, state):
    """Where the cubic of a stretch reaches a level: Newton's steps from the straight line."""
    _gather(curve, cell, state)
    for k in range(LANES):
        y0, y1, y2, y3 = state[P0, k], state[P1, k], state[P2, k], state[P3, k]
        c1 = _HALF * (y2 - y0)
        c2 = y0 - _TWO_AND_HALF * y1 + _TWO * y2 - _HALF * y3
        c3 = _HALF * (y3 - y0) + _ONE_AND_HALF * (y1 - y2)
        u = min(max((level[k] - y1) / (y2 - y1), _ZERO), _ONE)
        for _ in range(NEWTON_STEPS):
            height = ((c3 * u + c2) * u + c1) * u + y1 - level[k]
            slope = (_THREE * c3 * u + _TWO * c2) * u + c1
            u = min(max(u - height / slope, _ZERO), _ONE)
        place[k] = cell[k] + u


@njit(nogil=True, error_model="numpy")
def _read(curve, place, value):
    """The curve between nodes."""
    last = curve.shape[0] - 4
    for k in range(LANES):
        at = place[k]
        j = min(max(int(np.floor(at)), 0), last - 2) if at == at else 0
        y0, y1, y2, y3 = curve[j + 1, k], curve[j + 2, k], curve[j + 3, k], curve[j + 4, k]
        c1 = _HALF * (y2 - y0)
        c2 = y0 - _TWO_AND_HALF * y1 + _TWO * y2 - _HALF * y3
        c3 = _HALF * (y3 - y0) + _ONE_AND_HALF * (y1 - y2)
        u = at - np.float32(j)
        value[k] = ((c3 * u + c2) * u + c1) * u + y1


@njit(nogil=True, error_model="numpy")
def _answer(state, min_dates, min_amplitude, nodes, begin, size, step, out, n, reason):
    """Days instead of nodes, and NaN where there is no answer."""
    for k in range(size):
        amplitude = state[HIGHEST, k] - state[BASE, k]
        why = GOOD
        if not step * state[SOS, k] > state[FIRST, k]:
            why = RISE_NOT_SEEN
        if not amplitude >= min_amplitude:
            why = SMALL_AMPLITUDE
        at_end = state[TOP, k] == _ZERO or state[TOP, k] == nodes - 1
        if at_end or state[PEAK, k] <= state[FIRST, k] or state[PEAK, k] >= state[LAST, k]:
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
