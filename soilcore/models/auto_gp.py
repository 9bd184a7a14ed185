"""Gaussian process with a sum of kernels, one per kind of predictor: places, a table, spectra.

Written out here because a sum over different columns with one length per column, its gradient and the closed form of cross-validation are
some lines of linear algebra, and the general ones cost fifty times as much for 40 samples.
"""

from dataclasses import dataclass

import numpy as np

_JITTER = 1e-8
_CONSTANT = 1.0  # variance of the unknown mean, in variances of the target
_LIMITS = (-7.0, 7.0)  # of every logarithm that is searched


@dataclass(frozen=True)
class Term:
    """One kernel of the sum.

    Parameters
    ----------
    kind : {"linear", "matern32", "matern52", "rbf"}
    view : str
        Which predictors it compares.
    lengths : {"one", "each"}
        One length for all columns, or one per column.
    """

    kind: str
    view: str
    lengths: str = "one"

    def size(self, columns):
        """How many numbers describe it: a variance, and its lengths."""
        return 1 + (0 if self.kind == "linear" else columns if self.lengths == "each" else 1)


def _correlation(kind, r2):
    """Kernel of the squared scaled distance, and -2 dk / d(r2)."""
    if kind == "rbf":
        k = np.exp(-0.5 * r2)
        return k, k
    r = np.sqrt(r2)
    if kind == "matern32":
        e = np.exp(-np.sqrt(3.0) * r)
        return (1 + np.sqrt(3.0) * r) * e, 3.0 * e
    e = np.exp(-np.sqrt(5.0) * r)
    return (1 + np.sqrt(5.0) * r + 5.0 / 3.0 * r2) * e, 5.0 / 3.0 * (1 + np.sqrt(5.0) * r) * e


def squared_distances(A, B):
    """Squared Euclidean distances of the rows of `A` from those of `B`, shape (rows of A, rows of B)."""
    r2 = (A**2).sum(1)[:, None] + (B**2).sum(1)[None] - 2.0 * A @ B.T
    return np.maximum(r2, 0.0)


class KernelSum:
    """Sum of `terms` over named views of the same samples."""

    def __init__(self, terms, columns):
        self.terms = tuple(terms)
        self.columns = tuple(columns)
        self.sizes = [term.size(count) for term, count in zip(self.terms, self.columns, strict=True)]

    def split(self, theta):
        """Numbers of each term."""
        return np.split(theta, np.cumsum(self.sizes)[:-1])

    def cross(self, views, others, theta):
        """Kernel between two sets of samples, the constant included."""
        total = np.full((len(views[self.terms[0].view]), len(others[self.terms[0].view])), _CONSTANT)
        for term, part in zip(self.terms, self.split(theta), strict=True):
            A, B = views[term.view], others[term.view]
            if term.kind == "linear":
                total += np.exp(part[0]) * (A @ B.T)
            else:
                scale = np.exp(-part[1:])
                total += np.exp(part[0]) * _correlation(term.kind, squared_distances(A * scale, B * scale))[0]
        return total

    def with_gradient(self, views, theta):
        """Kernel among samples and a function from a symmetric matrix W to the gradient of sum(W * K)."""
        n = len(views[self.terms[0].view])
        total, backs = np.full((n, n), _CONSTANT), []
        for term, part in zip(self.terms, self.split(theta), strict=True):
            A, variance = views[term.view], np.exp(part[0])
            if term.kind == "linear":
                K = variance * (A @ A.T)
                backs.append(lambda W, K=K: np.array([np.sum(W * K)]))
            else:
                scaled = A * np.exp(-part[1:])
                k, slope = _correlation(term.kind, squared_distances(scaled, scaled))
                K = variance * k
                backs.append(lambda W, K=K, S=variance * slope, A=scaled, each=term.lengths == "each": _stationary_gradient(W, K, S, A, each))
            total += K
        return total, lambda W: np.concatenate([back(W) for back in backs])


def _stationary_gradient(W, K, S, A, each):
    M = W * S
    per_column = 2.0 * (M.sum(axis=1) @ A**2) - 2.0 * (A * (M @ A)).sum(axis=0)
    lengths = per_column if each else np.array([per_column.sum()])
    return np.concatenate([[np.sum(W * K)], lengths])


@dataclass(frozen=True)
class Prior:
    """Normal priors of the logarithms: (mean, standard deviation)."""

    variance: tuple = (np.log(0.3), 1.5)
    length: tuple = (0.5, 1.0)
    noise: tuple = (np.log(0.4), 1.0)


def prior_arrays(kernel, prior):
    """Mean and standard deviation of every searched number, the noise last."""
    mean, sd = [], []
    for size, term, columns in zip(kernel.sizes, kernel.terms, kernel.columns, strict=True):
        mean.append(prior.variance[0])
        sd.append(prior.variance[1])
        middle = prior.length[0] + 0.5 * np.log(max(columns, 1)) * (term.lengths == "each")
        mean += [middle] * (size - 1)
        sd += [prior.length[1]] * (size - 1)
    return np.array([*mean, prior.noise[0]]), np.array([*sd, prior.noise[1]])


def most_probable(kernel, views, z, prior, start=None, iterations=60):
    """Numbers of the kernel with the highest posterior density.

    Parameters
    ----------
    kernel : KernelSum
    views : dict of str to ndarray of shape (n_samples, n_columns)
    z : ndarray of shape (n_samples,)
        Standardised target.
    prior : Prior
    start : ndarray, optional
        Where the search starts; the prior mean if not given.

    Returns
    -------
    ndarray
        Logarithms, the noise variance last.
    """
    from scipy.linalg import cho_factor, cho_solve
    from scipy.optimize import minimize

    mean, sd = prior_arrays(kernel, prior)
    n = len(z)

    def objective(theta):
        K, back = kernel.with_gradient(views, theta[:-1])
        noise = np.exp(theta[-1])
        K[np.diag_indices(n)] += noise + _JITTER
        factor = cho_factor(K, lower=True, check_finite=False)
        inverse = cho_solve(factor, np.eye(n), check_finite=False)
        alpha = inverse @ z
        W = 0.5 * (inverse - np.outer(alpha, alpha))
        away = (theta - mean) / sd
        value = 0.5 * z @ alpha + np.log(np.diag(factor[0])).sum() + 0.5 * away @ away
        gradient = np.append(back(W), noise * np.trace(W)) + away / sd
        return value, gradient

    limits = [(m + _LIMITS[0], m + _LIMITS[1]) for m in mean]
    found = minimize(objective, mean if start is None else start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": iterations})
    return found.x


class GaussianProcess:
    """A fitted process: `fit` finds the numbers of the kernel (or takes `theta`), `predict` is one matrix product."""

    def __init__(self, terms, prior=None, theta=None, iterations=60, start=None):
        self.terms, self.prior, self.theta, self.iterations, self.start = terms, prior or Prior(), theta, iterations, start

    def fit(self, views, z):
        """Fit to views of the samples and the target on the modelling scale."""
        from scipy.linalg import cho_factor, cho_solve

        self.mean_, self.sd_ = float(np.mean(z)), float(np.std(z)) or 1.0
        target = (z - self.mean_) / self.sd_
        self.kernel_ = KernelSum(self.terms, [views[term.view].shape[1] for term in self.terms])
        theta = self.theta
        if theta is None:
            theta = most_probable(self.kernel_, views, target, self.prior, self.start, self.iterations)
        self.theta_ = theta
        K = self.kernel_.cross(views, views, theta[:-1])
        K[np.diag_indices(len(z))] += np.exp(theta[-1]) + _JITTER
        self._factor = cho_factor(K, lower=True, check_finite=False)
        self.alpha_ = cho_solve(self._factor, target, check_finite=False)
        self.views_ = {term.view: views[term.view] for term in self.terms}
        return self

    def predict(self, views):
        """Mean of the process, modelling scale."""
        return self.mean_ + self.sd_ * (self.kernel_.cross(views, self.views_, self.theta_[:-1]) @ self.alpha_)

    def left_out(self, z, folds):
        """Each sample predicted from the other folds, the numbers of the kernel kept.

        The closed form: with P the inverse of the covariance, the errors of fold B are ``inv(P[B, B]) @ (P z)[B]``.
        """
        from scipy.linalg import cho_solve

        inverse = cho_solve(self._factor, np.eye(len(z)), check_finite=False)
        errors = np.empty(len(z))
        for fold in np.unique(folds):
            rows = np.flatnonzero(folds == fold)
            errors[rows] = np.linalg.solve(inverse[np.ix_(rows, rows)], self.alpha_[rows])
        return z - self.sd_ * errors
