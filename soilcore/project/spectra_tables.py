"""Tables of spectra and of what was predicted from them, as files."""

import re
from pathlib import Path

from soilcore.core.errors import SettingsError
from soilcore.core.files import written_whole

TABLES = (".csv", ".parquet")
LAYERS = (".gpkg", ".geojson")


def check_table_name(path, places=True):
    """Refuse a suffix no table has.

    Raises
    ------
    SettingsError
    """
    known = (*TABLES, *(LAYERS if places else ()))
    if Path(path).suffix.lower() not in known:
        raise SettingsError(f"{str(path)!r} is no file name for this table. Use one that ends in {', '.join(known)}.")


def write_table(path, frame, x=None, y=None, crs=None):
    """Write a table whole or not at all, with points where it has places and the format holds them.

    Parameters
    ----------
    path : path
        CSV, parquet, GeoPackage or GeoJSON.
    frame : pandas.DataFrame
    x, y : ndarray of float, optional
    crs : pyproj.CRS, optional

    Raises
    ------
    SettingsError
        If the format needs places and there are none.
    """
    path = Path(path)
    check_table_name(path)
    suffix = path.suffix.lower()
    if suffix in LAYERS:
        if x is None or crs is None:
            raise SettingsError(f"{path.name!r} needs places, and the spectra have none. Name --x, --y and --crs, or write a CSV file.")
        import geopandas as gpd

        layer = gpd.GeoDataFrame(frame, geometry=gpd.points_from_xy(x, y), crs=crs)
        layer = layer if suffix == ".gpkg" else layer.to_crs("EPSG:4326")
        with written_whole(path) as temporary:
            layer.to_file(temporary, layer=re.sub(r"\W+", "_", path.stem), driver="GPKG" if suffix == ".gpkg" else "GeoJSON", index=False)
        return
    with written_whole(path) as temporary:
        if suffix == ".parquet":
            frame.to_parquet(temporary, index=False)
        else:
            frame.to_csv(temporary, index=False)
