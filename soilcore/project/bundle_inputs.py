"""The files that results were made of, where they lie now, and the names they get within an archive."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from soilcore.core import fingerprint

OUTSIDE = "inputs"  # folder of an archive for files from outside of the project
_SUFFIX = re.compile(r":(categorical|-?\d+(,-?\d+)*)$")  # of covariates that are classes, of masks of which some codes count


@dataclass
class Packed:
    """Files of an archive by the names they have in it.

    Parameters
    ----------
    project : pathlib.Path
        Absolute folder of the project; what lies in it keeps its place.
    files : dict of str to pathlib.Path
    hashes : dict of str to str
        sha256 of those that results were made of, by their names; also of files that are left out.
    missing : list of str
        Sentences: what is not there any more, or is not what it was.
    """

    project: Path
    files: dict = field(default_factory=dict)
    hashes: dict = field(default_factory=dict)
    missing: list = field(default_factory=list)
    _outside: dict = field(default_factory=dict)

    def name_of(self, path):
        """The name of a file or folder in the archive; the same path always has the same."""
        path = path.resolve()
        if path.is_relative_to(self.project):
            return path.relative_to(self.project).as_posix()
        if path not in self._outside:
            name, number, taken = f"{OUTSIDE}/{path.name}", 2, set(self._outside.values())
            while name in taken:
                name, number = f"{OUTSIDE}/{path.stem}-{number}{path.suffix}", number + 1
            self._outside[path] = name
        return self._outside[path]

    def lay(self, path, name):
        """Give a file or folder from outside of the project its name."""
        if not path.resolve().is_relative_to(self.project):
            self._outside[path.resolve()] = name

    def lacks(self, sentence):
        """Say what is missing, once."""
        if sentence not in self.missing:
            self.missing.append(sentence)

    def add(self, name, path):
        """Put a file into the archive."""
        self.files[name] = path


def relocated(settings, recorded, folders, packed, with_inputs=True):
    """Settings whose paths are those of an archive; the files they name are put into it.

    A file outside of the project is taken only if the run file recorded its hash and it still has it, so that nobody can make an archive carry
    a file away that the result was not made of.

    Parameters
    ----------
    settings : dict
        Of a step of a run file, as JSON values; ``out`` is left alone.
    recorded : dict of str to str
        The run file's hashes of its inputs.
    folders : sequence of pathlib.Path
        Where relative paths may begin.
    packed : Packed
        Files, hashes and what is missing are added to it.
    with_inputs : bool
        Whether files are put into the archive, or only their hashes.

    Returns
    -------
    settings : dict
    hashes : dict of str to str
        sha256 of the files it names, by their names in the archive.
    """
    places = {path: located(path, folders) for path in recorded}
    hashes, known = {}, {str(place): (path, recorded[path]) for path, place in places.items() if place is not None}

    def moved(value, key=None):
        if isinstance(value, dict):
            return {name: item if name == "out" else moved(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [moved(item) for item in value]
        return _moved_path(value, known, folders, packed, hashes, with_inputs) if isinstance(value, str) else value

    settings = moved(settings)
    for path in (path for path, place in places.items() if place is None):
        packed.lacks(f"{path!r} is not there any more, so what was made of it cannot be made again from this archive alone.")
        hashes[Path(path).as_posix()] = recorded[path]
    packed.hashes.update(hashes)
    return settings, hashes


def _moved_path(text, recorded, folders, packed, hashes, with_inputs):
    """The text, or where the file or folder it names lies in the archive."""
    if not text or not ("/" in text or "\\" in text or "." in text):
        return text
    suffix, place = "", located(text, folders)
    if place is None and (found := _SUFFIX.search(text)):
        suffix, place = found[0], located(text[: found.start()], folders)
    if place is None:
        return text
    inside = place.is_relative_to(packed.project)
    files = sorted(file for file in place.rglob("*") if file.is_file() and not file.is_symlink()) if place.is_dir() else [place]
    taken = [file for file in files if _may_go(file, recorded, inside, packed, hashes)]
    if not taken:
        return text
    name = packed.name_of(place)
    for file in taken:
        own = name if file == place else f"{name}/{file.relative_to(place).as_posix()}"
        hashes[own] = fingerprint.of_file(file)
        if with_inputs:
            packed.add(own, file)
    return name + suffix


def _may_go(file, recorded, inside, packed, hashes):
    """Whether a file is what the result was made of."""
    told = recorded.get(str(file))
    if told is None:
        return inside
    path, sha256 = told
    if fingerprint.of_file(file) == sha256:
        return True
    packed.lacks(f"{path!r} has changed since, so it is left out; what was made of it cannot be made again from this archive alone.")
    hashes[packed.name_of(file)] = sha256
    return False


def located(text, folders):
    """Absolute place of a file or folder that a text names, or None.

    Parameters
    ----------
    text : str
    folders : sequence of path
        Where a relative path may begin.
    """
    path = Path(text)
    for start in (None, *folders):
        candidate = path if start is None else Path(start) / path
        if (start is None) == path.is_absolute() and _is_there(candidate):
            return candidate.resolve()
    return None


def _is_there(path):
    try:
        return path.exists()
    except OSError:  # a text that is no path at all, such as one too long
        return False
