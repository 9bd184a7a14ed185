"""The files of a map: they are made in a hidden folder beside their place and appear together, or not at all."""

import os
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from xml.etree import ElementTree

from soilcore.core.errors import SettingsError
from soilcore.core.files import check_output

CLASS_SUFFIX = "_class"
LAYERS = ("", CLASS_SUFFIX)  # the map itself, and what may lie beside it


def layer_path(out, suffix=""):
    """Place of an extra layer: ``map.tif`` and ``"_class"`` give ``map_class.tif``."""
    out = Path(out)
    return out.with_name(f"{out.stem}{suffix}{out.suffix}")


def check_map_output(out, overwrite=False):
    """Return the place of a map as a Path, or refuse it.

    Parameters
    ----------
    out : path
        A GeoTIFF.
    overwrite : bool

    Raises
    ------
    SettingsError
        If it is not named ``.tif``, or a layer of that map exists already and may not be replaced.
    """
    out = Path(out)
    if out.suffix.lower() not in (".tif", ".tiff"):
        raise SettingsError(f"A map is written as GeoTIFF, but {str(out)!r} does not end in .tif. Choose such a name.")
    for suffix in LAYERS:
        check_output(layer_path(out, suffix), overwrite)
    return out


@contextmanager
def appearing_together(out):
    """Give a hidden folder; when the block ends well, everything in it moves beside `out`, and an older map's layers go.

    If a move fails, what was there before is put back.
    """
    out = Path(out)
    with tempfile.TemporaryDirectory(prefix=f".{out.stem}.", dir=out.parent) as scratch:
        made, aside = Path(scratch) / "new", Path(scratch) / "old"
        made.mkdir()
        aside.mkdir()
        yield made
        new = sorted(made.iterdir())
        old = {path for path in _family(out) if path.exists()} | {out.parent / path.name for path in new if (out.parent / path.name).exists()}
        with ExitStack() as undo:
            for path in sorted(old):
                os.replace(path, aside / path.name)
                undo.callback(os.replace, aside / path.name, path)
            for path in new:
                os.replace(path, out.parent / path.name)
                undo.callback((out.parent / path.name).unlink)
            undo.pop_all()


def _family(out):
    """Every file that a map of this name may have."""
    for suffix in LAYERS:
        layer = layer_path(out, suffix)
        yield from (layer, layer.with_name(f"{layer.name}.aux.xml"), layer.with_suffix(".qml"), layer.with_suffix(".sld"))


def write_category_names(raster, names):
    """Write GDAL's sidecar (``.aux.xml``) with the name of each class, which a GeoTIFF itself cannot hold."""
    root = ElementTree.Element("PAMDataset")
    band = ElementTree.SubElement(root, "PAMRasterBand", band="1")
    categories = ElementTree.SubElement(band, "CategoryNames")
    for name in names:
        ElementTree.SubElement(categories, "Category").text = name
    ElementTree.indent(root)
    path = Path(raster).with_name(Path(raster).name + ".aux.xml")
    path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=False) + b"\n")  # GDAL passes over a sidecar that has one
    return path

