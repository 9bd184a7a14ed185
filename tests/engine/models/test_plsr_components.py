"""PLSR of spectra: every number of components from one fit, and the rule that takes one of them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSRegression

from soilcore.core.errors import SettingsError
from soilcore.data.synthetic_spectra import synthetic_spectra
from soilcore.evaluation.metrics import regression_scores
from soilcore.models.archive import FittedModel, load_model, save_model
from soilcore.models.plsr_components import SpectralPlsr, choose_components, component_grid, pls_path


@pytest.fixture(scope="module")
def library():
    made = synthetic_spectra(160, seed=2)
    values = made.absorbance[:, ::8]
    values = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    return values, np.log10(made.kex_cmol_kg)


@pytest.mark.parametrize("scale", [True, False])
def test_every_number_of_components_equals_nipals(library, scale):
    X, z = library
    path = pls_path(X[:100], z[:100], 12, scale=scale)
    predicted = path.predictions(X[100:])
    for count in (1, 5, 12):
        peer = PLSRegression(count, scale=scale).fit(X[:100], z[:100]).predict(X[100:]).ravel()
        np.testing.assert_allclose(predicted[:, count - 1], peer, atol=1e-9)


def test_coefficients_are_the_slopes_of_the_prediction(library):
    X, z = library
    path = pls_path(X, z, 6)
    expected = path.middle + (X - path.centre) @ path.coefficients()
    np.testing.assert_allclose(path.predictions(X)[:, -1], expected, atol=1e-10)
    np.testing.assert_allclose(path.first(3).predictions(X), path.predictions(X)[:, :3], atol=1e-12)


def test_no_more_components_come_back_than_the_spectra_hold():
    X = np.outer(np.arange(20.0), np.ones(30)) + np.outer(np.arange(20.0) ** 2, np.linspace(0, 1, 30))
    path = pls_path(X, np.arange(20.0), 10, scale=False)
    assert path.components <= 2
    np.testing.assert_allclose(path.predictions(X)[:, -1], np.arange(20.0), atol=1e-6)


@pytest.mark.parametrize(
    ("r2", "chosen", "tried"),
    [
        ([0.2, 0.4, 0.5, 0.505, 0.506, 0.507, 0.9], 6, 6),  # three gains below 0.01: what comes later is never seen
        ([0.2, 0.4, 0.405, 0.41, 0.5, 0.49], 5, 6),  # two small gains, then a large one
        ([0.3, 0.2, 0.1, 0.05, 0.6], 1, 4),
        ([0.1, 0.2], 2, 2),
    ],
)
def test_components_grow_until_three_gains_in_a_row_are_none(r2, chosen, tried):
    assert choose_components(range(1, len(r2) + 1), r2) == (chosen, tried)


def test_the_grid_grows_coarser_with_more_spectra():
    assert component_grid(60, 1764) == tuple(range(1, 21))
    assert component_grid(600, 1764)[:3] == (1, 3, 5)
    large = component_grid(30000, 1764)
    assert 51 in large
    assert large[-1] <= 120
    assert component_grid(4, 1764) == (1,)


def test_it_predicts_unseen_spectra_and_the_choice_of_components_sees_only_validation(library):
    X, z = library
    y = 10**z
    model = SpectralPlsr(target_transform="log10").fit(X[:120], y[:120], validation=np.arange(100, 120))
    assert regression_scores(z[120:], np.log10(model.predict(X[120:])))["r2"] > 0.5
    rows = np.arange(100)
    alone = SpectralPlsr(model.components_, target_transform="log10").fit(X[rows], y[rows])
    np.testing.assert_allclose(model.predict(X[120:]), alone.predict(X[120:]), rtol=1e-10)
    assert model.curve_[0]["components"] == 1


def test_a_constant_point_of_the_spectrum_changes_nothing(library):
    X, z = library
    with_zeros = np.column_stack([X, np.zeros((len(X), 5))])
    np.testing.assert_allclose(SpectralPlsr(8).fit(with_zeros, z).predict(with_zeros), SpectralPlsr(8).fit(X, z).predict(X), atol=1e-10)


def test_a_spectrum_unlike_all_others_leaves_a_large_residual(library):
    X, z = library
    model = SpectralPlsr(6).fit(X, z)
    strange = X[:1] + 4 * np.sin(np.arange(X.shape[1]))
    assert model.embed(strange)[0, -1] > 2 * model.embed(X)[:, -1].max()
    assert model.embed(X).shape == (len(X), 7)


def test_a_stored_model_predicts_the_same_to_the_last_bit(library, tmp_path):
    X, z = library
    frame = pd.DataFrame(X, columns=[f"{value:g}" for value in range(X.shape[1])])
    model = SpectralPlsr(5, random_state=3).fit(frame, z)
    kept = FittedModel(model, "plsr", {"kind": "spectra"}, {"column": "k"}, {}, {}, {})
    save_model(kept, tmp_path / "m")
    again = load_model(tmp_path / "m").learner
    assert (again.predict(frame) == model.predict(frame)).all()
    assert again.get_params() == model.get_params()


def test_an_impossible_number_of_components_is_refused(library):
    X, z = library
    with pytest.raises(SettingsError, match="whole number"):
        SpectralPlsr(0).fit(X, z)
