"""From what a user asked for to a recipe: names are resolved, what cannot be made is refused or said."""

import numpy as np

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.data.columns import predictor_choice
from soilcore.data.dates import sample_dates
from soilcore.data.sensors import scaling_of_sensor
from soilcore.features.formula import parse_named_formula
from soilcore.features.indices import available_indices, index_by_id, index_set
from soilcore.features.joining import check_places, dates_for, is_series
from soilcore.features.recipe import DEFAULT_INDEX_SETS, CovariateUse, FeatureRecipe, FeatureSettings

MAXIMUM_CATEGORIES = 60


def parse_roles(pairs):
    """``("Blue=B", "Green=G")`` as ``(("Blue", "B"), ("Green", "G"))``.

    Raises
    ------
    SettingsError
        If an item is not ``NAME=ROLE`` or a role is given twice.
    """
    roles = []
    for pair in pairs:
        name, equals, role = pair.rpartition("=")
        if not (name.strip() and equals and role.strip()):
            raise SettingsError(f"{pair!r} does not say which column is which band. Write COLUMN=ROLE, for example Blue=B.")
        roles.append((name.strip(), role.strip()))
    given = [role for _, role in roles]
    if repeated := sorted({role for role in given if given.count(role) > 1}):
        raise SettingsError(f"The role {repeated[0]!r} is given to more than one column: {', '.join(n for n, r in roles if r == repeated[0])}.")
    return tuple(roles)


def choose_features(settings, samples=None, scene=None, covariates=None, climate=None):
    """Turn settings into a recipe.

    Parameters
    ----------
    settings : FeatureSettings
    samples : SampleSet, optional
        Needed for table columns, and for the categories of categorical covariates.
    scene : Scene or SceneSeries, optional
    covariates : CovariateStack, optional
    climate : Climate, optional

    Returns
    -------
    recipe : FeatureRecipe
    assumed : tuple of str
        What was taken because nobody said, and what was left out.

    Raises
    ------
    FeatureError, SettingsError
        If a name is unknown or a predictor cannot be made from these inputs.
    """
    roles, origin = _roles(settings, samples, scene)
    columns, not_taken = _columns(settings, samples, origin["table_roles"])
    settings, assumed = _defaults(settings, roles, covariates if covariates is not None else climate, columns)
    indices, left_out = _indices(settings, roles)
    formulas = tuple(_formula(text, roles) for text in settings.formulas)
    bands = tuple(roles) if settings.bands else ()
    uses = _covariates(covariates, samples, parse_units(settings.units))
    monthly, said = _climate(settings, climate, samples)
    recipe = FeatureRecipe(bands, indices, formulas, uses, columns, **origin, **monthly, max_days=settings.max_days)
    _check_names(recipe)
    return recipe, (*assumed, *not_taken, *left_out, *said)


def _roles(settings, samples, scene):
    """Roles at hand, and where they come from."""
    if scene is not None:
        scaling = scene.scaling
        when = scene.when if is_series(scene) else "static"
        told = {"sensor": scene.sensor, "scale": scaling.scale, "offset": scaling.offset, "scaling_by": scaling.decided}
        return scene.roles, {"table_roles": (), **told, "scene_when": when}
    table_roles = parse_roles(settings.roles)
    if not table_roles:
        return (), {"table_roles": ()}
    for column, _ in table_roles:
        if samples is not None and column not in samples.table.columns:
            raise FeatureError(
                f"--roles names the column {column!r}, which {samples.source} does not have. Its columns: {', '.join(map(str, samples.table.columns[:40]))}."
            )
    scale, offset = _table_scaling(settings)
    return tuple(role for _, role in table_roles), {"table_roles": table_roles, "sensor": settings.sensor, "scale": scale, "offset": offset}


def _table_scaling(settings):
    """Scale and offset of band columns: as said, else the sensor's."""
    if settings.sensor is None and settings.scale is None:
        raise SettingsError(
            "Table columns are used as bands, but their scaling is not said. Add --sensor sentinel-2-l2a, landsat-c2-l2 or reflectance (values already 0-1), "
            "or --scale and --offset."
        )
    scale, offset = scaling_of_sensor(settings.sensor) if settings.sensor else (1.0, 0.0)
    return scale if settings.scale is None else settings.scale, offset if settings.offset is None else settings.offset


def _columns(settings, samples, table_roles):
    """Table columns that are predictors, and sentences on those that were left out."""
    if not settings.columns:
        return (), ()
    if samples is None:
        raise FeatureError("Table columns were asked for as predictors, but there is no table.")
    as_bands = [column for column, _ in table_roles]
    wanted = "all" if settings.columns == ("all",) else list(settings.columns)
    columns, reasons = predictor_choice(samples, wanted, exclude=settings.exclude)
    telling = [f"{column} ({reason})" for column, reason in reasons.items() if not reason.startswith("its part is")]
    not_taken = (f"not taken as predictors: {', '.join(telling[:12])}{' and more' if len(telling) > 12 else ''}",) if telling else ()
    return tuple(column for column in columns if column not in as_bands), not_taken


def _defaults(settings, roles, covariates, columns):
    """Bands and two index sets, where a scene or roles are given and nothing else is named."""
    if roles and settings.names_nothing:
        chosen = FeatureSettings(**{**settings.__dict__, "bands": True, "index_sets": DEFAULT_INDEX_SETS})
        return chosen, (f"predictors: the bands and the index sets {' and '.join(DEFAULT_INDEX_SETS)}, because none were named",)
    if not (roles or columns or covariates is not None):
        raise FeatureError(
            "There is nothing to predict from: give a scene (--scene), covariates (--covariate), or table columns (--columns, --predictors all)."
        )
    if not roles and (settings.bands or settings.indices or settings.index_sets or settings.formulas):
        raise FeatureError(
            "Bands or indices were asked for, but there is no scene. Give one with --scene, or say which table columns are bands with --roles and --sensor."
        )
    return settings, ()


def _indices(settings, roles):
    """Ids in the order asked; a missing band is an error for a single index, a note for a set."""
    wanted = {identifier: None for identifier in settings.indices}
    for identifier in wanted:
        missing = [role for role in index_by_id(identifier).bands if role not in roles]
        if missing:
            raise FeatureError(f"The index {identifier} needs the band {missing[0]}, which is not there. Bands at hand: {', '.join(roles)}.")
    left_out = []
    possible = set(available_indices(roles))
    for name in settings.index_sets:
        for identifier in index_set(name):
            if identifier in possible:
                wanted.setdefault(identifier)
            else:
                left_out.append(f"{identifier} of {name} left out: the scene lacks a band it needs")
    return tuple(wanted), tuple(left_out)


def _formula(text, roles):
    formula = parse_named_formula(text)
    if missing := [name for name in formula.names if name not in roles]:
        raise FeatureError(f"The formula {text!r} uses {missing[0]!r}, which is not a band at hand. Bands: {', '.join(roles)}.")
    return formula.name, formula.text


def parse_units(pairs):
    """``("elevation=m",)`` as ``{"elevation": "m"}``.

    Raises
    ------
    SettingsError
        If an item is not ``COVARIATE=UNIT``.
    """
    units = {}
    for pair in pairs:
        name, equals, unit = (part.strip() for part in pair.partition("="))
        if not (name and equals and unit):
            raise SettingsError(f"{pair!r} does not state the unit of a covariate. Write COVARIATE=UNIT, for example elevation=m.")
        units[name] = unit
    return units


def _covariates(covariates, samples, units):
    names = covariates.names if covariates is not None else ()
    if unknown := [name for name in units if name not in names]:
        raise SettingsError(f"A unit is stated for {unknown[0]!r}, but no covariate has that name. Covariates: {', '.join(names) or 'none'}.")
    uses = []
    for spec in covariates.specs if covariates is not None else ():
        categories = _categories(covariates, spec.name, samples) if spec.categorical else ()
        uses.append(CovariateUse(spec.name, categories, spec.when, spec.made, units.get(spec.name, spec.unit)))
    return tuple(uses)


def _climate(settings, climate, samples):
    """What the recipe records of the climate, and sentences on it."""
    if climate is None:
        return {}, ()
    days = sample_dates(samples) if samples is not None else None
    dated = days is not None and not np.isnat(days).all() and settings.climate_months > 0
    monthly = {"climate": tuple(climate.names), "climate_when": "date" if dated else "static", "climate_months": settings.climate_months}
    period = f"the {settings.climate_months} months before each sample's date" if dated else "all its months, because the samples have no dates"
    return monthly, (f"climate: mean and standard deviation over {period}",)


def _categories(covariates, name, samples):
    """Codes of a categorical covariate at the samples: only these can be learnt from."""
    check_places(samples)
    days = dates_for(samples, [each.what for each in covariates.dynamic])
    values = covariates.sample(samples.x, samples.y, samples.crs, days)[:, covariates.names.index(name)]
    codes = np.unique(values[np.isfinite(values)])
    if codes.size > MAXIMUM_CATEGORIES or not np.array_equal(codes, np.round(codes)):
        raise FeatureError(
            f"The covariate {name!r} is called categorical, but holds {codes.size} different values at the samples. Use it without ':categorical'."
        )
    return tuple(int(code) for code in codes)


def _check_names(recipe):
    names = list(recipe.names)
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise FeatureError(
            f"Two predictors are called {repeated[0]!r}. A formula, a covariate and a column need names of their own: rename one, or leave it out with --exclude."
        )
