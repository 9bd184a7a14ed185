"""The first thing to read of a learner: its score where nobody sampled, what its intervals keep, where it may be believed; the random score last."""

import streamlit as st

from pages.ui import messages, theme
from pages.ui.scored import LEVEL
from pages.ui.words import in_page

_GAP = 0.05  # R2 by which the random score must exceed the spatial one before it is called flattering
_SLACK = 2.0  # standard errors of a share within which an observed coverage counts as kept
_NOTHING = 0.1  # R2 below which a learner explains hardly anything
WIDTH = 193  # pixels: four cards beside each other where the window is 1280 wide
_SMALL_SHARE = 0.7  # of the map inside the area of applicability


def cards(scored):
    """Four numbers, the honest ones first; what they rest on in small print."""
    with st.container(horizontal=True, key=f"cards.{scored.key}"):
        _score(scored)
        _coverage(scored)
        _area(scored)
        _random(scored)
    st.caption(" · ".join(_small_print(scored)))


def metric(label, value, under, help=None, width=WIDTH):
    """A card: a number and, in small print, what to compare it with."""
    st.metric(label, value, under, delta_color="off", delta_arrow="off", help=help, border=True, width=width)


def _score(scored):
    row = scored.row
    label = "R², places not sampled" if scored.is_spatial else "R², between samples"
    error = f"typical error {theme.number(row.get('rmse'), 2)} {scored.unit or ''}".strip()
    help = "Pooled over the folds; no sample was predicted by a model that had seen it. 1 is perfect, 0 is as good as the mean."
    metric(label, theme.number(row.get("r2"), 2), error, help)


def _small_print(scored):
    row, said = scored.row, []
    if row.get("r2_low") is not None:
        said.append(f"R² lies between {theme.number(row['r2_low'], 2)} and {theme.number(row['r2_high'], 2)} (90 % of resampled blocks)")
    if row.get("r2_sd") is not None:
        said.append(f"± {theme.number(row['r2_sd'], 2)} between repeats")
    if row.get("width_90") is not None:
        said.append(f"intervals are {theme.number(row['width_90'], 2)} {scored.unit or ''} wide on average".replace("  ", " "))
    if row.get("mae") is not None:
        said.append(f"mean absolute error {theme.number(row['mae'], 2)} {scored.unit or ''}".strip())
    return said or ["no more is known of this learner"]


def _coverage(scored):
    facts = scored.interval
    coverage, width = scored.row.get("coverage_90"), scored.row.get("width_90")
    if facts is None or coverage is None:
        metric("Interval coverage", "–", "not known", "Train again to get prediction intervals.")
        return
    unit = f" {scored.unit}" if scored.unit else ""
    help = f"How many of the samples lay inside an interval made without them. Mean width {theme.number(width, 3)}{unit}. {_kept_words(facts)}"
    metric("Interval coverage", theme.percent(coverage), f"{theme.percent(facts['level'])} promised", help)


def _kept_words(facts):
    slack = _SLACK * (facts["level"] * (1 - facts["level"]) / max(facts["n"], 1)) ** 0.5
    if facts["coverage"] < facts["level"] - slack:
        return "They hold less than they promise."
    if facts["coverage"] > facts["level"] + slack:
        return "They hold more than they promise: wider than needed."
    return "They keep what they promise."


def _area(scored):
    facts, share = scored.area, scored.row.get("aoa_share")
    if facts is None or share is None:
        metric("Area of applicability", "–", "not known", "Train again to learn where the model may be believed.")
        return
    of = "of the map" if facts.get("of") == "pixels" else "of the tested samples"
    metric(
        "Area of applicability",
        theme.percent(share),
        of,
        f"Share {of} that resembles the training samples closely enough for these scores to hold. Looked at: {facts['n']:,}.",
    )


def _random(scored):
    random, r2 = scored.row.get("r2_random"), scored.row.get("r2")
    if random is None:
        metric("R², random folds", "–", "these folds are random", "Choose folds that keep places apart to see both scores.")
        return
    gap = random - (r2 or 0)
    under = f"for contrast: {gap:+.2f}"
    metric("R², random folds", theme.number(random, 2), under, "What a random division of the samples would have claimed. Do not quote it for a map.")


def sentences(scored, samples=None):
    """Which score to trust, and what stands in the way of trusting it.

    Parameters
    ----------
    scored : Scored
    samples : SampleSet, optional
        The chosen table, if the folds may still be changed.
    """
    st.info(messages.plain(in_page(_which(scored))), icon=":material/verified:")
    for sentence in _troubles(scored):
        st.warning(messages.plain(in_page(sentence)), icon=messages.ICONS["warning"])


def _which(scored):
    """Of the learner that is shown; a comparison's own sentence is about its best one."""
    r2, random = scored.row.get("r2"), scored.row.get("r2_random")
    if random is None:
        return scored.shared.get("spatial_first") or (
            "These folds tell how good predictions are between samples. For a map, look at matched folds, spatial blocks or whole groups."
        )
    if scored.folds_are_random and r2 is not None:
        return "Your samples are spread like the map, so folds matched to it are random ones: one score says both. Folds drawn anew (repeats) show how sure it is."
    if r2 is not None and random - r2 > _GAP and _spread_like_the_map(scored):
        return (
            f"Trust the first score for places far from all samples. The random one is {random - r2:.2f} higher; your samples are spread like the map, so "
            "between them the truth lies nearer to it. Folds matched to the map (kNNDM) measure what holds for the whole map."
        )
    if r2 is not None and random - r2 > _GAP:
        return (
            f"Trust the first score for the map. The random one is {random - r2:.2f} higher because it leans on neighbours of each sample; "
            "most of the map has none."
        )
    return "Trust the first score for the map. The random one is no better, so neighbours help little here."


def _spread_like_the_map(scored):
    """Whether the samples lie as a design would have drawn them, and these folds ask for more than the map needs."""
    design = scored.shared.get("design") or {}
    return bool(design.get("kind")) and design.get("suggested_cv") == "random" and "kNNDM" not in scored.folds


def _troubles(scored):
    """Sentences, at most one of each kind."""
    r2, facts, area = scored.row.get("r2"), scored.interval, scored.area
    found = list(scored.shared.get("warnings") or ())
    if r2 is None or r2 < _NOTHING:
        found.append(
            "This learner explains hardly anything here: a map would mostly show the mean. More samples, another date or other predictors may help."
        )
    if facts is not None and "less than" in _kept_words(facts):
        found.append(
            f"The {theme.percent(LEVEL)} intervals held only {theme.percent(facts['coverage'])} of {facts['n']} samples. Read them as too narrow."
        )
    if area is not None and area.get("of") == "pixels" and area["share"] < _SMALL_SHARE:
        found.append(
            f"Only {theme.percent(area['share'])} of the map resembles the samples. Elsewhere these scores do not hold; sampling there would help most."
        )
    return found
