"""Twenty-one spectral indices: soilcore against spyndex and against plain NumPy, in one run.

    python benchmarks/index_rasters.py [--size 2000] [--threads 2]

Two sets of 21, because spyndex knows no salinity index:

* shared: 21 indices that spyndex's own catalogue holds under some name (our NDSI_KHAN is its RNDVI, our ARVI its IAVI; its own ARVI has gamma with
  the other sign). Its `computeIndex` runs as it comes.
* salinity: the 17 existing indices of the literature and the 4 novel ones of Lan et al. 2025. Their formulas are put into spyndex's table for the
  run, so that its own `computeIndex` evaluates them. Without that there would be nothing to compare with; what is timed is its way, not its catalogue.

Every way starts from the same float32 reflectance in memory and ends with float32 index arrays (plain NumPy: float64 in, float64 out, the formulas
evaluated whole array by whole array). spyndex is timed as one call and as one call per index, and the faster counts. soilcore writes into memory used
before, as its writer of rasters does; spyndex and NumPy offer no such thing. Only soilcore looks at the validity of bands (0 < rho <= 1.5) and
at vanishing denominators; that is included in its time. The ways take turns in one process, one round to warm up, then the best of several, so that
whatever else the machine does meets all of them; the peak memory beyond the bands is that of each way in a process of its own. Differences are
over every 7th pixel, relative to max(1, |value|), where both are defined.

The second table is file to file: a stack of ten uint16 bands on disk to a tiled GeoTIFF of 21 float32 bands with the same compression, by the
windowed writer against reading, computing with spyndex and writing whole. The time is from an open scene, the memory that of the whole process
with opening it. There the writing dominates.
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
from soilcore.features.indices import compute_indices, index_by_id, index_set  # noqa: E402

ROLES = ("B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "S1", "S2")
SHARED = {
    "NDVI": "NDVI",
    "EVI": "EVI",
    "EVI2": "EVI2",
    "MSAVI": "MSAVI",
    "OSAVI": "OSAVI",
    "GDVI": "GDVI",
    "ARVI": "IAVI",
    "GNDVI": "GNDVI",
    "NDREI": "NDREI",
    "CIRE": "CIRE",
    "DVI": "DVI",
    "RVI": "SR",
    "TVI": "TVI",
    "IRECI": "IRECI",
    "LSWI": "LSWI",
    "NDWI": "NDWI",
    "MNDWI": "MNDWI",
    "ENDVI_BG": "ENDVI",
    "SI_ASTER": "NBR2",
    "NDSI_KHAN": "RNDVI",
    "SI4_IDNP": "STI",
}
SALINITY = (*index_set("existing17_literature"), *index_set("novel4_lan2025"))
SETS = {"shared": tuple(SHARED), "salinity": SALINITY}
CONSTANTS = {"L": 1.0, "g": 2.5, "C1": 6.0, "C2": 7.5, "nexp": 2.0, "gamma": 1.0}
STEP = 7


def main():
    """Run every way in a process of its own and print both tables."""
    parser = argparse.ArgumentParser(description="21 indices: soilcore against spyndex and plain NumPy")
    parser.add_argument("--size", type=int, default=2000, help="pixels along a side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        print(json.dumps(run_one(args)))
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in SETS:
            arrays_table(args, name, Path(folder))
        files_table(args, Path(folder))


def arrays_table(args, name, folder):
    """Time the ways on arrays and print one line each."""
    print(f"\n21 {name} indices, {args.size} x {args.size} pixels, float32 reflectance in memory")
    print(f"{'way':34}{'ns/pixel':>10}{'x spyndex':>11}{'peak MB':>9}{'difference':>12}{'one-sided NaN':>15}")
    seconds = start(args, f"times:{name}:-")
    peaks = {way: start(args, f"{way}:{name}:{folder / way}.npy")["peak_mb"] for way in seconds}
    reference = np.load(folder / "spyndex.npy")
    labels = {"soilcore": f"soilcore, {args.threads} threads", "soilcore-1": "soilcore, 1 thread", "spyndex": "spyndex", "numpy": "NumPy, float64"}
    for way, label in labels.items():
        values = np.load(folder / f"{way}.npy")
        both = np.isfinite(values) & np.isfinite(reference)
        with np.errstate(invalid="ignore"):
            difference = np.abs(values - reference) / np.maximum(1, np.abs(reference))
        ratio, one_sided = seconds["spyndex"] / seconds[way], int((np.isfinite(values) != np.isfinite(reference)).sum())
        print(f"{label:34}{seconds[way] / args.size**2 * 1e9:10.1f}{ratio:11.2f}{peaks[way]:9.0f}{difference[both].max():12.1e}{one_sided:15d}")


def files_table(args, folder):
    """Time file to file and print one line each."""
    write_scene(folder / "scene.tif", args.size)
    print(f"\n21 salinity indices, file to file, {args.size} x {args.size} pixels")
    print(f"{'way':34}{'seconds':>10}{'x spyndex':>11}{'peak MB':>9}")
    facts = {way: start(args, f"{way}:salinity:{folder / way}.tif") for way in ("spyndex-file", "soilcore-file")}
    for way, label in (("soilcore-file", f"soilcore, windows of 512, {args.threads} threads"), ("spyndex-file", "spyndex, whole arrays")):
        print(f"{label:34}{facts[way]['seconds']:10.2f}{facts['spyndex-file']['seconds'] / facts[way]['seconds']:11.2f}{facts[way]['peak_mb']:9.0f}")


def start(args, one):
    """One way in a fresh process."""
    command = [sys.executable, __file__, "--size", str(args.size), "--threads", str(args.threads), "--rounds", str(args.rounds), "--one", one]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_one(args):
    """What a child process does: time all ways, or show the memory and values of one."""
    way, name, out = args.one.split(":", 2)
    if way.endswith("-file"):
        return timed_file(way, Path(out), args)
    if way == "times":
        runs = {each: array_way(each, name, args)[0] for each in ("soilcore", "soilcore-1", "spyndex", "numpy")}
        rounds = [{each: timed(run) for each, run in runs.items()} for _ in range(args.rounds + 1)][1:]
        return {each: min(turn[each] for turn in rounds) for each in runs}
    run, before = array_way(way, name, args)
    values = run()
    peak = peak_memory_mb() - before
    np.save(out, np.stack([np.asarray(layer).reshape(-1)[::STEP] for layer in values]).astype(np.float64))
    return {"peak_mb": peak}


def array_way(way, name, args):
    """One way as a function to call, and the memory before it."""
    bands = reflectance(args.size, np.float64 if way == "numpy" else np.float32)
    before = peak_memory_mb()
    if way == "numpy":
        return numpy_way(bands, SETS[name]), before
    if way == "spyndex":
        return spyndex_way(bands, name), before
    return soilcore_way(bands, SETS[name], args.threads if way == "soilcore" else 1), before


def timed(run):
    """Seconds of one call."""
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def reflectance(size, dtype):
    """Ten bands like bare and sparsely covered soil: bright and dark places, a little colour, none invalid."""
    return {role: (dn * np.float32(1e-4)).astype(dtype) for role, dn in digital_numbers(size).items()}


def digital_numbers(size):
    """The same bands as 16-bit numbers, reflectance times 10,000."""
    generator = np.random.default_rng(0)
    brightness = generator.uniform(600, 2500, (size, size)).astype(np.float32)
    numbers = {}
    for role, slope in zip(ROLES, np.linspace(0.7, 1.5, len(ROLES)), strict=True):
        numbers[role] = (brightness * np.float32(slope) * generator.uniform(0.8, 1.25, (size, size)).astype(np.float32)).astype(np.uint16)
    return numbers


def soilcore_way(bands, ids, threads):
    """The product's own call, into memory that was used before."""
    shape = next(iter(bands.values())).shape
    out = np.empty((len(ids), *shape), np.float32)
    return lambda: list(compute_indices(bands, ids, threads=threads, out=out).values())


def spyndex_way(bands, name):
    """One call for all, or one call per index: whichever is the faster."""
    import spyndex

    names, parameters = spyndex_names(name), {**bands, **CONSTANTS}

    def together():
        with np.errstate(all="ignore"):
            return spyndex.computeIndex(names, parameters)

    def one_by_one():
        with np.errstate(all="ignore"):
            return [spyndex.computeIndex(index, parameters) for index in names]

    together()
    return min((together, one_by_one), key=timed)


def spyndex_names(name):
    """Names to ask spyndex for; for the salinity set its table holds our formulas in this process."""
    if name == "shared":
        return list(SHARED.values())
    import spyndex.spyndex as catalogue

    table = {identifier: {"formula": index_by_id(identifier).formula, "bands": list(index_by_id(identifier).bands)} for identifier in SALINITY}
    catalogue._get_indices = lambda online: table
    return list(SALINITY)


def numpy_way(bands, ids):
    """Formulas on whole float64 arrays, operation by operation."""
    operations = {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "sqrt": np.sqrt, "power": np.power}

    def value(expression):
        kind, *parts = expression
        if kind in ("name", "number"):
            return bands[parts[0]] if kind == "name" else parts[0]
        return operations[kind](*map(value, parts))

    def run():
        with np.errstate(all="ignore"):
            return [value(index_by_id(identifier).parsed.expression) for identifier in ids]

    return run


def write_scene(path, size):
    """A stack of ten bands on disk."""
    import rasterio
    from rasterio.transform import from_origin

    place = {"height": size, "width": size, "transform": from_origin(500000, 4300000, 10, 10), "crs": "EPSG:32650"}
    with rasterio.open(
        path, "w", driver="GTiff", count=10, dtype="uint16", tiled=True, blockxsize=512, blockysize=512, compress="deflate", **place
    ) as raster:
        for number, (role, values) in enumerate(digital_numbers(size).items(), start=1):
            raster.write(values, number)
            raster.set_band_description(number, role)


def timed_file(way, out, args):
    """File to file, once to warm up and once to time."""
    make = soilcore_file if way == "soilcore-file" else spyndex_file
    run = make(out.parent / "scene.tif", out, args.threads)
    run()
    return {"seconds": timed(run), "peak_mb": peak_memory_mb()}


def soilcore_file(scene, out, threads):
    """The windowed writer of the product."""
    from soilcore.data.imagery import SceneSettings, open_scene
    from soilcore.features.index_rasters import write_indices

    opened = open_scene(SceneSettings((str(scene),), sensor="sentinel-2-l2a", scale=1e-4, offset=0.0))
    return lambda: write_indices(opened, SALINITY, (), out, threads=threads)


def spyndex_file(scene, out, threads):
    """Read, compute and write whole arrays, with the compression of the product."""
    return lambda: spyndex_whole(scene, out, threads)


def spyndex_whole(scene, out, threads):
    """One pass of it."""
    import rasterio
    import spyndex

    names = spyndex_names("salinity")
    with rasterio.open(scene) as raster:
        bands = dict(zip(ROLES, raster.read().astype(np.float32) * np.float32(1e-4), strict=True))
        profile = raster.profile | {"dtype": "float32", "count": len(names), "nodata": np.nan}
    profile |= {"compress": "zstd", "zstd_level": 1, "predictor": 2, "interleave": "band", "num_threads": threads}
    with rasterio.open(out, "w", **profile) as raster, np.errstate(all="ignore"):
        for number, name in enumerate(names, start=1):
            raster.write(spyndex.computeIndex(name, {**bands, **CONSTANTS}), number)


if __name__ == "__main__":
    main()
