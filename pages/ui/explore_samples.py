"""Samples on the map of a model: how far off its prediction was at each of them when it had not seen them."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from pages.ui import cached, evidence, theme
from pages.ui.session import current_work

LABEL = "Samples: error where left out"
_LOW, _MIDDLE, _HIGH = theme.DIVERGING_COLORS[0], "#f7f7f7", theme.DIVERGING_COLORS[-1]
_COLORS = (_LOW, theme.DIVERGING_COLORS[1], _MIDDLE, theme.DIVERGING_COLORS[3], _HIGH)
_RADII = (7.5, 5.0, 3.5, 5.0, 7.5)
_COLUMNS = {
    "observed": st.column_config.NumberColumn(format="%.3g"),
    "predicted": st.column_config.NumberColumn("predicted when left out", format="%.3g"),
    "residual": st.column_config.NumberColumn("error (predicted minus observed)", format="%+.3g"),
    "lower": st.column_config.NumberColumn("interval from", format="%.3g"),
    "upper": st.column_config.NumberColumn("interval to", format="%.3g"),
    "di": st.column_config.NumberColumn("dissimilarity", format="%.3g"),
    "longitude": st.column_config.NumberColumn(format="%.5f"),
    "latitude": st.column_config.NumberColumn(format="%.5f"),
}


@dataclass(frozen=True)
class Errors:
    """Samples with the errors of a model.

    Parameters
    ----------
    table : pandas.DataFrame
        ``longitude``, ``latitude`` (degrees), ``observed``, ``predicted``, ``residual`` and what else the model kept.
    unit : str
    breaks : tuple of float
        Sizes of errors at which the look changes, two of them.
    """

    table: pd.DataFrame
    unit: str
    breaks: tuple

    @property
    def numbers(self):
        """Which look each sample has: 0 far too low to 4 far too high."""
        small, large = self.breaks
        error = self.table["residual"]
        return (2 + (error > small).astype(int) + (error > large).astype(int) - (error < -small).astype(int) - (error < -large).astype(int)).tolist()

    @property
    def points(self):
        """(latitude, longitude, text, number of the look), the largest errors last, so that they lie on top."""
        rows = zip(self.table.itertuples(), self.numbers, strict=True)
        points = [(float(row.latitude), float(row.longitude), self._text(row), number) for row, number in rows]
        return sorted(points, key=lambda point: _RADII[point[3]])

    def _text(self, row):
        unit = f" {self.unit}" if self.unit else ""
        name = f"Row {row.row}: " if hasattr(row, "row") else ""
        return f"{name}observed {theme.number(row.observed)}, predicted {theme.number(row.predicted)}, error {row.residual:+.3g}{unit}"

    @property
    def looks(self):
        """(colour, radius) of each look."""
        return list(zip(_COLORS, _RADII, strict=True))

    @property
    def legend(self):
        """Title and (colour, radius, text), from too high to too low."""
        small, large, unit = theme.number(self.breaks[0]), theme.number(self.breaks[1]), f" {self.unit}" if self.unit else ""
        words = [
            f"more than {large}{unit} too low",
            f"{small} to {large} too low",
            f"off by less than {small}",
            f"{small} to {large} too high",
            f"more than {large}{unit} too high",
        ]
        entries = [[color, radius, text] for (color, radius), text in zip(self.looks, words, strict=True)]
        return {"title": "Prediction at samples left out", "entries": entries[::-1]}


def errors_of(identifier):
    """Samples with the errors of a model of the project; None where it keeps none with places, or is gone."""
    work = current_work()
    if identifier not in work.models:
        return None
    model = cached.model(identifier)
    table = _table(cached.stamp(work.path(f"models/{identifier}/model.json")), str(work.project.folder), model)
    if table is None or table.empty:
        return None
    sizes = table["residual"].abs()
    small, large = _round(sizes.quantile(0.5)), _round(sizes.quantile(0.9))
    return Errors(table, model.target["unit"] or "", (small, max(large, 2 * small)))


@st.cache_data(max_entries=8, show_spinner=False)
def _table(stamp, folder, _model):
    from soilcore.project.bundle_samples import sample_layer

    layer, _ = sample_layer(_model, [folder])
    if layer is None:
        return None
    table = pd.DataFrame(layer.drop(columns="geometry")).assign(longitude=layer.geometry.x.to_numpy(), latitude=layer.geometry.y.to_numpy())
    return table[table[["longitude", "latitude", "residual"]].notna().all(axis=1)].reset_index(drop=True)


def _round(value):
    """One significant digit, 1, 2 or 5; never 0."""
    import math

    if not value > 0:
        return 1e-6
    power = 10.0 ** math.floor(math.log10(value))
    return power * min((1, 2, 5, 10), key=lambda step: abs(math.log(value / power / step)))


def table_of(errors):
    """The samples as a table, folded, and as a file."""
    with st.expander(f"The {len(errors.table)} samples and their errors", icon=":material/table:", type="compact"):
        st.dataframe(
            errors.table, hide_index=True, placeholder="", alt="Samples with observed and predicted values and errors", column_config=_COLUMNS
        )
        evidence.download(errors.table, "map.samples", "samples-with-errors.csv")
