"""What each task on spectra is asked, as frozen dataclasses."""

from dataclasses import dataclass, field

from soilcore.data.spectra_set import SpectraSettings
from soilcore.evaluation.splits import SplitSettings
from soilcore.models.settings import FitSettings
from soilcore.project.scoring_settings import ScoringTask


@dataclass(frozen=True)
class SpectraCheckTask:
    """Check a spectral library."""

    spectra: SpectraSettings


@dataclass(frozen=True)
class SpectraPreprocessTask:
    """Preprocess spectra: see what it does to them, and write them.

    Parameters
    ----------
    steps : str
        Such as "snv,sg:11:1:1,co2:zero".
    out : str, optional
        CSV or parquet file; None shows only.
    examples : int
        Spectra shown before and after.
    """

    spectra: SpectraSettings
    steps: str = "snv,sg:11:1:1,co2:zero"
    out: str | None = None
    examples: int = 5
    overwrite: bool = False


@dataclass(frozen=True)
class SpectraCompareTask(ScoringTask):
    """Score learners on spectra under the same splits.

    Parameters
    ----------
    preprocess : tuple of str
        Steps for all learners, or ``"plsr=snv,sg:11:1:1"`` for one; learners nobody speaks of get their own default.
    splits : SplitSettings
        Also the schemes "holdout" (80/10/10) and "sequential" (81/9/10), drawn for several seeds, with ":COLUMN" where whole groups of a column are
        drawn, and "split:COLUMN" for a published training flag.
    seeds : int
        Divisions of "holdout" and "sequential".
    curve : tuple of int, optional
        Sizes of a learning curve beside the scores; empty chooses them, None makes none.
    local : bool
        Whether training on all spectra is compared with training inside each group.
    predictions : bool
        Whether predictions of every spectrum are among the facts.
    """

    spectra: SpectraSettings
    models: tuple[str, ...]
    preprocess: tuple[str, ...] = ()
    splits: SplitSettings = field(default_factory=SplitSettings)
    seeds: int = 5
    fit: FitSettings = field(default_factory=FitSettings)
    curve: tuple[int, ...] | None = None
    local: bool = False
    predictions: bool = False


@dataclass(frozen=True)
class SpectraTrainTask(ScoringTask):
    """Score one learner on spectra, fit it, and save it; see `SpectraCompareTask`."""

    spectra: SpectraSettings
    model: str
    out: str
    preprocess: tuple[str, ...] = ()
    splits: SplitSettings = field(default_factory=SplitSettings)
    seeds: int = 5
    fit: FitSettings = field(default_factory=FitSettings)
    overwrite: bool = False


@dataclass(frozen=True)
class SpectraPredictTask:
    """Predict new spectra with a saved model.

    Parameters
    ----------
    out : str, optional
        CSV, GeoPackage or parquet file with prediction, interval and representativeness beside the table's own columns; None shows only.
    level : float
        Promised coverage of the intervals.
    """

    model_dir: str
    spectra: SpectraSettings
    out: str | None = None
    level: float = 0.9
    overwrite: bool = False


@dataclass(frozen=True)
class SpectraAttributeTask:
    """Show which parts of the spectrum a saved model's predictions rest on.

    Parameters
    ----------
    out : str, optional
        Folder for the profiles as tables.
    draws : int
        Baselines drawn per spectrum.
    baselines : int
        Training spectra the baselines are drawn from.
    seeds : int
        0 explains the saved model; else it is fitted anew on so many divisions of the library, each explained on its test spectra.
    seed : int
    """

    model_dir: str
    spectra: SpectraSettings
    out: str | None = None
    draws: int = 50
    baselines: int = 100
    seeds: int = 0
    seed: int = 0
    device: str = "auto"
    overwrite: bool = False


SPECTRA_TASKS = {
    "spectra-check": SpectraCheckTask,
    "spectra-preprocess": SpectraPreprocessTask,
    "spectra-compare": SpectraCompareTask,
    "spectra-train": SpectraTrainTask,
    "spectra-predict": SpectraPredictTask,
    "spectra-attribute": SpectraAttributeTask,
}
