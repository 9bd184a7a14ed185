"""Drivers by the size of their attributions, beside what the model loses without them at samples it has not seen."""

import pandas as pd
import streamlit as st

from pages.ui import evidence, explain_asked, explain_charts, messages, result_files
from pages.ui.words import in_page

_MOST = 15
_GROUPS, _SINGLE = "Groups of what says the same", "Single drivers"
_COLUMNS = {
    "feature": "Driver",
    "members": st.column_config.ListColumn("Members"),
    "mean_abs": st.column_config.NumberColumn("Mean size", format="%.4g"),
    "share": st.column_config.NumberColumn("Share", format="percent"),
    "low": st.column_config.NumberColumn("5 % below", format="%+.3g"),
    "high": st.column_config.NumberColumn("5 % above", format="%+.3g"),
    "error": st.column_config.NumberColumn("Standard error", format="%.2g", help="Of one attribution; empty where it is exact"),
    "loss": st.column_config.NumberColumn("R² lost", format="%+.3f", help="At unseen samples, when its values are shuffled"),
    "loss_sd": st.column_config.NumberColumn("±", format="%.3f", help="Standard deviation between permutations"),
    "value": st.column_config.NumberColumn("Mean value", format="%.4g"),
}


def panel(kept):
    """Bars of attributions and of permutation importance in the same order."""
    if explain_asked.missing(kept):
        return
    facts = kept.facts
    explain_asked.head(facts)
    st.markdown(messages.plain(in_page(" ".join(facts["sentences"]))))
    grouped = any(len(row["members"]) > 1 for row in facts["group_rows"])
    look = _GROUPS
    if grouped:
        look = st.segmented_control("Show", (_GROUPS, _SINGLE), default=_GROUPS, required=True, key="explain.look", wrap=True)
    rows = facts["rows"] if look == _SINGLE else facts["group_rows"]
    shown = rows[:_MOST]
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**What moves its predictions**")
        alt = f"Mean size of the attributions of {len(shown)} drivers, largest first: {', '.join(row['feature'] for row in shown[:3])}"
        evidence.chart(explain_charts.sizes(shown, facts["scale"]), _table(rows), alt, "explain.sizes", "drivers.csv", _COLUMNS)
    with right:
        st.markdown("**What it needs where it has not been**")
        _needs(facts, shown, look)
    if grouped and look == _GROUPS:
        st.caption(
            "Indices that follow exactly from one another are one driver here: how the model shares an attribution out among them is chance. "
            "“Single drivers” shows what it did."
        )
    if len(rows) > _MOST:
        st.caption(f"{len(rows) - _MOST} weaker drivers are in the table.")
    explain_asked.said(facts)
    result_files.downloads(kept.folder, kept.id, "explain.files", ("drivers.csv", "attributions.csv", "importance.csv"))


def _table(rows):
    return pd.DataFrame(rows).drop(columns=["contribution", "mean"])


def _needs(facts, shown, look):
    """Permutation importance in the order of the attributions; single drivers have none of their own where they are in a group."""
    importance = facts["importance"]
    if importance is None:
        st.caption(messages.plain(in_page(facts["importance_note"])))
        return
    losses = {row["feature"]: row for row in importance["rows"]}
    rows = [losses[row["feature"]] for row in shown if row["feature"] in losses]
    if not rows:
        st.caption("Members of a group are shuffled together, so none of these has a loss of its own. Choose the groups.")
        return
    alt = f"R2 lost at unseen samples when each of {len(rows)} drivers is shuffled, folds {importance['cv']}"
    table = pd.DataFrame(importance["rows"]).drop(columns="folds")
    evidence.chart(explain_charts.needs(rows), table, alt, f"explain.needs.{look}", "importance.csv", _COLUMNS)
    st.caption(messages.plain(f"Folds: {importance['cv']}; R² {importance['r2']:.2f} with everything in place. {importance['text']}"))
