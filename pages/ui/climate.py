"""Monthly climate of the project: what was recognised of it, what is missing, and how it meets the samples."""

import shutil

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import cached, messages, theme
from pages.ui.session import current_work
from pages.ui.workspace import CLIMATE, LIMIT_MB, keep_upload
from soilcore.core.errors import SoilcoreError

_MOST_GAPS = 12
_UNITS = {"1": "index", "degC": "°C", "W m-2": "W/m²", "m s-1": "m/s"}


def panel():
    """Upload climate, choose it, and read what it is."""
    st.markdown(
        "Months of rain, heat and evaporation before each sample's date. Tables (one file per variable with a column per month, or one long table) "
        "or NetCDF; TerraClimate's names and scale factors are known."
    )
    _upload()
    work = current_work()
    there = work.data("climate")
    if not there:
        st.info("No climate yet. It is not needed; where samples were taken in several years, it often helps.", icon=":material/thermostat:")
        return
    _choose(work, there)
    if work.climate_source is None:
        return
    with messages.shown():
        climate = cached.climate()
        _recognised(climate)
        _joined(climate)


def _upload():
    with st.form("imagery.climate", border=False, clear_on_submit=True):
        files = st.file_uploader(
            "Upload climate (CSV tables that belong together, or NetCDF)",
            type=list(CLIMATE),
            accept_multiple_files=True,
            max_upload_size=LIMIT_MB["climate"],
            key="climate.files",
        )
        if st.form_submit_button("Keep these files", icon=":material/add:"):
            _keep(files)


def _keep(files):
    from soilcore.data.climate import open_climate

    work = current_work()
    if not files:
        st.warning("Choose at least one file first.", icon=":material/warning:")
        return
    name = work.project.new_id("climate", "climate")
    with messages.shown(), st.spinner("Reading the climate ..."):
        try:
            for upload in files:
                keep_upload(work.project, "climate", upload, CLIMATE, name)
            climate = open_climate(work.path(work.climate_path(name)))
        except SoilcoreError:
            shutil.rmtree(work.project.part("climate") / name, ignore_errors=True)
            raise
        work.remember(climate=name)
        work.note = ("success", f"Climate of {len(climate.variables)} variables over {len(climate.months)} months.")
        st.rerun()


def _choose(work, there):
    now = work.state().get("climate")
    options = [None, *there]
    key = f"climate.chosen.{now}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(
            "Climate to work with",
            options,
            options.index(now) if now in there else 0,
            format_func=lambda name: "none" if name is None else f"{name} ({_files(work, name)})",
            key=key,
            on_change=_remember,
            args=(key,),
        )
        if now in there:
            with st.popover("Remove", icon=":material/delete:"):
                st.markdown(f"Delete {messages.plain(now)} from the project?")
                st.button("Delete it", icon=":material/delete_forever:", type="primary", key=f"climate.remove.{now}", on_click=_remove, args=(now,))


def _files(work, name):
    inside = [path.name for path in sorted((work.project.part("climate") / name).iterdir()) if not path.name.startswith(".")]
    return ", ".join(inside[:3]) + (f" and {len(inside) - 3} more" if len(inside) > 3 else "")


def _remember(key):
    current_work().remember(climate=st.session_state[key])


def _remove(name):
    work = current_work()
    shutil.rmtree(work.project.path("climate", name))
    work.remember(climate=None)
    work.note = ("success", f"{name} was removed.")


def _recognised(climate):
    from soilcore.core.tables import load_table

    first, last = climate.months.min(), climate.months.max()
    gaps = np.setdiff1d(np.arange(first, last + 1), climate.months)
    with st.container(horizontal=True, gap="large"):
        st.metric("Variables", len(climate.variables), width="content")
        st.metric("Months", len(climate.months), help=f"{first} to {last}", width="content")
        st.metric("Months missing between", len(gaps), width="content")
        st.metric(*_places(climate), width="content")
    st.markdown(f"From **{first}** to **{last}**." + (f" Missing: {messages.plain(_listed(gaps))}." if len(gaps) else ""))
    known = load_table("terraclimate")["variables"]
    rows = pd.DataFrame(
        {
            "variable": climate.variables,
            "what": [known.get(name, {}).get("what", "no variable of TerraClimate") for name in climate.variables],
            "unit": [_unit_words(climate.units.get(name)) for name in climate.variables],
        }
    )
    config = {"variable": "Variable", "what": st.column_config.TextColumn("What it is", width="large"), "unit": "Unit"}
    st.dataframe(
        rows, height="content", hide_index=True, column_config=config, alt="Climate variables with their meaning and unit", key="climate.variables"
    )
    messages.findings(climate.findings)
    messages.assumed(climate.assumed)


def _unit_words(unit):
    """A unit as people write it."""
    return _UNITS.get(unit, unit) or "not known"


def _places(climate):
    if climate.grid is not None:
        return "Cells", f"{climate.grid.width} × {climate.grid.height}"
    if climate.ids is not None:
        return "Places", str(len(climate.ids))
    return "Places", str(len(climate.places[0])) if climate.places is not None else "one for all"


def _listed(months):
    words = [str(month) for month in months[:_MOST_GAPS]]
    return ", ".join(words) + (f" and {len(months) - _MOST_GAPS} more" if len(months) > _MOST_GAPS else "")


def _joined(climate):
    """For how many samples there is climate before their date."""
    samples = cached.samples()
    if samples is None:
        return
    valid = cached.climate_join(samples, climate)
    st.metric(
        "Samples with climate",
        f"{int(valid.sum())} of {len(valid)}",
        help="Joined by place or id, with enough of the months before the sample's date",
    )
    st.caption("On the model page it is offered under “Predictors from”: mean and spread of the months before each sample.")
    if not valid.all():
        st.caption(f"{theme.percent(1 - valid.mean())} of the samples have no place near, no date, or too many missing months before it.")
