"""Quantiles of a random forest: the distribution of the training samples that share leaves with a place.

References
----------
Meinshausen (2006), Journal of Machine Learning Research 7, 983-999. Every training sample counts in every tree, drawn into its bootstrap or not.
"""

import numpy as np

from soilcore.core.errors import ModelError

LEAF = 5  # samples a leaf needs: smaller leaves make quantiles noisy
TREES = 300
MOST_BINS = 1024  # of the target; with more distinct values neighbours are taken together
_VALUES = 4_000_000  # held at a time


class QuantileForest:
    """Weighted distribution of the target at new places.

    Parameters
    ----------
    learner : TunedRegressor
        A fitted random forest.
    leaves : ndarray of int, shape (n_samples, n_trees)
        Leaf of each training sample in each tree.
    z : ndarray of float, shape (n_samples,)
        Target of the training samples, modelling scale.
    """

    def __init__(self, learner, leaves, z):
        from scipy import sparse

        self.learner, self.leaves, self.z = learner, np.asarray(leaves, np.int32), np.asarray(z, float)
        if self.leaves.shape != (self.z.size, len(self._forest.estimators_)):
            raise ModelError(f"The leaves {self.leaves.shape} do not belong to {self.z.size} samples and {len(self._forest.estimators_)} trees.")
        self.support, column = _bins(self.z)
        self._offsets = np.concatenate([[0], np.cumsum([tree.tree_.node_count for tree in self._forest.estimators_])])
        trees = self.leaves.shape[1]
        row = (self.leaves + self._offsets[:-1]).ravel()
        size = np.bincount(row, minlength=self._offsets[-1])
        cells = 1.0 / (size[row] * trees), (row, np.repeat(column, trees))
        self._table = sparse.csr_matrix(cells, shape=(self._offsets[-1], self.support.size))

    @classmethod
    def fitted(cls, X, z, seed=0, jobs=1, trees=TREES):
        """Fit a forest for quantiles.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_samples, n_features)
        z : ndarray of float, shape (n_samples,)
            Modelling scale.
        seed, jobs, trees : int

        Returns
        -------
        QuantileForest
        """
        from soilcore.models.pipelines import TunedRegressor

        parameters = {"min_samples_leaf": LEAF, "n_estimators": trees}
        learner = TunedRegressor("rf", trials=0, random_state=seed, jobs=jobs, parameters=parameters).fit(X, z)
        return cls(learner, _apply(learner, X), z)

    @property
    def _forest(self):
        return self.learner.pipeline_.steps[-1][1]

    def cumulated(self, X):
        """Blocks of rows with the cumulated weights of `support`, shape (n_rows, n_bins); the last column is 1."""
        from scipy import sparse

        trees = self.leaves.shape[1]
        step = max(1, _VALUES // max(self.support.size, trees))
        for start in range(0, np.shape(X)[0], step):
            rows = slice(start, start + step)
            nodes = _apply(self.learner, X.iloc[rows] if hasattr(X, "iloc") else X[rows]) + self._offsets[:-1]
            starts = np.arange(0, nodes.size + 1, trees)
            visited = sparse.csr_matrix((np.ones(nodes.size), nodes.ravel(), starts), shape=(len(nodes), self._offsets[-1]))
            yield rows, np.cumsum((visited @ self._table).toarray(), axis=1)

    def quantiles(self, X, probabilities):
        """Smallest value of the training target up to which the weights reach each probability.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n, n_features)
        probabilities : sequence of float

        Returns
        -------
        ndarray of float, shape (n, n_probabilities)
        """
        found = np.empty((np.shape(X)[0], len(probabilities)))
        for rows, carried in self.cumulated(X):
            for column, probability in enumerate(probabilities):
                position = (carried < probability - 1e-9).sum(axis=1)
                found[rows, column] = self.support[np.minimum(position, self.support.size - 1)]
        return found

    def above(self, X, value):
        """Weight of the training samples above a value (float, or one per row), shape (n,)."""
        n = np.shape(X)[0]
        value, found = np.broadcast_to(np.asarray(value, float), (n,)), np.empty(n)
        for rows, carried in self.cumulated(X):
            position = np.searchsorted(self.support, value[rows], side="right")
            below = np.concatenate([np.zeros((len(carried), 1)), carried], axis=1)
            found[rows] = 1.0 - np.take_along_axis(below, position[:, None], 1)[:, 0]
        return np.clip(found, 0.0, 1.0)


def _apply(learner, X):
    """Leaf of each row in each tree."""
    from soilcore.models.inputs import checked_new

    return learner.pipeline_.steps[-1][1].apply(X if isinstance(X, np.ndarray) and X.dtype == np.float32 else checked_new(learner, X))


def _bins(z):
    """Ascending values of the distribution, and the one each sample belongs to; above 1024 the mean of bins of equal number."""
    values, number = np.unique(z, return_inverse=True)
    if values.size <= MOST_BINS:
        return values, number
    rank = np.argsort(np.argsort(z, kind="stable"), kind="stable")
    number = rank * MOST_BINS // z.size
    return np.bincount(number, z) / np.bincount(number), number
