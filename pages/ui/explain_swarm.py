"""Every sample as a point: how far each driver moved its prediction, and which values of the driver did that."""

import pandas as pd
import streamlit as st

from pages.ui import evidence, explain_asked, explain_charts, messages

_MOST = 12
_GROUPS, _SINGLE = "Groups of what says the same", "Single drivers"


def panel(kept):
    """The beeswarm."""
    if explain_asked.missing(kept):
        return
    facts = kept.facts
    look = _SINGLE
    if any(len(row["members"]) > 1 for row in facts["group_rows"]):
        look = st.segmented_control("Show", (_SINGLE, _GROUPS), default=_SINGLE, required=True, key="explain.swarm.look", wrap=True)
    swarm = facts["beeswarm" if look == _SINGLE else "group_beeswarm"]
    most = min(_MOST, len(swarm["features"]))
    st.markdown(
        "**Each point is a sample.** Right of the line the driver raised the prediction, left it lowered it. Dark points have low values of the driver, "
        "bright ones high values: where colours part, predictions follow the driver."
    )
    alt = f"Contribution of {most} drivers to the prediction of each of {len(swarm['samples'])} samples, coloured by the driver's value"
    evidence.chart(explain_charts.swarm(swarm, most, facts["scale"]), _table(swarm), alt, f"explain.swarm.{look}", "samples.csv")
    if look == _GROUPS:
        st.caption("Groups of several indices have no one value, so their points are grey.")
    if facts["n"] > len(swarm["samples"]):
        st.caption(messages.plain(f"{len(swarm['samples'])} of {facts['n']} samples are drawn, chosen by chance; attributions.csv has all."))
    explain_asked.said(facts)


def _table(swarm):
    """One row per sample and driver."""
    frames = [
        pd.DataFrame({"row": swarm["samples"], "driver": name, "value": values, "contribution": moved})
        for name, values, moved in zip(swarm["features"], swarm["values"], swarm["contributions"], strict=True)
    ]
    return pd.concat(frames, ignore_index=True)
