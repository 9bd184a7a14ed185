"""What a composite reads and computes at a time: a window, and as many of its bands as memory allows for all dates."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from soilcore.core.grids import Window
from soilcore.core.tiles import SMALLEST_WINDOW
from soilcore.features.composite_kernels import bare_dates, median_over_dates
from soilcore.features.indices import compute_indices

PART_BYTES = 64 << 20  # of all dates in one part; a few parts are held at a time
OPEN_FILES = 256  # scenes beyond are opened anew for every part: systems allow a process about a thousand


@dataclass(frozen=True)
class Part:
    """Some bands of one window.

    Parameters
    ----------
    pixels : Window
    roles : tuple of str
    first, last : bool
        Whether it is the first and the last part of its window.
    """

    pixels: Window
    roles: tuple[str, ...]
    first: bool = True
    last: bool = True

    @property
    def height(self):
        """Rows, as `run_tiles` counts progress."""
        return self.pixels.height

    @property
    def width(self):
        """Columns."""
        return self.pixels.width


class DateReader:
    """Reads one window of many scenes, several at a time.

    Parameters
    ----------
    series : SceneSeries
    threads : int
        Scenes read at a time. Each scene is opened, read and closed by one and the same thread, as GDAL's datasets ask for.
    """

    def __init__(self, series, threads):
        self.scenes = series.scenes
        self._threads = min(threads, len(self.scenes))
        self._readers = {}

    def __enter__(self):
        self._pools = [ThreadPoolExecutor(1, thread_name_prefix="date") for _ in range(self._threads)]
        self._opened = [ExitStack() for _ in self._pools]
        room, self._kept = OPEN_FILES, set()
        for number, scene in enumerate(self.scenes):
            room -= max(len(scene.paths), len(scene.files)) + 1
            if room >= 0:
                self._kept.add(number)
        return self

    def __exit__(self, *_):
        closed = [pool.submit(opened.close) for pool, opened in zip(self._pools, self._opened, strict=True)]
        for pool in self._pools:
            pool.shutdown(wait=True)
        self._readers.clear()
        for each in closed:
            each.result()

    def read(self, numbers, window, roles):
        """Values of some scenes, one after another as float32 arrays of shape (band, row, column)."""
        reading = [self._pools[number % self._threads].submit(self._one, number, window, roles) for number in numbers]
        for each in reading:
            yield each.result()

    def stack(self, window, roles):
        """Values of all scenes, float32 of shape (date, band, row, column)."""
        out = np.empty((len(self.scenes), len(roles), window.height, window.width), np.float32)
        for number, bands in enumerate(self.read(range(len(self.scenes)), window, roles)):
            out[number] = bands
        return out

    def _one(self, number, window, roles):
        if number in self._readers:
            return self._readers[number].read(window, roles)
        if number in self._kept:
            reader = self._opened[number % self._threads].enter_context(self.scenes[number].reader())
            self._readers[number] = reader
            return reader.read(window, roles)
        with self.scenes[number].reader() as reader:
            return reader.read(window, roles)


class MedianParts:
    """Medians of all dates, or of those with bare soil.

    Parameters
    ----------
    series : SceneSeries
    settings : CompositeSettings
    threads : int
    """

    overviews = "average"

    def __init__(self, series, settings, threads):
        self.series, self.settings = series, settings
        self.names = (*series.roles, "count")
        self.side, self.groups = _shares(len(series.scenes), series.roles, settings.window)
        self.times = len(self.groups)
        self._dates = DateReader(series, threads)
        self._bare, self._count = None, None

    def __enter__(self):
        self._dates.__enter__()
        return self

    def __exit__(self, *failure):
        return self._dates.__exit__(*failure)

    def windows(self):
        """Every window once per group of bands, in the order in which they are written."""
        last = len(self.groups) - 1
        for window in self.series.grid.windows(self.side):
            for number, roles in enumerate(self.groups):
                yield Part(window, roles, number == 0, number == last)

    def read(self, part):
        """Values of all dates, and which dates are bare."""
        if self.settings.method == "bare" and part.first:
            rule = (self.settings.ndvi_min, self.settings.ndvi_max)
            bands = [self._dates.stack(part.pixels, (role,))[:, 0] for role in ("R", "N", "S1", "S2")]
            self._bare = bare_dates(*bands, rule, self.settings.swir_ratio_max)
        return self._dates.stack(part.pixels, part.roles), self._bare

    def compute(self, part, data):
        """Median and count of each band; the count of the fewest is kept."""
        stack, bare = data
        made, fewest = {}, None
        for band, role in enumerate(part.roles):
            made[role], count = median_over_dates(stack[:, band], bare, self.settings.min_valid)
            fewest = count if fewest is None else np.minimum(fewest, count)
        return made, fewest

    def finish(self, part, result):
        """Layers to write; called in the order of the parts."""
        made, fewest = result
        self._count = fewest if part.first else np.minimum(self._count, fewest)
        return made | ({"count": self._count.astype(np.float32)} if part.last else {})


class CrsiParts:
    """Bands of the date with the largest CRSI; dates are gone through one after another, so their number needs no memory.

    Parameters
    ----------
    series : SceneSeries
    settings : CompositeSettings
    threads : int
    """

    overviews = "nearest"
    times = 1

    def __init__(self, series, settings, threads):
        self.series, self.settings, self.threads = series, settings, threads
        self.years = len({day.year for day in series.dates}) > 1
        self.names = (*series.roles, "count", "CRSI", "doy", *(("year",) if self.years else ()))
        self._dates = DateReader(series, threads)

    __enter__, __exit__ = MedianParts.__enter__, MedianParts.__exit__

    def windows(self):
        """The windows; all bands at a time."""
        for window in self.series.grid.windows(self.settings.window):
            yield Part(window, self.series.roles)

    def read(self, part):
        """The best date so far of every pixel, date after date."""
        best = _Best(part, len(self.series.roles))
        for start in range(0, len(self.series.scenes), self.threads):
            numbers = range(start, min(start + self.threads, len(self.series.scenes)))
            for number, bands in zip(numbers, self._dates.read(numbers, part.pixels, part.roles), strict=True):
                best.look(number, bands)
        return best

    def compute(self, part, best):
        """Layers of the window."""
        few = best.count < self.settings.min_valid
        best.bands[:, few] = np.nan
        days = np.array([day.timetuple().tm_yday for day in self.series.dates], np.float32)
        years = np.array([day.year for day in self.series.dates], np.float32)
        made = dict(zip(part.roles, best.bands, strict=True)) | {"count": best.count.astype(np.float32)}
        made["CRSI"] = np.where(few, np.float32(np.nan), best.crsi)
        made["doy"] = np.where(few, np.float32(np.nan), days[best.date])
        return made | ({"year": np.where(few, np.float32(np.nan), years[best.date])} if self.years else {})

    def finish(self, part, made):
        """Layers to write."""
        return made


class _Best:
    """The date with the largest CRSI of every pixel, among those seen so far."""

    def __init__(self, part, n_bands):
        shape = part.pixels.height, part.pixels.width
        self.roles = part.roles
        self.crsi = np.full(shape, np.nan, np.float32)
        self.date, self.count = np.zeros(shape, np.intp), np.zeros(shape, np.uint16)
        self.bands = np.full((n_bands, *shape), np.nan, np.float32)

    def look(self, number, bands):
        named = {role: bands[self.roles.index(role)] for role in ("B", "G", "R", "N")}
        crsi = compute_indices(named, ("CRSI",))["CRSI"]
        valid = np.isfinite(crsi)
        self.count += valid
        better = valid & ~(crsi <= self.crsi)
        np.copyto(self.crsi, crsi, where=better)
        self.date[better] = number
        np.copyto(self.bands, bands, where=better)


def _shares(n_dates, roles, window):
    """Side of the windows and groups of bands, so that all dates of one group fit in a part."""
    side = window
    while side > SMALLEST_WINDOW and n_dates * side**2 * 4 > 2 * PART_BYTES:
        side = max(SMALLEST_WINDOW, side // 2)
    size = max(1, min(len(roles), PART_BYTES // (n_dates * side**2 * 4)))
    return side, [tuple(roles[start : start + size]) for start in range(0, len(roles), size)]
