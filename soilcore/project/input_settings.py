"""What samples, imagery and predictors a task is given, as one frozen dataclass that all tasks share."""

from dataclasses import dataclass, field

from soilcore.data.imagery import SceneSettings
from soilcore.data.samples import SampleSettings
from soilcore.features.recipe import FeatureSettings


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
