"""When memory runs out, fewer rows are worked through at once and the result stays."""

import copy

import numpy as np
import pytest
import torch

from soilcore.core.errors import ModelError
from soilcore.models.torch_device import is_out_of_memory
from soilcore.models.training import train_network
from soilcore.models.training_memory import free_bytes, rows_that_fit
from soilcore.models.training_predict import predict_network
from tests.engine.models.training.tiny import Dense, Greedy, Line, parts, settings, spectra


def both(network, most, **given):
    """The network trained with all rows at once and with few, and the second history."""
    data, target = spectra()
    networks = [Greedy(copy.deepcopy(network), limit) for limit in (10_000, most)]
    histories = [train_network(each, data, target, *parts(80), settings(batch=32, **given)) for each in networks]
    return networks, histories[1]


@pytest.mark.parametrize("loss", ["mse", "rmse", "huber"])
def test_half_batches_make_the_same_steps(loss):
    networks, history = both(Dense(norm=False, dropout=0), 10, loss=loss, clip=1.0)
    for whole, halved in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.allclose(whole, halved, atol=2e-6)
    assert history.batch == 8
    assert [note.split(":")[0] for note in history.notes] == [
        "The memory did not suffice for 32 rows at once",
        "The memory did not suffice for 16 rows at once",
    ]
    assert max(networks[1].seen) <= 8


def test_batch_normalisation_with_fewer_rows_is_said():
    _, history = both(Dense(), 16)
    assert history.notes[0].endswith("Batch normalisation takes its mean and spread from 16 rows then, so the result differs a little.")


def test_a_batch_that_failed_leaves_no_trace_in_the_running_statistics():
    networks, _ = both(Dense(), 16, epochs=1)
    assert int(networks[0].network.body[1].num_batches_tracked) == 2
    assert int(networks[1].network.body[1].num_batches_tracked) == 4  # two batches in two halves; the one that failed is not counted


@pytest.mark.parametrize(("network", "rows"), [(Line(), 1), (Dense(), 2)], ids=["without", "with batch normalisation"])
def test_training_gives_up_when_the_fewest_rows_do_not_fit(network, rows):
    data, target = spectra()
    with pytest.raises(ModelError, match=f"Not even {rows} row.*smaller network"):
        train_network(Greedy(network, rows - 1), data, target, *parts(80), settings())


class Wide(torch.nn.Module):
    """Gives a value that seems to fill terabytes but is one number repeated."""

    def forward(self, values):
        return values[:, :1].expand(len(values), 1 << 40)


class Hungry(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.line, self.wide = Line(), Wide()

    def forward(self, spectrum):
        return self.line(spectrum) + 0 * self.wide(spectrum)[:, 0]


def test_a_network_that_needs_much_begins_with_few_rows():
    data, target = spectra()
    history = train_network(Hungry(), data, target, *parts(80), settings(epochs=1))
    assert history.batch == 1
    assert "did not suffice for 16 rows at once: 1 were" in history.notes[0]


def test_the_rows_that_fit_follow_from_what_the_parts_give():
    data, _ = spectra()
    network = Dense(norm=False)
    per_row = 4 * (4 + 4 * 16 + 1)  # float32: the inputs, four parts of 16 and the head
    for training, factor in ((True, 3.0), (False, 1.5)):
        fitting = rows_that_fit(network, data, np.arange(4), "cpu", training)
        assert fitting == pytest.approx(0.6 * free_bytes("cpu") / (factor * per_row), rel=0.3)
    assert network.training


def test_predictions_do_not_depend_on_the_batch_and_survive_too_little_memory():
    data, _ = spectra()
    network = Dense()
    expected = predict_network(network, data, np.arange(80), "cpu")
    assert expected.shape == (80,)
    assert expected.dtype == np.float32
    for batch in (1, 7, 80):
        assert predict_network(network, data, np.arange(80), "cpu", batch) == pytest.approx(expected, abs=1e-6)
    assert predict_network(Greedy(network, 9), data, np.arange(80), "cpu") == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ModelError, match="Not even one row"):
        predict_network(Greedy(network, 0), data, np.arange(80), "cpu")


def test_prediction_is_in_evaluation_mode_and_leaves_the_network_as_it_was():
    data, _ = spectra()
    network = Dense()
    before = copy.deepcopy(network.state_dict())
    assert network.training
    twice = [predict_network(network, data, [3, 1], "cpu") for _ in range(2)]
    assert np.array_equal(*twice)
    assert network.training
    assert all(torch.equal(values, before[name]) for name, values in network.state_dict().items())
    assert predict_network(network, data, np.arange(5), "cpu", method="features").shape == (5, 16)
    assert len(predict_network(network, data, [], "cpu")) == 0


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 3 GB)"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_too_little_memory(error, expected):
    assert is_out_of_memory(error) is expected


def test_a_request_that_no_computer_can_meet_is_known_as_too_little_memory():
    with pytest.raises(RuntimeError) as error:
        torch.empty(1 << 60)
    assert is_out_of_memory(error.value)
