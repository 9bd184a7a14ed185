"""Samples: a table comes in, is checked row by row, and its target gets a unit."""

import streamlit as st

from pages.ui import cached, charts, forms, hot_spots, messages, samples, steps, theme
from pages.ui.session import current_work
from pages.ui.workspace import LIMIT_MB, TABLES
from soilcore.core.errors import SoilcoreError

work = current_work()
theme.header("Samples", "The table you brought from the field or the laboratory. Every problem is named with its row and what to do about it.")
steps.need("start")
forms.choose_file("samples", "Upload a table", TABLES, LIMIT_MB["samples"], "CSV, TSV, XLSX, GeoPackage, GeoJSON, zipped shapefile or parquet")
if work.samples_file is None:
    st.info(
        "No table yet. Upload one above: one row per sample, one column for what was measured, and coordinates if you want a map.",
        icon=":material/table_view:",
    )
    st.stop()

samples.choose_sheet()
try:
    table = cached.samples()
except SoilcoreError as error:
    messages.refused(error)
    samples.file_form()
    samples.start_again(work.choose_samples, work.samples_file, "samples.afresh")
    st.stop()
samples.settings_form(table)
with messages.shown(stop=True):
    found = cached.findings()
samples.cards(table, found)
samples.findings(found)

if table.target is None:
    st.info("Choose the column to predict above; its distribution, classes and units follow.", icon=":material/ads_click:")
else:
    target = table.target
    title = f"{target.column} ({target.unit})" if target.unit else f"{target.column} (unit not known)"
    st.subheader("Distribution and places", anchor=False)
    log = st.toggle("Logarithmic", key="samples.log", persist_state="session", help="For skewed values; those at or below 0 are left out")
    left, right = st.columns(2)
    with left:
        st.plotly_chart(charts.histogram(target.values, title, log), alt=f"Histogram of {title}", key="samples.histogram")
    with right:
        if table.has_places:
            figure = charts.places(table.x, table.y, target.values, title, table.crs, log)
            st.plotly_chart(figure, alt=f"Samples by coordinates, coloured by {title}", key="samples.places")
        else:
            st.info(
                "This table has no coordinates. Models of its columns work; images, maps and spatial folds do not.", icon=":material/wrong_location:"
            )
    with messages.shown():
        if table.has_places and table.crs is not None:
            hot_spots.panel(table)
        samples.class_shares(target)
        samples.sensitivity(table)

with st.expander("The table as it was read", icon=":material/table:"):
    st.dataframe(table.table, placeholder="", alt="The sample table")
steps.link("imagery", "On to imagery", ":material/arrow_forward:")
