"""What stored numbers of a vegetation index mean: indices are between -1 and 1, files multiply them to store whole numbers."""

import numpy as np

from soilcore.core.errors import SceneError, SettingsError

_LARGEST_INDEX = 1.6  # EVI exceeds 1 over bright clouds
_STEPS = ((100.5, 0.01), (1005.0, 0.001), (20000.0, 0.0001))
_BYTE_STEP = 1 / 250  # bytes that hold more than 100 are stretched over 0-250, with 251-255 for flags


def check_scale(scale):
    """Refuse an impossible factor.

    Raises
    ------
    SettingsError
    """
    if scale is not None and not (np.isfinite(scale) and scale > 0):
        raise SettingsError(f"The scale {scale:g} is impossible: it must be above 0, for example 0.0001.")


def decide_scale(values, name, given=None, stated=None, is_byte=False):
    """Factor from stored values to the index.

    Parameters
    ----------
    values : ndarray
        Some stored values without nodata.
    name : str
        Of the file or column, for messages.
    given : float, optional
        What the user said; wins.
    stated : float, optional
        What the file says of itself; 1 counts as nothing.
    is_byte : bool
        Whether the file stores bytes.

    Returns
    -------
    scale : float
    assumed : tuple of str

    Raises
    ------
    SceneError
        If the values fit no usual factor.
    """
    check_scale(given)
    if given is not None:
        return float(given), ()
    if stated not in (None, 1.0):
        return float(stated), ()
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 1.0, ()
    low, high = float(values.min()), float(np.percentile(values, 99.9))
    if high <= _LARGEST_INDEX:
        return 1.0, ()
    found = f"stored values run from {low:g} to {float(values.max()):g}"
    if is_byte and high > 100.5:
        return _BYTE_STEP, (f"scale 0.004 (1/250): {found}, more than an index times 100 can be; dates do not depend on it, amplitude and speed do",)
    for limit, scale in _STEPS:
        if high <= limit:
            return scale, (f"scale {scale:g}: {found}",)
    raise SceneError(f"The values of {name!r} cannot be a vegetation index: {found}. Say the factor to the index with --scale.")
