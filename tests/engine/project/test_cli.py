"""The command line keeps its contract: names, JSON keys, exit codes, and a clean standard output."""

import json
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from soilcore.project.cli import main
from tests.engine.project.conftest import COMPARE_KEYS, SCORE_KEYS


@pytest.fixture(scope="module")
def model(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "forest"
    inputs = [str(demo / "samples.csv"), "--target", "ece_dS_m", "--scene", str(demo / "scene.tif"), "--index-set", "novel4_lan2025"]
    how = ["--model", "rf", "--cv", "block", "--folds", "4", "--trials", "0", "--transform", "log10"]
    code = main(["train", *inputs, *how, "--out", str(folder), "--quiet", "--json"])
    assert code == 0
    return folder


def test_demo_lists_its_files(hear, tmp_path):
    code, facts, _ = hear("demo", tmp_path / "d", "--size", 64, "--samples", 20, "--dates", 1)
    assert code == 0
    assert set(facts) >= {"dir", "files"}
    assert {"samples.csv", "scene.tif", "dem.tif", "fields.gpkg"} <= set(facts["files"])
    assert all((tmp_path / "d" / name).is_file() for name in facts["files"])


def test_an_existing_demo_is_not_overwritten(hear, demo):
    code, facts, _ = hear("demo", demo)
    assert code == 2
    assert "error" in facts


def test_check_gives_findings_with_their_keys(hear, demo):
    code, facts, _ = hear("check", demo / "samples.csv", "--scene", demo / "scene.tif", "--target", "ece_dS_m")
    assert code == 0, facts
    assert {"ok", "n", "crs", "target", "unit", "extract", "findings", "assumed"} <= set(facts)
    assert (facts["n"], facts["unit"], facts["extract"]) == (60, "dS/m", "paste")
    for finding in facts["findings"]:
        assert set(finding) == {"code", "severity", "row", "column", "value", "message", "fix"}


def test_indices_writes_one_band_per_index(hear, demo, tmp_path):
    import rasterio

    code, facts, _ = hear("indices", "--scene", demo / "scene.tif", "--index", "NDVI", "--formula", "X=(N-R)/(N+R)", "--out", tmp_path / "i.tif")
    assert code == 0
    assert [band["id"] for band in facts["bands"]] == ["NDVI", "X"]
    assert all(band["valid"] + band["invalid"] == 96 * 96 for band in facts["bands"])
    with rasterio.open(facts["out"]) as dataset:
        assert dataset.descriptions == ("NDVI", "X")
        assert dataset.dtypes == ("float32", "float32")


def test_correlate_ranks_bands_and_indices(hear, demo):
    code, facts, _ = hear("correlate", demo / "samples.csv", "--target", "ece_dS_m", "--scene", demo / "scene.tif", "--log-target")
    assert code == 0
    assert {"n", "target", "rows"} <= set(facts)
    assert {row["kind"] for row in facts["rows"]} == {"band", "index"}
    assert len(facts["rows"]) == 10 + 54
    for row in facts["rows"]:
        assert set(row) >= {"name", "kind", "pearson", "pearson_low", "pearson_high", "spearman", "p", "q", "n", "n_invalid"}


def test_search_reports_its_guards(hear, demo):
    code, facts, _ = hear(
        "search",
        demo / "samples.csv",
        "--target",
        "ece_dS_m",
        "--scene",
        demo / "scene.tif",
        "--search-roles",
        "B,G,R,N,S1,S2",
        "--permutations",
        199,
    )
    assert code == 0
    assert {"n", "candidates", "rows", "null_95", "half_split"} <= set(facts)
    assert facts["candidates"] == 696
    assert set(facts["half_split"]) >= {"train", "test"}
    assert set(facts["rows"][0]) >= {"formula", "r", "rho", "p", "q", "p_family", "selection"}


def test_models_lists_every_name_of_the_contract(hear):
    code, rows, _ = hear("models")
    names = {row["name"] for row in rows}
    assert code == 0
    assert {
        "mean",
        "best-index",
        "plsr",
        "ridge",
        "svr",
        "rf",
        "xgboost",
        "mlp",
        "stacking",
        "auto",
        "dual-step",
        "soilnet",
        "sssoilnet",
        "spectra-cnn",
    } <= names
    assert all(set(row) >= {"name", "family", "label", "parameters", "citation"} for row in rows)


def test_compare_scores_learners_under_the_same_folds(hear, demo):
    code, facts, _ = hear(
        "compare",
        demo / "samples.csv",
        "--target",
        "ece_dS_m",
        "--scene",
        demo / "scene.tif",
        "--models",
        "mean,ridge",
        "--cv",
        "block",
        "--folds",
        4,
        "--trials",
        0,
    )
    assert code == 0
    assert set(facts) >= COMPARE_KEYS
    assert [row["name"] for row in facts["models"]] == ["mean", "ridge"]
    for row in facts["models"]:
        assert set(row) >= SCORE_KEYS | {"r2_random"}
        assert 0.7 <= row["coverage_90"] <= 1
        assert row["width_90"] > 0
        assert 0 < row["aoa_share"] <= 1
        assert facts["trust"][row["name"]]["aoa"]["of"] == "pixels"
    assert facts["models"][0]["r2"] < 0.05
    assert facts["models"][0]["width_90"] == pytest.approx(facts["trust"]["mean"]["interval"]["width"])
    assert {row["check"] for row in facts["leakage"]} >= {"fitted-inside-folds", "groups-kept-whole", "duplicates-across-folds"}
    assert all(set(row) >= {"check", "ok", "detail"} for row in facts["leakage"])
    assert facts["design"]["kind"] in ("random", "regular", "clustered")
    assert sum(facts["fold_sizes"]) == facts["n"]


def test_a_random_scheme_needs_no_contrast(hear, demo):
    _, facts, _ = hear("compare", demo / "samples.csv", "--target", "ece_dS_m", "--columns", "clay_pct,soc_g_kg", "--models", "ridge", "--trials", 0)
    assert facts["models"][0].get("r2_random") is None
    assert facts["trust"]["ridge"]["aoa"]["of"] == "samples"  # a column of the table has no pixels
    assert "between samples" in facts["spatial_first"]


def test_train_saves_a_model_with_its_run_file(hear, model):
    saved = json.loads((model / "model.json").read_text(encoding="utf-8"))
    run = json.loads((model / "run.json").read_text(encoding="utf-8"))
    assert saved["name"] == "rf"
    assert run["steps"][0]["task"] == "train"
    assert all(len(digest) == 64 for digest in run["inputs"].values())


def test_external_scores_another_table(hear, model, demo, tmp_path):
    code, facts, _ = hear("external", model, demo / "samples.csv", "--scene", demo / "scene.tif")
    assert code == 0
    assert {"r2", "rmse", "mae", "aoa_share", "warnings", "n"} <= set(facts)
    assert facts["r2"] > 0.5  # its own training samples
    assert facts["aoa_share"] == 1
    assert facts["coverage_90"] > 0.9
    assert facts["width_90"] > 0
    assert f"{facts['n']} of the {facts['n']} samples were in the training table" in facts["warnings"][0]


def test_external_tells_each_sample_with_its_interval(hear, model, demo):
    _, facts, _ = hear("external", model, demo / "samples.csv", "--scene", demo / "scene.tif")
    each = facts["predictions"]
    assert set(each) == {"row", "observed", "predicted", "lower", "upper", "inside"}
    assert [len(values) for values in each.values()] == [facts["n"]] * 6
    assert each["row"][0] == 2  # as a spreadsheet counts
    errors = [(predicted - observed) ** 2 for predicted, observed in zip(each["predicted"], each["observed"], strict=True)]
    assert (sum(errors) / facts["n"]) ** 0.5 == pytest.approx(facts["rmse"])
    held = [low <= value <= high for low, value, high in zip(each["lower"], each["observed"], each["upper"], strict=True)]
    assert sum(held) / facts["n"] == pytest.approx(facts["coverage_90"])
    assert sum(each["inside"]) / facts["n"] == pytest.approx(facts["aoa_share"])


def test_external_warns_of_samples_unlike_any_in_training(hear, model, demo, tmp_path):
    import rasterio

    alien = tmp_path / "bright.tif"
    with rasterio.open(demo / "scene.tif") as scene, rasterio.open(alien, "w", **scene.profile) as bright:
        stored = scene.read().astype(float)
        stored[:4] = 0.4 * stored[:4] + 7000
        bright.write(stored.clip(1, 14000).astype(scene.dtypes[0]))
        bright.descriptions, bright.scales, bright.offsets = scene.descriptions, scene.scales, scene.offsets
    code, facts, _ = hear("external", model, demo / "samples.csv", "--scene", alien)
    assert code == 0, facts
    assert facts["aoa_share"] < 0.2
    assert any("area of applicability" in sentence for sentence in facts["warnings"])


def test_map_writes_layers_and_class_areas(hear, model, demo, tmp_path):
    out = tmp_path / "map.tif"
    code, facts, _ = hear("map", model, "--scene", demo / "scene.tif", "--mask", "water", "--classes", "usda", "--out", out)
    assert code == 0, facts
    assert {"out", "layers", "pixels", "valid", "seconds", "peak_rss_mb", "classes", "aoa_share"} <= set(facts)
    assert facts["pixels"] == 96 * 96
    assert 0 < facts["valid"] < facts["pixels"]
    assert set(facts["classes"][0]) >= {"class", "lower", "upper", "area_ha", "share"}
    assert sum(row["area_ha"] for row in facts["classes"]) == pytest.approx(facts["valid"] * 0.04)
    for suffix in (".tif", ".qml", ".sld", "_class.tif", "_class.qml", "_class.sld"):
        assert (tmp_path / f"map{suffix}").is_file()


def test_run_makes_the_same_map_again(hear, model, demo, tmp_path):
    out = tmp_path / "map.tif"
    hear("map", model, "--scene", demo / "scene.tif", "--out", out)
    before = out.read_bytes()
    code, facts, _ = hear("run", tmp_path / "map.run.json", "--overwrite")
    assert code == 0, facts
    assert out.read_bytes() == before


def test_run_refuses_an_input_that_has_changed(hear, demo, tmp_path):
    samples = tmp_path / "samples.csv"
    samples.write_bytes((demo / "samples.csv").read_bytes())
    out = tmp_path / "m"
    hear("train", samples, "--target", "ece_dS_m", "--columns", "clay_pct,soc_g_kg", "--model", "ridge", "--trials", 0, "--out", out)
    samples.write_text(samples.read_text().replace("1", "2"))
    code, facts, _ = hear("run", out / "run.json", "--overwrite")
    assert code == 2
    assert "content has changed" in facts["error"]


def test_layers_of_trust_lie_beside_the_map(hear, model, demo, tmp_path):
    import numpy as np
    import rasterio

    options = ["--interval", 0.9, "--threshold", 4, "--threshold", 8.5, "--aoa"]
    code, facts, _ = hear("map", model, "--scene", demo / "scene.tif", "--out", tmp_path / "m.tif", *options)
    assert code == 0, facts
    layers = {}
    for kind in ("lower", "upper", "p_gt_4", "p_gt_8.5", "di", "aoa"):
        with rasterio.open(tmp_path / f"m_{kind}.tif") as raster:
            layers[kind] = raster.read(1, masked=True).astype(float).filled(np.nan)
    with rasterio.open(tmp_path / "m.tif") as raster:
        value = raster.read(1)
    mapped = np.isfinite(value)
    assert (layers["lower"][mapped] <= value[mapped]).all()
    assert (value[mapped] <= layers["upper"][mapped]).all()
    assert (layers["p_gt_4"][mapped] >= layers["p_gt_8.5"][mapped]).all()
    assert facts["aoa_share"] == pytest.approx(np.nanmean(layers["aoa"]))
    assert facts["interval"]["coverage"] is not None


def test_what_maps_cannot_do_yet_is_said_before_anything_is_written(hear, model, demo, tmp_path):
    code, facts, _ = hear("map", model, "--scene", demo / "scene.tif", "--out", tmp_path / "m.tif", "--cluster", "tcp://127.0.0.1:1")
    assert code == 2
    assert "not available yet" in facts["error"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("method", ["cv+", "local"])
def test_other_kinds_of_intervals_are_trained_stored_and_mapped(hear, demo, tmp_path, method):
    how = ["--model", "ridge", "--cv", "block", "--folds", 4, "--trials", 0, "--transform", "log1p", "--permutations", 0, "--intervals", method]
    code, facts, _ = hear(
        "train", demo / "samples.csv", "--target", "ece_dS_m", "--scene", demo / "scene.tif", "--bands", *how, "--out", tmp_path / "m"
    )
    assert code == 0, facts
    assert facts["trust"]["ridge"]["interval"]["method"] == method
    assert 0.6 <= facts["models"][0]["coverage_90"] <= 1
    code, mapped, _ = hear("map", tmp_path / "m", "--scene", demo / "scene.tif", "--interval", 0.8, "--out", tmp_path / "map.tif")
    assert code == 0, mapped
    assert mapped["interval"]["method"] == method


@pytest.mark.parametrize("kind", ["gi-star", "kriging-prior"])
def test_features_of_neighbours_are_fitted_inside_the_folds_and_mapped(hear, demo, tmp_path, kind):
    how = ["--model", "ridge", "--cv", "random", "--folds", 4, "--trials", 0, "--transform", "log1p", "--permutations", 0, "--neighbour", kind]
    code, facts, _ = hear(
        "train", demo / "samples.csv", "--target", "ece_dS_m", "--scene", demo / "scene.tif", "--bands", *how, "--out", tmp_path / "m"
    )
    assert code == 0, facts
    code, mapped, _ = hear("map", tmp_path / "m", "--scene", demo / "scene.tif", "--interval", 0.9, "--aoa", "--out", tmp_path / "map.tif")
    assert code == 0, mapped
    assert mapped["valid"] > 0


def test_a_learning_curve_ends_in_a_verdict(hear, demo):
    how = ["--model", "ridge", "--cv", "random", "--folds", 4, "--trials", 0]
    code, facts, _ = hear("learning-curve", demo / "samples.csv", "--target", "ece_dS_m", "--scene", demo / "scene.tif", "--bands", *how)
    assert code == 0, facts
    sizes = [row["n"] for row in facts["rows"]]
    assert sizes == sorted(sizes)
    assert facts["verdict"]


def test_knndm_folds_are_drawn_and_the_random_score_stands_beside(hear, demo):
    code, facts, _ = hear("compare", demo / "samples.csv", "--target", "ece_dS_m", "--scene", demo / "scene.tif", "--models", "mean", "--cv", "knndm")
    assert code == 0
    assert facts["cv"] == "knndm"
    assert sum(facts["fold_sizes"]) == facts["n"]
    assert facts["models"][0]["r2_random"] is not None
    assert any("kNNDM" in sentence or "clusters of samples" in sentence for sentence in facts["assumed"])


@pytest.mark.parametrize(("name", "named"), [("soilnet", "--scene"), ("spectra-cnn", "points")])
def test_networks_without_windows_or_spectra_are_refused_in_words(hear, demo, name, named):
    code, facts, _ = hear("compare", demo / "samples.csv", "--target", "ece_dS_m", "--columns", "clay_pct,soc_g_kg", "--models", name)
    assert code in (1, 2)
    assert named in facts["error"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["check", "nowhere.csv"], 2, "does not exist"),
        (["compare", "{samples}", "--models", "rf", "--columns", "clay_pct"], 2, "--target"),
        (["compare", "{samples}", "--models", "rf", "--target", "EC99", "--columns", "clay_pct"], 2, "EC99"),
        (["compare", "{samples}", "--models", "forest", "--target", "ece_dS_m", "--columns", "clay_pct"], 2, "forest"),
        (["compare", "{samples}", "--models", "rf", "--target", "ece_dS_m", "--columns", "nonesuch"], 1, "nonesuch"),
        (["compare", "{samples}", "--models", "rf", "--target", "ece_dS_m"], 1, "predict from"),
        (["correlate", "{samples}", "--target", "ece_dS_m", "--scene", "{samples}"], 2, "raster"),
        (["indices", "--scene", "{scene}", "--index", "NDVX", "--out", "{tmp}/i.tif"], 2, "NDVX"),
        (["indices", "--scene", "{scene}", "--formula", "X=__import__('os')", "--out", "{tmp}/i.tif"], 1, "formula"),
        (["map", "{tmp}/nomodel", "--scene", "{scene}", "--out", "{tmp}/m.tif"], 2, "nomodel"),
    ],
)
def test_a_wrong_call_gets_one_clear_sentence_and_leaves_nothing(hear, demo, tmp_path, arguments, code, sentence):
    places = {"samples": demo / "samples.csv", "scene": demo / "scene.tif", "tmp": tmp_path}
    got, facts, said = hear(*[argument.format(**places) for argument in arguments])
    assert got == code, facts
    assert sentence in facts["error"]
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_standard_output_holds_one_document_in_a_real_process(demo):
    command = [
        sys.executable,
        "-m",
        "soilcore",
        "correlate",
        str(demo / "samples.csv"),
        "--target",
        "ece_dS_m",
        "--scene",
        str(demo / "scene.tif"),
        "--index",
        "NDVI",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["target"] == "ece_dS_m"


def test_water_is_left_out_of_a_map_unless_somebody_says_none(hear, model, demo, tmp_path):
    _, dry, _ = hear("map", model, "--scene", demo / "scene.tif", "--out", tmp_path / "dry.tif")
    _, wet, _ = hear("map", model, "--scene", demo / "scene.tif", "--mask", "none", "--out", tmp_path / "wet.tif")
    assert dry["valid"] < wet["valid"]
    assert any("water" in sentence for sentence in dry["assumed"])
    assert not any("water" in sentence for sentence in wet["assumed"])


def test_a_command_told_to_end_leaves_nothing_behind(tmp_path):
    command = [sys.executable, "-m", "soilcore", "demo", str(tmp_path / "coast"), "--size", "512", "--dates", "12"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 60
    while not list(tmp_path.iterdir()) and time.monotonic() < end:
        time.sleep(0.05)
    assert list(tmp_path.iterdir()), "the command never began to write"
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped" in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("known", "scheme"),
    [(0, "random"), (1, "random"), (15, "group:campaign")],
    ids=["all samples in one place", "a single known place", "places of one campaign alone"],
)
def test_learners_are_scored_where_places_are_too_few_to_speak_of_distances(hear, tmp_path, known, scheme):
    generator = np.random.default_rng(0)
    table = pd.DataFrame(generator.normal(size=(60, 2)), columns=["b1", "b2"]).assign(EC=lambda t: np.exp(t.b1), campaign=np.arange(60) // 15)
    table["lon"], table["lat"] = (120.0, 33.0) if not known else generator.uniform([[119], [33]], [[120], [34]], (2, 60))
    if known:
        table.loc[known:, ["lon", "lat"]] = np.nan
    table.to_csv(tmp_path / "table.csv", index=False)
    named = ["--target", "EC", "--unit", "dS/m", "--extract", "1:5", "--x", "lon", "--y", "lat", "--crs", "EPSG:4326", "--columns", "b1,b2"]
    learner = ["--models", "ridge", "--trials", "0", "--permutations", "0", "--cv", scheme, "--folds", "4"]
    code, facts, _ = hear("compare", str(tmp_path / "table.csv"), *named, *learner)
    assert code == 0 and facts["models"][0]["r2"] > 0.3
    assert facts["distances"] is None and facts["design"]["kind"] in (None, "random", "clustered")
