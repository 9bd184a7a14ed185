"""Class schemes: where salinity classes begin, what they are called, which colour they have, and which quantity they are made for."""

import itertools
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.quantities import known_unit
from soilcore.core.tables import load_table


@dataclass(frozen=True)
class ClassScheme:
    """Half-open classes [lower, upper); a value on an edge belongs to the class above.

    Parameters
    ----------
    id, title : str
    edges : tuple of float
        Limits between classes, in `unit`, rising.
    labels : tuple of str
        One more than edges.
    unit : str
    target_form : {"ECe", "salt"}
        The quantity the classes are made for.
    colors : tuple of str
        One ``#rrggbb`` per class.
    source : str
    """

    id: str
    edges: tuple[float, ...]
    labels: tuple[str, ...]
    unit: str
    target_form: str
    colors: tuple[str, ...]
    title: str = ""
    source: str = ""

    def assign(self, values):
        """Class of each value.

        Parameters
        ----------
        values : array-like of float, any shape
            In the scheme's unit.

        Returns
        -------
        ndarray of int8, the same shape
            0 for the lowest class; -1 where the value is NaN.
        """
        values = np.asarray(values)
        classes = np.searchsorted(np.asarray(self.edges, dtype=float), values, side="right").astype(np.int8)
        return np.where(np.isnan(values), np.int8(-1), classes)

    @property
    def bounds(self):
        """(lower, upper) of each class; None where open."""
        limits = (None, *self.edges, None)
        return tuple(itertools.pairwise(limits))


def class_schemes():
    """Every scheme, in the order of ``soilcore/tables/class_schemes.json``."""
    return tuple(_scheme(row) for row in load_table("class_schemes")["schemes"])


def class_scheme(identifier):
    """One scheme: "usda", "fao", "fao2006" or "cn-coastal".

    Raises
    ------
    SettingsError
        If there is none of that name; the message lists them.
    """
    schemes = {scheme.id: scheme for scheme in class_schemes()}
    if identifier not in schemes:
        raise SettingsError(f"There is no class scheme {identifier!r}. Schemes: {', '.join(schemes)}.")
    return schemes[identifier]


def check_scheme_fits(scheme, target_unit, target_form):
    """Refuse a class scheme made for another quantity than the target.

    Parameters
    ----------
    scheme : ClassScheme
    target_unit : str or None
    target_form : str
        "as-measured", "ECe" or "salt".

    Raises
    ------
    SettingsError
        If form or unit differ; the message names the conversion to use.
    """
    convert = "--convert ECe" if scheme.target_form == "ECe" else "--convert salt"
    quantity = "the conductivity of the saturated paste (ECe)" if scheme.target_form == "ECe" else "salt content"
    if target_form != scheme.target_form:
        what = {"as-measured": "as measured", "ECe": "ECe", "salt": "salt content"}.get(target_form, target_form)
        raise SettingsError(
            f"The classes {scheme.id!r} are made for {quantity} in {scheme.unit}, but the target is {what} in {target_unit or 'an unknown unit'}. "
            f"Convert it when training: {convert} (with --unit and --extract)."
        )
    if target_unit is None or not _same(target_unit, scheme.unit):
        raise SettingsError(
            f"The classes {scheme.id!r} are made for {scheme.unit}, but the target is in {target_unit or 'an unknown unit'}. "
            f"Convert it when training: {convert} --unit {target_unit or 'UNIT'}."
        )


def schemes_that_fit(unit, form):
    """Schemes made for this quantity in this unit, in the order of the table."""
    return tuple(scheme for scheme in class_schemes() if scheme.target_form == form and unit is not None and _same(unit, scheme.unit))


def _same(unit, wanted):
    equal = {"mS/cm": "dS/m", "mmho/cm": "dS/m"}
    name = known_unit(unit)
    return equal.get(name, name) == wanted


def _scheme(row):
    return ClassScheme(
        row["id"],
        tuple(map(float, row["edges"])),
        tuple(row["labels"]),
        row["unit"],
        row["target_form"],
        tuple(row["colors"]),
        row["title"],
        row["source"],
    )
