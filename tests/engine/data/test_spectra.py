"""Tables of spectra in every dialect give the same numbers on the same axis, and what is odd is said."""

import gzip
import zipfile

import numpy as np
import pandas as pd
import pytest

from soilcore.core.errors import SampleError, SettingsError, Stopped, UnreadableError
from soilcore.core.settings import from_plain, to_plain
from soilcore.data.samples import SampleSettings
from soilcore.data.spectra import SpectraSettings, open_spectra
from soilcore.data.synthetic_spectra import synthetic_spectra

AXIS = np.arange(400, 2500, 10.0)


def soil(axis=AXIS, rows=12):
    """Reflectance that rises and dips where water absorbs."""
    dips = 1 - 0.25 * np.exp(-(((axis - 1930) / 40) ** 2)) - 0.15 * np.exp(-(((axis - 1410) / 30) ** 2))
    return np.array([(0.1 + 0.3 * (1 - np.exp(-axis / 900))) * dips * (0.8 + 0.03 * k) for k in range(rows)])


VALUES = soil()


def cells(names=None, values=VALUES, decimal="."):
    """Rows of a table as lists of text: id, carbon, and the spectrum."""
    names = [f"{point:g}" for point in AXIS] if names is None else names
    body = [[f"S{k}", f"{k + 0.5}", *(f"{value:.6f}" for value in row)] for k, row in enumerate(values)]
    return [["id", "C_org_%", *names], *[[cell.replace(".", decimal) if k else cell for k, cell in enumerate(row)] for row in body]]


def written(folder, rows, delimiter=",", encoding="utf-8", name="t.csv"):
    path = folder / name
    path.write_bytes("\n".join(delimiter.join(row) for row in rows).encode(encoding))
    return path


def opened(path, **said):
    return open_spectra(SpectraSettings((str(path),), **said))


def codes(spectra):
    return {finding.code for finding in (*spectra.findings, *spectra.samples.findings)}


@pytest.mark.parametrize("name", ["{:g}", "X{:g}", "wl_{:g}", "scan_visnir.{:g}_ref", "spc.{:g}", "{:g} nm", "{:.1f}", "abs-{:g}", "R{:g}nm"])
def test_columns_are_found_whatever_stands_around_the_wavelength(tmp_path, name):
    spectra = opened(written(tmp_path, cells([name.format(point) for point in AXIS])))
    np.testing.assert_array_equal(spectra.axis, AXIS)
    np.testing.assert_allclose(spectra.values, VALUES, atol=1e-6)
    assert spectra.unit == "nm"
    assert list(spectra.table.columns) == ["id", "C_org_%"]
    assert spectra.ids[3] == "S3"
    assert spectra.quantity == ("absorbance" if name.startswith("abs") else "reflectance")


@pytest.mark.parametrize(
    ("delimiter", "decimal", "encoding"),
    [(",", ".", "utf-8"), (";", ",", "utf-8-sig"), ("\t", ".", "utf-16"), (";", ",", "cp1252"), ("|", ".", "utf-16-le")],
)
def test_every_dialect_of_text_gives_the_same_numbers(tmp_path, delimiter, decimal, encoding):
    rows = cells(decimal=decimal)
    rows[1][0] = "Tübingen"
    spectra = opened(written(tmp_path, rows, delimiter, encoding))
    np.testing.assert_allclose(spectra.values, VALUES, atol=1e-6)
    assert spectra.ids[0] == "Tübingen"
    np.testing.assert_allclose(spectra.table["C_org_%"], np.arange(12) + 0.5)
    assert spectra.table.index[0] == 2


def test_workbook_parquet_and_packed_text_give_the_same_set(tmp_path):
    rows = cells()
    frame = pd.DataFrame([[row[0], *map(float, row[1:])] for row in rows[1:]], columns=rows[0])
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    plain = written(tmp_path, rows)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(plain.read_bytes()))
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, "deep/inside/t.csv")
    for name in ("t.csv", "t.xlsx", "t.parquet", "t.csv.gz", "t.zip"):
        spectra = opened(tmp_path / name, table=SampleSettings(target="C_org_%"))
        np.testing.assert_allclose(spectra.values, VALUES, atol=1e-6, err_msg=name)
        np.testing.assert_allclose(spectra.target.values, np.arange(12) + 0.5)
        assert (spectra.target.unit, spectra.values.dtype, spectra.values.flags.c_contiguous) == ("%", np.float32, True)


def test_axis_in_either_order_comes_out_canonical(tmp_path):
    axis = np.linspace(3999, 601, 300)
    absorbance = np.random.default_rng(1).uniform(0.2, 1.5, (12, 300)).round(6)
    for order in (slice(None), slice(None, None, -1)):
        rows = cells([f"{point:.2f}" for point in axis[order]], absorbance[:, order])
        spectra = opened(written(tmp_path, rows))
        assert spectra.unit == "cm-1"
        assert np.all(np.diff(spectra.axis) < 0)
        np.testing.assert_allclose(spectra.values, absorbance, atol=1e-6)


def test_unit_is_told_by_names_then_spacing_then_range(shared_data, tmp_path):
    fourier = opened(shared_data / "spectra/ossl_samples/sample_neospectra_data.csv")
    assert (fourier.unit, fourier.quantity) == ("nm", "reflectance")  # written in falling order, which wavenumbers are, but even in wavenumbers
    assert np.all(np.diff(fourier.axis) > 0)
    assert 0.1 < fourier.values.mean() < 1  # percent in the file
    assert opened(written(tmp_path, cells([f"wn{point:g}" for point in AXIS]))).unit == "cm-1"
    micrometres = opened(written(tmp_path, cells([f"{point / 1000:.3f}" for point in AXIS])))
    np.testing.assert_allclose(micrometres.axis, AXIS)
    falling = opened(written(tmp_path, [[*row[:2], *row[:1:-1]] for row in cells()]))
    assert falling.unit == "cm-1"
    assert "spectra-unit-assumed" in codes(falling)
    assert opened(written(tmp_path, cells()), axis_unit="cm-1").axis[0] == 2490


@pytest.mark.parametrize(
    ("file", "shape", "unit", "ends", "quantity"),
    [
        ("spectra/NIRsoil.parquet", (825, 700), "nm", (1100, 2498), "absorbance"),
        ("spectra/mirzai_kssl_mir_exK.parquet", (100, 1764), "cm-1", (3999, 599), "absorbance"),
        ("spectra/ossl_samples/sample_mir_data.csv", (20, 1765), "cm-1", (4001.656, 599.7661), "absorbance"),
        ("spectra/ossl_samples/sample_visnir_data.csv", (20, 2151), "nm", (350, 2500), "reflectance"),
        ("limesoda/SC.93.csv", (93, 2146), "nm", (355, 2500), "reflectance"),
        ("limesoda/O.32.csv", (32, 1637), "cm-1", (3800, 751.1), "reflectance"),
    ],
)
def test_real_libraries_are_read_as_what_they_are(shared_data, file, shape, unit, ends, quantity):
    spectra = opened(shared_data / file)
    assert spectra.values.shape == shape
    assert (spectra.unit, spectra.quantity) == (unit, quantity)
    assert (spectra.axis[0], spectra.axis[-1]) == ends
    assert spectra.usable.all()
    assert not {"spectra-unit-assumed", "spectra-quantity-assumed"} & codes(spectra)


def test_values_of_real_tables_are_those_of_the_file(shared_data):
    path = shared_data / "spectra/ossl_samples/sample_mir_data.csv"
    table = pd.read_csv(path, index_col=0)
    np.testing.assert_allclose(opened(path).values, table.to_numpy(), rtol=1e-6)
    path = shared_data / "limesoda/SC.93.csv"
    table = pd.read_csv(path)
    spectra = opened(path, table=SampleSettings(target="SOC_target"))
    percent = table[[name for name in table.columns if name.startswith("wl_")]].to_numpy()
    np.testing.assert_allclose(spectra.values, percent / 100, rtol=1e-6)
    np.testing.assert_array_equal(spectra.x, table["x_32722"])
    assert spectra.crs.to_epsg() == 32722
    np.testing.assert_array_equal(spectra.target.values, table["SOC_target"])


def test_samples_below_the_limit_of_detection_are_left_out_on_request(shared_data):
    path = shared_data / "spectra/mirzai_kssl_mir_exK.parquet"
    measured = pd.read_parquet(path, columns=["exK", "smp_id"])
    all_of_them = opened(path)
    assert all_of_them.target.column == "exK"  # the only property in the table
    assert (all_of_them.target.values == 0).sum() == 5
    spectra = opened(path, table=SampleSettings(detection_limit=0.12, unit="cmol(+)/kg"))
    kept = measured["exK"] >= 0.12
    np.testing.assert_array_equal(spectra.target.values, measured["exK"][kept])
    np.testing.assert_array_equal(spectra.ids.astype(int), measured["smp_id"][kept])
    assert spectra.group_column == "order_code"
    assert len(spectra.groups) == len(spectra) == len(spectra.table) == kept.sum()
    assert "spectra-below-limit" in codes(spectra)
    assert spectra.target.unit == "cmol/kg"
    halves = opened(path, table=SampleSettings(detection_limit=0.12), below_limit="half")
    np.testing.assert_allclose(halves.target.values[~kept], 0.06)
    with pytest.raises(SampleError, match="No sample is left"):
        opened(path, table=SampleSettings(detection_limit=1e6))


def test_cells_written_as_below_a_limit_are_left_out_with_it(tmp_path):
    rows = cells()
    rows[4][1] = "<0.9"
    spectra = opened(written(tmp_path, rows), table=SampleSettings(target="C_org_%", detection_limit=0.4))
    assert "S3" not in spectra.ids
    assert len(spectra) == 11


def test_the_demo_library_is_read_back_as_it_was_made(tmp_path):
    library = synthetic_spectra(40, seed=2)
    library.table().to_csv(tmp_path / "spectra.csv", index=False)
    spectra = opened(tmp_path / "spectra.csv", table=SampleSettings(target="kex_cmol_kg"), group="order")
    np.testing.assert_allclose(spectra.axis, library.wavenumbers, atol=0.006)
    np.testing.assert_allclose(spectra.values, library.absorbance, atol=1e-6)
    np.testing.assert_array_equal(spectra.groups, library.order)
    assert (spectra.quantity, spectra.target.unit) == ("absorbance", "cmol/kg")


def test_text_gaps_codes_and_flat_spectra_are_said_with_their_row(tmp_path):
    rows = cells()
    rows[2][50], rows[3][60], rows[4][70] = "n.d.", "oops", "-9999"
    rows[5][2:] = [""] * AXIS.size
    rows[6][2:] = ["0.3"] * AXIS.size
    rows[7] = rows[7][:20]
    rows.insert(9, [""])
    spectra = opened(written(tmp_path, rows))
    found = {(finding.code, finding.row) for finding in (*spectra.findings, *spectra.samples.findings)}
    assert {
        ("spectra-gaps", 3),
        ("spectra-cell-text", 4),
        ("spectra-gaps", 4),
        ("missing-code", 5),
        ("spectra-empty", 6),
        ("spectra-flat", 7),
        ("row-too-short", 8),
    } <= found
    assert list(spectra.table.index) == [2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 14]  # as a spreadsheet counts: row 8 does not fit, row 10 is blank
    assert list(spectra.usable) == [True, False, False, False, False, False, True, True, True, True, True]
    np.testing.assert_allclose(spectra.values[spectra.table.index.get_loc(14)], VALUES[11], atol=1e-6)


def test_a_point_that_stands_there_twice_becomes_one(tmp_path):
    rows = cells()
    rows[0][10] = rows[0][9]
    spectra = opened(written(tmp_path, rows))
    assert spectra.axis.size == AXIS.size - 1
    np.testing.assert_allclose(spectra.values[:, 7], VALUES[:, 7:9].mean(axis=1), atol=1e-6)
    assert "spectra-axis-twice" in codes(spectra)


def test_a_jump_in_the_axis_is_said(tmp_path):
    spectra = opened(written(tmp_path, [row[:120] + row[126:] for row in cells()]))
    finding = next(finding for finding in spectra.findings if finding.code == "spectra-axis-gap")
    assert finding.value == "1570-1640"


def test_of_two_kinds_of_spectra_the_one_asked_for_is_read(tmp_path):
    mid = np.linspace(4000, 600, 100)
    names = [f"scan_visnir.{point:g}_ref" for point in AXIS] + [f"scan_mir.{point:.0f}_abs" for point in mid]
    values = np.hstack([VALUES, np.random.default_rng(0).uniform(0.3, 1, (12, 100))])
    path = written(tmp_path, cells(names, values))
    assert opened(path).axis.size == AXIS.size
    spectra = opened(path, columns="scan_mir")
    assert (spectra.axis.size, spectra.unit, spectra.quantity) == (100, "cm-1", "absorbance")
    with pytest.raises(SettingsError, match="raman"):
        opened(path, columns="raman")


def test_quantity_is_judged_by_water_and_can_be_told(tmp_path):
    dark = -np.log10(VALUES)
    assert opened(written(tmp_path, cells(values=dark))).quantity == "absorbance"
    percent = opened(written(tmp_path, cells(values=100 * VALUES)))
    np.testing.assert_allclose(percent.values, VALUES, rtol=1e-5)
    told = opened(written(tmp_path, cells()), quantity="absorbance")
    assert told.quantity == "absorbance"
    assert "spectra-quantity-contradicted" in codes(told)


@pytest.mark.parametrize(
    ("names", "match"),
    [([f"V{k}" for k in range(1, 211)], "only numbered"), ([f"band {chr(97 + k % 26)}{'x' * (k // 26)}" for k in range(210)], "no spectra")],
)
def test_tables_without_wavelengths_are_refused_in_words(tmp_path, names, match):
    with pytest.raises(SampleError, match=match):
        opened(written(tmp_path, cells(names)))


def test_wrong_settings_are_refused_in_words(tmp_path):
    path = written(tmp_path, cells())
    for said, match in (
        ({"axis_unit": "furlong"}, "furlong"),
        ({"quantity": "heat"}, "heat"),
        ({"group": "nope"}, "--group"),
        ({"replicates": "drop"}, "Replicates"),
        ({"below_limit": "guess"}, "guess"),
        ({"table": SampleSettings(target="nope")}, "--target"),
        ({"table": SampleSettings(detection_limit=-1.0)}, "--detection-limit"),
    ):
        with pytest.raises(SettingsError, match=match):
            opened(path, **said)
    with pytest.raises(SettingsError, match="No spectra were named"):
        open_spectra(SpectraSettings())
    with pytest.raises(UnreadableError, match="does not exist"):
        opened(tmp_path / "nothing.csv")


def test_settings_travel_as_json():
    settings = SpectraSettings(("a.csv", "b"), SampleSettings(target="SOC"), group="order", axis_unit="nm")
    assert from_plain(SpectraSettings, to_plain(settings)) == settings


def test_fingerprint_follows_content_and_settings_not_the_place(tmp_path):
    first = opened(written(tmp_path, cells()))
    assert opened(written(tmp_path, cells(), name="other.csv")).fingerprint == first.fingerprint
    assert opened(written(tmp_path, cells(), name="other.csv"), quantity="reflectance").fingerprint != first.fingerprint
    assert opened(written(tmp_path, cells(values=VALUES + 0.01))).fingerprint != first.fingerprint


def test_reading_can_be_stopped(tmp_path):
    def stop(done, total, message):
        raise Stopped

    with pytest.raises(Stopped):
        open_spectra(SpectraSettings((str(written(tmp_path, cells())),)), stop)


def test_ids_that_are_numbers_but_for_some_stay_whole(tmp_path):
    rows = cells()
    for k in range(1, 13):
        rows[k][0] = str(100 + k) if k != 4 else "icr056141"
    spectra = opened(written(tmp_path, rows))
    assert list(spectra.ids[2:5]) == ["103", "icr056141", "105"]
    assert not codes(spectra) & {"text-in-number-column"}


def test_scans_of_one_sample_are_grouped_or_averaged(tmp_path):
    rows = cells()
    for k in range(1, 13):
        rows[k][0] = f"S{(k - 1) // 2}"
    path = written(tmp_path, rows)
    kept = opened(path, table=SampleSettings(target="C_org_%"))
    assert kept.group_column == "id"
    assert len(np.unique(kept.groups)) == 6
    mean = opened(path, table=SampleSettings(target="C_org_%"), replicates="mean")
    assert len(mean) == 6
    np.testing.assert_allclose(mean.values, VALUES.reshape(6, 2, -1).mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(mean.target.values, [1.0, 3.0, 5.0, 7.0, 9.0, 11.0])
    assert {"spectra-averaged", "spectra-target-differs"} <= codes(mean)


def test_a_table_of_thousands_is_read_without_a_second_copy_of_its_text(tmp_path):
    import tracemalloc

    names = ",".join(["id", *(f"{point:.2f}" for point in np.linspace(3999, 599, 600))])
    line = ",".join(f"{value:.6f}" for value in np.linspace(0.1, 1.2, 600))
    (tmp_path / "t.csv").write_text("\n".join([names, *(f"S{k},{line}" for k in range(3000))]))
    tracemalloc.start()
    spectra = opened(tmp_path / "t.csv")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert spectra.values.shape == (3000, 600)
    assert peak < 1.5 * ((tmp_path / "t.csv").stat().st_size + spectra.values.nbytes)
