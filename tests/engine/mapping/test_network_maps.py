"""Maps of networks: what the learner says of every pixel by itself, with the shared work done once; whatever windows, blocks and batches."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch

from soilcore.core.errors import FeatureError, SettingsError, Stopped
from soilcore.features.recipe import FeatureRecipe
from soilcore.mapping import networks_pixels
from soilcore.mapping.predict import MapSettings, predict_map
from soilcore.models.archive import FittedModel
from soilcore.models.pipelines import TunedRegressor
from tests.engine import network_worlds as worlds

CASES = {
    "sssoilnet": {"name": "sssoilnet", "size": 17},
    "windows of coarse cells": {"name": "sssoilnet", "size": 9, "window_cell": 30.0},
    "stack": {"name": "sssoilnet-stack", "size": 17},
    "spectrum and indices": {"name": "sssoilnet-spec-index", "size": 17},
    "indices": {"name": "sssoilnet-index", "size": 17},
    "dense": {"name": "sssoilnet-dense", "size": 25},
    "dense over coarse cells": {"name": "sssoilnet-dense", "size": 25, "window_cell": 20.0},
    "two small SoilNets": {"name": "soilnet-small", "size": 16, "cell": 30.0, "members": 2, "epochs": 1},
    "small SoilNet": {"name": "soilnet-small", "size": 16},
}
_MADE = {}
pytestmark = pytest.mark.usefixtures("one_torch_thread")


def world_of(case):
    """A fitted network, made once."""
    if case not in _MADE:
        _MADE[case] = worlds.fitted(**CASES[case])
    return _MADE[case]


def mapped(world, out, region=None, report=None, **settings):
    """Facts and values of a map."""
    told = {} if report is None else {"report": report}
    settings = {"window": 32, "threads": 1, "device": "cpu"} | settings
    facts = predict_map(world.model, world.source, MapSettings(str(out / "m.tif"), overwrite=True, **settings), region=region, **told)
    return facts, read(out / "m.tif")


def read(path):
    with rasterio.open(path) as raster:
        return raster.read(1)


@pytest.mark.parametrize("case", CASES)
def test_every_pixel_is_what_the_learner_says_of_a_sample_there(case, tmp_path):
    world = world_of(case)
    facts, values = mapped(world, tmp_path)
    rows, cols = (each.ravel() for each in np.mgrid[: world.source.grid.height, : world.source.grid.width])
    few = slice(None, None, 5)
    expected = worlds.one_by_one(world.learner, world.source, rows[few], cols[few])
    found = values.ravel()[few]
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))
    known = np.isfinite(expected)
    assert 0.03 < np.isnan(expected).mean() < 0.2
    np.testing.assert_allclose(found[known], expected[known], rtol=1e-5)
    assert np.abs(found[known] - expected[known]).max() < 2e-3 * expected[known].std()  # the network does tell places apart
    assert facts["valid"] == np.isfinite(values).sum()
    assert facts["device"] == "cpu"
    assert facts["pixels_per_second"] > 0
    assert facts["dense"] == case.startswith("dense")
    assert facts["stride_error"] is None


@pytest.mark.parametrize(
    ("case", "settings"), [("dense", {"window": 512}), ("dense", {"window": 20, "threads": 2}), ("small SoilNet", {"window": 19})]
)
def test_windows_and_threads_never_show_in_the_map(case, settings, tmp_path):
    world = world_of(case)
    _, first = mapped(world, tmp_path)
    _, again = mapped(world, tmp_path, **settings)
    np.testing.assert_allclose(again, first, rtol=2e-6)
    assert torch.get_num_threads() == 1


def test_blocks_of_dense_inference_leave_no_seam(tmp_path, monkeypatch):
    world = world_of("dense")
    _, first = mapped(world, tmp_path, window=64)
    monkeypatch.setattr(networks_pixels, "_BLOCK", 11)
    _, again = mapped(world, tmp_path, window=64)
    np.testing.assert_allclose(again, first, rtol=2e-6)


def test_every_window_is_read_once(tmp_path):
    world = world_of("dense")
    world.source.reads.clear()
    mapped(world, tmp_path)
    assert len(world.source.reads) == 4
    assert (world.source.reads[0].height, world.source.reads[0].width) == (42, 32 + 12)


def test_outside_the_region_nothing_is_computed(tmp_path):
    world = world_of("indices")
    inside = np.zeros(world.source.grid.shape, bool)
    inside[8:20, 10:40] = True

    class Region:
        def keep(self, window):
            return inside[window.slices]

    facts, values = mapped(world, tmp_path, Region())
    everything = mapped(world, tmp_path)[1]
    np.testing.assert_allclose(values, np.where(inside, everything, np.nan), rtol=2e-6)
    assert facts["computed"] == facts["valid"] == np.isfinite(values).sum()


def test_memory_that_is_too_small_halves_the_batch_and_says_so(tmp_path, monkeypatch):
    world = world_of("windows of coarse cells")
    whole, member = mapped(world, tmp_path)[1], world.learner.members_[0]

    def narrow(windows, usual=member.embed_window):
        if len(windows) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return usual(windows)

    monkeypatch.setattr(member, "embed_window", narrow, raising=False)
    facts, values = mapped(world, tmp_path)
    np.testing.assert_allclose(values, whole, rtol=2e-6)
    assert "batches of 16 windows" in facts["notes"][0]


def test_progress_is_told_and_a_stop_is_heard_inside_a_window(tmp_path):
    world, heard = world_of("small SoilNet"), []
    mapped(world, tmp_path, report=lambda done, total, message: heard.append(done / total), window=512)
    assert heard == sorted(heard)
    assert len(heard) > 20
    (tmp_path / "m.tif").unlink()
    (tmp_path / "m.qml").unlink()
    (tmp_path / "m.sld").unlink()

    def stop(done, total, message):
        if done / total > 0.3:
            raise Stopped

    with pytest.raises(Stopped):
        mapped(world, tmp_path, report=stop, window=512)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("case", ["sssoilnet", "dense"])
def test_with_a_stride_the_skipped_pixels_are_interpolated_and_the_error_is_what_is_said(case, tmp_path):
    world = world_of(case)
    _, whole = mapped(world, tmp_path)
    facts, values = mapped(world, tmp_path, stride=4)
    np.testing.assert_array_equal(np.isnan(values), np.isnan(whole))
    same = np.isclose(values, whole, rtol=2e-6)
    assert 0.05 < same[np.isfinite(whole)].mean() < 0.6
    assert facts["computed"] < 0.65 * facts["valid"]
    skipped = np.isfinite(whole) & ~same
    error, said = np.abs(values - whole)[skipped], facts["stride_error"]
    assert facts["stride"] == 4
    assert said["n"] > 50
    assert said["rmse"] == pytest.approx(np.sqrt(np.mean(error**2)), rel=0.35)
    assert said["max"] <= error.max() * (1 + 1e-6)
    _, other = mapped(world, tmp_path, stride=4, window=19)
    np.testing.assert_allclose(other, values, rtol=2e-6)


def test_a_stride_is_refused_for_models_without_windows_and_when_impossible(tmp_path):
    world = world_of("indices")
    forest = TunedRegressor("ridge").fit(world.X, world.y)
    model = FittedModel(forest, "ridge", FeatureRecipe(columns=worlds.NAMES).to_dict(), world.model.target, {}, {}, {})
    with pytest.raises(SettingsError, match="for networks that read windows"):
        predict_map(model, world.source, MapSettings(str(tmp_path / "m.tif"), stride=4))
    with pytest.raises(SettingsError, match="1 to 64"):
        mapped(world, tmp_path, stride=0)


def test_climate_is_that_of_each_pixel_and_of_the_date(tmp_path):
    world = world_of("small SoilNet")
    same = np.repeat(world.source.climate.store.values[:1], 2, axis=0)
    other = worlds.ArraySource(world.source.grid, world.source.values, worlds.NAMES, climate=worlds.make_climate(world.source.grid))
    other.climate.store.values[:] = same
    _, values = mapped(world, tmp_path)
    world.source, own = other, world.source
    try:
        _, changed = mapped(world, tmp_path)
        left, right = np.isclose(changed, values, rtol=2e-6)[:, :20], np.isclose(changed, values, rtol=2e-6)[:, 32:]
        assert left[np.isfinite(values[:, :20])].all()
        assert not right[np.isfinite(values[:, 32:])].any()
        world.source = worlds.ArraySource(own.grid, own.values, own.names, climate=own.climate, date=date(2031, 1, 1))
        with pytest.raises(FeatureError, match="2019-01 to 2019-12"):
            mapped(world, tmp_path)
        world.source = worlds.ArraySource(own.grid, own.values, own.names)
        with pytest.raises(FeatureError, match="--climate"):
            mapped(world, tmp_path)
    finally:
        world.source = own


@pytest.fixture(scope="module")
def trusted():
    """A network for dense maps with everything that training stores of trust."""
    return worlds.trusted("sssoilnet-dense", 25)


@pytest.mark.parametrize("stride", [1, 3])
def test_layers_of_trust_are_those_of_the_learned_features(stride, trusted, tmp_path):
    world = trusted
    everything = {"interval": 0.8, "thresholds": (4.0,), "aoa": True, "classes": "usda", "stride": stride}
    facts, values = mapped(world, tmp_path, **everything)
    layers = {key: read(path) for key, path in facts["layers"].items()}
    assert set(layers) == {"value", "class", "lower", "upper", "p_gt_4", "di", "aoa", "error", "lpd"}
    valid = np.isfinite(values)
    assert (np.isfinite(layers["di"]) == valid).all()
    assert (layers["lower"][valid] <= values[valid]).all() and (values[valid] <= layers["upper"][valid]).all()
    np.testing.assert_array_equal(layers["aoa"][valid] == 1, layers["di"][valid] <= np.float32(world.area.threshold_))
    if stride > 1:
        return
    rows, cols = (each[::7] for each in np.nonzero(valid))
    x, y = worlds.centres(world.grid, rows, cols)
    around, _ = worlds.surroundings_at(world.learner.needs_, world.source, x, y)
    X = pd.DataFrame(world.source.values[:, rows, cols].T.astype(float), columns=list(worlds.NAMES))
    di, lpd = world.area.dissimilarity_and_density(world.area.features(world.learner, X, around))
    np.testing.assert_allclose(layers["di"][rows, cols], di, rtol=1e-4, atol=1e-5)
    assert (layers["lpd"][rows, cols] == lpd).mean() > 0.99
    z = world.learner.predict_transformed(X, around)
    lower, upper = world.interval.bounds(X, z, 0.8, outside=~world.area.inside(di))
    np.testing.assert_allclose(layers["upper"][rows, cols], world.learner.way_back_(upper), rtol=1e-4)
    assert (lower <= upper).all()


def test_intervals_from_the_networks_of_folds_see_the_surroundings_of_pixels(tmp_path):
    world = worlds.trusted("sssoilnet-dense", 25, "cv+")
    facts, values = mapped(world, tmp_path, interval=0.8)
    upper = read(facts["layers"]["upper"])
    rows, cols = (each[::29] for each in np.nonzero(np.isfinite(values)))
    x, y = worlds.centres(world.grid, rows, cols)
    around, _ = worlds.surroundings_at(world.learner.needs_, world.source, x, y)
    X = pd.DataFrame(world.source.values[:, rows, cols].T.astype(float), columns=list(worlds.NAMES))
    outside = ~world.area.inside(world.area.dissimilarity(world.area.features(world.learner, X, around)))
    _, expected = world.interval.bounds(X, world.learner.predict_transformed(X, around), 0.8, coordinates=around, outside=outside)
    np.testing.assert_allclose(upper[rows, cols], world.learner.way_back_(expected), rtol=1e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here: maps on a graphics card are not tested")
@pytest.mark.parametrize("case", ["sssoilnet", "dense", "small SoilNet"])
def test_a_graphics_card_gives_the_same_map(case, tmp_path):
    world = world_of(case)
    _, values = mapped(world, tmp_path)
    facts, there = mapped(world, tmp_path, device="cuda")
    assert facts["device"] == "cuda"
    np.testing.assert_allclose(there, values, rtol=1e-3)
