"""From covers to what a Sentinel-2 sees: endmembers, wetting, linear mixing, and the sensor's own blur and noise."""

import numpy as np
from scipy import ndimage

from soilcore.core.tables import load_table
from soilcore.data.landscape_fields import matern_field

COVERS = ("soil", "crust", "green", "residue", "halophyte", "water")
BANDS = tuple(load_table("landscape")["bands"])
DN_PER_REFLECTANCE, DN_OFFSET = 10000, 1000  # Level-2A since processing baseline 04.00
_DRYING = 0.12  # m3/m3, moisture at which wet darkening has done 63 % of its work
_MOST_DN = 32767


def wetting(moisture, saturated_share):
    """Reflectance of moist ground as a share of dry ground.

    Parameters
    ----------
    moisture : ndarray
        m3/m3.
    saturated_share : float
        The share at saturation.

    References
    ----------
    Lobell and Asner (2002), Soil Sci. Soc. Am. J. 66, 722-727.
    """
    return saturated_share + (1 - saturated_share) * np.exp(-moisture / _DRYING)


def render(place, covers, moisture, generator):
    """Digital numbers of the scene.

    Parameters
    ----------
    place : Place
    covers : ndarray, shape (cover, row, column)
        Shares of each pixel in the order of `COVERS`, summing to 1.
    moisture : ndarray, shape (row, column)
        m3/m3.
    generator : numpy.random.Generator
        Noise of this view.

    Returns
    -------
    ndarray of uint16, shape (band, row, column)
        round(10000 reflectance) + 1000, at least 1, because 0 means no data.
    """
    table = load_table("landscape")
    dry = {name: table["endmembers"][name]["reflectance"] for name in COVERS}
    wet = {name: table["saturated_share"][name] for name in ("soil", "crust")}
    soil_tone = np.exp(0.13 * place.brightness - 0.018 * (place.organic_carbon - 9))
    crust_tone = np.exp(0.08 * place.crust_brightness)
    ramp = np.linspace(-1, 0.6, len(BANDS))  # iron and parent material tilt the soil's spectrum
    turbidity = 1 + 0.15 * matern_field(generator, place.size, place.cell, 400)
    haze = 0.03 * matern_field(generator, place.size, place.cell, 250)
    numbers = np.empty((len(BANDS), place.size, place.size), np.uint16)
    for band in range(len(BANDS)):
        tones = {
            "soil": soil_tone * np.exp(0.16 * ramp[band] * place.hue) * wetting(moisture, wet["soil"][band]),
            "crust": crust_tone * wetting(moisture, wet["crust"][band]),
            "water": turbidity,
        }
        reflectance = sum(share * dry[name][band] * tones.get(name, 1.0) for name, share in zip(COVERS, covers, strict=True))
        numbers[band] = _measure(reflectance, haze, generator)
    return numbers


def _measure(reflectance, haze, generator):
    seen = ndimage.gaussian_filter(reflectance, 0.5)
    seen *= 1 + haze + 0.012 * generator.standard_normal(seen.shape)
    seen += 0.003 * generator.standard_normal() + 0.0015 * generator.standard_normal(seen.shape)
    return np.clip(np.round(seen * DN_PER_REFLECTANCE) + DN_OFFSET, 1, _MOST_DN).astype(np.uint16)
