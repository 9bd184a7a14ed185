"""Networks that read windows of imagery beside tabular learners, on a synthetic coast, all under the same spatial folds.

Run with ``python benchmarks/deep_models.py``. It makes a coast of 1536 x 1536 pixels of 10 m with 800 samples and 12 dates, divides the samples into
five folds of blocks of 3 km with 650 m between training and test windows, and scores SoilNetSmall, SS-SoilNet with its ablations and its
variant for maps, the stack, random forest, support vectors and the mean, with two seeds each and at most 40 epochs. Every finished model is
kept in ``--json FILE``; the same command goes on from there.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # the folder of benchmarks itself holds names of other packages

MODELS = (
    "mean",
    "svr",
    "rf",
    "stacking",
    "soilnet-small",
    "sssoilnet-index",
    "sssoilnet-spec-index",
    "sssoilnet-stack",
    "sssoilnet",
    "sssoilnet-dense",
)
FULL = "sssoilnet"


def landscape(folder, args):
    """The coast, made once."""
    from soilcore.data.landscape_files import make_coast

    if not (folder / "samples.csv").is_file():
        make_coast(folder, size=args.size, cell=args.cell, samples=args.samples, dates=args.dates, seed=args.landscape, overwrite=True)
    return folder


def task_of(folder, args):
    """Everything that is at hand: scene, elevation, seasons of the dates; the same samples and folds whichever models are scored."""
    from soilcore.data.imagery import SceneSettings
    from soilcore.data.samples import SampleSettings
    from soilcore.evaluation.splits import SplitSettings
    from soilcore.features.recipe import FeatureSettings
    from soilcore.models.settings import FitSettings, NetworkSettings
    from soilcore.project.settings import CompareTask, InputSettings

    features = FeatureSettings(
        dem=str(folder / "dem.tif"), series=str(folder / "dates"), climate=str(folder / "climate") if args.climate else None, climate_months=0
    )
    inputs = InputSettings(str(folder / "samples.csv"), SampleSettings(target=args.target), SceneSettings((str(folder / "scene.tif"),)), features)
    fit = FitSettings(transform=args.transform, trials=args.trials, device=args.device, jobs=args.jobs, network=NetworkSettings(epochs=args.epochs))
    return CompareTask(inputs, MODELS, SplitSettings("block", args.folds, block_size=args.block), fit)


def scored(name, task, prepared, seed):
    """Out-of-fold score of one learner with one seed."""
    from dataclasses import replace

    from soilcore.evaluation.protocol import evaluate
    from soilcore.project.scoring import learner_of

    learner = learner_of(name, replace(task.fit, seed=seed), prepared.table)
    found = evaluate(learner, prepared.table.X, prepared.table.y, prepared.splits_for(name), name=name, report=Progress(), keep_learners=True)
    row = {key: found.scores[key] for key in ("r2", "rmse", "mae", "ccc", "r2_log10")}
    folds = [fold["rmse"] for fold in found.folds]
    return row | {"seconds": found.seconds, "rmse_folds": folds, "epochs": _epochs(found.learners), "predicted": found.out_of_fold[0].tolist()}


def _epochs(learners):
    histories = [history for learner in learners for history in getattr(learner, "history_", ())]
    return [len(history.rows) for history in histories]


class Progress:
    """Prints how far a fit is, at most every ten seconds."""

    def __init__(self):
        self.last = time.monotonic()

    def __call__(self, done, total, message):
        """Listen."""
        if time.monotonic() - self.last > 10:
            self.last = time.monotonic()
            print(f"    {100 * done / total:3.0f} %  {message}", file=sys.stderr, flush=True)


def paired(results, splits, observed):
    """SS-SoilNet against each of the others over the folds, with a test that knows that folds share training samples."""
    from types import SimpleNamespace

    from soilcore.evaluation.paired import paired_tests

    runs = {
        name: [SimpleNamespace(observed=observed, out_of_fold=np.atleast_2d(row["predicted"]), splits=splits) for row in seeds.values()]
        for name, seeds in results.items()
    }
    return paired_tests(runs, FULL) if FULL in runs and len(runs) > 1 else []


def table(results, observed):
    """The scores as Markdown, mean and standard deviation over the seeds."""
    lines = ["| model | R2 | RMSE | MAE | CCC | R2 (log10) | epochs | seconds per seed |", "| --- | --- | --- | --- | --- | --- | --- | --- |"]
    for name, seeds in results.items():
        rows = list(seeds.values())
        shown = [_spread([row[key] for row in rows], places) for key, places in (("r2", 3), ("rmse", 2), ("mae", 2), ("ccc", 3), ("r2_log10", 3))]
        epochs = [count for row in rows for count in row["epochs"]]
        lines.append(
            f"| {name} | {' | '.join(shown)} | {f'{np.mean(epochs):.0f}' if epochs else '-'} | {np.mean([row['seconds'] for row in rows]):.0f} |"
        )
    return "\n".join([*lines, "", f"n = {observed.size}, standard deviation of the target {observed.std():.2f}"])


def _spread(values, places):
    values = [np.nan if value is None else value for value in values]
    return f"{np.mean(values):.{places}f}" + (f" ± {np.std(values, ddof=1):.{places}f}" if len(values) > 1 else "")


def main():
    """Make the coast, score every model with every seed, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--size", type=int, default=1536)
    parser.add_argument("--cell", type=float, default=10.0)
    parser.add_argument("--samples", type=int, default=800)
    parser.add_argument("--dates", type=int, default=12)
    parser.add_argument("--landscape", type=int, default=0, help="seed of the coast")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--block", type=float, default=3000.0)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--jobs", type=int, default=2, help="threads")
    parser.add_argument("--trials", type=int, default=5)
    parser.add_argument("--target", default="ece_dS_m")
    parser.add_argument("--transform", default="log1p")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--climate", action="store_true")
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--folder", default="deep-models-coast", help="where the coast is kept")
    parser.add_argument("--json", default="deep-models.json")
    args = parser.parse_args()
    from soilcore.core.threads import wait_quietly

    wait_quietly()
    from soilcore.project.scoring import prepare

    folder = landscape(Path(args.folder), args)
    task = task_of(folder, args)
    started = time.perf_counter()
    prepared = prepare(task, Progress(), task.models)
    print(f"inputs: {time.perf_counter() - started:.0f} s; {prepared.splits.label}; {prepared.splits.sizes} tested per fold", flush=True)
    for sentence in prepared.assumed[-3:]:
        print(f"  {sentence}")
    kept = Path(args.json)
    results = json.loads(kept.read_text()) if kept.is_file() else {}
    for seed in args.seeds:
        for name in args.models:
            if str(seed) in results.get(name, {}):
                continue
            results.setdefault(name, {})[str(seed)] = scored(name, task, prepared, seed)
            kept.write_text(json.dumps(results))
            row = results[name][str(seed)]
            print(f"{name}, seed {seed}: R2 {row['r2']:.3f}, RMSE {row['rmse']:.2f}, {row['seconds']:.0f} s", flush=True)
    results = {name: results[name] for name in args.models}
    print(table(results, prepared.table.y))
    print(f"\n{FULL} against the others over the folds, difference in R2 (positive: {FULL} is better):")
    for row in paired(results, prepared.splits, prepared.table.y):
        print(
            f"  {row['name']}: {row['difference']:+.3f}, 90 % interval {row['low']:+.3f} to {row['high']:+.3f}, p = {row['p']:.2f} "
            f"({row['p_family']:.2f} for all together), better in {row['folds_better']} of {row['folds']} folds"
        )


if __name__ == "__main__":
    main()
