"""Making the report and the archive as jobs, and taking them away."""

import time
import zipfile

import streamlit as st

from pages.ui import jobs, messages, report_facts
from pages.ui.session import current_work
from pages.ui.words import in_page
from soilcore.project.report_settings import BundleTask, ReportTask

_MIME = {".html": "text/html", ".pdf": "application/pdf", ".json": "application/json", ".zip": "application/zip"}
_KINDS = {
    ".html": ("Report as a page (HTML)", ":material/web:", "One file that opens in any browser, with no connection"),
    ".pdf": ("Report as PDF", ":material/picture_as_pdf:", "The same to print or to send"),
    ".json": ("Facts (JSON)", ":material/data_object:", "The same for programs"),
}
_WORDS = {".html": "report, opens in any browser", ".pdf": "report to print", ".json": "facts for programs", ".zip": "archive"}
MAP_PAGE = "map.html"


def panel(model, map_name, summary):
    """Buttons that make the files, and the files there are.

    Parameters
    ----------
    model, map_name : str or None
        Names of the folders that are told.
    summary : dict
    """
    subject = map_name or model
    st.subheader("Make it", anchor=False)
    with st.container(horizontal=True, vertical_alignment="center"):
        for number, (ending, (label, icon, help_)) in enumerate(_KINDS.items()):
            task = ReportTask(".", f"reports/{subject}{ending}", model, map_name, overwrite=True)
            look = {"type": "primary"} if number == 0 else {"type": "secondary"}
            jobs.button(label, icon, ("report", task, f"Making the {ending[1:].upper()} report"), f"report.make{ending}", help=help_, **look)
    _archive_button(model, map_name, subject)
    _files(subject)


def _archive_button(model, map_name, subject):
    with st.container(horizontal=True, vertical_alignment="center"):
        inputs = st.session_state.get("report.inputs", True)
        task = BundleTask(".", f"reports/{subject}.zip", model, map_name, inputs, overwrite=True)
        help_ = "Maps with styles and STAC items, samples with predictions, models, report, a map page that needs no server, and the run file"
        jobs.button(
            "Archive of everything (ZIP)",
            ":material/folder_zip:",
            ("bundle", task, "Packing the archive"),
            "report.make.zip",
            help=help_,
            type="secondary",
        )
        st.checkbox(
            "with the files it was made of",
            value=True,
            key="report.inputs",
            persist_state="session",
            help="Needed to make every raster again; without them the archive is smaller and names them by their hashes",
        )


def _files(subject):
    """The files in ``reports/``, those about what is chosen first; out-of-date ones are called so."""
    work = current_work()
    there = [path for path in work.project.part("reports").iterdir() if path.suffix in _MIME and path.is_file() and not path.name.startswith(".")]
    if not there:
        st.info("Nothing was made yet. The report takes some seconds, the archive a little longer.", icon=":material/draft:")
        return
    st.markdown("**Made so far**")
    changed = report_facts.last_change() or 0
    for path in sorted(there, key=lambda path: (path.stem != subject, list(_MIME).index(path.suffix), path.name)):
        _file(path, path.stat(), changed)


def _file(path, facts, changed):
    is_old = facts.st_mtime < changed
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            path.name,
            path.read_bytes,
            f"{current_work().project.id}-{path.name}",
            _MIME[path.suffix],
            icon=":material/download:",
            key=f"report.file.{path.name}",
            on_click="ignore",
        )
        if path.suffix == ".zip" and has_map_page(path):
            st.download_button(
                "its map page (HTML)",
                lambda: map_page(path),
                f"{current_work().project.id}-{path.stem}-map.html",
                "text/html",
                icon=":material/map:",
                key=f"report.map.{path.name}",
                on_click="ignore",
                help="One file that shows the map with no server and no connection, on a phone, too",
            )
        made = time.strftime("%d %b %Y, %H:%M", time.localtime(facts.st_mtime))
        old = " · :orange-badge[older than the last result: make it again]" if is_old else ""
        st.markdown(f"{_WORDS[path.suffix]} · {size(facts.st_size)} · {made}{old}")
    _said(path)


def _said(path):
    """What the job that made a file had to say: what is missing, what was assumed."""
    kind = "bundle" if path.suffix == ".zip" else "report"
    job = jobs.latest(kind, out=f"reports/{path.name}")
    if job is None:
        return
    facts = job.status().result or {}
    if kind == "bundle":
        tables = f" and {facts['tables']:,} tables" if facts.get("tables") else ""
        st.caption(
            f"{facts['files']:,} files, {facts['rasters']:,} rasters{tables} that its run file makes again, {len(facts['inputs']):,} input files."
        )
    if missing := facts.get("missing"):
        st.warning("\n".join(f"- {messages.plain(in_page(sentence))}" for sentence in missing), icon=messages.ICONS["warning"])
    messages.assumed(facts.get("assumed") or ())


def has_map_page(path):
    """Whether an archive holds a map page; a damaged one does not."""
    try:
        with zipfile.ZipFile(path) as archive:
            return MAP_PAGE in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def map_page(path):
    """The map page of an archive, as bytes."""
    with zipfile.ZipFile(path) as archive:
        return archive.read(MAP_PAGE)


def size(count):
    """Bytes for people."""
    return f"{count / 2**20:.1f} MB" if count >= 2**20 else f"{max(1, count // 1024)} kB"
