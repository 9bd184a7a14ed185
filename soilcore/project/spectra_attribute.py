"""On which parts of the spectrum the predictions of a trained model rest."""

import numpy as np

from soilcore.core.errors import NotAvailableError
from soilcore.core.files import check_output
from soilcore.core.progress import part, silent
from soilcore.project.spectra_models import axis_facts, check_spectral, table_for_model
from soilcore.project.spectra_predict import read_for_model


def attribute(task, report=silent):
    """Attribution profiles of a library, by group where there are groups."""
    from soilcore.models.archive import load_model

    if task.out is not None:
        check_output(task.out, task.overwrite)
    model = load_model(task.model_dir)
    check_spectral(model, task.model_dir)
    spectra = read_for_model(model, task.spectra, part(report, 0, 0.3))
    X, axis, said = table_for_model(model, spectra)
    values = _linear(model, X)
    return {
        "model": model.name,
        "target": model.target["column"],
        "unit": model.target["unit"],
        "n": len(spectra),
        "axis": {**axis_facts(axis, spectra.unit), "axis": axis.tolist()},
        "profile": values.mean(axis=0),
        "assumed": (*spectra.assumed, *said),
    }


def _linear(model, X):
    path = getattr(model.learner, "path_", None)
    if path is None:
        raise NotAvailableError(f"Attributions of the model {model.name!r} are not available yet.")
    return path.coefficients() * (np.asarray(X, float) - path.centre)
