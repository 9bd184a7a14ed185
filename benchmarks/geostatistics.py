"""What places add to predictors on real samples, and what kriging costs: ``python benchmarks/geostatistics.py``.

Two data sets of ``../shared/data``: apparent electrical conductivity of a field in the Pampas with elevation (a tenth of the 10 m grid), and
organic carbon stock of Macedonia with 8 covariates, on logarithms. Each learner under random folds and under blocks whose side is the range of the variogram;
R2 of all folds pooled. Under blocks there are no near samples left, so what places add there is what they would add far from samples; under
random folds, what they add between samples. ``--speed`` instead kriges one million pixels from 22,000 samples, beside PyKrige on a part.
"""

import argparse
import gzip
import io
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # the folder of benchmarks itself holds names of other packages

LEARNERS = {
    "rf": ("rf", ()),
    "kriging": ("kriging", ()),
    "regression-kriging (rf)": ("regression-kriging", ()),
    "rf + gi-star": ("rf", ("gi-star",)),
    "rf + kriging-prior": ("rf", ("kriging-prior",)),
    "rf + both": ("rf", ("gi-star", "kriging-prior")),
}


def main():
    """Print the scores, or the speed."""
    args = _arguments()
    if args.speed:
        _speed(args.samples, args.pixels)
        return
    for name, (xy, X, y, transform) in {"Pampas, ECa 0-30 cm": _pampas(args.data), "Macedonia, log stock": _macedonia(args.data)}.items():
        _scores(name, xy, X, y, transform, args.trees)


def _scores(name, xy, X, y, transform, trees):
    from soilcore.evaluation.protocol import evaluate
    from soilcore.evaluation.splits import SplitSettings, make_splits
    from soilcore.evaluation.variogram import variogram_facts
    from soilcore.models.catalogue import make_learner
    from soilcore.models.settings import FitSettings
    from soilcore.models.transforms import TargetTransform

    z = TargetTransform(transform).forward(y)
    facts = variogram_facts(xy, z)
    print(f"\n{name}: {len(y)} samples, {X.shape[1]} predictors. {facts['reason']} ({facts['model']})")
    divisions = {scheme: make_splits(SplitSettings(scheme, folds=5), len(y), coordinates=xy, target=z) for scheme in ("random", "block")}
    print(f"blocks: {divisions['block'].label}")
    print(f"{'':<28}{'R2 random':>10}{'R2 block':>10}{'seconds':>9}")
    for label, (learner, kinds) in LEARNERS.items():
        unfitted = make_learner(learner, FitSettings(transform, 0, seed=0, jobs=1, neighbours=kinds))
        inner = unfitted.learner if kinds else unfitted
        if learner != "kriging":
            inner.set_params(parameters={"n_estimators": trees})
        found = [evaluate(unfitted, X, y, splits) for splits in divisions.values()]
        r2 = [_r2(z, TargetTransform(transform).forward(np.maximum(one.out_of_fold[0], y.min() / 10))) for one in found]
        print(f"{label:<28}{r2[0]:>10.3f}{r2[1]:>10.3f}{sum(one.seconds for one in found):>9.1f}", flush=True)


def _r2(y, predicted):
    return 1 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2)


def _pampas(folder):
    content = gzip.decompress((folder / "eca_pampas" / "paar_wheat_ECa.csv.gz").read_bytes())
    table = pd.read_csv(io.BytesIO(content)).dropna()
    table = table.iloc[np.sort(np.random.default_rng(0).choice(len(table), 600, replace=False))].reset_index(drop=True)
    x, north, elevation, target = (next(name for name in table if wanted in name.lower()) for wanted in ("x", "y", "elev", "30"))
    return table[[x, north]].to_numpy(float), table[[elevation]].astype(float), table[target].to_numpy(float), "none"


def _macedonia(folder):
    from soilcore.core.projection import projected_metres

    table = pd.read_csv(folder / "macedonia" / "SOC_RegMatrix.csv")
    names = ["B04CHE3", "PRSCHE3", "TMDMOD3", "B07CHE3", "DEMENV5", "B13CHE3", "B14CHE3", "HIST"]
    table = table.dropna(subset=[*names, "OCS", "X", "Y"]).reset_index(drop=True)
    places = projected_metres(table["X"].to_numpy(float), table["Y"].to_numpy(float), "EPSG:4326")
    return np.asarray(places[0] if isinstance(places, tuple) else places), table[names].astype(float), table["OCS"].to_numpy(float), "log10"


def _speed(samples, pixels):
    from soilcore.evaluation.variogram import fit_variogram
    from soilcore.models.kriging import OrdinaryKriging

    rng = np.random.default_rng(0)
    xy = rng.uniform(0, 50_000, (samples, 2))
    y = np.sin(xy[:, 0] / 3000) + np.cos(xy[:, 1] / 4000) + 0.3 * rng.normal(size=samples)
    started = time.perf_counter()
    variogram = fit_variogram(xy, y)
    print(f"variogram of {samples} samples: {time.perf_counter() - started:.2f} s ({variogram.model}, {variogram.range:.0f} m)")
    kriging = OrdinaryKriging(variogram, exact=False).fit(xy, y)
    side = np.linspace(0, 50_000, int(np.sqrt(pixels)))
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    started = time.perf_counter()
    kriging.predict(grid)
    seconds = time.perf_counter() - started
    print(f"{len(grid)} pixels, 40 neighbours: {seconds:.1f} s, {1e6 * seconds / len(grid):.0f} us per pixel, peak memory {_peak():.0f} MB")
    import pykrige

    few = grid[:: max(len(grid) // 2000, 1)][:2000]
    parameters = {"psill": variogram.partial_sill, "range": variogram.range, "nugget": variogram.nugget}
    peer = pykrige.OrdinaryKriging(*xy[:5000].T, y[:5000], variogram_model="exponential", variogram_parameters=parameters)
    started = time.perf_counter()
    peer.execute("points", *few.T, n_closest_points=40, backend="loop")
    theirs = (time.perf_counter() - started) / len(few)
    started = time.perf_counter()
    OrdinaryKriging(variogram, exact=False).fit(xy[:5000], y[:5000]).predict(few, variance=True)
    ours = (time.perf_counter() - started) / len(few)
    print(f"PyKrige, 5,000 samples, {len(few)} places, with variance: {1e6 * theirs:.0f} us per place, ours {1e6 * ours:.0f}: {theirs / ours:.1f}x")


def _peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--trees", type=int, default=200)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--samples", type=int, default=22_000)
    parser.add_argument("--pixels", type=int, default=1_000_000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
