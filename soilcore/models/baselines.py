"""The two scores every learner has to beat: the mean of the training samples, and a line through the best single index."""

import numpy as np

from soilcore.models.inputs import LearnerInputError
from soilcore.models.learner import Learner


class MeanModel(Learner):
    """Predicts the arithmetic mean of the training target in its own unit, whatever the transform.

    The mean is the constant R2 is measured against: out of fold it scores about 0. The back-transformed mean of logarithms would not.

    Parameters
    ----------
    target_transform : {"none", "log10", "log1p"}
        Only for `predict_transformed`.
    smearing : float
        Not used; here so that all learners are set alike.

    Attributes
    ----------
    mean_ : float
        Own unit.
    """

    minimum_rows = 2
    label = "the mean"

    def __init__(self, target_transform="none", smearing=1.0):
        self.target_transform = target_transform
        self.smearing = smearing

    def _fit(self, X, z, y, groups, report):
        self.mean_ = float(y.mean())

    def _predict(self, X):
        return np.full(X.shape[0], float(self.transform_.forward(np.array([self.mean_]))[0]))

    def _original(self, z):
        return np.full(z.shape, self.mean_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class BestIndexModel(Learner):
    """A straight line through the one column that follows the target best, chosen inside the fit.

    The column with the highest absolute Spearman correlation wins (the first of equals), so the choice does not depend on the transform.
    Choosing on all samples beforehand would leak the test targets into the score.

    Parameters
    ----------
    candidates : tuple of str
        Columns to choose from; empty means all. Names need a DataFrame.
    target_transform : {"none", "log10", "log1p"}
        The line is fitted on this scale.
    smearing : float
        Factor on the back-transformed prediction (`duan_factor`).

    Attributes
    ----------
    column_ : int
        Position of the chosen column; ``column_name_`` its name, where there are names.
    spearman_ : float
        Its correlation with the training target.
    slope_, intercept_ : float
        The line on the modelling scale.
    """

    minimum_rows = 3
    label = "the best single index"

    def __init__(self, candidates=(), target_transform="none", smearing=1.0):
        self.candidates = candidates
        self.target_transform = target_transform
        self.smearing = smearing

    def _fit(self, X, z, y, groups, report):
        positions = self._positions()
        correlations = np.abs(rank_correlations(X[:, positions], y))
        best = int(np.argmax(correlations))
        self.column_ = int(positions[best])
        self.column_name_ = str(self.feature_names_in_[self.column_]) if hasattr(self, "feature_names_in_") else f"column {self.column_ + 1}"
        x = X[:, self.column_]
        centred = x - x.mean()
        spread = float(centred @ centred)
        self.spearman_ = float(rank_correlations(x[:, None], y)[0])
        self.slope_ = float(centred @ (z - z.mean()) / spread) if spread > 0 else 0.0
        self.intercept_ = float(z.mean() - self.slope_ * x.mean())

    def _predict(self, X):
        return self.intercept_ + self.slope_ * X[:, self.column_]

    def _positions(self):
        if not len(self.candidates):
            return np.arange(self.n_features_in_)
        names = list(getattr(self, "feature_names_in_", ()))
        missing = [name for name in self.candidates if name not in names]
        if missing:
            raise LearnerInputError(
                f"The candidates {', '.join(map(str, missing))} are not among the columns. Give a table that has them, or other candidates."
            )
        return np.array([names.index(name) for name in self.candidates])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


def rank_correlations(X, y):
    """Spearman's rank correlation of every column with `y`; 0 for a constant column or target.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)

    Returns
    -------
    ndarray of shape (n_features,)
    """
    from scipy.stats import rankdata

    ranks = rankdata(X, axis=0) - (X.shape[0] + 1) / 2
    target = rankdata(y) - (y.size + 1) / 2
    norms = np.sqrt((ranks**2).sum(axis=0) * (target**2).sum())
    return np.divide(target @ ranks, norms, out=np.zeros(X.shape[1]), where=norms > 0)
