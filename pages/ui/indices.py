"""Panels of the indices page: ranked correlations, one predictor against the target, likeness, and mean spectra."""

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import cached, charts, messages, table_bands
from pages.ui.session import current_work
from soilcore.core.progress import silent
from soilcore.features.recipe import FeatureSettings

VARIANTS = {
    "Every index of these bands": None,
    "literature": ("existing17_literature", "novel4_lan2025"),
    "lan2025": ("existing17_lan2025", "novel4_lan2025"),
}
_VARIANT_HELP = "literature: 17 salinity indices as their authors wrote them; lan2025: the same names as printed by Lan et al. 2025; both with the four novel ones"
_VIEWS = {"mean": "reflectance", "reciprocal": "1 / reflectance", "square": "reflectance²", "square_root": "√ reflectance"}
_SHOWN = 20
_PICKED = "indices.picked"


def correlation():
    """Ranked correlations, one predictor against the target, and how the strongest resemble each other."""
    settings, statistic = _choices()
    facts = _correlate(settings)
    table = pd.DataFrame(facts["rows"])
    table = table.sort_values(statistic, key=lambda column: column.abs(), ascending=False, na_position="last").reset_index(drop=True)
    _summary(facts, table, statistic)
    left, right = st.columns(2, gap="large")
    with left:
        _bars(table, statistic)
    with right:
        _table(table, statistic)
    _one(settings, table)
    _heat_map(settings, table["name"].head(_SHOWN).tolist(), statistic)


def _choices():
    columns = st.columns([2, 2, 2, 3], vertical_alignment="bottom")
    variant = columns[0].selectbox("Indices", list(VARIANTS), key="indices.variant", persist_state="session", help=_VARIANT_HELP)
    statistic = columns[1].segmented_control(
        "Rank by", ("spearman", "pearson"), default="spearman", required=True, format_func=str.title, key="indices.statistic", persist_state="session"
    )
    log = columns[2].toggle("Logarithm of the target", key="indices.log", persist_state="session", help="Changes Pearson; ranks stay as they are")
    formulas = columns[3].text_input(
        "Own formulas",
        key="indices.formulas",
        persist_state="session",
        placeholder="MINE=(N-R)/(N+R+B); OTHER=S1/G",
        help="Band roles, numbers, + - * / ** and sqrt(); several separated by ;",
    )
    texts = tuple(text.strip() for text in (formulas or "").split(";") if text.strip())
    sets = VARIANTS[variant]
    index_sets = sets or (_all_sets() if texts else ())
    return (_features(formulas=texts, bands=bool(sets or texts), index_sets=index_sets), log), statistic or "spearman"


def _features(**choices):
    return FeatureSettings(**choices, **table_bands.choices(cached.samples()))


def _all_sets():
    from soilcore.features.indices import index_sets

    return tuple(index_sets())


def _correlate(settings):
    from soilcore.project.settings import CorrelateTask

    features, log = settings
    return cached.facts("correlate", CorrelateTask(current_work().inputs_here(features=features), log))


def _summary(facts, table, statistic):
    unit = f" ({facts['unit']})" if facts["unit"] else ""
    logarithm = ", decimal logarithm" if facts["log_target"] else ""
    st.caption(
        f"{facts['n']} samples, target {messages.plain(facts['target'])}{messages.plain(unit)}{logarithm}. Bars: {statistic.title()} with 95 % interval. "
        f"q is the false-discovery rate over all {len(table)} rows (of Spearman's p); grey bars have q ≥ 0.05: not told apart from chance."
    )
    messages.assumed(facts["assumed"])


def _bars(table, statistic):
    figure = charts.correlation_bars(table.head(_SHOWN), statistic)
    alt = f"The {min(_SHOWN, len(table))} strongest correlations with intervals"
    st.plotly_chart(figure, alt=alt, key="indices.bars", on_select=_pick_bar, selection_mode="points")


def _pick_bar():
    if points := st.session_state["indices.bars"].selection.points:
        st.session_state[_PICKED] = points[0]["y"]


def _table(table, statistic):
    other = "pearson" if statistic == "spearman" else "spearman"
    order = ["name", "kind", statistic, f"{statistic}_low", f"{statistic}_high", "q", "n", "n_invalid", other, "p"]
    config = {
        "name": "Name",
        "kind": "Kind",
        "q": st.column_config.NumberColumn(format="%.2g"),
        "p": st.column_config.NumberColumn(format="%.2g"),
        "n_invalid": st.column_config.NumberColumn("Invalid", help="Samples where it cannot be computed"),
    }
    labels = {statistic: statistic.title(), f"{statistic}_low": "Low", f"{statistic}_high": "High", other: other.title()}
    config |= {name: st.column_config.NumberColumn(label, format="%.2f") for name, label in labels.items()}
    st.session_state["indices.names"] = table["name"].tolist()
    st.dataframe(
        table,
        hide_index=True,
        column_order=order,
        column_config=config,
        on_select=_pick_row,
        selection_mode="single-row",
        key="indices.table",
        height=420,
        alt="Correlation of every band and index",
    )
    st.download_button("Table as CSV", table.to_csv(index=False), "correlations.csv", "text/csv", icon=":material/download:", key="indices.csv")


def _pick_row():
    if rows := st.session_state["indices.table"].selection.rows:
        st.session_state[_PICKED] = st.session_state["indices.names"][rows[0]]


@st.cache_data(max_entries=8, show_spinner="Computing the indices ...")
def _spectral(stamps, inputs):
    """Bands and indices at the samples, and the target."""
    from soilcore.project.steps import spectral_table

    table, _, _ = spectral_table(inputs, silent)
    return table.X, table.y


def _values(features):
    inputs = current_work().inputs_here(features=features)
    files = (inputs.samples, *(inputs.scene.paths if inputs.scene else ()))
    return _spectral(tuple(cached.stamp(path) for path in files), inputs)


def _one(settings, table):
    """One predictor against the target, chosen by a bar, a row or its name, with its formula and source."""
    names = table["name"].tolist()
    if st.session_state.get(_PICKED) not in names:
        st.session_state[_PICKED] = names[0]
    st.subheader("One against the target", anchor=False)
    name = st.selectbox("Band or index (or click a bar or a row)", names, key=_PICKED, persist_state="session")
    features, log = settings
    X, y = _values(features)
    target = cached.samples().target
    title = f"{target.column} ({target.unit})" if target.unit else target.column
    is_band = table.loc[table["name"] == name, "kind"].item() == "band"
    figure = charts.scatter(
        X[name], np.log10(y) if log else y, f"{name} (reflectance)" if is_band else name, f"log10 of {title}" if log else title, X.index
    )
    st.plotly_chart(figure, alt=f"{name} against {title}", key="indices.scatter")
    _about(name)


def _about(name):
    from soilcore.features.indices import all_indices

    index = next((index for index in all_indices() if index.id == name), None)
    if index is None:
        return
    known_as = f" · also called {', '.join(index.aliases)}" if index.aliases else ""
    st.markdown(f"`{index.id} = {index.formula}` · {messages.plain(index.long_name + known_as)}")
    st.caption(messages.plain(" ".join(part for part in (index.citation, f"doi {index.doi}." if index.doi else "", index.note) if part)))


def _heat_map(settings, names, statistic):
    from soilcore.evaluation.correlation import correlation_matrix

    st.subheader("How the strongest resemble each other", anchor=False)
    if not st.toggle("Show the heat map", key="indices.likeness", persist_state="session"):
        return
    st.caption("Indices that are nearly copies of each other (dark blocks) count once, however many there are.")
    X, _ = _values(settings[0])
    matrix = correlation_matrix(X[names], statistic)
    st.plotly_chart(charts.heat_map(matrix, statistic), alt=f"{statistic.title()} correlations among the strongest predictors", key="indices.heat")
    with st.expander("As a table"):
        st.dataframe(matrix.round(3), alt="Correlations among the strongest predictors")


def spectra():
    """Mean spectra by level of the target, with the views of paper 002."""
    from soilcore.core.classes import schemes_that_fit
    from soilcore.evaluation.mean_spectra import mean_spectra, quantile_levels

    X, y = _values(_features(bands=True))
    target = cached.samples().target
    schemes = {scheme.id: scheme for scheme in schemes_that_fit(target.unit, target.form)}
    titles = {name: scheme.title for name, scheme in schemes.items()} | {"quarters": "Quarters of the samples"}
    levels_place, view_place = st.columns(2)
    first = next(iter(titles))
    chosen = levels_place.selectbox("Levels", list(titles), format_func=titles.get, key=f"indices.levels.{first}", persist_state="session")
    view = view_place.segmented_control(
        "View", list(_VIEWS), format_func=_VIEWS.get, default="mean", required=True, key="indices.spectra.view", persist_state="session", wrap=True
    )
    scheme = schemes.get(chosen)
    levels, labels = (scheme.assign(y), scheme.labels) if scheme else quantile_levels(y, 4)
    unit = scheme.unit if scheme else target.unit or "unit not known"
    table = mean_spectra(X, levels, labels)
    st.plotly_chart(charts.spectra(table, view, _VIEWS[view], unit), alt="Mean spectrum of each level of the target", key="indices.spectra")
    st.caption("The reciprocal, square and square root are views of the mean; paper 002 read its indices from them. n stands behind each level.")
    config = {"level": None, "label": f"Level ({unit})", "role": "Band", "wavelength_nm": st.column_config.NumberColumn("nm", format="%.0f")}
    config |= {name: st.column_config.NumberColumn(format="%.4g") for name in ("mean", "sd", "reciprocal", "square", "square_root")}
    st.dataframe(table, hide_index=True, column_config=config, placeholder="", alt="Mean spectra as a table")
    st.download_button(
        "Spectra as CSV", table.to_csv(index=False), "mean-spectra.csv", "text/csv", icon=":material/download:", key="indices.spectra.csv"
    )
