"""The leakage report: every way in which test samples are commonly known beforehand, what was checked of it, and what was found."""

import numpy as np

from soilcore.core.progress import part, silent
from soilcore.evaluation.leakage_checks import SAME_PLACE_METRES, leakage_checks
from soilcore.evaluation.repeated_groups import found_groups, repeated_unit_findings
from soilcore.trust.isolation import check_isolation
from soilcore.trust.permutation import NO_SKILL, PERMUTATIONS, in_groups, permuted_scores

CHEAP_SECONDS = 20.0  # what the automatic report may add to a training, or to a comparison of several learners
_SHARE_OF_REFIT = 0.15  # of the time of a report, for the progress bar
_FEW_IDS = 10
_FEW_TRAINING = 300  # samples a slow learner is fitted on to see whether test rows matter
_FEWEST_PERMUTATIONS = 3  # of a network, whose every fit is dear


def leakage_report(
    learner, X, y, splits, evaluation=None, table=None, permutations="auto", *, models=1, nearer_than=SAME_PLACE_METRES, seed=0, report=silent
):
    """Check a learner, a table and a division of it for leakage.

    Parameters
    ----------
    learner : estimator
        Unfitted.
    X : DataFrame or ndarray of shape (n_samples, n_features)
        Predictors.
    y : ndarray of float, shape (n_samples,)
        Target, original unit.
    splits : Splits
    evaluation : Evaluation, optional
        Of this learner on these folds: tells how long a fit takes, and its learner of the first fold saves one.
    table : pandas.DataFrame of n_samples rows, optional
        The samples with their other columns: ids of sites, campaigns, years.
    permutations : int, "auto" or None
        How often the target is permuted and the learner scored anew. "auto" or None: 20 times where that is estimated to take less than 20 s, or its
        part of 20 s for each of several models (networks: as often as fits into that time, at least 3 times or not at all); 0: never.
    models : int
        How many learners were scored on these folds.
    nearer_than : float
        Metres below which two samples are one place: the size of a pixel.
    seed : int
    report : Report

    Returns
    -------
    list of dict
        ``check`` (stable name), ``ok`` (None where it was not run or cannot be known), ``detail`` (sentences).
    """
    y = np.asarray(y, dtype=float)
    simple = {row["check"]: row for row in leakage_checks(X, y, splits, splits.coordinates, nearer_than)}
    groups = splits.repeated if splits.repeated is not None else found_groups(X, table, splits.coordinates)
    seconds = None if evaluation is None else evaluation.seconds / splits.n_repeats
    fitted, seconds = _fitted_inside(learner, X, y, splits, evaluation, seconds, permutations, seed, part(report, 0, _SHARE_OF_REFIT))
    cheap = CHEAP_SECONDS / models
    permuted = _permuted(learner, X, y, splits, permutations, cheap, seconds, seed, part(report, _SHARE_OF_REFIT, 1 - _SHARE_OF_REFIT))
    return [
        permuted,
        fitted,
        _repeated_units(groups, splits),
        simple["duplicates-across-folds"],
        simple["same-place-across-folds"],
        simple["groups-kept-whole"],
        _windows(splits),
        simple["predictor-gives-away-target"],
        _used_once(splits, models),
        simple["coordinates-as-predictors"],
        _grouping_ids(table, splits, groups),
    ]


def _fitted_inside(learner, X, y, splits, evaluation, seconds, permutations, seed, report):
    """The row on what is fitted where, and the seconds one scoring takes."""
    check = "fitted-inside-folds"
    if permutations == 0:
        detail = "Every learner is made anew from the training samples of each fold. Fitting again with altered test samples was not asked for."
        return {"check": check, "ok": None, "detail": detail}, seconds
    costly = seconds is not None and 2 * seconds / splits.n_folds > CHEAP_SECONDS / 2
    if costly and is_network(learner) and not isinstance(permutations, int):
        once = _seconds_of_check(seconds, splits)
        if once > CHEAP_SECONDS:
            detail = (
                "Every network is made anew from the training samples of each fold, with its scaling and the samples that stop it early. "
                f"Not checked by fitting again, which would take about {_duration(once)}: ask for it with --permutations {_FEWEST_PERMUTATIONS}."
            )
            return {"check": check, "ok": None, "detail": detail}, seconds
    kept = evaluation.learners[0] if evaluation is not None and evaluation.learners else None
    found = check_isolation(learner, X, y, splits, kept, most=_FEW_TRAINING if costly else None, seed=seed, report=report)
    parts = f"The model and its {_listed(found.fitted)} are" if found.fitted else "The model is"
    words = f"{parts} fitted inside each fold. "
    if found.same:
        words += f"Checked on the first: with other values in all its test rows, the predictions of {found.rows} training samples stay the same to the last bit."
    elif found.same is None:
        words += "Two fits on the same samples differ (a time limit, or threads), so it cannot be checked bit by bit whether test rows matter."
    else:
        words = f"Leakage: with other values in the test rows, predictions of the training samples change by up to {found.difference:.3g}."
    return {"check": check, "ok": found.same, "detail": words}, found.seconds * splits.n_folds if seconds is None else seconds


def _permuted(learner, X, y, splits, permutations, cheap, seconds, seed, report):
    check, automatic = "target-permutation", not isinstance(permutations, int)
    count = PERMUTATIONS if automatic else permutations
    wanted = count
    if automatic and is_network(learner):
        count, wanted = int(np.clip(cheap / max(seconds, 1e-9), _FEWEST_PERMUTATIONS, PERMUTATIONS)), _FEWEST_PERMUTATIONS
    if count == 0:
        return {"check": check, "ok": None, "detail": f"Not asked for. Run it with --permutations {PERMUTATIONS}."}
    if automatic and count * seconds > cheap:
        detail = f"Not run: {wanted} permutations would take about {_duration(wanted * seconds)}. Ask for it with --permutations {wanted}."
        return {"check": check, "ok": None, "detail": detail}
    scores = permuted_scores(learner, X, y, splits, count, seed=seed, report=report)
    reached = float(np.quantile(scores, 0.95))
    what = "whole groups" if in_groups(splits) else "samples"
    words = f"With the target permuted {count} times ({what}), R2 is {np.median(scores):.2f} in the middle and {reached:.2f} at the 95 % quantile"
    ok = reached <= NO_SKILL
    return {"check": check, "ok": ok, "detail": f"{words}: {'no skill out of nothing' if ok else f'more than {NO_SKILL}, skill out of nothing'}."}


def is_network(learner):
    """Whether a learner is one whose fit takes minutes: it reads windows, or has learned features."""
    return getattr(learner, "uses_surroundings", False) or callable(getattr(learner, "embed", None))


def _seconds_of_check(seconds, splits):
    """What fitting again would take: once where the first fold's learner is used, twice where samples are drawn from it."""
    train = splits.folds(0)[0][0].size
    part_of = min(1.0, _FEW_TRAINING / train)
    return seconds / splits.n_folds * part_of * (2 if train > _FEW_TRAINING else 1)


def _windows(splits):
    """Whether windows of test samples share pixels with windows of training samples (first repeat)."""
    from soilcore.features.patches import patch_overlap

    check, around = "patch-windows-overlap", splits.surroundings
    side = 0.0 if around is None else around.reach_m
    if not side > 0:
        return {"check": check, "ok": None, "detail": "Not applicable: predictors are values at the samples, not windows of an image."}
    found = patch_overlap(np.asarray(around), side, splits.folds(0))
    apart = f"centres {found['buffer_axis_m']:.0f} m apart along x or y, or {found['buffer_m']:.0f} m in any direction"
    if not found["overlapping"]:
        near = "" if found["nearest_m"] is None else f"; the nearest two lie {found['nearest_m']:.0f} m apart along x or y"
        return {"check": check, "ok": True, "detail": f"No window of a test sample ({side:.0f} m wide) overlaps one of a training sample{near}."}
    worst = max(found["folds"], key=lambda row: row["overlapping"] / max(row["tested"], 1))
    detail = (
        f"{found['overlapping']} of {found['tested']} test samples have a window ({side:.0f} m wide) that shares pixels with a training sample's, "
        f"up to {worst['overlapping'] / worst['tested']:.0%} in one fold: the scores may flatter. "
        f"Windows are apart with {apart}: use --cv block with --buffer {found['buffer_m']:.0f}, or blocks much larger than that."
    )
    return {"check": check, "ok": False, "detail": detail}


def _repeated_units(groups, splits):
    findings = repeated_unit_findings(groups, splits)
    if findings:
        return {"check": "repeated-units", "ok": False, "detail": f"{findings[0].message} {findings[0].fix}"}
    whole = " All of them lie in one fold each." if groups.n_repeated else ""
    return {"check": "repeated-units", "ok": True, "detail": f"{groups.detail}{whole}"}


def _used_once(splits, models):
    draws = (
        f"The score is the mean of {splits.n_repeats} divisions, with its spread"
        if splits.n_repeats > 1
        else "The folds were drawn once, by the seed"
    )
    if models == 1:
        return {"check": "test-set-used-once", "ok": True, "detail": f"{draws}; one model was scored, and nothing was chosen by its score."}
    detail = f"{draws}. {models} models were scored on the same folds: the best one's score is flattered by the choice. Confirm it on samples of an own file."
    return {"check": "test-set-used-once", "ok": None, "detail": detail}


def _grouping_ids(table, splits, groups):
    """How many sites, campaigns or years stand behind a score, and whether the folds divide them."""
    check = "grouping-ids"
    ids = {} if table is None else _id_columns(table, groups.column)
    if not ids:
        return {"check": check, "ok": None, "detail": "The table names no site, profile, campaign or year by which samples belong together."}
    said, divided = [], []
    for name, codes in ids.items():
        count = int(codes.max()) + 1
        few = ": a score about so few says little of others" if count < _FEW_IDS else ""
        said.append(f"{name!r} has {count} different values for {codes.size} samples{few}")
        divided += [name] if any(_divided(codes, folds) for folds in splits.assignments) else []
    words = "; ".join(said) + "."
    if divided:
        words += (
            f" The folds divide {_listed([repr(name) for name in divided])}; --cv group:{divided[0]} tells how good predictions are for new ones."
        )
    return {"check": check, "ok": None if divided else True, "detail": words}


def _id_columns(table, found):
    """Columns that say which samples belong together, by name or by what was found, with their codes; those with a value per sample say nothing."""
    import pandas as pd

    from soilcore.data.columns import role_columns

    names = list(table.columns)
    chosen = dict.fromkeys([*([found] if found else []), *role_columns(names, "group"), *role_columns(names, "date")])
    codes = {name: pd.factorize(table[name])[0] for name in chosen}
    return {name: code for name, code in codes.items() if 2 <= int(code.max(initial=-1)) + 1 < 0.9 * len(table)}


def _divided(codes, folds):
    pairs = np.unique(np.column_stack([codes, folds])[codes >= 0], axis=0)
    return len(pairs) > np.unique(pairs[:, 0]).size


def _duration(seconds):
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _listed(words):
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
