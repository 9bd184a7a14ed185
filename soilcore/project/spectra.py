"""Tasks on spectra: check, preprocess, compare, train. See `soilcore.project.spectra_predict` for what is done with a trained model."""

import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.files import check_output, write_json
from soilcore.core.progress import labelled, part, silent
from soilcore.core.settings import to_plain
from soilcore.project.chain import versions
from soilcore.project.spectra_inputs import divide, matrix, opened, spectral_table
from soilcore.project.spectra_models import axis_facts, recipe_of
from soilcore.project.spectra_scoring import score_all, told_device
from soilcore.project.spectra_seeds import curves, global_against_local, holdouts_of
from soilcore.project.steps import input_hashes, run_file

_BANDS = (0.05, 0.25, 0.5, 0.75, 0.95)


def check(task, report=silent):
    """Check a spectral library."""
    from soilcore.core.findings import worst
    from soilcore.data.spectra_checks import check_spectra

    spectra = opened(task.spectra, part(report, 0, 0.7))
    findings = check_spectra(spectra)
    target = spectra.target
    return {
        "ok": worst(findings) != "error",
        "n": len(spectra),
        "usable": int(spectra.usable.sum()),
        "axis": axis_facts(spectra.axis, spectra.unit),
        "quantity": spectra.quantity,
        "crs": None if spectra.crs is None else spectra.crs.to_string(),
        "target": target.column if target else None,
        "unit": target.unit if target else None,
        "extract": target.extract if target else None,
        "group": spectra.group_column,
        "groups": group_sizes(spectra.groups),
        "findings": [vars(finding) for finding in findings],
        "assumed": spectra.assumed,
        "columns": [str(name) for name in spectra.table.columns],
    }


def preprocess(task, report=silent):
    """Preprocess spectra: what it does to them, and the result as a table."""
    out = None if task.out is None else check_output(task.out, task.overwrite)
    spectra = opened(task.spectra, part(report, 0, 0.6))
    kept, done, facts = preprocessed(spectra, task.steps, task.examples, part(report, 0.6, 0.3))
    if out is not None:
        _write_spectra(out, kept, done)
    return {**facts, "out": None if out is None else str(out)}


def preprocessed(spectra, steps, examples=5, report=silent):
    """Whole spectra of a library after some steps.

    Parameters
    ----------
    spectra : SpectraSet
    steps : str
        Such as "snv,sg:11:1:1,co2:zero".
    examples : int
        Spectra shown before and after.
    report : Report

    Returns
    -------
    kept : SpectraSet
        The whole spectra.
    done : Processed
    facts : dict
        What the steps do, as `preprocess` tells it.
    """
    from soilcore.features.spectral_preprocessing import parse_steps
    from soilcore.features.spectral_preprocessing import preprocess as do_steps

    kept = spectra.take(spectra.usable)
    steps = parse_steps(steps)
    done = do_steps(kept.values, kept.axis, steps, kept.unit, kept.quantity, report)
    shown = np.linspace(0, len(kept) - 1, min(max(examples, 0), len(kept))).astype(int)
    facts = {
        "n": len(spectra),
        "usable": len(kept),
        "steps": str(steps),
        "quantity": {"before": kept.quantity, "after": done.quantity},
        "before": _preview(kept.values, kept.axis, kept.unit, shown),
        "after": _preview(done.values, done.axis, done.unit, shown),
        "examples": [str(name) for name in kept.ids[shown]],
        "assumed": (*spectra.assumed, *done.notes),
    }
    return kept, done, facts


def _preview(values, axis, unit, shown):
    """Quantiles of all spectra and some of them whole."""
    with np.errstate(invalid="ignore"):
        bands = np.nanquantile(values.astype(float), _BANDS, axis=0)
    quantiles = dict(zip(map(str, _BANDS), bands.tolist(), strict=True))
    return {**axis_facts(axis, unit), "axis": axis.tolist(), "quantiles": quantiles, "spectra": values[shown].tolist()}


def _write_spectra(out, spectra, done):
    """The table's own columns, then one column per point."""
    import pandas as pd

    from soilcore.project.spectra_tables import write_table

    points = matrix(done.values, done.axis).set_index(spectra.table.index)
    if clash := [name for name in spectra.table.columns if name in set(points.columns)]:
        raise SettingsError(f"The column {clash[0]!r} of the table has the name of a point of the spectrum. Rename it.")
    write_table(out, pd.concat([spectra.table, points], axis=1))


def compare(task, report=silent):
    """Score learners on spectra under one division."""
    table = spectral_table(task.spectra, part(report, 0, 0.05))
    division = divide(table, task.splits, task.seeds)
    extras = (task.curve is not None) + bool(task.local)
    if task.local and table.labels is None:
        raise SettingsError("Training inside groups needs groups. Name their column with --group.")
    scoring = 0.95 / (1 + 2 * extras)
    with taken_up_again(task, task.models):
        chosen, outcomes = score_all(task, task.models, table, division, part(report, 0.05, scoring))
        facts = _facts(task, table, division, chosen, outcomes)
        start, share = 0.05 + scoring, (0.95 - scoring) / max(extras, 1)
        if task.curve is not None:
            facts["learning_curve"] = curves(chosen, table, division, task, part(report, start, share))
            start += share
        if task.local:
            facts["local"] = _local(chosen, table, division, task, part(report, start, share))
    if task.predictions:
        facts["predictions"] = {name: _with_rows(table, outcome.predictions) for name, outcome in outcomes.items()}
    return facts


def _local(chosen, table, division, task, report):
    holdouts = holdouts_of(table, division, task)
    rows = []
    for number, candidate in enumerate(chosen.values()):
        rows += global_against_local(candidate, table, holdouts, task.fit.seed, part(report, number / len(chosen), 1 / len(chosen)))
    return rows


def train(task, report=silent):
    """Score one learner on spectra, fit it, and save it."""
    from soilcore.models.archive import save_model

    out = check_output(task.out, task.overwrite)
    table = spectral_table(task.spectra, part(report, 0, 0.05))
    division = divide(table, task.splits, task.seeds)
    with taken_up_again(task, (task.model,)):
        chosen, outcomes = score_all(task, (task.model,), table, division, part(report, 0.05, 0.75))
        facts = _facts(task, table, division, chosen, outcomes)
        candidate, outcome = chosen[task.model], outcomes[task.model]
        learner = outcome.fit(labelled(part(report, 0.8, 0.15), f"{task.model}: the model to keep"))
        model = _fitted_model(task, table, division, candidate, learner, outcome, facts, part(report, 0.95, 0.04))
    save_model(model, out, overwrite=task.overwrite)
    write_json(Path(out) / "run.json", run_file("spectra-train", replace(task, resume=False)))
    report(1, 1, "saved")
    return {**facts, "fitted_to": _fitted_to(division, table), "final": _final(learner), "model_dir": str(out)}


def _fitted_to(division, table):
    """How many spectra the kept model was fitted to."""
    return int(division.holdouts[0].seen.size) if division.published else len(table)


def _final(learner):
    """What the kept model says of itself, with its losses by epoch."""
    from soilcore.project.spectra_fitting import history_of

    told = learner.describe() if hasattr(learner, "describe") else None
    return {"told": told, "training": list(history_of(learner))}


def taken_up_again(task, names):
    """Context that keeps what networks have learned, so that an interrupted task can go on."""
    from soilcore.models.catalogue import learner_spec
    from soilcore.project.network_inputs import unfinished_training

    if not any(learner_spec(name).family == "network" and name != "mlp" for name in names):
        return nullcontext()
    return unfinished_training(task, input_hashes(task), task.resume)


def group_sizes(labels):
    """Groups with their number of spectra, largest first."""
    if labels is None:
        return []
    names, counts = np.unique(labels[labels != ""], return_counts=True)
    return sorted(({"group": str(name), "n": int(count)} for name, count in zip(names, counts, strict=True)), key=lambda row: -row["n"])


def _facts(task, table, division, chosen, outcomes):
    spectra, first = table.spectra, next(iter(chosen.values()))
    said = [note for candidate in chosen.values() for note in candidate.said]
    return {
        **spectra.target.facts(),
        "transform": task.fit.transform,
        "n": len(table),
        "cv": task.splits.scheme,
        "folds_label": division.label,
        "fold_sizes": _sizes(division),
        "features": list(first.X.columns),
        "axis": axis_facts(spectra.axis, spectra.unit),
        "quantity": spectra.quantity,
        "preprocess": {name: str(candidate.steps) for name, candidate in chosen.items()},
        "group": spectra.group_column,
        "groups": group_sizes(table.labels),
        "seed": task.fit.seed,
        "seeds": len(division.holdouts) if division.holdouts and not division.published else None,
        "device": told_device(outcomes, task.fit),
        "assumed": tuple(dict.fromkeys((*table.assumed, *division.assumed, *said))),
        "warnings": [*table.warnings, *division.warnings, *_too_few(outcomes)],
        "leakage": _leakage(outcomes),
        "spatial_first": _meaning(task, division),
        "design": None,
        "distances": None,
        "variogram": None,
        "trust": {name: outcome.trust for name, outcome in outcomes.items()},
        "models": tuple(outcome.row for outcome in outcomes.values()),
    }


def _sizes(division):
    if division.holdouts:
        return [int(holdout.test.size) for holdout in division.holdouts]
    return division.splits.sizes


def _leakage(outcomes):
    """Rows of the leakage report; those that depend on the learner once per learner where they differ."""
    rows = {}
    for name, outcome in outcomes.items():
        for row in outcome.leakage:
            rows.setdefault((row["check"], row["ok"], row["detail"]), {**row, "models": []})["models"].append(name)
    return list(rows.values())


def _too_few(outcomes):
    """What networks say of a library that is too small for them: once each."""
    said = {name: [told["too_few"] for told in outcome.row.get("told") or () if told and told.get("too_few")] for name, outcome in outcomes.items()}
    return [sentences[0] for sentences in said.values() if sentences]


def _meaning(task, division):
    """One sentence: what these scores speak of."""
    if division.published:
        return "The test part was used once. It speaks of spectra like those its authors set aside."
    if division.splits is not None and division.splits.is_spatial:
        return "Whole groups were left out: the scores speak of groups that the library does not hold."
    return "The scores speak of spectra drawn like those of this library, measured the same way. For new sites score with --cv group:COLUMN."


def _with_rows(table, predictions):
    """Predictions with the spreadsheet row and the id of each spectrum."""
    rows = predictions["position"]
    known = {name: values for name, values in predictions.items() if name != "position" and values is not None}
    return {"row": table.table.index[rows], "id": table.spectra.ids[rows], **known}


def _fitted_model(task, table, division, candidate, learner, outcome, facts, report):
    import pandas as pd

    from soilcore.models.archive import FittedModel

    spectra = table.spectra
    stored, arrays, learners = outcome.stored(learner, report)
    shared = {name: facts[name] for name in ("leakage", "design", "distances", "variogram", "spatial_first", "warnings", "groups", "group")}
    row = {name: value for name, value in outcome.row.items() if name not in ("told", "training")}
    return FittedModel(
        learner=learner,
        name=task.model,
        recipe=recipe_of(spectra, candidate),
        target=spectra.target.to_dict(),
        envelope={},
        scores=row,
        folds={"scheme": task.splits.scheme, "label": division.label, "sizes": facts["fold_sizes"], "settings": to_plain(task.splits)},
        out_of_fold=pd.DataFrame(_with_rows(table, outcome.predictions)),
        provenance={
            "samples": {"source": spectra.source, "sha256": spectra.fingerprint, "n": len(table)},
            "scene": None,
            "settings": to_plain(task),
            "versions": versions(),
            "assumed": facts["assumed"],
            "device": facts["device"],
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        },
        trust={**stored, **shared, "facts": outcome.trust, "training": list(_final(learner)["training"])},
        trust_arrays=arrays | _seen_spectra(candidate),
        trust_learners=learners,
    )


def _seen_spectra(candidate):
    """Mean of the prepared training spectra and where nine of ten lie, for plots beside new ones and for baselines of attributions."""
    values = candidate.X.to_numpy()
    rows = np.linspace(0, len(values) - 1, min(len(values), 200)).astype(int)
    bands = np.quantile(values, (0.05, 0.95), axis=0)
    return {"spectra.mean": values.mean(axis=0), "spectra.low": bands[0], "spectra.high": bands[1], "spectra.some": values[rows].astype(np.float32)}
