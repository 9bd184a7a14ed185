"""Fields on a map: their means with intervals, classes, trust and trend, ranked, as a layer and a table."""

from pathlib import Path

import numpy as np

from soilcore.core.classes import check_scheme_fits, class_scheme, schemes_that_fit
from soilcore.core.errors import SettingsError
from soilcore.core.files import check_output, write_json, written_whole
from soilcore.core.progress import part, silent
from soilcore.core.tiles import gdal_cache_capped, one_library_thread

MEAN_KEYS = ("value", "lower", "upper", "aoa")


def fields(task, report=silent):
    """Statistics of every field.

    Returns
    -------
    dict
        ``out``, ``csv``, ``target``, ``form``, ``unit``, ``date``, ``level``, ``n``: fields on the map, ``missed``: fields off the map,
        ``classes``: labels, limits and colours of the scheme or None; ``rows``, the highest mean first: ``rank``, ``field``, ``number`` (place
        in the file, from 0), ``area_ha``, ``mapped_ha``, ``mapped_share``, ``mean``, ``low``, ``high`` (the mean that
        is expected, with its interval), ``map_mean``, ``smallest``, ``largest`` (of the map as drawn; a map of medians has too low a mean
        where values are skewed), ``shares`` (of the mapped land by class as drawn),
        ``shares_expected``, ``shares_low``, ``shares_high``, ``class``: that of the mean, ``aoa_share``, ``trend``: see `field_trend`;
        ``assumption``: what the intervals rest on; ``sentences``; ``assumed``.
    """
    from soilcore.mapping.finished import open_map
    from soilcore.mapping.zone_means import Responses, assumption
    from soilcore.mapping.zones import read_fields

    out = _output(task)
    finished = open_map(task.map, date=task.date, model_dir=task.model_dir)
    scheme, said = scheme_of(task.classes, finished)
    outlines = read_fields(task.boundaries, finished.grid, layer=task.layer, id_column=task.id_column)
    years = _years(task, finished)
    responses = Responses(tuple(scheme.edges) if scheme else ())
    share = 1 / (1 + len(years.maps)) if years else 1.0
    zones = zone_means(finished, outlines, responses, task.seed, part(report, 0, 0.95 * share))
    rows = [_row(number, outlines, zone, scheme) for number, zone in enumerate(zones)]
    if years:
        _add_trends(rows, outlines, years, task.seed, part(report, 0.95 * share, 0.95 * (1 - share)))
    ranked = _ranked(rows)
    report(0.96, 1, "writing the fields")
    csv = _write(out, outlines, rows, scheme, finished)
    facts = {
        "out": str(out),
        "csv": str(csv),
        "map": str(finished.path),
        "target": finished.column,
        "form": finished.form,
        "unit": finished.unit,
        "date": finished.date,
        "level": finished.level,
        "n": sum(row["mean"] is not None for row in rows),
        "missed": [row["field"] for row in rows if row["mean"] is None],
        "classes": _scheme_facts(scheme),
        "years": years.labels if years else [],
        "rows": ranked,
        "assumption": assumption(finished),
        "sentences": field_sentences(ranked, finished, scheme),
        "assumed": (*outlines.remarks, *said, *(years.assumed if years else ())),
    }
    _write_run("fields", task, facts, out.with_suffix(".run.json"))
    report(1, 1, "the fields are written")
    return facts


def zone_means(finished, outlines, responses, seed=0, report=silent, keys=MEAN_KEYS):
    """Means of every field, in the order of the file.

    Parameters
    ----------
    finished : FinishedMap
    outlines : Fields
    responses : Responses
    seed : int
    report : Report
    keys : tuple of str
        Layers that are read.

    Returns
    -------
    list of ZoneMean
    """
    from soilcore.mapping.zone_means import ZoneSums
    from soilcore.mapping.zones import covered_pixels, pixel_box

    means = []
    with gdal_cache_capped(), one_library_thread(), finished.reader(keys) as read:
        for number, polygon in enumerate(outlines.polygons):
            report(number, len(outlines), f"field {number + 1} of {len(outlines)}")
            sums = ZoneSums(finished, responses, pixel_box(polygon, finished.grid))
            for window, covered in covered_pixels(polygon, finished.grid):
                sums.add(window, covered, read(window))
            means.append(sums.result(finished.level, seed, number))
    return means


def scheme_of(identifier, finished):
    """The class scheme asked for, or the one the map's target fits.

    Returns
    -------
    scheme : ClassScheme or None
    said : tuple of str
    """
    if identifier is not None:
        scheme = class_scheme(identifier)
        check_scheme_fits(scheme, finished.unit, finished.form)
        return scheme, ()
    fitting = schemes_that_fit(finished.unit, finished.form)
    if not fitting:
        return None, ()
    return fitting[0], (f"classes: {fitting[0].id}, which fit {finished.quantity}",)


def field_sentences(rows, finished, scheme, most=3):
    """The ranked fields in plain language."""
    known = [row for row in rows if row["mean"] is not None]
    if not known:
        return ["No field has a mapped pixel."]
    unit, when = finished.unit or "", f" on the map of {finished.date}" if finished.date else ""
    sentences = []
    for row in known[:most]:
        sure = f" ({100 * finished.level:.4g} % interval {row['low']:.3g} to {row['high']:.3g})" if _finite(row["low"], row["high"]) else ""
        label = f", {row['class']}" if row.get("class") else ""
        sentences.append(f"Field {row['field']} has a mean of {row['mean']:.3g} {unit}{sure}{label}{when}.")
    apart = _told_apart(known)
    if apart is not None and len(known) > 1:
        sentences.append(apart)
    for verdict in ("rising", "falling"):
        moved = [row["field"] for row in known if (row.get("trend") or {}).get("verdict") == verdict]
        if moved:
            sentences.append(f"{verdict.capitalize()} beyond the intervals of the maps: {len(moved)} of {len(known)} fields ({_some(moved)}).")
    outside = [row["field"] for row in known if row["aoa_share"] is not None and row["aoa_share"] < 0.5]
    if outside:
        sentences.append(
            f"{len(outside)} of {len(known)} fields lie mostly outside the area of applicability ({_some(outside)}): their numbers are guesses."
        )
    return sentences


def _told_apart(known):
    first, last = known[0], known[-1]
    if not _finite(first["low"], last["high"]):
        return None
    if first["low"] > last["high"]:
        return f"The highest ({first['field']}) and the lowest field ({last['field']}) differ beyond their intervals."
    return "Even the highest and the lowest field do not differ beyond their intervals: the ranking is uncertain."


def _some(names, most=5):
    return ", ".join(names[:most]) + (" ..." if len(names) > most else "")


def _finite(*numbers):
    return all(number is not None and np.isfinite(number) for number in numbers)


def _output(task):
    out = Path(task.out)
    if out.suffix.lower() != ".gpkg":
        raise SettingsError(f"Fields are written as GeoPackage, but {str(out)!r} does not end in .gpkg. Choose such a name.")
    for suffix in (".csv", ".run.json"):
        check_output(out.with_suffix(suffix), task.overwrite)
    return check_output(out, task.overwrite)


class _Years:
    """Maps of several dates, opened."""

    def __init__(self, maps, days, labels, assumed):
        self.maps, self.days, self.labels, self.assumed = maps, days, labels, assumed


def _years(task, finished):
    if not task.maps_of_years:
        if task.dates:
            raise SettingsError("--dates are those of further maps, and there are none. Give them with --year-map.")
        return None
    from soilcore.mapping.dated_maps import open_dated_maps
    from soilcore.mapping.finished import open_map

    paths, dates = list(dict.fromkeys(map(str, task.maps_of_years))), tuple(task.dates)
    if str(task.map) not in paths and not any(Path(path).resolve() == Path(task.map).resolve() for path in paths):
        paths.append(str(task.map))
        if dates:
            dates = (*dates, finished.date) if finished.date else dates
    dated = open_dated_maps(paths, dates)
    if dated.days is None:
        raise SettingsError("A trend needs to know when the maps are of. Give the dates with --dates, one per map, in their order.")
    maps = [open_map(path, model_dir=task.model_dir) for path in dated.paths]
    return _Years(maps, dated.days, list(dated.labels), dated.assumed)


def _add_trends(rows, outlines, years, seed, report):
    from soilcore.mapping.zone_means import Responses
    from soilcore.mapping.zone_trend import field_trend

    by_year = []
    for number, one in enumerate(years.maps):
        by_year.append(zone_means(one, outlines, Responses(), seed, part(report, number / len(years.maps), 1 / len(years.maps)), MEAN_KEYS[:3]))
    for number, row in enumerate(rows):
        row["trend"] = field_trend(years.days, years.labels, [zones[number] for zones in by_year], seed, number)


def _row(number, outlines, zone, scheme):
    known = np.isfinite(zone.mean)
    area = float(outlines.areas_ha[number])
    row = {
        "field": outlines.ids[number],
        "number": number,
        "area_ha": area,
        "mapped_ha": zone.area_ha,
        "mapped_share": min(1.0, zone.area_ha / area) if area else 0.0,
        "mean": zone.best if known else None,
        "low": zone.value.low if np.isfinite(zone.value.low) else None,
        "high": zone.value.high if np.isfinite(zone.value.high) else None,
        "map_mean": zone.mean if known else None,
        "smallest": zone.smallest if known else None,
        "largest": zone.largest if known else None,
        "aoa_share": zone.inside,
    }
    if scheme:
        row["class"] = scheme.labels[int(scheme.assign([zone.best])[0])] if known else None
        row["shares"] = list(zone.shares) if known else None
        for name, which in (("shares_expected", "expected"), ("shares_low", "low"), ("shares_high", "high")):
            row[name] = [getattr(one, which) for one in zone.class_shares] if known else None
    return row


def _ranked(rows):
    """Rows by falling mean, fields without one last; each with its rank."""
    order = sorted(rows, key=lambda row: (row["mean"] is None, -(row["mean"] or 0.0)))
    for rank, row in enumerate(order, start=1):
        row["rank"] = rank if row["mean"] is not None else None
    return order


def _scheme_facts(scheme):
    if scheme is None:
        return None
    return {"id": scheme.id, "title": scheme.title, "labels": scheme.labels, "edges": scheme.edges, "unit": scheme.unit, "colors": scheme.colors}


def _write(out, outlines, rows, scheme, finished):
    """The layer and the table; the names of the columns hold units."""
    import geopandas

    from soilcore.data.contents import write_layer
    from soilcore.project.act_tables import field_table

    table = field_table(rows, scheme, finished)
    own = outlines.columns.rename(columns={name: f"{name}_given" for name in outlines.columns if name in table.columns})
    layer = geopandas.GeoDataFrame(table.join(own), geometry=list(outlines.polygons), crs=finished.grid.crs)
    csv = out.with_suffix(".csv")
    with written_whole(out) as gpkg, written_whole(csv) as text:
        write_layer(layer, gpkg, "fields")
        table.sort_values("rank", na_position="last", kind="stable").to_csv(text, index=False, encoding="utf-8")
    return csv


def _write_run(kind, task, facts, path):
    from soilcore.project.steps import run_file

    write_json(path, {**run_file(kind, task), "result": facts})
