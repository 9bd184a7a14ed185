"""Index images as NumPy arrays with masks: ``data_NDVI.npy`` beside ``mask_*.npy``, ``timestamps.json`` and ``bbox.geojson``."""

import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from affine import Affine

from soilcore.core.errors import SceneError, UnreadableError
from soilcore.core.files import check_readable
from soilcore.core.grids import Grid
from soilcore.data.index_scale import decide_scale

_MOST_DATES = 10_000
_VALID, _CLOUD = "mask_IS_VALID.npy", "mask_CLM.npy"


@dataclass(frozen=True)
class ArraySource:
    """Arrays of shape (date, row, column, 1); masks hide what is not valid and what is cloud."""

    folder: Path
    name: str
    scale: float

    @contextmanager
    def opened(self, roles, compute):
        """``read(number, window)`` of the index."""
        values = _array(self.folder / self.name)
        valid, cloud = (_array(self.folder / mask) if (self.folder / mask).is_file() else None for mask in (_VALID, _CLOUD))

        def read(number, window):
            part = (number, *window.slices, 0)
            image = np.array(values[part], np.float32) * np.float32(self.scale)
            if valid is not None:
                image[valid[part] == 0] = np.nan
            if cloud is not None:
                image[cloud[part] != 0] = np.nan
            return image

        yield read


def open_arrays(folder, index, scale):
    """Arrays of one index.

    Returns
    -------
    (ArraySource, ndarray of datetime64[D], Grid, tuple of str)

    Raises
    ------
    UnreadableError
        If a file is missing or holds something else.
    SceneError
        If shapes do not fit, or the place is not stated.
    """
    names = {path.name.removeprefix("data_").removesuffix(".npy").casefold(): path.name for path in sorted(folder.glob("data_*.npy"))}
    name = names.get(index.casefold())
    if name is None:
        raise UnreadableError(f"{str(folder)!r} holds no data_{index}.npy. It holds: {', '.join(names.values()) or 'no arrays'}.")
    days, values = _days(folder / "timestamps.json"), _array(folder / name)
    if values.ndim != 4 or values.shape[0] != days.size or values.shape[3] != 1:
        raise SceneError(f"{name!r} has shape {values.shape}, but {days.size} dates need ({days.size}, rows, columns, 1).")
    masks = [mask for mask in (_VALID, _CLOUD) if (folder / mask).is_file()]
    for mask in masks:
        if _array(folder / mask).shape != values.shape:
            raise SceneError(f"{mask!r} has another shape than {name!r}: {_array(folder / mask).shape} against {values.shape}.")
    step = max(1, values.shape[1] // 64)
    factor, said = decide_scale(np.asarray(values[:, ::step, ::step], float).ravel(), name, scale)
    hidden = (f"hidden by {' and '.join(masks)}: what is not valid, and cloud",) if masks else ()
    return ArraySource(folder, name, factor), days, _grid(folder, values.shape[1:3]), (*said, *hidden)


def _array(path):
    try:
        return np.load(check_readable(path, "array"), mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise UnreadableError(f"{str(path)!r} is no array of numbers ({error}). Save it with numpy.save.") from None


def _days(path):
    try:
        texts = json.loads(path.read_text(encoding="utf-8"))
        return np.array([str(text)[:10] for text in texts[:_MOST_DATES]], "datetime64[D]")
    except (ValueError, TypeError) as error:
        raise UnreadableError(f"{str(path)!r} is no list of dates ({error}). It must be JSON such as ['2015-07-11T10:00:08', ...].") from None


def _grid(folder, shape):
    """Grid of the rectangle in ``bbox.geojson``."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    path = check_readable(folder / "bbox.geojson", "rectangle of the arrays")
    try:
        box = json.loads(path.read_text(encoding="utf-8"))
        ring = np.array(box["coordinates"][0], float)
        system = CRS.from_user_input(box.get("crs", {}).get("properties", {}).get("name", "EPSG:4326"))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, CRSError) as error:
        raise UnreadableError(f"{str(path)!r} is no rectangle in GeoJSON ({error}).") from None
    left, bottom, right, top = *ring.min(axis=0)[:2], *ring.max(axis=0)[:2]
    if not (right > left and top > bottom):
        raise SceneError(f"The rectangle in {str(path)!r} has no area.")
    return Grid(*shape, Affine((right - left) / shape[1], 0, left, 0, (bottom - top) / shape[0], top), system)
