"""Medians over dates, fast: a sorting network works on many pixels at once, and the missing are sorted to the end."""

from functools import cache

import numpy as np

from soilcore.core.compiling import njit

_PIXELS = 64  # sorted together: a hundred dates of them stay in the processor's cache
_MISSING = np.int32(0x7FFFFFFF)  # sorts after every number


def median_over_dates(stack, keep=None, min_valid=1):
    """Median of each pixel over the dates on which it has a value.

    Parameters
    ----------
    stack : ndarray of float32, shape (n_dates, ...)
        NaN where missing, never infinite.
    keep : ndarray of bool, shape (n_dates, ...), optional
        Dates that may count.
    min_valid : int
        Pixels with fewer values give NaN.

    Returns
    -------
    median : ndarray of float32, shape (...)
        Exactly what ``numpy.nanmedian(stack, axis=0)`` gives.
    count : ndarray of uint16, shape (...)
        Number of values.
    """
    dates, shape = stack.shape[0], stack.shape[1:]
    bits = np.ascontiguousarray(stack, np.float32).view(np.int32).reshape(dates, -1)  # whole numbers sort several times as fast
    masked = keep is not None
    kept = np.ascontiguousarray(keep).reshape(dates, -1) if masked else np.empty((0, 0), bool)
    median, count = np.empty(bits.shape[1], np.float32), np.empty(bits.shape[1], np.uint16)
    _medians(bits, kept, masked, sorting_network(dates), max(1, int(min_valid)), median, count)
    return median.reshape(shape), count.reshape(shape)


def bare_dates(red, nir, swir1, swir2, ndvi, ratio):
    """Where a date shows bare soil: NDVI within `ndvi`, and (S1 - S2) / (S1 + S2) below `ratio`.

    Parameters
    ----------
    red, nir, swir1, swir2 : ndarray of float32, all of one shape
        Reflectance, NaN where missing.
    ndvi : (float, float)
        Lowest, and the first that is too high.
    ratio : float

    Returns
    -------
    ndarray of bool
        False where a band is missing or a sum is not positive.
    """
    bands = [np.ascontiguousarray(band, np.float32).ravel() for band in (red, nir, swir1, swir2)]
    out = np.empty(bands[0].size, bool)
    _bare(*bands, np.float32(ndvi[0]), np.float32(ndvi[1]), np.float32(ratio), out)
    return out.reshape(np.shape(red))


@cache
def sorting_network(size):
    """Pairs of places to compare and exchange, in this order, so that any `size` numbers become sorted.

    Parameters
    ----------
    size : int

    Returns
    -------
    ndarray of int64, shape (n_pairs, 2)

    References
    ----------
    Batcher 1968, Sorting networks and their applications, doi 10.1145/1468075.1468121 (merge exchange, for any number).
    """
    pairs = []
    largest = 1 << max(0, (size - 1).bit_length() - 1)
    step = largest
    while step > 0:
        reach, rest, apart = largest, 0, step
        while True:
            pairs += [(i, i + apart) for i in range(size - apart) if i & step == rest]
            if reach == step:
                break
            apart, rest, reach = reach - step, step, reach // 2
        step //= 2
    return np.array(pairs, np.int64).reshape(-1, 2)


@njit(nogil=True)
def _medians(bits, keep, masked, network, min_valid, median, count):
    dates, size = bits.shape
    values = np.full((dates, _PIXELS), _MISSING, np.int32)
    found = np.empty(_PIXELS, np.int32)
    middle = np.empty((2, _PIXELS), np.int32)
    halves = middle.view(np.float32)
    for start in range(0, size, _PIXELS):
        width = min(_PIXELS, size - start)
        found[:] = 0
        for date in range(dates):
            _gather(bits[date, start : start + width], values[date], found)
            if masked:
                _leave_out(keep[date, start : start + width], values[date], found)
        for k in range(network.shape[0]):
            _exchange(values[network[k, 0]], values[network[k, 1]])
        for i in range(width):
            upper = min(found[i] // 2, dates - 1)
            lower = upper if found[i] % 2 else max(upper - 1, 0)
            middle[0, i], middle[1, i] = _turned(values[lower, i]), _turned(values[upper, i])
        for i in range(width):
            even = (halves[0, i] + halves[1, i]) / np.float32(2)
            value = halves[1, i] if found[i] % 2 else even
            median[start + i] = value if found[i] >= min_valid else np.float32(np.nan)
            count[start + i] = found[i]


@njit(nogil=True)
def _turned(bits):
    """Bits of a decimal number as a whole number of the same order, and back: those of negative ones run the other way."""
    return bits ^ ((bits >> np.int32(31)) & np.int32(0x7FFFFFFF))


@njit(nogil=True)
def _gather(bits, values, found):
    """Values of one date as whole numbers; without branches, so that the processor takes many at once."""
    for i in range(bits.size):
        there = (bits[i] & np.int32(0x7FFFFFFF)) <= np.int32(0x7F800000)  # beyond the bits of infinity is not a number
        values[i] = _turned(bits[i]) if there else _MISSING
        found[i] += np.int32(there)


@njit(nogil=True)
def _leave_out(keep, values, found):
    for i in range(keep.size):
        gone = (values[i] != _MISSING) & (not keep[i])
        values[i] = _MISSING if gone else values[i]
        found[i] -= np.int32(gone)


@njit(nogil=True)
def _exchange(low, high):
    """Put the smaller of two rows of numbers first, place by place."""
    for i in range(_PIXELS):
        one, other = low[i], high[i]
        low[i] = min(one, other)
        high[i] = max(one, other)


@njit(nogil=True)
def _bare(red, nir, swir1, swir2, lowest, highest, ratio, out):
    for i in range(out.size):
        visible, shortwave = nir[i] + red[i], swir1[i] + swir2[i]
        out[i] = False
        if visible > 0 and shortwave > 0:
            ndvi = (nir[i] - red[i]) / visible
            out[i] = lowest <= ndvi < highest and (swir1[i] - swir2[i]) / shortwave < ratio
