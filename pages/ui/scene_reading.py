"""How an image is to be read: roles, sensor, scaling; clouds left out or not; which date of a cube; and keeping it as one file."""

from pathlib import Path

import pandas as pd
import streamlit as st

from pages.ui import cached, jobs, messages, scene_facts
from pages.ui.session import current_work
from soilcore.project.folder import safe_name

_NO_ROLE = ""
_KEPT = "-confirmed.tif"
_BAND_FILES = (".tif", ".tiff", ".jp2")


def form():
    """Roles, sensor and scaling; a changed answer reads the image again. Open when the image leaves a question."""
    work, now = current_work(), current_work().scene_settings
    facts = _band_facts(work)
    refused = _is_refused()
    with (
        st.expander("Roles, sensor and scaling", icon=":material/tune:", expanded=refused, key=f"imagery.reading.{refused}"),
        st.form("imagery.form", border=False),
    ):
        roles = _role_fields(facts, now) if facts else None
        answers = _scaling_fields(now)
        if st.form_submit_button("Read it so", icon=":material/refresh:"):
            _read_again(work, answers if roles is None else {"roles": roles(), **answers})


def _role_fields(facts, now):
    st.caption("Say which band is which where that was not recognised. An empty role means: recognise it.")
    given = _given_roles(facts, now.roles)
    table = pd.DataFrame({"band": [band.position for band in facts], "name": [band.name for band in facts], "role": given})
    config = {
        "band": st.column_config.NumberColumn("Band", width="small"),
        "name": "As the file calls it",
        "role": st.column_config.SelectboxColumn("Role", options=[_NO_ROLE, *_roles()], format_func=scene_facts.role_words),
    }
    edited = st.data_editor(table, hide_index=True, disabled=["band", "name"], column_config=config, key="imagery.roles")
    return lambda: [[str(row.band), row.role] for row in edited.itertuples() if row.role]


def _scaling_fields(now):
    first, second, third, fourth = st.columns(4)
    words = {None: "(recognise)", **scene_facts.sensors()}
    options = list(words) + ([now.sensor] if now.sensor not in words else [])
    return {
        "sensor": first.selectbox("Sensor", options, index=options.index(now.sensor), format_func=lambda name: words.get(name, name)),
        "scale": second.number_input(
            "Scale", value=now.scale, format="%.6g", placeholder="(recognise)", help="reflectance = stored value × scale + offset"
        ),
        "offset": third.number_input("Offset", value=now.offset, format="%.6g", placeholder="(recognise)"),
        "nodata": fourth.number_input("Nodata", value=now.nodata, format="%.6g", placeholder="(as the file says)"),
    }


def _band_facts(work):
    """Bands of plain raster files; None for products, cubes and folders, which say themselves which band is which."""
    from soilcore.data.scene_files import all_bands, read_file_facts

    if any(Path(name).suffix.lower() not in _BAND_FILES for name in work.scene_files):
        return None
    with messages.shown():
        if not cached.is_series(_opened()):
            return all_bands([read_file_facts(work.path(f"scenes/{name}")) for name in work.scene_files])
    return None


def _opened():
    from soilcore.core.errors import SoilcoreError

    try:
        return cached.imagery()
    except SoilcoreError:
        return None


def _is_refused():
    opened = _opened()
    return opened is None or bool(opened.findings)


def _given_roles(facts, given):
    said = dict(given)
    return [said.get(str(band.position), said.get(band.name, _NO_ROLE)) for band in facts]


def _roles():
    from soilcore.core.tables import load_table

    return load_table("sensors")["roles"]


def _read_again(work, answers):
    """Read the chosen images with other answers; a refusal leaves them as they were."""
    answers = {**work.state().get("scene_settings", {}), **answers}
    with messages.shown():
        cached.open_again(answers)
        work.choose_scene(work.scene_files, answers)
        st.rerun()


def keep_as_one():
    """Offer to write what was understood into one cloud-optimised file, so that nothing needs to be asked again."""
    work = current_work()
    if len(work.scene_files) == 1 and work.scene_files[0].endswith(_KEPT):
        return
    date = cached.shown_date(_opened()) if cached.is_series(_opened()) else None
    st.button(
        f"Keep {date} as one GeoTIFF" if date else "Confirm, and keep as one GeoTIFF",
        icon=":material/verified:",
        key="imagery.keep",
        on_click=_keep,
        args=(None if date is None else str(date),),
        disabled=jobs.is_busy(),
        help="Cloud-optimised, bands with their roles, scale and offset in one file: nothing needs to be asked again, and every page reads it faster",
    )


def _keep(date):
    from soilcore.project.imagery_settings import KeepSceneTask

    work = current_work()
    stem = safe_name(work.scene_files[0].rsplit(".", 1)[0])
    name = f"{stem}-{date}{_KEPT}" if date else f"{stem}{_KEPT}"
    jobs.start("keep-scene", KeepSceneTask(work.scene_settings, f"scenes/{name}", date, overwrite=True), f"Keeping {name}")
