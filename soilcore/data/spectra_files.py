"""Files that hold spectra: told by their first bytes, looked for in folders and zip files, and refused before reading where they cannot be any."""

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from soilcore.core.errors import UnreadableError
from soilcore.core.files import check_readable
from soilcore.data.formats import open_archive, read_content, read_member
from soilcore.data.spectra_asd import is_asd
from soilcore.data.spectra_opus import is_opus

MOST_BYTES = 3 * 2**30  # a library of 50,000 spectra of 1764 points is about 0.8 GB as CSV
MOST_FILES = 100_000
MOST_UPLOAD_BYTES = 600 * 2**20
_MOST_FILE_BYTES = 64 * 2**20  # one instrument file
TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".tab", ".dpt", ".xlsx", ".parquet", ".gz", ".geojson", ".gpkg")
UPLOAD_SUFFIXES = ("csv", "tsv", "txt", "dpt", "xlsx", "parquet", "gz", "zip", "asd", *(str(k) for k in range(10)))
_REFUSED = {
    ".spc": "a Galactic SPC file",
    ".jdx": "a JCAMP-DX file",
    ".dx": "a JCAMP-DX file",
    ".spa": "a Thermo OMNIC file",
    ".sig": "an SVC file",
    ".sed": "a Spectral Evolution file",
    ".mat": "a MATLAB file",
    ".rds": "an R file",
    ".rda": "an R file",
    ".rdata": "an R file",
    ".qs": "an R file",
    ".pkl": "a Python pickle, which can run code and is never opened",
    ".pickle": "a Python pickle, which can run code and is never opened",
    ".xls": "a workbook of an old office program",
    ".ods": "an OpenDocument table",
    ".hdr": "the header of an imaging spectrometer's file",
    ".7z": "a 7z archive",
    ".rar": "a RAR archive",
}
_INSTEAD = "Give CSV, XLSX, parquet, OPUS (.0) or ASD files, or a zip file of them"


@dataclass(frozen=True)
class Source:
    """One file with spectra or properties, wherever it lies.

    Parameters
    ----------
    name : str
        File name without its folder.
    kind : {"opus", "asd", "table"}
    load : callable
        Gives the bytes.
    named : bool
        Whether the user named this very file, so that it must be readable.
    """

    name: str
    kind: str
    load: Callable[[], bytes]
    named: bool = True


def check_upload(name, size, head=b""):
    """Refuse an uploaded file before it is read, by name, size and first bytes.

    Parameters
    ----------
    name : str
        File name as the browser gives it; a folder in front of it is not used.
    size : int
        Bytes.
    head : bytes
        The first bytes, at least 16 where the file has them.

    Returns
    -------
    kind : {"opus", "asd", "zip", "table"}

    Raises
    ------
    UnreadableError
        If it is empty, too large, or of a kind that is not read; the message says what to give instead.
    """
    plain = PurePosixPath(str(name).replace("\\", "/")).name
    if size <= 0:
        raise UnreadableError(f"{plain!r} is empty. Export the spectra again.")
    if size > MOST_UPLOAD_BYTES:
        raise UnreadableError(
            f"{plain!r} holds {size / 2**20:.0f} MiB; the page takes {MOST_UPLOAD_BYTES // 2**20} MiB. Write it as parquet, or use the command line."
        )
    suffix = PurePosixPath(plain.casefold()).suffix
    if suffix in _REFUSED:
        raise UnreadableError(f"{plain!r} is {_REFUSED[suffix]}. {_INSTEAD}.")
    if is_opus(head) or is_asd(head):
        if size > _MOST_FILE_BYTES:
            raise UnreadableError(f"{plain!r} holds {size / 2**20:.0f} MiB, far more than one spectrum. {_INSTEAD}.")
        return "opus" if is_opus(head) else "asd"
    if head[:4] == b"PK\x03\x04":
        return "table" if suffix == ".xlsx" else "zip"
    if suffix[1:].isdigit() or suffix == ".asd":
        what = "ASD" if suffix == ".asd" else "OPUS"
        raise UnreadableError(f"{plain!r} is named like an {what} file, but its first bytes are not those of one. {_INSTEAD}.")
    if suffix not in TABLE_SUFFIXES:
        raise UnreadableError(f"{plain!r} is of no kind that is read ({suffix or 'no suffix'}). {_INSTEAD}.")
    return "table"


def find_sources(path):
    """The files with spectra or properties behind a path.

    Parameters
    ----------
    path : str or Path
        A file, a folder (looked through with its subfolders), or a zip file.

    Returns
    -------
    sources : list of Source
        In the order of their names.
    ignored : list of str
        Names of files in a folder or zip file that are of no kind read.

    Raises
    ------
    UnreadableError
        If nothing is there, or a zip file is damaged, too large, or names files outside itself.
    """
    path = Path(path)
    if path.is_dir():
        return _in_folder(path)
    check_readable(path, "file of spectra")
    with open(path, "rb") as stream:
        head = stream.read(16)
    if head[:4] == b"PK\x03\x04" and path.suffix.casefold() != ".xlsx":
        content = read_content(path, MOST_BYTES)
        if not _is_workbook(content, path.name):
            return _in_zip(content, path.name)
    return [Source(path.name, check_kind(path.name, head), _loader(path))], []


def check_kind(name, head):
    """Kind of a file that the user named; refuses what is known not to be read."""
    suffix = PurePosixPath(name.casefold()).suffix
    if is_opus(head):
        return "opus"
    if is_asd(head):
        return "asd"
    if suffix in _REFUSED:
        raise UnreadableError(f"{name!r} is {_REFUSED[suffix]}. {_INSTEAD}.")
    if suffix == ".asd" or suffix[1:].isdigit():
        what = "ASD" if suffix == ".asd" else "OPUS"
        raise UnreadableError(f"{name!r} is named like an {what} file, but its first bytes are not those of one. {_INSTEAD}.")
    return "table"


def _is_workbook(content, name):
    with open_archive(content, name, MOST_FILES, MOST_BYTES) as archive:
        return "xl/workbook.xml" in archive.namelist()


def _in_folder(folder):
    sources, ignored = [], []
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts))
    if len(files) > MOST_FILES:
        raise UnreadableError(f"{str(folder)!r} holds {len(files):,} files; folders are read up to {MOST_FILES:,}. Name a smaller one.")
    for path in files:
        with open(path, "rb") as stream:
            head = stream.read(16)
        if is_opus(head) or is_asd(head):
            sources.append(Source(path.name, "opus" if is_opus(head) else "asd", _loader(path), named=False))
        elif path.suffix.casefold() in TABLE_SUFFIXES:
            sources.append(Source(path.name, "table", _loader(path), named=False))
        else:
            ignored.append(path.name)
    if not sources:
        raise UnreadableError(f"{str(folder)!r} holds no spectra ({len(files)} files). {_INSTEAD}.")
    return sources, ignored


def _loader(path):
    packed = path.suffix.casefold() == ".gz"  # unpacks to an unknown size
    return lambda: read_content(path, MOST_UPLOAD_BYTES if packed else MOST_BYTES)


def _in_zip(content, name):
    """Members of a zip file; the archive is opened from memory, nothing is written."""
    sources, ignored = [], []
    archive = open_archive(content, name, MOST_FILES, MOST_BYTES)
    for item in sorted(archive.infolist(), key=lambda item: item.filename):
        plain = PurePosixPath(item.filename).name
        if item.is_dir() or plain.startswith(".") or "__MACOSX" in item.filename:
            continue
        if item.file_size > 1000 * max(item.compress_size, 1000):
            raise UnreadableError(f"{name!r} holds {plain!r}, which unpacks to more than a thousand times its size, and is not opened.")
        with archive.open(item) as stream:
            head = stream.read(16)
        load = _member_loader(archive, item, name)
        if is_opus(head) or is_asd(head):
            sources.append(Source(plain, "opus" if is_opus(head) else "asd", load, named=False))
        elif PurePosixPath(plain.casefold()).suffix in TABLE_SUFFIXES:
            sources.append(Source(plain, "table", load, named=False))
        else:
            ignored.append(plain)
    if not sources:
        raise UnreadableError(f"{name!r} holds no spectra ({len(archive.infolist())} files). {_INSTEAD}.")
    return sources, ignored


def _member_loader(archive, item, name):
    def load():
        content = read_member(archive, item, name)
        return _gunzipped(content, item.filename) if content[:2] == b"\x1f\x8b" else content

    return load


def _gunzipped(content, name):
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            unpacked = stream.read(MOST_UPLOAD_BYTES + 1)
    except (OSError, EOFError):
        raise UnreadableError(f"{name!r} is a damaged gzip file. Pack it again.") from None
    if len(unpacked) > MOST_UPLOAD_BYTES:
        raise UnreadableError(f"{name!r} unpacks to more than {MOST_UPLOAD_BYTES // 2**20} MiB. Cut it into parts.")
    return unpacked
