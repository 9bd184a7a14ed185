"""The model folder: model.json and its parts. Every part's hash is checked, and nothing is unpickled."""

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from soilcore.core.errors import ModelError, UnreadableError
from soilcore.core.files import check_output, plain, written_whole
from soilcore.core.fingerprint import of_settings
from soilcore.models.parts import PartReader, PartWriter, check_part_name
from soilcore.models.structure import describe, rebuild

SCHEMA = "soilcore-model/1"
MODEL_FILE = "model.json"
OUT_OF_FOLD_FILE = "oof.parquet"
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_LIBRARIES = ("numpy", "scikit-learn", "skops")
_FACTS = ("name", "recipe", "target", "envelope", "scores", "folds", "sensor", "provenance", "plane", "trust")
_LATER_FACTS = {"plane": None, "trust": {}}  # not in the first models that were written


@dataclass(frozen=True)
class LearnerOnFile:
    """What a model folder says of its learner, with the learner left on file: enough to show, not to predict.

    Parameters
    ----------
    kind : str
        Of the learner, as stored.
    settings, learned : dict
        JSON values.
    """

    kind: str
    settings: dict
    learned: dict

    @property
    def transform_(self):
        """The target transform."""
        from soilcore.models.transforms import TargetTransform

        return TargetTransform(self.settings["target_transform"])

    @property
    def device_(self):
        """Where it was fitted."""
        return self.learned["device_"]

    def describe(self):
        """What a network said of itself when it was stored (see `soilcore.models.neural.NetworkBase.describe`); empty for other learners."""
        facts = self.learned.get("facts")
        return {} if facts is None else {**facts, "device": self.device_, "device_note": self.learned["device_note_"]}


@dataclass(frozen=True)
class FittedModel:
    """A fitted learner with everything needed to use it rightly and to judge it.

    Parameters
    ----------
    learner : Learner
        Fitted.
    name : str
        As typed: ``stacking``, ``rf``, ...
    recipe : dict
        `FeatureRecipe.to_dict`: how its columns are made.
    target : dict
        ``column``, ``unit``, ``extract``, ``form``, ``method``.
    envelope : dict
        `training_envelope`: per column the range and quantiles of training.
    scores : dict
        Scores under the folds, as `compare` gives them.
    folds : dict
        Scheme, sizes and, where wanted, assignments (arrays are stored as arrays).
    out_of_fold : DataFrame or None
        Observed and out-of-fold predicted values, one row per sample.
    provenance : dict
        Versions, seed, settings, hashes of the inputs, device.
    sensor : dict
        Sensor, scale and offset of the imagery it was trained on; empty for a model without imagery.
    plane : str or None
        Reference system in metres in which distances between samples were computed; None for samples without places.
    trust : dict
        What is known of leakage, intervals and applicability, as JSON values.
    trust_arrays : dict of str to ndarray
        Numbers that intervals and the area of applicability are made of.
    trust_learners : dict of str to Learner
        Fitted learners that intervals are made of.
    """

    learner: object
    name: str
    recipe: dict
    target: dict
    envelope: dict
    scores: dict
    folds: dict
    out_of_fold: object = None
    provenance: dict = field(default_factory=dict)
    sensor: dict = field(default_factory=dict)
    plane: str | None = None
    trust: dict = field(default_factory=dict)
    trust_arrays: dict = field(default_factory=dict)
    trust_learners: dict = field(default_factory=dict)

    @property
    def transform(self):
        """Name of the target transform."""
        return self.learner.transform_.name

    @property
    def feature_names(self):
        """Columns it was trained on, in order."""
        return tuple(str(name) for name in getattr(self.learner, "feature_names_in_", self.envelope))

    @property
    def device(self):
        """Where the learner was really fitted."""
        return self.learner.device_


def training_envelope(X):
    """Range and distribution of every training column.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)

    Returns
    -------
    dict of str to dict
        ``min``, ``max``, ``mean``, ``sd`` (ddof 1, None for one sample) and ``quantiles`` (probability as text to value, linear between samples).
    """
    envelope = {}
    for name in X.columns:
        values = X[name].to_numpy(dtype=float)
        quantiles = dict(zip(map(str, QUANTILES), np.quantile(values, QUANTILES).tolist(), strict=True))
        sd = float(values.std(ddof=1)) if values.size > 1 else None
        envelope[str(name)] = {"min": float(values.min()), "max": float(values.max()), "mean": float(values.mean()), "sd": sd, "quantiles": quantiles}
    return envelope


def save_model(model, folder, overwrite=False):
    """Write a model folder, whole or not at all.

    Parameters
    ----------
    model : FittedModel
    folder : path
    overwrite : bool
        Whether a model folder that is there already is replaced.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    SettingsError
        If something is there and may not be replaced.
    ModelError
        If the learner is of a kind that cannot be stored, or what is there is no model folder.
    """
    folder = check_output(folder, overwrite)
    if folder.exists() and not (folder / MODEL_FILE).is_file():
        raise ModelError(f"{str(folder)!r} is there and is not a model folder, so it is not replaced. Choose another name.")
    document, files = _document(model)
    with written_whole(folder) as temporary:
        temporary.mkdir()
        for name, content in files.items():
            (temporary / name).write_bytes(content)
        (temporary / MODEL_FILE).write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return folder


def load_model(folder, *, leave=()):
    """Read a model folder.

    Parameters
    ----------
    folder : path
    leave : collection of str
        Kinds of learners that stay on file: their models come with a `LearnerOnFile`, which shows what is known and imports nothing heavy.

    Returns
    -------
    FittedModel
        Predicts exactly what the stored one did, unless its learner stays on file.

    Raises
    ------
    UnreadableError
        If there is no model folder, or its model.json cannot be read.
    ModelError
        If a part is missing, was changed, is of an unknown type or format, or the folder was written by another generation of soilcore.
    """
    folder = Path(folder)
    document = _read_document(folder)
    try:
        stays = document["learner"]["kind"] in leave
        parts = {name: facts for name, facts in document["parts"].items() if not stays or name == OUT_OF_FOLD_FILE}
        files = {name: _checked_content(folder, name, facts) for name, facts in parts.items()}
        _check_versions(document)
        return _put_together(document, PartReader(files), stays)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise ModelError(f"{str(folder / MODEL_FILE)!r} lacks or garbles something ({error}). Take an untouched copy of the model folder.") from None


def _put_together(document, reader, stays=False):
    facts = {name: document.get(name, _LATER_FACTS[name]) if name in _LATER_FACTS else document[name] for name in _FACTS}
    if not isinstance(facts["trust"], dict):
        raise TypeError("trust")
    out_of_fold = _read_frame(reader.content(OUT_OF_FOLD_FILE)) if OUT_OF_FOLD_FILE in reader.files else None
    if stays:
        on_file = LearnerOnFile(document["learner"]["kind"], document["learner"]["settings"], document["learner"]["learned"])
        return FittedModel(learner=on_file, out_of_fold=out_of_fold, **facts)
    if "arrays" in facts["folds"]:
        named = facts["folds"]
        facts["folds"] = {**{key: value for key, value in named.items() if key != "arrays"}, **reader.arrays(named["arrays"])}
    facts["trust_arrays"] = reader.arrays(document["trust_arrays"]) if document.get("trust_arrays") else {}
    facts["trust_learners"] = {name: rebuild(description, reader) for name, description in document.get("trust_learners", {}).items()}
    return FittedModel(learner=rebuild(document["learner"], reader), out_of_fold=out_of_fold, **facts)


def _document(model):
    """model.json as JSON values, and the contents of the other files."""
    writer = PartWriter()
    learner = plain(describe(model.learner, writer))
    folds = {key: value for key, value in model.folds.items() if not isinstance(value, np.ndarray)}
    arrays = {key: value for key, value in model.folds.items() if isinstance(value, np.ndarray)}
    if arrays:
        folds["arrays"] = writer.add_arrays("folds", arrays)
    if model.out_of_fold is not None:
        writer.add(OUT_OF_FOLD_FILE, model.out_of_fold.to_parquet(None, index=False))
    facts = {name: getattr(model, name) for name in _FACTS} | {"folds": folds}
    document = {
        "schema": SCHEMA,
        **plain(facts),
        "transform": model.transform,
        "feature_names": list(model.feature_names),
        "learner": learner,
        "trust_arrays": writer.add_arrays("trust", {name: np.asarray(array) for name, array in model.trust_arrays.items()})
        if model.trust_arrays
        else None,
        "trust_learners": {name: plain(describe(one, writer, f"trust{number}")) for number, (name, one) in enumerate(model.trust_learners.items())},
        "written_with": _versions(),
        "parts": {name: {"bytes": len(content), "sha256": _sha256(content)} for name, content in writer.files.items()},
    }
    return {**document, "fingerprint": of_settings(document)}, writer.files


def _read_document(folder):
    path = folder / MODEL_FILE
    if not path.is_file():
        raise UnreadableError(f"{str(folder)!r} is not a model folder: there is no {MODEL_FILE} in it. Name a folder that `train` wrote.")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        raise UnreadableError(f"{str(path)!r} cannot be read ({error}). It may be cut off; take an untouched copy of the folder.") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        schema = document.get("schema") if isinstance(document, dict) else None
        raise ModelError(
            f"{str(path)!r} is of the form {schema!r}; this version reads {SCHEMA!r}. Train the model again, or use the soilcore that wrote it."
        )
    fingerprint = document.pop("fingerprint", None)
    if fingerprint != of_settings(document):
        raise ModelError(f"{str(path)!r} was changed after it was written: its fingerprint does not match. Take an untouched copy of the folder.")
    return document


def _checked_content(folder, name, facts):
    check_part_name(name)
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise ModelError(f"The part {name!r} of the model {str(folder)!r} is missing or is a link. Take an untouched copy of the folder.")
    content = path.read_bytes()
    if len(content) != facts.get("bytes") or _sha256(content) != facts.get("sha256"):
        raise ModelError(
            f"The part {name!r} of the model {str(folder)!r} was changed after it was written: its hash does not match. Take an untouched copy."
        )
    return content


def _check_versions(document):
    """Refuse a scikit-learn of another major version; trees and scalers of neighbours are read alike."""
    written, here = document["written_with"].get("scikit-learn"), _versions()["scikit-learn"]
    if str(written).split(".")[0] != here.split(".")[0]:
        raise ModelError(f"The model was written with scikit-learn {written}, and {here} is installed. Train it again, or install the former.")


def _read_frame(content):
    import pandas as pd

    try:
        return pd.read_parquet(io.BytesIO(content))
    except (ValueError, OSError) as error:
        raise ModelError(f"{OUT_OF_FOLD_FILE} is not a parquet table ({error}).") from None


def _versions():
    from importlib import metadata

    return {name: metadata.version(name) for name in _LIBRARIES}


def _sha256(content):
    return hashlib.sha256(content).hexdigest()
