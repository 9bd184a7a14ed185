"""Do 90 % intervals hold the truth in 90 of 100 pixels? ``python benchmarks/interval_coverage.py``.

Twenty synthetic coasts (seeds 0-19), ECe modelled on the log scale from bands and indices. In each, samples are drawn in three designs: 95 and
240 at random places, and 95 in a dozen clusters. A learner is scored on three kinds of folds, its intervals are calibrated on each, and are
held against the truth of 5,000 land pixels without a sample. The area of applicability uses the same folds.

Like is compared with like: `draw_samples` gives the truth of the pixel without measurement error (rounded to 0.001 dS/m), and so does the
raster, so what an interval has to hold is the error of the model, not of a laboratory.

The rule that is judged is the default of soilcore: intervals "conformal" on folds by kNNDM, whose test samples are as far from training as the
map is from the samples (random folds where the samples are not clustered). Beside it: what random and block folds would have given, and how
wide intervals by regression kriging are when its standard deviations are stretched until they cover as much.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path[0] = str(Path(__file__).resolve().parent.parent)  # not this folder: numba looks for a package of this module's name

DESIGNS = {"random-95": (95, False), "random-240": (240, False), "clustered-95": (95, True)}
SCHEMES = ("knndm", "block", "random")
CLUSTERS, CLUSTER_SD = 12, 250.0  # metres
ROLES = ("B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "S1", "S2")  # of the coast's ten bands
LEVEL = 0.9
POOLED, IN_SCENE, SCENES_NEEDED, SHARE = (0.87, 0.93), (0.82, 0.96), 16, 0.5


def main():
    """Run the scenes, print the tables and the verdicts."""
    args = _arguments()
    started, runs = time.perf_counter(), []
    for seed in args.seeds:
        for design in args.designs:
            runs += run_scene(seed, design, args)
            print(f"scene {seed}, {design}: {time.perf_counter() - started:.0f} s", file=sys.stderr)
    rows = summaries(runs, args)
    if args.json:
        print(json.dumps(rows, indent=1))
        return
    print_table(rows)
    print(f"\n{len(args.seeds)} scenes, {args.pixels} pixels each, {args.model}, {args.trees} trees, {time.perf_counter() - started:.0f} s")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=lambda text: [int(one) for one in text.split(",")], default=list(range(20)))
    parser.add_argument("--designs", type=lambda text: text.split(","), default=list(DESIGNS))
    parser.add_argument("--cv", type=lambda text: text.split(","), default=list(SCHEMES))
    parser.add_argument(
        "--methods", type=lambda text: text.split(","), default=["conformal"], help="conformal, cv+, split, cqr, quantile-forest, local"
    )
    parser.add_argument("--model", default="rf", help="any learner by name")
    parser.add_argument("--trees", type=int, default=100, help="of every random forest")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--pixels", type=int, default=5000)
    parser.add_argument("--no-kriging", action="store_true", help="leave regression kriging out")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def run_scene(seed, design, args):
    """All schemes and methods on one scene and design; a dict each."""
    from soilcore.data.landscape import coast

    land = coast(args.size, 20.0, seed)
    count, clustered = DESIGNS[design]
    names, predictors, places = _pixels(land)
    usable = np.flatnonzero(~land.water.ravel() & np.isfinite(predictors).all(axis=1))
    rng = np.random.default_rng([seed, 90])
    sampled = _clustered(usable, places, count, rng) if clustered else _at_random(land, count, seed, usable)
    rest = np.setdiff1d(usable, sampled)
    pixels = rng.choice(rest, min(args.pixels, rest.size), replace=False)
    truth = np.round(land.ece_dS_m.ravel().astype(float), 3)
    scene = _Scene(_frame(predictors[sampled], names), truth[sampled], places[sampled], predictors[pixels], truth[pixels], places[pixels])
    kriged = None if args.no_kriging else _kriged(scene, names, args)
    shared = {"seed": seed, "design": design, "kriged": kriged, "truth": scene.truth}
    return [{**shared, **found} for scheme in args.cv for found in _calibrated(scene, scheme, args)]


class _Scene:
    """Samples, and pixels to be judged."""

    def __init__(self, X, y, xy, pixels, truth, pixel_xy):
        self.X, self.y, self.xy, self.pixels, self.truth, self.pixel_xy = X, y, xy, pixels, truth, pixel_xy


def _pixels(land):
    """Names of bands and indices, their values (n_pixels, n_features) and the places of pixel centres in metres."""
    from soilcore.features.indices import index_set
    from soilcore.features.recipe import DEFAULT_INDEX_SETS, FeatureRecipe

    recipe = FeatureRecipe(ROLES, tuple(one for name in DEFAULT_INDEX_SETS for one in index_set(name)))
    values = recipe.spectral(dict(zip(ROLES, land.reflectance(), strict=True)))
    rows, cols = np.mgrid[: land.grid.height, : land.grid.width]
    t = land.grid.transform
    places = np.stack([t.c + t.a * (cols.ravel() + 0.5), t.f + t.e * (rows.ravel() + 0.5)], axis=1)
    return recipe.names, np.stack([layer.ravel() for layer in values], axis=1).astype(np.float32), places


def _at_random(land, count, seed, usable):
    """Pixels of `draw_samples`."""
    from pyproj import Transformer

    from soilcore.data.landscape import draw_samples

    table = draw_samples(land, count, seed)
    x, y = Transformer.from_crs(4326, land.grid.crs, always_xy=True).transform(table["lon"].to_numpy(), table["lat"].to_numpy())
    col, row = ~land.grid.transform @ (x, y)
    pixels = np.floor(row).astype(int) * land.grid.width + np.floor(col).astype(int)
    return pixels[np.isin(pixels, usable)]


def _clustered(usable, places, count, rng):
    """Pixels round a dozen centres on land, as from a campaign along a few farms."""
    centres = places[rng.choice(usable, CLUSTERS, replace=False)]
    wanted = np.bincount(rng.integers(0, CLUSTERS, count), minlength=CLUSTERS)
    chosen = []
    for centre, number in zip(centres, wanted, strict=True):
        near = np.exp(-0.5 * ((places[usable] - centre) ** 2).sum(axis=1) / CLUSTER_SD**2)
        near[np.isin(usable, chosen)] = 0
        chosen += list(rng.choice(usable, number, replace=False, p=near / near.sum()))
    return np.array(chosen)


def _frame(values, names):
    import pandas as pd

    return pd.DataFrame(values.astype(float), columns=list(names))


def _learner(args):
    from soilcore.models.catalogue import make_learner
    from soilcore.models.settings import FitSettings

    learner = make_learner(args.model, FitSettings("log10", trials=0, jobs=1, device="cpu"))
    return learner.set_params(parameters={"n_estimators": args.trees}) if args.model == "rf" else learner


def _calibrated(scene, scheme, args):
    """Intervals of every method under one scheme, held against the truth."""
    from soilcore.core.progress import silent
    from soilcore.evaluation.protocol import evaluate, fit_clone
    from soilcore.evaluation.splits import SplitSettings, make_splits
    from soilcore.trust.applicability import AreaOfApplicability, permutation_weights
    from soilcore.trust.coverage import coverage_facts, out_of_fold_bounds
    from soilcore.trust.intervals import IntervalSettings, fit_interval

    splits = make_splits(SplitSettings(scheme, 10), len(scene.y), coordinates=scene.xy, target=scene.y, prediction_points=scene.pixel_xy[:1000])
    learner = _learner(args)
    evaluation = evaluate(learner, scene.X, scene.y, splits, keep_learners=True)
    area = AreaOfApplicability().fit(scene.X, splits, permutation_weights(evaluation.learners, scene.X, scene.y, splits))
    full = fit_clone(learner, scene.X, scene.y, splits.groups, silent, scene.xy)
    z = full.predict_transformed(scene.pixels, **({"coordinates": scene.pixel_xy} if full.uses_coordinates else {}))
    inside = area.inside(area.dissimilarity(scene.pixels))
    found = []
    for method in args.methods:
        interval = fit_interval(IntervalSettings(method, LEVEL, trees=args.trees), learner, evaluation, scene.X, area=area)
        lower, upper = interval.bounds(scene.pixels, z, coordinates=scene.pixel_xy, outside=~inside)
        told = None
        if method == "conformal":
            told = coverage_facts(evaluation, out_of_fold_bounds(evaluation, learner=learner, area=area), area=area)["coverage"]
        found.append(
            {
                "cv": scheme,
                "method": method,
                "label": splits.label,
                "inside": inside,
                "covered": (10**lower <= scene.truth) & (scene.truth <= 10**upper),
                "width": 10**upper - 10**lower,
                "width_log": upper - lower,
                "r2": evaluation.scores["r2"],
                "r2_map": 1 - np.sum((scene.truth - 10**z) ** 2) / np.sum((scene.truth - scene.truth.mean()) ** 2),
                "told": told,
            }
        )
    return found


def _kriged(scene, names, args):
    """Regression kriging: its prediction and standard deviation at the pixels, log10 scale."""
    from soilcore.models.kriging_learners import RegressionKriging

    learner = RegressionKriging("rf", "log10", trials=0, parameters={"n_estimators": args.trees})
    learner.fit(scene.X, scene.y, coordinates=scene.xy)
    z = learner.predict_transformed(_frame(scene.pixels, names), scene.pixel_xy)
    spread = np.full(len(z), learner.residuals_.std(ddof=1))
    if learner.kriging_ is not None:
        _, variance = learner.kriging_.predict(scene.pixel_xy, variance=True)
        spread = np.sqrt(variance + learner.variogram_.nugget)
    return {"z": z, "spread": spread, "used": learner.kriging_ is not None}


def summaries(runs, args):
    """One row per design, scheme and method."""
    keys = list(dict.fromkeys((run["design"], run["cv"], run["method"]) for run in runs))
    return [_summary(key, [run for run in runs if (run["design"], run["cv"], run["method"]) == key]) for key in keys]


def _summary(key, runs):
    inside = np.concatenate([run["inside"] for run in runs])
    covered, width = np.concatenate([run["covered"] for run in runs]), np.concatenate([run["width"] for run in runs])
    scenes = [float(run["covered"][run["inside"]].mean()) for run in runs]
    pooled, good = float(covered[inside].mean()), sum(IN_SCENE[0] <= one <= IN_SCENE[1] for one in scenes)
    shares = [float(run["inside"].mean()) for run in runs]
    finite = np.isfinite(width) & inside
    row = {
        "design": key[0],
        "cv": key[1],
        "method": key[2],
        "coverage_inside": pooled,
        "coverage_outside": float(covered[~inside].mean()) if (~inside).any() else None,
        "scenes_in_range": good,
        "scenes": len(runs),
        "lowest": min(scenes),
        "highest": max(scenes),
        "aoa_share": float(inside.mean()),
        "aoa_share_lowest": min(shares),
        "width": float(width[finite].mean()),
        "width_log10": float(np.concatenate([run["width_log"] for run in runs])[finite].mean()),
        "told": None if runs[0]["told"] is None else float(np.mean([run["told"] for run in runs])),
        "r2_cv": float(np.mean([run["r2"] for run in runs])),
        "r2_map": float(np.mean([run["r2_map"] for run in runs])),
        "clustered_folds": sum("random" not in run["label"] for run in runs),
        "per_scene": scenes,
    }
    row["pass"] = POOLED[0] <= pooled <= POOLED[1] and good >= SCENES_NEEDED / 20 * len(runs) and row["aoa_share"] >= SHARE
    return row | (_beside_kriging(runs, inside, pooled) if runs[0]["kriged"] else {})


def _beside_kriging(runs, inside, coverage):
    """Width of regression kriging when one factor on all its standard deviations gives the same coverage over the same pixels."""
    truth = np.log10(np.concatenate([run["truth"] for run in runs]))[inside]
    z, spread = (np.concatenate([run["kriged"][name] for run in runs])[inside] for name in ("z", "spread"))
    factor = np.quantile(np.abs(truth - z) / spread, coverage)
    plain = float(np.mean(np.abs(truth - z) <= 1.6449 * spread))
    return {
        "kriging_width": float(np.mean(10 ** (z + factor * spread) - 10 ** (z - factor * spread))),
        "kriging_width_log10": float(np.mean(2 * factor * spread)),
        "kriging_factor": float(factor / 1.6449),
        "kriging_coverage_unscaled": plain,
        "kriging_used": sum(run["kriged"]["used"] for run in runs),
    }


def print_table(rows):
    """A line per row, and what is meant by its columns."""
    print(
        f"Target: {POOLED[0]:.0%}-{POOLED[1]:.0%} of the truth inside the area of applicability (AOA), all scenes pooled; "
        f"{IN_SCENE[0]:.0%}-{IN_SCENE[1]:.0%} in {SCENES_NEEDED} of 20 scenes; AOA at least {SHARE:.0%} of the land.\n"
    )
    print("design        folds   intervals        inside  in range  lowest-highest  outside  AOA   told   width  kriging  R2 cv/map   verdict")
    for row in rows:
        outside = "   -   " if row["coverage_outside"] is None else f"{row['coverage_outside']:7.1%}"
        told = "   -  " if row["told"] is None else f"{row['told']:6.1%}"
        kriging = f"{row['kriging_width']:7.2f}" if "kriging_width" in row else "      -"
        print(
            f"{row['design']:13s} {row['cv']:7s} {row['method']:16s} {row['coverage_inside']:6.1%}  {row['scenes_in_range']:2d}/{row['scenes']:2d}     "
            f"{row['lowest']:.1%}-{row['highest']:.1%}   {outside}  {row['aoa_share']:4.0%} {told} {row['width']:7.2f} {kriging}  "
            f"{row['r2_cv']:5.2f}/{row['r2_map']:5.2f}  {'pass' if row['pass'] else 'miss'}"
        )
    if "kriging_width" in rows[0]:
        print("\nRegression kriging at equal coverage (width in dS/m and on log10; factor its standard deviations needed; its 90 % unstretched):")
        for row in rows:
            print(
                f"{row['design']:13s} {row['cv']:7s} {row['method']:16s} {row['width']:6.2f} against {row['kriging_width']:6.2f} dS/m, "
                f"{row['width_log10']:.3f} against {row['kriging_width_log10']:.3f} log10; "
                f"factor {row['kriging_factor']:.2f}; {row['kriging_coverage_unscaled']:.1%} unstretched; kriged in {row['kriging_used']} scenes"
            )


if __name__ == "__main__":
    main()
