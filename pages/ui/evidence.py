"""A chart with what stands behind it: the numbers as a table, and the same as a file."""

import pandas as pd
import streamlit as st

BEHIND = "The numbers behind it"


def chart(figure, table, alt, key, file, config=None):
    """Draw a chart; below it, folded, its table and a download.

    Parameters
    ----------
    figure : plotly.graph_objects.Figure
    table : pandas.DataFrame or list of dict
    alt : str
        The chart in one sentence, for those who do not see it.
    key : str
    file : str
        Name of the CSV file.
    config : dict, optional
        Column configuration of the table.
    """
    st.plotly_chart(figure, alt=alt, key=key)
    table = pd.DataFrame(table)
    with st.expander(BEHIND, icon=":material/table:", type="compact"):
        st.dataframe(table, hide_index=True, placeholder="", alt=f"Table: {alt}", column_config=config or {})
        download(table, key, file)


def download(table, key, file, label="CSV"):
    """A table as a CSV file."""
    st.download_button(label, table.to_csv(index=False), file, "text/csv", icon=":material/download:", key=f"{key}.csv", on_click="ignore")
