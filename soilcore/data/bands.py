"""Which band is which: roles from what the user says, from descriptions, file names, or the sensor and the number of bands.

Band numbers mean different colours on different satellites ("B5" is red edge on Sentinel-2 and near infrared on Landsat-8), so a
number is only trusted once the sensor is evident: from numbers that only one of them has, from product names, or from the pixel size.
"""

import re
from dataclasses import dataclass

from soilcore.core.errors import SceneError, SettingsError
from soilcore.core.tables import load_table
from soilcore.data.sensors import (
    ROLES,
    is_auxiliary,
    is_reflective,
    layout_roles,
    numbered_roles,
    plain_name,
    role_in_file_name,
    role_label,
    role_of_word,
    sensor_by_name,
)

_NUMBER = re.compile(r"(?:^|[^A-Za-z0-9])(?:SR_)?(?:B(8A|0?[1-9]|1[0-2])|b(8a|0[1-9]|1[0-2]))(?![A-Za-z0-9])")
_POSITION = re.compile(r"^(?:b|band)?[ _]?(\d{1,3})$", re.IGNORECASE)
_FAMILY_SIGNS = {
    "sentinel-2": re.compile(r"(?:^|[_\W])(?:S2[ABC]|T\d{2}[A-Z]{3}_20\d{6}|SENTINEL-?_?2)", re.IGNORECASE),
    "landsat-oli": re.compile(r"(?:^|[_\W])(?:L[COT]0[89]_|LANDSAT[-_ ]?[89])", re.IGNORECASE),
    "landsat-tm": re.compile(r"(?:^|[_\W])(?:L[TE]0[4-7]_|LANDSAT[-_ ]?[457])", re.IGNORECASE),
}
_LANDSAT_CELL_M = 25.0  # Landsat pixels are 28.5 or 30 m, Sentinel-2's 10 or 20 m


@dataclass(frozen=True)
class BandFacts:
    """One band as the files have it.

    Parameters
    ----------
    file : int
        Which of the scene's files, from 0.
    number : int
        Number in that file, from 1.
    position : int
        Number over all files, from 1.
    description : str
        The file's own description; empty if there is none.
    stem : str
        File name without its ending, where the file has one band; else empty.
    dtype : str
    nodata : float or None
    scale, offset : float
        The file's own tags, 1 and 0 where there are none.
    is_alpha : bool
    """

    file: int
    number: int
    position: int
    description: str
    stem: str
    dtype: str
    nodata: float | None
    scale: float
    offset: float
    is_alpha: bool

    @property
    def name(self):
        """What the band calls itself."""
        return self.description or self.stem or f"band {self.position}"


@dataclass(frozen=True)
class Recognised:
    """Roles of a scene's bands.

    Parameters
    ----------
    roles : tuple of str or None
        One per band; None for a band that is no part of the scene (a mask, a quality layer).
    family : str or None
        Row of the numbering table ("sentinel-2", "landsat-oli", "landsat-tm"), where it is evident.
    assumed : tuple of str
        How the roles were found, and what was left out.
    """

    roles: tuple[str | None, ...]
    family: str | None
    assumed: tuple[str, ...]


def recognise(bands, given=(), sensor=None, cell_m=None, hints=""):
    """Find the role of every band.

    Parameters
    ----------
    bands : sequence of BandFacts
    given : sequence of (str, str)
        What the user says: band name, number or file name, and role. It wins.
    sensor : str, optional
        Name of the sensor table.
    cell_m : float, optional
        Side of a pixel in metres.
    hints : str
        File names and tags that may name the satellite.

    Returns
    -------
    Recognised

    Raises
    ------
    SceneError
        If bands cannot be told apart; the message lists what was seen and how to name them.
    SettingsError
        If `given` names a band that is not there, or a role twice.
    """
    said = resolve_given(bands, given)
    auxiliary = [band for band in bands if band.position not in said and (band.is_alpha or is_auxiliary(band.name))]
    open_bands = [band for band in bands if band.position not in said and band not in auxiliary]
    family = _family(open_bands, sensor, cell_m, hints)
    found, how = _from_names(open_bands, family, cell_m)
    if not found and not said:
        found, how = _from_layout(open_bands, sensor, family)
    taken = set(said.values())
    found = {position: role for position, role in found.items() if role not in taken} | said
    if not any(role in ROLES for role in found.values()):
        raise SceneError(_not_recognised(bands, cell_m))
    _check_once(bands, found)
    roles = _with_own_names(bands, found, auxiliary)
    assumed = [*([_how_text(bands, roles, how, family)] if how else []), *_left_out(auxiliary)]
    return Recognised(roles, family, tuple(assumed))


def resolve_given(bands, given):
    """Positions and roles of ``--roles``.

    Raises
    ------
    SettingsError
        If a band is not there, is named twice, or a role is given twice.
    """
    said = {}
    for name, role in given:
        role = role_of_word(role) or role.strip()
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", role):
            raise SettingsError(f"{role!r} cannot be a role. Use one of {', '.join(ROLES)}, or a name of letters and digits.")
        band = _find(bands, name)
        if band.position in said:
            raise SettingsError(f"--roles names the band {band.name!r} twice, as {said[band.position]!r} and {role!r}. Name it once.")
        if role in said.values():
            raise SettingsError(f"--roles gives the role {role!r} to two bands. Give it to one.")
        said[band.position] = role
    return said


def _find(bands, name):
    """The band a user means: by its description or file name, else by its number."""
    for same in (str, plain_name):
        matches = [band for band in bands if same(name) in {same(text) for text in (band.description, band.stem) if text}]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise SettingsError(f"--roles names {name!r}, but {len(matches)} bands are called that. Name them by number, 1 to {len(bands)}.")
    numbered = [band for band in bands if _number(band) == _plain_number(name)] if _plain_number(name) else []
    if len(numbered) == 1 and not name.strip().isdigit():
        return numbered[0]
    position = _POSITION.match(name.strip())
    if position and 1 <= int(position[1]) <= len(bands):
        return bands[int(position[1]) - 1]
    raise SettingsError(f"--roles names the band {name!r}, which is not there. Bands: {_listed(bands)}.")


def _plain_number(text):
    """Number in a name like "SR_B2" or "T31UFU_20220101_B8A_20m", without leading zero; None if there is none."""
    found = _NUMBER.search(text)
    return (found[1] or found[2]).lstrip("0").upper() if found else None


def _number(band):
    return _plain_number(band.name)


def _family(bands, sensor, cell_m, hints):
    """Which numbering the bands follow, or None where more than one is possible."""
    numbers = {number for band in bands if (number := _number(band))}
    names = f"{hints} {' '.join(band.name for band in bands)}"
    wanted = sensor_by_name(sensor)["family"] if sensor else None
    if wanted is not None:
        _check_possible_numbers(numbers, wanted, sensor)
        return "landsat-tm" if wanted.startswith("landsat") and _looks_tm(numbers, names) else wanted
    signs = [family for family, sign in _FAMILY_SIGNS.items() if sign.search(names)]
    if len(signs) == 1:
        return signs[0]
    if numbers & {"8A", "12"}:
        return "sentinel-2"
    landsat = "SR_B" in names or (cell_m is not None and cell_m >= _LANDSAT_CELL_M)
    if numbers and landsat and numbers <= set(numbered_roles("landsat-oli")):
        return "landsat-tm" if _looks_tm(numbers, names) else "landsat-oli"
    if "8" in numbers and not landsat:
        return "sentinel-2"
    words = {role_of_word(band.name) for band in bands}
    return "sentinel-2" if words & {"RE1", "RE2", "RE3"} and cell_m is not None and 9 < cell_m < 21 else None


def _check_possible_numbers(numbers, family, sensor):
    impossible = numbers & {"8A", "12"} if family.startswith("landsat") else set()
    if impossible:
        raise SettingsError(
            f"--sensor {sensor} was given, but the scene has the bands {', '.join(f'B{number}' for number in sorted(impossible))}, which only Sentinel-2 has."
        )


def _looks_tm(numbers, names):
    """Thematic Mapper has a thermal band 6, so its reflective bands are 1-5 and 7."""
    return bool(_FAMILY_SIGNS["landsat-tm"].search(names)) or ("1" in numbers and "7" in numbers and "6" not in numbers)


def _from_names(bands, family, cell_m):
    """Roles from descriptions and file names, by position, and how they were found."""
    found = {}
    for band in bands:
        role = role_of_word(band.description) if band.description else role_in_file_name(band.stem)
        if role:
            found[band.position] = role
    _add_ambiguous(bands, found)
    numbers = {band.position: number for band in bands if band.position not in found and (number := _number(band))}
    found |= _numbered(bands, numbers, family, cell_m)
    return found, "names" if found else ""


def _add_ambiguous(bands, found):
    """Read "nir08": it is the narrow band where the scene has a broad one too, and the only one on Landsat."""
    for word, meaning in load_table("sensors")["ambiguous_words"].items():
        for band in bands:
            if plain_name(band.name).endswith(word):
                found[band.position] = meaning["beside_nir" if "N" in found.values() else "alone"]


def _numbered(bands, numbers, family, cell_m):
    if not numbers:
        return {}
    families = (family,) if family else _possible_families(cell_m)
    readings = {
        tuple(sorted((at, numbered_roles(name)[n]) for at, n in numbers.items()))
        for name in families
        if set(numbers.values()) <= set(numbered_roles(name))
    }
    if len(readings) == 1:
        return dict(readings.pop())
    if family:
        known = numbered_roles(family)
        return {position: known[number] for position, number in numbers.items() if number in known}
    raise SceneError(_not_recognised(bands, cell_m, "their numbers mean different colours on Sentinel-2 and on Landsat"))


def _possible_families(cell_m):
    """Numberings that a pixel size allows: nobody makes 10 m pixels of the Thematic Mapper's 30 m."""
    fine = cell_m is not None and cell_m < _LANDSAT_CELL_M
    return tuple(name for name in load_table("sensors")["numbered"] if not (fine and name == "landsat-tm"))


def _from_layout(bands, sensor, family):
    """Roles of unnamed bands from the sensor and how many they are."""
    roles = layout_roles(family, len(bands)) if family else None
    if roles is None and sensor and family == "landsat-tm":
        roles = layout_roles("landsat-oli", len(bands))
    if roles is None or any(band.description for band in bands):
        return {}, ""
    return {band.position: role for band, role in zip(bands, roles, strict=True)}, "layout"


def _check_once(bands, found):
    for role in sorted(set(found.values())):
        twice = [band for band in bands if found.get(band.position) == role]
        if len(twice) > 1:
            names = " and ".join(repr(band.name) for band in twice)
            raise SceneError(
                f"{names} both look like {role} ({role_label(role)}). Say which is which with --roles, for example --roles {twice[0].position}={role}."
            )


def _with_own_names(bands, found, auxiliary):
    """One role per band; bands without one keep their own name, made unique."""
    roles, used = [], set(found.values())
    for band in bands:
        if band in auxiliary:
            roles.append(None)
            continue
        role = found.get(band.position)
        if role is None:
            own = re.sub(r"\W+", "_", band.name).strip("_") or f"band_{band.position}"
            role = own if own not in used else f"{own}_{band.position}"
            used.add(role)
        roles.append(role)
    return tuple(roles)


def _how_text(bands, roles, how, family):
    pairs = ", ".join(f"{band.name} = {role}" for band, role in zip(bands, roles, strict=True) if role and is_reflective(role))
    origin = "their names" if how == "names" else f"the sensor and their number ({len(bands)}, in the usual order)"
    satellite = {"sentinel-2": ", read as Sentinel-2", "landsat-oli": ", read as Landsat 8/9", "landsat-tm": ", read as Landsat 4-7"}.get(family, "")
    return f"bands by {origin}{satellite}: {pairs}"


def _left_out(auxiliary):
    if not auxiliary:
        return []
    return [f"no reflectance, left out of the bands: {', '.join(band.name for band in auxiliary)}"]


def _listed(bands):
    names = [
        f"{band.position} ({band.name}, {band.dtype})" if band.description or band.stem else f"{band.position} (unnamed, {band.dtype})"
        for band in bands[:16]
    ]
    return ", ".join(names) + (f" and {len(bands) - 16} more" if len(bands) > 16 else "")


def _not_recognised(bands, cell_m, why=""):
    because = f" because {why}" if why else ""
    cell = f", pixels of {cell_m:.3g} m" if cell_m else ""
    return (
        f"The bands are not recognised{because}: name them with --roles, for example --roles 1=B,2=G,3=R,4=N. "
        f"Seen: {len(bands)} band{'s' if len(bands) != 1 else ''}{cell}: {_listed(bands)}. "
        f"Roles: {', '.join(ROLES)}. Or name the sensor with --sensor if the bands stand in its usual order."
    )
