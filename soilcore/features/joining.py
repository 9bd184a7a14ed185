"""Samples joined to imagery, covariates and climate of their own date."""

from functools import cached_property

import numpy as np
import pandas as pd

from soilcore.core.errors import FeatureError
from soilcore.data.dates import sample_dates


class Joined:
    """Values at the samples, before predictors are made of them.

    Parameters
    ----------
    recipe : FeatureRecipe
    samples : SampleSet of n_samples
    scene : Scene, SceneSeries or None
    covariates : CovariateStack or None
    climate : Climate or None
    """

    def __init__(self, recipe, samples, scene=None, covariates=None, climate=None):
        self.recipe, self.samples = recipe, samples
        self.scene, self.covariates, self.climate = scene, covariates, climate

    @cached_property
    def days(self):
        """Date of each sample, or None where nothing changes with time.

        Raises
        ------
        FeatureError
            If something changes with time and the table has no dates.
        """
        changing = [what for what, _ in timelines(self.recipe, self.scene, self.covariates)]
        if self.recipe.climate and self.recipe.climate_when == "date":
            changing.append("The climate")
        if not changing:
            return None
        days = sample_dates(self.samples)
        if days is None or np.isnat(days).all():
            raise FeatureError(
                f"{changing[0]} changes with time, but {self.samples.source} has no dates. Name the column that holds them with --date."
            )
        return days

    def reflectance(self):
        """Reflectance by role, float32 of shape (n_samples,) each, NaN where missing."""
        samples, recipe = self.samples, self.recipe
        if recipe.table_roles:
            scaled = {role: numbers_of(samples, column) * recipe.scale + recipe.offset for column, role in recipe.table_roles}
            return {role: values.astype(np.float32) for role, values in scaled.items()}
        check_places(samples)
        if self.scene is None:
            raise FeatureError("The predictors need the bands of a scene. Give one with --scene.")
        if is_series(self.scene):
            self._check_some(*timeline_of_series(self.scene))
            values = self.scene.sample(samples.x, samples.y, samples.crs, self.days)
        else:
            values = self.scene.sample(samples.x, samples.y, samples.crs)
        return dict(zip(self.scene.roles, np.asarray(values, np.float32).T, strict=True))

    def layers(self):
        """Covariates by name, float32 of shape (n_samples,) each, NaN where missing."""
        samples = self.samples
        check_places(samples)
        for each in self.covariates.dynamic:
            self._check_some(each.what, each.timeline)
        values = self.covariates.sample(samples.x, samples.y, samples.crs, self.days)
        return dict(zip(self.covariates.names, np.asarray(values, np.float32).T, strict=True))

    def climate_columns(self):
        """Climate summaries in the recipe's order, float32 of shape (n_samples,) each, NaN where missing.

        Where there is a raster to map over, a sample has the climate of the pixel that holds it, as the map will.
        """
        if self.climate is None:
            raise FeatureError("The predictors need monthly climate. Give it with --climate.")
        if missing := [name for name in self.recipe.climate if name not in self.climate.names]:
            raise FeatureError(f"The climate has no {missing[0]!r}. It has: {', '.join(self.climate.names)}.")
        samples, days = self.samples, self.days if self.recipe.climate_when == "date" else None
        x, y, crs = self._pixel_centres()
        column = samples.columns.get("id")
        ids = None if column is None else samples.table[column].to_numpy()
        values = self.climate.sample(x, y, crs, days=days, ids=ids, months=max(1, self.recipe.climate_months))
        values = np.asarray(values, np.float32)
        if not np.isfinite(values).any():
            raise FeatureError(self._no_climate(days))
        return [values[:, self.climate.names.index(name)] for name in self.recipe.climate]

    def _pixel_centres(self):
        """Places of the samples and their reference system; where there is a map's pixel that holds one, its centre."""
        from pyproj import CRS, Transformer

        samples = self.samples
        opened = self.scene if self.scene is not None else self.covariates
        if opened is None or not samples.has_places:
            return samples.x, samples.y, samples.crs
        grid = opened.grid
        x, y = samples.x, samples.y
        if samples.crs is not None and CRS.from_user_input(samples.crs) != grid.crs:
            x, y = Transformer.from_crs(samples.crs, grid.crs, always_xy=True).transform(x, y)
        rows, cols, inside = grid.rows_cols(x, y)
        place, cols, rows = grid.transform, cols + 0.5, rows + 0.5
        across, down = place.a * cols + place.b * rows + place.c, place.d * cols + place.e * rows + place.f
        return np.where(inside, across, x), np.where(inside, down, y), grid.crs

    def _no_climate(self, days):
        months = self.climate.months
        there = f"The climate has {months[0]} to {months[-1]}"
        known = days[~np.isnat(days)] if days is not None else ()
        if len(known):
            before = f"the {self.recipe.climate_months} months before the samples' dates ({known.min()} to {known.max()})"
            return f"{there}, but too little of {before} at their places. Give climate of those years, or of all months with --climate-months 0."
        return f"{there}, but none of it near the samples. Check the reference system of the samples, or give climate of their area."

    def _check_some(self, what, timeline):
        """Refuse what changes with time where no sample is near any of its dates."""
        if (timeline.pick(self.days) >= 0).any():
            return
        known = self.days[~np.isnat(self.days)]
        rule = "in its year" if timeline.when == "year" else f"within {timeline.max_days} days"
        remedy = "." if timeline.when == "year" else ", or allow more days with --max-days."
        raise FeatureError(
            f"{what} has nothing of the samples' dates ({known.min()} to {known.max()}) {rule}: it has {timeline.listed()}. "
            f"Give imagery and rasters of the time of sampling{remedy}"
        )


def dates_for(samples, changing):
    """Dates of samples, where something is joined by them.

    Parameters
    ----------
    samples : SampleSet
    changing : sequence of str
        What changes with time, in words; without any, dates are not needed.

    Returns
    -------
    ndarray of datetime64[D], shape (n_samples,), or None

    Raises
    ------
    FeatureError
        If they are needed and the table has none.
    """
    if not changing:
        return None
    days = sample_dates(samples)
    if days is None or np.isnat(days).all():
        raise FeatureError(f"{changing[0]} changes with time, but {samples.source} has no dates. Name the column that holds them with --date.")
    return days


def is_series(scene):
    """Whether this is imagery of many dates rather than one scene."""
    return hasattr(scene, "pick")


def timeline_of_series(series):
    """What changes, and its dates."""
    return "The imagery", series.timeline


def timelines(recipe, scene=None, covariates=None, mapping=False):
    """What changes with time among the inputs that a recipe reads.

    Parameters
    ----------
    recipe : FeatureRecipe
    scene : Scene, SceneSeries or None
    covariates : CovariateStack or None
    mapping : bool
        For pixels, where columns of the table are rasters and bands always come from imagery.

    Returns
    -------
    list of (str, Timeline)
        What changes, in words, and its dates.
    """
    found = []
    reads_scene = recipe.needs_scene and (mapping or not recipe.table_roles)
    if reads_scene and scene is not None and is_series(scene):
        found.append(timeline_of_series(scene))
    read = {use.name for use in recipe.covariates} | set(recipe.columns if mapping else ())
    dynamic = covariates.dynamic if covariates is not None else ()
    return found + [(each.what, each.timeline) for each in dynamic if read.intersection(each.names)]


def gaps_in_time(recipe, samples, scene=None, covariates=None):
    """Samples that have no imagery or raster of their own date.

    Returns
    -------
    dict of int to str
        By position in the table: what is missing, in words.
    """
    changing = timelines(recipe, scene, covariates)
    days = sample_dates(samples) if changing else None
    gaps = {}
    for what, timeline in changing:
        for place in np.flatnonzero(timeline.pick(days) < 0):
            day = days[place]
            told = "it has no date" if np.isnat(day) else f"{what[0].lower()}{what[1:]} has nothing {timeline.reach(day.astype(object))}"
            gaps.setdefault(int(place), told)
    return gaps


def check_places(samples):
    """Refuse samples without coordinates where something is read from rasters."""
    if not samples.has_places:
        raise FeatureError(
            f"{samples.source} has no coordinates, so nothing can be read from imagery at its samples. "
            "Name them with --x and --y, or use table columns as predictors (--columns, --roles)."
        )


def numbers_of(samples, column):
    """A table column as float64.

    Raises
    ------
    FeatureError
        If the table has no such column, or it holds text.
    """
    if column not in samples.table.columns:
        raise FeatureError(f"{samples.source} has no column {column!r}. Its columns: {', '.join(map(str, samples.table.columns[:40]))}.")
    values = samples.table[column]
    if not pd.api.types.is_numeric_dtype(values):
        example = next((str(value) for value in values if pd.notna(value)), "")
        raise FeatureError(
            f"Column {column!r} of {samples.source} holds text such as {example!r}, so it cannot be a predictor. Leave it out with --exclude."
        )
    return values.to_numpy(float, na_value=np.nan)
