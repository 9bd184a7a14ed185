"""The layers of a map: what kinds there are, how each is named and coloured, and how its files appear together or not at all."""

import os
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.files import check_output
from soilcore.mapping.ramps import CONTINUOUS

NO_CLASS = 255  # nodata of uint8 rasters
NO_COUNT = -1  # nodata of int32 rasters
OUTSIDE, INSIDE = 0, 1
VARIOGRAM_TAG = "SOILCORE_ERROR_VARIOGRAM"  # in the files of a map: JSON of the variogram of the model's errors
STEP_CLASS = "step_class"  # a learner's own classes; "class" is the layer of a class scheme
_STYLES = (".qml", ".sld")
_P_GT, _P_CLASS = "p_gt", "p_class"


@dataclass(frozen=True)
class LayerKind:
    """One kind of raster that a map may consist of.

    Parameters
    ----------
    id : str
        Key in the facts of a map; some have a number behind it: ``p_gt_4``, ``p_class_2``.
    title : str
        What it shows; ``{level}``, ``{value}`` and ``{unit}`` are filled in.
    unit : str
        Of the values; "target" for the unit of the target.
    dtype : {"float32", "uint8", "int32"}
        Nodata is NaN, 255 or -1.
    ramp : str
        Colours of a continuous layer.
    limits : tuple of float, optional
        Range of the colours where it is always the same; else it follows the values.
    colors, labels : tuple of str
        Of classes 0, 1, ...
    """

    id: str
    title: str
    unit: str = ""
    dtype: str = "float32"
    ramp: str = CONTINUOUS
    limits: tuple[float, float] | None = None
    colors: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @property
    def nodata(self):
        """The number that stands for no data in the file."""
        return {"float32": float("nan"), "uint8": NO_CLASS, "int32": NO_COUNT}[self.dtype]

    @property
    def is_classes(self):
        """Whether its values are class numbers."""
        return self.id in ("class", STEP_CLASS) or bool(self.labels)

    @property
    def is_share(self):
        """Whether the values are probabilities, shown in percent."""
        return self.id in (_P_GT, _P_CLASS, "p_high")

    def unit_of(self, target_unit):
        """Unit of the values, given that of the target."""
        return (target_unit or "") if self.unit == "target" else self.unit


KINDS = (
    LayerKind("value", "Prediction", "target"),
    LayerKind("class", "Classes", dtype="uint8"),
    LayerKind("lower", "Lower bound of the {level} prediction interval", "target"),
    LayerKind("upper", "Upper bound of the {level} prediction interval", "target"),
    LayerKind(_P_GT, "Probability of more than {value} {unit}", limits=(0.0, 1.0)),
    LayerKind("di", "Dissimilarity to the training samples"),
    LayerKind(
        "aoa",
        "Area of applicability",
        dtype="uint8",
        colors=("#D55E00", "#0072B2"),  # told apart with every kind of colour vision, and in grey
        labels=("outside: unlike the training samples, the scores do not hold", "inside: like the training samples"),
    ),
    LayerKind("error", "Expected error (RMSE) at this dissimilarity", "target"),
    LayerKind("lpd", "Training samples alike", "samples", dtype="int32"),
    LayerKind("p_high", "Probability of the high class", limits=(0.0, 1.0)),
    LayerKind(_P_CLASS, "Probability of class {value}", limits=(0.0, 1.0)),
    LayerKind("entropy", "Entropy of the class probabilities, 0 certain to 1 undecided", limits=(0.0, 1.0)),
    LayerKind(STEP_CLASS, "Class of the first step", dtype="uint8"),
)
_BY_ID = {kind.id: kind for kind in KINDS}
_NUMBERED = {_P_GT: float, _P_CLASS: int}  # kinds that a map may hold several of, told apart by a number


@dataclass(frozen=True)
class MapLayer:
    """A layer of a finished map.

    Parameters
    ----------
    key : str
        As in the facts of the map: ``value``, ``lower``, ``p_gt_4``, ...
    kind : LayerKind
    path : pathlib.Path
    title : str
        What it shows, with level and unit.
    unit : str
    """

    key: str
    kind: LayerKind
    path: Path
    title: str
    unit: str


def layer_kind(key):
    """The kind of a layer by its key in a map's facts; a learner's own layer of an unknown name is a plain one.

    Parameters
    ----------
    key : str

    Returns
    -------
    LayerKind
    """
    family, _ = _parsed(key)
    return _BY_ID.get(family or key) or LayerKind(key, key.replace("_", " ").capitalize())


def number_of(key):
    """What a key has behind the name of its kind, as text: ``"4"`` of ``p_gt_4``; empty for the others."""
    family, _ = _parsed(key)
    return key[len(family) + 1 :] if family else ""


def threshold_key(value):
    """Key of the layer with the probability of more than `value`: 4.0 gives ``p_gt_4``, 2.5 ``p_gt_2.5``."""
    return f"{_P_GT}_{np.format_float_positional(value, trim='-')}"


def layer_path(out, key="value"):
    """Place of a layer by its key: ``map.tif`` and ``"class"`` give ``map_class.tif``, and "value" the map itself."""
    out = Path(out)
    return out if key == "value" else out.with_name(f"{out.stem}_{key}{out.suffix}")


def layers_of(out):
    """The layers that lie beside a map, the map itself first.

    Parameters
    ----------
    out : path
        The map.

    Returns
    -------
    tuple of MapLayer
        In the order of `KINDS`; titles and units as the files say. Styles: `soilcore.mapping.tiles.style_of`.
    """
    from soilcore.data.rasters import opened_raster

    layers = []
    for key, path in _places(Path(out)):
        if path.is_file():
            with opened_raster(path) as raster:
                title, unit = raster.tags().get("SOILCORE_LAYER_TITLE"), raster.units[0] or ""
            layers.append(MapLayer(key, layer_kind(key), path, title or layer_kind(key).title, unit))
    return tuple(layers)


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
    for _, path in _places(out):
        check_output(path, overwrite)
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


def _places(out):
    """Key and place of every layer that a map of this name may have; of numbered ones those that are there."""
    there = {path.stem[len(out.stem) + 1 :] for path in _beside(out)}
    for kind in KINDS:
        keys = sorted((key for key in there if _parsed(key)[0] == kind.id), key=lambda key: _parsed(key)[1]) if kind.id in _NUMBERED else [kind.id]
        yield from ((key, layer_path(out, key)) for key in keys)


def _beside(out):
    """Rasters and style files that begin like a layer of this map."""
    there = out.parent.iterdir() if out.parent.is_dir() else ()
    return [path for path in there if path.suffix in (out.suffix, *_STYLES) and path.stem.startswith(f"{out.stem}_")]


def _parsed(key):
    """Kind and number of a key like ``p_gt_4``, or (None, None)."""
    for family, number in _NUMBERED.items():
        if key.startswith(f"{family}_"):
            try:
                return family, number(key[len(family) + 1 :])
            except ValueError:
                continue
    return None, None


def _family(out):
    """Every file that a map of this name may have."""
    for _, layer in _places(out):
        yield from (layer, layer.with_name(f"{layer.name}.aux.xml"), *(layer.with_suffix(style) for style in _STYLES))


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
