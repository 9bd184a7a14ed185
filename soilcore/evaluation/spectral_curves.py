"""Learning curves of several models on the same growing parts of a library, and where two of them cross."""

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.progress import labelled, part, silent

SIZES = (50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 30000)
_FEWEST = 40
_VALIDATES = 9  # every ninth of a part chooses components or the end of training: 8 to 1, as in 80/10/10
_NO_CROSSING = "no crossing in this range"


def curve_sizes(asked, most):
    """Numbers of spectra (training and validation together) at which models are scored, ascending, the last one all.

    Parameters
    ----------
    asked : tuple of int
        Empty: 50, 100, 200, 500, 1000, ..., those from 500 on where the library is large.
    most : int
        How many there are.

    Returns
    -------
    tuple of int

    Raises
    ------
    SettingsError
        If a size is below 20 or no whole number.
    """
    for size in asked:
        if isinstance(size, bool) or not isinstance(size, int) or size < 20:
            raise SettingsError(f"A learning curve needs sizes of at least 20 spectra; got {size!r}.")
    least = 500 if most >= 4000 else _FEWEST
    chosen = [size for size in sorted(set(asked or SIZES)) if size < 0.9 * most and (asked or size >= least)]
    return (*chosen, int(most))


def nested_parts(seen, sizes, generator):
    """Growing parts of what a model may see: each holds the one before it, in training as in validation.

    Parameters
    ----------
    seen : ndarray of int
        Positions.
    sizes : sequence of int
    generator : numpy.random.Generator

    Returns
    -------
    list of (train, validation)
        Positions, ascending.
    """
    order = generator.permutation(seen)
    validates = np.arange(order.size) % _VALIDATES == _VALIDATES - 1
    return [(np.sort(order[:size][~validates[:size]]), np.sort(order[:size][validates[:size]])) for size in sizes]


def spectral_curves(models, holdouts, sizes, scores, *, seed=0, report=silent):
    """Score models on growing parts; the test samples of a seed stay the same for all parts and models.

    Parameters
    ----------
    models : dict of str to callable
        ``fit_predict(train, validation, test, seed, report) -> (observed, predicted)`` of the test samples, original unit.
    holdouts : list of Holdout
        One per seed.
    sizes : tuple of int
        From `curve_sizes`.
    scores : callable
        ``(observed, predicted) -> dict`` with ``r2``.
    seed : int
        Draws the parts.
    report : Report

    Returns
    -------
    dict
        ``sizes``; ``seeds`` (number); ``rows``: per model and size ``model``, ``n``, mean of the scores over the seeds, ``r2_sd`` (ddof 1, NaN for one
        seed), ``r2_seeds``; ``crossings``: for each pair of models the facts of `crossing`.
    """
    draws = np.random.default_rng(seed).spawn(len(holdouts))
    parts = [nested_parts(holdout.seen, sizes, draw) for holdout, draw in zip(holdouts, draws, strict=True)]
    work = np.cumsum([0, *sizes * (len(holdouts) * len(models))]) / (sum(sizes) * len(holdouts) * len(models))
    found, step = {name: [] for name in models}, 0
    for holdout, of_seed in zip(holdouts, parts, strict=True):
        for name, fit_predict in models.items():
            reached = []
            for train, validation in of_seed:
                label = f"{name}: {train.size + validation.size} spectra, seed {holdout.seed + 1} of {len(holdouts)}"
                mine = labelled(part(report, work[step], work[step + 1] - work[step]), label)
                mine(0, 1, label)
                reached.append(scores(*fit_predict(train, validation, holdout.test, holdout.seed, mine)))
                step += 1
            found[name].append(reached)
    r2 = {name: np.array([[scored["r2"] for scored in reached] for reached in of_model]) for name, of_model in found.items()}
    names = list(models)
    pairs = [(a, b) for number, a in enumerate(names) for b in names[number + 1 :]]
    return {
        "sizes": list(sizes),
        "seeds": len(holdouts),
        "rows": [_row(name, column, size, found[name]) for name in models for column, size in enumerate(sizes)],
        "crossings": [{"models": [a, b], **crossing(sizes, r2[a], r2[b], names=(a, b), seed=seed)} for a, b in pairs],
    }


def _row(name, column, size, reached):
    of_size = [of_seed[column] for of_seed in reached]
    r2 = [scored["r2"] for scored in of_size]
    means = {key: float(np.mean([scored[key] for scored in of_size])) for key in of_size[0]}
    return {"model": name, **means, "n": size, "r2_sd": float(np.std(r2, ddof=1)) if len(r2) > 1 else np.nan, "r2_seeds": r2}


def crossing(sizes, first, second, *, names=("the first", "the second"), seed=0, draws=1000, level=0.9):
    """Where one learning curve overtakes another, with the interval that the seeds allow.

    The crossing is the last change of sign of the mean difference, interpolated on the logarithm of the number of spectra. The interval is the
    percentile bootstrap over seeds; a draw in which the curves do not cross counts as a crossing beyond the range, so a bound may be open.

    Parameters
    ----------
    sizes : sequence of int
    first, second : ndarray of float, shape (n_seeds, n_sizes)
        R2 of two models, seed by seed on the same samples.
    names : tuple of str
    seed, draws : int
        Of the bootstrap.
    level : float

    Returns
    -------
    dict
        ``n`` (None without a crossing), ``low``, ``high`` (None where open, or with one seed), ``better_after`` (name, or the one better throughout),
        ``share`` (of bootstrap draws that cross there), ``verdict`` (one sentence).
    """
    sizes, difference = np.asarray(sizes, float), np.asarray(second, float) - np.asarray(first, float)
    mean = difference.mean(axis=0)
    winner = 1 if mean[-1] > 0 else -1
    better, other = (names[1], names[0]) if winner > 0 else (names[0], names[1])
    where = _last_change(sizes, mean, winner)
    if not 0 < where < np.inf:
        verdict = f"{_NO_CROSSING}: {better} is ahead of {other} from {sizes[0]:.0f} to {sizes[-1]:.0f} spectra"
        return {"n": None, "low": None, "high": None, "better_after": better, "share": None, "verdict": f"{verdict}."}
    low = high = share = None
    count = len(difference)
    if count > 1:
        rows = np.random.default_rng(seed).integers(count, size=(draws, count))
        drawn = np.array([_last_change(sizes, difference[chosen].mean(axis=0), winner) for chosen in rows])
        low, high = (_in_range(bound) for bound in np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2), method="nearest"))
        share = float(np.mean((drawn > 0) & np.isfinite(drawn)))
    bounds = ", without an interval from one seed" if count < 2 else f" ({level:.0%} interval {_bound(low, 'below')} to {_bound(high, 'beyond')})"
    verdict = f"{better} overtakes {other} at about {where:.0f} spectra{bounds}."
    return {"n": where, "low": low, "high": high, "better_after": better, "share": share, "verdict": verdict}


def _last_change(sizes, difference, winner):
    """Number of spectra from which on the winner stays ahead: 0 if from the start, infinite if it is not ahead at the end."""
    ahead = difference * winner > 0
    if not ahead[-1]:
        return np.inf
    behind = np.flatnonzero(~ahead)
    if not behind.size:
        return 0.0
    at = behind[-1]
    left, right = abs(difference[at]), abs(difference[at + 1])
    share = left / (left + right) if left + right > 0 else 0.5
    return float(np.exp(np.log(sizes[at]) + share * (np.log(sizes[at + 1]) - np.log(sizes[at]))))


def _in_range(bound):
    return float(bound) if 0 < bound < np.inf else None


def _bound(value, otherwise):
    return f"{otherwise} the range" if value is None else f"{value:.0f}"


def distribution(observed, predicted, bins=24):
    """How observed and predicted values are distributed: a regression shrinks towards the mean, and the tails show it.

    Parameters
    ----------
    observed, predicted : ndarray of float, shape (n,)

    Returns
    -------
    dict
        ``quantiles`` (probability, observed, predicted), ``edges`` (logarithmic where all values are positive and span more than a factor of 20),
        ``observed``, ``predicted`` (counts), ``log`` (whether), ``sd_ratio`` (sd of predicted over observed; NaN for constant targets).
    """
    observed, predicted = np.asarray(observed, float), np.asarray(predicted, float)
    both = np.concatenate([observed, predicted])
    log = bool(both.min() > 0 and both.max() > 20 * both.min())
    low, high = both.min(), both.max()
    edges = np.geomspace(low, high, bins + 1) if log else np.linspace(low, high if high > low else low + 1, bins + 1)
    edges[0], edges[-1] = low, max(high, edges[-1])
    levels = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
    spread = observed.std()
    return {
        "quantiles": [
            {"p": p, "observed": float(a), "predicted": float(b)} for p, a, b in zip(levels, *_quantiles(levels, observed, predicted), strict=True)
        ],
        "edges": edges,
        "observed": np.histogram(observed, edges)[0],
        "predicted": np.histogram(predicted, edges)[0],
        "log": log,
        "sd_ratio": float(predicted.std() / spread) if spread > 0 else np.nan,
    }


def _quantiles(levels, *arrays):
    return [np.quantile(array, levels) for array in arrays]
