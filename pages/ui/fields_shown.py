"""A finished table of fields: in plain words, on the map, ranked, as charts, as files."""

import pandas as pd
import streamlit as st

from pages.ui import (
    evidence,
    fields_charts,
    fields_colours,
    fields_map,
    fields_picture,
    fields_shapes,
    maps,
    messages,
    plain_words,
    result_files,
    theme,
)
from soilcore.mapping.ramps import CONTINUOUS, DIFFERENCES

_ABOUT = "Map of the fields, coloured by what is known of them; the table below holds the same, and any field can be chosen by name."
_TREND_ICONS = {"rising": "↑ rising", "falling": "↓ falling", "no clear change": "no clear change", "too few years": "too few years"}


def draw(result, chosen):
    """Everything of one result.

    Parameters
    ----------
    result : fields_kept.Kept
    chosen : fields_page.Chosen
    """
    facts = result.facts
    plain_words.block(facts["sentences"], _with_share(facts), chosen.date, chosen.finished.coverage)
    _cards(facts)
    rows = {row["number"]: row for row in facts["rows"]}
    if maps.ready():
        _picture(result, chosen, rows)
    st.subheader("Fields, the highest mean first", anchor=False)
    table = ranked(facts)
    st.dataframe(
        table, hide_index=True, placeholder="", alt="Fields ranked by their mean, with interval, classes and trust", column_config=columns(facts)
    )
    plain_words.fine_print(facts)
    _charts(result, facts, table)
    result_files.downloads(result.folder, result.id, f"fields.files.{result.id}", first=("fields.gpkg", "fields.csv"))


def _with_share(facts):
    """With the part of the mapped land that resembles the samples."""
    known = [(row["aoa_share"], row["mapped_ha"]) for row in facts["rows"] if row["aoa_share"] is not None]
    land = sum(hectares for _, hectares in known)
    return {**facts, "aoa_share": sum(share * hectares for share, hectares in known) / land if land else None}


def _cards(facts):
    known = [row for row in facts["rows"] if row["mean"] is not None]
    common = {"border": True, "width": 230, "delta_color": "off", "delta_arrow": "off"}
    with st.container(horizontal=True, key="fields.cards"):
        missed = f"{len(facts['missed'])} without a mapped pixel" if facts["missed"] else "all of the file"
        st.metric("Fields on the map", f"{facts['n']:,}", missed, **common)
        st.metric(
            "Mapped land in fields",
            f"{sum(row['mapped_ha'] for row in known):,.0f} ha",
            f"of {sum(row['area_ha'] for row in facts['rows']):,.0f} ha",
            **common,
        )
        outside = [row for row in known if row["aoa_share"] is not None and row["aoa_share"] < 0.5]
        if any(row["aoa_share"] is not None for row in known):
            st.metric("Fields mostly unlike the samples", len(outside), "their numbers are guesses", **common)


@st.fragment
def _picture(result, chosen, rows):
    with messages.shown():
        outlines = fields_shapes.read(result.folder / "fields.gpkg")
        order = [rows.get(number) for number in range(len(outlines.rings))]
        there = [number for number, row in enumerate(order) if row is not None and row["mean"] is not None]
        drawn = coloured(outlines, order, result.facts)
        with st.spinner("Drawing the map ..."):
            place = fields_picture.show(
                f"fields-{result.id}", drawn, fields_map.pictures(chosen.made), fields_map.background(), bounds=outlines.bounds(there), about=_ABOUT
            )
        _one_field(outlines, order, place, result)


def coloured(outlines, order, facts):
    """Fields in every colouring; of very many only those with the highest means."""
    shown = _most(order)
    entries = [
        [outlines.rings[number] if number in shown else [], str(row["field"]) if row else "", told(row, facts) if row else []]
        for number, row in enumerate(order)
    ]
    return fields_shapes.add(fields_shapes.Shapes(entries), list(colourings(order, facts)))


def _most(order):
    ranked_numbers = sorted(range(len(order)), key=lambda number: (order[number] or {}).get("rank") or len(order) + 1)
    if len(ranked_numbers) > fields_shapes.MOST_DRAWN:
        st.caption(f"The map shows the {fields_shapes.MOST_DRAWN:,} fields with the highest means; the files hold all {len(order):,}.")
    return set(ranked_numbers[: fields_shapes.MOST_DRAWN])


def colourings(order, facts):
    """Class, mean, width of the interval, part inside the area of applicability, trend: as far as they are known."""
    unit = facts["unit"] or ""

    def values(name):
        return [None if row is None else row.get(name) for row in order]

    if facts["classes"]:
        yield fields_colours.by_class("Class of the mean", facts["classes"], values("class"))
    yield fields_colours.by_number("Mean", f"Mean of the field ({unit})" if unit else "Mean of the field", values("mean"), unit, CONTINUOUS)
    widths = [None if row is None or row.get("low") is None else row["high"] - row["low"] for row in order]
    if any(width is not None for width in widths):
        title = f"Width of the {100 * facts['level']:.4g} % interval ({unit})"
        yield fields_colours.by_number("How unsure: width of the interval", title, widths, unit, CONTINUOUS)
    if any(share is not None for share in values("aoa_share")):
        yield fields_colours.by_number(
            "Like the samples", "Part of the field inside the area of applicability", values("aoa_share"), "", "viridis", 0, 1, True
        )
    slopes = [((row or {}).get("trend") or {}).get("slope") for row in order]
    if any(slope is not None for slope in slopes):
        most = max(abs(slope) for slope in slopes if slope is not None) or 1.0
        yield fields_colours.by_number("Trend", f"Change per year ({unit})", slopes, f"{unit}/year".lstrip("/"), DIFFERENCES, -most, most)


def told(row, facts):
    """What a click says of a field: label and text."""
    if row["mean"] is None:
        return [("Mean", "no mapped pixel")]
    unit = facts["unit"] or ""
    rows = [("Rank", f"{row['rank']} of {facts['n']}"), ("Mean", f"{theme.number(row['mean'])} {unit}")]
    rows += [(f"{100 * facts['level']:.4g} % interval", fields_colours.between(row["low"], row["high"], unit))] if facts["level"] else []
    rows += [("Class", row["class"])] if row.get("class") else []
    rows += [("Inside the area of applicability", theme.percent(row["aoa_share"]))] if row["aoa_share"] is not None else []
    rows += [("Trend", row["trend"]["verdict"])] if row.get("trend") else []
    return [*rows, ("Area", f"{row['area_ha']:,.1f} ha")]


def _one_field(outlines, order, place, result):
    """One field in full: the one that was clicked, or that is chosen by name."""
    numbers = [number for number, row in enumerate(order) if row is not None]
    numbers.sort(key=lambda number: order[number]["rank"] or len(order) + 1)
    clicked, state = outlines.at(*place) if place else None, f"fields.one.{result.id}"
    if clicked is not None and clicked in numbers and st.session_state.get(f"{state}.click") != place:
        st.session_state[f"{state}.click"] = place
        st.session_state[state] = clicked
    number = st.selectbox(
        "One field in full (or click it on the map)",
        numbers,
        None,
        format_func=lambda one: str(order[one]["field"]),
        placeholder="choose a field",
        key=state,
    )
    if number is not None:
        _detail(order[number], result)


def _detail(row, result):
    facts = result.facts
    rows = told(row, facts)
    st.markdown(f"**Field {messages.plain(row['field'])}** · " + " · ".join(f"{label} **{messages.plain(text)}**" for label, text in rows))
    left, right = st.columns(2, gap="medium")
    if row.get("shares"):
        with left:
            table = pd.DataFrame(_share_columns(row, facts))
            figure = fields_charts.shares_of_one(table, facts["classes"]["colors"])
            evidence.chart(figure, table, f"Share of each class in field {row['field']}", f"fields.shares.{result.id}", f"{row['field']}-classes.csv")
    trend = row.get("trend")
    if trend and sum(year["mean"] is not None for year in trend["means"]) > 1:
        with right:
            figure = fields_charts.years_of_one(trend, facts["unit"])
            evidence.chart(figure, trend["means"], f"Mean of field {row['field']} by year", f"fields.trend.{result.id}", f"{row['field']}-years.csv")


def _share_columns(row, facts):
    columns_ = {"class": facts["classes"]["labels"], "as drawn": row["shares"]}
    return columns_ | {"expected": row["shares_expected"], "from": row["shares_low"], "to": row["shares_high"]}


def ranked(facts):
    """Rows of the ranked table, as far as something is known."""
    rows = []
    for row in facts["rows"]:
        known = {name: row[name] for name in ("rank", "field", "area_ha", "mean", "low", "high")}
        if facts["classes"]:
            shares = row["shares_expected"] or [None] * len(facts["classes"]["labels"])
            percents = [None if share is None else 100 * share for share in shares]
            known |= {"class": row["class"], **dict(zip(facts["classes"]["labels"], percents, strict=True))}
        known["aoa_share"] = row["aoa_share"]
        if row.get("trend"):
            known |= {"slope": row["trend"]["slope"], "trend": _TREND_ICONS.get(row["trend"]["verdict"], row["trend"]["verdict"])}
        rows.append(known)
    table = pd.DataFrame(rows)
    return table.drop(columns=[name for name in ("low", "high", "aoa_share", "slope") if name in table and table[name].isna().all()])


def columns(facts):
    """How the ranked table is written."""
    unit = f" ({facts['unit']})" if facts["unit"] else ""
    level = f"{100 * facts['level']:.4g} % " if facts["level"] else ""
    number = st.column_config.NumberColumn
    shares = {
        label: number(f"{label} (%)", format="%.0f", help=f"Expected share of the field that is {label}, from the probabilities of all its pixels")
        for label in (facts["classes"] or {}).get("labels", ())
    }
    return {
        "rank": number("Rank", width="small"),
        "field": st.column_config.TextColumn("Field", pinned=True),
        "area_ha": number("Area (ha)", format="%.1f"),
        "mean": number(f"Mean{unit}", format="%.3g", help="Expected mean: of what may be there, not of the values as drawn"),
        "low": number(f"{level}from{unit}", format="%.3g"),
        "high": number(f"{level}to{unit}", format="%.3g"),
        "class": "Class of the mean",
        "aoa_share": st.column_config.ProgressColumn(
            "Like the samples", format="percent", min_value=0, max_value=1, help="Inside the area of applicability"
        ),
        "slope": number(f"Change per year{unit}", format="%.2g"),
        "trend": st.column_config.TextColumn("Trend", help="Rising or falling where the interval of the slope leaves out 0"),
        **shares,
    }


def _charts(result, facts, table):
    known = [row for row in facts["rows"] if row["mean"] is not None]
    if not known:
        return
    views = ["Means and intervals", *(["Classes"] if facts["classes"] else [])]
    view = st.segmented_control("Look at", views, default=views[0], required=True, key=f"fields.look.{len(views)}", persist_state="session")
    most = min(len(known), fields_charts.MOST_BARS)
    if len(known) > most:
        st.caption(f"The {most} fields with the highest means; table and files hold all {len(known):,}.")
    if view == "Classes":
        figure = fields_charts.shares(known[:most], facts["classes"])
        alt = "Expected share of every class in each field"
    else:
        figure = fields_charts.means(known[:most], facts)
        alt = f"Mean of each field with its interval, {facts['unit'] or 'unit not known'}"
    evidence.chart(figure, table, alt, f"fields.chart.{view}", f"{result.id}.csv", columns(facts))
