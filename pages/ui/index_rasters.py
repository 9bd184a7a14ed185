"""Index rasters: chosen indices of the whole image as one GeoTIFF, seen on a map and downloaded."""

from pathlib import Path

import pandas as pd
import streamlit as st

from pages.ui import cached, jobs, layers, maps, messages
from pages.ui.session import current_work

_SUGGESTED = ("SI", "NDSI", "NDVI")


def panel():
    """Choose indices and write them; below it, those that were written."""
    from soilcore.features.indices import available_indices

    work, scene = current_work(), cached.scene()
    possible = available_indices(scene.roles)
    st.markdown("Indices of the whole image, one band each, for this app and for QGIS. Pixels where an index is undefined stay empty.")
    columns = st.columns([4, 3, 1], vertical_alignment="bottom")
    chosen = columns[0].multiselect(
        "Indices",
        possible,
        [name for name in _SUGGESTED if name in possible],
        format_func=lambda name: name,
        key=f"rasters.chosen.{'+'.join(scene.roles)}",
        wrap=True,
        persist_state="session",
    )
    formulas = columns[1].text_input("Own formulas", key="indices.formulas", persist_state="session", placeholder="MINE=(N-R)/(N+R+B)")
    texts = tuple(text.strip() for text in (formulas or "").split(";") if text.strip())
    columns[2].button(
        "Write",
        icon=":material/save:",
        type="primary",
        on_click=_start,
        args=(tuple(chosen), texts),
        disabled=jobs.is_busy() or not (chosen or texts),
        key="rasters.start",
    )
    written = [name for name in reversed(work.project.items("reports")) if name.startswith("indices-") and name.endswith(".tif")]
    if not written:
        st.info("Nothing written yet.", icon=":material/layers:")
        return
    _show(work.project.path("reports", st.selectbox("File to look at", written, key=f"rasters.file.{written[0]}")))


def _start(ids, formulas):
    from soilcore.features.recipe import FeatureSettings
    from soilcore.project.settings import IndicesTask

    work = current_work()
    inputs = work.inputs(features=FeatureSettings(indices=ids, formulas=formulas), with_samples=False)
    aoi = work.state().get("aoi")
    inputs = work.inputs(features=inputs.features, aoi=f"regions/{aoi}" if aoi else None, with_samples=False)
    out = f"reports/{work.project.new_id('reports', 'indices')}.tif"
    opened = cached.imagery()
    date = str(cached.shown_date(opened)) if cached.is_series(opened) else None
    jobs.start("indices", IndicesTask(inputs, out, date=date), "Writing index rasters")


def _show(path):
    names = _bands(cached.stamp(path), path)
    name = st.segmented_control("Index", names, default=names[0], required=True, key=f"rasters.band.{path.name}", wrap=True) or names[0]
    if maps.ready():
        shown = _shown(cached.stamp(path), names.index(name) + 1, name, path)
        place = maps.show([shown], f"index-{path.stem}-{name}")
        if place is not None:
            _reading(path, names, place)
    st.download_button(
        f"{path.name} (GeoTIFF, {', '.join(names)})",
        path.read_bytes,
        path.name,
        "image/tiff",
        icon=":material/download:",
        key="rasters.file",
        on_click="ignore",
    )


@st.cache_data(max_entries=32, show_spinner=False)
def _bands(stamp, _path):
    from soilcore.data.rasters import opened_raster

    with opened_raster(str(_path)) as raster:
        return [name or f"band {number}" for number, name in enumerate(raster.descriptions, start=1)]


@st.cache_data(max_entries=32, show_spinner=False)
def _shown(stamp, band, name, _path):
    from soilcore.mapping.tiles import layer_bounds, style_of

    return maps.Shown(name, layers.Layer(Path(_path), style_of(_path, band)), layer_bounds(_path), name)


def _reading(path, names, place):
    from soilcore.mapping.tiles import value_at

    values = [{"index": name, "value": value_at(path, *place, band=number)} for number, name in enumerate(names, start=1)]
    st.caption(messages.plain(f"At {place[1]:.5f}°, {place[0]:.5f}°:"))
    st.dataframe(pd.DataFrame(values), hide_index=True, placeholder="no value here", alt="Indices at the clicked place")
