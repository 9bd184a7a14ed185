"""Pre-training without a target: image and climate of one place learn to find each other. Imports torch, so import it inside functions."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from soilcore.core.errors import ModelError
from soilcore.core.progress import silent
from soilcore.models.neural_augment import FlipsAndTurns
from soilcore.models.torch_device import own_randomness
from soilcore.models.training import train_network

TEMPERATURE = 0.1
WIDTH = 64  # of the space in which the branches meet
_ROWS = 256  # places looked at together for their climate


@dataclass(frozen=True)
class Pretrained:
    """What pre-training gave.

    Parameters
    ----------
    history : History
        Of the loss; that of guessing is the logarithm of the places per batch.
    image, climate : dict of str to Tensor
        State of both branches.
    """

    history: object
    image: dict
    climate: dict


class ContrastivePair(nn.Module):
    """The branches of a SoilNet, each with a small projection of its own into a common space.

    Parameters
    ----------
    network : SoilNet
        Its branches are trained in place.
    width : int
    """

    def __init__(self, network, width=WIDTH):
        super().__init__()
        self.image_encoder, self.climate_encoder = network.image_encoder, network.climate_encoder
        self.project_image, self.project_climate = (
            nn.Sequential(nn.Linear(given, width), nn.ReLU(), nn.Linear(width, width)) for given in (network.embedding, network.memory)
        )

    def forward(self, image=None, climate=None, **_):
        """Both embeddings of every place, of length 1; shape (n, 2, width)."""
        both = self.project_image(self.image_encoder(image)), self.project_climate(self.climate_encoder(climate))
        return functional.normalize(torch.stack(both, dim=1).float(), dim=2)


def contrastive_losses(embeddings, climates, temperature=TEMPERATURE):
    """InfoNCE of every place, the mean of both directions.

    Parameters
    ----------
    embeddings : Tensor of shape (n, 2, width)
        Of image and climate, of length 1.
    climates : Tensor of shape (n,)
        Label of a place's climate. Places that share one, as neighbours in one cell of a climate grid do, are not held against each other.
    temperature : float

    Returns
    -------
    Tensor of shape (n,)

    References
    ----------
    van den Oord et al. (2018), Representation learning with contrastive predictive coding.
    """
    likeness = embeddings[:, 0] @ embeddings[:, 1].T / temperature  # (image, climate)
    shared = (climates[:, None] == climates[None, :]).fill_diagonal_(False)
    likeness = likeness.masked_fill(shared, -torch.inf)
    pairs = torch.arange(len(likeness), device=likeness.device)
    there, back = (functional.cross_entropy(scores, pairs, reduction="none") for scores in (likeness, likeness.T))
    return (there + back) / 2


def pretrain_contrastive(network, data, rows, settings, *, augment=None, checkpoint=None, report=silent):
    """Teach the branches of a SoilNet, in place, which image and which climate belong to the same place.

    Parameters
    ----------
    network : SoilNet
        With a climate branch.
    data : object
        ``batch(rows)`` gives ``image`` and ``climate``, scaled. No target is needed.
    rows : array of int
        Places to learn from; leave out those that validate or test afterwards.
    settings : TrainingSettings
        Its loss and patience are not used: all epochs are done.
    augment : callable, optional
        Flips and turns of the image if not given.
    checkpoint : Checkpoint, optional
    report : Report

    Returns
    -------
    Pretrained

    Raises
    ------
    ModelError
        If the network reads no climate, or all places have the same climate.
    """
    if getattr(network, "climate_encoder", None) is None:
        raise ModelError("Pre-training needs a SoilNet with a climate branch. Give monthly climate, or train without pre-training.")
    rows = np.asarray(rows, np.int64)
    with own_randomness("cpu"):
        torch.manual_seed(settings.seed)
        pair = ContrastivePair(network)
    history = train_network(
        pair,
        data,
        _climate_labels(data, rows),
        rows,
        np.empty(0, np.int64),
        settings,
        augment=augment or FlipsAndTurns("image"),
        row_loss=contrastive_losses,
        checkpoint=checkpoint,
        report=report,
        name="pre-training",
    )
    return Pretrained(history, network.image_encoder.state_dict(), network.climate_encoder.state_dict())


def _climate_labels(data, rows):
    """A number for every distinct climate among the rows, at the rows' positions; 0 elsewhere."""
    series = [
        data.batch(rows[start : start + _ROWS])["climate"].reshape(len(rows[start : start + _ROWS]), -1) for start in range(0, len(rows), _ROWS)
    ]
    distinct, labels = np.unique(np.concatenate(series), axis=0, return_inverse=True)
    if len(distinct) < 2:
        raise ModelError(f"All {len(rows)} places have the same climate, so nothing tells them apart. Train without pre-training.")
    placed = np.zeros(rows.max() + 1, np.float32)
    placed[rows] = labels.reshape(-1)
    return placed
