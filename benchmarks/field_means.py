"""How often the 90 % interval of a field's mean holds the true mean: ``python benchmarks/field_means.py``; ``--coverage``: covered parts of pixels.

Synthetic coasts whose truth is known at every pixel; 95 samples each, a random forest of bands and normalised differences on log(1 + ECe),
folds in blocks, conformal intervals. Fields are squares of several sizes. Three assumptions on how errors hang together: all pixels of a
field err alike; by the variogram of the residuals (what `fields` does where there is one); parts of a field by themselves. Beside them the
mean of the map as it is drawn, which is what zonal statistics of other programs give.

``--coverage`` compares the covered parts of pixels with exactextract's (``pip install exactextract``) and with the rule of pixel centres.
"""

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ASSUMPTIONS = ("all pixels alike", "by the variogram", "parts by themselves")
SIDES = (3, 8, 20)  # pixels of 20 m
CELL = 20.0


def main():
    """Measure every scene and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--coverage", action="store_true", help="compare the covered parts of pixels instead")
    args = parser.parse_args()
    if args.coverage:
        covered_parts()
        return
    rows = []
    for seed in range(args.scenes):
        rows += scene(seed, args.size)
        print(f"scene {seed} done", file=sys.stderr)
    print("side of field, m | fields | assumption | held | mean width, dS/m")
    for side in SIDES:
        for name in ASSUMPTIONS:
            held, width = np.array([(row["held"], row["width"]) for row in rows if row["side"] == side and row["name"] == name]).T
            print(f"{CELL * side:.0f} | {held.size} | {name} | {100 * held.mean():.1f} % | {width.mean():.1f}")
    for what in ("drawn", "expected"):
        bias = np.array([row[what] - row["true"] for row in rows if row["name"] == ASSUMPTIONS[0]])
        print(f"mean {what}: bias {bias.mean():+.2f}, mean absolute error {np.abs(bias).mean():.2f} dS/m")


def scene(seed, size):
    """Rows of every field of one coast."""
    from benchmarks.class_areas import _predictors
    from soilcore.data.landscape import coast
    from soilcore.evaluation.protocol import evaluate
    from soilcore.evaluation.splits import SplitSettings, make_splits
    from soilcore.evaluation.variogram import variogram_facts
    from soilcore.mapping.finished import FinishedMap
    from soilcore.models.pipelines import TunedRegressor
    from soilcore.trust.applicability import AreaOfApplicability
    from soilcore.trust.intervals import IntervalSettings, fit_interval

    land = coast(size, CELL, seed=seed)
    known = np.isfinite(land.ece_dS_m) & ~land.water.astype(bool)
    rows, cols = np.nonzero(known)
    predictors, observed = _predictors(land.dn)[known].astype(float), land.ece_dS_m[known]
    chosen = np.random.default_rng(seed).choice(len(rows), 95, replace=False)
    places = np.column_stack([CELL * cols[chosen], -CELL * rows[chosen]])
    X, y = predictors[chosen], observed[chosen]
    splits = make_splits(SplitSettings("block", folds=10), 95, coordinates=places, target=y)
    learner = TunedRegressor("rf", target_transform="log1p", parameters={"n_estimators": 100})
    evaluation = evaluate(learner, X, y, splits)
    learner.fit(X, y)
    area = AreaOfApplicability().fit(X, splits)
    interval = fit_interval(IntervalSettings(), learner, evaluation, X, area=area)
    z = learner.predict_transformed(predictors)
    low, high = interval.bounds(None, z, 0.9, outside=~area.inside(area.dissimilarity(predictors)))
    layers = {"value": _laid(known, learner.way_back_(z)), "lower": _laid(known, np.expm1(low)), "upper": _laid(known, np.expm1(high))}
    variogram = variogram_facts(places, np.log1p(y) - np.log1p(evaluation.out_of_fold[0]))
    finished = FinishedMap(Path("memory"), land.grid, {}, "dS/m", form="ECe", transform="log1p", level=0.9, variogram=variogram)
    return [row for side in SIDES for row in _fields(finished, layers, _laid(known, observed), side)]


def _laid(known, values):
    laid = np.full(known.shape, np.nan)
    laid[known] = values
    return laid


def _fields(finished, layers, truth, side):
    """Squares that are land throughout."""
    from soilcore.core.grids import Window
    from soilcore.mapping.zone_means import Responses, ZoneSums

    alone = {"model": "exponential", "range": 1.0, "usable": True}
    variograms = dict(zip(ASSUMPTIONS, (None, finished.variogram, alone), strict=True))
    found = []
    for number, window in enumerate(Window(row, col, side, side) for row in range(0, 127 - side, 2 * side) for col in range(0, 127 - side, 2 * side)):
        parts = {key: array[window.slices] for key, array in layers.items()}
        if not np.isfinite(parts["value"]).all():
            continue
        true = truth[window.slices].mean()
        for name, variogram in variograms.items():
            sums = ZoneSums(replace(finished, variogram=variogram), Responses(), (window.row, window.col, side, side))
            sums.add(window, np.ones((side, side)), parts)
            zone = sums.result(0.9, 0, number)
            held = zone.value.low <= true <= zone.value.high
            facts = {"side": side, "name": name, "held": held, "width": zone.value.high - zone.value.low}
            found.append(facts | {"true": true, "drawn": zone.mean, "expected": zone.best})
    return found


def covered_parts():
    """Time and difference of three ways to tell what part of a pixel lies inside a field."""
    import shapely
    from affine import Affine
    from pyproj import CRS

    from soilcore.core.grids import Grid
    from soilcore.mapping.zones import covered_pixels

    grid = Grid(1000, 1000, Affine(10, 0, 500000, 0, -10, 4000000), CRS.from_epsg(32650))
    rng = np.random.default_rng(0)
    shapes = []
    for x, y in rng.uniform(300, 9700, (1000, 2)):
        angles, radius = np.sort(rng.uniform(0, 2 * np.pi, 20)), rng.uniform(40, 150, 20)
        shapes.append(
            shapely.make_valid(shapely.Polygon(np.column_stack([500000 + x + radius * np.cos(angles), 3990000 + y + radius * np.sin(angles)])))
        )
    exact = shapely.area(shapes) / 100
    ways = {"soilcore": lambda shape: sum(part.sum() for _, part in covered_pixels(shape, grid)), "exactextract": _by_exactextract(grid)}
    ways["pixel centres"] = _by_centres(grid)
    first = None
    print("way | seconds | ratio | largest error of a field's area, %")
    for name, way in ways.items():
        start = time.perf_counter()
        found = np.array([way(shape) for shape in shapes])
        seconds = time.perf_counter() - start
        first = first or seconds
        print(f"{name} | {seconds:.2f} | {seconds / first:.2f} | {100 * np.abs(found / exact - 1).max():.2g}")


def _by_exactextract(grid):
    import shapely
    from exactextract import exact_extract
    from exactextract.feature import JSONFeatureSource
    from exactextract.raster import NumPyRasterSource

    blank = NumPyRasterSource(np.zeros(grid.shape, np.uint8), *grid.bounds)

    def covered(shape):
        feature = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shape)}
        return exact_extract(blank, JSONFeatureSource([feature]), ["coverage"])[0]["properties"]["coverage"].sum()

    return covered


def _by_centres(grid):
    from rasterio.features import rasterize
    from rasterio.windows import from_bounds, transform

    def covered(shape):
        window = from_bounds(*shape.bounds, transform=grid.transform).round_offsets().round_lengths()
        size = int(window.height) + 1, int(window.width) + 1
        return rasterize([shape], size, transform=transform(window, grid.transform)).sum()

    return covered


if __name__ == "__main__":
    main()
