"""Everything of a project that can lie on its map: the map itself, other maps, the demo's truth, covariates, results of other pages."""

from dataclasses import dataclass, replace
from pathlib import Path

import streamlit as st

from pages.ui import cached, layers, map_layers, maps, routes
from pages.ui.session import current_work
from soilcore.core.classes import class_scheme

PREDICTION, TRUTH, OTHER, COVARIATES, RESULTS = "Map", "Truth, known in the demo only", "Other maps", "Covariates", "Results"
_TRUTH_FOLDER = "landscape/truth"
_RESULTS = {"explanations": "Drivers", "changes": "Change", "scenarios": "Scenario"}
_BOUNDS = ("lower", "upper")
_MOST_FILES = 24  # of one folder
_MOST_BANDS = 16  # of one file
_MOST_CODES = 40  # categories that still make a legend


@dataclass(frozen=True)
class Topic:
    """One thing that the map can show.

    Parameters
    ----------
    key : str
        Tells it from others; the same after a reload.
    label, group : str
    forms : dict of str to maps.Shown
        "values", and "classes" where it can be shown so.
    twin : bool
        Whether it is what the prediction is best compared with.
    linked : (str, maps.Shown) or None
        Its values on the colour scale that all topics of this name share, for two of them beside each other.
    """

    key: str
    label: str
    group: str
    forms: dict
    twin: bool = False
    linked: tuple | None = None

    @property
    def values(self):
        """The form whose values are told."""
        return self.forms.get("values") or next(iter(self.forms.values()))


def of(made, named):
    """Topics of a finished map and of its project, the prediction first.

    Parameters
    ----------
    made : mapping.MadeMap
    named : list of map_layers.Named
        Layers of the map.

    Returns
    -------
    list of Topic
    """
    scheme = _scheme_of(made)
    mine = _of_map(named, scheme)
    if not routes.are_served:  # pictures instead of tiles: each would travel whole with the page
        return mine
    unit = next((one.style.unit for one in named if one.key == "value"), "")
    others = [*_truth(made, unit, scheme), *_other_maps(made, unit, scheme), *_covariates(), *_results()]
    return _linked([*mine, *others], unit)


def _scheme_of(made):
    asked = made.settings.get("classes")
    return class_scheme(asked) if asked else None


def _of_map(named, scheme):
    """The layers of the map: prediction and classes are one topic in two forms."""
    by_key, topics = {one.key: one.shown for one in named}, []
    prediction = {"classes": by_key["class"]} if "class" in by_key else {}
    topics.append(Topic("map/value", "Prediction", map_layers.MAP, {**prediction, "values": by_key["value"]}))
    for one in named:
        if one.key in ("value", "class"):
            continue
        forms = {"values": one.shown}
        if one.key in _BOUNDS and scheme is not None:
            forms = {"classes": _in_classes(one.shown, scheme), **forms}
        topics.append(Topic(f"map/{one.key}", one.shown.label, one.shown.group, forms))
    return topics


def _in_classes(shown, scheme):
    from soilcore.mapping.styles import classes_over_values

    style = replace(classes_over_values(scheme), bands=shown.layer.style.bands)
    return replace(shown, layer=replace(shown.layer, style=style), title=f"{shown.title}, classes")


def _linked(topics, unit):
    """Give values of the same kind one more colour scale, which they share: predictions and truth, and lower and upper bounds."""
    ends = {}
    for topic in topics:
        if name := _kind(topic, unit):
            style, (low, high) = topic.values.layer.style, ends.get(name, (float("inf"), float("-inf")))
            ends[name] = min(low, style.low), max(high, style.high)
    return [_with_scale(topic, _kind(topic, unit), ends) for topic in topics]


def _kind(topic, unit):
    style = topic.values.layer.style
    if style.kind != "continuous" or style.unit != unit or not unit:
        return None
    if topic.key in ("map/lower", "map/upper"):
        return "bounds"
    return "values" if topic.key == "map/value" or topic.group == OTHER or topic.twin else None


def _with_scale(topic, name, ends):
    if name is None:
        return topic
    shown, (low, high) = topic.forms["values"], ends[name]
    style = replace(shown.layer.style, low=low, high=high)
    return replace(topic, linked=(name, replace(shown, layer=replace(shown.layer, style=style))))


def _truth(made, unit, scheme):
    """What the demo knows and a real project does not; of the target first."""
    folder = current_work().project.folder / _TRUTH_FOLDER
    if not folder.is_dir():
        return []
    target = Path(_target_of(made)).name
    found = []
    for path in sorted(folder.glob("*.tif"), key=lambda one: (one.stem != target, one.stem)):
        of_target = path.stem == target
        for number, shown in _bands_of(path, TRUTH):
            same = shown.layer.style.unit == unit and bool(unit)
            forms = {"values": shown}
            if scheme is not None and same and (of_target or "ece" in path.stem):
                forms = {"classes": _in_classes(shown, scheme), **forms}
            label = f"Truth: {shown.label}" if of_target else shown.label
            found.append(Topic(f"truth/{path.stem}/{number}", label, TRUTH, forms, twin=of_target))
    return found


def _target_of(made):
    from pages.ui.mapping import model_facts

    identifier = Path(made.settings.get("model_dir", "")).name
    return model_facts(identifier)["target"]["column"] if identifier in current_work().models else ""


def _other_maps(made, unit, scheme):
    """Predictions of the other maps of the project, newest first."""
    from soilcore.mapping.layers import layers_of

    work, found = current_work(), []
    for identifier in [name for name in work.maps if name != made.id][:_MOST_FILES]:
        by_key = {layer.key: layer for layer in layers_of(work.project.path("maps", identifier) / "map.tif") if layer.key in ("value", "class")}
        values = replace(map_layers.shown_of(by_key["value"]), label=identifier)
        forms = {"values": values}
        if "class" in by_key:
            forms = {"classes": map_layers.shown_of(by_key["class"]), **forms}
        elif scheme is not None and values.layer.style.unit == scheme.unit:
            forms = {"classes": _in_classes(values, scheme), **forms}
        found.append(Topic(f"other/{identifier}", identifier, OTHER, forms))
    return found


def _covariates():
    """Rasters of the project beside the imagery; of a folder of dated files each."""
    work, found = current_work(), []
    coded = work.state().get("categorical", ())
    for name in work.covariates:
        path = work.project.part("covariates") / name
        files = [path] if path.is_file() else sorted(path.glob("*.tif"))[:_MOST_FILES]
        for file in files:
            for number, shown in _bands_of(file, COVARIATES, coded=name in coded):
                found.append(Topic(f"covariate/{name}/{file.name}/{number}", shown.label, COVARIATES, {"values": shown}))
    return found


def _results():
    """Rasters that other pages made."""
    project, found = current_work().project, []
    for part, words in _RESULTS.items():
        folder = project.folder / part
        for result in sorted((one for one in folder.glob("*") if one.is_dir()), reverse=True):
            group = f"{words}: {result.name}"
            for path in sorted(result.rglob("*.tif"))[:_MOST_FILES]:
                for number, shown in _bands_of(path, group):
                    found.append(Topic(f"{part}/{result.name}/{path.stem}/{number}", shown.label, group, {"values": shown}))
    return found


def _bands_of(path, group, coded=False):
    """(band number, Shown) of a raster; nothing for one that cannot be laid on a map."""
    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        return []
    made = _look_of(cached.stamp(path), coded, path)
    return [(number, maps.Shown(label, layers.Layer(path, style), bounds, title, group=group)) for number, label, title, style, bounds in made]


@st.cache_data(max_entries=512, show_spinner=False)
def _look_of(stamp, coded, _path):
    """Per band: number, name, title, style, bounds; empty for a raster without a place, or a damaged one."""
    from soilcore.core.errors import SoilcoreError
    from soilcore.data.rasters import opened_raster
    from soilcore.mapping.tiles import layer_bounds, style_of

    try:
        with opened_raster(_path) as raster:
            names, units, said = raster.descriptions[:_MOST_BANDS], raster.units, raster.tags().get("SOILCORE_LAYER_TITLE")
        bounds, found = layer_bounds(_path), []
        for number, name in enumerate(names, start=1):
            style = (coded and _of_categories(_path)) or style_of(_path, number)
            label = said or _words(_path.stem, name, len(names))
            unit = units[number - 1] or ""
            found.append((number, label, f"{label} ({unit})" if unit and style.kind == "continuous" else label, style, bounds))
    except SoilcoreError:
        return []
    return found


def _words(stem, name, count):
    """What a band is called: the file's name, and its own where there are several."""
    return stem if count == 1 or not name else f"{stem}: {name}"


def _of_categories(path):
    """Colours for codes from 0 on; None where there are too many for a legend."""
    import numpy as np

    from soilcore.data.rasters import opened_raster
    from soilcore.mapping.ramps import ramp_stops
    from soilcore.mapping.styles import Style

    with opened_raster(path) as raster:
        step = max(1, max(raster.shape) // 512)
        codes = raster.read(1, out_shape=(max(1, raster.height // step), max(1, raster.width // step)), masked=True).compressed()
        names = raster.tags()
    present = np.unique(codes[np.isfinite(codes.astype(float))])
    if not present.size or present.min() < 0 or present.max() >= _MOST_CODES or (present != present.round()).any():
        return None
    count = int(present.max()) + 1
    return Style(
        "classes", colors=ramp_stops("viridis", max(2, count))[:count], labels=tuple(names.get(str(code), f"code {code}") for code in range(count))
    )
