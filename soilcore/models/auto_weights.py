"""How the members of `auto` are weighed: by their inner error alone, the better the more, none on its own."""

import numpy as np

_SMALLEST = 1e-6  # error below which members are equally good
SHARPNESS = 0.06  # per sample: with 50 samples, an error larger by a fifth weighs a little more than half
MEAN_SHARE = 0.3  # what the mean of the target counts beside a member of the same error


def member_weights(Z, z, sharpness=SHARPNESS):
    r"""Weights of members from their out-of-fold predictions.

    .. math:: w_m \propto e_m^{-a n}, \quad e_m = \overline{(Z_m - z)^2} / s^2

    a power of the error as in a likelihood, with an exponent far below its n / 2 because the errors of members are much alike. The mean of
    the target stands among them as a member without skill, so that a sum below 1 draws predictions to it: by little where anything was
    learned, by much where all members err more than the mean does.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_members)
        Out-of-fold predictions, mean over the partitions.
    z : ndarray of shape (n_samples,)
    sharpness : float
        a above.

    Returns
    -------
    ndarray of shape (n_members,)
        At least 0, sum at most 1.

    Notes
    -----
    Weights of non-negative least squares (Breiman 1996, 10.1007/BF00117832) were measured beside these and lost: with 30 to 200 samples what
    they gain by fitting the residuals of members to each other they lose by the noise of the fit.

    References
    ----------
    Buckland, Burnham and Augustin 1997, 10.2307/2533961: weights that fall exponentially with a criterion.
    """
    variance, n = float(z.var()), len(z)
    if variance == 0 or Z.shape[1] == 0:
        return np.zeros(Z.shape[1])
    errors = np.append(((Z - z[:, None]) ** 2).mean(axis=0) / variance, (n / (n - 1)) ** 2)  # last: the mean of the other samples
    exponents = sharpness * n * np.log(np.maximum(errors, _SMALLEST))
    weights = np.exp(exponents.min() - exponents)
    weights[-1] *= MEAN_SHARE
    return weights[:-1] / weights.sum()


def without_small(weights, least):
    """Weights below `least` set to 0 and handed to the others in proportion; the sum stays."""
    kept = np.where(weights >= least, weights, 0.0)
    return kept * (weights.sum() / kept.sum()) if kept.sum() > 0 else weights
