"""Places in metres agree with distances on the ellipsoid, or are refused."""

import numpy as np
import pytest
from pyproj import CRS, Geod

from soilcore.core.errors import SampleError
from soilcore.core.projection import projected_metres


def distance_error(longitude, latitude, places):
    """Largest relative difference between plane and ellipsoid, over consecutive points."""
    _, _, true = Geod(ellps="WGS84").inv(longitude[:-1], latitude[:-1], longitude[1:], latitude[1:])
    return np.max(np.abs(np.hypot(*np.diff(places, axis=0).T) / true - 1))


@pytest.mark.parametrize(("longitude", "latitude"), [(118.2, 39.1), (-47.0, -15.0), (21.5, 41.6), (8.0, 60.0)])
def test_degrees_become_metres_of_their_utm_zone(longitude, latitude):
    rng = np.random.default_rng(0)
    lon, lat = longitude + rng.uniform(-1, 1, 50), latitude + rng.uniform(-1, 1, 50)
    assert distance_error(lon, lat, projected_metres(lon, lat, "EPSG:4326")) < 2e-3


def test_points_on_both_sides_of_the_date_line_stay_neighbours():
    lon, lat = np.array([179.99, -179.99]), np.array([-17.0, -17.0])
    assert distance_error(lon, lat, projected_metres(lon, lat, 4326)) < 2e-3


def test_a_continent_keeps_its_distances_from_the_centre():
    lon, lat = np.array([10.0, -9.0, 10.0, 30.0, 10.0, 12.0]), np.array([50.0, 38.0, 50.0, 60.0, 50.0, 37.0])
    places = projected_metres(lon, lat, "EPSG:4326")
    assert np.isfinite(places).all()
    assert distance_error(lon, lat, places) < 0.03


def test_projected_metres_pass_unchanged_and_feet_are_rescaled():
    x, y = np.array([500_000.0, 500_100.0]), np.array([4_000_000.0, 4_000_000.0])
    assert projected_metres(x, y, "EPSG:32650").tolist() == np.column_stack((x, y)).tolist()
    feet = projected_metres(x, y, "EPSG:2263")
    assert np.diff(feet[:, 0])[0] == pytest.approx(100 * 0.3048, rel=1e-4)


def test_web_mercator_is_projected_again_because_its_metres_are_stretched():
    from pyproj import Transformer

    lon, lat = np.array([10.0, 10.01]), np.array([60.0, 60.0])
    x, y = Transformer.from_crs(4326, 3857, always_xy=True).transform(lon, lat)
    assert np.hypot(*np.diff(np.column_stack((x, y)), axis=0)[0]) > 1100
    assert distance_error(lon, lat, projected_metres(x, y, "EPSG:3857")) < 2e-3


def test_a_missing_place_stays_missing():
    places = projected_metres([118.0, np.nan], [39.0, 39.0], CRS(4326))
    assert np.isfinite(places).all(axis=1).tolist() == [True, False]


@pytest.mark.parametrize(
    ("x", "y", "crs", "words"),
    [
        ([118.0], [39.0], None, "--crs"),
        ([118.0], [39.0], "EPSG:none", "EPSG:none"),
        ([39.0, 40.0], [118.0, 117.0], "EPSG:4326", r"2 coordinates .* order of x and y"),
        ([500_000.0], [4_000_000.0], "EPSG:4326", "outside"),
        ([np.nan], [np.nan], "EPSG:4326", "No sample"),
        ([1.0, 2.0], [1.0], "EPSG:4326", r"\(2,\) and \(1,\)"),
        ([1.0], [1.0], "EPSG:4978", "neither projected"),
    ],
)
def test_places_without_a_meaning_are_refused_in_words(x, y, crs, words):
    with pytest.raises(SampleError, match=words):
        projected_metres(x, y, crs)
