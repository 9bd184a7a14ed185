"""The map of the page of fields: fields or rasters to choose from, what lies under and over them, and what a click tells."""

import folium

from pages.ui import fields_shapes, mapparts, maps, routes

HEIGHT = 560


def show(key, drawn=(), shown=(), background=None, points=(), told=(), bounds=None, marks=(), about="A map."):
    """Draw fields, rasters and points.

    Parameters
    ----------
    key : str
        Name of the view; place and zoom are kept under it while the browser window lives.
    drawn : sequence of (element, legend or None)
        Fields in several colourings; what has no legend is only added.
    shown : sequence of maps.Shown
        Rasters, listed after them.
    background : maps.Shown, optional
        Under everything.
    points : sequence of (label, colour, sequence of (latitude, longitude, text))
    told : sequence of (str, list of maps.Shown)
        What a click tells of rasters: a label, and layers whose values are joined by "to".
    bounds : tuple, optional
        ((south, west), (north, east)) that the map begins with.
    marks : sequence of (label, element)
        What lies over everything, to be switched on and off.
    about : str
        What the map shows, for those who do not see it.

    Returns
    -------
    tuple of float or None
        (longitude, latitude) of the last click.
    """
    map_ = maps.based_map()
    extras = [(background.label, _raster(background, map_))] if background else []
    for element, _ in drawn:
        map_.add_child(element)
    layers = [(element, legend) for element, legend in drawn if legend] + [(_raster(one, map_), one.legend) for one in shown]
    map_.add_child(mapparts.Graticule())
    map_.add_child(fields_shapes.About(about))
    for label, color, several in points:
        if several:
            circles = mapparts.Samples(list(several), color)
            map_.add_child(circles)
            extras.append((label, circles))
    for label, element in marks:
        map_.add_child(element)
        extras.append((label, element))
    map_.add_child(mapparts.Panel(layers, extras, choice=bool(layers)))
    if routes.are_served and told:
        map_.add_child(mapparts.Inspector([[label, [maps.value_address(one.layer) for one in several]] for label, several in told]))
    places = [(lat, lon) for _, _, several in points for lat, lon, _ in several]
    map_.add_child(mapparts.View(maps.bounds_of((), list(bounds)) if bounds else maps.bounds_of(shown, places), key))
    return maps.clicked_on(map_, key, height=HEIGHT)


def _raster(one, map_):
    if routes.are_served:
        more = {"max_zoom": routes.DEEPEST_ZOOM, "max_native_zoom": 20, "bounds": one.bounds}
        element = folium.TileLayer(maps.tiles_address(one.layer), attr="soilcore", name=one.label, overlay=True, opacity=one.opacity, **more)
    else:
        picture, bounds = maps.still_picture(one)
        element = folium.raster_layers.ImageOverlay(picture, bounds, opacity=one.opacity, name=one.label)
    element.add_to(map_)
    return element
