"""What the last comparison says: which score to trust, every learner, observed against predicted, and the table of paper 002."""

import pandas as pd
import streamlit as st

from pages.ui import charts, jobs, messages, theme
from pages.ui.modelling import label
from pages.ui.session import current_work

_GAP = 0.05  # R2 by which the random score must exceed the spatial one before it is called flattering
_SCORES = ("name", "r2", "r2_low", "r2_high", "r2_random", "rmse", "mae", "me", "ccc", "rpd", "rpiq", "r2_log10", "r2_sd", "seconds")
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


def comparison():
    """Scores of the last comparison: cards, which to trust, bars, table, observed against predicted."""
    job = _last(with_table4=False)
    if job is None:
        st.info("No comparison yet. The settings above are sensible: press Compare, and the scores appear here.", icon=":material/leaderboard:")
        return
    facts = job.status().result
    st.subheader("Comparison", anchor=False)
    _out_of_date(job, facts)
    best = max(facts["models"], key=lambda row: row["r2"] if row["r2"] is not None else -9)
    _cards(facts, best)
    _which_to_trust(best)
    unit = facts["unit"] or "unit not known"
    sizes = ", ".join(map(str, facts["fold_sizes"]))
    st.caption(
        f"Target {messages.plain(facts['target'])} ({messages.plain(unit)}), {facts['n']} samples, folds: {messages.plain(facts['cv'])} with {sizes} samples, "
        f"{len(facts['features'])} predictors, modelled as {facts['transform']}, computed on {facts['device']}."
    )
    st.plotly_chart(charts.score_bars(facts["models"]), alt="R² of every learner, these folds and random ones", key="model.scores")
    table = pd.DataFrame(facts["models"]).reindex(columns=_SCORES).dropna(axis="columns", how="all")
    st.dataframe(table, hide_index=True, column_config=_config(unit), placeholder="", alt="Scores of every learner")
    st.download_button("Scores as CSV", table.to_csv(index=False), "scores.csv", "text/csv", icon=":material/download:", key="model.csv")
    _pairs(facts, best)
    messages.assumed(facts["assumed"])


def _last(with_table4):
    """The newest finished comparison of this kind."""
    found = (job for job in jobs.finished("compare") if job.spec()["settings"].get("table4", False) == with_table4)
    return next(found, None)


def _out_of_date(job, facts):
    """Say so when table, target or image changed since."""
    work, then = current_work(), job.spec()["settings"]["inputs"]
    now = work.inputs()
    scene_then = tuple((then.get("scene") or {}).get("paths", ()))
    same_scene = not scene_then or scene_then == (now.scene.paths if now.scene else ())
    if then["samples"] != now.samples or not same_scene or then["table"].get("target") != now.table.target:
        st.warning(
            f"This was computed for {messages.plain(facts['target'])} of {messages.plain(then['samples'])}, not for what is chosen now.",
            icon=":material/update:",
        )


def _cards(facts, best):
    spatial = best.get("r2_random") is not None
    cards = st.columns(4)
    cards[0].metric("Best learner", best["name"], help=label(best["name"]))
    band = f"90 % interval {theme.number(best['r2_low'], 2)} to {theme.number(best['r2_high'], 2)}; " if best.get("r2_low") is not None else ""
    cards[1].metric(
        "R², places not sampled" if spatial else "R²", theme.number(best["r2"], 2), help=f"{band}pooled over the folds, never seen in training"
    )
    cards[2].metric("R², random folds", theme.number(best["r2_random"], 2) if spatial else "–", help="What a random division would have claimed")
    cards[3].metric(f"Typical error ({facts['unit'] or 'unit not known'})", theme.number(best["rmse"], 3), help="Root mean squared error")


def _which_to_trust(best):
    r2, random = best["r2"], best.get("r2_random")
    if random is None:
        st.warning(
            "These folds tell how good predictions are between samples. For a map, look at spatial blocks or whole groups.", icon=":material/shuffle:"
        )
    elif r2 is not None and random - r2 > _GAP:
        st.info(
            f"Trust the first score for the map. The random one is {random - r2:.2f} higher because it leans on neighbours of each sample; elsewhere there are none.",
            icon=":material/compare_arrows:",
        )
    else:
        st.info("Trust the first score for the map. The random one is no better, so neighbours help little here.", icon=":material/compare_arrows:")
    if r2 is None or r2 < 0.1:
        st.warning(
            "No learner explains much here. A map would mostly show the mean; more samples, another date or other predictors may help.",
            icon=":material/trending_flat:",
        )


def _config(unit):
    config = {name: st.column_config.NumberColumn(words, format="%.3f") for name, words in _LABELS.items()}
    config |= {
        name: st.column_config.NumberColumn(f"{words} ({unit})", format="%.3f") for name, words in (("rmse", "RMSE"), ("mae", "MAE"), ("me", "Bias"))
    }
    config["r2_low"] = st.column_config.NumberColumn("R² low", format="%.3f", help="90 % bootstrap interval over blocks, below 150 samples")
    return config | {"name": "Learner", "seconds": st.column_config.NumberColumn("Time (s)", format="%.1f")}


def _pairs(facts, best):
    predictions = facts.get("predictions")
    if not predictions:
        return
    names = [row["name"] for row in facts["models"]]
    name = st.segmented_control(
        "Observed against predicted, out of fold", names, default=best["name"], required=True, key=f"model.pairs.{'+'.join(names)}", wrap=True
    )
    name = name or best["name"]
    show_pairs({"validation": (predictions["observed"], predictions[name])}, facts["unit"], f"Out-of-fold predictions of {name}", "model.scatter")
    table = pd.DataFrame(predictions)
    with st.expander("Predictions as a table"):
        st.dataframe(table, hide_index=True, alt="Observed and out-of-fold predicted values of every learner")
    st.download_button(
        "Predictions as CSV", table.to_csv(index=False), "predictions.csv", "text/csv", icon=":material/download:", key="model.predictions"
    )


def show_pairs(series, unit, alt, key):
    """Observed against predicted values, on logarithmic axes if wanted.

    Parameters
    ----------
    series : dict of str to (observed, predicted)
    unit : str or None
    alt, key : str
    """
    log = st.toggle("Logarithmic axes", key=f"{key}.log", persist_state="session", help="Values at or below 0 are left out")
    st.plotly_chart(charts.observed_predicted(series, unit, log=log), alt=alt, key=key)


def table4():
    """The layout of paper 002's Table 4: ours, the scatter of five methods on two index sets, and what the paper printed."""
    job = _last(with_table4=True)
    if job is None:
        return
    facts = job.status().result
    made = facts["table4"]
    st.subheader("Five methods, novel (N-SI) against existing (SI) indices", anchor=False)
    _out_of_date(job, facts)
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
