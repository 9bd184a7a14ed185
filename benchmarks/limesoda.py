"""The learner `auto` on ten LimeSoDa field sets beside the published learners: ``python benchmarks/limesoda.py``.

Thirty tasks (10 sets; SOC or SOM, pH, clay), the ten folds published with them, R2 of the pooled out-of-fold predictions. Predictors are all
columns but the fold, the targets and the coordinates, as ``compare --predictors all --cv folds:fold`` takes them; learners that know places
get the coordinates. Design choices of `auto` were made on the sets at odd positions of the alphabetical list (`DESIGN_SETS`) and are scored
on the others; both means are printed.

``--ablation`` adds what each ingredient brings, from the same fits. ``--permuted`` shuffles the target of one small set twenty times.
"""

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

DATA = Path(os.environ.get("SOILCORE_SHARED_DATA", ROOT.parent / "shared" / "data")) / "limesoda"
PUBLISHED = ("MLR", "SVR", "RF", "CatBoost")
SETS = ("B.204", "BB.250", "BB.72", "G.150", "MWP.36", "NRW.62", "O.32", "SC.93", "SM.40", "W.50")
DESIGN_SETS = SETS[::2]
PROPERTIES = ("SOC", "pH", "Clay")


def main():
    """Run the tasks and print the table."""
    args = _arguments()
    if args.permuted:
        _print_permuted(args)
    else:
        rows = _run([(name, prop, args.seed, None) for name in args.sets for prop in PROPERTIES], args.jobs)
        text = table_of(rows, args) + (ablation_of(rows) if args.ablation else "")
        print(text)
        if args.write:
            Path(args.write).write_text(text, encoding="utf-8")


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sets", type=lambda text: text.split(","), default=list(SETS))
    parser.add_argument("--jobs", type=int, default=1, help="tasks side by side, one core each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--permuted", metavar="SET", nargs="?", const="SM.40", help="shuffle the target of this set 20 times (SM.40)")
    parser.add_argument("--write", metavar="FILE", help="write the table here as well")
    return parser.parse_args()


def read(name):
    """Predictors, coordinates (or None), targets by property, fold of each sample."""
    table = pd.read_csv(DATA / f"{name}.csv")
    places = [column for column in table.columns if column.startswith(("x_", "y_")) and column[2:].isdigit()]
    targets = [column for column in table.columns if column.endswith("_target")]
    X = table.drop(columns=[*places, *targets, "fold"])
    coordinates = table[places].to_numpy(float) if places else None
    return X, coordinates, {column[: -len("_target")]: table[column].to_numpy(float) for column in targets}, table["fold"].to_numpy()


def score(task):
    """One task: name, property, seed, and the number of a shuffle of the target or None.

    Returns R2 of the pooled predictions, seconds per fit, notes, and for each way of `WAYS` the R2 that the same members give when weighed so:
    members do not know of each other, so that leaving some out needs no new fit.
    """
    from threadpoolctl import threadpool_limits

    from soilcore.models.auto import AutoModel

    name, prop, seed, shuffle = task
    X, coordinates, targets, folds = read(name)
    y = targets[prop] if shuffle is None else np.random.default_rng(shuffle).permutation(targets[prop])
    predicted, ways, notes, seconds = np.empty(len(y)), {way: np.empty(len(y)) for way in WAYS}, set(), 0.0
    with threadpool_limits(1):
        for fold in np.unique(folds):
            train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
            here, there = (None, None) if coordinates is None else (coordinates[train], coordinates[test])
            started = time.process_time()
            learner = AutoModel(random_state=seed, least_weight=0.0).fit(X.iloc[train], y[train], coordinates=here)
            seconds += time.process_time() - started
            views = learner.views_(X.iloc[test].to_numpy(float), there)
            each = {member: np.clip(fitted.predict(views), learner.low_, learner.high_) for member, fitted in learner.members_.items()}
            predicted[test] = _weighed(learner, each, y[train], AUTO)
            for way, how in WAYS.items():
                ways[way][test] = _weighed(learner, each, y[train], how)
            notes |= {learner.note_} - {""}
    fits = len(np.unique(folds))
    facts = {"set": name, "property": prop, "n": len(y), "columns": X.shape[1], "auto": r2(y, predicted), "seconds": seconds / fits}
    return {**facts, "notes": sorted(notes), "ways": {way: r2(y, values) for way, values in ways.items()}}


def _weighed(learner, each, z, how):
    """Predictions of the members that a way keeps, weighed as it says, at least 0 as `auto` has them."""
    from soilcore.models.auto_weights import without_small

    keep, weigh = how
    names = list(learner.weights_)
    kept = [position for position, name in enumerate(names) if keep(name) and name in each]
    if not kept:
        return np.full(len(next(iter(each.values()))), learner.mean_)
    weights = without_small(weigh(learner.Z_[:, kept], z), 0.01)
    blend = learner.mean_ + sum(w * (each[names[position]] - learner.mean_) for w, position in zip(weights, kept, strict=True))
    return np.maximum(blend, 0.0) if learner.nonnegative_ else blend


def r2(y, predicted):
    """1 - SSE / SST."""
    return float(1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def _by_error(Z, z):
    from soilcore.models.auto_weights import member_weights

    return member_weights(Z, z)


def _least_squares(Z, z):
    """Non-negative least squares on the centred predictions, sum at most 1."""
    from scipy.optimize import nnls

    weights, _ = nnls(Z - z.mean(), z - z.mean())
    return weights / max(weights.sum(), 1.0)


def _best(Z, z):
    errors = ((Z - z[:, None]) ** 2).mean(axis=0)
    return (np.arange(Z.shape[1]) == errors.argmin()).astype(float)


def _equal(Z, z):
    return np.full(Z.shape[1], 1 / Z.shape[1])


def _without(*words):
    return (lambda name: not any(word in name for word in words), _by_error)


def _only(*words):
    return (lambda name: any(word in name for word in words), _by_error)


AUTO = (lambda name: True, _by_error)
_PREPARED = ("snv", "derivative", "absorbance")
WAYS = {
    "without PLSR": _without("PLSR"),
    "without Gaussian processes": _without("Gaussian"),
    "without support vectors": _without("support"),
    "without random forest and boosted trees": _without("forest", "boosted"),
    "without places": _without("places", "a length per column"),
    "without preprocessed spectra (raw alone)": _without(*_PREPARED),
    "without raw spectra": _without("raw"),
    "PLSR alone": _only("PLSR"),
    "Gaussian processes alone": _only("Gaussian"),
    "support vectors alone": _only("support"),
    "trees alone": _only("forest", "boosted"),
    "the best member of the inner folds": (lambda name: True, _best),
    "equal weights": (lambda name: True, _equal),
    "weights by non-negative least squares": (lambda name: True, _least_squares),
}


def _run(tasks, jobs):
    if jobs == 1:
        return [_told(score(task)) for task in tasks]
    with ProcessPoolExecutor(jobs) as pool:
        return [_told(row) for row in pool.map(score, tasks)]


def _told(row):
    print(f"{row['set']} {row['property']}: {row['auto']:.3f}, {row['seconds']:.1f} s per fit", file=sys.stderr, flush=True)
    return row


def published():
    """R2 of the published learners, one row per set and property."""
    table = pd.read_csv(DATA / "published_results.csv").pivot_table(index=["Dataset", "Property"], columns="learning_algorithm", values="R2")
    table.index = [(name, "SOC" if prop == "SOM" else prop) for name, prop in table.index]
    return table[list(PUBLISHED)]


def table_of(rows, args):
    """The whole result as a Markdown text."""
    before = published()
    lines = [
        "# LimeSoDa: `auto` beside the published learners",
        "",
        f"`python benchmarks/limesoda.py` (seed {args.seed}, one core per task). R2 of the pooled predictions of the ten published folds; seconds of one core per fit.",
        "",
        "| set | property | n | columns | MLR | SVR | RF | CatBoost | best of four | mean of four | auto | auto - best | auto - mean | s |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        four = before.loc[[(row["set"], row["property"])]].to_numpy()[0]
        row |= {"best": four.max(), "mean": four.mean(), **dict(zip(PUBLISHED, four, strict=True))}
        numbers = [*four, row["best"], row["mean"], row["auto"], row["auto"] - row["best"], row["auto"] - row["mean"]]
        first = f"| {row['set']} | {row['property']} | {row['n']} | {row['columns']} | "
        lines.append(first + " | ".join(f"{number:.3f}" for number in numbers) + f" | {row['seconds']:.1f} |")
    return "\n".join([*lines, "", *_summary(pd.DataFrame(rows))]) + "\n"


def _summary(rows):
    design = rows["set"].isin(DESIGN_SETS)
    lines = ["| tasks | number | auto | best of four, hindsight | mean of four | CatBoost | s per fit |", "|---|---|---|---|---|---|---|"]
    for label, part in (("all", rows), ("sets of the design choices", rows[design]), ("other sets", rows[~design])):
        if len(part):
            means = [part[column].mean() for column in ("auto", "best", "mean", "CatBoost")]
            lines.append(f"| {label} | {len(part)} | " + " | ".join(f"{mean:.4f}" for mean in means) + f" | {part['seconds'].mean():.1f} |")
    gap = rows["auto"] - rows["mean"]
    worst = rows.loc[gap.idxmin()]
    lines += ["", f"Lowest against the mean of the four: {gap.min():+.3f} ({worst['set']}, {worst['property']})."]
    lines.append(f"At least the best of the four in {int((rows['auto'] >= rows['best']).sum())} of {len(rows)} tasks.")
    notes = sorted({note for notes in rows["notes"] for note in notes})
    return [*lines, f"Notes of the fits: {'; '.join(notes) if notes else 'none'}."]


def ablation_of(rows):
    """What each ingredient brings, as a Markdown text: mean R2 of the same fits with members left out or weighed otherwise."""
    rows = pd.DataFrame(rows)
    design = rows["set"].isin(DESIGN_SETS)
    lines = [
        "",
        "## What each ingredient brings",
        "",
        "Mean R2 with the same members, some left out or weighed otherwise; in brackets the difference to `auto`.",
        "",
    ]
    lines += ["| way | all | design sets | other sets | spectra | tables |", "|---|---|---|---|---|---|"]
    spectra = rows["columns"] > 100
    parts = [rows.index >= 0, design, ~design, spectra, ~spectra]
    for way in ("auto", *WAYS):
        values = rows["auto"] if way == "auto" else rows["ways"].map(lambda ways, way=way: ways[way])
        cells = [f"{values[part].mean():.4f} ({values[part].mean() - rows['auto'][part].mean():+.4f})" if part.any() else "" for part in parts]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _print_permuted(args):
    """R2 of `auto` where there is nothing to learn: 20 shuffled targets."""
    rows = _run([(args.permuted, "SOC", args.seed, number) for number in range(20)], args.jobs)
    r2 = np.array([row["auto"] for row in rows])
    facts = {"set": args.permuted, "permutations": len(r2), "r2_mean": r2.mean(), "r2_95": np.quantile(r2, 0.95), "r2_max": r2.max()}
    print(json.dumps(facts, default=float))


if __name__ == "__main__":
    main()
