r"""When two predictions of one pixel differ beyond what their intervals leave open, and where class limits lie in those intervals.

The limit of a difference is found from the limits of its two parts (method of variance estimates recovery): with a rise from `a` to `b`,

.. math:: b - a > \sqrt{(b - l_b)^2 + (u_a - a)^2 - 2 r (b - l_b)(u_a - a)}

and a fall likewise with the other two bounds, all on the scale that was modelled, where the errors are. The errors of one model at one
pixel go together (what the imagery does not show is much the same every year), so their correlation `r` is above 0, and 0, the default, claims
a change too seldom rather than too often. With r = -1 the two half-widths add: a change then is where the intervals do not overlap, which holds
however the errors hang together.

References
----------
Zou and Donner (2008), Statistics in Medicine 27, 1693-1702, doi 10.1002/sim.3095; with dependence: Zou (2007), Psychological Methods 12, 399-413.
"""

import numpy as np

from soilcore.core.errors import SettingsError

NO_CHANGE, RISE, FALL = 0, 1, 2
FROM_MAPS = "maps"  # the correlation of errors is told by the maps themselves
CHANGE_LABELS = ("no change beyond the interval", "higher, beyond the interval", "lower, beyond the interval")
CHANGE_COLORS = ("#D9D9D9", "#E66101", "#2166AC")
FORWARD = {"log10": np.log10, "log1p": np.log1p, "none": lambda values: values}


def check_correlation(value):
    """Return the correlation of the errors of two predictions: a number from -1 up to, but not 1, or "maps".

    Raises
    ------
    SettingsError
    """
    if value == FROM_MAPS:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1 <= value < 1:
        raise SettingsError(f"The correlation of the errors lies between -1 and 1 (1 not included); got {value!r}. 0 is the careful default.")
    return float(value)


def beyond_interval(before, after, correlation=0.0, transform="none"):
    """Where two predictions differ by more than their joint interval.

    Parameters
    ----------
    before, after : tuple of ndarray
        Prediction, lower and upper bound, all of one shape and unit; bounds may be infinite.
    correlation : float
        Of the errors of both.
    transform : {"none", "log10", "log1p"}
        Scale on which the target was modelled.

    Returns
    -------
    ndarray of bool
        False where a number is missing, and where the predictions are equal.
    """
    difference, half = difference_and_interval(before, after, correlation, transform)
    with np.errstate(invalid="ignore"):
        return (np.abs(difference) > half) & (difference != 0)


def difference_and_interval(before, after, correlation=0.0, transform="none"):
    """Difference of two predictions and half the width of its joint interval on that side, on the scale that was modelled.

    Parameters are those of `beyond_interval`.

    Returns
    -------
    tuple of ndarray
        Signed difference, and its limit, 0 or more; NaN where a number is missing.
    """
    forward = FORWARD[transform]
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        (a, low_a, high_a), (b, low_b, high_b) = (tuple(forward(np.asarray(part, float)) for part in parts) for parts in (before, after))
        rising = b > a
        of_b = np.maximum(np.where(rising, b - low_b, high_b - b), 0.0)
        of_a = np.maximum(np.where(rising, high_a - a, a - low_a), 0.0)
        return b - a, np.sqrt(np.maximum(of_a**2 + of_b**2 - 2 * correlation * of_a * of_b, 0.0))


def directions(before, after, beyond):
    """Class of change as it is stored: `NO_CHANGE`, `RISE` or `FALL`; 255 where a prediction is missing."""
    with np.errstate(invalid="ignore"):
        classes = np.where(beyond, np.where(after > before, RISE, FALL), NO_CHANGE)
    return np.where(np.isfinite(before) & np.isfinite(after), classes, 255).astype(np.uint8)


def limits_in_interval(value, lower, upper, edges, level, transform="none"):
    """Where class limits lie in the predictive distribution of each pixel, as standard normal deviates.

    Between and beyond prediction and bounds the distribution is taken as two halves of normal curves, on the scale that was modelled.

    Parameters
    ----------
    value, lower, upper : ndarray of shape (...,)
        Prediction and bounds of that level.
    edges : sequence of float
        In the unit of the predictions.
    level : float
    transform : {"none", "log10", "log1p"}

    Returns
    -------
    ndarray of float32, shape (n_edges, ...)
        The value lies above the limit where its deviate does; NaN where the prediction is missing.
    """
    from scipy.stats import norm

    forward, reach = FORWARD[transform], norm.ppf(0.5 + level / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = forward(np.clip(np.asarray(value, float), lower, upper))
        below, above = centre - forward(np.asarray(lower, float)), forward(np.asarray(upper, float)) - centre
        found = np.empty((len(edges), *centre.shape), np.float32)
        for row, edge in zip(found, edges, strict=True):
            away = forward(np.float64(edge)) - centre
            deviate = reach * away / np.where(away >= 0, above, below)
            deviate = np.where(np.isnan(deviate) & ~np.isnan(centre), 0.0, deviate)  # on the prediction, with no width
            row[...] = deviate
    return found


def rule_in_words(correlation, level, estimated=False):
    """How a change is told from error, as a sentence."""
    asked = f"{100 * level:.4g} % intervals"
    if correlation <= -1:
        return f"A change is where the {asked} of both predictions do not overlap; this holds however their errors hang together."
    if correlation == 0 and not estimated:
        return (
            f"A change is where the difference exceeds the joint interval of two {asked} with independent errors (Zou and Donner 2008). "
            "Errors of one model at one pixel usually go together, so real changes are missed rather than false ones shown."
        )
    rule = f"A change is where the difference exceeds the joint interval of two {asked} whose errors correlate with {correlation:.2g} (Zou 2007)."
    if not estimated:
        return rule
    return (
        f"{rule} The correlation is told by the maps: most of the land is taken not to have changed. About {100 * (1 - level):.3g} % of unchanged land is "
        "shown as changed, more where differences have heavy tails; intervals of a higher level show less."
    )
