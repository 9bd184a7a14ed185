"""Dissimilarity of pixels to training samples against what one would write otherwise: ``python benchmarks/aoa.py``.

Each case is a training set and as many pixels as asked; every way gives the distance to the nearest training sample, on one thread. Times
are those of the processor, per pixel, so that others at work beside it do not count; slow ways get fewer pixels. The ways: ours
(`NearestRows`: bundles and matrix products); brute force (`scipy.spatial.distance.cdist` in blocks), which is the reference; plain matrix
products in float64; and `scipy.spatial.cKDTree`. The factor behind a time is how many times ours it is; the last column is the largest
difference of ours from the reference. With ``--density`` ours also counts the samples nearer than the threshold.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

CASES = (  # name, training rows, columns
    ("imagery", 95, 30),
    ("imagery", 1_000, 30),
    ("imagery", 22_000, 30),
    ("imagery", 22_000, 55),
    ("independent", 1_000, 42),
    ("independent", 22_000, 42),
)
REFERENCE_PIXELS = 1_000
TREE_PIXELS = 20_000


def main():
    """Measure every case and print a table."""
    from threadpoolctl import threadpool_limits

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixels", type=int, default=200_000)
    parser.add_argument("--density", action="store_true", help="count the samples nearer than the threshold as well")
    args = parser.parse_args()
    print(f"{'case':30s} {'fit':>7s} {'ours':>9s} {'brute force':>18s} {'products':>18s} {'KD-tree':>18s} {'difference':>11s}")
    with threadpool_limits(1):
        for case in CASES:
            print(measure(*case, args.pixels, args.density), flush=True)


def measure(kind, rows, columns, pixels, density):
    """One line of the table: seconds to fit, microseconds per pixel of each way, and how many times ours that is."""
    from scipy.spatial import cKDTree
    from scipy.spatial.distance import cdist

    from soilcore.trust.applicability import AreaOfApplicability

    training, scene = _data(kind, rows, columns, pixels)
    started = time.process_time()
    area = AreaOfApplicability().fit(training, np.arange(rows) % 10)
    fitting = time.process_time() - started
    ask = area.dissimilarity_and_density if density else area.dissimilarity
    ask(scene[:10])  # the tree of bundles is built once
    ours, found = _timed(ask, scene)
    found = found[0] if density else found
    scaled = _scaled(area, scene[:TREE_PIXELS])
    few = scaled[:REFERENCE_PIXELS]
    brute, reference = _timed(lambda block: cdist(block, area.train_).min(axis=1), few)
    products, _ = _timed(lambda block: _products(block, area.train_), few)
    tree = cKDTree(area.train_)
    tree_time, _ = _timed(lambda block: tree.query(block)[0], scaled if rows < 5000 else few)
    difference = np.abs(found[: len(few)] - reference / area.mean_distance_).max()
    others = "".join(f" {time:9.1f} ({time / ours:5.1f}x)" for time in (brute, products, tree_time))
    return f"{f'{kind}, {rows} x {columns}':30s} {fitting:6.1f}s {ours:7.1f}us{others} {difference:11.1e}"


def _data(kind, rows, columns, pixels):
    """Training rows in float64 and pixels in float32."""
    rng = np.random.default_rng(0)
    if kind == "independent":
        return rng.normal(size=(rows, columns)), rng.normal(size=(pixels, columns)).astype(np.float32)
    scene = _imagery(columns)
    return scene[rng.choice(len(scene), rows, replace=False)].astype(float), scene[:pixels]


def _imagery(columns):
    """Ten bands of the synthetic coast and their normalised differences, pixels by columns."""
    from itertools import combinations

    from soilcore.data.landscape import coast

    bands = coast(512, 10.0, seed=0).dn.astype(np.float32).reshape(10, -1).T / 1e4
    pairs = [(bands[:, i] - bands[:, j]) / (bands[:, i] + bands[:, j]) for i, j in combinations(range(10), 2)]
    return np.column_stack([bands, *pairs])[:, :columns]


def _scaled(area, scene):
    return (scene.astype(float) - area.centre_) * area.scale_


def _products(block, training):
    squared = (block**2).sum(axis=1)[:, None] + (training**2).sum(axis=1) - 2 * block @ training.T
    return np.sqrt(np.maximum(squared.min(axis=1), 0))


def _timed(function, rows):
    started = time.process_time()
    result = function(rows)
    return (time.process_time() - started) / len(rows) * 1e6, result


if __name__ == "__main__":
    main()
