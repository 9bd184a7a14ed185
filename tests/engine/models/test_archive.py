"""A model folder gives back exactly what was stored, and refuses whatever was changed or does not belong."""

import hashlib
import io
import json
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest

from soilcore.core.errors import ModelError, SettingsError, UnreadableError
from soilcore.core.fingerprint import of_settings
from soilcore.models import archive
from soilcore.models.archive import FittedModel, load_model, save_model, training_envelope
from soilcore.models.baselines import BestIndexModel, MeanModel
from soilcore.models.parts import PartReader
from soilcore.models.pipelines import TunedRegressor
from soilcore.models.stacking import StackingModel
from tests.engine.models.synthetic import SMALL, STACK, salinity, table

X = table(40)
Y = salinity(X)
LEARNERS = {
    "mean": lambda: MeanModel(target_transform="log10"),
    "best-index": lambda: BestIndexModel(candidates=("f0", "f1"), target_transform="log10"),
    **{name: lambda name=name: TunedRegressor(name, target_transform="log10", parameters=SMALL[name], device="cpu") for name in SMALL},
    "stacking": lambda: StackingModel(target_transform="log10", parameters=STACK, device="cpu"),
}


def fitted_model(name="ridge", learner=None):
    learner = learner or LEARNERS[name]().fit(X, Y)
    return FittedModel(
        learner=learner,
        name=name,
        recipe={"bands": ["B", "G"], "indices": []},
        target={"column": "EC", "unit": "dS/m", "extract": "1:5"},
        envelope=training_envelope(X),
        scores={"r2": 0.3, "rpiq": float("nan")},
        folds={"scheme": "random", "assignments": np.arange(40)[None] % 5},
        out_of_fold=pd.DataFrame({"observed": Y, "predicted": Y + 1}),
        provenance={"seed": 0},
        sensor={"sensor": "landsat-c2-l2", "scale": 2.75e-5, "offset": -0.2},
    )


@pytest.fixture
def stored(tmp_path):
    """A stored ridge model."""
    return save_model(fitted_model(), tmp_path / "model")


@pytest.mark.parametrize("name", list(LEARNERS))
def test_a_stored_learner_predicts_the_same_to_the_last_bit(name, tmp_path):
    model = fitted_model(name)
    again = load_model(save_model(model, tmp_path / "model"))
    rows = pd.DataFrame(np.random.default_rng(9).normal(scale=2, size=(64, 5)), columns=X.columns)
    np.testing.assert_array_equal(again.learner.predict(rows), model.learner.predict(rows))
    np.testing.assert_array_equal(again.learner.predict_transformed(rows.to_numpy()), model.learner.predict_transformed(rows))
    assert again.learner.get_params() == model.learner.get_params()
    with pytest.raises(ModelError, match="missing: f0"):
        again.learner.predict(rows.drop(columns="f0"))


def test_everything_beside_the_learner_comes_back(stored):
    model, again = fitted_model(), load_model(stored)
    for name in ("name", "recipe", "target", "envelope", "provenance", "sensor"):
        assert getattr(again, name) == getattr(model, name)
    assert again.scores == {"r2": 0.3, "rpiq": None}
    np.testing.assert_array_equal(again.folds["assignments"], model.folds["assignments"])
    assert again.folds["scheme"] == "random"
    pd.testing.assert_frame_equal(again.out_of_fold, model.out_of_fold)
    assert again.feature_names == tuple(X.columns)
    assert (again.transform, again.device) == ("log10", "cpu")


def test_the_stack_keeps_its_level_one(tmp_path):
    model = fitted_model("stacking")
    again = load_model(save_model(model, tmp_path / "model")).learner
    for name in ("Z_", "inner_folds_", "meta_oof_", "meta_coef_"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model.learner, name))
    assert again.meta_intercept_ == model.learner.meta_intercept_
    assert list(again.members_) == ["mlp", "rf", "xgboost"]


@pytest.mark.parametrize("settings", [{"trials": 2}, {"trials": 0}, {"random_state": np.random.RandomState(0), "trials": 0}])
def test_tuned_networks_of_both_solvers_are_stored(settings, tmp_path):
    many = table(520)
    learner = TunedRegressor("mlp", **settings).fit(many if settings.get("trials") == 0 else X, salinity(many) if settings.get("trials") == 0 else Y)
    again = load_model(save_model(fitted_model("mlp", learner), tmp_path / "model")).learner
    np.testing.assert_array_equal(again.predict(X), learner.predict(X))
    assert again.tuning_ == learner.tuning_


def test_a_network_that_turns_its_axes_is_stored(tmp_path):
    wide = table(20, 60)
    learner = TunedRegressor("mlp", parameters=SMALL["mlp"]).fit(wide, salinity(wide))
    again = load_model(save_model(fitted_model("mlp", learner), tmp_path / "model")).learner
    np.testing.assert_array_equal(again.predict(wide), learner.predict(wide))


def test_a_learner_fitted_to_an_array_has_no_names(tmp_path):
    learner = LEARNERS["ridge"]().fit(X.to_numpy(), Y)
    again = load_model(save_model(fitted_model("ridge", learner), tmp_path / "model")).learner
    assert not hasattr(again, "feature_names_in_")
    np.testing.assert_array_equal(again.predict(X.to_numpy()), learner.predict(X.to_numpy()))


def test_the_envelope_holds_ranges_and_quantiles():
    envelope = training_envelope(pd.DataFrame({"NDVI": [0.0, 0.25, 0.5, 0.75, 1.0]}))["NDVI"]
    assert (envelope["min"], envelope["max"], envelope["mean"]) == (0.0, 1.0, 0.5)
    assert envelope["quantiles"]["0.25"] == 0.25
    assert envelope["sd"] == pytest.approx(np.sqrt(0.15625))


def test_parts_are_plain_formats_with_their_hashes(tmp_path):
    folder = save_model(fitted_model("stacking"), tmp_path / "model")
    document = json.loads((folder / "model.json").read_text())
    assert {path.name for path in folder.iterdir()} == {"model.json", *document["parts"]}
    assert {path.suffix for path in folder.iterdir()} == {".json", ".npz", ".skops", ".ubj", ".parquet"}
    for name, facts in document["parts"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == facts["sha256"]
    assert document["schema"] == "soilcore-model/1"


def test_nothing_is_replaced_unless_allowed(stored, tmp_path):
    with pytest.raises(SettingsError, match="--overwrite"):
        save_model(fitted_model(), stored)
    save_model(fitted_model("mean"), stored, overwrite=True)
    assert load_model(stored).name == "mean"
    other = tmp_path / "photos"
    other.mkdir()
    (other / "cat.jpg").write_bytes(b"x")
    with pytest.raises(ModelError, match="is not a model folder"):
        save_model(fitted_model(), other, overwrite=True)
    assert (other / "cat.jpg").exists()


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def full_disk(*args, **kwargs):
        raise OSError("No space left on device")

    monkeypatch.setattr(archive.Path, "write_bytes", full_disk)
    with pytest.raises(OSError, match="No space"):
        save_model(fitted_model(), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_unfitted_and_foreign_learners_are_not_stored(tmp_path):
    from sklearn.linear_model import LinearRegression

    with pytest.raises(ModelError, match="not fitted"):
        save_model(fitted_model(learner=LEARNERS["ridge"]()), tmp_path / "model")
    with pytest.raises(ModelError, match="LinearRegression cannot be stored"):
        save_model(fitted_model(learner=LinearRegression().fit(X, Y)), tmp_path / "model")


def edit(folder, change):
    """Change model.json and put its fingerprint right again, as a forger would."""
    path = folder / "model.json"
    document = json.loads(path.read_text())
    document.pop("fingerprint")
    change(document)
    path.write_text(json.dumps({**document, "fingerprint": of_settings(document)}))


def replace_part(folder, name, content):
    """Replace a part and forge its hash."""
    (folder / name).write_bytes(content)

    def change(document):
        document["parts"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    edit(folder, change)


class Hostile:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_no_model_folder_is_unreadable(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(UnreadableError, match="not a model folder"):
            load_model(path)


@pytest.mark.parametrize("kept", [0, 1, 100, -5])
def test_a_cut_model_file_is_refused(stored, kept):
    path = stored / "model.json"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises((UnreadableError, ModelError)):
        load_model(stored)


@pytest.mark.parametrize("content", [b"[]", b"null", b"\xff\xfe\x00", b"[" * 100_000, b'{"schema": "soilcore-model/9"}'])
def test_other_content_is_refused(stored, content):
    (stored / "model.json").write_bytes(content)
    with pytest.raises((UnreadableError, ModelError)):
        load_model(stored)


def test_an_edited_score_is_noticed(stored):
    path = stored / "model.json"
    path.write_text(path.read_text().replace('"r2": 0.3', '"r2": 0.9'))
    with pytest.raises(ModelError, match="fingerprint"):
        load_model(stored)


@pytest.mark.parametrize("name", ["learner.model.skops", "learner.npz", "oof.parquet", "folds.npz"])
@pytest.mark.parametrize("harm", ["cut", "flip", "remove", "link"])
def test_a_changed_part_is_refused_by_name(stored, name, harm, tmp_path):
    path = stored / name
    content = path.read_bytes()
    path.unlink()
    if harm == "cut":
        path.write_bytes(content[:-1])
    elif harm == "flip":
        path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    elif harm == "link":
        (tmp_path / "elsewhere").write_bytes(content)
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match=name):
        load_model(stored)


@pytest.mark.parametrize("name", ["learner.model.skops", "learner.npz", "oof.parquet", "folds.npz"])
def test_a_pickle_under_a_forged_hash_is_never_opened(stored, name, tmp_path):
    replace_part(stored, name, pickle.dumps(Hostile(tmp_path / "harmed")))
    with pytest.raises(ModelError):
        load_model(stored)
    assert not (tmp_path / "harmed").exists()


def test_an_array_of_pickled_objects_is_never_opened(stored, tmp_path):
    stream = io.BytesIO()
    np.savez(stream, inner_folds_=np.array([Hostile(tmp_path / "harmed")], dtype=object))
    replace_part(stored, "learner.npz", stream.getvalue())
    with pytest.raises(ModelError, match="plain arrays"):
        load_model(stored)
    assert not (tmp_path / "harmed").exists()


def test_a_type_outside_the_list_is_refused_before_it_is_built(stored):
    from sklearn.linear_model import Lasso
    from sklearn.preprocessing import FunctionTransformer
    from skops.io import dumps

    for estimator, word in ((Lasso().fit(X, Y), "Lasso"), (FunctionTransformer(np.log), "numpy.log")):
        replace_part(stored, "learner.model.skops", dumps([estimator]))
        with pytest.raises(ModelError, match=word):
            load_model(stored)


def test_a_schema_that_asks_for_a_function_is_refused(stored):
    content = (stored / "learner.model.skops").read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    schema = json.loads(files["schema.json"])
    schema["content"].append({"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "__id__": 1, "content": "os.system"})
    files["schema.json"] = json.dumps(schema).encode()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    replace_part(stored, "learner.model.skops", stream.getvalue())
    with pytest.raises(ModelError, match=r"os\.system, FunctionNode"):
        load_model(stored)


def test_another_class_in_the_place_of_a_part_is_refused(stored):
    content = (stored / "learner.scale.skops").read_bytes()
    replace_part(stored, "learner.model.skops", content)
    with pytest.raises(ModelError, match=r"holds \['StandardScaler'\].*Ridge"):
        load_model(stored)


@pytest.mark.parametrize(
    "name", ["../outside.skops", "/etc/passwd", "a/b.npz", "..skops", ".hidden.npz", "x.pkl", "x.json", "a\\b.npz", "A.npz", "x.npz\n"]
)
def test_a_part_name_that_leaves_the_folder_is_refused(stored, name):
    def change(document):
        document["parts"][name] = {"bytes": 1, "sha256": "0" * 64}

    edit(stored, change)
    with pytest.raises(ModelError, match="plain file name"):
        load_model(stored)


def test_a_part_that_is_not_in_the_list_is_refused(stored):
    def change(document):
        document["learner"]["learned"]["steps"][0]["model"]["part"] = "other.skops"

    edit(stored, change)
    with pytest.raises(ModelError, match=r"other\.skops"):
        load_model(stored)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["learner"].update(kind="os.system"),
        lambda document: document["learner"]["settings"].update(command="rm"),
        lambda document: document["learner"]["settings"].update(target_transform="exp"),
        lambda document: document["learner"].pop("learned"),
        lambda document: document["learner"]["learned"].pop("steps"),
        lambda document: document["learner"]["learned"]["steps"][0].update(kind="pickle"),
        lambda document: document["learner"]["learned"].update(steps=[]),
        lambda document: document["learner"]["learned"].update(steps=5),
        lambda document: document.update(learner=None),
        lambda document: document.pop("parts"),
        lambda document: document.update(parts=[]),
        lambda document: document.pop("recipe"),
        lambda document: document.pop("written_with"),
        lambda document: document.update(written_with={"scikit-learn": "2.0.1"}),
        lambda document: document.update(folds=None),
    ],
)
def test_a_forged_document_is_refused_in_words(stored, change):
    edit(stored, change)
    with pytest.raises((ModelError, SettingsError)):
        load_model(stored)


def test_an_array_whose_header_promises_more_than_there_is_is_refused():
    stream, content = io.BytesIO(), io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (10**14,)})
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr("a.npy", stream.getvalue() + bytes(8))
    with pytest.raises(ModelError, match="not a file of plain arrays"):
        PartReader({"a.npz": content.getvalue()}).arrays("a.npz")
