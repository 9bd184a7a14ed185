"""Where XGBoost is fitted: a CUDA device if there is one and the installed build can use it."""

import ctypes
import sys
from functools import cache

from soilcore.core.errors import SettingsError

DEVICES = ("auto", "cpu", "cuda", "mps")
_DRIVERS = ("nvcuda.dll",) if sys.platform == "win32" else ("libcuda.so.1", "libcuda.so")


def choose_device(asked):
    """Device XGBoost will use, and why it is not the one asked for.

    Parameters
    ----------
    asked : {"auto", "cpu", "cuda", "mps"}

    Returns
    -------
    device : {"cpu", "cuda"}
    note : str
        Empty unless another device was asked for.

    Raises
    ------
    SettingsError
        If the name is none of these.
    """
    check_device(asked)
    if asked == "cpu":
        return "cpu", ""
    if asked == "mps":
        return "cpu", "XGBoost does not run on mps; the cpu was used."
    reason = _why_no_cuda()
    if not reason:
        return "cuda", ""
    return "cpu", f"{reason}; the cpu was used." if asked == "cuda" else ""


def check_device(asked):
    """Refuse the name of a device that does not exist; the message lists those that do."""
    if asked not in DEVICES:
        raise SettingsError(f"There is no device {asked!r}. Choose one of {', '.join(DEVICES)}.")


@cache
def _why_no_cuda():
    """Why XGBoost cannot use CUDA here, or an empty text when it can."""
    import xgboost

    if not xgboost.build_info().get("USE_CUDA", False):
        return "The installed XGBoost was built without CUDA (install the distribution xgboost instead of xgboost-cpu)"
    return "" if cuda_devices() > 0 else "No CUDA device was found"


def cuda_devices():
    """Number of CUDA devices the driver shows; 0 where there is no driver. Asks the driver itself, so nothing is printed and no context is made."""
    for name in _DRIVERS:
        try:
            driver = ctypes.CDLL(name)
        except OSError:
            continue
        count = ctypes.c_int(0)
        if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0:
            return count.value
    return 0
