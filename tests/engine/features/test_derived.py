"""Derived predictors are made once, kept by what they are made of, and made again as a model recorded them."""

import os

import numpy as np
import pytest
import rasterio

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.data.covariates import open_covariates
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.features import derived
from soilcore.features.derived import as_trained, cache_folder, content_of, derive
from soilcore.features.recipe import CovariateUse, FeatureRecipe, FeatureSettings
from soilcore.features.source import FeatureSource


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv(derived.CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def grid(demo):
    return open_scene(SceneSettings((str(demo / "scene.tif"),))).grid


def files(cache):
    return {path.name: path.stat().st_ino for path in cache.glob("*.tif")}


def test_a_derived_raster_is_made_once_and_found_again(cache, demo, grid):
    features = FeatureSettings(dem=str(demo / "dem.tif"), terrain=("slope_deg", "tpi"))
    first = derive(features, grid)
    made = files(cache)
    assert [spec.name for spec in first.specs] == ["slope_deg", "tpi"]
    assert derive(features, grid) == first
    assert files(cache) == made
    derive(FeatureSettings(dem=str(demo / "dem.tif"), terrain=("slope_deg", "tpi"), terrain_slope="zt"), grid)
    assert len(files(cache)) == 2


def test_another_content_under_the_same_name_is_another_raster(cache, demo, grid, tmp_path):
    with rasterio.open(demo / "dem.tif") as source:
        profile, elevation = source.profile, source.read(1)
    slopes = []
    for factor in (1, 2):
        with rasterio.open(tmp_path / "dem.tif", "w", **profile) as out:
            out.write(elevation * factor, 1)
        (spec,) = derive(FeatureSettings(dem=str(tmp_path / "dem.tif"), terrain=("slope_deg",)), grid).specs
        with rasterio.open(spec.path) as raster:
            slopes.append(np.tan(np.radians(raster.read(1, masked=True).filled(np.nan))))
    np.testing.assert_allclose(slopes[1], 2 * slopes[0], rtol=1e-4)


def test_terrain_of_much_finer_or_coarser_cells_than_in_training_is_refused(cache, demo, grid, tmp_path):
    from rasterio.enums import Resampling

    (own,) = derive(FeatureSettings(dem=str(demo / "dem.tif"), terrain=("slope_deg",)), grid).specs
    assert own.made["cell_m"] == 20
    with rasterio.open(demo / "dem.tif") as source:
        profile, place, rough = source.profile, source.transform, source.read(1, out_shape=(48, 48), resampling=Resampling.average)
    profile |= {"height": 48, "width": 48, "transform": place @ place.scale(2)}
    with rasterio.open(tmp_path / "dem.tif", "w", **profile) as out:
        out.write(rough, 1)
    (coarse,) = derive(FeatureSettings(dem=str(tmp_path / "dem.tif"), terrain=("slope_deg",)), grid).specs
    recipe = FeatureRecipe(covariates=(CovariateUse("slope_deg", made=own.made),))
    assert FeatureSource(recipe, covariates=open_covariates((own,), grid)).names == ("slope_deg",)
    with pytest.raises(FeatureError, match=r"computed on cells of 20 m, here they are 40 m.*about 20 m with --dem"):
        FeatureSource(recipe, covariates=open_covariates((coarse,), grid))


def test_a_distance_carries_its_file_and_unit(cache, demo, grid):
    (spec,) = derive(FeatureSettings(distances=(str(demo / "fields.gpkg"),)), grid).specs
    assert (spec.name, spec.unit, spec.made) == ("distance_fields", "m", {"kind": "distance", "source": "fields.gpkg"})


def test_the_cache_forgets_what_was_not_used_for_longest(cache, demo, grid, monkeypatch):
    monkeypatch.setattr(derived, "CACHE_LIMIT_BYTES", 0)
    settings = [FeatureSettings(dem=str(demo / "dem.tif"), terrain=(name,)) for name in ("slope_deg", "tpi")]
    derive(settings[0], grid)
    (old,) = files(cache)
    derive(settings[1], grid)
    assert old not in files(cache)
    assert len(list(cache.iterdir())) == 2  # raster and note


def test_the_cache_leaves_alone_what_others_are_writing_and_survives_what_they_drop(cache, demo, grid, monkeypatch):
    derive(FeatureSettings(dem=str(demo / "dem.tif"), terrain=("slope_deg",)), grid)
    writing, dropped = cache / ".other.1a2b3c4d.tif", cache / "dropped.tif"
    writing.write_bytes(b"half of a raster")
    os.utime(writing, (0, 0))
    dropped.symlink_to(cache / "gone.tif")  # listed, but no longer there when it is looked at
    monkeypatch.setattr(derived, "CACHE_LIMIT_BYTES", 1)
    derive(FeatureSettings(dem=str(demo / "dem.tif"), terrain=("tpi",)), grid)
    assert writing.exists()
    assert len([path for path in cache.glob("[!.]*.tif") if path.is_file()]) == 1


def test_two_vector_files_of_one_name_are_refused_by_their_own_names(cache, demo, grid, tmp_path):
    (tmp_path / "a").mkdir()
    other = tmp_path / "a" / "fields.gpkg"
    other.write_bytes((demo / "fields.gpkg").read_bytes())
    with pytest.raises(SettingsError, match=r"'distance_fields' .*a/fields\.gpkg"):
        derive(FeatureSettings(distances=(str(demo / "fields.gpkg"), str(other))), grid)


def test_the_cache_goes_where_one_may_write(tmp_path, monkeypatch):
    monkeypatch.setenv(derived.CACHE_VARIABLE, str(tmp_path / "file" / "below"))
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=derived.CACHE_VARIABLE):
        cache_folder()
    monkeypatch.delenv(derived.CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    assert cache_folder() == tmp_path / "home" / "soilcore"
    assert os.stat(cache_folder()).st_mode & 0o077 == 0


def test_a_map_makes_them_as_the_model_recorded():
    how = {"kind": "terrain", "source": "dem.tif", "slope": "zt", "convention": "arcgis", "smooth": 1.5}
    recipe = FeatureRecipe(
        covariates=(CovariateUse("twi", made=how), CovariateUse("distance_canals", made={"kind": "distance", "source": "canals.gpkg"}))
    )
    with pytest.raises(FeatureError, match="--dem"):
        as_trained(FeatureSettings(), recipe)
    with pytest.raises(FeatureError, match="--distance"):
        as_trained(FeatureSettings(dem="other.tif"), recipe)
    features = as_trained(FeatureSettings(dem="other.tif", distances=("there/canals.gpkg",)), recipe)
    assert (features.terrain, features.terrain_slope, features.terrain_convention, features.terrain_smooth) == (("twi",), "zt", "arcgis", 1.5)


def test_a_source_that_is_not_given_is_asked_for(cache, grid):
    with pytest.raises(SettingsError, match="--dem"):
        derive(FeatureSettings(terrain=("all",)), grid)
    with pytest.raises(SettingsError, match="scene"):
        derive(FeatureSettings(distances=("canals.gpkg",)))


def test_the_content_of_a_folder_is_names_and_bytes(tmp_path):
    (tmp_path / "2024.tif").write_bytes(b"a")
    before = content_of(tmp_path)
    (tmp_path / "2024.tif").rename(tmp_path / "2025.tif")
    renamed = content_of(tmp_path)
    (tmp_path / "2025.tif").write_bytes(b"b")
    assert len({before, renamed, content_of(tmp_path)}) == 3


def write_ndvi(folder, rises):
    """Dated index rasters of 4 x 5 pixels; the season of each year begins round the day given."""
    from affine import Affine

    folder.mkdir()
    profile = {
        "driver": "GTiff",
        "height": 4,
        "width": 5,
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:32639",
        "transform": Affine(20, 0, 5e5, 0, -20, 4e6),
    }
    for year, rise in rises.items():
        for number in range(5, 365, 10):
            value = 0.15 + 0.6 * (1 / (1 + np.exp(-0.08 * (number - rise))) + 1 / (1 + np.exp(0.06 * (number - 270))) - 1)
            day = np.datetime64(f"{year}-01-01") + number - 1
            with rasterio.open(folder / f"NDVI_{day}.tif", "w", **profile) as out:
                out.write(np.full((1, 4, 5), value, np.float32))


def test_seasons_of_several_years_are_joined_by_year(cache, tmp_path):
    from soilcore.data.covariates import open_covariates

    rises = {2022: 80, 2023: 110, 2024: 140}
    write_ndvi(tmp_path / "ndvi", rises)
    features = FeatureSettings(series=str(tmp_path / "ndvi"))
    made = derive(features)
    assert any("season of its own year" in sentence for sentence in made.assumed)
    stack = open_covariates(made.specs)
    assert {spec.when for spec in stack.specs} == {"year"}
    days = np.array([f"{year}-05-01" for year in rises] + ["2019-05-01"], "datetime64[D]")
    sos = stack.sample(np.full(4, 5e5 + 50), np.full(4, 4e6 - 30), days=days)[:, stack.names.index("sos")]
    np.testing.assert_allclose(np.diff(sos[:3]), 30, atol=1.5)
    assert np.isnan(sos[3])
    there = files(cache)
    assert derive(features).specs == made.specs
    assert files(cache) == there
