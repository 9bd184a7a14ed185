"""Regressions on a logarithm that answer with the mean: tuned on a bounded number of samples, smeared by out-of-fold residuals."""

import numpy as np

from soilcore.models.learner import Learner, seeds_of
from soilcore.models.pipelines import TunedRegressor
from soilcore.models.spaces import Hardware, Table, make_pipeline
from soilcore.models.transforms import duan_factor
from soilcore.models.tuning import inner_folds

TUNING_ROWS = 4000  # parameters are searched on at most so many samples: they hardly change with more, and the time does
LARGE_TABLE = 10_000  # samples; from here on a forest of 100 trees on a quarter of the samples each says the same in a fraction of the time
LARGE_FOREST = {"n_estimators": 100, "max_samples": 0.25, "max_features": 0.33, "min_samples_leaf": 2}
_ONE_FOLD_FROM = 1000  # samples; from here on one inner fold has residuals enough for one factor


def fit_regression(name, X, y, groups, report, *, transform, trials, budget, seed, jobs, device):
    """A `TunedRegressor` fitted to all samples with parameters found on at most 4,000 of them.

    Parameters
    ----------
    name : str
    X : ndarray of float, shape (n_samples, n_features)
    y : ndarray of float, shape (n_samples,)
    groups : ndarray of int or None
    report : Report
    transform : str
        Scale of the regression.
    trials, budget, seed, jobs, device
        As in `TunedRegressor`.

    Returns
    -------
    TunedRegressor
    """
    common = {"target_transform": transform, "budget": budget, "random_state": seed, "jobs": jobs, "device": device}
    parameters = None
    if name == "rf" and y.size >= LARGE_TABLE:
        parameters = LARGE_FOREST
    elif trials and y.size > TUNING_ROWS:
        rows = np.sort(np.random.default_rng(seed).permutation(y.size)[:TUNING_ROWS])
        part = None if groups is None else groups[rows]
        parameters = TunedRegressor(name, trials=trials, **common).fit(X[rows], y[rows], part, report).parameters_
    return TunedRegressor(name, trials=trials, parameters=parameters, **common).fit(X, y, groups, report)


def predict_held_out(regression, X, z, train, test):
    """Rows `test` predicted, on the scale of the regression, by a twin with its parameters fitted to the rows `train`."""
    hardware = Hardware(regression._model_seed, 1, regression.device_)
    pipeline = make_pipeline(regression.name, regression.parameters_, Table(int(train.sum()), X.shape[1]), hardware)
    return np.ravel(pipeline.fit(X[train], z[train]).predict(X[test]))


class SmearedRegressor(Learner):
    """One regression for all samples, its back-transformed prediction multiplied by Duan's factor.

    What a dual-step model is compared with: the same regressor, scale, tuning and smearing, in one step.

    Parameters
    ----------
    name : str
        Of a tuned learner.
    target_transform, trials, budget, random_state, jobs, device, smearing
        As in `TunedRegressor`.

    Attributes
    ----------
    regression_ : TunedRegressor
    factor_ : float
        From out-of-fold residuals of inner folds; of one of them from 1,000 samples on.
    """

    minimum_rows = 10

    def __init__(self, name="xgboost", target_transform="log10", trials=10, budget=None, random_state=0, jobs=1, device="auto", smearing=1.0):
        self.name = name
        self.target_transform = target_transform
        self.trials = trials
        self.budget = budget
        self.random_state = random_state
        self.jobs = jobs
        self.device = device
        self.smearing = smearing

    @property
    def label(self):
        """Its name, for messages."""
        return f"the learner {self.name}"

    @property
    def way_back_(self):
        """From the modelling scale to the own unit, with the factor found."""
        from dataclasses import replace

        return replace(super().way_back_, smearing=float(self.smearing) * self.factor_)

    def _fit(self, X, z, y, groups, report):
        self.factor_ = 1.0
        settings = {"transform": self.target_transform, "trials": self.trials, "budget": self.budget, "jobs": self.jobs, "device": self.device}
        self.regression_ = fit_regression(self.name, X, y, groups, report, seed=self.random_state, **settings)
        self.device_, self.device_note_ = self.regression_.device_, self.regression_.device_note_
        if self.transform_.name != "none":
            self.factor_ = self._factor(X, z, y, groups)

    def _factor(self, X, z, y, groups):
        folds = inner_folds(y.size, groups, seeds_of(self.random_state, 3)[2])
        chosen = np.unique(folds)[: 1 if y.size >= _ONE_FOLD_FROM else None]
        held_out, seen = np.empty(y.size), np.isin(folds, chosen)
        for fold in chosen:
            test = folds == fold
            held_out[test] = predict_held_out(self.regression_, X, z, ~test, test)
        predicted = self.transform_.inverse(held_out[seen])
        return duan_factor(self.transform_, y[seen], np.maximum(predicted, 0.0) if self.nonnegative_ else predicted)

    def _predict(self, X):
        return self.regression_._predict(X)
