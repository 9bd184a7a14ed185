"""The guided tour of the demo: on every page one line that says what to try, until it is closed."""

import streamlit as st

from pages.ui import steps
from soilcore.project import demo

CLOSED = "guide_closed"  # pages whose line was closed, in the project
TRY = {
    "samples": "See what the checks found in 240 samples, then where they lie: along the roads, as campaigns do.",
    "imagery": "See how the bands were recognised, then choose the folder dates-2025 as the image: a season instead of one day.",
    "indices": "Press Correlate, then Search: which index goes best with the salt, and what chance alone would have found.",
    "model": "Compare two or three quick learners. Look at the spatial folds first; random folds flatter every one of them.",
    "map": "Click near the coast and read the place. Then compare with a divider: your map and the truth, which only the demo knows.",
    "explain": "Press Explain and see what the model leans on; then look whether permutation importance agrees.",
    "change": "Map the years 2019 to 2025 with the one model, and see where the salt moved by more than the model's error.",
    "fields": "Take the boundaries of the demo, compute the fields, then ask what water of 2 dS/m does to your crops.",
    "report": "Make the report as a page, then open the link to look at, on your telephone if it is in the same network.",
    "spectra": "Make an example library of spectra and train a model on it: samples from infrared light instead of wet chemistry.",
}


def line(name, work):
    """What to try on this page, above it; nothing outside of the demo, and nothing once it was closed.

    Parameters
    ----------
    name : str
        Of the page.
    work : Work
    """
    if name not in TRY or not is_demo(work):
        return
    state = work.state()
    if name in state.get(CLOSED, ()):
        return
    following = _next(name)
    with st.container(border=True, key="guide"):
        words, on, close = st.columns([7, 1.7, 1.2], vertical_alignment="center", gap="small")
        words.markdown(f":material/tour: **Try this:** {TRY[name]}")
        if following:
            with on:
                steps.link(following, f"Next: {steps.BY_NAME[following].title}")
        close.button(
            "Close", icon=":material/close:", key=f"guide.close.{name}", on_click=_close, args=(work, [name]), help="Close this hint", type="tertiary"
        )


def is_demo(work):
    """Whether the open project is the demo."""
    return work.project is not None and work.project.title == demo.TITLE


def tour(work):
    """The tour as a whole, for the start page: its first stop, and to open or close all hints."""
    closed = set(work.state().get(CLOSED, ()))
    with st.container(horizontal=True, vertical_alignment="center"):
        steps.link("samples", "Begin the tour")
        if closed >= set(TRY):
            st.button("Show the hints again", icon=":material/tour:", key="guide.open", on_click=_open, args=(work,), type="tertiary")
        else:
            st.button("No hints, please", icon=":material/close:", key="guide.none", on_click=_close, args=(work, list(TRY)), type="tertiary")


def _next(name):
    """The page after this one in the chain."""
    names = [step.name for step in steps.available()]
    after = names[names.index(name) + 1 :]
    return next((one for one in after if one in TRY), None)


def _close(work, names):
    work.remember(**{CLOSED: sorted({*work.state().get(CLOSED, ()), *names})})


def _open(work):
    work.remember(**{CLOSED: None})
