"""From the scores of a classifier to probabilities: isotonic steps where samples are many, a sigmoid where they are few."""

from dataclasses import dataclass

import numpy as np

ISOTONIC_FROM = 1000  # samples; below, isotonic steps follow noise
_LOWEST = 1e-4  # scores nearer to 0 or 1 count as this far: a forest is never certain


@dataclass(frozen=True)
class Calibrator:
    """A rising function of a score within 0-1.

    Parameters
    ----------
    scores, values : ndarray of float, shape (n_knots,)
        Isotonic: probabilities at scores, straight between. Sigmoid: `scores` is empty and `values` holds slope and constant of the log odds.
    """

    scores: np.ndarray
    values: np.ndarray

    def __call__(self, score):
        """Calibrated probability of each score, shape (n_rows,)."""
        if self.scores.size:
            return np.interp(score, self.scores, self.values)
        from scipy.special import expit

        slope, constant = self.values
        return expit(slope * _log_odds(score) + constant)


def fit_calibrator(score, truth):
    """A calibrator of one class against the rest.

    Parameters
    ----------
    score : ndarray of float, shape (n_samples,)
        Within 0-1, of samples the classifier was not fitted to.
    truth : ndarray of bool, shape (n_samples,)

    Returns
    -------
    Calibrator
        Never falling: a classifier that is worse than chance becomes the constant prevalence, not an inverted one. No sample is certain:
        probabilities stay 1 / (n + 2) away from 0 and 1.

    References
    ----------
    Zadrozny and Elkan 2002, 10.1145/775047.775151; Platt 1999, with his smoothed targets.
    """
    truth = np.asarray(truth, bool)
    return _isotonic(score, truth) if truth.size >= ISOTONIC_FROM else _sigmoid(score, truth)


def calibrate(raw, labels, n_classes):
    """One calibrator for two classes (of the upper), else one per class against the rest.

    Parameters
    ----------
    raw : ndarray of float, shape (n_samples, n_classes)
        Out of fold.
    labels : ndarray of int, shape (n_samples,)

    Returns
    -------
    tuple of Calibrator
    """
    if n_classes == 2:
        return (fit_calibrator(raw[:, 1], labels == 1),)
    return tuple(fit_calibrator(raw[:, label], labels == label) for label in range(n_classes))


def calibrated(raw, calibrators):
    """Calibrated probabilities of raw ones; shape (n_rows, n_classes), rows sum to 1."""
    if len(calibrators) == 1:
        upper = calibrators[0](raw[:, 1])
        return np.column_stack([1 - upper, upper])
    values = np.stack([calibrator(raw[:, label]) for label, calibrator in enumerate(calibrators)], axis=1)
    return values / values.sum(axis=1, keepdims=True)


def cross_calibrated(raw, labels, folds, n_classes):
    """Probabilities of samples whose own class took no part in their calibration: each fold by calibrators of the other folds.

    Parameters
    ----------
    raw : ndarray of float, shape (n_samples, n_classes)
        Out of fold.
    labels, folds : ndarray of int, shape (n_samples,)

    Returns
    -------
    ndarray of float, shape (n_samples, n_classes)
    """
    probabilities = np.empty_like(raw)
    for fold in np.unique(folds):
        test = folds == fold
        probabilities[test] = calibrated(raw[test], calibrate(raw[~test], labels[~test], n_classes))
    return probabilities


def _isotonic(score, truth):
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(score, truth.astype(float))
    margin = 1 / (truth.size + 2)
    return Calibrator(np.asarray(fitted.X_thresholds_, float), np.clip(np.asarray(fitted.y_thresholds_, float), margin, 1 - margin))


def _sigmoid(score, truth):
    from sklearn.linear_model import LogisticRegression

    high, low = int(truth.sum()), int((~truth).sum())
    prevalence = (high + 1) / (truth.size + 2)
    flat = Calibrator(np.empty(0), np.array([0.0, np.log(prevalence / (1 - prevalence))]))
    odds = _log_odds(score)
    if not (high and low) or np.ptp(odds) == 0:
        return flat
    target = np.where(truth, (high + 1) / (high + 2), 1 / (low + 2))
    spread = float(odds.std())
    fitted = LogisticRegression(C=1e6).fit(
        np.tile(odds / spread, 2)[:, None], np.repeat([1, 0], truth.size), sample_weight=np.concatenate([target, 1 - target])
    )
    slope = float(fitted.coef_[0, 0]) / spread
    return Calibrator(np.empty(0), np.array([slope, float(fitted.intercept_[0])])) if slope > 0 else flat


def _log_odds(score):
    bounded = np.clip(score, _LOWEST, 1 - _LOWEST)
    return np.log(bounded / (1 - bounded))
