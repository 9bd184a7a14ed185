"""The tile pipeline: every window once, in order, bounded, stopped cleanly."""

import threading
import time

import numpy as np
import pytest
from affine import Affine
from pyproj import CRS

from soilcore.core.errors import SettingsError, Stopped
from soilcore.core.grids import Grid
from soilcore.core.memory import peak_memory_mb
from soilcore.core.tiles import READ_AHEAD, check_window, run_tiles


@pytest.fixture
def grid():
    return Grid(130, 95, Affine(10, 0, 0, 0, -10, 0), CRS.from_epsg(32639))


def squared(grid, size, threads, report=lambda *_: None):
    source = np.arange(grid.height * grid.width, dtype=float).reshape(grid.shape)
    result = np.full(grid.shape, np.nan)
    order = []

    def compute(window, data):
        time.sleep(0.002 * ((window.row + window.col) % 3))  # later windows may be ready first
        return data**2

    def write(window, values):
        order.append((window.row, window.col))
        result[window.slices] = values

    run_tiles(grid, size, lambda window: source[window.slices], compute, write, threads, report)
    return source, result, order


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("size", [16, 50, 512])
def test_every_window_is_written_once_and_in_order(grid, size, threads):
    source, result, order = squared(grid, size, threads)
    np.testing.assert_array_equal(result, source**2)
    assert order == sorted(order)
    assert len(order) == len(set(order))


@pytest.mark.parametrize("threads", [1, 3])
def test_progress_counts_pixels_up_to_all_of_them(grid, threads):
    heard = []
    squared(grid, 40, threads, lambda done, total, message: heard.append((done, total)))
    assert heard[0] == (0, 130 * 95)
    assert heard[-1] == (130 * 95, 130 * 95)
    assert heard == sorted(heard)


@pytest.mark.parametrize("threads", [1, 2])
def test_stopping_ends_the_work_and_leaves_no_thread(grid, threads):
    before = threading.active_count()
    written = []

    def report(done, total, message):
        if done > total / 3:
            raise Stopped

    with pytest.raises(Stopped):
        run_tiles(grid, 16, lambda window: window, lambda window, data: data, lambda window, data: written.append(window), threads, report)
    assert 0 < len(written) < 54
    assert threading.active_count() == before


@pytest.mark.parametrize("step", ["read", "compute", "write"])
def test_an_error_in_any_step_comes_out_as_it_is(grid, step):
    def fails(name):
        def function(window, data=None):
            if name == step and window.row > 0:
                raise ValueError(f"in {name}")
            return data

        return function

    with pytest.raises(ValueError, match=f"in {step}"):
        run_tiles(grid, 32, fails("read"), fails("compute"), fails("write"), 2)


def test_no_more_windows_are_held_than_the_queue_is_long(grid):
    held, most = set(), 0
    lock = threading.Lock()

    def read(window):
        nonlocal most
        with lock:
            held.add(window)
            most = max(most, len(held))
        return window

    def write(window, data):
        with lock:
            held.discard(window)

    run_tiles(grid, 16, read, lambda window, data: time.sleep(0.001), write, 2)
    assert not held
    assert most <= 2 + READ_AHEAD + 1


def test_reading_and_writing_stay_in_the_calling_thread(grid):
    seen = {"read": set(), "compute": set(), "write": set()}

    def note(name):
        return lambda window, data=None: seen[name].add(threading.current_thread())

    run_tiles(grid, 32, note("read"), note("compute"), note("write"), 2)
    assert seen["read"] == seen["write"] == {threading.current_thread()}
    assert threading.current_thread() not in seen["compute"]


@pytest.mark.parametrize("size", [0, -5, 15, 9000, 10.5, True, "512"])
def test_a_window_that_cannot_be_is_refused(size):
    with pytest.raises(SettingsError, match="512"):
        check_window(size)


def test_the_peak_memory_grows_with_what_is_held():
    before = peak_memory_mb()
    if before is None:
        pytest.skip("this system does not say")
    held = np.ones(40_000_000)  # 305 MiB
    assert peak_memory_mb() - before > 100 or before > 900
    assert held.sum() == 40_000_000
