"""Projects as the start page lists them: what each holds, when it was last used, and how to go on."""

import time

from pages.ui import steps
from soilcore.core.errors import SoilcoreError
from soilcore.project.folder import Project
from soilcore.project.jobs import jobs_in

_ORDER = ("samples", "imagery", "model", "map", "explain", "fields", "report")
_ON = {
    "samples": "Go on: choose samples",
    "imagery": "Go on: choose an image",
    "model": "Go on: train a model",
    "map": "Go on: make a map",
    "explain": "Go on: what drives the model",
    "fields": "Go on: what it means for fields",
    "report": "Go on: tell others",
}


def projects(workspace):
    """Project and facts of every project that can be read, the last used first, and the names of those that cannot."""
    known, damaged = [], []
    for project in Project.all(workspace):
        try:
            known.append((project, project.facts()))
        except SoilcoreError:
            damaged.append(project.id)
    return known, damaged


def words(project):
    """What a project holds, in one line, and whether something runs in it."""
    counts = {part: _count(project, part) for part in ("samples", "scenes", "models", "maps", "reports")}
    told = [
        "samples" if counts["samples"] else "no samples yet",
        "imagery" if counts["scenes"] else "no imagery yet",
        *(f"{count} {word if count > 1 else word[:-1]}" for word, count in counts.items() if word in ("models", "maps", "reports") and count),
    ]
    running = next((job for job in jobs_in(project.part("jobs")) if not job.status().is_over), None)
    return " · ".join(told) + (" · :blue-badge[a job is running]" if running else "")


def _count(project, part):
    return len([name for name in project.items(part) if not name.endswith(".run.json")])


def last_used(project):
    """When choices were last made in it, as people say it."""
    days = (time.time() - (project.folder / "project.json").stat().st_mtime) / 86400
    if days < 1:
        return "today" if days < 0.5 else "less than a day ago"
    return f"{days:.0f} {'day' if round(days) == 1 else 'days'} ago" if days < 60 else f"{days / 30.44:.0f} months ago"


def way_on(work):
    """The first step of the chain that is not done, and how a link to it is called; the map when all are."""
    name = next((name for name in _ORDER if not steps.is_done(name, work) and _is_ready(name, work)), "map")
    return (name, _ON[name]) if not steps.is_done(name, work) else (name, "Go on: look at the map")


def _is_ready(name, work):
    return all(steps.is_done(needed, work) for needed in steps.BY_NAME[name].needs)
