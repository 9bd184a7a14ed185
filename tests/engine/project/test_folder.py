"""A project folder is made, found again, and never leads outside itself."""

import pytest

from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.project.folder import Project, safe_name


def test_a_project_is_found_again_by_its_id(tmp_path):
    made = Project.create(tmp_path, "Río Grande – 2024")
    found = Project.open(tmp_path, made.id)
    assert found.title == "Río Grande – 2024"
    assert [p.id for p in Project.all(tmp_path)] == [made.id]


def test_two_projects_of_one_title_get_different_ids(tmp_path):
    assert Project.create(tmp_path, "Fields").id != Project.create(tmp_path, "Fields").id


@pytest.mark.parametrize("identifier", ["../x", "/etc", "a/b", "", ".hidden", "A", "x" * 80, "..", "a\x00b", None])
def test_an_id_that_could_lead_elsewhere_is_refused(tmp_path, identifier):
    with pytest.raises(UnreadableError, match="not the id of a project"):
        Project.open(tmp_path, identifier)


@pytest.mark.parametrize("name", ["../project.json", ".hidden", "missing.csv", "/etc/passwd"])
def test_an_item_name_cannot_leave_its_part(tmp_path, name):
    project = Project.create(tmp_path, "P")
    with pytest.raises(UnreadableError, match="has no sample"):
        project.path("samples", name)


def test_choices_are_remembered_and_forgotten(tmp_path):
    project = Project.create(tmp_path, "P")
    project.remember(target="EC", model="a")
    project.remember(model=None)
    assert Project.open(tmp_path, project.id).state() == {"target": "EC"}


def test_a_damaged_project_file_is_said(tmp_path):
    project = Project.create(tmp_path, "P")
    (project.folder / "project.json").write_text("{", encoding="utf-8")
    with pytest.raises(UnreadableError, match="cannot be read"):
        project.facts()


def test_a_taken_id_is_refused(tmp_path):
    Project.create(tmp_path, "P", identifier="p")
    with pytest.raises(SettingsError, match="already"):
        Project.create(tmp_path, "P", identifier="p")


@pytest.mark.parametrize(
    ("given", "safe"), [("../../etc/passwd", "passwd"), ("a b (1).csv", "a_b_1_.csv"), ("C:\\x\\y.tif", "y.tif"), ("...", "file"), ("é", "file")]
)
def test_file_names_are_made_safe(given, safe):
    assert safe_name(given) == safe
