"""The look the pages share: header, colours that everyone can tell apart, and how numbers are written."""

from pathlib import Path

import streamlit as st

ASSETS = Path(__file__).resolve().parents[2] / "assets"
LOGO = ASSETS / "logo.svg"
WORDMARK = ASSETS / "wordmark.svg"
STYLES = ASSETS / "styles.css"

# viridis reversed: light is not saline, dark is extreme; told apart under every kind of colour blindness and in grey
CLASS_COLORS = ("#fde725", "#5cc863", "#21908d", "#3b518b", "#440154")
# cividis reversed, for continuous layers
RAMP_COLORS = ("#fee838", "#bbad6d", "#7c7b78", "#424e6c", "#00224e")
# blue to orange, for differences
DIVERGING_COLORS = ("#2166ac", "#92c5de", "#f7f7f7", "#fdb863", "#b35806")


def set_up_page():
    """What every page has before anything else; before `st.navigation`, else a page's icon is fetched from outside."""
    st.set_page_config(page_title="soilcore", page_icon=LOGO, layout="wide", initial_sidebar_state="auto")
    st.html(STYLES)


def header(title, purpose):
    """A page's name and, in one sentence, what it is for."""
    st.title(title, anchor=False)
    st.markdown(purpose)


def percent(share):
    """A share for people: whole percent, a dash for nothing."""
    return "–" if share is None or share != share else f"{100 * share:.0f} %"


def number(value, digits=3):
    """A number for people: three significant digits, no exponent in the usual range, a dash for nothing."""
    if value is None or value != value:
        return "–"
    if value == 0 or 0.001 <= abs(value) < 1e5:
        text = f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"
        return text if "e" not in text else f"{value:,.0f}"
    return f"{value:.{digits - 1}e}"
