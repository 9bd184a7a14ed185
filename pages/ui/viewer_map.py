"""The viewer's map: the layers of one finished map, the value under a click, and in words what it means."""

import folium
import streamlit as st

from pages.ui import explore_parts, map_layers, mapparts, maps, messages, result_map, routes, viewer_words
from pages.ui.session import current_work

HEIGHT = 520
_OFFERED = ("class", "value", "width", "aoa")  # and chances of more than a threshold; scientists find the rest on the page of the map
_MOST_PICTURES = 2  # without tiles each travels whole with the page


@st.fragment
def picture(made, finished):
    """Map and place; a click reruns this part only.

    Parameters
    ----------
    made : mapping.MadeMap
    finished : soilcore.mapping.finished.FinishedMap
    """
    with messages.shown():
        _draw(made, finished)


def _draw(made, finished):
    named = map_layers.of(made)
    key = f"viewer-{current_work().project.id}-{made.id}"
    clicked = (st.session_state.get(key) or {}).get("last_clicked")
    place = (clicked["lng"], clicked["lat"]) if clicked else None
    maps.clicked_on(_map(made, named, finished, key), key, _mark(place), HEIGHT)
    _told(made, named, place)


def _map(made, named, finished, key):
    offered = [one.shown for one in named if one.key in _OFFERED or one.key.startswith("p_gt_")]
    shown = offered if routes.are_served else offered[:_MOST_PICTURES]
    map_ = maps.based_map()
    map_.add_child(mapparts.Graticule())
    bounds = maps.bounds_of(shown[:1], ())
    map_.add_child(explore_parts.WholeMap(bounds))
    map_.add_child(explore_parts.Divider())
    veil = map_layers.outside(named) if routes.are_served else None
    veil = None if veil is None else {"label": veil.label, **result_map.source(veil)}
    map_.add_child(explore_parts.LayerPanel([_topic(one) for one in shown], (), result_map.grounds(), veil, key))
    if routes.are_served:
        told = [[label, [maps.value_address(one.layer) for one in several]] for label, several in map_layers.rows(named, made.level)]
        covered = [_key_of(one.shown) for one in named if one.key in map_layers.TOLD]
        map_.add_child(explore_parts.Reader(told, covered, f"Map of {finished.quantity}."))
    map_.add_child(mapparts.View(bounds, key))
    return map_


def _key_of(one):
    return f"map/{one.label}"


def _topic(one):
    value = maps.value_address(one.layer) if routes.are_served else None
    form = {"form": "values", "value": value, **result_map.source(one), **one.legend}
    return {"key": _key_of(one), "label": one.label, "group": one.group, "twin": False, "forms": [form]}


def _mark(place):
    """A ring round the place, laid over the map without drawing it anew."""
    group = folium.FeatureGroup("place")
    if place is not None:
        for color, weight in (("#fff", 5), ("#17211c", 2)):
            folium.CircleMarker([place[1], place[0]], radius=9, color=color, weight=weight, fill=False, interactive=False).add_to(group)
    return group


def _told(made, named, place):
    """What is known of the place, in words."""
    if place is None:
        st.info("Tap or click the map: below it stands what is known of the place and what that means.", icon=":material/touch_app:")
        return
    lon, lat = place
    values = map_layers.values_at(named, lon, lat)
    with st.container(border=True, key="viewer.place"):
        st.caption(f":material/location_on: {lat:.5f}°, {lon:.5f}°")
        if values.get("value") is None:
            st.markdown("Nothing is mapped here: the place lies outside the map, or is water.")
            return
        styles = {one.key: one.style for one in named}
        words = styles["class"].text_of(values["class"]) if "class" in styles and values["class"] is not None else ""
        st.markdown(f"### {messages.plain(styles['value'].text_of(values['value']))}{f' · {messages.plain(words)}' if words else ''}")
        model = viewer_words.model_of(made)
        said = viewer_words.of_place(values, styles, made.level, model and model["target"])
        st.markdown("\n".join(f"- {messages.plain(sentence)}" for sentence in said))
