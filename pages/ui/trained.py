"""One learner trained and kept: the button, the models of the project, and everything known of one of them."""

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import auto_model, cached, charts, details, evidence, external, jobs, kept_network, messages, networks, trust_cards
from pages.ui.modelling import label, learner_names
from pages.ui.scored import from_model
from pages.ui.session import current_work
from soilcore.project.settings import TrainTask

DEFAULT = "auto"
_COLUMNS = {name: st.column_config.NumberColumn(format="%.3f") for name in ("R²", "R² random folds", "RMSE")}
_COLUMNS |= {name: st.column_config.NumberColumn(format="percent") for name in ("Coverage (90 %)", "Area of applicability")}


def panel(samples, asked):
    """Train another one; below, those that were kept."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = learner_names()
        one = st.selectbox(
            "One to train and keep",
            names,
            index=names.index(DEFAULT),
            format_func=_words,
            key="model.one",
            persist_state="session",
            width=460,
            help="Auto weighs several kinds of learners by how well they predict samples left out, within about ten seconds per fit.",
        )
        st.button(
            "Train",
            icon=":material/model_training:",
            type="primary",
            on_click=start,
            args=(asked, one),
            disabled=jobs.is_busy() or not asked.ready,
            key="model.train",
        )
    networks.about((one,), asked, samples, "train")
    _kept()


def _words(name):
    return "Auto: several learners, weighed by how well they do" if name == "auto" else label(name)


def start(asked, name):
    """Train a learner with the settings of the page; for a button."""
    work = current_work()
    identifier = work.project.new_id("models", name)
    inputs, fit = networks.inputs_for(asked, (name,)), networks.fit_for(asked, (name,))
    task = TrainTask(inputs, name, f"models/{identifier}", asked.splits, fit, intervals=asked.intervals, permutations=asked.permutations)
    jobs.start("train", task, f"Training: {label(name)}")


def _kept():
    work = current_work()
    if not work.models:
        st.info("No model yet. Train one: it is scored first, then fitted on all samples and kept for maps.", icon=":material/inventory_2:")
        return
    st.subheader("Trained models", anchor=False)
    key = f"model.chosen.{work.model}"
    index = work.models.index(work.model)
    chosen = st.selectbox("Model to look at and to map with", work.models, index=index, key=key, on_change=_choose, args=(key,))
    with messages.shown():
        _one(chosen, cached.model(chosen))
        external.panel(chosen, cached.model(chosen))
    table(work.models, "models of this project", _facts, _COLUMNS)


def table(identifiers, words, facts, config):
    """All kept models in a folded table.

    Parameters
    ----------
    identifiers : sequence of str
    words : str
        Which models, without capitals.
    facts : callable
        What stands in a model's row beside its name, target, score and day, by column.
    config : dict
        Column configuration.
    """
    rows = []
    for identifier in identifiers:
        with messages.shown():
            rows.append(_row(identifier, cached.model(identifier), facts))
    with st.expander(f"All {words} ({len(rows)})", icon=":material/list:"):
        st.dataframe(pd.DataFrame(rows), hide_index=True, placeholder="", alt=words.capitalize(), column_config=config)


def _choose(key):
    current_work().remember(model=st.session_state[key])


def _row(identifier, model, facts):
    return {
        "Model": identifier,
        "Learner": model.name,
        "Target": model.target["column"],
        "Unit": model.target["unit"],
        "R²": model.scores.get("r2"),
        **facts(model),
        "Trained (UTC)": model.provenance["created"][:16].replace("T", " "),
    }


def _facts(model):
    return {
        "Coverage (90 %)": model.scores.get("coverage_90"),
        "Area of applicability": model.scores.get("aoa_share"),
        "R² random folds": model.scores.get("r2_random"),
        "RMSE": model.scores.get("rmse"),
        "Folds": model.folds["label"],
        "Predictors": len(model.envelope),
        "Device": model.learner.device_ if kept_network.is_one(model.learner) else model.provenance.get("device"),
    }


def _one(identifier, model):
    scored = from_model(identifier, model)
    trust_cards.cards(scored)
    trust_cards.sentences(scored)
    if not model.trust:
        st.caption("This model is from a version without intervals and areas of applicability. Train it again to get them.")
    more = {"What auto did": lambda: auto_model.panel(model.learner)} if auto_model.is_one(model.learner) else {}
    is_network = kept_network.is_one(model.learner)
    if is_network:
        more = {kept_network.VIEW: lambda: _network(identifier, model)}
    details.views(scored, None if not more else {"Observed and predicted": lambda: details.pairs(scored), **more})
    sizes = ", ".join(map(str, model.folds["sizes"]))
    st.caption(
        f"Folds: {messages.plain(model.folds['label'])}, with {sizes} samples. Target transform: {model.transform}. Predictors: {messages.plain(', '.join(model.envelope))}."
    )
    messages.assumed(model.provenance.get("assumed", ()))
    if not is_network and st.toggle(
        "Beside the samples it was fitted on",
        key="model.calibration",
        persist_state="session",
        help="How well it describes what it has seen: a flattering picture, shown as the papers show it",
    ):
        _beside_calibration(identifier, model)


def _network(identifier, model):
    kept_network.panel(model.learner.describe(), f"model.network.{identifier}", model.learner.learned.get("history") or ())
    if model.learner.kind == "network":
        kept_network.attributions(identifier, model)


def _beside_calibration(identifier, model):
    frame = model.out_of_fold
    calibration = None
    with messages.shown():
        calibration = _calibration(identifier, model)
    if calibration is None:
        st.caption("The table or the image is no longer what it was, so the samples it was fitted on cannot be predicted again.")
        return
    st.markdown("Open circles: the samples it was fitted on, which flatter. Full circles: predicted out of fold; these tell how good it is.")
    series = {"calibration (resub)": calibration, "validation": (frame["observed"], frame["predicted"])}
    table = pd.DataFrame({"observed": calibration[0], "resub": calibration[1]})
    alt = f"Observed against predicted values of {identifier}, calibration and validation"
    evidence.chart(charts.observed_predicted(series, model.target["unit"]), table, alt, "model.saved", f"{identifier}-calibration.csv")


def _calibration(identifier, model):
    """Observed and predicted values of the samples it was fitted on; None when the table is no longer what it was."""
    from soilcore.core.settings import from_plain

    work = current_work()
    inputs = from_plain(TrainTask, model.provenance["settings"]).inputs
    here = work.absolute(inputs)
    files = [here.samples, *(here.scene.paths if here.scene else ())]
    if not all(cached.exists(path) for path in files):
        return None
    observed, predicted, sha256 = _predicted(
        tuple(cached.stamp(path) for path in files), cached.stamp(work.path(f"models/{identifier}/model.json")), here, model
    )
    return (
        (observed, predicted) if sha256 == model.provenance["samples"]["sha256"] or np.array_equal(observed, model.out_of_fold["observed"]) else None
    )


@st.cache_data(max_entries=8, show_spinner="Predicting the training samples ...")
def _predicted(stamps, model_stamp, inputs, _model):
    from soilcore.project.chain import feature_table, projected_places

    table, opened, _ = feature_table(inputs)
    places = projected_places(table) if _model.learner.uses_coordinates else None
    return table.y, _model.learner.predict(table.X, coordinates=places), opened.samples.fingerprint
