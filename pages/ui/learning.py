"""Would more samples help? The score of one learner on growing numbers of them."""

import pandas as pd
import streamlit as st

from pages.ui import evidence, jobs, messages, networks, theme, trust_charts
from pages.ui.modelling import label, learner_names
from pages.ui.scores import out_of_date
from pages.ui.words import in_page
from soilcore.project.settings import LearningCurveTask

_DEFAULT = "rf"
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
        st.button(
            "Draw the learning curve",
            icon=":material/show_chart:",
            type="primary",
            on_click=jobs.start,
            args=("learning-curve", task, f"Learning curve: {label(one)}"),
            disabled=jobs.is_busy() or not asked.ready,
            key="model.curve",
        )
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
    figure = trust_charts.learning_curve(facts["rows"])
    alt = f"R² of {facts['model']} over the number of training samples"
    evidence.chart(figure, pd.DataFrame(facts["rows"]), alt, "model.curve.chart", "learning-curve.csv", _COLUMNS)
    last = facts["rows"][-1]
    st.caption(
        f"{messages.plain(label(facts['model']))}, folds: {messages.plain(facts['cv'])}; with {last['n']:.0f} training samples R² {theme.number(last['r2'], 2)}."
    )
    messages.assumed(facts.get("assumed", ()))


def _sentence(text):
    text = str(text).replace("-", " ").strip()
    return f"{text[:1].upper()}{text[1:]}".rstrip(".") + "."
