"""One place that turns what went wrong into words."""

import logging
import secrets
from contextlib import contextmanager

import pandas as pd
import streamlit as st

from pages.ui.words import in_page
from soilcore.core.errors import SoilcoreError

_log = logging.getLogger("soilcore.app")
ICONS = {"error": ":material/error:", "warning": ":material/warning:", "note": ":material/info:"}
_ROW_HEIGHT = 58  # room for two or three lines of text
_WORDS = {"error": "error", "warning": "warning", "note": "note"}


@contextmanager
def shown(stop=False):
    """Show an engine error in words instead of breaking the page.

    Parameters
    ----------
    stop : bool
        Whether the page ends after the message.
    """
    try:
        yield
    except SoilcoreError as error:
        st.error(plain(in_page(error.message)), icon=ICONS["error"])
        findings(error.findings)
        if stop:
            st.stop()


def plain(text):
    """Text as it stands: what comes from a file is never read as markup."""
    return "".join(f"\\{character}" if character in "\\`*_{}[]<>#$~|:" else character for character in str(text))


def findings(found):
    """A table of findings, the gravest first; nothing when there are none."""
    rows = [found_one if isinstance(found_one, dict) else vars(found_one) for found_one in found]
    if not rows:
        return
    order = list(_WORDS)
    table = pd.DataFrame(rows).sort_values("severity", key=lambda column: column.map(order.index), kind="stable")
    table = table.reindex(columns=["severity", "row", "column", "value", "message", "fix", "code"])
    table[["message", "fix"]] = table[["message", "fix"]].map(in_page)
    table = table.dropna(axis="columns", how="all")
    st.dataframe(
        table.astype({"row": "Int64"}) if "row" in table else table,
        hide_index=True,
        row_height=_ROW_HEIGHT,
        placeholder="",
        alt=f"{len(rows)} findings with row, column, value and what to do",
        column_config={
            "severity": st.column_config.TextColumn("Kind", width="small"),
            "row": st.column_config.NumberColumn("Row", width="small", format="%d", help="As a spreadsheet counts: the header is row 1"),
            "column": "Column",
            "value": "Value",
            "message": st.column_config.TextColumn("What was found", width="large"),
            "fix": st.column_config.TextColumn("What to do", width="large"),
            "code": "Code",
        },
    )


def note(work):
    """Show the sentence the last action left, once."""
    if work.note:
        kind, text = work.note
        work.note = None
        {"success": st.success, "info": st.info, "warning": st.warning, "error": st.error}[kind](plain(text))


def unexpected(error):
    """Answer to a defect of ours: logged with a reference number, shown calmly. True: nothing more is drawn."""
    reference = secrets.token_hex(4)
    _log.error("reference %s", reference, exc_info=error)
    sentence = f"Something went wrong inside soilcore. Your files are safe. Please report reference **{reference}**; the log has the details."
    st.error(sentence, icon=ICONS["error"])
    return True


def assumed(sentences):
    """What was inferred because nobody said."""
    if sentences:
        st.caption("Assumed: " + "; ".join(plain(in_page(sentence)).rstrip(".") for sentence in dict.fromkeys(sentences)) + ".")
