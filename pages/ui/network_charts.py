"""Charts of what networks looked at."""

from pages.ui.charts import layout
from pages.ui.theme import DIVERGING_COLORS

_WORDS = {
    "elevation": "elevation",
    "slope_deg": "slope",
    "profile_curvature": "profile curvature",
    "plan_curvature": "plan curvature",
    "sos": "start of season",
    "gus": "green-up speed",
    "sdps": "start of peak",
    "vegetated": "indices, vegetated",
    "bare": "indices, bare",
}
_ROW_PX = 34
_LEAST_REACH = 0.5  # of an even share: below, differences stay pale


def words(name):
    """A covariate or band in words."""
    return _WORDS.get(name, name)


def attention(matrix):
    """Covariates (rows) by bands and branches (columns); every cell says its share.

    Parameters
    ----------
    matrix : dict
        ``rows``, ``columns``, ``values``; rows sum to 1.
    """
    import plotly.graph_objects as go

    rows, columns = [words(name) for name in matrix["rows"]], [words(name) for name in matrix["columns"]]
    scale = [[i / (len(DIVERGING_COLORS) - 1), color] for i, color in enumerate(DIVERGING_COLORS)]
    even = 1 / len(columns)
    reach = max(_LEAST_REACH * even, *(abs(value - even) for row in matrix["values"] for value in row))
    bar = {
        "orientation": "h",
        "y": 1.0,
        "yanchor": "bottom",
        "thickness": 12,
        "tickformat": ".0%",
        "nticks": 5,
        "title": {"text": "attention", "side": "top"},
    }
    heat = go.Heatmap(
        z=matrix["values"],
        x=columns,
        y=rows,
        zmin=even - reach,
        zmax=even + reach,
        colorscale=scale,
        colorbar=bar,
        texttemplate="%{z:.0%}",
        textfont={"size": 9},
        hovertemplate="%{y} to %{x}: %{z:.1%}<extra></extra>",
    )
    figure = go.Figure(heat)
    figure.update_yaxes(autorange="reversed", type="category", dtick=1)
    figure.update_xaxes(type="category", dtick=1, tickangle=-45, side="bottom")
    return layout(figure, "band or index branch", "", _ROW_PX * len(rows) + 220)
