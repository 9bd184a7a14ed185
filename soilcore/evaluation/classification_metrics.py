"""How well classes and probabilities are predicted: confusion, F1, kappa, ROC, Brier, reliability; class maps from values.

Prevalence and the score of always answering the commonest class stand beside every F1, which without them says little.
"""

import numpy as np

from soilcore.core.errors import ModelError, SettingsError
from soilcore.evaluation.metrics import check_pairs


def confusion(truth, predicted, labels):
    """Counts of samples, rows = true class, columns = predicted class.

    Parameters
    ----------
    truth, predicted : array-like of shape (n_samples,)
        Class of each sample, each one of `labels`.
    labels : sequence
        All classes, in order; those without a sample keep their row and column.

    Returns
    -------
    ndarray of int, shape (n_classes, n_classes)
    """
    from sklearn.metrics import confusion_matrix

    truth, predicted = _check_classes(truth, predicted, labels)
    return confusion_matrix(truth, predicted, labels=list(labels)) if truth.size else np.zeros((len(labels),) * 2, dtype=int)


def classification_scores(truth, predicted, *, labels=None):
    """Scores of predicted classes.

    Parameters
    ----------
    truth, predicted : array-like of shape (n_samples,)
        Class of each sample.
    labels : sequence, optional
        The classes in order, for ordinal ones from low to high. None: the sorted values that occur.

    Returns
    -------
    dict
        ``n``, ``labels``, ``confusion`` (rows = truth); per class ``support``, ``prevalence``, ``precision``, ``recall``, ``f1``; over the
        classes that occur ``precision_macro``, ``recall_macro``, ``f1_macro``; ``accuracy``, ``balanced_accuracy``, ``mcc``, ``kappa``,
        ``quadratic_weighted_kappa`` (has a meaning for ordered classes only); ``majority`` (the accuracy and macro F1 of always answering
        the commonest class); ``warnings``: one sentence for each ratio that was 0/0 and set to 0. Everything is NaN without samples.

    Raises
    ------
    ModelError
        If the shapes are not equal and 1-D, or a class is not among `labels`.
    """
    labels = _occurring(truth, predicted) if labels is None else list(labels)
    truth, predicted = _check_classes(truth, predicted, labels)
    if truth.size == 0:
        return _empty_scores(labels)
    counts = confusion(truth, predicted, labels)
    support, answered, hit = counts.sum(axis=1), counts.sum(axis=0), np.diag(counts)
    commonest = labels[int(np.argmax(support))]
    return {
        "n": int(truth.size),
        "labels": labels,
        "confusion": counts,
        "support": support,
        "prevalence": support / truth.size,
        **_per_class(hit, answered, support),
        **_overall(truth, predicted, labels),
        "majority": {"label": commonest, **_majority(support, truth.size)},
        "warnings": _empty_ratios(labels, answered, support),
    }


def _per_class(hit, answered, support):
    precision, recall = _ratio(hit, answered), _ratio(hit, support)
    f1 = _ratio(2 * hit, answered + support)
    occurs = (support + answered) > 0
    macro = {f"{name}_macro": float(values[occurs].mean()) for name, values in (("precision", precision), ("recall", recall), ("f1", f1))}
    return {"precision": precision, "recall": recall, "f1": f1, **macro}


def _ratio(part, whole):
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _overall(truth, predicted, labels):
    from sklearn.metrics import accuracy_score, cohen_kappa_score, matthews_corrcoef

    recalls = [np.mean(predicted[truth == label] == label) for label in labels if (truth == label).any()]
    one_class = np.unique(np.concatenate((truth, predicted))).size == 1  # kappa and MCC are 0/0: agreement by chance is certain
    kappa, weighted = (0.0 if one_class else cohen_kappa_score(truth, predicted, labels=labels, weights=weights) for weights in (None, "quadratic"))
    return {
        "accuracy": float(accuracy_score(truth, predicted)),
        "balanced_accuracy": float(np.mean(recalls)),
        "mcc": 0.0 if one_class else float(matthews_corrcoef(truth, predicted)),
        "kappa": float(kappa),
        "quadratic_weighted_kappa": float(weighted),
    }


def _majority(support, n):
    share = support.max() / n
    classes = int((support > 0).sum())
    return {"accuracy": float(share), "f1_macro": float(2 * share / (1 + share) / classes)}


def _empty_ratios(labels, answered, support):
    """Zero divided by zero becomes 0, and is said."""
    counts = list(zip(labels, answered, support, strict=True))
    never = [f"Class {label} is never predicted: its precision is set to 0." for label, given, true in counts if given == 0 < true]
    absent = [f"Class {label} has no sample: its recall is set to 0." for label, given, true in counts if true == 0 < given]
    alone = ["Only one class occurs: kappa and MCC are set to 0."] if (support + answered > 0).sum() == 1 else []
    return (*never, *absent, *alone)


def _empty_scores(labels):
    per_class = {name: np.full(len(labels), np.nan) for name in ("prevalence", "precision", "recall", "f1")}
    single = ("precision_macro", "recall_macro", "f1_macro", "accuracy", "balanced_accuracy", "mcc", "kappa", "quadratic_weighted_kappa")
    none = {"label": None, "accuracy": np.nan, "f1_macro": np.nan}
    zeros = np.zeros((len(labels),) * 2, dtype=int)
    return {
        "n": 0,
        "labels": labels,
        "confusion": zeros,
        "support": zeros.sum(axis=1),
        **per_class,
        **dict.fromkeys(single, np.nan),
        "majority": none,
        "warnings": ("There are no samples to score.",),
    }


def probability_scores(truth, probability, threshold=0.5):
    """Scores of a predicted probability of the positive class (1), at one threshold and over all.

    Parameters
    ----------
    truth : array-like of shape (n_samples,)
        0 or 1 (or booleans).
    probability : array-like of float, shape (n_samples,)
        Within 0-1. A sample is called positive from `threshold` on, the threshold included.
    threshold : float

    Returns
    -------
    dict
        ``n``, ``threshold``, ``tp``, ``fp``, ``fn``, ``tn``, ``precision``, ``recall``, ``f1``, ``accuracy``, ``balanced_accuracy``, ``mcc``,
        ``kappa``; ``roc_auc`` and ``average_precision`` (NaN unless both classes occur); ``brier``; ``prevalence`` of the positives;
        ``majority`` (``accuracy``, and ``f1`` of calling everything positive); ``warnings``.

    Raises
    ------
    ModelError
        If shapes differ, a label is not 0 or 1, or a probability lies outside 0-1.
    """
    from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

    truth, probability = _check_probabilities(truth, probability)
    if truth.size == 0:
        raise ModelError("There are no samples with a class and a probability to score.")
    scores = classification_scores(truth, (probability >= threshold).astype(int), labels=[0, 1])
    (tn, fp), (fn, tp) = scores["confusion"].tolist()
    prevalence, both = float(truth.mean()), 0 < truth.mean() < 1
    return {
        "n": int(truth.size),
        "threshold": float(threshold),
        **{"tp": tp, "fp": fp, "fn": fn, "tn": tn},
        **{name: float(scores[name][1]) for name in ("precision", "recall", "f1")},
        **{name: scores[name] for name in ("accuracy", "balanced_accuracy", "mcc", "kappa")},
        "roc_auc": float(roc_auc_score(truth, probability)) if both else np.nan,
        "average_precision": float(average_precision_score(truth, probability)) if both else np.nan,
        "brier": float(brier_score_loss(truth, probability, labels=[0, 1])),
        "prevalence": prevalence,
        "majority": {"accuracy": max(prevalence, 1 - prevalence), "f1": 2 * prevalence / (1 + prevalence)},
        "warnings": scores["warnings"] if both else (*scores["warnings"], "Only one class occurs: ROC-AUC and average precision have no value."),
    }


def reliability_curve(truth, probability, bins=10):
    """Predicted probability against observed frequency, in equal bins of the probability.

    Parameters
    ----------
    truth, probability : array-like of shape (n_samples,)
        As in `probability_scores`.
    bins : int
        Number of bins over 0-1; a value on an edge belongs to the bin above, 1 to the last.

    Returns
    -------
    dict
        ``predicted``, ``observed`` (mean in each bin that holds samples), ``n`` (samples in it), as arrays of one length;
        ``calibration_error`` = mean of abs(predicted - observed), weighted by n.
    """
    truth, probability = _check_probabilities(truth, probability)
    if not (isinstance(bins, int) and bins >= 1):
        raise SettingsError(f"The reliability curve needs a whole number of bins of at least 1; got {bins!r}.")
    which = np.minimum((probability * bins).astype(int), bins - 1)
    n = np.bincount(which, minlength=bins)
    kept = n > 0
    predicted, observed = (np.bincount(which, weights=values, minlength=bins)[kept] / n[kept] for values in (probability, truth))
    error = float(np.average(np.abs(predicted - observed), weights=n[kept])) if kept.any() else np.nan
    return {"predicted": predicted, "observed": observed, "n": n[kept], "calibration_error": error}


def class_map_scores(observed, predicted, edges, labels=None):
    """How well a map of values hits the classes: confusion of binned observations against binned predictions.

    Parameters
    ----------
    observed, predicted : array-like of float, shape (n_samples,)
        In the unit of `edges`; pairs with a NaN are left out.
    edges : sequence of float
        Inner class limits, ascending; classes are half-open [lower, upper), so a value on a limit belongs to the class above.
    labels : sequence of str, optional
        One more than edges. None: 0, 1, 2, ...

    Returns
    -------
    dict
        As `classification_scores`, and ``within_one_class``: the share of samples at most one class off.
    """
    edges = np.asarray(edges, dtype=float)
    names = list(range(edges.size + 1)) if labels is None else list(labels)
    if edges.ndim != 1 or edges.size < 1 or (np.diff(edges) <= 0).any() or len(names) != edges.size + 1:
        raise SettingsError(f"Class limits must ascend, with one more label than limits; got limits {edges.tolist()} and {len(names)} labels.")
    truth, answer = (np.digitize(values, edges) for values in check_pairs(observed, predicted))
    scores = classification_scores(truth, answer, labels=list(range(len(names))))
    near = float(np.mean(np.abs(truth - answer) <= 1)) if truth.size else np.nan
    commonest = scores["majority"]["label"]
    majority = {**scores["majority"], "label": None if commonest is None else names[commonest]}
    warnings = _empty_ratios(names, scores["confusion"].sum(axis=0), scores["support"]) if truth.size else scores["warnings"]
    return {**scores, "labels": names, "majority": majority, "warnings": warnings, "within_one_class": near}


def _occurring(truth, predicted):
    return np.unique(np.concatenate((np.ravel(truth), np.ravel(predicted)))).tolist()


def _check_classes(truth, predicted, labels):
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.ndim != 1 or truth.shape != predicted.shape:
        raise ModelError(f"Scores need one-dimensional classes of equal length, but got shapes {truth.shape} and {predicted.shape}.")
    if strange := sorted({*truth.tolist(), *predicted.tolist()} - set(labels), key=str):
        raise ModelError(f"Class {strange[0]!r} is not among the classes {list(labels)}. Name all classes.")
    return truth, predicted


def _check_probabilities(truth, probability):
    truth, probability = check_pairs(truth, probability, names=("truth", "probability"))
    if strange := sorted(set(truth.tolist()) - {0.0, 1.0}):
        raise ModelError(f"The true class of a probability is 0 or 1, but {strange[0]:g} occurs.")
    if probability.size and not (probability.min() >= 0 and probability.max() <= 1):
        raise ModelError(f"Probabilities lie between 0 and 1, but run from {probability.min():g} to {probability.max():g}.")
    return truth.astype(int), probability
