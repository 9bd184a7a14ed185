"""Models of spectra that were kept: which there are, and everything known of one."""

import streamlit as st

from pages.ui import cached, messages, spectra_scores, trained
from pages.ui.modelling import label
from pages.ui.session import current_work
from pages.ui.spectra_scored import from_model

_COLUMNS = {name: st.column_config.NumberColumn(format="%.3f") for name in ("R²", "RMSE")}
_COLUMNS |= {name: st.column_config.NumberColumn(format="percent") for name in ("Coverage (90 %)", "Like the library")}


def panel():
    """The model that is open, and a table of all."""
    identifier = choose()
    with messages.shown():
        model = cached.model(identifier)
        one = from_model(identifier, model)
        spectra_scores.cards(one)
        spectra_scores.views(one)
        _facts(model)
    trained.table(current_work().spectral_models, "models of spectra in this project", _row, _COLUMNS)


def choose():
    """Which kept model; without any, a sentence, and the page ends.

    Returns
    -------
    str
        Its id.
    """
    work = current_work()
    kept = work.spectral_models
    if not kept:
        st.info("No model of spectra yet. Compare models under “Compare”, then train and keep the best one.", icon=":material/inventory_2:")
        st.stop()
    key = f"spectra.kept.{work.spectral_model}"
    return st.selectbox("Kept model", kept, kept.index(work.spectral_model), key=key, on_change=_choose, args=(key,))


def _choose(key):
    current_work().remember(spectral_model=st.session_state[key])


def _facts(model):
    recipe = model.recipe
    axis, unit = recipe["axis"], recipe["unit"]
    st.caption(
        f"{label(model.name)} of {messages.plain(model.target['column'])} ({messages.plain(model.target['unit'] or 'unit not known')}), "
        f"trained on {model.provenance['samples']['n']} spectra of {messages.plain(recipe['quantity'])} from {axis[0]:.0f} to {axis[-1]:.0f} {unit}; "
        f"preprocessing {messages.plain(recipe['preprocess'] or 'none')}; division: {messages.plain(model.folds['label'])}."
    )
    messages.assumed(model.provenance.get("assumed", ()))


def _row(model):
    return {
        "RMSE": model.scores.get("rmse"),
        "Coverage (90 %)": model.scores.get("coverage_90"),
        "Like the library": model.scores.get("aoa_share"),
        "Preprocessing": model.recipe["preprocess"] or "none",
        "Division": model.folds["label"],
        "Device": model.provenance.get("device"),
    }
