"""Known absorptions: a table with sources, on either axis, and the share of an attribution that lies on them."""

import numpy as np
import pytest

from soilcore.core.errors import SettingsError
from soilcore.core.tables import load_table
from soilcore.data.synthetic_spectra import WAVENUMBERS
from soilcore.explanation.bands import attribution_by_band, bands_on

TABLE = load_table("spectral_bands")


@pytest.mark.parametrize("row", TABLE["bands"], ids=lambda row: row["id"])
def test_every_band_has_a_range_a_name_and_sources_that_are_cited(row):
    assert 0 < row["low"] < row["high"]
    assert row["low"] <= row["centre"] <= row["high"]
    assert row["unit"] in ("cm-1", "nm")
    assert row["name"]
    assert row["constituent"]
    assert row["sources"]
    assert set(row["sources"]) <= set(TABLE["sources"])


def test_no_id_comes_twice_and_no_source_is_idle():
    names = [row["id"] for row in TABLE["bands"]]
    assert len(set(names)) == len(names)
    assert {source for row in TABLE["bands"] for source in row["sources"]} == set(TABLE["sources"])


@pytest.mark.parametrize(
    ("position", "word"),
    [
        (3650, "clay"),
        (3400, "water"),
        (1640, "water"),
        (2930, "organic"),
        (2850, "organic"),
        (2520, "calcite"),
        (1430, "calcite"),
        (875, "calcite"),
        (1990, "quartz"),
        (1870, "quartz"),
        (1790, "quartz"),
        (1720, "organic"),
        (1100, "clay"),
        (915, "kaolinite"),
        (800, "quartz"),
        (780, "quartz"),
        (695, "quartz"),
        (2349, "air"),
    ],
)
def test_the_absorptions_of_the_mid_infrared_are_named(position, word):
    axis = np.array([position + 1.0, position, position - 1.0])
    assert any(word in band.constituent for band in bands_on(axis, "cm-1"))


@pytest.mark.parametrize(
    ("position", "word"), [(1414, "clay"), (1915, "water"), (2206, "kaolinite"), (2336, "carbonate"), (529, "hematite"), (1730, "organic")]
)
def test_the_absorptions_of_the_near_infrared_are_named_on_either_axis(position, word):
    nanometres = np.array([position - 0.5, position, position + 0.5])
    for axis, unit in ((nanometres, "nm"), (1e7 / nanometres, "cm-1")):
        found = [band for band in bands_on(axis, unit) if word in band.constituent]
        assert found
        assert found[0].low <= axis[1] <= found[0].high


def test_bands_come_in_the_order_of_the_axis_and_only_those_it_reaches():
    found = bands_on(WAVENUMBERS, "cm-1")
    assert [band.centre for band in found] == sorted((band.centre for band in found), reverse=True)
    assert {row["unit"] for row in TABLE["bands"] if row["id"] in {band.id for band in found}} == {"cm-1"}
    assert [band.centre for band in bands_on(WAVENUMBERS[::-1], "cm-1")] == sorted(band.centre for band in found)
    assert not bands_on(np.linspace(4500, 4700, 50), "nm")


def test_an_attribution_on_one_absorption_is_found_there_with_its_sign():
    profile = -np.exp(-0.5 * ((WAVENUMBERS - 2520) / 15) ** 2)
    rows, outside = attribution_by_band(WAVENUMBERS, "cm-1", profile)
    assert rows[0]["id"] == "carbonate_combination"
    assert rows[0]["share"] > 0.95
    assert rows[0]["density"] > 20
    assert rows[0]["sign"] == -1
    assert rows[0]["peak"] == pytest.approx(2520, abs=2)
    assert outside < 0.05
    assert rows[0]["sources"]


def test_an_even_attribution_has_density_one_everywhere():
    rows, outside = attribution_by_band(WAVENUMBERS, "cm-1", np.ones(WAVENUMBERS.size))
    assert [row["density"] for row in rows] == pytest.approx([1.0] * len(rows))
    covered = np.zeros(WAVENUMBERS.size, bool)
    for row in rows:
        covered |= np.clip(WAVENUMBERS, row["low"], row["high"]) == WAVENUMBERS
    assert outside == pytest.approx(1 - covered.mean())


def test_no_attribution_has_no_bands():
    assert attribution_by_band(WAVENUMBERS, "cm-1", np.zeros(WAVENUMBERS.size)) == ([], 0.0)


@pytest.mark.parametrize(
    ("axis", "unit", "size", "said"), [([1, 2, 3], "um", 3, "cm-1 or nm"), ([1, 3, 2], "nm", 3, "rise or fall"), ([1, 2, 3], "nm", 4, "3 points")]
)
def test_axes_that_cannot_be_read_are_refused(axis, unit, size, said):
    with pytest.raises(SettingsError, match=said):
        attribution_by_band(axis, unit, np.ones(size))
