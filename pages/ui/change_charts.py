"""Charts of change: each takes facts and gives a plotly figure; areas in hectares, colours with marks or patterns beside them."""

import textwrap

import numpy as np

from pages.ui.charts import BLUE, ORANGE, layout

_MARKS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "hexagon")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
_ASIDE = 0.09  # of the distance between two dates
_LINE = "#7d8a84"  # round marks and bars, to be seen on white and on black
_LOW, _HIGH, _DARK_FROM = "#f7f3e8", "#24476b", 0.45  # of a share; where white letters are read better


def steps(rows):
    """Share of the land that rose and fell from each date to the next, beyond the interval."""
    import plotly.graph_objects as go

    names = [f"{row['from']} to {row['to']}" for row in rows]
    figure = go.Figure()
    hover = "%{x}: %{customdata:.1%} of the land<extra></extra>"
    for key, name, sign, color, pattern in (("share_higher", "higher", 1, ORANGE, ""), ("share_lower", "lower", -1, BLUE, "/")):
        shares = [row[key] or 0.0 for row in rows]
        bars = {"marker_color": color, "marker_pattern_shape": pattern, "name": f"{name} beyond the interval"}
        figure.add_bar(x=names, y=[sign * share for share in shares], customdata=shares, hovertemplate=hover, **bars)
    figure.update_layout(barmode="relative")
    layout(figure, "", "share of the land", 340)
    return figure.update_yaxes(tickformat=".0%", zeroline=True).update_xaxes(type="category")


def areas(rows, classes, colors):
    """Area of each class over the dates; bands are its interval, where one is known.

    Parameters
    ----------
    rows : list of dict
        ``label``, ``class``, ``area_ha`` and, where known, ``area_ha_expected``, ``area_ha_low``, ``area_ha_high``.
    classes, colors : sequence of str
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    dates = list(dict.fromkeys(row["label"] for row in rows))
    for number, (name, color) in enumerate(zip(classes, colors, strict=True)):
        own = [row for row in rows if row["class"] == name]
        aside = _ASIDE * (number - (len(classes) - 1) / 2)  # or the bars of all classes would lie on one another
        x, low, high = (
            [dates.index(row["label"]) + aside for row in own],
            [row.get("area_ha_low") for row in own],
            [row.get("area_ha_high") for row in own],
        )
        error = None
        if all(value is not None for value in (*low, *high)):
            y = [row["area_ha_expected"] for row in own]
            up, down = ([abs(edge - value) for edge, value in zip(edges, y, strict=True)] for edges in (high, low))
            error = {"type": "data", "array": up, "arrayminus": down, "color": _LINE, "thickness": 1.2, "width": 5}
        else:
            y = [row["area_ha"] for row in own]
        line = {"color": color, "width": 3, "dash": _DASHES[number % len(_DASHES)]}
        marker = {"symbol": _MARKS[number % len(_MARKS)], "size": 10, "color": color, "line": {"color": _LINE, "width": 1}}
        hover = f"{name}, %{{customdata}}: %{{y:,.0f}} ha<extra></extra>"
        more = {"customdata": [row["label"] for row in own], "hovertemplate": hover}
        figure.add_scatter(x=x, y=y, name=name, mode="lines+markers", line=line, marker=marker, error_y=error, **more)
    layout(figure, "", "area (ha)", 440)
    return figure.update_xaxes(tickvals=list(range(len(dates))), ticktext=dates).update_yaxes(rangemode="tozero")


def labels(rows, colors):
    """Share of the land with each label, with its 90 % interval from the draws where there is one."""
    import plotly.graph_objects as go

    names, shares = [row["text"] for row in rows], [row["share"] for row in rows]
    figure = go.Figure(
        go.Bar(x=names, y=shares, marker={"color": list(colors), "line": {"color": _LINE, "width": 1}}, name="on the maps", showlegend=False)
    )
    if all(row.get("share_low") is not None for row in rows):
        expected = [row["share_expected"] for row in rows]
        up = [row["share_high"] - value for row, value in zip(rows, expected, strict=True)]
        down = [value - row["share_low"] for row, value in zip(rows, expected, strict=True)]
        error = {"type": "data", "array": up, "arrayminus": down, "color": _LINE, "thickness": 2, "width": 8}
        marker = {"symbol": "diamond-open", "size": 11, "color": _LINE, "line": {"width": 2}}
        figure.add_scatter(x=names, y=expected, mode="markers", marker=marker, error_y=error, name="with the model's error, 90 %")
    layout(figure, "", "share of the land", 360)
    return figure.update_yaxes(tickformat=".0%", rangemode="tozero")


def matrix(values, classes):
    """Chance of each class to be followed by each, as a table of colours; numbers stand in the cells.

    Parameters
    ----------
    values : list of list of float or None
        Rows sum to 1; None where a class does not occur.
    classes : sequence of str
    """
    import plotly.graph_objects as go

    shares = np.array([[np.nan if value is None else value for value in row] for row in values], float)
    texts = [["–" if np.isnan(value) else "< 1 %" if 0 < value < 0.005 else f"{100 * value:.0f} %" for value in row] for row in shares]
    names, scale = ["<br>".join(textwrap.wrap(name, 14)) for name in classes], [[0, _LOW], [1, _HIGH]]
    hover = "%{y}, next date %{x}: %{z:.1%}<extra></extra>"
    heat = go.Heatmap(z=shares, x=names, y=names, zmin=0, zmax=1, colorscale=scale, showscale=False, hovertemplate=hover, xgap=2, ygap=2)
    figure = go.Figure(heat)
    for row, words in enumerate(texts):
        for column, word in enumerate(words):
            color = "#ffffff" if shares[row, column] > _DARK_FROM else "#17211c"
            font = {"color": _LINE if np.isnan(shares[row, column]) else color, "size": 11}
            figure.add_annotation(x=names[column], y=names[row], text=word, showarrow=False, font=font)
    figure.update_yaxes(autorange="reversed", type="category", tickfont={"size": 11})
    figure.update_xaxes(type="category", side="bottom", tickfont={"size": 11})
    return layout(figure, "on the next date", "on one date", 420)


def before_after(rows, colors):
    """Area of each class as it is and in a scenario."""
    import plotly.graph_objects as go

    names, figure = [row["class"] for row in rows], go.Figure()
    for key, name, pattern in (("area_ha_before", "as it is", ""), ("area_ha_after", "scenario", "/")):
        marker = {
            "color": list(colors),
            "line": {"color": _LINE, "width": 1},
            "pattern": {"shape": pattern, "fgcolor": "#ffffff" if pattern else None},
        }
        hover = f"%{{x}}, {name}: %{{y:,.0f}} ha<extra></extra>"
        figure.add_bar(x=names, y=[row[key] for row in rows], name=name, marker=marker, hovertemplate=hover)
    return layout(figure.update_layout(barmode="group"), "", "area (ha)", 360)
