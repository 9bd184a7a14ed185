"""The sections of the imagery page."""

import streamlit as st

from pages.ui import (
    cached,
    climate,
    covariate_cards,
    covariate_makers,
    forms,
    messages,
    regions,
    scene_dates,
    scene_facts,
    scene_map,
    scene_quality,
    scene_reading,
    stac_search,
)
from pages.ui.sections import Section
from pages.ui.session import current_work
from pages.ui.workspace import LIMIT_MB, SCENES


def _image():
    forms.choose_file(
        "scenes",
        "Upload an image",
        SCENES,
        LIMIT_MB["scenes"],
        "GeoTIFF with all bands or one per band, a Sentinel-2 product (.zip), a Landsat product (.tar), NetCDF",
    )
    if not current_work().scene_files:
        st.info(
            "No image yet. Sentinel-2 or Landsat surface reflectance works best; any band order is fine. "
            "Without a file of your own, find one under “Find images”.",
            icon=":material/satellite_alt:",
        )
        return
    scene_reading.form()
    with messages.shown(stop=True):
        opened = cached.imagery()
        if cached.is_series(opened):
            scene_dates.date_picker(opened)
        scene = cached.scene()
    scene_facts.product(scene)
    scene_facts.summary(scene)
    scene_facts.findings(scene)
    scene_quality.panel(scene)
    scene_facts.evidence(scene)
    scene_reading.keep_as_one()
    st.subheader("Where it lies", anchor=False)
    scene_map.panel(scene)
    st.subheader("Bands", anchor=False)
    with messages.shown():
        scene_facts.bands(scene)


def _predictors():
    covariate_cards.uploader()
    covariate_cards.cards()
    covariate_makers.panel()


SECTIONS = {
    "image": Section("Image", ":material/satellite_alt:", _image),
    "search": Section("Find images", ":material/travel_explore:", stac_search.panel),
    "dates": Section("Several dates", ":material/calendar_month:", scene_dates.panel),
    "predictors": Section("Other predictors", ":material/layers:", _predictors),
    "climate": Section("Climate", ":material/thermostat:", climate.panel),
    "area": Section("Area of interest", ":material/crop_free:", regions.panel),
}
