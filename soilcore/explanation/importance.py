"""Which drivers a model needs at places it has not seen: permutation importance under its own folds; and mean attributions beside it."""

import numpy as np

from soilcore.core.errors import SettingsError
from soilcore.core.progress import part, silent
from soilcore.evaluation.metrics import regression_scores
from soilcore.evaluation.protocol import check_data, fit_clone, predict_checked, take
from soilcore.explanation.grouping import exact_dependency_groups
from soilcore.explanation.members import PLACE

_ROWS = 4096  # rows predicted by one call: an ensemble needs as long for forty rows as for thousands
IMPORTANCE_TEXT = (
    "Permutation importance: by how much R2 on the test folds falls when a driver's values are replaced by those of other samples, with the learner fitted "
    "again in every fold. Members of a group are replaced together. A driver that another one can stand in for shows little."
)


def permutation_importance(learner, X, y, splits, *, groups=None, repeats=5, seed=0, report=silent):
    """Loss of R2 when drivers are permuted at samples that the learner did not see.

    Parameters
    ----------
    learner : Learner
        Fitted or not; a fresh clone is fitted in every fold, as in `soilcore.evaluation.protocol.evaluate`.
    X : DataFrame or ndarray of shape (n_samples, n_features)
    y : ndarray of float, shape (n_samples,)
        Own unit.
    splits : Splits
        The model's own folds, spatial ones for a map; their first repeat counts.
    groups : dict of str to sequence of str, optional
        Columns that are replaced together; `exact_dependency_groups` of the columns if not given. Of learners that look at places, "place" is added.
    repeats : int
        Permutations, at least 2.
    seed : int
        Draws them. Values come from all samples, not from the test fold alone: within one block a predictor may hardly vary.
    report : Report
        May raise Stopped.

    Returns
    -------
    dict
        ``r2`` of the folds, pooled; ``rows``, largest loss first: ``feature`` (label of the group), ``members``, ``loss`` (mean over permutations)
        and ``loss_sd`` (ddof 1), ``folds`` (mean loss of R2 within each fold; None where its target does not vary); ``repeats``; ``cv``, the label of the
        folds; ``text``.

    Raises
    ------
    SettingsError
        With fewer than 2 permutations, or groups of unknown columns.
    """
    if repeats < 2:
        raise SettingsError(f"{repeats} permutations say nothing about their spread. Give 2 or more.")
    y = check_data(X, y, splits.n_samples)
    names = [str(name) for name in getattr(X, "columns", range(np.shape(X)[1]))]
    groups = exact_dependency_groups(names) if groups is None else dict(groups)
    columns = {label: [_place(names, name) for name in members] for label, members in groups.items()}
    members = {label: tuple(groups[label]) for label in groups}
    if getattr(learner, "uses_coordinates", False) and splits.coordinates is not None:
        columns[PLACE], members[PLACE] = [], (PLACE,)
    predicted = _predictions(learner, X, y, splits, columns, repeats, seed, report)
    plain, of_folds = regression_scores(y, predicted[None])["r2"], splits.folds(0)
    rows = []
    for label in columns:
        losses = [plain - regression_scores(y, one)["r2"] for one in predicted[label]]
        inside = [_loss(y[test], predicted[None][test], predicted[label][:, test]) for _, test in of_folds]
        rows.append(
            {
                "feature": label,
                "members": list(members[label]),
                "loss": float(np.mean(losses)),
                "loss_sd": float(np.std(losses, ddof=1)),
                "folds": inside,
            }
        )
    rows.sort(key=lambda row: -row["loss"])
    return {"r2": float(plain), "rows": rows, "repeats": int(repeats), "cv": splits.label, "text": IMPORTANCE_TEXT}


def attribution_rows(explained):
    """Drivers by the mean size of their attributions.

    Parameters
    ----------
    explained : Explained

    Returns
    -------
    list of dict
        ``feature``, ``mean_abs``, ``share`` of the sum over drivers, ``mean``, ``low`` and ``high`` (5 and 95 % quantiles), ``error`` (root mean square
        of the standard errors, None where exact); largest first.
    """
    sizes = np.abs(explained.values).mean(axis=0)
    total = float(sizes.sum())
    low, high = np.quantile(explained.values, [0.05, 0.95], axis=0)
    rows = [
        {
            "feature": name,
            "mean_abs": float(sizes[place]),
            "share": float(sizes[place] / total) if total > 0 else 0.0,
            "mean": float(explained.values[:, place].mean()),
            "low": float(low[place]),
            "high": float(high[place]),
            "error": None if explained.errors is None else float(np.sqrt(np.mean(explained.errors[:, place] ** 2))),
        }
        for place, name in enumerate(explained.names)
    ]
    return sorted(rows, key=lambda row: -row["mean_abs"])


def _place(names, name):
    if name not in names:
        raise SettingsError(f"There is no predictor {name!r}. Predictors: {', '.join(names[:10])}{', ...' * (len(names) > 10)}.")
    return names.index(name)


def _predictions(learner, X, y, splits, columns, repeats, seed, report):
    """Out-of-fold predictions: under None as they are, under each label with its columns permuted, shape (n_repeats, n_samples)."""
    found = {None: np.full(len(y), np.nan)} | {label: np.full((repeats, len(y)), np.nan) for label in columns}
    orders = np.array([np.random.default_rng([seed, number]).permutation(len(y)) for number in range(repeats)])
    folds = splits.folds(0)
    for number, (train, test) in enumerate(folds):
        report(number, len(folds), f"permutation importance: fold {number + 1} of {len(folds)}")
        groups = None if splits.groups is None else splits.groups[train]
        mine = part(report, number / len(folds), 1 / len(folds))
        fitted = fit_clone(learner, take(X, train), y[train], groups, mine, splits.places_of(learner, train))
        cases = [(None, 0)] + [(label, repeat) for label in columns for repeat in range(repeats)]
        at_once = max(1, _ROWS // max(1, len(test)))
        for first in range(0, len(cases), at_once):
            some = cases[first : first + at_once]
            others = [test if label is None else orders[repeat][test] for label, repeat in some]
            rows = np.concatenate([_replaced(X, test, other, columns.get(label, ())) for (label, _), other in zip(some, others, strict=True)])
            there = [other if label == PLACE and not columns[PLACE] else test for (label, _), other in zip(some, others, strict=True)]
            places = splits.places_of(learner, np.concatenate(there))
            values = predict_checked(fitted, _like(X, rows), "the learner", places).reshape(len(some), len(test))
            for (label, repeat), value in zip(some, values, strict=True):
                found[label][(..., test) if label is None else (repeat, test)] = value
    report(len(folds), len(folds), "permutation importance")
    return found


def _replaced(X, test, others, columns):
    """Test rows with some columns of other rows, as an array."""
    values = np.asarray(X)
    rows = values[test].copy()
    rows[:, list(columns)] = values[others][:, list(columns)]
    return rows


def _like(X, rows):
    """Rows as a table with the columns of `X`, if it is one."""
    return type(X)(rows, columns=X.columns) if hasattr(X, "iloc") else rows


def _loss(observed, plain, permuted):
    """Mean loss of R2 in one fold."""
    if len(observed) < 2 or not np.ptp(observed) > 0:
        return None
    before = regression_scores(observed, plain)["r2"]
    return float(np.mean([before - regression_scores(observed, one)["r2"] for one in permuted]))
