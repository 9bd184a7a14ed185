"""What the task that explains a saved model is asked."""

from dataclasses import dataclass, field

from soilcore.project.input_settings import InputSettings

SAMPLES = 1000  # explained at most: the picture of more is the same


@dataclass(frozen=True)
class ExplainTask:
    """Show on what the predictions of a saved model rest: over samples, at one pixel, or as maps; see `soilcore.explanation`.

    Parameters
    ----------
    out : str
        Folder to make.
    inputs : InputSettings
        Samples to explain, and imagery; those the model was trained on where none are named.
    at : tuple of float
        Easting or longitude, northing or latitude of a pixel; samples are not explained then.
    at_crs : str, optional
        Reference system of `at`; that of the imagery if not given.
    maps : bool
        Whether one layer per driver is written.
    groups : bool
        Whether maps have one layer per group of drivers that follow from one another, instead of one per driver.
    summary : bool
        Whether samples are explained; never with `at`.
    date : str, optional
        Day or year of pixel and maps, where imagery, covariates or climate change with time.
    classes : str, optional
        Class scheme for the pixel.
    interval : float
        Level of the pixel's prediction interval, where the model knows one.
    most : int
        Samples explained at most; drawn where there are more.
    draws : int, optional
        Of what must be sampled: pairs of walks for tabular learners, draws per sample for networks; the engine's own number if not given.
    permutations : int, optional
        Of each driver for the permutation importance, for which the learner is fitted again in every fold; 0 for none, 5 if not given (networks: none).
    window : bool
        Whether the layers of an SS-SoilNet's window are explained at samples too, which takes most of the time.
    step : int, optional
        Of maps: only every so manieth pixel is computed, as a preview. If not given every pixel, and of networks that read windows as many as `places`.
    places : int, optional
        Of maps of networks: pixels that are computed at most; as many as take a few minutes if not given.
    device : str
        Where networks run.
    """

    model_dir: str
    out: str
    inputs: InputSettings = field(default_factory=InputSettings)
    at: tuple[float, ...] = ()
    at_crs: str | None = None
    maps: bool = False
    groups: bool = False
    summary: bool = True
    date: str | None = None
    classes: str | None = None
    interval: float = 0.9
    most: int = SAMPLES
    draws: int | None = None
    permutations: int | None = None
    window: bool = False
    step: int | None = None
    seed: int = 0
    device: str = "auto"
    overwrite: bool = False
    places: int | None = None


EXPLAIN_TASKS = {"explain": ExplainTask}
