"""Slope and curvatures: soilcore against gdaldem and xarray-spatial, in one run.

    python benchmarks/terrain.py [--size 2000] [--rounds 7] [--full-tile] [--write] [--distance]

Elevation is float32 rolling ground with noise, 30 m cells. The ways take turns in one process, one round to warm up (compilation), then the median
of the rounds, as seconds and as processor time (which other work on the machine disturbs less). gdaldem is a program, file to file: uncompressed
GeoTIFF in and out in memory (/dev/shm where there is one), so reading and writing are in its time. soilcore and xarray-spatial start from an array
and end with arrays, which they allocate. xarray-spatial has one general curvature, not profile and plan. Differences of slope in degrees are
the largest over a part of the pixels.

`--full-tile`: 10980 x 10980 pixels instead. `--write`: the whole command, file to cloud-optimised file, time and peak memory in a process of its own,
with and without the wetness index. `--distance`: a distance raster of a random vector file against shapely's tree on a sample.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CELL = 30.0
TWO = ("profile_curvature", "plan_curvature")
TILE = 10980
GDAL = "gdaldem slope, file to file"


def main():
    """Run what was asked for and print its tables."""
    parser = argparse.ArgumentParser(description="slope and curvatures against gdaldem and xarray-spatial")
    parser.add_argument("--size", type=int, default=2000, help="pixels along a side")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--full-tile", action="store_true", help=f"{TILE} pixels along a side")
    parser.add_argument("--write", action="store_true", help="file to file, with peak memory")
    parser.add_argument("--distance", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.size = TILE if args.full_tile else args.size
    if args.one:
        print(json.dumps(written(*args.one.split(":"))))
        return
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() and not args.write else None) as folder:
        if args.write:
            write_table(args, Path(folder))
        elif args.distance:
            distance_table(args, Path(folder))
        else:
            arrays_table(args, Path(folder))


def elevation(size):
    """Rolling ground with noise, float32."""
    rows, cols = np.mgrid[:size, :size].astype(np.float32)
    z = 300 + 120 * np.sin(rows / 90) * np.cos(cols / 70) + 0.03 * rows
    return (z + np.random.default_rng(0).normal(0, 0.5, z.shape)).astype(np.float32)


def write_elevation(path, z):
    """The same as an uncompressed file."""
    import rasterio
    from affine import Affine

    place = {"height": z.shape[0], "width": z.shape[1], "crs": "EPSG:32650", "transform": Affine(CELL, 0, 5e5, 0, -CELL, 4.4e6)}
    with rasterio.open(path, "w", driver="GTiff", count=1, dtype="float32", nodata=-9999, bigtiff="if_safer", **place) as dataset:
        dataset.write(z, 1)


def arrays_table(args, folder):
    """Time all ways and print one line each."""
    import rasterio

    z = elevation(args.size)
    write_elevation(folder / "dem.tif", z)
    ways = array_ways(z, folder, full=args.full_tile)
    rounds = []
    for number in range(args.rounds + 1):
        seconds, results = {}, {}
        for name, run in ways.items():
            begun, work = time.perf_counter(), processor()
            made = run()
            seconds[name] = time.perf_counter() - begun, processor() - work
            if number == 0 and ("slope" in name):
                results[name] = made[1000:1256, 500:756].copy() if made is not None else None
        if number == 0:
            with rasterio.open(folder / "slope.tif") as dataset:
                theirs = dataset.read(1)[1000:1256, 500:756]
            differences = {name: np.abs(theirs - ours).max() if ours is not None else 0.0 for name, ours in results.items()}
        else:
            rounds.append(seconds)
    medians = {name: statistics.median(turn[name][0] for turn in rounds) for name in ways}
    works = {name: statistics.median(turn[name][1] for turn in rounds) for name in ways}
    print(f"\n{args.size} x {args.size} pixels, median of {args.rounds} rounds")
    print(f"{'way':44}{'seconds':>9}{'processor s':>13}{'ns/pixel':>10}{'against gdaldem':>17}{'by processor':>14}{'difference':>12}")
    for name, seconds in medians.items():
        ratio, by_work = medians[GDAL] / seconds, works[GDAL] / works[name]
        apart = f"{differences[name]:12.1e}" if name in differences else ""
        print(f"{name:44}{seconds:9.3f}{works[name]:13.3f}{seconds / args.size**2 * 1e9:10.1f}{ratio:16.2f}x{by_work:13.2f}x{apart}")


def processor():
    """Seconds of processor time of this process and the programs it has started."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def array_ways(z, folder, full):
    """Functions to call, by label."""
    import xarray
    import xrspatial

    from soilcore.features.terrain_arrays import derivatives

    raster = xarray.DataArray(z, dims=("y", "x"), attrs={"res": (CELL, CELL)})
    command = ["gdaldem", "slope", "-q", str(folder / "dem.tif"), str(folder / "slope.tif")]
    ways = {
        GDAL: lambda: subprocess.run(command, check=True) and None,
        "xarray-spatial slope": lambda: xrspatial.slope(raster).to_numpy(),
        "xarray-spatial curvature (general)": lambda: xrspatial.curvature(raster).to_numpy(),
        "soilcore slope, 1 thread": lambda: derivatives(z, CELL, CELL, ("slope_deg",))["slope_deg"],
        "soilcore slope, 2 threads": lambda: derivatives(z, CELL, CELL, ("slope_deg",), threads=2)["slope_deg"],
        "soilcore slope + 2 curvatures, 1 thread": lambda: derivatives(z, CELL, CELL, ("slope_deg", *TWO))["slope_deg"],
        "soilcore slope + 2 curvatures, 2 threads": lambda: derivatives(z, CELL, CELL, ("slope_deg", *TWO), threads=2)["slope_deg"],
    }
    if full:  # a float64 copy of a tile on top of it all is more than many machines have
        ways = {name: run for name, run in ways.items() if "1 thread" not in name}
    return ways


def write_table(args, folder):
    """The whole command in a process of its own, one line each."""
    write_elevation(folder / "dem.tif", elevation(args.size))
    print(f"\nfile to cloud-optimised file, {args.size} x {args.size} pixels")
    print(f"{'attributes':34}{'seconds':>9}{'peak MB':>9}{'bytes/pixel beyond the start':>30}")
    for label, names in (("slope + 2 curvatures", ",".join(("slope_deg", *TWO))), ("all but twi", "all-twi"), ("all seven", "all")):
        command = [sys.executable, __file__, "--one", f"{folder / 'dem.tif'}:{folder / 'out.tif'}:{names}"]
        facts = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        beyond = (facts["peak_mb"] - facts["start_mb"]) * 2**20 / args.size**2
        print(f"{label:34}{facts['seconds']:9.2f}{facts['peak_mb']:9.0f}{beyond:30.1f}")


def written(source, out, names):
    """Seconds and memory of one command, after a small raster has been written with the same settings to compile what is needed."""
    from soilcore.core.memory import peak_memory_mb
    from soilcore.features.terrain import ATTRIBUTES, TerrainSettings, write_terrain

    chosen = tuple(name for name in ATTRIBUTES if names.startswith("all") and not (names == "all-twi" and name == "twi")) or tuple(names.split(","))
    settings = TerrainSettings(attributes=chosen, overwrite=True)
    small = Path(out).with_name("small.tif")
    write_elevation(small, elevation(64))
    write_terrain(small, out, settings)
    start, begun = peak_memory_mb(), time.perf_counter()
    write_terrain(source, out, settings)
    return {"seconds": time.perf_counter() - begun, "peak_mb": peak_memory_mb(), "start_mb": start}


def distance_table(args, folder):
    """A distance raster of 400 lines of 250 sides and 200 polygons, and shapely's tree on a sample of its pixels."""
    import geopandas
    import rasterio
    import shapely
    from affine import Affine
    from pyproj import CRS

    from soilcore.core.grids import Grid
    from soilcore.features.distance import write_distance

    side, generator = args.size * 10.0, np.random.default_rng(1)
    starts = generator.uniform(0, side, (600, 2))
    shapes = [shapely.LineString(start + generator.normal(0, side / 300, (251, 2)).cumsum(0)) for start in starts[:400]]
    shapes += [shapely.Point(start).buffer(reach) for start, reach in zip(starts[400:], generator.uniform(50, side / 40, 200), strict=True)]
    frame = geopandas.GeoDataFrame(geometry=shapes, crs="EPSG:32650").translate(5e5, 4e6)
    frame.to_file(folder / "v.gpkg")
    grid = Grid(args.size, args.size, Affine(10, 0, 5e5, 0, -10, 4e6 + side), CRS.from_epsg(32650))
    write_distance(folder / "v.gpkg", grid.part(next(grid.windows(16))), folder / "small.tif")
    begun = time.perf_counter()
    write_distance(folder / "v.gpkg", grid, folder / "out.tif")
    ours = time.perf_counter() - begun
    rows, cols = generator.integers(0, args.size, (2, 20_000))
    places, tree = shapely.points(5e5 + 10 * (cols + 0.5), 4e6 + side - 10 * (rows + 0.5)), shapely.STRtree(frame.values)
    begun = time.perf_counter()
    _, wanted = tree.query_nearest(places, return_distance=True, all_matches=False)
    theirs = (time.perf_counter() - begun) / 20_000 * args.size**2
    with rasterio.open(folder / "out.tif") as dataset:
        apart = np.abs(dataset.read(1)[rows, cols] - wanted).max()
    print(
        f"\n{args.size} x {args.size} pixels, 400 lines of 250 sides and 200 polygons: soilcore {ours:.2f} s, file to file; shapely's tree {theirs:.0f} s"
    )
    print(f"(from 20,000 pixels), ratio {theirs / ours:.0f}; largest difference {apart:.1e} m")


if __name__ == "__main__":
    main()
