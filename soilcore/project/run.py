"""A run file re-creates a result: the same settings on the same inputs, which are checked by hash first."""

import json
import zipfile
from contextlib import chdir
from pathlib import Path

from soilcore.core import fingerprint
from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.core.files import check_readable
from soilcore.core.progress import part, silent
from soilcore.project.bundle_sums import SUMS, files_that_changed, listed_sums
from soilcore.project.chain import versions
from soilcore.project.run_outputs import Compared, check_stays_inside, in_the_way, set_aside
from soilcore.project.steps import RUN_SCHEMA
from soilcore.project.tasks import run_task

_NAMED = 3  # files that a message names at most


def run_file_again(path, overwrite=False, report=silent):
    """Do every step of a run file.

    Parameters
    ----------
    path : path
        A file that `train`, `map` or `bundle` wrote, or one written by hand in the same form. Paths inside it that are not absolute
        are taken from the current folder first, then from the run file's own, then from the project's around it.
    overwrite : bool
        Whether outputs that exist may be replaced. Those that are what the run file says it makes always may.
    report : Report

    Returns
    -------
    dict
        ``{"runfile", "folder", "steps": [{"task", "result"}], "versions_differ", "rasters", "tables", "others", "identical", "differ",
        "by_content", "sums"}``. Of an archive's run file the last seven tell how many rasters, tables (layers and lists of places among them) and
        other files (styles) were made again, whether all came out the same (None where nothing is known of them), which did not, which tables
        have other bytes and the same content, and how the folder fits its list of hashes: ``{"files", "changed", "missing"}``, None without one.

    Raises
    ------
    UnreadableError
        If the file is not a run file.
    SettingsError
        If an input is missing or differs from the one that was hashed, something else lies where an output goes, or an archive's run file names
        places outside of its folder.
    """
    path = check_readable(path, "run file").absolute()
    document = _read(path)
    folder = _folder_of(path, document)
    is_archive = bool(document.get("bundle"))
    if is_archive:
        check_stays_inside(document)
    with chdir(folder):
        inputs, steps = document.get("inputs", {}), document["steps"]
        _check_inputs(inputs, folder)
        if is_archive and not overwrite:
            _check_outputs(steps)
        listed = listed_sums(folder) if is_archive else None
        absent = {name for name in listed or () if not Path(name).is_file()}
        results, compared = [], Compared()
        for number, step in enumerate(steps):
            results.append(_do(step, overwrite, compared, part(report, number / len(steps), 1 / len(steps))))
        made_now = {name for name in absent if name.endswith(".run.json")} | (absent & set(compared.by_content))
        sums = _sums(folder, listed, made_now, compared.same | set(inputs)) if is_archive else None
    differ = _differences(document.get("versions", {}))
    return {"runfile": str(path), "folder": str(folder), "steps": results, "versions_differ": differ, **compared.facts(), "sums": sums}


def _do(step, overwrite, compared, report):
    """One step, compared with what it made before; what came out the same keeps its run file."""
    settings, outputs = dict(step["settings"]), step.get("outputs") or {}
    if "out" in settings and (overwrite or (outputs and not in_the_way(settings["out"], outputs, step.get("contents")))):
        settings["overwrite"] = True
    with set_aside(step) as put_back:
        done = run_task(step["task"], settings, report)
        put_back(compared.add(step))
    return {"task": step["task"], "result": done}


def _folder_of(path, document):
    """The folder that relative paths begin at: the first of the current one, the run file's, and the project's that has every input."""
    if document.get("bundle"):
        return path.parent
    project = next((folder for folder in path.parents if (folder / "project.json").is_file()), path.parent)
    for folder in (Path.cwd(), path.parent, project):
        if all((folder / name).is_file() for name in document.get("inputs", {})):
            return folder
    return Path.cwd()


def _read(path):
    if zipfile.is_zipfile(path):
        raise UnreadableError(f"{str(path)!r} is an archive. Unpack it, and run the file run.json in the folder it gives.")
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


def _check_inputs(inputs, folder):
    """Every input is there and is what it was."""
    if missing := [name for name in inputs if not Path(name).is_file()]:
        raise SettingsError(
            f"The run needs {_some(missing)}, which {_is(missing)} not in {str(folder)!r}. "
            f"Put the original back in its place ({_sha256(missing, inputs)}), or run it from the folder it was made in."
        )
    if changed := [name for name, expected in inputs.items() if fingerprint.of_file(name) != expected]:
        raise SettingsError(
            f"{_some(changed)} {_is(changed)} not what the run was made with: the content has changed. Bring the original back "
            f"({_sha256(changed, inputs)}), or train anew."
        )


def _check_outputs(steps):
    """Nothing would be lost by making the results of an archive again; asked before the first of them is made."""
    blocked = [name for step in steps if "out" in step["settings"] for name in in_the_way(step["settings"]["out"], *_known(step))]
    if not blocked:
        return
    packed = {name for step in steps for name in step.get("outputs") or {}}
    if changed := [name for name in dict.fromkeys(blocked) if name in packed]:
        raise SettingsError(
            f"{_some(changed)} {_is(changed)} not what this archive held: changed since it was packed, so not replaced and nothing was run. "
            "Make it again with --overwrite, or take an untouched archive."
        )
    if blocked[0].endswith("-wal"):
        raise SettingsError(f"{blocked[0].removesuffix('-wal')!r} is open in another program, such as QGIS. Close it there, and run again.")
    raise SettingsError(
        f"{blocked[0]!r} lies where the run writes, and is none of this archive's files. Move it elsewhere, or allow it to be replaced with --overwrite."
    )


def _known(step):
    return step.get("outputs") or {}, step.get("contents") or {}


def _sums(folder, listed, made_now, same):
    """How the folder fits its list of hashes; a run file that had been deleted has the times of this run, and is not called changed for it."""
    if listed is None:
        return {"files": 0, "changed": [SUMS], "missing": []} if (folder / SUMS).is_file() else None
    changed, missing = files_that_changed(folder, listed, same)
    return {"files": len(listed), "changed": [name for name in changed if name not in made_now], "missing": missing}


def _some(names):
    """The first names, quoted, and how many more."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(repr(name) for name in names[:_NAMED]) + more


def _sha256(names, inputs):
    """The hash by which the first original is known again."""
    return f"sha256{'' if len(names) == 1 else f' of {names[0]!r}'}: {inputs[names[0]]}"


def _is(names):
    return "is" if len(names) == 1 else "are"


def _differences(recorded):
    now = versions()
    return {name: {"run": version, "now": now.get(name)} for name, version in recorded.items() if now.get(name) != version}
