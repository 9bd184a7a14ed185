"""What a finished map says besides the picture: how good and how sure it is, and areas of classes."""

from pathlib import Path

import pandas as pd
import streamlit as st

from pages.ui import map_networks, messages, theme
from pages.ui.mapping import model_facts
from pages.ui.session import current_work
from pages.ui.words import in_page

_WEAK_R2 = 0.1
_HECTARES = {
    "area_ha": st.column_config.NumberColumn("Area (ha)", format="%.1f"),
    "area_ha_expected": st.column_config.NumberColumn("Expected (ha)", format="%.1f"),
    "area_ha_low": st.column_config.NumberColumn("from (ha)", format="%.1f"),
    "area_ha_high": st.column_config.NumberColumn("to (ha)", format="%.1f"),
}
_AREAS = {
    "class": "Class",
    "lower": st.column_config.NumberColumn("From", format="%g"),
    "upper": st.column_config.NumberColumn("To", format="%g"),
    **_HECTARES,
    "share": st.column_config.ProgressColumn("Share", format="percent", min_value=0, max_value=1),
}


def summary(made):
    """How good the model is, how sure the map, how much of it may be believed; a weak model is called weak."""
    identifier = Path(made.settings.get("model_dir", "?")).name
    model = model_facts(identifier) if identifier in current_work().models else None
    if model:
        _cards(made, model)
    words = [f"Model {messages.plain(identifier)}", *([_score_words(model)] if model else [])]
    if pixels := made.facts.get("pixels"):
        valid = made.facts["valid"]
        words.append(
            f"{valid:,} of {pixels:,} pixels mapped ({theme.percent(valid / pixels)}); the others have no valid image values, are masked, or lie outside the area"
        )
    if aoi := made.settings.get("inputs", {}).get("aoi"):
        words.append(f"within {messages.plain(Path(aoi).name)}")
    st.caption(" · ".join(words))
    map_networks.summary(made, model["target"]["unit"] if model else made.facts.get("unit"))
    messages.assumed(made.facts.get("assumed", ()))
    if model:
        _warn_if_weak(model["scores"].get("r2"))


def _cards(made, model):
    scores, share = model["scores"], made.facts.get("aoa_share")
    r2, coverage = scores.get("r2"), (made.facts.get("interval") or {}).get("coverage")
    common = {"delta_color": "off", "delta_arrow": "off", "border": True, "width": 250}
    with st.container(horizontal=True, key="map.cards"):
        where = "R², places not sampled" if scores.get("r2_random") is not None else "R², between samples"
        error = f"typical error {theme.number(scores.get('rmse'), 2)} {model['target']['unit'] or ''}".strip()
        st.metric(where, theme.number(r2, 2), error, help=model["folds"]["label"], **common)
        if coverage is not None:
            promised = f"{theme.percent(made.level)} promised"
            st.metric("Interval coverage", theme.percent(coverage), promised, help="Of samples whose interval was made without them", **common)
        if share is not None:
            inside = "of this map resembles the samples"
            st.metric("Area of applicability", theme.percent(share), inside, help="Elsewhere, neither scores nor intervals hold", **common)


def _score_words(model):
    scores = model["scores"]
    figures = f"R² {theme.number(scores.get('r2'), 2)}, RMSE {theme.number(scores.get('rmse'), 2)} {model['target']['unit'] or ''}"
    return messages.plain(f"{figures.strip()} under {model['folds']['label']}")


def _warn_if_weak(r2):
    if r2 is not None and r2 < _WEAK_R2:
        st.warning(
            f"Where nobody sampled, this model explains almost nothing (R² {theme.number(r2, 2)}). Read the map as a sketch: "
            "more samples, or predictors that know more about the soil, come first.",
            icon=messages.ICONS["warning"],
        )


def areas(made):
    """Land in each class; with its uncertainty where intervals were mapped."""
    rows = made.facts.get("classes")
    if not rows:
        return
    st.subheader("Area of each class", anchor=False)
    table = pd.DataFrame(rows)
    st.dataframe(table, hide_index=True, placeholder="", alt="Area in hectares and share of every class", column_config=_AREAS)
    if assumption := made.facts.get("classes_assumption"):
        st.caption(
            f"Area counts the pixels of the map, which loses extremes; Expected adds up the probabilities of all pixels. {messages.plain(in_page(assumption))}"
        )
    st.download_button(
        "Area table as CSV", table.to_csv(index=False), f"{made.id}-areas.csv", "text/csv", icon=":material/download:", key="map.areas"
    )
