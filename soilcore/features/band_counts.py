"""What a raster holds, told from its windows while they are written."""

import math

import numpy as np


class BandCounts:
    """Least, middle and largest value of each band, gathered while windows are written; the median of about a million pixels at most."""

    _MOST = 1_000_000

    def __init__(self, names, grid):
        self.names = tuple(names)
        self._step = max(1, math.ceil(math.sqrt(grid.height * grid.width / self._MOST)))
        self._least, self._most = np.full(len(self.names), np.inf), np.full(len(self.names), -np.inf)
        self._valid, self._some = np.zeros(len(self.names), np.int64), [[] for _ in self.names]

    def add(self, window, values):
        """Count one window, shape (band, rows, columns)."""
        rows, cols = -window.row % self._step, -window.col % self._step
        for number, layer in enumerate(values):
            known = layer[np.isfinite(layer)]
            self._valid[number] += known.size
            if known.size:
                self._least[number] = min(self._least[number], known.min())
                self._most[number] = max(self._most[number], known.max())
            some = layer[rows :: self._step, cols :: self._step]
            self._some[number].append(some[np.isfinite(some)])

    def facts(self):
        """``{name: {"min", "median", "max", "valid"}}``; NaN where a band has no value."""
        told = {}
        for number, name in enumerate(self.names):
            some = np.concatenate(self._some[number]) if self._some[number] else np.empty(0)
            known = bool(self._valid[number])
            told[name] = {
                "min": float(self._least[number]) if known else math.nan,
                "median": float(np.median(some)) if some.size else math.nan,
                "max": float(self._most[number]) if known else math.nan,
                "valid": int(self._valid[number]),
            }
        return told
