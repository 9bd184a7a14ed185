"""Compiled distances from places to line segments, and which places lie within polygons."""

import math

import numpy as np

from soilcore.core.compiling import njit

_BIG, _MIDDLE, _SMALL = 128, 32, 8  # sides of the blocks in which segments are ruled out, coarse to fine
_SLACK = 1e-9  # relative room for rounding: a segment as near as the nearest is never ruled out


@njit(nogil=True, error_model="numpy")
def _squared(segments, number, x, y):
    """Squared distance from a place to a segment; one of no length is a point."""
    ax, ay = segments[number, 0], segments[number, 1]
    dx, dy = segments[number, 2] - ax, segments[number, 3] - ay
    length = dx * dx + dy * dy
    along = ((x - ax) * dx + (y - ay) * dy) / length if length > 0 else 0.0
    along = min(max(along, 0.0), 1.0)
    ex, ey = x - ax - along * dx, y - ay - along * dy
    return ex * ex + ey * ey


@njit(nogil=True, error_model="numpy")
def _near(segments, candidates, count, x, y, block, found, scratch):
    """Those of the candidates that may be nearest to any place of a block (first row, last row, first column, last column), into `found`; how many.

    With c the middle of the places and h the distance to the farthest of them, the segment nearest to a place is at most
    d(c) + h from it, and so at most d(c) + 2 h from c.
    """
    left = low = np.inf
    right = high = -np.inf
    for row in range(block[0], block[1]):
        for col in range(block[2], block[3]):
            left, right = min(left, x[row, col]), max(right, x[row, col])
            low, high = min(low, y[row, col]), max(high, y[row, col])
    middle_x, middle_y = (left + right) / 2, (low + high) / 2
    half = math.hypot(right - left, high - low) / 2
    least = np.inf
    for k in range(count):
        scratch[k] = _squared(segments, candidates[k], middle_x, middle_y)
        least = min(least, scratch[k])
    reach = (math.sqrt(least) + 2 * half) * (1 + _SLACK)
    kept = 0
    for k in range(count):
        if scratch[k] <= reach * reach:
            found[kept] = candidates[k]
            kept += 1
    return kept


@njit(nogil=True, error_model="numpy")
def _measure(segments, candidates, count, x, y, block, out):
    for row in range(block[0], block[1]):
        for col in range(block[2], block[3]):
            least = np.inf
            for k in range(count):
                least = min(least, _squared(segments, candidates[k], x[row, col], y[row, col]))
            out[row, col] = math.sqrt(least)


@njit(nogil=True, error_model="numpy")
def _list(size):
    return np.empty(size, np.int64)


@njit(nogil=True, error_model="numpy")
def nearest(segments, x, y, out):
    """Distance from every place to the nearest segment.

    Parameters
    ----------
    segments : ndarray of float64, shape (n, 4)
        Ends x, y, x, y.
    x, y : ndarray of float64, shape (rows, cols)
        Places in the same plane, neighbours near each other.
    out : ndarray of float64, shape (rows, cols)
    """
    total, (rows, cols) = segments.shape[0], out.shape
    everything, in_all, in_big, in_middle, in_small = np.arange(total), _list(total), _list(total), _list(total), _list(total)
    scratch = np.empty(total)
    all_of = _near(segments, everything, total, x, y, (0, rows, 0, cols), in_all, scratch)
    for r in range(0, rows, _BIG):
        for c in range(0, cols, _BIG):
            r_end, c_end = min(r + _BIG, rows), min(c + _BIG, cols)
            big_of = _near(segments, in_all, all_of, x, y, (r, r_end, c, c_end), in_big, scratch)
            for r2 in range(r, r_end, _MIDDLE):
                for c2 in range(c, c_end, _MIDDLE):
                    r2_end, c2_end = min(r2 + _MIDDLE, rows), min(c2 + _MIDDLE, cols)
                    middle_of = _near(segments, in_big, big_of, x, y, (r2, r2_end, c2, c2_end), in_middle, scratch)
                    for r3 in range(r2, r2_end, _SMALL):
                        for c3 in range(c2, c2_end, _SMALL):
                            block = r3, min(r3 + _SMALL, rows), c3, min(c3 + _SMALL, cols)
                            small_of = _near(segments, in_middle, middle_of, x, y, block, in_small, scratch)
                            _measure(segments, in_small, small_of, x, y, block, out)


@njit(nogil=True, error_model="numpy")
def _first(ascending, value, beyond):
    """First position whose number is at least `value`; above it where `beyond`."""
    low, high = 0, ascending.size
    while low < high:
        middle = (low + high) // 2
        if ascending[middle] < value or (beyond and ascending[middle] == value):
            low = middle + 1
        else:
            high = middle
    return low


@njit(nogil=True, error_model="numpy")
def within(edges, x, y, inside):
    """Which places of a regular grid lie within polygons, by the turns that their outlines make round them.

    Parameters
    ----------
    edges : ndarray of float64, shape (n, 4)
        Sides of the outlines x, y, x, y: outer rings counterclockwise, holes clockwise. Polygons may overlap.
    x : ndarray of float64, shape (cols,)
        Of the columns, ascending.
    y : ndarray of float64, shape (rows,)
        Of the rows, ascending.
    inside : ndarray of bool, shape (rows, cols)
    """
    turns = np.zeros((y.size, x.size + 1), np.int32)
    for k in range(edges.shape[0]):
        ax, ay, bx, by = edges[k, 0], edges[k, 1], edges[k, 2], edges[k, 3]
        turn = 1 if by > ay else -1
        for row in range(_first(y, min(ay, by), True), _first(y, max(ay, by), True)):
            at = ax + (y[row] - ay) / (by - ay) * (bx - ax)
            turns[row, _first(x, at, False)] += turn
    for row in range(y.size):
        total = 0
        for col in range(x.size):
            total += turns[row, col]
            inside[row, col] = total != 0
