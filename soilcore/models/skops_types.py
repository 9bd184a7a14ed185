"""Every type a skops part of a model may name. A file that names another one is refused before it is read.

Collected from what the learners write with scikit-learn 1.6 to 1.9; `tests/engine/models/test_archive.py` saves each of them.
"""

ALLOWED_CLASSES = frozenset(
    {"ExtraTreesRegressor", "MLPRegressor", "PCA", "PLSRegression", "RandomForestRegressor", "Ridge", "StandardScaler", "TransformedTargetRegressor"}
)

_PLAIN = ("builtins.bool", "builtins.dict", "builtins.float", "builtins.int", "builtins.list", "builtins.str", "builtins.tuple")
_NUMPY = ("numpy.dtype", "numpy.float32", "numpy.float64", "numpy.int32", "numpy.int64", "numpy.ndarray")
_SKLEARN = (
    "sklearn.compose._target.TransformedTargetRegressor",
    "sklearn.cross_decomposition._pls.PLSRegression",
    "sklearn.decomposition._pca.PCA",
    "sklearn.ensemble._forest.ExtraTreesRegressor",
    "sklearn.ensemble._forest.RandomForestRegressor",
    "sklearn.linear_model._ridge.Ridge",
    "sklearn.neural_network._multilayer_perceptron.MLPRegressor",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.svm._classes.SVR",
    "sklearn.tree._classes.DecisionTreeRegressor",
    "sklearn.tree._classes.ExtraTreeRegressor",
    "sklearn.tree._tree.Tree",
)
ALLOWED_TYPES = frozenset(_PLAIN + _NUMPY + _SKLEARN)
ALLOWED_LOADERS = frozenset(
    {"CachedNode", "DTypeNode", "DictNode", "JsonNode", "ListNode", "NdArrayNode", "ObjectNode", "TreeNode", "TupleNode", "TypeNode"}
)
