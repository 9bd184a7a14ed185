"""Variograms: models recovered from fields with a known truth, and a plain no where there is nothing to krige."""

import json

import gstools
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from soilcore.core.errors import SettingsError
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.evaluation.variogram import Variogram, correlation_range, fit_variogram, moran_p, variogram_facts

RATES = {"exponential": 3.0, "matern15": 4.743864518390577}


def places(n, seed=0, side=1000.0):
    return np.random.default_rng(seed).uniform(0, side, (n, 2))


def field(xy, model, seed=0):
    return gstools.SRF(model, seed=seed)((xy[:, 0], xy[:, 1]))


def peer(name, variance=1.0, reach=200.0, nugget=0.0):
    """The GSTools model whose practical range is `reach`."""
    common = {"dim": 2, "var": variance, "nugget": nugget, "len_scale": reach}
    if name == "exponential":
        return gstools.Exponential(**common, rescale=3.0)
    if name == "spherical":
        return gstools.Spherical(**common)
    return gstools.Matern(**common, nu=1.5, rescale=RATES["matern15"] / np.sqrt(1.5))


@pytest.mark.parametrize("name", ["exponential", "spherical", "matern15"])
def test_models_equal_those_of_gstools_and_reach_95_percent_at_the_range(name):
    ours = Variogram(0.3, 1.3, 200.0, name)
    distance = np.array([1e-6, 10, 77, 200, 500])
    np.testing.assert_allclose(ours(distance), peer(name, 1.0, 200.0, 0.3).variogram(distance), rtol=1e-9, atol=1e-12)
    assert ours(0.0) == 0
    assert ours(200.0) == pytest.approx(0.3 + (1.0 if name == "spherical" else 0.95), abs=3e-4)


@pytest.mark.parametrize("name", ["exponential", "spherical", "matern15"])
def test_the_parameters_of_a_known_field_are_recovered(name):
    truth, found = Variogram(0.3, 1.3, 200.0, name), []
    for seed in range(8):
        xy = places(400, seed)
        covariance = truth.correlation(cdist(xy, xy)) + 0.3 * np.eye(400)
        values = np.linalg.cholesky(covariance) @ np.random.default_rng(100 + seed).normal(size=400)
        found.append(fit_variogram(xy, values, models=(name,)))
    assert all(variogram.usable for variogram in found)
    assert np.mean([variogram.nugget for variogram in found]) == pytest.approx(0.3, abs=0.1)
    assert np.mean([variogram.sill for variogram in found]) == pytest.approx(1.3, abs=0.2)
    assert np.mean([variogram.range for variogram in found]) == pytest.approx(200, rel=0.3)


def test_the_model_with_the_smallest_misfit_is_kept():
    xy = places(600, 3)
    variogram = fit_variogram(xy, field(xy, peer("matern15", reach=400.0), 5))
    misfits = [fit["misfit"] for fit in variogram.fits]
    assert misfits == sorted(misfits)
    assert len(misfits) == 3
    assert variogram.model == variogram.fits[0]["model"]
    assert variogram.lags.size == 15


def test_noise_is_hardly_ever_called_a_structure():
    usable = [fit_variogram(places(150, seed), np.random.default_rng(seed + 50).normal(size=150)).usable for seed in range(30)]
    assert sum(usable) <= 4
    xy, noise = places(150, 1), np.random.default_rng(51).normal(size=150)
    assert "chance" in fit_variogram(xy, noise).reason or "nugget" in fit_variogram(xy, noise).reason


def test_the_fit_follows_the_units():
    xy = places(200, 2)
    values = field(xy, peer("exponential"), 2)
    here, there = fit_variogram(xy, values), fit_variogram(xy * 1000, values * 50 + 7)
    assert there.model == here.model
    np.testing.assert_allclose([there.nugget, there.sill], [here.nugget * 2500, here.sill * 2500], rtol=1e-5, atol=1e-6)
    assert there.range == pytest.approx(here.range * 1000, rel=1e-5)


@pytest.mark.parametrize(
    ("xy", "values", "said"),
    [
        (places(46), np.arange(46.0), "46 points are too few for a variogram; 50 are needed"),
        (places(80), np.ones(80), "do not vary"),
        (np.zeros((80, 2)), np.arange(80.0), "0 distance classes"),
        (places(1), np.ones(1), "no two points"),
        (places(80), np.full(80, np.nan), "no two points"),
    ],
)
def test_what_cannot_be_used_is_said_in_words(xy, values, said):
    variogram = fit_variogram(xy, values)
    assert not variogram.usable
    assert variogram.model is None
    assert said in variogram.reason


def test_a_large_nugget_is_not_worth_kriging():
    xy = places(400, 4)
    values = 0.35 * field(xy, peer("exponential", reach=500.0), 4) + np.random.default_rng(4).normal(size=400)
    variogram = fit_variogram(xy, values)
    assert variogram.nugget / variogram.sill > 0.8
    assert not variogram.usable
    assert "% of the sill" in variogram.reason


def test_points_without_a_value_or_a_place_are_left_out():
    xy = places(200, 2)
    values = field(xy, peer("exponential"), 2)
    more = np.vstack([xy, [[np.nan, 0], [5, 5]]])
    with_gaps = fit_variogram(more, np.concatenate([values, [1e6, np.nan]]))
    assert with_gaps.range == fit_variogram(xy, values).range


def test_morans_p_equals_that_of_esda():
    libpysal, esda = pytest.importorskip("libpysal"), pytest.importorskip("esda")
    xy = places(120, 9)
    values = xy[:, 0] / 700 + np.random.default_rng(9).normal(size=120)
    two_sided = esda.Moran(values, libpysal.weights.KNN(xy, k=8), transformation="B", permutations=0).p_norm
    assert 2 * moran_p(xy, values) == pytest.approx(two_sided, rel=1e-9)


def test_facts_are_plain_values_with_a_curve_to_draw():
    xy = places(200, 2)
    facts = json.loads(json.dumps(variogram_facts(xy, field(xy, peer("exponential"), 2)), allow_nan=False))
    assert len(facts["lags"]) == len(facts["semivariance"]) == len(facts["pairs"]) == 15
    assert len(facts["curve"]["distance"]) == len(facts["curve"]["semivariance"])
    assert {"nugget", "sill", "range", "model", "usable", "reason", "fit"} <= set(facts)
    few = json.loads(json.dumps(variogram_facts(places(20), np.arange(20.0)), allow_nan=False))
    assert few["range"] is None
    assert few["curve"]["distance"] == []
    assert not few["usable"]


def test_an_unknown_model_is_refused():
    with pytest.raises(SettingsError, match="'gaussian'"):
        fit_variogram(places(60), np.arange(60.0), models=("gaussian",))


def test_horizons_of_a_few_profiles_have_a_range_or_none_but_never_an_error():
    xy = np.repeat(places(12), 5, axis=0)
    values = np.random.default_rng(0).lognormal(size=60)
    assert np.isnan(correlation_range(xy, values)) or correlation_range(xy, values) > 0
    splits = make_splits(SplitSettings("block", folds=3), 60, coordinates=xy, target=values)
    assert "m" in splits.label and splits.n_folds == 3
