"""Map: a trained model over an image, as values and classes with units; click a place, compare, download."""

import streamlit as st

from pages.ui import explore, map_results, mapping, maps, messages, result_files, steps, theme
from pages.ui.session import current_work

work = current_work()
theme.header("Map", "What the model says about every pixel, as values and as classes. Click a place to read it; the files open in QGIS.")
steps.need("start", "model")

with st.expander("Make a new map", icon=":material/add_location_alt:", expanded=not work.maps), messages.shown():
    mapping.form()
if not work.maps:
    st.stop()

with messages.shown(stop=True):
    made = mapping.choose()
with messages.shown():
    map_results.summary(made)
if maps.ready():
    explore.picture(made)
map_results.areas(made)
result_files.downloads(made.folder, made.id, "map", first=("map", "map.qml", "map_class", "map_class.qml"))
