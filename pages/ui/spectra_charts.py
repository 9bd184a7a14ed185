"""Charts over a spectrum: quantile bands, attribution profiles, and the lanes of known absorptions below them. Wavenumbers fall to the right."""

import numpy as np

from pages.ui.charts import BLUE, ORANGE, layout
from pages.ui.theme import DIVERGING_COLORS
from pages.ui.trust_charts import GREY, legend_above

UNITS = {"cm-1": "wavenumber (cm⁻¹)", "nm": "wavelength (nm)"}
QUANTITIES = {
    "absorbance": "absorbance (log10 1/R)",
    "pseudo-absorbance": "absorbance (log10 1/R)",
    "reflectance": "reflectance (fraction)",
    "scaled": "scaled (no unit)",
    None: "value",
}
_LANE = 17  # pixels
_COLORS = (BLUE, ORANGE, "#1f9e89", "#a065c9", "#c28a00", "#7d8a2e")
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_QUANTILES = (("0.05", "0.95", "middle 90 %", 0.18), ("0.25", "0.75", "middle half", 0.32))


def quantiles(facts, quantity, examples, absorptions=()):
    """Spectra of a library: the middle 90 % and the middle half as bands, the median, and some whole spectra.

    Parameters
    ----------
    facts : dict
        ``axis``, ``unit``, ``quantiles``, ``spectra`` as `soilcore.project.spectra.preprocessed` tells them.
    quantity : str
    examples : list of str
        Names of the whole spectra.
    absorptions : list of dict
        Known bands to be named below.
    """
    figure, axis = _with_lanes(absorptions), facts["axis"]
    for low, high, words, opacity in _QUANTILES:
        color = f"rgba(42, 134, 196, {opacity})"
        figure.add_scatter(x=axis, y=facts["quantiles"][low], mode="lines", line={"width": 0}, hoverinfo="skip", showlegend=False, row=1, col=1)
        line = {"width": 0}
        figure.add_scatter(
            x=axis, y=facts["quantiles"][high], mode="lines", line=line, fill="tonexty", fillcolor=color, name=words, hoverinfo="skip", row=1, col=1
        )
    for number, (name, values, dash) in enumerate(zip(examples, facts["spectra"], _DASHES, strict=False)):
        line = {"width": 1, "color": GREY, "dash": dash}
        hover = f"{name}: %{{y:.4g}} at %{{x:.4g}}<extra></extra>"
        legend = {"name": "single spectra", "legendgroup": "single", "showlegend": number == 0}
        figure.add_scatter(x=axis, y=values, mode="lines", line=line, hovertemplate=hover, row=1, col=1, **legend)
    hover = "median %{y:.4g} at %{x:.4g}<extra></extra>"
    figure.add_scatter(
        x=axis, y=facts["quantiles"]["0.5"], mode="lines", line={"color": BLUE, "width": 2.2}, name="median", hovertemplate=hover, row=1, col=1
    )
    return _on_axis(figure, facts["axis"], facts["unit"], QUANTITIES.get(quantity, quantity), absorptions)


def profiles(axis, unit, shown, title, spread=None, absorptions=()):
    """Attribution along the spectrum for one or several groups.

    Parameters
    ----------
    axis : list of float
    unit : {"cm-1", "nm"}
    shown : dict of str to list of float
    title : str
        What the height is, with the unit of the attributions.
    spread : dict of str to list of float, optional
        Standard deviation over seeds, drawn round a single profile.
    absorptions : list of dict
    """
    figure = _with_lanes(absorptions)
    if spread and len(shown) == 1:
        name, values = next(iter(shown.items()))
        values, around = np.asarray(values, float), np.asarray(spread[name], float)
        figure.add_scatter(x=axis, y=values - around, mode="lines", line={"width": 0}, hoverinfo="skip", showlegend=False, row=1, col=1)
        band = {"fill": "tonexty", "fillcolor": "rgba(42, 134, 196, .22)", "name": "± 1 sd between seeds", "hoverinfo": "skip"}
        figure.add_scatter(x=axis, y=values + around, mode="lines", line={"width": 0}, row=1, col=1, **band)
    for number, (name, values) in enumerate(shown.items()):
        line = {"color": _COLORS[number % len(_COLORS)], "dash": _DASHES[number % len(_DASHES)], "width": 1.8}
        hover = f"{name}: %{{y:.3g}} at %{{x:.4g}}<extra></extra>"
        figure.add_scatter(x=axis, y=values, mode="lines", line=line, name=name, hovertemplate=hover, row=1, col=1)
    figure.update_layout(showlegend=True)
    figure.add_hline(y=0, line={"color": GREY, "width": 1}, row=1, col=1)
    return _on_axis(figure, axis, unit, title, absorptions)


def _lanes(absorptions):
    """Constituents in the order in which their bands come, each with its bands."""
    lanes = {}
    for band in absorptions:
        lanes.setdefault(_family(band["constituent"]), []).append(band)
    return lanes


def _family(constituent):
    """The first constituent of a band stands for all of them in the name of its lane."""
    for mark in (";", ",", "(", " and ", " in "):
        constituent = constituent.partition(mark)[0]
    return constituent.strip()


def _with_lanes(absorptions):
    from plotly.subplots import make_subplots

    lanes = _lanes(absorptions)
    if not lanes:
        return make_subplots(rows=1, cols=1)
    heights = [340, _LANE * len(lanes)]
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=heights, vertical_spacing=0.02)
    for number, (name, bands) in enumerate(lanes.items()):
        x, text = [], []
        for band in bands:
            x += [band["high"], band["centre"], band["low"], None]
            words = f"<b>{band['name']}</b>, {band['high']:.0f} to {band['low']:.0f}<br>{band['vibration']}<br>{band['constituent']}"
            text += [words] * 3 + [None]
        line = {"color": _COLORS[number % len(_COLORS)], "width": _LANE - 8}
        hover = "%{text}<extra></extra>"
        figure.add_scatter(x=x, y=[name] * len(x), text=text, mode="lines", line=line, showlegend=False, hovertemplate=hover, row=2, col=1)
    return figure


def _on_axis(figure, axis, unit, title, absorptions):
    """Canonical direction of the axis, its unit, and the lanes below."""
    lanes = len(_lanes(absorptions))
    figure = legend_above(layout(figure, "", "", 430 + _LANE * lanes))
    figure.update_xaxes(range=[axis[0], axis[-1]], title_text=None)  # wavenumbers come falling, wavelengths rising
    figure.update_xaxes(title_text=UNITS.get(unit, unit), row=2 if lanes else 1, col=1)
    figure.update_yaxes(title_text=title, row=1, col=1)
    if lanes:
        figure.update_yaxes(type="category", autorange="reversed", tickfont={"size": 10}, dtick=1, showgrid=False, row=2, col=1)
    return figure


def likeness(names, matrix):
    """Correlation of the profiles of groups; cells that cannot be trusted are empty."""
    import plotly.graph_objects as go

    values = np.array([[np.nan if cell is None else cell for cell in row] for row in matrix], float)
    scale = [[i / 4, color] for i, color in enumerate(DIVERGING_COLORS)]
    bar = {"title": {"text": "Pearson correlation", "side": "right"}}
    text = np.where(np.isfinite(values), np.char.mod("%.2f", np.nan_to_num(values)), "–")
    hover = "%{x} and %{y}: %{text}<extra></extra>"
    show = {"text": text, "texttemplate": "%{text}"} if len(names) <= 14 else {"text": text}
    figure = go.Figure(go.Heatmap(z=values, x=names, y=names, zmin=-1, zmax=1, colorscale=scale, colorbar=bar, hovertemplate=hover, **show))
    figure.update_yaxes(autorange="reversed", type="category", dtick=1)
    figure.update_xaxes(type="category", dtick=1)
    return layout(figure, "", "", max(300, 34 * len(names) + 120))
