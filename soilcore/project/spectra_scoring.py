"""Learners scored on spectra under one division, with what is known of trust: folds, a published split, or splits of several seeds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from soilcore.core.progress import labelled, part, silent
from soilcore.evaluation.epoch_curves import curve_labels, losses_by_group
from soilcore.evaluation.protocol import take
from soilcore.evaluation.spectral_curves import distribution
from soilcore.project.spectra_fitting import fit_validated, groups_told, history_of, scores_of, with_share
from soilcore.project.spectra_models import candidates
from soilcore.project.spectra_seeds import score_by_seeds
from soilcore.project.spectra_trust import leakage_of_seeds, seed_trust

_FITTING = 0.75  # of the time of one learner under a published split: its folds


@dataclass(frozen=True)
class Outcome:
    """One learner, scored.

    Parameters
    ----------
    row : dict
        Its line of a comparison.
    trust : dict
        Facts on intervals and area, as `soilcore.trust.assess.Assessment.facts`.
    leakage : list of dict
    predictions : dict of str to ndarray
        Of every tested spectrum: ``position``, ``observed``, ``predicted``, and where known ``lower``, ``upper``, ``di``, ``inside``, ``fold``.
    fit : callable
        ``fit(report) -> Learner``, the one to keep.
    stored : callable
        ``stored(learner, report) -> (facts, arrays, learners)`` of the model folder.
    """

    row: dict
    trust: dict
    leakage: list
    predictions: dict
    fit: Callable
    stored: Callable


def score_all(task, names, table, division, report=silent):
    """Score learners under one division.

    Parameters
    ----------
    task : SpectraCompareTask or SpectraTrainTask
    names : tuple of str
    table : SpectralTable
    division : Division
    report : Report

    Returns
    -------
    chosen : dict of str to Candidate
    outcomes : dict of str to Outcome
    """
    fit = with_share(task.fit, division.holdouts[0]) if division.holdouts else task.fit
    chosen = candidates(names, table, fit, task.preprocess)
    outcomes = {}
    for number, (name, candidate) in enumerate(chosen.items()):
        mine = part(report, number / len(names), 1 / len(names))
        score = _published if division.published else _by_seeds if division.holdouts else _by_folds
        outcomes[name] = score(task, candidate, table, division, len(names), mine)
    return chosen, outcomes


def _assessed(task, candidate, table, division, rows, models, report):
    from soilcore.trust.assess import assess

    return assess(
        candidate.name,
        candidate.learner,
        take(candidate.X, rows),
        table.y[rows],
        division.splits,
        intervals=task.intervals,
        permutations=task.permutations,
        table=table.table.iloc[rows],
        models=models,
        seed=task.fit.seed,
        curve_groups=None if table.labels is None else curve_labels(table.labels)[rows],
        report=report,
    )


def _by_folds(task, candidate, table, division, models, report):
    rows = np.arange(len(table))
    one = _assessed(task, candidate, table, division, rows, models, report)
    predicted = one.evaluation.out_of_fold[0]
    training = [{"seed": None, **fold} for fold in one.evaluation.curves]
    extra = {
        "groups": groups_told(table.y, predicted, table.labels),
        "distribution": distribution(table.y, predicted),
        "told": [one.facts["learner"]],
        "training": training,
        "losses_by_group": None if table.labels is None else losses_by_group(training),
    }
    predictions = {"position": rows, "observed": table.y, "predicted": predicted, "fold": division.splits.assignments[0]}
    predictions |= {"lower": one.lower, "upper": one.upper, "di": one.di, "inside": one.inside}
    return Outcome(
        one.row | extra,
        one.facts,
        one.leakage,
        predictions,
        lambda inner: fit_validated(candidate, table, rows, rows[:0], inner, groups=division.splits.groups),
        lambda learner, inner: one.stored(learner, candidate.X, inner),
    )


def _published(task, candidate, table, division, models, report):
    """Trained once, tested once; intervals and area come from folds inside the training part."""
    from soilcore.models.archive import FittedModel
    from soilcore.trust.examine import examine

    holdout = division.holdouts[0]
    seen, test = holdout.seen, holdout.test
    one = _assessed(task, candidate, table, division, seen, models, part(report, 0, _FITTING))
    label = f"{candidate.name}: the training part"
    learner = fit_validated(candidate, table, holdout.train, holdout.validation, labelled(part(report, _FITTING, 0.2), label))
    known = one.stored(learner, take(candidate.X, seen), part(report, _FITTING + 0.2, 0.03))
    model = FittedModel(learner, candidate.name, {}, {}, {}, {}, {}, None, trust=known[0], trust_arrays=known[1], trust_learners=known[2])
    examined = examine(model, take(candidate.X, test), table.y[test])
    scores = scores_of(table.y[test], examined.predicted)
    labels = None if table.labels is None else table.labels[test]
    training = [{"seed": 0, "rows": list(history_of(learner))}] if history_of(learner) else []
    row = {
        **one.row,
        **scores,
        "r2_folds": [scores["r2"]],
        "r2_sd": None,
        "r2_random": None,
        "r2_low": None,
        "r2_high": None,
        **examined.row,
        "r2_training_folds": one.row["r2"],
        "groups": groups_told(table.y[test], examined.predicted, labels),
        "distribution": distribution(table.y[test], examined.predicted),
        "told": [learner.describe() if hasattr(learner, "describe") else None],
        "training": training,
        "losses_by_group": None if table.labels is None else losses_by_group(training),
    }
    predictions = {"position": test, "observed": table.y[test], "predicted": examined.predicted}
    predictions |= {name: examined.facts.get(name) for name in ("lower", "upper", "di", "inside")}
    report(1, 1, f"{candidate.name}: tested")
    return Outcome(row, one.facts, one.leakage, predictions, lambda inner: learner, lambda fitted, inner: known)


def _by_seeds(task, candidate, table, division, models, report):
    rows = np.arange(len(table))
    row, tested = score_by_seeds(candidate, table, division.holdouts, task.fit.seed, part(report, 0, 0.9))
    trust, stored = seed_trust(candidate, table, tested, row, task.fit.seed)
    leakage = leakage_of_seeds(task, candidate, table, division, row["seconds"], models, part(report, 0.9, 0.1))
    first = tested[0]
    predictions = {"position": first.test, "observed": table.y[first.test], "predicted": first.predicted}
    return Outcome(
        row, trust, leakage, predictions, lambda inner: fit_validated(candidate, table, rows, rows[:0], inner), lambda learner, inner: stored(learner)
    )


def told_device(outcomes, fit):
    """Where networks really ran, else where the settings send what can choose."""
    from soilcore.models.device import choose_device

    for outcome in outcomes.values():
        for told in outcome.row.get("told") or ():
            if told and told.get("device"):
                return told["device"]
    return choose_device(fit.device)[0]
