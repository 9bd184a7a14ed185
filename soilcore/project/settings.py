"""What each task is asked, as frozen dataclasses: the command line, the pages and the run file all speak these."""

from dataclasses import dataclass, field

from soilcore.data.imagery import SceneSettings
from soilcore.data.samples import SampleSettings
from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.models.settings import FitSettings
from soilcore.project.spectra_settings import SPECTRA_TASKS


@dataclass(frozen=True)
class InputSettings:
    """Samples, imagery, and the predictors made of them.

    Parameters
    ----------
    samples : str, optional
        Table file.
    table : SampleSettings
    scene : SceneSettings, optional
    features : FeatureSettings
    aoi, mask : str, optional
        Boundary (vector file) and mask (raster file, "water", or "none" where water would be left out).
    """

    samples: str | None = None
    table: SampleSettings = field(default_factory=SampleSettings)
    scene: SceneSettings | None = None
    features: FeatureSettings = field(default_factory=FeatureSettings)
    aoi: str | None = None
    mask: str | None = None


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
class CompareTask:
    """Score learners under the same folds.

    Parameters
    ----------
    intervals : str
        How prediction intervals are made; see `soilcore.trust.intervals`.
    permutations : int, optional
        How often the target is permuted to look for skill out of nothing; None: only where it is quick.
    resume : bool
        Whether networks go on where the same task was interrupted.
    """

    inputs: InputSettings
    models: tuple[str, ...]
    splits: SplitSettings = field(default_factory=SplitSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    table4: bool = False
    predictions: bool = False
    intervals: str = "conformal"
    permutations: int | None = None
    resume: bool = False


@dataclass(frozen=True)
class TrainTask:
    """Score one learner, fit it on all samples, and save it."""

    inputs: InputSettings
    model: str
    out: str
    splits: SplitSettings = field(default_factory=SplitSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    overwrite: bool = False
    intervals: str = "conformal"
    permutations: int | None = None
    resume: bool = False


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
class TerrainTask:
    """Derive slope, curvatures and wetness from an elevation model; see `soilcore.features.terrain`.

    Parameters
    ----------
    attributes : tuple of str
        Bands; all if empty.
    cell : float, optional
        Pixel side in metres; that of the elevation model if not given.
    like : str, optional
        Raster whose pixels the result has.
    trusted : bool
        See `soilcore.data.imagery.SceneSettings`.
    """

    dem: str
    out: str
    attributes: tuple[str, ...] = ()
    slope: str = "horn"
    convention: str = "zt"
    smooth: float = 0.0
    flat: str = "zero"
    tpi_radius: float | None = None
    cell: float | None = None
    like: str | None = None
    window: int = 512
    overwrite: bool = False
    trusted: bool = False


@dataclass(frozen=True)
class DistanceTask:
    """Measure how far pixels are from the features of a vector file."""

    vector: str
    like: str
    out: str
    overwrite: bool = False
    trusted: bool = False


@dataclass(frozen=True)
class PhenologyTask:
    """Find seasons in a vegetation series; see `soilcore.features.phenology`.

    Parameters
    ----------
    out : str
        GeoTIFF of a raster series, CSV of a table.
    crs : str, optional
        Of rasters that name none.
    scale : float, optional
        Index = stored value * scale.
    """

    series: str
    out: str
    index: str = "NDVI"
    season_start: int | str | None = None
    sos: str = "20"
    sdps: str = "90"
    gus: str = "mean"
    min_dates: int = 8
    min_amplitude: float = 0.1
    year: int | None = None
    crs: str | None = None
    scale: float | None = None
    window: int = 512
    overwrite: bool = False
    trusted: bool = False


@dataclass(frozen=True)
class CompositeTask:
    """Make one image of many dates, or one for each sampling campaign.

    Parameters
    ----------
    scene : SceneSettings
        Dated scenes.
    samples : str, optional
        Table whose dates tell the campaigns; `out` is a folder then.
    max_days : int
        Days before and after a campaign.
    """

    scene: SceneSettings
    out: str
    method: str = "median"
    dates: tuple[str, str] | None = None
    min_valid: int = 1
    samples: str | None = None
    table: SampleSettings = field(default_factory=SampleSettings)
    max_days: int = 30
    window: int = 512
    overwrite: bool = False


@dataclass(frozen=True)
class FetchTask:
    """Search a STAC catalogue and fetch what it has.

    Parameters
    ----------
    url : str
        "earth-search", "planetary-computer", or an address.
    out : str, optional
        Folder; needed unless `only_list`.
    bbox : tuple of float, optional
        West, south, east, north in degrees; else the hull of `samples` and `margin_m` round it.
    dates : tuple of str
        First and last day.
    cloud : float
        Largest share of clouds, %.
    days : tuple of str
        Fetch only these days of what is found; all if empty.
    """

    url: str
    out: str | None = None
    bbox: tuple[float, float, float, float] | None = None
    samples: str | None = None
    table: SampleSettings = field(default_factory=SampleSettings)
    margin_m: float = 500.0
    dates: tuple[str, str] | None = None
    cloud: float = 100.0
    collection: str | None = None
    limit: int = 100
    days: tuple[str, ...] = ()
    bands: tuple[str, ...] = ()
    resolution: float | None = None
    crs: str | None = None
    quality: bool = True
    offset: float | None = None
    workers: int = 2
    only_list: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class KeepSceneTask:
    """Write an image, however it came, as one cloud-optimised GeoTIFF with roles, scale and offset.

    Parameters
    ----------
    date : str, optional
        Which of several dates; needed where there are several.
    """

    scene: SceneSettings
    out: str
    date: str | None = None
    overwrite: bool = False


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
    "hot-spots": HotSpotsTask,
    "external": ExternalTask,
    "network-attribute": NetworkAttributeTask,
    "map": MapTask,
    "terrain": TerrainTask,
    "distance": DistanceTask,
    "phenology": PhenologyTask,
    "composite": CompositeTask,
    "fetch": FetchTask,
    "keep-scene": KeepSceneTask,
    **SPECTRA_TASKS,
}
