"""A folder of dated rasters is one covariate that changes: every place reads the raster of its own date."""

import datetime

import numpy as np
import pytest

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.grids import Window
from soilcore.data.covariates import open_covariates, parse_covariate
from soilcore.data.timeline import Timeline, dated_files, day_of
from tests.engine.rasters import write_raster

DAYS = np.array(["2019-06-02", "2020-01-31", "NaT", "2021-12-31"], "datetime64[D]")


def folder_of(path, values, **options):
    """A folder of constant rasters by file name."""
    path.mkdir(exist_ok=True)
    for name, value in values.items():
        write_raster(path / f"{name}.tif", np.full((20, 30), value, "float32"), **options)
    return str(path)


def test_the_nearest_date_within_the_limit_is_taken_and_the_earlier_of_two():
    dates = tuple(map(datetime.date.fromisoformat, ("2020-01-01", "2020-01-21", "2020-06-01")))
    line = Timeline(dates, "date", 10)
    days = np.array(["2020-01-11", "2020-01-12", "2019-12-22", "2019-12-21", "2020-03-01", "NaT"], "datetime64[D]")
    assert line.pick(days).tolist() == [0, 1, 0, -1, -1, -1]
    assert Timeline(dates, "date", 0).pick(days[:2]).tolist() == [-1, -1]
    assert line.at("2020-05-28", "x") == 2


def test_by_year_the_same_year_is_taken_however_far():
    line = Timeline((datetime.date(2019, 7, 1), datetime.date(2021, 7, 1)), "year", 0)
    assert line.pick(DAYS).tolist() == [0, -1, -1, 1]
    with pytest.raises(SceneError, match=r"nothing of the year 2020. It has 2019, 2021"):
        line.at(2020, "The covariate 'ndvi'")


@pytest.mark.parametrize("value", ["2024-05-01", datetime.date(2024, 5, 1), np.datetime64("2024-05-01"), datetime.datetime(2024, 5, 1, 12)])
def test_a_stated_day_is_understood(value):
    assert day_of(value) == datetime.date(2024, 5, 1)


@pytest.mark.parametrize("value", ["May", "2024-13-01", "", "24", "01.05.2024"])
def test_what_is_no_day_is_refused(value):
    with pytest.raises(SettingsError, match="2024-05-01"):
        day_of(value)


def test_places_read_the_raster_of_their_year(tmp_path):
    stack = open_covariates([parse_covariate(folder_of(tmp_path / "ndvi", {"2019": 1, "ndvi_2020": 2, "2021": 3}))])
    assert stack.names == ("ndvi",) and stack.changing == ("ndvi",) and stack.specs[0].when == "year"
    assert stack.assumed == ("ndvi: 3 rasters by year, 2019, 2020, 2021",)
    x, y = np.full(4, 500005.0), np.full(4, 4999995.0)
    np.testing.assert_array_equal(stack.sample(x, y, days=DAYS)[:, 0], [1, 2, np.nan, 3])
    assert stack.at("2020-12-24").read(Window(0, 0, 2, 2)).tolist() == [[[2, 2], [2, 2]]]
    assert stack.at(2021).assumed[-1] == "ndvi of 2021"


def test_by_date_places_too_far_in_time_are_missing(tmp_path):
    folder = folder_of(tmp_path / "ndvi", {"2019-06-20": 1, "2020-01-01": 2})
    x, y = np.full(4, 500005.0), np.full(4, 4999995.0)
    stack = open_covariates([parse_covariate(folder)])
    np.testing.assert_array_equal(stack.sample(x, y, days=DAYS)[:, 0], [1, 2, np.nan, np.nan])
    near = open_covariates([parse_covariate(folder)], max_days=20)
    np.testing.assert_array_equal(near.sample(x, y, days=DAYS)[:, 0], [1, np.nan, np.nan, np.nan])
    with pytest.raises(
        SceneError,
        match=r"'ndvi' has nothing within 20 days of 2020-03-01; the nearest is 60 days away. It has 2019-06-20, 2020-01-01.*--date.*--max-days",
    ):
        near.at("2020-03-01")


def test_without_a_date_what_changes_is_refused_and_the_dates_named(tmp_path):
    stack = open_covariates([parse_covariate(folder_of(tmp_path / "ndvi", {"2019": 1, "2020": 2}))])
    with pytest.raises(SettingsError, match=r"'ndvi' changes with time.*--date; there are 2019, 2020"), stack.reader():
        pass
    with pytest.raises(SettingsError, match="every place needs a date"):
        stack.sample([500005.0], [4999995.0])


def test_static_and_changing_covariates_keep_their_order(tmp_path):
    first = write_raster(tmp_path / "a.tif", np.full((20, 30), 7, "float32"))
    last = write_raster(tmp_path / "z.tif", np.full((20, 30), 9, "float32"))
    folder = folder_of(tmp_path / "m", {"2019": 1, "2020": 2})
    stack = open_covariates([parse_covariate(path) for path in (first, folder, last)])
    assert stack.names == ("a", "m", "z")
    assert stack.sample([500005.0], [4999995.0], days=DAYS[:1]).tolist() == [[7, 1, 9]]
    assert stack.at(2020).read(Window(0, 0, 1, 1)).ravel().tolist() == [7, 2, 9]


def test_rasters_of_a_folder_may_have_grids_of_their_own(tmp_path):
    folder = tmp_path / "wet"
    folder_of(folder, {"2019": 1})
    write_raster(folder / "2020.tif", np.full((10, 10), 2, "float32"), cell=40.0, origin=(499980.0, 5000020.0))
    grid = open_covariates([parse_covariate(write_raster(tmp_path / "grid.tif", np.ones((20, 30), "float32")))]).grid
    stack = open_covariates([parse_covariate(str(folder))], grid)
    assert stack.assumed[1] == "1 of the 2 rasters in wet laid onto the grid of the map (bilinear)"
    x, y = np.array([500005.0, 500295.0]), np.array([4999995.0, 4999805.0])
    for day, value in (("2019-03-03", 1), ("2020-03-03", 2)):
        sampled = stack.sample(x, y, days=np.array([day, day], "datetime64[D]"))
        window = stack.at(day).read(Window(0, 0, 20, 30))[0]
        np.testing.assert_array_equal(sampled[:, 0], [window[0, 0], window[19, 29]])
        assert sampled[0, 0] == value


def test_classes_of_all_dates_are_listed(tmp_path):
    folder = tmp_path / "cover"
    folder.mkdir()
    for year, codes in ((2019, (1, 5)), (2020, (5, 9))):
        write_raster(folder / f"{year}.tif", np.resize(np.array(codes, "uint8"), (6, 6)))
    assert open_covariates([parse_covariate(f"{folder}:categorical")]).categories("cover") == (1, 5, 9)


def test_a_folder_that_changed_has_another_fingerprint(tmp_path):
    folder = folder_of(tmp_path / "ndvi", {"2019": 1, "2020": 2})
    before = open_covariates([parse_covariate(folder)]).fingerprint
    assert open_covariates([parse_covariate(folder)]).fingerprint == before
    folder_of(tmp_path / "ndvi", {"2020": 3})
    assert open_covariates([parse_covariate(folder)]).fingerprint != before


def test_tags_date_a_raster_whose_name_does_not(tmp_path):
    folder = tmp_path / "ndvi"
    folder.mkdir()
    for name, day in (("first", "2020:03:01 10:00:00"), ("second", "2020-06-01")):
        write_raster(folder / f"{name}.tif", np.ones((4, 4), "float32"), tags={"ACQUISITION_DATE": day})
    files, days, when, _ = dated_files(folder)
    assert [path.stem for path in files] == ["first", "second"] and when == "date"
    assert days == (datetime.date(2020, 3, 1), datetime.date(2020, 6, 1))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "folder without rasters"),
        (("2019", "dem"), r"1 of the 2 rasters.*state no date.*'dem.tif'"),
        (("2019", "2020-05-01"), r"dated in several ways.*Name all of them by year, or all by date"),
        (("a_2019", "b_2019"), "of the same date: 'a_2019.tif' and 'b_2019.tif'"),
    ],
)
def test_a_folder_that_cannot_be_dated_is_refused(tmp_path, names, message):
    folder = folder_of(tmp_path / "ndvi", dict.fromkeys(names, 1))
    with pytest.raises(SceneError, match=message):
        open_covariates([parse_covariate(folder)])


def test_rasters_of_different_bands_or_units_are_refused(tmp_path):
    folder = tmp_path / "soil"
    folder.mkdir()
    write_raster(folder / "2019.tif", np.ones((2, 4, 4), "float32"), names=("sand", "clay"))
    write_raster(folder / "2020.tif", np.ones((2, 4, 4), "float32"), names=("sand", "silt"))
    with pytest.raises(SceneError, match=r"not of one kind: '2019.tif' holds sand, clay; '2020.tif' holds sand, silt"):
        open_covariates([parse_covariate(str(folder))])


def test_a_folder_of_stacks_gives_one_changing_covariate_per_band(tmp_path):
    folder = tmp_path / "soil"
    folder.mkdir()
    for year in (2019, 2020):
        write_raster(folder / f"{year}.tif", np.stack([np.full((4, 4), year + k, "float32") for k in (0, 0.5)]), names=("sand", "clay"))
    stack = open_covariates([parse_covariate(str(folder))])
    assert stack.changing == ("sand", "clay")
    assert stack.sample([500005.0], [4999995.0], days=np.array(["2020-01-01"], "datetime64[D]")).tolist() == [[2020, 2020.5]]


def test_the_unit_a_file_states_is_recorded(tmp_path):
    import rasterio

    path = write_raster(tmp_path / "dem.tif", np.ones((4, 4), "float32"))
    with rasterio.open(path, "r+") as dataset:
        dataset.units = ("m",)
    assert open_covariates([parse_covariate(path)]).specs[0].unit == "m"


def test_a_negative_limit_of_days_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="--max-days -1"):
        open_covariates([parse_covariate(folder_of(tmp_path / "ndvi", {"2019": 1}))], max_days=-1)


def test_composites_named_by_day_of_year_are_a_covariate_by_date(tmp_path):
    folder = folder_of(tmp_path / "ndvi", {"MOD13Q1_2016_001": 1, "MOD13Q1_2016_017": 2})
    stack = open_covariates([parse_covariate(folder)])
    assert stack.assumed == ("ndvi: 2 rasters by date, 2016-01-01, 2016-01-17",)
    assert stack.at("2016-01-20").read(Window(0, 0, 1, 1)).ravel().tolist() == [2]


def test_a_tag_of_acquisition_goes_before_the_name_and_this_is_said(tmp_path):
    folder = tmp_path / "wet"
    folder.mkdir()
    write_raster(folder / "2020-06-01.tif", np.ones((4, 4), "float32"), tags={"ACQUISITION_DATE": "2020-06-03"})
    assert dated_files(folder)[1:] == (
        (datetime.date(2020, 6, 3),),
        "date",
        "by date (2020-06-01.tif: called by 2020-06-01, but its tags say 2020-06-03, which counts)",
    )


def test_a_year_stands_once_in_a_folder_whatever_day_the_tags_say(tmp_path):
    folder = tmp_path / "wet"
    folder.mkdir()
    write_raster(folder / "2020.tif", np.ones((4, 4), "float32"), tags={"ACQUISITION_DATE": "2020-06-03"})
    write_raster(folder / "wet_2020.tif", np.ones((4, 4), "float32"))
    with pytest.raises(SceneError, match=r"of the same date: '2020\.tif' and 'wet_2020\.tif'"):
        dated_files(folder)
