"""Charts of what networks looked at."""

from pages.ui.charts import layout
from pages.ui.theme import RAMP_COLORS

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
    scale = [[i / (len(RAMP_COLORS) - 1), color] for i, color in enumerate(RAMP_COLORS)]
    most = max(max(row) for row in matrix["values"])
    bar = {"title": {"text": "attention", "side": "right"}, "tickformat": ".0%"}
    heat = go.Heatmap(
        z=matrix["values"],
        x=columns,
        y=rows,
        zmin=0,
        zmax=most,
        colorscale=scale,
        colorbar=bar,
        texttemplate="%{z:.0%}",
        textfont={"size": 10},
        hovertemplate="%{y} to %{x}: %{z:.1%}<extra></extra>",
    )
    figure = go.Figure(heat)
    figure.update_yaxes(autorange="reversed", type="category", dtick=1)
    figure.update_xaxes(type="category", dtick=1, tickangle=-45, side="bottom")
    return layout(figure, "band or index branch", "", _ROW_PX * len(rows) + 140)
