"""Where projects lie, and how a file comes into one: checked, copied in chunks, under a safe name, whole or not at all."""

import os
import shutil
import tarfile
import zipfile
from pathlib import Path

from soilcore.core.errors import UnreadableError
from soilcore.core.files import written_whole
from soilcore.project.folder import safe_name

_CHUNK_BYTES = 1 << 20
_MEGABYTE = 1 << 20
TABLES = ("csv", "tsv", "txt", "xlsx", "gpkg", "geojson", "json", "zip", "parquet")
RASTERS = ("tif", "tiff")
SCENES = (*RASTERS, "jp2", "zip", "tar", "nc")
BOUNDARIES = ("gpkg", "geojson", "json", "zip")
SERIES = (*RASTERS, "nc", "csv")
CLIMATE = ("csv", "nc")
LIMIT_MB = {"samples": 50, "scenes": 1024, "covariates": 1024, "regions": 50, "vectors": 200, "series": 1024, "climate": 1024, "spectra": 600}
FOLDERS = (".SAFE", ".zarr")  # data that is a folder, not a file

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_NETCDF = (b"\x89HDF", b"CDF\x01", b"CDF\x02", b"CDF\x05")
_BEGINNINGS = {
    "tif": _TIFF,
    "tiff": _TIFF,
    "jp2": (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    "nc": _NETCDF,
    "xlsx": (b"PK\3\4",),
    "zip": (b"PK\3\4",),
    "gpkg": (b"SQLite format 3\0",),
    "parquet": (b"PAR1",),
}


def workspace():
    """The folder of all projects: ``SOILCORE_WORKSPACE``, else ``workspace`` beside the app."""
    named = os.environ.get("SOILCORE_WORKSPACE")
    folder = Path(named) if named else Path(__file__).resolve().parents[2] / "workspace"
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


def data_folder():
    """A folder on the server to pick large files from (``SOILCORE_DATA``), or None."""
    named = os.environ.get("SOILCORE_DATA")
    return Path(named).resolve() if named and Path(named).is_dir() else None


def files_to_pick(kinds):
    """Files of the server's data folder with one of these endings, as paths relative to it; for imagery also folders that are one product."""
    folder = data_folder()
    if folder is None:
        return []
    return sorted(str(path.relative_to(folder)) for path in _pickable(folder, kinds))


def _pickable(folder, kinds):
    for inside in folder.iterdir():
        if inside.is_dir() and inside.suffix in FOLDERS:
            if "nc" in kinds:
                yield inside
        elif inside.is_dir():
            yield from _pickable(inside, kinds)
        elif inside.suffix.lower().lstrip(".") in kinds:
            yield inside


def keep_upload(project, part, upload, kinds, folder=None):
    """Copy an uploaded file into a project.

    Parameters
    ----------
    project : Project
    part : str
        As in `soilcore.project.folder.PARTS`.
    upload : UploadedFile
        As `st.file_uploader` gives it; anything with `name` and `read`.
    kinds : sequence of str
        Endings that are welcome, without dot.
    folder : str, optional
        Folder within the part, for files that belong together.

    Returns
    -------
    str
        The file's name inside the part. A file of the same name is replaced.

    Raises
    ------
    UnreadableError
        If it is empty, too large, of another kind, or not what its ending says.
    """
    name = safe_name(upload.name)
    ending = Path(name).suffix.lower().lstrip(".")
    if ending not in kinds:
        raise UnreadableError(f"{upload.name!r} is a .{ending or '?'} file. Choose one of: {', '.join(kinds)}.")
    upload.seek(0)
    inside = project.part(part) / safe_name(folder) if folder else project.part(part)
    inside.mkdir(exist_ok=True)
    target = inside / name
    with written_whole(target) as temporary:
        _copy(upload, temporary, LIMIT_MB[part] * _MEGABYTE, upload.name)
        _check_content(temporary, ending, upload.name)
    return name


def keep_picked(project, part, picked):
    """Copy a file of the server's data folder, or a folder that is one product, into a project and return its name there."""
    folder = data_folder()
    path = (folder / picked).resolve() if folder else None
    if path is None or not path.is_relative_to(folder) or not (path.is_file() or (path.is_dir() and path.suffix in FOLDERS)):
        raise UnreadableError(f"{picked!r} is not in the server's data folder.")
    target = project.part(part) / safe_name(path.name)
    if path.is_dir():
        with written_whole(target) as temporary:
            shutil.copytree(path, temporary, ignore=_links, dirs_exist_ok=True)
        return target.name
    with open(path, "rb") as stream, written_whole(target) as temporary:
        _copy(stream, temporary, None, picked)
    return target.name


def _links(folder, names):
    """Links are not followed: they could lead out of the data folder."""
    return [name for name in names if (Path(folder) / name).is_symlink()]


def _copy(stream, path, limit, name):
    size = 0
    with open(path, "wb") as out:
        while chunk := stream.read(_CHUNK_BYTES):
            size += len(chunk)
            if limit is not None and size > limit:
                raise UnreadableError(
                    f"{name!r} is larger than {limit // _MEGABYTE} MB. Cut it to your area, "
                    "or ask whoever runs the server to put it into the data folder."
                )
            out.write(chunk)
    if size == 0:
        raise UnreadableError(f"{name!r} is empty. Choose another file.")


def _check_content(path, ending, name):
    with open(path, "rb") as stream:
        beginning = stream.read(16)
    wanted = _BEGINNINGS.get(ending)
    if wanted and not beginning.startswith(wanted):
        raise UnreadableError(f"{name!r} ends in .{ending} but does not hold such a file. Export it again, or give it its true ending.")
    if ending in ("zip", "xlsx") and not zipfile.is_zipfile(path):
        raise UnreadableError(f"{name!r} is damaged: its end is missing. Upload it again.")
    if ending == "tar" and not tarfile.is_tarfile(path):
        raise UnreadableError(f"{name!r} ends in .tar but does not hold such a file. Export it again, or give it its true ending.")
