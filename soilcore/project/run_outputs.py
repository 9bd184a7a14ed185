"""What a run file makes: whether it may stand in the place of what is there, whether it came out as it was, and what stays beside it."""

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from soilcore.core import fingerprint
from soilcore.core.errors import SettingsError
from soilcore.data.contents import content_of

_RUN = ".run.json"
RASTERS = frozenset({".tif", ".tiff"})
TABLES = frozenset({".csv", ".gpkg", ".gpx"})
_BESIDE = frozenset({".qml", ".sld", ".xml"})  # styles and names of classes
_MADE = RASTERS | TABLES | _BESIDE  # what tasks write; anything else in a result's folder is somebody's own
_LEFT_BY_VIEWERS = (_RUN, ".stac.json", ".aux.xml")


def is_table(name):
    """Whether a file of a result is a table, a layer or a list of places."""
    return Path(name).suffix.lower() in TABLES


def in_the_way(out, outputs, contents=None):
    """What lies at a step's place and is not what the step itself makes, so that something would be lost by making it again.

    Parameters
    ----------
    out : str
        File or folder.
    outputs : dict of str to str
        sha256 of each file the step makes.
    contents : dict of str to str, optional
        Of some of them `soilcore.data.contents.content_of`.

    Returns
    -------
    list of str
        Changed files of the step first, then others in its folder; `out` itself where nothing is known of the outputs.
    """
    place = Path(out)
    if not outputs:
        return [str(out)] if place.exists() else []
    changed = [name for name in outputs if Path(name).is_file() and not _is_same(name, outputs[name], (contents or {}).get(name))]
    changed += [f"{name}-wal" for name in outputs if Path(f"{name}-wal").exists()]  # a viewer has the layer open
    known = {Path(name) for name in outputs}
    if not place.is_dir():
        return changed + [str(out)] * (place.exists() and place not in known)
    there = (path for path in sorted(place.rglob("*")) if path.is_file())
    foreign = [path.as_posix() for path in there if path not in known and not path.name.endswith(_LEFT_BY_VIEWERS)]
    return list(dict.fromkeys([*changed, *foreign]))


@dataclass
class Compared:
    """How the files of all steps came out.

    Parameters
    ----------
    rasters, tables, others : int
        How many of each were made again; others are styles and names of classes.
    differ : list of str
        Files that came out otherwise, or not at all.
    by_content : list of str
        Tables with other bytes and the same content.
    same : set of str
        Files that are what they were, bit for bit.
    """

    rasters: int = 0
    tables: int = 0
    others: int = 0
    differ: list = field(default_factory=list)
    by_content: list = field(default_factory=list)
    same: set = field(default_factory=set)

    def add(self, step):
        """Compare what a step made, and tell whether all of it is the same."""
        contents, before = step.get("contents") or {}, len(self.differ)
        for name, sha256 in (step.get("outputs") or {}).items():
            suffix = Path(name).suffix.lower()
            if suffix not in _MADE:
                continue
            self.rasters += suffix in RASTERS
            self.tables += suffix in TABLES
            self.others += suffix in _BESIDE
            if not Path(name).is_file():
                self.differ.append(name)
            elif fingerprint.of_file(name) == sha256:
                self.same.add(name)
            elif name in contents and content_of(name) == contents[name]:
                self.by_content.append(name)
            else:
                self.differ.append(name)
        return len(self.differ) == before

    def facts(self):
        """``rasters``, ``tables``, ``others``, ``identical`` (None where nothing is known of what was made), ``differ``, ``by_content``."""
        known = self.rasters + self.tables + self.others
        return {
            "rasters": self.rasters,
            "tables": self.tables,
            "others": self.others,
            "identical": not self.differ if known else None,
            "differ": self.differ,
            "by_content": self.by_content,
        }


@contextmanager
def set_aside(step):
    """Keep the originals of a step's run file and tables while it is done again; gives ``put_back(all_same)``.

    A run file tells when and how fast its result was made, and that of the first making is the one to keep; so an archive that came out the same
    still fits its list of hashes. What the step does not make, such as a catalogue's item or somebody's notes, is put back as well.
    """
    outputs, contents = step.get("outputs") or {}, step.get("contents") or {}
    with tempfile.TemporaryDirectory(prefix="soilcore-run-") as scratch:
        kept = {}
        for number, path in enumerate(_beside(step["settings"].get("out"), outputs)):
            kept[path] = Path(scratch) / str(number)
            shutil.copy2(path, kept[path])

        def put_back(all_same):
            for path, copy in kept.items():
                name = path.as_posix()
                if path.is_file():
                    wanted = (
                        all_same if path.name.endswith(_RUN) else name in contents and _is_original(path, copy, outputs.get(name), contents[name])
                    )
                else:
                    wanted = path.suffix.lower() not in _MADE or name not in outputs
                if wanted:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(copy, path)

        yield put_back


def _is_original(path, copy, sha256, content):
    """Whether a copy is the very file that was packed, and what lies there now says the same in other bytes."""
    return fingerprint.of_file(path) != sha256 and fingerprint.of_file(copy) == sha256 and content_of(path) == content


def _beside(out, outputs):
    """Files at a step's place that are no rasters."""
    if out is None or not outputs:
        return []
    place = Path(out)
    if place.is_dir():
        return [path for path in sorted(place.rglob("*")) if path.is_file() and not path.is_symlink() and path.suffix.lower() not in RASTERS]
    named = (*map(Path, outputs), place.with_suffix(_RUN))
    return [path for path in named if path.is_file() and path.suffix.lower() not in RASTERS]


def _is_same(name, sha256, content):
    return fingerprint.of_file(name) == sha256 or (content is not None and content_of(name) == content)


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
        if leads_out(text):
            raise SettingsError(f"The run file names {text!r}, which leads out of its folder, so nothing of it was run. Take an untouched archive.")


def _texts(value):
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, (list, tuple)):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def leads_out(text):
    """Whether a path begins at the root of a disk or goes up."""
    return PurePosixPath(text).is_absolute() or bool(PureWindowsPath(text).drive) or ".." in PureWindowsPath(text).parts
