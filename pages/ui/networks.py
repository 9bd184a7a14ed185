"""Networks on the model page: how they are trained and what they read, their losses while they learn, and how to go on after a stop."""

from dataclasses import dataclass, field, replace

import pandas as pd
import streamlit as st

from pages.ui import charts, covariate_makers, evidence, jobs, messages
from pages.ui.session import current_work
from soilcore.models.network_needs import is_image_network
from soilcore.models.settings import NetworkSettings

KINDS = ("compare", "train", "learning-curve", "spectra-train", "spectra-compare")
_SECONDS_BETWEEN_LOOKS = 2.0
_OWN = "its own"
_NONE = "none"
_DEVICES = {"auto": "the fastest there is", "cpu": "CPU", "cuda": "NVIDIA GPU (CUDA)", "mps": "Apple GPU (MPS)"}
_PRECISION = {"auto": "mixed on a GPU, else float32", "float32": "float32", "amp": "mixed"}
_EPOCHS_HELP = "Passes over the training samples at most; training ends earlier when samples of a region held back are no longer predicted better."
_PATCH_HELP = "Side of the image window around each sample. Large windows see the landscape; they also overlap between neighbouring folds."
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
    with st.popover("Networks", icon=":material/hub:", help="SoilNet, SS-SoilNet and the network for spectra; other learners do not look at this"):
        st.markdown("What is left empty is the network's own: published where a paper says it, smaller for the small networks.")
        left, right = st.columns(2)
        epochs = left.number_input("Epochs, at most", 1, 2000, None, placeholder=_OWN, key="model.net.epochs", help=_EPOCHS_HELP)
        patience = left.number_input("Epochs without progress", 1, 500, None, placeholder=_OWN, key="model.net.patience")
        batch = left.number_input("Samples per step", 1, 4096, None, placeholder=_OWN, key="model.net.batch")
        rate = left.number_input("Learning rate", 1e-7, 1.0, None, format="%g", placeholder=_OWN, key="model.net.rate")
        patch = right.number_input("Window (cells a side)", 3, 513, None, placeholder=_OWN, key="model.net.patch", help=_PATCH_HELP)
        cell = right.number_input("Cell of the window (m)", 0.5, 1000.0, None, placeholder=_OWN, key="model.net.cell")
        members = right.number_input("Members", 1, 20, 1, key="model.net.members", help=_MEMBERS_HELP)
        device = right.selectbox("Train on", list(_DEVICES), format_func=_DEVICES.get, key="model.net.device", help=_what_there_is())
        precision = right.selectbox("Numbers", list(_PRECISION), format_func=_PRECISION.get, key="model.net.precision")
        dem, series = _sources()
    settings = NetworkSettings(
        epochs=epochs, batch=batch, members=int(members), patience=patience, learning_rate=rate, precision=precision, patch=patch, cell=cell
    )
    return AskedNetworks(settings, device, dem, series)


def _what_there_is():
    from soilcore.models.device import cuda_devices

    count = cuda_devices()
    return f"{count} CUDA device{'s' if count != 1 else ''} here." if count else "No CUDA device was found here: networks train on the CPU."


def _sources():
    """Elevation model and vegetation series that networks read."""
    models = covariate_makers.elevation_models()
    series = covariate_makers.series_sources()
    dem = _chosen("Elevation model", [f"covariates/{name}" for name in models], "model.net.dem", _DEM_HELP)
    named = {path: words for words, path in series.items()}
    return dem, _chosen("Vegetation series", list(named), "model.net.series", _SERIES_HELP, named, first=False)


def _chosen(words, paths, key, help_text, named=None, first=True):
    options = [*paths, _NONE] if first else [_NONE, *paths]
    shown = st.selectbox(
        words, options, format_func=lambda path: (named or {}).get(path, path.rpartition("/")[2]), key=f"{key}.{len(paths)}", help=help_text
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
    if not any(is_image_network(name) or name == "spectra-cnn" for name in names):
        return asked.fit
    return replace(asked.fit, network=asked.networks.settings, device=asked.networks.device)


def live():
    """Losses of the networks of the running job, epoch by epoch; nothing where no network learns."""
    job = current_work().job
    if job is None or job.spec()["kind"] not in KINDS or job.status().is_over:
        return
    _live()


@st.fragment(run_every=_SECONDS_BETWEEN_LOOKS)
def _live():
    job = current_work().job
    rows = [] if job is None else [row for row in job.rows() if row.get("kind") == "epoch"]
    if rows:
        st.subheader("Learning now", anchor=False)
        losses(rows, "model.live")


def losses(rows, key):
    """Losses by epoch of the fit that learned last, or of one that is chosen."""
    fits = list(dict.fromkeys(row["fit"] for row in rows))
    chosen = fits[-1]
    if len(fits) > 1:
        chosen = st.selectbox("Fit", fits[::-1], key=f"{key}.fit", help="Every fold is a fit of its own; so is the one on all samples")
    frame = pd.DataFrame([row for row in rows if row["fit"] == chosen])
    last = frame.iloc[-1]
    evidence.chart(charts.losses(frame), frame, f"Loss by epoch of {chosen}", key, "losses.csv")
    st.caption(f"{messages.plain(chosen)}: epoch {int(last['epoch'])} of at most {int(last['epochs'])}, on {str(last['device']).upper()}.")


def unfinished(kinds=KINDS):
    """Training that was stopped or failed: what the networks have learned is kept, and can be gone on with."""
    job = next((job for kind in kinds for job in jobs.every(kind)[:1] if job.status().state in ("stopped", "failed")), None)
    if job is None or jobs.is_busy() or not any(row.get("kind") == "epoch" for row in job.rows()):
        return
    spec = job.spec()
    with st.container(border=True, horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/pause_circle: {messages.plain(spec['label'])} was not finished. What the networks have learned is kept for a month.")
        settings = {**spec["settings"], "resume": True}
        st.button("Take it up again", icon=":material/resume:", key="model.resume", on_click=jobs.start, args=(spec["kind"], settings, spec["label"]))
