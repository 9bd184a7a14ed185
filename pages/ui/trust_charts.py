"""Charts of what can be trusted: intervals, residuals and folds on the ground, distances, variograms, coverage. Colour never speaks alone."""

import numpy as np

from pages.ui.charts import BLUE, ORANGE, layout, on_plane

GREY = "#8a938e"
_FOLDS = ("#2a86c4", "#D55E00", "#1f9e89", "#CC79A7", "#d99a00", "#7a5ec8")
_MARKS = ("circle", "square", "diamond", "triangle-up", "x", "star", "cross", "hexagon")
_DASHES = ("solid", "dash", "dot")


def pairs(samples, unit, level=0.9, log=False, predicted="predicted out of fold"):
    """Observed against predicted values with the interval of each sample; those outside their interval have another mark.

    Parameters
    ----------
    samples : pandas.DataFrame
        ``row``, ``observed``, ``predicted``, ``lower``, ``upper``.
    unit : str
    level : float
        Promised coverage.
    log : bool
        Logarithmic axes; values at or below 0 are left out.
    predicted : str
        What the predictions are, for the axis.
    """
    import plotly.graph_objects as go

    samples = samples[(samples["observed"] > 0) & (samples["predicted"] > 0)] if log else samples
    figure = go.Figure()
    both = samples[["observed", "predicted"]].to_numpy()
    ends = [float(np.nanmin(both)), float(np.nanmax(both))] if both.size else [0, 1]
    figure.add_scatter(x=ends, y=ends, mode="lines", line={"color": GREY, "dash": "dash", "width": 1}, name="1:1", hoverinfo="skip")
    held = (samples["observed"] >= samples["lower"]) & (samples["observed"] <= samples["upper"])
    looks = (("within its interval", held, BLUE, "circle"), ("outside its interval", ~held, ORANGE, "diamond"))
    given = "row %{customdata[0]}<br>observed %{x:.4g}<br>predicted %{y:.4g}<br>"
    hover = f"{given}{level:.0%} interval %{{customdata[1]:.4g}} to %{{customdata[2]:.4g}}<extra></extra>"
    for words, chosen, color, symbol in looks:
        part = samples[chosen]
        error = {
            "type": "data",
            "symmetric": False,
            "array": _finite(part["upper"] - part["predicted"]),
            "arrayminus": _finite(part["predicted"] - part["lower"]),
            "color": color,
            "thickness": 1,
            "width": 0,
        }
        figure.add_scatter(
            x=part["observed"],
            y=part["predicted"],
            error_y=error,
            mode="markers",
            name=f"{words}: {len(part)}",
            marker={"color": color, "symbol": symbol, "size": 8, "line": {"color": "#fff", "width": 0.5}},
            customdata=np.column_stack([part["row"], part["lower"], part["upper"]]),
            hovertemplate=hover,
        )
    figure = layout(figure, f"observed ({unit})", f"{predicted} ({unit})", 440)
    if log:
        figure.update_xaxes(type="log")
        figure.update_yaxes(type="log")
    return figure


def residuals(samples, unit):
    """Predicted minus observed values where the samples lie: triangles up and down, larger where the error is larger."""
    import plotly.graph_objects as go

    error = (samples["predicted"] - samples["observed"]).to_numpy()
    scale = np.nanquantile(np.abs(error), 0.95) if np.isfinite(error).any() else 1.0
    figure = go.Figure()
    for words, chosen, color, symbol in (
        ("predicted too high", error > 0, ORANGE, "triangle-up"),
        ("predicted too low", error <= 0, BLUE, "triangle-down"),
    ):
        part, own = samples[chosen], error[chosen]
        marker = {
            "color": color,
            "symbol": symbol,
            "size": 5 + 15 * np.clip(np.abs(own) / (scale or 1), 0, 1.2),
            "opacity": 0.85,
            "line": {"color": "#fff", "width": 0.5},
        }
        hover = f"row %{{customdata[0]}}<br>observed %{{customdata[1]:.4g}}<br>predicted %{{customdata[2]:.4g}} {unit}<extra></extra>"
        given = np.column_stack([part["row"], part["observed"], part["predicted"]])
        figure.add_scatter(x=part["x"], y=part["y"], mode="markers", name=words, marker=marker, customdata=given, hovertemplate=hover)
    return _on_the_ground(figure)


def folds(samples):
    """Which fold tested which sample, on the ground; colour and mark of each fold."""
    import plotly.graph_objects as go

    figure, numbers = go.Figure(), sorted(samples["fold"].dropna().unique())
    for place, number in enumerate(numbers):
        part = samples[samples["fold"] == number]
        marker = {"color": _FOLDS[place % len(_FOLDS)], "symbol": _MARKS[place % len(_MARKS)], "size": 8, "line": {"color": "#fff", "width": 0.5}}
        name = f"fold {int(number) + 1} ({len(part)})"
        hover = f"row %{{customdata}}, {name}<extra></extra>"
        figure.add_scatter(x=part["x"], y=part["y"], mode="markers", name=name, marker=marker, customdata=part["row"], hovertemplate=hover)
    return _on_the_ground(figure)


def hot_spots(table, crs):
    """Samples by class of hot and cold: triangles up and down, larger and darker the surer; points where nothing gathers."""
    import plotly.graph_objects as go

    looks = {"not significant": (GREY, "circle", 6), "no neighbours": (GREY, "x", 6)}
    for size, level in ((9, "90 %"), (11, "95 %"), (14, "99 %")):
        looks |= {f"hot {level}": (ORANGE, "triangle-up", size), f"cold {level}": (BLUE, "triangle-down", size)}
    figure = go.Figure()
    for name, (color, symbol, size) in looks.items():
        part = table[table["class"] == name]
        if len(part):
            marker = {"color": color, "symbol": symbol, "size": size, "line": {"color": "#fff", "width": 0.5}}
            hover = f"row %{{customdata[0]}}<br>value %{{customdata[1]:.4g}}<br>Gi* %{{customdata[2]:.2f}}, {name}<extra></extra>"
            given = part[["row", "value", "z"]]
            figure.add_scatter(
                x=part["x"], y=part["y"], mode="markers", name=f"{name} ({len(part)})", marker=marker, customdata=given, hovertemplate=hover
            )
    return legend_above(on_plane(figure, crs, table["y"], 460))


def distances(facts):
    """Shares of nearest distances up to a distance: between samples, from the map to samples, and from test to training samples."""
    import plotly.graph_objects as go

    figure = go.Figure()
    lines = (
        ("prediction_to_sample", "from the map to the nearest sample", GREY, 4),
        ("cv", "from test to training samples, these folds", BLUE, 2.5),
        ("sample_to_sample", "between neighbouring samples (random folds)", ORANGE, 2),
    )
    for (key, words, color, width), dash in zip(lines, _DASHES, strict=True):
        hover = f"{words}<br>%{{y:.0%}} within %{{x:.0f}} m<extra></extra>"
        figure.add_scatter(x=facts["distance"], y=facts[key], name=words, line={"color": color, "width": width, "dash": dash}, hovertemplate=hover)
    figure.update_yaxes(tickformat=".0%", range=[0, 1.02])
    return legend_above(layout(figure, "distance (m)", "share within this distance", 380))


def variogram(facts, unit):
    """Semivariance over distance with the fitted model; larger marks hold more pairs."""
    import plotly.graph_objects as go

    figure = go.Figure()
    pairs_of_lag = np.asarray(facts["pairs"], float)
    size = 7 + 9 * np.sqrt(pairs_of_lag / pairs_of_lag.max()) if pairs_of_lag.size else 8
    hover = "%{x:.0f} m<br>semivariance %{y:.4g}<br>%{customdata} pairs<extra></extra>"
    figure.add_scatter(
        x=facts["lags"],
        y=facts["semivariance"],
        mode="markers",
        name="samples",
        marker={"color": BLUE, "size": size},
        customdata=facts["pairs"],
        hovertemplate=hover,
    )
    curve = facts.get("curve") or {"distance": [], "semivariance": []}
    if curve["semivariance"]:
        figure.add_scatter(
            x=curve["distance"], y=curve["semivariance"], mode="lines", name=f"{facts['model']} model", line={"color": ORANGE, "width": 2}
        )
        for height, words in ((facts["nugget"], "nugget"), (facts["sill"], "sill")):
            figure.add_hline(y=height, line={"color": GREY, "dash": "dot", "width": 1}, annotation_text=words, annotation_position="top left")
        if facts.get("range") and facts["range"] <= curve["distance"][-1]:
            figure.add_vline(
                x=facts["range"], line={"color": GREY, "dash": "dot", "width": 1}, annotation_text="range", annotation_position="bottom right"
            )
    figure.update_yaxes(rangemode="tozero")
    return legend_above(layout(figure, "distance (m)", f"semivariance ({unit})²", 380))


def calibration(levels):
    """Observed against promised coverage at several levels."""
    import plotly.graph_objects as go

    promised, observed = [row["level"] for row in levels], [row["coverage"] for row in levels]
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dash", "width": 1}, name="as promised", hoverinfo="skip")
    hover = "promised %{x:.0%}<br>observed %{y:.1%}<extra></extra>"
    marker = {"color": BLUE, "size": 9}
    figure.add_scatter(x=promised, y=observed, mode="lines+markers", name="observed", marker=marker, line={"color": BLUE}, hovertemplate=hover)
    figure.update_xaxes(tickformat=".0%", range=[0.4, 1.02])
    figure.update_yaxes(tickformat=".0%", range=[0.4, 1.02])
    return layout(figure, "promised coverage", "observed coverage", 360)


def coverage_bars(rows, level):
    """Observed coverage of parts of the samples as marks beside the promised one.

    Parameters
    ----------
    rows : list of dict
        ``part``, ``coverage``, ``n``.
    level : float
    """
    import plotly.graph_objects as go

    rows = rows[::-1]
    near = [row["coverage"] is not None and abs(row["coverage"] - level) <= 2 * np.sqrt(level * (1 - level) / max(row["n"], 1)) for row in rows]
    marker = {"color": [BLUE if one else ORANGE for one in near], "symbol": ["circle" if one else "diamond" for one in near], "size": 11}
    hover = "%{y}: %{x:.1%} of %{customdata} samples<extra></extra>"
    figure = go.Figure(
        go.Scatter(
            x=[row["coverage"] for row in rows],
            y=[row["part"] for row in rows],
            mode="markers",
            marker=marker,
            customdata=[row["n"] for row in rows],
            hovertemplate=hover,
            showlegend=False,
        )
    )
    figure.add_vline(x=level, line={"color": GREY, "dash": "dash"}, annotation_text=f"promised {level:.0%}", annotation_position="top")
    figure.update_xaxes(tickformat=".0%", range=[-0.02, 1.04])
    figure.update_yaxes(type="category", dtick=1)
    return layout(figure, "observed coverage", "", max(260, 34 * len(rows) + 90))


def expected_error(rows, threshold, unit):
    """Error to be expected over dissimilarity, with the limit of the area of applicability."""
    import plotly.graph_objects as go

    hover = f"dissimilarity %{{x:.3g}}<br>RMSE %{{y:.3g}} {unit}<extra></extra>"
    line = {"color": BLUE, "width": 2.5}
    figure = go.Figure(go.Scatter(x=[row["di"] for row in rows], y=[row["rmse"] for row in rows], mode="lines", line=line, hovertemplate=hover))
    if threshold is not None:
        figure.add_vline(x=threshold, line={"color": ORANGE, "dash": "dash"}, annotation_text="limit of the area", annotation_position="top left")
    figure.update_yaxes(rangemode="tozero")
    return layout(figure, "dissimilarity to the samples of other folds", f"expected error, RMSE ({unit})", 340)


def bars(names, values, title, percent=False):
    """Horizontal bars, the first on top."""
    import plotly.graph_objects as go

    hover = "%{y}: %{x:.1%}<extra></extra>" if percent else "%{y}: %{x:.3g}<extra></extra>"
    figure = go.Figure(go.Bar(x=list(values)[::-1], y=list(names)[::-1], orientation="h", marker_color=BLUE, hovertemplate=hover))
    figure.update_yaxes(type="category", dtick=1)
    if percent:
        figure.update_xaxes(tickformat=".0%")
    return layout(figure, title, "", max(220, 26 * len(list(names)) + 80))


def learning_curve(rows):
    """R2 over the number of training samples, with its spread."""
    import plotly.graph_objects as go

    n, r2 = [row["n"] for row in rows], [row["r2"] for row in rows]
    spread = [row.get("r2_sd") or 0 for row in rows]
    hover = "%{x:.0f} training samples<br>R² %{y:.2f}<extra></extra>"
    error = {"type": "data", "array": spread, "color": GREY}
    figure = go.Figure(go.Scatter(x=n, y=r2, error_y=error, mode="lines+markers", line={"color": BLUE}, marker={"size": 9}, hovertemplate=hover))
    return layout(figure, "training samples", "R² (pooled, out of fold)", 380)


def beside(figure, name, rows, other):
    """Add a second learning curve to the first, and say which is which."""
    second = learning_curve(rows).data[0]
    second.update(name=other, line={"color": ORANGE}, marker={"size": 9, "symbol": "square", "color": ORANGE})
    figure.data[0].update(name=name)
    figure.add_trace(second)
    figure.update_layout(showlegend=True)
    return legend_above(figure)


def _on_the_ground(figure):
    figure = layout(figure, "easting (m)", "northing (m)", 470)
    figure.update_xaxes(tickformat="d", nticks=5, constrain="domain")
    figure.update_yaxes(scaleanchor="x", scaleratio=1, tickformat="d", constrain="domain")
    return legend_above(figure)


def legend_above(figure):
    """The legend between title and chart, from the left."""
    return figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}, margin={"t": 60})


def _finite(values):
    """Lengths of error bars: an infinite interval has none to draw."""
    values = np.asarray(values, float)
    return np.where(np.isfinite(values), np.maximum(values, 0), np.nan)
