"""How a spectral library is to be read: target, unit, groups, axis, quantity, limit of detection; what was recognised is the suggestion."""

from dataclasses import replace

import streamlit as st

from pages.ui import messages, samples
from pages.ui.session import current_work

_AXIS = {"cm-1": "wavenumber (cm⁻¹)", "nm": "wavelength (nm)", "um": "wavelength (µm)"}
_QUANTITY = {"absorbance": "absorbance", "reflectance": "reflectance, 0 to 1", "percent": "reflectance in percent"}
_BELOW = {"drop": "leave them out", "half": "set them to half of it", "keep": "keep them as they are"}
_REPLICATES = {"keep": "rows of their own", "mean": "their mean"}
_LIMIT_HELP = "In the unit of the target. Below it the laboratory reports noise, which a model would learn"
_GROUP_HELP = "Soil orders, profiles, fields, campaigns: scores are given for each, and whole groups can be left out of training"
_COLUMNS_HELP = "Where a table holds several kinds of spectra: how the names of the right columns begin, such as scan_mir"
_OTHER_TABLE = "A table of laboratory values, joined to the spectra by their id"


def form(spectra):
    """The whole form, for a library that could be read."""
    now = current_work().spectra_settings
    table = now.table
    with st.form("spectra.form"):
        first = st.columns(4)
        answers = {"target": samples.ask_column(first[0], spectra.samples, table, "Column to predict")}
        answers |= samples.ask_unit(first[1:], spectra.samples, table)
        second = st.columns(4)
        answers["detection_limit"] = second[0].number_input("Detection limit", value=table.detection_limit, placeholder="none", help=_LIMIT_HELP)
        below = second[1].selectbox("Samples below it", list(_BELOW), index=list(_BELOW).index(now.below_limit), format_func=_BELOW.get)
        columns = [str(name) for name in spectra.table.columns]
        group = samples.ask(second[2], "Groups", _grouping(spectra), now.group, spectra.group_column, "none", help=_GROUP_HELP)
        identifier = samples.ask(second[3], "Sample id", columns, table.id, spectra.samples.columns.get("id"), "none")
        with st.expander("Axis, quantity, coordinates and file format"):
            whole = _spectral_fields(now, spectra)
            answers |= _place_fields(spectra, table) | _file_fields(table)
        if st.form_submit_button("Read it so", icon=":material/refresh:", type="primary" if spectra.target is None else "secondary"):
            answers["id"] = identifier
            _read_again(replace(now, table=replace(table, **answers), group=group, below_limit=below, **whole))


def questions():
    """What can be said of a library that cannot be read yet."""
    now = current_work().spectra_settings
    with st.form("spectra.questions"):
        st.caption("If the file is sound, saying how it was written may help.")
        whole, answers = _spectral_fields(now, None), _file_fields(now.table)
        if st.form_submit_button("Read it so", icon=":material/refresh:"):
            _read_again(replace(now, table=replace(now.table, **answers), **whole))


def _grouping(spectra):
    """Columns that divide the library: at least two values, and on average two spectra of each."""
    counts = spectra.table.nunique()
    target = spectra.target.column if spectra.target else None
    return [str(name) for name in spectra.table.columns if 2 <= counts[name] <= len(spectra) / 2 and name != target]


def _spectral_fields(now, spectra):
    first, second = st.columns(3), st.columns(3)
    quantity = spectra.quantity if spectra else None
    return {
        "axis_unit": samples.ask(first[0], "Axis", _AXIS, now.axis_unit, _AXIS.get(spectra.unit) if spectra else None, spoken=_AXIS.get),
        "quantity": samples.ask(first[1], "Measured quantity", _QUANTITY, now.quantity, quantity, spoken=_QUANTITY.get),
        "columns": first[2].text_input("Spectral columns begin with", now.columns or "", placeholder="recognise", help=_COLUMNS_HELP).strip() or None,
        "properties": _properties(second[0], now),
        "replicates": second[1].selectbox(
            "Scans of one sample", list(_REPLICATES), index=list(_REPLICATES).index(now.replicates), format_func=_REPLICATES.get
        ),
        "positive": second[2].checkbox("Leave out spectra that are not above 0", now.positive),
    }


def _properties(place, now):
    from pages.ui.spectra_upload import names

    paths = [
        f"spectra/{name}" for name in names() if name != current_work().spectra_file and name.endswith((".csv", ".tsv", ".xlsx", ".parquet", ".txt"))
    ]
    return samples.ask(place, "Table of properties", paths, now.properties, None, "none", lambda path: path.partition("/")[2], help=_OTHER_TABLE)


def _place_fields(spectra, now):
    columns, places = [str(name) for name in spectra.table.columns], st.columns(3)
    known = spectra.samples.columns
    return {
        "x": samples.ask(places[0], "Easting or longitude", columns, now.x, known.get("x")),
        "y": samples.ask(places[1], "Northing or latitude", columns, now.y, known.get("y")),
        "crs": places[2].text_input("Reference system", now.crs or "", placeholder="e.g. EPSG:4326").strip() or None,
    }


def _file_fields(now):
    places = st.columns(4)
    answers = samples.file_fields(places[:3], now)
    return {**answers, "sheet": places[3].text_input("Sheet or layer", now.sheet or "", placeholder="the first").strip() or None}


def _read_again(settings):
    from soilcore.data.spectra import open_spectra

    work = current_work()
    with messages.shown():
        with st.spinner("Reading the spectra ..."):
            open_spectra(work.spectra_here(settings))  # refused answers leave the library as it was
        work.choose_spectra(work.spectra_file, settings)
        st.rerun()
