"""Pixels of networks that read windows, as attribution maps explain them; and how many of them are explained in a few minutes."""

import math
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.progress import silent
from soilcore.explanation.network_pixel import BASELINES, has_window
from soilcore.explanation.networks import ATTRIBUTION_IS_NO_CAUSE, WINDOW, explained_inputs, input_names, member_attributions, scale_words
from soilcore.mapping.networks import KnownPixels, NetworkMap

DRAWS = 24  # per pixel, the same ones for all: what is left of their noise is alike in neighbours and stated with the maps
SECONDS = 240.0
_FEWEST, _MOST = 100, 20_000
# rows per second through a network and back, at its own window, on two cores without a GPU; see benchmarks/README.md
_ROWS_PER_SECOND = {
    **{"soilnet": 4, "soilnet-image": 4, "soilnet-image-glam": 4, "soilnet-small": 600, "sssoilnet": 110, "sssoilnet-stack": 120},
    **{"sssoilnet-dense": 330, "sssoilnet-index": 4000, "sssoilnet-spec-index": 3000},
}
_OWN_CELLS = {"soilnet": 64, "soilnet-image": 64, "soilnet-image-glam": 64, "soilnet-small": 32}
_OWN_CELLS_OF_OTHERS = 65
_OF_INPUT = {"spectrum": "band", "indices": "index", "image": "window", WINDOW: "window", "climate": "climate", "ndvi": "gate"}


def pixels_per_second(kind, cells=None, draws=DRAWS, members=1):
    """About how many pixels of a network are explained in a second on two cores without a GPU.

    Parameters
    ----------
    kind : str
        As typed.
    cells : int, optional
        Side of its window; that of its paper if not given.
    draws, members : int
    """
    own = _OWN_CELLS.get(kind, _OWN_CELLS_OF_OTHERS)
    return _ROWS_PER_SECOND.get(kind, 100) * (own / (cells or own)) ** 2 / (draws * members)


def places_in(seconds, kind, cells=None, draws=DRAWS, members=1):
    """How many pixels of a network are explained in about so many seconds, from 100 to 20,000."""
    return int(np.clip(seconds * pixels_per_second(kind, cells, draws, members), _FEWEST, _MOST))


def step_of_network(learner, grid, places=None, draws=None):
    """Distance of the pixels that are explained.

    Parameters
    ----------
    learner : NetworkLearner
        Fitted.
    grid : Grid
    places : int, optional
        Pixels at most; as many as take a few minutes on two cores if not given.
    draws : int, optional

    Returns
    -------
    step : int
    said : tuple of str
        Why not every pixel.

    Raises
    ------
    SettingsError
        If no place is asked for.
    """
    if places is not None and places < 1:
        raise SettingsError(f"Maps of {places} places are none. Give a whole number of at least 1.")
    asked = places
    if places is None:
        places = places_in(SECONDS, learner.name, _cells(learner), draws or DRAWS, len(learner.members_))
    pixels = grid.height * grid.width
    step = max(1, math.floor(math.sqrt(pixels / places)))
    while math.ceil(grid.height / step) * math.ceil(grid.width / step) > places and step < max(grid.height, grid.width):
        step += 1
    if step == 1:
        return 1, ()
    why = "as was asked" if asked is not None else "which takes some minutes on two cores; --step or --places says otherwise"
    return step, (
        f"attributions of {math.ceil(grid.height / step) * math.ceil(grid.width / step)} of {pixels} pixels, every {step}. along each axis, {why}",
    )


def _cells(learner):
    """Side of the largest window."""
    return max((need.size for need in learner.needs_.patches if need.name in ("image", WINDOW)), default=None)


@dataclass(frozen=True)
class PixelAttributions:
    """Attributions of some pixels, as `soilcore.explanation.tabular.Explained` but that every pixel has its own base.

    Parameters
    ----------
    values, errors : ndarray of float, shape (n, n_drivers)
        Errors come from the two halves of the draws.
    predicted, base : ndarray of float, shape (n,)
    """

    values: np.ndarray
    errors: np.ndarray
    predicted: np.ndarray
    base: np.ndarray


class PixelsWithWindows:
    """Pixels of a network with what lies around them.

    Parameters
    ----------
    model : FittedModel
    source : FeatureSource
    trained : tuple of DataFrame and Surroundings
        Training samples; attributions start from them.
    draws : int or None
    seed : int
    threads : int or None
    device : {"auto", "cpu", "cuda", "mps"}
    """

    exact = False
    threads = 1  # of windows: the network itself computes on all
    fewest = 1
    text = ATTRIBUTION_IS_NO_CAUSE

    def __init__(self, model, source, trained, draws, seed, threads, device):
        if trained is None:
            raise SettingsError(f"The attributions of {model.name!r} start from its training samples, which are not stored with it. Give them.")
        self.learner, (self.trained, self.around), self.seed = model.learner, trained, seed
        self.learner.device = device
        self.draws, self.baselines = draws or DRAWS, min(BASELINES, max(1, len(self.trained) // 2))
        self.network = NetworkMap(model, source, threads=threads, device=device)
        self.window = has_window(self.learner)
        self.inputs = explained_inputs(self.learner, self.window)
        self.names = names_of(self.learner)
        self.columns = list(source.names)
        self.scale = scale_words(self.learner)
        self.transform = self.learner.transform_.name
        if self.transform == "none" and self.learner.scale_.name == "log1p":
            self.transform = "log1p"
        members = len(self.learner.members_)
        self.how = {f"member {number + 1}": {"weight": 1 / members, "how": "sampled"} for number in range(members)}
        self.expected_varies = self.learner.profile.family == "sssoilnet" and "ndvi" not in self.inputs  # a hard gate stays that of the pixel
        self._expected, self._pixels, self._beyond, self._notes = 0.0, 0, 0, {}

    @property
    def base(self):
        """Mean over pixels of what their attributions start from."""
        return self._expected / max(self._pixels, 1)

    @contextmanager
    def opened(self):
        """Open the files; gives ``read(block, at, region)``: data of the pixels `at` of a block, for `explained`."""
        with self.network.opened() as look:
            yield lambda block, at, region: (look(block, region), at)

    def explained(self, data, rows, cols, report=silent):
        """Which pixels can be explained, bool of shape (rows, columns), and what is found there (`PixelAttributions`, None where there is none)."""
        import pandas as pd

        seen, at = data
        usable = seen.usable()[at]
        if not usable.any():
            return usable, None
        down, across = (np.broadcast_to(each, usable.shape)[usable] for each in at)
        X = pd.DataFrame(seen.features[:, down, across].T.astype(float), columns=self.columns)
        around = KnownPixels(None, None, seen, down, across).surroundings(
            self.learner.needs_, np.zeros((len(X), 2))
        )  # networks do not look at places
        members = member_attributions(
            self.learner,
            X,
            self.trained,
            around,
            self.around,
            draws=self.draws,
            baselines=self.baselines,
            window=self.window,
            seed=self.seed,
            same_draws=True,
            report=report,
        )
        self._notes |= dict.fromkeys(note for one in members for note in one.notes)
        made = self._together(members)
        self._expected, self._pixels = self._expected + float(made.base.sum()), self._pixels + len(X)
        low, high = self.learner.scale_.limits
        self._beyond += int(((made.predicted < low) | (made.predicted > high)).sum())
        return usable, made

    def _together(self, members):
        """Members averaged, inputs side by side, months of a variable together."""
        parts = []
        for name in self.inputs:
            halves = np.mean([one.halves[name] for one in members], axis=0, dtype=float)  # (2, n, ...)
            halves = halves.sum(axis=2) if name == "climate" else halves
            parts.append(halves.reshape(2, halves.shape[1], -1))
        halves, shift = np.concatenate(parts, axis=2), self.learner.scale_.shift
        predicted, base = (np.mean([getattr(one, what) for one in members], axis=0) + shift for what in ("predicted", "expected"))
        return PixelAttributions(halves.mean(axis=0), np.abs(halves[0] - halves[1]) / 2, predicted, base)

    def note(self, maps):
        """What is worth knowing of these maps."""
        mean, spread = maps.gap_total / maps.valid, maps.spread
        share = f", {100 * mean / spread:.0f} % of the spread of the predictions," if spread > 0 else ""
        away = f"by {mean:.2g} on average{share} and by {maps.gap:.2g} at most"
        said = f"The attributions of a pixel miss its prediction {away}: the noise of {self.draws} draws, the same for all pixels."
        if self._beyond:
            said += f" At {100 * self._beyond / self._pixels:.2g} % of them the network goes beyond the targets of training; the map stops there, attributions do not."
        return " ".join([said, *self._notes])


def names_of(learner):
    """A name for each driver of a fitted network; those that it reads in two ways tell which."""
    pairs = [(name, feature) for name in explained_inputs(learner, has_window(learner)) for feature in input_names(learner, name)]
    features = [feature for _, feature in pairs]
    return tuple(feature if features.count(feature) == 1 else f"{feature} ({_OF_INPUT[name]})" for name, feature in pairs)
