"""The area of interest: a boundary that maps and area tables end at."""

import streamlit as st

from pages.ui import forms
from pages.ui.session import current_work
from pages.ui.workspace import BOUNDARIES, LIMIT_MB


def panel():
    """Upload a boundary, and choose the one to work in."""
    st.markdown("A boundary limits maps and area tables to what matters.")
    forms.choose_file("regions", "Upload a boundary", BOUNDARIES, LIMIT_MB["regions"], "GeoPackage, GeoJSON or zipped shapefile")
    work = current_work()
    there = work.project.items("regions")
    if not there:
        return
    now = work.state().get("aoi")
    options = [None, *there]
    key = f"imagery.aoi.{now}"
    index = options.index(now) if now in there else 0
    words = {None: "the whole image"}
    st.selectbox(
        "Area of interest", options, index=index, format_func=lambda name: words.get(name, name), key=key, on_change=_remember_area, args=(key,)
    )


def _remember_area(key):
    current_work().remember(aoi=st.session_state[key])
