"""Spectral indices: a registry of formulas with their sources, and their values, NaN wherever reflectance or formula is undefined."""

import difflib
from dataclasses import dataclass, fields
from functools import cache

import numpy as np

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.core.tables import load_table
from soilcore.features.arithmetic import masked, program
from soilcore.features.formula import Formula, as_floats, parse_formula

VALID_REFLECTANCE = (0.0, 1.5)
VARIANTS = {"lan2025": "existing17_lan2025", "literature": "existing17_literature"}


@dataclass(frozen=True)
class Index:
    """One spectral index.

    Parameters
    ----------
    id : str
        Unique, case-sensitive; the name of its column. Never equal to a band role: the index papers call S1 is ``S_1``.
    label, long_name : str
        What papers call it, and in words.
    formula : str
        Arithmetic over band roles.
    bands : tuple of str
        Roles it needs.
    family : {"salinity", "novel", "vegetation", "water"}
    sets : tuple of str
        Sets it belongs to.
    variant : {"lan2025", "literature", "both"}
        Whose definition it is.
    homogeneity_degree : float or None
        Scaling all bands by c scales the index by c to this power; None where it depends on the 0-1 scale.
    expected_sign : str
        Of the correlation with salinity of bare soil in the dry season; "site" where it does not transfer.
    domain : str
        Where it is defined.
    aliases : tuple of str
    citation : str
    doi : str or None
    note : str
    """

    id: str
    label: str
    long_name: str
    formula: str
    bands: tuple[str, ...]
    family: str
    sets: tuple[str, ...]
    variant: str
    homogeneity_degree: float | None
    expected_sign: str
    domain: str
    aliases: tuple[str, ...]
    citation: str
    doi: str | None
    note: str

    @property
    def parsed(self):
        """The formula, read."""
        return parse_formula(self.formula)


@cache
def _registry():
    names = [item.name for item in fields(Index)]
    rows = ({name: tuple(row[name]) if isinstance(row[name], list) else row[name] for name in names} for row in load_table("indices")["indices"])
    return {row["id"]: Index(**row) for row in rows}


def all_indices():
    """Every index of the registry, in its order.

    Returns
    -------
    tuple of Index
    """
    return tuple(_registry().values())


def index_by_id(identifier):
    """The index with this id.

    Raises
    ------
    SettingsError
        If there is none; the message names what was probably meant.
    """
    found = _registry().get(identifier)
    if found is None:
        raise SettingsError(f"There is no index {identifier!r}. {_meant(identifier)}")
    return found


def _meant(identifier):
    """What an unknown id may have stood for: a band, a label, an alias, another case, a slip."""
    table, wanted = _registry(), str(identifier).casefold()
    alike = [index for index in table.values() if wanted in {name.casefold() for name in (index.id, index.label, *index.aliases)}]
    listed = " or ".join(f"{index.id} = {index.formula}" for index in alike)
    bands = load_table("indices")["bands"]
    if identifier in bands:
        other = f" The index that papers call {identifier} is {listed}." if alike else ""
        return f"{identifier} is a band ({bands[identifier]['name'].lower()}), taken with --bands.{other}"
    if alike:
        return f"Did you mean {listed}? Ids are case-sensitive."
    upper = {name.upper(): name for name in table}
    close = [upper[name] for name in difflib.get_close_matches(str(identifier).upper()[:40], upper, n=3, cutoff=0.6)]
    return f"Did you mean {', '.join(close)}?" if close else f"Known: {', '.join(table)}."


def index_sets():
    """Titles of the sets.

    Returns
    -------
    dict of str to str
        Name and title, in the order of the registry.
    """
    return {name: entry["title"] for name, entry in load_table("indices")["sets"].items()}


def index_set(name):
    """Ids of a set.

    Returns
    -------
    tuple of str

    Raises
    ------
    SettingsError
        If there is no such set.
    """
    sets = load_table("indices")["sets"]
    name = VARIANTS.get(name, name)
    if name not in sets:
        close = difflib.get_close_matches(str(name), sets, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise SettingsError(f"There is no index set {name!r}.{hint} Sets: {', '.join(sets)}.")
    return tuple(sets[name]["ids"])


def available_indices(roles):
    """Ids that can be computed from these bands.

    Parameters
    ----------
    roles : iterable of str

    Returns
    -------
    tuple of str
    """
    roles = set(roles)
    return tuple(index.id for index in all_indices() if roles.issuperset(index.bands))


def missing_bands(roles):
    """What keeps the other indices from being computed: Landsat, for one, has no red edge.

    Parameters
    ----------
    roles : iterable of str

    Returns
    -------
    dict of str to tuple of str
        Id, and the roles it lacks.
    """
    roles = set(roles)
    lacking = {index.id: tuple(band for band in index.bands if band not in roles) for index in all_indices()}
    return {identifier: bands for identifier, bands in lacking.items() if bands}


def check_bands(reflectance, valid_range=VALID_REFLECTANCE):
    """Invalid reflectance becomes NaN.

    Parameters
    ----------
    reflectance : dict of str to array-like
        Surface reflectance by role, nominally 0-1.
    valid_range : (float, float)
        A value is valid above the first and up to the second. Reflectance at or below 0 is noise over dark water after the offset was taken
        off; salt crusts reach 0.9, so the upper limit is generous.

    Returns
    -------
    dict of str to ndarray
        The given arrays where they hold nothing invalid, copies otherwise; float32 stays float32.
    """
    low, high = valid_range
    checked = {}
    for role, band in reflectance.items():
        band = np.asarray(band)
        if band.dtype != np.float32:
            band = band.astype(np.float64, copy=False)
        with np.errstate(invalid="ignore"):
            clean = band.size == 0 or (np.fmin.reduce(band, axis=None) > low and np.fmax.reduce(band, axis=None) <= high)
        checked[role] = band if clean else masked(band, low, high)
    return checked


def compute_indices(bands, ids=None, *, variant="literature", formulas=(), valid_range=VALID_REFLECTANCE, threads=1, out=None):
    """Values of several indices at once; parts that formulas share are computed once.

    Parameters
    ----------
    bands : dict of str to array-like
        Surface reflectance (0-1) by role, all of one shape; float32 in gives float32 out, anything else float64.
    ids : sequence of str, optional
        Registry ids; the 17 existing indices of `variant` when not given.
    variant : {"literature", "lan2025"}
        Which 17, as their sources define them or as paper 002 prints them.
    formulas : sequence of Formula
        More to compute, each with a name.
    valid_range : (float, float) or None
        See `check_bands`; None takes the values as they come.
    threads : int
        Blocks of pixels computed at a time.
    out : ndarray of shape (n_indices, ...), optional
        Where to put the values, so that large memory is used again; C-contiguous and of the result's type.

    Returns
    -------
    dict of str to ndarray
        By id, then by formula name; NaN where a band is invalid, a denominator is below 1e-6 in size, or a radicand is negative. Never infinite.

    Raises
    ------
    SettingsError
        If an id or the variant is unknown.
    FeatureError
        If a band is missing or shapes differ.
    """
    wanted = _wanted(ids, variant, formulas)
    _check_present(wanted, bands)
    steps = program(tuple(formula.expression for formula in wanted.values()))
    rows, shape, dtype = as_floats({role: bands[role] for role in steps.names}, "Computing indices")
    values = _room(out, (len(wanted), *shape), dtype)
    if wanted:
        steps.run(rows, list(values.reshape(len(wanted), -1)), valid_range, threads)
    return dict(zip(wanted, values, strict=True))


def _wanted(ids, variant, formulas):
    if ids is None:
        if variant not in VARIANTS:
            raise SettingsError(f"There is no variant {variant!r} of the existing indices. Variants: {', '.join(VARIANTS)}.")
        ids = index_set(variant)
    wanted = {identifier: index_by_id(identifier).parsed for identifier in ids}
    named = {formula.name: formula for formula in formulas if isinstance(formula, Formula)}
    if clash := sorted(set(wanted) & set(named)):
        raise FeatureError(f"Two outputs are called {clash[0]!r}. Give the formula another name.")
    return wanted | named


def _check_present(wanted, bands):
    for name, formula in wanted.items():
        if missing := [role for role in formula.names if role not in bands]:
            present = ", ".join(bands) or "none"
            raise FeatureError(f"{name} = {formula.text} needs the band {missing[0]}, which is not there. Bands at hand: {present}.")


def _room(out, shape, dtype):
    if out is None:
        return np.empty(shape, dtype)
    if out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous:
        raise FeatureError(f"`out` must be C-contiguous {dtype} of shape {shape}, but is {out.dtype} of shape {out.shape}.")
    return out


@cache
def _chains():
    """Connected indices: each is an exact function of another one (and, for SSSI2_LAN, a band)."""
    group_of = {index.id: {index.id} for index in all_indices()}
    for relation in load_table("indices")["dependencies"]:
        for other in parse_formula(relation["equals"]).names:
            if other in group_of and other not in group_of[relation["id"]]:
                merged = group_of[relation["id"]] | group_of[other]
                group_of.update(dict.fromkeys(merged, merged))
    return tuple(sorted({tuple(sorted(group)) for group in group_of.values() if len(group) > 1}))


def dependency_groups(ids):
    """Indices among `ids` that carry the same information exactly: prune them before a linear model, permute them together for importances.

    Parameters
    ----------
    ids : iterable of str

    Returns
    -------
    list of tuple of str
        Groups of two or more, members in the order given.
    """
    ids = list(dict.fromkeys(ids))
    groups = [tuple(identifier for identifier in ids if identifier in chain) for chain in _chains()]
    return sorted((group for group in groups if len(group) > 1), key=lambda group: ids.index(group[0]))


def temporal_max(stack, min_valid=3):
    """Largest value of each pixel over dates, for example the multi-year maximum of CRSI on cropped land.

    Parameters
    ----------
    stack : ndarray of shape (n_dates, ...)
        NaN where invalid.
    min_valid : int
        Pixels valid on fewer dates give NaN.

    Returns
    -------
    ndarray of shape (...)

    References
    ----------
    Scudiero et al. 2014, Geoderma Regional 2-3:82-90, doi 10.1016/j.geodrs.2014.10.004.
    """
    stack = np.asarray(stack)
    most = np.fmax.reduce(stack, axis=0)
    return np.where(np.isfinite(stack).sum(axis=0) >= min_valid, most, stack.dtype.type(np.nan))
