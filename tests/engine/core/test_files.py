"""Files appear whole or not at all."""

import json

import pytest

from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.core.files import check_output, check_readable, plain, write_json, written_whole


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), written_whole(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "stale").write_text("x")
    with written_whole(path) as temporary:
        temporary.mkdir()
        (temporary / "fresh").write_text("y")
    assert [item.name for item in path.iterdir()] == ["fresh"]
    assert list(tmp_path.iterdir()) == [path]


def test_existing_outputs_are_refused_unless_allowed(tmp_path):
    path = tmp_path / "out.tif"
    path.write_text("x")
    with pytest.raises(SettingsError, match="exists already"):
        check_output(path)
    assert check_output(path, overwrite=True) == path


def test_what_is_not_a_readable_file_is_said(tmp_path):
    with pytest.raises(UnreadableError, match="does not exist"):
        check_readable(tmp_path / "nothing.csv")
    with pytest.raises(UnreadableError, match="is a folder"):
        check_readable(tmp_path)


def test_undefined_numbers_become_null(tmp_path):
    write_json(tmp_path / "a.json", {"a": float("nan"), "b": (1, float("inf"))})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": None, "b": [1, None]}
    assert plain({"p": tmp_path}) == {"p": str(tmp_path)}
