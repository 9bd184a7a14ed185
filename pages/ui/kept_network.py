"""What a kept network says of itself: how it learned, what it is, where its attention lay; and networks beside simpler learners in a comparison."""

import pandas as pd
import streamlit as st

from pages.ui import charts, evidence, jobs, messages, network_charts, theme, trust_cards, trust_charts
from pages.ui.words import in_page
from soilcore.core.settings import from_plain
from soilcore.project.settings import NetworkAttributeTask, TrainTask

VIEW = "The network"
_WIDTH = 178  # pixels: five cards beside each other
_VERDICTS = {"ahead": "better", "level": "no clear difference", "behind": "worse", "no-skill": "no skill"}
_MANY = 20
_INPUTS = {"spectrum": "band", "indices": "index", "ndvi": "gate", "image": "window", "window": "window"}
_SURE = 0.1  # p below which a difference counts
_GATE = {
    "name": "Network",
    "against": "Best simpler learner",
    "difference": st.column_config.NumberColumn("R² more", format="%+.3f", help="R² of the network minus that of the simpler learner"),
    "low": st.column_config.NumberColumn("from", format="%+.3f", help="90 % interval over the folds, corrected for samples that folds share"),
    "high": st.column_config.NumberColumn("to", format="%+.3f"),
    "folds_better": st.column_config.NumberColumn("Folds won"),
    "folds": st.column_config.NumberColumn("of"),
    "p": st.column_config.NumberColumn("p", format="%.3f"),
    "samples": st.column_config.NumberColumn("Trained on", format="%.0f"),
    "verdict": "Verdict",
}
_PAIRED = {
    "against": "Best learner",
    "name": "Other learner",
    "difference": st.column_config.NumberColumn("R² more", format="%+.3f"),
    "low": st.column_config.NumberColumn("from", format="%+.3f", help="90 % interval of the mean over folds (Nadeau and Bengio)"),
    "high": st.column_config.NumberColumn("to", format="%+.3f"),
    "folds_better": st.column_config.NumberColumn("Folds won"),
    "folds": st.column_config.NumberColumn("of"),
    "p_family": st.column_config.NumberColumn("p", format="%.3f", help="Two-sided, adjusted for all pairs together (Holm)"),
}


def is_one(learner):
    """Whether a learner of a kept model is a network."""
    return bool(getattr(learner, "describe", dict)().get("network"))


def attributions(identifier, model):
    """What the predictions of a kept network rest on: the button, and the last result.

    Parameters
    ----------
    identifier : str
    model : FittedModel
    """
    inputs = from_plain(TrainTask, model.provenance["settings"]).inputs
    st.markdown("**What its predictions rest on.** Gradients from typical samples to each sample tell how much every input moved the prediction.")
    with st.container(horizontal=True, vertical_alignment="center"):
        window = st.toggle(
            "The window's layers too",
            key=f"model.attribute.window.{identifier}",
            help="Relief, moisture and seasons round the sample; takes some minutes",
        )
        task = NetworkAttributeTask(f"models/{identifier}", inputs, window=window)
        words = f"Attributing the predictions of {identifier}"
        jobs.button("Attribute the predictions", ":material/query_stats:", ("network-attribute", task, words), "model.attribute", type="secondary")
    job = jobs.latest("network-attribute", model_dir=task.model_dir)
    if job is not None:
        attributed(job.status().result, f"model.attributed.{job.id}")


def attributed(facts, key):
    table = pd.DataFrame(facts["rows"])
    shown = table[table["shown"]].nlargest(_MANY, "share")
    if shown.empty:
        st.info(
            "No attribution could be repeated: the halves of the draws disagree. The network has learned too little to explain.",
            icon=":material/blur_on:",
        )
    else:
        names = [f"{_INPUTS.get(row['input'], row['input'])}: {network_charts.words(row['name'])}" for row in shown.to_dict("records")]
        alt = "Share of every input in what moved the predictions, mean over samples"
        evidence.chart(trust_charts.bars(names, shown["share"], "share of all attributions", percent=True), table, alt, key, "attributions.csv")
    hidden = int((~table["shown"]).sum())
    said = [f"{facts['n']} samples, {facts['draws']} draws each, in {facts['scale']}."]
    said += [f"{hidden} of {len(table)} inputs are not drawn, because the draws disagree about them; the table has them."] if hidden else []
    st.caption(messages.plain(" ".join([*said, *facts["notes"]])))
    for sentence in facts["sentences"]:
        st.info(messages.plain(sentence), icon=":material/psychology_alt:")


def panel(facts, key, history=()):
    """Everything a network says of itself.

    Parameters
    ----------
    facts : dict
        As `describe` of the learner gives them.
    key : str
        Tells widgets of different models apart.
    history : sequence of dict
        Histories of the members; empty where they were not kept.
    """
    _cards(facts)
    if facts.get("too_few"):
        st.warning(messages.plain(in_page(facts["too_few"])), icon=messages.ICONS["warning"])
    st.caption(messages.plain(" ".join([_end(facts), facts["target"], facts.get("device_note") or ""]).strip()))
    if facts.get("notes"):
        st.markdown("\n".join(f"- {messages.plain(in_page(note))}" for note in facts["notes"]))
    if history:
        _losses(history, key)
    attention(facts, key)


def _cards(facts):
    best, epochs = facts["best_epochs"], facts["epochs"]
    with st.container(horizontal=True, key=f"cards.network.{facts['network']}"):
        trust_cards.metric(
            "Numbers learned",
            f"{facts['parameters']:,}",
            f"times {facts['members']} members" if facts["members"] > 1 else "one network",
            None,
            _WIDTH,
        )
        trust_cards.metric(
            "Best epoch", " ".join(map(str, best[:4])), f"of {' '.join(map(str, epochs[:4]))} trained", "Weights of this epoch were kept", _WIDTH
        )
        trust_cards.metric("Trained on", str(facts["device"]).upper(), f"{facts['precision']}, {facts['batch']} a step", None, _WIDTH)
        trust_cards.metric(
            "Trained for",
            _duration(facts["seconds"]),
            f"{facts['samples']} samples",
            "The network that was kept; folds took their time before it",
            _WIDTH,
        )


def _duration(seconds):
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _end(facts):
    """Why training ended, of every member once."""
    return " ".join(f"{sentence[:1].upper()}{sentence[1:].rstrip('.')}." for sentence in dict.fromkeys(facts.get("stopped") or ()))


def _losses(history, key):
    """Losses by epoch, one member at a time."""
    number = 0
    if len(history) > 1:
        number = st.selectbox(
            "Member", range(len(history)), format_func=lambda n: f"member {n + 1} of {len(history)}", key=f"{key}.member", width=260
        )
    frame = pd.DataFrame(history[number]["rows"])
    alt = f"Loss by epoch of member {number + 1}: of the samples it was trained on and of those held back"
    st.markdown("**How it learned.** Full line: samples of a region held back; training ends where it no longer falls, and the lowest point is kept.")
    shown = frame.drop(columns=[name for name in ("group_losses",) if name in frame])
    evidence.chart(charts.losses(frame), shown, alt, f"{key}.losses", "losses.csv")


def attention(facts, key):
    """Attention of the covariates to bands and branches, their weights, and the gate."""
    from soilcore.explanation.networks import attention_tables

    tables = attention_tables(facts)
    if not tables["attention_sentence"]:
        return
    if tables["attention"]:
        st.markdown(
            "**Where it looked.** Each covariate's attention to the bands and the two index branches; a row adds up to 100 %. Pale: about an even share."
        )
        alt = "Attention of every covariate to every band and to the branches for vegetated and bare ground, mean over the training samples"
        evidence.chart(network_charts.attention(facts["attention"]), tables["attention"], alt, f"{key}.attention", "attention.csv")
    if weights := tables["covariate_weights"]:
        st.markdown("**What counted.** Weight of every covariate in the joined features, 0 to 100 %.")
        figure = trust_charts.bars(
            [network_charts.words(row["covariate"]) for row in weights], [row["weight"] for row in weights], "mean weight", percent=True
        )
        evidence.chart(figure, weights, "Weight of every covariate", f"{key}.covariates", "covariate-weights.csv")
    if tables["vegetated"] is not None:
        st.markdown(
            f":material/grass: The gate between the branches took the one for vegetated ground for {theme.percent(tables['vegetated'])} "
            "and the one for bare ground for the rest, on average over the training samples."
        )
    st.info(messages.plain(tables["attention_sentence"]), icon=":material/psychology_alt:")


def beside_simpler(facts):
    """Networks of a comparison beside the best simpler learner under the same folds, and what that means."""
    rows = facts.get("gate") or []
    for row in rows:
        st.markdown(f"{_icon(row['verdict'])} {messages.plain(in_page(row['sentence']))}")
    if rows:
        table = pd.DataFrame(rows).assign(verdict=[_VERDICTS.get(row["verdict"], row["verdict"]) for row in rows])
        _table(table, _GATE, "Networks beside the best simpler learner")


def _table(table, config, alt):
    st.dataframe(table[[name for name in config if name in table]], hide_index=True, column_config=config, placeholder="", alt=alt)


def _icon(verdict):
    return {"ahead": ":material/trending_up:", "level": ":material/trending_flat:"}.get(verdict, ":material/trending_down:")


def paired(facts):
    """The best learner against each other one over the folds."""
    rows = facts.get("paired") or []
    if not rows:
        return
    clear = sum((row.get("p_family") or 1.0) < _SURE for row in rows)
    st.markdown(
        f"**Is the best one really better?** {messages.plain(rows[0]['against'])} against each other learner, fold by fold on the same samples: "
        f"{'no difference is' if not clear else 'one difference is' if clear == 1 else f'{clear} differences are'} larger than the luck of the folds (p below {_SURE:g})."
    )
    _table(pd.DataFrame(rows), _PAIRED, "The best learner against each other one")
