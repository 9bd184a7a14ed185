"""Losses of a regression as a value per row and what is made of their mean, so that a batch can be worked through in pieces."""

from dataclasses import dataclass

import torch

from soilcore.core.errors import ModelError

_SMALLEST = 1e-12  # below this mean square the root has no usable slope


@dataclass(frozen=True)
class Loss:
    """A loss: `of_rows(outputs, target)` per row, and whether the root of the mean is taken."""

    of_rows: object
    rooted: bool = False

    def whole(self, mean):
        """The loss from the mean over the rows, a number."""
        return max(mean, 0.0) ** 0.5 if self.rooted else mean

    def slope(self, mean):
        """Derivative of the loss by the mean over the rows, a number."""
        if not self.rooted:
            return 1.0
        return 0.5 / mean**0.5 if mean > _SMALLEST else 0.0


def choose_loss(settings, row_loss=None):
    """The loss of the settings, or one given as a function of outputs and target that returns a value per row.

    Notes
    -----
    The mean is taken over all rows before the root is: a mean of the roots of mini-batches would be another, smaller number.
    The logarithmic loss continues below 0 with the slope it has there, so that a network that begins with negative values can leave them.
    """
    if row_loss is not None:
        return Loss(row_loss)
    if settings.loss == "huber":
        return Loss(
            lambda outputs, target: torch.nn.functional.huber_loss(_column(outputs, target), target, reduction="none", delta=settings.huber_delta)
        )
    if settings.loss == "rmsle":
        return Loss(lambda outputs, target: (_log1p(_column(outputs, target)) - torch.log1p(target)).square(), rooted=True)
    return Loss(lambda outputs, target: (_column(outputs, target) - target).square(), rooted=settings.loss == "rmse")


def check_target(settings, target):
    """Refuse targets the loss is not defined for."""
    if settings.loss == "rmsle" and target.min() < 0:
        raise ModelError(f"The loss rmsle needs targets of 0 or more; the lowest is {target.min():g}. Choose rmse, or a target that is not negative.")


def _column(outputs, target):
    """Outputs of shape (n,) in float32; (n, 1) against (n,) would silently become n x n residuals."""
    outputs = outputs.float()
    if outputs.shape == (len(target), 1):
        outputs = outputs[:, 0]
    if outputs.shape != target.shape:
        raise ModelError(f"The network gave values of shape {tuple(outputs.shape)} for {len(target)} rows; one value per row is needed.")
    return outputs


def _log1p(values):
    return torch.where(values > 0, torch.log1p(values.clamp_min(0)), values)
