"""Compiled loops of flow routing: the order in which a rising flood reaches the cells, and what runs off along it."""

import math

import numpy as np

from soilcore.core.compiling import njit

UNSEEN, OUTLET, MISSING = 255, 254, 253  # what stands for the direction of a cell; else 0-7, the neighbour it was flooded from
_ROWS = np.array([-1, -1, -1, 0, 0, 1, 1, 1])
_COLS = np.array([-1, 0, 1, -1, 1, -1, 0, 1])


@njit(nogil=True, error_model="numpy")
def _push(heights, cells, count, height, cell):
    at = count
    while at > 0:
        above = (at - 1) >> 2
        if heights[above] < height or (heights[above] == height and cells[above] < cell):
            break
        heights[at], cells[at] = heights[above], cells[above]
        at = above
    heights[at], cells[at] = height, cell


@njit(nogil=True, error_model="numpy")
def _pop(heights, cells, count):
    """Lowest cell of a heap of `count` with four children to a node, equal heights by number; the heap has one less afterwards."""
    lowest = cells[0]
    height, cell = heights[count - 1], cells[count - 1]
    at, last = 0, count - 1
    while True:
        child = 4 * at + 1
        if child >= last:
            break
        best = child
        for other in range(child + 1, min(child + 4, last)):
            if heights[other] < heights[best] or (heights[other] == heights[best] and cells[other] < cells[best]):
                best = other
        if height < heights[best] or (height == heights[best] and cell < cells[best]):
            break
        heights[at], cells[at] = heights[best], cells[best]
        at = best
    heights[at], cells[at] = height, cell
    return lowest


@njit(nogil=True, error_model="numpy")
def _grown(heights, cells):
    """The same heap with room for twice as many."""
    more_heights, more_cells = np.empty(2 * heights.size, np.float32), np.empty(2 * cells.size, np.int32)
    for k in range(heights.size):
        more_heights[k], more_cells[k] = heights[k], cells[k]
    return more_heights, more_cells


@njit(nogil=True, error_model="numpy")
def flood(z, origin, order):
    """Fill depressions by a flood that rises from the edge (Barnes et al. 2014, doi 10.1016/j.cageo.2013.04.024).

    Parameters
    ----------
    z : ndarray of float32, shape (rows, cols)
        Filled in place; NaN where missing. Water leaves at the edge of the raster and beside missing cells.
    origin : ndarray of uint8, shape (rows, cols)
        Becomes the neighbour each cell was flooded from, `OUTLET` where the flood began, `MISSING` where `z` is.
    order : ndarray of int32, shape (rows * cols,)
        Becomes the cells in the order in which the flood reached them: never downhill, and every cell after the one it was flooded from.

    Returns
    -------
    int
        Number of cells reached: those with an elevation.
    """
    height, width = z.shape
    heights, cells = np.empty(1 << 16, np.float32), np.empty(1 << 16, np.int32)
    count = 0
    for row in range(height):
        for col in range(width):
            if math.isnan(z[row, col]):
                origin[row, col] = MISSING
                continue
            origin[row, col] = UNSEEN
            edge = row == 0 or col == 0 or row == height - 1 or col == width - 1
            if not edge:
                for k in range(8):
                    edge = edge or math.isnan(z[row + _ROWS[k], col + _COLS[k]])
            if edge:
                origin[row, col] = OUTLET
                if count == heights.size:
                    heights, cells = _grown(heights, cells)
                _push(heights, cells, count, z[row, col], row * width + col)
                count += 1
    # `order` is also the queue of cells that lie as high as the flood: they are reached before it rises further, nearest first.
    head = tail = 0
    while True:
        if head == tail:
            if count == 0:
                return tail
            level = heights[0]
            while count > 0 and heights[0] == level:  # all of one height together, or the first would drain the whole of a plain
                order[tail] = _pop(heights, cells, count)
                count -= 1
                tail += 1
        cell = order[head]
        head += 1
        row, col = cell // width, cell % width
        level = z[row, col]
        for k in range(8):
            r, c = row + _ROWS[k], col + _COLS[k]
            if r < 0 or c < 0 or r == height or c == width or origin[r, c] != UNSEEN:
                continue
            origin[r, c] = 7 - k
            if z[r, c] <= level:
                z[r, c] = level
                order[tail] = r * width + c
                tail += 1
            else:
                if count == heights.size:
                    heights, cells = _grown(heights, cells)
                _push(heights, cells, count, z[r, c], r * width + c)
                count += 1


@njit(nogil=True, error_model="numpy")
def run_off(z, origin, order, cell_x, cell_y, exponent, area):
    """Pass the area of every cell on downhill, from the last cell the flood reached to the first.

    Parameters
    ----------
    z, origin, order
        From `flood`; `order` only as long as there are cells.
    cell_x, cell_y : float
        Positive, metres.
    exponent : float
        0: all to the steepest neighbour. Else shares in proportion to (slope to the neighbour) ** exponent.
    area : ndarray of float64, shape (rows, cols)
        Holds the own area of every cell; becomes the area that drains through it, itself included.

    Returns
    -------
    float
        Area that left the raster.
    """
    height, width = z.shape
    across = math.hypot(cell_x, cell_y)
    per = np.array([1 / across, 1 / cell_y, 1 / across, 1 / cell_x, 1 / cell_x, 1 / across, 1 / cell_y, 1 / across])
    shares = np.zeros(8)
    left = 0.0
    for number in range(order.size - 1, -1, -1):
        cell = order[number]
        row, col = cell // width, cell % width
        level, total, steepest, best = np.float64(z[row, col]), 0.0, 0.0, -1
        for k in range(8):
            shares[k] = 0.0
            r, c = row + _ROWS[k], col + _COLS[k]
            if r < 0 or c < 0 or r == height or c == width:
                continue
            slope = (level - z[r, c]) * per[k]
            if slope > 0:  # a missing neighbour compares false
                if slope > steepest:
                    steepest, best = slope, k
                if exponent > 0:
                    shares[k] = slope**exponent
                    total += shares[k]
        if best >= 0 and exponent > 0:
            for k in range(8):
                if shares[k] > 0:
                    area[row + _ROWS[k], col + _COLS[k]] += area[row, col] * (shares[k] / total)
            continue
        to = np.int64(best) if best >= 0 else np.int64(origin[row, col])
        if to < 8:
            area[row + _ROWS[to], col + _COLS[to]] += area[row, col]
        else:
            left += area[row, col]
    return left
