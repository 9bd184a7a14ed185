"""Band arithmetic on blocks of pixels: expressions become numpy steps that share common parts and reuse their buffers.

An expression is a nested tuple: ``("name", "N")``, ``("number", 2.0)``, ``("add", left, right)`` and likewise ``sub``, ``mul``, ``div``,
``("neg", inner)``, ``("sqrt", inner)``, ``("power", inner, ("number", exponent))``. What is undefined is NaN: a denominator
below 1e-6 in size, a negative radicand, an overflow. Nothing is made positive, shifted or clamped.
"""

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np

DENOMINATOR_FLOOR = 1e-6
BLOCK = 131_072  # pixels; smaller blocks make two threads wait for each other, larger ones leave the cache
DARKEST_USUAL = 1e-3  # reflectance; above it most denominators cannot vanish and need no look
_SAFE_FLOOR = 1.001 * DENOMINATOR_FLOOR  # leaves room for rounding in float32
_LARGEST = 1e30  # below the largest float32, with room for rounding

_OPERATIONS = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "sqrt": np.sqrt, "power": np.power}
_scratch = threading.local()


@lru_cache(maxsize=128)
def program(expressions):
    """The steps that compute several expressions at once; a common part is computed once.

    Parameters
    ----------
    expressions : tuple of expressions

    Returns
    -------
    Program
    """
    return Program(expressions)


class Program:
    """Steps over values: names first, then every distinct operation in an order in which it can be computed.

    Parameters
    ----------
    expressions : tuple of expressions
    """

    def __init__(self, expressions):
        self._numbers_of = {}
        self._nodes = []  # (operation, operands); an operand is the number of a value, or a float
        self.outputs = [self._intern(expression) for expression in expressions]
        self.names = tuple(node[1] for node in self._nodes if node[0] == "name")
        self._place_of = self._places()
        self._unsure = self._uncertain(DARKEST_USUAL)
        self._steps, self._constants = self._plan()

    def _intern(self, expression):
        """Number of the value an expression stands for; a bare number stands for itself."""
        kind = expression[0]
        if kind == "number":
            return float(expression[1])
        if expression not in self._numbers_of:
            node = expression if kind == "name" else (kind, *(self._intern(part) for part in expression[1:]))
            self._nodes.append(node)
            self._numbers_of[expression] = len(self._nodes) - 1
        return self._numbers_of[expression]

    def _places(self):
        """Where each value lives: ("band", i), ("out", i) or ("register", i); a register is free again after its last use."""
        last_use = {}
        for number, (kind, *operands) in enumerate(self._nodes):
            if kind != "name":
                last_use.update({operand: number for operand in operands if isinstance(operand, int)})
        places, free, self.registers = {}, [], 0
        for number, (kind, *operands) in enumerate(self._nodes):
            if kind == "name":
                places[number] = ("band", self.names.index(operands[0]))
                continue
            ended = {operand for operand in operands if isinstance(operand, int) and last_use[operand] == number}
            free += [places[operand][1] for operand in ended if places[operand][0] == "register"]
            if number in self.outputs:
                places[number] = ("out", self.outputs.index(number))
            else:
                if not free:
                    free.append(self.registers)
                    self.registers += 1
                places[number] = ("register", free.pop())
        return places

    def _uncertain(self, darkest, brightest=1.5):
        """Divisions and outputs that must be looked at even when every band lies in [`darkest`, `brightest`] or is NaN."""
        bounds, uncertain = [], set()
        for number, (kind, *operands) in enumerate(self._nodes):
            if kind == "name":
                bounds.append((darkest, brightest))
                continue
            ranges = [bounds[operand] if isinstance(operand, int) else (operand, operand) for operand in operands]
            if kind == "div" and not _away_from_zero(ranges[1]):
                uncertain.add(number)
            bounds.append(_bounds(kind, ranges))
        return uncertain | {-1 - i for i, v in enumerate(self.outputs) if isinstance(v, int) and not max(map(abs, bounds[v])) < _LARGEST}

    def _plan(self):
        """Steps as (ufunc, operands, target, whether it divides, whether it divides by what is never near zero), and the numbers they use.

        An operand is a position in the list of values, which the numbers follow.
        """
        steps, constants = [], []
        for number, (kind, *operands) in enumerate(self._nodes):
            if kind == "name":
                continue
            places = []
            for operand in operands:
                if isinstance(operand, float):
                    constants.append(operand)
                    operand = len(self._nodes) + len(constants) - 1
                places.append(operand)
            steps.append((_OPERATIONS[kind], tuple(places), number, kind == "div", number not in self._unsure))
        return steps, constants

    def run(self, bands, out, valid_range=None, threads=1):
        """Compute every expression.

        Parameters
        ----------
        bands : list of ndarray of one float type, each of shape (n_pixels,), contiguous
            In the order of `names`.
        out : list of ndarray of that type, each of shape (n_pixels,)
            One per expression; overwritten.
        valid_range : (float, float), optional
            A band value v with not ``low < v <= high`` counts as missing. None: taken as they come.
        threads : int
            Blocks computed at a time.
        """
        size = out[0].size
        starts = range(0, size, BLOCK)

        def compute(start):
            part = slice(start, min(start + BLOCK, size))
            self._run_block([band[part] for band in bands], [layer[part] for layer in out], valid_range)

        if threads > 1 and len(starts) > 1:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(compute, starts))
        else:
            for start in starts:
                compute(start)

    def _run_block(self, bands, out, valid_range):
        size, dtype = out[0].size, out[0].dtype
        registers = _buffers(self.registers + 1, size, dtype)
        with np.errstate(all="ignore"):
            bands, usual = (bands, False) if valid_range is None else _only_valid(bands, valid_range)
            homes = {"band": bands, "out": out, "register": registers}
            values = [homes[home][place] for home, place in (self._place_of[number] for number in range(len(self._nodes)))]
            values += [dtype.type(constant) for constant in self._constants]
            for operation, operands, target, divides, sure in self._steps:
                if divides and not (usual and sure):
                    _divide(values[operands[0]], values[operands[1]], values[target], registers[-1])
                elif len(operands) == 2:
                    operation(values[operands[0]], values[operands[1]], values[target])
                else:
                    operation(values[operands[0]], values[target])
            self._finish(values, out, usual)

    def _finish(self, values, out, usual):
        """Fill outputs that no step wrote, and let no infinity leave."""
        for i, number in enumerate(self.outputs):
            source = values[number] if isinstance(number, int) else number
            if source is not out[i]:
                out[i][...] = source
            if not usual or -1 - i in self._unsure:
                infinite = np.isinf(out[i])
                if infinite.any():
                    out[i][infinite] = np.nan


def _divide(top, below, target, scratch):
    """Quotient, NaN where the denominator is smaller than the floor; looked at first, because `target` may be the same memory."""
    size = np.abs(below, out=scratch) if np.ndim(below) else np.abs(below)
    vanishes = np.less(size, DENOMINATOR_FLOOR)
    np.divide(top, below, target)
    if vanishes.any():
        np.copyto(target, np.nan, where=vanishes)


def _only_valid(bands, valid_range):
    """Bands with invalid values NaN, and whether all other values are above `DARKEST_USUAL`."""
    low, high = valid_range
    usual, checked = high <= 1.5, []
    for band in bands:
        least, most = np.fmin.reduce(band), np.fmax.reduce(band)
        usual = usual and bool(least >= DARKEST_USUAL)
        clean = least > low and most <= high
        checked.append(band if clean else masked(band, low, high))
    return checked, usual


def masked(band, low, high):
    """A copy of `band` with NaN wherever not ``low < value <= high``."""
    with np.errstate(invalid="ignore"):
        return np.where((band > low) & (band <= high), band, band.dtype.type(np.nan))


def _buffers(count, size, dtype):
    """Rows of `size` numbers kept from call to call: fresh memory costs more than the arithmetic."""
    kept = getattr(_scratch, "rows", None)
    if kept is None or kept.dtype != dtype or kept.shape[0] < count:
        kept = _scratch.rows = np.empty((count, BLOCK), dtype)
    return [kept[i, :size] for i in range(count)]


def _away_from_zero(bounds):
    return bounds[0] > _SAFE_FLOOR or bounds[1] < -_SAFE_FLOOR


def _bounds(kind, ranges):
    """Interval arithmetic; may be too wide, never too narrow (but for rounding, which the margins absorb)."""
    (low, high), (other_low, other_high) = ranges[0], ranges[-1]
    if kind == "add":
        return low + other_low, high + other_high
    if kind == "sub":
        return low - other_high, high - other_low
    if kind == "neg":
        return -high, -low
    if kind == "sqrt":
        return math.sqrt(max(low, 0.0)), math.sqrt(max(high, 0.0))
    if kind == "power":
        return _power_bounds(max(low, 0.0), max(high, 0.0), other_low)
    if kind == "div":
        if not _away_from_zero((other_low, other_high)):
            largest = max(abs(low), abs(high)) / DENOMINATOR_FLOOR
            return -largest, largest
        other_low, other_high = 1 / other_high, 1 / other_low
    corners = (low * other_low, low * other_high, high * other_low, high * other_high)
    if any(map(math.isnan, corners)):  # infinity times zero
        return -math.inf, math.inf
    return min(corners), max(corners)


def _power_bounds(low, high, exponent):
    """Bounds of a broken power; the base is not negative, and the exponent not, because 1/x**e is written as a division."""
    return min(low, _LARGEST) ** exponent, high**exponent if high < _LARGEST else math.inf
