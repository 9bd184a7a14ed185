"""Difference: where two dates differ by more than the model's error, by how much, and from each date to the next."""

import pandas as pd
import streamlit as st

from pages.ui import (
    change_charts,
    change_kept,
    change_layers,
    change_rule,
    evidence,
    jobs,
    maps,
    messages,
    result_files,
    result_map,
    theme,
    trust_cards,
)
from pages.ui.change_kept import CHANGES
from pages.ui.session import current_work
from pages.ui.words import in_page
from soilcore.project.change_settings import ChangeTask

_CHANGE, _DATES = "Change", "First and last date"
LAYERS = {
    "change": ("Where it changed", _CHANGE),
    "difference_beyond": ("Difference where it changed", _CHANGE),
    "difference": ("Difference everywhere", _CHANGE),
}
_COLUMNS = {
    "from": "From",
    "to": "To",
    "mean": st.column_config.NumberColumn("Mean difference", format="%.3g"),
    "share_higher": st.column_config.NumberColumn("Higher", format="percent"),
    "share_lower": st.column_config.NumberColumn("Lower", format="percent"),
    "area_ha_higher": st.column_config.NumberColumn("Higher (ha)", format="%.1f"),
    "area_ha_lower": st.column_config.NumberColumn("Lower (ha)", format="%.1f"),
    "correlation": st.column_config.NumberColumn("Errors correlate", format="%.2f"),
    "threshold": st.column_config.NumberColumn("Limit, in joint intervals", format="%.2f", help="Empty where no difference stands out from error"),
}


def panel():
    """The comparison that is open: numbers, map, steps, files."""
    kept = choose()
    if kept is None:
        return
    facts = kept.facts
    _cards(facts)
    if facts.get("false_changes") is not None and facts["threshold"] is None:
        st.info(
            "No difference between these dates stands out from error: of whatever were shown as changed, too much would not have changed. “Difference everywhere” "
            "and the mean difference hold all the same; “As the maps tell”, below, shows more and is wrong more often.",
            icon=":material/search_off:",
        )
    if facts["rule"]:
        st.caption(f":material/rule: {messages.plain(in_page(facts['rule']))}")
    else:
        st.warning(
            "These maps have no prediction intervals, so no change can be told from error: read the difference as a sketch, and map again with intervals.",
            icon=messages.ICONS["warning"],
        )
    if maps.ready():
        span = f"{facts['difference']['from']} to {facts['difference']['to']}"
        picture(_layers(kept), f"change-{kept.id}", f"Where the land changed, {span}.", twin="Difference where it changed")
    _steps(kept)
    _two_others(kept)
    messages.assumed(facts["assumed"])
    result_files.downloads(
        kept.folder, kept.id, "change.files", ("difference_beyond", "change", "difference"), {"steps.csv": pd.DataFrame(facts["steps"])}
    )


def choose(suits=None):
    """Which comparison; without any, a sentence that leads to the years."""
    kept = change_kept.choose(CHANGES, "Comparison", words, suits)
    if kept is None:
        st.info("Nothing is compared yet. Map two dates or more under “Years”; the comparison comes with it.", icon=":material/compare:")
        st.button("Go to Years", icon=":material/arrow_back:", on_click=_open_years, key="change.to-years")
    return kept


def _open_years():
    st.session_state["change.part"] = "years"


def words(kept):
    """What people call a comparison."""
    labels = [row["label"] for row in kept.facts["maps"]]
    several = f", {len(labels)} dates" if len(labels) > 2 else ""
    model = (change_kept.model_of(kept) or "maps deleted since").split("/")[-1]
    return f"{labels[0]} to {labels[-1]}{several} · {model} · {change_rule.name_of(kept.settings)}{_limits(kept)}"


def _limits(kept):
    """Limits of low and high where they are not the usual ones."""
    lasting, usual = kept.facts["persistence"], ChangeTask((), "")
    if lasting is None or (lasting["low_max"], lasting["high_min"], lasting["stable_share"]) == (usual.low_max, usual.high_min, usual.stable_share):
        return ""
    classes = lasting["classes"]
    return f" · low: {classes[lasting['low_max']]}, high: {classes[lasting['high_min']]}, {theme.percent(lasting['stable_share'])}"


def _cards(facts):
    difference, unit = facts["difference"], facts["unit"]
    span, known = f"{difference['from']} to {difference['to']}", difference["share_changed"] is not None
    with st.container(horizontal=True, key="cards.change"):
        if known:
            trust_cards.metric(
                "Higher",
                _share(difference["share_higher"]),
                f"{theme.number(difference['area_ha_higher'])} ha",
                "Of the land, by more than the model's error",
            )
            trust_cards.metric(
                "Lower",
                _share(difference["share_lower"]),
                f"{theme.number(difference['area_ha_lower'])} ha",
                "Of the land, by more than the model's error",
            )
            trust_cards.metric(
                "Not told apart",
                _share(1 - difference["share_changed"]),
                "within the error",
                "Land whose difference does not stand out from the model's error",
            )
        trust_cards.metric(
            "Mean difference",
            f"{theme.number(difference['mean'], 2)} {unit or ''}".strip(),
            f"median {theme.number(difference['median'], 2)}",
            span,
        )


def _share(share):
    """Small shares keep a digit: 0.4 % is not nothing."""
    return f"{100 * share:.1f} %" if 0 < share < 0.1 else theme.percent(share)


def _layers(kept):
    """Rasters of the comparison, and the first and last map where they are still there."""
    found = list(change_layers.listed(kept, LAYERS).values())
    folder, rows = current_work().project.folder, kept.facts["maps"]
    for key, what in (("_class", "classes"), ("", "values")):
        files = {row["label"]: (folder / row["path"]).with_name(f"map{key}.tif") for row in (rows[0], rows[-1])}
        if all(file.is_file() for file in files.values()):
            found += change_layers.of_one_scale([change_layers.shown(file, f"{label}, {what}", _DATES) for label, file in files.items()])
    return found


@st.fragment
def picture(shown, key, about, veil=None, twin=None, bare=False):
    """Layers on a map; a click reruns this part only. See `result_map.show`."""
    with messages.shown():
        with st.spinner("Drawing the map ..."):
            place = result_map.show(shown, key, about, veil, twin, bare)
        if place is not None:
            st.markdown(change_layers.sentence(shown, *place))


def _steps(kept):
    rows = kept.facts["steps"]
    if len(rows) < 2:
        return
    st.subheader("From each date to the next", anchor=False)
    table = pd.DataFrame(rows)
    table = table[[name for name in _COLUMNS if name in table]].dropna(axis=1, how="all")
    if "share_higher" in table:
        alt = "Share of the land that rose and fell beyond the interval, from each date to the next"
        evidence.chart(change_charts.steps(rows), table, alt, "change.steps", f"{kept.id}-steps.csv", _COLUMNS)
    else:
        st.dataframe(table, hide_index=True, alt="Mean difference from each date to the next", column_config=_COLUMNS)


def _two_others(kept):
    """Two other dates of this comparison, or the same ones by another rule."""
    rows = {row["label"]: row["path"] for row in kept.facts["maps"]}
    with (
        st.expander("Compare two other dates, or by another rule", icon=":material/compare_arrows:"),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        labels = list(rows)
        first = st.selectbox("From", labels, 0, key=f"change.from.{kept.id}", width=160)
        last = st.selectbox("To", labels, len(labels) - 1, key=f"change.to.{kept.id}", width=160)
        rule = change_rule.ask("change.rule.two")
        there = all((current_work().project.folder / rows[one]).is_file() for one in (first, last))
        out = f"changes/{current_work().project.new_id('changes', 'change')}"
        task = ChangeTask((rows[first], rows[last]), out, scheme=kept.settings["scheme"], level=kept.settings["level"], **rule)
        jobs.button(
            "Compare",
            ":material/compare:",
            ("change", task, f"Comparing {first} and {last}"),
            "change.two",
            first != last and there,
            type="secondary",
        )
    if not there:
        st.caption("One of these maps is no longer in the project.")
