"""Uploads: what comes into a project, and what is refused."""

import io
import zipfile

import pytest

from pages.ui import workspace as uploads
from soilcore.core.errors import UnreadableError
from soilcore.project.folder import Project


class Upload(io.BytesIO):
    """What the uploader hands over."""

    def __init__(self, name, content):
        super().__init__(content)
        self.name = name


@pytest.fixture
def project(workspace):
    return Project.create(workspace, "Field")


def zipped(name="a.shp"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"content")
    return buffer.getvalue()


def test_an_upload_is_copied_whole_even_if_it_was_read_before(project):
    upload = Upload("my samples.csv", b"lon,lat,ec\n51,32,3\n")
    upload.read()
    name = uploads.keep_upload(project, "samples", upload, uploads.TABLES)
    assert name == "my_samples.csv"
    assert (project.part("samples") / name).read_bytes() == b"lon,lat,ec\n51,32,3\n"


@pytest.mark.parametrize("name", ["../../evil.csv", "/etc/passwd.csv", "..\\..\\evil.csv", "C:\\evil.csv", ".hidden.csv", "a\0b.csv"])
def test_no_name_leads_out_of_the_project(project, name):
    kept = uploads.keep_upload(project, "samples", Upload(name, b"a,b\n1,2\n"), uploads.TABLES)
    assert (project.part("samples") / kept).resolve().parent == project.part("samples").resolve()
    assert not kept.startswith(".")
    assert project.items("samples") == [kept]


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("scene.exe", b"MZ", "exe"),
        ("scene", b"II*\0", "?"),
        ("scene.tif", b"", "empty"),
        ("scene.tif", b"<html>not found</html>", "does not hold"),
        ("scene.tiff", b"PK\3\4", "does not hold"),
    ],
)
def test_a_wrong_image_is_refused_and_not_kept(project, name, content, word):
    with pytest.raises(UnreadableError) as refused:
        uploads.keep_upload(project, "scenes", Upload(name, content), uploads.RASTERS)
    assert word in refused.value.message
    assert list(project.part("scenes").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [("t.xlsx", b"not a workbook"), ("t.gpkg", b"PK\3\4"), ("t.parquet", b"SQLite"), ("t.zip", b"PK\3\4 cut off"), ("t.xlsx", zipped()[:40])],
    ids=["xlsx", "gpkg", "parquet", "zip", "xlsx cut off"],  # an archive holds the time, and processes that share the tests must agree on names
)
def test_a_table_that_is_not_what_its_ending_says_is_refused(project, name, content):
    with pytest.raises(UnreadableError):
        uploads.keep_upload(project, "samples", Upload(name, content), uploads.TABLES)
    assert list(project.part("samples").iterdir()) == []


def test_a_sound_zip_and_a_big_tiff_are_welcome(project):
    assert uploads.keep_upload(project, "samples", Upload("s.zip", zipped()), uploads.TABLES) == "s.zip"
    assert uploads.keep_upload(project, "scenes", Upload("s.TIF", b"II+\0" + bytes(20)), uploads.RASTERS) == "s.TIF"


def test_a_file_over_the_limit_is_refused_while_it_is_read(project, monkeypatch):
    monkeypatch.setitem(uploads.LIMIT_MB, "samples", 1)
    with pytest.raises(UnreadableError, match="larger than 1 MB"):
        uploads.keep_upload(project, "samples", Upload("s.csv", bytes(2 * 2**20)), uploads.TABLES)
    assert list(project.part("samples").iterdir()) == []


def test_a_failed_upload_leaves_the_file_of_the_same_name_as_it_was(project):
    uploads.keep_upload(project, "scenes", Upload("s.tif", b"II*\0 first"), uploads.RASTERS)
    with pytest.raises(UnreadableError):
        uploads.keep_upload(project, "scenes", Upload("s.tif", b"broken"), uploads.RASTERS)
    assert (project.part("scenes") / "s.tif").read_bytes() == b"II*\0 first"


def test_files_are_picked_from_the_data_folder_only(project, tmp_path, monkeypatch):
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    (data / "deep" / "large.tif").write_bytes(b"II*\0")
    (tmp_path / "secret.tif").write_bytes(b"II*\0")
    assert uploads.files_to_pick(uploads.RASTERS) == []
    monkeypatch.setenv("SOILCORE_DATA", str(data))
    assert uploads.files_to_pick(uploads.RASTERS) == ["deep/large.tif"]
    assert uploads.keep_picked(project, "scenes", "deep/large.tif") == "large.tif"
    with pytest.raises(UnreadableError):
        uploads.keep_picked(project, "scenes", "../secret.tif")
