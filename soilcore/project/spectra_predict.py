"""What a trained model says of new spectra: prediction, interval, and whether it knows spectra like these."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from soilcore.core.errors import SampleError
from soilcore.core.files import check_output, write_json
from soilcore.core.progress import part, silent
from soilcore.evaluation.metrics import interval_scores
from soilcore.project.spectra_fitting import groups_told, scores_of
from soilcore.project.spectra_inputs import opened
from soilcore.project.spectra_models import axis_facts, check_spectral, table_for_model
from soilcore.project.spectra_tables import check_table_name, write_table
from soilcore.project.steps import run_file

_FEW_INSIDE = 0.5
_SAME = 1e-6  # dissimilarity of a spectrum to itself


def predict(task, report=silent):
    """Predict new spectra, with interval and representativeness; scores where the table holds the measured value."""
    from soilcore.models.archive import load_model
    from soilcore.trust.interval_base import check_level

    level = check_level(task.level)
    out = None
    if task.out is not None:
        check_table_name(task.out)
        out = check_output(task.out, task.overwrite)
    model = load_model(task.model_dir)
    check_spectral(model, task.model_dir)
    spectra = read_for_model(model, task.spectra, part(report, 0, 0.5))
    X, _, said = table_for_model(model, spectra)
    report(0.6, 1, f"predicting {len(spectra)} spectra")
    made = predictions(model, X, level)
    report(0.9, 1, "predicted")
    facts = _facts(model, spectra, made, level, (*spectra.assumed, *said))
    if out is not None:
        _write(out, model, spectra, made)
        write_json(out.with_suffix(".run.json"), {**run_file("spectra-predict", task), "result": {"n": facts["n"], "out": str(out)}})
    report(1, 1, "done")
    return {**facts, "out": None if out is None else str(out)}


def read_for_model(model, settings, report=silent):
    """New spectra that are whole; the target of training is looked for, and is not needed.

    Raises
    ------
    SampleError
        If no spectrum is whole.
    """
    from soilcore.core.errors import SettingsError

    if settings.table.target is None:
        try:
            spectra = opened(replace(settings, table=replace(settings.table, target=model.target["column"])), report)
        except SettingsError:  # a table without the measured value: what prediction is for
            spectra = opened(settings, report)
            spectra = replace(spectra, samples=replace(spectra.samples, target=None))
    else:
        spectra = opened(settings, report)
    if not spectra.usable.any():
        raise SampleError(f"None of the {len(spectra)} spectra is whole: they have gaps or are flat. Run `spectra check` for the list.")
    lost = int((~spectra.usable).sum())
    kept = spectra.take(spectra.usable)
    said = (f"{lost} of {len(spectra)} spectra left out: they have gaps or are flat",) if lost else ()
    return replace(kept, assumed=(*kept.assumed, *said))


def predictions(model, X, level=0.9):
    """What a model says of prepared spectra.

    Parameters
    ----------
    model : FittedModel
    X : DataFrame of shape (n_samples, n_points)
    level : float

    Returns
    -------
    dict of str to ndarray or None
        ``predicted``, ``lower``, ``upper`` (unit of the target), ``di``, ``inside``.
    """
    from soilcore.trust.applicability import applicability_of
    from soilcore.trust.interval_base import in_own_unit
    from soilcore.trust.intervals import interval_of

    learner = model.learner
    z = learner.predict_transformed(X)
    area, interval = applicability_of(model), interval_of(model)
    di = None if area is None else area.dissimilarity(area.features(learner, X))
    inside = None if area is None else area.inside(di)
    lower = upper = None
    if interval is not None:
        bounds = interval.bounds(X, z, level, outside=None if inside is None else ~inside)
        lower, upper = (in_own_unit(learner.transform_, learner.nonnegative_, bound) for bound in bounds)
    return {"predicted": learner.way_back_(z), "lower": lower, "upper": upper, "di": di, "inside": inside}


def _facts(model, spectra, made, level, assumed):
    inside, target = made["inside"], model.target
    warnings = []
    share = None if inside is None else float(inside.mean())
    if share is not None and share < _FEW_INSIDE:
        warnings.append(
            f"Only {share:.0%} of the {len(spectra)} spectra resemble those of training: the model was trained on other soils or another instrument."
        )
    scores, more = _scored(model, spectra, made, level)
    if scores and made["di"] is not None and (seen := int((made["di"] <= _SAME).sum())):
        warnings.append(f"{seen} of the {len(spectra)} spectra were in training: the model has seen them, so these scores flatter it.")
    known = {name: values for name, values in made.items() if values is not None}
    places = {} if spectra.x is None else {"x": spectra.x, "y": spectra.y}
    return {
        "model": model.name,
        "target": target["column"],
        "unit": target["unit"],
        "n": len(spectra),
        "level": level,
        "axis": axis_facts(spectra.axis, spectra.unit),
        "quantity": spectra.quantity,
        "aoa_share": share,
        "models": [{"name": model.name, **scores}] if scores else [],
        **scores,
        "groups": more,
        "predictions": {"row": spectra.table.index, "id": spectra.ids, **places, **known},
        "warnings": warnings,
        "assumed": assumed,
    }


def _scored(model, spectra, made, level):
    """Scores of the spectra whose value was measured in the same unit; empty where none was."""
    target = spectra.target
    if target is None:
        return {}, []
    _check_unit(model, target)
    known = np.isfinite(target.values)
    if known.sum() < 3:
        return {}, []
    observed, predicted = target.values[known], made["predicted"][known]
    scores = scores_of(observed, predicted) | {"n_measured": int(known.sum())}
    if made["lower"] is not None:
        held = interval_scores(observed, made["lower"][known], made["upper"][known], 1 - level)
        scores |= {f"coverage_{100 * level:.0f}": held["picp"], f"width_{100 * level:.0f}": held["mpiw"]}
    labels = None if spectra.groups is None else spectra.groups[known]
    return scores, groups_told(observed, predicted, labels)


def _check_unit(model, target):
    ours, theirs = model.target.get("unit"), target.unit
    if ours and theirs and ours != theirs:
        raise SampleError(
            f"The model predicts {ours}, the column {target.column!r} holds {theirs}. Name its unit with --unit, or leave the column out."
        )


def _write(out, model, spectra, made):
    """The table's own columns, and what was predicted beside them."""
    frame = spectra.table.copy()
    if "id" not in spectra.samples.columns:
        frame.insert(0, "id", spectra.ids)
    name = model.target["column"]
    columns = {f"{name}_predicted": made["predicted"], f"{name}_lower": made["lower"], f"{name}_upper": made["upper"]}
    columns |= {"dissimilarity": made["di"], "representative": made["inside"]}
    for column, values in columns.items():
        if values is not None:
            frame[column] = values
    write_table(Path(out), frame, spectra.x, spectra.y, spectra.crs)
