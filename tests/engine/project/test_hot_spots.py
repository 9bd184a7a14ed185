"""Hot spots on the command line: the planted one is found, the layer opens, bad wishes are refused."""

import geopandas
import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def table(tmp_path):
    """A field of noise with one salty corner."""
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0, 2000, (2, 300))
    salt = 2 + rng.normal(0, 0.3, 300) + 3 * ((x < 500) & (y < 500))
    path = tmp_path / "field.csv"
    pd.DataFrame({"x": 500000 + x, "y": 4000000 + y, "ec": salt}).to_csv(path, index=False)
    return path


def test_the_planted_corner_is_hot_and_the_rest_is_not(table, tmp_path, ask):
    out = tmp_path / "hot.gpkg"
    place = ("--x", "x", "--y", "y", "--crs", "EPSG:32650")
    code, facts = ask("hot-spots", table, "--target", "ec", *place, "--k", 8, "--out", out)
    assert code == 0
    layer = geopandas.read_file(out)
    corner = (layer.geometry.x < 500450) & (layer.geometry.y < 4000450)
    far = (layer.geometry.x > 500700) | (layer.geometry.y > 4000700)
    assert (layer["class"][corner] == "hot 99 %").all()
    assert (layer["class"][far].str.startswith("hot")).mean() < 0.05
    assert layer.crs == "EPSG:32650"
    assert facts["n"] == len(facts["rows"]) == 300
    assert sum(facts["classes"].values()) == 300


def test_samples_without_places_are_refused_in_words(tmp_path, ask):
    path = tmp_path / "nowhere.csv"
    pd.DataFrame({"ec": np.arange(1.0, 21.0), "ph": 7.0}).to_csv(path, index=False)
    code, facts = ask("hot-spots", path, "--target", "ec")
    assert code == 1
    assert "where the samples lie" in facts["error"]


def test_an_impossible_band_leaves_no_file(table, tmp_path, ask):
    out = tmp_path / "hot.gpkg"
    code, facts = ask("hot-spots", table, "--target", "ec", "--x", "x", "--y", "y", "--crs", "EPSG:32650", "--band", "-5", "--out", out)
    assert code == 2
    assert "-5" in facts["error"]
    assert not out.exists()
