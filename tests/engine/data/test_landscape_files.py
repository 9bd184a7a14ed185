"""The demo folder: complete, readable by anyone, whole or absent, and never in place of somebody's work."""

import json
import os

import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio

from soilcore.core.errors import SettingsError, Stopped
from soilcore.data import landscape_files
from soilcore.data.landscape import coast, draw_clouds
from soilcore.data.landscape_climate import VARIABLES
from soilcore.data.landscape_files import make_coast, make_continental, make_spectra
from soilcore.data.landscape_place import LAND_USES, make_place
from soilcore.data.landscape_reflectance import BANDS, COVERS

SIZE, CELL, SEED, SAMPLES, DATES = 48, 20.0, 3, 30, 3


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("landscape") / "demo"
    steps = []
    made = make_coast(folder, SIZE, CELL, SAMPLES, DATES, SEED, report=lambda done, total, message: steps.append((done / total, message)))
    return folder, made, steps


@pytest.fixture(scope="module")
def plain():
    return coast(SIZE, CELL, SEED)


def test_the_answer_names_every_file_and_nothing_else(demo):
    folder, made, _ = demo
    assert made["dir"] == str(folder)
    assert made["files"] == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    expected = {"samples.csv", "scene.tif", "dem.tif", "fields.gpkg", "demo.json", "climate/pr.csv", "years/2025.tif", "truth/ece_dS_m.tif"}
    assert expected <= set(made["files"])
    assert sum(name.startswith("dates/") for name in made["files"]) == DATES
    assert [path.name for path in folder.parent.iterdir()] == ["demo"], "nothing temporary stays"


def test_the_scene_carries_grid_bands_scaling_and_baseline(demo, plain):
    with rasterio.open(demo[0] / "scene.tif") as scene:
        assert scene.descriptions == BANDS == ("B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B11", "B12")
        assert (scene.height, scene.width, scene.nodata, set(scene.dtypes)) == (SIZE, SIZE, 0, {"uint16"})
        assert scene.crs.to_epsg() == 32650
        assert scene.transform == plain.grid.transform
        assert set(zip(scene.scales, scene.offsets, strict=True)) == {(0.0001, -0.1)}
        assert float(scene.tags()["PROCESSING_BASELINE"]) >= 4
        assert scene.tags()["ACQUISITION_DATE"] == "2025-03-17"
        assert scene.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        np.testing.assert_array_equal(scene.read(), plain.dn)


def test_the_elevation_lies_on_the_same_grid(demo, plain):
    with rasterio.open(demo[0] / "dem.tif") as dem:
        assert dem.transform == plain.grid.transform
        assert dem.descriptions == ("elevation",)
        np.testing.assert_array_equal(dem.read(1), plain.elevation_m)


def test_samples_name_units_and_depth_and_agree_with_the_truth_rasters(demo):
    table = pd.read_csv(demo[0] / "samples.csv", parse_dates=["date"])
    named = ["id", "lon", "lat", "date", "depth_top_cm", "depth_bottom_cm", "ec_1_5_dS_m", "ece_dS_m", "salt_g_kg", "soc_g_kg", "clay_pct"]
    assert list(table.columns[: len(named)]) == named
    assert len(table) == table["id"].nunique() == SAMPLES
    assert (table["date"] - pd.Timestamp("2025-03-17")).abs().max() <= pd.Timedelta(days=7)
    points = geopandas.GeoSeries.from_xy(table["lon"], table["lat"], crs=4326).to_crs(32650)
    for name in ("ece_dS_m", "salt_g_kg", "soc_g_kg"):
        with rasterio.open(demo[0] / "truth" / f"{name}.tif") as truth:
            at_points = [value[0] for value in truth.sample(zip(points.x, points.y, strict=True))]
        np.testing.assert_allclose(table[name], at_points, atol=0.006)


def test_truth_is_missing_under_water_and_covers_name_their_bands(demo, plain):
    with rasterio.open(demo[0] / "truth" / "ece_dS_m.tif") as truth:
        assert np.isnan(truth.nodata)
        np.testing.assert_array_equal(np.isnan(truth.read(1)), plain.water)
    with rasterio.open(demo[0] / "truth" / "covers.tif") as covers:
        assert covers.descriptions == COVERS
        np.testing.assert_allclose(covers.read().sum(axis=0), 1, atol=1e-6)
    with rasterio.open(demo[0] / "truth" / "land_use.tif") as land_use:
        assert [land_use.tags()[str(code)] for code in range(len(LAND_USES))] == list(LAND_USES)


def test_dates_are_the_same_place_with_clouds_as_no_data(demo):
    place = make_place(SIZE, CELL, SEED)
    dates = sorted((demo[0] / "dates").iterdir())
    assert [path.stem for path in dates] == ["2025-03-02", "2025-07-02", "2025-11-01"]
    for path in dates:
        day = pd.Timestamp(path.stem).day_of_year
        with rasterio.open(path) as scene:
            hidden = (scene.read() == 0).all(axis=0)
            np.testing.assert_array_equal(hidden, draw_clouds(place, 2025, day))
            np.testing.assert_array_equal((scene.read() == 0).any(axis=0), hidden)


def test_years_end_with_the_scene_and_carry_their_truth(demo, plain):
    assert sorted(path.stem for path in (demo[0] / "years").iterdir()) == [str(year) for year in range(2019, 2026)]
    with rasterio.open(demo[0] / "years" / "2025.tif") as last:
        np.testing.assert_array_equal(last.read(), plain.dn)
    with rasterio.open(demo[0] / "truth" / "ece_by_year.tif") as truth:
        assert truth.descriptions == tuple(str(year) for year in range(2019, 2026))
        by_year = truth.read()
    np.testing.assert_array_equal(by_year[-1][~plain.water], plain.ece_dS_m[~plain.water])
    assert np.nanstd(np.log(by_year[0]) - np.log(by_year[-1])) > 0.1


def test_fields_are_valid_parcels_on_land_with_their_crop(demo, plain):
    fields = geopandas.read_file(demo[0] / "fields.gpkg")
    assert fields.crs.to_epsg() == 32650
    assert fields.is_valid.all()
    assert set(fields["crop"]) <= set(LAND_USES)
    assert fields["field_id"].is_unique
    np.testing.assert_allclose(fields["area_ha"], fields.area / 1e4, atol=1e-3)
    assert fields.area.sum() == pytest.approx((~plain.sea).sum() * CELL**2)


def test_climate_has_a_table_per_variable_and_a_row_per_sample(demo):
    samples = pd.read_csv(demo[0] / "samples.csv")
    assert sorted(path.stem for path in (demo[0] / "climate").iterdir()) == sorted(VARIABLES)
    rain = pd.read_csv(demo[0] / "climate" / "pr.csv")
    assert list(rain["id"]) == list(samples["id"])
    assert list(rain.columns[3:]) == [str(month) for month in pd.period_range("2020-03", "2025-03", freq="M")]
    wet = rain.loc[:, rain.columns.str.endswith(("-07", "-08"))].to_numpy().mean()
    assert wet > 3 * rain.iloc[:, 3:].to_numpy().mean() / 2


def test_the_folder_says_how_it_was_made_and_what_it_does_not_show(demo):
    about = json.loads((demo[0] / "demo.json").read_text())
    assert about["settings"] == {"size": SIZE, "cell_m": CELL, "samples": SAMPLES, "dates": DATES, "seed": SEED}
    assert "does not confirm that any published index is superior" in about["note"]


def test_progress_only_rises_and_stays_within_the_whole(demo):
    shares = [share for share, _ in demo[2]]
    assert shares == sorted(shares)
    assert shares[0] >= 0
    assert shares[-1] <= 1
    assert all(message for _, message in demo[2])


def test_the_same_seed_writes_the_same_bytes(demo, tmp_path):
    again = make_coast(tmp_path / "again", SIZE, CELL, SAMPLES, DATES, SEED)
    for name in again["files"]:
        if not name.endswith(".gpkg"):  # a GeoPackage stores the time it was written
            assert (tmp_path / "again" / name).read_bytes() == (demo[0] / name).read_bytes(), name


def test_a_stopped_demo_leaves_nothing(tmp_path):
    def stop(done, total, message):
        if "2022" in message:
            raise Stopped

    with pytest.raises(Stopped):
        make_coast(tmp_path / "demo", 32, samples=5, dates=1, report=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_work_in_it_is_refused_and_kept(tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(SettingsError, match=r"not empty|other files"):
            make_coast(tmp_path, 32, samples=5, dates=0, overwrite=overwrite)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


def test_a_demo_is_replaced_only_when_asked(tmp_path):
    folder = tmp_path / "demo"
    make_spectra(folder, 20)
    with pytest.raises(SettingsError, match="--overwrite"):
        make_continental(folder, 30)
    assert make_continental(folder, 30, overwrite=True)["files"] == ["demo.json", "table.csv"]
    assert sorted(path.name for path in folder.iterdir()) == ["demo.json", "table.csv"]


def test_an_empty_folder_and_a_missing_parent_are_welcome(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert make_continental(empty, 30)["dir"] == str(empty)
    assert (tmp_path / "a" / "b" / "table.csv").exists() is False
    make_continental(tmp_path / "a" / "b", 30)
    assert (tmp_path / "a" / "b" / "table.csv").exists()


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "demo").write_text("not a folder")
    with pytest.raises(SettingsError, match="not a folder"):
        make_coast(tmp_path / "demo", 32)
    with pytest.raises(SettingsError, match="cannot be made"):
        make_coast(tmp_path / "demo" / "inside", 32)


@pytest.mark.skipif(not os.path.isdir("/proc"), reason="needs a folder in which nothing can be made")
def test_a_place_where_nothing_can_be_written_is_refused():
    with pytest.raises(SettingsError, match="cannot be made"):
        make_coast("/proc/demo", 32, samples=5, dates=0)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"size": 31}, "31"),
        ({"cell": -1.0}, "-1.0 m"),
        ({"dates": 74}, "74 dates"),
        ({"dates": -1}, "-1 dates"),
        ({"samples": 100_000}, "100000 samples"),
    ],
)
def test_impossible_settings_are_refused_before_anything_is_written(tmp_path, settings, named):
    with pytest.raises(SettingsError, match=named):
        make_coast(tmp_path / "demo", **({"size": 32} | settings))
    assert list(tmp_path.iterdir()) == []


def test_a_demo_without_dates_has_none(tmp_path):
    made = make_coast(tmp_path / "demo", 32, samples=5, dates=0)
    assert not any(name.startswith("dates/") for name in made["files"])


def test_the_default_years_are_seven_and_enough_for_stability(demo):
    assert len(landscape_files.YEARS) == 7
