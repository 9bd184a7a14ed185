"""Samples with what a model makes of them, as a layer for a GIS: measured, predicted, residual, interval, fold."""

from pathlib import Path

import numpy as np

from soilcore.core.errors import SoilcoreError

_KEPT = ("observed", "predicted", "residual", "lower", "upper", "inside_interval", "fold", "di", "inside")


def sample_layer(model, folders):
    """Out-of-fold predictions at the places of the samples.

    Parameters
    ----------
    model : FittedModel
    folders : sequence of path
        Where the path of the sample table may begin.

    Returns
    -------
    layer : GeoDataFrame or None
        In degrees (WGS 84); ``residual`` is predicted minus observed. None for a model without kept predictions or places.
    said : tuple of str
    """
    frame = model.out_of_fold
    if frame is None or not {"observed", "predicted", "x", "y"} <= set(frame.columns):
        return None, ("the model keeps no predictions with places, so there is no layer of samples",)
    import geopandas

    frame = frame.copy()
    frame["residual"] = frame["predicted"] - frame["observed"]
    if {"lower", "upper"} <= set(frame.columns):
        frame["inside_interval"] = (frame["observed"] >= frame["lower"]) & (frame["observed"] <= frame["upper"])
    samples = _samples(model, folders)
    crs, said = (samples.crs, ()) if samples is not None and samples.crs is not None else _guessed_crs(frame)
    if crs is None:
        return None, said
    columns = {name: frame[name] for name in ("row", *_KEPT) if name in frame}
    columns = {**columns, **_identified(samples, frame)}
    points = geopandas.points_from_xy(frame["x"], frame["y"])
    return geopandas.GeoDataFrame(columns, geometry=points, crs=crs).to_crs("EPSG:4326"), said


def sample_points(layer, unit):
    """Samples as a map for the browser wants them: ``lon``, ``lat``, ``text``."""
    behind = f" {unit}" if unit else ""
    points = []
    for row in layer.itertuples():
        lines = [f"measured {row.observed:.3g}{behind}", f"predicted {row.predicted:.3g}{behind} (left out)", f"residual {row.residual:+.3g}{behind}"]
        points.append({"lon": round(row.geometry.x, 6), "lat": round(row.geometry.y, 6), "text": "\n".join(lines)})
    return points


def _samples(model, folders):
    """The table the model was trained on, where it is still there and readable."""
    from soilcore.core.settings import from_plain
    from soilcore.data.samples import SampleSettings, read_samples

    inputs = (model.provenance.get("settings") or {}).get("inputs") or {}
    name, expected = inputs.get("samples"), (model.provenance.get("samples") or {}).get("sha256")
    for folder in folders:
        path = Path(folder) / name if name else None
        if path is None or not path.is_file():
            continue
        try:
            samples = read_samples(path, from_plain(SampleSettings, inputs.get("table") or {}))
        except SoilcoreError:
            return None
        return samples if expected is None or samples.fingerprint == expected else None
    return None


def _identified(samples, frame):
    """Names and dates of samples, where the table has them."""
    if samples is None or "row" not in frame:
        return {}
    found = {}
    for part in ("id", "date"):
        column = samples.columns.get(part)
        if column in samples.table:
            found[part] = samples.table[column].reindex(frame["row"]).astype(str).to_numpy()
    return found


def _guessed_crs(frame):
    x, y = frame["x"].to_numpy(float), frame["y"].to_numpy(float)
    if np.all(np.abs(x) <= 180) and np.all(np.abs(y) <= 90):
        return "EPSG:4326", ("places of the samples: degrees (WGS 84), because they lie within 180 and 90; their table was not found unchanged",)
    return None, ("the reference system of the samples is not known without their table, so there is no layer of samples",)
