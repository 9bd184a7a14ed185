"""Charts of fields and crops: facts in, a figure out; units stand on the axes."""

from pages.ui.charts import BLUE, ORANGE, layout

MOST_BARS = 25
_ROW = 20
_SIGNS = {"T": "circle", "MT": "square", "MS": "diamond", "S": "triangle-up"}


def means(rows, facts):
    """Mean of each field with its interval, coloured by class."""
    import plotly.graph_objects as go

    rows = rows[::-1]
    names = _names(rows)
    figure = go.Figure()
    for label, color, chosen in _by_class(rows, facts):
        values = [rows[number]["mean"] for number in chosen]
        error = None
        if all(rows[number]["low"] is not None for number in chosen):
            up, down = ([abs(rows[number][edge] - rows[number]["mean"]) for number in chosen] for edge in ("high", "low"))
            error = {"type": "data", "array": up, "arrayminus": down, "color": "#888"}
        marker = {"color": color, "size": 9, "line": {"color": "#777", "width": 1}}
        figure.add_scatter(x=values, y=[names[number] for number in chosen], mode="markers", name=label, error_x=error, marker=marker)
    figure.update_yaxes(type="category", dtick=1, categoryorder="array", categoryarray=names)
    level = f", {100 * facts['level']:.4g} % interval" if facts["level"] else ""
    return _tall(figure, f"mean ({facts['unit'] or 'unit not known'}){level}", len(rows))


def _names(rows):
    """Names of fields as they stand: a chart reads markup in them."""
    return [str(row["field"]).replace("&", "&amp;").replace("<", "&lt;") for row in rows]


def _by_class(rows, facts):
    if not facts["classes"]:
        return [("mean", BLUE, list(range(len(rows))))]
    labels, colors = facts["classes"]["labels"], facts["classes"]["colors"]
    groups = [(label, color, [n for n, row in enumerate(rows) if row["class"] == label]) for label, color in zip(labels, colors, strict=True)]
    return [group for group in groups if group[2]]


def shares(rows, classes):
    """Share of every class in each field, one bar per field."""
    import plotly.graph_objects as go

    rows = rows[::-1]
    names = _names(rows)
    figure = go.Figure()
    for number, (label, color) in enumerate(zip(classes["labels"], classes["colors"], strict=True)):
        values = [row["shares_expected"][number] for row in rows]
        line = {"color": "#777", "width": 0.5}
        figure.add_bar(x=values, y=names, orientation="h", name=label, marker={"color": color, "line": line}, hovertemplate="%{y}: %{x:.0%}")
    figure.update_layout(barmode="stack")
    figure.update_xaxes(range=[0, 1], tickformat=".0%")
    figure.update_yaxes(type="category", dtick=1)
    return _tall(figure, "expected share of the field", len(rows))


def shares_of_one(table, colors):
    """Classes of one field: expected, with their interval."""
    import plotly.graph_objects as go

    figure = go.Figure()
    up, down = table["to"] - table["expected"], table["expected"] - table["from"]
    error = {"type": "data", "array": up.clip(lower=0), "arrayminus": down.clip(lower=0), "color": "#888"}
    marker = {"color": list(colors), "line": {"color": "#777", "width": 0.5}}
    figure.add_bar(
        x=table["expected"], y=table["class"], orientation="h", marker=marker, error_x=error, hovertemplate="%{y}: %{x:.0%}<extra></extra>"
    )
    figure.update_xaxes(tickformat=".0%", range=[0, 1])
    figure.update_yaxes(autorange="reversed")
    return layout(figure, "expected share of the field, with interval", "", 260)


def years_of_one(trend, unit):
    """Mean of one field by year, with its interval."""
    import plotly.graph_objects as go

    years = [year for year in trend["means"] if year["mean"] is not None]
    error = None
    if all(year["low"] is not None for year in years):
        up, down = ([abs(year[edge] - year["mean"]) for year in years] for edge in ("high", "low"))
        error = {"type": "data", "array": up, "arrayminus": down, "color": "#888"}
    x = [year["label"] for year in years]
    figure = go.Figure(go.Scatter(x=x, y=[year["mean"] for year in years], mode="lines+markers", error_y=error, line={"color": BLUE}))
    figure.update_xaxes(type="category")
    slope = f"{trend['slope']:+.2g} {unit or ''} per year, {trend['verdict']}" if trend["slope"] is not None else trend["verdict"]
    return layout(figure.update_layout(title={"text": slope, "font": {"size": 14}}), "", f"mean ({unit or 'unit not known'})", 260)


def yields(rows, ratings, least):
    """Expected relative yield of crops with its interval; signs tell the rating."""
    import plotly.graph_objects as go

    rows = rows[::-1]
    names = [row["name"] for row in rows]
    figure = go.Figure()
    for rating, sign in _SIGNS.items():
        chosen = [row for row in rows if row["rating"] == rating]
        if not chosen:
            continue
        up, down = (
            [abs((row[edge] if row[edge] is not None else row["yield"]) - row["yield"]) for row in chosen] for edge in ("yield_high", "yield_low")
        )
        error = {"type": "data", "array": up, "arrayminus": down, "color": "#888"}
        marker = {"color": BLUE, "symbol": sign, "size": 10}
        x, y = [row["yield"] for row in chosen], [row["name"] for row in chosen]
        figure.add_scatter(x=x, y=y, mode="markers", name=ratings[rating], marker=marker, error_x=error, hovertemplate="%{y}: %{x:.0f} %")
    figure.add_vline(x=least, line={"color": ORANGE, "dash": "dash"}, annotation_text="good", annotation_position="top")
    figure.update_xaxes(range=[-2, 102])
    figure.update_yaxes(type="category", dtick=1, categoryorder="array", categoryarray=names)
    return _tall(figure, "expected relative yield (% of the yield without salt)", len(rows))


def leaching(rows):
    """Part of the water that must drain, by crop."""
    import plotly.graph_objects as go

    rows = rows[::-1]
    bars = go.Bar(
        x=[row["part"] for row in rows],
        y=[row["crop"] for row in rows],
        orientation="h",
        marker_color=BLUE,
        hovertemplate="%{y}: %{x:.0%}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.update_xaxes(tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(type="category", dtick=1)
    return _tall(figure, "part of the applied water that must drain", len(rows))


def _tall(figure, x_title, rows):
    """One row of the page per line, the legend above."""
    figure = layout(figure, x_title, "", max(240, _ROW * rows + 110))
    return figure.update_layout(legend={"orientation": "h", "y": 1, "yanchor": "bottom"}, margin={"l": 10, "r": 10, "t": 50, "b": 10})
