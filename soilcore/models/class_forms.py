"""Fitted classifiers as plain arrays: what they need to give probabilities, no library object among it.

Every form predicts the same to the last bit before and after it was stored, and whatever the rows beside a row: matrix products run in
blocks of one fixed size.
"""

from dataclasses import dataclass, fields

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.models.class_trees import ClassTrees

BLOCK_ROWS = 1024
_NEIGHBOUR_ROWS = 4096


@dataclass(frozen=True)
class LinearClasses:
    """Logistic regression on standardised columns.

    Parameters
    ----------
    centre, spread : ndarray of float, shape (n_features,)
    weights : ndarray of float, shape (n_features, n_scores)
        One score for two classes, else one per class.
    constants : ndarray of float, shape (n_scores,)
    """

    centre: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    constants: np.ndarray

    @property
    def n_classes(self):
        """Number of classes."""
        return max(2, self.constants.size)

    def probabilities(self, X):
        """Shape (n_rows, n_classes)."""
        scores = in_blocks(lambda block: (block - self.centre) / self.spread @ self.weights + self.constants, X, self.constants.size)
        return from_scores(scores)


@dataclass(frozen=True)
class NeighbourClasses:
    """Shares of the classes among the nearest training samples.

    Parameters
    ----------
    centre, spread : ndarray of float, shape (n_features,)
    points : ndarray of float, shape (n_samples, n_features)
        Training samples, standardised.
    labels : ndarray of int, shape (n_samples,)
    count : ndarray of int, shape ()
        Number of neighbours.
    classes : ndarray of int, shape ()
        Number of classes.
    """

    centre: np.ndarray
    spread: np.ndarray
    points: np.ndarray
    labels: np.ndarray
    count: np.ndarray
    classes: np.ndarray

    @property
    def n_classes(self):
        """Number of classes."""
        return int(self.classes)

    def probabilities(self, X):
        """Shape (n_rows, n_classes)."""
        from sklearn.neighbors import NearestNeighbors

        finder = NearestNeighbors(n_neighbors=int(self.count), algorithm="brute").fit(self.points)

        def shares(block):
            near = self.labels[finder.kneighbors((block - self.centre) / self.spread, return_distance=False)]
            return np.stack([(near == label).mean(axis=1) for label in range(self.n_classes)], axis=1)

        return in_blocks(shares, X, self.n_classes, _NEIGHBOUR_ROWS)


@dataclass(frozen=True)
class KernelClasses:
    """Support vector machines with a radial kernel, one for two classes, else one per class against the rest.

    Parameters
    ----------
    centre, spread : ndarray of float, shape (n_features,)
    vectors : ndarray of float, shape (n_vectors, n_features)
        Support vectors of all machines, standardised.
    weights : ndarray of float, shape (n_vectors, n_machines)
        0 where a vector belongs to another machine.
    constants : ndarray of float, shape (n_machines,)
    gamma : ndarray of float, shape ()
    """

    centre: np.ndarray
    spread: np.ndarray
    vectors: np.ndarray
    weights: np.ndarray
    constants: np.ndarray
    gamma: np.ndarray

    @property
    def n_classes(self):
        """Number of classes."""
        return max(2, self.constants.size)

    def probabilities(self, X):
        """Logistic of the margins, which only calibration makes probabilities; shape (n_rows, n_classes)."""
        lengths = (self.vectors**2).sum(axis=1)

        def margins(block):
            block = (block - self.centre) / self.spread
            squares = (block**2).sum(axis=1)[:, None] + lengths - 2 * block @ self.vectors.T
            return np.exp(-float(self.gamma) * np.maximum(squares, 0)) @ self.weights + self.constants

        scores = in_blocks(margins, X, self.constants.size)
        if self.constants.size == 1:
            return from_scores(scores)
        shares = _logistic(scores)
        return shares / shares.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class NetworkClasses:
    """A multilayer perceptron with one hidden layer of rectified units.

    Parameters
    ----------
    centre, spread : ndarray of float, shape (n_features,)
    first, last : ndarray of float, shapes (n_features, n_units) and (n_units, n_scores)
    first_constants, last_constants : ndarray of float, shapes (n_units,) and (n_scores,)
    """

    centre: np.ndarray
    spread: np.ndarray
    first: np.ndarray
    first_constants: np.ndarray
    last: np.ndarray
    last_constants: np.ndarray

    @property
    def n_classes(self):
        """Number of classes."""
        return max(2, self.last_constants.size)

    def probabilities(self, X):
        """Shape (n_rows, n_classes)."""

        def scores(block):
            hidden = np.maximum((block - self.centre) / self.spread @ self.first + self.first_constants, 0)
            return hidden @ self.last + self.last_constants

        return from_scores(in_blocks(scores, X, self.last_constants.size))


@dataclass(frozen=True)
class OneClass:
    """What remains when the training samples of an inner fold hold a single class.

    Parameters
    ----------
    label, classes : ndarray of int, shape ()
    """

    label: np.ndarray
    classes: np.ndarray

    @property
    def n_classes(self):
        """Number of classes."""
        return int(self.classes)

    def probabilities(self, X):
        """1 for the class seen; shape (n_rows, n_classes)."""
        return np.eye(self.n_classes)[np.full(len(X), int(self.label))]


FORMS = {
    "linear": LinearClasses,
    "neighbours": NeighbourClasses,
    "kernel": KernelClasses,
    "trees": ClassTrees,
    "network": NetworkClasses,
    "one-class": OneClass,
}


def form_name(classifier):
    """Name of a classifier's form in `FORMS`."""
    return next(name for name, form in FORMS.items() if type(classifier) is form)


def form_arrays(classifier):
    """The arrays a classifier is made of, by name."""
    return {field.name: np.asarray(getattr(classifier, field.name)) for field in fields(classifier)}


def rebuilt_form(name, arrays):
    """A classifier from its form's name and its arrays.

    Raises
    ------
    ModelError
        If the form is unknown or the arrays are not its own.
    """
    if name not in FORMS:
        raise ModelError(f"The model holds a classifier of a form {name!r} this version does not know. Forms: {', '.join(FORMS)}.")
    wanted = {field.name for field in fields(FORMS[name])}
    if set(arrays) != wanted:
        raise ModelError(f"A classifier of the form {name!r} needs the arrays {', '.join(sorted(wanted))}; found {', '.join(sorted(arrays))}.")
    return FORMS[name](**arrays)


def in_blocks(function, X, width, rows=BLOCK_ROWS):
    """Apply `function` to blocks of exactly `rows` rows, the last filled up with copies of its last row; shape (n_rows, width)."""
    result = np.empty((len(X), width))
    for start in range(0, len(X), rows):
        block = np.asarray(X[start : start + rows], float)
        count = len(block)
        if count < rows:
            block = np.concatenate([block, np.broadcast_to(block[-1:], (rows - count, block.shape[1]))])
        result[start : start + count] = function(block)[:count]
    return result


def from_scores(scores):
    """Probabilities from one column of log odds of the upper class, or from one score per class."""
    if scores.shape[1] == 1:
        upper = _logistic(scores[:, 0])
        return np.column_stack([1 - upper, upper])
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def _logistic(values):
    from scipy.special import expit

    return expit(values)
