"""Fields and what the map says of them: asked, and shown ranked, on the map, as charts and as files."""

import streamlit as st

from pages.ui import fields_kept, fields_shown, jobs, messages
from pages.ui.session import current_work


def panel(chosen):
    """Form and result."""
    found = fields_kept.every(fields_kept.MEANS, chosen.made.id)
    if chosen.boundaries is None and not found:
        st.info("Choose or upload field boundaries above to see what the map says of each field.", icon=":material/grid_on:")
        return
    if chosen.boundaries is not None:
        with st.expander("Compute the fields", icon=":material/calculate:", expanded=not found), messages.shown():
            _form(chosen)
    if found:
        result = fields_kept.choose(found, "Fields that were computed")
        with messages.shown():
            fields_shown.draw(result, chosen)


def _form(chosen):
    left, right = st.columns(2, gap="medium")
    with left:
        scheme = _scheme(chosen.finished)
    with right:
        years = _years(chosen)
    job = "fields", _task(chosen, scheme, years), f"What {chosen.boundaries.path.split('/')[-1]} have on average"
    jobs.button("Compute the fields", ":material/play_arrow:", job, "fields.start")
    if chosen.date is None:
        st.caption("State the date of the map above first, if you know it: sentences and tables then say for when they hold.")


def _scheme(finished):
    from soilcore.core.classes import schemes_that_fit

    fitting = {scheme.id: scheme.title or scheme.id for scheme in schemes_that_fit(finished.unit, finished.form)}
    if not fitting:
        st.caption(f"No class scheme fits {messages.plain(finished.quantity)}; fields get means and intervals.")
        return None
    return st.selectbox("Classes", list(fitting), format_func=fitting.get, key=f"fields.classes.{len(fitting)}", persist_state="session")


def _years(chosen):
    """Maps of other dates for a trend: of the same quantity on the same grid, with a date; those of the same model are chosen at first."""
    if chosen.date is None:
        st.caption("A trend needs maps of several dates, this one's among them.")
        return []
    others = _dated(chosen)
    if not others:
        st.caption("With maps of other years on the same grid (page Change), a trend is computed for every field.")
        return []
    same = [name for name, (_, model) in others.items() if model == chosen.made.settings.get("model_dir")]
    names = st.multiselect(
        "Maps of other dates, for the trend",
        list(others),
        same,
        format_func=lambda name: f"{others[name][0]} ({name})",
        key=f"fields.years.{chosen.made.id}.{len(others)}",
    )
    return [(f"maps/{name}/map.tif", others[name][0]) for name in names]


def _dated(chosen):
    from pages.ui import fields_map
    from pages.ui.mapping import read
    from soilcore.core.errors import SoilcoreError

    work, found = current_work(), {}
    told = work.state().get("map_dates") or {}
    for name in work.maps:
        if name == chosen.made.id:
            continue
        made = read(work.project.path("maps", name))
        try:
            one = fields_map.finished(made.value_file)
        except SoilcoreError:
            continue  # a damaged map is no year; its own page says so
        date = one.date or told.get(name)
        alike = (one.unit, one.form, one.column) == (chosen.finished.unit, chosen.finished.form, chosen.finished.column)
        if date and date != chosen.date and alike and one.grid == chosen.finished.grid:
            found[name] = date, made.settings.get("model_dir")
    return dict(sorted(found.items(), key=lambda pair: pair[1][0]))


def _task(chosen, scheme, years):
    from soilcore.project.act_settings import FieldsTask

    out = f"fields/{current_work().project.new_id('fields', 'fields')}/fields.gpkg"
    fields = chosen.boundaries
    return FieldsTask(
        chosen.map,
        fields.path,
        out,
        fields.layer,
        fields.id_column,
        scheme,
        tuple(path for path, _ in years),
        tuple(date for _, date in years),
        chosen.stated_date,
        chosen.model_dir,
    )
