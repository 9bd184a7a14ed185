"""Trend and persistence: what rises or falls over the dates, what lasts, whether the land parts into low and high, and how sure all that is."""

import pandas as pd
import streamlit as st

from pages.ui import change_charts, change_difference, change_layers, evidence, jobs, maps, messages, result_files, theme, trust_cards
from pages.ui.session import current_work
from pages.ui.words import in_page
from soilcore.project.change_settings import ChangeTask

_LASTING, _TREND, _CLASSES = "What lasts", "Trend", "Classes over time"
LAYERS = {
    "label": ("Labels", _LASTING),
    "support": ("Support of the labels", _LASTING),
    "persistence": ("Persistence", _LASTING),
    "slope": ("Sen's slope", _TREND),
    "mk_z": ("Mann-Kendall Z", _TREND),
    "mk_s": ("Mann-Kendall S", _TREND),
    "mode": ("Most frequent class", _CLASSES),
    "transitions": ("Changes of class", _CLASSES),
    "class_range": ("Range of classes", _CLASSES),
    "class_mean": ("Mean class", _CLASSES),
    "class_s": ("S of the classes", _CLASSES),
    "class_z": ("Z of the classes", _CLASSES),
    "entropy": ("Entropy of classes", _CLASSES),
}
_PERCENT = st.column_config.NumberColumn
_LABELS = {
    "text": "Label",
    "area_ha": st.column_config.NumberColumn("Area (ha)", format="%.1f"),
    "share": _PERCENT("Share", format="percent"),
    "share_expected": _PERCENT("Expected", format="percent", help="Mean over draws from the prediction intervals"),
    "share_low": _PERCENT("from", format="percent"),
    "share_high": _PERCENT("to", format="percent"),
    "support": _PERCENT("Support", format="percent", help="In how many draws from the prediction intervals such a pixel keeps its label"),
}
_AREAS = {
    "label": "Date",
    "class": "Class",
    "area_ha": st.column_config.NumberColumn("Area on the map (ha)", format="%.1f"),
    "share": _PERCENT("Share", format="percent"),
    "area_ha_expected": st.column_config.NumberColumn("Expected (ha)", format="%.1f"),
    "area_ha_low": st.column_config.NumberColumn("from (ha)", format="%.1f"),
    "area_ha_high": st.column_config.NumberColumn("to (ha)", format="%.1f"),
}


def panel():
    """Labels, trend, matrix and areas of the comparison that is open."""
    kept = change_difference.choose(_has_trend)
    if kept is None:
        st.caption("A trend needs three dates or more, labels of what lasts need five.")
        return
    facts = kept.facts
    _cards(facts)
    shown = list(change_layers.listed(kept, LAYERS).values())
    if shown and maps.ready():
        change_difference.picture(shown, f"lasting-{kept.id}", "What lasts and what has a trend.", twin="Support of the labels")
    if facts["trend"]:
        st.caption(f":material/trending_up: {messages.plain(facts['trend']['note'])}")
    if facts["persistence"]:
        _labels(kept)
        _other_limits(kept)
        _polarised(facts["persistence"])
        _matrix(kept)
    else:
        st.info(_no_labels(facts), icon=":material/timeline:")
    _areas(kept)
    tables = {"areas.csv": pd.DataFrame(facts["areas"])} if facts["areas"] else {}
    if facts["persistence"]:
        tables["labels.csv"] = pd.DataFrame(facts["persistence"]["labels"])
    result_files.downloads(kept.folder, kept.id, "lasting.files", ("label", "slope", "mk_z"), tables)


def _has_trend(kept):
    return len(kept.facts["maps"]) > 2


def _no_labels(facts):
    if facts["scheme"] is None:
        return "No class scheme fits this target, so there are no labels, transitions and areas of classes; slope and trend are on the map."
    return f"Labels of what lasts need five dates; there are {len(facts['maps'])}. Slope and trend are on the map."


def _cards(facts):
    lasting, trend = facts["persistence"], facts["trend"]
    with st.container(horizontal=True, key="cards.lasting"):
        if lasting:
            shares = {row["label"]: row for row in lasting["labels"]}
            for name, title in (("stable_low", "Stable low"), ("persistent_high", "Persistently high")):
                row = shares[name]
                trust_cards.metric(
                    title,
                    theme.percent(row["share"]),
                    _interval(row),
                    "Share of the land on the maps; below, its 90 % interval with the model's error",
                )
            verdict = "polarised" if lasting["polarised"] else "not polarised"
            help = "Share of the land that is stable low or persistently high"
            trust_cards.metric("Polarisation index", theme.number(lasting["polarisation_index"], 2), verdict, help)
        if trend:
            falling, help = (
                f"{theme.percent(trend['share_falling'])} falling",
                "Land whose trend differs from none at 5 % (Mann-Kendall); 5 % do so by chance alone",
            )
            trust_cards.metric("Rising", theme.percent(trend["share_rising"]), falling, help)


def _interval(row):
    if row.get("share_low") is None:
        return f"{theme.number(row['area_ha'])} ha"
    return f"{theme.percent(row['share_low'])} to {theme.percent(row['share_high'])}"


def _labels(kept):
    from soilcore.mapping.persistence import LABEL_COLORS

    lasting = kept.facts["persistence"]
    st.subheader("What lasts", anchor=False)
    classes = lasting["classes"]
    low, high = classes[: lasting["low_max"] + 1], classes[lasting["high_min"] :]
    share = theme.percent(lasting["stable_share"])
    st.markdown(
        messages.plain(
            f"Stable low: {', '.join(low)} on at least {share} of the dates. Persistently high: {' or '.join(high)} on at least {share}. "
            "Worsening and improving: neither, and the classes have a trend. All else fluctuates."
        )
    )
    table = pd.DataFrame(lasting["labels"])
    table = table[[name for name in _LABELS if name in table]]
    alt = "Share of the land that is stable low, persistently high, worsening, improving or fluctuating"
    evidence.chart(change_charts.labels(lasting["labels"], LABEL_COLORS), table, alt, "lasting.labels", f"{kept.id}-labels.csv", _LABELS)
    said = [lasting["note"]]
    if drawn := lasting["monte_carlo"]:
        said = [
            f"With the error of the model ({drawn['draws']} draws from the intervals, errors of two dates correlating with {theme.number(drawn['correlation'], 2)}), "
            f"{theme.percent(drawn['share_of_stable_labels_low'])} to {theme.percent(drawn['share_of_stable_labels_high'])} of the land is stable low or persistently high; "
            f"the labels of {theme.percent(drawn['share_supported'])} of the land hold in {theme.percent(drawn['supported_from'])} of the draws or more.",
            drawn["assumption"],
            *said,
        ]
    st.caption(messages.plain(" ".join(sentence for sentence in said if sentence)))


def _other_limits(kept):
    """The same maps with other limits of low and high, as a job of its own."""
    work, lasting, settings = current_work(), kept.facts["persistence"], kept.settings
    classes = lasting["classes"]
    with st.expander("Other limits of low, high and lasting", icon=":material/tune:", type="compact"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            numbers = range(len(classes))
            low = st.selectbox("Low: up to", numbers, lasting["low_max"], format_func=classes.__getitem__, key=f"lasting.low.{kept.id}", width=200)
            high = st.selectbox("High: from", numbers, lasting["high_min"], format_func=classes.__getitem__, key=f"lasting.high.{kept.id}", width=200)
            share = st.slider(
                "Lasts on at least (% of the dates)", 55, 100, round(100 * lasting["stable_share"]), 5, key=f"lasting.share.{kept.id}", width=260
            )
            task = ChangeTask(
                tuple(settings["maps"]),
                f"changes/{work.project.new_id('changes', 'change')}",
                scheme=settings["scheme"],
                low_max=low,
                high_min=high,
                stable_share=share / 100,
                correlation=settings["correlation"],
                level=settings["level"],
                false_changes=settings.get("false_changes"),
            )
            there = all((work.project.folder / path).is_file() for path in settings["maps"])
            same = (low, high, share / 100) == (lasting["low_max"], lasting["high_min"], lasting["stable_share"])
            label = f"Labels with low up to {classes[low]}, high from {classes[high]}"
            jobs.button(
                "Label again", ":material/replay:", ("change", task, label), "lasting.again", there and low < high and not same, type="secondary"
            )
        if low >= high:
            st.caption("High must begin above where low ends.")
        if not there:
            st.caption("Some of these maps are no longer in the project.")


def _polarised(lasting):
    st.subheader("Does the land part into low and high?", anchor=False)
    low, high, middle = (theme.percent(lasting[f"persistence_{name}"]) for name in ("low", "high", "middle"))
    verdict = "Yes" if lasting["polarised"] else "Not by the usual rule"
    index, dealt = (theme.number(value, 2) for value in (lasting["polarisation_index"], lasting["null"]["polarisation_index_dealt_anew"]))
    st.markdown(
        messages.plain(
            f"{verdict}. From one date to the next {low} of the lowest class and {high} of the highest stay as they are, and {middle} of the classes between "
            f"(polarised: at least 80 % at both ends, less than 60 % between). The polarisation index is {index}; if places had no memory it would be {dealt}."
        )
    )
    names = {"persistence_low": "lowest class stays", "persistence_high": "highest class stays", "persistence_middle": "middle classes stay"}
    rows = [
        {"what": words, "observed": lasting[name], **{key: lasting["null"]["permuted_years"][name][key] for key in ("mean", "low", "high", "p")}}
        for name, words in names.items()
    ]
    table = pd.DataFrame(rows)
    columns = {
        "what": "From one date to the next",
        "observed": _PERCENT("Observed", format="percent"),
        "mean": _PERCENT("Years shuffled", format="percent"),
        "low": _PERCENT("from", format="percent"),
        "high": _PERCENT("to", format="percent"),
        "p": st.column_config.NumberColumn("p", format="%.3f", help="How often shuffled years keep as much"),
    }
    st.dataframe(
        table, hide_index=True, placeholder="", alt="Persistence of low, high and middle classes beside that of shuffled years", column_config=columns
    )
    st.caption(messages.plain(f"{lasting['null']['orders']} orders of the years. {lasting['null']['note']}"))


def _matrix(kept):
    lasting = kept.facts["persistence"]
    st.subheader("How classes follow each other", anchor=False)
    names = lasting["classes"]
    rows = [{"on one date": name, **dict(zip(names, row, strict=True))} for name, row in zip(names, lasting["transition_matrix"], strict=True)]
    columns = {name: _PERCENT(name, format="percent") for name in names}
    alt = "Transition matrix: chance of each class on one date to be each class on the next"
    evidence.chart(change_charts.matrix(lasting["transition_matrix"], names), rows, alt, "lasting.matrix", f"{kept.id}-transitions.csv", columns)
    reversion = lasting["reversion_of_high"]
    if reversion is not None:
        st.caption(f"Of land in the highest class, {theme.percent(reversion)} is in a lower one on the next date. Rows sum to 100 %.")


def _areas(kept):
    facts = kept.facts
    if not facts["areas"]:
        return
    st.subheader("Area of each class over the dates", anchor=False)
    table = pd.DataFrame(facts["areas"])
    table = table[[name for name in _AREAS if name in table]]
    scheme = facts["scheme"]
    alt = "Area in hectares of each class on every date, with its interval"
    evidence.chart(
        change_charts.areas(facts["areas"], scheme["labels"], scheme["colors"]), table, alt, "lasting.areas", f"{kept.id}-areas.csv", _AREAS
    )
    if facts["areas_assumption"]:
        st.caption(f"Lines show the expected area, bars its interval. {messages.plain(in_page(facts['areas_assumption']))}")
    st.caption(f"Only land with a value on every date is counted: {facts['valid']:,} of {facts['pixels']:,} pixels.")
