"""One driver over its values: whether its contribution rises, falls or bends, and which other driver changes that."""

import pandas as pd
import streamlit as st

from pages.ui import evidence, explain_asked, explain_charts, messages, theme

_MOST = 5
_PARTNERS = {
    "feature": "Other driver",
    "strength": st.column_config.ProgressColumn("Interaction", format="%.2f", min_value=0, max_value=1, help="0: none, 1: contributions follow it"),
}


def panel(kept):
    """Contribution over values, coloured by the strongest partner."""
    if explain_asked.missing(kept):
        return
    facts = kept.facts
    by_name = {one["feature"]: one for one in facts["dependence"]}
    if not by_name:
        st.info("No driver of this model has a value that could be drawn: it looks at places or at nothing.", icon=":material/block:")
        return
    name = st.selectbox("Driver", list(by_name), format_func=explain_charts.words, key=f"explain.driver.{kept.id}", width=320)
    found = by_name[name]
    alt = f"Contribution of {name} to the prediction over its values" + (f", coloured by {found['partner']}" if found["partner"] else "")
    table = pd.DataFrame({name: found["values"], "contribution": found["contributions"]})
    if found["partner"]:
        table[found["partner"]] = found["partner_values"]
    evidence.chart(explain_charts.over_values(found, facts["scale"]), table, alt, f"explain.dependence.{name}", "dependence.csv")
    st.markdown(messages.plain(_partner(found)))
    if found["partners"]:
        with st.expander("Interaction with other drivers", icon=":material/join_inner:", type="compact"):
            alt = f"Strength of the interaction of {name} with other drivers"
            st.dataframe(pd.DataFrame(found["partners"][:_MOST]), hide_index=True, column_config=_PARTNERS, placeholder="", alt=alt)
            st.caption("Among samples that are alike in the driver: how closely its contribution follows the other one's value.")
    explain_asked.said(facts)


def _partner(found):
    """What the colours say."""
    if found["partner"] is None:
        return (
            "No other driver changes its contribution by more than chance: samples of like values get like contributions. What spread is left, the rest of "
            "the predictors make together."
        )
    chance = theme.number(found["chance"], 2)
    return (
        f"Samples of like values get different contributions, and these follow {found['partner']} most "
        f"(interaction {theme.number(found['strength'], 2)}; chance stays below {chance})."
    )
