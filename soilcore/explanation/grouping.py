"""Drivers that say the same: indices that follow exactly from one another, columns of one category. Their attributions belong together."""

from dataclasses import replace

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.features.formula import parse_formula
from soilcore.features.indices import all_indices

_DRAWS = 400  # random reflectances on which formulas are compared
_NAMED = 3


def exact_dependency_groups(names, formulas=None):
    """Drivers in groups whose members follow exactly from one another, so that importance is split among them at random.

    Two spectral indices depend exactly where one rises, or falls, with the other for whatever reflectances: NDVI, RVI, TVI and GDVI; S_1 and S_2;
    LSWI and NDSI_LAN. The registry's formulas are compared on random reflectances, not on the samples, where near dependence is common. Columns of
    one category (``name=code``) are one group.

    Parameters
    ----------
    names : sequence of str
        Drivers.
    formulas : dict of str to str, optional
        Of columns that are formulas of bands: name and text.

    Returns
    -------
    dict of str to tuple of str
        Label to members, in the order of `names`; what depends on nothing is alone, under its own name.
    """
    names = tuple(map(str, names))
    known = {index.id: index.formula for index in all_indices()} | dict(formulas or {})
    keys = {name: _key(name, known) for name in names}
    chains = {}
    for name in names:
        chains.setdefault(keys[name], []).append(name)
    return {_label(members): tuple(members) for members in chains.values()}


def grouped(explained, groups):
    """Attributions of groups: the sums of their members'.

    Parameters
    ----------
    explained : Explained
    groups : dict of str to sequence of str
        Label to members; each driver in one group.

    Returns
    -------
    Explained
        Its drivers are the groups; their value is that of the only member, else NaN. The standard errors of members are added up as if they were
        independent; as those of one walk make up for each other, they rather are smaller.

    Raises
    ------
    SettingsError
        If a member is no driver, or a driver is in no group or in two.
    """
    members = [name for group in groups.values() for name in group]
    if sorted(members) != sorted(explained.names):
        odd = sorted(set(members) ^ set(explained.names)) or sorted({name for name in members if members.count(name) > 1})
        raise SettingsError(
            f"Groups must hold every driver once; {', '.join(odd[:4])} is missing, unknown or held twice. Use exact_dependency_groups."
        )
    places = [np.array([explained.names.index(name) for name in group]) for group in groups.values()]
    values = np.column_stack([explained.values[:, at].sum(axis=1) for at in places])
    errors = None if explained.errors is None else np.column_stack([np.sqrt((explained.errors[:, at] ** 2).sum(axis=1)) for at in places])
    given = np.column_stack([explained.given[:, at[0]] if at.size == 1 else np.full(len(values), np.nan) for at in places])
    return replace(explained, names=tuple(groups), values=values, errors=errors, given=given)


def _key(name, known):
    """What drivers of one group have in common."""
    start, mark, _ = name.partition("=")
    if mark:
        return "category", start
    if name not in known:
        return "column", name
    values = _on_random_reflectances(parse_formula(known[name]))
    usable = np.isfinite(values)
    if not usable.any() or np.ptp(values[usable]) == 0:
        return "column", name
    ranks = np.unique(np.round(values[usable], 12), return_inverse=True)[1]
    if ranks[0] > ranks.max() - ranks[0]:  # falling and rising are the same dependency
        ranks = ranks.max() - ranks
    return "formula", usable.tobytes(), ranks.tobytes()


def _on_random_reflectances(formula):
    """Values on reflectances for which every usual index is defined: green below red below near infrared, as of sparse plants on soil."""
    rng = np.random.default_rng(0)
    order = np.sort(rng.uniform(0.02, 0.6, (_DRAWS, 10)), axis=1)
    roles = ("B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "S1", "S2")
    return np.asarray(formula.evaluate({role: order[:, number] for number, role in enumerate(roles)}), float)


def _label(members):
    if len(members) == 1:
        return members[0]
    start, mark, _ = members[0].partition("=")
    if mark:
        return start
    more = f" and {len(members) - _NAMED} more" if len(members) > _NAMED else ""
    return f"{', '.join(members[:_NAMED])}{more}"
