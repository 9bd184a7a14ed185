"""The values that travel: what a user says about a table, the target, and the checked set of samples."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pyproj import CRS

from soilcore.core.findings import Finding


@dataclass(frozen=True)
class SampleSettings:
    """What a user can say about a table; None means "find out, and say what was assumed"."""

    sheet: str | None = None
    layer: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    x: str | None = None
    y: str | None = None
    crs: str | None = None
    id: str | None = None
    date: str | None = None
    depth_top: str | None = None
    depth_bottom: str | None = None
    target: str | None = None
    unit: str | None = None
    extract: str | None = None
    texture: str | None = None
    clay: str | None = None
    convert: str | None = None
    detection_limit: float | None = None


@dataclass(frozen=True)
class Target:
    """The property to be predicted, in the form it is modelled.

    Parameters
    ----------
    column : str
        Column it came from.
    values : ndarray of float, shape (n_samples,)
        NaN where missing or unusable.
    unit : str or None
        Unit of `values`; None when unknown.
    extract : str or None
        For EC: "1:1", "1:2", "1:2.5", "1:5", "paste" or "ECa".
    form : str
        "as-measured", "ECe" or "salt".
    method : str or None
        The conversion applied and its factors, as text; None when values are as measured.
    measured : Target or None
        The target before its conversion; None when nothing was converted.
    """

    column: str
    values: np.ndarray
    unit: str | None = None
    extract: str | None = None
    form: str = "as-measured"
    method: str | None = None
    measured: "Target | None" = None

    def facts(self):
        """What the facts of a scoring say of it."""
        return {"target": self.column, "unit": self.unit, "form": self.form, "method": self.method}

    def to_dict(self):
        """What a model folder says of it."""
        return {"column": self.column, "unit": self.unit, "extract": self.extract, "form": self.form, "method": self.method}


@dataclass(frozen=True)
class SampleSet:
    """A checked table of samples.

    Parameters
    ----------
    table : pandas.DataFrame of n_samples rows
        Every column, numbers as numbers, in the order of the file. The index is the row as a spreadsheet counts it (first sample: 2).
    source : str
        Where it came from.
    fingerprint : str
        sha256 of the bytes and the settings.
    x, y : ndarray of float, shape (n_samples,), or None
        Coordinates in `crs` (easting or longitude first); None for a table without places.
    crs : pyproj.CRS or None
        Their reference system.
    target : Target or None
        The property to be predicted, when one was named.
    columns : dict
        Which column plays which part: "x", "y", "id", "date", "depth_top", "depth_bottom", "texture", "clay", "target".
    findings : tuple of Finding
        What reading found. `soilcore.data.checks.check_samples` finds more.
    assumed : tuple of str
        Sentences: what was inferred because nobody said.
    """

    table: pd.DataFrame
    source: str
    fingerprint: str
    x: np.ndarray | None = None
    y: np.ndarray | None = None
    crs: CRS | None = None
    target: Target | None = None
    columns: dict = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    assumed: tuple[str, ...] = ()

    def __len__(self):
        return len(self.table)

    @property
    def has_places(self):
        """Whether samples can be laid over a map."""
        return self.x is not None
