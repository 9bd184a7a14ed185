"""Indices: which bands and indices go with the target, and what chance alone would have found."""

import streamlit as st

from pages.ui import forms, index_rasters, indices, messages, search, steps, table_bands, theme
from pages.ui.session import current_work

work = current_work()
theme.header("Indices", "Which bands and spectral indices go with what you measured, and how much of that is chance.")
steps.need("start", "samples")
samples = forms.need_target()
table_bands.panel(samples)
if not table_bands.choices(samples):
    steps.need("imagery")

views = {
    "Correlation": indices.correlation,
    "Spectra by level": indices.spectra,
    "Search for new indices": search.panel,
}
if work.scene_files:
    views["Index rasters"] = index_rasters.panel
view = st.segmented_control(
    "View", list(views), default="Correlation", required=True, key=f"indices.view.{len(views)}", persist_state="session", wrap=True
)
with messages.shown():
    views.get(view, indices.correlation)()
steps.link("model", "On to the model", ":material/arrow_forward:")
