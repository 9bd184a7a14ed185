"""The page of explanations: which model, the button, and below them one of the sections."""

import streamlit as st

from pages.ui import (
    cached,
    explain_asked,
    explain_dependence,
    explain_drivers,
    explain_kept,
    explain_maps,
    explain_network,
    explain_swarm,
    kept_network,
    messages,
    sections,
    steps,
)
from pages.ui.sections import Section
from pages.ui.session import current_work

KEY = "explain.part"


def draw():
    """The section that is open, of the model that is chosen."""
    identifier = _choose()
    with messages.shown(stop=True):
        learner = cached.model(identifier).learner
    is_network = kept_network.is_one(learner)
    kept = explain_kept.of_samples(identifier)
    explain_asked.form(identifier, kept, is_network)
    parts = _of_network(identifier, kept) if is_network else _of_table(identifier, kept)
    sections.draw(parts, f"{KEY}.network" if is_network else KEY)
    steps.link("map", "Why here? Click a place on the map", ":material/ads_click:")


def _choose():
    work = current_work()
    key = f"explain.model.{work.model}.{len(work.models)}"
    if len(work.models) == 1:
        return work.models[0]
    return st.selectbox("Model", work.models, work.models.index(work.model), key=key, on_change=_remember, args=(key,))


def _remember(key):
    current_work().remember(model=st.session_state[key])


def _of_table(identifier, kept):
    return {
        "drivers": Section("Drivers", ":material/leaderboard:", lambda: explain_drivers.panel(kept)),
        "samples": Section("Sample by sample", ":material/scatter_plot:", lambda: explain_swarm.panel(kept)),
        "dependence": Section("Along one driver", ":material/show_chart:", lambda: explain_dependence.panel(kept)),
        "maps": Section("On the map", ":material/map:", lambda: explain_maps.panel(identifier, kept)),
    }


def _of_network(identifier, kept):
    return {
        "drivers": Section("Drivers", ":material/leaderboard:", lambda: explain_network.drivers(kept)),
        "attention": Section("Where it looked", ":material/visibility:", lambda: explain_network.attention(identifier, kept)),
        "maps": Section("On the map", ":material/map:", lambda: explain_maps.panel(identifier, kept, is_network=True)),
    }
