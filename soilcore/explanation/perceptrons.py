"""Sampled Shapley values of small networks, by walks that compute only what a step changes."""

import numpy as np

from soilcore.core.compiling import is_compiled
from soilcore.explanation.sampled import first_walks, sampled_attributions, settled, walks
from soilcore.explanation.trees_plain import FEW

SAMPLED = "sampled"
_MOST_LAYERS = 2  # hidden
_MOST_PRODUCTS = 10_000_000_000  # of weights: as long as it takes to compile the kernel


class PerceptronsPart:
    """The mean of multilayer perceptrons with one or two hidden layers of the same widths.

    Parameters
    ----------
    networks : soilcore.models.compiled.Networks
    """

    how = SAMPLED

    def __init__(self, networks):
        self._networks = networks
        self._columns = networks.first[0].shape[0]

    @staticmethod
    def fits(networks):
        """Whether networks have the form that walks know."""
        depths = {len(layers) for layers in networks.later}
        shapes = {tuple(np.shape(weights) for weights, _ in layers) for layers in networks.later}
        return depths <= set(range(1, _MOST_LAYERS + 1)) and len(shapes) == 1 and len(set(networks.widths)) == 1

    def prepare(self, background, layout, effort):
        """See `soilcore.explanation.members.Function.prepare`."""
        rows, ranks = walks(len(background), self._columns, effort.draws, effort.seed)
        self._start, self._drivers = np.ascontiguousarray(background[rows][:, : self._columns]), len(layout.names)
        self._walks, self._background, self._many = (rows, ranks), background[:, : self._columns], effort.many
        self._orders, self._count = np.argsort(ranks, axis=1), first_walks(rows)
        self.base = float(self.predict(background).mean())
        self._second = _flat(self._networks)
        self._starts = self.predict(self._start)
        return self

    def predict(self, Z):
        """Predictions on the modelling scale, shape (n_rows,)."""
        return self._networks.exactly(np.asarray(Z, float)[:, : self._columns])

    def attribute(self, Z):
        """See `soilcore.explanation.members.Function.attribute`."""
        X = np.ascontiguousarray(Z[:, : self._columns], float)
        values, errors = np.zeros((len(Z), self._drivers)), np.zeros((len(Z), self._drivers))
        if self._many is None and self._plain_is_faster(len(X)):
            drivers = np.arange(self._columns)[:, None]
            found = sampled_attributions(self.predict, X, self._background, drivers, self._walks, self.base)
            values[:, : self._columns], errors[:, : self._columns] = found
            return values, errors
        from soilcore.explanation.perceptrons_kernel import ACTIVATIONS, walk

        found, spread = np.empty(X.shape), np.empty(X.shape)
        weights, constants = self._networks.first
        entering = ((self._start - self._networks.centre) @ weights + constants).astype(np.float32)
        first = np.ascontiguousarray(weights, np.float32)
        activation = ACTIVATIONS[self._networks.activation]
        walk(X, self._start, self._orders, self._count, entering, self._starts, first, self._second, activation, found, spread)
        values[:, : self._columns], errors[:, : self._columns] = settled(found, spread, self.predict(Z) - self.base), spread
        return values, errors

    def _plain_is_faster(self, rows):
        """Whether walks that compute every step anew are done before the kernel is compiled, which it is not yet."""
        if rows > FEW or is_compiled("soilcore.explanation.perceptrons_kernel", "walk"):
            return False
        weights = self._networks.first[0].size + sum(matrix.size for layers in self._networks.later for matrix, _ in layers)
        return rows * 2 * len(self._start) * self._columns * weights <= _MOST_PRODUCTS


def _flat(networks):
    """Layers behind the first as arrays: see `soilcore.explanation.perceptrons_kernel.walk`."""
    members, width = len(networks.later), networks.widths[0]
    last = np.stack([layers[-1][0][:, 0] for layers in networks.later]).astype(np.float32) / np.float32(members)
    constant = float(sum(np.ravel(layers[-1][1])[0] for layers in networks.later)) / members
    if len(networks.later[0]) == 1:
        return np.empty((members, 0, width), np.float32), np.empty((members, 0), np.float32), last, constant
    weights = np.stack([layers[0][0].T for layers in networks.later]).astype(np.float32)
    return np.ascontiguousarray(weights), np.stack([layers[0][1] for layers in networks.later]).astype(np.float32), last, constant
