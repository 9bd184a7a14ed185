"""Tables and layers of an archive are made again as its rasters are, the folder keeps fitting its list of hashes, and what was changed is named."""

import hashlib
import json
import re
import shutil
import sqlite3
import zipfile
from contextlib import chdir, closing

import geopandas
import pytest

from soilcore.data.contents import write_layer
from soilcore.models.archive import load_model
from soilcore.project import assets
from soilcore.project.bundle import _in_order
from soilcore.project.bundle_inputs import Packed, relocated
from soilcore.project.bundle_sums import SUMS
from soilcore.project.cli import main
from soilcore.project.explain_inputs import training_of
from soilcore.project.results import Found, Result

FOLDER = "Bündel für Åse 土壤 (1)"


def hashes(folder):
    """sha256 of everything in a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def archive(small_project, demo, tmp_path_factory):
    """A project with a map, field statistics, advice for fields with next samples, and next samples alone."""
    folder = tmp_path_factory.mktemp("tables") / "Feld an der See"
    shutil.copytree(small_project / "maps", folder / "maps")
    drawn, fields = str(folder / "maps/spring/map.tif"), ["--boundaries", str(demo / "fields.gpkg")]
    crops = ["--crop", "cotton", "--irrigation-ec", "1.5", "--next-samples", "4", "--samples", str(demo / "samples.csv")]
    for command in (
        ["fields", drawn, *fields, "--out", str(folder / "fields/means/fields.gpkg")],
        ["advise", drawn, *fields, *crops, "--out", str(folder / "advice/cotton")],
        ["advise", drawn, "--only-places", "--next-samples", "3", "--out", str(folder / "advice/places")],
        ["bundle", str(folder), "--out", str(folder.parent / "field.zip")],
    ):
        assert main([*command, "--quiet"]) == 0
    return folder.parent / "field.zip"


@pytest.fixture
def unpacked(archive, tmp_path):
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / FOLDER)
    return tmp_path / FOLDER


def test_every_table_is_made_again_and_the_folder_fits_its_hashes_run_after_run(unpacked, hear):
    before = hashes(unpacked)
    with closing(sqlite3.connect(unpacked / "fields/means/fields.gpkg")) as database, database:  # as a viewer does when it opens a layer
        database.execute("UPDATE gpkg_contents SET last_change = '2026-01-01T00:00:00.000Z'")
    with chdir(unpacked):
        code, facts, _ = hear("run", "run.json", "--quiet")
    assert code == 0, facts
    assert (facts["identical"], facts["differ"], facts["by_content"]) == (True, [], [])
    assert (facts["rasters"], facts["tables"]) == (12, 8)
    assert facts["sums"] == {"files": len(before) - 1, "changed": [], "missing": []}
    assert hashes(unpacked) == before
    shutil.rmtree(unpacked / "fields")
    for name in ("advice/places/next_samples.gpx", "maps/spring/map.tif"):
        (unpacked / name).unlink()
    (unpacked / "report.html").write_text("better figures")
    code, facts, said = hear("run", unpacked / "run.json", "--quiet")
    assert code == 1
    assert facts["identical"] is True
    assert facts["sums"]["changed"] == ["report.html"]
    assert "'report.html'" in said
    anew = "fields/means/fields.run.json"  # had been deleted, and has the times of this run
    assert {name for name, sha256 in hashes(unpacked).items() if sha256 != before[name]} <= {"report.html", anew}
    assert hashes(unpacked).keys() == before.keys()


@pytest.mark.parametrize(
    "name", ["fields/means/fields.csv", "fields/means/fields.gpkg", "advice/cotton/next_samples.gpx", "maps/spring/map_class.qml"]
)
def test_a_table_that_was_changed_is_named_before_anything_is_run(name, unpacked, ask):
    path = unpacked / name
    if path.suffix == ".gpkg":
        layer = geopandas.read_file(path)
        layer.loc[0, "field"] = "mine"
        write_layer(layer, path, "fields")
    else:
        path.write_text(path.read_text() + "\n")
    before = hashes(unpacked)
    code, facts = ask("run", unpacked / "run.json")
    assert code == 2
    assert name in facts["error"] and "--overwrite" in facts["error"]
    assert hashes(unpacked) == before


def test_what_somebody_put_beside_results_is_never_removed(unpacked, ask):
    (unpacked / "advice/cotton/my notes.txt").write_text("ask the neighbour")
    code, facts = ask("run", unpacked / "run.json")
    assert code == 2
    assert "my notes.txt" in facts["error"]
    assert (unpacked / "advice/cotton/my notes.txt").is_file()


def test_a_layer_that_a_viewer_has_open_and_an_archive_that_was_not_unpacked_are_told_in_words(archive, unpacked, ask):
    (unpacked / "fields/means/fields.gpkg-wal").write_bytes(b"")
    code, facts = ask("run", unpacked / "run.json")
    assert code == 2
    assert "'fields/means/fields.gpkg' is open in another program" in facts["error"]
    code, facts = ask("run", archive)
    assert code == 2
    assert "Unpack it" in facts["error"]


def test_missing_and_changed_inputs_are_all_named_with_the_hash_to_look_for(unpacked, ask):
    recorded = json.loads((unpacked / "run.json").read_text(encoding="utf-8"))["inputs"]
    (unpacked / "inputs/scene.tif").unlink()
    (unpacked / "inputs/fields.gpkg").unlink()
    code, facts = ask("run", unpacked / "run.json")
    assert code == 2
    assert "'inputs/fields.gpkg', 'inputs/scene.tif'" in facts["error"]
    assert recorded["inputs/fields.gpkg"] in facts["error"] and str(unpacked) in facts["error"]
    for name in ("inputs/scene.tif", "inputs/fields.gpkg"):
        (unpacked / name).write_bytes(b"other")
    model = unpacked / "models/line/model.json"
    model.write_text(model.read_text(encoding="utf-8") + " ", encoding="utf-8")
    code, facts = ask("run", unpacked / "run.json")
    assert code == 2
    assert all(name in facts["error"] for name in ("inputs/scene.tif", "inputs/fields.gpkg", "models/line/model.json"))


def test_a_list_of_hashes_that_is_none_is_called_changed(tmp_path):
    from soilcore.project.bundle_sums import files_that_changed, listed_sums

    assert listed_sums(tmp_path) is None
    for text in ("", "nonsense\n", f"{'0' * 64}  ../elsewhere.tif\n", f"{'0' * 64}  /etc/passwd\n"):
        (tmp_path / SUMS).write_text(text)
        assert listed_sums(tmp_path) is None
    (tmp_path / SUMS).write_text(f"{'0' * 64}  a b.txt\n{'1' * 64}  Ä.txt\n", encoding="utf-8")
    (tmp_path / "a b.txt").write_text("here")
    assert files_that_changed(tmp_path, listed_sums(tmp_path)) == (["a b.txt"], ["Ä.txt"])


def test_the_map_for_the_browser_shows_the_fields_with_their_means(archive):
    if not assets.are_present():
        pytest.skip("the browser's files are not installed")
    with zipfile.ZipFile(archive) as opened:
        page = opened.read("map.html").decode()
        rows = json.loads(opened.read("fields/means/fields.run.json"))["result"]["rows"]
    content = json.loads(re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.S)[1])
    mapped = [row for row in rows if row["mean"] is not None]
    drawn = content["outlines"]["features"]
    assert len(drawn) == len(mapped) > 3
    for feature, row in zip(drawn, mapped, strict=True):
        text = feature["properties"]["text"]
        assert text.startswith(
            f"Field {row['field']}\nmean {row['mean']:.3g} dS/m (90 % interval {row['low']:.3g} to {row['high']:.3g})\n{row['class']}"
        )
    (south, west), (north, east) = content["bounds"]
    corners = [corner for feature in drawn if feature["geometry"]["type"] == "Polygon" for corner in feature["geometry"]["coordinates"][0]]
    assert all(west - 0.01 < lon < east + 0.01 and south - 0.01 < lat < north + 0.01 for lon, lat in corners)


def test_masks_with_codes_and_covariates_of_classes_go_with_the_archive(tmp_path):
    cover = tmp_path / "elsewhere" / "land cover.tif"
    cover.parent.mkdir()
    cover.write_bytes(b"cover")
    recorded = {str(cover): hashlib.sha256(b"cover").hexdigest()}
    for suffix in (":40,30", ":-1", ":categorical", ""):
        packed = Packed(tmp_path / "project")
        settings, found = relocated({"mask": f"{cover}{suffix}", "formula": "X=B/(N+.5)"}, recorded, (), packed)
        assert settings == {"mask": f"inputs/land cover.tif{suffix}", "formula": "X=B/(N+.5)"}
        assert set(found) == set(packed.files) == {"inputs/land cover.tif"}


def test_results_are_made_after_those_they_are_made_of(tmp_path):
    def result(kind, name, inputs=()):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "made.tif").write_bytes(b"made")
        run = folder / "made.run.json"
        run.write_text("{}")
        return Result(kind, name, folder, run, {}, {}, {str(tmp_path / one / "made.tif"): "0" * 64 for one in inputs})

    stock, late = result("advise", "stock"), result("fields", "of-stock", ["stock"])
    early, again = result("fields", "of-map", ["spring"]), result("map", "second", ["of-stock"])
    spring, own = result("map", "spring"), result("map", "own", ["own"])
    found = Found(tmp_path, "Field", (), (again, spring, own), (late, early, stock), {})
    assert [one.id for one in _in_order(found)] == ["own", "spring", "of-map", "stock", "of-stock", "second"]


def test_a_model_in_an_archive_finds_the_files_of_its_training_there(unpacked, monkeypatch):
    monkeypatch.chdir(unpacked)
    training, why = training_of(load_model("models/line"), "models/line")
    assert why == ""
    assert (training.inputs.samples, training.inputs.scene.paths) == ("inputs/samples.csv", ("inputs/scene.tif",))
