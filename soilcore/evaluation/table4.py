"""The layout of Table 4 of paper 002: methods by feature sets, scored on calibration and on validation samples.

The paper does not say how its calibration columns came about, so both readings are given: ``resub`` predicts the samples the learner was fitted on,
which flatters; ``oof`` predicts each sample out of fold within the calibration set.
"""

from dataclasses import dataclass

import numpy as np

from soilcore.core.progress import part, silent
from soilcore.evaluation.blocks import deal
from soilcore.evaluation.metrics import regression_scores
from soilcore.evaluation.protocol import Evaluation, check_data, evaluate, fit_clone, predict_checked, take

METHODS = ("Stacking", "XGBoost", "RF", "MLP", "PLSR")
_INNER_FOLDS = 5


@dataclass(frozen=True)
class Calibration:
    """Predictions for the samples a learner was fitted on.

    Parameters
    ----------
    observed, resub, oof : ndarray of float, shape (n_samples,)
        The target; predicted by the learner fitted on all samples; predicted out of fold within them. Original unit.
    learner : estimator
        The learner fitted on all samples.
    """

    observed: np.ndarray
    resub: np.ndarray
    oof: np.ndarray
    learner: object


@dataclass(frozen=True)
class Table4:
    """The table and the pairs behind it.

    Parameters
    ----------
    rows : tuple of dict
        See `table4`.
    calibrations, evaluations : dict
        Calibration and Evaluation by (feature set, method): the observed and predicted pairs of the scatter plots.
    """

    rows: tuple[dict, ...]
    calibrations: dict[tuple[str, str], Calibration]
    evaluations: dict[tuple[str, str], Evaluation]

    def pairs(self, features, method):
        """Observed and predicted values for a scatter plot, original unit.

        Returns
        -------
        dict
            ``calibration``: ``observed``, ``resub``, ``oof``; ``validation``: ``observed``, ``predicted`` of the first repeat (a mean over
            repeats would be a better model than any that was scored).
        """
        calibration, evaluation = self.calibrations[features, method], self.evaluations[features, method]
        return {
            "calibration": {"observed": calibration.observed, "resub": calibration.resub, "oof": calibration.oof},
            "validation": {"observed": evaluation.observed, "predicted": evaluation.out_of_fold[0]},
        }


def table4(feature_sets, learners, y, splits, report=silent):
    """Score every method on every feature set, as Table 4 of paper 002 is laid out.

    Parameters
    ----------
    feature_sets : dict of str to DataFrame or ndarray of shape (n_samples, n_features)
        E.g. {"N-SI": novel indices, "SI": existing ones}.
    learners : dict of str to estimator
        E.g. Stacking, XGBoost, RF, MLP, PLSR, unfitted.
    y : array-like of float, shape (n_samples,)
        Target, original unit.
    splits : Splits
        Outer folds for the validation columns.
    report : Report
        May raise Stopped.

    Returns
    -------
    Table4
        Rows with ``features``, ``model``; calibration ``r2_c_resub``, ``rmse_c_resub``, ``mae_c_resub``, ``r2_c_oof``, ``rmse_c_oof``,
        ``mae_c_oof``; validation ``r2_v``, ``rmse_v``, ``mae_v``, ``ccc_v``, ``rpiq_v``, ``me_v`` (means over repeats), the first three with
        ``_sd`` (ddof 1 over repeats, NaN for one); ``scheme``, ``repeats``, ``n``, ``seconds`` of the validation.

    References
    ----------
    Paper 002 (Lan et al.), Table 4. Departs from the paper: the folds are named and repeated, and calibration has two columns of each score.
    """
    cases = [(features, method) for features in feature_sets for method in learners]
    rows, calibrations, evaluations = [], {}, {}
    for i, (features, method) in enumerate(cases):
        X, learner, name, half = feature_sets[features], learners[method], f"{method} on {features}", 0.5 / len(cases)
        first, second = part(report, 2 * i * half, half), part(report, (2 * i + 1) * half, half)
        evaluations[features, method] = evaluate(learner, X, y, splits, first, name=name)
        second(0, 1, f"{name}: calibration")
        calibrations[features, method] = calibrate(learner, X, y, splits.groups, second, seed=splits.seed, name=name)
        rows.append({"features": features, "model": method, **_row(calibrations[features, method], evaluations[features, method])})
    return Table4(tuple(rows), calibrations, evaluations)


def calibrate(learner, X, y, groups=None, report=silent, *, seed=0, name=""):
    """Fit on all samples and predict the same samples, both ways.

    Parameters
    ----------
    learner : estimator
        If the fitted learner has ``meta_oof_`` (a stack: level 1 cross-validated on the members' out-of-fold predictions;
        shape (n_samples,), original unit) that is its ``oof``; others are refitted on five folds, whole groups together where there are groups.
    X, y, groups
        As in `evaluate`; `groups` may be None.
    report : Report
    seed : int
        Draws the five folds.
    name : str
        For messages.

    Returns
    -------
    Calibration
    """
    y = check_data(X, y)
    name = name or type(learner).__name__
    fitted = fit_clone(learner, X, y, groups, part(report, 0, 1 / (_INNER_FOLDS + 1)))
    resub = predict_checked(fitted, X, name)
    own = getattr(fitted, "meta_oof_", None)
    oof = np.asarray(own, dtype=float) if own is not None else _inner_out_of_fold(learner, X, y, groups, report, seed, name)
    return Calibration(y, resub, oof, fitted)


def _inner_out_of_fold(learner, X, y, groups, report, seed, name):
    labels = np.arange(y.size) if groups is None else np.unique(groups, return_inverse=True)[1]
    count = min(_INNER_FOLDS, int(labels.max()) + 1)
    folds = deal(labels, count, np.random.default_rng(seed))
    predicted = np.empty(y.size)
    for fold in range(count):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        inner = None if groups is None else groups[train]
        fitted = fit_clone(learner, take(X, train), y[train], inner, part(report, (fold + 1) / (count + 1), 1 / (count + 1)))
        predicted[test] = predict_checked(fitted, take(X, test), name)
    return predicted


def _row(calibration, evaluation):
    resub, oof = (regression_scores(calibration.observed, predicted) for predicted in (calibration.resub, calibration.oof))
    repeats = [regression_scores(evaluation.observed, predicted) for predicted in evaluation.out_of_fold]
    calibrated = {f"{score}_c_{kind}": scores[score] for kind, scores in (("resub", resub), ("oof", oof)) for score in ("r2", "rmse", "mae")}
    validated = {f"{score}_v": evaluation.scores[score] for score in ("r2", "rmse", "mae", "ccc", "rpiq", "me")}
    spread = {f"{score}_v_sd": _sd([scores[score] for scores in repeats]) for score in ("r2", "rmse", "mae")}
    facts = {"scheme": evaluation.splits.label, "repeats": evaluation.splits.n_repeats, "n": evaluation.observed.size, "seconds": evaluation.seconds}
    return {**calibrated, **validated, **spread, **facts}


def _sd(values):
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
