"""Maps of networks that read windows: what neighbouring pixels share is read, scaled and computed once.

Layers are read once per window of pixels with as much around it as a patch reaches. Patches are views into them and are only copied a batch at
a time. Months of climate go through the network once per cell of the climate, patches of coarse cells once per cell. A network without
anything that forbids it computes its convolutions once for all pixels (dense inference).
"""

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.tiles import worker_threads
from soilcore.mapping.networks_climate import ClimateOfPixels
from soilcore.mapping.networks_stride import Lattice, StrideError, check_stride
from soilcore.mapping.networks_windows import SurfaceCutter, read_once


def reads_windows(learner):
    """Whether a learner reads what lies around a pixel."""
    return bool(getattr(learner, "uses_surroundings", False))


def columns_read(learner):
    """Predictors that a fitted network reads, of windows or of the pixel itself; a SoilNet reads no others than those of its window.

    Parameters
    ----------
    learner : NetworkLearner

    Returns
    -------
    set of str
    """
    inputs, names = learner.inputs_, [str(name) for name in learner.feature_names_in_]
    ndvi = getattr(inputs, "ndvi", None)
    own = [names[column] for column in (*getattr(inputs, "columns", ()), *(() if ndvi is None else (ndvi,)))]
    return {*own, *(layer for need in learner.needs_.patches for layer in need.layers)}


def refuse_stride(learner, stride):
    """Refuse a stride for a model whose pixels cost next to nothing.

    Raises
    ------
    SettingsError
    """
    if check_stride(stride) > 1 and not reads_windows(learner):
        raise SettingsError(
            f"--stride {stride} is for networks that read windows of imagery; this model computes every pixel in a fraction of their time. "
            "Leave --stride out."
        )


@dataclass(frozen=True)
class Seen:
    """What is read for one window.

    Parameters
    ----------
    window : Window
        That is mapped.
    around : Window
        Of pixels, as far as they are needed.
    features : ndarray of float32, shape (n_features, rows, columns)
        Predictors of `around`.
    surfaces : dict of str to Surface
    months : Months or None
    keep : ndarray of bool, shape (rows, columns), or None
        Pixels of `around` inside the region.
    """

    window: object
    around: object
    features: np.ndarray
    surfaces: dict
    months: object = None
    keep: np.ndarray | None = None

    @property
    def inside(self):
        """The window itself in `around`, as slices."""
        top, left = self.window.row - self.around.row, self.window.col - self.around.col
        return slice(top, top + self.window.height), slice(left, left + self.window.width)

    def usable(self):
        """Pixels with every predictor, whose patches are complete enough and that have climate, bool of shape (rows, columns)."""
        usable = np.isfinite(self.features[0])
        for layer in self.features[1:]:
            usable &= np.isfinite(layer)
        for surface in self.surfaces.values():
            usable &= surface.usable_pixels()
        if self.months is not None:
            usable &= self.months.site >= 0
        return usable if self.keep is None else usable & self.keep


@dataclass(frozen=True)
class Predicted:
    """Predictions of one window.

    Parameters
    ----------
    usable : ndarray of bool, shape (rows, columns)
        Pixels of the window with a prediction.
    z : ndarray of float, shape (rows, columns)
        On the modelling scale.
    computed : int
        Pixels that went through the network.
    compared : tuple of two ndarray
        Computed and interpolated predictions where both were made.
    place : ndarray of int, or None
        Row of `embedded` by pixel of the window as it was grown; -1 where none was computed.
    embedded : ndarray of float32, shape (n, k), or None
        Learned features of the computed pixels.
    plan : Plan or None
        Where only some pixels were computed.
    seen : Seen
    """

    usable: np.ndarray
    z: np.ndarray
    computed: int
    seen: object
    compared: tuple = (np.empty(0), np.empty(0))
    place: np.ndarray | None = None
    embedded: np.ndarray | None = None
    plan: object = None

    def at(self, rows, cols):
        """What is known of pixels of the window (`KnownPixels`)."""
        embedded = None if self.embedded is None else self._embedded(rows, cols)
        return KnownPixels(self.z[rows, cols], embedded, self.seen, rows + self.seen.inside[0].start, cols + self.seen.inside[1].start)

    def _embedded(self, rows, cols):
        def known(r, c):
            return self.embedded[self.place[r, c]]

        if self.plan is None:
            return known(rows, cols)
        top, left = (each.start for each in self.plan.inside)
        found = np.empty((len(rows), self.embedded.shape[1]), np.float32)
        between = self.plan.between[rows, cols]
        found[~between] = known(rows[~between] + top, cols[~between] + left)
        if between.any():
            found[between] = self.plan.interpolated(known, rows[between], cols[between])
        return found


@dataclass(frozen=True)
class KnownPixels:
    """What a network has made of some pixels before their layers are computed.

    Parameters
    ----------
    z : ndarray of float, shape (n,)
        Prediction on the modelling scale.
    embedded : ndarray of float32, shape (n, k), or None
        Learned features.
    seen : Seen
    rows, cols : ndarray of int, shape (n,)
        Of the pixels in ``seen.around``.
    """

    z: np.ndarray
    embedded: np.ndarray | None
    seen: object
    rows: np.ndarray
    cols: np.ndarray

    def surroundings(self, needs, places):
        """The pixels' surroundings as other networks (those of folds, in intervals) read them; patches are copied a batch at a time.

        Parameters
        ----------
        needs : NetworkNeeds
        places : ndarray of float, shape (n, 2)
            Metres.
        """
        from soilcore.features.surroundings import Surroundings

        def patches(surface):
            return _Lazy(lambda some: surface.at(self.rows[some], self.cols[some]))

        months = self.seen.months
        series = None if months is None else _Lazy(lambda some: months.values[months.site[self.rows[some], self.cols[some]]])
        return Surroundings(needs, places, {name: patches(surface) for name, surface in self.seen.surfaces.items()}, series)


@dataclass(frozen=True)
class _Lazy:
    """Rows that are made when they are asked for."""

    make: object

    def __getitem__(self, rows):
        return self.make(rows)


class NetworkMap:
    """A fitted network over the windows of a source of predictors.

    Parameters
    ----------
    model : FittedModel
        Its learner ``uses_surroundings``.
    source : FeatureSource
    stride : int
        Only every so manieth pixel along each axis is computed; bilinear between.
    embeds : bool
        Whether learned features are wanted beside the predictions.
    threads : int, optional
        Of the processor; the cores at hand if not given.
    device : {"auto", "cpu", "cuda", "mps"}
    """

    def __init__(self, model, source, stride=1, embeds=False, threads=None, device="auto"):
        from soilcore.mapping.networks_pixels import PixelNetworks
        from soilcore.models.torch_device import choose_torch_device

        self.learner, self.source = model.learner, source
        needs = self.learner.needs_
        self.cutters = tuple(SurfaceCutter.of(need, source) for need in needs.patches)
        self.climate = None if needs.sequence is None else ClimateOfPixels(needs.sequence, source.climate, source.grid, source.date)
        self.lattice = Lattice(source.grid, check_stride(stride)) if stride > 1 else None
        self.device, self.device_note = choose_torch_device(device)
        self.networks = PixelNetworks(self.learner, self.device, embeds)
        self.threads, self.error, self.computed = worker_threads(threads), StrideError(), 0
        self._started = self._seconds = None

    @property
    def tile_threads(self):
        """Windows computed at a time. Dense inference is quick and shares out windows; where a window takes minutes, its batches are shared out
        instead, so that progress is seen and a stop is heard inside a window.
        """
        return self.threads if self.networks.is_dense and self.device == "cpu" else 1

    @contextmanager
    def opened(self):
        """Open the files; gives ``read(window, region)``, for one thread."""
        from soilcore.models.torch_device import free_memory, torch_threads

        self._started = time.perf_counter()
        with ExitStack() as stack:
            reader = stack.enter_context(self.source.reader())
            if self.climate is not None:
                stack.enter_context(self.climate.opened())
            stack.enter_context(torch_threads(1 if self.tile_threads > 1 else self.threads))
            if self.device != "cpu":
                stack.callback(free_memory, self.device)
            yield lambda window, region: self._read(reader, window, region)
        self._seconds = time.perf_counter() - self._started

    def _read(self, reader, window, region):
        around = window if self.lattice is None else self.lattice.around(window)
        features, surfaces = read_once(reader, self.source.grid, around, self.cutters, len(self.source.names))
        months = None if self.climate is None else self.climate.at(around)
        return Seen(window, around, features, surfaces, months, None if region is None else region.keep(around))

    def compute(self, seen, report):
        """Predictions of a window.

        Parameters
        ----------
        seen : Seen
        report : callable
            ``report(done, total)`` while the window is computed; may raise Stopped.

        Returns
        -------
        Predicted
        """
        usable = seen.usable()
        plan = None if self.lattice is None else self.lattice.plan(seen.window, usable)
        rows, cols = np.nonzero(usable if plan is None else plan.computed)
        values, embedded = self.networks.predict(seen, rows, cols, report)
        z = np.full(usable.shape, np.nan)
        z[rows, cols] = values
        place = None
        if embedded is not None:
            place = np.full(usable.shape, -1, np.int32)
            place[rows, cols] = np.arange(len(rows))
        if plan is None:
            return Predicted(usable, z, len(rows), seen, place=place, embedded=embedded)
        return self._between(seen, plan, usable, z, len(rows), place, embedded)

    def _between(self, seen, plan, usable, z, computed, place, embedded):
        own = z[plan.inside].copy()
        rows, cols = np.nonzero(plan.between)
        made = plan.interpolated(lambda r, c: z[r, c], rows, cols)
        both = plan.checked[rows, cols]
        way_back = self.learner.way_back_
        compared = tuple(np.asarray(way_back(each), float) for each in (own[rows[both], cols[both]], made[both]))
        own[rows, cols] = made
        return Predicted(usable[plan.inside], own, computed, seen, compared, place, embedded, plan)

    def add(self, predicted):
        """Count one window that is written."""
        self.computed += predicted.computed
        self.error.add(*predicted.compared)

    def facts(self, valid):
        """What the result says of the computation.

        Parameters
        ----------
        valid : int
            Pixels mapped.

        Returns
        -------
        dict
            ``pixels_per_second`` (reading included, writing overviews not), ``device``, ``device_note``, ``computed`` (pixels that went through
            the network), ``dense`` (whether convolutions were shared), ``notes``, ``stride``, ``stride_error`` (None for a stride of 1).
        """
        return {
            "pixels_per_second": round(valid / max(self._seconds, 1e-9), 1),
            "device": self.device,
            "device_note": self.device_note,
            "dense": self.networks.is_dense,
            "computed": self.computed,
            "notes": tuple(self.networks.notes),
            "stride": 1 if self.lattice is None else self.lattice.stride,
            "stride_error": None if self.lattice is None else self.error.facts(),
        }
