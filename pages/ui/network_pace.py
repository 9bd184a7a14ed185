"""What each network reads, where it would be trained, and about how long that takes: said before anybody presses a button."""

import os
import platform
import sys
from functools import cache
from importlib import metadata
from importlib.util import find_spec

import numpy as np

from pages.ui import jobs
from soilcore.models.network_needs import is_image_network
from soilcore.models.settings import NetworkSettings

QUICK, OWN = "quick", "published"
PACES = {QUICK: "Quick: for a first look", OWN: "Thorough: as its paper has it"}
DEVICES = {"auto": "the fastest there is", "cpu": "CPU", "cuda": "NVIDIA GPU (CUDA)", "mps": "Apple GPU (MPS)"}
PRECISIONS = {"auto": "mixed on a GPU, else float32", "float32": "float32", "amp": "mixed"}
QUICK_SETTINGS = {"epochs": 20, "patience": 6, "patch": 33}
READS = {
    "soilnet": "reads a window of {side} × {side} cells of {cell} round each sample (bands, indices, elevation, slope) and 61 months of climate. It has 45 million "
    "numbers to learn: without a GPU every epoch takes minutes.",
    "soilnet-image": "reads a window of {side} × {side} cells of {cell} round each sample: bands, indices, elevation, slope. It needs a GPU.",
    "soilnet-image-glam": "reads a window of {side} × {side} cells of {cell} round each sample and weighs its layers and places by attention. It needs a GPU.",
    "soilnet-small": "reads a window of {side} × {side} {cells} round each sample (bands, indices, elevation, slope), and months of climate where there are some.",
    "sssoilnet": "reads the bands and 37 indices of the sample's pixel and a window of {side} × {side} {cells} round it (relief, moisture, seasons); attention joins them.",
    "sssoilnet-index": "reads the indices of the sample's pixel only: what SS-SoilNet is without bands and without a window.",
    "sssoilnet-spec-index": "reads the bands and indices of the sample's pixel: what SS-SoilNet is without a window.",
    "sssoilnet-stack": "reads the bands and 37 indices of the sample's pixel and a window of {side} × {side} {cells} round it, side by side, without attention.",
    "sssoilnet-dense": "reads the bands and 37 indices of the sample's pixel and a window of {side} × {side} {cells} round it, without attention, in a form whose "
    "maps take seconds instead of hours.",
    "spectra-cnn": "reads all predictors as the points of one spectrum, in their order.",
}
# rows per second, forward and back, at the network's own window on two cores without a GPU; see benchmarks/README.md
_ROWS_PER_SECOND = {
    **{"soilnet": 4, "soilnet-image": 4, "soilnet-image-glam": 4, "soilnet-small": 600, "sssoilnet": 110, "sssoilnet-stack": 120},
    **{"sssoilnet-dense": 330, "sssoilnet-index": 4000, "sssoilnet-spec-index": 3000, "spectra-cnn": 430},
}
_OWN_PATCH = {"soilnet": 64, "soilnet-image": 64, "soilnet-image-glam": 64, "soilnet-small": 32}
_WINDOWLESS = ("sssoilnet-index", "sssoilnet-spec-index", "spectra-cnn")
_TRAINED_ON = 0.85  # of the samples of a fit; the others decide when it ends
_BESIDE_S = 5.0  # seconds of a fit that are no epochs: windows, features, the simpler learner beside it
_OTHER_INTERVALS = 6  # times the work where intervals are made anew inside every fold
_CURVE_FITS = 10  # sizes times repeats of a learning curve, per fold


def is_network(name):
    """Whether a learner is one of those that train epoch by epoch on torch."""
    return is_image_network(name) or name == "spectra-cnn"


def reads(name, settings):
    """What a network reads with these settings, as the end of a sentence that begins with its name."""
    cell = f"{settings.cell:g} m" if settings.cell else None
    side = settings.patch or _own_patch(name)
    return READS[name].format(side=side, cell=cell or "30 m", cells=f"cells of {cell}" if cell else "pixels")


def _own_patch(name):
    return _OWN_PATCH.get(name, 65)


def missing_packages():
    """Packages without which no network can be trained."""
    return [name for name in ("torch", "safetensors") if find_spec(name) is None]


@cache
def devices():
    """Devices networks can use here, the quickest first; nothing heavy is imported to find out."""
    from soilcore.models.device import cuda_devices

    found = ["cuda"] if cuda_devices() and "+cpu" not in _torch_version() else []
    found += ["mps"] if sys.platform == "darwin" and platform.machine() == "arm64" else []
    return (*found, "cpu")


def _torch_version():
    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return ""


def device_words(asked="auto"):
    """Where networks will compute, in a few words."""
    chosen = devices()[0] if asked == "auto" or asked not in devices() else asked
    if chosen == "cuda":
        return "an NVIDIA GPU (CUDA)"
    if chosen == "mps":
        return "the Apple GPU (MPS)"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return f"the CPU ({min(cores, 2)} of {cores} core{'s' if cores != 1 else ''})"


def fits_of(kind, splits, intervals="conformal", permutations=None):
    """How many times a learner is fitted, at most: in the folds, in random folds beside them, and for good.

    Parameters
    ----------
    kind : {"compare", "train", "learning-curve"}
    splits : SplitSettings
    intervals : str
    permutations : int or None
    """
    folds = splits.folds * max(splits.repeats, 1)
    if kind == "learning-curve":
        return _CURVE_FITS * folds
    scored = folds * (1 if splits.scheme == "random" else 2)
    scored *= 1 if intervals == "conformal" else _OTHER_INTERVALS
    return scored + folds * (permutations or 0) + (kind == "train")


def seconds(name, settings, samples, fits):
    """About how long a network takes: ``(seconds, measured)``; measured: by an earlier training of this project, on this computer.

    Parameters
    ----------
    name : str
    settings : NetworkSettings
    samples : int
    fits : int
    """
    epochs = settings.epochs or _own_epochs(name)
    an_epoch = _measured_epoch(name, settings)
    measured = an_epoch is not None
    if not measured:
        an_epoch = samples * _TRAINED_ON / _rows_per_second(name, settings)
    return fits * settings.members * (epochs * an_epoch + _BESIDE_S), measured


def _own_epochs(name):
    from soilcore.models.neural_profiles import network_profile

    return network_profile(name).training["epochs"]


def _rows_per_second(name, settings):
    wider = 1.0 if name in _WINDOWLESS or settings.patch is None else (settings.patch / _own_patch(name)) ** 2
    return _ROWS_PER_SECOND[name] / wider


def _measured_epoch(name, settings):
    """Median seconds of an epoch of the last training of the same network with the same window in this project; None where there was none."""
    for kind in ("train", "compare"):
        for job in jobs.every(kind)[:3]:
            before = NetworkSettings(**(job.spec()["settings"].get("fit") or {}).get("network") or {})
            if (before.patch, before.batch, before.cell) != (settings.patch, settings.batch, settings.cell):
                continue
            found = [
                row["seconds"] for row in job.rows() if row.get("kind") == "epoch" and str(row["fit"]).partition(":")[0].partition(",")[0] == name
            ]
            if found:
                return float(np.median(found))
    return None


def lasts(seconds):
    """A duration for people."""
    if seconds < 50:
        return "under a minute"
    if seconds < 90:
        return "about a minute"
    if seconds < 5400:
        return f"about {round(seconds / 60)} minutes"
    return f"about {round(seconds / 3600)} hours" if seconds < 172_800 else f"about {round(seconds / 86_400)} days"
