"""What covers the ground of the coastal plain on a day: crops by their season and their salt stress, residue, crust, moisture."""

import math

import numpy as np

from soilcore.core.tables import load_table

CROPS = ("winter wheat", "cotton", "maize", "rice")


def season(day, green_up, green_up_speed, senescence, senescence_speed):
    r"""Relative canopy of a crop, 0-1.

    .. math:: s(t) = \frac{1}{1 + e^{-a (t - S)}} + \frac{1}{1 + e^{b (t - A)}} - 1

    Parameters
    ----------
    day : float
        Day of year t.
    green_up, senescence : float or ndarray
        Days S and A of half canopy.
    green_up_speed, senescence_speed : float
        a and b, per day.

    Returns
    -------
    ndarray of float

    References
    ----------
    Beck et al. (2006), Remote Sens. Environ. 100, 321-334.
    """
    rise = 1 / (1 + np.exp(-green_up_speed * (day - green_up)))
    fall = 1 / (1 + np.exp(senescence_speed * (day - senescence)))
    return np.clip(rise + fall - 1, 0, 1)


def relative_yield(ece, threshold, slope):
    """Growth under salt as a share of growth without, 0.03-1.

    Parameters
    ----------
    ece : ndarray
        dS/m.
    threshold : float
        ECe up to which nothing is lost, dS/m.
    slope : float
        Loss per dS/m above it.

    References
    ----------
    Maas and Hoffman (1977), J. Irrig. Drain. Div. 103, 115-134. Departs from it by a floor of 0.03: something always grows.
    """
    return np.clip(1 - slope * (ece - threshold), 0.03, 1)


def crop_covers(land_use, ece, vigour, delay, tilled, day):
    """Green crop and crop residue on a day.

    Parameters
    ----------
    land_use : ndarray of int
        Positions in `CROPS`; larger numbers carry no crop.
    ece : ndarray
        dS/m.
    vigour, delay : ndarray
        Factor on cover; days by which green-up is late.
    tilled : ndarray of bool
        Three quarters of the residue were ploughed in.
    day : int
        Day of year.

    Returns
    -------
    green, residue : ndarray of the same shape
        Shares of the ground, together at most 1.
    """
    green, residue = np.zeros(land_use.shape, ece.dtype), np.zeros(land_use.shape, ece.dtype)
    table = load_table("landscape")["crops"]
    for number, name in enumerate(CROPS):
        crop, here = table[name], land_use == number
        growth = relative_yield(ece[here], crop["threshold_dS_m"], crop["slope_per_dS_m"])
        calendar = {key: crop[key] for key in ("green_up_speed", "senescence", "senescence_speed")}
        late = crop["green_up"] + delay[here] + 8 * (1 - growth)
        green[here] = crop["cover"] * vigour[here] * growth * season(day, late, **calendar)
        residue[here] = 0.45 * (1 - season(day, crop["green_up"], **calendar)) * np.clip(vigour[here], 0, 1.2) * growth
    green = np.clip(green, 0, 0.97)
    residue = np.clip(np.where(tilled, 0.25 * residue, residue), 0, 1 - green) * 0.8
    return green, residue


def soil_moisture(water_table, clay, ece, anomaly, wetness=0.0):
    """Volumetric moisture of the surface, 0.03-0.45.

    Parameters
    ----------
    water_table : ndarray
        Depth, m: the deeper, the drier, down to 2 m.
    clay : ndarray
        Percent.
    ece : ndarray
        dS/m: salt keeps soil moist.
    anomaly : ndarray
        Patches without unit, standard deviation 1.
    wetness : float
        Shift of the whole scene by the weather before the day.

    Returns
    -------
    ndarray
        m3/m3.
    """
    moisture = 0.30 - 0.10 * np.minimum(water_table, 2) + 0.045 * anomaly + 0.02 * np.log1p(ece) / 3 + 0.0015 * (clay - 24)
    return np.clip(moisture + wetness, 0.03, 0.45)


def crust_share(ln_surface_ec, moisture):
    """Share of bare ground under salt crust, 0-0.95.

    Parameters
    ----------
    ln_surface_ec : ndarray
        ln of the surface film's EC in dS/m; half of the crust is there at 14 dS/m.
    moisture : ndarray
        m3/m3; crust shows on dry ground.
    """
    return np.clip(0.85 / (1 + np.exp(-(ln_surface_ec - math.log(14)) / 0.5)) * (0.25 + 1.3 * np.exp(-moisture / 0.16)), 0, 0.95)
