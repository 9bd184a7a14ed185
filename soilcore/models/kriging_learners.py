"""Kriging as a learner, and regression kriging: any learner, and the kriged residuals it leaves."""

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.progress import part
from soilcore.evaluation.variogram import fit_variogram
from soilcore.models.kriging import NEIGHBOURS, OrdinaryKriging, place_labels
from soilcore.models.learner import Learner, seeds_of
from soilcore.models.tuning import inner_folds

_BASE_SHARE, _RESIDUAL_SHARE = 0.6, 0.95
_NO_BASE = ("kriging", "regression-kriging")


class KrigingLearner(Learner):
    """Ordinary kriging of the target from places alone; the predictors are not looked at.

    Parameters
    ----------
    target_transform : {"none", "log10", "log1p"}
        Scale on which variogram and kriging work.
    neighbours : int
        Nearest samples that enter a prediction.
    random_state : int, optional
        Draws points for the variogram where there are more than 2,000.
    smearing : float
        Factor on the back-transformed prediction.

    Attributes
    ----------
    variogram_ : Variogram
    kriging_ : OrdinaryKriging or None
        None where the variogram cannot be used; then the mean is predicted.
    kriging_note_ : str
        What was done, in words.
    mean_ : float
        Modelling scale.
    """

    minimum_rows = 5
    label = "kriging"
    uses_coordinates = True

    def __init__(self, target_transform="none", neighbours=NEIGHBOURS, random_state=0, smearing=1.0):
        self.target_transform = target_transform
        self.neighbours = neighbours
        self.random_state = random_state
        self.smearing = smearing

    def _fit(self, X, z, y, groups, report, coordinates):
        self.variogram_ = fit_variogram(coordinates, z, seed=seeds_of(self.random_state, 1)[0])
        self.mean_ = float(self.transform_.forward(np.array([y.mean()]))[0])
        self.kriging_, self.kriging_note_ = None, f"{self.variogram_.reason} The mean is predicted everywhere."
        if self.variogram_.usable:
            self.kriging_ = OrdinaryKriging(self.variogram_, self.neighbours, exact=False).fit(coordinates, z)
            self.kriging_note_ = self.variogram_.reason

    def _predict(self, X, coordinates):
        return self.krige(coordinates)

    def krige(self, coordinates):
        """Kriged values on the modelling scale, shape (n_places,); coordinates in metres."""
        return np.full(len(coordinates), self.mean_) if self.kriging_ is None else self.kriging_.predict(coordinates)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class RegressionKriging(Learner):
    """A learner, plus the kriged residuals of training samples it did not see.

    The residuals are out of fold: those of the samples a forest was grown on are far too small, and their variogram is of nothing. Inner folds
    keep groups whole. Kriging is left out, with a note, where the variogram of the residuals cannot be used, or where residuals of left-out
    places are not predicted by those round them. Places are left out at random for this, whatever the groups: the question is what kriging
    adds between samples, where a map has most of its pixels; what is left of it far from samples the outer folds tell.

    Parameters
    ----------
    base : str
        Name of the learner, as in the list of learners.
    target_transform, trials, budget, random_state, jobs, device, smearing
        As in `TunedRegressor`.
    parameters : dict, optional
        Parameters of a base that is tuned, to fit without a search.
    neighbours : int
        Nearest samples that enter a kriged residual.

    Attributes
    ----------
    base_ : Learner
        Fitted to all training samples.
    residuals_ : ndarray of shape (n_samples,)
        Out of fold, modelling scale.
    inner_folds_ : ndarray of int, shape (n_samples,)
    variogram_ : Variogram
        Of the residuals.
    kriging_ : OrdinaryKriging or None
    inner_rmse_ : dict
        Of the residuals (``plain``), and of what kriging leaves of them at left-out places (``kriged``, None where the variogram cannot be
        used); modelling scale.
    kriging_note_ : str
        What was done, in words.

    References
    ----------
    Hengl, Heuvelink and Rossiter 2007, 10.1016/j.cageo.2007.05.001.
    """

    minimum_rows = 10
    label = "regression kriging"
    uses_coordinates = True

    def __init__(
        self,
        base="rf",
        target_transform="none",
        trials=10,
        budget=None,
        random_state=0,
        jobs=1,
        device="auto",
        parameters=None,
        neighbours=NEIGHBOURS,
        smearing=1.0,
    ):
        self.base = base
        self.target_transform = target_transform
        self.trials = trials
        self.budget = budget
        self.random_state = random_state
        self.jobs = jobs
        self.device = device
        self.parameters = parameters
        self.neighbours = neighbours
        self.smearing = smearing

    def _fit(self, X, z, y, groups, report, coordinates):
        table = as_table(self, X)
        fold_seed, variogram_seed = seeds_of(self.random_state, 4)[2:]  # the first two belong to the base
        self.base_ = self._unfitted_base().fit(table, y, groups, part(report, 0, _BASE_SHARE), coordinates)
        self.device_, self.device_note_ = self.base_.device_, self.base_.device_note_
        self.inner_folds_ = inner_folds(len(y), groups, fold_seed)
        progress = part(report, _BASE_SHARE, _RESIDUAL_SHARE - _BASE_SHARE)
        self.residuals_ = z - out_of_fold(self.base_, table, y, groups, coordinates, self.inner_folds_, progress)
        report(_RESIDUAL_SHARE, 1, "kriging the residuals")
        self.variogram_ = fit_variogram(coordinates, self.residuals_, seed=variogram_seed)
        self._decide(coordinates, fold_seed)
        report(1, 1, "regression kriging is fitted")

    def _unfitted_base(self):
        from soilcore.models.catalogue import make_learner
        from soilcore.models.settings import FitSettings

        if self.base in _NO_BASE:
            raise SettingsError(f"Residuals of {self.base!r} leave nothing to krige. Take a learner that uses the predictors as base, such as 'rf'.")
        settings = FitSettings(self.target_transform, self.trials, self.budget, self.random_state, self.device, self.jobs)
        base = make_learner(self.base, settings)
        return base if self.parameters is None else base.set_params(parameters=self.parameters)

    def _decide(self, coordinates, seed):
        """Krige the residuals, or not: where there is a variogram, and left-out places gain."""
        plain = float(np.sqrt(np.mean(self.residuals_**2)))
        self.inner_rmse_ = {"plain": plain, "kriged": None}
        self.kriging_, self.kriging_note_ = None, f"{self.variogram_.reason} The residuals are not kriged."
        if not self.variogram_.usable:
            return
        kriged = float(np.sqrt(np.mean((self.residuals_ - self._cross_kriged(coordinates, seed)) ** 2)))
        self.inner_rmse_["kriged"] = kriged
        if kriged >= plain:
            self.kriging_note_ = (
                f"Residuals of left-out samples are not predicted by those round them (error {kriged:.3g} instead of {plain:.3g}), "
                "so they are not kriged."
            )
            return
        self.kriging_ = self._krige_with(coordinates, self.residuals_)
        self.kriging_note_ = f"Kriging the residuals brought the error of left-out samples from {plain:.3g} to {kriged:.3g}. {self.variogram_.reason}"

    def _cross_kriged(self, coordinates, seed):
        """Residuals kriged from those of other places; samples of one place are left out together."""
        result = np.zeros(len(self.residuals_))
        folds = inner_folds(len(result), place_labels(coordinates), seed)
        for fold in np.unique(folds):
            here = folds == fold
            result[here] = self._krige_with(coordinates[~here], self.residuals_[~here]).predict(coordinates[here])
        return result

    def _krige_with(self, coordinates, residuals):
        return OrdinaryKriging(self.variogram_, self.neighbours, exact=False).fit(coordinates, residuals)

    def _predict(self, X, coordinates):
        return self.base_.predict_transformed(as_table(self, X), coordinates) + self.krige(coordinates)

    def krige(self, coordinates):
        """Kriged residuals on the modelling scale, shape (n_places,), 0 where they are not kriged; coordinates in metres."""
        return np.zeros(len(coordinates)) if self.kriging_ is None else self.kriging_.predict(coordinates)


def as_table(learner, X, more=()):
    """A matrix with the column names the learner was trained on, and those in `more`; the matrix itself where it was trained without names."""
    names = getattr(learner, "feature_names_in_", None)
    if names is None:
        return X
    import pandas as pd

    return pd.DataFrame(X, columns=[*names, *more])


def out_of_fold(learner, X, y, groups, coordinates, folds, report):
    """Every sample predicted by a copy of a fitted learner that was fitted to the other folds.

    Tuned learners keep the parameters found on all training samples, as in `StackingModel`; others are made anew in every fold.

    Parameters
    ----------
    learner : Learner
        Fitted to all samples.
    X : DataFrame or ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Own unit.
    groups : ndarray of int or None
    coordinates : ndarray of shape (n_samples, 2)
        Metres.
    folds : ndarray of int, shape (n_samples,)
    report : Report

    Returns
    -------
    ndarray of shape (n_samples,)
        Modelling scale.
    """
    from soilcore.models.pipelines import TunedRegressor

    if type(learner) is TunedRegressor:
        return learner.out_of_fold(np.asarray(X, float), y, folds)
    unfitted = _with_parameters_found(learner)
    predicted, labels = np.empty(len(y)), np.unique(folds)
    for number, fold in enumerate(labels):
        test = folds == fold
        report(number, len(labels), f"residuals of fold {number + 1} of {len(labels)}")
        fitted = _copy(unfitted).fit(_rows(X, ~test), y[~test], None if groups is None else groups[~test], coordinates=coordinates[~test])
        predicted[test] = fitted.predict_transformed(_rows(X, test), coordinates[test])
    return predicted


def _with_parameters_found(learner):
    from soilcore.models.stacking import StackingModel

    found = {name: member.parameters_ for name, member in learner.members_.items()} if type(learner) is StackingModel else None
    return _copy(learner) if found is None else _copy(learner).set_params(parameters=found)


def _copy(learner):
    from sklearn.base import clone

    return clone(learner)


def _rows(X, mask):
    return X.loc[mask] if hasattr(X, "loc") else X[mask]
