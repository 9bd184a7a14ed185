"""Attribution maps of networks: each pixel as if it were explained alone, whatever windows; what they miss is stated; coarse where they are slow."""

import numpy as np
import pandas as pd
import pytest
import rasterio

from soilcore.core.errors import SettingsError, Stopped
from soilcore.explanation.layers import attribution_maps
from soilcore.explanation.network_layers import BASELINES, names_of, places_in, step_of_network
from soilcore.explanation.networks import member_attributions
from soilcore.mapping.predict import MapSettings, predict_map
from tests.engine import network_worlds as worlds

pytestmark = pytest.mark.usefixtures("one_torch_thread")
CASES = {
    "sssoilnet": {"name": "sssoilnet", "size": 9},
    "hard gate": {"name": "sssoilnet-index"},
    "climate": {"name": "soilnet-small", "size": 16, "members": 2},
}
_MADE = {}


def world_of(case):
    """A fitted network, made once."""
    if case not in _MADE:
        _MADE[case] = worlds.fitted(**CASES[case], epochs=1, samples=16)
        if case == "hard gate":
            harden(_MADE[case].learner)
    return _MADE[case]


def harden(learner):
    """The gate of every member open or shut."""
    for member in learner.members_:
        member.index.gate = "hard"
        del member.index.tau


def made_of(world, out, **more):
    more = {"step": 11, "draws": 4, "device": "cpu"} | more
    return attribution_maps(world.model, world.source, out, trained=(world.X, world.around), **more)


def read(path):
    with rasterio.open(path) as raster:
        return raster.read(1)


def alone(world, row, col, draws):
    """Attributions of one pixel by itself: values by driver, base and prediction."""
    x, y = worlds.centres(world.source.grid, [row], [col])
    around, _ = worlds.surroundings_at(world.learner.needs_, world.source, x, y)
    X = pd.DataFrame(world.source.values[:, [row], [col]].T.astype(float), columns=list(worlds.NAMES))
    baselines = min(BASELINES, len(world.X) // 2)
    members = member_attributions(world.learner, X, world.X, around, world.around, draws=draws, baselines=baselines, window=True)
    parts = [np.mean([one.values(name)[0] for one in members], axis=0) for name in members[0].halves]
    parts = [part.sum(axis=0) if name == "climate" else np.ravel(part) for name, part in zip(members[0].halves, parts, strict=True)]
    base, predicted = (np.mean([getattr(one, what)[0] for one in members]) + world.learner.scale_.shift for what in ("expected", "predicted"))
    return np.concatenate(parts), base, predicted


@pytest.mark.parametrize("case", CASES)
def test_a_pixel_of_the_layers_is_what_it_is_alone_with_the_same_draws(case, tmp_path):
    world = world_of(case)
    facts = made_of(world, tmp_path / "m")
    layers = np.stack([read(facts["layers"][name]) for name in names_of(world.learner)])
    values, base, predicted = alone(world, 16, 16, 4)
    np.testing.assert_allclose(layers[:, 1, 1], values, rtol=1e-3, atol=1e-5 * np.abs(values).max())
    assert read(facts["prediction"])[1, 1] == pytest.approx(predicted, rel=1e-5)
    assert (read(facts["expected"])[1, 1] if facts["expected"] else facts["base"]) == pytest.approx(base, rel=1e-5)
    assert (facts["expected"] is not None) == (case == "hard gate")


def test_what_the_layers_miss_is_stated_and_the_prediction_is_that_of_the_map(tmp_path):
    world = world_of("hard gate")
    facts = made_of(world, tmp_path / "m", step=3, draws=6)
    total = sum(read(path).astype(float) for path in facts["layers"].values())
    expected, predicted = read(facts["expected"]), read(facts["prediction"])
    gaps = np.abs(expected + total - predicted)[np.isfinite(predicted)]
    assert facts["additivity_error"] == pytest.approx(gaps.max(), rel=1e-3)
    assert facts["additivity_error_mean"] == pytest.approx(gaps.mean(), rel=1e-3)
    assert f"by {gaps.mean():.2g} on average" in facts["note"] and "6 draws" in facts["note"]
    predict_map(world.model, world.source, MapSettings(str(tmp_path / "map.tif"), window=64, threads=1, device="cpu"))
    rows, cols = (np.minimum(np.arange(1, length + 1, 3), length - 1) for length in world.source.grid.shape)
    whole = read(tmp_path / "map.tif")[rows[:, None], cols]
    np.testing.assert_array_equal(np.isfinite(whole), np.isfinite(predicted))
    known, scale = np.isfinite(whole), world.learner.scale_
    assert scale.name == "log1p" and rasterio.open(facts["prediction"]).units == ("log1p(dS/m)",)
    np.testing.assert_allclose(scale.inverse((predicted[known] - scale.shift) / scale.spread), whole[known], rtol=1e-4)
    beyond = np.mean((predicted[known] < scale.limits[0]) | (predicted[known] > scale.limits[1]))
    assert 0 < beyond < 1 and f"At {100 * beyond:.2g} % of them" in facts["note"]
    assert 0 < facts["valid"] < facts["pixels"]
    strongest = np.abs(np.stack([read(path) for path in facts["layers"].values()]))[:, np.isfinite(predicted)].argmax(axis=0)
    share = np.mean(np.array(list(facts["layers"]))[strongest] == facts["classes"][0]["driver"])
    assert facts["classes"][0]["share"] == pytest.approx(share)


def test_windows_never_show_and_a_part_of_the_land_is_the_same(tmp_path):
    world = world_of("hard gate")
    names = names_of(world.learner)[:3]
    groups = {name: (name,) for name in names} | {"all others": tuple(names_of(world.learner)[3:])}
    whole, small = (made_of(world, tmp_path / str(side), step=2, groups=groups, window=side) for side in (256, 16))
    for name in (*groups, "prediction"):
        first, second = (read(facts["layers"].get(name, facts["prediction"])) for facts in (whole, small))
        np.testing.assert_allclose(second, first, rtol=1e-5, atol=1e-6)
    inside = np.zeros(world.source.grid.shape, bool)
    inside[8:20, 10:40] = True

    class Region:
        def keep(self, window):
            return inside[window.slices]

    part = made_of(world, tmp_path / "part", step=2, groups=groups, region=Region())
    first, second = (read(facts["layers"]["all others"]) for facts in (whole, part))
    np.testing.assert_allclose(second, np.where(inside[1::2, 1::2], first, np.nan), rtol=1e-5, atol=1e-6)


def test_progress_is_told_inside_a_window_and_a_stop_leaves_nothing(tmp_path):
    world, heard = world_of("hard gate"), []

    def stop(done, total, message):
        heard.append(done / total)
        if "attributions" in message and done / total > 0.4:
            raise Stopped

    with pytest.raises(Stopped):
        made_of(world, tmp_path / "m", step=2, report=stop)
    assert heard == sorted(heard) and len(heard) > 5
    assert not list(tmp_path.iterdir())
    with pytest.raises(SettingsError, match="start from its training samples"):
        attribution_maps(world.model, world.source, tmp_path / "m")


def test_slow_networks_are_explained_at_fewer_places_and_say_so():
    assert places_in(240, "soilnet") == 100 < places_in(240, "sssoilnet") < places_in(240, "soilnet-small") < places_in(240, "sssoilnet-index")
    assert places_in(240, "sssoilnet", cells=33) > 3 * places_in(240, "sssoilnet")
    assert places_in(240, "soilnet-small", members=5) < places_in(240, "soilnet-small") / 4
    world = world_of("hard gate")
    assert step_of_network(world.learner, world.source.grid) == (1, ())
    step, (said,) = step_of_network(world.learner, world.source.grid, places=30)
    rows, cols = (-(-length // step) for length in world.source.grid.shape)
    assert rows * cols <= 30 < -(-42 // (step - 1)) * -(-46 // (step - 1))
    assert f"{rows * cols} of 1932 pixels" in said
    with pytest.raises(SettingsError, match="at least 1"):
        step_of_network(world.learner, world.source.grid, places=0)
