"""The tile pipeline: one thread reads, a few compute, results are written in order; memory is bounded by the window.

The same windows, whatever the number of threads, go through the same arithmetic, so a raster never depends on how it was cut or by
whom it was computed. Numba kernels, trees, NumPy and GDAL release the interpreter's lock, so threads suffice.
"""

import os
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from soilcore.core.errors import SettingsError
from soilcore.core.progress import silent

MOST_THREADS = 8
READ_AHEAD = 1  # windows read before a thread is free for them
SMALLEST_WINDOW, LARGEST_WINDOW = 16, 8192
_CACHE_BYTES = 128 << 20


def check_window(size):
    """Return the side of a window in pixels, or refuse it.

    Raises
    ------
    SettingsError
        If it is not a whole number from 16 to 8192.
    """
    if isinstance(size, bool) or not isinstance(size, int) or not SMALLEST_WINDOW <= size <= LARGEST_WINDOW:
        possible = f"Give a whole number from {SMALLEST_WINDOW} to {LARGEST_WINDOW}; 512 suits most files."
        raise SettingsError(f"A window of {size!r} pixels is not possible. {possible}")
    return size


def run_tiles(grid, windows, read, compute, write, threads=2, report=silent, message="computing"):
    """Read, compute and write every window of a raster.

    Parameters
    ----------
    grid : Grid
        The whole raster; progress counts its pixels.
    windows : int or iterable of Window
        Side of square windows in pixels, or the windows themselves.
    read : callable
        ``read(window)`` gives what `compute` needs; called in this thread, in order.
    compute : callable
        ``compute(window, data)`` gives the result; called in worker threads, must not touch open files.
    write : callable
        ``write(window, result)``; called in this thread, in the order of the windows.
    threads : int
        Worker threads. 1 computes in this thread.
    report : Report
        Called after every window written, with pixels. May raise `Stopped`: running windows end, nothing more is written.
    message : str
        What the report says.
    """
    if isinstance(windows, int):
        windows = grid.windows(check_window(windows))
    done, total = 0, grid.height * grid.width

    def finish(window, result):
        nonlocal done
        write(window, result)
        done += window.height * window.width
        report(done, total, message)

    report(0, total, message)
    with gdal_cache_capped(), one_library_thread():
        if threads <= 1:
            for window in windows:
                finish(window, compute(window, read(window)))
            return
        _run_in_threads(windows, read, compute, finish, threads)


def _run_in_threads(windows, read, compute, finish, threads):
    waiting = deque()  # of (window, future), in the order they were read
    pool = ThreadPoolExecutor(threads, thread_name_prefix="tile")
    try:
        for window in windows:
            if len(waiting) >= threads + READ_AHEAD:
                first, future = waiting.popleft()
                finish(first, future.result())
            waiting.append((window, pool.submit(compute, window, read(window))))
        while waiting:
            first, future = waiting.popleft()
            finish(first, future.result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def gdal_cache_capped(size=_CACHE_BYTES):
    """Hold GDAL's block cache at `size` bytes; by itself it takes 5 % of the machine's memory."""
    import rasterio

    with rasterio.Env(GDAL_CACHEMAX=int(size)):
        yield


@contextmanager
def one_library_thread():
    """Keep BLAS at one thread: workers use the cores already, and a split sum would depend on the number of cores."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield


def worker_threads(wanted=None):
    """Number of worker threads: what was asked, or the cores at hand, at most eight (each holds a window)."""
    if wanted is not None:
        return max(1, int(wanted))
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(available, MOST_THREADS))
