"""Printed scores: the contradictions in Table 4 of paper 002 are found, consistent tables pass."""

import numpy as np
import pytest

from soilcore.evaluation.metrics import regression_scores
from soilcore.evaluation.reported import check_reported_table, printed_table4


def test_the_printed_table_is_complete_and_states_its_source(oracle):
    printed = printed_table4()
    columns = ("r2_c", "rmse_c", "mae_c", "r2_v", "rmse_v", "mae_v", "features", "model")
    expected = oracle("metrics")["reported"]["rows"]
    assert [{key: row[key] for key in columns} for row in printed["rows"]] == [{key: row[key] for key in columns} for row in expected]
    assert "Table 4" in printed["source"]
    assert len(printed["flags"]) == 4


def test_implied_deviations_and_impossible_errors_equal_the_oracle(oracle):
    for row, expected in zip(printed_table4()["rows"], oracle("metrics")["reported"]["checks"], strict=True):
        assert row["implied_sd_c"] == pytest.approx(expected["implied_sd_c"], rel=1e-12)
        assert row["implied_sd_v"] == pytest.approx(expected["implied_sd_v"], rel=1e-12)
        assert row["mae_exceeds_rmse"] == expected["mae_exceeds_rmse"]


def test_the_one_impossible_error_and_the_unequal_test_sets_are_flagged():
    findings = printed_table4()["findings"]
    assert [finding.code for finding in findings] == ["mae-above-rmse", "unequal-implied-sd", "unequal-implied-sd"]
    assert "N-SI XGBoost" in findings[0].message
    assert "17.66 to 23.82" in findings[2].message


def rounded_rows(rng, truth, count=6):
    for model in range(count):
        scores = regression_scores(truth, truth + rng.normal(scale=1 + model, size=truth.size))
        yield {"features": "made", "model": str(model), **{f"{name}_v": round(scores[name], 3) for name in ("r2", "rmse", "mae")}}


def test_true_scores_on_one_test_set_pass_in_spite_of_rounding():
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert check_reported_table(rounded_rows(rng, rng.normal(scale=10, size=40)))["findings"] == ()


def test_true_scores_on_two_test_sets_are_flagged_unless_the_rows_say_so():
    rng = np.random.default_rng(1)
    rows = [*rounded_rows(rng, rng.normal(scale=10, size=40), 3), *rounded_rows(rng, rng.normal(scale=14, size=40), 3)]
    assert [finding.code for finding in check_reported_table(rows)["findings"]] == ["unequal-implied-sd"]
    named = [{**row, "test_set": "first" if i < 3 else "second"} for i, row in enumerate(rows)]
    assert check_reported_table(named)["findings"] == ()
