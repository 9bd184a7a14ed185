"""Pages in sections, of which one is drawn at a time, because each reads files."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st


@dataclass(frozen=True)
class Section:
    """One part of a page.

    Parameters
    ----------
    title, icon : str
    show : callable
        Draws it.
    """

    title: str
    icon: str
    show: Callable


def draw(sections, key):
    """Ask which section is open, at first the first one, and draw it.

    Parameters
    ----------
    sections : dict of str to Section
    key : str
        Under which the name of the open one is kept; a finished job sets it to open the section with its result.
    """
    first = next(iter(sections))
    chosen = st.segmented_control(
        "Part of the page",
        list(sections),
        default=None if key in st.session_state else first,
        required=True,
        format_func=lambda name: f"{sections[name].icon} {sections[name].title}",
        key=key,
        persist_state="session",
        label_visibility="collapsed",
        wrap=True,
    )
    sections[chosen or first].show()
