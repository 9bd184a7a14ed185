"""What a user can say about fitting."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class DualStepSettings:
    """How the two steps, a classification and then a regression per class, are set up.

    Parameters
    ----------
    at : float or "search"
        Threshold between the two classes, unit of the target; a value exactly there is low. "search" finds it inside the training samples.
    tau : float or "tune"
        Probability from which ``mix="hard"`` takes the regression of the high class.
    edges : tuple of float
        Ascending thresholds of more than two classes; then `at` is not used.
    mix : {"soft", "hard"}
        Regressions weighted by the class probabilities, or the one of the likeliest class.
    classifier : str
        "auto" compares all on inner folds; or one of them by name.
    regressor : str
        Learner fitted inside each class.
    train_on : {"true", "predicted"}
        Class by which the training samples of the regressions are taken.
    """

    at: float | str = 2.0
    tau: float | str = 0.5
    edges: tuple[float, ...] = ()
    mix: str = "soft"
    classifier: str = "auto"
    regressor: str = "xgboost"
    train_on: str = "true"


@dataclass(frozen=True)
class FitSettings:
    """How learners are tuned and fitted.

    Parameters
    ----------
    transform : {"none", "log10", "log1p"}
        Scale on which the target is modelled; scores are always on the original one.
    trials : int
        Tuning trials per learner and training set; 0 uses the documented defaults.
    budget : float or None
        Seconds after which tuning of one learner starts no further trial. None: no limit, and then exactly repeatable.
    seed : int
        Every random choice derives from it.
    device : {"auto", "cpu", "cuda", "mps"}
        Where XGBoost and networks are fitted.
    jobs : int
        Threads.
    neighbours : tuple of {"gi-star", "kriging-prior"}
        Features made of the target of neighbouring training samples, fitted inside every fold and added to the predictors.
    neighbour_count : int
        Neighbours of the Getis-Ord feature.
    dual_step : DualStepSettings
        For the model ``dual-step``.
    """

    transform: str = "none"
    trials: int = 10
    budget: float | None = None
    seed: int = 0
    device: str = "auto"
    jobs: int = 2
    neighbours: tuple[str, ...] = ()
    neighbour_count: int = 8
    dual_step: DualStepSettings = field(default_factory=DualStepSettings)
