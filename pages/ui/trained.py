"""Models kept in the project: their scores, and how one of them did."""

import numpy as np
import pandas as pd
import streamlit as st

from pages.ui import cached, messages, scores
from pages.ui.session import current_work

_COLUMNS = {name: st.column_config.NumberColumn(format="%.3f") for name in ("R²", "R² random folds", "RMSE")}


def panel():
    """The list, and the one that was chosen."""
    work = current_work()
    if not work.models:
        return
    st.subheader("Trained models", anchor=False)
    rows = []
    for identifier in work.models:
        with messages.shown():
            rows.append(_row(identifier, cached.model(identifier)))
    st.dataframe(pd.DataFrame(rows), hide_index=True, placeholder="", alt="Models of this project", column_config=_COLUMNS)
    key = f"model.chosen.{work.model}"
    index = work.models.index(work.model)
    chosen = st.selectbox("Model to look at and to map with", work.models, index=index, key=key, on_change=_choose, args=(key,))
    with messages.shown():
        _one(chosen, cached.model(chosen))


def _choose(key):
    current_work().remember(model=st.session_state[key])


def _row(identifier, model):
    return {
        "Model": identifier,
        "Learner": model.name,
        "Target": model.target["column"],
        "Unit": model.target["unit"],
        "R²": model.scores.get("r2"),
        "R² random folds": model.scores.get("r2_random"),
        "RMSE": model.scores.get("rmse"),
        "Folds": model.folds["label"],
        "Predictors": len(model.envelope),
        "Device": model.provenance.get("device"),
        "Trained (UTC)": model.provenance["created"][:16].replace("T", " "),
    }


def _one(identifier, model):
    frame = model.out_of_fold
    series = {"validation": (frame["observed"], frame["predicted"])}
    calibration = None
    with messages.shown():
        calibration = _calibration(identifier, model)
    if calibration is not None:
        series = {"calibration (resub)": calibration, **series}
    st.markdown("Open circles: the samples it was fitted on, which flatter. Full circles: predicted out of fold; these tell how good it is.")
    scores.show_pairs(series, model.target["unit"], f"Observed against predicted values of {identifier}", "model.saved")
    sizes = ", ".join(map(str, model.folds["sizes"]))
    st.caption(
        f"Folds: {messages.plain(model.folds['label'])}, with {sizes} samples. Target transform: {model.transform}. Predictors: {messages.plain(', '.join(model.envelope))}."
    )
    st.download_button(
        "Observed and predicted as CSV",
        frame.to_csv(index=False),
        f"{identifier}-predictions.csv",
        "text/csv",
        icon=":material/download:",
        key="model.saved.csv",
    )
    messages.assumed(model.provenance.get("assumed", ()))


def _calibration(identifier, model):
    """Observed and predicted values of the samples it was fitted on; None when the table is no longer what it was."""
    from soilcore.core.settings import from_plain
    from soilcore.project.settings import TrainTask

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
    from soilcore.project.chain import feature_table

    table, opened, _ = feature_table(inputs)
    return table.y, _model.learner.predict(table.X), opened.samples.fingerprint
