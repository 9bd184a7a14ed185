"""A fitted learner as plain arithmetic for many pixels: packed trees, networks as float32 matrices, linear models as one dot product.

What `compile_learner` does not know predicts by itself, in chunks. Every row's result is the same to the last bit whatever the rows
beside it: matrix products run in blocks of one fixed size, because libraries sum the rest of a matrix in another order than its bulk.
"""

from dataclasses import dataclass

import numpy as np

from soilcore.models.compiled_places import Kriged, WithColumns, compiled_with_places
from soilcore.models.compiled_two_step import CompiledTwoStep
from soilcore.models.forest import compile_forest

TREE_ROWS = 65536  # rows that go down one tree before the next is taken; large forests leave the cache with fewer
NETWORK_ROWS = 4096
EXACT_ROWS = 256
LIBRARY_ROWS = 4096
WILD = 12.0  # standard deviations; beyond, float32 loses more than 1e-5 of a network's answer and float64 is used


def compile_learner(learner):
    """Make a fitted learner fast.

    Parameters
    ----------
    learner : Learner or scikit-learn Pipeline
        `TunedRegressor` and `StackingModel` are taken apart; pipelines of a scaler, a principal-component step and a forest, network or
        linear model likewise.

    Returns
    -------
    CompiledLearner
        ``.predict(X)`` with X float32 of shape (n_rows, n_features) in the order of training, no NaN, gives float64 of shape (n_rows,) in
        the target's own unit: equal to ``learner.predict`` to 1e-5 of the value, trees routed exactly.
    """
    from sklearn.pipeline import Pipeline

    from soilcore.models.learner import Learner

    if isinstance(learner, Pipeline):
        return CompiledLearner(_pipeline(learner) or _Library(learner, "predict"), _unchanged)
    if getattr(learner, "uses_coordinates", False):
        return CompiledLearner(
            compiled_with_places(learner, compile_learner) or _LibraryWithPlaces(learner), learner.way_back_, uses_coordinates=True
        )
    transformed = _modelling_scale(learner) if isinstance(learner, Learner) else None
    if transformed is None and isinstance(learner, Learner):
        return CompiledLearner(_Library(learner, "predict_transformed"), learner.way_back_)
    if transformed is None:
        return CompiledLearner(_Library(learner, "predict"), _unchanged)
    return CompiledLearner(transformed, learner.way_back_)


@dataclass(frozen=True)
class CompiledLearner:
    """What `compile_learner` gives.

    Parameters
    ----------
    transformed : callable
        float32 matrix to float64 predictions on the modelling scale.
    way_back : callable
        Modelling scale to own unit.
    uses_coordinates : bool
        Whether `transformed` takes coordinates of shape (n_rows, 2), in metres, beside the matrix.
    """

    transformed: object
    way_back: object

    uses_coordinates: bool = False

    def predict(self, X, coordinates=None):
        """Predictions in the target's own unit, float64 of shape (n_rows,); coordinates in metres for learners that know places."""
        return np.asarray(self.way_back(self.predict_transformed(X, coordinates)), float)

    def predict_transformed(self, X, coordinates=None):
        """Predictions on the modelling scale, float64 of shape (n_rows,)."""
        X = np.ascontiguousarray(X, np.float32)
        if not len(X):
            return np.empty(0)
        return self.transformed(X, coordinates) if self.uses_coordinates else self.transformed(X)

    def layers(self, X, coordinates=None):
        """What the learner maps beside its prediction (`Learner.extra_layers_`), name to float64 of shape (n_rows,); empty for most."""
        return self._also(X, "layers", coordinates) if hasattr(self.transformed, "layers") else {}

    def predict_with_layers(self, X, coordinates=None):
        """`predict` and `layers` at once, for less than both."""
        if not hasattr(self.transformed, "with_layers"):
            return self.predict(X, coordinates), {}
        transformed, layers = self.transformed_with_layers(X, coordinates)
        return np.asarray(self.way_back(transformed), float), layers

    def transformed_with_layers(self, X, coordinates=None):
        """`predict_transformed` and `layers` at once, where the learner has layers."""
        return self._also(X, "with_layers", coordinates)

    def _also(self, X, method, coordinates):
        X = np.ascontiguousarray(X, np.float32)
        places = (coordinates,) if self.uses_coordinates else ()
        return getattr(self.transformed, method)(X, *places)

    @property
    def by_library(self):
        """Names of the parts that the library of the learner computes; empty when all is compiled."""
        return tuple(part.name for part in _parts(self.transformed) if isinstance(part, (_Library, _LibraryWithPlaces)))


@dataclass(frozen=True)
class _Weighted:
    """The stack: a constant, and a weight for each member's prediction."""

    members: tuple
    weights: np.ndarray
    constant: float

    def __call__(self, X):
        total = np.full(len(X), self.constant)
        for weight, member in zip(self.weights, self.members, strict=True):
            total += weight * member(X)
        return total


@dataclass(frozen=True)
class Trees:
    """Packed trees, many rows at a time."""

    forest: object

    def __call__(self, X):
        """Predictions on the modelling scale, shape (n_rows,)."""
        return _in_blocks(self.forest.predict, X, TREE_ROWS, whole=False)


@dataclass(frozen=True)
class Linear:
    """``(x - centre) @ weights + constant`` in float64."""

    centre: np.ndarray
    weights: np.ndarray
    constant: float

    def __call__(self, X):
        """Predictions on the modelling scale, shape (n_rows,)."""
        return _in_blocks(lambda block: (block - self.centre) @ self.weights + self.constant, X, NETWORK_ROWS)


@dataclass(frozen=True)
class Networks:
    """The mean of multilayer perceptrons; the first layers of all are one matrix.

    The scaler is folded into the first layer but for its mean: a float32 product of 3000 m +- 1 m would lose what matters.
    """

    centre: np.ndarray
    spread: np.ndarray
    activation: str
    first: tuple  # weights (n_features, sum of widths) and constants
    later: tuple  # per member, per further layer: weights and constants
    widths: tuple

    def __call__(self, X):
        """Predictions on the modelling scale, shape (n_rows,)."""
        result = _in_blocks(lambda block: self._run(block, np.float32), X, NETWORK_ROWS)
        wild = (np.abs(X - self.centre.astype(np.float32)) > (WILD * self.spread).astype(np.float32)).any(axis=1)
        if wild.any():
            result[wild] = _in_blocks(lambda block: self._run(block, np.float64), X[wild], EXACT_ROWS)
        return result

    def exactly(self, X):
        """The same in float64 throughout, shape (n_rows,); X of any float type."""
        return _in_blocks(lambda block: self._run(block, np.float64), X, NETWORK_ROWS, whole=False)

    def _run(self, block, kind):
        centre = self.centre.astype(kind)
        weights, constants = self.first
        rest = (self.centre - centre) @ weights  # what rounding the mean to float32 left over
        hidden = (block.astype(kind, copy=False) - centre) @ weights.astype(kind)
        hidden += (constants - rest).astype(kind)
        _ACTIVATIONS[self.activation](hidden)
        total, start = np.zeros(len(block)), 0
        for width, layers in zip(self.widths, self.later, strict=True):
            total += self._finish(hidden[:, start : start + width], layers, kind)
            start += width
        return total / len(self.widths)

    def _finish(self, values, layers, kind):
        for number, (weights, constants) in enumerate(layers):
            values = values @ weights.astype(kind) + constants.astype(kind)
            if number < len(layers) - 1:
                _ACTIVATIONS[self.activation](values)
        return values[:, 0]


@dataclass(frozen=True)
class _Library:
    """The learner itself, a chunk at a time."""

    learner: object
    method: str

    @property
    def name(self):
        return getattr(self.learner, "name", type(self.learner).__name__)

    def __call__(self, X):
        predict = getattr(self.learner, self.method)
        return _in_blocks(lambda block: np.asarray(predict(self._table(block)), float).reshape(-1), X, LIBRARY_ROWS)

    def _table(self, block):
        names = getattr(self.learner, "feature_names_in_", None)
        if names is None:
            return block.astype(float)
        import pandas as pd

        return pd.DataFrame(block.astype(float), columns=list(names))


@dataclass(frozen=True)
class _LibraryWithPlaces:
    """A learner that knows places, a chunk at a time; rows are computed with their own coordinates."""

    learner: object

    @property
    def name(self):
        return getattr(self.learner, "name", type(self.learner).__name__)

    def __call__(self, X, coordinates=None):
        table = _Library(self.learner, "predict_transformed")._table
        result = np.empty(len(X))
        for start in range(0, len(X), LIBRARY_ROWS):
            rows = slice(start, start + LIBRARY_ROWS)
            result[rows] = self.learner.predict_transformed(table(X[rows]), _places_of(coordinates, rows))
        return result


def _places_of(coordinates, rows):
    """Some of the places, with what lies around them where it is known."""
    if coordinates is None:
        return None
    return coordinates.take(np.arange(len(coordinates))[rows]) if hasattr(coordinates, "batch") else np.asarray(coordinates, float)[rows]


def _modelling_scale(learner):
    """The learner's prediction on its modelling scale as arithmetic, or None for an unknown one."""
    from soilcore.models.pipelines import TunedRegressor
    from soilcore.models.stacking import StackingModel
    from soilcore.models.two_step import TwoStepModel

    if isinstance(learner, StackingModel):
        members = tuple(_modelling_scale(member) for member in learner.members_.values())
        if all(isinstance(member, _Library) for member in members):
            return None
        return _Weighted(members, np.asarray(learner.meta_coef_, float).ravel(), float(learner.meta_intercept_))
    if isinstance(learner, TwoStepModel):
        return CompiledTwoStep(learner, tuple(_modelling_scale(regression) for regression in learner.regressors_))
    if isinstance(learner, TunedRegressor):
        return _pipeline(learner.pipeline_) or _Library(learner, "predict_transformed")
    return None


def _pipeline(pipeline):
    """A fitted scikit-learn pipeline as arithmetic, or None."""
    *steps, (_, model) = pipeline.steps
    kind = type(model).__name__
    if kind in _FORESTS:
        return Trees(compile_forest(model)) if not steps and _one_output(model) else None
    before = _steps_before(steps, pipeline.n_features_in_)
    if before is None:
        return None
    if kind == "MeanOfSeeds":
        return _networks(model.members_, *before)
    if kind == "MLPRegressor":
        return _networks([model], *before)
    return _linear(model, *before) if kind in _LINEAR else None


def _steps_before(steps, n_features):
    """Scaler and rotation before a model as (centre, spread, matrix): z = ((x - centre) / spread - shift) @ matrix, or None if unknown."""
    centre, spread = np.zeros(n_features), np.ones(n_features)
    shift, matrix = np.zeros(n_features), np.eye(n_features)
    for number, (_, step) in enumerate(steps):
        kind = type(step).__name__
        if kind == "StandardScaler" and number == 0:
            centre = step.mean_ if step.with_mean else centre
            spread = step.scale_ if step.with_std else spread
        elif kind == "PCA" and not step.whiten and number == len(steps) - 1:
            shift, matrix = step.mean_, step.components_.T
        elif step is not None and step != "passthrough":
            return None
    return centre, spread, shift, matrix


def _networks(members, centre, spread, shift, matrix):
    activation = members[0].activation
    if activation not in _ACTIVATIONS or any(member.activation != activation or member.out_activation_ != "identity" for member in members):
        return None
    if any(len(member.coefs_) < 2 or np.shape(member.coefs_[-1])[1] != 1 for member in members):
        return None
    weights = np.concatenate([matrix @ member.coefs_[0] for member in members], axis=1)
    constants = np.concatenate([np.asarray(member.intercepts_[0], float) - shift @ matrix @ member.coefs_[0] for member in members])
    later = tuple(tuple(zip(member.coefs_[1:], member.intercepts_[1:], strict=True)) for member in members)
    widths = tuple(member.coefs_[0].shape[1] for member in members)
    return Networks(centre, spread, activation, (weights / spread[:, None], constants), later, widths)


def _linear(model, centre, spread, shift, matrix):
    coefficients = np.asarray(model.coef_, float)
    if coefficients.size != matrix.shape[1]:
        return None  # several targets
    weights = matrix @ coefficients.ravel()
    inner = -np.asarray(getattr(model, "_x_mean", np.zeros(matrix.shape[1])), float) @ coefficients.ravel()  # PLSR centres once more
    constant = float(np.ravel(model.intercept_)[0]) + float(inner) - float(shift @ weights)
    return Linear(centre, weights / spread, constant)


def _one_output(model):
    return getattr(model, "n_outputs_", 1) == 1


def _in_blocks(function, X, rows, whole=True):
    """Apply `function` to blocks of exactly `rows` rows, the last filled up with copies of its last row; or as they fall."""
    result = np.empty(len(X))
    for start in range(0, len(X), rows):
        block = X[start : start + rows]
        count = len(block)
        if whole and count < rows:
            block = np.concatenate([block, np.broadcast_to(block[-1:], (rows - count, X.shape[1]))])
        result[start : start + count] = function(block)[:count]
    return result


def _parts(transformed):
    if isinstance(transformed, (Kriged, WithColumns)):
        return () if transformed.inside is None else _parts(transformed.inside.transformed)
    return transformed.members if isinstance(transformed, (_Weighted, CompiledTwoStep)) else (transformed,)


def _unchanged(values):
    return values


def _relu(values):
    np.maximum(values, 0, out=values)


def _tanh(values):
    np.tanh(values, out=values)


def _logistic(values):
    from scipy.special import expit

    expit(values, out=values)


def _identity(values):
    """Leave the values as they are."""


_ACTIVATIONS = {"relu": _relu, "tanh": _tanh, "logistic": _logistic, "identity": _identity}
_FORESTS = frozenset({"RandomForestRegressor", "ExtraTreesRegressor", "XGBRegressor"})
_LINEAR = frozenset({"PLSRegression", "Ridge", "RidgeCV", "LinearRegression", "ElasticNet", "Lasso"})
