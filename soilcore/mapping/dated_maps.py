"""Finished maps of several dates, opened together: one grid, one unit, one level of the intervals, in the order of time."""

import json
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError, SettingsError
from soilcore.data.raster_dates import date_in, raster_date
from soilcore.data.rasters import opened_raster, rasterio_window, reading, same_grid
from soilcore.data.timeline import day_of
from soilcore.mapping.finished import open_map
from soilcore.mapping.layers import layer_path, layers_of

MOST_MAPS = 200
_BOUNDS = ("lower", "upper")
_ORIGIN = ("SOILCORE_MODEL", "SOILCORE_MODEL_CREATED", "SOILCORE_RECIPE")


@dataclass(frozen=True)
class DatedMaps:
    """Maps of one quantity over the same pixels.

    Parameters
    ----------
    paths : tuple of pathlib.Path
    days : tuple of datetime.date or None
        None where no date is known; then the maps stand in the order given.
    labels : tuple of str
        What each is called: its year, its day, or its number.
    grid : Grid
    tags : dict of str to str
        Of the first map.
    unit, form, transform : str
        ``transform`` is the scale on which the target was modelled.
    level : float or None
        Of the intervals; None where not every map has one.
    variogram : dict or None
        Facts of the variogram of the first map's errors.
    assumed : tuple of str
    """

    paths: tuple
    days: tuple | None
    labels: tuple[str, ...]
    grid: object
    tags: dict
    unit: str
    form: str
    transform: str
    level: float | None
    variogram: dict | None
    assumed: tuple[str, ...]

    def __len__(self):
        return len(self.paths)

    @property
    def keys(self):
        """Layers that are read: the prediction, and its bounds where all maps have them."""
        return ("value", *_BOUNDS) if self.level is not None else ("value",)

    @contextmanager
    def reader(self):
        """Open all files; gives ``read(window)``: dict by layer of float32 arrays, shape (n_maps, rows, columns), NaN where missing."""
        with ExitStack() as stack:
            files = {key: [stack.enter_context(opened_raster(layer_path(path, key), what="map")) for path in self.paths] for key in self.keys}

            def read(window):
                place = rasterio_window(window)
                arrays = {key: np.empty((len(self), window.height, window.width), np.float32) for key in files}
                for key, rasters in files.items():
                    for array, raster in zip(arrays[key], rasters, strict=True):
                        with reading(raster.name):
                            array[...] = raster.read(1, window=place, masked=True).astype(np.float32).filled(np.nan)
                arrays["value"][~np.isfinite(arrays["value"])] = np.nan
                return arrays

            yield read


def open_dated_maps(paths, dates=(), level=None):
    """Open maps of several dates.

    Parameters
    ----------
    paths : sequence of path
        Two or more, each as `predict_map` writes it; any order.
    dates : sequence of str
        Days or years, one per map in the order of `paths`. Where none are given they are taken from the maps' run files, names or folders.
    level : float, optional
        That their intervals must have.

    Returns
    -------
    DatedMaps

    Raises
    ------
    SettingsError
        If there are fewer than two maps, the dates do not fit, or three or more maps share a date.
    UnreadableError, SceneError
        If a map cannot be read, or they differ in grid, unit or target.
    """
    paths, said = _without_siblings(tuple(Path(path) for path in paths))
    if not 2 <= len(paths) <= MOST_MAPS:
        raise SettingsError(f"{len(paths)} maps were given. A change is seen between 2 to {MOST_MAPS} maps of one area.")
    facts = [_facts_of(path) for path in paths]
    _check_alike(paths, facts)
    days, assumed = _days(paths, facts, dates)
    if days is not None:
        order = sorted(range(len(paths)), key=lambda number: days[number])
        paths, facts, days = tuple(paths[n] for n in order), [facts[n] for n in order], tuple(days[n] for n in order)
    maps = [one["map"] for one in facts]
    first, (level, more) = maps[0], _level(maps, level)
    said += more
    if len({tuple(one["tags"].get(name) for name in _ORIGIN) for one in facts}) > 1:
        said += ("the maps come from different models, so a difference may be one between the models and not of the land",)
    return DatedMaps(
        paths,
        days,
        _labels(days, len(paths)),
        first.grid,
        facts[0]["tags"],
        first.unit or "",
        first.form,
        first.transform,
        level,
        first.variogram,
        (*assumed, *said),
    )


def _without_siblings(paths):
    """Maps alone, where a pattern such as ``maps/*.tif`` also named the layers beside them."""
    beside = {layer.path.resolve(): path for path in paths if path.is_file() for layer in layers_of(path)[1:]}
    kept = tuple(path for path in paths if path.resolve() not in beside)
    return kept, ((f"{len(paths) - len(kept)} layers beside these maps left out",) if len(kept) < len(paths) else ())


def _facts_of(path):
    with opened_raster(path, what="map") as raster:
        if raster.count != 1:
            raise SceneError(f"{str(path)!r} has {raster.count} bands; a map has one, of predicted values. Give the map itself.")
        tags = raster.tags()
    if "SOILCORE_CLASSES" in tags or "CLASS_0" in tags:
        raise SceneError(f"{str(path)!r} is a map of classes. Give the map of values that lies beside it.")
    return {"map": open_map(path), "tags": tags}


def _check_alike(paths, facts):
    first = facts[0]["map"]
    for path, one in zip(paths[1:], facts[1:], strict=True):
        other = one["map"]
        if not same_grid(first.grid, other.grid):
            raise SceneError(
                f"{str(path)!r} has other pixels than {str(paths[0])!r} ({_grid_text(other.grid)} against {_grid_text(first.grid)}). "
                "Map every date on the same grid."
            )
        told = (("unit", first.unit, other.unit), ("target", first.column, other.column), ("form of the target", first.form, other.form))
        for what, ours, theirs in told:
            if ours != theirs:
                raise SceneError(
                    f"{str(path)!r} has another {what} ({theirs or 'none'}) than {str(paths[0])!r} ({ours or 'none'}). Compare maps of one quantity."
                )


def _grid_text(grid):
    return f"{grid.width} x {grid.height} pixels of {grid.cell_size[0]:g} from {grid.bounds[0]:g}, {grid.bounds[3]:g}"


def _days(paths, facts, dates):
    """Days of the maps, or None where one is unknown; and what was decided."""
    if dates:
        if len(dates) != len(paths):
            raise SettingsError(f"{len(dates)} dates were given for {len(paths)} maps. Give one date per map, in the same order.")
        days = tuple(day_of(text) for text in dates)
        _check_different(days, paths)
        return days, ()
    found = [_own_day(path, one["tags"]) for path, one in zip(paths, facts, strict=True)]
    unknown = [str(path) for path, day in zip(paths, found, strict=True) if day is None]
    if unknown:
        return None, (f"the date of {unknown[0]} is not known, so the maps are taken in the order given, one step apart (--dates tells them)",)
    _check_different(found, paths)
    return tuple(found), (f"dates of the maps: {', '.join(map(str, found))}",)


def _check_different(days, paths):
    if len(paths) > 2 and len(set(days)) < len(days):
        twice = next(day for day in days if list(days).count(day) > 1)
        raise SettingsError(
            f"{list(days).count(twice)} of the {len(paths)} maps are of {twice}. Give one map per date, or state the dates with --dates."
        )


def _own_day(path, tags):
    """The day a map is of: by its run file, its tags, its own name, the imagery it was made of, its folder."""
    run = _run_of(path)
    result, settings = run.get("result") or {}, (run.get("steps") or [{}])[0].get("settings") or {}
    for stated in (result.get("date"), settings.get("date")):
        if stated:
            with suppress(SettingsError):
                return day_of(stated)
    found = raster_date(path.stem, {name: value for name, value in tags.items() if name in ("ACQUISITION_DATE", "SOILCORE_DATE", "DATETIME")})
    if found:
        return found.day
    scene = ((settings.get("inputs") or {}).get("scene") or {}).get("paths") or ()
    for name in (*(Path(str(one)).stem for one in scene if len(scene) == 1), path.parent.name):
        if found := date_in(name):
            return found[0]
    return None


def _run_of(path):
    """The run file beside a map as JSON values; empty where there is none that can be read."""
    with suppress(OSError, ValueError):
        run = json.loads(path.with_suffix(".run.json").read_text(encoding="utf-8"))
        if isinstance(run, dict):
            return run
    return {}


def _level(maps, wanted):
    """Level of the intervals, or None; and what was decided."""
    without = [one.path for one in maps if not one.has_interval]
    if without:
        if wanted is not None:
            raise SceneError(f"{str(without[0])!r} has no prediction interval beside it. Map it again with --interval {wanted:g}.")
        return None, (f"{without[0]} has no prediction interval beside it, so no change can be told from error; map with --interval for that",)
    levels = sorted({one.level for one in maps})
    if len(levels) > 1:
        raise SceneError(
            f"The maps have intervals of different levels ({', '.join(f'{level:g}' for level in levels)}). Map every date with the same --interval."
        )
    if wanted is not None and abs(levels[0] - wanted) > 1e-9:
        raise SceneError(f"The maps have intervals of level {levels[0]:g}, not {wanted:g}. Map every date again with --interval {wanted:g}.")
    return levels[0], ()


def _labels(days, count):
    if days is None:
        return tuple(str(number + 1) for number in range(count))
    years = [day.year for day in days]
    return (
        tuple(map(str, years))
        if len(set(years)) == count
        else tuple(f"{day} ({n + 1})" if days.count(day) > 1 else str(day) for n, day in enumerate(days))
    )
