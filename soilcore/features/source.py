"""Predictors as windows of pixels: the recipe applied to a scene, covariates and climate on one grid, for one date."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import numpy as np

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.data.timeline import day_of
from soilcore.features.joining import is_series, timelines
from soilcore.features.recipe import FeatureRecipe

_CELL_RATIO = 1.5  # beyond which terrain of other cells is another quantity


@dataclass(frozen=True)
class FeatureSource:
    """Everything a map needs to make its predictors.

    Parameters
    ----------
    recipe : FeatureRecipe
    scene : Scene, SceneSeries or None
        Of a series, the scene of `date` is kept.
    covariates : CovariateStack or None
        On the scene's grid when there is a scene; those that change with time become those of `date`.
    climate : Climate or None
    date : str, datetime.date or None
        Day of the map, or a year, which stands for its 1 July as in a sample table. Needed where something changes with time.
    assumed : tuple of str
        What was taken for that date; made here.

    Raises
    ------
    FeatureError
        If an input is missing, or was made in another way than in training.
    SettingsError
        If something changes with time and no date is stated.
    SceneError
        If nothing lies near enough to the date.
    """

    recipe: FeatureRecipe
    scene: object = None
    covariates: object = None
    climate: object = None
    date: object = None
    assumed: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self):
        if self.recipe.needs_scene and self.scene is None:
            raise FeatureError("The model needs the bands of a scene. Give one with --scene.")
        self._check_covariates()
        self._check_climate()
        if self.scene is None and self.covariates is None:
            raise FeatureError("There is no raster to map over. Give a scene with --scene or covariates with --covariate.")
        self._settle_date()

    def _check_covariates(self):
        recipe = self.recipe
        specs = {spec.name: spec for spec in self.covariates.specs} if self.covariates is not None else {}
        needed = [*(use.name for use in recipe.covariates), *recipe.columns]
        if missing := [name for name in needed if name not in specs]:
            raise FeatureError(
                f"The model needs {missing[0]!r} at every pixel, and no covariate of that name is given. "
                f"Give the raster with --covariate (its file name is its name). Given: {', '.join(specs) or 'none'}."
            )
        for use in recipe.covariates:
            _check_same_quantity(use, specs[use.name])

    def _check_climate(self):
        if not self.recipe.climate:
            return
        if self.climate is None:
            raise FeatureError("The model needs monthly climate. Give it with --climate.")
        if missing := [name for name in self.recipe.climate if name not in self.climate.names]:
            raise FeatureError(f"The model needs {missing[0]!r} of the climate, which has: {', '.join(self.climate.names)}.")

    def _settle_date(self):
        """Choose what belongs to the date, once for all windows."""
        changing = [f"{what} ({timeline.listed()})" for what, timeline in timelines(self.recipe, self.scene, self.covariates, mapping=True)]
        if self.recipe.climate and self.recipe.climate_when == "date":
            changing.append(f"The climate of the {self.recipe.climate_months} months before a date")
        if changing and self.date is None:
            more = f", and so does {changing[1][0].lower()}{changing[1][1:]}" if len(changing) > 1 else ""
            raise SettingsError(f"{changing[0]} changes with time{more}. State the day or year of the map with --date.")
        settle, said = object.__setattr__, []  # the one place where a frozen value is completed
        settle(self, "date", None if self.date is None else day_of(self.date))
        self._check_months()
        if self.scene is not None and is_series(self.scene):
            settle(self, "scene", self.scene.at(self.date) if self.date is not None else self.scene.scenes[0])
            said.append(f"imagery of {self.scene.date} taken for {self.date}")
        if self.covariates is not None and self.covariates.dynamic and self._reads_covariates:
            chosen = self.covariates.at(self.date)
            said += [f"{sentence} taken for {self.date}" for sentence in chosen.assumed[len(self.covariates.assumed) :]]
            settle(self, "covariates", chosen)
        if self.date is not None:
            settle(self, "assumed", tuple(said))

    def _check_months(self):
        """Refuse a date that the months of the climate do not reach, where a map would be empty."""
        recipe, climate = self.recipe, self.climate
        if not recipe.climate or recipe.climate_when != "date" or climate.reaches(self.date, recipe.climate_months):
            return
        raise FeatureError(
            f"The climate has {climate.months[0]} to {climate.months[-1]}, too little of the {recipe.climate_months} months before {self.date}. "
            "Give climate of those months with --climate, or state another day with --date."
        )

    @property
    def grid(self):
        """Grid of the windows."""
        return self.scene.grid if self.scene is not None else self.covariates.grid

    @property
    def names(self):
        """Names of the predictors, in the order of the first axis of a window."""
        return self.recipe.names

    @property
    def _reads_covariates(self):
        return bool(self.recipe.covariates or self.recipe.columns)

    @contextmanager
    def reader(self):
        """Open the files once for many windows; a reader belongs to one thread."""
        with ExitStack() as stack:
            scene = stack.enter_context(self.scene.reader()) if self.recipe.needs_scene else None
            covariates = stack.enter_context(self.covariates.reader()) if self._reads_covariates else None
            climate = stack.enter_context(self._climate_layers().reader()) if self.recipe.climate else None
            yield _Reader(self, scene, covariates, climate)

    def _climate_layers(self):
        day = np.datetime64(self.date, "D") if self.recipe.climate_when == "date" else None
        return self.climate.layers(self.grid, day, months=max(1, self.recipe.climate_months))


def _check_same_quantity(use, spec):
    """Refuse a covariate whose unit, or the way it was computed, is not that of training."""
    if use.unit and spec.unit and use.unit != spec.unit:
        raise FeatureError(
            f"The model was trained on {use.name} in {use.unit}, the covariate given is in {spec.unit}. Convert the raster, "
            f"or correct its unit with --unit-of {use.name}={use.unit} if it is stated wrongly."
        )
    ours, theirs = use.made or {}, spec.made or {}
    if "cell_m" in ours and "cell_m" in theirs and not 1 / _CELL_RATIO <= theirs["cell_m"] / ours["cell_m"] <= _CELL_RATIO:
        raise FeatureError(
            f"The model was trained on {use.name} computed on cells of {ours['cell_m']:g} m, here they are {theirs['cell_m']:g} m: slopes and "
            f"curvatures of other cells are other quantities. Give an elevation model of about {ours['cell_m']:g} m with --dem."
        )
    differs = [key for key in ours if key not in ("source", "cell_m") and key in theirs and ours[key] != theirs[key]]
    if differs:
        key = differs[0]
        raise FeatureError(
            f"The model was trained on {use.name} made with {key} {ours[key]!r}, here it is made with {theirs[key]!r}. Use the settings of training."
        )


@dataclass(frozen=True)
class _Reader:
    source: FeatureSource
    scene: object
    covariates: object
    climate: object = None

    def read(self, window):
        """Predictors of one window, float32 of shape (n_features, rows, columns), NaN where one cannot be made."""
        recipe, layers, rasters = self.source.recipe, [], {}
        if self.scene is not None:
            roles = recipe.roles_needed
            layers += recipe.spectral(dict(zip(roles, self.scene.read(window, roles), strict=True)))
        if self.covariates is not None:  # the reader, which is there only where it is needed
            rasters = dict(zip(self.source.covariates.names, self.covariates.read(window), strict=True))
            layers += recipe.spatial(rasters)
        if self.climate is not None:
            names, values = list(self.source.climate.names), self.climate.read(window)
            layers += [values[names.index(name)] for name in recipe.climate]
        layers += [rasters[name] for name in recipe.columns]
        return np.stack(layers).astype(np.float32, copy=False)
