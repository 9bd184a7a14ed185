"""What scenes of a series have in common, and how they differ, in words: sensor, bands, grid, dates, ways of storing reflectance."""

from collections import Counter
from dataclasses import replace

import numpy as np

from soilcore.core.errors import SceneError
from soilcore.data.laid_scene import same_lattice, union
from soilcore.data.raster_dates import said_notes
from soilcore.data.rasters import same_grid
from soilcore.data.sensors import is_reflective, sensor_by_name

_LISTED = 6


def common_sensor(opened):
    """Sensor of a series, None where no scene knows it.

    Raises
    ------
    SceneError
        If scenes come from different sensors.
    """
    known = {scene.sensor: group.name for group, scene in reversed(opened) if scene.sensor}
    families = {sensor_by_name(sensor)["family"] or sensor for sensor in known}
    if len(families) > 1:
        (one, first), (other, second) = list(known.items())[:2]
        raise SceneError(
            f"The scenes come from different sensors: {first} from {one}, {second} from {other}. Their bands differ, so keep each sensor in a series of its own."
        )
    return next((scene.sensor for _, scene in opened if scene.sensor), None)


def common_roles(opened):
    """Bands that every scene has, in the order of the first, and a remark on the others.

    Raises
    ------
    SceneError
        If there are none.
    """
    first = opened[0][1].roles
    common = tuple(role for role in first if all(role in scene.roles for _, scene in opened))
    if not any(is_reflective(role) for role in common):
        raise SceneError(
            f"No band is common to all {len(opened)} scenes. The first has {', '.join(first)}, another {', '.join(opened[-1][1].roles)}."
        )
    some = {role: group.name for group, scene in opened for role in scene.roles if role not in common}
    if not some:
        return common, ()
    lacking = {role: sum(role not in scene.roles for _, scene in opened) for role in some}
    listed = ", ".join(f"{role} (missing in {number} of {len(opened)})" for role, number in lacking.items())
    return common, (f"left out, because not all scenes have them: {listed}",)


def common_grid(opened):
    """The commonest grid, tiles of one day joined first; what lies otherwise is said."""
    per_day = {}
    for group, scene in opened:
        per_day.setdefault(group.date, []).append(scene.grid)
    candidates = [_joined(grids) for grids in per_day.values()]
    kinds = []
    for grid in candidates:
        if not any(same_grid(grid, kind) for kind in kinds):
            kinds.append(grid)
    counts = [sum(same_grid(grid, kind) for grid in candidates) for kind in kinds]
    grid = kinds[int(np.argmax(counts))]
    cut = [group.name for group, scene in opened if not same_grid(scene.grid, grid) and same_lattice(grid, scene.grid)]
    laid = [group.name for group, scene in opened if not same_lattice(grid, scene.grid)]
    said = [f"on the grid of most scenes, {grid.height} x {grid.width} pixels in {grid.crs.name}"] if cut or laid else []
    said += [f"of another extent, pixels as they are: {listed(cut)}"] if cut else []
    said += [f"of another grid, laid onto it by bilinear interpolation: {listed(laid)}"] if laid else []
    return grid, tuple(said)


def _joined(grids):
    joinable = [grid for grid in grids if same_lattice(grids[0], grid)]
    return union(joinable) if len(joinable) > 1 else grids[0]


def said_dates(opened, when):
    """The dates of a series in words, and which of them have several scenes or are in doubt."""
    dates = sorted({group.date for group, _ in opened})
    return (_said_dates(dates, when), *_said_days(opened), *said_notes(note for group, _ in opened for note in group.notes))


def _said_dates(dates, when):
    if when == "year":
        return f"scenes by year: {', '.join(str(day.year) for day in dates)}"
    return f"scenes of {len(dates)} date{'s' if len(dates) > 1 else ''}: {listed(dates)}"


def _said_days(opened):
    counts = Counter(group.date for group, _ in opened)
    twice = [f"{number} of {day}" for day, number in sorted(counts.items()) if number > 1]
    return (f"several scenes of one day, the first valid value counts: {listed(twice)}",) if twice else ()


def said_of_each(opened):
    """How the scenes are read: once what is the same for all, and where they differ."""
    return (*_said_scalings(opened), *_common_text(opened))


def _said_scalings(opened):
    used = {}
    for group, scene in opened:
        used.setdefault((scene.scaling.scale, scene.scaling.offset), []).append(group.date.isoformat())
    if len(used) < 2:
        return ()
    parts = [f"x {scale:g} {'-' if offset < 0 else '+'} {abs(offset):g} ({listed(days)})" for (scale, offset), days in used.items()]
    return (f"reflectance is stored differently, each scene is read in its own way: {'; '.join(parts)}",)


def _common_text(opened):
    """What was assumed of the scenes one by one: once where it is the same for all."""
    texts = {}
    for group, scene in opened:
        for text in scene.assumed:
            texts.setdefault(text, []).append(group.name)
    return tuple(text if len(names) == len(opened) else f"{listed(names)}: {text}" for text, names in texts.items())


def common_findings(opened):
    """Findings of all scenes, those of one kind and band together."""
    found = {}
    for _, scene in opened:
        for finding in scene.findings:
            found.setdefault((finding.code, finding.column), []).append(finding)
    return tuple(
        same[0] if len(same) == 1 else replace(same[0], message=f"{same[0].message} (And {len(same) - 1} more of the scenes.)")
        for same in found.values()
    )


def listed(values):
    """The first of several values, separated by commas, and how many more there are."""
    values = [str(value) for value in values]
    return ", ".join(values[:_LISTED]) + (f" and {len(values) - _LISTED} more" if len(values) > _LISTED else "")
