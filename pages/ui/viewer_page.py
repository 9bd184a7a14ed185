"""What somebody sees to whom a map was handed on: pick a layer, click a place, read what it means, take it away. Nothing here changes a project."""

import streamlit as st

from pages.ui import fields_kept, fields_map, map_results, maps, messages, plain_words, theme, viewer_fields, viewer_files, viewer_map, viewer_words
from pages.ui.mapping import read
from pages.ui.session import KEY, Work
from pages.ui.workspace import workspace
from soilcore.core.errors import SoilcoreError
from soilcore.project.folder import Project


def draw(identifier):
    """Show the project of that id, or say why not.

    Parameters
    ----------
    identifier : str
        As it stands in the address: checked, never a path.
    """
    try:
        project = Project.open(workspace(), identifier)
    except SoilcoreError:
        _nothing("There is nothing to look at under this address. It may have been moved or deleted; ask whoever sent it to you.")
        return
    work = Work(workspace(), project)
    st.session_state[KEY] = work  # the parts of the page that read files ask the session for its project
    st.title(messages.plain(project.title), anchor=False)
    if not work.maps:
        _nothing("This project has no map yet. Come back when it is made.")
        return
    with messages.shown(stop=True):
        made = _choose(work)
        finished = fields_map.finished(made.value_file)
    st.markdown(messages.plain(viewer_words.about(finished)))
    results = fields_kept.every(fields_kept.MEANS, made.id)
    if _part(results) == "fields":
        with messages.shown():
            viewer_fields.draw(results[0], made, finished)
    else:
        _map(made, finished)
    viewer_files.panel(made, results)
    st.caption("To look at only: nothing here can be changed. Made with soilcore.")


def _nothing(sentence):
    theme.header("soilcore", "Maps of soil salinity and organic carbon.")
    st.info(sentence, icon=":material/visibility_off:")


def _choose(work):
    chosen = work.map
    if len(work.maps) > 1:
        chosen = st.selectbox("Map", work.maps, index=work.maps.index(chosen), key="viewer.map")
    return read(work.project.path("maps", chosen))


def _part(results):
    """Which of the two is looked at: the map, or the fields where a project has them."""
    if not results:
        return "map"
    words = {"map": ":material/map: Map", "fields": ":material/grid_on: Fields"}
    return st.segmented_control(
        "What to look at", list(words), default="map", required=True, format_func=words.get, key="viewer.part", label_visibility="collapsed"
    )


def _map(made, finished):
    if maps.ready():
        viewer_map.picture(made, finished)
    advice = fields_kept.every(fields_kept.ADVICE, made.id)
    model = viewer_words.model_of(made)
    sentences = [*viewer_words.of_map(made, model), *(advice[0].facts.get("sentences") or () if advice else ())]
    facts = {"date": finished.date, "level": finished.level, "aoa_share": made.facts.get("aoa_share")}
    plain_words.block(sentences, facts, coverage=finished.coverage)
    map_results.areas(made)
