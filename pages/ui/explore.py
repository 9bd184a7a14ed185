"""The map people use: every layer of the project on one map, and what is known of the place that was clicked."""

import folium
import streamlit as st

from pages.ui import (
    cached,
    explore_layers,
    explore_parts,
    explore_samples,
    map_layers,
    mapparts,
    maps,
    messages,
    place_panel,
    places,
    routes,
    scene_map,
)
from pages.ui.session import current_work

# asked for only by those who choose it; see https://operations.osmfoundation.org/policies/tiles/
ONLINE = {
    "label": "OpenStreetMap (from the internet)",
    "tiles": "https://tile.openstreetmap.org/{z}/{x}/{y}.png",
    "credit": "© OpenStreetMap contributors",
}
_OUTLINE = "Area of interest"


@st.fragment
def picture(made):
    """The map itself and, below it, the place that was clicked; a click reruns this part only."""
    with messages.shown():
        _draw(made)


def _draw(made):
    named = map_layers.of(made)
    topics = explore_layers.of(made, named)
    errors = None
    with messages.shown():
        errors = explore_samples.errors_of(place_panel.model_of(made))
    key = f"explore-{current_work().project.id}"
    place = _place(key)
    with st.spinner("Drawing the map ..."):
        maps.clicked_on(_map(made, named, topics, errors, key), key, _mark(place))
    place_panel.panel(made, named, topics, errors, place)
    if errors is not None:
        explore_samples.table_of(errors)


def _map(made, named, topics, errors, key):
    map_ = maps.based_map()
    map_.add_child(mapparts.Graticule())
    extras = _on_top(map_, errors)
    bounds = maps.bounds_of([topics[0].values], ())
    map_.add_child(explore_parts.WholeMap(bounds))
    map_.add_child(explore_parts.Divider())
    map_.add_child(explore_parts.LayerPanel([_plain(topic) for topic in topics], extras, _grounds(), _veil(named), key))
    if routes.are_served:
        told = [[label, [maps.value_address(one.layer) for one in several]] for label, several in map_layers.rows(named, made.level)]
        covered = [f"map/{name}" for name in map_layers.TOLD]
        map_.add_child(explore_parts.Reader(told, covered, f"Map: {topics[0].values.title}."))
    map_.add_child(mapparts.View(bounds, key))
    return map_


def _on_top(map_, errors):
    """Samples and outlines, added to the map; what the panel needs to switch them."""
    extras = []
    for framed in places.area_of_interest():
        element = mapparts.Frames(list(framed.frames), framed.color, framed.dashes)
        map_.add_child(element)
        extras.append((framed.label, element, None))
    if errors is not None:
        element = explore_parts.ErrorCircles(errors.points, errors.looks)
        map_.add_child(element)
        extras.append((explore_samples.LABEL, element, errors.legend))
    elif samples := places.samples():
        element = mapparts.Samples(list(samples))
        map_.add_child(element)
        extras.append(("Samples", element, None))
    return extras


def _plain(topic):
    """A topic as the panel takes it."""
    forms = [{"form": name, "value": _value(topic, one), **_source(one), **one.legend} for name, one in topic.forms.items()]
    if topic.linked:
        name, shown = topic.linked
        next(one for one in forms if one["form"] == "values")["linked"] = {"name": name, **_source(shown), **shown.legend}
    return {"key": topic.key, "label": topic.label, "group": topic.group, "twin": topic.twin, "forms": forms}


def _value(topic, one):
    """Where its values are asked for: in numbers, also while it is shown in classes."""
    told = topic.values if topic.values.layer.style.kind != "rgb" else one
    return maps.value_address(told.layer) if routes.are_served else None


def _source(one):
    if routes.are_served:
        return {"tiles": maps.tiles_address(one.layer), "bounds": one.bounds, "opacity": one.opacity}
    picture, bounds = maps.still_picture(one)
    return {"picture": picture, "bounds": bounds, "opacity": one.opacity}


def _grounds():
    """What may lie under the layers: the imagery in true colour, and maps from the internet for those who choose them."""
    found = []
    with messages.shown():
        if (background := scene_map.background(cached.scene())) is not None:
            found.append({"label": background.label, **_source(background)})
    return [*found, ONLINE]


def _veil(named):
    veil = map_layers.outside(named)
    return None if veil is None else {"label": veil.label, **_source(veil)}


def _place(key):
    """The place that is looked at, (longitude, latitude): the last one clicked or typed, also after another page was open."""
    clicked = (st.session_state.get(key) or {}).get("last_clicked")  # there before the map is drawn, so that the map can mark it
    if clicked and clicked != st.session_state.get(f"{key}.heard"):
        st.session_state[f"{key}.heard"] = clicked
        place_panel.keep((clicked["lng"], clicked["lat"]))
    return place_panel.kept()


def _mark(place):
    """A ring round the place, laid over the map without drawing it anew."""
    group = folium.FeatureGroup("place")
    if place is not None:
        for color, weight in (("#fff", 5), ("#17211c", 2)):
            folium.CircleMarker([place[1], place[0]], radius=9, color=color, weight=weight, fill=False, interactive=False).add_to(group)
    return group
