"""The arithmetic of spectral preprocessing: arrays of float64, shape (n_samples, n_points), each row by itself."""

import numpy as np


def standard_normal_variate(values):
    """Each spectrum minus its mean, divided by its population standard deviation (Barnes et al. 1989); NaN for a flat one."""
    centred = values - values.mean(axis=1, keepdims=True)
    spread = np.sqrt(np.mean(centred**2, axis=1, keepdims=True))
    with np.errstate(invalid="ignore", divide="ignore"):
        centred /= np.where(spread > 1e-12 * np.abs(values).max(axis=1, keepdims=True), spread, np.nan)
    return centred


def savitzky_golay(values, window, order, derivative):
    """Least-squares polynomial over a moving window, its derivative per point; at the ends the polynomial of the last whole window.

    For order 1, derivative 1 and window 11 this is sum k v_k / 110, k = -5..5 (Savitzky & Golay 1964).
    """
    from scipy.signal import savgol_filter

    return savgol_filter(values, window, order, deriv=derivative, axis=1, mode="interp")


def parabola(axis):
    """Orthonormal basis of the parabolas over an axis, ndarray of float, shape (n_points, 3)."""
    scaled = (axis - axis.mean()) / np.ptp(axis)
    return np.linalg.qr(np.column_stack([np.ones_like(scaled), scaled, scaled**2]))[0]


def detrended(values, basis):
    """Each spectrum minus the parabola that fits it best (Barnes et al. 1989)."""
    return values - (values @ basis) @ basis.T


def zeroed(values, inside):
    """Zeros where `inside`."""
    values = values.copy()
    values[:, inside] = 0.0
    return values


def to_absorbance(values):
    """Apparent absorbance log10(1/R); NaN where reflectance is not above 0."""
    return -np.log10(np.where(values > 0, values, np.nan))


def to_reflectance(values):
    """Reflectance 10^-A."""
    return 10.0**-values
