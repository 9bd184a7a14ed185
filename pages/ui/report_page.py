"""The page of the report: what it is about, the headline facts, making it, and what stands in it."""

import streamlit as st

from pages.ui import messages, report_facts, report_files, report_preview, report_share, sections, theme
from pages.ui.sections import Section
from pages.ui.session import current_work
from pages.ui.words import in_page

KEY = "report.part"
_LIMITS = 4


def draw():
    """Choose, see what is told, make it, take it away."""
    with messages.shown(stop=True):
        subject = _choose()
        summary = report_facts.summary(*subject)
    _headline(summary)
    _limits(summary["limits"])
    report_files.panel(*subject, summary)
    parts = {
        "tables": Section("What stands in it", ":material/table_view:", lambda: report_preview.tables(summary)),
        "methods": Section("Methods to paste", ":material/format_quote:", lambda: report_preview.methods(summary)),
        "protocol": Section("Protocol", ":material/checklist:", lambda: report_preview.protocol(summary)),
        "share": Section("Link to look at", ":material/share:", lambda: report_share.panel(subject[1])),
        "again": Section("Make it all again", ":material/replay:", lambda: report_share.again(subject[1] or subject[0])),
    }
    st.subheader("Inside", anchor=False)
    sections.draw(parts, KEY)


def _choose():
    """Model and map that are told: the map's own model, or a model alone where there is no map; names, None for what the map decides."""
    work = current_work()
    left, _ = st.columns([1, 1])
    if work.maps:
        now = work.map
        key = f"report.map.{now}"
        chosen = left.selectbox("Map to report on", work.maps, index=work.maps.index(now), key=key, on_change=_remember, args=("map", key))
        return None, chosen
    now = work.model
    key = f"report.model.{now}"
    chosen = left.selectbox("Model to report on", work.models, index=work.models.index(now), key=key, on_change=_remember, args=("model", key))
    left.caption("There is no map yet, so the report tells the model alone.")
    return chosen, None


def _remember(what, key):
    current_work().remember(**{what: st.session_state[key]})


def _headline(summary):
    with st.container(border=True, key="report.headline"):
        if summary["headline"]:
            st.markdown("\n".join(f"- {messages.plain(in_page(sentence))}" for sentence in summary["headline"]))
        else:
            st.markdown("The model was trained without folds, so nothing is known of how well it predicts.")
        _cards(summary)


def _cards(summary):
    scores, cover, area, drawn = (summary[name] for name in ("scores", "coverage", "applicability", "map"))
    common = {"delta_color": "off", "delta_arrow": "off", "border": True, "width": 168}
    with st.container(horizontal=True, key="report.cards"):
        if scores["r2"] is not None:
            kind = "R², new places" if scores["is_spatial"] else "R², random folds"
            beside = "random folds " + theme.number(scores["r2_random"], 2) if scores["r2_random"] is not None else scores["folds"]
            st.metric(kind, theme.number(scores["r2"], 2), messages.plain(beside or ""), help=messages.plain(scores["folds"] or ""), **common)
        rmse = next((row for row in scores["rows"] if row["key"] == "rmse"), None)
        if rmse:
            st.metric("Typical error", f"{theme.number(rmse['value'], 2)} {rmse['unit'] or ''}".strip(), "RMSE, left out", **common)
        if cover and cover["coverage"] is not None:
            st.metric("Interval coverage", theme.percent(cover["coverage"]), f"{theme.percent(cover['level'])} promised", **common)
        share = area and (area["share_of_map"] if area["share_of_map"] is not None else area["share_tested"])
        if share is not None:
            st.metric("Applicability", theme.percent(share), "is like the samples", **common)
        if drawn and drawn["area_ha"]:
            st.metric("Mapped", f"{drawn['area_ha']:,.0f} ha", messages.plain(drawn["date"] or "date not stated"), **common)
        if summary["samples"]["n"]:
            st.metric("Samples", f"{summary['samples']['n']:,}", messages.plain(summary["samples"]["design"] or ""), **common)


def _limits(limits):
    """What a reader must not take the map for, the weightiest first."""
    if not limits:
        return
    st.markdown("**Limits, the weightiest first**")
    _list(limits[:_LIMITS])
    if rest := limits[_LIMITS:]:
        with st.expander(f"{len(rest)} more", icon=":material/more_horiz:", type="compact"):
            _list(rest)


def _list(sentences):
    st.markdown("\n".join(f"- {messages.plain(in_page(sentence))}" for sentence in sentences))
