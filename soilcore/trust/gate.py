"""Whether a network earns its place: its scores against those of simpler learners under the same folds.

Networks need more samples than trees do, and nobody knows beforehand how many. The folds know: where a simpler learner is better on the same test
samples, there are too few samples for the network, or nothing in its windows that the table does not say. Learning curves, where they were drawn, tell
whether more samples would turn it round.
"""

import math

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.evaluation.paired import paired_test

SURE = 0.1  # two-sided p below which a difference counts
BEHIND, LEVEL, AHEAD, NO_SKILL = "behind", "level", "ahead", "no-skill"
_FEWEST_SIZES = 3
_FLAT = 1e-3  # of R2, over a factor of e in the samples
_IN_SIGHT = 20  # times the samples at hand; beyond, curves are not followed


def network_gate(evaluations, networks, curves=None):
    """One row per network: is it better than the best simpler learner, and if not, would more samples help.

    Parameters
    ----------
    evaluations : dict of str to Evaluation or sequence of Evaluation
        By learner as typed, all on the same folds; a sequence holds seeds.
    networks : collection of str
        Which of them are networks.
    curves : dict of str to list of dict, optional
        Rows of learning curves, ``n`` and ``r2``, by learner; see `soilcore.evaluation.learning_curve`.

    Returns
    -------
    list of dict
        ``name``, ``against`` (the simpler learner with the highest pooled R2), ``samples`` (trained on, mean over folds), ``difference`` (R2 of the
        network minus that one), ``low``, ``high`` (90 % interval over folds), ``p``, ``folds``, ``folds_better``, ``verdict`` ("behind", "level", "ahead",
        "no-skill"), ``needed`` (samples at which the curves would meet, None where unknown or out of sight) and ``sentence``. Empty without networks or
        without a simpler learner beside them.
    """
    runs = {name: [one] if hasattr(one, "out_of_fold") else list(one) for name, one in evaluations.items()}
    simpler = [name for name in runs if name not in networks]
    if not simpler or len(simpler) == len(runs):
        return []
    best = max(simpler, key=lambda name: _r2(runs[name]))
    return [_row(name, best, runs, curves or {}) for name in runs if name in networks]


def crossing(ahead, behind):
    """Training samples at which the learning curve of a learner that lags would meet another's.

    The gap in R2 is followed along the logarithm of the samples, as the curves ran over their sizes.

    Parameters
    ----------
    ahead, behind : list of dict
        ``n`` and ``r2``; sizes that both have count.

    Returns
    -------
    n : float or None
        None where fewer than 3 sizes are shared.
        inf where the gap does not shrink.
    """
    other = {round(row["n"]): row["r2"] for row in behind}
    pairs = [(row["n"], row["r2"] - other[round(row["n"])]) for row in ahead if round(row["n"]) in other]
    pairs = [(n, gap) for n, gap in sorted(pairs) if np.isfinite(gap)]
    if len(pairs) < _FEWEST_SIZES:
        return None
    sizes, gaps = np.log(np.array([n for n, _ in pairs])), np.array([gap for _, gap in pairs])
    slope, level = np.polyfit(sizes, gaps, 1)
    if slope > -_FLAT:
        return math.inf if gaps[-1] > 0 else float(pairs[-1][0])
    return float(np.exp(min(-level / slope, 700.0)))


def _row(name, best, runs, curves):
    try:
        test = paired_test(runs[name], runs[best])
    except ModelError:  # one fold only: scores, but no spread
        gap = _r2(runs[name]) - _r2(runs[best])
        test = {"difference": gap, "fold_difference": gap, "low": np.nan, "high": np.nan, "p": np.nan, "folds": 1, "folds_better": int(gap > 0)}
    samples = float(np.mean([fold["n_train"] for fold in runs[name][0].folds]))
    verdict = _verdict(_r2(runs[name]), test)
    needed = crossing(curves[best], curves[name]) if verdict in (BEHIND, LEVEL) and {name, best} <= set(curves) else None
    in_sight = needed is not None and samples < needed <= _IN_SIGHT * samples
    return {
        "name": name,
        "against": best,
        "samples": samples,
        **{key: test[key] for key in ("difference", "low", "high", "p", "folds", "folds_better")},
        "verdict": verdict,
        "needed": needed if in_sight else None,
        "sentence": " ".join(filter(None, (_sentence(name, best, runs, test, verdict, samples), _outlook(needed, in_sight, samples)))),
    }


def _verdict(r2, test):
    if not r2 > 0:
        return NO_SKILL
    if test["p"] < SURE and test["difference"] * test["fold_difference"] > 0:
        return AHEAD if test["difference"] > 0 else BEHIND
    return LEVEL


def _sentence(name, best, runs, test, verdict, samples):
    mine, other = _r2(runs[name]), _r2(runs[best])
    luck = f" (p = {test['p']:.2g})" if np.isfinite(test["p"]) else ""
    if verdict == NO_SKILL:
        instead = f"Use {best}." if other > 0 else f"Neither did {best}: look at the predictors and the target first."
        return f"Too few samples for this network: with {samples:.0f} to train on, {name} learned nothing that holds for new ones (R2 {mine:.2f}). {instead}"
    if verdict == BEHIND:
        return (
            f"Too few samples for this network: with {samples:.0f} to train on, {best} is better here than {name}, R2 {other:.2f} against {mine:.2f}, in "
            f"{test['folds'] - test['folds_better']} of {test['folds']} folds{luck}."
        )
    if verdict == AHEAD:
        return f"{name} is better than {best} here: R2 {mine:.2f} against {other:.2f}, in {test['folds_better']} of {test['folds']} folds{luck}."
    leads = "may be ahead of" if test["difference"] > 0 else "is not better than"
    return f"{name} {leads} {best} here: R2 {mine:.2f} against {other:.2f}, a difference that luck of the folds could make{luck}. The simpler one is safer."


def _outlook(needed, in_sight, samples):
    if needed is None:
        return ""
    if in_sight:
        return f"The learning curves would meet at about {_rounded(needed)} training samples."
    if needed <= samples:
        return "The learning curves have met: they say that both do the same."
    return "The learning curves do not draw nearer, so more samples of this kind would not turn it round."


def _r2(runs):
    return float(np.mean([one.scores["r2"] for one in runs]))


def _rounded(value):
    digits = 1 - math.floor(math.log10(value))
    return f"{round(value, digits):,.0f}"
