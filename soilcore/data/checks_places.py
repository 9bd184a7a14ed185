"""Checks of places: none, coarse, on one line, far off; and against the imagery."""

import numpy as np
from pyproj import Transformer
from pyproj.exceptions import ProjError

from soilcore.core.errors import SampleError
from soilcore.core.projection import projected_metres
from soilcore.data.dates import sample_dates
from soilcore.data.places import crs_name
from soilcore.data.remarks import remark, some

_COARSE_DEGREES = 3  # decimals; 0.001 degrees are about 110 m, several pixels of Landsat
_COARSE_METRES = 100.0


def check_coordinates(samples, scene=None):
    """No coordinates, coarse ones, all on one line or at one place, one far from all others."""
    if not samples.has_places:
        message = "The table has no coordinates: nothing can be read from imagery at its samples, and neither block folds nor maps from imagery can be made."
        yield remark("no-coordinates", message)
        return
    known = np.isfinite(samples.x) & np.isfinite(samples.y)
    if known.sum() < 2 or samples.crs is None:
        return
    yield from _coarse(samples, samples.x[known], samples.y[known])
    yield from _shape(samples, known)


def _coarse(samples, x, y):
    name = samples.columns.get("x")
    if samples.crs.is_geographic:
        decimals = max(_decimals(x), _decimals(y))
        if decimals <= _COARSE_DEGREES:
            metres = 111_000 / 10**decimals
            message = f"The coordinates have {decimals} decimals of a degree, which is about {metres:,.0f} m on the ground."
            yield remark("coordinates-coarse", message, column=name, value=decimals)
    elif np.mean((x % _COARSE_METRES == 0) & (y % _COARSE_METRES == 0)) > 0.95:
        yield remark("coordinates-coarse", f"The coordinates are rounded to {_COARSE_METRES:.0f} m.", column=name, value=_COARSE_METRES)


def _decimals(values):
    """Decimals that 95 % of the values need at most."""
    for decimals in range(7):
        if np.mean(np.abs(np.round(values, decimals) - values) < 1e-9) > 0.95:
            return decimals
    return 7


def _shape(samples, known):
    try:
        metres = projected_metres(samples.x, samples.y, samples.crs)[known]
    except SampleError:
        return  # the reading has said it: these coordinates cannot be in this system
    metres = metres[np.isfinite(metres).all(axis=1)]
    places = np.unique(np.round(metres, 2), axis=0)
    name = samples.columns.get("x")
    if len(places) == 1:
        yield remark("samples-one-place", f"All {len(metres)} samples lie at one place.", column=name)
        return
    if len(places) < 4:
        return
    spread = np.linalg.svd(places - places.mean(axis=0), compute_uv=False)
    if spread[1] < 1e-3 * spread[0]:
        yield remark("samples-on-line", f"All {len(places)} places lie on one line, {np.ptp(places, axis=0).max():,.0f} m long.", column=name)
    yield from _far_places(samples, known)


def _far_places(samples, known):
    """Places ten times farther from the middle than nine in ten of the samples."""
    metres = projected_metres(samples.x, samples.y, samples.crs)
    if known.sum() < 10:
        return
    distance = np.hypot(*(metres - np.nanmedian(metres, axis=0)).T)
    usual = np.nanpercentile(distance[known], 90)
    if usual <= 0:
        return
    with np.errstate(invalid="ignore"):
        far = known & (distance > 10 * usual)
    for k in np.flatnonzero(far):
        row = samples.table.index[k]
        message = f"Row {row} lies {distance[k] / 1000:,.0f} km from the middle of the samples; nine in ten lie within {usual / 1000:,.1f} km."
        mirrored = _mirrored(samples, k, metres, usual)
        words = f" With the other sign of {mirrored} it would lie among them." if mirrored else ""
        code = "coordinate-sign" if mirrored else "place-outlier"
        value = f"{samples.x[k]:g}, {samples.y[k]:g}"
        yield remark(code, message + words, row=row, column=mirrored or samples.columns.get("x"), value=value)


def _mirrored(samples, k, metres, usual):
    """The coordinate column whose sign would bring sample k back, or None."""
    middle_x, middle_y = np.nanmedian(samples.x), np.nanmedian(samples.y)
    reach_x = 10 * max(np.nanpercentile(np.abs(samples.x - middle_x), 90), 1e-6)
    reach_y = 10 * max(np.nanpercentile(np.abs(samples.y - middle_y), 90), 1e-6)
    near_x, near_y = abs(samples.x[k] - middle_x) < reach_x, abs(samples.y[k] - middle_y) < reach_y
    if not near_x and near_y and abs(-samples.x[k] - middle_x) < reach_x:
        return samples.columns.get("x", "x")
    if not near_y and near_x and abs(-samples.y[k] - middle_y) < reach_y:
        return samples.columns.get("y", "y")
    return None


def check_against_scene(samples, scene=None):
    """Samples outside the imagery, several in one pixel; with the reason where all lie outside."""
    if scene is None or not samples.has_places or samples.crs is None:
        return
    known = np.isfinite(samples.x) & np.isfinite(samples.y)
    try:
        rows, cols, inside = scene.grid.rows_cols(samples.x, samples.y, samples.crs)
    except ProjError:
        inside = np.zeros(len(samples), bool)
    if known.any() and not inside.any():
        yield from _all_outside(samples, scene, known)
        return
    for k in np.flatnonzero(known & ~inside):
        row = samples.table.index[k]
        message = f"Row {row} ({samples.x[k]:.6g}, {samples.y[k]:.6g}) lies outside the imagery."
        yield remark("outside-scene", message, row=row, column=samples.columns.get("x"), value=f"{samples.x[k]:.6g}, {samples.y[k]:.6g}")
    yield from _same_pixels(samples, rows, cols, inside)
    yield from _without_value(samples, scene, inside)


def _without_value(samples, scene, inside):
    if not hasattr(scene, "sample"):
        return
    when = ()
    if hasattr(scene, "pick"):  # imagery of many dates: each sample has its own
        days = sample_dates(samples)
        if days is None:
            return
        when = (days,)
        inside = inside & (scene.pick(days) >= 0)
    values = np.asarray(scene.sample(samples.x, samples.y, samples.crs, *when))
    for k in np.flatnonzero(inside & ~np.isfinite(values).any(axis=1)):
        row = samples.table.index[k]
        message = f"The imagery has no value where row {row} was sampled."
        yield remark("nodata-at-sample", message, row=row, column=samples.columns.get("x"), value=f"{samples.x[k]:.6g}, {samples.y[k]:.6g}")


def _same_pixels(samples, rows, cols, inside):
    pixels = {}
    for k in np.flatnonzero(inside):
        pixels.setdefault((int(rows[k]), int(cols[k])), []).append(k)
    for (row, col), members in pixels.items():
        if len(members) > 1:
            listed = some(samples.table.index[members])
            message = f"Rows {listed} lie in one pixel of the imagery (row {row}, column {col})."
            yield remark("same-pixel", message, row=samples.table.index[members[1]], column=samples.columns.get("x"), value=f"{row}, {col}")


def _all_outside(samples, scene, known):
    """Why no sample lies in the scene: exchanged axes, a wrong sign, another reference system; or simply another place."""
    x, y = samples.x[known], samples.y[known]
    names = {"x": samples.columns.get("x", "x"), "y": samples.columns.get("y", "y")}
    if _inside(scene, y, x, samples.crs):
        message = f"No sample lies in the imagery, but with {names['x']} and {names['y']} exchanged most do."
        yield remark("axes-swapped", message, column=names["x"], **names)
        return
    for column, signs in ((names["x"], (-1, 1)), (names["y"], (1, -1)), (f"{names['x']} and {names['y']}", (-1, -1))):
        if _inside(scene, signs[0] * x, signs[1] * y, samples.crs):
            message = f"No sample lies in the imagery, but with the other sign of {column} most do."
            yield remark("coordinate-sign", message, column=column)
            return
    hint = ""
    if _inside(scene, x, y, scene.grid.crs):
        hint = f"In the reference system of the imagery they do lie in it: --crs {_code(scene.grid.crs)}."
    else:
        hint = _whereabouts(samples, scene, x, y)
    message = f"None of the {x.size} samples lies in the imagery. The table is read in {crs_name(samples.crs)}, the imagery is in {crs_name(scene.grid.crs)}."
    yield remark("no-sample-in-scene", message, column=names["x"], hint=hint)


def _code(crs):
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.name


def _inside(scene, x, y, crs):
    """Whether most points lie in the scene."""
    try:
        return bool(np.mean(scene.grid.rows_cols(x, y, crs)[2]) > 0.5)
    except ProjError:
        return False


def _whereabouts(samples, scene, x, y):
    left, bottom, right, top = scene.grid.bounds
    to_degrees = Transformer.from_crs(scene.grid.crs, 4326, always_xy=True).transform
    scene_place = to_degrees((left + right) / 2, (bottom + top) / 2)
    place = Transformer.from_crs(samples.crs, 4326, always_xy=True).transform(float(np.median(x)), float(np.median(y)))
    return (
        f"The samples lie about {place[0]:.3f}, {place[1]:.3f}, the imagery about {scene_place[0]:.3f}, {scene_place[1]:.3f} (longitude, latitude)."
    )
