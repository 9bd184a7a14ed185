"""Panels of the indices page."""

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import cached, charts, jobs, messages, theme
from pages.ui.session import current_work
from soilcore.core.progress import silent
from soilcore.features.recipe import FeatureSettings

VARIANTS = {
    "Everything at hand": None,
    "literature": ("existing17_literature", "novel4_lan2025"),
    "lan2025": ("existing17_lan2025", "novel4_lan2025"),
}
_VARIANT_HELP = (
    "literature: the 17 existing salinity indices as their authors wrote them; lan2025: as printed by Lan et al. 2025; both with the four novel ones"
)
VIEWS = {"mean": "reflectance", "reciprocal": "1 / reflectance", "square": "reflectance²", "square_root": "√reflectance"}


def correlation():
    """Ranked correlations, heat map, and one predictor against the target."""
    settings = _choices()
    facts = _correlate(settings)
    table = pd.DataFrame(facts["rows"])
    st.caption(
        f"{facts['n']} samples, target {messages.plain(facts['target'])}{', decimal logarithm' if facts['log_target'] else ''}. q: false-discovery rate over all {len(table)} rows."
    )
    statistic = st.session_state.get("indices.statistic") or "spearman"
    table = table.sort_values(statistic, key=lambda column: column.abs(), ascending=False, na_position="last").reset_index(drop=True)
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.plotly_chart(
            charts.correlation_bars(table.head(20), statistic), alt="The twenty strongest correlations with intervals", key="indices.bars"
        )
    with right:
        picked = st.dataframe(
            table,
            hide_index=True,
            on_select="rerun",
            selection_mode="single-row",
            key="indices.table",
            alt="Correlation of every band and index",
            column_config=_columns(),
        )
        st.caption("Choose a row to see it against the target.")
        st.download_button("Table as CSV", table.to_csv(index=False), "correlations.csv", "text/csv", icon=":material/download:", key="indices.csv")
    rows = picked.selection.rows if picked else []
    _scatter(settings, table.loc[rows[0] if rows else 0, "name"])
    _heat_map(settings, table["name"].head(20).tolist())


def _choices():
    columns = st.columns([2, 2, 2, 3], vertical_alignment="bottom")
    variant = columns[0].selectbox("Indices", list(VARIANTS), key="indices.variant", persist_state="session", help=_VARIANT_HELP)
    columns[1].segmented_control("Rank by", ("spearman", "pearson"), default="spearman", key="indices.statistic", persist_state="session")
    log = columns[2].toggle("Logarithm of the target", key="indices.log", persist_state="session")
    formulas = columns[3].text_input(
        "Own formulas",
        key="indices.formulas",
        persist_state="session",
        placeholder="MINE=(N-R)/(N+R+B); OTHER=S1/G",
        help="band roles, + - * / ** and sqrt(); several separated by ;",
    )
    texts = tuple(text.strip() for text in formulas.split(";") if text.strip())
    sets = VARIANTS[variant]
    features = FeatureSettings(formulas=texts, bands=bool(sets or texts), index_sets=sets or (_all_sets() if texts else ()))
    return features, log


def _all_sets():
    from soilcore.features.indices import index_sets

    return tuple(index_sets())


def _correlate(settings):
    from soilcore.project.settings import CorrelateTask

    features, log = settings
    return cached.facts("correlate", CorrelateTask(current_work().inputs_here(features=features), log))


@st.cache_data(max_entries=8, show_spinner="Computing the indices ...")
def _spectral(stamps, inputs):
    """Bands and indices at the samples, and the target."""
    from soilcore.project.tasks import spectral_table

    table, _, _ = spectral_table(inputs, silent)
    return table.X, table.y


def _table(settings):
    inputs = current_work().inputs_here(features=settings[0])
    return _spectral((cached.stamp(inputs.samples), *(cached.stamp(path) for path in inputs.scene.paths)), inputs)


def _scatter(settings, name):
    X, y = _table(settings)
    target = cached.samples().target
    title = f"{target.column} ({target.unit})" if target.unit else target.column
    figure = charts.scatter(X[name], np.log10(y) if settings[1] else y, name, f"log10 {title}" if settings[1] else title, X.index)
    st.plotly_chart(figure, alt=f"{name} against {title}", key="indices.scatter")


def _heat_map(settings, names):
    from soilcore.evaluation.correlation import correlation_matrix

    with st.expander("How the strongest resemble each other", icon=":material/grid_on:"):
        st.markdown("Indices that are nearly copies of each other (dark blocks) count once, however many there are.")
        X, _ = _table(settings)
        st.plotly_chart(charts.heat_map(correlation_matrix(X[names])), alt="Spearman correlations among the strongest predictors", key="indices.heat")


def _columns():
    config = {
        name: st.column_config.NumberColumn(format="%.2f")
        for name in ("pearson", "pearson_low", "pearson_high", "spearman", "spearman_low", "spearman_high")
    }
    return (
        config
        | {name: st.column_config.NumberColumn(format="%.2g") for name in ("p", "q")}
        | {"n_invalid": st.column_config.NumberColumn("invalid", help="samples where the index cannot be computed")}
    )


def spectra():
    """Mean spectra by level of the target, with the views of paper 002."""
    from soilcore.core.classes import schemes_that_fit
    from soilcore.evaluation.mean_spectra import mean_spectra, quantile_levels

    X, y = _table((FeatureSettings(bands=True), False))
    target = cached.samples().target
    schemes = schemes_that_fit(target.unit, target.form)
    names = [*(scheme.id for scheme in schemes), "quarters"]
    columns = st.columns(2)
    chosen = columns[0].segmented_control("Levels", names, default=names[0], key="indices.levels", persist_state="session") or names[0]
    view = (
        columns[1].segmented_control("View", list(VIEWS), format_func=VIEWS.get, default="mean", key="indices.spectra.view", persist_state="session")
        or "mean"
    )
    scheme = next((scheme for scheme in schemes if scheme.id == chosen), None)
    levels, labels = (scheme.assign(y), scheme.labels) if scheme else quantile_levels(y, 4)
    table = mean_spectra(X, levels, labels)
    st.plotly_chart(charts.spectra(table, view, VIEWS[view]), alt="Mean spectrum of each level of the target", key="indices.spectra")
    st.dataframe(table, hide_index=True, alt="Mean spectra as a table")


def search():
    """The guarded search: 14 forms over the bands, with everything that keeps chance in check."""
    from soilcore.project.settings import SearchTask

    work = current_work()
    st.markdown(
        "Fourteen forms of formula over every choice of bands. Trying thousands always finds something: so the best of them is held against what "
        "shuffled targets give, and against samples it was not chosen on."
    )
    columns = st.columns([2, 2, 2, 2], vertical_alignment="bottom")
    six = columns[0].segmented_control(
        "Bands", ("six (B G R N S1 S2)", "all"), default="six (B G R N S1 S2)", key="search.bands", persist_state="session"
    )
    statistic = columns[1].segmented_control(
        "Statistic", ("spearman", "pearson"), default="spearman", key="search.statistic", persist_state="session"
    )
    permutations = columns[2].select_slider("Shuffles", (199, 499, 999, 1999), value=999, key="search.shuffles", persist_state="session")
    roles = ("B", "G", "R", "N", "S1", "S2") if six and six.startswith("six") else ()
    task = SearchTask(work.inputs(), statistic or "spearman", statistic == "pearson", permutations, roles)
    columns[3].button(
        "Search",
        icon=":material/search:",
        type="primary",
        on_click=jobs.start,
        args=("search", task, "Searching indices"),
        disabled=jobs.is_busy(),
        key="search.start",
    )
    if job := jobs.latest("search"):
        _search_result(job)


def _search_result(job):
    facts = job.status().result
    if facts.get("banner"):
        st.warning(messages.plain(facts["banner"]), icon=":material/casino:")
    half = facts["half_split"]
    cards = st.columns(4)
    cards[0].metric("Candidates", f"{facts['candidates']:,}")
    cards[1].metric("Chance alone reaches", theme.number(facts["null_95"], 2), help="95 % quantile of the best |correlation| under shuffled targets")
    cards[2].metric(
        "Best of one half", theme.number(half["train"], 2), help="median |correlation| of the formula chosen on half of the samples, on that half"
    )
    cards[3].metric("the same on the other half", theme.number(half["test"], 2))
    table = pd.DataFrame(facts["rows"])
    config = {name: st.column_config.NumberColumn(format="%.2f") for name in ("r", "rho", "selection")} | {
        name: st.column_config.NumberColumn(format="%.3g") for name in ("p", "q", "p_family")
    }
    st.dataframe(table, hide_index=True, column_config=config, alt="The best formulas with their guards")
    st.download_button("Table as CSV", table.to_csv(index=False), "index-search.csv", "text/csv", icon=":material/download:", key="search.csv")
