"""Spectra ready for a learner: those that are whole and have a target, their groups and places, and how they are divided."""

from dataclasses import dataclass, replace

import numpy as np

from soilcore.core.errors import SampleError, SettingsError
from soilcore.core.progress import part, silent
from soilcore.evaluation.holdout import SCHEMES, Holdout, draw_holdouts, is_training_flag, published_split

_MANY_VALUES = 40_000_000  # of a matrix of spectra; beyond, it is kept in 32 bits
_ROUNDED = 6


@dataclass(frozen=True)
class SpectralTable:
    """Spectra of the samples that have a target.

    Parameters
    ----------
    spectra : SpectraSet
        Whole spectra only.
    y : ndarray of float, shape (n_samples,)
    assumed, warnings : tuple of str
    """

    spectra: object
    y: np.ndarray
    assumed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __len__(self):
        return len(self.y)

    @property
    def labels(self):
        """Group of each sample as text, or None."""
        return self.spectra.groups

    @property
    def table(self):
        """The columns beside the spectra."""
        return self.spectra.table

    @property
    def coordinates(self):
        """Projected metres, shape (n, 2), or None."""
        from soilcore.core.projection import projected_metres

        spectra = self.spectra
        return None if spectra.x is None else projected_metres(spectra.x, spectra.y, spectra.crs)


@dataclass(frozen=True)
class Division:
    """How the spectra are divided.

    Parameters
    ----------
    scheme : str
        As typed.
    label : str
        In words.
    splits : Splits or None
        Folds; those inside the training part where a published split is used.
    holdouts : list of Holdout
        One per seed, or the published split; empty for folds.
    published : bool
        Whether others drew the split: trained once, tested once.
    assumed, warnings : tuple of str
    """

    scheme: str
    label: str
    splits: object = None
    holdouts: tuple = ()
    published: bool = False
    assumed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def spectral_table(settings, report=silent):
    """Read a library and keep what can be modelled.

    Parameters
    ----------
    settings : SpectraSettings
    report : Report

    Returns
    -------
    SpectralTable

    Raises
    ------
    SettingsError
        If no target is named.
    SampleError
        If nothing is left.
    """
    from soilcore.data.spectra import open_spectra

    spectra = open_spectra(settings, report)
    target = spectra.target
    if target is None:
        names = ", ".join(map(str, spectra.table.columns[:20])) or "none"
        raise SettingsError(f"No target was given. Name the property to predict with --target. Columns beside the spectra: {names}.")
    known = np.isfinite(target.values)
    keep = known & spectra.usable
    if not keep.any():
        raise SampleError(
            f"No sample has both {target.column!r} and a whole spectrum: {int(known.sum())} have the target, {int(spectra.usable.sum())} of {len(spectra)} "
            "spectra are whole. Run `spectra check` for the list."
        )
    lost = []
    if count := int((~known).sum()):
        lost.append(f"{count} of {len(spectra)} samples left out: {target.column} is missing")
    if count := int((known & ~spectra.usable).sum()):
        lost.append(f"{count} of {len(spectra)} samples left out: their spectrum has gaps or is flat")
    warnings = tuple(f"{finding.message} {finding.fix}" for finding in spectra.findings if finding.severity == "warning" and finding.row is None)
    return SpectralTable(spectra.take(keep), target.values[keep], (*spectra.assumed, *lost), warnings)


def divide(table, settings, seeds=5):
    """Divide spectra as the settings say.

    Parameters
    ----------
    table : SpectralTable
    settings : SplitSettings
        Schemes of `make_splits`, and "holdout", "sequential", "split:COLUMN".
    seeds : int

    Returns
    -------
    Division
    """
    kind, _, column = settings.scheme.partition(":")
    if kind in SCHEMES:
        groups = _groups(table, column) if column else None
        holdouts = draw_holdouts(len(table), kind, seeds, seed=settings.seed, groups=groups)
        whole = f", whole groups of {column}" if column else ""
        label = f"training, validation and test {SCHEMES[kind]}, {seeds} {'seed' if seeds == 1 else 'seeds'}{whole}"
        return Division(settings.scheme, label, holdouts=tuple(holdouts), warnings=_few(len(table)))
    if kind == "split" or (kind == "folds" and is_training_flag(_column(table, column))):
        holdout = published_split(_column(table, column), column)
        said = (
            ()
            if kind == "split"
            else (f"{column} holds a training flag: trained once on its {holdout.seen.size} samples, tested once on the others",)
        )
        label = f"published split of {column}: {holdout.seen.size} train, {holdout.test.size} test"
        inner = _inner_folds(table, settings, holdout)
        return Division(settings.scheme, label, inner, (holdout,), True, said)
    splits = _splits(table, settings)
    notes = [finding.message for finding in splits.findings if finding.severity == "note"]
    warnings = [f"{finding.message} {finding.fix}" for finding in splits.findings if finding.severity != "note"]
    return Division(settings.scheme, splits.label, splits, assumed=(*splits.assumed, *notes), warnings=tuple(warnings))


def _few(n):
    if n >= 150:
        return ()
    return (f"With {n} spectra a test part holds about {round(n / 10)}: its scores are a matter of luck. Use folds (--cv random --repeats 10).",)


def _splits(table, settings, rows=None):
    from soilcore.evaluation.splits import make_splits

    rows = np.arange(len(table)) if rows is None else rows
    places = table.coordinates
    return make_splits(
        settings,
        rows.size,
        coordinates=None if places is None else places[rows],
        table=table.table.iloc[rows],
        target=table.y[rows],
        predictors=table.spectra.values[rows],
    )


def _inner_folds(table, settings, holdout):
    """Folds inside the training part, by which intervals and the area of applicability are set."""
    inside = replace(settings, scheme="random", folds=min(settings.folds, 5), repeats=1, block_size=None, buffer=None)
    return _splits(table, inside, holdout.seen)


def _column(table, column):
    if not column or column not in table.table.columns:
        names = ", ".join(map(str, table.table.columns[:30]))
        raise SettingsError(f"--cv names the column {column!r}, which the table does not have. Columns beside the spectra: {names}.")
    return table.table[column]


def _groups(table, column):
    from soilcore.evaluation.group_columns import group_labels

    return group_labels(_column(table, column), column)[0]


def matrix(values, axis):
    """Preprocessed spectra as a learner's table: one column per point, named by its place on the axis.

    Parameters
    ----------
    values : ndarray of float, shape (n_samples, n_points)
    axis : ndarray of float, shape (n_points,)

    Returns
    -------
    pandas.DataFrame
        float64, or float32 where the library is large.
    """
    import pandas as pd

    values = np.asarray(values, dtype=np.float32 if values.size > _MANY_VALUES else np.float64)
    return pd.DataFrame(values, columns=column_names(axis))


def column_names(axis):
    """Names of the points of an axis, without trailing zeros."""
    names = [f"{value:.{_ROUNDED}f}".rstrip("0").rstrip(".") for value in axis]
    return names if len(set(names)) == len(names) else [repr(float(value)) for value in axis]


def opened(settings, report=silent):
    """A library as it is read, for tasks that need no target."""
    from soilcore.data.spectra import open_spectra

    return open_spectra(settings, part(report, 0, 1))


__all__ = ["Division", "Holdout", "SpectralTable", "column_names", "divide", "matrix", "opened", "spectral_table"]
