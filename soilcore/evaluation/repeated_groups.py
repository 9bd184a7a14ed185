"""Units that stand in several rows: horizons of one profile, replicates, samples of one pixel.

Such rows share most of their predictors, and a learner that knows one knows the others. Folds that divide them flatter every score.
"""

from dataclasses import dataclass

import numpy as np

from soilcore.core.findings import Finding
from soilcore.evaluation.places import distinct_places, placed

AGREEMENT = 0.75  # share of the information of two rows that must be the same
_DRAWS = 24  # random sets of columns by which rows are brought together
_COLUMNS_EACH = 3
_MOST_COLUMNS = 300
_NAMES = 0.7  # how well (B-cubed F1) a column must tell the units apart to be named
_KEEPS_WHOLE = 0.95
_FEWEST_VALUES = 5
_SERIOUS = 0.02  # share of samples from which divided units are a warning
_SPECTRUM_COLUMNS = 50  # columns of a spectrum that are compared
_ONE_PLACE = 0.5  # coordinates that put more samples into one place say nothing of places


@dataclass(frozen=True)
class Groups:
    """Which samples are one unit.

    Parameters
    ----------
    labels : ndarray of int, shape (n_samples,)
        Unit of each sample, 0, 1, 2, ...
    n_groups : int
        Number of units; as many as samples where none repeats.
    column : str or None
        Column of the table that tells the units apart.
    detail : str
        One sentence.
    """

    labels: np.ndarray
    n_groups: int
    column: str | None
    detail: str

    @property
    def n_repeated(self):
        """Number of samples that share their unit with others."""
        size = np.bincount(self.labels)
        return int(size[size > 1].sum())


def found_groups(X, table=None, coordinates=None):
    """Find samples that share most of their predictors, or their place.

    Two rows are one unit when the columns in which they agree hold at least 75 % of what tells rows apart (minus the logarithm of the
    probability that two rows agree by chance, so that a class with three values counts little), and more than chance would make of so many rows.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n_samples, n_features)
        Predictors.
    table : pandas.DataFrame of n_samples rows, optional
        The samples with their other columns, to name the one that tells the units apart.
    coordinates : ndarray of float, shape (n_samples, 2), optional
        Projected metres; NaN where unknown.

    Returns
    -------
    Groups
    """
    n = np.shape(X)[0]
    links = [_links_by_predictors(X), _links_by_place(coordinates, n)]
    labels = _connected(np.concatenate(links), n)
    groups = Groups(labels, int(labels.max(initial=-1)) + 1, None, "No two samples share their place or most of their predictors.")
    if not groups.n_repeated:
        return groups
    column = None if table is None else naming_column(labels, table, set(map(str, getattr(X, "columns", ()))))
    size = np.bincount(labels)
    share = "most of their predictors" if len(links[0]) else "their place"
    named = f"; column {column!r} keeps them together" if column else ""
    several = int((size > 1).sum())
    units = (
        f"{several} {'unit' if several == 1 else 'units'} of {size[size > 1].min()}"
        + (f" to {size.max()}" if np.ptp(size[size > 1]) else "")
        + " samples"
    )
    detail = f"{groups.n_repeated} of {n} samples share {share} with others and form {units}{named}."
    return Groups(labels, groups.n_groups, column, detail)


def straddling_samples(groups, splits):
    """Samples whose unit lies in several folds of any repeat, bool array of shape (n_samples,)."""
    order = np.argsort(groups.labels, kind="stable")
    starts = np.flatnonzero(np.diff(groups.labels[order], prepend=-1))
    folds = splits.assignments[:, order]
    cut = (np.maximum.reduceat(folds, starts, axis=1) != np.minimum.reduceat(folds, starts, axis=1)).any(axis=0)
    return cut[groups.labels]


def repeated_unit_findings(groups, splits):
    """Say when the folds divide units that repeat.

    Parameters
    ----------
    groups : Groups
    splits : Splits

    Returns
    -------
    tuple of Finding
        Empty, or one ``repeated-units``: a warning, or a note where less than 2 % of the samples are concerned or the folds already keep the naming
        column whole.
    """
    cut = straddling_samples(groups, splits)
    if not cut.any():
        return ()
    count, units = int(cut.sum()), np.unique(groups.labels[cut]).size
    followed = groups.column is not None and splits.name == f"group:{groups.column}"
    grave = count >= _SERIOUS * splits.n_samples and not followed
    beside = f" although {groups.column!r} is kept whole" if followed else ""
    message = f"{groups.detail} The folds divide {units} of these units ({count} samples){beside}: " + (
        "the learner knows a test sample's unit from training, and the scores are flattered." if grave else "their scores are somewhat flattered."
    )
    fix = f"Use --cv group:{groups.column}." if groups.column and not followed else _by_place(splits)
    return (Finding("repeated-units", "warning" if grave else "note", message, fix, column=groups.column, value=str(units)),)


def check_repeated_units(samples):
    """Say of a table, before anyone divides it, that its samples repeat units.

    Parameters
    ----------
    samples : SampleSet

    Returns
    -------
    tuple of Finding
        Empty, or one ``repeated-units``: a warning, or a note where less than 2 % of the samples are concerned.
    """
    from soilcore.data.columns import reasons_against, spectrum_columns

    table = samples.table
    reasons = reasons_against(samples)
    names = [name for name in table.columns if name not in reasons]
    spectrum = spectrum_columns(names)
    thinned = set(spectrum) - set(spectrum[:: max(len(spectrum) // _SPECTRUM_COLUMNS, 1)])
    groups = found_groups(table[[name for name in names if name not in thinned]], table, _place_numbers(samples))
    if not groups.n_repeated:
        return ()
    severity = "warning" if groups.n_repeated >= _SERIOUS * len(table) else "note"
    fix = (
        f"Keep each unit in one fold: --cv group:{groups.column}."
        if groups.column
        else "Keep each unit in one fold: --cv group:COLUMN or --cv knndm."
    )
    message = f"{groups.detail} Random folds would divide them and flatter every score."
    return (Finding("repeated-units", severity, message, fix, column=groups.column, value=str(groups.n_repeated)),)


def _place_numbers(samples):
    """Coordinates that are equal where the samples' are, whatever the unit of those: the number of the place, 1 km apart."""
    if not samples.has_places:
        return None
    pairs = np.column_stack([samples.x, samples.y]).astype(float)
    known = placed(pairs)
    numbers = np.full(pairs.shape, np.nan)
    if known.size:
        numbers[known] = 1000.0 * np.unique(pairs[known], axis=0, return_inverse=True)[1].reshape(-1, 1)
    return numbers


def _by_place(splits):
    if splits.coordinates is not None:
        return "Use --cv knndm or --cv block, which keep places together."
    return "Use --cv group:COLUMN with a column that names the unit, or leave repeated rows out."


def naming_column(labels, table, predictors=()):
    """The column of a table whose values tell units apart, or None.

    Parameters
    ----------
    labels : ndarray of int, shape (n_samples,)
        Unit of each sample.
    table : pandas.DataFrame of n_samples rows
    predictors : set of str
        Columns that are predictors; they name nothing.

    Returns
    -------
    str or None
        Best match; where none matches well, the named or textual column with most values that keeps the units whole.
    """
    import pandas as pd

    from soilcore.data.columns import role_columns

    names = list(table.columns)
    called, never = (
        set(role_columns(names, "group")),
        {name for role in ("fold", "depth", "depth_top", "depth_bottom") for name in role_columns(names, role)},
    )
    matching, keeping = [], []
    for position, name in enumerate(names):
        values = table[name]
        if str(name) in predictors or name in never or _measures(values):
            continue
        codes = pd.factorize(values)[0]
        count = int(codes.max(initial=-1)) + 1
        if count < 2 or (codes < 0).mean() > 1 - _KEEPS_WHOLE:
            continue
        kept, pure = _agreement(labels, codes)
        f1 = 2 * kept * pure / (kept + pure)
        text = not pd.api.types.is_numeric_dtype(values.dtype)
        matching += [(round(f1, 2), name in called, text, -position, name)] if f1 >= _NAMES else []
        keeping += (
            [(count, name in called, text, -position, name)] if kept >= _KEEPS_WHOLE and count >= _FEWEST_VALUES and (name in called or text) else []
        )
    chosen = matching or keeping
    return None if not chosen else max(chosen)[-1]


def _measures(values):
    """Whether a column holds measurements: numbers with fractions name no unit."""
    import pandas as pd

    if not pd.api.types.is_float_dtype(values.dtype):
        return False
    numbers = values.dropna().to_numpy(dtype=float)
    return bool((numbers != np.round(numbers)).any())


def _agreement(labels, codes):
    """B-cubed recall and precision over the samples whose unit repeats: how much of its unit shares the sample's value, and the reverse."""
    size, count = np.bincount(labels), np.bincount(codes + 1)
    _, which, both = np.unique(labels.astype(np.int64) * count.size + codes + 1, return_inverse=True, return_counts=True)
    several = size[labels] > 1
    together = both[which.reshape(-1)][several]
    return float((together / size[labels][several]).mean()), float((together / count[codes + 1][several]).mean())


def _links_by_place(coordinates, n):
    if coordinates is None:
        return np.empty((0, 2), dtype=int)
    known = placed(coordinates)
    if known.size < 2:
        return np.empty((0, 2), dtype=int)
    _, place = distinct_places(np.asarray(coordinates)[known])
    if np.bincount(place).max() > _ONE_PLACE * n:
        return np.empty((0, 2), dtype=int)
    return _consecutive(place, known)


def _links_by_predictors(X):
    """Pairs of rows that agree in most of their information.

    All pairs would be too many; rows that agree in most columns agree in some of 24 random sets of three, and come together when sorted by them.
    """
    codes, information = _codes(X)
    n = len(codes)
    useful = np.flatnonzero(information > np.log(2))
    if not useful.size or n < 2:
        return np.empty((0, 2), dtype=int)
    total, least = information.sum(), np.log(10 * n)  # by chance, fewer than one sample in twenty would agree so far
    generator = np.random.default_rng(0)
    keys = generator.integers(1, 2**63 - 1, size=(codes.shape[1], 1), dtype=np.uint64) | np.uint64(1)
    hashed = [codes[:, [column]].astype(np.uint64) * keys[column] for column in range(codes.shape[1])]
    whole = np.sum(hashed, axis=0, dtype=np.uint64)[:, 0]
    found = []
    for _ in range(_DRAWS):
        drawn = generator.choice(useful, min(_COLUMNS_EACH, useful.size), replace=False, p=information[useful] / information[useful].sum())
        some = np.sum([hashed[column] for column in drawn], axis=0, dtype=np.uint64)[:, 0]
        order = np.lexsort((whole, some))
        same = np.flatnonzero(some[order][1:] == some[order][:-1])
        pairs = np.column_stack([order[same], order[same + 1]])
        agreed = np.concatenate([(codes[part[:, 0]] == codes[part[:, 1]]) @ information for part in np.array_split(pairs, len(pairs) // 20000 + 1)])
        found.append(pairs[(agreed >= AGREEMENT * total) & (agreed >= least)])
    return np.concatenate(found)


def _codes(X):
    """Each column as whole numbers, and the information of an agreement in it; missing values agree with nothing."""
    import pandas as pd

    frame = X if isinstance(X, pd.DataFrame) else pd.DataFrame(np.asarray(X))
    if frame.shape[1] > _MOST_COLUMNS:  # neighbouring columns of a spectrum say the same
        frame = frame.iloc[:, np.linspace(0, frame.shape[1] - 1, _MOST_COLUMNS).astype(int)]
    codes, information = [], []
    for _, values in frame.items():
        code, names = pd.factorize(values)
        code = code.astype(np.int64)
        count = np.bincount(code[code >= 0], minlength=1).astype(float)
        together = float(((count / max(count.sum(), 1)) ** 2).sum())
        missing = code < 0
        code[missing] = len(names) + np.arange(missing.sum())
        codes.append(code)
        information.append(-np.log(together) if 0 < together < 1 else 0.0)
    return np.column_stack(codes) if codes else np.empty((len(frame), 0), dtype=np.int64), np.array(information)


def _consecutive(keys, positions):
    order = np.argsort(keys, kind="stable")
    same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    return np.column_stack([positions[order[same]], positions[order[same + 1]]])


def _connected(links, n):
    """Number of the unit of each sample, from pairs that are one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(links), dtype=bool), (links[:, 0], links[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(int)
