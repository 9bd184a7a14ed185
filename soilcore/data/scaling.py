"""How stored values become reflectance: from what the user says, the file's tags, the product's metadata, else from the pixels.

The order is fixed: options, then GDAL's scale and offset tags, then the sensor and its metadata, then what the values themselves
allow. Every decision keeps its evidence with the numbers. Where the pixels leave two readings open nothing is guessed: the error
names the option that decides.

Sentinel-2 carries an offset of 1000 DN since processing baseline 04.00. Whether it is still in is decided by metadata, never by date;
without metadata the darkest pixels tell: water, shadow and dense vegetation reflect next to nothing in some band, so when no band
ever falls under about 1000 DN (0.1), the offset is most likely still in - or the scene is a bright desert, which is why it is asked.
"""

from dataclasses import dataclass, field

import numpy as np

from soilcore.core.errors import SceneError
from soilcore.core.findings import Finding
from soilcore.data.sensors import scaling_of_sensor, sensor_by_name

LARGEST_REFLECTANCE = 1.5
_OFFSET_DN, _DN = 1000, 10000
_FLOOR_DN = 900  # with the offset in, noise over water brings a value per mille down to about 950
_LANDSAT_FLOOR_DN = 6500  # reflectance 0 is DN 7273 in Collection 2; deep shadow goes a little below
_LEAST_VALID_SHARE = 0.01
_NEGATIVE_FLOOR = -0.03  # noise around zero stays above this
_TOP_OF_ATMOSPHERE_BLUE = 0.06  # the clear sky alone adds about 0.07-0.10 to blue


@dataclass(frozen=True)
class Scaling:
    """Reflectance = stored value * scale + offset.

    Parameters
    ----------
    scale, offset : float
    nodata : float or None
        Stored value that means no data; in DN rasters 0 means it too.
    sensor : str or None
        Row of the sensor table.
    evidence : tuple of str
        Why, with the numbers.
    """

    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    sensor: str | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class PixelFacts:
    """What the stored values of one reflective band look like, without missing pixels.

    Parameters
    ----------
    minimum, floor, low, median, high, maximum : float
        Smallest, 0.1, 2, 50 and 98 % quantiles, and largest stored value; NaN where there is none.
    valid : float
        Share of pixels with a value.
    """

    minimum: float
    floor: float
    low: float
    median: float
    high: float
    maximum: float
    valid: float

    @classmethod
    def of(cls, values):
        """Facts of an array whose missing pixels are NaN."""
        finite = values[np.isfinite(values)]
        if finite.size == 0:
            return cls(*[float("nan")] * 6, 0.0)
        quantiles = np.quantile(finite, (0, 0.001, 0.02, 0.5, 0.98, 1))
        return cls(*map(float, quantiles), finite.size / values.size)


@dataclass(frozen=True)
class ScalingInputs:
    """Everything the decision rests on.

    Parameters
    ----------
    source : str
        Name of the scene for messages.
    pixels : dict of str to PixelFacts
        By role or name, reflective bands only.
    integer : bool
        Whether the stored values are integers.
    bits : int
        Bits per stored value.
    family : str or None
        From `soilcore.data.bands`.
    sensor, scale, offset : optional
        What the user said.
    tagged : tuple of (float, float)
        GDAL's scale and offset of each reflective band.
    tags : dict of str to str
        The files' metadata, names in lower case.
    cell_m : float
    nodata : float or None
    """

    source: str
    pixels: dict[str, PixelFacts]
    integer: bool
    bits: int
    family: str | None = None
    sensor: str | None = None
    scale: float | None = None
    offset: float | None = None
    tagged: tuple[tuple[float, float], ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    cell_m: float = float("nan")
    nodata: float | None = None

    def extreme(self, name, choose):
        """The smallest or largest (`choose`) of one fact over the bands, and its band."""
        known = {role: getattr(facts, name) for role, facts in self.pixels.items() if np.isfinite(getattr(facts, name))}
        role = choose(known, key=known.get)
        return known[role], role


def decide_scaling(inputs):
    """Scale and offset of a scene.

    Parameters
    ----------
    inputs : ScalingInputs

    Returns
    -------
    scaling : Scaling
    assumed : tuple of str
        What nobody said but the evidence shows.
    findings : tuple of Finding
        What is odd about the values so read.

    Raises
    ------
    SceneError
        If the evidence leaves the scaling open, or no pixel would be a possible reflectance; names the option.
    SettingsError
        If the sensor is not known.
    """
    if not any(np.isfinite(facts.median) for facts in inputs.pixels.values()):
        raise SceneError(f"{inputs.source} holds no valid pixel in any band: all are no data. Check --nodata, and that the file was downloaded whole.")
    scale, offset, sensor, evidence, inferred = _decided(inputs)
    scaling = Scaling(scale, offset, inputs.nodata, sensor, evidence)
    check_possible(inputs, scaling)
    assumed = (f"reflectance = stored value x {scale:g} {'-' if offset < 0 else '+'} {abs(offset):g}: {'; '.join(evidence)}",) if inferred else ()
    return scaling, assumed, _findings(inputs, scaling)


def _decided(inputs):
    """Scale, offset, sensor, evidence, and whether anything was inferred."""
    sensor = inputs.sensor or _sensor_of_tags(inputs)
    if inputs.scale is not None and inputs.offset is not None:
        return inputs.scale, inputs.offset, sensor or _sensor_of_family(inputs), ("scale and offset as given",), False
    if inputs.scale is not None:
        return _with_scale(inputs, sensor)
    tags = _of_tags(inputs)
    if tags is not None:
        scale, offset = tags
        text = f"the file's own scale and offset tags, {scale:g} and {offset:g}"
        if inputs.offset is not None:
            return scale, inputs.offset, sensor or _sensor_of_family(inputs), (f"{text}; offset as given",), True
        return scale, offset, sensor or _sensor_of_family(inputs), (text,), True
    if sensor is not None:
        return _of_sensor(inputs, sensor)
    return _of_pixels(inputs)


def _with_scale(inputs, sensor):
    tags = _of_tags(inputs)
    offset, why = (tags[1], "offset of the file's tags") if tags else (0.0, "no offset is known")
    return inputs.scale, offset, sensor or _sensor_of_family(inputs), ("scale as given", why), True


def _of_tags(inputs):
    """GDAL's scale and offset where the file says them."""
    said = {pair for pair in inputs.tagged if pair != (1.0, 0.0)}
    if not said:
        return None
    if len(set(inputs.tagged)) > 1:
        listed = ", ".join(f"{scale:g} and {offset:g}" for scale, offset in sorted(set(inputs.tagged)))
        raise SceneError(f"The bands of {inputs.source} carry different scale and offset tags ({listed}). Say what holds for all with --scale and --offset.")
    return said.pop()


def _sensor_of_tags(inputs):
    """The sensor that an earlier conversion of ours wrote down."""
    return inputs.tags.get("soilcore_sensor") or None


def _sensor_of_family(inputs):
    if inputs.family == "sentinel-2":
        return "sentinel-2-l2a"
    return "landsat-c2-l2" if inputs.family in ("landsat-oli", "landsat-tm") else None


def _of_sensor(inputs, sensor):
    """The sensor was named; Sentinel-2's offset still depends on its baseline, and files may hold reflectance already."""
    family = sensor_by_name(sensor)["family"]
    if family is not None and not inputs.integer and inputs.extreme("high", max)[0] <= LARGEST_REFLECTANCE:
        return _float_reflectance(inputs, sensor)
    if sensor == "sentinel-2-l2a":
        return _sentinel_2(inputs, sensor, asks=True)
    scale, offset = scaling_of_sensor(sensor)
    offset = inputs.offset if inputs.offset is not None else offset
    return scale, offset, sensor, (f"as {sensor} is stored",), inputs.sensor is None


def _of_pixels(inputs):
    """Nobody said anything: the type and range of the values."""
    largest, _ = inputs.extreme("high", max)
    if not inputs.integer and largest <= LARGEST_REFLECTANCE:
        return _float_reflectance(inputs, _sensor_of_family(inputs))
    if inputs.integer and inputs.bits == 8:
        raise SceneError(_ask_scale(inputs, "8-bit values are raw counts or brightness, not surface reflectance"))
    lowest, band = inputs.extreme("low", min)
    if _looks_landsat(inputs, lowest, largest):
        return _landsat(inputs, lowest, band, largest)
    if inputs.family == "sentinel-2":
        return _sentinel_2(inputs, "sentinel-2-l2a", asks=True)
    medians = [facts.median for facts in inputs.pixels.values() if np.isfinite(facts.median)]
    if 100 <= max(medians) and largest <= LARGEST_REFLECTANCE * _DN:
        return _ten_thousandths(inputs, largest)
    raise SceneError(_ask_scale(inputs, "they fit no way of storing reflectance that is known here"))


def _float_reflectance(inputs, sensor):
    smallest, _ = inputs.extreme("minimum", min)
    largest, _ = inputs.extreme("high", max)
    seen = f"{'decimal' if not inputs.integer else 'integer'} values between {smallest:.4g} and {largest:.4g} (98 %) are reflectance already"
    if inputs.offset is not None:
        return 1.0, inputs.offset, sensor, (seen, "offset as given"), True
    _ask_about_offset(inputs, 1.0, sensor)
    return 1.0, 0.0, sensor, (seen,), True


def _looks_landsat(inputs, lowest, largest):
    if inputs.bits < 16 or inputs.family == "sentinel-2" or not lowest >= _LANDSAT_FLOOR_DN:
        return False
    scale, offset = scaling_of_sensor("landsat-c2-l2")
    return largest * scale + offset <= LARGEST_REFLECTANCE and (inputs.family in ("landsat-oli", "landsat-tm") or inputs.cell_m >= 25)


def _landsat(inputs, lowest, band, largest):
    scale, offset = scaling_of_sensor("landsat-c2-l2")
    offset = inputs.offset if inputs.offset is not None else offset
    medians = [facts.median for facts in inputs.pixels.values()]
    evidence = (
        f"stored values from {lowest:.0f} (2 %, {band}) to {largest:.0f} (98 %) are Landsat Collection 2 Level-2: reflectance {lowest * scale + offset:.3f} to {largest * scale + offset:.3f}",
        f"divided by {_DN} the band medians would be {min(medians) / _DN:.2f} to {max(medians) / _DN:.2f}, more than land reflects",
    )
    return scale, offset, "landsat-c2-l2", evidence, True


def _sentinel_2(inputs, sensor, asks):
    """Offset by metadata, else by the darkest pixels."""
    if inputs.offset is not None:
        return 1 / _DN, inputs.offset, sensor, ("Sentinel-2 digital numbers / 10000, offset as given",), True
    said = _offset_of_metadata(inputs.tags)
    if said is not None:
        offset, why = said
        return 1 / _DN, offset, sensor, ("Sentinel-2 digital numbers / 10000", why), True
    largest, _ = inputs.extreme("high", max)
    if largest > 3 * _DN:
        raise SceneError(_ask_scale(inputs, "Sentinel-2 digital numbers / 10000 would be far above any reflectance"))
    if asks:
        _ask_about_offset(inputs, 1 / _DN, sensor)
    lowest, band = inputs.extreme("floor", min)
    return 1 / _DN, 0.0, sensor, ("Sentinel-2 digital numbers / 10000", f"no offset: the darkest pixels go down to {lowest:.0f} in {band}; with the offset of {_OFFSET_DN} in, none would fall far below {_OFFSET_DN}"), True


def _ten_thousandths(inputs, largest):
    lowest, band = inputs.extreme("floor", min)
    offset = inputs.offset if inputs.offset is not None else 0.0
    evidence = f"values from {lowest:.0f} ({band}) to {largest:.0f} (98 %) are reflectance x {_DN}"
    if inputs.offset is None:
        _ask_about_offset(inputs, 1 / _DN, None)
    return 1 / _DN, offset, None, (evidence,), True


def _offset_of_metadata(tags):
    """(offset, evidence) from a product's own metadata, or None."""
    applied = next((tags[name] for name in ("earthsearch:boa_offset_applied", "boa_offset_applied") if name in tags), "").strip().lower()
    if applied in ("true", "1", "yes"):
        return 0.0, "metadata: the offset was removed already (boa_offset_applied)"
    added = next((value for name, value in sorted(tags.items()) if name.startswith("boa_add_offset")), None)
    if _number(added) is not None:
        return _number(added) / (_number(tags.get("quantification_value")) or _DN), f"metadata: BOA_ADD_OFFSET {added}"
    baseline = next((tags[name] for name in ("processing_baseline", "s2:processing_baseline", "processingbaseline") if name in tags), None)
    if _number(baseline) is not None:
        offset = -_OFFSET_DN / _DN if _number(baseline) >= 4 else 0.0
        return offset, f"metadata: processing baseline {baseline}, {'with' if offset else 'before'} the offset of -{_OFFSET_DN}"
    return None


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def offset_finding(inputs, scale):
    """The finding "offset-left-in" where no band of a scene ever goes below about 0.1 reflectance, else None.

    Parameters
    ----------
    inputs : ScalingInputs
    scale : float
        Reflectance per stored unit.
    """
    floors = {role: facts.floor * scale for role, facts in inputs.pixels.items() if np.isfinite(facts.floor)}
    if len(floors) < 3 or min(floors.values()) < _FLOOR_DN / _DN:
        return None
    listed = ", ".join(f"{role} {floor:.3f}" for role, floor in floors.items())
    offset = -_OFFSET_DN / _DN
    return Finding(
        "offset-left-in",
        "warning",
        f"No band of {inputs.source} falls below {min(floors.values()):.3f} reflectance (darkest per mille: {listed}). "
        f"Water and shadow reflect next to nothing, so Sentinel-2's offset of {_OFFSET_DN} digital numbers (0.1) is most likely still in.",
        f"Take it out with --offset {offset:g}, or, for bright ground without any shadow or water, keep the values as they are with --offset 0.",
        column="offset",
        value=f"{min(floors.values()):.4g}",
    )


def _ask_about_offset(inputs, scale, sensor):
    if sensor not in (None, "sentinel-2-l2a"):
        return
    finding = offset_finding(inputs, scale)
    if finding is not None:
        raise SceneError(f"{finding.message} Nothing in the file says so, therefore say it: {finding.fix[0].lower()}{finding.fix[1:]}", (finding,))


def _ask_scale(inputs, why):
    lowest, _ = inputs.extreme("minimum", min)
    largest, _ = inputs.extreme("maximum", max)
    medians = [facts.median for facts in inputs.pixels.values() if np.isfinite(facts.median)]
    return (
        f"It is not clear how {inputs.source} stores reflectance: its values run from {lowest:.6g} to {largest:.6g} (band medians {min(medians):.6g} to {max(medians):.6g}), and {why}. "
        "Say it with --scale and --offset (reflectance = value * scale + offset), or with --sensor; best is a surface-reflectance product."
    )


def check_possible(inputs, scaling):
    """Refuse a scaling under which next to no pixel is a possible reflectance (above 0, at most 1.5).

    Raises
    ------
    SceneError
        With the range that the values would have.
    """
    scaled = {role: (facts.low * scaling.scale + scaling.offset, facts.high * scaling.scale + scaling.offset) for role, facts in inputs.pixels.items()}
    if any(high > 0 and low <= LARGEST_REFLECTANCE for low, high in scaled.values()):
        return
    lows, highs = zip(*(pair for pair in scaled.values() if np.isfinite(pair).all()), strict=True)
    raise SceneError(
        f"Read as value x {scaling.scale:g} + {scaling.offset:g}, {inputs.source} would run from {min(lows):.4g} to {max(highs):.4g} (2 to 98 %); reflectance lies between 0 and 1. "
        "Give the right --scale and --offset, or another --sensor."
    )


def _findings(inputs, scaling):
    found = [_offset_removed_twice(inputs, scaling), _top_of_atmosphere(inputs, scaling), _too_bright(inputs, scaling)]
    if scaling.offset == 0 and inputs.offset is None and scaling.sensor in (None, "sentinel-2-l2a", "reflectance"):
        found.append(offset_finding(inputs, scaling.scale))
    return tuple(finding for finding in found if finding is not None)


def _offset_removed_twice(inputs, scaling):
    lows = {role: facts.low * scaling.scale + scaling.offset for role, facts in inputs.pixels.items()}
    below = {role: low for role, low in lows.items() if low < _NEGATIVE_FLOOR}
    if not below or scaling.offset >= 0:
        return None
    listed = ", ".join(f"{role} {low:.3f}" for role, low in below.items())
    return Finding(
        "offset-already-removed",
        "warning",
        f"With the offset of {scaling.offset:g} the darker pixels of {inputs.source} become negative (2 % quantile: {listed}). "
        "Catalogue copies may have the offset removed while their tags still name it.",
        "If so, give --offset 0.",
        column="offset",
        value=f"{scaling.offset:g}",
    )


def _top_of_atmosphere(inputs, scaling):
    if not {"B", "G", "R"} <= set(inputs.pixels):
        return None
    blue, green, red = (inputs.pixels[role].floor * scaling.scale + scaling.offset for role in ("B", "G", "R"))
    with_offset = offset_finding(inputs, scaling.scale) is not None and scaling.offset == 0
    if with_offset or not (blue > _TOP_OF_ATMOSPHERE_BLUE and blue > green and blue > red):
        return None
    return Finding(
        "top-of-atmosphere",
        "warning",
        f"The darkest pixels of {inputs.source} are brighter in blue ({blue:.3f}) than in green ({green:.3f}) and red ({red:.3f}), as the scattering of the air makes them: "
        "this looks like top-of-atmosphere reflectance, not surface reflectance.",
        "Use the Level-2A (Sentinel-2) or Level-2 (Landsat) product where you can; indices with the blue band suffer most.",
        column="B",
        value=f"{blue:.4g}",
    )


def _too_bright(inputs, scaling):
    highs = {role: facts.high * scaling.scale + scaling.offset for role, facts in inputs.pixels.items()}
    above = {role: high for role, high in highs.items() if high > LARGEST_REFLECTANCE}
    if not above:
        return None
    listed = ", ".join(f"{role} {high:.2f}" for role, high in above.items())
    return Finding(
        "reflectance-above-possible",
        "warning",
        f"The brighter pixels of {inputs.source} exceed the possible reflectance of {LARGEST_REFLECTANCE} (98 % quantile: {listed}).",
        "Check --scale and --offset; such pixels are treated as missing by every index.",
        column=next(iter(above)),
        value=f"{max(above.values()):.4g}",
    )
