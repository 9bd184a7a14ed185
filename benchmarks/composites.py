"""A cloud-masked median of twelve dates: soilcore against xarray's own median, file to file and in memory.

    python benchmarks/composites.py [--size 2000] [--threads 2] [--rounds 3] [--dates FOLDER]

Without --dates the scenes are the twelve demo dates of a coast of 500 x 500 pixels, ten bands, clouds as no data, mirrored to the size asked for: a
coast of 2000 x 2000 takes many minutes to make. A folder of dates made by ``python -m soilcore demo FOLDER --size 2000 --dates 12`` is taken as it is.

File to file, each way in a process of its own, in turns, best of the rounds; processor seconds are of all its threads, which a busy machine changes less
than the clock; memory is the peak of the whole process:

* soilcore: `open_scenes` (looks at each file) and `make_composite`, to a cloud-optimised GeoTIFF with overviews and a band of counts.
* xarray: all scenes read with rasterio into one float32 array, zeros to NaN, ``median("date", skipna=True)``, written as a tiled GeoTIFF.
* xarray, dask: the same with one chunk of all dates per band and 512 x 512 pixels, computed by dask's threads, each reading its own window, written tile
  by tile as they come. No bottleneck is installed, as in soilcore's own requirements.

The peers write neither overviews nor counts, know the scaling beforehand and do not look at the files; that is to their advantage.

The second table has no files: one band of twelve dates in memory, our kernel against ``DataArray.median`` and NumPy, one thread each.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from soilcore.core.memory import peak_memory_mb  # noqa: E402

COAST = 500
SCALE, OFFSET = 1e-4, -0.1
WAYS = {"soilcore": "soilcore", "dask": "xarray, dask, chunks of 512", "xarray": "xarray, whole arrays"}
BANDS = ("B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "S1", "S2")


def main():
    """Run every way and print both tables."""
    parser = argparse.ArgumentParser(description="median of twelve dates: soilcore against xarray")
    parser.add_argument("--size", type=int, default=2000, help="pixels along a side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dates", type=Path, help="folder of dated scenes instead")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(run_one(args)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        args.dates = args.dates or write_dates(folder, args.size)
        files_table(args, folder)
    memory_table(args)


def files_table(args, folder):
    """Time and memory file to file, and whether all ways agree."""
    rounds = [{way: start(args, way, folder / f"{way}.tif") for way in WAYS} for _ in range(args.rounds)]
    shape = read(folder / "soilcore.tif").shape
    print(f"\nmedian of {len(list(args.dates.glob('*.tif')))} dates, {shape[1]} x {shape[2]} pixels, 10 bands, file to file, {args.threads} threads")
    print(f"{'way':28}{'seconds':>9}{'x soilcore':>12}{'processor s':>13}{'x soilcore':>12}{'peak MB':>9}{'difference':>12}{'one-sided NaN':>15}")
    reference = read(folder / "soilcore.tif")
    best, work = ({way: min(turn[way][kind] for turn in rounds) for way in WAYS} for kind in ("seconds", "processor"))
    for way, label in WAYS.items():
        values = read(folder / f"{way}.tif")
        both = np.isfinite(values) & np.isfinite(reference)
        difference, one_sided = np.abs(values - reference)[both].max(), int((np.isfinite(values) != np.isfinite(reference)).sum())
        peak = max(turn[way]["peak_mb"] for turn in rounds)
        seconds, processor = f"{best[way]:9.1f}{best[way] / best['soilcore']:12.2f}", f"{work[way]:13.1f}{work[way] / work['soilcore']:12.2f}"
        print(f"{label:28}{seconds}{processor}{peak:9.0f}{difference:12.1e}{one_sided:15d}")


def memory_table(args):
    """The kernel alone, for several numbers of dates."""
    import xarray as xr

    from soilcore.features.composite_kernels import median_over_dates

    print(f"\nmedian of one band in memory, 512 x 512 pixels, a fifth missing, 1 thread{'':4}{'ns/pixel':>10}{'x xarray':>10}{'equal':>7}")
    for dates in (12, 36, 100):
        random = np.random.default_rng(dates)
        stack = random.random((dates, 512, 512), np.float32)
        stack[random.random(stack.shape) < 0.2] = np.nan
        array = xr.DataArray(stack, dims=("date", "y", "x"))
        ours, _ = median_over_dates(stack)
        equal = np.array_equal(ours, array.median("date", skipna=True).values, equal_nan=True)
        rounds = max(1, args.rounds)
        fast = min(timed(lambda: median_over_dates(stack)) for _ in range(3 * rounds))  # noqa: B023 - called at once
        slow = min(timed(lambda: array.median("date", skipna=True)) for _ in range(rounds))  # noqa: B023
        for label, seconds in (("soilcore", fast), ("xarray", slow)):
            print(f"{dates:5} dates, {label:60}{seconds / 512**2 * 1e9:10.0f}{slow / seconds:10.1f}{equal!s:>7}")


def timed(run):
    """Seconds of one call."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def start(args, way, out):
    """One way in a fresh process."""
    command = [sys.executable, __file__, "--one", way, "--threads", str(args.threads), "--dates", str(args.dates), "--out", str(out)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_one(args):
    """What a child process does: one composite, timed with the import of its libraries done before."""
    run = {"soilcore": soilcore_way, "xarray": xarray_way, "dask": dask_way}[args.one](args)
    before = time.process_time()
    seconds = timed(run)
    return {"seconds": seconds, "processor": time.process_time() - before, "peak_mb": peak_memory_mb()}


def read(path):
    """The ten bands of a composite."""
    import rasterio

    with rasterio.open(path) as raster:
        return raster.read(list(range(1, 11)))


def write_dates(folder, size):
    """Twelve demo dates of a small coast, mirrored to the size asked for."""
    import rasterio

    from soilcore.data.landscape_files import make_coast

    make_coast(folder / "coast", size=min(COAST, size), samples=20, dates=12)
    dates = folder / "dates"
    dates.mkdir()
    for path in sorted((folder / "coast" / "dates").glob("*.tif")):
        with rasterio.open(path) as source:
            values, profile = source.read(), source.profile
            more = max(0, size - source.height)
            values = np.pad(values, ((0, 0), (0, more), (0, more)), mode="symmetric")
            profile |= {"height": size, "width": size, "tiled": True, "blockxsize": 512, "blockysize": 512, "interleave": "band"}
            profile |= {"compress": "deflate", "zlevel": 1, "predictor": 2}
            with rasterio.open(dates / path.name, "w", **profile) as target:
                target.write(values)
                target.descriptions, target.scales, target.offsets = source.descriptions, source.scales, source.offsets
                target.update_tags(**source.tags())
    return dates


def soilcore_way(args):
    """The product's own calls; the compilation of the kernel, once per process, is not in the time."""
    from soilcore.data.imagery import SceneSettings
    from soilcore.data.scene_series import open_scenes
    from soilcore.features.composite_kernels import median_over_dates
    from soilcore.features.composites import CompositeSettings, make_composite

    median_over_dates(np.zeros((2, 8), np.float32))
    settings = CompositeSettings(threads=args.threads, overwrite=True)
    return lambda: make_composite(open_scenes(SceneSettings((str(args.dates),))), args.out, settings)


def reflectance(numbers):
    """Stored numbers as reflectance, as soilcore reads them: float64 arithmetic, rounded once."""
    values = (numbers * SCALE + OFFSET).astype(np.float32)
    values[numbers == 0] = np.nan
    return values


def xarray_way(args):
    """Everything in memory at once."""
    import rasterio
    import xarray as xr

    def run():
        scenes = []
        for path in sorted(args.dates.glob("*.tif")):
            with rasterio.open(path) as raster:
                scenes.append(reflectance(raster.read()))
        stack = xr.DataArray(np.stack(scenes), dims=("date", "band", "y", "x"))
        del scenes
        write_whole(args, stack.median("date", skipna=True).values)

    return run


def dask_way(args):
    """One chunk of all dates per band and 512 x 512 pixels; the result is written band by band."""
    import dask
    import dask.array as da
    import rasterio
    import xarray as xr
    from rasterio.windows import Window

    paths = sorted(args.dates.glob("*.tif"))
    with rasterio.open(paths[0]) as raster:
        height, width = raster.shape

    def chunk(band, row, col, rows, cols):
        out = np.empty((len(paths), 1, rows, cols), np.float32)
        for number, path in enumerate(paths):
            with rasterio.open(path) as raster:
                out[number, 0] = reflectance(raster.read(band + 1, window=Window(col, row, cols, rows)))
        return out

    def lazy(band, row, col):
        rows, cols = min(512, height - row), min(512, width - col)
        return da.from_delayed(dask.delayed(chunk)(band, row, col, rows, cols), (len(paths), 1, rows, cols), np.float32)

    def joined(blocks):
        return da.concatenate([da.concatenate([da.concatenate(row, axis=3) for row in band], axis=2) for band in blocks], axis=1)

    def run():
        blocks = [[[lazy(band, row, col) for col in range(0, width, 512)] for row in range(0, height, 512)] for band in range(len(BANDS))]
        stack = xr.DataArray(joined(blocks), dims=("date", "band", "y", "x"))
        median = stack.median("date", skipna=True)
        with dask.config.set(scheduler="threads", num_workers=args.threads), rasterio.open(args.out, "w", **profile_of(args)) as target:
            for band in range(len(BANDS)):
                target.write(median[band].values, band + 1)

    return run


def profile_of(args):
    """The output of the peers: the same compression as ours."""
    import rasterio

    with rasterio.open(next(iter(sorted(args.dates.glob("*.tif"))))) as raster:
        place = {"height": raster.height, "width": raster.width, "crs": raster.crs, "transform": raster.transform}
    layout = {"driver": "GTiff", "tiled": True, "blockxsize": 512, "blockysize": 512, "interleave": "band", "compress": "zstd", "zstd_level": 1}
    return layout | place | {"count": len(BANDS), "dtype": "float32", "nodata": np.nan, "predictor": 3}


def write_whole(args, values):
    """All bands at once."""
    import rasterio

    with rasterio.open(args.out, "w", **profile_of(args)) as target:
        target.write(values)


if __name__ == "__main__":
    main()
