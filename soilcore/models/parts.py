"""The parts of a model folder: each fitted object as a file of a safe format, described by plain words and checked before it is read.

Our own learners are written as structure (a kind, its settings, plain numbers), so reading a folder imports nothing a file names.
"""

import io
import json
import re
import warnings
import zipfile

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.models.skops_light import skops_io
from soilcore.models.skops_types import ALLOWED_CLASSES, ALLOWED_LOADERS, ALLOWED_TYPES

_PART_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)*\.(skops|ubj|npz|parquet|safetensors)")
_SCHEMA_FILE = "schema.json"
_LARGEST_RATIO = 2000  # unpacked to packed size; far above what numbers reach, far below a bomb


class PartWriter:
    """Collects the files of a model folder as bytes.

    Attributes
    ----------
    files : dict of str to bytes
    """

    def __init__(self):
        self.files = {}

    def add(self, name, content):
        """Take one file; returns its name."""
        check_part_name(name)
        if name in self.files:
            raise ModelError(f"Two parts of the model would be called {name!r}.")
        self.files[name] = content
        return name

    def add_estimators(self, prefix, estimators):
        """Scikit-learn estimators as one skops file; returns their description."""
        for estimator in estimators:
            check_class(estimator)
        content = skops_io().dumps([_without_training_state(estimator) for estimator in estimators], compression=zipfile.ZIP_DEFLATED)
        check_skops(content, prefix)
        return {"classes": [type(estimator).__name__ for estimator in estimators], "part": self.add(f"{prefix}.skops", content)}

    def add_xgboost(self, prefix, model):
        """An XGBoost model as UBJSON; returns its description."""
        content = bytes(model.get_booster().save_raw(raw_format="ubj"))
        return {"part": self.add(f"{prefix}.ubj", content)}

    def add_arrays(self, prefix, arrays):
        """Named arrays of numbers as one npz file; returns its name."""
        stream = io.BytesIO()
        for name, array in arrays.items():
            if array.dtype.kind not in "biuf":
                raise ModelError(f"The array {name!r} holds {array.dtype}, not numbers, and cannot be stored in a model folder.")
        np.savez_compressed(stream, **arrays)
        return self.add(f"{prefix}.npz", stream.getvalue())

    def add_tensors(self, prefix, tensors):
        """Tensors of a network as one safetensors file; returns its name."""
        from safetensors.torch import save

        return self.add(f"{prefix}.safetensors", save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}))


class PartReader:
    """Reads files of a model folder whose hashes were checked.

    Parameters
    ----------
    files : dict of str to bytes
    """

    def __init__(self, files):
        self.files = files

    def content(self, name):
        """Bytes of one file."""
        if name not in self.files:
            raise ModelError(f"The model names a part {name!r} that is not in its list. The folder was edited; take an untouched copy.")
        return self.files[name]

    def estimators(self, description):
        """Scikit-learn estimators from a skops file, each of the class its place asks for."""
        from sklearn.exceptions import InconsistentVersionWarning

        content = self.content(description["part"])
        check_skops(content, description["part"])
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InconsistentVersionWarning)  # the archive compares versions itself
                estimators = skops_io().loads(content, trusted=sorted(ALLOWED_TYPES))
        except (ValueError, TypeError, KeyError, AttributeError, EOFError, OSError) as error:
            raise ModelError(f"{description['part']} cannot be put together ({error}). Take an untouched copy of the folder.") from None
        found = [type(estimator).__name__ for estimator in estimators] if isinstance(estimators, list) else type(estimators).__name__
        if found != list(description["classes"]):
            raise ModelError(
                f"{description['part']} holds {found}, but {description['classes']} is expected. The folder was edited; take an untouched copy."
            )
        for estimator in estimators:
            check_class(estimator)
        return estimators

    def xgboost(self, description, settings):
        """An XGBoost regressor from UBJSON, on the cpu."""
        from xgboost import XGBRegressor
        from xgboost.core import XGBoostError

        model = XGBRegressor(**settings)
        try:
            model.load_model(bytearray(self.content(description["part"])))
        except (XGBoostError, ValueError, KeyError) as error:
            reason = str(error).strip().splitlines()[0]
            raise ModelError(f"{description['part']} is not an XGBoost model this version can read ({reason}).") from None
        model.set_params(device="cpu")
        return model

    def arrays(self, name):
        """Named arrays from an npz file."""
        try:
            with np.load(io.BytesIO(self.content(name)), allow_pickle=False) as stored:
                return {key: stored[key] for key in stored.files}
        except (ValueError, OSError, EOFError, MemoryError, zipfile.BadZipFile) as error:  # a header may promise more than any memory holds
            raise ModelError(f"{name} is not a file of plain arrays ({error}).") from None

    def tensors(self, name):
        """Tensors by name from a safetensors file: numbers and nothing else, on the CPU."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        try:
            return load(self.content(name))
        except (SafetensorError, ValueError, KeyError, MemoryError) as error:
            raise ModelError(f"{name} is not a file of plain tensors ({error}). Take an untouched copy of the folder.") from None


def check_part_name(name):
    """Refuse anything but a plain file name of a known format: no folder, no parent, no hidden file.

    Raises
    ------
    ModelError
    """
    if not isinstance(name, str) or not _PART_NAME.fullmatch(name):
        raise ModelError(
            f"The model names a part {name!r}, which is not a plain file name of a known format (skops, ubj, npz, parquet, safetensors). It was not read."
        )


def check_class(estimator):
    """Refuse an estimator that is none of the classes a model of ours holds."""
    if type(estimator).__name__ not in ALLOWED_CLASSES or not type(estimator).__module__.startswith("sklearn."):
        raise ModelError(f"An object of type {type(estimator).__module__}.{type(estimator).__name__} does not belong in a model folder.")


def check_skops(content, name):
    """Refuse a skops file that is no such file, or names a type outside the list, before anything in it is built.

    Raises
    ------
    ModelError
        With the types found.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
            if size > _LARGEST_RATIO * max(len(content), 1):
                raise ModelError(f"{name} unpacks to {size} bytes from {len(content)}. It was not read.")
            schema = json.loads(packed.read(_SCHEMA_FILE))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ModelError(f"{name} is not a skops file ({error}). Nothing in it was read; pickles are never opened.") from None
    types, loaders = types_in(schema)
    unknown = sorted(types - ALLOWED_TYPES) + sorted(loaders - ALLOWED_LOADERS)
    unknown += sorted(set(skops_io().get_untrusted_types(data=content)) - ALLOWED_TYPES) if not unknown else []
    if unknown:
        raise ModelError(f"{name} holds types a model of ours does not need: {', '.join(unknown)}. It was not read.")


def types_in(schema):
    """Full names of all types and functions a skops schema mentions, and of the ways it wants them built.

    Returns
    -------
    types, loaders : set of str
    """
    types, loaders, waiting = set(), set(), [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if "__class__" in item or "__module__" in item:
                types.add(f"{item.get('__module__')}.{item.get('__class__')}")
            if "__loader__" in item:
                loaders.add(str(item["__loader__"]))
            waiting += list(item.values())
        elif isinstance(item, list):
            waiting += item
    return types, loaders


def _without_training_state(estimator):
    """A copy without what only further training needs: Adam's moments and the generator's state."""
    import copy

    if type(estimator).__name__ != "MLPRegressor":
        return estimator
    estimator = copy.copy(estimator)
    for name in ("_optimizer", "_random_state", "_label_binarizer", "_no_improvement_count", "_best_coefs", "_best_intercepts"):
        estimator.__dict__.pop(name, None)
    return estimator
