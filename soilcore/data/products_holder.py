"""What holds a product: a folder, a zip or a tar, whose member names are checked before anything in it is opened, and nothing is unpacked."""

import os
import re
import stat
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from soilcore.core.errors import UnreadableError

MOST_MEMBERS = 50_000
LARGEST_TEXT = 64 << 20  # bytes of a metadata file; real ones have up to a few megabytes
_LARGEST_GROWTH = 250  # unpacked to packed size; metadata reach about 30, images next to 1
_GROWTH_MATTERS = 8 << 20
_ODD = re.compile(r"[\x00-\x1f\\]|^[A-Za-z]:")


@dataclass(frozen=True)
class Holder:
    """A folder or archive and the files in it.

    Parameters
    ----------
    path : str
        Of the folder or archive, absolute.
    kind : str
        "folder", "zip" or "tar".
    names : tuple of str
        Files in it, with ``/`` between folders, all checked: relative, without ``..``.
    """

    path: str
    kind: str
    names: tuple[str, ...]

    def place(self, name):
        """Where a file of it is read: (path, member), the member None in a folder.

        Raises
        ------
        UnreadableError
            If there is no such file, or it is a link that leads out of the folder.
        """
        if name not in self.names:
            raise UnreadableError(f"{name!r} is not in {Path(self.path).name!r}, although its metadata name it. Download the product again.")
        if self.kind != "folder":
            return self.path, name
        file = Path(self.path, name)
        if not file.resolve().is_relative_to(Path(self.path).resolve()):
            raise UnreadableError(f"{name!r} in {Path(self.path).name!r} is a link that leads out of the product. Put the file itself there.")
        return str(file), None

    def content(self, name):
        """Bytes of one small file of it, such as its metadata.

        Raises
        ------
        UnreadableError
            If it is larger than any metadata, or damaged.
        """
        path, member = self.place(name)
        try:
            with _stream(self.kind, path, member) as stream:
                content = stream.read(LARGEST_TEXT + 1)
        except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, KeyError, RuntimeError, NotImplementedError) as error:
            raise UnreadableError(f"{name!r} in {Path(self.path).name!r} cannot be read ({error}). Download the product again.") from None
        if len(content) > LARGEST_TEXT:
            raise UnreadableError(f"{name!r} in {Path(self.path).name!r} is larger than {LARGEST_TEXT >> 20} MB, which no metadata are.")
        return content

    def xml(self, name):
        """Root of an XML file of it; documents that declare entities are refused, real metadata declare none.

        Raises
        ------
        UnreadableError
            Also if it is damaged or cut off.
        """
        content = self.content(name)
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
            raise UnreadableError(f"{name!r} declares entities, which no product's metadata do. Download the product again.")
        try:
            return ElementTree.fromstring(content)
        except ElementTree.ParseError as error:
            raise UnreadableError(f"The metadata {name!r} are damaged or cut off ({error}). Download the product again.") from None


class _stream:
    """One file of a holder, open for reading; closes what it opened."""

    def __init__(self, kind, path, member):
        self.kind, self.path, self.member, self.outer = kind, path, member, None

    def __enter__(self):
        if self.kind == "folder":
            self.inner = open(self.path, "rb")
        elif self.kind == "zip":
            self.outer = zipfile.ZipFile(self.path)
            self.inner = self.outer.open(self.member)
        else:
            self.outer = tarfile.open(self.path, "r:")
            self.inner = self.outer.extractfile(self.member)
        return self.inner

    def __exit__(self, *_):
        self.inner.close()
        if self.outer is not None:
            self.outer.close()


def held_in(path):
    """The holder at a path, or None where it is a plain file of another kind.

    Parameters
    ----------
    path : path
        A folder, zip or tar on this machine.

    Returns
    -------
    Holder or None

    Raises
    ------
    UnreadableError
        If an archive is damaged, or has members that no product has: absolute names, ``..``, links, a size that betrays a zip bomb.
    """
    path = Path(path)
    if path.is_dir():
        return Holder(str(path.absolute()), "folder", _names_in_folder(path))
    if not path.is_file():
        return None
    with open(path, "rb") as stream:
        start = stream.read(265)
    if start.startswith(b"PK\x03\x04"):
        return Holder(_plain_path(path), "zip", _names_in_zip(path))
    if start[257:262] == b"ustar":
        return Holder(_plain_path(path), "tar", _names_in_tar(path))
    if start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ")):
        raise UnreadableError(f"{path.name!r} is a compressed archive. Unpack it (tar -xf FILE) and give the folder, or give a plain .tar or .zip.")
    return None


def _plain_path(path):
    """Absolute path of an archive; GDAL finds members behind it only if it has no braces."""
    if set(str(path.absolute())) & set("{}"):
        raise UnreadableError(f"The archive {str(path)!r} cannot be read in place because its path holds a brace. Rename it.")
    return str(path.absolute())


def _names_in_folder(path):
    names = []
    for folder, _, files in os.walk(path, followlinks=False):
        inside = PurePosixPath(Path(folder).relative_to(path).as_posix())
        names += [str(inside / name) for name in files]
        if len(names) > MOST_MEMBERS:
            raise UnreadableError(
                f"The folder {str(path)!r} holds more than {MOST_MEMBERS} files: it is no single product. Name the product's own folder."
            )
    return tuple(sorted(names))


def _names_in_zip(path):
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise UnreadableError(f"The archive {path.name!r} is damaged or cut off ({error}). Download it again.") from None
    _check_count(path, len(members))
    size = path.stat().st_size
    for member in members:
        _check_name(path, member.filename)
        if stat.S_ISLNK(member.external_attr >> 16):
            raise UnreadableError(_refused(path, member.filename, "is a link"))
        if member.flag_bits & 1:
            raise UnreadableError(f"The archive {path.name!r} is protected by a password. Unpack it and give the folder.")
        if member.file_size > _GROWTH_MATTERS and member.file_size > _LARGEST_GROWTH * max(1, member.compress_size):
            raise UnreadableError(_refused(path, member.filename, f"would grow from {member.compress_size} to {member.file_size} bytes"))
        if member.compress_size > size:
            raise UnreadableError(f"The archive {path.name!r} is damaged: {member.filename!r} is larger than the archive. Download it again.")
    return _once(path, [member.filename for member in members if not member.is_dir()])


def _names_in_tar(path):
    names, count = [], 0
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                count += 1
                _check_count(path, count)
                _check_name(path, member.name)
                if member.isreg() and not member.issparse():
                    names.append(member.name)
                elif not member.isdir():
                    raise UnreadableError(_refused(path, member.name, "is no plain file"))
                if member.isreg() and member.offset_data + member.size > path.stat().st_size:
                    raise UnreadableError(f"The archive {path.name!r} is cut off within {member.name!r}. Download it again.")
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise UnreadableError(f"The archive {path.name!r} is damaged or cut off ({error}). Download it again.") from None
    return _once(path, names)


def _check_count(path, count):
    if count > MOST_MEMBERS:
        raise UnreadableError(f"The archive {path.name!r} holds more than {MOST_MEMBERS} files: it is no single product. Give one product.")


def _check_name(path, name):
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or _ODD.search(name):
        raise UnreadableError(_refused(path, name, "has a name that leads elsewhere"))


def _once(path, names):
    names = [str(PurePosixPath(name)) for name in names] if any(name.startswith("./") for name in names) else names
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UnreadableError(_refused(path, twice, "is in it twice"))
    return tuple(sorted(names))


def _refused(path, name, why):
    return (
        f"The archive {path.name!r} is refused: its member {name[:80]!r} {why}, as in no satellite product. Unpack it yourself and give the folder."
    )
