"""Where high and low values gather: a look at the samples before any model."""

import pandas as pd
import streamlit as st

from pages.ui import cached, evidence, messages, trust_charts
from pages.ui.session import current_work
from soilcore.project.settings import HotSpotsTask

_COLUMNS = {
    "value": st.column_config.NumberColumn(format="%.3g"),
    "z": st.column_config.NumberColumn("Gi* (z)", format="%.2f"),
    "p": st.column_config.NumberColumn(format="%.3g"),
    "after_fdr": st.column_config.CheckboxColumn("holds after many tests"),
}


def panel(samples):
    """A toggle, and behind it the samples by class of hot and cold.

    Parameters
    ----------
    samples : SampleSet
        With target and places.
    """
    wanted = st.toggle(
        "Where high and low values gather",
        key="samples.hot",
        persist_state="session",
        help="Getis-Ord Gi*: is the mean of a sample and its neighbours higher or lower than chance would make it?",
    )
    if not wanted:
        return
    neighbours = st.slider("Neighbours of each sample", 2, 30, 8, key="samples.hot.k", persist_state="session")
    facts = cached.facts("hot-spots", HotSpotsTask(current_work().inputs_here(), k=neighbours))
    table = pd.DataFrame(facts["rows"])
    hot, cold = (sum(count for name, count in facts["classes"].items() if name.startswith(kind)) for kind in ("hot", "cold"))
    st.markdown(
        f"**{hot}** of {facts['n']} samples lie where high values gather, **{cold}** where low ones do (90 % and more); {facts['after_fdr']} of them hold "
        "when it is counted that so many places were tested."
    )
    places = pd.DataFrame({"row": samples.table.index, "x": samples.x, "y": samples.y})
    evidence.chart(
        trust_charts.hot_spots(table.merge(places, on="row"), samples.crs),
        table,
        "Samples where high values gather (triangles up) and where low ones do (triangles down)",
        "samples.hot.chart",
        "hot-spots.csv",
        _COLUMNS,
    )
    st.caption(messages.plain(facts["note"]))
