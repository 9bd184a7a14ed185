"""What lasts in a landscape: labels of pixels over years, how classes follow each other, and whether the land parts into low and high."""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.mapping.persistence_kernels import FEWEST_YEARS, MEASURES, NO_LABEL, labels_of_draws, persistence_of_pixels

LABELS = ("stable_low", "persistent_high", "worsening", "improving", "fluctuating")
LABEL_TEXTS = ("stable low", "persistently high", "worsening", "improving", "fluctuating")
LABEL_COLORS = ("#56B4E9", "#882255", "#E69F00", "#0072B2", "#BBBBBB")
POLARISED_ENDS, POLARISED_MIDDLE = 0.8, 0.6
_UNITS_PER_HA = 1_000_000  # whole numbers sum alike in any order
_MOST_PERMUTATIONS, _LISTED_YEARS = 999, 6
_STRIP = 1 << 16  # pixels whose class limits are held at a time
_SURE = 0.8


@dataclass(frozen=True)
class PersistenceSettings:
    """When a pixel counts as lasting.

    Parameters
    ----------
    low_max : int
        Classes up to this one are low.
    high_min : int
        Classes from this one on are high.
    stable_share : float
        Share of the years that must be low, or high.
    draws : int
        Draws of the prediction intervals; 0 for none.
    seed : int
    correlation : float
        Of the errors of one pixel in two years; below 0 counts as 0 here. A comparison of maps fills in its own.
    """

    low_max: int = 0
    high_min: int = 3
    stable_share: float = 0.8
    draws: int = 100
    seed: int = 0
    correlation: float = 0.0

    def check(self, n_classes):
        """Refuse what cannot be with so many classes.

        Raises
        ------
        SettingsError
        """
        if not 0 <= self.low_max < self.high_min <= n_classes - 1:
            raise SettingsError(
                f"Low classes end with {self.low_max} and high ones begin with {self.high_min}, but the scheme has classes 0 to {n_classes - 1}. "
                "Choose --low-max below --high-min, both within the scheme."
            )
        if not 0.5 < self.stable_share <= 1:
            raise SettingsError(f"The share of years that makes a pixel stable lies above 0.5 and up to 1; got {self.stable_share:g}.")
        if not 0 <= self.draws <= 10_000:
            raise SettingsError(f"{self.draws} draws are not possible. Choose 0 (none) to 10000; 100 is usual.")


class Persistence:
    """Persistence of the classes of a landscape, counted window by window.

    Parameters
    ----------
    settings : PersistenceSettings
    scheme : ClassScheme
    n_years : int
    """

    def __init__(self, settings, scheme, n_years):
        settings.check(len(scheme.labels))
        self.settings, self.scheme, self.years = settings, scheme, n_years
        k = len(scheme.labels)
        self._pairs = np.zeros((n_years, n_years, k, k), np.int64)
        self._labels = np.zeros(len(LABELS), np.int64)
        self._draws = normal_draws(settings, n_years).astype(np.float32)
        self._drawn = np.zeros((len(self._draws), len(LABELS)), np.int64)
        self._support, self._sure = np.zeros(len(LABELS)), 0

    def of_pixels(self, classes, hectares, limits=None):
        """Layers of some pixels, and what is to be added for them.

        Parameters
        ----------
        classes : ndarray of uint8, shape (n_years, n_pixels)
            255 where missing.
        hectares : ndarray of float, shape (n_pixels,)
        limits : callable, optional
            From a slice of pixels to deviates of the class limits, shape (n_edges, n_years, n); no draws without.

        Returns
        -------
        layers : dict of str to ndarray of shape (n_pixels,)
            ``label``, ``mode`` (uint8), the `MEASURES`, and with draws ``support`` (share of draws with the same label).
        counted : tuple
            For `add`.
        """
        k, pixels, settings = len(self.scheme.labels), classes.shape[1], self.settings
        areas = np.round(hectares * _UNITS_PER_HA).astype(np.int64)
        labels, modes = np.empty(pixels, np.uint8), np.empty(pixels, np.uint8)
        measures, pairs = np.empty((len(MEASURES), pixels), np.float32), np.zeros_like(self._pairs)
        rule = (settings.low_max, settings.high_min, settings.stable_share)
        persistence_of_pixels(np.ascontiguousarray(classes), k, areas, *rule, labels, modes, measures, pairs)
        layers = {"label": labels, "mode": modes, **dict(zip(MEASURES, measures, strict=True))}
        drawn, sure, support = np.zeros_like(self._drawn), 0, np.zeros(len(LABELS))
        if limits is not None and len(self._draws):
            agree, stable = np.empty(pixels, np.float32), np.empty(pixels, np.float32)
            for start in range(0, pixels, _STRIP):
                part = slice(start, start + _STRIP)
                near = np.ascontiguousarray(limits(part))
                labels_of_draws(near, self._draws, labels[part], areas[part], *rule, agree[part], stable[part], drawn)
            layers["support"] = agree
            known = labels != NO_LABEL
            sure = int(areas[known & (agree >= _SURE - 1e-6)].sum())
            support = np.bincount(labels[known], areas[known] * agree[known].astype(float), len(LABELS))
        totals = np.bincount(labels, areas, NO_LABEL + 1)[: len(LABELS)].astype(np.int64)
        return layers, (pairs, totals, drawn, sure, support)

    def add(self, counted):
        """Add what `of_pixels` counted."""
        pairs, labels, drawn, sure, support = counted
        self._pairs += pairs
        self._labels += labels
        self._drawn += drawn
        self._sure += sure
        self._support += support

    def facts(self):
        """Everything about the landscape, as JSON values; None where no pixel has five years."""
        total = int(self._labels.sum())
        if not total:
            return None
        k = len(self.scheme.labels)
        matrix = _transitions(self._pairs, range(self.years))
        ends = matrix[0, 0], matrix[k - 1, k - 1]
        middle = _mean([matrix[n, n] for n in range(1, k - 1)])
        index = float(self._labels[:2].sum() / total)
        polarised = ends[0] >= POLARISED_ENDS and ends[1] >= POLARISED_ENDS and middle < POLARISED_MIDDLE
        return {
            "years": self.years,
            "area_ha": total / _UNITS_PER_HA,
            "labels": self._label_rows(total),
            "transition_matrix": matrix,
            "classes": list(self.scheme.labels),
            "persistence_low": ends[0],
            "persistence_high": ends[1],
            "persistence_middle": middle,
            "reversion_of_high": 1 - ends[1],
            "polarisation_index": index,
            "polarised": bool(polarised),
            "null": self._null(),
            "monte_carlo": self._monte_carlo(total),
            "low_max": self.settings.low_max,
            "high_min": self.settings.high_min,
            "stable_share": self.settings.stable_share,
            "note": _power_note(self.years),
        }

    def _label_rows(self, total):
        rows = []
        for number, (name, text) in enumerate(zip(LABELS, LABEL_TEXTS, strict=True)):
            area, row = self._labels[number], {"label": name, "text": text}
            row |= {"area_ha": area / _UNITS_PER_HA, "share": area / total}
            if len(self._draws) and self._drawn.any():
                shares = self._drawn[:, number] / total
                low, high = np.percentile(shares, [5, 95])
                row |= {
                    "support": self._support[number] / area if area else None,
                    "share_expected": shares.mean(),
                    "share_low": low,
                    "share_high": high,
                }
            rows.append(row)
        return rows

    def _monte_carlo(self, total):
        if not (len(self._draws) and self._drawn.any()):
            return None
        stable = self._drawn[:, :2].sum(axis=1) / total
        low, high = np.percentile(stable, [5, 95])
        return {
            "draws": len(self._draws),
            "correlation": max(0.0, self.settings.correlation),
            "share_of_stable_labels": stable.mean(),
            "share_of_stable_labels_low": low,
            "share_of_stable_labels_high": high,
            "share_supported": self._sure / total,
            "supported_from": _SURE,
            "assumption": "In a draw every pixel errs at the same quantile of its own interval, which makes the intervals of shares as wide as they can be; "
            "errors of different years are independent unless a correlation is given.",
        }

    def _null(self):
        """The same measures when years come in another order, and when each year's classes are dealt to the pixels anew."""
        k = len(self.scheme.labels)
        orders = list(_orders(self.years, self.settings.seed))
        matrices = np.array([_transitions(self._pairs, order) for order in orders])
        ends, middle = matrices[:, [0, k - 1], [0, k - 1]], [_mean([matrix[n, n] for n in range(1, k - 1)]) for matrix in matrices]
        observed = _transitions(self._pairs, range(self.years))
        rows = {}
        for name, values, own in (
            ("persistence_low", ends[:, 0], observed[0, 0]),
            ("persistence_high", ends[:, 1], observed[k - 1, k - 1]),
            ("persistence_middle", np.array(middle), _mean([observed[n, n] for n in range(1, k - 1)])),
        ):
            known = values[np.isfinite(values)]
            low, high = np.percentile(known, [5, 95]) if known.size else (math.nan, math.nan)
            p = float((np.sum(known >= own - 1e-12) + 1) / (known.size + 1)) if known.size and math.isfinite(own) else None
            rows[name] = {"mean": known.mean() if known.size else None, "low": low, "high": high, "p": p}
        return {
            "orders": len(orders),
            "permuted_years": rows,
            "polarisation_index_permuted_years": float(self._labels[:2].sum() / self._labels.sum()),
            "polarisation_index_dealt_anew": self._dealt_anew(),
            "note": "The polarisation index counts years, not their order, so permuting years leaves it as it is; what it would be if places had no "
            "memory is told by dealing each year's classes to the pixels anew.",
        }

    def _dealt_anew(self):
        """The index if each year's class areas stayed and places had no memory: chance that enough years are low, or high."""
        shares = _yearly_shares(self._pairs)
        low, high = shares[:, : self.settings.low_max + 1].sum(axis=1), shares[:, self.settings.high_min :].sum(axis=1)
        needed = math.ceil(self.settings.stable_share * self.years - 1e-9)
        return float(_at_least(low, needed) + _at_least(high, needed))


def normal_draws(settings, n_years):
    """Standard normal deviates, shape (n_draws, n_years), correlated between years; every draw has its counterpart of the other sign."""
    if not settings.draws:
        return np.empty((0, n_years))
    rng, together = np.random.default_rng(settings.seed), max(0.0, settings.correlation)
    half = math.ceil(settings.draws / 2)
    common, own = rng.standard_normal((half, 1)), rng.standard_normal((half, n_years))
    draws = math.sqrt(together) * common + math.sqrt(1 - together) * own
    return np.concatenate([draws, -draws])[: settings.draws]


def _transitions(pairs, order):
    """Row-stochastic matrix of classes from each year to the next in some order of the years; NaN rows for classes that do not occur."""
    total = np.zeros(pairs.shape[2:], np.int64)
    for before, after in itertools.pairwise(order):
        total += pairs[before, after] if before < after else pairs[after, before].T
    rows = total.sum(axis=1, keepdims=True)
    return np.where(rows > 0, total / np.maximum(rows, 1), np.nan)


def _orders(years, seed):
    """Every order of a few years, and so many drawn ones of more."""
    if years <= _LISTED_YEARS:
        yield from itertools.permutations(range(years))
        return
    rng = np.random.default_rng(seed)
    for _ in range(_MOST_PERMUTATIONS):
        yield rng.permutation(years)


def _yearly_shares(pairs):
    """Share of each class in each year, of the pixels that also have a class in a neighbouring year."""
    years = pairs.shape[0]
    areas = [pairs[year, year + 1].sum(axis=1) if year + 1 < years else pairs[year - 1, year].sum(axis=0) for year in range(years)]
    areas = np.array(areas, float)
    return areas / np.maximum(areas.sum(axis=1, keepdims=True), 1)


def _at_least(chances, needed):
    """Probability of at least `needed` successes in independent trials of these chances."""
    counts = np.zeros(len(chances) + 1)
    counts[0] = 1.0
    for chance in chances:
        counts[1:] = counts[1:] * (1 - chance) + counts[:-1] * chance
        counts[0] *= 1 - chance
    return counts[needed:].sum()


def _mean(values):
    known = [value for value in values if math.isfinite(value)]
    return float(np.mean(known)) if known else math.nan


def _power_note(years):
    if years >= 10:
        return ""
    return f"With {years} years the test of Mann and Kendall has little power: few pixels can be called worsening or improving, and some of those are chance."


__all__ = ["FEWEST_YEARS", "LABELS", "LABEL_COLORS", "LABEL_TEXTS", "Persistence", "PersistenceSettings", "normal_draws"]
