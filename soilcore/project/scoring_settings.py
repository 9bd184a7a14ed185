"""What every task that scores learners is asked beside its inputs."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ScoringTask:
    """A task that scores learners.

    Parameters
    ----------
    intervals : str
        How prediction intervals are made; see `soilcore.trust.intervals`.
    permutations : int, optional
        How often the target is permuted to look for skill out of nothing; None: only where it is quick.
    resume : bool
        Whether networks go on where the same task was interrupted.
    """

    intervals: str = "conformal"
    permutations: int | None = None
    resume: bool = False
