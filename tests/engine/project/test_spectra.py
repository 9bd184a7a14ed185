"""The command `spectra`: its JSON, its splits, its models, and what it refuses in words."""

import json

import numpy as np
import pandas as pd
import pytest

from soilcore.data.synthetic_spectra import synthetic_spectra
from soilcore.project.cli import main
from soilcore.project.printing import as_text
from soilcore.project.tasks import run_task
from tests.engine.project.conftest import COMPARE_KEYS, SCORE_KEYS

QUICK = ("--permutations", 0, "--quiet")


def library(n=140, step=8, seed=4):
    """A library with a training flag and replicates."""
    made = synthetic_spectra(n, seed)
    table = made.table()
    known, points = table.iloc[:, :3], table.iloc[:, 3::step]
    extra = {"train": (np.arange(n) % 4 > 0).astype(int), "profile": np.arange(n) // 2}
    return pd.concat([known, pd.DataFrame(extra), points], axis=1)


@pytest.fixture(scope="module")
def table():
    return library()


@pytest.fixture(scope="module")
def file(table, tmp_path_factory):
    path = tmp_path_factory.mktemp("spectra") / "library.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def model(file, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "plsr"
    arguments = ["spectra", "train", file, "--target", "kex_cmol_kg", "--transform", "log10", "--model", "plsr", "--folds", 4, "--out", out, *QUICK]
    assert main([*map(str, arguments), "--json"]) == 0
    return out


def test_check_tells_axis_quantity_and_groups(hear, file):
    code, facts, _ = hear("spectra", "check", file, "--target", "kex_cmol_kg", "--group", "order")
    assert code == 0
    assert {"ok", "n", "crs", "target", "unit", "extract", "findings", "assumed"} <= set(facts)
    assert facts["axis"]["unit"] == "cm-1"
    assert facts["axis"]["first"] > facts["axis"]["last"]
    assert facts["quantity"] == "absorbance"
    assert sum(row["n"] for row in facts["groups"]) == facts["n"] == facts["usable"] == 140


def test_compare_keeps_the_contract_and_scores_every_group(hear, file, table):
    code, facts, _ = hear(
        "spectra", "compare", file, "--target", "kex_cmol_kg", "--group", "order", "--models", "plsr,mean", "--folds", 4, "--predictions", *QUICK
    )
    assert code == 0, facts
    assert set(facts) >= COMPARE_KEYS
    assert facts["preprocess"] == {"plsr": "snv,sg:11:1:1,co2:zero", "mean": ""}
    plsr, mean = facts["models"]
    assert set(plsr) >= SCORE_KEYS
    assert plsr["r2"] > mean["r2"] + 0.3
    assert {row["group"] for row in plsr["groups"]} == set(table["order"])
    made = facts["predictions"]["plsr"]
    big = np.array(table["order"] == plsr["groups"][0]["group"])
    error = np.array(made["predicted"])[big] - np.array(made["observed"])[big]
    assert plsr["groups"][0]["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)))


def test_groups_and_published_folds_are_kept_whole(hear, file, table):
    code, facts, _ = hear(
        "spectra", "compare", file, "--target", "kex_cmol_kg", "--models", "mean", "--cv", "group:profile", "--folds", 5, "--predictions", *QUICK
    )
    assert code == 0
    folds = pd.Series(facts["predictions"]["mean"]["fold"])
    assert (folds.groupby(table["profile"].to_numpy()).nunique() == 1).all()


def test_an_official_split_trains_once_and_tests_once(hear, file, table):
    for scheme in ("split:train", "folds:train"):
        code, facts, _ = hear("spectra", "compare", file, "--target", "kex_cmol_kg", "--models", "plsr", "--cv", scheme, "--predictions", *QUICK)
        assert code == 0, facts
        assert facts["fold_sizes"] == [int((table["train"] == 0).sum())]
        assert sorted(facts["predictions"]["plsr"]["row"]) == (np.flatnonzero(table["train"] == 0) + 2).tolist()
    assert any("training flag" in sentence for sentence in facts["assumed"])
    assert facts["models"][0]["coverage_90"] is not None


def test_the_test_part_of_an_official_split_changes_nothing_in_the_model(table, tmp_path):
    from soilcore.models.archive import load_model

    altered = table.copy()
    altered.loc[altered["train"] == 0, "kex_cmol_kg"] *= 7
    coefficients = []
    for name, frame in (("a", table), ("b", altered)):
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        arguments = ["spectra", "train", tmp_path / f"{name}.csv", "--target", "kex_cmol_kg", "--model", "plsr", "--cv", "split:train"]
        assert main([*map(str, [*arguments, "--out", tmp_path / name, *QUICK])]) == 0
        coefficients.append(load_model(tmp_path / name).learner.path_.coefficients())
    assert (coefficients[0] == coefficients[1]).all()


def test_seeds_give_mean_and_spread_with_curve_and_local_training(hear, file):
    code, facts, _ = hear(
        *("spectra", "compare", file, "--target", "kex_cmol_kg", "--group", "order", "--models", "plsr,mean", "--cv", "sequential"),
        *("--seeds", 3, "--curve", "60", "--local", *QUICK),
    )
    assert code == 0, facts
    assert facts["fold_sizes"] == [14, 14, 14]
    plsr = facts["models"][0]
    assert plsr["r2"] == pytest.approx(np.mean(plsr["r2_folds"]))
    assert plsr["r2_sd"] == pytest.approx(np.std(plsr["r2_folds"], ddof=1))
    assert 0 <= plsr["aoa_share"] <= 1
    curve = facts["learning_curve"]
    assert curve["sizes"] == [60, 126]
    assert [(row["model"], row["n"]) for row in curve["rows"]] == [("plsr", 60), ("plsr", 126), ("mean", 60), ("mean", 126)]
    assert curve["crossings"][0]["verdict"].startswith("no crossing in this range")
    assert {row["group"] for row in facts["local"]} == {row["group"] for row in facts["groups"]}
    assert any(row["note"] for row in facts["local"])  # groups of a few spectra cannot be trained on alone


def test_the_detection_limit_filters_before_anything_is_fitted(hear, file, table):
    limit = float(np.quantile(table["kex_cmol_kg"], 0.2))
    code, facts, _ = hear("spectra", "compare", file, "--target", "kex_cmol_kg", "--models", "mean", "--detection-limit", limit, *QUICK)
    assert code == 0
    assert facts["n"] == int((table["kex_cmol_kg"] >= limit).sum())


def test_preprocessing_is_chosen_for_all_or_for_one(hear, file):
    code, facts, _ = hear(
        *("spectra", "compare", file, "--target", "kex_cmol_kg", "--models", "plsr,mean", "--folds", 3, *QUICK),
        *("--preprocess", "snv", "--preprocess", "plsr=sg:7:2:2,co2:drop"),
    )
    assert code == 0, facts
    assert facts["preprocess"] == {"plsr": "sg:7:2:2,co2:drop", "mean": "snv"}
    code, facts, _ = hear("spectra", "compare", file, "--target", "kex_cmol_kg", "--models", "plsr", "--preprocess", "rf=snv")
    assert code == 2
    assert "rf" in facts["error"]


def test_preprocess_shows_and_writes(hear, file, tmp_path):
    code, facts, _ = hear("spectra", "preprocess", file, "--preprocess", "snv,co2:drop", "--out", tmp_path / "done.csv", "--examples", 2)
    assert code == 0
    assert facts["after"]["points"] < facts["before"]["points"]
    assert len(facts["before"]["spectra"]) == 2
    written = pd.read_csv(tmp_path / "done.csv")
    spectra = written.iloc[:, -facts["after"]["points"] :].to_numpy()
    assert len(written) == 140
    assert np.abs(spectra[0] - np.array(facts["after"]["spectra"][0])).max() < 1e-5


def test_predict_gives_interval_and_flag_and_samples_for_the_map(hear, model, tmp_path):
    import geopandas as gpd

    new = library(30, seed=9).drop(columns=["train", "profile", "order"])
    new.insert(1, "lon", np.linspace(10, 10.5, 30))
    new.insert(2, "lat", np.linspace(50, 50.4, 30))
    new.iloc[0, 4:] = np.linspace(0.2, 3, new.shape[1] - 4) + np.sin(np.arange(new.shape[1] - 4))
    new.to_csv(tmp_path / "new.csv", index=False)
    code, facts, _ = hear("spectra", "predict", model, tmp_path / "new.csv", "--out", tmp_path / "made.gpkg", "--crs", "EPSG:4326")
    assert code == 0, facts
    made = facts["predictions"]
    assert all(low <= value <= high for low, value, high in zip(made["lower"], made["predicted"], made["upper"], strict=True))
    assert made["inside"][0] is False
    assert np.mean(made["inside"][1:]) > 0.7
    assert facts["coverage_90"] > 0.6
    layer = gpd.read_file(tmp_path / "made.gpkg")
    assert len(layer) == 30
    assert {"kex_cmol_kg_predicted", "kex_cmol_kg_lower", "kex_cmol_kg_upper", "representative", "lon"} <= set(layer.columns)
    assert layer.geometry.iloc[3].x == pytest.approx(new["lon"].iloc[3])
    code, again, _ = hear("spectra", "predict", tmp_path / "new.csv", "--model", model)
    assert again["predictions"]["predicted"] == made["predicted"]


def test_other_spacing_is_brought_to_the_axis_of_training_and_said(hear, model, tmp_path):
    fine = library(20, step=4, seed=9)
    fine.drop(columns=["kex_cmol_kg"]).to_csv(tmp_path / "fine.csv", index=False)
    library(20, seed=9).to_csv(tmp_path / "same.csv", index=False)
    code, facts, _ = hear("spectra", "predict", model, tmp_path / "fine.csv")
    same = hear("spectra", "predict", model, tmp_path / "same.csv")[1]
    assert code == 0, facts
    assert any("points the model knows" in sentence for sentence in facts["assumed"])
    assert not any("points the model knows" in sentence for sentence in same["assumed"])
    ratio = np.array(facts["predictions"]["predicted"]) / np.array(same["predictions"]["predicted"])
    assert np.median(np.abs(np.log(ratio))) < 0.25
    assert facts["models"] == []


def test_spectra_of_another_range_or_quantity_are_refused(hear, model, tmp_path):
    short = library(20, seed=9)
    short.drop(columns=[name for name in short.columns[5:] if float(name) > 2500]).to_csv(tmp_path / "short.csv", index=False)
    code, facts, _ = hear("spectra", "predict", model, tmp_path / "short.csv")
    assert code == 1
    assert "3999" in facts["error"]
    assert "missing part" in facts["error"]
    code, facts, _ = hear("spectra", "predict", model, tmp_path / "short.csv", "--quantity", "reflectance")
    assert code == 1
    assert "reflectance" in facts["error"]


def test_map_and_external_send_to_spectra_predict(hear, model, file, demo, tmp_path):
    for arguments in (("external", model, file), ("map", model, "--scene", demo / "scene.tif", "--out", tmp_path / "m.tif")):
        code, facts, _ = hear(*arguments)
        assert code == 1
        assert "spectra predict" in facts["error"]


def test_models_of_images_do_not_take_spectra(hear, file):
    for name in ("soilnet", "kriging"):
        code, facts, _ = hear("spectra", "compare", file, "--target", "kex_cmol_kg", "--models", name)
        assert code == 2
        assert "does not work on spectra" in facts["error"]


def test_a_run_file_trains_the_same_model_again(hear, model, tmp_path):
    from soilcore.models.archive import load_model

    run = json.loads((model / "run.json").read_text())
    assert run["inputs"]
    run["steps"][0]["settings"]["out"] = str(tmp_path / "again")
    (tmp_path / "run.json").write_text(json.dumps(run))
    code, facts, _ = hear("run", tmp_path / "run.json")
    assert code == 0, facts
    first, again = load_model(model), load_model(tmp_path / "again")
    assert (first.learner.path_.coefficients() == again.learner.path_.coefficients()).all()
    assert first.recipe["kind"] == "spectra"
    assert first.scores["r2"] == again.scores["r2"]


def test_attributions_of_a_linear_model_are_told_by_group_and_band(hear, model, file, tmp_path):
    code, facts, _ = hear("spectra", "attribute", model, file, "--group", "order", "--out", tmp_path / "a")
    assert code == 0, facts
    assert facts["method"] == "linear"
    assert len(facts["profiles"]["all"]) == len(facts["axis"])
    assert facts["gap"] < 1e-3
    assert any("in training" in note for note in facts["notes"])
    written = pd.read_csv(tmp_path / "a" / "profiles.csv")
    assert len(written) == len(facts["axis"])


def test_a_network_is_trained_resumed_and_explained(hear, table, tmp_path):
    pytest.importorskip("torch")
    points = table.columns[5:]
    table[["id", "order", "kex_cmol_kg", *points]].iloc[:60].to_csv(tmp_path / "few.csv", index=False)
    common = ("--target", "kex_cmol_kg", "--group", "order", "--model", "spectra-cnn", "--epochs", 2, "--jobs", 1, "--device", "cpu", *QUICK)
    code, facts, _ = hear("spectra", "train", tmp_path / "few.csv", *common, "--cv", "holdout", "--seeds", 1, "--out", tmp_path / "m", "--resume")
    assert code == 0, facts
    assert facts["preprocess"] == {"spectra-cnn": "snv"}
    assert facts["device"] == "cpu"
    epochs = facts["models"][0]["training"][0]["rows"]
    assert [row["epoch"] for row in epochs] == [1, 2]
    assert set(epochs[0]["group_losses"]) <= set(table["order"])
    assert "as told" in " ".join(facts["models"][0]["told"][0]["notes"])
    assert facts["models"][0]["losses_by_group"]["fits"] == 1
    code, made, _ = hear("spectra", "predict", tmp_path / "m", tmp_path / "few.csv")
    assert code == 0, made
    assert made["aoa_share"] is not None
    code, told, _ = hear("spectra", "attribute", tmp_path / "m", tmp_path / "few.csv", "--draws", 4, "--baselines", 6)
    assert code == 0, told
    assert told["method"] == "GradientShap"


def test_losses_by_group_are_kept_in_every_fold_and_told_over_all(hear, table, tmp_path):
    pytest.importorskip("torch")
    table[["id", "order", "kex_cmol_kg", *table.columns[5:]]].iloc[:60].to_csv(tmp_path / "few.csv", index=False)
    common = ("--target", "kex_cmol_kg", "--models", "spectra-cnn", "--epochs", 1, "--jobs", 1, "--device", "cpu", *QUICK)
    code, facts, _ = hear("spectra", "compare", tmp_path / "few.csv", *common, "--group", "order", "--cv", "random", "--folds", 2)
    assert code == 0, facts
    row = facts["models"][0]
    assert [(fit["fold"], len(fit["rows"])) for fit in row["training"]] == [(0, 1), (1, 1)]
    told = row["losses_by_group"]
    assert told["epochs"] == [1, 1]
    kept = [fit["rows"][0]["group_losses"] for fit in row["training"]]
    for one in told["rows"]:
        losses = [losses[one["group"]] for losses in kept if one["group"] in losses]
        assert (one["epoch"], one["fits"], one["loss"]) == (1, len(losses), pytest.approx(np.mean(losses)))
    assert {one["group"] for one in told["rows"]} == {one["group"] for one in told["groups"]} <= set(table["order"])
    text = as_text("spectra-compare", facts)
    assert "validation loss by order over the epochs" in text
    assert "lowest_epoch" in text


def test_progress_tells_the_epochs_of_a_network(table, tmp_path):
    pytest.importorskip("torch")

    class Listener:
        def __init__(self):
            self.rows = []

        def __call__(self, done, total, message):
            pass

        def row(self, row):
            self.rows.append(row)

    table[["id", "kex_cmol_kg", *table.columns[5:]]].iloc[:40].to_csv(tmp_path / "few.csv", index=False)
    settings = {
        "spectra": {"paths": [str(tmp_path / "few.csv")], "table": {"target": "kex_cmol_kg"}},
        "models": ["spectra-cnn"],
        "splits": {"scheme": "holdout"},
        "seeds": 1,
        "fit": {"jobs": 1, "device": "cpu", "network": {"epochs": 2}},
        "permutations": 0,
    }
    listener = Listener()
    run_task("spectra-compare", settings, listener)
    assert [row["epoch"] for row in listener.rows if row["kind"] == "epoch"] == [1, 2]


def test_without_a_target_the_columns_are_named(hear, file):
    code, facts, _ = hear("spectra", "compare", file, "--models", "plsr")
    assert code == 2
    assert "kex_cmol_kg" in facts["error"]
