"""The spectral library: chemistry on the right wavenumbers, unequal orders, and a known ceiling."""

import numpy as np
import pytest

from soilcore.core.errors import SettingsError
from soilcore.core.tables import load_table
from soilcore.data.synthetic_spectra import WAVENUMBERS, band_profiles, synthetic_spectra


@pytest.fixture(scope="module")
def library():
    return synthetic_spectra(600, 1)


def test_the_grid_is_that_of_the_soil_survey(library):
    assert library.wavenumbers.size == 1764
    assert (library.wavenumbers[0], library.wavenumbers[-1]) == (3999, 599)
    assert library.absorbance.shape == (600, 1764)
    assert library.absorbance.min() > 0
    assert library.absorbance.max() < 3.5


def test_bands_stand_where_the_textbook_has_them():
    profiles = dict(zip(load_table("synthetic_spectra")["bands"], band_profiles(), strict=True))
    assert WAVENUMBERS[profiles["kaolinite"][WAVENUMBERS > 3000].argmax()] == pytest.approx(3620, abs=2)
    assert WAVENUMBERS[profiles["carbonate"].argmax()] == pytest.approx(1430, abs=2)


def test_more_carbonate_absorbs_more_at_its_band_than_beside_it(library):
    at, beside = (np.abs(WAVENUMBERS - place).argmin() for place in (2515, 2700))
    height = library.absorbance[:, at] - library.absorbance[:, beside]
    assert np.corrcoef(height, library.constituents["carbonate"])[0, 1] > 0.7


def test_constituents_are_shares_and_orders_differ_in_size_and_composition(library):
    shares = library.constituents.drop(columns="id")
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    sizes = {order: int((library.order == order).sum()) for order in np.unique(library.order)}
    assert len(sizes) == 6
    assert max(sizes.values()) > 5 * min(sizes.values())
    assert shares["organic"][library.order == "histosols"].median() > 3 * shares["organic"][library.order == "oxisols"].median()


def test_potassium_is_positive_and_skewed_with_the_ceiling_stated(library):
    low, middle, high = np.quantile(library.kex_cmol_kg, [0.01, 0.5, 0.99])
    assert 0 < low < middle < high
    assert high / middle > middle / low * 0.5
    assert library.facts["r2_ceiling_log10"] == pytest.approx(0.91, abs=0.02)


def test_partial_least_squares_learns_it_but_stays_below_the_ceiling():
    from sklearn.cross_decomposition import PLSRegression

    library = synthetic_spectra(1500, 0)
    spectra = library.absorbance
    spectra = (spectra - spectra.mean(axis=1, keepdims=True)) / spectra.std(axis=1, keepdims=True)
    y = np.log10(library.kex_cmol_kg)
    guessed = PLSRegression(15, scale=False).fit(spectra[:1000], y[:1000]).predict(spectra[1000:]).ravel()
    score = 1 - ((y[1000:] - guessed) ** 2).mean() / y[1000:].var()
    assert 0.7 < score < library.facts["r2_ceiling_log10"]


def test_the_table_names_channels_by_wavenumber(library):
    table = library.table()
    assert list(table.columns[:4]) == ["id", "order", "kex_cmol_kg", "3999.00"]
    assert table.shape == (600, 3 + 1764)
    assert [float(name) for name in table.columns[3:]] == pytest.approx(WAVENUMBERS, abs=0.005)


def test_the_seed_makes_it_repeatable():
    first, second, other = (synthetic_spectra(20, seed) for seed in (2, 2, 3))
    np.testing.assert_array_equal(first.absorbance, second.absorbance)
    assert not np.array_equal(first.absorbance, other.absorbance)


@pytest.mark.parametrize(("samples", "seed"), [(9, 0), (60_000, 0), (100, -1)])
def test_impossible_settings_are_refused(samples, seed):
    with pytest.raises(SettingsError, match=r"9|60000|-1"):
        synthetic_spectra(samples, seed)
