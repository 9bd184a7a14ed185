"""For which date a map is made, where the model's imagery, rasters or climate change with time."""

import datetime

import streamlit as st

from pages.ui import cached, covariates, messages


def choose(model):
    """Ask for the date.

    Parameters
    ----------
    model : dict
        As `model.json` says.

    Returns
    -------
    date : str or None
        None where nothing changes with time.
    ready : bool
        False while a date is needed and none is there.
    """
    recipe = model["recipe"]
    if not is_dated(recipe):
        return None, True
    days, by_year = _known_days(recipe)
    key = f"map.date.{len(days)}.{days[0] if days else ''}.{days[-1] if days else ''}"
    if days:
        words = "Year of the map" if by_year else "Date of the map"
        st.caption("This model was trained on what held at each sample's own date, so a map needs a date, too.")
        return st.selectbox(words, days, len(days) - 1, key=key), True
    chosen = st.date_input("Date of the map", value=None, key=key, max_value=datetime.date.today(), format="YYYY-MM-DD")
    if chosen is None:
        st.caption("This model was trained on the climate before each sample's date. Say for which date the map is.")
    return (str(chosen), True) if chosen else (None, False)


def is_dated(recipe):
    """Whether a model's predictors change with time."""
    changing = any(use.get("when", "static") != "static" for use in recipe["covariates"])
    return changing or recipe.get("scene_when", "static") != "static" or recipe.get("climate_when", "static") != "static"


def _known_days(recipe):
    """Days or years there is imagery or a raster for, as text, and whether they are years."""
    if recipe.get("scene_when", "static") != "static":
        with messages.shown():
            opened = cached.imagery()
            if cached.is_series(opened):
                by_year = opened.when == "year"
                return [str(day.year) if by_year else str(day) for day in opened.dates], by_year
        return [], False
    names = [use["name"] for use in recipe["covariates"] if use.get("when", "static") != "static"]
    there = covariates.predictors()
    for name in names:
        if name in there:
            facts = covariates.described(there[name])
            return list(facts.dates), facts.when == "year"
    return [], False
