"""A synthetic coastal plain whose truth is known everywhere.

Salt acts on reflectance only through things one could touch: crust, plant stress, moisture, each with its own noise. No index and
no correlation with a target enters; correlations are measured afterwards. The plain shows strong predictors, useless ones and
selection bias, and does not say that any published index is the best.
"""

from calendar import isleap
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from affine import Affine
from pyproj import CRS, Transformer

from soilcore.core.errors import SettingsError
from soilcore.core.grids import Grid
from soilcore.core.units import texture_class
from soilcore.data.landscape_change import ln_ece_before
from soilcore.data.landscape_cover import crop_covers, crust_share, soil_moisture
from soilcore.data.landscape_fields import matern_field, stream
from soilcore.data.landscape_place import LAND_USES, REFERENCE_DAY, REFERENCE_YEAR, ln_ece_of_year, make_place
from soilcore.data.landscape_reflectance import COVERS, DN_OFFSET, DN_PER_REFLECTANCE, render

SMALLEST, LARGEST = 32, 5490  # up to a Sentinel-2 tile at 20 m, about 8 GB of memory
YEARS = 1950, 2100
_CRS = CRS.from_epsg(32650)  # UTM 50 N: a place that does not exist, on the west shore of the Bohai Sea
_CORNER = 620_000.0, 4_190_000.0


@dataclass(frozen=True)
class Landscape:
    """The plain as a satellite sees it on a day, and the truth behind it.

    Arrays of pixels have shape (row, column), `dn` and `covers` with the band or cover first; the truth is float32.

    Parameters
    ----------
    grid : Grid
        EPSG:32650.
    year, day : int
        Calendar year and day of year of the view.
    dn : ndarray of uint16, shape (10, row, column)
        Level-2A digital numbers in the order of `BANDS`: round(10000 reflectance) + 1000; 0 would mean no data and does not occur.
    ece_dS_m : ndarray
        EC of the saturated paste, 0-20 cm.
    ec_1_5_dS_m : ndarray
        EC of the 1:5 extract, ECe / (2.46 + 3.03 / theta), with the water content theta of the saturated paste
        (Slavich and Petterson 1993, `slavich_theta`).
    salt_g_kg : ndarray
        0.64 ECe theta.
    soc_g_kg, clay_pct, sand_pct : ndarray
    elevation_m, water_table_m : ndarray
        Height above sea level, depth of the water table.
    moisture : ndarray
        m3/m3 at the surface.
    covers : ndarray, shape (6, row, column)
        Shares of the pixel in the order of `COVERS`, summing to 1.
    water, sea : ndarray of bool
        Sea, canals and ponds; sea alone.
    parcels : ndarray of int32
        Number of the parcel.
    land_use : ndarray of uint8
        Position in `LAND_USES`; under water it names the parcel's use.
    """

    grid: Grid
    year: int
    day: int
    dn: np.ndarray
    ece_dS_m: np.ndarray
    ec_1_5_dS_m: np.ndarray
    salt_g_kg: np.ndarray
    soc_g_kg: np.ndarray
    clay_pct: np.ndarray
    sand_pct: np.ndarray
    elevation_m: np.ndarray
    water_table_m: np.ndarray
    moisture: np.ndarray
    covers: np.ndarray
    water: np.ndarray
    sea: np.ndarray
    parcels: np.ndarray
    land_use: np.ndarray

    def reflectance(self):
        """Surface reflectance, float32 (band, row, column)."""
        return (self.dn.astype(np.float32) - DN_OFFSET) / DN_PER_REFLECTANCE


def coast(size=256, cell=20.0, seed=0, day=REFERENCE_DAY, year=REFERENCE_YEAR, wetness=0.0):
    """Draw the coastal plain and look at it on one day.

    Parameters
    ----------
    size : int
        Pixels along a side, 32 to 5490; memory grows with its square, about 0.7 GB at 1536.
    cell : float
        Side of a pixel, m.
    seed : int
        The same seed, size and cell give the same place on every day of every year.
    day : int
        Day of year; 76 is 17 March.
    year : int
        Calendar year; 2025 is the reference, other years carry an anomaly of ln ECe, those before 2022 also lack a planted change.
    wetness : float
        Shift of surface moisture by the weather before the day, m3/m3.

    Returns
    -------
    Landscape

    Raises
    ------
    SettingsError
        If a number is outside its range.
    """
    check_settings(size, cell, seed)
    return view(make_place(size, cell, seed), day, year, wetness)


def view(place, day=REFERENCE_DAY, year=REFERENCE_YEAR, wetness=0.0):
    """Look at a place on one day; the same parameters, returns and errors as `coast`."""
    _check_date(day, year)
    ln_ece = ln_ece_of_year(place, year) + ln_ece_before(place, year)
    ece = np.exp(ln_ece)
    green, residue = crop_covers(place.land_use, ece, place.vigour, place.delay[place.parcels], place.tilled, day)
    moisture = soil_moisture(place.water_table, place.clay, ece, place.moisture, np.float32(wetness))
    covers = _covers(place, green, residue, crust_share(ln_ece + place.skin, moisture))
    paste_water = saturated_paste_water(place.clay)
    return Landscape(
        grid=grid_of(place.size, place.cell),
        year=year,
        day=day,
        dn=render(place, covers, moisture, stream(place.seed, "view", year, day)),
        ece_dS_m=ece,
        ec_1_5_dS_m=ece / (2.46 + 3.03 / paste_water),
        salt_g_kg=0.64 * ece * paste_water,
        soc_g_kg=place.organic_carbon,
        clay_pct=place.clay,
        sand_pct=place.sand,
        elevation_m=np.where(place.sea, 0, place.elevation).astype(np.float32),
        water_table_m=place.water_table,
        moisture=moisture,
        covers=covers,
        water=place.water,
        sea=place.sea,
        parcels=place.parcels,
        land_use=place.land_use,
    )


def saturated_paste_water(clay):
    """Water content of the saturated paste from clay percent, kg/kg, 0.2-0.9."""
    return np.clip(0.20 + 0.009 * clay, 0.2, 0.9)


def grid_of(size, cell):
    """The grid of a coast of `size` pixels of `cell` metres."""
    return Grid(size, size, Affine(cell, 0, _CORNER[0], 0, -cell, _CORNER[1]), _CRS)


def draw_samples(landscape, count, seed=0):
    """Sample the topsoil at random places on land.

    Parameters
    ----------
    landscape : Landscape
    count : int
        One sample per pixel at most.
    seed : int

    Returns
    -------
    pandas.DataFrame of `count` rows
        id, lon, lat (degrees, WGS 84, within the pixel), date, depth_top_cm, depth_bottom_cm, the truth of the pixel without measurement
        error (ec_1_5_dS_m, ece_dS_m, salt_g_kg, soc_g_kg, clay_pct, silt_pct, sand_pct), texture_class (USDA) and land_use.

    Raises
    ------
    SettingsError
        If `count` is below 1 or above the number of land pixels.
    """
    land = np.flatnonzero(~landscape.water)
    if not 1 <= count <= land.size:
        raise SettingsError(f"{count} samples were asked for, but only {land.size} pixels are land. Choose 1 to {land.size}, or a larger size.")
    chance = stream(seed, "samples")
    pixel = chance.choice(land, count, replace=False)
    row, column = np.divmod(pixel, landscape.grid.width)
    within = chance.uniform(0.05, 0.95, (2, count))  # nobody digs at the centre of a pixel
    left, _, _, top = landscape.grid.bounds
    width, height = landscape.grid.cell_size
    x, y = left + width * (column + within[0]), top - height * (row + within[1])
    lon, lat = Transformer.from_crs(landscape.grid.crs, 4326, always_xy=True).transform(x, y)
    campaign = np.datetime64(date_of(landscape.year, landscape.day)) + chance.integers(-7, 8, count)
    frame = {
        "id": [f"S{number:0{len(str(count))}d}" for number in range(1, count + 1)],
        "lon": np.round(lon, 7),
        "lat": np.round(lat, 7),
        "date": campaign.astype(str),
        "depth_top_cm": 0,
        "depth_bottom_cm": 20,
    }
    return pd.DataFrame(frame | _measured(landscape, pixel))


def _measured(landscape, pixel):
    def at(layer, digits):
        return np.round(layer.ravel()[pixel].astype(float), digits)

    clay, sand = at(landscape.clay_pct, 1), at(landscape.sand_pct, 1)
    silt = np.round(100 - clay - sand, 1)
    return {
        "ec_1_5_dS_m": at(landscape.ec_1_5_dS_m, 4),
        "ece_dS_m": at(landscape.ece_dS_m, 3),
        "salt_g_kg": at(landscape.salt_g_kg, 3),
        "soc_g_kg": at(landscape.soc_g_kg, 2),
        "clay_pct": clay,
        "silt_pct": silt,
        "sand_pct": sand,
        "texture_class": texture_class(sand, silt, clay),
        "land_use": np.array(LAND_USES)[landscape.land_use.ravel()[pixel]],
    }


def draw_clouds(place, year, day):
    """Where clouds hide the ground on a day.

    Parameters
    ----------
    place : Place
    year, day : int

    Returns
    -------
    ndarray of bool, shape (row, column)
        One day in three is clear; the others are covered by up to two thirds.
    """
    chance = stream(place.seed, "clouds", year, day)
    share = max(0.0, chance.uniform(-0.33, 0.67))
    if share == 0:
        return np.zeros((place.size, place.size), bool)
    thickness = matern_field(chance, place.size, place.cell, 1500)
    return thickness > np.quantile(thickness, 1 - share)


def date_of(year, day):
    """Calendar date of a day of year."""
    return date(year, 1, 1) + timedelta(days=day - 1)


def check_settings(size, cell, seed):
    """Refuse a landscape that cannot be drawn.

    Raises
    ------
    SettingsError
        With the number that is out of range and the range.
    """
    if not SMALLEST <= size <= LARGEST:
        raise SettingsError(f"A landscape of {size} x {size} pixels was asked for. Choose a size from {SMALLEST} to {LARGEST} pixels.")
    if not 0 < cell < np.inf:
        raise SettingsError(f"A pixel of {cell} m was asked for. Choose a cell above 0 m, for example 20.")
    if seed < 0:
        raise SettingsError(f"The seed is {seed}, but seeds are whole numbers from 0 on. Choose 0 or more.")


def _check_date(day, year):
    if not YEARS[0] <= year <= YEARS[1]:
        raise SettingsError(f"The landscape has no year {year}. Choose {YEARS[0]} to {YEARS[1]}.")
    days = 366 if isleap(year) else 365
    if not 1 <= day <= days:
        raise SettingsError(f"Day {day} is not a day of {year}. Choose 1 to {days}.")


def _covers(place, green, residue, crust):
    bare = np.clip(1 - green - residue - place.halophyte, 0, 1)
    dry_shares = {"soil": bare * (1 - crust), "crust": bare * crust, "green": green, "residue": residue, "halophyte": place.halophyte}
    water = np.where(place.water, np.float32(1), np.float32(0))
    water[place.pond] = 0.85  # dikes and floating salt
    shares = dry_shares | {"water": water}
    return np.stack([shares[name] if name == "water" else shares[name] * (1 - water) for name in COVERS])
