"""The dual-step model as plain arithmetic for many pixels: its classes are plain arrays already, its regressions are compiled."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class CompiledTwoStep:
    """Both steps and their recombination.

    Parameters
    ----------
    learner : TwoStepModel
        Fitted.
    members : tuple of callable
        Regression of each class: float32 matrix to predictions on the scale of the classes.
    """

    learner: object
    members: tuple

    def __call__(self, X):
        """Predictions on the modelling scale, float64 of shape (n_rows,)."""
        return self._mixed(self.learner.classifier_.probabilities(X), X)

    def layers(self, X):
        """What `TwoStepModel.extra_layers_` names, each float64 of shape (n_rows,)."""
        return self.learner.layers(self.learner.classifier_.probabilities(X))

    def with_layers(self, X):
        """Predictions on the modelling scale and layers, the classification done once."""
        probabilities = self.learner.classifier_.probabilities(X)
        return self._mixed(probabilities, X), self.learner.layers(probabilities)

    def _mixed(self, probabilities, X):
        learner = self.learner
        parts = [
            regression.transform_.inverse(member(X), factor)
            for regression, member, factor in zip(learner.regressors_, self.members, learner.factors_, strict=True)
        ]
        return learner.transform_.forward(learner.recombined(probabilities, learner.limited(np.stack(parts, axis=1))))
