"""Charts of scores on spectra: by group, over the epochs, distributions, learning curves, training inside groups."""

import numpy as np

from pages.ui.charts import BLUE, ORANGE, layout
from pages.ui.trust_charts import GREY, legend_above

_COLORS = (BLUE, ORANGE, "#1f9e89", "#a065c9", "#c28a00", "#7d8a2e", "#b0518f", "#5f7f95")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_MARKS = ("circle", "diamond", "square", "triangle-up", "x", "star")


def _look(number):
    """Colour, dash and mark of a line: no two of a chart have all three alike."""
    return _COLORS[number % len(_COLORS)], _DASHES[number % len(_DASHES)], _MARKS[number % len(_MARKS)]


def scores(rows):
    """R2 of every model with its spread between divisions or its interval; a random score beside it where there is one."""
    import plotly.graph_objects as go

    figure, names = go.Figure(), [row["name"] for row in rows]
    r2 = np.array([np.nan if row["r2"] is None else row["r2"] for row in rows], float)
    spread, whiskers = [(row.get("r2_sd") or 0, row.get("r2_sd") or 0) for row in rows], "whiskers: ± 1 sd between divisions"
    if all(row.get("r2_low") is not None for row in rows):
        spread, whiskers = [(row["r2_high"] - row["r2"], row["r2"] - row["r2_low"]) for row in rows], "whiskers: 90 % of resampled groups"
    up, down = zip(*spread, strict=True)
    error = {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": GREY}
    hover = "%{x}: R² %{y:.2f}<extra></extra>"
    name = f"spectra held back; {whiskers}" if any(map(any, spread)) else "spectra held back"
    figure.add_bar(x=names, y=r2, name=name, showlegend=True, marker_color=BLUE, error_y=error, hovertemplate=hover)
    if any(row.get("r2_random") is not None for row in rows):
        contrast = {"marker_color": "#c9b458", "marker_pattern_shape": "/", "hovertemplate": hover}
        figure.add_bar(x=names, y=[row.get("r2_random") for row in rows], name="random folds, for contrast", **contrast)
    lowest = float(np.nanmin(r2)) if np.isfinite(r2).any() else 0.0
    figure.update_yaxes(range=[max(-1.0, min(-0.1, lowest - 0.1)), 1.0], zeroline=True)
    return legend_above(layout(figure.update_layout(barmode="group"), "", "R²", 360))


def groups(rows, unit):
    """RMSE of each group as a mark, its R2 in the label; open marks are too small for an R2."""
    import plotly.graph_objects as go

    rows = rows[::-1]
    names = [f"{row['group']} ({row['n']})" for row in rows]
    known = [row.get("r2") is not None for row in rows]
    symbol = ["circle" if one else "circle-open" for one in known]
    r2 = [f"R² {row['r2']:.2f}" if one else "too few for an R²" for row, one in zip(rows, known, strict=True)]
    hover = "%{y}: RMSE %{x:.3g}, %{customdata}<extra></extra>"
    marker = {"color": BLUE, "symbol": symbol, "size": 11, "line": {"width": 2}}
    text = {"text": r2, "textposition": "middle right", "textfont": {"size": 11}}
    figure = go.Figure(
        go.Scatter(x=[row["rmse"] for row in rows], y=names, mode="markers+text", marker=marker, customdata=r2, hovertemplate=hover, **text)
    )
    most = max((row["rmse"] for row in rows), default=1) or 1
    figure.update_xaxes(range=[0, 1.25 * most])
    figure.update_yaxes(type="category", dtick=1)
    return layout(figure, f"RMSE ({unit})", "", max(240, 32 * len(rows) + 90))


def group_losses(table, until=None):
    """Validation loss of each group over the epochs.

    Parameters
    ----------
    table : pandas.DataFrame
        ``epoch`` and one column per group.
    until : int, optional
        Last epoch that all trainings of a mean reached; marked.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, name in enumerate(column for column in table.columns if column != "epoch"):
        color, dash, _ = _look(number)
        hover = f"{name}<br>epoch %{{x}}: %{{y:.3g}}<extra></extra>"
        figure.add_scatter(
            x=table["epoch"], y=table[name], name=name, mode="lines", line={"color": color, "dash": dash, "width": 2}, hovertemplate=hover
        )
    if until is not None:
        words = {"annotation_text": "fewer trainings beyond", "annotation_position": "top right"}
        figure.add_vline(x=until, line={"color": GREY, "dash": "dot"}, **words)
    return legend_above(layout(figure, "epoch", "validation loss (scale of the network)", 380))


def distribution(facts, unit):
    """Observed and predicted values as counts of the same classes: a model shrinks towards the mean, and the tails show it."""
    import plotly.graph_objects as go

    edges = np.asarray(facts["edges"], float)
    x = np.repeat(edges, 2)[1:-1]
    figure = go.Figure()
    for key, color, dash, fill in (("observed", BLUE, "solid", "rgba(42, 134, 196, .18)"), ("predicted", ORANGE, "dash", None)):
        y = np.repeat(np.asarray(facts[key], float), 2)
        shade = {"fill": "tozeroy", "fillcolor": fill} if fill else {}
        hover = f"{key}: %{{y}} spectra at %{{x:.3g}}<extra></extra>"
        figure.add_scatter(x=x, y=y, name=key, mode="lines", line={"color": color, "dash": dash, "width": 2}, hovertemplate=hover, **shade)
    if facts["log"]:
        figure.update_xaxes(type="log")
    return legend_above(layout(figure, f"value ({unit})", "spectra", 380))


def quantiles(rows, unit):
    """Quantiles of predicted against those of observed values; on the line, the distribution is kept."""
    import plotly.graph_objects as go

    observed, predicted = [row["observed"] for row in rows], [row["predicted"] for row in rows]
    ends = [min(observed + predicted), max(observed + predicted)]
    figure = go.Figure(go.Scatter(x=ends, y=ends, mode="lines", line={"color": GREY, "dash": "dash", "width": 1}, name="same", hoverinfo="skip"))
    hover = "quantile %{customdata:.0%}<br>observed %{x:.3g}<br>predicted %{y:.3g}<extra></extra>"
    marker = {"color": BLUE, "size": 9}
    figure.add_scatter(
        x=observed, y=predicted, mode="markers+lines", name="quantiles", marker=marker, customdata=[row["p"] for row in rows], hovertemplate=hover
    )
    return legend_above(layout(figure, f"observed ({unit})", f"predicted ({unit})", 380))


def learning_curves(facts):
    """R2 of each model over the number of spectra, with the crossings and their intervals."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, name in enumerate(dict.fromkeys(row["model"] for row in facts["rows"])):
        rows = [row for row in facts["rows"] if row["model"] == name]
        color, dash, mark = _look(number)
        error = {"type": "data", "array": [row.get("r2_sd") or 0 for row in rows], "color": color, "thickness": 1}
        look = {"line": {"color": color, "dash": dash}, "marker": {"symbol": mark, "size": 9}}
        hover = f"{name}: R² %{{y:.2f}} with %{{x:.0f}} spectra<extra></extra>"
        x, y = [row["n"] for row in rows], [row["r2"] for row in rows]
        figure.add_scatter(x=x, y=y, error_y=error, name=name, mode="lines+markers", hovertemplate=hover, **look)
    sizes = facts["sizes"]
    for one in facts["crossings"]:
        if one["n"] is None:
            continue
        low, high = one["low"] or sizes[0], one["high"] or sizes[-1]
        if one["low"] is not None or one["high"] is not None:
            figure.add_vrect(x0=low, x1=high, fillcolor=GREY, opacity=0.18, line_width=0)
        words = f"{one['better_after']} from about {one['n']:.0f}"
        figure.add_vline(x=one["n"], line={"color": GREY, "dash": "dot"}, annotation_text=words, annotation_position="bottom right")
    lowest = min((row["r2"] for row in facts["rows"]), default=0)
    figure.update_xaxes(type="log", tickvals=sizes, ticktext=[f"{size:,}" for size in sizes])
    figure.update_yaxes(range=[max(-0.5, min(0.0, lowest - 0.05)), 1])
    return legend_above(layout(figure, "spectra to learn from (logarithmic)", "R² on spectra held back", 420))


def local(rows):
    """R2 of training on the whole library and inside each group, one line per group."""
    import plotly.graph_objects as go

    rows = [row for row in rows if row["seeds"]][::-1]
    names = [f"{row['group']} ({row['n_train']:.0f})" for row in rows]
    figure = go.Figure()
    for row, name in zip(rows, names, strict=True):
        line = {"color": GREY, "width": 2}
        figure.add_scatter(x=[row["r2_global"], row["r2_local"]], y=[name, name], mode="lines", line=line, hoverinfo="skip", showlegend=False)
    for key, words, color, mark in (
        ("r2_global", "trained on all groups", BLUE, "circle"),
        ("r2_local", "trained on this group alone", ORANGE, "diamond"),
    ):
        hover = f"%{{y}}, {words}: R² %{{x:.2f}}<extra></extra>"
        marker = {"color": color, "symbol": mark, "size": 11}
        figure.add_scatter(x=[row[key] for row in rows], y=names, mode="markers", name=words, marker=marker, hovertemplate=hover)
    figure.update_yaxes(type="category", dtick=1)
    return legend_above(layout(figure, "R² on spectra of the group", "", max(240, 34 * len(rows) + 110)))
