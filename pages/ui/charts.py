"""Charts the pages share: each takes facts and gives a plotly figure; units stand on the axes, colours are safe for everyone."""

import numpy as np

from pages.ui.theme import CLASS_COLORS, DIVERGING_COLORS

# bright enough for a dark page, dark enough for a white one
BLUE, ORANGE = "#2a86c4", "#D55E00"
_LEVELS = (("#d99a00", "circle"), ("#6fae3e", "square"), ("#1f9e89", "diamond"), ("#3f86cf", "triangle-up"), ("#a065c9", "x"))
_FITS = (  # lines of fits: colours of everyone, and marks for those who tell no colours apart
    *((BLUE, "circle"), (ORANGE, "square"), ("#1f9e89", "diamond"), ("#a065c9", "triangle-up"), ("#d99a00", "x")),
    *(("#7f8c8d", "cross"), ("#c0587e", "star"), ("#5d8a2a", "triangle-down"), ("#4d6fd0", "hexagon"), ("#9a6a3a", "pentagon")),
)
_FEW_EPOCHS = 12
_HEIGHT = 380
_RAMP = [[i / 4, color] for i, color in enumerate(CLASS_COLORS)]


def histogram(values, title, log=False):
    """Distribution of the target."""
    import plotly.graph_objects as go

    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if log:
        values, title = np.log10(values[values > 0]), f"log10 of {title}"
    figure = go.Figure(go.Histogram(x=values, nbinsx=30, marker_color=BLUE))
    return layout(figure, title, "samples")


def places(x, y, values, title, crs, log=False):
    """Samples where they lie, coloured by the target; with `log`, the colours follow its logarithm and the scale keeps the unit."""
    import plotly.graph_objects as go

    values = np.asarray(values, float)
    usable = np.isfinite(values) & ((values > 0) | (not log))
    shown = np.full(values.shape, np.nan)
    shown[usable] = np.log10(values[usable]) if log else values[usable]
    bar = {"title": {"text": title, "side": "right"}, **(_powers(shown) if log else {})}
    marker = {"color": shown, "colorscale": _RAMP, "size": 8, "colorbar": bar, "line": {"color": "#555", "width": 0.5}}
    names = _axes(crs)
    hover = f"{names[0]} %{{x}}<br>{names[1]} %{{y}}<br>%{{customdata:.4g}}<extra></extra>"
    figure = go.Figure(go.Scatter(x=x, y=y, mode="markers", marker=marker, customdata=values, hovertemplate=hover))
    return on_plane(figure, crs, y)


def on_plane(figure, crs, y, height=_HEIGHT):
    """Axes of a reference system, a metre as long to the east as to the north."""
    geographic = crs is not None and crs.is_geographic
    figure.update_yaxes(scaleanchor="x", scaleratio=1 / np.cos(np.radians(np.nanmean(y))) if geographic else 1)
    return layout(figure, *_axes(crs), height)


def _axes(crs):
    """Names of the axes of a reference system, with their unit."""
    if crs is None:
        return "first coordinate (system not known)", "second coordinate (system not known)"
    if crs.is_geographic:
        return "longitude (°)", "latitude (°)"
    unit = crs.axis_info[0].unit_name if crs.axis_info else "unit not known"
    short = {"metre": "m"}.get(unit, unit)
    return f"easting ({short})", f"northing ({short})"


def _powers(exponents):
    """Ticks of a colour scale over logarithms, written as the values themselves."""
    known = exponents[np.isfinite(exponents)]
    if not known.size:
        return {}
    ticks = np.linspace(known.min(), known.max(), 5)
    return {"tickvals": ticks, "ticktext": [f"{10**tick:.3g}" for tick in ticks]}


def losses(frame):
    """Training and validation loss by epoch; the best epoch is marked."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for column, name, color, dash in (("loss", "training samples", BLUE, "dot"), ("validation_loss", "held back", ORANGE, "solid")):
        if column in frame and frame[column].notna().any():
            line = {"color": color, "dash": dash, "width": 2.5}
            figure.add_trace(go.Scatter(x=frame["epoch"], y=frame[column], name=name, mode="lines", line=line))
    if "validation_loss" in frame and frame["validation_loss"].notna().any():
        best = frame.loc[frame["validation_loss"].idxmin()]
        marker = {"color": ORANGE, "size": 10, "symbol": "circle-open", "line": {"width": 2}}
        figure.add_trace(go.Scatter(x=[best["epoch"]], y=[best["validation_loss"]], name="best so far", mode="markers", marker=marker))
    return _by_epoch(figure)


def _by_epoch(figure):
    most = max((int(max(trace.x)) for trace in figure.data if len(trace.x)), default=1)
    figure.update_xaxes(tickformat="d", **({"dtick": 1} if most <= _FEW_EPOCHS else {}))
    return layout(figure, "epoch", "loss (scale of the network)", 320)


def losses_of_fits(fits):
    """Validation loss by epoch of several fits, each told apart by colour and mark; the last one thicker, with its training loss."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for number, (name, frame) in enumerate(fits):
        is_last = number == len(fits) - 1
        color, symbol = _FITS[number % len(_FITS)]
        column = "validation_loss" if frame["validation_loss"].notna().any() else "loss"
        line, marker = {"color": color, "width": 3.5 if is_last else 1.5}, {"symbol": symbol, "size": 7}
        short = name.partition(": ")[2] or name
        figure.add_trace(go.Scatter(x=frame["epoch"], y=frame[column], name=short, mode="lines+markers", line=line, marker=marker))
        if is_last and column == "validation_loss":
            dotted = {"color": color, "dash": "dot", "width": 2}
            figure.add_trace(go.Scatter(x=frame["epoch"], y=frame["loss"], name=f"{short}, training", mode="lines", line=dotted))
    return _by_epoch(figure)


def spectra(table, view, view_title, unit):
    """Mean spectra by level of the target, over wavelength where it is known."""
    import plotly.graph_objects as go

    figure = go.Figure()
    levels = table.drop_duplicates("level")
    by_wavelength = table["wavelength_nm"].notna().all()
    for (color, symbol), (_, level) in zip(_spread(_LEVELS, len(levels)), levels.iterrows(), strict=True):
        rows = table[table["level"] == level["level"]]
        name = f"{level['label']} (n = {int(rows['n'].max())})"
        x = rows["wavelength_nm"] if by_wavelength else rows["role"]
        line, marker = {"color": color, "width": 2.5}, {"symbol": symbol, "size": 8}
        figure.add_scatter(
            x=x, y=rows[view], name=name, text=rows["role"], mode="lines+markers", line=line, marker=marker, hovertemplate="%{text}: %{y:.4g}"
        )
    figure = layout(figure, "wavelength (nm)" if by_wavelength else "band", view_title, 440)
    return figure.update_layout(legend={"orientation": "v", "y": 1, "title": {"text": f"level ({unit})"}})


def correlation_bars(rows, statistic):
    """Ranked correlations with their intervals; grey where not told apart from chance."""
    import plotly.graph_objects as go

    rows = rows.iloc[::-1]
    value = rows[statistic]
    error = {"type": "data", "array": rows[f"{statistic}_high"] - value, "arrayminus": value - rows[f"{statistic}_low"], "color": "#888"}
    color = np.where(rows["q"] < 0.05, BLUE, "#9aa39e")
    hover = "%{y}: %{x:.2f}, q = %{customdata:.2g}<extra></extra>"
    bars = go.Bar(x=value, y=rows["name"], orientation="h", marker_color=color, error_x=error, customdata=rows["q"], hovertemplate=hover)
    figure = go.Figure(bars)
    figure.update_xaxes(range=[-1, 1], zeroline=True)
    figure.update_yaxes(type="category", dtick=1)
    return layout(figure, f"{statistic.title()} correlation with the target", "", max(_HEIGHT, 22 * len(rows) + 60))


def heat_map(matrix, statistic):
    """Correlations among predictors, blue to orange."""
    import plotly.graph_objects as go

    scale = [[i / 4, color] for i, color in enumerate(DIVERGING_COLORS)]
    bar = {"title": {"text": statistic.title(), "side": "right"}}
    hover = "%{x} and %{y}: %{z:.2f}<extra></extra>"
    figure = go.Figure(
        go.Heatmap(z=matrix.to_numpy(), x=matrix.columns, y=matrix.index, zmin=-1, zmax=1, colorscale=scale, colorbar=bar, hovertemplate=hover)
    )
    figure.update_yaxes(autorange="reversed", scaleanchor="x", constrain="domain", type="category", dtick=1)
    figure.update_xaxes(constrain="domain", type="category", dtick=1)
    return layout(figure, "", "", 620)


def scatter(x, y, x_title, y_title, rows):
    """One predictor against the target."""
    import plotly.graph_objects as go

    hover = f"row %{{customdata}}<br>{x_title} %{{x:.4g}}<br>{y_title} %{{y:.4g}}<extra></extra>"
    figure = go.Figure(go.Scatter(x=x, y=y, mode="markers", marker={"color": BLUE, "size": 7, "opacity": 0.75}, customdata=rows, hovertemplate=hover))
    return layout(figure, x_title, y_title)


def observed_predicted(series, unit, title="", log=False):
    """Observed against predicted values with the 1:1 line.

    Parameters
    ----------
    series : dict of str to (observed, predicted)
        Calibration first, so that validation lies on top.
    unit : str or None
    title : str
    log : bool
        Logarithmic axes.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    values = np.concatenate([np.asarray(part, float) for pair in series.values() for part in pair])
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    ends = [values.min(), values.max()] if values.size else [0, 1]
    figure.add_scatter(x=ends, y=ends, mode="lines", line={"color": "#888", "dash": "dash", "width": 1}, name="1:1", hoverinfo="skip")
    for name, (observed, predicted) in series.items():
        hollow = name != "validation"
        marker = {"color": ORANGE if hollow else BLUE, "symbol": "circle-open" if hollow else "circle", "size": 7, "opacity": 0.8}
        hover = "observed %{x:.4g}<br>predicted %{y:.4g}"
        figure.add_scatter(x=observed, y=predicted, mode="markers", name=name, marker=marker, hovertemplate=hover)
    suffix = f" ({unit})" if unit else " (unit not known)"
    figure = layout(figure, f"observed{suffix}", f"predicted{suffix}", 420)
    if log:
        figure.update_xaxes(type="log")
        figure.update_yaxes(type="log")
    if title:
        figure.update_layout(title={"text": title, "font": {"size": 14}}, margin={"t": 70}, legend={"y": 1.08})
    return figure


def score_bars(rows):
    """Spatial and random score of each learner side by side; far below 0 the bars are cut."""
    import plotly.graph_objects as go

    names = [row["name"] for row in rows]
    figure = go.Figure()
    spatial = any(row.get("r2_random") is not None for row in rows)
    low, high = ([row.get(key) for row in rows] for key in ("r2_low", "r2_high"))
    error = None
    if all(value is not None for value in (*low, *high)):
        up, down = ([abs(edge - row["r2"]) for edge, row in zip(edges, rows, strict=True)] for edges in (high, low))
        error = {"type": "data", "array": up, "arrayminus": down, "color": "#888"}
    first = "places not sampled (these folds)" if spatial else "these folds"
    figure.add_bar(x=names, y=[row["r2"] for row in rows], name=first, marker_color=BLUE, error_y=error)
    if spatial:
        contrast = {"marker_color": "#c9b458", "marker_pattern_shape": "/"}
        figure.add_bar(x=names, y=[row["r2_random"] for row in rows], name="random folds, for contrast", **contrast)
    figure = layout(figure.update_layout(barmode="group"), "", "R² (pooled, out of fold)")
    lowest = min([row["r2"] for row in rows if row["r2"] is not None], default=0)
    return figure.update_yaxes(range=[max(-1.0, min(-0.1, lowest - 0.1)), 1.0], zeroline=True)


def band_histogram(stored, reflectance, role):
    """Values of one band before and after scaling."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=1, cols=2)
    for column, (counts, edges) in enumerate((stored, reflectance), start=1):
        edges = np.asarray(edges)
        centres = (edges[1:] + edges[:-1]) / 2
        figure.add_trace(go.Bar(x=centres, y=counts, marker_color=BLUE if column == 2 else "#888", showlegend=False), row=1, col=column)
    figure = layout(figure, "", "", 280)
    figure.update_yaxes(title_text="pixels", col=1)
    figure.update_xaxes(title_text=f"{role}, stored value", col=1)
    return figure.update_xaxes(title_text=f"{role}, reflectance", col=2)


def _spread(colors, count):
    if count <= 1:
        return [colors[2]] * count
    return [colors[round(i * (len(colors) - 1) / (count - 1))] for i in range(count)]


def layout(figure, x_title, y_title, height=_HEIGHT):
    """Titles of the axes, height, and a legend above."""
    figure.update_layout(height=height, margin={"l": 10, "r": 10, "t": 30, "b": 10}, legend={"orientation": "h", "y": 1.1})
    figure.update_xaxes(title_text=x_title or None)
    figure.update_yaxes(title_text=y_title or None)
    return figure
