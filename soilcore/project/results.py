"""What a project holds: its models, its maps, and the results made of them, found by the run files beside them."""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from soilcore.core.errors import SettingsError, UnreadableError
from soilcore.project.steps import RUN_SCHEMA

MODEL_FILE = "model.json"
RESULT_PARTS = ("explanations", "changes", "scenarios", "fields", "advice")
_RUN = ".run.json"


@dataclass(frozen=True)
class Result:
    """One result with the run file that tells how it was made.

    Parameters
    ----------
    kind : str
        The task: "map", "change", ...
    id : str
        Name of its folder.
    folder : pathlib.Path
    run_file : pathlib.Path
    settings, facts, inputs : dict
        What was asked, what came out, and the hashes of the files it was made of.
    steps : list of dict
    alone : bool
        Whether all that lies in its folder belongs to it.
    """

    kind: str
    id: str
    folder: Path
    run_file: Path
    settings: dict
    facts: dict
    inputs: dict = field(default_factory=dict)
    steps: list = field(default_factory=list)
    alone: bool = True

    @property
    def files(self):
        """Its finished files, the run file among them; links and hidden ones are left out."""
        if self.alone:
            return files_in(self.folder)
        stem = self.run_file.name.removesuffix(_RUN)
        return [path for path in files_in(self.folder) if path.stem == stem or path.name.startswith((f"{stem}.", f"{stem}_"))]


@dataclass(frozen=True)
class Found:
    """A project's content as far as reports and archives need it.

    Parameters
    ----------
    folder : pathlib.Path
    title : str
    models : tuple of pathlib.Path
        Folders, the last made first.
    maps, others : tuple of Result
        The last made first.
    state : dict
        What was chosen in the app.
    assumed : tuple of str
    """

    folder: Path
    title: str
    models: tuple[Path, ...]
    maps: tuple[Result, ...]
    others: tuple[Result, ...]
    state: dict
    assumed: tuple[str, ...] = ()


def look_through(folder):
    """Find what a project holds.

    Parameters
    ----------
    folder : path
        A project's folder; one without ``project.json`` will do if it has folders ``models`` or ``maps``.

    Returns
    -------
    Found

    Raises
    ------
    UnreadableError
        If there is no such folder, or nothing of a project in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UnreadableError(f"There is no folder {str(folder)!r}. Name the folder of a project.")
    maps = tuple(one for one in _results(folder, "maps") if one.kind == "map")
    others = tuple(one for part in RESULT_PARTS for one in _results(folder, part))
    models = _newest_first({*(path.parent.resolve() for path in folder.glob(f"models/*/{MODEL_FILE}")), *_models_behind((*maps, *others), folder)})
    facts, assumed = _project_facts(folder, bool(models or maps))
    return Found(folder, facts["title"], models, maps, others, facts.get("state") or {}, assumed)


def chosen_map(found, name=None):
    """The map that was named, else the one last chosen in the app, else the last made; None where there is none.

    Raises
    ------
    SettingsError
        If there is no map of that name; the message lists those there are.
    """
    return _chosen("map", {one.id: one for one in found.maps}, name, found.state.get("map"))


def chosen_model(found, name=None, drawn=None):
    """The model folder that was named, else the one behind the map, else the one last chosen, else the last made.

    Raises
    ------
    SettingsError
        If there is no model of that name, or none at all.
    """
    models = {path.name: path for path in found.models}
    behind = Path(drawn.settings.get("model_dir") or "").name if drawn is not None else None
    model = _chosen("model", models, name, behind if behind in models else found.state.get("model"))
    if model is None:
        raise SettingsError(f"{str(found.folder)!r} holds no model, so there is nothing to tell. Train one into its folder models first.")
    return model


def read_run_file(path):
    """A run file's content.

    Raises
    ------
    UnreadableError
        If it is not one.
    """
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableError(f"The run file {str(path)!r} cannot be read ({error}). Make the result again.") from None
    steps = document.get("steps") if isinstance(document, dict) else None
    if not isinstance(steps, list) or not steps or document.get("schema") != RUN_SCHEMA:
        raise UnreadableError(f"{str(path)!r} is not a run file of this version. Make the result again.")
    return document


def files_in(folder):
    """Finished files of a folder and those below, links and hidden ones left out."""
    found = (path for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(path for path in found if not any(piece.startswith(".") for piece in path.relative_to(folder).parts))


def _models_behind(results, folder):
    """Folders of models that results were made with and that lie elsewhere; only where they are still what the run file says."""
    from soilcore.core import fingerprint

    for one in results:
        named = one.settings.get("model_dir")
        expected = one.inputs.get(str(Path(named) / MODEL_FILE)) if named else None
        for start in (folder, Path.cwd()):
            model = (start / named).resolve() if expected else None
            if model is not None and (model / MODEL_FILE).is_file() and fingerprint.of_file(model / MODEL_FILE) == expected:
                yield model
                break


def _chosen(what, there, name, preferred):
    if name is not None:
        if name not in there:
            raise SettingsError(f"The project has no {what} {name!r}. It has: {', '.join(sorted(there)) or 'none'}.")
        return there[name]
    return there.get(preferred) or next(iter(there.values()), None)


def _project_facts(folder, has_results):
    from soilcore.project.folder import Project

    if (folder / "project.json").is_file():
        return Project(folder.resolve()).facts(), ()
    if not has_results:
        raise UnreadableError(
            f"{str(folder)!r} is not a project: it has neither project.json nor models or maps in it. Name the folder of a project."
        )
    title = folder.resolve().name
    return {"title": title}, (f"title: {title}, the name of the folder, which has no project.json",)


def _results(folder, part):
    """Results of one part of a project, the last made first; folders that hold no run file are no results yet."""
    runs = [path for path in (folder / part).rglob(f"*{_RUN}") if not _is_hidden(path, folder) and not path.is_symlink()]
    alone = Counter(path.parent for path in runs)
    for path in _newest_first(runs):
        document = read_run_file(path)
        step, stem = document["steps"][-1], path.name.removesuffix(_RUN)
        lonely = path.parent != folder / part and alone[path.parent] == 1
        own = "-".join(path.parent.relative_to(folder / part).parts)
        name = own if lonely else f"{own}-{stem}".strip("-")
        told = document.get("result") or {}, document.get("inputs") or {}, document["steps"]
        yield Result(str(step.get("task")), name, path.parent, path, step.get("settings") or {}, *told, lonely)


def _is_hidden(path, folder):
    return any(piece.startswith(".") for piece in path.relative_to(folder).parts)


def _newest_first(paths):
    return tuple(sorted(paths, key=lambda path: (-path.stat().st_mtime, path.name)))
