"""Attributions on the map: one layer per driver, and which driver dominates where."""

import pandas as pd
import streamlit as st

from pages.ui import (
    cached,
    change_layers,
    evidence,
    explain_asked,
    explain_kept,
    jobs,
    mapping,
    maps,
    messages,
    network_pace,
    result_files,
    result_map,
    theme,
)
from pages.ui.session import current_work
from soilcore.core.settings import from_plain
from soilcore.project.explain_settings import ExplainTask
from soilcore.project.settings import InputSettings, MapTask

_STEPS = {1: "every pixel", 4: "every 4th, a preview", 10: "every 10th, a quick preview"}
_SECONDS = {60.0: "a first look", 240.0: "some minutes", 1500.0: "fine"}  # of the CPU, of networks
_TRAINING = "imagery of the training"
_EXACT = 1e-4
_DRIVERS, _RESULT = "Drivers", "Together"
_CLASSES = {
    "driver": "Driver",
    "share": st.column_config.ProgressColumn("Dominates on", format="percent", min_value=0, max_value=1),
}
_ROWS = {
    "feature": "Driver",
    "mean_abs": st.column_config.NumberColumn("Mean size", format="%.4g"),
    "mean": st.column_config.NumberColumn("Mean", format="%+.4g", help="Against the mean over training samples: above 0 it raises the map"),
}


def panel(identifier, kept, is_network=False):
    """The button, and the newest maps.

    Parameters
    ----------
    identifier : str
        Of the model.
    kept : Kept or None
        Its explanation of samples.
    is_network : bool
        Whether the model reads windows of imagery.
    """
    made = explain_kept.of_maps(identifier)
    if is_network:
        _form_of_network(identifier, made)
    else:
        _form(identifier, kept, made)
    if made is None:
        return
    facts = made.facts["maps"]
    st.markdown(_most_of_it(facts))
    if maps.ready():
        with messages.shown():
            result_map.show(
                _layers(made, facts), f"explain-{made.id}", "Which driver moves the prediction most, and by how much each does", twin=_first(facts)
            )
    st.caption(
        messages.plain(
            f"Blue: the driver lowers the prediction, orange: it raises it ({facts['scale']}); all drivers share one colour range. {facts['note']}".strip()
        )
    )
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Which driver dominates where**")
        classes = pd.DataFrame(facts["classes"])[list(_CLASSES)]
        st.dataframe(
            classes, hide_index=True, column_config=_CLASSES, placeholder="", alt="Share of the map on which each driver has the largest attribution"
        )
        evidence.download(classes, "explain.maps.classes", "dominant-drivers.csv")
    with right:
        st.markdown("**How much each moves the map**")
        rows = pd.DataFrame(facts["rows"])[list(_ROWS)]
        st.dataframe(rows, hide_index=True, column_config=_ROWS, placeholder="", alt="Mean size and mean of each driver's attribution over the map")
        evidence.download(rows, "explain.maps.rows", "drivers-of-the-map.csv")
    st.caption(messages.plain(_exactness(facts)))
    explain_asked.said({**made.facts, "note": ""})
    result_files.downloads(made.folder, made.id, "explain.maps.files", ("dominant", "prediction"))


def _form(identifier, kept, made):
    """Over which imagery, how fine, and the button."""
    with st.container(border=True):
        left, middle, right = st.columns(3, gap="medium", vertical_alignment="bottom")
        sources = _sources(identifier)
        source = left.selectbox("Over", list(sources), key=f"explain.maps.source.{identifier}.{len(sources)}")
        slow = kept is not None and not kept.facts["exact"]
        key = f"explain.maps.step.{identifier}.{slow}"
        step = middle.selectbox("Compute", list(_STEPS), index=1 if slow else 0, format_func=_STEPS.get, key=key)
        groups = right.toggle(
            "Groups instead of single drivers",
            value=True,
            key=f"explain.maps.groups.{identifier}",
            help="Indices that follow exactly from one another become one layer",
        )
        if slow:
            sampled = ", ".join(name for name, one in kept.facts["how"].items() if one["how"] == "sampled")
            st.caption(
                messages.plain(f"{sampled} must be sampled at every pixel, which takes minutes to hours on a large image; a preview is quick.")
            )
        _button(identifier, sources[source], made, groups=groups, step=step)


def _form_of_network(identifier, made):
    """Over which imagery, at how many places and how long that takes, and the button."""
    with st.container(border=True):
        left, middle, right = st.columns(3, gap="medium", vertical_alignment="bottom")
        sources = _sources(identifier)
        source = left.selectbox("Over", list(sources), key=f"explain.maps.source.{identifier}.{len(sources)}")
        seconds = middle.selectbox("Compute", list(_SECONDS), index=1, format_func=_SECONDS.get, key=f"explain.maps.seconds.{identifier}")
        groups = right.toggle(
            "Groups instead of single drivers",
            value=True,
            key=f"explain.maps.groups.{identifier}",
            help="Indices that follow exactly from one another become one layer",
        )
        places, lasts = _places(identifier, made, seconds)
        st.caption(
            messages.plain(
                f"The network is asked along many ways from training samples to each place, so not every pixel is explained: {places:,} of them at most, spread "
                f"evenly, which takes {lasts}. It goes on when you leave the page; stopped, it leaves nothing half-written."
            )
        )
        _button(identifier, sources[source], made, groups=groups, places=places)


def _places(identifier, made, seconds):
    """Pixels that are explained in about so many seconds, and how long they take, in words."""
    from soilcore.explanation.network_layers import pixels_per_second, places_in

    model = cached.model(identifier)
    settings, patches = model.learner.settings, model.learner.learned["needs"]["patches"]
    cells = max((need["size"] for need in patches if need["name"] in ("image", "window")), default=None)
    how = {"kind": settings["name"], "cells": cells, "members": (settings.get("network") or {}).get("members", 1)}
    places = places_in(seconds, **how)
    rate = pixels_per_second(**how) if made is None else made.facts["maps"]["pixels_per_second"]
    ground = "on two cores of an ordinary laptop" if made is None else "as measured on the last ones here"
    return places, f"{network_pace.lasts(places / rate)} {ground}"


def _button(identifier, source, made, **asked):
    inputs, date = source
    task = ExplainTask(f"models/{identifier}", explain_kept.new_folder(), inputs, maps=True, summary=False, date=date, **asked)
    more = {"type": "primary" if made is None else "secondary"}
    jobs.button("Map the drivers", ":material/layers:", ("explain", task, f"Drivers of {identifier} on the map"), "explain.maps.start", **more)


def _sources(identifier):
    """Imagery to go over, by name: those of finished maps of the model, and that of its training."""
    work, found = current_work(), {}
    for name in work.maps:
        settings = mapping.read(work.project.path("maps", name)).settings
        if settings.get("model_dir") == f"models/{identifier}":
            task = from_plain(MapTask, settings)
            found[f"what {name} was made of{f', {task.date}' if task.date else ''}"] = (task.inputs, task.date)
    return {**found, _TRAINING: (InputSettings(), None)}


def _most_of_it(facts):
    """The driver that dominates on most of the map, in words."""
    first = facts["classes"][0]
    return f"**{messages.plain(first['driver'])}** moves the prediction most on {theme.percent(first['share'])} of the map."


def _layers(made, facts):
    """The dominant driver first, what all add up to, then drivers by their size."""
    shown = [change_layers.shown(made.folder / "dominant.tif", "Dominant driver", _RESULT, "Driver that moves the prediction most")]
    shown.append(change_layers.shown(made.folder / "prediction.tif", "Prediction", _RESULT))
    for row in facts["rows"]:
        path = made.folder / facts["layers"][row["feature"]].split("/")[-1]
        shown.append(change_layers.shown(path, row["feature"], _DRIVERS))
    return shown


def _first(facts):
    return facts["rows"][0]["feature"]


def _exactness(facts):
    said = [f"{facts['valid']:,} of {facts['pixels']:,} pixels in {facts['seconds']:.0f} s"]
    if facts["exact"] or "additivity_error_mean" not in facts or facts["additivity_error_mean"] < _EXACT:
        said.append(f"the layers add up to the prediction to {facts['additivity_error_written']:.0e}")
    else:
        said.append(
            f"the layers miss the prediction by {theme.number(facts['additivity_error_mean'], 2)} on average, {theme.number(facts['additivity_error'], 2)} at most"
        )
    if facts["sampling_error_mean"] is not None:
        said.append(f"standard error of an attribution {theme.number(facts['sampling_error_mean'], 2)}")
    return " · ".join(said)
