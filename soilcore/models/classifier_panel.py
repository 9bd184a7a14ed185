"""All classifiers side by side on one set of classes, each calibrated on the same inner folds."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from soilcore.models.classifiers import classifier_names, fit_calibrated, seeds_for
from soilcore.models.inputs import checked_new
from soilcore.models.learner import Learner
from soilcore.models.two_step_classes import checked_edges, inner_class_folds, labels_of


class ClassifierPanel(Learner):
    """Fits every classifier, for comparison under outer folds; its own prediction is the mean probability of the highest class.

    Parameters
    ----------
    edges : tuple of float
        Thresholds between the classes, unit of the target.
    names : tuple of str
        Classifiers; empty for the seven that are compared.
    random_state, jobs : int
        Classifiers are fitted side by side in `jobs` threads; the result does not depend on it.
    target_transform, smearing
        Not used; part of every learner.

    Attributes
    ----------
    classifiers_ : dict of str to CalibratedClassifier
    seconds_ : dict of str to float
        Wall time of fitting and calibrating.
    """

    label = "the comparison of classifiers"
    minimum_rows = 10

    def __init__(self, edges=(2.0,), names=(), random_state=0, jobs=1, target_transform="none", smearing=1.0):
        self.edges = edges
        self.names = names
        self.random_state = random_state
        self.jobs = jobs
        self.target_transform = target_transform
        self.smearing = smearing

    def _fit(self, X, z, y, groups, report):
        labels = labels_of(y, checked_edges(self.edges))
        seeds = seeds_for(self.random_state)
        folds = inner_class_folds(labels, groups, seeds["folds"])
        names, done = self.names or classifier_names(), []

        def one(name):
            started = time.perf_counter()
            fitted = fit_calibrated(name, X, labels, len(self.edges) + 1, folds, seeds["classifier"])
            done.append(name)
            return fitted, time.perf_counter() - started

        with ThreadPoolExecutor(self.jobs) as pool:
            waiting = [(name, pool.submit(one, name)) for name in names]
            found = {}
            for name, result in waiting:
                report(len(done), len(names), f"comparing classifiers: {name}")
                found[name] = result.result()
        self.classifiers_ = {name: fitted for name, (fitted, _) in found.items()}
        self.seconds_ = {name: seconds for name, (_, seconds) in found.items()}

    def probabilities(self, X):
        """Calibrated probabilities by classifier, each of shape (n_samples, n_classes)."""
        X = checked_new(self, X)
        return {name: fitted.probabilities(X) for name, fitted in self.classifiers_.items()}

    def _predict(self, X):
        return np.mean([fitted.probabilities(X)[:, -1] for fitted in self.classifiers_.values()], axis=0)
