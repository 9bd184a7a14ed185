"""Quality layers: which pixels a product itself calls cloud, shadow, snow or no data, and how they are hidden.

The mask is made on the layer's own pixels, with as many pixels around every window as clouds are widened by, and taken to the scene's
pixels by nearest neighbour. It therefore depends on the place alone, never on the window that is read.

Classes: Sentinel-2 Level-2A scene classification (SCL, Products Specification Document) and Landsat Collection 2 QA_PIXEL (LSDS-1619).
"""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.grids import Grid, Window
from soilcore.data.pixels import FileSource
from soilcore.data.rasters import rasterio_window, same_crs

SCL, QA_PIXEL = "SCL", "QA_PIXEL"
SCL_CLASSES = {
    0: "no data",
    1: "saturated or defective",
    2: "dark area or cast shadow",
    3: "cloud shadow",
    4: "vegetation",
    5: "bare soil",
    6: "water",
    7: "unclassified",
    8: "cloud, medium probability",
    9: "cloud, high probability",
    10: "thin cirrus",
    11: "snow or ice",
}
KEPT_CLASSES = (4, 5, 7)
_SPREADING_CLASSES = (3, 8, 9, 10)  # their rims are thin cloud and half shadow
QA_BITS = {0: "fill", 1: "rim of cloud", 2: "cirrus", 3: "cloud", 4: "cloud shadow", 5: "snow"}
_SPREADING_BITS = (2, 3, 4)
MOST_DILATION = 50


@dataclass(frozen=True)
class QualityLayer:
    """Which band of which file says what may be used.

    Parameters
    ----------
    file : FileSource or CubeFile
    number : int
        Band of that file, from 1.
    kind : str
        "SCL" or "QA_PIXEL".
    grid : Grid
        Of the layer.
    keep : tuple of int
        SCL classes that are used; means nothing for QA_PIXEL.
    dilate : int
        Clouds and shadows are widened by this many pixels of the layer.
    step : int
        Pixels of the file along one of the layer's own: more than 1 in a stack that holds it on a finer grid, from the first row and column on.
    """

    file: FileSource
    number: int
    kind: str
    grid: Grid
    keep: tuple[int, ...] = KEPT_CLASSES
    dilate: int = 2
    step: int = 1

    def hidden(self, dataset, grid, window):
        """Which pixels of a window are not used.

        Parameters
        ----------
        dataset : rasterio.DatasetReader
            The layer's file.
        grid : Grid
            Of the scene.
        window : Window
            Within `grid`.

        Returns
        -------
        ndarray of bool, shape (rows, columns)
            True also where the layer does not reach.
        """
        rows, cols = _pixels_under(self.grid, grid, window)
        outside = (rows < 0) | (rows >= self.grid.height) | (cols < 0) | (cols >= self.grid.width)
        if outside.all():
            return np.ones((window.height, window.width), bool)
        rows, cols = np.clip(rows, 0, self.grid.height - 1), np.clip(cols, 0, self.grid.width - 1)
        part = Window(int(rows.min()), int(cols.min()), int(np.ptp(rows)) + 1, int(np.ptp(cols)) + 1)
        return self.mask(dataset, part)[rows - part.row, cols - part.col] | outside

    def mask(self, dataset, window):
        """Which of the layer's pixels are not used; `window` is one of the layer."""
        halo = self._with_halo(window)
        codes = as_codes(dataset.read(self.number, window=rasterio_window(halo)))[:: self.step, :: self.step]
        bad, spreading = bad_pixels(codes, self.kind, self.keep)
        if self.dilate:
            bad |= widened(spreading, self.dilate)
        if self.step > 1:
            bad = bad.repeat(self.step, 0).repeat(self.step, 1)
        return bad[window.row - halo.row :, window.col - halo.col :][: window.height, : window.width]

    def _with_halo(self, window):
        far = self.dilate * self.step
        top, left = (max(0, first // self.step * self.step - far) for first in (window.row, window.col))
        bottom = min(self.grid.height, window.row + window.height + self.step - 1 + far)
        right = min(self.grid.width, window.col + window.width + self.step - 1 + far)
        return Window(top, left, bottom - top, right - left)


def _pixels_under(layer, grid, window):
    """Row and column of the layer under each pixel centre of a window; broadcast to (rows, columns)."""
    x, y = _centres(grid, window)
    if not same_crs(layer.crs, grid.crs):
        from pyproj import Transformer

        x, y = np.broadcast_arrays(x, y)
        x, y = Transformer.from_crs(grid.crs, layer.crs, always_xy=True).transform(x.copy(), y.copy())
    to_layer = ~layer.transform
    rows, cols = to_layer.e * y + to_layer.f, to_layer.a * x + to_layer.c
    return tuple(np.where(np.isfinite(places), np.floor(places), -1).astype(int) for places in (rows, cols))


def _centres(grid, window):
    cols = np.arange(window.col, window.col + window.width)[None, :] + 0.5
    rows = np.arange(window.row, window.row + window.height)[:, None] + 0.5
    return grid.transform.a * cols + grid.transform.c, grid.transform.e * rows + grid.transform.f


def as_codes(values):
    """Stored codes as integers; NaN, as a stack of decimal numbers holds it, is 0 (no data)."""
    if np.issubdtype(values.dtype, np.floating):
        return np.where(np.isfinite(values), values, 0).astype(np.int64)
    return values


def bad_pixels(codes, kind, keep=KEPT_CLASSES):
    """Pixels that are not used, and those among them that are widened.

    Parameters
    ----------
    codes : ndarray of int
        SCL classes or QA_PIXEL numbers.
    kind : str
    keep : sequence of int
        SCL classes that are used.

    Returns
    -------
    bad, spreading : ndarray of bool
    """
    if kind == SCL:
        bad = ~np.isin(codes, keep)
        return bad, bad & np.isin(codes, _SPREADING_CLASSES)
    bits = sum(1 << bit for bit in QA_BITS)
    bad = ((codes & bits) != 0) | (codes == 0)
    spreading = (codes & sum(1 << bit for bit in _SPREADING_BITS)) != 0
    return bad, spreading & ((codes & 1) == 0)


def widened(pixels, distance):
    """Pixels within `distance` pixels (between centres) of those that are true."""
    from scipy.ndimage import binary_dilation

    if not pixels.any():
        return pixels
    away = np.arange(-distance, distance + 1)
    return binary_dilation(pixels, away[:, None] ** 2 + away**2 <= distance**2)


def quality_shares(layer, glance=False):
    """How much of a layer is hidden, and why.

    Parameters
    ----------
    layer : QualityLayer
    glance : bool
        See `soilcore.data.stored_values.sample_windows`.

    Returns
    -------
    shares : dict of str to float
        Share of the pixels by class that is hidden, and "around clouds" for the widening; 0-1, only what occurs.
    total : float
        Share that is hidden altogether.
    """
    from soilcore.data.rasters import reading
    from soilcore.data.stored_values import sample_windows

    counts, hidden, seen = {}, 0, 0
    with layer.file.opened() as dataset, reading(layer.file.label):
        for window in sample_windows(layer.grid, glance):
            codes = as_codes(dataset.read(layer.number, window=rasterio_window(window)))
            hidden += int(np.count_nonzero(layer.mask(dataset, window)))
            seen += codes.size
            for label, count in _counted(codes, layer):
                counts[label] = counts.get(label, 0) + count
    counts["around clouds"] = hidden - sum(counts.values())
    return {label: count / seen for label, count in counts.items() if count}, hidden / seen


def _counted(codes, layer):
    """Hidden pixels by class; a pixel of several QA_PIXEL bits counts for the gravest."""
    values, counts = np.unique(codes, return_counts=True)
    bad, _ = bad_pixels(values, layer.kind, layer.keep)
    for value, count, is_bad in zip(values.tolist(), counts.tolist(), bad, strict=True):
        if is_bad:
            yield _label(value, layer.kind), count


def _label(value, kind):
    if kind == SCL:
        return SCL_CLASSES.get(value, f"class {value}")
    return next((QA_BITS[bit] for bit in (0, 3, 4, 2, 5, 1) if value & (1 << bit)), "fill")


def quality_words(layer, shares, total):
    """What a layer hides, as sentences for `assumed`."""
    each = ", ".join(f"{label} {100 * share:.2g} %" for label, share in sorted(shares.items(), key=lambda pair: -pair[1]))
    wide = (
        f"clouds and their shadows widened by {layer.dilate} pixels of {layer.grid.cell_size[0] * layer.step:g}"
        if layer.dilate
        else "clouds not widened"
    )
    kept = f"kept: {', '.join(f'{code} {SCL_CLASSES[code]}' for code in layer.keep)}" if layer.kind == SCL else "water kept"
    sentences = [f"{100 * total:.2g} % of the pixels hidden by {layer.kind} ({kept}; {wide}): {each or 'none'}"]
    if layer.kind == SCL and "water" in shares:
        sentences.append("water hidden with the rest by SCL: it is no soil; to keep it, add class 6 to the classes that are kept")
    return tuple(sentences)


def check_quality_settings(settings):
    """Refuse impossible answers on the quality layer.

    Raises
    ------
    SettingsError
    """
    if settings.quality not in ("mask", "none"):
        raise SettingsError(f"The quality setting {settings.quality!r} is not known. Use 'mask' to hide clouds by SCL or QA_PIXEL, or 'none'.")
    if not isinstance(settings.dilate, int) or not 0 <= settings.dilate <= MOST_DILATION:
        raise SettingsError(f"Clouds cannot be widened by {settings.dilate} pixels. Choose 0 to {MOST_DILATION}.")
    unknown = [code for code in settings.keep if code not in SCL_CLASSES]
    if unknown:
        raise SettingsError(
            f"The scene classification has no class {unknown[0]!r}. Classes: {', '.join(f'{k} {v}' for k, v in SCL_CLASSES.items())}."
        )
