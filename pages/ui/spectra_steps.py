"""Preprocessing: choose the steps, see at once what they do, and keep them for models."""

import streamlit as st

from pages.ui import evidence, messages, spectra_cached, spectra_charts, spectra_library
from pages.ui.session import current_work

USUAL = "snv,sg:11:1:1,co2:zero"
_EXAMPLES = 3
_SCATTER = {"none": "none", "snv": "SNV: mean 0 and spread 1", "detrend": "detrend", "snv,detrend": "SNV, then detrend"}
_CO2 = {"keep": "keep", "co2:zero": "set to 0", "co2:drop": "cut out"}
_FORM = {"keep": "as it is", "absorbance": "into absorbance", "reflectance": "into reflectance"}
_SG_HELP = "Savitzky-Golay: a parabola or line through so many neighbouring points, and its slope. Window 0: no smoothing"
_TEXT_HELP = (
    "Steps in their order: snv, detrend, sg:WINDOW:ORDER:DERIVATIVE, co2:zero, co2:drop, absorbance, reflectance, crop:FROM:TO, resample:FROM:TO:STEP"
)


def panel():
    """The steps, what they do, and the button that keeps them."""
    spectra = spectra_library.need(with_target=False)
    text = _ask(spectra)
    with messages.shown(stop=True):
        facts = spectra_cached.preview(spectra, text, _EXAMPLES)
    _keep(facts["steps"])
    bands = spectra_library.named_bands(spectra.axis, spectra.unit)
    if st.toggle("Name known absorptions", True, key="spectra.steps.bands", persist_state="session") is False:
        bands = []
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Before**")
        _chart(facts["before"], facts["quantity"]["before"], facts["examples"], bands, "before")
    with right:
        st.markdown(f"**After** `{facts['steps'] or 'no step'}`")
        after = facts["after"]
        bands = spectra_library.named_bands(after["axis"], after["unit"]) if bands else []
        _chart(after, facts["quantity"]["after"], facts["examples"], bands, "after")
    st.caption(
        f"{facts['usable']} of {facts['n']} spectra are whole; {facts['before']['points']} points before, {after['points']} after. "
        "Every step looks at one spectrum alone, so nothing can leak from test spectra into training."
    )
    messages.assumed(facts["assumed"])


def _ask(spectra):
    """Steps as text, from choices or typed."""
    by_hand = st.toggle("Type the steps", key="spectra.steps.typed", persist_state="session")
    if by_hand:
        return st.text_input("Steps", kept() or USUAL, key="spectra.steps.text", persist_state="session", help=_TEXT_HELP)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        form = st.selectbox("Turn", list(_FORM), format_func=_FORM.get, key="spectra.steps.form", persist_state="session", width=150)
        scatter = st.selectbox(
            "Scatter correction", list(_SCATTER), 1, format_func=_SCATTER.get, key="spectra.steps.scatter", persist_state="session", width=210
        )
        window = st.selectbox(
            "Window (points)", (0, 5, 7, 9, 11, 15, 21, 31), 4, key="spectra.steps.window", persist_state="session", width=140, help=_SG_HELP
        )
        order = st.selectbox("Polynomial", (1, 2, 3), 0, key="spectra.steps.order", persist_state="session", width=95)
        derivative = st.selectbox("Derivative", (0, 1, 2), 1, key="spectra.steps.derivative", persist_state="session", width=95)
        carbon = "keep"
        if spectra.unit == "cm-1":
            carbon = st.selectbox("CO₂ of the air", list(_CO2), 1, format_func=_CO2.get, key="spectra.steps.co2", persist_state="session", width=115)
    smoothing = f"sg:{window}:{order}:{derivative}" if window else ""
    return ",".join(
        part for part in (*(one for one in (form, scatter) if one not in ("keep", "none")), smoothing, carbon) if part not in ("", "keep")
    )


def _keep(text):
    now = kept()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Use these steps for models",
            icon=":material/check:",
            type="primary",
            on_click=current_work().remember,
            kwargs={"spectra_steps": text},
            disabled=now == text,
            key="spectra.steps.keep",
        )
        if now is None:
            st.caption(f"Nothing chosen yet: models take their usual steps, {USUAL}; the network takes SNV alone.")
        else:
            st.caption(f"Models take: {messages.plain(now or 'no step')}.")
            st.button(
                "Back to each model's own",
                on_click=current_work().remember,
                kwargs={"spectra_steps": None},
                key="spectra.steps.forget",
                type="tertiary",
            )


def kept():
    """The steps chosen for models, or None where each takes its own."""
    return current_work().state().get("spectra_steps")


def _chart(facts, quantity, examples, bands, which):
    figure = spectra_charts.quantiles(facts, quantity, examples, bands)
    alt = f"Quantiles of the spectra {which} preprocessing"
    evidence.chart(figure, spectra_library.quantile_table(facts), alt, f"spectra.steps.{which}", f"spectra-{which}.csv")
