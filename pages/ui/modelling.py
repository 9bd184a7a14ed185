"""Panels of the model page."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from pages.ui import cached, charts, jobs, messages, theme
from pages.ui.session import current_work
from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.models.settings import FitSettings
from soilcore.project.settings import CompareTask, TrainTask

BANDS, SETS, RASTERS, COLUMNS = "bands", "index sets", "rasters", "table columns"
SCHEMES = {
    "block": "Spatial blocks: how good for places nobody sampled",
    "group": "Whole groups (field, profile, campaign) left out",
    "folds": "Folds given in a column of the table",
    "random": "Random: how good between your samples, flattering for maps",
}
DEFAULT_MODELS = ("mean", "best-index", "plsr", "rf", "xgboost", "stacking")
SCORE_COLUMNS = ("name", "r2", "r2_random", "r2_low", "r2_high", "rmse", "mae", "me", "ccc", "rpd", "rpiq", "r2_log10", "r2_sd", "seconds")


def form():
    """What is asked: predictors, learners, folds, tuning. Returns (features, models, splits, fit)."""
    work, samples = current_work(), cached.samples()
    features = _features(work, samples)
    left, right = st.columns(2, gap="large")
    with left:
        models = st.multiselect(
            "Learners to compare", _names(), list(DEFAULT_MODELS), format_func=_label, key="model.models", persist_state="session"
        )
        transform = (
            st.segmented_control(
                "Model the target as",
                ("none", "log10", "log1p"),
                default="log1p",
                key="model.transform",
                persist_state="session",
                help="Salinity is skewed: a logarithm keeps a few very salty places from ruling the fit. Scores are always on the original scale.",
            )
            or "none"
        )
        trials = st.select_slider(
            "Tuning trials per learner and fold",
            (0, 5, 10, 20, 30, 60),
            value=0,
            key="model.trials",
            persist_state="session",
            help="0: the documented defaults; every trial costs five small fits in every fold",
        )
    with right:
        splits = _splits(samples)
    return features, tuple(models), splits, FitSettings(transform=transform, trials=trials)


def _features(work, samples):
    sources = [BANDS, SETS] if work.scene_files else []
    sources += [RASTERS] if work.project.items("covariates") else []
    chosen = st.pills(
        "Predictors from", [*sources, COLUMNS], selection_mode="multi", default=sources[:2] or [COLUMNS], key="model.sources", persist_state="session"
    )
    columns = st.columns(3)
    sets = rasters = taken = ()
    if SETS in chosen:
        from soilcore.features.indices import index_sets

        sets = columns[0].multiselect(
            "Index sets", list(index_sets()), ["existing17_literature", "novel4_lan2025"], key="model.sets", persist_state="session"
        )
    if RASTERS in chosen:
        rasters = columns[1].multiselect(
            "Rasters", work.project.items("covariates"), work.project.items("covariates"), key="model.rasters", persist_state="session"
        )
    if COLUMNS in chosen:
        from soilcore.data.columns import predictor_columns

        possible = predictor_columns(samples, "all")
        taken = columns[2].multiselect(
            "Table columns",
            possible,
            possible if not work.scene_files else [],
            key="model.columns",
            persist_state="session",
            help="A map needs every predictor at every pixel: columns without a raster of the same name cannot be mapped",
        )
    categorical = set(work.state().get("categorical", ()))
    paths = tuple(f"covariates/{name}{':categorical' if name in categorical else ''}" for name in rasters)
    return FeatureSettings(bands=BANDS in chosen, index_sets=tuple(sets), covariates=paths, columns=tuple(taken))


def _splits(samples):
    options = [name for name in SCHEMES if name != "block" or samples.has_places]
    kind = st.radio("Folds", options, format_func=SCHEMES.get, key="model.scheme", persist_state="session")
    columns = st.columns(3)
    folds = columns[0].number_input("Folds", 2, 50, 10 if kind != "block" else 5, key="model.folds", persist_state="session")
    scheme, size, repeats = kind, None, 1
    if kind in ("group", "folds"):
        column = columns[1].selectbox("Column", [str(name) for name in samples.table.columns], key="model.column", persist_state="session")
        scheme = f"{kind}:{column}"
    elif kind == "block":
        size = columns[1].number_input(
            "Side of a block (m)", 1.0, value=None, placeholder="from the variogram", key="model.block", persist_state="session"
        )
    if kind in ("block", "random"):
        repeats = columns[2].number_input("Repeats", 1, 20, 1, key="model.repeats", persist_state="session")
    return SplitSettings(scheme, int(folds), int(repeats), size)


def _names():
    from soilcore.models.catalogue import learner_specs

    return [spec.name for spec in learner_specs() if spec.available]


def _label(name):
    from soilcore.models.catalogue import learner_specs

    return next(spec.label for spec in learner_specs() if spec.name == name)


def buttons(asked):
    """Start comparing or training."""
    features, models, splits, fit = asked
    work = current_work()
    task = CompareTask(work.inputs(features=features), models, splits, fit)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            "Compare",
            icon=":material/leaderboard:",
            type="primary",
            on_click=jobs.start,
            args=("compare", replace(task, predictions=True), f"Comparing {len(models)} learners"),
            disabled=jobs.is_busy() or not models,
            key="model.compare",
        )
        one = st.selectbox(
            "Train and keep", models or _names(), index=len(models) - 1 if models else 0, format_func=_label, key="model.one", width=320
        )
        st.button("Train", icon=":material/model_training:", on_click=_train, args=(task, one), disabled=jobs.is_busy(), key="model.train")
        if {"existing17_lan2025", "novel4_lan2025"} <= set(features.index_sets):
            st.button(
                "Paper 002's table",
                on_click=jobs.start,
                args=("compare", replace(task, models=("mean",), table4=True), "Laying out Table 4"),
                disabled=jobs.is_busy(),
                key="model.table4",
                help="Five methods, novel against existing indices",
            )


def _train(task, name):
    work = current_work()
    identifier = work.project.new_id("models", name)
    jobs.start("train", TrainTask(task.inputs, name, f"models/{identifier}", task.splits, task.fit), f"Training {_label(name)}")


def comparison():
    """Scores of the last comparison: cards, bars, table, observed against predicted."""
    job = jobs.latest("compare")
    facts = job.status().result if job else None
    if facts is None or facts.get("table4"):
        return
    st.subheader("Comparison", anchor=False)
    best = max(facts["models"], key=lambda row: row["r2"] if row["r2"] is not None else -9)
    _cards(facts, best)
    st.caption(
        f"{facts['n']} samples, folds {messages.plain(facts['cv'])} ({', '.join(map(str, facts['fold_sizes']))}), {len(facts['features'])} predictors, on {facts['device']}."
    )
    st.plotly_chart(charts.score_bars(facts["models"]), alt="R² of every learner, these folds and random ones", key="model.scores")
    table = pd.DataFrame(facts["models"]).reindex(columns=SCORE_COLUMNS).dropna(axis="columns", how="all")
    st.dataframe(table, hide_index=True, column_config=_score_config(facts["unit"]), alt="Scores of every learner")
    st.download_button("Scores as CSV", table.to_csv(index=False), "scores.csv", "text/csv", icon=":material/download:", key="model.csv")
    messages.assumed(facts["assumed"])
    if facts.get("predictions"):
        names = [row["name"] for row in facts["models"]]
        name = st.segmented_control("Observed against predicted", names, default=best["name"], key="model.pairs") or best["name"]
        pair = {"validation": (facts["predictions"]["observed"], facts["predictions"][name])}
        st.plotly_chart(
            charts.observed_predicted(pair, facts["unit"]), alt=f"Observed against out-of-fold predicted values of {name}", key="model.scatter"
        )


def _cards(facts, best):
    spatial = best.get("r2_random") is not None
    cards = st.columns(4)
    cards[0].metric("Best learner", best["name"])
    cards[1].metric(
        "R², places not sampled" if spatial else "R², random folds", theme.number(best["r2"], 2), help="pooled over the folds, never seen in training"
    )
    cards[2].metric("R², random folds", theme.number(best["r2_random"], 2) if spatial else "–", help="what a random split would have claimed")
    cards[3].metric(f"Typical error ({facts['unit'] or 'unit not known'})", theme.number(best["rmse"], 3), help="root mean squared error")
    if spatial:
        gap = best["r2_random"] - best["r2"]
        if gap > 0.1:
            st.info(
                f"The random score is {gap:.2f} higher. Trust the first one for the map: between samples the model can lean on neighbours, elsewhere it cannot.",
                icon=":material/compare_arrows:",
            )
    else:
        st.warning(
            "Random folds tell how good predictions are between samples. For a map, look at spatial blocks or groups.", icon=":material/shuffle:"
        )
    if best["r2"] is not None and best["r2"] < 0.1:
        st.warning(
            "No learner explains much here. A map of this would mostly show the mean; more samples, other dates or other predictors may help.",
            icon=":material/trending_flat:",
        )


def _score_config(unit):
    config = {name: st.column_config.NumberColumn(format="%.3f") for name in SCORE_COLUMNS if name not in ("name", "seconds")}
    labels = {
        "r2": "R²",
        "r2_random": "R² random",
        "r2_log10": "R² log10",
        "ccc": "CCC",
        "rmse": f"RMSE ({unit or '?'})",
        "mae": f"MAE ({unit or '?'})",
        "me": "bias (pred − obs)",
    }
    labels |= {"r2_low": "R² 5 %", "r2_high": "R² 95 %", "r2_sd": "R² sd", "rpd": "RPD", "rpiq": "RPIQ"}
    config |= {name: st.column_config.NumberColumn(label, format="%.3f") for name, label in labels.items()}
    return config | {"seconds": st.column_config.NumberColumn("s", format="%.1f")}


def table4():
    """The layout of paper 002's Table 4, with the printed values beside it."""
    job = jobs.latest("compare")
    facts = job.status().result if job else None
    if facts is None or not facts.get("table4"):
        return
    st.subheader("Five methods, novel against existing indices", anchor=False)
    st.markdown(
        "Calibration twice: predicted on the samples it was fitted on (`resub`, flattering) and out of fold (`oof`). Validation (`_v`) under the folds above."
    )
    rows = pd.DataFrame(facts["table4"]["rows"]).dropna(axis="columns", how="all")
    st.dataframe(
        rows,
        hide_index=True,
        alt="Table 4 layout",
        column_config={name: st.column_config.NumberColumn(format="%.3f") for name in rows.select_dtypes("number")},
    )
    st.download_button("Table as CSV", rows.to_csv(index=False), "table4.csv", "text/csv", icon=":material/download:", key="model.table4.csv")
    places = st.columns(2)
    chosen = [pair for pair in facts["table4"]["pairs"] if pair["features"] == (st.session_state.get("model.set4") or "N-SI")]
    st.segmented_control("Index set", ("N-SI", "SI"), default="N-SI", key="model.set4")
    for i, pair in enumerate(chosen):
        series = {
            "training": (pair["calibration"]["observed"], pair["calibration"]["resub"]),
            "validation": (pair["validation"]["observed"], pair["validation"]["predicted"]),
        }
        places[i % 2].plotly_chart(
            charts.observed_predicted(series, facts["unit"], pair["model"]),
            alt=f"{pair['model']}: observed against predicted",
            key=f"model.pair4.{i}",
        )
    with st.expander("What the paper printed (a citation, not a target)"):
        from soilcore.evaluation.reported import printed_table4

        st.dataframe(pd.DataFrame(printed_table4()), hide_index=True, alt="Printed Table 4 of Lan et al. 2025 with its inconsistencies")


def models():
    """Models kept in the project."""
    work = current_work()
    if not work.models:
        return
    st.subheader("Trained models", anchor=False)
    rows = []
    for identifier in work.models:
        with messages.shown():
            model = cached.model(identifier)
            scores = model.scores
            rows.append(
                {
                    "model": identifier,
                    "learner": model.name,
                    "target": model.target["column"],
                    "unit": model.target["unit"],
                    "folds": model.folds["scheme"],
                    "R²": scores.get("r2"),
                    "R² random": scores.get("r2_random"),
                    "RMSE": scores.get("rmse"),
                    "trained": model.provenance["created"][:16].replace("T", " "),
                }
            )
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        alt="Models of this project",
        column_config={name: st.column_config.NumberColumn(format="%.3f") for name in ("R²", "R² random", "RMSE")},
    )
    chosen = st.selectbox(
        "Model to look at and to map with",
        work.models,
        index=work.models.index(work.model),
        key="model.chosen",
        on_change=lambda: work.remember(model=st.session_state["model.chosen"]),
    )
    with messages.shown():
        model = cached.model(chosen)
        frame = model.out_of_fold
        st.plotly_chart(
            charts.observed_predicted({"validation": (frame["observed"], frame["predicted"])}, model.target["unit"]),
            alt="Observed against out-of-fold predicted values",
            key="model.saved.scatter",
        )
        messages.assumed(model.provenance.get("assumed", ()))
