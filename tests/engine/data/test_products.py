"""Satellite products: Sentinel-2 SAFE and Landsat Level-2 open as scenes with no setting, and what cannot be used is refused in words."""

import os
import tarfile
import zipfile
from datetime import date

import numpy as np
import pytest

from soilcore.core.errors import SceneError, SettingsError, UnreadableError
from soilcore.core.grids import Window
from soilcore.data.imagery import SceneSettings, open_scene
from soilcore.data.products import product_of
from soilcore.data.scene_cog import to_cog
from tests.engine.data.product_files import (
    LANDSAT_TM,
    SAFE_10M,
    SAFE_20M,
    landsat_numbers,
    safe_numbers,
    write_archive,
    write_landsat,
    write_safe,
)

TEN = ("B", "G", "R", "N", "RE1", "RE2", "RE3", "N2", "S1", "S2")


def opened(*paths, **options):
    return open_scene(SceneSettings(tuple(map(str, paths)), **options))


def everything(scene, roles=None):
    return scene.read(Window(0, 0, *scene.grid.shape), roles)


@pytest.fixture(scope="module")
def safe(tmp_path_factory):
    return write_safe(tmp_path_factory.mktemp("safe"))


@pytest.fixture(scope="module")
def landsat(tmp_path_factory):
    return write_landsat(tmp_path_factory.mktemp("landsat"))


@pytest.mark.parametrize("as_zip", [False, True])
@pytest.mark.parametrize(("baseline", "offset"), [("02.14", 0.0), ("03.01", 0.0), ("04.00", -0.1), ("05.10", -0.1)])
def test_a_safe_product_opens_with_no_setting(tmp_path, as_zip, baseline, offset):
    scene = opened(write_safe(tmp_path, baseline=baseline, as_zip=as_zip))
    assert scene.roles == TEN
    assert scene.grid.shape == (120, 120) and scene.grid.cell_size == (10, 10) and scene.grid.crs.to_epsg() == 32631
    assert (scene.scaling.scale, scene.scaling.offset, scene.scaling.decided) == (1e-4, offset, "metadata")
    assert (scene.sensor, scene.date, scene.baseline, scene.quality_kind) == ("sentinel-2-l2a", date(2022, 6, 19), baseline, "SCL")
    assert scene.findings == ()


def test_ten_metre_bands_hold_the_numbers_of_the_product_without_its_offset(safe):
    scene = opened(safe, quality="none")
    for role in SAFE_10M.values():
        numbers = safe_numbers()[role]
        expected = np.where(numbers == 0, np.nan, numbers * 1e-4).astype(np.float32)
        np.testing.assert_allclose(everything(scene, (role,))[0], expected, rtol=1e-6, atol=1e-8)


def test_twenty_metre_bands_are_interpolated_between_the_valid_pixels(safe):
    scene = opened(safe, quality="none")
    for role in SAFE_20M.values():
        np.testing.assert_allclose(everything(scene, (role,))[0], _doubled(safe_numbers()[role]) * 1e-4, rtol=2e-7, atol=1e-9)


def _doubled(numbers):
    """Bilinear interpolation to half the pixel size by hand: weights 3/4 and 1/4, shared among the neighbours that hold something."""
    fine = np.arange(2 * numbers.shape[0])
    near, far = fine // 2, fine // 2 + np.where(fine % 2, 1, -1)
    total, weights = 0, 0
    for rows, row_weight in ((near, 0.75), (far, 0.25)):
        for cols, col_weight in ((near, 0.75), (far, 0.25)):
            there = ((rows >= 0) & (rows < numbers.shape[0]))[:, None] & ((cols >= 0) & (cols < numbers.shape[1]))
            values = numbers[np.clip(rows, 0, numbers.shape[0] - 1)[:, None], np.clip(cols, 0, numbers.shape[1] - 1)].astype(float)
            weight = row_weight * col_weight * (there & (values > 0))
            total, weights = total + weight * values, weights + weight
    with np.errstate(invalid="ignore"):
        return np.where(numbers[near[:, None], near] == 0, np.nan, total / weights)  # a pixel without data stays without


def test_offsets_are_taken_band_by_band_by_their_number(tmp_path):
    offsets = {"B2": -500.0, "B8A": -1500.0, "B11": -800.0}
    everyone = {band: offsets.get(band, -1000.0) for band in ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")}
    odd, usual = opened(write_safe(tmp_path / "odd", offsets=everyone)), opened(write_safe(tmp_path / "usual"))
    np.testing.assert_allclose(everything(odd), everything(usual), atol=1e-7)
    assert any("B8A -1500" in sentence for sentence in odd.scaling.evidence)
    kept = opened(to_cog(odd, tmp_path / "kept.tif"))
    np.testing.assert_array_equal(everything(kept), everything(odd))


def test_what_the_user_says_wins_over_the_metadata(safe):
    scene = opened(safe, offset=0.0)
    assert (scene.scaling.offset, scene.scaling.decided) == (0.0, "given")
    np.testing.assert_allclose(everything(scene), everything(opened(safe)) + 0.1, atol=1e-6)
    assert "offset-left-in" in [finding.code for finding in scene.findings]


def test_a_product_without_ten_metre_images_is_read_at_twenty(tmp_path):
    scene = opened(write_safe(tmp_path, resolutions=("R20m", "R60m")))
    assert scene.grid.shape == (60, 60) and scene.grid.cell_size == (20, 20)
    assert scene.roles == ("B", "G", "R", "RE1", "RE2", "RE3", "N2", "S1", "S2")
    assert any("no 10 m images" in sentence and "B8A" in sentence for sentence in scene.assumed)
    numbers = safe_numbers()["S1"]
    np.testing.assert_allclose(
        everything(opened(scene.paths[0], quality="none"), ("S1",))[0], np.where(numbers == 0, np.nan, numbers * 1e-4), rtol=1e-6
    )


def test_a_band_that_is_missing_is_named(tmp_path):
    with pytest.raises(SceneError, match=r"bands B11 \(20 m\), B12 \(20 m\) are missing .* There: B1, B2, B3, B4, B5, B6, B7, B8, B8A"):
        opened(write_safe(tmp_path, leave_out=("B11", "B12")))


def test_a_product_without_classes_is_read_and_that_is_said(tmp_path):
    scene = opened(write_safe(tmp_path, leave_out=("SCL",)))
    assert scene.quality is None
    assert any("clouds not hidden: the product has no quality layer" in sentence for sentence in scene.assumed)


def test_level_1_is_refused_with_the_reason(tmp_path):
    with pytest.raises(SceneError, match=r"Level-1C product: its values are the brightness above the air.*Download the Level-2A"):
        opened(write_safe(tmp_path, level="1C"))
    with pytest.raises(SceneError, match=r"Level-1 product \(L1TP\).*Collection 2 Level-2 product"):
        opened(write_landsat(tmp_path, level="L1TP"))


def test_two_products_in_one_place_are_refused(tmp_path):
    write_safe(tmp_path / "both")
    write_safe(tmp_path / "both", day=date(2022, 7, 4))
    with pytest.raises(SceneError, match="holds 2 Sentinel-2 products"):
        opened(tmp_path / "both")
    write_landsat(tmp_path / "all")
    for file in write_landsat(tmp_path / "other", day=date(2022, 7, 5)).iterdir():
        os.rename(file, tmp_path / "all" / "LC08_L2SP_198024_20220619_20220619_02_T1" / file.name)
    with pytest.raises(SceneError, match="holds 2 Landsat products"):
        opened(tmp_path / "all" / "LC08_L2SP_198024_20220619_20220619_02_T1")


def test_a_product_among_other_files_is_refused(safe, landsat):
    with pytest.raises(SettingsError, match="is a whole product and was given together with other images"):
        opened(safe, landsat)


def test_a_product_says_what_it_is_before_any_pixel_is_read(safe, landsat):
    product = product_of(safe)
    assert (product.kind, product.tile, product.platform, product.baseline, product.cloud) == (
        "sentinel-2-safe",
        "31UFU",
        "Sentinel-2A",
        "05.10",
        12.5,
    )
    assert [band.band for band in product.bands] == ["B2", "B3", "B4", "B8", "B5", "B6", "B7", "B8A", "B11", "B12"]
    assert product.quality.name == "T31UFU_20220619T103421_SCL_20m.jp2"
    product = product_of(landsat)
    assert (product.kind, product.tile, product.platform, product.date, product.cloud) == (
        "landsat-c2-l2",
        "198/024",
        "LANDSAT_8",
        date(2022, 6, 19),
        8.25,
    )


@pytest.mark.parametrize("as_tar", [False, True])
@pytest.mark.parametrize("form", ["txt", "xml", "json"])
def test_landsat_is_read_from_any_form_of_its_metadata(tmp_path, as_tar, form):
    scene = opened(write_landsat(tmp_path, metadata=(form,), as_tar=as_tar), quality="none")
    assert scene.roles == ("B1", "B", "G", "R", "N", "S1", "S2")
    assert (scene.scaling.scale, scene.scaling.offset, scene.scaling.decided) == (2.75e-5, -0.2, "metadata")
    assert (scene.sensor, scene.date, scene.quality_kind) == ("landsat-c2-l2", date(2022, 6, 19), "QA_PIXEL")
    for role, numbers in landsat_numbers().items():
        expected = np.where(numbers == 0, np.nan, numbers * 2.75e-5 - 0.2).astype(np.float32)
        np.testing.assert_array_equal(everything(scene, (role,))[0], expected)


@pytest.mark.parametrize("spacecraft", ["LANDSAT_4", "LANDSAT_5", "LANDSAT_7"])
def test_older_landsats_have_their_own_numbers(tmp_path, spacecraft):
    scene = opened(write_landsat(tmp_path, spacecraft=spacecraft), quality="none")
    assert scene.roles == ("B", "G", "R", "N", "S1", "S2")
    numbers = landsat_numbers(bands=LANDSAT_TM)["S2"]
    np.testing.assert_array_equal(everything(scene, ("S2",))[0][3:], (numbers * 2.75e-5 - 0.2).astype(np.float32)[3:])


def test_a_landsat_band_that_is_missing_is_named(tmp_path):
    with pytest.raises(SceneError, match=r"file of SR_B6 \(LC08_.*_SR_B6.TIF\) is missing"):
        opened(write_landsat(tmp_path, leave_out=(6,)))


@pytest.mark.parametrize("write", [write_safe, write_landsat])
def test_metadata_cut_off_are_refused(tmp_path, write):
    root = write(tmp_path)
    for file in [*root.glob("MTD_MSIL2A.xml"), *root.glob("*_MTL.*")]:
        file.write_bytes(file.read_bytes()[:900])
    with pytest.raises(UnreadableError, match="cut off"):
        opened(root)


def test_an_image_cut_off_is_refused_by_name(tmp_path):
    root = write_landsat(tmp_path)
    file = next(root.glob("*_SR_B4.TIF"))
    file.write_bytes(file.read_bytes()[:600])
    with pytest.raises(UnreadableError, match=r"SR_B4\.TIF.*cut off"):
        opened(root)


def test_metadata_may_not_name_files_outside(tmp_path):
    root = write_landsat(tmp_path, metadata=("txt",))
    text = next(root.glob("*_MTL.txt"))
    text.write_text(text.read_text().replace('FILE_NAME_BAND_4 = "LC08_L2SP', 'FILE_NAME_BAND_4 = "../LC08_L2SP', 1))
    with pytest.raises(UnreadableError, match="outside the product"):
        opened(root)
    root = write_safe(tmp_path)
    text = root / "MTD_MSIL2A.xml"
    text.write_text(text.read_text().replace("<IMAGE_FILE>GRANULE", "<IMAGE_FILE>/etc/GRANULE", 1))
    with pytest.raises(UnreadableError, match="outside the product"):
        opened(root)


def test_links_out_of_a_product_are_not_followed(tmp_path):
    root = write_landsat(tmp_path)
    file = next(root.glob("*_SR_B4.TIF"))
    os.rename(file, tmp_path / "elsewhere.tif")
    os.symlink(tmp_path / "elsewhere.tif", file)
    with pytest.raises(UnreadableError, match="is a link that leads out"):
        opened(root)


def test_metadata_that_declare_entities_are_refused(tmp_path):
    root = write_safe(tmp_path)
    text = root / "MTD_MSIL2A.xml"
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    text.write_text(text.read_text().replace("<n1:Level-2A", f"{bomb}<n1:Level-2A", 1))
    with pytest.raises(UnreadableError, match="declares entities"):
        opened(root)


@pytest.mark.parametrize("ending", [".zip", ".tar"])
@pytest.mark.parametrize("name", ["../MTD_MSIL2A.xml", "/etc/MTD_MSIL2A.xml", "a/../../MTD_MSIL2A.xml", "C:MTD_MSIL2A.xml", "a\\..\\MTD_MSIL2A.xml"])
def test_archives_with_names_that_lead_elsewhere_are_refused(tmp_path, ending, name):
    path = write_archive(tmp_path / f"product{ending}", {"MTD_MSIL2A.xml": b"<a/>", name: b"x"})
    with pytest.raises(UnreadableError, match="has a name that leads elsewhere"):
        opened(path)


def test_links_and_devices_in_archives_are_refused(tmp_path):
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        entry = tarfile.TarInfo("LC08_x_MTL.txt")
        entry.type, entry.linkname = kind, "/etc/passwd"
        with tarfile.open(tmp_path / "links.tar", "w") as archive:
            archive.addfile(entry)
        with pytest.raises(UnreadableError, match="is no plain file"):
            opened(tmp_path / "links.tar")
    link = zipfile.ZipInfo("MTD_MSIL2A.xml")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "links.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(UnreadableError, match="is a link"):
        opened(tmp_path / "links.zip")


def test_a_zip_that_grows_without_measure_is_refused(tmp_path):
    path = write_archive(tmp_path / "bomb.zip", {"MTD_MSIL2A.xml": bytes(40 << 20)})
    with pytest.raises(UnreadableError, match="would grow from"):
        opened(path)


def test_an_archive_cut_off_is_refused(tmp_path):
    for path in (write_safe(tmp_path, as_zip=True), write_landsat(tmp_path, as_tar=True)):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(UnreadableError, match="cut off"):
            opened(path)


def test_what_is_no_product_is_said_to_be_none(tmp_path):
    with pytest.raises(UnreadableError, match=r"is a zip, and no product.*neither MTD_MSIL2A.xml.*Found: notes.txt"):
        opened(write_archive(tmp_path / "notes.zip", {"notes.txt": b"hello"}))
    (tmp_path / "x.tar.gz").write_bytes(b"\x1f\x8b" + bytes(300))
    with pytest.raises(UnreadableError, match=r"compressed archive\. Unpack it"):
        opened(tmp_path / "x.tar.gz")
    assert product_of(tmp_path / "absent.zip") is None


def test_archives_are_read_in_place_whatever_they_are_called(tmp_path):
    path = write_safe(tmp_path, as_zip=True)
    renamed = path.rename(tmp_path / "an upload of 19 June")
    before = set(tmp_path.iterdir())
    scene = opened(renamed)
    assert np.isfinite(everything(scene)).mean() > 0.7
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("write", "archived"), [(write_safe, {"as_zip": True}), (write_landsat, {"as_tar": True})])
def test_a_product_becomes_one_file_that_needs_nothing_more(tmp_path, write, archived):
    scene = opened(write(tmp_path, **archived))
    kept = opened(to_cog(scene, tmp_path / "kept.tif"))
    assert (kept.roles, kept.sensor, kept.date, kept.baseline, kept.scaling.decided) == (
        scene.roles,
        scene.sensor,
        scene.date,
        scene.baseline,
        "metadata",
    )
    np.testing.assert_allclose(everything(kept), everything(scene), atol=0.51 * scene.scaling.scale)
    assert np.isnan(everything(kept)).any()


def test_the_fingerprint_follows_the_content_and_what_is_hidden_not_the_place(tmp_path):
    here, there = write_safe(tmp_path / "a"), write_safe(tmp_path / "b")
    assert opened(here).fingerprint == opened(there).fingerprint
    told = {
        opened(here).fingerprint,
        opened(here, quality="none").fingerprint,
        opened(here, dilate=0).fingerprint,
        opened(here, keep=(5,)).fingerprint,
    }
    assert len(told) == 4
    scl = next(there.rglob("*_SCL_20m.jp2"))
    scl.write_bytes(scl.read_bytes() + b"\0")
    assert opened(here).fingerprint != opened(there).fingerprint


def test_a_window_of_a_product_is_the_same_part_of_the_whole_and_so_is_a_place(safe):
    scene = opened(safe)
    whole = everything(scene)
    random = np.random.default_rng(4)
    with scene.reader() as reader:
        for _ in range(40):
            row, col = random.integers(0, 119, 2)
            window = Window(int(row), int(col), int(random.integers(1, 121 - row)), int(random.integers(1, 121 - col)))
            np.testing.assert_array_equal(reader.read(window), whole[(slice(None), *window.slices)])
    x, y = random.uniform(600000, 601200, 400), random.uniform(5698800, 5700000, 400)
    rows, cols, _ = scene.grid.rows_cols(x, y)
    np.testing.assert_array_equal(scene.sample(x, y), whole[:, rows, cols].T.astype(float))
    one_by_one = np.concatenate([scene.sample(x[k : k + 1], y[k : k + 1]) for k in range(6)])
    np.testing.assert_array_equal(one_by_one, whole[:, rows[:6], cols[:6]].T.astype(float))
