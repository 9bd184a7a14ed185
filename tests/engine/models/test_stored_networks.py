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


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
    "not in its list": lambda learned: learned.update(members=["other.safetensors"]),
    "does not know": lambda learned: learned["scale"].update(name="sqrt"),
}


@pytest.mark.parametrize("words", DESCRIPTIONS)
def test_descriptions_no_network_of_ours_has_are_refused_in_words(words, stored):
    with pytest.raises(ModelError, match=words):
        changed(stored, lambda description, _: DESCRIPTIONS[words](description["learned"]))


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
