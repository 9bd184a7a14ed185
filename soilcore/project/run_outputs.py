"""What a run file makes: whether it may stand in the place of what is there, and whether it came out as it was."""

from pathlib import Path, PurePosixPath, PureWindowsPath

from soilcore.core import fingerprint
from soilcore.core.errors import SettingsError

_RUN = ".run.json"


def may_be_replaced(out, outputs):
    """Whether all that lies at a step's place is what the step itself makes, to the last byte, so that nothing is lost by making it again.

    Parameters
    ----------
    out : str
        File or folder.
    outputs : dict of str to str
        sha256 of each file the step makes.

    Returns
    -------
    bool
        False where nothing is known of the outputs.
    """
    if not outputs:
        return False
    there = [path for name in outputs if (path := Path(name)).is_file()]
    if any(fingerprint.of_file(path) != outputs[path.as_posix()] for path in there):
        return False
    place = Path(out)
    known = {Path(name) for name in outputs}
    if not place.is_dir():
        return not place.exists() or place in known
    return all(path in known or path.name.endswith((_RUN, ".stac.json")) for path in place.rglob("*") if path.is_file())


def compare_rasters(steps):
    """Whether every raster of which a run file knows the sha256 came out the same.

    Returns
    -------
    dict
        ``rasters``, ``identical`` (None where none is known), ``differ``: their names.
    """
    expected = {name: sha256 for step in steps for name, sha256 in (step.get("outputs") or {}).items() if name.endswith((".tif", ".tiff"))}
    differ = [name for name, sha256 in expected.items() if not Path(name).is_file() or fingerprint.of_file(name) != sha256]
    return {"rasters": len(expected), "identical": not differ if expected else None, "differ": differ}


def check_stays_inside(document):
    """Refuse a run file from an archive that reads or writes outside of the archive's folder: it came from somebody else.

    Raises
    ------
    SettingsError
        Naming the path.
    """
    named = [*document.get("inputs", {})]
    for step in document["steps"]:
        named += [*(step.get("outputs") or {}), *_texts(step["settings"])]
    for text in named:
        if _leads_out(text):
            raise SettingsError(f"The run file names {text!r}, which leads out of its folder, so nothing of it was run. Take an untouched archive.")


def _texts(value):
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def _leads_out(text):
    return PurePosixPath(text).is_absolute() or bool(PureWindowsPath(text).drive) or ".." in PureWindowsPath(text).parts
