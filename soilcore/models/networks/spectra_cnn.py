"""One-dimensional convolutional network for infrared spectra."""

from itertools import pairwise

import torch
from torch import nn

from soilcore.core.errors import ModelError
from soilcore.models.networks.blocks import Network, check_choice, check_shape, check_whole

SLOPE = 0.1  # of the leaky ReLU
_KERNEL, _POOL = 3, 3
_HIDDEN = 20


def positions_left(length, blocks):
    """Points that a spectrum of `length` points has left after so many blocks; 0 if there are none."""
    for _ in range(blocks):
        length = max(length - _KERNEL + 1, 0) // _POOL
    return length


def most_blocks(length):
    """Blocks that a spectrum of `length` points bears; 5 from 485 points on."""
    blocks = 0
    while positions_left(length, blocks + 1):
        blocks += 1
    return blocks


class SpectraCNN(Network):
    """Blocks of convolution, batch norm, leaky ReLU and mean pooling by 3, with twice the filters each time, and two linear layers.

    Parameters
    ----------
    length : int
        Points of the spectrum.
    base : int
        Filters of the first block.
    blocks : int
        How many; five need 485 points. See `most_blocks`.
    dropout : float
        Share of the flattened features left out in training.
    init : {"kaiming", "mirzai"}
        Kaiming uniform weights; "mirzai" also draws the scales of batch norm from a normal distribution of mean 0 and standard deviation
        0.02, as the package of the paper's authors does, instead of starting at 1.

    Raises
    ------
    ModelError
        If the spectrum is too short for the blocks.

    Notes
    -----
    162,401 parameters for 1700 to 1942 points, of which six positions are left: convolutions without bias 130,608, their batch norms
    992, linear layer 30,740, its batch norm 40, output 21.

    References
    ----------
    Albinet et al. (2022), Artificial Intelligence in Agriculture 6.
    """

    kind = "spectra-cnn"
    inputs_needed = ("spectrum",)

    def __init__(self, length=1764, base=16, blocks=5, dropout=0.4, init="kaiming"):
        super().__init__(length=length, base=base, blocks=blocks, dropout=dropout, init=init)
        for name, value in (("length", length), ("base", base), ("blocks", blocks)):
            check_whole(name, value, 1)
        check_choice("init", init, ("kaiming", "mirzai"))
        left = positions_left(length, blocks)
        if not left:
            raise ModelError(
                f"Spectra of {length} points are too short for {blocks} blocks of this network. "
                f"Give at most {most_blocks(length)} blocks, or spectra on a finer grid."
            )
        filters = [1] + [base * 2**block for block in range(blocks)]
        self.blocks = nn.Sequential(
            *(
                nn.Sequential(nn.Conv1d(given, out, _KERNEL, bias=False), nn.BatchNorm1d(out), nn.LeakyReLU(SLOPE, inplace=True), nn.AvgPool1d(_POOL))
                for given, out in pairwise(filters)
            )
        )
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Sequential(nn.Linear(filters[-1] * left, _HIDDEN), nn.BatchNorm1d(_HIDDEN), nn.LeakyReLU(SLOPE, inplace=True))
        self.last = nn.Linear(_HIDDEN, 1)
        self._start(init)

    def _start(self, init):
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.kaiming_uniform_(module.weight, a=SLOPE)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            if isinstance(module, nn.BatchNorm1d) and init == "mirzai":
                nn.init.normal_(module.weight, 0.0, 0.02)

    def features(self, spectrum=None, **_):
        """Vector before the last layer.

        Parameters
        ----------
        spectrum : Tensor of shape (n, length)
            Preprocessed, without NaN. In training n is at least 2, as batch norm compares samples.

        Returns
        -------
        Tensor of shape (n, 20)
        """
        x = check_shape("spectrum", spectrum, self.settings["length"]).unsqueeze(1)  # (n, 1, length)
        return self.hidden(self.dropout(torch.flatten(self.blocks(x), 1)))
