"""Fitted trees as packed arrays: scikit-learn forests and XGBoost alike, several times faster to evaluate, and kept without pickle.

Routing is exact. scikit-learn sends a row left where float32 x <= float64 threshold, which is x <= the largest float32 not above the
threshold; XGBoost sends it left where x < t, which is x <= the float32 just below t. One kernel serves both. Missing values are refused,
because NaN > t is false and a row would silently go left.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise

import numpy as np

from soilcore.core.compiling import is_compiled
from soilcore.core.errors import ModelError, UnreadableError
from soilcore.core.files import written_whole

MAXIMUM_FEATURES = 256  # 8 bits of a link
MAXIMUM_NODES = 1 << 24  # of one tree: the other 24
_SCHEMA = "soilcore-forest/1"
_FEW, _MUCH = 1 << 16, 1 << 22  # rows times trees: at once, and in all, that NumPy goes down before the kernel is worth its compiling
_gone = [0]  # so far, in this process
_PLAIN_OBJECTIVES = frozenset({"reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror", "reg:squaredlogerror", "reg:quantileerror"})


class CannotPack(ModelError):
    """These trees do not fit the packed form; the library that made them predicts instead."""


@dataclass(frozen=True)
class PackedForest:
    """Regression trees whose predictions are summed.

    Parameters
    ----------
    nodes : ndarray of uint32, shape (2 * n_nodes,)
        For each node its threshold (bits of a float32), then feature << 24 | left child. The right child is left + 1;
        a leaf is its own left child, under a threshold of +infinity. Children count from their tree's first node.
    values : ndarray of float64, shape (n_nodes,)
        Prediction of each leaf; 0 elsewhere.
    starts : ndarray of int64, shape (n_trees + 1,)
        First node of each tree, and the number of nodes.
    divisor : float
        The sum over the trees is divided by it: their number for a mean, 1 for boosting.
    base : float
        Added afterwards.
    n_features : int
    """

    nodes: np.ndarray
    values: np.ndarray
    starts: np.ndarray
    divisor: float
    base: float
    n_features: int

    def predict(self, X, threads=1):
        """Predictions of the forest.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Read as float32, as both libraries do. No missing values.
        threads : int

        Returns
        -------
        ndarray of float64, shape (n_rows,)

        Raises
        ------
        ModelError
            If a value is missing or infinite, or the number of columns differs.
        """
        X = _checked(X, self.n_features)
        total = np.zeros(len(X))
        bounds = np.linspace(0, len(X), max(1, threads) + 1).astype(int)
        parts = [slice(first, last) for first, last in pairwise(bounds) if last > first]
        if len(parts) == 1:
            self._add_to(total, X)
        elif parts:
            with ThreadPoolExecutor(len(parts)) as pool:
                list(pool.map(lambda part: self._add_to(total[part], X[part]), parts))
        total /= self.divisor
        return total + self.base if self.base else total

    def _add_to(self, total, X):
        add_trees = _add_plainly if _plain_is_faster(len(X) * (len(self.starts) - 1)) else kernel() or _add_plainly
        add_trees(self.nodes.view(np.float32), self.nodes, self.starts, self.values, X, total)

    def to_npz(self, path):
        """Save as plain arrays."""
        scalars = {"divisor": self.divisor, "base": self.base, "n_features": self.n_features}
        with written_whole(path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, schema=_SCHEMA, nodes=self.nodes, values=self.values, starts=self.starts, **scalars)

    @classmethod
    def from_npz(cls, path):
        """Read what `to_npz` wrote; nothing is unpickled, and links that lead outside their tree are refused.

        Raises
        ------
        UnreadableError
            If the file is not a packed forest.
        """
        try:
            with np.load(path, allow_pickle=False) as held:
                if str(held["schema"]) != _SCHEMA:
                    raise UnreadableError(f"{str(path)!r} is not a packed forest of this version. Make it again from the model.")
                arrays = held["nodes"], held["values"], held["starts"]
                scalars = float(held["divisor"]), float(held["base"]), int(held["n_features"])
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise UnreadableError(f"{str(path)!r} is not a packed forest ({error}). Make it again from the model.") from None
        forest = cls(*arrays, *scalars)
        _check_packed(forest, path)
        return forest


@dataclass(frozen=True)
class LibraryForest:
    """The same predictions by the library that fitted the trees; slower, for what cannot be packed and where numba is missing.

    Parameters
    ----------
    estimator : fitted regressor
        Forest of scikit-learn, or XGBRegressor.
    n_features : int
    """

    estimator: object
    n_features: int

    def predict(self, X, threads=1):
        """Predictions, float64 of shape (n_rows,); see `PackedForest.predict`."""
        X = _checked(X, self.n_features)
        if not hasattr(self.estimator, "estimators_"):
            return np.asarray(self._boosted(X, threads), float)
        parts = np.array_split(np.arange(len(X)), max(1, threads))
        with ThreadPoolExecutor(max(1, threads)) as pool:  # tree_.predict releases the lock; the trees are added in one order always
            return np.concatenate(list(pool.map(lambda rows: _sum_of_trees(self.estimator, X[rows]), parts)))

    def _boosted(self, X, threads):
        booster = self.estimator.get_booster()
        if _stopped_early(booster):
            return booster.inplace_predict(X, iteration_range=(0, booster.best_iteration + 1))
        return booster.inplace_predict(X)


def compile_forest(estimator):
    """Pack fitted trees.

    Parameters
    ----------
    estimator : RandomForestRegressor, ExtraTreesRegressor or XGBRegressor
        Fitted, with one output.

    Returns
    -------
    PackedForest, or LibraryForest
        The latter where numba is missing, or the trees hold what the packed form cannot (categorical splits, dart, several outputs,
        a link function, more than 256 features); its predictions are the library's.
    """
    n_features = int(estimator.n_features_in_)
    if find_spec("numba") is None:
        return LibraryForest(estimator, n_features)
    try:
        return pack_forest(estimator)
    except CannotPack:
        return LibraryForest(estimator, n_features)


def pack_forest(estimator):
    """Pack fitted trees, or say why they cannot be packed.

    Raises
    ------
    CannotPack
        The message names what the packed form lacks.
    """
    n_features = int(estimator.n_features_in_)
    if n_features > MAXIMUM_FEATURES:
        raise CannotPack(f"The trees use {n_features} features; the packed form holds {MAXIMUM_FEATURES}.")
    return pack_trees(*trees_of(estimator), n_features)


def trees_of(estimator):
    """Fitted trees as plain arrays, whichever library grew them.

    Returns
    -------
    trees : list of (left, right, feature, threshold, value)
        As `pack_trees` takes them.
    divisor, base : float
        See `PackedForest`.

    Raises
    ------
    CannotPack
        The message names what such arrays cannot hold.
    """
    return _boosted_trees(estimator) if hasattr(estimator, "get_booster") else _averaged_trees(estimator)


def pack_trees(trees, divisor, base, n_features):
    """Pack trees given as arrays.

    Parameters
    ----------
    trees : list of (left, right, feature, threshold, value)
        Arrays of length n_nodes: children (-1 at a leaf), column, float32 threshold (left where x <= threshold), value of a leaf.
    divisor, base : float
        See `PackedForest`.
    n_features : int
        At most 256.

    Returns
    -------
    PackedForest
    """
    firsts = np.cumsum([0, *(len(tree[0]) for tree in trees)])
    left, right, feature, threshold, value = (np.concatenate(column) for column in zip(*trees, strict=True))
    offset = np.repeat(firsts[:-1], np.diff(firsts))
    leaf, left, right = left < 0, left + offset, right + offset
    order, counts = _breadth_first(leaf, left, right, firsts)
    if counts.max() > MAXIMUM_NODES:
        raise CannotPack(f"A tree has {counts.max()} nodes; the packed form holds {MAXIMUM_NODES}.")
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    here = np.arange(order.size) - np.repeat(starts[:-1], counts)
    place = np.empty(leaf.size, np.int64)
    place[order] = here
    leaf = leaf[order]
    child = np.where(leaf, here, place[np.where(leaf, 0, left[order])])
    nodes = np.empty(2 * order.size, np.uint32)
    nodes[0::2] = np.where(leaf, np.float32(np.inf), threshold[order]).astype(np.float32).view(np.uint32)
    nodes[1::2] = np.where(leaf, 0, feature[order]).astype(np.uint32) << np.uint32(24) | child.astype(np.uint32)
    return PackedForest(nodes, np.where(leaf, value[order], 0.0), starts, divisor, base, n_features)


def kernel():
    """The compiled walk, or None where numba is not installed."""
    try:
        from soilcore.models.forest_kernel import add_trees
    except ImportError:
        return None
    return add_trees


def _averaged_trees(forest):
    """Trees of a scikit-learn forest as (left, right, feature, float32 threshold, value)."""
    if getattr(forest, "n_outputs_", 1) != 1:
        raise CannotPack(f"The forest predicts {forest.n_outputs_} targets at once; the packed form holds one.")
    trees = []
    for member in forest.estimators_:
        tree = member.tree_
        threshold = tree.threshold.astype(np.float32)
        above = threshold > tree.threshold
        threshold[above] = np.nextafter(threshold[above], np.float32(-np.inf))
        trees.append((tree.children_left, tree.children_right, tree.feature, threshold, tree.value[:, 0, 0]))
    return trees, float(len(trees)), 0.0


def _boosted_trees(regressor):
    """Trees of XGBoost in the same form; read from its JSON document, the only complete one."""
    booster = regressor.get_booster()
    document = json.loads(bytes(booster.save_raw("json")))["learner"]
    _check_boosted(document, regressor)
    base = np.ravel(json.loads(document["learner_model_param"]["base_score"]))
    model = document["gradient_booster"]["model"]
    trees = model["trees"]
    if _stopped_early(booster):
        trees = trees[: (booster.best_iteration + 1) * max(1, int(model["gbtree_model_param"]["num_parallel_tree"]))]
    return [_boosted_tree(tree) for tree in trees], 1.0, float(base[0])


def _check_boosted(document, regressor):
    kind, objective = document["gradient_booster"]["name"], document["objective"]["name"]
    parameters = document["learner_model_param"]
    if kind != "gbtree":
        raise CannotPack(f"The booster is {kind!r}; the packed form holds 'gbtree'.")
    if objective not in _PLAIN_OBJECTIVES:
        raise CannotPack(f"The objective {objective!r} transforms the sum of the trees.")
    if int(parameters.get("num_target", 1)) > 1 or np.ravel(json.loads(parameters["base_score"])).size != 1:
        raise CannotPack("The booster predicts several targets at once; the packed form holds one.")
    missing = regressor.missing
    if missing is not None and not np.isnan(missing):
        raise CannotPack(f"The booster takes {missing:g} for a missing value.")
    for tree in document["gradient_booster"]["model"]["trees"]:
        if any(tree.get("split_type", ())) or tree.get("categories"):
            raise CannotPack("The trees split on categories.")
        if int(tree["tree_param"].get("size_leaf_vector", 1)) > 1:
            raise CannotPack("The leaves hold vectors.")


def _boosted_tree(tree):
    conditions = np.asarray(tree["split_conditions"], np.float32)  # a leaf keeps its value here
    threshold = np.nextafter(conditions, np.float32(-np.inf))
    left, right = np.asarray(tree["left_children"]), np.asarray(tree["right_children"])
    return left, right, np.asarray(tree["split_indices"]), threshold, conditions.astype(float)


def _stopped_early(booster):
    return booster.attr("best_iteration") is not None


def _plain_is_faster(work):
    """Whether so many rows times trees are gone down before the kernel would be compiled, which it is not yet."""
    if work > _FEW or _gone[0] + work > _MUCH or is_compiled("soilcore.models.forest_kernel", "add_trees"):
        return False
    _gone[0] += work
    return True


def _breadth_first(leaf, left, right, firsts):
    """Nodes that can be reached, tree after tree, level by level, siblings side by side; and how many there are in each tree."""
    levels = [firsts[:-1]]
    while (parents := levels[-1][~leaf[levels[-1]]]).size:
        levels.append(np.column_stack([left[parents], right[parents]]).ravel())
    nodes = np.concatenate(levels)
    tree = np.searchsorted(firsts, nodes, side="right") - 1
    return nodes[np.argsort(tree, kind="stable")], np.bincount(tree, minlength=len(firsts) - 1)


def _checked(X, n_features):
    X = np.ascontiguousarray(X, np.float32)
    if X.ndim != 2 or X.shape[1] != n_features:
        raise ModelError(f"The trees were fitted on {n_features} features; this table has shape {X.shape}.")
    if not np.isfinite(X).all():
        raise ModelError("A predictor is missing or infinite. Leave such rows out; trees would send them somewhere without a word.")
    return X


def _check_packed(forest, path):
    """Every walk ends: a child lies behind its parent and inside its tree."""
    nodes, starts = forest.nodes, forest.starts
    types = nodes.dtype == np.uint32 and forest.values.dtype == np.float64 and starts.dtype == np.int64
    flat = nodes.ndim == forest.values.ndim == starts.ndim == 1
    good = types and flat and starts.size > 1 and starts[0] == 0 and (np.diff(starts) > 0).all()
    good = good and nodes.size == 2 * starts[-1] == 2 * forest.values.size
    if good:
        count = np.diff(starts)
        here = np.arange(starts[-1]) - np.repeat(starts[:-1], count)
        child, feature = (nodes[1::2] & np.uint32(0xFFFFFF)).astype(np.int64), nodes[1::2] >> np.uint32(24)
        threshold = nodes.view(np.float32)[0::2]
        leaf = (child == here) & np.isposinf(threshold)
        good = bool((leaf | ((child > here) & (child + 1 < np.repeat(count, count)))).all() and (feature < forest.n_features).all())
    if not good:
        raise UnreadableError(f"{str(path)!r} is damaged: its trees do not hold together. Make it again from the model.")


def _sum_of_trees(forest, X):
    total = np.zeros(len(X))
    for member in forest.estimators_:
        total += member.tree_.predict(X)[:, 0]
    return total / len(forest.estimators_)


def _add_plainly(nodes, links, starts, values, X, total):
    """The kernel in NumPy: some rows one level down all trees at a time, with the same sums to the last bit."""
    threshold, link, first = nodes[0::2], links[1::2], starts[:-1]
    at_once = max(1, _FEW // first.size)
    for begin in range(0, len(X), at_once):
        part = X[begin : begin + at_once]
        rows, node = np.arange(len(part))[:, None], np.repeat(first[None], len(part), axis=0)
        while True:
            here = link[node]
            below = first + (here & np.uint32(0xFFFFFF)) + (part[rows, here >> np.uint32(24)] > threshold[node])
            if np.array_equal(below, node):
                break
            node = below
        total[begin : begin + at_once] += np.add.accumulate(values[node], axis=1)[:, -1]
