"""One model, many dates: a map of each, and what changed between them."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from soilcore.core.errors import FeatureError, SceneError, SettingsError
from soilcore.core.files import check_output, write_json, written_whole
from soilcore.core.memory import peak_memory_mb
from soilcore.core.progress import labelled, part, silent
from soilcore.core.settings import to_plain
from soilcore.project.chain import check_offset, open_inputs, region_of, without_water
from soilcore.project.change_settings import ChangeTask
from soilcore.project.settings import MapTask
from soilcore.project.steps import run_file

MAP = "map.tif"
MOST_DATES = 200
_OPENING, _MAPPING = 0.05, 0.75


@dataclass(frozen=True)
class Dated:
    """A date that there is something to map for.

    Parameters
    ----------
    label : str
        Its year where every year occurs once, else the day.
    date : str
        As a map is asked for it.
    """

    label: str
    date: str


def dates_to_map(recipe, scene=None, covariates=None, climate=None):
    """The dates for which a model can be mapped.

    Parameters
    ----------
    recipe : FeatureRecipe
    scene : Scene, SceneSeries or None
    covariates : CovariateStack or None
    climate : Climate or None
        Where nothing else changes with time, the years that its months reach.

    Returns
    -------
    tuple of Dated
        In the order of time; empty where nothing that the model reads changes with time.
    """
    from soilcore.features.joining import timelines

    found = timelines(recipe, scene, covariates, mapping=True)
    if not found:
        return _years_of(recipe, climate)
    timeline = found[0][1]
    years = [str(day.year) for day in timeline.days]
    dates = years if timeline.when == "year" else [str(day) for day in timeline.days]
    labels = years if len(set(years)) == len(years) else dates
    return tuple(Dated(label, date) for label, date in zip(labels, dates, strict=True))


def _years_of(recipe, climate):
    """Years of a climate, as far as the months before each 1 July are there."""
    from soilcore.data.timeline import day_of

    if climate is None or not recipe.climate or recipe.climate_when != "date":
        return ()
    years = range(int(str(climate.months[0])[:4]), int(str(climate.months[-1])[:4]) + 1)
    return tuple(Dated(str(year), str(year)) for year in years if climate.reaches(day_of(str(year)), recipe.climate_months))


def map_years(task, report=silent):
    """Map a saved model for every date, one after the other; a map that is finished stays when the next one is stopped.

    Parameters
    ----------
    task : MapYearsTask
    report : Report

    Returns
    -------
    dict
        ``maps``, one row per date with ``label``, ``date``, ``out``, ``pixels``, ``valid``, ``aoa_share``; ``left_out``, dates without a single
        pixel to map; ``change``, facts of the comparison or None, and ``not_compared``, why there is none.

    Raises
    ------
    SettingsError
        If nothing changes with time, a date is asked for that is not there, or a map of it exists.
    SceneError
        If no date has a pixel that can be mapped.
    """
    from soilcore.features.derived import as_trained
    from soilcore.features.recipe import FeatureRecipe
    from soilcore.models.archive import load_model

    started = time.perf_counter()
    model = load_model(task.model_dir)
    recipe = FeatureRecipe.from_dict(model.recipe)
    opened = open_inputs(replace(task.inputs, samples=None, features=as_trained(task.inputs.features, recipe)), part(report, 0, _OPENING))
    asked = _asked(task, recipe, opened)
    places = {one: Path(_place(task.out, one.label)) for one in asked}
    for place in places.values():
        check_output(place, task.overwrite)
    if task.compare is not None:
        check_output(task.compare, task.overwrite)
    mapped, left_out, said = _each(task, model, recipe, opened, places, part(report, _OPENING, _MAPPING))
    change, why = _compared(task, mapped, part(report, _OPENING + _MAPPING, 1 - _OPENING - _MAPPING))
    report(1, 1, "every date is mapped")
    return {
        "out": task.out,
        "maps": mapped,
        "left_out": left_out,
        "unit": model.target.get("unit"),
        "level": task.interval,
        "change": change,
        "not_compared": why,
        "seconds": round(time.perf_counter() - started, 3),
        "peak_rss_mb": peak_memory_mb(),
        "assumed": tuple(dict.fromkeys((*opened.assumed, *said, *(change or {}).get("assumed", ())))),
    }


def _asked(task, recipe, opened):
    """The dates to map, of those there are."""
    there = dates_to_map(recipe, opened.scene, opened.covariates, opened.climate)
    if not there:
        raise SettingsError(
            "Nothing that this model reads changes with time, so there are no dates to map. Give a folder of dated scenes with --scene, or dated covariates with --covariate."
        )
    if not task.dates:
        chosen = there
    else:
        known = {name: one for one in there for name in (one.label, one.date)}
        if missing := [date for date in task.dates if date not in known]:
            raise SettingsError(f"There is nothing of {missing[0]} to map. Dates: {', '.join(one.label for one in there)}.")
        chosen = tuple(dict.fromkeys(known[date] for date in task.dates))
    if len(chosen) > MOST_DATES:
        raise SettingsError(f"{len(chosen)} dates are more than can be mapped at once ({MOST_DATES}). Name some of them with --dates.")
    return chosen


def _place(out, label):
    return out.replace("{date}", label) if "{date}" in out else str(Path(out) / label)


def _each(task, model, recipe, opened, places, report):
    """Map date by date; rows of those mapped, those left out, and what was decided."""
    mapped, left_out, said, run = [], [], [], None
    for number, (one, place) in enumerate(places.items()):
        here = labelled(part(report, number / len(places), 1 / len(places)), one.label)
        asked = _map_task(task, one.date, str(place / MAP))
        run = run or run_file("map", asked)  # hashes of inputs that all dates share
        try:
            facts, more = _one(asked, model, recipe, opened, place, {**run, "steps": [{"task": "map", "settings": to_plain(asked)}]}, here)
        except (SceneError, FeatureError) as error:  # all cloud, or nothing near enough: the other dates go on
            left_out.append({"label": one.label, "date": one.date, "message": error.message})
            continue
        said += more
        row = {"label": one.label, "date": facts["date"], "out": facts["out"], "pixels": facts["pixels"], "valid": facts["valid"]}
        mapped.append(row | {"aoa_share": facts["aoa_share"], "seconds": facts["seconds"]})
    if not mapped:
        raise SceneError(f"Not one of the {len(places)} dates could be mapped. {left_out[0]['label']}: {left_out[0]['message']}")
    said += [f"{one['label']} left out: {one['message'].rstrip('.')}" for one in left_out]
    return mapped, left_out, said


def _map_task(task, date, out):
    """The task that makes one of the maps alone."""
    return MapTask(
        task.model_dir,
        out,
        task.inputs,
        date,
        task.window,
        task.classes,
        task.interval,
        task.thresholds,
        task.aoa,
        task.stride,
        overwrite=task.overwrite,
        device=task.device,
    )


def _one(asked, model, recipe, opened, place, run, report):
    """Map one date into a folder that appears whole."""
    from soilcore.features.recipe import check_same_scaling
    from soilcore.features.source import FeatureSource
    from soilcore.mapping.predict import MapSettings, predict_map

    source = FeatureSource(recipe, opened.scene, opened.covariates, opened.climate, asked.date)
    if recipe.needs_scene and source.scene is not None:
        check_offset(asked.inputs.scene, source.scene, "A map of it would be wrong.")
        check_same_scaling(recipe, source.scene)
    inputs, said = without_water(asked.inputs, source.scene)
    settings = MapSettings(
        "", asked.classes, asked.window, interval=asked.interval, thresholds=asked.thresholds, aoa=asked.aoa, stride=asked.stride, device=asked.device
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(place) as folder:
        folder.mkdir()
        region = region_of(inputs, source.grid, source.scene)
        facts = predict_map(model, source, replace(settings, out=str(folder / MAP)), region, report)
        layers = {key: str(place / Path(path).name) for key, path in facts["layers"].items()}
        facts = {**facts, "out": str(place / MAP), "layers": layers, "date": str(source.date) if source.date else None}
        facts["assumed"] = (*opened.assumed, *source.assumed, *said)
        write_json((folder / MAP).with_suffix(".run.json"), {**run, "result": facts})
    return facts, (*source.assumed, *said)


def _compared(task, mapped, report):
    """Facts of the comparison, or None and why there is none."""
    from soilcore.project.change import change

    if task.compare is None:
        return None, None
    maps = (*(row["out"] for row in mapped), *task.beside)
    if len(maps) < 2:
        return None, "A change is seen between two dates or more."
    asked = ChangeTask(
        maps,
        task.compare,
        scheme=task.classes,
        correlation=task.correlation,
        level=task.interval,
        overwrite=task.overwrite,
        false_changes=task.false_changes,
    )
    try:
        return change(asked, report), None
    except (SceneError, SettingsError) as error:
        return None, error.message  # the maps are there all the same
