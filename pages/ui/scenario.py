"""Scenario: what the model predicts if some of its predictors were others, where it may be asked that, and where not."""

import pandas as pd
import streamlit as st

from pages.ui import (
    cached,
    change_charts,
    change_difference,
    change_kept,
    change_layers,
    change_rule,
    evidence,
    jobs,
    map_date,
    map_inputs,
    map_networks,
    maps,
    messages,
    result_files,
    scenario_sliders,
    steps,
    theme,
    trust_cards,
)
from pages.ui.change_kept import SCENARIOS
from pages.ui.mapping import model_facts
from pages.ui.session import current_work
from pages.ui.words import in_page
from soilcore.core.errors import SoilcoreError
from soilcore.project.change_settings import ScenarioTask

_DIFFERENCE, _BOTH, _WHERE = "Difference", "As it is and scenario", "Where it may be asked"
LAYERS = {
    "difference": ("Difference", _DIFFERENCE),
    "difference_beyond": ("Difference beyond the interval", _DIFFERENCE),
    "change": ("Change beyond the interval", _DIFFERENCE),
    "baseline_class": ("As it is, classes", _BOTH),
    "scenario_class": ("Scenario, classes", _BOTH),
    "baseline": ("As it is, values", _BOTH),
    "scenario": ("Scenario, values", _BOTH),
    "outside_envelope": ("Not predicted", _WHERE),
    "left_aoa": ("Left the area of applicability", _WHERE),
}
_OFTEN_LEFT = 0.2  # share of the land beyond which the numbers say little
_CLASSES = {
    "class": "Class",
    "area_ha_before": st.column_config.NumberColumn("As it is (ha)", format="%.1f"),
    "area_ha_after": st.column_config.NumberColumn("Scenario (ha)", format="%.1f"),
    "share_before": st.column_config.NumberColumn("As it is", format="percent"),
    "share_after": st.column_config.NumberColumn("Scenario", format="percent"),
}
_WHAT = (
    "Raise the ground, shift the climate, make the land greener: the model is asked again with changed predictors. Sliders end where the middle of the training "
    "samples would leave what the model has seen; pixels beyond are not predicted, and counted. It tells what the model expects of such places, not what would happen here."
)


def panel():
    """What changes, the button, and the scenario that is open."""
    work = current_work()
    with st.container(border=True):
        st.markdown(_WHAT)
        left, right = st.columns(2, gap="large")
        chosen = left.selectbox("Model", work.models, index=work.models.index(work.model), key=f"scenario.model.{work.model}")
        model = model_facts(chosen)
        with right:
            scene, date, ready = _inputs_of(chosen, model)
        if ready and map_inputs.ready(model):
            with messages.shown():
                _ask(chosen, model, scene, date)
    kept = change_kept.choose(SCENARIOS, "Scenario to look at", words)
    if kept is None:
        st.info(
            "No scenario yet. Move a slider and press the button: a map of the difference appears here, and stays with the project.",
            icon=":material/tune:",
        )
        return
    _result(kept)


def _inputs_of(chosen, model):
    """Imagery and date of the scenario, and whether both are there."""
    work, scene = current_work(), None
    if map_inputs.needs_scene(model):
        trained = (model["provenance"].get("settings", {}).get("inputs", {}).get("scene") or {}).get("paths") or ()
        paths = [f"scenes/{name}" for name in work.scene_files] or [path for path in trained if cached.exists(work.path(path))]
        if not paths:
            st.info("This model needs an image. Choose one first.", icon=":material/satellite_alt:")
            steps.link("imagery", "Go to Imagery", ":material/arrow_back:")
            return None, None, False
        scene = map_inputs.scene_like_training(model, tuple(paths))
        st.caption(f"Image: {messages.plain(', '.join(path.split('/')[-1] for path in paths))}.")
        with messages.shown():
            opened = cached.images(scene)
            if cached.is_series(opened):
                by_year = opened.when == "year"
                dates = [str(day.year) if by_year else str(day) for day in opened.dates]
                return scene, st.selectbox("Date", dates, len(dates) - 1, key=f"scenario.date.{len(dates)}.{dates[-1]}"), True
            if not map_date.is_dated(model["recipe"]):
                return scene, None, True
    date, dated = map_date.choose(model)
    return scene, date, dated


def _ask(chosen, model, scene, date):
    """Sliders and the button."""
    changes = scenario_sliders.ask(model, f"scenario.{chosen}")
    with st.expander("Classes, area, rule of change", icon=":material/tune:", type="compact"):
        first, second, third = st.columns(3, gap="medium")
        with first:
            scheme = map_inputs.ask_scheme(model, "scenario.classes")
        with second:
            mask, aoi = map_inputs.ask_mask("scenario.mask"), map_inputs.ask_aoi("scenario.aoi")
        with third:
            rule = change_rule.ask_for_scenario(f"models/{chosen}", "scenario.rule")
    of_network = map_networks.form(chosen, model, "scenario", scene, maps=2)
    has_interval = any(name.split(".")[0] == "interval" for name in model.get("trust") or {})
    task = ScenarioTask(
        f"models/{chosen}",
        f"scenarios/{current_work().project.new_id('scenarios', 'scenario')}",
        map_inputs.inputs(model, scene, mask, aoi),
        changes,
        date,
        scheme,
        0.9 if has_interval else None,
        rule,
        **of_network,
    )
    jobs.button("Compute the scenario", ":material/play_arrow:", ("scenario", task, f"Scenario: {_said(changes)}"), "scenario.start", bool(changes))
    if not changes:
        st.caption("Nothing is changed yet: choose a predictor and move its slider.")


def _said(changes):
    """Changes in words, as the engine tells them."""
    from soilcore.explanation.changed_inputs import parse_change

    try:
        return ", ".join(parse_change(text).text for text in changes)
    except SoilcoreError:
        return ", ".join(changes)


def words(kept):
    """What people call a scenario."""
    date = f", {kept.facts['date']}" if kept.facts.get("date") else ""
    return f"{', '.join(change['text'] for change in kept.facts['changes'])}{date} · {kept.settings['model_dir'].split('/')[-1]}"


def _result(kept):
    facts = kept.facts
    _cards(facts)
    _where(facts)
    _between(facts)
    if maps.ready():
        shown = _layers(kept)
        veil = None
        if (area := kept.layer("scenario_aoa")) is not None:
            veil = change_layers.veil(area, "Grey: outside the area of applicability", "outside: the scores do not hold here")
        change_difference.picture(
            list(shown.values()), f"scenario-{kept.id}", f"What the scenario changes: {words(kept)}.", veil, LAYERS["scenario"][0], bare=True
        )
    st.caption(f":material/info: {messages.plain(facts['note'])}")
    if facts["rule"]:
        st.caption(f":material/rule: {messages.plain(in_page(facts['rule']))}")
    _classes(kept)
    _moved(facts)
    messages.assumed(facts["assumed"])
    result_files.downloads(kept.folder, kept.id, "scenario.files", ("difference", "scenario", "baseline"), _tables(facts))


def _layers(kept):
    found = change_layers.listed(kept, LAYERS)
    both = [name for name in ("baseline", "scenario") if name in found]
    found |= dict(zip(both, change_layers.of_one_scale([found[name] for name in both]), strict=True))
    return found


def _cards(facts):
    difference, unit = facts["difference"], facts["unit"] or ""
    spread = f"{theme.number(difference['p5'], 2)} to {theme.number(difference['p95'], 2)}"
    with st.container(horizontal=True, key="cards.scenario"):
        trust_cards.metric("Mean difference", f"{difference['mean']:+.2g} {unit}".strip(), spread, "Below: the range that holds 9 of 10 pixels")
        if difference["share_changed"] is not None:
            both = f"{theme.percent(difference['share_higher'])} up, {theme.percent(difference['share_lower'])} down"
            trust_cards.metric(
                "Beyond the interval", theme.percent(difference["share_changed"]), both, "Where the difference exceeds the model's own error"
            )
        trust_cards.metric(
            "Not predicted",
            theme.percent(facts["outside_envelope_share"]),
            "beyond training",
            "A changed predictor leaves the range it had in training",
        )
        if facts["left_aoa_share"] is not None:
            trust_cards.metric(
                "Left the area",
                theme.percent(facts["left_aoa_share"]),
                "unlike the samples",
                "Inside the area of applicability before, outside now",
            )


def _where(facts):
    """Shares in words; a warning where much of the land is beyond what the model knows."""
    outside, left = facts["outside_envelope_share"], facts["left_aoa_share"]
    said = [f"{theme.percent(outside)} of the mapped land is not predicted, because a changed predictor leaves the range it had in training"]
    by = facts.get("outside_envelope_by")
    if by:
        said[0] += f" (most by {next(iter(by))})"
    if left is not None:
        said.append(
            f"{theme.percent(left)} stays within every range but is no longer like the training samples: scores and intervals do not hold there"
        )
    text = messages.plain("; ".join(said) + ".")
    if outside + (left or 0.0) > _OFTEN_LEFT:
        st.warning(f"{text} Change less for an answer that covers the land.", icon=messages.ICONS["warning"])
    else:
        st.markdown(f":material/verified: {text}")


def _between(facts):
    """What interpolation between the computed pixels of a network costs."""
    if (facts.get("stride") or 1) == 1:
        return
    off = [one["rmse"] for one in (facts["stride_error"] or {}).values() if one and one.get("n")]
    cost = f"; interpolation is off by {theme.number(max(off), 2)} {facts['unit'] or ''} (RMSE)".rstrip() if off else ""
    words = f"Every {facts['stride']}th pixel of the network was computed, the others interpolated{cost}."
    st.caption(f":material/grid_on: {messages.plain(words)}")


def _classes(kept):
    rows = kept.facts["classes"]
    if not rows:
        return
    from soilcore.core.classes import class_scheme

    st.subheader("Area of each class", anchor=False)
    table = pd.DataFrame(rows)[list(_CLASSES)]
    figure = change_charts.before_after(rows, class_scheme(kept.settings["classes"]).colors)
    evidence.chart(figure, table, "Area of each class as it is and in the scenario", "scenario.classes", f"{kept.id}-classes.csv", _CLASSES)
    st.caption("Only land that is predicted in both is counted.")


def _moved(facts):
    rows = [{"change": change["text"], "moves": ", ".join(change["columns"])} for change in facts["changes"]]
    with st.expander("What moved", icon=":material/account_tree:", type="compact"):
        alt = "Each change and the predictors that moved with it"
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt=alt, column_config={"change": "Change", "moves": "Predictors that moved with it"})


def _tables(facts):
    return {"classes.csv": pd.DataFrame(facts["classes"])} if facts["classes"] else {}
