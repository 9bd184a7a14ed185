"""How a spectral library comes into the project: uploaded, taken from the server's folder, or made as an example."""

import shutil
from pathlib import Path

import streamlit as st

from pages.ui import jobs, messages, words
from pages.ui.session import current_work
from pages.ui.workspace import LIMIT_MB, files_to_pick, keep_picked, keep_upload
from soilcore.core.errors import SoilcoreError

EXAMPLE = 400  # spectra: enough for PLSR to learn from, few enough for a network within minutes on a laptop
_HEAD = 64  # bytes by which instrument files are told
_TAKEN = "spectra.taken"
_TAKES = "table with a column per wavenumber or wavelength as CSV, XLSX or parquet; OPUS or ASD files; or a zip of them"


def uploader(key="spectra.upload", label="Upload spectra", chosen=None):
    """Ask for files; those that are spectra come into the project, the others are refused with a sentence.

    Parameters
    ----------
    key, label : str
    chosen : callable, optional
        Called with the name of what came; else it becomes the library of the project.
    """
    from soilcore.data.spectra_files import UPLOAD_SUFFIXES

    uploads = st.file_uploader(
        f"{label} ({_TAKES})", type=list(UPLOAD_SUFFIXES), accept_multiple_files=True, max_upload_size=LIMIT_MB["spectra"], key=key
    )
    seen = st.session_state.setdefault(_TAKEN, set())
    fresh = [upload for upload in uploads or () if upload.file_id not in seen]
    if not fresh:
        return
    seen.update(upload.file_id for upload in fresh)
    _take(fresh, UPLOAD_SUFFIXES, chosen or current_work().choose_spectra)


def _take(uploads, kinds, chosen):
    work = current_work()
    try:
        with st.spinner("Looking into the spectra ..."):
            for upload in uploads:
                _check(upload)
            name = _keep(work, uploads, kinds)
            _try_out(work, name)
    except SoilcoreError as error:
        messages.refused(error)
        return
    chosen(name)
    st.rerun()


def _check(upload):
    from soilcore.data.spectra_files import check_upload

    upload.seek(0)
    head = upload.read(_HEAD)
    upload.seek(0)
    check_upload(upload.name, upload.size, head)


def _keep(work, uploads, kinds):
    """One file stays a file; several, such as the scans of an instrument, become a folder of their own. An earlier library is never written over."""
    if len(uploads) == 1:
        taken, stem = set(work.project.items("spectra")), Path(uploads[0].name)
        folder = None if stem.name not in taken else work.project.new_id("spectra", stem.stem or "spectra")
    else:
        folder = work.project.new_id("spectra", f"{len(uploads)}-files")
    try:
        names = [keep_upload(work.project, "spectra", upload, kinds, folder) for upload in uploads]
    except SoilcoreError:
        if folder:
            shutil.rmtree(work.project.part("spectra") / folder, ignore_errors=True)
        raise
    return names[0] if folder is None else f"{folder}/{names[0]}" if len(uploads) == 1 else folder


def _try_out(work, name):
    """Open what arrived; a question that a form can answer is no reason to refuse it."""
    from soilcore.data.spectra import SpectraSettings, open_spectra

    try:
        open_spectra(SpectraSettings((work.path(f"spectra/{name}"),)))
    except SoilcoreError as error:
        if words.names_a_field(error.message):
            return
        path = work.project.part("spectra") / name.partition("/")[0]
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        raise


def names():
    """What lies in the project's part for spectra, as it is chosen: files, and folders of instrument files."""
    work, found = current_work(), []
    for name in work.data("spectra"):
        inside = work.project.part("spectra") / name
        files = [path.name for path in inside.iterdir() if path.is_file() and path.suffix != ".json"] if inside.is_dir() else []
        found.append(f"{name}/{files[0]}" if len(files) == 1 else name)
    return found


def picker():
    """Choose among the libraries of the project, or take one from the server's folder."""
    from soilcore.data.spectra_files import UPLOAD_SUFFIXES

    work, there = current_work(), names()
    pickable = files_to_pick(UPLOAD_SUFFIXES)
    columns = st.columns(2) if pickable else [st.container()]
    if len(there) > 1 or (there and work.spectra_file is None):
        options = there if work.spectra_file in there else [None, *there]
        key = f"spectra.file.{len(there)}.{work.spectra_file}"
        columns[0].selectbox("Library", options, index=options.index(work.spectra_file), key=key, on_change=_choose, args=(key,))
    if pickable:
        columns[-1].selectbox("Or take one from the server's data folder", [None, *pickable], key="spectra.pick", on_change=_pick)


def _choose(key):
    if name := st.session_state[key]:
        current_work().choose_spectra(name)


def _pick():
    work, picked = current_work(), st.session_state["spectra.pick"]
    if picked is None:
        return
    try:
        work.choose_spectra(keep_picked(work.project, "spectra", picked))
    except SoilcoreError as error:
        work.note = ("error", error.message)


def example():
    """The button that makes a synthetic library, for workshops and to try the page."""
    st.button(
        f"Make an example library of {EXAMPLE} spectra",
        icon=":material/science:",
        on_click=_make_example,
        disabled=jobs.is_busy(),
        key="spectra.example",
        help="Synthetic mid-infrared spectra with exchangeable potassium and soil orders, made on this machine in seconds. The truth behind them is known.",
    )


def _make_example():
    from soilcore.project.settings import DemoTask

    work = current_work()
    out = f"spectra/{work.project.new_id('spectra', 'example')}"
    jobs.start("demo", DemoTask(out, "spectra", samples=EXAMPLE), "Making the example library")


def open_example(work, out):
    """Open the example that was made, with its target and groups chosen: a workshop begins with a model, not with a form."""
    from soilcore.data.samples import SampleSettings
    from soilcore.data.spectra_set import SpectraSettings

    table = SampleSettings(target="kex_cmol_kg", unit="cmol/kg")
    work.choose_spectra(f"{out.partition('/')[2]}/spectra.csv", SpectraSettings(table=table, group="order"))
