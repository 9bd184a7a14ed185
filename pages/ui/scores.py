"""Learners compared under the same folds: which is best, which score to trust, every learner in a table; and the table of paper 002."""

from dataclasses import replace

import pandas as pd
import streamlit as st

from pages.ui import charts, details, evidence, jobs, kept_network, messages, networks, trained, trust_cards
from pages.ui.modelling import label, learner_names
from pages.ui.scored import from_comparison
from pages.ui.session import current_work
from soilcore.project.settings import CompareTask

DEFAULT_MODELS = ("mean", "best-index", "plsr", "rf", "xgboost")
_LEARNERS_HELP = "The five chosen take seconds. Auto, the perceptron, the two steps and the stack of paper 002 take a minute or more each: add them when you can wait."
_SCORES = (
    *("name", "r2", "coverage_90", "aoa_share", "r2_low", "r2_high", "r2_random", "rmse", "mae", "me", "ccc", "rpd", "rpiq", "r2_log10", "r2_sd"),
    *("width_90", "seconds"),
)
_LABELS = {
    "r2": "R²",
    "r2_low": "R² low",
    "r2_high": "R² high",
    "r2_random": "R² random folds",
    "ccc": "CCC",
    "rpd": "RPD",
    "rpiq": "RPIQ",
    "r2_log10": "R² of log10",
    "r2_sd": "R² sd",
}


def panel(samples, asked):
    """Which learners, the button, and the last comparison."""
    models = tuple(
        st.multiselect(
            "Learners to compare",
            learner_names(),
            DEFAULT_MODELS,
            format_func=label,
            key="model.models",
            persist_state="session",
            help=_LEARNERS_HELP,
            wrap=True,
        )
    )
    networks.about(models, asked, samples, "compare")
    inputs, fit = networks.inputs_for(asked, models), networks.fit_for(asked, models)
    task = CompareTask(inputs, models, asked.splits, fit, predictions=True, intervals=asked.intervals, permutations=asked.permutations)
    words = f"Compare {len(models)}" if models else "Compare"
    jobs.button(
        words, ":material/leaderboard:", ("compare", task, f"Comparing {len(models)} learners"), "model.compare", bool(models) and asked.ready
    )
    comparison(asked)


def comparison(asked):
    """The last comparison: cards of one learner, which score to trust, and everything behind it."""
    job = _last(with_table4=False)
    if job is None:
        st.info("No comparison yet. The settings above are sensible: press Compare, and the scores appear here.", icon=":material/leaderboard:")
        return
    facts = job.status().result
    out_of_date(job, facts)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        scored = from_comparison(facts, _chosen(facts["models"]))
        _train_it(scored, asked)
    trust_cards.cards(scored)
    trust_cards.sentences(scored)
    views = {"All learners": lambda: _all_learners(facts)}
    if facts.get("gate"):
        views["Networks beside simpler ones"] = lambda: kept_network.beside_simpler(facts)
    if (of_fold := scored.trust.get("learner") or {}).get("network"):
        views["The network of the first fold"] = lambda: kept_network.panel(of_fold, scored.key)
    details.views(scored, views)
    sizes = ", ".join(map(str, facts["fold_sizes"]))
    st.caption(
        f"Target {messages.plain(facts['target'])} ({messages.plain(scored.unit_words)}), {facts['n']} samples, folds: {messages.plain(scored.folds)} with {sizes} samples, "
        f"{len(facts['features'])} predictors, modelled as {'it is' if facts['transform'] == 'none' else facts['transform']}, "
        f"computed on {str(facts['device']).upper()}."
    )
    messages.assumed(facts["assumed"])


def _chosen(rows):
    if len(rows) > 1:
        return choose("Learner", rows, "model.pairs")
    st.markdown(f"**{messages.plain(label(rows[0]['name']))}**")
    return rows[0]["name"]


def choose(title, rows, key):
    """The learner whose cards are shown, by name: the best one at first."""
    names = [row["name"] for row in rows]
    best = max(rows, key=lambda row: row["r2"] if row["r2"] is not None else -9)["name"]
    words = {name: f"{name} · best" if name == best and len(names) > 1 else name for name in names}
    return st.segmented_control(title, names, default=best, format_func=words.get, required=True, key=f"{key}.{'+'.join(names)}", wrap=True) or best


def _train_it(scored, asked):
    st.button(
        f"Train and keep {scored.name}",
        icon=":material/model_training:",
        on_click=trained.start,
        args=(asked, scored.name),
        disabled=jobs.is_busy() or not asked.ready,
        key="model.train.best",
        help="Fits it on all samples with the settings above, scores it again under the same folds, and keeps it for maps.",
    )


def _all_learners(facts):
    unit = facts["unit"] or "unit not known"
    table = pd.DataFrame(facts["models"]).reindex(columns=_SCORES).dropna(axis="columns", how="all")
    st.plotly_chart(charts.score_bars(facts["models"]), alt="R² of every learner, these folds and random ones", key="model.scores")
    st.dataframe(table, hide_index=True, column_config=_config(unit), placeholder="", alt="Scores of every learner")
    kept_network.paired(facts)
    with st.container(horizontal=True):
        evidence.download(table, "model.scores", "scores.csv", "Scores as CSV")
        if facts.get("predictions"):
            evidence.download(pd.DataFrame(facts["predictions"]), "model.predictions", "predictions.csv", "Predictions of all as CSV")


def _last(with_table4):
    """The newest finished comparison of this kind."""
    found = (job for job in jobs.finished("compare") if job.spec()["settings"].get("table4", False) == with_table4)
    return next(found, None)


def out_of_date(job, facts):
    """Say so when table, target or image changed since."""
    work, then = current_work(), job.spec()["settings"]["inputs"]
    now = work.inputs()
    scene_then = tuple((then.get("scene") or {}).get("paths", ()))
    same_scene = not scene_then or scene_then == (now.scene.paths if now.scene else ())
    if then["samples"] != now.samples or not same_scene or then["table"].get("target") != now.table.target:
        messages.of_something_else(facts["target"], then["samples"])


def _config(unit):
    config = {name: st.column_config.NumberColumn(words, format="%.3f") for name, words in _LABELS.items()}
    config |= {
        name: st.column_config.NumberColumn(f"{words} ({unit})", format="%.3f")
        for name, words in (("rmse", "RMSE"), ("mae", "MAE"), ("me", "Bias"), ("width_90", "Width of 90 % intervals"))
    }
    config["coverage_90"] = st.column_config.NumberColumn("Coverage (90 %)", format="percent", help="Samples inside an interval made without them")
    config["aoa_share"] = st.column_config.NumberColumn("Area of applicability", format="percent")
    config["r2_low"] = st.column_config.NumberColumn("R² low", format="%.3f", help="90 % bootstrap interval over blocks, below 150 samples")
    return config | {"name": "Learner", "seconds": st.column_config.NumberColumn("Time (s)", format="%.1f")}


def table4_panel(samples, asked):
    """The button of paper 002's table, and its last layout."""
    if current_work().scene_files or asked.features.index_sets:
        both = replace(asked.features, index_sets=tuple(dict.fromkeys((*asked.features.index_sets, "existing17_lan2025", "novel4_lan2025"))))
        inputs = current_work().inputs(features=both)
        task = CompareTask(inputs, ("mean",), asked.splits, asked.fit, table4=True, predictions=False, permutations=0)
        jobs.button(
            "Lay out the table of paper 002",
            ":material/table_chart:",
            ("compare", task, "Laying out the table of paper 002"),
            "model.table4",
            type="secondary",
            help="Five methods, novel against existing indices, calibration and validation. Takes several minutes.",
        )
    else:
        st.info("The table compares spectral indices: it needs an image, or a table with bands.", icon=":material/satellite_alt:")
    table4()


def table4():
    """The layout of paper 002's Table 4: ours, the scatter of five methods on two index sets, and what the paper printed."""
    job = _last(with_table4=True)
    if job is None:
        st.caption("It shows what each method makes of the four novel and the seventeen existing indices, in the layout of the paper.")
        return
    facts = job.status().result
    made = facts["table4"]
    st.subheader("Five methods, novel (N-SI) against existing (SI) indices", anchor=False)
    out_of_date(job, facts)
    st.markdown(
        "The layout of paper 002, Table 4. Calibration (c) twice, because the paper does not say which it means: predicted on the samples it was fitted on "
        "(resub, flattering) and out of fold (oof). Validation (v) under the folds named."
    )
    rows = pd.DataFrame(made["rows"]).dropna(axis="columns", how="all")
    st.dataframe(rows, hide_index=True, alt="Table 4 layout", placeholder="", column_config=_table4_config(rows, facts["unit"] or "?"))
    st.download_button("Table as CSV", rows.to_csv(index=False), "table4.csv", "text/csv", icon=":material/download:", key="model.table4.csv")
    chosen = st.segmented_control("Index set", ("N-SI", "SI"), default="N-SI", required=True, key="model.set4", persist_state="session") or "N-SI"
    places = st.columns(2)
    pairs = [pair for pair in made["pairs"] if pair["features"] == chosen]
    for i, pair in enumerate(pairs):
        calibration, validation = pair["calibration"], pair["validation"]
        series = {
            "calibration (resub)": (calibration["observed"], calibration["resub"]),
            "validation": (validation["observed"], validation["predicted"]),
        }
        figure = charts.observed_predicted(series, facts["unit"], f"{pair['model']}, {chosen}")
        places[i % 2].plotly_chart(
            figure, alt=f"{pair['model']} on {chosen}: observed against predicted", key=f"model.pair4.{chosen}.{pair['model']}"
        )
    _printed()
    messages.assumed(facts["assumed"])


def _table4_config(rows, unit):
    words = {"r2": "R²", "rmse": "RMSE", "mae": "MAE", "ccc": "CCC", "rpiq": "RPIQ", "me": "Bias"}
    with_unit = {"rmse", "mae", "me"}
    config = {"features": "Indices", "model": "Method", "scheme": "Folds", "seconds": st.column_config.NumberColumn("Time (s)", format="%.1f")}
    for name in rows.select_dtypes("number"):
        score, _, kind = name.partition("_")
        if score in words:
            heading = f"{words[score]} {kind.replace('_', ' ')}" + (f" ({unit})" if score in with_unit else "")
            config[name] = st.column_config.NumberColumn(heading, format="%.3f")
    return config


def _printed():
    from soilcore.evaluation.reported import printed_table4

    with st.expander("What the paper printed: a citation, not a target"):
        printed = printed_table4()
        st.dataframe(pd.DataFrame(printed["rows"]), hide_index=True, placeholder="", alt="Printed Table 4 with its contradictions")
        st.caption(messages.plain(f"{printed['source']} {printed['note']}"))
        for sentence in printed["flags"]:
            st.markdown(f"- {messages.plain(sentence)}")
        messages.findings(printed["findings"])
