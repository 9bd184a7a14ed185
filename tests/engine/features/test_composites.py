"""Composites: medians against NumPy, bare soil and largest CRSI against plain arithmetic, and the file against itself for every window."""

import warnings

import numpy as np
import pytest
import rasterio

from soilcore.core.errors import SceneError, SettingsError, Stopped
from soilcore.core.grids import Window
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.scene_series import open_scenes
from soilcore.features import composite_parts
from soilcore.features.composite_kernels import bare_dates, median_over_dates, sorting_network
from soilcore.features.composites import CompositeSettings, campaign_composites, make_composite, temporal_max
from soilcore.features.indices import compute_indices
from tests.engine.rasters import SENTINEL_2, digital_numbers, write_raster

ROLES = ("B", "G", "R", "N", "S1", "S2")
SHAPE = 70, 90
DAYS = ("2024-11-05", "2025-01-20", "2025-03-01", "2025-03-21", "2025-04-30", "2025-06-15", "2025-08-01")


def nanmedian(stack):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(stack, axis=0)


def scene_values(random, hidden):
    """Soil, crop and water in one scene, some pixels hidden; (band, row, column)."""
    soil = np.array([0.10, 0.14, 0.20, 0.25, 0.33, 0.30])
    crop = np.array([0.03, 0.07, 0.04, 0.42, 0.22, 0.12])
    water = np.array([0.05, 0.06, 0.04, 0.02, 0.01, 0.008])
    green = random.uniform(0, 1, SHAPE)
    values = soil[:, None, None] * (1 - green) + crop[:, None, None] * green
    values[:, -12:, -20:] = water[:, None, None]
    return values * random.uniform(0.8, 1.2, (6, *SHAPE)), hidden


@pytest.fixture(scope="module")
def coast(tmp_path_factory):
    """Seven dates with moving clouds; the series, and its stack (date, band, row, column)."""
    folder, random, stack = tmp_path_factory.mktemp("dates"), np.random.default_rng(4), []
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for number, day in enumerate(DAYS):
        cloud = (rows - 10 * number) ** 2 + (cols - 12 * number) ** 2 < 25**2
        cloud |= (rows < 3) & (cols < 4)  # never seen
        values, hidden = scene_values(random, cloud)
        stored = digital_numbers(values, 1000)
        stored[:, hidden] = 0
        names = [SENTINEL_2[role] for role in ROLES]
        write_raster(folder / f"{day}.tif", stored, names=names, nodata=0, tags={"PROCESSING_BASELINE": "05.11"})
    series = open_scenes(SceneSettings((str(folder),)))
    stack = np.stack([scene.read(Window(0, 0, *SHAPE)) for scene in series.scenes])
    return series, stack


def written(path):
    with rasterio.open(path) as dataset:
        return dict(zip(dataset.descriptions, dataset.read(), strict=True))


def composite(coast, tmp_path, name="out.tif", **more):
    facts = make_composite(coast[0], tmp_path / name, CompositeSettings(**more))
    return written(tmp_path / name), facts


@pytest.mark.parametrize("dates", [1, 2, 3, 5, 12, 33])
def test_the_median_over_dates_equals_numpy_to_the_last_bit(dates):
    random = np.random.default_rng(dates)
    stack = random.normal(0.1, 0.3, (dates, 37, 41)).astype(np.float32)
    stack[random.random(stack.shape) < 0.4] = np.nan
    stack[random.random(stack.shape) < 0.1] = 0.25  # ties
    stack[random.random(stack.shape) < 0.05] = -0.0
    median, count = median_over_dates(stack)
    np.testing.assert_array_equal(median, nanmedian(stack))
    np.testing.assert_array_equal(count, np.isfinite(stack).sum(axis=0))
    keep = random.random(stack.shape) < 0.5
    median, count = median_over_dates(stack, keep, min_valid=2)
    kept = np.where(keep, stack, np.float32(np.nan))
    enough = np.isfinite(kept).sum(axis=0) >= 2
    np.testing.assert_array_equal(median, np.where(enough, nanmedian(kept), np.float32(np.nan)))
    np.testing.assert_array_equal(count, np.isfinite(kept).sum(axis=0))


def test_the_sorting_network_sorts_any_number_of_values():
    for size in (*range(1, 12), 16, 17, 31, 100):
        values = np.random.default_rng(size).permutation(size)
        zeros_and_ones = (np.random.default_rng(size).random((200, size)) < 0.5).astype(int)
        for row in (values, *zeros_and_ones):  # a network that sorts all zeros and ones sorts everything
            row = row.copy()
            for low, high in sorting_network(size):
                row[low], row[high] = min(row[low], row[high]), max(row[low], row[high])
            assert (np.diff(row) >= 0).all()


def test_the_median_composite_holds_the_median_and_count_of_every_pixel(coast, tmp_path):
    layers, facts = composite(coast, tmp_path)
    for band, role in enumerate(ROLES):
        np.testing.assert_array_equal(layers[role], nanmedian(coast[1][:, band]))
    count = np.isfinite(coast[1]).all(axis=1).sum(axis=0)
    np.testing.assert_array_equal(layers["count"], count)
    assert np.isnan(layers["B"][:3, :4]).all()
    assert facts["count"] == {"min": 0, "mean": pytest.approx(count.mean()), "max": 7}
    assert facts["bands"][0] == {"name": "B", "valid": int((count > 0).sum())}
    assert facts["dates"] == list(DAYS)


def test_pixels_seen_on_too_few_dates_are_missing(coast, tmp_path):
    layers, _ = composite(coast, tmp_path, min_valid=7)
    count = np.isfinite(coast[1]).all(axis=1).sum(axis=0)
    np.testing.assert_array_equal(np.isfinite(layers["N"]), count == 7)
    np.testing.assert_array_equal(layers["count"], count)


def test_the_bare_composite_is_the_median_of_bare_dates_only(coast, tmp_path):
    layers, facts = composite(coast, tmp_path, method="bare")
    blue, green, red, nir, swir1, swir2 = np.moveaxis(coast[1], 1, 0)
    with np.errstate(invalid="ignore"):
        ndvi, ratio = (nir - red) / (nir + red), (swir1 - swir2) / (swir1 + swir2)
        bare = (ndvi >= 0) & (ndvi < 0.25) & (ratio < 0.075)
    assert 0.1 < bare.any(axis=0).mean() < 0.9
    for role, band in zip(ROLES, (blue, green, red, nir, swir1, swir2), strict=True):
        np.testing.assert_array_equal(layers[role], nanmedian(np.where(bare, band, np.float32(np.nan))))
    np.testing.assert_array_equal(layers["count"], bare.sum(axis=0))
    assert np.isnan(layers["B"][-12:, -20:]).mean() > 0.95  # water is no bare soil
    assert any("NDVI" in text for text in facts["assumed"])


def test_dates_with_a_missing_band_or_no_light_are_not_bare():
    one = np.float32(0.2)
    bands = np.array([[one, one, one, one], [0.22, np.nan, one, -0.2], [one, one, 0, one], [0.19, one, 0, one]], np.float32)
    np.testing.assert_array_equal(bare_dates(*bands, (0.0, 0.25), 0.075), [True, False, False, False])


def test_the_max_crsi_composite_holds_the_bands_of_the_best_date(coast, tmp_path):
    layers, _ = composite(coast, tmp_path, method="max-crsi", min_valid=2)
    stack = coast[1]
    crsi = np.stack([compute_indices(dict(zip(ROLES, scene, strict=True)), ("CRSI",))["CRSI"] for scene in stack])
    valid = np.isfinite(crsi).sum(axis=0)
    np.testing.assert_array_equal(layers["CRSI"], temporal_max(crsi, 2))
    np.testing.assert_array_equal(layers["count"], valid)
    enough = valid >= 2
    best = np.where(np.isfinite(crsi), crsi, -1).argmax(axis=0)
    chosen = np.take_along_axis(stack, best[None, None], axis=0)[0]
    days = np.array(DAYS, "M8[D]")
    for band, role in enumerate(ROLES):
        np.testing.assert_array_equal(layers[role], np.where(enough, chosen[band], np.nan))
    doy = (days - days.astype("M8[Y]")).astype(int) + 1
    np.testing.assert_array_equal(layers["doy"], np.where(enough, doy[best], np.nan))
    np.testing.assert_array_equal(layers["year"], np.where(enough, np.where(best == 0, 2024, 2025), np.nan))


@pytest.mark.parametrize("method", ["median", "bare", "max-crsi"])
def test_no_window_memory_limit_or_number_of_threads_changes_a_value(coast, tmp_path, monkeypatch, method):
    whole, _ = composite(coast, tmp_path, "whole.tif", method=method)
    monkeypatch.setattr(composite_parts, "PART_BYTES", 1 << 14)
    monkeypatch.setattr(composite_parts, "OPEN_FILES", 12)
    for number, more in enumerate(({"window": 48, "threads": 1}, {"window": 32, "threads": 3})):
        cut, _ = composite(coast, tmp_path, f"{number}.tif", method=method, **more)
        for name, layer in whole.items():
            np.testing.assert_array_equal(cut[name], layer)


def test_memory_is_bounded_however_many_dates_there_are():
    for dates in (1, 12, 100, 1000, 3000):
        side, groups = composite_parts._shares(dates, ROLES, 512)
        assert dates * side**2 * 4 * len(groups[0]) <= 2 * composite_parts.PART_BYTES
        assert sum(groups, ()) == ROLES


@pytest.mark.parametrize("method", ["median", "bare", "max-crsi"])
def test_a_composite_opens_again_as_a_scene_of_the_same_sensor(coast, tmp_path, method):
    layers, facts = composite(coast, tmp_path, method=method)
    scene = open_scene(SceneSettings((facts["out"],)))
    assert scene.roles == ROLES
    assert scene.sensor == coast[0].sensor == "sentinel-2-l2a"
    assert not scene.findings
    np.testing.assert_array_equal(scene.read(Window(0, 0, *SHAPE)), np.stack([layers[role] for role in ROLES]))


def test_only_dates_asked_for_are_used(coast, tmp_path):
    layers, facts = composite(coast, tmp_path, dates=("2025-03-01", "2025-04-30"))
    assert facts["dates"] == ["2025-03-01", "2025-03-21", "2025-04-30"]
    np.testing.assert_array_equal(layers["N"], nanmedian(coast[1][2:5, 3]))
    with pytest.raises(SceneError, match="No scene lies within 2023-01-01 to 2023-12-31"):
        composite(coast, tmp_path, "none.tif", dates=("2023-01-01", "2023-12-31"))
    assert not (tmp_path / "none.tif").exists()


def test_a_cloud_more_on_one_date_changes_only_the_pixels_under_it(coast, tmp_path):
    series, stack = coast
    before, _ = composite(coast, tmp_path)
    folder = tmp_path / "again"
    folder.mkdir()
    for scene, values, day in zip(series.scenes, stack, DAYS, strict=True):
        stored = np.where(np.isnan(values), 0, digital_numbers(np.nan_to_num(values).astype(float), 1000)).astype("uint16")
        if day == "2025-03-21":
            stored[:, 30:50, 20:60] = 0
        write_raster(folder / f"{day}.tif", stored, names=[SENTINEL_2[role] for role in scene.roles], nodata=0, tags={"PROCESSING_BASELINE": "05.11"})
    after, _ = composite((open_scenes(SceneSettings((str(folder),))), None), tmp_path, "after.tif")
    under = np.zeros(SHAPE, bool)
    under[30:50, 20:60] = True
    for role in ROLES:
        np.testing.assert_array_equal(after[role][~under], before[role][~under])
    lost = np.isfinite(stack[3, 0]) & under
    np.testing.assert_array_equal(before["count"] - after["count"], lost)


def test_each_campaign_gets_a_composite_of_its_own_and_its_samples_read_it(coast, tmp_path):
    series, stack = coast
    days = np.array(["2025-03-10", "2025-03-12", "2025-08-20", "NaT", "2023-01-01"], "M8[D]")
    facts = campaign_composites(series, days, tmp_path / "campaigns", CompositeSettings(), max_days=30)
    told = [(made["campaign"], made["samples"], made["dates"]) for made in facts["composites"]]
    assert told == [("2025-03-10 to 2025-03-12", 2, ["2025-03-01", "2025-03-21"]), ("2025-08-20", 1, ["2025-08-01"])]
    assert any("2023-01-01" in text for text in facts["assumed"])
    again = open_scenes(SceneSettings((str(tmp_path / "campaigns"),)))
    assert [str(day) for day in again.dates] == ["2025-03-11", "2025-08-20"]
    row, col = 60, 5
    x, y = 500005.0 + 10 * col, 4999995.0 - 10 * row
    values = again.sample([x] * 5, [y] * 5, again.grid.crs, days)
    expected = np.full((5, 6), np.nan)
    expected[:2], expected[2] = nanmedian(stack[2:4, :, row, col]), stack[6, :, row, col]
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("max_days", [10, 30])
def test_samples_of_a_long_campaign_all_find_a_composite(coast, tmp_path, max_days):
    days = np.arange("2024-12-20", "2025-06-10", 9, dtype="M8[D]")
    facts = campaign_composites(coast[0], days, tmp_path / "campaigns", CompositeSettings(), max_days=max_days)
    series = open_scenes(SceneSettings((str(tmp_path / "campaigns"),))).within(max_days)
    picked = series.pick(days)
    matched = sum(made["samples"] for made in facts["composites"])
    assert (picked >= 0).sum() >= matched
    used = {str(day) for day in series.dates}
    assert used == {made["date"] for made in facts["composites"]}
    for made in facts["composites"]:  # nothing farther away than twice what was allowed went in
        assert all(abs(np.datetime64(day) - np.datetime64(made["date"])).astype(int) <= 2 * max_days + 1 for day in made["dates"])


def test_campaigns_without_any_scene_or_date_are_refused_and_leave_nothing(coast, tmp_path):
    with pytest.raises(SceneError, match="No scene lies within 30 days"):
        campaign_composites(coast[0], np.array(["2020-01-01"], "M8[D]"), tmp_path / "none")
    with pytest.raises(SettingsError, match="No sample has a date"):
        campaign_composites(coast[0], np.array(["NaT"], "M8[D]"), tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_impossible_settings_are_refused_in_words(coast, tmp_path):
    for settings, words in (
        ({"method": "mean"}, "median, bare, max-crsi"),
        ({"min_valid": 0}, "whole number from 1"),
        ({"window": 5}, "window of 5"),
        ({"dates": ("2025-05-01", "2025-04-01")}, "before they begin"),
        ({"dates": ("spring", "2025-04-01")}, "not two days"),
        ({"ndvi_min": 0.3}, "lower bound"),
    ):
        with pytest.raises(SettingsError, match=words):
            composite(coast, tmp_path, **settings)


def test_a_missing_band_is_named(coast, tmp_path):
    folder = tmp_path / "few"
    folder.mkdir()
    values = digital_numbers(np.full((4, 20, 20), 0.2) * np.random.default_rng(0).uniform(0.1, 1, (4, 20, 20)), 1000)
    write_raster(folder / "2025-03-01.tif", values, names=["B2", "B3", "B4", "B8"], nodata=0, tags={"PROCESSING_BASELINE": "05.11"})
    series = open_scenes(SceneSettings((str(folder),)))
    with pytest.raises(SceneError, match=r"bare needs.*S1, S2"):
        make_composite(series, tmp_path / "out.tif", CompositeSettings("bare"))


def test_an_existing_file_stays_unless_it_may_be_replaced_and_a_stop_leaves_nothing(coast, tmp_path):
    (tmp_path / "out.tif").write_text("mine")
    with pytest.raises(SettingsError, match="exists already"):
        composite(coast, tmp_path)
    assert (tmp_path / "out.tif").read_text() == "mine"

    def stop(done, total, message):
        if done > 0.2:
            raise Stopped

    with pytest.raises(Stopped):
        make_composite(coast[0], tmp_path / "out.tif", CompositeSettings(window=32, overwrite=True), stop)
    assert [path.name for path in tmp_path.iterdir()] == ["out.tif"]
    assert (tmp_path / "out.tif").read_text() == "mine"
    layers, _ = composite(coast, tmp_path, overwrite=True)
    assert "count" in layers


def test_progress_runs_from_nothing_to_all_and_never_back(coast, tmp_path):
    seen = []
    make_composite(coast[0], tmp_path / "out.tif", CompositeSettings(window=32), lambda done, total, message: seen.append(done / total))
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (0, 1)
