"""Fitted learners that know places, as arithmetic for many pixels."""

from dataclasses import dataclass

import numpy as np


def compiled_with_places(learner, compile_learner):
    """A learner that knows places as a callable of a float32 matrix and coordinates in metres, or None for an unknown one.

    Parameters
    ----------
    learner : Learner
        Fitted, with ``uses_coordinates``.
    compile_learner : callable
        Makes the learner inside fast.
    """
    from soilcore.models.kriging_learners import KrigingLearner, RegressionKriging
    from soilcore.models.neighbour_learner import WithNeighbours

    if isinstance(learner, KrigingLearner):
        return Kriged(learner, None)
    if isinstance(learner, RegressionKriging):
        return Kriged(learner, compile_learner(learner.base_))
    return WithColumns(learner, compile_learner(learner.learner_)) if isinstance(learner, WithNeighbours) else None


@dataclass(frozen=True)
class Kriged:
    """Kriged values alone, or the kriged residuals of a compiled learner on top of it."""

    learner: object
    inside: object

    def __call__(self, X, coordinates=None):
        """Predictions on the modelling scale, shape (n_rows,)."""
        kriged = self.learner.krige(np.asarray(coordinates, float))
        return kriged if self.inside is None else kriged + self.inside.predict_transformed(X, coordinates)


@dataclass(frozen=True)
class WithColumns:
    """Columns made of neighbouring samples, and the compiled learner that takes them."""

    learner: object
    inside: object

    def __call__(self, X, coordinates=None):
        """Predictions on the modelling scale, shape (n_rows,)."""
        return self.inside.predict_transformed(self._wider(X, coordinates), coordinates)

    def layers(self, X, coordinates=None):
        """What the learner inside maps beside its prediction."""
        return self.inside.layers(self._wider(X, coordinates), coordinates)

    def with_layers(self, X, coordinates=None):
        """Predictions on the modelling scale, and the layers."""
        X = self._wider(X, coordinates)
        if hasattr(self.inside.transformed, "with_layers"):
            return self.inside.transformed_with_layers(X, coordinates)
        return self.inside.predict_transformed(X, coordinates), self.inside.layers(X, coordinates)

    def _wider(self, X, coordinates):
        columns = self.learner.neighbour_columns(np.asarray(coordinates, float))
        return np.concatenate([X, columns.astype(np.float32)], axis=1)
