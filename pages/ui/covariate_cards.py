"""Cards of the project's rasters: a small picture of every predictor with its range, unit and time, and what can be done with it."""

import io
from pathlib import Path

import streamlit as st

from pages.ui import cached, covariates, forms, messages, theme
from pages.ui.session import current_work
from pages.ui.workspace import LIMIT_MB, RASTERS, keep_upload
from soilcore.core.errors import SoilcoreError

_WHEN = {"static": "static", "date": "by date", "year": "by year"}
_CARD_WIDTH = 160
_PICTURE_WIDTH = 126
_MOST_BANDS = 24


def uploader():
    """Bring in rasters: one that does not change, or one per date or year of the same quantity."""
    forms.choose_file("covariates", "Upload a raster", RASTERS, LIMIT_MB["covariates"], "GeoTIFF, any projection")
    with st.expander("One predictor at several dates or years", icon=":material/calendar_month:"), st.form("imagery.dated", border=False):
        st.caption(
            "Name each file by its date or year, for instance 2019.tif or ndvi_2019-05-01.tif. "
            "Every sample then joins the raster of its own date, and a map is made for a stated one."
        )
        name = st.text_input("Name of the predictor", placeholder="e.g. ndvi", max_chars=40, key="imagery.dated.name").strip()
        files = st.file_uploader(
            "Its rasters", type=list(RASTERS), accept_multiple_files=True, max_upload_size=LIMIT_MB["covariates"], key="imagery.dated.files"
        )
        if st.form_submit_button("Keep as one predictor", icon=":material/add:"):
            _keep_dated(name, files)


def _keep_dated(name, files):
    from soilcore.project.folder import safe_name

    work, folder = current_work(), safe_name(name) if name else ""
    if not folder or not files:
        st.warning("Give a name and at least one raster.", icon=":material/warning:")
        return
    if (work.project.part("covariates") / folder).exists():
        st.warning(f"There is a predictor {messages.plain(folder)} already. Choose another name, or remove it first.", icon=":material/warning:")
        return
    with messages.shown():
        try:
            for upload in files:
                keep_upload(work.project, "covariates", upload, RASTERS, folder)
            found = covariates.described(folder)
        except SoilcoreError:
            covariates.remove(folder)
            raise
        work.note = ("success", f"{folder}: {len(found.files)} rasters, {_WHEN[found.when]}, from {found.dates[0]} to {found.dates[-1]}.")
        st.rerun()


def cards():
    """A card for every raster, with one small picture per predictor; a sentence while there is none."""
    names = current_work().covariates
    if not names:
        st.info(
            "No rasters beside the image yet. Elevation, soil maps, geology, distance to the coast: any raster in any projection becomes a predictor.",
            icon=":material/layers:",
        )
        return
    for name in names:
        _card(name)


def _card(name):
    with st.container(border=True, key=f"covariate-{_key(name)}"):
        try:
            facts = covariates.described(name)
        except SoilcoreError as error:
            st.markdown(f"**{messages.plain(name)}**")
            st.error(messages.plain(error.message), icon=messages.ICONS["error"])
            _remove_button(name, ())
            return
        _head(facts)
        with messages.shown():
            _bands(facts)


def _key(name):
    return "".join(character if character.isalnum() else "-" for character in name)


def _head(facts):
    left, right = st.columns([3, 2], vertical_alignment="top")
    time = _WHEN[facts.when] if facts.when == "static" else f"{_WHEN[facts.when]}, {len(facts.dates)} from {facts.dates[0]} to {facts.dates[-1]}"
    left.markdown(f"**{messages.plain(facts.name)}**  \n{messages.plain(facts.made)} · {time} · {_place(facts)}")
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        _settings(facts)
        _remove_button(facts.name, facts.predictors)


def _place(facts):
    from pages.ui.scene_facts import cell_words

    grid = _grid(cached.stamp(facts.files[-1]), facts.files[-1])
    return f"{cell_words(grid)} · {messages.plain(grid.crs.name)}"


@st.cache_data(max_entries=64, show_spinner=False)
def _grid(stamp, _path):
    from soilcore.data.scene_files import read_file_facts

    return read_file_facts(_path).grid


def _settings(facts):
    """Whether values are codes, and their unit."""
    state, name = current_work().state(), facts.name
    with st.popover("Values", icon=":material/tune:"):
        coded = name in state.get("categorical", ())
        st.toggle(
            "Codes of classes, not amounts",
            coded,
            key=f"covariate.coded.{_key(name)}.{coded}",
            on_change=_remember_codes,
            args=(name, not coded),
            help="Codes are never interpolated; every class becomes a predictor of its own",
        )
        unit = state.get("units", {}).get(name, "")
        key = f"covariate.unit.{_key(name)}.{unit}"
        st.text_input("Unit", unit, key=key, placeholder="as the file says", max_chars=20, on_change=_remember_unit, args=(name, key), disabled=coded)


def _remember_codes(name, coded):
    work = current_work()
    others = [one for one in work.state().get("categorical", ()) if one != name]
    work.remember(categorical=[*others, name] if coded else others)


def _remember_unit(name, key):
    work = current_work()
    units = {**work.state().get("units", {}), name: st.session_state[key].strip()}
    work.remember(units={one: unit for one, unit in units.items() if unit} or None)


def _remove_button(name, predictors):
    with st.popover("Remove", icon=":material/delete:"):
        more = f" It gives {len(predictors)} predictors." if len(predictors) > 1 else ""
        st.markdown(f"Delete {messages.plain(name)} from the project?{more} Models that were trained with it cannot be mapped without it.")
        st.button("Delete it", icon=":material/delete_forever:", type="primary", key=f"covariate.remove.{_key(name)}", on_click=_remove, args=(name,))


def _remove(name):
    covariates.remove(name)
    current_work().note = ("success", f"{name} was removed.")


def _bands(facts):
    state = current_work().state()
    coded, said = facts.name in state.get("categorical", ()), state.get("units", {}).get(facts.name)
    path = facts.files[-1]
    found = _glances(cached.stamp(path), coded, path)
    if facts.dates:
        st.caption(f"Shown: {facts.dates[-1]}")
    with st.container(horizontal=True, gap="small"):
        for (glance, png), predictor in zip(found[:_MOST_BANDS], facts.predictors, strict=False):
            with st.container(border=True, width=_CARD_WIDTH):
                _band(glance, png, predictor, coded, said)
    if len(found) > _MOST_BANDS:
        st.caption(f"and {len(found) - _MOST_BANDS} more bands")


def _band(glance, png, predictor, coded, said):
    unit = said or glance.unit
    st.markdown(f"**{messages.plain(predictor)}**" + (f" ({messages.plain(unit)})" if unit not in ("", None, "1") and not coded else ""))
    st.image(png, width=_PICTURE_WIDTH)
    if glance.low is None:
        st.caption("no valid pixel")
        return
    st.caption(f"{_span(glance, coded, unit)}  \n{theme.percent(glance.valid)} of the pixels valid")


def _span(glance, coded, unit):
    """From what to what, with the shade of each end in the picture."""
    if coded:
        return f"codes {glance.low:g} to {glance.high:g}"
    unit = messages.plain(f" {unit}" if unit and unit != "1" else "")
    low, high, median = (theme.number(value).replace("-", "−") for value in (glance.low, glance.high, glance.median))
    return f"bright {low}{unit}  \ndark {high}{unit}  \nmedian {median}{unit}"


@st.cache_data(max_entries=64, show_spinner="Looking at the raster ...")
def _glances(stamp, coded, _path):
    """Every band at a glance, its picture as PNG."""
    from dataclasses import replace

    from soilcore.mapping.thumbnails import glances

    return [(replace(one, picture=None), _png(one.picture)) for one in glances(Path(_path), coded)]


def _png(picture):
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()
