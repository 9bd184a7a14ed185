"""Organic carbon: percent, organic matter and stocks."""

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.tables import load_table


def organic_carbon_g_kg(percent):
    """Organic carbon in g/kg from percent by mass."""
    return 10.0 * np.asarray(percent, dtype=float)


def organic_matter_g_kg(organic_carbon, factor=None):
    """Organic matter from organic carbon, both g/kg.

    Parameters
    ----------
    organic_carbon : array-like of float
    factor : float, optional
        1.724 (van Bemmelen) unless given; 2.0 fits many soils better (Pribyl 2010).
    """
    factor = load_table("ec_conversions")["carbon"]["organic_matter_per_organic_carbon"] if factor is None else factor
    return factor * np.asarray(organic_carbon, dtype=float)


def carbon_stock_t_ha(organic_carbon, bulk_density, depth_cm, coarse_volume_fraction=0.0):
    r"""Organic carbon stock of one layer, t/ha (Mg C/ha).

    Parameters
    ----------
    organic_carbon : array-like of float
        g/kg of fine earth.
    bulk_density : array-like of float
        g/cm3.
    depth_cm : array-like of float
        Thickness of the layer, cm.
    coarse_volume_fraction : array-like of float
        Coarse fragments by volume, 0-1.

    Returns
    -------
    ndarray of float
        t/ha; divide by 10 for kg/m2. Do not sum layers below the depth that was sampled.

    Raises
    ------
    SettingsError
        If a coarse fraction lies outside 0-1.

    Notes
    -----
    .. math:: stock = SOC \cdot BD \cdot depth \cdot (1 - coarse) / 10
    """
    coarse = np.asarray(coarse_volume_fraction, dtype=float)
    if np.any((coarse < 0) | (coarse > 1)):
        raise SettingsError(
            f"Coarse fragments are a volume fraction between 0 and 1, not {coarse[(coarse < 0) | (coarse > 1)].flat[0]:g}. Divide percent by 100."
        )
    parts = (np.asarray(value, dtype=float) for value in (organic_carbon, bulk_density, depth_cm))
    carbon, density, depth = parts
    return carbon * density * depth * (1 - coarse) / 10
