"""What the model page asks for every task: predictors, target, tuning, folds, intervals."""

from dataclasses import dataclass, field

import streamlit as st

from pages.ui import cached, covariates, folds, messages, networks, steps, table_bands
from pages.ui.networks import AskedNetworks
from pages.ui.session import current_work
from soilcore.evaluation.splits import SplitSettings
from soilcore.features.recipe import FeatureSettings
from soilcore.models.settings import FitSettings
from soilcore.project.settings import InputSettings

BANDS, SETS, RASTERS, CLIMATE, COLUMNS = "bands", "indices", "rasters", "climate", "table columns"
DEFAULT_SETS = ("existing17_literature", "novel4_lan2025")
NEIGHBOURS = {"gi-star": "clusters of high and low values (Getis-Ord Gi*)", "kriging-prior": "kriging of the target"}
INTERVALS = {
    "conformal": "errors of the folds (conformal)",
    "cv+": "models of the folds (CV+)",
    "split": "a part held back (split)",
    "cqr": "quantile regressions (CQR)",
    "quantile-forest": "quantile regression forest",
    "local": "errors nearby (local)",
}
_TRANSFORM_HELP = "log1p is log(1 + value). Salinity is skewed: a logarithm keeps a few very salty places from ruling the fit. Scores are always on the original scale."
_TRIALS_HELP = (
    "0: the documented defaults. Every trial costs five small fits in every fold, so 20 trials make a comparison about a hundred times longer."
)
_COLUMNS_HELP = "A map needs every predictor at every pixel: columns without a raster of the same name cannot be mapped"
_NEIGHBOURS_HELP = (
    "What samples nearby say, as further predictors. A sample never sees its own value, and test samples see training samples only; "
    "far from all samples they tell nothing."
)
_PERMUTATIONS = {"automatic": None, "no": 0, "20 times": 20}
_INTERVALS_HELP = (
    "Conformal is quick and works for every learner. CV+ is a little wider and guaranteed. Split suits large tables. CQR and the quantile forest are "
    "wide where the soil varies, local where errors nearby are large. All but the first are made anew inside every fold to see whether they keep "
    "their promise: about six times the work."
)
_PERMUTATIONS_HELP = "The target is shuffled and everything is repeated: a path that still shows skill is leaking. Automatic: where it takes seconds."


_MONTHS_HELP = "Mean and standard deviation of every variable over so many months before the sample's date become predictors"
_DAYS_HELP = "Every sample meets the image nearest to its own date; those without one this near are left out, and said"
_DAYS = 30


@dataclass(frozen=True)
class Asked:
    """What holds for every task of the page.

    Parameters
    ----------
    inputs : InputSettings
    features : FeatureSettings
    splits : SplitSettings
    fit : FitSettings
    intervals : str
        How prediction intervals are made.
    permutations : int or None
        How often the target is shuffled; None: where it is quick.
    ready : bool
        Whether there is anything to predict from.
    networks : AskedNetworks
        What only networks are given; see `pages.ui.networks.inputs_for` and `fit_for`.
    """

    inputs: InputSettings
    features: FeatureSettings
    splits: SplitSettings
    fit: FitSettings
    intervals: str
    permutations: int | None
    ready: bool
    networks: AskedNetworks = field(default_factory=AskedNetworks)


def settings(samples, expanded):
    """Ask for predictors, target, folds and intervals.

    Parameters
    ----------
    samples : SampleSet
    expanded : bool
        Whether the form is open at first.

    Returns
    -------
    Asked
    """
    with st.expander("Predictors, target and folds", icon=":material/tune:", expanded=expanded, key=f"model.settings.{expanded}"):
        features = _features(samples)
        left, right = st.columns(2, gap="large")
        with right:
            splits = folds.form(samples)
        with left:
            fit, intervals, permutations = _fit(samples)
            for_networks = networks.form() if current_work().scene_files else AskedNetworks()
    ready = bool(features.bands or features.index_sets or features.covariates or features.columns or features.climate)
    inputs = current_work().inputs(features=features)
    if ready:
        folds.warn(samples, inputs, splits)
    else:
        st.info("Choose at least one kind of predictor.", icon=":material/input:")
    return Asked(inputs, features, splits, fit, intervals, permutations, ready, for_networks)


def _features(samples):
    work = current_work()
    table_bands.panel(samples)
    in_table = table_bands.choices(samples)
    sources = [BANDS, SETS] if work.scene_files or in_table else []
    sources += [RASTERS] if work.covariates else []
    sources += [CLIMATE] if work.climate_source else []
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
    months = _months(next(places)) if CLIMATE in chosen else None
    taken = _columns(samples, work, next(places)) if COLUMNS in chosen else ()
    more = {"climate": work.climate_source, "climate_months": months} if months else {}
    paths = tuple(work.covariate_path(name) for name in rasters)
    units = covariates.units_of(rasters)
    spectral = {"bands": BANDS in chosen, "index_sets": tuple(sets)}
    return FeatureSettings(**spectral, covariates=paths, units=units, columns=tuple(taken), max_days=_max_days(chosen, rasters), **more, **in_table)


def _sets(place):
    from soilcore.features.indices import index_sets

    return place.multiselect("Index sets", list(index_sets()), DEFAULT_SETS, key="model.sets", persist_state="session", wrap=True)


def _rasters(work, place):
    there = work.covariates
    return place.multiselect("Rasters", there, there, key=f"model.rasters.{'+'.join(there)}", persist_state="session", wrap=True)


def _months(place):
    return int(
        place.number_input("Months of climate before each sample", 1, 120, 12, key="model.climate.months", persist_state="session", help=_MONTHS_HELP)
    )


def _max_days(chosen, rasters):
    """How far in time images and dated rasters may lie from a sample; asked only where something is dated by days."""
    dated = covariates.any_by_date(rasters)
    with messages.shown():
        dated |= bool({BANDS, SETS} & set(chosen)) and cached.is_series(cached.imagery())
    if not dated:
        return _DAYS
    return int(
        st.number_input(
            "Days between a sample and its image, at most", 0, 3660, _DAYS, key="model.max-days", persist_state="session", help=_DAYS_HELP
        )
    )


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


def _fit(samples):
    form = transform("log1p", "model.transform", _TRANSFORM_HELP)
    trials = st.select_slider(
        "Tuning trials per learner and fold", (0, 5, 10, 20, 30, 60), value=0, key="model.trials", persist_state="session", help=_TRIALS_HELP
    )
    neighbours = _neighbours() if samples.has_places else ()
    intervals = st.selectbox(
        "Prediction intervals from", list(INTERVALS), format_func=INTERVALS.get, key="model.intervals", persist_state="session", help=_INTERVALS_HELP
    )
    return FitSettings(transform=form, trials=trials, neighbours=tuple(neighbours)), intervals, permutations("model.permutations")


def transform(default, key, help_text):
    """Ask on which scale the target is modelled."""
    return (
        st.segmented_control(
            "Model the target as",
            ("none", "log10", "log1p"),
            default=default,
            required=True,
            format_func={"none": "it is", "log10": "log10", "log1p": "log1p"}.get,
            key=key,
            persist_state="session",
            help=help_text,
            wrap=True,
        )
        or "none"
    )


def permutations(key):
    """Ask how often the target is shuffled; None: where it is quick."""
    chosen = st.segmented_control(
        "Shuffle the target to look for leaks",
        list(_PERMUTATIONS),
        default="automatic",
        required=True,
        key=key,
        persist_state="session",
        help=_PERMUTATIONS_HELP,
        wrap=True,
    )
    return _PERMUTATIONS.get(chosen)


def _neighbours():
    return st.pills(
        "Also let neighbouring samples speak",
        list(NEIGHBOURS),
        selection_mode="multi",
        format_func=NEIGHBOURS.get,
        key="model.neighbours",
        persist_state="session",
        help=_NEIGHBOURS_HELP,
        wrap=True,
    )


def learner_names(without=()):
    """Names of the learners that can be fitted."""
    from soilcore.models.catalogue import learner_specs

    return [spec.name for spec in learner_specs() if spec.available and spec.name not in without]


def label(name):
    """A learner in words."""
    from soilcore.models.catalogue import learner_specs

    return next((spec.label for spec in learner_specs() if spec.name == name), name)
