"""Two steps: first a class, then a regression inside it; always beside one regression, with the verdict whether two steps paid."""

from dataclasses import replace
from itertools import pairwise

import pandas as pd
import streamlit as st

from pages.ui import dual_charts, evidence, jobs, messages, theme, trust_cards
from pages.ui.modelling import learner_names
from pages.ui.scores import out_of_date
from pages.ui.words import in_page
from soilcore.core.errors import SettingsError
from soilcore.project.settings import DualStepTask

_PERCENT = {
    name: st.column_config.NumberColumn(words, format="percent")
    for name, words in {
        "precision": "Precision",
        "recall": "Recall",
        "f1": "F1",
        "accuracy": "Accuracy",
        "balanced_accuracy": "Balanced accuracy",
        "prevalence": "Prevalence",
        "majority_accuracy": "Accuracy, larger class always",
        "majority_f1": "F1, larger class always",
        "share": "Predicted share",
        "low": "from",
        "high": "to",
        "sample_share": "Measured share",
        "share_above_t": "Share above",
    }.items()
}
_PERCENT["precision"] = st.column_config.NumberColumn("Precision", format="percent", help="Of those called high, how many are")
_PERCENT["recall"] = st.column_config.NumberColumn("Recall", format="percent", help="Of those that are high, how many were called so")
_PERCENT["label"] = "Classifier"
_PERCENT |= {
    name: st.column_config.NumberColumn(words, format="%.2f") for name, words in {"auc": "AUC", "mcc": "MCC", "tau": "Called high from"}.items()
}
_PERCENT["seconds"] = st.column_config.NumberColumn("Time (s)", format="%.1f")
_CLASSIFIER = (
    *("label", "f1", "majority_f1", "precision", "recall", "prevalence", "brier", "auc", "accuracy", "majority_accuracy", "balanced_accuracy"),
    *("mcc", "tau", "seconds"),
)
_PERCENT["brier"] = st.column_config.NumberColumn("Brier score", format="%.3f", help="Mean squared error of the probabilities; lower is better")
_MIXES = {"soft": "by probability (soft)", "hard": "by class (hard)"}


def panel(samples, asked):
    """Thresholds and mixing, the button, and the last result."""
    unit = samples.target.unit or "unit not known"
    settings = _form(unit)
    with st.container(horizontal=True):
        with st.popover("More", icon=":material/more_horiz:"):
            more, singles = _more()
        task = None
        if settings is not None:
            fit = replace(asked.fit, dual_step=replace(asked.fit.dual_step, **settings, **more))
            task = DualStepTask(asked.inputs, asked.splits, fit, singles=singles)
        jobs.button(
            "Try two steps",
            ":material/alt_route:",
            ("dual-step", task, "Two steps beside one"),
            "model.dual",
            ready=asked.ready and task is not None,
            help="Seven classifiers and both regressions are fitted under the folds above: minutes.",
        )
    job = jobs.latest("dual-step")
    if job is None:
        st.info(
            "Not tried yet. Where a few places are very high and most are low, one regression for all often misses both; "
            "two steps first ask which kind of place it is. Whether that pays is measured, not assumed.",
            icon=":material/alt_route:",
        )
        return
    _result(job, job.status().result)


def _form(unit):
    """Threshold and mixing; None while they cannot be read."""
    first, second, third = st.columns([3, 2, 4])
    how = first.segmented_control(
        "Threshold between low and high",
        ("given", "search", "several"),
        default="given",
        required=True,
        format_func={"given": "given", "search": "searched", "several": "several"}.get,
        key="model.dual.how",
        persist_state="session",
        wrap=True,
    )
    settings = {}
    if how == "search":
        settings["at"] = "search"
        second.caption("Tried on inner folds; the folds that score never see it.")
    elif how == "several":
        text = second.text_input(f"Limits of the classes ({unit}), with commas", "2, 4, 8", key="model.dual.edges", persist_state="session")
        try:
            settings["edges"] = _limits(text)
        except SettingsError as error:
            second.caption(f":material/error: {error.message}")
            return None
    else:
        settings["at"] = second.number_input(f"Threshold ({unit})", value=2.0, min_value=0.0, step=0.5, key="model.dual.at", persist_state="session")
    settings["mix"] = third.segmented_control(
        "Put together", list(_MIXES), default="soft", required=True, format_func=_MIXES.get, key="model.dual.mix", persist_state="session", wrap=True
    )
    return settings


def _more():
    """What is seldom changed, and the single regressions beside the two steps."""
    from soilcore.models.classifiers import classifier_names, classifier_spec

    classifiers = {"auto": "the best on inner folds", **{name: classifier_spec(name).label for name in classifier_names()}}
    tune = st.toggle("Tune the probability from which a place counts as high", key="model.dual.tau", persist_state="session")
    classifier = st.selectbox("Classifier", list(classifiers), format_func=classifiers.get, key="model.dual.classifier", persist_state="session")
    train_on = st.segmented_control(
        "Regressions learn from",
        ("true", "predicted"),
        default="true",
        required=True,
        format_func={"true": "samples that are in the class", "predicted": "samples predicted to be in it"}.get,
        key="model.dual.on",
        persist_state="session",
    )
    singles = st.multiselect(
        "One regression beside it", learner_names(without=("mean", "dual-step")), ("xgboost", "rf"), key="model.dual.singles", persist_state="session"
    )
    return {"tau": "tune" if tune else 0.5, "classifier": classifier, "train_on": train_on or "true"}, tuple(singles) or ("xgboost",)


def _limits(text):
    try:
        limits = tuple(float(part) for part in text.replace(";", ",").split(","))
    except ValueError:
        raise SettingsError("Write numbers with commas between them, for instance 2, 4, 8.") from None
    if len(limits) < 2 or any(b <= a for a, b in pairwise(limits)):
        raise SettingsError("Give at least two limits, each larger than the one before.")
    return limits


def _result(job, facts):
    out_of_date(job, facts)
    _verdict(facts)
    views = {
        "Which class": lambda: _classes(facts),
        "Classifiers": lambda: _classifiers(facts),
        "Beside one regression": lambda: _models(facts),
        "Threshold": lambda: _threshold(facts),
        "Observed and predicted": lambda: _distributions(facts),
    }
    if facts.get("conversions"):
        views["Conversions"] = lambda: _conversions(facts)
    chosen = st.segmented_control(
        "Look at", list(views), default="Which class", required=True, key=f"model.dual.look.{len(views)}", persist_state="session", wrap=True
    )
    views.get(chosen, views["Which class"])()
    sizes = ", ".join(map(str, facts["fold_sizes"]))
    st.caption(f"{facts['n']} samples, folds: {messages.plain(facts.get('folds_label') or facts['cv'])} with {sizes} samples.")
    messages.assumed(facts["assumed"])


def _verdict(facts):
    judged = facts["verdict_facts"]
    icon = {True: ":material/check_circle:", False: ":material/cancel:", None: ":material/help:"}[judged["paid"]]
    st.info(messages.plain(in_page(facts["verdict"])), icon=icon)
    with st.container(horizontal=True):
        common = {"delta_color": "off", "delta_arrow": "off", "border": True, "width": trust_cards.WIDTH}
        st.metric("R², two steps", theme.number(judged["r2"], 2), judged["model"], **common)
        st.metric("R², one regression", theme.number(judged["r2_single"], 2), judged["single"], **common)
        limit = " · ".join(theme.number(edge) for edge in facts["edges"])
        st.metric(f"Threshold ({facts['unit'] or '?'})", limit, "found by search" if facts.get("searched") else "as given", **common)
        taken = next((row for row in facts["classifiers"] if row["name"] == facts["classifier"]), facts["classifiers"][0])
        words = f"{theme.percent(taken['prevalence'])} of samples are high"
        st.metric("F1 of the classes", theme.number(taken["f1"], 2), words, help=f"Classifier: {taken['label']}", **common)


def _classes(facts):
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown(f"**Confusion** of {messages.plain(facts['confusion']['classifier'])}, out of fold. Rows are what was measured.")
        labels, counts = facts["confusion"]["labels"], facts["confusion"]["counts"]
        table = [{"measured": label, **dict(zip(labels, row, strict=True))} for label, row in zip(labels, counts, strict=True)]
        evidence.chart(
            dual_charts.confusion(facts["confusion"]),
            table,
            "Confusion of the classes, measured against predicted",
            "model.dual.confusion",
            "confusion.csv",
        )
    with right:
        st.markdown("**Reliability.** On the dashed line, probabilities mean what they say.")
        rows = [
            {"class": curve["class"], "announced": p, "came_true": o, "n": n}
            for curve in facts["reliability"]
            for p, o, n in zip(curve["predicted"], curve["observed"], curve["n"], strict=True)
        ]
        evidence.chart(
            dual_charts.reliability(facts["reliability"]), rows, "Announced against observed frequency", "model.dual.reliability", "reliability.csv"
        )
    st.markdown(
        "**How much of the land is in each class.** Bars over the predicted shares: 90 % of what the probabilities allow if places err "
        "independently; neighbours err together, so take it as the least."
    )
    evidence.chart(
        dual_charts.shares(facts["classes"]),
        facts["classes"],
        "Share of each class, measured and predicted",
        "model.dual.shares",
        "classes.csv",
        _PERCENT,
    )


def _classifiers(facts):
    st.markdown(
        "Seven classifiers under the same folds, best probabilities first. A classifier is worth something when it beats the answer "
        "“always the larger class”, which stands beside it."
    )
    table = pd.DataFrame(facts["classifiers"]).reindex(columns=_CLASSIFIER)
    st.dataframe(
        table, hide_index=True, placeholder="", alt="Classifiers with precision, recall, F1, prevalence and majority baseline", column_config=_PERCENT
    )
    evidence.download(table, "model.dual.classifiers", "classifiers.csv")


def _models(facts):
    st.markdown("Two steps and one, under the same folds; the regressions of one step also on the scale that two steps use inside.")
    columns = ("name", "steps", "r2", "rmse", "mae", "me", "ccc", "r2_log10", "r2_sd", "seconds")
    table = pd.DataFrame(facts["models"]).reindex(columns=columns).dropna(axis="columns", how="all")
    config = {name: st.column_config.NumberColumn(format="%.3f") for name in columns[2:9]}
    st.dataframe(table, hide_index=True, placeholder="", alt="Scores of two steps and of single regressions", column_config=config)
    evidence.download(table, "model.dual.models", "two-steps.csv")


def _threshold(facts):
    unit = facts["unit"] or "?"
    if not facts["curve"]:
        st.info(
            "There is no curve: with several classes, or too few samples on one side, no other threshold was tried.", icon=":material/show_chart:"
        )
        return
    alt = "Score of every threshold on inner folds"
    figure = dual_charts.thresholds(facts["curve"], facts["criterion"], facts["threshold"], facts.get("single_quick"), unit)
    if not facts.get("searched"):
        st.markdown("The threshold was given; the curve shows what others would have done on inner folds, with quick models.")
    evidence.chart(figure, facts["curve"], alt, "model.dual.curve", "thresholds.csv")
    if facts.get("tau_curve"):
        figure = dual_charts.taus(facts["tau_curve"], facts["tau"])
        evidence.chart(figure, facts["tau_curve"], "F1 for every tau", "model.dual.taus", "tau.csv")


def _distributions(facts):
    given = facts["distributions"]
    names = list(given["predicted"])
    name = st.segmented_control("Predictions of", names, default=names[0], required=True, key="model.dual.distribution", wrap=True) or names[0]
    st.markdown("A regression draws values together; compare the tails.")
    table = {"probability": given["probabilities"], "observed": given["observed"]["quantiles"]}
    table |= {one: given["predicted"][one]["quantiles"] for one in names}
    figure = dual_charts.distributions(given, name, facts["unit"] or "?")
    evidence.chart(
        figure, pd.DataFrame(table), f"Histograms of observed values and of predictions of {name}", "model.dual.distributions", "quantiles.csv"
    )


def _conversions(facts):
    rows = facts["conversions"]
    st.markdown(
        f"What counts as high depends on how EC of an extract is turned into ECe: share of samples above {rows[0]['threshold']:g} dS/m by method."
    )
    table = pd.DataFrame(rows)
    st.dataframe(table, hide_index=True, placeholder="", alt="Share of samples above the threshold under every conversion", column_config=_PERCENT)
    evidence.download(table, "model.dual.conversions", "conversions.csv")
