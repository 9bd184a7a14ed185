"""Compiled Shapley values of trees for many rows. Importing this module needs numba.

What a small part of a tree gives to its features depends only on the answers of a row and of the background rows to the few questions that lead
there (see `soilcore.explanation.trees_kernel` for the game): within the bounds of the path or not, feature by feature, and left or right at every
node of the part. These answers are one pattern of bits. Of a thousand neighbouring pixels few differ, so the attributions are computed once per
pattern that occurs, summed over the patterns of the background, and looked up for every pixel. A part is a subtree with at most `DENSE` questions,
or a leaf farther down. Nothing is stored between calls, and memory does not grow with the trees.
"""

import numpy as np

from soilcore.core.compiling import njit

DENSE = 12  # bits of a pattern that is its own place in the table of patterns
MOST_BITS = 32
BLOCK = 1024  # rows between two looks at that table
_KEPT = 2048  # patterns whose attributions are kept at a time
_SLOTS = 8192  # of the table of patterns; not fewer than 2**DENSE
_LEAVES = DENSE + 1
_PLACE = np.uint32(0x7F)  # bits of a step that hold the place of its feature
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _compiled(function):
    """Compiled for use within the kernel only: wrappers for Python would take a tenth more time to compile."""
    return njit(nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)(function)


@njit(nogil=True)
def add_patterns(trees, depth, X, others, weights, out):
    """Add every tree's attributions, mean over the background rows.

    Parameters
    ----------
    trees : (left, right, feature, threshold, value, roots, inner)
        As in `soilcore.explanation.trees_kernel.add_pairs`; ``inner`` is int32 of shape (n_nodes,), decisions in the subtree under each node.
    depth : int
        Of the deepest tree.
    X, others : ndarray of float32, shape (n_columns, n_rows) and (n_columns, n_background)
        A column each in one piece; no NaN. No way to a leaf asks for more than 32 columns.
    weights : (ndarray, ndarray)
        From `soilcore.explanation.trees.leaf_weights`.
    out : ndarray of float64, shape (n_columns, n_rows)
        Changed in place.
    """
    left, right, feature, threshold, _, roots, inner = trees
    low, high = np.full(X.shape[0], np.float32(-np.inf)), np.full(X.shape[0], np.float32(np.inf))
    path, asked_before = np.empty(MOST_BITS, np.int64), np.zeros(X.shape[0], np.int32)
    nodes, went_right, saved = np.empty(depth + 1, np.int32), np.zeros(depth + 1, np.uint8), np.empty(depth + 1, np.float32)
    room = _room(X.shape[0])
    for tree in range(roots.size):
        node, level, length = np.int32(roots[tree]), 0, 0
        while True:
            f = feature[node]
            if f >= 0 and length + inner[node] > DENSE:  # too large for one part: go on to the left, with a new bound
                nodes[level], went_right[level], saved[level] = node, 0, high[f]
                high[f] = min(high[f], threshold[node])
                if not asked_before[f]:
                    path[length] = f
                    length += 1
                asked_before[f] += 1
                level += 1
                node = left[node]
                continue
            _add_part(node, trees, path[:length], low, high, X, others, weights, room, out)
            while level and went_right[level - 1]:
                level -= 1
                f = feature[nodes[level]]
                low[f] = saved[level]
                asked_before[f] -= 1
                if not asked_before[f]:
                    length -= 1  # it was the last to come
            if not level:
                break
            f = feature[nodes[level - 1]]
            high[f], saved[level - 1], went_right[level - 1] = saved[level - 1], low[f], 1
            low[f] = max(low[f], threshold[nodes[level - 1]])
            node = right[nodes[level - 1]]


@_compiled
def _room(columns):
    """Scratch arrays: of a part, of the background, of the patterns that occur."""
    part = (
        np.full(columns, -1, np.int32),  # place of a column among the part's features
        np.empty(MOST_BITS, np.int64),  # columns of the part's features
        np.empty(_LEAVES, np.int64),  # column of each question
        np.empty(_LEAVES, np.float32),  # and its threshold
        np.empty(_LEAVES, np.uint32),  # features that count for each leaf
        np.empty(_LEAVES, np.float64),  # its value
        np.empty(_LEAVES, np.int32),  # decisions on the way to it within the part
        np.empty((_LEAVES, _LEAVES), np.uint32),  # each in bits: 1 where left is needed, then place of its feature, then question
    )
    known = (
        np.empty(BLOCK, np.uint32),
        np.empty(_SLOTS, np.uint32),
        np.empty(_SLOTS, np.int32),
        np.full(_SLOTS, -1, np.int32),
        np.zeros(1, np.int32),
    )
    return part, known, np.empty(BLOCK, np.int32), np.empty((MOST_BITS, _KEPT), np.float64)


@_compiled
def _add_part(node, trees, path, low, high, X, others, weights, room, out):
    part, known, ids, table = room
    features, questions, leaves = _take_apart(node, trees, path, part)
    dense = path.size + questions <= DENSE
    held, counts = _background(path, low, high, questions, leaves, others, part, known, dense)
    outer = _lowest(path.size)
    patterns, keys, numbers, stamps, stamp = known
    stamp[0] += 1
    used = 0
    for start in range(0, X.shape[1], BLOCK):
        stop = min(start + BLOCK, X.shape[1])
        _answers(X, start, stop, path, low, high, questions, part[2], part[3], patterns)
        if used + stop - start > _KEPT:
            stamp[0] += 1
            used = 0
        for i in range(stop - start):
            slot = _slot(patterns[i], dense, keys, stamps, stamp[0])
            if stamps[slot] != stamp[0]:
                stamps[slot], keys[slot], numbers[slot] = stamp[0], patterns[i], used
                _attribute(patterns[i], leaves, features, outer, part, held, counts, weights, table[:, used])
                used += 1
            ids[i] = numbers[slot]
        for j in range(features):
            column, known_values = out[part[1][j], start:stop], table[j]
            for i in range(stop - start):
                column[i] += known_values[ids[i]]
    for j in range(features):
        part[0][part[1][j]] = -1


@_compiled
def _take_apart(node, trees, path, part):
    """Features, questions and leaves of the subtree under `node`; the features of the path come first. Gives their numbers."""
    left, right, feature, threshold, value, _, _ = trees
    place, columns, asked, limits, whole, worth, steps, way = part
    for k in range(path.size):
        place[path[k]], columns[k] = k, path[k]
    waiting, depths = np.empty(_LEAVES + 1, np.int32), np.empty(_LEAVES + 1, np.int32)
    step, trail = np.empty(_LEAVES + 1, np.uint32), np.empty(_LEAVES + 1, np.uint32)
    features, questions, leaves, left_over = path.size, 0, 0, 1
    waiting[0], depths[0] = node, 0
    while left_over:
        left_over -= 1
        here, deep = waiting[left_over], depths[left_over]
        if deep:
            trail[deep - 1] = step[left_over]
        f = feature[here]
        if f < 0:
            counting = _lowest(path.size)
            for k in range(deep):
                way[leaves, k] = trail[k]
                counting |= np.uint32(1) << ((trail[k] >> np.uint32(1)) & _PLACE)
            whole[leaves], worth[leaves], steps[leaves] = counting, value[here], deep
            leaves += 1
            continue
        if place[f] < 0:
            place[f], columns[features] = features, f
            features += 1
        asked[questions], limits[questions] = f, threshold[here]
        code = np.uint32((path.size + questions) << 8) | np.uint32(place[f] << 1)
        waiting[left_over], depths[left_over], step[left_over] = right[here], deep + 1, code
        waiting[left_over + 1], depths[left_over + 1], step[left_over + 1] = left[here], deep + 1, code | np.uint32(1)
        left_over += 2
        questions += 1
    return features, questions, leaves


@_compiled
def _background(path, low, high, questions, leaves, others, part, known, dense):
    """Which features of each leaf the different background rows agree with, bits of shape (n_leaves, n_different), and the share of each."""
    patterns, keys, numbers, stamps, stamp = known
    held, shares = np.empty((leaves, others.shape[1]), np.uint32), np.zeros(others.shape[1])
    different, outer = 0, _lowest(path.size)
    stamp[0] += 1
    for start in range(0, others.shape[1], BLOCK):
        stop = min(start + BLOCK, others.shape[1])
        _answers(others, start, stop, path, low, high, questions, part[2], part[3], patterns)
        for i in range(stop - start):
            slot = _slot(patterns[i], dense, keys, stamps, stamp[0])
            if stamps[slot] != stamp[0]:
                stamps[slot], keys[slot], numbers[slot] = stamp[0], patterns[i], different
                for leaf in range(leaves):
                    held[leaf, different] = _held(patterns[i], leaf, outer, part)
                different += 1
            shares[numbers[slot]] += 1.0 / others.shape[1]
    return held[:, :different], shares[:different]


@_compiled
def _attribute(pattern, leaves, features, outer, part, held, shares, weights, row):
    """Attributions of a part to its features for one pattern, into `row`."""
    own, other = weights
    whole, worth = part[4], part[5]
    for j in range(features):
        row[j] = 0.0
    for leaf in range(leaves):
        mine = _held(pattern, leaf, outer, part)
        for d in range(shares.size):
            theirs = held[leaf, d]
            if (mine | theirs) != whole[leaf] or mine == theirs:
                continue
            gained, lost = mine & ~theirs, theirs & ~mine
            a, r = _ones(gained), _ones(lost)
            value = worth[leaf] * shares[d]
            gain, loss = value * own[a, r], value * other[a, r]
            for j in range(features):
                if (gained >> np.uint32(j)) & np.uint32(1):
                    row[j] += gain
                elif (lost >> np.uint32(j)) & np.uint32(1):
                    row[j] -= loss


@_compiled
def _answers(values, start, stop, path, low, high, questions, asked, limits, patterns):
    """Patterns of some rows: one bit per feature of the path, set within its bounds, then one per question, set where the answer is left."""
    count = stop - start
    for i in range(count):
        patterns[i] = 0
    for k in range(path.size):
        column, lower, upper = values[path[k], start:stop], low[path[k]], high[path[k]]
        for i in range(count):
            patterns[i] |= np.uint32((column[i] > lower) & (column[i] <= upper)) << np.uint32(k)
    for k in range(questions):
        column, limit, bit = values[asked[k], start:stop], limits[k], np.uint32(path.size + k)
        for i in range(count):
            patterns[i] |= np.uint32(column[i] <= limit) << bit


@_compiled
def _held(pattern, leaf, outer, part):
    """Features of a leaf's way that a pattern agrees with, as bits."""
    held, way = part[4][leaf] & (pattern | ~outer), part[7]
    for k in range(part[6][leaf]):
        step = way[leaf, k]
        if (pattern >> (step >> np.uint32(8))) & np.uint32(1) != step & np.uint32(1):
            held &= ~(np.uint32(1) << ((step >> np.uint32(1)) & _PLACE))
    return held


@_compiled
def _slot(pattern, dense, keys, stamps, stamp):
    """Where a pattern is looked up: at its own number, or in a hash table that is never more than half full."""
    if dense:
        return np.int64(pattern)
    slot = np.int64((np.uint64(pattern) * _GOLDEN) >> np.uint64(51))
    while stamps[slot] == stamp and keys[slot] != pattern:
        slot = (slot + 1) & (_SLOTS - 1)
    return slot


@_compiled
def _lowest(count):
    """The lowest bits, all set."""
    return np.uint32(0xFFFFFFFF) if count >= MOST_BITS else np.uint32((np.uint64(1) << np.uint64(count)) - np.uint64(1))


@_compiled
def _ones(bits):
    """How many bits are set."""
    bits = bits - ((bits >> np.uint32(1)) & np.uint32(0x55555555))
    bits = (bits & np.uint32(0x33333333)) + ((bits >> np.uint32(2)) & np.uint32(0x33333333))
    bits = (bits + (bits >> np.uint32(4))) & np.uint32(0x0F0F0F0F)
    return np.int64(np.uint32(bits * np.uint32(0x01010101)) >> np.uint32(24))
