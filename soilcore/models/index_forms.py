"""Every formula of a systematic index search: fourteen forms over all bands, as text and as values.

The text of a candidate is a formula that `soilcore.features.formula` reads; the values here are the same arithmetic on index arrays, because
thousands of candidates are computed again in every fold.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.features.arithmetic import DENOMINATOR_FLOOR

MAXIMUM_MISSING = 0.02


@dataclass(frozen=True)
class Form:
    """One shape of formula.

    Parameters
    ----------
    name, text : str
        The text has ``{a}``, ``{b}``, ``{c}`` for the bands.
    choose : callable
        ``choose(n)`` lists the tuples of band numbers.
    numerator : callable
        Of the arrays a, b, c.
    denominator : callable or None
    """

    name: str
    text: str
    choose: Callable
    numerator: Callable
    denominator: Callable | None = None


def _one_and_pair(n):
    """A band a, and an unordered pair b, c of the others."""
    return [(a, b, c) for a in range(n) for b, c in combinations([i for i in range(n) if i != a], 2)]


def _unordered(n):
    return list(combinations(range(n), 2))


FORMS = (
    Form("single", "{a}", lambda n: [(i,) for i in range(n)], lambda a: a),
    Form("difference", "{a}-{b}", _unordered, lambda a, b: a - b),
    Form("ratio", "{a}/{b}", lambda n: list(permutations(range(n), 2)), lambda a, b: a, lambda a, b: b),
    Form("normalised difference", "({a}-{b})/({a}+{b})", _unordered, lambda a, b: a - b, lambda a, b: a + b),
    Form("product", "{a}*{b}", _unordered, lambda a, b: a * b),
    Form("2-norm", "({a}**2+{b}**2)**0.5", _unordered, lambda a, b: np.sqrt(a**2 + b**2)),
    Form("product ratio", "{b}*{c}/{a}", _one_and_pair, lambda a, b, c: b * c, lambda a, b, c: a),
    Form("sum ratio", "({b}+{c})/{a}", _one_and_pair, lambda a, b, c: b + c, lambda a, b, c: a),
    Form("difference ratio", "({b}-{c})/{a}", _one_and_pair, lambda a, b, c: b - c, lambda a, b, c: a),
    Form("slope ratio", "({a}-{b})/({b}-{c})", lambda n: list(permutations(range(n), 3)), lambda a, b, c: a - b, lambda a, b, c: b - c),
    Form("TRSI form", "({a}-{b}+{c})/({a}+{b}-{c})", lambda n: list(permutations(range(n), 3)), lambda a, b, c: a - b + c, lambda a, b, c: a + b - c),
    Form("SBCI form", "{a}/({b}**2+{c}**2)**0.5", _one_and_pair, lambda a, b, c: a, lambda a, b, c: np.sqrt(b**2 + c**2)),
    Form("SAI form", "({b}**2-{a}**2+{c}**2)/({a}*{b}*{c})", _one_and_pair, lambda a, b, c: b**2 - a**2 + c**2, lambda a, b, c: a * b * c),
    Form("GOSI form", "{a}-0.5*{b}-0.5*{c}", _one_and_pair, lambda a, b, c: a - 0.5 * b - 0.5 * c),
)
TRANSFORMS = {
    "none": ("{}", lambda band: band),
    "reciprocal": ("(1/{})", lambda band: 1 / np.where(np.abs(band) < DENOMINATOR_FLOOR, np.nan, band)),
    "square": ("({}**2)", lambda band: band**2),
    "square-root": ("sqrt({})", lambda band: np.sqrt(band)),
}


@dataclass(frozen=True)
class Family:
    """All candidates of a search.

    Parameters
    ----------
    roles : tuple of str
    formulas, forms : tuple of str
        Text and form of each candidate.
    redundant : ndarray of bool
        True for an exact affine copy of an earlier candidate: (a-c)/(c-b) = -1 - (a-b)/(b-c).
    parts : tuple of (str, Form, ndarray)
        Transform, form and band numbers, shape (n_bands_of_the_form, n_candidates).
    """

    roles: tuple[str, ...]
    formulas: tuple[str, ...]
    forms: tuple[str, ...]
    redundant: np.ndarray
    parts: tuple

    def __len__(self):
        return len(self.formulas)

    def values(self, bands):
        """Values of every candidate.

        Parameters
        ----------
        bands : ndarray of float, shape (n_samples, n_roles)
            Reflectance, NaN where invalid.

        Returns
        -------
        values : ndarray of float, shape (n_candidates, n_samples)
            NaN where a band is, or a denominator is below 1e-6 in size.
        singular : ndarray of bool, shape (n_candidates,)
            The denominator changes sign among the samples.
        """
        values, singular = [], []
        with np.errstate(invalid="ignore", divide="ignore"):
            for transform, form, numbers in self.parts:
                operands = [TRANSFORMS[transform][1](bands[:, row]) for row in numbers]  # each (sample, candidate)
                top = form.numerator(*operands)
                if form.denominator is not None:
                    below = form.denominator(*operands)
                    singular.append((below > 0).any(axis=0) & (below < 0).any(axis=0))
                    top = np.where(np.abs(below) < DENOMINATOR_FLOOR, np.nan, top / below)
                else:
                    singular.append(np.zeros(top.shape[1], bool))
                values.append(top.T)
        return np.concatenate(values), np.concatenate(singular)

    def usable(self, bands):
        """Candidates that may be tested, without gaps.

        Left out are redundant ones, those with more than 2 % missing, those whose denominator changes sign inside the sample (single pixels
        then rule the correlation), and constants. A remaining gap takes the candidate's median, so that it speaks for no side.

        Returns
        -------
        values : ndarray of float, shape (n_usable, n_samples)
        chosen : ndarray of int, shape (n_usable,)
            Their numbers in the family.
        missing : ndarray of int, shape (n_usable,)
            Samples that took the median.
        """
        values, singular = self.values(bands)
        missing = (~np.isfinite(values)).sum(axis=1)
        kept = ~self.redundant & ~singular & (missing <= MAXIMUM_MISSING * len(bands))
        chosen = np.flatnonzero(kept)
        values, missing = values[chosen], missing[chosen]
        for row in np.flatnonzero(missing):
            known = np.isfinite(values[row])
            values[row, ~known] = np.median(values[row, known])
        spread = np.ptp(values, axis=1) if values.size else np.zeros(len(values))
        varying = spread > 1e-12 * np.abs(values).max(axis=1, initial=0.0)
        return values[varying], chosen[varying], missing[varying]


def index_family(roles, forms=None, transforms=("none",)):
    """All candidates over some bands.

    Parameters
    ----------
    roles : sequence of str
        Band roles; six give 696 candidates, ten 3,880.
    forms : sequence of str, optional
        Names of `FORMS`; all by default.
    transforms : sequence of str
        Keys of `TRANSFORMS`, each applied to all bands; every one beyond the first adds a family of the same size.

    Returns
    -------
    Family
        In the order of the forms, simple ones first.

    Raises
    ------
    SettingsError
        If a name is unknown, or there are fewer than two bands.
    """
    roles = tuple(roles)
    if len(set(roles)) < 2 or len(set(roles)) < len(roles):
        raise SettingsError(f"An index search needs at least two different bands, but got: {', '.join(roles) or 'none'}.")
    chosen = [_form(name) for name in forms] if forms is not None else FORMS
    if unknown := [name for name in transforms if name not in TRANSFORMS]:
        raise SettingsError(f"There is no band transform {unknown[0]!r}. Known: {', '.join(TRANSFORMS)}.")
    formulas, names, redundant, parts = [], [], [], []
    for transform in transforms:
        words = [TRANSFORMS[transform][0].format(role) for role in roles]
        for form in chosen:
            tuples = form.choose(len(roles))
            if not tuples:
                continue
            formulas += [form.text.format(**dict(zip("abc", (words[i] for i in numbers), strict=False))) for numbers in tuples]
            names += [form.name] * len(tuples)
            redundant += [form.name == "slope ratio" and numbers[1] > numbers[2] for numbers in tuples]
            parts.append((transform, form, np.array(tuples).T))
    return Family(roles, tuple(formulas), tuple(names), np.array(redundant), tuple(parts))


def _form(name):
    for form in FORMS:
        if form.name == name:
            return form
    raise SettingsError(f"There is no form {name!r}. Known: {', '.join(form.name for form in FORMS)}.")
