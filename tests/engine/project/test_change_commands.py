"""The commands `change` and `scenario`: their facts, their run files, and what they refuse."""

import json

import numpy as np
import pytest
import rasterio

from soilcore.project.cli import main

CHANGE_KEYS = {
    "out",
    "layers",
    "maps",
    "unit",
    "level",
    "rule",
    "correlation",
    "threshold",
    "false_changes",
    "pixels",
    "valid",
    "difference",
    "steps",
    "trend",
    "persistence",
    "areas",
    "scheme",
    "assumed",
    "seconds",
    "peak_rss_mb",
}
SCENARIO_KEYS = {
    "out",
    "layers",
    "changes",
    "unit",
    "level",
    "rule",
    "pixels",
    "baseline_valid",
    "valid",
    "difference",
    "outside_envelope_share",
    "left_aoa_share",
    "classes",
    "note",
    "assumed",
}


@pytest.fixture(scope="module")
def inputs(demo):
    """Covariates of the linear model, as options."""
    return ("--covariate", demo / "truth" / "water_table_m.tif", "--covariate", demo / "dem.tif")


@pytest.fixture(scope="module")
def maps(demo, linear_model, inputs, tmp_path_factory):
    """Maps of two years."""
    folder = tmp_path_factory.mktemp("change")
    for year in (2021, 2025):
        where = [linear_model, "--scene", demo / "years" / f"{year}.tif", *inputs, "--out", folder / f"{year}.tif"]
        assert main(["map", *map(str, where), "--interval", "0.9", "--quiet", "--json"]) == 0
    return folder


def test_change_states_its_facts_and_writes_a_run_file(ask, maps, tmp_path):
    code, facts = ask("change", maps / "2025.tif", maps / "2021.tif", "--out", tmp_path / "c", "--correlation", "maps")
    assert code == 0, facts
    assert set(facts) >= CHANGE_KEYS
    assert [row["label"] for row in facts["maps"]] == ["2021", "2025"]
    assert {"from", "to", "mean", "median", "share_changed", "share_higher", "share_lower"} <= set(facts["difference"])
    assert -1 <= facts["correlation"] < 1
    assert (facts["threshold"], facts["false_changes"]) == (1, None)  # --correlation alone: the joint interval
    run = json.loads((tmp_path / "c" / "change.run.json").read_text())
    assert run["result"]["difference"] == facts["difference"]
    assert run["steps"][0]["task"] == "change"
    assert {path.rsplit("/", 1)[-1] for path in run["inputs"]} == {f"{year}{end}.tif" for year in (2021, 2025) for end in ("", "_lower", "_upper")}


def test_a_change_is_made_again_from_its_run_file(ask, maps, tmp_path):
    run = tmp_path / "again.run.json"
    for rule, settings in (((), ("maps", 0.1)), (("--correlation", "0"), (0.0, None))):
        _, facts = ask("change", maps / "2021.tif", maps / "2025.tif", "--out", tmp_path / "c", "--overwrite", *rule)
        assert (facts["valid"] > 0, facts["false_changes"]) == (True, settings[1])
        before = {path.name: path.read_bytes() for path in (tmp_path / "c").glob("*.tif")}
        stored = json.loads((tmp_path / "c" / "change.run.json").read_text())
        asked = stored["steps"][0]["settings"]
        assert (asked["correlation"], asked["false_changes"]) == settings
        if settings[1] is None:
            del asked["false_changes"]  # as in run files from before there was such a limit
        run.write_text(json.dumps(stored))
        code, _ = ask("run", run, "--overwrite")
        assert code == 0
        assert {path.name: path.read_bytes() for path in (tmp_path / "c").glob("*.tif")} == before


def test_a_map_compared_with_itself_shows_nothing(ask, maps, tmp_path):
    code, facts = ask("change", maps / "2021.tif", maps / "2021.tif", "--out", tmp_path / "c", "--correlation", "0.99")
    assert code == 0, facts
    assert facts["difference"]["share_changed"] == 0
    with rasterio.open(facts["layers"]["difference_beyond"]) as raster:
        assert np.isnan(raster.read(1)).all()


def test_scenario_states_its_facts(ask, demo, linear_model, inputs, tmp_path):
    where = ("--scene", demo / "scene.tif", *inputs, "--out", tmp_path / "s")
    code, facts = ask("scenario", linear_model, *where, "--set", "dem=-0.2", "--set", "S1=*1.02", "--classes", "usda")
    assert code == 0, facts
    assert set(facts) >= SCENARIO_KEYS
    assert [change["columns"] for change in facts["changes"]] == [["dem"], ["S1"]]
    assert {"baseline", "scenario", "difference", "change", "left_aoa", "outside_envelope", "scenario_class"} <= set(facts["layers"])
    run = json.loads((tmp_path / "s" / "scenario.run.json").read_text())
    assert run["steps"][0]["settings"]["set"] == ["dem=-0.2", "S1=*1.02"]
    assert run["inputs"]


def test_what_cannot_be_is_refused_with_its_code(ask, demo, maps, linear_model, inputs, tmp_path):
    where = ("--scene", demo / "scene.tif", *inputs, "--out", tmp_path / "s")
    for arguments, code, named in (
        (("scenario", linear_model, *where), 2, "--set"),
        (("scenario", linear_model, *where, "--set", "dem"), 2, "NAME=+V"),
        (("scenario", linear_model, *where, "--set", "rain=+1"), 1, "rain"),
        (("scenario", linear_model, *where, "--set", "dem=+500"), 1, "not a single pixel"),
        (("change", maps / "2021.tif", "--out", tmp_path / "c"), 2, "1 maps"),
        (("change", maps / "2021.tif", maps / "gone.tif", "--out", tmp_path / "c"), 2, "gone.tif"),
        (("change", maps / "2021.tif", maps / "2025.tif", "--out", tmp_path / "c", "--correlation", "2"), 2, "-1 and 1"),
        (("change", maps / "2021.tif", maps / "2025.tif", "--out", tmp_path / "c", "--false-changes", "0.9"), 2, "up to 0.5"),
        (("change", maps / "2021.tif", maps / "2025.tif", "--out", tmp_path / "c", "--level", "0.8"), 1, "0.9"),
    ):
        said, facts = ask(*arguments)
        assert (said, named in facts["error"]) == (code, True), facts
    assert not (tmp_path / "s").exists()
    assert not (tmp_path / "c").exists()


def test_both_are_told_in_words_too(maps, tmp_path, capsys):
    assert main(["change", str(maps / "2021.tif"), str(maps / "2025.tif"), "--out", str(tmp_path / "c"), "--quiet"]) == 0
    assert "joint interval" in capsys.readouterr().out
