"""The variant of SS-SoilNet whose maps share the work between neighbouring windows."""

from functools import partial

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from soilcore.core.errors import ModelError
from soilcore.models.networks.blocks import Network, channels_last, check_choice, check_shape, check_whole
from soilcore.models.networks.sssoilnet import MODC, OUTPUTS, IndexResNet, check_indices, check_width, finished, head

_STAGES = ((6, 16), (3, 32), (3, 32))  # kernel and filters; pooling by 2 follows all but the last
_HEAD = (64, 32)
_ReLU = partial(nn.ReLU, inplace=True)  # a third of the time of GELU
_CHUNK = 16384  # pixels whose spectrum and indices are worked on at a time


class WindowEncoder(nn.Module):
    """Window to one vector, by convolutions without padding, pooling, a 1x1 layer and last a mean over the window.

    Parameters
    ----------
    layers : int
    width : int
        Length of the vector.

    Notes
    -----
    A window of 65 cells has 60, 30, 28, 14 and 12 cells per side after the steps; nothing is cut off at its edges.
    """

    def __init__(self, layers, width):
        super().__init__()
        given = (layers, *(filters for _, filters in _STAGES))
        self.convs = nn.ModuleList(nn.Conv2d(before, out, kernel, bias=False) for before, (kernel, out) in zip(given, _STAGES, strict=False))
        self.norms = nn.ModuleList(nn.BatchNorm2d(out) for _, out in _STAGES)
        self.last = nn.Conv2d(_STAGES[-1][1], width, 1)

    def forward(self, window):
        """Windows (n, layers, size, size) to vectors (n, width)."""
        x = channels_last(window)
        for stage, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = functional.relu(norm(conv(x)))
            if stage < len(_STAGES) - 1:
                x = functional.max_pool2d(x, 2)
        return self.last(x).mean((2, 3))

    def dense(self, image, size):
        """Vectors of the windows round every pixel.

        Pooling moves on by one cell instead of two, and what follows it reaches twice as far, so that each value is computed once for
        all windows that hold it. Batch norm is folded into the convolutions.

        Parameters
        ----------
        image : Tensor of shape (1, layers, h + size - 1, w + size - 1)
        size : int
            Cells per side of a window.

        Returns
        -------
        Tensor of shape (1, width, h, w)
        """
        rows, columns = (side - size + 1 for side in image.shape[2:])
        x, reach = channels_last(image), 1
        for stage, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            weight, bias = fuse_conv_bn_weights(conv.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
            x = functional.conv2d(x, channels_last(weight), bias, dilation=reach).relu_()
            if stage < len(_STAGES) - 1:
                x = _neighbours_maximum(_neighbours_maximum(x, reach, 2), reach, 3)  # pooling with stride 1, in two passes
                reach *= 2
        x = self.last(x)
        count = cells_left(size)
        for axis in (2, 3):
            x = _moving_sum(x, count, reach, axis)
        return x[:, :, :rows, :columns] / count**2


def cells_left(size):
    """Cells per side that a window of `size` cells has left after convolutions and pooling; 0 or less if it is too small."""
    for stage, (kernel, _) in enumerate(_STAGES):
        size = size - kernel + 1
        if stage < len(_STAGES) - 1:
            size //= 2
    return size


def _neighbours_maximum(x, step, axis):
    """Larger of each value and the one `step` further along an axis."""
    kept = x.shape[axis] - step
    return torch.maximum(x.narrow(axis, 0, kept), x.narrow(axis, step, kept))


def _moving_sum(x, count, step, axis):
    """Sums of `count` values `step` apart along an axis, by doubling: about log2(count) additions instead of count."""
    total, reached, doubled, width = None, 0, x, 1
    while True:
        if count & width:
            part = doubled if total is None else doubled.narrow(axis, reached * step, doubled.shape[axis] - reached * step)
            total = part if total is None else _added(total, part, axis)
            reached += width
        if reached == count:
            return total
        doubled = _added(doubled, doubled.narrow(axis, width * step, doubled.shape[axis] - width * step), axis)
        width *= 2


def _added(first, second, axis):
    shared = min(first.shape[axis], second.shape[axis])
    return first.narrow(axis, 0, shared) + second.narrow(axis, 0, shared)


class SSSoilNetDense(Network):
    """SS-SoilNet for maps: the window's convolutions are computed once for all pixels, and equal to those of every window by itself.

    Departs from `SSSoilNet` where that forbids sharing: no padding, no attention pooled over the window, no cross-attention, and no layer
    is centred per window (leave elevation out, or give relief at a fixed scale). Spectrum and indices are read as there, by narrower
    tokens, with ReLU for GELU and half the head's width.

    Parameters
    ----------
    layers, bands : int
        Of the window and of the spectrum.
    vegetation, bare, water : int
        Indices of the branches; see `IndexResNet`.
    gate : {"soft", "hard"}
    d : int
        Length of a token, a multiple of 4.
    size : int
        Cells per side of a window.
    dropout : float
    output : {"softplus", "linear"}
        "softplus" for a target modelled as log1p; "linear" for any other scale.

    Attributes
    ----------
    halo : int
        Cells by which the layers given to `dense` are larger than the map, half of them on each side: size - 1.
    """

    kind = "sssoilnet-dense"
    inputs_needed = ("spectrum", "indices", "missing", "ndvi", "window")

    def __init__(self, layers=8, bands=10, vegetation=18, bare=21, water=2, gate="soft", d=32, size=65, dropout=0.1, output="softplus"):
        super().__init__(
            layers=layers, bands=bands, vegetation=vegetation, bare=bare, water=water, gate=gate, d=d, size=size, dropout=dropout, output=output
        )
        for name, value in (("layers", layers), ("bands", bands), ("size", size)):
            check_whole(name, value, 1)
        check_choice("output", output, OUTPUTS)
        check_width(d, 1)
        if cells_left(size) < 1:
            raise ModelError(f"Windows of {size} cells per side are too small for this network. Give at least {_least_size()}.")
        self.size, self.halo, self.output = size, size - 1, output
        self.spatial = WindowEncoder(layers, d)
        self.spectrum = MODC(bands, d, _ReLU)
        self.index = IndexResNet(vegetation, bare, water, d, gate, dropout, _ReLU)
        self.head = head(4 * d, dropout, _ReLU, _HEAD)
        self.last = nn.Linear(_HEAD[-1], 1)

    def features(self, spectrum=None, indices=None, missing=None, ndvi=None, window=None, **_):
        """Vector of length 32 before the last layer; inputs as of `SSSoilNet.attend`, the window with `size` cells per side."""
        check_shape("window", window, self.settings["layers"], self.size, self.size)
        self._check_pixels(spectrum, indices, missing, ndvi)
        return self._joined(self.spatial(window), spectrum, indices, missing, ndvi)

    def embed_window(self, window):
        """Vectors of windows, (n, d) of (n, layers, size, size)."""
        return self.spatial(window)

    def join(self, around, spectrum=None, indices=None, missing=None, ndvi=None, **_):
        """As `features`, with the vectors of the windows made already."""
        return self._joined(around, spectrum, indices, missing, ndvi)

    def finish(self, features):
        """Prediction on the modelling scale, shape (n,)."""
        return finished(self.last(features).squeeze(-1), self.output)

    def _check_pixels(self, spectrum, indices, missing, ndvi):
        check_shape("spectrum", spectrum, self.settings["bands"])
        check_indices(self.index.count, indices, missing, ndvi)

    def _joined(self, around, spectrum, indices, missing, ndvi):
        about, _ = self.index(indices, missing, ndvi)
        return self.head(torch.cat([around, self.spectrum.mean_token(spectrum), about.flatten(1)], dim=1))

    @torch.no_grad()
    def dense(self, window=None, **pixels):
        """Predictions at every pixel; parameters as of `dense_features`.

        Returns
        -------
        Tensor of shape (1, h, w)
        """
        features = self.dense_features(window=window, **pixels)
        return self.finish(features.permute(0, 2, 3, 1))

    @torch.no_grad()
    def dense_features(self, window=None, spectrum=None, indices=None, missing=None, ndvi=None):
        """Vectors before the last layer at every pixel, equal to `features` of the windows cut one by one.

        Parameters
        ----------
        window : Tensor of shape (1, layers, h + halo, w + halo)
            Layers of the map and of half a halo on each side.
        spectrum : Tensor of shape (1, bands, h, w)
        indices, missing : Tensor of shape (1, vegetation + bare - water, h, w)
        ndvi : Tensor of shape (1, h, w)

        Returns
        -------
        Tensor of shape (1, 32, h, w)

        Raises
        ------
        ModelError
            If the network is in training mode, or shapes do not belong together.
        """
        if self.training:
            raise ModelError("Dense prediction needs a trained network at rest. Call eval() first.")
        check_shape("window", window, self.settings["layers"], None, None)
        rows, columns = (side - self.halo for side in window.shape[2:])
        if rows < 1 or columns < 1:
            raise ModelError(
                f"Layers of {tuple(window.shape[2:])} cells hold no whole window of {self.size} cells. Give them with half a window around."
            )
        given = {"spectrum": spectrum, "indices": indices, "missing": missing}
        counts = {"spectrum": self.settings["bands"], "indices": self.index.count, "missing": self.index.count}
        flat = {name: _pixels(check_shape(name, values, counts[name], rows, columns)) for name, values in given.items()}
        flat["ndvi"] = check_shape("ndvi", ndvi, rows, columns).reshape(-1)
        around = _pixels(self.spatial.dense(window, self.size))
        parts = [
            self._joined(around[start : start + _CHUNK], **{name: values[start : start + _CHUNK] for name, values in flat.items()})
            for start in range(0, rows * columns, _CHUNK)
        ]
        return torch.cat(parts).T.reshape(1, -1, rows, columns)


def _pixels(values):
    """Map (1, k, h, w) as rows (h w, k)."""
    return values[0].permute(1, 2, 0).flatten(0, 1)


def _least_size():
    return next(size for size in range(1, 1000) if cells_left(size) > 0)
