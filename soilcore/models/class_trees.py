"""Trees of classifiers as packed arrays, whichever library grew them: one sum per class, or one for two classes."""

import json
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.models.forest import MAXIMUM_FEATURES, pack_trees

LINKS = ("share", "logistic")


@dataclass(frozen=True)
class ClassTrees:
    """Trees whose sums are shares of the upper class or classes, or log odds and scores.

    Parameters
    ----------
    left, right, feature : ndarray of int32, shape (n_nodes,)
        Children counted from their tree's first node, -1 at a leaf; column that decides.
    threshold : ndarray of float32, shape (n_nodes,)
        A row goes left where its value is at most this.
    values : ndarray of float64, shape (n_nodes,)
        Of leaves.
    trees : ndarray of int64, shape (n_trees, 2)
        First node and the score the tree adds to.
    base : ndarray of float64, shape (n_scores,)
        Added to each score.
    link : ndarray of int, shape ()
        Place in `LINKS`: mean over trees of shares, or sum of log odds.
    n_features : ndarray of int, shape ()
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    values: np.ndarray
    trees: np.ndarray
    base: np.ndarray
    link: np.ndarray
    n_features: np.ndarray

    def __post_init__(self):
        self._check()
        object.__setattr__(self, "_sums", [self._sum_of(score) for score in range(self.base.size)])

    @property
    def n_classes(self):
        """Number of classes."""
        return max(2, self.base.size)

    def probabilities(self, X):
        """Shape (n_rows, n_classes)."""
        from soilcore.models.class_forms import from_scores

        X = np.ascontiguousarray(X, np.float32)
        scores = np.stack([total(X) for total in self._sums], axis=1) + self.base
        if LINKS[int(self.link)] == "logistic":
            return from_scores(scores)
        if scores.shape[1] == 1:
            return np.column_stack([1 - scores[:, 0], scores[:, 0]])
        return scores / scores.sum(axis=1, keepdims=True)

    def _check(self):
        """Refuse arrays from which no walk from a root would end at a leaf of its own tree: they may come from a file."""
        if not (self._is_flat() and self._is_forest()):
            raise ModelError("The trees of a classifier do not hold together. Take an untouched copy of the model folder, or train again.")

    def _is_flat(self):
        """Whether every array has its shape and kind of number."""
        whole = (self.left, self.right, self.feature, self.trees, self.link, self.n_features)
        numbers = (self.threshold, self.values, self.base)
        kinds = all(array.dtype.kind == "i" for array in whole) and all(array.dtype.kind == "f" for array in numbers)
        alike = all(array.shape == (self.left.size,) for array in (self.left, self.right, self.feature, self.threshold, self.values))
        shapes = self.trees.ndim == 2 and self.trees.shape[1] == 2 and self.base.ndim == 1 and self.link.ndim == self.n_features.ndim == 0
        return kinds and alike and shapes and self.base.size > 0 and 0 <= int(self.link) < len(LINKS)

    def _is_forest(self):
        """Whether nodes have one parent each, in their own tree, and ask for columns there are."""
        bounds = np.append(self.trees[:, 0], self.left.size)
        if not (len(self.trees) and bounds[0] == 0 and (np.diff(bounds) > 0).all() and np.isin(self.trees[:, 1], np.arange(self.base.size)).all()):
            return False
        inner = np.flatnonzero(self.left >= 0)
        size, start = (np.repeat(values, np.diff(bounds))[inner] for values in (np.diff(bounds), bounds[:-1]))
        children = np.stack([self.left[inner], self.right[inner]]).astype(np.int64)
        inside = (children > 0) & (children < size)
        known = (self.feature[inner] >= 0) & (self.feature[inner] < int(self.n_features))
        return bool(inside.all() and known.all() and np.unique(children + start).size == children.size)

    def _sum_of(self, score):
        """Sum (or mean) of the trees of one score as a function of rows."""
        bounds = np.append(self.trees[:, 0], self.left.size)
        chosen = [slice(bounds[i], bounds[i + 1]) for i in range(len(self.trees)) if self.trees[i, 1] == score]
        trees = [(self.left[at], self.right[at], self.feature[at], self.threshold[at], self.values[at]) for at in chosen]
        divisor = float(len(trees)) if LINKS[int(self.link)] == "share" else 1.0
        if not trees:
            return lambda X: np.zeros(len(X))
        if self.n_features <= MAXIMUM_FEATURES:
            forest = pack_trees(trees, divisor, 0.0, int(self.n_features))
            return forest.predict
        return lambda X: sum(_walk(tree, X) for tree in trees) / divisor


def _walk(tree, X):
    """Leaf values of one tree, for tables too wide for the packed form: all rows one level down at a time."""
    left, right, feature, threshold, values = tree
    node, rows = np.zeros(len(X), np.int64), np.arange(len(X))
    while True:
        inside = left[node] >= 0
        if not inside.any():
            return values[node]
        below = np.where(X[rows, np.maximum(feature[node], 0)] <= threshold[node], left[node], right[node])
        node = np.where(inside, below, node)


def trees_of_forest(forest, n_classes):
    """Trees of a fitted RandomForestClassifier or ExtraTreesClassifier whose classes are 0, 1, ..., n_classes - 1."""
    scores = [1] if n_classes == 2 else range(n_classes)
    trees = []
    for place, label in enumerate(scores):
        for member in forest.estimators_:
            tree = member.tree_
            shares = tree.value[:, 0, :]
            share = shares[:, label] / shares.sum(axis=1)
            trees.append((place, tree.children_left, tree.children_right, tree.feature, _float32_below(tree.threshold), share))
    return _together(trees, np.zeros(len(scores)), "share", forest.n_features_in_)


def trees_of_histogram_boosting(model):
    """Trees of a fitted HistGradientBoostingClassifier without categorical columns."""
    trees = []
    for rounds in model._predictors:
        for place, predictor in enumerate(rounds):
            nodes = predictor.nodes
            if nodes["is_categorical"].any():
                raise ModelError("The boosted trees split on categories; plain arrays hold numbers only.")
            leaf = nodes["is_leaf"].astype(bool)
            left, right = (np.where(leaf, -1, nodes[side].astype(np.int64)) for side in ("left", "right"))
            threshold = _float32_below(np.where(leaf, 0.0, nodes["num_threshold"]))
            trees.append((place, left, right, nodes["feature_idx"].astype(np.int64), threshold, nodes["value"]))
    base = np.ravel(model._baseline_prediction).astype(float)
    return _together(trees, base, "logistic", model.n_features_in_)


def trees_of_xgboost(model, n_classes):
    """Trees of a fitted XGBClassifier whose ``base_score`` is 0.5, so that its margin starts at 0 (or at one number for all classes)."""
    document = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]["gradient_booster"]["model"]
    trees = []
    for place, tree in zip(document["tree_info"], document["trees"], strict=True):
        conditions = np.asarray(tree["split_conditions"], np.float32)  # a leaf keeps its value here
        threshold = np.nextafter(conditions, np.float32(-np.inf))
        left, right = np.asarray(tree["left_children"]), np.asarray(tree["right_children"])
        trees.append((int(place), left, right, np.asarray(tree["split_indices"]), threshold, conditions.astype(float)))
    return _together(trees, np.zeros(1 if n_classes == 2 else n_classes), "logistic", model.n_features_in_)


def _together(trees, base, link, n_features):
    sizes = [len(values) for *_, values in trees]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    kinds = (np.int32, np.int32, np.int32, np.float32, np.float64)
    parts = [np.concatenate([np.asarray(tree[1 + i]) for tree in trees]).astype(kind) for i, kind in enumerate(kinds)]
    places = np.column_stack([starts, [tree[0] for tree in trees]]).astype(np.int64)
    return ClassTrees(*parts, places, np.asarray(base, float), np.array(LINKS.index(link)), np.array(int(n_features)))


def _float32_below(threshold):
    """The largest float32 not above each float64: x <= threshold is the same question for every float32 x."""
    rounded = threshold.astype(np.float32)
    above = rounded > threshold
    rounded[above] = np.nextafter(rounded[above], np.float32(-np.inf))
    return rounded
