"""A kept model on a table it never met: which one, the button, and what came of it."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import streamlit as st

from pages.ui import cached, charts, details, evidence, jobs, messages, samples, steps, theme, trust_cards, trust_charts
from pages.ui.scored import LEVEL, finite
from pages.ui.session import current_work
from pages.ui.words import in_page
from soilcore.core.settings import from_plain
from soilcore.data.sample_set import SampleSettings
from soilcore.project.settings import ExternalTask, TrainTask

_ROLES = ("id", "date", "depth_top", "depth_bottom", "texture", "clay")
_OF_TARGET = ("unit", "extract", "convert", "detection_limit")
_MANY = 5
_WIDTH = 178  # pixels: four cards inside the panel
_WHAT_FOR = (
    "Samples the model never saw, from another place or another year, are the hardest test. They are predicted from the same imagery and rasters "
    "as the training samples."
)


@dataclass(frozen=True)
class Asked:
    """A table and how it is to be read.

    Parameters
    ----------
    name : str
        File within ``samples/``.
    settings : SampleSettings or None
        None while there is no column to compare with.
    """

    name: str
    settings: SampleSettings | None


def panel(identifier, model):
    """Score a model on another table of the project.

    Parameters
    ----------
    identifier : str
        Of the model in this project.
    model : FittedModel
    """
    inputs = from_plain(TrainTask, model.provenance["settings"]).inputs
    done = _done(identifier)
    with st.expander("Score on another file", expanded=_is_newest(done), icon=":material/rule:"):
        st.markdown(_WHAT_FOR)
        others = [name for name in current_work().project.items("samples") if name != Path(inputs.samples).name]
        if not others:
            st.info(
                "There is no other table in this project than the one this model was trained on. Upload a second one on the Samples page, then come back.",
                icon=":material/table_view:",
            )
            steps.link("samples", "Go to Samples", ":material/arrow_back:")
            return
        name = _choose(identifier, others, done)
        with messages.shown():
            _start(identifier, inputs, _ask(name, inputs, model))
        if name in done:
            _result(done[name], model)


def _done(identifier):
    """Finished jobs of this model by table, the newest of each, the newest first."""
    found = {}
    for job in jobs.finished("external", model_dir=f"models/{identifier}"):
        found.setdefault(Path(job.spec()["settings"]["inputs"]["samples"]).name, job)
    return found


def _is_newest(done):
    newest = jobs.newest(("train", "external"))
    return newest is not None and newest.id in {job.id for job in done.values()}


def _choose(identifier, others, done):
    """The table scored last, else the one that is open, else the first."""
    likely = [*done, current_work().samples_file]
    index = next((others.index(name) for name in likely if name in others), 0)
    return st.selectbox("Table to score it on", others, index=index, key=f"external.table.{identifier}.{len(others)}", width=460)


def _ask(name, inputs, model):
    """How the table is to be read; suggested: as the training table was."""
    now = _suggested(name, _sheet(name), inputs, model)
    table, places = cached.table(name, now), st.columns(4)
    column = samples.ask_column(places[0], table, now, "Column that was measured") or (table.target.column if table.target else None)
    if column is None:
        return Asked(name, None)
    if column != now.target:
        now = replace(now, target=column, **dict.fromkeys(_OF_TARGET))
        table = cached.table(name, now)
    answers = samples.ask_unit(places[1:], table, now)
    if table.has_places and table.crs is None:
        answers["crs"] = st.text_input("Reference system", placeholder="e.g. EPSG:32650", key=f"external.crs.{name}", width=460).strip() or None
    st.caption(f"{messages.plain(_predicts(model.target))} Unit, extract and conversion must make this column the same quantity.")
    return Asked(name, replace(now, **answers))


def _predicts(target):
    """What the model predicts, as far as it is known."""
    form = "" if target["form"] in (None, "as-measured") else f" as {target['form']}"
    extract = f" (extract: {target['extract']})" if target["extract"] else ""
    return f"The model predicts {target['column']}{form}{extract} in {target['unit'] or 'an unknown unit'}."


def _sheet(name):
    titles = samples.sheets(name)
    if len(titles) < 2:
        return None
    return st.selectbox("Sheet", titles, key=f"external.sheet.{name}", width=460)


def _suggested(name, sheet, inputs, model):
    work = current_work()
    if name == work.samples_file and sheet in (None, work.sample_settings.sheet):
        return work.sample_settings
    theirs, found = inputs.table, cached.table(name, SampleSettings(sheet=sheet))
    there = set(map(str, found.table.columns))
    said = {role: getattr(theirs, role) for role in _ROLES if getattr(theirs, role) in there}
    if {theirs.x, theirs.y} <= there:
        said |= {"x": theirs.x, "y": theirs.y}
    if found.crs is None:
        said["crs"] = theirs.crs
    if model.target["column"] in there:
        said |= {"target": model.target["column"], **{what: getattr(theirs, what) for what in _OF_TARGET}}
    return SampleSettings(sheet=sheet, **said)


def _start(identifier, inputs, asked):
    gone = _gone(inputs)
    if gone:
        st.warning(f"{messages.plain(', '.join(gone))} of the training is no longer there. Upload it again.", icon=messages.ICONS["warning"])
    if asked.settings is None:
        st.info("Choose the column that was measured.", icon=":material/ads_click:")
    task = ExternalTask(f"models/{identifier}", replace(inputs, samples=f"samples/{asked.name}", table=asked.settings or SampleSettings()))
    ready = not gone and asked.settings is not None
    jobs.button("Score it there", ":material/rule:", ("external", task, f"Scoring {identifier} on {asked.name}"), "external.start", ready)


def _gone(inputs):
    """Names of images and rasters of the training that were removed since."""
    here = current_work().absolute(inputs)
    paths = [*(here.scene.paths if here.scene else ()), *here.features.covariates, *([here.features.dem] if here.features.dem else [])]
    paths = [path.removesuffix(":categorical") for path in paths]
    return [Path(path).name for path in paths if not cached.exists(path)]


def _result(job, model):
    facts, spec = job.status().result, job.spec()
    inputs = spec["settings"]["inputs"]
    path = Path(current_work().path(inputs["samples"]))
    if path.stat().st_mtime > spec["created"]:
        st.warning("The table was changed after this was computed. Score again.", icon=":material/update:")
    st.subheader(f"{messages.plain(path.name)}: {facts['n']} samples", anchor=False)
    _cards(facts, model)
    _small_print(facts, inputs["table"])
    _warnings(facts)
    _pairs(facts, path, job)
    messages.assumed(facts.get("assumed", ()))


def _cards(facts, model):
    """The scores there, and below each what validation had let expect."""
    unit, before = model.target["unit"] or "", model.scores
    coverage, share = facts["coverage_90"], facts["aoa_share"]
    help = "Share of these samples that resembles the training samples closely enough for the scores of validation to hold."
    error = f"{theme.number(facts['rmse'], 2)} {unit}".strip()
    with st.container(horizontal=True, key="cards.external"):
        _card("R² on this file", theme.number(facts["r2"], 2), f"{theme.number(before.get('r2'), 2)} in validation")
        _card("Typical error (RMSE)", error, f"{theme.number(before.get('rmse'), 2)} in validation")
        _card("Coverage on this file", theme.percent(coverage), "not known" if coverage is None else f"{theme.percent(LEVEL)} promised")
        _card("Inside the area", theme.percent(share), "not known" if share is None else "of these samples", help)


def _card(label, value, under, help=None):
    trust_cards.metric(label, value, under, help, _WIDTH)


def _small_print(facts, table):
    unit = f" {facts['unit']}" if facts["unit"] else ""
    said = [f"column {table['target']}", f"mean absolute error {theme.number(facts['mae'], 2)}{unit}", f"bias {theme.number(facts['me'], 2)}{unit}"]
    if facts["width_90"] is not None:
        said.append(f"intervals are {theme.number(facts['width_90'], 2)}{unit} wide on average")
    sides = {side: facts["trust"].get(f"coverage_{side}") for side in ("inside", "outside")}
    said += [f"coverage {side} the area of applicability {theme.percent(share)}" for side, share in sides.items() if share is not None]
    st.caption(messages.plain(" · ".join(said)))


def _warnings(facts):
    """Every warning in words; long lists of predictors out of range are folded."""
    found = [messages.plain(in_page(sentence)).rstrip(".") + "." for sentence in facts["warnings"]]
    for sentence in found[:_MANY]:
        st.warning(sentence, icon=messages.ICONS["warning"])
    if rest := found[_MANY:]:
        with st.expander(f"{len(rest)} more warnings", icon=messages.ICONS["warning"], type="compact"):
            st.markdown("\n".join(f"- {sentence}" for sentence in rest))
    if not found:
        st.info("Nothing found that speaks against these scores.", icon=":material/verified:")


def _pairs(facts, path, job):
    each = finite(pd.DataFrame({name: values for name, values in facts["predictions"].items() if values is not None}))
    log = st.toggle("Logarithmic axes", key="external.log", persist_state="session", help="Values at or below 0 are left out")
    unit = facts["unit"] or "unit not known"
    if "lower" in each:
        figure = trust_charts.pairs(each, unit, LEVEL, log, predicted="predicted")
        st.caption(f"Each sample with its {theme.percent(LEVEL)} interval. About one in ten may lie outside: these are diamonds.")
    else:
        figure = charts.observed_predicted({"validation": (each["observed"], each["predicted"])}, facts["unit"], log=log)
    alt = f"Observed against predicted values of the {facts['n']} samples of {path.name}"
    evidence.chart(figure, each, alt, f"external.pairs.{job.id}", f"{path.stem}-scored.csv", details.SAMPLES)
