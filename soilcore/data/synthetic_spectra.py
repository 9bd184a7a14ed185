"""Synthetic mid-infrared spectra of soils, with exchangeable potassium that follows from what the soil is made of."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soilcore.core.errors import SettingsError
from soilcore.core.tables import load_table

FEWEST, MOST = 10, 50_000
WAVENUMBERS = np.linspace(3999, 599, 1764)  # cm-1, the grid of the Kellogg Soil Survey Laboratory
POTASSIUM_NOISE = 0.22  # standard deviation of ln


@dataclass(frozen=True)
class SpectralLibrary:
    """Spectra with a property, and the truth behind them.

    Parameters
    ----------
    wavenumbers : ndarray of float, shape (n_channels,)
        cm-1, descending.
    absorbance : ndarray of float, shape (n_samples, n_channels)
    kex_cmol_kg : ndarray of float, shape (n_samples,)
        Exchangeable potassium, cmol(+)/kg.
    order : ndarray of str, shape (n_samples,)
        Soil order, groups of unequal size.
    constituents : pandas.DataFrame
        id and the share of each of the seven constituents, summing to 1.
    facts : dict
        Noise share and the ceiling of R2 on log10.
    note : str
        How it was made, for people.
    """

    wavenumbers: np.ndarray
    absorbance: np.ndarray
    kex_cmol_kg: np.ndarray
    order: np.ndarray
    constituents: pd.DataFrame
    facts: dict
    note: str

    def table(self):
        """One row per sample: id, order, kex_cmol_kg and one column per wavenumber, named by it."""
        spectra = pd.DataFrame(self.absorbance, columns=[f"{value:.2f}" for value in self.wavenumbers])
        known = pd.DataFrame({"id": self.constituents["id"], "order": self.order, "kex_cmol_kg": self.kex_cmol_kg})
        return pd.concat([known, spectra], axis=1)


def synthetic_spectra(samples=1500, seed=0):
    """Draw a spectral library.

    Constituents are Gaussian bands in log-ratio compositions by soil order; minor phases nobody models, a shift of 3 cm-1, thickness,
    saturation, a curved baseline, the CO2 pair of the air and noise lie on top. Potassium comes from an interaction of 2:1 clay, humus, sand
    and carbonate with log-normal noise.

    Parameters
    ----------
    samples : int
        Spectra, 10 to 50,000.
    seed : int

    Returns
    -------
    SpectralLibrary

    Raises
    ------
    SettingsError
        If a number is out of range.
    """
    if not FEWEST <= samples <= MOST:
        raise SettingsError(f"A library of {samples} spectra was asked for. Choose {FEWEST} to {MOST}.")
    if seed < 0:
        raise SettingsError(f"The seed is {seed}, but seeds are whole numbers from 0 on. Choose 0 or more.")
    chance = np.random.default_rng(seed)
    order, shares = _compositions(chance, samples)
    spectra = _measure(chance, _shift(chance, shares @ band_profiles() + _minor_phases(chance, samples)))
    expected = _expected_potassium(shares)
    potassium = expected * np.exp(POTASSIUM_NOISE * chance.standard_normal(samples))
    numbers = [f"K{number:0{len(str(samples))}d}" for number in range(1, samples + 1)]
    constituents = pd.DataFrame(shares, columns=list(load_table("synthetic_spectra")["bands"]))
    constituents.insert(0, "id", numbers)
    ceiling = 1 - (np.log(potassium / expected) ** 2).sum() / ((np.log(potassium) - np.log(potassium).mean()) ** 2).sum()
    facts = {"noise_sd_ln": POTASSIUM_NOISE, "r2_ceiling_log10": round(float(ceiling), 3)}
    return SpectralLibrary(WAVENUMBERS, spectra, potassium, order, constituents, facts, load_table("synthetic_spectra")["note"])


def band_profiles():
    """Absorbance of each pure constituent, ndarray of float, shape (7, n_channels)."""
    bands = load_table("synthetic_spectra")["bands"].values()
    return np.array([sum(height * _bell(centre, width) for centre, width, height in peaks) for peaks in bands])


def _bell(centre, width):
    return np.exp(-0.5 * ((WAVENUMBERS - centre) / width) ** 2)


def _compositions(chance, samples):
    orders = load_table("synthetic_spectra")["orders"]
    order = chance.choice(len(orders), samples, p=[row["share"] for row in orders.values()])
    middle = np.array([row["log_ratios"] for row in orders.values()])[order]
    shares = np.exp(middle + 0.55 * chance.standard_normal(middle.shape))
    return np.array(list(orders))[order], shares / shares.sum(axis=1, keepdims=True)


def _minor_phases(chance, samples, phases=6):
    centres, widths = chance.uniform(700, 3800, (samples, phases)), chance.uniform(25, 160, (samples, phases))
    heights = 0.05 * np.abs(chance.standard_normal((samples, phases)))
    absorbance = np.zeros((samples, WAVENUMBERS.size))
    for phase in range(phases):
        absorbance += heights[:, phase : phase + 1] * _bell(centres[:, phase : phase + 1], widths[:, phase : phase + 1])
    return absorbance


def _shift(chance, absorbance):
    """Cations and crystallinity move all bands of a sample by a few wavenumbers."""
    rising = WAVENUMBERS[::-1]
    for row, shift in zip(absorbance, 3.0 * chance.standard_normal(len(absorbance)), strict=True):
        row[:] = np.interp(rising + shift, rising, row[::-1])[::-1]
    return absorbance


def _measure(chance, absorbance):
    def normal(spread):
        return spread * chance.standard_normal((len(absorbance), 1))

    thickness = np.exp(normal(0.22))
    along = (WAVENUMBERS - 2300) / 1700
    baseline = 0.60 + normal(0.08) + normal(0.06) * along + normal(0.03) * along**2
    carbon_dioxide = normal(0.02) * (_bell(2349, 14) + 0.6 * _bell(2325, 14))
    saturated = 2.2 * absorbance / (1 + 0.9 * absorbance)  # specular reflection and coarse particles flatten strong bands
    return baseline + thickness * saturated + carbon_dioxide + 0.002 * chance.standard_normal(absorbance.shape)


def _expected_potassium(shares):
    """Exchange sites on 2:1 clay and humus; sand dilutes them, carbonate fills them with calcium. cmol(+)/kg."""
    kaolinite, clay, quartz, carbonate, humus = shares.T[:5]
    sites = 3.0 * clay * np.tanh(9 * humus) * np.exp(-3.0 * quartz) / (1 + 6 * carbonate)
    return 0.05 + sites + 0.9 * clay**2 + 0.15 * humus + 0.06 * kaolinite
