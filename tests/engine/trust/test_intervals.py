"""Prediction intervals: the promise kept on new places, every method stored and read again, honest about what it does not know."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilcore.core.errors import ModelError, SampleError, SettingsError
from soilcore.evaluation.protocol import evaluate
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.models.archive import FittedModel, load_model, save_model
from soilcore.models.pipelines import TunedRegressor
from soilcore.trust import interval_folds, interval_residuals
from soilcore.trust.applicability import AreaOfApplicability
from soilcore.trust.conformal import cv_plus_bounds, split_quantile, weighted_quantile
from soilcore.trust.interval_base import Common, in_own_unit
from soilcore.trust.interval_residuals import ConformalInterval, LocalInterval
from soilcore.trust.intervals import METHODS, IntervalSettings, fit_interval, interval_of

N = 80
COLUMNS = ["f0", "f1", "f2"]
TREES = 30


def ridge(transform="none"):
    return TunedRegressor("ridge", target_transform=transform, parameters={"alpha": 1.0})


def drawn(n, seed, noise=0.4):
    """Predictors, places in metres and a target with noise of known size."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=COLUMNS)
    return X, rng.uniform(0, 5000, (n, 2)), (X["f0"] - 0.5 * X["f1"] + noise * rng.normal(size=n)).to_numpy()


def evaluated(learner, X, y, xy=None, repeats=1, scheme="random"):
    splits = make_splits(SplitSettings(scheme, 5, repeats), len(y), coordinates=xy)
    return evaluate(learner, X, y, splits, keep_learners=True)


@pytest.fixture(scope="module")
def salt():
    """A model of a positive target on the log scale, its evaluation and its area of applicability."""
    X, xy, z = drawn(N, 0)
    learner, y = ridge("log10"), 10**z
    evaluation = evaluated(learner, X, y, xy)
    return learner.fit(X, y), evaluation, X, xy, AreaOfApplicability().fit(X, evaluation.splits)


@pytest.fixture(scope="module")
def made(salt):
    """The interval of every method."""
    learner, evaluation, X, _, _ = salt
    return {method: fit_interval(IntervalSettings(method, trees=TREES), learner, evaluation, X) for method in METHODS}


@pytest.fixture(scope="module")
def places(salt):
    """New places: predictors as of a map, prediction, coordinates."""
    X, xy, _ = drawn(300, 5)
    pixels = X.to_numpy(np.float32)
    return pixels, salt[0].predict_transformed(pixels), xy


def test_conformal_bounds_are_the_prediction_and_the_rank_of_the_out_of_fold_errors(salt, made, places):
    evaluation = salt[1]
    pixels, z, _ = places
    errors = np.abs(np.log10(evaluation.observed) - np.log10(evaluation.out_of_fold[0]))
    for level in (0.5, 0.9, 0.95):
        lower, upper = made["conformal"].bounds(pixels, z, level)
        half = split_quantile(errors, 1 - level)
        np.testing.assert_allclose((upper - z, z - lower), half, atol=1e-12)


def test_bounds_of_a_logarithm_are_not_symmetric_in_the_own_unit(salt, made, places):
    learner, *_ = salt
    pixels, z, _ = places
    lower, upper = (in_own_unit(learner.transform_, True, bound) for bound in made["conformal"].bounds(pixels, z))
    value = learner.predict(pixels)
    assert (lower > 0).all()
    assert (upper - value > 1.5 * (value - lower)).all()
    np.testing.assert_allclose(upper / value, value / lower)


@pytest.mark.parametrize("method", METHODS)
def test_bounds_hold_the_prediction_and_widen_with_the_level(method, made, places):
    pixels, z, xy = places
    previous = z, z
    for level in (0.3, 0.5, 0.8, 0.87, 0.9, 0.95):
        lower, upper = made[method].bounds(pixels, z, level, coordinates=xy)
        assert (lower <= previous[0] + 1e-12).all()
        assert (upper >= previous[1] - 1e-12).all()
        previous = lower, upper


@pytest.mark.parametrize("method", METHODS)
def test_the_probability_of_more_than_a_value_falls_with_it_and_agrees_with_the_bounds(method, made, places):
    pixels, z, xy = places
    interval = made[method]
    chances = np.stack([interval.exceedance(pixels, z, value, coordinates=xy) for value in np.linspace(-4, 4, 41)])
    assert (np.diff(chances, axis=0) <= 1e-12).all()
    assert chances[0].min() > 0.85
    assert chances[-1].max() < 0.15
    for level in (0.5, 0.9):
        lower, upper = interval.bounds(pixels, z, level, coordinates=xy)
        own = (lower < z - 1e-9) & (z + 1e-9 < upper)  # elsewhere the bound is the prediction, not the distribution's
        assert own.mean() > 0.5
        above, below = interval.exceedance(pixels, z, upper, coordinates=xy)[own], 1 - interval.exceedance(pixels, z, lower, coordinates=xy)[own]
        tail = (1 - level) / 2
        if method in ("cqr", "quantile-forest"):  # distributions with steps: half a step on either side
            assert (np.median(above), np.median(below)) == pytest.approx((tail, tail), abs=0.06)
        else:
            np.testing.assert_allclose((above, below), tail, atol=1 / N)


@pytest.mark.parametrize("method", METHODS)
def test_an_interval_comes_back_from_a_model_folder_to_the_last_bit(method, salt, places, tmp_path):
    learner, evaluation, X, _, area = salt
    pixels, z, xy = places
    interval = fit_interval(IntervalSettings(method, 0.8, trees=TREES), learner, evaluation, X, area=area)
    facts, arrays, learners = interval.stored()
    empty = {"recipe": {}, "target": {}, "envelope": {}, "scores": {}, "folds": {}}
    model = FittedModel(learner, "ridge", **empty, trust=facts, trust_arrays=arrays, trust_learners=learners)
    again = interval_of(load_model(save_model(model, tmp_path / "model")))
    assert (again.method, again.common, again.uses_coordinates) == (method, interval.common, interval.uses_coordinates)
    outside = np.arange(len(z)) % 3 == 0
    for mine, theirs in zip(interval.bounds(pixels, z, None, xy, outside), again.bounds(pixels, z, None, xy, outside), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(interval.exceedance(pixels, z, 0.3, xy), again.exceedance(pixels, z, 0.3, xy))


@pytest.mark.parametrize("method", METHODS)
def test_rows_do_not_depend_on_the_rows_beside_them(method, made, places):
    pixels, z, xy = places
    lower, upper = made[method].bounds(pixels, z, 0.9, xy)
    few = slice(40, 47)
    for whole, part in zip((lower, upper), made[method].bounds(pixels[few], z[few], 0.9, xy[few]), strict=True):
        np.testing.assert_array_equal(whole[few], part)


def test_a_model_without_intervals_says_so_and_an_unknown_method_is_refused(salt):
    model = FittedModel(salt[0], "ridge", {}, {}, {}, {}, {})
    assert interval_of(model) is None
    with pytest.raises(ModelError, match="'astrology'"):
        interval_of(replace(model, trust={"interval": {"method": "astrology"}}))


@pytest.mark.parametrize("method", ["conformal", "cv+", "local"])
def test_the_promise_is_kept_on_new_places_on_average(method):
    held, draws = [], 25
    for seed in range(draws):
        X, xy, y = drawn(60, 100 + seed)
        learner = ridge()
        evaluation = evaluated(learner, X, y, xy)
        learner.fit(X, y)
        interval = fit_interval(IntervalSettings(method), learner, evaluation, X)
        X, xy, y = drawn(400, 900 + seed)
        lower, upper = interval.bounds(X, learner.predict_transformed(X), 0.8, xy)
        held.append(((lower <= y) & (y <= upper)).mean())
    assert np.mean(held) == pytest.approx(0.8, abs=4 * np.sqrt(0.8 * 0.2 / 60 / draws) + 0.01)


def test_chances_of_exceeding_come_true_as_often_as_they_say():
    X, _, y = drawn(400, 7)
    learner = ridge()
    interval = fit_interval(IntervalSettings(), learner, evaluated(learner, X, y), X)
    learner.fit(X, y)
    X, _, y = drawn(4000, 8)
    chance = interval.exceedance(X, learner.predict_transformed(X), 0.5)
    for low, high in ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8), (0.8, 1.0)):
        chosen = (chance >= low) & (chance <= high)
        assert (y[chosen] > 0.5).mean() == pytest.approx(chance[chosen].mean(), abs=0.06)


def test_cqr_is_wider_where_the_target_is_noisier_and_still_covers():
    rng = np.random.default_rng(3)

    def noisy(n):
        X = pd.DataFrame(rng.uniform(-1, 1, (n, 2)), columns=["f0", "f1"])
        return X, (X["f0"] + np.where(X["f1"] > 0, 1.0, 0.1) * rng.normal(size=n)).to_numpy()

    X, y = noisy(300)
    learner = ridge()
    evaluation = evaluated(learner, X, y)
    learner.fit(X, y)
    interval = fit_interval(IntervalSettings("cqr", trees=TREES), learner, evaluation, X)
    X, y = noisy(1500)
    lower, upper = interval.bounds(X, learner.predict_transformed(X))
    loud = (X["f1"] > 0.1).to_numpy()
    assert (upper - lower)[loud].mean() > 2 * (upper - lower)[X["f1"] < -0.1].mean()
    assert ((lower <= y) & (y <= upper)).mean() == pytest.approx(0.9, abs=0.05)


def test_local_intervals_are_wide_where_errors_are_large_nearby():
    rng = np.random.default_rng(4)
    xy = rng.uniform(0, 10_000, (300, 2))
    scores = np.where(xy[:, 0] > 5000, 1.0, 0.1) * np.abs(rng.normal(size=300))
    interval = LocalInterval(Common(0.8, 300), scores, xy)
    _, upper = interval.bounds(None, np.zeros(2), 0.8, np.array([[1000.0, 5000.0], [9000.0, 5000.0]]))
    assert upper[1] > 3 * upper[0]
    reach = np.sort(np.hypot(*(xy - [1000, 5000]).T))[49]
    weights = np.exp(-0.5 * (np.hypot(*(xy - [1000, 5000]).T) / reach) ** 2)
    assert upper[0] == pytest.approx(weighted_quantile(scores, weights, 0.2), abs=1e-12)


def test_local_intervals_ask_for_places(salt, made, places):
    learner, evaluation, X, *_ = salt
    pixels, z, _ = places
    with pytest.raises(ModelError, match=r"places of 300 rows.*got none"):
        made["local"].bounds(pixels, z)
    nowhere = replace(evaluation, splits=replace(evaluation.splits, coordinates=None))
    with pytest.raises(SampleError, match="--x, --y and --crs"):
        fit_interval(IntervalSettings("local"), learner, nowhere, X)


def test_cv_plus_by_bisection_gives_the_ranks_of_sorting(made, places, monkeypatch):
    pixels, z, _ = places
    interval = made["cv+"]
    sorted_bounds = [interval.bounds(pixels, z, level) for level in (0.5, 0.9)]
    predictions = np.stack([learner.predict_transformed(pixels) for learner in interval.learners], axis=1)[:, interval.folds]
    lower, upper = cv_plus_bounds(predictions, interval.residuals, 0.1)
    np.testing.assert_allclose(sorted_bounds[1], (np.minimum(lower, z), np.maximum(upper, z)), atol=1e-9)
    monkeypatch.setattr(interval_folds, "_PARTITION", 10)
    for level, (lower, upper) in zip((0.5, 0.9), sorted_bounds, strict=True):
        np.testing.assert_allclose(interval.bounds(pixels, z, level), (lower, upper), atol=1e-9)


def test_cv_plus_fits_the_models_of_the_folds_where_they_were_not_kept(salt, made, places):
    learner, evaluation, X, *_ = salt
    pixels, z, _ = places
    again = fit_interval(IntervalSettings("cv+"), learner, replace(evaluation, learners=()), X)
    np.testing.assert_allclose(again.bounds(pixels, z), made["cv+"].bounds(pixels, z))


def test_split_conformal_trains_without_the_folds_it_is_calibrated_on(salt, made):
    _, evaluation, X, *_ = salt
    interval, folds = made["split"], evaluation.splits.folds(0)
    tested = np.concatenate([folds[0][1], folds[1][1]])
    train = np.setdiff1d(np.arange(N), tested)
    centre = ridge("log10").fit(X.iloc[train], evaluation.observed[train])
    errors = np.abs(centre.predict_transformed(X.iloc[tested]) - np.log10(evaluation.observed[tested]))
    np.testing.assert_allclose(interval.scores, np.sort(errors), atol=1e-9)
    assert interval.common.n == tested.size == 32


def test_too_few_samples_make_infinite_bounds_and_say_why():
    X, xy, z = drawn(9, 6)
    learner = ridge("log10")
    evaluation = evaluated(learner, X, 10**z, xy)
    learner.fit(X, 10**z)
    for method in ("conformal", "cv+", "local"):
        interval = fit_interval(IntervalSettings(method, 0.95), learner, evaluation, X)
        lower, upper = interval.bounds(X, learner.predict_transformed(X), coordinates=xy)
        assert np.isneginf(lower).all()
        assert np.isposinf(upper).all()
        assert "At least 19 samples" in interval.common.note
        assert np.isposinf(in_own_unit(learner.transform_, True, upper)).all()
        assert (in_own_unit(learner.transform_, True, lower) < 1e-100).all()
        chance = interval.exceedance(X, learner.predict_transformed(X), 50.0, xy)
        assert (chance >= 0.5 / 10 - 1e-12).all()  # what nine errors leave open


def test_repeats_calibrate_together_without_pretending_to_be_more_samples():
    X, _, y = drawn(40, 9)
    learner = ridge()
    once, often = evaluated(learner, X, y), evaluated(learner, X, y, repeats=4)
    interval = fit_interval(IntervalSettings(), learner, often, X)
    errors = np.sort(np.abs(often.out_of_fold - y).ravel())
    assert interval.half_width(0.9) == errors[37 * 4 - 1]  # rank ceil(41 * 0.9) = 37 of 40
    assert np.isinf(interval.half_width(0.99))
    assert interval.half_width(0.9) == pytest.approx(fit_interval(IntervalSettings(), learner, once, X).half_width(0.9), rel=0.3)


def test_bounds_are_never_narrower_outside_the_area_of_applicability(salt, places):
    learner, evaluation, X, _, area = salt
    pixels, z, _ = places
    far = np.abs(X["f0"].to_numpy()) + np.abs(X["f1"].to_numpy())
    worse = replace(evaluation, out_of_fold=evaluation.out_of_fold * 10 ** (0.5 * (far - far.mean()).clip(0)))
    interval = fit_interval(IntervalSettings(), learner, worse, X, area=area)
    assert interval.common.outside_factor > 1.1
    outside = np.arange(len(z)) % 2 == 0
    inner, outer = interval.bounds(pixels, z, 0.9), interval.bounds(pixels, z, 0.9, outside=outside)
    width, wide = inner[1] - inner[0], outer[1] - outer[0]
    np.testing.assert_allclose(wide, width * np.where(outside, interval.common.outside_factor, 1.0))
    chance = interval.exceedance(pixels, z, outer[1], outside=outside)
    np.testing.assert_allclose(chance, chance[1], atol=1e-9)
    assert fit_interval(IntervalSettings(), learner, evaluation, X).common.outside_factor == 1.0


def test_predictions_below_zero_of_a_target_that_is_never_negative_are_taken_as_zero():
    interval = ConformalInterval(Common(0.8, 4, floor=0.0), [0.1, 0.2, 0.3, 0.4])
    _, upper = interval.bounds(None, [-5.0, 1.0], 0.8)
    assert upper.tolist() == [0.4, 1.4]
    assert interval.exceedance(None, [-5.0], 0.45)[0] == pytest.approx(0.1)


def test_blocks_of_rows_do_not_change_local_intervals(made, places, monkeypatch):
    pixels, z, xy = places
    whole = made["local"].bounds(pixels, z, 0.9, xy)
    monkeypatch.setattr(interval_residuals, "_VALUES", N * 7)
    np.testing.assert_array_equal(made["local"].bounds(pixels, z, 0.9, xy), whole)


def test_impossible_settings_are_refused(salt):
    learner, evaluation, X, *_ = salt
    with pytest.raises(SettingsError, match=r"conformal, cv\+"):
        IntervalSettings("bootstrap")
    with pytest.raises(SettingsError, match=r"Write 0\.9 for 90 %"):
        IntervalSettings(level=90)
    with pytest.raises(ModelError, match="do not belong together"):
        fit_interval(IntervalSettings(), learner, evaluation, X.iloc[:10])


def test_local_intervals_name_the_samples_without_a_place():
    X, xy, y = drawn(40, 0)
    xy[[3, 8]] = np.nan
    with pytest.raises(SampleError, match="2 of 40 samples have no coordinates"):
        fit_interval(IntervalSettings("local"), ridge(), evaluated(ridge(), X, y, xy), X)


def test_cqr_bounds_beyond_the_highest_level_are_infinite_even_where_quantiles_are_alike():
    """Half of the target is 0: all lower quantiles are, and the lower bound was not -infinity but the prediction."""
    X, _, y = drawn(60, 0)
    y = np.where(np.arange(60) % 2, 0.0, y - y.min())
    interval = fit_interval(IntervalSettings("cqr", trees=20), ridge(), evaluated(ridge(), X, y), X)
    lower, upper = interval.bounds(X, np.full(60, 1.0), 0.999)
    assert np.isneginf(lower).all() and np.isposinf(upper).all()


@pytest.mark.parametrize("method", METHODS)
def test_what_a_folder_holds_of_an_interval_is_checked_before_it_is_used(method, salt, made):
    facts, arrays, learners = made[method].stored()
    model = FittedModel(salt[0], "ridge", {}, {}, {}, {}, {}, trust=facts, trust_arrays=arrays, trust_learners=learners)
    for name, array in arrays.items():
        for damaged in (array[:-1], np.stack([array, array])):
            with pytest.raises(ModelError, match=r"intervals cannot be put together|do not belong to"):
                interval_of(replace(model, trust_arrays=arrays | {name: damaged}))
    for facts in ({"interval": {"method": method}}, {"interval": 5}):
        with pytest.raises(ModelError, match="intervals cannot be put together"):
            interval_of(replace(model, trust=facts))
