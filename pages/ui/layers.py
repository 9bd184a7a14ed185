"""Which rasters the browser may ask for: unguessable ids stand for a file and a style, never a path in an address."""

import hashlib
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from soilcore.mapping.styles import Style

_LIMIT = 8192

_by_id: "OrderedDict[str, Layer]" = OrderedDict()
_ids: dict[tuple, str] = {}
_guard = threading.Lock()


@dataclass(frozen=True)
class Layer:
    """A raster as it is shown and read.

    Parameters
    ----------
    path : pathlib.Path
    style : Style
        How it is coloured and what its values are called.
    minus : pathlib.Path, optional
        A raster of the same grid that is taken away from it.
    """

    path: Path
    style: Style
    minus: Path | None = None

    def value_at(self, lon, lat):
        """Value under a place, degrees; None where there is none."""
        from soilcore.mapping.tiles import value_at

        return value_at(self.path, lon, lat, self.style.bands[0], self.minus)

    def tile(self, z, x, y):
        """One tile as PNG, or None where the raster has nothing."""
        from soilcore.mapping.tiles import render

        return render(self.path, self.style, z, x, y, self.minus)


def register(layer):
    """Give a raster an id for its tiles and values.

    Parameters
    ----------
    layer : Layer
        New content or another style gets a new id, so that browsers may keep tiles.

    Returns
    -------
    str
        Hexadecimal only: the map component reads other signs as its own.
    """
    stat = layer.path.stat()
    key = (layer, stat.st_mtime_ns, stat.st_size)
    with _guard:
        if key not in _ids:
            _ids[key] = secrets.token_hex(12) + hashlib.sha256(repr(layer.style).encode()).hexdigest()[:8]
        _by_id[_ids[key]] = layer
        _by_id.move_to_end(_ids[key])
        while len(_by_id) > _LIMIT:
            forgotten, _ = _by_id.popitem(last=False)
            _ids.pop(next(key for key, identifier in _ids.items() if identifier == forgotten))
        return _ids[key]


def find(identifier):
    """The layer of an id, or None."""
    with _guard:
        return _by_id.get(identifier)
