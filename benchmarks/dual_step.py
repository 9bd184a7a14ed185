"""The dual-step comparison at continental size: 22,000 samples, 42 covariates, 10 folds.

Run with ``python benchmarks/dual_step.py``. It makes the synthetic continental table, runs the task ``dual-step`` on ECe (threshold 2 dS/m, seven
classifiers compared, both mixes, single regressions, all under the same folds) and prints time, CPU time, peak memory, scores and the verdict.
``--samples``, ``--folds``, ``--trials`` and ``--jobs`` change the size; ``--json FILE`` keeps everything.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # the folder of benchmarks itself holds names of other packages


def settings(table, args):
    """The task: all 42 covariates by name, ECe by texture class."""
    from soilcore.core.tables import load_table
    from soilcore.data.samples import SampleSettings
    from soilcore.evaluation.splits import SplitSettings
    from soilcore.features.recipe import FeatureSettings
    from soilcore.models.settings import DualStepSettings, FitSettings
    from soilcore.project.settings import DualStepTask, InputSettings

    columns = tuple(load_table("continental")["covariates"])
    samples = SampleSettings(target="ec_1_5_dS_m", unit="dS/m", extract="1:5", convert="ECe")
    fit = FitSettings(trials=args.trials, jobs=args.jobs, dual_step=DualStepSettings(at=args.at if args.at == "search" else float(args.at)))
    return DualStepTask(
        InputSettings(str(table), samples, features=FeatureSettings(columns=columns)), SplitSettings(args.cv, args.folds), fit, tuple(args.singles)
    )


def number(value):
    """A score, or a dash where it is not defined: no logarithm of a prediction of 0."""
    return "-" if value is None else f"{value:.3f}"


class Progress:
    """Prints a line when the message changes its first words, with the seconds so far."""

    def __init__(self, started):
        self.started, self.last = started, None

    def __call__(self, done, total, message):
        """Listen."""
        words = message.split(":")[0]
        if words != self.last:
            print(f"{time.perf_counter() - self.started:7.0f} s  {100 * done / total:3.0f} %  {message}", file=sys.stderr, flush=True)
            self.last = words


def main():
    """Make the table, run the task, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--samples", type=int, default=22_000)
    parser.add_argument("--folds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--at", default="2")
    parser.add_argument("--cv", default="random")
    parser.add_argument("--singles", nargs="+", default=["xgboost", "rf"])
    parser.add_argument("--json")
    args = parser.parse_args()

    from soilcore.data.landscape_files import make_continental
    from soilcore.project.tasks import run_task

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        make_continental(Path(folder) / "demo", samples=args.samples)
        made, cpu = time.perf_counter(), time.process_time()
        print(f"table of {args.samples} samples: {made - started:.1f} s", flush=True)
        facts = run_task("dual-step", settings(Path(folder) / "demo" / "table.csv", args), Progress(made))
    seconds, cpu = time.perf_counter() - made, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"task: {seconds:.0f} s wall, {cpu:.0f} s of processors, peak memory {peak:.0f} MB")
    for row in facts["classifiers"]:
        print(
            f"  {row['name']:12s} precision {row['precision']:.3f} recall {row['recall']:.3f} F1 {row['f1']:.3f} AUC {row['auc']:.3f} Brier {row['brier']:.4f}"
        )
    for row in facts["models"]:
        print(
            f"  {row['name']:18s} R2 {row['r2']:.3f} RMSE {row['rmse']:.3f} MAE {row['mae']:.3f} R2 log10 {number(row['r2_log10'])} {row['seconds']:.0f} s"
        )
    print(facts["verdict"])
    if args.json:
        Path(args.json).write_text(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak, **facts}), encoding="utf-8")


if __name__ == "__main__":
    main()
