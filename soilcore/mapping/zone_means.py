"""What a field has on average, and how sure that is: the mean of many uncertain pixels whose errors go together.

Every pixel has its own distribution (`soilcore.mapping.finished`). The true value of a pixel is written as a quantile of it; within one of
at most 64 parts of a field all pixels sit at the same quantile, and the parts are correlated like the model's errors at their distance: by the
variogram of the out-of-fold residuals, the nugget taken as shared, so that the interval is rather too wide. From 1,000 draws the mean of the
field, the share of its classes and the yield of crops follow, each with its interval. Without a usable variogram the whole field errs
together, the widest case. What is common to all errors of a map (a wrong conversion, another laboratory) no variogram shows.

References
----------
Change of support with correlated errors: Heuvelink (1998), Error propagation in environmental modelling with GIS, Taylor and Francis;
block averages by simulation: Goovaerts (2001), Geoderma 103, 3-26, doi 10.1016/S0016-7061(01)00067-2.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from soilcore.evaluation.variogram import CORRELATIONS

QUANTILES = 100
DRAWS = 1000
_MOST_PARTS = 64
_STRIP = 20_000  # pixels whose quantiles are held at a time
PROBABILITIES = (np.arange(QUANTILES) + 0.5) / QUANTILES


@dataclass(frozen=True)
class Responses:
    """What is averaged beside the value itself.

    Parameters
    ----------
    edges : tuple of float
        Class limits, rising.
    curves : tuple of (ndarray, ndarray)
        Piecewise linear functions of the value, each as its knots (rising) and its values there; constant beyond both ends.
    least : tuple of float
        For the first curves: what the mean of the zone should reach, so that the probability of it is given.
    plain : tuple of (ndarray, ndarray)
        Further curves of which only the expected mean is wanted, without interval.
    """

    edges: tuple[float, ...] = ()
    curves: tuple = ()
    least: tuple[float, ...] = ()
    plain: tuple = ()

    @property
    def knots(self):
        """Every knot of every curve, rising; between two of them all curves are straight."""
        every = (*self.curves, *self.plain)
        return np.unique(np.concatenate([np.asarray(x, float) for x, _ in every])) if every else np.empty(0)

    def at_knots(self, curves):
        """Value of some curves at every knot, shape (n_knots, n_curves)."""
        knots = self.knots
        return np.column_stack([np.interp(knots, x, y) for x, y in curves]) if curves else np.empty((knots.size, 0))


@dataclass
class Estimate:
    """A mean with its interval.

    Parameters
    ----------
    expected, low, high : float
        Mean over the draws, and the bounds of the interval; NaN where nothing is known.
    """

    expected: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass
class ZoneMean:
    """One zone.

    Parameters
    ----------
    area_ha : float
        Of mapped land in it.
    mean, smallest, largest : float
        Of the map as it is drawn; pixels count by their covered area.
    value : Estimate
    shares : ndarray of float, shape (n_classes,)
        Of the mapped land, by the class the map shows.
    class_shares : list of Estimate
        By the distribution of every pixel.
    curves : list of Estimate
        One for each curve.
    plain : ndarray of float
        Expected mean of each of the plain curves.
    p_least : list of float or None
        Probability that the mean of each of the first curves reaches its least.
    inside : float or None
        Share of the mapped land inside the area of applicability.
    draws : ndarray of float, shape (n_draws,)
        Of the mean.
    """

    area_ha: float = 0.0
    mean: float = math.nan
    smallest: float = math.nan
    largest: float = math.nan
    value: Estimate = field(default_factory=Estimate)
    shares: np.ndarray | None = None
    class_shares: list = field(default_factory=list)
    curves: list = field(default_factory=list)
    plain: np.ndarray | None = None
    p_least: list | None = None
    inside: float | None = None
    draws: np.ndarray | None = field(default=None, repr=False)

    @property
    def best(self):
        """The best estimate of the true mean: the expected one, or that of the map where nothing finite is expected.

        A model of logarithms draws medians, and the mean of medians is too low where values are skewed.
        """
        return self.value.expected if math.isfinite(self.value.expected) else self.mean


class ZoneSums:
    """Sums over the pixels of one zone, filled block by block.

    Parameters
    ----------
    finished : FinishedMap
    responses : Responses
    bounds : tuple of int
        First row, first column, rows and columns of a rectangle round the zone.
    """

    def __init__(self, finished, responses, bounds):
        self.finished, self.responses = finished, responses
        self.row, self.col, height, width = bounds
        self.side = _part_side(max(height, 1), max(width, 1)) if usable(finished.variogram) else max(height, width, 1)
        self.across = max(1, math.ceil(width / self.side))
        parts = max(1, math.ceil(height / self.side)) * self.across
        self.knots, classes = responses.knots, len(responses.edges) + 1
        self.weight, self.places = np.zeros(parts), np.zeros((parts, 2))
        self._probabilities = PROBABILITIES if finished.has_interval else np.array([0.5])
        quantiles = self._probabilities.size
        self.means = np.zeros((parts, quantiles))
        self.classes = np.zeros((parts, quantiles, classes))
        self.hats = np.zeros((parts, quantiles, len(self.knots)))
        self.plain, self.shares = 0.0, np.zeros(classes)
        self.smallest, self.largest = math.inf, -math.inf
        self.known_area = self.inside = 0.0
        self._hectares = finished.grid.cell_areas_ha()

    def add(self, window, part, layers):
        """Add one block.

        Parameters
        ----------
        window : Window
        part : ndarray of float, shape (rows, columns)
            Covered part of each pixel.
        layers : dict of str to ndarray
            "value" and, where the map has them, "lower", "upper" and "aoa"; NaN without data.
        """
        rows, cols = np.nonzero((part > 0) & np.isfinite(layers["value"]))
        if not rows.size:
            return
        weight = part[rows, cols] * self._hectares[rows + window.row]
        value = layers["value"][rows, cols]
        self.smallest, self.largest = min(self.smallest, value.min()), max(self.largest, value.max())
        self.plain += float(weight @ value)
        self.shares += np.bincount(np.searchsorted(self.responses.edges, value, side="right"), weight, self.shares.size)
        if "aoa" in layers:
            known = np.isfinite(layers["aoa"][rows, cols])
            self.known_area += float(weight[known].sum())
            self.inside += float(weight[known & (layers["aoa"][rows, cols] == 1)].sum())
        group = (rows + window.row - self.row) // self.side * self.across + (cols + window.col - self.col) // self.side
        self.weight += np.bincount(group, weight, self.weight.size)
        for axis, at in enumerate((cols + window.col + 0.5, rows + window.row + 0.5)):
            self.places[:, axis] += np.bincount(group, weight * at, self.weight.size)
        bounds = [_filled(layers[key][rows, cols], value) if key in layers else None for key in ("lower", "upper")]
        for start in range(0, rows.size, _STRIP):
            strip = slice(start, start + _STRIP)
            low, high = (None if bound is None else bound[strip] for bound in bounds)
            self._spread(group[strip], weight[strip], self.finished.quantiles(value[strip], low, high, self._probabilities))

    def _spread(self, group, weight, values):
        """Add the quantiles of some pixels, shape (n_quantiles, n)."""
        parts = self.weight.size
        for number, column in enumerate(values):
            self.means[:, number] += np.bincount(group, weight * column, parts)
            if self.responses.edges:
                own = np.searchsorted(self.responses.edges, column, side="right")
                self.classes[:, number] += _count(group, own, weight, parts, self.shares.size)
            if self.knots.size:
                self.hats[:, number] += self._hat(group, column, weight)

    def _hat(self, group, values, weight):
        """Weights of the two knots that each value lies between: the mean of every curve follows from them without loss."""
        knots = self.knots
        held = np.clip(values, knots[0], knots[-1])
        right = np.clip(np.searchsorted(knots, held, side="right"), 1, knots.size - 1)
        share = (held - knots[right - 1]) / (knots[right] - knots[right - 1])
        parts = self.weight.size
        return _count(group, right - 1, weight * (1 - share), parts, knots.size) + _count(group, right, weight * share, parts, knots.size)

    def result(self, level, seed=0, number=0):
        """The zone's means.

        Parameters
        ----------
        level : float or None
            Of the intervals; None gives none.
        seed, number : int
            Draws of zone `number` derive from both.

        Returns
        -------
        ZoneMean
        """
        total = self.weight.sum()
        if not total > 0:
            return ZoneMean()
        there = self.weight > 0
        picked = None if level is None else self._picked(there, seed, number)
        tails = None if level is None else (50 * (1 - level), 100 - 50 * (1 - level))
        means, draws = _estimates(self.means[there][:, :, None], picked, total, tails)
        classes = _estimates(self.classes[there], picked, total, tails)[0] if self.responses.edges else []
        wanted, least = self.responses, self.responses.least
        curves, drawn = _estimates(self.hats[there] @ wanted.at_knots(wanted.curves), picked, total, tails) if wanted.curves else ([], None)
        plain = self.hats.mean(axis=1).sum(axis=0) @ wanted.at_knots(wanted.plain) / total if wanted.plain else None
        reached = None if drawn is None or not least else [float(np.mean(drawn[:, n] >= one)) for n, one in enumerate(least)]
        return ZoneMean(
            float(total),
            float(self.plain / total),
            float(self.smallest),
            float(self.largest),
            means[0],
            self.shares / total,
            classes,
            curves,
            plain,
            reached,
            self.inside / self.known_area if self.known_area else None,
            None if draws is None else draws[:, 0],
        )

    def _picked(self, there, seed, number):
        """Quantile at which each part sits in each draw, shape (n_draws, n_parts); of one part every quantile once."""
        parts = int(there.sum())
        if parts == 1:
            return np.arange(QUANTILES)[:, None]
        places = self.places[there] / self.weight[there][:, None] * pixel_metres(self.finished.grid)
        root = _root(correlation_between(places, self.finished.variogram))
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))
        from scipy.stats import norm

        shares = norm.cdf(rng.standard_normal((DRAWS, parts)) @ root.T)
        return np.clip((shares * QUANTILES).astype(int), 0, QUANTILES - 1)


def usable(variogram):
    """Whether a variogram says how errors hang together."""
    return bool(variogram and variogram.get("usable") and variogram.get("model") in CORRELATIONS and (variogram.get("range") or 0) > 0)


def correlation_between(places, variogram):
    """Correlation of errors between places.

    Parameters
    ----------
    places : ndarray of float, shape (n, 2)
        Metres.
    variogram : dict
        Facts: ``model`` and ``range``; the nugget is taken as shared.

    Returns
    -------
    ndarray of float, shape (n, n)
    """
    apart = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=2))
    return CORRELATIONS[variogram["model"]](apart / float(variogram["range"]))


def pixel_metres(grid):
    """Width and height of a pixel in metres; on a grid in degrees at its middle."""
    width, height = grid.cell_size
    if grid.crs.is_projected:
        metre = grid.crs.axis_info[0].unit_conversion_factor
        return np.array([width * metre, height * metre])
    _, bottom, _, top = grid.bounds
    degree = 111_195.0
    return np.array([width * degree * max(0.05, math.cos(math.radians((bottom + top) / 2))), height * degree])


def assumption(finished):
    """In one sentence: what the intervals of means rest on."""
    if not finished.has_interval:
        return "The map has no prediction interval, so nothing is said on how sure the means are. Map the model again with --interval 0.9."
    level = f"{100 * finished.level:.4g} % intervals of means"
    if not usable(finished.variogram):
        return f"{level}: all pixels of a field err together, the widest case, because no range of the model's errors is known."
    reach, model = float(finished.variogram["range"]), finished.variogram["model"]
    return f"{level}: errors of pixels resemble each other up to {reach:.0f} m ({model} variogram of the model's errors), beyond they average out."


def _filled(bound, value):
    """Bounds with the value itself where none is known."""
    return np.where(np.isnan(bound), value, bound)


def _part_side(height, width):
    """Pixels along a side of a part: at most 64 parts."""
    side = max(1, math.ceil(math.sqrt(height * width / _MOST_PARTS)))
    while math.ceil(height / side) * math.ceil(width / side) > _MOST_PARTS:
        side += 1
    return side


def _count(group, own, weight, parts, kinds):
    return np.bincount(group * kinds + own, weight, parts * kinds).reshape(parts, kinds)


def _root(correlation):
    """A matrix whose product with its transpose is the correlation, whatever rounding did to it."""
    values, vectors = np.linalg.eigh(correlation)
    return vectors * np.sqrt(np.maximum(values, 0))


def _estimates(sums, picked, total, tails):
    """Means of several responses.

    Parameters
    ----------
    sums : ndarray of float, shape (n_parts, n_quantiles, n_responses)
    picked : ndarray of int, shape (n_draws, n_parts), or None
    total : float
    tails : tuple of float or None
        Percentiles of the bounds.

    Returns
    -------
    estimates : list of Estimate
    draws : ndarray of float, shape (n_draws, n_responses), or None
    """
    expected = sums.mean(axis=1).sum(axis=0) / total
    if picked is None:
        return [Estimate(float(one)) for one in expected], None
    draws = np.zeros((len(picked), sums.shape[2]))
    for number, column in enumerate(picked.T):
        draws += sums[number][column]
    draws /= total
    low, high = np.percentile(draws, tails, axis=0, method="nearest")  # nothing is taken between a number and an endless bound
    return [Estimate(float(a), float(b), float(c)) for a, b, c in zip(expected, low, high, strict=True)], draws
