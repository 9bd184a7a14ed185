"""What may enter a learner: columns it was trained on, numbers without gaps, enough samples."""

import numpy as np

from soilcore.core.errors import ModelError

_NAMED = 5  # so many column names stand in a message; the rest is counted


class LearnerInputError(ModelError, ValueError):
    """A table a learner cannot take. Also a ValueError, because the scikit-learn contract asks for one."""


def checked_training(learner, X, y, groups=None):
    """Training data as plain arrays; the learner remembers number and names of the columns.

    Parameters
    ----------
    learner : Learner
        Gets ``n_features_in_``, and ``feature_names_in_`` where `X` has column names.
    X : DataFrame or array-like of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Original unit.
    groups : array-like of shape (n_samples,), optional
        Block or group of each sample.

    Returns
    -------
    X : ndarray of float64, shape (n_samples, n_features), C order
    y : ndarray of float64, shape (n_samples,)
    groups : ndarray of int, shape (n_samples,), or None

    Raises
    ------
    LearnerInputError
        If values are missing or infinite, lengths disagree, or there are too few samples.
    """
    from sklearn.utils.validation import column_or_1d

    if y is None:
        raise LearnerInputError("This learner requires y to be passed, but the target y is None.")
    names = column_names(X)
    X = _as_matrix(X)
    try:
        y = np.asarray(column_or_1d(y, warn=True), dtype=float)
    except ValueError as error:
        raise LearnerInputError(f"The target is not one number per sample: {error}") from None
    if y.size != X.shape[0]:
        raise LearnerInputError(f"{X.shape[0]} rows of predictors and {y.size} target values do not belong together. Give one value per row.")
    check_finite(X, names, missing=_accepts_missing(learner))
    if not np.isfinite(y).all():
        raise LearnerInputError(f"{int((~np.isfinite(y)).sum())} of {y.size} target values are NaN or inf. Leave these samples out before fitting.")
    if y.size < learner.minimum_rows:
        raise LearnerInputError(
            f"Got n_samples={y.size}, but {learner.label} needs at least {learner.minimum_rows}. Take more samples, or the model 'mean'."
        )
    learner.n_features_in_ = X.shape[1]
    if names is not None:
        learner.feature_names_in_ = np.array(names, dtype=object)
    elif hasattr(learner, "feature_names_in_"):
        del learner.feature_names_in_
    return X, y, _as_groups(groups, y.size)


def checked_new(learner, X):
    """New rows as a plain array with the columns in the order of training.

    Raises
    ------
    LearnerInputError
        If columns are missing or were never seen in training, or values are missing.
    """
    names = column_names(X)
    known = getattr(learner, "feature_names_in_", None)
    if names is not None and known is not None:
        missing = [name for name in known if name not in set(names)]
        extra = [name for name in names if name not in set(known)]
        if missing or extra:
            parts = [f"missing: {_some(missing)}"] * bool(missing) + [f"not seen in training: {_some(extra)}"] * bool(extra)
            raise LearnerInputError(
                f"The columns are not those {learner.label} was trained on ({'; '.join(parts)}). Give exactly its {len(known)} columns."
            )
        X = X[list(known)]
    X = _as_matrix(X)
    if X.shape[1] != learner.n_features_in_:
        expected = "" if known is None else f": {_some(known)}"
        raise LearnerInputError(
            f"X has {X.shape[1]} features, but {type(learner).__name__} is expecting {learner.n_features_in_} features as input{expected}."
        )
    check_finite(X, known, missing=_accepts_missing(learner))
    return X


def checked_places(learner, coordinates, rows):
    """Coordinates as a float array of shape (rows, 2), or None where the learner can do without and got none.

    Raises
    ------
    LearnerInputError
        If they are needed and absent, have another shape, or hold gaps.
    """
    if coordinates is None:
        if learner.coordinates_optional:
            return None
        raise LearnerInputError(
            f"{learner.label[0].upper() + learner.label[1:]} needs to know where the samples lie, but there are no coordinates. "
            "Name the coordinate columns with --x, --y and --crs, or choose another model."
        )
    places = np.asarray(coordinates, dtype=float)
    if places.shape != (rows, 2):
        raise LearnerInputError(f"{rows} rows need coordinates of shape ({rows}, 2), but got {places.shape}.")
    if (gaps := ~np.isfinite(places).all(axis=1)).any():
        if learner.coordinates_optional:
            return None
        raise LearnerInputError(f"{int(gaps.sum())} of {rows} rows have no coordinates. Leave these rows out, or choose another model.")
    return places


def _accepts_missing(learner):
    """Whether a learner knows what to do with a predictor that is missing, as networks do."""
    return getattr(learner, "accepts_missing", False)


def check_finite(X, names=None, missing=False):
    """Refuse infinities and, unless `missing` is allowed, NaN, with their number and the columns that hold them."""
    bad = np.isinf(X) if missing else ~np.isfinite(X)
    if bad.any():
        columns = np.flatnonzero(bad.any(axis=0))
        where = _some([str(names[j]) if names is not None else f"number {j + 1}" for j in columns])
        raise LearnerInputError(
            f"The predictors hold {int(bad.sum())} values that are NaN or inf, in {int(bad.any(axis=1).sum())} of {X.shape[0]} rows (columns {where}). "
            "Leave these rows out, or leave out the columns."
        )


def column_names(X):
    """Column names of a DataFrame as text, or None for an array."""
    columns = getattr(X, "columns", None)
    if columns is None or not all(isinstance(name, str) for name in columns):
        return None
    return [str(name) for name in columns]


def _as_matrix(X):
    from sklearn.utils import check_array

    try:
        return check_array(X, dtype=np.float64, order="C", ensure_all_finite=False)
    except ValueError as error:
        raise LearnerInputError(f"The predictors are not a table of numbers: {error}") from None


def _as_groups(groups, rows):
    """Groups as integers 0, 1, ... in order of their labels."""
    if groups is None:
        return None
    import pandas as pd

    groups = np.asarray(groups)
    if groups.shape != (rows,):
        raise LearnerInputError(f"Groups of shape {groups.shape} do not belong to {rows} samples. Give one group per sample.")
    if pd.isna(groups).any():
        raise LearnerInputError(f"{int(pd.isna(groups).sum())} of {rows} samples have no group. Fill the column, or leave these samples out.")
    return np.unique(groups, return_inverse=True)[1]


def _some(names):
    names = [str(name) for name in names]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
