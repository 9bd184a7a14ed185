"""Drawings: axes, marks, and how they become SVG."""

import math
from xml.etree import ElementTree

import pytest

from soilcore.reporting.axes import Axis, decade_ticks, round_ticks
from soilcore.reporting.drawing import Drawing, to_svg
from soilcore.reporting.figures import class_areas, coverage_curve, drivers, observed_and_predicted
from soilcore.reporting.pictures import scale_bar


def test_ticks_are_round_and_within_the_range():
    assert round_ticks(0.0, 1.0) == pytest.approx((0, 0.2, 0.4, 0.6, 0.8, 1.0))
    assert round_ticks(13, 97) == (20, 40, 60, 80)
    assert decade_ticks(0.5, 30) == pytest.approx((0.5, 1, 2, 5, 10, 20))
    assert round_ticks(3, 3) == (3,)


def test_an_axis_places_values_linearly_or_by_ratios():
    assert Axis(0, 10, 0, 100).at(2.5) == 25
    assert Axis(1, 100, 0, 100, log=True).at(10) == pytest.approx(50)
    assert Axis(0, 10, 0, 100).at(99) == 100, "what lies beyond the end is drawn at it"


def test_words_of_a_user_cannot_become_markup():
    drawing = Drawing(10, 10, 'a "title" <script>', "x")
    drawing.text(1, 1, "<script>alert(1)</script> & more")
    root = ElementTree.fromstring(to_svg(drawing))
    assert len(root) == 1
    assert root[0].text == "<script>alert(1)</script> & more"


def test_every_pair_of_values_is_a_dot_and_missing_ones_are_none():
    points = {"observed": [1.0, 2.0, None, 4.0], "predicted": [1.5, 2.5, 3.0, 3.5], "lower": [0, 1, 2, math.inf], "upper": [2, 3, 4, math.inf]}
    drawing = observed_and_predicted(points, "dS/m")
    assert sum(mark[0] == "dot" for mark in drawing.marks) == 3
    assert any("measured (dS/m)" in mark for mark in drawing.marks)
    assert observed_and_predicted({"observed": [1.0], "predicted": [1.0]}, None) is None


def test_skewed_values_get_logarithmic_axes():
    points = {"observed": [0.5, 1, 1, 2, 200.0], "predicted": [1, 1, 1, 3, 50.0]}
    drawing = observed_and_predicted(points, "dS/m")
    said = {mark[3] for mark in drawing.marks if mark[0] == "text"}
    assert {"1", "10", "100"} <= said


def test_figures_without_facts_are_left_out():
    assert coverage_curve([]) is None
    assert class_areas(None) is None
    assert drivers([], "") is None


def test_bars_are_as_long_as_their_values():
    drawing = drivers([{"name": "dem", "value": 1.0}, {"name": "SI", "value": 0.25}], "")
    long, short = (mark[3] for mark in drawing.marks if mark[0] == "box")
    assert short == pytest.approx(long / 4)


def test_a_scale_bar_is_round_and_no_longer_than_a_quarter():
    for metres in (120.0, 5120.0, 90_000.0, 3e6):
        share, words = scale_bar(metres)
        number, unit = words.split()
        assert float(number) * (1000 if unit == "km" else 1) == pytest.approx(share * metres)
        assert 0.08 < share <= 0.25 + 1e-9
    assert scale_bar(None) == (0.0, "")
