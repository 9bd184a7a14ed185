"""Viewer: the map of one project to look at and to click, for a phone as well as a desk; opened by ``?view=<project id>``."""

import streamlit as st

from pages.ui import viewer_page

viewer_page.draw(st.query_params.get("view", ""))
