"""Exact Shapley values of trees against a set of background rows (the interventional game)."""

from dataclasses import dataclass
from math import lgamma

import numpy as np

from soilcore.models.forest import trees_of

_MOST_BACKGROUND = 4000  # rows that the table of patterns holds
_MOST_COLUMNS = 32  # on a way to a leaf: bits of a pattern
_PER_NODE, _PER_NODE_AND_ROW, _PER_PAIR = 1.4, 0.002, 0.85


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
    inner : ndarray of int32, shape (n_nodes,)
        Decisions in the subtree under each node.
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    value: np.ndarray
    roots: np.ndarray
    depth: int
    base: float
    inner: np.ndarray

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
        depth, inner = _inside(flat[0], flat[1], starts[:-1])
        return cls(*flat, starts[:-1].astype(np.int64), depth, float(base), inner)


def attributions_of_trees(trees, X, background, many=None):
    """Shapley values of every row, mean over the background.

    Parameters
    ----------
    trees : FlatTrees
    X : ndarray of float32, shape (n_rows, n_columns)
        No NaN.
    background : ndarray of float32, shape (n_background, n_columns)
    many : bool, optional
        Whether rows go through the parts of the trees pattern by pattern (see `soilcore.explanation.trees_patterns`) or pair by pair with those of the
        background; what is faster for as many if not given. The two differ by rounding in float64; True gives a row the same to the last bit
        whatever the rows beside it.

    Returns
    -------
    ndarray of float, shape (n_rows, n_columns)
        They add up to the prediction less the mean prediction of the background, but for rounding in float64.
    """
    from soilcore.explanation.trees_kernel import add_pairs

    X, background = np.ascontiguousarray(X, np.float32), np.ascontiguousarray(background, np.float32)
    weights = leaf_weights(min(trees.depth, X.shape[1]))
    arrays = trees.left, trees.right, trees.feature, trees.threshold, trees.value, trees.roots
    if _by_patterns(trees, len(X), background, many):
        from soilcore.explanation.trees_patterns import add_patterns

        found = np.zeros(X.shape[::-1])
        add_patterns((*arrays, trees.inner), trees.depth, np.ascontiguousarray(X.T), np.ascontiguousarray(background.T), weights, found)
        return found.T
    found = np.zeros(X.shape)
    add_pairs(*arrays, trees.depth, X, background, *weights, found)
    return found / len(background)


def leaf_weights(depth):
    """Weights of a leaf by how many features a, r are held by one row alone; both arrays of shape (depth + 1, depth + 1).

    Returns
    -------
    own, other : ndarray of float
        (a-1)! r! / (a+r)! and a! (r-1)! / (a+r)!; 0 where a or r is 0.
    """
    own = np.zeros((depth + 1, depth + 1))
    for a in range(1, depth + 1):
        for r in range(depth + 1):
            own[a, r] = np.exp(lgamma(a) + lgamma(r + 1) - lgamma(a + r + 1))
    return own, np.ascontiguousarray(own.T)


def _by_patterns(trees, rows, background, many):
    """Whether patterns are possible and wanted, or cost less; the times are of one core, in microseconds."""
    if len(background) > _MOST_BACKGROUND or min(trees.depth, background.shape[1]) > _MOST_COLUMNS:
        return False
    if many is not None:
        return many
    by_patterns = len(trees.left) * (_PER_NODE + rows * _PER_NODE_AND_ROW)
    return by_patterns < rows * len(background) * len(trees.roots) * _PER_PAIR


def _inside(left, right, roots):
    """Decisions on the longest way down, and in the subtree under each node."""
    inner, levels, level = np.zeros(len(left), np.int32), [], np.asarray(roots)
    while (level := level[left[level] >= 0]).size:
        levels.append(level)
        level = np.concatenate([left[level], right[level]])
    for level in levels[::-1]:
        inner[level] = 1 + inner[left[level]] + inner[right[level]]
    return len(levels), inner
