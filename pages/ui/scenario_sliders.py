"""Sliders of a scenario: what may be changed, by how much before the model has nothing to go by, and the change as the engine reads it."""

import math
from dataclasses import dataclass

import streamlit as st

from pages.ui import map_networks, messages, theme

ADD, MULTIPLY, SET = "+", "*", "="
_OPERATIONS = {ADD: "add", MULTIPLY: "multiply", SET: "set to"}
_KINDS = {
    "climate": "climate, every month",
    "covariate": "raster",
    "categorical": "raster of categories",
    "column": "column",
    "summary": "climate summary",
    "band": "band",
    "index": "index alone",
}
_STEPS = 80
_FACTORS = (0.5, 1.5)  # of what has no range of its own
_START = 0.1  # of the range, so that the first press of the button shows something
_MOST_COLUMNS = 6


@dataclass(frozen=True)
class Range:
    """How far a slider goes.

    Parameters
    ----------
    low, high, step, start : float
    """

    low: float
    high: float
    step: float
    start: float


def ask(model, key):
    """Which predictors change, and by how much.

    Parameters
    ----------
    model : dict
        As `model.json` says.
    key : str
        Different for every model.

    Returns
    -------
    tuple of str
        Changes as `ScenarioTask` takes them; those that change nothing are left out.
    """
    from soilcore.explanation.changed_inputs import changeable
    from soilcore.features.recipe import FeatureRecipe

    order = list(_KINDS)
    offered = sorted(changeable(FeatureRecipe.from_dict(model["recipe"]), model["envelope"]), key=lambda one: order.index(one.kind))
    seen = _seen_by_network(model)
    offered = [one for one in offered if seen is None or seen.intersection(one.columns)]
    if not offered:
        st.info("This model has no predictor that could be changed.", icon=":material/tune:")
        return ()
    by_name = {one.name: one for one in offered}
    first = next((one.name for one in offered if one.kind != "categorical"), offered[0].name)
    chosen = st.multiselect(
        "What changes",
        list(by_name),
        default=[first],
        format_func=lambda name: f"{name} ({_KINDS[by_name[name].kind]})",
        key=f"{key}.names",
        persist_state="session",
        help="A band moves every index made of it; a raster of elevation keeps its slopes. An index alone moves as no land could: prefer its bands.",
    )
    changes = [_one(by_name[name], model, f"{key}.{name}") for name in chosen]
    return tuple(change for change in changes if change)


def _seen_by_network(model):
    """Predictors that a network reads, of windows or of the pixel itself; None for other models. `model` as `model.json` says."""
    if not map_networks.is_one(model):
        return None
    from soilcore.features.recipe import FeatureRecipe

    learned, names = model["learner"]["learned"], FeatureRecipe.from_dict(model["recipe"]).names
    own = [*learned["inputs"].get("columns", ()), learned["inputs"].get("ndvi")]
    return {names[column] for column in own if column is not None} | {layer for need in learned["needs"]["patches"] for layer in need["layers"]}


def _one(one, model, key):
    """The change of one predictor, or None where it changes nothing."""
    name = messages.plain(one.name)
    if one.kind == "categorical":
        codes = next(use["categories"] for use in model["recipe"]["covariates"] if use["name"] == one.name)
        code = st.selectbox(f"{name}: set everywhere to", codes, key=f"{key}.code", persist_state="session", width=320)
        return f"{one.name}=={code}"
    row = _row(one, model["envelope"])
    operations = _operations(one, row)
    left, right = st.columns([2, 5], gap="medium", vertical_alignment="bottom")
    operation = left.segmented_control(
        f"**{name}**",
        operations,
        default=operations[0],
        required=True,
        format_func=_OPERATIONS.get,
        key=f"{key}.how",
        persist_state="session",
        wrap=True,
    )
    operation = operation or operations[0]
    reach = _reach(operation, row)
    unit = f" ({one.unit})" if one.unit and operation != MULTIPLY else ""
    value = right.slider(
        f"{_OPERATIONS[operation].capitalize()}{unit}: {name}",
        reach.low,
        reach.high,
        reach.start,
        reach.step,
        format="%.3g",
        key=f"{key}.{operation}",
        persist_state="session",
    )
    st.caption(_words(one, row))
    return _text(one.name, operation, value)


def _row(one, envelope):
    """Range in training of the predictor, or of the one that stands for it; None where there is none."""
    for name in (one.name, f"{one.name}_mean", *one.columns):
        row = envelope.get(name)
        same = name in (one.name, f"{one.name}_mean")  # an index that moves with a band has another range than the band
        if row and same and row["max"] > row["min"]:
            return row
    return None


def _operations(one, row):
    """What can be done; the first is suggested."""
    if row is None:
        return [MULTIPLY]
    if one.kind == "climate":
        return [ADD, MULTIPLY]
    if one.name in ("elevation", "dem"):
        return [ADD]
    return [ADD, MULTIPLY, SET] if row["min"] >= 0 else [ADD, SET]


def _reach(operation, row):
    """As far as the middle of the training samples stays within their range."""
    if row is None:
        return _range(*_FACTORS, 1 + _START, 1.0)
    middle = (row.get("quantiles") or {}).get("0.5", row["mean"])
    low, high, span = row["min"], row["max"], row["max"] - row["min"]
    if operation == ADD:
        return _range(low - middle, high - middle, min(_START * span, 0.5 * (high - middle)), 0.0)
    if operation == SET:
        return _range(low, high, middle, low)
    if middle <= 0:
        return _range(*_FACTORS, 1 + _START, 1.0)
    return _range(low / middle, high / middle, min(1 + _START, 0.5 * (1 + high / middle)), 1.0)


def _range(low, high, start, origin):
    """Round numbers: steps of 1, 2 or 5 that hit the origin, where nothing changes."""
    raw = (high - low) / _STEPS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw * 0.999)
    first, last, here = math.ceil((low - origin) / step), math.floor((high - origin) / step), round((start - origin) / step)
    tidy = [float(f"{origin + number * step:.10g}") for number in (first, last, min(max(here, first), last))]
    return Range(tidy[0], tidy[1], float(f"{step:.6g}"), tidy[2])


def _words(one, row):
    moved = [name for name in one.columns if name != one.name]
    said = []
    if row is not None:
        unit = f" {one.unit}" if one.unit else ""
        said.append(f"Training: {theme.number(row['min'])} to {theme.number(row['max'])}{unit}; pixels that leave this range are not predicted")
    else:
        said.append("The model reads it through other predictors; pixels where one of them leaves its range in training are not predicted")
    if moved:
        more = f" and {len(moved) - _MOST_COLUMNS} more" if len(moved) > _MOST_COLUMNS else ""
        said.append(f"moves {', '.join(moved[:_MOST_COLUMNS])}{more}")
    return messages.plain("; ".join(said) + ".")


def _text(name, operation, value):
    """The change as the engine takes it; None where it changes nothing."""
    if operation == ADD:
        return f"{name}={value:+.10g}" if value else None
    if operation == MULTIPLY:
        return f"{name}=*{value:.10g}" if value != 1 else None
    return f"{name}=={value:.10g}"
