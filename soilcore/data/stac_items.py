"""One scene of a catalogue as it is needed here: which asset is which band, where it lies, and whether its offset is still in.

Nothing of a catalogue is trusted further than that: its addresses must be http(s), its names never become file names, and what it
says about scale and offset in its band descriptions is not used for Sentinel-2, because copies whose offset was removed still carry it.
"""

import datetime
import ipaddress
import re
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from soilcore.core.errors import NotAvailableError, SceneError
from soilcore.core.tables import load_table
from soilcore.data.sensors import ROLES, numbered_roles, role_of_word, scaling_of_sensor

_BASELINE = re.compile(r"^0?(\d{1,2})\.(\d{2})$")
_BASELINE_IN_NAME = re.compile(r"_N(\d\d)(\d\d)_")
_ODD = re.compile(r"[^\w .:,+\-()]+")
_ADDRESS = re.compile(r"[^\s\"'<>\\|{}^`\x00-\x1f\x7f]+")
OFFSET_SINCE = 4.0  # Sentinel-2's processing baseline 04.00
OFFSET_DN = -1000


@dataclass(frozen=True)
class Asset:
    """One band of a scene in the catalogue: its role (B, G, ..., or SCL, QA_PIXEL) and its address, not yet signed."""

    role: str
    address: str


@dataclass(frozen=True)
class Hit:
    """A scene that a search found.

    Parameters
    ----------
    id : str
        The catalogue's name, for showing only.
    date : str
        Day of acquisition in UTC, YYYY-MM-DD.
    cloud : float or None
        Cloud cover of the whole scene in percent.
    platform : str or None
    family : str
        "sentinel-2" or "landsat": a row of the table of catalogues.
    baseline : str or None
        Sentinel-2's processing baseline, "05.10".
    boa_offset_applied : bool or None
        Whether the catalogue says it has removed the offset; None where it says nothing.
    bbox : tuple of float
        West, south, east, north in degrees.
    outline : tuple of (float, float)
        Outer ring of the footprint in degrees; that of `bbox` where the catalogue gives none.
    coverage : float
        Share of the area searched that lies within the footprint, 0-1.
    epsg : int or None
        Reference system of the files, as the catalogue says.
    thumbnail : str or None
        Address of a small picture; never fetched by the engine.
    assets : tuple of Asset
    refused : tuple of str
        Sentences: assets that may not be read, and why.
    """

    id: str
    date: str
    cloud: float | None
    platform: str | None
    family: str
    baseline: str | None
    boa_offset_applied: bool | None
    bbox: tuple[float, float, float, float]
    outline: tuple[tuple[float, float], ...] = ()
    coverage: float = 1.0
    epsg: int | None = None
    thumbnail: str | None = None
    assets: tuple[Asset, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def roles(self):
        """Roles of the bands, in the order of the table of sensors."""
        held = {asset.role for asset in self.assets}
        return tuple(role for role in ROLES if role in held)

    @property
    def quality(self):
        """Name of the quality layer that comes with the scene, "SCL" or "QA_PIXEL", or None."""
        name = load_table("stac")["families"][self.family]["quality_name"]
        return name if any(asset.role == name for asset in self.assets) else None

    def address(self, role):
        """Address of the band with a role, or None."""
        return next((asset.address for asset in self.assets if asset.role == role), None)

    def to_dict(self):
        """The same as plain JSON."""
        return asdict(self)


def scaling_of(hit, offset=None):
    """How the stored numbers of a scene become reflectance, by its own metadata.

    Parameters
    ----------
    hit : Hit
    offset : float, optional
        The user's own answer, in reflectance (-0.1 or 0 for Sentinel-2); wins.

    Returns
    -------
    scale, offset : float
        Reflectance = stored number * scale + offset.
    evidence : str

    Raises
    ------
    SceneError
        If nothing says whether the offset of Sentinel-2 is in; never guessed, and never decided by date.

    Notes
    -----
    Sentinel-2: offset 0 before processing baseline 04.00 and where the catalogue has removed it (``earthsearch:boa_offset_applied``),
    else -1000 / 10000. Landsat Collection 2 Level 2: 2.75e-5 and -0.2.
    """
    scale, usual = scaling_of_sensor(load_table("stac")["families"][hit.family]["sensor"])
    if offset is not None:
        return scale, float(offset), "offset as given"
    if hit.family != "sentinel-2":
        return scale, usual, "Landsat Collection 2 Level 2"
    if hit.boa_offset_applied:
        return scale, 0.0, "the catalogue has removed the offset (boa_offset_applied)"
    if hit.baseline is None:
        raise SceneError(
            f"The scene {hit.id} of {hit.date} does not say its processing baseline, so it is open whether its offset of {-OFFSET_DN} is still in. "
            "Choose another collection, or say it with --offset (-0.1 from baseline 04.00 on, 0 before or where it was removed)."
        )
    if float(hit.baseline) < OFFSET_SINCE:
        return scale, 0.0, f"processing baseline {hit.baseline}, before the offset"
    return scale, OFFSET_DN * scale, f"processing baseline {hit.baseline}, with the offset of {OFFSET_DN}"


def hit_of(item, catalogue, area):
    """Take from a STAC item what is needed of it.

    Parameters
    ----------
    item : dict
        The item as JSON.
    catalogue : str
        Address of the catalogue: one on the internet may not send us into a private network.
    area : tuple of float
        West, south, east, north of the search, degrees.

    Returns
    -------
    Hit

    Raises
    ------
    SceneError
        If it is no scene of a sensor known here, or has no date or place.
    """
    name = shown(item.get("id"))
    if not all(isinstance(item.get(part) or {}, dict) for part in ("properties", "assets", "geometry")):
        raise SceneError(f"The scene {name} is not described as a STAC item.")
    properties = item.get("properties") or {}
    family = _family(item, properties, name)
    bbox, outline = _place(item, name)
    assets, refused = _assets(item, family, catalogue)
    thumbnail = (item.get("assets") or {}).get("thumbnail")
    thumbnail = thumbnail.get("href") if isinstance(thumbnail, dict) else None
    return Hit(
        id=name,
        date=_date(properties, name),
        cloud=_number(properties.get("eo:cloud_cover")),
        platform=shown(properties["platform"]) if properties.get("platform") else None,
        family=family,
        baseline=_baseline(properties) if family == "sentinel-2" else None,
        boa_offset_applied=_flag(properties, load_table("stac")["properties"]["offset_applied"]),
        bbox=bbox,
        outline=outline,
        coverage=covered_share(area, [outline]),
        epsg=_epsg(properties, item.get("assets") or {}),
        thumbnail=thumbnail if isinstance(thumbnail, str) and why_refused(thumbnail, catalogue) is None else None,
        assets=assets,
        refused=refused,
    )


def check_installed(*modules):
    """Refuse to begin without the packages that talk to catalogues.

    Raises
    ------
    NotAvailableError
        Naming the package and how to install it.
    """
    for name in modules:
        if find_spec(name.partition(".")[0]) is None or find_spec(name) is None:
            package = name.replace("_", "-").replace(".", "-")
            raise NotAvailableError(
                f"Catalogues of imagery need the package {package}, which is not installed. Install it with pip install {package}."
            )


def shown(text, longest=120):
    """A catalogue's name as it may stand in a sentence or a tag: letters, digits and plain signs."""
    return _ODD.sub("_", str(text))[:longest]


def why_refused(address, catalogue):
    """Why an address of a catalogue is not read, in words; None if it may be.

    Parameters
    ----------
    address : object
        What the catalogue gives.
    catalogue : str
        Address of the catalogue.
    """
    if not isinstance(address, str) or not address:
        return "it has no address"
    parts = _parts(address)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        kind = re.match(r"[A-Za-z][A-Za-z0-9+.\-]*(?=:)", address)
        return f"its address begins with {shown(kind[0] + ':', 20) if kind else shown(address, 20)!r}, and only http and https are read"
    if not _ADDRESS.fullmatch(address) or parts.username is not None or len(address) > 4000:
        return "its address is not a plain one"
    home = _parts(catalogue)
    if _is_private(parts.hostname) and not (home and home.hostname and _is_private(home.hostname)):
        return f"its address {shown(parts.hostname)} lies in a private network, and the catalogue does not"
    return None


def _parts(address):
    try:
        parts = urlsplit(address)
        _ = parts.port  # an impossible port is only noticed when asked for
    except ValueError:
        return None
    return parts


def _is_private(host):
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False


def covered_share(area, outlines):
    """Share of an area, west, south, east, north in degrees, that lies within any of some rings of (longitude, latitude); 0-1."""
    import shapely

    target = shapely.box(*area)
    if target.area == 0:
        return 0.0
    together = shapely.union_all([shapely.make_valid(shapely.Polygon(ring)) for ring in outlines if len(ring) >= 3])
    return float(min(1.0, shapely.intersection(target, together).area / target.area))


def _family(item, properties, name):
    """Row of the table that a scene belongs to, by what it says of its satellite."""
    told = [properties.get("constellation"), properties.get("platform"), properties.get("mission"), item.get("collection")]
    words = " ".join(str(word).lower() for word in told if word)
    if re.search(r"\bhls", words):
        raise SceneError(
            f"The scene {name} is of the harmonised product HLS, which is stored in another way. Search a collection of Sentinel-2 L2A or Landsat."
        )
    if "sentinel-2" in words or "sentinel2" in words or re.search(r"\bs2[abc]\b", words):
        if "l1c" in words or str(properties.get("s2:product_type", "")).upper() == "S2MSI1C":
            raise SceneError(f"The scene {name} is Level-1C, reflectance at the top of the atmosphere. Search a collection of Level-2A.")
        return "sentinel-2"
    if "landsat" in words:
        named = bool(re.search(r"c2.*l2", str(item.get("collection")).lower()))
        collection, level = str(properties.get("landsat:collection_number") or ""), str(properties.get("landsat:correction") or "").upper()
        if not (collection in ("02", "2") or (named and not collection)) or not (level.startswith("L2") or (named and not level)):
            raise SceneError(f"The scene {name} is not Landsat Collection 2 Level 2. Search a collection of surface reflectance.")
        return "landsat"
    raise SceneError(
        f"The scene {name} is neither Sentinel-2 nor Landsat, so how it stores reflectance is not known. Search a collection of one of them."
    )


def _date(properties, name):
    text = properties.get("datetime") or properties.get("start_datetime") or ""
    try:
        moment = datetime.datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        raise SceneError(f"The scene {name} has no date that can be read ({shown(text, 40)!r}).") from None
    if moment.tzinfo is not None:
        moment = moment.astimezone(datetime.UTC)
    return moment.date().isoformat()


def _place(item, name):
    """Bounding box and outer ring; a catalogue that gives neither is of no use for a map."""
    geometry = item.get("geometry") or {}
    rings = {"Polygon": lambda c: [c[0]], "MultiPolygon": lambda c: [part[0] for part in c]}.get(geometry.get("type"), lambda _: [])
    try:
        points = [[(float(p[0]), float(p[1])) for p in ring] for ring in rings(geometry.get("coordinates") or [])]
        box = tuple(map(float, item.get("bbox") or ()))
    except (TypeError, ValueError, IndexError):
        points, box = [], ()
    if len(box) == 6:
        box = (box[0], box[1], box[3], box[4])
    if len(box) != 4:
        flat = [point for ring in points for point in ring]
        if not flat:
            raise SceneError(f"The scene {name} does not say where it lies.")
        box = (min(p[0] for p in flat), min(p[1] for p in flat), max(p[0] for p in flat), max(p[1] for p in flat))
    west, south, east, north = box
    ring = max(points, key=len) if len(points) == 1 and len(points[0]) <= 1000 else ((west, south), (east, south), (east, north), (west, north))
    return box, tuple(ring)


def _assets(item, family, catalogue):
    """Bands with known roles and the quality layer; and sentences about those whose address is refused."""
    table = load_table("stac")["families"][family]
    listed = {str(key): value for key, value in (item.get("assets") or {}).items() if isinstance(value, dict)}
    found, refused = {}, []
    wanted = {**{role: names for role, names in table["assets"].items()}, table["quality_name"]: [*table["quality"], *table["quality_also"]]}
    for role, names in wanted.items():
        for key in [name for name in names if name in listed] or _by_description(listed, role, table, family):
            why = why_refused(listed[key].get("href"), catalogue)
            if why is None:
                found[role] = listed[key]["href"]
                break
            refused.append(f"The band {role} of {shown(item.get('id'))} is refused: {why}.")
    return tuple(Asset(role, address) for role, address in found.items()), tuple(refused)


def _by_description(listed, role, table, family):
    """Assets of one band that their own description gives the role: common_name first, then the band's name or number."""
    keys = []
    for key, asset in listed.items():
        bands = asset.get("bands") or asset.get("eo:bands") or []
        if len(bands) != 1 or not isinstance(bands[0], dict) or "overview" in (asset.get("roles") or []):
            continue
        common = str(bands[0].get("eo:common_name") or bands[0].get("common_name") or "").lower()
        number = str(bands[0].get("name") or "").upper().removeprefix("SR_").removeprefix("B").lstrip("0")
        numbering = numbered_roles("sentinel-2" if family == "sentinel-2" else "landsat-oli")
        told = table["common_names"].get(common) or numbering.get(number) or role_of_word(str(bands[0].get("name") or ""))
        if told == role:
            keys.append(key)
    return keys


def _baseline(properties):
    """Processing baseline like "05.10", from the scene's own properties or its product's name."""
    names = load_table("stac")["properties"]
    for name in names["baseline"]:
        told = _BASELINE.match(str(properties.get(name, "")).strip())
        if told:
            return f"{int(told[1]):02d}.{told[2]}"
    for name in names["product"]:
        told = _BASELINE_IN_NAME.search(str(properties.get(name, "")))
        if told:
            return f"{told[1]}.{told[2]}"
    return None


def _flag(properties, names):
    for name in names:
        value = properties.get(name)
        if value is not None:
            return value if isinstance(value, bool) else str(value).strip().lower() in ("true", "1", "yes")
    return None


def _epsg(properties, assets):
    """EPSG number of the files where the item or one of its assets says it."""
    for place in (properties, *[asset for asset in assets.values() if isinstance(asset, dict)]):
        code = place.get("proj:code") or place.get("proj:epsg")
        number = re.fullmatch(r"(?:EPSG:)?(\d{4,6})", str(code or ""))
        if number:
            return int(number[1])
    return None


def _number(value):
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
