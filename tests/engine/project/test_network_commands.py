"""Networks keep the contract of the commands: train, compare, map and external, and a training that was killed goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import rasterio

from soilcore.project.cli import main

NETWORKS = (
    *("soilnet-small", "soilnet-image", "soilnet-image-glam", "soilnet"),
    *("sssoilnet", "sssoilnet-index", "sssoilnet-spec-index", "sssoilnet-stack", "sssoilnet-dense"),
)
QUICK = ("--epochs", 1, "--batch", 16, "--patch", 21, "--permutations", 0, "--device", "cpu")
LARGE = ("soilnet", "soilnet-image", "soilnet-image-glam")  # forty million numbers: counted in the tests of networks, trained here by one only


def inputs(demo):
    return ("--scene", demo / "scene.tif", "--dem", demo / "dem.tif")


def target(demo):
    return (demo / "samples.csv", "--target", "ece_dS_m", "--transform", "log1p")


def test_every_network_of_the_contract_is_listed_and_can_be_fitted(ask):
    code, listed = ask("models")
    assert code == 0
    rows = {row["name"]: row for row in listed}
    assert all(rows[name]["available"] and rows[name]["family"] == "network" for name in (*NETWORKS, "spectra-cnn"))
    published = {"soilnet": 45146359, "soilnet-image": 44780673, "soilnet-image-glam": 44891127, "spectra-cnn": 162401}
    assert {name: rows[name]["parameters"] for name in published} == published


def test_a_comparison_holds_networks_and_others_under_the_same_folds(ask, demo):
    names = ("mean", "ridge", "soilnet-small", "sssoilnet")
    code, facts = ask(
        "compare", *target(demo), *inputs(demo), "--models", ",".join(names), "--cv", "block", "--folds", 3, "--trials", 0, *QUICK, "--predictions"
    )
    assert code == 0, facts
    assert [row["name"] for row in facts["models"]] == list(names)
    assert all(np.isfinite(row["r2"]) and row["coverage_90"] is not None and row["aoa_share"] is not None for row in facts["models"])
    assert facts["device"] == "cpu"
    assert len(facts["predictions"]["sssoilnet"]) == facts["n"]
    assert any(row["check"] == "patch-windows-overlap" and row["ok"] is False for row in facts["leakage"])
    assert any("overlap" in sentence for sentence in facts["assumed"])


@pytest.fixture(scope="module")
def trained(demo, tmp_path_factory):
    out = tmp_path_factory.mktemp("model") / "dense"
    code = main(
        [*map(str, ("train", *target(demo), *inputs(demo), "--model", "sssoilnet-dense", "--cv", "block", "--folds", 3, *QUICK, "--out", out))]
    )
    assert code == 0
    return out


def test_a_trained_network_is_stored_without_code_and_maps_with_every_layer(ask, demo, trained, tmp_path):
    assert {path.suffix for path in trained.iterdir()} <= {".json", ".safetensors", ".npz", ".parquet"}
    out = tmp_path / "map.tif"
    code, facts = ask(
        "map", trained, *inputs(demo), "--mask", "none", "--interval", 0.9, "--threshold", 4, "--classes", "usda", "--aoa", "--out", out
    )
    assert code == 0, facts
    assert set(facts["layers"]) == {"value", "class", "lower", "upper", "p_gt_4", "di", "aoa", "error", "lpd"}
    assert facts["pixels_per_second"] > 0 and facts["device"] == "cpu"
    with rasterio.open(out) as raster:
        assert np.isfinite(raster.read(1)).sum() == facts["valid"] > 0


def test_a_map_with_a_stride_states_its_error(ask, demo, trained, tmp_path):
    code, facts = ask("map", trained, *inputs(demo), "--stride", 3, "--out", tmp_path / "map.tif")
    assert code == 0, facts
    assert facts["stride"] == 3 and facts["stride_error"]["n"] > 0 and facts["stride_error"]["rmse"] >= 0


def test_a_scenario_without_change_is_the_map_and_one_with_change_says_where_it_may_be_asked(ask, demo, trained, tmp_path):
    same = ("--set", "N=+0", "--set", "slope_deg=*1", "--classes", "usda", "--mask", "none")
    code, facts = ask("scenario", trained, *inputs(demo), *same, "--out", tmp_path / "same")
    assert code == 0, facts
    assert ask("map", trained, *inputs(demo), "--mask", "none", "--interval", 0.9, "--aoa", "--out", tmp_path / "map.tif")[0] == 0
    for layer, name in (("value", ""), ("lower", "_lower"), ("upper", "_upper"), ("di", "_di"), ("aoa", "_aoa")):
        whole = rasterio.open(tmp_path / f"map{name}.tif").read(1)
        for side in ("baseline", "scenario"):
            np.testing.assert_array_equal(rasterio.open(tmp_path / "same" / f"{side}{name}.tif").read(1), whole, layer)
    assert facts["difference"]["share_changed"] == facts["left_aoa_share"] == facts["outside_envelope_share"] == 0
    code, facts = ask("scenario", trained, *inputs(demo), "--set", "N=+0.05", "--stride", 3, "--out", tmp_path / "greener")
    assert code == 0, facts
    assert 0 < facts["outside_envelope_share"] < 1 and facts["left_aoa_share"] is not None and facts["difference"]["mean"] != 0
    assert facts["stride_error"]["scenario"]["n"] > 0
    assert any("in the windows round a pixel too" in sentence for sentence in facts["assumed"])
    code, facts = ask("scenario", trained, *inputs(demo), "--set", "elevation=+1", "--out", tmp_path / "higher")
    assert code == 1 and "does not look at 'elevation'" in facts["error"]


def test_maps_of_drivers_say_at_a_place_what_the_explanation_of_that_place_says(ask, demo, trained, tmp_path):
    code, facts = ask("explain", trained, "--maps", "--places", 40, "--draws", 6, "--out", tmp_path / "maps")
    assert code == 0, facts
    assert facts["kind"] == "network" and facts["maps"]["step"] > 1
    assert any("pixels, every" in sentence for sentence in facts["assumed"])
    with rasterio.open(facts["maps"]["prediction"]) as raster:
        predicted, step = raster.read(1), facts["maps"]["step"]
        assert predicted.size <= 40
        row, col = np.argwhere(np.isfinite(predicted))[3]
    with rasterio.open(demo / "scene.tif") as scene:
        x, y = scene.xy(row * step + step // 2, col * step + step // 2)
    code, alone = ask("explain", trained, "--at", f"{x},{y}", "--draws", 6, "--out", tmp_path / "place")
    assert code == 0, alone
    assert predicted[row, col] == pytest.approx(alone["prediction"], rel=1e-5)
    assert facts["maps"]["base"] == pytest.approx(alone["base"], rel=1e-5)
    single = {(one["input"], one["feature"]): one["contribution"] for one in alone["rows"]}
    layers, size = facts["maps"]["layers"], max(map(abs, single.values()))
    assert len(layers) == len(single)
    for (kind, feature), contribution in single.items():
        twice = f"{feature} ({'index' if kind == 'indices' else kind})"  # read of the pixel and of its window
        found = rasterio.open(layers[twice if twice in layers else feature]).read(1)[row, col]
        assert found == pytest.approx(contribution, rel=1e-3, abs=1e-4 * size), (kind, feature)


def test_external_scores_a_network_on_other_samples(ask, demo, trained):
    code, facts = ask("external", trained, *target(demo)[:3], *inputs(demo))
    assert code == 0, facts
    assert facts["n"] > 40 and np.isfinite(facts["r2"]) and facts["aoa_share"] is not None


def test_external_predicts_samples_as_the_map_does(ask, demo, trained, tmp_path):
    out = tmp_path / "map.tif"
    assert ask("map", trained, *inputs(demo), "--mask", "none", "--out", out)[0] == 0
    _, facts = ask("external", trained, *target(demo)[:3], *inputs(demo))
    import pandas as pd
    from rasterio.warp import transform

    table = pd.read_csv(demo / "samples.csv")
    with rasterio.open(out) as raster:
        rows = np.asarray(facts["predictions"]["row"]) - 2  # the header is row 1 of the spreadsheet
        places = transform("EPSG:4326", raster.crs, table["lon"].to_numpy()[rows], table["lat"].to_numpy()[rows])
        mapped = np.array([value[0] for value in raster.sample(zip(*places, strict=True))])
    np.testing.assert_allclose(mapped, facts["predictions"]["predicted"], rtol=2e-5, atol=1e-5)


def test_soilnet_with_climate_is_pre_trained_learns_and_is_stored(ask, demo, tmp_path):
    climate = ("--climate", demo / "climate", "--pretrain", "--pretrain-places", 100)
    code, facts = ask(
        *("train", *target(demo), *inputs(demo), *climate, "--model", "soilnet-small", "--cv", "random", "--folds", 2, *QUICK),
        *("--out", tmp_path / "model"),
    )
    assert code == 0, facts
    assert "pre-trained without the target on" in (tmp_path / "model" / "model.json").read_text()


@pytest.mark.parametrize(
    ("option", "value", "named"), [("--epochs", 0, "--epochs"), ("--batch", -1, "--batch"), ("--learning-rate", 0, "--learning-rate")]
)
def test_impossible_settings_are_refused_by_name(ask, demo, option, value, named):
    code, facts = ask("compare", *target(demo), *inputs(demo), "--models", "sssoilnet", option, value)
    assert code == 2 and named in facts["error"]


def test_a_stride_for_a_model_that_reads_no_windows_is_refused(ask, demo, tmp_path):
    out = tmp_path / "model"
    assert ask("train", *target(demo), *inputs(demo), "--model", "ridge", "--trials", 0, "--folds", 3, "--permutations", 0, "--out", out)[0] == 0
    code, facts = ask("map", out, *inputs(demo), "--stride", 4, "--out", tmp_path / "map.tif")
    assert code == 2 and "--stride" in facts["error"]


def command(demo, out, *more):
    return [
        *(sys.executable, "-m", "soilcore", *map(str, ("train", *target(demo), "--scene", demo / "scene.tif", "--model", "sssoilnet-index"))),
        *map(str, ("--cv", "random", "--folds", 2, "--epochs", 40, "--patience", 40, "--permutations", 0, "--device", "cpu", "--out", out, *more)),
    ]


def test_a_killed_training_taken_up_again_ends_like_one_that_was_not(demo, tmp_path):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SOILCORE_CACHE": str(tmp_path / "cache")}
    last = ["nice", "-n", "19", *command(demo, tmp_path / "killed")]  # behind this test, or it may be done before it is killed
    process = subprocess.Popen(last, env=environment, stderr=subprocess.PIPE, text=True, cwd=Path(__file__).parents[3])
    until = time.monotonic() + 120
    for line in process.stderr:
        if ("epoch" in line and "fold 2" in line) or time.monotonic() > until:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    assert process.returncode == -signal.SIGKILL and not (tmp_path / "killed").exists()
    assert any((tmp_path / "cache" / "training").rglob("*.safetensors"))
    for name, more in (("killed", ["--resume"]), ("whole", [])):
        subprocess.run([*command(demo, tmp_path / name, *more), "--quiet"], env=environment, check=True, cwd=Path(__file__).parents[3])
    killed, whole = ((tmp_path / name / "learner.member0.safetensors").read_bytes() for name in ("killed", "whole"))
    assert killed == whole
    assert not any((tmp_path / "cache" / "training").rglob("*.safetensors"))


def test_the_learning_rate_range_is_found_before_training(ask, demo):
    code, facts = ask("learning-rate", *target(demo), "--scene", demo / "scene.tif", "--model", "sssoilnet-index", "--batch", 16, "--device", "cpu")
    assert code == 0, facts
    rates = [row["learning_rate"] for row in facts["rows"]]
    assert rates == sorted(rates) and rates[0] == pytest.approx(1e-6)
    assert facts["sentence"] and (facts["suggestion"] is None or rates[0] < facts["suggestion"] <= facts["lowest"])


def test_a_learner_without_learning_rate_is_refused(ask, demo):
    code, facts = ask("learning-rate", *target(demo), *inputs(demo), "--model", "rf")
    assert code == 2 and "sssoilnet" in facts["error"]
