"""Monthly weather that keeps its books: a stochastic year, radiation by FAO-56, and a bucket of soil water, under TerraClimate's names."""

import numpy as np
from scipy.signal import lfilter
from scipy.stats import gamma, norm

from soilcore.core.tables import load_table
from soilcore.data.landscape_fields import stream

VARIABLES = tuple(load_table("terraclimate")["variables"])

_DAYS = np.array([31, 28.25, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_MID_MONTH = np.array([15, 46, 74, 105, 135, 166, 196, 227, 258, 288, 319, 349])  # day of year
_BUCKET = 120.0  # mm
_MEAN_TEMPERATURE, _TEMPERATURE_SWING, _TEMPERATURE_SPREAD, _TEMPERATURE_MEMORY = 13.0, 14.0, 1.2, 0.3  # degC
_YEARLY_RAIN, _SUMMER_SHARE, _RAIN_SHAPE = 560.0, 0.65, 1.6  # mm; share of the two wet months; gamma
_MELT, _SNOW_BELOW = 3.0, 1.5  # mm per degC and day; degC
_WARM_UP = 24  # months that let the bucket and the drought index forget their start


def saturation_pressure(temperature):
    """Saturation vapour pressure over water, kPa, from degC (FAO-56 equation 11)."""
    return 0.6108 * np.exp(17.27 * temperature / (temperature + 237.3))


def extraterrestrial_radiation(latitude, day):
    """Daily radiation at the top of the atmosphere.

    Parameters
    ----------
    latitude : float or ndarray
        Degrees, south negative.
    day : int or ndarray
        Day of year.

    Returns
    -------
    float or ndarray
        MJ m-2 d-1.

    References
    ----------
    Allen et al. (1998), FAO Irrigation and Drainage Paper 56, equations 21-25.
    """
    angle = 2 * np.pi * np.asarray(day) / 365
    distance = 1 + 0.033 * np.cos(angle)
    declination = 0.409 * np.sin(angle - 1.39)
    latitude = np.radians(latitude)
    sunset = np.arccos(np.clip(-np.tan(latitude) * np.tan(declination), -1, 1))
    height = sunset * np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.sin(sunset)
    return 24 * 60 / np.pi * 0.0820 * distance * height


def hargreaves(radiation, coldest, warmest):
    """Reference evapotranspiration, mm per day.

    Parameters
    ----------
    radiation : ndarray
        At the top of the atmosphere, MJ m-2 d-1.
    coldest, warmest : ndarray
        Daily minimum and maximum temperature, degC.

    References
    ----------
    Hargreaves and Samani (1985), FAO-56 equation 52. Never negative.
    """
    middle = (coldest + warmest) / 2
    return np.clip(0.0023 * (middle + 17.8) * np.sqrt(warmest - coldest) * 0.408 * radiation, 0, None)


def monthly_climate(latitude, months=61, seed=0, first_month=1, shared=0.0):
    """Monthly weather of some places.

    Parameters
    ----------
    latitude : array-like of float, shape (n_points,)
        Degrees, south negative; sets radiation and which half of the year is summer.
    months : int
        Length of the series.
    seed : int
    first_month : int
        Month of the first step, 1-12.
    shared : float
        Share of the weather's variance that all points have in common, 0-1: near 1 for neighbours.

    Returns
    -------
    dict of str to ndarray of float, shape (n_points, months)
        TerraClimate's variables in TerraClimate's units (``soilcore/tables/terraclimate.json``): aet, def, pdsi, pet, pr, ro, soil, srad,
        swe, tmmn, tmmx, vap, vpd, vs. Precipitation equals aet + ro + the changes of soil and swe.
    """
    latitude = np.atleast_1d(np.asarray(latitude, float))[:, None]
    chance = stream(seed, "climate")
    steps = months + _WARM_UP
    calendar = (first_month - 1 - _WARM_UP + np.arange(steps)) % 12
    summer = np.where(latitude < 0, (calendar + 6) % 12, calendar)  # as if on the northern half

    def weather():
        return np.sqrt(shared) * chance.standard_normal(steps) + np.sqrt(1 - shared) * chance.standard_normal((latitude.size, steps))

    sky = _sky(summer, weather) | {"days": _DAYS[calendar], "top": extraterrestrial_radiation(latitude, _MID_MONTH[calendar])}
    series = _atmosphere(sky, weather) | _water_books(sky)
    series["pdsi"] = _drought_index(series["pr"] - series["pet"], calendar)
    return {name: series[name][:, _WARM_UP:] for name in VARIABLES}


def _sky(summer, weather):
    """Temperature and rain of each month: a yearly wave with remembered anomalies, gamma rain with two wet months."""
    news = np.sqrt(1 - _TEMPERATURE_MEMORY**2) * _TEMPERATURE_SPREAD * weather()
    wave = np.sin(2 * np.pi * (summer + 1 - 4) / 12)
    temperature = _MEAN_TEMPERATURE + _TEMPERATURE_SWING * wave + lfilter([1], [1, -_TEMPERATURE_MEMORY], news)
    wet = (summer == 6) | (summer == 7)
    expected = _YEARLY_RAIN * np.where(wet, _SUMMER_SHARE / 2, (1 - _SUMMER_SHARE) / 10)
    rain = gamma.ppf(norm.cdf(weather()), _RAIN_SHAPE, scale=expected / _RAIN_SHAPE)
    cloudiness = 1 - np.exp(-rain / 100)  # 0-1, the rain index
    half_range = (10 - 3 * cloudiness) / 2
    return {"temperature": temperature, "pr": rain, "cloudiness": cloudiness, "tmmn": temperature - half_range, "tmmx": temperature + half_range}


def _atmosphere(sky, weather):
    sunshine = 0.75 - 0.40 * sky["cloudiness"]  # share of the possible hours
    vapour = (0.6 + 0.2 * sky["cloudiness"]) * saturation_pressure(sky["tmmn"])
    mean_saturation = (saturation_pressure(sky["tmmn"]) + saturation_pressure(sky["tmmx"])) / 2
    return {
        "tmmn": sky["tmmn"],
        "tmmx": sky["tmmx"],
        "srad": (0.25 + 0.50 * sunshine) * sky["top"] * 1e6 / 86400,  # Angstrom, W m-2
        "vap": vapour,
        "vpd": mean_saturation - vapour,
        "vs": np.clip(3 + 0.6 * weather(), 0.3, None),
    }


def _water_books(sky):
    """Month by month: snow falls and melts, the rest feeds evaporation, a bucket of 120 mm, and then runoff."""
    pet = hargreaves(sky["top"], sky["tmmn"], sky["tmmx"]) * sky["days"]
    snowing = np.clip((_SNOW_BELOW - sky["temperature"]) / 3, 0, 1) * sky["pr"]
    melting = _MELT * np.clip(sky["temperature"], 0, None) * sky["days"]
    books = {name: np.empty_like(pet) for name in ("aet", "ro", "soil", "swe")}
    soil, snow = np.full(len(pet), _BUCKET / 2), np.zeros(len(pet))
    for month in range(pet.shape[1]):
        melt = np.minimum(snow + snowing[:, month], melting[:, month])
        snow = snow + snowing[:, month] - melt
        liquid = sky["pr"][:, month] - snowing[:, month] + melt
        lacking = np.clip(pet[:, month] - liquid, 0, None)
        drawn = soil * (1 - np.exp(-lacking / _BUCKET))  # a drying bucket gives ever less
        evaporated = np.minimum(liquid, pet[:, month]) + drawn
        filled = soil - drawn + np.clip(liquid - pet[:, month], 0, None)
        soil = np.minimum(filled, _BUCKET)
        for name, value in (("aet", evaporated), ("ro", filled - soil), ("soil", soil), ("swe", snow)):
            books[name][:, month] = value
    books["aet"] = np.minimum(books["aet"], pet)  # rounding may leave aet above pet by its last digit
    return books | {"pr": sky["pr"], "pet": pet, "def": pet - books["aet"]}


def _drought_index(surplus, calendar):
    """Nine months of surplus, standardised within each calendar month, with Palmer's memory of 0.897 from month to month."""
    nine = lfilter(np.ones(9), [1], surplus)
    standard = np.empty_like(nine)
    for month in np.unique(calendar):
        same = nine[:, calendar == month]
        spread = same.std(axis=1, keepdims=True)
        standard[:, calendar == month] = (same - same.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    return np.clip(lfilter([1], [1, -0.897], standard / 3), -6, 6)
