"""Splits drawn for several seeds: scores with their spread, intervals, learning curves, and global against local training."""

from dataclasses import replace

import numpy as np

from soilcore.core.progress import labelled, part, silent
from soilcore.evaluation.epoch_curves import losses_by_group
from soilcore.evaluation.holdout import Holdout, draw_holdouts
from soilcore.evaluation.metrics import interval_scores
from soilcore.evaluation.spectral_curves import curve_sizes, distribution, spectral_curves
from soilcore.models.learner import seeds_of
from soilcore.project.spectra_fitting import SCORES, fit_and_test, groups_over_seeds, scores_of
from soilcore.trust.applicability import outlier_limit
from soilcore.trust.interval_base import Common, floor_of, in_own_unit, on_modelling_scale, transform_of
from soilcore.trust.interval_residuals import ConformalInterval

LEVEL = 0.9
_FEWEST_LOCAL = (40, 5)  # spectra of a group to fit and to test on


def score_by_seeds(candidate, table, holdouts, seed=0, report=silent):
    """Score a learner on several divisions.

    Parameters
    ----------
    candidate : Candidate
    table : SpectralTable
    holdouts : sequence of Holdout
    seed : int
        The learner's own seeds derive from it.
    report : Report

    Returns
    -------
    row : dict
        Its line of a comparison: mean over the divisions, ``r2_sd``, ``r2_log10_sd``, ``rmse_sd``, ``r2_folds`` one by one, scores by ``groups``,
        ``distribution``, ``training`` (losses by epoch of each division), ``losses_by_group`` (their mean by group, see
        `soilcore.evaluation.epoch_curves.losses_by_group`).
    tested : list of Tested
    """
    tested = []
    for number, (holdout, own) in enumerate(zip(holdouts, seeds_of(seed, len(holdouts)), strict=True)):
        label = f"{candidate.name}: split {number + 1} of {len(holdouts)}"
        mine = labelled(part(report, number / len(holdouts), 1 / len(holdouts)), label)
        mine(0, 1, label)
        tested.append(fit_and_test(candidate, table, holdout, mine, seed=own, dissimilar=True))
    reached = [scores_of(table.y[one.test], one.predicted) for one in tested]
    observed, predicted = np.concatenate([table.y[one.test] for one in tested]), np.concatenate([one.predicted for one in tested])
    training = [{"seed": holdout.seed, "rows": list(one.history)} for holdout, one in zip(holdouts, tested, strict=True) if one.history]
    row = {
        "name": candidate.name,
        **{key: float(np.mean([scores[key] for scores in reached])) for key in SCORES},
        "r2_folds": [scores["r2"] for scores in reached],
        **{f"{key}_sd": _sd([scores[key] for scores in reached]) for key in ("r2", "r2_log10", "rmse")},
        "r2_low": None,
        "r2_high": None,
        **_trust_of(candidate, table, tested),
        "seconds": float(sum(one.seconds for one in tested)),
        "r2_random": None,
        "groups": groups_over_seeds(table.y, table.labels, tested),
        "distribution": distribution(observed, predicted),
        "told": [one.told for one in tested],
        "training": training,
        "losses_by_group": None if table.labels is None else losses_by_group(training, "divisions"),
    }
    return row, tested


def _sd(values):
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def errors_of(candidate, table, one):
    """Absolute errors on the modelling scale."""
    learner = candidate.learner
    return np.abs(on_modelling_scale(learner, one.predicted) - transform_of(learner).forward(table.y[one.test]))


def _trust_of(candidate, table, tested):
    """Coverage, width and share inside the area: those of each division set by the tests of the others, on other samples."""
    names = ("coverage_90", "width_90", "aoa_share")
    if len(tested) < 2:
        return dict.fromkeys(names)
    held, widths, inside = [], [], []
    for number, one in enumerate(tested):
        errors, di = calibration(candidate, table, tested[:number] + tested[number + 1 :], without=one.test)
        if di is not None and one.di is not None:
            inside.append(one.di <= outlier_limit(di))
        if errors.size < 2:
            continue
        lower, upper = own_bounds(candidate, table, errors, one.predicted)
        finite = np.isfinite(upper - lower)
        scores = interval_scores(table.y[one.test], lower, upper, 1 - LEVEL)
        held.append(scores["picp"])
        widths += [float((upper - lower)[finite].mean())] if finite.any() else []
    shares = (held, widths, [part_of.mean() for part_of in inside])
    return {name: float(np.mean(values)) if values else None for name, values in zip(names, shares, strict=True)}


def calibration(candidate, table, tested, without=()):
    """One error and one dissimilarity of each sample that was tested, from the first division that tested it.

    Parameters
    ----------
    without : array-like of int
        Positions that are left out.

    Returns
    -------
    errors : ndarray of float
        Modelling scale.
    di : ndarray of float or None
    """
    rows = np.concatenate([one.test for one in tested])
    errors = np.concatenate([errors_of(candidate, table, one) for one in tested])
    _, first = np.unique(rows, return_index=True)
    first = first[~np.isin(rows[first], without)]
    known = all(one.di is not None for one in tested) and first.size > 1
    return errors[first], np.concatenate([one.di for one in tested])[first] if known else None


def own_bounds(candidate, table, errors, predicted, level=LEVEL):
    """Bounds in the target's own unit from calibrated errors."""
    learner = candidate.learner
    floor = floor_of(learner, table.y)
    interval = ConformalInterval(Common(LEVEL, errors.size, floor), errors)
    bounds = interval.bounds(None, on_modelling_scale(learner, predicted), level)
    return [in_own_unit(transform_of(learner), bool(table.y.min() >= 0), bound) for bound in bounds]


def curves(chosen, table, division, task, report=silent):
    """Learning curves of all candidates on the same growing parts; one fixed test set per seed.

    Returns
    -------
    dict
        See `soilcore.evaluation.spectral_curves.spectral_curves`.
    """
    holdouts = holdouts_of(table, division, task)
    own = seeds_of(task.fit.seed, len(holdouts))

    def scored_by(candidate):
        def fit_predict(train, validation, test, seed, inner):
            one = fit_and_test(candidate, table, Holdout(train, validation, test, seed), inner, seed=own[seed])
            return table.y[test], one.predicted

        return fit_predict

    sizes = curve_sizes(task.curve, min(holdout.seen.size for holdout in holdouts))
    models = {name: scored_by(candidate) for name, candidate in chosen.items()}
    return spectral_curves(models, holdouts, sizes, scores_of, seed=task.splits.seed, report=report)


def holdouts_of(table, division, task):
    """Divisions into training, validation and test: those of the scores, or the published test part for every seed, or new ones."""
    if division.published:
        return [replace(division.holdouts[0], seed=number) for number in range(task.seeds)]
    return list(division.holdouts) or draw_holdouts(len(table), "holdout", task.seeds, seed=task.splits.seed)


def global_against_local(candidate, table, holdouts, seed=0, report=silent):
    """Training on all spectra against training inside each group, tested on the same spectra of the group.

    Returns
    -------
    list of dict
        Per group with enough spectra: ``model``, ``group``, ``n_train``, ``n_test`` (means over seeds), ``seeds``, ``r2_global``, ``r2_local``,
        ``rmse_global``, ``rmse_local`` (means), ``gain`` (R2 of local minus global) and its ``gain_sd``. Groups that are too small say so in ``note``.
    """
    names = sorted({label for label in table.labels.tolist() if label})
    found = {name: [] for name in names}
    for number, (holdout, own) in enumerate(zip(holdouts, seeds_of(seed, len(holdouts)), strict=True)):
        mine = part(report, number / len(holdouts), 1 / len(holdouts))
        label = f"{candidate.name}: all groups, split {number + 1} of {len(holdouts)}"
        whole = fit_and_test(candidate, table, holdout, labelled(part(mine, 0, 0.5), label), seed=own)
        for place, name in enumerate(names):
            here = table.labels == name
            inside = Holdout(*(rows[here[rows]] for rows in (holdout.train, holdout.validation, holdout.test)), holdout.seed)
            if inside.seen.size < _FEWEST_LOCAL[0] or inside.test.size < _FEWEST_LOCAL[1]:
                continue
            step = part(mine, 0.5 + 0.5 * place / len(names), 0.5 / len(names))
            step = labelled(step, f"{candidate.name}: {name} by itself, split {number + 1} of {len(holdouts)}")
            local = fit_and_test(candidate, table, inside, step, seed=own)
            observed = table.y[inside.test]
            apart = scores_of(observed, local.predicted), scores_of(observed, whole.predicted[here[holdout.test]])
            found[name].append((inside.seen.size, inside.test.size, *apart))
    return [_local_row(candidate.name, name, rows) for name, rows in found.items()]


def _local_row(model, group, rows):
    if not rows:
        note = f"fewer than {_FEWEST_LOCAL[0]} spectra to train or {_FEWEST_LOCAL[1]} to test on"
        return {"model": model, "group": group, "seeds": 0, "note": note}
    trained, tested, local, whole = zip(*rows, strict=True)
    gains = [mine["r2"] - theirs["r2"] for mine, theirs in zip(local, whole, strict=True)]
    return {
        "model": model,
        "group": group,
        "seeds": len(rows),
        "n_train": float(np.mean(trained)),
        "n_test": float(np.mean(tested)),
        **{f"{key}_global": float(np.mean([scores[key] for scores in whole])) for key in ("r2", "rmse")},
        **{f"{key}_local": float(np.mean([scores[key] for scores in local])) for key in ("r2", "rmse")},
        "gain": float(np.mean(gains)),
        "gain_sd": _sd(gains),
        "note": "",
    }
