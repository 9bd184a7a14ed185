"""Clouds, shadows and snow in an image: left out or not, and how much that takes."""

import pandas as pd
import streamlit as st

from pages.ui import cached, messages, theme
from pages.ui.session import current_work


def panel(scene):
    """The switch and the shares, for imagery that came with a quality layer."""
    if scene.quality_kind is None:
        return
    now = current_work().scene_settings
    with st.container(border=True):
        left, right = st.columns([3, 2], gap="large")
        with left:
            _switch(scene, now)
        with right, messages.shown():
            _shares(scene)


def _switch(scene, now):
    from soilcore.data.quality import KEPT_CLASSES, MOST_DILATION, SCL, SCL_CLASSES

    key = f"imagery.quality.{now.quality}"
    words = f"By the quality layer that came with the image ({scene.quality_kind})"
    st.toggle("Leave out clouds, shadows and snow", now.quality == "mask", key=key, on_change=_hide, args=(key,), help=words)
    if now.quality != "mask":
        st.caption("Clouded pixels are used as they are.")
        return
    key = f"imagery.dilate.{now.dilate}"
    st.number_input(
        "Pixels by which clouds are widened",
        0,
        MOST_DILATION,
        now.dilate,
        key=key,
        on_change=_widen,
        args=(key,),
        help="Pixels of the quality layer; the edges of clouds are seldom recognised",
    )
    if scene.quality_kind == SCL:
        kept = list(now.keep or KEPT_CLASSES)
        key = f"imagery.kept.{'+'.join(map(str, kept))}"
        st.multiselect(
            "Classes that are kept", list(SCL_CLASSES), kept, format_func=SCL_CLASSES.get, key=key, on_change=_keep, args=(key,), wrap=True
        )


def _hide(key):
    _change(quality="mask" if st.session_state[key] else "none")


def _widen(key):
    _change(dilate=int(st.session_state[key]))


def _keep(key):
    if st.session_state[key]:
        _change(keep=sorted(st.session_state[key]))


def _change(**answers):
    work = current_work()
    day = work.state().get("scene_date")
    work.choose_scene(work.scene_files, {**work.state().get("scene_settings", {}), **answers})
    work.remember(scene_date=day)


def _shares(scene):
    if scene.quality is None:
        return
    shares, total = cached.quality_shares(scene)
    st.metric("Left out", theme.percent(total), help="Share of the image's pixels")
    if not shares:
        return
    rows = pd.DataFrame(sorted(shares.items(), key=lambda pair: -pair[1]), columns=["what", "share"])
    config = {"what": "What", "share": st.column_config.NumberColumn("Share", format="percent")}
    st.dataframe(rows, hide_index=True, column_config=config, alt="What the quality layer leaves out", key="imagery.quality.shares")
