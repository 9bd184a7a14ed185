"""Does any way of modelling find skill where there is none? ``python benchmarks/permuted_target.py``.

Samples of a synthetic coast, their target permuted twenty times. Every way is fitted and scored anew each time, everything target-dependent
inside the folds; the 95 % quantile of its pooled out-of-fold R2 should not exceed 0.05. Beside them the same without permutation, and one way
that leaks on purpose (Gi* of all samples, own value included, computed before the folds are drawn), so that the measure is seen to bite.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

sys.path[0] = str(Path(__file__).resolve().parent.parent)

ROLES = ("B", "G", "R", "N", "S1", "S2")
LIMIT = 0.05


def main():
    """Permute, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--permutations", type=int, default=20)
    parser.add_argument("--samples", type=int, default=120)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--ways", help="only these, by the start of their names, separated by commas")
    args = parser.parse_args()
    from soilcore.evaluation.protocol import evaluate
    from soilcore.evaluation.splits import SplitSettings, make_splits
    from soilcore.trust.permutation import permuted_scores

    X, y, places = table(args.samples)
    splits = make_splits(SplitSettings("random", args.folds), len(y), coordinates=places)
    print(f"{len(y)} samples, {X.shape[1]} bands, {args.folds} random folds, {args.permutations} permutations of ECe")
    print(f"{'way':34s} {'R2 true':>8s} {'median':>8s} {'95 %':>8s}  {'verdict':8s} seconds")
    failed = 0
    for name, learner in ways().items():
        if args.ways and not name.startswith(tuple(args.ways.split(","))):
            continue
        started = time.perf_counter()
        true = evaluate(learner, X, y, splits, name=name).scores["r2"]
        scores = permuted_scores(learner, X, y, splits, args.permutations, seed=1)
        reached = np.quantile(scores, 0.95)
        failed += reached > LIMIT
        row(name, true, scores, "ok" if reached <= LIMIT else "SKILL", started)
    if not args.ways:
        leak(X, y, places, splits, args.permutations)
    return int(failed > 0)


def row(name, true, scores, verdict, started):
    """One line of the table."""
    seconds = time.perf_counter() - started
    print(f"{name:34s} {true:8.3f} {np.median(scores):8.3f} {np.quantile(scores, 0.95):8.3f}  {verdict:8s} {seconds:.0f}", flush=True)


def table(count):
    """Reflectance and ECe at samples of a coast, with their places in metres."""
    from soilcore.core.projection import projected_metres
    from soilcore.data.landscape import coast, draw_samples

    land = coast(160, 20.0, seed=3)
    samples = draw_samples(land, count, seed=3)
    rows, cols, _ = land.grid.rows_cols(samples["lon"], samples["lat"], 4326)
    bands = dict(zip(("B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "S1", "S2"), land.reflectance()[:, rows, cols].astype(float), strict=True))
    X = pd.DataFrame({role: bands[role] for role in ROLES})
    return X, samples["ece_dS_m"].to_numpy(), projected_metres(samples["lon"], samples["lat"], 4326)


def ways():
    """Every way in which a target enters a model, unfitted."""
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    from soilcore.models.catalogue import make_learner
    from soilcore.models.searched_index import SearchedIndex
    from soilcore.models.settings import DualStepSettings, FitSettings

    def learner(name, neighbours=(), at=4.0, trials=0):
        settings = FitSettings("log1p", trials=trials, jobs=1, neighbours=neighbours, dual_step=DualStepSettings(at=at, classifier="logistic"))
        return make_learner(name, settings)

    search = make_pipeline(SearchedIndex(bands=ROLES, keep=2), SimpleImputer(strategy="median"), LinearRegression())
    return {
        "ridge": learner("ridge"),
        "index search, then regression": search,
        "dual-step": learner("dual-step"),
        "dual-step, searched threshold": learner("dual-step", at="search"),
        "ridge with Gi*": learner("ridge", ("gi-star",)),
        "ridge with kriging prior": learner("ridge", ("kriging-prior",)),
        "forest with both": learner("rf", ("gi-star", "kriging-prior")),
        "kriging": learner("kriging"),
        "regression kriging": learner("regression-kriging").set_params(parameters={"n_estimators": 100}),
        "XGBoost, 5 tuning trials": learner("xgboost", trials=5),
        "auto": learner("auto"),
    }


def leak(X, y, places, splits, permutations):
    """Gi* as it must not be used."""
    from soilcore.evaluation.protocol import evaluate
    from soilcore.models.catalogue import make_learner
    from soilcore.models.neighbours import gi_star
    from soilcore.models.settings import FitSettings

    started, ridge = time.perf_counter(), make_learner("ridge", FitSettings("log1p", trials=0))
    scores = []
    for generator in np.random.default_rng(1).spawn(permutations):
        permuted = generator.permutation(y)
        scores.append(evaluate(ridge, X.assign(gi=gi_star(places, permuted, k=8)), permuted, splits).scores["r2"])
    true = evaluate(ridge, X.assign(gi=gi_star(places, y, k=8)), y, splits).scores["r2"]
    row("(ridge with leaking Gi*)", true, np.array(scores), "SKILL" if np.quantile(scores, 0.95) > LIMIT else "ok", started)


if __name__ == "__main__":
    raise SystemExit(main())
