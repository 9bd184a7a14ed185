"""Rasters that belong together in one folder and are filled window by window: differences, trends, labels."""

import math
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.data.cog import gtiff_profile, write_cog
from soilcore.mapping.layers import NO_CLASS, write_category_names
from soilcore.mapping.ramps import CONTINUOUS, DIFFERENCES, rgb_of
from soilcore.mapping.styles import Style, value_style, write_style_files

_STYLE_PIXELS = 200_000
_STYLE_PERCENTILES = (2, 98)


@dataclass(frozen=True)
class RasterLayer:
    """One raster of a set.

    Parameters
    ----------
    name : str
        File name without its ending.
    title : str
    unit : str
    colors, labels : tuple of str
        Of classes 0, 1, ...; then values are uint8 with 255 for no data, else float32 with NaN.
    signed : bool
        Whether the colours part at 0.
    limits : tuple of float, optional
        Range of the colours where it is always the same.
    percent : bool
        Whether values from 0 to 1 are told in percent.
    """

    name: str
    title: str
    unit: str = ""
    colors: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    signed: bool = False
    limits: tuple[float, float] | None = None
    percent: bool = False

    @property
    def is_classes(self):
        """Whether its values are class numbers."""
        return bool(self.labels)

    @property
    def nodata(self):
        """The number that stands for no data."""
        return NO_CLASS if self.is_classes else math.nan

    @property
    def dtype(self):
        """Of the values in the file."""
        return "uint8" if self.is_classes else "float32"


class RasterSet:
    """Rasters of one grid while they are made.

    Parameters
    ----------
    grid : Grid
    layers : sequence of RasterLayer
    tags : dict of str to str
        What every file says of its origin.
    """

    def __init__(self, grid, layers, tags=None):
        self.grid, self.layers, self.tags = grid, tuple(layers), dict(tags or {})
        self.step = max(1, math.ceil(math.sqrt(grid.height * grid.width / _STYLE_PIXELS)))
        self._samples = {layer.name: [] for layer in self.layers if not layer.is_classes}

    @contextmanager
    def opened(self, folder):
        """Open the intermediate files; gives ``write(window, arrays)`` with one array of the window's shape per layer."""
        import rasterio

        with ExitStack() as stack:
            files = {}
            for layer in self.layers:
                profile = gtiff_profile(self.grid, 1, layer.dtype, layer.nodata)
                files[layer.name] = stack.enter_context(rasterio.open(_intermediate(folder, layer.name), "w", **profile))
                self._describe(layer, files[layer.name])

            def write(window, arrays):
                place = (window.row, window.row + window.height), (window.col, window.col + window.width)
                for layer in self.layers:
                    files[layer.name].write(arrays[layer.name].astype(layer.dtype, copy=False), 1, window=place)
                self._sample(window, arrays)

            yield write
            for layer in self.layers:
                if not layer.is_classes:
                    style = self.style(layer)
                    files[layer.name].update_tags(
                        SOILCORE_STYLE_LOW=repr(style.low), SOILCORE_STYLE_HIGH=repr(style.high), SOILCORE_STYLE_RAMP=style.ramp
                    )

    def finish(self, folder, out, report):
        """Copy every raster into its cloud-optimised form with its style.

        Parameters
        ----------
        folder : pathlib.Path
            Where the intermediate files are, and the final ones will be.
        out : path
            What the folder will be called.

        Returns
        -------
        dict of str to str
            Where each raster will lie, by name.
        """
        places = {}
        for number, layer in enumerate(self.layers):
            report(number, len(self.layers), f"writing {layer.title[:1].lower()}{layer.title[1:]}")
            place, intermediate = folder / f"{layer.name}.tif", _intermediate(folder, layer.name)
            write_cog(intermediate, place, overviews="mode" if layer.is_classes else "average")
            intermediate.unlink()
            write_style_files(place, self.style(layer))
            if layer.is_classes:
                write_category_names(place, layer.labels)
            places[layer.name] = str(Path(out) / place.name)
        return places

    def style(self, layer):
        """How a raster is coloured."""
        if layer.is_classes:
            return Style("classes", colors=layer.colors, labels=layer.labels)
        low, high = layer.limits or self._percentiles(layer.name)
        if layer.signed and layer.limits is None:
            low, high = -max(abs(low), abs(high)), max(abs(low), abs(high))
        style = value_style(low, high, layer.unit, DIFFERENCES if layer.signed else CONTINUOUS)
        return replace(style, percent=layer.percent)

    def _percentiles(self, name):
        sample = np.concatenate(self._samples[name]) if self._samples[name] else np.empty(0)
        return tuple(np.percentile(np.sort(sample), _STYLE_PERCENTILES)) if sample.size else (0.0, 1.0)

    def _sample(self, window, arrays):
        """Keep pixels of a fixed grid, so that the colours do not depend on the windows."""
        for name, sample in self._samples.items():
            values = on_fixed_grid(window, arrays[name], self.step)
            sample.append(values[np.isfinite(values)].astype(float))

    def _describe(self, layer, raster):
        raster.descriptions = (layer.title,)
        raster.units = (layer.unit,)
        tags = {**self.tags, "SOILCORE_LAYER": layer.name, "SOILCORE_LAYER_TITLE": layer.title}
        if layer.is_classes:
            raster.write_colormap(1, {number: (*rgb_of(color), 255) for number, color in enumerate(layer.colors)} | {NO_CLASS: (0, 0, 0, 0)})
            tags |= {f"CLASS_{number}": label for number, label in enumerate(layer.labels)}
        raster.update_tags(**tags)


def on_fixed_grid(window, values, step):
    """Those values of a window that lie on every `step`-th row and column of the whole raster, whatever the window."""
    rows, cols = slice(-window.row % step, None, step), slice(-window.col % step, None, step)
    return values[rows, cols]


def check_result_folder(out, marker, overwrite=False):
    """Return the place of a folder of results as a Path, or refuse it.

    Parameters
    ----------
    out : path
    marker : str
        File that such a folder holds: only a folder with it is ever replaced.
    overwrite : bool

    Raises
    ------
    SettingsError
        If a file is there, or a folder that may not be replaced.
    """
    out = Path(out)
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise SettingsError(f"{str(out)!r} is not a folder. Choose another name.")
    if out.is_dir() and any(out.iterdir()):
        if not overwrite:
            raise SettingsError(f"The folder {str(out)!r} is not empty. Choose another name, or allow it to be replaced with --overwrite.")
        if not (out / marker).is_file():
            raise SettingsError(f"The folder {str(out)!r} holds other files than such a result, so it is not replaced. Choose another name.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"The folder of {str(out)!r} cannot be made: {error.strerror}. Choose another place.") from None
    return out


def _intermediate(folder, name):
    return folder / f"{name}.parts.gtiff"
