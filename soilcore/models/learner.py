"""What all learners share: the checks, the target's scale, the limit at 0, the seeds."""

import warnings
from contextlib import contextmanager

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from soilcore.core.progress import silent
from soilcore.models.inputs import checked_new, checked_places, checked_training
from soilcore.models.transforms import TargetTransform, WayBack

_SMALL = 2_000_000  # values; below, threads of the linear algebra cost more than they bring


class Learner(RegressorMixin, BaseEstimator):
    """Base of every learner: scikit-learn's contract with a target transform inside.

    A subclass gives ``_fit(X, z, y, groups, report)`` and ``_predict(X)``, both on plain float64 arrays, `z` and the prediction on the
    modelling scale. Its ``__init__`` has the parameters ``target_transform`` and ``smearing``. A learner that knows places sets
    ``uses_coordinates``; its two methods then take ``coordinates`` as their last argument.

    Attributes
    ----------
    n_features_in_, feature_names_in_
        Columns of training; the names only where a DataFrame was given.
    transform_ : TargetTransform
    nonnegative_ : bool
        All training targets are at least 0; then predictions below 0 are set to 0.
    device_ : {"cpu", "cuda"}
        Where the fit really ran. ``device_note_`` says why, where another one was asked for.
    """

    minimum_rows = 2
    label = "the learner"
    uses_coordinates = False
    coordinates_optional = False  # whether a learner that knows places also works without
    extra_layers_ = ()  # names of what it can map beside its prediction

    def fit(self, X, y, groups=None, report=silent, coordinates=None):
        """Fit to samples.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n_samples, n_features)
            Predictors, no NaN.
        y : array-like of float, shape (n_samples,)
            Target in its own unit.
        groups : array-like of shape (n_samples,), optional
            Block or group of each sample; everything cross-validated inside keeps groups whole.
        report : Report
            Progress; may raise Stopped.
        coordinates : ndarray of float, shape (n_samples, 2), optional
            Projected metres; only learners with ``uses_coordinates`` look at them.

        Returns
        -------
        self

        Raises
        ------
        ModelError
            If the table or the target cannot be used; the message says how many values, which columns, and what to do.
        """
        X, y, groups = checked_training(self, X, y, groups)
        places = self._places(coordinates, len(y))
        self.transform_ = TargetTransform(self.target_transform)
        self.nonnegative_ = bool((y >= 0).all())
        self.device_, self.device_note_ = "cpu", ""
        with one_thread_for_small(X), expected_warnings():
            self._fit(X, self.transform_.forward(y), y, groups, report, *places)
        return self

    def predict_transformed(self, X, coordinates=None):
        """Prediction on the modelling scale, not limited at 0; shape (n_samples,)."""
        check_is_fitted(self, "transform_")
        X = checked_new(self, X)
        return np.asarray(self._predict(X, *self._places(coordinates, len(X))), dtype=float).reshape(-1)

    def predict(self, X, coordinates=None):
        """Prediction in the target's own unit, shape (n_samples,); at least 0 if all training targets were."""
        return self._original(self.predict_transformed(X, coordinates))

    def _places(self, coordinates, rows):
        """What `_fit` and `_predict` get of the coordinates: nothing, or one checked array (or None where the learner can do without)."""
        return (checked_places(self, coordinates, rows),) if self.uses_coordinates else ()

    @property
    def way_back_(self):
        """From the modelling scale to the own unit (`WayBack`)."""
        return WayBack(self.transform_, self.nonnegative_, float(self.smearing))

    def _original(self, z):
        return self.way_back_(z)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "transform_")


def seeds_of(random_state, count):
    """Independent seeds for the parts of one fit.

    Parameters
    ----------
    random_state : int, None, RandomState or Generator
    count : int

    Returns
    -------
    list of int
        Below 2**32, spawned from one sequence.
    """
    if isinstance(random_state, np.random.RandomState):
        random_state = int(random_state.randint(2**31))
    elif isinstance(random_state, np.random.Generator):
        random_state = int(random_state.integers(2**31))
    return [int(child.generate_state(1)[0]) for child in np.random.SeedSequence(random_state).spawn(count)]


@contextmanager
def expected_warnings():
    """Context without the warnings that are no news: a network that stopped at its iterations, a PLS that had nothing left to explain.

    Entered once, by the thread that starts the others: filters belong to the process.
    """
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "y residual is constant", UserWarning)
        yield


def one_thread_for_small(X):
    """Context in which linear algebra uses one thread when the matrix is small; 27 columns gain nothing from two and lose by waiting."""
    from contextlib import nullcontext

    if X.size > _SMALL:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    return threadpool_limits(limits=1, user_api="blas")
