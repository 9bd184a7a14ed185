"""Slope, aspect, curvature and position of an elevation array.

With z1 ... z9 the 3 x 3 window row by row from the north-west, L the cell, x east and y north, Zevenbergen and Thorne
(1987, doi 10.1002/esp.3290120107) have p = (z6 - z4) / 2L, q = (z2 - z8) / 2L, r = (z4 + z6 - 2 z5) / L^2, t = (z2 + z8 - 2 z5) / L^2 and
s = (-z1 + z3 + z7 - z9) / 4L^2; Horn (1981, doi 10.1109/PROC.1981.11918) takes p and q from all eight neighbours. Slope is
atan sqrt(p^2 + q^2), aspect atan2(-p, -q). With g = p^2 + q^2, a = p^2 r + 2pqs + q^2 t and b = q^2 r - 2pqs + p^2 t the conventions are

============  ==========================  ========================  ==========================  ==========
convention    profile                     plan                      tangential                  unit
============  ==========================  ========================  ==========================  ==========
zt            -a / g                      -b / g                    -b / (g (1 + g)^0.5)        1/m
arcgis        +100 a / g                  -100 b / g                -100 b / (g (1 + g)^0.5)    1/(100 m)
geometric     -a / (g (1 + g)^1.5)        -b / g^1.5 (contour)      -b / (g (1 + g)^0.5)        1/m
============  ==========================  ========================  ==========================  ==========

Positive is convex (profile) or divergent (plan, tangential), save that the arcgis profile is negative where convex. Contour curvature grows
without bound as ground becomes level, so it says little on a plain; tangential curvature does not.
"""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from soilcore.core.errors import SettingsError

SLOPES = ("horn", "zt")
CONVENTIONS = ("zt", "arcgis", "geometric")
FLATS = ("zero", "nan")
LOCAL = ("slope_deg", "aspect_deg", "profile_curvature", "plan_curvature", "tangential_curvature")
REACH_OF_SIGMA = 4.0  # the Gaussian is cut off at so many standard deviations
LEAST_SHARE = 0.25  # of a disc must be known; a corner of the raster has as much
_CHUNK_CELLS = 1 << 16  # rows are done in chunks that stay in the processor's cache


def derivatives(z, cell_x, cell_y, attributes=LOCAL, *, slope="horn", convention="zt", flat="zero", smoothed=None, threads=1):
    """Local attributes of an elevation array.

    Parameters
    ----------
    z : ndarray of float, shape (rows, cols)
        Elevation in metres, the first row the northern one; NaN where missing. At least 3 x 3.
    cell_x, cell_y : float
        Size of a cell in metres; negative where columns run west, or rows north.
    attributes : sequence of str
        Of `LOCAL`.
    slope : {"horn", "zt"}
        Gradient of slope and aspect.
    convention : {"zt", "arcgis", "geometric"}
        Of the curvatures, see above; their derivatives are those of Zevenbergen and Thorne.
    flat : {"zero", "nan"}
        Curvature where g < 1e-12. Aspect is NaN there.
    smoothed : ndarray, shape of z, optional
        Elevation that the curvatures are computed from; `z` if not given.
    threads : int

    Returns
    -------
    dict of str to ndarray, shape of z
        float32 if `z` is, else float64. NaN at the edge and where one of the nine cells is missing.

    Raises
    ------
    SettingsError
        If a name is unknown, the array is too small or a cell has no size.
    """
    _check(z, cell_x, cell_y, attributes, slope, convention, flat)
    z = np.ascontiguousarray(z, np.float32 if np.asarray(z).dtype == np.float32 else np.float64)
    bent = z if smoothed is None else np.ascontiguousarray(smoothed)
    made = {name: np.empty(z.shape, z.dtype) for name in attributes}
    for values in made.values():
        values[[0, -1]] = np.nan
        values[:, [0, -1]] = np.nan
    rows = max(1, _CHUNK_CELLS // z.shape[1])
    chunks = [slice(start, min(start + rows, z.shape[0] - 2)) for start in range(0, z.shape[0] - 2, rows)]

    def compute(chunk):
        around = slice(chunk.start, chunk.stop + 2)
        inner = {name: values[chunk.start + 1 : chunk.stop + 1] for name, values in made.items()}
        _chunk(z[around], bent[around], cell_x, cell_y, slope, convention, flat, inner)

    if threads <= 1:
        for chunk in chunks:
            compute(chunk)
    else:
        with ThreadPoolExecutor(threads, thread_name_prefix="terrain") as pool:
            for _ in pool.map(compute, chunks):
                pass
    return made


def _check(z, cell_x, cell_y, attributes, slope, convention, flat):
    for value, known, what in ((slope, SLOPES, "slope"), (convention, CONVENTIONS, "convention"), (flat, FLATS, "flat")):
        if value not in known:
            raise SettingsError(f"{what} = {value!r} is not known. Choose one of {', '.join(known)}.")
    if unknown := [name for name in attributes if name not in LOCAL]:
        raise SettingsError(f"{unknown[0]!r} is not made from a 3 x 3 window. Choose among {', '.join(LOCAL)}.")
    if np.ndim(z) != 2 or min(np.shape(z)) < 3:
        raise SettingsError(f"Terrain needs at least 3 x 3 elevations, but got an array of shape {np.shape(z)}.")
    if not all(math.isfinite(cell) and cell != 0 for cell in (cell_x, cell_y)):
        raise SettingsError(f"Cells of {cell_x!r} x {cell_y!r} m are not possible. Give their sides in metres.")


def _chunk(z, bent, cell_x, cell_y, slope, convention, flat, out):
    """Attributes of the rows between the first and the last of `z`."""
    from soilcore.features import terrain_kernels as kernels

    per_x, per_y = 1.0 / cell_x, 1.0 / cell_y
    straight, diagonal, norm = (2.0, 1.0, 8.0) if slope == "horn" else (1.0, 0.0, 2.0)
    gradient = straight, diagonal, per_x / norm, per_y / norm
    if "slope_deg" in out:
        kernels.slope_rows(z, *gradient, out["slope_deg"])
    if "aspect_deg" in out:
        kernels.aspect_rows(z, *gradient, out["aspect_deg"])
    level = 0.0 if flat == "zero" else math.nan
    if "profile_curvature" in out or "plan_curvature" in out:
        shape = z.shape[0] - 2, z.shape[1]
        pair = [out[name] if name in out else np.empty(shape, z.dtype) for name in ("profile_curvature", "plan_curvature")]
        if convention == "geometric":
            kernels.geometric_curvature_rows(bent, per_x, per_y, level, *pair)
        else:
            factors = (-1.0, -1.0) if convention == "zt" else (100.0, -100.0)
            kernels.plain_curvature_rows(bent, per_x, per_y, *factors, level, *pair)
    if "tangential_curvature" in out:
        kernels.tangential_curvature_rows(bent, per_x, per_y, -100.0 if convention == "arcgis" else -1.0, level, out["tangential_curvature"])


def smoothing_reach(sigma):
    """Cells that smoothing with a standard deviation of `sigma` cells looks at in each direction."""
    return math.ceil(REACH_OF_SIGMA * sigma)


def smooth(z, sigma):
    """Gaussian smoothing that neither spreads missing values nor bends slopes beside them.

    Parameters
    ----------
    z : ndarray of float, shape (rows, cols)
        NaN where missing; beyond the edge everything is missing.
    sigma : float
        Standard deviation in cells; cut off at four times that.

    Returns
    -------
    ndarray of float64, shape of z
        Where cells of the neighbourhood are missing, the value of the Gaussian-weighted plane through the known ones. NaN where `z` is.
    """
    reach = smoothing_reach(sigma)
    return smooth_inner(np.pad(np.asarray(z, np.float64), reach, constant_values=np.nan), sigma)


def smooth_inner(z, sigma):
    """Like `smooth`, for the cells of `z` that have all they need round them: smaller by `smoothing_reach` on each side."""
    from soilcore.features import terrain_kernels as kernels

    reach = smoothing_reach(sigma)
    if reach == 0:
        return np.array(z, np.float64)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    z = np.ascontiguousarray(z)
    out = np.empty((z.shape[0] - 2 * reach, z.shape[1] - 2 * reach))
    kernels.smooth_whole(z, weights, out)
    kernels.smooth_beside_gaps(z, weights, out)
    return out


def disc(radius, cell_x, cell_y):
    """A disc of cells whose centres lie within `radius` metres of its centre.

    Returns
    -------
    reach : (int, int)
        Rows and columns from the centre.
    chords : ndarray of int64, shape (2 * reach[0] + 1,)
        Columns from the centre in each row.
    cells : int
        In the disc, without its centre.
    """
    cell_x, cell_y = abs(cell_x), abs(cell_y)
    slack = radius * (1 + 1e-9)  # three cells of 30 m are within 90 m whatever the last digit says
    reach_y = int(slack // cell_y)
    rows = np.arange(-reach_y, reach_y + 1) * cell_y
    chords = np.floor(np.sqrt(np.maximum(slack**2 - rows**2, 0)) / cell_x).astype(np.int64)
    return (reach_y, int(chords.max())), chords, int((2 * chords + 1).sum()) - 1


def position_index(z, radius, cell_x, cell_y):
    """Topographic position index: elevation minus the mean elevation of a disc round the cell, the cell itself left out (Weiss 2001).

    Parameters
    ----------
    z : ndarray of float, shape (rows, cols)
        Metres; NaN where missing. Beyond the edge nothing is known.
    radius : float
        Of the disc in metres; cells whose centres lie within belong to it. 1.5 cells give the 3 x 3 window of GDAL.
    cell_x, cell_y : float
        Metres.

    Returns
    -------
    ndarray, shape of z
        Metres, positive on ridges; float32 if `z` is. NaN where `z` is, and where less than a quarter of the disc is known.
        Elevations enter the mean rounded to a millionth of a metre.
    """
    z = np.asarray(z)
    reach = disc(radius, cell_x, cell_y)[0]
    return position_inner(np.pad(z, ((reach[0],) * 2, (reach[1],) * 2), constant_values=np.nan), radius, cell_x, cell_y)


def position_inner(z, radius, cell_x, cell_y):
    """Like `position_index`, for the cells of `z` that have the whole disc round them: smaller by its reach on each side."""
    from soilcore.features import terrain_kernels as kernels

    reach, chords, cells = disc(radius, cell_x, cell_y)
    if cells == 0:
        raise SettingsError(
            f"A disc of radius {radius:g} m holds no neighbour in cells of {abs(cell_x):g} x {abs(cell_y):g} m. Give a larger radius."
        )
    out = np.empty((z.shape[0] - 2 * reach[0], z.shape[1] - 2 * reach[1]), np.float32 if z.dtype == np.float32 else np.float64)
    kernels.position_rows(np.ascontiguousarray(z), reach, chords, max(1, int(LEAST_SHARE * cells)), out)
    return out
