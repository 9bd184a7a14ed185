"""The viewer's fields: the last table of fields about a map, coloured on it, ranked, and in plain words."""

import streamlit as st

from pages.ui import evidence, fields_map, fields_picture, fields_shapes, fields_shown, maps, messages, plain_words


def draw(result, made, finished):
    """Fields of one result.

    Parameters
    ----------
    result : fields_kept.Kept
    made : mapping.MadeMap
    finished : soilcore.mapping.finished.FinishedMap
    """
    facts = result.facts
    if maps.ready():
        _picture(result, made)
    plain_words.block(facts["sentences"], facts, finished.date, finished.coverage)
    st.subheader("Fields, the highest mean first", anchor=False)
    table = fields_shown.ranked(facts)
    st.dataframe(
        table,
        hide_index=True,
        placeholder="",
        alt="Fields ranked by their mean, with interval and classes",
        column_config=fields_shown.columns(facts),
    )
    evidence.download(table, f"viewer.fields.{result.id}", f"{result.id}-fields.csv", "Fields as CSV")
    plain_words.fine_print(facts)


@st.fragment
def _picture(result, made):
    with messages.shown():
        outlines = fields_shapes.read(result.folder / "fields.gpkg")
        rows = {row["number"]: row for row in result.facts["rows"]}
        order = [rows.get(number) for number in range(len(outlines.rings))]
        there = [number for number, row in enumerate(order) if row is not None and row["mean"] is not None]
        drawn = fields_shown.coloured(outlines, order, result.facts)
        key = f"viewer-fields-{result.id}"
        fields_picture.show(key, drawn, fields_map.pictures(made), fields_map.background(), bounds=outlines.bounds(there))
