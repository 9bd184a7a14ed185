"""A look at stored values before they are scaled: what runs from where to where, and how much is missing and why."""

import numpy as np

from soilcore.core.grids import Window
from soilcore.data.pixels import PixelReader
from soilcore.data.scaling import PixelFacts
from soilcore.data.sensors import is_reflective

WHOLE_PIXELS = 1 << 22  # up to 2048 x 2048 everything is looked at
_BLOCKS_ASIDE, _BLOCK = 4, 256
_GLANCE_ASIDE = 2  # blocks along a side when a glance is enough
_FEW_PIXELS = 10_000  # fewer of them without cloud tell too little


def sample_windows(grid, glance=False):
    """Windows that stand for a grid: all of a small one, else 16 blocks spread over it, or 4 for a glance."""
    if grid.height * grid.width <= (_GLANCE_ASIDE**2 * _BLOCK**2 if glance else WHOLE_PIXELS):
        return tuple(grid.windows(512))
    aside = _GLANCE_ASIDE if glance else _BLOCKS_ASIDE
    rows = np.linspace(0, max(0, grid.height - _BLOCK), aside + 2)[1:-1].astype(int) // _BLOCK * _BLOCK
    cols = np.linspace(0, max(0, grid.width - _BLOCK), aside + 2)[1:-1].astype(int) // _BLOCK * _BLOCK
    return tuple(
        Window(int(row), int(col), min(_BLOCK, grid.height - row), min(_BLOCK, grid.width - col))
        for row in np.unique(rows)
        for col in np.unique(cols)
    )


def stored_facts(grid, files, bands, glance=False):
    """Facts of every band's stored values.

    Parameters
    ----------
    grid : Grid
    files : sequence of FileSource
    bands : sequence of BandSource
    glance : bool
        Look at four blocks only, unless clouds or the scene's edge hide all of them.

    Returns
    -------
    facts : dict of str to PixelFacts
        By band name.
    assumed : tuple of str
        What is taken as no data, in words with shares.
    """
    values, causes = stored_values(grid, files, bands, glance)
    if glance and any(np.count_nonzero(np.isfinite(array)) < _FEW_PIXELS for array in values.values()):
        values, causes = stored_values(grid, files, bands)
    return {name: PixelFacts.of(array) for name, array in values.items()}, _in_words(bands, causes, sum(map(np.size, values.values())))


def stored_values(grid, files, bands, glance=False, quality=None):
    """Stored values of the sampled windows, float64 with NaN where missing, and how many are missing for which cause.

    With a quality layer, what it hides is missing too. The scaling is judged without it: water and shadow are the evidence of the offset.
    """
    parts = {band.name: [] for band in bands}
    causes = dict.fromkeys(("nodata", "zero", "infinite", "mask"), 0)
    with PixelReader(grid, files, bands, quality) as reader:
        for window in sample_windows(grid, glance):
            hidden = reader.hidden(window)
            for number in range(len(files)):
                ours = [band for band in bands if band.file == number]
                if not ours:
                    continue
                stored, masked = reader.stored(window, number, [band.number for band in ours])
                for band, layer in zip(ours, stored, strict=True):
                    values = _without_missing(layer, band, masked, causes)
                    if hidden is not None and is_reflective(band.name):
                        values[hidden.ravel()] = np.nan
                    parts[band.name].append(values)
    return {name: np.concatenate(pieces) for name, pieces in parts.items()}, causes


def _without_missing(layer, band, masked, causes):
    missing = band.missing(layer)
    if masked is not None:
        causes["mask"] += int(np.count_nonzero(masked & ~missing))
        missing |= masked
    causes["zero"] += int(np.count_nonzero(layer == 0)) if band.zero_is_nodata and band.nodata != 0 else 0
    causes["infinite"] += int(np.count_nonzero(np.isinf(layer)))
    if band.nodata is not None:
        causes["nodata"] += int(np.count_nonzero(layer == band.nodata))
    values = layer.astype(float)
    values[missing] = np.nan
    return values.ravel()


def _in_words(bands, causes, total):
    number = next((band.nodata for band in bands if band.nodata is not None), None)
    words = {
        "nodata": f"the nodata value {number:g}" if number is not None else "",
        "zero": "the stored value 0, taken as no data",
        "infinite": "infinite values, taken as no data",
        "mask": "hidden by the file's mask",
    }
    return tuple(f"{100 * count / total:.2g} % of the values are {words[cause]}" for cause, count in causes.items() if count and cause != "nodata")
