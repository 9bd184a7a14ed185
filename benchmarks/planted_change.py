"""Whether a planted change is found in maps of two years, and how much is shown that is none: ``python benchmarks/planted_change.py``.

Synthetic coasts in which fields turned saline or were leached between 2021 and 2022, ECe by a factor of four (truth/change.tif); everywhere else
ECe wanders by an autoregression (0.25 in ln ECe). A forest learns 2025 from 240 samples; the maps of 2021 and 2025 are compared by the rules of
`change` and by two that need no interval: another USDA class, and a difference of more than two standard deviations. A hit is a planted pixel
called changed in the right direction; a false alarm is other land called changed, and its share in what is shown is what the rules with a false
discovery rate limit. Beside it the maps of 2022 and 2025, between which nothing was planted, and a map compared with itself.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

RULES = {
    "intervals apart (-1)": (-1.0, None),
    "independent errors (0)": (0.0, None),
    "correlation 0.9": (0.9, None),
    "told by the maps": ("maps", None),
    "at most 5 % of the shown false": ("maps", 0.05),
    "at most 10 % of the shown false": ("maps", 0.1),
    "at most 20 % of the shown false": ("maps", 0.2),
}
OTHERS = ("another class", "two standard deviations")
BEFORE, QUIET, AFTER = 2021, 2022, 2025


def main():
    """Measure every scene and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=5)
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first scene (default 0)")
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--samples", type=int, default=240)
    parser.add_argument("--level", type=float, default=0.9)
    parser.add_argument("--model", default="rf")
    args = parser.parse_args()
    rows = {name: [] for name in (*RULES, *OTHERS)}
    equal, told, limits = [], [], {name: [] for name in RULES}
    for seed in range(args.first, args.first + args.scenes):
        with tempfile.TemporaryDirectory() as folder:
            found, same, correlation, thresholds = scene(Path(folder), seed, args)
        for name, row in found.items():
            rows[name].append(row)
        for name, pair in thresholds.items():
            limits[name].append(pair)
        equal.append(same)
        told.append(correlation)
        print(f"scene {seed} done", file=sys.stderr)
    table(rows)
    print(f"correlation of the errors as the maps tell it: {min(told):.2f} to {max(told):.2f}")
    for name, pairs in limits.items():
        if RULES[name][1] is not None:
            busy, quiet = (", ".join("none" if one is None else f"{one:.2f}" for one in kind) for kind in zip(*pairs, strict=True))
            print(f"{name}: limits in joint intervals {busy}; between quiet years {quiet}")
    print(f"a map compared with itself: at most {max(equal)} pixels called changed")


def table(rows):
    """Print the mean over the scenes; the share of false land among the shown is that of all scenes together."""
    print(
        "| rule | salinised found | leached found | of these in the wrong direction | other land called changed | of the shown, false | quiet years |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, values in rows.items():
        mean = np.mean(values, axis=0)
        shares = 100 * mean[:5]
        false = f"{100 * mean[5] / mean[6]:.0f} %" if mean[6] else "-"
        print(f"| {name} | {shares[0]:.0f} % | {shares[1]:.0f} % | {shares[2]:.1f} % | {shares[3]:.1f} % | {false} | {shares[4]:.1f} % |")


def scene(folder, seed, args):
    """Rates by rule; pixels called changed between a map and itself; the correlation that the maps tell; limits of both pairs by rule."""
    from soilcore.data.landscape_files import make_coast

    coast = folder / "coast"
    make_coast(coast, args.size, samples=args.samples, dates=0, seed=seed)
    maps = mapped(coast, folder, args)
    truth = read(coast / "truth" / "change.tif")
    found, limits, told = {}, {}, None
    for name, rule in RULES.items():
        busy, facts = compared(maps[BEFORE], maps[AFTER], folder / "busy", *rule)
        quiet, quiet_facts = compared(maps[QUIET], maps[AFTER], folder / "quiet", *rule)
        found[name] = rates(truth, busy, quiet)
        limits[name] = facts["threshold"], quiet_facts["threshold"]
        told = facts["correlation"]
    for name, rule in zip(OTHERS, (by_class, by_deviation), strict=True):
        found[name] = rates(truth, rule(maps[BEFORE], maps[AFTER]), rule(maps[QUIET], maps[AFTER]))
    equal = [compared(maps[AFTER], maps[AFTER], folder / "equal", "maps", share)[0] for share in (None, 0.1)]
    return found, int(np.isin(equal, (1, 2)).sum()), told, limits


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


def compared(before, after, out, correlation, false_changes):
    """Classes of change between two maps, and the facts of the comparison."""
    from soilcore.project.change_settings import ChangeTask
    from soilcore.project.tasks import run_task

    rule = {"correlation": correlation, "false_changes": false_changes}
    facts = run_task("change", ChangeTask((str(before), str(after)), str(out), ("2021", "2025"), overwrite=True, **rule))
    return read(facts["layers"]["change"]), facts


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
    """Shares: found of salinised and of leached, wrong direction of both, called changed of other land, and of all land in quiet years.

    Then the pixels shown as changed that did not change or did the other way round, and all that are shown.
    """
    salinised, leached, other = (found[(truth == kind) & (found != 255)] for kind in (1, 2, 0))
    wrong = np.concatenate([salinised == 2, leached == 1]).mean()
    shares = (salinised == 1).mean(), (leached == 2).mean(), wrong, (other != 0).mean(), (quiet[quiet != 255] != 0).mean()
    shown = sum((kind != 0).sum() for kind in (salinised, leached, other))
    return *shares, shown - (salinised == 1).sum() - (leached == 2).sum(), shown


def read(path):
    """The band of a raster."""
    import rasterio

    with rasterio.open(path) as raster:
        return raster.read(1)


if __name__ == "__main__":
    main()
