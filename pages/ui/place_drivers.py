"""Why the model says what it says at one place: drivers as a waterfall, from its mean prediction to this one; gradients and attention of networks."""

import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import cached, evidence, jobs, kept_network, messages, network_charts, place_charts, theme
from pages.ui.session import current_work
from pages.ui.words import in_page
from soilcore.core.settings import from_plain
from soilcore.project.settings import MapTask

_log = logging.getLogger("soilcore.app")
_DIGITS = 6  # of degrees: a tenth of a metre
_COLUMNS = {
    "feature": "Driver",
    "value": st.column_config.NumberColumn("Value here", format="%.4g"),
    "contribution": st.column_config.NumberColumn("Moved the prediction by", format="%+.4g"),
    "error": st.column_config.NumberColumn("give or take", format="%.2g", help="Standard error where it was sampled; empty where it is exact"),
}
_BACK = {"log1p of the target": np.expm1, "log10 of the target": lambda exponents: 10.0**exponents}


def panel(made, lon, lat):
    """The drivers of one pixel.

    Parameters
    ----------
    made : mapping.MadeMap
    lon, lat : float
        Degrees.
    """
    st.markdown("**What drove the model here**")
    identifier = Path(made.settings.get("model_dir", "?")).name
    if identifier not in current_work().models:
        st.caption("The model of this map is no longer in the project, so it cannot be asked.")
        return
    model = cached.model(identifier)
    learner = model.learner
    if kept_network.is_one(learner) and learner.kind == "network":
        _network(made, identifier, learner.describe(), lon, lat)
        return
    with st.spinner("Asking the model ..."):
        started = time.perf_counter()
        explainer = _explainer(*_key(made), model)
        facts = explainer.at(lon, lat, "EPSG:4326")
        seconds = time.perf_counter() - started
    _log.info("drivers of a pixel took %.0f ms", 1000 * seconds)
    if not facts["valid"]:
        st.caption(messages.plain(in_page(facts["reason"])))
        return
    _waterfall(facts, explainer.model.learner.way_back_)


def _waterfall(facts, own_unit=None):
    """The chart, what it means, and the numbers behind it."""
    unit = facts["unit"] or ""
    rows = facts["rows"]
    top = rows[0]["feature"] if rows else None
    alt = f"Waterfall from the mean prediction to the one of this place over {len(rows)} drivers"
    alt += f"; {top} moved it most" if top else ""
    figure = place_charts.waterfall(rows, facts["base"], facts["prediction"], facts["scale"], unit, own_unit)
    evidence.chart(figure, rows, alt, "place.drivers", "drivers-at-this-place.csv", _COLUMNS)
    said = [_how(facts)] if facts.get("how") else []
    if facts.get("note"):
        said.append(facts["note"])
    if said:
        st.caption(messages.plain(in_page(" ".join(said))))
    st.info(messages.plain(facts["text"]), icon=":material/psychology_alt:")


def _how(facts):
    """How exact the attributions are, in one sentence."""
    sampled = [name for name, part in facts["how"].items() if part["how"] != "exact"]
    adds = f"they add up to the prediction to {facts['additivity_error']:.0e}"
    if not sampled:
        return f"Attributions of the whole model, exact: {adds}."
    rest = "; the rest exact" if len(sampled) < len(facts["how"]) else ""
    return f"Attributions of the whole model: {', '.join(sampled)} sampled, standard error {facts['sampling_error']:.1g}{rest}; {adds}."


def _key(made):
    """What the explainer of a map depends on, and the task that made the map, with whole paths."""
    work = current_work()
    task = from_plain(MapTask, made.settings)
    here = replace(task, model_dir=work.path(task.model_dir), inputs=work.absolute(task.inputs))
    gone = [path for path in _files(here.inputs) if not cached.exists(path)]
    if gone:
        from soilcore.core.errors import SettingsError

        raise SettingsError(
            f"{Path(gone[0]).name!r}, from which the map was made, is no longer in the project; the drivers of its pixels cannot be told."
        )
    return (cached.stamp(f"{here.model_dir}/model.json"), *cached.stamps_of(here.inputs), cached.stamp(made.folder / "map.run.json")), here


def _files(inputs):
    features = inputs.features
    named = (
        *(inputs.scene.paths if inputs.scene else ()),
        *features.covariates,
        *features.distances,
        features.dem,
        features.climate,
        features.series,
    )
    return [path.removesuffix(":categorical") for path in (*named, inputs.aoi) if path]


@st.cache_resource(max_entries=3, show_spinner=False)
def _explainer(stamps, _task, _model):
    from soilcore.project.pixels import explainer_of_map

    return explainer_of_map(_task, _model)


def _network(made, identifier, described, lon, lat):
    """Gradients of this pixel, computed aside by a job, because a server that imports what networks need stays large; and where attention lay."""
    from soilcore.project.settings import TASKS

    task = from_plain(MapTask, made.settings)
    place = (round(lon, _DIGITS), round(lat, _DIGITS))
    if asked := TASKS.get("explain"):
        out = f"explanations/{current_work().project.new_id('explanations', 'pixel')}"
        settings = asked(task.model_dir, out=out, inputs=task.inputs, at=place, at_crs="EPSG:4326", date=task.date, classes=task.classes)
        done = next((job for job in jobs.finished("explain", model_dir=task.model_dir) if tuple(job.spec()["settings"]["at"]) == place), None)
        if done is None:
            st.markdown(
                "This network reads the surroundings of the place. Gradients from typical samples to it tell what moved its prediction; that takes some seconds."
            )
            words = f"Drivers at {place[1]:.5f}°, {place[0]:.5f}°"
            job = ("explain", settings, words)
            st.button(
                "Ask the network about this place",
                icon=":material/query_stats:",
                on_click=_ask,
                args=job,
                disabled=jobs.is_busy(),
                key="place.network",
            )
            if st.session_state.pop("place.asked", False):
                st.rerun()  # the whole page, on whose top the job is shown
        else:
            facts = done.status().result
            if facts["valid"]:
                _waterfall(facts, _BACK.get(facts["scale"]))
                _attention(facts, "at this place", facts["attention"])
                return
            st.caption(messages.plain(in_page(facts["reason"])))
    from soilcore.explanation.networks import attention_tables

    tables = attention_tables(described)
    _attention(tables, "over all training samples", tables["attention"])


def _ask(*job):
    st.session_state["place.asked"] = jobs.start(*job)


def _attention(tables, where, rows):
    """Where the network looked: covariates by bands and branches, the gate, and that it is no cause."""
    if rows:
        columns = [name for name in rows[0] if name != "covariate"]
        matrix = {"rows": [row["covariate"] for row in rows], "columns": columns, "values": [[row[name] for name in columns] for row in rows]}
        with st.expander(f"Where its attention lay {where}", icon=":material/visibility:", type="compact"):
            alt = f"Attention of every covariate to every band and to the branches, {where}"
            st.plotly_chart(network_charts.attention(matrix), alt=alt, key="place.attention")
            evidence.download(pd.DataFrame(rows), "place.attention", "attention.csv")
    if tables["vegetated"] is not None:
        st.caption(f"Its gate took the branch for vegetated ground for {theme.percent(tables['vegetated'])} {where}.")
    if tables["attention_sentence"]:
        st.caption(messages.plain(tables["attention_sentence"]))
