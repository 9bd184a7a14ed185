"""Tasks by name: the command line prints their facts, a job stores them, a page shows them."""

from soilcore.core.errors import SettingsError
from soilcore.core.files import plain
from soilcore.core.progress import silent
from soilcore.core.settings import from_plain
from soilcore.project import (
    act,
    advise,
    bundle,
    change,
    demo,
    dual_step,
    explain,
    hot_spots,
    imagery_tasks,
    map_years,
    network_attribute,
    report,
    scoring,
    spectra,
    spectra_attribute,
    spectra_predict,
    steps,
)
from soilcore.project.settings import TASKS

_RUNNERS = {
    "demo": steps.demo,
    "demo-project": demo.demo_project,
    "check": steps.check,
    "indices": steps.indices,
    "correlate": steps.correlate,
    "search": steps.search,
    "compare": scoring.compare,
    "train": scoring.train,
    "learning-curve": scoring.learning_curve,
    "learning-rate": scoring.learning_rate,
    "dual-step": dual_step.dual_step,
    "hot-spots": hot_spots.hot_spots,
    "external": steps.external,
    "network-attribute": network_attribute.attribute,
    "explain": explain.explain,
    "map": steps.map_model,
    "map-years": map_years.map_years,
    "fields": act.fields,
    "advise": advise.advise,
    "crops": advise.crop_list,
    "change": change.change,
    "scenario": change.scenario,
    "terrain": imagery_tasks.terrain,
    "distance": imagery_tasks.distance,
    "phenology": imagery_tasks.phenology,
    "composite": imagery_tasks.composite,
    "fetch": imagery_tasks.fetch,
    "keep-scene": imagery_tasks.keep_scene,
    "spectra-check": spectra.check,
    "spectra-preprocess": spectra.preprocess,
    "spectra-compare": spectra.compare,
    "spectra-train": spectra.train,
    "spectra-predict": spectra_predict.predict,
    "spectra-attribute": spectra_attribute.attribute,
    "report": report.report_project,
    "bundle": bundle.bundle,
}


def run_task(kind, settings, report=silent):
    """Run one task.

    Parameters
    ----------
    kind : str
        A key of `soilcore.project.settings.TASKS`.
    settings : dataclass or dict
        The task's settings, or their JSON values.
    report : Report

    Returns
    -------
    dict
        The facts the command line prints with ``--json``, in JSON's own types.
    """
    if kind not in _RUNNERS:
        raise SettingsError(f"There is no task {kind!r}. Tasks: {', '.join(_RUNNERS)}.")
    if isinstance(settings, dict):
        settings = from_plain(TASKS[kind], settings)
    return plain(_RUNNERS[kind](settings, report))
