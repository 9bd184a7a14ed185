"""What is asked of the task that maps one model for many dates."""

from dataclasses import dataclass, field

from soilcore.project.input_settings import InputSettings


@dataclass(frozen=True)
class MapYearsTask:
    """Map a saved model for every date of imagery or covariates that change with time.

    Parameters
    ----------
    out : str
        Folder of each map, ``{date}`` in it stands for its date: ``maps/{date}-wet``. Without it, dates are folders within it.
    dates : tuple of str
        Days or years to map; all there are if not given.
    compare : str, optional
        Folder of a comparison of the maps, made when all are there; none if not given.
    beside : tuple of str
        Finished maps that are compared as well.
    correlation : float or "maps"
        Of the errors of one pixel on two dates; see `ChangeTask`.
    false_changes : float, optional
        Largest expected share of unchanged land in what is shown as changed; see `ChangeTask`.

    The others are those of `MapTask`, and hold for every date.
    """

    model_dir: str
    out: str
    inputs: InputSettings = field(default_factory=InputSettings)
    dates: tuple[str, ...] = ()
    classes: str | None = None
    interval: float | None = 0.9
    thresholds: tuple[float, ...] = ()
    aoa: bool = False
    compare: str | None = None
    beside: tuple[str, ...] = ()
    correlation: float | str = 0.0
    window: int = 512
    stride: int = 1
    overwrite: bool = False
    device: str = "auto"
    false_changes: float | None = None


MAP_YEARS_TASKS = {"map-years": MapYearsTask}
