"""Where to sample next: unsure, unlike, reachable, allowed, and spread."""

import numpy as np
import pytest

from soilcore.core.errors import SceneError, SettingsError
from soilcore.mapping.finished import open_map
from soilcore.mapping.next_samples import Access, choose_next_samples
from tests.engine.mapping.finished_maps import write_map

SHAPE = (80, 100)
ROWS, COLS = np.indices(SHAPE)
VALUE = np.full(SHAPE, 5.0)


def spread_map(path, width=None, di=None, value=VALUE):
    bounds = {} if width is None else {"lower": value - np.asarray(width) / 2, "upper": value + np.asarray(width) / 2}
    return open_map(write_map(path, value, di=di, **bounds))


def places(chosen):
    return np.array([(row["x"], row["y"]) for row in chosen.rows])


def cells(chosen):
    x, y = places(chosen).T
    return ((5000000 - y) // 10).astype(int), ((x - 500000) // 10).astype(int)


def test_samples_go_where_the_map_is_unsure(tmp_path):
    width = np.where(COLS < 30, 8.0, 1.0)
    _, cols = cells(choose_next_samples(spread_map(tmp_path / "map.tif", width), 6))
    assert (cols < 30).sum() >= 4


def test_samples_go_where_the_map_is_unlike_the_training_samples(tmp_path):
    di = np.where(ROWS >= 60, 1.0, 0.1)
    chosen = choose_next_samples(spread_map(tmp_path / "map.tif", 2.0, di), 5)
    assert chosen.used == ("width", "di")
    assert (cells(chosen)[0] >= 60).sum() >= 4
    assert chosen.rows[0]["di"] == pytest.approx(1.0) and chosen.rows[0]["weight"] > 1


def test_places_far_from_the_road_count_less(tmp_path):
    road = Access(lambda window: 10.0 * (window.col + np.arange(window.width))[None] * np.ones((window.height, 1)), half=50.0)
    far = choose_next_samples(spread_map(tmp_path / "map.tif", 2.0), 8)
    near = choose_next_samples(spread_map(tmp_path / "map.tif", 2.0), 8, access=road)
    assert near.used == ("width", "access")
    assert np.mean(cells(near)[1]) < np.mean(cells(far)[1])
    assert all(row["access_m"] == pytest.approx(10.0 * col) for row, col in zip(near.rows, cells(near)[1], strict=True))


def test_samples_keep_apart_from_each_other_and_from_those_there_are(tmp_path):
    taken = np.array([[500100.0, 4999900.0], [500900.0, 4999300.0]])
    chosen = choose_next_samples(spread_map(tmp_path / "map.tif", 2.0), 10, taken=taken)
    everything = np.vstack([taken, places(chosen)])
    apart = np.hypot(*(everything[:, None] - everything[None]).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    side = np.sqrt(800 * 1000 / 12)
    assert apart.min() > 0.7 * side  # 12 places on 80 ha: an even spread leaves about 258 m
    assert [row["apart_m"] for row in chosen.rows] == sorted((row["apart_m"] for row in chosen.rows), reverse=True)


def test_only_allowed_land_is_proposed(tmp_path):
    value = np.where(ROWS < 10, np.nan, VALUE)
    chosen = choose_next_samples(
        spread_map(tmp_path / "map.tif", 2.0, value=value), 20, keep=lambda window: (np.indices((window.height, window.width))[1] + window.col) > 50
    )
    rows, cols = cells(chosen)
    assert len(rows) == 20 and (rows >= 10).all() and (cols > 50).all()
    with pytest.raises(SceneError, match="leave nothing over"):
        choose_next_samples(spread_map(tmp_path / "map.tif", 2.0), 3, keep=lambda window: np.zeros((window.height, window.width), bool))


def test_one_wild_pixel_does_not_draw_every_sample(tmp_path):
    di = np.full(SHAPE, 0.2)
    di[40, 50] = 500.0
    chosen = choose_next_samples(spread_map(tmp_path / "map.tif", 2.0, di), 6)
    assert max(row["weight"] for row in chosen.rows) < 3


def test_impossible_wishes_are_refused_and_small_land_gives_fewer(tmp_path):
    with pytest.raises(SettingsError, match="1 to 1000"):
        choose_next_samples(spread_map(tmp_path / "map.tif", 2.0), 0)
    with pytest.raises(SettingsError, match="--interval"):
        choose_next_samples(open_map(write_map(tmp_path / "bare.tif", VALUE)), 3)
    value = np.full(SHAPE, np.nan)
    value[3, 3:6] = 4.0
    assert len(choose_next_samples(spread_map(tmp_path / "small.tif", 2.0, value=value), 9).rows) == 3
