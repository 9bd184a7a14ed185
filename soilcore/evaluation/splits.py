"""How samples are divided into training and test: random, blocks, groups, published folds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SplitSettings:
    """Which folds.

    Parameters
    ----------
    scheme : str
        "random", "block", "group:COLUMN" or "folds:COLUMN".
    folds, repeats : int
        Number of folds, and how often the division is drawn anew.
    block_size, buffer : float or None
        Side of a block and dead zone round a test fold, metres.
    seed : int
        Draws the folds.
    """

    scheme: str = "random"
    folds: int = 10
    repeats: int = 1
    block_size: float | None = None
    buffer: float | None = None
    seed: int = 0
