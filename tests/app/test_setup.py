"""The set-up commands, without installing anything."""

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from soilcore.core.errors import NotAvailableError
from soilcore.project import bootstrap

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout of two requirement files, and a pip that only writes down what it was asked."""
    environment = tmp_path / "environment"
    (environment / "bin").mkdir(parents=True)
    python, calls = environment / "bin" / "python", tmp_path / "calls.txt"
    python.write_text(f'#!/bin/sh\necho "$@" >> {calls}\nfor last; do :; done\ngrep -q impossible "$last" && exit 1\nexit 0\n')
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "app.py").write_text("")
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\ntorch==2.13.0\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "requirements.txt").write_text("pytest==9.2.0\n")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "_environment", lambda: python)
    monkeypatch.setattr(bootstrap.assets, "are_present", lambda: True)
    return tmp_path, python, lambda: calls.read_text().splitlines() if calls.exists() else []


needs_shell = pytest.mark.skipif(os.name == "nt", reason="the stand-in for pip is a shell script")


@needs_shell
def test_the_second_set_up_installs_nothing(checkout):
    _, python, calls = checkout
    assert bootstrap.set_up() == python
    assert len(calls()) == 1
    bootstrap.set_up()
    assert len(calls()) == 1


@needs_shell
def test_changed_requirements_are_installed_again(checkout):
    folder, _, calls = checkout
    bootstrap.set_up()
    (folder / "requirements.txt").write_text("numpy==2.4.7\n")
    bootstrap.set_up()
    assert len(calls()) == 2


@needs_shell
def test_the_test_command_adds_the_test_tools(checkout):
    _, _, calls = checkout
    bootstrap.set_up(test=True)
    assert [call.split()[-1].rsplit("/", 1)[-1] for call in calls()] == ["soilcore-requirements.txt", "soilcore-tests-requirements.txt"]


@needs_shell
def test_torch_can_be_left_out_and_added_later(checkout):
    folder, _, calls = checkout
    bootstrap.set_up(torch="none")
    assert "torch" not in (folder / "environment" / "soilcore-requirements.txt").read_text()
    bootstrap.set_up(torch="default")
    assert "torch==2.13.0" in (folder / "environment" / "soilcore-requirements.txt").read_text()
    bootstrap.set_up(torch="none")
    assert len(calls()) == 2


@needs_shell
def test_a_failed_installation_leaves_no_stamp_and_exits_with_2(checkout, capsys):
    folder, _, calls = checkout
    (folder / "requirements.txt").write_text("impossible==1\n")
    assert bootstrap.main(["setup"]) == 2
    assert "pip could not install" in capsys.readouterr().err
    assert bootstrap.main(["setup"]) == 2
    assert len(calls()) == 2


@needs_shell
def test_arguments_after_test_reach_pytest_and_its_exit_code_comes_back(checkout, monkeypatch):
    _, python, calls = checkout
    python.write_text(python.read_text().replace("exit 0", 'case "$*" in *pytest*-k*) exit 5;; esac\nexit 0'))
    assert bootstrap.main(["test", "-k", "nothing", "-x"]) == 5
    assert calls()[-1] == "-m pytest -k nothing -x"


@needs_shell
def test_all_tests_run_in_two_processes_where_nothing_is_said(checkout):
    _, _, calls = checkout
    assert bootstrap.main(["test"]) == 0
    assert calls()[-1] == "-m pytest -n 2 --dist loadfile --no-loadscope-reorder"


def test_a_folder_without_app_is_refused_in_words(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    assert bootstrap.main(["app"]) == 2
    assert "app.py" in capsys.readouterr().err


def test_a_taken_port_is_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert bootstrap.free_port(port) > port


def test_when_every_port_is_taken_the_option_is_named(monkeypatch):
    monkeypatch.setattr(bootstrap.socket.socket, "connect_ex", lambda self, address: 0)
    with pytest.raises(NotAvailableError, match="--port"):
        bootstrap.free_port()


def test_every_requirement_is_pinned_exactly():
    for name in (bootstrap.APP_REQUIREMENTS, bootstrap.TEST_REQUIREMENTS):
        lines = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
        assert lines
        assert all("==" in line.partition(";")[0] for line in lines), lines
    assert "torch==2.13.0" in (ROOT / bootstrap.APP_REQUIREMENTS).read_text(encoding="utf-8").splitlines()


def test_help_of_the_set_up_commands_needs_no_set_up():
    done = subprocess.run([sys.executable, "-S", "-m", "soilcore", "app", "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--port" in done.stdout


def test_other_commands_go_to_the_command_line():
    done = subprocess.run([sys.executable, "-m", "soilcore", "report", "x", "--out", "y.html"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "There is no folder 'x'" in done.stderr
