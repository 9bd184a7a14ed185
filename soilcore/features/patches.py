"""Patches: squares of predictors around points, as networks read them, cut from the same windows that a map is made of."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.core.grids import Window
from soilcore.features.patch_cells import Cells

MOST_NODATA = 0.3
LARGEST_SIZE = 1024
_BLOCK = 256  # patches whose centres lie in one block of so many cells are cut from one window
_BATCH_BYTES = 256 << 20


@dataclass(frozen=True)
class PatchSet:
    """Patches around points.

    Parameters
    ----------
    values : ndarray of float32, shape (n, n_layers, size, size)
        North up; NaN where missing.
    nodata_share : ndarray of float, shape (n,)
        Part of a patch's cells where at least one layer is missing; 1 for a point outside the grid.
    reflected : ndarray of float, shape (n,)
        Part of a patch's cells that lie beyond the border and were filled by reflection; 0 away from borders.
    names : tuple of str
        Of the layers.
    cell : tuple of float
        Width and height of a cell in the units of the grid's reference system.
    """

    values: np.ndarray
    nodata_share: np.ndarray
    reflected: np.ndarray
    names: tuple[str, ...]
    cell: tuple[float, float]

    def __len__(self):
        return len(self.values)

    @property
    def centre(self):
        """Row and column of the cell that holds the point; of an even size the one below and right of the middle."""
        return self.values.shape[-1] // 2

    def at_centre(self):
        """Values of the cell that holds the point, float32 of shape (n, n_layers)."""
        return self.values[:, :, self.centre, self.centre]

    def usable(self, max_nodata=MOST_NODATA):
        """Which patches are complete enough to learn from: at most `max_nodata` of their cells miss a layer, bool of shape (n,)."""
        return self.nodata_share <= max_nodata


@dataclass(frozen=True)
class Patches:
    """Patches of a source of predictors.

    Parameters
    ----------
    source : FeatureSource
        Gives ``grid``, ``names`` and ``reader()`` with ``read(window)``.
    size : int
        Cells per side. An odd patch is symmetric about its point's cell; of an even one this cell is the one below and right of the
        middle, so that it reaches one cell further up and left.
    names : sequence of str, optional
        Layers, in this order; all predictors if not given.
    cell : float, optional
        Side of a cell in metres, the raster's own pixel if not given. Larger cells are means of the pixels they cover, weighted by
        area, smaller ones are interpolated. Cells start at the grid's upper left corner; on a geographic grid their size in degrees is
        that of the grid's middle.

    Raises
    ------
    SettingsError
        If the size or cell is impossible.
    FeatureError
        If a name is no predictor of the source.
    """

    source: object
    size: int
    names: tuple[str, ...] | None = None
    cell: float | None = None

    def __post_init__(self):
        if isinstance(self.size, bool) or not isinstance(self.size, int) or not 1 <= self.size <= LARGEST_SIZE:
            raise SettingsError(f"A patch of {self.size!r} cells per side is not possible. Give a whole number from 1 to {LARGEST_SIZE}.")
        names = tuple(self.source.names if self.names is None else self.names)
        if unknown := [name for name in names if name not in self.source.names]:
            raise FeatureError(f"There is no predictor {unknown[0]!r} to cut patches of. Predictors: {', '.join(self.source.names)}.")
        object.__setattr__(self, "names", names)

    @cached_property
    def cells(self):
        """The cells that patches consist of."""
        return Cells.of(self.source.grid, self.cell)

    def at(self, x, y, crs=None):
        """Patches around points.

        Parameters
        ----------
        x, y : array-like of shape (n,)
        crs : pyproj.CRS, optional
            Of the points; the grid's own if not given.

        Returns
        -------
        PatchSet of n patches, in the order of the points
            All NaN, with a nodata share of 1, for a point outside the grid or without coordinates.
        """
        n = np.size(x)
        values = np.full((n, len(self.names), self.size, self.size), np.nan, np.float32)
        nodata, reflected = np.ones(n), np.zeros(n)
        for points, part in self.parts(x, y, crs):
            values[points], nodata[points], reflected[points] = part.values, part.nodata_share, part.reflected
        return PatchSet(values, nodata, reflected, self.names, self.cells.grid.cell_size)

    def parts(self, x, y, crs=None):
        """Patches by neighbourhood, for more points than memory holds patches of.

        Every window is read once for all the patches it holds; a window and its patches together take a bounded amount of memory.

        Yields
        ------
        points : ndarray of int
            Which of the points; those outside the grid never come.
        PatchSet
        """
        rows, cols, inside = self.cells.grid.rows_cols(x, y, crs)
        most = max(1, _BATCH_BYTES // (4 * len(self.names) * self.size**2))
        with self.source.reader() as reader:
            for points in _neighbours(rows, cols, np.flatnonzero(inside), most):
                yield points, self._cut(reader, rows[points], cols[points])

    def _cut(self, reader, rows, cols):
        """Patches around cells that lie close together."""
        steps = np.arange(self.size) - self.size // 2
        height, width = self.cells.grid.shape
        down, across = rows[:, None] + steps, cols[:, None] + steps
        beyond_rows, beyond_cols = (down < 0) | (down >= height), (across < 0) | (across >= width)
        down, across = reflect(down, height), reflect(across, width)
        top, left = int(down.min()), int(across.min())
        window = Window(top, left, int(down.max()) - top + 1, int(across.max()) - left + 1)
        chosen = [self.source.names.index(name) for name in self.names]
        layers = self.cells.read(reader, window, chosen)
        values = np.empty((len(rows), len(chosen), self.size, self.size), np.float32)
        for k in range(len(rows)):
            values[k] = layers[:, down[k][:, None] - top, across[k][None] - left]
        missing = np.isnan(values).any(axis=1).mean(axis=(1, 2))
        outside = 1 - (1 - beyond_rows.mean(axis=1)) * (1 - beyond_cols.mean(axis=1))
        return PatchSet(values, missing, outside, self.names, self.cells.grid.cell_size)


def patch_overlap(xy, size_m, folds):
    """How much the patches of test samples share with those of training samples.

    Two patches overlap where their centres are less than a patch's side apart both along x and along y.

    Parameters
    ----------
    xy : array-like of float, shape (n, 2)
        Places of the samples in metres, on one plane whose axes are the raster's.
    size_m : float
        Side of a patch in metres: cells per side times the side of a cell.
    folds : array-like of int, shape (n,), or sequence of (train, test)
        Which fold each sample is tested in, or positions of training and test samples per fold, where a buffer leaves some out.

    Returns
    -------
    dict
        ``tested``, samples; ``overlapping``, how many of these have a patch that overlaps a training sample's, and ``share`` of them;
        ``pairs`` of a test and a training sample that overlap, over all folds; ``folds``, a row per fold with ``tested``, ``overlapping``,
        ``pairs``; ``nearest_m``, the smallest distance of a pair, along the axis on which they lie farther apart (None without pairs of samples);
        ``size_m``; ``buffer_axis_m`` and ``buffer_m``: how far apart centres must lie along x or y, or in any direction, for no overlap.

    Raises
    ------
    SettingsError
        If the size is not positive or the folds do not fit the samples.
    """
    from scipy.spatial import cKDTree

    xy = np.asarray(xy, float)
    if not (np.isfinite(size_m) and size_m > 0):
        raise SettingsError(f"A patch of {size_m!r} metres is not possible. Give a side above 0, such as 650.")
    if xy.ndim != 2 or xy.shape[1] != 2 or not np.isfinite(xy).all():
        raise SettingsError("Overlap of patches needs the places of all samples: x and y in metres, none missing.")
    reach = np.nextafter(float(size_m), 0)
    rows, nearest = [], np.inf
    for train, test in _splits(folds, len(xy)):
        row = {"tested": len(test), "overlapping": 0, "pairs": 0}
        if len(train) and len(test):
            learned, tested = cKDTree(xy[train]), cKDTree(xy[test])
            apart, _ = learned.query(xy[test], p=np.inf)
            nearest = min(nearest, float(apart.min()))
            row |= {"overlapping": int((apart <= reach).sum()), "pairs": int(tested.count_neighbors(learned, reach, p=np.inf))}
        rows.append(row)
    sums = {key: sum(row[key] for row in rows) for key in ("tested", "overlapping", "pairs")}
    return {
        **sums,
        "share": sums["overlapping"] / sums["tested"] if sums["tested"] else 0.0,
        "folds": rows,
        "nearest_m": nearest if np.isfinite(nearest) else None,
        "size_m": float(size_m),
        "buffer_axis_m": float(size_m),
        "buffer_m": float(np.ceil(np.sqrt(2) * size_m - 1e-9)),
    }


def _splits(folds, n):
    """(train, test) positions per fold."""
    if len(folds) and isinstance(folds[0], (tuple, list)) and len(folds[0]) == 2:
        splits = [(np.asarray(train, int), np.asarray(test, int)) for train, test in folds]
        if any(part.size and (part.min() < 0 or part.max() >= n) for split in splits for part in split):
            raise SettingsError(f"A fold names a sample that is not there: there are {n}.")
        return splits
    labels = np.asarray(folds)
    if labels.shape != (n,):
        raise SettingsError(f"There are {n} samples, but {labels.size} of them have a fold. Give one fold per sample.")
    return [(np.flatnonzero(labels != label), np.flatnonzero(labels == label)) for label in np.unique(labels)]


def reflect(positions, length):
    """Positions beyond the ends of an axis, mirrored at its first and last place, which are not repeated.

    Parameters
    ----------
    positions : ndarray of int
    length : int
        Places of the axis, from 0.

    Returns
    -------
    ndarray of int
        From 0 to length - 1; mirrored as often as an axis shorter than the patch needs.
    """
    if length == 1:
        return np.zeros_like(positions)
    period = 2 * (length - 1)
    folded = positions % period
    return np.minimum(folded, period - folded)


def _neighbours(rows, cols, points, most):
    """Points in groups: those of one block of cells together, at most `most` at once."""
    if not points.size:
        return
    blocks = np.stack([rows[points] // _BLOCK, cols[points] // _BLOCK])
    _, group = np.unique(blocks, axis=1, return_inverse=True)
    order = np.argsort(group.ravel(), kind="stable")
    starts = np.flatnonzero(np.diff(group.ravel()[order])) + 1
    for together in np.split(points[order], starts):
        for first in range(0, len(together), most):
            yield together[first : first + most]
