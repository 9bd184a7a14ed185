"""Maps of several dates compared: differences beyond the interval, trends, what lasts, and class areas over time."""

import itertools
import time
from dataclasses import dataclass, field, replace

import numpy as np

from soilcore.core.classes import ClassScheme, check_scheme_fits, class_scheme, schemes_that_fit
from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.files import written_whole
from soilcore.core.memory import peak_memory_mb
from soilcore.core.progress import part, silent
from soilcore.core.tiles import check_window, run_tiles, worker_threads
from soilcore.mapping.change_facts import ChangeCounts
from soilcore.mapping.change_layers import change_layers
from soilcore.mapping.classify import classes_of
from soilcore.mapping.dated_maps import open_dated_maps
from soilcore.mapping.differences import FROM_MAPS, beyond_interval, check_correlation, directions, limits_in_interval, rule_in_words
from soilcore.mapping.false_changes import change_limits, check_false_changes, limit_in_words, stands_out, with_neighbours
from soilcore.mapping.persistence import FEWEST_YEARS, Persistence, PersistenceSettings
from soilcore.mapping.ramps import CLASSES, ramp_stops
from soilcore.mapping.raster_set import RasterSet, check_result_folder
from soilcore.mapping.trend import FEWEST_DATES, decimal_years, trends

MARKER = "change.run.json"
_WINDOWS_SHARE = 0.85
_FAR = np.float32(np.inf)


@dataclass(frozen=True)
class ChangeSettings:
    """What a user can say about a comparison of maps.

    Parameters
    ----------
    out : str
        Folder to make.
    dates : tuple of str
        One per map; see `open_dated_maps`.
    scheme : str, optional
        Class scheme; that which fits the target if not given.
    edges : tuple of float
        Class limits instead of a scheme, in the unit of the maps, rising.
    correlation : float or "maps"
        Of the errors of one pixel on two dates; see `soilcore.mapping.differences`, and for "maps" `soilcore.mapping.error_correlation`.
    persistence : PersistenceSettings
        Its draws use the correlation from each date to the next; a limit by `false_changes` is of single differences and does not enter there.
    level : float, optional
        That the intervals of the maps must have.
    window : int
    threads : int, optional
    overwrite : bool
    false_changes : float, optional
        Largest expected share of unchanged land in what is shown as changed, see `soilcore.mapping.false_changes`; if not given, a change is what
        exceeds the joint interval.
    """

    out: str
    dates: tuple[str, ...] = ()
    scheme: str | None = None
    edges: tuple[float, ...] = ()
    correlation: float | str = 0.0
    persistence: PersistenceSettings = field(default_factory=PersistenceSettings)
    level: float | None = None
    window: int = 256
    threads: int | None = None
    overwrite: bool = False
    false_changes: float | None = None


def change_maps(paths, settings, beside=None, report=silent):
    """Compare maps of several dates.

    Parameters
    ----------
    paths : sequence of path
        Maps as `predict_map` writes them.
    settings : ChangeSettings
    beside : callable, optional
        ``beside(folder, facts)`` writes further files into the folder before it appears.
    report : Report

    Returns
    -------
    dict
        ``out``, ``layers`` (raster by name), ``maps`` (``path``, ``date``, ``label``, ``mean``, ``median``, ``valid`` each), ``unit``, ``level``,
        ``rule``, ``correlation``, ``threshold`` (joint intervals that a change exceeds; None if nothing does), ``false_changes``, ``pixels``,
        ``valid``, ``difference`` (first to last), ``steps`` (each date to the next), ``trend`` (three dates or more) and ``persistence`` (five
        dates or more) or None, ``areas`` (one row per date and class), ``areas_assumption``, ``scheme``, ``seconds``, ``peak_rss_mb``, ``assumed``.

    Raises
    ------
    SettingsError, SceneError, UnreadableError
        If the maps cannot be compared; the message says which and why.
    """
    started = time.perf_counter()
    check_window(settings.window)
    correlation, false_changes = check_correlation(settings.correlation), check_false_changes(settings.false_changes)
    out = check_result_folder(settings.out, MARKER, settings.overwrite)
    maps = open_dated_maps(paths, settings.dates, settings.level)
    scheme, said = _scheme(maps, settings)
    limits = change_limits(maps, correlation, false_changes, settings.window)
    compared = _Compared(maps, scheme, settings, limits)
    counts = ChangeCounts(maps, scheme)
    rasters = RasterSet(maps.grid, change_layers(maps, scheme, compared.persistence), _tags(maps, limits[0], false_changes))
    with written_whole(out) as folder:
        folder.mkdir()
        _run(maps, compared, counts, rasters, settings, folder, part(report, 0, _WINDOWS_SHARE))
        if not counts.valid:
            raise SceneError("No pixel has a value on every date, so nothing can be compared. Check that the maps overlap and are not masked apart.")
        layers = rasters.finish(folder, out, part(report, _WINDOWS_SHARE, 1 - _WINDOWS_SHARE))
        facts = {
            "out": str(out),
            "layers": layers,
            "unit": maps.unit,
            "level": maps.level,
            "rule": None if maps.level is None else _rule(limits[0], maps.level, correlation, false_changes),
            "correlation": limits[0].correlation,
            "correlation_from": FROM_MAPS if correlation == FROM_MAPS else "given",
            "threshold": None if maps.level is None else _finite(limits[0].times),
            "false_changes": None if maps.level is None else false_changes,
            "dates_known": maps.days is not None,
            **_with_limits(counts.facts(), limits, maps.level),
            "persistence": compared.persistence.facts() if compared.persistence else None,
            "scheme": None if scheme is None else {"id": scheme.id, "labels": scheme.labels, "colors": scheme.colors, "edges": scheme.edges},
            "seconds": round(time.perf_counter() - started, 3),
            "peak_rss_mb": peak_memory_mb(),
            "assumed": (*maps.assumed, *said),
        }
        if beside:
            beside(folder, facts)
    report(1, 1, "the change is written")
    return facts


def _run(maps, compared, counts, rasters, settings, folder, report):
    def write(window, result):
        arrays, counted, lasting = result
        put(window, arrays)
        counts.add(window, counted, arrays["difference"])
        if lasting is not None:
            compared.persistence.add(lasting)

    with maps.reader() as read, rasters.opened(folder) as put:
        run_tiles(
            maps.grid,
            settings.window,
            compared.reading(read),
            lambda window, data: compared.window(window, data, counts),
            write,
            worker_threads(settings.threads),
            report,
            "comparing",
        )


def _rule(limit, level, correlation, false_changes):
    if false_changes is None:
        return rule_in_words(limit.correlation, level, correlation == FROM_MAPS)
    return limit_in_words(limit, level, false_changes, correlation == FROM_MAPS)


def _with_limits(facts, limits, level):
    for row, limit in zip((facts["difference"], *facts["steps"]), limits, strict=True):
        row |= {"correlation": limit.correlation, "threshold": None if level is None else _finite(limit.times)}
    return facts


def _finite(number):
    return number if np.isfinite(number) else None


class _Compared:
    """What is computed for every window."""

    def __init__(self, maps, scheme, settings, limits):
        self.maps, self.scheme, self.limits = maps, scheme, limits
        self.looks_around = settings.false_changes is not None and maps.level is not None
        self.times = decimal_years(maps.days) if maps.days is not None else np.arange(len(maps), dtype=float)
        self.hectares = maps.grid.cell_areas_ha()
        self.persistence = None
        if scheme is not None and len(maps) >= FEWEST_YEARS:
            between_years = float(np.median([limit.correlation for limit in limits[1:]]))
            self.persistence = Persistence(replace(settings.persistence, correlation=between_years), scheme, len(maps))

    def reading(self, read):
        """What reads a window: its layers, those of the pixels around it where the rule looks at them, and where it lies in them."""
        if not self.looks_around:
            return lambda window: (read(window), None, None)

        def wider(window):
            around, inner = with_neighbours(read, self.maps.grid, window)
            return {key: layers[:, *inner] for key, layers in around.items()}, around, inner

        return wider

    def window(self, window, data, counts):
        """Layers of one window, what is to be counted, and what is to be added to the persistence."""
        data, *around = data
        values, shape = data["value"], (window.height, window.width)
        arrays = {"difference": values[-1] - values[0]}
        steps = None
        if self.maps.level is not None:
            beyond = self._beyond(data, *around, 0, -1, self.limits[0])
            arrays["change"] = directions(values[0], values[-1], beyond)
            arrays["difference_beyond"] = np.where(beyond, arrays["difference"], np.float32(np.nan))
            steps = self._steps(data, *around)
        if len(values) >= FEWEST_DATES:
            slope, s, z = (layer.reshape(shape) for layer in trends(values.reshape(len(values), -1), self.times))
            arrays |= {"slope": slope, "mk_z": z, "mk_s": np.where(np.isnan(z), np.float32(np.nan), s)}
        classes = None if self.scheme is None else np.stack([classes_of(self.scheme, one) for one in values])
        limits = self._limits(data, classes)
        lasting = None
        if self.persistence is not None:
            lasting = self._lasting(window, arrays, classes, limits, shape)
        return arrays, counts.of_window(window, values, classes, limits, steps, arrays), lasting

    def _steps(self, data, around, inner):
        """Class of change from each date to the next, uint8 of shape (n_maps - 1, rows, columns)."""
        values, numbers = data["value"], range(1, len(self.maps))
        beyond = (self._beyond(data, around, inner, number - 1, number, self.limits[number]) for number in numbers)
        return np.stack([directions(values[number - 1], values[number], one) for number, one in zip(numbers, beyond, strict=True)])

    def _beyond(self, data, around, inner, before, after, limit):
        """Where two of the maps differ by more than the rule leaves open."""
        first, last = (tuple((data if around is None else around)[key][number] for key in self.maps.keys) for number in (before, after))
        if around is None:
            return beyond_interval(first, last, limit.correlation, self.maps.transform)
        return stands_out(first, last, limit, self.maps.transform)[inner]

    def _limits(self, data, classes):
        """From a slice of pixels to deviates of the class limits, or None without bounds or classes."""
        if self.maps.level is None or classes is None:
            return None
        flat = {key: layer.reshape(len(layer), -1) for key, layer in data.items()}
        numbers = classes.reshape(len(classes), -1)

        def limits(part):
            value, lower, upper = (flat[key][:, part] for key in ("value", "lower", "upper"))
            found = limits_in_interval(value, lower, upper, self.scheme.edges, self.maps.level, self.maps.transform)
            unsure = np.isnan(lower) | np.isnan(upper)  # a value without bounds keeps its class
            if unsure.any():
                for number, row in enumerate(found):
                    row[unsure] = np.where(numbers[:, part] > number, -_FAR, _FAR)[unsure]
            found[:, np.isnan(value)] = np.nan
            return found

        return limits

    def _lasting(self, window, arrays, classes, limits, shape):
        hectares = np.repeat(self.hectares[window.slices[0]], window.width)
        layers, lasting = self.persistence.of_pixels(classes.reshape(len(classes), -1), hectares, limits)
        names = {"label": "label", "mode": "mode", "persistence": "persistence", "transitions": "transitions", "range": "class_range"}
        names |= {"mean": "class_mean", "s": "class_s", "z": "class_z", "entropy": "entropy", "support": "support"}
        arrays |= {names[key]: layer.reshape(shape) for key, layer in layers.items()}
        return lasting


def _scheme(maps, settings):
    """The class scheme of a comparison, or None; and what was decided."""
    if settings.edges:
        if settings.scheme:
            raise SettingsError("--classes and --edges exclude each other: name a scheme, or give class limits.")
        return _own_scheme(maps.unit, settings.edges), ()
    if settings.scheme:
        scheme = class_scheme(settings.scheme)
        check_scheme_fits(scheme, maps.unit or None, maps.form)
        return scheme, ()
    fitting = schemes_that_fit(maps.unit or None, maps.form)
    if not fitting:
        return None, ("no class scheme fits the target, so there are no classes, areas and labels; class limits can be given with --edges",)
    return fitting[0], (f"classes {fitting[0].id} ({fitting[0].title}), which fit the target (--classes names others)",)


def _own_scheme(unit, edges):
    edges = tuple(float(edge) for edge in edges)
    if not all(np.isfinite(edges)) or any(high <= low for low, high in itertools.pairwise(edges)) or len(edges) > 20:
        raise SettingsError(f"Class limits must be up to 20 rising numbers; got {', '.join(f'{edge:g}' for edge in edges)}.")
    limits = (f"below {edges[0]:g}", *(f"{low:g} to {high:g}" for low, high in itertools.pairwise(edges)), f"{edges[-1]:g} and more")
    labels = tuple(f"{text} {unit}".strip() for text in limits)
    return ClassScheme("own", edges, labels, unit, "", ramp_stops(CLASSES, len(labels)), "Own class limits")


def _tags(maps, limit, false_changes):
    keep = ("SOILCORE_MODEL", "SOILCORE_MODEL_CREATED", "SOILCORE_RECIPE", "SOILCORE_TARGET", "SOILCORE_TARGET_FORM", "SOILCORE_UNIT")
    tags = {name: maps.tags[name] for name in keep if name in maps.tags}
    tags["SOILCORE_MAPS"] = ", ".join(maps.labels)
    if maps.level is not None:
        tags |= {"SOILCORE_INTERVAL_LEVEL": f"{maps.level:g}", "SOILCORE_ERROR_CORRELATION": f"{limit.correlation:.3g}"}
        if false_changes is not None:
            tags |= {"SOILCORE_FALSE_CHANGES": f"{false_changes:g}", "SOILCORE_CHANGE_THRESHOLD": f"{limit.times:.4g}"}
    return tags
