"""Charts of the two steps: thresholds, confusion, reliability, shares of classes, distributions side by side."""

import numpy as np

from pages.ui.charts import BLUE, ORANGE, layout
from pages.ui.theme import RAMP_COLORS
from pages.ui.trust_charts import GREY, legend_above

_MARKS = ("circle", "square", "diamond", "triangle-up")
_DASHES = ("solid", "dash", "dot", "dashdot")
_COLORS = (BLUE, ORANGE, "#1f9e89", "#CC79A7")


def thresholds(curve, criterion, chosen, single, unit):
    """What each threshold gave on inner folds, the one taken, and one regression for all beside it.

    Parameters
    ----------
    curve : list of dict
        ``threshold``, ``rmse_log``, ``ccc``, ...
    criterion : {"rmse_log", "ccc"}
    chosen : float or None
    single : dict or None
        The same scores of one regression for all.
    unit : str
    """
    import plotly.graph_objects as go

    words = {"rmse_log": "RMSE of log10, lower is better", "ccc": "concordance, higher is better"}.get(criterion, criterion)
    x, y = [row["threshold"] for row in curve], [row[criterion] for row in curve]
    spread = [row.get(f"{criterion}_se") or 0 for row in curve]
    error = {"type": "data", "array": spread, "color": GREY, "thickness": 1} if any(spread) else None
    hover = f"threshold %{{x:.3g}} {unit}<br>%{{y:.3g}}<extra></extra>"
    figure = go.Figure()
    figure.add_scatter(x=x, y=y, error_y=error, mode="lines+markers", line={"color": BLUE}, marker={"size": 8}, name="two steps", hovertemplate=hover)
    if single and single.get(criterion) is not None:
        figure.add_hline(y=single[criterion], line={"color": GREY, "dash": "dash"}, annotation_text="one regression for all")
    if chosen is not None:
        figure.add_vline(x=chosen, line={"color": ORANGE, "dash": "dot"}, annotation_text="taken", annotation_position="top")
    return legend_above(layout(figure, f"threshold ({unit})", words, 380))


def confusion(facts):
    """Truth against answer, counts and shares of each row written into the cells."""
    import plotly.graph_objects as go

    counts, labels = np.asarray(facts["counts"]), facts["labels"]
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    scale = [[i / (len(RAMP_COLORS) - 1), color] for i, color in enumerate(RAMP_COLORS)]
    text = [[f"{count}<br>{part:.0%}" for count, part in zip(*rows, strict=True)] for rows in zip(counts, share, strict=True)]
    hover = "measured %{y}<br>predicted %{x}<br>%{text}<extra></extra>"
    bar = {"title": {"text": "share of the row", "side": "right"}, "tickformat": ".0%"}
    figure = go.Figure(
        go.Heatmap(
            z=share, x=labels, y=labels, text=text, texttemplate="%{text}", zmin=0, zmax=1, colorscale=scale, colorbar=bar, hovertemplate=hover
        )
    )
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_xaxes(type="category")
    return layout(figure, "predicted", "measured", 360)


def reliability(curves):
    """How often what was announced came true; larger marks hold more samples."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dash", "width": 1}, name="as announced", hoverinfo="skip")
    for place, curve in enumerate(curves):
        size = 7 + 12 * np.sqrt(np.asarray(curve["n"], float) / max(curve["n"]))
        marker = {"size": size, "symbol": _MARKS[place % 4], "color": _COLORS[place % 4]}
        hover = "announced %{x:.0%}<br>came true %{y:.0%} of %{customdata}<extra></extra>"
        line = {"color": _COLORS[place % 4], "dash": _DASHES[place % 4]}
        figure.add_scatter(
            x=curve["predicted"],
            y=curve["observed"],
            customdata=curve["n"],
            mode="lines+markers",
            name=curve["class"],
            marker=marker,
            line=line,
            hovertemplate=hover,
        )
    for axis in (figure.update_xaxes, figure.update_yaxes):
        axis(tickformat=".0%", range=[-0.03, 1.03])
    return legend_above(layout(figure, "announced probability", "came true", 380))


def taus(curve, tau):
    """Scores of the hard mix for every probability from which a sample counts as high."""
    import plotly.graph_objects as go

    figure = go.Figure()
    hover = "from %{x:.0%} on: F1 %{y:.2f}<extra></extra>"
    figure.add_scatter(
        x=[row["tau"] for row in curve], y=[row["f1"] for row in curve], mode="lines+markers", line={"color": BLUE}, hovertemplate=hover
    )
    figure.add_vline(x=tau, line={"color": ORANGE, "dash": "dot"}, annotation_text="taken", annotation_position="top")
    figure.update_xaxes(tickformat=".0%")
    return layout(figure, "probability from which a place counts as high (tau)", "F1 of the high class", 340)


def shares(rows):
    """Share of each class: measured samples, and what is predicted with its interval."""
    import plotly.graph_objects as go

    names = [row["class"] for row in rows]
    figure = go.Figure()
    figure.add_bar(x=names, y=[row["sample_share"] for row in rows], name="measured samples", marker_color=GREY)
    error = {
        "type": "data",
        "array": [row["high"] - row["share"] for row in rows],
        "arrayminus": [row["share"] - row["low"] for row in rows],
        "color": "#444",
    }
    of = "map, predicted" if rows[0]["of"] == "pixels" else "samples, predicted"
    pattern = {"marker_color": BLUE, "marker_pattern_shape": "/"}
    figure.add_bar(x=names, y=[row["share"] for row in rows], name=of, error_y=error, **pattern)
    figure.update_layout(barmode="group")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    return legend_above(layout(figure, "", "share", 360))


def distributions(facts, name, unit):
    """Observed and predicted values side by side, on the same bins."""
    from plotly.subplots import make_subplots

    edges = np.asarray(facts["edges"], float)
    centres = np.sqrt(edges[1:] * edges[:-1]) if facts["log"] else (edges[1:] + edges[:-1]) / 2
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, subplot_titles=("observed", f"predicted, {name}"))
    pattern = {"color": BLUE, "pattern": {"shape": "/"}}
    for column, (counts, marker) in enumerate(
        ((facts["observed"]["histogram"], {"color": GREY}), (facts["predicted"][name]["histogram"], pattern)), start=1
    ):
        hover = f"%{{x:.3g}} {unit}: %{{y}}<extra></extra>"
        figure.add_bar(x=centres, y=counts, width=np.diff(edges), marker=marker, showlegend=False, hovertemplate=hover, row=1, col=column)
    figure = layout(figure, f"({unit})", "", 340)
    figure.update_yaxes(title_text="samples", col=1)
    if facts["log"]:
        figure.update_xaxes(type="log")
    return figure.update_layout(margin={"t": 40})
