"""What the project's rasters beside the imagery are: which predictors they give, how they change with time, how they were made."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from pages.ui import cached
from pages.ui.session import current_work

_MADE_BY = {
    "terrain": "terrain of {dem}: slope after {slope}, curvatures {convention}",
    "distance": "distance to {vector}, m",
    "phenology": "seasons of {series} ({index})",
}


@dataclass(frozen=True)
class Described:
    """One raster, or one folder of dated rasters, of the project.

    Parameters
    ----------
    name : str
        File or folder within ``covariates/``.
    predictors : tuple of str
    when : {"static", "date", "year"}
    files : tuple of pathlib.Path
        One, or one per date.
    dates : tuple of str
        Empty for a static one.
    made : str
        How it came to be, in words.
    """

    name: str
    predictors: tuple[str, ...]
    when: str
    files: tuple[Path, ...]
    dates: tuple[str, ...]
    made: str


def described(name):
    """What one raster of the project is.

    Raises
    ------
    SoilcoreError
        If it cannot be read.
    """
    work = current_work()
    path = work.path(work.covariate_path(name))
    predictors, when, files, dates = _read(cached.stamp(path.removesuffix(":categorical")), path)
    return Described(name, predictors, when, files, dates, _made(name))


@st.cache_data(max_entries=64, show_spinner=False)
def _read(stamp, text):
    from soilcore.data.covariates import open_covariates, parse_covariate
    from soilcore.data.timeline import dated_files

    stack = open_covariates([parse_covariate(text)])
    path = Path(text.removesuffix(":categorical"))
    if not path.is_dir():
        return stack.names, "static", (path,), ()
    files, days, when, _ = dated_files(path)
    return stack.names, when, tuple(files), tuple(str(day.year) if when == "year" else str(day) for day in days)


def _made(name):
    """How a task made it, by the run file beside it; "uploaded" without one."""
    try:
        step = json.loads(_run_file(name).read_text(encoding="utf-8"))["steps"][0]
        settings = {key: Path(value).name if isinstance(value, str) and "/" in value else value for key, value in step["settings"].items()}
        return _MADE_BY[step["task"]].format(**settings)
    except (OSError, ValueError, KeyError, IndexError):
        return "uploaded"


def _run_file(name):
    return (current_work().project.part("covariates") / name).with_suffix(".run.json")


def predictors():
    """Files by the predictors they give, for the rasters that can be read."""
    from soilcore.core.errors import SoilcoreError

    found = {}
    for name in current_work().covariates:
        try:
            found |= dict.fromkeys(described(name).predictors, name)
        except SoilcoreError:
            continue  # said on the imagery page, where it can be removed
    return found


def units_of(names):
    """Units that were said of these rasters, as the engine takes them: ``PREDICTOR=UNIT``."""
    from soilcore.core.errors import SoilcoreError

    said, units = current_work().state().get("units", {}), []
    for name in names:
        try:
            units += [f"{predictor}={said[name]}" for predictor in described(name).predictors] if name in said else []
        except SoilcoreError:
            continue
    return tuple(units)


def any_by_date(names):
    """Whether one of these rasters has one file per date."""
    from soilcore.core.errors import SoilcoreError

    for name in names:
        try:
            if described(name).when == "date":
                return True
        except SoilcoreError:
            continue
    return False


def remove(name):
    """Delete a raster of the project and forget what was said of it."""
    work = current_work()
    path = work.project.path("covariates", name)
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    _run_file(name).unlink(missing_ok=True)
    state = work.state()
    categorical = [one for one in state.get("categorical", ()) if one != name]
    units = {one: unit for one, unit in state.get("units", {}).items() if one != name}
    work.remember(categorical=categorical or None, units=units or None)
