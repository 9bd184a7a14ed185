"""Samples: a table a field scientist made, its coordinates, its target with unit and extract, and what is wrong with it."""

from pathlib import Path

import numpy as np
import pandas as pd

from soilcore.core import fingerprint
from soilcore.core.errors import SampleError, SettingsError
from soilcore.core.progress import silent
from soilcore.data.columns import depth_ranges, role_columns
from soilcore.data.dates import parse_dates
from soilcore.data.places import find_places
from soilcore.data.sample_set import SampleSet, SampleSettings, Target
from soilcore.data.tabular import read_table
from soilcore.data.targets import find_target, make_target

__all__ = ["SampleSet", "SampleSettings", "Target", "read_samples"]

_FOUND_BY_NAME = ("id", "date", "depth_top", "depth_bottom", "texture", "clay", "sand", "silt", "unit", "extract")
_TEXT_ROLES = ("unit", "extract", "texture")


def read_samples(path, settings=None, report=silent):
    """Read a table of samples: columns, places, target.

    Parameters
    ----------
    path : str or Path
        CSV, TSV or other text (also gzipped), XLSX, GeoPackage, GeoJSON, zipped shapefile, parquet.
    settings : SampleSettings, optional
        What the user says about it; what is not said is found out and kept in `SampleSet.assumed`.
    report : Report

    Returns
    -------
    SampleSet

    Raises
    ------
    UnreadableError
        If it is no table.
    SettingsError
        If an option names what is not there.
    SampleError
        If a conversion needs what is not known.
    """
    settings = SampleSettings() if settings is None else settings
    report(0, 3, "reading the table")
    raw = read_table(
        path, sheet=settings.sheet, layer=settings.layer, encoding=settings.encoding, delimiter=settings.delimiter, decimal=settings.decimal
    )
    if raw.frame.columns.empty:
        raise SampleError(f"{Path(path).name!r} has places but no columns, so there is nothing to model.")
    report(1, 3, "finding places and target")
    samples = samples_from(raw, settings, Path(path).name)
    report(3, 3, "table read")
    return samples


def samples_from(raw, settings, source):
    """Places, parts and target of a table that has been read.

    Parameters
    ----------
    raw : RawTable
    settings : SampleSettings
    source : str
        Where it came from, for people.

    Returns
    -------
    SampleSet
    """
    columns = _parts(raw, settings)
    places = find_places(raw, x=settings.x, y=settings.y, crs=settings.crs)
    if places.x_column is not None:
        columns |= {"x": places.x_column, "y": places.y_column}
    name, said, assumed = find_target(raw.frame, settings, columns)
    target, about, taken = make_target(raw, settings, columns, name) if name is not None else (None, [], [])
    if name is not None:
        columns["target"] = name
    return SampleSet(
        table=raw.frame,
        source=source,
        fingerprint=fingerprint.of_settings(raw.sha256, settings),
        x=places.x,
        y=places.y,
        crs=places.crs,
        target=target,
        columns=columns,
        findings=tuple([*raw.findings, *places.findings, *said, *about]),
        assumed=tuple([*raw.assumed, *places.assumed, *assumed, *taken]),
    )


def _parts(raw, settings):
    """Which column plays which part: as told, else by name."""
    columns = {}
    for role in _FOUND_BY_NAME:
        told = getattr(settings, role, None) if role not in ("unit", "extract") else None
        if told is not None:
            if told not in raw.frame.columns:
                option = "--" + role.replace("_", "-")
                raise SettingsError(
                    f"{option} names the column {told!r}, which the table does not have. Its columns: {', '.join(raw.frame.columns[:40])}."
                )
            columns[role] = told
        elif found := [
            name for name in role_columns(list(raw.frame.columns), role) if _plausible(raw.frame[name], role) and name not in columns.values()
        ]:
            columns[role] = found[0]
    if "depth_top" not in columns:
        _split_depths(raw, columns)
    return columns


def _plausible(values, role):
    """Whether a column's content can play the part its name says."""
    numeric = pd.api.types.is_numeric_dtype(values.dtype)
    if role == "date":
        known = np.mean(values.notna())
        return bool(known > 0 and np.mean(~np.isnat(parse_dates(values, str(values.name)).days)) > 0.5 * known)
    if role in _TEXT_ROLES:
        return not numeric
    return numeric or role == "id"


def _split_depths(raw, columns):
    """A column of depth ranges ("0-20") becomes top and bottom."""
    for name in role_columns(list(raw.frame.columns), "depth"):
        if pd.api.types.is_numeric_dtype(raw.frame[name].dtype):
            continue
        limits = depth_ranges(raw.frame[name])
        if limits is not None and not {"depth_top", "depth_bottom"} & set(raw.frame.columns):
            raw.frame["depth_top"], raw.frame["depth_bottom"] = limits
            columns |= {"depth_top": "depth_top", "depth_bottom": "depth_bottom"}
            raw.assumed.append(f"depths: top and bottom from the ranges in {name}")
            return
