"""What folds promise against what the map holds, and how long kNNDM takes: ``python benchmarks/validation.py``.

Landscapes whose truth is known at every pixel (half of the target follows a predictor, half a field that no predictor shows; other
predictors only tell places apart) are sampled in clusters, at random and on a grid. A random forest is scored under random folds,
kNNDM and blocks, and its map of all pixels is scored against the truth; the table gives estimated RMSE / true RMSE over the
landscapes: 1 is honest, below 1 promises too much. ``--speed`` times kNNDM and the search for repeated units instead.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SCHEMES = ("random", "knndm", "block")
LAYOUTS = ("clustered", "random", "regular")
SIZE, CELL, SAMPLES = 96, 50.0, 120


def main():
    """Measure every layout and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--landscapes", type=int, default=20)
    parser.add_argument("--speed", action="store_true")
    args = parser.parse_args()
    if args.speed:
        speed()
        return
    print(f"{'samples':10s} {'scheme':8s} {'mean':>6s} {'5 %':>6s} {'95 %':>6s} {'mean |ratio - 1|':>17s}   designs found")
    for layout in LAYOUTS:
        ratios, designs = zip(*(one_landscape(seed, layout) for seed in range(args.landscapes)), strict=True)
        found = ", ".join(f"{kind} {designs.count(kind)}" for kind in sorted(set(designs), key=str))
        for scheme, ratio in zip(SCHEMES, np.array(ratios).T, strict=True):
            low, high = np.quantile(ratio, (0.05, 0.95))
            print(f"{layout:10s} {scheme:8s} {ratio.mean():6.2f} {low:6.2f} {high:6.2f} {np.abs(ratio - 1).mean():17.2f}   {found}", flush=True)


def one_landscape(seed, layout):
    """RMSE under each scheme divided by the RMSE of the map, and the sampling design that was recognised."""
    from sklearn.ensemble import RandomForestRegressor

    from soilcore.evaluation.protocol import evaluate
    from soilcore.evaluation.sampling_design import detect_design
    from soilcore.evaluation.splits import SplitSettings, make_splits

    X, y, places, at = landscape(seed, layout)
    forest = RandomForestRegressor(40, min_samples_leaf=2, max_features=0.5, random_state=0)
    true = np.sqrt(np.mean((y - forest.fit(X[at], y[at]).predict(X)) ** 2))
    ratios = []
    for scheme in SCHEMES:
        splits = make_splits(SplitSettings(scheme, 5), at.size, coordinates=places[at], target=y[at], prediction_points=places[::9])
        ratios.append(evaluate(forest, X[at], y[at], splits).scores["rmse"] / true)
    return ratios, detect_design(places[at], places[::9])["kind"]


def landscape(seed, layout):
    """Predictors, target and place of every pixel, and the pixels that were sampled."""
    from soilcore.data.landscape_fields import matern_field

    generator = np.random.default_rng(seed)
    fields = np.column_stack([matern_field(generator, SIZE, CELL, reach).ravel() for reach in (900, 900, 1200, 600, 1500, 1500)])
    X, y = fields[:, :5], 0.5 * fields[:, 0] + fields[:, 5] + 0.2 * generator.normal(size=SIZE**2)
    row, column = np.divmod(np.arange(SIZE**2), SIZE)
    extent = SIZE * CELL
    if layout == "clustered":
        places = generator.uniform(0, extent, (10, 2))[generator.integers(10, size=SAMPLES)] + generator.normal(0, 150, (SAMPLES, 2))
    elif layout == "random":
        places = generator.uniform(0, extent, (SAMPLES, 2))
    else:
        side = round(np.sqrt(SAMPLES))
        places = (np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1).reshape(-1, 2) + 0.5) * extent / side
    pixel = np.clip(places // CELL, 0, SIZE - 1).astype(int)
    return X, y, np.column_stack([column, row]) * CELL, np.unique(pixel[:, 1] * SIZE + pixel[:, 0])


def speed():
    """Processor seconds of kNNDM on clustered samples, and of the search for repeated units among 42 predictors; peak memory so far."""
    import resource

    from soilcore.evaluation.knndm import knndm
    from soilcore.evaluation.places import points_in_hull
    from soilcore.evaluation.repeated_groups import found_groups

    print(f"{'samples':>8s} {'kNNDM':>9s} {'W':>8s} {'W random':>9s} {'units':>9s} {'memory':>9s}")
    for n in (200, 2_500, 5_000, 22_000):
        generator = np.random.default_rng(n)
        centres = generator.uniform(0, 1e5, (max(n // 40, 5), 2))
        places = centres[generator.integers(len(centres), size=n)] + generator.normal(0, 500, (n, 2))
        started = time.process_time()
        found = knndm(places, points_in_hull(places), 10)
        divided = time.process_time() - started
        X = np.repeat(generator.normal(size=(-(-n // 4), 42)), 4, axis=0)[:n]
        started = time.process_time()
        found_groups(X)
        units, memory = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{n:8d} {divided:7.1f} s {found.w:6.0f} m {found.w_random:7.0f} m {units:7.1f} s {memory:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
