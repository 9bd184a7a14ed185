"""What an explanation of samples is asked, and the button; what stands on the page before there is one."""

import streamlit as st

from pages.ui import explain_kept, jobs, messages, theme, trust_cards
from pages.ui.words import in_page
from soilcore.project.explain_settings import ExplainTask

_WHAT = (
    "{model} was not explained yet. Each of its predictions is taken apart into contributions of the predictors (SHAP values); over all training samples they "
    "tell which drivers count, in which direction and together with what. Beside them stands what the model loses when a driver is shuffled."
)
_WHAT_OF_NETWORK = (
    "{model} was not explained yet. Gradients from typical samples to each sample tell how much every band, index and layer moved the prediction; "
    "attention tells where the network looked."
)
_IMPORTANCE_HELP = (
    "How much worse the model predicts samples it has not seen when the values of a driver are shuffled. The learner is fitted again in every fold of its "
    "training, which takes about as long as comparing it did."
)
_WINDOW_HELP = "Relief, moisture and seasons round the sample; takes some minutes"


def form(identifier, kept, is_network):
    """The button, folded away once there is an explanation.

    Parameters
    ----------
    identifier : str
        Of the model.
    kept : Kept or None
        What is shown now.
    is_network : bool
    """
    if kept is None:
        words = (_WHAT_OF_NETWORK if is_network else _WHAT).format(model=identifier)
        st.info(messages.plain(words), icon=":material/query_stats:")
        _button(identifier, is_network, "Explain the model")
        return
    with st.expander("Explain it again", icon=":material/refresh:"):
        _button(identifier, is_network, "Explain again", type="secondary")


def _button(identifier, is_network, label, **more):
    with st.container(horizontal=True, vertical_alignment="center"):
        if is_network:
            window = st.toggle("The window's layers too", key=f"explain.window.{identifier}", help=_WINDOW_HELP)
            asked = {"window": window}
        else:
            beside = st.toggle(
                "What it needs, too (permutation importance)", value=True, key=f"explain.importance.{identifier}", help=_IMPORTANCE_HELP
            )
            asked = {"permutations": None if beside else 0}
        task = ExplainTask(f"models/{identifier}", explain_kept.new_folder(), **asked)
        jobs.button(label, ":material/query_stats:", ("explain", task, f"Explaining {identifier}"), "explain.start", **more)


def missing(kept):
    """Whether a section has nothing to show yet; says so."""
    if kept is None:
        st.caption("Nothing to show yet: explain the model first.")
    return kept is None


def head(facts):
    """Cards: how many samples, where attributions start from, how exact they are."""
    unit = facts["unit"] or ""
    with st.container(horizontal=True, key="cards.explain"):
        trust_cards.metric("Samples explained", str(facts["n"]), f"of {facts['available']}, {facts['of'].removeprefix('the ')}")
        trust_cards.metric(
            "Attributions start from", theme.number(facts["base"]), facts["scale"].replace("the unit of the target", unit or "unit not known")
        )
        if facts.get("sampling_error") is None and facts["kind"] == "tabular":
            trust_cards.metric(
                "Exact", f"to {facts['additivity_error']:.0e}", "they add up to each prediction", "Largest difference over all samples"
            )
        elif facts["kind"] == "tabular":
            sampled = [name for name, one in facts["how"].items() if one["how"] == "sampled"]
            help = f"Sampled: {', '.join(sampled)}; all other parts of the model are exact. The sum is exact to {facts['additivity_error']:.0e}."
            trust_cards.metric("Standard error", theme.number(facts["sampling_error"], 2), "of one attribution", help)
        else:
            trust_cards.metric("They miss predictions by", theme.percent(facts["gap_share"]), "of their spread, on average", "Falls with more draws")


def said(facts):
    """What attributions are not, and what was assumed."""
    st.info(messages.plain(facts["text"]), icon=":material/psychology_alt:")
    if facts.get("note"):
        st.caption(messages.plain(in_page(facts["note"])))
    messages.assumed(facts["assumed"])
