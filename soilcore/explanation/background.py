"""The training samples that attributions start from: one set for every member of a model, so that their attributions add up."""

from dataclasses import dataclass

import numpy as np

from soilcore.core.errors import ModelError
from soilcore.trust.applicability import applicability_of

ROWS = 100  # more changes attributions by less than their reader sees, and the time of sampled ones grows with them
ROWS_KEY, PLACES_KEY, SAMPLE_PLACES_KEY = "explain.rows", "explain.places", "explain.sample_places"
_NOT_KEPT = "The model was stored without background samples; they were "


@dataclass(frozen=True)
class Background:
    """Training samples in the order of their target.

    Parameters
    ----------
    rows : ndarray of float, shape (n_rows, n_features)
        Predictors in the order of training, no NaN.
    places : ndarray of float, shape (n_rows, 2), or None
        Metres on the model's plane.
    note : str
        What about them is worth knowing; may be empty.
    """

    rows: np.ndarray
    places: np.ndarray | None = None
    note: str = ""

    def __len__(self):
        return len(self.rows)


def background_rows(y, most=ROWS):
    """Positions of at most `most` samples that stand for all: evenly along the sorted target, so that their mean is that of all.

    Parameters
    ----------
    y : array-like of float, shape (n_samples,)
    most : int

    Returns
    -------
    ndarray of int
        In the order of the target.
    """
    order = np.argsort(np.asarray(y, float), kind="stable")
    if order.size <= most:
        return order
    return order[((np.arange(most) + 0.5) * order.size / most).astype(int)]


def background_arrays(X, y, places=None):
    """What a model folder keeps so that its predictions can be explained, to be added to the arrays of trust.

    Parameters
    ----------
    X : DataFrame or ndarray of float, shape (n_samples, n_features)
        Training predictors, no NaN.
    y : array-like of float, shape (n_samples,)
    places : ndarray of float, shape (n_samples, 2), optional
        Metres on the model's plane.

    Returns
    -------
    dict of str to ndarray
    """
    chosen = background_rows(y)
    arrays = {ROWS_KEY: np.asarray(X, float)[chosen]}
    if places is not None:
        places = np.asarray(places, float)
        arrays |= {PLACES_KEY: places[chosen], SAMPLE_PLACES_KEY: places}
    return arrays


def background_of(model):
    """The background of a stored model.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    Background
        Of models stored without one: recovered from their area of applicability, which knows the samples but for predictors of no
        importance, or drawn from the distribution of each predictor. The note says so.

    Raises
    ------
    ModelError
        If nothing is known of the training samples.
    """
    arrays, names = model.trust_arrays or {}, model.feature_names
    if ROWS_KEY in arrays:
        rows, places = np.asarray(arrays[ROWS_KEY], float), arrays.get(PLACES_KEY)
        if rows.ndim != 2 or rows.shape[1] != len(names) or not len(rows) or not np.isfinite(rows).all():
            raise ModelError(f"The model's background samples have the shape {rows.shape} for {len(names)} predictors. Train the model again.")
        return Background(rows, None if places is None else np.asarray(places, float))
    if not model.envelope or any(name not in model.envelope for name in names):
        raise ModelError(
            "The model was stored without its training samples or their distribution, so nothing tells what to compare with. Train again."
        )
    drawn = _drawn(model, names)
    area = applicability_of(model)
    if area is None or area.learned or set(area.weights_) != set(names):
        return Background(drawn, None, f"{_NOT_KEPT}drawn from the distribution of each predictor alone. Train again for real ones.")
    return _recovered(model, area, names)


def _recovered(model, area, names):
    """Samples from the area of applicability; what it does not weigh is drawn from its distribution."""
    order = [list(area.weights_).index(name) for name in names]
    used = area.scale_ > 0
    rows = np.full((len(area.train_), len(names)), np.nan)
    rows[:, used] = area.train_ / area.scale_[used] + area.centre_[used]
    rows = rows[:, order]
    known = model.out_of_fold is not None and len(model.out_of_fold) == len(rows)
    chosen = background_rows(model.out_of_fold["observed"]) if known else np.arange(len(rows))[:: max(1, len(rows) // ROWS)][:ROWS]
    rows = rows[chosen]
    gaps = np.isnan(rows).any(axis=0)
    rows[:, gaps] = _drawn(model, names, len(rows))[:, gaps]
    said = f" but for {int(gaps.sum())} predictors without importance" if gaps.any() else ""
    return Background(rows, None, f"{_NOT_KEPT}recovered from its area of applicability{said}.")


def _drawn(model, names, rows=ROWS):
    """Values of each predictor by itself at evenly spaced probabilities of its training distribution, shuffled."""
    rng, at = np.random.default_rng(0), (np.arange(rows) + 0.5) / rows
    columns = []
    for name in names:
        known = model.envelope[name]
        points = {0.0: known["min"], 1.0: known["max"]} | {float(key): value for key, value in known["quantiles"].items()}
        probabilities = sorted(points)
        columns.append(rng.permutation(np.interp(at, probabilities, [points[key] for key in probabilities])))
    return np.column_stack(columns)
