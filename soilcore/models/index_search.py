"""The systematic index search of paper 002, guarded: every formula is tested, and what chance finds among so many is said beside it.

Four guards: q over the whole family; a family-wise p by permutation; the strength of the chosen formula on samples that had no
part in the choice; and how often each formula is chosen. A model that uses a searched index searches inside each training fold:
`soilcore.models.searched_index.SearchedIndex`.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from soilcore.core.errors import SampleError, SettingsError
from soilcore.core.progress import part, silent
from soilcore.evaluation.correlation import benjamini_hochberg, check_columns, check_statistic, check_target, p_value, standardised
from soilcore.features.indices import VALID_REFLECTANCE, check_bands
from soilcore.models.index_forms import index_family
from soilcore.models.search_blocks import search_blocks

FEWEST_SAMPLES = 12
FEWEST_PERMUTATIONS = 99
_CHUNK = 128  # permutations at a time: 4 MB for 3,880 candidates
_TIE = 1e-9  # correlations closer than this are the same number reached in another order of sums


@dataclass(frozen=True)
class SearchResult:
    """What a search found, and how much of it is chance.

    Parameters
    ----------
    n : int
        Samples.
    candidates, tested, redundant, rejected : int
        Size of the whole family; how many were tested; exact copies; singular, gappy or constant ones.
    rows : tuple of dict
        Tested formulas, strongest first. ``r`` and ``rho``: Pearson (with the logarithm of the target, if asked) and Spearman. ``p``, ``q``,
        ``p_family``: of the statistic searched with, alone, by Benjamini-Hochberg, and by step-down maxT. ``selection``: share of half-samples
        in which it came first. ``same_order_as``: a stronger or simpler formula that ranks all samples alike (or in reverse), or None.
    null_95 : float
        The largest absolute correlation of a whole search stays below this in 95 of 100 permutations of the target.
    half_split : dict
        ``train`` and ``test``: median strength of the formula chosen on one half, there and on the other half (negative where the sign turned);
        ``splits``: number of halves.
    banner : str or None
    statistic : {"spearman", "pearson"}
    log_target : bool
    permutations : int
    blocks : str
        What was permuted.
    """

    n: int
    candidates: int
    tested: int
    redundant: int
    rejected: int
    rows: tuple[dict, ...]
    null_95: float
    half_split: dict
    banner: str | None
    statistic: str
    log_target: bool
    permutations: int
    blocks: str

    def to_json(self, top=None):
        """The result as plain values, at most `top` rows."""
        return {**vars(self), "rows": [dict(row) for row in self.rows[:top]], "half_split": dict(self.half_split)}

    def table(self):
        """The rows as a data frame."""
        return pd.DataFrame(list(self.rows))


def search_indices(
    bands,
    y,
    *,
    permutations=999,
    statistic="spearman",
    log_target=False,
    coordinates=None,
    seed=0,
    report=silent,
    forms=None,
    transforms=("none",),
    halves=100,
    fixed_before=False,
):
    """Test every formula of the family against the target.

    Parameters
    ----------
    bands : pandas.DataFrame of shape (n_samples, n_roles)
        Surface reflectance, 0-1, a column per band role.
    y : array-like of float, shape (n_samples,)
        The target; samples with NaN are left out.
    permutations : int
        Of the target, for the family-wise p; its least possible value is 1 / (1 + permutations).
    statistic : {"spearman", "pearson"}
        What formulas are ranked by.
    log_target : bool
        Take the decimal logarithm of the target. Without it a skewed target makes Pearson's chance level high (about 0.5 for 95 samples).
    coordinates : ndarray of float, shape (n_samples, 2), optional
        Projected metres. With them whole blocks change places and are dealt into halves, because neighbours are alike (`search_blocks`).
    seed : int
        Draws permutations and halves.
    report : Report
    forms, transforms : see `soilcore.models.index_forms.index_family`
    halves : int
        How often the samples are halved; each half chooses once and is tested on the other.
    fixed_before : bool
        The family was written down before anyone looked at these samples: no banner.

    Returns
    -------
    SearchResult

    Raises
    ------
    SampleError
        If fewer than 12 samples are left, the target is constant, or no formula can be computed.
    SettingsError
        If a name is unknown or a number impossible.

    References
    ----------
    Westfall and Young 1993, Resampling-Based Multiple Testing (step-down maxT); Lan et al. 2025 (the forms).
    """
    _check_numbers(permutations, halves, statistic)
    reflectance, target, places = _complete(bands, y, log_target, coordinates)
    family = index_family(bands.columns, forms, transforms)
    values, chosen, missing = family.usable(reflectance)
    if not len(chosen):
        raise SampleError(nothing_usable(bands))
    draw_permutations, draw_halves = np.random.default_rng(seed).spawn(2)
    blocks = search_blocks(places, target)
    report(0.02, 1, f"{len(family)} formulas computed")

    standings = {name: Standings(values, target, name) for name in ("spearman", "pearson")}
    searched = standings[statistic]
    p_family, null_95 = _max_t(searched, blocks, permutations, draw_permutations, part(report, 0.05, 0.45))
    selection, half_split = _half_splits(HalfStandings(values, target, statistic), blocks, halves, draw_halves, part(report, 0.5, 0.48))
    p = p_value(searched.correlations, len(target))
    columns = {
        "r": standings["pearson"].correlations,
        "rho": standings["spearman"].correlations,
        "p": p,
        "q": benjamini_hochberg(p),
        "p_family": p_family,
        "selection": selection,
        "n_invalid": missing,
    }
    rows = _rows(family, chosen, columns, searched.order, _same_order(standings["spearman"], searched.order))
    redundant = int(family.redundant.sum())
    report(1, 1, "search done")
    return SearchResult(
        n=len(target),
        candidates=len(family),
        tested=len(chosen),
        redundant=redundant,
        rejected=len(family) - redundant - len(chosen),
        rows=rows,
        null_95=null_95,
        half_split=half_split,
        banner=None if fixed_before else _banner(rows[0], len(target), len(chosen), null_95, half_split, statistic),
        statistic=statistic,
        log_target=log_target,
        permutations=permutations,
        blocks=blocks.text,
    )


class Standings:
    """Correlation of every candidate with a target.

    Parameters
    ----------
    values : ndarray of float, shape (n_candidates, n_samples)
        No gaps.
    target : ndarray of float, shape (n_samples,)
    statistic : {"spearman", "pearson"}
    """

    def __init__(self, values, target, statistic):
        self.statistic = statistic
        self.matrix = rows_of(values, statistic)
        self.target = rows_of(target[None], statistic)[0]
        self.correlations = np.clip(self.matrix @ self.target, -1.0, 1.0)

    @property
    def strengths(self):
        """Absolute correlations."""
        return np.abs(self.correlations)

    @property
    def order(self):
        """Candidates from the strongest; equal ones keep the order of the family, simple forms first."""
        return strongest_first(self.strengths)


def strongest_first(strengths):
    """Positions from the largest; numbers equal but for rounding keep their order."""
    return np.argsort(-np.round(strengths / _TIE), kind="stable")


def rows_of(values, statistic):
    """Rows (their ranks, for Spearman) with mean 0 and length 1; a constant row is all 0."""
    from scipy.stats import rankdata

    if statistic == "spearman":
        values = rankdata(values, axis=1)
    return np.ascontiguousarray(np.nan_to_num(standardised(values.T), nan=0.0).T)


def nothing_usable(bands):
    """Why no formula could be computed, in a sentence."""
    low, high = VALID_REFLECTANCE
    least, most = np.nanmin(bands.to_numpy(float)), np.nanmax(bands.to_numpy(float))
    return (
        f"No index formula can be computed from {', '.join(map(str, bands.columns))}: their values run from {least:.4g} to {most:.4g}, "
        f"and reflectance lies above {low:g} and up to {high:g}. Give surface reflectance, for example with --sensor or --scale."
    )


def _check_numbers(permutations, halves, statistic):
    check_statistic(statistic)
    for name, value, least in (("permutations", permutations, FEWEST_PERMUTATIONS), ("halves", halves, 1)):
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise SettingsError(f"The number of {name} must be a whole number of at least {least}, but is {value!r}.")


def _complete(bands, y, log_target, coordinates):
    """Samples with a target and at least one valid band: valid reflectance, target, coordinates."""
    target = check_target(y, len(bands), log_target)
    raw = check_columns(bands)
    if raw.size == 0:
        raise SampleError("There are no bands or no samples to search with. Give the bands with --scene, or with --roles and --sensor.")
    valid = check_bands({"all": raw})["all"]
    known = np.isfinite(target) & np.isfinite(valid).any(axis=1)
    if not np.isfinite(valid).any():
        raise SampleError(nothing_usable(bands))
    if known.sum() < FEWEST_SAMPLES:
        raise SampleError(f"Only {known.sum()} samples have a target and valid reflectance; a guarded search needs at least {FEWEST_SAMPLES}.")
    if np.ptp(target[known]) == 0:
        raise SampleError(f"All {known.sum()} samples have the same target value, so nothing can be correlated with it.")
    places = None if coordinates is None else np.asarray(coordinates, float)[known]
    return valid[known], target[known], places


def _max_t(searched, blocks, permutations, generator, report):
    """Step-down maxT p of each candidate, and the 95 % quantile of the largest strength under permutation."""
    order = searched.order
    ranked, observed = searched.matrix[order], searched.strengths[order] - _TIE
    reached, largest = np.zeros(len(order), np.int64), []
    for start in range(0, permutations, _CHUNK):
        positions = blocks.draw(min(_CHUNK, permutations - start), generator)
        chance = np.abs(ranked @ rows_of(searched.target[positions], searched.statistic).T)  # (candidate, permutation)
        np.maximum.accumulate(chance[::-1], axis=0, out=chance[::-1])  # the largest of this and all weaker candidates
        reached += np.count_nonzero(chance >= observed[:, None], axis=1)
        largest.append(chance[0].copy())
        report(start + len(positions), permutations, "permutations")
    p = np.empty(len(order))
    p[order] = np.maximum.accumulate((1 + reached) / (1 + permutations))
    return p, float(np.quantile(np.concatenate(largest), 0.95))


class HalfStandings:
    """Correlations of every candidate on part of the samples, fast enough for hundreds of parts.

    The order of a part is the order of the whole with samples left out, so ranks need no sorting; only candidates with ties do.

    Parameters
    ----------
    values, target, statistic : see `Standings`
    """

    def __init__(self, values, target, statistic):
        self.values, self.target, self.statistic = values, target, statistic
        if statistic == "spearman":
            ordered = np.argsort(values, axis=1, kind="stable")
            sorted_values = np.take_along_axis(values, ordered, axis=1)
            self._tied = np.flatnonzero((sorted_values[:, 1:] == sorted_values[:, :-1]).any(axis=1))
            self._free = np.setdiff1d(np.arange(len(values)), self._tied)
            self._ordered = ordered[self._free]

    def correlations(self, part):
        """Correlation of every candidate on the samples of a mask, shape (n_candidates,); 0 where constant there."""
        target = rows_of(self.target[None, part], self.statistic)[0]
        if self.statistic == "pearson":
            return rows_of(self.values[:, part], "pearson") @ target
        result = np.empty(len(self.values))
        result[self._tied] = rows_of(self.values[np.ix_(self._tied, part)], "spearman") @ target
        everywhere = np.zeros(len(part))
        everywhere[part] = target
        ordered = self._ordered[part[self._ordered]].reshape(len(self._free), target.size)  # samples of the part by value
        result[self._free] = everywhere[ordered] @ rows_of(np.arange(target.size, dtype=float)[None], "pearson")[0]
        return result

    def one(self, candidate, part):
        """Correlation of one candidate on the samples of a mask."""
        value, target = (rows_of(row[None, part], self.statistic)[0] for row in (self.values[candidate], self.target))
        return float(value @ target)


def _half_splits(standings, blocks, halves, generator, report):
    """Share of halves in which each candidate comes first, and the median strength of the first there and on the other half."""
    wins, train, test = np.zeros(len(standings.values)), [], []
    while len(train) < halves:
        first = blocks.half(generator)
        for part_ in (first, ~first):
            correlations = standings.correlations(part_)
            best = int(np.argmax(np.round(np.abs(correlations) / _TIE)))
            wins[best] += 1
            train.append(abs(correlations[best]))
            test.append(np.sign(correlations[best]) * standings.one(best, ~part_))
            report(len(train), halves, "halves of the samples")
    split = {"train": float(np.median(train)), "test": float(np.median(test)), "splits": len(train)}
    return wins / len(train), split


def _same_order(standings, order):
    """For each candidate the first one in `order` that ranks the samples alike or in reverse, or -1."""
    keys = np.round(standings.strengths / _TIE)
    leaders, same = {}, np.full(len(order), -1)
    for candidate in order:
        known = leaders.setdefault(keys[candidate], [])
        alike = next((leader for leader in known if abs(standings.matrix[leader] @ standings.matrix[candidate]) > 1 - _TIE), None)
        if alike is None:
            known.append(candidate)
        else:
            same[candidate] = alike
    return same


def _rows(family, chosen, columns, order, same):
    rows = []
    for i in order:
        numbers = {name: column[i].item() for name, column in columns.items()}
        twin = family.formulas[chosen[same[i]]] if same[i] >= 0 else None
        rows.append({"formula": family.formulas[chosen[i]], "form": family.forms[chosen[i]], **numbers, "same_order_as": twin})
    return tuple(rows)


def _banner(best, n, tested, null_95, half_split, statistic):
    key, symbol = ("rho", "rho") if statistic == "spearman" else ("r", "r")
    return (
        f"{best['formula']} ({symbol} = {best[key]:.2f}) was picked from {tested} formulas by looking at these {n} samples. "
        f"By chance alone the best of so many reaches |{symbol}| = {null_95:.2f} in one search of twenty; "
        f"family-wise p = {best['p_family']:.3g}. Picked on half of the samples, a formula has |{symbol}| = {half_split['train']:.2f} there and "
        f"{half_split['test']:.2f} on the other half. Treat it as a hypothesis for new samples; "
        "a model that uses it must search inside each training fold."
    )
