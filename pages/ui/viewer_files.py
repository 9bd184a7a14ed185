"""What a viewer may take away: the reports of the project, and the files of the map that is shown."""

import streamlit as st

from pages.ui import report_files, result_files
from pages.ui.session import current_work

_HANDED_ON = {".pdf": ("Report (PDF)", "application/pdf"), ".html": ("Report (HTML)", "text/html"), ".zip": ("Archive (ZIP)", "application/zip")}


def panel(made, results):
    """Reports first, then the files of the map, folded.

    Parameters
    ----------
    made : mapping.MadeMap
    results : list of fields_kept.Kept
        About fields of this map, the newest first.
    """
    st.subheader("Take it with you", anchor=False)
    with st.container(horizontal=True):
        for ending, (label, mime) in _HANDED_ON.items():
            path = current_work().project.folder / "reports" / f"{made.id}{ending}"
            if path.is_file():
                _button(f"{label}, {report_files.size(path.stat().st_size)}", path, mime)
        archive = current_work().project.folder / "reports" / f"{made.id}.zip"
        if archive.is_file() and report_files.has_map_page(archive):
            st.download_button(
                "The map as one page (HTML)",
                lambda: report_files.map_page(archive),
                f"{made.id}-map.html",
                "text/html",
                icon=":material/map:",
                key="viewer.map.page",
                on_click="ignore",
            )
        for path in [one.file("fields.gpkg") for one in results[:1]]:
            if path is not None:
                _button("Fields (GeoPackage)", path, "application/geopackage+sqlite3")
    with st.expander("Files of the map for QGIS", icon=":material/layers:", on_change="rerun", key="viewer.files") as box:
        if box.open:
            result_files.downloads(made.folder, made.id, "viewer.map.files", first=("map_class", "map"))


def _button(label, path, mime):
    name = f"{current_work().project.id}-{path.name}"
    st.download_button(label, path.read_bytes, name, mime, icon=":material/download:", key=f"viewer.file.{path.name}", on_click="ignore")
