"""One loop for every network: it learns, repeats, stops early, and says what it did."""

import copy
import gc
import json

import numpy as np
import pytest
import torch

from soilcore.core.errors import ModelError, SettingsError, Stopped
from soilcore.core.files import plain
from soilcore.models.training import train_network
from soilcore.models.training_batches import batch_rows, in_order, pieces
from soilcore.models.training_history import History
from soilcore.models.training_predict import predict_network
from tests.engine.models.training.tiny import Dense, Greedy, Images, Line, Rows, bits, course, images, parts, settings, spectra


def trained(network, table=None, **given):
    """A network after training on the tiny spectra, and its history."""
    data, target = table or spectra()
    hooks = {name: given.pop(name) for name in ("augment", "groups", "row_loss", "report", "name", "validation") if name in given}
    train, validation = parts(len(target))
    history = train_network(network, data, target, train, hooks.pop("validation", validation), settings(**given), **hooks)
    return network, history


def test_a_network_learns_and_predicts():
    data, target = spectra()
    network, history = trained(Dense(dropout=0), epochs=25, learning_rate=3e-2)
    predicted = predict_network(network, data, np.arange(80), "cpu")
    assert np.corrcoef(predicted[64:], target[64:])[0, 1] > 0.95
    assert history.rows[-1]["loss"] < 0.2 * history.rows[0]["loss"]
    assert [row["epoch"] for row in history.rows] == list(range(1, 26))
    assert history.stopped == "all 25 epochs were done"
    assert (history.device, history.precision, history.batch, history.notes) == ("cpu", "float32", 16, ())


def test_eight_samples_are_learnt_by_heart():
    data, target = spectra(8)
    network = Dense(norm=False, dropout=0)
    history = train_network(
        network, data, target, np.arange(8), [], settings(epochs=150, learning_rate=3e-2, loss="rmse", batch=8, schedule="cosine")
    )
    assert history.rows[-1]["loss"] < 0.05 < history.rows[0]["loss"] / 20
    assert history.rows[-1]["validation_loss"] is None
    assert history.best_epoch == 150


def test_a_step_is_that_of_the_library():
    """Adam with gradient clipping and the root of the mean square, written out."""
    data, target = spectra(32)
    network = Line()
    by_hand = copy.deepcopy(network)
    optimizer = torch.optim.Adam(by_hand.parameters(), 1e-2, weight_decay=0.1)
    values, wanted = torch.tensor(data.arrays["spectrum"]), torch.tensor(target, dtype=torch.float32)
    for _ in range(3):
        optimizer.zero_grad()
        torch.sqrt(torch.nn.functional.mse_loss(by_hand(values), wanted)).backward()
        torch.nn.utils.clip_grad_norm_(by_hand.parameters(), 0.5)
        optimizer.step()
    train_network(network, data, target, np.arange(32), [], settings(epochs=3, batch=32, loss="rmse", clip=0.5, weight_decay=0.1))
    for ours, theirs in zip(network.parameters(), by_hand.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(threads):
    torch.set_num_threads(threads)

    def flipped(batch, generator):
        return {"spectrum": batch["spectrum"] + generator.normal(0, 0.05, batch["spectrum"].shape).astype(np.float32)}

    (one, first), (two, second), (other, _) = (trained(Dense(), augment=flipped, seed=seed, threads=threads) for seed in (3, 3, 4))
    assert bits(one) == bits(two)
    assert course(first) == course(second)
    assert bits(one) != bits(other)


def test_randomness_elsewhere_is_neither_used_nor_disturbed():
    torch.manual_seed(11)
    expected = torch.rand(3)
    network = Dense()
    torch.manual_seed(11)
    first, _ = trained(copy.deepcopy(network))
    assert torch.equal(torch.rand(3), expected)
    second, _ = trained(copy.deepcopy(network))
    assert bits(first) == bits(second)


def test_the_best_weights_come_back_and_the_last_on_request():
    data, target = spectra()
    train, validation = parts(80)
    for restore in (True, False):
        network = Dense()
        history = train_network(network, data, target, train, validation, settings(epochs=12, learning_rate=0.3, restore_best=restore))
        losses = [row["validation_loss"] for row in history.rows]
        assert history.best_epoch == 1 + int(np.argmin(losses)) < 12
        given = np.mean((predict_network(network, data, validation, "cpu") - target[validation]) ** 2)
        assert given == pytest.approx(min(losses) if restore else losses[-1], rel=1e-4)


def test_training_stops_early_and_says_why():
    _, history = trained(Dense(), epochs=200, learning_rate=0.3, patience=4)
    assert len(history.rows) == history.best_epoch + 4
    assert history.stopped == "no lower validation loss for 4 epochs"


def test_training_stops_when_cycle_ends_level_out():
    given = {"schedule": "cyclic", "half_cycle": 1, "monitor": "cycle_end", "patience": 3, "min_delta": 10.0}
    _, history = trained(Dense(), epochs=50, **given)
    assert len(history.rows) == 9  # ends after 3, 5, 7 and 9 epochs: three decreases
    assert "3 decreases" in history.stopped
    assert [row["learning_rate"] for row in history.rows[:3]] == pytest.approx([3e-4, 1e-2, 3e-4])


def test_validation_losses_are_kept_per_group():
    data, target = spectra()
    labels = np.array(["sand", "clay"])[(np.arange(80) % 3 == 0).astype(int)]
    network, history = trained(Dense(), groups=labels, restore_best=False, loss="rmse")
    validation = parts(80)[1]
    residuals = predict_network(network, data, validation, "cpu") - target[validation]
    for label in ("sand", "clay"):
        expected = np.sqrt(np.mean(residuals[labels[validation] == label] ** 2))
        assert history.rows[-1]["group_losses"][label] == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_an_epoch_is_pooled_over_rows_not_averaged_over_batches():
    data, target = spectra(40)
    history = train_network(Line(), data, target, np.arange(36), np.arange(36, 40), settings(epochs=1, learning_rate=1e-9, loss="rmse", batch=16))
    residuals = predict_network(Line(), data, np.arange(40), "cpu") - target
    assert history.rows[0]["loss"] == pytest.approx(np.sqrt(np.mean(residuals[:36] ** 2)), rel=1e-4)
    assert history.rows[0]["validation_loss"] == pytest.approx(np.sqrt(np.mean(residuals[36:] ** 2)), rel=1e-4)


def test_augmentation_touches_training_batches_only():
    seen = []

    def count(batch, generator):
        seen.append((len(batch["spectrum"]), float(generator.random())))
        return batch

    trained(Dense(), augment=count, epochs=2)
    assert [size for size, _ in seen] == [16] * 8
    assert len({draw for _, draw in seen}) == 8


@pytest.mark.parametrize("rows", [17, 33])
def test_a_single_row_left_over_does_not_break_batch_normalisation(rows):
    data, target = spectra(rows + 4)
    history = train_network(Dense(), data, target, np.arange(rows), np.arange(rows, rows + 4), settings(epochs=2))
    assert len(history.rows) == 2


def test_batches_hold_every_row_once_in_a_new_order_each_epoch():
    rows = np.arange(100, 133)
    first, second = (batch_rows(rows, 16, 0, epoch) for epoch in (0, 1))
    assert [len(batch) for batch in first] == [16, 9, 8]
    assert sorted(np.concatenate(first)) == sorted(np.concatenate(second)) == list(rows)
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))
    assert [len(batch) for batch in batch_rows(rows, 1, 0, 0)] == [1] * 33


@pytest.mark.parametrize("count", [1, 2, 3, 5, 31, 32])
@pytest.mark.parametrize("size", [1, 2, 3, 8, 64])
def test_pieces_cover_a_batch_and_none_is_too_short(count, size):
    lengths = [piece.stop - piece.start for piece in pieces(count, size, 2)]
    assert sum(lengths) == count
    assert min(lengths) >= min(2, count)
    assert max(lengths) <= max(size + 1, 3)


def test_channels_last_gives_the_same_network_and_leaves_it_in_the_usual_layout():
    data, target = images()
    train, validation = parts(48)
    networks = []
    for channels_last in (True, False):
        network = Images()
        train_network(network, data, target, train, validation, settings(epochs=3, channels_last=channels_last))
        assert network.layout is channels_last
        assert all(values.is_contiguous() for values in network.state_dict().values())
        networks.append(network)
    first, second = (predict_network(network, data, validation, "cpu") for network in networks)
    assert first == pytest.approx(second, abs=1e-3)


def test_a_loss_per_row_may_be_given():
    network, history = trained(Dense(), row_loss=lambda outputs, target: (outputs - 7.0).abs(), epochs=25, learning_rate=0.1, validation=[])
    assert history.rows[-1]["loss"] < 2
    assert predict_network(network, spectra()[0], np.arange(80), "cpu").mean() == pytest.approx(7, abs=1.5)


def test_a_listener_hears_every_batch_and_one_row_per_epoch():
    class Listener:
        def __init__(self):
            self.calls, self.rows = [], []

        def __call__(self, done, total, message):
            self.calls.append((done, total, message))

        def row(self, values):
            self.rows.append(values)

    listener = Listener()
    _, history = trained(Dense(), epochs=3, report=listener, name="soilnet 1 of 2")
    done = [call[0] for call in listener.calls]
    assert done == sorted(done)
    assert len(done) == 3 * 4 + 1
    assert listener.calls[-1][:2] == (3, 3)
    assert listener.calls[5][2].startswith("Epoch 2 of 3, validation loss")
    assert [row["epoch"] for row in listener.rows] == [1, 2, 3]
    assert listener.rows[0] | history.rows[0] == listener.rows[0]
    assert {"kind", "fit", "epochs", "device"} <= set(listener.rows[0])
    assert listener.rows[0]["fit"] == "soilnet 1 of 2"


def test_stopping_passes_at_once_and_leaves_nothing_behind():
    asked = []

    def stop(done, total, message):
        asked.append(done)
        if done > 1.3:
            raise Stopped

    network, threads, chance = Dense(), torch.get_num_threads(), torch.get_rng_state()
    network.eval()
    with pytest.raises(Stopped) as held:
        trained(network, report=stop)
    assert asked[-1] == 1.5
    assert held.value is not None  # still held here: what lies on the device must not wait for it
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is torch.optim.Adam]
    assert all(weight.grad is None for weight in network.parameters())
    assert not network.training
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), chance)


def test_at_most_two_threads_are_used_and_the_number_before_is_put_back():
    seen = []
    torch.set_num_threads(3)
    trained(Line(), threads=2, epochs=1, report=lambda *_: seen.append(torch.get_num_threads()))
    assert set(seen[:-1]) == {2}
    assert torch.get_num_threads() == 3


def test_an_absent_device_is_said_and_the_cpu_used():
    if torch.backends.mps.is_available():
        pytest.skip("this machine has an MPS device")
    _, history = trained(Line(), device="mps", precision="amp")
    assert history.device == "cpu"
    assert history.precision == "float32"
    assert "MPS" in history.notes[0]
    assert "the CPU was used" in history.notes[0]
    assert history.notes[1] == "Mixed precision pays on CUDA only; the CPU computed in float32."


def test_the_repeatable_option_is_put_back():
    _, history = trained(Images(), table=images(), deterministic=True)
    assert not torch.are_deterministic_algorithms_enabled()
    assert history.notes == ()


def test_an_undefined_loss_stops_with_advice():
    with pytest.raises(ModelError, match=r"loss is undefined .*learning rate of 1e\+30.*ten times lower.*scaled"):
        trained(Dense(norm=False), learning_rate=1e30, epochs=50)


def test_undefined_inputs_are_named_instead_of_the_rate():
    data, target = spectra()
    data.arrays["spectrum"][5, 2] = np.nan
    with pytest.raises(ModelError, match="input 'spectrum' has undefined values"):
        trained(Dense(), table=(data, target))


def test_undefined_validation_inputs_are_said_too():
    data, target = spectra()
    data.arrays["spectrum"][79] = np.inf
    with pytest.raises(ModelError, match="validation loss is undefined after epoch 1"):
        trained(Dense(), table=(data, target))


def test_undefined_targets_and_too_few_rows_are_refused():
    data, target = spectra()
    target[3] = np.nan
    with pytest.raises(ModelError, match="1 of 80 targets"):
        trained(Dense(), table=(data, target))
    with pytest.raises(ModelError, match="at least 2 training rows, got 1"):
        train_network(Dense(), *spectra(), [4], [], settings())
    with pytest.raises(SettingsError, match="loss 'mae'"):
        trained(Dense(), loss="mae")


def test_errors_of_a_network_that_are_not_about_memory_pass_unchanged():
    data = Rows(spectrum=np.zeros((20, 7)))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        train_network(Line(), data, np.zeros(20), np.arange(20), [], settings())


def test_a_history_survives_json():
    _, history = trained(Dense(), groups=np.arange(80) % 2)
    assert History.from_dict(json.loads(json.dumps(plain(history.to_dict())))) == history
    assert history.seconds == pytest.approx(sum(row["seconds"] for row in history.rows))


def test_the_next_batch_is_made_while_the_present_one_is_used():
    made = []

    def make(item):
        made.append(item)
        return 10 * item

    for ahead in (True, False):
        made.clear()
        assert list(in_order(make, range(5), ahead=ahead)) == [0, 10, 20, 30, 40]
        assert made == list(range(5))
    assert list(in_order(make, [], ahead=True)) == []

    def fail(item):
        raise Stopped

    with pytest.raises(Stopped):
        list(in_order(fail, range(3), ahead=True))


def test_a_network_inside_another_is_trained_too():
    network = Greedy(Dense(), most=100)
    _, history = trained(network)
    assert history.notes == ()
    assert set(network.seen) >= {16}
