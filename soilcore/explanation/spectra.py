"""On which parts of the spectrum predictions rest: profiles by group of samples, their likeness, and the absorptions they lie on."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import NotAvailableError, SettingsError
from soilcore.core.progress import part, silent
from soilcore.explanation.bands import HINT, attribution_by_band
from soilcore.explanation.gradient_shap import BASELINES, DRAWS, Attribution
from soilcore.explanation.networks import ATTRIBUTION_IS_NO_CAUSE, member_attributions, scale_words
from soilcore.explanation.profiles import CANCELS, RELIABLE, SeedAttribution, group_profiles

MOST_SAMPLES = 500  # test spectra of one seed that are explained where nobody says otherwise; a profile is a mean
_BANDS = 12  # named beside a profile
_PROBES = 5
_LINEAR = 1e-6  # of the spread of predictions


@dataclass(frozen=True)
class SpectralFit:
    """One fitted learner and the spectra it is explained on.

    Parameters
    ----------
    learner : SpectraNetwork, or any learner that is linear
        Each member of a network counts as a seed.
    tested : ndarray or DataFrame of shape (n_tested, n_points)
        Spectra it was not fitted to, preprocessed as it wants them.
    trained : ndarray or DataFrame of shape (n_trained, n_points)
        Spectra it was fitted to; baselines are drawn from them.
    groups : ndarray of str, shape (n_tested,), optional
    """

    learner: object
    tested: object
    trained: object
    groups: object = None


def explain_spectra(fits, axis, unit, *, draws=DRAWS, baselines=BASELINES, most=MOST_SAMPLES, reliable=RELIABLE, seed=0, report=silent):
    """Attribution profiles over the spectrum.

    Parameters
    ----------
    fits : sequence of SpectralFit
        One per seed; an iterator that fits as it goes keeps one learner in memory at a time.
    axis : ndarray of float, shape (n_points,)
    unit : {"cm-1", "nm"}
    draws : int
        Per spectrum, in two halves; 50 or more for profiles that can be read.
    baselines : int
        Training spectra drawn for each half.
    most : int or None
        Test spectra of each seed that are explained at most, evenly from all groups.
    reliable : float
        Split-half reliability that profiles must exceed for their correlation to be shown.
    seed : int
    report : Report
        May raise Stopped.

    Returns
    -------
    dict
        ``axis``, ``unit``; ``profiles``, ``sizes`` (mean absolute attributions) and ``spread`` (over seeds; None with one): group to one value per
        point, in what ``scale`` says; ``groups``, ``correlation``, ``sentence`` as in `GroupProfiles.facts`; ``bands``: group to the known absorptions
        that carry most of its attribution per point, and ``outside``: group to the share in no known band; ``method`` ("GradientShap" or "linear"),
        ``seeds``, ``draws``, ``baselines``, ``tested``; ``gap``, mean absolute difference between the sum of a spectrum's attributions and what it
        should be, and ``gap_share`` of the standard deviation of predictions; ``sentences``, ``notes``.

    Raises
    ------
    NotAvailableError
        If a learner is neither a network nor linear.
    SettingsError
        If there are no spectra to explain, or they do not fit the axis.
    """
    axis = np.asarray(axis, float)
    total = len(fits) if hasattr(fits, "__len__") else None
    made, gaps, spreads, said, methods = [], [], [], [], []
    scale, pools, tested = "", 0, 0
    for number, fit in enumerate(fits):
        start, share = (number / total, 1 / total) if total else (1 - 0.5**number, 0.5 ** (number + 1))
        rows = _evenly(fit, most, np.random.default_rng([seed, number]))
        _check(fit, axis)
        found, method = _attributed(fit, rows, draws, baselines, seed + 1000 * number, part(report, start, share))
        groups = None if fit.groups is None else np.asarray(fit.groups).astype(str)[rows]
        for one in found:
            made.append(SeedAttribution(one.halves["spectrum"], groups))
            gaps.append(float(np.abs(one.gap).mean()))
            spreads.append(float(one.predicted.std()))
            said += one.notes
            pools = max(pools, one.baselines)
        if rows.size < len(fit.tested):
            said.append(f"Of the test spectra of a seed, {most} are explained, evenly from all groups.")
        methods.append(method)
        tested += rows.size
        scale = _scale(fit.learner)
    if not made:
        raise SettingsError("There is no fitted model to explain.")
    profiles = group_profiles(made, reliable=reliable, seed=seed)
    report(1, 1, "attributions")
    return {
        "axis": axis.tolist(),
        "unit": unit,
        "scale": scale,
        **_told(profiles, axis, unit, len(made)),
        "method": methods[0],
        "seeds": len(made),
        "draws": draws,
        "baselines": pools,
        "tested": tested,
        "gap": float(np.mean(gaps)),
        "gap_share": float(np.mean(gaps) / np.mean(spreads)) if np.mean(spreads) > 0 else None,
        "sentences": [ATTRIBUTION_IS_NO_CAUSE, CANCELS, HINT],
        "notes": list(dict.fromkeys(said)),
    }


def linear_weights(learner, X):
    """Weights of a learner whose prediction on the modelling scale is linear in the spectrum, or None where it is not.

    Parameters
    ----------
    learner : Learner
        Fitted.
    X : ndarray of float, shape (n, n_points)
        Some spectra, at which the weights are tried.

    Returns
    -------
    ndarray of float, shape (n_points,), or None
    """
    X = np.asarray(X, float)
    centre, step = X.mean(axis=0), float(X.std()) or 1.0
    predict = _on_modelling_scale(learner, X)
    base = predict(centre[None])[0]
    weights = np.empty(X.shape[1])
    for start in range(0, len(weights), 256):
        points = np.arange(start, min(start + 256, len(weights)))
        moved = np.repeat(centre[None], points.size, axis=0)
        moved[np.arange(points.size), points] += step
        weights[points] = (predict(moved) - base) / step
    tried = X[:: max(1, len(X) // _PROBES)][:_PROBES]
    tried = np.concatenate([tried, 2 * centre - tried])
    wanted, given = predict(tried), base + (tried - centre) @ weights
    return weights if np.abs(given - wanted).max() <= _LINEAR * max(float(np.ptp(wanted)), 1e-12) else None


def _attributed(fit, rows, draws, baselines, seed, report):
    """Attributions of each member at some test spectra, and how they were made."""
    X = fit.tested.iloc[rows] if hasattr(fit.tested, "iloc") else np.asarray(fit.tested)[rows]
    if hasattr(fit.learner, "members_"):
        return member_attributions(fit.learner, X, fit.trained, draws=draws, baselines=baselines, seed=seed, report=report), "GradientShap"
    weights = linear_weights(fit.learner, fit.trained)
    if weights is None:
        raise NotAvailableError(
            f"The learner {type(fit.learner).__name__} is neither a network nor linear in the spectrum, so there are no attributions of it. "
            "Use spectra-cnn, or a linear model such as plsr."
        )
    return [_of_linear(fit, X, weights, baselines, seed)], "linear"


def _of_linear(fit, X, weights, baselines, seed):
    """Weight times distance from the mean baseline: exact, whatever the draws."""
    known = np.asarray(fit.trained, float)
    pool = known[np.random.default_rng(seed).permutation(len(known))[: 2 * baselines]]
    pools = (pool[: len(pool) // 2], pool[len(pool) // 2 :]) if len(pool) > 3 else (pool, pool)
    X, predict = np.asarray(X, float), _on_modelling_scale(fit.learner, fit.trained)
    halves = np.stack([(X - half.mean(axis=0)) * weights for half in pools]).astype(np.float32)
    expected = np.mean([predict(half).mean() for half in pools])
    return Attribution({"spectrum": halves}, predict(X), np.full(len(X), expected), 0, len(pool))


def _on_modelling_scale(learner, X):
    """Predictions of plain arrays on the modelling scale, for a learner that may know its columns by name."""
    names = getattr(learner, "feature_names_in_", None)

    def predict(values):
        if names is not None:
            import pandas as pd

            values = pd.DataFrame(values, columns=names)
        return np.asarray(learner.predict_transformed(values), float)

    return predict


def _told(profiles, axis, unit, seeds):
    bands, outside = {}, {}
    for name, profile, sizes in zip(profiles.names, profiles.profiles, profiles.sizes, strict=True):
        rows, outside[name] = attribution_by_band(axis, unit, profile, sizes)
        bands[name] = rows[:_BANDS]
    return {
        "profiles": dict(zip(profiles.names, profiles.profiles.tolist(), strict=True)),
        "sizes": dict(zip(profiles.names, profiles.sizes.tolist(), strict=True)),
        "spread": dict(zip(profiles.names, profiles.spread.tolist(), strict=True)) if seeds > 1 else None,
        **profiles.facts(),
        "bands": bands,
        "outside": outside,
    }


def _evenly(fit, most, rng):
    """Positions of test spectra to explain: all, or `most` of them, as evenly from the groups as these allow."""
    count = len(fit.tested)
    if most is None or count <= most:
        return np.arange(count)
    labels = np.zeros(count, int) if fit.groups is None else np.unique(np.asarray(fit.groups).astype(str), return_inverse=True)[1]
    mixed = rng.permutation(count)
    order = mixed[np.argsort(labels[mixed], kind="stable")]
    starts = np.searchsorted(labels[order], np.arange(labels.max() + 1))
    turn = np.arange(count) - starts[labels[order]]  # the how-manieth of its group
    return np.sort(order[np.argsort(turn, kind="stable")[:most]])


def _check(fit, axis):
    for what, X in (("test", fit.tested), ("training", fit.trained)):
        if np.shape(X)[0] == 0 or np.shape(X)[1] != axis.size:
            raise SettingsError(f"The {what} spectra have the shape {np.shape(X)}, but the axis has {axis.size} points. Give spectra on this axis.")
    if fit.groups is not None and len(fit.groups) != len(fit.tested):
        raise SettingsError(f"{len(fit.tested)} test spectra need one group each, but there are {len(fit.groups)}.")


def _scale(learner):
    if hasattr(learner, "scale_"):
        return scale_words(learner)
    return f"{learner.target_transform} of the target" if getattr(learner, "target_transform", "none") != "none" else "the unit of the target"
