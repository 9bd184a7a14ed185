"""The coastal plain itself: shore, relief, water table, salt, parcels and soil, everything that stays from one date to the next."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from soilcore.core.tables import load_table
from soilcore.data.landscape_cover import CROPS, crop_covers
from soilcore.data.landscape_fields import matern_field, paint_parcels, split_into_parcels, stream

LAND_USES = (*CROPS, "wasteland", "salt pan")
WASTELAND, SALT_PAN = LAND_USES.index("wasteland"), LAND_USES.index("salt pan")
REFERENCE_YEAR, REFERENCE_DAY = 2025, 76  # 17 March, before green-up, when salt has risen to the surface

_PARCEL_SIDES = 140.0, 520.0  # m
_YEAR_MEMORY, _YEAR_SPREAD = 0.8, 0.25
_SKIN_PATCHY, _SKIN_WHITE = 1.0, 0.8


@dataclass(frozen=True)
class Place:
    """What does not change with the date. Arrays have shape (row, column); float32 unless said otherwise.

    Parameters
    ----------
    size, cell, seed
        As given to `make_place`.
    sea, canal, pond : ndarray of bool
        Permanent water; ponds are flooded salt pans.
    elevation, water_table : ndarray
        Height above sea level and depth of the water table below ground, m.
    clay, sand : ndarray
        Percent of the fine earth.
    ln_ece : ndarray
        Natural logarithm of the reference year's ECe (dS/m), 0-20 cm.
    organic_carbon : ndarray
        g/kg.
    parcels : ndarray of int32
        Number of the parcel.
    rectangles : tuple of (row, column, height, width)
        The parcels.
    use : ndarray of int, shape (n_parcels,)
        Position in `LAND_USES`.
    delay : ndarray, shape (n_parcels,)
        Days by which the parcel's crop is late.
    vigour, tilled, halophyte : ndarray
        Factor on crop cover, whether residue was ploughed in (bool), share covered by halophytes.
    moisture, skin, brightness, hue, crust_brightness : ndarray
        Fields without unit: soil moisture anomaly, mismatch of the surface film's ln EC, soil and crust colour.
    """

    size: int
    cell: float
    seed: int
    sea: np.ndarray
    canal: np.ndarray
    pond: np.ndarray
    elevation: np.ndarray
    water_table: np.ndarray
    clay: np.ndarray
    sand: np.ndarray
    ln_ece: np.ndarray
    organic_carbon: np.ndarray
    parcels: np.ndarray
    rectangles: tuple
    use: np.ndarray
    delay: np.ndarray
    vigour: np.ndarray
    tilled: np.ndarray
    halophyte: np.ndarray
    moisture: np.ndarray
    skin: np.ndarray
    brightness: np.ndarray
    hue: np.ndarray
    crust_brightness: np.ndarray

    @property
    def water(self):
        """Sea, canals and ponds, bool (row, column)."""
        return self.sea | self.canal | self.pond

    @property
    def land_use(self):
        """Position in `LAND_USES` of every pixel, uint8 (row, column)."""
        return self.use.astype(np.uint8)[self.parcels]


def make_place(size, cell, seed):
    """Draw a coastal plain. Settings are checked by `soilcore.data.landscape.coast`.

    Parameters
    ----------
    size : int
        Pixels along a side.
    cell : float
        Side of a pixel, m.
    seed : int

    Returns
    -------
    Place
    """
    chance = np.random.default_rng(seed)

    def field(correlation_range):
        return matern_field(chance, size, cell, correlation_range)

    # The order of the draws is part of the place: a draw more or less makes another one.
    ground = _ground(chance, field, size, cell)
    inland = ground.pop("inland")
    rectangles = _parcels(chance, size, cell)
    parcels = paint_parcels(rectangles, size)
    ln_ece = _ln_ece(inland, ground["water_table"], field(600), chance.standard_normal((size, size)))
    use = _land_uses(chance, parcels, ln_ece, inland)
    ln_ece -= np.where((use < len(CROPS))[parcels], 0.35, 0)  # leached by irrigation
    pond = _fill_salt_pans(chance, ln_ece, rectangles, use)
    farming = _farming(chance, field, parcels, use)
    skin = _SKIN_PATCHY * field(300) + _SKIN_WHITE * chance.standard_normal((size, size))
    green, _ = crop_covers(use[parcels], np.exp(ln_ece), farming["vigour"], farming["delay"][parcels], farming["tilled"], REFERENCE_DAY)
    carbon = _organic_carbon(ground["clay"], green, ln_ece, field(800), chance.standard_normal((size, size)))
    colour = {"brightness": field(500), "hue": field(900), "crust_brightness": field(150)}
    layers = ground | farming | colour | {"ln_ece": ln_ece, "organic_carbon": carbon, "skin": skin, "sand": _sand(seed, ground["clay"], cell)}
    layers = {name: layer.astype(np.float32) if layer.dtype == float else layer for name, layer in layers.items()}
    return Place(size, cell, seed, parcels=parcels, rectangles=tuple(rectangles), use=use, sea=inland < 0, pond=pond, **layers)


def ln_ece_of_year(place, year):
    """Salinity of a year: the reference year's plus an anomaly that remembers 80 % of its neighbour year's.

    The walk starts at the reference year with no anomaly and goes both ways, which is the first-order autoregression
    (memory 0.8, standard deviation 0.25 in ln ECe, patches of 600 m) seen from a year known to be normal.

    Parameters
    ----------
    place : Place
    year : int
        Calendar year.

    Returns
    -------
    ndarray of float32, shape (row, column)
        ln of ECe in dS/m; salt pans are kept as they are by their keepers.
    """
    step = 1 if year >= REFERENCE_YEAR else -1
    anomaly = np.zeros((place.size, place.size))
    for passed in range(REFERENCE_YEAR + step, year + step, step) if year != REFERENCE_YEAR else ():
        news = matern_field(stream(place.seed, "year", passed), place.size, place.cell, 600)
        anomaly = _YEAR_MEMORY * anomaly + np.sqrt(1 - _YEAR_MEMORY**2) * _YEAR_SPREAD * news
    anomaly[place.land_use == SALT_PAN] = 0
    return place.ln_ece + anomaly.astype(np.float32)


def _ground(chance, field, size, cell):
    """Shore, canals, relief, water table and clay; `inland` is the distance from the shore in m, negative at sea."""
    inland = _distance_inland(chance, size, cell)
    canal = _canals(chance, size)
    from_canal = ndimage.distance_transform_edt(~canal) * cell
    elevation = 0.6 + inland / 2600 + 0.35 * field(900) - 0.5 * np.exp(-from_canal / 25)
    water_table = np.clip(elevation - 0.25 - inland / 9000 + 0.25 * field(700) + 0.35 * np.exp(-from_canal / 120), 0.15, 5)
    clay = np.clip(24 + 7 * field(1200) + 3 * field(250), 6, 58)
    return {"inland": inland, "canal": canal, "elevation": elevation, "water_table": water_table, "clay": clay}


def _distance_inland(chance, size, cell):
    width = size * cell
    # The shore's bends keep their length and shrink with a small scene, so that no scene is all sea.
    bend = min(1.0, width / 5120)
    x, y = np.arange(size)[None] * cell, np.arange(size)[:, None] * cell
    shore = 0.9 * width + bend * (250 * np.sin(2 * np.pi * y / 3300 + chance.uniform(0, 6)) + 120 * np.sin(2 * np.pi * y / 1200))
    return shore - x


def _canals(chance, size):
    canal = np.zeros((size, size), bool)
    canal[:, chance.integers(int(0.15 * size), int(0.75 * size), 3)] = True
    canal[chance.integers(int(0.1 * size), int(0.9 * size), 2)] = True
    return canal


def _parcels(chance, size, cell):
    smallest, largest = (max(2, round(side / cell)) for side in _PARCEL_SIDES)
    return split_into_parcels(chance, size, smallest, max(largest, 2 * smallest))


def _ln_ece(inland, water_table, patches, white):
    """Salt rises from a shallow, saline water table; the groundwater freshens inland."""
    groundwater = 2 + 40 * np.exp(-np.clip(inland, 0, None) / 1800)  # dS/m
    return 0.55 * np.log(groundwater) + 1.9 * np.exp(-water_table / 0.7) - 0.55 + 0.5 * patches + 0.25 * white


def _land_uses(chance, parcels, ln_ece, inland):
    """Farmers leave land above 8 dS/m to halophytes more often than not; near the shore some parcels are salt pans."""
    count = parcels.max() + 1
    shares = [load_table("landscape")["crops"][crop]["share"] for crop in CROPS]
    use = np.searchsorted(np.cumsum(shares)[:-1], chance.random(count), side="right")
    use[(_parcel_mean(ln_ece, parcels) > np.log(8)) & (chance.random(count) < 0.65)] = WASTELAND
    use[(_parcel_mean(inland, parcels) < 900) & (chance.random(count) < 0.30)] = SALT_PAN
    return use


def _parcel_mean(layer, parcels):
    number = parcels.ravel()
    return np.bincount(number, np.broadcast_to(layer, parcels.shape).ravel()) / np.bincount(number)


def _fill_salt_pans(chance, ln_ece, rectangles, use):
    """Write the salinity of salt pans into `ln_ece`; return which pixels are ponds."""
    pond = np.zeros(ln_ece.shape, bool)
    for number in np.flatnonzero(use == SALT_PAN):
        row, column, height, width = rectangles[number]
        here = np.s_[row : row + height, column : column + width]
        pond[here] = chance.random() < 0.6
        ln_ece[here] = np.log(chance.uniform(18, 70)) + 0.2 * chance.standard_normal((height, width))
    return pond


def _farming(chance, field, parcels, use):
    """How parcels differ in moisture, vigour, sowing and tillage, and where halophytes grow on wasteland."""
    moisture = field(350)
    vigour = np.clip(1 + 0.22 * chance.standard_normal(use.size), 0.3, 1.4)[parcels] * np.clip(1 + 0.15 * field(200), 0.3, 1.6)
    delay = 6 * chance.standard_normal(use.size)
    tilled = (chance.random(use.size) < 0.45)[parcels]
    halophyte = np.where((use == WASTELAND)[parcels], np.clip(0.25 + 0.12 * field(150), 0, 0.7), 0)
    return {"moisture": moisture, "vigour": vigour, "delay": delay, "tilled": tilled, "halophyte": halophyte}


def _organic_carbon(clay, green, ln_ece, patches, white):
    """Clay protects carbon, crops bring it, salt keeps it away, g/kg."""
    return np.exp(np.log(9) + 0.018 * (clay - 24) + 0.25 * green - 0.05 * np.log1p(np.exp(ln_ece)) + 0.25 * patches + 0.08 * white)


def _sand(seed, clay, cell):
    """A fifth to a third of what is not clay is sand: the silt of a delta. It has its own stream and touches nothing else."""
    field = matern_field(stream(seed, "texture"), clay.shape[0], cell, 500)
    return (100 - clay) * np.clip(0.27 + 0.09 * field, 0.05, 0.7)
