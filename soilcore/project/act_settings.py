"""What the tasks that help to act on a map are asked, as frozen dataclasses."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FieldsTask:
    """What every field has on average; see `soilcore.project.act.fields`.

    Parameters
    ----------
    map : str
        Finished map.
    boundaries : str
        Vector file with the outlines of the fields.
    out : str
        GeoPackage; a CSV table of the same name lies beside it.
    layer, id_column : str, optional
        Of the boundaries.
    classes : str, optional
        Class scheme; the one the map was made with, or that fits it, if not given.
    maps_of_years : tuple of str
        Further maps of the same area, for the trend.
    dates : tuple of str
        Of `maps_of_years`, where neither their run files nor their names tell.
    date : str, optional
        Of the map, where it does not tell.
    model_dir : str, optional
        The map's model, where the map does not say how errors hang together.
    seed : int
        Draws the intervals.
    """

    map: str
    boundaries: str
    out: str
    layer: str | None = None
    id_column: str | None = None
    classes: str | None = None
    maps_of_years: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    date: str | None = None
    model_dir: str | None = None
    seed: int = 0
    overwrite: bool = False

    def read_files(self):
        """Every file the task reads, layers of maps among them."""
        return (self.boundaries, *(file for path in (self.map, *self.maps_of_years) for file in _layers(path)))


@dataclass(frozen=True)
class AdviseTask:
    """Which crops stand the salt, how much water keeps it away, and where to sample next; of carbon, the stock. See `soilcore.project.advise.advise`.

    Parameters
    ----------
    map : str
        Finished map with its interval.
    crops : tuple of str
        Crops to be mapped, by any of their names; without, all are ranked and the best are mapped.
    out : str, optional
        Folder for the maps, tables and points; without, nothing is written.
    boundaries, layer, id_column : str, optional
        Fields to be advised one by one.
    irrigation_ec : float, optional
        Conductivity of the irrigation water, dS/m.
    soil : {"sandy loam", "clay loam", "peat"}
        For the water that brings the salinity down.
    next_samples : int
        Places to be sampled next.
    access : str, optional
        Roads or tracks (vector file), or metres to them (raster): places far off count less.
    access_distance : float
        Metres at which a place counts half.
    mask : str, optional
        Raster whose pixels above 0 may be sampled; ``FILE:40,30`` only these codes.
    samples : str, optional
        Places that have been sampled, as a vector file or a table with coordinates in degrees (lon, lat).
    bulk_density : float, optional
        g/cm3, of a map of organic carbon.
    depth_cm : float, optional
        Thickness of the layer the carbon map is for.
    coarse : float
        Volume fraction of coarse fragments, 0-1.
    least_yield : float
        Percent of the full yield that counts as good.
    date, model_dir, seed
        As in `FieldsTask`.
    window : int
    only_places : bool
        Only the places of the next samples, of a map of whatever; no crops, no carbon.
    """

    map: str
    crops: tuple[str, ...] = ()
    out: str | None = None
    boundaries: str | None = None
    layer: str | None = None
    id_column: str | None = None
    irrigation_ec: float | None = None
    soil: str = "clay loam"
    next_samples: int = 0
    access: str | None = None
    access_distance: float = 500.0
    mask: str | None = None
    samples: str | None = None
    bulk_density: float | None = None
    depth_cm: float | None = None
    coarse: float = 0.0
    least_yield: float = 90.0
    date: str | None = None
    model_dir: str | None = None
    seed: int = 0
    window: int = 512
    overwrite: bool = False
    only_places: bool = False

    def read_files(self):
        """Every file the task reads, layers of the map among them."""
        from soilcore.data.regions import mask_parts

        mask = mask_parts(self.mask)[0] if self.mask else None
        return (*_layers(self.map), *(file for file in (self.boundaries, self.access, mask) if file))


@dataclass(frozen=True)
class CropsTask:
    """The crops that are known, with their tolerance."""


def _layers(path):
    """Files of a map and its siblings."""
    from soilcore.mapping.layers import layers_of

    return tuple(str(layer.path) for layer in layers_of(path))


ACT_TASKS = {"fields": FieldsTask, "advise": AdviseTask, "crops": CropsTask}
