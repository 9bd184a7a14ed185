"""How often the 90 % interval of a class area holds the true area: ``python benchmarks/class_areas.py``.

Synthetic coasts whose truth is known at every pixel; 95 samples each, a random forest of bands and normalised differences on log(1 + ECe),
folds in blocks, conformal intervals. Three assumptions on how errors of neighbouring pixels hang together: all pixels err alike; within
the integral range of the residuals' variogram (what `map` does where there is one); each pixel by itself. Counted are classes that cover at
least 1 % of the land in truth or by expectation.
"""

import argparse
import sys
from itertools import combinations
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

ASSUMPTIONS = ("all pixels alike", "by the variogram", "each by itself")


def main():
    """Measure every scene and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=20)
    parser.add_argument("--size", type=int, default=128)
    args = parser.parse_args()
    held, widths = {name: [] for name in ASSUMPTIONS}, {name: [] for name in ASSUMPTIONS}
    errors = {"prediction": [], "expected": []}
    for seed in range(args.scenes):
        truth, mapped, tables = scene(seed, args.size)
        land = truth.sum()
        for name, rows in tables.items():
            for true, row in zip(truth, rows, strict=True):
                if max(true, row["area_ha_expected"]) >= 0.01 * land:
                    held[name].append(row["area_ha_low"] <= true <= row["area_ha_high"])
                    widths[name].append((row["area_ha_high"] - row["area_ha_low"]) / land)
        errors["prediction"].append(np.abs(mapped - truth).sum() / land / 2)
        errors["expected"].append(sum(abs(row["area_ha_expected"] - true) for row, true in zip(rows, truth, strict=True)) / land / 2)
        print(f"scene {seed} done", file=sys.stderr)
    for name in ASSUMPTIONS:
        print(
            f"{name:20s} holds {100 * np.mean(held[name]):3.0f} % of {len(held[name])} class areas; mean width {100 * np.mean(widths[name]):.1f} % of the land"
        )
    for name, values in errors.items():
        print(f"land put into the wrong class in the sum, by {name}: {100 * np.mean(values):.1f} %")


def scene(seed, size):
    """True areas of the classes (ha), those of the prediction, and the tables of the three assumptions."""
    from soilcore.core.classes import class_scheme
    from soilcore.data.landscape import coast
    from soilcore.evaluation.protocol import evaluate
    from soilcore.evaluation.splits import SplitSettings, make_splits
    from soilcore.evaluation.variogram import variogram_facts
    from soilcore.mapping.uncertain_areas import block_side
    from soilcore.models.pipelines import TunedRegressor
    from soilcore.trust.applicability import AreaOfApplicability
    from soilcore.trust.intervals import IntervalSettings, fit_interval

    land = coast(size, 20.0, seed=seed)
    known = np.isfinite(land.ece_dS_m) & ~land.water.astype(bool)
    rows, cols = np.nonzero(known)
    predictors, observed = _predictors(land.dn)[known], land.ece_dS_m[known]
    chosen = np.random.default_rng(seed).choice(len(rows), 95, replace=False)
    places = np.column_stack([20.0 * cols[chosen], -20.0 * rows[chosen]])
    X, y = predictors[chosen].astype(float), observed[chosen]
    splits = make_splits(SplitSettings("block", folds=10), 95, coordinates=places, target=y)
    learner = TunedRegressor("rf", target_transform="log1p", parameters={"n_estimators": 100})
    evaluation = evaluate(learner, X, y, splits)
    learner.fit(X, y)
    area = AreaOfApplicability().fit(X, splits)
    interval = fit_interval(IntervalSettings(), learner, evaluation, X, area=area)
    scheme = class_scheme("usda")
    z, outside = learner.predict_transformed(predictors.astype(float)), ~area.inside(area.dissimilarity(predictors))
    above = np.stack([interval.exceedance(None, z, np.log1p(edge), outside=outside) for edge in scheme.edges])
    variogram = variogram_facts(places, np.log1p(y) - np.log1p(evaluation.out_of_fold[0]))
    sides = dict(zip(ASSUMPTIONS, (None, block_side(variogram), 20.0), strict=True))
    tables = {name: _table(scheme, land.grid, side, rows, cols, above) for name, side in sides.items()}
    true, mapped = (np.bincount(scheme.assign(values), minlength=5) * 0.04 for values in (observed, learner.way_back_(z)))
    return true, mapped, tables


def _table(scheme, grid, side, rows, cols, above):
    from soilcore.mapping.uncertain_areas import UncertainAreas

    areas = UncertainAreas(scheme, grid, side)
    areas.add(*areas.count(rows, cols, above))
    return areas.table()


def _predictors(dn):
    bands = dn.astype(np.float32) / 1e4
    pairs = [(bands[i] - bands[j]) / (bands[i] + bands[j]) for i, j in combinations((0, 1, 2, 6, 8, 9), 2)]
    return np.moveaxis(np.stack([*bands, *pairs]), 0, -1)


if __name__ == "__main__":
    main()
