"""The stack of Lan et al.: three learners, and a PLSR that weighs their out-of-fold predictions."""

import numpy as np

from soilcore.core.progress import part
from soilcore.models.learner import Learner, seeds_of
from soilcore.models.pipelines import TunedRegressor, check_search
from soilcore.models.tuning import inner_folds

MEMBERS = ("mlp", "rf", "xgboost")
_TUNING_SHARE, _MEMBER_SHARE = 0.6, 0.95


class StackingModel(Learner):
    """MLP, random forest and XGBoost below, PLSR above.

    Inside the training samples: each member is tuned; one fixed 5-fold partition gives predictions of samples a member did not see (Z); a
    PLSR on Z, its number of components chosen by cross-validation on the same partition, becomes one weight per member and a constant; the
    members are fitted again to all training samples.

    Parameters
    ----------
    members : tuple of str
        Names of tuned learners.
    target_transform, trials, budget, random_state, jobs, device, smearing
        As in `TunedRegressor`; trials and budget are per member. A member is the same model as the learner of that name alone.
    parameters : dict of str to dict, optional
        Per member the parameters to fit with, without a search.

    Attributes
    ----------
    members_ : dict of str to TunedRegressor
        Fitted to all training samples.
    Z_ : ndarray of shape (n_samples, n_members)
        Out-of-fold member predictions of the training samples, modelling scale.
    inner_folds_ : ndarray of int, shape (n_samples,)
        The partition behind `Z_`; whole groups where groups were given.
    meta_coef_ : ndarray of shape (n_members,)
        Weight of each member in the order of `members_`.
    meta_intercept_ : float
        Modelling scale.
    meta_components_ : int
        PLSR components; as many as members means ordinary least squares.
    meta_oof_ : ndarray of shape (n_samples,)
        Training samples predicted by the PLSR fitted to the other folds of `Z_`, own unit: the honest calibration column.

    References
    ----------
    Lan et al., Soil salt content inversion using novel salinity indices based on a stacking model. Tuning sees all training
    samples, so `Z_` is out of fold up to the members' parameters.
    """

    minimum_rows = 10
    label = "the stack"

    def __init__(
        self, members=MEMBERS, target_transform="none", trials=10, budget=None, random_state=0, jobs=1, device="auto", parameters=None, smearing=1.0
    ):
        self.members = members
        self.target_transform = target_transform
        self.trials = trials
        self.budget = budget
        self.random_state = random_state
        self.jobs = jobs
        self.device = device
        self.parameters = parameters
        self.smearing = smearing

    def _fit(self, X, z, y, groups, report):
        check_search(self)
        self.members_ = {}
        for number, name in enumerate(self.members):
            share = _TUNING_SHARE / len(self.members)
            self.members_[name] = self._member(name).fit(X, y, groups, part(report, number * share, share))
        self._note_devices()
        self.inner_folds_ = inner_folds(len(y), groups, self._fold_seed())
        self.Z_ = self._out_of_fold_members(X, y, report)
        report(_MEMBER_SHARE, 1, "weighing the members")
        self._fit_meta(z, y)
        report(1, 1, "the stack is fitted")

    def _member(self, name):
        return TunedRegressor(
            name,
            target_transform=self.target_transform,
            trials=self.trials,
            budget=self.budget,
            random_state=self.random_state,
            jobs=self.jobs,
            device=self.device,
            parameters=(self.parameters or {}).get(name),
        )

    def _fold_seed(self):
        return seeds_of(self.random_state, 3)[2]  # the first two belong to the members

    def _out_of_fold_members(self, X, y, report):
        columns = []
        for number, (name, member) in enumerate(self.members_.items()):
            done = _TUNING_SHARE + (_MEMBER_SHARE - _TUNING_SHARE) * number / len(self.members_)
            report(done, 1, f"out-of-fold predictions of {name}")
            columns.append(member.out_of_fold(X, y, self.inner_folds_))
        return np.column_stack(columns)

    def _fit_meta(self, z, y):
        candidates = []
        for components in range(1, self.Z_.shape[1] + 1):
            own_unit = self._original(cross_validated_plsr(self.Z_, z, self.inner_folds_, components))
            candidates.append((_fold_rmse(own_unit, y, self.inner_folds_), components, own_unit))
        _, self.meta_components_, self.meta_oof_ = min(candidates, key=lambda candidate: candidate[:2])
        self.meta_coef_, self.meta_intercept_ = affine_plsr(self.Z_, z, self.meta_components_)

    def _predict(self, X):
        Z = np.column_stack([member.predict_transformed(X) for member in self.members_.values()])
        return Z @ self.meta_coef_ + self.meta_intercept_

    def _note_devices(self):
        notes = {member.device_note_ for name, member in self.members_.items() if member.device_note_ and name == "xgboost"}
        self.device_ = "cuda" if any(member.device_ == "cuda" for member in self.members_.values()) else "cpu"
        self.device_note_ = " ".join(sorted(notes))


def affine_plsr(Z, z, components):
    """PLSR as one weight per column and a constant.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_members)
        Scaled inside to unit variance; constant columns get weight 0.
    z : ndarray of shape (n_samples,)
    components : int
        At most the number of columns that vary is used.

    Returns
    -------
    weights : ndarray of shape (n_members,)
    intercept : float
    """
    from sklearn.cross_decomposition import PLSRegression

    weights = np.zeros(Z.shape[1])
    varies = np.flatnonzero(np.ptp(Z, axis=0) > 0)
    if varies.size and np.ptp(z) > 0:
        plsr = PLSRegression(n_components=min(components, varies.size, len(z) - 1), scale=True).fit(Z[:, varies], z)
        weights[varies] = plsr.coef_.reshape(-1)
    return weights, float(z.mean() - Z.mean(axis=0) @ weights)


def cross_validated_plsr(Z, z, folds, components):
    """Each row of Z predicted by a PLSR fitted to the other folds; shape (n_samples,), modelling scale."""
    predicted = np.empty(len(z))
    for fold in np.unique(folds):
        test = folds == fold
        weights, intercept = affine_plsr(Z[~test], z[~test], components)
        predicted[test] = Z[test] @ weights + intercept
    return predicted


def _fold_rmse(predicted, y, folds):
    return float(np.mean([np.sqrt(np.mean((predicted[folds == fold] - y[folds == fold]) ** 2)) for fold in np.unique(folds)]))
