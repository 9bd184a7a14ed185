"""Forms and small panels the pages share."""

import pandas as pd
import streamlit as st

from pages.ui import messages, theme
from pages.ui.session import current_work
from pages.ui.workspace import files_to_pick, keep_picked, keep_upload
from soilcore.core.errors import SoilcoreError

UNITS = ("µS/cm", "mS/m", "dS/m", "mS/cm", "g/kg", "%")
EXTRACTS = ("1:1", "1:2", "1:2.5", "1:5", "paste", "ECa")
_AUTO = "(recognise)"


def choose_file(part, label, kinds, limit_mb, words):
    """Bring a file into one part of the project, or choose one that is there.

    Parameters
    ----------
    part : {"samples", "scenes", "covariates", "regions"}
    label, words : str
        Name of the uploader, and what it takes.
    kinds : sequence of str
        Endings.
    limit_mb : int
    """
    work = current_work()
    several = part == "scenes"
    uploads = st.file_uploader(f"{label} ({words})", type=list(kinds), accept_multiple_files=several, max_upload_size=limit_mb, key=f"{part}.upload")
    uploads = (uploads or []) if several else [uploads] if uploads else []
    fresh = [upload for upload in uploads if upload.file_id not in _seen(part)]
    if fresh:
        _take(work, part, fresh, kinds)
    there = work.project.items(part)
    pickable = files_to_pick(kinds)
    columns = st.columns(2) if pickable else [st.container()]
    if there and part in ("samples", "scenes"):
        _choose_kept(work, part, there, columns[0])
    if pickable:
        columns[1].selectbox("Or take one from the server's data folder", [None, *pickable], key=f"{part}.pick", on_change=_pick, args=(part,))


def _seen(part):
    return st.session_state.setdefault(f"{part}.taken", set())


def _take(work, part, uploads, kinds):
    _seen(part).update(upload.file_id for upload in uploads)
    try:
        names = [keep_upload(work.project, part, upload, kinds) for upload in uploads]
    except SoilcoreError as error:
        st.error(messages.plain(error.message), icon=messages.ICONS["error"])
        return
    _choose(work, part, names)
    st.rerun()


def _pick(part):
    work, picked = current_work(), st.session_state[f"{part}.pick"]
    if picked is None:
        return
    try:
        _choose(work, part, [keep_picked(work.project, part, picked)])
    except SoilcoreError as error:
        work.note = ("error", error.message)


def _choose(work, part, names):
    if part == "samples":
        work.choose_samples(names[0])
    elif part == "scenes":
        work.choose_scene(names)


def _choose_kept(work, part, there, place):
    if part == "samples":
        index = there.index(work.samples_file) if work.samples_file in there else None
        place.selectbox(
            "Table to work with", there, index=index, key="samples.kept", on_change=lambda: work.choose_samples(st.session_state["samples.kept"])
        )
    else:
        place.multiselect(
            "Images to work with (one stack, or its single bands)",
            there,
            list(work.scene_files),
            key="scenes.kept",
            on_change=lambda: work.choose_scene(st.session_state["scenes.kept"]),
        )


def sample_settings(samples):
    """How the table is to be read, with what was recognised as the suggestion; a changed answer reads the table again."""
    work, now = current_work(), current_work().sample_settings
    columns = [str(column) for column in samples.table.columns]
    numeric = [str(column) for column in samples.table.columns if pd.api.types.is_numeric_dtype(samples.table[column])]
    with st.form("samples.form"):
        first = st.columns(4)
        target = first[0].selectbox(
            "Column to predict", numeric or columns, index=_at(numeric or columns, now.target), key="samples.target", placeholder="Choose"
        )
        unit = first[1].selectbox(
            "Its unit", UNITS, index=_at(UNITS, now.unit), key="samples.unit", placeholder=_recognised(samples, "unit"), accept_new_options=True
        )
        extract = first[2].selectbox(
            "Extract (for EC)", EXTRACTS, index=_at(EXTRACTS, now.extract), key="samples.extract", placeholder=_recognised(samples, "extract")
        )
        convert = first[3].selectbox(
            "Convert to",
            _conversions(),
            index=_at(_conversions(), now.convert),
            key="samples.convert",
            placeholder="as measured",
            help="ECe of the saturated paste, or salt content; the method is stored with the values",
        )
        with st.expander("Coordinates, depth, date and file format"):
            second = st.columns(4)
            x = second[0].selectbox(
                "Easting or longitude", columns, index=_at(columns, now.x), key="samples.x", placeholder=samples.columns.get("x") or _AUTO
            )
            y = second[1].selectbox(
                "Northing or latitude", columns, index=_at(columns, now.y), key="samples.y", placeholder=samples.columns.get("y") or _AUTO
            )
            crs = second[2].text_input("Reference system", now.crs or "", key="samples.crs", placeholder="e.g. EPSG:32650")
            date = second[3].selectbox(
                "Date", columns, index=_at(columns, now.date), key="samples.date", placeholder=samples.columns.get("date") or _AUTO
            )
            third = st.columns(4)
            top = third[0].selectbox(
                "Upper depth (cm)",
                columns,
                index=_at(columns, now.depth_top),
                key="samples.top",
                placeholder=samples.columns.get("depth_top") or _AUTO,
            )
            bottom = third[1].selectbox(
                "Lower depth (cm)",
                columns,
                index=_at(columns, now.depth_bottom),
                key="samples.bottom",
                placeholder=samples.columns.get("depth_bottom") or _AUTO,
            )
            texture = third[2].selectbox(
                "Texture class", columns, index=_at(columns, now.texture), key="samples.texture", placeholder=samples.columns.get("texture") or _AUTO
            )
            clay = third[3].selectbox(
                "Clay (%)", columns, index=_at(columns, now.clay), key="samples.clay", placeholder=samples.columns.get("clay") or _AUTO
            )
            fourth = st.columns(4)
            sheet = fourth[0].text_input("Sheet or layer", now.sheet or now.layer or "", key="samples.sheet", placeholder=_AUTO)
            delimiter = fourth[1].selectbox(
                "Delimiter", (",", ";", "\\t", "|"), index=_at((",", ";", "\\t", "|"), now.delimiter), key="samples.delimiter", placeholder=_AUTO
            )
            decimal = fourth[2].selectbox("Decimal sign", (".", ","), index=_at((".", ","), now.decimal), key="samples.decimal", placeholder=_AUTO)
            limit = fourth[3].number_input("Detection limit", value=now.detection_limit, key="samples.limit", placeholder="none")
        answers = {"target": target, "unit": unit, "extract": extract, "convert": convert, "x": x, "y": y, "crs": crs or None, "date": date}
        answers |= {
            "depth_top": top,
            "depth_bottom": bottom,
            "texture": texture,
            "clay": clay,
            "delimiter": delimiter,
            "decimal": decimal,
            "detection_limit": limit,
        }
        answers |= {"layer" if str(work.samples_file).endswith((".gpkg", ".zip")) else "sheet": sheet or None}
        if st.form_submit_button("Read it so", icon=":material/refresh:", type="primary" if now.target is None else "secondary"):
            _read_again(work, answers)


def _read_again(work, answers):
    from soilcore.data.samples import SampleSettings, read_samples

    settings = SampleSettings(**answers)
    with messages.shown():
        read_samples(work.path(f"samples/{work.samples_file}"), settings)  # refused answers leave the table as it was
        work.choose_samples(work.samples_file, settings)
        st.rerun()


def _conversions():
    from soilcore.core.conversions import conversion_methods

    methods = {method: None for extract in EXTRACTS for method in conversion_methods(extract)}
    return ("ECe", *(f"ECe:{method}" for method in methods), "salt")


def _recognised(samples, name):
    value = getattr(samples.target, name, None) if samples.target else None
    return f"{value} (recognised)" if value else "not known"


def _at(options, value):
    return list(options).index(value) if value in options else None


def class_shares(target, schemes):
    """Share of samples in each class, for the schemes that fit the target."""
    if not schemes:
        return
    st.subheader("Classes", anchor=False)
    scheme = st.segmented_control("Scheme", schemes, format_func=lambda one: one.id, default=schemes[0], key="samples.scheme") or schemes[0]
    codes = scheme.assign(target.values)
    counts = [int((codes == code).sum()) for code in range(len(scheme.labels))]
    edges = ["", *(theme.number(edge) for edge in scheme.edges), ""]
    rows = [
        {"class": label, "from": edges[i], "below": edges[i + 1], "samples": count, "share": count / max(1, sum(counts))}
        for i, (label, count) in enumerate(zip(scheme.labels, counts, strict=True))
    ]
    config = {
        "share": st.column_config.ProgressColumn("Share", format="percent", min_value=0, max_value=1),
        "from": f"From ({scheme.unit})",
        "below": f"Below ({scheme.unit})",
    }
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=config, alt="Samples per class")


def sensitivity(samples):
    """How much the choice of conversion decides."""
    from soilcore.data.checks import sensitivity as shares

    table = shares(samples)
    if table is None or table.empty:
        return
    st.subheader("How much the conversion decides", anchor=False)
    st.markdown(
        "The share of samples above 2 and 4 dS/m of ECe under each method that these columns allow. If the rows disagree, so will maps and decisions."
    )
    config = {
        name: st.column_config.ProgressColumn(label, format="percent", min_value=0, max_value=1)
        for name, label in (("share_above_2", "Above 2 dS/m"), ("share_above_4", "Above 4 dS/m"))
    }
    st.dataframe(
        table,
        hide_index=True,
        column_config=config | {"median": st.column_config.NumberColumn("Median ECe (dS/m)", format="%.2f")},
        alt="Class shares under each conversion method",
    )
