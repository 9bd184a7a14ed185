"""Compiled loops of terrain analysis: 3 x 3 windows row by row, Gaussian smoothing and sums over discs.

Every value is made by the same operations in the same order wherever it lies in its array, so a raster does not depend on how it was cut.
Elevations come as float32 or float64; the arithmetic is float64. A missing neighbour makes the result missing.
Cells are signed: `cell_x` is positive where columns run east, `cell_y` where rows run south.
"""

import math

import numpy as np

from soilcore.core.compiling import njit

FLAT = 1e-12  # squared gradient below which the ground has no direction
_DEGREES = 180.0 / math.pi
FIXED_POINT = float(1 << 20)  # elevations are summed in micrometres or so as whole numbers: such sums are exact in any order


@njit(nogil=True, error_model="numpy", inline="always")
def _gradient(north, here, south, col, straight, diagonal, per_x, per_y):
    """Rise towards east and north: ``straight`` times the difference of the neighbours in the same row or column plus ``diagonal`` times those
    beside them, times `per_x` or `per_y`. A weight of 0 keeps a missing corner missing.
    """
    west = straight * here[col] + diagonal * (np.float64(north[col]) + south[col])
    east = straight * here[col + 2] + diagonal * (np.float64(north[col + 2]) + south[col + 2])
    above = straight * north[col + 1] + diagonal * (np.float64(north[col]) + north[col + 2])
    below = straight * south[col + 1] + diagonal * (np.float64(south[col]) + south[col + 2])
    return (east - west) * per_x, (above - below) * per_y


@njit(nogil=True, error_model="numpy")
def slope_rows(z, straight, diagonal, per_x, per_y, out):
    """Slope in degrees of every inner cell of `z` into `out`, which has two rows less; its first and last column are left alone.

    Weights of the gradient as in `_gradient`.
    """
    for row in range(out.shape[0]):
        north, here, south, target = z[row], z[row + 1], z[row + 2], out[row]
        for col in range(out.shape[1] - 2):
            p, q = _gradient(north, here, south, col, straight, diagonal, per_x, per_y)
            # arctangent by two reductions and a rational approximation (Moshier's Cephes): branch-free, so that it is done four at a time
            steep = math.sqrt(p * p + q * q)
            beyond = steep > 2.414213562373095
            between = steep > 0.66
            base = 90.0 if beyond else (45.0 if between else 0.0)
            over = -1.0 if beyond else (steep - 1.0 if between else steep)
            under = steep if beyond else (steep + 1.0 if between else 1.0)
            x = over / under
            s = x * x
            upper = (
                ((-8.750608600031904122785e-1 * s - 1.615753718733365076637e1) * s - 7.500855792314704667340e1) * s - 1.228866684490136173410e2
            ) * s
            upper -= 6.485021904942025371773e1
            lower = (
                (((s + 2.485846490142306297962e1) * s + 1.650270098316988542046e2) * s + 4.328810604912902668951e2) * s + 4.853903996359136964868e2
            ) * s
            lower += 1.945506571482613964425e2
            target[col + 1] = base + (x + x * s * (upper / lower)) * _DEGREES + 0.0 * here[col + 1]


@njit(nogil=True, error_model="numpy")
def aspect_rows(z, straight, diagonal, per_x, per_y, out):
    """Direction the ground falls to, degrees clockwise from north, into `out`; NaN where it has none. Weights as in `_gradient`."""
    for row in range(out.shape[0]):
        north, here, south, target = z[row], z[row + 1], z[row + 2], out[row]
        for col in range(out.shape[1] - 2):
            p, q = _gradient(north, here, south, col, straight, diagonal, per_x, per_y)
            if p * p + q * q < FLAT:
                target[col + 1] = np.nan
                continue
            degrees = math.atan2(-p, -q) * _DEGREES + 0.0 * here[col + 1]
            degrees = degrees + 360.0 if degrees < 0.0 else degrees
            # Rounded to float32 a direction just west of north would become 360.
            target[col + 1] = 0.0 if degrees >= 359.99999 else degrees


@njit(nogil=True, error_model="numpy", inline="always")
def _bending(north, here, south, col, per_x, per_y):
    """Squared gradient g, and a and b, the second derivatives along and across it times g, of the quartic of Zevenbergen and Thorne."""
    centre = 2.0 * np.float64(here[col + 1])
    p = (np.float64(here[col + 2]) - here[col]) * (0.5 * per_x)
    q = (np.float64(north[col + 1]) - south[col + 1]) * (0.5 * per_y)
    r = (np.float64(here[col + 2]) + here[col] - centre) * (per_x * per_x)
    t = (np.float64(north[col + 1]) + south[col + 1] - centre) * (per_y * per_y)
    s = ((np.float64(north[col + 2]) - north[col]) + (np.float64(south[col]) - south[col + 2])) * (0.25 * per_x * per_y)
    pp, qq, cross = p * p, q * q, 2.0 * p * q * s
    return pp + qq, pp * r + cross + qq * t, qq * r - cross + pp * t


@njit(nogil=True, error_model="numpy")
def plain_curvature_rows(z, per_x, per_y, of_profile, of_plan, flat, profile, plan):
    """Profile ``of_profile * a / g`` and plan ``of_plan * b / g`` curvature; ``flat`` where g is next to nothing."""
    for row in range(profile.shape[0]):
        north, here, south, along, across = z[row], z[row + 1], z[row + 2], profile[row], plan[row]
        for col in range(profile.shape[1] - 2):
            g, a, b = _bending(north, here, south, col, per_x, per_y)
            level = g < FLAT
            part = 1.0 / (1.0 if level else g)
            along[col + 1] = flat + 0.0 * a if level else of_profile * a * part
            across[col + 1] = flat + 0.0 * b if level else of_plan * b * part


@njit(nogil=True, error_model="numpy")
def geometric_curvature_rows(z, per_x, per_y, flat, profile, plan):
    """Geometric profile ``-a / (g (1 + g)^1.5)`` and contour ``-b / g^1.5`` curvature."""
    for row in range(profile.shape[0]):
        north, here, south, along, across = z[row], z[row + 1], z[row + 2], profile[row], plan[row]
        for col in range(profile.shape[1] - 2):
            g, a, b = _bending(north, here, south, col, per_x, per_y)
            level = g < FLAT
            part = 1.0 / (1.0 if level else g)
            along[col + 1] = flat + 0.0 * a if level else -a * part / ((1.0 + g) * math.sqrt(1.0 + g))
            across[col + 1] = flat + 0.0 * b if level else -b * part * math.sqrt(part)


@njit(nogil=True, error_model="numpy")
def tangential_curvature_rows(z, per_x, per_y, factor, flat, out):
    """Tangential curvature ``factor * b / (g (1 + g)^0.5)``."""
    for row in range(out.shape[0]):
        north, here, south, target = z[row], z[row + 1], z[row + 2], out[row]
        for col in range(out.shape[1] - 2):
            g, _, b = _bending(north, here, south, col, per_x, per_y)
            level = g < FLAT
            target[col + 1] = flat + 0.0 * b if level else factor * b / ((1.0 if level else g) * math.sqrt(1.0 + g))


@njit(nogil=True, error_model="numpy")
def smooth_whole(z, weights, out):
    """Weighted mean of the square round every cell, `weights` along each side; missing where any cell of it is. `out` is smaller by the radius all round."""
    line = np.empty(z.shape[1])
    for row in range(out.shape[0]):
        for col in range(line.size):
            line[col] = 0.0
        for step in range(weights.size):
            weight, source = weights[step], z[row + step]
            for col in range(z.shape[1]):
                line[col] += weight * source[col]
        target = out[row]
        for col in range(target.size):
            target[col] = 0.0
        for step in range(weights.size):
            weight = weights[step]
            for col in range(target.size):
                target[col] += weight * line[col + step]


@njit(nogil=True, error_model="numpy")
def smooth_beside_gaps(z, weights, out):
    """Fill what `smooth_whole` left missing though the cell itself is there: value at the cell of the plane fitted to what is known round it.

    A mean of a one-sided neighbourhood would bend a slope at every coast; the weighted plane is exact on planes.
    """
    radius = weights.size // 2
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            if not math.isnan(out[row, col]) or math.isnan(z[row + radius, col + radius]):
                continue
            n = x = y = xx = xy = yy = h = xh = yh = 0.0
            base = np.float64(z[row + radius, col + radius])
            for i in range(weights.size):
                for j in range(weights.size):
                    value = np.float64(z[row + i, col + j])
                    if math.isnan(value):
                        continue
                    w, dx, dy, value = weights[i] * weights[j], float(j - radius), float(i - radius), value - base
                    n += w
                    x += w * dx
                    y += w * dy
                    xx += w * dx * dx
                    xy += w * dx * dy
                    yy += w * dy * dy
                    h += w * value
                    xh += w * dx * value
                    yh += w * dy * value
            # normal equations about the centre of mass
            cx, cy, ch = x / n, y / n, h / n
            sxx, sxy, syy, sxh, syh = xx - n * cx * cx, xy - n * cx * cy, yy - n * cy * cy, xh - n * cx * ch, yh - n * cy * ch
            determinant = sxx * syy - sxy * sxy
            if determinant > 1e-6 * n * n:
                out[row, col] = base + ch - ((sxh * syy - syh * sxy) * cx + (syh * sxx - sxh * sxy) * cy) / determinant
            else:  # too few cells in a row to hold a plane
                out[row, col] = base + ch


@njit(nogil=True, error_model="numpy")
def position_rows(z, reach, chords, fewest, out):
    """Elevation minus the mean of the others in a disc.

    Parameters
    ----------
    z : ndarray of float32, shape (rows + 2 reach_y, cols + 2 reach_x)
    reach : (int, int)
        Rows and columns the disc reaches from its centre.
    chords : ndarray of int64, shape (2 reach_y + 1,)
        Columns each row of the disc reaches from its centre; below 0 none.
    fewest : int
        Cells with a value, the centre left out, below which the result is missing.
    out : ndarray, shape (rows, cols)
    """
    reach_y, reach_x = reach
    height, width = z.shape
    sums, counts = np.zeros((height, width + 1), np.int64), np.zeros((height, width + 1), np.int32)
    for row in range(height):
        for col in range(width):
            value = np.float64(z[row, col])
            known = not math.isnan(value)
            sums[row, col + 1] = sums[row, col] + (np.int64(np.rint(value * FIXED_POINT)) if known else 0)
            counts[row, col + 1] = counts[row, col] + (1 if known else 0)
    total, number = np.empty(out.shape[1], np.int64), np.empty(out.shape[1], np.int32)
    for row in range(out.shape[0]):
        for col in range(total.size):
            total[col] = number[col] = 0
        for step in range(chords.size):
            half = chords[step]
            if half < 0:
                continue
            line, tally = sums[row + step], counts[row + step]
            first, last = reach_x - half, reach_x + half + 1
            for col in range(out.shape[1]):
                total[col] += line[col + last] - line[col + first]
                number[col] += tally[col + last] - tally[col + first]
        for col in range(out.shape[1]):
            value = np.float64(z[row + reach_y, col + reach_x])
            if math.isnan(value) or number[col] - 1 < fewest:
                out[row, col] = np.nan
                continue
            rest = total[col] - np.int64(np.rint(value * FIXED_POINT))
            out[row, col] = value - np.float64(rest) / (FIXED_POINT * (number[col] - 1))
