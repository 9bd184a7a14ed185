"""What each task that brings imagery and covariates into shape is asked, as frozen dataclasses."""

from dataclasses import dataclass, field

from soilcore.data.imagery import SceneSettings
from soilcore.data.samples import SampleSettings


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


IMAGERY_TASKS = {
    "terrain": TerrainTask,
    "distance": DistanceTask,
    "phenology": PhenologyTask,
    "composite": CompositeTask,
    "fetch": FetchTask,
    "keep-scene": KeepSceneTask,
}
