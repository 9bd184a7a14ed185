"""What splits of several seeds say of intervals, of the area of applicability, and of leakage."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from soilcore.core.progress import part, silent
from soilcore.evaluation.blocks import deal
from soilcore.evaluation.metrics import interval_scores
from soilcore.evaluation.splits import Splits
from soilcore.project.spectra_fitting import fit_and_test, scores_of
from soilcore.project.spectra_seeds import LEVEL, calibration, own_bounds
from soilcore.trust.applicability import AreaOfApplicability, outlier_limit
from soilcore.trust.interval_base import Common, floor_of
from soilcore.trust.interval_residuals import ConformalInterval
from soilcore.trust.intervals import outside_factor
from soilcore.trust.leakage import CHEAP_SECONDS, leakage_report
from soilcore.trust.learned_area import NOTE, LearnedArea, has_learned_features
from soilcore.trust.permutation import NO_SKILL, PERMUTATIONS

_FOLDS = 10


def seed_trust(candidate, table, tested, row, seed=0):
    """Facts on intervals and area, and what a model folder keeps of them.

    Errors and dissimilarities are those of every sample at its first test; none of them had a part in the fit that predicted it.

    Parameters
    ----------
    candidate : Candidate
    table : SpectralTable
    tested : list of Tested
    row : dict
        Its coverage is that of intervals set by the other divisions.
    seed : int

    Returns
    -------
    facts : dict
    stored : callable
        ``stored(learner) -> (facts, arrays, learners)``.
    """
    errors, di = calibration(candidate, table, tested)
    area = SimpleNamespace(train_di_=di) if di is not None else None
    factor = outside_factor(area, errors)
    common = Common(LEVEL, errors.size, floor_of(candidate.learner, table.y), factor)
    facts = {
        "interval": _interval_facts(candidate, table, tested, errors, row),
        "aoa": _area_facts(di, row),
        "expected_error": [],
        "residual_variogram": None,
        "error_variogram": None,
        "learner": next((one.told for one in tested if one.told), None),
    }

    def stored(learner):
        kept, arrays, learners = ConformalInterval(common, errors).stored()
        known = _stored_area(learner, candidate, table, di, seed)
        if known is not None:
            kept, arrays = kept | known[0], arrays | known[1]
        return kept, arrays, learners

    return facts, stored


def _interval_facts(candidate, table, tested, errors, row):
    levels = []
    for level in (0.5, 0.8, 0.9, 0.95):
        one = tested[0]
        lower, upper = own_bounds(candidate, table, errors, one.predicted, level)
        scores = interval_scores(table.y[one.test], lower, upper, 1 - level)
        levels.append({"level": level, "n": scores["n"], "coverage": scores["picp"], "width": scores["mpiw"], "score": scores["winkler"]})
    return {
        "method": "conformal",
        "level": LEVEL,
        "n": int(errors.size),
        "coverage": row["coverage_90"],
        "width": row["width_90"],
        "score": None,
        "infinite": 0,
        "by_block": [],
        "by_distance": [],
        "inside": None,
        "outside": None,
        "levels": levels,
        "nested": False,
    }


def _area_facts(di, row):
    if di is None:
        return {"threshold": None, "share": None, "of": None, "n": 0, "mean_distance": None, "weights": {}, "note": "Nothing tells spectra apart."}
    return {
        "threshold": outlier_limit(di),
        "share": row["aoa_share"],
        "of": "samples",
        "n": int(di.size),
        "mean_distance": None,
        "weights": {},
        "note": "Dissimilarity of test spectra to those the model of their split had seen.",
    }


def _stored_area(learner, candidate, table, di, seed):
    from soilcore.core.errors import ModelError

    if di is None:
        return None
    try:
        if not has_learned_features(learner):
            folds = deal(np.arange(len(table)), min(_FOLDS, len(table)), np.random.default_rng(seed))
            return AreaOfApplicability().fit(candidate.X, folds).stored()[:2]
        area = LearnedArea()
        area.train_di_, area.threshold_, area.mean_distance_ = _for_all(di, len(table)), outlier_limit(di), 1.0
        area.weights_, area.note_ = {}, NOTE
        return area.settled(learner, candidate.X).stored()[:2]
    except ModelError:  # all spectra alike to this learner: no area, but a model
        return None


def _for_all(di, count):
    """So many dissimilarities with the distribution of those that were tested: an area keeps one per training sample."""
    return np.quantile(di, np.linspace(0, 1, count)) if di.size != count else di


def leakage_of_seeds(task, candidate, table, division, seconds, models, report=silent):
    """The leakage report for splits of several seeds; see `soilcore.trust.leakage.leakage_report`."""
    tests = np.ones((len(division.holdouts), len(table)), dtype=int)
    for number, holdout in enumerate(division.holdouts):
        tests[number, holdout.test] = 0
    splits = Splits("random", tests, None, division.label, seed=task.splits.seed)
    rows = leakage_report(candidate.learner, candidate.X, table.y, splits, None, table.table, 0, models=models, seed=task.fit.seed)
    each = seconds / len(division.holdouts)
    wanted = task.permutations
    count = wanted if isinstance(wanted, int) else PERMUTATIONS if PERMUTATIONS * each < CHEAP_SECONDS / models else 0
    if count:
        permuted = _permuted(candidate, table, division.holdouts, count, task.fit.seed, report)
        rows = [permuted if row["check"] == permuted["check"] else row for row in rows]
    return rows


def _permuted(candidate, table, holdouts, count, seed, report):
    """Skill out of nothing: the same learner on permuted targets, one division after the other."""
    scores = []
    for number, generator in enumerate(np.random.default_rng(seed).spawn(count)):
        shuffled = replace(table, y=generator.permutation(table.y))
        holdout = holdouts[number % len(holdouts)]
        mine = part(report, number / count, 1 / count)
        one = fit_and_test(candidate, shuffled, holdout, mine)
        scores.append(scores_of(shuffled.y[one.test], one.predicted)["r2"])
    reached = float(np.quantile(scores, 0.95))
    words = f"With the target permuted {count} times, R2 is {np.median(scores):.2f} in the middle and {reached:.2f} at the 95 % quantile"
    ok = reached <= NO_SKILL
    end = "no skill out of nothing" if ok else f"more than {NO_SKILL}, skill out of nothing, or the chance of small test parts"
    return {"check": "target-permutation", "ok": ok, "detail": f"{words}: {end}."}
