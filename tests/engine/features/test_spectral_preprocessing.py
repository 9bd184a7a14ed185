"""Preprocessing against reference numbers and against what it must do to straight lines, parabolas and units; nothing leaks between spectra."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilcore.core.errors import FeatureError, SettingsError
from soilcore.core.files import plain
from soilcore.data.spectra import SpectraSettings, open_spectra
from soilcore.features.spectral_preprocessing import Steps, parse_steps, preprocess

KSSL = np.linspace(3999, 599, 1764)
NIR = np.arange(1100.0, 2500.0, 2.0)


@pytest.fixture(scope="module")
def reference():
    import json
    from pathlib import Path

    path = Path(__file__).resolve().parents[2] / "oracles/spectra.json"
    return json.loads(path.read_text(encoding="utf-8"))["preprocessing"]


@pytest.fixture(scope="module")
def kssl(shared_data):
    return open_spectra(SpectraSettings((str(shared_data / "spectra/mirzai_kssl_mir_exK.parquet"),)))


def random_spectra(axis, rows=7, seed=0):
    return np.random.default_rng(seed).uniform(0.1, 1.4, (rows, axis.size))


def test_snv_gives_the_reference_numbers(reference):
    values = np.array([reference["values"]])
    axis = 1000.0 - np.arange(values.size)
    np.testing.assert_allclose(preprocess(values, axis, "snv").values[0], reference["snv_ddof0"], rtol=0, atol=1e-12)


def test_savitzky_golay_gives_the_reference_numbers_inside_and_the_line_of_the_last_window_at_the_ends(reference):
    values = np.array([reference["values"]])
    axis = 1000.0 - np.arange(values.size)
    done = preprocess(values, axis, "sg:11:1:1").values[0]
    np.testing.assert_allclose(done[5:8], reference["sg_interior"], atol=1e-12)
    weights = np.arange(-5, 6) / 110
    np.testing.assert_allclose(done[6], weights @ values[0, 1:12], atol=1e-12)
    np.testing.assert_allclose(done[:5], done[5], atol=1e-12)  # a line has one slope


def test_carbon_dioxide_window_of_the_kssl_grid_has_63_points_set_to_zero_or_dropped(reference):
    values = random_spectra(KSSL)
    zero = preprocess(values, KSSL, "snv,sg:11:1:1,co2:zero")
    inside = (KSSL >= 2269) & (KSSL <= 2389)
    assert inside.sum() == reference["kssl_grid"]["points_in_co2_window"] == 63
    assert np.all(zero.values[:, inside] == 0)
    assert not np.any(zero.values[:, ~inside] == 0)
    dropped = preprocess(values, KSSL, "snv,sg:11:1:1,co2:drop")
    np.testing.assert_array_equal(dropped.axis, KSSL[~inside])
    np.testing.assert_array_equal(dropped.values, zero.values[:, ~inside])


def test_window_ends_are_inclusive():
    axis = np.array([2400.0, 2389.0, 2300.0, 2269.0, 2200.0])
    assert list(preprocess(np.ones((1, 5)), axis, "co2:zero").values[0]) == [1, 0, 0, 0, 1]
    assert list(preprocess(np.ones((1, 5)), axis, "co2:drop:2250:2350").axis) == [2400, 2389, 2200]


def test_derivative_is_per_point_along_the_canonical_order():
    rising = np.arange(KSSL.size)[None, :] * 0.01
    np.testing.assert_allclose(preprocess(rising, KSSL, "sg:11:1:1").values, 0.01)
    np.testing.assert_allclose(preprocess(rising, KSSL, "sg:11:2:2").values, 0, atol=1e-12)
    with pytest.raises(FeatureError, match="canonical order"):
        preprocess(rising, KSSL[::-1], "sg:11:1:1", unit="cm-1")
    with pytest.raises(Exception, match="neither rises nor falls"):
        preprocess(rising[:, :3], [1.0, 3.0, 2.0], "snv")


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 20), st.floats(-3, 3), st.integers(0, 50))
def test_snv_takes_brightness_and_thickness_away(scale, offset, seed):
    values = random_spectra(NIR, 2, seed)
    np.testing.assert_allclose(preprocess(scale * values + offset, NIR, "snv").values, preprocess(values, NIR, "snv").values, atol=1e-9)


def test_detrending_takes_a_parabola_away_and_nothing_else():
    bent = 0.3 + 1e-4 * NIR - 2e-8 * NIR**2
    np.testing.assert_allclose(preprocess(bent[None], NIR, "detrend").values, 0, atol=1e-12)
    wave = np.sin(NIR / 5)
    np.testing.assert_allclose(preprocess((bent + wave)[None], NIR, "detrend").values, preprocess(wave[None], NIR, "detrend").values, atol=1e-12)


def test_reflectance_becomes_absorbance_and_comes_back():
    reflectance = random_spectra(NIR) / 2
    dark = preprocess(reflectance, NIR, "absorbance", quantity="reflectance")
    assert dark.quantity == "pseudo-absorbance"
    np.testing.assert_allclose(dark.values, np.log10(1 / reflectance))
    np.testing.assert_allclose(preprocess(dark.values, NIR, "reflectance", quantity="absorbance").values, reflectance)
    again = preprocess(dark.values, NIR, "absorbance", quantity="absorbance")
    np.testing.assert_array_equal(again.values, dark.values)
    assert "already" in again.notes[0]
    with pytest.raises(FeatureError, match="first"):
        preprocess(reflectance, NIR, "snv,absorbance", quantity="reflectance")


def test_no_logarithm_of_what_is_not_above_zero_is_made_up():
    values = random_spectra(NIR, 3)
    values[1, 5] = 0.0
    done = preprocess(values, NIR, "absorbance", quantity="reflectance")
    assert list(np.isnan(done.values).any(axis=1)) == [False, True, False]
    assert np.isnan(done.values[1]).all()
    assert "1 spectra became missing" in done.notes[0]


def test_resampling_keeps_lines_and_means_exactly():
    line = 2.0 - 0.0005 * KSSL
    finer = preprocess(line[None], KSSL, "resample:600:3998:1")
    np.testing.assert_allclose(finer.values[0], 2.0 - 0.0005 * finer.axis, atol=1e-12)
    coarse = preprocess(line[None], KSSL, "resample:620:3980:20")
    np.testing.assert_array_equal(coarse.axis, np.arange(620, 3981, 20.0)[::-1])
    np.testing.assert_allclose(coarse.values[0], 2.0 - 0.0005 * coarse.axis, atol=1e-12)
    peak = np.zeros((1, NIR.size))
    peak[0, 350] = 1.0  # a single point of width 2 nm: its area must survive wider steps
    wide = preprocess(peak, NIR, "resample:1120:2480:20")
    assert wide.values.sum() * 20 == pytest.approx(2.0)
    same = preprocess(random_spectra(NIR), NIR, "resample:1100:2498:2")
    np.testing.assert_allclose(same.values, random_spectra(NIR), atol=1e-12)
    with pytest.raises(FeatureError, match="Nothing is known beyond"):
        preprocess(line[None], KSSL, "resample:400:3998:2")


def test_cropping_keeps_what_lies_between():
    done = preprocess(random_spectra(KSSL), KSSL, "crop:3000:1000")
    assert 1000 <= done.axis[-1] < done.axis[0] <= 3000
    with pytest.raises(FeatureError, match="leaves 0 points"):
        preprocess(random_spectra(KSSL), KSSL, "crop:5000:6000")


def test_carbon_dioxide_on_a_near_infrared_axis_is_said_and_not_done():
    values = random_spectra(NIR)
    done = preprocess(values, NIR, "co2:zero")
    np.testing.assert_array_equal(done.values, values)
    assert "not done" in done.notes[0]
    short = preprocess(values[:, :100], np.linspace(2000, 600, 100), "co2:drop")
    assert (short.axis.size, len(short.notes)) == (100, 1)


def test_every_spectrum_is_processed_by_itself():
    values = random_spectra(KSSL, 9).astype(np.float32)
    steps = "sg:9:2:1,snv,co2:zero,resample:650:3950:8"
    whole = preprocess(values, KSSL, steps).values
    for k in (0, 4, 8):
        np.testing.assert_array_equal(preprocess(values[k : k + 1], KSSL, steps).values[0], whole[k])
    assert whole.dtype == np.float32
    np.testing.assert_array_equal(values, random_spectra(KSSL, 9).astype(np.float32))  # what was given is left alone


def test_blocks_of_rows_give_what_the_whole_gives(monkeypatch):
    from soilcore.features import spectral_preprocessing

    values = random_spectra(KSSL, 50)
    whole = preprocess(values, KSSL, "snv,sg:11:1:1").values
    monkeypatch.setattr(spectral_preprocessing, "_CHUNK_CELLS", 7 * KSSL.size)
    heard = []
    parts = preprocess(values, KSSL, "snv,sg:11:1:1", report=lambda done, total, message: heard.append((done, total)))
    np.testing.assert_allclose(parts.values, whole, rtol=0, atol=1e-14)  # the lines at the ends are fitted together
    assert heard[-1] == (50, 50)
    assert len(heard) == 8


def test_missing_points_make_the_whole_spectrum_missing_and_no_other():
    values = random_spectra(NIR, 4)
    values[2, 100] = np.nan
    values[3] = 0.5  # flat
    done = preprocess(values, NIR, "sg:11:2:1,snv")
    assert list(np.isnan(done.values).all(axis=1)) == [False, False, True, True]
    assert np.isfinite(done.values[:2]).all()
    np.testing.assert_array_equal(done.values[:2], preprocess(values[:2], NIR, "sg:11:2:1,snv").values)


def test_real_library_takes_the_steps_of_its_paper(kssl):
    done = preprocess(kssl.values, kssl.axis, "snv,sg:11:1:1,co2:zero", kssl.unit, kssl.quantity)
    assert done.values.shape == (100, 1764)
    assert np.all(done.values[:, (kssl.axis >= 2269) & (kssl.axis <= 2389)] == 0)
    assert (done.quantity, done.notes) == ("scaled", ())
    snv = preprocess(kssl.values, kssl.axis, "snv").values.astype(float)
    np.testing.assert_allclose(snv.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(snv.std(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    "text",
    ["snv", "snv,sg:11:1:1,co2:zero", "absorbance,crop:600:3900,detrend", "resample:600:3998:2,co2:drop:2250:2400", "sg:7:2:0,reflectance", ""],
)
def test_steps_travel_as_text_and_json(text):
    import json

    steps = parse_steps(text)
    assert str(steps) == text
    again = Steps.from_dict(json.loads(json.dumps(plain(steps.to_dict()))))
    assert again == steps
    assert len(parse_steps("none")) == 0


def test_axis_after_the_steps_is_known_without_spectra():
    steps = parse_steps("co2:drop,resample:620:3980:20")
    np.testing.assert_array_equal(steps.axis_after(KSSL), preprocess(random_spectra(KSSL), KSSL, steps).axis)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("msc", "mean of all spectra"),
        ("wavelet", "no preprocessing step"),
        ("sg:10:1:1", "odd number"),
        ("sg:11:1:2", "derivative at most the order"),
        ("sg:11", "not complete"),
        ("sg:a:b:c", "not complete"),
        ("co2", "not complete"),
        ("co2:zero:2400:2200", "smaller to a larger"),
        ("resample:600:3998:0", "step must be above 0"),
        ("resample:600:3998:nan", "not complete"),
        ("crop:600", "not complete"),
        ("snv:2", "no numbers"),
        ("snv,,sg:11:1:1", "no preprocessing step"),
    ],
)
def test_steps_that_cannot_be_are_refused_in_words(text, match):
    with pytest.raises(SettingsError, match=match):
        parse_steps(text)


def test_steps_that_do_not_fit_the_axis_are_refused_in_words():
    with pytest.raises(FeatureError, match="window"):
        preprocess(np.ones((1, 5)), np.arange(5.0) + 400, "sg:11:1:1")
    with pytest.raises(FeatureError, match="but the axis has"):
        preprocess(np.ones((1, 5)), np.arange(6.0) + 400, "snv")
    with pytest.raises(SettingsError, match="no preprocessing steps"):
        Steps.from_dict({"nothing": 1})
