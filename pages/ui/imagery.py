"""Panels of the imagery page: roles and scaling, the picture with the samples, bands, and what lies beside the image."""

import base64
import io

import pandas as pd
import streamlit as st

from pages.ui import cached, charts, messages, steps, theme
from pages.ui.session import current_work

_PICTURES = {
    "True colour": ("R", "G", "B"),
    "False colour (vegetation red)": ("N", "R", "G"),
    "Shortwave infrared (salt and bare soil)": ("S2", "N", "R"),
}
_NO_ROLE = ""
_KEPT = "-confirmed.tif"
_STATISTICS = {"min": "min", "p2": "2 %", "median": "median", "p98": "98 %", "max": "max"}


def scene_settings():
    """How the image is to be read; a changed answer reads it again. Open when the image leaves a question."""
    work, now = current_work(), current_work().scene_settings
    facts = _band_facts(work)
    if facts is None:
        return
    with st.expander("Roles, sensor and scaling", icon=":material/tune:", expanded=_is_refused()), st.form("imagery.form", border=False):
        st.caption("Say which band is which where that was not recognised. An empty role means: recognise it.")
        given = _given_roles(facts, now.roles)
        table = pd.DataFrame({"band": [band.position for band in facts], "name": [band.name for band in facts], "role": given})
        config = {
            "band": st.column_config.NumberColumn("Band", width="small"),
            "name": "As the file calls it",
            "role": st.column_config.SelectboxColumn("Role", options=[_NO_ROLE, *_roles()], format_func=_role_words),
        }
        edited = st.data_editor(table, hide_index=True, disabled=["band", "name"], column_config=config, key="imagery.roles")
        answers = _scaling_fields(now)
        if st.form_submit_button("Read it so", icon=":material/refresh:"):
            roles = [[str(row.band), row.role] for row in edited.itertuples() if row.role]
            _read_again(work, {"roles": roles, **answers})


def _scaling_fields(now):
    first, second, third, fourth = st.columns(4)
    sensors = _sensors()
    options = [None, *sensors] + ([now.sensor] if now.sensor and now.sensor not in sensors else [])
    words = {None: "(recognise)", **sensors}
    return {
        "sensor": first.selectbox("Sensor", options, index=options.index(now.sensor), format_func=lambda name: words.get(name, name)),
        "scale": second.number_input(
            "Scale", value=now.scale, format="%.6g", placeholder="(recognise)", help="reflectance = stored value × scale + offset"
        ),
        "offset": third.number_input("Offset", value=now.offset, format="%.6g", placeholder="(recognise)"),
        "nodata": fourth.number_input("Nodata", value=now.nodata, format="%.6g", placeholder="(as the file says)"),
    }


def _band_facts(work):
    from soilcore.data.scene_files import all_bands, read_file_facts

    with messages.shown():
        return all_bands([read_file_facts(work.path(f"scenes/{name}")) for name in work.scene_files])
    return None


def _is_refused():
    from soilcore.core.errors import SoilcoreError

    try:
        return bool(cached.scene().findings)
    except SoilcoreError:
        return True


def _given_roles(facts, given):
    said = dict(given)
    return [said.get(str(band.position), said.get(band.name, _NO_ROLE)) for band in facts]


def _roles():
    from soilcore.core.tables import load_table

    return load_table("sensors")["roles"]


def _role_words(role):
    return f"{role}, {_band_words(role)}" if role else "(recognise)"


def _band_words(role):
    from soilcore.data.sensors import role_label

    return role_label(role)


def _sensors():
    from soilcore.core.tables import load_table

    return {name: row["label"] for name, row in load_table("sensors")["sensors"].items()}


def _read_again(work, answers):
    from soilcore.core.settings import from_plain
    from soilcore.data.imagery import SceneSettings, open_scene

    settings = from_plain(SceneSettings, {**answers, "paths": [work.path(f"scenes/{name}") for name in work.scene_files]})
    with messages.shown():
        open_scene(settings)  # refused answers leave the image as it was
        work.choose_scene(work.scene_files, answers)
        st.rerun()


def summary(scene):
    """Size, pixel, sensor, reference system, and how stored values become reflectance, with the evidence."""
    cards = st.columns(4)
    cards[0].metric("Size", f"{scene.grid.width} × {scene.grid.height}", help="columns × rows")
    cards[1].metric("Pixel", _cell_words(scene.grid))
    cards[2].metric("Bands", len(scene.roles))
    cards[3].metric("Date", str(scene.date) if scene.date else "not known")
    sensor = _sensors().get(scene.sensor, scene.sensor) or "not known"
    st.markdown(
        f"**Reflectance = stored value × {scene.scaling.scale:g}{_signed(scene.scaling.offset)}** · Sensor: {messages.plain(sensor)} · "
        f"Coordinate reference system: {messages.plain(scene.grid.crs.name)}"
    )
    messages.assumed(scene.assumed)
    with st.expander("Why this scaling", icon=":material/fact_check:", expanded=bool(scene.findings)):
        for sentence in scene.scaling.evidence:
            st.markdown(f"- {messages.plain(sentence)}")
        messages.findings(scene.findings)
        st.caption("If it is wrong, say so under “Roles, sensor and scaling”.")


def _signed(offset):
    return f" {'−' if offset < 0 else '+'} {abs(offset):g}" if offset else ""


def _cell_words(grid):
    width, height = (abs(side) for side in grid.cell_size)
    unit = "°" if grid.crs.is_geographic else " m"
    return f"{theme.number(width, 4)} × {theme.number(height, 4)}{unit}"


def picture(scene):
    """The scene in colours people know, with the samples where they lie."""
    possible = {name: roles for name, roles in _PICTURES.items() if set(roles) <= set(scene.roles)}
    if not possible:
        st.info("This image has no red, green and blue bands to show in colour.", icon=":material/palette:")
        return
    first = next(iter(possible))
    name = st.segmented_control(
        "Picture", list(possible), default=first, required=True, key=f"imagery.picture.{len(possible)}", persist_state="session", wrap=True
    )
    roles = possible.get(name) or possible[first]
    source = _as_png(cached.preview(scene, roles), scene.fingerprint, roles)
    figure = charts.scene_picture(source, scene.grid.bounds, scene.grid.crs, _places_on(scene))
    st.plotly_chart(figure, alt=f"{name} picture of the image with the samples", key="imagery.picture.chart")
    st.caption(f"Shown as red, green, blue: {', '.join(_band_words(role) for role in roles)}; stretched between the 2nd and 98th percentile.")


@st.cache_data(max_entries=8, show_spinner=False)
def _as_png(_picture, fingerprint, roles):
    """A picture as text that a chart can carry."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(_picture).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


def _places_on(scene):
    """Samples in the coordinates of the image, with their rows; None when there are none."""
    with messages.shown():
        samples = cached.samples()
        if samples is None or not samples.has_places or samples.crs is None:
            return None
        from pyproj import Transformer

        x, y = Transformer.from_crs(samples.crs, scene.grid.crs, always_xy=True).transform(samples.x, samples.y)
        return x, y, samples.table.index
    return None


def overlap(scene):
    """How the samples lie on the scene."""
    from soilcore.data.previews import overlap as lie_on

    with messages.shown():
        samples = cached.samples()
        if samples is None:
            st.info("No samples yet, so there is nothing to lay over the image.", icon=":material/table_view:")
            steps.link("samples", "Go to Samples")
            return
        if not samples.has_places:
            st.info("The table has no coordinates, so it cannot be laid over the image.", icon=":material/wrong_location:")
            return
        if samples.crs is None:
            st.info("The reference system of the samples is not known. Name it on the samples page.", icon=":material/wrong_location:")
            steps.link("samples", "Go to Samples")
            return
        facts = lie_on(scene, samples.x, samples.y, samples.crs)
        st.metric("Samples inside the image", f"{facts['inside']} of {facts['points']}")
        st.metric("With every band valid there", f"{facts['valid']} of {facts['points']}", help="Clouds, nodata and shadows make a pixel invalid")
        st.metric("Different pixels", facts["pixels"], help="Several samples in one pixel share all predictors")
        if not facts["inside"]:
            st.error(
                "No sample lies inside this image. Check the coordinate columns and the reference system on the samples page.",
                icon=messages.ICONS["error"],
            )


def bands(scene):
    """Band table: role, range of stored values and of reflectance, share of valid pixels; and the histogram of one."""
    table = cached.band_table(scene)
    table.insert(1, "words", [_band_words(role) for role in table["role"]])
    config = {"role": "Role", "words": "Band", "valid": st.column_config.NumberColumn("Valid", format="percent")}
    config |= {f"stored_{name}": st.column_config.NumberColumn(f"Stored {words}", format="%.6g") for name, words in _STATISTICS.items()}
    config |= {name: st.column_config.NumberColumn(f"Refl. {words}", format="%.4f") for name, words in _STATISTICS.items()}
    st.dataframe(table, hide_index=True, column_config=config, alt="Statistics of every band, stored values and reflectance", key="imagery.bands")
    st.download_button("Band table as CSV", table.to_csv(index=False), "bands.csv", "text/csv", icon=":material/download:", key="imagery.bands.csv")
    role = st.selectbox(
        "Values of one band before and after scaling", scene.roles, format_func=_role_words, key=f"imagery.role.{scene.fingerprint[:8]}"
    )
    stored, reflectance = cached.histogram(scene, role)
    figure = charts.band_histogram(stored, reflectance, role)
    st.plotly_chart(figure, alt=f"Histogram of {role}, stored values and reflectance", key="imagery.histogram")


def keep_as_one(scene):
    """Offer to write what was understood into one cloud-optimised file, so that nothing needs to be asked again."""
    work = current_work()
    if len(work.scene_files) == 1 and work.scene_files[0].endswith(_KEPT):
        return
    st.button(
        "Confirm, and keep as one cloud-optimised GeoTIFF",
        icon=":material/verified:",
        key="imagery.keep",
        on_click=_ask_to_keep,
        help="Bands with their roles, scale and offset in one file: nothing needs to be asked again, and every page reads it faster",
    )
    if st.session_state.pop("imagery.keeping", False):
        _keep(work, scene)


def _ask_to_keep():
    st.session_state["imagery.keeping"] = True


def _keep(work, scene):
    from soilcore.data.conversion import to_cog

    name = f"{work.scene_files[0].rsplit('.', 1)[0]}{_KEPT}"
    bar = st.progress(0.0, text="copying the bands")
    with messages.shown():
        to_cog(scene, work.path(f"scenes/{name}"), lambda done, total, words="": bar.progress(min(1.0, done / max(1, total)), text=words))
        work.choose_scene([name])
        work.note = ("success", f"Kept as {name}, with roles, scale and offset in the file.")
        st.rerun()


def covariates():
    """Rasters of the project; each may be called categorical."""
    work = current_work()
    there = work.project.items("covariates")
    if not there:
        return
    now = [name for name in there if name in set(work.state().get("categorical", ()))]
    key = f"imagery.categorical.{'+'.join(there)}"
    st.multiselect("Which of them hold codes of classes, not amounts?", there, now, key=key, on_change=_remember_categorical, args=(key,))
    with messages.shown():
        st.dataframe(_raster_table(work, there), hide_index=True, alt="Rasters of the project with pixel size and reference system")


def _remember_categorical(key):
    current_work().remember(categorical=st.session_state[key])


def _raster_table(work, names):
    from soilcore.data.scene_files import read_file_facts

    rows = []
    for name in names:
        grid = read_file_facts(work.path(f"covariates/{name}")).grid
        rows.append({"raster": name, "pixel": _cell_words(grid), "size": f"{grid.width} × {grid.height}", "reference system": grid.crs.name})
    return pd.DataFrame(rows)


def regions():
    """The boundary to work in."""
    work = current_work()
    there = work.project.items("regions")
    if not there:
        return
    now = work.state().get("aoi")
    options = [None, *there]
    key = f"imagery.aoi.{now}"
    index = options.index(now) if now in there else 0
    words = {None: "the whole image"}
    st.selectbox(
        "Area of interest", options, index=index, format_func=lambda name: words.get(name, name), key=key, on_change=_remember_area, args=(key,)
    )


def _remember_area(key):
    current_work().remember(aoi=st.session_state[key])
