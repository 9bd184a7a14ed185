"""The commands that bring imagery and covariates into shape keep their contract."""

import json

import numpy as np
import pandas as pd
import pytest
import rasterio

TERRAIN = ("slope_deg", "aspect_deg", "profile_curvature", "plan_curvature", "tangential_curvature", "twi", "tpi")


@pytest.fixture(scope="module")
def coast(tmp_path_factory):
    """A coast with enough dates for a season."""
    from soilcore.data.landscape_files import make_coast

    folder = tmp_path_factory.mktemp("dated") / "coast"
    make_coast(folder, size=64, cell=20.0, samples=60, dates=14, seed=3)
    return folder


def bands(path):
    with rasterio.open(path) as raster:
        return dict(zip(raster.descriptions, raster.read(masked=True).astype(float).filled(np.nan), strict=True))


def test_terrain_writes_the_seven_bands_of_the_contract(ask, coast, tmp_path):
    code, facts = ask("terrain", "--dem", coast / "dem.tif", "--out", tmp_path / "t.tif")
    assert code == 0, facts
    assert tuple(bands(tmp_path / "t.tif")) == TERRAIN
    assert [band["name"] for band in facts["bands"]] == list(TERRAIN)
    assert (tmp_path / "t.run.json").is_file()


def test_terrain_takes_slope_convention_and_grid(ask, coast, tmp_path):
    out = tmp_path / "t.tif"
    how = ["--slope", "zt", "--convention", "arcgis", "--smooth", 1, "--attributes", "slope_deg,profile_curvature", "--like", coast / "scene.tif"]
    code, facts = ask("terrain", "--dem", coast / "dem.tif", *how, "--out", out)
    assert code == 0, facts
    assert list(bands(out)) == ["slope_deg", "profile_curvature"]
    code, facts = ask("terrain", "--dem", coast / "dem.tif", "--out", out)
    assert code == 2
    assert "--overwrite" in facts["error"]


def test_distance_is_zero_on_what_it_measures_from(ask, coast, tmp_path):
    code, facts = ask("distance", "--vector", coast / "fields.gpkg", "--like", coast / "scene.tif", "--out", tmp_path / "d.tif")
    assert code == 0, facts
    (metres,) = bands(tmp_path / "d.tif").values()
    assert np.nanmin(metres) == 0
    assert np.isfinite(metres).all()


def test_phenology_of_dated_scenes_is_a_raster(ask, coast, tmp_path):
    code, facts = ask("phenology", "--series", coast / "dates", "--out", tmp_path / "p.tif")
    assert code == 0, facts
    found = bands(tmp_path / "p.tif")
    assert {"sos", "sdps", "gus"} <= set(found)
    both = np.isfinite(found["sos"]) & np.isfinite(found["sdps"])
    assert both.mean() > 0.05
    assert (found["sdps"][both] > found["sos"][both]).all()


def test_phenology_of_a_table_is_a_table(ask, tmp_path):
    days = pd.date_range("2024-01-05", "2024-12-28", freq="10D")
    day = days.day_of_year.to_numpy(float)
    ndvi = 0.15 + 0.65 * (1 / (1 + np.exp(-0.08 * (day - 95))) + 1 / (1 + np.exp(0.06 * (day - 260))) - 1)
    table = pd.concat([pd.DataFrame({"id": name, "date": days.strftime("%Y-%m-%d"), "NDVI": ndvi}) for name in "ab"])
    table.to_csv(tmp_path / "series.csv", index=False)
    code, facts = ask("phenology", "--series", tmp_path / "series.csv", "--out", tmp_path / "p.csv")
    assert code == 0, facts
    seasons = pd.read_csv(tmp_path / "p.csv")
    assert list(seasons["id"]) == ["a", "b"]
    np.testing.assert_allclose(seasons["sos"], 77.56, atol=1.0)
    np.testing.assert_allclose(seasons["sdps"], 121.66, atol=1.0)


@pytest.mark.parametrize("method", ["median", "bare", "max-crsi"])
def test_a_composite_is_a_scene_again(ask, coast, tmp_path, method):
    out = tmp_path / "c.tif"
    code, facts = ask("composite", "--scene", coast / "dates", "--method", method, "--out", out)
    assert code == 0, facts
    assert {"B", "R", "N", "count"} <= set(bands(out))
    code, facts = ask("indices", "--scene", out, "--index", "NDVI", "--out", tmp_path / "i.tif")
    assert code == 0, facts
    assert facts["bands"][0]["valid"] > 0


def test_one_date_alone_is_no_composite(ask, coast, tmp_path):
    code, facts = ask("composite", "--scene", coast / "scene.tif", "--out", tmp_path / "c.tif")
    assert code == 2
    assert "one date" in facts["error"]
    assert not list(tmp_path.iterdir())


def test_campaigns_get_a_composite_each(ask, coast, tmp_path):
    table = pd.read_csv(coast / "samples.csv")
    table["date"] = np.where(np.arange(len(table)) < 30, "2025-03-10", "2025-09-05")
    table.to_csv(tmp_path / "samples.csv", index=False)
    out = tmp_path / "campaigns"
    code, facts = ask("composite", "--scene", coast / "dates", "--samples", tmp_path / "samples.csv", "--out", out)
    assert code == 0, facts
    assert len(list(out.glob("*.tif"))) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fetch", "--stac", "earth-search", "--dates", "2025-01-01/2025-02-01", "--bbox", "1,2,3,4"], "--out"),
        (["fetch", "--stac", "earth-search", "--dates", "2025-02-01/2025-01-01", "--bbox", "1,2,3,4", "--list"], "ends before it begins"),
        (["fetch", "--stac", "earth-search", "--dates", "last spring", "--bbox", "1,2,3,4", "--list"], "two days"),
        (["fetch", "--stac", "earth-search", "--dates", "2025-01-01/2025-02-01", "--bbox", "3,2,1,4", "--list"], "west,south,east,north"),
        (["fetch", "--stac", "earth-search", "--dates", "2025-01-01/2025-02-01", "--bbox", "-5,30,-6,31", "--list"], "got '-5,30,-6,31'"),
        (["fetch", "--stac", "earth-search", "--dates", "2025-01-01/2025-02-01", "--list"], "--bbox"),
        (["fetch", "--stac", "ftp://somewhere", "--dates", "2025-01-01/2025-02-01", "--bbox", "1,2,3,4", "--list"], "http"),
        (["phenology", "--series", "nowhere", "--out", "x.tif"], "nowhere"),
        (["phenology", "--series", "x", "--out", "x.tif", "--season-start", "spring"], "--season-start"),
        (["terrain", "--dem", "nowhere.tif", "--out", "x.tif"], "nowhere.tif"),
        (["terrain", "--dem", "nowhere.tif", "--attributes", "steepness", "--out", "x.tif"], "steepness"),
        (["distance", "--vector", "nowhere.gpkg", "--like", "nowhere.tif", "--out", "x.tif"], "nowhere"),
        (["composite", "--scene", "nowhere", "--out", "x.tif"], "nowhere"),
    ],
)
def test_wrong_calls_are_told_in_one_sentence(ask, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, facts = ask(*arguments)
    assert code == 2
    assert words in facts["error"]
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def campaigns(coast, tmp_path_factory):
    """Samples of three years."""
    table = pd.read_csv(coast / "samples.csv")
    table["date"] = [
        f"{year}-03-{day:02d}" for year, day in zip(np.resize([2020, 2022, 2025], len(table)), np.resize(range(5, 28), len(table)), strict=True)
    ]
    path = tmp_path_factory.mktemp("campaigns") / "samples.csv"
    table.to_csv(path, index=False)
    return path


def train(ask, samples, out, *inputs, model="ridge"):
    how = ["--target", "ece_dS_m", "--model", model, "--cv", "random", "--folds", 4, "--trials", 0, "--transform", "log1p", "--permutations", 0]
    return ask("train", samples, *inputs, *how, "--out", out)


def test_samples_of_several_years_meet_the_imagery_of_their_year_and_maps_state_theirs(ask, coast, campaigns, tmp_path):
    code, facts = train(ask, campaigns, tmp_path / "m", "--scene", coast / "years", "--bands")
    assert code == 0, facts
    maps = {}
    for year in ("2020", "2025-03-17"):
        code, mapped = ask("map", tmp_path / "m", "--scene", coast / "years", "--date", year, "--out", tmp_path / f"{year}.tif")
        assert code == 0, mapped
        assert mapped["date"].startswith(year[:4])
        maps[year] = next(iter(bands(tmp_path / f"{year}.tif").values()))
    alone, _ = ask("map", tmp_path / "m", "--scene", coast / "years" / "2025.tif", "--out", tmp_path / "alone.tif")
    assert alone == 0
    np.testing.assert_array_equal(next(iter(bands(tmp_path / "alone.tif").values())), maps["2025-03-17"])
    assert np.nanmean(np.abs(maps["2020"] - maps["2025-03-17"])) > 0.01
    code, facts = ask("map", tmp_path / "m", "--scene", coast / "years", "--out", tmp_path / "n.tif")
    assert code == 2
    assert "--date" in facts["error"]
    code, facts = ask("map", tmp_path / "m", "--scene", coast / "years", "--date", "1999", "--out", tmp_path / "n.tif")
    assert code in (1, 2)
    assert "2025" in facts["error"]
    assert not (tmp_path / "n.tif").exists()


def test_samples_left_out_for_their_date_are_told_apart(ask, coast, campaigns, tmp_path):
    table = pd.read_csv(campaigns)
    table.loc[:4, "date"] = "2011-03-05"
    table.loc[5, "ece_dS_m"] = np.nan
    table.to_csv(tmp_path / "samples.csv", index=False)
    code, facts = train(ask, tmp_path / "samples.csv", tmp_path / "m", "--scene", coast / "years", "--bands", model="mean")
    assert code == 0, facts
    told = [sentence for sentence in facts["assumed"] if "left out" in sentence]
    assert any(sentence.startswith("5 of 60 samples left out: nothing near their date") and "2011" in sentence for sentence in told)
    assert any("the target or a predictor is missing" in sentence for sentence in told)


def test_terrain_distance_season_and_climate_are_predictors_of_a_model_and_its_map(ask, coast, campaigns, tmp_path):
    sources = ["--dem", coast / "dem.tif", "--distance", coast / "fields.gpkg", "--series", coast / "dates", "--climate", coast / "climate"]
    rules = ["--terrain", "slope_deg,twi", "--terrain-smooth", 1, "--terrain-slope", "zt", "--unit-of", "elevation=m"]
    code, facts = train(ask, coast / "samples.csv", tmp_path / "m", "--scene", coast / "scene.tif", "--index", "NDVI", *sources, *rules, model="rf")
    assert code == 0, facts
    assert {"NDVI", "elevation", "slope_deg", "twi", "distance_fields", "sos", "sdps", "gus"} <= set(facts["features"])
    assert any(name.startswith("pr_") for name in facts["features"])
    with open(tmp_path / "m" / "model.json", encoding="utf-8") as stream:
        uses = {use["name"]: use for use in json.load(stream)["recipe"]["covariates"]}
    assert uses["twi"]["made"] == {"kind": "terrain", "source": "dem.tif", "slope": "zt", "convention": "zt", "smooth": 1.0, "cell_m": 20.0}
    assert (uses["elevation"]["unit"], uses["distance_fields"]["unit"]) == ("m", "m")
    code, mapped = ask("map", tmp_path / "m", "--scene", coast / "scene.tif", *sources, "--date", "2025-03-17", "--out", tmp_path / "map.tif")
    assert code == 0, mapped
    assert mapped["valid"] > 100
    recorded = json.loads((tmp_path / "map.run.json").read_text(encoding="utf-8"))["inputs"]
    assert {"dem.tif", "fields.gpkg", "scene.tif", "model.json"} <= {name.rsplit("/", 1)[-1] for name in recorded}
    code, facts = ask("map", tmp_path / "m", "--scene", coast / "scene.tif", *sources[2:], "--date", "2025-03-17", "--out", tmp_path / "n.tif")
    assert code in (1, 2)
    assert "--dem" in facts["error"]


def test_indices_of_several_dates_need_the_date(ask, coast, tmp_path):
    code, facts = ask("indices", "--scene", coast / "years", "--index", "NDVI", "--out", tmp_path / "i.tif")
    assert code == 2
    assert "--date" in facts["error"]
    code, facts = ask("indices", "--scene", coast / "years", "--index", "NDVI", "--date", "2022", "--out", tmp_path / "i.tif")
    assert code == 0, facts


def test_imagery_with_its_offset_left_in_is_refused_before_training(ask, coast, tmp_path):
    """The stored numbers still hold the offset, the metadata say it was removed."""
    with rasterio.open(coast / "scene.tif") as source:
        profile, numbers, names = source.profile, source.read(), source.descriptions
    numbers[numbers > 0] = np.maximum(numbers[numbers > 0], 1250)  # no water, no shadow
    wrong = tmp_path / "wrong.tif"
    with rasterio.open(wrong, "w", **profile) as out:
        out.write(numbers)
        out.descriptions = names
        out.update_tags(BOA_OFFSET_APPLIED="true", PROCESSING_BASELINE="05.11")
    code, facts = train(ask, coast / "samples.csv", tmp_path / "m", "--scene", wrong, "--bands")
    assert code == 1
    assert "--offset -0.1" in facts["error"]
    assert not (tmp_path / "m").exists()
    code, facts = train(ask, coast / "samples.csv", tmp_path / "m", "--scene", wrong, "--bands", "--offset", "-0.1")
    assert code == 0, facts
    code, facts = ask("map", tmp_path / "m", "--scene", wrong, "--out", tmp_path / "map.tif")
    assert code == 1
    assert "--offset -0.1" in facts["error"]
    assert not (tmp_path / "map.tif").exists()


def test_imagery_with_its_offset_left_in_is_refused_before_a_composite_hides_it(ask, coast, tmp_path):
    for number, source in enumerate(sorted((coast / "dates").glob("*.tif"))[:2]):
        with rasterio.open(source) as scene:
            values, profile, names = scene.read(), scene.profile, scene.descriptions
        with rasterio.open(tmp_path / source.name, "w", **profile) as copy:
            copy.write(values)
            copy.descriptions = names
            copy.scales, copy.offsets = [1e-4] * 10, [0.0 if number else -0.1] * 10
    arguments = ("composite", "--scene", tmp_path, "--method", "median", "--out", tmp_path / "out" / "median.tif")
    code, facts = ask(*arguments)
    assert code == 1 and "most likely still in. The composite would hide it" in facts["error"]
    assert not (tmp_path / "out" / "median.tif").exists()
    assert ask(*arguments, "--offset", "-0.1")[0] == 0


def test_one_of_several_dates_is_kept_as_one_file(coast, tmp_path):
    from soilcore.core.errors import SettingsError, Stopped
    from soilcore.data.imagery import SceneSettings, open_scene
    from soilcore.project.imagery_settings import KeepSceneTask
    from soilcore.project.tasks import run_task

    scene, out = SceneSettings((str(coast / "dates"),)), tmp_path / "kept" / "one.tif"
    days = sorted(path.stem for path in (coast / "dates").glob("*.tif"))
    with pytest.raises(SettingsError, match="Say which one"):
        run_task("keep-scene", KeepSceneTask(scene, str(out)))

    def stop(done, total, message):
        if message == "making overviews":
            raise Stopped

    with pytest.raises(Stopped):
        run_task("keep-scene", KeepSceneTask(scene, str(out), days[3]), stop)
    assert list(out.parent.iterdir()) == []
    facts = run_task("keep-scene", KeepSceneTask(scene, str(out), days[3]))
    assert facts["date"] == days[3]
    kept, was = open_scene(SceneSettings((str(out),))), open_scene(SceneSettings((str(coast / "dates" / f"{days[3]}.tif"),)))
    assert str(kept.date) == days[3]
    assert kept.roles == was.roles
    middle = was.grid.bounds[0] / 2 + was.grid.bounds[2] / 2, was.grid.bounds[1] / 2 + was.grid.bounds[3] / 2
    assert np.array_equal(kept.sample([middle[0]], [middle[1]], was.grid.crs), was.sample([middle[0]], [middle[1]], was.grid.crs), equal_nan=True)
    with pytest.raises(SettingsError, match="exists already"):
        run_task("keep-scene", KeepSceneTask(scene, str(out), days[3]))


def test_an_offset_left_in_a_date_is_said_with_its_seasons(ask, coast, tmp_path):
    dates = tmp_path / "dates"
    dates.mkdir()
    for path in sorted((coast / "dates").glob("*.tif")):
        with rasterio.open(path) as source:
            profile, numbers, names = source.profile, source.read(), source.descriptions
        numbers[numbers > 0] = np.maximum(numbers[numbers > 0], 1250)
        with rasterio.open(dates / path.name, "w", **profile) as out:
            out.write(numbers)
            out.descriptions = names
            out.update_tags(BOA_OFFSET_APPLIED="true")
    code, facts = ask("phenology", "--series", dates, "--out", tmp_path / "p.tif")
    assert code == 0, facts
    assert any("most likely still in" in sentence for sentence in facts["assumed"])
