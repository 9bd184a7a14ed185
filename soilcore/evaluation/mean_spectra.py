"""Mean spectra by level of the target, and the views of them that paper 002 (Fig. 3) read its indices from."""

from itertools import pairwise

import numpy as np
import pandas as pd

from soilcore.core.errors import SampleError, SettingsError
from soilcore.core.tables import load_table
from soilcore.features.indices import check_bands

VIEWS = ("mean", "reciprocal", "square", "square_root")


def mean_spectra(bands, levels, labels=None):
    """Mean reflectance of each band at each level.

    Parameters
    ----------
    bands : pandas.DataFrame of shape (n_samples, n_roles)
        Surface reflectance, 0-1, a column per role; invalid values count as missing.
    levels : array-like of int, shape (n_samples,)
        0, 1, 2, ... for example from a class scheme or `quantile_levels`; negative where unknown.
    labels : sequence of str, optional
        Name of each level, in order.

    Returns
    -------
    pandas.DataFrame
        A row per level that has samples and role, roles in order of wavelength: level, label, role, wavelength_nm (NaN for roles that are not
        Sentinel-2's), n, mean, sd (NaN for one sample), reciprocal, square, square_root. The last three are views of the mean: a mean of
        reciprocals would be ruled by the darkest samples.

    Raises
    ------
    SampleError
        If there is not one level per sample.
    SettingsError
        If there are fewer labels than levels.

    References
    ----------
    Lan et al. 2025, 46th Asian Conference on Remote Sensing, Fig. 3 (how the paper averaged is not said).
    """
    levels = np.asarray(levels)
    if levels.shape != (len(bands),):
        raise SampleError(f"There are {len(bands)} samples, but levels of shape {levels.shape}. Give one level per sample.")
    present = np.unique(levels[levels >= 0]).astype(int)
    if labels is not None and present.size and present[-1] >= len(labels):
        raise SettingsError(f"Level {present[-1]} has no label: there are {len(labels)}. Give one label per level.")
    reflectance = pd.DataFrame(check_bands({role: bands[role].to_numpy(float) for role in bands.columns}))
    rows = [_row(reflectance[role].to_numpy()[levels == level], level, labels, role) for level in present for role in by_wavelength(bands.columns)]
    spectra = pd.DataFrame(rows, columns=["level", "label", "role", "wavelength_nm", "n", "mean", "sd"])
    return spectra.assign(reciprocal=1 / spectra["mean"], square=spectra["mean"] ** 2, square_root=np.sqrt(spectra["mean"]))


def _row(values, level, labels, role):
    values = values[np.isfinite(values)]
    mean = values.mean() if values.size else np.nan
    spread = values.std(ddof=1) if values.size > 1 else np.nan
    return int(level), labels[level] if labels is not None else str(level), role, wavelength_nm(role), values.size, mean, spread


def wavelength_nm(role):
    """Centre of a band in nanometres (Sentinel-2A); NaN for a role that is not in the table."""
    band = load_table("indices")["bands"].get(role)
    return float(band["centre_nm"]) if band else np.nan


def by_wavelength(roles):
    """Roles from blue to shortwave infrared, unknown ones last."""
    return sorted(roles, key=lambda role: np.nan_to_num(wavelength_nm(role), nan=np.inf))


def quantile_levels(values, count=4):
    """Levels of equal numbers of samples, for a target that has no class scheme.

    Parameters
    ----------
    values : array-like of float, shape (n_samples,)
    count : int
        Levels wanted; ties may leave fewer.

    Returns
    -------
    levels : ndarray of int, shape (n_samples,)
        -1 where the value is NaN. Intervals are half-open, [lower, upper), the last one closed.
    labels : tuple of str
        The limits of each level.
    """
    values = np.asarray(values, dtype=float)
    known = np.isfinite(values)
    if count < 1 or not known.any():
        raise SettingsError(f"{count} levels of {known.sum()} values cannot be made. Give at least one of each.")
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, count + 1)))
    levels = np.full(values.shape, -1)
    levels[known] = np.clip(np.searchsorted(edges, values[known], side="right") - 1, 0, max(edges.size - 2, 0))
    labels = [f"{low:.3g} to {high:.3g}" for low, high in pairwise(edges)]
    return levels, tuple(labels) or (f"{edges[0]:.3g}",)
