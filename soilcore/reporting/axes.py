"""Axes of a drawing: round ticks, linear or logarithmic, and where a value lies on the paper."""

import math
from dataclasses import dataclass

from soilcore.reporting.drawing import FAINT, FONT_SIZE, INK

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 12.0, 12.0, 44.0


def round_ticks(low, high, count=5):
    """Round numbers from `low` to `high`, about `count` of them."""
    if not high > low:
        return (low,)
    raw = (high - low) / max(1, count)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(size * power for size in _STEPS if size * power >= raw * (1 - 1e-9))
    first = math.ceil(low / step - 1e-9)
    return tuple(number * step for number in range(first, math.floor(high / step + 1e-9) + 1))


def decade_ticks(low, high):
    """1, 2 and 5 times powers of ten from `low` to `high`, both above zero; powers alone where these would be many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1,) if len(powers) > 4 else (1, 2, 5)
    return tuple(factor * 10.0**power for power in powers for factor in factors if low * (1 - 1e-9) <= factor * 10.0**power <= high * (1 + 1e-9))


def number(value):
    """A number as an axis says it."""
    if value == 0:
        return "0"
    if abs(value) >= 1e5 or abs(value) < 1e-3:
        return f"{value:.0e}"
    return f"{value:.6g}"


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high` along a length of paper from `start` to `stop`.

    Parameters
    ----------
    low, high : float
    start, stop : float
        Points of the drawing.
    log : bool
        Whether equal lengths are equal ratios; then `low` is above zero.
    """

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def at(self, value):
        """Where a value lies; values beyond the ends lie on them."""
        value = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + share * (self.stop - self.start)

    @property
    def ticks(self):
        """Values to write beside it."""
        return decade_ticks(self.low, self.high) if self.log else round_ticks(self.low, self.high)


def framed(drawing, x_range, y_range, x_label, y_label, log=False):
    """Draw a frame with ticks and labels.

    Parameters
    ----------
    drawing : Drawing
    x_range, y_range : tuple of float
    x_label, y_label : str
    log : bool
        Both axes.

    Returns
    -------
    x, y : Axis
    """
    x = Axis(*x_range, _LEFT, drawing.width - _RIGHT, log)
    y = Axis(*y_range, drawing.height - _BOTTOM, _TOP, log)
    for value in x.ticks:
        place = x.at(value)
        drawing.line([(place, y.start), (place, y.stop)], FAINT, 0.3)
        drawing.text(place, y.start + 14, number(value), "middle", FONT_SIZE - 1)
    for value in y.ticks:
        place = y.at(value)
        drawing.line([(x.start, place), (x.stop, place)], FAINT, 0.3)
        drawing.text(x.start - 5, place + 3.5, number(value), "end", FONT_SIZE - 1)
    drawing.line([(x.start, y.stop), (x.start, y.start), (x.stop, y.start)], INK, 1.0)
    drawing.text((x.start + x.stop) / 2, drawing.height - 10, x_label, "middle")
    drawing.text(13, (y.start + y.stop) / 2, y_label, "middle", turned=True)
    return x, y
