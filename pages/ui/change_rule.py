"""When a difference counts as a change: how far the errors of both predictions of one pixel go together, and how many false alarms there may be."""

import streamlit as st

from pages.ui import change_kept
from soilcore.project.options import USUAL_FALSE_CHANGES

RULES = {
    "few-false": {"correlation": "maps", "false_changes": USUAL_FALSE_CHANGES},
    "maps": {"correlation": "maps", "false_changes": None},
    "careful": {"correlation": 0.0, "false_changes": None},
    "strictest": {"correlation": -1.0, "false_changes": None},
}
NAMES = {"few-false": "few false alarms", "maps": "as the maps tell", "careful": "careful", "strictest": "strictest"}
_LABEL = "A change is told from error"
_CAREFUL = "“Careful” takes the errors as independent: real changes are missed rather than false ones shown. “Strictest” shows only places where the intervals do not overlap."
_HELP = (
    "A model errs alike at one place on every date, so much of its error cancels in a difference; the maps tell how far, on the assumption that most of the land did not "
    "change. “Few false alarms” looks at each place with its neighbours and shows a difference only if hardly any as large comes about by error: about nine of "
    "ten places shown should really have changed, smaller changes are missed, and where nothing changed next to nothing is shown. "
    "“As the maps tell” finds more and is wrong more often: wherever nothing changed, one place in ten or more is shown as changed. "
    f"{_CAREFUL}"
)
_SCENARIO_HELP = (
    "Both predictions of a place come from one model, so much of its error cancels in their difference. How far cannot be told from a scenario, where every pixel changes; "
    f"“as the years tell” takes it from the newest comparison of this model's maps. How many false alarms there are can only be held down between dates. {_CAREFUL}"
)


def ask(key):
    """The rule that a comparison goes by, as settings of its task: ``correlation`` and ``false_changes``."""
    return RULES[_ask(NAMES, "few-false", _HELP, key)]


def name_of(settings):
    """What people call the rule of a comparison, from its settings."""
    asked = {name: settings.get(name) for name in ("correlation", "false_changes")}
    known = next((NAMES[name] for name, rule in RULES.items() if rule == asked), None)
    if known is not None:
        return known
    share = "" if asked["false_changes"] is None else f", up to {100 * asked['false_changes']:g} % false"
    return f"r = {asked['correlation']}{share}"


def ask_for_scenario(model_dir, key):
    """The correlation that a scenario assumes: what maps of several dates told of this model, where they did.

    Parameters
    ----------
    model_dir : str
        ``models/<id>``.
    key : str
    """
    told = _told(model_dir)
    rules = {RULES[name]["correlation"]: NAMES[name] for name in ("careful", "strictest")}
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
