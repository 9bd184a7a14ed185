"""Spectra are found among columns by their names, and preprocessed row by row."""

import numpy as np
import pytest

from soilcore.models.auto_features import Rotation, Views
from soilcore.models.auto_spectra import PREPARATIONS, averaged, can_be_absorbance, derivative_window, prepare, spectral_blocks


@pytest.mark.parametrize(
    "columns",
    [
        [f"wl_{350 + j}" for j in range(100)],
        [f"wn_{3999 - 1.9 * j:.1f}" for j in range(100)],
        [str(400 + 2 * j) for j in range(100)],
        [f"X{1100.5 + 2 * j}" for j in range(100)],
        [f"{400 + 10 * j} nm" for j in range(100)],
    ],
)
def test_ordered_numbers_in_names_are_a_spectrum(columns):
    names = ["Altitude", *columns, "B02", "B03", "ERa"]
    (block,) = spectral_blocks(names)
    assert [names[j] for j in block.columns] == sorted(columns, key=_number)
    assert list(block.axis) == sorted(block.axis)


def _number(name):
    return float("".join(letter for letter in name if letter in "0123456789."))


def test_bands_of_a_satellite_and_other_numbers_are_a_table():
    sentinel = ["B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"]
    assert spectral_blocks([*sentinel, "NDVI", "ERa_05", "ERa_10", "XRF_Fe"]) == []
    assert spectral_blocks(None) == []


def test_two_sensors_are_two_spectra():
    blocks = spectral_blocks([f"nir_{j}" for j in range(1000, 1100)] + [f"mir_{j}" for j in range(600, 700)])
    assert {block.name for block in blocks} == {"nir_#", "mir_#"}


def test_snv_takes_scale_and_offset_away_and_derivatives_the_offset():
    rng = np.random.default_rng(0)
    spectra = rng.normal(size=(5, 80)).cumsum(axis=1)
    np.testing.assert_allclose(prepare(3 * spectra + 2, "snv", 5), prepare(spectra, "snv", 5))
    np.testing.assert_allclose(prepare(spectra + 2, "first-derivative", 5), prepare(spectra, "first-derivative", 5), atol=1e-12)
    line = np.arange(80.0)
    np.testing.assert_allclose(prepare(spectra + line, "second-derivative", 5), prepare(spectra, "second-derivative", 5), atol=1e-12)
    np.testing.assert_allclose(prepare(np.full((1, 9), 0.1), "absorbance", 5), 1.0)


@pytest.mark.parametrize("how", PREPARATIONS)
def test_a_row_is_prepared_by_itself(how):
    spectra = np.random.default_rng(1).uniform(0.1, 0.9, (6, 60))
    np.testing.assert_allclose(prepare(spectra, how, 7)[2:3], prepare(spectra[2:3], how, 7))


def test_only_positive_fractions_or_percents_become_absorbance():
    assert can_be_absorbance(np.array([0.1, 0.9]))
    assert can_be_absorbance(np.array([3.0, 60.0]))
    assert not can_be_absorbance(np.array([-0.1, 0.9]))
    assert not can_be_absorbance(np.array([200.0, 3000.0]))


def test_averages_and_windows():
    np.testing.assert_allclose(averaged(np.arange(7.0)[None], 3), [[1.0, 4.0, 6.0]])
    assert [derivative_window(bands) for bands in (50, 1000, 5000)] == [5, 11, 25]


def test_a_rotation_keeps_distances():
    values = np.random.default_rng(2).normal(size=(12, 50))
    rotation = Rotation().fit(values, 11)
    turned = rotation(values)
    assert turned.shape == (12, 11)
    before = np.linalg.norm(values[:, None] - values[None], axis=2)
    after = np.linalg.norm(turned[:, None] - turned[None], axis=2)
    np.testing.assert_allclose(after / after.max(), before / before.max(), atol=1e-10)


def test_views_of_new_samples_do_not_depend_on_their_company():
    rng = np.random.default_rng(3)
    X = rng.uniform(0.1, 0.9, (30, 63))
    names = ["ERa", "Slope", "DEM", *[f"wl_{400 + j}" for j in range(60)]]
    places = rng.uniform(0, 100, (30, 2))
    views = Views(names).fit(X[:20], places[:20])
    together, alone = views(X[20:], places[20:]), views(X[25:26], places[25:26])
    assert {"table", "place", "table+place", "trees", "spectra:snv", "flattened:snv", "components:snv"} <= set(together)
    for name, values in alone.items():
        np.testing.assert_allclose(values, together[name][5:6], atol=1e-10)
