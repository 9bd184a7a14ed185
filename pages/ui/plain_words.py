"""Advice as people read it: the sentences first, then how sure they are and for which date."""

import streamlit as st

from pages.ui import messages, theme
from pages.ui.words import in_page

_FIRST = 5


def block(sentences, facts, date=None, coverage=None):
    """Sentences of a result in a frame of their own.

    Parameters
    ----------
    sentences : sequence of str
    facts : dict
        ``date``, ``level``, and where known ``aoa_share``.
    date : str, optional
        Where the facts have none.
    coverage : float, optional
        Part of the samples that the intervals held in cross-validation.
    """
    date = facts.get("date") or date
    with st.container(border=True, key="plain-words"):
        st.markdown("#### :material/forum: In plain words")
        _list(sentences[:_FIRST])
        if rest := sentences[_FIRST:]:
            with st.expander(f"{len(rest)} more sentences", icon=":material/more_horiz:", type="compact"):
                _list(rest)
        st.caption(" · ".join(_marks(facts, date, coverage)))


def _list(sentences):
    st.markdown("\n".join(f"- {_clean(sentence)}" for sentence in sentences))


def _marks(facts, date, coverage):
    marks = [f":material/event: For {messages.plain(date)}" if date else ":material/event_busy: For a date that the map does not state"]
    if facts.get("level") is not None:
        held = f", which held {theme.percent(coverage)} of samples left out" if coverage is not None else ""
        marks.append(f":material/straighten: {100 * facts['level']:.4g} % intervals{held}")
    else:
        marks.append(":material/help: Without intervals: how sure this is, the map does not say")
    if facts.get("aoa_share") is not None:
        marks.append(f":material/verified: {theme.percent(facts['aoa_share'])} of the land resembles the samples")
    return marks


def _clean(sentence):
    return messages.plain(in_page(sentence))


def fine_print(facts):
    """What the numbers rest on, and what was assumed."""
    for name in ("caution", "assumption"):
        if facts.get(name):
            st.caption(_clean(facts[name]))
    messages.assumed(facts.get("assumed") or ())
