"""Spectra among the columns of a table: which columns they are, and the preprocessing soil spectroscopy uses."""

import re
from dataclasses import dataclass

import numpy as np

LEAST_BANDS = 40  # fewer ordered columns are bands of a satellite or single sensors: a table
_NAME = re.compile(r"^(?P<before>.*?)(?P<number>\d+(?:[.,_]\d+)?)(?P<after>[^\d]*)$")
PREPARATIONS = ("raw", "snv", "first-derivative", "snv-first-derivative", "second-derivative", "absorbance")


@dataclass(frozen=True)
class SpectralBlock:
    """Columns that are one spectrum.

    Parameters
    ----------
    name : str
        What the columns' names share.
    columns : tuple of int
        Positions, ordered by `axis`.
    axis : tuple of float
        Wavelength or wavenumber, rising.
    """

    name: str
    columns: tuple
    axis: tuple


def spectral_blocks(names, least=LEAST_BANDS):
    """Find spectra by the names of columns: at least `least` that differ only in a number.

    Parameters
    ----------
    names : sequence of str, or None
        None, where columns have no names: nothing is taken for a spectrum.

    Returns
    -------
    list of SpectralBlock
    """
    families = {}
    for position, name in enumerate(names if names is not None else ()):
        match = _NAME.match(str(name).strip())
        if match:
            key = (match["before"].lower(), match["after"].lower())
            families.setdefault(key, []).append((float(match["number"].replace(",", ".").replace("_", ".")), position))
    blocks = []
    for (before, after), members in families.items():
        members.sort()
        axis = tuple(value for value, _ in members)
        if len(members) >= least and len(set(axis)) == len(axis):
            blocks.append(SpectralBlock(f"{before}#{after}", tuple(position for _, position in members), axis))
    return blocks


def can_be_absorbance(spectra):
    """Whether values look like reflectance or transmittance (fraction or percent), so that log(1/R) means something."""
    low, high = float(np.min(spectra)), float(np.max(spectra))
    return low > 0 and high <= 105.0


def prepare(spectra, how, window):
    """One preprocessing of spectra of shape (n_samples, n_bands); a row's result depends on that row alone.

    Parameters
    ----------
    how : str
        One of `PREPARATIONS`.
    window : int
        Odd number of bands of the Savitzky-Golay polynomial.
    """
    if how == "absorbance":
        return -np.log10(np.maximum(spectra, 1e-6))
    if how.startswith("snv"):
        spread = spectra.std(axis=1, keepdims=True)
        spectra = (spectra - spectra.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0)
    if how.endswith("derivative"):
        from scipy.signal import savgol_filter

        order = 2 if how.startswith("second") else 1
        spectra = savgol_filter(spectra, window, 2, deriv=order, axis=1)
    return spectra


def derivative_window(bands):
    """Odd window of the derivative: about 1 % of the spectrum, 5 to 25 bands."""
    return int(np.clip(bands // 100, 5, 25)) // 2 * 2 + 1


def averaged(spectra, most):
    """Means of neighbouring bands, so that at most `most` columns are left."""
    step = -(-spectra.shape[1] // most)
    edges = np.arange(0, spectra.shape[1], step)
    widths = np.diff(np.append(edges, spectra.shape[1]))
    return np.add.reduceat(spectra, edges, axis=1) / widths
