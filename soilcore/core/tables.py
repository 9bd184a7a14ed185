"""Tables that are data, each with its source: indices, sensors, units, class schemes, conversions, column names."""

import json
from functools import cache
from importlib import resources


@cache
def load_table(name):
    """Read ``soilcore/tables/<name>.json``.

    Parameters
    ----------
    name : str
        File name without the suffix.

    Returns
    -------
    dict
        The parsed document. It is shared by all callers: do not change it.
    """
    return json.loads((resources.files("soilcore") / "tables" / f"{name}.json").read_text(encoding="utf-8"))
