"""Searching a catalogue of satellite imagery (a STAC API): area, dates, cloud cover; what comes back is grouped by day.

The search only reads lists. Pixels are fetched by `soilcore.data.fetch`.
"""

import datetime
import math
from dataclasses import asdict, dataclass, replace

from soilcore.core.errors import SampleError, SceneError, SettingsError
from soilcore.core.progress import silent
from soilcore.core.settings import from_plain
from soilcore.core.tables import load_table
from soilcore.data.stac_items import Hit, check_installed, covered_share, hit_of, shown

_MOST_EXAMINED = 20_000  # scenes looked at in one search, however few of them fit


@dataclass(frozen=True)
class StacSettings:
    """What to search, and where.

    Parameters
    ----------
    url : str
        A preset, "earth-search" or "planetary-computer", or the http(s) address of a STAC API.
    collection : str, optional
        The preset's own (sentinel-2-l2a) if not given; needed for other catalogues that have several.
    bbox : tuple of float
        West, south, east, north in degrees.
    dates : tuple of str
        First and last day, YYYY-MM-DD, both included.
    cloud : float
        Most cloud cover of a scene, percent.
    limit : int
        Most scenes taken.
    page : int
        Scenes asked for at a time.
    signing : {"auto", "planetary-computer", "none"}
        Whose tokens the addresses need; "auto" is by preset and host.
    retry_s : float
        Wait before a busy catalogue is asked for the second time, seconds; doubled each time.
    """

    url: str = "earth-search"
    collection: str | None = None
    bbox: tuple[float, float, float, float] | None = None
    dates: tuple[str, str] | None = None
    cloud: float = 100.0
    limit: int = 100
    page: int = 100
    signing: str = "auto"
    retry_s: float = 1.0


@dataclass(frozen=True)
class Day:
    """The scenes of one day.

    Parameters
    ----------
    date : str
        YYYY-MM-DD.
    hits : tuple of Hit
        The one that covers most of the area first.
    cloud : float or None
        Mean cloud cover of the scenes, weighted by what each covers of the area, percent.
    coverage : float
        Share of the area that they cover together, 0-1.
    baseline : str or None
        Processing baselines, joined with commas where they differ.
    thumbnail : str or None
    """

    date: str
    hits: tuple[Hit, ...]
    cloud: float | None
    coverage: float
    baseline: str | None
    thumbnail: str | None


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Parameters
    ----------
    hits : tuple of Hit
        By date, then by name.
    assumed : tuple of str
        What was decided without being asked.
    skipped : tuple of str
        Sentences: scenes that were found but are of no use.
    settings : StacSettings
        With the address and the collection that were used.
    """

    hits: tuple[Hit, ...]
    assumed: tuple[str, ...]
    skipped: tuple[str, ...]
    settings: StacSettings

    def days(self):
        """The hits grouped by day, oldest first.

        Returns
        -------
        tuple of Day
        """
        grouped = {}
        for hit in self.hits:
            grouped.setdefault(hit.date, []).append(hit)
        return tuple(_day(date, hits, self.settings.bbox) for date, hits in sorted(grouped.items()))

    def choose(self, dates):
        """The same search, with the scenes of some days only.

        Raises
        ------
        SceneError
            If a day is not among them; names those that are.
        """
        known = sorted({hit.date for hit in self.hits})
        if unknown := sorted(set(dates) - set(known)):
            raise SceneError(f"There is no scene of {unknown[0]} in this search. Days: {', '.join(known[:20])}.")
        return replace(self, hits=tuple(hit for hit in self.hits if hit.date in set(dates)))

    @classmethod
    def from_dict(cls, values):
        """A search as `to_dict` gave it, e.g. out of a stored result.

        Raises
        ------
        SettingsError
            If it holds something else.
        """
        hits = tuple(from_plain(Hit, hit) for hit in values["hits"])
        return cls(hits, tuple(values["assumed"]), tuple(values["skipped"]), from_plain(StacSettings, values["settings"]))

    def to_dict(self):
        """The same as plain JSON."""
        days = [{key: value for key, value in asdict(day).items() if key != "hits"} | {"scenes": [hit.id for hit in day.hits]} for day in self.days()]
        return {
            "settings": asdict(self.settings),
            "assumed": list(self.assumed),
            "skipped": list(self.skipped),
            "days": days,
            "hits": [hit.to_dict() for hit in self.hits],
        }


def search_scenes(settings, report=silent):
    """Ask a catalogue for the scenes of an area.

    Parameters
    ----------
    settings : StacSettings
    report : Report
        Told the scenes taken so far.

    Returns
    -------
    SearchResult

    Raises
    ------
    SettingsError
        If the area, the dates or another setting is impossible.
    SceneError
        If the catalogue cannot be reached, is no STAC API, or has nothing that fits; one sentence each.
    """
    check_installed("pystac_client")
    from soilcore.data.stac_catalogue import catalogue_address, in_words, opened_catalogue

    check_settings(settings)
    settings = replace(settings, bbox=tuple(map(float, settings.bbox)), dates=tuple(map(str, settings.dates)))
    address, preset = catalogue_address(settings.url)
    report(0, settings.limit, f"asking {address}")
    with in_words(address):
        client = opened_catalogue(address, settings.retry_s)
        collection, assumed = _collection(client, preset, settings.collection, address)
        answers = _search(client, collection, settings).items_as_dicts()
    hits, notes, skipped = _taken(_each(answers, address), settings, address, report)
    if not hits:
        raise SceneError(_nothing(settings, address, collection, skipped))
    used = replace(settings, collection=collection, signing=_signing(settings.signing, preset, address))
    ordered = tuple(sorted(hits, key=lambda hit: (hit.date, hit.id)))
    return SearchResult(ordered, (*assumed, *notes), tuple(skipped), used)


def samples_bbox(samples, margin_m=500.0):
    """The area of some samples, with a margin.

    Parameters
    ----------
    samples : SampleSet
    margin_m : float
        Metres added on every side.

    Returns
    -------
    tuple of float
        West, south, east, north in degrees (WGS 84).

    Raises
    ------
    SampleError
        If the samples have no places.
    """
    import numpy as np

    from soilcore.data.rasters import lon_lat

    if samples.x is None or samples.y is None or samples.crs is None:
        raise SampleError(
            "The samples have no coordinates, so the area to search is not known. Name their columns with --x, --y and --crs, or give --bbox."
        )
    longitude, latitude = (np.asarray(values, float) for values in lon_lat(samples.x, samples.y, samples.crs))
    placed = np.isfinite(longitude) & np.isfinite(latitude)
    if not placed.any():
        raise SampleError("None of the samples has coordinates, so the area to search is not known. Give --bbox W,S,E,N.")
    if not (math.isfinite(margin_m) and margin_m >= 0):
        raise SettingsError(f"A margin of {margin_m!r} m is not possible. Give 0 or more.")
    south, north = latitude[placed].min(), latitude[placed].max()
    up = margin_m / 110_574.0  # metres in a degree of latitude at the equator, where it is shortest: the margin is never too small
    widest = min(max(abs(south), abs(north)) + up, 89.0)
    across = margin_m / (111_320.0 * math.cos(math.radians(widest)))
    west, east = longitude[placed].min() - across, longitude[placed].max() + across
    return float(max(-180.0, west)), float(max(-90.0, south - up)), float(min(180.0, east)), float(min(90.0, north + up))


def check_settings(settings):
    """Refuse impossible settings of a search.

    Raises
    ------
    SettingsError
    """
    _check_bbox(settings.bbox)
    _check_dates(settings.dates)
    if not (isinstance(settings.cloud, (int, float)) and 0 <= settings.cloud <= 100):
        raise SettingsError(f"A cloud cover of {settings.cloud!r} is not possible. Give percent, 0 to 100.")
    for name, largest in (("limit", 10_000), ("page", 1_000)):
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= largest:
            raise SettingsError(f"{name} = {value!r} is not possible. Give a whole number from 1 to {largest}.")
    if settings.signing not in ("auto", "planetary-computer", "none"):
        raise SettingsError(f"Addresses cannot be signed by {settings.signing!r}. Choose auto, planetary-computer or none.")


def _check_bbox(bbox):
    example = "Give west, south, east, north in degrees, for example 8.1,44.2,8.4,44.5."
    if bbox is None:
        raise SettingsError(f"No area was given. {example}")
    try:
        west, south, east, north = map(float, bbox)
    except (TypeError, ValueError):
        raise SettingsError(f"The area {bbox!r} is not four numbers. {example}") from None
    on_earth = max(abs(west), abs(east)) <= 180 and max(abs(south), abs(north)) <= 90
    if not all(map(math.isfinite, (west, south, east, north))) or not on_earth:
        raise SettingsError(f"The area {west:g},{south:g},{east:g},{north:g} does not lie on earth in degrees. {example}")
    if west >= east:
        raise SettingsError(
            f"The area's west, {west:g}, is not less than its east, {east:g}. Areas across the 180th meridian are searched as two. {example}"
        )
    if south >= north:
        raise SettingsError(f"The area's south, {south:g}, is not less than its north, {north:g}. {example}")


def _check_dates(dates):
    example = "Give the first and the last day, for example 2024-05-01/2024-09-30."
    if dates is None or isinstance(dates, str) or len(dates) != 2:
        raise SettingsError(f"The dates {dates!r} are not two. {example}")
    try:
        first, last = (datetime.date.fromisoformat(str(day)) for day in dates)
    except ValueError:
        raise SettingsError(f"The dates {dates[0]}/{dates[1]} are not days of the calendar. {example}") from None
    if first > last:
        raise SettingsError(f"The first day, {first}, is after the last, {last}. {example}")


def _signing(wanted, preset, address):
    from urllib.parse import urlsplit

    if wanted != "auto":
        return wanted
    if preset:
        return load_table("stac")["presets"][preset]["signing"]
    return "planetary-computer" if urlsplit(address).hostname in load_table("stac")["signed_hosts"] else "none"


def _collection(client, preset, wanted, address):
    """The collection to search: as given, the preset's, or the only one; its name is checked where the catalogue lists them."""
    if wanted is None and preset:
        name = load_table("stac")["presets"][preset]["collection"]
        return name, (f"collection {name}, the usual one of {preset}",)
    known = [collection.id for collection in client.get_collections()] if client.conforms_to("COLLECTIONS") or wanted is None else []
    if wanted is not None:
        if known and wanted not in known:
            raise SceneError(
                f"{address} has no collection {shown(wanted)!r}. It has {', '.join(map(shown, known[:20]))}. Name one with --collection."
            )
        return wanted, ()
    usual = [name for name in dict.fromkeys(n for row in load_table("stac")["presets"].values() for n in row["collections"]) if name in known]
    choice = usual[0] if usual else known[0] if len(known) == 1 else None
    if choice is None:
        raise SceneError(f"{address} has {len(known)} collections: {', '.join(map(shown, known[:20]))}. Name one with --collection.")
    return choice, (f"collection {shown(choice)}",)


def _search(client, collection, settings):
    """The client's search; the cloud limit is asked of the server where it can, and looked at again here."""
    asked = {"collections": [collection], "bbox": list(settings.bbox), "datetime": "/".join(settings.dates), "limit": settings.page}
    if settings.cloud < 100 and client.conforms_to("QUERY"):
        asked["query"] = {"eo:cloud_cover": {"lte": settings.cloud}}
    elif settings.cloud < 100 and client.conforms_to("FILTER"):
        asked |= {"filter": {"op": "<=", "args": [{"property": "eo:cloud_cover"}, settings.cloud]}, "filter_lang": "cql2-json"}
    return client.search(**asked, max_items=_MOST_EXAMINED)


def _each(answers, address):
    """Items one after the other; a page is asked for when the one before is used up, and may fail like the first."""
    from soilcore.data.stac_catalogue import in_words

    pages = iter(answers)
    while True:
        with in_words(address):
            item = next(pages, None)
        if item is None:
            return
        yield item


def _taken(answers, settings, address, report):
    """Hits within the limit, notes about it, and sentences about scenes of no use."""
    hits, notes, skipped, seen = [], [], [], set()
    first, last = settings.dates
    for item in answers:
        try:
            hit = hit_of(item, address, settings.bbox)
        except SceneError as error:
            skipped.append(error.message)
            continue
        if item.get("id") in seen or not first <= hit.date <= last or hit.coverage == 0:
            continue
        if settings.cloud < 100 and (hit.cloud is None or hit.cloud > settings.cloud):
            if hit.cloud is None:
                skipped.append(f"The scene {hit.id} does not say its cloud cover.")
            continue
        if not hit.roles:
            skipped.append(" ".join(hit.refused[:1]) or f"The scene {hit.id} has no band that is known here.")
            continue
        if len(hits) == settings.limit:
            notes.append(f"more than {settings.limit} scenes fit; the first {settings.limit} in the catalogue's own order were taken")
            break
        seen.add(item.get("id"))
        hits.append(hit)
        report(len(hits), max(settings.limit, len(hits)), f"found {len(hits)} scenes")
    return hits, notes, skipped


def _nothing(settings, address, collection, skipped):
    west, south, east, north = settings.bbox
    where = f"in {west:g},{south:g},{east:g},{north:g} from {settings.dates[0]} to {settings.dates[1]} with at most {settings.cloud:g} % cloud"
    if skipped:
        return f"{address} has no usable scene of {shown(collection)} {where}: {skipped[0]}"
    return f"{address} has no scene of {shown(collection)} {where}. Widen the area or the dates, or allow more cloud."


def _day(date, hits, area):
    ordered = tuple(sorted(hits, key=lambda hit: (-hit.coverage, hit.id)))
    known = [(hit.cloud, hit.coverage) for hit in ordered if hit.cloud is not None]
    weight = sum(share for _, share in known)
    cloud = sum(value * share for value, share in known) / weight if weight else None
    baselines = sorted({hit.baseline for hit in ordered if hit.baseline})
    thumbnail = next((hit.thumbnail for hit in ordered if hit.thumbnail), None)
    return Day(date, ordered, cloud, covered_share(area, [hit.outline for hit in hits]), ", ".join(baselines) or None, thumbnail)
