"""The compiled walk through packed trees. Importing this module needs numba; `soilcore.models.forest` answers when it is missing.

Twelve rows go down a tree at once, each held in a variable of its own: their loads do not wait for each other. Written out, because a
loop over lanes would put them into memory and lose the gain (2x here). A leaf points at itself with a threshold of +infinity, so a row
that has arrived stays there while the others walk on.
"""

import numpy as np

from soilcore.core.compiling import njit

_CHILD = np.uint32(0xFFFFFF)
_FEATURE_SHIFT = np.uint32(24)


@njit(nogil=True)
def _down(thresholds, links, X, row, node):
    """The child that a row goes to: right if its value is above the threshold."""
    link = links[2 * node + 1]
    return np.uint64(link & _CHILD) + np.uint64(X[row, link >> _FEATURE_SHIFT] > thresholds[2 * node])


@njit(nogil=True)
def add_trees(nodes, links, starts, values, X, total):
    """Add every tree's prediction to `total`.

    Parameters
    ----------
    nodes : ndarray of float32, shape (2 * n_nodes,)
        Threshold of each node, then its link, in turn; read as float32.
    links : ndarray of uint32, shape (2 * n_nodes,)
        The same memory read as integers: feature in the upper 8 bits, left child within the tree in the lower 24.
    starts : ndarray of int64, shape (n_trees + 1,)
        First node of each tree.
    values : ndarray of float64, shape (n_nodes,)
        Prediction at each leaf.
    X : ndarray of float32, shape (n_rows, n_features)
        C order, no NaN.
    total : ndarray of float64, shape (n_rows,)
        Changed in place.
    """
    lanes = np.uint64(12)
    rows = np.uint64(X.shape[0])
    whole = rows - rows % lanes
    for tree in range(starts.size - 1):
        start, end = starts[tree], starts[tree + 1]
        t, k, v = nodes[2 * start : 2 * end], links[2 * start : 2 * end], values[start:end]
        r = np.uint64(0)
        while r < whole:
            _add_twelve(t, k, v, X, r, total)
            r += lanes
        while r < rows:
            _add_one(t, k, v, X, r, total)
            r += np.uint64(1)


@njit(nogil=True)
def _add_one(t, k, v, X, r, total):
    node = np.uint64(0)
    below = _down(t, k, X, r, node)
    while below != node:
        node = below
        below = _down(t, k, X, r, node)
    total[r] += v[node]


@njit(nogil=True)
def _add_twelve(t, k, v, X, r, total):
    r0, r1, r2, r3, r4, r5 = r, r + np.uint64(1), r + np.uint64(2), r + np.uint64(3), r + np.uint64(4), r + np.uint64(5)
    r6, r7, r8, r9, r10, r11 = r + np.uint64(6), r + np.uint64(7), r + np.uint64(8), r + np.uint64(9), r + np.uint64(10), r + np.uint64(11)
    n0 = n1 = n2 = n3 = n4 = n5 = n6 = n7 = n8 = n9 = n10 = n11 = np.uint64(0)
    walking = True
    while walking:
        # fmt: off
        m0, m1, m2 = _down(t, k, X, r0, n0), _down(t, k, X, r1, n1), _down(t, k, X, r2, n2)
        m3, m4, m5 = _down(t, k, X, r3, n3), _down(t, k, X, r4, n4), _down(t, k, X, r5, n5)
        m6, m7, m8 = _down(t, k, X, r6, n6), _down(t, k, X, r7, n7), _down(t, k, X, r8, n8)
        m9, m10, m11 = _down(t, k, X, r9, n9), _down(t, k, X, r10, n10), _down(t, k, X, r11, n11)
        n0, n1, n2 = _down(t, k, X, r0, m0), _down(t, k, X, r1, m1), _down(t, k, X, r2, m2)
        n3, n4, n5 = _down(t, k, X, r3, m3), _down(t, k, X, r4, m4), _down(t, k, X, r5, m5)
        n6, n7, n8 = _down(t, k, X, r6, m6), _down(t, k, X, r7, m7), _down(t, k, X, r8, m8)
        n9, n10, n11 = _down(t, k, X, r9, m9), _down(t, k, X, r10, m10), _down(t, k, X, r11, m11)
        # two steps between the tests whether all have arrived; only a leaf gives itself
        walking = (
            ((m0 ^ n0) | (m1 ^ n1) | (m2 ^ n2) | (m3 ^ n3) | (m4 ^ n4) | (m5 ^ n5)
             | (m6 ^ n6) | (m7 ^ n7) | (m8 ^ n8) | (m9 ^ n9) | (m10 ^ n10) | (m11 ^ n11)) != np.uint64(0)
        )
        # fmt: on
    total[r0] += v[n0]
    total[r1] += v[n1]
    total[r2] += v[n2]
    total[r3] += v[n3]
    total[r4] += v[n4]
    total[r5] += v[n5]
    total[r6] += v[n6]
    total[r7] += v[n7]
    total[r8] += v[n8]
    total[r9] += v[n9]
    total[r10] += v[n10]
    total[r11] += v[n11]
