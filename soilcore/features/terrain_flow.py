"""Flow over a whole elevation raster: depressions filled, the area that drains through every cell, and the topographic wetness index.

A rising flood gives both the filled surface and an order in which every cell comes after those it drains to, so level ground needs no
made-up slopes: there water follows the flood back, along the shortest way to where the level ground spills. Water leaves at the edge of
the raster and beside missing cells (the sea, where it is no data).
"""

from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError, SettingsError

FLOWS = ("multiple", "d8")
FREEMAN = 1.1  # exponent of the slope, doi 10.1016/0098-3004(91)90048-I
LEAST_TAN = 1e-3  # of the slope in the index: less than a metre in a kilometre is beyond what elevation models resolve
BYTES_PER_CELL = 20  # elevation 4, order 4, direction 1, area 8, and room for the queue of the flood
MOST_CELLS = 2**31 - 1  # cells are numbered by 32-bit integers
_SHARE_OF_MEMORY = 0.7


def drained_area(z, cell_x, cell_y, flow="multiple"):
    """Area that drains through every cell, itself included.

    Parameters
    ----------
    z : ndarray of float32, shape (rows, cols)
        Elevation in metres, NaN where missing. Changed in place: depressions are filled.
    cell_x, cell_y : float
        Sides of a cell in metres; signs do not matter.
    flow : {"multiple", "d8"}
        "multiple": to all lower neighbours, in proportion to slope^1.1 (Freeman 1991). "d8": to the steepest one (O'Callaghan and Mark
        1984). On level ground and in filled depressions to one neighbour either way.

    Returns
    -------
    area : ndarray of float64, shape of z
        Square metres; NaN where `z` is.
    left : float
        Square metres that left the raster: the area of all cells with an elevation.

    Raises
    ------
    SettingsError
        If `flow` is unknown.
    """
    from soilcore.features import terrain_flow_kernels as kernels

    if flow not in FLOWS:
        raise SettingsError(f"Flow {flow!r} is not known. Choose one of {', '.join(FLOWS)}.")
    cell_x, cell_y = abs(cell_x), abs(cell_y)
    origin, order = np.empty(z.shape, np.uint8), np.empty(z.size, np.int32)
    reached = kernels.flood(z, origin, order)
    area = np.full(z.shape, float(cell_x * cell_y))
    area[origin == kernels.MISSING] = np.nan
    left = kernels.run_off(z, origin, order[:reached], cell_x, cell_y, FREEMAN if flow == "multiple" else 0.0, area)
    return area, left


def wetness_index(area, slope_deg, cell_x, cell_y):
    """Topographic wetness index ln(specific catchment area / tan slope) (Beven and Kirkby 1979, doi 10.1080/02626667909491834).

    Parameters
    ----------
    area : ndarray of float
        Square metres, from `drained_area`.
    slope_deg : ndarray of float, shape of area
        Taken as at least a metre in a kilometre.
    cell_x, cell_y : float
        Metres. The specific catchment area is the area over the side of a square cell as large.

    Returns
    -------
    ndarray of float32, shape of area
    """
    tangent = np.maximum(np.tan(np.radians(np.asarray(slope_deg, np.float64))), LEAST_TAN)
    with np.errstate(invalid="ignore"):
        return np.log(area / np.sqrt(abs(cell_x * cell_y)) / tangent).astype(np.float32)


def check_room(grid, path):
    """Refuse a raster whose flow does not fit into memory.

    Raises
    ------
    SceneError
        With the memory needed and the memory there is.
    """
    cells = grid.height * grid.width
    needed, free = cells * BYTES_PER_CELL, _available_bytes()
    if cells <= MOST_CELLS and (free is None or needed <= _SHARE_OF_MEMORY * free):
        return
    has = (
        "at most 2147 million pixels can be routed"
        if cells > MOST_CELLS
        else f"{free / 1e9:.1f} GB are free, of which {_SHARE_OF_MEMORY:.0%} may be used"
    )
    raise SceneError(
        f"The wetness index follows water over the whole of {str(path)!r} at once: {grid.width} x {grid.height} pixels need {needed / 1e9:.1f} GB of memory; {has}. "
        "Leave out twi (--attributes), cut the elevation model to the catchments that matter, or resample it to a coarser cell."
    )


def _available_bytes():
    """Memory that can be had now, within the limit of the container if there is one; None where the system does not say."""
    found = []
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        found += [int(line.split()[1]) * 1024 for line in meminfo.read_text().splitlines() if line.startswith("MemAvailable:")]
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and (most := limit.read_text().strip()).isdigit():
        found.append(int(most) - int(used.read_text()))
    return min(found, default=None)
