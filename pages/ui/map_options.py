"""What else a map should say: intervals, chances of exceeding values, and where the model may be believed."""

from dataclasses import dataclass

import streamlit as st

from pages.ui import messages

_LEVELS = (None, 0.8, 0.9, 0.95)
_WORDS = {None: "none", 0.8: "80 %", 0.9: "90 %", 0.95: "95 %"}


@dataclass(frozen=True)
class Options:
    """What was chosen.

    Parameters
    ----------
    interval : float or None
        Level of the bounds.
    thresholds : tuple of float
        Values whose exceedance is asked for, unit of the target.
    aoa : bool
        Whether area of applicability and expected error are mapped.
    ready : bool
        False while the values cannot be read.
    """

    interval: float | None = None
    thresholds: tuple[float, ...] = ()
    aoa: bool = False
    ready: bool = True


def form(model):
    """Ask for them.

    Parameters
    ----------
    model : dict
        As `model.json` says.

    Returns
    -------
    Options
    """
    stored = model.get("trust") or {}
    sure, where = any(name.split(".")[0] == "interval" for name in stored), any(name.startswith("aoa.") for name in stored)
    if not (sure or where):
        st.caption("This model was trained before there were intervals and areas of applicability. Train it again to map them.")
        return Options()
    first, second, third = st.columns([5, 4, 4], gap="medium", vertical_alignment="bottom")
    level, thresholds, ready = None, (), True
    if sure:
        with first:
            level = st.segmented_control(
                "Interval round every value",
                _LEVELS,
                default=0.9,
                required=True,
                format_func=_WORDS.get,
                key="map.level",
                persist_state="session",
                help="Two more layers: between them the true value should lie that often",
                wrap=True,
            )
        with second:
            thresholds, ready = _thresholds(model)
    with third:
        aoa = where and st.toggle(
            "Area of applicability",
            True,
            key="map.aoa.wanted",
            persist_state="session",
            help="Area of applicability, dissimilarity, expected error, and how many samples are alike",
        )
    return Options(level, thresholds, aoa, ready)


def _thresholds(model):
    unit = model["target"]["unit"] or "unit not known"
    text = st.text_input(
        f"Chance of more than ({unit})",
        "4" if model["target"].get("form") == "ECe" else "",
        placeholder="e.g. 4, 8",
        key=f"map.thresholds.{model['target']['column']}.{unit}",
        persist_state="session",
        help="A layer with the probability of exceeding each of these values",
    )
    try:
        return tuple(sorted({float(part) for part in text.replace(";", ",").split(",") if part.strip()})), True
    except ValueError:
        st.caption(f":material/error: {messages.plain(text)} cannot be read. Write numbers with commas between them, for instance 4, 8.")
        return (), False
