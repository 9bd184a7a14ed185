"""Outlines of fields: chosen among the project's boundaries or uploaded, with the column that names them."""

from dataclasses import dataclass

import streamlit as st

from pages.ui import cached, forms, messages
from pages.ui.session import current_work
from pages.ui.workspace import BOUNDARIES, LIMIT_MB, keep_upload
from soilcore.core.errors import SoilcoreError
from soilcore.project.folder import safe_name

KINDS = (*BOUNDARIES, "kml")


@dataclass(frozen=True)
class Boundaries:
    """Fields as tasks take them.

    Parameters
    ----------
    path : str
        Relative to the project.
    layer, id_column : str or None
    n : int
        Fields in the file.
    hectares : float
    """

    path: str
    layer: str | None = None
    id_column: str | None = None
    n: int = 0
    hectares: float = 0.0


def choose(finished, left, right):
    """Let people choose or upload boundaries.

    Parameters
    ----------
    finished : FinishedMap
        On which the fields must lie.
    left, right : st.container
        Where the file and its column are asked.

    Returns
    -------
    Boundaries or None
        None where there are none, or none that lie on the map; that is said.
    """
    work = current_work()
    there = work.project.items("regions")
    with left:
        name = _file(work, there) if there else None
        _uploader(work, finished, bool(there))
    if name is None:
        if not there:
            right.info(
                "Upload the outlines of your fields: polygons with a reference system, drawn in QGIS or given by a land register. "
                "Crops and next samples also work for the whole map.",
                icon=":material/grid_on:",
            )
        return None
    with right, messages.shown():
        return _described(work, name, finished)
    return None


def _file(work, there):
    now = work.state().get("field_boundaries")
    if now not in there:
        area = work.state().get("aoi")
        now = next((name for name in there if "field" in name.lower() or "parcel" in name.lower()), None)
        now = now or next((name for name in there if name != area), there[0])
    key = f"fields.boundaries.{now}.{len(there)}"
    return st.selectbox("Field boundaries", there, there.index(now), key=key, on_change=_remember, args=("field_boundaries", key))


def _remember(name, key):
    more = {"field_layer": None, "field_id": None} if name == "field_boundaries" else {}
    current_work().remember(**more, **{name: st.session_state[key]})


def _uploader(work, finished, folded):
    with st.expander("Upload others", icon=":material/upload:") if folded else st.container():
        upload = st.file_uploader(
            "Upload field boundaries (GeoPackage, GeoJSON, zipped shapefile or KML)",
            type=list(KINDS),
            max_upload_size=LIMIT_MB["regions"],
            key="fields.upload",
        )
    if upload is None or st.session_state.get("fields.upload.taken") == upload.file_id:
        return
    st.session_state["fields.upload.taken"] = upload.file_id
    try:
        with st.spinner("Looking into the file ..."), forms.put_aside(work, "regions", [safe_name(upload.name)]):
            name = keep_upload(work.project, "regions", upload, KINDS)
            _read_all(work.path(f"regions/{name}"), finished)
    except SoilcoreError as error:
        messages.refused(error)
        return
    work.remember(field_boundaries=name, field_layer=None, field_id=None)
    st.rerun()


def _read_all(path, finished):
    """Refuse a file none of whose layers holds fields on the map, for the reason of the first."""
    from soilcore.mapping.zones import read_fields

    errors = []
    for layer in _layers(cached.stamp(path), path) or (None,):
        try:
            read_fields(path, finished.grid, layer=layer)
            return
        except SoilcoreError as error:
            errors.append(error)
    raise errors[0]


def _described(work, name, finished):
    path, state = work.path(f"regions/{name}"), work.state()
    stamp = cached.stamp(path)
    layers, layer = _layers(stamp, path), None
    if len(layers) > 1:
        now = state.get("field_layer") if state.get("field_layer") in layers else layers[0]
        key = f"fields.layer.{name}.{now}"
        layer = st.selectbox("Layer", layers, layers.index(now), key=key, on_change=_remember, args=("field_layer", key))
    facts = _facts(stamp, layer, state.get("field_id"), str(finished.path), finished.grid, path)
    options = [None, *facts["columns"]]
    now = state.get("field_id") if state.get("field_id") in facts["columns"] else None
    key = f"fields.id.{name}.{layer}.{now}"
    found = facts["id_column"] or "numbers, in the order of the file"
    id_column = st.selectbox(
        "Column that names the fields",
        options,
        options.index(now),
        format_func=lambda column: f"found by itself: {found}" if column is None else column,
        key=key,
        on_change=_remember,
        args=("field_id", key),
    )
    off = f", {facts['off']} of them off the map" if facts["off"] else ""
    st.caption(f"{facts['n']:,} fields{off}, {facts['hectares']:,.0f} ha.")
    return Boundaries(f"regions/{name}", layer, id_column, facts["n"], facts["hectares"])


@st.cache_data(max_entries=32, show_spinner=False)
def _layers(stamp, _path):
    """Names of the layers of a file; empty where it is not known to have several."""
    import pyogrio
    from pyogrio.errors import DataSourceError

    from soilcore.data.regions import read_vector

    if str(_path).endswith((".gpkg", ".kml")):
        read_vector(_path, "field boundaries")  # refuses what only points elsewhere
        try:
            return [str(name) for name in pyogrio.list_layers(_path)[:, 0]]
        except DataSourceError:
            return []
    return []


@st.cache_data(max_entries=16, show_spinner="Reading the fields ...")
def _facts(stamp, layer, id_column, map_path, _grid, _path):
    from shapely.geometry import box

    from soilcore.mapping.zones import read_fields

    named = read_fields(_path, _grid, layer=layer)
    columns = [str(name) for name in named.columns.columns]
    extent = box(*_grid.bounds)
    return {
        "n": len(named),
        "hectares": float(named.areas_ha.sum()),
        "off": sum(not shape.intersects(extent) for shape in named.polygons),
        "columns": columns,
        "id_column": named.id_column,
    }
