"""How the members of `auto` are weighed: non-negative, at most 1 together, drawn towards what their scores alone would give."""

import numpy as np

PULL = 0.3  # strength of the pull towards the prior weights, in variances of the target
SHARPNESS = 20.0  # how fast a member's prior weight falls with its error, per variance of the target
_EQUALITY = 1e3


def prior_weights(errors, sharpness=SHARPNESS):
    """Weights from inner errors alone.

    Parameters
    ----------
    errors : ndarray of shape (n_members,)
        Mean squared errors out of fold, in variances of the target.

    Returns
    -------
    ndarray of shape (n_members,)
        Sum 1; a member whose error is 0.05 variances larger weighs a third.
    """
    weights = np.exp(-sharpness * (errors - errors.min()))
    return weights / weights.sum()


def member_weights(Z, z, pull=PULL):
    """Convex weights of members from their out-of-fold predictions.

    .. math:: \\min_w \\frac{|z_c - Z_c w|^2}{n s^2} + \\lambda |w - w_0|^2, \\quad w \\ge 0, \\ \\sum w \\le 1

    with everything centred on the mean of the target, so that what is missing to a sum of 1 goes to that mean: members without skill
    are shrunk away.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_members)
        Out-of-fold predictions, mean over the partitions.
    z : ndarray of shape (n_samples,)
    pull : float
        Lambda above.

    Returns
    -------
    ndarray of shape (n_members,)

    References
    ----------
    Breiman 1996, Stacked regressions, 10.1007/BF00117832: non-negative weights.
    """
    from scipy.optimize import nnls

    variance, n, members = float(z.var()), len(z), Z.shape[1]
    if variance == 0:
        return np.zeros(members)
    towards = prior_weights(((Z - z[:, None]) ** 2).mean(axis=0) / variance)
    A = np.vstack([(Z - z.mean()) / np.sqrt(n * variance), np.sqrt(pull) * np.eye(members)])
    b = np.concatenate([(z - z.mean()) / np.sqrt(n * variance), np.sqrt(pull) * towards])
    weights, _ = nnls(A, b)
    if weights.sum() > 1:
        weights, _ = nnls(np.vstack([A, np.full((1, members), _EQUALITY)]), np.append(b, _EQUALITY))
        weights /= max(weights.sum(), 1.0)
    return weights
