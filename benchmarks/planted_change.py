"""Whether a planted change is found in maps of two years, and how much is shown that is none: ``python benchmarks/planted_change.py``.

Synthetic coasts in which fields turned saline or were leached between 2021 and 2022, ECe by a factor of four (truth/change.tif); everywhere else
ECe wanders by an autoregression (0.25 in ln ECe). A forest learns 2025 from 240 samples; the maps of 2021 and 2025 are compared by the rules of
`change` and by two that need no interval: another USDA class, and a difference of more than two standard deviations. A hit is a planted pixel
called changed in the right direction; a false alarm is other land called changed. Beside it the maps of 2022 and 2025, between which nothing
was planted, and a map compared with itself.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

RULES = {"intervals apart (-1)": -1.0, "independent errors (0)": 0.0, "correlation 0.9": 0.9, "told by the maps": "maps"}
OTHERS = ("another class", "two standard deviations")
BEFORE, QUIET, AFTER = 2021, 2022, 2025


def main():
    """Measure every scene and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=5)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--samples", type=int, default=240)
    parser.add_argument("--level", type=float, default=0.9)
    parser.add_argument("--model", default="rf")
    args = parser.parse_args()
    rows = {name: [] for name in (*RULES, *OTHERS)}
    equal, told = [], []
    for seed in range(args.scenes):
        with tempfile.TemporaryDirectory() as folder:
            found, same, correlation = scene(Path(folder), seed, args)
        for name, row in found.items():
            rows[name].append(row)
        equal.append(same)
        told.append(correlation)
        print(f"scene {seed} done", file=sys.stderr)
    print("| rule | salinised found | leached found | of these in the wrong direction | other land called changed | quiet years called changed |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, values in rows.items():
        mean = 100 * np.mean(values, axis=0)
        print(f"| {name} | {mean[0]:.0f} % | {mean[1]:.0f} % | {mean[2]:.1f} % | {mean[3]:.1f} % | {mean[4]:.1f} % |")
    print(f"correlation of the errors as the maps tell it: {min(told):.2f} to {max(told):.2f}")
    print(f"a map compared with itself: at most {max(equal)} pixels called changed")


def scene(folder, seed, args):
    """Rates by rule; pixels called changed between a map and itself; the correlation that the maps tell."""
    from soilcore.data.landscape_files import make_coast

    coast = folder / "coast"
    make_coast(coast, args.size, samples=args.samples, dates=0, seed=seed)
    maps = mapped(coast, folder, args)
    truth = read(coast / "truth" / "change.tif")
    found = {}
    for name, correlation in RULES.items():
        facts = compared(maps[BEFORE], maps[AFTER], folder / "busy", correlation)
        quiet = compared(maps[QUIET], maps[AFTER], folder / "quiet", correlation)
        found[name] = rates(truth, facts[0], quiet[0])
        told = facts[1]
    for name, rule in zip(OTHERS, (by_class, by_deviation), strict=True):
        found[name] = rates(truth, rule(maps[BEFORE], maps[AFTER]), rule(maps[QUIET], maps[AFTER]))
    equal, _ = compared(maps[AFTER], maps[AFTER], folder / "equal", "maps")
    return found, int(np.isin(equal, (1, 2)).sum()), told


def mapped(coast, folder, args):
    """Maps of three years by one model."""
    from soilcore.data.imagery import SceneSettings
    from soilcore.data.samples import SampleSettings
    from soilcore.evaluation.splits import SplitSettings
    from soilcore.features.recipe import DEFAULT_INDEX_SETS, FeatureSettings
    from soilcore.models.settings import FitSettings
    from soilcore.project.settings import InputSettings, MapTask, TrainTask
    from soilcore.project.tasks import run_task

    def inputs(scene, samples=None):
        features = FeatureSettings(bands=True, index_sets=DEFAULT_INDEX_SETS, covariates=(str(coast / "dem.tif"),))
        return InputSettings(samples, SampleSettings(target="ece_dS_m"), SceneSettings((str(scene),), trusted=True), features, mask=None)

    model = str(folder / "model")
    samples = str(coast / "samples.csv")
    run_task(
        "train",
        TrainTask(
            inputs(coast / "scene.tif", samples), args.model, model, SplitSettings("knndm", folds=5), FitSettings("log1p", trials=0), permutations=0
        ),
    )
    maps = {year: folder / "maps" / f"{year}.tif" for year in (BEFORE, QUIET, AFTER)}
    for year, out in maps.items():
        run_task("map", MapTask(model, str(out), inputs(coast / "years" / f"{year}.tif"), interval=args.level))
    return maps


def compared(before, after, out, correlation):
    """Classes of change between two maps, and the correlation used."""
    from soilcore.project.change_settings import ChangeTask
    from soilcore.project.tasks import run_task

    task = ChangeTask((str(before), str(after)), str(out), ("2021", "2025"), correlation=correlation, overwrite=True)
    facts = run_task("change", task)
    return read(facts["layers"]["change"]), facts["correlation"]


def by_class(before, after):
    """Another class, without a look at the intervals."""
    from soilcore.core.classes import class_scheme

    a, b = (class_scheme("usda").assign(read(path)) for path in (before, after))
    return np.where((a < 0) | (b < 0), 255, np.where(b > a, 1, np.where(b < a, 2, 0)))


def by_deviation(before, after):
    """A difference on the scale of log(1 + ECe) of more than two standard deviations of all differences."""
    moved = np.log1p(read(after)) - np.log1p(read(before))
    away = (moved - np.nanmean(moved)) / np.nanstd(moved)
    return np.where(np.isnan(moved), 255, np.where(away > 2, 1, np.where(away < -2, 2, 0)))


def rates(truth, found, quiet):
    """Shares: found of salinised and of leached, wrong direction of both, called changed of other land, and of all land in quiet years."""
    salinised, leached, other = (found[(truth == kind) & (found != 255)] for kind in (1, 2, 0))
    wrong = np.concatenate([salinised == 2, leached == 1]).mean()
    return (salinised == 1).mean(), (leached == 2).mean(), wrong, (other != 0).mean(), (quiet[quiet != 255] != 0).mean()


def read(path):
    """The band of a raster."""
    import rasterio

    with rasterio.open(path) as raster:
        return raster.read(1)


if __name__ == "__main__":
    main()
