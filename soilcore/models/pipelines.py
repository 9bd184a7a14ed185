"""One tuned learner: parameters found on inner folds, then a pipeline fitted to all training samples."""

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.progress import part
from soilcore.models.device import choose_device
from soilcore.models.learner import Learner, seeds_of
from soilcore.models.seeds import MeanOfSeeds
from soilcore.models.spaces import Hardware, Table, make_pipeline, space_of
from soilcore.models.tuning import Search, out_of_fold, tune

__all__ = ["MeanOfSeeds", "TunedRegressor"]
_TUNING_SHARE = 0.85  # of the time of a fit, for the progress bar


class TunedRegressor(Learner):
    """PLSR, ridge, SVR, random forest, XGBoost or MLP, tuned inside the training samples.

    Parameters
    ----------
    name : {"plsr", "ridge", "svr", "rf", "xgboost", "mlp"}
    target_transform : {"none", "log10", "log1p"}
        Scale on which the target is modelled.
    trials : int
        Parameter sets tried, the defaults first; 0 fits the defaults. PLSR and ridge try their whole grid (10 components, 15 penalties)
        whatever the number, because that takes milliseconds.
    budget : float, optional
        Seconds after which no further trial starts.
    random_state : int, optional
        Every random choice derives from it.
    jobs : int
        Threads. The result does not depend on it.
    device : {"auto", "cpu", "cuda", "mps"}
        For XGBoost.
    parameters : dict, optional
        Parameters to fit with, without a search; those not named keep their defaults.
    smearing : float
        Factor on the back-transformed prediction (`soilcore.models.transforms.duan_factor`).

    Attributes
    ----------
    pipeline_ : sklearn.pipeline.Pipeline
        Steps ``scale`` (not for trees), ``turn`` (MLP with more columns than samples), ``model``; predicts on the modelling scale.
    parameters_ : dict
        The parameters it was fitted with.
    tuning_ : tuple of dict
        Per trial ``parameters`` and ``rmse``.
    inner_folds_ : ndarray of int, shape (n_samples,)
        Inner folds of the search.
    device_, device_note_ : str
        Where the model was really fitted, and why not where asked.
    """

    minimum_rows = 5

    def __init__(
        self, name="rf", target_transform="none", trials=10, budget=None, random_state=0, jobs=1, device="auto", parameters=None, smearing=1.0
    ):
        self.name = name
        self.target_transform = target_transform
        self.trials = trials
        self.budget = budget
        self.random_state = random_state
        self.jobs = jobs
        self.device = device
        self.parameters = parameters
        self.smearing = smearing

    @property
    def label(self):
        """Its name, for messages."""
        return f"the learner {self.name}"

    def _fit(self, X, z, y, groups, report):
        space_of(self.name)
        check_search(self)
        self._choose_device()
        search_seed, self._model_seed = seeds_of(self.random_state, 2)
        trials = 0 if self.parameters is not None else self.trials
        search = Search(trials, self.budget, search_seed, self.jobs, self.device_)
        tuning = tune(self.name, X, z, y, groups, self.way_back_, search, part(report, 0, _TUNING_SHARE))
        self.parameters_ = {**tuning.parameters, **(self.parameters or {})}
        self.tuning_, self.inner_folds_ = tuning.history, tuning.folds
        report(_TUNING_SHARE, 1, f"fitting {self.name} to {len(z)} samples")
        self.pipeline_ = self._fitted_pipeline(X, z)
        report(1, 1, f"{self.name} is fitted")

    def out_of_fold(self, X, y, folds):
        """Predictions, on the modelling scale, of clones fitted to the other folds with the parameters found.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        y : ndarray of shape (n_samples,)
            Own unit.
        folds : ndarray of int, shape (n_samples,)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        hardware = Hardware(self._model_seed, 1, self.device_)
        return out_of_fold(self.name, self.parameters_, X, self.transform_.forward(y), folds, hardware, self.jobs)

    def _predict(self, X):
        return np.asarray(self.pipeline_.predict(X)).reshape(-1)

    def _choose_device(self):
        if self.name == "xgboost":
            self.device_, self.device_note_ = choose_device(self.device)
        elif self.device not in ("auto", "cpu"):
            self.device_note_ = f"{self.name} runs on the cpu only."

    def _fitted_pipeline(self, X, z):
        pipeline = make_pipeline(self.name, self.parameters_, Table(*X.shape), Hardware(self._model_seed, self.jobs, self.device_))
        pipeline.fit(X, z)
        settle(pipeline)
        return pipeline


def settle(pipeline):
    """Let a fitted pipeline predict the same to the last bit everywhere: on the cpu, summing trees in one order."""
    model = pipeline.steps[-1][1]
    if type(model).__name__ == "RandomForestRegressor":
        model.n_jobs = None  # threads would add up the trees in the order they finish
    elif type(model).__name__ == "XGBRegressor":
        model.set_params(device="cpu")
        model.get_booster().set_param({"device": "cpu"})


def check_search(learner):
    """Refuse settings of the search that mean nothing.

    Raises
    ------
    SettingsError
        With the value and what is possible.
    """
    if not isinstance(learner.trials, (int, np.integer)) or learner.trials < 0:
        raise SettingsError(f"The number of tuning trials is {learner.trials!r}; give a whole number, 0 for the defaults.")
    if learner.budget is not None and not learner.budget > 0:
        raise SettingsError(f"The tuning budget is {learner.budget!r} s; give seconds above 0, or none for no limit.")
    if not isinstance(learner.jobs, (int, np.integer)) or learner.jobs < 1:
        raise SettingsError(f"The number of threads is {learner.jobs!r}; give 1 or more.")
