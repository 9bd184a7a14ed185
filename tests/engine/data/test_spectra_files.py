"""OPUS and ASD files against other readers' numbers; folders and zip files of them; damaged and hostile ones refused in one sentence."""

import io
import shutil
import struct
import zipfile

import numpy as np
import pandas as pd
import pytest

from soilcore.core.errors import SampleError, UnreadableError
from soilcore.data.samples import SampleSettings
from soilcore.data.spectra import SpectraSettings, open_spectra
from soilcore.data.spectra_asd import read_asd
from soilcore.data.spectra_files import check_upload
from soilcore.data.spectra_opus import read_opus
from soilcore.data.spectra_parts import Part, join_parts

OPUS = ("icr056141.0", "235157XS01.0")
ASD = "101453MD01.asd"


@pytest.fixture(scope="module")
def folder(shared_data):
    return shared_data / "spectra/ossl_samples"


@pytest.fixture(scope="module")
def contents(folder):
    return {name: (folder / name).read_bytes() for name in (*OPUS, ASD)}


def opened(*paths, **said):
    return open_spectra(SpectraSettings(tuple(str(path) for path in paths), **said))


def codes(spectra):
    return {finding.code for finding in (*spectra.findings, *spectra.samples.findings)}


@pytest.mark.parametrize("name", OPUS)
def test_opus_files_give_the_numbers_of_another_reader(contents, oracle, name):
    expected = oracle("spectra")["opus"][name]
    spectrum = read_opus(contents[name], name)
    assert (spectrum.values.size, spectrum.unit, spectrum.quantity) == (expected["points"], "cm-1", "absorbance")
    assert (spectrum.axis[0], spectrum.axis[-1]) == (expected["first"], expected["last"])
    np.testing.assert_array_equal(spectrum.values[expected["at"]], np.float32(expected["values"]))
    assert spectrum.values.astype(float).sum() == pytest.approx(expected["sum"], rel=1e-12)
    assert (spectrum.values.astype(float) ** 2).sum() == pytest.approx(expected["sum_squares"], rel=1e-12)
    assert (spectrum.name, spectrum.date) == (expected["sample"], expected["date"])


def test_axis_of_an_opus_file_is_that_of_the_table_from_the_same_instrument(contents, folder):
    table = pd.read_csv(folder / "sample_mir_data.csv", nrows=1).columns[1:].astype(float).to_numpy()
    axis = read_opus(contents[OPUS[1]], OPUS[1]).axis
    np.testing.assert_allclose(axis[-table.size :], table, atol=1e-3)  # the table has three decimals


def test_absorbance_of_an_opus_file_is_what_sample_and_reference_say(contents):
    """The ratio the file stores, against the ratio computed from its single-channel spectra, which are read when the ratio is not there."""
    content = bytearray(contents[OPUS[0]])
    stored = read_opus(bytes(content), "a.0")
    for k in range(struct.unpack_from("<i", content, 20)[0]):
        kind = struct.unpack_from("<I", content, 24 + 12 * k)[0]
        if kind >> 10 & 127 == 4:
            struct.pack_into("<I", content, 24 + 12 * k, kind & ~(127 << 10) | 3 << 10)  # absorbance becomes an unread phase spectrum
    computed = read_opus(bytes(content), "a.0")
    assert computed.notes[0][0] == "spectra-ratio-computed"
    shared = np.interp(computed.axis, stored.axis[::-1], stored.values[::-1])
    inner = slice(50, -50)
    assert np.median(np.abs(shared - computed.values)[inner]) < 0.005  # interpolation of the reference between its own points
    assert np.corrcoef(shared[inner], computed.values[inner])[0, 1] > 0.999


def test_asd_files_give_the_numbers_of_another_reader(contents, oracle):
    expected = oracle("spectra")["asd"][ASD]
    spectrum = read_asd(contents[ASD], ASD)
    assert (spectrum.values.size, spectrum.unit, spectrum.quantity) == (expected["channels"], "nm", "reflectance")
    assert (spectrum.axis[0], spectrum.axis[-1]) == (expected["first"], expected["last"])
    ratio = np.array(expected["spectrum"]) / np.array(expected["reference"])
    np.testing.assert_allclose(spectrum.values[expected["at"]], ratio, rtol=1e-6)
    assert spectrum.values.astype(float).sum() == pytest.approx(expected["ratio_sum"], rel=1e-6)
    assert spectrum.date == expected["date"]


def test_saturated_detectors_of_an_asd_header_are_said(contents, tmp_path):
    content = bytearray(contents[ASD])
    content[422] = 5
    (tmp_path / "a.asd").write_bytes(content)
    finding = next(
        finding
        for finding in opened(tmp_path / "a.asd").findings + opened(tmp_path / "a.asd").samples.findings
        if finding.code == "spectra-saturated"
    )
    assert "VNIR and SWIR2" in finding.message


@pytest.mark.parametrize(("kind", "match"), [(2, "radiance"), (4, "irradiance")])
def test_asd_files_of_other_quantities_are_refused(contents, kind, match):
    content = bytearray(contents[ASD])
    content[186] = kind
    with pytest.raises(UnreadableError, match=match):
        read_asd(bytes(content), "a.asd")


def test_raw_counts_without_a_reference_are_refused(contents):
    content = bytearray(contents[ASD])
    struct.pack_into("<H", content, 484 + 2151 * 8, 0)
    with pytest.raises(UnreadableError, match="without a white reference"):
        read_asd(bytes(content), "a.asd")


def test_damaged_instrument_files_are_refused_or_read_never_anything_else(contents):
    chance = np.random.default_rng(5)
    for name, read, reach in ((OPUS[0], read_opus, 2600), (OPUS[1], read_opus, 3000), (ASD, read_asd, 600)):
        original, refused = contents[name], 0
        for _ in range(250):
            content = bytearray(original)
            for place in chance.integers(0, min(reach, len(content)), 4):
                content[place] = chance.integers(0, 256)
            if chance.random() < 0.3:
                content = content[: chance.integers(1, len(content))]
            try:
                spectrum = read(bytes(content), name)
            except UnreadableError as error:
                refused += 1
                assert str(error).endswith(".")
            else:
                assert spectrum.axis.size == spectrum.values.size >= 3
        assert refused > 50


@pytest.mark.parametrize("name", OPUS)
def test_values_that_contradict_the_limits_an_opus_file_states_are_refused(contents, name):
    content = contents[name]
    values = read_opus(content, name).values
    start = content.index(values.tobytes())
    broken = content[: start + 400] + np.float32(1e9).tobytes() + content[start + 404 :]
    with pytest.raises(UnreadableError, match="is damaged: it states values from"):
        read_opus(broken, name)


def test_a_parameter_that_never_ends_does_not_hang(contents):
    """A negative length would send a naive reader round in circles."""
    content = bytearray(contents[OPUS[0]])
    place = content.index(b"SNM\x00")
    struct.pack_into("<h", content, place + 6, -4)
    with pytest.raises(UnreadableError, match="longer than its block"):
        read_opus(bytes(content), "a.0")


def test_a_folder_of_opus_files_is_joined_with_properties_by_id(folder, tmp_path):
    for name in OPUS:
        shutil.copy(folder / name, tmp_path / name)
    shutil.copy(folder / OPUS[0], tmp_path / "icr056141.1")
    (tmp_path / "notes.docx").write_bytes(b"nothing")
    (tmp_path / "properties.csv").write_text("id,SOC_%,lon,lat\n235157,1.5,36.8,-1.3\nicr056141,0.7,36.9,-1.2\n999,2.0,36.7,-1.1\n")
    spectra = opened(tmp_path, table=SampleSettings(target="SOC_%"))
    assert len(spectra) == 3
    assert list(zip(spectra.table["file"], spectra.target.values, strict=True)) == [("235157XS01.0", 1.5), ("icr056141.0", 0.7), ("icr056141.1", 0.7)]
    assert list(spectra.ids) == ["235157", "icr056141", "icr056141"]
    assert {"spectra-resampled", "spectra-file-ignored", "spectra-properties-unused"} <= codes(spectra)
    assert (spectra.axis[0], spectra.unit) == (pytest.approx(3996.481, abs=0.001), "cm-1")
    np.testing.assert_array_equal(spectra.values[1], spectra.values[2])
    assert spectra.crs.to_epsg() == 4326
    assert list(spectra.groups) == list(spectra.ids)


def test_an_id_that_is_the_name_without_its_scan_is_found(folder, tmp_path):
    for scan in ("XS01", "XS02"):
        shutil.copy(folder / OPUS[1], tmp_path / f"235157{scan}.0")
    (tmp_path / "p.csv").write_text("sample_id,clay_pct\n235157,31\n235158,12\n")
    spectra = opened(tmp_path, table=SampleSettings(target="clay_pct"), replicates="mean")
    assert (list(spectra.ids), list(spectra.target.values)) == (["235157"], [31.0])
    named = opened(tmp_path / "235157XS01.0", properties=str(tmp_path / "p.csv"), table=SampleSettings(target="clay_pct"))
    assert list(named.target.values) == [31.0]
    (tmp_path / "p.csv").write_text("sample_id,clay_pct\nA,31\nB,12\n")
    with pytest.raises(SampleError, match="No id of"):
        opened(tmp_path)


def test_the_name_in_the_header_finds_the_sample_too(folder, tmp_path):
    shutil.copy(folder / OPUS[0], tmp_path / "scan_of_tuesday.0")
    (tmp_path / "p.csv").write_text("lab_id,pH\n056141,6.5\n056142,7.5\n")
    assert list(opened(tmp_path, table=SampleSettings(target="pH")).target.values) == [6.5]


def test_a_zip_file_gives_what_its_folder_gives(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in OPUS:
            archive.write(folder / name, f"scans/{name}")
        archive.writestr("__MACOSX/._x.0", b"x")
    packed, loose = opened(tmp_path / "t.zip"), opened(*[folder / name for name in OPUS])
    order = [list(loose.ids).index(name) for name in packed.ids]
    np.testing.assert_array_equal(packed.values, loose.values[order])
    assert set(packed.ids) == {"icr056141", "235157XS01"}


def test_a_damaged_file_in_a_folder_is_left_out_and_said_but_refused_when_named(folder, tmp_path):
    shutil.copy(folder / OPUS[0], tmp_path / "good.0")
    (tmp_path / "bad.0").write_bytes((folder / OPUS[0]).read_bytes()[:5000])
    spectra = opened(tmp_path)
    assert list(spectra.ids) == ["good"]
    assert "spectra-file-unreadable" in codes(spectra)
    with pytest.raises(UnreadableError, match="cut off"):
        opened(tmp_path / "bad.0")
    (tmp_path / "good.0").unlink()
    with pytest.raises(UnreadableError, match="None of 1 files"):
        opened(tmp_path)


def test_files_of_different_kinds_are_not_mixed(folder):
    with pytest.raises(SampleError, match="two kinds of spectra"):
        opened(folder / OPUS[0], folder / ASD)


def test_spectra_that_share_too_little_are_not_mixed():
    axes = np.linspace(4000, 600, 500), np.linspace(900, 400, 80)
    parts = [
        Part(axis, np.zeros((3, axis.size), dtype=np.float32), np.arange(3) + 3 * k, f"{k}.0", "cm-1", "absorbance") for k, axis in enumerate(axes)
    ]
    with pytest.raises(SampleError, match="too little is shared"):
        join_parts(parts, 6, [], [])


def test_tables_and_instrument_files_stand_in_one_set(folder):
    spectra = opened(folder / OPUS[0], folder / "sample_mir_data.csv")
    assert len(spectra) == 21
    assert list(spectra.table.index) == list(range(2, 23))
    table = pd.read_csv(folder / "sample_mir_data.csv", index_col=0)
    inside = [name for name in table.columns if float(name) <= spectra.axis[0] + 1e-6]
    np.testing.assert_allclose(spectra.values[:20], table[inside].to_numpy(), rtol=1e-6)  # the points most spectra have are kept as they are
    single = read_opus((folder / OPUS[0]).read_bytes(), "a")
    np.testing.assert_allclose(spectra.values[20], np.interp(spectra.axis[::-1], single.axis[::-1], single.values[::-1])[::-1], atol=1e-5)


@pytest.mark.parametrize("member", ["../evil.0", "/etc/evil.csv", "C:\\evil.0", "a/../../b.0"])
def test_zip_files_that_reach_outside_themselves_are_refused(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr(member, b"x")
    with pytest.raises(UnreadableError, match="outside itself"):
        opened(tmp_path / "t.zip")


def test_zip_files_that_unpack_to_far_more_than_they_are_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", b"0" * 20_000_000)
    with zipfile.ZipFile(tmp_path / "t.zip") as archive:
        ratio = archive.infolist()[0].file_size / archive.infolist()[0].compress_size
    assert ratio > 900
    with pytest.raises((UnreadableError, SampleError)):
        opened(tmp_path / "t.zip")


def test_an_empty_folder_and_zip_are_refused(tmp_path):
    with pytest.raises(UnreadableError, match="holds no spectra"):
        opened(tmp_path)
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("readme.md", b"x")
    with pytest.raises(UnreadableError, match="holds no spectra"):
        opened(tmp_path / "t.zip")


def test_uploads_are_judged_before_they_are_read(contents):
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("a.csv", "x")
    assert check_upload("C:\\scans\\a.0", 295_824, contents[OPUS[0]][:16]) == "opus"
    assert check_upload("a.asd", 35_132, contents[ASD][:16]) == "asd"
    assert check_upload("a.zip", 200, zipped.getvalue()[:16]) == "zip"
    assert check_upload("library.parquet", 10**8, b"PAR1") == "table"
    assert check_upload("library.CSV", 10**8, b"id,3999") == "table"
    for name, size, head, match in (
        ("a.csv", 0, b"", "empty"),
        ("a.csv", 10**10, b"id", "MiB"),
        ("a.spc", 100, b"\x00" * 16, "Galactic"),
        ("a.pkl", 100, b"\x80\x04", "never opened"),
        ("a.0", 100, b"hello world", "first bytes"),
        ("a.asd", 100, b"hello world", "first bytes"),
        ("a.exe", 100, b"MZ", "no kind"),
        ("a.0", 10**8, contents[OPUS[0]][:16], "far more than one spectrum"),
    ):
        with pytest.raises(UnreadableError, match=match):
            check_upload(name, size, head)
