"""Dates of index images, by what their names or tags say: a day, two days between which a composite was made, or year and day of year."""

import datetime
import re
from pathlib import Path

import numpy as np

from soilcore.core.errors import SceneError

_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.:]?(0[1-9]|1[0-2])[-_.:]?(0[1-9]|[12]\d|3[01])(?!\d)")
_DAY_OF_YEAR = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_.]?([0-3]\d\d)(?!\d)")
_STAMP = re.compile(r"(?<!\d)((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])T?\d{4,6}(?!\d)")
_LONGEST_COMPOSITE = 200
_LANDSAT = re.compile(r"^L[COTEM]0\d_")  # names the day of acquisition, then that of processing
_TAGS = ("acquisition_date", "date_acquired", "sensing_time", "datetime", "date", "system:time_start")


def day_of_text(text):
    """The day a text stands for.

    Parameters
    ----------
    text : str
        Such as "2025-03-17", "MOD13Q1_2016_001", "ndvi_20141202_20150320" (a composite: the day in its middle) or "T33TVM_20220101T103421".

    Returns
    -------
    datetime.date or None
        None where it names no day, or several that make no composite.
    """
    days = sorted({day for parts in (_DAY.findall(text) or _STAMP.findall(text)) if (day := _day(*parts))})
    if not days:
        days = sorted({day for year, number in _DAY_OF_YEAR.findall(text) if (day := _numbered(year, number))})
    if len(days) == 1:
        return days[0]
    if _LANDSAT.match(text) and days:
        return days[0]
    # A name may end with the version of the product, a date of its own: the first two are the composite's.
    first_two = [day for parts in _DAY.findall(text) if (day := _day(*parts))][:2]
    if len(first_two) == 2 and 0 < (first_two[1] - first_two[0]).days <= _LONGEST_COMPOSITE:
        return first_two[0] + (first_two[1] - first_two[0]) / 2
    return None


def is_composite(text):
    """Whether a name tells two days between which a composite was made."""
    return not _LANDSAT.match(text) and len([1 for parts in _DAY.findall(text) if _day(*parts)]) > 1


def day_of_raster(path, tags, number=None, description=""):
    """Day of a file, or of one band of it, by tag, else by description, else by name.

    Raises
    ------
    SceneError
        If nothing names a day.
    """
    told = {name.lower(): value for name, value in tags.items()}
    texts = [description] if number is not None else []
    texts += [told[name] for name in _TAGS if name in told]
    texts += [Path(path).stem] if number is None else []
    for text in texts:
        if day := day_of_text(str(text)):
            return day
    if number is not None:
        raise SceneError(
            f"Band {number} of {str(path)!r} has no date: its description is {description!r}. Describe each band by its day, such as 2025-03-17 (gdal_edit.py)."
        )
    raise SceneError(f"{Path(path).name!r} has no date. Put its day into its name, such as NDVI_2025-03-17.tif or NDVI_2025_076.tif.")


def as_days(dates):
    """Dates as ndarray of datetime64[D]."""
    return np.array([str(date) for date in dates], "datetime64[D]")


def _day(year, month, day):
    try:
        return datetime.date(int(year), int(month), int(day))
    except ValueError:
        return None


def _numbered(year, number):
    if not 1 <= int(number) <= 366:
        return None
    day = datetime.date(int(year), 1, 1) + datetime.timedelta(int(number) - 1)
    return day if day.year == int(year) else None
