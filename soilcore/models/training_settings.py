"""What can be said about the training of a network. Plain values only: nothing heavy is imported."""

import math
from dataclasses import dataclass

from soilcore.core.errors import SettingsError
from soilcore.models.device import DEVICES

OPTIMIZERS = ("adam", "adamw")
SCHEDULES = ("constant", "step", "cosine", "cyclic")
LOSSES = ("mse", "rmse", "rmsle", "huber")
MONITORS = ("epoch", "cycle_end")
PRECISIONS = ("auto", "float32", "amp")


@dataclass(frozen=True)
class TrainingSettings:
    """How a network is trained.

    Parameters
    ----------
    epochs : int
        Most passes over the training rows.
    batch : int
        Rows per optimisation step.
    learning_rate : float
        Of the optimiser; the highest rate where the schedule varies it.
    optimizer : {"adam", "adamw"}
    weight_decay : float
        L2 penalty of Adam, decoupled decay of AdamW.
    schedule : {"constant", "step", "cosine", "cyclic"}
        How the rate changes from epoch to epoch.
    step_epochs, step_factor : int, float
        ``schedule="step"``: the rate is multiplied by the factor every so many epochs.
    lowest_rate : float
        Rate towards which ``"cosine"`` falls and from which ``"cyclic"`` rises. Not given: 0 for cosine, 3 % of `learning_rate` for cyclic
        (3e-5 at 1e-3).
    half_cycle : int
        ``schedule="cyclic"``: epochs from the lowest to the highest rate, and as many back.
    loss : {"mse", "rmse", "rmsle", "huber"}
        On the scale on which the target is modelled.
    huber_delta : float
        Residual from which the Huber loss grows linearly.
    patience : int, optional
        ``monitor="epoch"``: epochs without a lower validation loss after which training stops. ``monitor="cycle_end"``: it stops when so many
        successive decreases from cycle end to cycle end were all below `min_delta`. None: never before the last epoch.
    monitor : {"epoch", "cycle_end"}
        Whether every epoch counts, or the ends of the cycles of the rate only: inside a cycle the high rates make the loss rise for a while.
    min_delta : float
        Decrease of the validation loss that counts as one.
    restore_best : bool
        Give the weights of the epoch of the lowest validation loss, not the last.
    seed : int
        Order of the rows, dropout and augmentation derive from it.
    device : {"auto", "cpu", "cuda", "mps"}
    precision : {"auto", "float32", "amp"}
        ``"amp"`` computes in bfloat16 (or float16 with a scaled loss) where that is safe and float32 elsewhere; on CUDA only.
        ``"auto"`` is ``"amp"`` on CUDA and ``"float32"`` elsewhere.
    deterministic : bool
        Use repeatable operations on the GPU too, slower. On the CPU training repeats to the last bit in any case.
    clip : float, optional
        Longest gradient (Euclidean norm over all weights); longer ones are shortened.
    channels_last : bool
        Keep images with the channels last in memory while training: the same network, faster convolutions.
    threads : int
        Most CPU threads.
    """

    epochs: int = 100
    batch: int = 32
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    weight_decay: float = 0.0
    schedule: str = "constant"
    step_epochs: int = 10
    step_factor: float = 0.2
    lowest_rate: float | None = None
    half_cycle: int = 5
    loss: str = "mse"
    huber_delta: float = 1.0
    patience: int | None = 20
    monitor: str = "epoch"
    min_delta: float = 0.0
    restore_best: bool = True
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    deterministic: bool = False
    clip: float | None = None
    channels_last: bool = True
    threads: int = 2


def check_training(settings):
    """Refuse settings no training can follow.

    Raises
    ------
    SettingsError
        Naming the setting, its value and what is possible.
    """
    choices = {
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "loss": LOSSES,
        "monitor": MONITORS,
        "precision": PRECISIONS,
        "device": DEVICES,
    }
    for name, possible in choices.items():
        value = getattr(settings, name)
        if value not in possible:
            raise SettingsError(f"Training knows no {name} {value!r}. Choose one of {', '.join(possible)}.")
    for name in ("epochs", "batch", "step_epochs", "half_cycle", "threads"):
        _check_number(name, getattr(settings, name), whole=True)
    for name in ("learning_rate", "step_factor", "huber_delta"):
        _check_number(name, getattr(settings, name))
    for name in ("weight_decay", "min_delta"):
        _check_number(name, getattr(settings, name), least="0 or more")
    _check_number("seed", settings.seed, whole=True, least="0 or more")
    for name, whole in (("patience", True), ("clip", False)):
        if getattr(settings, name) is not None:
            _check_number(name, getattr(settings, name), whole=whole)
    if settings.lowest_rate is not None:
        _check_number("lowest_rate", settings.lowest_rate, least="0 or more")
        if settings.lowest_rate > settings.learning_rate:
            raise SettingsError(f"The lowest rate {settings.lowest_rate:g} is above the learning rate {settings.learning_rate:g}. Swap them.")


def _check_number(name, value, *, whole=False, least="above 0"):
    wanted = ("a whole number " if whole else "a number ") + least
    kind = isinstance(value, int) if whole else isinstance(value, (int, float))
    if not kind or isinstance(value, bool) or not math.isfinite(value) or value < 0 or (value == 0 and least == "above 0"):
        raise SettingsError(f"The training setting {name} is {value!r}; it must be {wanted}.")
