"""The four leak-freedom tests on every learner: no fitted thing knows the samples it is scored on, and noise shows no skill."""

import functools

import leak_checks
import numpy as np
import pytest

from soilcore.evaluation.protocol import evaluate, fit_clone
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.models.catalogue import learner_specs, make_learner
from soilcore.models.neural_profiles import PROFILES
from soilcore.models.settings import FitSettings
from soilcore.models.stacking import StackingModel

ELSEWHERE = (
    "kriging",
    "regression-kriging",
    "dual-step",
    *PROFILES,
)  # need places, windows, spectra or 30 samples in each class: see their own files
LEARNERS = [spec.name for spec in learner_specs() if spec.available and spec.name not in ELSEWHERE]
SCALED = ("plsr", "ridge", "svr", "mlp", "stacking")
SMALL = {"rf": {"n_estimators": 8}, "xgboost": {"rounds": 20, "learning_rate": 0.15}, "mlp": {"seeds": 1, "layers": "16", "alpha": 30.0}}
QUICK_MEMBERS = ("svr", "plsr")  # a tuned stack of these takes a quarter of a second, and goes the same way


def maker(name, trials=0):
    """A small version of the learner that a user gets by this name; with trials it tunes its parameters inside the training samples."""

    def make():
        learner = make_learner(name, FitSettings(transform="log10", trials=trials, jobs=1, device="cpu"))
        if name == "auto":
            learner.set_params(kinds=("pls", "svr"))
        elif name == "stacking":
            learner.set_params(**({"members": QUICK_MEMBERS} if trials else {"parameters": SMALL}))
        elif name in SMALL and not trials:
            learner.set_params(parameters=SMALL[name])
        return learner

    return make


@pytest.fixture(scope="module")
def samples():
    X, y, group = leak_checks.world(n=72, groups=18)
    return X, y, leak_checks.group_splits(group)


@pytest.mark.parametrize("name", LEARNERS)
def test_altering_the_outer_test_set_leaves_every_learner_unchanged(name, samples):
    X, y, splits = samples
    assert leak_checks.blind_to_the_test_set(maker(name), X, y, splits) == 0


@pytest.mark.parametrize("name", ["xgboost", "svr", "stacking"])
def test_altering_the_outer_test_set_leaves_tuning_unchanged(name, samples):
    X, y, splits = samples
    assert leak_checks.blind_to_the_test_set(maker(name, trials=2), X, y, splits) == 0


@pytest.mark.parametrize("transform", ["none", "log10"])
@pytest.mark.parametrize("grouped", [False, True])
def test_altering_targets_of_an_inner_fold_leaves_its_level_one_rows_unchanged(transform, grouped, samples):
    X, y, splits = samples
    make = functools.partial(StackingModel, target_transform=transform, parameters=SMALL, device="cpu")
    inside, outside = leak_checks.level_one_changes(make, X, y, splits.groups if grouped else None)
    assert inside == 0
    assert outside > 0.01


def test_inner_folds_of_the_stack_keep_groups_whole(samples):
    X, y, splits = samples
    stack = fit_clone(maker("stacking")(), X, y, splits.groups)
    assert all(np.unique(stack.inner_folds_[splits.groups == group]).size == 1 for group in np.unique(splits.groups))
    assert np.unique(stack.inner_folds_).size == 5


@pytest.mark.parametrize("name", SCALED)
def test_scalers_hold_the_statistics_of_the_training_samples_alone(name, samples):
    X, y, splits = samples
    learner = evaluate(maker(name)(), X, y, splits, keep_learners=True).learners[0]
    train, _ = splits.folds()[0]
    differences = leak_checks.scaler_differences(learner, X.iloc[train])
    assert differences
    assert max(differences) < 1e-12
    assert min(leak_checks.scaler_differences(learner, X)) > 1e-3


@pytest.mark.parametrize(
    ("name", "scheme"),
    [*((name, "group") for name in LEARNERS if name != "stacking"), *((name, "random") for name in LEARNERS if name not in ("stacking", "auto"))],
)
def test_permuted_targets_show_no_skill(name, scheme, samples):  # the stack, whose tuning is one more chance to leak, comes below
    X, y, splits = samples
    if scheme == "random":
        splits = make_splits(SplitSettings(folds=3), y.size)
    scores = leak_checks.permuted_scores(maker(name), X, y, splits)
    assert np.quantile(scores, 0.95) <= 0.05


@pytest.mark.parametrize("name", ["svr", "stacking"])
def test_permuted_targets_show_no_skill_after_tuning(name, samples):
    X, y, splits = samples
    scores = leak_checks.permuted_scores(maker(name, trials=2), X, y, splits)
    assert np.quantile(scores, 0.95) <= 0.05


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_finds_a_real_relation(name, samples):
    """Without this, a learner that always answers the mean would pass everything above."""
    X, y, splits = samples
    least = {"mean": -0.2, "best-index": 0.15}.get(name, 0.3)
    assert np.quantile(evaluate(maker(name)(), X, np.log(y) + 5, splits).scores["r2"], 0) > least


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_is_repeatable(name, samples):
    X, y, splits = samples
    train, _ = splits.folds()[0]
    assert leak_checks.refit_difference(maker(name), X, y, splits.groups, train) == 0
