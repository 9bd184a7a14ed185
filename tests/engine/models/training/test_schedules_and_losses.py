"""Rates follow PyTorch's own schedules, losses its own formulas, and training stops when it should."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from soilcore.core.errors import ModelError, SettingsError
from soilcore.models.training_losses import check_target, choose_loss
from soilcore.models.training_schedules import is_cycle_end, learning_rate_at, reason_to_stop
from soilcore.models.training_settings import TrainingSettings, check_training


def rates_of(scheduler, optimizer, epochs):
    rates = []
    for _ in range(epochs):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("settings", "scheduler"),
    [
        (TrainingSettings(schedule="step", learning_rate=1e-4), lambda o: torch.optim.lr_scheduler.StepLR(o, 10, 0.2)),
        (TrainingSettings(schedule="cosine", epochs=40), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40)),
        (TrainingSettings(schedule="cosine", epochs=40, lowest_rate=1e-5), lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40, 1e-5)),
        (TrainingSettings(schedule="cyclic"), lambda o: torch.optim.lr_scheduler.CyclicLR(o, 3e-5, 1e-3, 5, cycle_momentum=False)),
        (TrainingSettings(schedule="constant"), lambda o: torch.optim.lr_scheduler.ConstantLR(o, 1.0)),
    ],
    ids=["step", "cosine", "cosine with a floor", "cyclic", "constant"],
)
def test_the_rates_are_those_of_the_library(settings, scheduler):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], settings.learning_rate)
    expected = rates_of(scheduler(optimizer), optimizer, 40)
    assert [learning_rate_at(settings, epoch) for epoch in range(40)] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_paper_cycle_goes_from_3e_5_to_1e_3_and_back_in_ten_epochs():
    settings = TrainingSettings(schedule="cyclic")
    assert [learning_rate_at(settings, epoch) for epoch in (0, 5, 10, 15, 200)] == pytest.approx([3e-5, 1e-3, 3e-5, 1e-3, 3e-5])
    assert [epoch for epoch in range(31) if is_cycle_end(settings, epoch)] == [10, 20, 30]


@pytest.mark.parametrize(("loss", "rooted"), [("mse", False), ("rmse", True), ("huber", False), ("rmsle", True)])
def test_losses_are_those_of_the_library(loss, rooted):
    generator = torch.Generator().manual_seed(0)
    outputs, target = 3 * torch.rand(50, generator=generator), 3 * torch.rand(50, generator=generator)
    chosen = choose_loss(TrainingSettings(loss=loss))
    given = chosen.whole(float(chosen.of_rows(outputs, target).double().mean()))
    square = torch.nn.functional.mse_loss
    expected = {
        "mse": square(outputs, target),
        "rmse": square(outputs, target) ** 0.5,
        "huber": torch.nn.functional.huber_loss(outputs, target, delta=1.0),
        "rmsle": square(torch.log1p(outputs), torch.log1p(target)) ** 0.5,
    }
    assert given == pytest.approx(float(expected[loss]), rel=1e-6)
    assert chosen.rooted is rooted


def test_the_slope_of_a_root_is_its_derivative_and_nothing_at_zero():
    loss = choose_loss(TrainingSettings(loss="rmse"))
    assert loss.slope(4.0) == pytest.approx((math.sqrt(4 + 1e-6) - 2) / 1e-6, rel=1e-5)
    assert loss.slope(0.0) == 0.0
    assert choose_loss(TrainingSettings(loss="mse")).slope(4.0) == 1.0


def test_the_logarithmic_loss_can_leave_negative_values():
    outputs = torch.tensor([-5.0], requires_grad=True)
    choose_loss(TrainingSettings(loss="rmsle")).of_rows(outputs, torch.tensor([1.0])).sum().backward()
    assert outputs.grad.item() == pytest.approx(2 * (-5 - math.log(2)))


def test_the_logarithmic_loss_refuses_negative_targets():
    with pytest.raises(ModelError, match=r"the lowest is -0\.5"):
        check_target(TrainingSettings(loss="rmsle"), np.array([1.0, -0.5]))


def test_a_column_of_outputs_does_not_become_a_square_of_residuals():
    loss = choose_loss(TrainingSettings())
    target = torch.arange(3.0)
    assert loss.of_rows(target[:, None] + 1, target).tolist() == [1, 1, 1]
    with pytest.raises(ModelError, match=r"\(3, 2\) for 3 rows"):
        loss.of_rows(torch.zeros(3, 2), target)


def test_training_stops_after_so_many_epochs_without_a_lower_loss():
    settings = TrainingSettings(patience=3)
    losses = [5, 4, 4.5, 4.2, 4.1]
    assert [bool(reason_to_stop(settings, losses[:count])) for count in range(1, 6)] == [False] * 4 + [True]
    assert reason_to_stop(settings, losses) == "no lower validation loss for 3 epochs"
    assert not reason_to_stop(settings, [5, 4, 4.5, 4.2, 3.9])


def test_a_decrease_below_the_least_one_does_not_count():
    settings = TrainingSettings(patience=2, min_delta=0.1)
    assert reason_to_stop(settings, [1.0, 0.95, 0.91])
    assert not reason_to_stop(settings, [1.0, 0.95, 0.89])


def cycles(*ends):
    """Losses of all epochs that have these values at cycle ends and rise in between."""
    return [9.0] + [loss for end in ends for loss in [7.0] * 9 + [end]]


def test_with_cycles_only_their_ends_are_compared():
    settings = TrainingSettings(schedule="cyclic", monitor="cycle_end", patience=3, min_delta=1e-4)
    level = cycles(1.0, 0.5, 0.50005, 0.49999, 0.49998)
    assert [epoch for epoch in range(1, len(level) + 1) if reason_to_stop(settings, level[:epoch])] == [51]
    assert reason_to_stop(settings, level) == "the last 3 decreases from cycle end to cycle end were all below 0.0001"
    assert not reason_to_stop(settings, cycles(1.0, 0.5, 0.4999, 0.4998, 0.4))
    assert not reason_to_stop(settings, cycles(1.0, 1.0, 1.0))  # two decreases are not three
    assert reason_to_stop(replace(settings, monitor="epoch"), level[:20])


def test_training_goes_on_to_the_last_epoch_without_patience_or_validation_rows():
    assert not reason_to_stop(TrainingSettings(patience=None), [1.0] * 50)
    assert not reason_to_stop(TrainingSettings(patience=1), [None] * 50)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"optimizer": "sgd"}, "optimizer 'sgd'"),
        ({"schedule": "linear"}, "schedule 'linear'"),
        ({"loss": "mae"}, "loss 'mae'"),
        ({"monitor": "batch"}, "monitor 'batch'"),
        ({"precision": "int8"}, "precision 'int8'"),
        ({"device": "tpu"}, "device 'tpu'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"batch": 2.5}, "batch is 2.5"),
        ({"patience": 0}, "patience is 0"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"clip": -1.0}, r"clip is -1\.0"),
        ({"seed": -1}, "seed is -1"),
        ({"lowest_rate": 0.1}, "lowest rate 0.1 is above"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused_with_their_value(given, words):
    with pytest.raises(SettingsError, match=words):
        check_training(TrainingSettings(**given))
