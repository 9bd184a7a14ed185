"""Fields as a map for the browser shows them: their outlines in degrees, and what is known of each in a few lines."""

from pathlib import Path

from soilcore.project.bundle_inputs import located

MOST = 3000  # outlines that a browser still draws quickly
_DIGITS = 6  # of degrees: a tenth of a metre
_KINDS = ("fields", "advise")  # the first tells more of a field


def field_outlines(found, raster, folders):
    """Fields of a map, from the newest of its field statistics, else from the newest advice for fields on it.

    Parameters
    ----------
    found : Found
    raster : path
        The map.
    folders : sequence of path
        Where paths in run files may begin.

    Returns
    -------
    outlines : dict or None
        GeoJSON in degrees; the property ``text`` is what is said of each field.
    said : tuple of str
    """
    of_fields = [(one, layer) for kind in _KINDS for one in found.others if one.kind == kind and (layer := _layer_of(one)) is not None]
    place = Path(raster).resolve()
    for one, layer in of_fields:
        if located(str(one.settings.get("map")), folders) == place:
            return _drawn(one, layer)
    return None, ("the map for the browser shows no fields: their means are of other maps",) * bool(of_fields)


def _layer_of(one):
    """The file with the outlines of a result, or None."""
    layer = one.run_file.with_name(one.run_file.name.replace(".run.json", ".gpkg")) if one.kind == "fields" else one.folder / "fields.gpkg"
    return layer if layer.is_file() and _rows(one) else None


def _rows(one):
    rows = one.facts.get("rows" if one.kind == "fields" else "fields")
    return rows if isinstance(rows, list) else []


def _drawn(one, layer):
    from shapely.geometry import mapping

    from soilcore.data.regions import read_vector

    shapes = read_vector(layer, "fields").geometry.to_crs("EPSG:4326")
    features = []
    for row in _rows(one):
        number = row.get("number")
        shape = shapes.iloc[number] if isinstance(number, int) and 0 <= number < len(shapes) else None
        if row.get("mean") is None or shape is None or shape.is_empty or shape.geom_type not in ("Polygon", "MultiPolygon"):
            continue
        geometry = {"type": shape.geom_type, "coordinates": _rounded(mapping(shape)["coordinates"])}
        features.append({"type": "Feature", "geometry": geometry, "properties": {"text": _text(row, one.facts)}})
    left_out = len(features) - MOST
    said = (f"the map for the browser shows the first {MOST} of {len(features)} fields",) if left_out > 0 else ()
    return ({"type": "FeatureCollection", "features": features[:MOST]} if features else None), said


def _rounded(coordinates):
    """Nested coordinates without the digits nobody can see, nor heights."""
    if coordinates and isinstance(coordinates[0], (int, float)):
        return [round(float(number), _DIGITS) for number in coordinates[:2]]
    return [_rounded(one) for one in coordinates]


def _text(row, facts):
    """What is known of a field, in lines."""
    unit, level = f" {facts['unit']}" if facts.get("unit") else "", facts.get("level")
    mean = f"mean {row['mean']:.3g}{unit}"
    if level and row.get("low") is not None and row.get("high") is not None:
        mean += f" ({100 * level:.4g} % interval {row['low']:.3g} to {row['high']:.3g})"
    lines = [f"Field {row.get('field')}", mean]
    if row.get("class"):
        lines.append(str(row["class"]))
    if row.get("stock_t_ha") is not None:
        lines.append(f"stock of carbon {row['stock_t_ha']:.0f} t/ha")
    if crops := row.get("crops"):
        lines.append(f"best yield: {crops[0]['name']}, {crops[0]['yield']:.0f} %")
    lines.append(f"{row['mapped_ha']:.3g} ha mapped")
    if row.get("aoa_share") is not None and row["aoa_share"] < 0.995:
        lines.append(f"{100 * row['aoa_share']:.0f} % of it inside the area of applicability")
    trend = (row.get("trend") or {}).get("verdict")
    return "\n".join([*lines, *([f"over the years: {trend}"] if trend else [])])
