"""Where to sample next: where the map is unsure, unlike the samples there are, and reachable; spread over the land.

Each pixel weighs width x dissimilarity x access: the width of its prediction interval and its dissimilarity to the training samples, each over
its median on the map and held at its 98th percentile (a roof or a cloud's edge would draw every sample), and access = 1 / (1 + d / d0) at d
metres from a road. A factor whose layer is missing is 1. The best pixel of every block is a candidate; then, one after the other, the
candidate with the largest product of weight and distance to the nearest sample taken or chosen is chosen (greedy maximin).

References
----------
Spread by largest smallest distance: Johnson, Moore and Ylvisaker (1990), J. Stat. Plan. Inference 26, 131-148,
doi 10.1016/0378-3758(90)90122-B.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.progress import part, silent
from soilcore.core.tiles import gdal_cache_capped
from soilcore.mapping.zone_means import pixel_metres

MOST_POINTS = 1000
_BLOCK = 256
_MOST_CANDIDATES = 20_000
_LOOKED_AT = 200_000  # pixels that the medians are taken from
_CAP = 98  # percentile
_KEYS = ("value", "lower", "upper", "di", "aoa")
_FACTORS = ("width", "di")


@dataclass(frozen=True)
class Access:
    """How far places lie from where one can drive.

    Parameters
    ----------
    metres : callable
        ``metres(window)``: array of shape (rows, columns).
    half : float
        Metres at which a place counts half.
    """

    metres: object
    half: float = 500.0


@dataclass(frozen=True)
class NextSamples:
    """Places that were chosen.

    Parameters
    ----------
    rows : list of dict
        In the order of choice: ``rank``, ``name``, ``x``, ``y`` (reference system of the map), ``lon``, ``lat`` (WGS 84), ``value``, ``lower``,
        ``upper``, ``width``, ``di``, ``inside``, ``access_m``, ``weight`` (1 where everything is median), ``apart_m``: to the nearest other
        sample, taken or chosen before.
    used : tuple of str
        Factors that were known: "width", "di", "access".
    candidates : int
    """

    rows: list = field(default_factory=list)
    used: tuple[str, ...] = ()
    candidates: int = 0


def choose_next_samples(finished, count, *, access=None, keep=None, taken=None, report=silent):
    """Choose places.

    Parameters
    ----------
    finished : FinishedMap
    count : int
        1 to 1,000.
    access : Access, optional
    keep : callable, optional
        ``keep(window)``: which pixels may be sampled, bool of shape (rows, columns).
    taken : ndarray of float, shape (n, 2), optional
        Places that have been sampled, in the reference system of the map.
    report : Report

    Returns
    -------
    NextSamples
        Fewer rows than asked for where the land is too small.

    Raises
    ------
    SettingsError
        If the count is impossible, or the map has neither bounds nor dissimilarity.
    SceneError
        If no pixel may be sampled.
    """
    if not 1 <= count <= MOST_POINTS:
        raise SettingsError(f"{count} next samples are not possible. Ask for 1 to {MOST_POINTS}.")
    if not finished.has_interval and "di" not in finished.layers:
        raise SettingsError(
            f"The map {str(finished.path)!r} has neither a prediction interval nor a dissimilarity, so no place is known to need a sample more than "
            "another. Map the model again with --interval 0.9 and --aoa."
        )
    with gdal_cache_capped(), finished.reader(_KEYS) as read:
        scales = _scales(finished, read, part(report, 0, 0.3))
        found = _candidates(finished, read, scales, access, keep, count, part(report, 0.3, 0.6))
    if not found["row"].size:
        raise SceneError("No pixel of the map may be sampled: mask, boundaries and map leave nothing over. Check that they overlap.")
    order, apart = _spread(found, finished.grid, count, taken)
    used = (*scales, *(("access",) if access is not None else ()))
    return NextSamples(_rows(found, order, apart, finished), tuple(used), int(found["row"].size))


def _scales(finished, read, report):
    """Median and cap of each factor that is known."""
    grid = finished.grid
    step = max(1, math.ceil(math.sqrt(grid.height * grid.width / _LOOKED_AT)))
    seen = {name: [] for name in _FACTORS}
    for number, window in enumerate(grid.windows(_BLOCK)):
        report(number * _BLOCK**2, grid.height * grid.width, "looking where the map is unsure")
        layers = _factors(read(window))
        rows, cols = slice(-window.row % step, None, step), slice(-window.col % step, None, step)
        for name in _FACTORS:
            if name in layers:
                values = layers[name][rows, cols]
                seen[name].append(values[np.isfinite(values)])
    scales = {}
    for name, parts in seen.items():
        values = np.sort(np.concatenate(parts)) if parts else np.empty(0)
        if values.size and np.median(values) > 0:
            scales[name] = float(np.median(values)), float(np.percentile(values, _CAP))
        elif values.size and values.max() > 0:
            scales[name] = float(values[values > 0].mean()), float(values.max())
    return scales


def _factors(layers):
    """Width and dissimilarity of pixels; NaN outside the map."""
    there = np.isfinite(layers["value"])
    factors = {}
    if "lower" in layers and "upper" in layers:
        with np.errstate(invalid="ignore"):
            factors["width"] = np.where(there, layers["upper"] - layers["lower"], np.nan)
    if "di" in layers:
        factors["di"] = np.where(there, layers["di"], np.nan)
    return factors


def _candidates(finished, read, scales, access, keep, count, report):
    """The best pixel of every block, as arrays by name."""
    grid = finished.grid
    most = max(_MOST_CANDIDATES, 4 * count)
    side = max(1, math.ceil(math.sqrt(grid.height * grid.width / most)))
    windows = side * max(1, _BLOCK // side)
    found = []
    for number, window in enumerate(grid.windows(windows)):
        report(number * windows**2, grid.height * grid.width, "weighing places")
        layers = read(window)
        weight, shown = _weights(layers, scales, access, window)
        allowed = np.isfinite(layers["value"]) & np.isfinite(weight)
        if keep is not None:
            allowed &= keep(window)
        best = _best_of_blocks(np.where(allowed, weight, -1.0), side)
        best = best[allowed[best[:, 0], best[:, 1]]]
        rows, cols = best.T
        block = {"row": rows + window.row, "col": cols + window.col, "weight": weight[rows, cols]}
        for name in (*_KEYS, "width", "access_m"):
            array = layers.get(name, shown.get(name))
            block[name] = np.full(rows.size, np.nan) if array is None else array[rows, cols]
        found.append(block)
    return {name: np.concatenate([block[name] for block in found]) for name in found[0]}


def _weights(layers, scales, access, window):
    weight, shown = np.ones(layers["value"].shape), {}
    factors = _factors(layers)
    shown["width"] = factors.get("width")
    for name, (middle, cap) in scales.items():
        weight *= np.minimum(factors[name], cap) / middle
    if access is not None:
        shown["access_m"] = np.asarray(access.metres(window), float)
        weight /= 1 + shown["access_m"] / access.half
    return weight, shown


def _best_of_blocks(weight, side):
    """Row and column of the largest weight in each square of so many pixels, shape (n, 2)."""
    height, width = weight.shape
    padded = np.full((-(-height // side) * side, -(-width // side) * side), -1.0)
    padded[:height, :width] = weight
    down, across = padded.shape[0] // side, padded.shape[1] // side
    blocks = padded.reshape(down, side, across, side).swapaxes(1, 2).reshape(down * across, side * side)
    best = blocks.argmax(axis=1)
    number = np.arange(down * across)
    rows, cols = number // across * side + best // side, number % across * side + best % side
    kept = blocks[number, best] >= 0
    return np.column_stack([rows[kept], cols[kept]])


def _spread(found, grid, count, taken):
    """Candidates one after the other, each far from those before it; their numbers, and how far."""
    metres = pixel_metres(grid)
    places = np.column_stack([found["col"], found["row"]]) * metres
    weight = np.maximum(found["weight"], 0.0)
    nearest = np.full(len(places), np.inf)
    if taken is not None and len(taken):
        from scipy.spatial import cKDTree

        nearest = cKDTree(_in_pixels(taken, grid) * metres).query(places)[0]
    order, apart = [], []
    for _ in range(min(count, len(places))):
        score = weight * np.where(np.isfinite(nearest), nearest, 1.0)
        best = int(np.argmax(score))
        if score[best] <= 0:
            break
        order.append(best)
        apart.append(float(nearest[best]))
        nearest = np.minimum(nearest, np.hypot(*(places - places[best]).T))
    return order, apart


def _in_pixels(places, grid):
    """Places as fractional columns and rows of pixel centres."""
    back = ~grid.transform
    x, y = np.asarray(places, float).T
    return np.column_stack([back.a * x + back.b * y + back.c - 0.5, back.d * x + back.e * y + back.f - 0.5])


def _rows(found, order, apart, finished):
    from soilcore.data.rasters import lon_lat

    t = finished.grid.transform
    col, row = found["col"][order] + 0.5, found["row"][order] + 0.5
    x, y = t.a * col + t.b * row + t.c, t.d * col + t.e * row + t.f
    lon, lat = lon_lat(x, y, finished.grid.crs)
    rows = []
    for rank, (number, distance) in enumerate(zip(order, apart, strict=True), start=1):
        facts = {name: _known(found[name][number]) for name in ("value", "lower", "upper", "width", "di", "access_m", "weight")}
        inside = None if not np.isfinite(found["aoa"][number]) else bool(found["aoa"][number] == 1)
        place = {"rank": rank, "name": f"S{rank:02d}", "x": float(x[rank - 1]), "y": float(y[rank - 1])}
        place |= {"lon": float(lon[rank - 1]), "lat": float(lat[rank - 1])}
        rows.append({**place, **facts, "inside": inside, "apart_m": _known(distance)})
    return rows


def _known(number):
    return float(number) if np.isfinite(number) else None
