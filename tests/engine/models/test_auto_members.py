"""The members of auto against what is known of them: closed forms, other implementations, gradients."""

import numpy as np
import pytest

from soilcore.models.auto_gp import GaussianProcess, KernelSum, Prior, Term, most_probable, prior_arrays
from soilcore.models.auto_members import PlsMember, SvrMember, pls_path
from soilcore.models.auto_weights import member_weights, without_small

RNG = np.random.default_rng(0)
VIEWS = {"table": RNG.normal(size=(30, 3)), "place": RNG.uniform(size=(30, 2))}
Z = np.sin(VIEWS["table"][:, 0]) + VIEWS["place"][:, 1] + 0.1 * RNG.normal(size=30)
TERMS = (Term("linear", "table"), Term("matern52", "table", "each"), Term("matern32", "place"))


def some(rows):
    return {name: values[rows] for name, values in VIEWS.items()}


@pytest.mark.parametrize("kind", ["linear", "rbf", "matern32", "matern52"])
@pytest.mark.parametrize("lengths", ["one", "each"])
def test_the_gradient_of_every_kernel_is_its_slope(kind, lengths):
    kernel = KernelSum([Term(kind, "table", lengths)], [3])
    theta = np.random.default_rng(1).normal(size=sum(kernel.sizes)) * 0.3
    W = np.random.default_rng(2).normal(size=(30, 30))
    W = W + W.T
    _, back = kernel.with_gradient(VIEWS, theta)
    for j in range(theta.size):
        step = np.zeros(theta.size)
        step[j] = 1e-5
        up, down = (np.sum(W * kernel.with_gradient(VIEWS, theta + sign * step)[0]) for sign in (1, -1))
        assert back(W)[j] == pytest.approx((up - down) / 2e-5, rel=1e-4, abs=1e-5)


def test_the_process_agrees_with_scikit_learn():
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    theta = np.array([np.log(0.7), np.log(1.3), np.log(0.2)])
    ours = GaussianProcess((Term("matern52", "table"),), theta=theta).fit(VIEWS, Z)
    theirs = GaussianProcessRegressor(0.7 * Matern(1.3, nu=2.5) + ConstantKernel(1.0), alpha=0.2 + 1e-8, optimizer=None, normalize_y=True)
    theirs.fit(VIEWS["table"], Z)
    new = {"table": np.random.default_rng(3).normal(size=(8, 3))}
    np.testing.assert_allclose(ours.predict(new), theirs.predict(new["table"]), rtol=1e-6)


def test_left_out_predictions_are_those_of_a_process_without_the_fold():
    process = GaussianProcess(TERMS).fit(VIEWS, Z)
    folds = np.arange(30) % 4
    closed = process.left_out(Z, folds)
    for fold in range(4):
        keep, out = folds != fold, folds == fold
        K = process.kernel_.cross(some(keep), some(keep), process.theta_[:-1])
        K[np.diag_indices(len(K))] += np.exp(process.theta_[-1]) + 1e-8
        target = (Z - process.mean_) / process.sd_
        direct = process.kernel_.cross(some(out), some(keep), process.theta_[:-1]) @ np.linalg.solve(K, target[keep])
        np.testing.assert_allclose(closed[out], process.mean_ + process.sd_ * direct, rtol=1e-6)


def test_the_search_ends_where_the_posterior_is_flat_or_at_a_limit():
    kernel = KernelSum(TERMS, [3, 3, 2])
    target = (Z - Z.mean()) / Z.std()
    theta = most_probable(kernel, VIEWS, target, Prior(), iterations=300)

    def density(values):
        K, _ = kernel.with_gradient(VIEWS, values[:-1])
        K = K + np.exp(values[-1]) * np.eye(30)
        mean, sd = prior_arrays(kernel, Prior())
        return 0.5 * target @ np.linalg.solve(K, target) + 0.5 * np.linalg.slogdet(K)[1] + 0.5 * np.sum(((values - mean) / sd) ** 2)

    for j in range(theta.size):
        for sign in (1, -1):
            step = np.zeros(theta.size)
            step[j] = 0.05 * sign
            assert density(theta + step) >= density(theta) - 1e-4


def test_partial_least_squares_agree_with_scikit_learn():
    from sklearn.cross_decomposition import PLSRegression

    X = np.random.default_rng(4).normal(size=(25, 10))
    z = X[:, 0] - X[:, 3] + 0.2 * np.random.default_rng(5).normal(size=25)
    centre, mean, path = pls_path(X, z, 4)
    for components in (1, 2, 4):
        theirs = PLSRegression(components, scale=False).fit(X, z)
        np.testing.assert_allclose(mean + (X - centre) @ path[components - 1], theirs.predict(X).ravel(), rtol=1e-6, atol=1e-8)


def test_partial_least_squares_of_a_constant_target_predict_it():
    _, mean, path = pls_path(np.random.default_rng(4).normal(size=(9, 3)), np.full(9, 2.0), 3)
    assert mean == 2.0
    assert not path.any()
    assert path.shape == (3, 3)


def test_support_vectors_kept_as_arrays_predict_what_the_library_does():
    from sklearn.svm import SVR

    member = SvrMember("svr", "table").fit(VIEWS, Z, [np.arange(30) % 5], 0)
    cost, width = member.setting_
    theirs = SVR(C=cost, gamma=width / VIEWS["table"].var(axis=0).sum(), epsilon=0.1).fit(VIEWS["table"], (Z - Z.mean()) / Z.std())
    np.testing.assert_allclose(member.predict(VIEWS), Z.mean() + Z.std() * theirs.predict(VIEWS["table"]), rtol=1e-8)


def test_members_predict_a_fold_without_its_targets():
    folds = np.arange(30) % 5
    other = np.where(folds == 1, Z + 100.0, Z)
    first, second = (PlsMember("pls", "table") for _ in range(2))
    first.fit(VIEWS, Z, [folds], 0)
    second.fit(VIEWS, other, [folds], 0)
    assert first.components_ == second.components_
    np.testing.assert_allclose(first.left_out_[0][folds == 1], second.left_out_[0][folds == 1])


def test_better_members_weigh_more_and_noise_goes_to_the_mean():
    z = np.random.default_rng(6).normal(size=60)
    good, fair = z + 0.3 * np.random.default_rng(7).normal(size=60), z + 0.6 * np.random.default_rng(8).normal(size=60)
    noise = 2.0 * np.random.default_rng(9).normal(size=60)
    weights = member_weights(np.column_stack([good, fair, noise]), z)
    assert weights[0] > weights[1] > weights[2]
    assert weights[:2].sum() > 0.95
    assert member_weights(np.column_stack([noise, noise[::-1]]), z).sum() < 0.05
    np.testing.assert_array_equal(member_weights(np.ones((5, 2)), np.ones(5)), 0.0)


def test_small_weights_are_handed_to_the_others():
    np.testing.assert_allclose(without_small(np.array([0.6, 0.3, 0.005]), 0.01), [0.905 / 0.9 * 0.6, 0.905 / 0.9 * 0.3, 0.0])
    np.testing.assert_array_equal(without_small(np.zeros(3), 0.01), 0.0)
