"""Checks of rows: repeated ones, several at one place, groups that share covariates, depths and dates, gaps."""

import re

import numpy as np
import pandas as pd

from soilcore.data.columns import core_name, property_of, reasons_against, role_columns, spectrum_columns
from soilcore.data.dates import parse_dates, sample_dates
from soilcore.data.remarks import remark, some

FAR_DAYS = 180
_MARKED = re.compile(r"\b(?:duplicates?|duplikat\w*|doppelprobe\w*|doublons?|duplicad[oa]s?|duplicat[oi]|дубл\w*|重复)\b|重复", re.IGNORECASE)
_MAXIMUM_GROUP_COLUMNS = 40
_MAXIMUM_COLUMNS_COMPARED = 120  # rows that agree in so many columns agree in the rest of a spectrum


def check_duplicates(samples, scene=None):
    """Rows that repeat another, ids used twice, rows the table itself calls duplicates."""
    table = samples.table
    first = _first_alike(table, samples)
    repeated = first != np.arange(len(table))
    for k in np.flatnonzero(repeated):
        row, other = table.index[k], table.index[first[k]]
        yield remark("duplicate-row", f"Row {row} repeats row {other} in every column.", row=row, value=f"row {other}")
    yield from _repeated_ids(samples, repeated)
    yield from _marked(table)


def _first_alike(table, samples):
    """Position of the first row that equals each row in every column and place; its own where there is none."""
    columns = list(table.columns)[:_MAXIMUM_COLUMNS_COMPARED]
    codes = [pd.factorize(table[name])[0] for name in columns]
    if samples.has_places and "x" not in samples.columns:  # a vector file keeps its places outside the columns
        codes += [pd.factorize(samples.x)[0], pd.factorize(samples.y)[0]]
    if len(codes) < 2 or not len(table):
        return np.arange(len(table))
    _, first, group = np.unique(np.column_stack(codes), axis=0, return_index=True, return_inverse=True)
    return first[group.reshape(-1)]


def _repeated_ids(samples, repeated):
    name = samples.columns.get("id")
    if name is None:
        return
    ids = samples.table[name][~repeated]
    several = ids[ids.notna() & ids.duplicated(keep=False)]
    if several.empty or several.size > 0.5 * ids.notna().sum():
        return  # most ids repeat: this is a key of profiles or sites, not of samples
    for value, rows in several.groupby(several, sort=False):
        listed = some(rows.index)
        yield remark(
            "duplicate-id", f"The id {value!r} of {name!r} stands in rows {listed}.", row=rows.index[1], column=name, value=value, rows=listed
        )


def _marked(table):
    for name in table.columns:
        if pd.api.types.is_numeric_dtype(table[name].dtype):
            continue
        for row, cell in table[name].items():
            if isinstance(cell, str) and _MARKED.search(cell):
                yield remark("duplicate-marked", f"{name!r} calls row {row} {cell[:60]!r}.", row=row, column=name, value=cell[:60])


def check_places_shared(samples, scene=None):
    """Several samples at one place; different values at the same place, depth and date."""
    if not samples.has_places:
        return
    known = np.isfinite(samples.x) & np.isfinite(samples.y)
    places = pd.Series(list(zip(samples.x, samples.y, strict=True)), index=samples.table.index)[known]
    if places.empty or (several := places[places.duplicated(keep=False)]).empty or places.nunique() == 1:
        return
    group = group_column(samples) or _column_of_places(samples, places)
    words = f" (--cv group:{group})" if group else ""
    message = f"{len(several)} samples share {several.nunique()} places with others; the most at one place is {int(several.value_counts().iloc[0])}."
    yield remark("same-place", message, row=several.index[0], column=samples.columns.get("x"), group=words)
    yield from _contradictions(samples, places)


def _column_of_places(samples, places):
    """A column called group, site, plot or the like whose values never straddle places, or None."""
    for name in role_columns(list(samples.table.columns), "group"):
        sites = samples.table.loc[places.index, name]
        if sites.notna().all() and sites.nunique() <= places.nunique() and places.groupby(sites).nunique().max() == 1:
            return name
    return None


def _contradictions(samples, places):
    if samples.target is None:
        return
    keys = {"place": places, "target": pd.Series(samples.target.values, index=samples.table.index)}
    for role in ("depth_top", "depth_bottom", "date"):
        if role in samples.columns:
            keys[role] = samples.table[samples.columns[role]]
    if not {"depth_top", "date"} & set(keys) and len(role_columns(list(samples.table.columns), "depth")):
        keys["depth"] = samples.table[role_columns(list(samples.table.columns), "depth")[0]]
    frame = pd.DataFrame(keys).dropna(subset=["place", "target"])
    by = [key for key in keys if key != "target"]
    for _, group in frame[frame.duplicated(by, keep=False)].groupby(by, dropna=False, sort=False):
        if group["target"].nunique() > 1:
            listed = some(group.index)
            values = some([f"{value:g}" for value in group["target"]])
            message = f"Rows {listed} have the same place, depth and date but {samples.target.column!r} of {values}."
            yield remark("same-place-different-value", message, row=group.index[1], column=samples.target.column, value=values, rows=listed)


def check_shared_covariates(samples, scene=None):
    """Groups of rows whose covariates are the same: random folds would show the test rows to the learner."""
    found = shared_by_group(samples)
    if found is not None:
        name, groups, columns = found
        message = f"The {len(samples)} rows form {groups} groups by {name!r} within which {len(columns)} columns are the same ({some(columns, 4)})."
        yield remark("shared-covariates", message, column=name, value=groups)
    yield from _same_predictors(samples)


def group_column(samples):
    """The column whose groups share covariates, or None."""
    found = shared_by_group(samples)
    return None if found is None else found[0]


def shared_by_group(samples):
    """Column that groups the rows, number of groups, and the columns that do not vary within them; None when there is no such column."""
    table = samples.table
    skipped = {samples.columns.get(role) for role in ("x", "y", "id")} | {samples.target.column if samples.target else None}
    numeric = [name for name in table.columns if name not in skipped and pd.api.types.is_numeric_dtype(table[name].dtype)]
    numeric = [name for name in numeric if name not in set(spectrum_columns(numeric))][:200]
    best, listed = None, set(role_columns(list(table.columns), "group"))
    for name in _grouping_columns(samples):
        codes = pd.factorize(table[name])[0]
        others = [other for other in numeric if other != name and table[other].nunique() > 2]
        same = [other for other, is_same in zip(others, _constant_within(codes, table[others].to_numpy(dtype=float)), strict=True) if is_same]
        fewest = 2 if name in listed else 3  # a class and its code go together without being a group
        if len(same) >= fewest and len(same) >= 0.05 * len(others) and (best is None or (len(same), codes.max()) > (len(best[2]), best[1])):
            best = name, int(codes.max()) + 1, same
    return best


def _grouping_columns(samples):
    """Text and whole-number columns in which values repeat, at most in groups of moderate size."""
    table, names = samples.table, []
    listed = set(role_columns(list(table.columns), "group"))
    for name in table.columns:
        if name in (samples.columns.get("x"), samples.columns.get("y")):
            continue
        values = table[name]
        if pd.api.types.is_numeric_dtype(values.dtype) and name not in listed:
            continue  # a covariate that repeats is no key; a numeric key has to be called one
        different = values.nunique()
        if 5 <= different <= 0.9 * values.notna().sum():
            names.append(name)
    return sorted(names, key=lambda name: name not in listed)[:_MAXIMUM_GROUP_COLUMNS]


def _constant_within(codes, values):
    """Whether each column is the same within 95 % of the groups of two or more rows."""
    keep = codes >= 0
    order = np.argsort(codes[keep], kind="stable")
    codes, values = codes[keep][order], values[keep][order]
    neighbours = codes[1:] == codes[:-1]
    if not neighbours.any() or not values.size:
        return np.zeros(values.shape[1], bool)
    with np.errstate(invalid="ignore"):
        differs = (values[1:] != values[:-1]) & ~(np.isnan(values[1:]) & np.isnan(values[:-1])) & neighbours[:, None]
    groups = np.unique(codes[1:][neighbours])
    mixed = np.array([np.unique(codes[1:][column]).size for column in differs.T])
    return mixed <= 0.05 * groups.size


def _same_predictors(samples):
    """Rows without a common key that have the same predictors: taken from the same pixel."""
    if samples.target is None or samples.has_places:
        return
    reasons = reasons_against(samples)
    table = samples.table
    names = [name for name in table.columns if name not in reasons]
    if len(names) < 3 or len(spectrum_columns(names)):
        return
    varying = [name for name in names if table[name].nunique() > 0.3 * len(table)]
    if len(varying) < 3:
        return
    complete = table[varying].notna().all(axis=1)
    repeated = table[complete & table.duplicated(varying, keep=False)]
    if not repeated.empty:
        message = f"{len(repeated)} rows share all of {some(varying, 4)} with another row ({some(repeated.index)}): they come from the same pixels."
        yield remark("duplicate-predictors", message, row=repeated.index[0], column=varying[0])


def check_depths(samples, scene=None):
    """Tops below bottoms, negative depths, layers of a profile that overlap."""
    top_name, bottom_name = samples.columns.get("depth_top"), samples.columns.get("depth_bottom")
    if top_name is None or bottom_name is None:
        return
    table = samples.table
    top, bottom = table[top_name].to_numpy(dtype=float), table[bottom_name].to_numpy(dtype=float)
    rows = table.index
    with np.errstate(invalid="ignore"):
        cases = (
            ("depth-inverted", top > bottom, "has its top, {top:g}, below its bottom, {bottom:g}"),
            ("depth-zero-thick", top == bottom, "begins and ends at {top:g}"),
            ("depth-negative", (top < 0) | (bottom < 0), "has a negative depth, {top:g} to {bottom:g}"),
        )
    for code, found, words in cases:
        for k in np.flatnonzero(found):
            said = words.format(top=top[k], bottom=bottom[k])
            yield remark(code, f"Row {rows[k]} {said}.", row=rows[k], column=top_name, value=f"{top[k]:g}-{bottom[k]:g}")
    yield from _overlaps(samples, top, bottom)


def _overlaps(samples, top, bottom):
    profile = _profile_codes(samples)
    if profile is None:
        return
    frame = pd.DataFrame({"profile": profile, "top": top, "bottom": bottom, "row": samples.table.index})
    frame = frame[(frame["profile"] >= 0) & (frame["top"] < frame["bottom"])].sort_values(["profile", "top", "bottom"])
    codes, tops, bottoms, rows = (frame[name].to_numpy() for name in ("profile", "top", "bottom", "row"))
    for k in np.flatnonzero((codes[1:] == codes[:-1]) & (tops[1:] < bottoms[:-1]) & ~((tops[1:] == tops[:-1]) & (bottoms[1:] == bottoms[:-1]))):
        span = f"{tops[k + 1]:g}-{bottoms[k + 1]:g}"
        message = f"Row {rows[k + 1]} ({span}) overlaps row {rows[k]} ({tops[k]:g}-{bottoms[k]:g}) of the same profile."
        yield remark("depth-overlap", message, row=rows[k + 1], column=samples.columns["depth_top"], value=span)


def _profile_codes(samples):
    """Number of the profile of each row: by a group column, else by place (and date); None when neither is there."""
    table = samples.table
    profiles = ("pedon", "profil", "perfil", "разрез", "剖面") if samples.has_places else ("pedon", "profil", "perfil", "site", "разрез", "剖面")
    names = [name for name in role_columns(list(table.columns), "group") if core_name(name).startswith(profiles)]
    if names:
        return pd.factorize(table[names[0]])[0]
    if not samples.has_places:
        return None
    keys = [f"{x}|{y}" if np.isfinite(x) else None for x, y in zip(samples.x, samples.y, strict=True)]
    if "date" in samples.columns:
        keys = [None if key is None else f"{key}|{day}" for key, day in zip(keys, table[samples.columns["date"]], strict=True)]
    return pd.factorize(pd.Series(keys))[0]


def check_dates(samples, scene=None):
    """Dates that cannot be read, lie in the future, span years, or lie far from the imagery."""
    name = samples.columns.get("date")
    if name is None:
        return
    dates = parse_dates(samples.table[name], name)
    yield from dates.findings
    known = ~np.isnat(dates.days)
    if not known.any():
        return
    rows, today = samples.table.index, np.datetime64("today", "D")
    for k in np.flatnonzero(known & (dates.days > today)):
        yield remark("date-future", f"Row {rows[k]} is dated {dates.days[k]}, in the future.", row=rows[k], column=name, value=dates.days[k])
    first, last = dates.days[known].min(), dates.days[known].max()
    if (last - first).astype(int) > 730:
        yield remark("dates-span", f"The samples were taken between {first} and {last}.", column=name, value=f"{first} to {last}")
    if scene is not None:
        yield from _far_dates(samples, scene, name, known)


def _far_dates(samples, scene, name, known):
    taken = scene_day(scene)
    if taken is None:
        return
    days = sample_dates(samples)
    apart = np.abs((days - taken).astype("timedelta64[D]").astype(float))
    for k in np.flatnonzero(known & (apart > FAR_DAYS)):
        message = f"Row {samples.table.index[k]} was taken on {days[k]}, {apart[k]:.0f} days from the imagery of {taken}."
        yield remark("date-far-from-scene", message, row=samples.table.index[k], column=name, value=days[k])


def scene_day(scene):
    """Day of the imagery, from the scene itself or from its file names; None when neither says one."""
    if (stated := getattr(scene, "date", None)) is not None:
        return np.datetime64(str(stated)[:10], "D")
    days = set()
    for path in getattr(scene, "paths", ()) or ():
        for text in re.findall(
            r"(?<!\d)((?:19|20)\d{2})[-_]?(0[1-9]|1[0-2])[-_]?(0[1-9]|[12]\d|3[01])(?!\d{3,})", str(path).replace("\\", "/").rsplit("/", 1)[-1]
        ):
            days.add(np.datetime64("-".join(text), "D"))
    return days.pop() if len(days) == 1 else None


def check_gaps(samples, scene=None):
    """Rows in which predictors are missing, said once per set of columns."""
    table = samples.table
    bands_and_numbers = [name for name in table.columns if pd.api.types.is_numeric_dtype(table[name].dtype) and property_of(name) is None]
    if len(bands_and_numbers) > 400 or (samples.target is not None and table.empty):
        return
    gaps = table[bands_and_numbers].isna()
    patterns = {}
    for name in bands_and_numbers:
        count = int(gaps[name].sum())
        if 0 < count <= 0.5 * len(table) and name not in (samples.columns.get("x"), samples.columns.get("y")):
            patterns.setdefault(tuple(table.index[gaps[name]]), []).append(name)
    for rows, names in patterns.items():
        message = f"{len(rows)} rows have no {some(names)}: rows {some(rows, 10)}."
        yield remark("values-missing", message, row=rows[0], column=names[0], value=len(rows))
