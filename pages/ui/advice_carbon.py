"""Organic carbon of a map as a stock: asked with density and depth, shown in plain words, by field, on the map and as files."""

import pandas as pd
import streamlit as st

from pages.ui import fields_colours, fields_kept, fields_map, fields_picture, fields_shapes, jobs, maps, messages, plain_words, result_files, theme
from pages.ui.advice_crops import where
from pages.ui.session import current_work
from soilcore.mapping.ramps import CONTINUOUS

_ABOUT = "Map of the stock of organic carbon; the table below holds it for each field."
_LAYERS = (("stock", "Stock"), ("stock_lower", "Lower bound of the stock"), ("stock_upper", "Upper bound of the stock"))


def panel(chosen):
    """Form and result."""
    st.caption("The map shows organic carbon, so there is no advice on crops: their tolerance is known for salinity.")
    found = [one for one in fields_kept.every(fields_kept.ADVICE, chosen.made.id) if one.facts.get("carbon")]
    with st.expander("Compute the stock", icon=":material/eco:", expanded=not found), messages.shown():
        _form(chosen)
    if found:
        result = fields_kept.choose(found, "Stocks that were computed")
        with messages.shown():
            _draw(result, chosen)


def _form(chosen):
    left, middle, right = st.columns(3, gap="medium")
    asked = {"persist_state": "session", "placeholder": "needed"}
    density = left.number_input(
        "Bulk density (g/cm³)", 0.05, 2.7, None, 0.05, key="advice.density", help="Of the fine earth, as measured; kg/m³ divided by 1000", **asked
    )
    depth = middle.number_input(
        "Thickness of the layer (cm)", 0.5, 500.0, None, 5.0, key="advice.depth", help="The layer that the samples were taken from", **asked
    )
    coarse = right.number_input("Stones (part of the volume, %)", 0.0, 95.0, 0.0, 1.0, key="advice.coarse", persist_state="session")
    field_by_field = chosen.boundaries is not None and right.toggle("Field by field", True, key="advice.carbon.fields", persist_state="session")
    ready = density is not None and depth is not None
    task = _task(chosen, density, depth, coarse / 100, field_by_field)
    jobs.button("Compute the stock", ":material/play_arrow:", ("advise", task, "Stock of organic carbon"), "advice.stock", ready)
    if not ready:
        st.caption("A stock needs the bulk density and the thickness of the layer.")


def _task(chosen, density, depth, coarse, field_by_field):
    from soilcore.project.act_settings import AdviseTask

    out = f"fields/{current_work().project.new_id('fields', 'stock')}"
    return AdviseTask(chosen.map, out=out, bulk_density=density, depth_cm=depth, coarse=coarse, **where(chosen, field_by_field))


def _draw(result, chosen):
    facts = result.facts
    plain_words.block(facts["sentences"], facts, chosen.date, chosen.finished.coverage)
    carbon = facts["carbon"]
    common = {"border": True, "width": 260, "delta_color": "off", "delta_arrow": "off"}
    with st.container(horizontal=True, key="advice.carbon.cards"):
        for label, name, unit in (("Stock per hectare", "{}_t_ha", "t/ha"), ("Stock of the mapped land", "total{}_t", "t")):
            value, low, high = (carbon[key] for key in _keys(name))
            bounds = f"{theme.number(low)} to {theme.number(high)}" if facts["level"] and low is not None else "without interval"
            st.metric(label, f"{theme.number(value)} {unit}", bounds, **common)
    if maps.ready():
        _picture(result)
    if facts["fields"]:
        st.subheader("Fields", anchor=False)
        st.dataframe(_table(facts), hide_index=True, placeholder="–", alt="Stock of organic carbon of every field", column_config=_config())
    plain_words.fine_print(facts)
    first = ("stock.tif", "stock_lower.tif", "stock_upper.tif", "fields.gpkg", "fields.csv")
    result_files.downloads(result.folder, result.id, f"advice.files.{result.id}", first=first)


def _keys(name):
    return ("mean_t_ha", "low_t_ha", "high_t_ha") if name.endswith("t_ha") else ("total_t", "total_low_t", "total_high_t")


def _table(facts):
    rows = sorted(facts["fields"], key=lambda row: -(row["stock_t_ha"] or 0))
    names = {"field": "field", "stock": "stock_t_ha", "low": "stock_low_t_ha", "high": "stock_high_t_ha", "mapped": "mapped_ha", "aoa": "aoa_share"}
    table = pd.DataFrame([{name: row[key] for name, key in names.items()} for row in rows])
    return table.drop(columns=[name for name in ("low", "high", "aoa") if table[name].isna().all()])


def _config():
    number = st.column_config.NumberColumn
    return {
        "field": st.column_config.TextColumn("Field", pinned=True),
        "stock": number("Stock (t/ha)", format="%.3g"),
        "low": number("from (t/ha)", format="%.3g"),
        "high": number("to (t/ha)", format="%.3g"),
        "mapped": number("Mapped (ha)", format="%.1f"),
        "aoa": st.column_config.ProgressColumn("Like the samples", format="percent", min_value=0, max_value=1),
    }


@st.fragment
def _picture(result):
    with messages.shown():
        shown = [fields_map.picture(path, label, "Pixels") for name, label in _LAYERS if (path := result.file(f"{name}.tif"))]
        drawn, bounds = _coloured(result)
        told = [("Stock", [shown[0]]), *([("Interval", shown[1:])] if len(shown) == 3 else [])] if shown else []
        with st.spinner("Drawing the map ..."):
            fields_picture.show(f"stock-{result.id}", drawn, shown, fields_map.background(), told=told, bounds=bounds, about=_ABOUT)


def _coloured(result):
    """Fields by their stock."""
    path, rows = result.file("fields.gpkg"), result.facts["fields"]
    if path is None:
        return (), None
    outlines = fields_shapes.read(path)
    by_number = {row["number"]: row for row in rows}
    order = [by_number.get(number) for number in range(len(outlines.rings))]
    entries = [[rings, str(row["field"]) if row else "", []] for rings, row in zip(outlines.rings, order, strict=True)]
    values = [row["stock_t_ha"] if row else None for row in order]
    colourings = [fields_colours.by_number("Stock of the field", "Stock of organic carbon of the field (t/ha)", values, "t/ha", CONTINUOUS)]
    return fields_shapes.add(fields_shapes.Shapes(entries), colourings, popup=False), outlines.bounds(
        [number for number, value in enumerate(values) if value is not None]
    )
