"""Compiled Shapley values of trees. Importing this module needs numba.

The game: a coalition of features takes its values from the explained row, the others from a background row. A leaf is reached when every
feature on its path lies within its bounds; so of one leaf only those features count that hold in one of the two rows and not in the other.
With a of them held by the explained row alone and r by the background row alone, and the rest by both, the leaf of value v gives each of the
former v (a-1)! r! / (a+r)! and each of the latter -v a! (r-1)! / (a+r)!.
"""

import numpy as np

from soilcore.core.compiling import njit

EXPLAINED, BACKGROUND = 1, 2  # from which row a feature is taken


@njit(nogil=True)
def add_pairs(left, right, feature, threshold, value, roots, depth, X, others, own, other, out):
    """Add the sum over all background rows of every tree's attributions, one pair of rows after the other: best for few rows.

    Parameters
    ----------
    left, right, feature : ndarray of int32, shape (n_nodes,)
        Children, and the column that decides; -1 at a leaf.
    threshold : ndarray of float32, shape (n_nodes,)
        A row goes left where its value is at most this.
    value : ndarray of float64, shape (n_nodes,)
    roots : ndarray of int64, shape (n_trees,)
    depth : int
        Of the deepest tree.
    X, others : ndarray of float32, shape (n_rows, n_columns) and (n_background, n_columns)
        No NaN.
    own, other : ndarray of float64
        From `soilcore.explanation.trees.leaf_weights`.
    out : ndarray of float64, shape (n_rows, n_columns)
        Changed in place.
    """
    taken = np.zeros(X.shape[1], np.int8)
    trail = np.empty(depth + 1, np.int32)
    later_node, later_trail, later_feature = np.empty(depth + 1, np.int32), np.empty(depth + 1, np.int32), np.empty(depth + 1, np.int32)
    for row in range(X.shape[0]):
        for tree in range(roots.size):
            for b in range(others.shape[0]):
                node, waiting, length, a, r = np.int32(roots[tree]), 0, 0, 0, 0
                while True:
                    f = feature[node]
                    if f >= 0:
                        mine, theirs = X[row, f] <= threshold[node], others[b, f] <= threshold[node]
                        if mine == theirs or taken[f] == EXPLAINED:
                            node = left[node] if mine else right[node]
                        elif taken[f] == BACKGROUND:
                            node = left[node] if theirs else right[node]
                        else:
                            later_node[waiting] = left[node] if theirs else right[node]
                            later_trail[waiting], later_feature[waiting] = length, f
                            waiting += 1
                            taken[f] = EXPLAINED
                            trail[length] = f
                            length += 1
                            a += 1
                            node = left[node] if mine else right[node]
                        continue
                    if length:
                        gain, loss = value[node] * own[a, r], value[node] * other[a, r]
                        for place in range(length):
                            if taken[trail[place]] == EXPLAINED:
                                out[row, trail[place]] += gain
                            else:
                                out[row, trail[place]] -= loss
                    if not waiting:
                        for place in range(length):
                            taken[trail[place]] = 0
                        break
                    waiting -= 1
                    while length > later_trail[waiting]:
                        length -= 1
                        if taken[trail[length]] == EXPLAINED:
                            a -= 1
                        else:
                            r -= 1
                        taken[trail[length]] = 0
                    f = later_feature[waiting]
                    taken[f] = BACKGROUND
                    trail[length] = f
                    length += 1
                    r += 1
                    node = later_node[waiting]
