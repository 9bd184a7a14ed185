"""What can be seen of leakage before a model is fitted: places, duplicates and features that give the answer away.

The full report, with target permutations, belongs to trust; these checks take milliseconds and stand beside every comparison.
"""

import numpy as np

from soilcore.core.findings import Finding

SAME_PLACE_METRES = 1.0
GIVES_AWAY = 0.98  # a feature alone reaching this Spearman correlation is the target in another coat
_COORDINATE_NAMES = {"x", "y", "lon", "long", "longitude", "lat", "latitude", "easting", "northing"}


def leakage_checks(X, y, splits, coordinates=None, nearer_than=SAME_PLACE_METRES):
    """Check a table of predictors and a division of it for the common ways in which test samples are known beforehand.

    Parameters
    ----------
    X : DataFrame of shape (n_samples, n_features)
        Predictors.
    y : ndarray of float, shape (n_samples,)
        Target.
    splits : Splits
    coordinates : ndarray of float, shape (n_samples, 2), optional
        Projected metres.
    nearer_than : float
        Metres below which two samples are one place: the size of a pixel.

    Returns
    -------
    list of dict
        ``check`` (stable name), ``ok`` (None where it cannot be known), ``detail`` (one sentence).
    """
    return [
        {
            "check": "fitted-inside-folds",
            "ok": True,
            "detail": "Every learner, its scaling and its tuning are made anew from the training samples of each fold.",
        },
        _groups_whole(splits),
        _duplicates(X, splits),
        _same_place(splits, coordinates, nearer_than),
        _gives_away(X, y),
        _coordinates(X),
    ]


def same_place_findings(splits, coordinates, nearer_than=SAME_PLACE_METRES):
    """Warn when samples of one place are divided between training and test.

    Parameters
    ----------
    splits : Splits
    coordinates : ndarray of float, shape (n_samples, 2), or None
        Projected metres.
    nearer_than : float
        Metres; the size of a pixel, or less.

    Returns
    -------
    tuple of Finding
        Empty, or one warning ``same-place-across-folds``.
    """
    count = len(straddling_pairs(splits, coordinates, nearer_than))
    if not count:
        return ()
    return (
        Finding(
            code="same-place-across-folds",
            severity="warning",
            message=f"{count} pairs of samples less than {nearer_than:g} m apart are divided between training and test: the scores are flattered.",
            fix="Use --cv block, or --cv group:COLUMN with a column that names the place.",
            value=str(count),
        ),
    )


def straddling_pairs(splits, coordinates, nearer_than=SAME_PLACE_METRES):
    """Pairs of samples nearer than some metres that the first repeat puts into different folds, as an int array (n_pairs, 2)."""
    if coordinates is None:
        return np.empty((0, 2), dtype=int)
    from scipy.spatial import cKDTree

    placed = np.flatnonzero(np.isfinite(coordinates).all(axis=1))
    if placed.size < 2:
        return np.empty((0, 2), dtype=int)
    pairs = placed[cKDTree(coordinates[placed]).query_pairs(nearer_than, output_type="ndarray")]
    folds = splits.assignments[0]
    return pairs[folds[pairs[:, 0]] != folds[pairs[:, 1]]]


def _groups_whole(splits):
    if splits.groups is None:
        return {"check": "groups-kept-whole", "ok": None, "detail": "The folds know no groups or blocks."}
    cut = [group for group in np.unique(splits.groups) if any(np.ptp(folds[splits.groups == group]) for folds in splits.assignments)]
    detail = f"{len(cut)} groups are divided between folds." if cut else f"All {np.unique(splits.groups).size} groups lie in one fold each."
    return {"check": "groups-kept-whole", "ok": not cut, "detail": detail}


def _duplicates(X, splits):
    """Samples with equal predictors are one sample to a model: the same pixel, or a row entered twice."""
    _, row = np.unique(np.nan_to_num(np.asarray(X, dtype=float), nan=np.inf), axis=0, return_inverse=True)
    folds, row = splits.assignments[0], row.reshape(-1)
    order = np.lexsort((folds, row))
    same = row[order][1:] == row[order][:-1]
    apart = same & (folds[order][1:] != folds[order][:-1])
    count = np.unique(row[order][1:][apart]).size
    detail = f"{count} sets of samples with equal predictors are divided between folds." if count else "No samples with equal predictors are divided."
    return {"check": "duplicates-across-folds", "ok": count == 0, "detail": detail}


def _same_place(splits, coordinates, nearer_than):
    if coordinates is None:
        return {"check": "same-place-across-folds", "ok": None, "detail": "The samples have no coordinates."}
    found = same_place_findings(splits, coordinates, nearer_than)
    detail = found[0].message if found else f"No two samples less than {nearer_than:g} m apart are divided between folds."
    return {"check": "same-place-across-folds", "ok": not found, "detail": detail}


def _gives_away(X, y):
    from scipy.stats import rankdata

    values, y = np.asarray(X, dtype=float), np.asarray(y, dtype=float)
    names = list(getattr(X, "columns", range(values.shape[1])))
    suspects = []
    for name, column in zip(names, values.T, strict=True):
        known = np.isfinite(column) & np.isfinite(y)
        if known.sum() > 2 and np.ptp(column[known]) > 0 and np.ptp(y[known]) > 0:
            rho = np.corrcoef(rankdata(column[known]), rankdata(y[known]))[0, 1]
            suspects += [f"{name} ({rho:+.3f})"] if abs(rho) > GIVES_AWAY else []
    detail = (
        f"Rank correlation with the target above {GIVES_AWAY}: {', '.join(suspects)}." if suspects else f"No predictor alone reaches {GIVES_AWAY}."
    )
    return {"check": "predictor-gives-away-target", "ok": not suspects, "detail": detail}


def _coordinates(X):
    names = [str(name) for name in getattr(X, "columns", ()) if str(name).lower().split("_")[0] in _COORDINATE_NAMES]
    detail = (
        f"Coordinates are predictors ({', '.join(names)}): maps show stripes away from the samples." if names else "No coordinate is a predictor."
    )
    return {"check": "coordinates-as-predictors", "ok": not names, "detail": detail}
