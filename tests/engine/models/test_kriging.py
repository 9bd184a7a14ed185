"""Ordinary kriging: reference numbers, two peers, and the awkward places."""

import gstools
import numpy as np
import pykrige
import pytest

from soilcore.core.errors import ModelError, SettingsError
from soilcore.evaluation.variogram import Variogram, fit_variogram
from soilcore.models.kriging import KrigingPrior, OrdinaryKriging

EXPONENTIAL = Variogram(0.1, 1.0, 120.0, "exponential")


def places(n, seed=0):
    return np.random.default_rng(seed).uniform(0, 1000, (n, 2))


def values(n, seed=1):
    return np.random.default_rng(seed).normal(size=n)


def test_predictions_weights_and_variances_equal_the_reference_numbers(oracle):
    reference = oracle("spatial")["ordinary_kriging"]
    kriging = OrdinaryKriging(EXPONENTIAL).fit(reference["points"], reference["residuals"])
    for result in reference["results"]:
        predicted, variance = kriging.predict([result["at"]], variance=True)
        found, weights = kriging.weights([result["at"]])
        by_point = np.empty(4)
        by_point[[reference["points"].index(kriging.places_[place].tolist()) for place in found[0]]] = weights[0]
        assert predicted[0] == pytest.approx(result["prediction"], abs=1e-9)
        assert variance[0] == pytest.approx(result["variance"], abs=1e-9)
        np.testing.assert_allclose(by_point, result["weights"], atol=1e-9)


@pytest.mark.parametrize("model", ["exponential", "spherical"])
def test_forty_neighbours_agree_with_pykrige(model):
    xy, z, new = places(150), values(150), places(60, 2)
    peer = pykrige.OrdinaryKriging(*xy.T, z, variogram_model=model, variogram_parameters={"psill": 0.9, "range": 300.0, "nugget": 0.1})
    expected, spread = peer.execute("points", *new.T, n_closest_points=40, backend="loop")
    ours, variance = OrdinaryKriging(Variogram(0.1, 1.0, 300.0, model), 40).fit(xy, z).predict(new, variance=True)
    np.testing.assert_allclose(ours, expected, atol=1e-9)
    np.testing.assert_allclose(variance, spread, atol=1e-9)


@pytest.mark.parametrize("exact", [True, False])
def test_all_neighbours_agree_with_gstools_with_the_nugget_as_gap_and_as_noise(exact):
    xy, z = places(80), values(80)
    new = np.vstack([places(20, 3), xy[:10]])
    model = gstools.Matern(dim=2, var=0.8, len_scale=250.0, nugget=0.2, nu=1.5, rescale=4.743864518390577 / np.sqrt(1.5))
    expected, spread = gstools.krige.Ordinary(model, xy.T, z, exact=exact)(new.T)
    ours, variance = OrdinaryKriging(Variogram(0.2, 1.0, 250.0, "matern15"), 80, exact=exact).fit(xy, z).predict(new, variance=True)
    np.testing.assert_allclose(ours, expected, atol=1e-8)
    noise = 0.0 if exact else 0.2  # the peer gives the variance of a new noisy value, ours that of the value without noise
    np.testing.assert_allclose(variance[:20] + noise, spread[:20], atol=1e-8)


def test_kriging_is_exact_at_the_data_or_filters_their_noise():
    xy, z = places(200), values(200)
    exact = OrdinaryKriging(Variogram(0.5, 1.0, 300.0, "spherical")).fit(xy, z)
    predicted, variance = exact.predict(xy, variance=True)
    np.testing.assert_allclose(predicted, z, atol=1e-9)
    np.testing.assert_allclose(variance, 0, atol=1e-9)
    filtered = OrdinaryKriging(Variogram(0.5, 1.0, 300.0, "spherical"), exact=False).fit(xy, z)
    smooth, spread = filtered.predict(xy, variance=True)
    assert smooth.std() < 0.8 * z.std()
    assert (spread > 0.05).all()
    np.testing.assert_allclose(filtered.predict(xy + 0.01), smooth, atol=1e-3)


@pytest.mark.parametrize("model", ["exponential", "spherical", "matern15"])
@pytest.mark.parametrize("nugget", [0.0, 0.2])
@pytest.mark.parametrize("exact", [True, False])
def test_samples_of_the_same_or_nearly_the_same_place_are_no_trouble(model, nugget, exact):
    xy = np.vstack([places(60), places(60)[:20], places(60)[:20] + 0.01])
    z = values(100)
    predicted, variance = OrdinaryKriging(Variogram(nugget, 1.0, 400.0, model), exact=exact).fit(xy, z).predict(places(300, 4), variance=True)
    assert np.isfinite(predicted).all()
    assert np.abs(predicted).max() < 10 if nugget else True
    assert ((variance >= 0) & (variance < 3)).all()


def test_duplicates_count_as_their_mean_with_less_noise():
    xy, z = np.array([[0.0, 0], [0, 0], [100, 0]]), np.array([1.0, 3, -1])
    kriging = OrdinaryKriging(Variogram(0.5, 1.0, 200.0, "exponential"), exact=False).fit(xy, z)
    assert kriging.values_.tolist() == [2.0, -1.0]
    once = OrdinaryKriging(Variogram(0.5, 1.0, 200.0, "exponential"), exact=False).fit(xy[1:], [2.0, -1.0])
    assert kriging.predict([[0.0, 0]])[0] > once.predict([[0.0, 0]])[0]


def test_one_place_alone_gives_its_mean_everywhere():
    kriging = OrdinaryKriging(EXPONENTIAL).fit(np.zeros((5, 2)), np.arange(5.0))
    np.testing.assert_allclose(kriging.predict([[0.0, 0], [900, 900]]), 2.0)


@pytest.mark.parametrize("exact", [True, False])
def test_a_place_is_predicted_the_same_whatever_places_stand_beside_it(exact):
    xy, z, new = places(300), values(300), places(5000, 5)
    kriging = OrdinaryKriging(EXPONENTIAL, exact=exact).fit(xy, z)
    together, spread = kriging.predict(new, variance=True)
    for rows in ([7], [4999], np.arange(100, 131), np.arange(4090, 4100)):
        alone, variance = kriging.predict(new[rows], variance=True)
        np.testing.assert_array_equal(alone, together[rows])
        np.testing.assert_array_equal(variance, spread[rows])
        np.testing.assert_array_equal(kriging.predict(new[rows]), together[rows])


def test_what_cannot_be_kriged_is_refused_in_words():
    with pytest.raises(ModelError, match="too few for a variogram"):
        OrdinaryKriging(fit_variogram(places(10), values(10))).fit(places(10), values(10))
    with pytest.raises(SettingsError, match="0 neighbours"):
        OrdinaryKriging(EXPONENTIAL, 0).fit(places(10), values(10))
    with pytest.raises(ModelError, match="do not belong together"):
        OrdinaryKriging(EXPONENTIAL).fit(places(10), values(9))
    with pytest.raises(ModelError, match="missing"):
        OrdinaryKriging(EXPONENTIAL).fit(places(10), np.full(10, np.nan))


def test_the_prior_of_a_training_sample_knows_no_value_of_its_own_fold():
    xy, rng = places(200), np.random.default_rng(6)
    z, folds = np.sin(xy[:, 0] / 200) + 0.1 * rng.normal(size=200), rng.integers(0, 4, 200)
    own = folds == 1
    wild = np.where(own, z + 0.3 * rng.normal(size=200), z)
    before, after = (KrigingPrior().fit(xy, target).transform_train_oof(folds) for target in (z, wild))
    np.testing.assert_array_equal(before[own], after[own])
    assert (before[~own] != after[~own]).all()
    assert np.corrcoef(before, z)[0, 1] > 0.95
    with pytest.raises(ModelError, match="do not divide"):
        KrigingPrior().fit(xy, z).transform_train_oof(np.zeros(200))


def test_the_prior_is_0_everywhere_where_there_is_no_variogram():
    xy, z = places(40), values(40)
    prior = KrigingPrior().fit(xy, z)
    assert prior.kriging_ is None
    assert not prior.transform(places(9)).any()
    assert not prior.transform_train_oof(np.arange(40) % 5).any()
