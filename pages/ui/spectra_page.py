"""The spectra page: its parts, of which one is drawn at a time, because each reads files."""

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages.ui import networks, spectra_attribution, spectra_kept, spectra_library, spectra_models, spectra_predict, spectra_steps

_PART = "spectra.part"
_KINDS = ("spectra-train", "spectra-compare")


@dataclass(frozen=True)
class Part:
    """One part of the page.

    Parameters
    ----------
    title, icon : str
    show : callable
        Draws it.
    """

    title: str
    icon: str
    show: Callable


def draw():
    """The chosen part, below it nothing else: a page of spectra is heavy enough."""
    networks.live()
    networks.unfinished(_KINDS)
    PARTS[_choose()].show()


def _choose():
    return (
        st.segmented_control(
            "Part of the page",
            list(PARTS),
            default=None if _PART in st.session_state else "library",  # a finished job opens the part with its result
            required=True,
            format_func=lambda name: f"{PARTS[name].icon} {PARTS[name].title}",
            key=_PART,
            persist_state="session",
            label_visibility="collapsed",
            wrap=True,
        )
        or "library"
    )


PARTS = {
    "library": Part("Library", ":material/library_books:", spectra_library.panel),
    "steps": Part("Preprocess", ":material/tune:", spectra_steps.panel),
    "models": Part("Compare", ":material/leaderboard:", spectra_models.panel),
    "kept": Part("Models", ":material/inventory_2:", spectra_kept.panel),
    "explain": Part("Explain", ":material/query_stats:", spectra_attribution.panel),
    "predict": Part("Predict", ":material/online_prediction:", spectra_predict.panel),
}
