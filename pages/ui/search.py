"""The guarded search for new indices: fourteen forms over the bands, with everything that keeps chance in check."""

import pandas as pd
import streamlit as st

from pages.ui import cached, jobs, messages, table_bands, theme
from pages.ui.session import current_work
from soilcore.features.recipe import FeatureSettings

_SIX = ("B", "G", "R", "N", "S1", "S2")
_CHOICES = {"six": "six (B, G, R, N, S1, S2)", "all": "all"}


def panel():
    """What to search and with how many shuffles; below it, the last search."""
    from soilcore.project.settings import SearchTask

    work, features = current_work(), FeatureSettings(**table_bands.choices(cached.samples()))
    st.markdown(
        "Fourteen forms of formula over every choice of bands. Trying thousands always finds something: so the best of them is held against what "
        "shuffled targets give, and against samples it was not chosen on."
    )
    columns = st.columns([3, 2, 2, 2], vertical_alignment="bottom")
    chosen = columns[0].segmented_control(
        "Bands", list(_CHOICES), format_func=_CHOICES.get, default="six", required=True, key="search.bands", persist_state="session"
    )
    statistic = columns[1].segmented_control(
        "Statistic",
        ("spearman", "pearson"),
        default="spearman",
        required=True,
        format_func=lambda name: "Pearson, log target" if name == "pearson" else "Spearman",
        key="search.statistic",
        persist_state="session",
    )
    permutations = columns[2].select_slider("Shuffles", (199, 499, 999, 1999), value=999, key="search.shuffles", persist_state="session")
    task = SearchTask(work.inputs(features=features), statistic or "spearman", statistic == "pearson", permutations, _SIX if chosen == "six" else ())
    with columns[3]:
        jobs.button("Search", ":material/search:", ("search", task, "Searching indices"), "search.start")
    job = jobs.latest("search")
    if job is None:
        st.info("No search yet. Six bands make 696 formulas, ten make 3,880; both take seconds.", icon=":material/search:")
        return
    _result(job.status().result, job.spec()["settings"])


def _result(facts, asked):
    st.subheader("The last search", anchor=False)
    target = asked["inputs"]["table"].get("target") or facts["target"]
    st.caption(
        f"{facts['n']} samples, target {messages.plain(target)}, {facts['statistic'].title()}, {facts['permutations']} shuffles of {messages.plain(facts['blocks'])}."
    )
    if facts.get("banner"):
        st.warning(messages.plain(facts["banner"]), icon=":material/casino:")
    half, cards = facts["half_split"], st.columns(4)
    cards[0].metric(
        "Formulas tested",
        f"{facts['tested']:,}",
        help=f"of {facts['candidates']:,}; {facts['redundant']:,} are copies, {facts['rejected']:,} cannot be computed",
    )
    cards[1].metric("Chance alone reaches", theme.number(facts["null_95"], 2), help="95 % quantile of the best |correlation| under shuffled targets")
    cards[2].metric(
        "Best of one half", theme.number(half["train"], 2), help="Median |correlation| of the formula chosen on half of the samples, there"
    )
    cards[3].metric("The same, other half", theme.number(half["test"], 2), help="and on the half it was not chosen on")
    messages.assumed(facts["assumed"])
    table = pd.DataFrame(facts["rows"])
    correlations = {"r": "Pearson", "rho": "Spearman", "selection": "Chosen in halves"}
    config = {name: st.column_config.NumberColumn(label, format="%.2f") for name, label in correlations.items()}
    config |= {name: st.column_config.NumberColumn(format="%.3g") for name in ("p", "q")}
    config |= {"formula": "Formula", "form": "Form", "n_invalid": "Invalid", "same_order_as": "Same order as"}
    config |= {"p_family": st.column_config.NumberColumn("p, whole search", format="%.3g", help="Step-down maxT over all formulas tried")}
    st.dataframe(table, hide_index=True, column_config=config, placeholder="", alt="The best formulas with their guards")
    st.download_button("Table as CSV", table.to_csv(index=False), "index-search.csv", "text/csv", icon=":material/download:", key="search.csv")
