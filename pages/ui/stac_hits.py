"""The hits of a search: which days to take, how they look, and the download as a job that can be stopped and taken up again."""

import pandas as pd
import streamlit as st

from pages.ui import jobs, messages
from pages.ui.session import current_work

_MOST_PICTURES = 12


def panel(found):
    """Table of days to choose from, pictures on request, download."""
    days = found.days()
    st.subheader(f"{len(days)} days with images" if len(days) != 1 else "One day with images", anchor=False)
    asked = found.settings
    st.caption(f"Found in {messages.plain(asked.url)} from {asked.dates[0]} to {asked.dates[1]}, with at most {asked.cloud:g} % clouds.")
    messages.assumed(found.assumed)
    table = pd.DataFrame(
        {
            "take": [True] * len(days),
            "date": [day.date for day in days],
            "clouds": [day.cloud for day in days],
            "coverage": [day.coverage for day in days],
            "scenes": [len(day.hits) for day in days],
            "baseline": [day.baseline or "" for day in days],
            "offset": [_offset_words(day) for day in days],
        }
    )
    config = {
        "take": st.column_config.CheckboxColumn("Take", width="small"),
        "date": "Date",
        "clouds": st.column_config.ProgressColumn("Clouds (%)", format="%.0f", min_value=0, max_value=100),
        "coverage": st.column_config.ProgressColumn("Covers of the area", format="percent", min_value=0, max_value=1),
        "scenes": st.column_config.NumberColumn("Scenes", help="Scenes of one day become one image"),
        "baseline": "Baseline",
        "offset": st.column_config.TextColumn("Offset", help="How the offset of stored values is dealt with: by each scene's own metadata"),
    }
    edited = st.data_editor(
        table, hide_index=True, column_config=config, disabled=[name for name in table if name != "take"], key=f"search.hits.{_name_of(found)}"
    )
    if found.skipped:
        with st.expander(f"Left out: {len(found.skipped)}", icon=":material/block:"):
            for sentence in found.skipped[:50]:
                st.markdown(f"- {messages.plain(sentence)}")
    chosen = [row.date for row in edited.itertuples() if row.take]
    _pictures(days)
    _download(found, chosen)
    unfinished()


def _name_of(found):
    from soilcore.core import fingerprint

    return fingerprint.of_settings(found.settings, [hit.id for hit in found.hits])[:12]


def _offset_words(day):
    """What is done with the offset, in a few words."""
    hit = day.hits[0]
    if hit.family != "sentinel-2":
        return "the sensor's own"
    if hit.boa_offset_applied:
        return "removed by the catalogue"
    return "removed on reading" if (hit.baseline or "") >= "04.00" else "none in this baseline"


def _pictures(days):
    """Small pictures of the catalogue, fetched by the browser, and only after a click."""
    known = [day for day in days if day.thumbnail]
    if not known:
        return
    if not st.toggle("Show small pictures", key="search.pictures", help="Your browser then fetches them from the catalogue's server"):
        return
    with st.container(horizontal=True, gap="small"):
        for day in known[:_MOST_PICTURES]:
            st.image(day.thumbnail, caption=day.date, width=150)
    if len(known) > _MOST_PICTURES:
        st.caption(f"The first {_MOST_PICTURES} of {len(known)}.")


def _download(found, chosen):
    first, second, third = st.columns(3, vertical_alignment="bottom")
    roles = sorted({role for hit in found.hits for role in hit.roles}, key=_order)
    bands = first.multiselect("Bands", roles, roles, key=f"search.bands.{'+'.join(roles)}", wrap=True)
    resolution = second.selectbox("Pixel", (None, 10.0, 20.0, 30.0, 60.0), format_func=_pixel_words, key="search.resolution", persist_state="session")
    quality = st.toggle(
        "Leave out clouds and shadows", True, key="search.quality", persist_state="session", help="By the quality layer of each scene, at download"
    )
    third.button(
        f"Download {len(chosen)} days" if len(chosen) != 1 else "Download 1 day",
        icon=":material/download:",
        type="primary",
        key="search.download",
        on_click=_start,
        args=(found, tuple(chosen), tuple(bands) if len(bands) < len(roles) else (), resolution, quality),
        disabled=jobs.is_busy() or not chosen or not bands,
        help="Runs in the background; it can be stopped and taken up again where it was",
        width="stretch",
    )


def _order(role):
    from soilcore.core.tables import load_table

    roles = list(load_table("sensors")["roles"])
    return roles.index(role) if role in roles else len(roles)


def _pixel_words(side):
    return "that of the finest band" if side is None else f"{side:g} m"


def _start(found, days, bands, resolution, quality):
    from soilcore.project.imagery_settings import FetchTask

    asked = found.settings
    work = current_work()
    out = f"scenes/{work.project.new_id('scenes', 'downloaded')}"
    task = FetchTask(
        asked.url,
        out,
        asked.bbox,
        dates=asked.dates,
        cloud=asked.cloud,
        collection=asked.collection,
        limit=asked.limit,
        bands=bands,
        resolution=resolution,
        quality=quality,
        days=() if len(days) == len(found.days()) else days,
    )
    jobs.start("fetch", task, f"Downloading {len(days)} days" if len(days) != 1 else "Downloading 1 day")


def unfinished():
    """Downloads that were stopped or failed, to be taken up again, and what the last one brought."""
    job = next(iter(jobs.every("fetch", only_list=False)), None)
    if job is None or jobs.is_busy():
        return
    status, settings = job.status(), job.spec()["settings"]
    if status.state in ("stopped", "failed"):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            st.markdown(f":material/pause_circle: A download ({messages.plain(job.spec()['label'])}) was not finished. What came so far is kept.")
            st.button("Take it up again", icon=":material/resume:", key="search.resume", on_click=_again, args=(settings, job.spec()["label"]))
    elif status.state == "finished":
        _brought(status.result, settings, job.spec()["label"])


def _again(settings, label):
    jobs.start("fetch", settings, label)


def _brought(facts, settings, label):
    if failed := facts.get("failed"):
        st.warning(f"{len(failed)} of the days could not be downloaded. What came is kept.", icon=messages.ICONS["warning"])
        for one in failed[:20]:
            st.markdown(f"- {messages.plain(one['date'])}: {messages.plain(one['why'])}")
        st.button("Try those again", icon=":material/refresh:", key="search.again", on_click=_again, args=(settings, label))
