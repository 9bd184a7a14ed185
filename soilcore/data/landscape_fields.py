"""Chance on the ground: named random streams, correlated fields and farmland cut into parcels."""

import numpy as np
from scipy import fft

# Any fixed numbers would do. That of the samples was picked among 32 so that seed 0 is a typical scene: how the demo's own samples
# correlate is therefore no evidence of its calibration, which is tested at the pixels of the reference simulator instead.
_STREAMS = {"view": 0, "year": 1, "texture": 2, "clouds": 3, "weather": 5, "climate": 6, "change": 7, "samples": 17}


def stream(seed, purpose, *address):
    """A generator of its own for one purpose, so that one more date or sample never changes the place.

    Parameters
    ----------
    seed : int
        Seed of the landscape.
    purpose : str
        What is drawn: "view", "year", "texture", "clouds", "samples", "weather", "climate" or "change".
    *address : int
        Which one, for example the year and the day of a view. Not negative.

    Returns
    -------
    numpy.random.Generator
        A child of `seed`, the same for the same purpose and address.
    """
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_STREAMS[purpose], *address)))


def matern_field(generator, size, cell, correlation_range, smoothness=1.0):
    r"""Gaussian random field on a square, with mean 0 and variance 1 over the square.

    White noise is filtered by the Matern spectrum

    .. math:: S(k) \propto (\kappa^2 + k^2)^{-(\nu + 1)}, \quad \kappa = \sqrt{8 \nu} / r

    on a grid padded so that opposite edges are independent.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : int
        Pixels along a side.
    cell : float
        Side of a pixel, m.
    correlation_range : float
        Distance r at which the correlation has fallen to about 0.1, m.
    smoothness : float
        Matern nu.

    Returns
    -------
    ndarray of float64, shape (size, size)

    References
    ----------
    Lindgren, Rue and Lindstrom (2011), J. R. Stat. Soc. B 73, 423-498: the spectrum and the meaning of the range.
    """
    padded = _padded_size(size, cell)
    kappa = np.sqrt(8 * smoothness) / correlation_range
    along, across = 2 * np.pi * fft.fftfreq(padded, cell), 2 * np.pi * fft.rfftfreq(padded, cell)
    spectrum = fft.rfft2(generator.standard_normal((padded, padded)), overwrite_x=True)
    spectrum *= (kappa**2 + along[:, None] ** 2 + across[None] ** 2) ** (-(smoothness + 1) / 2)
    field = fft.irfft2(spectrum, s=(padded, padded), overwrite_x=True)[:size, :size].copy()
    return (field - field.mean()) / field.std()


def _padded_size(size, cell, longest_range=1200.0):
    # Five times the longest range of the landscape: a Matern correlation is below 1e-5 there, so a large scene need not be doubled.
    return fft.next_fast_len(size + min(size, int(np.ceil(5 * longest_range / cell))), real=True)


def split_into_parcels(generator, size, smallest, largest):
    """Cut a square into rectangles by halving at random places.

    Parameters
    ----------
    generator : numpy.random.Generator
    size : int
        Pixels along the side of the square.
    smallest, largest : int
        Bounds of a parcel's side in pixels; `largest` must be at least twice `smallest`.

    Returns
    -------
    list of (row, column, height, width)
        Rectangles that cover the square without overlap. The place in the list is the parcel's number.
    """
    waiting, parcels = [(0, 0, size, size)], []
    while waiting:
        row, column, height, width = waiting.pop()
        small_enough = height <= largest and width <= largest
        cuttable = max(height, width) >= 2 * smallest
        if not cuttable or (small_enough and (min(height, width) < 2 * smallest or generator.random() < 0.6)):
            parcels.append((row, column, height, width))
        elif height >= width:
            cut = int(generator.integers(smallest, height - smallest + 1))
            waiting += [(row, column, cut, width), (row + cut, column, height - cut, width)]
        else:
            cut = int(generator.integers(smallest, width - smallest + 1))
            waiting += [(row, column, height, cut), (row, column + cut, height, width - cut)]
    return parcels


def paint_parcels(parcels, size):
    """Number of the parcel at each pixel, ndarray of int32, shape (size, size)."""
    labels = np.empty((size, size), np.int32)
    for number, (row, column, height, width) in enumerate(parcels):
        labels[row : row + height, column : column + width] = number
    return labels
