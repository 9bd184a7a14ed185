"""Small worlds for networks: what is in the windows, bands, indices and months is known, and the target follows from part of it."""

import numpy as np
import pandas as pd

from soilcore.features.indices import index_set
from soilcore.features.surroundings import NetworkNeeds, PatchNeed, SequenceNeed, Surroundings

BANDS = ("B", "G", "R", "RE1", "RE2", "RE3", "N", "N2", "S1", "S2")
LAYERS = ("elevation", "slope_deg", "LSWI")
VARIABLES = ("pr", "tmmx")
INDICES = tuple(dict.fromkeys(name for one in ("vegetation16", "salinity19", "water2") for name in index_set(one)))


def coast(n=60, size=9, seed=0, noise=1.0):
    """Samples for an SS-SoilNet: indices that are noise (or, without it, the same everywhere), bands, windows, and a target that falls with band N."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(noise * rng.normal(size=(n, len(INDICES))), columns=list(INDICES))
    X["NDVI"] = 0.3 + noise * rng.uniform(-0.5, 0.5, n)
    centre = np.repeat(np.repeat(rng.uniform(0.05, 0.4, (n, len(BANDS), 1, 1)), 3, axis=2), 3, axis=3).astype(np.float32)
    window = rng.normal(size=(n, len(LAYERS), size, size)).astype(np.float32)
    y = np.exp(3 - 8 * centre[:, BANDS.index("N"), 1, 1].astype(float))
    needs = NetworkNeeds((PatchNeed("window", LAYERS, size, 10.0), PatchNeed("centre", BANDS, 3, 10.0)))
    places = rng.uniform(0, 20_000, (n, 2))
    return X, y, Surroundings(needs, places, {"window": window, "centre": centre}, cell_m=10.0)


def upland(n=40, size=16, months=6, seed=0):
    """Samples for a small SoilNet with climate; the target follows from the last month's rain and the second channel."""
    rng = np.random.default_rng(seed)
    image = rng.uniform(0, 0.5, (n, 3, size, size)).astype(np.float32)
    climate = rng.normal(size=(n, months, len(VARIABLES))).astype(np.float32)
    y = np.exp(climate[:, -1, 0] + 4 * image[:, 1].mean(axis=(1, 2)))
    needs = NetworkNeeds((PatchNeed("image", ("R", "N", "elevation"), size, 30.0),), SequenceNeed(VARIABLES, months))
    X = pd.DataFrame({"R": image[:, 0, 8, 8], "N": image[:, 1, 8, 8], "elevation": image[:, 2, 8, 8]})
    return X, y, Surroundings(needs, rng.uniform(0, 50_000, (n, 2)), {"image": image}, climate, cell_m=30.0)
