"""SoilNet: a window of imagery and months of climate to one number."""

import torch
from torch import nn

from soilcore.core.errors import ModelError
from soilcore.models.networks.blocks import Network, check_choice, check_shape, check_whole
from soilcore.models.networks.glam import FORMS
from soilcore.models.networks.resnet import DEPTHS, ResNet, SmallEncoder

SMALL = "small"
_LEAST_SIZE = {SMALL: 16, "resnet": 32}


class ClimateEncoder(nn.Module):
    """Two layers of long short-term memory over the months; the last month's state becomes the embedding.

    Parameters
    ----------
    variables : int
        Climate variables per month.
    hidden : int
        Length of the state and of the embedding.
    """

    def __init__(self, variables=14, hidden=128):
        super().__init__()
        self.memory = nn.LSTM(variables, hidden, num_layers=2, batch_first=True)
        self.last = nn.Linear(hidden, hidden)

    def forward(self, climate):
        """Climate (n, months, variables) to embedding (n, hidden)."""
        states, _ = self.memory(climate)  # (n, months, hidden)
        return self.last(states[:, -1])


class SoilNet(Network):
    """Image encoder with attention, memory of the climate, and a regressor over both.

    Parameters
    ----------
    channels : int
        Layers of the image.
    climate : int
        Climate variables per month; 0 for a network that reads images only.
    depth : {101, 50, 14, "small"}
        Layers of the residual network, or the small encoder for machines without a GPU.
    glam : bool
        Whether global-local attention follows the second stage.
    size : int
        Cells per side of the image; others of at least 16 (small) or 32 cells work as well, as both encoders end in a mean.
    embedding, memory, hidden : int, optional
        Lengths of the image embedding, of the climate memory and of the regressor's layers: 1024, 128, 128, small 128, 32, 64.
    glam_attention : {"row", "flat"}
        Where the attention's softmax sums to 1: in every row, or over the whole matrix as in the authors' code.
    width : int
        Filters that the residual network starts with; 64 is the published number. The small encoder has its own.

    Notes
    -----
    Parameters at the published size (14 channels): encoder 44,632,832, attention 110,454, memory 222,336 with 14 variables, regressor
    180,737, together 45,146,359. Attention projects keys with weights of their own, which the authors' code counts but does not use.

    References
    ----------
    Kakhani et al., SoilNet: a spatio-temporal deep learning framework for digital soil mapping, poster and public code. Departs from them: softmax per row, keys used.
    """

    def __init__(
        self, channels=14, climate=14, depth=101, glam=True, size=64, embedding=None, memory=None, hidden=None, glam_attention="row", width=64
    ):
        super().__init__(
            channels=channels,
            climate=climate,
            depth=depth,
            glam=glam,
            size=size,
            embedding=embedding,
            memory=memory,
            hidden=hidden,
            glam_attention=glam_attention,
            width=width,
        )
        small = depth == SMALL
        check_choice("depth", depth, (*DEPTHS, SMALL))
        check_choice("glam_attention", glam_attention, FORMS)
        check_whole("channels", channels, 1)
        check_whole("climate", climate, 0)
        check_whole("width", width, 1)
        self.least_size = _LEAST_SIZE[SMALL if small else "resnet"]
        check_whole("size", size, self.least_size)
        embedding, memory, hidden = _lengths(small, embedding, memory, hidden)
        self.kind = "soilnet-small" if small else "soilnet"
        self.inputs_needed = ("image", "climate") if climate else ("image",)
        self.embedding, self.memory = embedding, memory
        usual = channels, embedding
        self.image_encoder = SmallEncoder(*usual, glam, glam_attention) if small else ResNet(*usual, depth, glam, glam_attention, width)
        self.climate_encoder = ClimateEncoder(climate, memory) if climate else None
        self.image_branch = nn.Linear(embedding, hidden)
        self.climate_branch = nn.Linear(memory, hidden) if climate else None
        self.joint = nn.Linear(2 * hidden if climate else hidden, hidden)
        self.last = nn.Linear(hidden, 1)

    def embed_image(self, image):
        """Embedding of the image, shape (n, embedding)."""
        check_shape("image", image, self.settings["channels"], None, None)
        if min(image.shape[2:]) < self.least_size:
            raise ModelError(f"Image windows of {min(image.shape[2:])} cells per side are too small for this network; it needs {self.least_size}.")
        return self.image_encoder(image)

    def embed_climate(self, climate):
        """Embedding of the months, shape (n, memory)."""
        if self.climate_encoder is None:
            raise ModelError("This SoilNet was built without climate. Build it with the number of climate variables.")
        return self.climate_encoder(check_shape("climate", climate, None, self.settings["climate"]))

    def features(self, image=None, climate=None, **_):
        """Vector before the last layer.

        Parameters
        ----------
        image : Tensor of shape (n, channels, size, size)
            Scaled, without NaN.
        climate : Tensor of shape (n, months, variables), optional
            Scaled, without NaN; any number of months. Read only by a network with a climate branch.

        Returns
        -------
        Tensor of shape (n, hidden), between 0 and 1
        """
        return self.join(self.embed_image(image), None if self.climate_encoder is None else self.embed_climate(climate))

    def join(self, image, climate=None):
        """Vector before the last layer of embeddings, for those who have them already: (n, embedding) and (n, memory) to (n, hidden)."""
        branches = [torch.sigmoid(self.image_branch(image))]
        if self.climate_encoder is not None:
            branches.append(torch.sigmoid(self.climate_branch(climate)))
        return torch.sigmoid(self.joint(torch.cat(branches, dim=1)))


def _lengths(small, *given):
    usual = (128, 32, 64) if small else (1024, 128, 128)
    lengths = [use if length is None else length for length, use in zip(given, usual, strict=True)]
    for name, length in zip(("embedding", "memory", "hidden"), lengths, strict=True):
        check_whole(name, length, 1)
    return lengths
