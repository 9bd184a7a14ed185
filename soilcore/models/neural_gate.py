"""Whether there are enough samples for a network: measured on the samples it was fitted to, beside a learner that needs few.

A rule of so many samples per adjusted number would be wrong for networks: how many they need depends on what there is to learn. So every fit asks
on its own samples: those that were held out to end the training are predicted by a random forest (spectra: PLSR) of the same table as well,
fitted to the same others. The network has the advantage that its training ended where these very samples were predicted best. Where it still
loses by more than luck, there are too few samples for it, or nothing in the windows that the table does not say already. What a comparison under
the same folds says is in `soilcore.trust.gate`.
"""

from dataclasses import dataclass

import numpy as np

SIMPLER = "stacking"
_SIMPLER = {"plsr": "plsr"}  # where the reference itself is the better choice
_MARGIN = 1.05  # times the error of the simpler learner; below, samples of luck
_FEWEST = 8  # held-out samples
_MOST_ROWS = 3000  # the simpler learner is fitted to at most so many; it needs few
_REFERENCES = {"spectra": ("plsr", "PLSR", {}), "other": ("rf", "a random forest", {"n_estimators": 50})}


@dataclass(frozen=True)
class Measured:
    """Errors on the samples that were held out of training, on the scale the network was trained on.

    Parameters
    ----------
    reference : str
        Name of the simpler learner.
    words : str
        The same for people.
    train, held_out : int
        Samples.
    network_rmse, reference_rmse : float
    """

    reference: str
    words: str
    train: int
    held_out: int
    network_rmse: float
    reference_rmse: float

    @property
    def is_worse(self):
        """Whether the network loses clearly."""
        return self.network_rmse > _MARGIN * self.reference_rmse


def measure(learner, X, target, predicted, division, seed):
    """Compare a network with a simpler learner on the samples that were held out of its training.

    Parameters
    ----------
    learner : NetworkBase
    X : ndarray of shape (n_samples, n_features)
        Predictors; NaN are replaced by the median of the training rows.
    target : ndarray of shape (n_samples,)
        As the network was trained on.
    predicted : ndarray of shape (n_held_out,)
        By the network, on the same scale.
    division : Division
    seed : int

    Returns
    -------
    Measured or None
        None where too few samples were held out, or the table says nothing.
    """
    from soilcore.models.pipelines import TunedRegressor

    train, held_out = division.train, division.validation
    if held_out.size < _FEWEST or train.size < _FEWEST or not np.ptp(target[train]) > 0:
        return None
    if train.size > _MOST_ROWS:
        train = np.sort(np.random.default_rng(seed).choice(train, _MOST_ROWS, replace=False))
    X = _filled(X, train)
    name, words, parameters = _REFERENCES.get(learner.profile.family, _REFERENCES["other"])
    simpler = TunedRegressor(name, trials=0, random_state=seed, jobs=int(learner.jobs), device="cpu", parameters=parameters or None)
    simpler.fit(X[train], target[train])
    errors = [_rmse(values, target[held_out]) for values in (predicted, simpler.predict(X[held_out]))]
    return Measured(name, words, int(train.size), int(held_out.size), *errors)


def too_few_samples(name, measured):
    """A sentence where a network lost against a simpler learner, else an empty text.

    Parameters
    ----------
    name : str
        Of the network.
    measured : Measured or None

    Returns
    -------
    str
    """
    if measured is None or not measured.is_worse:
        return ""
    better = _SIMPLER.get(measured.reference, SIMPLER)
    return (
        f"Too few samples for {name}, or nothing to learn beyond the table: trained on {measured.train} samples, it misses the {measured.held_out} held "
        f"out by {measured.network_rmse:.3g}, {measured.words} by {measured.reference_rmse:.3g}. Simpler learners such as {better} are better here."
    )


def _rmse(predicted, observed):
    return float(np.sqrt(np.mean((np.asarray(predicted, float) - observed) ** 2)))


def _filled(X, train):
    """The table without gaps: each replaced by the median of its column's training rows, 0 where all are missing."""
    gaps = ~np.isfinite(X)
    if not gaps.any():
        return X
    known = np.where(gaps[train], np.nan, X[train])
    medians = np.array([np.median(column[np.isfinite(column)]) if np.isfinite(column).any() else 0.0 for column in known.T])
    return np.where(gaps, medians, X)
