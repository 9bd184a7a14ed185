"""Folds whose test samples are as far from training samples as the map is from all samples (kNNDM).

A random test sample of a clustered table has neighbours in training that most of the map does not have. kNNDM clusters the samples so
that the distances from test to training samples are distributed like those from the map to the samples.
"""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SampleError
from soilcore.evaluation.blocks import deal
from soilcore.evaluation.places import distinct_places, to_nearest, to_nearest_other

LARGEST_SHARE = 0.5  # of the samples in one fold
_CLUSTERINGS = 100
_LARGEST_TREE = 2500  # places; Ward's tree keeps every pair of distances
_SIGNIFICANT = 0.05
_EXACT = 500  # samples up to which the Kolmogorov-Smirnov p value is exact
_NEIGHBOURS = 24
_DEALS = 10  # drawn for every further repeat
_LOOKED_AT = 5000  # samples that choose among divisions; W itself is of all


@dataclass(frozen=True)
class Knndm:
    """What kNNDM made of the samples.

    Parameters
    ----------
    assignments : ndarray of int, shape (n_repeats, n_samples)
        Fold of each sample.
    clusters : ndarray of int, shape (n_samples,), or None
        Cluster of each sample; None where the samples are not clustered and the folds are random.
    p : float
        Of the one-sided Kolmogorov-Smirnov test that samples lie nearer to each other than the map to samples.
    w, w_random : float
        Wasserstein distance, metres, between prediction-to-sample and test-to-training distances, of these folds and of random ones.
    notes : tuple of str
        What was decided on the way, in sentences.
    """

    assignments: np.ndarray
    clusters: np.ndarray | None
    p: float
    w: float
    w_random: float
    notes: tuple[str, ...] = ()


def knndm(coordinates, prediction_points, folds=10, *, repeats=1, seed=0, largest_share=LARGEST_SHARE):
    """Divide samples by k-fold nearest-neighbour distance matching.

    1. Nearest-neighbour distances from prediction points to samples, and from each sample to the others.
    2. Where the second are not significantly smaller than the first (one-sided Kolmogorov-Smirnov, p >= 0.05), folds are random.
    3. Else the places are clustered (Ward) at about 100 numbers of clusters between `folds` and n - 2. Clusters of n / folds samples or more are folds
       of their own, the others are dealt to the remaining folds in the order of their centroids along the first principal axis.
    4. Of the divisions without a fold above `largest_share`, the one with the smallest Wasserstein distance between test-to-training and
       prediction-to-sample distances is taken.

    Parameters
    ----------
    coordinates : ndarray of float, shape (n_samples, 2)
        Projected metres, all finite.
    prediction_points : ndarray of float, shape (n_points, 2)
        Where the map will be, in the same plane; about 1000 are enough.
    folds, repeats : int
        Further repeats deal the same clusters to the folds at random, each the best of 10 draws.
    seed : int
    largest_share : float
        Largest share of the samples in one fold.

    Returns
    -------
    Knndm

    Raises
    ------
    SampleError
        If there are fewer places than folds, or no division keeps every fold below `largest_share`.

    References
    ----------
    Linnenbrink et al. (2024), doi 10.5194/gmd-17-5897-2024. Departs from the paper: samples of one place are never divided when clusters are
    used; random folds are taken as well where they match better than any division; above 2,500 places Ward's tree is built on k-means centres,
    because its memory grows with the square of the number; above 5,000 samples, that many drawn ones choose among the divisions.
    """
    from scipy.stats import ks_2samp

    generator = np.random.default_rng(seed)
    drawing, clustering, dealing = generator.spawn(3)
    gij, gj = to_nearest(prediction_points, coordinates), to_nearest_other(coordinates)
    exact = max(gij.size, gj.size) <= _EXACT
    p = float(ks_2samp(gj, gij, alternative="greater", method="auto" if exact else "asymp").pvalue)
    random = np.stack([deal(np.arange(len(coordinates)), folds, child) for child in drawing.spawn(repeats)])
    whole = NearestInTraining(coordinates)
    w_random = distance_mismatch(gij, whole(random[0]))
    if p >= _SIGNIFICANT:
        return Knndm(random, None, p, w_random, w_random)
    places, place = distinct_places(coordinates)
    if len(places) < folds:
        raise SampleError(
            f"The samples lie in {len(places)} places, fewer than the {folds} folds asked for. Use --folds {max(len(places), 2)} or fewer."
        )
    n = len(coordinates)
    nearest = whole if n <= _LOOKED_AT else NearestInTraining(coordinates, np.sort(clustering.choice(n, _LOOKED_AT, replace=False)))
    first, clusters = _best_division(places, place, folds, gij, nearest, largest_share, clustering)
    w = distance_mismatch(gij, whole(first))
    if w > w_random:
        return Knndm(random, None, p, w_random, w_random, ("Random folds match the distances of the map better than any folds of clusters.",))
    further, notes = _further_repeats(clusters, folds, repeats, first, gij, nearest, largest_share, dealing)
    notes = (f"Above {_LARGEST_TREE} places, clusters are made of k-means centres; there are {len(places)}.",) * (len(places) > _LARGEST_TREE) + notes
    return Knndm(np.stack([first, *further]), clusters, p, w, w_random, notes)


def distance_mismatch(prediction_distances, test_distances):
    """Wasserstein-1 distance between two sets of nearest-neighbour distances, in their unit (metres): 0 where they are distributed alike."""
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(prediction_distances, test_distances))


class NearestInTraining:
    """Distance from each sample to the nearest one of another fold, for many divisions of the same samples.

    Parameters
    ----------
    coordinates : ndarray of float, shape (n_samples, 2)
        Projected metres, all finite.
    rows : ndarray of int, optional
        Samples whose distance is wanted; all without it. Training samples are always all others.
    """

    def __init__(self, coordinates, rows=None):
        from scipy.spatial import cKDTree

        self._coordinates = coordinates
        self._rows = np.arange(len(coordinates)) if rows is None else rows
        count = min(_NEIGHBOURS + 1, len(coordinates))
        self._distance, self._index = cKDTree(coordinates).query(coordinates[self._rows], k=count)

    def __call__(self, assignment):
        """Test-to-training distances of one division, metres; shape (n_rows,)."""
        own = assignment[self._rows]
        other = assignment[self._index] != own[:, None]
        at = np.arange(len(own)), np.argmax(other, axis=1)
        distance = np.where(other[at], self._distance[at], np.nan)
        for fold in np.unique(own[np.isnan(distance)]):  # all near neighbours are in the own fold: search the others
            lost = np.isnan(distance) & (own == fold)
            distance[lost] = to_nearest(self._coordinates[self._rows[lost]], self._coordinates[assignment != fold])
        return distance


def _best_division(places, place, folds, gij, nearest, largest_share, generator):
    """Smallest W over numbers of clusters: fold and cluster of each sample."""
    best = None
    for labels in _clusterings(places, folds, generator):
        clusters = labels[place]
        assignment = _deal_in_order(places, labels, clusters, folds)
        if np.bincount(assignment, minlength=folds).max() > largest_share * assignment.size:
            continue
        w = distance_mismatch(gij, nearest(assignment))
        if best is None or w < best[0]:
            best = w, assignment, clusters
    if best is None:
        largest = int(np.bincount(place).max())
        raise SampleError(
            f"No kNNDM division keeps every fold at {largest_share:.0%} of the {place.size} samples or less; {largest} lie in one place. "
            "Use --cv block or --cv group:COLUMN."
        )
    return best[1:]


def _clusterings(places, folds, generator):
    """Labels of each place at about 100 log-spaced numbers of clusters between the number of folds and the number of places less two."""
    from scipy.cluster.hierarchy import cut_tree, linkage

    centres, centre = (places, np.arange(len(places))) if len(places) <= _LARGEST_TREE else _k_means_centres(places, generator)
    most = max(len(centres) - 2, folds)
    numbers = np.unique(np.round(np.geomspace(folds, most, _CLUSTERINGS)).astype(int))
    numbers = numbers[numbers <= len(centres)]
    cut = cut_tree(linkage(centres, "ward"), n_clusters=numbers)
    for column in cut.T:
        yield np.unique(column, return_inverse=True)[1][centre]


def _k_means_centres(places, generator):
    from sklearn.cluster import MiniBatchKMeans

    seed = int(generator.integers(2**31))
    found = MiniBatchKMeans(_LARGEST_TREE, batch_size=8192, max_iter=20, n_init=1, init="random", random_state=seed).fit(places - places.mean(axis=0))
    used, centre = np.unique(found.labels_, return_inverse=True)
    return found.cluster_centers_[used], centre


def _deal_in_order(places, labels, clusters, folds):
    """Large clusters are folds of their own; the others go round the remaining folds in their order along the first principal axis."""
    count = int(labels.max()) + 1
    members = np.bincount(clusters, minlength=count)
    centroids = (
        np.column_stack([np.bincount(labels, weights=axis, minlength=count) for axis in places.T]) / np.bincount(labels, minlength=count)[:, None]
    )
    order = np.argsort(_along_first_axis(centroids), kind="stable")
    large = members[order] >= clusters.size / folds
    fold_of = np.empty(count, dtype=int)
    fold_of[order[large]] = np.arange(large.sum())
    left = folds - int(large.sum())
    fold_of[order[~large]] = large.sum() + np.arange((~large).sum()) % max(left, 1)
    return np.unique(fold_of, return_inverse=True)[1][clusters]


def _along_first_axis(centroids):
    centred = centroids - centroids.mean(axis=0)
    direction = np.linalg.svd(centred, full_matrices=False)[2][0]
    return centred @ (direction * (np.sign(direction[np.argmax(np.abs(direction))]) or 1.0))


def _further_repeats(clusters, folds, repeats, first, gij, nearest, largest_share, generator):
    if repeats == 1:
        return [], ()
    if clusters.max() + 1 <= folds:
        return [], (f"The {clusters.max() + 1} clusters of kNNDM can be divided in one way only: 1 repeat instead of {repeats}.",)
    drawn = []
    for child in generator.spawn(repeats - 1):
        deals = [deal(clusters, int(first.max()) + 1, one) for one in child.spawn(_DEALS)]
        fitting = [one for one in deals if np.bincount(one).max() <= largest_share * one.size] or [first]
        drawn.append(min(fitting, key=lambda one: distance_mismatch(gij, nearest(one))))
    return drawn, (f"Further repeats deal the same {clusters.max() + 1} clusters anew.",)
