"""What the tasks that compare maps are asked: maps of several dates, and a map with changed predictors."""

from dataclasses import dataclass, field
from pathlib import Path

from soilcore.project.input_settings import InputSettings


@dataclass(frozen=True)
class ChangeTask:
    """Compare maps of several dates; see `soilcore.mapping.change`.

    Parameters
    ----------
    maps : tuple of str
        Two or more maps on one grid.
    out : str
        Folder to make.
    dates : tuple of str
        Days or years in the order of the maps; taken from run files and names if not given.
    scheme : str, optional
        Class scheme; that which fits the target if not given.
    edges : tuple of float
        Class limits instead.
    low_max, high_min : int
        Classes up to the first are low, from the second on high.
    stable_share : float
        Share of the years that makes a pixel stable.
    draws : int
        Draws of the prediction intervals for the support of labels; 0 for none.
    correlation : float or "maps"
        Of the errors of one pixel on two dates: 0 is careful, -1 holds whatever it is, "maps" takes it from the maps.
    level : float, optional
        Level of the intervals that the maps must have; whatever they have if not given.
    false_changes : float, optional
        Largest expected share of unchanged land in what is shown as changed; without it, a change is what exceeds the joint interval.
    """

    maps: tuple[str, ...]
    out: str
    dates: tuple[str, ...] = ()
    scheme: str | None = None
    edges: tuple[float, ...] = ()
    low_max: int = 0
    high_min: int = 3
    stable_share: float = 0.8
    draws: int = 100
    seed: int = 0
    correlation: float | str = 0.0
    level: float | None = None
    window: int = 256
    overwrite: bool = False
    false_changes: float | None = None

    def read_files(self):
        """Files the task reads: the maps, and the bounds beside them."""
        files = []
        for path in map(Path, self.maps):
            files += [path, *(path.with_name(f"{path.stem}_{bound}{path.suffix}") for bound in ("lower", "upper"))]
        return tuple(map(str, files))


@dataclass(frozen=True)
class ScenarioTask:
    """Map a saved model with changed predictors; see `soilcore.explanation.scenario`.

    Parameters
    ----------
    set : tuple of str
        ``NAME=+V``, ``NAME=-V``, ``NAME=*F`` or ``NAME==V``.
    interval : float or None
        Level of the prediction intervals.
    correlation : float
        Of the errors of both predictions of a pixel.
    stride : int
        Of networks that read windows: only every so many pixels are computed, and what lies between is interpolated.
    device : str
        Where networks run.
    """

    model_dir: str
    out: str
    inputs: InputSettings = field(default_factory=InputSettings)
    set: tuple[str, ...] = ()
    date: str | None = None
    classes: str | None = None
    interval: float | None = 0.9
    correlation: float = 0.0
    window: int = 512
    stride: int = 1
    overwrite: bool = False
    device: str = "auto"


CHANGE_TASKS = {"change": ChangeTask, "scenario": ScenarioTask}
