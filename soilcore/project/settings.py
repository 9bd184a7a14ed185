"""What each task is asked, as frozen dataclasses: the command line, the pages and the run file all speak these."""

from dataclasses import dataclass, field

from soilcore.evaluation.splits import SplitSettings
from soilcore.models.settings import FitSettings
from soilcore.project.act_settings import ACT_TASKS
from soilcore.project.change_settings import CHANGE_TASKS
from soilcore.project.explain_settings import EXPLAIN_TASKS
from soilcore.project.imagery_settings import IMAGERY_TASKS
from soilcore.project.input_settings import InputSettings
from soilcore.project.map_years_settings import MAP_YEARS_TASKS
from soilcore.project.report_settings import REPORT_TASKS
from soilcore.project.scoring_settings import ScoringTask
from soilcore.project.spectra_settings import SPECTRA_TASKS


@dataclass(frozen=True)
class DemoTask:
    """Make a synthetic landscape."""

    out: str
    kind: str = "coast"
    size: int = 256
    cell: float = 20.0
    samples: int | None = None
    dates: int = 12
    seed: int = 0
    overwrite: bool = False


@dataclass(frozen=True)
class CheckTask:
    """Check a table, alone or against a scene."""

    inputs: InputSettings


@dataclass(frozen=True)
class IndicesTask:
    """Write index rasters of a scene; of several dates, that of `date`."""

    inputs: InputSettings
    out: str
    window: int = 512
    overwrite: bool = False
    date: str | None = None


@dataclass(frozen=True)
class CorrelateTask:
    """Correlate bands and indices with the target."""

    inputs: InputSettings
    log_target: bool = False


@dataclass(frozen=True)
class SearchTask:
    """Search index formulas, guarded against chance."""

    inputs: InputSettings
    statistic: str = "spearman"
    log_target: bool = False
    permutations: int = 999
    roles: tuple[str, ...] = ()
    top: int = 50
    seed: int = 0


@dataclass(frozen=True)
class CompareTask(ScoringTask):
    """Score learners under the same folds."""

    inputs: InputSettings
    models: tuple[str, ...]
    splits: SplitSettings = field(default_factory=SplitSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    table4: bool = False
    predictions: bool = False


@dataclass(frozen=True)
class TrainTask(ScoringTask):
    """Score one learner, fit it on all samples, and save it."""

    inputs: InputSettings
    model: str
    out: str
    splits: SplitSettings = field(default_factory=SplitSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    overwrite: bool = False


@dataclass(frozen=True)
class DualStepTask:
    """Classify, then regress; always beside single regressors under the same folds."""

    inputs: InputSettings
    splits: SplitSettings = field(default_factory=SplitSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    singles: tuple[str, ...] = ("xgboost", "rf")


@dataclass(frozen=True)
class LearningCurveTask:
    """Score a learner on growing numbers of training samples."""

    inputs: InputSettings
    model: str
    splits: SplitSettings = field(default_factory=SplitSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    resume: bool = False


@dataclass(frozen=True)
class LearningRateTask:
    """Find the learning rates at which a network learns from these samples."""

    inputs: InputSettings
    model: str
    splits: SplitSettings = field(default_factory=SplitSettings)
    fit: FitSettings = field(default_factory=FitSettings)


@dataclass(frozen=True)
class HotSpotsTask:
    """Find where high and low values gather; for exploration, never a predictor."""

    inputs: InputSettings
    out: str | None = None
    k: int | None = None
    band: float | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class ExternalTask:
    """Score a saved model on another table."""

    model_dir: str
    inputs: InputSettings


@dataclass(frozen=True)
class NetworkAttributeTask:
    """Show on which bands, indices and layers a saved network's predictions rest.

    Parameters
    ----------
    samples : int
        Explained at most; drawn where there are more.
    draws, baselines : int
        Per sample; see `soilcore.explanation.networks`.
    window : bool
        Whether the layers of an SS-SoilNet's window are explained too, which takes most of the time.
    """

    model_dir: str
    inputs: InputSettings
    samples: int = 100
    draws: int = 24
    baselines: int = 50
    window: bool = False
    seed: int = 0
    device: str = "auto"


@dataclass(frozen=True)
class MapTask:
    """Map a saved model.

    Parameters
    ----------
    stride : int
        Of networks that read windows: only every so many pixels are computed, and what lies between is interpolated.
    device : str
        Where networks run.
    """

    model_dir: str
    out: str
    inputs: InputSettings = field(default_factory=InputSettings)
    date: str | None = None
    window: int = 512
    classes: str | None = None
    interval: float | None = None
    thresholds: tuple[float, ...] = ()
    aoa: bool = False
    stride: int = 1
    cluster: str | None = None
    overwrite: bool = False
    device: str = "auto"


@dataclass(frozen=True)
class DemoProjectTask:
    """Give somebody a demo project with a trained model and a map."""

    workspace: str


TASKS = {
    "demo-project": DemoProjectTask,
    "demo": DemoTask,
    "check": CheckTask,
    "indices": IndicesTask,
    "correlate": CorrelateTask,
    "search": SearchTask,
    "compare": CompareTask,
    "train": TrainTask,
    "dual-step": DualStepTask,
    "learning-curve": LearningCurveTask,
    "learning-rate": LearningRateTask,
    "hot-spots": HotSpotsTask,
    "external": ExternalTask,
    "network-attribute": NetworkAttributeTask,
    "map": MapTask,
    **ACT_TASKS,
    **CHANGE_TASKS,
    **EXPLAIN_TASKS,
    **IMAGERY_TASKS,
    **MAP_YEARS_TASKS,
    **SPECTRA_TASKS,
    **REPORT_TASKS,
}
