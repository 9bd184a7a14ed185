"""Exact Shapley values of trees for few rows in NumPy: the first answer of a process does not wait for a compiler.

The game is that of `soilcore.explanation.trees_kernel`. A node is reached by the mixtures of the row with some of the background rows: with those that
lie within the bounds of every feature of the way in which the row itself does not. This set is a few words of bits, so all background rows go down all
trees together, one level at a time, and where the set is empty nobody goes on.
"""

import numpy as np

from soilcore.core.compiling import is_compiled
from soilcore.explanation.trees import leaf_weights

_MOST_BACKGROUND = 256  # rows: tables grow with their square
_MOST_NODES = 1_000_000  # times rows: as long as it takes to compile a kernel
_WORD = 64
_NODES_AT_ONCE = 20_000  # of the trees that go down together
_NOBODY = -1  # in the place of a feature


def plain_is_faster(trees, rows, background):
    """Whether `PlainTrees` is done with so many rows before a kernel is compiled, which none is yet."""
    if len(background) > _MOST_BACKGROUND or rows * len(trees.left) > _MOST_NODES:
        return False
    kernels = (("trees_kernel", "add_pairs"), ("trees_patterns", "add_patterns"))
    return not any(is_compiled(f"soilcore.explanation.{module}", kernel) for module, kernel in kernels)


class PlainTrees:
    """Trees made ready for few rows against one background.

    Parameters
    ----------
    trees : soilcore.explanation.trees.FlatTrees
    background : ndarray of float32, shape (n_background, n_columns)
        At most 256 rows, no NaN.
    """

    def __init__(self, trees, background):
        self._trees, (self._count, self._columns) = trees, background.shape
        self._words = 1 << (-(-self._count // _WORD) - 1).bit_length()
        self._shift = (self._words * _WORD).bit_length() - 1
        self._everyone = _packed(np.ones((1, self._count), bool), self._words)
        self._sets, self._goes_left = self._ranked(background)
        self._own, self._other = leaf_weights(min(trees.depth, self._columns))
        sizes = np.diff(np.append(trees.roots, len(trees.left)))
        self._parts = np.split(trees.roots, np.flatnonzero(np.diff(np.cumsum(sizes) // _NODES_AT_ONCE)) + 1)

    def attributions(self, X):
        """Shapley values of every row, mean over the background.

        Parameters
        ----------
        X : ndarray of float32, shape (n_rows, n_columns)
            No NaN.

        Returns
        -------
        ndarray of float, shape (n_rows, n_columns)
            Those of `soilcore.explanation.trees.attributions_of_trees`, but for rounding in float64.
        """
        found = np.zeros(X.shape)
        for x, row in zip(X, found, strict=True):
            for roots in self._parts:
                self._descend(x, roots, row)
        return found / self._count

    def _ranked(self, background):
        """Sets of the background rows that lie lowest in a column, for every column and number of rows; and which of them goes left at each node."""
        trees, count = self._trees, self._count
        sets, goes_left = [], np.zeros(len(trees.feature), np.int64)
        order = np.argsort(trees.feature, kind="stable")
        asked, starts = np.unique(trees.feature[order], return_index=True)
        for feature, nodes in zip(asked, np.split(order, starts[1:]), strict=True):
            if feature < 0:
                continue
            rank = np.empty(count, np.int64)
            rank[np.argsort(background[:, feature], kind="stable")] = np.arange(count)
            lowest = np.searchsorted(np.sort(background[:, feature]), trees.threshold[nodes], side="right")
            goes_left[nodes] = lowest + len(sets) * (count + 1)
            sets.append(_packed(rank < np.arange(count + 1)[:, None], self._words))
        return (np.concatenate(sets) if sets else self._everyone), goes_left

    def _descend(self, x, roots, found):
        """Add what the trees give to the row's features, sum over the background."""
        trees, node = self._trees, roots
        reached = np.repeat(self._everyone, len(node), axis=0)
        way = np.zeros((len(node), 1), np.int32)  # steps to each node, as places in the following; the first of these is none
        steps = (
            np.array([_NOBODY], np.int32),
            np.array([True]),
            self._everyone,
        )  # feature; whether the row lies within its bounds; background rows that do
        while True:
            leaf = trees.feature[node] < 0
            if leaf.any():
                self._add_leaves(trees.value[node[leaf]], reached[leaf], way[leaf], steps, found)
                node, reached, way = node[~leaf], reached[~leaf], way[~leaf]
            if not node.size:
                return
            feature, rows = trees.feature[node], np.arange(len(node))
            again = steps[0][way] == feature[:, None]
            before = way[rows, again.argmax(axis=1)]
            before[~again.any(axis=1)] = 0
            way[again] = 0  # the bounds of this step are within those of that one
            known, held = steps[2][before], steps[1][before]
            left, to_left = self._sets[self._goes_left[node]], x[feature] <= trees.threshold[node]
            sides, inside = np.concatenate([known & left, known & ~left]), np.concatenate([held & to_left, held & ~to_left])
            reached = np.where(inside[:, None], np.concatenate([reached, reached]), np.concatenate([reached, reached]) & sides)
            kept = np.flatnonzero(reached.any(axis=1))
            parent, count = np.where(kept < len(node), kept, kept - len(node)), len(steps[0])
            steps = tuple(np.concatenate(both) for both in zip(steps, (feature[parent], inside[kept], sides[kept]), strict=True))
            node, reached = np.concatenate([trees.left[node], trees.right[node]])[kept], reached[kept]
            way = np.column_stack([way[parent], np.arange(count, count + len(kept), dtype=np.int32)])

    def _add_leaves(self, value, reached, way, steps, found):
        """Add what some leaves give; r features of a leaf are held by the background rows alone, a by the row alone, which differs among these."""
        shift, columns, (feature, mine, inside) = self._shift, self._columns, steps
        lost = ~mine[way]
        r = lost.sum(axis=1)
        leaf, step = np.nonzero((way > 0) & ~lost)
        step = way[leaf, step]
        gained = reached[leaf] & ~inside[step]
        some = gained.any(axis=1)
        leaf, step = leaf[some], step[some]
        members, pairs = _members(gained[some]), _members(reached)
        entry = members >> shift
        at = (leaf << shift)[entry] + (members & ((1 << shift) - 1))  # which pair of leaf and background row
        a = np.bincount(at, minlength=len(value) << shift)
        of = pairs >> shift
        case = a[pairs] * len(self._own) + r[of]
        weight = np.empty(a.size)
        weight[pairs] = self._own.take(case)
        brought = np.bincount(entry, weight[at], minlength=len(leaf)) * value[leaf]
        found += np.bincount(feature[step], brought, minlength=columns)
        taken = np.bincount(of, self._other.take(case), minlength=len(value)) * value
        leaf, step = np.nonzero(lost)
        found -= np.bincount(feature[way[leaf, step]], taken[leaf], minlength=columns)


def _packed(sets, words):
    """Rows of booleans as words of bits, shape (n_sets, words)."""
    padded = np.zeros((len(sets), words * _WORD), bool)
    padded[:, : sets.shape[1]] = sets
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)


def _members(sets):
    """Place of every member of every set among the bits of all."""
    octets = np.ascontiguousarray(sets).view(np.uint8).ravel()
    some = np.flatnonzero(octets != 0)  # most are empty
    bits = np.flatnonzero(np.unpackbits(octets[some], bitorder="little").view(bool))
    return (some << 3)[bits >> 3] + (bits & 7)
