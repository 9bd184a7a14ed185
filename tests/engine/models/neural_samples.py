"""Samples whose target lies in one known input of a network, and small networks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soilcore.features.indices import index_set
from soilcore.features.surroundings import NetworkNeeds, PatchNeed, SequenceNeed, Surroundings
from soilcore.models.catalogue import make_learner
from soilcore.models.settings import FitSettings, NetworkSettings

INDICES = (*index_set("salinity19"), *index_set("vegetation16"), *index_set("water2"))
BANDS = ("B", "G", "R", "RE1", "N", "S1")
IMAGE = ("B", "G", "R", "N", "NDVI", "elevation")
WINDOW = ("elevation", "slope_deg", "LSWI")
CLIMATE = ("pr", "tmmx")
SS_NEEDS = NetworkNeeds((PatchNeed("window", WINDOW, 9), PatchNeed("centre", BANDS, 3)))
DENSE_NEEDS = NetworkNeeds((PatchNeed("window", WINDOW[1:], 21), PatchNeed("centre", BANDS, 3)))
SOILNET_NEEDS = NetworkNeeds((PatchNeed("image", IMAGE, 16),), SequenceNeed(CLIMATE, 12))
IMAGE_NEEDS = NetworkNeeds((PatchNeed("image", IMAGE, 16),))


@dataclass(frozen=True)
class Samples:
    """Predictors, surroundings and hidden causes, each standard normal, one per kind of input."""

    X: pd.DataFrame
    surroundings: Surroundings
    causes: dict

    def target(self, cause):
        """A positive, skewed target made by one cause."""
        return np.exp(0.6 * self.causes[cause] + 1)

    def __len__(self):
        return len(self.X)


def samples(needs, n=90, seed=0, extent=15000.0):
    """Samples on a square; the causes move one layer or band of the window, spectrum, climate or index table."""
    rng = np.random.default_rng(seed)
    causes = {name: rng.normal(size=n) for name in ("image", "window", "spectrum", "climate", "index")}
    places = rng.uniform(0, extent, (n, 2))
    X = pd.DataFrame(rng.normal(size=(n, len(INDICES))), columns=list(INDICES))
    X["NDVI"] = rng.uniform(0, 0.8, n)
    for name in ("SI", "CRSI", "EVI", "SAVI"):
        X[name] += causes["index"]
    patches = {need.name: _patch(need, causes, rng, n) for need in needs.patches}
    sequence = None
    if needs.sequence is not None:
        sequence = rng.normal(0, 0.2, (n, needs.sequence.months, len(CLIMATE))).astype(np.float32) + 5
        sequence[:, :, 0] += causes["climate"][:, None]
    return Samples(X, Surroundings(needs, places, patches, sequence, cell_m=10.0), causes)


def _patch(need, causes, rng, n):
    values = rng.normal(0, 0.02, (n, len(need.layers), need.size, need.size)) + 0.3
    for layer, name in enumerate(need.layers):
        if name == "elevation":
            values[:, layer] = values[:, layer] * 50 + rng.uniform(0, 500, n)[:, None, None]
    moved = {"image": ("G", "image", 0.1), "window": ("LSWI", "window", 0.1), "centre": ("RE1", "spectrum", 0.1)}[need.name]
    if moved[0] in need.layers:
        values[:, need.layers.index(moved[0])] += moved[2] * causes[moved[1]][:, None, None]
    return values.astype(np.float32)


def spectra(n=90, points=120, seed=0):
    """Spectra with one peak whose height makes the target."""
    rng = np.random.default_rng(seed)
    axis = np.linspace(0, 1, points)
    height = rng.normal(size=n)
    values = rng.normal(0, 0.1, (n, points)) + np.sin(6 * axis) + height[:, None] * np.exp(-((axis - 0.4) ** 2) / 0.005)
    return pd.DataFrame(values, columns=[f"{3999 - 2 * number}" for number in range(points)]), 10 + 2 * height


def network(name, transform="none", **settings):
    """An unfitted network on one thread of the processor."""
    settings.setdefault("epochs", 2)
    return make_learner(name, FitSettings(transform=transform, device="cpu", jobs=1, network=NetworkSettings(**settings)))


def needs_of(name):
    """Windows that a network reads here."""
    if name in ("soilnet", "soilnet-small"):
        return SOILNET_NEEDS
    if name.startswith("soilnet"):
        return IMAGE_NEEDS
    return DENSE_NEEDS if name == "sssoilnet-dense" else SS_NEEDS


def r2(y, predicted):
    """1 - SSE / SST."""
    return 1 - ((y - predicted) ** 2).sum() / ((y - y.mean()) ** 2).sum()
