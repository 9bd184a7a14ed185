"""Files of a finished result, to take away: every raster and table, and everything at once."""

import io
import zipfile

import streamlit as st

_FILE_WORDS = {
    ".tif": "GeoTIFF",
    ".qml": "QGIS style",
    ".sld": "SLD style",
    ".csv": "table",
    ".json": "facts",
    ".gpkg": "GeoPackage",
    ".gpx": "waypoints",
}
_MIME = {
    ".tif": "image/tiff",
    ".csv": "text/csv",
    ".json": "application/json",
    ".gpkg": "application/geopackage+sqlite3",
    ".gpx": "application/gpx+xml",
}


def downloads(folder, identifier, key, first=(), tables=None):
    """Offer the files of a folder.

    Parameters
    ----------
    folder : pathlib.Path
    identifier : str
        Of the result; file names begin with it.
    key : str
    first : sequence of str
        Names of the files that stand outside, the others are folded; of rasters without ending.
    tables : dict of str to pandas.DataFrame, optional
        Further tables by file name, as CSV.
    """
    st.subheader("Files", anchor=False)
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    rasters = any(path.suffix == ".tif" for path in files)
    if rasters:
        st.caption("GeoTIFFs (cloud-optimised) open in QGIS with their colours when the .qml lies beside them.")
    outside = [path for name in first for path in files if path.name in (name, f"{name}.tif")]
    with st.container(horizontal=True):
        st.download_button(
            f"Everything, {len(files) + len(tables or {})} files (ZIP)",
            lambda: zipped(files, tables),
            f"{identifier}.zip",
            "application/zip",
            icon=":material/folder_zip:",
            type="primary",
            key=f"{key}.zip",
            on_click="ignore",
        )
        _buttons(outside, identifier, key)
        for name, table in (tables or {}).items():
            st.download_button(
                f"{name} (table)", table.to_csv(index=False), f"{identifier}-{name}", "text/csv", key=f"{key}.table.{name}", on_click="ignore"
            )
    others = [path for path in files if path not in outside]
    if others:
        what = "The other layers and their styles" if rasters else "What else was written"
        with st.expander(f"{what} ({len(others)} file{'s' if len(others) > 1 else ''})", icon=":material/layers:"), st.container(horizontal=True):
            _buttons(others, identifier, key)


def _buttons(files, identifier, key):
    for path in files:
        words = f"{path.name} ({_FILE_WORDS.get(path.suffix, 'file')}, {_size(path)})"
        mime = _MIME.get(path.suffix, "application/octet-stream")
        st.download_button(words, path.read_bytes, f"{identifier}-{path.name}", mime, key=f"{key}.file.{path.name}", on_click="ignore")


def zipped(files, tables=None):
    """Files and tables as one ZIP archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:  # GeoTIFFs are compressed already
        for path in files:
            archive.write(path, path.name)
        for name, table in (tables or {}).items():
            archive.writestr(name, table.to_csv(index=False))
    return buffer.getvalue()


def _size(path):
    size = path.stat().st_size
    return f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{max(1, size // 1024)} kB"
