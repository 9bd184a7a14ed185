"""Samples: a table comes in, is checked row by row, and its target gets a unit."""

import pandas as pd
import streamlit as st

from pages.ui import cached, charts, forms, messages, steps, theme
from pages.ui.session import current_work
from pages.ui.workspace import LIMIT_MB, TABLES

work = current_work()
theme.header("Samples", "The table you brought from the field or the laboratory. Every problem is named with its row and what to do about it.")
steps.need("start")
forms.choose_file("samples", "Upload a table", TABLES, LIMIT_MB["samples"], "csv, tsv, txt, xlsx, GeoPackage, GeoJSON, zipped shapefile or parquet")
if work.samples_file is None:
    st.info(
        "No table yet. Upload one above: one row per sample, one column for what was measured, and coordinates if you want a map.",
        icon=":material/table_view:",
    )
    st.stop()

with messages.shown(stop=True):
    samples = cached.samples()
forms.sample_settings(samples)
with messages.shown(stop=True):
    found = cached.findings()

target = samples.target
errors = sum(finding["severity"] == "error" for finding in found)
cards = st.columns(4)
cards[0].metric("Samples", len(samples))
cards[1].metric(
    "Coordinates",
    "yes" if samples.has_places else "none",
    help="Without coordinates a model can be trained on table columns, but nothing can be read from imagery and no block folds be made.",
)
cards[2].metric("Target", f"{target.column}" if target else "not chosen", help=target.method if target and target.method else None)
cards[3].metric(
    "Findings",
    f"{len(found)}",
    delta=f"{errors} must be mended" if errors else "nothing must be mended",
    delta_color="inverse" if errors else "off",
    delta_arrow="off",
)
if samples.crs is not None:
    st.caption(f"Coordinate reference system: {messages.plain(samples.crs.name)}")
messages.assumed(samples.assumed)

if found:
    st.subheader("What was found", anchor=False)
    messages.findings(found)
    st.download_button(
        "Findings as CSV", pd.DataFrame(found).to_csv(index=False), "findings.csv", "text/csv", icon=":material/download:", key="samples.findings"
    )
else:
    st.success("The checks found nothing to mention.", icon=":material/check_circle:")

if target is not None:
    from soilcore.core.classes import schemes_that_fit

    title = f"{target.column}" + (f" ({target.unit})" if target.unit else "")
    left, right = st.columns(2)
    with left:
        st.subheader("Distribution", anchor=False)
        log = st.toggle("Logarithmic", key="samples.log", persist_state="session")
        st.plotly_chart(charts.histogram(target.values, title, log), alt=f"Histogram of {title}", key="samples.histogram")
    with right:
        st.subheader("Where they lie", anchor=False)
        if samples.has_places:
            figure = charts.places(samples.x, samples.y, target.values, target.unit, samples.crs is not None and samples.crs.is_geographic)
            st.plotly_chart(figure, alt="Samples by coordinates, coloured by the target", key="samples.places")
        else:
            st.info("This table has no coordinates.", icon=":material/wrong_location:")
    forms.class_shares(target, schemes_that_fit(target.unit, target.form))
    forms.sensitivity(samples)
else:
    st.info("Choose the column to predict above; its distribution, classes and units follow.", icon=":material/ads_click:")

with st.expander("The table as it was read", icon=":material/table:"):
    st.dataframe(samples.table, alt="The sample table")
steps.link("imagery", "On to imagery", ":material/arrow_forward:")
