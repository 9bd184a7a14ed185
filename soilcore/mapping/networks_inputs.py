"""What networks read at the pixels of a window: scaled once for the whole window, handed out a batch at a time."""

from dataclasses import replace

import numpy as np

from soilcore.models.network_needs import CENTRE, IMAGE, WINDOW
from soilcore.models.neural_inputs import ELEVATION, SoilNetInputs
from soilcore.models.neural_scaling import Scaled, minus_window_mean


def shared_inputs(inputs, seen):
    """What the pixels of one window give a network.

    Parameters
    ----------
    inputs : SoilNetInputs or SSSoilNetInputs
        With the scaling of training.
    seen : Seen

    Returns
    -------
    SoilNetPixels or SSSoilNetPixels
    """
    return SoilNetPixels(inputs, seen) if isinstance(inputs, SoilNetInputs) else SSSoilNetPixels(inputs, seen)


class SoilNetPixels:
    """Image windows of pixels, and months of climate by cell of the climate.

    Attributes
    ----------
    surface : Surface
        Says which patch belongs to a pixel.
    layers : ndarray of float32, shape (channels, ...)
        As the surface's values, scaled.
    climate : ndarray of float32, shape (n_sites, months, variables), or None
    """

    def __init__(self, inputs, seen):
        self.surface = seen.surfaces[IMAGE]
        self.layers = inputs.image(self.surface.values, axis=0)
        self.climate = None if inputs.climate is None else inputs.climate(seen.months.values)
        self._site = None if inputs.climate is None else seen.months.site

    embed = "embed_image"  # the network's method that makes something of patches
    centred = None  # no layer depends on the window that it is seen in

    def of_pixels(self, rows, cols):
        """What the network reads of pixels beside patch and climate: nothing."""
        return {}

    def site(self, rows, cols):
        """Which of `climate` belongs to pixels."""
        return self._site[rows, cols]


class SSSoilNetPixels:
    """Layers of windows, spectra (means of 3 x 3 cells made once for all pixels) and indices.

    Attributes
    ----------
    surface : Surface or None
    layers : ndarray of float32, shape (layers, ...), or None
        As the surface's values, scaled; elevation as it is, for it loses the mean of each window first.
    centred : CentredLayer or None
    """

    embed = "embed_window"
    climate = None

    def __init__(self, inputs, seen):
        read, count = [*inputs.columns, *([] if inputs.ndvi is None else [inputs.ndvi])], len(inputs.columns)
        self._features, self._width = seen.features[read].reshape(len(read), -1), seen.features.shape[2]
        self._inputs = replace(inputs, columns=tuple(range(count)), ndvi=None if inputs.ndvi is None else count)  # as they stand in `_table`
        self.surface = seen.surfaces[WINDOW] if inputs.layers else None
        self.layers = self.centred = None
        if inputs.layers:
            self.layers = inputs.window(self.surface.values, axis=0)
            if ELEVATION in inputs.layers:
                self.centred = CentredLayer.of(inputs, self.surface.values)
        self._centre = seen.surfaces.get(CENTRE)
        self._spectrum = None if self._centre is None else mean_of_squares(self._centre.values, self._centre.size)

    def of_pixels(self, rows, cols):
        """``indices``, ``missing``, ``ndvi`` and, where it is read, ``spectrum`` of pixels, scaled."""
        mean = None
        if self._spectrum is not None:
            mean = self._spectrum[:, self._centre.rows[rows], self._centre.cols[cols]].T
        found = self._inputs.of_table(self._table(rows, cols), None if mean is None else mean[:, :, None, None])
        if self._inputs.bands:
            found["spectrum"] = self._inputs.spectrum(mean)
        return found

    def _table(self, rows, cols):
        """The predictors that are read, shape (n, n_read); neighbours in one row of the window are taken together."""
        place = rows * self._width + cols
        first, last = place[0], place[-1]
        in_order = last - first + 1 == len(place) and (np.diff(place) == 1).all()
        return self._features[:, slice(first, last + 1) if in_order else place].T


class CentredLayer:
    """A layer of the window from which each window's own mean is taken.

    Parameters
    ----------
    number : int
        Of the layer.
    values : ndarray of float32
        As read, NaN where missing.
    scaling : Scaled
    """

    def __init__(self, number, values, scaling):
        self.number, self.values, self.scaling = number, values, scaling

    @classmethod
    def of(cls, inputs, values):
        """Elevation among the layers of a network."""
        number = inputs.layers.index(ELEVATION)
        own = slice(number, number + 1)
        scaling = Scaled(inputs.window.shift[own], inputs.window.spread[own], inputs.window.low, inputs.window.high)
        return cls(number, values[own], scaling)

    def of_windows(self, windows):
        """Scaled layer of windows, float32 of shape (n, rows, columns), from those of `values`."""
        return self.scaling(minus_window_mean(windows)[:, None], axis=1)[:, 0]


def mean_of_squares(values, size):
    """Means of the known cells of the square round every pixel, NaN where none is known.

    Parameters
    ----------
    values : ndarray of float32, shape (bands, n_rows + size - 1, n_cols + size - 1)
    size : int

    Returns
    -------
    ndarray of float32, shape (bands, n_rows, n_cols)
    """
    means = np.empty((len(values), values.shape[1] - size + 1, values.shape[2] - size + 1), np.float32)
    for band, mean in zip(values, means, strict=True):
        known = np.isfinite(band)
        if known.all():
            mean[:] = _sums(band, size) / size**2
            continue
        count = _sums(known, size)
        total = _sums(np.where(known, band, 0.0), size)
        mean[:] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means


def _sums(values, size):
    """Sums over squares, float64."""
    rows, cols = values.shape[0] - size + 1, values.shape[1] - size + 1
    down = sum(values[step : step + rows].astype(float) for step in range(size))
    return sum(down[:, step : step + cols] for step in range(size))
