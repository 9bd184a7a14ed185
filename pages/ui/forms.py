"""Bringing files into the project, and the checks a page makes before it goes on."""

from contextlib import contextmanager

import streamlit as st

from pages.ui import cached, messages, steps, words
from pages.ui.session import current_work
from pages.ui.workspace import files_to_pick, keep_picked, keep_upload
from soilcore.core.errors import SettingsError, SoilcoreError
from soilcore.project.folder import safe_name

_ASIDE = ".replaced-"


def choose_file(part, label, kinds, limit_mb, takes):
    """Bring a file into one part of the project, or choose one that is there.

    A file that cannot be read is refused with one sentence, and what was chosen before stays chosen.

    Parameters
    ----------
    part : {"samples", "scenes", "covariates", "regions"}
    label, takes : str
        Name of the uploader, and what it takes.
    kinds : sequence of str
        Endings.
    limit_mb : int
    """
    work = current_work()
    several = part == "scenes"
    uploads = st.file_uploader(f"{label} ({takes})", type=list(kinds), accept_multiple_files=several, max_upload_size=limit_mb, key=f"{part}.upload")
    uploads = (uploads or []) if several else [uploads] if uploads else []
    fresh = [upload for upload in uploads if upload.file_id not in _seen(part)]
    if fresh:
        _take(work, part, fresh, kinds)
    there = work.data(part)
    pickable = files_to_pick(kinds)
    columns = st.columns(2) if pickable else [st.container()]
    if there and part in ("samples", "scenes"):
        _choose_kept(work, part, there, columns[0])
    if pickable:
        columns[-1].selectbox("Or take one from the server's data folder", [None, *pickable], key=f"{part}.pick", on_change=_pick, args=(part,))


def _seen(part):
    return st.session_state.setdefault(f"{part}.taken", set())


def _take(work, part, uploads, kinds):
    _seen(part).update(upload.file_id for upload in uploads)
    try:
        with st.spinner("Looking into the file ..."), put_aside(work, part, [safe_name(upload.name) for upload in uploads]):
            names = [keep_upload(work.project, part, upload, kinds) for upload in uploads]
            _try_out(work, part, names)
    except SoilcoreError as error:
        messages.refused(error)
        return
    _choose(work, part, names)
    st.rerun()


@contextmanager
def put_aside(work, part, names):
    """Keep files of the same names until the new ones are known to be good; bring them back when not."""
    folder = work.project.part(part)
    before = [name for name in names if (folder / name).is_file()]
    for name in before:
        (folder / name).rename(folder / f"{_ASIDE}{name}")
    try:
        yield
    except SoilcoreError:
        for name in names:
            (folder / name).unlink(missing_ok=True)
        for name in before:
            (folder / f"{_ASIDE}{name}").rename(folder / name)
        raise
    for name in before:
        (folder / f"{_ASIDE}{name}").unlink()


def _try_out(work, part, names):
    """Open what arrived; a question that a form can answer is no reason to refuse it."""
    paths = [work.path(f"{part}/{name}") for name in names]
    try:
        _OPENED[part](work, paths)
    except SoilcoreError as error:
        if not words.names_a_field(error.message):
            raise


def _open_table(work, paths):
    from soilcore.data.samples import read_samples

    read_samples(paths[0])


def _open_images(work, paths):
    from soilcore.data.imagery import SceneSettings
    from soilcore.data.scene_series import open_scenes

    open_scenes(SceneSettings(tuple(paths)))


def _open_rasters(work, paths):
    from soilcore.data.covariates import open_covariates, parse_covariate

    image = cached.scene()
    open_covariates([parse_covariate(path) for path in paths], grid=image.grid if image is not None else None)


def _open_boundary(work, paths):
    from soilcore.data.regions import outer_rings, read_area_of_interest

    image = cached.scene()
    if image is not None:
        read_area_of_interest(paths[0], image.grid)
    elif not outer_rings(paths[0]):
        raise SettingsError("This boundary holds no polygon. Give the outline of the area as a polygon.")


def _open_vector(work, paths):
    from soilcore.data.regions import read_vector

    read_vector(paths[0], "vector file")


def _open_series(work, paths):
    from soilcore.data.index_series import open_index_series

    open_index_series(paths[0])


_OPENED = {
    "vectors": _open_vector,
    "series": _open_series,
    "samples": _open_table,
    "scenes": _open_images,
    "covariates": _open_rasters,
    "regions": _open_boundary,
}


def _pick(part):
    work, picked = current_work(), st.session_state[f"{part}.pick"]
    if picked is None:
        return
    try:
        _choose(work, part, [keep_picked(work.project, part, picked)])
    except SoilcoreError as error:
        work.note = ("error", error.message)


def _choose(work, part, names):
    if part == "samples":
        work.choose_samples(names[0])
    elif part == "scenes":
        work.choose_scene(names)
    elif part == "regions":
        work.remember(aoi=names[0])


def _choose_kept(work, part, there, place):
    if part == "samples":
        index = there.index(work.samples_file) if work.samples_file in there else None
        place.selectbox(
            "Table to work with", there, index=index, key=f"samples.kept.{index}", on_change=_choose_table, args=(f"samples.kept.{index}",)
        )
    else:
        now = list(work.scene_files)
        key = f"scenes.kept.{'+'.join(now)}"
        place.multiselect(
            "Images to work with (one image, its single bands, or several dates)", there, now, key=key, on_change=_choose_images, args=(key,)
        )


def _choose_table(key):
    current_work().choose_samples(st.session_state[key])


def _choose_images(key):
    current_work().choose_scene(st.session_state[key])


def need_target():
    """The samples with their target; ends the page with a sentence and a link when there is none, or when errors must be mended first."""
    with messages.shown(stop=True):
        samples = cached.samples()
    if samples.target is None:
        st.info("Choose the column to predict on the samples page first.", icon=":material/ads_click:")
        steps.link("samples", "Go to Samples", ":material/arrow_back:")
        st.stop()
    with messages.shown(stop=True):
        errors = [finding for finding in cached.findings() if finding["severity"] == "error"]
    if errors:
        st.error(f"{_count(errors)} in the samples must be mended before anything is computed from them.", icon=messages.ICONS["error"])
        messages.findings(errors)
        steps.link("samples", "Go to Samples", ":material/arrow_back:")
        st.stop()
    return samples


def _count(errors):
    return "One thing" if len(errors) == 1 else f"{len(errors)} things"
