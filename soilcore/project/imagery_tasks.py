"""Tasks that bring imagery and covariates into shape: settings in, facts out, as in `soilcore.project.steps`."""

from dataclasses import fields
from pathlib import Path

from soilcore.core.errors import SettingsError
from soilcore.core.files import write_json
from soilcore.core.progress import part, silent
from soilcore.project.steps import run_file


def terrain(task, report=silent):
    """Derive slope, aspect, curvatures, wetness and position from an elevation model."""
    from soilcore.features.terrain import ATTRIBUTES, TerrainSettings, write_terrain

    settings = _settings(TerrainSettings, task, attributes=task.attributes or ATTRIBUTES)
    grid = None if task.like is None else grid_like(task.like, task.trusted)
    return _recorded("terrain", task, write_terrain(task.dem, task.out, settings, grid=grid, trusted=task.trusted, report=report))


def distance(task, report=silent):
    """Measure how far pixels are from the features of a vector file."""
    from soilcore.features.distance import write_distance

    grid = grid_like(task.like, task.trusted)
    return _recorded("distance", task, write_distance(task.vector, grid, task.out, overwrite=task.overwrite, report=report))


def phenology(task, report=silent):
    """Find seasons in a vegetation series."""
    from soilcore.data.index_series import open_index_series
    from soilcore.features.phenology import PhenologySettings, write_phenology

    settings = _settings(PhenologySettings, task)
    series = open_index_series(task.series, index=task.index, crs=task.crs, scale=task.scale, trusted=task.trusted, report=part(report, 0, 0.1))
    return _recorded("phenology", task, write_phenology(series, task.out, settings, report=part(report, 0.1, 0.9)))


def composite(task, report=silent):
    """Make one image of many dates, or one for each sampling campaign."""
    from soilcore.data.scene_series import SceneSeries, open_scenes
    from soilcore.features.composites import CompositeSettings, campaign_composites, make_composite
    from soilcore.project.chain import check_offset

    series = open_scenes(task.scene, part(report, 0, 0.1))
    if not isinstance(series, SceneSeries):
        raise SettingsError("Only one date was given, so there is nothing to combine. Name a folder of dated scenes with --scene, or several files.")
    check_offset(task.scene, series, "The composite would hide it from the next who looks.")
    settings = _settings(CompositeSettings, task)
    rest = part(report, 0.1, 0.9)
    if task.samples is None:
        facts = make_composite(series, task.out, settings, rest)
    else:
        facts = campaign_composites(series, _days(task), task.out, settings, task.max_days, rest)
    return _recorded("composite", task, {**facts, "assumed": (*series.assumed, *facts.get("assumed", ()))})


def _days(task):
    from soilcore.data.dates import sample_dates
    from soilcore.data.samples import read_samples

    samples = read_samples(task.samples, task.table)
    days = sample_dates(samples)
    if days is None:
        raise SettingsError(f"{task.samples!r} has no column of dates that is known, so there are no campaigns. Name it with --date.")
    return days


def fetch(task, report=silent):
    """Search a STAC catalogue and fetch what it has."""
    from soilcore.data.fetch import FetchSettings, fetch_scenes
    from soilcore.data.stac import StacSettings, search_scenes

    bbox, assumed = task.bbox, ()
    if bbox is None:
        bbox, assumed = _bbox_of_samples(task)
    found = search_scenes(_settings(StacSettings, task, bbox=bbox), part(report, 0, 0.05))
    if task.days:
        found = found.choose(task.days)
    told = found.to_dict() | {"bbox": bbox}
    if task.only_list:
        return {**told, "dir": None, "files": [], "failed": [], "assumed": (*assumed, *told["assumed"])}
    facts = fetch_scenes(found, _settings(FetchSettings, task, bands=task.bands or None), part(report, 0.05, 0.95))
    return {**told, **facts, "assumed": (*assumed, *facts["assumed"])}


def keep_scene(task, report=silent):
    """Write an image as one cloud-optimised GeoTIFF."""
    from soilcore.core.files import check_output
    from soilcore.data.scene_cog import to_cog
    from soilcore.data.scene_series import SceneSeries, open_scenes

    check_output(task.out, task.overwrite)
    scene = open_scenes(task.scene, part(report, 0, 0.1))
    if isinstance(scene, SceneSeries):
        if task.date is None:
            raise SettingsError(f"There are {len(scene.dates)} dates, from {scene.dates[0]} to {scene.dates[-1]}. Say which one to keep.")
        scene = scene.at(task.date)
    to_cog(scene, task.out, part(report, 0.1, 0.9))
    facts = {
        "out": task.out,
        "bands": list(scene.roles),
        "date": str(scene.date) if scene.date else None,
        "bytes": Path(task.out).stat().st_size,
        "assumed": scene.assumed,
    }
    return _recorded("keep-scene", task, facts)


def _bbox_of_samples(task):
    from soilcore.data.samples import read_samples
    from soilcore.data.stac import samples_bbox

    if task.samples is None:
        raise SettingsError("It is not said where. Give --bbox west,south,east,north in degrees, or a table with --samples.")
    bbox = samples_bbox(read_samples(task.samples, task.table), task.margin_m)
    sides = ", ".join(f"{side:.4f}" for side in bbox)
    return bbox, (f"area: the samples and {task.margin_m:g} m round them ({sides})",)


def grid_like(path, trusted=False):
    """Grid of a raster or product."""
    from soilcore.data.imagery import SceneSettings
    from soilcore.data.rasters import grid_of, opened_raster

    if Path(path).is_dir():
        from soilcore.data.scene_series import open_scenes

        return open_scenes(SceneSettings((path,), trusted=trusted)).grid
    with opened_raster(path, trusted) as dataset:
        return grid_of(dataset, path)


def _settings(cls, task, **others):
    """Settings of one step: what the task says under the same names, and `others`."""
    said = {each.name: getattr(task, each.name) for each in fields(cls) if hasattr(task, each.name)}
    return cls(**said | others)


def _recorded(kind, task, facts):
    """The facts, and a run file beside the result."""
    write_json(Path(task.out).with_suffix(".run.json"), {**run_file(kind, task), "result": facts})
    return facts
