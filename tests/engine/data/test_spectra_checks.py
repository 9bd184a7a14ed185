"""Every fault put into a library on purpose is found in its own row, and a clean library has none."""

from dataclasses import replace

import numpy as np
import pytest

from soilcore.data.samples import SampleSettings
from soilcore.data.spectra import SpectraSettings, open_spectra
from soilcore.data.spectra_checks import check_spectra, distances_from_median
from soilcore.data.synthetic_spectra import synthetic_spectra


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("library") / "spectra.csv"
    synthetic_spectra(80, seed=7).table().to_csv(path, index=False)
    return open_spectra(SpectraSettings((str(path),), SampleSettings(target="kex_cmol_kg"), group="order"))


def changed(library, change):
    values = library.values.copy()
    change(values)
    return replace(library, values=values)


def found(spectra, code):
    return [finding for finding in check_spectra(spectra) if finding.code == code]


def test_a_clean_library_has_no_warning(library):
    assert not [finding for finding in check_spectra(library) if finding.severity != "note"]


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("spectra-negative", lambda values: np.subtract(values[5], 0.9, out=values[5])),
        ("spectra-saturated", lambda values: np.multiply(values[5], 3, out=values[5])),
        ("spectra-saturated", lambda values: np.minimum(values[5], 0.9 * values[5].max(), out=values[5])),
        ("spectra-unlike", lambda values: np.subtract(2.0, values[5], out=values[5])),
        ("spectra-twice", lambda values: values[5].__setitem__(slice(None), values[4])),
    ],
)
def test_each_fault_is_found_in_its_row(library, code, change):
    assert not found(library, code)
    findings = found(changed(library, change), code)
    assert [finding.row for finding in findings] == [7]
    assert findings[0].fix


def test_a_smooth_top_of_rounded_numbers_is_not_taken_for_a_cut(library):
    assert not found(changed(library, lambda values: np.round(values, 2, out=values)), "spectra-saturated")


def test_reflectance_above_a_white_reference_is_said(library):
    bright = replace(library, values=np.clip(library.values, 0.2, 0.9), quantity="reflectance")
    bright.values[3, 100:110] = np.linspace(1.3, 1.4, 10)
    assert 5 in [finding.row for finding in found(bright, "spectra-saturated")]


def test_few_or_no_usable_spectra_are_said(library):
    assert found(library.take(np.arange(20)), "spectra-few")
    none = replace(library, usable=np.zeros(80, dtype=bool))
    assert found(none, "spectra-none-usable")[0].severity == "error"


def test_scans_that_disagree_are_said(library):
    chance = np.random.default_rng(0)
    values = np.repeat(library.values[:12], 2, axis=0) + chance.normal(0, 0.001, (24, library.axis.size)).astype(np.float32)
    values[9] = library.values[40]
    scans = replace(library.take(np.repeat(np.arange(12), 2)), values=values)
    assert [finding.value for finding in found(scans, "spectra-scans-differ")] == [scans.ids[8]]
    assert found(scans, "spectra-replicates")


def test_steps_between_detectors_are_said(shared_data):
    path = str(shared_data / "spectra/ossl_samples/sample_visnir_data.csv")
    spectra = open_spectra(SpectraSettings((path,)))
    assert "1000 nm" in found(spectra, "spectra-detector-step")[0].message
    smooth = replace(spectra, values=np.repeat(np.linspace(0.1, 0.5, 2151, dtype=np.float32)[None], 20, axis=0))
    assert not found(smooth, "spectra-detector-step")


def test_findings_of_real_libraries(shared_data):
    def opened(name, **said):
        return open_spectra(SpectraSettings((str(shared_data / name),), **said))

    codes = {finding.code for finding in check_spectra(opened("limesoda/SC.93.csv", table=SampleSettings(target="SOC_target")))}
    assert "spectra-twice" in codes  # two rows of this field set hold the same spectrum
    assert not codes & {"spectra-saturated", "spectra-negative", "spectra-unlike"}
    zeros = [finding for finding in check_spectra(opened("spectra/mirzai_kssl_mir_exK.parquet")) if finding.code == "zeros-in-target"]
    assert len(zeros) == 1


def test_distances_are_one_in_the_middle_and_know_no_brightness(library):
    distance = distances_from_median(library.values, library.usable)
    assert np.median(distance) == pytest.approx(1.0)
    bright = library.values * np.linspace(0.5, 2.0, 80, dtype=np.float32)[:, None] + 0.1
    np.testing.assert_allclose(distances_from_median(bright, library.usable), distance, rtol=1e-3)
    assert np.isnan(distances_from_median(library.values[:5], library.usable[:5])).all()


def test_taking_rows_takes_them_everywhere(library):
    part = library.take(np.array([3, 1]))
    np.testing.assert_array_equal(part.values, library.values[[3, 1]])
    np.testing.assert_array_equal(part.target.values, library.target.values[[3, 1]])
    assert list(part.table.index) == [5, 3]
    assert list(part.groups) == list(library.groups[[3, 1]])
