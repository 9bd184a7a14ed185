"""Soil texture: classes from sand, silt and clay, and the names people give them."""

from functools import cache

import numpy as np

from soilcore.core.quantities import plain_spelling
from soilcore.core.tables import load_table

HEAVY_CLAY_PERCENT = 60.0


def texture_class(sand, silt, clay):
    """USDA texture class.

    Parameters
    ----------
    sand, silt, clay : array-like of float, or float
        Percent by mass; they should sum to 100.

    Returns
    -------
    ndarray of object, or str for single values
        One of the twelve class names; None where a value is missing or the sum is further than 5 from 100.

    References
    ----------
    USDA Soil Survey Manual, chapter 3. The rules divide the triangle without gap or overlap.
    """
    scalar = np.ndim(sand) == 0 and np.ndim(clay) == 0
    sand, silt, clay = np.atleast_1d(*np.broadcast_arrays(*(np.asarray(part, dtype=float) for part in (sand, silt, clay))))
    with np.errstate(invalid="ignore"):
        usable = (np.abs(sand + silt + clay - 100) <= 5) & (sand >= 0) & (silt >= 0) & (clay >= 0)
        chosen = np.select(_rules(sand, silt, clay), _ORDER, default="clay")
    named = np.where(usable, chosen, None)
    return named[0] if scalar else named


_ORDER = (
    "sand",
    "loamy sand",
    "sandy loam",
    "loam",
    "silt loam",
    "silt",
    "sandy clay loam",
    "clay loam",
    "silty clay loam",
    "sandy clay",
    "silty clay",
)


def _rules(sand, silt, clay):
    light = silt + 1.5 * clay
    heavy = silt + 2 * clay
    sandy_loam = ((clay >= 7) & (clay < 20) & (sand > 52) & (heavy >= 30)) | ((clay < 7) & (silt < 50) & (heavy >= 30))
    silt_loam = ((silt >= 50) & (clay >= 12) & (clay < 27)) | ((silt >= 50) & (silt < 80) & (clay < 12))
    return [
        light < 15,
        (light >= 15) & (heavy < 30),
        sandy_loam,
        (clay >= 7) & (clay < 27) & (silt >= 28) & (silt < 50) & (sand <= 52),
        silt_loam,
        (silt >= 80) & (clay < 12),
        (clay >= 20) & (clay < 35) & (silt < 28) & (sand > 45),
        (clay >= 27) & (clay < 40) & (sand > 20) & (sand <= 45),
        (clay >= 27) & (clay < 40) & (sand <= 20),
        (clay >= 35) & (sand > 45),
        (clay >= 40) & (silt >= 40),
    ]


def read_texture_names(names, clay=None):
    """Class names from what stands in a texture column.

    Parameters
    ----------
    names : sequence of str, shape (n_samples,)
        USDA names or codes ("sandy loam", "SL"), several languages, or loose field terms ("Clayey").
    clay : array-like of float, shape (n_samples,), optional
        Percent; clay with 60 % or more becomes heavy clay.

    Returns
    -------
    classes : ndarray of object, shape (n_samples,)
        Class names; None where nothing stands or the name is unknown.
    loose : dict
        Field terms that have no exact class, and the class they were taken for.
    unknown : tuple of str
        Names nobody knows.
    """
    exact, loose_names = _names()
    loose, unknown, classes = {}, [], []
    for name in names:
        plain = plain_spelling(name).replace("_", " ").replace("-", " ") if isinstance(name, str) else ""
        if plain in exact or not plain:
            classes.append(exact.get(plain))
        elif plain in loose_names:
            loose[name] = loose_names[plain]
            classes.append(loose_names[plain])
        else:
            unknown.append(name)
            classes.append(None)
    classes = np.array(classes, dtype=object)
    if clay is not None:
        with np.errstate(invalid="ignore"):
            classes[(classes == "clay") & (np.asarray(clay, dtype=float) >= HEAVY_CLAY_PERCENT)] = "heavy clay"
    return classes, loose, tuple(dict.fromkeys(unknown))


def texture_group(classes):
    """Group of each class, "coarse", "medium" or "fine"; None for peat and missing classes."""
    groups = load_table("texture_classes")["group"]
    return np.array([groups.get(name) for name in classes], dtype=object)


@cache
def _names():
    table = load_table("texture_classes")
    exact = {name: name for name in table["names"]}
    exact.update({plain_spelling(other).replace("_", " "): name for name, others in table["names"].items() for other in others})
    exact.update({f"clay (<{HEAVY_CLAY_PERCENT:.0f}% clay)": "clay", f"heavy clay (>={HEAVY_CLAY_PERCENT:.0f}% clay)": "heavy clay"})
    return exact, {plain_spelling(name).replace("_", " "): kind for name, kind in table["loose"].items()}
