"""Whether a project with every kind of result comes out of its archive the same: ``python benchmarks/whole_archive.py``.

A synthetic coast is made, a learner is trained on it, and every command that leaves files in a project is run once: a map with interval,
classes, probability and area of applicability, maps of three years with their comparison, a comparison of two maps, explanations of samples
and as maps, a scenario, field statistics with a trend, advice on crops for fields with the places of the next samples, and places alone. The
project is packed, unpacked into a folder whose name holds spaces and letters that are not ASCII, and the project itself is moved away. Then
``run`` makes everything again: twice over the files, and once with every raster and table deleted first. Each file is compared with the
packed one, bit for bit; and every file of the folder with SHA256SUMS.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

YEARS = ("2019", "2022", "2025")
UNPACKED = "Bündel für Åse 土壤 (1)"
MADE = {".tif", ".csv", ".gpkg", ".gpx"}


def main():
    """Make the project, pack it, and make everything again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=192, help="pixels along a side of the coast")
    parser.add_argument("--samples", type=int, default=120)
    parser.add_argument("--model", default="rf")
    parser.add_argument("--inside", action="store_true", help="the coast lies in the project and every path is relative to it, as in the app")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        measure(Path(scratch), args)


def measure(folder, args):
    """Print how each way of running came out."""
    started = time.perf_counter()
    project = make_project(folder, args.model, args.size, args.samples, args.inside)
    made = time.perf_counter() - started
    archive = folder / "coast.zip"
    _, packed = run("bundle", project, "--out", archive)
    place = unpack(archive, folder)
    project.rename(folder / "moved away")
    if not args.inside:
        (folder / "land").rename(folder / "land moved away")
    print(
        f"{packed['files']} files, {packed['bytes'] / 1e6:.1f} MB: {packed['rasters']} rasters, {packed['tables']} tables, missing: {packed['missing']}"
    )
    print(
        "run | seconds, ratio to the first making | rasters | tables | others | differ | same content, other bytes | files that do not fit SHA256SUMS"
    )
    told = hashes(place)
    for what in ("over the files", "once more", "rasters and tables deleted"):
        if what.startswith("rasters"):
            for step in json.loads((place / "run.json").read_text(encoding="utf-8"))["steps"]:
                for name in step["outputs"]:
                    if Path(name).suffix in MADE:
                        (place / name).unlink()
        started = time.perf_counter()
        code, facts = run("run", place / "run.json")
        ratio = (time.perf_counter() - started) / made
        if "error" in facts:
            sys.exit(f"{what}: {facts['error']}")
        counts = " | ".join(str(facts[key]) for key in ("rasters", "tables", "others"))
        now = hashes(place)
        print(
            f"{what} (exit {code}) | {ratio:.2f} | {counts} | {facts['differ']} | {facts['by_content']} | {[name for name in told if now[name] != told[name]]}"
        )


def make_project(folder, model="rf", size=96, samples=60, inside=False):
    """A project with every kind of result, made on the command line.

    Parameters
    ----------
    folder : pathlib.Path
        ``project`` is made in it.
    model : str
    size, samples : int
        Of the coast.
    inside : bool
        Whether the coast lies within the project, and paths are relative; else it lies beside it, and they are absolute.

    Returns
    -------
    pathlib.Path
    """
    home = folder / "project"
    home.mkdir()
    project, land = (Path(), Path("land")) if inside else (home, folder / "land")

    def soilcore(*command):
        return run(*command, where=home)

    soilcore("demo", land, "--kind", "coast", "--size", size, "--samples", samples, "--dates", "1", "--seed", "3")
    years = land / "three years"
    (home / years).mkdir()
    for year in YEARS:
        shutil.copy(home / land / "years" / f"{year}.tif", home / years)
    trained, scene = project / "models" / "salt", ("--scene", land / "scene.tif", "--dem", land / "dem.tif")
    taught = ("--index-set", "novel4_lan2025", "--cv", "block", "--folds", "4", "--transform", "log10", "--trials", "0", "--permutations", "0")
    soilcore("train", land / "samples.csv", "--target", "ece_dS_m", *scene, *taught, "--model", model, "--out", trained)
    trust = ("--classes", "usda", "--interval", "0.9")
    spring, fields = project / "maps" / "spring" / "map.tif", ("--boundaries", land / "fields.gpkg")
    soilcore("map", trained, *scene, *trust, "--threshold", "4", "--aoa", "--date", "2025-03-17", "--out", spring)
    dated = ("--scene", years, "--dem", land / "dem.tif", *trust)
    soilcore("map-years", trained, *dated, "--out", project / "maps" / "year-{date}", "--compare", project / "changes" / "years")
    maps = [project / "maps" / f"year-{year}" / "map.tif" for year in YEARS]
    soilcore("change", maps[0], maps[2], "--out", project / "changes" / "first-last", "--classes", "usda")
    soilcore("explain", trained, "--permutations", "2", "--out", project / "explanations" / "samples")
    soilcore("explain", trained, *scene, "--maps", "--step", "4", "--out", project / "explanations" / "maps")
    soilcore("scenario", trained, *scene, "--set", "elevation=-0.5", *trust, "--out", project / "scenarios" / "subsidence")
    means = project / "fields" / "means" / "fields.gpkg"
    soilcore("fields", spring, *fields, "--year-map", maps[0], "--year-map", maps[1], "--out", means)
    crops = ("--crop", "cotton", "--crop", "wheat", "--irrigation-ec", "1.5", "--next-samples", "5", "--samples", land / "samples.csv")
    soilcore("advise", spring, *crops, *fields, "--out", project / "advice" / "crops")
    soilcore("advise", maps[2], "--only-places", "--next-samples", "4", "--out", project / "advice" / "places")
    return home


def unpack(archive, folder):
    """Unpack an archive into a folder of an unusual name."""
    place = folder / UNPACKED
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(place)
    return place


def hashes(folder):
    """sha256 of every file that SHA256SUMS has, as it is now."""
    names = [line.split("  ", 1)[1] for line in (folder / "SHA256SUMS").read_text(encoding="utf-8").splitlines()]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() if (folder / name).is_file() else None for name in names}


def run(*command, where=ROOT):
    """Run a command in a process of its own; its exit code and its facts."""
    done = subprocess.run(
        [sys.executable, "-m", "soilcore", *map(str, command), "--json", "--quiet"],
        cwd=where,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and command[0] != "run":
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.returncode, json.loads(done.stdout)


if __name__ == "__main__":
    main()
