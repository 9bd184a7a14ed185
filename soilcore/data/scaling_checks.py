"""What stored values look like, and what is odd about them once they are read as reflectance."""

from dataclasses import dataclass, field

import numpy as np

from soilcore.core.errors import SceneError
from soilcore.core.findings import Finding

LARGEST_REFLECTANCE = 1.5
OFFSET_DN, DN = 1000, 10000  # Sentinel-2 since processing baseline 04.00
_FLOOR_DN = 900  # with the offset in, noise over water brings a value per mille down to about 950
_NEGATIVE_FLOOR = -0.03  # noise around zero stays above this
_TOP_OF_ATMOSPHERE_BLUE = 0.06  # the clear sky alone adds about 0.07-0.10 to blue


class EmptySceneError(SceneError):
    """No pixel of a scene holds a value: all are cloud, fill, or outside the scene."""


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
    decided : str
        What decided it: "given" by the user, "metadata" (a product's, or tags), "sensor" (named, by its usual storage), or "pixels".
    """

    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    sensor: str | None = None
    evidence: tuple[str, ...] = ()
    decided: str = "given"


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
    product : (float, float, str) or None
        Scale, offset and evidence of a product's own metadata.
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
    product: tuple[float, float, str] | None = None

    def extreme(self, name, choose):
        """The smallest or largest (`choose`) of one fact over the bands, and its band."""
        known = {role: getattr(facts, name) for role, facts in self.pixels.items() if np.isfinite(getattr(facts, name))}
        role = choose(known, key=known.get)
        return known[role], role


def offset_finding(inputs, scale, severity="warning"):
    """The finding "offset-left-in" where no band of a scene ever goes below about 0.1 reflectance, else None.

    Parameters
    ----------
    inputs : ScalingInputs
    scale : float
        Reflectance per stored unit.
    severity : str
    """
    floors = {role: facts.floor * scale for role, facts in inputs.pixels.items() if np.isfinite(facts.floor)}
    if len(floors) < 3 or min(floors.values()) < _FLOOR_DN / DN:
        return None
    listed = ", ".join(f"{role} {floor:.3f}" for role, floor in floors.items())
    offset = -OFFSET_DN / DN
    return Finding(
        "offset-left-in",
        severity,
        f"No band of {inputs.source} falls below {min(floors.values()):.3f} reflectance (darkest per mille: {listed}). "
        f"Water and shadow reflect next to nothing, so Sentinel-2's offset of {OFFSET_DN} digital numbers (0.1) is most likely still in.",
        f"Take it out with --offset {offset:g}, or, for bright ground without any shadow or water, keep the values as they are with --offset 0.",
        column="offset",
        value=f"{min(floors.values()):.4g}",
    )


def check_possible(inputs, scaling):
    """Refuse a scaling under which next to no pixel is a possible reflectance (above 0, at most 1.5).

    Raises
    ------
    SceneError
        With the range that the values would have.
    """
    scaled = {
        role: (facts.low * scaling.scale + scaling.offset, facts.high * scaling.scale + scaling.offset) for role, facts in inputs.pixels.items()
    }
    if any(high > 0 and low <= LARGEST_REFLECTANCE for low, high in scaled.values()):
        return
    lows, highs = zip(*(pair for pair in scaled.values() if np.isfinite(pair).all()), strict=True)
    raise SceneError(
        f"Read as value x {scaling.scale:g} + {scaling.offset:g}, {inputs.source} would run from {min(lows):.4g} to {max(highs):.4g} (2 to 98 %); "
        "reflectance lies between 0 and 1. "
        "Give the right --scale and --offset, or another --sensor."
    )


def findings_of(inputs, scaling):
    """What is odd about a scene read with this scaling, as findings."""
    found = [_offset_removed_twice(inputs, scaling), _top_of_atmosphere(inputs, scaling), _too_bright(inputs, scaling)]
    of_checked = "soilcore_composite" in inputs.tags  # its scenes were looked at; chosen for bare soil, it may well hold nothing dark
    if scaling.offset == 0 and not of_checked and scaling.sensor in (None, "sentinel-2-l2a", "sentinel-2-l2a-harmonized", "reflectance"):
        found.append(offset_finding(inputs, scaling.scale, severity="warning" if inputs.offset is None else "note"))
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
