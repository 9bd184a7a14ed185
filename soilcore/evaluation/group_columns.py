"""What the values of a grouping column mean: names, numbers, or days that belong to campaigns."""

import re

import numpy as np

from soilcore.core.errors import SampleError

_CAMPAIGN_GAP = 30  # days without a sample that divide two campaigns
_READABLE = 0.95  # share of values that must be days before a column is taken for dates
_LIKE_A_DAY = re.compile(r"\d{1,4}[-/._]\d{1,2}[-/._]\d{1,4}")


def group_labels(values, column):
    """The group of each sample in a column.

    Days and times are no groups of their own: samples of one campaign share their weather and their crew. They are grouped by year where
    they span several, else by campaign (30 days without a sample divide two), else by day.

    Parameters
    ----------
    values : pandas.Series of n_samples
        Names, numbers or dates, none missing.
    column : str

    Returns
    -------
    labels : ndarray of int, shape (n_samples,)
        0, 1, 2, ...; in order of time for dates.
    said : tuple of str
        How dates were grouped.

    Raises
    ------
    SampleError
        If a value is missing.
    """
    import pandas as pd

    missing = np.array([pd.isna(value) or not str(value).strip() for value in values])
    if missing.any():
        raise SampleError(
            f"Column {column!r} is empty in {rows_named(values, missing)}. Fill it in or leave them out: a sample without a group may belong to any."
        )
    values = values.infer_objects()
    days = _days(values, column)
    if days is not None:
        return _by_time(days, column)
    return np.unique(np.array([_name(value) for value in values]), return_inverse=True)[1], ()


def rows_named(values, chosen):
    """The first rows of a chosen subset, for messages."""
    labels = values.index[chosen]
    return f"row {labels[0]}" if len(labels) == 1 else f"{len(labels)} rows (the first are {', '.join(map(str, labels[:3]))})"


def _name(value):
    """A value as text, so that 2019, 2019.0, "2019" and " 2019 " are one group."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    text = str(value).strip()
    return text[:-2] if re.fullmatch(r"-?\d+\.0", text) else text


def _days(values, column):
    """Day of each sample, or None where the column holds no full dates. Years alone are groups as they stand."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        stamps = values.dt.tz_localize(None) if values.dt.tz is not None else values
        return stamps.to_numpy().astype("datetime64[D]")
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype=float)
        if not ((numbers >= 19000101) & (numbers <= 21001231)).all():
            return None  # numbers of five digits may be spreadsheet days, and keys of sites as well: they stay what they are
    else:
        text = [str(value) for value in values]
        if np.mean([bool(_LIKE_A_DAY.match(cell.strip())) for cell in text]) < _READABLE:
            return None
        values = pd.Series(text, index=values.index)
    from soilcore.data.dates import parse_dates

    days = parse_dates(values, column).days
    return None if np.isnat(days).any() else days


def _by_time(days, column):
    years = days.astype("datetime64[Y]").astype(int) + 1970
    if np.unique(years).size > 1:
        names, labels = np.unique(years, return_inverse=True)
        return labels, (f"Column {column!r} holds days of {names.size} years ({names[0]} to {names[-1]}): its groups are the years.",)
    order = np.argsort(days, kind="stable")
    starts = np.diff(days[order]).astype(int) >= _CAMPAIGN_GAP
    campaign = np.empty(days.size, dtype=int)
    campaign[order] = np.concatenate([[0], np.cumsum(starts)])
    if campaign.max():
        return campaign, (
            f"Column {column!r} holds days of {campaign.max() + 1} campaigns, {_CAMPAIGN_GAP} days or more apart: they are its groups.",
        )
    names, labels = np.unique(days, return_inverse=True)
    return labels, (f"Column {column!r} holds {names.size} days of one campaign: its groups are the days.",)
