"""What a network's predictions rest on: attributions of its inputs by gradients, and where its attention lay."""

import pandas as pd
import streamlit as st

from pages.ui import cached, evidence, explain_asked, explain_charts, kept_network, messages, result_files


def drivers(kept):
    """Bars of inputs whose attribution can be repeated, and months of climate."""
    if explain_asked.missing(kept):
        return
    facts = kept.facts
    explain_asked.head(facts)
    kept_network.attributed({**facts, "sentences": ()}, f"explain.network.{kept.id}")
    if facts.get("climate"):
        _months(facts["climate"])
    st.caption(messages.plain(facts["importance_note"]))
    explain_asked.said(facts)
    result_files.downloads(kept.folder, kept.id, "explain.files", ("drivers.csv",))


def _months(matrix):
    st.markdown("**Which months count.** Mean size of the attributions of every variable in every month before the sample.")
    table = pd.DataFrame(matrix["values"], columns=matrix["columns"])
    table.insert(0, "months before", matrix["rows"])
    evidence.chart(
        explain_charts.months(matrix), table, "Mean size of attributions by month and variable of the climate", "explain.months", "months.csv"
    )


def attention(identifier, kept):
    """Attention over the training samples; nothing for networks without."""
    described = cached.model(identifier).learner.describe()
    if not described.get("attention") and not described.get("covariate_weights"):
        st.info("This network has no attention to bands or covariates that could be shown.", icon=":material/visibility_off:")
        return
    kept_network.attention(described, f"explain.attention.{identifier}")
