"""Years: every date of a folder of scenes mapped with one model and compared, in one job; afterwards the maps one after the other."""

from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from pages.ui import cached, change_kept, change_layers, change_rule, covariates, evidence, jobs, map_inputs, map_turns, maps, messages, steps
from pages.ui.mapping import model_facts
from pages.ui.session import current_work
from soilcore.core.errors import SoilcoreError
from soilcore.core.settings import to_plain
from soilcore.project.change_settings import ChangeTask
from soilcore.project.map_years_settings import MapYearsTask

LEVELS = {0.8: "80 %", 0.9: "90 %", 0.95: "95 %"}
_MAP = "map.tif"
_COLUMNS = {
    "label": "Date",
    "valid": st.column_config.NumberColumn("Pixels mapped", format="localized"),
    "mean": st.column_config.NumberColumn("Mean", format="%.3g"),
    "aoa_share": st.column_config.ProgressColumn("Like the samples", format="percent", min_value=0, max_value=1),
    "map": "Map",
}


@dataclass(frozen=True)
class DatedMap:
    """A finished map of one date.

    Parameters
    ----------
    id : str
    label, date : str
        As the imagery calls it, and as the map was asked for.
    facts : dict
    """

    id: str
    label: str
    date: str
    facts: dict

    @property
    def file(self):
        """The raster of values, relative to the project."""
        return f"maps/{self.id}/{_MAP}"


def panel():
    """What is mapped, the button, and the maps that are there."""
    work = current_work()
    with st.container(border=True):
        left, right = st.columns(2, gap="medium")
        chosen = left.selectbox("Model", work.models, index=work.models.index(work.model), key=f"change.model.{work.model}")
        model = model_facts(chosen)
        unit = model["target"]["unit"] or "unit not known"
        left.caption(
            f"One model for all dates, so that nothing but the land changes. It predicts {messages.plain(model['target']['column'])} ({messages.plain(unit)})."
        )
        with right:
            scene, there = _imagery(model)
        if not there:
            return
        dates = _dates(there)
        asked = _asked(chosen, model, scene)
        if not map_inputs.ready(model):
            return
    done = _mapped(asked, there)
    _button(asked, [one for one in there if one.label in dates], done, there)
    _maps(asked, [done[one.label] for one in there if one.label in done])


def _imagery(model):
    """Which imagery of several dates, and its dates; says what to do where there is none."""
    if not map_inputs.needs_scene(model):
        there = _dates_of_rasters(model)
        if there:
            st.caption("The dates are those of the rasters and the climate that the model reads.")
        else:
            st.info(
                "Nothing that this model reads changes with time, so every year would give the same map. Scenarios show what it does.",
                icon=":material/event_busy:",
            )
        return None, there
    folders = _folders()
    if not folders:
        st.info(
            "There is no imagery of several dates in this project. Upload a folder of dated scenes, or fetch some.", icon=":material/satellite_alt:"
        )
        steps.link("imagery", "Go to Imagery", ":material/arrow_back:")
        return None, ()
    folder = st.selectbox("Imagery of several dates", folders, key=f"change.scenes.{len(folders)}", persist_state="session")
    scene = map_inputs.scene_like_training(model, (f"scenes/{folder}",))
    with messages.shown():
        opened = cached.images(scene)
        if cached.is_series(opened):
            from soilcore.features.recipe import FeatureRecipe
            from soilcore.project.map_years import dates_to_map

            return scene, dates_to_map(FeatureRecipe.from_dict(model["recipe"]), opened)
        st.info(f"{messages.plain(folder)} holds one date only.", icon=":material/event_busy:")
    return scene, ()


def _folders():
    """Folders of scenes: yearly ones first, because years are what people compare."""
    folder = current_work().project.part("scenes")
    found = {name: _stands_for(cached.stamp(folder / name), folder / name) for name in current_work().data("scenes") if (folder / name).is_dir()}
    return sorted((name for name, when in found.items() if when), key=lambda name: (found[name] != "year", name))


@st.cache_data(max_entries=64, show_spinner=False)
def _stands_for(stamp, _path):
    """Whether the scenes of a folder stand for days or years; None where it is no folder of scenes."""
    from soilcore.data.scene_groups import groups_of_folder, holds_several_scenes

    try:
        return groups_of_folder(_path)[1] if holds_several_scenes(_path) else None
    except SoilcoreError:
        return None  # said on the imagery page, where it can be removed


def _dates_of_rasters(model):
    """Dates of a model that reads no imagery: of its rasters, else of the climate."""
    from soilcore.features.recipe import FeatureRecipe
    from soilcore.project.map_years import Dated, dates_to_map

    recipe, there = FeatureRecipe.from_dict(model["recipe"]), covariates.predictors()
    for use in recipe.covariates:
        if use.when != "static" and use.name in there:
            with messages.shown():
                return tuple(Dated(day, day) for day in covariates.described(there[use.name]).dates)
    with messages.shown():
        return dates_to_map(recipe, climate=cached.climate())
    return ()


def _dates(there):
    labels = [one.label for one in there]
    chosen = st.pills(
        "Dates",
        labels,
        selection_mode="multi",
        default=labels,
        key=f"change.dates.{len(labels)}.{labels[0]}.{labels[-1]}",
        help="All of them unless some are switched off",
    )
    return chosen or []


def _asked(chosen, model, scene):
    """The task without its dates; what is seldom changed is folded."""
    with st.expander("Classes, intervals, area, rule of change", icon=":material/tune:", type="compact"):
        first, second, third = st.columns(3, gap="medium")
        with first:
            scheme = map_inputs.ask_scheme(model, "change.classes")
            level = _level(model)
        with second:
            mask = map_inputs.ask_mask("change.mask")
            aoi = map_inputs.ask_aoi("change.aoi")
        with third:
            rule = change_rule.ask("change.rule")
    inputs = map_inputs.inputs(model, scene, mask, aoi)
    aoa = any(name.startswith("aoa.") for name in model.get("trust") or {})
    return MapYearsTask(f"models/{chosen}", "maps/{date}", inputs, (), scheme, level, (), aoa, **rule)


def _level(model):
    if not any(name.split(".")[0] == "interval" for name in model.get("trust") or {}):
        st.caption("This model was trained without prediction intervals, so no change can be told from error. Train it again to get them.")
        return None
    return st.segmented_control(
        "Interval round every value", list(LEVELS), default=0.9, required=True, format_func=LEVELS.get, key="change.level", persist_state="session"
    )


def _mapped(asked, there):
    """Finished maps of these dates that were asked for in the same way, by label."""
    wanted, found = _identity(to_plain(asked)), {}
    labels = {one.date: one.label for one in there}
    work = current_work()
    for name in work.maps:
        run = change_kept.read_run(work.project.part("maps") / name / "map.run.json")
        if run is not None and run[0].get("date") in labels and _identity(run[0]) == wanted:
            label = labels[run[0]["date"]]
            found.setdefault(label, DatedMap(name, label, run[0]["date"], run[1]))
    return found


def _identity(settings):
    """What makes two maps comparable: model, inputs, classes and interval."""
    return {name: settings.get(name) for name in ("model_dir", "inputs", "classes", "interval")}


def _button(asked, wanted, done, there):
    """One button for what is still to be done: mapping and comparing, or comparing alone."""
    work = current_work()
    missing = [one for one in wanted if one.label not in done]
    beside = tuple(done[one.label].file for one in wanted if one.label in done)
    stem = f"{asked.model_dir.split('/')[1]}"
    out = f"changes/{work.project.new_id('changes', 'change')}"
    few = len(wanted) < 2
    if missing:
        number = work.project.new_id("maps", "x").rpartition("-")[2]
        task = replace(
            asked, out=f"maps/{{date}}-{stem}-{number}", dates=tuple(one.label for one in missing), beside=beside, compare=None if few else out
        )
        words = f"Map {_count(missing, there)}" + ("" if few else " and compare them" if not beside else f" and compare all {len(wanted)}")
        job = ("map-years", task, f"Mapping {_count(missing, there)} with {stem}")
        jobs.button(words, ":material/play_arrow:", job, "change.start", bool(wanted))
        if not few:
            st.caption(f"One job: {len(missing)} maps, then the differences, trends and what lasts. Maps that are finished stay when it is stopped.")
        return
    rule = {"correlation": asked.correlation, "false_changes": asked.false_changes}
    task = ChangeTask(beside, out, scheme=asked.classes, level=asked.interval, **rule)
    known = _same_comparison(task)
    words = f"Compare the {_count(wanted, there)}" if wanted else "Compare"
    jobs.button(words, ":material/compare:", ("change", task, f"Comparing {_count(wanted, there)}"), "change.compare", not few and known is None)
    if few:
        st.caption("A change is seen between two dates or more.")
    elif known is not None:
        st.caption(":material/check_circle: These maps are compared already: see “Difference” and “Trend and persistence”.")


def _count(some, there):
    what = "years" if all(len(one.label) == 4 for one in there) else "dates"
    return some[0].label if len(some) == 1 else f"{len(some)} {what}"


def _same_comparison(task):
    """A comparison that was made in the same way, or None."""
    plain = to_plain(task)
    same = ("scheme", "correlation", "false_changes", "level")
    return next(
        (
            one
            for one in change_kept.every(change_kept.CHANGES)
            if set(one.settings["maps"]) == set(plain["maps"]) and all(one.settings.get(name) == plain[name] for name in same)
        ),
        None,
    )


def _maps(asked, done):
    """The maps of the dates that are there, one after the other."""
    if not done:
        st.info(
            "Nothing is mapped yet. When the job is over, the maps can be played like a film here, and the other parts show what changed.",
            icon=":material/calendar_month:",
        )
        return
    st.subheader("Through the dates", anchor=False)
    if len(done) > 1:
        _film(asked, done)
    rows = [{"label": one.label, "valid": one.facts["valid"], "aoa_share": one.facts.get("aoa_share"), "map": one.id} for one in done]
    table = pd.DataFrame(rows).dropna(axis=1, how="all")
    st.dataframe(table, hide_index=True, placeholder="", alt="Maps of the dates: pixels mapped and share like the samples", column_config=_COLUMNS)
    st.caption("Each is an ordinary map of the project: layers, areas and files are on the Map page.")
    with st.container(horizontal=True):
        evidence.download(table, "change.years", "dates.csv", "Table as CSV")
        steps.link("map", "See them on the Map page")


@st.fragment
def _film(asked, done):
    if not maps.ready():
        return
    folder = current_work().project.part("maps")
    has_classes = all((folder / one.id / "map_class.tif").is_file() for one in done)
    forms = {"class": "classes", "value": "values"} if has_classes else {"value": "values"}
    chosen = st.segmented_control(
        "Show", list(forms), default=next(iter(forms)), required=True, format_func=forms.get, key=f"change.film.{len(forms)}", persist_state="session"
    )
    file = _MAP if chosen == "value" or not has_classes else "map_class.tif"
    with messages.shown():
        shown = change_layers.of_one_scale([change_layers.shown(folder / one.id / file, one.label) for one in done])
        with st.spinner("Drawing the maps ..."):
            key = f"years-{current_work().project.id}"
            place = map_turns.show(shown, key, shown[-1].title, "Date of the map")
        if place is not None:
            st.markdown(change_layers.sentence(shown, *place))
