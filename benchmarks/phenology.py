"""Seasons of many pixels: the compiled kernel against the same algorithm in vectorised NumPy, and against a double logistic per pixel.

    python benchmarks/phenology.py [--size 1024] [--dates 36] [--rounds 5] [--accuracy]

Memory holds the cube already; reading it is not in the time. `--accuracy` tells how far the fast path lies from the truth of synthetic
seasons, and how far the fitted curve does.
"""

import argparse
import resource
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from soilcore.core.grids import Window
from soilcore.core.tiles import run_tiles
from soilcore.features.phenology import DoubleLogistic, PhenologySettings, season_of_series, seasons
from soilcore.features.phenology_curves import rise_of
from soilcore.features.phenology_numpy import scale_of, seasons_numpy
from soilcore.features.phenology_windows import SeasonWindow

YEAR = SeasonWindow(2021, np.datetime64("2021-01-01"), np.datetime64("2021-12-31"), True)
TILE_PIXELS = 10980**2
SETTINGS = PhenologySettings()


def synthetic(size, dates, seed=0, noise=0.02, cloudy=0.3):
    """Days and a cube of seasons that differ from pixel to pixel, with noise and clouds."""
    rng = np.random.default_rng(seed)
    days = np.datetime64("2021-01-01") + np.sort(rng.choice(365, dates, replace=False)).astype("timedelta64[D]")
    shape = (size, size)
    rise, rate = rng.uniform(70, 150, shape).astype("f4"), rng.uniform(0.05, 0.15, shape).astype("f4")
    length, height = rng.uniform(90, 150, shape).astype("f4"), rng.uniform(0.05, 0.7, shape).astype("f4")
    cube = np.empty((dates, *shape), np.float32)
    for image, day in zip(cube, YEAR.day_numbers(days), strict=True):
        up, down = 1 / (1 + np.exp(-rate * (day - rise))), 1 / (1 + np.exp(0.06 * (day - rise - length)))
        image[:] = 0.15 + height * (up + down - 1) + rng.normal(0, noise, shape)
        image[rng.random(shape) < cloudy] = np.nan
    return days, cube


class _Pixels:
    """As much of a Grid as the tile pipeline asks for."""

    def __init__(self, height, width):
        self.height, self.width = height, width

    def windows(self, size):
        """Square windows."""
        for row in range(0, self.height, size):
            for col in range(0, self.width, size):
                yield Window(row, col, min(size, self.height - row), min(size, self.width - col))


def cut(cube, side=256):
    """Tiles as they come from reading: each one's dates lie together."""
    pixels = _Pixels(*cube.shape[1:])
    return pixels, {window: np.ascontiguousarray(cube[(slice(None), *window.slices)]) for window in pixels.windows(side)}


def kernel(days, pixels, tiles, threads):
    """SOS of every pixel by the compiled kernel, in tiles."""
    out = np.empty((pixels.height, pixels.width), np.float32)

    def compute(window, part):
        return seasons(part, days, SETTINGS, YEAR, compiled=True)["sos"]

    def write(window, values):
        out[window.slices] = values

    run_tiles(pixels, tuple(tiles), tiles.__getitem__, compute, write, threads)
    return out


def vectorised(days, cube, rows):
    """SOS of the first rows by NumPy, a few thousand pixels at a time, as its copies then stay in the processor's cache."""
    times = (days - YEAR.first).astype(np.float32)
    scale, flat = scale_of(times, YEAR.length), cube[:, :rows].reshape(cube.shape[0], -1)
    parts = [seasons_numpy(flat[:, k : k + 4096], times, scale, SETTINGS)["sos"] for k in range(0, flat.shape[1], 4096)]
    return (np.concatenate(parts) + YEAR.day_numbers(YEAR.first)).reshape(rows, -1).astype(np.float32)


def timed(function, *arguments):
    """Seconds of wall clock and of processor, and the result."""
    wall, processor = time.perf_counter(), time.process_time()
    result = function(*arguments)
    return time.perf_counter() - wall, time.process_time() - processor, result


def speed(size, dates, rounds):
    """Ratios in turns, so that a busy machine slows both alike."""
    days, cube = synthetic(size, dates)
    rows, fitted = max(16, size // 8), 40
    started = time.process_time()
    kernel(days, *cut(cube[:, :64, :64]), 1)
    print(f"compiling: {time.process_time() - started:.1f} s of processor time, once per process")
    tiles, part = cut(cube), cut(cube[:, :rows])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    walls, per_pixel = {}, {}
    for _ in range(rounds):
        for name, function, arguments, pixels in (
            ("kernel, 1 thread", kernel, (days, *tiles, 1), size * size),
            ("kernel, 2 threads", kernel, (days, *tiles, 2), size * size),
            ("NumPy", vectorised, (days, cube, rows), rows * size),
        ):
            wall, processor, result = timed(function, *arguments)
            walls.setdefault(name, []).append(wall / pixels * 1e9)
            per_pixel.setdefault(name, []).append(processor / pixels * 1e9)
            if name == "NumPy":
                check(kernel(days, *part, 1), result)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, processor, _ = timed(lambda: [season_of_series(days, cube[:, 0, k].astype(float), SETTINGS, window=YEAR) for k in range(fitted)])
    walls["double logistic per pixel"], per_pixel["double logistic per pixel"] = [wall / fitted * 1e9], [processor / fitted * 1e9]
    base, base_processor = statistics.median(walls["NumPy"]), statistics.median(per_pixel["NumPy"])
    print(f"{dates} dates, {size} x {size} pixels, 30 % clouds")
    print(f"{'way':28}{'ns/px':>12}{'NumPy / way':>14}{'processor ns/px':>18}{'ratio':>8}{'full tile, s':>14}")
    for name, values in walls.items():
        each, used = statistics.median(values), statistics.median(per_pixel[name])
        print(f"{name:28}{each:12,.0f}{base / each:14.1f}{used:18,.0f}{base_processor / used:8.1f}{each * TILE_PIXELS / 1e9:14.1f}")
    print(f"memory: cube {cube.nbytes / 2**20:.0f} MB; all ways together added {(peak - before) / 1024:.0f} MB to the peak")


def check(ours, theirs):
    """Both ways must give the same answers."""
    apart = np.nanmax(np.abs(ours - theirs))
    if not apart < 0.01 or np.any(np.isnan(ours) != np.isnan(theirs)):
        raise SystemExit(f"The ways differ: {apart} days, {np.sum(np.isnan(ours) != np.isnan(theirs))} pixels answered by one only.")


def accuracy(places=300):
    """Errors in days against the truth of the curve that made the values."""
    rng = np.random.default_rng(1)
    print(
        f"{'dates every':14}{'noise':>8}{'clouds':>8}   {'fast path: SOS bias, spread':30}{'SDPS bias, spread':22}{'fitted: SOS bias, spread':28}{'SDPS bias, spread'}"
    )
    for every, noise, cloudy in ((5, 0, 0), (10, 0, 0), (16, 0, 0), (10, 0.02, 0), (5, 0.02, 0.4), (10, 0.02, 0.3), (16, 0.02, 0.2)):
        days = np.arange(YEAR.first, YEAR.last, every)
        fast, fitted = [], []
        for _ in range(places):
            rise, rate, length = rng.uniform(70, 150), rng.uniform(0.05, 0.15), rng.uniform(90, 150)
            curve = DoubleLogistic(0.15, rng.uniform(0.4, 0.9), rise, rate, rise + length, 0.06)
            truth = rise_of(curve, curve.mn, 1, 365, SETTINGS)
            values = curve(YEAR.day_numbers(days)) + rng.normal(0, noise, days.size)
            values[rng.random(days.size) < cloudy] = np.nan
            pixel = seasons(values[:, None, None], days, SETTINGS, YEAR, compiled=False)
            place = season_of_series(days, values, SETTINGS, window=YEAR)
            fast.append([float(pixel[name][0, 0]) - truth[name] for name in ("sos", "sdps")])
            fitted.append([getattr(place, name) - truth[name] for name in ("sos", "sdps")])
        told = [f"{np.nanmedian(e):+.2f}, {np.nanpercentile(np.abs(e - np.nanmedian(e)), 68):.2f}" for way in (fast, fitted) for e in np.array(way).T]
        print(f"{every:<2} days       {noise:8}{cloudy:8}   {told[0]:30}{told[1]:22}{told[2]:28}{told[3]}")


def main():
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--dates", type=int, default=36)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--accuracy", action="store_true")
    args = parser.parse_args()
    if args.accuracy:
        accuracy()
    else:
        speed(args.size, args.dates, args.rounds)


if __name__ == "__main__":
    main()
