"""A project in one archive: everything in it opens, and its run file makes every raster again, bit for bit, wherever it is unpacked."""

import hashlib
import json
import shutil
import zipfile
from contextlib import chdir
from pathlib import Path
from xml.etree import ElementTree

import pytest
import rasterio

from soilcore.project.bundle import SUMS
from soilcore.project.cli import main

SLD = "{http://www.opengis.net/sld}"


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def rasters(folder):
    return {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.rglob("maps/**/*.tif"))}


@pytest.fixture(scope="module")
def archive(small_project, tmp_path_factory):
    out = tmp_path_factory.mktemp("bundle") / "field.zip"
    assert main(["bundle", str(small_project), "--out", str(out), "--quiet"]) == 0
    return out


@pytest.fixture
def unpacked(archive, tmp_path):
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "unpacked")
    return tmp_path / "unpacked"


def test_it_holds_what_a_colleague_needs(unpacked):
    for name in ("README.txt", "run.json", "report.html", "report.json", "map.html", "samples.gpkg", "collection.json", "models/line/model.json"):
        assert (unpacked / name).is_file(), name
    for line in (unpacked / SUMS).read_text().splitlines():
        digest, name = line.split("  ", 1)
        assert sha256(unpacked / name) == digest
    assert "python -m soilcore run run.json" in (unpacked / "README.txt").read_text()


def test_its_run_file_makes_every_raster_again_where_it_was_unpacked(unpacked, ask):
    before = rasters(unpacked)
    assert len(before) == 9
    with chdir(unpacked):
        code, facts = ask("run", "run.json")
    assert code == 0
    assert facts["identical"] is True
    assert facts["rasters"] == 9
    assert rasters(unpacked) == before


def test_it_also_runs_from_elsewhere_with_the_rasters_gone(unpacked, tmp_path, ask):
    before = rasters(unpacked)
    moved = tmp_path / "another place"
    shutil.move(unpacked, moved)
    for name in before:
        (moved / name).unlink()
    code, facts = ask("run", moved / "run.json")
    assert code == 0
    assert facts["folder"] == str(moved)
    assert rasters(moved) == before


def test_a_raster_that_was_changed_is_not_replaced_silently(unpacked, ask):
    with rasterio.open(unpacked / "maps/spring/map.tif", "r+", IGNORE_COG_LAYOUT_BREAK="YES") as raster:
        raster.update_tags(NOTE="mine")
    code, facts = ask("run", unpacked / "run.json")
    assert code == 2
    assert "--overwrite" in facts["error"]


def test_rasters_that_come_out_otherwise_are_named(unpacked, hear):
    run = unpacked / "run.json"
    document = json.loads(run.read_text())
    name = "maps/spring/map_di.tif"
    document["steps"][0]["outputs"][name] = "0" * 64
    run.write_text(json.dumps(document))
    code, facts, said = hear("run", run, "--overwrite", "--quiet")
    assert code == 1
    assert facts["differ"] == [name]
    assert name in said


@pytest.mark.parametrize("path", ["../elsewhere/map.tif", "/tmp/elsewhere.tif", "C:\\elsewhere.tif"])
def test_a_run_file_that_leads_out_of_its_folder_is_refused(unpacked, path, ask):
    run = unpacked / "run.json"
    document = json.loads(run.read_text())
    document["steps"][0]["settings"]["out"] = path
    run.write_text(json.dumps(document))
    code, facts = ask("run", run)
    assert code == 2
    assert "leads out of its folder" in facts["error"]


def test_it_is_the_same_archive_when_it_is_made_again(archive, small_project, tmp_path):
    assert main(["bundle", str(small_project), "--out", str(tmp_path / "again.zip"), "--quiet"]) == 0
    assert sha256(tmp_path / "again.zip") == sha256(archive)


def test_without_inputs_it_holds_their_hashes_and_says_which_file_to_bring(small_project, demo, tmp_path, ask):
    code, facts = ask("bundle", small_project, "--out", tmp_path / "small.zip", "--without-inputs")
    assert code == 0
    assert not any(name.startswith("inputs/") for name in facts["inputs"])
    with zipfile.ZipFile(tmp_path / "small.zip") as opened:
        assert not [name for name in opened.namelist() if name.startswith("inputs/")]
        opened.extractall(tmp_path / "small")
    recorded = json.loads((tmp_path / "small/run.json").read_text())["inputs"]
    assert recorded["inputs/scene.tif"] == sha256(demo / "scene.tif")
    code, facts = ask("run", tmp_path / "small/run.json")
    assert code == 2
    assert "inputs/scene.tif" in facts["error"]


def test_samples_open_in_a_gis_with_residuals_and_folds(unpacked):
    import geopandas

    layer = geopandas.read_file(unpacked / "samples.gpkg", layer="samples")
    assert len(layer) == 60
    assert layer.crs == "EPSG:4326"
    assert (layer["residual"] - (layer["predicted"] - layer["observed"])).abs().max() < 1e-9
    assert set(layer["fold"]) == {0, 1, 2, 3}
    assert layer["id"].str.startswith("S").all()


def test_styles_are_xml_of_their_kind(unpacked):
    styles = sorted((unpacked / "maps").rglob("*.qml"))
    assert len(styles) == 9
    for path in styles:
        assert ElementTree.parse(path).getroot().find("pipe/rasterrenderer") is not None
        layer = (
            ElementTree.parse(path.with_suffix(".sld"))
            .getroot()
            .find(f"{SLD}NamedLayer/{SLD}UserStyle/{SLD}FeatureTypeStyle/{SLD}Rule/{SLD}RasterSymbolizer")
        )
        assert layer.find(f"{SLD}ColorMap/{SLD}ColorMapEntry").get("color").startswith("#")


def test_a_file_from_outside_that_no_result_was_made_of_is_not_carried_away(small_project, tmp_path, ask):
    secret = tmp_path / "secret.txt"
    secret.write_text("private")
    forged = tmp_path / "forged"
    shutil.copytree(small_project, forged)
    run = forged / "maps/spring/map.run.json"
    document = json.loads(run.read_text())
    document["steps"][0]["settings"]["inputs"]["aoi"] = str(secret)
    document["inputs"][str(secret)] = "0" * 64
    run.write_text(json.dumps(document))
    code, facts = ask("bundle", forged, "--out", tmp_path / "forged.zip")
    assert code == 0
    assert any("secret.txt" in sentence for sentence in facts["missing"])
    with zipfile.ZipFile(tmp_path / "forged.zip") as opened:
        assert not [name for name in opened.namelist() if "secret" in name]


def test_reports_are_refused_in_words_where_there_is_nothing_to_tell(tmp_path, ask, small_project):
    code, facts = ask("report", tmp_path / "nowhere", "--out", tmp_path / "r.html")
    assert code == 2
    assert "no folder" in facts["error"]
    code, facts = ask("report", tmp_path, "--out", tmp_path / "r.html")
    assert code == 2
    assert "not a project" in facts["error"]
    code, facts = ask("report", small_project, "--out", tmp_path / "r.docx")
    assert code == 2
    assert ".pdf" in facts["error"]
    code, facts = ask("report", small_project, "--map", "autumn", "--out", tmp_path / "r.html")
    assert code == 2
    assert "spring" in facts["error"]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["html", "pdf", "json"])
def test_a_report_is_written_whole_in_every_form(form, small_project, tmp_path, ask):
    out = tmp_path / f"r.{form}"
    code, facts = ask("report", small_project, "--out", out)
    assert code == 0
    assert facts["bytes"] == out.stat().st_size > 10_000
    assert facts["model"] == "line"
    assert facts["map"] == "spring"
    assert any("plain-field" in sentence for sentence in facts["assumed"])
    assert ask("report", small_project, "--out", out)[0] == 2, "it is there already"
    assert len(list(tmp_path.iterdir())) == 1
