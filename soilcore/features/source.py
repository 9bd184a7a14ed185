"""Predictors as windows of pixels: the recipe applied to a scene and covariates on one grid."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import FeatureError
from soilcore.features.recipe import FeatureRecipe


@dataclass(frozen=True)
class FeatureSource:
    """Everything a map needs to make its predictors.

    Parameters
    ----------
    recipe : FeatureRecipe
    scene : Scene or None
    covariates : CovariateStack or None
        On the scene's grid when there is a scene.
    """

    recipe: FeatureRecipe
    scene: object = None
    covariates: object = None

    def __post_init__(self):
        recipe = self.recipe
        if recipe.needs_scene and self.scene is None:
            raise FeatureError("The model needs the bands of a scene. Give one with --scene.")
        have = self.covariates.names if self.covariates is not None else ()
        needed = [*(use.name for use in recipe.covariates), *recipe.columns]
        if missing := [name for name in needed if name not in have]:
            raise FeatureError(
                f"The model needs {missing[0]!r} at every pixel, and no covariate of that name is given. "
                f"Give the raster with --covariate (its file name is its name). Given: {', '.join(have) or 'none'}."
            )
        if self.scene is None and self.covariates is None:
            raise FeatureError("There is no raster to map over. Give a scene with --scene or covariates with --covariate.")

    @property
    def grid(self):
        """Grid of the windows."""
        return self.scene.grid if self.scene is not None else self.covariates.grid

    @property
    def names(self):
        """Names of the predictors, in the order of the first axis of a window."""
        return self.recipe.names

    @contextmanager
    def reader(self):
        """Open the files once for many windows; a reader belongs to one thread."""
        with ExitStack() as stack:
            scene = stack.enter_context(self.scene.reader()) if self.recipe.needs_scene else None
            covariates = stack.enter_context(self.covariates.reader()) if self.covariates is not None else None
            yield _Reader(self, scene, covariates)


@dataclass(frozen=True)
class _Reader:
    source: FeatureSource
    scene: object
    covariates: object

    def read(self, window):
        """Predictors of one window, float32 of shape (n_features, rows, columns), NaN where one cannot be made."""
        recipe, layers = self.source.recipe, []
        if self.scene is not None:
            roles = recipe.roles_needed
            layers += recipe.spectral(dict(zip(roles, self.scene.read(window, roles), strict=True)))
        if self.covariates is not None:
            values = dict(zip(self.source.covariates.names, self.covariates.read(window), strict=True))
            layers += recipe.spatial(values)
            layers += [values[name] for name in recipe.columns]
        return np.stack(layers).astype(np.float32, copy=False)
