"""On what the predictions of a saved model rest: over samples, at one pixel, as maps; written into one folder, told as facts."""

import time
from dataclasses import replace
from pathlib import Path

from soilcore.core.errors import SettingsError
from soilcore.core.files import check_output, write_json, written_whole
from soilcore.core.progress import part, silent
from soilcore.project.explain_inputs import samples_to_explain, source_to_explain, with_inputs_of_training
from soilcore.project.explain_samples import explain_samples
from soilcore.project.steps import run_file

RUN_FILE = "explain.run.json"
_FEWEST_SAMPLES = 3


def explain(task, report=silent):
    """Explain a saved model.

    Parameters
    ----------
    task : ExplainTask
    report : Report

    Returns
    -------
    dict
        ``kind`` ("tabular" or "network"), ``model``, ``model_dir``, ``target``, ``unit``, ``scale``, ``base``, ``prediction``, ``additivity_error``,
        ``sampling_error``, ``rows`` with ``feature``, ``value`` and ``contribution``, ``text``, ``out``, ``files``, ``assumed``. At a pixel the rest is
        that of `soilcore.explanation.pixel.PixelExplainer.at`; of samples that of `soilcore.project.explain_samples`; ``layers`` of maps.

    Raises
    ------
    SettingsError
        If nothing is asked for, or inputs cannot be found.
    """
    from soilcore.models.archive import load_model

    started = time.perf_counter()
    _check(task)
    out = check_output(task.out, task.overwrite)
    if out.exists() and not (out / RUN_FILE).is_file():
        raise SettingsError(f"{str(out)!r} is there and holds no explanation, so it is not replaced. Choose another name.")
    model = load_model(task.model_dir)
    is_network = getattr(model.learner, "uses_surroundings", False)
    if is_network:
        model.learner.device = task.device
    task, taken = with_inputs_of_training(task, model, needs_samples=is_network or (task.summary and not task.at))
    with written_whole(out) as folder:
        folder.mkdir()
        facts = {"kind": "network" if is_network else "tabular", **_about(task, model), "out": str(out)}
        facts |= _explained(task, model, is_network, folder, out, report)
        facts["files"] = sorted(str(out / path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        facts["seconds"] = round(time.perf_counter() - started, 3)
        facts["assumed"] = tuple(dict.fromkeys((*taken, *facts["assumed"])))
        write_json(folder / RUN_FILE, {**run_file("explain", task), "result": facts})
    report(1, 1, "the explanation is written")
    return facts


def _check(task):
    if task.at and len(task.at) != 2:
        raise SettingsError(f"--at must be two numbers, X,Y; got {len(task.at)}.")
    if task.at_crs is not None and not task.at:
        raise SettingsError("--at-crs tells the reference system of --at, which is missing. Add --at X,Y.")
    if not (task.at or task.summary or task.maps):
        raise SettingsError("Nothing is asked for: neither samples, nor a pixel, nor maps.")
    if task.most < _FEWEST_SAMPLES:
        raise SettingsError(f"An explanation needs {_FEWEST_SAMPLES} samples or more; {task.most} were asked for.")
    if task.step is not None and task.step < 1:
        raise SettingsError(f"Every how manieth pixel is computed must be 1 or more; got {task.step}.")


def _about(task, model):
    return {"model": model.name, "model_dir": task.model_dir, "target": model.target["column"], "unit": model.target["unit"]}


def _explained(task, model, is_network, folder, out, report):
    """What was asked for, in the order pixel or samples, then maps."""
    share = 0.5 if task.maps else 1.0
    facts = {"assumed": ()}
    if task.at:
        facts = (_network_pixel if is_network else _pixel)(task, model, part(report, 0, share))
        _write_rows(folder / "drivers.csv", facts["rows"])
    elif task.summary:
        facts = explain_samples(
            task, model, samples_to_explain(task, model, part(report, 0, 0.1 * share)), folder, part(report, 0.1 * share, 0.9 * share)
        )
    if not task.maps:
        return facts
    alone = len(facts) == 1
    way = _network_maps if is_network else _maps
    made, said = way(task, model, folder, out, report if alone else part(report, share, 1.0 - share))
    of_maps = {**{name: made[name] for name in ("scale", "base", "additivity_error", "text", "note", "how", "exact")}, **_mean_driver(made)}
    return {**(of_maps if alone else facts), "maps": made, "assumed": (*facts["assumed"], *said)}


def _mean_driver(made):
    """Drivers of all pixels together, as those of samples are told: means that add up to the mean prediction."""
    rows = [{"feature": row["feature"], "value": None, "contribution": row["mean"], **row} for row in made["rows"]]
    return {"rows": rows, "prediction": made["base"] + sum(row["mean"] for row in rows), "sampling_error": made["sampling_error_mean"]}


def _maps(task, model, folder, out, report):
    """One raster per driver, which driver dominates where, and what they add up to."""
    from soilcore.explanation.tabular import TabularExplainer

    if task.places is not None:
        raise SettingsError(
            f"--places is for networks that read windows; {model.name!r} explains every pixel in a fraction of their time. Leave it out."
        )
    source, _, region, said = source_to_explain(task, model, part(report, 0, 0.1))
    groups = _groups(model, TabularExplainer(model).names) if task.groups else None
    return _drawn(task, model, source, region, groups, folder, out, part(report, 0.1, 0.9), step=task.step or 1), said


def _network_maps(task, model, folder, out, report):
    """As `_maps`, of a network: from its training samples, at as many pixels as take some minutes."""
    from soilcore.explanation.network_layers import names_of, step_of_network

    source, _, region, said = source_to_explain(task, model, part(report, 0, 0.1))
    known = samples_to_explain(task, model, part(report, 0.1, 0.1))
    groups = _groups(model, names_of(model.learner)) if task.groups else None
    step, coarse = (task.step, ()) if task.step else step_of_network(model.learner, source.grid, task.places, task.draws)
    more = {"step": step, "trained": (known.X, known.coordinates), "device": task.device}
    made = _drawn(task, model, source, region, groups, folder, out, part(report, 0.2, 0.8), **more)
    return made, (*said, f"attributions start from {known.of}", *known.said, *coarse)


def _groups(model, names):
    from soilcore.explanation.grouping import exact_dependency_groups

    return exact_dependency_groups(names, dict(model.recipe.get("formulas", ())))


def _drawn(task, model, source, region, groups, folder, out, report, **more):
    """The rasters, all of them in the folder itself, and their facts."""
    from soilcore.explanation.layers import attribution_maps

    inside = folder / ".maps"
    made = attribution_maps(model, source, inside, region=region, groups=groups, draws=task.draws, seed=task.seed, report=report, **more)
    for file in sorted(inside.iterdir()):
        file.rename(folder / file.name)
    inside.rmdir()
    rasters = ("dominant", "prediction", "sampling_error", "expected")
    placed = {name: None if made[name] is None else str(out / Path(made[name]).name) for name in rasters}
    layers = {name: str(out / Path(file).name) for name, file in made["layers"].items()}
    return {**made, **placed, "layers": layers, "out": str(out), "groups": groups}


def _pixel(task, model, report):
    from soilcore.explanation.pixel import PixelExplainer

    source, _, region, said = source_to_explain(task, model, part(report, 0, 0.6))
    report(0.6, 1, "explaining the pixel")
    explainer = PixelExplainer(model, source, level=task.interval, classes=task.classes, region=region, draws=task.draws, seed=task.seed)
    return {**explainer.at(*task.at, task.at_crs), "assumed": said}


def _network_pixel(task, model, report):
    from soilcore.explanation.network_pixel import NetworkPixel, explain_network_pixel

    source, opened, region, said = source_to_explain(task, model, part(report, 0, 0.2))
    known = samples_to_explain(task, model, part(report, 0.2, 0.3))
    settings = NetworkPixel(task.interval, task.classes, seed=task.seed, **({} if task.draws is None else {"draws": task.draws}))
    found = explain_network_pixel(
        model,
        source,
        replace(opened, samples=known.opened.samples),
        *task.at,
        task.at_crs,
        known.X,
        known.coordinates,
        region=region,
        settings=settings,
        report=part(report, 0.5, 0.5),
    )
    return {**found, "assumed": (*said, f"attributions start from {known.of}", *known.said)}


def _write_rows(path, rows):
    import pandas as pd

    pd.DataFrame(rows).to_csv(path, index=False)
