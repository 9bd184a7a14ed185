"""Maps of several dates compared: what is found, what is not claimed, and that windows change nothing."""

import json

import numpy as np
import pytest
import rasterio
from affine import Affine

from soilcore.core.errors import SceneError, SettingsError, Stopped
from soilcore.mapping.change import ChangeSettings, change_maps
from soilcore.mapping.dated_maps import open_dated_maps
from soilcore.mapping.differences import beyond_interval, limits_in_interval
from soilcore.mapping.finished import quantiles_of
from soilcore.mapping.persistence import PersistenceSettings
from soilcore.mapping.tiles import style_of

SHAPE = (60, 90)
TAGS = {"SOILCORE_TARGET": "ece", "SOILCORE_TARGET_FORM": "ECe", "SOILCORE_TRANSFORM": "log1p", "SOILCORE_MODEL": "rf"}
BOX = (slice(10, 30), slice(20, 60))
HALF = 0.4  # half-width of the intervals on the scale of log1p


def write_map(path, value, half=HALF, unit="dS/m", tags=TAGS, cell=20.0):
    """A map as the engine writes it, with bounds on the scale of log1p; without bounds where `half` is None."""
    log = np.log1p(value)
    layers = {"": value} if half is None else {"": value, "_lower": np.expm1(log - half), "_upper": np.expm1(log + half)}
    profile = {"driver": "GTiff", "height": SHAPE[0], "width": SHAPE[1], "count": 1, "dtype": "float32", "nodata": np.nan, "crs": "EPSG:32650"}
    level = {} if half is None else {"SOILCORE_INTERVAL_LEVEL": "0.9"}
    for ending, layer in layers.items():
        with rasterio.open(
            path.with_name(f"{path.stem}{ending}.tif"), "w", **profile, transform=Affine(cell, 0, 620000, 0, -cell, 4190000)
        ) as raster:
            raster.write(layer.astype(np.float32), 1)
            raster.units = (unit,)
            raster.update_tags(**tags, **level)
    return path


@pytest.fixture
def land():
    """Salinity of a land, dS/m: from low to high, with a gap."""
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    value = 0.5 + cols / 6 + np.sin(rows / 7)
    value[50:55, 5:15] = np.nan
    return np.maximum(value, 0.2)


def years(folder, land, count=5, noise=0.03, planted=0.0, seed=0, **more):
    """Maps of `count` years; from the middle on the box has `planted` added on the scale of log1p."""
    rng, paths = np.random.default_rng(seed), []
    for number in range(count):
        log = np.log1p(land) + noise * rng.standard_normal(SHAPE)
        log[BOX] += planted * (number >= count // 2)
        paths.append(write_map(folder / f"{2019 + number}.tif", np.expm1(np.maximum(log, 0)), **more))
    return paths


def read(facts, name):
    with rasterio.open(facts["layers"][name]) as raster:
        return raster.read(1)


def test_equal_maps_show_no_change_at_all(tmp_path, land):
    for correlation, false_changes in ((0.0, None), (0.9, None), ("maps", None), ("maps", 0.1)):
        paths = [write_map(tmp_path / f"{year}.tif", land) for year in (2019, 2020)]
        out = str(tmp_path / f"out{correlation}{false_changes}")
        facts = change_maps(paths, ChangeSettings(out, correlation=correlation, false_changes=false_changes))
        change, known = read(facts, "change"), np.isfinite(land)
        assert np.all(change[known] == 0)
        assert np.all(change[~known] == 255)
        assert np.isnan(read(facts, "difference_beyond")).all()
        assert np.all(read(facts, "difference")[known] == 0)
        assert facts["difference"]["share_changed"] == 0
        assert (facts["trend"], facts["persistence"]) == (None, None)
        assert facts["valid"] == known.sum()


def test_a_large_change_is_found_where_it_is_and_nowhere_else(tmp_path, land):
    facts = change_maps(years(tmp_path, land, planted=1.0), ChangeSettings(str(tmp_path / "out")))
    change, box = read(facts, "change"), np.zeros(SHAPE, bool)
    box[BOX] = True
    assert np.mean(change[box] == 1) > 0.99
    assert not np.any(change[~box] == 1)
    assert facts["difference"]["area_ha_higher"] == pytest.approx((change == 1).sum() * 0.04)
    assert [step["share_higher"] > 0.1 for step in facts["steps"]] == [number == 1 for number in range(4)]
    np.testing.assert_array_equal(np.isnan(read(facts, "difference_beyond")), change != 1)
    says_what_it_is(facts)


def says_what_it_is(facts):
    """Every raster has colours, a description and the dates it is of."""
    for name, path in facts["layers"].items():
        assert style_of(path).entries, name
        with rasterio.open(path) as raster:
            assert raster.descriptions[0], name
            assert raster.tags()["SOILCORE_MAPS"].startswith("2019, 2020"), name
    slope = style_of(facts["layers"]["slope"])
    assert (slope.low, slope.unit) == (-slope.high, "dS/m per year")
    assert style_of(facts["layers"]["label"]).labels[1] == "persistently high"


def test_what_the_maps_tell_of_their_errors_finds_a_small_change_that_the_careful_rule_misses(tmp_path, land):
    paths, box = years(tmp_path, land, count=2, planted=0.3), np.zeros(SHAPE, bool)
    box[BOX] = True
    careful = change_maps(paths, ChangeSettings(str(tmp_path / "careful")))
    told = change_maps(paths, ChangeSettings(str(tmp_path / "told"), correlation="maps"))
    assert careful["difference"]["share_changed"] == 0
    spread = 0.03 * np.sqrt(2) / (np.sqrt(2) * HALF / 1.645)  # of the differences, over what independent errors would make
    assert told["correlation"] == pytest.approx(1 - spread**2, abs=0.015)
    change = read(told, "change")
    assert np.mean(change[box] == 1) > 0.99
    assert 0.01 < np.mean(change[~box & np.isfinite(land)] != 0) < 0.1  # at most what the level of 90 % leaves open


def test_a_planted_trend_is_found_with_its_slope(tmp_path, land):
    paths = []
    for number in range(8):
        value = land.copy()
        value[BOX] += 0.25 * number
        paths.append(write_map(tmp_path / f"{2018 + number}-03-17.tif", value))
    facts = change_maps(paths, ChangeSettings(str(tmp_path / "out")))
    slope, z = read(facts, "slope"), read(facts, "mk_z")
    np.testing.assert_allclose(slope[BOX], 0.25, rtol=2e-3)
    assert np.all(z[BOX] > 1.96)
    outside = np.isfinite(land)
    outside[BOX] = False
    assert np.all(slope[outside] == 0)
    assert facts["trend"]["share_rising"] == pytest.approx(800 / np.isfinite(land).sum())


def test_labels_and_areas_come_with_five_years(tmp_path, land):
    facts = change_maps(years(tmp_path, land, count=9, noise=0.0, planted=1.0), ChangeSettings(str(tmp_path / "out")))
    lasting, label = facts["persistence"], read(facts, "label")
    assert {row["label"] for row in lasting["labels"]} == {"stable_low", "persistent_high", "worsening", "improving", "fluctuating"}
    assert sum(row["share"] for row in lasting["labels"]) == pytest.approx(1)
    assert np.all(label[np.isnan(land)] == 255)
    assert np.mean(label[BOX] == 2) > 0.5  # four years before, five after; with three and four, Z would be 1.94
    support = read(facts, "support")[label != 255]
    assert support.min() >= 0
    assert support.max() <= 1
    rows = [row for row in facts["areas"] if row["label"] == "2019"]
    assert sum(row["area_ha"] for row in rows) == pytest.approx(np.isfinite(land).sum() * 0.04)
    assert all(row["area_ha_low"] <= row["area_ha_expected"] <= row["area_ha_high"] for row in rows)


def test_windows_and_threads_change_nothing(tmp_path, land):
    paths = years(tmp_path, land, planted=0.5)
    rule = {"correlation": "maps", "false_changes": 0.2}
    whole = change_maps(paths, ChangeSettings(str(tmp_path / "whole"), window=512, threads=1, **rule))
    cut = change_maps(paths, ChangeSettings(str(tmp_path / "cut"), window=37, threads=2, **rule))
    assert np.isin(read(whole, "change"), (1, 2)).any()
    assert set(whole["layers"]) == set(cut["layers"])
    for name in whole["layers"]:
        np.testing.assert_array_equal(read(whole, name), read(cut, name), err_msg=name)
    for key in ("areas", "persistence", "trend", "valid", "threshold", "difference", "steps"):
        same(whole[key], cut[key])


def same(one, other):
    """Equal but for the last digits of sums."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            same(one[key], other[key])
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            same(*pair)
    elif isinstance(one, (float, np.ndarray)):
        np.testing.assert_allclose(one, other, rtol=1e-12, equal_nan=True)
    else:
        assert one == other


def test_maps_are_put_in_order_by_their_dates(tmp_path, land):
    first, last = write_map(tmp_path / "b_2019-05-01.tif", land), write_map(tmp_path / "a_2024-05-01.tif", land + 3)
    facts = change_maps([last, first], ChangeSettings(str(tmp_path / "out")))
    assert [row["date"] for row in facts["maps"]] == ["2019-05-01", "2024-05-01"]
    assert facts["difference"]["mean"] == pytest.approx(3, abs=1e-4)


def test_the_date_of_the_run_file_counts_and_unknown_dates_are_said(tmp_path, land):
    one, other = write_map(tmp_path / "x.tif", land), write_map(tmp_path / "y.tif", land)
    maps = open_dated_maps([one, other])
    assert maps.days is None
    assert "order given" in maps.assumed[0]
    for path, day in ((one, "2024-03-01"), (other, "2020-03-01")):
        path.with_suffix(".run.json").write_text(json.dumps({"result": {"date": day}}))
    maps = open_dated_maps([one, other])
    assert [path.name for path in maps.paths] == ["y.tif", "x.tif"]
    assert list(map(str, open_dated_maps([one, other], ("2019", "2018")).days)) == ["2018-07-01", "2019-07-01"]


def test_a_pattern_that_names_the_bounds_too_means_the_maps(tmp_path, land):
    years(tmp_path, land, count=2)
    maps = open_dated_maps(sorted(tmp_path.glob("*.tif")))
    assert [path.name for path in maps.paths] == ["2019.tif", "2020.tif"]
    assert any("4 layers" in said for said in maps.assumed)


def test_without_bounds_there_is_a_difference_but_no_claim(tmp_path, land):
    facts = change_maps(years(tmp_path, land, planted=2.0, half=None), ChangeSettings(str(tmp_path / "out")))
    assert facts["rule"] is None
    assert "change" not in facts["layers"]
    assert facts["difference"]["share_changed"] is None
    assert facts["persistence"]["monte_carlo"] is None
    assert any("--interval" in said or "interval" in said for said in facts["assumed"])


def test_a_target_without_a_scheme_has_trends_and_classes_only_by_limits(tmp_path, land):
    tags = {**TAGS, "SOILCORE_TARGET": "soc", "SOILCORE_TARGET_FORM": "as-measured"}
    paths = years(tmp_path, land, unit="%", tags=tags)
    facts = change_maps(paths[:2], ChangeSettings(str(tmp_path / "plain")))
    assert (facts["scheme"], facts["areas"], facts["persistence"]) == (None, [], None)
    with pytest.raises(SettingsError, match="made for"):
        change_maps(paths, ChangeSettings(str(tmp_path / "no"), scheme="usda"))
    settings = ChangeSettings(str(tmp_path / "own"), edges=(2, 4, 8), persistence=PersistenceSettings(high_min=2))
    facts = change_maps(paths, settings)
    assert facts["scheme"]["labels"] == ("below 2 %", "2 to 4 %", "4 to 8 %", "8 and more %")
    assert len(facts["areas"]) == 20


def test_what_cannot_be_compared_is_refused_in_words(tmp_path, land):
    base = write_map(tmp_path / "2019.tif", land)
    with pytest.raises(SettingsError, match="1 maps"):
        open_dated_maps([base])
    with pytest.raises(SceneError, match="other pixels"):
        open_dated_maps([base, write_map(tmp_path / "2020.tif", land, cell=30.0)])
    with pytest.raises(SceneError, match="unit"):
        open_dated_maps([base, write_map(tmp_path / "2021.tif", land, unit="g/kg")])
    with pytest.raises(SettingsError, match="2 of the 3 maps"):
        open_dated_maps([base, write_map(tmp_path / "a2022.tif", land), write_map(tmp_path / "b2022.tif", land)], ("2019", "2022", "2022"))
    with pytest.raises(SceneError, match=r"level 0\.9"):
        open_dated_maps([base, base.with_name("a2022.tif")], level=0.5)
    with pytest.raises(SceneError, match="every date"):
        apart = [write_map(tmp_path / "2030.tif", np.where(np.arange(90) < 45, land, np.nan))]
        apart += [write_map(tmp_path / "2031.tif", np.where(np.arange(90) < 45, np.nan, land))]
        change_maps(apart, ChangeSettings(str(tmp_path / "out")))
    assert not (tmp_path / "out").exists()


def test_a_folder_of_somebody_elses_is_never_replaced(tmp_path, land):
    paths = years(tmp_path, land, count=2)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(SettingsError, match="other files"):
        change_maps(paths, ChangeSettings(str(tmp_path / "thesis"), overwrite=True))
    assert (tmp_path / "thesis" / "chapter.txt").exists()


def test_a_stopped_comparison_leaves_nothing(tmp_path, land):
    def stop(done, total, message):
        if done > 0.3 * total:
            raise Stopped

    paths = years(tmp_path, land, count=2)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(Stopped):
        change_maps(paths, ChangeSettings(str(tmp_path / "out"), window=16), report=stop)
    assert sorted(tmp_path.iterdir()) == before


def test_the_joint_interval_is_that_of_zou():
    a, b = (np.array([2.0]), np.array([1.0]), np.array([4.0])), (np.array([6.0]), np.array([3.5]), np.array([9.0]))
    for correlation in (-1.0, 0.0, 0.5):
        half = np.sqrt(2.5**2 + 2.0**2 - 2 * correlation * 2.5 * 2.0)  # below b, above a
        assert beyond_interval(a, b, correlation)[0] == (half < 4.0)
        half = np.sqrt(3.0**2 + 1.0**2 - 2 * correlation * 3.0 * 1.0)  # above b, below a
        assert beyond_interval(b, (b[0] - 4, b[1] - 4, b[2] - 4), correlation)[0] == (np.sqrt(3.0**2 + 2.5**2 - 2 * correlation * 3.0 * 2.5) < 4.0)
    apart = (np.array([10.0]), np.array([4.1]), np.array([12.0]))
    assert beyond_interval(a, apart, -1.0)[0]  # no overlap
    assert not beyond_interval(a, (np.array([10.0]), np.array([3.9]), np.array([12.0])), -1.0)[0]


def test_class_limits_lie_where_quantiles_say():
    value, lower, upper = np.array([3.0]), np.array([1.5]), np.array([9.0])
    from scipy.stats import norm

    for transform in ("none", "log1p", "log10"):
        deviates = limits_in_interval(value, lower, upper, (2.0, 8.0, 30.0), 0.9, transform)
        back = quantiles_of(value, lower, upper, norm.cdf(deviates[:, 0].astype(float)), 0.9, transform)
        np.testing.assert_allclose(back[:, 0], (2.0, 8.0, 30.0), rtol=1e-4)
