"""Would more samples help? The score of one learner on growing numbers of them."""

import math

import pandas as pd
import streamlit as st

from pages.ui import evidence, jobs, messages, network_pace, networks, theme, trust_charts
from pages.ui.modelling import label, learner_names
from pages.ui.scores import out_of_date
from pages.ui.words import in_page
from soilcore.project.settings import LearningCurveTask

_DEFAULT = "rf"
_IN_SIGHT = 20  # times the samples at hand; beyond, curves are not followed
_COLUMNS = {
    "n": "Training samples",
    "r2": st.column_config.NumberColumn("R²", format="%.3f"),
    "rmse": st.column_config.NumberColumn("RMSE", format="%.3g"),
    "r2_sd": st.column_config.NumberColumn("R² sd", format="%.3f"),
}


def panel(samples, asked):
    """Which learner, the button, and the last curve with its verdict."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = learner_names(without=("mean",))
        one = st.selectbox(
            "Learner", names, index=names.index(_DEFAULT), format_func=label, key="model.curve.one", persist_state="session", width=460
        )
        task = LearningCurveTask(networks.inputs_for(asked, (one,)), one, asked.splits, networks.fit_for(asked, (one,)))
        words = f"Learning curve: {label(one)}"
        jobs.button("Draw the learning curve", ":material/show_chart:", ("learning-curve", task, words), "model.curve", asked.ready)
    networks.about((one,), asked, samples, "learning-curve")
    job = jobs.latest("learning-curve")
    if job is None:
        st.info(
            "No curve yet. The learner is trained on a part of the samples, then on more and more, always tested on the same folds: "
            "a curve that still rises says that more samples would help.",
            icon=":material/show_chart:",
        )
        return
    _result(job, job.status().result)


def _result(job, facts):
    out_of_date(job, facts)
    st.info(
        f"**{messages.plain(in_page(_sentence(facts['verdict'])))}** {messages.plain(in_page(facts.get('detail') or ''))}", icon=":material/verified:"
    )
    figure, simpler = trust_charts.learning_curve(facts["rows"]), _simpler(facts)
    if simpler:
        trust_charts.beside(figure, label(facts["model"]), simpler["rows"], label(simpler["model"]))
    alt = f"R² of {facts['model']} over the number of training samples"
    evidence.chart(figure, pd.DataFrame(facts["rows"]), alt, "model.curve.chart", "learning-curve.csv", _COLUMNS)
    last = facts["rows"][-1]
    st.caption(
        f"{messages.plain(label(facts['model']))}, folds: {messages.plain(facts['cv'])}; with {last['n']:.0f} training samples R² {theme.number(last['r2'], 2)}."
    )
    if network_pace.is_network(facts["model"]):
        st.markdown(f":material/hub: {messages.plain(_gate(facts, simpler))}")
    messages.assumed(facts.get("assumed", ()))


def _simpler(facts):
    """Facts of the best curve of a simpler learner for the same target and folds; None for curves of these, and where there is none."""
    if not network_pace.is_network(facts["model"]):
        return None
    found = [job.status().result for job in jobs.finished("learning-curve")]
    found = [one for one in found if not network_pace.is_network(one["model"]) and all(one[name] == facts[name] for name in ("target", "unit", "cv"))]
    return max(found, key=lambda one: one["rows"][-1]["r2"], default=None)


def _gate(facts, simpler):
    """Whether the samples suffice for a network, by its curve beside that of a simpler learner."""
    from soilcore.trust.gate import crossing

    mine = facts["rows"][-1]
    if simpler is None:
        return "Draw the curve of a simpler learner as well, for instance of the stack or a random forest: the two together tell whether this network has samples enough."
    name, other, r2 = label(facts["model"]).partition(":")[0], label(simpler["model"]), simpler["rows"][-1]["r2"]
    scores = f"with {mine['n']:.0f} training samples R² {theme.number(mine['r2'], 2)} against {theme.number(r2, 2)}"
    if mine["r2"] >= r2:
        return f"{name} is not behind {other} here: {scores}."
    needed = crossing(simpler["rows"], facts["rows"])
    behind = f"Too few samples for this network; {other} is better here: {scores}."
    if needed is None:
        return f"{behind} The two curves share too few sizes to say at how many samples they would meet."
    if not math.isfinite(needed) or needed > _IN_SIGHT * mine["n"]:
        return f"{behind} The curves do not draw nearer, so more samples of this kind would not turn it round."
    return f"{behind} The curves would meet at about {theme.number(max(needed, mine['n']), 2)} training samples."


def _sentence(text):
    text = str(text).replace("-", " ").strip()
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
