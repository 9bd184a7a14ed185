"""A run file re-creates a result: the same settings on the same inputs, which are checked by hash first."""

import json
from pathlib import Path

from soilcore.core import fingerprint
from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.core.files import check_readable
from soilcore.core.progress import part, silent
from soilcore.project.chain import versions
from soilcore.project.steps import RUN_SCHEMA
from soilcore.project.tasks import run_task


def run_file_again(path, overwrite=False, report=silent):
    """Do every step of a run file.

    Parameters
    ----------
    path : path
        A file that `train` or `map` wrote, or one written by hand in the same form. Paths inside it that are not absolute
        are taken from the current folder first, then from the run file's own.
    overwrite : bool
        Whether outputs that exist may be replaced.
    report : Report

    Returns
    -------
    dict
        ``{"runfile", "steps": [{"task", "result"}], "versions_differ"}``.

    Raises
    ------
    UnreadableError
        If the file is not a run file.
    SettingsError
        If an input is missing or differs from the one that was hashed.
    """
    path = check_readable(path, "run file")
    document = _read(path)
    _check_inputs(document.get("inputs", {}))
    steps = document["steps"]
    results = []
    for number, step in enumerate(steps):
        settings = dict(step["settings"])
        if overwrite and "out" in settings:
            settings["overwrite"] = True
        results.append({"task": step["task"], "result": run_task(step["task"], settings, part(report, number / len(steps), 1 / len(steps)))})
    return {"runfile": str(path), "steps": results, "versions_differ": _differences(document.get("versions", {}))}


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
