"""The learning rate of an epoch, and when training has gone on for long enough: both follow from what was, nothing is kept between calls."""

import math
from itertools import pairwise

CYCLIC_LOWEST = 0.03  # of the highest rate: 3e-5 at 1e-3


def learning_rate_at(settings, epoch):
    """Learning rate of one epoch.

    Parameters
    ----------
    settings : TrainingSettings
    epoch : int
        Counted from 0.

    Returns
    -------
    float

    References
    ----------
    Smith (2017), doi 10.1109/WACV.2017.58, for the triangular cycle, here stepped per epoch; Loshchilov & Hutter (2017), arXiv 1608.03983,
    for the cosine without restarts.
    """
    top, lowest = settings.learning_rate, settings.lowest_rate
    if settings.schedule == "step":
        return top * settings.step_factor ** (epoch // settings.step_epochs)
    if settings.schedule == "cosine":
        floor = lowest or 0.0
        return floor + (top - floor) * (1 + math.cos(math.pi * epoch / settings.epochs)) / 2
    if settings.schedule == "cyclic":
        floor = top * CYCLIC_LOWEST if lowest is None else lowest
        place = epoch % (2 * settings.half_cycle) / settings.half_cycle  # 0 at the lowest rate, 1 at the highest
        return floor + (top - floor) * min(place, 2 - place)
    return top


def is_cycle_end(settings, epoch):
    """Whether a cycle of the rate ended with this epoch (counted from 0): it was trained at the lowest rate again."""
    return epoch > 0 and epoch % (2 * settings.half_cycle) == 0


def reason_to_stop(settings, losses):
    """Why training should stop now, or an empty text.

    Parameters
    ----------
    settings : TrainingSettings
    losses : sequence of float or None
        Validation loss of every epoch so far; None where there are no validation rows.

    Returns
    -------
    str
    """
    if settings.patience is None or not losses or losses[-1] is None:
        return ""
    if settings.monitor == "epoch":
        return _too_long_without_a_lower_loss(settings, losses)
    return _cycles_have_levelled_out(settings, losses)


def _too_long_without_a_lower_loss(settings, losses):
    lowest, waited = math.inf, 0
    for loss in losses:
        lowest, waited = (loss, 0) if loss < lowest - settings.min_delta else (lowest, waited + 1)
    if waited < settings.patience:
        return ""
    return f"no lower validation loss for {waited} epoch{'s' if waited > 1 else ''}"


def _cycles_have_levelled_out(settings, losses):
    if not is_cycle_end(settings, len(losses) - 1):
        return ""
    ends = [loss for epoch, loss in enumerate(losses) if is_cycle_end(settings, epoch)]
    decreases = [before - after for before, after in pairwise(ends)][-settings.patience :]
    if len(decreases) < settings.patience or max(decreases) >= settings.min_delta:
        return ""
    return f"the last {settings.patience} decreases from cycle end to cycle end were all below {settings.min_delta:g}"
