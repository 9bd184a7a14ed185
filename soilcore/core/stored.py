"""Plain values from a model folder, checked one by one: a file whose hashes were made anew may say anything."""

import math
from reprlib import repr as short

from soilcore.core.errors import ModelError

UNTOUCHED = "Take an untouched copy of the folder, or train again."


def checked_whole(value, what, least, most):
    """A whole number within limits.

    Parameters
    ----------
    value : object
        As the file has it.
    what : str
        Of the model, to follow "The model's".
    least, most : int

    Returns
    -------
    int

    Raises
    ------
    ModelError
        If it is anything else.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ModelError(f"The model's {what} is {short(value)}, but must be a whole number from {least} to {most}. {UNTOUCHED}")
    return value


def checked_number(value, what, *, above=-math.inf, least=-math.inf, most=math.inf):
    """A finite number within limits, as float; see `checked_whole`. It must be greater than `above`, at least `least` and at most `most`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not _finite(value) or not (value > above and least <= value <= most):
        bounds = ((above, "above"), (least, "of at least"), (most, "of at most"))
        wanted = " and ".join(f"{words} {bound:g}" for bound, words in bounds if math.isfinite(bound))
        raise ModelError(f"The model's {what} is {short(value)}, but must be a finite number{f' {wanted}' if wanted else ''}. {UNTOUCHED}")
    return float(value)


def checked_text(value, what):
    """A text; see `checked_whole`."""
    if not isinstance(value, str):
        raise ModelError(f"The model's {what} is {short(value)}, but must be a text. {UNTOUCHED}")
    return value


def checked_names(value, what, least=1):
    """Different texts that are not empty, as tuple; see `checked_whole`. At least `least` of them."""
    value = checked_list(value, what, least)
    if any(not isinstance(one, str) or not one for one in value) or len(set(value)) < len(value):
        raise ModelError(f"The model's {what} are {short(value)}, but must be different names. {UNTOUCHED}")
    return tuple(value)


def checked_list(value, what, least=0, most=math.inf):
    """A list of so many values; see `checked_whole`."""
    if not isinstance(value, (list, tuple)) or not least <= len(value) <= most:
        found = f"a list of {len(value)}" if isinstance(value, (list, tuple)) else short(value)
        wanted = f"{least} or more" if math.isinf(most) else f"{least}" if least == most else f"{least} to {most}"
        raise ModelError(f"The model's {what} are {found}, but must be a list of {wanted}. {UNTOUCHED}")
    return list(value)


def checked_record(value, what, needed):
    """Values by name that has all that are needed; see `checked_whole`."""
    if not isinstance(value, dict) or any(not isinstance(key, str) for key in value):
        raise ModelError(f"The model's {what} is {short(value)}, but must be values by name. {UNTOUCHED}")
    if missing := [name for name in needed if name not in value]:
        raise ModelError(f"The model's {what} lacks {missing[0]!r}. {UNTOUCHED}")
    return value


def _finite(value):
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number too large for a float
        return False
