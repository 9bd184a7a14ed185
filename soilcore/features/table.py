"""The feature table: predictors and target of the samples that have both, and why the others are left out."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from soilcore.core.errors import FeatureError
from soilcore.core.findings import Finding
from soilcore.data.dates import sample_dates
from soilcore.features.joining import gaps_in_time
from soilcore.features.recipe import FeatureRecipe


@dataclass(frozen=True)
class FeatureTable:
    """Predictors and target of the samples that have both.

    Parameters
    ----------
    X : pandas.DataFrame of float64, shape (n_samples, n_features)
        No missing values; the index is the spreadsheet row.
    y : ndarray of float, shape (n_samples,)
    recipe : FeatureRecipe
    table : pandas.DataFrame
        The samples' own columns, the same rows.
    places : ndarray of float, shape (n_samples, 2), or None
        Coordinates as in `crs`.
    crs : pyproj.CRS or None
    dropped : tuple of Finding
        Samples left out, and why.
    days : ndarray of datetime64[D], shape (n_samples,), or None
        When each was taken, NaT where unknown; None for a table without dates.
    """

    X: pd.DataFrame
    y: np.ndarray
    recipe: FeatureRecipe
    table: pd.DataFrame
    places: np.ndarray | None = None
    crs: object = None
    dropped: tuple[Finding, ...] = field(default=())
    days: np.ndarray | None = None

    @property
    def latest_day(self):
        """The last day a sample was taken, datetime.date, or None; what changes with time reaches it, because else the sample were left out."""
        known = [] if self.days is None else self.days[~np.isnat(self.days)]
        return known.max().item() if len(known) else None

    def __len__(self):
        return len(self.X)

    def take(self, keep):
        """The same table of some samples, by a mask of shape (n_samples,)."""
        places, days = (None if each is None else each[keep] for each in (self.places, self.days))
        return replace(self, X=self.X[keep], y=self.y[keep], table=self.table[keep], places=places, days=days)


def make_table(recipe, samples, scene=None, covariates=None, need_target=True, climate=None):
    """Predictors and target of every sample that has both.

    Parameters
    ----------
    recipe : FeatureRecipe
    samples : SampleSet
    scene, covariates, climate : optional
        Where bands, covariates and climate come from; of each sample's own date where they change with time.
    need_target : bool
        Whether rows without a target are left out.

    Returns
    -------
    FeatureTable

    Raises
    ------
    FeatureError
        If no sample has all predictors and the target.
    """
    X = recipe.at_samples(samples, scene, covariates, climate)
    y = samples.target.values if samples.target is not None else np.full(len(samples), np.nan)
    complete = np.isfinite(X.to_numpy()).all(axis=1)
    keep = complete & (np.isfinite(y) if need_target else True)
    if not keep.any():
        emptiest = X.isna().mean().idxmax()
        raise FeatureError(
            f"No sample has the target and all {X.shape[1]} predictors: {np.isfinite(y).sum()} have a target, "
            f"{complete.sum()} have every predictor ({emptiest!r} is missing most often). "
            "Check that the samples lie inside the imagery, and leave out columns that are mostly empty with --exclude."
        )
    places = np.column_stack([samples.x, samples.y])[keep] if samples.has_places else None
    dropped = _dropped(X, y, keep, need_target, gaps_in_time(recipe, samples, scene, covariates))
    days = sample_dates(samples)
    days = None if days is None else days[keep]
    return FeatureTable(X[keep], np.asarray(y)[keep], recipe, samples.table[keep], places, samples.crs, dropped, days)


def _dropped(X, y, keep, need_target, gaps):
    findings = []
    for place, (row, kept) in enumerate(zip(X.index, keep, strict=True)):
        if kept:
            continue
        if place in gaps:
            fix = "Add imagery or rasters of that time, allow more days with --max-days, or accept the loss."
            findings.append(Finding("sample-without-its-date", "warning", f"Row {row} is left out: {gaps[place]}.", fix, int(row)))
            continue
        missing = [name for name in X.columns if not np.isfinite(X.at[row, name])]
        if need_target and not np.isfinite(y[place]):
            missing.insert(0, "the target")
        listed = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        message = f"Row {row} is left out: {listed} missing or invalid there."
        findings.append(Finding("sample-left-out", "warning", message, "Fill the gap or accept the loss.", int(row)))
    return tuple(findings)
