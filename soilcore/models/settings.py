"""What a user can say about fitting."""

from dataclasses import dataclass


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
    """

    transform: str = "none"
    trials: int = 10
    budget: float | None = None
    seed: int = 0
    device: str = "auto"
    jobs: int = 2
