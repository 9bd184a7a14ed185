"""The leakage report: what was checked, what was found, in words."""

import streamlit as st

from pages.ui import messages
from pages.ui.words import in_page

_MARKS = {True: ":material/check_circle:", False: ":material/warning:", None: ":material/radio_button_unchecked:"}
_HEADS = {True: "Ruled out", False: "Look at this", None: "Open: not run, not applicable, or not to be known from the table"}
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
    """Every check of this learner with its outcome, the doubtful ones first."""
    rows = [row for row in scored.shared["leakage"] if scored.name in row.get("models", (scored.name,))]
    by_outcome = {outcome: [row for row in rows if row["ok"] is outcome] for outcome in (False, True, None)}
    found = f"**{len(by_outcome[False])} to look at**" if by_outcome[False] else "**nothing was found**"
    st.markdown(f"{len(rows)} ways in which a score can flatter itself: {found}, {len(by_outcome[True])} ruled out, {len(by_outcome[None])} open.")
    for outcome, several in by_outcome.items():
        if several:
            st.markdown(f"{_MARKS[outcome]} **{_HEADS[outcome]}**\n\n" + "\n".join(_line(row) for row in several))


def _line(row):
    words = _CHECKS.get(row["check"]) or row["check"].replace("-", " ").capitalize()
    return f"- *{messages.plain(words)}.* {messages.plain(in_page(row['detail']))}"
