"""Images of several dates: which there are, which one is looked at, how samples meet them, and one image made of many."""

from contextlib import suppress
from pathlib import Path

import pandas as pd
import streamlit as st

from pages.ui import cached, jobs, messages
from pages.ui.session import current_work
from soilcore.core.errors import SoilcoreError
from soilcore.data.imagery import SceneSettings

METHODS = {
    "median": "median of the valid dates",
    "bare": "bare soil: median of the dates without plants",
    "max-crsi": "the date with the highest CRSI (salt on bare soil)",
}
_MOST_IN_NAME = 40
_ROWS_WITHOUT_SCROLLING = 16
_COMPOSITE = "composite-"


def panel():
    """Dates, campaigns and composites; what to do when there is one date only."""
    _made_of_dates()
    with messages.shown():
        cached.imagery()
    found = all_series()
    if not found:
        st.info(
            "There is one date, or none yet. Choose several images under “Image”, each a whole scene, or download a series under “Find images”: "
            "then samples meet the image of their own date, and many dates become one image without clouds.",
            icon=":material/calendar_month:",
        )
        return
    name = _choose(list(found))
    settings, opened = found[name]
    _dates(opened)
    with messages.shown():
        _campaigns(opened)
    with messages.shown():
        _composite(settings, opened)


def all_series():
    """Dated images of the project that can be read: settings and opened series by name, the chosen image first."""
    work = current_work()
    folders = [name for name in work.data("scenes") if name not in work.scene_files and not name.startswith(_COMPOSITE)]
    folders = [name for name in folders if _is_folder_of_images(work.project.part("scenes") / name)]
    asked = {", ".join(work.scene_files): work.scene_settings} | {name: SceneSettings((f"scenes/{name}",)) for name in folders}
    found = {}
    for name, settings in asked.items():
        with suppress(SoilcoreError):
            if cached.is_series(opened := cached.images(settings)):
                found[name] = (settings, opened)
    return found


def _is_folder_of_images(path):
    return path.is_dir() and path.suffix.lower() not in (".safe", ".zarr")


def _choose(names):
    """Which series this part shows, and the offer to take it as the image."""
    work = current_work()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Dated images", names, key=f"imagery.series.{'+'.join(names)}") if len(names) > 1 else names[0]
        if name != ", ".join(work.scene_files):
            words = "Every sample then meets the image of its own date. The image of now stays in the project."
            st.button(
                "Use them as the image", icon=":material/satellite_alt:", key=f"imagery.series.use.{name}", help=words, on_click=_use, args=(name,)
            )
    return name


def date_picker(series):
    """Which date of a series the page shows."""
    days = [str(day) for day in series.dates]
    now = str(cached.shown_date(series))
    key = f"imagery.date.{len(days)}.{now}"
    st.select_slider(
        "Date that is shown",
        days,
        now,
        format_func=lambda day: day[:4] if series.when == "year" else day,
        key=key,
        on_change=_remember_date,
        args=(key,),
    )


def _remember_date(key):
    current_work().remember(scene_date=st.session_state[key])


def _dates(series):
    st.subheader(f"{len(series.dates)} dates" if series.when == "date" else f"{len(series.dates)} years", anchor=False)
    names = [", ".join(Path(path).name for path in scene.paths) for scene in series.scenes]
    rows = pd.DataFrame(
        {
            "date": [str(day.year) if series.when == "year" else str(day) for day in series.dates],
            "file": names,
            "baseline": [getattr(scene, "baseline", None) or "" for scene in series.scenes],
            "scale": [scene.scaling.scale for scene in series.scenes],
            "offset": [scene.scaling.offset for scene in series.scenes],
        }
    )
    config = {
        "date": "Year" if series.when == "year" else "Date",
        "file": st.column_config.TextColumn("File", width="medium"),
        "baseline": "Baseline",
        "scale": st.column_config.NumberColumn("Scale", format="%.6g"),
        "offset": st.column_config.NumberColumn("Offset", format="%.6g"),
    }
    if not rows["baseline"].any():
        rows = rows.drop(columns="baseline")
    height = "content" if len(rows) <= _ROWS_WITHOUT_SCROLLING else "auto"
    st.dataframe(rows, height=height, hide_index=True, column_config=config, alt="Dates of the series with file and scaling", key="imagery.dates")
    messages.assumed(series.assumed)
    messages.findings(series.findings)


def _campaigns(series):
    """How the samples' dates meet the images."""
    from soilcore.data.dates import sample_dates

    samples = cached.samples()
    if samples is None:
        return
    st.subheader("Samples and dates", anchor=False)
    days = sample_dates(samples)
    if days is None:
        st.info(
            "The table has no date that is known, so samples cannot meet the image of their own date. Name the column on the samples page.",
            icon=":material/event_busy:",
        )
        return
    rows = pd.DataFrame(series.campaigns(days))
    config = {
        "campaign": "Campaign",
        "samples": "Samples",
        "scene": "Image",
        "days_apart": st.column_config.NumberColumn("Days apart", help="Largest distance in time between a sample and its image"),
    }
    rows = rows.astype({name: str for name in ("campaign", "scene") if name in rows})
    st.dataframe(rows, hide_index=True, column_config=config, placeholder="none near enough", alt="Campaigns of the samples and the images they meet")


def _composite(settings, series):
    st.subheader("One image of many dates", anchor=False)
    days = [str(day) for day in series.dates]
    left, right = st.columns(2, gap="large")
    method = left.selectbox("How", list(METHODS), format_func=METHODS.get, key="composite.method", persist_state="session")
    first, last = right.select_slider("Dates used", days, (days[0], days[-1]), key=f"composite.dates.{days[0]}.{days[-1]}.{len(days)}")
    least = left.number_input(
        "Valid dates a pixel needs", 1, len(days), 1, key=f"composite.valid.{len(days)}", help="Pixels seen less often stay empty; 3 is safer than 1"
    )
    by_campaign = right.toggle(
        "One for each sampling campaign",
        key="composite.campaigns",
        help="Images near each campaign's dates become one of their own; samples then meet the composite of their campaign",
        disabled=current_work().samples_file is None,
    )
    st.button(
        "Make the composite",
        icon=":material/play_arrow:",
        type="primary",
        key="composite.start",
        on_click=_start,
        args=(settings, method, (first, last), int(least), by_campaign),
        disabled=jobs.is_busy(),
    )


def _start(settings, method, dates, least, by_campaign):
    from soilcore.project.imagery_settings import CompositeTask

    work = current_work()
    name = work.project.new_id("scenes", f"{_COMPOSITE}{method}")[:_MOST_IN_NAME]
    more = {"samples": f"samples/{work.samples_file}", "table": work.sample_settings} if by_campaign else {}
    out = f"scenes/{name}" if by_campaign else f"scenes/{name}.tif"
    jobs.start("composite", CompositeTask(settings, out, method, dates, least, **more), f"Composite, {METHODS[method]}")


def _made_of_dates():
    """Composites of the project that are not the image yet."""
    work = current_work()
    there = [name for name in work.data("scenes") if name.startswith(_COMPOSITE)]
    if not there:
        return
    st.subheader("Composites", anchor=False)
    for name in reversed(there):
        with st.container(horizontal=True, vertical_alignment="center"):
            if work.scene_files == (name,):
                st.markdown(f":material/check_circle: **{messages.plain(name)}** is the image.")
            else:
                st.button("Use it as the image", key=f"composite.use.{name}", on_click=_use, args=(name,))
                st.markdown(f"**{messages.plain(name)}**")


def _use(name):
    work = current_work()
    work.choose_scene([name])
    work.note = ("success", f"{name} is the image now. What was the image before stays in the project.")
