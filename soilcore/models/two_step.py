"""The dual-step model: a calibrated classification, one regression per class, and their recombination."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.progress import part
from soilcore.models.classifiers import CHOICE_FOLDS, CHOICE_ROWS, choose_classifier, classifier_spec, fit_calibrated, seeds_for, stratified_rows
from soilcore.models.learner import Learner
from soilcore.models.pipelines import check_search
from soilcore.models.smeared_regressor import fit_regression, predict_held_out
from soilcore.models.spaces import space_of
from soilcore.models.two_step_classes import FEWEST_IN_CLASS, checked_edges, inner_class_folds, labels_of, merged_edges
from soilcore.models.two_step_threshold import (
    TAU_CRITERIA,
    THRESHOLD_CRITERIA,
    best_tau,
    class_transform,
    hard,
    hard_labels,
    in_own_unit,
    limits_of,
    search_threshold,
    smearing_factors,
    soft,
    tau_curve,
)

_SEARCHED, _CHOSEN, _CLASSIFIED = 0.35, 0.45, 0.6  # progress at the end of each part


class TwoStepModel(Learner):
    r"""Classification, then one regression per class.

    Classes are divided by thresholds; a value exactly on one belongs to the class below. The classifier's probabilities are calibrated on
    inner folds; each class has a regression on log y, limited to the values of its class; predictions are :math:`\sum_k p_k f_k` (soft) or
    the regression of one class (hard). Threshold, classifier, tau, calibration and tuning see the training samples alone.

    Parameters
    ----------
    at : float or "search"
        Threshold of two classes, unit of the target.
    tau : float or "tune"
        Probability from which a sample counts as high (two classes); "tune" finds it on inner out-of-fold predictions.
    edges : tuple of float
        Ascending thresholds of more classes; then `at` is not used. Classes with fewer than `fewest` training samples are merged.
    mix : {"soft", "hard"}
    classifier : str
        Name in `soilcore.models.classifiers`, or "auto": the one with the best Brier score on inner folds (of at most 3,000 samples).
    regressor : str
        Tuned learner of each class: "xgboost", "rf", "ridge", ...
    train_on : {"true", "predicted"}
        Whether the regression of a class learns from the samples that are in it, or from those predicted (out of fold) to be in it. The
        latter are not limited to the class.
    tau_by : {"f1", "cost", "rmse"}
        What tuning tau looks at. With ``train_on="predicted"`` "rmse" is not possible.
    miss_cost : float
        For "cost": a high sample called low costs this much, a low one called high 1.
    search_by : {"rmse_log", "ccc"}
        What the search of the threshold looks at.
    fewest : int
        Training samples a class needs.
    target_transform, trials, budget, random_state, jobs, device, smearing
        As in `TunedRegressor`; trials and budget are per class. With "none" the regressions use log10 (log1p where zeros occur) inside.

    Attributes
    ----------
    edges_ : tuple of float
    classifier_ : CalibratedClassifier
    regressors_ : tuple of TunedRegressor
        One per class.
    factors_ : ndarray of float, shape (n_classes,)
        Duan's smearing factor of each class, from out-of-fold residuals.
    limits_ : ndarray of float, shape (n_classes, 2), or None
    tau_, tau_curve_ : float, tuple of dict
        The curve is empty for more than two classes.
    search_ : dict or None
        Of `search_threshold`.
    choice_ : tuple of dict
        Classifiers compared, best first; empty where one was named.
    notes_ : tuple of str
        What was done differently than asked, and why.
    inner_folds_, labels_ : ndarray of int, shape (n_samples,)
    oof_probabilities_ : ndarray of float, shape (n_samples, n_classes)
        Calibrated, of training samples their classifier did not see.
    oof_parts_ : ndarray of float, shape (n_samples, n_classes)
        Likewise of the regressions, unit of the target.

    References
    ----------
    Zarif et al., AI-driven spatiotemporal quantification and prediction of soil salinity at European scale using the LUCAS database.
    Duan 1983, 10.1080/01621459.1983.10478017.
    """

    label = "the dual-step model"

    def __init__(
        self,
        at=2.0,
        tau=0.5,
        edges=(),
        mix="soft",
        classifier="auto",
        regressor="xgboost",
        train_on="true",
        tau_by="f1",
        miss_cost=1.0,
        search_by="rmse_log",
        fewest=FEWEST_IN_CLASS,
        target_transform="none",
        trials=10,
        budget=None,
        random_state=0,
        jobs=1,
        device="auto",
        smearing=1.0,
    ):
        self.at = at
        self.tau = tau
        self.edges = edges
        self.mix = mix
        self.classifier = classifier
        self.regressor = regressor
        self.train_on = train_on
        self.tau_by = tau_by
        self.miss_cost = miss_cost
        self.search_by = search_by
        self.fewest = fewest
        self.target_transform = target_transform
        self.trials = trials
        self.budget = budget
        self.random_state = random_state
        self.jobs = jobs
        self.device = device
        self.smearing = smearing

    @property
    def n_classes_(self):
        """Number of classes after merging."""
        return len(self.edges_) + 1

    @property
    def extra_layers_(self):
        """Names of what a map can show beside the prediction."""
        count = self.n_classes_ if hasattr(self, "edges_") else len(self.edges or (0,)) + 1
        chances = ("p_high",) if count == 2 else tuple(f"p_class_{label + 1}" for label in range(count))
        return (*chances, "class", "entropy")

    def probabilities(self, X):
        """Calibrated probability of each class, shape (n_samples, n_classes)."""
        return self.steps(X)[0]

    def steps(self, X):
        """Both steps before they are recombined.

        Returns
        -------
        probabilities, parts : ndarray of float, shape (n_samples, n_classes)
            Probability of each class; prediction of each class's regression, unit of the target.
        """
        from sklearn.utils.validation import check_is_fitted

        from soilcore.models.inputs import checked_new

        check_is_fitted(self, "transform_")
        return self._steps(checked_new(self, X))

    def recombined(self, probabilities, parts, mix=None):
        """Prediction in the target's own unit from both steps, by the model's mix or another one."""
        mixed = hard(probabilities, parts, self.tau_) if (mix or self.mix) == "hard" else soft(probabilities, parts)
        return np.maximum(mixed, 0.0) if self.nonnegative_ else mixed

    def layers(self, probabilities):
        """What `extra_layers_` names: probabilities, class (0 for the lowest), entropy of the probabilities (0 certain, 1 all alike).

        Returns
        -------
        dict of str to ndarray of float, shape (n_rows,)
        """
        *chances, _, _ = self.extra_layers_
        columns = [probabilities[:, 1]] if len(chances) == 1 else list(probabilities.T)
        logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
        entropy = -(probabilities * logs).sum(axis=1) / np.log(self.n_classes_)
        return dict(zip(self.extra_layers_, (*columns, hard_labels(probabilities, self.tau_).astype(float), entropy), strict=True))

    def _fit(self, X, z, y, groups, report):
        self._check_settings()
        seeds, self.notes_ = seeds_for(self.random_state), ()
        self.search_ = self._searched(X, y, groups, seeds["search"], part(report, 0, _SEARCHED))
        asked = (self.search_["threshold"],) if self.search_ else checked_edges(self.edges or (self.at,))
        self.edges_, self.notes_ = merged_edges(y, asked, self.fewest)
        self.labels_ = labels_of(y, self.edges_)
        self.inner_folds_ = inner_class_folds(self.labels_, groups, seeds["folds"])
        name = self._chosen_classifier(X, groups, seeds, part(report, _SEARCHED, _CHOSEN - _SEARCHED))
        report(_CHOSEN, 1, f"fitting and calibrating the classifier {name}")
        self.classifier_ = fit_calibrated(name, X, self.labels_, self.n_classes_, self.inner_folds_, seeds["classifier"], self.jobs)
        self.oof_probabilities_ = self.classifier_.out_of_fold
        self._fit_regressions(X, y, groups, seeds["regression"], part(report, _CLASSIFIED, 1 - _CLASSIFIED))
        report(1, 1, "the dual-step model is fitted")

    def _searched(self, X, y, groups, seed, report):
        if self.edges or self.at != "search":
            return None
        return search_threshold(
            X, y, groups, regressor=self.regressor, criterion=self.search_by, fewest=self.fewest, seed=seed, jobs=self.jobs, report=report
        )

    def _chosen_classifier(self, X, groups, seeds, report):
        self.choice_ = ()
        if self.classifier != "auto":
            return self.classifier
        rows = stratified_rows(self.labels_, CHOICE_ROWS, seeds["choice"])
        folds = inner_class_folds(self.labels_[rows], None if groups is None else groups[rows], seeds["choice"], CHOICE_FOLDS)
        found = choose_classifier(X[rows], self.labels_[rows], self.n_classes_, folds, seeds["choice"], self.jobs, report)
        self.choice_ = tuple({key: row[key] for key in ("name", "brier")} for row in found)
        return found[0]["name"]

    def _fit_regressions(self, X, y, groups, seed, report):
        scale = class_transform(y, self.target_transform)
        z = scale.forward(y)
        if self.train_on == "predicted":
            self._tune_tau()
        own = self._training_classes()
        self.regressors_ = tuple(
            self._regression(X, y, groups, own == label, seed, scale, part(report, 0.8 * label / self.n_classes_, 0.8 / self.n_classes_))
            for label in range(self.n_classes_)
        )
        self.device_, self.device_note_ = self.regressors_[0].device_, self.regressors_[0].device_note_
        report(0.85, 1, "out-of-fold predictions of the regressions")
        z_parts = self._out_of_fold_parts(X, z, own)
        self.factors_ = smearing_factors(z_parts, z, own, scale)
        self.limits_ = limits_of(y, self.edges_) if self.train_on == "true" else None
        self.oof_parts_ = in_own_unit(z_parts, z, own, scale, self.limits_)
        if self.train_on == "true":
            self._tune_tau(y)

    def _training_classes(self):
        """Class whose regression each training sample teaches."""
        if self.train_on == "true":
            return self.labels_
        own = hard_labels(self.oof_probabilities_, self.tau_)
        counts = np.bincount(own, minlength=self.n_classes_)
        if counts.min() >= self.fewest:
            return own
        few = int(np.argmin(counts))
        said = f"Only {counts[few]} training samples are predicted to be in class {few + 1}, so the regressions learn from the true classes."
        self.notes_ = (*self.notes_, said)
        return self.labels_

    def _regression(self, X, y, groups, rows, seed, scale, report):
        settings = {"trials": self.trials, "budget": self.budget, "jobs": self.jobs, "device": self.device}
        groups = None if groups is None else groups[rows]
        return fit_regression(self.regressor, X[rows], y[rows], groups, report, transform=scale.name, seed=seed, **settings)

    def _out_of_fold_parts(self, X, z, own):
        """Each sample predicted, on the scale of the classes, by every class's regression fitted without the sample's fold."""
        parts = np.empty((z.size, self.n_classes_))

        def one(task):
            fold, label = task
            test, regression = self.inner_folds_ == fold, self.regressors_[label]
            train = ~test & (own == label)
            if train.sum() < regression.minimum_rows:  # all of a class in one group
                parts[test, label] = z[own == label].mean()
                return
            parts[test, label] = predict_held_out(regression, X, z, train, test)

        tasks = [(fold, label) for fold in np.unique(self.inner_folds_) for label in range(self.n_classes_)]
        with ThreadPoolExecutor(self.jobs) as pool:
            list(pool.map(one, tasks))
        return parts

    def _tune_tau(self, y=None):
        self.tau_, self.tau_curve_ = (0.5 if self.tau == "tune" else float(self.tau)), ()
        if self.n_classes_ > 2:
            return
        parts = None if y is None else self.oof_parts_
        self.tau_curve_ = tuple(tau_curve(self.labels_, self.oof_probabilities_[:, 1], y, parts, self.miss_cost))
        if self.tau == "tune":
            self.tau_ = best_tau(self.tau_curve_, self.tau_by)

    def _steps(self, X):
        probabilities = self.classifier_.probabilities(X)
        parts = [
            regression.transform_.inverse(regression._predict(X), factor) for regression, factor in zip(self.regressors_, self.factors_, strict=True)
        ]
        return probabilities, self.limited(np.stack(parts, axis=1))

    def limited(self, parts):
        """Predictions of the regressions within the limits of their classes."""
        return parts if self.limits_ is None else np.clip(parts, self.limits_[:, 0], self.limits_[:, 1])

    def _predict(self, X):
        return self.transform_.forward(self.recombined(*self._steps(X)))

    def _check_settings(self):
        check_search(self)
        space_of(self.regressor)
        if self.classifier != "auto":
            classifier_spec(self.classifier)
        choices = {"mix": ("soft", "hard"), "train_on": ("true", "predicted"), "tau_by": TAU_CRITERIA, "search_by": THRESHOLD_CRITERIA}
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise SettingsError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(allowed)}.")
        if self.tau != "tune" and not (_is_number(self.tau) and 0 < self.tau < 1):
            raise SettingsError(f"tau is {self.tau!r}; give a probability between 0 and 1, or 'tune'.")
        if not self.edges and self.at != "search" and not _is_number(self.at):
            raise SettingsError(f"The threshold is {self.at!r}; give a number in the unit of the target, or 'search'.")
        if self.train_on == "predicted" and self.tau == "tune" and self.tau_by == "rmse":
            raise SettingsError(
                "tau cannot be tuned by RMSE when the regressions learn from predicted classes, which need tau. Tune it by f1 or cost."
            )
        if not (_is_number(self.miss_cost) and self.miss_cost > 0):
            raise SettingsError(f"The cost of a missed high sample is {self.miss_cost!r}; give a number above 0.")


def _is_number(value):
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool) and bool(np.isfinite(value))
