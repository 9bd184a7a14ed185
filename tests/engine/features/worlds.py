"""A small world on disk for recipes: a scene across the seams of reading blocks, places in it, and tables of samples taken there."""

import numpy as np
import pandas as pd
from pyproj import CRS

from soilcore.core.grids import Window
from soilcore.data.sample_set import SampleSet
from tests.engine.rasters import ROLES, digital_numbers, reflectance, write_raster

UTM = CRS.from_epsg(32632)
LEFT, TOP, CELL = 500000.0, 5000000.0, 10.0
HEIGHT, WIDTH = 520, 530  # beyond one block of 512, so that seams are crossed
DAYS = ("2021-04-10", "2021-08-02", "2022-04-12")


def write_scene(path, seed=0, height=HEIGHT, width=WIDTH, origin=(LEFT, TOP), gaps=0.05, roles=ROLES, **options):
    """A Sentinel-2 stack with no data here and there."""
    numbers = digital_numbers(reflectance(roles, height=height, width=width, seed=seed))
    numbers[:, np.random.default_rng(seed).random((height, width)) < gaps] = 0
    return write_raster(path, numbers, names=roles, nodata=0, origin=origin, tags={"SOILCORE_SENSOR": "sentinel-2-l2a"}, **options)


def places(height=HEIGHT, width=WIDTH, seed=3, count=12):
    """Coordinates in the grid and just outside it: anywhere, on both sides of the block seam, in corners, and exactly on pixel borders."""
    random = np.random.default_rng(seed)
    rows, cols = random.uniform(0, height, count), random.uniform(0, width, count)
    last_row, last_col = height - 1, width - 1
    seam = [(511.5, 10.5), (512.5, 10.5), (511.5, 511.5), (512.5, 512.5), (3.5, 511.5), (3.5, 512.5), (512.0, 512.0), (512.0, 30.2), (77.1, 512.0)]
    border = [
        (0.0, 0.0),
        (0.5, 0.5),
        (last_row + 0.5, last_col + 0.5),
        (last_row + 0.999, 0.01),
        (0.01, last_col + 0.999),
        (300.0, 200.0),
        (7.0, 14.0),
        (21.0, 5.3),
    ]
    outside = [(-0.01, 5.0), (float(height), 5.0), (5.0, float(width) + 40)]
    at = np.array([*(pair for pair in seam if pair[0] < height and pair[1] < width), *border, *outside, *zip(rows, cols, strict=True)])
    return LEFT + CELL * at[:, 1], TOP - CELL * at[:, 0]


def samples_at(x, y, days=None, crs=UTM, **columns):
    """A table of samples at these places."""
    table = pd.DataFrame({"x": x, "y": y, **columns}, index=2 + np.arange(len(x)))
    parts = {"x": "x", "y": "y"}
    if days is not None:
        table["date"] = days
        parts["date"] = "date"
    if "id" in columns:
        parts["id"] = "id"
    return SampleSet(table, "samples.csv", "0" * 64, np.asarray(x, float), np.asarray(y, float), crs, columns=parts)


def read_at(source, x, y, crs, size, most=10):
    """Predictors at points, read as windows of `size` x `size` pixels aligned with the grid; NaN outside.

    Small windows are many: of those only the first `most` that hold a point are read, and infinity stands at the points of the others.
    """
    rows, cols, inside = source.grid.rows_cols(x, y, crs)
    out = np.full((len(rows), len(source.names)), np.inf)
    out[~inside] = np.nan
    tiles = {}
    for k in np.flatnonzero(inside):
        tiles.setdefault((rows[k] // size * size, cols[k] // size * size), []).append(k)
    with source.reader() as reader:
        for (row, col), points in list(tiles.items())[:most]:
            window = Window(int(row), int(col), min(size, source.grid.height - int(row)), min(size, source.grid.width - int(col)))
            out[points] = reader.read(window)[:, rows[points] - row, cols[points] - col].T
    return out
