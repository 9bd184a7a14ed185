"""The members of `auto`: small learners that predict their own training samples out of fold, and can be stored as numbers."""

import numpy as np

from soilcore.models.auto_gp import GaussianProcess, squared_distances

TUNING_ROWS = 400  # samples that kernels are tuned on, at most
MANY_ROWS = 2000  # above, trees see this many each, and are fewer
REFIT_ROWS = 120  # samples up to which every kernel is searched again in every inner fold
_PLS_MOST = 15
_SVR_GRID = tuple((cost, width) for cost in (0.3, 1.0, 3.0, 10.0, 30.0) for width in (0.1, 0.3, 1.0))
_SVR_TUBE = 0.1  # standard deviations of the target
_REFIT_STEPS = 20  # of the search from the whole sample's optimum, per inner fold


def rows_of(views, rows):
    """The same views of some of the samples."""
    return {name: values[rows] for name, values in views.items()}


def some_rows(count, seed, most=TUNING_ROWS):
    """All row numbers, or `most` of them drawn at random, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


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
                inner = self._fit_fold(rows_of(views, ~test), z[~test], seed)
                predicted[number, test] = inner.predict(rows_of(views, test))
        return predicted

    def _fit_fold(self, views, z, seed):
        """What predicts an inner fold, fitted to the other ones."""
        self._fit(views, z, seed)
        return self


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
        """Prediction on the modelling scale."""
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
    """Gaussian process with a sum of kernels.

    Inner folds search the numbers of the kernel again, from those of all training samples on. With more samples they keep them, because what
    three or four numbers learn from one fold is little then; kernels with a length per column (`refit`) search again as long as time allows.
    """

    kind = "gp"

    def __init__(self, name, view, terms, refit=False):
        super().__init__(name, view)
        self.terms, self.refit = tuple(terms), refit

    def _left_out(self, views, z, partitions, seed):
        theta = self._numbers(views, z, seed)
        self.process_ = GaussianProcess(self.terms, theta=theta).fit(views, z)
        if len(z) > (TUNING_ROWS if self.refit else REFIT_ROWS):
            return np.array([self.process_.left_out(z, folds) for folds in partitions])
        return super()._left_out(views, z, partitions, seed)

    def _numbers(self, views, z, seed):
        """Of the kernel, from at most `TUNING_ROWS` samples; None lets the process search itself."""
        if len(z) <= TUNING_ROWS:
            return None
        rows = some_rows(len(z), seed)
        return GaussianProcess(self.terms).fit(rows_of(views, rows), z[rows]).theta_

    def _fit(self, views, z, seed):
        """The process of all samples stands already."""

    def _fit_fold(self, views, z, seed):
        return GaussianProcess(self.terms, start=self.process_.theta_, iterations=_REFIT_STEPS).fit(views, z)

    def predict(self, views):
        """Mean of the process, modelling scale."""
        return self.process_.predict(views)


class SvrMember(Member):
    """Support vectors with a radial kernel; cost and width by the pooled error of all partitions. Kept as plain arrays."""

    kind = "svr"

    def fit(self, views, z, partitions, seed):
        """Fit; numbers and settings are not checked anew in hundreds of small fits, where that takes a third of the time."""
        from sklearn import config_context

        with config_context(assume_finite=True, skip_parameter_validation=True):
            return super().fit(views, z, partitions, seed)

    def _left_out(self, views, z, partitions, seed):
        rows = some_rows(len(z), seed)
        few, errors = rows_of(views, rows), []
        for self.setting_ in _SVR_GRID:
            predicted = super()._left_out(few, z[rows], [folds[rows] for folds in partitions], seed)
            errors.append((float(((predicted - z[rows]) ** 2).mean()), self.setting_, predicted))
        _, self.setting_, predicted = min(errors, key=lambda result: result[0])
        return predicted if len(rows) == len(z) else super()._left_out(views, z, partitions, seed)

    def _fit(self, views, z, seed):
        from sklearn.svm import SVR

        X = views[self.view]
        self.mean_, self.sd_ = float(z.mean()), float(z.std()) or 1.0
        cost, width = self.setting_
        self.gamma_ = width / max(float(X.var(axis=0).sum()), 1e-9)
        machine = SVR(C=cost, gamma=self.gamma_, epsilon=_SVR_TUBE).fit(X, (z - self.mean_) / self.sd_)
        self.vectors_, self.dual_, self.constant_ = machine.support_vectors_, machine.dual_coef_[0], float(machine.intercept_[0])

    def predict(self, views):
        """Prediction on the modelling scale."""
        X = views[self.view]
        if not len(self.vectors_):
            return np.full(len(X), self.mean_ + self.sd_ * self.constant_)
        distance = squared_distances(X, self.vectors_)
        return self.mean_ + self.sd_ * (np.exp(-self.gamma_ * distance) @ self.dual_ + self.constant_)


class TreesMember(Member):
    """Random forest; judged out of bag where samples are single, else by folds."""

    kind = "trees"

    def __init__(self, name, view, out_of_bag=True):
        super().__init__(name, view)
        self.out_of_bag = out_of_bag

    def fit(self, views, z, partitions, seed):
        """Fit; trees of samples they did not see predict these, so that inner folds are only needed to keep groups whole."""
        if not self.out_of_bag:
            return super().fit(views, z, partitions[:1], seed)
        self._fit(views, z, seed)
        self.left_out_ = self.left_bag_[None]
        return self

    def _fit(self, views, z, seed):
        from sklearn.ensemble import RandomForestRegressor

        many = len(z) > MANY_ROWS
        forest = RandomForestRegressor(
            60 if many else 200,
            min_samples_leaf=2,
            max_features=1 / 3,
            max_samples=MANY_ROWS if many else None,
            oob_score=True,
            random_state=seed,
        ).fit(views[self.view], z)
        self.left_bag_ = forest.oob_prediction_
        for name in ("oob_prediction_", "oob_score_"):
            delattr(forest, name)
        self.forest_ = forest

    def predict(self, views):
        """Mean of the trees."""
        return self.forest_.predict(views[self.view])


class BoostedMember(Member):
    """XGBoost with many small steps."""

    kind = "boosted"

    def _left_out(self, views, z, partitions, seed):
        return super()._left_out(views, z, partitions if len(z) <= MANY_ROWS else partitions[:1], seed)

    def _fit(self, views, z, seed):
        from xgboost import XGBRegressor

        self.mean_, self.sd_ = float(z.mean()), float(z.std()) or 1.0
        method = "exact" if len(z) <= MANY_ROWS else "hist"
        model = XGBRegressor(
            n_estimators=150,
            learning_rate=0.05,
            max_depth=3,
            subsample=0.7,
            colsample_bytree=0.5,
            min_child_weight=3,
            reg_lambda=1.0,
            n_jobs=1,
            tree_method=method,
            random_state=seed,
        )
        self.model_ = model.fit(views[self.view], (z - self.mean_) / self.sd_)

    def predict(self, views):
        """Prediction on the modelling scale."""
        return self.mean_ + self.sd_ * self.model_.predict(views[self.view]).astype(float)
