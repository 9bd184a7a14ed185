"""The task `dual-step`: two steps beside one under the same folds, and a verdict whether they paid."""

import numpy as np

from soilcore.core.errors import ModelError, SettingsError
from soilcore.core.progress import part, silent
from soilcore.project.dual_step_facts import class_facts, classifier_rows, conversion_rows, distribution_facts, reliability_facts, verdict_of
from soilcore.project.scoring import prepare

_SCORED = ("dual-step soft", "dual-step hard")


def dual_step(task, report=silent):
    """Fit and score the dual-step model, compare classifiers and single regressions under the same folds, and judge.

    Parameters
    ----------
    task : DualStepTask
    report : Report

    Returns
    -------
    dict
        ``target``, ``unit``, ``n``, ``cv``, ``fold_sizes``, ``assumed``; ``threshold`` and ``edges`` of the model fitted to all samples, ``curve``
        of the search; ``tau``, ``tau_curve``; ``classifier`` (taken) and ``classifiers`` compared under the folds; ``confusion`` and
        ``reliability`` of the taken one; ``models``: rows of both mixes and of single regressions; ``verdict`` and its numbers
        ``verdict_facts``; ``classes`` with shares; ``conversions``; ``distributions``.

    Raises
    ------
    ModelError
        If a class has too few samples.
    """
    prepared = prepare(task, part(report, 0, 0.02))
    X, y, splits = prepared.table.X, prepared.table.y, prepared.splits
    whole = _learner("dual-step", task, prepared).fit(X, y, groups=splits.groups, report=part(report, 0.02, 0.08), coordinates=splits.coordinates)
    model = getattr(whole, "learner_", whole)
    search = _search(model, task, X, y, splits, part(report, 0.10, 0.05))
    evaluations, notes = _dual_evaluations(task, prepared, part(report, 0.15, 0.25))
    panel = _panel(task, prepared, model.edges_, part(report, 0.40, 0.25))
    evaluations |= _single_evaluations(task, prepared, part(report, 0.65, 0.33))
    report(0.98, 1, "judging")
    return _facts(task, prepared, model, whole, search, evaluations, panel, notes)


def _facts(task, prepared, model, whole, search, evaluations, panel, notes):
    from soilcore.evaluation.protocol import comparison_row

    table, splits, target = prepared.table, prepared.splits, prepared.opened.samples.target
    rows = [{**comparison_row(evaluation), "steps": 2 if name in _SCORED else 1} for name, evaluation in evaluations.items()]
    verdict, facts = verdict_of(evaluations, f"dual-step {task.fit.dual_step.mix}", splits)
    probabilities, seconds = panel
    taken = model.classifier_.name
    if taken not in probabilities:
        notes = (
            *notes,
            f"The classifier {taken} is not among the compared ones; the confusion and the reliability are those of the best compared one.",
        )
    classifiers = classifier_rows(table.y, model.edges_, probabilities, seconds, model.tau_)
    shown = taken if taken in probabilities else classifiers[0]["name"]
    return {
        **target.facts(),
        "n": len(table),
        "cv": task.splits.scheme,
        "folds_label": splits.label,
        "fold_sizes": splits.sizes,
        "threshold": model.edges_[0] if len(model.edges_) == 1 else None,
        "edges": model.edges_,
        "searched": model.search_ is not None,
        "criterion": search["criterion"] if search else None,
        "curve": search["curve"] if search else [],
        "single_quick": search["single"] if search else None,
        "tau": model.tau_,
        "tau_curve": model.tau_curve_,
        "mix": task.fit.dual_step.mix,
        "classifier": taken,
        "classifiers": classifiers,
        **reliability_facts(table.y, model.edges_, shown, probabilities[shown], model.tau_, target.unit),
        "models": rows,
        "verdict": verdict,
        "verdict_facts": facts,
        "classes": class_facts(prepared, model, whole, probabilities[shown], task.fit.seed),
        "conversions": conversion_rows(prepared.opened.samples, model.edges_[0]),
        "distributions": distribution_facts(table.y, {name: one.out_of_fold[0] for name, one in evaluations.items()}),
        "assumed": (
            *prepared.assumed,
            *model.notes_,
            *notes,
            *_said(task, len(table), target, model),
            *(finding.message for finding in splits.findings),
        ),
    }


def _said(task, n, target, model):
    """What was decided because nobody said."""
    from soilcore.models.smeared_regressor import LARGE_TABLE, TUNING_ROWS

    if target.form != "ECe" and model.search_ is None:
        edges = " and ".join(f"{edge:g}" for edge in model.edges_)
        yield f"threshold {edges} {target.unit or ''} of the target as it is; the customary 2 dS/m is meant for ECe (--convert ECe)".replace(
            "  ", " "
        )
    if model.search_ is not None:
        yield "classifiers are compared at the threshold found on all samples; the models of the folds searched their own"
    if n >= LARGE_TABLE and "rf" in task.singles:
        yield f"rf: 100 trees, each on a quarter of the samples, because there are {n}"
    if n > TUNING_ROWS and task.fit.trials:
        yield f"tuning: parameters searched on {TUNING_ROWS} samples of each training set"


def _learner(name, task, prepared):
    from soilcore.project.scoring import learner_of

    return learner_of(name, task.fit, prepared.table)


def _search(model, task, X, y, splits, report):
    """The curve of thresholds: the model's own, or for a given threshold one made for show; None where no other threshold is possible."""
    if model.search_ is not None or task.fit.dual_step.edges:
        return model.search_
    from soilcore.models.classifiers import seeds_for
    from soilcore.models.two_step_threshold import search_threshold

    try:
        return search_threshold(
            np.asarray(X, float),
            y,
            splits.groups,
            regressor=model.regressor,
            fewest=model.fewest,
            seed=seeds_for(task.fit.seed)["search"],
            jobs=task.fit.jobs,
            report=report,
        )
    except ModelError:
        return None


def _dual_evaluations(task, prepared, report):
    """Both mixes of the dual-step model under the folds, from one fit per fold."""
    from soilcore.evaluation.protocol import evaluate

    table, splits = prepared.table, prepared.splits
    learner = _learner("dual-step", task, prepared)
    scored = evaluate(learner, table.X, table.y, splits, report, name=f"dual-step {task.fit.dual_step.mix}", keep_learners=True)
    other = "hard" if task.fit.dual_step.mix == "soft" else "soft"
    predicted, notes, fitted = np.full_like(scored.out_of_fold, np.nan), [], iter(scored.learners)
    for repeat in range(splits.n_repeats):
        for _, test in splits.folds(repeat):
            inner, columns = _inside(next(fitted), table.X, test, splits)
            predicted[repeat, test] = inner.recombined(*inner.steps(columns), mix=other)
            notes += inner.notes_
    twin = _evaluation(f"dual-step {other}", table.y, predicted, splits, scored.seconds)
    edges = sorted({learner_edges(one) for one in scored.learners})
    said = [f"The folds found thresholds from {edges[0][0]:.4g} to {edges[-1][0]:.4g}."] if len(edges) > 1 else []
    both = {scored.name: scored.__class__(**{**vars(scored), "learners": ()}), twin.name: twin}
    return {name: both[name] for name in _SCORED}, (*dict.fromkeys(notes), *said)


def learner_edges(fitted):
    """Thresholds a fitted dual-step model ended with, with or without features of neighbours round it."""
    return getattr(fitted, "learner_", fitted).edges_


def _inside(fitted, X, rows, splits):
    """The learner without the features of neighbours, and rows with them."""
    from soilcore.evaluation.protocol import take

    inner, X = getattr(fitted, "learner_", fitted), take(X, rows)
    if inner is fitted:
        return inner, X
    return inner, np.column_stack([np.asarray(X, float), fitted.neighbour_columns(splits.coordinates[rows])])


def _evaluation(name, y, predicted, splits, seconds):
    """An Evaluation of predictions that were made already."""
    from soilcore.evaluation.metrics import regression_scores
    from soilcore.evaluation.protocol import Evaluation

    repeats = [regression_scores(y, one) for one in predicted]
    scores = {key: float(np.mean([one[key] for one in repeats])) for key in repeats[0]}
    r2 = [one["r2"] for one in repeats]
    scores |= {"n": repeats[0]["n"], "r2_sd": float(np.std(r2, ddof=1)) if len(r2) > 1 else np.nan}
    folds = []
    for repeat in range(splits.n_repeats):
        for fold, (train, test) in enumerate(splits.folds(repeat)):
            here = regression_scores(y[test], predicted[repeat, test])
            folds.append({"repeat": repeat, "fold": fold, "n_train": train.size, "n_test": test.size, "r2": here["r2"], "rmse": here["rmse"]})
    return Evaluation(name, y, predicted, scores, tuple(folds), seconds, splits)


def _panel(task, prepared, edges, report):
    """Out-of-fold probabilities of every classifier for the classes of the final model, and seconds."""
    from soilcore.evaluation.protocol import fit_clone, take
    from soilcore.models.classifier_panel import ClassifierPanel

    table, splits = prepared.table, prepared.splits
    learner = _with_neighbours(ClassifierPanel(edges, random_state=task.fit.seed, jobs=task.fit.jobs), task.fit)
    probabilities, seconds, folds = {}, {}, splits.folds(0)
    for number, (train, test) in enumerate(folds):
        mine = part(report, number / len(folds), 1 / len(folds))
        groups = None if splits.groups is None else splits.groups[train]
        places = None if splits.coordinates is None else splits.coordinates[train]
        fitted = fit_clone(learner, take(table.X, train), table.y[train], groups, mine, places)
        inner, columns = _inside(fitted, table.X, test, splits)
        for name, values in inner.probabilities(columns).items():
            probabilities.setdefault(name, np.full((len(table), len(edges) + 1), np.nan))[test] = values
            seconds[name] = seconds.get(name, 0.0) + inner.seconds_[name]
    return probabilities, seconds


def _single_evaluations(task, prepared, report):
    """Single regressions: as `compare` has them, and on the scale of the two steps with smearing, so that the scale alone decides nothing."""
    from soilcore.evaluation.protocol import evaluate
    from soilcore.models.smeared_regressor import SmearedRegressor
    from soilcore.models.two_step_threshold import class_transform

    if not task.singles:
        raise SettingsError("Two steps are judged beside a single regression. Name at least one, for instance xgboost.")
    table, splits, fit = prepared.table, prepared.splits, task.fit
    own, inside = fit.transform, class_transform(table.y, fit.transform).name
    common = {"trials": fit.trials, "budget": fit.budget, "random_state": fit.seed, "jobs": fit.jobs, "device": fit.device}
    wanted = {}
    for name in task.singles:
        wanted[name] = SmearedRegressor(name, target_transform=own, **common)
        if inside != own:
            wanted[f"{name} {inside}"] = SmearedRegressor(name, target_transform=inside, **common)
    evaluations = {}
    for number, (name, learner) in enumerate(wanted.items()):
        mine = part(report, number / len(wanted), 1 / len(wanted))
        evaluations[name] = evaluate(_with_neighbours(learner, fit), table.X, table.y, splits, mine, name=name)
    return evaluations


def _with_neighbours(learner, fit):
    if not fit.neighbours:
        return learner
    from soilcore.models.neighbour_learner import WithNeighbours

    return WithNeighbours(learner, tuple(fit.neighbours), fit.neighbour_count, fit.seed)
