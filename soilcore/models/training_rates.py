"""The learning-rate range test: which rates a network learns at, tried on a copy of it."""

import copy
import math
from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.progress import silent, tell
from soilcore.models.training import checked_rows, size_to_memory, trainer
from soilcore.models.training_batches import batch_rows, seed_chance, training_batch
from soilcore.models.training_settings import check_training
from soilcore.models.training_step import optimise

_FEWEST_STEPS = 50
_ASTRAY = 4.0  # times the lowest smoothed loss: higher rates can only be worse
_WARM_UP = 0.1  # of the steps, in which the smoothed loss is mostly chance
_BEGINNING = 0.25  # of the steps: at these rates hardly anything is learnt yet
_CHANCE = 4.0  # standard deviations of the smoothed loss: less of a decrease is none


@dataclass(frozen=True)
class RateRange:
    """Course and outcome of a learning-rate range test.

    Parameters
    ----------
    rows : tuple of dict
        Per step: ``step`` (from 1), ``learning_rate``, ``loss``, ``smoothed``.
    suggestion : float or None
        Rate at which the smoothed loss had fallen half way to its lowest; None if it did not fall by more than chance.
    lowest : float or None
        Rate of the lowest smoothed loss: a bound from above.
    sentence : str
        The outcome in words.
    notes : tuple of str
        Such as another device than asked.
    """

    rows: tuple
    suggestion: float | None
    lowest: float | None
    sentence: str
    notes: tuple = ()


def learning_rate_range(
    network, data, target, train, settings, *, first=1e-6, last=1e-1, epochs=8, augment=None, row_loss=None, report=silent, name="network"
):
    """Train a copy of a network while the rate grows exponentially from step to step, and see at which rates the loss falls.

    Parameters
    ----------
    network, data, target, train, settings, augment, row_loss, report, name
        As in `soilcore.models.training.train_network`. The network itself is left as it is; the settings' schedule is not used.
    first, last : float
        Rates of the first and the last step.
    epochs : int
        Passes over the rows; more if these are fewer than 50 steps.

    Returns
    -------
    RateRange

    References
    ----------
    Smith (2017), doi 10.1109/WACV.2017.58. The loss is smoothed exponentially over about 4 % of the steps. Departs from the common choice of the
    steepest place: among few steps that place is found by chance.
    """
    check_training(settings)
    if not 0 < first < last or epochs < 1:
        raise SettingsError(f"The learning rates must grow from above 0 over one epoch or more, got {first:g} to {last:g} over {epochs} epochs.")
    target, train, _ = checked_rows(target, train, (), settings, row_loss)
    notes = []
    with trainer(copy.deepcopy(network), settings, row_loss, notes) as stepper:
        size_to_memory(stepper, data, train)
        per_epoch = len(batch_rows(train, settings.batch, settings.seed, 0))
        steps = per_epoch * max(epochs, -(-_FEWEST_STEPS // per_epoch))
        stepper.network.train()
        course = _Course(smoothing=min(0.98, max(0.5, 1 - 25 / steps)))
        for step in range(steps):
            epoch, place = divmod(step, per_epoch)
            rows = batch_rows(train, settings.batch, settings.seed, epoch)[place]
            rate = first * (last / first) ** (step / (steps - 1))
            for group in stepper.optimizer.param_groups:
                group["lr"] = rate
            seed_chance(settings.seed, epoch, place)
            losses = optimise(stepper, training_batch(data, rows, augment, settings.seed, epoch, place), target[rows])
            report(step, steps, f"Learning rate {rate:.2g}")
            if not math.isfinite(losses):
                break
            row = course.add(rate, stepper.loss.whole(losses / len(rows)))
            tell(report, {"kind": "rate", "fit": name, "steps": steps} | row)
            if step > _WARM_UP * steps and row["smoothed"] > _ASTRAY * course.lowest:
                break
    report(steps, steps, "Tried the learning rates")
    return _outcome(course, steps, tuple(notes))


class _Course:
    """Losses so far, with the exponentially weighted mean freed from its start at 0."""

    def __init__(self, smoothing):
        self.smoothing, self.sum, self.rows, self.lowest = smoothing, 0.0, [], math.inf

    def add(self, rate, loss):
        self.sum = self.smoothing * self.sum + (1 - self.smoothing) * loss
        smoothed = self.sum / (1 - self.smoothing ** (len(self.rows) + 1))
        self.lowest = min(self.lowest, smoothed)
        self.rows.append({"step": len(self.rows) + 1, "learning_rate": rate, "loss": loss, "smoothed": smoothed})
        return self.rows[-1]


def _outcome(course, steps, notes):
    """What the course of the losses says."""
    rates, losses, smoothed = (np.array([row[key] for row in course.rows]) for key in ("learning_rate", "loss", "smoothed"))
    beginning = int(_BEGINNING * steps)
    if len(rates) > beginning:
        start, bottom = float(np.median(smoothed[:beginning])), beginning + int(np.argmin(smoothed[beginning:]))
        chance = float(np.std((losses - smoothed)[: bottom + 1])) * ((1 - course.smoothing) / (1 + course.smoothing)) ** 0.5
        if start - smoothed[bottom] > _CHANCE * chance:
            half = int(np.flatnonzero(smoothed[: bottom + 1] >= (start + smoothed[bottom]) / 2)[-1])
            text = f"The loss had fallen half way at a rate of {rates[half]:.1g} and was lowest at {rates[bottom]:.1g}; take the first."
            return RateRange(tuple(course.rows), float(rates[half]), float(rates[bottom]), text, notes)
    tried = f"{rates[0]:.1g} to {rates[-1]:.1g}" if len(rates) else "the first"
    text = f"The loss fell at none of the rates ({tried}). See whether inputs and target are scaled."
    return RateRange(tuple(course.rows), None, None, text, notes)
