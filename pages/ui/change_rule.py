"""When a difference counts as a change: how far the errors of both predictions of one pixel go together."""

import streamlit as st

from pages.ui import change_kept

RULES = {"maps": "as the maps tell", 0.0: "careful", -1.0: "strictest"}
_LABEL = "A change is told from error"
_CAREFUL = "“Careful” takes the errors as independent: real changes are missed rather than false ones shown. “Strictest” shows only places where the intervals do not overlap."
_HELP = (
    "A model errs alike at one place on every date, so much of its error cancels in a difference. “As the maps tell” takes from the maps how far, "
    f"on the assumption that most of the land did not change; some unchanged land is then shown as changed. {_CAREFUL}"
)
_SCENARIO_HELP = (
    "Both predictions of a place come from one model, so much of its error cancels in their difference. How far cannot be told from a scenario, where every pixel changes; "
    f"“as the years tell” takes it from the newest comparison of this model's maps. {_CAREFUL}"
)


def ask(key):
    """The correlation that a comparison assumes: a number, or "maps"."""
    return _ask(RULES, "maps", _HELP, key)


def ask_for_scenario(model_dir, key):
    """The correlation that a scenario assumes: what maps of several dates told of this model, where they did.

    Parameters
    ----------
    model_dir : str
        ``models/<id>``.
    key : str
    """
    told = _told(model_dir)
    rules = {one: words for one, words in RULES.items() if one != "maps"}
    if told is not None:
        rules = {told: f"as the years tell ({told:g})", **rules}
    return _ask(rules, next(iter(rules)), _SCENARIO_HELP, f"{key}.{told}")


def _told(model_dir):
    """Least correlation of the errors between two dates in the newest comparison that estimated it for this model; None without any."""
    for one in change_kept.every(change_kept.CHANGES):
        if one.facts.get("correlation_from") == "maps" and change_kept.model_of(one) == model_dir:
            return round(max(0.0, min(step["correlation"] for step in one.facts["steps"])), 2)
    return None


def _ask(rules, first, help, key):
    chosen = st.segmented_control(
        _LABEL, list(rules), default=first, required=True, format_func=rules.get, key=key, persist_state="session", help=help, wrap=True
    )
    return first if chosen is None else chosen
