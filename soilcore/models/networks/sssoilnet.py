"""SS-SoilNet: what a pixel's spectrum and indices say, seen through the terrain and seasons around it."""

import torch
from torch import nn
from torch.nn import functional

from soilcore.core.errors import ModelError
from soilcore.models.networks.attention import CovariateGate, CrossAttention, GroupedCBAM
from soilcore.models.networks.blocks import Network, channels_last, check_choice, check_shape, check_whole

PARTS = {
    "full": ("spectrum", "indices", "missing", "ndvi", "window"),
    "index": ("indices", "missing", "ndvi"),
    "spec_index": ("spectrum", "indices", "missing", "ndvi"),
    "stack": ("spectrum", "indices", "missing", "ndvi", "window"),
}
GATES = ("soft", "hard")
OUTPUTS = ("softplus", "linear")
TAU, KAPPA = 0.30, 20.0
KERNELS = (1, 3, 5, 7)
_HEAD = (128, 32)
_STEM, _BLOCKS = 8, (16, 32)
_ATTENTION_LAYERS = 2
LEAST_WINDOW = 9


class MODC(nn.Module):
    """Multi-scale one-dimensional convolution: a spectrum to one token per band.

    Parameters
    ----------
    bands : int
    width : int
        Length of a token, a multiple of 4.
    activation : class
        GELU, or ReLU where speed matters.
    """

    def __init__(self, bands, width, activation=nn.GELU):
        super().__init__()
        self.scales = nn.ModuleList(nn.Conv1d(1, width // len(KERNELS), kernel, padding=kernel // 2, bias=False) for kernel in KERNELS)
        self.norm = nn.BatchNorm1d(width)
        self.activation = activation()
        self.mix = nn.Conv1d(width, width, 1)
        self.wavelength = nn.Parameter(0.02 * torch.randn(bands, width))

    def forward(self, spectrum):
        """Spectrum (n, bands) to tokens (n, bands, width)."""
        x = self.activation(self._scaled(spectrum))  # (n, width, bands)
        return (x + self.mix(x)).transpose(1, 2) + self.wavelength

    def mean_token(self, spectrum):
        """Mean over the bands' tokens, (n, width); at rest without making them, as all that follows the activation is linear."""
        if self.training:
            return self(spectrum).mean(1)
        probes = torch.cat([torch.zeros_like(self.wavelength[:, :1]), torch.eye(len(self.wavelength)).to(self.wavelength)], dim=1).T
        answers = self._scaled(probes).transpose(1, 2).flatten(1)  # (1 + bands, bands * width): what comes of nothing, and of each band alone
        scaled = torch.addmm(answers[0], spectrum, answers[1:] - answers[0])
        x = self.activation(scaled).unflatten(1, self.wavelength.shape).mean(1)  # (n, width)
        return x + functional.linear(x, self.mix.weight.squeeze(2), self.mix.bias) + self.wavelength.mean(0)

    def _scaled(self, spectrum):
        x = spectrum.unsqueeze(1)
        return self.norm(torch.cat([conv(x) for conv in self.scales], dim=1))


class ResidualBlock(nn.Module):
    """x + f(x) with f: normalise, linear, activation, dropout, linear."""

    def __init__(self, width, dropout, activation=nn.GELU):
        super().__init__()
        self.body = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), activation(), nn.Dropout(dropout), nn.Linear(width, width))

    def forward(self, x):
        """Vectors (n, width) to vectors of the same shape."""
        return x + self.body(x)


class IndexResNet(nn.Module):
    """Two branches over the indices, one for vegetated and one for bare ground, and a gate by NDVI between them.

    Parameters
    ----------
    vegetation, bare : int
        Indices that each branch reads, the water indices included.
    water : int
        Indices that both read.
    width : int
    gate : {"soft", "hard"}
        sigmoid(kappa (NDVI - tau)) with both learnt, or NDVI > 0.30.
    dropout : float
    activation : class

    Notes
    -----
    Order of the indices: vegetation without water, then bare without water, then water. A pixel without NDVI gets 0.5.
    """

    def __init__(self, vegetation=18, bare=21, water=2, width=64, gate="soft", dropout=0.1, activation=nn.GELU):
        super().__init__()
        check_choice("gate", gate, GATES)
        check_whole("water", water, 0)
        check_whole("vegetation", vegetation, max(water, 1))
        check_whole("bare", bare, max(water, 1))
        self.only_vegetation, self.only_bare = vegetation - water, bare - water
        self.count = vegetation + bare - water
        self.gate = gate
        self.vegetated, self.open = (
            nn.Sequential(nn.Linear(2 * given, width), *(ResidualBlock(width, dropout, activation) for _ in range(2))) for given in (vegetation, bare)
        )
        if gate == "soft":
            self.tau, self.kappa = nn.Parameter(torch.tensor(TAU)), nn.Parameter(torch.tensor(KAPPA))

    def share(self, ndvi):
        """Share of the vegetated branch, shape (n,)."""
        known = torch.nan_to_num(ndvi)
        share = torch.sigmoid(self.kappa * (known - self.tau)) if self.gate == "soft" else (known > TAU).to(known.dtype)
        return torch.where(torch.isnan(ndvi), torch.full_like(share, 0.5), share)

    def forward(self, indices, missing, ndvi):
        """Weighted vectors of both branches.

        Parameters
        ----------
        indices : Tensor of shape (n, count)
            Standardised, 0 where missing.
        missing : Tensor of shape (n, count)
            1 where an index is missing.
        ndvi : Tensor of shape (n,)
            As it is, not standardised.

        Returns
        -------
        tokens : Tensor of shape (n, 2, width)
            Vegetated, bare.
        share : Tensor of shape (n,)
        """
        green, bare = self.only_vegetation, self.only_vegetation + self.only_bare
        both = indices[:, bare:], missing[:, bare:]
        vegetated = self.vegetated(torch.cat([indices[:, :green], both[0], missing[:, :green], both[1]], dim=1))
        opened = self.open(torch.cat([indices[:, green:bare], both[0], missing[:, green:bare], both[1]], dim=1))
        share = self.share(ndvi)
        weight = share.to(vegetated.dtype).unsqueeze(1)
        return torch.stack([weight * vegetated, (1 - weight) * opened], dim=1), share


class SpatialEncoder(nn.Module):
    """Layers of a window to one token each; every layer has filters of its own and so keeps its identity.

    Parameters
    ----------
    layers : int
    width : int
        Length of a token.
    """

    def __init__(self, layers, width):
        super().__init__()
        self.layers = layers
        self.stem = nn.Sequential(
            nn.Conv2d(layers, layers * _STEM, 7, 2, 3, groups=layers, bias=False), nn.BatchNorm2d(layers * _STEM), nn.ReLU(inplace=True)
        )
        self.blocks = nn.Sequential(*(GroupedResidual(layers, given, out) for given, out in zip((_STEM, *_BLOCKS), _BLOCKS, strict=False)))
        self.attention = GroupedCBAM(layers, _BLOCKS[-1])
        self.gate = CovariateGate(layers)
        self.last = nn.Conv1d(layers * _BLOCKS[-1], layers * width, 1, groups=layers)

    def forward(self, window):
        """Window (n, layers, h, w) to tokens (n, layers, width) and weights of the layers (n, layers)."""
        x = self.attention(self.blocks(self.stem(channels_last(window)))).unflatten(1, (self.layers, -1))  # (n, layers, 32, h / 8, w / 8)
        weights = self.gate(x)
        pooled = (x.mean((3, 4)) * weights.unsqueeze(2)).flatten(1)  # (n, layers * 32)
        return self.last(pooled.unsqueeze(2)).squeeze(2).unflatten(1, (self.layers, -1)), weights


class GroupedResidual(nn.Module):
    """Two 3x3 convolutions per layer, the first with stride 2, round a shortcut."""

    def __init__(self, layers, given, out):
        super().__init__()
        wide = layers * out
        self.body = nn.Sequential(
            nn.Conv2d(layers * given, wide, 3, 2, 1, groups=layers, bias=False),
            nn.BatchNorm2d(wide),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, wide, 3, 1, 1, groups=layers, bias=False),
            nn.BatchNorm2d(wide),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(layers * given, wide, 1, 2, groups=layers, bias=False), nn.BatchNorm2d(wide))

    def forward(self, x):
        """Feature map (n, layers * given, h, w) to (n, layers * out, h / 2, w / 2)."""
        return functional.relu(self.body(x) + self.shortcut(x))


class SSSoilNet(Network):
    """Cross-attention of spatial covariates to spectrum and indices, and its three ablations with the same head.

    Parameters
    ----------
    parts : {"full", "index", "spec_index", "stack"}
        All with cross-attention; index tokens only; spectrum and indices; all inputs, spatial tokens pooled and concatenated.
    layers, bands : int
        Of the window and of the spectrum.
    vegetation, bare, water : int
        Indices of the vegetated and of the bare branch, and how many of them both read; see `IndexResNet`.
    gate : {"soft", "hard"}
    d : int
        Length of a token, a multiple of 4 and of `heads`.
    heads : int
    dropout : float
    output : {"softplus", "linear"}
        "softplus" for a target modelled as log1p, which is never negative; "linear" for any other scale.

    References
    ----------
    Zhang et al. (2026), doi 10.1016/j.compag.2026.111748, a summary without layer sizes: widths, depths and kernels are this project's.
    """

    kind = "sssoilnet"

    def __init__(
        self,
        parts="full",
        layers=9,
        bands=10,
        vegetation=18,
        bare=21,
        water=2,
        gate="soft",
        d=64,
        heads=4,
        dropout=0.1,
        output="softplus",
    ):
        super().__init__(
            parts=parts,
            layers=layers,
            bands=bands,
            vegetation=vegetation,
            bare=bare,
            water=water,
            gate=gate,
            d=d,
            heads=heads,
            dropout=dropout,
            output=output,
        )
        check_choice("parts", parts, tuple(PARTS))
        check_choice("output", output, OUTPUTS)
        check_width(d, heads)
        self.parts, self.output = parts, output
        self.inputs_needed = PARTS[parts]
        self.index = IndexResNet(vegetation, bare, water, d, gate, dropout)
        tokens = 2
        if "spectrum" in self.inputs_needed:
            check_whole("bands", bands, 1)
            self.spectrum = MODC(bands, d)
            tokens += 1
        if "window" in self.inputs_needed:
            check_whole("layers", layers, 1)
            self.spatial = SpatialEncoder(layers, d)
            tokens += 1
        if parts == "full":
            self.cross = nn.ModuleList(CrossAttention(d, heads, dropout) for _ in range(_ATTENTION_LAYERS))
        self.head = head(tokens * d, dropout)
        self.last = nn.Linear(_HEAD[-1], 1)

    def features(self, **inputs):
        """Vector of length 32 before the last layer; the inputs are those of `attend`."""
        return self._look(**inputs)[0]

    def finish(self, features):
        """Prediction on the modelling scale, shape (n,)."""
        return finished(self.last(features).squeeze(-1), self.output)

    def attend(self, **inputs):
        """Prediction with what explains it. Attention is no causal importance.

        Parameters
        ----------
        spectrum : Tensor of shape (n, bands)
        indices, missing : Tensor of shape (n, vegetation + bare - water)
            Standardised and 0 where missing; 1 where missing.
        ndvi : Tensor of shape (n,)
        window : Tensor of shape (n, layers, h, w)
            Scaled, 0 where missing; elevation less its mean over the window.

        Returns
        -------
        prediction : Tensor of shape (n,)
        attention : Tensor of shape (n, layers, bands + 2) or None
            Mean over heads and both layers of cross-attention; rows sum to 1. Columns: bands, vegetated, bare.
        weights : Tensor of shape (n, layers) or None
            Of the covariates, between 0 and 1.
        gate : Tensor of shape (n,)
            Share of the vegetated branch.
        """
        features, attention, weights, share = self._look(**inputs)
        return self.finish(features), attention, weights, share

    def embed_window(self, window):
        """Tokens of the window's layers before they attend to anything, (n, layers, d) of (n, layers, h, w)."""
        return self.spatial(self._checked(window))[0]

    def join(self, around=None, **pixels):
        """As `features`, with what `embed_window` made of the window already (None for parts without window)."""
        return self._look(around=around, **pixels)[0]

    def _look(self, spectrum=None, indices=None, missing=None, ndvi=None, window=None, around=None, **_):
        check_indices(self.index.count, indices, missing, ndvi)
        about, share = self.index(indices, missing, ndvi)  # (n, 2, d)
        seen, attention, weights = [about.flatten(1)], None, None
        if "spectrum" in self.inputs_needed:
            bands = self.spectrum(check_shape("spectrum", spectrum, self.settings["bands"]))  # (n, bands, d)
            seen.insert(0, bands.mean(1))
        if "window" in self.inputs_needed:
            around, weights = self.spatial(self._checked(window)) if around is None else (around, None)  # (n, layers, d)
            if self.parts == "full":
                around, attention = self._cross(around, torch.cat([bands, about], dim=1))
            seen.insert(0, around.mean(1))
        return self.head(torch.cat(seen, dim=1)), attention, weights, share

    def _cross(self, queries, tokens):
        maps = []
        for layer in self.cross:
            queries, weights = layer(queries, tokens)
            maps.append(weights)
        return queries, torch.stack(maps).mean(0)

    def _checked(self, window):
        check_shape("window", window, self.settings["layers"], None, None)
        if min(window.shape[2:]) < LEAST_WINDOW:
            raise ModelError(f"Windows of {min(window.shape[2:])} cells per side are too small for this network; it needs {LEAST_WINDOW}.")
        return window


def head(given, dropout, activation=nn.GELU, widths=_HEAD):
    """The head that all ablations share: `given` numbers to 128 to 32; one linear layer to 1 follows."""
    first, second = widths
    return nn.Sequential(nn.Linear(given, first), activation(), nn.Dropout(dropout), nn.Linear(first, second), activation())


def finished(values, output):
    """Values of the last layer on the modelling scale."""
    return functional.softplus(values) if output == "softplus" else values


def check_width(d, heads):
    """Refuse tokens that do not divide into heads and convolution scales."""
    check_whole("heads", heads, 1)
    check_whole("d", d, 4)
    if d % heads or d % len(KERNELS):
        raise ModelError(f"Tokens of length d = {d} do not divide by {heads} heads and {len(KERNELS)} kernels. Give a multiple of both.")


def check_indices(count, indices, missing, ndvi):
    """Refuse indices of other shapes than the network was built for."""
    check_shape("indices", indices, count)
    check_shape("missing", missing, count)
    check_shape("ndvi", ndvi)
