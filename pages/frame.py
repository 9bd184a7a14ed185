"""The picture frame: navigation, the chain in the sidebar, the running job; inside it the page."""

from pathlib import Path

import streamlit as st

from pages.ui import guide, jobs, messages, steps, theme
from pages.ui.session import current_work, keep_address

HERE = Path(__file__).resolve().parent

theme.set_up_page()
if "view" in st.query_params:  # before anything else: who looks on sees one project, and no way to another
    st.logo(theme.WORDMARK, size="large", icon_image=theme.LOGO)
    st.navigation([st.Page(HERE / "viewer.py", title="Map", default=True)], position="hidden").run()
    st.stop()
work = current_work()
pages = {
    step.name: st.Page(HERE / f"{step.name}.py", title=step.title, icon=step.icon, url_path=step.name, default=step.name == "start")
    for step in steps.available()
}
page = st.navigation(list(pages.values()), position="hidden")
st.logo(theme.WORDMARK, size="large", icon_image=theme.LOGO)

keep_address(work)
steps.sidebar(pages)
messages.note(work)
jobs.panel(pages)
guide.line(page.url_path or "start", work)
page.run()
