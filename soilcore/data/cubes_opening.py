"""Opening NetCDF files and Zarr folders safely: nothing outside what was named, nothing unpickled, nothing decoded behind one's back.

An HDF5 file can point to other files (external links, external storage, virtual datasets) and a Zarr array can name a codec that
unpickles; both are looked for and refused before any library reads a value. Addresses are never followed.
"""

import json
import math
import os
import struct
import zlib
from contextlib import contextmanager
from pathlib import Path

from soilcore.core.errors import NotAvailableError, UnreadableError
from soilcore.core.files import check_readable

MOST_VARIABLES = 5000
LARGEST_CHUNK_BYTES = 1 << 30
_MOST_FILES = 2_000_000
_LARGEST_JSON_BYTES = 16 << 20
_HDF5_START = b"\x89HDF\r\n\x1a\n"
_NETCDF3_STARTS = (b"CDF\x01", b"CDF\x02")
_ZARR_MARKS = ("zarr.json", ".zgroup", ".zmetadata")
_CODECS = {  # decompress or reorder numbers; none of them runs code
    *("blosc", "zlib", "gzip", "zstd", "lz4", "bz2", "lzma"),
    *("shuffle", "delta", "fixedscaleoffset", "quantize", "bitround", "packbits", "astype", "crc32", "adler32", "fletcher32", "crc32c"),
    *("vlen-utf8", "vlen-bytes", "bytes", "transpose", "sharding_indexed", "endian"),
}
_READ_ERRORS = (OSError, ValueError, TypeError, KeyError, IndexError, RuntimeError, AttributeError, AssertionError, EOFError, OverflowError)
_READ_ERRORS += (struct.error, zlib.error)


def is_cube(path):
    """Whether a path looks like a NetCDF file or a Zarr folder: by its first bytes, or by the files that mark a Zarr store."""
    path = Path(path)
    if path.is_dir():
        return any((path / mark).is_file() for mark in _ZARR_MARKS)
    if not path.is_file():
        return False
    with open(path, "rb") as stream:
        start = stream.read(8)
    return start == _HDF5_START or start.startswith(b"CDF")


@contextmanager
def opened_cube(path):
    """Open one NetCDF file (3 or 4) or Zarr folder (version 2 or 3) as stored: no scaling, no masking, no dates made of numbers.

    Parameters
    ----------
    path : path
        A local file, or a local folder.

    Yields
    ------
    xarray.Dataset
        Values stay on disk until they are indexed. It belongs to one thread.

    Raises
    ------
    UnreadableError
        If it is neither, is damaged, refers to other files, or needs code to be read.
    NotAvailableError
        If the package that reads this kind is not installed.
    """
    name = str(path)
    if "://" in name:
        raise UnreadableError(f"{name!r} is an address, not a file on this machine. Download it first, and name the file or folder.")
    path = Path(name)
    dataset = _open_folder(path) if path.is_dir() else _open_file(check_readable(path, "data cube"))
    try:
        yield dataset
    finally:
        dataset.close()


@contextmanager
def reading_cube(path):
    """Turn a failure to decode values into words about the file `path`."""
    try:
        yield
    except _READ_ERRORS as error:
        raise UnreadableError(
            f"The values of {str(path)!r} cannot be read: it is damaged or cut off ({_reason(error)}). Download or copy it again."
        ) from None


def _open_file(path):
    with open(path, "rb") as stream:
        start = stream.read(8)
    if not start:
        raise UnreadableError(f"{str(path)!r} is empty (0 bytes). Download or copy it again.")
    if start == _HDF5_START:
        _import("h5py")
        _import("h5netcdf")
        check_hdf5(path)
        return _opened(path, str(path.absolute()), "h5netcdf", invalid_netcdf=True, phony_dims="sort")
    if start.startswith(_NETCDF3_STARTS):
        return _opened(path, str(path.absolute()), "scipy")
    if start.startswith(b"CDF\x05"):
        raise UnreadableError(
            f"{str(path)!r} is NetCDF-3 of the 64-bit data kind (CDF-5). Convert it to NetCDF-4 (nccopy -k nc4 OLD NEW) and give that."
        )
    raise UnreadableError(f"{str(path)!r} is not a NetCDF file. Give a NetCDF-3 or NetCDF-4 file (.nc) or a Zarr folder (.zarr).")


def _open_folder(path):
    if not is_cube(path):
        raise UnreadableError(
            f"The folder {str(path)!r} is no Zarr store (it has no zarr.json, .zgroup or .zmetadata). Give a .zarr folder or a NetCDF file."
        )
    zarr = _import("zarr")
    check_zarr(path)
    return _opened(path, zarr.storage.LocalStore(path.absolute(), read_only=True), "zarr", consolidated=False)


def _opened(path, source, engine, **options):
    xarray = _import("xarray")
    plain = {"decode_times": False, "decode_timedelta": False, "mask_and_scale": False, "decode_coords": False}
    try:
        dataset = xarray.open_dataset(source, engine=engine, chunks=None, cache=False, create_default_indexes=False, **plain, **options)
    except _READ_ERRORS as error:
        raise UnreadableError(f"{str(path)!r} is damaged, cut off, or not what it claims ({_reason(error)}). Download or copy it again.") from None
    if len(dataset.variables) > MOST_VARIABLES:
        dataset.close()
        raise UnreadableError(f"{str(path)!r} holds {len(dataset.variables)} variables; at most {MOST_VARIABLES} are read. Split it.")
    return dataset


def _import(name):
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError:
        raise NotAvailableError(f"Reading this file needs the package {name}. Install it (pip install {name}) and try again.") from None


def check_hdf5(path):
    """Refuse an HDF5 file that draws on other files, or promises chunks larger than memory should hold.

    Raises
    ------
    UnreadableError
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            _check_group(file, path, h5py)
    except _READ_ERRORS as error:
        raise UnreadableError(f"{str(path)!r} is damaged, cut off, or not what it claims ({_reason(error)}). Download or copy it again.") from None


def _check_group(file, path, h5py):
    waiting, seen = [file], set()
    while waiting:
        group = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise _points_away(path, name)
            if isinstance(link, h5py.SoftLink):
                continue  # its target is met by its own name
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > MOST_VARIABLES:
                raise UnreadableError(f"{str(path)!r} holds more than {MOST_VARIABLES} variables and groups. Split it.")
            if isinstance(item, h5py.Group):
                waiting.append(item)
            elif isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise _points_away(path, name)
                if item.chunks:
                    _check_chunk(math.prod(item.chunks) * item.dtype.itemsize, path, name)


def _points_away(path, name):
    return UnreadableError(
        f"{str(path)!r} takes {name!r} from another file, which is not followed. Give one file that holds its own values (nccopy)."
    )


def _check_chunk(size, path, name):
    if size > LARGEST_CHUNK_BYTES:
        raise UnreadableError(
            f"{name!r} in {str(path)!r} is stored in chunks of {size / 2**20:.0f} MiB; at most 1024 MiB are read. Write it in smaller chunks."
        )


def check_zarr(path):
    """Refuse a Zarr folder with links out of it, with codecs that could run code, or with chunks larger than memory should hold.

    Raises
    ------
    UnreadableError
    """
    files = arrays = 0
    for folder, folders, names in os.walk(path):
        files += len(names)
        if files > _MOST_FILES:
            raise UnreadableError(f"{str(path)!r} holds more than {_MOST_FILES} files. Write it in larger chunks.")
        for name in (*folders, *names):
            if os.path.islink(os.path.join(folder, name)):
                raise UnreadableError(
                    f"{str(path)!r} holds a link ({name!r}) that may lead elsewhere. Copy the store whole (cp -rL) and give the copy."
                )
        for name in (".zarray", "zarr.json"):
            if name in names:
                arrays += 1
                _check_array(Path(folder) / name, path)
    if arrays > MOST_VARIABLES:
        raise UnreadableError(f"{str(path)!r} holds {arrays} arrays; at most {MOST_VARIABLES} are read. Split it.")


def _check_array(file, path):
    try:
        if file.stat().st_size > _LARGEST_JSON_BYTES:
            raise UnreadableError(f"{str(file)!r} describes an array in more than {_LARGEST_JSON_BYTES >> 20} MiB. Download or copy the store again.")
        described = json.loads(file.read_text(encoding="utf-8"))
        codecs = _codecs_of(described)
        shape = described.get("chunks") or described.get("chunk_grid", {}).get("configuration", {}).get("chunk_shape") or ()
        values = math.prod(int(side) for side in shape if not isinstance(side, list))
    except (ValueError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise UnreadableError(f"{str(file)!r} does not describe an array ({_reason(error)}). Download or copy the store again.") from None
    odd = next((codec for codec in codecs if codec not in _CODECS), None)
    if odd is not None:
        raise UnreadableError(
            f"{str(path)!r} stores {file.parent.name!r} with the codec {odd!r}, which is not read here. Write it again with blosc, zstd or gzip."
        )
    _check_chunk(4 * values, path, file.parent.name)


def _codecs_of(described):
    """Names of all compressors, filters and codecs of an array's description, nested ones included."""
    found = []
    waiting = [described.get("compressor"), *(described.get("filters") or ()), *(described.get("codecs") or ())]
    while waiting:
        codec = waiting.pop()
        if codec is None:
            continue
        name = codec if isinstance(codec, str) else str(codec.get("id") or codec.get("name"))
        found.append(name.removeprefix("numcodecs."))
        settings = {} if isinstance(codec, str) else codec.get("configuration") or {}
        waiting += [*(settings.get("codecs") or ()), *(settings.get("index_codecs") or ())]
    return found


def _reason(error):
    return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}".rstrip(": ")
