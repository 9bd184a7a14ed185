"""The way the data goes, once: inputs are opened, checked, and turned into a feature table; every task starts here."""

from contextlib import suppress
from dataclasses import dataclass, replace

from soilcore.core.errors import SampleError, SceneError, SettingsError
from soilcore.core.progress import part, silent


@dataclass(frozen=True)
class Opened:
    """Inputs that were read.

    Parameters
    ----------
    samples : SampleSet or None
    scene : Scene, SceneSeries or None
    covariates : CovariateStack or None
    climate : Climate or None
    assumed : tuple of str
        What was inferred on the way.
    """

    samples: object = None
    scene: object = None
    covariates: object = None
    climate: object = None
    assumed: tuple[str, ...] = ()


def open_inputs(inputs, report=silent):
    """Open whatever the settings name.

    Parameters
    ----------
    inputs : InputSettings
    report : Report

    Returns
    -------
    Opened
    """
    samples = scene = None
    assumed = []
    if inputs.scene is not None:
        scene = _scene(inputs, part(report, 0, 0.1))
        assumed += [*scene.assumed, *(f"{finding.message} {finding.fix}" for finding in scene.findings)]
    covariates, said = _covariates(inputs, scene, part(report, 0.1, 0.7))
    climate = _climate(inputs.features, part(report, 0.8, 0.1))
    assumed += [*said, *(climate.assumed if climate is not None else ())]
    if inputs.samples is not None:
        from soilcore.data.samples import read_samples

        report(0.9, 1, "reading the samples")
        samples = read_samples(inputs.samples, inputs.table)
        assumed += samples.assumed
    return Opened(samples, scene, covariates, climate, tuple(assumed))


def _scene(inputs, report):
    """One scene, or scenes of several dates."""
    from soilcore.data.scene_series import open_scenes

    report(0, 1, "opening the scene")
    return open_scenes(inputs.scene, report, inputs.features.max_days)


def _covariates(inputs, scene, report):
    """Rasters as given, and those derived from them; a stack, or None, and what was decided."""
    from soilcore.data.covariates import open_covariates
    from soilcore.features.derived import derive
    from soilcore.features.selection import parse_units

    specs = covariate_specs(inputs.features)
    grid = scene.grid if scene is not None else None
    if grid is None and specs:
        grid = open_covariates(specs).grid
    derived = derive(inputs.features, grid, part(report, 0, 0.9))
    if not (specs or derived.specs):
        return None, ()
    report(0.9, 1, "opening the covariates")
    features = inputs.features
    stack = open_covariates((*specs, *derived.specs), grid=grid, max_days=features.max_days, units=parse_units(features.units))
    return stack, (*derived.assumed, *stack.assumed)


def _climate(features, report):
    if features.climate is None:
        return None
    from soilcore.data.climate import open_climate

    return open_climate(features.climate, report)


def covariate_specs(features):
    """Covariates the settings name, the elevation model among them."""
    from soilcore.data.covariates import parse_covariate

    specs = [parse_covariate(text) for text in features.covariates]
    if features.dem:
        specs.append(replace(parse_covariate(features.dem), name="elevation"))
    return tuple(specs)


def check_offset(asked, scene, harm="A model would learn it."):
    """Refuse imagery whose offset seems to be left in although its metadata say otherwise, until somebody decides.

    Parameters
    ----------
    asked : SceneSettings
    scene : Scene, SceneSeries or None
    harm : str
        What would come of it, as a sentence.

    Raises
    ------
    SceneError
        With the evidence and the option that decides.
    """
    if scene is None or asked.offset is not None:
        return
    found = next((finding for finding in scene.findings if finding.code == "offset-left-in"), None)
    if found is not None:
        raise SceneError(f"{found.message} {harm} {found.fix}", (found,))


def check_usable(opened):
    """Refuse samples that hold an error.

    Raises
    ------
    SampleError
        With every finding attached; the message is the first error's.
    """
    from soilcore.data.checks import check_samples

    findings = check_samples(opened.samples, opened.scene)
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f" (and {len(errors) - 1} more; run `check` for the list)" if len(errors) > 1 else ""
        raise SampleError(f"{errors[0].message} {errors[0].fix}{more}", findings)
    return findings


def feature_table(inputs, report=silent, models=()):
    """Samples with predictors and target, ready for a learner.

    Parameters
    ----------
    inputs : InputSettings
    report : Report
    models : tuple of str
        Learners that will be fitted: what networks among them read is added to the predictors.

    Returns
    -------
    table : FeatureTable
    opened : Opened
    assumed : tuple of str

    Raises
    ------
    SoilcoreError
        If any input cannot be used; the message says which and why.
    """
    from soilcore.features.selection import choose_features
    from soilcore.features.table import make_table
    from soilcore.models.network_needs import features_of_networks, terrain_of_networks

    inputs = replace(inputs, features=terrain_of_networks(models, inputs.features))
    opened = open_inputs(inputs, report)
    if opened.samples is None:
        raise SettingsError("No sample table was given.")
    if opened.samples.target is None:
        raise SettingsError("No target was given. Name the column to predict with --target.")
    check_usable(opened)
    check_offset(inputs.scene, opened.scene)
    features, added = features_of_networks(models, inputs.features, () if opened.scene is None else opened.scene.roles)
    recipe, chosen = choose_features(features, opened.samples, opened.scene, opened.covariates, opened.climate)
    report(3, 3, "making the predictors")
    table = make_table(recipe, opened.samples, opened.scene, opened.covariates, climate=opened.climate)
    return table, opened, (*opened.assumed, *added, *chosen, *left_out(table, opened.samples))


def left_out(table, samples):
    """How many samples could not be used, in words; empty when all could."""
    without_date = [finding for finding in table.dropped if finding.code == "sample-without-its-date"]
    said = ()
    if without_date:
        said = (f"{len(without_date)} of {len(samples)} samples left out: nothing near their date, as in: {without_date[0].message}",)
    if others := len(table.dropped) - len(without_date):
        said += (f"{others} of {len(samples)} samples left out: the target or a predictor is missing",)
    return said


def projected_places(table):
    """Places of the samples in metres, shape (n, 2), or None for a table without places."""
    from soilcore.core.projection import projected_metres

    if table.places is None:
        return None
    return projected_metres(table.places[:, 0], table.places[:, 1], table.crs)


def places_in_plane(model, table):
    """Where samples lie, in metres on a model's plane; None where either knows no place."""
    from soilcore.core.projection import in_plane

    if model.plane is None or table.places is None:
        return None
    return in_plane(table.places[:, 0], table.places[:, 1], table.crs, model.plane)


def places_to_map(inputs, table, opened, report=silent):
    """Pixels a map of this model would have, as far as imagery and covariates are at hand; of the samples' latest day where these change with time.

    Returns
    -------
    points : MapPoints or None
    places : ndarray of float, shape (n_points, 2), or None
        Their centres in metres, in the plane of the samples; None where the samples have no places.
    """
    from soilcore.features.map_points import map_points
    from soilcore.features.source import FeatureSource

    recipe = table.recipe
    have = opened.covariates.names if opened.covariates is not None else ()
    lacks_scene = recipe.needs_scene and (opened.scene is None or recipe.table_roles)
    if lacks_scene or (opened.scene is None and not have) or any(name not in have for name in recipe.columns):
        return None, None
    report(0, 1, "looking at the places to map")
    source = FeatureSource(recipe, opened.scene, opened.covariates, opened.climate, table.latest_day)
    inputs, _ = without_water(inputs, source.scene)
    points = map_points(source, region_of(inputs, source.grid, source.scene))
    if points is None or table.places is None:
        return points, None
    from soilcore.core.projection import in_plane, metric_plane

    return points, in_plane(points.x, points.y, points.crs, metric_plane(table.places[:, 0], table.places[:, 1], table.crs))


def scene_of(scene, date=None):
    """The scene of a date, where there are several.

    Raises
    ------
    SettingsError
        If there are several and no date is stated.
    """
    from soilcore.data.scene_series import SceneSeries

    if not isinstance(scene, SceneSeries):
        return scene
    if date is None:
        raise SettingsError(f"There are {len(scene)} scenes of different dates. State which with --date, or combine them with `composite`.")
    return scene.at(date)


def without_water(inputs, scene):
    """Water is left out of a map unless somebody says otherwise, where the scene has the bands that tell it.

    Returns
    -------
    inputs : InputSettings
    said : tuple of str
    """
    from soilcore.data.regions import can_tell_water

    if inputs.mask is not None or scene is None or not can_tell_water(scene.roles):
        return inputs, ()
    return replace(inputs, mask="water"), ("water is left out of the map (--mask none maps it as well)",)


def region_of(inputs, grid, scene):
    """Area of interest and mask on a grid, or None when neither was given."""
    mask = None if inputs.mask == "none" else inputs.mask
    if inputs.aoi is None and mask is None:
        return None
    from soilcore.data.regions import Region

    return Region.open(grid, aoi=inputs.aoi, mask=mask, scene=scene)


def versions():
    """Versions of what a result depends on."""
    from importlib import metadata

    from soilcore import __version__

    found = {"soilcore": __version__}
    for name in ("numpy", "pandas", "scikit-learn", "xgboost", "xgboost-cpu", "rasterio", "optuna", "torch"):
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
