"""How stored values become reflectance: from what the user says, the file's tags, the product's metadata, else from the pixels.

The order is fixed: options, then GDAL's scale and offset tags, then the sensor and its metadata, then what the values themselves
allow. Every decision keeps its evidence with the numbers. Where the pixels leave two readings open nothing is guessed: the error
names the option that decides.

Sentinel-2 carries an offset of 1000 DN since processing baseline 04.00. Whether it is still in is decided by metadata, never by date;
without metadata the darkest pixels tell: water, shadow and dense vegetation reflect next to nothing in some band, so when no band
ever falls under about 1000 DN (0.1), the offset is most likely still in - or the scene is a bright desert, which is why it is asked.
"""

import numpy as np

from soilcore.core.errors import SceneError
from soilcore.data.scaling_checks import (
    DN,
    LARGEST_REFLECTANCE,
    OFFSET_DN,
    EmptySceneError,
    PixelFacts,
    Scaling,
    ScalingInputs,
    check_possible,
    findings_of,
    offset_finding,
)
from soilcore.data.sensors import scaling_of_sensor, sensor_by_name

__all__ = ["EmptySceneError", "PixelFacts", "Scaling", "ScalingInputs", "decide_scaling"]

DECIDED_BY = ("given", "metadata", "sensor", "pixels")
_LANDSAT_FLOOR_DN = 6500  # reflectance 0 is DN 7273 in Collection 2; deep shadow goes a little below


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
        raise EmptySceneError(
            f"{inputs.source} holds no valid pixel in any band: all are no data. Check --nodata, and that the file was downloaded whole."
        )
    scale, offset, sensor, evidence, inferred, decided = _decided(inputs)
    scaling = Scaling(scale, offset, inputs.nodata, sensor, evidence, decided)
    check_possible(inputs, scaling)
    assumed = (f"reflectance = stored value x {scale:g} {'-' if offset < 0 else '+'} {abs(offset):g}: {'; '.join(evidence)}",) if inferred else ()
    return scaling, assumed, findings_of(inputs, scaling)


def _decided(inputs):
    """Scale, offset, sensor, evidence, whether anything was inferred, and what decided (see `Scaling`)."""
    sensor = inputs.sensor or _sensor_of_tags(inputs)
    if inputs.scale is not None and inputs.offset is not None:
        return inputs.scale, inputs.offset, sensor or _sensor_of_family(inputs), ("scale and offset as given",), False, "given"
    if inputs.scale is not None:
        return *_with_scale(inputs, sensor), "given"
    told = _told(inputs)
    if told is not None:
        scale, offset, text = told
        if inputs.offset is not None:
            return scale, inputs.offset, sensor or _sensor_of_family(inputs), (f"{text}; offset as given",), True, "given"
        decided = inputs.tags.get("soilcore_scaling_by", "metadata") if inputs.product is None else "metadata"
        return scale, offset, sensor or _sensor_of_family(inputs), (text,), True, decided if decided in DECIDED_BY else "given"
    by_metadata = inputs.offset is None and _offset_of_metadata(inputs.tags) is not None
    if sensor is not None:
        scale, offset, *rest = _of_sensor(inputs, sensor)
        decided = "metadata" if by_metadata and sensor == "sentinel-2-l2a" and scale != 1.0 else "sensor"
    else:
        scale, offset, *rest = _of_pixels(inputs)
        decided = "metadata" if by_metadata and rest[0] == "sentinel-2-l2a" and scale != 1.0 else "pixels"
    return scale, offset, *rest, "given" if inputs.offset is not None else decided


def _told(inputs):
    """Scale, offset and evidence by a product's metadata or by the file's tags, or None."""
    if inputs.product is not None:
        return inputs.product
    tags = _of_tags(inputs)
    if tags is None:
        return None
    scale, offset = tags
    text = f"the file's own scale and offset tags, {scale:g} and {offset:g}"
    if offset and "soilcore_scaling" not in inputs.tags and _offset_was_removed(inputs.tags):
        return scale, 0.0, f"{text}, but its metadata say that the offset was removed already (boa_offset_applied)"
    return scale, offset, text


def _with_scale(inputs, sensor):
    tags = _of_tags(inputs)
    offset, why = (tags[1], "offset of the file's tags") if tags else (0.0, "no offset is known")
    return inputs.scale, offset, sensor or _sensor_of_family(inputs), ("scale as given", why), True


def _of_tags(inputs):
    """GDAL's scale and offset where the file says them."""
    if "soilcore_scaling" in inputs.tags:  # a scene converted here: decided and confirmed before, 1 and 0 included
        scale, offset = map(float, inputs.tags["soilcore_scaling"].split())
        return scale, offset
    said = {pair for pair in inputs.tagged if pair != (1.0, 0.0)}
    if not said:
        return None
    if len(set(inputs.tagged)) > 1:
        listed = ", ".join(f"{scale:g} and {offset:g}" for scale, offset in sorted(set(inputs.tagged)))
        raise SceneError(
            f"The bands of {inputs.source} carry different scale and offset tags ({listed}). Say what holds for all with --scale and --offset."
        )
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
        return _sentinel_2(inputs, sensor)
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
        return _sentinel_2(inputs, "sentinel-2-l2a")
    medians = [facts.median for facts in inputs.pixels.values() if np.isfinite(facts.median)]
    if max(medians) >= 100 and largest <= LARGEST_REFLECTANCE * DN:
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
    reflectance = f"reflectance {lowest * scale + offset:.3f} to {largest * scale + offset:.3f}"
    evidence = (
        f"stored values from {lowest:.0f} (2 %, {band}) to {largest:.0f} (98 %) are Landsat Collection 2 Level-2: {reflectance}",
        f"divided by {DN} the band medians would be {min(medians) / DN:.2f} to {max(medians) / DN:.2f}, more than land reflects",
    )
    return scale, offset, "landsat-c2-l2", evidence, True


def _sentinel_2(inputs, sensor):
    """Offset by metadata, else by the darkest pixels."""
    if inputs.offset is not None:
        return 1 / DN, inputs.offset, sensor, ("Sentinel-2 digital numbers / 10000, offset as given",), True
    said = _offset_of_metadata(inputs.tags)
    if said is not None:
        offset, why = said
        return 1 / DN, offset, sensor, ("Sentinel-2 digital numbers / 10000", why), True
    largest, _ = inputs.extreme("high", max)
    if largest > 3 * DN:
        raise SceneError(_ask_scale(inputs, "Sentinel-2 digital numbers / 10000 would be far above any reflectance"))
    lowest, band = inputs.extreme("floor", min)
    if inputs.sensor == sensor and offset_finding(inputs, 1 / DN):
        why = f"with its offset of -{OFFSET_DN}: the sensor was named, and no band goes below {lowest:.0f} ({band})"
        return 1 / DN, scaling_of_sensor(sensor)[1], sensor, ("Sentinel-2 digital numbers / 10000", why), True
    _ask_about_offset(inputs, 1 / DN, sensor)
    why = f"no offset: the darkest pixels go down to {lowest:.0f} in {band}; with the offset of {OFFSET_DN} in, none would fall far below {OFFSET_DN}"
    return 1 / DN, 0.0, sensor, ("Sentinel-2 digital numbers / 10000", why), True


def _ten_thousandths(inputs, largest):
    lowest, band = inputs.extreme("floor", min)
    offset = inputs.offset if inputs.offset is not None else 0.0
    evidence = f"values from {lowest:.0f} ({band}) to {largest:.0f} (98 %) are reflectance x {DN}"
    if inputs.offset is None:
        _ask_about_offset(inputs, 1 / DN, None)
    return 1 / DN, offset, None, (evidence,), True


def _offset_of_metadata(tags):
    """(offset, evidence) from a product's own metadata, or None."""
    if _offset_was_removed(tags):
        return 0.0, "metadata: the offset was removed already (boa_offset_applied)"
    added = next((value for name, value in sorted(tags.items()) if name.startswith("boa_add_offset")), None)
    if _number(added) is not None:
        return _number(added) / (_number(tags.get("quantification_value")) or DN), f"metadata: BOA_ADD_OFFSET {added}"
    baseline = next((tags[name] for name in ("processing_baseline", "s2:processing_baseline", "processingbaseline") if name in tags), None)
    if _number(baseline) is not None:
        offset = -OFFSET_DN / DN if _number(baseline) >= 4 else 0.0
        return offset, f"metadata: processing baseline {baseline}, {'with' if offset else 'before'} the offset of -{OFFSET_DN}"
    return None


def _offset_was_removed(tags):
    applied = next((tags[name] for name in ("earthsearch:boa_offset_applied", "boa_offset_applied") if name in tags), "")
    return applied.strip().lower() in ("true", "1", "yes")


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


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
        f"It is not clear how {inputs.source} stores reflectance: its values run from {lowest:.6g} to {largest:.6g} "
        f"(band medians {min(medians):.6g} to {max(medians):.6g}), and {why}. "
        "Say it with --scale and --offset (reflectance = value * scale + offset), or with --sensor; best is a surface-reflectance product."
    )
