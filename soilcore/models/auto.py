"""The learner `auto`: one default for small samples, a weighted mean of members chosen by what the samples are made of."""

import time

import numpy as np

from soilcore.core.errors import ModelError, SettingsError
from soilcore.core.progress import part
from soilcore.models.auto_candidates import candidates
from soilcore.models.auto_features import Views
from soilcore.models.auto_weights import member_weights, without_small
from soilcore.models.learner import Learner, seeds_of
from soilcore.models.pipelines import check_search
from soilcore.models.tuning import inner_folds

BUDGET = 10.0  # seconds of processor time
KINDS = ("pls", "gp", "svr", "trees", "boosted")
_PARTITIONS, _FOLDS = 2, 5
_BEYOND = 0.5  # of the training range, as far as a member may leave it


class AutoModel(Learner):
    """Partial least squares, Gaussian processes, support vectors and trees on spectra, tables and places, weighed by inner cross-validation.

    Which members there are follows from the number of samples and the kinds of columns alone. Spectra are recognised by the names of their
    columns and enter in several preprocessings. Every member predicts its own training samples out of fold; its weight falls exponentially
    with its error there, and what is missing to a sum of 1 goes to the mean of the target.

    Parameters
    ----------
    target_transform, random_state, smearing
        As in `soilcore.models.pipelines.TunedRegressor`.
    trials, device
        Not used: the candidates are fixed, and all run on the cpu. Here so that all learners are made alike.
    budget : float, optional
        Seconds after which no further member is fitted. If not given, 10 seconds of processor time, so that a busy machine changes nothing;
        for some thousand samples all members fit in, and then the result depends on the seed alone.
    jobs : int
        Threads of members that run side by side. The result does not depend on it, unless the time runs out (see `note_`).
    kinds : tuple of {"pls", "gp", "svr", "trees", "boosted"}
        What members there may be; all by default.
    least_weight : float
        Members that would weigh less are left out, and the others take over what they weighed; maps and archives need not carry them.

    Attributes
    ----------
    members_ : dict of str to Member
        Those with a weight.
    weights_ : dict of str to float
        Of all members that were fitted.
    member_scores_ : dict of str to float
        R2 out of inner folds, modelling scale.
    Z_ : ndarray of shape (n_samples, n_members)
        Out-of-fold predictions of all that were fitted, in the order of `weights_`, modelling scale.
    inner_oof_ : ndarray of shape (n_samples,)
        The weighted mean out of inner folds, modelling scale.
    inner_score_ : float
        Its R2. The weights saw these samples: optimistic by little.
    note_ : str
        What was left out for lack of time or too many samples; empty if nothing was.
    """

    minimum_rows = 10
    label = "the learner auto"
    uses_coordinates = True
    coordinates_optional = True

    def __init__(
        self, target_transform="none", trials=10, budget=None, random_state=0, jobs=1, device="auto", kinds=KINDS, least_weight=0.01, smearing=1.0
    ):
        self.target_transform = target_transform
        self.trials = trials
        self.budget = budget
        self.random_state = random_state
        self.jobs = jobs
        self.device = device
        self.kinds = kinds
        self.least_weight = least_weight
        self.smearing = smearing

    def _fit(self, X, z, y, groups, report, coordinates):
        check_search(self)
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise SettingsError(f"There are no members of the kind {', '.join(map(repr, unknown))}. Kinds: {', '.join(KINDS)}.")
        names = getattr(self, "feature_names_in_", None)
        self.views_ = Views(None if names is None else [str(name) for name in names]).fit(X, coordinates)
        views = self.views_(X, coordinates)
        *fold_seeds, seed = seeds_of(self.random_state, _PARTITIONS + 1)
        partitions = [inner_folds(len(z), groups, fold_seed, _FOLDS) for fold_seed in fold_seeds]
        self.mean_, self.low_, self.high_ = float(z.mean()), *_allowed(z)
        proposed, self.note_ = candidates(views, len(z), groups is not None and groups.max() > 0)
        proposed = [member for member in proposed if member.kind in self.kinds]
        fitted = self._fit_members(proposed, (views, z, partitions, seed), part(report, 0, 0.95))
        report(0.95, 1, "weighing the members")
        self._weigh(fitted, z)
        report(1, 1, f"auto is fitted: {len(self.members_)} members")

    def _fit_members(self, proposed, given, report):
        """Members in order until the time is over; the first one always."""
        from concurrent.futures import ThreadPoolExecutor

        started, spent = time.perf_counter(), []

        def fit(position, member):
            over = sum(spent) > BUDGET if self.budget is None else time.perf_counter() - started > self.budget
            if position and over:
                return None
            report(position, len(proposed), f"auto: {member.name}")
            before = time.thread_time()
            member.fit(*given)
            spent.append(time.thread_time() - before)
            return member

        if self.jobs == 1:
            done = [fit(position, member) for position, member in enumerate(proposed)]
        else:
            with ThreadPoolExecutor(self.jobs) as pool:
                done = list(pool.map(fit, range(len(proposed)), proposed))
        left_out = [member.name for member, result in zip(proposed, done, strict=True) if result is None]
        if left_out:
            self.note_ = " ".join([*[self.note_] * bool(self.note_), f"Not fitted within the time: {', '.join(left_out)}."])
        return [member for member in done if member is not None]

    def _weigh(self, fitted, z):
        columns = [np.clip(member.left_out_, self.low_, self.high_).mean(axis=0) for member in fitted]
        Z = np.column_stack(columns) if columns else np.empty((len(z), 0))  # no column varies: only the mean is left
        weights = without_small(member_weights(Z, z), self.least_weight)
        total = float(((z - z.mean()) ** 2).sum()) or 1.0
        self.weights_ = {member.name: float(weight) for member, weight in zip(fitted, weights, strict=True)}
        self.member_scores_ = {member.name: 1.0 - float(((Z[:, i] - z) ** 2).sum()) / total for i, member in enumerate(fitted)}
        self.members_ = {member.name: member for member in fitted if self.weights_[member.name] > 0}
        self.Z_ = Z
        self.inner_oof_ = self.mean_ + (Z - self.mean_) @ weights
        self.inner_score_ = 1.0 - float(((self.inner_oof_ - z) ** 2).sum()) / total

    def _predict(self, X, coordinates):
        total = np.full(len(X), self.mean_)
        if not self.members_:
            return total
        if coordinates is None and self.views_.place_ is not None:
            raise ModelError(
                "This auto was fitted with coordinates and predicts by them too. Give the places of the new samples, projected as in training."
            )
        views = self.views_(X, coordinates)
        for name, member in self.members_.items():
            total += self.weights_[name] * (np.clip(member.predict(views), self.low_, self.high_) - self.mean_)
        return total

    def describe(self):
        """What `auto` did, as plain values for a page.

        Returns
        -------
        dict
            ``members`` (list of dict: ``name``, ``weight``, ``r2`` out of inner folds), ``mean_weight`` (share of the mean of the target),
            ``inner_r2``, ``spectra`` (list of dict: ``name``, ``bands``, ``first``, ``last``), ``preparations``, ``places`` (bool), ``note``.
        """
        rows = [{"name": name, "weight": weight, "r2": self.member_scores_[name]} for name, weight in self.weights_.items()]
        spectra = [{"name": block.name, "bands": len(block.columns), "first": block.axis[0], "last": block.axis[-1]} for block in self.views_.blocks_]
        return {
            "members": sorted(rows, key=lambda row: -row["weight"]),
            "mean_weight": max(0.0, 1.0 - sum(self.weights_.values())),
            "inner_r2": self.inner_score_,
            "spectra": spectra,
            "preparations": list(self.views_.preparations_),
            "places": self.views_.place_ is not None,
            "note": self.note_,
        }


def _allowed(z):
    """How low and high a member may predict: half the range of training beyond it."""
    low, high = float(z.min()), float(z.max())
    return low - _BEYOND * (high - low), high + _BEYOND * (high - low)
