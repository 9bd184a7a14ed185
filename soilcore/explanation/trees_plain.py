"""Exact Shapley values of trees for few rows in NumPy: the first answer of a process does not wait for a compiler.

The game is that of `soilcore.explanation.trees_kernel`. A node is reached by the mixtures of the row with some of the background rows: with those that
lie within the bounds of every feature of the way in which the row itself does not. This set is a few words of bits, so all background rows go down all
trees together, one level at a time, and where the set is empty nobody goes on.
"""

import numpy as np

from soilcore.core.compiling import is_compiled
from soilcore.explanation.trees import leaf_weights

_MOST_BACKGROUND = 256  # rows: tables grow with their square
_MOST_NODES = 1_000_000  # times rows, which NumPy is done with in a second
FEW = 16  # rows; with more there are likely more to come, and a kernel is worth its compiling
_WORD = 64  # bits
_NODES_AT_ONCE = 100_000  # of the trees that go down together
_NOBODY = -1  # in the place of a feature


def plain_is_faster(trees, rows, background):
    """Whether `PlainTrees` is done with so many rows before a kernel is compiled, which none is yet."""
    if rows > FEW or len(background) > _MOST_BACKGROUND or rows * len(trees.left) > _MOST_NODES:
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
        self._everyone = _packed(np.ones((1, self._count), bool))
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
        sets, goes_left = [self._everyone], np.zeros(len(trees.feature), np.intp)
        order = np.argsort(trees.feature, kind="stable")
        asked, starts = np.unique(trees.feature[order], return_index=True)
        for feature, nodes in zip(asked, np.split(order, starts[1:]), strict=True):
            if feature < 0:
                continue
            rank = np.empty(count, np.intp)
            rank[np.argsort(background[:, feature], kind="stable")] = np.arange(count)
            lowest = np.searchsorted(np.sort(background[:, feature]), trees.threshold[nodes], side="right")
            goes_left[nodes] = lowest + 1 + (len(sets) - 1) * (count + 1)
            sets.append(_packed(rank < np.arange(count + 1)[:, None]))
        return np.concatenate(sets, axis=1), goes_left

    def _descend(self, x, roots, found):
        """Add what the trees give to the row's features, sum over the background."""
        trees, node = self._trees, roots
        reached = np.repeat(self._everyone, len(node), axis=1)
        way = np.zeros((len(node), 1), np.int32)  # steps to each node, as places in the following; the first of these is none
        # of each step: its feature, whether the row lies within the bounds of that, and which background rows do
        steps = np.array([_NOBODY], np.int32), np.array([True]), self._everyone
        while True:
            is_leaf = trees.feature[node] < 0
            leaves, inner = np.flatnonzero(is_leaf), np.flatnonzero(~is_leaf)
            if leaves.size:
                self._add_leaves(trees.value[node[leaves]], reached.take(leaves, axis=1), way[leaves], steps, found)
                node, reached, way = node[inner], reached.take(inner, axis=1), way[inner]
            if not node.size:
                return
            feature, known, held = trees.feature[node], *_bounds_before(trees.feature[node], way, steps)
            left, to_left = self._sets.take(self._goes_left[node], axis=1), x[feature] <= trees.threshold[node]
            sides, inside = np.concatenate([known & left, known & ~left], axis=1), np.concatenate([held & to_left, held & ~to_left])
            reached = np.concatenate([reached, reached], axis=1)
            reached = np.where(inside, reached, reached & sides)
            kept = np.flatnonzero(reached.any(axis=0))
            parent, count = np.where(kept < len(node), kept, kept - len(node)), len(steps[0])
            more = feature[parent], inside[kept], sides.take(kept, axis=1)
            steps = tuple(np.concatenate(both, axis=-1) for both in zip(steps, more, strict=True))
            node, reached = np.concatenate([trees.left[node], trees.right[node]])[kept], reached.take(kept, axis=1)
            way = np.column_stack([way[parent], np.arange(count, count + len(kept), dtype=np.int32)])

    def _add_leaves(self, value, reached, way, steps, found):
        """Add what some leaves give; r features of a leaf are held by the background rows alone, a by the row alone, which differs among these."""
        feature, mine, inside = steps
        lost = ~mine[way]
        r = lost.sum(axis=1)
        leaf, at = np.nonzero((way > 0) & ~lost)
        step = way[leaf, at]
        gained = reached.take(leaf, axis=1) & ~inside.take(step, axis=1)
        some = np.flatnonzero(gained.any(axis=0))
        leaf, step, gained = leaf[some], step[some], gained.take(some, axis=1)
        r_here = r[leaf]
        brought, taken = np.zeros(len(leaf)), np.zeros(len(value))
        for a, rows in _by_count(leaf, gained, reached):
            taken += self._other[a].take(r) * _ones(rows)
            if a:
                brought += self._own[a].take(r_here) * _ones(gained & rows.take(leaf, axis=1))
        found += np.bincount(feature[step], brought * value[leaf], minlength=self._columns)
        leaf, at = np.nonzero(lost)
        found -= np.bincount(feature[way[leaf, at]], (taken * value)[leaf], minlength=self._columns)


def _bounds_before(feature, way, steps):
    """What lies within the bounds that the ways have set their next feature: background rows, and whether the row does; their steps are forgotten."""
    again = steps[0][way] == feature[:, None]
    before = np.where(again.any(axis=1), way[np.arange(len(way)), again.argmax(axis=1)], 0)
    way[again] = 0  # the next bounds lie within those
    return steps[2].take(before, axis=1), steps[1][before]


def _by_count(leaf, gained, reached):
    """Background rows that reach each leaf, apart by how many of its sets they are in: (number, sets) in turn. Bits of binary numbers are counted up."""
    place = np.arange(len(leaf)) - np.searchsorted(leaf, leaf)
    most, (words, leaves) = int(place.max(initial=-1)) + 1, reached.shape
    sets = np.zeros((words, most * leaves), np.uint64)
    for all_sets, some in zip(sets, gained, strict=True):
        all_sets[place * leaves + leaf] = some
    digits = np.zeros((most.bit_length(), *reached.shape), np.uint64)
    for number in range(most):
        carried = sets[:, number * leaves : (number + 1) * leaves]
        for digit in digits[: (number + 1).bit_length()]:
            digit ^= carried
            carried &= ~digit
    apart = {0: reached}
    for number in reversed(range(len(digits))):
        digit, step = digits[number], 1 << number
        apart = {**{a: rows & ~digit for a, rows in apart.items()}, **{a + step: rows & digit for a, rows in apart.items() if a + step <= most}}
    return apart.items()


def _ones(sets):
    """How many are in each set."""
    return np.bitwise_count(sets).sum(axis=0, dtype=np.uint16)


def _packed(sets):
    """Rows of booleans as words of bits, shape (words, n_sets)."""
    padded = np.zeros((len(sets), -(-sets.shape[1] // _WORD) * _WORD), bool)
    padded[:, : sets.shape[1]] = sets
    return np.ascontiguousarray(np.packbits(padded, axis=1, bitorder="little").view(np.uint64).T)
