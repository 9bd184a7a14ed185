"""On which parts of the spectrum the predictions of a trained model rest."""

from pathlib import Path

import numpy as np
import pandas as pd

from soilcore.core.errors import SettingsError
from soilcore.core.files import check_output, write_json, written_whole
from soilcore.core.progress import part, silent
from soilcore.project.spectra_models import axis_facts, check_spectral, table_for_model
from soilcore.project.spectra_predict import read_for_model
from soilcore.project.steps import run_file

_REMEMBERED = 0.5  # share of spectra that were in training, from which this is said


def attribute(task, report=silent):
    """Attribution profiles of a library, by group where there are groups."""
    from soilcore.explanation.spectra import explain_spectra
    from soilcore.models.archive import load_model

    out = None if task.out is None else check_output(task.out, task.overwrite)
    model = load_model(task.model_dir)
    check_spectral(model, task.model_dir)
    spectra = read_for_model(model, task.spectra, part(report, 0, 0.1))
    X, axis, said = table_for_model(model, spectra)
    if hasattr(model.learner, "device"):
        model.learner.device = task.device
    mine = _forward(part(report, 0.1, 0.9))
    fits, count, notes = _fits(task, model, spectra, X, mine)
    facts = explain_spectra(
        _Counted(fits, count), axis, model.recipe["unit"], draws=task.draws, baselines=task.baselines, seed=task.seed, report=mine
    )
    facts = {
        "model": model.name,
        "target": model.target["column"],
        "unit_of_target": model.target["unit"],
        "n": len(spectra),
        "points": axis_facts(axis, model.recipe["unit"]),
        "preprocess": model.recipe["preprocess"],
        **facts,
        "notes": [*notes, *facts["notes"]],
        "assumed": (*spectra.assumed, *said),
    }
    if out is not None:
        _write(out, task, facts)
    return {**facts, "out": None if out is None else str(out)}


def _forward(report):
    """A listener that never goes back: fits are made while the ones before them are explained."""
    highest = [0.0]

    def listen(done, total, message):
        highest[0] = max(highest[0], done / total if total else 1.0)
        report(highest[0], 1.0, message)

    if hasattr(report, "row"):
        listen.row = report.row
    return listen


class _Counted:
    """An iterator of known length: one fitted learner in memory at a time."""

    def __init__(self, fits, count):
        self._fits, self._count = fits, count

    def __iter__(self):
        return iter(self._fits)

    def __len__(self):
        return self._count


def _fits(task, model, spectra, X, report):
    """What is explained: the saved model on all spectra, or fits of several divisions, each on its test spectra."""
    from soilcore.explanation.spectra import SpectralFit

    if task.seeds < 0:
        raise SettingsError(f"The number of seeds is {task.seeds}; give 0 for the saved model, or how often it is fitted anew.")
    if task.seeds == 0:
        trained = pd.DataFrame(np.asarray(model.trust_arrays["spectra.some"], float), columns=list(X.columns))
        return [SpectralFit(model.learner, X, trained, spectra.groups)], 1, _remembered(model, X)
    return (
        _refitted(task, model, spectra, X, report),
        task.seeds,
        [f"The model was fitted anew for {task.seeds} seeds, each explained on its test spectra."],
    )


def _remembered(model, X):
    """Whether the model was fitted to the spectra that it is explained on."""
    from soilcore.trust.applicability import applicability_of

    area = applicability_of(model)
    if area is None:
        return []
    known = float(np.mean(area.dissimilarity(area.features(model.learner, X)) <= 1e-6))
    if known < _REMEMBERED:
        return []
    return [f"{known:.0%} of these spectra were in training: the profiles show what the model remembers. Explain new ones, or refit with --seeds 5."]


def _refitted(task, model, spectra, X, report):
    """One fit per seed on a new division of the library, with its test spectra."""
    from soilcore.evaluation.holdout import draw_holdouts
    from soilcore.explanation.spectra import SpectralFit
    from soilcore.models.learner import seeds_of
    from soilcore.project.spectra_fitting import fit_validated
    from soilcore.project.spectra_inputs import SpectralTable
    from soilcore.project.spectra_models import Candidate

    if spectra.target is None:
        raise SettingsError("Fitting anew for several seeds needs the measured values. Name their column with --target, or leave --seeds out.")
    known = np.isfinite(spectra.target.values)
    table = SpectralTable(spectra.take(known), spectra.target.values[known])
    X = X[known].reset_index(drop=True)
    candidate = Candidate(model.name, model.learner, X, None, None)
    holdouts = draw_holdouts(len(table), "holdout", task.seeds, seed=task.seed)
    for number, (holdout, own) in enumerate(zip(holdouts, seeds_of(task.seed, task.seeds), strict=True)):
        mine = part(report, number / task.seeds, 0.8 / task.seeds)
        learner = fit_validated(candidate, table, holdout.train, holdout.validation, mine, own)
        groups = None if table.labels is None else table.labels[holdout.test]
        yield SpectralFit(learner, X.iloc[holdout.test], X.iloc[holdout.train], groups)


def _write(out, task, facts):
    """Profiles and bands as tables in a folder, whole or not at all."""
    with written_whole(Path(out)) as folder:
        folder.mkdir()
        pd.DataFrame({f"axis_{facts['unit']}": facts["axis"], **facts["profiles"]}).to_csv(folder / "profiles.csv", index=False)
        rows = [
            {"group": group, **{name: value for name, value in row.items() if name != "sources"}}
            for group, bands in facts["bands"].items()
            for row in bands
        ]
        pd.DataFrame(rows).to_csv(folder / "bands.csv", index=False)
        names = [row["group"] for row in facts["groups"]]
        pd.DataFrame(facts["correlation"], index=names, columns=names).to_csv(folder / "correlation.csv")
        write_json(folder / "attribution.json", {**run_file("spectra-attribute", task), "result": facts})
