"""Any learner with what the neighbouring samples say among its predictors, computed so that no sample sees its own value."""

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.progress import part
from soilcore.models.kriging import KrigingPrior
from soilcore.models.kriging_learners import as_table
from soilcore.models.learner import Learner, seeds_of
from soilcore.models.neighbours import NEIGHBOURS, GiStarFeature
from soilcore.models.tuning import inner_folds

KINDS = ("gi-star", "kriging-prior")
_FEATURE_SHARE = 0.1


class WithNeighbours(Learner):
    """A learner whose table gains the Getis-Ord Gi* and the kriged value of each place.

    The features of training samples are out of fold: made from the samples of the other inner folds alone, groups kept whole. New places get
    them from all training samples. Nothing is computed before the samples are divided, so a score from outer folds is honest.

    Parameters
    ----------
    learner : Learner or str
        Unfitted, or the name of a learner with its defaults.
    kinds : tuple of {"gi-star", "kriging-prior"}
    k : int
        Neighbours of Gi*.
    random_state : int, optional
        Draws the inner folds.

    Attributes
    ----------
    learner_ : Learner
        Fitted to the wider table.
    features_ : dict of str to GiStarFeature or KrigingPrior
    inner_folds_ : ndarray of int, shape (n_samples,)
    neighbour_names_ : tuple of str
        Names of the added columns.
    neighbour_note_ : str
        What the features could not do, in words.
    """

    minimum_rows = 10
    uses_coordinates = True

    def __init__(self, learner="rf", kinds=KINDS, k=NEIGHBOURS, random_state=0):
        self.learner = learner
        self.kinds = kinds
        self.k = k
        self.random_state = random_state

    @property
    def label(self):
        """Its name, for messages."""
        return f"{getattr(self.learner, 'label', self.learner)} with neighbours"

    @property
    def name(self):
        """Name of the learner inside."""
        return self.learner if isinstance(self.learner, str) else getattr(self.learner, "name", type(self.learner).__name__)

    @property
    def target_transform(self):
        """That of the learner inside."""
        return getattr(self.learner, "target_transform", "none")

    @property
    def smearing(self):
        """That of the learner inside."""
        return getattr(self.learner, "smearing", 1.0)

    @property
    def way_back_(self):
        """That of the learner inside."""
        return self.learner_.way_back_

    @property
    def extra_layers_(self):
        """What the learner inside can map beside its prediction."""
        return getattr(getattr(self, "learner_", self.learner), "extra_layers_", ())

    @property
    def edges_(self):
        """Limits between the classes of a two-step learner inside; none for others. Maps name classes and probabilities by them."""
        return getattr(self.learner_, "edges_", ())

    def _fit(self, X, z, y, groups, report, coordinates):
        if not self.kinds or (unknown := [kind for kind in self.kinds if kind not in KINDS]):
            given = ", ".join(map(repr, unknown)) if self.kinds else "none at all"
            raise SettingsError(f"Neighbour features are {', '.join(KINDS)}, but {given} was given.")
        self.inner_folds_ = inner_folds(len(y), groups, seeds_of(self.random_state, 1)[0])
        report(0, 1, "features of neighbouring samples")
        self.features_ = {kind: self._feature(kind).fit(coordinates, z) for kind in self.kinds}
        self.neighbour_names_ = tuple(self._free_name(kind.replace("-", "_")) for kind in self.kinds)
        prior = self.features_.get("kriging-prior")
        self.neighbour_note_ = "" if prior is None or prior.kriging_ is not None else f"{prior.variogram_.reason} The kriging prior is 0 everywhere."
        columns = [feature.transform_train_oof(self.inner_folds_) for feature in self.features_.values()]
        self.learner_ = self._unfitted()
        self.learner_.fit(self._wider(X, columns), y, groups, part(report, _FEATURE_SHARE, 1 - _FEATURE_SHARE), coordinates)
        self.device_, self.device_note_ = self.learner_.device_, self.learner_.device_note_

    def _feature(self, kind):
        return GiStarFeature(self.k) if kind == "gi-star" else KrigingPrior(seed=seeds_of(self.random_state, 2)[1])

    def _unfitted(self):
        from sklearn.base import clone

        from soilcore.models.catalogue import make_learner
        from soilcore.models.settings import FitSettings

        return make_learner(self.learner, FitSettings()) if isinstance(self.learner, str) else clone(self.learner)

    def _free_name(self, name):
        taken = set(getattr(self, "feature_names_in_", ()))
        while name in taken:
            name += "_"
        return name

    def neighbour_columns(self, coordinates):
        """The added columns of new places, from all training samples; shape (n_places, n_kinds), coordinates in metres."""
        return np.column_stack([_without_gaps(feature.transform(coordinates)) for feature in self.features_.values()])

    def _wider(self, X, columns):
        return as_table(self, np.column_stack([X, *(_without_gaps(column) for column in columns)]), self.neighbour_names_)

    def _predict(self, X, coordinates):
        return self.learner_.predict_transformed(self._wider(X, [self.neighbour_columns(coordinates)]), coordinates)

    def _original(self, z):
        return self.learner_._original(z)


def _without_gaps(z):
    """No neighbour near enough says nothing of a place: the z value of no evidence is 0."""
    return np.where(np.isfinite(z), z, 0.0)
