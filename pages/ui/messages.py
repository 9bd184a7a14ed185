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
_BADGES = {"error": "red", "warning": "orange", "note": "gray"}
_ROWS_WITHOUT_SCROLLING = 8
_TALLEST = 520


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
        refused(error)
        if stop:
            st.stop()


def refused(error):
    """An engine error in words, with what was found."""
    st.error(plain(in_page(error.message)), icon=ICONS["error"])
    findings(error.findings)


def plain(text):
    """Text as it stands: what comes from a file is never read as markup."""
    return "".join(f"\\{character}" if character in "\\`*_{}[]<>#$~|:" else character for character in str(text))


def findings(found):
    """A table of findings, the gravest first, whole sentences to be read without a click; nothing when there are none."""
    rows = [one if isinstance(one, dict) else vars(one) for one in found]
    if not rows:
        return
    rows.sort(key=lambda row: list(_BADGES).index(row["severity"]))
    table = pd.DataFrame(
        {
            "Kind": [f":{_BADGES[row['severity']]}-badge[{row['severity']}]" for row in rows],
            "Where": [_where(row) for row in rows],
            "What was found": [plain(in_page(row["message"])) for row in rows],
            "What to do": [plain(in_page(row["fix"])) for row in rows],
            "Code": [f"`{row['code']}`" for row in rows],
        }
    )
    with st.container(height=_TALLEST if len(rows) > _ROWS_WITHOUT_SCROLLING else "content", border=False):
        st.table(table.set_index("Kind"), alt=f"{len(rows)} findings with row, column, value and what to do")


def _where(row):
    """Row as a spreadsheet counts it (the header is row 1), column and value, as far as they are known."""
    known = {name: row.get(name) for name in ("row", "column", "value") if row.get(name) is not None}
    words = [f"row {known['row']:.0f}"] if "row" in known else []
    words += [plain(known["column"])] if "column" in known else []
    return ", ".join(words) + (f": {plain(known['value'])}" if "value" in known else "")


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


def of_something_else(target, source):
    """A result that is not of the target or the files that are chosen now."""
    st.warning(f"This was computed for {plain(target)} of {plain(source)}, not for what is chosen now.", icon=":material/update:")


def assumed(sentences):
    """What was inferred because nobody said."""
    if sentences:
        st.caption("Assumed: " + "; ".join(plain(in_page(sentence)).rstrip(".") for sentence in dict.fromkeys(sentences)) + ".")
