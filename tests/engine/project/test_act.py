"""Fields and advice on the command line: numbers, files, refusals, and that the truth of the synthetic coast lies in the intervals."""

import json
from xml.etree import ElementTree

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
from scipy.stats import norm
from shapely.geometry import LineString, box

from soilcore.mapping.layers import layers_of
from tests.engine.mapping.finished_maps import VARIOGRAM, write_map

SHAPE = (60, 80)
REACH = norm.ppf(0.95)


@pytest.fixture(scope="module")
def land(tmp_path_factory):
    """A map of ECe that rises from west to east, its bounds, and four fields; the fourth lies off the map."""
    folder = tmp_path_factory.mktemp("land")
    value = np.repeat(np.linspace(1, 21, SHAPE[1])[None], SHAPE[0], axis=0)
    value[:4] = np.nan
    aoa = (np.indices(SHAPE)[1] < 70).astype(int)
    for name, level in (("map", 0.0), ("y2019", -3.0), ("y2021", -1.5)):
        shown = np.maximum(value + level, 0.2)
        path = folder / f"{name}.tif"
        write_map(path, shown, lower=np.maximum(shown - REACH, 0), upper=shown + REACH, aoa=aoa, di=0.3, variogram=VARIOGRAM)
        date = {"map": "2025-03-17", "y2019": "2019-03-17", "y2021": "2021-03-17"}[name]
        path.with_suffix(".run.json").write_text(json.dumps({"result": {"date": date}, "steps": [{"task": "map", "settings": {}}]}))
    shapes = [box(500000, 4999400, 500195, 4999700), box(500300, 4999500, 500500, 4999900), box(500600, 4999500, 500800, 4999800), box(0, 0, 9, 9)]
    fields = geopandas.GeoDataFrame({"field_id": ["west", "middle", "east", "away"], "rank": [9, 9, 9, 9]}, geometry=shapes, crs=32632)
    fields.to_crs(4326).to_file(folder / "fields.gpkg", layer="fields")
    return folder


def test_fields_are_ranked_with_intervals_and_classes(land, tmp_path, ask):
    out = tmp_path / "out.gpkg"
    code, facts = ask("fields", land / "map.tif", "--boundaries", land / "fields.gpkg", "--out", out)
    assert code == 0, facts
    assert {"out", "csv", "target", "unit", "date", "level", "n", "missed", "classes", "rows", "assumption", "sentences", "assumed"} <= set(facts)
    assert [row["field"] for row in facts["rows"]] == ["east", "middle", "west", "away"]
    assert (facts["n"], facts["missed"], facts["date"], facts["classes"]["id"]) == (3, ["away"], "2025-03-17", "usda")
    east, middle, west, away = facts["rows"]
    with rasterio.open(land / "map.tif") as raster:
        drawn = raster.read(1)
    assert middle["map_mean"] == pytest.approx(drawn[10:50, 30:50].mean())
    assert middle["mean"] == pytest.approx(middle["map_mean"], rel=1e-3)
    assert middle["low"] < middle["mean"] < middle["high"] and middle["high"] - middle["low"] < 2 * REACH
    assert west["map_mean"] == pytest.approx(np.average(drawn[30, :20], weights=[*[1] * 19, 0.5]))
    assert sum(west["shares"]) == pytest.approx(1) and sum(west["shares_expected"]) == pytest.approx(1)
    assert east["aoa_share"] == pytest.approx(0.5) and middle["aoa_share"] == 1
    assert away["mean"] is None and away["rank"] is None
    assert "differ beyond their intervals" in " ".join(facts["sentences"])
    layer, table = geopandas.read_file(out), pd.read_csv(facts["csv"])
    assert list(layer["field"]) == ["west", "middle", "east", "away"] and list(layer["rank_given"]) == [9] * 4
    assert list(table["field"]) == ["east", "middle", "west", "away"]
    assert layer["mean_dS_m"][1] == pytest.approx(middle["mean"])
    assert {"low_90_dS_m", "high_90_dS_m", "mean_of_map_dS_m", "share_inside_aoa", "class", "share_nonsaline"} <= set(layer.columns)
    assert layer.crs == "EPSG:32632"


def test_years_give_a_trend_with_its_interval(land, tmp_path, ask):
    years = ("--year-map", land / "y2019.tif", "--year-map", land / "y2021.tif")
    code, facts = ask("fields", land / "map.tif", "--boundaries", land / "fields.gpkg", "--out", tmp_path / "out.gpkg", *years)
    assert code == 0, facts
    trend = next(row for row in facts["rows"] if row["field"] == "east")["trend"]
    assert trend["slope"] == pytest.approx(0.5, abs=0.26) and trend["slope_low"] < trend["slope"] < trend["slope_high"]
    assert trend["verdict"] == "rising" and [row["label"] for row in trend["means"]] == ["2019", "2021", "2025"]
    assert next(row for row in facts["rows"] if row["field"] == "away")["trend"]["verdict"] == "too few years"
    assert "trend" in pd.read_csv(facts["csv"]).columns
    assert any(sentence.startswith("Rising") and "east" in sentence for sentence in facts["sentences"])


def test_equal_years_show_no_change(land, tmp_path, ask):
    twin = tmp_path / "y2020.tif"
    for layer in layers_of(land / "map.tif"):
        (tmp_path / layer.path.name.replace("map", "y2020")).write_bytes(layer.path.read_bytes())
    code, facts = ask("fields", land / "map.tif", "--boundaries", land / "fields.gpkg", "--out", tmp_path / "o.gpkg", "--year-map", twin)
    assert code == 0, facts
    assert {row["trend"]["verdict"] for row in facts["rows"]} == {"no clear change", "too few years"}


def test_fields_are_made_again_from_their_run_file(land, tmp_path, ask):
    out = tmp_path / "out.gpkg"
    _, first = ask("fields", land / "map.tif", "--boundaries", land / "fields.gpkg", "--out", out)
    code, again = ask("run", out.with_suffix(".run.json"), "--overwrite")
    assert code == 0, again
    assert again["steps"][0]["result"]["rows"] == first["rows"]
    inputs = json.loads(out.with_suffix(".run.json").read_text())["inputs"]
    assert {str(land / "map_upper.tif"), str(land / "fields.gpkg")} <= set(inputs)


def test_wrong_calls_about_fields_are_refused_in_words(land, tmp_path, ask):
    fields = ("--boundaries", land / "fields.gpkg")
    code, facts = ask("fields", land / "map.tif", *fields, "--out", tmp_path / "out.csv")
    assert code == 2 and ".gpkg" in facts["error"]
    code, facts = ask("fields", land / "map.tif", *fields, "--out", tmp_path / "out.gpkg", "--classes", "cn-coastal")
    assert code == 2 and "salt content" in facts["error"]
    code, facts = ask("fields", land / "map.tif", *fields, "--out", tmp_path / "out.gpkg", "--dates", "2019")
    assert code == 2 and "--year-map" in facts["error"]
    assert not list(tmp_path.iterdir())


def test_advice_ranks_crops_maps_them_and_says_how_sure(land, tmp_path, ask):
    out = tmp_path / "advice"
    crops = ("--crop", "Wheat", "--crop", "cotton", "--crop", "Phaseolus vulgaris")
    code, facts = ask("advise", land / "map.tif", *crops, "--irrigation-ec", "1.5", "--boundaries", land / "fields.gpkg", "--out", out)
    assert code == 0, facts
    assert [row["id"] for row in facts["crops"]] == ["cotton", "wheat", "bean"]
    for row in facts["crops"]:
        assert row["yield_low"] <= row["yield"] <= row["yield_high"] and 0 <= row["p_good"] <= 1
    assert facts["crops"][0]["leaching_requirement"] == pytest.approx(1.5 / (5 * (7.7 + 10 / 5.2) - 1.5))
    assert facts["leaching"]["present"]["low"] <= facts["leaching"]["present"]["value"] <= facts["leaching"]["present"]["high"]
    bean = facts["crops"][2]
    assert bean["reclamation_low"] < bean["reclamation"] < bean["reclamation_high"]
    assert bean["reclamation"] == pytest.approx(0.3 * facts["mean"] / bean["ece_least"])
    west = next(row for row in facts["fields"] if row["field"] == "west")
    assert west["crops"][0]["yield"] > 99 and next(row for row in facts["fields"] if row["field"] == "away")["crops"] == []
    assert all("2025-03-17" in sentence for sentence in facts["sentences"][:3])
    assert {"yield_wheat", "yield_wheat_lower", "yield_bean_upper", "best_crop", "fields"} <= set(facts["layers"])
    for path in facts["layers"].values():
        assert path.startswith(str(out))
    with rasterio.open(facts["layers"]["yield_wheat"]) as raster:
        assert raster.units == ("%",) and raster.tags()["SOILCORE_CROP_THRESHOLD"] == "6.0"
    assert list(geopandas.read_file(facts["layers"]["fields"])["best_1"])[:3] == ["Wheat", "Cotton", "Cotton"]


def test_without_names_every_crop_is_ranked_and_nothing_needs_to_be_written(land, ask):
    code, facts = ask("advise", land / "map.tif")
    assert code == 0, facts
    assert len(facts["crops"]) >= 40 and facts["layers"] == {} and facts["out"] is None
    yields = [round(row["yield"]) for row in facts["crops"]]
    assert yields == sorted(yields, reverse=True)


def test_the_next_samples_open_in_map_programs_and_receivers(land, tmp_path, ask):
    road = tmp_path / "roads.gpkg"
    geopandas.GeoDataFrame(geometry=[LineString([(500000, 4999400), (500000, 5000000)])], crs=32632).to_file(road)
    samples = tmp_path / "taken.csv"
    pd.DataFrame({"lon": [9.001, 9.002], "lat": [45.152, 45.151], "ec": [1.0, 2.0]}).to_csv(samples, index=False)
    more = ("--next-samples", 7, "--access", road, "--samples", samples, "--boundaries", land / "fields.gpkg")
    code, facts = ask("advise", land / "map.tif", "--crop", "wheat", "--out", tmp_path / "advice", *more)
    assert code == 0, facts
    found = facts["next_samples"]
    assert len(found["rows"]) == 7 and found["used"] == ["width", "di", "access"]
    layer = geopandas.read_file(found["gpkg"])
    fields = geopandas.read_file(land / "fields.gpkg").to_crs(layer.crs).union_all()
    assert layer.within(fields).all() and list(layer["rank"]) == list(range(1, 8))
    points = ElementTree.parse(found["gpx"]).getroot().findall("{http://www.topografix.com/GPX/1/1}wpt")
    np.testing.assert_allclose([float(point.get("lon")) for point in points], layer.to_crs(4326).geometry.x, atol=1e-6)
    assert points[0].find("{http://www.topografix.com/GPX/1/1}name").text == "S01"
    assert found["rows"][0]["access_m"] == pytest.approx(found["rows"][0]["x"] - 500000, abs=1)


def test_a_map_of_carbon_gives_its_stock_and_no_crops(tmp_path, ask):
    value = np.full((20, 30), 12.0)
    path = write_map(tmp_path / "soc.tif", value, lower=value - 3, upper=value + 3, unit="g/kg", form="as-measured", column="soc_g_kg")
    density = ("--bulk-density", "1.4", "--depth", "20", "--coarse", "0.1")
    code, facts = ask("advise", path, *density, "--out", tmp_path / "stock")
    assert code == 0, facts
    assert facts["carbon"]["mean_t_ha"] == pytest.approx(12 * 1.4 * 20 * 0.9 / 10, rel=1e-6)
    assert facts["carbon"]["low_t_ha"] == pytest.approx(9 * 1.4 * 20 * 0.9 / 10, rel=0.01)
    assert facts["carbon"]["total_t"] == pytest.approx(facts["carbon"]["mean_t_ha"] * 6)
    assert facts["crops"] == [] and facts["leaching"] is None
    with rasterio.open(facts["layers"]["stock_upper"]) as raster:
        assert raster.units == ("t/ha",) and raster.read(1)[0, 0] == pytest.approx(15 * 1.4 * 20 * 0.9 / 10)
    code, facts = ask("advise", path)
    assert code == 2 and "--bulk-density" in facts["error"] and "--depth" in facts["error"]
    code, facts = ask("advise", path, *density, "--crop", "wheat")
    assert code == 2 and "map of ECe" in facts["error"]


def test_salinity_that_is_not_ece_gets_no_advice_but_the_conversion(tmp_path, ask):
    path = write_map(tmp_path / "ec.tif", np.full((9, 9), 1.0), form="as-measured", column="ec_1_5_dS_m")
    code, facts = ask("advise", path, "--crop", "wheat", "--out", tmp_path / "advice")
    assert code == 2 and "--convert ECe" in facts["error"]
    assert not (tmp_path / "advice").exists()


def test_wrong_calls_for_advice_are_refused_and_leave_nothing(land, tmp_path, ask):
    for wish, word in (
        (("--crop", "wheta"), "wheat"),
        (("--irrigation-ec", "750"), "divided by 1000"),
        (("--next-samples", "3"), "--out"),
        (("--least-yield", "120"), "at most 100"),
        (("--next-samples", "2000", "--out", tmp_path / "a"), "1 to 1000"),
    ):
        code, facts = ask("advise", land / "map.tif", *wish)
        assert code == 2 and word in facts["error"], facts
    assert not list(tmp_path.iterdir())


def test_a_folder_of_other_things_is_never_replaced(land, tmp_path, ask):
    (tmp_path / "thesis.txt").write_text("ten years of work")
    code, facts = ask("advise", land / "map.tif", "--crop", "wheat", "--out", tmp_path, "--overwrite")
    assert code == 2 and "other things" in facts["error"]
    assert (tmp_path / "thesis.txt").read_text() == "ten years of work"


def test_the_crop_table_is_listed(ask):
    code, facts = ask("crops")
    assert code == 0 and facts["n"] == len(facts["rows"]) >= 40
    assert {"name", "scientific", "threshold", "slope", "rating", "source"} <= set(facts["rows"][0])


def test_places_of_next_samples_need_no_map_of_salt(tmp_path, ask):
    value = np.full((40, 40), 20.0)
    path = write_map(
        tmp_path / "clay.tif", value, lower=value - np.indices(value.shape)[1] / 9, upper=value + 1, unit="%", form="as-measured", column="clay_pct"
    )
    wish = ("--next-samples", 4, "--out", tmp_path / "places")
    code, facts = ask("advise", path, *wish)
    assert code == 2 and "Crop tolerances" in facts["error"]
    code, facts = ask("advise", path, *wish, "--only-places", "--crop", "wheat")
    assert code == 2 and "without crops" in facts["error"]
    code, facts = ask("advise", path, *wish, "--only-places")
    assert code == 0, facts
    assert len(facts["next_samples"]["rows"]) == 4 and facts["crops"] == [] and facts["layers"] == {}


def test_stock_of_fields_is_a_layer(land, tmp_path, ask):
    value = np.full(SHAPE, 12.0)
    path = write_map(tmp_path / "soc.tif", value, lower=value - 3, upper=value + 3, unit="g/kg", form="as-measured", column="soc_g_kg")
    wish = ("--bulk-density", "1.4", "--depth", "20", "--boundaries", land / "fields.gpkg", "--out", tmp_path / "stock")
    code, facts = ask("advise", path, *wish)
    assert code == 0, facts
    layer = geopandas.read_file(facts["layers"]["fields"])
    assert list(layer["field"]) == ["west", "middle", "east", "away"]
    assert layer["stock_t_ha"][1] == pytest.approx(12 * 1.4 * 20 / 10, rel=1e-6)
