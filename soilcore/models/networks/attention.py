"""Attention of a few tokens to others, and the convolutional block attention that weighs channels and places."""

import torch
from torch import nn


class CrossAttention(nn.Module):
    """One layer: queries look at tokens, then a feed-forward part; normalisation before each, shortcuts round each.

    Parameters
    ----------
    width : int
        Length of a token.
    heads : int
        Divides `width`.
    dropout : float
    """

    def __init__(self, width, heads, dropout=0.1):
        super().__init__()
        self.heads = heads
        self.norm_query, self.norm_token, self.norm_forward = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.value, self.out = (nn.Linear(width, width) for _ in range(3))
        self.key = nn.Linear(width, width, bias=False)  # a bias of keys adds the same to a whole row, which the softmax takes away again
        self.forward_part = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries, tokens):
        """Attend.

        Parameters
        ----------
        queries : Tensor of shape (n, q, width)
        tokens : Tensor of shape (n, t, width)

        Returns
        -------
        attended : Tensor of shape (n, q, width)
        weights : Tensor of shape (n, q, t)
            Mean over the heads; rows sum to 1.
        """
        asked, offered = self.norm_query(queries), self.norm_token(tokens)
        query, key, value = self._split(self.query(asked)), self._split(self.key(offered)), self._split(self.value(offered))
        weights = (query @ key.transpose(2, 3) / query.shape[-1] ** 0.5).softmax(dim=-1)  # (n, heads, q, t)
        mixed = (weights @ value).transpose(1, 2).flatten(2)  # (n, q, width)
        attended = queries + self.dropout(self.out(mixed))
        return attended + self.dropout(self.forward_part(self.norm_forward(attended))), weights.mean(1)

    def _split(self, tokens):
        return tokens.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (n, heads, tokens, width / heads)


class GroupedCBAM(nn.Module):
    """Convolutional block attention of each group of channels by itself.

    Channels are weighted by sigmoid(MLP(mean) + MLP(maximum)), then places by the sigmoid of a 7 x 7 convolution over the channels' mean
    and maximum.

    Parameters
    ----------
    groups : int
        Covariates, each with weights of its own.
    width : int
        Channels per group.
    reduction : int
        By which the hidden layer of the channel attention is narrower.

    References
    ----------
    Woo et al. (2018), CBAM: convolutional block attention module.
    """

    def __init__(self, groups, width, reduction=8):
        super().__init__()
        self.groups = groups
        few = groups * max(width // reduction, 1)
        self.channels = nn.Sequential(nn.Conv1d(groups * width, few, 1, groups=groups), nn.ReLU(), nn.Conv1d(few, groups * width, 1, groups=groups))
        self.places = nn.Conv2d(2 * groups, groups, 7, padding=3, groups=groups)

    def forward(self, x):
        """Feature map of shape (n, groups * width, h, w) to one of the same shape."""
        pooled = self.channels(x.mean((2, 3)).unsqueeze(2)) + self.channels(x.amax((2, 3)).unsqueeze(2))
        x = x * torch.sigmoid(pooled).unsqueeze(3)  # (n, groups * width, h, w)
        each = x.unflatten(1, (self.groups, -1))  # (n, groups, width, h, w)
        extremes = torch.stack([each.mean(2), each.amax(2)], dim=2).flatten(1, 2)  # (n, 2 groups, h, w)
        return (each * torch.sigmoid(self.places(extremes)).unsqueeze(2)).flatten(1, 2)


class CovariateGate(nn.Module):
    """One weight per covariate from the mean and the maximum of its features: the channel part of CBAM across covariates."""

    def __init__(self, covariates):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(covariates, max(covariates // 2, 2)), nn.ReLU(), nn.Linear(max(covariates // 2, 2), covariates))

    def forward(self, maps):
        """Maps of shape (n, covariates, width, h, w) to weights between 0 and 1 of shape (n, covariates)."""
        return torch.sigmoid(self.mlp(maps.mean((2, 3, 4))) + self.mlp(maps.amax((2, 3, 4))))
