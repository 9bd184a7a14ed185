"""Finished advice on crops and water: in plain words, ranked, field by field, on the map, and the water that keeps salt away."""

import pandas as pd
import streamlit as st

from pages.ui import (
    advice_water,
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
)

_BEST = 3
_ABOUT = "Map of the expected yields of crops; the tables above hold the same for the mapped land and for each field."


def draw(result, chosen):
    """Everything of one advice on crops."""
    facts = result.facts
    if facts.get("carbon"):
        st.info("This advice is on carbon, not on crops.", icon=":material/eco:")
        return
    plain_words.block(facts["sentences"], facts, chosen.date, chosen.finished.coverage)
    views = {
        "Crops": lambda: _crops(result),
        **({"Fields": lambda: _fields(result)} if any(row["crops"] for row in facts["fields"]) else {}),
        "Map": lambda: _map(result, chosen),
        "Water": lambda: advice_water.panel(result),
    }
    view = st.segmented_control("Look at", list(views), default="Crops", required=True, key=f"advice.look.{len(views)}", persist_state="session")
    views.get(view, views["Crops"])()
    plain_words.fine_print(facts)
    first = [f"yield_{one}.tif" for one in mapped(result)]
    result_files.downloads(result.folder, result.id, f"advice.files.{result.id}", first=(*first[:3], "best_crop.tif", "fields.gpkg", "fields.csv"))


def mapped(result):
    """Ids of the crops whose yield was mapped, the best first."""
    return [row["id"] for row in result.facts["crops"] if result.file(f"yield_{row['id']}.tif")]


def ratings():
    """Ratings in words."""
    from soilcore.core.tables import load_table

    return load_table("crops")["ratings"]


def _crops(result):
    from soilcore.mapping.advice_words import likelihood

    facts, words = result.facts, ratings()
    rows = [row for row in facts["crops"] if row["yield"] is not None]
    table = pd.DataFrame(
        {
            "Crop": [row["name"] for row in rows],
            "Tolerance": [words[row["rating"]] for row in rows],
            "yield": [row["yield"] for row in rows],
            "low": [row["yield_low"] for row in rows],
            "high": [row["yield_high"] for row in rows],
            "good": ["–" if row["p_good"] is None else likelihood(row["p_good"]) for row in rows],
            "land": [100 * row["good_share"] if row["good_share"] is not None else None for row in rows],
            "threshold": [row["threshold"] for row in rows],
            **(
                {"drain": [None if row["leaching_requirement"] is None else 100 * row["leaching_requirement"] for row in rows]}
                if facts["leaching"]
                else {}
            ),
        }
    )
    config = _columns(rows[0]["least"] if rows else 90, facts["level"])
    st.dataframe(table, hide_index=True, placeholder="–", alt="Crops ranked by their expected relative yield", column_config=config)
    figure = fields_charts.yields(rows[: fields_charts.MOST_BARS], words, rows[0]["least"]) if rows else None
    if figure is not None:
        alt = "Expected relative yield of each crop on the mapped land, with its interval"
        evidence.chart(figure, table, alt, f"advice.yields.{result.id}", f"{result.id}-crops.csv", config)


def _columns(least, level):
    number = st.column_config.NumberColumn
    words = f"{100 * level:.4g} % " if level else ""
    return {
        "Crop": st.column_config.TextColumn(pinned=True),
        "yield": number("Expected yield (%)", format="%.0f", help="Of the yield without salt, on the mean of the mapped land"),
        "low": number(f"{words}from (%)", format="%.0f"),
        "high": number(f"{words}to (%)", format="%.0f"),
        "good": st.column_config.TextColumn(f"At least {least:.0f} %", help="How likely a good harvest is on average, as far as salt decides"),
        "land": number(f"Land with at least {least:.0f} % (%)", format="%.0f", help="Expected share of the mapped land"),
        "threshold": number("Full yield up to (dS/m)", format="%.2g"),
        "drain": number("Must drain (%)", format="%.0f", help="Part of the irrigation water that must drain below the roots"),
    }


def best_of_fields(facts):
    """Fields with their best crops, one row each; the highest mean first."""
    rows = sorted((row for row in facts["fields"] if row["crops"]), key=lambda row: -row["mean"])
    table = {"Field": [str(row["field"]) for row in rows], "mean": [row["mean"] for row in rows]}
    for place in range(min(_BEST, max((len(row["crops"]) for row in rows), default=0))):
        best = [row["crops"][place] for row in rows]
        table[("Best crop", "Second", "Third")[place]] = [f"{one['name']} ({one['yield']:.0f} %)" for one in best]
    table["low"] = [row["crops"][0]["yield_low"] for row in rows]
    table["high"] = [row["crops"][0]["yield_high"] for row in rows]
    table["aoa"] = [row["aoa_share"] for row in rows]
    return pd.DataFrame(table)


def _fields(result):
    facts = result.facts
    if not facts["named"]:
        st.caption("Of all crops of the table the most tolerant lead everywhere; choose the crops you can grow, and compute again, to compare those.")
    table = best_of_fields(facts)
    number = st.column_config.NumberColumn
    config = {
        "Field": st.column_config.TextColumn(pinned=True),
        "mean": number(f"Mean ({facts['unit']})", format="%.3g"),
        "low": number("Best: yield from (%)", format="%.0f"),
        "high": number("to (%)", format="%.0f"),
        "aoa": st.column_config.ProgressColumn("Like the samples", format="percent", min_value=0, max_value=1),
    }
    st.dataframe(table, hide_index=True, placeholder="–", alt="Best crops of every field", column_config=config)
    missed = [row["field"] for row in facts["fields"] if not row["crops"]]
    if missed:
        names = ", ".join(map(messages.plain, missed[:8]))
        st.caption(f"{len(missed)} fields have no mapped pixel: {names}{' ...' if len(missed) > 8 else ''}.")


@st.fragment
def _map(result, chosen):
    if not maps.ready():
        return
    with messages.shown():
        there, names = mapped(result), {row["id"]: row["name"] for row in result.facts["crops"]}
        if not there:
            st.info("No crop was mapped.", icon=":material/map:")
            return
        rasters = {one: _yield_layers(result, one, names[one]) for one in there}
        shown = [several[0] for several in rasters.values()]
        if best := result.file("best_crop.tif"):
            shown.append(fields_map.picture(best, "Best of the mapped crops", "Pixels"))
        shown += [bound for several in rasters.values() for bound in several[1:]]
        drawn, bounds = _coloured(result)
        told = [line for one, several in rasters.items() for line in _lines(names[one], several, result.facts["level"])]
        with st.spinner("Drawing the map ..."):
            fields_picture.show(f"advice-{result.id}", drawn, shown, fields_map.background(), told=told, bounds=bounds, about=_ABOUT)
        if areas := result.facts.get("best_ha"):
            st.caption(
                "Of the mapped crops, best on: " + " · ".join(f"{messages.plain(names[one])} {hectares:,.0f} ha" for one, hectares in areas.items())
            )


def _lines(name, several, level):
    """What a click tells of one crop: its expected yield, and its bounds on a line of their own."""
    lines = [(name, [several[0]])]
    return [*lines, (f"{100 * level:.4g} % interval" if level else "Interval", several[1:])] if len(several) == 3 else lines


def _yield_layers(result, identifier, name):
    files = {"": f"Yield of {name}", "_lower": f"{name}: low", "_upper": f"{name}: high"}
    layers = []
    for suffix, label in files.items():
        if path := result.file(f"yield_{identifier}{suffix}.tif"):
            layers.append(fields_map.picture(path, label, "How sure" if suffix else "Pixels"))
    return layers


def _coloured(result):
    """Fields by their best crop and by the yield of each mapped crop."""
    path = result.file("fields.gpkg")
    if path is None:
        return (), None
    outlines = fields_shapes.read(path)
    rows = {row["number"]: row for row in result.facts["fields"]}
    order = [rows.get(number) for number in range(len(outlines.rings))]
    entries = [
        [rings if number < fields_shapes.MOST_DRAWN else [], str(row["field"]) if row else "", []]
        for number, (rings, row) in enumerate(zip(outlines.rings, order, strict=True))
    ]
    colourings = [fields_colours.by_name("Best crop of the field", "Best crop of the field", [_best(row) for row in order])]
    for identifier in mapped(result)[:_BEST]:
        found = [_of(row, identifier) for row in order]
        name = next((one["name"] for one in found if one), identifier)
        values = [one["yield"] if one else None for one in found]
        colourings.append(fields_colours.by_number(f"Field mean: {name}", f"Expected relative yield of {name} (%)", values, "%", "viridis", 0, 100))
    return fields_shapes.add(fields_shapes.Shapes(entries), colourings, popup=False), outlines.bounds(
        [number for number, row in enumerate(order) if row and row["crops"]]
    )


def _best(row):
    return row["crops"][0]["name"] if row and row["crops"] else None


def _of(row, identifier):
    return next((one for one in row["crops"] if one["id"] == identifier), None) if row else None
