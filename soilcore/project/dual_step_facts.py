"""What is shown of a dual-step comparison: tables of classifiers, shares of the classes, conversions, distributions, the verdict."""

from itertools import pairwise

import numpy as np

from soilcore.core.errors import SampleError

LEVEL = 0.9
DRAWS = 1000
QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
BINS = 40
CUSTOMARY_ECE = 2.0  # dS/m of the saturated paste: from here on sensitive crops suffer
_ENOUGH = 0.01  # R2; a smaller gain is not worth a second step, however sure it is


def verdict_of(evaluations, chosen, splits):
    """A sentence whether two steps paid, and its numbers.

    Parameters
    ----------
    evaluations : dict of str to Evaluation
        Both mixes, whose names begin with "dual-step", and single regressions.
    chosen : str
        The mix that was asked for; the other one is not judged, so that nothing is picked afterwards.
    splits : Splits

    Returns
    -------
    verdict : str
    facts : dict
        ``paid`` (True, False, or None where it cannot be told), ``model``, ``single``, ``r2``, ``r2_single`` and what `paired_difference` gives.
    """
    from soilcore.evaluation.paired import paired_difference

    singles = {name: one for name, one in evaluations.items() if not name.startswith("dual-step")}
    best = max(singles, key=lambda name: singles[name].scores["r2"])
    two, one = evaluations[chosen], singles[best]
    facts = paired_difference(two.observed, two.out_of_fold, one.out_of_fold, splits.groups, splits.assignments[0], level=LEVEL, seed=splits.seed)
    units = "blocks or groups" if splits.groups is not None else "samples"
    numbers = (
        f"R2 {two.scores['r2']:.3f} ({chosen}) against {one.scores['r2']:.3f} of the best single regression ({best}): "
        f"{facts['difference']:+.3f}, {100 * LEVEL:.0f} % interval {facts['low']:+.3f} to {facts['high']:+.3f} over {facts['units']} {units}, "
        f"better in {facts['folds_better']} of {facts['folds']} folds"
    )
    paid = True if facts["low"] > 0 and facts["difference"] >= _ENOUGH else False if facts["difference"] <= 0 or facts["high"] < _ENOUGH else None
    said = {
        True: f"Two steps paid: {numbers}.",
        False: f"Two steps did not pay: {numbers}. Take the single regression; the class probabilities remain useful.",
        None: f"It is not shown that two steps pay: {numbers}. Take the single regression unless the classes themselves are wanted.",
    }[paid]
    facts |= {"paid": paid, "model": chosen, "single": best, "r2": two.scores["r2"], "r2_single": one.scores["r2"]}
    return said, facts


def classifier_rows(y, edges, probabilities, seconds, tau):
    """Scores of each classifier out of fold, best Brier score first.

    Parameters
    ----------
    y : ndarray of float, shape (n_samples,)
    edges : tuple of float
    probabilities : dict of str to ndarray of float, shape (n_samples, n_classes)
    seconds : dict of str to float
    tau : float
        From which a sample counts as high (two classes).

    Returns
    -------
    list of dict
        For more than two classes precision, recall, F1 and AUC are means over the classes; prevalence is that of the highest class.
    """
    from soilcore.models.classifiers import classifier_spec
    from soilcore.models.two_step_classes import labels_of

    labels, rows = labels_of(y, edges), []
    for name, values in probabilities.items():
        scores = _two_classes(labels, values, tau) if len(edges) == 1 else _more_classes(labels, values)
        rows.append({"name": name, "label": classifier_spec(name).label, **scores, "tau": tau if len(edges) == 1 else None, "seconds": seconds[name]})
    return sorted(rows, key=lambda row: row["brier"])


def _two_classes(labels, values, tau):
    from soilcore.evaluation.classification_metrics import probability_scores

    scores = probability_scores(labels, values[:, 1], tau)
    kept = {name: scores[name] for name in ("precision", "recall", "f1", "brier", "mcc", "balanced_accuracy", "accuracy", "prevalence")}
    return {**kept, "auc": scores["roc_auc"], "majority_accuracy": scores["majority"]["accuracy"], "majority_f1": scores["majority"]["f1"]}


def _more_classes(labels, values):
    from sklearn.metrics import roc_auc_score

    from soilcore.evaluation.classification_metrics import classification_scores
    from soilcore.models.classifiers import brier_score

    scores = classification_scores(labels, values.argmax(axis=1), labels=list(range(values.shape[1])))
    occurring = [label for label in range(values.shape[1]) if 0 < (labels == label).sum() < labels.size]
    return {
        **{name: scores[f"{name}_macro"] for name in ("precision", "recall", "f1")},
        **{name: scores[name] for name in ("mcc", "balanced_accuracy", "accuracy")},
        "brier": brier_score(labels, values),
        "prevalence": float(np.mean(labels == values.shape[1] - 1)),
        "auc": float(np.mean([roc_auc_score(labels == label, values[:, label]) for label in occurring])),
        "majority_accuracy": scores["majority"]["accuracy"],
        "majority_f1": scores["majority"]["f1_macro"],
    }


def reliability_facts(y, edges, name, probabilities, tau, unit):
    """Confusion of the classes, and how often what was announced came true, of one classifier out of fold.

    Returns
    -------
    dict
        ``confusion``: ``classifier``, ``labels``, ``counts`` (rows = truth); ``reliability``: per class above the lowest ``class``,
        ``predicted``, ``observed``, ``n``, ``calibration_error``.
    """
    from soilcore.evaluation.classification_metrics import confusion, reliability_curve
    from soilcore.models.two_step_classes import labels_of
    from soilcore.models.two_step_threshold import hard_labels

    labels, names = labels_of(y, edges), class_names(edges, unit)
    counts = confusion(labels, hard_labels(probabilities, tau), list(range(len(names))))
    bounded = np.clip(probabilities, 0, 1)
    curves = [{"class": names[label], **reliability_curve(labels == label, bounded[:, label])} for label in range(1, len(names))]
    return {"confusion": {"classifier": name, "labels": names, "counts": counts}, "reliability": curves}


def class_names(edges, unit=None):
    """Classes in words: "up to 2", "2 to 4", "above 4", with the unit."""
    unit = f" {unit}" if unit else ""
    middle = [f"{low:.4g} to {high:.4g}{unit}" for low, high in pairwise(edges)]
    return [f"up to {edges[0]:.4g}{unit}", *middle, f"above {edges[-1]:.4g}{unit}"]


def class_facts(prepared, model, whole, probabilities, seed):
    """Shares of the classes: of the samples as measured and as predicted out of fold, and of the pixels to map where there are any.

    Returns
    -------
    list of dict
        ``class``, ``lower``, ``upper``, ``sample_share``, ``share``, ``low``, ``high`` (90 % of 1,000 draws of classes from the probabilities,
        independent of each other), ``of``: "pixels" or "samples", ``n``.
    """
    from soilcore.models.two_step_classes import labels_of

    edges, table, of = model.edges_, prepared.table, "samples"
    if prepared.points is not None and len(prepared.points):
        probabilities, of = _pixel_probabilities(prepared, model, whole), "pixels"
    names = class_names(edges, prepared.opened.samples.target.unit)
    measured = np.bincount(labels_of(table.y, edges), minlength=len(names)) / len(table)
    low, high = share_interval(probabilities, seed)
    bounds = (None, *edges, None)
    return [
        {
            "class": name,
            "lower": bounds[label],
            "upper": bounds[label + 1],
            "sample_share": float(measured[label]),
            "share": float(probabilities[:, label].mean()),
            "low": float(low[label]),
            "high": float(high[label]),
            "of": of,
            "n": len(probabilities),
        }
        for label, name in enumerate(names)
    ]


def _pixel_probabilities(prepared, model, whole):
    columns = prepared.points.X
    if model is not whole:
        columns = np.column_stack([np.asarray(columns, float), whole.neighbour_columns(prepared.places)])
    return model.probabilities(columns)


def share_interval(probabilities, seed=0, draws=DRAWS, level=LEVEL):
    """Share of each class when every place draws its class from its probabilities, again and again.

    Parameters
    ----------
    probabilities : ndarray of float, shape (n_places, n_classes)
    seed, draws : int
    level : float

    Returns
    -------
    low, high : ndarray of float, shape (n_classes,)
        Draws are independent, so errors that neighbours share make the truth wider than this.
    """
    chance, limits = np.random.default_rng(seed), np.cumsum(probabilities, axis=1)[:, :-1]
    shares = np.empty((draws, probabilities.shape[1]))
    for draw in range(draws):
        drawn = (chance.random(len(probabilities))[:, None] >= limits).sum(axis=1)
        shares[draw] = np.bincount(drawn, minlength=probabilities.shape[1])
    return np.quantile(shares / len(probabilities), [(1 - level) / 2, (1 + level) / 2], axis=0)


def conversion_rows(samples, threshold):
    """Share of samples above the threshold of ECe under every conversion, or None where the target is no conductivity of an extract.

    Returns
    -------
    list of dict or None
        ``method``, ``share_above_t``, ``median``, ``n``, ``threshold``: the model's if its target is ECe, else 2 dS/m.
    """
    from soilcore.data.checks import sensitivity

    limit = float(threshold) if samples.target.form == "ECe" else CUSTOMARY_ECE
    try:
        table = sensitivity(samples, (limit,))
    except SampleError:
        return None
    rows = table.rename(columns={f"share_above_{limit:g}": "share_above_t"}).to_dict("records")
    return [{**row, "threshold": limit} for row in rows]


def distribution_facts(observed, predicted):
    """Quantiles and a histogram of the observed values and of each model's out-of-fold predictions, on shared bins.

    Parameters
    ----------
    observed : ndarray of float, shape (n_samples,)
    predicted : dict of str to ndarray of float

    Returns
    -------
    dict
        ``edges`` (of 40 bins, even on the logarithm where all values are above 0), ``log``, ``probabilities`` of the quantiles,
        ``observed`` and per model ``predicted``: ``quantiles``, ``histogram`` (counts; values outside the observed range in the outer bins).
    """
    low, high = float(observed.min()), float(observed.max())
    log = low > 0
    edges = np.geomspace(low, high, BINS + 1) if log else np.linspace(low, high, BINS + 1)

    def shape(values):
        place = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, BINS - 1)
        return {"quantiles": np.quantile(values, QUANTILES), "histogram": np.bincount(place, minlength=BINS)}

    return {
        "edges": edges,
        "log": log,
        "probabilities": QUANTILES,
        "observed": shape(observed),
        "predicted": {name: shape(values) for name, values in predicted.items()},
    }
