"""Which threshold divides the classes, and from which probability a sample counts as high: searched inside the training samples."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.core.progress import silent
from soilcore.evaluation.metrics import regression_scores
from soilcore.models.classifiers import fit_classifier
from soilcore.models.spaces import Hardware, Table, make_pipeline
from soilcore.models.transforms import TargetTransform
from soilcore.models.two_step_classes import inner_class_folds, labels_of

SEARCH_ROWS = 3000  # the search looks at most at so many training samples
SEARCH_FOLDS = 3
QUANTILES = tuple(np.round(np.arange(0.30, 0.951, 0.05), 2))
CUSTOMARY = (1.0, 2.0, 4.0)  # dS/m; tried beside the quantiles
SMALLEST_SHARE = 0.05
TAUS = tuple(np.round(np.arange(0.05, 0.951, 0.05), 2))
TAU_CRITERIA = ("f1", "cost", "rmse")
THRESHOLD_CRITERIA = ("rmse_log", "ccc")
_QUICK = {"xgboost": {"rounds": 80, "learning_rate": 0.1, "max_depth": 4}}  # regressions of the search; others as their defaults are


def candidate_thresholds(y, fewest):
    """Thresholds worth trying: quantiles 0.30-0.95 and 1, 2 and 4, where each class keeps max(`fewest`, 5 %) of the samples.

    Parameters
    ----------
    y : ndarray of float, shape (n_samples,)
    fewest : int

    Returns
    -------
    list of float
        Ascending; may be empty.
    """
    least = max(fewest, SMALLEST_SHARE * y.size)
    tried = sorted({*np.quantile(y, QUANTILES).tolist(), *CUSTOMARY})
    return [value for value in tried if least <= (y > value).sum() <= y.size - least]


def search_threshold(X, y, groups, *, regressor="xgboost", criterion="rmse_log", fewest=30, seed=0, jobs=1, report=silent):
    """Try thresholds on inner folds of the training samples.

    Classifier and regressions are quick ones (XGBoost without weights, whose probabilities need no second round of calibration, and
    untuned regressions), on at most 3,000 samples: they rank thresholds, they are not the model.

    Parameters
    ----------
    X : ndarray of float, shape (n_samples, n_features)
    y : ndarray of float, shape (n_samples,)
        Unit of the target.
    groups : ndarray of int or None
        Whole groups stay in one fold.
    regressor : str
        Learner inside each class.
    criterion : {"rmse_log", "ccc"}
        What is best: the smallest RMSE of log10 (of the value where zeros or negative values occur), or the highest concordance.
    fewest : int
        Samples each class needs at least.
    seed, jobs : int
    report : Report

    Returns
    -------
    dict
        ``threshold``; ``criterion``; ``curve``: per threshold ``threshold``, ``rmse_log``, ``rmse_log_se`` (over folds), ``ccc``, ``rmse``,
        ``n_low``, ``n_high`` (of all training samples); ``single``: the same scores of one quick regression for all; ``n`` samples looked at.

    Raises
    ------
    ModelError
        If no threshold leaves enough samples on both sides.
    """
    rows = np.arange(y.size)
    if y.size > SEARCH_ROWS:
        rows = np.sort(np.random.default_rng(seed).permutation(y.size)[:SEARCH_ROWS])
    thresholds = candidate_thresholds(y[rows], fewest)
    if not thresholds:
        raise ModelError(
            f"No threshold leaves {max(fewest, int(np.ceil(SMALLEST_SHARE * rows.size)))} of {rows.size} samples on both sides "
            f"(values from {y.min():.4g} to {y.max():.4g}). Use one regression for all, or collect more samples."
        )
    part = groups[rows] if groups is not None else None
    quick = _QuickFit(X[rows], y[rows], part, regressor, seed, jobs)
    curve = []
    for number, threshold in enumerate(thresholds):
        report(number, len(thresholds), f"searching the threshold: {threshold:.4g}")
        above = int((y > threshold).sum())
        curve.append({"threshold": float(threshold), **quick.scores((threshold,)), "n_low": y.size - above, "n_high": above})
    best = min(curve, key=lambda row: row["rmse_log"]) if criterion == "rmse_log" else max(curve, key=lambda row: row["ccc"])
    return {"threshold": best["threshold"], "criterion": criterion, "curve": curve, "single": quick.scores(()), "n": int(rows.size)}


class _QuickFit:
    """Soft mixes of quick models on inner folds, for any threshold."""

    def __init__(self, X, y, groups, regressor, seed, jobs):
        self.X, self.y, self.groups, self.regressor, self.seed, self.jobs = X, y, groups, regressor, seed, jobs
        self.transform = class_transform(y)
        self.z = self.transform.forward(y)

    def scores(self, edges):
        """Scores of the recombined out-of-fold predictions; of one regression for all without edges."""
        labels = labels_of(self.y, edges)
        folds = inner_class_folds(labels, self.groups, self.seed, SEARCH_FOLDS)
        classes = len(edges) + 1
        shares, parts = np.ones((self.y.size, classes)), np.empty((self.y.size, classes))

        def one(fold):
            test = folds == fold
            if classes > 1:
                shares[test] = fit_classifier("xgboost", self.X[~test], labels[~test], classes, self.seed, weighted=False).probabilities(self.X[test])
            for label in range(classes):
                parts[test, label] = self._regression(~test & (labels == label), test)

        with ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(one, range(folds.max() + 1)))
        mixed = soft(shares, in_own_unit(parts, self.z, labels, self.transform, limits_of(self.y, edges)))
        return self._scored(mixed, folds)

    def _regression(self, train, test):
        if train.sum() < 2:
            return np.full(int(test.sum()), self.z[train].mean() if train.any() else self.z.mean())
        table = Table(int(train.sum()), self.X.shape[1])
        pipeline = make_pipeline(self.regressor, _QUICK.get(self.regressor, {}), table, Hardware(self.seed, 1, "cpu", trial=True))
        return np.ravel(pipeline.fit(self.X[train], self.z[train]).predict(self.X[test]))

    def _scored(self, predicted, folds):
        scale = self.transform
        squares = (scale.forward(np.maximum(predicted, self.y.min()) if scale.name != "none" else predicted) - self.z) ** 2
        by_fold = [float(np.sqrt(squares[folds == fold].mean())) for fold in range(folds.max() + 1)]
        scores = regression_scores(self.y, predicted)
        spread = float(np.std(by_fold, ddof=1) / np.sqrt(len(by_fold))) if len(by_fold) > 1 else np.nan
        return {"rmse_log": float(np.sqrt(squares.mean())), "rmse_log_se": spread, "ccc": scores["ccc"], "rmse": scores["rmse"]}


def class_transform(y, wanted="none"):
    """Scale of the regressions inside the classes: as the target is modelled, else log10, or log1p where zeros occur, or none below 0."""
    if wanted != "none":
        return TargetTransform(wanted)
    return TargetTransform("log10" if y.min() > 0 else "log1p" if y.min() >= 0 else "none")


def limits_of(y, edges):
    """Lowest and highest value a class can have: its thresholds; 0 (or the smallest value, if negative) and the largest at the ends.

    Returns
    -------
    ndarray of float, shape (n_classes, 2)
    """
    bounds = [min(0.0, float(y.min())), *edges, float(y.max())]
    return np.column_stack([bounds[:-1], bounds[1:]])


def smearing_factors(z_out_of_fold, z, labels, transform):
    """Duan's factor of every class, from out-of-fold residuals of its own samples; 1 without a logarithm.

    Parameters
    ----------
    z_out_of_fold : ndarray of float, shape (n_samples, n_classes)
        Each sample predicted, on the scale of the classes, by every class's regression.
    z : ndarray of float, shape (n_samples,)
    labels : ndarray of int, shape (n_samples,)
        Class whose regression a sample belongs to.
    transform : TargetTransform

    Returns
    -------
    ndarray of float, shape (n_classes,)
    """
    factors = np.ones(z_out_of_fold.shape[1])
    if transform.name == "none":
        return factors
    for label in range(factors.size):
        own = labels == label
        if own.any():
            residuals = z[own] - z_out_of_fold[own, label]
            factors[label] = np.mean(10.0**residuals if transform.name == "log10" else np.exp(residuals))
    return factors


def in_own_unit(z_parts, z, labels, transform, limits):
    """Out-of-fold predictions of the classes in the unit of the target: smeared, and within the limits of each class."""
    factors = smearing_factors(z_parts, z, labels, transform)
    parts = np.stack([transform.inverse(z_parts[:, label], factors[label]) for label in range(factors.size)], axis=1)
    return parts if limits is None else np.clip(parts, limits[:, 0], limits[:, 1])


def soft(probabilities, parts):
    r"""Recombination :math:`\sum_k p_k f_k`: the conditional mean, where the probabilities and the parts are right."""
    return (probabilities * parts).sum(axis=1)


def hard(probabilities, parts, tau=0.5):
    """Recombination by one class each: the high one from `tau` on (two classes), else the likeliest."""
    return parts[np.arange(len(parts)), hard_labels(probabilities, tau)]


def hard_labels(probabilities, tau=0.5):
    """Class of each row: for two classes the high one where p >= tau, else the likeliest."""
    if probabilities.shape[1] == 2:
        return (probabilities[:, 1] >= tau).astype(int)
    return probabilities.argmax(axis=1)


def tau_curve(labels, high, y=None, parts=None, miss_cost=1.0):
    """F1, cost and RMSE of the hard mix for every tau.

    Parameters
    ----------
    labels : ndarray of int, shape (n_samples,)
        0 or 1.
    high : ndarray of float, shape (n_samples,)
        Out-of-fold probability of class 1.
    y : ndarray of float, optional
    parts : ndarray of float, shape (n_samples, 2), optional
        Out-of-fold predictions of both regressions, unit of `y`. Without them RMSE is NaN.
    miss_cost : float
        Cost of a high sample called low; a low one called high costs 1.

    Returns
    -------
    list of dict
        ``tau``, ``precision``, ``recall``, ``f1``, ``cost`` (per sample), ``rmse``.
    """
    truth, rows = labels == 1, []
    for tau in TAUS:
        called = high >= tau
        hit, false, missed = int((called & truth).sum()), int((called & ~truth).sum()), int((~called & truth).sum())
        rmse = np.nan if parts is None else float(np.sqrt(np.mean((np.where(called, parts[:, 1], parts[:, 0]) - y) ** 2)))
        rows.append(
            {
                "tau": float(tau),
                "precision": hit / (hit + false) if hit + false else 0.0,
                "recall": hit / (hit + missed) if hit + missed else 0.0,
                "f1": 2 * hit / (2 * hit + false + missed) if hit else 0.0,
                "cost": (false + miss_cost * missed) / truth.size,
                "rmse": rmse,
            }
        )
    return rows


def best_tau(curve, criterion):
    """Tau of the highest F1, or of the lowest cost or RMSE; of equals the one nearest to 0.5."""
    sign = -1 if criterion == "f1" else 1
    best = min(sign * row[criterion] for row in curve)
    return min((row["tau"] for row in curve if sign * row[criterion] == best), key=lambda tau: (abs(tau - 0.5), tau))
