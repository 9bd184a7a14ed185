"""Indices: which bands and indices go with the target, and what chance alone would have found."""

import streamlit as st

from pages.ui import indices, messages, steps, theme
from pages.ui.session import current_work

work = current_work()
theme.header("Indices", "Which bands and spectral indices go with what you measured. Grey means: no better than chance among so many tries.")
steps.need("start", "samples")
if work.sample_settings.target is None:
    st.info("Choose the column to predict on the samples page first.", icon=":material/ads_click:")
    steps.link("samples", "Go to Samples", ":material/arrow_back:")
    st.stop()
if not work.scene_files:
    steps.need("imagery")

views = {"Correlation": indices.correlation, "Spectra by level": indices.spectra, "Search for new indices": indices.search}
view = st.segmented_control("View", list(views), default="Correlation", key="indices.view", persist_state="session") or "Correlation"
with messages.shown():
    views[view]()
steps.link("model", "On to the model", ":material/arrow_forward:")
