"""Charts of attributions: sizes, needs, every sample, one driver over its values."""

import numpy as np

from pages.ui.charts import BLUE, ORANGE, layout
from pages.ui.network_charts import words
from pages.ui.theme import RAMP_COLORS

_GREY = "#8a938e"
_ROW_PX, _ROOM_PX = 28, 96
_SWARM_PX = 34
_BINS = 60
_RIM = {"width": 0.9, "color": "#98a29d"}  # keeps dark points visible on a dark page, bright ones on a white one
_LONGEST = 26  # letters of a name beside an axis
_RAMP = [[number / (len(RAMP_COLORS) - 1), color] for number, color in enumerate(RAMP_COLORS[::-1])]  # low dark, high bright


def short(name):
    """A driver's name that fits beside an axis."""
    text = ", ".join(words(part) for part in str(name).split(", "))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _apart(names):
    """Short names that plotly keeps apart."""
    seen, found = {}, []
    for name in map(short, names):
        seen[name] = seen.get(name, 0) + 1
        found.append(name + "\u200b" * (seen[name] - 1))
    return found


def sizes(rows, scale):
    """Mean size of the attributions of each driver, the largest on top; whiskers: standard error where they were sampled.

    Parameters
    ----------
    rows : list of dict
        ``feature``, ``mean_abs``, ``share``, ``error``.
    scale : str
        What they are in.
    """
    error = None
    if any(row.get("error") for row in rows):
        error = {"type": "data", "array": [row["error"] or 0 for row in rows], "color": _GREY}
    told = [[row["feature"], row["share"]] for row in rows]
    return _bars(
        rows, [row["mean_abs"] for row in rows], error, told, BLUE, "%{customdata[0]}: %{x:.3g}, %{customdata[1]:.0%} of all<extra></extra>"
    ).update_xaxes(title_text=f"mean size of attributions ({scale})")


def needs(rows):
    """Loss of R2 when a driver is permuted at unseen samples; whiskers: standard deviation between permutations.

    Parameters
    ----------
    rows : list of dict
        ``feature``, ``loss``, ``loss_sd``, in the order in which they are drawn.
    """
    error = {"type": "data", "array": [row["loss_sd"] for row in rows], "color": _GREY}
    told = [[row["feature"], row["loss_sd"]] for row in rows]
    hover = "%{customdata[0]}: R² falls by %{x:.3f} ± %{customdata[1]:.3f}<extra></extra>"
    figure = _bars(rows, [row["loss"] for row in rows], error, told, ORANGE, hover)
    figure.update_traces(marker_pattern_shape="/")
    return figure.update_xaxes(title_text="R² lost at unseen samples", zeroline=True)


def _bars(rows, values, error, told, color, hover):
    import plotly.graph_objects as go

    names = _apart([row["feature"] for row in rows])
    figure = go.Figure(
        go.Bar(x=values, y=names, orientation="h", marker_color=color, error_x=error, customdata=told, hovertemplate=hover, showlegend=False)
    )
    figure.update_yaxes(autorange="reversed", type="category", dtick=1)
    return layout(figure, "", "", _ROW_PX * len(rows) + _ROOM_PX)


def swarm(beeswarm, most, scale):
    """Every sample as a point: how far a driver moved its prediction, coloured by the driver's value there.

    Parameters
    ----------
    beeswarm : dict
        ``features``, ``samples``, ``values`` and ``contributions`` by feature.
    most : int
        Drivers drawn.
    scale : str
        What contributions are in.
    """
    import plotly.graph_objects as go

    features = beeswarm["features"][:most]
    contributions = [np.asarray(row, float) for row in beeswarm["contributions"][:most]]
    reach = max((float(np.abs(row).max(initial=0)) for row in contributions), default=1.0) or 1.0
    figure = go.Figure()
    for place, (name, moved, values) in enumerate(zip(features, contributions, beeswarm["values"], strict=False)):
        known = np.asarray([np.nan if value is None else value for value in values], float)
        is_known = np.isfinite(known).all()
        figure.add_scatter(
            x=moved,
            y=place + _offsets(moved, reach),
            mode="markers",
            marker={
                "size": 6,
                "line": _RIM,
                **({"color": _ranks(known), "colorscale": _RAMP, "cmin": 0, "cmax": 1} if is_known else {"color": _GREY}),
            },
            customdata=np.column_stack([beeswarm["samples"], known]),
            hovertemplate=f"{name}{' = %{customdata[1]:.4g}' if is_known else ''}<br>row %{{customdata[0]}}: %{{x:+.3g}}<extra></extra>",
            showlegend=False,
        )
    _scale_of_values(figure)
    figure.add_vline(x=0, line={"color": _GREY, "width": 1})
    figure.update_yaxes(
        tickvals=list(range(len(features))), ticktext=[short(name) for name in features], range=[len(features) - 0.4, -0.6], zeroline=False
    )
    return layout(figure, f"moved the prediction by ({scale})", "", _SWARM_PX * len(features) + 130)


def _scale_of_values(figure):
    """The legend of the colours: low to high, whatever the driver's unit."""
    bar = {"title": {"text": "value of the driver", "side": "top"}, "tickvals": [0, 1], "ticktext": ["lowest", "highest"], "thickness": 12}
    bar |= {"orientation": "h", "y": 1.0, "yanchor": "bottom", "len": 0.6}
    marker = {"color": [0], "colorscale": _RAMP, "cmin": 0, "cmax": 1, "colorbar": bar, "showscale": True, "opacity": 0}
    figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, showlegend=False, hoverinfo="skip")


def _offsets(values, reach):
    """How far each point stands off its line, so that those of equal values lie beside one another; within 0.4."""
    bins = np.clip(((values / reach + 1) / 2 * _BINS).astype(int), 0, _BINS)
    offsets, largest = np.zeros(len(values)), 1
    for number in np.unique(bins):
        rows = np.flatnonzero(bins == number)
        steps = (np.arange(rows.size) + 1) // 2 * np.where(np.arange(rows.size) % 2, 1, -1)
        offsets[rows], largest = steps, max(largest, rows.size)
    return offsets / largest * 0.8


def _ranks(values):
    """Values as their place among all, 0 to 1."""
    order = np.unique(values, return_inverse=True)[1]
    return order / max(1, order.max())


def over_values(found, scale):
    """Contribution of one driver over its values, coloured by the driver it interacts with.

    Parameters
    ----------
    found : dict
        As `soilcore.explanation.dependence.dependence` gives it.
    scale : str
        What contributions are in.
    """
    import plotly.graph_objects as go

    marker, told = {"size": 8, "color": BLUE, "opacity": 0.8}, None
    hover = f"{found['feature']} %{{x:.4g}}<br>moved the prediction by %{{y:+.3g}}"
    if found["partner"]:
        bar = {
            "title": {"text": short(found["partner"]), "side": "top"},
            "thickness": 12,
            "orientation": "h",
            "y": 1.0,
            "yanchor": "bottom",
            "len": 0.6,
        }
        told = found["partner_values"]
        marker |= {"color": told, "colorscale": _RAMP, "colorbar": bar, "opacity": 1, "line": _RIM}
        hover += f"<br>{found['partner']} %{{customdata:.4g}}"
    points = go.Scatter(
        x=found["values"], y=found["contributions"], mode="markers", marker=marker, customdata=told, hovertemplate=f"{hover}<extra></extra>"
    )
    figure = go.Figure(points)
    figure.add_hline(y=0, line={"color": _GREY, "width": 1})
    figure.update_xaxes(title_standoff=10)
    return layout(figure, words(found["feature"]), f"moved the prediction by ({scale})", 440).update_layout(margin={"b": 50})


def months(matrix):
    """Mean size of attributions by month before the date and variable of the climate.

    Parameters
    ----------
    matrix : dict
        ``rows`` (months), ``columns`` (variables), ``values``.
    """
    import plotly.graph_objects as go

    bar = {"title": {"text": "mean size", "side": "top"}, "thickness": 12, "orientation": "h", "y": 1.0, "yanchor": "bottom"}
    values = np.asarray(matrix["values"], float).T
    heat = go.Heatmap(
        z=values,
        x=matrix["rows"],
        y=matrix["columns"],
        colorscale=_RAMP,
        zmin=0,
        colorbar=bar,
        hovertemplate="%{y}, %{x} months before: %{z:.3g}<extra></extra>",
    )
    figure = go.Figure(heat)
    figure.update_xaxes(type="category")
    figure.update_yaxes(type="category", dtick=1)
    return layout(figure, "months before the sample", "", _ROW_PX * len(matrix["columns"]) + 150)
