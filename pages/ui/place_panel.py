"""What is known of the place that was clicked: value, how sure it is, whether to believe it, the nearest sample, crops, and what drove the model."""

from pathlib import Path

import pandas as pd
import streamlit as st

from pages.ui import evidence, map_layers, messages, place_drivers, theme
from pages.ui.session import current_work
from pages.ui.words import in_page
from soilcore.core.errors import SoilcoreError

_FAR_M = 1000.0
_CROPS_NAMED = 6
_YIELDS = {
    "name": "Crop",
    "yield": st.column_config.NumberColumn("Yield expected", format="%.0f %%", help="Of what it gives without salt"),
    "yield_low": st.column_config.NumberColumn("at the upper bound of salt", format="%.0f %%"),
    "yield_high": st.column_config.NumberColumn("at the lower bound", format="%.0f %%"),
    "sure": st.column_config.CheckboxColumn("over the whole interval"),
}


def model_of(made):
    """Id of the model that made a map."""
    return Path(made.settings.get("model_dir", "?")).name


def _key():
    return f"explore.place.{current_work().project.id}"


def keep(place):
    """Look at a place, (longitude, latitude), also after another page was open."""
    st.session_state[_key()] = place


def kept():
    """The place that is looked at, or None."""
    return st.session_state.get(_key())


def panel(made, named, topics, errors, place):
    """Everything about the place; before there is one, how to choose it.

    Parameters
    ----------
    made : mapping.MadeMap
    named : list of map_layers.Named
    topics : list of explore_layers.Topic
    errors : explore_samples.Errors or None
    place : tuple of float or None
        Longitude, latitude.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader("At this place", anchor=False, width="stretch")
        _typed()
    if place is None:
        st.info(
            "Click the map to read a place: its value, how sure that is, which crops stand it, and what drove the model.", icon=":material/ads_click:"
        )
        return
    lon, lat = place
    values = map_layers.values_at(named, lon, lat)
    st.caption(f":material/location_on: {lat:.5f}°, {lon:.5f}°")
    if values.get("value") is None:
        _nothing_here(errors, lon, lat)
        return
    left, right = st.columns([5, 7], gap="large")
    with left:
        _facts(made, named, values, errors, lon, lat)
        _crops(made, values)
        _all_layers(topics, lon, lat)
    with right, messages.shown():
        place_drivers.panel(made, lon, lat)


def _typed():
    """A place by its coordinates, for those who do not click."""
    key = "explore.typed"

    def take():
        read = _coordinates(st.session_state[key])
        st.session_state[f"{key}.wrong"] = bool(st.session_state[key].strip()) and read is None
        if read is not None:
            keep(read)

    st.text_input("Or type latitude, longitude", key=key, placeholder="e.g. 37.8345, 118.3933", on_change=take, width=280)
    if st.session_state.get(f"{key}.wrong"):
        st.caption(":material/error: Write two numbers in degrees, latitude first: 37.8345, 118.3933.")


def _coordinates(text):
    try:
        lat, lon = (float(part.strip().rstrip("°")) for part in text.replace(";", ",").split(","))
    except ValueError:
        return None
    return (lon, lat) if abs(lat) <= 90 and abs(lon) <= 180 else None


def _nothing_here(errors, lon, lat):
    st.info("Nothing is mapped here: the place lies outside the map, under its mask, or lacks a predictor.", icon=":material/location_off:")
    if errors is not None:
        st.markdown(_nearest(errors, lon, lat))


def _facts(made, named, values, errors, lon, lat):
    """Value, interval, class, applicability, nearest sample: what a manager asks first."""
    styles = {one.key: one.style for one in named}

    def words(key):
        return messages.plain(styles[key].text_of(values[key])) if key in styles else None

    st.metric(messages.plain(next(one.shown.title for one in named if one.key == "value")), styles["value"].text_of(values["value"]))
    lines = [f":material/category: **{words('class')}**"] if "class" in styles else []
    if {"lower", "upper"} <= set(styles):
        level = "" if made.level is None else f"{100 * made.level:.4g} % "
        width = "" if values["width"] is None else f", {words('width')} wide"
        upper = "no upper bound" if values["upper"] is None else words("upper")
        lines.append(f":material/straighten: {level}interval **{words('lower')} to {upper}**{width}")
    if "aoa" in styles:
        lines.append(_believed(values))
    lines += [f":material/percent: {messages.plain(one.shown.label)}: **{words(one.key)}**" for one in named if one.key.startswith("p_gt_")]
    if errors is not None:
        lines.append(_nearest(errors, lon, lat))
    st.markdown("\n\n".join(lines))


def _believed(values):
    if values["aoa"] is None:
        return ":material/help: not known whether the samples stand for this place"
    if values["aoa"]:
        return ":material/check_circle: **inside** the area of applicability: the samples stand for places like this"
    return ":material/warning: **outside** the area of applicability: no sample is like this place, so neither value nor interval should be trusted"


def _nearest(errors, lon, lat):
    from soilcore.project.pixels import nearest_place

    number, distance = nearest_place(errors.table["longitude"], errors.table["latitude"], lon, lat)
    row, unit = errors.table.iloc[number], f" {errors.unit}" if errors.unit else ""
    far = f"{distance / 1000:.1f} km" if distance >= _FAR_M else f"{distance:.0f} m"
    name = f"row {row['row']:.0f}, " if "row" in errors.table else ""
    measured, predicted = theme.number(row["observed"]), theme.number(row["predicted"])
    about = messages.plain(f"{name}measured {measured}{unit}, predicted {predicted}{unit} when left out")
    return f":material/near_me: nearest sample **{far}** away ({about})"


def _crops(made, values):
    """Which crops stand the salt of this place; for targets that are no ECe, why that is not said."""
    from soilcore.mapping.crops import GOOD_YIELD, check_crops_fit, crops, crops_that_stand

    target = _target(made)
    if target is None:
        return
    try:
        check_crops_fit(target["unit"], target.get("form"), target["column"])
    except SoilcoreError as error:
        if "salin" in str(target.get("form")) or target.get("form") in ("salt", "as-measured"):
            st.caption(f":material/grass: {messages.plain(in_page(error.message))}")
        return
    rows = crops_that_stand(values["value"], values.get("lower"), values.get("upper"))
    named = " · ".join(messages.plain(row["name"].lower()) for row in rows[:_CROPS_NAMED])
    sure = [row for row in rows if row["sure"]]
    if not rows:
        st.markdown(f":material/grass: **No crop** of {len(crops())} is expected to give {GOOD_YIELD:.0f} % of its yield in this soil.")
        return
    told = f"**{len(rows)} of {len(crops())} crops** are expected to give {GOOD_YIELD:.0f} % of their yield or more"
    if rows[0]["sure"] is not None:
        told += f", **{len(sure) or 'none'}** of them even at the upper bound of the interval"
    st.markdown(f":material/grass: {told}. The most sensitive: {named}.")
    with st.expander("Crops that stand it", icon=":material/table:", type="compact"):
        table = pd.DataFrame(rows).drop(columns="id")
        st.dataframe(table, hide_index=True, placeholder="", alt="Crops that stand this place, the most sensitive first", column_config=_YIELDS)
        st.caption("Salt alone: water, climate, sodium and the cultivar decide the harvest. Have the soil analysed before a crop is chosen.")
        evidence.download(table, "place.crops", "crops-at-this-place.csv")


def _target(made):
    from pages.ui.mapping import model_facts

    identifier = model_of(made)
    return model_facts(identifier)["target"] if identifier in current_work().models else None


def _all_layers(topics, lon, lat):
    """Every layer's value here, as a table: behind the map."""
    with st.expander("Every layer at this place", icon=":material/table:", type="compact", on_change="rerun", key="place.layers") as box:
        if not box.open:
            return
        rows = []
        for topic in topics:
            layer = topic.values.layer
            with messages.shown():
                value = layer.value_at(lon, lat)
                if value is not None:
                    rows.append({"Group": topic.group, "Layer": topic.label, "Value": layer.style.text_of(value), "number": value})
        table = pd.DataFrame(rows)
        st.dataframe(table, hide_index=True, placeholder="", alt="Values of all layers at this place", column_config={"number": None})
        evidence.download(table, "place.layers", "layers-at-this-place.csv")
