"""Every learner by the name a user types: what it is, where it comes from, and how to make one."""

from dataclasses import dataclass

from soilcore.core.errors import NotAvailableError, SettingsError
from soilcore.core.tables import load_table
from soilcore.models.neural_profiles import PROFILES

_WITHOUT_NEIGHBOURS = ("mean", "best-index", "kriging")  # they look at no column, or at one that is named


@dataclass(frozen=True)
class LearnerSpec:
    """One row of the list of learners.

    Parameters
    ----------
    name : str
        As typed after ``--model``.
    family : str
        "baseline", "linear", "kernel", "trees", "network", "ensemble", "geostatistics" or "two-step".
    label : str
        For people.
    parameters : int or None
        Trainable numbers of a network at its paper's input size; None for the others, whose size depends on the data, and for what is not
        available.
    citation : str
        Source.
    available : bool
        Whether this version can fit it.
    """

    name: str
    family: str
    label: str
    parameters: int | None
    citation: str
    available: bool


def learner_specs():
    """All learners in the order of the table ``learners.json``; nothing heavy is imported.

    Returns
    -------
    list of LearnerSpec
    """
    return [LearnerSpec(**row) for row in load_table("learners")["learners"]]


def learner_spec(name):
    """One learner of the table.

    Raises
    ------
    SettingsError
        If no learner has this name; the message lists those that do.
    """
    specs = {spec.name: spec for spec in learner_specs()}
    if name not in specs:
        raise SettingsError(f"There is no model {name!r}. Models: {', '.join(spec.name for spec in specs.values() if spec.available)}.")
    return specs[name]


def make_learner(name, settings, *, index_columns=()):
    """An unfitted learner.

    Parameters
    ----------
    name : str
        As typed; see `learner_specs`.
    settings : FitSettings
    index_columns : tuple of str
        Columns that are spectral indices: what ``best-index`` chooses from. Empty: all columns.

    Returns
    -------
    Learner
        scikit-learn contract; see `soilcore.models.learner.Learner`.

    Raises
    ------
    SettingsError
        If there is no such learner.
    NotAvailableError
        If it is listed but this version cannot fit it yet.
    """
    spec = learner_spec(name)
    if not spec.available:
        raise NotAvailableError(
            f"The model {name!r} ({spec.label}) is not available yet. Models: {', '.join(s.name for s in learner_specs() if s.available)}."
        )
    learner = _learner(name, settings, index_columns)
    if not settings.neighbours or name in _WITHOUT_NEIGHBOURS:
        return learner
    from soilcore.models.neighbour_learner import WithNeighbours

    return WithNeighbours(learner, tuple(settings.neighbours), settings.neighbour_count, settings.seed)


def _learner(name, settings, index_columns):
    """The learner itself, without features of neighbouring samples."""
    if name == "mean":
        from soilcore.models.baselines import MeanModel

        return MeanModel(target_transform=settings.transform)
    if name == "best-index":
        from soilcore.models.baselines import BestIndexModel

        return BestIndexModel(candidates=tuple(index_columns), target_transform=settings.transform)
    common = {
        "target_transform": settings.transform,
        "trials": settings.trials,
        "budget": settings.budget,
        "random_state": settings.seed,
        "jobs": settings.jobs,
        "device": settings.device,
    }
    if name == "stacking":
        from soilcore.models.stacking import StackingModel

        return StackingModel(**common)
    if name == "kriging":
        from soilcore.models.kriging_learners import KrigingLearner

        return KrigingLearner(target_transform=settings.transform, random_state=settings.seed)
    if name == "regression-kriging":
        from soilcore.models.kriging_learners import RegressionKriging

        return RegressionKriging(**common)
    if name == "dual-step":
        from soilcore.models.two_step import TwoStepModel

        return TwoStepModel(**vars(settings.dual_step), **common)
    if name in PROFILES:
        from soilcore.models.neural import network_learner

        return network_learner(name, settings)
    if name == "auto":
        from soilcore.models.auto import AutoModel

        return AutoModel(**common)
    from soilcore.models.pipelines import TunedRegressor

    return TunedRegressor(name, **common)
