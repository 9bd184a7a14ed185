"""Predictors of a map with some of them changed: what may be changed, which columns follow, and how the changed windows are read."""

import math
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.features.formula import parse_named_formula
from soilcore.features.indices import index_by_id

ADD, MULTIPLY, SET = "+", "*", "="
_CHANGE = re.compile(r"\s*(?P<name>[^=]+?)\s*=\s*(?P<sign>[-+*=])\s*(?P<number>[^=*]+?)\s*")
_WORDS = {ADD: "{:+g}", MULTIPLY: "times {:g}", SET: "set to {:g}"}


@dataclass(frozen=True)
class Change:
    """One predictor changed everywhere.

    Parameters
    ----------
    name : str
        A band's role, an index, a covariate, a column, a variable of monthly climate, or one of its summaries.
    operation : {"+", "*", "="}
    value : float
        In the unit of the predictor (reflectance, 0-1, for bands); a factor for "*".
    """

    name: str
    operation: str
    value: float

    @property
    def text(self):
        """In words: ``elevation +0.5``."""
        return f"{self.name} {_WORDS[self.operation].format(self.value)}"

    def of(self, values):
        """Changed values, float32; missing ones stay missing, and nothing moves by +0 or times 1."""
        values, number = np.asarray(values, np.float32), np.float32(self.value)
        if self.operation == ADD:
            return values + number
        if self.operation == MULTIPLY:
            return values * number
        return np.where(np.isnan(values), values, number)


def parse_change(text):
    """``NAME=+V``, ``NAME=-V``, ``NAME=*F`` or ``NAME==V`` as a `Change`.

    Raises
    ------
    SettingsError
        If it is none of these.
    """
    match = _CHANGE.fullmatch(text)
    try:
        number = float(match["number"]) if match else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SettingsError(
            f"{text!r} is no change of a predictor. Write NAME=+V to add, NAME=-V to take away, NAME=*F to multiply, or NAME==V to set."
        )
    sign = match["sign"]
    return Change(match["name"], ADD if sign in "+-" else sign, -number if sign == "-" else number)


@dataclass(frozen=True)
class Changeable:
    """Something that a scenario may change.

    Parameters
    ----------
    name : str
    kind : {"band", "index", "covariate", "categorical", "column", "climate", "summary"}
        "climate" is a variable of monthly climate, "summary" a mean or standard deviation of one.
    columns : tuple of str
        Predictors that move with it.
    low, high : float or None
        Training range of the predictor of that name; None where it is no predictor itself.
    unit : str
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    low: float | None = None
    high: float | None = None
    unit: str = ""


def changeable(recipe, envelope):
    """What a scenario of a model may change.

    Parameters
    ----------
    recipe : FeatureRecipe
    envelope : dict
        `FittedModel.envelope`.

    Returns
    -------
    tuple of Changeable
        Bands first, in the order of the predictors.
    """
    found = []
    for role in recipe.roles_needed:
        found.append((role, "band", _moved_by_band(recipe, role), "reflectance"))
    found += [(name, "index", (name,), "") for name in recipe.index_columns]
    found += [(use.name, "categorical" if use.categories else "covariate", use.columns, use.unit or "") for use in recipe.covariates]
    for variable in _climate_variables(recipe):
        found.append((variable, "climate", tuple(name for name in recipe.climate if _variable_of(name) == variable), ""))
    found += [(name, "summary", (name,), "") for name in recipe.climate]
    found += [(name, "column", (name,), "") for name in recipe.columns]
    ranges = {name: (row["min"], row["max"]) for name, row in envelope.items()}
    unique = {}
    for name, kind, columns, unit in found:
        unique.setdefault(name, Changeable(name, kind, tuple(columns), *ranges.get(name, (None, None)), unit))
    return tuple(unique.values())


def _moved_by_band(recipe, role):
    moved = [role] if role in recipe.bands else []
    moved += [name for name in recipe.indices if role in index_by_id(name).bands]
    return tuple(moved + [name for name, text in recipe.formulas if role in parse_named_formula(f"{name}={text}").names])


def _climate_variables(recipe):
    return tuple(dict.fromkeys(_variable_of(name) for name in recipe.climate))


def _variable_of(summary):
    return summary.rpartition("_")[0]


class ChangedSource:
    """Predictors of a map, some of them changed; reads like the source it changes.

    Parameters
    ----------
    source : FeatureSource
    changes : sequence of Change
        Applied in this order where they meet.
    envelope : dict
        `FittedModel.envelope`.

    Raises
    ------
    FeatureError
        If a name is nothing the model reads, or cannot be changed in that way.
    """

    def __init__(self, source, changes, envelope):
        self.base, self.changes = source, tuple(changes)
        known = {one.name: one for one in changeable(source.recipe, envelope)}
        for change in self.changes:
            _check(change, known, source.recipe)
        self.moved = {change: known[change.name].columns for change in self.changes}
        self._kinds = {change: known[change.name].kind for change in self.changes}
        climate = self._of("climate")
        self._settled = replace(source, climate=_changed_climate(source.climate, climate)) if climate else source

    recipe = property(lambda self: self._settled.recipe)
    scene = property(lambda self: self._settled.scene)
    covariates = property(lambda self: self._settled.covariates)
    climate = property(lambda self: self._settled.climate)
    date = property(lambda self: self._settled.date)
    grid = property(lambda self: self._settled.grid)
    names = property(lambda self: self._settled.names)
    assumed = property(lambda self: self._settled.assumed)

    @property
    def columns(self):
        """Predictors that move, in the order of the recipe."""
        moved = {name for names in self.moved.values() for name in names}
        return tuple(name for name in self.names if name in moved)

    @contextmanager
    def reader(self):
        """Open the files once for many windows; a reader belongs to one thread."""
        with self._settled.reader() as reader:
            bands, layers = self._of("band"), self._of("covariate", "categorical", "column")
            if bands and reader.scene is not None:
                reader = replace(reader, scene=_ChangedBands(reader.scene, bands))
            if layers and reader.covariates is not None:
                reader = replace(reader, covariates=_ChangedLayers(reader.covariates, self.covariates.names, layers))
            yield _ChangedColumns(reader, self.names, self._of("index", "summary"))

    def _of(self, *kinds):
        return tuple(change for change in self.changes if self._kinds[change] in kinds)


@dataclass(frozen=True)
class _ChangedBands:
    scene: object
    changes: tuple

    def read(self, window, roles):
        values = np.array(self.scene.read(window, roles))
        for change in self.changes:
            number = list(roles).index(change.name)
            values[number] = change.of(values[number])
        return values


@dataclass(frozen=True)
class _ChangedLayers:
    covariates: object
    names: tuple
    changes: tuple

    def read(self, window):
        values = [np.asarray(layer) for layer in self.covariates.read(window)]
        for change in self.changes:
            number = list(self.names).index(change.name)
            values[number] = change.of(values[number])
        return values


@dataclass(frozen=True)
class _ChangedColumns:
    reader: object
    names: tuple
    changes: tuple

    def read(self, window):
        """Predictors of one window, float32 of shape (n_features, rows, columns)."""
        values = self.reader.read(window)
        for change in self.changes:
            number = list(self.names).index(change.name)
            values[number] = change.of(values[number])
        return values


class _ChangedStore:
    """Monthly values of a climate with some variables changed; everything else is the store's own."""

    def __init__(self, store, changes):
        self._store, self._changes = store, changes  # changes by position of the variable

    def __getattr__(self, name):
        return getattr(self._store, name)

    @contextmanager
    def opened(self):
        with self._store.opened() as store:
            yield _ChangedStore(store, self._changes)

    def series(self, sites, first, last):
        values = np.array(self._store.series(sites, first, last))
        for position, change in self._changes:
            values[..., position] = change.of(values[..., position])
        return values


def _changed_climate(climate, changes):
    positions = [(climate.variables.index(change.name), change) for change in changes]
    return replace(climate, store=_ChangedStore(climate.store, positions))


def _check(change, known, recipe):
    """Refuse a change of something the model does not read, or in a way that has no meaning."""
    if change.name not in known:
        category = change.name.rpartition("=")[0]
        if "=" in change.name and category in known:
            raise FeatureError(f"{change.name!r} is one category of {category!r}. Set the covariate itself: {category}==CODE.")
        raise FeatureError(f"The model reads nothing called {change.name!r}, so it cannot be changed. It reads: {', '.join(known)}.")
    one = known[change.name]
    if one.kind == "categorical":
        codes = next(use.categories for use in recipe.covariates if use.name == change.name)
        if change.operation != SET or change.value not in codes:
            raise FeatureError(
                f"{change.name!r} has categories, not numbers. Set it to one of training: {change.name}==CODE with {', '.join(map(str, codes))}."
            )
    if one.kind == "climate" and change.operation == SET:
        raise FeatureError(
            f"Setting {change.name!r} to one number in every month would take the seasons away. Add to it or multiply it, or set a summary: {', '.join(one.columns)}."
        )
    if change.operation == MULTIPLY and change.value < 0:
        raise FeatureError(f"{change.name!r} times {change.value:g} would turn its sign. Multiply by 0 or more.")
    if one.kind == "covariate" and change.operation != ADD and (followers := _made_of_elevation(recipe, change.name)):
        raise FeatureError(
            f"Multiplying or setting {change.name!r} would change {', '.join(followers)} too, which are made of it. Raise or lower it ({change.name}=+V), "
            "which leaves slopes and curvatures as they are."
        )


def _made_of_elevation(recipe, name):
    if name not in ("elevation", "dem"):
        return ()
    return tuple(use.name for use in recipe.covariates if use.made and use.made.get("kind") == "terrain")
