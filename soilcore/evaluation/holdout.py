"""Splits into training, validation and test drawn for several seeds, and one that others drew: how spectral libraries are scored."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SampleError, SettingsError
from soilcore.evaluation.group_columns import rows_named

SCHEMES = {"holdout": "80/10/10", "sequential": "81/9/10"}
FEWEST = 10  # samples; below, a tenth is none
_TRAINS = {"1", "true", "yes", "train", "training", "cal", "calibration", "calib", "t", "y"}
_VALIDATES = {"val", "valid", "validation", "dev"}
_TESTS = {"0", "false", "no", "test", "testing", "prediction", "pred", "f", "n", "2"}


@dataclass(frozen=True)
class Holdout:
    """One division of samples.

    Parameters
    ----------
    train, validation, test : ndarray of int
        Positions, ascending; every sample is in one of them. `validation` may be empty.
    seed : int
        Number of the draw, from 0.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    seed: int = 0

    @property
    def seen(self):
        """What a model may know: training and validation."""
        return np.sort(np.concatenate([self.train, self.validation]))


def draw_holdouts(n, scheme="holdout", count=5, *, seed=0, groups=None):
    """Divide samples anew for every seed.

    Parameters
    ----------
    n : int
        Number of samples.
    scheme : {"holdout", "sequential"}
        80/10/10, or two successive cuts of a tenth (rounded up), which leave 81/9/10.
    count : int
        Number of divisions.
    seed : int
        They all derive from it.
    groups : ndarray of int, shape (n,), optional
        Kept whole; the shares then hold about.

    Returns
    -------
    list of Holdout

    Raises
    ------
    SettingsError
        If the scheme is unknown or the number of divisions below 1.
    SampleError
        If there are too few samples or groups.

    References
    ----------
    Albinet et al. 2022 state 80/10/10; their code cuts twice, which is 81/9/10.
    """
    if scheme not in SCHEMES:
        raise SettingsError(f"There is no split {scheme!r}. Known: {', '.join(SCHEMES)}.")
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise SettingsError(f"The number of seeds must be a whole number of at least 1; got {count!r}.")
    units = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    if n < FEWEST or units.max(initial=0) + 1 < FEWEST:
        what = f"{n} samples" if groups is None else f"{int(units.max(initial=-1)) + 1} groups"
        raise SampleError(f"{what} cannot be divided into training, validation and test; at least {FEWEST} are needed. Use folds (--cv random).")
    return [_draw(n, scheme, units, generator, number) for number, generator in enumerate(np.random.default_rng(seed).spawn(count))]


def _draw(n, scheme, units, generator, number):
    order = generator.permutation(int(units.max()) + 1)
    place = np.argsort(order)[units]  # every unit's place in a random order
    by_place = np.argsort(place, kind="stable")
    if scheme == "sequential":
        tests = -(-n // 10)
        validates = -(-(n - tests) // 10)
    else:
        tests = validates = max(1, round(n / 10))
    first = _whole_units(place[by_place], tests)
    second = _whole_units(place[by_place], first + validates, after=first)
    return Holdout(np.sort(by_place[second:]), np.sort(by_place[first:second]), np.sort(by_place[:first]), number)


def _whole_units(places, wanted, after=0):
    """The cut nearest to so many samples that divides no unit; at least one unit before it, after the cut before."""
    ends = np.flatnonzero(np.diff(places, append=places[-1] + 1)) + 1
    ends = ends[ends > after]
    return int(ends[np.argmin(np.abs(ends - wanted))])


def published_split(values, column):
    """The division a column tells: a training flag, or names such as train, validation, test.

    Parameters
    ----------
    values : pandas.Series of n samples
    column : str

    Returns
    -------
    Holdout

    Raises
    ------
    SampleError
        If a value says neither, or there is nothing to train or to test on.
    """
    words = np.array([_word(value) for value in values])
    known = {**dict.fromkeys(_TRAINS, 0), **dict.fromkeys(_VALIDATES, 1), **dict.fromkeys(_TESTS, 2)}
    wrong = np.array([word not in known for word in words])
    if wrong.any():
        raise SampleError(
            f"Column {column!r} should say which samples train (1, true, train), but holds {str(values[wrong].iloc[0])!r} in {rows_named(values, wrong)}. "
            f"Name a training flag, or use --cv folds:{column} for numbered folds."
        )
    parts = np.array([known[word] for word in words])
    train, validation, test = (np.flatnonzero(parts == part) for part in range(3))
    if train.size < FEWEST or not test.size:
        raise SampleError(f"By column {column!r} {train.size} samples train and {test.size} test; at least {FEWEST} and 1 are needed.")
    return Holdout(train, validation, test)


def is_training_flag(values):
    """Whether a column is a flag of training and test (0/1, true/false, or words), not numbers of folds.

    Numbers count only where they are 0 and 1.
    """
    words = {_word(value) for value in values}
    return len(words) in (2, 3) and words <= _TRAINS | _TESTS | _VALIDATES and bool(words & _TRAINS) and bool(words & (_TESTS - {"2"}))


def _word(value):
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)
    return str(value).strip().lower()


def group_scores(observed, predicted, labels, scores, fewest=10, errors=("rmse", "mae", "me")):
    """Scores of each group by itself.

    Parameters
    ----------
    observed, predicted : ndarray of float, shape (n,)
    labels : array-like of str, shape (n,)
        Empty where unknown; those are left out.
    scores : callable
        ``(observed, predicted) -> dict``.
    fewest : int
        Groups with fewer samples get their errors only: a ratio to so few values' variance says nothing.
    errors : tuple of str
        Those scores.

    Returns
    -------
    list of dict
        ``group``, ``n``, and the scores (None where left out), largest group first.
    """
    labels = np.asarray(labels, dtype=object).astype(str)
    rows = []
    for group in np.unique(labels[labels != ""]):
        here = labels == group
        found = scores(observed[here], predicted[here])
        enough = here.sum() >= fewest
        rows.append({"group": str(group), **{key: value if enough or key in errors else None for key, value in found.items()}, "n": int(here.sum())})
    return sorted(rows, key=lambda row: -row["n"])
