"""Where a network may be believed: the area of applicability in the features that it learned itself.

A network does not look at its inputs one by one, and thousands of pixels of a window leave no distance that means anything. What it makes of
them before its last layer is few numbers, in which places that it treats alike lie together. Dissimilarity is taken there.

Every fold has a network, and so a space, of its own. A test sample of a fold is compared with the samples that trained this fold's network, in
this network's space; divided by the mean distance of those training samples the number has no unit, and numbers of different spaces can stand
in one list. From this list comes the limit, and it is the right one for the final network too: it says how unlike its training samples a
sample was that the reported score speaks of. The final network cannot tell, because it was trained on every sample there is: a network draws
the samples that it was trained on apart from others, so distances among them say nothing of a place it never met.

References
----------
Meyer and Pebesma (2021), Methods in Ecology and Evolution 12, 1620-1633, doi 10.1111/2041-210X.13650: standardised distances, mean distance,
training dissimilarity across folds and its limit. Distances between penultimate features as a sign of the unknown: Sun et al. (2022),
Proceedings of Machine Learning Research 162, 20827-20840. Departs from the first: learned features instead of predictors, one space per fold.
"""

import copy

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.trust.applicability import AreaOfApplicability, outlier_limit
from soilcore.trust.nearest import NearestRows, pair_distances

NOTE = "Distances are taken in the features the network learned; all of them weigh the same, because training has weighed them already."
_LEAST_SPREAD = 0.1  # of the usual spread: a feature that hardly varies is not blown up beyond that
_PAIRED = 4000  # rows; the mean distance of more is taken over so many of them, evenly spread
_TILE = 1024


def has_learned_features(learner):
    """Whether a learner can say what it makes of a sample before its last layer (``embed``)."""
    return callable(getattr(learner, "embed", None))


def learned_features(learner, X, coordinates=None):
    """Learned features of some rows.

    Parameters
    ----------
    learner : Learner
        Fitted, with ``embed``.
    X : DataFrame or ndarray of shape (n, n_features)
    coordinates : Surroundings or ndarray of shape (n, 2), optional
        Places, for learners with ``uses_coordinates``.

    Returns
    -------
    ndarray of float64, shape (n, k)

    Raises
    ------
    ModelError
        If they are no finite numbers, or not one row per sample.
    """
    places = {"coordinates": coordinates} if getattr(learner, "uses_coordinates", False) else {}
    features = np.asarray(learner.embed(X, **places), float)
    if features.ndim != 2 or len(features) != np.shape(X)[0]:
        raise ModelError(f"The learned features of {np.shape(X)[0]} rows have the shape {features.shape}; one row each is needed.")
    if not np.isfinite(features).all():
        wrong = int((~np.isfinite(features).all(axis=1)).sum())
        raise ModelError(f"The network makes values that are no finite numbers of {wrong} of {len(features)} rows. Train it again at a lower rate.")
    return features


class LearnedArea(AreaOfApplicability):
    """Area of applicability of a network; what `AreaOfApplicability` takes as predictors are learned features here.

    Made in two steps. `FoldwiseArea` (or `fit`) gives training dissimilarities and the limit from the networks of the folds; `settled` adds the
    space of the final network, after which dissimilarities of new rows can be asked for.

    Attributes
    ----------
    threshold_, train_di_, mean_distance_, note_
        As in `AreaOfApplicability`; before `settled`, the mean distance is the mean over the folds.
    weights_ : dict of str to float
        Every learned feature with weight 1; empty before `settled`.
    """

    learned = True
    train_ = None

    def fit(self, learners, X, splits):
        """Limit and training dissimilarities from networks that are at hand.

        Parameters
        ----------
        learners : sequence of Learner
            Fitted, one per fold of the first repeat.
        X : DataFrame or ndarray of shape (n_samples, n_features)
        splits : Splits
            The folds of the reported cross-validation.

        Returns
        -------
        self

        Raises
        ------
        ModelError
            If learners are missing, or no feature that they learned varies.
        """
        folds = splits.folds(0)
        if len(learners) < len(folds):
            raise ModelError(f"There are {len(folds)} folds, but only {len(learners)} of their networks. Keep the networks of all folds.")
        watched = FoldwiseArea(X, splits)
        for fold, (train, test) in enumerate(folds):
            watched(0, fold, learners[fold], train, test)
        self.__dict__.update(watched.area().__dict__)
        return self

    def settled(self, learner, X, coordinates=None):
        """The area of the final network, with the limit of the folds.

        Parameters
        ----------
        learner : Learner
            Fitted to all samples.
        X : DataFrame or ndarray of shape (n_samples, n_features)
            All training samples.
        coordinates : Surroundings or ndarray of shape (n_samples, 2), optional

        Returns
        -------
        LearnedArea
            A new one.
        """
        features = learned_features(learner, X, coordinates)
        if len(features) != self.train_di_.size:
            raise ModelError(f"The folds divide {self.train_di_.size} samples, but the network was fitted to {len(features)}. Give the same ones.")
        area = copy.copy(self)
        area.__dict__.pop("_nearest_rows", None)
        area.centre_, area.scale_, dead = _standard(features)
        area.train_ = area._scaled(features)
        area.mean_distance_ = _mean_distance(area.train_)
        area.weights_ = {f"learned_{number + 1}": 1.0 for number in range(features.shape[1])}
        area.note_ = " ".join(filter(None, (NOTE, _dead_words(dead, features.shape[1]))))
        return area

    def features(self, learner, X, coordinates=None):
        """What dissimilarities are asked of: the learned features of some rows."""
        return learned_features(learner, X, coordinates)

    def facts(self, share=None, of="samples", n=None):
        """As `AreaOfApplicability.facts`, without weights; ``space`` is "learned"."""
        return super().facts(share, of, n) | {"weights": {}, "space": "learned"}

    def stored(self):
        """As `AreaOfApplicability.stored`."""
        self._check_settled()
        facts, arrays, learners = super().stored()
        return {name: {**values, "space": "learned"} for name, values in facts.items()}, arrays, learners

    def _search(self, X, radius):
        self._check_settled()
        return super()._search(X, radius)

    def _check_settled(self):
        if self.train_ is None:
            raise ModelError("The area of applicability knows the networks of the folds, not the final one. Settle it on the final network first.")


class FoldwiseArea:
    """Listens to a cross-validation and takes the training dissimilarities of each fold while its network is there.

    Networks are large; so none needs to be kept. Give it to `soilcore.evaluation.protocol.evaluate` as ``watch``.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_samples, n_features)
    splits : Splits
    """

    def __init__(self, X, splits):
        self.X, self.splits = X, splits
        self._di = np.full(splits.n_samples, np.nan)
        self._means, self._reason = [], None

    def __call__(self, repeat, fold, learner, train, test):
        """One fold's fitted network, and the positions of its training and test samples; repeats after the first do not count."""
        if repeat or self._reason:
            return
        from soilcore.evaluation.protocol import take

        try:
            known, new = (learned_features(learner, take(self.X, rows), self.splits.places_of(learner, rows)) for rows in (train, test))
            self._di[test], mean = dissimilarity_between(known, new)
        except ModelError as error:  # a network that answers the same to everything has an error, but no space
            self._reason = f"Fold {fold + 1}: {error.message}"
            return
        self._means.append(mean)

    def area(self):
        """The area with its limit, not yet settled on a final network.

        Raises
        ------
        ModelError
            If a fold's network learned nothing that varies, or folds are missing.
        """
        if self._reason:
            raise ModelError(self._reason)
        if np.isnan(self._di).any():
            raise ModelError(f"{int(np.isnan(self._di).sum())} of {self._di.size} samples were in no fold whose network was seen. Run all folds.")
        area = LearnedArea()
        area.train_di_, area.threshold_ = self._di.copy(), outlier_limit(self._di)
        area.mean_distance_, area.weights_, area.note_ = float(np.mean(self._means)), {}, NOTE
        return area


def dissimilarity_between(known, new):
    """Dissimilarity of new rows to known ones in the space of the known ones.

    Parameters
    ----------
    known : ndarray of float, shape (n_known, k)
        Learned features of the samples that trained the network.
    new : ndarray of float, shape (n_new, k)

    Returns
    -------
    dissimilarity : ndarray of float, shape (n_new,)
        Distance to the nearest known row over the mean distance of two known rows.
    mean_distance : float

    Raises
    ------
    ModelError
        If the known rows are all alike.
    """
    centre, scale, _ = _standard(known)
    scaled = (known - centre) * scale
    mean = _mean_distance(scaled)
    return NearestRows(scaled).query((new - centre) * scale)[0] / mean, mean


def _standard(features):
    """Centre, what a centred feature is multiplied by, and which features do not vary.

    Each feature is divided by its standard deviation (ddof 1), as predictors are, but by no less than a tenth of the usual one (root mean
    square over features). A unit that fires for two samples of a thousand would else outweigh all others for these two. One that never fired
    in training counts the same way: in training it changes no distance, but where it fires at a new place, weights enter the prediction that
    no sample ever corrected, and this place is unlike the samples.
    """
    centre = features.mean(axis=0)
    spread = features.std(axis=0, ddof=1) if len(features) > 1 else np.zeros(features.shape[1])
    spread = np.where(spread > 1e-6 * np.abs(centre), spread, 0.0)  # float32: below is rounding
    usual = float(np.sqrt(np.mean(spread**2)))
    if not usual > 0:
        raise ModelError(
            f"The network makes the same of all its {len(features)} training samples, so nothing tells how unlike them a place is. "
            "Train it longer, at another rate, or on more samples."
        )
    return centre, 1 / np.maximum(spread, _LEAST_SPREAD * usual), spread == 0


def _mean_distance(rows):
    """Mean distance of all pairs of rows; of more than `_PAIRED` rows, of so many of them."""
    if len(rows) > _PAIRED:
        rows = rows[np.linspace(0, len(rows) - 1, _PAIRED).astype(np.intp)]
    total = 0.0
    for start in range(0, len(rows), _TILE):
        distances = pair_distances(rows[start : start + _TILE], rows)
        own = np.arange(len(distances))
        distances[own, start + own] = 0.0  # a product may leave 1e-8 there
        total += distances.sum()
    return total / (len(rows) * (len(rows) - 1))


def _dead_words(dead, count):
    return f"{int(dead.sum())} of {count} learned features never vary among the samples." if dead.any() else ""
