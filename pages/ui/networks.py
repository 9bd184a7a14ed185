"""Networks on the model page: how they are trained and what they read, their losses while they learn, and how to go on after a stop."""

from dataclasses import dataclass, field, replace

import pandas as pd
import streamlit as st

from pages.ui import charts, covariate_makers, evidence, jobs, messages, network_pace
from pages.ui.network_pace import DEVICES, PACES, PRECISIONS, QUICK, QUICK_SETTINGS, is_network
from pages.ui.session import current_work
from soilcore.models.network_needs import is_image_network
from soilcore.models.settings import NetworkSettings

KINDS = ("compare", "train", "learning-curve", "spectra-train", "spectra-compare")
_SECONDS_BETWEEN_LOOKS = 2.0
_SECONDS_UNTIL_OTHERS = 4.0
_OWN = "its own"
_NONE = "none"
_TOGETHER = "All fits together"
_PACE_HELP = (
    "Quick: at most 20 epochs and windows of 33 cells, minutes on a laptop; enough to see how it works, not to judge a network. "
    "Thorough: epochs and windows as published, up to an hour and more without a GPU."
)
_EPOCHS_HELP = "Passes over the training samples at most; training ends earlier when samples of a region held back are no longer predicted better."
_PATIENCE_HELP = "Training ends after so many epochs in which the samples held back were not predicted better"
_BATCH_HELP = "Halved by itself where the memory does not suffice; that is said then"
_RATE_HELP = "How large the steps are. Too large: the loss jumps or is lost. Too small: nothing is learned in time."
_PATCH_HELP = "Side of the image window around each sample. Large windows see the landscape; they also overlap between neighbouring folds."
_CELL_HELP = "Empty: pixels of the image; of the large SoilNet 30 m"
_MEMBERS_HELP = "Networks from different random starts; their mean predicts. Five are steadier than one and take five times as long."
_DEM_HELP = "Elevation, slope and curvatures around each sample; made on the fly from the elevation model"
_SERIES_HELP = "Start of season, start of the peak and speed of green-up around each sample"


@dataclass(frozen=True)
class AskedNetworks:
    """What networks are given beside the predictors of all learners.

    Parameters
    ----------
    settings : NetworkSettings
    device : str
    dem, series : str or None
        Elevation model and vegetation series, paths relative to the project.
    """

    settings: NetworkSettings = field(default_factory=NetworkSettings)
    device: str = "auto"
    dem: str | None = None
    series: str | None = None


def form():
    """Ask how networks are trained; nothing here matters to other learners.

    Returns
    -------
    AskedNetworks
    """
    with st.popover("Networks", icon=":material/hub:"):
        st.caption("How SoilNet and SS-SoilNet are trained and what they read. Other learners do not look at this.")
        pace = st.segmented_control(
            "How thorough",
            list(PACES),
            default=QUICK,
            required=True,
            format_func=PACES.get,
            key="model.net.pace",
            persist_state="session",
            help=_PACE_HELP,
            wrap=True,
        )
        left, right = st.columns(2, gap="medium")
        dem = _elevation(left)
        series = _series(right)
        left, right = st.columns(2, gap="medium")
        members = left.number_input("Members", 1, 20, 1, key="model.net.members", persist_state="session", help=_MEMBERS_HELP)
        offered = ["auto", *network_pace.devices()]
        device = right.selectbox("Train on", offered, format_func=DEVICES.get, key="model.net.device", persist_state="session")
        st.caption(f"Networks will be trained on {network_pace.device_words(device)} of the computer this app runs on.")
        settings = _single(QUICK_SETTINGS if (pace or QUICK) == QUICK else {})
    return AskedNetworks(replace(settings, members=int(members)), device, dem, series)


def _single(preset):
    """Every setting on its own; what is left empty is that of the preset, or the network's own."""
    with st.expander("Single settings", icon=":material/tune:", type="compact"):
        st.caption("An empty field leaves the value to the choice above.")
        left, right = st.columns(2, gap="medium")
        given = {
            "epochs": _number(left, "Epochs, at most", 1, 2000, "epochs", preset, help=_EPOCHS_HELP),
            "patience": _number(left, "Epochs without progress", 1, 500, "patience", preset, help=_PATIENCE_HELP),
            "batch": _number(left, "Samples per step", 1, 4096, "batch", preset, help=_BATCH_HELP),
            "patch": _number(right, "Window (cells a side)", 3, 513, "patch", preset, help=_PATCH_HELP),
            "cell": _number(right, "Cell of the window (m)", 0.5, 1000.0, "cell", preset, help=_CELL_HELP),
            "learning_rate": _number(right, "Learning rate", 1e-7, 1.0, "rate", preset, format="%g", help=_RATE_HELP),
        }
        precision = left.selectbox("Numbers", list(PRECISIONS), format_func=PRECISIONS.get, key="model.net.precision", persist_state="session")
    said = {name: value for name, value in given.items() if value is not None}
    return NetworkSettings(**{**preset, **said}, precision=precision)


def _number(place, label, low, high, key, preset, **more):
    shown = str(preset[key]) if key in preset else _OWN
    return place.number_input(label, low, high, None, placeholder=shown, key=f"model.net.{key}", persist_state="session", **more)


def _elevation(place):
    models = covariate_makers.elevation_models()
    return _chosen(place, "Elevation model", [f"covariates/{name}" for name in models], "model.net.dem", _DEM_HELP)


def _series(place):
    named = {path: words for words, path in covariate_makers.series_sources().items()}
    return _chosen(place, "Vegetation series", list(named), "model.net.series", _SERIES_HELP, named, first=False)


def _chosen(place, words, paths, key, help_text, named=None, first=True):
    options = [*paths, _NONE] if first else [_NONE, *paths]
    shown = place.selectbox(
        words,
        options,
        format_func=lambda path: (named or {}).get(path, path.rpartition("/")[2]),
        key=f"{key}.{len(paths)}",
        persist_state="session",
        help=help_text,
    )
    return None if shown == _NONE else shown


def inputs_for(asked, names):
    """Inputs of a task: where a network is among the learners, elevation and seasons come in the form it reads.

    Parameters
    ----------
    asked : Asked
    names : sequence of str
        Learners.

    Returns
    -------
    InputSettings
    """
    if not any(is_image_network(name) for name in names):
        return asked.inputs
    networks, features = asked.networks, asked.inputs.features
    if networks.dem:
        kept = tuple(path for path in features.covariates if path != networks.dem)
        features = replace(features, dem=networks.dem, covariates=kept)
    return replace(asked.inputs, features=replace(features, series=networks.series or features.series))


def fit_for(asked, names):
    """Settings of fitting, with those of networks where one is among the learners."""
    if not any(is_network(name) for name in names):
        return asked.fit
    return replace(asked.fit, network=asked.networks.settings, device=asked.networks.device)


def about(names, asked, samples, kind):
    """Which of the chosen learners are networks, what each reads, where and about how long they train; nothing where none is chosen.

    Parameters
    ----------
    names : sequence of str
        Learners.
    asked : Asked
    samples : SampleSet
    kind : {"compare", "train", "learning-curve"}
    """
    from pages.ui.modelling import label

    chosen = [name for name in names if is_network(name)]
    if not chosen:
        return
    with st.container(border=True):
        for name in chosen:
            st.markdown(f":material/hub: **{messages.plain(label(name).partition(':')[0])}** {network_pace.reads(name, asked.networks.settings)}")
        if missing := network_pace.missing_packages():
            st.warning(
                f"Networks need {' and '.join(missing)}, which is not installed here. Install it with `pip install 'soilcore[deep]'` and start the app again.",
                icon=messages.ICONS["warning"],
            )
            return
        st.caption(_how_long(chosen, asked, samples, kind))


def _how_long(chosen, asked, samples, kind):
    fits = network_pace.fits_of(kind, asked.splits, asked.intervals, asked.permutations)
    found = [network_pace.seconds(name, asked.networks.settings, len(samples.table), fits) for name in chosen]
    at_most = network_pace.lasts(sum(seconds for seconds, _ in found))
    ground = "as measured in an earlier training of this project" if all(measured for _, measured in found) else "on two cores of an ordinary laptop"
    one = "one network" if len(chosen) == 1 else f"{len(chosen)} networks"
    return (
        f":material/schedule: Trained on {network_pace.device_words(asked.networks.device)}: {at_most} at most for {one} ({ground}; {fits} fits each: folds, "
        "random folds beside them" + (", and one on all samples" if kind == "train" else "") + "). Training often ends earlier. It goes on when you "
        "leave the page; stop it whenever you like. More settings: Networks, under the predictors above."
    )


def live():
    """Losses of the networks of the running job, epoch by epoch; nothing where no network learns. A job that another window of the same project
    started is shown here as well.
    """
    job = current_work().job
    if job is None or job.status().is_over:
        _look_for_others()
    elif job.spec()["kind"] in KINDS:
        _live()


@st.fragment(run_every=_SECONDS_UNTIL_OTHERS)
def _look_for_others():
    """Take up the job that another window of this project has started since."""
    from soilcore.project.jobs import running_jobs

    work = current_work()
    if work.project is None:
        return
    here = work.jobs_folder.resolve()
    if job := next((job for job in running_jobs() if job.folder.parent == here), None):
        work.job = job
        st.rerun()


@st.fragment(run_every=_SECONDS_BETWEEN_LOOKS)
def _live():
    job = current_work().job
    rows = [] if job is None else [row for row in job.rows() if row.get("kind") == "epoch"]
    if rows:
        st.subheader("Learning now", anchor=False)
        losses(rows, "model.live")


def losses(rows, key):
    """Losses by epoch of all fits of the network that learned last, or of one that is chosen."""
    fits = _fits(rows)
    names = [name for name, _ in fits]
    of_network = [(name, mine) for name, mine in fits if _network_of(name) == _network_of(names[-1])]
    chosen = _TOGETHER
    if len(fits) > 1:
        chosen = st.selectbox(
            "Fit", [_TOGETHER, *names[::-1]], key=f"{key}.fit", help="Every fold is a fit of its own; so is the one on all samples", width=460
        )
    name, last = fits[-1] if chosen not in names else fits[names.index(chosen)]
    row = last.iloc[-1]
    st.caption(
        f"{messages.plain(name)}, epoch {int(row['epoch'])} of at most {int(row['epochs'])}, {_took(row)}on {str(row['device']).upper()}. Dotted: "
        f"{_held_back(name)}; the lowest point is kept. Losses are on the scale of the network, each fit its own."
    )
    if chosen in names or len(of_network) == 1:
        figure, alt, table = charts.losses(last), f"Loss by epoch of {name}", last
    else:
        figure, alt = charts.losses_of_fits(of_network), f"Loss of the samples held back, by epoch, of {len(of_network)} fits of {_network_of(name)}"
        table = pd.concat([mine for _, mine in of_network])
    evidence.chart(figure, _readable(table), alt, key, "losses.csv")


def _held_back(fit):
    """What the two kinds of lines are: spectra have no region."""
    what, where = ("spectra", "") if _network_of(fit).startswith("spectra-") else ("samples", " of a region")
    return f"{what} it trains on. Full line: {what}{where} held back"


def _took(row):
    return f"{row['seconds']:.2g} s an epoch, " if row.get("seconds") is not None else ""


def _readable(table):
    return table.drop(columns=[name for name in ("kind", "group_losses", "run") if name in table])


def _network_of(fit):
    """The learner of a fit and of which division: "sssoilnet" or "sssoilnet, random folds"."""
    return fit.partition(":")[0]


def _fits(rows):
    """Fits one after the other, as (name, frame by epoch). Where epochs begin anew under the same name, another member begins."""
    fits, seen = [], {}
    for row in rows:
        name = row["fit"]
        if not fits or fits[-1][0] != name or row["epoch"] <= fits[-1][1][-1]["epoch"]:
            fits.append((name, []))
        fits[-1][1].append(row)
    named = []
    for name, mine in fits:
        seen[name] = seen.get(name, 0) + 1
        named.append((name if seen[name] == 1 else f"{name}, member {seen[name]}", pd.DataFrame(mine)))
    return named


def unfinished(kinds=KINDS):
    """Training that was stopped or failed: what the networks have learned is kept, and can be gone on with."""
    job = next((job for kind in kinds for job in jobs.every(kind)[:1] if job.status().state in ("stopped", "failed")), None)
    if job is None or jobs.is_busy():
        return
    rows = [row for row in job.rows() if row.get("kind") == "epoch"]
    if not rows:
        return
    spec, fits = job.spec(), _fits(rows)
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        done = f"{len(fits) - 1} fit{'s are' if len(fits) != 2 else ' is'} finished and the next was at epoch {int(fits[-1][1]['epoch'].iloc[-1])}"
        st.markdown(
            f":material/pause_circle: **{messages.plain(spec['label'])}** was not finished: {done}. What was learned is kept for a month, except the last minute.",
            width="stretch",
        )
        settings = {**spec["settings"], "resume": True}
        st.button("Take it up again", icon=":material/resume:", key="model.resume", on_click=jobs.start, args=(spec["kind"], settings, spec["label"]))
