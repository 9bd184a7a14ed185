"""Training of each network, rows per second: ``python benchmarks/training.py``.

Every network is trained on random rows of its usual shape, batches of 32, by the same loop in several ways that take turns: images with the
channels last in memory, the same with the channels first (NCHW) throughout, and a plain PyTorch loop over a `DataLoader` with the channels
first. On the CPU one thread works and its processor time is counted, so that others at work beside it do not count; the first steps are left
out. Where there is a CUDA device, the GPU follows: float32, mixed precision, and how many times the CPU that is; there the time is the clock's.

With ``--full`` SoilNet of 45 million parameters is trained as well, which takes minutes a round on a CPU.
"""

import argparse
import statistics
import sys
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # the folder of benchmarks itself holds names of other packages

BATCH = 32
WARM_UP = 2  # batches
SPATIAL = {"spectrum": (10,), "indices": (37,), "missing": (37,), "ndvi": (), "window": (9, 65, 65)}
CASES = {  # network: inputs of one row
    "plain CNN": {"image": (10, 65, 65)},
    "soilnet-small": {"image": (14, 32, 32), "climate": (61, 14)},
    "sssoilnet": SPATIAL,
    "sssoilnet-dense": SPATIAL | {"window": (8, 65, 65)},
    "spectra-cnn": {"spectrum": (1764,)},
    "soilnet": {"image": (14, 64, 64), "climate": (61, 14)},
}


def main():
    """Measure every network and print a table per device."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", nargs="+", choices=CASES, help="only these")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, default=8, help="timed in each round")
    parser.add_argument("--full", action="store_true", help="SoilNet with 101 layers too")
    args = parser.parse_args()
    names = args.networks or [name for name in CASES if args.full or name != "soilnet"]
    torch.set_num_threads(1)
    print(f"{'CPU, one thread':18s} {'channels last':>15s} {'channels first':>22s} {'plain loop':>22s}")
    on_cpu = {}
    for name in names:
        measured = rounds(name, {way: {"way": way} for way in ("last", "first", "plain")}, args)
        on_cpu[name] = measured["last"]
        print(f"{name:18s} {measured['last']:10.1f} /s{compared(measured, 'last', 'first')}{compared(measured, 'last', 'plain')}", flush=True)
    if not torch.cuda.is_available():
        print("No CUDA device on this machine: nothing was measured on a GPU.")
        return
    print(f"\n{torch.cuda.get_device_name():18s} {'mixed precision':>15s} {'float32':>22s} {'float32, plain loop':>22s} {'the CPU':>22s}")
    for name in names:
        ways = {"amp": {"precision": "amp"}, "float32": {"precision": "float32"}, "plain": {"way": "plain"}}
        measured = rounds(name, {way: {"device": "cuda", **options} for way, options in ways.items()}, args) | {"cpu": on_cpu[name]}
        others = "".join(compared(measured, "amp", other) for other in ("float32", "plain", "cpu"))
        print(f"{name:18s} {measured['amp']:10.1f} /s{others}", flush=True)


def compared(measured, ours, other):
    """Rows per second of another way, and how many times that ours is."""
    return f" {measured[other]:10.1f} /s ({measured[ours] / measured[other]:4.2f}x)"


def rounds(name, ways, args):
    """Median rows per second of each way; the ways take turns, in reverse order every other round."""
    speeds = {way: [] for way in ways}
    for number in range(args.rounds):
        for way in list(ways)[:: 1 if number % 2 == 0 else -1]:
            speeds[way].append(speed(name, args.batches, **ways[way]))
    return {way: statistics.median(values) for way, values in speeds.items()}


def speed(name, batches, way="last", device="cpu", precision="auto"):
    """Rows per second of one training of one epoch."""
    data, target = rows_of(name, BATCH * (batches + WARM_UP))
    clock = time.process_time if device == "cpu" else time.perf_counter
    stamps = []

    def stamp(*_):
        if device == "cuda":
            torch.cuda.synchronize()
        stamps.append(clock())

    with channels_first(way != "last"):
        network = network_of(name)
        (plain_loop if way == "plain" else our_loop)(network, data, target, device, precision, way == "last", stamp)
    return BATCH * batches / (stamps[WARM_UP + batches - 1] - stamps[WARM_UP - 1])


def our_loop(network, data, target, device, precision, channels_last, stamp):
    """The loop of the product."""
    from soilcore.models.training import train_network
    from soilcore.models.training_settings import TrainingSettings

    settings = TrainingSettings(epochs=1, batch=BATCH, device=device, precision=precision, channels_last=channels_last, threads=1)
    train_network(network, data, target, np.arange(len(target)), (), settings, report=stamp)


def plain_loop(network, data, target, device, precision, channels_last, stamp):
    """The loop anyone would write."""
    names = list(data.arrays)
    tensors = [torch.from_numpy(values) for values in data.arrays.values()]
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors, torch.from_numpy(target)), BATCH, shuffle=True)
    network.to(device).train()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    for *inputs, wanted in loader:
        optimizer.zero_grad()
        outputs = network(**{name: values.to(device) for name, values in zip(names, inputs, strict=True)})
        loss = torch.nn.functional.mse_loss(outputs, wanted.to(device))
        loss.backward()
        optimizer.step()
        loss.item()
        stamp()


@contextmanager
def channels_first(wanted):
    """Inside the block the networks leave images with the channels first; they turn them round themselves otherwise."""
    from soilcore.models.networks import resnet, sssoilnet, sssoilnet_dense

    modules = (resnet, sssoilnet, sssoilnet_dense)
    turned = [module.channels_last for module in modules]
    try:
        for module in modules if wanted else ():
            module.channels_last = lambda image: image
        yield
    finally:
        for module, function in zip(modules, turned, strict=True):
            module.channels_last = function


class RandomRows:
    """Random inputs of as many rows as asked."""

    def __init__(self, arrays):
        self.arrays = arrays

    def batch(self, rows):
        """Some of the rows."""
        return {name: values[rows] for name, values in self.arrays.items()}


def rows_of(name, count):
    """Inputs and target, float32."""
    generator = np.random.default_rng(0)
    arrays = {key: generator.random((count, *shape), dtype=np.float32) for key, shape in CASES[name].items()}
    if "missing" in arrays:
        arrays["missing"][:] = 0
    return RandomRows(arrays), generator.random(count, dtype=np.float32)


class PlainCNN(torch.nn.Module):
    """Three convolutions with pooling and nothing else."""

    def __init__(self, bands=10):
        super().__init__()
        filters = (bands, 16, 32, 64)
        parts = [part for given, out in pairwise(filters) for part in self._block(given, out)]
        self.body, self.head = torch.nn.Sequential(*parts), torch.nn.Linear(filters[-1], 1)

    @staticmethod
    def _block(given, out):
        return torch.nn.Conv2d(given, out, 3, bias=False), torch.nn.BatchNorm2d(out), torch.nn.ReLU(), torch.nn.MaxPool2d(2)

    def forward(self, image):
        """Prediction of shape (n,)."""
        return self.head(self.body(image).mean((2, 3)))[:, 0]


def network_of(name):
    """A network with random weights."""
    from soilcore.models.networks import build_network

    torch.manual_seed(0)
    return PlainCNN() if name == "plain CNN" else build_network(name)


if __name__ == "__main__":
    main()
