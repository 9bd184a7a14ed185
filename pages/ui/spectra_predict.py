"""New spectra: what a kept model says of them, how sure it is, whether it knows such soils, and the way into the samples of the map."""

from pathlib import Path

import pandas as pd
import streamlit as st

from pages.ui import evidence, jobs, messages, spectra_cached, spectra_kept, spectra_upload, steps, theme, trust_cards
from pages.ui.session import current_work
from pages.ui.spectra_words import axis_words, spoken
from pages.ui.words import in_page
from soilcore.core.errors import SoilcoreError
from soilcore.data.spectra_set import SpectraSettings
from soilcore.project.spectra_settings import SpectraPredictTask

_CHOSEN = "spectra.new"
_LEVELS = {0.5: "50 %", 0.8: "80 %", 0.9: "90 %", 0.95: "95 %"}
_COLUMNS = {
    "row": "Row",
    "id": "Id",
    **{name: st.column_config.NumberColumn(words, format="%.3g") for name, words in (("predicted", "Predicted"), ("lower", "from"), ("upper", "to"))},
    "di": st.column_config.NumberColumn("Dissimilarity", format="%.2f"),
    "inside": st.column_config.CheckboxColumn("Like the library"),
}


def panel():
    """Which model, which spectra, the button, and the newest predictions."""
    identifier = spectra_kept.choose()
    with st.container(border=True):
        spectra_upload.uploader("spectra.new.upload", "New spectra", _remember)
        name = _which()
        settings = _settings(name)
        if settings is not None:
            _button(identifier, name, settings)
    job = jobs.latest("spectra-predict", model_dir=f"models/{identifier}")
    if job is None:
        st.info(
            "No predictions by this model yet. Upload spectra measured like those of the library: they need no laboratory values; where there are some, "
            "the predictions are scored against them. Coordinates in the table become points on the map.",
            icon=":material/online_prediction:",
        )
        return
    with messages.shown():
        _result(job, job.status().result)


def _remember(name):
    st.session_state[_CHOSEN] = name


def _which():
    work, there = current_work(), spectra_upload.names()
    last = st.session_state.get(_CHOSEN)
    if not there:
        return None
    others = [name for name in there if name != work.spectra_file]
    index = there.index(last if last in there else others[-1] if others else there[0])
    words = {work.spectra_file: f"{work.spectra_file} (the library itself)"}
    return st.selectbox("Spectra to predict", there, index, format_func=lambda one: words.get(one, one), key=f"spectra.new.file.{len(there)}.{last}")


def _settings(name):
    """How the new spectra are read: like the library if they are the library, else afresh."""
    work = current_work()
    if name is None:
        return None
    settings = work.spectra_settings if name == work.spectra_file else SpectraSettings((f"spectra/{name}",))
    try:
        spectra = spectra_cached.library(settings)
    except SoilcoreError as error:
        messages.refused(error)
        st.caption("Open it in the part “Library” to say how it is to be read.")
        return None
    where = "with coordinates" if _has_places(spectra) else "without coordinates"
    st.caption(f"{len(spectra)} spectra, {axis_words(spectra.axis[0], spectra.axis[-1], spectra.unit)}, {spectra.quantity}, {where}.")
    return settings


def _has_places(spectra):
    return spectra.x is not None and spectra.crs is not None


def _button(identifier, name, settings):
    work = current_work()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        level = st.segmented_control(
            "Interval", list(_LEVELS), default=0.9, format_func=_LEVELS.get, required=True, key="spectra.new.level", persist_state="session"
        )
        suffix = "gpkg" if _has_places(spectra_cached.library(settings)) else "csv"
        stem = Path(name).stem
        out = f"reports/{work.project.new_id('reports', f'predicted-{stem}')}.{suffix}"
        task = SpectraPredictTask(f"models/{identifier}", settings, out, level or 0.9)
        jobs.button("Predict", ":material/online_prediction:", ("spectra-predict", task, f"Predicting {name}"), "spectra.predict")


def _result(job, facts):
    st.subheader(f"{facts['target']} of {Path(job.spec()['settings']['spectra']['paths'][0]).name}", anchor=False)
    _cards(facts)
    for warning in facts["warnings"]:
        st.warning(spoken(warning), icon=messages.ICONS["warning"])
    table = _table(facts)
    from pages.ui import spectra_predict_charts as own

    unit = facts["unit"] or "unit not known"
    evidence.chart(
        own.predictions(table, unit, facts["level"]),
        table,
        f"Predicted {facts['target']} of every spectrum with its interval, from the smallest to the largest",
        "spectra.predicted",
        "predictions.csv",
        _COLUMNS,
    )
    _files(job, facts)
    _send_on(job, facts)
    messages.assumed(facts["assumed"])


def _cards(facts):
    predicted = pd.Series(facts["predictions"]["predicted"], dtype=float)
    unit = facts["unit"] or ""
    with st.container(horizontal=True):
        trust_cards.metric("Spectra", f"{facts['n']}", f"model: {facts['model']}")
        low, high = theme.number(predicted.quantile(0.05), 2), theme.number(predicted.quantile(0.95), 2)
        trust_cards.metric(
            "Median", theme.number(predicted.median(), 3), f"{low} to {high} {unit}".strip(), "Below it: where nine of ten predictions lie"
        )
        help = "Share of spectra that resemble those of training closely enough for the scores and intervals of the model to hold"
        trust_cards.metric("Like the library", theme.percent(facts["aoa_share"]), "of these spectra", help)
        if facts.get("r2") is not None:
            under = f"RMSE {theme.number(facts['rmse'], 2)} {unit}".strip()
            trust_cards.metric("R², measured", theme.number(facts["r2"], 2), under, f"Against the {facts['n_measured']} measured values in the table")


def _table(facts):
    frame = pd.DataFrame(facts["predictions"])
    for name in {"predicted", "lower", "upper", "di"} & set(frame.columns):
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame


def _files(job, facts):
    path = Path(current_work().path(facts["out"])) if facts.get("out") else None
    if path is None or not path.is_file():
        return
    with st.container(horizontal=True):
        evidence.download(_table(facts), "spectra.predictions", "predictions.csv", "Predictions as CSV")
        words = "GeoPackage for QGIS" if path.suffix == ".gpkg" else "CSV with all columns of the table"
        kind = "application/geopackage+sqlite3" if path.suffix == ".gpkg" else "text/csv"
        st.download_button(words, path.read_bytes(), path.name, kind, icon=":material/download:", key="spectra.predicted.file", on_click="ignore")


def _send_on(job, facts):
    st.subheader("On to the map", anchor=False)
    known = facts["aoa_share"] is not None
    places = "x" in facts["predictions"]
    st.markdown(
        "The predictions become a table of samples of this project, which the other pages work with as with laboratory values: checks, models, maps."
        if places
        else "These spectra have no coordinates, so the samples made of them cannot be put on a map; models of table columns work. "
        "Add longitude and latitude to the table of the spectra to get points."
    )
    only = st.toggle(
        "Only spectra the model knows",
        known,
        disabled=not known,
        key="spectra.send.only",
        help="The others stay behind: their predictions are not covered by the scores",
    )
    st.button("Use the predictions as samples", icon=":material/table_view:", on_click=_send, args=(job.id, bool(only and known)), key="spectra.send")
    sent = current_work().state().get("spectra_sent")
    if sent and sent == current_work().samples_file:
        steps.link("samples", "See them on the Samples page", ":material/arrow_forward:")


def _send(identifier, only):
    from soilcore.data.samples import SampleSettings
    from soilcore.project.jobs import open_job
    from soilcore.project.spectra_samples import samples_of_predictions

    work = current_work()
    facts = open_job(work.jobs_folder, identifier).status().result
    source = Path(work.path(facts["out"]))
    name = source.name
    try:
        count = samples_of_predictions(source, work.project.part("samples") / name, only)
    except SoilcoreError as error:
        work.note = ("error", in_page(error.message))
        return
    work.choose_samples(name, SampleSettings(target=f"{facts['target']}_predicted", unit=facts["unit"]))
    work.remember(spectra_sent=name)
    work.note = ("success", f"{count} predictions are now the samples of this project ({name}).")
