"""The recipe is the only maker of columns, for points and for pixels alike, so training and mapping cannot drift apart.

Bands become float32 reflectance before anything is computed from them, in a table as in a raster: a sample's row equals the
pixel under it to the last bit, and a tree sends both the same way.
"""

from dataclasses import asdict, dataclass, field, fields

import numpy as np
import pandas as pd

from soilcore.core import fingerprint
from soilcore.core.errors import ModelError
from soilcore.data.sensors import sensor_by_name, sensor_names
from soilcore.features.formula import parse_named_formula
from soilcore.features.indices import check_bands, compute_indices, index_by_id
from soilcore.features.joining import Joined, numbers_of

DEFAULT_INDEX_SETS = ("existing17_literature", "novel4_lan2025")


@dataclass(frozen=True)
class FeatureSettings:
    """Which predictors a user asked for.

    Parameters
    ----------
    bands : bool
        The bands themselves.
    indices, index_sets, formulas : tuple of str
        Registry ids, names of sets, and ``NAME=EXPRESSION``.
    covariates : tuple of str
        Rasters, ``FILE`` or ``FILE:categorical``.
    dem : str, optional
        Elevation raster, a covariate named ``elevation``.
    columns : tuple of str
        Predictors already in the table; ``("all",)`` means every suitable one.
    exclude : tuple of str
        Columns never taken.
    roles : tuple of str
        ``COLUMN=ROLE``: which table columns are bands.
    sensor : str, optional
        Scaling of those columns: a name of the sensor table, or "reflectance".
    scale, offset : float, optional
        Their scaling where the sensor's does not apply.
    terrain : tuple of str
        Attributes of the elevation model that are predictors, or ``("all",)``; see `soilcore.features.terrain.ATTRIBUTES`.
    terrain_slope, terrain_convention, terrain_smooth
        How they are computed; see `soilcore.features.terrain.TerrainSettings`.
    distances : tuple of str
        Vector files: the distance to what they hold, in metres, each a predictor ``distance_FILE``.
    climate : str, optional
        Monthly climate: a folder, table or NetCDF file.
    climate_months : int
        Months before the date that are summarised.
    series : str, optional
        Vegetation series: start of season, start of peak and green-up speed become predictors.
    series_index : str
        Index computed where the series holds scenes.
    series_crs : str, optional
        Reference system of a series that names none.
    series_scale : float, optional
        Index = stored value * scale, where it is not inferred.
    season_start : int or "auto", optional
        Day of the year a season may start; see `soilcore.features.phenology.PhenologySettings`.
    max_days : int
        How far in time imagery or a covariate may lie from a sample's date.
    units : tuple of str
        ``COVARIATE=UNIT``.
    """

    bands: bool = False
    indices: tuple[str, ...] = ()
    index_sets: tuple[str, ...] = ()
    formulas: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    dem: str | None = None
    columns: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    sensor: str | None = None
    scale: float | None = None
    offset: float | None = None
    terrain: tuple[str, ...] = ()
    terrain_slope: str = "horn"
    terrain_convention: str = "zt"
    terrain_smooth: float = 0.0
    distances: tuple[str, ...] = ()
    climate: str | None = None
    climate_months: int = 12
    series: str | None = None
    series_index: str = "NDVI"
    series_crs: str | None = None
    series_scale: float | None = None
    season_start: int | str | None = None
    max_days: int = 30
    units: tuple[str, ...] = ()

    @property
    def names_nothing(self):
        """Whether no predictor was asked for, so that the defaults apply."""
        return not (self.bands or self.indices or self.index_sets or self.formulas or self.columns)


@dataclass(frozen=True)
class CovariateUse:
    """One covariate as a predictor.

    Parameters
    ----------
    name : str
        Name of the covariate.
    categories : tuple of int
        Codes met in training, one 0/1 column each; empty for a continuous covariate.
    when : {"static", "date", "year"}
        Whether it changed with time in training.
    made : dict, optional
        How its raster was computed, where it was: the quantity and its settings.
    unit : str, optional
        Of its values.
    """

    name: str
    categories: tuple[int, ...] = ()
    when: str = "static"
    made: dict | None = field(default=None, hash=False)
    unit: str | None = None

    @property
    def columns(self):
        """Names of the columns it becomes."""
        return tuple(f"{self.name}={code}" for code in self.categories) or (self.name,)


@dataclass(frozen=True)
class FeatureRecipe:
    """How every predictor is made.

    Parameters
    ----------
    bands : tuple of str
        Roles used as predictors.
    indices : tuple of str
        Registry ids.
    formulas : tuple of (str, str)
        Name and expression.
    covariates : tuple of CovariateUse
    columns : tuple of str
        Table columns taken as they stand.
    table_roles : tuple of (str, str)
        Column and role, when bands came from the table; empty when they came from a scene.
    sensor : str or None
    scale, offset : float
        Reflectance = stored value * scale + offset.
    scene_when : {"static", "date", "year"}
        Whether every sample had the scene of its own date or year.
    climate : tuple of str
        Summaries of monthly climate.
    climate_when : {"static", "date"}
        Whether they are of the months before a date, or of all months there are.
    climate_months : int
        How many months before the date.
    max_days : int
        How far in time imagery or a covariate could lie from a sample's date.
    scaling_by : str
        What decided scale and offset, see `soilcore.data.scaling_checks.Scaling`; empty for table columns and in older models.
    """

    bands: tuple[str, ...] = ()
    indices: tuple[str, ...] = ()
    formulas: tuple[tuple[str, str], ...] = ()
    covariates: tuple[CovariateUse, ...] = ()
    columns: tuple[str, ...] = ()
    table_roles: tuple[tuple[str, str], ...] = ()
    sensor: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    scene_when: str = "static"
    climate: tuple[str, ...] = ()
    climate_when: str = "static"
    climate_months: int = 12
    max_days: int = 30
    scaling_by: str = ""

    @property
    def names(self):
        """Names of the predictors, in order."""
        spectral = (*self.bands, *self.indices, *(name for name, _ in self.formulas))
        return (*spectral, *(column for use in self.covariates for column in use.columns), *self.climate, *self.columns)

    @property
    def index_columns(self):
        """Predictors computed from bands."""
        return (*self.indices, *(name for name, _ in self.formulas))

    @property
    def roles_needed(self):
        """Roles that must be present to make the spectral predictors."""
        needed = set(self.bands)
        for identifier in self.indices:
            needed.update(index_by_id(identifier).bands)
        for name, text in self.formulas:
            needed.update(parse_named_formula(f"{name}={text}").names)
        return tuple(sorted(needed))

    @property
    def needs_scene(self):
        """Whether any predictor is made from bands."""
        return bool(self.bands or self.indices or self.formulas)

    @property
    def fingerprint(self):
        """sha256 of the recipe."""
        return fingerprint.of_settings(asdict(self))

    def to_dict(self):
        """The recipe as JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values):
        """The recipe that `to_dict` gave, of this version or an older one that recorded less.

        Raises
        ------
        ModelError
            If it is that of a model of spectra, which has no columns of imagery or tables.
        """
        if values.get("kind") == "spectra":
            raise ModelError(
                "This is a model of spectra: it predicts samples from their spectra, not from a map or a table. Use `spectra predict` with it."
            )
        known = {each.name for each in fields(cls)}
        values = {name: value for name, value in values.items() if name in known}
        values["covariates"] = tuple(_use_of(use) for use in values.get("covariates", ()))
        values["formulas"] = tuple(tuple(pair) for pair in values.get("formulas", ()))
        values["table_roles"] = tuple(tuple(pair) for pair in values.get("table_roles", ()))
        for name in ("bands", "indices", "columns", "climate"):
            values[name] = tuple(values.get(name, ()))
        return cls(**values)

    def spectral(self, reflectance):
        """Predictors made from bands.

        Parameters
        ----------
        reflectance : dict of str to ndarray of float32
            Surface reflectance by role, 0-1, all of one shape; NaN where missing.

        Returns
        -------
        list of ndarray of float32
            In the order of `names`.
        """
        values = [reflectance[role] for role in self.bands]
        if self.indices:
            made = compute_indices(reflectance, self.indices)
            values += [made[identifier] for identifier in self.indices]
        if self.formulas:
            valid = check_bands(reflectance)
            values += [parse_named_formula(f"{name}={text}").evaluate(valid) for name, text in self.formulas]
        return values

    def spatial(self, covariates):
        """Predictors made from covariates, one-hot where categorical.

        Parameters
        ----------
        covariates : dict of str to ndarray of float32
            Values by name; NaN where missing.

        Returns
        -------
        list of ndarray of float32
            NaN where a covariate is missing, or holds a category that training never met.
        """
        values = []
        for use in self.covariates:
            layer = covariates[use.name]
            if not use.categories:
                values.append(layer)
                continue
            unknown = ~np.isin(layer, use.categories)
            values += [np.where(unknown, np.float32(np.nan), (layer == code).astype(np.float32)) for code in use.categories]
        return values

    def at_samples(self, samples, scene=None, covariates=None, climate=None):
        """Predictors at the samples, of imagery, covariates and climate of each sample's own date where these change with time.

        Parameters
        ----------
        samples : SampleSet of n_samples
        scene : Scene or SceneSeries, optional
            Needed when bands come from imagery.
        covariates : CovariateStack, optional
        climate : Climate, optional

        Returns
        -------
        pandas.DataFrame of float64, shape (n_samples, n_features)
            NaN where a predictor cannot be made; indexed like `samples.table`.

        Raises
        ------
        FeatureError
            If samples have no places, or no dates where something changes with time, or none of them has imagery or a raster
            near enough in time.
        """
        joined = Joined(self, samples, scene, covariates, climate)
        columns = []
        if self.needs_scene:
            columns += self.spectral(joined.reflectance())
        if self.covariates:
            columns += self.spatial(joined.layers())
        if self.climate:
            columns += joined.climate_columns()
        columns += [numbers_of(samples, column) for column in self.columns]
        values = np.column_stack([np.asarray(column, float) for column in columns])
        return pd.DataFrame(values, index=samples.table.index, columns=list(self.names))


def _use_of(values):
    known = {each.name for each in fields(CovariateUse)}
    values = {name: value for name, value in values.items() if name in known}
    return CovariateUse(**values | {"categories": tuple(values.get("categories", ()))})


def check_same_scaling(recipe, scene):
    """Refuse imagery that does not match what the model was trained on.

    Another scale or offset is accepted where metadata decided both, those of the training and those of this scene: the two then store the
    same reflectance in different numbers, as Sentinel-2 does before and since processing baseline 04.00.

    Raises
    ------
    ModelError
        If a band is missing, the sensor differs, or scale or offset differ and nothing but the user or the pixels vouches for them.
    """
    missing = [role for role in recipe.roles_needed if role not in scene.roles]
    if missing:
        raise ModelError(
            f"The model needs the bands {', '.join(recipe.roles_needed)}; the scene has {', '.join(scene.roles)}. "
            f"Missing: {', '.join(missing)}. Give a scene with these bands, or name them with --roles."
        )
    if recipe.sensor and scene.sensor and _instrument(recipe.sensor) != _instrument(scene.sensor):
        raise ModelError(
            f"The model was trained on {recipe.sensor}, the scene is {scene.sensor}. Band widths differ between sensors, so the map would be biased: "
            "use a scene of the same sensor, or train on this one."
        )
    if np.allclose([recipe.scale, recipe.offset], [scene.scaling.scale, scene.scaling.offset], rtol=1e-6, atol=1e-9):
        return
    vouched = recipe.scaling_by == scene.scaling.decided == "metadata"
    if not (vouched and recipe.sensor and scene.sensor):
        raise ModelError(
            f"The model was trained on stored values x {recipe.scale:g} + {recipe.offset:g}, this scene is read as x {scene.scaling.scale:g} + {scene.scaling.offset:g}, "
            "and not both are told by metadata, so they may not be the same reflectance. "
            "Give the scene's true scaling with --scale and --offset, or the product with its metadata, or train on it."
        )


def _instrument(sensor):
    """The family of a sensor: copies with and without the offset come from one instrument."""
    return sensor_by_name(sensor)["family"] if sensor in sensor_names() else sensor
