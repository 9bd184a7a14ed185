"""Getis-Ord Gi* against esda, in one run: ``python benchmarks/gi_star.py``.

20,000 places drawn evenly, skewed values; neighbours to a distance that holds about 25 or 150 of them, and the 25 or 150 nearest. The peer is
esda's ``G_Local`` with the time of building its weights (libpysal's ``Graph`` where it has one, ``W`` otherwise), as ours includes the search.
Both sides take turns; medians, the ratio, and the largest difference of the z values.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # the folder of benchmarks itself holds names of other packages

NEIGHBOURS = (25, 150)
SIDE = 100_000.0


def main():
    """Time both and print the table."""
    args = _arguments()
    rng = np.random.default_rng(0)
    xy, y = rng.uniform(0, SIDE, (args.places, 2)), rng.lognormal(size=args.places)
    print(f"{args.places} places, median of {args.rounds} rounds")
    print(f"{'neighbours':<28}{'ours, s':>10}{'esda Graph, s':>15}{'esda W, s':>12}{'ratio to Graph':>16}{'ratio to W':>12}{'difference':>12}")
    for count in NEIGHBOURS:
        band = float(np.sqrt(count * SIDE**2 / args.places / np.pi))
        _compare(f"within {band:.0f} m (about {count})", xy, y, args.rounds, band=band)
        _compare(f"the {count} nearest", xy, y, args.rounds, k=count)


def _compare(name, xy, y, rounds, **neighbours):
    from soilcore.models.neighbours import gi_star

    ways = {"ours": lambda: gi_star(xy, y, **neighbours), "graph": lambda: _by_graph(xy, y, **neighbours), "w": lambda: _by_w(xy, y, **neighbours)}
    seconds, z = {way: [] for way in ways}, {}
    for _ in range(rounds):
        for way, run in ways.items():
            started = time.perf_counter()
            z[way] = run()
            seconds[way].append(time.perf_counter() - started)
    ours, graph, w = (statistics.median(seconds[way]) for way in ways)
    both = np.isfinite(z["ours"])
    difference = max(np.abs(z["ours"] - z[way])[both].max() for way in ("graph", "w"))
    print(f"{name:<28}{ours:>10.3f}{graph:>15.2f}{w:>12.2f}{graph / ours:>15.0f}x{w / ours:>11.0f}x{difference:>12.1e}")


def _by_graph(xy, y, band=None, k=None):
    from libpysal.graph import Graph

    graph = Graph.build_knn(xy, k=k) if band is None else Graph.build_distance_band(xy, threshold=band)
    return _z(graph, y)


def _by_w(xy, y, band=None, k=None):
    import libpysal

    weights = libpysal.weights.KNN(xy, k=k) if band is None else libpysal.weights.DistanceBand(xy, threshold=band, silence_warnings=True)
    return _z(weights, y)


def _z(weights, y):
    import esda

    return esda.G_Local(y, weights, transform="B", permutations=0, star=True).Zs


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--places", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
