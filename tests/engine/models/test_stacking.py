"""The stack: level one sees only predictions of samples the members did not see, and its weights say what it does."""

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression

from soilcore.models.pipelines import TunedRegressor
from soilcore.models.spaces import Hardware, Table, make_pipeline
from soilcore.models.stacking import StackingModel, affine_plsr, cross_validated_plsr
from tests.engine.models.synthetic import STACK, additive, linear, r2, salinity, table


@pytest.fixture(scope="module")
def fitted():
    X = table(60)
    return X, salinity(X), StackingModel(target_transform="log10", parameters=STACK, device="cpu").fit(X, salinity(X))


def test_the_prediction_is_the_affine_sum_of_the_members(fitted):
    X, _, stack = fitted
    members = np.column_stack([member.predict_transformed(X) for member in stack.members_.values()])
    np.testing.assert_allclose(stack.predict_transformed(X), members @ stack.meta_coef_ + stack.meta_intercept_, rtol=1e-12)
    np.testing.assert_allclose(stack.predict(X), 10 ** stack.predict_transformed(X), rtol=1e-12)
    assert list(stack.members_) == ["mlp", "rf", "xgboost"]


def test_every_row_of_level_one_comes_from_a_model_that_never_saw_it(fitted):
    X, y, stack = fitted
    member = stack.members_["xgboost"]
    hardware = Hardware(member._model_seed, 1, "cpu")
    for fold in range(5):
        test = stack.inner_folds_ == fold
        pipeline = make_pipeline("xgboost", member.parameters_, Table(int((~test).sum()), 5), hardware).fit(X.to_numpy()[~test], np.log10(y)[~test])
        np.testing.assert_allclose(stack.Z_[test, 2], pipeline.predict(X.to_numpy()[test]), rtol=1e-6)


def test_members_are_the_learners_of_the_same_name(fitted):
    X, y, stack = fitted
    alone = TunedRegressor("rf", target_transform="log10", parameters=STACK["rf"]).fit(X, y)
    np.testing.assert_array_equal(stack.members_["rf"].predict(X), alone.predict(X))


def test_the_calibration_of_level_one_is_cross_validated(fitted):
    _, y, stack = fitted
    expected = 10 ** cross_validated_plsr(stack.Z_, np.log10(y), stack.inner_folds_, stack.meta_components_)
    np.testing.assert_allclose(stack.meta_oof_, expected, rtol=1e-12)
    assert r2(y, stack.meta_oof_) < r2(y, stack.predict(fitted[0]))  # the resubstituted score is the flattering one


def test_all_components_are_ordinary_least_squares():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 3))
    z = Z @ [0.5, 0.2, -0.1] + 1 + 0.1 * rng.normal(size=50)
    weights, intercept = affine_plsr(Z, z, 3)
    exact = np.linalg.lstsq(np.column_stack([Z, np.ones(50)]), z, rcond=None)[0]
    np.testing.assert_allclose([*weights, intercept], exact, rtol=1e-8)


@pytest.mark.parametrize("components", [1, 2])
def test_the_affine_form_is_the_plsr(components):
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(50, 3)) * [1, 10, 0.1]
    z = Z.sum(axis=1) + rng.normal(size=50)
    weights, intercept = affine_plsr(Z, z, components)
    np.testing.assert_allclose(Z @ weights + intercept, PLSRegression(components, scale=True).fit(Z, z).predict(Z).reshape(-1), rtol=1e-9)


def test_a_member_that_says_nothing_gets_no_weight():
    rng = np.random.default_rng(0)
    Z = np.column_stack([rng.normal(size=40), np.full(40, 2.0), np.full(40, -1.0)])
    weights, intercept = affine_plsr(Z, 3 * Z[:, 0] + 1, 3)
    np.testing.assert_allclose([*weights, intercept], [3, 0, 0, 1], atol=1e-9)
    assert affine_plsr(Z, np.full(40, 5.0), 2)[1] == 5.0


def test_the_stack_is_not_much_worse_than_its_best_member_on_a_smooth_rule():
    X, new = table(120), table(200, seed=7)
    stack = StackingModel(parameters=STACK, device="cpu").fit(X, additive(X))
    truth = additive(new, noise=0)
    best = max(r2(truth, member.predict(new)) for member in stack.members_.values())
    assert r2(truth, stack.predict(new)) > best - 0.03


def test_permuted_targets_show_no_skill():
    X, new = table(60), table(200, seed=7)
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(6):
        y = rng.permutation(linear(X, noise=1))
        scores.append(r2(linear(new), StackingModel(members=("rf", "xgboost"), parameters=STACK, device="cpu").fit(X, y).predict(new)))
    assert np.mean(scores) < 0.05


def test_groups_stay_whole_in_the_partition_and_in_tuning():
    X = table(60)
    groups = np.repeat(np.arange(15), 4)
    stack = StackingModel(members=("ridge", "xgboost"), trials=1, device="cpu").fit(X, salinity(X), groups=groups)
    for folds in (stack.inner_folds_, stack.members_["xgboost"].inner_folds_):
        assert all(np.unique(folds[groups == group]).size == 1 for group in range(15))


def test_a_stack_tuned_twice_is_the_same():
    X = table(40)
    one, two = (StackingModel(members=("svr", "xgboost"), trials=3, jobs=jobs, device="cpu").fit(X, salinity(X)) for jobs in (1, 2))
    np.testing.assert_array_equal(one.predict(X), two.predict(X))
    np.testing.assert_array_equal(one.Z_, two.Z_)
