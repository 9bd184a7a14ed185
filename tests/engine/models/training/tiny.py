"""Tiny networks and data on which training takes milliseconds."""

import numpy as np
import torch

from soilcore.models.training_settings import TrainingSettings


class Rows:
    """Inputs of all rows in arrays; counts what was asked for."""

    def __init__(self, **arrays):
        self.arrays = {name: np.asarray(values, np.float32) for name, values in arrays.items()}
        self.asked = []

    def batch(self, rows):
        self.asked.append(len(rows))
        return {name: values[rows] for name, values in self.arrays.items()}


class Line(torch.nn.Module):
    """A linear model: its training can be followed by hand."""

    def __init__(self, width=4, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.linear = torch.nn.Linear(width, 1)

    def forward(self, spectrum):
        return self.linear(spectrum)[:, 0]


class Dense(torch.nn.Module):
    """Two layers, with batch normalisation and dropout if wished."""

    def __init__(self, width=4, norm=True, dropout=0.2, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.body = torch.nn.Sequential(
            torch.nn.Linear(width, 16, bias=not norm),
            torch.nn.BatchNorm1d(16) if norm else torch.nn.Identity(),
            torch.nn.ReLU(),
            torch.nn.Dropout(dropout),
        )
        self.head = torch.nn.Linear(16, 1)

    def features(self, spectrum):
        return self.body(spectrum)

    def forward(self, spectrum):
        return self.head(self.features(spectrum))[:, 0]


class Images(torch.nn.Module):
    """A small convolutional network."""

    def __init__(self, channels=3, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.first = torch.nn.Conv2d(channels, 8, 3, bias=False)
        self.norm = torch.nn.BatchNorm2d(8)
        self.second = torch.nn.Conv2d(8, 8, 3)
        self.head = torch.nn.Linear(8, 1)
        self.layout = None

    def forward(self, image):
        self.layout = image.is_contiguous(memory_format=torch.channels_last)
        values = torch.relu(self.norm(self.first(image)))
        return self.head(torch.relu(self.second(values)).mean((2, 3)))[:, 0]


class Greedy(torch.nn.Module):
    """Another network that runs out of memory above some number of rows, after its own forward pass."""

    def __init__(self, network, most):
        super().__init__()
        self.network, self.most = network, most
        self.seen = []

    def forward(self, **inputs):
        outputs = self.network(**inputs)
        if len(outputs) > self.most:
            raise torch.OutOfMemoryError(f"CUDA out of memory: {len(outputs)} rows")
        self.seen.append(len(outputs))
        return outputs


def spectra(count=80, seed=0):
    """Rows and a target that is linear in them, with a little noise."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(count, 4))
    return Rows(spectrum=values), values @ [1.0, -2.0, 0.5, 0.0] + 0.1 * generator.normal(size=count)


def images(count=48, seed=0):
    """Small images and a target that is their mean brightness."""
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(count, 3, 9, 9)) + generator.normal(size=(count, 1, 1, 1))
    return Rows(image=values), values.mean((1, 2, 3))


def parts(count, validation=16):
    """Training and validation rows."""
    return np.arange(count - validation), np.arange(count - validation, count)


def settings(**given):
    """A short training on one thread."""
    return TrainingSettings(**({"epochs": 4, "batch": 16, "learning_rate": 1e-2, "device": "cpu", "threads": 1} | given))


def bits(network):
    """All weights and running statistics as bytes."""
    return {name: values.contiguous().numpy().tobytes() for name, values in network.state_dict().items()}


def course(history):
    """The rows of a history without the seconds."""
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history.rows]
