"""Scores against the number of training samples: would more samples help, or is another model or predictor needed?"""

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.progress import part, silent
from soilcore.evaluation.metrics import regression_scores
from soilcore.evaluation.protocol import check_data, fit_clone, predict_checked, take

SHARES = (0.2, 0.35, 0.55, 0.75, 1.0)
_MANY_GROUPS = 20  # training groups from which whole ones are left out, not samples of each
_FEWEST = 8  # training samples of the smallest subset
_RISING = 0.03  # R2 by which the last doubling must gain to count
_NO_SKILL = 0.0


def learning_curve(learner, X, y, splits, *, shares=SHARES, repeats=2, seed=0, report=silent):
    """Score a learner on growing parts of the training samples, under the same folds.

    The parts of one fold are nested. Where the folds keep 20 or more groups for training, a part consists of whole groups; with fewer, of a share of
    each group, so that no region falls away. Test samples are always the same.

    Parameters
    ----------
    learner : estimator
        Unfitted.
    X, y, splits
        As in `soilcore.evaluation.protocol.evaluate`; the first repeat is used.
    shares : tuple of float
        Parts of the training samples, ascending, the last 1.
    repeats : int
        How often the parts are drawn; all training samples are fitted once.
    seed : int
    report : Report
        Called at each fit; may raise Stopped.

    Returns
    -------
    dict
        ``rows``: per part ``n`` (mean number of training samples), ``r2``, ``rmse`` (pooled over folds, mean over repeats), ``r2_sd`` (between
        repeats; NaN where there is one). ``verdict``: "still rising", "flat" or "below the mean model". ``detail``: sentences.

    Raises
    ------
    SettingsError
        If the shares are not ascending to 1, or the repeats below 1.
    """
    y = check_data(X, y, splits.n_samples)
    _check(shares, repeats)
    folds = splits.folds()
    draws = np.random.default_rng(seed).spawn(repeats)
    orders = [[_order(train, splits.groups, child) for (train, _), child in zip(folds, draw.spawn(len(folds)), strict=True)] for draw in draws]
    shares = [share for share in shares if share * min(train.size for train, _ in folds) >= _FEWEST or share == 1]
    cells = [(share, order) for share in shares for order in (orders if share < 1 else orders[:1])]
    work = np.array([share for share, _ in cells])
    done, scored = np.concatenate([[0], np.cumsum(work)]) / work.sum(), {share: [] for share in shares}
    for (share, order), start, end in zip(cells, done[:-1], done[1:], strict=True):
        scored[share].append(_score(learner, X, y, splits, folds, order, share, part(report, start, end - start)))
    rows = [_row(scored[share]) for share in shares]
    verdict, detail = _verdict(rows)
    return {"rows": rows, "verdict": verdict, "detail": detail}


def _check(shares, repeats):
    if not len(shares) or any(b <= a for a, b in zip((0, *shares), shares, strict=False)) or shares[-1] != 1:
        raise SettingsError(f"The parts of the training samples are {tuple(shares)}; give ascending numbers above 0, the last 1.")
    if repeats < 1:
        raise SettingsError(f"A learning curve needs at least 1 repeat; got {repeats!r}.")


def _order(train, groups, generator):
    """Training samples in the order in which they come in: group by group, or from all groups alike."""
    shuffled = generator.permutation(train)
    if groups is None:
        return shuffled
    labels = np.unique(groups[shuffled], return_inverse=True)[1]
    count = int(labels.max()) + 1
    if count >= _MANY_GROUPS:
        return shuffled[np.argsort(generator.permutation(count)[labels], kind="stable")]
    size = np.bincount(labels)
    order = np.argsort(labels, kind="stable")
    rank = np.empty(labels.size)
    rank[order] = np.arange(labels.size) - np.repeat(np.cumsum(size) - size, size)
    return shuffled[np.argsort((rank + 0.5) / size[labels], kind="stable")]


def _score(learner, X, y, splits, folds, orders, share, report):
    predicted, used = np.full(y.size, np.nan), []
    for number, ((_, test), order) in enumerate(zip(folds, orders, strict=True)):
        train = np.sort(order[: _count(order, splits.groups, share)])
        report(number, len(folds), f"{train.size} training samples, fold {number + 1} of {len(folds)}")
        groups = None if splits.groups is None else splits.groups[train]
        here, there = splits.places_of(learner, train), splits.places_of(learner, test)
        if groups is not None and np.unique(groups).size < 2:
            groups = None  # one group cannot be divided by inner folds
        fitted = fit_clone(learner, take(X, train), y[train], groups, coordinates=here)
        predicted[test] = predict_checked(fitted, take(X, test), type(learner).__name__, there)
        used.append(train.size)
    scores = regression_scores(y, predicted)
    return float(np.mean(used)), scores["r2"], scores["rmse"]


def _count(order, groups, share):
    """Number of samples of a part; up to the end of a group where groups come in whole."""
    count = order.size if share == 1 else max(round(share * order.size), _FEWEST)
    if groups is None or count >= order.size or np.unique(groups[order]).size < _MANY_GROUPS:
        return min(count, order.size)
    ends = np.append(np.flatnonzero(np.diff(groups[order])) + 1, order.size)
    return int(ends[np.argmin(np.abs(ends - count) + order.size * (ends < _FEWEST))])


def _row(scored):
    n, r2, rmse = (np.array(values) for values in zip(*scored, strict=True))
    sd = float(np.std(r2, ddof=1)) if r2.size > 1 else float("nan")
    return {"n": round(float(n.mean())), "r2": float(r2.mean()), "rmse": float(rmse.mean()), "r2_sd": sd}


def _verdict(rows):
    last = rows[-1]
    if not last["r2"] > _NO_SKILL:
        return "below the mean model", (
            f"With all {last['n']} training samples R2 is {last['r2']:.2f}: predicting the mean everywhere is as good. More samples of this kind are no "
            "remedy in sight; look for other predictors, or a simpler model."
        )
    if len(rows) < 2:
        return "flat", f"{last['n']} training samples are too few to be divided further; R2 is {last['r2']:.2f}."
    sizes, r2 = np.array([row["n"] for row in rows]), np.array([row["r2"] for row in rows])
    half = float(np.interp(np.log(last["n"] / 2), np.log(sizes), r2))
    gain, noise = last["r2"] - half, _noise(rows)
    said = f"R2 is {half:.2f} with half of the training samples and {last['r2']:.2f} with all {last['n']}"
    if gain > max(_RISING, noise):
        return "still rising", f"{said}: too few samples for this model. Twice as many may bring about {_next(gain):+.2f} or less."
    return "flat", f"{said}: more samples of this kind would bring little; better predictors, or another model, might."


def _noise(rows):
    """What chance does to the gain: the spread between repeats at the sizes that were drawn more than once."""
    spread = [row["r2_sd"] for row in rows[-3:-1] if np.isfinite(row["r2_sd"])]
    return float(np.mean(spread)) if spread else 0.0


def _next(gain):
    """Learning curves bend: a further doubling seldom brings as much as the last."""
    return 0.7 * gain
