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
class NetworkSettings:
    """How networks are built and trained. None leaves a value to the network: that of its paper, or of the profile for machines without GPU.

    Parameters
    ----------
    epochs : int or None
        Passes over the training samples at most.
    batch : int or None
        Samples per step; it is halved where memory does not suffice, and that is said.
    members : int
        Networks trained from different seeds; their mean predicts.
    patience : int or None
        Epochs (cycles for a cyclic learning rate) without a better validation loss after which training ends.
    learning_rate : float or None
    precision : {"auto", "float32", "amp"}
        "amp" is mixed precision, on a GPU only; "auto" takes it there.
    deterministic : bool
        Whether a GPU is held to algorithms that give the same numbers every time.
    patch : int or None
        Side of the image window, pixels.
    cell : float or None
        Cell of the image window, metres.
    gate : {"soft", "hard"}
        How SS-SoilNet weighs its vegetated and bare branches: by a sigmoid of the NDVI, or one of the two.
    pretrain : bool
        Whether image and climate branches of SoilNet first learn, without the target, which image and climate belong to one place.
    pretrain_places : int
        Places of the map without samples that pre-training sees as well, about so many; none that share a window with a test sample.
    target : str
        Scale a network works on where no target transform is asked for. "auto": log1p without clipping for the SoilNets, where no target is
        negative, and the target as it is for spectra; "log1p"; "minmax": 0 to 1 over the range of the training samples; "minmax:87": from 0 to
        87, in the target's unit, targets above clipped, as SoilNet's authors have it.
    loss : {"mse", "rmse", "rmsle", "huber"} or None
    validation : float
        Share of the training samples that decides when training ends, in whole groups or a region of its own.
    augment : bool
        Whether image windows are mirrored and turned in training.
    attention : {"row", "flat"}
        Where SoilNet's global channel attention sums to 1: in every row, or over the whole matrix as the authors' code has it.
    init : {"kaiming", "mirzai"}
        Initial weights of the spectra network; "mirzai" is that of the authors' package.
    """

    epochs: int | None = None
    batch: int | None = None
    members: int = 1
    patience: int | None = None
    learning_rate: float | None = None
    precision: str = "auto"
    deterministic: bool = False
    patch: int | None = None
    cell: float | None = None
    gate: str = "soft"
    pretrain: bool = False
    pretrain_places: int = 1000
    target: str = "auto"
    loss: str | None = None
    validation: float = 0.15
    augment: bool = True
    attention: str = "row"
    init: str = "kaiming"


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
    network : NetworkSettings
        For networks.
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
    network: NetworkSettings = field(default_factory=NetworkSettings)
