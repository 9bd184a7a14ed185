"""When a difference counts as a change: how far the errors of both predictions of one pixel go together."""

import streamlit as st

RULES = {"maps": "as the maps tell", 0.0: "careful", -1.0: "strictest"}
SCENARIO_RULES = {0.9: "errors alike", 0.0: "careful", -1.0: "strictest"}
_LABEL = "A change is told from error"
_CAREFUL = "“Careful” takes the errors as independent: real changes are missed rather than false ones shown. “Strictest” shows only places where the intervals do not overlap."
_HELP = (
    "A model errs alike at one place on every date, so much of its error cancels in a difference. “As the maps tell” takes from the maps how far, "
    f"on the assumption that most of the land did not change; some unchanged land is then shown as changed. {_CAREFUL}"
)
_SCENARIO_HELP = (
    "Both predictions of a place come from one model, so much of its error cancels in their difference. “Errors alike” assumes a correlation of 0.9, which nobody measured. "
    f"{_CAREFUL}"
)


def ask(key):
    """The correlation that a comparison assumes: a number, or "maps"."""
    return _ask(RULES, "maps", _HELP, key)


def ask_for_scenario(key):
    """The correlation that a scenario assumes: its maps cannot tell, because every pixel changes."""
    return _ask(SCENARIO_RULES, 0.0, _SCENARIO_HELP, key)


def _ask(rules, first, help, key):
    chosen = st.segmented_control(
        _LABEL, list(rules), default=first, required=True, format_func=rules.get, key=key, persist_state="session", help=help, wrap=True
    )
    return first if chosen is None else chosen
