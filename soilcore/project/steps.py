"""What each task does: settings in, facts out. `soilcore.project.tasks` runs them by name."""

from dataclasses import replace
from pathlib import Path

from soilcore.core import fingerprint
from soilcore.core.errors import NotAvailableError, SettingsError
from soilcore.core.files import check_output, write_json
from soilcore.core.progress import part, silent
from soilcore.core.settings import to_plain
from soilcore.project.chain import (
    check_offset,
    check_usable,
    covariate_specs,
    feature_table,
    left_out,
    open_inputs,
    places_in_plane,
    projected_places,
    region_of,
    scene_of,
    versions,
    without_water,
)
from soilcore.project.network_inputs import surroundings_for_model

RUN_SCHEMA = "soilcore-run/1"


def demo(task, report=silent):
    """Make a synthetic landscape, table or spectral library."""
    from soilcore.data import landscape_files

    common = {"seed": task.seed, "overwrite": task.overwrite, "report": report}
    if task.kind == "coast":
        return landscape_files.make_coast(task.out, size=task.size, cell=task.cell, samples=task.samples or 95, dates=task.dates, **common)
    if task.kind == "continental":
        return landscape_files.make_continental(task.out, samples=task.samples or 3000, **common)
    if task.kind == "spectra":
        return landscape_files.make_spectra(task.out, samples=task.samples or 1500, **common)
    raise SettingsError(f"There is no demo of kind {task.kind!r}. Kinds: coast, continental, spectra.")


def check(task, report=silent):
    """Check a table, alone or against a scene."""
    from soilcore.core.findings import worst
    from soilcore.data.checks import check_samples
    from soilcore.evaluation.repeated_groups import check_repeated_units

    opened = open_inputs(task.inputs, report)
    samples = opened.samples
    findings = (*check_samples(samples, opened.scene), *check_repeated_units(samples))
    target = samples.target
    return {
        "ok": worst(findings) != "error",
        "n": len(samples),
        "crs": _crs_name(samples.crs),
        "target": target.column if target else None,
        "unit": target.unit if target else None,
        "extract": target.extract if target else None,
        "findings": [vars(finding) for finding in findings],
        "assumed": opened.assumed,
        "columns": samples.columns,
    }


def indices(task, report=silent):
    """Write index rasters of a scene."""
    from soilcore.features.index_rasters import write_indices
    from soilcore.features.selection import choose_features

    out = check_output(task.out, task.overwrite)
    opened = open_inputs(replace(task.inputs, samples=None), report)
    if opened.scene is None:
        raise SettingsError("No scene was given. Name the image with --scene.")
    scene = scene_of(opened.scene, task.date)
    features = task.inputs.features
    if features.names_nothing:
        features = replace(features, index_sets=("existing17_literature", "novel4_lan2025"))
    recipe, chosen = choose_features(replace(features, bands=False), scene=scene)
    region = region_of(task.inputs, scene.grid, scene)
    facts = write_indices(scene, recipe.indices, recipe.formulas, out, window=task.window, region=region, report=report)
    return {**facts, "assumed": (*opened.assumed, *chosen)}


def correlate(task, report=silent):
    """Correlate bands and indices with the target."""
    from soilcore.evaluation.correlation import correlate as correlate_columns

    table, opened, assumed = spectral_table(task.inputs, report)
    kinds = _kinds(table)
    rows = correlate_columns(table.X, table.y, kinds=kinds, log_target=task.log_target)
    return {
        "n": len(table),
        "target": opened.samples.target.column,
        "unit": opened.samples.target.unit,
        "log_target": task.log_target,
        "rows": rows.to_dict("records"),
        "assumed": assumed,
    }


def search(task, report=silent):
    """Search index formulas, guarded against chance."""
    from soilcore.models.index_search import search_indices

    inputs = replace(
        task.inputs, features=replace(task.inputs.features, bands=True, indices=(), index_sets=(), formulas=(), columns=(), covariates=())
    )
    table, opened, assumed = feature_table(inputs, part(report, 0, 0.05))
    bands = table.X
    if task.roles:
        if unknown := [role for role in task.roles if role not in bands]:
            raise SettingsError(f"The band {unknown[0]!r} is not at hand. Bands: {', '.join(bands)}.")
        bands = bands[list(task.roles)]
    result = search_indices(
        bands,
        table.y,
        permutations=task.permutations,
        statistic=task.statistic,
        log_target=task.log_target,
        coordinates=projected_places(table),
        seed=task.seed,
        report=part(report, 0.05, 0.95),
    )
    facts = result.to_json(top=task.top)
    return {**facts, "target": opened.samples.target.column, "assumed": assumed}


def external(task, report=silent):
    """Score a saved model on another table."""
    from soilcore.evaluation.metrics import regression_scores
    from soilcore.features.derived import as_trained
    from soilcore.features.recipe import FeatureRecipe, check_same_scaling
    from soilcore.features.table import make_table
    from soilcore.models.archive import load_model
    from soilcore.trust.examine import examine

    model = load_model(task.model_dir)
    recipe = FeatureRecipe.from_dict(model.recipe)
    table_settings = task.inputs.table
    if table_settings.target is None:
        table_settings = replace(table_settings, target=model.target["column"])
    opened = open_inputs(replace(task.inputs, table=table_settings, features=as_trained(task.inputs.features, recipe)), report)
    _check_same_target(model, opened.samples.target)
    check_usable(opened)
    if recipe.needs_scene and opened.scene is not None:
        check_offset(task.inputs.scene, opened.scene, "Predictions from it would be wrong.")
        check_same_scaling(recipe, opened.scene)
        recipe = replace(recipe, table_roles=())
    table = make_table(recipe, opened.samples, opened.scene, opened.covariates, climate=opened.climate)
    lost = left_out(table, opened.samples)
    table, surroundings, said = surroundings_for_model(model, recipe, table, opened, report)
    places = places_in_plane(model, table) if surroundings is None else surroundings
    examined = examine(model, table.X, table.y, places)
    scores = _score_keys(regression_scores(table.y, examined.predicted)) | examined.row
    return {
        "model": model.name,
        "target": model.target["column"],
        "unit": model.target["unit"],
        "n": len(table),
        "models": [{"name": model.name, **scores}],
        **scores,
        "trust": examined.facts,
        "predictions": _each_sample(table, examined),
        "warnings": (*examined.warnings, *_outside_envelope(model, table.X)),
        "assumed": (*opened.assumed, *lost, *said),
    }


def _each_sample(table, examined):
    """What was measured and predicted at each sample; None where the model knows neither intervals nor an area."""
    known = {name: examined.facts.get(name) for name in ("lower", "upper", "inside")}
    return {"row": table.X.index, "observed": table.y, "predicted": examined.predicted, **known}


def map_model(task, report=silent):
    """Map a saved model."""
    from soilcore.features.derived import as_trained
    from soilcore.features.recipe import FeatureRecipe, check_same_scaling
    from soilcore.features.source import FeatureSource
    from soilcore.mapping.predict import MapSettings, predict_map
    from soilcore.models.archive import load_model

    _refuse_unavailable(task)
    model = load_model(task.model_dir)
    recipe = FeatureRecipe.from_dict(model.recipe)
    opened = open_inputs(replace(task.inputs, samples=None, features=as_trained(task.inputs.features, recipe)), part(report, 0, 0.1))
    source = FeatureSource(recipe, opened.scene, opened.covariates, opened.climate, task.date)
    if recipe.needs_scene and source.scene is not None:
        check_offset(task.inputs.scene, source.scene, "A map of it would be wrong.")
        check_same_scaling(recipe, source.scene)
    inputs, said = without_water(task.inputs, source.scene)
    region = region_of(inputs, source.grid, source.scene)
    settings = MapSettings(
        out=task.out,
        window=task.window,
        classes=task.classes,
        overwrite=task.overwrite,
        interval=task.interval,
        thresholds=task.thresholds,
        aoa=task.aoa,
        stride=task.stride,
        device=task.device,
    )
    facts = predict_map(model, source, settings, region=region, report=part(report, 0.1, 0.9))
    date = source.date or getattr(source.scene, "date", None)
    facts = {**facts, "date": str(date) if date else None}
    write_json(Path(task.out).with_suffix(".run.json"), {**run_file("map", task), "result": facts})
    return {**facts, "assumed": (*opened.assumed, *source.assumed, *said, *_last_months(model, source))}


def _last_months(model, source):
    """Which months a network with a climate series was given where nobody stated a date."""
    sequence = getattr(getattr(model.learner, "needs_", None), "sequence", None)
    if sequence is None or source.date is not None or source.climate is None:
        return ()
    return (f"climate of the {sequence.months} months up to {source.climate.months[-1]}, its last one, because no --date was stated",)


def run_file(kind, task):
    """What re-creates a result: the task, its settings, the inputs' hashes, and the versions."""
    return {"schema": RUN_SCHEMA, "versions": versions(), "inputs": input_hashes(task), "steps": [{"task": kind, "settings": to_plain(task)}]}


def input_hashes(task):
    """sha256 of every file a task reads, by path."""
    return {path: fingerprint.of_file(path) for path in input_files(task)}


def input_files(task):
    """Every file a task reads; of a folder, the files in it."""
    from soilcore.data.regions import mask_parts

    inputs, named = getattr(task, "inputs", None), [getattr(task, name, None) for name in ("dem", "vector", "series", "samples", "like")]
    scene = getattr(task, "scene", None) if inputs is None else inputs.scene
    named += scene.paths if scene else ()
    if spectra := getattr(task, "spectra", None):
        named += [*spectra.paths, spectra.properties]
    if inputs is not None:
        features = inputs.features
        named += [inputs.samples, inputs.aoi, *features.distances, features.climate, features.series]
        named += [spec.path for spec in covariate_specs(features)]
        named += [mask_parts(inputs.mask)[0]] if inputs.mask not in (None, "water", "none") else []
    named += getattr(task, "read_files", tuple)()  # a task whose inputs have other names tells them itself
    if model_dir := getattr(task, "model_dir", None):
        named.append(str(Path(model_dir) / "model.json"))
    files = []
    for path in map(Path, filter(None, named)):
        files += sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path] if path.is_file() else []
    return list(dict.fromkeys(map(str, files)))


def spectral_table(inputs, report=silent):
    """Bands and every index at hand, unless some were named, at samples with a target.

    Returns
    -------
    table : FeatureTable
        Invalid values stay NaN in `X`.
    opened : Opened
    assumed : tuple of str
    """
    features = inputs.features
    if features.names_nothing:
        from soilcore.features.indices import index_sets

        features = replace(features, bands=True, index_sets=tuple(index_sets()))
    else:
        features = replace(features, bands=features.bands or not features.columns)
    return _table_with_gaps(replace(inputs, features=features), report)


def _table_with_gaps(inputs, report):
    """Like `feature_table`, but a sample stays when only some predictors are invalid: correlation counts them one by one."""
    from soilcore.features.selection import choose_features
    from soilcore.features.table import FeatureTable

    opened = open_inputs(inputs, report)
    if opened.samples is None or opened.samples.target is None:
        raise SettingsError("A sample table and its --target are needed.")
    check_usable(opened)
    recipe, chosen = choose_features(inputs.features, opened.samples, opened.scene, opened.covariates, opened.climate)
    X = recipe.at_samples(opened.samples, opened.scene, opened.covariates, opened.climate)
    y = opened.samples.target.values
    keep = (y == y) & X.notna().any(axis=1).to_numpy()
    table = FeatureTable(X[keep], y[keep], recipe, opened.samples.table[keep])
    return table, opened, (*opened.assumed, *chosen)


def _kinds(table):
    recipe = table.recipe
    kinds = dict.fromkeys(recipe.bands, "band") | dict.fromkeys(recipe.indices, "index")
    kinds |= {name: "formula" for name, _ in recipe.formulas}
    kinds |= {column: "covariate" for use in recipe.covariates for column in use.columns}
    return kinds | dict.fromkeys(recipe.columns, "column")


def _check_same_target(model, target):
    if target is None:
        raise SettingsError(f"No target was given. The model predicts {model.target['column']!r}; name that column with --target.")
    for part_name in ("unit", "extract", "form"):
        ours, theirs = getattr(target, part_name), model.target.get(part_name)
        if ours and theirs and ours != theirs:
            raise SettingsError(
                f"The model predicts {part_name} {theirs!r}, this table holds {ours!r}. Convert it (--convert) or state the right one."
            )


def _outside_envelope(model, X):
    envelope = model.envelope
    warnings = []
    for name in X.columns:
        low, high = envelope[name]["min"], envelope[name]["max"]
        outside = int(((X[name] < low) | (X[name] > high)).sum())
        if outside:
            warnings.append(f"{outside} of {len(X)} samples have {name} outside the training range {low:.4g} to {high:.4g}")
    return warnings


def _score_keys(scores):
    keys = ("n", "r2", "rmse", "mae", "me", "ccc", "rpd", "rpiq", "r2_log10")
    return {key: scores[key] for key in keys if key in scores}


def _refuse_unavailable(task):
    if task.cluster is not None:
        raise NotAvailableError("--cluster is not available yet. Leave it out: the map is computed on this machine.")


def _crs_name(crs):
    if crs is None:
        return None
    authority = crs.to_authority()
    return ":".join(authority) if authority else crs.name
