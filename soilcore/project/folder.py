"""A project is a folder that a person can open in QGIS and copy to a colleague.

``project.json  samples/  scenes/  covariates/  regions/  vectors/  series/  climate/  spectra/  models/<id>/  maps/<id>/  jobs/<id>/  reports/``
"""

import json
import re
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.core.files import write_json

SCHEMA = "soilcore-project/1"
PARTS = (
    "samples",
    "scenes",
    "covariates",
    "regions",
    "vectors",
    "series",
    "climate",
    "spectra",
    "models",
    "maps",
    "explanations",
    "changes",
    "scenarios",
    "fields",
    "jobs",
    "reports",
)
_IDENTIFIER = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def safe_name(name):
    """A file name that is safe on every system: the last part of a path, letters, digits, ``._-`` only."""
    cleaned = _UNSAFE.sub("_", Path(str(name).replace("\\", "/")).name).strip("._")
    return cleaned[-100:] or "file"


@dataclass(frozen=True)
class Project:
    """One project folder.

    Parameters
    ----------
    folder : pathlib.Path
        Where it is; the folder's name is the project's id.
    """

    folder: Path

    @classmethod
    def create(cls, workspace, title, identifier=None, folder=None):
        """Make a new project folder.

        Parameters
        ----------
        workspace : path
            Folder that holds projects.
        title : str
            What people call it.
        identifier : str, optional
            Folder name; made from the title if not given.
        folder : path, optional
            Build it here instead, under a name that projects cannot have (a template, or an unfinished one).

        Raises
        ------
        SettingsError
            If the identifier is not usable or taken.
        """
        workspace = Path(workspace)
        if folder is not None:
            return cls._filled(Path(folder), title)
        if identifier is None:
            stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "project"
            identifier = stem if not (workspace / stem).exists() else f"{stem}-{secrets.token_hex(2)}"
        _check_identifier(identifier)
        folder = workspace / identifier
        if folder.exists():
            raise SettingsError(f"There is a project {identifier!r} already in {str(workspace)!r}. Choose another name.")
        return cls._filled(folder, title)

    @classmethod
    def _filled(cls, folder, title):
        for part in PARTS:
            (folder / part).mkdir(parents=True)
        write_json(folder / "project.json", {"schema": SCHEMA, "title": title, "created": _now(), "state": {}})
        return cls(folder)

    @classmethod
    def open(cls, workspace, identifier):
        """Open an existing project by its id; never by a path.

        Raises
        ------
        UnreadableError
            If there is no such project, or its `project.json` cannot be read.
        """
        _check_identifier(identifier)
        project = cls(Path(workspace) / identifier)
        project.facts()
        return project

    @classmethod
    def all(cls, workspace):
        """Every readable project of a workspace, the last changed first."""
        folders = [path.parent for path in Path(workspace).glob("*/project.json") if not path.parent.name.startswith(".")]
        folders.sort(key=lambda folder: (folder / "project.json").stat().st_mtime, reverse=True)
        return [cls(folder) for folder in folders]

    @property
    def id(self):
        """Folder name."""
        return self.folder.name

    def facts(self):
        """The content of `project.json`.

        Raises
        ------
        UnreadableError
            If it is missing, damaged, or of another schema.
        """
        path = self.folder / "project.json"
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UnreadableError(
                f"There is no project {self.id!r}. It may have been moved or deleted; open another one or start a new one."
            ) from None
        except (OSError, ValueError) as error:
            raise UnreadableError(f"The project file of {self.id!r} cannot be read ({error}). Restore project.json from a copy.") from None
        if facts.get("schema") != SCHEMA:
            raise UnreadableError(f"{str(path)!r} is not a soilcore project of this version (schema {facts.get('schema')!r}).")
        return facts

    @property
    def title(self):
        """What people call it."""
        return self.facts()["title"]

    def state(self):
        """What was chosen in the app: plain values by name."""
        return self.facts().get("state", {})

    def remember(self, **values):
        """Keep choices for the next visit; None forgets one."""
        facts = self.facts()
        state = {**facts.get("state", {}), **values}
        facts["state"] = {name: value for name, value in state.items() if value is not None}
        write_json(self.folder / "project.json", facts)

    def part(self, name):
        """Folder of one kind of thing, e.g. ``part("scenes")``."""
        if name not in PARTS:
            raise SettingsError(f"A project has no part {name!r}; it has {', '.join(PARTS)}.")
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    def items(self, part):
        """Names of what lies in one part, hidden and unfinished ones left out, oldest first."""
        entries = [path for path in self.part(part).iterdir() if not path.name.startswith(".")]
        return [path.name for path in sorted(entries, key=lambda path: (path.stat().st_mtime, path.name))]

    def new_id(self, part, stem):
        """A fresh name ``stem-xxxx`` within a part."""
        while True:
            name = f"{safe_name(stem).lower().replace('_', '-').replace('.', '-')}-{secrets.token_hex(3)}"
            if not (self.part(part) / name).exists():
                return name

    def path(self, part, name):
        """Path of one item, refused when the name could lead elsewhere.

        Raises
        ------
        UnreadableError
            If the name is not a plain name or nothing is there.
        """
        path = self.part(part) / name
        if Path(name).name != name or name.startswith(".") or not path.exists():
            raise UnreadableError(f"The project {self.id!r} has no {part[:-1] if part.endswith('s') else part} {name!r}.")
        return path

    def delete(self):
        """Remove the folder and all in it."""
        self.facts()
        shutil.rmtree(self.folder)


def _check_identifier(identifier):
    if not isinstance(identifier, str) or not _IDENTIFIER.fullmatch(identifier):
        raise UnreadableError(f"{identifier!r} is not the id of a project: small letters, digits and hyphens only.")


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
