"""The protocol scores learners on samples they never saw, says how far to trust it, and shows no skill where there is none."""

import json
import math

import leak_checks
import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from soilcore.core.errors import ModelError, Stopped
from soilcore.core.files import plain
from soilcore.evaluation.metrics import regression_scores
from soilcore.evaluation.protocol import compare, evaluate, fit_clone
from soilcore.evaluation.splits import SplitSettings, make_splits

CLI_KEYS = {
    *("name", "r2", "rmse", "mae", "me", "ccc", "rpd", "rpiq", "r2_folds", "r2_sd", "r2_log10"),
    *("coverage_90", "width_90", "aoa_share", "seconds", "r2_random"),
}


class Witness(RegressorMixin, BaseEstimator):
    """Predicts 1 for a row it was trained on and 0 for a new one; remembers the groups it was given."""

    def fit(self, X, y, groups=None):
        self.seen_ = {tuple(row) for row in np.asarray(X)}
        self.groups_ = groups
        return self

    def predict(self, X):
        return np.array([float(tuple(row) in self.seen_) for row in np.asarray(X)])


class Wrong(RegressorMixin, BaseEstimator):
    """Predicts what it is told to."""

    def __init__(self, answer=None):
        self.answer = answer

    def fit(self, X, y):
        return self

    def predict(self, X):
        return self.answer(len(X))


def clustered_world(seed=0, clusters=25, per_cluster=8):
    """Clusters 1 km apart. The target is a value of the cluster plus a weak signal of one feature; easting and northing are features too."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(clusters), per_cluster)
    places = np.column_stack((group % 5, group // 5)) * 1000.0 + rng.uniform(0, 100, (group.size, 2))
    X = pd.DataFrame({"east": places[:, 0], "north": places[:, 1], "signal": rng.normal(size=group.size)})
    y = 2 * rng.normal(size=clusters)[group] + 0.8 * X["signal"].to_numpy() + 0.3 * rng.normal(size=group.size)
    return X, y, places


@pytest.mark.parametrize("scheme", ["random", "block", "group:g", "folds:f"])
def test_no_scheme_shows_a_learner_the_samples_it_is_scored_on(scheme):
    X, y, group = leak_checks.world()
    table = pd.DataFrame({"g": group, "f": np.arange(y.size) % 4})
    splits = make_splits(SplitSettings(scheme, folds=4, repeats=2), y.size, coordinates=X[["f0", "f1"]].to_numpy() * 1000, table=table)
    evaluation = evaluate(Witness(), X, y, splits, keep_learners=True)
    assert (evaluation.out_of_fold == 0).all()
    assert len(evaluation.learners) == splits.n_folds * splits.n_repeats


def test_inner_folds_get_the_groups_of_the_training_samples():
    X, y, group = leak_checks.world()
    splits = leak_checks.group_splits(group)
    for learner, (train, test) in zip(evaluate(Witness(), X, y, splits, keep_learners=True).learners, splits.folds(), strict=True):
        assert np.array_equal(learner.groups_, splits.groups[train])
        assert not set(learner.groups_) & set(splits.groups[test])
    random = evaluate(Witness(), X, y, make_splits(SplitSettings(folds=3), y.size), keep_learners=True)
    assert random.learners[0].groups_ is None


def test_the_pooled_r2_recovers_the_known_share_of_signal():
    """y = signal + noise of equal variance: no learner can exceed R2 = 0.5, and the true form reaches it."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 3))
    y = X @ [1.0, -1.0, 0.0] + np.sqrt(2) * rng.normal(size=2000)
    assert evaluate(LinearRegression(), X, y, make_splits(SplitSettings(), 2000)).scores["r2"] == pytest.approx(0.5, abs=0.04)


def test_the_mean_as_a_model_has_no_skill():
    X, y, _ = leak_checks.world()
    assert -0.1 < evaluate(DummyRegressor(), X, y, make_splits(SplitSettings(), y.size)).scores["r2"] <= 0


def test_repeats_give_the_mean_of_pooled_scores_and_their_spread():
    X, y, _ = leak_checks.world()
    evaluation = evaluate(Ridge(), X, y, make_splits(SplitSettings(folds=5, repeats=4), y.size))
    each = [regression_scores(y, predicted) for predicted in evaluation.out_of_fold]
    assert evaluation.scores["r2"] == pytest.approx(np.mean([scores["r2"] for scores in each]))
    assert evaluation.scores["rmse"] == pytest.approx(np.mean([scores["rmse"] for scores in each]))
    assert evaluation.scores["r2_sd"] == pytest.approx(np.std([scores["r2"] for scores in each], ddof=1))
    assert len(evaluation.folds) == 20
    once = evaluate(Ridge(), X, y, make_splits(SplitSettings(folds=5), y.size))
    assert math.isnan(once.scores["r2_sd"])


def test_each_fold_reports_its_size_and_its_own_score():
    X, y, group = leak_checks.world()
    splits = leak_checks.group_splits(group)
    evaluation = evaluate(Ridge(), X, y, splits)
    assert [fold["n_test"] for fold in evaluation.folds] == splits.sizes
    _, test = splits.folds()[1]
    assert evaluation.folds[1]["r2"] == pytest.approx(regression_scores(y[test], evaluation.out_of_fold[0][test])["r2"])


def test_random_folds_flatter_a_map_from_clusters_and_the_comparison_shows_both():
    """The easting tells a forest which cluster it is in, which helps only where the cluster was sampled."""
    X, y, places = clustered_world()
    splits = make_splits(SplitSettings("block", folds=5, block_size=1000.0), y.size, coordinates=places)
    row = compare({"rf": RandomForestRegressor(60, random_state=0)}, X, y, splits).rows[0]
    assert row["r2_random"] > 0.4
    assert row["r2"] < 0.1


def test_rows_have_the_keys_of_the_command_line_and_become_plain_json():
    X, y, group = leak_checks.world()
    comparison = compare({"ridge": Ridge(), "mean": DummyRegressor()}, X, y, leak_checks.group_splits(group))
    assert [row["name"] for row in comparison.rows] == ["ridge", "mean"]
    for row in comparison.rows:
        assert set(row) >= CLI_KEYS
        assert [row[key] for key in ("coverage_90", "width_90", "aoa_share")] == [None] * 3
        assert len(row["r2_folds"]) == 3
        assert isinstance(row["r2_random"], float)
        assert row["r2_low"] <= row["r2"] <= row["r2_high"]
    json.dumps(plain(list(comparison.rows)), allow_nan=False)


def test_random_folds_have_no_contrast():
    X, y, _ = leak_checks.world()
    comparison = compare({"ridge": Ridge()}, X, y, make_splits(SplitSettings(folds=3), y.size))
    assert math.isnan(comparison.rows[0]["r2_random"])
    assert comparison.contrasts == {}


def test_many_samples_need_no_bootstrap():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 2)), rng.normal(size=200)
    assert math.isnan(compare({"ridge": Ridge()}, X, y, make_splits(SplitSettings(folds=3), 200)).rows[0]["r2_low"])


def test_the_same_call_gives_the_same_scores():
    X, y, group = leak_checks.world()
    learners = {"rf": RandomForestRegressor(20, random_state=0)}
    one, two = (compare(learners, X, y, leak_checks.group_splits(group)).rows[0] for _ in range(2))
    assert {**one, "seconds": 0} == {**two, "seconds": 0}


def test_the_order_of_samples_does_not_change_scores_under_published_folds():
    X, y, _ = leak_checks.world()
    fold = pd.DataFrame({"fold": np.arange(y.size) % 5})
    order = np.random.default_rng(0).permutation(y.size)
    one = evaluate(Ridge(), X, y, make_splits(SplitSettings("folds:fold"), y.size, table=fold))
    two = evaluate(Ridge(), X.iloc[order], y[order], make_splits(SplitSettings("folds:fold"), y.size, table=fold.iloc[order]))
    assert one.scores["rmse"] == pytest.approx(two.scores["rmse"], rel=1e-9)


def test_progress_runs_from_0_to_1_and_names_learner_and_fold():
    X, y, group = leak_checks.world()
    heard = []
    compare({"ridge": Ridge(), "mean": DummyRegressor()}, X, y, leak_checks.group_splits(group), report=lambda *told: heard.append(told))
    shares = [done / total for done, total, _ in heard]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, pytest.approx(1))
    assert "ridge: fold 1 of 3" in heard[0][2]


def test_a_listener_may_stop_the_work_between_folds():
    X, y, group = leak_checks.world()

    def stop_at_second_fold(done, total, message):
        if "fold 2" in message:
            raise Stopped

    with pytest.raises(Stopped):
        compare({"ridge": Ridge()}, X, y, leak_checks.group_splits(group), report=stop_at_second_fold)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda n: np.full(n, np.nan), "30 of 30 values that are not finite"),
        (lambda n: np.ones(n + 1), r"shape \(31,\) for 30"),
        (lambda n: np.ones((n, 2)), r"\(30, 2\)"),
    ],
)
def test_a_learner_that_does_not_predict_one_number_per_sample_is_refused_by_name(answer, words):
    X, y, group = leak_checks.world()
    with pytest.raises(ModelError, match=f"odd.*{words}"):
        evaluate(Wrong(answer), X, y, leak_checks.group_splits(group), name="odd")


def test_a_column_of_predictions_counts_as_values_and_is_not_broadcast():
    X, y, group = leak_checks.world()
    evaluation = evaluate(Wrong(lambda n: np.ones((n, 1))), X, y, leak_checks.group_splits(group))
    assert evaluation.out_of_fold.shape == (1, y.size)


def test_targets_with_gaps_and_other_lengths_are_refused_with_numbers():
    X, y, group = leak_checks.world()
    splits = leak_checks.group_splits(group)
    with pytest.raises(ModelError, match="1 of 90 target values are missing"):
        evaluate(Ridge(), X, np.where(np.arange(90) == 3, np.nan, y), splits)
    with pytest.raises(ModelError, match=r"\(80, 4\).*\(90,\)"):
        evaluate(Ridge(), X[:80], y, splits)
    with pytest.raises(ModelError, match="divide 90 samples"):
        evaluate(Ridge(), X[:80], y[:80], splits)


def test_the_learner_given_stays_unfitted():
    X, y, group = leak_checks.world()
    learner = Ridge()
    evaluate(learner, X, y, leak_checks.group_splits(group))
    assert not hasattr(learner, "coef_")


def test_the_protocol_is_blind_to_the_test_set_and_scales_by_training_samples():
    X, y, group = leak_checks.world()
    splits = leak_checks.group_splits(group)

    def make():
        return make_pipeline(StandardScaler(), Ridge())

    assert leak_checks.blind_to_the_test_set(make, X, y, splits) == 0
    train, _ = splits.folds()[0]
    assert leak_checks.scaler_differences(fit_clone(make(), X.iloc[train], y[train]), X.iloc[train]) == [pytest.approx(0, abs=1e-12)]
    assert leak_checks.scaler_differences(fit_clone(make(), X, y), X.iloc[train])[0] > 0.01


@pytest.mark.parametrize("make", [lambda: RandomForestRegressor(20, random_state=0), lambda: KNeighborsRegressor(3), Ridge])
def test_permuted_targets_show_no_skill(make):
    X, y, group = leak_checks.world()
    scores = leak_checks.permuted_scores(make, X, y, leak_checks.group_splits(group))
    assert np.quantile(scores, 0.95) <= 0.05


def test_the_permutation_check_catches_a_learner_that_knows_the_answers():
    """A leak: the whole target, test samples included, stands in a feature."""
    X, y, group = leak_checks.world()
    leaks = []
    for seed in range(3):
        permuted = np.random.default_rng(seed).permutation(y)
        leaks.append(evaluate(LinearRegression(), X.assign(answer=permuted), permuted, leak_checks.group_splits(group)).scores["r2"])
    assert min(leaks) > 0.9
