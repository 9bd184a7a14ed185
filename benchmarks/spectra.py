"""PLSR and the network for spectra on real and synthetic libraries, under the same splits.

    python benchmarks/spectra.py                       everything; hours of one core
    python benchmarks/spectra.py --parts nirsoil,mirzai,limesoda --epochs 60
    python benchmarks/spectra.py --parts synthetic --sizes 1500,5000 --seeds 3 --epochs 21

Real libraries come from ../shared/data (or $SOILCORE_SHARED_DATA): NIRsoil with its official split, the MIR sample of KSSL with exchangeable potassium,
and the LimeSoDa fields NRW.62 and O.32 with their published folds, beside the best of the four published learners (MLR, SVR, random forest, CatBoost).
The synthetic libraries have a known ceiling. Everything goes through the tasks that the command line runs.
"""

import argparse
import csv
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

DATA = Path(os.environ.get("SOILCORE_SHARED_DATA") or ROOT.parent / "shared" / "data")
PARTS = ("nirsoil", "mirzai", "limesoda", "synthetic")


def main():
    """Run the parts asked for and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--models", default="plsr,spectra-cnn")
    parser.add_argument("--epochs", type=int, help="at most; default: the network's own 201")
    parser.add_argument("--seeds", type=int, default=5, help="divisions of the synthetic libraries")
    parser.add_argument("--sizes", default="1500,5000", help="spectra of the synthetic libraries")
    parser.add_argument("--targets", default="", help="of NIRsoil and LimeSoDa; all if empty")
    parser.add_argument("--folds", type=int, default=10, help="where folds are drawn; inside an official split at most 5")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    print(f"load before {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, {args.jobs} threads", flush=True)
    for part in args.parts.split(","):
        {"nirsoil": nirsoil, "mirzai": mirzai, "limesoda": limesoda, "synthetic": synthetic}[part](args)
    print(f"load after {os.getloadavg()[0]:.1f}")


def library(path, target, group=None, **said):
    """What is asked of a file."""
    from soilcore.data.sample_set import SampleSettings
    from soilcore.data.spectra_set import SpectraSettings

    return SpectraSettings((str(path),), SampleSettings(target=target, **said), group=group)


def compare(args, spectra, scheme, transform="none", **options):
    """Facts of one comparison, and its seconds."""
    from soilcore.evaluation.splits import SplitSettings
    from soilcore.models.settings import FitSettings, NetworkSettings
    from soilcore.project.spectra_settings import SpectraCompareTask
    from soilcore.project.tasks import run_task

    network = NetworkSettings(epochs=args.epochs)
    fit = FitSettings(transform=transform, jobs=args.jobs, network=network)
    models = tuple(args.models.split(","))
    task = SpectraCompareTask(spectra, models, splits=SplitSettings(scheme, args.folds), fit=fit, permutations=0, **options)
    started = time.perf_counter()
    return run_task("spectra-compare", task), time.perf_counter() - started


def show(title, facts, seconds, extra=()):
    """One table."""
    print(f"\n### {title}: n = {facts['n']}, {facts['folds_label']}, {facts['transform']}, {seconds:.0f} s")
    print("| model | R2 | sd | R2 log10 | RMSE | CCC | RPIQ | 90 % intervals hold | width | alike | s |\n|" + " --- |" * 11)
    for row in facts["models"]:
        keys = ("r2", "r2_sd", "r2_log10", "rmse", "ccc", "rpiq", "coverage_90", "width_90", "aoa_share", "seconds")
        print(f"| {row['name']} | " + " | ".join(number(row.get(key)) for key in keys) + " |")
    for line in extra:
        print(line)
    sys.stdout.flush()


def number(value):
    """For a table."""
    return "-" if value is None else f"{value:.3g}"


def wanted(args, names):
    """Targets asked for."""
    asked = [name for name in args.targets.split(",") if name in names]
    return asked or names


def nirsoil(args):
    """The official split."""
    for target in wanted(args, ["Nt", "Ciso", "CEC"]):
        spectra = library(DATA / "spectra" / "NIRsoil.parquet", target)
        show(f"NIRsoil {target}", *compare(args, spectra, "split:train"))


def mirzai(args):
    """A hundred spectra of KSSL: exchangeable potassium above the detection limit of the paper."""
    path = DATA / "spectra" / "mirzai_kssl_mir_exK.parquet"
    spectra = library(path, "exK", "order_code", unit="cmol/kg", detection_limit=0.12)
    show("KSSL MIR, exchangeable K", *compare(args, spectra, "random", "log10"))


def limesoda(args):
    """Two fields with their published folds."""
    with open(DATA / "limesoda" / "published_results.csv", encoding="utf-8") as stream:
        published = list(csv.DictReader(stream))
    for field in ("NRW.62", "O.32"):
        for name in wanted(args, ["SOC", "pH", "Clay"]):
            spectra = library(DATA / "limesoda" / f"{field}.csv", f"{name}_target")
            best = max((row for row in published if row["Dataset"] == field and row["Property"] == name), key=lambda row: float(row["R2"]))
            said = f"best published: {best['learning_algorithm']} R2 {float(best['R2']):.3g}, RMSE {float(best['RMSE']):.3g}, CCC {float(best['CCC']):.3g}"
            show(f"{field} {name}", *compare(args, spectra, "folds:fold"), [said])


def synthetic(args):
    """Libraries with a known ceiling, and their learning curves."""
    from soilcore.data.landscape_files import make_spectra

    for size in map(int, args.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            make_spectra(Path(folder) / "library", samples=size, seed=1)
            spectra = library(Path(folder) / "library" / "spectra.csv", "kex_cmol_kg", "order")
            sizes = tuple(n for n in (100, 200, 500, 1000, 2000) if n < 0.6 * size)
            facts, seconds = compare(args, spectra, "holdout", "log10", seeds=args.seeds, curve=sizes)
        curve = facts["learning_curve"]
        rows = [
            f"{row['model']} with {row['n']}: R2 log10 {number(row['r2_log10'])}, R2 {number(row['r2'])} +- {number(row['r2_sd'])}"
            for row in curve["rows"]
        ]
        groups = [
            f"{row['name']} by group, RMSE (R2): " + ", ".join(f"{one['group']} {number(one['rmse'])} ({number(one['r2'])})" for one in row["groups"])
            for row in facts["models"]
        ]
        show(f"synthetic MIR library of {size}", facts, seconds, [*rows, *(crossing["verdict"] for crossing in curve["crossings"]), *groups])


if __name__ == "__main__":
    main()
