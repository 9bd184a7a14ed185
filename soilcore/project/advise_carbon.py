"""Advice on organic carbon: the stock of a layer with its interval, as a map and per field."""

from contextlib import ExitStack

import numpy as np

from soilcore.core.carbon import carbon_stock_t_ha
from soilcore.core.errors import SettingsError
from soilcore.core.files import written_whole
from soilcore.core.progress import part, silent
from soilcore.core.quantities import known_unit
from soilcore.core.tiles import check_window, gdal_cache_capped, one_library_thread, run_tiles, worker_threads
from soilcore.project.act_tables import field_row, known

_G_KG = {"g/kg": 1.0, "%": 10.0, "mg/g": 1.0, "mg/kg": 0.001}
_KEYS = {"value": "stock", "lower": "stock_lower", "upper": "stock_upper"}
CAUTION = (
    "The stock rests on one bulk density and one thickness for the whole map; their errors are not in the interval. Stocks of different "
    "years are compared at equal mass of soil, not at equal depth, where the density changes."
)


def carbon_advice(task, finished, outlines, folder, report=silent):
    """Stock of organic carbon of a map and of its fields.

    Parameters
    ----------
    task : AdviseTask
        ``bulk_density`` (g/cm3), ``depth_cm``, ``coarse`` (0-1).
    finished : FinishedMap
        Organic carbon in g/kg or percent.
    outlines : Fields or None
    folder : path or None
        ``stock.tif`` and its bounds are written there, t/ha.
    report : Report

    Returns
    -------
    dict
        ``carbon``: ``factor`` (t/ha per unit of the map), ``mean_t_ha``, ``low_t_ha``, ``high_t_ha``, ``total_t``, ``total_low_t``,
        ``total_high_t``, ``mapped_ha``, ``method``; ``fields``, ``sentences``, ``layers``, ``caution``.

    Raises
    ------
    SettingsError
        If density or depth are missing, or the unit is none of organic carbon.
    """
    factor = _factor(task, finished)
    zone, rows = _means(task, finished, outlines, factor, part(report, 0, 0.5))
    layers = {} if folder is None else _write(finished, factor, folder, task, part(report, 0.5, 0.5))
    if folder is not None and outlines is not None:
        layers |= _write_fields(folder, outlines, rows, finished)
    mean, low, high = (factor * number for number in (zone.best, zone.value.low, zone.value.high))
    facts = {
        "factor": factor,
        "mean_t_ha": known(mean),
        "low_t_ha": known(low),
        "high_t_ha": known(high),
        "total_t": known(mean * zone.area_ha),
        "total_low_t": known(low * zone.area_ha),
        "total_high_t": known(high * zone.area_ha),
        "mapped_ha": zone.area_ha,
        "method": (
            f"stock (t/ha) = organic carbon (g/kg) x {task.bulk_density:g} g/cm3 x {task.depth_cm:g} cm x (1 - {task.coarse:g} coarse fragments) / 10"
        ),
    }
    return {
        "crops": [],
        "fields": rows,
        "leaching": None,
        "carbon": facts,
        "mean": known(zone.best),
        "mean_low": known(zone.value.low),
        "mean_high": known(zone.value.high),
        "mapped_ha": zone.area_ha,
        "aoa_share": zone.inside,
        "layers": layers,
        "sentences": _sentences(facts, zone, finished),
        "caution": CAUTION,
        "assumed": (),
    }


def _factor(task, finished):
    """t/ha per unit of the map."""
    if task.crops or task.irrigation_ec is not None:
        raise SettingsError(f"The map shows {finished.quantity}: crops and leaching need a map of ECe. Leave out --crop and --irrigation-ec.")
    unit = None if finished.unit is None else known_unit(finished.unit)
    if unit not in _G_KG:
        raise SettingsError(f"A stock is computed from organic carbon in g/kg or %, but the map is in {finished.unit or 'an unknown unit'}.")
    missing = [option for option, value in (("--bulk-density G_CM3", task.bulk_density), ("--depth CM", task.depth_cm)) if value is None]
    if missing:
        raise SettingsError(f"The map shows {finished.quantity}. Its stock needs {' and '.join(missing)}; crop advice needs a map of ECe instead.")
    if not 0.05 <= task.bulk_density <= 2.7:
        raise SettingsError(
            f"A bulk density of {task.bulk_density:g} g/cm3 is not possible: soils have 0.05 to 2.7. Give g/cm3 (kg/m3 divided by 1000)."
        )
    if not 0 < task.depth_cm <= 500:
        raise SettingsError(f"A layer of {task.depth_cm:g} cm is not possible. Give its thickness in cm, above 0.")
    return _G_KG[unit] * float(carbon_stock_t_ha(1.0, task.bulk_density, task.depth_cm, task.coarse))


def _means(task, finished, outlines, factor, report):
    from soilcore.mapping.zone_means import Responses, ZoneSums
    from soilcore.mapping.zones import whole_grid
    from soilcore.project.act import MEAN_KEYS, zone_means
    from soilcore.project.advise import MOST_PIXELS

    grid = finished.grid
    sums = ZoneSums(finished, Responses(), (0, 0, grid.height, grid.width))
    with gdal_cache_capped(), one_library_thread(), finished.reader(MEAN_KEYS) as read:
        for window, covered in whole_grid(grid, MOST_PIXELS):
            sums.add(window, covered, read(window))
    zone = sums.result(finished.level, task.seed, 0)
    if not np.isfinite(zone.mean):
        raise SettingsError(f"The map {str(finished.path)!r} has no pixel with a value. Give another map.")
    zones = [] if outlines is None else zone_means(finished, outlines, Responses(), task.seed, report)
    return zone, [_row(number, outlines, one, factor) for number, one in enumerate(zones)]


def _row(number, outlines, zone, factor):
    return {
        **field_row(number, outlines, zone),
        "stock_t_ha": known(factor * zone.best),
        "stock_low_t_ha": known(factor * zone.value.low),
        "stock_high_t_ha": known(factor * zone.value.high),
    }


def _write(finished, factor, folder, task, report):
    """The stock and its bounds as rasters in t/ha."""
    from soilcore.data.cog import gtiff_profile, written_as_cog
    from soilcore.mapping.styles import value_style, write_style_files

    names = {key: name for key, name in _KEYS.items() if key in finished.layers and (key == "value" or finished.has_interval)}
    titles = {"value": "Stock of organic carbon", "lower": "Lower bound of the stock", "upper": "Upper bound of the stock"}
    seen = []
    with ExitStack() as stack:
        read = stack.enter_context(finished.reader(names))
        profile = gtiff_profile(finished.grid, 1, "float32", np.nan)
        files = {key: stack.enter_context(written_as_cog(folder / f"{name}.tif", profile)) for key, name in names.items()}
        for key, raster in files.items():
            raster.descriptions, raster.units = (titles[key],), ("t/ha",)
            raster.update_tags(SOILCORE_LAYER=names[key], SOILCORE_LAYER_TITLE=titles[key], SOILCORE_MAP=finished.path.name)

        def write(window, arrays):
            for key, array in arrays.items():
                files[key].write(array, 1, window=((window.row, window.row + window.height), (window.col, window.col + window.width)))
            there = arrays["value"][np.isfinite(arrays["value"])]
            if there.size:
                seen.append((float(there.min()), float(there.max())))

        def compute(window, layers):
            return {key: (factor * layers[key]).astype(np.float32) for key in names}

        run_tiles(finished.grid, check_window(task.window), read, compute, write, worker_threads(), report, "stock of carbon")
    style = value_style(min(low for low, _ in seen), max(high for _, high in seen), "t/ha")
    for name in names.values():
        write_style_files(folder / f"{name}.tif", style)
    return {name: str(folder / f"{name}.tif") for name in names.values()}


def _write_fields(folder, outlines, rows, finished):
    """Fields with their stock, as a layer and a table."""
    import geopandas
    import pandas as pd

    from soilcore.data.contents import write_layer

    names = ("field", "mapped_ha", "stock_t_ha", "stock_low_t_ha", "stock_high_t_ha", "aoa_share")
    table = pd.DataFrame({name: [row[name] for row in rows] for name in names})
    layer = geopandas.GeoDataFrame(table, geometry=list(outlines.polygons), crs=finished.grid.crs)
    with written_whole(folder / "fields.gpkg") as gpkg, written_whole(folder / "fields.csv") as csv:
        write_layer(layer, gpkg, "fields")
        table.to_csv(csv, index=False, encoding="utf-8")
    return {"fields": str(folder / "fields.gpkg"), "fields_table": str(folder / "fields.csv")}


def _sentences(facts, zone, finished):
    from soilcore.mapping.advice_words import of_date, trust_sentences

    bounds = ""
    if facts["low_t_ha"] is not None and finished.has_interval:
        bounds = f" ({100 * finished.level:.4g} % interval {facts['low_t_ha']:.0f} to {facts['high_t_ha']:.0f})"
    return [
        f"The layer holds {facts['mean_t_ha']:.0f} t of organic carbon per hectare on average{bounds}, {of_date(finished.date)}: "
        f"{facts['total_t']:.0f} t on {zone.area_ha:.0f} ha.",
        f"Method: {facts['method']}.",
        *trust_sentences(zone.inside, finished.level, finished.coverage, finished.has_interval),
    ]
