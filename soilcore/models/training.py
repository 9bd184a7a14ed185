"""The one loop in which networks are trained."""

import threading
import time
from contextlib import ExitStack, contextmanager

import numpy as np
import torch

from soilcore.core.errors import ModelError
from soilcore.core.progress import silent, tell
from soilcore.models.torch_device import choose_torch_device, free_memory, memory_errors_said, own_randomness, repeatable, torch_threads
from soilcore.models.training_batches import batch_rows, in_order, on_device, pieces, seed_chance, training_batch
from soilcore.models.training_history import History
from soilcore.models.training_losses import check_target, choose_loss
from soilcore.models.training_memory import rows_that_fit
from soilcore.models.training_precision import choose_precision, gradient_scaler
from soilcore.models.training_schedules import learning_rate_at, reason_to_stop
from soilcore.models.training_settings import check_training
from soilcore.models.training_state import TrainingState, finished_history, identity_of, read_state, resume, weights_of, write_finished, write_state
from soilcore.models.training_step import Stepper, optimise, smaller_batch_note

_one_at_a_time = threading.RLock()  # dropout draws from a generator that the whole process shares


def train_network(
    network, data, target, train, validation, settings, *, augment=None, groups=None, row_loss=None, checkpoint=None, report=silent, name="network"
):
    """Train a network in place.

    Parameters
    ----------
    network : torch.nn.Module
        ``network(**inputs)`` gives one value per row. It is trained where the settings say and put back to where it was.
    data : object
        ``batch(rows)`` gives the inputs of some rows as dict of str to float32 array, already scaled.
    target : array of shape (n,)
        On the scale on which it is modelled.
    train, validation : array of int
        Positions of the rows. Without validation rows training goes on to the last epoch.
    settings : TrainingSettings
    augment : callable, optional
        ``augment(batch, generator)`` gives the batch to train on; every random choice from the numpy generator it is given.
    groups : array of shape (n,), optional
        Labels; the validation loss is then also kept per group.
    row_loss : callable, optional
        ``row_loss(outputs, target)`` gives a value per row whose mean is made small, instead of the settings' loss.
    checkpoint : soilcore.models.checkpoints.Checkpoint, optional
        Where the state is kept; training goes on from what is there.
    report : Report
        Asked between batches; also told one row per epoch.
    name : str
        What is trained, for the listener.

    Returns
    -------
    History

    Raises
    ------
    ModelError
        If rows or targets cannot be trained on, the loss becomes undefined, or the memory does not suffice for the smallest batch.
    SettingsError
        If the settings cannot be followed.

    Notes
    -----
    On the CPU the same network, data, settings and threads give the same weights to the last bit, whether or not training was interrupted, as
    long as the memory suffices for the same number of rows at once.
    """
    check_training(settings)
    target, train, validation = checked_rows(target, train, validation, settings, row_loss)
    state, identity, kept = TrainingState(), "", None
    if checkpoint:
        identity = identity_of(network, data, target, train, validation, settings)
        kept, note = read_state(checkpoint, identity)
        state.notes += [note] if note else []
        if kept and kept.finished:
            return finished_history(network, kept)
    with trainer(network, settings, row_loss, state.notes) as stepper:
        if kept:
            resume(state, stepper, kept)
            kept = None
        else:
            size_to_memory(stepper, data, train)
        while state.epoch < settings.epochs and not state.stopped:
            began = time.monotonic() - state.seconds
            rate = _set_rate(stepper.optimizer, learning_rate_at(settings, state.epoch))
            for losses, share in _epoch(stepper, data, target, train, settings, state, augment):
                _check_loss(losses, data, train, settings, state)
                state.losses += losses
                state.step, state.seconds = state.step + 1, time.monotonic() - began
                report(state.epoch + share, settings.epochs, _message(state, settings))
                if checkpoint and checkpoint.is_due():
                    write_state(checkpoint, identity, state, stepper)
            of_rows = _validate(stepper, data, target, validation, lambda: report(state.epoch + 1, settings.epochs, _message(state, settings)))
            row = _row(state, stepper.loss, of_rows, len(train), rate, time.monotonic() - began)
            if groups is not None and len(validation):
                row["group_losses"] = _group_losses(stepper.loss, of_rows, np.asarray(groups)[validation])
            _check_validation(row)
            _keep(state, row, network, settings)
            tell(report, {"kind": "epoch", "fit": name, "epochs": settings.epochs, "device": stepper.device} | row)
            if checkpoint and checkpoint.is_due():
                write_state(checkpoint, identity, state, stepper)
        if settings.restore_best and state.best_weights:
            network.load_state_dict(state.best_weights)
    report(settings.epochs, settings.epochs, f"Trained {name}")
    ended = state.stopped or _all_done(settings)
    history = History(tuple(state.rows), state.best_epoch, ended, stepper.device, stepper.precision, stepper.size, tuple(state.notes))
    if checkpoint:
        write_finished(checkpoint, identity, network, history)
    return history


@contextmanager
def trainer(network, settings, row_loss, notes):
    """Everything a training needs, in place for the block; afterwards the process is as it was and the device's memory is given back.

    Yields
    ------
    soilcore.models.training_step.Stepper
        Which tells in `notes`, a list, what a user should know.
    """
    device, note = choose_torch_device(settings.device)
    precision, other_note = choose_precision(settings.precision, device)
    notes += [text for text in (note, other_note) if text]
    with ExitStack() as stack:
        stack.enter_context(_one_at_a_time)
        stack.enter_context(memory_errors_said(device))
        stack.enter_context(torch_threads(settings.threads))
        stack.enter_context(own_randomness(device))
        stack.enter_context(repeatable(settings.deterministic, notes))
        stack.enter_context(_placed(network, device, settings.channels_last))
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings.optimizer]
        optimizer = kind(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        loss, scaler = choose_loss(settings, row_loss), gradient_scaler(precision, device)
        stepper = Stepper(network, optimizer, loss, scaler, device, precision, settings.clip, settings.channels_last, settings.batch, notes)
        stack.callback(stepper.release)
        yield stepper


def checked_rows(target, train, validation, settings, row_loss):
    """Target and rows as arrays, or a sentence on why they cannot be trained on."""
    target, train, validation = np.asarray(target, np.float32), np.asarray(train, np.int64), np.asarray(validation, np.int64)
    if len(train) < 2:
        raise ModelError(f"A network needs at least 2 training rows, got {len(train)}. Use more samples.")
    used = target[np.concatenate([train, validation])]
    if not np.isfinite(used).all():
        raise ModelError(f"{np.count_nonzero(~np.isfinite(used))} of {len(used)} targets to train on are undefined. Leave these rows out.")
    if row_loss is None:
        check_target(settings, used)
    return target, train, validation


@contextmanager
def _placed(network, device, channels_last):
    """Have the network on the device inside the block; afterwards it is where it was and the device's memory is given back."""
    home = next((values.device for values in network.parameters()), torch.device("cpu"))
    was_training = network.training
    network.to(device)
    if channels_last:
        network.to(memory_format=torch.channels_last)
    try:
        yield
    finally:
        network.zero_grad(set_to_none=True)
        network.to(home, memory_format=torch.contiguous_format)
        network.train(was_training)
        free_memory(device)


def size_to_memory(stepper, data, train):
    """Begin with as many rows at once as should fit."""
    fitting = rows_that_fit(stepper.network, data, train, stepper.device, training=True)
    if fitting < min(stepper.size, len(train)):
        before, stepper.size = stepper.size, max(stepper.least, fitting)
        stepper.notes.append(smaller_batch_note(before, stepper.size, stepper.network))


def _set_rate(optimizer, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate


def _epoch(stepper, data, target, train, settings, state, augment):
    """Make the steps of an epoch that are not yet done; after each, the sum of its rows' losses and the share of the epoch that is done."""
    batches = batch_rows(train, settings.batch, settings.seed, state.epoch)
    first = state.step
    stepper.network.train()

    def prepared(step):
        return training_batch(data, batches[step], augment, settings.seed, state.epoch, step)

    steps = range(first, len(batches))
    for step, inputs in zip(steps, in_order(prepared, steps, ahead=stepper.device != "cpu"), strict=True):
        seed_chance(settings.seed, state.epoch, step)
        yield optimise(stepper, inputs, target[batches[step]]), (step + 1) / len(batches)


def _validate(stepper, data, target, validation, between):
    """Losses of the validation rows, computed in float32, shape (n,); `between` is called between two batches."""
    stepper.network.eval()
    losses = []
    with torch.no_grad():
        for part in pieces(len(validation), stepper.size) if len(validation) else ():
            if part.start:
                between()
            rows = validation[part]
            inputs = on_device(data.batch(rows), stepper.device, stepper.channels_last)
            wanted = on_device({"target": target[rows]}, stepper.device)["target"]
            losses.append(stepper.loss.of_rows(stepper.network(**inputs), wanted).cpu().double().numpy())
    return np.concatenate(losses) if losses else np.empty(0)


def _row(state, loss, of_rows, trained, rate, seconds):
    return {
        "epoch": state.epoch + 1,
        "loss": loss.whole(state.losses / trained),
        "validation_loss": loss.whole(float(of_rows.mean())) if len(of_rows) else None,
        "learning_rate": rate,
        "seconds": round(seconds, 4),
    }


def _group_losses(loss, of_rows, labels):
    return {str(label): loss.whole(float(of_rows[labels == label].mean())) for label in np.unique(labels)}


def _keep(state, row, network, settings):
    """Enter a finished epoch into the state; the best weights are copied."""
    state.rows.append(row)
    lowest = row["validation_loss"]
    if lowest is None:
        state.best_epoch = row["epoch"]
    elif state.best_loss is None or lowest < state.best_loss:
        state.best_epoch, state.best_loss = row["epoch"], lowest
        if settings.restore_best:
            state.best_weights = weights_of(network)
    state.epoch, state.step, state.losses, state.seconds = state.epoch + 1, 0, 0.0, 0.0
    state.stopped = reason_to_stop(settings, [past["validation_loss"] for past in state.rows])


def _message(state, settings):
    text = f"Epoch {state.epoch + 1} of {settings.epochs}"
    if state.best_loss is None:
        return text
    return f"{text}, validation loss {state.rows[-1]['validation_loss']:.4g} (lowest {state.best_loss:.4g} in epoch {state.best_epoch})"


def _all_done(settings):
    return f"all {settings.epochs} epochs were done" if settings.epochs > 1 else "the one epoch was done"


def _check_loss(losses, data, train, settings, state):
    """Stop a training whose loss is no number any more."""
    if np.isfinite(losses):
        return
    at = f"in epoch {state.epoch + 1}, batch {state.step + 1}"
    batch = data.batch(batch_rows(train, settings.batch, settings.seed, state.epoch)[state.step])
    undefined = [name for name, values in batch.items() if values is not None and not np.isfinite(values).all()]
    if undefined:
        raise ModelError(f"The loss is undefined {at}, because the input {undefined[0]!r} has undefined values there. Fill or leave them out.")
    widest = max(float(np.abs(values).max()) for values in batch.values() if values is not None and np.size(values))
    raise ModelError(
        f"The loss is undefined {at}, at a learning rate of {learning_rate_at(settings, state.epoch):.3g}. Choose a rate ten times lower or clip the "
        f"gradients, and see that inputs and target are scaled: the largest input of this batch is {widest:.3g}."
    )


def _check_validation(row):
    loss = row["validation_loss"]
    if loss is not None and not np.isfinite(loss):
        raise ModelError(
            f"The validation loss is undefined after epoch {row['epoch']}, at a learning rate of {row['learning_rate']:.3g}. Choose a rate ten times "
            "lower or clip the gradients, and see that the validation rows are scaled like the training rows."
        )
