"""Bands that stand in the table itself: which columns they are, and of which sensor, so that indices can be made without an image."""

import streamlit as st

from pages.ui.session import current_work

_NOT_USED = "not as bands"


def found(samples):
    """Numeric columns that look like bands: {role: column}."""
    from soilcore.data.columns import band_columns

    return band_columns([str(name) for name in samples.table.select_dtypes("number").columns])


def panel(samples):
    """Ask for the sensor of the band columns when there is no image; the answer is kept in the project."""
    from soilcore.core.tables import load_table

    work, columns = current_work(), found(samples)
    if work.scene_files or not columns:
        return
    sensors = {name: row["label"] for name, row in load_table("sensors")["sensors"].items()}
    now = work.state().get("band_sensor")
    options = [None, *sensors]
    key = f"table.bands.{now}"
    st.selectbox(
        f"The table holds bands ({', '.join(f'{column} = {role}' for role, column in columns.items())}). Use them as",
        options,
        index=options.index(now) if now in options else 0,
        format_func=lambda name: sensors.get(name, _NOT_USED),
        key=key,
        on_change=_remember,
        args=(key,),
        help="The sensor says how stored values become reflectance. A model trained so maps an image of the same sensor.",
    )


def _remember(key):
    current_work().remember(band_sensor=st.session_state[key])


def choices(samples):
    """What `FeatureSettings` must hold for the band columns; empty when there is an image or no sensor was named."""
    work = current_work()
    sensor = work.state().get("band_sensor")
    if work.scene_files or sensor is None:
        return {}
    columns = found(samples)
    return {"roles": tuple(f"{column}={role}" for role, column in columns.items()), "sensor": sensor} if columns else {}
