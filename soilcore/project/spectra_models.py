"""Learners for spectra: how each wants them prepared, and how new spectra are brought onto the axis a model was trained on."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import ModelError, SampleError, SettingsError
from soilcore.project.spectra_inputs import column_names, matrix

KIND = "spectra"
USUAL_STEPS = "snv,sg:11:1:1,co2:zero"
_STEPS = {"spectra-cnn": "snv", "auto": "", "mean": ""}  # `auto` tries preparations of its own
_NOT_FOR_SPECTRA = {"best-index", "kriging", "regression-kriging", "dual-step"}
_ABSORBANCES = {"absorbance", "pseudo-absorbance"}
_COARSER = 2.5  # times the model's spacing, from which interpolation invents what was not measured
_SAME_POINT = 0.02  # of the spacing


@dataclass(frozen=True)
class Candidate:
    """One learner with the spectra prepared for it.

    Parameters
    ----------
    name : str
    learner : Learner
        Unfitted.
    X : DataFrame of shape (n_samples, n_points)
    steps : Steps
        What prepared them.
    axis : ndarray of float
        Of the columns of `X`.
    said : tuple of str
    """

    name: str
    learner: object
    X: object
    steps: object
    axis: np.ndarray
    said: tuple[str, ...] = ()


def candidates(names, table, fit, asked):
    """Learners with their spectra; those prepared alike share one matrix.

    Parameters
    ----------
    names : tuple of str
    table : SpectralTable
    fit : FitSettings
    asked : tuple of str
        Preprocessing as in `soilcore.project.spectra_settings.SpectraCompareTask`.

    Returns
    -------
    dict of str to Candidate
    """
    steps = {name: steps_text(name, asked) for name in _checked(names, asked)}
    made = {}
    for text in dict.fromkeys(steps.values()):
        made[text] = _prepared(table.spectra, text)
    return {name: Candidate(name, make_learner_for_spectra(name, fit), *made[steps[name]]) for name in names}


def _prepared(spectra, text):
    """Matrix, steps, axis and what was said of one preparation."""
    from soilcore.features.spectral_preprocessing import parse_steps, preprocess

    steps = parse_steps(text)
    done = preprocess(spectra.values, spectra.axis, steps, spectra.unit, spectra.quantity)
    _check_whole(done.values, steps)
    return matrix(done.values, done.axis), steps, done.axis, done.notes


def _check_whole(values, steps):
    lost = int((~np.isfinite(values).all(axis=1)).sum())
    if lost:
        raise SampleError(
            f"{lost} of {len(values)} spectra have no value after {str(steps) or 'no preprocessing'}: they are zero or negative somewhere. "
            "Leave them out with --positive, or leave out the step that takes a logarithm."
        )


def _checked(names, asked):
    if not names:
        raise SettingsError("No model was named. Give --models plsr,spectra-cnn or others.")
    for entry in asked:
        name, mark, _ = entry.partition("=")
        if mark and name not in names:
            raise SettingsError(f"--preprocess speaks of {name!r}, which is not among the models {', '.join(names)}.")
    return names


def steps_text(name, asked=()):
    """Preprocessing of one learner: as told for it, as told for all, or its default."""
    own = [entry.partition("=")[2] for entry in asked if entry.startswith(f"{name}=")]
    general = [entry for entry in asked if "=" not in entry]
    text = (own or general or [_STEPS.get(name, USUAL_STEPS)])[-1].strip()
    return "" if text in ("raw", "none") else text


def make_learner_for_spectra(name, fit):
    """An unfitted learner for spectra.

    Raises
    ------
    SettingsError
        If it does not work on spectra.
    """
    from soilcore.models.catalogue import learner_spec, make_learner
    from soilcore.models.network_needs import is_image_network

    learner_spec(name)
    if is_image_network(name) or name in _NOT_FOR_SPECTRA:
        raise SettingsError(
            f"The model {name!r} does not work on spectra. Take plsr, spectra-cnn, svr, ridge, rf, xgboost, mlp, stacking, auto or mean."
        )
    if fit.neighbours:
        raise SettingsError("--neighbour makes features of neighbouring places, which belong to maps. Leave it out for spectra.")
    if name == "plsr":
        from soilcore.models.plsr_components import SpectralPlsr

        return SpectralPlsr(target_transform=fit.transform, random_state=fit.seed)
    return make_learner(name, fit)


def recipe_of(spectra, candidate):
    """What a model folder keeps of how its columns are made.

    Returns
    -------
    dict
        ``kind`` "spectra"; ``steps``, ``preprocess`` (as text); ``axis`` (of the spectra before preparation), ``unit``, ``quantity``; ``points``.
    """
    return {
        "kind": KIND,
        "steps": candidate.steps.to_dict(),
        "preprocess": str(candidate.steps),
        "axis": [float(value) for value in spectra.axis],
        "unit": spectra.unit,
        "quantity": spectra.quantity,
        "points": candidate.X.shape[1],
    }


def check_spectral(model, folder):
    """Refuse a model that is not one of spectra.

    Raises
    ------
    ModelError
    """
    if model.recipe.get("kind") != KIND:
        raise ModelError(f"{str(folder)!r} is no model of spectra: it predicts from imagery or columns of a table. Use `map` or `external` with it.")


def table_for_model(model, spectra):
    """New spectra as the columns a model was trained on.

    Parameters
    ----------
    model : FittedModel
        With the recipe of `recipe_of`.
    spectra : SpectraSet

    Returns
    -------
    X : DataFrame of shape (n_samples, n_points)
    axis : ndarray of float
        Of its columns.
    said : tuple of str

    Raises
    ------
    SampleError
        If the quantity is another one, or the axis does not reach as far as that of training.
    """
    from soilcore.features.spectral_preprocessing import Steps, preprocess

    recipe = model.recipe
    _check_quantity(recipe, spectra.quantity)
    values, said = _on_axis(recipe, spectra)
    steps = Steps.from_dict(recipe["steps"])
    done = preprocess(values, np.asarray(recipe["axis"], float), steps, recipe["unit"], recipe["quantity"])
    _check_whole(done.values, steps)
    X = matrix(done.values, done.axis)
    if list(X.columns) != list(model.feature_names):
        raise ModelError("The model's columns are not what its preprocessing makes. Take an untouched copy of the model folder, or train anew.")
    return X, done.axis, said


def _check_quantity(recipe, quantity):
    trained = recipe["quantity"]
    if trained == quantity or {trained, quantity} <= _ABSORBANCES:
        return
    remedy = (
        "Turn reflectance into absorbance first (`spectra preprocess --preprocess absorbance --out FILE`), or say what the file holds with --quantity."
        if quantity == "reflectance"
        else "Say what the file holds with --quantity, or train a model on such spectra."
    )
    raise SampleError(f"The model was trained on {trained}, these spectra are {quantity}. {remedy}")


def _on_axis(recipe, spectra):
    """Values at the points of the model's axis, and what was done."""
    from soilcore.data.spectra_resampling import Resampling

    wanted, own, said = np.asarray(recipe["axis"], float), spectra.axis, []
    if spectra.unit != recipe["unit"]:
        own = 1e7 / own  # nm and cm-1 are each other's reciprocal; the order of energy stays
        said.append(f"the axis is turned from {spectra.unit} into {recipe['unit']}, as the model knows it")
    spacing = float(np.median(np.abs(np.diff(wanted))))
    low, high = wanted.min(), wanted.max()
    if own.min() > low + spacing or own.max() < high - spacing:
        raise SampleError(
            f"The model was trained on spectra from {wanted[0]:g} to {wanted[-1]:g} {recipe['unit']}, these reach from {own[0]:g} to {own[-1]:g}. "
            "It cannot predict without the missing part; train one on the range that both have."
        )
    if own.size == wanted.size and np.abs(own - wanted).max() <= _SAME_POINT * spacing:
        return spectra.values, tuple(said)
    step = float(np.median(np.abs(np.diff(own))))
    coarse = f"; they are coarser ({step:.3g} against {spacing:.3g} {recipe['unit']}), so narrow bands are lost" if step > _COARSER * spacing else ""
    said.append(f"spectra of {own.size} points are brought to the {wanted.size} points the model knows{coarse}")
    inside = np.clip(wanted, own.min(), own.max())  # an end may lie one step beyond
    return Resampling.between(own, inside, recipe["unit"])(spectra.values.astype(float)), tuple(said)


def axis_facts(axis, unit):
    """An axis for pages and messages."""
    axis = np.asarray(axis, float)
    steps = np.abs(np.diff(axis))
    return {"unit": unit, "first": axis[0], "last": axis[-1], "points": int(axis.size), "spacing": float(np.median(steps)) if steps.size else None}


__all__ = [
    "Candidate",
    "axis_facts",
    "candidates",
    "check_spectral",
    "column_names",
    "make_learner_for_spectra",
    "recipe_of",
    "steps_text",
    "table_for_model",
]
