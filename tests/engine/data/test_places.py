"""Coordinates and their reference system are found, or their absence is said with candidates."""

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from soilcore.core.errors import SettingsError
from soilcore.core.grids import Grid
from soilcore.data.checks import check_samples
from soilcore.data.samples import SampleSettings, read_samples


class Scene:
    """As much of a scene as the checks of places need: ten by ten pixels of 100 m at 33 E 46.8 N."""

    grid = Grid(10, 10, Affine(100, 0, 500000, 0, -100, 5183000), CRS.from_epsg(32636))
    paths = ("S2_20240320.tif",)


def table(tmp_path, header, rows, **said):
    path = tmp_path / "t.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return read_samples(path, SampleSettings(**said))


def codes(samples, scene=None):
    return {finding.code for finding in check_samples(samples, scene)}


DEGREES = [f"{33 + k / 997:.6f},{46.8 + k * k / 90011:.6f},{k + 1}" for k in range(8)]
METRES = [f"{500010 + 97.3 * k:.1f},{5182990 - 11.7 * k * k:.1f},{k + 1}" for k in range(8)]


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ("lon", "lat"), ("Longitude", "Latitude"), ("LONG_dec", "LAT_dec"), ("longitud", "latitud"), ("经度", "纬度"), ("долгота", "широта"), ("x", "y"), ("X", "Y"),
        ("خط الطول", "خط العرض"), ("GPS_Longitude (deg)", "GPS_Latitude (deg)"), ("Länge", "Breite"), ("lengtegraad", "breedtegraad"), ("decimalLongitude", "decimalLatitude"),
    ],
)  # fmt: skip
def test_longitude_and_latitude_are_found_in_many_languages(tmp_path, x, y):
    samples = table(tmp_path, f"{x},{y},EC", DEGREES)
    assert (samples.columns["x"], samples.columns["y"]) == (x, y)
    assert samples.crs.to_epsg() == 4326
    assert any("4326" in sentence for sentence in samples.assumed)
    assert "crs-assumed" in codes(samples)


@pytest.mark.parametrize(
    ("x", "y", "epsg"),
    [
        ("x_32636", "y_32636", 32636),
        ("X (EPSG:32636)", "Y (EPSG:32636)", 32636),
        ("easting_utm36n", "northing_utm36n", 32636),
        ("Rechtswert_25836", "Hochwert_25836", 25836),
    ],
)
def test_a_code_in_the_column_name_is_used(tmp_path, x, y, epsg):
    samples = table(tmp_path, f"{x},{y},EC", METRES)
    assert samples.crs.to_epsg() == epsg
    assert samples.columns["x"] == x


def test_a_zone_column_is_used_and_several_zones_are_refused(tmp_path):
    rows = [f"{row},36N" for row in METRES]
    samples = table(tmp_path, "easting,northing,EC,zone", rows)
    assert samples.crs.to_epsg() == 32636
    samples = table(tmp_path, "easting,northing,EC,zone", [*rows[:-1], rows[-1].replace("36N", "37N")])
    assert "utm-zones-several" in codes(samples)


def test_projected_coordinates_without_a_system_are_an_error_with_candidates(tmp_path):
    finding = next(one for one in check_samples(table(tmp_path, "x,y,EC", METRES)) if one.code == "crs-missing")
    assert finding.severity == "error"
    assert "--crs" in finding.fix
    assert "UTM" in finding.fix
    samples = table(tmp_path, "x,y,EC", METRES, crs="EPSG:32636")
    assert "crs-missing" not in codes(samples)
    assert samples.crs.to_epsg() == 32636


def test_dummy_coordinates_are_used_for_nothing(tmp_path):
    samples = table(tmp_path, "x_dummy_4326,y_dummy_4326,EC", DEGREES)
    assert not samples.has_places
    assert codes(samples) >= {"dummy-coordinates", "no-coordinates"}


def test_a_lonely_x_or_y_is_no_coordinate(tmp_path):
    assert not table(tmp_path, "X,note,EC", ["1,a,2", "2,b,3"]).has_places


def test_several_pairs_are_said(tmp_path):
    rows = [f"{degrees},{metres}" for degrees, metres in zip(DEGREES, METRES, strict=True)]
    samples = table(tmp_path, "lon,lat,EC,easting,northing,pH", rows)
    assert samples.columns["x"] == "lon"
    assert "coordinates-ambiguous" in codes(samples)


def test_degrees_minutes_and_seconds_are_read(tmp_path):
    samples = table(tmp_path, "lon,lat,EC", ["33°22'30\"E,46°45'36\"N,1", "33°22'31\"E,46°45'37\"N,2", "33 22 32 W,46.5 S,3"])
    np.testing.assert_allclose(samples.x, [33.375, 33 + 22 / 60 + 31 / 3600, -(33 + 22 / 60 + 32 / 3600)])
    np.testing.assert_allclose(samples.y[[0, 2]], [46.76, -46.5])
    assert "coordinates-degrees-minutes" in codes(samples)


def test_exchanged_axes_are_found_by_their_range(tmp_path):
    rows = [f"{46.8 + k / 997:.6f},{133 + k / 991:.6f},{k + 1}" for k in range(8)]
    finding = next(one for one in check_samples(table(tmp_path, "lon,lat,EC", rows)) if one.code == "axes-swapped")
    assert finding.severity == "error"
    assert finding.fix == "Exchange them: --x lat --y lon."
    assert "axes-swapped" not in codes(table(tmp_path, "lon,lat,EC", rows, x="lat", y="lon"))


def test_exchanged_axes_of_a_projected_system_are_found(tmp_path):
    rows = [",".join((row.split(",")[1], row.split(",")[0], row.split(",")[2])) for row in METRES]
    assert "axes-swapped" in codes(table(tmp_path, "x_32636,y_32636,EC", rows))


def test_degrees_in_a_metric_system_and_metres_in_degrees_are_errors(tmp_path):
    assert "crs-range" in codes(table(tmp_path, "x,y,EC", DEGREES, crs="EPSG:32636"))
    assert "crs-range" in codes(table(tmp_path, "x,y,EC", METRES, crs="EPSG:4326"))


def test_a_wrong_sign_of_a_few_rows_is_found(tmp_path):
    rows = [f"{-110 - k / 997:.5f},{38 + k * k / 9001:.5f},{k + 1}" for k in range(20)]
    rows[7] = rows[7][1:]
    finding = next(one for one in check_samples(table(tmp_path, "lon,lat,EC", rows)) if one.code == "coordinate-sign")
    assert (finding.row, finding.column) == (9, "lon")


def test_zero_missing_and_coarse_coordinates_are_named(tmp_path):
    samples = table(tmp_path, "lon,lat,EC", [*DEGREES, "0,0,3", ",46.8,4"])
    found = {finding.code: finding.row for finding in check_samples(samples)}
    assert (found["coordinate-zero"], found["coordinate-missing"]) == (10, 11)
    assert np.isnan(samples.x[8:]).all()
    coarse = table(tmp_path, "lon,lat,EC", [f"{33 + k / 100},{46 + (k * 7 % 10) / 100},{k + 1}" for k in range(20)])
    assert "coordinates-coarse" in codes(coarse)


def test_one_place_one_line_and_a_far_place_are_named(tmp_path):
    assert "samples-one-place" in codes(table(tmp_path, "lon,lat,EC", [f"33.12345,46.12345,{k}" for k in range(9)]))
    assert "samples-on-line" in codes(table(tmp_path, "x_32636,y_32636,EC", [f"{500000 + 100.5 * k},{5183000 + 50.25 * k},{k}" for k in range(9)]))
    many = [f"{500010 + (k * 37 % 97)},{5182990 - (k * 53 % 89)},{k + 1}" for k in range(30)]
    assert "place-outlier" in codes(table(tmp_path, "x_32636,y_32636,EC", [*many, "590010,5182990,1"]))


def test_samples_are_checked_against_the_scene(tmp_path):
    samples = table(tmp_path, "x_32636,y_32636,EC", [*METRES, "500012.0,5182989.0,9", "600000,5182990,9"])
    found = {(finding.code, finding.row) for finding in check_samples(samples, Scene)}
    assert found >= {("outside-scene", 11), ("same-pixel", 10)}
    assert ("outside-scene", 10) not in found
    assert "no-sample-in-scene" not in codes(samples, Scene)


def test_samples_on_nodata_are_named(tmp_path):
    class Masked(Scene):
        @staticmethod
        def sample(x, y, crs):
            return np.where(np.arange(len(x)) == 2, np.nan, 0.1)[:, None]

    samples = table(tmp_path, "x_32636,y_32636,EC", METRES)
    assert [one.row for one in check_samples(samples, Masked) if one.code == "nodata-at-sample"] == [4]


def test_axes_signs_and_systems_are_checked_against_the_scene(tmp_path):
    inside = [(33 + 0.0005 * k, 46.795 + 0.0003 * k) for k in range(8)]
    exchanged = table(tmp_path, "lon,lat,EC", [f"{y:.6f},{x:.6f},1" for x, y in inside])
    assert "axes-swapped" in codes(exchanged, Scene)
    mirrored = table(tmp_path, "lon,lat,EC", [f"{-x:.6f},{y:.6f},1" for x, y in inside])
    assert "coordinate-sign" in codes(mirrored, Scene)
    other = table(tmp_path, "x,y,EC", METRES, crs="EPSG:32635")
    finding = next(one for one in check_samples(other, Scene) if one.code == "no-sample-in-scene")
    assert finding.severity == "error"
    assert "--crs EPSG:32636" in finding.fix
    elsewhere = table(tmp_path, "lon,lat,EC", [f"{x + 5:.6f},{y:.6f},1" for x, y in inside])
    assert "no-sample-in-scene" in codes(elsewhere, Scene)


@pytest.mark.parametrize("said", [{"crs": "EPSG:999999"}, {"crs": "nonsense"}, {"x": "lon"}, {"x": "nothing", "y": "lat"}, {"crs": "EPSG:4978"}])
def test_wrong_options_are_refused(tmp_path, said):
    with pytest.raises(SettingsError):
        table(tmp_path, "lon,lat,EC", DEGREES, **said)
