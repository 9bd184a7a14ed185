"""Classes of a target by its thresholds, and inner folds that hold every class where that is possible."""

import numpy as np

from soilcore.core.errors import ModelError, SettingsError
from soilcore.evaluation.blocks import deal

FEWEST_IN_CLASS = 30
_MANY = 1000  # samples; from here on three inner folds tell as much as five
_DEALS = 20  # attempts to deal whole groups so that every class is among the training samples of each fold


def labels_of(y, edges):
    """Class of each value: 0 up to and with the first edge, 1 above it up to and with the second, ...

    Parameters
    ----------
    y : array-like of float, shape (n_samples,)
    edges : sequence of float
        Ascending, unit of `y`.

    Returns
    -------
    ndarray of int, shape (n_samples,)
    """
    return np.searchsorted(np.asarray(edges, float), np.asarray(y, float), side="left")


def checked_edges(edges):
    """Thresholds as a tuple of ascending finite numbers.

    Raises
    ------
    SettingsError
        If they are not.
    """
    edges = tuple(float(edge) for edge in edges)
    if not edges or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
        raise SettingsError(f"Thresholds between classes must be ascending numbers, but {', '.join(map(str, edges)) or 'none'} were given.")
    return edges


def merged_edges(y, edges, fewest=FEWEST_IN_CLASS):
    """The edges that remain when classes with too few samples join their smaller neighbour.

    Parameters
    ----------
    y : ndarray of float, shape (n_samples,)
    edges : tuple of float
    fewest : int
        Samples a class needs.

    Returns
    -------
    edges : tuple of float
    notes : tuple of str
        A sentence for each edge that was given up.

    Raises
    ------
    ModelError
        If a single class remains; the message holds the counts and the thresholds that would do.
    """
    kept, notes = list(edges), []
    while kept:
        counts = np.bincount(labels_of(y, kept), minlength=len(kept) + 1)
        small = int(np.argmin(counts))
        if counts[small] >= fewest:
            return tuple(kept), tuple(notes)
        if len(kept) == 1:
            break
        neighbours = [place for place in (small - 1, small + 1) if 0 <= place < counts.size]
        gone = kept.pop(min(small, min(neighbours, key=lambda place: counts[place])))
        notes.append(
            f"The classes on both sides of {gone:g} are one, because one of them has {counts[small]} training samples and {fewest} are needed."
        )
    raise ModelError(_too_few(y, edges, fewest))


def _too_few(y, edges, fewest):
    above = int((y > edges[-1]).sum())
    counted = f"{above} of {y.size} training samples are above {edges[-1]:g} and {y.size - above} are not"
    if len(edges) > 1:
        counted = f"{' / '.join(map(str, np.bincount(labels_of(y, edges), minlength=len(edges) + 1)))} training samples fall into the classes"
    if y.size < 2 * fewest:
        return f"{counted}; each step needs {fewest}, which {y.size} samples cannot give. Use one regression for all (for instance --model rf)."
    low, high = np.sort(y)[[fewest - 1, y.size - fewest - 1]]
    if not low <= high or np.searchsorted(np.sort(y), high, side="right") > y.size - fewest:
        return f"{counted}; each step needs {fewest}, and too many values are equal to find a threshold that leaves them. Use one regression for all."
    return f"{counted}; each step needs {fewest}. Choose a threshold between {low:.4g} and {high:.4g} (--at), search one (--at search), or use one regression for all."


def inner_class_folds(labels, groups, seed, folds=None):
    """Inner folds for classes.

    Parameters
    ----------
    labels : ndarray of int, shape (n_samples,)
    groups : ndarray of int, shape (n_samples,), or None
        Whole groups go into one fold. Without groups, or with a single one, every class is dealt evenly.
    seed : int
    folds : int, optional
        Not given: 5, or 3 from 1,000 samples on.

    Returns
    -------
    ndarray of int, shape (n_samples,)
    """
    folds = folds or (5 if labels.size < _MANY else 3)
    chance = np.random.default_rng(seed)
    if groups is None or groups.max() == 0:
        return _dealt_by_class(labels, min(folds, labels.size), chance)
    groups = np.unique(groups, return_inverse=True)[1]
    folds = min(folds, int(groups.max()) + 1)
    best, fewest = None, -1
    for _ in range(_DEALS):
        dealt = deal(groups, folds, chance)
        outside = min(np.bincount(labels[dealt != fold], minlength=labels.max() + 1).min() for fold in range(folds))
        if outside > fewest:
            best, fewest = dealt, outside
        if outside * 2 >= np.bincount(labels).min():
            break
    return best


def _dealt_by_class(labels, folds, chance):
    dealt, start = np.empty(labels.size, int), 0
    for label in np.unique(labels):
        rows = chance.permutation(np.flatnonzero(labels == label))
        dealt[rows] = (np.arange(rows.size) + start) % folds
        start += rows.size  # so that small classes do not all fill the first folds
    return dealt
