"""Numbers as networks want them: scaling of every channel, band, index, climate variable and of the target, learned from training samples alone.

What is scaled is float32, as a map has it; what scales is float64 and rounded once, so that a sample and the pixel under it get the same number.
"""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import ModelError

WILD = 10.0  # standard deviations; an index with a denominator near 0 says no more than "very far"
_ROWS = 32  # windows in memory at a time
_ABOVE = 3.0  # standard deviations that the smallest usual target lies above 0 of a network that gives no negative numbers
_WIDENED = 0.1  # of the range of training targets, on either side


@dataclass(frozen=True)
class Scaled:
    """``(value - shift) / spread`` of each channel.

    Parameters
    ----------
    shift, spread : ndarray of float64, shape (n_channels,)
        The spread is never 0.
    low, high : float
        Limits of the result.
    """

    shift: np.ndarray
    spread: np.ndarray
    low: float = -np.inf
    high: float = np.inf

    def __call__(self, values, axis=-1):
        """Scaled values, float32 of the same shape, 0 where missing.

        Parameters
        ----------
        values : ndarray of float32
        axis : int
            Of the channels.
        """
        shape = [1] * np.ndim(values)
        shape[axis] = -1
        scaled = (np.asarray(values, np.float32) - self.shift.astype(np.float32).reshape(shape)) / self.spread.astype(np.float32).reshape(shape)
        scaled[~np.isfinite(scaled)] = 0.0
        if np.isfinite([self.low, self.high]).any():
            np.clip(scaled, self.low, self.high, out=scaled)
        return scaled

    def to_arrays(self, name):
        """Its numbers as arrays, by name."""
        return {f"{name}.shift": self.shift, f"{name}.spread": self.spread, f"{name}.limits": np.array([self.low, self.high])}

    @classmethod
    def from_arrays(cls, name, arrays):
        """What `to_arrays` gave.

        Raises
        ------
        ModelError
            If numbers are missing or impossible.
        """
        try:
            shift, spread = (np.asarray(arrays[f"{name}.{part}"], float) for part in ("shift", "spread"))
            low, high = np.asarray(arrays[f"{name}.limits"], float)
        except (KeyError, ValueError):
            raise ModelError(f"The model lacks the scaling of its {name}. Take an untouched copy of the folder, or train again.") from None
        if shift.ndim != 1 or shift.shape != spread.shape or not np.isfinite(shift).all() or not (np.isfinite(spread) & (spread > 0)).all():
            raise ModelError(f"The model's scaling of its {name} holds impossible numbers. Take an untouched copy of the folder, or train again.")
        return cls(shift, spread, float(low), float(high))


class Moments:
    """Mean, standard deviation, least and greatest value of each channel, gathered a part at a time; missing values do not count.

    Sums are taken round the first values that come, so that day numbers and elevations lose no digits.
    """

    def __init__(self):
        self.count = None

    def add(self, values, axis=-1):
        """Take one part; channels lie along `axis`."""
        values = np.moveaxis(np.asarray(values, float), axis, 0).reshape(np.shape(values)[axis], -1)
        known = np.isfinite(values)
        if self.count is None:
            channels = len(values)
            first = [row[keep][0] if keep.any() else 0.0 for row, keep in zip(values, known, strict=True)]
            self.count, self.first = np.zeros(channels), np.array(first)
            self.sums, self.squares = np.zeros(channels), np.zeros(channels)
            self.least, self.greatest = np.full(channels, np.inf), np.full(channels, -np.inf)
        apart = np.where(known, values - self.first[:, None], 0.0)
        self.count += known.sum(axis=1)
        self.sums += apart.sum(axis=1)
        self.squares += (apart**2).sum(axis=1)
        self.least = np.minimum(self.least, np.where(known, values, np.inf).min(axis=1))
        self.greatest = np.maximum(self.greatest, np.where(known, values, -np.inf).max(axis=1))

    def standard(self, low=-np.inf, high=np.inf):
        """To mean 0 and standard deviation 1 (ddof 0)."""
        count = np.maximum(self.count, 1)
        mean = self.sums / count
        sd = np.sqrt(np.maximum(self.squares / count - mean**2, 0.0))
        rounding = 1e-7 * np.maximum(np.abs(self.first + mean), 1e-12)  # of float32: a constant channel is told from one that varies
        return Scaled(self.first + mean, np.where(sd > rounding, sd, 1.0), low, high)

    def range(self):
        """To 0-1."""
        known = self.count > 0
        least, greatest = np.where(known, self.least, 0.0), np.where(known, self.greatest, 1.0)
        return Scaled(least, np.where(greatest > least, greatest - least, 1.0))


def in_parts(rows):
    """Slices that together are `rows` rows, few enough for windows."""
    return (slice(start, min(start + _ROWS, rows)) for start in range(0, rows, _ROWS))


def minus_window_mean(values):
    """A layer of windows, float32 of shape (n, rows, columns), less the mean of each window's known values."""
    values = np.asarray(values, np.float32)
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=(1, 2)), 1)
    mean = np.where(known, values, 0.0).sum(axis=(1, 2), dtype=float) / count
    return (values - mean[:, None, None]).astype(np.float32)


@dataclass(frozen=True)
class TargetScale:
    """From the modelling scale of the learner to the numbers a network is trained on, and back.

    Parameters
    ----------
    name : {"linear", "log1p"}
        ``log1p`` is the network's own choice where no target transform was asked for; else everything is linear.
    shift, spread : float
        ``(value - shift) / spread``, after the logarithm.
    smearing : float
        Duan's factor: without a transform the learner promises the mean in the target's own unit, and what comes back from a logarithm is the
        median.
    highest : float
        Targets above are set to it in training; inf for none.
    limits : tuple of float
        Least and largest value that is predicted, on the modelling scale or on the network's own logarithm. Nothing holds a network back beyond
        what it was trained on, and a small step too far on a logarithm is a large one in the target's unit.
    """

    name: str = "linear"
    shift: float = 0.0
    spread: float = 1.0
    smearing: float = 1.0
    highest: float = np.inf
    limits: tuple = (-np.inf, np.inf)

    def forward(self, z):
        """Targets as the network is trained on, float64."""
        z = np.minimum(np.asarray(z, float), self.highest)
        return ((np.log1p(z) if self.name == "log1p" else z) - self.shift) / self.spread

    def logarithm(self, u):
        """What the network gives, without shift and spread."""
        return np.asarray(u, float) * self.spread + self.shift

    def inverse(self, u):
        """What the network gives as values of the learner's modelling scale, within the limits; finite wherever `u` is."""
        values = np.clip(self.logarithm(u), *self.limits)
        return np.exp(np.clip(values, -150.0, 150.0)) * self.smearing - 1.0 if self.name == "log1p" else values

    def to_dict(self):
        """As JSON values."""
        highest = None if np.isinf(self.highest) else self.highest
        limits = None if np.isinf(self.limits).any() else list(self.limits)
        return {"name": self.name, "shift": self.shift, "spread": self.spread, "smearing": self.smearing, "highest": highest, "limits": limits}

    @classmethod
    def from_dict(cls, values):
        """What `to_dict` gave."""
        if values["name"] not in ("linear", "log1p"):
            raise ModelError(f"The model's target is on a scale {values['name']!r} this version does not know.")
        numbers = [float(values[name]) for name in ("shift", "spread", "smearing")]
        low, high = values.get("limits") or (-np.inf, np.inf)
        return cls(values["name"], *numbers, np.inf if values["highest"] is None else float(values["highest"]), (float(low), float(high)))


def target_scale(z, own, *, positive=False, least=None, highest=None):
    """Scale of a target.

    Parameters
    ----------
    z : ndarray of float
        Training targets on the learner's modelling scale.
    own : {"linear", "log1p", "minmax"}
        ``minmax``: 0 to 1 over the range of training, or from `least` to `highest`.
    positive : bool
        Whether the network gives no negative numbers. Then log1p stays as it is (Huber's delta of 1 is one unit of log1p), and other scales
        start three standard deviations below the mean.
    least, highest : float, optional

    Returns
    -------
    TargetScale
    """
    if own == "minmax":
        low, high = float(np.min(z)) if least is None else least, float(np.max(z)) if highest is None else highest
        return TargetScale("linear", low, high - low if high > low else 1.0, highest=np.inf if highest is None else highest, limits=_limits(z))
    values = np.log1p(z) if own == "log1p" else z
    mean, sd = float(np.mean(values)), float(np.std(values)) or 1.0
    name = "log1p" if own == "log1p" else "linear"
    if positive and own == "log1p":
        return TargetScale(name, limits=_limits(values))
    return TargetScale(name, mean - _ABOVE * sd if positive else mean, sd, limits=_limits(values))


def _limits(values):
    """Range of the training targets, a little widened: the extremes of a place are seldom among its samples."""
    low, high = float(np.min(values)), float(np.max(values))
    return low - _WIDENED * (high - low), high + _WIDENED * (high - low)
