"""Trained networks over the pixels of a window: every patch, every cell of the climate and every dense convolution computed once."""

import copy
import itertools
import math

import numpy as np
import torch

from soilcore.core.errors import ModelError
from soilcore.mapping.networks_inputs import shared_inputs
from soilcore.models.torch_device import free_memory, memory_may_run_out

_BLOCK = 576  # patches a side whose convolutions are computed together; what lies around costs less with larger blocks
_PIXELS = 4096  # that go through the layers behind the windows together
_CPU_PATCHES = 64  # a batch; the activations of more leave the processor's cache
_MOST_PATCHES = 2048
_ACTIVATIONS = 60  # times its own size that a patch takes on its way through a network, about
_SHARE = 0.5  # of the free memory of a graphics card that a batch may take


class PixelNetworks:
    """The members of a learner on a device.

    Parameters
    ----------
    learner : NetworkLearner
        Fitted.
    device : {"cpu", "cuda", "mps"}
    embeds : bool
        Whether learned features are given beside predictions.

    Attributes
    ----------
    notes : list of str
        What memory did not allow.
    """

    def __init__(self, learner, device, embeds=False):
        self.learner, self.device, self.embeds = learner, device, embeds
        self.members = [(member if device == "cpu" else copy.deepcopy(member)).to(device).eval() for member in learner.members_]
        self.batch, self.notes = None, []

    @property
    def is_dense(self):
        """Whether convolutions are computed once for all windows that share them."""
        return hasattr(self.members[0], "dense")

    @torch.inference_mode()
    def predict(self, seen, rows, cols, report):
        """Predictions of pixels.

        Parameters
        ----------
        seen : Seen
        rows, cols : ndarray of int, shape (n,)
            Pixels of ``seen.around`` that are usable.
        report : callable
            ``report(done, total)`` in pixels, after every batch; may raise Stopped.

        Returns
        -------
        z : ndarray of float64, shape (n,)
            On the modelling scale.
        embedded : ndarray of float32, shape (n, k), or None
        """
        given = np.empty((len(self.members), len(rows)))
        embedded = np.empty((len(rows), self.learner.embedding_mean_.size), np.float32) if self.embeds else None
        if not len(rows):
            return np.empty(0), embedded
        pixels, done = shared_inputs(self.learner.inputs_, seen), 0
        climates = [None if pixels.climate is None else member.embed_climate(self._tensor(pixels.climate)) for member in self.members]
        for some, arounds, place in self._around(pixels, rows, cols):
            for start in range(0, len(some), _PIXELS):
                which, own = some[start : start + _PIXELS], place[start : start + _PIXELS]
                inputs = {name: self._tensor(values) for name, values in pixels.of_pixels(rows[which], cols[which]).items()}
                for number, (member, around, climate) in enumerate(zip(self.members, arounds, climates, strict=True)):
                    if climate is not None:
                        inputs["climate"] = climate[self._tensor(pixels.site(rows[which], cols[which]))]
                    features = member.join(None if around is None else around[self._tensor(own)], **inputs)
                    given[number, which] = _numbers(member.finish(features))
                    if self.embeds and number == 0:
                        embedded[which] = _numbers(features)
            done += len(some)
            report(done, len(rows))
        if self.embeds:
            embedded -= self.learner.embedding_mean_.astype(np.float32)
        return self.learner.scale_.inverse(given.mean(axis=0)), embedded

    def _around(self, pixels, rows, cols):
        """Positions of some pixels, what each member makes of their patches, and which of these belongs to each pixel; until all had their turn."""
        if pixels.surface is None:
            nothing = [None] * len(self.members)
            for start in range(0, len(rows), _PIXELS):
                some = np.arange(start, min(start + _PIXELS, len(rows)))
                yield some, nothing, some
        elif self.is_dense:
            yield from self._dense(pixels, rows, cols)
        else:
            yield from self._by_patch(pixels, rows, cols)

    def _by_patch(self, pixels, rows, cols):
        """Patch by patch; pixels of one coarse cell share theirs."""
        numbers, first, counts = np.unique(pixels.surface.number(rows, cols), return_index=True, return_counts=True)
        shared = len(numbers) < len(rows)
        order = np.argsort(pixels.surface.number(rows, cols), kind="stable") if shared else first
        ends, views, done = np.concatenate([[0], np.cumsum(counts)]), _Views(pixels, self), 0
        while done < len(numbers):
            arounds = self._embedded(views, numbers[done : done + self._rows(views)])
            if arounds is None:
                continue
            taken = len(arounds[0])
            yield order[ends[done] : ends[done + taken]], arounds, np.repeat(np.arange(taken), counts[done : done + taken])
            done += taken

    def _embedded(self, views, numbers):
        """What each member makes of patches; None where memory ran out, and fewer are taken from then on."""
        with memory_may_run_out():
            windows = views.take(numbers)
            return [getattr(member, views.embed)(windows) for member in self.members]
        self._take_fewer(len(numbers))
        return None

    def _take_fewer(self, count):
        free_memory(self.device)
        if count == 1:
            raise ModelError(f"Not even one window fits into the memory of the {self.device.upper()}. Map with --device cpu.")
        self.batch = -(-count // 2)
        self.notes = [f"The memory of the {self.device.upper()} holds batches of {self.batch} windows."]

    def _rows(self, views):
        if self.batch is None:
            self.batch = _CPU_PATCHES
            if self.device == "cuda":
                free, _ = torch.cuda.mem_get_info()
                self.batch = int(np.clip(_SHARE * free / (_ACTIVATIONS * views.bytes_of_one), 1, _MOST_PATCHES))
        return self.batch

    def _dense(self, pixels, rows, cols):
        """Block by block of patches, the convolutions of each block once for all its patches."""
        surface = pixels.surface
        row, col = surface.rows[rows], surface.cols[cols]
        downs, acrosses = _blocks(surface.shape[0]), _blocks(surface.shape[1])
        for top, bottom in downs:
            for left, right in acrosses:
                if len(downs) * len(acrosses) == 1:
                    some = np.arange(len(rows))
                else:
                    some = np.flatnonzero((row >= top) & (row < bottom) & (col >= left) & (col < right))
                if some.size:
                    layers = pixels.layers[None, :, top : bottom + surface.size - 1, left : right + surface.size - 1]
                    image = self._tensor(layers)
                    arounds = [_as_rows(member.spatial.dense(image, surface.size)) for member in self.members]
                    yield some, arounds, (row[some] - top) * (right - left) + col[some] - left

    def _tensor(self, values):
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


class _Views:
    """Batches of patches, copied out of the scaled layers of a window only when their turn comes."""

    def __init__(self, pixels, networks):
        self._surface, self._centred, self.embed = pixels.surface, pixels.centred, pixels.embed
        self._device, self._shape = networks.device, pixels.surface.shape
        self._patches = self._on_device(pixels.layers)
        self._raw = None if pixels.centred is None else pixels.surface.patches(pixels.centred.values)[0]
        self.bytes_of_one = 4 * len(pixels.layers) * pixels.surface.size**2

    def take(self, numbers):
        """Tensor of shape (n, layers, size, size) on the device."""
        rows, cols = np.divmod(numbers, self._shape[1])
        if self._device == "cpu":
            windows = torch.from_numpy(self._patches[rows, cols])
        else:
            windows = self._patches[torch.from_numpy(rows).to(self._device), torch.from_numpy(cols).to(self._device)]
        if self._centred is not None:
            windows[:, self._centred.number] = torch.from_numpy(self._centred.of_windows(self._raw[rows, cols])).to(self._device)
        return windows

    def _on_device(self, layers):
        """A view of shape (rows, columns, layers, size, size): of memory, or of the layers on a graphics card."""
        if self._device == "cpu":
            return self._surface.patches(layers).transpose(1, 2, 0, 3, 4)
        size = self._surface.size
        return torch.from_numpy(layers).to(self._device).unfold(1, size, 1).unfold(2, size, 1).permute(1, 2, 0, 3, 4)


def _blocks(count):
    """Ends of as few equal parts as are no longer than a block."""
    ends = np.linspace(0, count, math.ceil(count / _BLOCK) + 1).astype(int)
    return list(itertools.pairwise(ends))


def _as_rows(values):
    """Map (1, k, h, w) as rows (h w, k)."""
    return values[0].permute(1, 2, 0).flatten(0, 1)


def _numbers(values):
    return values.float().cpu().numpy()
