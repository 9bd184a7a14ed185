"""Learners on spectra: compared under one division, one of them trained and kept."""

import pandas as pd
import streamlit as st

from pages.ui import evidence, jobs, messages, scores, spectra_asked, spectra_library, spectra_score_charts, spectra_scores
from pages.ui.modelling import label
from pages.ui.session import current_work
from pages.ui.spectra_scored import from_facts
from pages.ui.spectra_words import spoken
from soilcore.project.spectra_settings import SpectraCompareTask, SpectraTrainTask

DEFAULT = ("mean", "plsr", "spectra-cnn")
_CURVE_HELP = (
    "Every model again on growing parts of the library, tested on the same spectra: where the network overtakes PLSR. Several times the work."
)
_LOCAL_HELP = "Every model once more inside each group: does a library of one kind of soil serve it better than all of them together?"
_COLUMNS = {
    "name": "Model",
    **{
        name: st.column_config.NumberColumn(words, format="%.3f")
        for name, words in (
            ("r2", "R²"),
            ("r2_sd", "R² sd"),
            ("r2_random", "R² random folds"),
            ("r2_log10", "R² of log10"),
            ("ccc", "CCC"),
            ("rpd", "RPD"),
            ("rpiq", "RPIQ"),
        )
    },
    **{name: st.column_config.NumberColumn(format="percent") for name in ("coverage_90", "aoa_share")},
    **{
        name: st.column_config.NumberColumn(words, format="%.3g")
        for name, words in (("rmse", "RMSE"), ("mae", "MAE"), ("me", "Bias"), ("width_90", "Width of 90 % intervals"))
    },
    "seconds": st.column_config.NumberColumn("Time (s)", format="%.1f"),
}
_COLUMNS["coverage_90"] = st.column_config.NumberColumn("Coverage (90 %)", format="percent")
_COLUMNS["aoa_share"] = st.column_config.NumberColumn("Like the library", format="percent")


def panel():
    """What is asked, the buttons, and the last comparison."""
    spectra = spectra_library.need()
    job = jobs.latest("spectra-compare")
    with messages.shown(stop=True):
        asked = spectra_asked.form(spectra, expanded=job is None)
    chosen = _ask_models()
    with st.container(horizontal=True, vertical_alignment="center"):
        curve = st.toggle("Learning curve", key="spectra.curve", persist_state="session", help=_CURVE_HELP)
        local = (
            st.toggle("Whole library against each group alone", key="spectra.local", persist_state="session", help=_LOCAL_HELP)
            if spectra.groups is not None
            else False
        )
    _compare(asked, chosen, curve, local)
    if job is None:
        st.info(
            "No comparison yet. The settings above are sensible: press Compare, and the scores appear here. PLSR takes seconds, the network minutes "
            "on a laptop; its losses are drawn while it learns.",
            icon=":material/leaderboard:",
        )
        return
    _result(spectra, job, asked)


def _ask_models():
    names = st.multiselect(
        "Models to compare", list(spectra_asked.LEARNERS), DEFAULT, format_func=label, key="spectra.models", persist_state="session", wrap=True
    )
    return tuple(names)


def _compare(asked, chosen, curve, local):
    task = SpectraCompareTask(
        current_work().spectra_settings,
        chosen,
        asked.preprocess,
        asked.splits,
        asked.seeds,
        asked.fit,
        curve=() if curve else None,
        local=bool(local),
        predictions=True,
        permutations=asked.permutations,
    )
    words = f"Compare {len(chosen)}" if chosen else "Compare"
    running = f"Comparing {len(chosen)} model{'s' if len(chosen) != 1 else ''} of spectra"
    jobs.button(words, ":material/leaderboard:", ("spectra-compare", task, running), "spectra.compare", bool(chosen))


def start_training(asked, name):
    """Train and keep a learner; for a button."""
    work = current_work()
    out = f"models/{work.new_spectral_model(name)}"
    task = SpectraTrainTask(work.spectra_settings, name, out, asked.preprocess, asked.splits, asked.seeds, asked.fit, permutations=asked.permutations)
    jobs.start("spectra-train", task, f"Training on spectra: {label(name)}")


def _result(spectra, job, asked):
    facts = job.status().result
    out_of_date(job, facts)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        name = scores.choose("Model", facts["models"], "spectra.model")
        st.button(
            f"Train and keep {name}",
            icon=":material/model_training:",
            on_click=start_training,
            args=(asked, name),
            disabled=jobs.is_busy(),
            key="spectra.train",
            help="Scores it once more under the division above, fits it to all spectra, and keeps it for predictions",
        )
    one = from_facts(facts, name)
    spectra_scores.cards(one)
    more = {"All models": lambda: _all(facts)} if len(facts["models"]) > 1 else {}
    if facts.get("learning_curve"):
        more["Learning curve"] = lambda: _curve(facts["learning_curve"])
    if facts.get("local"):
        more["Whole library or group"] = lambda: _local(facts["local"], name)
    spectra_scores.views(one, more)
    sizes = facts["fold_sizes"]
    tested = f"{sizes[0]} tested each time" if facts.get("seeds") else f"parts of {', '.join(map(str, sizes))}"
    st.caption(
        f"Target {messages.plain(facts['target'])} ({messages.plain(facts['unit'] or 'unit not known')}), {facts['n']} spectra, {messages.plain(facts['folds_label'])}, {tested}; "
        f"preprocessing {messages.plain(facts['preprocess'][name] or 'none')}; modelled as {'it is' if facts['transform'] == 'none' else facts['transform']}, "
        f"computed on {str(facts['device']).upper()}."
    )
    messages.assumed(facts["assumed"])


def out_of_date(job, facts):
    """Say so when library or target changed since."""
    then, now = job.spec()["settings"]["spectra"], current_work().spectra_settings
    if now is None or tuple(then["paths"]) != now.paths or facts["target"] != (now.table.target or facts["target"]):
        paths = ", ".join(path.partition("/")[2] for path in then["paths"])
        messages.of_something_else(facts["target"], paths)


def _all(facts):
    rows = facts["models"]
    st.plotly_chart(spectra_score_charts.scores(rows), alt="R² of every model with its spread", key="spectra.scores")
    table = pd.DataFrame(rows).reindex(columns=list(_COLUMNS)).dropna(axis="columns", how="all")
    st.dataframe(table, hide_index=True, column_config=_with_unit(facts["unit"] or "unit not known"), placeholder="", alt="Scores of every model")
    evidence.download(table, "spectra.scores", "scores.csv", "Scores as CSV")


def _with_unit(unit):
    """Columns of scores; those that are in the unit of the target say so."""
    found = {"rmse": "RMSE", "mae": "MAE", "me": "Bias", "width_90": "Width of 90 % intervals"}
    return _COLUMNS | {name: st.column_config.NumberColumn(f"{words} ({unit})", format="%.3g") for name, words in found.items()}


def _curve(facts):
    for one in facts["crossings"]:
        st.info(spoken(one["verdict"]), icon=":material/show_chart:")
    table = pd.DataFrame(facts["rows"]).drop(columns=["r2_seeds"], errors="ignore")
    alt = "R² of the models over the number of spectra to learn from; a grey band marks where curves cross"
    evidence.chart(spectra_score_charts.learning_curves(facts), table, alt, "spectra.curves", "learning-curves.csv", _COLUMNS)
    st.caption(
        f"Means of {facts['seeds']} divisions with their standard deviation; the test spectra of a division are the same for all sizes and models."
    )


def _local(rows, name):
    mine = [row for row in rows if row["model"] == name]
    enough = [row for row in mine if row["seeds"]]
    if not enough:
        st.info("No group is large enough to be trained on alone: at least 40 spectra to learn from and 5 to test on.", icon=":material/group_work:")
    else:
        better = sum(row["gain"] > 0 for row in enough)
        st.markdown(
            f"**{better} of {len(enough)} groups** are predicted better by a model trained on them alone. In brackets: spectra of the group to learn from."
        )
        alt = f"R² of {name} trained on all groups and inside each group"
        evidence.chart(spectra_score_charts.local(mine), mine, alt, f"spectra.local.{name}", "local.csv")
    small = [row["group"] for row in mine if not row["seeds"]]
    if small:
        st.caption(f"Left out, too small to learn from or to test on: {messages.plain(', '.join(small))}.")
