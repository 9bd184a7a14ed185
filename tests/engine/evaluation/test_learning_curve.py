"""Learning curves: more samples help where the truth is complicated, not where it is learned, and nothing helps where there is none."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from soilcore.core.errors import SettingsError, Stopped
from soilcore.evaluation.learning_curve import learning_curve
from soilcore.evaluation.protocol import evaluate
from soilcore.evaluation.splits import SplitSettings, make_splits


def table(n, features=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, features))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.2 * rng.normal(size=n)


def test_a_flexible_model_with_few_samples_is_still_rising():
    X, y = table(200)
    curve = learning_curve(KNeighborsRegressor(3), X, y, make_splits(SplitSettings(folds=5), 200))
    assert curve["verdict"] == "still rising"
    assert "too few samples for this model" in curve["detail"]
    r2 = [row["r2"] for row in curve["rows"]]
    assert r2[0] < r2[-1]
    assert [row["n"] for row in curve["rows"]] == sorted({row["n"] for row in curve["rows"]})


def test_a_line_through_many_samples_is_flat():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    curve = learning_curve(Ridge(), X, X[:, 0] + rng.normal(size=400), make_splits(SplitSettings(folds=5), 400))
    assert curve["verdict"] == "flat"
    assert "more samples of this kind would bring little" in curve["detail"]


def test_noise_is_below_the_mean_model_however_many_samples():
    rng = np.random.default_rng(0)
    curve = learning_curve(KNeighborsRegressor(3), rng.normal(size=(150, 4)), rng.normal(size=150), make_splits(SplitSettings(folds=5), 150))
    assert curve["verdict"] == "below the mean model"


def test_the_last_row_is_the_score_of_the_scheme_itself():
    X, y = table(150)
    splits = make_splits(SplitSettings(folds=5), 150)
    curve = learning_curve(Ridge(), X, y, splits)
    assert curve["rows"][-1]["r2"] == pytest.approx(evaluate(Ridge(), X, y, splits).scores["r2"], abs=1e-12)
    assert curve["rows"][-1]["n"] == 120
    assert np.isnan(curve["rows"][-1]["r2_sd"])
    assert np.isfinite(curve["rows"][0]["r2_sd"])


class Recording(Ridge):
    """Remembers which samples it was given: the first predictor is their number."""

    seen = []

    def fit(self, X, y):
        Recording.seen.append(set(np.asarray(X)[:, 0].astype(int)))
        return super().fit(X, y)


@pytest.mark.parametrize("sites", [50, 6])
def test_parts_are_nested_and_keep_groups_whole_or_thin_them_alike(sites):
    n, site = 300, np.repeat(np.arange(sites), 300 // sites)
    X = np.column_stack([np.arange(n), np.random.default_rng(0).normal(size=(n, 2))])
    splits = make_splits(SplitSettings("group:site", folds=3), n, table=pd.DataFrame({"site": site}))
    Recording.seen = []
    learning_curve(Recording(), X, X[:, 1], splits, repeats=1)
    parts = [Recording.seen[fold::3] for fold in range(3)]
    for fold, (train, _) in zip(parts, splits.folds(), strict=True):
        assert all(small < large for small, large in pairwise(fold))
        assert fold[-1] == set(train)
        share = [np.mean([i in fold[0] for i in np.flatnonzero(site == one)]) for one in np.unique(site[train])]
        if sites == 50:
            assert set(share) == {0.0, 1.0}
        else:
            assert max(share) - min(share) < 0.1
            assert min(share) > 0


def test_small_parts_are_left_out_and_impossible_ones_refused():
    X, y = table(30)
    splits = make_splits(SplitSettings(folds=3), 30)
    assert min(row["n"] for row in learning_curve(Ridge(), X, y, splits)["rows"]) >= 8
    with pytest.raises(SettingsError, match="ascending"):
        learning_curve(Ridge(), X, y, splits, shares=(0.5, 0.3, 1))
    with pytest.raises(SettingsError, match="last 1"):
        learning_curve(Ridge(), X, y, splits, shares=(0.5, 0.8))
    with pytest.raises(SettingsError, match="repeat"):
        learning_curve(Ridge(), X, y, splits, repeats=0)


def test_it_reports_and_stops():
    X, y = table(60)
    done = []
    learning_curve(Ridge(), X, y, make_splits(SplitSettings(folds=3), 60), report=lambda part, total, message: done.append(part / total))
    assert done == sorted(done)

    def stop(done, total, message):
        raise Stopped("stopped")

    with pytest.raises(Stopped):
        learning_curve(Ridge(), X, y, make_splits(SplitSettings(folds=3), 60), report=stop)
