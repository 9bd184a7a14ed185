"""Imagery: which bands an image holds, how its numbers become reflectance and why, and what is wrong with it."""

import streamlit as st

from pages.ui import cached, forms, imagery, messages, steps, theme
from pages.ui.session import current_work
from pages.ui.workspace import BOUNDARIES, LIMIT_MB, RASTERS

work = current_work()
theme.header(
    "Imagery", "The satellite image and the rasters beside it. Nothing is guessed silently: roles, scale and offset stand here with the evidence."
)
steps.need("start")
forms.choose_file("scenes", "Upload an image", RASTERS, LIMIT_MB["scenes"], "one GeoTIFF or COG with all bands, or one file per band")
if not work.scene_files:
    st.info("No image yet. Sentinel-2 or Landsat surface reflectance works best; any band order is fine.", icon=":material/satellite_alt:")
    st.stop()
imagery.scene_settings()
with messages.shown(stop=True):
    scene = cached.scene()
imagery.summary(scene)
imagery.keep_as_one(scene)

left, right = st.columns([3, 1], gap="large")
with left, messages.shown():
    imagery.picture(scene)
with right, messages.shown():
    imagery.overlap(scene)

st.subheader("Bands", anchor=False)
with messages.shown():
    imagery.bands(scene)

st.subheader("Other rasters and the area of interest", anchor=False)
first, second = st.columns(2)
with first:
    st.markdown("Elevation, soil maps, distance to the coast: any raster in any projection becomes a predictor.")
    forms.choose_file("covariates", "Upload a raster", RASTERS, LIMIT_MB["covariates"], "GeoTIFF")
    imagery.covariates()
with second:
    st.markdown("A boundary limits maps and area tables to what matters.")
    forms.choose_file("regions", "Upload a boundary", BOUNDARIES, LIMIT_MB["regions"], "GeoPackage, GeoJSON or zipped shapefile")
    imagery.regions()
steps.link("indices", "On to indices", ":material/arrow_forward:")
