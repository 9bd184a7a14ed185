"""Layers are made twice alike, and what a file says is told from the bytes it says it in."""

import hashlib
import sqlite3
import time
from contextlib import closing

import geopandas
import pytest
from shapely.geometry import box

from soilcore.data.contents import content_of, write_layer


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def fields():
    return geopandas.GeoDataFrame({"field": ["west", None], "mean": [4.5, float("nan")]}, geometry=[box(0, 0, 9, 9), box(9, 0, 18, 9)], crs=32632)


def test_a_layer_is_the_same_file_whenever_it_is_written(fields, tmp_path):
    path = tmp_path / "Äcker #1?" / "fields.gpkg"
    path.parent.mkdir()
    write_layer(fields, path, "fields")
    first, said = sha256(path), content_of(path)
    time.sleep(0.01)
    write_layer(fields, path, "fields")
    assert (sha256(path), content_of(path)) == (first, said)
    assert said is not None


def test_the_time_of_writing_is_no_content_but_every_value_is(fields, tmp_path):
    path, other = tmp_path / "a.gpkg", tmp_path / "b.gpkg"
    write_layer(fields, path, "fields")
    fields.to_file(other, layer="fields", driver="GPKG")
    assert sha256(other) != sha256(path)
    assert content_of(other) == content_of(path)
    said = {content_of(path)}
    for name, value in (("mean", 4.5000001), ("field", "east"), ("geometry", box(0, 0, 9, 9.0001))):
        changed = fields.copy()
        changed.loc[0, name] = value
        write_layer(changed, other, "fields")
        said.add(content_of(other))
    write_layer(fields.set_crs(32633, allow_override=True), other, "fields")
    said.add(content_of(other))
    write_layer(fields, other, "others")
    said.add(content_of(other))
    assert len(said) == 6


def test_a_viewer_that_rearranges_a_layer_does_not_change_its_content(fields, tmp_path):
    path = tmp_path / "a.gpkg"
    write_layer(fields, path, "fields")
    before = sha256(path), content_of(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE gpkg_contents SET last_change = '2026-01-01T00:00:00.000Z'")
    assert sha256(path) != before[0]
    assert content_of(path) == before[1]


def test_lines_that_end_otherwise_say_the_same(tmp_path):
    table = tmp_path / "a.csv"
    table.write_bytes(b"field,mean\nwest,4.5\n")
    said = content_of(table)
    table.write_bytes(b"field,mean\r\nwest,4.5\r\n")
    assert content_of(table) == said
    table.write_bytes(b"field,mean\nwest,4.6\n")
    assert content_of(table) != said


def test_of_rasters_and_damaged_layers_only_the_bytes_count(tmp_path):
    (tmp_path / "a.gpkg").write_text("nonsense")
    (tmp_path / "a.tif").write_bytes(b"II*\0")
    assert content_of(tmp_path / "a.gpkg") is None
    assert content_of(tmp_path / "a.tif") is None
