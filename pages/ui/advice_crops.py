"""Crops and water: which crops are asked for, and what came of it."""

import streamlit as st

from pages.ui import advice_shown, fields_kept, jobs, messages
from pages.ui.session import current_work
from pages.ui.words import in_page
from soilcore.core.errors import SettingsError

_MOST = 24
_CARBON_UNITS = ("g/kg", "%", "mg/g", "mg/kg")


def panel(chosen):
    """Form and result; a map of something else than ECe is told what it lacks."""
    if not _fits(chosen):
        return
    found = fields_kept.every(fields_kept.ADVICE, chosen.made.id)
    with st.expander("Ask for advice", icon=":material/grass:", expanded=not found), messages.shown():
        _form(chosen)
    if found:
        result = fields_kept.choose(found, "Advice that was computed")
        with messages.shown():
            advice_shown.draw(result, chosen)


def _fits(chosen):
    from pages.ui import advice_carbon
    from soilcore.mapping.crops import check_crops_fit

    finished = chosen.finished
    try:
        check_crops_fit(finished.unit, finished.form, finished.column)
    except SettingsError as error:
        st.info(messages.plain(in_page(error.message)), icon=":material/grass:")
        may_be_carbon = finished.form == "as-measured" and finished.unit in _CARBON_UNITS
        known = may_be_carbon and fields_kept.every(fields_kept.ADVICE, chosen.made.id)
        if known or (may_be_carbon and st.toggle("The map shows organic carbon", key="advice.is_carbon")):
            advice_carbon.panel(chosen)
        return False
    return True


def _form(chosen):
    left, middle, right = st.columns(3, gap="medium")
    by_id = crops()
    with left:
        names = st.multiselect(
            "Crops you could grow",
            list(by_id),
            format_func=lambda one: f"{by_id[one].name} ({by_id[one].rating_text})",
            max_selections=_MOST,
            placeholder=f"all {len(by_id)} of the table",
            key="advice.crops",
            persist_state="session",
            help="Crops you choose are mapped each; without a choice all are ranked and the best three are mapped",
        )
    with middle:
        least = st.slider("A good harvest is at least (% of the yield without salt)", 50, 100, 90, 5, key="advice.least", persist_state="session")
    with right:
        water = st.number_input(
            "Conductivity of the irrigation water (dS/m)",
            0.0,
            60.0,
            None,
            0.1,
            key="advice.water",
            persist_state="session",
            placeholder="not known",
            help="1000 µS/cm are 1 dS/m. With it, the part of the water is told that must drain below the roots",
        )
        field_by_field = chosen.boundaries is not None and st.toggle("Field by field", True, key="advice.fields", persist_state="session")
    what = ", ".join(by_id[one].name for one in names[:3]) or "all crops"
    job = "advise", _task(chosen, names, float(least), water, field_by_field), f"Advice on {what}"
    jobs.button("Look at these crops", ":material/play_arrow:", job, "advice.start")


def crops():
    """Crops of the table by id, in its order."""
    from soilcore.mapping.crops import crops as of_table

    return {one.id: one for one in of_table()}


def _task(chosen, names, least, water, field_by_field):
    from soilcore.project.act_settings import AdviseTask

    return AdviseTask(
        chosen.map,
        tuple(names),
        f"fields/{current_work().project.new_id('fields', 'advice')}",
        irrigation_ec=water,
        least_yield=least,
        **where(chosen, field_by_field),
    )


def where(chosen, field_by_field):
    """What every advice is told of map and fields."""
    told = {"date": chosen.stated_date, "model_dir": chosen.model_dir}
    fields = chosen.boundaries
    if fields is not None and field_by_field:
        told |= {"boundaries": fields.path, "layer": fields.layer, "id_column": fields.id_column}
    return told
