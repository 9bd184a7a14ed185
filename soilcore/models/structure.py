"""Learners as plain words and numbers, and back: one entry per kind of learner."""

from dataclasses import is_dataclass
from importlib import import_module

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.core.settings import from_plain, to_plain
from soilcore.models.settings import NetworkSettings
from soilcore.models.stored_two_step import read_two_step, two_step_class, write_two_step

_OWN_ATTRIBUTES = ("device_", "device_note_", "nonnegative_")


def describe(learner, writer, prefix="learner"):
    """A fitted learner as JSON values; what is not plain goes to files.

    Parameters
    ----------
    learner : Learner
    writer : PartWriter
    prefix : str
        Start of the names of its files.

    Returns
    -------
    dict
        ``kind``, ``settings`` (its parameters), ``learned`` and what the kind adds.

    Raises
    ------
    ModelError
        If the learner is of a kind that cannot be stored.
    """
    kind = next((name for name, (of, *_) in _kinds().items() if type(learner) is of()), None)
    if kind is None:
        raise ModelError(f"A learner of type {type(learner).__name__} cannot be stored. Kinds: {', '.join(_kinds())}.")
    if not hasattr(learner, "transform_"):
        raise ModelError("The learner is not fitted; fit it before it is stored.")
    learned = {name: getattr(learner, name) for name in _OWN_ATTRIBUTES} | {"n_features_in_": learner.n_features_in_}
    if hasattr(learner, "feature_names_in_"):
        learned["feature_names_in_"] = [str(name) for name in learner.feature_names_in_]
    _, write, _ = _kinds()[kind]
    return {"kind": kind, "settings": _plain_settings(learner), "learned": {**learned, **write(learner, writer, prefix)}}


def rebuild(description, reader):
    """The learner a description stands for.

    Raises
    ------
    ModelError
        If the kind, a setting or a part is not one of ours.
    """
    kinds = _kinds()
    kind = description.get("kind")
    if kind not in kinds:
        raise ModelError(f"The model is of a kind {kind!r} this version does not know. Kinds: {', '.join(kinds)}.")
    of, _, read = kinds[kind]
    settings = _settings_back(description["settings"])
    known = of()().get_params()
    if unknown := [name for name in settings if name not in known]:
        raise ModelError(f"The model has settings this version does not know: {', '.join(unknown)}.")
    learner = of()(**settings)
    learned = description["learned"]
    from soilcore.models.transforms import TargetTransform

    learner.transform_ = TargetTransform(learner.target_transform)
    for name in (*_OWN_ATTRIBUTES, "n_features_in_"):
        setattr(learner, name, learned[name])
    if "feature_names_in_" in learned:
        learner.feature_names_in_ = np.array(learned["feature_names_in_"], dtype=object)
    read(learner, learned, reader)
    return learner


def _plain_settings(learner):
    """Parameters as JSON values; a generator is replaced by the fact that there was one, and a learner inside is described on its own.

    Settings inside become objects.
    """
    from sklearn.base import BaseEstimator

    settings = {name: value for name, value in learner.get_params(deep=False).items() if not isinstance(value, BaseEstimator)}
    settings = {name: to_plain(value) if is_dataclass(value) else value for name, value in settings.items()}
    seed = settings.get("random_state")
    if seed is not None and not isinstance(seed, (int, np.integer)):
        settings["random_state"] = None
    return settings


def _settings_back(settings):
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    if isinstance(settings.get("network"), dict):
        settings["network"] = from_plain(NetworkSettings, settings["network"])
    return settings


def _write_mean(learner, writer, prefix):
    return {"mean_": learner.mean_}


def _read_mean(learner, learned, reader):
    learner.mean_ = learned["mean_"]


_LINE = ("column_", "column_name_", "spearman_", "slope_", "intercept_")


def _write_best_index(learner, writer, prefix):
    return {name: getattr(learner, name) for name in _LINE}


def _read_best_index(learner, learned, reader):
    for name in _LINE:
        setattr(learner, name, learned[name])


def _write_tuned(learner, writer, prefix):
    steps = [{"name": name, **_describe_step(step, writer, f"{prefix}.{name}")} for name, step in learner.pipeline_.steps]
    return {
        "parameters_": learner.parameters_,
        "tuning_": learner.tuning_,
        "model_seed": learner._model_seed,
        "arrays": writer.add_arrays(prefix, {"inner_folds_": learner.inner_folds_}),
        "steps": steps,
    }


def _read_tuned(learner, learned, reader):
    from sklearn.pipeline import Pipeline

    learner.parameters_ = learned["parameters_"]
    learner.tuning_ = tuple(learned["tuning_"])
    learner.inner_folds_ = reader.arrays(learned["arrays"])["inner_folds_"]
    learner._model_seed = learned["model_seed"]
    steps = [(step["name"], _rebuild_step(step, reader)) for step in learned["steps"]]
    if not steps or steps[-1][0] != "model":
        raise ModelError(f"The learner {learner.name} has the steps {[name for name, _ in steps]}; the last one should be 'model'.")
    learner.pipeline_ = Pipeline(steps)


def _describe_step(step, writer, prefix):
    from soilcore.models.seeds import MeanOfSeeds

    if type(step) is MeanOfSeeds:
        members = writer.add_estimators(prefix, step.members_)
        return {"kind": "mean-of-seeds", "settings": step.get_params(), "n_features_in_": step.n_features_in_, "members": members}
    if type(step).__name__ == "XGBRegressor":
        settings = {name: value for name, value in step.get_params().items() if name in _XGBOOST_SETTINGS}
        return {"kind": "xgboost", "settings": settings, "model": writer.add_xgboost(prefix, step)}
    return {"kind": "sklearn", "model": writer.add_estimators(prefix, [step])}


_XGBOOST_SETTINGS = (
    "n_estimators",
    "learning_rate",
    "max_depth",
    "min_child_weight",
    "subsample",
    "colsample_bytree",
    "reg_lambda",
    "reg_alpha",
    "tree_method",
    "max_bin",
    "random_state",
    "n_jobs",
)


def _rebuild_step(step, reader):
    if step["kind"] == "mean-of-seeds":
        from soilcore.models.seeds import MeanOfSeeds

        networks = MeanOfSeeds(**step["settings"])
        networks.members_ = reader.estimators(step["members"])
        networks.n_features_in_ = step["n_features_in_"]
        return networks
    if step["kind"] == "xgboost":
        unknown = [name for name in step["settings"] if name not in _XGBOOST_SETTINGS]
        if unknown:
            raise ModelError(f"The XGBoost model has settings this version does not store: {', '.join(unknown)}.")
        return reader.xgboost(step["model"], step["settings"])
    if step["kind"] == "sklearn":
        return reader.estimators(step["model"])[0]
    raise ModelError(f"A step of the model is of a kind {step['kind']!r} this version does not know.")


def _write_stack(learner, writer, prefix):
    arrays = {name: np.asarray(getattr(learner, name)) for name in ("Z_", "inner_folds_", "meta_oof_", "meta_coef_")}
    return {
        "members_": [[name, describe(member, writer, f"{prefix}.{name}")] for name, member in learner.members_.items()],
        "meta_intercept_": learner.meta_intercept_,
        "meta_components_": learner.meta_components_,
        "arrays": writer.add_arrays(prefix, arrays),
    }


def _read_stack(learner, learned, reader):
    learner.members_ = {name: rebuild(description, reader) for name, description in learned["members_"]}
    learner.meta_intercept_, learner.meta_components_ = learned["meta_intercept_"], learned["meta_components_"]
    for name, array in reader.arrays(learned["arrays"]).items():
        if name not in ("Z_", "inner_folds_", "meta_oof_", "meta_coef_"):
            raise ModelError(f"The stack holds an array {name!r} this version does not know.")
        setattr(learner, name, array)


def _named(module, name):
    """A class or function of `soilcore.models`, imported when it is asked for."""
    return lambda: getattr(import_module(f"soilcore.models.{module}"), name)


def _both(module, what):
    """Writer and reader of a kind, imported when they are called."""
    return (
        lambda learner, writer, prefix: _named(module, f"write_{what}")()(learner, writer, prefix),
        lambda learner, learned, reader: _named(module, f"read_{what}")()(learner, learned, reader),
    )


def _kinds():
    """Kind to (class, writer, reader)."""
    return {
        "mean": (_named("baselines", "MeanModel"), _write_mean, _read_mean),
        "best-index": (_named("baselines", "BestIndexModel"), _write_best_index, _read_best_index),
        "tuned": (_named("pipelines", "TunedRegressor"), _write_tuned, _read_tuned),
        "spectral-plsr": (_named("plsr_components", "SpectralPlsr"), *_both("plsr_components", "spectral_plsr")),
        "stacking": (_named("stacking", "StackingModel"), _write_stack, _read_stack),
        "dual-step": (two_step_class, write_two_step, read_two_step),
        "kriging": (_named("kriging_learners", "KrigingLearner"), *_both("stored_kriging", "kriging")),
        "regression-kriging": (_named("kriging_learners", "RegressionKriging"), *_both("stored_kriging", "regression_kriging")),
        "with-neighbours": (_named("neighbour_learner", "WithNeighbours"), *_both("stored_kriging", "with_neighbours")),
        "auto": (_named("auto", "AutoModel"), *_both("stored_auto", "auto")),
        "network": (_named("neural", "NetworkLearner"), *_both("stored_networks", "network")),
        "spectra-network": (_named("neural", "SpectraNetwork"), *_both("stored_networks", "network")),
    }
