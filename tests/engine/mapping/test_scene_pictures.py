"""Small pictures of scenes: where the scene is, in its colours, gaps empty."""

import numpy as np
import pytest
import rasterio

from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.mapping.scene_pictures import write_small_picture


@pytest.mark.parametrize("size", [200, 40])
def test_a_small_picture_lies_where_its_scene_lies(demo, tmp_path, size):
    scene = open_scene(SceneSettings((str(demo / "scene.tif"),)))
    write_small_picture(scene, tmp_path / "picture.tif", ("N", "R", "G"), size)
    with rasterio.open(tmp_path / "picture.tif") as picture:
        assert max(picture.shape) <= size
        cell = scene.grid.cell_size[0] * -(-96 // size)
        assert np.allclose(picture.bounds, scene.grid.bounds, atol=cell)
        values = picture.read()
        near = scene.preview(("N", "R", "G"), size)
    seen = near[..., 3] > 0
    assert np.array_equal(values.all(axis=0), seen)
    assert np.array_equal(np.moveaxis(values, 0, -1)[seen], np.maximum(near[seen][:, :3], 1))
