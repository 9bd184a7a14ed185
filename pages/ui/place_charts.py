"""The waterfall of one pixel: from the model's mean prediction over training samples to its prediction here."""

import numpy as np

from pages.ui.charts import BLUE, ORANGE, layout
from pages.ui.network_charts import words

_MOST = 10
_GREY = "#8a938e"
_TICKS = 6
_ROW_PX = 30


def waterfall(rows, base, prediction, scale, unit, own_unit=None):
    """Drivers as steps.

    Parameters
    ----------
    rows : list of dict
        ``feature``, ``value``, ``contribution``, the largest first.
    base, prediction : float
        On the modelling scale.
    scale : str
        What they are in.
    unit : str
        Of the target.
    own_unit : callable, optional
        From the modelling scale back to the unit of the target: the axis is labelled in that unit then.

    Returns
    -------
    plotly.graph_objects.Figure
    """
    import plotly.graph_objects as go

    shown, rest = (rows, []) if len(rows) <= _MOST + 1 else (rows[:_MOST], rows[_MOST:])
    steps = [(_name(row), row["contribution"]) for row in shown]
    if rest:
        steps.append((f"{len(rest)} other drivers", sum(row["contribution"] for row in rest)))
    names = ["mean over training samples", *(name for name, _ in steps), "prediction here"]
    figure = go.Figure(
        go.Waterfall(
            orientation="h",
            measure=["absolute", *["relative"] * len(steps), "total"],
            y=_apart(names),
            x=[base, *(step for _, step in steps), 0],
            text=[_told(base, own_unit, unit), *(f"{step:+.2g}" for _, step in steps), _told(prediction, own_unit, unit)],
            textposition="outside",
            cliponaxis=False,
            increasing={"marker": {"color": ORANGE}},
            decreasing={"marker": {"color": BLUE}},
            totals={"marker": {"color": _GREY}},
            connector={"line": {"color": _GREY, "width": 1}},
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    figure.update_yaxes(autorange="reversed", type="category", dtick=1)
    ends = np.cumsum([base, *(step for _, step in steps)])
    low, high = float(ends.min()), float(ends.max())
    room = 0.18 * ((high - low) or 1.0)
    figure.update_xaxes(range=[low - room, high + room])
    title = f"prediction ({unit or scale})"
    if own_unit is not None and scale != "the unit of the target":
        figure.update_xaxes(**_ticks(low - room, high + room, own_unit))
        title = f"prediction ({unit}),<br>spaced as {scale}" if unit else scale
    elif scale != "the unit of the target":
        title = scale
    return layout(figure, title, "", _ROW_PX * len(names) + 90).update_layout(margin={"r": 64})  # a total's text stands beside its bar


def _name(row):
    value = row.get("value")
    return words(row["feature"]) if value is None or value != value else f"{words(row['feature'])} = {value:.3g}"


def _apart(names):
    """Names that plotly keeps apart: two drivers may look alike."""
    seen = {}
    for number, name in enumerate(names):
        seen[name] = seen.get(name, 0) + 1
        names[number] = name + "\u200b" * (seen[name] - 1)
    return names


def _told(value, own_unit, unit):
    own = value if own_unit is None else float(np.ravel(own_unit(np.array([value])))[0])
    return f"{own:.3g} {unit if own_unit is not None else ''}".strip()


def _ticks(low, high, own_unit):
    """Ticks at round values of the target."""
    places = np.linspace(low, high, 400)
    values = np.ravel(own_unit(places))
    rising = np.isfinite(values) & (np.concatenate([[True], np.diff(values) > 0]))
    if rising.sum() < 3:
        return {}
    known, at = values[rising], places[rising]
    wanted = np.unique([_round(value) for value in np.interp(np.linspace(low, high, _TICKS), at, known)])
    wanted = wanted[(wanted >= known[0]) & (wanted <= known[-1])]
    if len(wanted) < 2:
        return {}
    return {"tickmode": "array", "tickvals": np.interp(wanted, known, at), "ticktext": [f"{value:g}" for value in wanted]}


def _round(value):
    """One significant digit, a half step allowed: 1.5, 2, 25."""
    if value == 0 or not np.isfinite(value):
        return 0.0
    power = 10.0 ** np.floor(np.log10(abs(value)))
    return float(f"{np.round(2 * value / power) / 2 * power:.12g}")
