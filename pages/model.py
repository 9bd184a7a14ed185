"""Model: learners compared under the same folds, the honest score first; then one is trained and kept."""

import streamlit as st

from pages.ui import messages, modelling, steps, theme
from pages.ui.session import current_work

work = current_work()
theme.header(
    "Model", "Learners under the same folds. The score for places nobody sampled comes first; the random one stands beside it to show the gap."
)
steps.need("start", "samples")
if work.sample_settings.target is None:
    st.info("Choose the column to predict on the samples page first.", icon=":material/ads_click:")
    steps.link("samples", "Go to Samples", ":material/arrow_back:")
    st.stop()

with messages.shown():
    asked = modelling.form()
    modelling.buttons(asked)
modelling.comparison()
modelling.table4()
modelling.models()
steps.link("map", "On to the map", ":material/arrow_forward:")
