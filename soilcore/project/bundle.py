"""Everything of a project in one archive: maps with styles and STAC items, models, samples, report, web map, and what re-creates them.

The archive is made twice alike: names in order, one date for every file, and no time of writing in any of them.
"""

import json
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from soilcore.core import fingerprint
from soilcore.core.errors import NotAvailableError, SettingsError
from soilcore.core.files import check_output, plain, written_whole
from soilcore.core.progress import part, silent
from soilcore.data.contents import content_of, write_layers
from soilcore.project.assets import VENDOR
from soilcore.project.bundle_fields import field_outlines
from soilcore.project.bundle_inputs import Packed, located, relocated
from soilcore.project.bundle_samples import sample_layer, sample_points
from soilcore.project.bundle_sums import SUMS, sums_text
from soilcore.project.chain import versions
from soilcore.project.report import raster_of, tell, write_report
from soilcore.project.results import MODEL_FILE, chosen_map, look_through, read_run_file
from soilcore.project.run_outputs import RASTERS, is_table
from soilcore.project.steps import RUN_SCHEMA

RUN_FILE, ABOUT = "run.json", "README.txt"
_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can hold
_STORED = {".tif", ".png", ".parquet", ".zip", ".npz"}  # compressed already
_ORDER = ("map", "explain", "scenario", "change", "fields", "advise")  # later ones are made of earlier ones
_CHUNK = 1 << 20
_MODE = 0o644 << 16


@dataclass
class _Contents:
    """What goes into the archive while it is put together."""

    packed: Packed
    scratch: Path
    written: dict = field(default_factory=dict)  # name -> bytes
    steps: list = field(default_factory=list)
    inputs: dict = field(default_factory=dict)  # of the steps: name -> sha256
    said: list = field(default_factory=list)


def bundle(task, report=silent):
    """Put a project's results with all that re-creates them into one archive.

    Returns
    -------
    dict
        ``out``, ``files``, ``bytes``, ``maps``, ``models``, ``rasters`` and ``tables`` (that the run file re-creates), ``inputs`` (packed), ``missing``
        (sentences), ``fingerprint`` of the archive, ``assumed``.
    """
    out = Path(task.out)
    if out.suffix.lower() != ".zip":
        raise SettingsError(f"An archive is written as .zip, but {str(out)!r} ends otherwise. Choose such a name.")
    check_output(out, task.overwrite)
    found = look_through(task.project)
    told = tell(found, task.model, task.map, part(report, 0, 0.2))
    with tempfile.TemporaryDirectory() as scratch:
        contents = _Contents(_packed(found), Path(scratch))
        report(0.2, 1, "gathering maps and models")
        _add_results(contents, found, task.inputs)
        _add_models(contents, found, task.inputs)
        report(0.4, 1, "writing the report, the web map and the samples")
        _add_pages(contents, found, told, task)
        _add_catalogue(contents, found, told["summary"])
        _add_run_file(contents)
        _add_about(contents, found, told["summary"], task.inputs)
        with written_whole(out) as temporary:
            _write_zip(contents, temporary, part(report, 0.6, 0.4))
    inputs = [name for name in contents.packed.hashes if name in contents.packed.files]
    made = [name for step in contents.steps for name in step["outputs"]]
    return {
        "out": str(out),
        "files": len(contents.written) + len(contents.packed.files),
        "bytes": out.stat().st_size,
        "maps": [one.id for one in found.maps],
        "models": [folder.name for folder in found.models],
        "rasters": sum(Path(name).suffix in RASTERS for name in made),
        "tables": sum(is_table(name) for name in made),
        "inputs": inputs,
        "missing": contents.packed.missing,
        "fingerprint": fingerprint.of_file(out),
        "assumed": (*found.assumed, *dict.fromkeys(contents.said)),
    }


def _packed(found):
    """An empty archive in which models from elsewhere lie beside the project's own."""
    packed = Packed(found.folder.resolve())
    for folder in found.models:
        packed.lay(folder, f"models/{folder.name}")
    return packed


def _folders(found, *more):
    """Where relative paths of run files may begin."""
    return (found.folder.resolve(), Path.cwd(), *more)


def _add_results(contents, found, with_inputs):
    """Maps and what was made of them, with the steps that re-create each."""
    for one in _in_order(found):
        files = one.files
        for file in files:
            contents.packed.add(contents.packed.name_of(file), file)
        steps, inputs = [], {}
        for step in one.steps:
            settings, hashes = relocated(step["settings"], one.inputs, _folders(found, one.run_file.parent), contents.packed, with_inputs)
            out = _out_of(contents.packed, one, step["settings"].get("out"))
            steps.append({"task": step["task"], "settings": {**settings, "out": out, "overwrite": False}})
            inputs |= hashes
        contents.inputs |= inputs if len(files) > 1 else {}
        contents.steps += _with_outputs(steps, {contents.packed.name_of(file): file for file in files if file != one.run_file})
        own = {
            "schema": RUN_SCHEMA,
            "versions": read_run_file(one.run_file).get("versions", {}),
            "inputs": inputs,
            "steps": steps,
            "result": one.facts,
        }
        _replace(contents, contents.packed.name_of(one.run_file), own)


def _in_order(found):
    """Results after those they were made of."""
    left = sorted((*found.maps, *found.others), key=lambda one: (_ORDER.index(one.kind) if one.kind in _ORDER else len(_ORDER), one.id))
    made_by = {file.resolve(): one.run_file for one in left for file in one.files}
    folders, ordered, done = _folders(found), [], set()
    needs = {one.run_file: {made_by.get(place) for place in (located(path, folders) for path in one.inputs)} - {None, one.run_file} for one in left}
    while left:
        ready = next((one for one in left if needs[one.run_file] <= done), left[0])  # what rests on itself was changed by hand: as it comes
        left.remove(ready)
        done.add(ready.run_file)
        ordered.append(ready)
    return ordered


def _with_outputs(steps, files):
    """Steps of a result, the last with the hashes of the files they make; none where they make no files."""
    if not files:
        return []
    outputs = {name: fingerprint.of_file(file) for name, file in files.items()}
    contents = {name: said for name, file in files.items() if (said := content_of(file)) is not None}
    return [*({**step, "outputs": {}} for step in steps[:-1]), {**steps[-1], "outputs": outputs, "contents": contents}]


def _out_of(packed, one, out):
    """Where a step writes, within the archive: its result's folder, or the file in it."""
    name = Path(str(out)).name
    place = packed.name_of(one.folder)
    return place if name == one.folder.name and not (one.folder / name).exists() else f"{place}/{name}"


def _replace(contents, name, document):
    """Put a run file with the archive's own paths in the place of the project's."""
    contents.packed.files.pop(name, None)
    contents.written[name] = _json(document)


def _add_models(contents, found, with_inputs):
    for folder in found.models:
        for name in _parts_of(folder):
            contents.packed.add(f"models/{folder.name}/{name}", folder / name)
        run = folder / "run.json"
        if not run.is_file():
            continue
        document = read_run_file(run)
        steps, inputs = [], {}
        for step in document["steps"]:
            settings, hashes = relocated(step["settings"], document.get("inputs") or {}, _folders(found), contents.packed, with_inputs)
            steps.append({**step, "settings": {**settings, "out": f"models/{folder.name}"}})
            inputs |= hashes
        _replace(contents, f"models/{folder.name}/run.json", {**document, "inputs": inputs, "steps": steps})


def _parts_of(folder):
    """Files of a model folder that the model consists of."""
    document = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
    there = [name for name in (MODEL_FILE, *document["parts"]) if (folder / name).is_file()]
    return [name for name in there if Path(name).name == name and not (folder / name).is_symlink()]


def _add_pages(contents, found, told, task):
    from soilcore.models.archive import load_model

    for name in ("report.html", "report.json"):
        write_report(told, contents.scratch / name)
        contents.packed.add(name, contents.scratch / name)
    layers = {}
    for folder in found.models:
        layer, said = sample_layer(load_model(folder, leave=_Every()), _folders(found))
        contents.said += said
        if layer is not None:
            layers["samples" if folder.name == told["summary"]["identifiers"]["model"] else f"samples_{folder.name}"] = layer
    if layers:
        write_layers(layers, contents.scratch / "samples.gpkg")
        contents.packed.add("samples.gpkg", contents.scratch / "samples.gpkg")
    _add_web_map(contents, found, told["summary"], layers, chosen_map(found, task.map))


class _Every:
    """Every kind of learner stays on file."""

    def __contains__(self, kind):
        return True


def _add_web_map(contents, found, summary, layers, drawn):
    from soilcore.reporting.standalone import standalone_map

    raster = raster_of(drawn)
    if raster is None:
        contents.said.append("there is no map yet, so there is no map for the browser")
        return
    layer = layers.get("samples")
    samples = sample_points(layer, summary["target"]["unit"]) if layer is not None else ()
    outlines, said = field_outlines(found, raster, _folders(found))
    contents.said += said
    date = [f"For {summary['map']['date']}."] if summary["map"]["date"] else []
    try:
        page = standalone_map(raster, vendor=VENDOR, title=summary["title"], samples=samples, outlines=outlines, notes=[*date, *summary["headline"]])
    except NotAvailableError as error:
        contents.said.append(f"no map for the browser: {error.message}")
        return
    contents.written["map.html"] = page.encode()


def _add_catalogue(contents, found, summary):
    from soilcore.reporting.catalogue import collection, map_item

    items, places = [], []
    for one in sorted(found.maps, key=lambda one: one.id):
        raster = raster_of(one)
        if raster is None:
            continue
        item = map_item(raster, one.id, date=one.facts.get("date"), otherwise=summary["created"], description=f"{summary['title']}: {one.id}")
        place = contents.packed.name_of(raster.with_suffix(".stac.json"))
        contents.written[place] = _json(item)
        items.append(item)
        places.append(place)
    if items:
        whole = collection(items, title=summary["title"], description=f"Maps of {summary['title']}", places=places)
        contents.written["collection.json"] = _json(whole)


def _add_run_file(contents):
    """One run file for every raster and table; inputs that were made by an earlier step are not inputs."""
    if not contents.steps:
        return
    made = {name for step in contents.steps for name in step["outputs"]}
    made |= set(contents.written)
    inputs = {name: sha256 for name, sha256 in sorted(contents.inputs.items()) if name not in made}
    document = {"schema": RUN_SCHEMA, "bundle": True, "versions": versions(), "inputs": inputs, "steps": contents.steps}
    contents.written[RUN_FILE] = _json(document)


def _add_about(contents, found, summary, with_inputs):
    there = {*contents.written, *contents.packed.files}
    told = {
        "report.html": "the report: scores, trust, limits, methods to paste; opens in any browser, with no connection",
        "report.json": "the same as facts, for programs",
        "map.html": "the map for the browser, with no server and no connection; a click tells the value, and the mean of the field",
        "maps/": "every map as cloud-optimised GeoTIFFs with styles for QGIS (.qml) and map servers (.sld), and a STAC item",
        "collection.json": "the STAC collection of the maps",
        "samples.gpkg": "samples with measured and predicted values, residuals (predicted minus measured), intervals and folds; one layer per model",
        "models/": "the models; nothing in them is run by opening them",
        "explanations/": "on what the predictions rest, as tables and maps",
        "changes/": "what changed between maps of several dates",
        "scenarios/": "maps with changed predictors, and what they change",
        "fields/": "what every field has on average, as GeoPackage for a GIS and as table",
        "advice/": "crops that stand the salt, stocks of carbon, and places of the next samples",
        "run.json": "how to make every raster and table again",
    }
    listed = [
        f"  {name:17}{words}" for name, words in told.items() if name in there or (name.endswith("/") and any(one.startswith(name) for one in there))
    ]
    lines = [summary["title"], "", *summary["headline"], "", "What is in this folder:", "", *listed, ""]
    if contents.steps:
        lines += ["To make every raster and table again, bit for bit, with the versions named in run.json:", ""]
        lines += ["    python -m soilcore run run.json", ""]
        lines += ["It says whether each came out the same, and names every file of this folder that was changed since it was packed.", ""]
    if contents.steps and not with_inputs:
        lines += ["The files it was made of are not in this archive. run.json has their hashes: put them back in their places first.", ""]
    lines += [*contents.packed.missing, *([""] if contents.packed.missing else []), f"{SUMS} has the sha256 of every file (sha256sum -c {SUMS}).", ""]
    contents.written[ABOUT] = "\n".join(lines).encode()
    if (found.folder / "project.json").is_file():
        contents.packed.add("project.json", found.folder / "project.json")


def _write_zip(contents, path, report):
    names = sorted({*contents.written, *contents.packed.files})
    sums = {}
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names):
            report(number, len(names), f"packing {name}")
            sums[name] = _pack(archive, name, contents)
        with archive.open(_entry(SUMS), "w") as stream:
            stream.write(sums_text(sums).encode())
    report(1, 1, "the archive is written")


def _pack(archive, name, contents):
    """Put one file into the archive in pieces, and give its sha256."""
    import hashlib

    digest = hashlib.sha256()
    if name in contents.written:
        digest.update(contents.written[name])
        archive.writestr(_entry(name), contents.written[name])
        return digest.hexdigest()
    with open(contents.packed.files[name], "rb") as source, archive.open(_entry(name), "w", force_zip64=True) as target:
        while piece := source.read(_CHUNK):
            digest.update(piece)
            target.write(piece)
    return digest.hexdigest()


def _entry(name):
    entry = zipfile.ZipInfo(name, _DATE)
    entry.compress_type = zipfile.ZIP_STORED if Path(name).suffix in _STORED else zipfile.ZIP_DEFLATED
    entry.external_attr = _MODE
    entry.create_system = 3
    return entry


def _json(document):
    return (json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()
