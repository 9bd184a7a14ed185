"""How the attribution of one driver follows its value, and which other driver changes that: the data of dependence plots."""

import numpy as np

from soilcore.core.errors import SettingsError

_BINS = 10
_FEWEST = 8  # rows in a bin: a rank correlation of fewer is mostly chance
_SHUFFLES = 39
_CHANCE = 0.95


def dependence(explained, name, *, seed=0):
    """Attributions of one driver over its values, with its strongest interaction partner.

    Among rows that are alike in the driver, its attribution would be the same if it acted alone. What differs there and follows another driver is
    interaction: in each of up to ten bins along the driver, the absolute rank correlation of its attribution with the other's value counts, weighed by
    how much the attribution varies in the bin.

    Parameters
    ----------
    explained : Explained
        Some dozens of rows or more.
    name : str
        A driver with values (not "place", nor a group of several).
    seed : int
        Shuffles the partners, which tells how strong chance makes the strongest of them.

    Returns
    -------
    dict
        ``feature``; ``values`` and ``contributions`` (lists, one per row); ``partner``, None where none is stronger than chance; ``partner_values``;
        ``strength`` of the strongest, 0 to 1, and ``chance``, what 95 % of shuffles stay below; ``partners``, rows of ``feature`` and ``strength``,
        strongest first; ``slope_sign``: rank correlation of contribution and value.

    Raises
    ------
    SettingsError
        If there is no such driver, or it has no values.
    """
    if name not in explained.names:
        raise SettingsError(f"There is no driver {name!r}. Drivers: {', '.join(explained.names[:10])}{', ...' * (len(explained.names) > 10)}.")
    at = explained.names.index(name)
    values, contributions = explained.given[:, at], explained.values[:, at]
    if not np.isfinite(values).all():
        raise SettingsError(f"{name!r} has no value of its own, so nothing can be shown along it. Ask for a single predictor.")
    others = [place for place in range(len(explained.names)) if place != at and np.isfinite(explained.given[:, place]).all()]
    bins = [(rows, _ranks(explained.given[np.ix_(rows, others)])) for rows in _bins(values)]
    strengths = _strengths(contributions, bins)
    chance = _by_chance(contributions, bins, seed)
    order = np.argsort(-strengths, kind="stable")
    best = None if not order.size or strengths[order[0]] <= chance else others[order[0]]
    return {
        "feature": name,
        "values": values.tolist(),
        "contributions": contributions.tolist(),
        "partner": None if best is None else explained.names[best],
        "partner_values": None if best is None else explained.given[:, best].tolist(),
        "strength": float(strengths[order[0]]) if order.size else None,
        "chance": chance,
        "partners": [{"feature": explained.names[others[place]], "strength": float(strengths[place])} for place in order],
        "slope_sign": _correlation(_ranks(values[:, None]), _ranks(contributions[:, None]))[0],
    }


def _bins(values):
    """Rows in bins along a driver, as equal in size as may be."""
    count = int(np.clip(len(values) // _FEWEST, 1, _BINS))
    return np.array_split(np.argsort(values, kind="stable"), count)


def _strengths(contributions, bins):
    """Interaction of every other driver, shape (n_others,); `bins` are rows with the ranks of the others' values in them."""
    total, weight = np.zeros(bins[0][1].shape[1]), 0.0
    for rows, ranks in bins:
        spread = contributions[rows].std()
        if rows.size < 3 or not spread > 0:
            continue
        total += spread * rows.size * np.abs(_correlation(ranks, _ranks(contributions[rows][:, None])))
        weight += spread * rows.size
    return total / weight if weight > 0 else total


def _by_chance(contributions, bins, seed):
    """What the strongest partner reaches when rows are shuffled within their bins."""
    if not bins[0][1].shape[1]:
        return 0.0
    rng, reached = np.random.default_rng(seed), []
    for _ in range(_SHUFFLES):
        shuffled = contributions.copy()
        for rows, _ in bins:
            shuffled[rows] = contributions[rng.permutation(rows)]
        reached.append(_strengths(shuffled, bins).max())
    return float(np.quantile(reached, _CHANCE))


def _ranks(values):
    from scipy.stats import rankdata

    return rankdata(values, axis=0) - (len(values) + 1) / 2


def _correlation(ranks, target):
    """Correlation of every column with one; 0 for a constant."""
    norms = np.sqrt((ranks**2).sum(axis=0) * (target**2).sum())
    return np.divide((ranks * target).sum(axis=0), norms, out=np.zeros(ranks.shape[1]), where=norms > 0)
