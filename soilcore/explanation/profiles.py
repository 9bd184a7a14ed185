"""Profiles of attribution by group of samples, how far they can be repeated, and which groups a network treats alike.

A profile is the mean of the attributions of a group's test samples, then the median over the seeds. Two profiles may look alike because noise is,
so each is made a second time from what it was not made of: half of the samples with half of the draws against the other half. A profile
that does not come back is not compared with others.
"""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import SettingsError

ALL = "all"
RELIABLE = 0.8
SHARED = (
    "Profiles of two groups share the network, its training samples and the baselines, so part of their likeness is that of the network with itself; "
    f'"{ALL}" holds the samples of every group.'
)
CANCELS = (
    "A profile is set against what training samples give, so what raises one sample lowers another, and over all samples it nearly cancels. Sizes, means "
    "of absolute attributions, tell where the network looks whichever way it leans."
)
_HALVINGS = 20
_FEWEST = 4  # samples of a group that are enough to halve
_FLAT = 1e-12


@dataclass(frozen=True)
class SeedAttribution:
    """Attributions of the test samples of one seed.

    Parameters
    ----------
    halves : ndarray of float, shape (2, n_samples, n_points)
        From two independent halves of the draws.
    groups : ndarray of str, shape (n_samples,), or None
        Group of each sample; "" where unknown.
    """

    halves: np.ndarray
    groups: np.ndarray | None = None


@dataclass(frozen=True)
class GroupProfiles:
    """Profiles and what can be said of them.

    Parameters
    ----------
    names : tuple of str
        "all" first, then groups by falling number of samples.
    counts : tuple of int
        Test samples over all seeds.
    profiles : ndarray of float, shape (n_groups, n_points)
        Median over seeds of the group's mean attribution.
    sizes : ndarray of float, shape (n_groups, n_points)
        Median over seeds of the group's mean absolute attribution: where the network looks, whichever way it leans.
    spread : ndarray of float, shape (n_groups, n_points)
        Standard deviation over seeds (ddof 1); NaN with one seed.
    noise : ndarray of float, shape (n_groups,)
        Of the draws alone: what a profile differs from one with other draws and baselines, root mean square over that of the profile.
    reliability : ndarray of float, shape (n_groups,)
        Split-half reliability, 0 to 1; NaN where the samples are too few to halve.
    correlation : ndarray of float, shape (n_groups, n_groups)
        Pearson correlation of profiles; NaN where it is not to be shown.
    hidden : dict of str to str
        Group to the reason why its correlations are not shown.
    """

    names: tuple[str, ...]
    counts: tuple[int, ...]
    profiles: np.ndarray
    sizes: np.ndarray
    spread: np.ndarray
    noise: np.ndarray
    reliability: np.ndarray
    correlation: np.ndarray
    hidden: dict

    def facts(self):
        """JSON values for pages and reports."""
        return {
            "groups": [
                {
                    "group": name,
                    "n": count,
                    "noise": _number(noise),
                    "reliability": _number(reliability),
                    "shown": name not in self.hidden,
                    "reason": self.hidden.get(name, ""),
                }
                for name, count, noise, reliability in zip(self.names, self.counts, self.noise, self.reliability, strict=True)
            ],
            "correlation": [[_number(value) for value in row] for row in self.correlation],
            "sentence": SHARED,
        }


def group_profiles(seeds, *, reliable=RELIABLE, seed=0):
    """Profiles of all samples and of each group, with their correlations.

    Parameters
    ----------
    seeds : sequence of SeedAttribution
        One per seed; test samples may differ.
    reliable : float
        Split-half reliability that both profiles of a correlation must exceed for it to be shown.
    seed : int
        Draws the halves of samples.

    Returns
    -------
    GroupProfiles

    Raises
    ------
    SettingsError
        If there are no attributions, or seeds differ in their number of points.
    """
    _check(seeds)
    names = _names(seeds)
    rows = {name: [_rows_of(one, name) for one in seeds] for name in names}
    profiles = np.array([_profile(seeds, rows[name]) for name in names])
    sizes = np.array([_size(seeds, rows[name]) for name in names])
    spread = np.array([_spread(seeds, rows[name]) for name in names])
    noise = np.array([_noise(seeds, rows[name]) for name in names])
    generators = np.random.default_rng(seed).spawn(len(names))
    reliability = np.array([_reliability(seeds, rows[name], generator) for name, generator in zip(names, generators, strict=True)])
    hidden = {name: why for name, profile, how in zip(names, profiles, reliability, strict=True) if (why := _reason(profile, how, reliable))}
    counts = tuple(int(sum(len(each) for each in rows[name])) for name in names)
    return GroupProfiles(tuple(names), counts, profiles, sizes, spread, noise, reliability, _correlations(names, profiles, hidden), hidden)


def _check(seeds):
    shapes = {np.shape(one.halves)[2:] for one in seeds}
    if not seeds or not all(np.shape(one.halves)[1] for one in seeds):
        raise SettingsError("There are no attributions to make profiles of: no test samples were given.")
    if len(shapes) != 1:
        raise SettingsError(f"Attributions of different seeds have {sorted(shape[0] for shape in shapes)} points. Put the spectra onto one axis.")


def _names(seeds):
    """Groups from the largest to the smallest, all samples first."""
    labels = [np.asarray(one.groups).astype(str) for one in seeds if one.groups is not None]
    if not labels:
        return [ALL]
    found, counts = np.unique(np.concatenate(labels), return_counts=True)
    order = sorted(range(found.size), key=lambda number: (-counts[number], found[number]))
    return [ALL, *(str(found[number]) for number in order if found[number] not in ("", ALL))]


def _rows_of(one, name):
    if name == ALL:
        return np.arange(np.shape(one.halves)[1])
    return np.empty(0, int) if one.groups is None else np.flatnonzero(np.asarray(one.groups).astype(str) == name)


def _means(seeds, rows, halves=(0, 1)):
    """Mean attribution of some rows of each seed that has any, shape (n_seeds, n_points)."""
    return np.array(
        [one.halves[list(halves)][:, chosen].mean(axis=(0, 1), dtype=float) for one, chosen in zip(seeds, rows, strict=True) if len(chosen)]
    )


def _profile(seeds, rows):
    return np.median(_means(seeds, rows), axis=0)


def _size(seeds, rows):
    found = []
    for one, chosen in zip(seeds, rows, strict=True):
        if len(chosen):
            found.append(np.abs(one.halves[:, chosen].mean(axis=0)).mean(axis=0, dtype=float))
    return np.median(found, axis=0)


def _spread(seeds, rows):
    means = _means(seeds, rows)
    return means.std(axis=0, ddof=1) if len(means) > 1 else np.full(means.shape[1], np.nan)


def _noise(seeds, rows):
    """What the mean of both halves is off by, half of their difference, against the profile."""
    first, second = (np.median(_means(seeds, rows, (half,)), axis=0) for half in range(2))
    size = np.sqrt(np.mean(((first + second) / 2) ** 2))
    return float(np.sqrt(np.mean(((first - second) / 2) ** 2)) / size) if size > _FLAT else np.nan


def _reliability(seeds, rows, generator):
    """Correlation of a profile of one half of the samples and draws with that of the other, brought to the whole by Spearman and Brown."""
    enough = [chosen if len(chosen) >= _FEWEST else np.empty(0, int) for chosen in rows]
    if not any(len(chosen) for chosen in enough):
        return np.nan
    found = []
    for _ in range(_HALVINGS):
        mixed = [generator.permutation(chosen) for chosen in enough]
        one, other = ([part[half::2] for part in mixed] for half in range(2))
        found.append(_correlation(np.median(_means(seeds, one, (0,)), axis=0), np.median(_means(seeds, other, (1,)), axis=0)))
    half = float(np.mean(found))
    return max(0.0, 2 * half / (1 + half)) if half > -1 else 0.0


def _reason(profile, reliability, reliable):
    if np.std(profile) <= _FLAT:
        return "The profile is flat: the network does not look at the spectra of this group."
    if np.isnan(reliability):
        return f"Too few test samples to see whether the profile can be repeated: at least {_FEWEST} of one seed are needed."
    if not reliability > reliable:
        return (
            f"The profile cannot be repeated well enough: its split-half reliability is {reliability:.2f}, and more than {reliable:g} is asked for. "
            "More test samples, seeds or draws raise it."
        )
    return ""


def _correlations(names, profiles, hidden):
    shown = [number for number, name in enumerate(names) if name not in hidden]
    matrix = np.full((len(names), len(names)), np.nan)
    for number in shown:
        for other in shown:
            matrix[number, other] = 1.0 if number == other else _correlation(profiles[number], profiles[other])
    return matrix


def _correlation(first, second):
    first, second = first - first.mean(), second - second.mean()
    size = np.sqrt((first**2).sum() * (second**2).sum())
    return float(np.clip((first * second).sum() / size, -1, 1)) if size > 0 else 0.0


def _number(value):
    return None if np.isnan(value) else float(value)
