"""Fingerprints: sha256 of content and settings, the key of every cache and the name of every result."""

import hashlib
import json
from dataclasses import asdict, is_dataclass
from pathlib import Path

_CHUNK_BYTES = 1 << 20


def of_file(path):
    """sha256 of a file's bytes, as 64 hex digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def of_array(array):
    """sha256 of an array's type, shape and values, as 64 hex digits."""
    import numpy as np

    array = np.ascontiguousarray(array)
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(array.tobytes())
    return digest.hexdigest()


def of_settings(*values):
    """sha256 of plain values, dataclasses, lists and dicts of them, as 64 hex digits."""
    text = json.dumps(values, sort_keys=True, default=_plain, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value):
    if is_dataclass(value):
        return {"type": type(value).__name__, **asdict(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no fingerprint")
