"""The leakage report: every check passes on clean data, and each one finds the leak that was put in."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge

from soilcore.core.errors import Stopped
from soilcore.evaluation.protocol import evaluate, take
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.models.catalogue import make_learner
from soilcore.models.settings import FitSettings
from soilcore.trust.isolation import check_isolation
from soilcore.trust.leakage import leakage_report
from soilcore.trust.permutation import permuted_scores, permuted_target

CHECKS = (
    "target-permutation",
    "fitted-inside-folds",
    "repeated-units",
    "duplicates-across-folds",
    "same-place-across-folds",
    "groups-kept-whole",
    "patch-windows-overlap",
    "predictor-gives-away-target",
    "test-set-used-once",
    "coordinates-as-predictors",
    "grouping-ids",
)


def world(n=120, sites=24, seed=0):
    rng = np.random.default_rng(seed)
    site = np.repeat(np.arange(sites), n // sites)
    X = pd.DataFrame(rng.normal(size=(n, 4)), columns=["NDVI", "SI", "B", "R"])
    y = np.exp(0.8 * X["NDVI"] - 0.4 * X["SI"] + 0.3 * rng.normal(size=n)).to_numpy()
    return X, y, pd.DataFrame({"site": site}), rng.uniform(0, 10_000, (n, 2))


def rows_of(*arguments, **named):
    return {row["check"]: row for row in leakage_report(*arguments, **named)}


class Peeking(RegressorMixin, BaseEstimator):
    """Reaches past its training rows to the whole table, as a scaler does that was fitted before the folds were drawn."""

    looks_at = None

    def fit(self, X, y):
        self.shift_ = 0.0 if Peeking.looks_at is None else float(np.asarray(Peeking.looks_at).mean())
        self.model_ = Ridge().fit(X, y)
        return self

    def predict(self, X):
        return self.model_.predict(X) + self.shift_


class Unrepeatable(Peeking):
    """Comes out different at every fit."""

    count = 0

    def fit(self, X, y):
        Unrepeatable.count += 1
        self.shift_ = float(Unrepeatable.count)
        self.model_ = Ridge().fit(X, y)
        return self


def test_a_clean_model_passes_every_check_and_the_rows_keep_their_order():
    X, y, table, places = world()
    splits = make_splits(SplitSettings("group:site", folds=4), 120, table=table, coordinates=places, predictors=X)
    learner = make_learner("ridge", FitSettings(trials=0))
    evaluation = evaluate(learner, X, y, splits, keep_learners=True)
    rows = leakage_report(learner, X, y, splits, evaluation, table)
    assert tuple(row["check"] for row in rows) == CHECKS
    assert {row["check"] for row in rows if row["ok"] is None} == {"patch-windows-overlap"}
    assert not [row for row in rows if row["ok"] is False]
    said = {row["check"]: row["detail"] for row in rows}
    assert "whole groups" in said["target-permutation"]
    assert "scaling" in said["fitted-inside-folds"]
    assert "to the last bit" in said["fitted-inside-folds"]
    assert "24 different values for 120 samples" in said["grouping-ids"]


@pytest.mark.parametrize("name", ["mean", "best-index", "plsr", "svr"])
def test_the_learners_of_the_catalogue_come_out_the_same_whatever_the_test_rows_hold(name):
    X, y, _, _ = world()
    splits = make_splits(SplitSettings("random", folds=4), 120)
    found = check_isolation(make_learner(name, FitSettings(trials=2)), X, y, splits)
    assert found.same
    assert found.difference == 0


def test_a_learner_that_sees_more_than_its_rows_fails(monkeypatch):
    """It reaches the whole table through the one its training rows are taken from."""
    from soilcore.trust import isolation

    def showing_all(X, rows):
        Peeking.looks_at = X
        return take(X, rows)

    monkeypatch.setattr(isolation, "take", showing_all)
    X, y, _, _ = world()
    found = isolation.check_isolation(Peeking(), X, y, make_splits(SplitSettings("random", folds=4), 120))
    assert found.same is False
    assert found.difference > 0


def test_a_slow_learner_is_checked_on_some_of_its_samples():
    X, y, _, _ = world()
    found = check_isolation(Ridge(), X, y, make_splits(SplitSettings("random", folds=4), 120), most=40)
    assert (found.same, found.rows) == (True, 40)


def test_a_learner_that_is_not_repeatable_cannot_be_checked_and_it_is_said():
    X, y, _, _ = world()
    row = rows_of(Unrepeatable(), X, y, make_splits(SplitSettings("random", folds=4), 120), permutations=1)["fitted-inside-folds"]
    assert row["ok"] is None
    assert "differ" in row["detail"]


@pytest.mark.parametrize("scheme", ["random", "block", "group:site", "knndm"])
def test_permuted_targets_show_no_skill_under_any_scheme(scheme):
    X, y, table, places = world()
    splits = make_splits(SplitSettings(scheme, folds=5), 120, table=table, coordinates=places, target=y)
    scores = permuted_scores(Ridge(), X, y, splits)
    assert scores.size == 20
    assert np.quantile(scores, 0.95) <= 0.05


def test_a_forest_shows_no_skill_on_a_permuted_target():
    X, y, table, _ = world()
    learner = make_learner("rf", FitSettings(trials=0, jobs=1))
    learner.set_params(parameters={"n_estimators": 30})
    row = rows_of(learner, X, y, make_splits(SplitSettings("group:site", folds=3), 120, table=table), permutations=8)["target-permutation"]
    assert row["ok"], row["detail"]


def test_skill_out_of_nothing_is_found():
    """A model that knows the permuted target, as one does whose predictors were made from it outside the folds."""
    X, y, _, _ = world()

    class Leaking(Ridge):
        def fit(self, X, y):
            return self

        def predict(self, X):
            return Leaking.truth[X.index]

    splits = make_splits(SplitSettings("random", folds=4), 120)
    generators = np.random.default_rng(0).spawn(3)
    Leaking.truth = permuted_target(y, None, generators[0])
    scores = permuted_scores(Leaking(), X, y, splits, 3)
    assert scores[0] == pytest.approx(1)


def test_whole_groups_are_permuted_and_every_value_is_used_once():
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 12, 200)
    y = groups + rng.normal(0, 0.01, 200)
    permuted = permuted_target(y, groups, rng)
    assert np.array_equal(np.sort(permuted), np.sort(y))
    spread = [np.std(permuted[groups == group]) for group in range(12)]
    assert np.mean(spread) < 0.7 * np.std(y)  # runs of one group stay together
    assert not np.array_equal(permuted, y)
    assert np.array_equal(np.sort(permuted_target(y, None, rng)), np.sort(y))


def test_costly_permutations_are_not_run_and_the_report_says_how_to_ask_for_them():
    X, y, _, _ = world()
    splits = make_splits(SplitSettings("random", folds=4), 120)
    from dataclasses import replace

    slow = replace(evaluate(Ridge(), X, y, splits), seconds=600.0)
    rows = rows_of(Ridge(), X, y, splits, slow)
    assert rows["target-permutation"]["ok"] is None
    assert "--permutations 20" in rows["target-permutation"]["detail"]
    assert rows["fitted-inside-folds"]["ok"]
    assert rows_of(Ridge(), X, y, splits, permutations=0)["fitted-inside-folds"]["ok"] is None
    assert rows_of(Ridge(), X, y, splits, slow, permutations=3)["target-permutation"]["ok"] is not None
    assert "Not asked for" in rows_of(Ridge(), X, y, splits, permutations=0)["target-permutation"]["detail"]


def test_repeated_units_ids_coordinates_and_choices_are_said():
    X, y, table, places = world()
    X = X.iloc[np.repeat(np.arange(40), 3)].reset_index(drop=True).assign(lon=places[:, 0])
    table = pd.DataFrame({"profile": np.repeat(np.arange(40), 3), "year": np.tile([2019, 2020, 2021], 40)})
    splits = make_splits(SplitSettings("random", folds=4), 120, table=table, predictors=X)
    rows = rows_of(Ridge(), X, y, splits, table=table, models=5, permutations=0)
    assert rows["repeated-units"]["ok"] is False
    assert "--cv group:profile" in rows["repeated-units"]["detail"]
    assert rows["coordinates-as-predictors"]["ok"] is False
    assert rows["test-set-used-once"]["ok"] is None
    assert "5 models" in rows["test-set-used-once"]["detail"]
    assert rows["grouping-ids"]["ok"] is None
    assert "'year' has 3 different values for 120 samples: a score about so few says little" in rows["grouping-ids"]["detail"]


def test_the_report_stops_when_told_to():
    X, y, _, _ = world()

    def stop(done, total, message):
        raise Stopped("stopped")

    with pytest.raises(Stopped):
        leakage_report(Ridge(), X, y, make_splits(SplitSettings("random", folds=4), 120), report=stop)
