"""What the learner `auto` made of the samples: its members and how much each counts."""

import pandas as pd
import streamlit as st

from pages.ui import evidence, messages, theme, trust_charts
from pages.ui.words import in_page

_COLUMNS = {
    "name": "Member",
    "weight": st.column_config.NumberColumn("Weight", format="percent"),
    "r2": st.column_config.NumberColumn("R² of left-out training samples", format="%.3f"),
}


def is_one(learner):
    """Whether a fitted learner is `auto`, alone or with what neighbours say beside it."""
    return _inner(learner).__class__.__name__ == "AutoModel"


def _inner(learner):
    return getattr(learner, "learner_", learner)


def panel(learner):
    """Members with weights, spectra that were recognised, and what was left out."""
    learner = _inner(learner)
    facts = learner.describe()
    members = [row for row in facts["members"] if row["weight"] > 0]
    if not members:
        st.info("No member predicted better than the mean, so auto predicts the mean.", icon=":material/trending_flat:")
        return
    said = f"{len(members)} of {len(facts['members'])} members count, weighed by how well they predicted training samples that were left out"
    transform = getattr(learner, "target_transform", "none")
    st.markdown(
        f"{said}. The target was modelled as {'it is' if transform == 'none' else transform}; together they reach R² {theme.number(facts['inner_r2'], 2)} on "
        "the scale of the model, inside the training samples."
    )
    if facts["mean_weight"] > 0.005:
        st.caption(f"The rest of the weight, {theme.percent(facts['mean_weight'])}, goes to the mean of the target: a way to be careful.")
    figure = trust_charts.bars([row["name"] for row in members], [row["weight"] for row in members], "weight", percent=True)
    evidence.chart(figure, pd.DataFrame(facts["members"]), "Weight of each member of auto", "model.auto", "auto-members.csv", _COLUMNS)
    for block in facts["spectra"]:
        st.caption(f"Spectrum recognised: {messages.plain(block['name'])}, {block['bands']} bands from {block['first']:g} to {block['last']:g}.")
    if facts["places"]:
        st.caption("The places of the samples were used as well: members may krige.")
    if facts["note"]:
        st.caption(messages.plain(in_page(facts["note"])))
