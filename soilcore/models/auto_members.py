"""The members of `auto`: small learners that predict their own training samples out of fold, and can be stored as numbers."""

import numpy as np

from soilcore.models.auto_gp import GaussianProcess, Term

_PLS_MOST = 15
_SVR_GRID = tuple((cost, width) for cost in (0.3, 1.0, 3.0, 10.0, 30.0) for width in (0.1, 0.3, 1.0))
_SVR_TUBE = 0.1  # standard deviations of the target
_REFIT_STEPS = 20  # of the search from the whole sample's optimum, per inner fold


def rows_of(views, rows):
    """The same views of some of the samples."""
    return {name: values[rows] for name, values in views.items()}


class Member:
    """Base: `fit` learns and keeps ``left_out_`` (n_partitions, n_samples), each sample predicted without its fold."""

    kind = ""

    def __init__(self, name, view):
        self.name, self.view = name, view

    def fit(self, views, z, partitions, seed):
        """Fit to views of the training samples and their target on the modelling scale."""
        self.left_out_ = self._left_out(views, z, partitions, seed)
        self._fit(views, z, seed)
        return self

    def _left_out(self, views, z, partitions, seed):
        predicted = np.empty((len(partitions), len(z)))
        for number, folds in enumerate(partitions):
            for fold in np.unique(folds):
                test = folds == fold
                self._fit(rows_of(views, ~test), z[~test], seed)
                predicted[number, test] = self.predict(rows_of(views, test))
        return predicted


class PlsMember(Member):
    """Partial least squares; the number of components by the pooled error of all partitions."""

    kind = "pls"

    def _left_out(self, views, z, partitions, seed):
        X = views[self.view]
        most = int(min(_PLS_MOST, X.shape[1], max(1, len(z) // 4)))
        predicted = np.empty((len(partitions), most, len(z)))
        for number, folds in enumerate(partitions):
            for fold in np.unique(folds):
                test = folds == fold
                centre, mean, weights = pls_path(X[~test], z[~test], most)
                predicted[number][:, test] = mean + weights @ (X[test] - centre).T
        self.components_ = int(np.argmin(((predicted - z) ** 2).mean(axis=(0, 2)))) + 1
        return predicted[:, self.components_ - 1]

    def _fit(self, views, z, seed):
        self.centre_, self.mean_, weights = pls_path(views[self.view], z, self.components_)
        self.weights_ = weights[-1]

    def predict(self, views):
        return self.mean_ + np.einsum("ij,j->i", views[self.view] - self.centre_, self.weights_)


def pls_path(X, z, most):
    """PLS of one target with 1, 2, ... `most` components at once (NIPALS).

    Returns
    -------
    centre : ndarray of shape (n_columns,)
    mean : float
    weights : ndarray of shape (most, n_columns)
        A row per number of components; the last that could be found is repeated.
    """
    centre, mean = X.mean(axis=0), float(z.mean())
    E, f = X - centre, z - mean
    W, P, q, path = [], [], [], []
    for _ in range(most):
        w = E.T @ f
        length = np.linalg.norm(w)
        if length < 1e-12:
            break
        t = E @ (w / length)
        power = t @ t
        if power < 1e-14:
            break
        W.append(w / length)
        P.append(E.T @ t / power)
        q.append(f @ t / power)
        E, f = E - np.outer(t, P[-1]), f - q[-1] * t
        turn = np.array(W).T
        path.append(turn @ np.linalg.solve(np.array(P) @ turn, np.array(q)))
    path = path or [np.zeros(X.shape[1])]
    return centre, mean, np.array(path + [path[-1]] * (most - len(path)))


class GpMember(Member):
    """Gaussian process with a sum of kernels; the inner folds search again from the whole sample's optimum."""

    kind = "gp"

    def __init__(self, name, view, terms, refit=True):
        super().__init__(name, view)
        self.terms, self.refit = tuple(terms), refit

    def _left_out(self, views, z, partitions, seed):
        self.process_ = GaussianProcess(self.terms).fit(views, z)
        if not self.refit:
            return np.array([self.process_.left_out(z, folds) for folds in partitions])
        predicted = np.empty((len(partitions), len(z)))
        for number, folds in enumerate(partitions):
            for fold in np.unique(folds):
                test = folds == fold
                inner = GaussianProcess(self.terms, start=self.process_.theta_, iterations=_REFIT_STEPS)
                predicted[number, test] = inner.fit(rows_of(views, ~test), z[~test]).predict(rows_of(views, test))
        return predicted

    def _fit(self, views, z, seed):
        """The process of all samples stands already."""

    def predict(self, views):
        return self.process_.predict(views)


class SvrMember(Member):
    """Support vectors with a radial kernel; cost and width by the pooled error of all partitions. Kept as plain arrays."""

    kind = "svr"

    def _left_out(self, views, z, partitions, seed):
        best = None
        for setting in _SVR_GRID:
            self.setting_ = setting
            predicted = super()._left_out(views, z, partitions, seed)
            error = float(((predicted - z) ** 2).mean())
            if best is None or error < best[0]:
                best = (error, setting, predicted)
        self.setting_ = best[1]
        return best[2]

    def _fit(self, views, z, seed):
        from sklearn.svm import SVR

        X = views[self.view]
        self.mean_, self.sd_ = float(z.mean()), float(z.std()) or 1.0
        cost, width = self.setting_
        self.gamma_ = width / max(float(X.var(axis=0).sum()), 1e-9)
        machine = SVR(C=cost, gamma=self.gamma_, epsilon=_SVR_TUBE).fit(X, (z - self.mean_) / self.sd_)
        self.vectors_, self.dual_, self.constant_ = machine.support_vectors_, machine.dual_coef_[0], float(machine.intercept_[0])

    def predict(self, views):
        X = views[self.view]
        distance = (X**2).sum(axis=1)[:, None] + (self.vectors_**2).sum(axis=1)[None] - 2.0 * X @ self.vectors_.T
        return self.mean_ + self.sd_ * (np.exp(-self.gamma_ * np.maximum(distance, 0.0)) @ self.dual_ + self.constant_)


class TreesMember(Member):
    """Extremely randomised trees on bootstrap samples; out-of-bag where samples are single, else by folds."""

    kind = "trees"

    def __init__(self, name, view, trees=200, out_of_bag=True):
        super().__init__(name, view)
        self.trees, self.out_of_bag = trees, out_of_bag

    def _left_out(self, views, z, partitions, seed):
        if not self.out_of_bag:
            return super()._left_out(views, z, partitions, seed)
        self._fit(views, z, seed)
        return np.repeat(self.left_bag_[None], len(partitions), axis=0)

    def _fit(self, views, z, seed):
        from sklearn.ensemble import ExtraTreesRegressor

        forest = ExtraTreesRegressor(self.trees, min_samples_leaf=2, max_features=0.5, bootstrap=True, oob_score=True, random_state=seed)
        self.forest_ = forest.fit(views[self.view], z)
        self.left_bag_ = np.where(np.isfinite(forest.oob_prediction_), forest.oob_prediction_, z.mean())
        for name in ("oob_prediction_", "oob_score_"):
            delattr(forest, name)

    def predict(self, views):
        return self.forest_.predict(views[self.view])


class BoostedMember(Member):
    """XGBoost with many small steps."""

    kind = "boosted"
    settings = {
        "n_estimators": 150,
        "learning_rate": 0.05,
        "max_depth": 3,
        "subsample": 0.7,
        "colsample_bytree": 0.5,
        "min_child_weight": 3,
        "reg_lambda": 1.0,
        "n_jobs": 1,
        "tree_method": "exact",
    }

    def _fit(self, views, z, seed):
        from xgboost import XGBRegressor

        self.mean_, self.sd_ = float(z.mean()), float(z.std()) or 1.0
        self.model_ = XGBRegressor(**self.settings, random_state=seed).fit(views[self.view], (z - self.mean_) / self.sd_)

    def predict(self, views):
        return self.mean_ + self.sd_ * self.model_.predict(views[self.view]).astype(float)


def place_terms(views):
    """The kernel of places, where there are places."""
    return [Term("matern32", "place")] if "place" in views else []
