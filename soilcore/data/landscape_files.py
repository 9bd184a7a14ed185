"""Synthetic worlds as folders of files: what a user would bring, and the truth beside it.

Every folder appears whole or not at all and holds ``demo.json``: how it was made and what may be concluded from it.
"""

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from soilcore.core.errors import SettingsError
from soilcore.core.files import write_json, written_whole
from soilcore.core.progress import part, silent
from soilcore.data import landscape
from soilcore.data.cog import write_cog
from soilcore.data.landscape_change import CHANGE_YEAR, CHANGES, planted_change
from soilcore.data.landscape_place import CROPS, LAND_USES, REFERENCE_DAY, REFERENCE_YEAR, make_place
from soilcore.data.landscape_reflectance import BANDS, COVERS, DN_OFFSET, DN_PER_REFLECTANCE

ABOUT = "demo.json"
YEARS = tuple(range(REFERENCE_YEAR - 6, REFERENCE_YEAR + 1))
MOST_DATES = 73  # a Sentinel-2 comes by every five days
CLIMATE_MONTHS = 61
_TERRACLIMATE_CELL = 1 / 24  # degree
_COAST_NOTE = (
    "A synthetic coastal plain; the place does not exist. Salt acts on reflectance only through crust, plant stress and moisture; no index and "
    "no correlation with a target was put in. The scene holds strong predictors, useless ones and selection bias; it does not confirm that any "
    "published index is superior. Samples are the truth of their pixel without measurement error. EC 1:5 follows from ECe by the water content "
    "of the saturated paste (Slavich and Petterson 1993, slavich_theta); factors by texture class recover ECe only approximately. "
    "Years before 2022 differ by a planted change (truth/change.tif): some fields were leached since, others salinised, ECe by a factor of 4."
)


def make_coast(out_dir, size=256, cell=20.0, samples=95, dates=12, seed=0, overwrite=False, report=silent):
    """Write the coastal plain as a folder.

    Parameters
    ----------
    out_dir : path
        Folder to make. It may exist if it is empty.
    size : int
        Pixels along a side.
    cell : float
        Side of a pixel, m.
    samples : int
        Topsoil samples.
    dates : int
        Views of the reference year, evenly spaced, 0 to 73.
    seed : int
    overwrite : bool
        Replace a folder that an earlier call wrote; any other folder with something in it is never replaced.
    report : Report

    Returns
    -------
    dict
        ``dir`` and ``files``, the names relative to it: samples.csv, scene.tif (17 March 2025), dem.tif, dates/YYYY-MM-DD.tif (clouds are
        0, no data), years/YYYY.tif (17 March of seven years), climate/*.csv, fields.gpkg, truth/*.tif, demo.json.

    Raises
    ------
    SettingsError
        If a number is out of range or the folder may not be written.
    """
    landscape.check_settings(size, cell, seed)
    if not 0 <= dates <= MOST_DATES:
        raise SettingsError(f"{dates} dates were asked for. Choose 0 to {MOST_DATES}: the satellite comes by every five days.")
    folder = _check_folder(out_dir, overwrite)
    report(0, 1, "Drawing the plain")
    place = make_place(size, cell, seed)
    scene = landscape.view(place)
    table = landscape.draw_samples(scene, samples, seed)
    with _new_folder(folder) as temporary:
        table.to_csv(temporary / "samples.csv", index=False)
        _write_scene(temporary / "scene.tif", scene)
        _write_layers(temporary / "dem.tif", scene.grid, {"elevation": scene.elevation_m}, unit="m")
        _write_fields(temporary / "fields.gpkg", place, scene)
        _write_climate(temporary / "climate", table, seed)
        _write_truth(temporary / "truth", scene)
        _write_dates(temporary / "dates", place, dates, part(report, 0.1, 0.55))
        _write_years(temporary, place, part(report, 0.65, 0.35))
        settings = {"size": size, "cell_m": cell, "samples": samples, "dates": dates, "seed": seed}
        _write_about(temporary, "coast", settings, _COAST_NOTE)
        files = _files_of(temporary)
    return {"dir": str(out_dir), "files": files}


def make_continental(out_dir, samples=3000, seed=0, overwrite=False, report=silent):
    """Write a continental table of 42 covariates and EC 1:5 as ``table.csv``.

    Parameters
    ----------
    out_dir, seed, overwrite, report
        As for `make_coast`.
    samples : int
        Rows.

    Returns
    -------
    dict
        ``dir`` and ``files``.

    Raises
    ------
    SettingsError
        If a number is out of range or the folder may not be written.
    """
    from soilcore.data.continental import continental

    folder = _check_folder(out_dir, overwrite)
    report(0, 1, "Drawing the table")
    drawn = continental(samples, seed)
    with _new_folder(folder) as temporary:
        drawn.table.to_csv(temporary / "table.csv", index=False)
        _write_about(temporary, "continental", {"samples": samples, "seed": seed}, drawn.note, drawn.facts)
        files = _files_of(temporary)
    report(1, 1, "Table written")
    return {"dir": str(out_dir), "files": files}


def make_spectra(out_dir, samples=1500, seed=0, overwrite=False, report=silent):
    """Write a library of mid-infrared spectra with exchangeable potassium as ``spectra.csv``.

    Parameters
    ----------
    out_dir, seed, overwrite, report
        As for `make_coast`.
    samples : int
        Spectra.

    Returns
    -------
    dict
        ``dir`` and ``files``.

    Raises
    ------
    SettingsError
        If a number is out of range or the folder may not be written.
    """
    from soilcore.data.synthetic_spectra import synthetic_spectra

    folder = _check_folder(out_dir, overwrite)
    report(0, 1, "Drawing the spectra")
    library = synthetic_spectra(samples, seed)
    with _new_folder(folder) as temporary:
        (temporary / "truth").mkdir()
        report(0.3, 1, "Writing the spectra")
        _write_wide_table(temporary / "spectra.csv", library.table())
        library.constituents.to_csv(temporary / "truth" / "constituents.csv", index=False, float_format="%.5g")
        _write_about(temporary, "spectra", {"samples": samples, "seed": seed}, library.note, library.facts)
        files = _files_of(temporary)
    report(1, 1, "Spectra written")
    return {"dir": str(out_dir), "files": files}


def _check_folder(out_dir, overwrite):
    folder = Path(out_dir).absolute()
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise SettingsError(f"{str(out_dir)!r} is not a folder. Choose another name.")
    if folder.is_dir() and any(folder.iterdir()):
        if not overwrite:
            raise SettingsError(f"The folder {str(out_dir)!r} is not empty. Choose another name, or replace a demo in it with --overwrite.")
        if not (folder / ABOUT).is_file():
            raise SettingsError(f"The folder {str(out_dir)!r} holds other files than a demo, so it is not replaced. Choose another name.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_be_made(folder, error) from None
    return folder


def _cannot_be_made(folder, error):
    return SettingsError(f"The folder {str(folder)!r} cannot be made: {error.strerror}. Choose another place.")


@contextmanager
def _new_folder(folder):
    with written_whole(folder) as temporary:
        try:
            temporary.mkdir()
        except OSError as error:
            raise _cannot_be_made(folder, error) from None
        yield temporary


def _write_wide_table(path, table):
    # Millions of numbers: Arrow writes them several times faster than pandas.
    from pyarrow import Table, csv

    csv.write_csv(Table.from_pandas(table.round(5), preserve_index=False), path)


def _write_about(folder, kind, settings, note, facts=None):
    write_json(folder / ABOUT, {"schema": "soilcore-demo/1", "kind": kind, "settings": settings, "note": note} | (facts or {}))


def _files_of(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _write_dates(folder, place, count, report):
    from soilcore.data.landscape_fields import stream

    folder.mkdir()
    for number in range(count):
        day = 1 + int((number + 0.5) * 365 / count)
        date = landscape.date_of(REFERENCE_YEAR, day)
        report(number, count, f"View of {date}")
        wetness = 0.02 * stream(place.seed, "weather", REFERENCE_YEAR, day).standard_normal()
        scene = landscape.view(place, day, wetness=wetness)
        scene.dn[:, landscape.draw_clouds(place, REFERENCE_YEAR, day)] = 0
        _write_scene(folder / f"{date}.tif", scene)


def _write_years(folder, place, report):
    (folder / "years").mkdir()
    truth = {}
    for number, year in enumerate(YEARS):
        report(number, len(YEARS), f"View of {year}")
        scene = landscape.view(place, REFERENCE_DAY, year)
        _write_scene(folder / "years" / f"{year}.tif", scene)
        truth[str(year)] = _on_land(scene, scene.ece_dS_m)
    _write_layers(folder / "truth" / "ece_by_year.tif", scene.grid, truth, unit="dS/m")
    changed = np.where(scene.water, np.uint8(255), planted_change(place))
    names = {f"CLASS_{code}": name for code, name in enumerate(CHANGES)}
    _write_raster(folder / "truth" / "change.tif", scene.grid, {"change": changed}, nodata=255, tags=names | {"CHANGE_YEAR": str(CHANGE_YEAR)})


def _write_scene(path, scene):
    date = landscape.date_of(scene.year, scene.day)
    tags = {
        "PROCESSING_BASELINE": "05.11",
        "BOA_ADD_OFFSET": str(-DN_OFFSET),
        "QUANTIFICATION_VALUE": str(DN_PER_REFLECTANCE),
        "ACQUISITION_DATE": str(date),
        "TIFFTAG_DATETIME": f"{date:%Y:%m:%d} 02:50:00",
        "TIFFTAG_IMAGEDESCRIPTION": "Synthetic Sentinel-2 Level-2A, soilcore landscape",
    }
    scaling = (1 / DN_PER_REFLECTANCE, -DN_OFFSET / DN_PER_REFLECTANCE)
    _write_raster(path, scene.grid, dict(zip(BANDS, scene.dn, strict=True)), nodata=0, tags=tags, scaling=scaling)


def _write_truth(folder, scene):
    folder.mkdir()
    units = {"ece_dS_m": "dS/m", "ec_1_5_dS_m": "dS/m", "salt_g_kg": "g/kg", "soc_g_kg": "g/kg", "clay_pct": "%", "sand_pct": "%"}
    units |= {"water_table_m": "m", "moisture": "m3/m3"}
    for name, unit in units.items():
        _write_layers(folder / f"{name}.tif", scene.grid, {name: _on_land(scene, getattr(scene, name))}, unit=unit)
    _write_layers(folder / "covers.tif", scene.grid, dict(zip(COVERS, scene.covers, strict=True)), unit="share")
    _write_raster(folder / "water.tif", scene.grid, {"water": scene.water.astype(np.uint8)})
    names = {str(code): name for code, name in enumerate(LAND_USES)}
    _write_raster(folder / "land_use.tif", scene.grid, {"land_use": np.where(scene.sea, np.uint8(255), scene.land_use)}, nodata=255, tags=names)


def _on_land(scene, layer):
    return np.where(scene.water, np.float32(np.nan), layer)


def _write_layers(path, grid, layers, unit):
    _write_raster(path, grid, layers, nodata=np.nan, unit=unit)


def _write_raster(path, grid, layers, nodata=None, tags=None, scaling=None, unit=None):
    """Write named layers as a cloud-optimised GeoTIFF, which GDAL can only copy from a plain one."""
    import rasterio

    first = next(iter(layers.values()))
    profile = {"driver": "GTiff", "height": grid.height, "width": grid.width, "count": len(layers), "dtype": first.dtype, "nodata": nodata}
    plain = path.with_name(f".plain-{path.name}")
    with rasterio.open(plain, "w", **profile, crs=grid.crs.to_wkt(), transform=grid.transform, bigtiff="IF_SAFER") as dataset:
        for number, (name, layer) in enumerate(layers.items(), start=1):
            dataset.write(layer, number)
            dataset.set_band_description(number, name)
            dataset.set_band_unit(number, unit or "")
        if scaling:
            dataset.scales, dataset.offsets = ([value] * len(layers) for value in scaling)
        dataset.update_tags(**(tags or {}))
    write_cog(plain, path, overviews="nearest")
    plain.unlink()


def _write_fields(path, place, scene):
    """Parcels up to the shore, as polygons with their crop."""
    from geopandas import GeoDataFrame
    from rasterio.features import shapes
    from shapely.geometry import shape

    found = shapes(place.parcels, mask=~place.sea, transform=scene.grid.transform)
    pieces = GeoDataFrame([{"parcel": int(number), "geometry": shape(outline)} for outline, number in found], crs=scene.grid.crs)
    fields = pieces.dissolve("parcel").reset_index()
    use = place.use[fields["parcel"]]
    fields["crop"] = np.array(LAND_USES)[use]
    fields["farmed"] = use < len(CROPS)
    fields["area_ha"] = (fields.area / 1e4).round(3)
    fields.insert(0, "field_id", [f"F{number:05d}" for number in fields.pop("parcel")])
    fields.to_file(path, layer="fields", driver="GPKG")


def _write_climate(folder, table, seed):
    """One table per variable, one row per sample; samples in the same TerraClimate cell share their weather, as they would."""
    from soilcore.data.landscape_climate import monthly_climate

    folder.mkdir()
    cells = np.floor(table[["lon", "lat"]].to_numpy() / _TERRACLIMATE_CELL)
    unique, cell_of = np.unique(cells, axis=0, return_inverse=True)
    months = pd.period_range(end=f"{REFERENCE_YEAR}-03", periods=CLIMATE_MONTHS, freq="M")
    latitude = (unique[:, 1] + 0.5) * _TERRACLIMATE_CELL
    weather = monthly_climate(latitude, CLIMATE_MONTHS, seed, first_month=months[0].month, shared=0.95)
    for name, series in weather.items():
        values = pd.DataFrame(series[cell_of.ravel()].round(4), columns=months.astype(str))
        pd.concat([table[["id", "lon", "lat"]], values], axis=1).to_csv(folder / f"{name}.csv", index=False)
