"""Validation loss by group over the epochs of several trainings: folds or divisions together, which need not stop at the same epoch."""

import numpy as np

_MOST_LABELS = 40  # curves that can still be told apart
NO_GROUP, SMALLER = "(no group)", "(smaller groups)"


def curve_labels(labels):
    """Labels by which losses are kept apart: the 40 largest groups as they are called, all others together.

    Parameters
    ----------
    labels : ndarray of str, shape (n_samples,), or None
        Empty where a sample has no group.

    Returns
    -------
    ndarray of str, shape (n_samples,), or None
    """
    if labels is None:
        return None
    labels = np.where(np.asarray(labels, dtype=object) == "", NO_GROUP, labels).astype(str)
    names, counts = np.unique(labels, return_counts=True)
    if names.size <= _MOST_LABELS:
        return labels
    largest = names[np.argsort(-counts, kind="stable")[: _MOST_LABELS - 1]]
    return np.where(np.isin(labels, largest), labels, SMALLER)


def losses_by_group(fits, what="folds"):
    """Mean of the validation loss of each group over several trainings, epoch by epoch.

    A training counts at an epoch it reached, for groups its validation samples hold. Each loss is on the scale of its own network, which shifts
    and divides the target by its own training samples; folds of one library differ little in that.

    Parameters
    ----------
    fits : list of dict
        With ``rows``: per epoch ``epoch`` and, where groups were given, ``group_losses`` (group to loss).
    what : str
        What one of several trainings is called, in the plural.

    Returns
    -------
    dict or None
        None where no training has losses of groups. ``fits`` (number of trainings); ``epochs``, how many each of them did; ``said``, what a reader
        should know; ``rows``: per epoch and group ``epoch``, ``group``, ``loss`` (mean), ``sd`` (ddof 1, None for one) and ``fits`` (trainings in
        the mean); ``groups``: per group ``group``, ``fits`` (trainings that hold it), ``first`` (mean loss after the first epoch), ``lowest`` and
        ``lowest_epoch``, ``last`` and ``last_epoch``; these look only at epochs that all trainings with the group reached.
    """
    courses = [[row for row in fit["rows"] if row.get("group_losses")] for fit in fits]
    courses = [rows for rows in courses if rows]
    if not courses:
        return None
    found = {}
    for rows in courses:
        for row in rows:
            for group, loss in row["group_losses"].items():
                found.setdefault((row["epoch"], group), []).append(loss)
    rows = [_mean_row(epoch, group, losses) for (epoch, group), losses in sorted(found.items())]
    epochs = [course[-1]["epoch"] for course in courses]
    groups = [_course_of([row for row in rows if row["group"] == name]) for name in sorted({row["group"] for row in rows})]
    return {"fits": len(courses), "epochs": epochs, "said": _said(epochs, groups, what), "rows": rows, "groups": groups}


def _mean_row(epoch, group, losses):
    sd = float(np.std(losses, ddof=1)) if len(losses) > 1 else None
    return {"epoch": epoch, "group": group, "loss": float(np.mean(losses)), "sd": sd, "fits": len(losses)}


def _course_of(rows):
    """First, lowest and last mean of one group, while the mean is of the same trainings."""
    most = max(row["fits"] for row in rows)
    same = [row for row in rows if row["fits"] == most]
    lowest, last = min(same, key=lambda row: row["loss"]), same[-1]
    return {
        "group": rows[0]["group"],
        "fits": most,
        "first": same[0]["loss"],
        "lowest": lowest["loss"],
        "lowest_epoch": lowest["epoch"],
        "last": last["loss"],
        "last_epoch": last["epoch"],
    }


def _said(epochs, groups, what):
    if len(epochs) == 1:
        return f"Validation loss of one training of {epochs[0]} epochs, on the scale of the network."
    fewest, most = min(epochs), max(epochs)
    sentences = [f"Mean validation loss over {len(epochs)} {what}, each on the scale of its own network."]
    if fewest < most:
        sentences.append(
            f"They stopped after {fewest} to {most} epochs: beyond epoch {fewest} fewer {what} are in the mean, which may jump where one ends."
        )
    if any(group["fits"] < len(epochs) for group in groups):
        sentences.append(f"Not every group is among the validation samples of all {what}; the number of {what} in each mean is given beside it.")
    return " ".join(sentences)
