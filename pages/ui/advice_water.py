"""Irrigation water: how much of it must drain below the roots, for any conductivity, at once."""

import math

import pandas as pd
import streamlit as st

from pages.ui import evidence, fields_charts, messages
from soilcore.core.errors import SoilcoreError

_SENTENCES = 3


def panel(result):
    """Leaching requirement of every crop of a result, for the conductivity that is asked here."""
    facts = result.facts
    asked = (facts.get("leaching") or {}).get("water")
    st.markdown(
        "Salt stays in the soil when water leaves through plants. A part of the irrigation water must drain below the roots to carry it away."
    )
    water = st.number_input(
        "Conductivity of the irrigation water (dS/m)",
        0.0,
        60.0,
        asked,
        0.1,
        key=f"advice.water.{result.id}",
        placeholder="measure it, or ask the supplier",
    )
    if water is None:
        st.info("Type the conductivity of your water to see how much of it must drain. 1000 µS/cm are 1 dS/m.", icon=":material/water_drop:")
        return
    try:
        rows, sentences = leaching(facts, water)
    except SoilcoreError as error:
        messages.refused(error)
        return
    st.markdown("\n".join(f"- {messages.plain(sentence)}" for sentence in sentences))
    table = pd.DataFrame(rows)
    config = {
        "crop": "Crop",
        "kept": st.column_config.NumberColumn(
            "Soil kept at (dS/m)", format="%.3g", help="ECe at which the crop gives the harvest that was called good"
        ),
        "part": st.column_config.NumberColumn("Must drain", format="percent"),
        "times": st.column_config.NumberColumn("Water to apply, times the crop's use", format="%.2f"),
        "full": st.column_config.NumberColumn("Must drain for the full yield", format="percent"),
    }
    possible = [row for row in rows if row["part"] is not None]
    if possible:
        figure = fields_charts.leaching(possible[: fields_charts.MOST_BARS])
        alt = f"Part of water of {water:g} dS/m that must drain, by crop"
        evidence.chart(figure, table, alt, f"advice.leaching.{result.id}", f"{result.id}-leaching.csv", config)
    impossible = [row["crop"] for row in rows if row["part"] is None]
    if impossible:
        st.caption(f"Too salty for {messages.plain(', '.join(impossible))}: no amount of this water holds the soil at what they stand.")
    st.caption("Rule of FAO 29 (Ayers and Westcot 1985): LR = ECw / (5 ECe - ECw); rain and the efficiency of the irrigation are not in it.")


def leaching(facts, water):
    """Rows and sentences of the water that must drain.

    Parameters
    ----------
    facts : dict
        Of advice on crops.
    water : float
        dS/m.

    Returns
    -------
    rows : list of dict
        ``crop``, ``kept`` (dS/m), ``part``, ``times``, ``full``; None where no amount suffices.
    sentences : list of str
    """
    from soilcore.mapping.advice_words import leaching_sentence, present_sentence

    rows, sentences = [], []
    for crop in facts["crops"]:
        part, full = _part(water, crop["ece_least"]), _part(water, crop["threshold"])
        times = None if part is None else 1 / (1 - part)
        rows.append({"crop": crop["name"], "kept": crop["ece_least"], "part": part, "times": times, "full": full})
        if len(sentences) < _SENTENCES:
            sentences.append(leaching_sentence({**crop, "leaching_requirement": part, "leaching_requirement_full": full}, water))
    # a saltier soil stands for less leaching, so the bounds change places
    present = {name: _part(water, facts[key]) for name, key in (("value", "mean"), ("low", "mean_high"), ("high", "mean_low"))}
    sentences.append(present_sentence(present, water))
    return rows, [sentence for sentence in sentences if sentence]


def _part(water, ece):
    """Part of the water that must drain to hold the soil at `ece`; None where it is not known or no amount suffices."""
    from soilcore.mapping.crops import leaching_requirement

    if ece is None:
        return None
    part = float(leaching_requirement(water, ece))
    return part if math.isfinite(part) else None
