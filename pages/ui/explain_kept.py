"""Explanations that a project keeps: found by their run files, shown again without computing anything."""

from pages.ui.change_kept import Kept, read_run
from pages.ui.session import current_work

PART, MARKER = "explanations", "explain.run.json"


def every(model):
    """Explanations of a model, the newest first.

    Parameters
    ----------
    model : str
        Its id.

    Returns
    -------
    list of Kept
    """
    work, found = current_work(), []
    for name in reversed(work.project.items(PART)):
        folder = work.project.part(PART) / name
        run = read_run(folder / MARKER)
        if run is not None and run[0].get("model_dir") == f"models/{model}":
            found.append(Kept(name, folder, *run))
    return found


def of_samples(model):
    """The newest explanation of samples, or None."""
    return next((one for one in every(model) if "of" in one.facts), None)


def of_maps(model):
    """The newest explanation with maps, or None."""
    return next((one for one in every(model) if one.facts.get("maps")), None)


def new_folder():
    """Where the next explanation goes, relative to the project."""
    return f"{PART}/{current_work().project.new_id(PART, 'explanation')}"
