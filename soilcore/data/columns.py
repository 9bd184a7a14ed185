"""What columns are: coordinates, ids, dates, depths, bands and properties, told by their names in many languages; and which may be predictors."""

import re
from functools import cache, lru_cache

import numpy as np
import pandas as pd

from soilcore.core.errors import FeatureError
from soilcore.core.quantities import plain_spelling
from soilcore.core.tables import load_table

_BRACKETS = re.compile(r"[(\[{].*?[)\]}]")
_EPSG = re.compile(r"(?:^|[_\s\-(:.])(?:epsg[_:\s]?)?(\d{4,6})\)?$", re.IGNORECASE)
_UTM = re.compile(r"utm_?(?:zone_?)?(\d{1,2})_?([ns])(?![a-z])", re.IGNORECASE)
_DEPTH_RANGE = re.compile(r"^\s*(\d+(?:[.,]\d+)?)\s*(?:-|–|—|to|bis|a|_)\s*(\d+(?:[.,]\d+)?)\s*(?:cm)?\s*$", re.IGNORECASE)
_COORDINATES = ("longitude", "latitude", "easting", "northing", "x", "y", "utm_zone")
_NOT_PREDICTORS = ("id", "date", "depth_top", "depth_bottom", "depth", "fold", "group", *_COORDINATES)
_WAVE = re.compile(r"(?:wn|wl|w|x|wave|nm|abs|refl|spc|scan_\w+)?[_.\-]?\d{3,5}(?:\.\d+)?(?:_?nm|_?cm-?1)?")
COPY_CORRELATION = 0.98
FEWEST_WAVES = 50  # fewer columns named by numbers are no spectrum


@lru_cache(maxsize=20000)
def _is_wave(name):
    plain = plain_spelling(name)
    return bool(_WAVE.fullmatch(plain)) and not re.fullmatch(r"[xy]_\d{4,5}", plain)


@lru_cache(maxsize=20000)
def core_name(name):
    """A column name without units in brackets, EPSG code, case, accents and signs: ``"X (EPSG:25833)"`` is ``"x"``."""
    plain = _BRACKETS.sub(" ", _without_epsg(str(name)))
    return re.sub(r"[\W_]+", "_", plain_spelling(plain)).strip("_")


def epsg_in_name(name):
    """EPSG code that stands in a coordinate column's name (``x_32723``, ``utm_33n_x``), or None."""
    if match := _EPSG.search(str(name).strip()):
        return int(match.group(1))
    if match := _UTM.search(str(name)):
        return (32600 if match.group(2).lower() == "n" else 32700) + int(match.group(1))
    return None


def is_dummy(name):
    """Whether a column's name marks it as no real coordinate (``x_dummy_4326``)."""
    return "dummy" in plain_spelling(name)


def role_columns(names, role):
    """The columns whose name says that they play `role`, best name first.

    Parameters
    ----------
    names : sequence of str
    role : str
        A key of ``roles`` in ``soilcore/tables/column_aliases.json``.
    """
    order = _aliases(role)
    found = [(order[core_name(name)], position, name) for position, name in enumerate(names) if core_name(name) in order and not is_dummy(name)]
    return [name for _, _, name in sorted(found)]


@lru_cache(maxsize=20000)
def property_of(name):
    """Which laboratory property a column holds ("ec", "salt", "soc", "ph", "ion", ...), or None."""
    if _is_wave(name):
        return None
    core = core_name(name)
    for identifier, pattern, refused in _properties():
        if pattern.fullmatch(core) and not (refused and refused.fullmatch(core)):
            if identifier == "ion" and len(core) < 3 and core == plain_spelling(name):
                continue  # "k" or "na" alone can be anything; with a unit beside it, it is an ion
            return identifier
    return None


def derived_from(name, target):
    """Whether a column's name is the target's with a suffix that marks a copy: EC_bin beside EC, OCSlog beside OCS."""
    core, stem = core_name(name), core_name(target)
    if not stem or core == stem:
        return False
    suffixes = load_table("column_aliases")["derived_suffixes"]
    return any(
        core in (f"{stem}_{suffix}", f"{stem}{suffix}" if len(suffix) > 2 else "", f"{suffix}_{stem}", f"{suffix}{stem}" if len(suffix) > 1 else "")
        for suffix in suffixes
    )


def band_columns(names):
    """Columns that hold bands: {role: column}. Sentinel-2 names win where Landsat uses the same."""
    table = load_table("column_aliases")
    ends = tuple(f"_{suffix}" for suffix in table["band_suffixes"])
    cores = {}
    for name in names:
        core = core_name(name)
        cores.setdefault(core, name)
        for end in ends:
            if core.endswith(end):
                cores.setdefault(core.removesuffix(end), name)
    found = {role: next((cores[alias] for alias in aliases if alias in cores), None) for role, aliases in table["bands"].items()}
    return {role: name for role, name in found.items() if name is not None}


def spectrum_columns(names):
    """Columns whose names are wavelengths or wavenumbers, when there are many of them."""
    found = [name for name in names if _is_wave(name)]
    return found if len(found) >= FEWEST_WAVES else []


def depth_ranges(cells):
    """Top and bottom from cells such as ``"0-20"``; None when they are not ranges.

    Returns
    -------
    tuple of ndarray of float, or None
    """
    matches = [_DEPTH_RANGE.match(cell) if isinstance(cell, str) else None for cell in cells]
    filled = sum(isinstance(cell, str) for cell in cells)
    if not filled or sum(match is not None for match in matches) < 0.8 * filled:
        return None
    limits = np.array([[float(part.replace(",", ".")) for part in match.groups()] if match else [np.nan, np.nan] for match in matches])
    return limits[:, 0], limits[:, 1]


def predictor_columns(samples, wanted, exclude=()):
    """Columns of the table that may be predictors.

    Parameters
    ----------
    samples : SampleSet
    wanted : "all" or sequence of str
        "all" takes every numeric column except the target, copies of it and what was measured with it, columns ending in ``_target``, ids, row numbers,
        folds, groups, dates, depths, coordinates (``x_...``, ``y_...``), constant and empty columns.
    exclude : sequence of str
        Columns to leave out.

    Returns
    -------
    list of str

    Raises
    ------
    FeatureError
        If a column does not exist, the target is among those wanted, or nothing is left.
    """
    return predictor_choice(samples, wanted, exclude)[0]


def predictor_choice(samples, wanted, exclude=()):
    """As `predictor_columns`, with the reason for every column left out.

    Returns
    -------
    columns : list of str
    left_out : dict
        Column and reason, for example ``{"Soil_Type": "text"}``.
    """
    names = list(samples.table.columns)
    _check_names(names, (*exclude, *(() if wanted == "all" else wanted)), samples.source)
    target = samples.target.column if samples.target is not None else None
    if wanted != "all":
        if target in wanted:
            raise FeatureError(f"{target!r} is the target, so it cannot be a predictor as well. Leave it out of --columns.")
        return [name for name in dict.fromkeys(wanted) if name not in exclude], {name: "excluded" for name in exclude}
    reasons = reasons_against(samples)
    left_out = {name: "excluded" for name in names if name in exclude}
    left_out.update({name: reason for name, reason in reasons.items() if name not in left_out})
    columns = [name for name in names if name not in left_out]
    if not columns:
        listed = ", ".join(f"{name} ({reason})" for name, reason in list(left_out.items())[:12])
        raise FeatureError(f"No column of {samples.source} can be a predictor: {listed}. Name columns with --columns.")
    return columns, left_out


def _check_names(names, asked, source):
    if unknown := [name for name in asked if name not in names]:
        raise FeatureError(f"{source} has no column {unknown[0]!r}. Its columns: {', '.join(names[:40])}.")


def reasons_against(samples):
    """Why a column cannot be a predictor when all are asked for: {column: reason}."""
    table, target = samples.table, samples.target
    known = {column: role for role, column in samples.columns.items() if role in _NOT_PREDICTORS or role in ("x", "y", "unit", "extract")}
    reasons = {}
    for name in table.columns:
        if target is not None and name == target.column:
            reasons[name] = "the target"
        elif reason := _reason(name, table[name], known):
            reasons[name] = reason
    if target is not None:
        for name, reason in beside_target(samples, [name for name in table.columns if name not in reasons]).items():
            reasons[name] = reason
    return reasons


def _reason(name, values, known):
    core = core_name(name)
    if core.endswith("_target") or core == "target":
        return "another target"
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return "text"
    if name in known:
        return f"its part is {known[name]}"
    for role in _NOT_PREDICTORS:
        if core in _aliases(role):
            return f"its part is {role}"
    if core in load_table("column_aliases")["dates_beside"]:
        return "its part is date"
    if re.match(r"[xy]_", plain_spelling(name)) or is_dummy(name):
        return "its part is coordinate"
    numbers = values.to_numpy(dtype=float)
    if not np.isfinite(numbers).any():
        return "empty"
    if np.nanmin(numbers) == np.nanmax(numbers):
        return "constant"
    if core.startswith("column_") and is_row_number(numbers):
        return "row number"
    return None


def is_row_number(numbers):
    """Whether a column only counts: whole numbers, rising, none twice."""
    numbers = np.asarray(numbers, dtype=float)
    return bool(numbers.size > 2 and np.isfinite(numbers).all() and np.all(numbers == np.round(numbers)) and np.all(np.diff(numbers) > 0))


def beside_target(samples, names=None):
    """Columns that must not predict the target: copies of it, and what was measured on the same samples.

    Returns
    -------
    dict
        Column and reason; reasons begin with "a copy of" or "measured with".
    """
    target, table = samples.target, samples.table
    names = [name for name in (table.columns if names is None else names) if name != target.column]
    spectrum = set(spectrum_columns(names))
    numeric = [name for name in names if name not in spectrum and pd.api.types.is_numeric_dtype(table[name].dtype)]
    reasons = {}
    correlations = rank_correlations(table[numeric].to_numpy(dtype=float), target.values) if numeric else []
    for name, correlation in zip(numeric, correlations, strict=True):
        if derived_from(name, target.column):
            reasons[name] = f"a copy of the target {target.column}, by its name"
        elif abs(correlation) > COPY_CORRELATION:
            reasons[name] = f"a copy of the target {target.column}: rank correlation {correlation:.3f}"
        elif property_of(name) is not None:
            reasons[name] = f"measured with the target {target.column}"
    return reasons


def rank_correlations(columns, target, minimum=10):
    """Spearman's rank correlation of each column with the target over the rows that have both; NaN below `minimum` rows.

    Parameters
    ----------
    columns : ndarray of float, shape (n_samples, n_columns)
    target : ndarray of float, shape (n_samples,)
    """
    target = np.asarray(target, dtype=float)
    known = np.isfinite(target)
    frame, y = pd.DataFrame(np.where(np.isfinite(columns), columns, np.nan)[known]), pd.Series(target[known])
    out = np.full(columns.shape[1], np.nan)
    whole = frame.notna().all().to_numpy()
    if whole.any() and len(frame) >= minimum:
        out[whole] = _pearson(frame.loc[:, whole].rank().to_numpy(), y.rank().to_numpy())
    for k in np.flatnonzero(~whole):
        both = frame[k].notna()
        if both.sum() >= minimum:
            out[k] = _pearson(frame[k][both].rank().to_numpy()[:, None], y[both].rank().to_numpy())[0]
    return out


def _pearson(columns, y):
    """Correlation of each column with y; NaN where either does not vary."""
    columns, y = columns - columns.mean(axis=0), y - y.mean()
    spread = np.sqrt((columns**2).sum(axis=0) * (y**2).sum())
    return np.divide(columns.T @ y, spread, out=np.full(columns.shape[1], np.nan), where=spread > 0)


def _without_epsg(name):
    found = _EPSG.search(name.strip())
    return name.strip()[: found.start()] if found and found.start() > 0 else _UTM.sub("", name)


@cache
def _aliases(role):
    return {
        re.sub(r"[\W_]+", "_", plain_spelling(alias)).strip("_"): order for order, alias in enumerate(load_table("column_aliases")["roles"][role])
    }


@cache
def _properties():
    rows = load_table("column_aliases")["properties"]
    return tuple((row["id"], re.compile(row["pattern"]), re.compile(row["not"]) if row["not"] else None) for row in rows)
