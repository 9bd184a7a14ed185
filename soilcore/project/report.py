"""The report of a project: facts are gathered once, then rendered as a page, a PDF or plain JSON."""

from pathlib import Path

from soilcore.core.errors import SettingsError
from soilcore.core.files import check_output, write_json, written_whole
from soilcore.core.progress import part, silent
from soilcore.project.assets import VENDOR
from soilcore.project.results import chosen_map, chosen_model, look_through

FORMS = (".html", ".pdf", ".json")
SHOWN = ("class", "value", "lower", "upper", "error", "aoa")  # layers of a map that a report shows, in this order
_ALSO = "p_gt_"
_PICTURES = 4  # of each further result
_PICTURED = {
    "change": ("difference", "change", "label", "slope"),
    "scenario": ("difference", "change", "scenario", "left_aoa"),
    "explain": ("dominant",),
}
_LETTERS = 40  # named at most


def report_project(task, report=silent):
    """Tell a project's model, map and results on one page.

    Returns
    -------
    dict
        ``out``, ``title``, ``model``, ``map``, ``headline``, ``limits``, ``scores``, ``results`` (their titles), ``bytes``, ``assumed``.
    """
    out = Path(task.out)
    if out.suffix.lower() not in FORMS:
        raise SettingsError(f"A report is written as {', '.join(FORMS)}, but {str(out)!r} ends otherwise. Choose one of these.")
    check_output(out, task.overwrite)
    found = look_through(task.project)
    told = tell(found, task.model, task.map, part(report, 0, 0.8))
    report(0.8, 1, "writing the report")
    said = write_report(told, out)
    report(1, 1, "the report is written")
    summary = told["summary"]
    return {
        "out": str(out),
        "title": summary["title"],
        **summary["identifiers"],
        "headline": summary["headline"],
        "limits": summary["limits"],
        "scores": {row["key"]: row["value"] for row in summary["scores"]["rows"]},
        "results": [one["title"] for one in summary["results"]],
        "bytes": out.stat().st_size,
        "assumed": (*found.assumed, *said),
    }


def tell(found, model=None, map_name=None, report=silent):
    """Facts and pictures of a report.

    Parameters
    ----------
    found : Found
    model, map_name : str, optional
    report : Report

    Returns
    -------
    dict
        ``summary``, ``pictures`` and ``result_pictures`` as `soilcore.reporting.render.render_html` wants them.
    """
    report(0, 1, "reading the model")
    summary, raster = facts_of(found, model, map_name)
    report(0.3, 1, "drawing the map")
    pictures = _map_pictures(raster)
    beside = {told["title"]: _pictures_of(one) for told, one in zip(summary["results"], found.others, strict=True)}
    return {"summary": summary, "pictures": pictures, "result_pictures": beside}


def facts_of(found, model=None, map_name=None):
    """What a report says, without its pictures: quick enough to be shown before one is made.

    Parameters
    ----------
    found : Found
    model, map_name : str, optional

    Returns
    -------
    summary : dict
        See `soilcore.reporting.summary.summarise`.
    raster : pathlib.Path or None
        Of the map.
    """
    from soilcore.models.archive import load_model
    from soilcore.reporting.summary import summarise

    drawn = chosen_map(found, map_name)
    folder = chosen_model(found, model, drawn)
    loaded = load_model(folder, leave=_Everything())
    others = [{"kind": one.kind, "id": one.id, "settings": one.settings, "result": one.facts} for one in found.others]
    raster = raster_of(drawn)
    summary = summarise(
        loaded,
        title=found.title,
        map_facts=drawn.facts if drawn else None,
        map_place=_place(raster),
        results=others,
        inputs=_inputs(folder, drawn, loaded),
        identifiers={"model": folder.name, **({"map": drawn.id} if drawn else {})},
    )
    return summary, raster


def write_report(told, out):
    """Write what `tell` gave as a page, a PDF or JSON, by the name of the file; whole or not at all.

    Returns
    -------
    tuple of str
        What a reader of the file should know, such as letters that could not be written.
    """
    out, said = Path(out), ()
    kind = out.suffix.lower()
    if kind == ".json":
        write_json(out, told["summary"])
        return said
    with written_whole(out) as temporary:
        if kind == ".pdf":
            from soilcore.reporting.pdf import render_pdf

            lost = render_pdf(told["summary"], temporary, told["pictures"], told["result_pictures"], fonts=VENDOR)
            said = (f"the PDF has no letters for {lost[:_LETTERS]}; the report as .html has them all",) * bool(lost)
        else:
            from soilcore.reporting.render import render_html

            temporary.write_text(render_html(told["summary"], told["pictures"], told["result_pictures"]), encoding="utf-8")
    return said


class _Everything:
    """Every kind of learner: a report shows what is known of a model and never predicts, so nothing heavy is imported for it."""

    def __contains__(self, kind):
        return True


def raster_of(drawn):
    """Place of a map's raster, or None: beside its run file, so that a project may be moved."""
    if drawn is None:
        return None
    raster = drawn.run_file.with_name(drawn.run_file.name.replace(".run.json", ".tif"))
    return raster if raster.is_file() else None


def _place(raster):
    if raster is None:
        return None
    from soilcore.data.rasters import opened_raster
    from soilcore.mapping.tiles import layer_bounds

    (south, west), (north, east) = layer_bounds(raster)
    with opened_raster(raster) as opened:
        authority = opened.crs.to_authority()
        place = {"rows": opened.height, "columns": opened.width, "cell": None if opened.crs.is_geographic else opened.res[0]}
    return {"bounds": [west, south, east, north], "crs": ":".join(authority) if authority else "own projection", **place}


def _map_pictures(raster):
    from soilcore.mapping.layers import layers_of
    from soilcore.reporting.pictures import picture_of

    if raster is None:
        return []
    layers = {layer.key: layer for layer in layers_of(raster)}
    keys = [key for key in SHOWN if key in layers] + [key for key in layers if key.startswith(_ALSO)]
    return [picture_of(layers[key].path, layers[key].title) for key in keys]


def _pictures_of(one):
    """The rasters of a result that tell most."""
    from soilcore.data.rasters import opened_raster
    from soilcore.reporting.pictures import picture_of

    rasters = {path.stem: path for path in one.files if path.suffix == ".tif"}
    wanted = [name for name in _PICTURED.get(one.kind, ()) if name in rasters] or sorted(rasters)
    pictures = []
    for path in (rasters[name] for name in wanted[:_PICTURES]):
        with opened_raster(path) as raster:
            title = raster.tags().get("SOILCORE_LAYER_TITLE") or (raster.descriptions[0] or path.stem.replace("_", " "))
        pictures.append(picture_of(path, title))
    return pictures


def _inputs(folder, drawn, model):
    """Files behind the model and the map, with what they were for."""
    from soilcore.project.results import read_run_file

    runs = [("model", read_run_file(folder / "run.json").get("inputs") or {})] if (folder / "run.json").is_file() else []
    runs += [("map", drawn.inputs)] if drawn else []
    listed = {}
    for purpose, inputs in runs:
        for path, sha256 in inputs.items():
            entry = listed.setdefault((path, sha256), {"path": path, "sha256": sha256, "for": []})
            entry["for"].append(purpose)
    samples = model.provenance.get("samples")
    if not listed and isinstance(samples, dict) and samples.get("source"):
        listed[None] = {"path": samples["source"], "sha256": samples.get("sha256"), "for": ["model"]}
    return list(listed.values())
