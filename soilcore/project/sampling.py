"""Places of the next samples as files: a layer for a map program, and waypoints for a receiver in the field."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.files import written_whole
from soilcore.core.progress import silent

_GPX = "http://www.topografix.com/GPX/1/1"
_VECTORS = (".gpkg", ".geojson", ".json", ".shp", ".zip", ".kml", ".fgb", ".parquet")


def next_samples(task, finished, folder, report=silent):
    """Choose the places of the next samples and write them as GeoPackage and GPX.

    Parameters
    ----------
    task : AdviseTask
    finished : FinishedMap
    folder : path
        ``next_samples.gpkg`` and ``next_samples.gpx`` are written there.
    report : Report

    Returns
    -------
    dict
        ``next_samples``: ``rows`` (see `soilcore.mapping.next_samples.NextSamples`), ``used``, ``candidates``, ``asked``, ``gpkg``, ``gpx``,
        ``sentence``.
    """
    from soilcore.mapping.next_samples import choose_next_samples

    access, said = _access(task, finished.grid)
    chosen = choose_next_samples(
        finished, task.next_samples, access=access, keep=_keep(task, finished.grid), taken=_taken(task, finished.grid), report=report
    )
    _write_layer(folder / "next_samples.gpkg", chosen.rows, finished)
    _write_waypoints(folder / "next_samples.gpx", chosen.rows, finished)
    out = Path(task.out)
    facts = {
        "asked": task.next_samples,
        "rows": chosen.rows,
        "used": chosen.used,
        "candidates": chosen.candidates,
        "gpkg": str(out / "next_samples.gpkg"),
        "gpx": str(out / "next_samples.gpx"),
        "assumed": said,
        "sentence": _sentence(task, chosen, finished),
    }
    return {"next_samples": facts}


def _access(task, grid):
    """Metres to what the user named, and what was assumed."""
    from soilcore.mapping.next_samples import Access

    if task.access is None:
        return None, ()
    if not (np.isfinite(task.access_distance) and task.access_distance > 0):
        raise SettingsError(f"An access distance of {task.access_distance:g} m is not possible. Give metres above 0.")
    if Path(task.access).suffix.lower() in _VECTORS:
        from soilcore.features.distance import distances, open_shapes

        shapes = open_shapes(task.access, grid)
        return Access(lambda window: distances(shapes, grid, window), task.access_distance), tuple(shapes.assumed)
    from soilcore.data.covariates import CovariateSpec, open_covariates

    layer = open_covariates([CovariateSpec(task.access, "access", False, 1)], grid)
    return Access(lambda window: np.maximum(np.asarray(layer.read(window)[0], float), 0.0), task.access_distance), ()


def _keep(task, grid):
    """Pixels that may be sampled: inside the boundaries, on the mask."""
    if task.mask is None and task.boundaries is None:
        return None
    from soilcore.data.regions import read_area_of_interest, read_mask

    if task.mask == "water":
        raise SettingsError("A finished map shows no water; `map` leaves it out already. Give a mask raster with --mask FILE.")
    mask = None if task.mask is None else read_mask(task.mask, grid)
    area = None if task.boundaries is None else read_area_of_interest(task.boundaries, grid)

    def keep(window):
        kept = np.ones((window.height, window.width), bool)
        if mask is not None:
            kept &= mask.keep(window)
        if area is not None:
            kept &= area.inside(window)
        return kept

    return keep


def _taken(task, grid):
    """Places that have been sampled, in the reference system of the map."""
    if task.samples is None:
        return None
    from pyproj import Transformer

    from soilcore.data.samples import SampleSettings, read_samples

    samples = read_samples(task.samples, SampleSettings())
    if not samples.has_places:
        raise SettingsError(f"{str(task.samples)!r} does not say where its samples lie. Give a table with lon and lat, or a layer of points.")
    x, y = Transformer.from_crs(samples.crs, grid.crs, always_xy=True).transform(samples.x, samples.y)
    places = np.column_stack([x, y])
    return places[np.isfinite(places).all(axis=1)]


def _sentence(task, chosen, finished):
    words = {"width": "wide intervals", "di": "little likeness to the training samples", "access": "short ways"}
    *others, last = [words[name] for name in chosen.used] or ["their spread"]
    why = f"{', '.join(others)} and {last}" if others else last
    fewer = "" if len(chosen.rows) == task.next_samples else f" ({task.next_samples} were asked for; the land holds no more)"
    when = f" on the map of {finished.date}" if finished.date else ""
    return f"{len(chosen.rows)} places are proposed for {why}{when}{fewer}, each far from the others. They follow the map: where it is wrong, so are they."


def _write_layer(path, rows, finished):
    import geopandas
    import pandas as pd

    from soilcore.data.contents import write_layer
    from soilcore.project.act_tables import unit_suffix

    unit = unit_suffix(finished.unit)
    units = {"value": f"value{unit}", "lower": f"lower{unit}", "upper": f"upper{unit}", "width": f"interval_width{unit}", "di": "dissimilarity"}
    table = pd.DataFrame(rows).rename(columns=units)
    points = geopandas.points_from_xy(table["x"], table["y"])
    layer = geopandas.GeoDataFrame(table.drop(columns=["x", "y"]), geometry=points, crs=finished.grid.crs)
    with written_whole(path) as temporary:
        write_layer(layer, temporary, "next_samples")


def _write_waypoints(path, rows, finished):
    """GPX 1.1, which receivers and telephones read."""
    root = ElementTree.Element("gpx", {"xmlns": _GPX, "version": "1.1", "creator": "soilcore"})
    for row in rows:
        point = ElementTree.SubElement(root, "wpt", lat=f"{row['lat']:.7f}", lon=f"{row['lon']:.7f}")
        ElementTree.SubElement(point, "name").text = row["name"]
        ElementTree.SubElement(point, "desc").text = _described(row, finished)
    ElementTree.indent(root)
    with written_whole(path) as temporary:
        temporary.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _described(row, finished):
    text = f"number {row['rank']}; map says {row['value']:.3g} {finished.unit or ''}".strip()
    if row["lower"] is not None and row["upper"] is not None:
        text += f" ({row['lower']:.3g} to {row['upper']:.3g})"
    return text
