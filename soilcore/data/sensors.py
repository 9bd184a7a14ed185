"""Sensors as data: how each stores reflectance, and by which names and numbers its bands go (``soilcore/tables/sensors.json``)."""

import re

from soilcore.core.errors import SettingsError
from soilcore.core.tables import load_table

ROLES = tuple(load_table("sensors")["roles"])


def sensor_names():
    """Names that ``--sensor`` takes."""
    return tuple(load_table("sensors")["sensors"])


def sensor_by_name(name):
    """One row of the sensor table.

    Returns
    -------
    dict
        label, family, scale, offset, zero_is_nodata, source.

    Raises
    ------
    SettingsError
        If the name is unknown; the message lists those that are known.
    """
    sensors = load_table("sensors")["sensors"]
    if name not in sensors:
        raise SettingsError(f"The sensor {name!r} is not known. Known: {', '.join(sensors)}. For any other, give --scale and --offset.")
    return sensors[name]


def scaling_of_sensor(name):
    """Scale and offset of a sensor: reflectance = stored value * scale + offset.

    Parameters
    ----------
    name : str
        A name of the sensor table. ``sentinel-2-l2a`` means processing baseline 04.00 and later (offset -0.1); values whose offset was
        removed, and earlier baselines, are ``sentinel-2-l2a-harmonized``.

    Returns
    -------
    scale, offset : float

    Raises
    ------
    SettingsError
        If the name is unknown.
    """
    sensor = sensor_by_name(name)
    return sensor["scale"], sensor["offset"]


def role_label(role):
    """A role in words, "blue" for "B"; a band without a role keeps its own name."""
    known = load_table("sensors")["roles"].get(role)
    return known["label"] if known else role


def plain_name(name):
    """A band name without case, spaces and separators, as it is looked up."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def role_of_word(name):
    """Role that a name says in words ("Blue", "SWIR 1", "red_edge_2") or by its own letters ("B", "RE1"); None if it says none."""
    if name.strip() in ROLES:
        return name.strip()
    plain = plain_name(name)
    for role, words in load_table("sensors")["words"].items():
        if plain in words:
            return role
    return None


def role_in_file_name(stem):
    """Role that a file name ends with, as in "field_2024_red_edge_1"; None if it says none, or more than one."""
    endings = list(_endings(stem))
    roles = {role for ending in endings if (role := role_of_word(ending)) and ending.strip() not in ROLES}
    if len(roles) > 1:  # "red_edge_1" ends with no other role, but "nir_red" does
        roles = {role_of_word(endings[-1])} - {None}
    return roles.pop() if len(roles) == 1 else (stem if stem in ROLES else None)


def is_auxiliary(name):
    """Whether a band is a quality layer, mask, temperature or angle rather than reflectance."""
    known = load_table("sensors")["auxiliary"]["names"]
    return any(plain_name(ending) in known for ending in _endings(name))


def _endings(name):
    """The name and what remains of it when leading words are dropped, without a trailing resolution ("_20m")."""
    words = re.split(r"[\s_.\-]+", re.sub(r"[_ -]\d{2}m$", "", name.strip()))
    return ("_".join(words[start:]) for start in range(len(words)))


def is_reflective(role):
    """Whether a band of this role or name holds reflectance and is scaled with the others."""
    return role in ROLES or role in load_table("sensors")["reflective_without_role"]


def numbered_roles(family):
    """Roles by band number ("2", "8A") of a family of sensors."""
    return load_table("sensors")["numbered"][family]


def layout_roles(family, count):
    """Roles of a stack of `count` unnamed bands in the usual order of a family of sensors, or None where there is no usual order."""
    for layout in load_table("sensors")["layouts"]:
        if layout["family"] == family and layout["count"] == count:
            return tuple(numbered_roles(family)[number] for number in layout["bands"])
    return None
