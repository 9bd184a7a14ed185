"""Files appear whole or not at all: everything is written under a temporary name beside its place, then renamed."""

import json
import math
import os
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path

from soilcore.core.errors import SettingsError, UnreadableError


def check_readable(path, what="file"):
    """Return `path` as a Path, or say that nothing readable is there.

    Raises
    ------
    UnreadableError
        If the path does not exist, is a folder, or may not be read.
    """
    path = Path(path)
    if not path.exists():
        raise UnreadableError(f"The {what} {str(path)!r} does not exist. Check the spelling and the folder.")
    if path.is_dir():
        raise UnreadableError(f"{str(path)!r} is a folder, not a {what}. Name one file.")
    if not os.access(path, os.R_OK):
        raise UnreadableError(f"The {what} {str(path)!r} may not be read. Check its permissions.")
    return path


def check_output(path, overwrite=False):
    """Return `path` as a Path ready to be written, or refuse.

    Raises
    ------
    SettingsError
        If something is already there and `overwrite` is false, or its folder does not exist and cannot be made.
    """
    path = Path(path)
    if path.exists() and not overwrite:
        raise SettingsError(f"{str(path)!r} exists already. Choose another name, or allow it to be replaced with --overwrite.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The folder of {str(path)!r} cannot be made: {error.strerror}. Choose another place.") from None
    return path


_being_written: set[Path] = set()


def is_being_written(path):
    """Whether this process itself is writing under that temporary name now."""
    return Path(path).absolute() in _being_written


@contextmanager
def written_whole(path):
    """Give a temporary path beside `path`; rename it into place when the block ends well, remove it otherwise.

    The temporary name keeps the suffix, because GDAL and pandas choose the format by it. Works for files and folders.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    _being_written.add(temporary.absolute())
    try:
        yield temporary
        if path.is_dir() and not path.is_symlink():
            old = path.with_name(f".{path.name}.{secrets.token_hex(4)}.old")
            os.replace(path, old)
            os.replace(temporary, path)
            shutil.rmtree(old)
        else:
            os.replace(temporary, path)
    finally:
        _being_written.discard(temporary.absolute())
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def write_json(path, value):
    """Write `value` as indented JSON, whole or not at all; undefined numbers become null."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(plain(value), indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def plain(value):
    """The same value in JSON's own types: arrays as lists, NaN and infinities as None, paths as text."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value
