"""What the server answers besides pages: map tiles, the value of a pixel, and the browser's packages. Nothing here changes state."""

import logging
import math

import streamlit as st
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from pages.ui import layers
from soilcore.core.errors import SoilcoreError
from soilcore.project import assets

DEEPEST_ZOOM = 24
_log = logging.getLogger("soilcore.routes")

are_served = False  # set by the app's lifespan; false in a page test, where maps show an image instead of tiles


def prefix():
    """What the server's addresses begin with; Streamlit does not add it to routes of ours."""
    base = (st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}" if base else ""


def routes():
    """The routes, for `st.App`."""
    base = prefix()
    assets.VENDOR.mkdir(parents=True, exist_ok=True)  # set-up may fill it while the server runs
    return [
        Route(f"{base}/tiles/{{layer}}/{{z:int}}/{{x:int}}/{{y:int}}.png", tile),
        Route(f"{base}/value/{{layer}}", value),
        Route(f"{base}/start", start),
        Mount(f"{base}/vendor", StaticFiles(directory=assets.VENDOR)),
    ]


def start(request):
    """The start page is the app's first page and lives at its root: an address that names it is sent there, project and all."""
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{prefix()}/{query}", status_code=307)


def tile(request):
    """One map tile: 200 with a PNG, 204 outside the layer, 404 for an unknown layer, 400 for a tile that cannot be."""
    layer = layers.find(request.path_params["layer"])
    if layer is None:
        return _refusal("This layer is not open any more; reload the page.", 404)
    z, x, y = (request.path_params[name] for name in ("z", "x", "y"))
    if not (0 <= z <= DEEPEST_ZOOM and 0 <= x < 2**z and 0 <= y < 2**z):
        return _refusal("There is no such tile.", 400)
    try:
        png = layer.tile(z, x, y)
    except (SoilcoreError, OSError) as error:
        _log.warning("tile of %s: %s", layer.path.name, error)
        return _refusal("The raster cannot be read any more; reload the page.", 404)
    if png is None:
        return Response(status_code=204)
    return Response(png, media_type="image/png", headers={"Cache-Control": "private, max-age=3600"})


def value(request):
    """The value under a place: ``{"value", "text"}``; null outside the layer and where it has no data."""
    layer = layers.find(request.path_params["layer"])
    if layer is None:
        return _refusal("This layer is not open any more; reload the page.", 404)
    place = _place(request.query_params)
    if place is None:
        return _refusal("Give lon (-180 to 180) and lat (-90 to 90) in degrees.", 400)
    try:
        found = layer.value_at(*place)
    except (SoilcoreError, OSError) as error:
        _log.warning("value of %s: %s", layer.path.name, error)
        return _refusal("The raster cannot be read any more; reload the page.", 404)
    return JSONResponse({"value": found, "text": layer.style.text_of(found)}, headers={"Cache-Control": "no-store"})


def _place(query):
    try:
        lon, lat = float(query["lon"]), float(query["lat"])
    except (KeyError, ValueError):
        return None
    return (lon, lat) if math.isfinite(lon) and math.isfinite(lat) and abs(lon) <= 180 and abs(lat) <= 90 else None


def _refusal(sentence, code):
    return JSONResponse({"error": sentence}, status_code=code, headers={"Cache-Control": "no-store"})


def warm_up():
    """Import what the map page needs before somebody asks for it."""
    import leafmap.foliumap  # noqa: F401
    import sklearn.ensemble  # noqa: F401
