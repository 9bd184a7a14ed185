"""The chart of predictions: every spectrum with its interval, those the model does not know with another mark."""

import numpy as np

from pages.ui.charts import BLUE, ORANGE, layout
from pages.ui.trust_charts import legend_above

_MANY = 2000  # marks; beyond, every so many-th is drawn and the table holds all


def predictions(table, unit, level):
    """Predictions in rising order with their intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        ``id``, ``predicted``, and where known ``lower``, ``upper``, ``inside``.
    unit : str
    level : float
        Promised coverage.
    """
    import plotly.graph_objects as go

    table = table.sort_values("predicted").iloc[:: max(1, len(table) // _MANY)].reset_index(drop=True)
    known = table["inside"].to_numpy(bool) if "inside" in table else np.ones(len(table), bool)
    figure = go.Figure()
    for words, chosen, color, mark in (("like the library", known, BLUE, "circle"), ("unlike it: do not rely on these", ~known, ORANGE, "diamond")):
        part = table[chosen]
        if part.empty:
            continue
        error, bounds = None, np.full((len(part), 2), np.nan)
        if {"lower", "upper"} <= set(table.columns):
            bounds = part[["lower", "upper"]].to_numpy(float)
            up, down = bounds[:, 1] - part["predicted"], part["predicted"] - bounds[:, 0]
            error = {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": color, "thickness": 1, "width": 0}
        marker = {"color": color, "symbol": mark, "size": 7, "line": {"color": "#fff", "width": 0.5}}
        hover = f"%{{customdata[0]}}: %{{y:.3g}} {unit}<br>{level:.0%} interval %{{customdata[1]:.3g}} to %{{customdata[2]:.3g}}<extra></extra>"
        given = np.column_stack([part["id"].astype(str), bounds])
        name = f"{words} ({len(part)}), with {100 * level:g} % interval" if error else f"{words} ({len(part)})"
        figure.add_scatter(
            x=part.index + 1, y=part["predicted"], error_y=error, mode="markers", name=name, marker=marker, customdata=given, hovertemplate=hover
        )
    figure.update_layout(showlegend=True)  # also for one kind of spectra: the legend tells what the lines are
    return legend_above(layout(figure, "spectra, from the smallest to the largest prediction", f"predicted ({unit})", 400))
