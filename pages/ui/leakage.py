"""The leakage report: what was checked, what was found, in words."""

import streamlit as st

from pages.ui import messages
from pages.ui.words import in_page

_MARKS = {True: ":material/check_circle:", False: ":material/warning:", None: ":material/help:"}
_FOUND = {True: "nothing found", False: "look at this", None: "not known"}
_CHECKS = {
    "target-permutation": "Skill out of nothing: the target shuffled",
    "fitted-inside-folds": "Everything learned inside the folds",
    "groups-kept-whole": "Groups kept whole",
    "duplicates-across-folds": "Duplicates in training and test",
    "same-place-across-folds": "One place in training and test",
    "repeated-units": "One unit in training and test",
    "predictor-gives-away-target": "A predictor that gives the answer away",
    "coordinates-as-predictors": "Coordinates as predictors",
    "patch-windows-overlap": "Overlapping image patches",
    "test-set-used-once": "Test samples used once",
    "grouping-ids": "Score by groups of the table",
}


def panel(scored):
    """Every check with its outcome, the doubtful ones first."""
    rows = scored.shared["leakage"]
    doubtful, unknown = ([row for row in rows if row["ok"] is outcome] for outcome in (False, None))
    st.markdown(_verdict(rows, doubtful, unknown))
    lines = ["| | Checked | What was found |", "|---|---|---|"]
    for row in sorted(rows, key=lambda row: (True, None, False).index(row["ok"]), reverse=True):
        whom = _whom(row, scored)
        lines.append(
            f"| {_MARKS[row['ok']]} {_FOUND[row['ok']]} | {messages.plain(_words(row['check']))} | {messages.plain(in_page(row['detail']))}{whom} |"
        )
    st.markdown("\n".join(lines))


def _verdict(rows, doubtful, unknown):
    said = f"{len(rows)} ways in which a score can flatter itself were checked: "
    if doubtful:
        said += f"**{len(doubtful)} to look at**"
    else:
        said += "**nothing was found**"
    return said + (f", {len(unknown)} cannot be known here." if unknown else ".")


def _words(check):
    return _CHECKS.get(check) or check.replace("-", " ").capitalize()


def _whom(row, scored):
    """Whom a row is about, where learners differ."""
    models = row.get("models")
    return f" ({messages.plain(', '.join(models))})" if models and models != [scored.name] and len(models) > 1 and not row["ok"] else ""
