"""A small landscape in memory with samples, and networks fitted to them in a few epochs."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
from affine import Affine
from pyproj import CRS
from sklearn.base import clone

from soilcore.core.grids import Grid
from soilcore.data.climate import Climate
from soilcore.data.climate_stores import TableStore
from soilcore.evaluation.protocol import evaluate
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.features.patches import Patches
from soilcore.features.recipe import FeatureRecipe
from soilcore.features.surroundings import NetworkNeeds, PatchNeed, SequenceNeed, Surroundings
from soilcore.models.archive import FittedModel
from soilcore.models.neural import NetworkLearner
from soilcore.models.settings import NetworkSettings
from soilcore.trust.expected_error import ExpectedError
from soilcore.trust.intervals import IntervalSettings, fit_interval
from soilcore.trust.learned_area import FoldwiseArea
from tests.engine.array_source import ArraySource

BANDS = ("B", "G", "R", "N", "S1")
INDICES = ("NDVI", "EVI", "SI", "SI2", "NDWI", "LSWI")
TERRAIN = ("elevation", "slope_deg")
NAMES = (*BANDS, *INDICES, *TERRAIN)
GRID = Grid(42, 46, Affine(10, 0, 500000, 0, -10, 4000000), CRS.from_epsg(32639))
MONTHS, VARIABLES = 12, ("pr", "tmmx")
UTM = "EPSG:32639"


def make_source(grid=GRID, gaps=True, seed=0):
    """Smooth layers with noise; a cloud, a hole in the elevation and a corner without imagery."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[0 : grid.height, 0 : grid.width] / 12
    shapes = [np.sin(rows * a + cols * b) for a, b in rng.uniform(-1.5, 1.5, (len(NAMES), 2))]
    values = np.stack(shapes).astype(np.float32) * 0.3 + rng.normal(0, 0.02, (len(NAMES), *grid.shape)).astype(np.float32)
    values[: len(BANDS)] = np.abs(values[: len(BANDS)]) + 0.05
    elevation = NAMES.index("elevation")
    values[elevation] = 1500 + 40 * values[elevation]
    if gaps:
        values[:, 20:24, 28:33] = np.nan
        values[elevation, 5:7, 5:7] = np.nan
        values[: len(BANDS) + len(INDICES), 37:, :9] = np.nan
    return ArraySource(grid, values, NAMES, climate=make_climate(grid))


def make_climate(grid):
    """Two stations, left and right of the landscape's middle."""
    rng = np.random.default_rng(5)
    left, bottom, right, top = grid.bounds
    x, y = np.array([left + 50.0, right - 50.0]), np.array([(bottom + top) / 2] * 2)
    months = np.arange(MONTHS) + np.datetime64("2019-01", "M")
    store = TableStore(rng.uniform(0, 50, (2, MONTHS, len(VARIABLES))).astype(np.float32), x, y, grid.crs)
    return Climate(VARIABLES, months, dict.fromkeys(VARIABLES, ""), np.array(["a", "b"]), store)


def needs_of(name, size, cell=None, window_cell=None):
    """What each network reads of this landscape."""
    if name.startswith("soilnet"):
        sequence = None if "image" in name else SequenceNeed(VARIABLES, MONTHS)
        return NetworkNeeds((PatchNeed("image", (*BANDS, "NDVI", *TERRAIN), size, cell),), sequence)
    patches = []
    if name not in ("sssoilnet-index", "sssoilnet-spec-index"):
        layers = ("slope_deg", "NDWI", "LSWI") if name == "sssoilnet-dense" else ("elevation", "slope_deg", "NDWI")
        patches.append(PatchNeed("window", layers, size, window_cell))
    if name != "sssoilnet-index":
        patches.append(PatchNeed("centre", BANDS, 3))
    return NetworkNeeds(tuple(patches))


def surroundings_at(needs, source, x, y):
    """Windows and months at points, cut one by one as samples get them; and which are usable."""
    usable, patches = np.ones(len(x), bool), {}
    for need in needs.patches:
        cut = Patches(source, need.size, need.layers, need.cell).at(x, y)
        patches[need.name] = cut.values
        usable &= cut.usable()
    sequences = None
    if needs.sequence is not None:
        sequences, valid = source.climate.sequence(x, y, source.grid.crs, months=MONTHS, variables=VARIABLES)
        usable &= valid
    return Surroundings(needs, np.column_stack([x, y]), patches, sequences, 10.0), usable


def centres(grid, rows, cols):
    """Coordinates of pixel centres."""
    t = grid.transform
    return t.a * (np.asarray(cols) + 0.5) + t.c, t.e * (np.asarray(rows) + 0.5) + t.f


def fitted(name, size=17, samples=24, epochs=2, cell=None, window_cell=None, members=1, source=None, **options):
    """A fitted model with everything but trust."""
    source = make_source() if source is None else source
    rng = np.random.default_rng(2)
    rows, cols = rng.integers(0, source.grid.height, 4 * samples), rng.integers(0, source.grid.width, 4 * samples)
    x, y = centres(source.grid, rows, cols)
    needs = needs_of(name, size, cell, window_cell)
    around, usable = surroundings_at(needs, source, x, y)
    table = source.values[:, rows, cols].T.astype(float)
    chosen = np.flatnonzero(usable & np.isfinite(table).all(axis=1))[:samples]
    around, X = around.take(chosen), pd.DataFrame(table[chosen], columns=list(NAMES))
    target = np.exp(1 + X["B"] * 2 + X["NDVI"]).to_numpy()
    learner = NetworkLearner(name, random_state=1, device="cpu", network=NetworkSettings(epochs=epochs, members=members, batch=8), **options)
    learner.fit(X, target, coordinates=around)
    exaggerate(learner)
    kind = {"column": "ec", "unit": "dS/m", "extract": None, "form": "ECe", "method": None}
    recipe = FeatureRecipe(columns=NAMES).to_dict()
    model = FittedModel(learner, name, recipe, kind, envelope={}, scores={}, folds={}, provenance={"created": "2026-01-01T00:00:00Z"}, plane=UTM)
    return SimpleNamespace(model=model, learner=learner, source=source, X=X, y=target, around=around)


def exaggerate(learner, times=20.0):
    """Let the few epochs of training count: predictions spread out as those of a network that has learned something."""
    import torch

    mean = torch.tensor(learner.embedding_mean_, dtype=torch.float32)
    with torch.no_grad():
        for member in learner.members_:
            member.last.bias -= (times - 1) * member.last.weight @ mean
            member.last.weight *= times


def trusted(name, size, method="conformal"):
    """A fitted model with an interval, the area of applicability in learned features, and expected errors."""
    world = fitted(name, size, epochs=1)
    grid = world.source.grid
    splits = make_splits(SplitSettings("block", folds=2, block_size=150.0), len(world.y), coordinates=world.around.coordinates)
    splits = replace(splits, surroundings=world.around)
    watch = FoldwiseArea(world.X, splits)
    evaluation = evaluate(clone(world.learner), world.X, world.y, splits, keep_learners=True, watch=watch)
    area = watch.area()
    interval = fit_interval(IntervalSettings(method, 0.8), world.learner, evaluation, world.X, area=area)
    error = ExpectedError().fit(area.train_di_, np.abs(world.y - evaluation.out_of_fold[0]))
    area = area.settled(world.learner, world.X, world.around)
    facts, arrays, learners = (
        {key: value for part in parts for key, value in part.items()}
        for parts in zip(*(one.stored() for one in (area, error, interval)), strict=True)
    )
    world.model = replace(world.model, trust={**facts, "facts": {"error_variogram": None}}, trust_arrays=arrays, trust_learners=learners)
    world.area, world.interval, world.grid = area, interval, grid
    return world


def one_by_one(learner, source, rows, cols):
    """What the learner itself predicts at pixels from patches cut one by one; NaN where a sample there could not be used."""
    x, y = centres(source.grid, rows, cols)
    around, usable = surroundings_at(learner.needs_, source, x, y)
    table = source.values[:, rows, cols].T.astype(float)
    usable &= np.isfinite(table).all(axis=1)
    found = np.full(len(rows), np.nan)
    chosen = np.flatnonzero(usable)
    found[chosen] = learner.predict(pd.DataFrame(table[chosen], columns=list(NAMES)), coordinates=around.take(chosen))
    return found
