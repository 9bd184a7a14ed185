"""Rasters of a result on one map, with the same panel as the map of the project: layers, a divider, opacity, legend, background."""

import re

from pages.ui import cached, explore_parts, mapparts, maps, messages, places, routes, scene_map
from soilcore.core.errors import SoilcoreError

_MOST_PICTURES = 3  # without tiles each travels whole with the page


def show(shown, key, about, veil=None, twin=None, bare=False):
    """Draw the layers of a result.

    Parameters
    ----------
    shown : sequence of maps.Shown
        The first is on top.
    key : str
        Name of the view; place, zoom and choices are kept under it while the browser window lives.
    about : str
        What the map shows, in one sentence, for those who do not see it.
    veil : maps.Shown, optional
        Lies over the layers, switched off at first.
    twin : str, optional
        Label of the layer that the first one is compared with when a divider is asked for.
    bare : bool
        Nothing lies under the layers at first: where pixels are left out, brown soil would look like a colour of the ramp.

    Returns
    -------
    tuple of float or None
        (longitude, latitude) of the last click.
    """
    if not routes.are_served:
        shown, veil = shown[:_MOST_PICTURES], None
    map_ = maps.based_map()
    map_.add_child(mapparts.Graticule())
    extras = _on_top(map_)
    bounds = maps.bounds_of(shown, ())
    map_.add_child(explore_parts.WholeMap(bounds))
    map_.add_child(explore_parts.Divider())
    topics = [_topic(one, one.label == twin) for one in shown]
    map_.add_child(
        explore_parts.LayerPanel(
            topics, extras, [one | {"aside": bare} for one in grounds()], None if veil is None else {"label": veil.label, **source(veil)}, key
        )
    )
    if routes.are_served:
        map_.add_child(
            explore_parts.Reader([[one.label, [maps.value_address(one.layer)]] for one in shown], [topic["key"] for topic in topics], about)
        )
    map_.add_child(mapparts.View(bounds, key))
    return maps.clicked_on(map_, key)


def _topic(one, twin):
    address = maps.value_address(one.layer) if routes.are_served else None
    key = re.sub(r"\W+", "-", f"{one.group}-{one.label}").lower()
    return {
        "key": key,
        "label": one.label,
        "group": one.group,
        "twin": twin,
        "forms": [{"form": "values", "value": address, **source(one), **one.legend}],
    }


def source(one):
    """Where the browser gets a layer from: tiles, or one picture with the data in it where this server has no tiles."""
    if routes.are_served:
        return {"tiles": maps.tiles_address(one.layer), "bounds": one.bounds, "opacity": one.opacity}
    picture, bounds = maps.still_picture(one)
    return {"picture": picture, "bounds": bounds, "opacity": one.opacity}


def grounds():
    """What may lie under the layers: the imagery in true colour, where it can be shown."""
    try:
        background = scene_map.background(cached.scene())
    except SoilcoreError:
        return []
    return [] if background is None else [{"label": background.label, **source(background)}]


def _on_top(map_):
    """The area of interest, added to the map; what the panel needs to switch it."""
    extras = []
    with messages.shown():
        for framed in places.area_of_interest():
            element = mapparts.Frames(list(framed.frames), framed.color, framed.dashes)
            map_.add_child(element)
            extras.append((framed.label, element, None))
    return extras
