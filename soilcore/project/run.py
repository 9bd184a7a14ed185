"""A run file re-creates a result: the same settings on the same inputs, which are checked by hash first."""

import json
from contextlib import chdir
from pathlib import Path

from soilcore.core import fingerprint
from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.core.files import check_readable
from soilcore.core.progress import part, silent
from soilcore.project.chain import versions
from soilcore.project.run_outputs import check_stays_inside, compare_rasters, may_be_replaced
from soilcore.project.steps import RUN_SCHEMA
from soilcore.project.tasks import run_task


def run_file_again(path, overwrite=False, report=silent):
    """Do every step of a run file.

    Parameters
    ----------
    path : path
        A file that `train`, `map` or `bundle` wrote, or one written by hand in the same form. Paths inside it that are not absolute
        are taken from the current folder first, then from the run file's own, then from the project's around it.
    overwrite : bool
        Whether outputs that exist may be replaced. Those that are to the last byte what the run file says it makes always may.
    report : Report

    Returns
    -------
    dict
        ``{"runfile", "folder", "steps": [{"task", "result"}], "versions_differ", "rasters", "identical", "differ"}``; the last three tell how many
        rasters the run file knows the sha256 of, whether all came out the same (None where it knows none), and which did not.

    Raises
    ------
    UnreadableError
        If the file is not a run file.
    SettingsError
        If an input is missing or differs from the one that was hashed, or a bundle's run file names places outside of its folder.
    """
    path = check_readable(path, "run file").absolute()
    document = _read(path)
    folder = _folder_of(path, document)
    if document.get("bundle"):
        check_stays_inside(document)
    with chdir(folder):
        _check_inputs(document.get("inputs", {}))
        steps = document["steps"]
        results = []
        for number, step in enumerate(steps):
            settings = dict(step["settings"])
            if "out" in settings and (overwrite or may_be_replaced(settings["out"], step.get("outputs") or {})):
                settings["overwrite"] = True
            done = run_task(step["task"], settings, part(report, number / len(steps), 1 / len(steps)))
            results.append({"task": step["task"], "result": done})
        compared = compare_rasters(steps)
    differ = _differences(document.get("versions", {}))
    return {"runfile": str(path), "folder": str(folder), "steps": results, "versions_differ": differ, **compared}


def _folder_of(path, document):
    """The folder that relative paths begin at: the first of the current one, the run file's, and the project's that has every input."""
    project = next((folder for folder in path.parents if (folder / "project.json").is_file()), path.parent)
    for folder in (Path.cwd(), path.parent, project):
        if all((folder / name).is_file() for name in document.get("inputs", {})):
            return folder
    return path.parent if document.get("bundle") else Path.cwd()


def _read(path):
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise UnreadableError(f"{str(path)!r} is not JSON ({error}). Give the run file that `train` or `map` wrote.") from None
    if not isinstance(document, dict) or document.get("schema") != RUN_SCHEMA:
        raise UnreadableError(f"{str(path)!r} is not a run file of this version: its schema should be {RUN_SCHEMA!r}.")
    steps = document.get("steps")
    if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) and {"task", "settings"} <= set(step) for step in steps):
        raise UnreadableError(f"{str(path)!r} holds no steps, each with a task and its settings.")
    return document


def _check_inputs(inputs):
    for name, expected in inputs.items():
        if not Path(name).is_file():
            raise SettingsError(f"The run file needs {name!r}, which is not there. Run it from the folder it was made in, or bring the file back.")
        if fingerprint.of_file(name) != expected:
            raise SettingsError(f"{name!r} is not the file the run was made with: its content has changed. Bring the original back, or train anew.")


def _differences(recorded):
    now = versions()
    return {name: {"run": version, "now": now.get(name)} for name, version in recorded.items() if now.get(name) != version}
