"""Monthly climate: whatever the form of the files, samples and pixels get the same months in the same units, and gaps are said."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from pyproj import CRS
from rasterio.transform import from_origin

from soilcore.core.errors import SampleError, SceneError, SettingsError, UnreadableError
from soilcore.core.grids import Grid, Window
from soilcore.core.tables import load_table
from soilcore.data.climate import open_climate
from soilcore.data.climate_variables import variable_of
from soilcore.data.climate_wide import month_of
from soilcore.data.landscape_climate import monthly_climate
from tests.engine.cubes import degrees, write_cube

VARIABLES = tuple(load_table("terraclimate")["variables"])
MONTHS = pd.period_range("2010-01", "2015-01", freq="M")  # 61
PLACES = 8


@pytest.fixture(scope="module")
def weather():
    """Truth: by variable, (places, months), as many digits as files below hold."""
    series = monthly_climate(np.linspace(37.0, 38.0, PLACES), 61, seed=1)
    return {name: values.round(4) for name, values in series.items()}


def places():
    return pd.DataFrame({"id": [f"S{k:02d}" for k in range(PLACES)], "lon": 118.0 + 0.1 * np.arange(PLACES), "lat": np.linspace(37.0, 38.0, PLACES)})


def write_wide(folder, weather, months=MONTHS, keys=("id", "lon", "lat"), **changed):
    folder.mkdir(exist_ok=True)
    for name, values in (weather | changed).items():
        pd.concat([places()[list(keys)], pd.DataFrame(values, columns=months.astype(str))], axis=1).to_csv(folder / f"{name}.csv", index=False)
    return folder


def stacked(weather):
    return np.stack([weather[name] for name in VARIABLES], axis=2)


def long_table(weather, variables=VARIABLES):
    table = places().loc[np.repeat(np.arange(PLACES), len(MONTHS))].reset_index(drop=True)
    table["date"] = np.tile(MONTHS.astype(str), PLACES)
    for name in variables:
        table[name] = weather[name].ravel()
    return table


def cube_of(weather, names=VARIABLES):
    """The places as one column of cells."""
    times = MONTHS.to_timestamp().to_numpy()
    lat = 37.0 + 0.125 * np.arange(PLACES)[::-1]
    layers = []
    for name in names:
        values = np.repeat(weather[name].T[:, ::-1, None], 2, axis=2)
        layers.append(degrees(values, name, lon=[118.0, 118.125], lat=lat, times=times, units=load_table("terraclimate")["variables"][name]["unit"]))
    return xr.merge(layers, compat="override")


def sequence(climate, **named):
    table = places()
    return climate.sequence(table.lon, table.lat, "EPSG:4326", **named)


def test_tables_long_files_and_cubes_give_the_same_61_months_of_14_variables(weather, tmp_path):
    truth = stacked(weather)
    wide = open_climate(write_wide(tmp_path / "wide", weather))
    shuffled = long_table(weather).sample(frac=1, random_state=0)
    shuffled.to_csv(tmp_path / "long.csv", index=False)
    apart = shuffled.assign(year=shuffled.date.str[:4].astype(int), month=shuffled.date.str[5:].astype(int)).drop(columns="date")
    apart.to_csv(tmp_path / "apart.csv", index=False)
    named = apart.assign(month=apart.month.map(lambda number: MONTHS[number - 1].strftime("%B")))
    named.to_csv(tmp_path / "named.csv", index=False)
    shuffled.melt(["id", "lon", "lat", "date"], var_name="variable").to_csv(tmp_path / "molten.csv", index=False)
    for name in ("wide", "long.csv", "apart.csv", "named.csv", "molten.csv"):
        climate = open_climate(tmp_path / name)
        assert climate.variables == VARIABLES
        assert climate.months[0] == np.datetime64("2010-01")
        values, valid = sequence(climate)
        assert valid.all()
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, truth, atol=1e-4)
    climate = open_climate(write_cube(tmp_path / "cube", cube_of(weather)))
    values, _ = climate.sequence(np.full(PLACES, 118.0), 37.0 + 0.125 * np.arange(PLACES), 4326)
    np.testing.assert_allclose(values, truth, atol=1e-4)
    assert wide.units["tmmx"] == "degC"


def test_water_is_neither_made_nor_lost_on_the_way(weather, tmp_path):
    values, _ = sequence(open_climate(write_wide(tmp_path / "c", weather)))
    part = {name: values[..., k].astype(float) for k, name in enumerate(VARIABLES)}
    assert (part["aet"] <= part["pet"] + 1e-3).all()
    np.testing.assert_allclose(part["def"], part["pet"] - part["aet"], atol=2e-3)
    stored = np.diff(part["soil"] + part["swe"], axis=1)
    np.testing.assert_allclose(part["pr"][:, 1:], part["aet"][:, 1:] + part["ro"][:, 1:] + stored, atol=2e-3)


def test_a_sample_has_the_months_up_to_its_own_date(weather, tmp_path):
    climate = open_climate(write_wide(tmp_path / "c", weather))
    days = np.full(PLACES, np.datetime64("2014-06-17"))
    days[3] = np.datetime64("NaT")
    values, valid = sequence(climate, days=days, months=12, variables=["pr", "tmmx"])
    assert valid.tolist() == [k != 3 for k in range(PLACES)]
    last = list(MONTHS.astype(str)).index("2014-06")
    np.testing.assert_allclose(values[0, :, 0], weather["pr"][0, last - 11 : last + 1], atol=1e-4)
    assert np.isnan(values[3]).all()
    with pytest.raises(SettingsError, match="'rain'"):
        sequence(climate, variables=["rain"])
    with pytest.raises(SettingsError, match="0 months"):
        sequence(climate, months=0)


def test_samples_are_joined_by_id_before_place_and_by_place_where_no_id_fits(weather, tmp_path):
    climate = open_climate(write_wide(tmp_path / "c", weather))
    truth = stacked(weather)
    values, _ = climate.sequence(ids=["S03", "S00"])
    np.testing.assert_allclose(values, truth[[3, 0]], atol=1e-4)
    notes = []
    table = places().iloc[[5, 6]]
    values, valid = climate.sequence(table.lon, table.lat, 4326, ids=["S01", "unknown"], notes=notes)
    assert valid.all()
    np.testing.assert_allclose(values, truth[[1, 6]], atol=1e-4)
    assert any("unknown" in note for note in notes)
    with pytest.raises(SampleError, match=r"None of the samples' ids.*X1.*S00"):
        climate.sequence(ids=["X1", "X2"])
    with pytest.raises(SampleError, match="lon and lat"):
        climate.sequence()


def test_ids_are_the_same_however_a_file_writes_them(weather, tmp_path):
    folder = tmp_path / "c"
    folder.mkdir()
    for name in ("pr", "tmmx"):
        table = pd.DataFrame(weather[name], columns=MONTHS.astype(str))
        table.insert(0, "id", [f"{k:03d}" for k in range(PLACES)])
        table.to_csv(folder / f"{name}.csv", index=False)
    values, _ = open_climate(folder).sequence(ids=np.array([2.0, 7.0]))
    np.testing.assert_allclose(values[..., 0], weather["pr"][[2, 7]], atol=1e-4)


def test_a_place_too_far_away_has_no_climate(weather, tmp_path):
    climate = open_climate(write_wide(tmp_path / "c", weather))
    _, valid = climate.sequence([118.0, 118.0, np.nan], [37.1, 39.0, 37.0], 4326)
    assert valid.tolist() == [True, False, False]
    with pytest.raises(SampleError, match="other ground"):
        climate.sequence([10.0], [50.0], 4326)
    assert any("25 km" in text for text in climate.assumed)


def test_missing_months_are_filled_with_the_mean_of_their_calendar_month_and_said(weather, tmp_path):
    gappy = weather["pr"].copy()
    gappy[2, 30] = np.nan  # July 2012
    without = [k for k, month in enumerate(MONTHS) if str(month) != "2013-05"]
    kept = {name: values[:, without] for name, values in (weather | {"pr": gappy}).items()}
    climate = open_climate(write_wide(tmp_path / "c", kept, MONTHS[without]))
    notes = []
    values, valid = sequence(climate, notes=notes)
    assert valid.all()
    july, may = np.arange(6, 61, 12), np.arange(4, 61, 12)
    first = VARIABLES.index("pr")
    np.testing.assert_allclose(values[2, 30, first], weather["pr"][2, july[july != 30]].mean(), rtol=1e-5)
    np.testing.assert_allclose(values[0, 40, 0], weather["aet"][0, may[may != 40]].mean(), rtol=1e-5)
    assert any("filled" in note for note in notes)
    assert any(finding.code == "climate-months-missing" and "2013-05" in finding.message for finding in climate.findings)


def test_a_sample_without_a_fifth_of_its_months_is_not_valid(weather, tmp_path):
    holes = {name: values.copy() for name, values in weather.items()}
    for values in holes.values():
        values[4, :20] = np.nan
    climate = open_climate(write_wide(tmp_path / "c", holes))
    values, valid = sequence(climate)
    assert valid.tolist() == [k != 4 for k in range(PLACES)]
    assert np.isnan(values[4]).all()
    with pytest.raises(SampleError, match=r"2019-03 to 2019-03.*2010-01 to 2015-01"):
        sequence(climate, days=np.full(PLACES, np.datetime64("2019-03-02")))
    assert np.isnan(climate.sample(places().lon, places().lat, 4326, days=np.full(PLACES, np.datetime64("2019-03-02")))).all()


def test_summaries_are_means_and_deviations_of_the_months_before_the_date(weather, tmp_path):
    climate = open_climate(write_wide(tmp_path / "c", weather))
    assert climate.names[:4] == ("aet_mean", "aet_sd", "def_mean", "def_sd")
    table = places()
    found = climate.sample(table.lon, table.lat, 4326, days=np.full(PLACES, np.datetime64("2014-12-31")), months=6)
    np.testing.assert_allclose(found[:, 0], weather["aet"][:, 54:60].mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(found[:, 1], weather["aet"][:, 54:60].std(axis=1), rtol=1e-4)
    static = climate.sample(table.lon, table.lat, 4326)
    np.testing.assert_allclose(static[:, 0], weather["aet"].mean(axis=1), rtol=1e-5)


def map_of_places():
    return Grid(70, 90, from_origin(118.0, 37.6, 0.008, 0.008), CRS.from_epsg(4326))


@pytest.mark.parametrize("form", ["tables", "netcdf4", "zarr2"])
@pytest.mark.parametrize("day", [None, "2013-04-09"])
def test_a_pixel_has_what_a_sample_at_its_centre_has(form, day, weather, tmp_path):
    few = {name: weather[name] for name in ("pr", "tmmx")}
    climate = open_climate(write_wide(tmp_path / "c", few) if form == "tables" else write_cube(tmp_path / "c", cube_of(weather, list(few)), form))
    grid = map_of_places()
    with climate.layers(grid, day).reader() as reader:
        every = reader.read(Window(0, 0, 70, 90))
        np.testing.assert_array_equal(reader.read(Window(13, 50, 9, 21)), every[:, 13:22, 50:71])
    with climate.layers(grid, day).reader() as reader:
        np.testing.assert_array_equal(reader.read(Window(13, 50, 9, 21)), every[:, 13:22, 50:71])
    rows, cols = np.random.default_rng(0).integers(0, 70, 40), np.random.default_rng(1).integers(0, 90, 40)
    x, y = 118.0 + 0.008 * (cols + 0.5), 37.6 - 0.008 * (rows + 0.5)
    days = None if day is None else np.full(40, np.datetime64(day))
    np.testing.assert_array_equal(climate.sample(x, y, 4326, days=days).T, every[:, rows, cols].astype(float))
    assert np.unique(every[0][np.isfinite(every[0])]).size > 2


def test_tables_with_ids_alone_serve_samples_and_after_being_placed_pixels(weather, tmp_path):
    climate = open_climate(write_wide(tmp_path / "c", {"pr": weather["pr"]}, keys=("id",)))
    table = places()
    by_id = climate.sample(table.lon, table.lat, 4326, ids=table.id)
    np.testing.assert_allclose(by_id[:, 0], weather["pr"].mean(axis=1), rtol=1e-5)
    with pytest.raises(SampleError, match="pixels have no ids"):
        climate.layers(map_of_places())
    placed = climate.placed(table.id, table.lon, table.lat, "EPSG:4326")
    np.testing.assert_array_equal(placed.sample(table.lon, table.lat, 4326), by_id)
    with placed.layers(map_of_places()).reader() as reader:
        assert np.isfinite(reader.read(Window(45, 10, 10, 10))).all()


def test_one_series_serves_every_place(weather, tmp_path):
    pd.DataFrame({"date": MONTHS.astype(str), "pr": weather["pr"][0], "tmmx": weather["tmmx"][0]}).to_csv(tmp_path / "farm.csv", index=False)
    climate = open_climate(tmp_path / "farm.csv")
    values, valid = sequence(climate)
    assert valid.all()
    np.testing.assert_allclose(values[5, :, 0], weather["pr"][0], atol=1e-4)
    with climate.layers(map_of_places()).reader() as reader:
        np.testing.assert_allclose(reader.read(Window(3, 3, 2, 2))[0], weather["pr"][0].mean(), rtol=1e-5)


def test_whole_numbers_of_earth_engine_are_scaled_and_it_is_said(weather, tmp_path):
    table = load_table("terraclimate")["variables"]
    stored = {name: np.round(values / table[name]["scale"]) for name, values in weather.items()}
    climate = open_climate(write_wide(tmp_path / "c", stored))
    values, _ = sequence(climate)
    for k, name in enumerate(VARIABLES):
        np.testing.assert_allclose(values[..., k], weather[name], atol=0.51 * table[name]["scale"] + 1e-4)
    said = next(text for text in climate.assumed if "scale factors" in text)
    assert "tmmx x0.1" in said
    assert "pr x" not in said


def test_kelvin_is_understood_and_impossible_numbers_are_refused(weather, tmp_path):
    climate = open_climate(write_wide(tmp_path / "k", {"tmmx": weather["tmmx"] + 273.15}))
    np.testing.assert_allclose(sequence(climate)[0][..., 0], weather["tmmx"], atol=1e-3)
    assert any("kelvin" in text for text in climate.assumed)
    with pytest.raises(SampleError, match=r"tmmx runs from .* impossible in degC"):
        open_climate(write_wide(tmp_path / "bad", {"tmmx": 5000.5 + weather["tmmx"]}))
    odd = weather["pr"].copy()
    odd[0, :2] = -77.0
    climate = open_climate(write_wide(tmp_path / "odd", {"pr": odd}))
    assert any(finding.code == "climate-impossible" and "2 values of pr" in finding.message for finding in climate.findings)
    assert sequence(climate)[1].all()


def test_whole_numbers_that_could_be_either_are_taken_as_they_are_with_a_warning(weather, tmp_path):
    climate = open_climate(write_wide(tmp_path / "c", {"aet": np.round(weather["aet"])}))
    np.testing.assert_allclose(sequence(climate)[0][..., 0], np.round(weather["aet"]))
    assert any(finding.code == "climate-scale-open" for finding in climate.findings)


def test_an_export_with_shuffled_months_and_999_for_zero_is_read(weather, tmp_path):
    table = load_table("terraclimate")["variables"]
    order = np.random.default_rng(0).permutation(61)
    folder = tmp_path / "export"
    folder.mkdir()
    rows = np.arange(400) % PLACES
    for name in ("swe", "tmmn", "tmmx"):
        stored = np.round(weather[name] / table[name]["scale"])[rows] + (np.arange(400) // PLACES)[:, None] * (name != "swe")
        if name == "swe":
            stored = np.round(weather[name])[rows]
            stored[:, 0], stored[:, 1] = 1, 2
        stored[stored == 0] = -999
        if name == "tmmn":
            stored[7] = -999  # a row at sea
        frame = pd.DataFrame(stored[:, order], columns=[f"{month.year}{month.month:02d}01" for month in MONTHS[order]])
        frame["system:index"] = [f"{k:020x}" for k in range(400)]
        frame["rcasiteid"] = [f"A{k:04d}P" for k in range(400)]
        frame["OC"] = 23.4
        frame[".geo"] = '{"type":"MultiPoint","coordinates":[]}'
        frame.to_csv(folder / f"RaCA_{name}.csv", index=False)
    climate = open_climate(folder)
    assert climate.variables == ("swe", "tmmn", "tmmx")
    assert climate.months.tolist() == MONTHS.to_timestamp().to_numpy().astype("datetime64[M]").tolist()
    notes = []
    values, valid = climate.sequence(ids=[f"A{k:04d}P" for k in range(400)], notes=notes)
    assert valid.sum() == 399
    assert not valid[7]
    np.testing.assert_allclose(values[0, 2:, 0], np.round(weather["swe"][0, 2:]), atol=1e-4)
    np.testing.assert_allclose(values[0, :, 2], weather["tmmx"][0], atol=0.06)
    assert any("-999 is read as 0 in swe" in text for text in climate.assumed)
    assert any("rcasiteid" in note for note in notes)


def test_points_that_earth_engine_wrote_serve_as_places(weather, tmp_path):
    table = pd.DataFrame(weather["pr"], columns=[f"pr_{month}" for month in MONTHS])
    table[".geo"] = [f'{{"type":"Point","coordinates":[{row.lon},{row.lat}]}}' for row in places().itertuples()]
    table.to_csv(tmp_path / "export.csv", index=False)
    np.testing.assert_allclose(sequence(open_climate(tmp_path / "export.csv"))[0][..., 0], weather["pr"], atol=1e-4)


def terraclimate_year(name, year, weather, sea=True):
    """One file as TerraClimate gives it: packed int16, latitude falling, cells of a 24th of a degree, its own names."""
    own = {"ppt": "pr", "tmax": "tmmx", "PDSI": "pdsi"}[name]
    at = [k for k, month in enumerate(MONTHS) if month.year == year]
    values = np.full((len(at), 12, 14), np.nan)
    values[:, 3:9, 4:10] = weather[own][:6, at].T[:, :, None] + np.zeros((1, 1, 6))
    if sea:
        values[:, 5, 5:7] = np.nan
    lat, lon = 38.0 - (np.arange(12) + 0.5) / 24, 118.0 + (np.arange(14) + 0.5) / 24
    times = MONTHS[at].to_timestamp().to_numpy()
    return degrees(values, name, lon=lon, lat=lat, times=times, units={"pr": "mm", "tmmx": "degC", "pdsi": "unitless"}[own])


def test_files_of_terraclimate_by_variable_and_year_are_one_climate(weather, tmp_path):
    folder = tmp_path / "terraclimate"
    folder.mkdir()
    scales = {"ppt": 0.1, "tmax": 0.01, "PDSI": 0.01}
    for name, scale in scales.items():
        for year in range(2010, 2015):
            packed = {"dtype": "int16", "scale_factor": scale, "_FillValue": -32768}
            write_cube(
                folder / f"TerraClimate_{name}_{year}", terraclimate_year(name, year, weather), "netcdf4" if year % 2 else "netcdf3", **{name: packed}
            )
    climate = open_climate(folder)
    assert climate.variables == ("pdsi", "pr", "tmmx")
    assert climate.months.size == 60
    lon, lat = 118.0 + 4.5 / 24, 38.0 - (np.arange(3, 9) + 0.5) / 24
    values, valid = climate.sequence(np.full(6, lon), lat, 4326, months=60)
    assert valid.all()
    np.testing.assert_allclose(values[..., 1], weather["pr"][:6, :60], atol=0.051)
    np.testing.assert_allclose(values[..., 2], weather["tmmx"][:6, :60], atol=0.0051)
    assert not any("scale factors" in text for text in climate.assumed)


def test_cells_at_sea_have_the_climate_of_the_nearest_within_two(weather, tmp_path):
    path = write_cube(tmp_path / "ppt", terraclimate_year("ppt", 2012, weather))
    climate = open_climate(path)
    rows, cols = np.array([5, 5, 1, 0, 11]), np.array([5, 4, 6, 6, 13])
    found = climate.sample(118.0 + (cols + 0.5) / 24, 38.0 - (rows + 0.5) / 24, 4326)[:, 0]
    expected = weather["pr"][:, 24:36].mean(axis=1)
    np.testing.assert_allclose(found[:3], expected[[1, 2, 0]], atol=0.05)  # the cell at sea takes its northern neighbour
    assert np.isnan(found[3:]).all()
    with pytest.raises(SampleError, match="sea, or a gap"):
        climate.sequence([118.0 + 13.5 / 24], [38.0 - 11.5 / 24], 4326, months=12)


@pytest.mark.parametrize("kind", ["netcdf4", "netcdf3", "zarr2"])
def test_points_selected_from_a_cube_are_places(kind, weather, tmp_path):
    table = places()
    coords = {
        "time": MONTHS.to_timestamp().to_numpy(),
        "lat": ("points", table.lat),
        "lon": ("points", table.lon),
        "sample_id": ("points", np.arange(PLACES)),
    }
    values = {"ppt": (("time", "points"), weather["pr"].T), "tmax": (("points", "time"), weather["tmmx"])}
    path = write_cube(tmp_path / "points", xr.Dataset(values, coords=coords), kind, tmax={"dtype": "int16", "scale_factor": 0.01, "_FillValue": -1})
    climate = open_climate(path)
    assert climate.variables == ("pr", "tmmx")
    found, valid = sequence(climate)
    assert valid.all()
    np.testing.assert_allclose(found[..., 0], weather["pr"], atol=1e-4)
    np.testing.assert_allclose(found[..., 1], weather["tmmx"], atol=0.0051)
    np.testing.assert_array_equal(climate.sequence(ids=[3, 5])[0], found[[3, 5]])


def test_months_given_twice_are_said_and_the_first_counts(weather, tmp_path):
    table = long_table(weather, ["pr"])
    pd.concat([table, table.iloc[[5]].assign(pr=77.0)]).to_csv(tmp_path / "twice.csv", index=False)
    climate = open_climate(tmp_path / "twice.csv")
    assert any(finding.code == "climate-month-twice" and "2010-06" in finding.message for finding in climate.findings)
    np.testing.assert_allclose(sequence(climate)[0][..., 0], weather["pr"], atol=1e-4)


def test_decimal_commas_are_read(weather, tmp_path):
    table = places()[["id"]].join(pd.DataFrame(weather["tmmx"], columns=MONTHS.astype(str)))
    table.to_csv(tmp_path / "tmmx.csv", index=False, sep=";", decimal=",")
    values, _ = open_climate(tmp_path / "tmmx.csv").sequence(ids=places().id)
    np.testing.assert_allclose(values[..., 0], weather["tmmx"], atol=1e-4)


def test_variables_beyond_terraclimate_are_kept_and_named(weather, tmp_path):
    climate = open_climate(write_wide(tmp_path / "c", {"pr": weather["pr"], "ndvi": weather["vs"]}))
    assert climate.variables == ("pr", "ndvi")
    assert any(finding.code == "climate-variable-unknown" and "ndvi" in finding.message for finding in climate.findings)
    assert any("without aet" in text for text in climate.assumed)
    assert sequence(climate)[0].shape == (PLACES, 61, 1)
    assert sequence(climate, variables=["ndvi"])[0].shape == (PLACES, 61, 1)


def test_a_table_beside_the_climate_is_left_out_and_named(weather, tmp_path):
    folder = write_wide(tmp_path / "c", {"pr": weather["pr"]})
    places().assign(soc=1.5).to_csv(folder / "samples.csv", index=False)
    climate = open_climate(folder)
    assert climate.variables == ("pr",)
    assert any(finding.code == "climate-file-skipped" and "samples.csv" in finding.message for finding in climate.findings)


def test_what_cannot_be_monthly_climate_is_refused_in_words(weather, tmp_path):
    table = places()
    table.assign(year=2015, pr=3.0).to_csv(tmp_path / "yearly.csv", index=False)
    table.assign(date="2015-03", ph=7.0).to_csv(tmp_path / "ph.csv", index=False)
    text = table.join(pd.DataFrame(weather["pr"][:, :2].astype(object), columns=["2010-01", "2010-02"]))
    text.loc[1:, "2010-02"] = "dry"
    text.to_csv(tmp_path / "pr.csv", index=False)
    pd.DataFrame({"2010-01": [1.0, 2.0], "2010-02": [3.0, 4.0]}).to_csv(tmp_path / "rain.csv", index=False)
    table.assign(date="2010-01", pr=np.nan).to_csv(tmp_path / "void.csv", index=False)
    days = np.arange("2010-01-01", "2010-03-01", dtype="datetime64[D]")
    write_cube(tmp_path / "daily", degrees(np.ones((days.size, 3, 4)), "pr", times=days))
    write_cube(tmp_path / "untimed", degrees(np.ones((3, 4)), "pr"))
    (tmp_path / "empty").mkdir()
    cases = {
        "yearly.csv": (SampleError, "no months"),
        "ph.csv": (SampleError, "climate variable"),
        "pr.csv": (SampleError, "holds text, for example 'dry'"),
        "rain.csv": (SampleError, "neither ids nor coordinates"),
        "void.csv": (SampleError, "no values"),
        "daily.nc": (SampleError, "not monthly"),
        "untimed.nc": (SampleError, "without time"),
        "empty": (UnreadableError, "no climate tables"),
        "absent": (UnreadableError, "There is no"),
    }
    for name, (kind, words) in cases.items():
        with pytest.raises(kind, match=words):
            open_climate(tmp_path / name)


def test_files_that_do_not_fit_together_are_refused(weather, tmp_path):
    folder = write_wide(tmp_path / "c", {"pr": weather["pr"]}, keys=("id",))
    pd.DataFrame({"lon": [1.0], "lat": [2.0], "2010-01": [3.0]}).to_csv(folder / "tmmx.csv", index=False)
    with pytest.raises(SampleError, match="cannot be joined"):
        open_climate(folder)
    cubes = tmp_path / "n"
    cubes.mkdir()
    write_cube(cubes / "ppt", terraclimate_year("ppt", 2012, weather))
    write_cube(cubes / "pr_other", cube_of(weather, ["pr"]))
    with pytest.raises(SceneError, match="different grids"):
        open_climate(cubes)


@pytest.mark.parametrize(
    ("text", "month"),
    [
        ("2020-03", "2020-03"),
        ("202003", "2020-03"),
        ("20200301", "2020-03"),
        ("pr_2020_3", "2020-03"),
        ("X2020.03.01", "2020-03"),
        ("Mar 2020", "2020-03"),
        ("2020-Dec", "2020-12"),
        ("03/2020", "2020-03"),
        ("43582826", None),
        ("SOCstock100", None),
        ("2020", None),
        ("2020-13", None),
    ],
)
def test_months_are_found_in_column_names(text, month):
    assert month_of(text) == (None if month is None else np.datetime64(month, "M"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ppt", "pr"),
        ("PDSI", "pdsi"),
        ("TerraClimate_tmax_2015", "tmmx"),
        ("Climate_soil_", "soil"),
        ("RaCA_tmmn", "tmmn"),
        ("pr (mm)", "pr"),
        ("q", "ro"),
        ("ws", "vs"),
        ("tmin", "tmmn"),
        ("OC", None),
        ("TN", None),
        ("elevation", None),
    ],
)
def test_variables_are_known_by_their_names_and_aliases(text, name):
    assert variable_of(text) == name


def test_the_climate_of_the_synthetic_coast_is_read_whole(demo):
    climate = open_climate(demo / "climate")
    samples = pd.read_csv(demo / "samples.csv")
    values, valid = climate.sequence(samples.lon, samples.lat, 4326, ids=samples.id, days=samples.date.to_numpy("datetime64[D]"))
    assert values.shape == (len(samples), 61, 14)
    assert valid.all()
    assert not climate.findings
    assert len(climate.fingerprint) == 64
