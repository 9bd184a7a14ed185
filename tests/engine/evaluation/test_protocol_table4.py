"""The Table 4 layout: its rows, both readings of calibration, and the pairs behind the scatter plots."""

import leak_checks
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from soilcore.core.errors import Stopped
from soilcore.evaluation.metrics import regression_scores
from soilcore.evaluation.reported import printed_table4
from soilcore.evaluation.splits import SplitSettings, make_splits
from soilcore.evaluation.table4 import METHODS, calibrate, table4

COLUMNS = {
    *("features", "model", "r2_c_resub", "rmse_c_resub", "mae_c_resub", "r2_c_oof", "rmse_c_oof", "mae_c_oof"),
    *("r2_v", "rmse_v", "mae_v", "ccc_v", "rpiq_v", "me_v", "r2_v_sd", "rmse_v_sd", "mae_v_sd", "scheme", "repeats", "n", "seconds"),
}


class OwnCalibration(Ridge):
    """A learner with out-of-fold predictions of its own, as a stack has."""

    def fit(self, X, y, groups=None):
        super().fit(X, y)
        self.meta_oof_ = np.full(len(y), y.mean())
        return self


@pytest.fixture(scope="module")
def made():
    X, y, group = leak_checks.world()
    learners = {name: RandomForestRegressor(15, random_state=i) for i, name in enumerate(METHODS)}
    splits = make_splits(SplitSettings("group:g", folds=3, repeats=2), y.size, table=pd.DataFrame({"g": group}))
    return table4({"N-SI": X[["f0", "f1"]], "SI": X}, learners, y, splits), y


def test_ten_rows_stand_in_the_order_of_the_paper(made):
    table, _ = made
    printed = printed_table4()["rows"]
    assert [(row["features"], row["model"]) for row in table.rows] == [(row["features"], row["model"]) for row in printed]
    assert all(set(row) == COLUMNS for row in table.rows)


def test_each_row_names_its_folds_and_gives_the_spread_over_repeats(made):
    table, y = made
    for row in table.rows:
        assert (row["scheme"], row["repeats"], row["n"]) == ("whole groups of g, 3 folds", 2, y.size)
        assert row["r2_v_sd"] > 0


def test_predicting_the_training_samples_flatters_and_predicting_out_of_fold_does_not(made):
    table, _ = made
    for row in table.rows:
        assert row["r2_c_resub"] > 0.8 > row["r2_c_oof"]
        assert row["r2_c_oof"] == pytest.approx(row["r2_v"], abs=0.2)


def test_the_pairs_of_the_scatter_plots_give_the_scores_of_the_row(made):
    table, y = made
    row = table.rows[0]
    pairs = table.pairs("N-SI", "Stacking")
    assert pairs["validation"]["observed"].tolist() == y.tolist()
    assert regression_scores(y, pairs["calibration"]["resub"])["r2"] == pytest.approx(row["r2_c_resub"])
    assert regression_scores(y, pairs["calibration"]["oof"])["rmse"] == pytest.approx(row["rmse_c_oof"])
    first, second = (regression_scores(y, predicted)["r2"] for predicted in table.evaluations["N-SI", "Stacking"].out_of_fold)
    assert row["r2_v"] == pytest.approx((first + second) / 2)
    assert regression_scores(y, pairs["validation"]["predicted"])["r2"] == pytest.approx(first)


def test_a_learner_that_memorises_noise_has_perfect_resubstitution_and_no_skill():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 3)), rng.normal(size=120)
    row = table4({"noise": X}, {"1-NN": KNeighborsRegressor(1)}, y, make_splits(SplitSettings(folds=5), 120)).rows[0]
    assert row["r2_c_resub"] == 1
    assert row["r2_c_oof"] < 0
    assert row["r2_v"] < 0


def test_inner_calibration_folds_keep_groups_whole():
    """With each group's target constant and its name as the feature, a nearest neighbour knows a group it was trained on."""
    group = np.repeat(np.arange(20), 5)
    y = np.random.default_rng(0).normal(size=20)[group]
    X = group[:, None].astype(float)
    random, whole = (calibrate(KNeighborsRegressor(1), X, y, groups).oof for groups in (None, group))
    assert regression_scores(y, random)["r2"] > 0.8
    assert regression_scores(y, whole)["r2"] < 0.3


def test_out_of_fold_predictions_of_the_learner_itself_are_used_where_it_has_them():
    X, y, _ = leak_checks.world()
    assert calibrate(OwnCalibration(), X, y).oof.tolist() == [pytest.approx(y.mean())] * y.size


def test_progress_rises_to_the_end_and_may_stop_the_work():
    X, y, group = leak_checks.world()
    heard = []
    table4({"a": X, "b": X}, {"ridge": Ridge()}, y, leak_checks.group_splits(group), report=lambda done, total, message: heard.append(done / total))
    assert heard == sorted(heard)

    def stop(done, total, message):
        if "calibration" in message:
            raise Stopped

    with pytest.raises(Stopped):
        table4({"a": X}, {"ridge": Ridge()}, y, leak_checks.group_splits(group), report=stop)
