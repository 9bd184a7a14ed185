"""What kind of file lies there: told by its content, not by its name, and opened within limits."""

import gzip
import io
import zipfile
import zlib
from pathlib import PurePosixPath

from soilcore.core.errors import UnreadableError
from soilcore.core.files import check_readable

MAXIMUM_BYTES = 600 * 2**20
MAXIMUM_MEMBERS = 2000
_SHAPE_PARTS = frozenset([".shp", ".shx", ".dbf", ".prj", ".cpg"])


def read_content(path, limit=MAXIMUM_BYTES):
    """The bytes of a table file of at most `limit` bytes, unpacked when gzipped.

    Raises
    ------
    UnreadableError
        If it is not there, is empty, or is larger than a table can be.
    """
    path = check_readable(path, "table")
    if path.stat().st_size == 0:
        raise UnreadableError(f"{path.name!r} is empty. Export the table again.")
    if path.stat().st_size > limit:
        raise UnreadableError(
            f"{path.name!r} holds {path.stat().st_size / 2**20:.0f} MiB; tables are read up to {limit // 2**20} MiB. Cut it into parts."
        )
    content = path.read_bytes()
    return _gunzipped(path, content, limit) if content[:2] == b"\x1f\x8b" else content


def _gunzipped(path, content, limit):
    try:
        with gzip.open(io.BytesIO(content)) as stream:
            unpacked = stream.read(limit + 1)
    except (OSError, EOFError, zlib.error):
        raise UnreadableError(f"{path.name!r} is a damaged gzip file. Pack it again.") from None
    if len(unpacked) > limit:
        raise UnreadableError(f"{path.name!r} unpacks to more than {limit // 2**20} MiB, which is no table of samples.")
    if not unpacked:
        raise UnreadableError(f"{path.name!r} is empty. Export the table again.")
    return unpacked


def kind_of(content, name):
    """Kind of a file: "text", "xlsx", "shapefile", "zipped-text", "geopackage", "geojson" or "parquet".

    Raises
    ------
    UnreadableError
        If the content is none of them; the message says what it is instead.
    """
    if content[:4] == b"PK\x03\x04":
        return _kind_of_zip(content, name)
    if content[:16] == b"SQLite format 3\x00":
        return "geopackage"
    if content[:4] == b"PAR1":
        return "parquet"
    if content[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise UnreadableError(_old_office(content, name))
    for start, what in _OTHERS:
        if content.startswith(start):
            raise UnreadableError(f"{name!r} is {what}, not a table. Give CSV, TSV, XLSX, GeoPackage, GeoJSON, a zipped shapefile or parquet.")
    head = content[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    lowered = head[:200].lower()
    if lowered.startswith((b"<!doctype", b"<html", b"<head", b"<body")):
        raise UnreadableError(f"{name!r} is a web page, not a table. It may be a login or error page saved by mistake: download the file itself.")
    if lowered.startswith(b"<?xml"):
        raise UnreadableError(f"{name!r} is an XML document, not a table. Export it as CSV or XLSX.")
    if head[:1] in (b"{", b"[") and (b'"type"' in content[:100000] or b'"features"' in content[:100000]):
        return "geojson"
    return "text"


_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"II*\x00", "a TIFF image (imagery goes with --scene)"),
    (b"MM\x00*", "a TIFF image (imagery goes with --scene)"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x00\x00\x27\x0a", "one part of a shapefile: put .shp, .shx, .dbf and .prj into one zip file"),
)


def _old_office(content, name):
    if "EncryptedPackage".encode("utf-16-le") in content:
        return f"{name!r} is protected by a password. Remove the protection in the spreadsheet program, save it, and give it again."
    return f"{name!r} is a file of an old office program (.xls, .doc), which is not read. Save it as .xlsx or CSV."


def _kind_of_zip(content, name):
    with open_archive(content, name) as archive:
        names = [
            item.filename for item in archive.infolist() if not item.is_dir() and not PurePosixPath(item.filename).name.startswith((".", "__MACOSX"))
        ]
    if "xl/workbook.xml" in names:
        return "xlsx"
    if any(entry.lower().endswith(".shp") for entry in names):
        return "shapefile"
    if "mimetype" in names and any(entry == "content.xml" for entry in names):
        raise UnreadableError(f"{name!r} is an OpenDocument file, which is not read. Save it as .xlsx or CSV.")
    if any(entry == "word/document.xml" for entry in names):
        raise UnreadableError(f"{name!r} is a text document, not a table. Export the table as CSV or XLSX.")
    tables = [entry for entry in names if entry.lower().endswith((".csv", ".tsv", ".txt"))]
    if len(tables) == 1:
        return "zipped-text"
    raise UnreadableError(f"{name!r} is a zip file with neither one table nor a shapefile in it ({len(names)} files). Unpack it and give one file.")


def open_archive(content, name, most_members=MAXIMUM_MEMBERS, most_bytes=MAXIMUM_BYTES):
    """A zip file whose members are few enough, small enough, and stay inside it.

    Raises
    ------
    UnreadableError
        If it is damaged, encrypted, too large when unpacked, or names files outside itself.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise UnreadableError(f"{name!r} is a damaged zip file. Pack it again, or export the table again.") from None
    members = archive.infolist()
    if len(members) > most_members:
        raise UnreadableError(f"{name!r} holds {len(members)} files, which is no table of samples.")
    if sum(item.file_size for item in members) > most_bytes:
        raise UnreadableError(f"{name!r} unpacks to more than {most_bytes // 2**20} MiB, which is no table of samples.")
    for item in members:
        parts = PurePosixPath(item.filename.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in item.filename:
            raise UnreadableError(f"{name!r} names a file outside itself ({item.filename!r}) and is not opened. Pack it again.")
        if item.flag_bits & 1:
            raise UnreadableError(f"{name!r} is protected by a password. Pack it again without one.")
    return archive


def read_member(archive, item, name):
    """The bytes of one member, no more than it announces.

    Raises
    ------
    UnreadableError
        If it is damaged or larger than announced.
    """
    try:
        with archive.open(item) as stream:
            content = stream.read(MAXIMUM_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError):
        raise UnreadableError(f"{name!r} is a damaged zip file. Pack it again, or export the table again.") from None
    if len(content) > MAXIMUM_BYTES:
        raise UnreadableError(f"{name!r} unpacks to more than {MAXIMUM_BYTES // 2**20} MiB, which is no table of samples.")
    return content


def zipped_text(content, name):
    """The one text table of a zip file."""
    with open_archive(content, name) as archive:
        item = next(
            entry for entry in archive.infolist() if entry.filename.lower().endswith((".csv", ".tsv", ".txt")) and "__MACOSX" not in entry.filename
        )
        return read_member(archive, item, name)


def unpack_shapefile(content, name, folder):
    """Write the parts of the one shapefile of a zip under plain names into `folder`; return the path of the .shp.

    Raises
    ------
    UnreadableError
        If it holds several shapefiles, or a needed part is missing.
    """
    with open_archive(content, name) as archive:
        items = [
            item for item in archive.infolist() if PurePosixPath(item.filename).suffix.lower() in _SHAPE_PARTS and "__MACOSX" not in item.filename
        ]
        stems = sorted({str(PurePosixPath(item.filename).with_suffix("")) for item in items if item.filename.lower().endswith(".shp")})
        if len(stems) != 1:
            raise UnreadableError(f"{name!r} holds {len(stems)} shapefiles ({', '.join(stems[:5])}). Pack the one with the samples alone.")
        parts = {PurePosixPath(item.filename).suffix.lower(): item for item in items if str(PurePosixPath(item.filename).with_suffix("")) == stems[0]}
        if missing := [part for part in (".shx", ".dbf") if part not in parts]:
            raise UnreadableError(f"The shapefile in {name!r} lacks its {missing[0]} part. Pack .shp, .shx, .dbf and .prj together.")
        for suffix, item in parts.items():
            (folder / f"samples{suffix}").write_bytes(read_member(archive, item, name))
    return folder / "samples.shp"
