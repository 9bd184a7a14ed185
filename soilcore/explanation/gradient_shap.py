"""How much each input of a network carried its prediction away from what training samples give: GradientShap, by Captum.

For an input x, baselines b drawn from a set and a from 0 to 1 uniformly, the attribution is the mean of (x - b) times the gradient at b + a (x - b).
For a linear network it is the weight times (x - b); for every network the attributions of one sample add up, but for noise of the draws, to its
prediction less the mean prediction of the baselines.

All draws are made in two halves with different random numbers and different baselines. What the halves do not agree on is noise.

References
----------
Lundberg and Lee (2017), Advances in Neural Information Processing Systems 30; Erion et al. (2021), Nature Machine Intelligence 3, 620-631, doi
10.1038/s42256-021-00343-w (expected gradients); Kokhlikyan et al. (2020), arXiv 2009.07896 (Captum). Departs from Captum: the inputs of one draw have
one baseline sample in common, where Captum takes the spectrum of one sample and the climate of another.
"""

from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from soilcore.core.errors import ModelError, NotAvailableError, SettingsError
from soilcore.core.progress import silent

DRAWS = 50
BASELINES = 100
_AT_ONCE = 128  # rows that the network sees at a time: fixed, so that the draws do not depend on the memory; more are slower on a CPU
_AT_ONCE_OF_WINDOWS = 32
_WINDOW = 10_000  # values of one row
_NO_CAPTUM = "Attributions of networks need the package captum. Install it with: pip install captum"
_EXPECTED = 16  # baselines that the expected prediction is taken over where other inputs differ between samples


@dataclass(frozen=True)
class Attribution:
    """Attributions of some samples.

    Parameters
    ----------
    halves : dict of str to ndarray of float32, shape (2, n_samples, ...)
        By input of the network, from two independent halves of the draws.
    predicted : ndarray of float, shape (n_samples,)
        What the network gives.
    expected : ndarray of float, shape (n_samples,)
        Mean of what it gives for the baselines, other inputs being the sample's own.
    draws, baselines : int
        Of both halves together.
    notes : tuple of str
    """

    halves: dict
    predicted: np.ndarray
    expected: np.ndarray
    draws: int
    baselines: int
    notes: tuple[str, ...] = field(default=())

    def values(self, name):
        """Attributions to one input, shape (n_samples, ...)."""
        return self.halves[name].mean(axis=0)

    @property
    def gap(self):
        """What the attributions of each sample add up to, less its prediction, plus what is expected; shape (n_samples,). Falls with the draws."""
        total = sum(self.values(name).reshape(len(self.predicted), -1).sum(axis=1, dtype=float) for name in self.halves)
        return total - (self.predicted - self.expected)

    def times(self, factor):
        """The same on another linear scale of the prediction."""
        halves = {name: values * np.float32(factor) for name, values in self.halves.items()}
        return Attribution(halves, self.predicted * factor, self.expected * factor, self.draws, self.baselines, self.notes)


def gradient_shap(network, data, baselines, explained, *, draws=DRAWS, seed=0, reduce=None, device="cpu", threads=2, same_draws=False, report=silent):
    """Attributions of a network's inputs at some samples.

    Parameters
    ----------
    network : torch.nn.Module
        Gives one number per row from inputs by name; left as it was.
    data : object
        ``len(data)`` samples, ``batch(rows)`` their inputs as dict of str to float32 array.
    baselines : dict of str to ndarray of float32, shape (n_baselines, ...)
        Of the explained inputs, scaled as `data`: training samples, at least 2. The first half serves one half of the draws.
    explained : tuple of str
        Inputs that attributions are wanted of; all others stay as they are at the sample.
    draws : int
        Per sample, at least 2; 50 or more for maps that can be read.
    seed : int
    reduce : dict of str to callable, optional
        By input: what is kept of its attributions, float32 array of shape (n, ...) to one of fewer values, such as the sum over the cells of a window.
    device : {"cpu", "cuda", "mps"}
    threads : int
        Most CPU threads.
    same_draws : bool
        Whether every sample is explained from the draws that it would get alone, and so from the same ones as all others: for the pixels of a map, where
        the noise of draws of their own would look like a pattern of the land, and where no number may depend on the pixels beside it.
    report : Report
        May raise Stopped.

    Returns
    -------
    Attribution

    Raises
    ------
    SettingsError
        With fewer than 2 draws or 2 baselines.
    ModelError
        If the attributions are no finite numbers, or not one sample fits into the memory.
    NotAvailableError
        If Captum is not installed.
    """
    from soilcore.models.torch_device import free_memory, own_randomness, torch_threads

    _check(draws, baselines, explained)
    home, was_training = next(network.parameters()).device, network.training
    wanted = [parameter.requires_grad for parameter in network.parameters()]
    with torch_threads(threads), own_randomness(device), _without_cudnn():
        network.to(device).eval().requires_grad_(False)
        try:
            function = _Explained(network, explained, device)
            return _attributed(function, data, baselines, _Draws(draws, seed, same_draws), reduce or {}, report)
        finally:
            for parameter, one in zip(network.parameters(), wanted, strict=True):
                parameter.requires_grad_(one)
            network.to(home).train(was_training)
            if home.type != device:
                free_memory(device)


class _Explained:
    """A network as a function of one flat tensor of the explained inputs, so that all of them go along one path to one baseline."""

    def __init__(self, network, explained, device):
        self.network, self.names, self.device, self.shapes = network, tuple(explained), device, None
        self.expected = {}  # mean prediction of the baselines by the inputs that stay

    def flat(self, batch):
        """Explained inputs of some rows as one tensor (n, values)."""
        import torch

        if missing := [name for name in self.names if name not in batch]:
            raise SettingsError(f"The network reads no input {missing[0]!r}. It reads {', '.join(batch)}.")
        self.shapes = [np.shape(batch[name])[1:] for name in self.names]
        parts = [np.asarray(batch[name], np.float32).reshape(len(batch[name]), -1) for name in self.names]
        return torch.from_numpy(np.concatenate(parts, axis=1)).to(self.device)

    def other(self, batch):
        """The inputs that stay, as tensors in the order of their names."""
        import torch

        self.kept = tuple(name for name in batch if name not in self.names)
        return tuple(torch.from_numpy(np.ascontiguousarray(batch[name], np.float32)).to(self.device) for name in self.kept)

    def __call__(self, flat, *others):
        """Predictions (n,) of flat inputs (n, values)."""
        inputs, start = dict(zip(self.kept, others, strict=True)), 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            size = int(np.prod(shape))
            inputs[name] = flat[:, start : start + size].reshape(len(flat), *shape)
            start += size
        return self.network(**inputs).reshape(-1)

    def parted(self, flat):
        """Flat attributions by input."""
        parts, start = {}, 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            size = int(np.prod(shape))
            parts[name] = flat[:, start : start + size].reshape(len(flat), *shape)
            start += size
        return parts


@dataclass(frozen=True)
class _Draws:
    """How many draws each half has, and what they follow from."""

    count: int
    seed: int
    same: bool = False

    def half(self, number):
        return self.count - self.count // 2 if number else self.count // 2


def _attributed(function, data, baselines, draws, reduce, report):
    n = len(data)
    pools = _two_pools(function.flat(baselines))
    found, predicted, expected, notes = [{}, {}], np.empty(n), np.empty(n), []
    at_once, start = _samples_at_once(data, draws.half(1)) if n else 1, 0
    while start < n:
        report(start, n, f"attributions of {start} of {n} samples")
        rows = np.arange(start, min(start + at_once, n))
        made = _of_rows(function, data.batch(rows), pools, draws, start)
        if made is None:
            at_once = _fewer(at_once, len(rows), function.device)
            notes = [f"Memory ran out; the samples were taken {at_once} at a time."]
            continue
        parts, predicted[rows], expected[rows] = made
        for half in range(2):
            for name, values in function.parted(parts[half]).items():
                found[half].setdefault(name, []).append(reduce.get(name, _as_is)(values))
        start = int(rows[-1]) + 1
    report(n, n, "attributions")
    halves = {name: np.stack([np.concatenate(found[half][name]) for half in range(2)]) for name in function.names} if n else {}
    if not all(np.isfinite(values).all() for values in halves.values()):
        raise ModelError("The network's gradients are no finite numbers at some samples. Train it again at a lower learning rate.")
    return Attribution(halves, predicted, expected, draws.count, sum(len(pool) for pool in pools), tuple(notes))


def _of_rows(function, batch, pools, draws, start):
    """Attributions (two arrays), predictions and expected predictions of some samples; None when memory ran out."""
    import torch

    from soilcore.models.torch_device import memory_may_run_out

    inputs, others = function.flat(batch), function.other(batch)
    with memory_may_run_out():
        way = _half_of_same_draws if draws.same else _half
        parts = [way(function, inputs, others, pools[half], draws.half(half), [draws.seed, 0 if draws.same else start, half]) for half in range(2)]
        with torch.no_grad():
            predicted = function(inputs, *others).double().cpu().numpy()
            expected = _expected(function, inputs, others, pools)
        return parts, predicted, expected
    return None


def _half(function, inputs, others, pool, draws, seed):
    """Attributions of some samples by half of the draws, float32 of shape (n, values)."""
    try:
        from captum.attr import GradientShap
    except ImportError:
        raise NotAvailableError(_NO_CAPTUM) from None
    with _drawn_by(seed):
        found = GradientShap(function).attribute(inputs, baselines=pool, n_samples=draws, stdevs=0.0, additional_forward_args=others or None)
    return found.detach().float().cpu().numpy()


def _half_of_same_draws(function, inputs, others, pool, draws, seed):
    """As `_half`, for every sample as if it were alone; the gradients are Captum's, the draws those that it would make for one sample."""
    import torch

    try:
        from captum.attr import Saliency
    except ImportError:
        raise NotAvailableError(_NO_CAPTUM) from None
    with _drawn_by(seed):
        picked = np.random.choice(len(pool), draws)  # noqa: NPY002
        along = np.random.uniform(0.0, 1.0, draws)  # noqa: NPY002
    ends = inputs.repeat_interleave(draws, dim=0)
    starts = pool[torch.from_numpy(picked).to(pool.device)].repeat(len(inputs), 1)
    along = torch.from_numpy(along).to(pool).repeat(len(inputs))[:, None]
    points = along * ends + (1.0 - along) * starts
    kept = tuple(other.repeat_interleave(draws, dim=0) for other in others) or None
    slopes = Saliency(function).attribute(points.requires_grad_(), abs=False, additional_forward_args=kept)
    found = (slopes * (ends - starts)).reshape(len(inputs), draws, -1).mean(dim=1)
    return found.detach().float().cpu().numpy()


def _expected(function, inputs, others, pools):
    """Mean prediction of the baselines; of all of them, and once for all samples, where the inputs that stay are the same in all samples."""
    import torch

    if any(bool((other != other[:1]).any()) for other in others):
        pool = torch.cat([part[:: max(1, len(part) * 2 // _EXPECTED)][: _EXPECTED // 2] for part in pools])
        total = torch.zeros(len(inputs), dtype=torch.float64, device=inputs.device if inputs.device.type != "mps" else "cpu")
        for baseline in pool:
            total += function(baseline.expand_as(inputs), *others).to(total)
        return (total / len(pool)).cpu().numpy()
    key = b"".join(other[:1].cpu().numpy().tobytes() for other in others)
    if key not in function.expected:
        # halves weigh the same, whatever their pools hold
        means = [function(pool, *(other[:1].expand(len(pool), *other.shape[1:]) for other in others)).double().mean().item() for pool in pools]
        function.expected[key] = float(np.mean(means))
    return function.expected[key]


def _two_pools(baselines):
    """Baselines of the two halves: different ones where there are enough."""
    if len(baselines) < 4:
        return baselines, baselines
    return baselines[: len(baselines) // 2], baselines[len(baselines) // 2 :]


def _samples_at_once(data, draws):
    values = sum(array[0].size for array in data.batch(np.arange(1)).values())
    return max(1, (_AT_ONCE_OF_WINDOWS if values > _WINDOW else _AT_ONCE) // draws)


def _as_is(values):
    return values


def _fewer(at_once, now, device):
    from soilcore.models.torch_device import free_memory

    free_memory(device)
    fewer = min(at_once, now) // 2
    if not fewer:
        raise ModelError(
            f"Not one sample with its draws fits into the memory of the {device.upper()}. Ask for fewer draws, or use the CPU (device cpu)."
        )
    return fewer


def _check(draws, baselines, explained):
    if draws < 2:
        raise SettingsError(f"Attributions need at least 2 draws per sample, for two halves; got {draws}. Take {DRAWS}.")
    if not explained:
        raise SettingsError("Name at least one input of the network to explain.")
    counts = {len(baselines[name]) for name in explained if name in baselines}
    if len(counts) != 1 or counts.pop() < 2:
        raise SettingsError("Attributions need at least 2 training samples as baselines, the same ones for all inputs.")


@contextmanager
def _drawn_by(seed):
    """Captum draws from the generator that all of NumPy shares: seed it, and put its state back."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(np.random.SeedSequence(seed).generate_state(4))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


@contextmanager
def _without_cudnn():
    """Recurrent networks have no gradient in evaluation mode under cuDNN."""
    import torch

    with torch.backends.cudnn.flags(enabled=False):
        yield
