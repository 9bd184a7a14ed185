"""Predictors held in memory, in the place of a scene."""

from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from soilcore.core.grids import Grid

NAMES = ("B", "elevation", "NDVI")


@dataclass(frozen=True)
class ArraySource:
    """Predictors held in memory, and climate where there is some."""

    grid: Grid
    values: np.ndarray
    names: tuple = NAMES
    climate: object = None
    date: object = None
    reads: list = field(default_factory=list)

    @contextmanager
    def reader(self):
        yield self

    def read(self, window):
        self.reads.append(window)
        return self.values[(slice(None), *window.slices)]
