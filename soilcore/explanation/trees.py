"""Exact Shapley values of trees against a set of background rows (the interventional game)."""

from dataclasses import dataclass

import numpy as np

from soilcore.models.forest import trees_of


@dataclass(frozen=True)
class FlatTrees:
    """Trees as one list of nodes.

    Parameters
    ----------
    left, right, feature : ndarray of int32, shape (n_nodes,)
        Children by their place in the list, and the column that decides; -1 at a leaf.
    threshold : ndarray of float32, shape (n_nodes,)
        A row goes left where its value is at most this.
    value : ndarray of float64, shape (n_nodes,)
        Of leaves, already divided by the number of trees where these are averaged.
    roots : ndarray of int64, shape (n_trees,)
    depth : int
        Most decisions on a way from a root to a leaf.
    base : float
        Added to the sum of the trees.
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    value: np.ndarray
    roots: np.ndarray
    depth: int
    base: float

    @classmethod
    def of(cls, estimator):
        """Trees of a fitted scikit-learn forest or XGBoost regressor.

        Raises
        ------
        CannotPack
            If they hold what these arrays cannot.
        """
        trees, divisor, base = trees_of(estimator)
        starts = np.cumsum([0, *(len(tree[0]) for tree in trees)])
        columns = [[], [], [], [], []]
        for start, (left, right, feature, threshold, value) in zip(starts[:-1], trees, strict=True):
            leaf = np.asarray(left) < 0
            parts = (np.where(leaf, -1, left + start), np.where(leaf, -1, right + start), np.where(leaf, -1, feature), threshold, value / divisor)
            for column, part in zip(columns, parts, strict=True):
                column.append(part)
        kinds = (np.int32, np.int32, np.int32, np.float32, np.float64)
        flat = [np.concatenate(column).astype(kind) for column, kind in zip(columns, kinds, strict=True)]
        return cls(*flat, starts[:-1].astype(np.int64), _depth(flat[0], flat[1], starts[:-1]), float(base))


def attributions_of_trees(trees, X, background):
    """Shapley values of every row, mean over the background.

    Parameters
    ----------
    trees : FlatTrees
    X : ndarray of float32, shape (n_rows, n_columns)
        No NaN.
    background : ndarray of float32, shape (n_background, n_columns)

    Returns
    -------
    ndarray of float, shape (n_rows, n_columns)
        They add up to the prediction less the mean prediction of the background, but for rounding in float64.
    """
    from soilcore.explanation.trees_kernel import add_pairs, leaf_weights

    X, background = np.ascontiguousarray(X, np.float32), np.ascontiguousarray(background, np.float32)
    out = np.zeros(X.shape)
    own, other = leaf_weights(min(trees.depth, X.shape[1]))
    given = (trees.left, trees.right, trees.feature, trees.threshold, trees.value, trees.roots, trees.depth)
    add_pairs(*given, X, background, own, other, out)
    return out / len(background)


def _depth(left, right, roots):
    """Decisions on the longest way down."""
    level, depth = np.asarray(roots), 0
    while True:
        level = level[left[level] >= 0]
        if not level.size:
            return depth
        level, depth = np.concatenate([left[level], right[level]]), depth + 1
