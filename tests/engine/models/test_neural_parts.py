"""Scaling, validation, augmentation and the comparison with a simpler learner: what every network is fitted with."""

import numpy as np
import pytest

from soilcore.core.errors import ModelError, SettingsError
from soilcore.features.surroundings import NetworkNeeds, PatchNeed, SequenceNeed, Surroundings
from soilcore.models.neural_augment import FlipsAndTurns, turned_by
from soilcore.models.neural_gate import Measured, measure, too_few_samples
from soilcore.models.neural_inputs import SoilNetInputs, SpectraInputs, SSSoilNetInputs, mean_of_cells
from soilcore.models.neural_profiles import PROFILES, own_scale, training_settings
from soilcore.models.neural_scaling import Moments, Scaled, TargetScale, minus_window_mean, target_scale
from soilcore.models.neural_validation import Division, divide
from soilcore.models.settings import NetworkSettings
from tests.engine.models.neural_samples import INDICES, SOILNET_NEEDS, SS_NEEDS, WINDOW, network, samples

rng = np.random.default_rng(8)


def test_moments_gathered_in_parts_are_those_of_the_whole():
    values = rng.normal(1500, 3, (70, 2, 5, 5))
    values[3, 1, 2, 2] = np.nan
    moments = Moments()
    for start in range(0, 70, 32):
        moments.add(values[start : start + 32], axis=1)
    scaled = moments.standard()
    assert np.allclose(scaled.shift, np.nanmean(values, axis=(0, 2, 3)), rtol=1e-12)
    assert np.allclose(scaled.spread, np.nanstd(values, axis=(0, 2, 3)), rtol=1e-9)
    assert np.allclose(moments.range().shift, np.nanmin(values, axis=(0, 2, 3)))


def test_constant_and_missing_channels_scale_to_zero():
    values = np.stack([np.full((4, 3), 7.0), np.full((4, 3), np.nan)], axis=1)
    moments = Moments()
    moments.add(values, axis=1)
    assert not moments.standard()(values.astype(np.float32), axis=1).any()
    assert not moments.range()(values.astype(np.float32), axis=1).any()


def test_elevation_is_taken_against_its_window_and_day_numbers_as_they_are():
    data = samples(SS_NEEDS, 50)
    inputs = SSSoilNetInputs.learn(data.X.to_numpy(), list(INDICES), data.surroundings, PROFILES["sssoilnet"])
    window = data.surroundings.batch()["window"]
    found = inputs.arrays(data.X.to_numpy(), data.surroundings.batch())
    centred = window[:, 0] - window[:, 0].mean(axis=(1, 2), keepdims=True)
    assert np.allclose(found["window"][:, 0], centred / centred.std(), atol=1e-3)
    assert np.allclose(found["window"][:, 1], (window[:, 1] - window[:, 1].mean()) / window[:, 1].std(), atol=1e-4)
    assert np.abs(found["indices"].mean(axis=0)).max() < 1e-5
    assert inputs.layers == WINDOW
    lifted = {**data.surroundings.batch(), "window": window + np.array([300, 0, 0], np.float32)[:, None, None]}
    assert np.allclose(inputs.arrays(data.X.to_numpy(), lifted)["window"], found["window"], atol=2e-3)


def test_the_scaling_is_that_of_the_training_samples_alone():
    data = samples(SS_NEEDS, 60)
    train = np.arange(40)
    learned = SSSoilNetInputs.learn(data.X.to_numpy()[train], list(INDICES), data.surroundings.take(train), PROFILES["sssoilnet"])
    order = [*learned.vegetation, *learned.bare, *learned.water]
    assert np.allclose(learned.indices.shift, data.X[order].to_numpy()[train].mean(axis=0))
    spectrum = mean_of_cells(data.surroundings.batch(train)["centre"])
    assert np.allclose(learned.spectrum.shift, spectrum.mean(axis=0), rtol=1e-6)
    assert not np.allclose(learned.spectrum.shift, mean_of_cells(data.surroundings.batch()["centre"]).mean(axis=0), rtol=1e-6)


def test_wild_and_missing_indices_are_bounded_and_marked():
    data = samples(SS_NEEDS, 50)
    inputs = SSSoilNetInputs.learn(data.X.to_numpy(), list(INDICES), data.surroundings, PROFILES["sssoilnet-index"])
    X = data.X.to_numpy().copy()
    place = INDICES.index("SI")
    X[0, place], X[1, place] = 1e9, np.nan
    found = inputs.arrays(X, data.surroundings.batch())
    position = (*inputs.vegetation, *inputs.bare, *inputs.water).index("SI")
    assert found["indices"][0, position] == 10
    assert found["indices"][1, position] == 0
    assert found["missing"].sum() == found["missing"][1, position] == 1


def test_ndvi_comes_from_the_bands_where_it_is_no_column():
    data = samples(SS_NEEDS, 20)
    X, names = data.X.drop(columns="NDVI"), [name for name in INDICES if name != "NDVI"]
    inputs = SSSoilNetInputs.learn(X.to_numpy(), names, data.surroundings, PROFILES["sssoilnet"])
    centre = data.surroundings.batch()["centre"].mean(axis=(2, 3))
    red, near = centre[:, 2], centre[:, 4]
    assert np.allclose(inputs.arrays(X.to_numpy(), data.surroundings.batch())["ndvi"], (near - red) / (near + red), atol=1e-5)


@pytest.mark.parametrize("band", ["B", "B1", "CA"])
def test_soilnet_keeps_reflectance_and_brings_everything_else_to_0_1(band):
    layers = (band, "NDVI", "elevation", "slope_deg", "SAI")
    values = np.stack(
        [
            rng.uniform(0, 0.4, (30, 8, 8)),
            rng.uniform(-1, 1, (30, 8, 8)),
            rng.uniform(2, 9, (30, 8, 8)),
            rng.uniform(0, 1, (30, 8, 8)),
            rng.uniform(-9, 9, (30, 8, 8)),
        ],
        axis=1,
    ).astype(np.float32)
    months = rng.uniform(200, 320, (30, 12, 1)).astype(np.float32)
    needs = NetworkNeeds((PatchNeed("image", layers, 8),), SequenceNeed(("tmmx",), 12))
    around = Surroundings(needs, rng.uniform(0, 100, (30, 2)), {"image": values}, months)
    inputs = SoilNetInputs.learn(None, None, around, PROFILES["soilnet"])
    found = inputs.arrays(None, around.batch())
    assert np.array_equal(found["image"][:, 0], values[:, 0])
    assert np.allclose(found["image"][:, 1], (values[:, 1] + 1) / 2)
    for layer in (2, 3, 4):
        assert found["image"][:, layer].min() == pytest.approx(0, abs=1e-6)
        assert found["image"][:, layer].max() == pytest.approx(1, abs=1e-6)
    assert (found["climate"].min(), found["climate"].max()) == pytest.approx((0, 1), abs=1e-6)
    assert inputs.arrays(None, {"image": np.full((1, 5, 8, 8), 1e4, np.float32), "sequence": months[:1]})["image"].max() == 1
    assert not inputs.arrays(None, {"image": np.full((1, 5, 8, 8), np.nan, np.float32), "sequence": months[:1]})["image"].any()


def test_spectra_go_in_as_they_are():
    X = rng.normal(size=(3, 500))
    inputs = SpectraInputs.learn(X, None, None, PROFILES["spectra-cnn"])
    assert np.array_equal(inputs.arrays(X)["spectrum"], X.astype(np.float32))
    assert inputs.options == {"length": 500, "blocks": 5}
    assert SpectraInputs(100).options["blocks"] == 3


@pytest.mark.parametrize("inputs", [SSSoilNetInputs, SoilNetInputs])
def test_inputs_come_back_from_what_is_stored(inputs):
    profile = PROFILES["sssoilnet" if inputs is SSSoilNetInputs else "soilnet"]
    data = samples(SS_NEEDS if inputs is SSSoilNetInputs else SOILNET_NEEDS, 12)
    learned = inputs.learn(data.X.to_numpy(), list(INDICES), data.surroundings, profile)
    facts, arrays = learned.stored()
    again = inputs.rebuilt(facts, arrays)
    for name, values in learned.arrays(data.X.to_numpy(), data.surroundings.batch()).items():
        assert np.array_equal(values, again.arrays(data.X.to_numpy(), data.surroundings.batch())[name])
    arrays.pop(next(iter(arrays)))
    with pytest.raises(ModelError, match="lacks the scaling"):
        inputs.rebuilt(facts, arrays)


def test_a_scaling_with_impossible_numbers_is_refused():
    with pytest.raises(ModelError, match="impossible"):
        Scaled.from_arrays("a", Scaled(np.zeros(2), np.array([1.0, 0.0])).to_arrays("a"))


def test_the_mean_of_a_window_is_that_of_its_known_cells():
    window = np.array([[[1, 2], [np.nan, 6]]], np.float32)
    assert np.array_equal(minus_window_mean(window), np.array([[[-2, -1], [np.nan, 3]]], np.float32), equal_nan=True)


@pytest.mark.parametrize("own", ["linear", "log1p", "minmax"])
@pytest.mark.parametrize("positive", [False, True])
def test_targets_come_back_from_every_scale(own, positive):
    y = rng.uniform(0, 80, 50)
    scale = target_scale(y, own, positive=positive)
    assert np.allclose(scale.inverse(scale.forward(y)), y)
    assert TargetScale.from_dict(scale.to_dict()) == scale
    if positive:
        assert scale.forward(y).min() >= -3 if own == "linear" else scale.forward(y).min() >= 0


def test_minmax_to_a_highest_value_clips_targets_in_training_and_no_prediction():
    scale = target_scale(np.array([10.0, 120.0]), "minmax", least=0.0, highest=87.0)
    assert scale.forward([0.0, 87.0, 120.0]).tolist() == [0.0, 1.0, 1.0]
    assert scale.inverse([1.2])[0] == pytest.approx(104.4)


def test_the_scale_a_network_takes_for_itself():
    y = np.array([0.0, 3.0])
    soilnet, spectra = PROFILES["soilnet"], PROFILES["spectra-cnn"]
    assert own_scale(soilnet, NetworkSettings(), "none", y) == ("log1p", None)
    assert own_scale(soilnet, NetworkSettings(), "log10", y + 1) == ("linear", None)
    assert own_scale(soilnet, NetworkSettings(), "none", y - 1) == ("linear", None)
    assert own_scale(spectra, NetworkSettings(), "none", y) == ("linear", None)
    assert own_scale(spectra, NetworkSettings(target="log1p"), "none", y) == ("log1p", None)
    assert own_scale(soilnet, NetworkSettings(target="minmax:87"), "none", y) == ("minmax", 87.0)
    for wrong in ("minmax:x", "minmax:-2", "log1p:3"):
        with pytest.raises(SettingsError):
            own_scale(soilnet, NetworkSettings(target=wrong), "none", y)
    with pytest.raises(SettingsError, match="at least 0"):
        own_scale(soilnet, NetworkSettings(target="log1p"), "none", y - 1)


def test_a_logarithm_nobody_asked_for_comes_back_as_a_mean():
    """Noise that no input explains: the mean of the predictions is that of the targets, not of their logarithms."""
    data = samples(SS_NEEDS, 200)
    y = np.exp(0.9 * np.random.default_rng(4).normal(size=200))
    learner = network("sssoilnet-index", epochs=3).fit(data.X, y, coordinates=data.surroundings)
    median = np.exp(learner.scale_.logarithm(learner._outputs(_rows_of(learner, data), "forward").mean(axis=0))) - 1
    assert learner.scale_.smearing > 1.05
    assert abs(learner.predict(data.X, data.surroundings).mean() - y.mean()) < abs(median.mean() - y.mean())


def _rows_of(learner, data):
    from soilcore.models.neural_inputs import RowsOf

    return RowsOf(learner.inputs_, data.X.to_numpy(), data.surroundings)


def test_training_is_that_of_the_paper_until_the_user_says_otherwise():
    how = training_settings(PROFILES["soilnet"], NetworkSettings(), seed=1, device="cpu", threads=1)
    assert (how.loss, how.optimizer, how.learning_rate, how.schedule, how.step_epochs, how.step_factor, how.epochs) == (
        "rmse",
        "adam",
        1e-4,
        "step",
        10,
        0.2,
        30,
    )
    how = training_settings(PROFILES["sssoilnet"], NetworkSettings(), seed=1, device="cpu", threads=1)
    assert (how.loss, how.optimizer, how.weight_decay, how.schedule, how.patience, how.epochs) == ("huber", "adamw", 1e-4, "cosine", 20, 200)
    how = training_settings(PROFILES["spectra-cnn"], NetworkSettings(), seed=1, device="cpu", threads=1)
    assert (how.schedule, how.lowest_rate, how.half_cycle, how.patience, how.monitor, how.min_delta, how.epochs) == (
        "cyclic",
        3e-5,
        5,
        3,
        "cycle_end",
        1e-4,
        201,
    )
    said = NetworkSettings(epochs=7, batch=8, patience=4, learning_rate=1e-2, loss="mse", precision="float32", deterministic=True)
    how = training_settings(PROFILES["spectra-cnn"], said, seed=1, device="cpu", threads=1)
    assert (how.epochs, how.batch, how.patience, how.learning_rate, how.lowest_rate, how.loss, how.deterministic) == (
        7,
        8,
        4,
        1e-2,
        None,
        "mse",
        True,
    )


def test_whole_groups_validate_and_no_window_of_training_reaches_over():
    places = rng.uniform(0, 15000, (400, 2))
    groups = (places // 3000).astype(int) @ [10, 1]
    division = divide(400, groups, places, 650.0, 0.15, 3)
    assert 0.08 < division.validation.size / 400 < 0.25
    assert not set(groups[division.validation]) & set(groups[division.train])
    apart = np.abs(places[division.train][:, None] - places[division.validation][None]).max(axis=2)
    assert apart.min() >= 650
    assert division.train.size > 200
    assert "whole groups" in division.note
    assert "not trained on" in division.note


@pytest.mark.parametrize(("sizes", "what"), [((100, 5, 5), "whole groups"), ((60, 50), "whole groups"), ((300, 2), "squares of the area")])
def test_a_group_that_is_most_of_the_samples_is_trained_on(sizes, what):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    places = np.column_stack([5000.0 * groups, np.zeros(groups.size)]) + np.random.default_rng(0).uniform(0, 3000, (groups.size, 2))
    for seed in range(8):
        division = divide(groups.size, groups, places, 0.0, 0.15, seed)
        assert what in division.note and division.train.size >= groups.size / 2 and division.validation.size >= groups.size / 20


def test_without_groups_squares_of_the_area_validate():
    places = rng.uniform(0, 15000, (300, 2))
    division = divide(300, None, places, 0.0, 0.15, 0)
    squares = {tuple(square) for square in (places[division.validation] // 2500).astype(int)}
    assert len(squares) < 20
    assert division.train.size + division.validation.size == 300


def test_windows_that_reach_over_everything_leave_the_samples_and_say_so():
    places = rng.uniform(0, 500, (100, 2))
    division = divide(100, None, places, 650.0, 0.15, 0)
    assert division.train.size + division.validation.size == 100
    assert "too many to leave out" in division.note


def test_spectra_without_groups_validate_at_random_and_with_groups_as_wholes():
    assert divide(100, None, None, 0.0, 0.15, 0).validation.size == 15
    groups = np.repeat(np.arange(10), 10)
    division = divide(100, groups, None, 0.0, 0.15, 0)
    assert not set(groups[division.validation]) & set(groups[division.train])
    assert divide(20, np.zeros(20, int), None, 0.0, 0.15, 0).validation.size == 3


def test_turned_windows_hold_nothing_new():
    window = rng.uniform(2, 5, (3, 16, 16)).astype(np.float32)
    for degrees in (0.0, 13.0, 45.0, 89.0):
        turned = turned_by(window, degrees)
        assert turned.shape == window.shape
        assert 2 <= turned.min() <= turned.max() <= 5
    assert np.allclose(turned_by(window, 0.0), window)
    assert np.allclose(turned_by(window, 90.0), np.rot90(window, axes=(1, 2)), atol=1e-4) or np.allclose(
        turned_by(window, 90.0), np.rot90(window, -1, axes=(1, 2)), atol=1e-4
    )


def test_augmentation_follows_its_generator_and_leaves_the_rest_alone():
    batch = {"image": rng.uniform(size=(6, 2, 9, 9)).astype(np.float32), "climate": rng.uniform(size=(6, 4, 2))}
    changed, again = (FlipsAndTurns()(batch, np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(changed["image"], again["image"])
    assert not np.array_equal(changed["image"], batch["image"])
    assert changed["climate"] is batch["climate"]
    still = FlipsAndTurns(turned=0.0)(batch, np.random.default_rng(1))["image"]
    assert np.allclose(np.sort(still.reshape(12, -1)), np.sort(batch["image"].reshape(12, -1)))


def test_a_network_that_loses_against_a_forest_is_told_so_with_the_errors():
    data = samples(SS_NEEDS, 80)
    target = data.X["SI"].to_numpy()
    division = Division(np.arange(60), np.arange(60, 80), "")
    poor = measure(network("sssoilnet"), data.X.to_numpy(), target, np.zeros(20), division, 0)
    assert poor.is_worse
    assert poor.reference == "rf"
    assert f"{poor.network_rmse:.3g}" in too_few_samples("sssoilnet", poor)
    good = measure(network("sssoilnet"), data.X.to_numpy(), target, target[60:], division, 0)
    assert good.network_rmse == 0
    assert too_few_samples("sssoilnet", good) == too_few_samples("sssoilnet", None) == ""
    assert measure(network("sssoilnet"), data.X.to_numpy(), target, target[:3], Division(np.arange(60), np.arange(3), ""), 0) is None


def test_gaps_of_the_table_do_not_keep_the_forest_from_comparing():
    data = samples(SS_NEEDS, 60)
    X = data.X.to_numpy().copy()
    X[::7, 3], X[:, 5] = np.nan, np.nan
    assert isinstance(
        measure(network("sssoilnet"), X, data.X["SI"].to_numpy(), np.zeros(15), Division(np.arange(45), np.arange(45, 60), ""), 0), Measured
    )


@pytest.mark.parametrize("own", ["linear", "log1p", "minmax"])
def test_predictions_stay_near_the_range_of_training(own):
    y = np.array([2.0, 5.0, 12.0])
    scale = target_scale(y, own)
    inside = scale.inverse(scale.forward(y))
    far = scale.inverse([-50.0, 50.0])
    highest = np.expm1(np.log1p(12) + 0.1 * np.log(13 / 3)) if own == "log1p" else 13.0
    assert np.allclose(inside, y)
    assert far[1] == pytest.approx(highest)
    assert 0 < far[0] < 2
    assert TargetScale.from_dict({name: value for name, value in scale.to_dict().items() if name != "limits"}).inverse([50.0])[0] > 100
