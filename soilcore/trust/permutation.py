"""Skill out of nothing: a learner scored on permuted targets must show none."""

from dataclasses import replace

import numpy as np

from soilcore.core.progress import part, silent
from soilcore.evaluation.protocol import evaluate

PERMUTATIONS = 20
NO_SKILL = 0.05  # R2 that the 95 % quantile of permuted scores must not exceed
_FEWEST_GROUPS = 5


def permuted_scores(learner, X, y, splits, permutations=PERMUTATIONS, *, seed=0, report=silent):
    """Pooled outer R2 with permuted targets, one per permutation.

    Where the folds keep groups or blocks whole, whole groups are permuted: the target keeps its autocorrelation within them, and only its relation to the
    predictors and to the place is gone. Else single samples are.

    Parameters
    ----------
    learner : estimator
        Unfitted.
    X, y, splits
        As in `soilcore.evaluation.protocol.evaluate`; the first repeat is used.
    permutations : int
    seed : int
    report : Report

    Returns
    -------
    ndarray of float, shape (permutations,)
    """
    y = np.asarray(y, dtype=float)
    once = replace(splits, assignments=splits.assignments[:1])
    scores = []
    for number, generator in enumerate(np.random.default_rng(seed).spawn(permutations)):
        step = part(report, number / permutations, 1 / permutations)
        permuted = permuted_target(y, splits.groups, generator)
        scores.append(evaluate(learner, X, permuted, once, step, name=f"permuted target {number + 1} of {permutations}").scores["r2"])
    return np.array(scores)


def permuted_target(y, groups, generator):
    """The target permuted: in whole groups where there are five or more, else sample by sample.

    Groups differ in size. They are laid end to end in one random order and read off in another, so that a run of similar values does not come to
    lie over groups that are neighbours on the ground.
    """
    if groups is None or np.unique(groups).size < _FEWEST_GROUPS:
        return generator.permutation(y)
    taken, given = (_in_random_order(groups, generator) for _ in range(2))
    permuted = np.empty_like(y)
    permuted[given] = y[taken]
    return permuted


def in_groups(splits):
    """Whether `permuted_scores` permutes whole groups."""
    return splits.groups is not None and np.unique(splits.groups).size >= _FEWEST_GROUPS


def _in_random_order(groups, generator):
    place = generator.permutation(int(groups.max()) + 1)[groups]
    return np.lexsort((np.arange(groups.size), place))
