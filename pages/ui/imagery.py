"""Panels of the imagery page."""

import numpy as np
import streamlit as st

from pages.ui import cached, messages, theme
from pages.ui.session import current_work

_PICTURES = {
    "True colour": ("R", "G", "B"),
    "False colour (vegetation red)": ("N", "R", "G"),
    "Short-wave infrared (salt and bare soil)": ("S2", "N", "R"),
}
SENSORS = ("sentinel-2-l2a", "landsat-c2-l2", "reflectance")


def scene_settings():
    """How the image is to be read; a changed answer reads it again."""
    work, now = current_work(), current_work().scene_settings
    with st.expander("Roles, sensor and scaling", icon=":material/tune:"), st.form("imagery.form", border=False):
        first, second = st.columns([2, 1])
        roles = first.text_input(
            "Roles",
            ", ".join(f"{name}={role}" for name, role in now.roles),
            key="imagery.roles",
            placeholder="e.g. 1=B, 2=G, 3=R, 4=N, 5=S1, 6=S2",
            help="band number or name = B, G, R, RE1, RE2, RE3, N, N2, S1, S2; empty: recognise",
        )
        index = SENSORS.index(now.sensor) if now.sensor in SENSORS else None
        sensor = second.selectbox("Sensor", SENSORS, index=index, key="imagery.sensor", placeholder="(recognise)")
        third = st.columns(3)
        scale = third[0].number_input("Scale", value=now.scale, format="%.6g", key="imagery.scale", placeholder="(recognise)")
        offset = third[1].number_input("Offset", value=now.offset, format="%.6g", key="imagery.offset", placeholder="(recognise)")
        nodata = third[2].number_input("Nodata", value=now.nodata, format="%.6g", key="imagery.nodata", placeholder="(as the file says)")
        if st.form_submit_button("Read it so", icon=":material/refresh:"):
            _read_again(work, roles, {"sensor": sensor, "scale": scale, "offset": offset, "nodata": nodata})


def _read_again(work, roles, answers):
    from soilcore.features.selection import parse_roles

    with messages.shown():
        pairs = parse_roles([pair for pair in roles.split(",") if pair.strip()])
        work.choose_scene(work.scene_files, {"roles": [list(pair) for pair in pairs], **answers})
        st.rerun()


def cell_words(grid):
    """Pixel size in words."""
    width, height = grid.cell_size
    unit = "°" if grid.crs.is_geographic else " m"
    return f"{theme.number(width, 4)} × {theme.number(height, 4)}{unit}"


def picture(scene):
    """The scene in colours people know."""
    possible = {name: roles for name, roles in _PICTURES.items() if set(roles) <= set(scene.roles)}
    if not possible:
        st.info("This image has no red, green and blue bands to show in colour.", icon=":material/palette:")
        return
    name = st.segmented_control("Picture", list(possible), default=next(iter(possible)), key="imagery.picture") or next(iter(possible))
    st.image(
        cached.preview(scene, possible[name]),
        caption=f"{name}: {', '.join(possible[name])}, stretched between the 2nd and 98th percentile",
        width="stretch",
    )


def overlap(scene):
    """How the samples lie on the scene."""
    with messages.shown():
        samples = cached.samples()
    if samples is None:
        st.info("No samples yet, so there is nothing to lay over the image.", icon=":material/table_view:")
        return
    if not samples.has_places:
        st.info("The table has no coordinates, so it cannot be laid over the image.", icon=":material/wrong_location:")
        return
    rows, cols, inside = scene.grid.rows_cols(samples.x, samples.y, samples.crs)
    valid = np.isfinite(scene.sample(samples.x, samples.y, samples.crs)).all(axis=1)
    st.metric("Samples inside the image", f"{int(inside.sum())} of {len(samples)}")
    st.metric("with all bands valid there", f"{int(valid.sum())} of {len(samples)}", help="Clouds, nodata and water edges make a pixel invalid")
    pixels = len({(row, col) for row, col, ok in zip(rows, cols, inside, strict=True) if ok})
    st.metric("different pixels", pixels, help="Several samples in one pixel share all predictors")
    if not inside.any():
        st.error(
            "No sample lies inside this image. Check the coordinate columns and the reference system on the samples page.", icon=":material/error:"
        )


def bands(scene):
    """Band table: role, range of stored values and reflectance, valid share."""
    table = cached.band_table(scene)
    st.dataframe(table, hide_index=True, alt="Statistics of every band", key="imagery.bands")
    st.download_button("Band table as CSV", table.to_csv(index=False), "bands.csv", "text/csv", icon=":material/download:", key="imagery.bands.csv")


def histograms(scene, role):
    """(counts, edges) of stored values and of reflectance."""
    from soilcore.data.previews import band_histogram

    return band_histogram(scene, role)


def covariates():
    """Rasters of the project; each may be called categorical."""
    work = current_work()
    there = work.project.items("covariates")
    if not there:
        return
    now = set(work.state().get("categorical", ()))
    chosen = st.multiselect(
        "Which of them hold codes of classes, not amounts?", there, [name for name in there if name in now], key="imagery.categorical"
    )
    if set(chosen) != now:
        work.remember(categorical=chosen)


def regions():
    """The boundary to work in."""
    work = current_work()
    there = work.project.items("regions")
    if not there:
        return
    now = work.state().get("aoi")
    chosen = st.selectbox(
        "Area of interest", there, index=there.index(now) if now in there else None, placeholder="the whole image", key="imagery.aoi"
    )
    if chosen != now:
        work.remember(aoi=chosen)
