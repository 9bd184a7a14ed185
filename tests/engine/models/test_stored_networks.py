"""Networks in a model folder: the same numbers come back, and nothing but our own modules is filled."""

import json

import numpy as np
import pytest

from soilcore.core.errors import ModelError, SettingsError
from soilcore.models.archive import FittedModel, load_model, save_model, training_envelope
from soilcore.models.parts import PartReader, PartWriter
from soilcore.models.structure import describe, rebuild
from tests.engine.models.neural_samples import needs_of, network, samples, spectra

NAMES = ("sssoilnet", "sssoilnet-dense", "soilnet-small", "spectra-cnn")
pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def stored():
    """By name: learner, predictors, surroundings, description as JSON text, and files."""
    found = {}
    for name in NAMES:
        if name == "spectra-cnn":
            (X, y), places = spectra(30), None
        else:
            data = samples(needs_of(name), 30)
            X, y, places = data.X, data.target("index"), data.surroundings
        learner = network(name, members=2 if name == "sssoilnet" else 1, epochs=1).fit(X, y, coordinates=places)
        writer = PartWriter()
        found[name] = learner, X, places, json.dumps(describe(learner, writer), allow_nan=False), writer.files
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_comes_back_predicts_the_same_to_the_last_bit_and_says_the_same(name, stored):
    learner, X, places, text, files = stored[name]
    again = rebuild(json.loads(text), PartReader(files))
    assert np.array_equal(again.predict(X, places), learner.predict(X, places))
    assert np.array_equal(again.embed(X, places), learner.embed(X, places))
    assert again.describe() == learner.describe()
    assert again.needs_ == learner.needs_
    assert again.history_ == learner.history_
    assert again.get_params() == learner.get_params()


@pytest.mark.parametrize("name", NAMES)
def test_the_stored_tensors_hold_every_trainable_number(name, stored):
    learner, _, _, text, files = stored[name]
    part = json.loads(text)["learned"]["members"][0]
    trainable = {key for key, _ in learner.members_[0].named_parameters()}
    tensors = PartReader(files).tensors(part)
    assert sum(tensors[key].numel() for key in trainable) == learner.describe()["parameters"]


def test_a_model_folder_with_a_network_is_written_and_read(tmp_path, stored):
    learner, X, _, _, _ = stored["spectra-cnn"]
    model = FittedModel(learner, "spectra-cnn", {}, {"column": "y", "unit": "g/kg"}, training_envelope(X), {}, {})
    folder = save_model(model, tmp_path / "model")
    assert sorted(path.suffix for path in folder.iterdir()) == [".json", ".npz", ".safetensors"]
    assert np.array_equal(load_model(folder).learner.predict(X), learner.predict(X))


def changed(stored, change, name="sssoilnet"):
    """The model after `change(description, tensors)`, where tensors are those of the first member."""
    from safetensors.torch import save

    _, _, _, text, files = stored[name]
    description = json.loads(text)
    part = description["learned"]["members"][0]
    tensors = PartReader(files).tensors(part)
    change(description, tensors)
    return rebuild(description, PartReader({**files, part: save(tensors)}))


def tensor_tricks():
    import torch

    return {
        "does not have": lambda _, tensors: tensors.update(extra=torch.zeros(1)),
        "lacks the tensor": lambda _, tensors: tensors.pop("last.bias"),
        "has shape": lambda _, tensors: tensors.update({"last.bias": torch.zeros(2)}),
        "float64": lambda _, tensors: tensors.update({"last.bias": torch.zeros(1, dtype=torch.float64)}),
        "no finite": lambda _, tensors: tensors.update({"last.bias": torch.tensor([float("nan")])}),
    }


@pytest.mark.parametrize("words", ["does not have", "lacks the tensor", "has shape", "float64", "no finite"])
def test_tensors_that_are_not_the_networks_are_refused_in_words(words, stored):
    with pytest.raises(ModelError, match=words):
        changed(stored, tensor_tricks()[words])


DESCRIPTIONS = {
    "far beyond": lambda learned: learned["options"].update(d=10**9),
    "no setting": lambda learned: learned["options"].update(code="import os"),
    "no plain value": lambda learned: learned["options"].update(d={"a": 1}),
    "its inputs ask for": lambda learned: learned["options"].update(layers=5),
    "holds no network": lambda learned: learned.update(members=[]),
    "not in its list": lambda learned: learned["members"].__setitem__(0, "other.safetensors"),
    "does not know": lambda learned: learned["scale"].update(name="sqrt"),
}


@pytest.mark.parametrize("words", DESCRIPTIONS)
def test_descriptions_no_network_of_ours_has_are_refused_in_words(words, stored):
    with pytest.raises(ModelError, match=words):
        changed(stored, lambda description, _: DESCRIPTIONS[words](description["learned"]))


def put(learned, path, value):
    """Replace one value that a path of keys and positions names."""
    *way, last = path
    for step in way:
        learned = learned[step]
    learned[last] = value


PATCH, MONTHS, SS, SMALL, SPECTRA = ("needs", "patches", 0), ("needs", "sequence"), "sssoilnet", "soilnet-small", "spectra-cnn"
FORGED = [
    (SS, (*PATCH, "size"), 10**9, "from 1 to 1024"),
    (SS, (*PATCH, "size"), 0, "from 1 to 1024"),
    (SS, (*PATCH, "size"), 9.0, "whole number"),
    (SS, (*PATCH, "size"), True, "whole number"),
    (SS, (*PATCH, "size"), "9", "whole number"),
    (SS, (*PATCH, "size"), 8, "at least 9"),
    (SS, (*PATCH, "cell"), -30.0, "above 0"),
    (SS, (*PATCH, "cell"), float("nan"), "finite number"),
    (SS, (*PATCH, "cell"), 10**400, "finite number"),
    (SS, (*PATCH, "cell"), 1e9, "wider than the Earth"),
    (SS, (*PATCH, "layers"), "elevation", "must be a list"),
    (SS, (*PATCH, "layers"), ["elevation", "elevation", "LSWI"], "different names"),
    (SS, (*PATCH, "layers"), ["elevation"], "reads a window"),
    (SS, (*PATCH, "layers"), [1, 2, 3], "different names"),
    (SS, (*PATCH, "name"), "centre", "different names"),
    (SS, (*PATCH, "name"), "other", "reads a window"),
    (SS, (*PATCH, "name"), None, "must be a text"),
    (SS, ("needs", "patches", 1, "size"), 5, "from 3 to 3"),
    (SS, ("needs", "patches"), {}, "windows are"),
    (SS, ("needs",), {"patches": []}, "lacks 'sequence'"),
    (SS, ("needs",), [], "values by name"),
    (SS, ("needs",), None, "does not say which windows"),
    (SPECTRA, ("needs",), {"patches": [], "sequence": None}, "reads spectra"),
    ("sssoilnet-dense", (*PATCH, "size"), 33, "size = 21"),
    (SMALL, (*PATCH, "size"), 15, "at least 16"),
    (SMALL, (*PATCH, "size"), 17, "size = 16"),
    (SMALL, (*MONTHS, "months"), 62, "from 12 to 61"),
    (SMALL, (*MONTHS, "months"), 11, "from 12 to 61"),
    (SMALL, (*MONTHS, "months"), 10**12, "from 12 to 61"),
    (SMALL, (*MONTHS, "variables"), ["pr"], "other climate"),
    (SMALL, MONTHS, None, "other climate"),
    (SMALL, ("inputs", "layers"), "BGRN", "must be a list"),
    (SMALL, ("inputs", "variables"), ["pr"], "channels of its climate"),
    (SS, ("inputs", "columns", 0), 10**6, "column of an index"),
    (SS, ("inputs", "columns", 0), -1, "column of an index"),
    (SS, ("inputs", "columns"), [0], "columns of its indices"),
    (SS, ("inputs", "ndvi"), 38.5, "column of NDVI"),
    (SS, ("inputs", "bands"), [], "has 0 bands"),
    (SS, ("options", "parts"), "stack", "parts = 'stack'"),
    (SPECTRA, ("inputs", "length"), 119, "reads 119 points"),
    (SPECTRA, ("inputs", "length"), 10**15, "points of a spectrum"),
    (SPECTRA, ("n_features_in_",), "120", "number of predictors"),
    (SPECTRA, ("options",), {"blocks": 3}, "length = None"),
    (SS, ("scale", "spread"), 0.0, "above 0"),
    (SS, ("scale", "spread"), float("inf"), "finite number"),
    (SS, ("scale", "shift"), float("nan"), "finite number"),
    (SS, ("scale", "smearing"), -1.0, "above 0"),
    (SS, ("scale", "highest"), "much", "finite number"),
    (SS, ("scale",), None, "values by name"),
    (SS, ("members",), ["learner.member0.safetensors"] * 2, "different names"),
    (SS, ("members",), ["learner.member0.safetensors"], "holds 1 networks, but its settings say 2"),
    (SS, ("members",), [f"{number}.safetensors" for number in range(101)], "list of 1 to 100"),
    (SS, ("members",), "learner.member0.safetensors", "must be a list"),
    (SS, ("history",), [], "courses of training"),
    (SS, ("history", 0, "rows"), [], "epochs of a training"),
    (SS, ("history", 0, "rows", 0, "epoch"), 2, "number of an epoch"),
    (SS, ("history", 0, "rows", 0, "loss"), float("nan"), "loss of epoch 1"),
    (SS, ("history", 0, "rows", 0, "group_losses"), {"sand": "low"}, "loss of the group 'sand'"),
    (SS, ("history", 0, "best_epoch"), 7, "best epoch"),
    (SS, ("history", 0, "batch"), 0, "rows at once"),
    (SS, ("history", 0, "notes"), "none", "notes on a training"),
    (SS, ("history", 0, "more"), 1, "has 'more'"),
    (SS, ("facts", "parameters"), "many", "'parameters'"),
    (SS, ("facts", "notes"), [1], "'notes'"),
    (SS, ("facts", "attention", "values", 0, 0), None, "attention"),
    (SS, ("facts", "attention", "values"), [], "values of its attention"),
    (SS, ("facts", "vegetated"), 2.0, "vegetated ground"),
    (SS, ("facts",), [], "values by name"),
]


@pytest.mark.parametrize(("name", "path", "value", "words"), FORGED)
def test_values_that_no_training_gives_are_refused_in_one_sentence(name, path, value, words, stored):
    with pytest.raises(ModelError, match=words) as refused:
        changed(stored, lambda description, _: put(description["learned"], path, value), name)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(
    ("name", "setting", "value", "words"),
    [
        (SS, "jobs", "all", "number of threads"),
        (SS, "smearing", float("nan"), "finite number"),
        (SS, "name", SPECTRA, "reads spectra"),
        (SPECTRA, "name", SS, "reads windows of imagery"),
    ],
)
def test_settings_that_training_would_have_refused_are_refused(name, setting, value, words, stored):
    with pytest.raises(ModelError, match=words):
        changed(stored, lambda description, _: description["settings"].update({setting: value}), name)


@pytest.mark.parametrize("part", ["options", "members", "inputs", "arrays", "scale", "needs", "history", "facts"])
def test_a_part_that_is_left_out_is_named(part, stored):
    with pytest.raises(ModelError, match=f"lacks '{part}'"):
        changed(stored, lambda description, _: description["learned"].pop(part))


def with_arrays(stored, change, name):
    """The model after `change(arrays)` of its scalings."""
    _, _, _, text, files = stored[name]
    description, writer = json.loads(text), PartWriter()
    arrays = PartReader(files).arrays(description["learned"]["arrays"])
    change(arrays)
    writer.add_arrays("learner.scaling", arrays)
    return rebuild(description, PartReader({**files, **writer.files}))


ARRAYS = {
    "scales 1 channels": lambda arrays: arrays.update({"window.shift": np.zeros(1), "window.spread": np.ones(1)}),
    "holds nothing": lambda arrays: arrays.update({"window.limits": np.array([1.0, -1.0])}),
    "nan to nan": lambda arrays: arrays.update({"indices.limits": np.full(2, np.nan)}),
    "impossible numbers": lambda arrays: arrays.update({"spectrum.spread": arrays["spectrum.spread"] * np.inf}),
    "mean of learned features has shape": lambda arrays: arrays.update(embedding_mean=np.zeros(3)),
    "or is not finite": lambda arrays: arrays.update(embedding_mean=arrays["embedding_mean"] * np.nan),
    "lacks the mean": lambda arrays: arrays.pop("embedding_mean"),
}


@pytest.mark.parametrize("words", ARRAYS)
def test_scalings_that_do_not_fit_the_inputs_are_refused(words, stored):
    with pytest.raises(ModelError, match=words):
        with_arrays(stored, ARRAYS[words], "sssoilnet")


def test_settings_a_network_does_not_have_are_refused():
    data = samples(needs_of("sssoilnet-index"), 20)
    writer = PartWriter()
    learner = network("sssoilnet-index", epochs=1).fit(data.X, data.target("index"), coordinates=data.surroundings)
    description = json.loads(json.dumps(describe(learner, writer)))
    description["settings"]["network"]["run"] = "x"
    with pytest.raises(SettingsError, match="'run'"):
        rebuild(description, PartReader(writer.files))


def test_a_file_that_holds_no_tensors_is_refused():
    for content in (b"", b"\x80\x04pickled", b"\x08" + bytes(7) + b"{broken}"):
        with pytest.raises(ModelError, match="plain tensors"):
            PartReader({"a.safetensors": content}).tensors("a.safetensors")
