"""Advice from a finished map: crops that stand the salt, leaching, carbon stock, and where to sample next."""

from contextlib import contextmanager
from pathlib import Path

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.files import check_output, write_json, written_whole
from soilcore.core.progress import part, silent
from soilcore.core.tiles import check_window, gdal_cache_capped, one_library_thread
from soilcore.project.act_tables import field_row, known

_MOST_MAPPED = 3  # crops that are mapped where none was named
_MOST_CROPS = 24
_MOST_PER_FIELD = 10  # of the whole table
_RUN_FILE = "advice.run.json"
MOST_PIXELS = 1_000_000  # of the map, for its mean; fields are computed from every pixel


def advise(task, report=silent):
    """Advice for a map of ECe or of organic carbon.

    Returns
    -------
    dict
        ``map``, ``target``, ``form``, ``unit``, ``date``, ``level``; ``crops``: rows for the whole map, the first the best (see `crop_rows`);
        ``fields``: one row per field with its ``crops``; ``leaching``: water and the fraction the present salinity stands for; ``carbon``;
        ``next_samples``; ``layers``: files written by key; ``out``; ``sentences``; ``assumption``; ``caution``; ``assumed``.
    """
    from soilcore.mapping.finished import open_map
    from soilcore.mapping.zone_means import assumption

    _check(task)
    finished = open_map(task.map, date=task.date, model_dir=task.model_dir)
    outlines = None
    if task.boundaries:
        from soilcore.mapping.zones import read_fields

        outlines = read_fields(task.boundaries, finished.grid, layer=task.layer, id_column=task.id_column)
    with _folder(task) as folder:
        if task.only_places:
            facts = {"crops": [], "fields": [], "leaching": None, "carbon": None, "sentences": [], "caution": ""}
        elif is_carbon(finished, task):
            from soilcore.project.advise_carbon import carbon_advice

            facts = carbon_advice(task, finished, outlines, folder, part(report, 0, 0.8))
        else:
            facts = _crop_advice(task, finished, outlines, folder, part(report, 0, 0.8))
        if task.next_samples:
            from soilcore.project.sampling import next_samples

            facts |= next_samples(task, finished, folder, part(report, 0.8, 0.18))
        facts = {
            "map": str(finished.path),
            "target": finished.column,
            "form": finished.form,
            "unit": finished.unit,
            "date": finished.date,
            "level": finished.level,
            "out": task.out,
            "assumption": assumption(finished),
            **facts,
        }
        facts["layers"] = {key: str(Path(task.out) / Path(path).name) for key, path in facts.get("layers", {}).items()} if task.out else {}
        facts["assumed"] = (*(outlines.remarks if outlines else ()), *facts.get("assumed", ()))
        if folder is not None:
            from soilcore.project.steps import run_file

            write_json(folder / _RUN_FILE, {**run_file("advise", task), "result": facts})
    report(1, 1, "the advice is ready")
    return facts


def crop_list(task, report=silent):
    """Every crop of the table as rows of facts, and where the numbers are from."""
    from soilcore.core.tables import load_table
    from soilcore.mapping.crops import crops

    names = ("id", "name", "scientific", "group", "yield_of", "threshold", "slope", "rating", "checked", "note", "source")
    rows = [{name: getattr(one, name) for name in names} | {"no_yield": one.no_yield} for one in crops()]
    table = load_table("crops")
    return {"n": len(rows), "rows": rows, "note": table["note"], "ratings": table["ratings"], "groups": table["groups"], "sources": table["sources"]}


def is_carbon(finished, task=None):
    """Whether a map shows organic carbon: as bulk density or the name of the target says."""
    from soilcore.data.columns import property_of

    return finished.form == "as-measured" and (property_of(finished.column) == "soc" or (task is not None and task.bulk_density is not None))


def crop_rows(zone, crops, task, water=None):
    """Crops of one zone, those with the highest expected yield first; of equal ones (to a percent) those that come first in `crops`.

    Parameters
    ----------
    zone : ZoneMean
        Its curves are the relative yields, its plain ones the land where they are good.
    crops : sequence of Crop
    task : AdviseTask
        ``least_yield`` and ``soil``.
    water : float, optional
        Conductivity of the irrigation water, dS/m.

    Returns
    -------
    list of dict
        ``id``, ``name``, ``rating``, ``threshold``, ``yield``, ``yield_low``, ``yield_high`` (percent, of the mean of the zone), ``p_good``:
        probability that the mean reaches `least` (None without an interval), ``good_share``: expected share of the land that does,
        ``ece_least``; with water ``leaching_requirement`` and ``leaching_requirement_full``, None where no amount of it suffices, and
        ``reclamation``, ``reclamation_low``, ``reclamation_high``: metres of water per metre of soil that bring the mean to `ece_least`.
    """
    rows, least = [], task.least_yield
    for number, one in enumerate(crops):
        estimate = zone.curves[number]
        row = {
            "id": one.id,
            "name": one.name,
            "rating": one.rating,
            "threshold": one.threshold,
            "yield": known(estimate.expected),
            "yield_low": known(estimate.low),
            "yield_high": known(estimate.high),
            "p_good": zone.p_least[number] if zone.p_least is not None else None,
            "good_share": known(zone.plain[number]),
            "least": least,
            "ece_least": one.ece_for(least),
        }
        rows.append(row if water is None else row | _leaching(zone, one, task, water))
    return sorted(rows, key=lambda row: -round(row["yield"]) if row["yield"] is not None else 1)


def _leaching(zone, one, task, water):
    from soilcore.mapping.crops import leaching_requirement, reclamation_water

    goal = one.ece_for(task.least_yield)
    kept, full = (float(leaching_requirement(water, ece)) for ece in (goal, one.threshold))
    row = {"leaching_requirement": known(kept), "leaching_requirement_full": known(full)}
    now = {"": zone.best, "_low": zone.value.low, "_high": zone.value.high}
    reachable = np.isfinite(kept)
    return row | {f"reclamation{end}": known(float(reclamation_water(ece, goal, task.soil))) if reachable else None for end, ece in now.items()}


def _crop_advice(task, finished, outlines, folder, report):
    from soilcore.mapping import advice_words as words
    from soilcore.mapping.crops import check_crops_fit, check_water

    check_crops_fit(finished.unit, finished.form, finished.column)
    water = None if task.irrigation_ec is None else check_water(task.irrigation_ec)
    chosen, named = _chosen(task)
    zone, field_zones = _zones(task, finished, outlines, chosen, part(report, 0, 0.5))
    if not np.isfinite(zone.mean):
        raise SettingsError(f"The map {str(finished.path)!r} has no pixel with a value. Give another map.")
    rows = crop_rows(zone, chosen, task, water)
    best = {row["id"]: number for number, row in enumerate(rows)}
    mapped = list(chosen) if named else sorted(chosen, key=lambda one: best[one.id])[:_MOST_MAPPED]
    layers, best_ha = {}, {}
    if folder is not None:
        from soilcore.mapping.yield_maps import write_yield_maps

        written = write_yield_maps(finished, mapped, folder, window=check_window(task.window), report=part(report, 0.5, 0.45))
        layers, best_ha = written.layers, written.best_ha
    field_rows = [_field_row(number, outlines, one, chosen, task, water) for number, one in enumerate(field_zones)]
    if folder is not None and outlines is not None:
        layers |= _write_fields(folder, outlines, field_rows, finished, chosen if named else mapped)
    leaching = None if water is None else _present(zone, water)
    sentences = _sentences(words, task, finished, rows, field_rows, leaching, zone, named)
    return {
        "crops": rows,
        "named": named,
        "best_ha": best_ha,
        "fields": field_rows,
        "leaching": leaching,
        "carbon": None,
        "mean": known(zone.best),
        "mean_low": known(zone.value.low),
        "mean_high": known(zone.value.high),
        "mapped_ha": zone.area_ha,
        "aoa_share": zone.inside,
        "layers": layers,
        "sentences": sentences,
        "caution": words.CAUTION,
        "assumed": (*_decimated(finished.grid), *(() if named else ("crops: all of the table, because none was named",))),
    }


def _decimated(grid):
    from soilcore.mapping.zones import step_of

    step = step_of(grid, MOST_PIXELS)
    return () if step == 1 else (f"means over the whole map: from every {step}. pixel along each axis",)


def _chosen(task):
    """Crops to look at, and whether they were named."""
    from soilcore.mapping.crops import crop, crops

    if not task.crops:
        return crops(), False
    chosen = tuple(dict.fromkeys(crop(name) for name in task.crops))
    if len(chosen) > _MOST_CROPS:
        raise SettingsError(f"{len(chosen)} crops were named; at most {_MOST_CROPS} are mapped at a time. Name fewer, or none to rank them all.")
    return chosen, True


def _zones(task, finished, outlines, chosen, report):
    """Means over the whole map and over each field."""
    from soilcore.mapping.zone_means import ZoneSums
    from soilcore.mapping.zones import whole_grid
    from soilcore.project.act import MEAN_KEYS, zone_means

    responses = _responses(chosen, task.least_yield)
    grid = finished.grid
    sums = ZoneSums(finished, responses, (0, 0, grid.height, grid.width))
    share = 0.5 if outlines is not None else 1.0
    done, total = 0, grid.height * grid.width
    with gdal_cache_capped(), one_library_thread(), finished.reader(MEAN_KEYS) as read:
        for window, covered in whole_grid(grid, MOST_PIXELS):
            sums.add(window, covered, read(window))
            done += covered.size
            report(share * done / total, 1, "yields over the map")
    zone = sums.result(finished.level, task.seed, 0)
    if outlines is None:
        return zone, []
    return zone, zone_means(finished, outlines, responses, task.seed, part(report, share, 1 - share))


def _responses(chosen, least):
    """Relative yield of each crop as knots and values, and where it reaches `least` percent, as a step."""
    from soilcore.mapping.zone_means import Responses

    yields = [(np.array([one.threshold, one.no_yield]), np.array([100.0, 0.0])) for one in chosen]
    steps = []
    for one in chosen:
        limit = one.ece_for(least)
        steps.append((np.array([limit, limit * (1 + 1e-9) + 1e-12]), np.array([1.0, 0.0])))
    return Responses(curves=tuple(yields), least=(least,) * len(yields), plain=tuple(steps))


def _field_row(number, outlines, zone, chosen, task, water):
    mapped = np.isfinite(zone.mean)
    return {
        **field_row(number, outlines, zone),
        "crops": crop_rows(zone, chosen, task, water)[: len(chosen) if task.crops else _MOST_PER_FIELD] if mapped else [],
    }


def _present(zone, water):
    """The leaching fraction that the present salinity stands for, were the water the only source of salt."""
    from soilcore.mapping.crops import leaching_requirement

    value, low, high = (float(leaching_requirement(water, ece)) for ece in (zone.best, zone.value.high, zone.value.low))
    return {"water": water, "present": {"value": known(value), "low": known(low), "high": known(high)}}


def _sentences(words, task, finished, rows, field_rows, leaching, zone, named):
    level, date = finished.level, finished.date
    sentences = [words.crop_sentence(row, "on the mapped land", level, date) for row in (rows if named else rows[:_MOST_MAPPED])]
    if not named:
        good = [row for row in rows if row["yield"] is not None and row["yield"] >= task.least_yield]
        sentences.append(
            f"{len(good)} of {len(rows)} crops are expected to give at least {task.least_yield:.0f} % on average. "
            "The most tolerant lead such a list always: choose among those you can grow and sell."
        )
    for farmed in [one for one in field_rows if one["crops"]][:_MOST_MAPPED]:
        sentences.append(words.crop_sentence(farmed["crops"][0], f"in field {farmed['field']}", level, date))
    if leaching is not None:
        for row in rows if named else rows[:1]:
            sentences += [words.leaching_sentence(row, leaching["water"]), words.reclamation_sentence(row, zone.best, level, task.soil)]
        sentences.append(words.present_sentence(leaching["present"], leaching["water"]))
    sentences += words.trust_sentences(zone.inside, level, finished.coverage, finished.has_interval)
    return [sentence for sentence in sentences if sentence]


def _write_fields(folder, outlines, rows, finished, shown):
    """Fields with their best crops, and the expected yield of the crops that are mapped."""
    import geopandas
    import pandas as pd

    from soilcore.data.contents import write_layer
    from soilcore.project.act_tables import plain_name, unit_suffix

    unit = unit_suffix(finished.unit)
    columns = {"field": [row["field"] for row in rows], f"mean{unit}": [row["mean"] for row in rows]}
    columns |= {f"low{unit}": [row["low"] for row in rows], f"high{unit}": [row["high"] for row in rows]}
    for place in range(3):
        columns[f"best_{place + 1}"] = [row["crops"][place]["name"] if len(row["crops"]) > place else None for row in rows]
    for one in shown:
        found = [next((crop for crop in row["crops"] if crop["id"] == one.id), None) for row in rows]
        for name, key in (("", "yield"), ("_low", "yield_low"), ("_high", "yield_high")):
            columns[f"{plain_name(one.id)}{name}_pct"] = [None if crop is None else crop[key] for crop in found]
    table = pd.DataFrame(columns)
    layer = geopandas.GeoDataFrame(table, geometry=list(outlines.polygons), crs=finished.grid.crs)
    with written_whole(folder / "fields.gpkg") as gpkg, written_whole(folder / "fields.csv") as csv:
        write_layer(layer, gpkg, "fields")
        table.to_csv(csv, index=False, encoding="utf-8")
    return {"fields": str(folder / "fields.gpkg"), "fields_table": str(folder / "fields.csv")}


def _check(task):
    if task.next_samples < 0:
        raise SettingsError(f"{task.next_samples} next samples are not possible. Ask for 1 or more, or leave the option out.")
    if task.only_places and (not task.next_samples or task.crops or task.irrigation_ec is not None):
        raise SettingsError("--only-places goes with --next-samples K, and without crops or irrigation water. Leave one of them out.")
    if task.next_samples and task.out is None:
        raise SettingsError("The places of the next samples are written as files. Name a folder for them with --out.")
    if not 0 < task.least_yield <= 100:
        raise SettingsError(f"A yield of {task.least_yield:g} % cannot be asked for. Give a number above 0, at most 100.")


@contextmanager
def _folder(task):
    """A folder that appears whole when the block ends well; None where nothing is to be written."""
    if task.out is None:
        yield None
        return
    out = check_output(task.out, task.overwrite)
    if out.exists() and not out.is_dir():
        raise SettingsError(f"{str(out)!r} is a file; advice is written into a folder. Choose another name.")
    if out.is_dir() and any(out.iterdir()) and not (out / _RUN_FILE).is_file():
        raise SettingsError(f"The folder {str(out)!r} holds other things than advice, which --overwrite would remove. Choose another name.")
    with written_whole(out) as temporary:
        temporary.mkdir()
        yield temporary
