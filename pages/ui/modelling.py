"""What the model page asks: predictors, learners, folds, tuning; and the buttons that start."""

from dataclasses import replace

import streamlit as st

from pages.ui import jobs, steps, table_bands
from pages.ui.session import current_work
from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.models.settings import FitSettings
from soilcore.project.settings import CompareTask, TrainTask

BANDS, SETS, RASTERS, COLUMNS = "bands", "indices", "rasters", "table columns"
SCHEMES = {
    "block": "Spatial blocks: how good for places nobody sampled",
    "group": "Whole groups left out: a field, a profile, a campaign",
    "folds": "Folds given in a column of the table",
    "random": "Random: how good between your samples, flattering for maps",
}
DEFAULT_MODELS = ("mean", "best-index", "plsr", "rf", "xgboost")
DEFAULT_SETS = ("existing17_literature", "novel4_lan2025")
_GROUPING = ("fold", "group", "grid", "block", "cluster", "profile", "transect", "campaign", "site", "plot", "field", "village")
_TRANSFORM_HELP = "log1p is log(1 + value). Salinity is skewed: a logarithm keeps a few very salty places from ruling the fit. Scores are always on the original scale."
_LEARNERS_HELP = "These take seconds. The perceptron and the stack of paper 002 take a minute or two each: add them when you can wait."
_TRIALS_HELP = (
    "0: the documented defaults. Every trial costs five small fits in every fold, so 20 trials make a comparison about a hundred times longer."
)
_COLUMNS_HELP = "A map needs every predictor at every pixel: columns without a raster of the same name cannot be mapped"


def panel(samples):
    """The form and its buttons."""
    features = _features(samples)
    left, right = st.columns(2, gap="large")
    with left:
        models = tuple(_learners())
        fit = _fit()
    with right:
        splits = _splits(samples)
    ready = bool(features.bands or features.index_sets or features.covariates or features.columns)
    if not ready:
        st.info("Choose at least one kind of predictor.", icon=":material/input:")
    _buttons(features, models, splits, fit, ready)


def _features(samples):
    work = current_work()
    table_bands.panel(samples)
    in_table = table_bands.choices(samples)
    sources = [BANDS, SETS] if work.scene_files or in_table else []
    sources += [RASTERS] if work.project.items("covariates") else []
    options = [*sources, COLUMNS]
    chosen = st.pills(
        "Predictors from",
        options,
        selection_mode="multi",
        default=sources[:2] or [COLUMNS],
        key=f"model.sources.{'+'.join(options)}",
        persist_state="session",
    )
    if not work.scene_files:
        st.caption(
            "There is no image, so predictors come from the table alone; a map needs an image with the same bands, or rasters named like the columns."
        )
        steps.link("imagery", "Choose an image")
    columns = st.columns(max(1, len([one for one in chosen if one != BANDS])))
    places = iter(columns)
    sets = _sets(next(places)) if SETS in chosen else ()
    rasters = _rasters(work, next(places)) if RASTERS in chosen else ()
    taken = _columns(samples, work, next(places)) if COLUMNS in chosen else ()
    categorical = set(work.state().get("categorical", ()))
    paths = tuple(f"covariates/{name}{':categorical' if name in categorical else ''}" for name in rasters)
    return FeatureSettings(bands=BANDS in chosen, index_sets=tuple(sets), covariates=paths, columns=tuple(taken), **in_table)


def _sets(place):
    from soilcore.features.indices import index_sets

    return place.multiselect("Index sets", list(index_sets()), DEFAULT_SETS, key="model.sets", persist_state="session", wrap=True)


def _rasters(work, place):
    there = work.project.items("covariates")
    return place.multiselect("Rasters", there, there, key=f"model.rasters.{'+'.join(there)}", persist_state="session", wrap=True)


def _columns(samples, work, place):
    from soilcore.core.errors import FeatureError
    from soilcore.data.columns import predictor_columns

    numeric = [str(name) for name in samples.table.select_dtypes("number").columns if name != samples.target.column]
    try:
        suggested = [] if work.scene_files else predictor_columns(samples, "all")
    except FeatureError:
        suggested = []
    key = f"model.columns.{work.samples_file}.{samples.target.column}"
    return place.multiselect("Table columns", numeric, suggested, key=key, persist_state="session", help=_COLUMNS_HELP, wrap=True)


def _learners():
    return st.multiselect(
        "Learners to compare",
        _names(),
        DEFAULT_MODELS,
        format_func=label,
        key="model.models",
        persist_state="session",
        help=_LEARNERS_HELP,
        wrap=True,
    )


def _fit():
    first, second = st.columns(2, vertical_alignment="bottom")
    transform = first.segmented_control(
        "Model the target as",
        ("none", "log10", "log1p"),
        default="log1p",
        required=True,
        format_func={"none": "it is", "log10": "log10", "log1p": "log1p"}.get,
        key="model.transform",
        persist_state="session",
        help=_TRANSFORM_HELP,
        wrap=True,
    )
    trials = second.select_slider(
        "Tuning trials per learner and fold", (0, 5, 10, 20, 30, 60), value=0, key="model.trials", persist_state="session", help=_TRIALS_HELP
    )
    return FitSettings(transform=transform or "none", trials=trials)


def _splits(samples):
    dividing = _dividing(samples)
    possible = {"block": samples.has_places, "group": bool(dividing), "folds": bool(dividing)}
    options = [name for name in SCHEMES if possible.get(name, True)]
    kind = st.radio("Folds", options, format_func=SCHEMES.get, key=f"model.scheme.{'+'.join(options)}", persist_state="session")
    columns = st.columns(3)
    folds = 5
    if kind != "folds":
        folds = columns[0].number_input("Number of folds", 2, 50, 5, key="model.folds", persist_state="session")
    scheme, size, repeats = kind, None, 1
    if kind in ("group", "folds"):
        column = columns[1].selectbox("Column", dividing, key=f"model.column.{kind}.{current_work().samples_file}", persist_state="session")
        scheme = f"{kind}:{column}"
    if kind == "block":
        size = columns[1].number_input(
            "Side of a block (m)",
            1.0,
            value=None,
            placeholder="find",
            key="model.block",
            persist_state="session",
            help="Empty: the range of the variogram",
        )
    if kind in ("block", "random"):
        repeats = columns[2].number_input(
            "Repeats", 1, 20, 1, key="model.repeats", persist_state="session", help="How often the folds are drawn anew"
        )
    return SplitSettings(scheme, int(folds), int(repeats), size)


def _dividing(samples):
    """Columns that divide the samples: at least two values, and on average two samples of each; those named like folds or groups first."""
    counts = samples.table.nunique()
    names = [str(name) for name in samples.table.columns if 2 <= counts[name] <= len(samples) / 2 and name != samples.target.column]
    return sorted(names, key=lambda name: next((place for place, word in enumerate(_GROUPING) if word in name.lower()), len(_GROUPING)))


def _names():
    from soilcore.models.catalogue import learner_specs

    return [spec.name for spec in learner_specs() if spec.available]


def label(name):
    """A learner in words."""
    from soilcore.models.catalogue import learner_specs

    return next((spec.label for spec in learner_specs() if spec.name == name), name)


def _buttons(features, models, splits, fit, ready):
    work, busy = current_work(), jobs.is_busy()
    task = CompareTask(work.inputs(features=features), models, splits, fit, predictions=True)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            f"Compare {len(models)}" if models else "Compare",
            icon=":material/leaderboard:",
            type="primary",
            on_click=jobs.start,
            args=("compare", task, f"Comparing {len(models)} learners"),
            disabled=busy or not models or not ready,
            key="model.compare",
        )
        one = st.selectbox(
            "One to train and keep",
            _names(),
            index=_names().index("stacking"),
            format_func=label,
            key="model.one",
            persist_state="session",
            width=380,
        )
        st.button("Train", icon=":material/model_training:", on_click=_train, args=(task, one), disabled=busy or not ready, key="model.train")
        if work.scene_files:
            both = replace(features, index_sets=tuple(dict.fromkeys((*features.index_sets, "existing17_lan2025", "novel4_lan2025"))))
            table4 = replace(task, inputs=work.inputs(features=both), models=("mean",), table4=True, predictions=False)
            st.button(
                "Table of paper 002",
                icon=":material/table_chart:",
                on_click=jobs.start,
                args=("compare", table4, "Laying out the table of paper 002"),
                disabled=busy,
                key="model.table4",
                help="Five methods, novel against existing indices, calibration and validation. Takes several minutes.",
            )


def _train(task, name):
    work = current_work()
    identifier = work.project.new_id("models", name)
    jobs.start("train", TrainTask(task.inputs, name, f"models/{identifier}", task.splits, task.fit), f"Training: {label(name)}")
