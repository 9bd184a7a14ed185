"""Whether one model beats another on the same samples: the paired difference and how sure it is."""

import numpy as np

from soilcore.core.errors import ModelError

DRAWS = 2000
_ROUNDING = 1e-12


def paired_difference(observed, first, second, units=None, folds=None, *, level=0.9, seed=0):
    r"""Difference in R2 of two sets of predictions of the same samples, :math:`(SSE_2 - SSE_1)/SST`, positive where the first is better.

    Parameters
    ----------
    observed : ndarray of float, shape (n_samples,)
    first, second : ndarray of float, shape (n_samples,) or (n_repeats, n_samples)
        Out-of-fold predictions; squared errors are averaged over repeats.
    units : ndarray of int, shape (n_samples,), optional
        Blocks or groups; drawn whole, because neighbours err together.
    folds : ndarray of int, shape (n_samples,), optional
        Test fold of each sample: in how many of them the first has the smaller error.
    level : float
        Of the interval.
    seed : int

    Returns
    -------
    dict
        ``difference``, ``low``, ``high`` (bootstrap over units, 2,000 draws, NaN with fewer than 5 units), ``units``, and where folds were given
        ``folds_better``, ``folds``.

    Raises
    ------
    ModelError
        If the shapes do not belong together.
    """
    observed = np.asarray(observed, float)
    pair = [np.atleast_2d(np.asarray(predicted, float)) for predicted in (first, second)]
    if any(predicted.shape[1:] != observed.shape for predicted in pair):
        raise ModelError(f"Predictions {np.shape(first)} and {np.shape(second)} do not belong to {observed.size} observed values.")
    errors = [((predicted - observed) ** 2).mean(axis=0) for predicted in pair]
    gain, spread = errors[1] - errors[0], (observed - observed.mean()) ** 2
    total = spread.sum()
    units = np.arange(observed.size) if units is None else np.unique(units, return_inverse=True)[1]
    count = int(units.max()) + 1
    facts = {"difference": float(gain.sum() / total) if total > 0 else np.nan, "low": np.nan, "high": np.nan, "units": count}
    if count >= 5 and total > 0:
        sums = np.column_stack([np.bincount(units, values, count) for values in (gain, observed, observed**2, np.ones(observed.size))])
        draws = _resampled(sums, np.random.default_rng(seed))
        facts["low"], facts["high"] = (float(value) for value in np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]))
    if folds is not None:
        better = [bool(gain[folds == fold].sum() > 0) for fold in np.unique(folds)]
        facts |= {"folds_better": int(sum(better)), "folds": len(better)}
    return facts


def paired_test(first, second, *, level=0.9):
    r"""Corrected t-test of two learners over the folds they were both scored on.

    In fold :math:`j` the difference is that of the mean squared errors over the variance of the target, so it is in units of R2 and positive where the
    first learner is better. Learners of two folds share most of their training samples, which makes their differences resemble each other and a
    plain t-test see differences that are luck. Nadeau and Bengio put :math:`1/J + n_{test}/n_{train}` where it has :math:`1/J`.

    Several seeds of a learner are runs on the same folds: their errors are averaged within a fold first. They make a fold's difference less noisy, but are
    no folds of their own.

    Parameters
    ----------
    first, second : Evaluation, or sequence of Evaluation
        On the same folds; of a sequence each is one seed.
    level : float
        Of the interval.

    Returns
    -------
    dict
        ``difference`` (pooled R2 of the first minus the second, mean over seeds), ``fold_difference`` (mean over folds), its interval ``low``, ``high``,
        ``t``, ``p`` (two-sided), ``folds`` (all repeats), ``folds_better``, ``seeds`` (of each), ``seed_sd`` (standard deviation of the pooled difference
        over seeds, where both have as many; else NaN), ``variance_ratio`` (of the correction).

    Raises
    ------
    ModelError
        If the folds or the samples differ, or there is one fold only.

    References
    ----------
    Nadeau and Bengio (2003), Machine Learning 52, 239-281, doi 10.1023/A:1024068626366; for repeated folds Bouckaert and Frank (2004), Lecture
    Notes in Computer Science 3056, 3-12, doi 10.1007/978-3-540-24775-3_3.
    """
    from scipy.stats import t as student

    pair = [[one] if hasattr(one, "out_of_fold") else list(one) for one in (first, second)]
    splits, observed = _same_folds(pair)
    errors = [np.mean([(one.out_of_fold - observed) ** 2 for one in seeds], axis=0) for seeds in pair]
    gain, variance = (errors[1] - errors[0]) / max(observed.var(), _ROUNDING), observed.var()
    folds = [(repeat, train, test) for repeat in range(splits.n_repeats) for train, test in splits.folds(repeat)]
    differences = np.array([gain[repeat, test].mean() for repeat, _, test in folds])
    ratio = 1 / differences.size + float(np.mean([test.size / train.size for _, train, test in folds]))
    mean, spread = float(differences.mean()), float(np.sqrt(ratio * differences.var(ddof=1)))
    degrees = differences.size - 1
    reach = float(student.ppf((1 + level) / 2, degrees)) * spread
    t = mean / spread if spread > _ROUNDING else (0.0 if abs(mean) <= _ROUNDING else float(np.sign(mean) * np.inf))
    pooled = [[1 - ((one.out_of_fold - observed) ** 2).mean() / max(variance, _ROUNDING) for one in seeds] for seeds in pair]
    return {
        "difference": float(np.mean(pooled[0]) - np.mean(pooled[1])),
        "fold_difference": mean,
        "low": mean - reach,
        "high": mean + reach,
        "t": t,
        "p": float(2 * student.sf(abs(t), degrees)),
        "folds": int(differences.size),
        "folds_better": int((differences > 0).sum()),
        "seeds": [len(seeds) for seeds in pair],
        "seed_sd": _seed_sd(pooled),
        "variance_ratio": ratio,
    }


def paired_tests(evaluations, against, *, level=0.9):
    """Each of several learners against one, with p-values for all of them together.

    Parameters
    ----------
    evaluations : dict of str to Evaluation or sequence of Evaluation
        By learner; a sequence holds seeds.
    against : str
        One of the names.
    level : float

    Returns
    -------
    list of dict
        As `paired_test` of `against` and each other one (positive where `against` is better), with ``name``, ``against`` and ``p_family``: adjusted by Holm,
        so that among learners that do not differ, one below 0.05 comes up in 5 % of comparisons at most. Where `against` was chosen because it scored
        best, the choice flatters it still.
    """
    if against not in evaluations:
        raise ModelError(f"There is no score of {against!r} to compare with. Scored were {', '.join(evaluations)}.")
    rows = [
        {"name": name, "against": against, **paired_test(evaluations[against], one, level=level)}
        for name, one in evaluations.items()
        if name != against
    ]
    order, highest = sorted(range(len(rows)), key=lambda number: rows[number]["p"]), 0.0
    for place, number in enumerate(order):
        highest = max(highest, min(1.0, (len(rows) - place) * rows[number]["p"]))
        rows[number]["p_family"] = highest
    return rows


def _same_folds(pair):
    """Splits and target that all evaluations have in common."""
    if not all(pair):
        raise ModelError("A paired test needs at least one evaluation of each learner.")
    everyone = [one for seeds in pair for one in seeds]
    splits, observed = everyone[0].splits, everyone[0].observed
    for one in everyone:
        if not np.array_equal(one.splits.assignments, splits.assignments) or not np.array_equal(one.observed, observed):
            raise ModelError(f"{one.name!r} and {everyone[0].name!r} were scored on different folds or samples. Score them in one comparison.")
    if splits.n_repeats * splits.n_folds < 2:
        raise ModelError("A paired test over folds needs two folds or more.")
    return splits, observed


def _seed_sd(pooled):
    first, second = pooled
    if len(first) != len(second) or len(first) < 2:
        return np.nan
    return float(np.std(np.subtract(first, second), ddof=1))


def _resampled(sums, chance):
    """Differences of `DRAWS` bootstrap samples of units, each with its own total variance."""
    count = len(sums)
    differences = np.empty(DRAWS)
    for draw in range(DRAWS):
        gain, total, squares, n = np.bincount(chance.integers(0, count, count), minlength=count) @ sums
        variance = squares - total**2 / n
        differences[draw] = gain / variance if variance > 0 else 0.0
    return differences
