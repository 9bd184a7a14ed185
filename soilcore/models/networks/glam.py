"""Global-local attention module (GLAM): which channels and which places of a feature map matter, near and far."""

import torch
from torch import nn

from soilcore.models.networks.blocks import check_choice

FORMS = ("row", "flat")


def attention_weights(scores, form):
    """Softmax of a square matrix of scores, shape (n, m, m).

    Parameters
    ----------
    scores : Tensor of shape (n, m, m)
    form : {"row", "flat"}
        "row": every row sums to 1, so that the product with the values is a weighted mean. "flat": the whole matrix sums to 1, as the
        code of SoilNet's authors has it, which makes the product m times smaller.

    Returns
    -------
    Tensor of shape (n, m, m)
    """
    if form == "row":
        return scores.softmax(dim=-1)
    return scores.flatten(1).softmax(dim=-1).view_as(scores)


class LocalChannelAttention(nn.Module):
    """F A + F with A = sigmoid(conv1d(mean over the map)), one weight per channel from its neighbours in channel order."""

    def __init__(self, kernel):
        super().__init__()
        self.conv = nn.Conv1d(1, 1, kernel, padding=kernel // 2)

    def forward(self, x):
        """Feature map of shape (n, c, h, w) to one of the same shape."""
        weights = torch.sigmoid(self.conv(x.mean((2, 3)).unsqueeze(1)))  # (n, 1, c)
        return x + x * weights.transpose(1, 2).unsqueeze(-1)


class LocalSpatialAttention(nn.Module):
    """One weight per place from surroundings of three widths."""

    def __init__(self, channels, reduced):
        super().__init__()
        self.reduce = nn.Conv2d(channels, reduced, 1)
        self.around = nn.ModuleList(nn.Conv2d(reduced, reduced, 3, padding=reach, dilation=reach) for reach in (1, 2, 3))
        self.join = nn.Conv2d(4 * reduced, 1, 1)

    def forward(self, x, attended):
        """Weights from the map `x`, laid on `attended`; both (n, c, h, w)."""
        few = self.reduce(x)  # (n, reduced, h, w)
        weights = self.join(torch.cat([few, *(conv(few) for conv in self.around)], dim=1))  # (n, 1, h, w)
        return attended + attended * weights


class GlobalChannelAttention(nn.Module):
    """Every channel as a mean of all channels, weighted by how their means answer each other; its product with the map.

    Queries and keys are projected by weights of their own. In the code of SoilNet's authors both come from the query's weights and
    the key's, although counted among the parameters, are never used; their number is the same here, but all of them learn.
    """

    def __init__(self, kernel, form):
        super().__init__()
        self.query = nn.Conv1d(1, 1, kernel, padding=kernel // 2)
        self.key = nn.Conv1d(1, 1, kernel, padding=kernel // 2)
        self.form = form

    def forward(self, x):
        """Feature map of shape (n, c, h, w) to one of the same shape."""
        means = x.mean((2, 3)).unsqueeze(1)  # (n, 1, c)
        query, key = torch.sigmoid(self.query(means)), torch.sigmoid(self.key(means))
        weights = attention_weights(key.transpose(1, 2) @ query, self.form)  # (n, c, c)
        return x * (weights @ x.flatten(2)).view_as(x)


class GlobalSpatialAttention(nn.Module):
    """Every place as a mean of all places, weighted by their likeness.

    With a softmax per row the bias of the keys, which the published count holds, has no effect and stays where it started.
    """

    def __init__(self, channels, reduced, form):
        super().__init__()
        self.query = nn.Conv2d(channels, reduced, 1)
        self.key = nn.Conv2d(channels, reduced, 1)
        self.value = nn.Conv2d(channels, reduced, 1)
        self.widen = nn.Conv2d(reduced, channels, 1)
        self.form = form

    def forward(self, x, attended):
        """Weights from the map `x`, laid on `attended`; both (n, c, h, w)."""
        query, key, value = (project(x).flatten(2) for project in (self.query, self.key, self.value))  # (n, reduced, h w)
        weights = attention_weights(query.transpose(1, 2) @ key, self.form)  # (n, h w, h w)
        mixed = (value @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])  # (n, reduced, h, w)
        return attended + attended * self.widen(mixed)


class GLAM(nn.Module):
    """Local and global attention over channels and places, and the map itself, in learnt proportions.

    Parameters
    ----------
    channels : int
        Of the feature map.
    reduced : int
        Channels that spatial attention works with.
    kernel : int
        Channels that a channel's weight is computed from, odd.
    form : {"row", "flat"}
        Where the global attention sums to 1; see `attention_weights`.

    References
    ----------
    Song, Han & Avrithis (2022), All the attention you need: global-local, spatial-channel attention for image retrieval. Local spatial
    weights are linear, not passed through a sigmoid, as in SoilNet.
    """

    def __init__(self, channels=512, reduced=32, kernel=5, form="row"):
        super().__init__()
        check_choice("attention", form, FORMS)
        self.local_channel = LocalChannelAttention(kernel)
        self.local_spatial = LocalSpatialAttention(channels, reduced)
        self.global_channel = GlobalChannelAttention(kernel, form)
        self.global_spatial = GlobalSpatialAttention(channels, reduced, form)
        self.fusion = nn.Parameter(torch.ones(3))

    def forward(self, x):
        """Feature map of shape (n, c, h, w) to one of the same shape."""
        near = self.local_spatial(x, self.local_channel(x))
        far = self.global_spatial(x, self.global_channel(x))
        shares = self.fusion.softmax(dim=0)
        return shares[0] * near + shares[1] * x + shares[2] * far
