"""How the mean of a field changed over the years, and whether that is more than what its maps leave open.

The slope is that of Theil and Sen, the median of the slopes between all pairs of years; its interval takes the means of the years as
independently uncertain, which is rather too wide for maps of one model. The p value is that of Kendall's tau of the means with time, the
test of Mann and Kendall, exact for few years.

References
----------
Sen (1968), J. Am. Stat. Assoc. 63, 1379-1389, doi 10.1080/01621459.1968.10480934; Mann (1945), Econometrica 13, 245-259.
"""

import itertools
import math

import numpy as np

_DRAWS = 1000
_DAYS_PER_YEAR = 365.25


def field_trend(days, labels, zones, seed=0, number=0):
    """Trend of one field.

    Parameters
    ----------
    days : sequence of datetime.date
        Rising.
    labels : sequence of str
        What each year is called.
    zones : list of ZoneMean
        One per year.
    seed, number : int
        Draws of field `number` derive from both.

    Returns
    -------
    dict
        ``means``: one row per year (``label``, ``mean``, ``low``, ``high``); ``slope``, ``slope_low``, ``slope_high`` in units per year;
        ``p``; ``verdict``: "rising", "falling", "no clear change" or "too few years"; None for numbers that are not known.
    """
    from scipy.stats import kendalltau

    rows = [
        {"label": label, "mean": _known(zone.best), "low": _known(zone.value.low), "high": _known(zone.value.high)}
        for label, zone in zip(labels, zones, strict=True)
    ]
    there = [n for n, zone in enumerate(zones) if np.isfinite(zone.best)]
    facts = {"means": rows, "slope": None, "slope_low": None, "slope_high": None, "p": None, "verdict": "too few years"}
    if len(there) < 2:
        return facts
    years = np.array([days[n].toordinal() for n in there]) / _DAYS_PER_YEAR
    means = np.array([zones[n].best for n in there])
    facts["slope"] = float(_sen(years, means[None])[0])
    if len(there) > 2:
        p = float(kendalltau(years, means).pvalue)
        facts["p"] = p if math.isfinite(p) else None
    if all(zones[n].draws is not None and np.isfinite(zones[n].draws).all() for n in there):
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, 1)))
        drawn = np.column_stack([rng.choice(zones[n].draws, _DRAWS) for n in there])
        low, high = np.percentile(_sen(years, drawn), (5, 95))
        facts |= {"slope_low": float(low), "slope_high": float(high)}
        facts["verdict"] = "rising" if low > 0 else "falling" if high < 0 else "no clear change"
    else:
        facts["verdict"] = "no interval"
    return facts


def _sen(years, means):
    """Median of the slopes between all pairs of years, for rows of means."""
    pairs = list(itertools.combinations(range(years.size), 2))
    first, second = np.array(pairs).T
    apart = years[second] - years[first]
    kept = apart > 0
    return np.median((means[:, second] - means[:, first])[:, kept] / apart[kept], axis=1)


def _known(number):
    return float(number) if np.isfinite(number) else None
