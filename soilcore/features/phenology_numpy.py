"""Seasons of many pixels in NumPy: gaps filled on a regular scale of days, smoothed after Savitzky and Golay, dates read off.

The compiled kernel does the same, some dozens of times faster; this is what runs where numba is missing, what a single series falls back
on when no double logistic fits it, and what the kernel is tested against.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from soilcore.features.phenology_settings import FEW_DATES, GOOD, PEAK_AT_END, RISE_NOT_SEEN, SMALL_AMPLITUDE, shares_of

HALF_WIDTH_DAYS = 20  # of the smoothing window: shorter than any rise that is not a harvest or a flood
COARSEST_STEP = 10  # a coarser one would smooth over more than HALF_WIDTH_DAYS
NEWTON_STEPS = 4
RESULTS = ("sos", "sdps", "gus", "peak", "amplitude")


@dataclass(frozen=True)
class Scale:
    """Regular days on which gaps are filled.

    Parameters
    ----------
    step : int
        Days between nodes.
    count : int
        Nodes; the first is the first day of the season.
    half : int
        Nodes on either side that the smoothing looks at.
    """

    step: int
    count: int
    half: int


def scale_of(times, length):
    """Scale that suits dates: as fine as they usually are apart, 1 to 10 days.

    Parameters
    ----------
    times : ndarray of float, shape (n,)
        Days since the first day of the season, ascending.
    length : int
        Days of the season.
    """
    apart = np.diff(times)
    step = int(np.clip(np.round(np.median(apart)), 1, COARSEST_STEP)) if apart.size else COARSEST_STEP
    return Scale(step, max(3, int(np.ceil((length - 1) / step)) + 1), max(2, round(HALF_WIDTH_DAYS / step)))


@cache
def smoothing_weights(half):
    """Weights of a quadratic fitted to ``2 half + 1`` equally spaced values, read in the middle; float32."""
    x = np.arange(-half, half + 1, dtype=float)
    design = np.stack([np.ones_like(x), x, x * x], axis=1)
    return np.linalg.pinv(design)[0].astype(np.float32)


def seasons_numpy(values, times, scale, settings, smooth=True):
    """Dates and speed of the season of every column.

    Parameters
    ----------
    values : ndarray of float32, shape (n_dates, n_pixels)
        NaN where missing.
    times : ndarray of float32, shape (n_dates,)
        Days since the first day of the season, ascending.
    scale : Scale
    settings : PhenologySettings
    smooth : bool
        Otherwise straight lines join the values.

    Returns
    -------
    dict
        `RESULTS` as float32 of shape (n_pixels,), days since the first day of the season; ``n`` and ``reason`` as integers.
    """
    times = np.asarray(times, np.float32)
    valid = np.isfinite(values)
    n = valid.sum(axis=0)
    nodes, first, last = filled(values, valid, times, scale)
    if smooth:
        nodes = smoothed(nodes, scale.half)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = read_off(nodes, first, last, scale.step, settings)
    reason = np.where(n < settings.min_dates, FEW_DATES, found["reason"])
    for name in RESULTS:
        wrong = (reason == FEW_DATES) if name == "amplitude" else reason != GOOD
        found[name] = np.where(wrong, np.float32(np.nan), found[name])
    return found | {"n": n, "reason": reason}


def filled(values, valid, times, scale):
    """Values on the scale by straight lines between valid dates, level beyond them; and the first and last valid day of each pixel."""
    count, pixels = values.shape
    node_times = (np.arange(scale.count) * scale.step).astype(np.float32)
    before = np.searchsorted(times, node_times, side="right")  # dates up to the node
    order = np.arange(count)[:, None]
    previous = np.maximum.accumulate(np.where(valid, order, -1), axis=0)
    following = np.minimum.accumulate(np.where(valid, order, count)[::-1], axis=0)[::-1]
    left = np.concatenate([np.full((1, pixels), -1), previous])[before]
    right = np.concatenate([following, np.full((1, pixels), count)])[before]
    left_there, right_there = left >= 0, right < count
    left, right = np.where(left_there, left, 0), np.where(right_there, right, count - 1)
    y0, y1 = np.take_along_axis(values, left, 0), np.take_along_axis(values, right, 0)
    t0, t1 = times[left], times[right]
    with np.errstate(invalid="ignore", divide="ignore"):
        between = y0 + (y1 - y0) * ((node_times[:, None] - t0) / (t1 - t0))
    nodes = np.where(left_there & right_there, between, np.where(left_there, y0, y1)).astype(np.float32)
    first = np.where(following[0] < count, times[np.minimum(following[0], count - 1)], np.float32(0))
    last = np.where(previous[-1] >= 0, times[np.maximum(previous[-1], 0)], np.float32(0))
    return nodes, first, last


def smoothed(nodes, half):
    """The upper envelope: smoothed, lifted where values lie above the first smoothing, smoothed again."""
    return _convolved(np.fmax(nodes, _convolved(nodes, half)), half)


def _convolved(nodes, half):
    padded = np.pad(nodes, ((half, half), (0, 0)), mode="edge")
    total = np.zeros_like(nodes)
    for k, weight in enumerate(smoothing_weights(half)):
        total += weight * padded[k : k + nodes.shape[0]]
    return total


def read_off(nodes, first, last, step, settings):
    """SOS, SDPS, GUS, day of the peak and amplitude from values on a regular scale, all columns at once."""
    count, pixels = nodes.shape
    order, lane = np.arange(count)[:, None], np.arange(pixels)
    top = np.argmax(np.where(np.isnan(nodes), -np.inf, nodes), axis=0)
    until = order <= top
    highest, base = nodes[top, lane], np.where(until, nodes, np.inf).min(axis=0)
    amplitude = highest - base
    share_sos, share_sdps = map(np.float32, shares_of(settings))
    steepest, slope = _steepest(nodes, until)
    if np.isnan(share_sos):
        start, sos = np.floor(steepest).astype(int), steepest
    else:
        level = base + share_sos * amplitude
        start = np.where(until & (nodes < level), order, 0).max(axis=0)
        sos = start + _crossing(_around(nodes, start), level)
    if np.isnan(share_sdps):
        sdps = steepest + (highest - _value(nodes, steepest)) / slope
    else:
        level = base + share_sdps * amplitude
        cell = np.where(until & (order > start) & (nodes >= level), order, count).min(axis=0) - 1
        cell = np.where(cell < count - 1, cell, 0)
        sdps = cell + _crossing(_around(nodes, cell), level)
    mean = (_value(nodes, sdps) - _value(nodes, sos)) / (sdps - sos)
    gus = (slope if settings.gus == "max" else np.where(sdps > sos, mean, np.nan)) / step
    peak = step * (top + _vertex(*(nodes[np.clip(top + k, 0, count - 1), lane] for k in (-1, 0, 1))))
    reason = np.where(~(step * sos > first), RISE_NOT_SEEN, GOOD)
    reason = np.where(~(amplitude >= np.float32(settings.min_amplitude)), SMALL_AMPLITUDE, reason)
    reason = np.where((peak <= first) | (peak >= last) | (top == 0) | (top == count - 1), PEAK_AT_END, reason)
    found = {"sos": step * sos, "sdps": step * sdps, "gus": gus, "peak": peak, "amplitude": amplitude}
    return {name: values.astype(np.float32) for name, values in found.items()} | {"reason": reason}


def _steepest(nodes, until):
    """Place (in nodes) and size (per node) of the largest slope before the peak, differences of fourth order."""
    wide = np.pad(nodes, ((2, 2), (0, 0)), mode="edge")
    slopes = (np.float32(8) * (wide[3:-1] - wide[1:-3]) - (wide[4:] - wide[:-4])) / np.float32(12)
    best = np.argmax(np.where(until & ~np.isnan(slopes), slopes, -np.inf), axis=0)
    lane, end = np.arange(nodes.shape[1]), nodes.shape[0] - 1
    three = [slopes[np.clip(best + k, 0, end), lane] for k in (-1, 0, 1)]
    return best.astype(np.float32) + _vertex(*three), three[1]


def _vertex(before, here, after):
    """How far, in nodes, the top of a parabola through three values lies from the middle one."""
    bend = before - 2 * here + after
    return np.where(bend < 0, np.clip(np.float32(0.5) * (before - after) / bend, np.float32(-0.5), np.float32(0.5)), np.float32(0))


def _around(nodes, cell):
    """The four values round the stretch from node `cell` to the next."""
    lane, end = np.arange(nodes.shape[1]), nodes.shape[0] - 1
    return [nodes[np.clip(cell + k, 0, end), lane] for k in (-1, 0, 1, 2)]


def _cubic(y):
    """Coefficients of the cubic through the middle two of four values, with their neighbours' slopes (Catmull and Rom)."""
    half = np.float32(0.5)
    square = y[0] - np.float32(2.5) * y[1] + 2 * y[2] - half * y[3]
    cube = half * (y[3] - y[0]) + np.float32(1.5) * (y[1] - y[2])
    return y[1], half * (y[2] - y[0]), square, cube


def _crossing(y, level):
    """Where, from 0 to 1, the cubic reaches a level between its middle values: Newton's steps from the straight line."""
    c0, c1, c2, c3 = _cubic(y)
    u = np.clip((level - y[1]) / (y[2] - y[1]), np.float32(0), np.float32(1))
    for _ in range(NEWTON_STEPS):
        height = ((c3 * u + c2) * u + c1) * u + c0 - level
        slope = (3 * c3 * u + 2 * c2) * u + c1
        u = np.clip(u - height / slope, np.float32(0), np.float32(1))
    return u


def _value(nodes, place):
    """The smooth curve at a place in nodes."""
    cell = np.clip(np.nan_to_num(np.floor(place)), 0, nodes.shape[0] - 2).astype(int)
    c0, c1, c2, c3 = _cubic(_around(nodes, cell))
    u = (place - cell).astype(np.float32)
    return ((c3 * u + c2) * u + c1) * u + c0
