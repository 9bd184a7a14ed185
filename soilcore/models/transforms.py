"""The scale on which a target is modelled, and the way back to its own unit."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import ModelError, SettingsError

TRANSFORMS = ("none", "log10", "log1p")
_LARGEST = 150.0  # the square of 10**150 is still a finite float64: an absurd extrapolation stays a number and is scored as one


@dataclass(frozen=True)
class TargetTransform:
    """Maps a target to the modelling scale and back.

    Parameters
    ----------
    name : {"none", "log10", "log1p"}
        ``log10`` needs values above 0, ``log1p`` (natural logarithm of 1 + y) values of at least 0.

    Raises
    ------
    SettingsError
        If the name is another one.

    References
    ----------
    The way back from a logarithm estimates the median; for the mean see `duan_factor`.
    """

    name: str = "none"

    def __post_init__(self):
        if self.name not in TRANSFORMS:
            raise SettingsError(f"There is no target transform {self.name!r}. Choose one of {', '.join(TRANSFORMS)}.")

    def check(self, y):
        """Refuse values the logarithm does not know.

        Raises
        ------
        ModelError
            Naming how many of how many values, the smallest, and what to do.
        """
        y = np.asarray(y, dtype=float)
        bad = {"none": np.zeros(y.shape, bool), "log10": y <= 0, "log1p": y < 0}[self.name]
        if bad.any():
            allowed = "above 0" if self.name == "log10" else "of at least 0"
            remedy = "use log1p where zeros are real, give --detection-limit where they mean 'below detection', or use no transform"
            if (y < 0).any():
                remedy = "negative values are usually missing codes: leave these samples out, or use no transform"
            raise ModelError(
                f"{int(bad.sum())} of {y.size} target values are {'zero or ' if self.name == 'log10' else ''}negative (smallest {y.min():g}), "
                f"and {self.name} needs values {allowed}: {remedy}."
            )

    def forward(self, y):
        """Original unit to modelling scale; the array is checked first.

        Parameters
        ----------
        y : array-like of float
            Original unit.

        Returns
        -------
        ndarray of float64, same shape
        """
        y = np.asarray(y, dtype=float)
        self.check(y)
        if self.name == "log10":
            return np.log10(y)
        return np.log1p(y) if self.name == "log1p" else y

    def inverse(self, z, smearing=1.0):
        """Modelling scale to original unit.

        Parameters
        ----------
        z : array-like of float
            Modelling scale.
        smearing : float
            Factor of `duan_factor`; 1 gives the median. Without a logarithm it has no meaning and is not applied.

        Returns
        -------
        ndarray of float64, same shape
            Finite wherever `z` is.
        """
        z = np.asarray(z, dtype=float)
        if self.name == "log10":
            return 10.0 ** np.clip(z, -_LARGEST, _LARGEST) * smearing
        if self.name == "log1p":
            return np.exp(np.clip(z, -_LARGEST, _LARGEST)) * smearing - 1.0
        return z


@dataclass(frozen=True)
class WayBack:
    """From the modelling scale to the target's own unit, as a learner does it.

    Parameters
    ----------
    transform : TargetTransform
    nonnegative : bool
        Whether all training targets were at least 0; then results below 0 are set to 0.
    smearing : float
        Factor of `duan_factor`; 1 for none.
    """

    transform: TargetTransform
    nonnegative: bool = False
    smearing: float = 1.0

    def __call__(self, z):
        """Values in the own unit, same shape as `z`."""
        values = self.transform.inverse(z, self.smearing)
        return np.maximum(values, 0.0) if self.nonnegative else values


def duan_factor(transform, y, predicted):
    r"""Duan's smearing factor, which turns the back-transformed median into an estimate of the mean.

    .. math:: S = \frac{1}{n}\sum_i b^{\,g(y_i) - g(p_i)}

    with base b = 10 for log10 and e for log1p, g the transform.

    Parameters
    ----------
    transform : TargetTransform
    y, predicted : array-like of float, shape (n_samples,)
        Observed and out-of-fold predicted values in the original unit. Predictions of samples the model was fitted to give too small a factor.

    Returns
    -------
    float
        1 without a logarithm.

    References
    ----------
    Duan 1983, 10.1080/01621459.1983.10478017.
    """
    if transform.name == "none":
        return 1.0
    y, predicted = np.asarray(y, dtype=float), np.asarray(predicted, dtype=float)
    if y.shape != predicted.shape:
        raise ModelError(f"Observed {y.shape} and predicted {predicted.shape} values do not belong together; give one prediction per sample.")
    residuals = transform.forward(y) - transform.forward(predicted)
    return float(np.mean(10.0**residuals if transform.name == "log10" else np.exp(residuals)))
