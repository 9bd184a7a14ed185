"""Predictors that are made of other data before anything is read from them: terrain, distances, seasons.

Each is written once as a raster, kept in a cache under the fingerprint of its source and settings, and then read like any other
covariate: training, points, windows and patches see the same file. The recipe records how it was made, so that a map can make it again.
"""

import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from soilcore.core import fingerprint
from soilcore.core.errors import FeatureError, SettingsError
from soilcore.core.files import check_readable, written_whole
from soilcore.core.progress import part, silent
from soilcore.data.covariates import CovariateSpec
from soilcore.data.imagery import sampled_content

CACHE_VARIABLE = "SOILCORE_CACHE"
CACHE_LIMIT_BYTES = 20 << 30
_LARGE_BYTES = 256 << 20
_SEASON_BANDS = ("sos", "sdps", "gus")


@dataclass(frozen=True)
class Derived:
    """Rasters that were made, ready to be opened as covariates.

    Parameters
    ----------
    specs : tuple of CovariateSpec
    assumed : tuple of str
        What was decided on the way.
    """

    specs: tuple[CovariateSpec, ...] = ()
    assumed: tuple[str, ...] = ()


def derive(features, grid=None, report=silent):
    """Make every derived predictor that the settings ask for, or take it from the cache.

    Parameters
    ----------
    features : FeatureSettings
    grid : Grid, optional
        Of the map; distances need it. Terrain and seasons are computed on their own pixels first and laid onto it then.
    report : Report

    Returns
    -------
    Derived

    Raises
    ------
    SettingsError, FeatureError
        If something a predictor needs is not given.
    """
    makers = [(_terrain, bool(features.terrain)), (_distances, bool(features.distances)), (_seasons, bool(features.series))]
    wanted = [make for make, asked in makers if asked]
    specs, assumed = [], []
    for number, make in enumerate(wanted):
        made, said = make(features, grid, part(report, number / len(wanted), 1 / len(wanted)))
        specs += made
        assumed += said
    return Derived(tuple(specs), tuple(assumed))


def as_trained(features, recipe):
    """Settings of derived predictors as a model's recipe recorded them; sources are those given now.

    Parameters
    ----------
    features : FeatureSettings
        Which files there are.
    recipe : FeatureRecipe

    Returns
    -------
    FeatureSettings

    Raises
    ------
    FeatureError
        If a source is missing; names the option.
    """
    made = {use.name: use.made for use in recipe.covariates if use.made}
    terrain = {name: how for name, how in made.items() if how["kind"] == "terrain"}
    if terrain:
        if features.dem is None:
            raise FeatureError(f"The model needs {', '.join(terrain)}, made of an elevation model. Give it with --dem.")
        how = next(iter(terrain.values()))
        features = replace(
            features,
            terrain=tuple(terrain),
            terrain_slope=how["slope"],
            terrain_convention=how["convention"],
            terrain_smooth=how["smooth"],
        )
    missing = [name for name, how in made.items() if how["kind"] == "distance" and name not in map(_distance_name, features.distances)]
    if missing:
        raise FeatureError(
            f"The model needs {missing[0]!r}, the distance to what a vector file holds. Give that file with --distance (its name is part of it)."
        )
    seasons = {name: how for name, how in made.items() if how["kind"] == "phenology"}
    if seasons:
        if features.series is None:
            raise FeatureError(f"The model needs {', '.join(seasons)}, made of a vegetation series. Give the series of the map's year with --series.")
        how = next(iter(seasons.values()))
        features = replace(features, series_index=how["index"], season_start=how["season_start"])
    return features


def cache_folder():
    """Where derived rasters are kept: ``SOILCORE_CACHE``, else the user's cache folder."""
    named = os.environ.get(CACHE_VARIABLE)
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for folder in (
        (Path(named),) if named else (home / "soilcore", Path(tempfile.gettempdir()) / f"soilcore-{os.getuid() if hasattr(os, 'getuid') else 0}")
    ):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    raise SettingsError(f"No folder for intermediate rasters can be written. Name one in the environment variable {CACHE_VARIABLE}.")


def _terrain(features, grid, report):
    from soilcore.features.terrain import ATTRIBUTES, TerrainSettings, write_terrain

    if features.dem is None:
        raise SettingsError("Terrain was asked for, but there is no elevation model. Give one with --dem.")
    wanted = ATTRIBUTES if features.terrain == ("all",) else features.terrain
    settings = TerrainSettings(
        slope=features.terrain_slope, convention=features.terrain_convention, smooth=features.terrain_smooth, attributes=tuple(wanted), overwrite=True
    )
    how = {
        "kind": "terrain",
        "source": Path(features.dem).name,
        "slope": features.terrain_slope,
        "convention": features.terrain_convention,
        "smooth": features.terrain_smooth,
    }
    key = [how, list(wanted), content_of(features.dem), _grid_key(grid)]
    path, notes = _cached(key, lambda out: write_terrain(features.dem, out, settings, grid=grid, report=report))
    return _specs(path, how | {"cell_m": _terrain_cell(path)}, wanted), notes["assumed"]


def _terrain_cell(path):
    """Side in metres of the cells on which a terrain raster was computed, whatever grid it was laid onto."""
    from soilcore.data.rasters import opened_raster

    with opened_raster(path) as dataset:
        return float(f"{max(json.loads(dataset.tags()['SOILCORE_TERRAIN'])['cell']):.4g}")


def _distances(features, grid, report):
    from soilcore.features.distance import write_distance

    if grid is None:
        raise SettingsError("A distance was asked for, but there is no raster whose pixels it could have. Give a scene, or a covariate first.")
    specs, assumed = [], []
    for vector in features.distances:
        name, how = _distance_name(vector), {"kind": "distance", "source": Path(vector).name}
        key = [how, content_of(vector), _grid_key(grid)]
        path, notes = _cached(key, lambda out, vector=vector: write_distance(vector, grid, out, overwrite=True, report=report))
        if name in (spec.name for spec in specs):
            raise SettingsError(f"Two of the files of --distance give {name!r} ({', '.join(features.distances)}). Rename one of them.")
        specs.append(CovariateSpec(str(path), name, band=1, made=how, unit="m"))
        assumed += notes["assumed"]
    return specs, assumed


def _distance_name(vector):
    stem = "".join(letter if letter.isalnum() else "_" for letter in Path(vector).stem)
    return f"distance_{stem}"


def _seasons(features, grid, report):
    """Season predictors: of the one season of a series, or by year where it holds several whole ones."""
    from soilcore.data.index_series import open_index_series
    from soilcore.features.phenology import PhenologySettings, write_phenology

    how = {"kind": "phenology", "source": Path(features.series).name, "index": features.series_index, "season_start": features.season_start}
    settings = PhenologySettings(index=features.series_index, season_start=features.season_start, overwrite=True)

    def make(out, year=None, share=(0.0, 1.0)):
        listen = part(report, *share)
        series = open_index_series(
            features.series, index=features.series_index, crs=features.series_crs, scale=features.series_scale, report=part(listen, 0, 0.2)
        )
        return write_phenology(series, out, replace(settings, year=year), grid=grid, report=part(listen, 0.2, 0.8))

    key = [how, features.series_crs, features.series_scale, content_of(features.series), _grid_key(grid)]
    path, notes = _cached(key, make)
    specs = _specs(path, how, _SEASON_BANDS)
    if len(notes["whole_years"]) < 2:
        return specs, notes["assumed"]
    folder, said = _cached([*key, "years"], lambda out: _season_of_each_year(out, notes["whole_years"], make), ending=".years")
    return [replace(spec, path=str(folder)) for spec in specs], said["assumed"]


def _season_of_each_year(folder, years, make):
    """One raster for each year with a whole season, in a folder that appears whole."""
    missing, assumed = [], ()
    with written_whole(folder) as temporary:
        temporary.mkdir()
        for number, year in enumerate(years):
            try:
                assumed = make(str(temporary / f"{year}.tif"), year, (number / len(years), 1 / len(years)))["assumed"]
            except FeatureError:  # no pixel has a season in that year
                missing.append(str(year))
    told = [sentence for sentence in assumed if not sentence.startswith(("season of ", "year: "))]
    told += [f"no season found in {', '.join(missing)}"] if missing else []
    return {"assumed": (*told, f"seasons by year, {years[0]} to {years[-1]}: each sample meets the season of its own year")}


def _specs(path, how, names):
    from soilcore.data.rasters import opened_raster

    with opened_raster(path) as dataset:
        described, units = list(dataset.descriptions), list(dataset.units)
    return [CovariateSpec(str(path), name, band=described.index(name) + 1, made=how, unit=units[described.index(name)]) for name in names]


def _cached(key, make, ending=".tif"):
    """What belongs to this key, made if it is not there: its path, and the facts that are kept of its making."""
    from soilcore import __version__
    from soilcore.core.files import write_json

    folder = cache_folder()
    path = folder / f"{fingerprint.of_settings(__version__, *key)[:32]}{ending}"
    notes = path.with_suffix(f"{ending}.json")
    if not (path.exists() and notes.is_file()):
        _make_room(folder)
        facts = make(str(path))
        write_json(notes, {name: facts.get(name, ()) for name in ("assumed", "whole_years")})
    os.utime(path)
    return path, json.loads(notes.read_text(encoding="utf-8"))


def _make_room(folder):
    """Drop what was not used for longest once the cache is full; other processes may be writing and dropping at the same time."""
    there = []
    for path in [*folder.glob("[!.]*.tif"), *folder.glob("[!.]*.years")]:  # names with a dot in front are being written
        with suppress(FileNotFoundError):
            size = sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size
            there.append((path.stat().st_mtime, size, path))
    total = sum(size for _, size, _ in there)
    for _, size, oldest in sorted(there):
        if total <= CACHE_LIMIT_BYTES:
            return
        total -= size
        shutil.rmtree(oldest, ignore_errors=True) if oldest.is_dir() else oldest.unlink(missing_ok=True)
        oldest.with_suffix(f"{oldest.suffix}.json").unlink(missing_ok=True)


def content_of(path):
    """Fingerprint of a file, or of every file of a folder with its name; of large files by size, time of change and parts spread over them.

    Parameters
    ----------
    path : path

    Returns
    -------
    str

    Raises
    ------
    UnreadableError
        If nothing readable is there.
    """
    path = Path(path)
    if not path.is_dir():
        return _content(check_readable(path))
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return fingerprint.of_settings([(file.relative_to(path).as_posix(), _content(file)) for file in files])


def _content(file):
    return sampled_content(file) if file.stat().st_size > _LARGE_BYTES else fingerprint.of_file(file)


def _grid_key(grid):
    return None if grid is None else [list(grid.shape), list(grid.transform)[:6], grid.crs.to_wkt()]
