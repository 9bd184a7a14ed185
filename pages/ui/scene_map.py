"""Where the image and the samples lie, on one map: extent, a picture in colours people know, and which samples fall where."""

from pathlib import Path

import streamlit as st

from pages.ui import cached, layers, maps, messages, places, steps, theme
from pages.ui.session import current_work

PICTURES = {
    "True colour": ("R", "G", "B"),
    "False colour (vegetation red)": ("N", "R", "G"),
    "Shortwave infrared (salt and bare soil)": ("S2", "N", "R"),
}
_OUTSIDE = "#f0a202"
_PICTURE_FOLDER = ".pictures"
_HEIGHT = 520


def possible_pictures(scene):
    """Pictures that the bands of a scene allow, by name."""
    return {name: roles for name, roles in PICTURES.items() if set(roles) <= set(scene.roles)}


def panel(scene):
    """The map, and beside it how samples and image overlap."""
    from pages.ui.scene_facts import band_words

    possible = possible_pictures(scene)
    left, right = st.columns([3, 1], gap="large")
    with left:
        roles = None
        if possible:
            key = f"imagery.picture.{len(possible)}"
            name = st.segmented_control(
                "Picture", list(possible), default=next(iter(possible)), required=True, key=key, persist_state="session", wrap=True
            )
            roles = possible.get(name) or next(iter(possible.values()))
        else:
            st.info("This image has no red, green and blue bands to show in colour; its extent is on the map.", icon=":material/palette:")
        with messages.shown():
            _map(scene, roles, name if roles else None)
        if roles:
            words = ", ".join(band_words(role) for role in roles)
            st.caption(f"Shown as red, green, blue: {words}; stretched between the 2nd and 98th percentile. Click a place to read its reflectance.")
    with right, messages.shown():
        overlap(scene)


@st.fragment
def _map(scene, roles, name):
    if not maps.ready():
        return
    inside, outside = _samples_on(scene)
    points = [("Samples", "#fff", inside), ("Samples outside the image", _OUTSIDE, outside)]
    shown = [_picture(scene, roles, name)] if roles else []
    framed = [maps.Framed("Extent of the image", (("", _corners(scene.grid)),)), *places.area_of_interest()]
    clicked, _ = maps.show_places(shown, f"imagery-{current_work().project.id}-{scene.grid.bounds[0]:.6g}", framed, points, _HEIGHT)
    if clicked is not None:
        st.markdown(_reflectance(scene, *clicked))


def _corners(grid):
    from soilcore.data.previews import footprint

    return [(latitude, longitude) for longitude, latitude in footprint(grid)]


def _reflectance(scene, lon, lat):
    values = scene.sample([lon], [lat], "EPSG:4326")[0]
    words = [f"{role} {theme.number(float(value))}" for role, value in zip(scene.roles, values, strict=True) if value == value]
    return f":material/location_on: {lat:.5f}°, {lon:.5f}° · {messages.plain(' · '.join(words)) or 'no valid value here'}"


def _samples_on(scene):
    """Samples as (latitude, longitude, text), those inside the scene and those outside."""
    everything = places.samples()
    if not everything:
        return (), ()
    longitude, latitude = [point[1] for point in everything], [point[0] for point in everything]
    inside = scene.grid.rows_cols(longitude, latitude, "EPSG:4326")[2]
    return tuple(tuple(point for point, lies_in in zip(everything, inside, strict=True) if lies_in == wanted) for wanted in (True, False))


def _picture(scene, roles, name):
    """The scene as a layer: its own file where three bands of one GeoTIFF are the picture, else a small picture made of it."""
    direct = _own_file(scene, roles)
    if direct is not None:
        path, bands = direct
        style, bounds = _colours_of(cached.stamp(path), bands, path)
        return maps.Shown(name, layers.Layer(path, style), bounds, opacity=1.0)
    path = _small_picture(scene.fingerprint, roles, scene)
    from soilcore.mapping.styles import Style
    from soilcore.mapping.tiles import layer_bounds

    return maps.Shown(name, layers.Layer(path, Style("rgb", 0.0, 255.0, bands=(1, 2, 3))), layer_bounds(path), opacity=1.0)


def background(scene):
    """The scene in true colour, to lie under a map; None when it has no red, green and blue."""
    with messages.shown():
        if scene is not None and set(PICTURES["True colour"]) <= set(scene.roles):
            return _picture(scene, PICTURES["True colour"], "True colour")
    return None


def _own_file(scene, roles):
    """Path and band numbers when the file itself shows what the scene is: one GeoTIFF, no quality mask to lay over it."""
    if getattr(scene, "quality", None) is not None:
        return None
    sources = [scene.bands[scene.roles.index(role)] for role in roles]
    files = {source.file for source in sources}
    path = Path(scene.files[sources[0].file].path)
    if len(files) > 1 or path.suffix.lower() not in (".tif", ".tiff") or not path.is_file():
        return None
    return path, tuple(source.number for source in sources)


@st.cache_data(max_entries=16, show_spinner=False)
def _colours_of(stamp, bands, _path):
    from soilcore.mapping.styles import Style
    from soilcore.mapping.tiles import layer_bounds, style_of

    ranges = [style_of(_path, band) for band in bands]
    low, high = min(one.low for one in ranges), max(one.high for one in ranges)
    return Style("rgb", low, high, bands=bands), layer_bounds(_path)


def _small_picture(fingerprint, roles, scene):
    from soilcore.mapping.scene_pictures import write_small_picture

    folder = current_work().project.folder / _PICTURE_FOLDER
    path = folder / f"{fingerprint[:24]}-{'-'.join(roles)}.tif"
    if not path.is_file():
        folder.mkdir(exist_ok=True)
        with st.spinner("Drawing the picture ..."):
            write_small_picture(scene, path, roles)
    return path


def overlap(scene):
    """How the samples lie on the scene."""
    from soilcore.data.previews import overlap as lie_on

    samples = cached.samples()
    if samples is None:
        st.info("No samples yet, so there is nothing to lay over the image.", icon=":material/table_view:")
        steps.link("samples", "Go to Samples")
        return
    if not samples.has_places:
        st.info("The table has no coordinates, so it cannot be laid over the image.", icon=":material/wrong_location:")
        return
    if samples.crs is None:
        st.info("The reference system of the samples is not known. Name it on the samples page.", icon=":material/wrong_location:")
        steps.link("samples", "Go to Samples")
        return
    facts = lie_on(scene, samples.x, samples.y, samples.crs)
    valid = f"{facts['valid']} of {facts['points']}"
    with st.container(horizontal=True, gap="small"):
        st.metric("Samples inside the image", f"{facts['inside']} of {facts['points']}", width="content")
        st.metric("With all bands valid", valid, help="Clouds, nodata and shadows make a pixel invalid", width="content")
        st.metric("Different pixels", facts["pixels"], help="Several samples in one pixel share all predictors", width="content")
    if not facts["inside"]:
        st.error(
            "No sample lies inside this image. Check the coordinate columns and the reference system on the samples page.",
            icon=messages.ICONS["error"],
        )
