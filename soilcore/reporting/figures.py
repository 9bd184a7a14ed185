"""The figures of a report, each from plain facts: observed against predicted, coverage, errors, distances, areas, drivers."""

import math

from soilcore.reporting.axes import Axis, framed, number
from soilcore.reporting.drawing import FAINT, FONT_SIZE, INK, MARK, SECOND, Drawing, text_width

_SQUARE = (360.0, 330.0)
_WIDE = (520.0, 250.0)
_ROW = 19.0  # height of a bar with its space
_LABEL = 190.0  # points kept for the names of bars
_SPAN = 20.0  # a target whose largest value is so many times its median is drawn on logarithmic axes


def observed_and_predicted(points, unit):
    """Out-of-fold predictions against measurements.

    Parameters
    ----------
    points : dict
        ``observed``, ``predicted`` and, where known, ``lower`` and ``upper``: lists of numbers or None.
    unit : str or None

    Returns
    -------
    Drawing or None
        None where there are no two values.
    """
    pairs = [(o, p) for o, p in zip(points["observed"], points["predicted"], strict=True) if o is not None and p is not None]
    if len(pairs) < 2:
        return None
    values = [value for pair in pairs for value in pair]
    log = _is_wide(values)
    low, high = (min(values), max(values)) if log else _padded(min(values), max(values))
    low, high = (low / 1.15, high * 1.15) if log else (low, high)
    drawing = Drawing(
        *_SQUARE, "Measured and predicted", "Each dot is a sample predicted by a model that did not see it; the line is perfect prediction"
    )
    x, y = framed(drawing, (low, high), (low, high), _with_unit("measured", unit), _with_unit("predicted", unit), log)
    bounds = zip(points["observed"], points.get("lower") or (), points.get("upper") or (), strict=False)
    for observed, lower, upper in bounds:
        if None not in (observed, lower, upper) and math.isfinite(upper):
            drawing.line([(x.at(observed), y.at(lower)), (x.at(observed), y.at(upper))], FAINT, 0.5)
    drawing.line([(x.start, y.at(low)), (x.stop, y.at(high))], INK, 1.0, (4, 3))
    for observed, predicted in pairs:
        drawing.dot(x.at(observed), y.at(predicted))
    return drawing


def coverage_curve(levels):
    """Which part of the samples their intervals held, at several levels; None without any."""
    rows = [row for row in levels or () if row.get("coverage") is not None]
    if len(rows) < 2:
        return None
    drawing = Drawing(*_SQUARE, "Coverage of the intervals", "On the line, intervals hold what they promise; below it they are too narrow")
    x, y = framed(drawing, (0.0, 1.0), (0.0, 1.0), "promised share of samples inside", "observed share")
    drawing.line([(x.at(0), y.at(0)), (x.at(1), y.at(1))], INK, 1.0, (4, 3))
    places = [(x.at(row["level"]), y.at(row["coverage"])) for row in rows]
    drawing.line(places, MARK, 1.5)
    for place in places:
        drawing.dot(*place, 3.2, MARK, 1.0)
    return drawing


def expected_error(rows, threshold, unit):
    """How large the error is expected to be the less a place resembles the samples; None without any."""
    if not rows or len(rows) < 2:
        return None
    far = max(rows[-1]["di"], threshold or 0.0)
    drawing = Drawing(*_WIDE, "Expected error and dissimilarity", "Beyond the dashed line lies what the samples do not speak of")
    ends = (0.0, far * 1.08), (0.0, max(row["rmse"] for row in rows) * 1.1)
    x, y = framed(drawing, *ends, "dissimilarity to the training samples", _with_unit("expected RMSE", unit))
    drawing.line([(x.at(row["di"]), y.at(row["rmse"])) for row in rows], MARK, 1.8)
    if threshold is not None:
        drawing.line([(x.at(threshold), y.start), (x.at(threshold), y.stop)], SECOND, 1.3, (5, 3))
        drawing.text(x.at(threshold) - 4, y.stop + 12, "area of applicability ends", "end", FONT_SIZE - 1)
    return drawing


def distance_curves(distances):
    """How far test samples lay from training, against how far the map lies from samples; None without."""
    if not distances or not distances.get("cv"):
        return None
    lines = (("prediction_to_sample", "map to samples", INK, ()), ("cv", "test to training samples", MARK, ()))
    lines += (("sample_to_sample", "among samples", FAINT, (4, 3)),)
    drawing = Drawing(*_WIDE, "Distances", "Where the lines lie together, the folds test as far away as the map predicts")
    places = distances["distance"]
    x, y = framed(drawing, (0.0, max(places)), (0.0, 1.0), "distance to the nearest (m)", "share nearer than this")
    known = [(key, words, color, dashes) for key, words, color, dashes in lines if distances.get(key)]
    for at, (key, words, color, dashes) in enumerate(known):
        pairs = zip(places, distances[key], strict=False)
        drawing.line([(x.at(d), y.at(share)) for d, share in pairs if share is not None], color, 1.6, dashes)
        row = y.start - 12 - 15 * (len(known) - 1 - at)
        drawing.line([(x.stop - 175, row - 4), (x.stop - 150, row - 4)], color, 1.8, dashes)
        drawing.text(x.stop - 144, row, words, "start", FONT_SIZE - 1)
    return drawing


def class_areas(classes, title="Land of each class"):
    """Area of each class with its interval, where one is known; None without classes.

    Parameters
    ----------
    classes : sequence of dict
        ``class``, ``area_ha`` and, where known, ``area_ha_low`` and ``area_ha_high``; ``color`` too.
    """
    rows = [row for row in classes or () if row.get("area_ha") is not None]
    if not rows:
        return None
    bars = [(row["class"], row["area_ha"], row.get("area_ha_low"), row.get("area_ha_high"), row.get("color") or MARK) for row in rows]
    return _bars(title, "Bars: land of the mapped classes; whiskers: the interval of the area", bars, "ha")


def drivers(rows, unit, title="What drives the predictions"):
    """The largest contributions, as bars; None without any."""
    bars = [(row["name"], row["value"], row.get("low"), row.get("high"), MARK) for row in rows or () if row.get("value") is not None]
    if not bars:
        return None
    return _bars(title, "How much each predictor moves the prediction; a driver of the model is not a cause in the field", bars, unit)


def _bars(title, about, bars, unit):
    """Horizontal bars, a name before and the number behind each."""
    height = 34.0 + _ROW * len(bars)
    drawing = Drawing(_WIDE[0], height, title, about)
    largest = max([*(abs(bar[1]) for bar in bars), *(bar[3] for bar in bars if bar[3] is not None)]) or 1.0
    axis = Axis(0.0, largest, _LABEL, _WIDE[0] - 78.0)
    for at, (name, value, low, high, color) in enumerate(bars):
        top = 6.0 + at * _ROW
        drawing.text(_LABEL - 6, top + 12, _shortened(name), "end", FONT_SIZE)
        drawing.box(axis.start, top + 2, axis.at(abs(value)) - axis.start, _ROW - 6, color, 0.9)
        end = axis.at(abs(value))
        if low is not None and high is not None:
            middle = top + 2 + (_ROW - 6) / 2
            drawing.line([(axis.at(low), middle), (axis.at(high), middle)], INK, 1.2)
            end = max(end, axis.at(high))
        drawing.text(end + 5, top + 12, f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}", "start", FONT_SIZE - 1)
    bottom = 8.0 + _ROW * len(bars)
    drawing.line([(axis.start, 4), (axis.start, bottom)], INK, 1.0)
    drawing.text((axis.start + axis.stop) / 2, bottom + 16, unit or "", "middle", FONT_SIZE)
    return drawing


def _shortened(name):
    name = str(name)
    while text_width(name) > _LABEL - 8:
        name = name[:-2] + "…" if name.endswith("…") else name[:-1] + "…"
    return name


def _is_wide(values):
    ordered = sorted(values)
    return ordered[0] > 0 and ordered[-1] > _SPAN * ordered[len(ordered) // 2] / 2


def _padded(low, high):
    space = 0.04 * (high - low) or 1.0
    return low - (space if low < 0 else min(space, low)), high + space


def _with_unit(words, unit):
    return f"{words} ({unit})" if unit else words


def told(value):
    """A number as tables say it."""
    return number(float(f"{value:.3g}"))
