"""Why a model predicts what it does for given rows of predictors: Shapley values on its modelling scale."""

from dataclasses import dataclass, field

import numpy as np

from soilcore.core.errors import ModelError, NotAvailableError
from soilcore.core.progress import silent
from soilcore.explanation.background import background_of
from soilcore.explanation.members import EXACT, PLACE, Effort, Layout, parts_of
from soilcore.models.inputs import checked_new

ATTRIBUTION_IS_NO_CAUSE = (
    "Attributions say what moved the model's prediction away from its mean over training samples, not what moves the soil. Predictors that go together "
    "share them in a way that another model would not repeat: no cause can be read from them."
)
_AT_ONCE = 256  # rows between two reports
_AT_ONCE_OF_MAPS = 16384


@dataclass(frozen=True)
class Explained:
    """Attributions of some rows.

    Parameters
    ----------
    names : tuple of str
        Drivers: the predictors, columns of neighbouring samples, and "place" where the learner looks at coordinates.
    base : float
        Mean prediction of the background.
    values : ndarray of float, shape (n_rows, n_drivers)
        ``base + values.sum(axis=1)`` is the prediction.
    predicted : ndarray of float, shape (n_rows,)
        Computed by the learner's own arithmetic, not from the attributions.
    given : ndarray of float, shape (n_rows, n_drivers)
        Values of the drivers; NaN for "place".
    scale : str
        What base, values and predicted are in, in words: the learner's modelling scale.
    how : dict of str to dict
        By member of the learner: ``weight`` and ``how``, "exact" or "sampled".
    errors : ndarray of float, shape (n_rows, n_drivers), or None
        Standard errors of the values; None where all are exact.
    note : str
        What about the background is worth knowing.
    """

    names: tuple[str, ...]
    base: float
    values: np.ndarray
    predicted: np.ndarray
    given: np.ndarray
    scale: str
    how: dict = field(default_factory=dict)
    errors: np.ndarray | None = None
    note: str = ""

    @property
    def additivity_error(self):
        """Largest absolute difference between a prediction and what base and attributions add up to; 0 without rows."""
        return float(np.abs(self.base + self.values.sum(axis=1) - self.predicted).max(initial=0.0))

    @property
    def sampling_error(self):
        """Standard error of an attribution, root mean square over rows and drivers; None where all are exact."""
        return None if self.errors is None or not self.errors.size else float(np.sqrt(np.mean(self.errors**2)))

    @property
    def exact(self):
        """Whether no member was sampled."""
        return self.errors is None


class TabularExplainer:
    """A model made ready for the explanation of many rows; may be kept and shared by threads.

    Parameters
    ----------
    model : FittedModel
        Any learner but one that reads windows of imagery.
    background : Background, optional
        What it was stored with, if not given.
    draws : int, optional
        Pairs of walks of sampled members; one from every background row if not given.
    seed : int
        Orders those walks.
    many : bool, optional
        Whether trees are computed in the way of maps, for which a row is the same to the last bit whatever the rows beside it.

    Attributes
    ----------
    names : tuple of str
    base : float
    scale : str
    how : dict of str to dict

    Raises
    ------
    NotAvailableError
        For networks that read windows.
    ModelError
        If the learner looks at places and the background has none.
    """

    def __init__(self, model, *, background=None, draws=None, seed=0, many=None):
        learner = model.learner
        if getattr(learner, "uses_surroundings", False):
            raise NotAvailableError(
                f"{getattr(model, 'name', 'This network')} reads windows of imagery, which rows of a table do not stand for. "
                "Its attributions are those of `soilcore.explanation.networks`."
            )
        self.learner, self.background = learner, background_of(model) if background is None else background
        names = tuple(str(name) for name in getattr(learner, "feature_names_in_", range(learner.n_features_in_)))
        self._inner, self._neighbours = _inside(learner)
        wide = (*names, *(self._neighbours.neighbour_names_ if self._neighbours else ()))
        self._needs_places = _looks_at_places(self._inner, self.background)
        if self.looks_at_places and self.background.places is None:
            raise ModelError("The model looks at places, but was stored without those of its background samples. Train it again with this version.")
        self.layout = Layout((*wide, PLACE) if self._needs_places else wide, len(wide), self._needs_places)
        self.names, self.scale, self.note = self.layout.names, scale_words(learner), self.background.note
        seen = self._columns(np.asarray(self.background.rows, float), self.background.places)
        self._at_once = _AT_ONCE_OF_MAPS if many else _AT_ONCE
        effort = Effort(draws, seed, many)
        self._parts = [(name, weight, part.prepare(seen, self.layout, effort)) for name, weight, part in parts_of(self._inner, self.layout)]
        self.base = float(sum(weight * part.base for _, weight, part in self._parts))
        self.how = {name: {"weight": float(weight), "how": part.how} for name, weight, part in self._parts}

    @property
    def exact(self):
        """Whether no member is sampled."""
        return all(entry["how"] == EXACT for entry in self.how.values())

    @property
    def looks_at_places(self):
        """Whether rows need coordinates."""
        return self._needs_places or self._neighbours is not None

    def predict(self, X, coordinates=None):
        """Predictions on the modelling scale, float64 of shape (n_rows,)."""
        Z = self._checked(X, coordinates)
        return sum(weight * part.predict(Z) for _, weight, part in self._parts)

    def explain(self, X, coordinates=None, report=silent):
        """Attributions of rows; see `explain_rows`."""
        Z = self._checked(X, coordinates)
        values, variances = np.zeros((len(Z), len(self.names))), None if self.exact else np.zeros((len(Z), len(self.names)))
        predicted = np.zeros(len(Z))
        for start in range(0, len(Z), self._at_once):
            report(start, len(Z), f"attributions of {start} of {len(Z)} rows")
            rows = slice(start, start + self._at_once)
            for _, weight, part in self._parts:
                found, errors = part.attribute(Z[rows])
                values[rows] += weight * found
                predicted[rows] += weight * part.predict(Z[rows])
                if errors is not None:
                    variances[rows] += (weight * errors) ** 2
        report(len(Z), len(Z), "attributions")
        given = np.full(values.shape, np.nan)
        given[:, : self.layout.columns] = Z[:, : self.layout.columns]
        errors = None if variances is None else np.sqrt(variances)
        return Explained(self.names, self.base, values, predicted, given, self.scale, self.how, errors, self.note)

    def _checked(self, X, coordinates):
        return self._columns(checked_new(self.learner, X), coordinates)

    def _columns(self, X, places):
        """Predictors, columns of neighbours and coordinates side by side."""
        if self.looks_at_places and places is None:
            raise ModelError("This model looks at places. Give the coordinates of the rows, in metres on the model's plane.")
        columns = [X]
        if self._neighbours:
            columns.append(self._neighbours.neighbour_columns(np.asarray(places, float)))
        if self._needs_places:
            columns.append(np.asarray(places, float))
        return np.column_stack(columns) if len(columns) > 1 else X


def explain_rows(model, X, *, coordinates=None, background=None, draws=None, seed=0, report=silent):
    """Attributions of rows of predictors, by the whole of a model.

    Parameters
    ----------
    model : FittedModel
        Any learner but one that reads windows of imagery.
    X : DataFrame or ndarray of shape (n_rows, n_features)
        Predictors, no NaN.
    coordinates : ndarray of float, shape (n_rows, 2), optional
        Metres on the model's plane; needed by learners that look at places.
    background : Background, optional
        What the model was stored with, if not given.
    draws : int, optional
        Pairs of walks of members that must be sampled; one from every background row if not given, which is also the most.
    seed : int
        Orders those walks.
    report : Report
        May raise Stopped.

    Returns
    -------
    Explained
        On the learner's modelling scale. Members made of trees, linear members, kriging and what is made of them are exact (to 1e-6 of
        the prediction); others are sampled, with their standard errors.

    Raises
    ------
    NotAvailableError
        For networks that read windows.
    ModelError
        If columns are missing, or places are needed and not known.

    References
    ----------
    Lundberg and Lee (2017), Advances in Neural Information Processing Systems 30; the interventional game of Janzing et al. (2020),
    Proceedings of Machine Learning Research 108, 2907-2916.
    """
    return TabularExplainer(model, background=background, draws=draws, seed=seed).explain(X, coordinates, report)


def scale_words(learner):
    """What predictions of a learner on its modelling scale are in."""
    transform = learner.transform_.name
    return "the unit of the target" if transform == "none" else f"{transform} of the target"


def _inside(learner):
    """The learner that takes the wider table, and the one that widens it; (learner, None) for most."""
    from soilcore.models.neighbour_learner import WithNeighbours

    return (learner.learner_, learner) if isinstance(learner, WithNeighbours) else (learner, None)


def _looks_at_places(learner, background):
    """Whether coordinates reach a prediction."""
    if not learner.uses_coordinates:
        return False
    views = getattr(learner, "views_", None)
    return views.place_ is not None if views is not None else not learner.coordinates_optional or background.places is not None
