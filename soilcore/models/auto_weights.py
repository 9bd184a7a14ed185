"""How the members of `auto` are weighed: by their inner error alone, the better the more, none on its own."""

import numpy as np

SHARPNESS = 0.1  # per sample: with 50 samples, an error larger by a fifth of the variance weighs 1/e
MEAN_SHARE = 0.3  # what the mean of the target counts beside a member of the same error


def member_weights(Z, z, sharpness=SHARPNESS):
    r"""Weights of members from their out-of-fold predictions.

    .. math:: w_m \propto \exp(-a\, n\, e_m), \quad e_m = \overline{(Z_m - z)^2} / s^2

    The mean of the target stands among them as a member without skill, so that a sum below 1 draws predictions to it: by little where
    anything was learned, by much where all members err more than the mean does.

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
    if variance == 0:
        return np.zeros(Z.shape[1])
    errors = ((Z - z[:, None]) ** 2).mean(axis=0) / variance
    of_mean = (n / (n - 1)) ** 2  # error of the mean of the other samples
    best = min(float(errors.min()), of_mean)
    weights = np.exp(-sharpness * n * (errors - best))
    return weights / (weights.sum() + MEAN_SHARE * np.exp(-sharpness * n * (of_mean - best)))


def without_small(weights, least):
    """Weights below `least` set to 0 and handed to the others in proportion; the sum stays."""
    kept = np.where(weights >= least, weights, 0.0)
    return kept * (weights.sum() / kept.sum()) if kept.sum() > 0 else weights
