"""A synthetic continent in one table: 42 covariates, EC of the 1:5 extract and texture, with the ceiling of any model known."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyproj import Transformer
from scipy.stats import gamma, norm

from soilcore.core.errors import SettingsError
from soilcore.core.tables import load_table
from soilcore.core.units import texture_class

FEWEST, MOST = 30, 1_000_000

_EXTENT = 2_700_000.0, 5_700_000.0, 1_700_000.0, 4_400_000.0  # EPSG:3035, m: west, east, south, north
_FACTOR_RANGE, _FACTOR_SMOOTH = 500_000.0, 0.75  # m; share of a factor's variance that is smooth in space
_MEDIAN_EC, _SPREAD = 0.166, 0.74  # dS/m and standard deviation of ln outside the saline tail
_TAIL_SHARE, _TAIL_FACTOR = 0.05, 6.0
_SIGNAL_SHARE = 0.5  # of the variance of ln EC outside the tail
_DIRICHLET = {"sand": 2.6, "silt": 2.4, "clay": 1.5}


@dataclass(frozen=True)
class Continent:
    """A table and what is known about it.

    Parameters
    ----------
    table : pandas.DataFrame
        id, lon, lat, date, 42 covariates (``soilcore/tables/continental.json``), texture (USDA class), ec_1_5_dS_m.
    truth : ndarray of float, shape (n_samples,)
        Expected ln EC given the covariates: the best any model could predict.
    facts : dict
        Shares and the ceiling of R2 on ln EC.
    note : str
        How it was made, for people.
    """

    table: pd.DataFrame
    truth: np.ndarray
    facts: dict
    note: str


def continental(samples=3000, seed=0):
    """Draw the table.

    Six factors, smooth in space with a patchy part, make the covariates; each covariate has noise of its own. ln EC 1:5 is a function
    of the covariates themselves plus independent noise, so the ceiling of R2 is known. One point in twenty, most likely a dry or
    coastal one, is saline: its EC is six times higher.

    Parameters
    ----------
    samples : int
        Rows, 30 to 1,000,000.
    seed : int

    Returns
    -------
    Continent

    Raises
    ------
    SettingsError
        If a number is out of range.

    Notes
    -----
    EC 1:5 has the quartiles of LUCAS 2015 (0.10, 0.17, 0.28 dS/m), organic carbon a median of 20 g/kg, texture is Dirichlet. Getis-Ord z,
    the last of the usual 42 covariates, is made of the target and therefore only inside folds; coarse fragments take its place here.
    """
    if not FEWEST <= samples <= MOST:
        raise SettingsError(f"A table of {samples} samples was asked for. Choose {FEWEST} to {MOST}.")
    if seed < 0:
        raise SettingsError(f"The seed is {seed}, but seeds are whole numbers from 0 on. Choose 0 or more.")
    chance = np.random.default_rng(seed)
    x = chance.uniform(_EXTENT[0], _EXTENT[1], samples)
    y = chance.uniform(_EXTENT[2], _EXTENT[3], samples)
    scores = _scores(_factors(chance, x, y), chance)
    covariates = {name: _column(row, scores[name]) for name, row in _rows() if row["form"] != "texture"} | _texture(scores, chance)
    expected, tail_chance = _expected_ln_ec(scores, covariates)
    saline = chance.random(samples) < tail_chance
    noise = _SPREAD * np.sqrt(1 - _SIGNAL_SHARE) * chance.standard_normal(samples)
    ln_ec = expected + noise + np.log(_TAIL_FACTOR) * saline
    truth = expected + np.log(_TAIL_FACTOR) * tail_chance
    table = _places(x, y, chance) | {name: covariates[name] for name, _ in _rows()}
    table |= {"texture": _texture_classes(covariates), "ec_1_5_dS_m": np.exp(ln_ec).round(4)}
    return Continent(pd.DataFrame(table), truth, _facts(ln_ec, truth, saline), _NOTE)


def _rows():
    return load_table("continental")["covariates"].items()


def _factors(chance, x, y):
    """Six fields over the continent, each a sum of random waves with a Matern spectrum and a part without memory, variance 1."""
    waves, kappa = 300, np.sqrt(8.0) / _FACTOR_RANGE
    factors = {}
    for name in load_table("continental")["factors"]:
        # The spectrum of a Matern field with nu = 1 is a Student t with 2 degrees of freedom: a normal over the root of a chi-square.
        wave_numbers = kappa * chance.standard_normal((2, waves)) / np.sqrt(chance.chisquare(2, waves))
        phases = chance.uniform(0, 2 * np.pi, waves)
        smooth = np.zeros(x.size)
        for east, north, phase in zip(*wave_numbers, phases, strict=True):
            smooth += np.cos(east * x + north * y + phase)
        smooth = (smooth - smooth.mean()) / smooth.std()
        factors[name] = np.sqrt(_FACTOR_SMOOTH) * smooth + np.sqrt(1 - _FACTOR_SMOOTH) * chance.standard_normal(x.size)
    return factors


def _scores(factors, chance):
    """Standard normal score of every covariate: loadings on the factors, filled up to variance 1 with noise of its own."""
    count = len(next(iter(factors.values())))
    scores = {}
    for name, row in _rows():
        explained = sum(weight**2 for weight in row["loadings"].values())
        scores[name] = np.sqrt(1 - explained) * chance.standard_normal(count)
        for factor, weight in row["loadings"].items():
            scores[name] += weight * factors[factor]
    return scores


def _column(row, score):
    """A covariate in its own unit: a rising function of its score, so that nothing is lost but the rounding."""
    if row["form"] == "category":
        return np.searchsorted(np.cumsum(row["shares"])[:-1], norm.cdf(score)) + 1
    if row["form"] == "share":
        values = 1 / (1 + np.exp(-(np.log(row["median"] / (1 - row["median"])) + row["sd_logit"] * score)))
    elif row["form"] == "lognormal":
        values = row["median"] * np.exp(row["sd_ln"] * score)
    else:
        values = row["mean"] + row["sd"] * score
    return np.clip(values, row.get("low", -np.inf), row.get("high", np.inf)).round(row["digits"])


def _texture(scores, chance):
    """Sand and clay percent of a Dirichlet: shares of gamma amounts, of which sand's and clay's follow their scores."""
    sand = gamma.ppf(norm.cdf(scores["sand_pct"]), _DIRICHLET["sand"])
    clay = gamma.ppf(norm.cdf(scores["clay_pct"]), _DIRICHLET["clay"])
    total = sand + clay + chance.gamma(_DIRICHLET["silt"], size=sand.size)
    return {"clay_pct": (100 * clay / total).round(1), "sand_pct": (100 * sand / total).round(1)}


def _texture_classes(covariates):
    sand, clay = covariates["sand_pct"], covariates["clay_pct"]
    return texture_class(sand, (100 - sand - clay).round(1), clay)


def _expected_ln_ec(scores, covariates):
    """Expected ln EC outside the tail, and the chance to be in it.

    Salt stays where water does not leave: dry climate, fine texture, shallow water table, irrigation in dry places.
    """
    fine = (covariates["clay_pct"] - 23) / 14
    dry = -scores["aridity_index"]
    signal = 0.7 * dry + 0.45 * fine + 0.35 * scores["soc_g_kg"] + 0.3 * scores["ph"] - 0.3 * np.tanh(scores["water_table_m"])
    signal = signal + 0.5 * np.maximum(dry, 0) * scores["irrigated_share"] - 0.35 * np.maximum(scores["slope_deg"], 0)
    signal = np.tanh((signal - signal.mean()) / signal.std() / 2)  # no soil is saltier than brine
    signal = (signal - signal.mean()) / signal.std()
    expected = np.log(_MEDIAN_EC) + _SPREAD * np.sqrt(_SIGNAL_SHARE) * signal
    risk = np.exp(1.2 * dry - 1.2 * scores["coast_distance_km"])
    return expected, np.clip(_TAIL_SHARE * risk / risk.mean(), 0, 0.9)


def _places(x, y, chance):
    lon, lat = Transformer.from_crs(3035, 4326, always_xy=True).transform(x, y)
    dates = np.datetime64("2018-05-01") + chance.integers(0, 150, x.size)
    number = np.arange(1, x.size + 1)
    names = [f"C{value:0{len(str(x.size))}d}" for value in number]
    return {"id": names, "lon": np.round(lon, 6), "lat": np.round(lat, 6), "date": dates.astype(str)}


def _facts(ln_ec, truth, saline):
    ceiling = 1 - ((ln_ec - truth) ** 2).sum() / ((ln_ec - ln_ec.mean()) ** 2).sum()
    return {
        "signal_share": _SIGNAL_SHARE,
        "r2_ceiling_ln_ec": round(float(ceiling), 3),
        "saline_share": round(float(saline.mean()), 4),
        "quartiles_ec_1_5_dS_m": np.exp(np.quantile(ln_ec, [0.25, 0.5, 0.75])).round(3).tolist(),
    }


_NOTE = (
    "A synthetic continental table; the places carry no real soil. Covariates come from six Gaussian factors; ln EC 1:5 is a function of the "
    "covariates plus noise, and one point in twenty is saline by a factor of six. r2_ceiling_ln_ec is the R2 on ln EC of the true expectation: "
    "no model can honestly do better on these rows. Nothing in it says that a dual-step model beats a single regressor."
)
