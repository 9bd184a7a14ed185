"""Maps of slow networks at every K-th pixel: what to compute, what to interpolate between, and how large the error of that is."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.grids import Window

LARGEST_STRIDE = 64
_SHARE_CHECKED = 0.05  # of the pixels computed, so that knowing the error costs little
_FEWEST_CHECKED, _MOST_CHECKED = 200, 4000


def check_stride(stride):
    """Return the distance of computed pixels, or refuse it.

    Raises
    ------
    SettingsError
        If it is not a whole number from 1 to 64.
    """
    if isinstance(stride, bool) or not isinstance(stride, int) or not 1 <= stride <= LARGEST_STRIDE:
        raise SettingsError(f"A stride of {stride!r} pixels is not possible. Give a whole number from 1 to {LARGEST_STRIDE}; 1 computes every pixel.")
    return stride


@dataclass(frozen=True)
class Lattice:
    """Every K-th row and column of a raster, and its last ones; blocks lie between neighbouring lines.

    Parameters
    ----------
    grid : Grid
    stride : int
        K.
    """

    grid: object
    stride: int

    def around(self, window):
        """The window grown to the lines around it."""
        (top, bottom), (left, right) = (
            (lines[0], lines[-1])
            for lines in (self._lines(window.row, window.height, self.grid.height), self._lines(window.col, window.width, self.grid.width))
        )
        return Window(int(top), int(left), int(bottom - top) + 1, int(right - left) + 1)

    def plan(self, window, valid):
        """What to compute in a window, and what to interpolate.

        A pixel is interpolated where its whole block is valid, so never across a gap. The block owns its first lines, its last ones belong to
        the next block; so the answer never depends on how the raster is cut into windows.

        Parameters
        ----------
        window : Window
        valid : ndarray of bool
            Pixels of ``around(window)`` that can be predicted.

        Returns
        -------
        Plan
        """
        rows, cols = self._lines(window.row, window.height, self.grid.height), self._lines(window.col, window.width, self.grid.width)
        down, across = _Axis.of(rows, window.row, window.height), _Axis.of(cols, window.col, window.width)
        full = _all_valid(valid, rows - rows[0], cols - cols[0])
        inside = slice(window.row - rows[0], window.row - rows[0] + window.height), slice(window.col - cols[0], window.col - cols[0] + window.width)
        between = full[down.block[:, None], across.block]
        computed = np.zeros(valid.shape, bool)
        for row, col in ((0, 0), (0, 1), (1, 0), (1, 1)):  # the corners of full blocks
            blocks = np.nonzero(full)
            computed[(rows - rows[0])[blocks[0] + row], (cols - cols[0])[blocks[1] + col]] = True
        own = computed[inside]
        own |= valid[inside] & ~between
        checked = between & ~own & self._drawn(window)
        own |= checked
        return Plan(inside, computed, between & ~(own & ~checked), checked, down, across)

    def _lines(self, first, count, length):
        """Lines from the last at or before `first` to the first behind its last pixel (or the last line there is); at least two."""
        if length == 1:
            return np.zeros(2, int)
        last = first + count - 1
        low = min(first // self.stride * self.stride, (length - 2) // self.stride * self.stride)
        lines = np.append(np.arange(low, min(last + self.stride + 1, length - 1), self.stride), length - 1)
        return lines[: int(np.searchsorted(lines, last, side="right")) + 1]

    def _drawn(self, window):
        """Pixels where both ways are compared, drawn by their place in the raster, bool of the window's shape."""
        pixels = self.grid.height * self.grid.width
        wanted = np.clip(_SHARE_CHECKED * pixels / self.stride**2, _FEWEST_CHECKED, _MOST_CHECKED)
        rows = np.arange(window.row, window.row + window.height, dtype=np.uint64)[:, None]
        cols = np.arange(window.col, window.col + window.width, dtype=np.uint64)
        return _scattered(rows * np.uint64(self.grid.width) + cols) < min(1.0, wanted / pixels)


@dataclass(frozen=True)
class _Axis:
    """For each pixel along one axis of a window: its block, and the lines before and behind it with the weight of the latter.

    Positions count from the first line.
    """

    block: np.ndarray
    before: np.ndarray
    behind: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, lines, first, count):
        places = first + np.arange(count)
        block = np.clip(np.searchsorted(lines, places, side="right") - 1, 0, lines.size - 2)
        before, behind = lines[block], lines[block + 1]
        weight = (places - before) / np.maximum(behind - before, 1)
        return cls(block, before - lines[0], behind - lines[0], weight)


@dataclass(frozen=True)
class Plan:
    """What to compute in a window and what to interpolate.

    Parameters
    ----------
    inside : tuple of slice
        The window itself in the grown one.
    computed : ndarray of bool
        Pixels of the grown window to compute.
    between : ndarray of bool
        Pixels of the window to interpolate.
    checked : ndarray of bool
        Those of them that are computed as well, to know the error.
    down, across : _Axis
    """

    inside: tuple
    computed: np.ndarray
    between: np.ndarray
    checked: np.ndarray
    down: _Axis
    across: _Axis

    def interpolated(self, known, rows, cols):
        """Bilinear between the four corners of each pixel's block.

        Parameters
        ----------
        known : callable
            ``known(rows, cols)`` gives what was computed at pixels of the grown window, shape (n,) or (n, k).
        rows, cols : ndarray of int, shape (n,)
            Pixels of the window, of `between`.

        Returns
        -------
        ndarray of float, shape (n,) or (n, k)
        """
        down, across = self.down.weight[rows], self.across.weight[cols]
        total = 0.0
        for place_row, weight_row in ((self.down.before, 1 - down), (self.down.behind, down)):
            for place_col, weight_col in ((self.across.before, 1 - across), (self.across.behind, across)):
                corner = known(place_row[rows], place_col[cols])
                weight = weight_row * weight_col
                total = total + corner * (weight if corner.ndim == 1 else weight[:, None])
        return total


class StrideError:
    """What interpolation costs, at pixels where both ways were taken."""

    def __init__(self):
        self._pairs = []

    def add(self, computed, interpolated):
        """Values of some pixels, in the unit of the target."""
        if len(computed):
            self._pairs.append(np.stack([computed, interpolated]).astype(float))

    def facts(self):
        """``n``, ``rmse``, ``p95`` and ``max`` of the absolute error in the unit of the target, ``share`` of the rmse in the spread of the computed
        values; only ``n`` where none was interpolated.
        """
        if not self._pairs:
            return {"n": 0, "rmse": None, "p95": None, "max": None, "share": None}
        computed, interpolated = np.concatenate(self._pairs, axis=1)
        away = np.abs(computed - interpolated)
        rmse, spread = float(np.sqrt(np.mean(away**2))), float(computed.std())
        return {
            "n": int(away.size),
            "rmse": rmse,
            "p95": float(np.quantile(away, 0.95)),
            "max": float(away.max()),
            "share": rmse / spread if spread > 0 else None,
        }


def _all_valid(valid, rows, cols):
    """Which blocks between lines are valid throughout, their lines included."""
    sums = np.zeros((valid.shape[0] + 1, valid.shape[1] + 1), np.int64)
    np.cumsum(np.cumsum(~valid, axis=0), axis=1, out=sums[1:, 1:])
    top, bottom, left, right = rows[:-1, None], rows[1:, None] + 1, cols[:-1], cols[1:] + 1
    return sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left] == 0


def _scattered(numbers):
    """Whole numbers as numbers spread evenly over 0-1, without order (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        x = numbers + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return x / 2.0**64
