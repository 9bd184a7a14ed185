"""Panels of the samples page: how the table is read, its findings, its classes, and what the conversion decides."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import streamlit as st

from pages.ui import messages, words
from pages.ui.session import current_work

_NO_PLACES = "Without coordinates a model of table columns can be trained, but nothing can be read from imagery, and there are no spatial blocks"
_NOT_SAID = "(recognise)"
_DELIMITERS = {",": "comma", ";": "semicolon", "tab": "tab", "|": "bar"}
_SHARES = {
    "share_above_2": st.column_config.ProgressColumn("Above 2 dS/m", format="percent", min_value=0, max_value=1),
    "share_above_4": st.column_config.ProgressColumn("Above 4 dS/m", format="percent", min_value=0, max_value=1),
    "median": st.column_config.NumberColumn("Median ECe (dS/m)", format="%.2f"),
    "method": st.column_config.TextColumn("Method", width="medium"),
    "n": "Samples",
}


def choose_sheet():
    """Ask which sheet holds the samples, when a workbook has several."""
    work = current_work()
    titles = [] if work.samples_file is None else sheets(work.samples_file)
    if len(titles) < 2:
        return
    now = work.sample_settings.sheet
    st.info(f"This workbook has {len(titles)} sheets. Choose the one with the samples.", icon=":material/table_chart:") if now is None else None
    key = f"samples.sheet.{work.samples_file}.{now}"
    options = [None, *titles]
    index = options.index(now) if now in options else 0
    st.selectbox(
        "Sheet", options, index=index, format_func=lambda title: title or "the first with a table", key=key, on_change=_change_sheet, args=(key,)
    )


def sheets(name):
    """Titles of the sheets of a table of the project; empty when it is no workbook."""
    from soilcore.data.workbooks import sheet_names

    path = Path(current_work().path(f"samples/{name}"))
    if path.suffix.lower() != ".xlsx":
        return []
    with messages.shown():
        return sheet_names(path.read_bytes(), path.name)
    return []


def _change_sheet(key):
    from soilcore.data.samples import SampleSettings

    work = current_work()
    work.choose_samples(work.samples_file, SampleSettings(sheet=st.session_state[key]))


def settings_form(samples):
    """How the table is to be read, with what was recognised as the suggestion; a changed answer reads the table again."""
    work, now = current_work(), current_work().sample_settings
    with st.form("samples.form"):
        answers = _target_fields(samples, now)
        with st.expander("Coordinates, depth, date and file format"):
            answers |= _place_fields(samples, now) | _depth_fields(samples, now) | _file_fields(now, str(work.samples_file))
        if st.form_submit_button("Read it so", icon=":material/refresh:", type="primary" if samples.target is None else "secondary"):
            _read_again(work, replace(now, **answers))


def _target_fields(samples, now):
    places = st.columns(4)
    return {"target": ask_column(places[0], samples, now), **ask_unit(places[1:], samples, now)}


def ask_column(place, samples, now, label="Column to predict"):
    """Ask for the column of the target; None leaves it to the reader, whose finding is the suggestion."""
    numeric = [str(name) for name in samples.table.columns if pd.api.types.is_numeric_dtype(samples.table[name])]
    return ask(place, label, numeric, now.target, samples.target.column if samples.target else None, "choose")


def ask_unit(places, samples, now):
    """Ask for unit, extract and conversion of the target, as values for `SampleSettings`; what the reader found is the suggestion."""
    target = samples.target
    measured = target.measured or target if target else None
    found = {"unit": getattr(measured, "unit", None), "extract": getattr(measured, "extract", None)}
    return {
        "unit": ask(places[0], "Its unit", _units(), now.unit, found["unit"], "not known"),
        "extract": ask(places[1], "Extract (for EC)", _extracts(), now.extract, found["extract"], "not known"),
        "convert": _conversion(places[2], now, found["extract"]),
    }


def _conversion(place, now, extract):
    """Form of the target: as measured, ECe of the saturated paste by one of the methods for this extract, or salt content."""
    options = _conversions(extract)
    choices = [None, *options] + ([now.convert] if now.convert and now.convert not in options else [])
    return place.selectbox(
        "Convert to",
        choices,
        index=choices.index(now.convert),
        format_func=lambda one: "as measured" if one is None else options.get(one, one),
        help="Classes of salinity are made for ECe of the saturated paste, or for salt content. The method is stored with the values.",
    )


def _conversions(extract):
    from soilcore.core.conversions import conversion_methods

    methods = conversion_methods(extract) if extract not in (None, "paste", "ECa") else ()
    named = {f"ECe:{method}": f"ECe: {_method_words(method)}" for method in methods}
    return {"ECe": "ECe, the usual method for this extract", **named, "salt": "salt content (g/kg)"}


def _method_words(method):
    from soilcore.core.tables import load_table

    row = next(row for row in load_table("ec_conversions")["methods"] if row["id"] == method)
    needs = f"; needs {' and '.join(row['needs'])}" if row["needs"] else ""
    return f"{method} ({row['text'].removeprefix('ECe = ')}{needs})"


def _place_fields(samples, now):
    columns, first, second = [str(name) for name in samples.table.columns], st.columns(3), st.columns(3)
    return {
        "x": ask(first[0], "Easting or longitude", columns, now.x, samples.columns.get("x")),
        "y": ask(first[1], "Northing or latitude", columns, now.y, samples.columns.get("y")),
        "crs": first[2].text_input("Reference system", now.crs or "", placeholder="e.g. EPSG:32650").strip() or None,
        "date": ask(second[0], "Date", columns, now.date, samples.columns.get("date")),
        "texture": ask(second[1], "Texture class", columns, now.texture, samples.columns.get("texture")),
        "clay": ask(second[2], "Clay (%)", columns, now.clay, samples.columns.get("clay")),
    }


def _depth_fields(samples, now):
    columns, places = [str(name) for name in samples.table.columns], st.columns(3)
    return {
        "depth_top": ask(places[0], "Upper depth (cm)", columns, now.depth_top, samples.columns.get("depth_top")),
        "depth_bottom": ask(places[1], "Lower depth (cm)", columns, now.depth_bottom, samples.columns.get("depth_bottom")),
        "detection_limit": places[2].number_input("Detection limit", value=now.detection_limit, placeholder="none", help="In the unit of the target"),
    }


def _file_fields(now, name):
    places, is_vector = st.columns(3), name.endswith((".gpkg", ".zip"))
    answers = file_fields(places, now)
    if is_vector:
        answers["layer"] = places[0].text_input("Sheet or layer", now.layer or "", placeholder="the first").strip() or None
    return answers


def file_fields(places, now):
    """Ask how a text table was written, in three places; values for `SampleSettings`."""
    return {
        "delimiter": ask(places[0], "Delimiter", _DELIMITERS, now.delimiter, None, spoken=_DELIMITERS.get),
        "decimal": ask(places[1], "Decimal sign", (".", ","), now.decimal, None),
        "encoding": ask(places[2], "Text encoding", ("utf-8", "utf-16", "latin-1", "cp1251", "gb18030"), now.encoding, None),
    }


def ask(place, label, options, now, found, otherwise=None, spoken=str, help=None):
    """A choice whose first answer is "leave it to the reader", with what the reader found."""
    first = f"{found} (recognised)" if found else otherwise or _NOT_SAID
    choices = [None, *options] + ([now] if now is not None and now not in options else [])
    return place.selectbox(label, choices, index=choices.index(now), format_func=lambda one: first if one is None else spoken(one), help=help)


def _units():
    from soilcore.core.tables import load_table

    return [row["id"] for row in load_table("units")["units"] if row["kind"] != "length"]


def _extracts():
    from soilcore.core.tables import load_table

    return [row["id"] for row in load_table("units")["extracts"]]


def _read_again(work, settings):
    from soilcore.data.samples import read_samples

    with messages.shown():
        read_samples(work.path(f"samples/{work.samples_file}"), settings)  # refused answers leave the table as it was
        work.choose_samples(work.samples_file, settings)
        st.rerun()


def file_form():
    """Delimiter, decimal sign and encoding alone, for a table that cannot be read yet."""
    work, now = current_work(), current_work().sample_settings
    with st.form("samples.file"):
        st.caption("If the file is sound, saying how it was written may help.")
        answers = _file_fields(now, str(work.samples_file))
        if st.form_submit_button("Read it so", icon=":material/refresh:"):
            _read_again(work, replace(now, **answers))


def start_again(choose, name, key):
    """For a file that cannot be read as it was last said: choose it anew, which forgets the answers."""
    st.button("Forget the answers and read it afresh", icon=":material/restart_alt:", on_click=choose, args=(name,), key=key)


def cards(samples, found):
    """How many samples, where, of what, and how many findings."""
    target, errors = samples.target, sum(finding["severity"] == "error" for finding in found)
    places = st.columns(4)
    places[0].metric("Samples", len(samples))
    places[1].metric(
        "Coordinates",
        "yes" if samples.has_places else "none",
        help=_NO_PLACES,
    )
    places[2].metric("Target", _target_words(target), help=target.column if target else None)
    verdict = f"{errors} must be mended" if errors else "nothing must be mended"
    places[3].metric("Findings", len(found), delta=verdict, delta_color="inverse" if errors else "off", delta_arrow="off")
    reference = (
        messages.plain(samples.crs.name)
        if samples.crs is not None
        else "not known"
        if samples.has_places
        else "none, because the table has no coordinates"
    )
    st.caption(f"Coordinate reference system: {reference}")
    if target is not None and target.method:
        st.caption(f"Converted: {messages.plain(target.method)}")
    messages.assumed(samples.assumed)


def _target_words(target):
    if target is None:
        return "not chosen"
    form = target.form if target.form != "as-measured" else target.column
    return f"{form} ({target.unit})" if target.unit and target.unit not in form else form


def findings(found, key="samples.findings"):
    """Every finding with its row and what to do, and as a file."""
    if not found:
        st.success("The checks found nothing to mention.", icon=":material/check_circle:")
        return
    counts = {severity: sum(one["severity"] == severity for one in found) for severity in ("error", "warning", "note")}
    st.subheader("What was found", anchor=False)
    st.caption(
        " · ".join(f"{severity}s: {count}" for severity, count in counts.items())
        + ". Errors must be mended first; warnings may change the result; notes explain."
    )
    messages.findings(found)
    st.download_button("Findings as CSV", pd.DataFrame(found).to_csv(index=False), "findings.csv", "text/csv", icon=":material/download:", key=key)


def class_shares(target):
    """Share of samples in each class, for the schemes that fit the target; what to do when none fits."""
    from soilcore.core.classes import schemes_that_fit

    schemes = {scheme.id: scheme for scheme in schemes_that_fit(target.unit, target.form)}
    if not schemes:
        if _is_conductivity(target):
            st.caption("Salinity classes are made for ECe in dS/m or salt content in g/kg: choose one in “Convert to” to see them.")
        return
    st.subheader("Classes", anchor=False)
    chosen = st.segmented_control(
        "Scheme",
        list(schemes),
        format_func=lambda name: schemes[name].title or name,
        default=next(iter(schemes)),
        required=True,
        key="samples.scheme",
        wrap=True,
    )
    scheme = schemes.get(chosen) or next(iter(schemes.values()))
    codes = scheme.assign(target.values)
    counts = [int((codes == code).sum()) for code in range(len(scheme.labels))]
    rows = [
        {"class": label, "from": low, "below": high, "samples": count, "share": count / max(1, sum(counts))}
        for label, (low, high), count in zip(scheme.labels, scheme.bounds, counts, strict=True)
    ]
    config = {
        "class": "Class",
        "from": st.column_config.NumberColumn(f"From ({scheme.unit})", format="%g"),
        "below": st.column_config.NumberColumn(f"Below ({scheme.unit})", format="%g"),
        "samples": "Samples",
        "share": st.column_config.ProgressColumn("Share", format="percent", min_value=0, max_value=1),
    }
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=config, placeholder="", alt="Samples per class")
    st.caption(messages.plain(f"Source: {scheme.source}"))


def sensitivity(samples):
    """How much the choice of conversion decides, for conductivity; a sentence where unit or extract is still missing."""
    from soilcore.core.errors import SampleError
    from soilcore.data.checks import sensitivity as shares
    from soilcore.data.columns import property_of

    measured = samples.target.measured or samples.target
    if measured.unit is not None and not _is_conductivity(measured):
        return
    if measured.unit is None and property_of(measured.column) != "ec":
        return
    st.subheader("How much the conversion decides", anchor=False)
    try:
        table = shares(samples)
    except SampleError as error:
        st.info(messages.plain(words.in_page(error.message)), icon=":material/science:")
        return
    st.markdown(
        "Share of samples above 2 and 4 dS/m of ECe under each method these columns allow. Where the rows disagree, so will maps and decisions."
    )
    st.dataframe(table, hide_index=True, column_config=_SHARES, alt="Class shares under each conversion method")
    st.download_button(
        "Methods as CSV", table.to_csv(index=False), "conversions.csv", "text/csv", icon=":material/download:", key="samples.sensitivity"
    )


def _is_conductivity(target):
    from soilcore.core.quantities import kind_of_unit

    return target.unit is not None and kind_of_unit(target.unit) == "conductivity"
