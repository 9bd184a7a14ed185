"""How large a difference must be so that few of the differences that are shown as changes are none.

The share of unchanged land that exceeds an interval by chance is set by the level of the interval, whatever there is to be found; where little
land changed, most of what is shown is then chance. Here the limit on the difference, in joint intervals, is raised until at most a share `q` of the
land beyond it is expected not to have changed (false discovery rate; never below one joint interval).

* What is judged is the mean over a pixel and its eight neighbours of the difference over its joint interval: land changes in patches, and much
  of the error does not. A pixel is shown only if it differs in that direction itself. A change of a single pixel is missed.
* How large such means are by chance is told by the maps, most of which is taken not to have changed: half of them lie below their median, and
  beyond it they are taken to halve with every further median (the curve of Laplace). Its tails are heavier than the normal curve's, as they are
  where errors are larger in some places than in others; on synthetic coasts the differences of years without change follow it closely enough
  (`benchmarks/planted_change.py`). Real changes raise the median, which makes the limit higher rather than lower. Tails heavier still let more
  false changes through than `q`.

References
----------
Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300; a null told by the data: Efron (2004), Journal of the
American Statistical Association 99, 96-104.
"""

import math
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.grids import Window
from soilcore.core.tiles import gdal_cache_capped
from soilcore.mapping.differences import FROM_MAPS, difference_and_interval
from soilcore.mapping.error_correlation import FEWEST, correlations_of_sample, pairs_of, sample_of_maps, sampling_step
from soilcore.mapping.raster_set import on_fixed_grid


@dataclass(frozen=True)
class ChangeLimit:
    """When a difference of two maps is a change.

    Parameters
    ----------
    correlation : float
        Of the errors of both.
    times : float
        So many joint intervals; infinite where no difference stands out.
    """

    correlation: float
    times: float = 1.0


def check_false_changes(value):
    """Return the share of what is shown as changed that may be none: None, or a number above 0 and up to 0.5.

    Raises
    ------
    SettingsError
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 0.5:
        raise SettingsError(f"The share of false changes among those shown lies above 0 and up to 0.5; got {value!r}. 0.1 is one in ten.")
    return float(value)


def change_limits(maps, correlation, false_changes=None, window=512):
    """When a difference is a change, for pairs of maps.

    Parameters
    ----------
    maps : DatedMaps
    correlation : float or "maps"
        Of the errors of one pixel on two dates.
    false_changes : float, optional
        Largest expected share of unchanged land in what is shown as changed; if not given, the joint interval is the limit.
    window : int

    Returns
    -------
    tuple of ChangeLimit
        First with last, then each with the next.
    """
    pairs, told = pairs_of(maps), correlation == FROM_MAPS
    if maps.level is None:
        return (ChangeLimit(0.0 if told else correlation),) * len(pairs)
    correlations = correlations_of_sample(sample_of_maps(maps, window), maps) if told else (correlation,) * len(pairs)
    if false_changes is None:
        return tuple(map(ChangeLimit, correlations))
    step, found = sampling_step(maps.grid), [[] for _ in pairs]
    with gdal_cache_capped(), maps.reader() as read:
        for each in maps.grid.windows(window):
            data, inner = with_neighbours(read, maps.grid, each)
            for number, (before, after) in enumerate(pairs):
                means = mean_ratio(*(tuple(data[key][n] for key in maps.keys) for n in (before, after)), correlations[number], maps.transform)
                found[number].append(on_fixed_grid(each, means[inner], step).ravel())
    return tuple(ChangeLimit(r, limit_of_ratios(np.concatenate(one), false_changes)) for r, one in zip(correlations, found, strict=True))


def limit_of_ratios(ratios, false_changes):
    """How many joint intervals a difference must exceed.

    Parameters
    ----------
    ratios : ndarray of shape (n,)
        Of pixels, as `mean_ratio` gives them; NaN where there is none.
    false_changes : float

    Returns
    -------
    float
        1 or more; infinite where no difference stands out; 1 where there are too few pixels to tell, or most do not differ at all.
    """
    from scipy.stats import false_discovery_control

    ratios = np.abs(ratios[np.isfinite(ratios)])
    median = float(np.median(ratios)) if ratios.size >= FEWEST else 0.0
    if median == 0:
        return 1.0
    found = int(np.sum(false_discovery_control(np.exp2(-ratios / median)) <= false_changes))
    return max(1.0, median * math.log2(ratios.size / (false_changes * found))) if found else math.inf


def mean_ratio(before, after, correlation, transform="none"):
    """Mean over each pixel and its eight neighbours of the difference over half its joint interval.

    Parameters
    ----------
    before, after : tuple of ndarray, shape (rows, columns)
        Prediction, lower and upper bound.
    correlation : float
        Of the errors of both.
    transform : {"none", "log10", "log1p"}
        Scale on which the target was modelled.

    Returns
    -------
    ndarray of float, shape (rows, columns)
        Signed; NaN where a prediction or bound is missing, or the joint interval is infinite or has no width.
    """
    difference, half = difference_and_interval(before, after, correlation, transform)
    known = np.isfinite(difference) & np.isfinite(half) & ((half > 0) | (difference == 0))
    ratio = np.divide(difference, half, out=np.zeros_like(difference), where=known & (half > 0))
    total, count = _sum_of_neighbours(ratio), _sum_of_neighbours(known.astype(float))
    return np.where(known, total / np.maximum(count, 1), np.nan)


def _sum_of_neighbours(values):
    """Added up in the same order at every pixel, so that windows change nothing."""
    rows, cols = values.shape
    around = np.pad(values, 1)
    return sum(around[row : row + rows, col : col + cols] for row in range(3) for col in range(3))


def with_neighbours(read, grid, window):
    """Layers of a window and the pixels around it, and where the window lies in them.

    Parameters
    ----------
    read : callable
        From a window to layers.
    grid : Grid
    window : Window

    Returns
    -------
    tuple
        What `read` gives for the wider window, and a pair of slices.
    """
    top, left = max(0, window.row - 1), max(0, window.col - 1)
    bottom, right = min(grid.height, window.row + window.height + 1), min(grid.width, window.col + window.width + 1)
    inner = slice(window.row - top, window.row - top + window.height), slice(window.col - left, window.col - left + window.width)
    return read(Window(top, left, bottom - top, right - left)), inner


def stands_out(before, after, limit, transform="none"):
    """Where two predictions differ by more than a limit that holds down false changes.

    Parameters
    ----------
    before, after : tuple of ndarray, shape (rows, columns)
        Prediction, lower and upper bound.
    limit : ChangeLimit
    transform : {"none", "log10", "log1p"}

    Returns
    -------
    ndarray of bool
    """
    means = mean_ratio(before, after, limit.correlation, transform)
    with np.errstate(invalid="ignore"):
        return (np.abs(means) > limit.times) & (np.sign(means) == np.sign(after[0] - before[0]))


def limit_in_words(limit, level, false_changes, estimated=True):
    """How a change is told from error where the share of false changes is limited, as a sentence.

    Parameters
    ----------
    limit : ChangeLimit
    level : float
        Of the intervals.
    false_changes : float
    estimated : bool
        Whether the maps told the correlation of their errors.
    """
    share, asked = (
        f"{100 * false_changes:.3g} %",
        f"the joint interval of two {100 * level:.4g} % intervals whose errors correlate with {limit.correlation:.2g}",
    )
    told = "The correlation and how large differences are by chance are" if estimated else "How large differences are by chance is"
    how = f"{told} told by the maps: most of the land is taken not to have changed."
    if not np.isfinite(limit.times):
        return (
            f"No change can be told from error: however many times {asked} (Zou 2007) a difference must exceed, more than {share} of the land shown as "
            f"changed would be expected not to have changed (Benjamini and Hochberg 1995). {how}"
        )
    return (
        f"A change is where the difference, averaged over a pixel and its neighbours, exceeds {limit.times:.3g} times {asked} (Zou 2007). At most about "
        f"{share} of the land shown as changed is expected not to have changed (Benjamini and Hochberg 1995). {how}"
    )
