"""A scene as a small picture on the ground: for maps that show where an image lies, whatever files it is made of."""

from pathlib import Path

import numpy as np
from affine import Affine

from soilcore.core.files import written_whole
from soilcore.data.previews import preview

_EMPTY = 0  # of a pixel without a value; the darkest pixel of a picture is 1


def write_small_picture(scene, out, roles, size=1200):
    """Write a stretched picture of a scene as a GeoTIFF of three bands, 1 to 255, 0 where a band is missing.

    Parameters
    ----------
    scene : Scene
    out : path
    roles : sequence of three str
        Red, green and blue.
    size : int
        Longer side in pixels, at most.

    Raises
    ------
    SceneError
        If a band is not there.
    """
    import rasterio
    from rasterio.enums import Resampling

    picture = preview(scene, roles, size)
    rows, cols = picture.shape[:2]
    left, _, _, top = scene.grid.bounds
    step = max(1, -(-max(scene.grid.shape) // size))  # the preview takes every n-th pixel, the middle one of n
    width, height = (side * step for side in scene.grid.cell_size)
    values = np.where(picture[..., 3:] > 0, np.maximum(picture[..., :3], 1), _EMPTY).astype(np.uint8)
    profile = {"driver": "GTiff", "height": rows, "width": cols, "count": 3, "dtype": "uint8", "nodata": _EMPTY, "compress": "deflate", "tiled": True}
    place = {"crs": scene.grid.crs.to_wkt(), "transform": Affine(width, 0, left, 0, -height, top)}
    with written_whole(Path(out)) as temporary, rasterio.open(temporary, "w", **profile, **place) as target:
        target.write(np.moveaxis(values, -1, 0))
        target.build_overviews([2, 4], Resampling.average)
