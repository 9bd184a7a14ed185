"""Getis-Ord statistics: the published numbers, the peer's, and no way for a sample to see its own value in a model."""

import esda
import libpysal
import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from soilcore.core.errors import ModelError, SettingsError
from soilcore.models.neighbours import CLASSES, GiStarFeature, default_band, gi_star, hot_spot_table, hot_spots


def places(n, seed=0):
    return np.random.default_rng(seed).uniform(0, 1000, (n, 2))


def esda_z(weights, y, star):
    return esda.G_Local(y, weights, transform="B", permutations=0, star=star).Zs


def test_gi_and_gi_star_equal_the_reference_numbers(oracle):
    reference = oracle("spatial")["getis_ord"]
    xy, y, band = np.array(reference["points"]), np.array(reference["y"], float), reference["threshold"]
    np.testing.assert_allclose(gi_star(xy, y, band=band, star=False), reference["gi_z"], atol=1e-9)
    np.testing.assert_allclose(gi_star(xy, y, band=band), reference["gistar_z_binary"], atol=1e-9)
    weights = (np.hypot(*(xy[:, None] - xy).transpose(2, 0, 1)) <= band).astype(float)
    np.testing.assert_allclose(
        gi_star(xy, y, weights=weights / weights.sum(axis=1, keepdims=True)), reference["gistar_z_row_standardised"], atol=1e-9
    )
    new = GiStarFeature(band=band).fit(xy, y).transform(reference["new_points"])
    np.testing.assert_allclose(new, np.array(reference["new_z"], float), atol=1e-9)
    assert np.isnan(new[2])


@pytest.mark.parametrize("star", [True, False])
def test_binary_weights_agree_with_esda(star):
    xy, y = places(300), np.random.default_rng(1).lognormal(size=300)
    band = libpysal.weights.DistanceBand(xy, threshold=120.0, silence_warnings=True)
    assert not band.islands
    np.testing.assert_allclose(gi_star(xy, y, band=120.0, star=star), esda_z(band, y, star), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(gi_star(xy, y, k=8, star=star), esda_z(libpysal.weights.KNN(xy, k=8), y, star), rtol=1e-12, atol=1e-12)


def test_any_weights_follow_the_general_formula_and_scaling_a_row_changes_nothing():
    y = np.random.default_rng(2).normal(size=40)
    weights = np.random.default_rng(3).uniform(size=(40, 40))
    n, sums, squares = 40, weights.sum(axis=1), (weights**2).sum(axis=1)
    by_hand = (weights @ y - y.mean() * sums) / (y.std() * np.sqrt((n * squares - sums**2) / (n - 1)))
    np.testing.assert_allclose(gi_star(None, y, weights=weights), by_hand, rtol=1e-12)
    np.testing.assert_allclose(gi_star(None, y, weights=weights * np.arange(1, 41)[:, None]), by_hand, rtol=1e-9)


def test_new_places_follow_the_same_formula_with_their_row_of_weights():
    xy, y, new = places(100), np.random.default_rng(4).lognormal(size=100), places(30, 5)
    near = np.argsort(np.hypot(*(new[:, None] - xy).transpose(2, 0, 1)), axis=1)[:, :8]
    by_hand = (y[near].sum(axis=1) - 8 * y.mean()) / (y.std() * np.sqrt((100 * 8 - 64) / 99))
    np.testing.assert_allclose(GiStarFeature(8).fit(xy, y).transform(new), by_hand, rtol=1e-12)


@pytest.mark.parametrize("k", [4, 8, 16])
def test_own_values_leak_as_theory_says_and_out_of_fold_values_do_not(k):
    with_self, out_of_fold = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        xy, y, folds = rng.uniform(0, 1, (2000, 2)), rng.normal(size=2000), rng.integers(0, 5, 2000)
        with_self.append(np.corrcoef(y, GiStarFeature(k, include_self=True).fit(xy, y).explore())[0, 1])
        out_of_fold.append(np.corrcoef(y, GiStarFeature(k).fit(xy, y).transform_train_oof(folds))[0, 1])
    assert np.mean(with_self) == pytest.approx(1 / np.sqrt(k + 1), abs=0.02)
    assert abs(np.mean(out_of_fold)) < 0.03


@pytest.mark.parametrize("settings", [{"k": 5}, {"band": 150.0}, {"band": "auto"}])
def test_a_training_sample_never_sees_a_value_of_its_own_fold(settings):
    xy, rng = places(120), np.random.default_rng(6)
    y, folds = xy[:, 0] / 300 + rng.normal(size=120), rng.integers(0, 4, 120)
    own = folds == 2
    wild = np.where(own, 1e5 * rng.normal(size=120), y)
    before, after = (GiStarFeature(**settings).fit(xy, values).transform_train_oof(folds) for values in (y, wild))
    np.testing.assert_array_equal(before[own], after[own])
    assert (before[~own] != after[~own]).any()
    alone = GiStarFeature(**settings).fit(xy[~own], y[~own]).transform(xy[own])
    np.testing.assert_array_equal(before[own], alone)


def test_own_values_are_refused_wherever_a_model_would_use_them():
    xy, y = places(60), np.arange(60.0)
    feature = GiStarFeature(include_self=True).fit(xy, y)
    for use in (lambda: feature.transform(xy), lambda: feature.transform_train_oof(np.arange(60) % 5)):
        with pytest.raises(SettingsError, match="include_self=False"):
            use()
    for include_self in (True, False):
        with pytest.raises(SettingsError, match="cannot be a plain step of a pipeline"):
            make_pipeline(GiStarFeature(include_self=include_self), Ridge()).fit(xy, y)
    with pytest.raises(SettingsError, match="must not use it"):
        GiStarFeature().fit(xy, y).explore()


def test_a_place_without_neighbours_has_no_value():
    xy = np.array([[0.0, 0], [1, 0], [2, 0], [500, 500]])
    z = gi_star(xy, np.array([1.0, 2, 4, 9]), band=5.0)
    assert np.isnan(z).tolist() == [False, False, False, True]
    assert np.isnan(gi_star(xy, np.ones(4), band=5.0)).all()
    assert np.isnan(gi_star(xy[:1], np.ones(1))).all()


def test_duplicates_of_a_place_are_neighbours_but_never_the_sample_itself():
    xy = np.vstack([np.zeros((30, 2)), places(30)])
    y = np.random.default_rng(7).normal(size=60)
    z = gi_star(xy, y, k=4, star=False)
    wild = y.copy()
    wild[3] += 1e-3
    changed = gi_star(xy, wild, k=4, star=False) - z
    assert np.isfinite(z).all()
    assert abs(changed[3]) < 1e-12
    assert abs(changed).max() > 1e-5


def test_the_default_band_is_half_the_range_and_eight_neighbours_where_there_is_none():
    rng = np.random.default_rng(8)
    xy = places(200)
    smooth = np.sin(xy[:, 0] / 150) + 0.1 * rng.normal(size=200)
    band = default_band(xy, smooth)
    assert GiStarFeature(band="auto").fit(xy, smooth).band_ == band == hot_spots(xy, smooth).band
    noise = rng.normal(size=30)
    assert default_band(xy[:30], noise) is None
    assert (hot_spots(xy[:30], noise).k, hot_spots(xy[:30], noise).band) == (8, None)


def test_hot_and_cold_spots_are_where_they_were_put():
    xy, rng = places(400), np.random.default_rng(10)
    hot, cold = np.hypot(*(xy - 200).T) < 120, np.hypot(*(xy - 800).T) < 120
    y = rng.normal(size=400) + 3.0 * hot - 3.0 * cold
    table, facts = hot_spot_table(xy, y, k=8)
    assert (table["class"][hot] == "hot 99 %").mean() > 0.8
    assert (table["class"][cold] == "cold 99 %").mean() > 0.8
    assert table["class"][~hot & ~cold].str.contains("99").mean() < 0.15
    assert sum(facts["classes"].values()) == 400
    assert facts["after_fdr"] == table["after_fdr"].sum() < (table["p"] < 0.05).sum()
    assert set(table["class"]) <= set(CLASSES)
    assert facts["neighbours"] == "the 8 nearest samples"
    assert "no model may use it" in facts["note"]


def test_classes_follow_the_normal_quantiles():
    spots = hot_spots(places(200), np.random.default_rng(11).normal(size=200), k=6)
    for z, p, name in zip(spots.z, spots.p, spots.label, strict=True):
        level = "not significant" if p > 0.1 else f"{'hot' if z > 0 else 'cold'} {99 if p <= 0.01 else 95 if p <= 0.05 else 90} %"
        assert name == level


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: gi_star(places(9), np.arange(9.0), k=3, band=5.0), SettingsError, "not by two"),
        (lambda: gi_star(places(9), np.arange(9.0), k=0), SettingsError, "whole number"),
        (lambda: gi_star(places(9), np.arange(9.0), band=-1.0), SettingsError, "above 0"),
        (lambda: gi_star(places(9), np.arange(8.0)), ModelError, "9 places and 8 values"),
        (lambda: gi_star(places(9), np.full(9, np.nan)), ModelError, "9 of 9 values"),
        (lambda: gi_star(None, np.arange(3.0), weights=-np.ones((3, 3))), SettingsError, "at least 0"),
        (lambda: gi_star(None, np.arange(3.0), weights=np.ones((2, 2))), ModelError, "one column per value"),
        (lambda: GiStarFeature().fit(places(9), np.arange(9.0)).transform_train_oof(np.zeros(9)), ModelError, "two folds"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(call, error, said):
    with pytest.raises(error, match=said):
        call()


@pytest.mark.parametrize("settings", [{"k": 8}, {"band": 90.0}])
def test_many_new_places_give_what_each_gives_alone(settings):
    xy, y, new = places(150), np.random.default_rng(12).lognormal(size=150), places(70_000, 13)
    feature = GiStarFeature(**settings).fit(xy, y)
    z = feature.transform(new)
    for rows in ([0], [65_535, 65_536], [69_999]):
        np.testing.assert_array_equal(feature.transform(new[rows]), z[rows])


@pytest.mark.parametrize("value", [0.3, 1.7, 3.3])
def test_values_that_do_not_vary_have_no_hot_spots(value):
    y = np.full(200, value)
    assert y.std() > 0  # rounding, from which a z of 2.7 was made
    assert np.isnan(gi_star(places(200), y, k=8)).all() and np.isnan(gi_star(places(200), y, k=8, star=False)).all()
    assert set(hot_spots(places(200), y, k=8).label) == {"no neighbours"}
    assert np.isnan(GiStarFeature().fit(places(200), y).transform(places(20, seed=1))).all()
