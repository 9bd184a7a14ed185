"""A fitted learner taken apart into a weighted sum of members, each with the best way there is to attribute it.

Shapley values are linear: the attributions of a sum are the sum of the attributions, if all start from the same background. So a stack is explained
exactly where its members are: trees and linear models in closed form, what depends on the place alone as one driver. Everything else is sampled, and
says how far off that may be.
"""

from dataclasses import dataclass

import numpy as np

from soilcore.explanation.perceptrons import SAMPLED, PerceptronsPart
from soilcore.explanation.sampled import sampled_attributions, walks
from soilcore.explanation.trees import FlatTrees, attributions_of_trees
from soilcore.explanation.trees_plain import PlainTrees, plain_is_faster
from soilcore.models.forest import CannotPack

EXACT = "exact"
PLACE = "place"
_MAP_DRAWS = 16


@dataclass(frozen=True)
class Layout:
    """The columns that members see, and the drivers they make up.

    Parameters
    ----------
    names : tuple of str
        Of the drivers: one per predictor, and "place" last where the learner looks at coordinates.
    columns : int
        Number of predictors.
    has_place : bool
        Whether two more columns hold coordinates, in metres.
    """

    names: tuple[str, ...]
    columns: int
    has_place: bool

    @property
    def drivers(self):
        """Columns of each driver."""
        single = [np.array([number]) for number in range(self.columns)]
        return [*single, np.array([self.columns, self.columns + 1])] if self.has_place else single


@dataclass(frozen=True)
class Effort:
    """How members are computed.

    Parameters
    ----------
    draws : int or None
        Pairs of walks of what is sampled; None for one from every background row, or 16 for a map of what is no small network.
    seed : int
        Orders those walks.
    many : bool or None
        See `soilcore.explanation.trees.attributions_of_trees`. If not given, what is done before a kernel would be compiled is computed without.
    """

    draws: int | None = None
    seed: int = 0
    many: bool | None = None


class Constant:
    """What depends on nothing."""

    how = EXACT

    def __init__(self, value):
        self.value = float(value)

    def prepare(self, background, layout, effort):
        """See `Function.prepare`."""
        self.base, self._drivers = self.value, len(layout.names)
        return self

    def predict(self, Z):
        """Predictions on the modelling scale, shape (n_rows,)."""
        return np.full(len(Z), self.value)

    def attribute(self, Z):
        """See `Function.attribute`."""
        return np.zeros((len(Z), self._drivers)), None


class LinearPart:
    """``(x - centre) @ weights + constant``: each predictor carries its weight times its distance from the background's mean."""

    how = EXACT

    def __init__(self, centre, weights, constant):
        self.centre, self.weights, self.constant = np.asarray(centre, float), np.asarray(weights, float), float(constant)

    def prepare(self, background, layout, effort):
        """See `Function.prepare`."""
        self._mean, self._drivers = background[:, : self.weights.size].mean(axis=0), len(layout.names)
        self.base = float(self.predict(background).mean())
        return self

    def predict(self, Z):
        """Predictions on the modelling scale, shape (n_rows,)."""
        return (Z[:, : self.weights.size] - self.centre) @ self.weights + self.constant

    def attribute(self, Z):
        """See `Function.attribute`."""
        values = np.zeros((len(Z), self._drivers))
        values[:, : self.weights.size] = (Z[:, : self.weights.size] - self._mean) * self.weights
        return values, None


class TreesPart:
    """A forest or boosted trees, on predictors or on columns that each follow from one of them."""

    how = EXACT

    def __init__(self, estimator, view=None, columns=None, packed=None):
        from soilcore.models.forest import compile_forest

        self.trees, self._packed = FlatTrees.of(estimator), packed or compile_forest(estimator)
        self._view = view or (lambda Z: Z[:, : self._packed.n_features])
        self._columns = np.arange(self._packed.n_features) if columns is None else np.asarray(columns)

    def prepare(self, background, layout, effort):
        """See `Function.prepare`."""
        self._background, self._drivers, self._many = self._seen(background), len(layout.names), effort.many
        self.base, self._plain = float(self._packed.predict(self._background).mean()), None
        return self

    def predict(self, Z):
        """Predictions on the modelling scale, shape (n_rows,)."""
        return self._packed.predict(self._seen(Z))

    def attribute(self, Z):
        """See `Function.attribute`."""
        values, X = np.zeros((len(Z), self._drivers)), self._seen(Z)
        if self._many is None and plain_is_faster(self.trees, len(X), self._background):
            self._plain = self._plain or PlainTrees(self.trees, self._background)
            values[:, self._columns] = self._plain.attributions(X)
        else:
            values[:, self._columns] = attributions_of_trees(self.trees, X, self._background, self._many)
        return values, None

    def _seen(self, Z):
        return np.ascontiguousarray(self._view(Z), np.float32)


class PlacePart:
    """What depends on the place alone: kriged values."""

    how = EXACT

    def __init__(self, krige):
        self._krige = krige

    def prepare(self, background, layout, effort):
        """See `Function.prepare`."""
        self._drivers = len(layout.names)
        self.base = float(self.predict(background).mean())
        return self

    def predict(self, Z):
        """Predictions on the modelling scale, shape (n_rows,)."""
        return np.asarray(self._krige(Z[:, -2:]), float)

    def attribute(self, Z):
        """See `Function.attribute`."""
        values = np.zeros((len(Z), self._drivers))
        values[:, -1] = self.predict(Z) - self.base
        return values, None


class Function:
    """Any other function of the predictors: sampled."""

    how = SAMPLED

    def __init__(self, function):
        self._function = function

    def prepare(self, background, layout, effort):
        """Take what attributions start from.

        Parameters
        ----------
        background : ndarray of float, shape (n_background, n_columns)
        layout : Layout
        effort : Effort

        Returns
        -------
        self
        """
        self._background, self._drivers = background, layout.drivers
        self.base = float(self.predict(background).mean())
        draws = _MAP_DRAWS if effort.draws is None and effort.many else effort.draws
        self._walks = walks(len(background), len(self._drivers), draws, effort.seed)
        return self

    def predict(self, Z):
        """Predictions on the modelling scale, shape (n_rows,)."""
        return np.asarray(self._function(Z), float).reshape(-1)

    def attribute(self, Z):
        """Attributions of rows.

        Parameters
        ----------
        Z : ndarray of float, shape (n_rows, n_columns)
            No NaN.

        Returns
        -------
        values : ndarray of float, shape (n_rows, n_drivers)
        errors : ndarray of the same shape, or None
            Standard errors; None where the values are exact.
        """
        return sampled_attributions(self.predict, Z, self._background, self._drivers, self._walks, self.base)


def parts_of(learner, layout):
    """A fitted learner as a sum.

    Parameters
    ----------
    learner : Learner
        Fitted; not one that reads windows, and without the columns of neighbours, which the layout has already.
    layout : Layout

    Returns
    -------
    list of (str, float, part)
        Name, weight and part; their weighted sum is the prediction on the modelling scale.
    """
    from soilcore.models.auto import AutoModel
    from soilcore.models.baselines import BestIndexModel, MeanModel
    from soilcore.models.kriging_learners import KrigingLearner, RegressionKriging
    from soilcore.models.pipelines import TunedRegressor
    from soilcore.models.stacking import StackingModel

    if isinstance(learner, StackingModel):
        weighted = zip(learner.members_.items(), np.ravel(learner.meta_coef_), strict=True)
        members = [(label, weight * inner, part) for (_, one), weight in weighted for label, inner, part in parts_of(one, layout)]
        return [("constant of the stack", 1.0, Constant(learner.meta_intercept_)), *members]
    if isinstance(learner, TunedRegressor):
        return [(learner.name, 1.0, _tuned(learner))]
    if isinstance(learner, MeanModel):
        return [("mean", 1.0, Constant(learner.transform_.forward(np.array([learner.mean_]))[0]))]
    if isinstance(learner, BestIndexModel):
        weights = np.zeros(layout.columns)
        weights[learner.column_] = learner.slope_
        return [(learner.column_name_, 1.0, LinearPart(np.zeros(layout.columns), weights, learner.intercept_))]
    if isinstance(learner, KrigingLearner):
        return [("kriging", 1.0, PlacePart(learner.krige))]
    if isinstance(learner, RegressionKriging):
        return [*parts_of(learner.base_, layout), ("kriged residuals", 1.0, PlacePart(learner.krige))]
    if isinstance(learner, AutoModel):
        return _auto(learner, layout)
    return [(getattr(learner, "label", type(learner).__name__), 1.0, _whole(learner, layout))]


def _tuned(learner):
    from soilcore.models.compiled import Linear, Networks, Trees, compile_learner

    arithmetic = compile_learner(learner).transformed
    if isinstance(arithmetic, Trees):
        try:
            return TreesPart(learner.pipeline_.steps[-1][1], packed=arithmetic.forest)
        except CannotPack:
            pass
    if isinstance(arithmetic, Linear):
        return LinearPart(arithmetic.centre, arithmetic.weights, arithmetic.constant)
    if isinstance(arithmetic, Networks):
        return (
            PerceptronsPart(arithmetic)
            if PerceptronsPart.fits(arithmetic)
            else Function(lambda Z: arithmetic.exactly(Z[:, : learner.n_features_in_]))
        )
    return Function(lambda Z: learner.predict_transformed(_table(learner, Z)))


def _auto(learner, layout):
    """The forest of `auto` on a table by itself; all its other members together, as they see mixtures of the predictors."""
    plain = not learner.views_.blocks_
    weights = {name: learner.weights_[name] for name in learner.members_}
    forest = next((name for name, member in learner.members_.items() if member.kind == "trees"), None) if plain else None
    parts = [("mean of the target", 1.0, Constant((1.0 - sum(weights.values())) * learner.mean_))]
    if forest is not None:
        views = learner.views_
        seen = TreesPart(learner.members_[forest].forest_, lambda Z: views(Z[:, : layout.columns], _places(Z, layout))["trees"], views.table_columns_)
        parts.append((forest, weights.pop(forest), seen))  # never beyond the range of training, so that its limits change nothing
    if weights:
        parts.append((", ".join(weights), 1.0, Function(lambda Z: _mixture(learner, weights, Z, layout))))
    return parts


def _mixture(learner, weights, Z, layout):
    views = learner.views_(Z[:, : layout.columns], _places(Z, layout))
    return sum(weight * np.clip(learner.members_[name].predict(views), learner.low_, learner.high_) for name, weight in weights.items())


def _whole(learner, layout):
    """The learner as it stands; compiled where there is a compiled form."""
    if learner.uses_coordinates:
        return Function(lambda Z: learner.predict_transformed(_table(learner, Z), coordinates=_places(Z, layout)))
    return Function(lambda Z: learner.predict_transformed(_table(learner, Z)))


def _places(Z, layout):
    return Z[:, layout.columns :] if layout.has_place else None


def _table(learner, Z):
    """Rows as the learner was given them in training."""
    from soilcore.models.kriging_learners import as_table

    return as_table(learner, Z[:, : learner.n_features_in_])
