"""When a raster is of: one rule for scenes, index images and covariates that change.

1. A tag of acquisition counts first (``ACQUISITION_DATE``, ``DATE_ACQUIRED``, ``SENSING_TIME``, ``PRODUCT_START_TIME``, ``DATETIME``,
   ``system:time_start`` ...), of a band its own.
2. Then the name: of a file without its ending, of a band its description.

   ============================================================  =============================================================
   ``2019-05-01`` ``2019_5_1`` ``x_20190501`` ``20190501T1030``   that day
   ``MOD13Q1_2016_001`` ``MOD13Q1.A2016353.h19v03``               that day of the year
   ``ndvi_20141202_20150320`` ``MOD13Q1_2016_001_2016_016``       a composite: the day in the middle of two, at most 200 days apart
   ``LC08_L2SP_193028_20220101_20220110``, ``S2A_MSIL2A_...``     the first day, of acquisition; the other is that of processing
   ``rain_2019-05`` ``rain_201905``                               that month, its 15th
   ``ndvi_2019`` ``2019``                                         that year, its 1 July
   ============================================================  =============================================================

   A day goes before a month, a month before a year. A date after a "v" is a version and does not count beside others (``..._v20230720``).
   A name that states several days, months or years otherwise, or a day that is not in the calendar, states none.
3. Then tags that may be anyone's date (``DATE``, ``TIME``), last the TIFF's own, which often is only that of the file; this is said.

Two things go before that order. A raster called by nothing but a year or a month (``2019``, ``2019-05``) stands for all of it whatever its tags
say; a tag within it only names the day. And a tag that states no more than a year or a month gives way to a name that states a day.
"""

import datetime
import re
from dataclasses import dataclass

from soilcore.data.rasters import plain_tags

_ACQUIRED = (
    "acquisition_date",
    "date_acquired",
    "sensing_time",
    "datatake_1_datatake_sensing_start",
    "product_start_time",
    "datetime",
    "soilcore_date",
    "system:time_start",
)
_ANY_DATE = ("date", "time", "tifftag_datetime")
_YEAR_DIGITS = r"(?<!\d)((?:19|20)\d\d)"
_DAY = re.compile(
    _YEAR_DIGITS + r"(?:([-_.:/])(\d{1,2})\2(\d{1,2})(?!\d)|(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?:\d\d){0,3}(?!\d))"  # a time may follow at once
)
_DAY_OF_YEAR = re.compile(_YEAR_DIGITS + r"[-_.]?([0-3]\d\d)(?=T\d|[^\dA-Za-z]|$)")  # "2019_250m" is no day
_MONTH = re.compile(_YEAR_DIGITS + r"[-_.]?(0[1-9]|1[0-2])(?![\dA-Za-z])")
_YEAR = re.compile(_YEAR_DIGITS + r"(?![\dA-Za-z])")
_NOTHING_ELSE = re.compile(r"\d{4}(?:[-_.]?\d\d){0,2}")
_PRODUCT = re.compile(r"(?<![A-Za-z0-9])(?:L[COTEM]0\d_|S2[A-D]_MSI)")
_VERSION = re.compile(r"(?<![A-Za-z])[vV]$")
_LONGEST_COMPOSITE = 200  # days
_EPOCH = datetime.date(1970, 1, 1)


@dataclass(frozen=True)
class RasterDate:
    """When a raster, or a band of it, is of.

    Parameters
    ----------
    day : datetime.date
        The 15th of a month, 1 July of a year, unless `exact`.
    kind : {"day", "month", "year"}
        What the raster stands for.
    exact : bool
        Whether a day is stated, be it one within the month or year that the raster stands for.
    whole_name : bool
        Whether the raster is called by its date and nothing else.
    note : str
        What is worth saying about it, in words without the raster's name; empty where nothing is. See `said_notes`.
    """

    day: datetime.date
    kind: str
    exact: bool
    whole_name: bool = False
    note: str = ""


def raster_date(name, tags):
    """When a raster, or a band of it, is of; the rule is that of this module.

    Parameters
    ----------
    name : str
        Name of the file without its ending, or description of the band.
    tags : dict of str to str
        Of the file, or of the band; names in any case.

    Returns
    -------
    RasterDate or None
        None where nothing states a date.

    Examples
    --------
    >>> raster_date("2025-03-17", {"ACQUISITION_DATE": "2025-03-19"}).day
    datetime.date(2025, 3, 19)
    >>> raster_date("2025", {"ACQUISITION_DATE": "2025-03-19"}).kind
    'year'
    """
    tags = plain_tags(tags)
    named, tagged = date_in(name), _tagged(tags, _ACQUIRED)[0]
    alone = _NOTHING_ELSE.fullmatch(name) is not None
    if named and alone and named[1] != "day":
        inside = tagged is not None and tagged[1] == "day" and _within(tagged[0], named)
        return RasterDate(tagged[0] if inside else named[0], named[1], inside, alone)
    told = [each for each in (tagged, named) if each]
    if told:
        day, kind = next((each for each in told if each[1] == "day"), told[0])
        if (day, kind) == tagged:
            other = alone and named and kind == "day" and named[0] != day
            return RasterDate(day, kind, kind == "day", alone, f"called by {named[0]}, but its tags say {day}, which counts" if other else "")
        note = "dated by the middle of the two days in its name" if kind == "day" and _is_composite(name) else ""
        return RasterDate(day, kind, kind == "day", alone, note)
    found, tag = _tagged(tags, _ANY_DATE)
    return None if found is None else RasterDate(*found, found[1] == "day", note=f"dated by its tag {tag.upper()}, perhaps only when it was written")


def date_in(text):
    """The day, month or year that a text states, as a name does.

    Returns
    -------
    (datetime.date, {"day", "month", "year"}) or None

    Examples
    --------
    >>> date_in("ndvi_2019")
    (datetime.date(2019, 7, 1), 'year')
    >>> date_in("S2_20190501")
    (datetime.date(2019, 5, 1), 'day')
    """
    days = _days(text)
    if days:
        first = _first(days, text)
        return None if first is None else (first, "day")
    months = {(datetime.date(int(year), int(month), 15), "month") for year, month in _MONTH.findall(text)}
    found = months or {(datetime.date(int(year), 7, 1), "year") for year in _YEAR.findall(text)}
    return found.pop() if len(found) == 1 else None


def day_in(text):
    """The day that a text states, such as "2025:03:17 02:50:00" or "T31UFU_20220101T103421_B02", as datetime.date; None where it states none."""
    found = date_in(text)
    return found[0] if found and found[1] == "day" else None


def said_notes(noted, most=5):
    """Notes on the dates of many rasters, in words.

    Parameters
    ----------
    noted : iterable of (str, str)
        Name and note of each raster; an empty note is left out.
    most : int
        Different notes, above which the others are counted.

    Returns
    -------
    tuple of str
    """
    by_note = {}
    for name, note in noted:
        if note:
            by_note.setdefault(note, []).append(name)
    said = [f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {note}" for note, names in by_note.items()]
    return tuple(said if len(said) <= most else [*said[:most], f"dates of {len(said) - most} more are odd like these"])


def _tagged(tags, names):
    """What the first tag that states a date says, and which it is."""
    for name in names:
        text = tags.get(name, "").strip()
        if name == "system:time_start" and re.fullmatch(r"\d{12,13}", text):
            return (_EPOCH + datetime.timedelta(milliseconds=int(text)), "day"), name
        if found := date_in(text):
            return found, name
    return None, ""


def _within(day, period):
    middle, kind = period
    return day.year == middle.year and (kind == "year" or day.month == middle.month)


def _days(text):
    """Days of a text in the order they stand, each once; None for one that is not in the calendar."""
    found = [(match, _calendar(match[1], match[3] or match[5], match[4] or match[6])) for match in _DAY.finditer(text)]
    found = found or [(match, _numbered(match[1], match[2])) for match in _DAY_OF_YEAR.finditer(text) if 1 <= int(match[2]) <= 366]
    proper = [day for match, day in found if not _VERSION.search(text[: match.start()])]
    return list(dict.fromkeys(proper or [day for _, day in found]))


def _first(days, text):
    """The one day that several stand for, or None."""
    if None in days:
        return None
    if len(days) == 1 or _PRODUCT.search(text):
        return days[0]
    apart = (days[1] - days[0]).days
    return days[0] + datetime.timedelta(apart // 2) if 0 < apart <= _LONGEST_COMPOSITE else None


def _is_composite(name):
    return len(_days(name)) > 1 and not _PRODUCT.search(name)


def _calendar(year, month, day):
    try:
        return datetime.date(int(year), int(month), int(day))
    except ValueError:
        return None


def _numbered(year, number):
    day = datetime.date(int(year), 1, 1) + datetime.timedelta(int(number) - 1)
    return day if day.year == int(year) else None
