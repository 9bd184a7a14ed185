"""Names and tags tell when a raster is of, by one rule."""

import datetime

import pytest

from soilcore.data.raster_dates import date_in, day_in, raster_date, said_notes


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("2019", ("2019-07-01", "year")),
        ("ndvi_2019", ("2019-07-01", "year")),
        ("ndvi2019", ("2019-07-01", "year")),
        ("2019-05-01", ("2019-05-01", "day")),
        ("x_20190501", ("2019-05-01", "day")),
        ("S2A_20190501T103021_B04", ("2019-05-01", "day")),
        ("20190501103021", ("2019-05-01", "day")),
        ("2025:03:17 02:50:00", ("2025-03-17", "day")),
        ("2019-5-1", ("2019-05-01", "day")),
        ("2019_05_01_v2", ("2019-05-01", "day")),
        ("ndvi_2019-05", ("2019-05-15", "month")),
        ("rain_201905", ("2019-05-15", "month")),
        ("landsat_2000m_2019", ("2019-07-01", "year")),
        ("ndvi_2019_250m", ("2019-07-01", "year")),
        ("MOD13Q1_NDVI_2016_001", ("2016-01-01", "day")),
        ("MOD13Q1_2016_001_2016_016", ("2016-01-08", "day")),
        ("MOD13Q1.A2016353.h19v03", ("2016-12-18", "day")),
        ("MOD13Q1.A2015001.h19v03.006.2015101100543", ("2015-01-01", "day")),
        ("HLS.S30.T10SEH.2020214T190931.v2.0.B04", ("2020-08-01", "day")),
        ("ndvi_landsat.ard1_p50_30m_s_20141202_20150320_nl_epsg.3035_v20230720", ("2015-01-25", "day")),
        ("ndvi_20190501_v20230720", ("2019-05-01", "day")),
        ("2019-05-01_2019-05-16", ("2019-05-08", "day")),
        ("T33TVM_20220101T103421_NDVI", ("2022-01-01", "day")),
        ("LC08_L2SP_001002_20220101_20220110_02_T1_NDVI", ("2022-01-01", "day")),
        ("S2A_MSIL2A_20220101T103421_N0510_R108_T31UFU_20220103T140000", ("2022-01-01", "day")),
        ("2019_2020", None),
        ("2015-05-01_2019-05-16", None),
        ("2019-02-30", None),
        ("MOD13_2015_366", None),
        ("ndvi_2019_000", ("2019-07-01", "year")),
        ("dem", None),
        ("tile_31_42", None),
        ("120190501", None),
        ("none_1234567890", None),
    ],
)
def test_a_name_tells_its_day_month_or_year(name, told):
    expected = None if told is None else (datetime.date.fromisoformat(told[0]), told[1])
    assert date_in(name) == expected
    assert day_in(name) == (expected[0] if told and told[1] == "day" else None)


@pytest.mark.parametrize(
    ("name", "tags", "day", "kind"),
    [
        ("a_2021-05-01", {"ACQUISITION_DATE": "2021-05-03"}, "2021-05-03", "day"),
        ("ndvi_2021", {"sensing_time": "2021-05-03T10:30:21.024Z"}, "2021-05-03", "day"),
        ("a_2021-05-01", {"DATE_ACQUIRED": "2021"}, "2021-05-01", "day"),
        ("a_2021-05-01", {"DATE": "2023-01-01", "TIFFTAG_DATETIME": "2023:01:01 00:00:00"}, "2021-05-01", "day"),
        ("a", {"DATE": "2021-05-01", "TIFFTAG_DATETIME": "2023:01:01 00:00:00"}, "2021-05-01", "day"),
        ("a", {"TIFFTAG_DATETIME": "2023:01:01 00:00:00"}, "2023-01-01", "day"),
        ("a", {"system:time_start": "1577836800000"}, "2020-01-01", "day"),
        ("a", {"system": "time_start=1577836800000"}, "2020-01-01", "day"),
        ("2021", {"ACQUISITION_DATE": "2021-05-03"}, "2021-05-03", "year"),
        ("2021", {"ACQUISITION_DATE": "2024-05-03"}, "2021-07-01", "year"),
        ("2021-05", {"ACQUISITION_DATE": "2021-06-03"}, "2021-05-15", "month"),
    ],
)
def test_the_tag_of_acquisition_goes_before_the_name_and_the_name_before_other_tags(name, tags, day, kind):
    found = raster_date(name, tags)
    assert (str(found.day), found.kind) == (day, kind)


def test_what_states_no_date_has_none():
    assert raster_date("dem", {"AREA_OR_POINT": "Area"}) is None


def test_a_contradiction_a_composite_and_the_date_of_the_file_are_said():
    names = {
        "2021-05-01": {"ACQUISITION_DATE": "2021-05-03"},
        "a_20210501_20210516": {},
        "b_20210517_20210601": {},
        "c": {"TIFFTAG_DATETIME": "2023:01:01 00:00:00"},
        "d_2021-05-01": {},
    }
    said = said_notes((name, raster_date(name, tags).note) for name, tags in names.items())
    assert said[0] == "2021-05-01: called by 2021-05-01, but its tags say 2021-05-03, which counts"
    assert said[1] == "a_20210501_20210516 and 1 more: dated by the middle of the two days in its name"
    assert said[2].startswith("c: dated by its tag TIFFTAG_DATETIME")
    assert len(said) == 3
