"""What is known of a learner that was scored on spectra: the honest score first, then one view at a time."""

import pandas as pd
import streamlit as st

from pages.ui import charts, details, evidence, leakage, messages, spectra_score_charts, theme
from pages.ui.spectra_words import spoken
from pages.ui.trust_cards import metric

_GAP = 0.05  # R2 by which the random score must exceed the other before it is called flattering
_NOTHING = 0.1
_KEPT = 0.84  # share of 90 % intervals below which they are called too narrow
_MEAN = "all together"
_MOST_BUTTONS = 8
_LOSS_COLUMNS = {
    "epoch": "Epoch",
    "group": "Group",
    "loss": st.column_config.NumberColumn("Mean validation loss", format="%.4g"),
    "sd": st.column_config.NumberColumn("sd between trainings", format="%.3g"),
    "fits": "Trainings in the mean",
}
_GROUP_COLUMNS = {
    "group": "Group",
    "n": "Spectra",
    **{
        name: st.column_config.NumberColumn(words, format="%.3f")
        for name, words in (("r2", "R²"), ("r2_sd", "R² sd between divisions"), ("ccc", "CCC"))
    },
    **{name: st.column_config.NumberColumn(words, format="%.3g") for name, words in (("rmse", "RMSE"), ("mae", "MAE"), ("me", "Bias"))},
}


def cards(one):
    """Four numbers, and what stands in the way of trusting them."""
    row, unit = one.row, one.scored.unit or ""
    with st.container(horizontal=True, key=f"cards.{one.key}"):
        metric("R², spectra held back", share(row.get("r2")), f"RMSE {theme.number(row.get('rmse'), 2)} {unit}".strip())
        metric(
            "Interval coverage", theme.percent(row.get("coverage_90")), "90 % promised", "Test spectra inside an interval that was made without them"
        )
        metric("Like the library", theme.percent(row.get("aoa_share")), "of test spectra", "Test spectra that resemble those of training")
        _contrast(row)
    st.caption(" · ".join(_small_print(one)))
    st.info(spoken(_which(one)), icon=":material/verified:")
    for sentence in _troubles(one):
        st.warning(spoken(sentence), icon=messages.ICONS["warning"])


def share(r2):
    """R2 with two decimals, a dash where there is none."""
    return "–" if r2 is None or r2 != r2 else f"{r2:.2f}"


def _contrast(row):
    if row.get("r2_random") is not None:
        gap = row["r2_random"] - (row.get("r2") or 0)
        metric("R², random folds", share(row["r2_random"]), f"for contrast: {gap:+.2f}", "What a random division would have claimed")
    elif row.get("r2_training_folds") is not None:
        metric("R², folds of training", share(row["r2_training_folds"]), "inside the training part")
    elif row.get("r2_log10") is not None:
        metric("R² of log10", share(row["r2_log10"]), "counts small values, too")
    else:
        metric("RPIQ", theme.number(row.get("rpiq"), 2), "spread over error")


def _small_print(one):
    row, unit, said = one.row, one.scored.unit or "", []
    if row.get("r2_sd") is not None and row["r2_sd"] == row["r2_sd"]:
        said.append(f"R² ± {theme.number(row['r2_sd'], 2)} between {one.seeds or 'the'} divisions")
    if row.get("r2_low") is not None:
        said.append(f"R² lies between {theme.number(row['r2_low'], 2)} and {theme.number(row['r2_high'], 2)} (90 % of resampled groups)")
    if row.get("width_90") is not None:
        said.append(f"intervals are {theme.number(row['width_90'], 2)} {unit} wide on average".replace("  ", " "))
    said += [f"{words} {theme.number(row[name], 2)}" for name, words in (("rpd", "RPD"), ("ccc", "CCC")) if row.get(name) is not None]
    if one.told and one.told.get("parameters"):
        said.append(f"{one.told['parameters']:,} weights")
    return said or ["no more is known of this model"]


def _which(one):
    said, row = one.scored.shared.get("spatial_first"), one.row
    random, r2 = row.get("r2_random"), row.get("r2")
    sentence = said or "The scores speak of spectra like those that were held back."
    if random is not None and r2 is not None and random - r2 > _GAP:
        return f"{sentence} The random score is {random - r2:.2f} higher because test spectra then have relatives in training; do not quote it for new sites."
    return sentence


def _troubles(one):
    row, found = one.row, list(one.scored.shared.get("warnings") or ())
    if row.get("r2") is None or row["r2"] < _NOTHING:
        found.append(
            "This model explains hardly anything: it mostly predicts the mean. Look at the spectra, their unit and the target's distribution."
        )
    coverage = row.get("coverage_90")
    if coverage is not None and coverage < _KEPT:
        found.append(f"The 90 % intervals held only {theme.percent(coverage)} of the test spectra. Read them as too narrow.")
    if one.told and one.told.get("gate"):
        found.append(str(one.told["gate"]))
    return found


def views(one, more=None):
    """Let people choose one view and draw it.

    Parameters
    ----------
    one : SpectraScored
    more : dict of str to function, optional
        Further views, put first.
    """
    scored = one.scored
    possible = {
        **(more or {}),
        "Observed and predicted": lambda: details.pairs(scored),
        **({"By group": lambda: by_group(one)} if one.groups else {}),
        **({"Distribution": lambda: distribution(one)} if one.distribution else {}),
        **({"Training": lambda: training(one)} if one.training else {}),
        **({"Intervals": lambda: details.intervals(scored)} if scored.interval and scored.interval.get("levels") else {}),
        **({"Leakage check": lambda: leakage.panel(scored)} if scored.shared.get("leakage") else {}),
    }
    names = list(possible)
    key = f"spectra.look.{one.key.split('.')[0]}.{'+'.join(names)}"
    chosen = st.segmented_control("Look at", names, default=names[0], required=True, key=key, persist_state="session", wrap=True)
    with messages.shown():
        possible.get(chosen, possible[names[0]])()


def by_group(one):
    """Scores of each group; of networks also how each group was learned."""
    unit = one.scored.unit_words
    st.markdown("**By group.** A model can be good on the whole and useless for one kind of soil.")
    table = pd.DataFrame(one.groups).dropna(axis="columns", how="all")
    alt = f"Error of {one.scored.title} by group"
    evidence.chart(spectra_score_charts.groups(one.groups, unit), table, alt, f"{one.key}.groups", "groups.csv", _GROUP_COLUMNS)
    if (one.seeds or 0) > 1:
        st.caption("Errors are those of the test spectra of all divisions together; the number counts different spectra.")
    _losses_by_group(one)


def _losses_by_group(one):
    """Validation loss of each group while a network learned: the mean over all trainings first, then each by itself."""
    together, losses = one.row.get("losses_by_group"), loss_tables(one.training)
    together = together if together and together["fits"] > 1 else None
    names = [*([_MEAN] if together else []), *losses]
    if not names:
        return
    st.markdown("**While it learned.** Validation loss of each group over the epochs; a group whose line rises is learned at the cost of others.")
    chosen = _division(names, f"{one.key}.groups.seed")
    alt, key, until = f"Validation loss of {one.scored.title} by group over the epochs, {chosen}", f"{one.key}.group-losses", None
    if chosen == _MEAN:
        st.caption(messages.plain(together["said"]))
        behind = pd.DataFrame(together["rows"])
        table = behind.pivot(index="epoch", columns="group", values="loss").reset_index()
        until = min(together["epochs"]) if len(set(together["epochs"])) > 1 else None
    else:
        behind = table = losses[chosen]
    evidence.chart(spectra_score_charts.group_losses(table, until), behind, alt, key, "group-losses.csv", _LOSS_COLUMNS)


def loss_tables(training):
    """Validation loss by epoch and group, one table per training that has any."""
    found = {}
    for fit in training:
        rows = [{"epoch": row["epoch"], **row["group_losses"]} for row in fit["rows"] if row.get("group_losses")]
        if rows:
            found[_fit_words(fit)] = pd.DataFrame(rows)
    return found


def _fit_words(fit):
    if "fold" in fit:
        return f"fold {fit['fold'] + 1}" + (f", repeat {fit['repeat'] + 1}" if fit["repeat"] else "")
    return "the kept model" if fit["seed"] is None else f"division {int(fit['seed']) + 1}"


def _division(names, key):
    if len(names) == 1:
        return names[0]
    if len(names) > _MOST_BUTTONS:
        return st.selectbox("Training", names, key=key)
    return st.segmented_control("Training", names, default=names[0], required=True, key=key, wrap=True) or names[0]


def distribution(one):
    """Are small and large values predicted as often as they occur?"""
    facts, unit = one.distribution, one.scored.unit_words
    ratio = facts.get("sd_ratio")
    if ratio is not None:
        shrunk = (
            "the tails are drawn to the middle"
            if ratio < 0.9
            else "the spread is kept"
            if ratio <= 1.1
            else "the predictions spread wider than the values"
        )
        st.markdown(f"Predictions have {theme.percent(ratio)} of the spread of the observed values: {shrunk}.")
    left, right = st.columns(2, gap="medium")
    with left:
        edges = facts["edges"]
        table = {"from": edges[:-1], "to": edges[1:], "observed": facts["observed"], "predicted": facts["predicted"]}
        alt = f"Distribution of observed and predicted values of {one.scored.title}"
        evidence.chart(spectra_score_charts.distribution(facts, unit), table, alt, f"{one.key}.distribution", "distribution.csv")
    with right:
        alt = f"Quantiles of predicted against observed values of {one.scored.title}"
        figure = spectra_score_charts.quantiles(facts["quantiles"], unit)
        evidence.chart(figure, facts["quantiles"], alt, f"{one.key}.quantiles", "quantiles.csv")


def training(one):
    """Losses over the epochs, one division at a time."""
    fits = {_fit_words(fit): fit["rows"] for fit in one.training if fit["rows"]}
    chosen = _division(list(fits), f"{one.key}.training.seed")
    frame = pd.DataFrame(fits[chosen]).drop(columns=["group_losses"], errors="ignore")
    evidence.chart(charts.losses(frame), frame, f"Loss by epoch of {one.scored.title}, {chosen}", f"{one.key}.losses", "losses.csv")
    if said := _how_it_ended(one.told or {}):
        st.caption(messages.plain(said))


def _how_it_ended(told):
    """Where the network learned and why it ended, of each of its members."""
    members = [f"member {number}: {words}" for number, words in enumerate(told.get("stopped") or (), start=1)]
    members = [members[0].partition(": ")[2]] if len(members) == 1 else members
    return " · ".join([*([f"on {str(told['device']).upper()}"] if told.get("device") else []), *members])
